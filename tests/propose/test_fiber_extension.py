"""Fiber extension: shared trenches, ports, light, phases, masts in the same trench; and the plan built is the plan."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point

from covplan.fiber.reach import join_network, reach, reach_findings
from covplan.fiber.roads import road_graph
from covplan.pipeline import extend_fiber, fiber_network, fiber_reach
from covplan.pipeline.fiber import plan_fiber
from covplan.propose.fiber.materials import bill_of_quantities
from covplan.propose.fiber.options import Case, candidates
from covplan.propose.fiber.program import by_years, extend, hamlets_missing
from covplan.propose.solve.solver import Status
from covplan.study.errors import NoSolution
from covplan.study.folder import open_study
from covplan.study.layers import layers
from covplan.study.settings import Fiber, Settings
from tests.propose.built_fiber import as_layers
from tests.real_province import real_study
from tests.study import EPSG, SOUTH, WEST

DATA = Path(__file__).parents[2] / "data"
COSTS = Settings.model_validate({"province": {"name": "Thử"}}).costs
KM = COSTS["fiber_aerial_shared_poles"].base
CLOSURE = COSTS["fiber_closure"].base


def line(*points):
    return LineString([(WEST + x, SOUTH + y) for x, y in points])


class Fork:
    """Cable along 4 km of road to a fork; from it 6 km on to hamlets a and b, 1 km apart, and 2 km off to hamlet c."""

    fiber = Fiber(drop_m=300, reach_m=500)

    def __init__(self, *, ports=8, homes=(40, 40, 40), more_roads=(), more_hamlets=()):
        roads = [line((0, 0), (4000, 0)), line((4000, 0), (10_000, 0)), line((10_000, 0), (11_000, 0)),
                 line((4000, 0), (4000, 2000)), *more_roads]  # fmt: skip
        self.roads = gpd.GeoDataFrame({"class": ["track"] * len(roads), "power": True}, geometry=roads, crs=EPSG)
        self.routes = gpd.GeoDataFrame(
            {"route_id": ["R"], "operator": ["VNPT"], "spare_cores": pd.array([8], "Int64")},
            geometry=[roads[0]],
            crs=EPSG,
        )
        self.nodes = gpd.GeoDataFrame(
            {
                "node_id": ["O", "F"],
                "operator": ["VNPT"] * 2,
                "kind": ["OLT", "FAT"],
                "village_id": ["base", "base"],
                "ports": pd.array([16, 16], "Int64"),
                "ports_free": pd.array([ports, 8], "Int64"),
            },
            geometry=[Point(WEST, SOUTH)] * 2,
            crs=EPSG,
        )
        spots = [
            ("base", 0, 0, 50),
            ("a", 10_000, 0, homes[0]),
            ("b", 11_000, 0, homes[1]),
            ("c", 4000, 2000, homes[2]),
        ]
        spots += more_hamlets
        self.dwellings = gpd.GeoDataFrame(
            {
                "dwelling_id": [f"D-{n}" for n in range(len(spots))],
                "village_id": [name for name, *_ in spots],
                "households": [size for *_, size in spots],
            },
            geometry=[Point(WEST + x, SOUTH + y) for _, x, y, _ in spots],
            crs=EPSG,
        )
        names = list(dict.fromkeys(self.dwellings["village_id"]))
        self.villages = gpd.GeoDataFrame(
            {
                "village_id": names,
                "name": [f"Thôn {name}" for name in names],
                "commune_code": "02200",
                "boundary_version": "2025-02",
                "households": 50,
                "ftth_households": pd.array([0] * len(names), "Int64"),
                "declared_ftth": pd.array([pd.NA] * len(names), "boolean"),
            },
            geometry=[Point(WEST, SOUTH)] * len(names),
            crs=EPSG,
        )
        self.communes = gpd.GeoDataFrame(
            {"commune_code": ["02200"], "boundary_version": ["2025-02"], "name": ["Xã Một"]},
            geometry=[Point(WEST, SOUTH).buffer(1)],
            crs=EPSG,
        )

    def case(self, *, sites=None, fiber=None, **decided):
        fiber = fiber or self.fiber
        self.network = join_network(road_graph(self.roads), self.dwellings, self.nodes, self.routes, sites)
        self.reach = reach(self.villages, self.dwellings, self.nodes, self.network, fiber)
        return Case(self.reach, self.dwellings, self.nodes, self.network, fiber, COSTS, sites=sites, **decided)

    def problem(self, **changes):
        return candidates(self.case(**changes))

    def plan(self, targets, years, *, budget_vnd=None, **changes):
        return plan_fiber(self.case(**changes), self.communes, targets, years, budget_vnd=budget_vnd)


def joined(extension):
    return {extension.candidates.id[step.group] for step in extension.steps}


def own_vnd(found, *names):
    return sum(found.own_vnd["base"][np.flatnonzero(found.id == name)[0]] for name in names)


def sites(*rows):
    table = pd.DataFrame(rows, columns=["site_id", "x", "y", "must", "worth_vnd"])
    points = [Point(WEST + x, SOUTH + y) for x, y in zip(table["x"], table["y"], strict=True)]
    return gpd.GeoDataFrame(table.drop(columns=["x", "y"]), geometry=points, crs=EPSG)


def test_the_nearest_hamlet_first_then_the_pair_with_one_trench():
    fork = Fork()
    found = fork.problem()
    one, all_three = extend(found, hamlets=1), extend(found, hamlets=3)
    assert joined(one) == {"c"}
    assert one.tree.objective == pytest.approx(2 * KM + CLOSURE + own_vnd(found, "c"), rel=1e-3)
    assert all_three.tree.objective == pytest.approx(9 * KM + CLOSURE + own_vnd(found, "a", "b", "c"), rel=1e-3)
    assert [found.id[step.group] for step in all_three.steps] == ["c", "a", "b"]
    assert [step.after for step in all_three.steps] == [-1, -1, 1]
    assert (all_three.tree.status, all_three.tree.gap) == (Status.OPTIMAL, 0)


def test_money_goes_where_most_households_are():
    fork = Fork(homes=(120, 120, 30))
    found = fork.problem()
    enough = 7 * KM + CLOSURE + own_vnd(found, "a", "b")
    assert joined(extend(found, budget_vnd=enough * 1.001)) == {"a", "b"}
    assert joined(extend(found, budget_vnd=enough * 0.9)) == {"a"}
    assert joined(extend(found, budget_vnd=0)) == set()


def test_ports_of_the_exchange_are_a_limit():
    found = Fork(ports=2).problem()
    assert found.problem.demand.tolist() == [1, 1, 1]
    assert len(joined(extend(found, hamlets=2))) == 2
    with pytest.raises(NoSolution):
        extend(found, hamlets=3)


def test_light_is_a_limit_even_when_the_cheap_way_is_too_long():
    """A way of 7.5 km by poles is cheap and too dark; one of 5 km in a road without poles keeps the budget."""
    fork = Fork(more_roads=[line((4000, 0), (4000, -7500), (4500, -7500))], more_hamlets=[("d", 4500, -7500, 40)])
    fork.roads["power"] = [True] * 4 + [True]
    short = gpd.GeoDataFrame(
        {"class": ["track"], "power": [False]}, geometry=[line((4000, 0), (4500, -7500))], crs=EPSG
    )
    fork.roads = pd.concat([fork.roads, short], ignore_index=True)
    free = fork.problem(fiber=Fiber(drop_m=300, reach_m=500, split=(4, 8)))
    dark = Fiber(drop_m=100, reach_m=500, split=(4, 8), margin_db=4.0)  # 12 km: 4 km of cable and 7.9 km
    assert fork.network.graph.edges
    cheap = extend(free, hamlets=2)
    assert "d" not in joined(cheap)
    must = fork.problem(fiber=dark)
    everything = extend(must, hamlets=4 - int((fork.reach["limit"] == "budget").sum()))
    assert joined(everything) >= {"c", "d"}
    laid = fork.network.graph.length_m[everything.edges]
    assert not fork.network.graph.power[everything.edges].all()
    assert laid.sum() > 0


def test_a_mast_shares_the_trench_and_the_saving_can_be_counted():
    mast = sites(("BTS-1", 10_500, 40, True, 0.0))
    fork = Fork()
    together = extend(fork.problem(sites=mast), hamlets=2)
    hamlets_alone = extend(fork.problem(), hamlets=2)
    mast_alone = extend(fork.problem(sites=mast), hamlets=0)
    assert joined(hamlets_alone) == {"a", "b"}
    assert joined(together) == {"a", "b", "BTS-1"}
    assert joined(mast_alone) == {"BTS-1"}
    saved = hamlets_alone.tree.objective + mast_alone.tree.objective - together.tree.objective
    assert saved == pytest.approx(6.5 * KM + CLOSURE, rel=1e-3)


def test_a_rejected_hamlet_is_left_out_and_an_accepted_one_is_joined_whatever_it_costs():
    fork = Fork()
    assert joined(extend(fork.problem(), hamlets=1)) == {"c"}
    assert joined(extend(fork.problem(rejected={"c"}), hamlets=1)) == {"a"}
    assert joined(extend(fork.problem(accepted={"b"}), hamlets=1)) == {"b"}
    plan = fork.plan([(2025, 50.0)], (2025, 2026), accepted={"a", "b"}, rejected={"c"})
    assert {one for text in plan.proposals["gains"] for one in text.split(";")} == {"a", "b"}  # 50 % asks for one


def test_an_optional_mast_is_joined_when_microwave_is_dearer():
    fork = Fork()
    dear = extend(fork.problem(sites=sites(("BTS-1", 10_000, 0, False, 180e6))), hamlets=1)
    cheap = extend(fork.problem(sites=sites(("BTS-1", 11_000, 0, False, 20e6))), hamlets=1)
    assert joined(dear) == {"a", "BTS-1"}  # one trench of 6 km instead of 2 km to c and a microwave hop
    assert joined(cheap) == {"c"}


def test_a_later_phase_builds_on_the_first_and_names_what_it_depends_on():
    plan = Fork(homes=(40, 40, 40)).plan([(2025, 50.0), (2027, 75.0), (2030, 100.0)], range(2025, 2031))
    assert plan.summary["hamlets"].tolist() == [1, 1, 1]
    rows = plan.proposals.set_index("village_id")
    assert rows.loc["b", "depends_on"] == rows.loc["a", "proposal_id"]
    assert rows.loc[["c", "a", "b"], "year"].tolist() == [2025, 2027, 2029]
    assert rows["depends_on"].notna().sum() == 1
    assert rows.loc["b", "cost_base_vnd"] == pytest.approx(KM + rows.loc["a", "cost_base_vnd"] - 6 * KM, rel=1e-2)
    assert plan.order["cost_vnd_so_far"].iloc[-1] == pytest.approx(plan.summary["cost_base_vnd"].sum(), abs=2)
    passing = plan.bill[plan.bill["item"] != "drop_and_ont"]
    for level in ("low", "base", "high"):
        assert passing[f"cost_{level}_vnd"].sum() == pytest.approx(plan.summary[f"cost_{level}_vnd"].sum(), rel=1e-6)
    cable = plan.bill[plan.bill["item"] == "cable"]
    assert cable["quantity"].sum() == pytest.approx(plan.summary["km"].sum(), abs=0.02)


def test_proposals_have_the_columns_of_their_layer_and_its_codes():
    plan = Fork().plan([(2030, 100.0)], range(2025, 2031))
    layer = layers()["proposals"]
    table = plan.proposals
    assert [name for name in table.columns if name != "geometry"] == [column.name for column in layer.columns]
    for column in layer.columns:
        if column.required:
            assert table[column.name].notna().all(), column.name
        if column.allowed and table[column.name].notna().any():
            assert set(table[column.name].dropna()) <= set(column.allowed), column.name
    assert set(table.geometry.geom_type) <= set(layer.geometry)
    assert table.geometry.length.sum() == pytest.approx(9000, rel=1e-3)
    assert table["lon"].between(105, 106).all()
    assert table["households"].sum() == 120
    assert table["operator"].eq("VNPT").all()


def test_what_the_plan_builds_makes_the_hamlets_served():
    fork = Fork(homes=(40, 130, 20))
    made = extend(fork.problem(), hamlets=3)
    routes, nodes = as_layers([made], fork.network, fork.fiber)
    all_routes, all_nodes = (
        pd.concat(pair, ignore_index=True) for pair in ((fork.routes, routes), (fork.nodes, nodes))
    )
    network = join_network(road_graph(fork.roads), fork.dwellings, all_nodes, all_routes)
    after = reach(fork.villages, fork.dwellings, all_nodes, network, fork.fiber)
    assert fork.reach["ftth"].sum() == 1
    assert after["ftth"].all()
    ports = nodes[nodes["kind"] == "FAT"].set_index("village_id")["ports"]
    assert ports.to_dict() == {"a": 24, "b": 80, "c": 16}  # of eight, for 60 % of 40, 130 and 20 households


def test_a_hamlet_without_a_road_and_an_exchange_without_a_port_are_named_and_the_rest_is_planned():
    fork = Fork(
        more_roads=[line((6000, 5000), (7000, 5000))],
        more_hamlets=[("split", 6500, 5000, 30), ("wild", 8000, 1900, 30)],
    )
    fork.nodes = pd.concat([fork.nodes, fork.nodes.iloc[:1].assign(node_id="O-full", ports_free=0)], ignore_index=True)
    found = fork.problem()
    told = reach_findings(fork.reach, fork.nodes, fork.network.feed_m, fork.fiber)
    named = {(one.check, one.details["name"]) for one in told}
    assert {("road_network_split", "Thôn split"), ("hamlet_far_from_road", "Thôn wild")} <= named
    assert "node_without_capacity" in {check for check, _ in named}
    assert joined(extend(found, hamlets=3)) == {"a", "b", "c"}
    with pytest.raises(NoSolution, match="thiếu 1"):
        extend(found, hamlets=4)
    plan = fork.plan([(2030, 100.0)], [2030])
    assert plan.summary[["hamlets", "short"]].to_numpy().tolist() == [[3, 2]]


def test_a_path_that_hangs_on_nothing_beside_every_dark_hamlet_changes_no_plan():
    def plan(*paths):
        fork = Fork(more_hamlets=[("d", 8000, 140, 40)], more_roads=paths)
        made = fork.plan([(2030, 100.0)], [2030])
        return made.summary["cost_base_vnd"].item(), sorted(made.proposals["village_id"].dropna()), made.findings

    spots = [(10_000, 0), (11_000, 0), (4000, 2000), (8000, 140)]
    cost, hamlets, _ = plan()
    with_paths, still, found = plan(*(line((x - 20, y + 110), (x + 20, y + 110)) for x, y in spots))
    assert (still, found) == (hamlets, ()) == (["a", "b", "c", "d"], ())
    assert with_paths == pytest.approx(cost, rel=0.01)
    gapped = plan(*(line((x, y + 20), (x, y + 60)) for x, y in spots))  # wide enough a path to be joined: 20 m each
    assert gapped[1] == hamlets
    assert gapped[0] == pytest.approx(cost, rel=0.01)


def test_a_hamlet_too_far_for_light_is_named():
    dim = Fork.fiber.model_copy(update={"split": (8, 8)})  # light for 5.5 km
    plan = Fork().plan([(2030, 100.0)], [2030], fiber=dim)
    named = {one.details["name"] for one in plan.findings}
    assert named == {"Thôn a", "Thôn b", "Thôn c"}
    assert plan.summary[["hamlets", "short"]].to_numpy().tolist() == [[0, 3]]


def test_years_share_the_money_in_the_order_of_joining():
    made = extend(Fork().problem(), hamlets=3)
    assert by_years(made, [2026]) == [2026] * 3
    years = by_years(made, [2026, 2027, 2028])
    assert years == sorted(years)
    assert set(years) <= {2026, 2027, 2028}


@pytest.fixture(scope="module")
def province():
    study = open_study(DATA)
    network = fiber_network(study, slopes=True)
    return study, network, fiber_reach(study, network=network)[0]


def test_the_sample_reaches_95_and_98_percent_proven_or_within_one_percent(province):
    study, network, reached = province
    assert (hamlets_missing(reached, 95), hamlets_missing(reached, 98)) == (30, 82)
    plan = extend_fiber(study, network=network, reached=reached)
    assert plan.summary["hamlets"].tolist() == [30, 52]
    assert (plan.summary["gap"] <= 0.01).all()
    assert (plan.summary["seconds"] <= 300).all()
    assert (plan.summary["cost_low_vnd"] < plan.summary["cost_base_vnd"]).all()
    assert plan.proposals["village_id"].is_unique
    routes, nodes = as_layers(plan.phases, network, study.settings.fiber)
    built = join_network(
        road_graph(study.roads), study.dwellings, pd.concat([study.nodes, nodes]), pd.concat([study.routes, routes])
    )
    after = reach(study.villages, study.dwellings, pd.concat([study.nodes, nodes]), built, study.settings.fiber)
    assert set(plan.proposals["village_id"]) <= set(after.loc[after["ftth"].fillna(value=False), "village_id"])
    assert after["ftth"].mean() >= 0.98


@pytest.mark.needs("reference")
def test_on_real_roads_hamlets_are_joined_and_those_off_them_named(tmp_path):
    study = open_study(real_study(tmp_path / "study"))
    roads = road_graph(study.roads)
    homes = study.villages[["village_id", "households", "geometry"]].assign(
        dwelling_id=study.villages["village_id"], geometry=study.villages.geometry.centroid
    )
    town = study.villages.geometry.centroid.iloc[-1]
    nodes = gpd.GeoDataFrame(
        {"node_id": ["O"], "operator": ["VNPT"], "kind": ["OLT"], "village_id": [None],
         "ports": pd.array([16], "Int64"), "ports_free": pd.array([12], "Int64")},
        geometry=[town], crs=study.roads.crs,
    )  # fmt: skip
    at = roads.node_m[np.argmin(np.hypot(*(roads.node_m - [town.x, town.y]).T))]
    routes = gpd.GeoDataFrame(
        {"route_id": ["R"], "operator": ["VNPT"], "spare_cores": pd.array([8], "Int64")},
        geometry=[LineString([town, Point(at[0] + 1, at[1])])], crs=study.roads.crs,
    )  # fmt: skip
    fiber = Fiber(pon_class="GPON_C+")
    network = join_network(roads, homes, nodes, routes)
    state = reach(study.villages, homes, nodes, network, fiber)
    found = reach_findings(state, nodes, network.feed_m, fiber)
    off = state["limit"] == "no_road"
    assert 0 < off.sum() < len(state)
    assert {one.id for one in found if one.check in ("hamlet_far_from_road", "road_network_split")} == set(
        state.loc[off, "village_id"]
    )
    made = extend(candidates(Case(state, homes, nodes, network, fiber, COSTS)), hamlets=5)
    assert (len(made.steps), made.tree.status) == (5, Status.OPTIMAL)
    km = network.graph.length_m[made.edges].sum() / 1000
    assert 1 < km < 60
    assert len(bill_of_quantities([made], network, COSTS))
