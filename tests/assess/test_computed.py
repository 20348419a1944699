"""Coverage turned into figures: every computed state and indicator once more with plain loops over points."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from shapely.geometry import Point

import covplan
from covplan.assess.demand import Demand, demand_points
from covplan.assess.hamlets import Signal, states
from covplan.assess.places import place_points, place_states
from covplan.assess.uncertainty import shadow_field, share_with_signal
from covplan.pipeline import Workspace, compare, compare_definitions, explain_link
from covplan.publish.maps import draw_map
from covplan.publish.sheet import sheet_html
from covplan.radio.links import receive
from covplan.radio.servers import any_probability
from covplan.study.codes import ANY
from covplan.study.folder import open_study
from covplan.study.grid import Grid
from covplan.study.rasters import cell_size_m
from covplan.study.settings import Definition
from tests.study import EPSG, SIDE, small_study

COMPUTED = {"basis": "computed"}
EDGE = {  # where the small province is divided; the uplink asks for a call, and the downlink decides
    "4G": {"rsrp_threshold_dbm": -90.0, "uplink_mbps": 0.03},
    "5G": {"rsrp_threshold_dbm": -92.0, "uplink_mbps": 0.03},
}


def divided_study(folder):
    """The small study with covered, weak and dark hamlets: one lives all in one place, one mast stands aside."""

    def stations(table):
        return table.assign(lat=table["lat"] + 0.01 * (table["station_id"] == "S-4"))

    def dwellings(table):
        together = table["village_id"] == "T-02209-1"
        return table.assign(geometry=table.geometry.where(~together, table.geometry[together].iloc[0]))

    return small_study(folder, {"coverage": COMPUTED, "radio": EDGE}, stations=stations, dwellings=dwellings)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return covplan.make_plan(open_study(divided_study(tmp_path_factory.mktemp("computed"))))


def received(study, technology, points):
    """RSRP at (x, y) of every operator with the technology on air, from the radio model alone."""
    ground = covplan.pipeline.Workspace(study).ground
    radio, found = study.settings.radio[technology], {}
    air = study.stations[
        study.stations["technologies"].str.contains(technology) & (study.stations["status"] == "existing")
    ]
    for operator in sorted(set(air["operator"])):
        one = receive(
            air[air["operator"] == operator], study.cells, [p[0] for p in points], [p[1] for p in points], ground,
            technology, radio, study.settings.propagation,
        )  # fmt: skip
        found[operator] = [-999.0 if np.isnan(dbm) else float(dbm) for dbm in one.rsrp_dbm]
    return found


def by_hand(study, technology):
    """State, covered share and operators of each hamlet, by the words of the province's definition."""
    radio = study.settings.radio[technology]
    level = radio.rsrp_threshold_dbm + norm.ppf(radio.confidence) * study.settings.propagation.location_sigma_db
    result = {}
    for village in study.villages.to_crs(EPSG).to_dict("records"):
        centre = gpd.GeoSeries([Point(village["centre_lon"], village["centre_lat"])], crs=4326).to_crs(EPSG)[0]
        homes = study.dwellings[study.dwellings["village_id"] == village["village_id"]]
        points = [(centre.x, centre.y), *((p.x, p.y) for p in homes.geometry)]
        got = received(study, technology, points)
        best = [max((dbm[n] for dbm in got.values()), default=-999.0) for n in range(len(points))]
        covered = sum(h for h, dbm in zip(homes["households"], best[1:], strict=True) if dbm >= level)
        share = covered / homes["households"].sum()
        state = "none" if best[0] < level else "covered" if share == 1 else "weak"
        present = sorted(operator for operator, dbm in got.items() if dbm[0] >= level)
        result[village["village_id"]] = (state, share, present)
    return result


def test_states_shares_and_operators_equal_a_count_by_hand(plan):
    hand = by_hand(plan.study, "4G")
    assert {state for state, _, _ in hand.values()} == {"covered", "weak", "none"}  # or the study would tell nothing
    for hamlet in plan.hamlets.to_dict("records"):
        state, share, present = hand[hamlet["village_id"]]
        assert hamlet["mobile_state"] == state
        assert hamlet["covered_share"] == pytest.approx(share, abs=1e-4)
        assert hamlet["operators"] == ";".join(present)
        assert hamlet["operators_count"] == len(present)
        assert hamlet["basis"] == "computed"


def test_indicators_of_coverage_equal_a_count_by_hand(plan):
    found = plan.indicators.set_index("indicator")
    hand, five = by_hand(plan.study, "4G"), by_hand(plan.study, "5G")
    lit = sum(state != "none" for state, _, _ in hand.values())
    assert (found.at["VILLAGE_MBB_COV", "numerator"], found.at["VILLAGE_MBB_COV", "denominator"]) == (lit, len(hand))
    demand = set(plan.study.communes.query("demand_5g and boundary_version == '2025-02'")["commune_code"])
    people = {
        v["village_id"]: v["population"] for v in plan.study.villages.to_dict("records") if v["commune_code"] in demand
    }
    served = sum(five[village][1] * size for village, size in people.items())
    assert found.at["5G_POP", "denominator"] == sum(people.values())
    assert found.at["5G_POP", "numerator"] == pytest.approx(served, abs=0.1)
    assert served > 0


def test_every_figure_is_the_sum_of_the_objects_behind_it(plan):
    for row in plan.indicators.dropna(subset="numerator").itertuples():
        behind = plan.evidence[plan.evidence["indicator"] == row.indicator]
        assert behind.loc[behind["known"], "numerator"].sum() == pytest.approx(row.numerator)
        assert behind.loc[behind["known"], "denominator"].sum() == pytest.approx(row.denominator)
        assert (~behind["known"]).sum() == row.unknown
    for (name, kind, _version), part in plan.parts.groupby(
        ["indicator", "part_kind", "boundary_version"], dropna=False
    ):
        if kind in ("commune", "district", "place_kind"):
            whole = plan.indicators.set_index("indicator").loc[name]
            assert part["numerator"].sum() == pytest.approx(whole["numerator"])
            assert part["denominator"].sum() == pytest.approx(whole["denominator"])


def test_an_operators_own_share_of_hamlets_is_in_the_parts(plan):
    hand = by_hand(plan.study, "4G")
    own = plan.parts.query("indicator == 'VILLAGE_MBB_COV' and part_kind == 'operator'").set_index("part_code")
    for operator in own.index:
        assert own.at[operator, "numerator"] == sum(operator in present for _, _, present in hand.values())


def test_a_higher_threshold_changes_exactly_the_hamlets_between(plan):
    old = plan.study.settings.radio["4G"]
    new = replace(
        plan.study,
        settings=plan.study.settings.model_copy(
            update={"radio": {**plan.study.settings.radio, "4G": old.model_copy(update={"rsrp_threshold_dbm": -70.0})}}
        ),
    )
    after = covplan.make_plan(new)
    shift = norm.ppf(old.confidence) * plan.study.settings.propagation.location_sigma_db
    rsrp = plan.hamlets["rsrp_dbm"].fillna(-999)
    between = (rsrp >= -90.0 + shift) & (rsrp < -70.0 + shift)
    darkened = (plan.hamlets["mobile_state"] != "none") & (after.hamlets["mobile_state"] == "none")
    assert between.any()
    assert (darkened == between).all()
    told = compare(plan, after)
    assert set(plan.hamlets.loc[between, "village_id"]) <= set(told.hamlets["village_id"])
    assert told.hamlets["cause_en"].str.contains("radio.4G.rsrp_threshold_dbm -90.0 → -70.0").all()
    assert told.stations.empty


def test_a_removed_station_is_named_as_the_cause(plan):
    alone = (plan.hamlets["mobile_state"] != "none") & (plan.hamlets["operators_count"] == 1)
    gone = plan.hamlets.loc[alone, "server"].iloc[0].rsplit("-4-", 1)[0]
    fewer = replace(
        plan.study,
        stations=plan.study.stations[plan.study.stations["station_id"] != gone],
        cells=plan.study.cells[plan.study.cells["station_id"] != gone],
    )
    told = compare(plan, covplan.make_plan(fewer))
    assert told.stations.to_dict("records") == [{"station_id": gone, "change": "removed", "what": ""}]
    assert len(told.hamlets) > 0
    assert told.hamlets["cause_en"].str.contains(f"station gone {gone}").any()
    drop = told.indicators.set_index("indicator").at["VILLAGE_MBB_COV", "difference"]
    assert drop < 0


def test_the_map_says_how_far_it_agrees_with_the_provinces_list(plan):
    told = plan.reliability.set_index("against")
    both = plan.hamlets[plan.hamlets["declared_state"] != "unknown"]
    lit = both[both["mobile_state"] != "none"]
    assert told.at["list_lit", "n"] == len(lit)
    assert told.at["list_lit", "met"] == (lit["declared_state"] != "none").sum()
    assert told.at["list_dark", "n"] == len(both) - len(lit)
    page = draw_map(plan).get_root().render()
    assert f"{told.at['list_lit', 'met']}/{told.at['list_lit', 'n']} đúng (Wilson" in page


PROVINCE = Definition(technology="4G", centre=True, source="test")


def one_hamlet(covered, known=(True, True, True)):
    demand = Demand(
        np.zeros(3), np.zeros(3), np.zeros(3, int), np.array([0.0, 60.0, 40.0]), np.array([True, False, False])
    )
    return demand, np.array(covered), np.array(known)


@pytest.mark.parametrize(
    ("covered", "known", "share", "state"),
    [
        ((True, True, True), (True, True, True), None, "covered"),
        ((True, True, False), (True, True, True), None, "weak"),
        ((True, True, False), (True, True, True), 0.6, "covered"),
        ((True, True, False), (True, True, True), 0.61, "weak"),
        ((False, True, True), (True, True, True), None, "none"),
        ((True, True, False), (True, True, False), None, "unknown"),  # the other cluster may be lit or dark
        ((True, False, False), (True, True, False), None, "weak"),  # one dark cluster is enough
        ((False, True, True), (False, True, True), None, "unknown"),  # of the centre nothing is known
    ],
)
def test_state_by_the_provinces_definition(covered, known, share, state):
    definition = PROVINCE.model_copy(update={"cluster_share": share})
    assert states(*one_hamlet(covered, known), definition, 1).tolist() == [state]


@pytest.mark.parametrize(
    ("covered", "share", "state"),
    [((False, True, True), None, "covered"), ((True, True, False), None, "weak"), ((True, False, False), None, "none"),
     ((False, True, False), 0.5, "covered")],
)  # fmt: skip
def test_without_a_centre_rule_only_people_count(covered, share, state):
    definition = Definition(technology="4G", centre=False, cluster_share=share, source="test")
    assert states(*one_hamlet(covered), definition, 1).tolist() == [state]


@pytest.mark.parametrize("definition", [PROVINCE, Definition(technology="4G", centre=False, source="test")])
@pytest.mark.parametrize(
    ("covered", "known", "state"), [(True, True, "covered"), (False, True, "none"), (False, False, "unknown")]
)
def test_a_hamlet_without_dwellings_is_told_by_its_centre_and_unknown_without_one(definition, covered, known, state):
    nobody = Demand(np.zeros(1), np.zeros(1), np.zeros(1, int), np.zeros(1), np.ones(1, bool))
    found = states(nobody, np.array([covered]), np.array([known]), definition, 2).tolist()
    assert found == [state, "unknown"]


def test_a_hamlet_without_clusters_is_counted_where_the_population_raster_has_people(tmp_path):
    study = open_study(small_study(tmp_path, dwellings=lambda table: table[table["village_id"] != "T-02200-1"]))
    grid = study.grid.coarsened(90.0)
    people = np.zeros(grid.shape, np.float32)
    inside = study.villages.geometry.iloc[0]
    row, column = (int(v) for v in grid.rowcol(inside.centroid.x + 900, inside.centroid.y))
    people[row, column], people[row + 3, column] = 3.0, 1.0
    demand = demand_points(study.villages, study.dwellings, (grid, people))
    mine = (demand.village == 0) & ~demand.centre
    assert sorted(demand.households[mine]) == [25.0, 75.0]  # 100 households
    without = demand_points(study.villages, study.dwellings)
    assert not ((without.village == 0) & ~without.centre).any()


@pytest.mark.parametrize("cell_m", [90, 300, 1000])
def test_inhabitants_are_counted_once_a_cell_of_their_raster_not_once_a_cell_of_the_grid(tmp_path, cell_m):
    """A kilometre of WorldPop is one point: as 90 m cells a province would have millions, all with one truth."""
    folder = small_study(tmp_path, dwellings=pd.DataFrame())
    bounds = open_study(folder).grid.bounds
    coarse = Grid.from_bounds(bounds, cell_m, EPSG)
    coarse.write(folder / "population.tif", np.ones(coarse.shape, "float32"))
    assert cell_size_m(folder / "population.tif", EPSG) == pytest.approx(cell_m)
    demand = Workspace(open_study(folder)).land.demand
    province_m2 = 4 * SIDE**2
    assert (~demand.centre).sum() == pytest.approx(province_m2 / cell_m**2, rel=0.2)


def test_points_get_the_cells_nearest_to_them_each_cell_one_hamlet(tmp_path):
    study = open_study(small_study(
        tmp_path, dwellings=pd.DataFrame(), villages=lambda table: table.set_geometry(table.geometry.centroid)
    ))  # fmt: skip
    grid = study.grid.coarsened(300.0)
    demand = demand_points(study.villages, study.dwellings, (grid, np.ones(grid.shape, np.float32)))
    home = ~demand.centre
    at = study.villages.geometry
    away = np.hypot(demand.x_m[home, None] - at.x.to_numpy(), demand.y_m[home, None] - at.y.to_numpy())
    assert (away[np.arange(home.sum()), demand.village[home]] == away.min(axis=1)).all()
    assert len(np.unique(np.column_stack([demand.x_m[home], demand.y_m[home]]), axis=0)) == home.sum()
    assert demand.households.sum() == pytest.approx(study.villages["households"].sum())


def test_places_count_by_area_and_points_by_a_disc():
    places = gpd.GeoDataFrame(
        {
            "place_id": ["a", "b"], "kind": ["industrial_zone", "school"], "name": ["", ""], "status": ["existing"] * 2,
            "users": [1, 1], "demand_mbps": [1.0, 1.0], "precision_m": [0.0, 0.0], "declared_5g": [None, True],
        },
        geometry=[Point(0, 0).buffer(500, quad_segs=64), Point(5000, 0)],
        crs=EPSG,
    )  # fmt: skip
    points = place_points(places, 100.0, 20.0)
    area = (points.place == 0).sum() * 400.0
    assert area == pytest.approx(np.pi * 500**2, rel=0.02)
    disc = points.place == 1
    assert np.hypot(points.x_m[disc] - 5000, points.y_m[disc]).max() <= 100
    east = points.x_m > 0
    states_of = place_states(places, points, np.where(east, -80.0, -120.0), np.where(east, 1.0, 0.0), east)
    assert states_of["state_5g"].tolist() == ["weak", "covered"]
    assert states_of["covered_share"][0] == pytest.approx(0.5, abs=0.03)
    unknown = place_states(places, points, np.full(east.size, np.nan), np.full(east.size, np.nan), east)
    assert unknown["state_5g"].tolist() == ["unknown", "unknown"]
    assert place_states(places)["state_5g"].tolist() == ["unknown", "covered"]


def test_the_shadow_field_has_the_correlation_it_says():
    x = np.array([0.0, 60.0, 120.0, 5000.0])
    field = shadow_field(x, np.zeros(4), 120.0, 40_000, np.random.default_rng(1))
    found = np.corrcoef(field)
    expected = np.exp(-np.abs(x[:, None] - x[None]) / 120.0)
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_allclose(field.std(axis=1), 1.0, atol=0.02)


def test_the_interval_is_that_of_independent_hamlets_when_they_are_far_apart():
    rng = np.random.default_rng(3)
    count, threshold = 200, -110.0
    rsrp = rng.normal(-100, 10, count).astype(np.float32)
    demand = Demand(np.arange(count) * 1e4, np.zeros(count), np.arange(count), np.zeros(count), np.ones(count, bool))
    chance = norm.sf(threshold, rsrp, 8.0)
    flags = np.zeros(count, bool)
    nobody = np.full(count, "", object)

    def share(*sites):
        margin_db = np.column_stack([rsrp - threshold] * len(sites))
        site = np.tile(np.array(sites), (count, 1))
        one = Signal(
            "4G", "any", rsrp, chance.astype(np.float32), flags, flags, rsrp, nobody, margin_db, site, margin_db
        )
        return share_with_signal(demand, one, 8.0, correlation_m=120.0, site_correlation=0.5, draws=4000, seed=1)

    drawn = share(0)
    assert drawn.mean() == pytest.approx(chance.mean(), abs=0.003)
    assert drawn.std() == pytest.approx(np.sqrt((chance * (1 - chance)).sum()) / count, rel=0.05)
    two = share(0, 1)  # a second site of the same median helps where the first is shadowed, as the model says
    expected = any_probability(np.column_stack([rsrp - threshold] * 2), 8.0, 0.5)
    assert two.mean() == pytest.approx(expected.mean(), abs=0.003)
    assert expected.mean() > chance.mean() + 0.03


@pytest.mark.parametrize("indicator", ["VILLAGE_MBB_COV", "5G_POP", "5G_KEYPLACES", "5G_IZ_TOURISM"])
@pytest.mark.parametrize("parameter", ["threshold_dbm", "probability"])
def test_curves_pass_through_the_indicator_and_fall_with_the_threshold(plan, indicator, parameter):
    value = plan.indicators.set_index("indicator").at[indicator, "value"]
    curve = plan.curves.query("indicator == @indicator and parameter == @parameter").sort_values("x")
    assert curve.loc[curve["current"], "value"].tolist() == pytest.approx([value], abs=1e-3)
    assert curve["value"].is_monotonic_decreasing
    if parameter == "threshold_dbm":
        assert curve["value"].iloc[0] > curve["value"].iloc[-1]


@pytest.mark.parametrize(
    ("threshold_dbm", "technology"), [(-100.0, "4G"), (-95.0, "4G"), (-100.0, "5G"), (-95.0, "5G")]
)
def test_a_point_of_a_curve_is_the_indicator_of_a_study_that_is_set_so(plan, threshold_dbm, technology):
    study = plan.study
    radio = dict(study.settings.radio)
    radio[technology] = radio[technology].model_copy(update={"rsrp_threshold_dbm": threshold_dbm})
    settings = study.settings.model_copy(update={"radio": radio})
    moved = covplan.make_plan(replace(study, settings=settings)).indicators.set_index("indicator")["value"]
    names = {"4G": ["VILLAGE_MBB_COV"], "5G": ["5G_POP", "5G_KEYPLACES", "5G_IZ_TOURISM"]}[technology]
    over = plan.curves.query("parameter == 'threshold_dbm' and x == @threshold_dbm").set_index("indicator")["value"]
    for name in names:
        assert over[name] == pytest.approx(moved[name], abs=1e-3)


def test_the_curve_of_fiber_counts_hamlets_by_the_share_that_is_passed(plan):
    reached = covplan.pipeline.fiber_reach(plan.study)[0]
    curve = plan.curves.query("indicator == 'VILLAGE_FTTH_COV'").set_index("x")["value"]
    known = [row for row in reached.itertuples() if row.ftth is not pd.NA]
    for share, value in curve.items():
        served = sum(row.passed_share >= share for row in known)
        assert value == pytest.approx(100 * served / len(known), abs=1e-3)


def test_locations_merged_within_a_radius_raise_the_sharing_ratio(tmp_path):
    def twins(table):
        near = table[table["station_id"] == "S-3"].assign(
            station_id="S-99", operator="MBF", location_id="L-99", lat=table.loc[2, "lat"] + 25 / 111_000
        )
        return pd.concat([table, near], ignore_index=True)

    made = covplan.make_plan(open_study(small_study(tmp_path, stations=twins)))
    curve = made.curves[made.curves["parameter"] == "merge_radius_m"].set_index("x")["value"]
    assert curve[0.0] == curve[20.0] == pytest.approx(100 / 7, abs=1e-3)
    assert curve[30.0] == pytest.approx(100 * 2 / 6, abs=1e-3)


def test_every_definition_gives_a_row_and_a_stricter_one_covers_less(plan):
    found = compare_definitions(plan.study).set_index("preset")
    assert set(found.index) == set(plan.study.settings.definitions)
    assert found.at["ofcom_4g_indoor", "households_pct"] <= found.at["ofcom_4g", "households_pct"]
    own = plan.indicators.set_index("indicator").at["VILLAGE_MBB_COV", "value"]
    assert found.at["province", "hamlets_pct"] == pytest.approx(own, abs=1e-3)


def test_a_definition_by_area_counts_points_spread_over_the_province(plan):
    study = plan.study
    coverage = study.settings.coverage.model_copy(update={"area_spacing_m": 500.0})
    found = compare_definitions(replace(study, settings=study.settings.model_copy(update={"coverage": coverage})))
    row = found.set_index("preset").loc["ofcom_5g"]
    west, south, east, north = study.outline.bounds
    points = [
        (x, y)
        for y in np.arange(np.ceil(south / 500), north / 500) * 500
        for x in np.arange(np.ceil(west / 500), east / 500) * 500
        if study.outline.contains(Point(x, y))
    ]
    best = np.max(list(received(study, "5G", points).values()), axis=0)
    lit = norm.sf(row["rsrp_threshold_dbm"], best, study.settings.propagation.location_sigma_db) >= row["confidence"]
    assert row["denominator"] == "area"
    assert row["area_pct"] == pytest.approx(100 * lit.mean())
    assert 0 < row["area_pct"] < 100
    assert row["area_error_pct"] == pytest.approx(100 * np.sqrt(lit.mean() * (1 - lit.mean()) / len(points)))


def test_the_page_of_a_hamlet_says_what_the_plan_says_and_escapes_what_people_wrote(tmp_path):
    evil = "<img src=x onerror=alert(1)>{{ 7*7 }}"

    def named(table):
        return table.assign(name=[evil, *table["name"][1:]])

    study = open_study(small_study(tmp_path, {"coverage": COMPUTED, "radio": EDGE}, villages=named))
    made = covplan.make_plan(study)
    page = sheet_html(made, "T-02200-1", explain_link(study, "T-02200-1"))
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;{{ 7*7 }}" in page
    dark = made.hamlets.loc[made.hamlets["mobile_state"] == "none", "village_id"].iloc[0]
    explained = explain_link(study, dark)
    page = sheet_html(made, dark, explained)
    for text in (
        "1. Hiện trạng",
        "2. Trạm của từng nhà mạng",
        "3. Nguyên nhân",
        "4. Kế hoạch",
        "Trắng sóng",
        "data:image/png",
    ):
        assert text in page
    for link in explained.links:
        assert link.cell_id in page


def test_a_declared_study_says_so_and_any_is_the_best_operator(plan, tmp_path):
    declared = covplan.make_plan(open_study(small_study(tmp_path)))
    assert set(declared.hamlets["basis"]) == {"declared"}
    assert declared.signals.empty
    wide = plan.signals[plan.signals["technology"] == "4G"].pivot_table(
        index="village_id", columns="operator", values="rsrp_dbm"
    )
    best = wide.drop(columns=ANY).max(axis=1)
    pd.testing.assert_series_equal(wide[ANY], best, check_names=False)
