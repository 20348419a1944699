"""Cable from new sites to the nearest fiber along roads, against shortest ways with the sites on the graph."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString, Point

from covplan.fiber.access import cable_m, cable_paths
from covplan.fiber.reach import join_network
from covplan.fiber.roads import attached, matrix, road_graph, shortest_paths
from covplan.pipeline.backhaul import cable_to_fiber
from covplan.study.folder import open_study
from tests.study import EPSG, SOUTH, WEST, small_study

NO_HOMES = gpd.GeoDataFrame({"village_id": []}, geometry=[], crs=EPSG)


def line(*points):
    return LineString([(WEST + x, SOUTH + y) for x, y in points])


def network_of(roads, *cables, spare=8, nodes=()):
    routes = gpd.GeoDataFrame(
        {"operator": ["VNPT"] * len(cables), "spare_cores": [spare] * len(cables)}, geometry=list(cables), crs=EPSG
    )
    points = gpd.GeoDataFrame(
        {"operator": ["VNPT"] * len(nodes), "kind": ["OLT"] * len(nodes)},
        geometry=[Point(WEST + x, SOUTH + y) for x, y in nodes],
        crs=EPSG,
    )
    lines = gpd.GeoDataFrame({"class": ["track"] * len(roads), "power": True}, geometry=list(roads), crs=EPSG)
    return join_network(road_graph(lines), NO_HOMES, points, routes), routes


def lengths(network, routes, *points):
    x, y = np.array(points, float).T
    return cable_m(cable_paths(network, routes), WEST + x, SOUTH + y)


def test_cable_follows_the_bend_of_the_road_and_the_track_to_the_site():
    bend = line((0, 0), (4000, 0), (4000, 3000))
    network, routes = network_of([bend], line((0, 0), (1000, 0)))
    far, beside, on_it = lengths(network, routes, (4200, 2000), (500, 40), (2000, 0))
    assert far == pytest.approx(200 + 2000 + 3000, rel=1e-3)
    assert beside == pytest.approx(40)
    assert on_it == pytest.approx(1000, rel=1e-3)


def test_a_cable_without_a_spare_core_is_passed_by_and_a_node_is_fiber():
    road = line((0, 0), (4000, 0))
    full = network_of([road], line((0, 0), (1000, 0)), spare=0)
    assert np.isinf(lengths(*full, (2000, 0)))
    with_node = network_of([road], line((0, 0), (1000, 0)), spare=0, nodes=[(0, 0)])
    assert lengths(*with_node, (2000, 0))[0] == pytest.approx(2000, rel=1e-3)


def test_the_quick_look_up_equals_the_shortest_way_with_the_sites_put_on_the_graph():
    rng = np.random.default_rng(7)
    lanes = [line((0, 700 * k), (5000, 700 * k)) for k in range(8)] + [
        line((900 * k, 0), (900 * k, 4900)) for k in range(6)
    ]
    keep = rng.random(len(lanes)) < 0.8
    network, routes = network_of([one for one, use in zip(lanes, keep, strict=True) if use], line((0, 0), (1500, 0)))
    points = rng.uniform(0, 5000, (60, 2))
    xy = points + np.array([WEST, SOUTH])
    ways = cable_paths(network, routes)
    graph, node, away_m = attached(network.graph, xy)
    lit = np.unique(np.concatenate([network.graph.tail[ways.lit], network.graph.head[ways.lit]]))
    expected = shortest_paths(matrix(graph, graph.length_m), lit)[0][node] + away_m
    nearest = [int(np.argmin([one.distance(Point(at)) for one in network.graph.line])) for at in xy]
    beside_it = ways.lit[nearest]
    found = lengths(network, routes, *points)
    assert np.allclose(found[~beside_it], expected[~beside_it], rtol=1e-4, atol=0.5)
    assert np.allclose(found[beside_it], away_m[beside_it], atol=0.1)


def test_without_roads_the_straight_distance_is_stretched_and_said_to_be(tmp_path):
    study = open_study(small_study(tmp_path / "s"))
    route = study.routes.geometry.iloc[0]
    x, y = np.array([WEST + 6000.0]), np.array([SOUTH + 5000.0])
    by_road = cable_to_fiber(study)(x, y)
    assert by_road.by_road.all()
    assert by_road.length_m[0] == pytest.approx(2000, rel=1e-3)
    roadless = open_study(small_study(tmp_path / "roadless", roads=lambda roads: roads[:0]))
    straight = cable_to_fiber(roadless)(x, y)
    assert not straight.by_road.any()
    assert straight.length_m[0] == pytest.approx(1.3 * route.distance(Point(x[0], y[0])), rel=1e-6)
