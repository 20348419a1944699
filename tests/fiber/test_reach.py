"""Who is passed: drops, taps, ports, budget, and what is unknown; each hamlet with its limit, the rest still judged."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import LineString, Point

from covplan.fiber.reach import cable_findings, join_network, reach, reach_findings
from covplan.fiber.roads import road_graph
from covplan.pipeline import fiber_reach
from covplan.study.findings import checks
from covplan.study.folder import open_study
from covplan.study.layers import layers
from covplan.study.settings import Fiber
from tests.study import EPSG, SOUTH, WEST, small_study

FIBER = Fiber(drop_m=500, reach_m=3000)


def line(*points):
    return LineString([(WEST + x, SOUTH + y) for x, y in points])


class Valley:
    """A road of 20 km; the exchange at 0, cable as far as `cable_m`; hamlets where a test puts them."""

    def __init__(self, hamlets, *, cable_m=10_000, spare=10, nodes=(), extra_road=None):
        roads = [line((0, 0), (20_000, 0)), *([extra_road] if extra_road is not None else [])]
        self.roads = gpd.GeoDataFrame({"class": ["tertiary"] * len(roads), "power": True}, geometry=roads, crs=EPSG)
        self.routes = gpd.GeoDataFrame(
            {"route_id": ["R"], "operator": ["VNPT"], "spare_cores": pd.array([spare], "Int64")},
            geometry=[line((0, 0), (cable_m, 0))],
            crs=EPSG,
        )
        rows = [("OLT", "O", 0, 4), *nodes]
        self.nodes = gpd.GeoDataFrame(
            {
                "node_id": [f"N-{n}" for n in range(len(rows))],
                "operator": ["VNPT"] * len(rows),
                "kind": [kind for kind, *_ in rows],
                "village_id": [hamlet for _, hamlet, *_ in rows],
                "ports": pd.array([16] * len(rows), "Int64"),
                "ports_free": pd.array([free for *_, free in rows], "Int64"),
            },
            geometry=[Point(WEST + x, SOUTH) for _, _, x, _ in rows],
            crs=EPSG,
        )
        spots = [(hamlet, x, y, homes) for hamlet, clusters in hamlets.items() for x, y, homes in clusters]
        self.dwellings = gpd.GeoDataFrame(
            {
                "dwelling_id": [f"D-{n}" for n in range(len(spots))],
                "village_id": [hamlet for hamlet, *_ in spots],
                "households": [homes for *_, homes in spots],
            },
            geometry=[Point(WEST + x, SOUTH + y) for _, x, y, _ in spots],
            crs=EPSG,
        )
        self.villages = gpd.GeoDataFrame(
            {
                "village_id": list(hamlets),
                "name": [f"Thôn {hamlet}" for hamlet in hamlets],
                "commune_code": "02200",
                "boundary_version": "2025-02",
                "households": 100,
                "ftth_households": pd.array([pd.NA] * len(hamlets), "Int64"),
                "declared_ftth": pd.array([pd.NA] * len(hamlets), "boolean"),
            },
            geometry=[Point(WEST, SOUTH)] * len(hamlets),
            crs=EPSG,
        )

    def reach(self, fiber=FIBER):
        network = join_network(road_graph(self.roads), self.dwellings, self.nodes, self.routes)
        table = reach(self.villages, self.dwellings, self.nodes, network, fiber)
        return table.set_index("village_id"), reach_findings(table, self.nodes, network.feed_m, fiber)


def test_a_drop_reaches_500_m_from_an_access_point_and_no_farther():
    table, _ = Valley(
        {"near": [(5400, 0, 30)], "far": [(5600, 0, 30)], "off": [(5300, 250, 30)]},
        cable_m=5000,
        spare=0,
        nodes=[("FAT", "near", 5000, 8)],
    ).reach()
    assert table["ftth"].to_dict() == {"near": True, "far": False, "off": False}
    assert table.loc["near", "limit"] == "none"
    assert table["limit"].loc[["far", "off"]].tolist() == ["distance", "distance"]
    assert table.loc["far", "nearest_node_m"] == pytest.approx(600, abs=1)


def test_a_cable_with_spare_cores_is_tapped_within_reach_of_a_distribution_point():
    valley = Valley({"a": [(8000, 0, 30)], "b": [(9500, 0, 30)]}, nodes=[("FDT", "a", 6000, 2)])
    table, _ = valley.reach()
    assert table["ftth"].to_dict() == {"a": True, "b": False}
    assert table.loc["b", "cable_m"] == 0
    full, _ = Valley({"a": [(8000, 0, 30)]}, spare=0, nodes=[("FDT", "a", 6000, 2)]).reach()
    assert full.loc["a", "limit"] == "ports"


def test_a_full_node_serves_nobody_and_the_hamlet_is_named():
    table, found = Valley({"a": [(6000, 0, 30)]}, nodes=[("FAT", "a", 6000, 0)]).reach()
    assert (bool(table.loc["a", "ftth"]), table.loc["a", "limit"], table.loc["a", "homes_passed"]) == (
        False,
        "ports",
        0,
    )
    assert [(one.check, one.details["name"]) for one in found] == [("hamlet_without_free_port", "Thôn a")]


def test_light_ends_before_the_cable():
    hamlets = {"a": [(14_000, 0, 30)], "b": [(15_000, 0, 30)]}
    nodes = [("FAT", "a", 14_000, 8), ("FAT", "b", 15_000, 8)]
    table, _ = Valley(hamlets, cable_m=20_000, nodes=nodes).reach()
    assert table["limit"].to_dict() == {"a": "none", "b": "budget"}
    better, _ = Valley(hamlets, cable_m=20_000, nodes=nodes).reach(FIBER.model_copy(update={"pon_class": "GPON_C+"}))
    assert better["ftth"].all()


def test_half_of_the_households_make_a_hamlet_served():
    split = {"a": [(5000, 0, 50), (15_000, 0, 50)], "b": [(5000, 0, 49), (15_000, 0, 51)]}
    table, _ = Valley(split, nodes=[("FAT", "a", 5000, 8)]).reach()
    assert table["ftth"].to_dict() == {"a": True, "b": False}
    assert table["homes_passed"].to_dict() == {"a": 50, "b": 49}
    assert table["passed_share"].tolist() == [0.5, 0.49]


def test_what_nobody_has_counted_is_unknown_not_false():
    uncounted, _ = Valley({"a": [(6000, 0, 30)]}, nodes=[("FAT", "a", 6000, pd.NA)]).reach()
    homeless, _ = Valley({"a": [(6000, 0, 30)], "empty": []}, nodes=[("FAT", "a", 6000, 8)]).reach()
    valley = Valley({"a": [(6000, 0, 30)]}, nodes=[("FAT", "a", 6000, 8)])
    valley.nodes.loc[0, "kind"] = "FDT"
    without_exchange, found = valley.reach()
    assert uncounted.loc["a", "ftth"] is pd.NA
    assert homeless["limit"].to_dict() == {"a": "none", "empty": "unknown"}
    assert without_exchange.loc["a", "limit"] == "unknown"
    assert {one.check for one in found} == {"node_without_exchange"}


def test_no_road_is_named_as_a_gap_or_as_a_distance_and_the_others_are_judged():
    apart = line((3000, 4000), (4000, 4000))
    table, found = Valley(
        {"split": [(3500, 4000, 30)], "wild": [(9000, 1800, 30)], "a": [(5000, 0, 30)]},
        extra_road=apart,
        nodes=[("FAT", "a", 5000, 8)],
    ).reach()
    assert table["limit"].to_dict() == {"split": "no_road", "wild": "no_road", "a": "none"}
    named = {one.check: one.details["name"] for one in found}
    assert named == {"road_network_split": "Thôn split", "hamlet_far_from_road": "Thôn wild"}
    assert table.loc["wild", "road_m"] == pytest.approx(1800, abs=1)


def test_an_exchange_without_a_port_is_named():
    valley = Valley({"a": [(6000, 0, 30)]}, nodes=[("FAT", "a", 6000, 8)])
    valley.nodes.loc[0, ["ports_free", "village_id"]] = [0, "a"]
    _, found = valley.reach()
    assert [(one.check, one.details["name"]) for one in found] == [("node_without_capacity", "Thôn a")]


def test_findings_read_in_both_languages():
    for name in ("road_network_split", "hamlet_far_from_road", "node_without_capacity", "hamlet_without_free_port"):
        assert "{name}" in checks()[name].problem["vi"]
        assert checks()[name].severity == "warning"


def test_the_table_has_the_columns_of_its_definition_and_the_index_of_the_hamlets(tmp_path):
    study = open_study(small_study(tmp_path))
    table, _ = fiber_reach(study)
    known = [column.name for column in layers()["reach"].columns]
    assert [name for name in table.columns if name != "geometry"] == [one for one in known if one in table.columns]
    assert table.index.equals(study.villages.index)
    assert set(table["limit"]) <= set(layers()["reach"].column("limit").allowed)
    first = table.set_index("village_id").loc["T-02200-1"]
    assert (first["limit"], first["ports_free"]) == ("budget", 4)  # 15 km from the exchange by road
    better = study.settings.fiber.model_copy(update={"pon_class": "GPON_C+"})
    wider = replace(study, settings=study.settings.model_copy(update={"fiber": better}))
    assert fiber_reach(wider)[0]["ftth"].to_list()[0]


def test_a_cable_that_ends_between_junctions_counts_as_far_as_it_goes():
    table, _ = Valley({"a": [(9800, 0, 30)], "b": [(11_000, 0, 30)]}, nodes=[("FDT", "a", 9000, 4)]).reach()
    assert table["ftth"].to_dict() == {"a": True, "b": False}
    assert table.loc["b", "cable_m"] == pytest.approx(1000, abs=2)


def test_cables_nobody_drew_run_the_shortest_way_to_the_nodes_they_feed_and_nowhere_else():
    """The exchange at 0 feeds a node at 6 km; a by-road of 9 km to the same place and the road beyond have no cable."""
    by_road = line((0, 0), (3000, 3354), (6000, 0))  # 2 × 4.5 km
    hamlets = {"on": [(4000, 0, 30)], "beyond": [(9000, 0, 30)], "aside": [(3000, 3300, 30)]}
    valley = Valley(hamlets, nodes=[("FDT", "on", 6000, 2)], extra_road=by_road)
    main = line((0, 0), (6000, 0), (20_000, 0))  # the two meet where both have a point
    valley.roads = valley.roads.set_geometry([main, by_road], crs=EPSG)
    known = valley.routes
    valley.routes = known.iloc[:0]
    table, _ = valley.reach()
    assert table["ftth"].to_dict() == {"on": True, "beyond": False, "aside": False}
    assert table["cable_m"].tolist() == pytest.approx([0, 3000, 4472], abs=40)
    network = join_network(road_graph(valley.roads), valley.dwellings, valley.nodes, valley.routes)
    laid_m = network.graph.length_m[network.spare["VNPT"]].sum()
    assert laid_m == pytest.approx(6000, abs=1)
    assert [one.details["operator"] for one in cable_findings(valley.nodes, valley.routes)] == ["VNPT"]
    assert cable_findings(valley.nodes, known) == []


def test_an_exchange_alone_has_no_cable_and_serves_no_more_than_a_drop():
    table, _ = Valley({"near": [(400, 0, 30)], "far": [(2000, 0, 30)]}).reach()
    assert table["ftth"].to_dict() == {"near": True, "far": True}  # along the cable that is drawn
    alone = Valley({"near": [(400, 0, 30)], "far": [(2000, 0, 30)]})
    alone.routes = alone.routes.iloc[:0]
    table, _ = alone.reach()
    assert table["ftth"].to_dict() == {"near": True, "far": False}
    assert table.loc["far", "cable_m"] != 0


def test_without_fiber_nodes_every_hamlet_is_unknown(tmp_path):
    study = open_study(small_study(tmp_path, nodes=lambda table: table.iloc[:0]))
    table, found = fiber_reach(study)
    assert table["ftth"].isna().all()
    assert set(table["limit"]) == {"unknown"}
    assert found == []
