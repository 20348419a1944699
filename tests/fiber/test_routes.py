"""Costs of new cable by mounting and steepness, and what hangs on a single existing route."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point, box

from covplan.fiber.reach import join_network
from covplan.fiber.roads import road_graph
from covplan.fiber.routes import mounting, route_cost_vnd, single_routes
from covplan.study.settings import Fiber, Settings
from tests.study import EPSG, SOUTH, WEST

COSTS = Settings.model_validate({"province": {"name": "Thử"}}).costs


def line(*points):
    return LineString([(WEST + x, SOUTH + y) for x, y in points])


def test_cable_costs_what_its_mounting_costs_and_more_where_it_is_steep():
    roads = gpd.GeoDataFrame(
        {"class": ["track"] * 3, "power": [True, False, True]},
        geometry=[line((0, 0), (1000, 0)), line((0, 100), (1000, 100)), line((0, 900), (1000, 900))],
        crs=EPSG,
    )
    graph = road_graph(roads)
    order = np.argsort([shape.centroid.y for shape in graph.line])
    kind = mounting(graph, box(WEST, SOUTH + 800, WEST + 1000, SOUTH + 1000))
    assert kind[order].tolist() == ["C2", "C1", "N1U"]
    km = graph.length_m[order] / 1000
    expected = [COSTS["fiber_aerial_shared_poles"], COSTS["fiber_aerial_new_poles"], COSTS["fiber_buried_urban"]]
    for level in ("low", "base", "high"):
        per_km = [getattr(cost, level) for cost in expected]
        assert route_cost_vnd(graph, kind, COSTS, Fiber(), level)[order] == pytest.approx(km * per_km)
    steep = replace(graph, slope=np.full(3, 0.2))
    ratio = route_cost_vnd(steep, kind, COSTS, Fiber()) / route_cost_vnd(graph, kind, COSTS, Fiber())
    assert ratio == pytest.approx(COSTS["fiber_steep_factor"].base)
    assert set(mounting(graph, buried=True)) == {"N1"}


@pytest.fixture
def comb():
    """A ring of 4 km; from it a branch of 3 km with two hamlets, whose end a road of 1 km joins to the ring again."""
    ring = [line((0, 0), (1000, 0)), line((1000, 0), (1000, 1000), (0, 1000), (0, 0))]
    branch = [line((1000, 0), (2000, 0)), line((2000, 0), (3000, 0), (3000, 1000), (2000, 1000))]
    back = [line((2000, 1000), (1000, 1000))]
    lines = [*ring, *branch, *back]
    roads = gpd.GeoDataFrame({"class": ["tertiary"] * 5, "power": [True] * 5}, geometry=lines, crs=EPSG)
    routes = gpd.GeoDataFrame(
        {"route_id": list("abcd"), "operator": ["VNPT"] * 4, "spare_cores": pd.array([4] * 4, "Int64")},
        geometry=[*ring, *branch],
        crs=EPSG,
    )
    nodes = gpd.GeoDataFrame(
        {
            "node_id": ["O", "F-ring", "F-near", "F-far"],
            "operator": ["VNPT"] * 4,
            "kind": ["OLT", "FAT", "FAT", "FAT"],
            "village_id": ["ring", "ring", "near", "far"],
            "ports_free": pd.array([4] * 4, "Int64"),
        },
        geometry=[Point(WEST + x, SOUTH + y) for x, y in ((0, 0), (0, 1000), (2000, 0), (2000, 1000))],
        crs=EPSG,
    )
    nowhere = gpd.GeoDataFrame({"village_id": [], "households": []}, geometry=[], crs=EPSG)
    return roads, nowhere, nodes, routes


def test_the_branch_is_found_with_its_hamlets_and_the_cheapest_ring(comb):
    roads, dwellings, nodes, routes = comb
    network = join_network(road_graph(roads), dwellings, nodes, routes)
    cost = route_cost_vnd(network.graph, mounting(network.graph), COSTS, Fiber())
    singles, exposed = single_routes(nodes, network, cost)
    assert [(one.operator, one.hamlets) for one in singles] == [("VNPT", ("far", "near"))]
    assert singles[0].ring_m == pytest.approx(1000, rel=1e-3)
    assert singles[0].ring_vnd == pytest.approx(COSTS["fiber_aerial_shared_poles"].base, rel=1e-3)
    assert sorted(exposed["village_id"]) == ["far", "near"]


def test_with_the_ring_closed_nothing_hangs_on_a_single_route(comb):
    roads, dwellings, nodes, routes = comb
    closed = pd.concat([routes, routes.iloc[:1].assign(route_id="e").set_geometry([roads.geometry.iloc[4]], crs=EPSG)])
    network = join_network(road_graph(roads), dwellings, nodes, closed)
    singles, exposed = single_routes(nodes, network, network.graph.length_m)
    assert (singles, len(exposed)) == ([], 0)


def test_a_branch_no_road_leads_around_says_so(comb):
    roads, dwellings, nodes, routes = comb
    network = join_network(road_graph(roads.iloc[:4]), dwellings, nodes, routes)
    singles, _ = single_routes(nodes, network, network.graph.length_m)
    assert (singles[0].ring.size, singles[0].ring_vnd) == (0, np.inf)
