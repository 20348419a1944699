"""White spots and 5G on the small study: the engine confirms them, rules change them, the impossible is explained."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_array

from covplan import pipeline
from covplan.cli import main
from covplan.pipeline.kept import first_things_first
from covplan.propose.common.gains import gained
from covplan.propose.common.spectrum import bands_of
from covplan.propose.common.transmitters import azimuth_deg, tilt_deg
from covplan.propose.places_5g.options import capacity_mbps, configurations
from covplan.propose.places_5g.rows import helped
from covplan.propose.solve.cover import Choice, cover
from covplan.propose.white_spots.program import supply_curve
from covplan.study.folder import open_study
from covplan.study.layers import layers
from tests.study import EPSG, small_layers, small_study

DARK = {
    "coverage": {"basis": "computed"},
    "radio": {"4G": {"rsrp_threshold_dbm": -85, "uplink_mbps": 0}, "5G": {"uplink_mbps": 0}},
    "grid": {"cell_m": 100, "margin_m": 1000},
    "propagation": {"clearing_m": 0},  # woods that nothing gets through, so that there is something to propose
}
FAR = {"propose": {"road_m": 6000}}  # one dark hamlet lies far from every road


def opened(folder, settings=None, **layers_):
    return open_study(small_study(folder, settings={**DARK, **(settings or FAR)}, **layers_))


@pytest.fixture(scope="module")
def spots(tmp_path_factory):
    study = opened(tmp_path_factory.mktemp("spots") / "s")
    return study, pipeline.propose_white_spots(study)


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    study = opened(tmp_path_factory.mktemp("placed") / "s")
    return study, pipeline.propose_places_5g(study)


def test_every_dark_hamlet_is_served_and_the_engine_says_so_too(spots):
    study, plan = spots
    before = pipeline.hamlets_in_need(study)
    dark = set(before.hamlets["village_id"][~before.any_covered])
    assert len(dark) == 2
    gained = {one for text in plan.proposals["gains"] for one in text.split(";")}
    assert gained == dark
    seen = pipeline.confirm_white_spots(study, plan)
    assert set(seen["village_id"]) == dark
    assert seen["covered"].all()
    assert plan.choice.solution.gap == 0


def test_proposals_are_rows_of_their_layer_and_carry_their_reasons(spots, placed):
    for _, plan in (spots, placed):
        table = plan.proposals
        defined = layers()["proposals"].columns
        assert list(table.columns) == [*(column.name for column in defined), "geometry"]
        for column in defined:
            cells = table[column.name].dropna()
            if column.required:
                assert len(cells) == len(table)
            if column.allowed:
                assert set(cells) <= set(column.allowed)
            if column.unique:
                assert cells.is_unique
        assert table.crs.to_epsg() == EPSG
        assert (table["cost_low_vnd"] <= table["cost_base_vnd"]).all()
        assert (table["cost_base_vnd"] <= table["cost_high_vnd"]).all()
        assert table["lon"].between(104, 107).all()
        assert table["commune"].notna().all()


def test_a_place_that_needs_two_placements_waits_for_both():
    reach = csr_array(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool))  # 3 stands, rest new
    halves = cover(reach, np.ones(4), demand=np.array([0, 0, 1, 2]), weight=np.array([0.6, 0.4, 1.0, 1.0]))
    halves = halves.with_traffic(np.zeros(3), np.ones(4))
    everything = np.ones(4, bool)
    choice = Choice(everything, np.zeros(0, bool), np.ones(3, bool), 4.0, 3.0, None)
    gains = gained(halves, choice, standing=np.array([False, False, False, True]))
    assert {action: demands.tolist() for action, demands in gains.items()} == {0: [0], 1: [1], 2: [], 3: [2]}
    helps = helped(halves, choice, gains, [0, 1, 2])
    assert helps[1].tolist() == [0]  # without it four tenths of the first place are dark
    assert helps[2].tolist() == [1]  # carries traffic of the place it covers most of
    assert helps[0].tolist() == []


def test_the_money_of_the_rows_is_the_money_of_the_program(spots):
    _, plan = spots
    program = plan.comparison[(plan.comparison["method"] == "program") & (plan.comparison["year"] == 2030)].iloc[0]
    assert plan.proposals["cost_base_vnd"].sum() == pytest.approx(program["built_vnd"])
    others = plan.comparison[plan.comparison["year"] == 2030]["cost_vnd"].dropna()
    assert (others >= program["cost_vnd"] - 1).all()


def test_the_next_best_named_in_a_reason_is_dearer_and_forbidding_the_action_costs_that(spots):
    _, plan = spots
    for reason, base in zip(plan.proposals["reason_en"], plan.proposals["cost_base_vnd"], strict=True):
        next_vnd = float(reason.split("next best way costs VND ")[1].split()[0]) * 1e9
        assert next_vnd >= base


def test_the_supply_curve_rises_and_knows_when_a_satellite_is_cheaper(spots):
    study, plan = spots
    s = study.settings
    curve = supply_curve(plan.problem, s.costs, s.propose)
    nested = supply_curve(plan.problem, s.costs, s.propose, nested=True)
    assert curve["hamlets"].tolist() == [1, 2]
    assert curve["cost_vnd"].is_monotonic_increasing
    assert curve["cost_vnd"].iloc[-1] == pytest.approx(plan.choice.cost * 1e6)
    assert (nested["cost_vnd"] >= curve["cost_vnd"] - 1).all()
    assert curve["last_mile"].all()
    dear = {"satellite_terminal": s.costs["satellite_terminal"].model_copy(update={"base": 1e11, "high": 1e11})}
    assert not supply_curve(plan.problem, {**s.costs, **dear}, s.propose)["last_mile"].any()


def test_a_hamlet_out_of_reach_is_listed_with_the_level_it_would_get_and_the_other_is_served(tmp_path):
    plan = pipeline.propose_white_spots(opened(tmp_path / "s", {"propose": {"road_m": 1500}}))
    assert [one for text in plan.proposals["gains"] for one in text.split(";")] == ["T-02203-2"]
    (row,) = plan.not_served.to_dict("records")
    assert (row["object_id"], row["name"], row["cause"]) == ("T-02209-2", "Bản Khẻ", "too_weak")
    assert re.search(r"the best reaches -\d+ dBm at its weakest point, -72 dBm are needed", row["reason_en"])
    missing_db, cost = re.match(r"(.*) dB more: Taller masts .* about VND (\d+) million", row["helps_en"]).groups()
    assert float(missing_db) > 0
    assert int(cost) == 362  # 40 million and 48 a year over ten years
    assert len(plan.short) == 2  # 98 % of 8 hamlets are 8 too


def test_hamlets_of_special_difficulty_with_power_are_the_fund_s(tmp_path):
    def special(villages):
        return villages.assign(difficulty="special", grid_power=[True] * 7 + [False])

    plan = pipeline.propose_white_spots(opened(tmp_path / "s", villages=special))
    funding = dict(zip(plan.proposals["village_id"], plan.proposals["funding"], strict=True))
    assert funding == {"T-02203-2": "universal_service_fund", "T-02209-2": "operator"}


def test_lower_masts_and_wider_spacing_change_the_plan_as_they_should(spots, tmp_path):
    _, plan = spots
    rule = {"unit": "m", "source": "thử"}
    low = [{"rule": "max_height", "area": area, "value": 45, **rule} for area in ("urban", "rural")]
    lower = pipeline.propose_white_spots(opened(tmp_path / "low", {**FAR, "rules": low}))
    assert lower.options.sites.table["height_m"].max() == 42.0
    assert plan.options.sites.table["height_m"].max() == 50.0
    assert lower.choice.cost >= plan.choice.cost - 1e-9
    wide = [{"rule": "min_spacing", "area": area, "value": 2500, **rule} for area in ("urban", "rural")]
    study = opened(tmp_path / "wide", {**FAR, "rules": wide})
    spaced = pipeline.propose_white_spots(study)
    masts = np.column_stack([study.stations.geometry.x, study.stations.geometry.y])
    new = spaced.proposals[spaced.proposals["action"].isin(["new_mast", "small_cell"])]
    for x, y in zip(new["x_m"], new["y_m"], strict=True):
        assert np.hypot(masts[:, 0] - x, masts[:, 1] - y).min() >= 2500 - 0.1
    at = new[["x_m", "y_m"]].to_numpy(float)
    assert np.hypot(*(at[0] - at[1])) >= 2500 or len(at) < 2


def test_every_operator_costs_more_than_any_and_shares_new_masts(spots, tmp_path):
    _, one = spots
    every = {"operators": "every", "every_operators": ["VTL", "VNPT"]}
    full = pipeline.propose_white_spots(opened(tmp_path / "full", {**FAR, "white_spots": every}))
    assert "no_room" in set(full.not_served["cause"])  # two operators, one free slot, no ground for a mast
    assert len(full.not_served) + full.choice.served.sum() == full.problem.hamlet_of.size
    stations = small_layers()["stations"].assign(max_tenants=4)
    study = opened(tmp_path / "s", {**FAR, "white_spots": every}, stations=stations)
    plan = pipeline.propose_white_spots(study)
    assert plan.choice.served.all()
    assert plan.choice.cost > one.choice.cost
    wider = {"white_spots": {**every, "ground_where_covered": 30}}
    more = pipeline.propose_white_spots(opened(tmp_path / "wider", {**FAR, **wider}, stations=stations))
    assert len(more.options.actions) > len(plan.options.actions)
    assert more.choice.cost == pytest.approx(plan.choice.cost)
    assert pipeline.confirm_white_spots(study, plan)["covered"].all()
    assert set(plan.proposals["operator"]) == {"VTL", "VNPT"}
    built = plan.options.actions[plan.choice.actions]
    on_new = built[built["site"] >= 0].groupby("site")
    assert (on_new["antenna_height_m"].nunique() == on_new.size()).all()


def test_places_get_5g_with_six_of_ten_new_stations_on_structures_that_stand(placed):
    study, plan = placed
    program = plan.comparison.iloc[0]
    assert program["places"] == program["of"] == 3
    assert program["reuse_pct"] >= 60
    assert pipeline.confirm_places_5g(study, plan)["state_5g"].eq("covered").all()
    assert plan.comparison["cost_vnd"].min() == program["cost_vnd"]
    carried = plan.options.capacity_mbps[plan.choice.actions].sum()
    assert carried >= study.places["demand_mbps"].sum()


def test_the_reuse_quota_has_a_price(placed, tmp_path):
    _, plan = placed
    free = pipeline.propose_places_5g(
        opened(tmp_path / "s", {**FAR, "targets": {"BTS_NEW_SHARE_RATIO": {"target_2030": 0.0}}})
    )
    assert free.choice.cost < plan.choice.cost
    assert free.comparison["reuse_pct"].iloc[0] < 60


def test_a_budget_serves_most_users_first_and_all_places_once_it_is_enough(placed, tmp_path):
    _, everything = placed
    needed_vnd = everything.proposals["cost_base_vnd"].sum()
    users = {}
    for name, part in (("third", 0.34), ("enough", 1.01)):
        budget = {"places_5g": {"budget_vnd": needed_vnd * part}}
        plan = pipeline.propose_places_5g(opened(tmp_path / name, {**FAR, **budget}))
        users[name] = plan.choice.value
        assert plan.proposals["cost_base_vnd"].sum() <= needed_vnd * part
        assert (plan.comparison["value"] <= plan.choice.value).all()
        assert plan.choice.solution.gap == 0
    assert 0 < users["third"] < users["enough"] == everything.choice.value


def test_each_operator_at_each_place_costs_more_than_one_of_them(tmp_path):
    free = {"targets": {"BTS_NEW_SHARE_RATIO": {"target_2030": 0.0}}}
    two = {"operators": ["VTL", "VNPT"]}  # at 3.9 GHz no pole reaches far into these woods

    def quiet(places):
        return places.assign(demand_mbps=10.0)

    plans = {
        policy: pipeline.propose_places_5g(
            opened(tmp_path / policy, {**FAR, **free, "places_5g": {**two, "policy": policy}}, places=quiet)
        )
        for policy in ("one", "each")
    }
    assert plans["each"].choice.cost > plans["one"].choice.cost
    assert plans["each"].comparison["of"].iloc[0] == 6
    assert set(plans["each"].proposals["operator"]) == {"VTL", "VNPT"}


def test_traffic_beyond_all_placements_and_a_quota_that_cannot_be_kept_are_told_apart(placed, tmp_path):
    much = pipeline.propose_places_5g(
        opened(tmp_path / "much", {**FAR}, places=lambda p: p.assign(demand_mbps=[1e5, 40.0, 20.0]))
    )
    assert much.not_served[["object_id", "cause"]].to_numpy().tolist() == [["P-1", "no_room"]]
    assert "100,000 Mbit/s" in much.not_served["reason_en"].iloc[0]
    assert {one for text in much.proposals["gains"] for one in str(text).split(";") if one} == {"P-2", "P-3"}
    _, plan = placed
    everything = {"targets": {"BTS_NEW_SHARE_RATIO": {"target_2030": 100.0}}}
    strict = pipeline.propose_places_5g(opened(tmp_path / "all", {**FAR, **everything}))
    assert set(strict.not_served["cause"]) == {"quota"}
    assert not strict.proposals["action"].eq("new_structure_5g").any()
    assert len(strict.not_served) == 3 - strict.choice.served.sum() > 0
    assert strict.choice.value < plan.choice.value


def test_a_place_no_band_of_an_operator_reaches_is_listed_and_the_others_are_served(tmp_path):
    alone = {"policy": "each", "operators": ["MBF"]}
    plan = pipeline.propose_places_5g(opened(tmp_path / "s", {**FAR, "places_5g": alone}))
    (row,) = plan.not_served.to_dict("records")
    assert (row["name"], row["operator"], row["cause"]) == ("Thác Thử", "MBF", "no_option")
    assert {one for text in plan.proposals["gains"] for one in str(text).split(";") if one} == {"P-1", "P-2"}


def test_new_structures_of_5g_are_non_bulky_and_planned_places_can_wait(placed, tmp_path):
    _, plan = placed
    new = plan.proposals[plan.proposals["action"] == "new_structure_5g"]
    assert set(new["structure"]) <= {"A1a", "A1b"}
    later = pipeline.propose_places_5g(opened(tmp_path / "s", {**FAR, "places_5g": {"planned": False}}))
    assert later.comparison["of"].iloc[0] == 2
    assert later.choice.cost < plan.choice.cost


def test_capacity_of_a_radio_is_spectrum_time_efficiency_and_what_can_be_promised():
    plain = next(one for one in configurations() if one.configuration == "8T8R")
    assert capacity_mbps("N2600", plain, 0.5) == pytest.approx(3 * 273 * 12 * 0.030 * 0.75 * 3.3 * 0.5)


def test_bands_come_from_the_licences_and_antennas_are_aimed():
    assert bands_of("VTL") == ("L700", "L900", "L1800")
    assert bands_of("MBF", "5G") == ("N3900",)
    assert azimuth_deg(0, 0, 100, 0) == 90
    assert azimuth_deg(0, 0, -100, -100) == 225
    assert tilt_deg(100.0, 1000.0) == pytest.approx(6)
    assert tilt_deg(-50.0, 1000.0) == 0


def test_what_others_depend_on_is_never_later_though_kinds_were_planned_apart():
    rows = pd.DataFrame({
        "proposal_id": ["a", "b", "c", "d"], "year": pd.array([2025, 2028, 2030, 2026], dtype="Int64"),
        "depends_on": ["b", "c;gone", None, None],
    })  # fmt: skip
    assert first_things_first(rows)["year"].tolist() == [2025, 2025, 2025, 2026]


def test_a_station_that_only_adds_capacity_is_needed_by_the_place_that_lacks_it(placed):
    _, plan = placed
    rows = plan.proposals.set_index("proposal_id")
    idle = set(rows.index[rows["gains_count"] == 0])
    assert idle
    needed = {one for text in rows["depends_on"].dropna() for one in text.split(";")}
    assert needed == idle
    carried = plan.options.capacity_mbps[plan.choice.actions]
    gains = plan.problem.cover.traffic.sum()
    assert carried.sum() >= gains
    for reason in rows.loc[sorted(idle), "reason_en"]:
        assert re.match(r"Serves with another placement: \w|Serves no place: only the ratio", reason)


def written(folder, *options, settings=None, **layers_):
    """What `covplan propose` leaves behind and says."""
    study = small_study(folder / "s", settings={**DARK, **(settings or FAR)}, **layers_)
    told = CliRunner().invoke(main, ["propose", str(study), "-o", str(folder / "out"), *options])
    assert told.exit_code == 0, told.output
    tables = {path.stem: pd.read_csv(path, encoding="utf-8-sig") for path in (folder / "out").glob("*.csv")}
    return " ".join(told.output.split()), tables


EASY = {**FAR, "targets": {"BTS_SHARE_RATIO": {"target_2025": 14.0, "target_2030": 14.0}}}


def test_the_command_writes_what_the_functions_find_each_with_its_year(tmp_path):
    said, tables = written(tmp_path, settings=EASY)
    assert "tính lại, 2/2 thôn được phủ sóng" in said
    assert "Chung tuyến cáp: " in said
    rows, compared = tables["proposals"], tables["comparison"]
    assert set(rows["kind"]) == {"white_spot", "place_5g", "fiber"}
    assert rows["proposal_id"].is_unique
    assert len(tables["supply_curve"]) == 2
    assert set(compared["kind"]) == {"white_spot", "place_5g", "fiber", "trench", "share"}
    assert (compared.groupby("kind")["method"].first().drop("share") == "program").all()
    assert rows["year"].between(2025, 2030).all()
    assert rows["year"].nunique() > 2  # nobody set budgets: targets are met when they are asked for, the rest is spread
    year = rows.set_index("proposal_id")["year"]
    for later, first in zip(rows["proposal_id"], rows["depends_on"], strict=True):
        for one in str(first).split(";") if pd.notna(first) else ():
            assert year[one] <= year[later]  # backhaul before mast
    on_cable = rows[(rows["kind"] == "white_spot") & rows["depends_on"].notna()]
    assert rows.set_index("proposal_id").loc[on_cable["depends_on"], "action"].eq("backhaul").all()
    gained = {one for text in rows.loc[rows["action"] == "connect_hamlet", "gains"] for one in text.split(";")}
    assert gained <= set(small_layers()["villages"]["village_id"])


def test_one_kind_alone_without_years(tmp_path):
    said, tables = written(tmp_path, "-k", "fiber", "--no-years")
    rows = tables["proposals"]
    assert set(rows["action"]) == {"connect_hamlet"}
    assert rows[["x_m", "y_m", "lon", "lat", "length_m"]].notna().all(axis=None)
    assert rows["lon"].between(105, 106).all()
    assert rows["year"].notna().all()  # in the order of joining
    assert tables["comparison"]["kind"].eq("fiber").all()
    assert "supply_curve" not in tables
    assert "trench" not in said


def test_sharing_alone_says_who_loses_nothing(tmp_path):
    said, tables = written(tmp_path, "-k", "share")
    assert "0 thôn mất sóng của một nhà mạng" in said
    assert tables["comparison"]["kind"].eq("share").all()
    if "proposals" in tables:
        assert tables["proposals"]["kind"].eq("share").all()


def test_what_can_be_done_is_written_and_the_rest_is_listed(tmp_path):
    near = {"propose": {"road_m": 1500}}  # the far hamlet is out of every candidate's reach
    said, tables = written(tmp_path / "far", "-k", "white_spot", "-k", "fiber", settings=near)
    assert set(tables["proposals"]["kind"]) == {"fiber", "white_spot"}
    dark = tables["not_served"][tables["not_served"]["kind"] == "white_spot"]
    assert dark["name"].tolist() == ["Bản Khẻ"]
    assert "Bản Khẻ" in said
    roadless, left = written(
        tmp_path / "roadless", "-k", "fiber", "-k", "place_5g", "--no-years", roads=lambda roads: roads[:0]
    )
    assert "Cáp quang: roads.gpkg: thiếu" in roadless
    assert set(left["proposals"]["kind"]) == {"place_5g"}


def test_nothing_that_can_be_done_writes_no_proposals_and_says_why(tmp_path):
    said, tables = written(tmp_path, "-k", "fiber", roads=lambda roads: roads[:0])
    assert "Cáp quang: roads.gpkg: thiếu" in said
    assert "proposals" not in tables
