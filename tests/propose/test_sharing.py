"""Sharing from a study folder to proposals: who may move, what the rules change, what the engine says afterwards."""

from __future__ import annotations

import re
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import covplan
from covplan.assess.demand import demand_points
from covplan.assess.locations import group_locations, on_air
from covplan.pipeline import Workspace, propose_sharing
from covplan.propose.sharing.figures import rent_per_month
from covplan.propose.sharing.network import planned_network
from covplan.propose.sharing.options import case, market, points_of, receive
from covplan.propose.sharing.scenarios import other_plans, rule_prices
from covplan.propose.solve.alternatives import Scenario
from covplan.study.codes import NOBODY
from covplan.study.language import speaking
from covplan.study.layers import layers
from tests.study import EPSG, SOUTH, WEST, decimal_dots, small_study

PLACES = {  # metres east and north of the lower left corner of the small study; four pairs of near masts, one alone
    "L-1": (1500, 3000), "L-2": (1800, 3000), "L-3": (7500, 3000), "L-4": (7890, 3000), "L-5": (1500, 9000),
    "L-6": (1620, 9000), "L-7": (10500, 9000), "L-8": (10900, 9000), "L-9": (4500, 3000),
}  # fmt: skip
OPERATORS = ["VTL", "VNPT", "VTL", "MBF", "VTL", "VNPT", "VNPT", "MBF", "MBF"]
OWNERS = ["Viettel", "VNPT", "Viettel", "MobiFone", "Viettel", "VNPT", "VNPT", "VNPT", "MobiFone"]


def pairs(_=None, **columns):
    """A station on each place; columns given replace the usual ones."""
    at = gpd.GeoSeries.from_xy(
        [WEST + x for x, _ in PLACES.values()], [SOUTH + y for _, y in PLACES.values()], crs=EPSG
    ).to_crs(4326)
    usual = {
        "station_id": [f"S-{n}" for n in range(1, 10)],
        "operator": OPERATORS,
        "location_id": list(PLACES),
        "lon": at.x.round(6),
        "lat": at.y.round(6),
        "commune_code": [
            {(0, 0): "02200", (1, 0): "02203", (0, 1): "02206", (1, 1): "02209"}[x // 6000, y // 6000]
            for x, y in PLACES.values()
        ],
        "boundary_version": "2025-02",
        "structure": "A2b",
        "height_m": 42,
        "building_height_m": 0,
        "antenna_height_m": 39,
        "owner": OWNERS,
        "max_tenants": 2,
        "certificate_year": 2024,
        "technologies": "4G",
        "bands": "L1800",
        "backhaul": "fiber",
        "on_air": "2019-01-15",
        "status": "existing",
    }
    return pd.DataFrame(usual | columns)


def opened(folder, settings=None, **columns):
    sections = {"targets": {"BTS_SHARE_RATIO": {"target_2025": 12}}, "propagation": {"radius_km": 6}}
    empty = pd.DataFrame(columns=["cell_id"])
    path = small_study(folder, {**sections, **(settings or {})}, stations=pairs(**columns), cells=empty)
    return covplan.open_study(path)


def of(study, **changes):
    """Market, reception and case of a study under changed settings of [sharing]."""
    settings = study.settings.model_copy(update={"sharing": study.settings.sharing.model_copy(update=changes)})
    who = market(
        study.stations, study.cells, group_locations(on_air(study.stations)), study.communes, study.places, settings
    )
    points = points_of(demand_points(study.villages, study.dwellings), study.villages)
    reception = receive(who, points, Workspace(study).ground, settings)
    return who, reception, case(who, reception, settings), settings


def consolidations(who):
    ids = who.locations["location_id"]
    moves = who.moves[who.moves["tenancy"] != NOBODY]
    return {(ids[who.tenancies["location"][m.tenancy]], ids[m.host]) for m in moves.itertuples()}


def test_only_near_structures_of_other_owners_with_room_are_joined(tmp_path):
    study = opened(tmp_path / "s")
    assert consolidations(of(study)[0]) == {
        ("L-1", "L-2"), ("L-2", "L-1"), ("L-3", "L-4"), ("L-4", "L-3"), ("L-5", "L-6"), ("L-6", "L-5"),
    }, "L-7 and L-8 have one owner, L-9 stands alone"  # fmt: skip
    assert consolidations(of(study, near_rural_m=100.0)[0]) == consolidations(of(study)[0]), "the spacing rule: 400 m"
    wards = study.communes.assign(name="Phường " + study.communes["name"])
    town = replace(study, communes=wards)
    assert consolidations(of(town)[0]) == {("L-5", "L-6"), ("L-6", "L-5")}, "in town 150 m"


def test_a_spacing_rule_makes_farther_structures_near(tmp_path):
    rule = {"rule": "min_spacing", "area": "rural", "value": 3200, "unit": "m", "source": "thử"}
    study = opened(tmp_path / "s", {"rules": [rule]})
    assert ("L-9", "L-1") in consolidations(of(study)[0])


@pytest.mark.parametrize(
    ("column", "values", "gone"),
    [
        ("restricted", [True] + [False] * 8, "L-1"),
        ("owner", ["Bộ Quốc phòng", *OWNERS[1:]], "L-1"),
    ],
)
def test_army_and_restricted_structures_neither_go_nor_take_anybody(tmp_path, column, values, gone):
    found = consolidations(of(opened(tmp_path / "s", **{column: values}))[0])
    assert not [pair for pair in found if gone in pair]
    assert ("L-3", "L-4") in found


@pytest.mark.parametrize(
    ("column", "values"),
    [("max_tenants", [1] + [2] * 8), ("antenna_height_m", [16] + [39] * 8)],
)
def test_a_full_structure_takes_nobody_but_may_be_given_up(tmp_path, column, values):
    heights = {"height_m": [19] + [42] * 8} if column == "antenna_height_m" else {}
    found = consolidations(of(opened(tmp_path / "s", **{column: values}, **heights))[0])
    assert ("L-2", "L-1") not in found
    assert ("L-1", "L-2") in found


def test_what_other_technologies_cover_is_not_known_so_their_structure_stays(tmp_path):
    found = consolidations(of(opened(tmp_path / "s", technologies=["3G"] + ["4G"] * 8))[0])
    assert ("L-1", "L-2") not in found
    assert ("L-2", "L-1") in found


def test_a_bulky_structure_takes_nobody_where_only_a1_is_allowed(tmp_path):
    seat = gpd.GeoDataFrame(
        {"place_id": ["P-9"], "kind": ["office"], "name": ["UBND tỉnh"], "status": ["existing"]},
        geometry=gpd.points_from_xy([WEST + 1500], [SOUTH + 9000]), crs=EPSG,
    )  # fmt: skip
    study = opened(tmp_path / "s")
    town = study.communes.assign(name="Phường " + study.communes["name"])
    inside = replace(study, communes=town, places=seat)
    assert not consolidations(of(inside)[0]), "the only near pair in town stands beside the office"
    free = inside.settings.model_copy(update={"rules": ()})
    assert consolidations(of(replace(inside, settings=free))[0])


def test_the_plan_reaches_the_ratio_and_the_engine_finds_no_hamlet_lost(tmp_path):
    study = opened(tmp_path / "s")
    plan = propose_sharing(study, scenarios=(Scenario(), Scenario("high", -3.0)))
    assert plan.shared.solution.gap == 0
    assert plan.proposals["action"].tolist() == ["consolidate"]
    assert plan.coverage["hamlets_lost"].sum() == 0
    row = plan.proposals.iloc[0]
    assert row["cost_base_vnd"] == plan.shared.outlay_vnd == 100e6
    assert row["opex_vnd_per_year"] == -50e6
    assert row["confidence"] in (0.5, 1.0)
    assert row["indicator_change"] == pytest.approx(100 / 8)
    assert " m apart" in row["reason_en"]
    assert "1 → 2" in row["reason_vi"]
    assert not decimal_dots(plan.proposals["reason_vi"])
    assert re.search(r"Giá thuê theo mô hình: \d+,\d \(", row["reason_vi"])
    who, *_ = of(study)
    after = group_locations(planned_network(study.stations, who, plan.case, plan.shared))
    assert (len(after), int(after["shared"].sum())) == (8, 1)
    defined = [column.name for column in layers()["proposals"].columns]
    assert [column for column in plan.proposals.columns if column != "geometry"] == defined


def test_structures_whose_owners_nobody_knows_are_named_by_their_ids(tmp_path):
    plan = propose_sharing(opened(tmp_path / "s", owner=None), scenarios=())
    assert len(plan.proposals) >= 1
    for row in plan.proposals.to_dict("records"):
        assert f"Structures {row['from_location_id']} and {row['location_id']} stand" in row["reason_en"]
        assert "<NA>" not in row["reason_en"] + row["reason_vi"]


def test_an_operator_asked_to_reach_more_hamlets_comes_to_others_structures(tmp_path):
    study = opened(tmp_path / "s")
    today = dict(zip(OPERATORS, [0] * 9, strict=True))
    who, reception, one, _ = of(study)
    for k, code in enumerate(who.operators):
        today[code] = int((one.stock.reach[np.flatnonzero(one.stock.operator == k)].sum(axis=0) > 0).sum())
    assert today["VNPT"] < reception.points.hamlets
    wanted = (today["VNPT"] + 1) / reception.points.hamlets
    asked = study.settings.sharing.model_copy(update={"operator_hamlets_share": {"VNPT": wanted}})
    changed = replace(study, settings=study.settings.model_copy(update={"sharing": asked}))
    plan = propose_sharing(changed, scenarios=())
    vnpt = plan.coverage.set_index("operator").loc["VNPT"]
    assert vnpt["hamlets_after"] >= today["VNPT"] + 1
    come = plan.proposals[plan.proposals["operator"] == "VNPT"]
    assert come["gains_count"].max() >= 1


def test_a_ratio_out_of_reach_is_approached_as_far_as_can_be_and_said(tmp_path):
    study = opened(tmp_path / "s", {"targets": {"BTS_SHARE_RATIO": {"target_2025": 101}}})
    with speaking("en"):
        plan = propose_sharing(study, scenarios=())
    (said,) = plan.short
    reached = float(re.match(r"101 % of locations shared is out of reach, ([\d.]+) % at most", said).group(1))
    assert reached == pytest.approx(100 * plan.comparison["ratio"].iloc[0], abs=0.01)
    at_ease = propose_sharing(opened(tmp_path / "ease"), scenarios=())
    assert plan.comparison["ratio"].iloc[0] > at_ease.comparison["ratio"].iloc[0]


def test_a_mast_outside_the_terrain_is_left_out_of_the_moves_and_the_others_are_proposed(tmp_path):
    whole = propose_sharing(opened(tmp_path / "whole"), scenarios=())
    free = set(whole.proposals["location_id"]) | set(whole.proposals["from_location_id"])
    away = next(one for one in PLACES if one not in free)

    study = opened(tmp_path / "s")
    gone = study.stations["location_id"] == away
    outside = study.stations.geometry.where(~gone, shapely.Point(WEST, SOUTH + 100_000))
    off = Workspace(study).changed(stations=study.stations.set_geometry(outside))
    plan = propose_sharing(off, scenarios=())
    (row,) = plan.not_served.to_dict("records")
    assert (row["object_kind"], row["object_id"], row["cause"]) == ("location", away, "no_terrain")
    assert len(plan.proposals) == len(whole.proposals)
    assert away not in set(plan.proposals["location_id"]) | set(plan.proposals["from_location_id"])
    assert not plan.coverage["hamlets_lost"].any()


def test_alternatives_cost_hardly_more_and_rules_have_a_price(tmp_path):
    study = opened(tmp_path / "s")
    who, reception, _case, settings = of(study)
    plan = propose_sharing(study, scenarios=())
    others = other_plans(plan.case, who, settings, slack_share=0.05)
    assert others.shape[1] > 1, "three pairs of masts are as good as each other"
    assert (others.sum() >= 1).all()
    prices = rule_prices(lambda _: (who, reception), settings).set_index("rule")
    assert prices.at["quota", "price_vnd"] == plan.shared.outlay_vnd
    assert (prices["price_vnd"] >= 0).all()


def test_rent_pays_for_the_structure_and_falls_with_every_tenant(tmp_path):
    settings = opened(tmp_path / "s").settings
    two, three = (rent_per_month(settings, "A2b", 42.0, tenants) for tenants in (2, 3))
    assert two.base == pytest.approx((350e6 * 1.5 / 15 + 50e6) / 12 / 2)
    assert three.base == pytest.approx(two.base * 2 / 3)
    assert two.low < two.base < two.high
