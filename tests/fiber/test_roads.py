"""The road graph: what meets, what only crosses, how long and steep it is; from layers, files and real roads."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import LineString, MultiLineString

from covplan.fiber.roads import (
    along_routes,
    attached,
    matrix,
    parts_of,
    road_graph,
    shortest_paths,
    with_cables,
)
from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.osm import read_osm
from tests.real_province import PROVINCE
from tests.study import EPSG, SOUTH, WEST


def roads(*lines, kind="tertiary", power=True):
    """A roads layer, in metres from the corner of the small study."""
    moved = [LineString([(WEST + x, SOUTH + y) for x, y in line]) for line in lines]
    return gpd.GeoDataFrame({"class": [kind] * len(moved), "power": power}, geometry=moved, crs=EPSG)


def place(x, y):
    return (WEST + x, SOUTH + y)


def degrees(graph):
    return sorted(np.bincount(np.concatenate([graph.tail, graph.head]), minlength=graph.nodes).tolist())


def test_roads_meet_at_shared_vertices_and_where_one_ends_on_another():
    cross = road_graph(roads([(0, 0), (500, 0), (1000, 0)], [(500, -500), (500, 0), (500, 500)]))
    tee = road_graph(roads([(0, 0), (1000, 0)], [(500, 0), (500, 500)]))
    nearly = road_graph(roads([(0, 0), (1000, 0)], [(500, 4.5), (500, 500)]))
    gap = road_graph(roads([(0, 0), (1000, 0)], [(1004, 3), (2000, 500)]))
    apart = road_graph(roads([(0, 0), (1000, 0)], [(500, 7), (500, 500)]))
    assert (degrees(cross), degrees(tee)) == ([1, 1, 1, 1, 4], [1, 1, 1, 3])
    assert [int(parts_of(graph).max()) for graph in (nearly, gap, apart)] == [0, 0, 1]
    assert nearly.nodes == tee.nodes


def test_a_bridge_does_not_join_what_passes_below():
    graph = road_graph(roads([(0, 0), (1000, 0)], [(500, -500), (500, 500)]))
    assert (graph.nodes, graph.edges, parts_of(graph).max()) == (4, 2, 1)


def test_runs_without_a_junction_are_one_edge_but_a_change_of_class_is_a_node():
    pieces = [[(0, 0), (100, 0)], [(100, 0), (200, 50)], [(200, 50), (300, 0)]]
    assert road_graph(roads(*pieces)).edges == 1
    mixed = roads(*pieces).assign(power=[True, True, False])
    assert road_graph(mixed).edges == 2


def test_lengths_are_on_the_ellipsoid():
    way = LineString([(105.3, 22.1), (105.31, 22.1)])
    lines = gpd.GeoDataFrame({"class": ["track"], "power": [False]}, geometry=[way], crs=4326).to_crs(3857)
    expected = Geod(ellps="WGS84").line_length([105.3, 105.31], [22.1, 22.1])
    assert road_graph(lines).length_m[0] == pytest.approx(expected, rel=1e-5)
    assert lines.length[0] > 1.07 * expected  # map units of Web Mercator are no metres


def test_a_road_up_a_plane_has_the_slope_of_the_plane():
    grid = Grid.from_bounds((WEST - 500, SOUTH - 500, WEST + 2500, SOUTH + 500), 10, EPSG)
    x = grid.xy(*np.mgrid[: grid.rows, : grid.columns])[0]
    graph = road_graph(
        roads([(0, 0), (2000, 0)], [(1000, 0), (1000, 400)]), elevation_m=(0.2 * x).astype("f4"), grid=grid
    )
    eastward = np.abs(np.diff(graph.node_m[np.column_stack([graph.tail, graph.head])][:, :, 0])).ravel() > 1
    assert graph.slope[eastward] == pytest.approx(0.2, rel=0.02)
    assert graph.slope[~eastward] == pytest.approx(0, abs=1e-6)


def test_a_point_joins_at_the_nearest_place_of_the_nearest_road_and_length_is_kept():
    graph = road_graph(roads([(0, 0), (1000, 0)], [(0, 300), (1000, 300)]))
    joined, node, away_m = attached(graph, [place(400, 30), place(600, 290), place(0.2, -7), place(400, -9)])
    assert joined.node_m[node] == pytest.approx(np.array([place(400, 0), place(600, 300), place(0, 0), place(400, 0)]))
    assert away_m == pytest.approx([30, 10, np.hypot(0.2, 7), 9], abs=0.01)
    assert node[0] == node[3]
    assert joined.length_m.sum() == pytest.approx(graph.length_m.sum(), rel=1e-9)
    assert joined.edges == 4


def test_a_graph_without_roads_has_a_way_to_nowhere():
    empty = road_graph(roads([(0, 0), (1, 0)]).iloc[:0])
    _, node, away_m = attached(empty, [place(0, 0)])
    assert (node.tolist(), away_m.tolist()) == ([-1], [np.inf])


def test_the_nearest_source_is_found_with_what_each_starts_with():
    graph, node, _ = attached(road_graph(roads([(0, 0), (1000, 0)])), [place(200, 0), place(700, 0), place(400, 0)])
    length_m, source = shortest_paths(matrix(graph, graph.length_m), node[:2], [150.0, 0.0])
    assert (source[node[2]], length_m[node[2]]) == (1, pytest.approx(300, rel=1e-3))
    near, _ = shortest_paths(matrix(graph, graph.length_m), node[:2], limit_m=100)
    assert np.isinf(near[node[2]])


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=1, max_size=12))
def test_ways_on_a_grid_of_roads_are_those_networkx_finds(ends):
    lines = [[(100 * a, 100 * b), (100 * a, 100 * d), (100 * c, 100 * d)] for a, b, c, d in ends]
    lines = [[*dict.fromkeys(line)] for line in lines]
    lines = [line for line in lines if len(line) > 1]
    if not lines:
        return
    graph = road_graph(roads(*lines))
    twin = nx.MultiGraph()
    for a, b, length_m in zip(graph.tail.tolist(), graph.head.tolist(), graph.length_m.tolist(), strict=True):
        twin.add_edge(a, b, length=length_m)
    expected = nx.multi_source_dijkstra_path_length(twin, {0}, weight="length")
    length_m, _ = shortest_paths(matrix(graph, graph.length_m), np.array([0]))
    for node in range(graph.nodes):
        assert length_m[node] == pytest.approx(expected.get(node, np.inf), abs=0.05)


def test_cable_along_a_road_marks_it_and_cable_across_country_is_a_way_of_its_own():
    graph = road_graph(roads([(0, 0), (1000, 0)], [(1000, 0), (1000, 1000)], kind="track"))
    beside = roads([(0, 8), (1000, 8)])
    across = roads([(0, 0), (1000, 1000)])
    assert with_cables(graph, beside).edges == graph.edges
    wider = with_cables(graph, across)
    assert (wider.kind == "cable").sum() == 1
    assert along_routes(wider, across)[wider.kind == "cable"].all()
    cut = attached(wider, [place(0, 8), place(1000, 8)])[0]
    assert cut.length_m[along_routes(cut, beside)].sum() == pytest.approx(1000, abs=15)


def test_damaged_lines_are_left_out_and_the_rest_is_a_graph():
    lines = [LineString(), None, LineString([place(0, 0), place(0, 0)]),
             MultiLineString([[place(0, 0), place(500, 0)], [place(500, 0), place(500, 300)]])]  # fmt: skip
    layer = gpd.GeoDataFrame({"class": [None] * 4, "power": [None, True, None, None]}, geometry=lines, crs=EPSG)
    graph = road_graph(layer)
    assert graph.length_m.sum() == pytest.approx(800, rel=1e-3)
    assert set(graph.kind) == {"unclassified"}
    assert not graph.power.any()


OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="22.00" lon="105.20" version="1"/><node id="2" lat="22.00" lon="105.21" version="1"/>
<node id="3" lat="22.01" lon="105.21" version="1"/><node id="4" lat="22.02" lon="105.21" version="1"/>
<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="tertiary_link"/></way>
<way id="2" version="1"><nd ref="2"/><nd ref="3"/><tag k="highway" v="track"/></way>
<way id="3" version="1"><nd ref="3"/><nd ref="4"/><tag k="waterway" v="river"/></way></osm>"""


def test_openstreetmap_xml_gives_roads_and_no_rivers(tmp_path):
    (tmp_path / "map.osm").write_text(OSM, encoding="utf-8")
    layer = read_osm(tmp_path / "map.osm", EPSG)
    graph = road_graph(layer)
    assert sorted(graph.kind) == ["tertiary", "track"]
    expected = Geod(ellps="WGS84").line_length([105.20, 105.21, 105.21], [22.0, 22.0, 22.01])
    assert graph.length_m.sum() == pytest.approx(expected, rel=1e-4)


def test_graphml_of_osmnx_gives_the_same_roads_as_it_was_written_from(tmp_path):
    made = nx.MultiDiGraph(crs="EPSG:4326")
    made.add_node(1, x=105.20, y=22.0)
    made.add_node(2, x=105.21, y=22.0)
    for a, b in ((1, 2), (2, 1)):
        made.add_edge(a, b, key=0, osmid=7, highway="residential", length=1000.0)
    osmnx.save_graphml(made, tmp_path / "map.graphml")
    graph = road_graph(read_osm(tmp_path / "map.graphml", EPSG))
    assert (graph.edges, graph.kind.tolist()) == (1, ["residential"])


def test_a_file_that_is_no_map_is_named(tmp_path):
    (tmp_path / "bad.osm").write_text("no map", encoding="utf-8")
    (tmp_path / "bad.graphml").write_text("<graphml", encoding="utf-8")
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=4326).to_file(tmp_path / "bad.gpkg")
    for name in ("bad.osm", "bad.graphml", "bad.gpkg", "none.osm.pbf"):
        with pytest.raises(LayerError, match=name):
            read_osm(tmp_path / name, EPSG)


@pytest.mark.needs("reference")
def test_real_roads_keep_their_measured_length_and_most_are_one_network():
    layer = gpd.read_file(PROVINCE / "vvnb_flightgear_srtm_osm2018" / "osm2018_roads.gpkg")
    graph = road_graph(layer.assign(**{"class": "unclassified"}).to_crs(EPSG))
    assert graph.length_m.sum() == pytest.approx(layer["length_m"].sum(), rel=1e-3)
    label = parts_of(graph)
    largest = np.isin(label[graph.tail], np.bincount(label).argmax())
    assert graph.length_m[largest].sum() > 0.8 * graph.length_m.sum()  # the rest was cut off at the extract's border
