"""Hamlets and masts in one trench: against sums done by hand, and against every way to lay the cable."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point

from covplan import pipeline
from covplan.fiber.reach import join_network, reach
from covplan.fiber.roads import road_graph
from covplan.pipeline.trench import new_masts
from covplan.propose.fiber.compared import by_own_ways, compared_hamlets
from covplan.propose.fiber.options import Case, candidates
from covplan.propose.fiber.program import extend
from covplan.propose.programme.trench import (
    Trenches,
    compared_trenches,
    masts_to_connect,
    on_the_tree,
    saving_in_words,
)
from covplan.study.folder import open_study
from tests.propose.test_fiber_extension import CLOSURE, COSTS, KM, Fork, line, own_vnd, sites
from tests.study import EPSG, SOUTH, WEST, decimal_dots, small_study

HOP = COSTS["microwave_hop"].base
DARK = {
    "coverage": {"basis": "computed"},
    "radio": {"4G": {"rsrp_threshold_dbm": -85}},
    "propose": {"road_m": 6000},
}


def trenches_of(both, alone, hamlets):
    """Of candidates with and without masts."""
    trees = extend(both, hamlets=hamlets).tree, extend(alone, hamlets=hamlets).tree, extend(both, hamlets=0).tree
    return Trenches(*trees, both.is_site)


def on(found, tree):
    return set(found.id[tree.joined])


def test_a_mast_that_would_take_a_hop_alone_joins_the_trench_that_passes_by():
    mast = sites(("W-1", 10_500, 40, False, HOP))  # 6.5 km from the cable: its own trench is dearer than a hop
    both = Fork().problem(sites=mast)
    trenches = trenches_of(both, Fork().problem(), 3)
    spur_vnd = own_vnd(both, "W-1")
    assert on(both, trenches.masts) == set()
    assert on(both, trenches.together) == {"a", "b", "c", "W-1"}
    assert trenches.masts.objective == pytest.approx(HOP)
    assert trenches.saved_vnd.base == pytest.approx(HOP - spur_vnd, rel=1e-6)
    assert trenches.saved_vnd.low == trenches.saved_vnd.base == trenches.saved_vnd.high  # all three are proven
    assert "1/1 cột mới dùng cáp, làm riêng 0" in saving_in_words(trenches)


def test_the_table_sets_together_beside_apart_and_its_parts():
    masts = sites(("W-1", 10_500, 40, True, 0.0), ("W-2", 4000, 1000, True, 0.0))
    trenches = trenches_of(Fork().problem(sites=masts), Fork().problem(), 3)
    table = compared_trenches(trenches, 2030).set_index("method")
    assert table.index.tolist() == ["program", "each alone", "hamlets alone", "masts alone"]
    apart = table.loc[["hamlets alone", "masts alone"], ["cost_vnd", "bound_vnd", "served"]].sum()
    assert table.loc["each alone", ["cost_vnd", "bound_vnd", "served"]].tolist() == apart.tolist()
    saved = table.loc["each alone", "cost_vnd"] - table.loc["program", "cost_vnd"]
    assert saved == pytest.approx((6.5 + 1) * KM + CLOSURE, rel=1e-3)
    assert table.loc["each alone", "over_program_pct"] == pytest.approx(
        100 * saved / table.loc["program", "cost_vnd"], abs=0.01
    )
    assert table.loc["masts alone", "over_program_pct"] != table.loc["masts alone", "over_program_pct"]


def test_nearest_first_takes_the_near_hamlet_and_not_the_pair_that_shares_a_trench():
    fork = Fork(homes=(40, 40, 40), more_roads=[line((4000, 0), (4000, -3200))], more_hamlets=[("d", 4000, -3200, 40)])
    found = fork.problem()
    cost_vnd, served = by_own_ways(found, 2)
    assert served == 2
    assert cost_vnd == pytest.approx((2 + 3.2) * KM + CLOSURE + own_vnd(found, "c", "d"), rel=1e-3)
    assert compared_hamlets(extend(found, hamlets=2), 2030)["over_program_pct"].tolist() == [0, 0]
    with_few_ports = Fork(ports=2).problem()
    assert by_own_ways(with_few_ports, 3)[1] == 2


class Lattice:
    """Six junctions 1 km apart in two rows; cable along the first road; hamlets and masts at junctions, by chance."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        at = [(1000.0 * x, 1000.0 * y) for y in (0, 1) for x in (0, 1, 2)]
        pairs = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
        lines = [LineString([(WEST + x, SOUTH + y) for x, y in (at[a], at[b])]) for a, b in pairs]
        roads = gpd.GeoDataFrame({"class": "track", "power": rng.random(7) < 0.6}, geometry=lines, crs=EPSG)
        places = rng.permutation([2, 3, 4, 5])
        points = {name: Point(WEST + at[k][0], SOUTH + at[k][1]) for name, k in zip("abcd", places, strict=True)}
        routes = gpd.GeoDataFrame({"operator": ["VNPT"], "spare_cores": [8]}, geometry=[lines[0]], crs=EPSG)
        nodes = gpd.GeoDataFrame(
            {"node_id": ["O"], "operator": ["VNPT"], "kind": ["OLT"], "village_id": ["a"], "ports": [64],
             "ports_free": [64]},
            geometry=[Point(WEST, SOUTH)], crs=EPSG,
        )  # fmt: skip
        homes = gpd.GeoDataFrame(
            {"dwelling_id": ["1", "2"], "village_id": ["a", "b"], "households": rng.integers(20, 90, 2)},
            geometry=[points["a"], points["b"]],
            crs=EPSG,
        )
        villages = gpd.GeoDataFrame(
            {"village_id": ["a", "b"], "name": ["a", "b"], "commune_code": "1", "boundary_version": "2025-02",
             "households": 50, "ftth_households": 0, "declared_ftth": None},
            geometry=[points["a"], points["b"]], crs=EPSG,
        )  # fmt: skip
        self.masts = gpd.GeoDataFrame(
            {
                "site_id": ["c", "d"],
                "must": [bool(rng.random() < 0.3), False],
                "worth_vnd": rng.uniform(20e6, 200e6, 2),
            },
            geometry=[points["c"], points["d"]],
            crs=EPSG,
        )
        fiber = Fork.fiber
        network = join_network(road_graph(roads), homes, nodes, routes, self.masts)
        state = reach(villages, homes, nodes, network, fiber)
        self.found = {
            given: candidates(Case(state, homes, nodes, network, fiber, COSTS, sites=self.masts if given else None))
            for given in (False, True)
        }


def least_of_all(found, hamlets):
    """Every set of edges, and in what it connects every choice of groups."""
    problem = found.problem
    best = np.inf
    for count in range(problem.tail.size + 1):
        for edges in combinations(range(problem.tail.size), count):
            seen = {problem.root}
            for _ in edges:
                for edge in edges:
                    ends = {int(problem.tail[edge]), int(problem.head[edge])}
                    seen |= ends if ends & seen else set()
            there = np.array(
                [set(problem.terminal[problem.group == g].tolist()) <= seen for g in range(problem.groups)]
            )
            if not (there | ~problem.must).all() or (there & ~found.is_site).sum() < hamlets:
                continue
            own = np.sort(problem.own_cost[there & ~found.is_site])[:hamlets].sum()
            for site in np.flatnonzero(found.is_site):
                on, off = problem.own_cost[site], np.inf if problem.must[site] else found.worth_vnd[site]
                own += min(on, off) if there[site] else off
            best = min(best, problem.cost[list(edges)].sum() + own)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_together_and_apart_equal_every_way_to_lay_the_cable(seed):
    lattice = Lattice(seed)
    both, alone = lattice.found[True], lattice.found[False]
    for hamlets in (1, 2):
        trenches = trenches_of(both, alone, hamlets)
        assert trenches.together.objective == pytest.approx(least_of_all(both, hamlets))
        assert trenches.hamlets.objective == pytest.approx(least_of_all(alone, hamlets))
        assert trenches.masts.objective == pytest.approx(least_of_all(both, 0))
        assert trenches.saved_vnd.base >= -1


@pytest.fixture(scope="module")
def dark(tmp_path_factory):
    study = open_study(small_study(tmp_path_factory.mktemp("trench") / "s", settings=DARK))
    spots = pipeline.propose_white_spots(study)
    return study, spots, pipeline.propose_fiber(study, spots=spots)


def test_a_mast_on_the_tree_pays_for_no_backhaul_and_comes_after_its_cable(dark):
    _, spots, made = dark
    cable = made.proposals.set_index("proposal_id")
    backhaul = cable[cable["action"] == "backhaul"]
    before, after = (table.set_index("proposal_id") for table in (spots.proposals, made.masts))
    paid = dict(zip(spots.proposals["proposal_id"], spots.pays_for, strict=True))
    assert len(backhaul)
    assert set(after["depends_on"].dropna()) == set(backhaul.index)
    for mast in after[after["depends_on"].notna()].index:
        own = spots.options.sites.backhaul[paid[mast]]
        for level in ("low", "base", "high"):
            column = f"cost_{level}_vnd"
            assert after.loc[mast, column] == pytest.approx(before.loc[mast, column] - getattr(own, level))
        assert f"in the trench of {after.loc[mast, 'depends_on']}, instead of" in after.loc[mast, "reason_en"]
    assert backhaul["commune"].notna().all()
    assert backhaul["location_id"].isna().all()  # a mast that is only proposed is no location
    assert cable["lon"].notna().all()
    assert not decimal_dots(pd.concat([cable["reason_vi"], after["reason_vi"]]))
    assert cable["reason_vi"].str.contains(r"\d,\d+ km cáp mới").any()


def test_rows_of_cable_cost_what_the_tree_costs(dark):
    study, spots, made = dark
    masts = masts_to_connect(new_masts(spots), study.settings.costs)
    on_cable = masts["site_id"].isin(made.masts.loc[made.masts["depends_on"].notna(), "proposal_id"])
    hops = masts.loc[~on_cable, "worth_vnd"].sum()
    assert made.proposals["cost_base_vnd"].sum() + hops == pytest.approx(made.trenches.together.objective, rel=1e-6)
    program = made.compared["trench"].iloc[0]
    assert program["cost_vnd"] == pytest.approx(made.trenches.together.objective)
    assert set(masts["site_id"]) <= set(spots.proposals["proposal_id"])


def test_a_mast_left_off_the_tree_takes_the_hop(dark):
    study, spots, made = dark
    masts, costs = new_masts(spots), study.settings.costs
    no_backhaul = made.proposals[made.proposals["action"] != "backhaul"]
    off, _ = on_the_tree(masts, masts_to_connect(masts, costs), no_backhaul, costs)
    backhaul = spots.options.sites.table["backhaul"]
    to_cable = [n for n, site in enumerate(spots.pays_for) if backhaul.iloc[site] == "fiber"]
    assert to_cable
    for n in to_cable:
        paid = spots.options.sites.backhaul[spots.pays_for[n]]
        change = off["cost_base_vnd"].iloc[n] - spots.proposals["cost_base_vnd"].iloc[n]
        assert change == pytest.approx(HOP - paid.base)
        assert "Backhaul: microwave to" in off["reason_en"].iloc[n]
