"""What can be done is done, the rest is listed with its reason: hamlets, cables, decisions, a bare study."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from covplan import pipeline
from covplan.cli import main
from covplan.propose.common.accepted import requirements
from covplan.propose.common.decisions import Decided
from covplan.propose.solve.cover import cover
from covplan.propose.solve.steiner import cheapest_tree
from covplan.study.errors import LayerError, NoSolution
from covplan.study.folder import open_study
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from tests.propose.test_fiber_extension import Fork
from tests.propose.test_proposals import DARK, FAR, opened
from tests.study import small_layers, small_study

NEAR = {"propose": {"road_m": 1500}}  # Bản Khẻ lies farther from every road
WITHOUT_VNM = {"stations": lambda stations: stations[stations["operator"] != "VNM"]}


def gained(plan):
    return {one for text in plan.proposals["gains"] for one in str(text).split(";")}


def test_of_three_dark_hamlets_two_are_served_as_if_the_third_were_not_there_and_it_is_listed(tmp_path):
    plan = pipeline.propose_white_spots(opened(tmp_path / "s", NEAR, **WITHOUT_VNM))
    in_need = pipeline.hamlets_in_need(opened(tmp_path / "need", NEAR, **WITHOUT_VNM))
    dark = set(in_need.hamlets["village_id"][in_need.hamlet[~in_need.any_covered]])
    assert dark == {"T-02203-2", "T-02209-1", "T-02209-2"}
    assert plan.not_served[["object_id", "cause"]].to_numpy().tolist() == [["T-02209-2", "too_weak"]]
    assert gained(plan) == dark - {"T-02209-2"}
    assert plan.choice.solution.gap == 0
    alone = opened(tmp_path / "two", NEAR, **WITHOUT_VNM, villages=lambda rows: rows[rows["village_id"] != "T-02209-2"])
    assert (
        plan.choice.cost <= pipeline.propose_white_spots(alone).choice.cost + 1e-6
    )  # it has no less ground to choose from
    assert pipeline.confirm_white_spots(opened(tmp_path / "again", NEAR, **WITHOUT_VNM), plan)["covered"].all()


def test_without_a_layer_of_roads_masts_may_stand_anywhere_at_the_price_of_roadless_ground(tmp_path):
    with_roads = pipeline.propose_white_spots(opened(tmp_path / "with"))
    roadless = pipeline.propose_white_spots(opened(tmp_path / "without", roads=lambda roads: roads[:0]))
    assert len(roadless.choice.served) >= len(with_roads.choice.served)
    assert len(roadless.options.sites.table)
    assert np.isinf(roadless.options.sites.table["road_m"]).all()


def test_without_ground_or_a_network_the_list_says_that_no_new_site_could_be_looked_at(tmp_path):
    groundless = pipeline.propose_white_spots(opened(tmp_path / "ground", {"propose": {"road_m": 0}}))
    assert len(groundless.not_served)
    assert groundless.not_served["helps_en"].str.startswith("No ground for new masts: too steep").all()
    nothing = {"routes": lambda rows: rows[:0], "nodes": lambda rows: rows[:0],
               "stations": lambda rows: rows.assign(backhaul="microwave")}  # fmt: skip
    lonely = pipeline.propose_white_spots(opened(tmp_path / "network", **nothing))
    assert lonely.not_served["helps_en"].str.startswith("New sites have nothing to be connected to").all()
    assert len(lonely.not_served)


def test_a_hamlet_whose_every_option_was_rejected_says_so(tmp_path):
    free = pipeline.propose_white_spots(opened(tmp_path / "free"))
    lost = free.proposals[free.proposals["gains"] == "T-02209-2"].iloc[0]
    every = free.options.actions[["action", "x_m", "y_m", "location_id"]].drop_duplicates()
    near = every[np.hypot(every["x_m"] - lost["x_m"], every["y_m"] - lost["y_m"]) < 4000]
    at = pd.DataFrame(near).reset_index(drop=True)
    lonlat = _lonlat(at["x_m"], at["y_m"])
    rejected = pd.DataFrame(
        {"decision_id": [f"QD-{n}" for n in at.index], "decision": "rejected", "kind": "white_spot",
         "action": at["action"], "location_id": at["location_id"], "lon": lonlat.x, "lat": lonlat.y}
    )  # fmt: skip
    plan = pipeline.propose_white_spots(opened(tmp_path / "s", decisions=rejected))
    cause = plan.not_served.set_index("object_id")["cause"]
    assert cause["T-02209-2"] == "rejected"


def _lonlat(x_m, y_m):
    return gpd.GeoSeries.from_xy(x_m, y_m, crs=9211).to_crs(4326)


def test_an_accepted_decision_that_the_rules_forbid_beside_another_costs_itself_only():
    problem = cover(np.eye(3, dtype=bool), np.array([1.0, 1.0, 1.0]))
    one_of = problem.with_limits(np.array([[1.0, 1.0, 0.0]]), np.array([1.0]))  # two tenants, one room
    found = Decided(np.zeros(3, bool), tuple(np.array([n]) for n in range(3)), (), ("QD-1", "QD-2", "QD-3"))
    kept, broken = requirements(one_of, found)
    assert [group.tolist() for group in kept] == [[0], [2]]
    assert broken == ["QD-2"]


def test_ports_for_two_of_three_hamlets_join_the_two_that_cost_least_and_list_the_third():
    plan = Fork(ports=2).plan([(2030, 100.0)], [2030])
    assert set(plan.proposals["village_id"]) == {"a", "b"}  # 7 km of cable; c with one of them would take 8 km
    assert plan.not_served[["object_id", "cause"]].to_numpy().tolist() == [["c", "no_room"]]
    assert plan.summary[["hamlets", "short"]].to_numpy().tolist() == [[2, 1]]
    enough = Fork().plan([(2030, 75.0)], [2030])
    assert enough.not_served["cause"].tolist() == ["not_asked"]


def test_hamlets_out_of_reach_of_cable_say_what_keeps_them_from_it():
    fork = Fork(more_hamlets=[("wild", 8000, 1900, 30)])
    full = fork.plan([(2030, 100.0)], [2030], rejected={"a"})
    causes = dict(zip(full.not_served["object_id"], full.not_served["cause"], strict=True))
    assert causes == {"a": "rejected", "wild": "off_road"}
    dim = fork.fiber.model_copy(update={"split": (8, 8)})  # light for 5.5 km
    assert set(fork.plan([(2030, 100.0)], [2030], fiber=dim).not_served["cause"]) == {"too_far", "off_road"}
    fork.nodes = fork.nodes.assign(ports_free=pd.array([0, 8], "Int64"))
    shut = fork.plan([(2030, 100.0)], [2030])
    assert len(shut.proposals) == 0
    assert set(shut.not_served["cause"]) == {"no_exchange", "off_road"}


def test_an_accepted_hamlet_that_no_way_leads_to_does_not_cost_the_others():
    fork = Fork(more_hamlets=[("wild", 8000, 1900, 30)])
    dim = fork.fiber.model_copy(update={"split": (8, 8)})
    plan = fork.plan([(2030, 40.0)], [2030], fiber=dim, accepted={"a", "wild"})
    assert plan.summary["hamlets"].tolist() == [0]
    assert set(plan.not_served["object_id"]) == {"a", "b", "c", "wild"}


def test_where_every_hamlet_is_served_no_cable_is_laid_and_that_is_said(tmp_path):
    served = {
        "nodes": lambda nodes: pd.concat(
            [nodes.assign(kind="OLT", node_id=[f"O-{n}-{k}" for k in range(len(nodes))]).set_geometry(at)
             for n, at in enumerate(_centres())], ignore_index=True),
    }  # fmt: skip
    study = open_study(
        small_study(tmp_path / "s", {"fiber": {"served_share": 0.1, "off_road_m": 9000, "drop_m": 9000}}, **served)
    )
    with speaking("en"):
        made = pipeline.propose_fiber(study)
    assert len(made.proposals) == 0
    assert made.said == ["Fiber: the target is reached already: no cable is needed"]
    told = CliRunner().invoke(main, ["fiber", str(tmp_path / "s"), "-o", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output


def _centres():
    villages = small_layers()["villages"]
    return [[centre, centre] for centre in villages.geometry.centroid]


def test_without_fiber_nodes_one_sentence_says_what_is_needed(tmp_path):
    folder = small_study(tmp_path / "s", nodes=lambda nodes: nodes[:0])
    with speaking("en"), pytest.raises(LayerError, match=r"fiber.gpkg: no fiber nodes; cable starts at an exchange"):
        pipeline.propose_fiber(open_study(folder))
    told = CliRunner().invoke(main, ["fiber", str(folder), "-o", str(tmp_path / "out"), "--lang", "en"])
    assert (told.exit_code, told.exception.__class__) == (2, SystemExit)
    assert "no fiber nodes" in " ".join(told.output.split())


def test_a_tree_that_may_join_nobody_is_empty_and_more_than_it_is_refused():
    fork = Fork()
    fork.nodes = fork.nodes.assign(ports_free=pd.array([0, 8], "Int64"))
    problem = fork.problem().problem
    for form in ({"quota": 0.0}, {"budget": 1e12}):
        assert not cheapest_tree(problem, **form).edges.any()
    with pytest.raises(NoSolution):
        cheapest_tree(problem, quota=1.0)


OPTIONAL = sorted(name for name, layer in input_layers().items() if not layer.required)


@pytest.mark.parametrize("terrain", [True, False])
def test_a_study_that_has_nothing_but_hamlets_and_stations_says_what_each_kind_needs(tmp_path, terrain):
    bare = {name: lambda rows: rows[:0] for name in OPTIONAL if name in small_layers()}
    folder = small_study(tmp_path / "s", {**DARK, **FAR}, **bare)
    for raster in ("elevation.tif", "landcover.tif", "population.tif"):
        if not terrain or raster == "population.tif":
            (folder / raster).unlink()
    told = CliRunner().invoke(main, ["propose", str(folder), "-o", str(tmp_path / "out"), "--lang", "en"])
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert "Fiber: roads.gpkg: missing" in said
    assert "5G at places: places.gpkg: no place" in said
    if not terrain:
        assert "White spots: white spots: no signal is computed" in said
        assert "Sharing: elevation.tif: missing" in said
