"""Decisions of a planner bind the programs: what they mean, and that the sharing plan keeps to them."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import covplan
from covplan.pipeline import propose_sharing
from covplan.propose.common.decisions import decided, require
from covplan.propose.solve.cover import cover, least_cost
from covplan.study.layers import layers
from covplan.study.plan import keep_part, no_proposals, read_kept, result_table
from tests.propose.test_sharing import consolidations, of, opened
from tests.study import EPSG, small_study


def decisions(*rows):
    columns = [column.name for column in layers()["decisions"].columns]
    table = pd.DataFrame(list(rows)).assign(decision_id=[f"QD-{n}" for n in range(len(rows))])
    at = gpd.GeoSeries.from_xy(table.pop("x"), table.pop("y"), crs=EPSG)
    return gpd.GeoDataFrame(table.reindex(columns=columns).astype("object"), geometry=at, crs=EPSG)


CANDIDATES = pd.DataFrame(
    {
        "action": ["new_mast", "new_mast", "small_cell", "add_band", "add_band"],
        "operator": ["", "", "", "VTL", "VTL"],
        "location_id": [None, None, None, "L-1", "L-1"],
        "x_m": [0.0, 250.0, 0.0, 500.0, 500.0],
        "y_m": 0.0,
        "height_m": [42.0, 50.0, 18.0, 42.0, 42.0],
        "bands": ["L700", "L700", "L700", "L700", "L900"],
    }
)


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ({"action": "new_mast", "decision": "rejected"}, [0, 1]),  # every height, and all within 300 m
        ({"action": "new_mast", "decision": "accepted", "height_m": 42.0}, [0]),
        ({"action": "new_mast", "decision": "accepted", "height_m": 50.0}, []),  # that one stands 250 m away
        ({"action": "add_band", "decision": "rejected", "location_id": "L-1", "bands": "L900"}, [4]),
        ({"action": "add_band", "decision": "rejected", "location_id": "L-1", "operator": "VNPT"}, []),
    ],
)
def test_a_decision_means_what_was_proposed_there(row, meant):
    told = decided(decisions({"kind": "white_spot", "x": 0.0, "y": 0.0, **row}), "white_spot", CANDIDATES)
    found = np.flatnonzero(told.forbidden).tolist() or [n for group in told.required for n in group.tolist()]
    assert found == meant
    assert told.unmet == (("QD-0",) if row["decision"] == "accepted" and not meant else ())


def test_decisions_of_another_kind_bind_nothing():
    other = decisions({"kind": "place_5g", "action": "new_mast", "decision": "rejected", "x": 0.0, "y": 0.0})
    assert not decided(other, "white_spot", CANDIDATES).forbidden.any()


def test_one_of_a_required_group_is_done_though_another_way_is_cheaper():
    problem = cover(np.array([[1, 1, 1]], dtype=bool), np.array([1.0, 5.0, 3.0]))
    assert least_cost(problem).actions.tolist() == [True, False, False]
    bound = least_cost(require(problem, [np.array([1, 2])]))
    assert bound.actions.tolist() == [False, False, True]
    assert bound.cost == 3.0


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("s") / "s")


def moves(plan):
    return set(zip(plan.proposals["from_location_id"], plan.proposals["location_id"], strict=True))


def under(study, decision, origin, host):
    at = study.stations.set_index("location_id").geometry[host]
    row = {"kind": "share", "action": "consolidate", "decision": decision, "location_id": host,
           "from_location_id": origin, "x": at.x, "y": at.y}  # fmt: skip
    bound = replace(study, decisions=decisions(row))
    return moves(propose_sharing(bound, scenarios=()))


def test_the_sharing_plan_keeps_to_what_was_decided(study):
    free = moves(propose_sharing(study, scenarios=()))
    assert free
    for origin, host in free:
        assert (origin, host) not in under(study, "rejected", origin, host)
    others = sorted(consolidations(of(study)[0]) - free)
    kept = [move for move in others if move in under(study, "accepted", *move)]
    assert kept, "an accepted move that the program would not have chosen is in the plan"


def test_decisions_and_kept_proposals_that_spell_fibre_are_of_fiber(tmp_path):
    old = pd.DataFrame(
        [
            {"decision_id": "QD-1", "decision": "rejected", "kind": "fibre", "action": "connect_hamlet",
             "village_id": "T-02203-1", "lon": 105.2, "lat": 21.83}
        ]
    )  # fmt: skip
    folder = small_study(tmp_path / "s", decisions=old)
    assert ",fibre," in (folder / "decisions.csv").read_text(encoding="utf-8")
    study = covplan.open_study(folder)
    assert study.decisions["kind"].tolist() == ["fiber"]
    tables = no_proposals(EPSG)
    tables["comparison"] = result_table("comparison", pd.DataFrame({"kind": ["fibre", "trench"]}))
    keep_part(tmp_path, "fiber", tables, EPSG)
    assert read_kept(tmp_path, EPSG).parts["fiber"]["comparison"]["kind"].tolist() == ["fiber", "trench"]
