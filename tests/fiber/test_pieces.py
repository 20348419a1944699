"""Loose pieces of road: which gaps are closed, against a slow twin, and what is passed over."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiLineString, Point

from covplan.fiber.access import cable_m, cable_paths
from covplan.fiber.pieces import made_one
from covplan.fiber.reach import join_network, judge, piece_findings
from covplan.fiber.roads import GAP, parts_of, road_graph
from covplan.fiber.routes import mounting
from covplan.study.settings import Fiber
from tests.fiber.test_reach import FIBER, Valley, line
from tests.study import EPSG, SOUTH, WEST

NOWHERE = np.empty((0, 2))


def graph_of(*lines):
    return road_graph(gpd.GeoDataFrame({"class": ["path"] * len(lines), "power": True}, geometry=list(lines), crs=EPSG))


def test_a_gap_is_closed_straight_at_its_narrowest_and_costs_new_poles():
    graph = graph_of(line((0, 0), (3000, 0)), line((1000, 150), (1000, 900)))
    joined, pieces = made_one(graph, NOWHERE, gap_m=200, off_road_m=1000)
    assert parts_of(joined).max() == 0
    assert pieces.gap_m == pytest.approx([150], abs=0.2)
    assert pieces.gap_at == pytest.approx(np.array([[WEST + 1000, SOUTH + 75]]), abs=0.2)
    across = joined.kind == GAP
    assert (joined.length_m[across], mounting(joined)[across]) == (pytest.approx([150], abs=0.2), ["C1"])
    assert joined.length_m.sum() == pytest.approx(graph.length_m.sum() + 150, abs=0.2)
    assert pieces.leads.all()


@pytest.mark.parametrize("gap_m", [0, 140])
def test_a_wider_gap_stays_and_the_longest_piece_is_the_net_where_there_is_no_fiber(gap_m):
    graph = graph_of(line((0, 0), (3000, 0)), line((1000, 150), (1000, 900)))
    joined, pieces = made_one(graph, NOWHERE, gap_m=gap_m, off_road_m=1000)
    assert (joined.edges, pieces.gap_m.size) == (2, 0)
    assert joined.length_m[pieces.leads] == pytest.approx([3000], rel=1e-3)


def test_a_road_that_passes_below_another_net_is_joined_where_they_cross():
    joined, pieces = made_one(
        graph_of(line((0, 0), (3000, 0)), line((500, -400), (500, 400))), NOWHERE, gap_m=200, off_road_m=1000
    )
    assert parts_of(joined)[joined.tail].max() == 0
    assert (joined.edges, pieces.gap_m.tolist()) == (4, [0])


def test_a_piece_shorter_than_the_gap_to_it_is_no_way_to_anywhere():
    road, path = line((0, 0), (3000, 0)), line((1000, 100), (1000, 140))
    at_road = np.array([[WEST, SOUTH]])
    joined, pieces = made_one(graph_of(road, path), at_road, gap_m=200, off_road_m=1000)
    assert joined.length_m[pieces.leads] == pytest.approx([3000], rel=1e-3)
    assert joined.length_m[~pieces.leads] == pytest.approx([40], rel=1e-2)


def test_a_path_in_dashes_is_joined_dash_by_dash():
    dashes = [line((1000, 30 + 100 * k), (1000, 100 + 100 * k)) for k in range(10)]
    joined, pieces = made_one(graph_of(line((0, 0), (3000, 0)), *dashes), NOWHERE, gap_m=50, off_road_m=1000)
    assert pieces.gap_m == pytest.approx([30] * 10, abs=0.2)
    assert pieces.leads.all()
    assert parts_of(joined).max() == 0


def test_a_short_piece_with_fiber_on_it_is_joined_however_wide_the_gap_but_a_long_one_is_not():
    main, stub, valley = line((0, 0), (9000, 0)), line((2000, 600), (2040, 600)), line((5000, 700), (5000, 3000))
    boxes = np.array([[WEST + 2020, SOUTH + 600], [WEST + 5000, SOUTH + 2000], [WEST, SOUTH]])
    joined, pieces = made_one(graph_of(main, stub, valley), boxes, gap_m=200, off_road_m=1000)
    assert pieces.gap_m == pytest.approx([600], abs=0.5)
    assert pieces.leads.all()
    assert parts_of(joined)[joined.tail].max() == 1


def slow_pieces(pieces, gap_m):
    """Merge, again and again, the two nearest pieces that may be; pieces as lists of lines."""
    widths = []
    while True:
        shapes = [MultiLineString(piece) for piece in pieces]
        may = [
            (shapes[a].distance(shapes[b]), a, b)
            for a, b in combinations(range(len(shapes)), 2)
            if shapes[a].distance(shapes[b]) <= min(gap_m, shapes[a].length, shapes[b].length)
        ]
        if not may:
            return sorted(shape.length for shape in shapes), sorted(widths)
        width, a, b = min(may)
        widths.append(width)
        pieces[a] += pieces.pop(b)


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2, st.integers(-12, 12), st.integers(1, 12)), min_size=2, max_size=9))
def test_the_closed_gaps_are_those_of_the_slow_twin(starts):
    lines = [line((10 * x + 0.1 * n, 10 * y), (10 * (x + a), 10 * (y + b))) for n, (x, y, a, b) in enumerate(starts)]
    graph = graph_of(*lines)
    of = parts_of(graph)[graph.tail]
    expected, widths = slow_pieces([list(graph.line[of == part]) for part in np.unique(of)], 80)
    joined, pieces = made_one(graph, NOWHERE, gap_m=80, off_road_m=1000)
    label = parts_of(joined)
    own = joined.kind != GAP
    lengths = np.bincount(label[joined.tail[own]], joined.length_m[own])
    assert sorted(lengths[lengths > 0]) == pytest.approx(expected, rel=1e-3, abs=0.5)
    assert sorted(pieces.gap_m) == pytest.approx(widths, rel=1e-3, abs=1.0)


def beside_paths(*spots, length=40):
    """A piece of path beside each spot, along the road."""
    return MultiLineString([line((x + 8, y), (x + 8 + length, y)) for x, y in spots])


def test_homes_beside_a_loose_path_are_served_as_without_it():
    hamlets = {"a": [(5400, 120, 30)], "b": [(8900, 300, 30)], "c": [(8000, 700, 30)]}
    nodes = [("FAT", "a", 5000, 8), ("FDT", "b", 6000, 2)]
    plain, _ = Valley(hamlets, nodes=nodes).reach()
    paths = beside_paths((5400, 120), (8900, 300), (8000, 700))
    valley = Valley(hamlets, nodes=nodes, extra_road=paths)
    table, found = valley.reach()
    assert table["ftth"].to_dict() == plain["ftth"].to_dict() == {"a": True, "b": True, "c": False}
    assert table["road_m"].tolist() == plain["road_m"].tolist() == [120, 300, 700]
    assert found == []
    network = join_network(road_graph(valley.roads), valley.dwellings, valley.nodes, valley.routes)
    judged = judge(valley.villages, valley.dwellings, valley.nodes, network, FIBER)
    told = piece_findings(valley.villages, valley.dwellings, judged, FIBER)
    assert [(one.check, one.value) for one in told] == [("road_pieces_passed_over", "3")]
    assert told[0].text("problem", "en").endswith("leads to no fiber node: 3; in Thôn c, Thôn b, Thôn a.")
    assert told[0].details["metres"] == f"{(120 + 300 + 700) / 3 - 8:.0f}"


def test_a_closed_gap_is_told_with_its_metres_and_the_hamlet_there():
    street = line((6000, 90), (6000, 900))
    valley = Valley({"a": [(6000, 850, 30)]}, nodes=[("FDT", "a", 5900, 2)], extra_road=street)
    network = join_network(road_graph(valley.roads), valley.dwellings, valley.nodes, valley.routes)
    judged = judge(valley.villages, valley.dwellings, valley.nodes, network, FIBER)
    told = piece_findings(valley.villages, valley.dwellings, judged, FIBER)
    assert [one.check for one in told] == ["road_gaps_closed"]
    assert "Gaps between pieces of road that nothing joins: 1, 90 m in all" in told[0].text("problem", "en")
    assert told[0].text("problem", "vi").endswith("gần Thôn a.")
    assert judged.cable_m == pytest.approx([850], abs=1)  # 90 m across and 760 m of street
    apart = join_network(road_graph(valley.roads), valley.dwellings, valley.nodes, valley.routes, fiber=Fiber(gap_m=50))
    assert apart.home_away_m == pytest.approx([850], abs=1)  # straight to the road that leads to fiber


def test_a_mast_beside_a_loose_path_has_the_way_by_the_road():
    road, path = line((0, 0), (5000, 0)), line((3000, 290), (3040, 290))
    routes = gpd.GeoDataFrame({"operator": ["VNPT"], "spare_cores": [8]}, geometry=[line((0, 0), (1000, 0))], crs=EPSG)
    nodes = gpd.GeoDataFrame({"operator": ["VNPT"], "kind": ["OLT"]}, geometry=[Point(WEST, SOUTH)], crs=EPSG)
    homes = gpd.GeoDataFrame({"village_id": []}, geometry=[], crs=EPSG)
    layer = gpd.GeoDataFrame({"class": ["track"] * 2, "power": True}, geometry=[road, path], crs=EPSG)
    network = join_network(road_graph(layer), homes, nodes, routes)
    at = (np.array([WEST + 3000.0]), np.array([SOUTH + 300.0]))
    assert cable_m(cable_paths(network, routes, 1000), *at) == pytest.approx([300 + 2000], rel=1e-3)
    assert np.isinf(cable_m(cable_paths(network, routes, 200), *at))
