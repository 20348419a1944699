"""What a study may lack: the right answer where something is missing, and no traceback whatever is."""

from __future__ import annotations

import io

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from rich.console import Console

from covplan import pipeline
from covplan.cli.plan import _show_indicators
from covplan.publish import map_texts
from covplan.publish.annexes import write_annexes
from covplan.publish.report import write_report
from covplan.publish.sheet import sheet_html
from covplan.study.errors import LayerError
from covplan.study.folder import open_study
from covplan.study.language import speaking
from tests.least_data import IN_THE_GATE, Case, in_the_gate, off_terrain, outcomes
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study

COMPUTED = {"coverage": {"basis": "computed"}, "grid": {"cell_m": 300, "margin_m": 1000}, "uncertainty": {"draws": 20}}
NOTHING = pd.DataFrame()


def opened(folder, settings=None, *, population=True, **layers):
    path = small_study(folder / "s", {**COMPUTED, **(settings or {})}, **layers)
    if not population:
        (path / "population.tif").unlink()
    return open_study(path)


def without(column):
    return lambda table: table.drop(columns=column)


def test_stations_of_no_known_band_are_left_out_of_coverage_and_named(tmp_path):
    plan = pipeline.make_plan(opened(tmp_path, cells=NOTHING, stations=lambda t: t.assign(bands="U900")))
    assert plan.signals.empty
    assert set(plan.hamlets["basis"]) == {"declared"}
    said = {one.id for one in plan.findings if one.check == "station_without_band"}
    assert said == {f"S-{n}" for n in range(1, 8)}


def test_an_operator_of_no_known_band_is_not_taken_for_one_nobody_receives(tmp_path):
    def stations(table):
        return table.assign(bands=table["bands"].mask(table["operator"] == "VNM", "U900"))  # of its 3G alone

    plan = pipeline.make_plan(opened(tmp_path, cells=lambda t: t[t["station_id"] != "S-7"], stations=stations))
    assert set(plan.signals["operator"]) == {"VTL", "VNPT", "MBF", "any"}
    assert [one.id for one in plan.findings if one.check == "station_without_band"] == ["S-7"]


def test_places_of_5g_are_asked_for_where_there_are_none(tmp_path):
    study = opened(tmp_path, places=NOTHING)
    with pytest.raises(LayerError, match=r"places\.gpkg"):
        pipeline.propose_places_5g(study)


def test_placements_of_5g_are_confirmed_by_the_engine_where_the_study_takes_coverage_as_declared(tmp_path):
    study = opened(tmp_path, {"coverage": {"basis": "declared"}})
    confirmed = pipeline.confirm_places_5g(study, pipeline.propose_places_5g(study))
    assert confirmed["covered_share"].notna().all()
    assert set(confirmed["state_5g"]) == {"covered"}


def test_documents_and_sheets_do_without_difficulty_and_grid_power(tmp_path):
    plan = pipeline.make_plan(opened(tmp_path, villages=without(["difficulty", "grid_power"])))
    write_annexes(plan, tmp_path / "a.xlsx")
    write_report(plan, tmp_path / "a.html")
    assert "; – thôn đặc biệt khó khăn; – thôn" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "T-02203-2" in sheet_html(plan, "T-02203-2")


def test_a_change_from_known_to_unknown_is_a_change(tmp_path):
    declared = {"coverage": {"basis": "declared"}}
    full = pipeline.make_plan(opened(tmp_path / "full", declared))
    bare = pipeline.make_plan(opened(tmp_path / "bare", declared, cells=without("antenna")))
    assert pipeline.compare(full, bare).cells["change"].tolist() == ["changed"] * len(small_layers()["cells"])


def beside_the_road(table):
    """An exchange and an access point at the centres of the first and the third hamlet."""
    at = small_layers()["villages"].geometry.centroid
    return table.set_geometry(gpd.GeoSeries([at[0], at[2]], crs=EPSG))


def as_points(table):
    """Hamlets as the points of their centres."""
    return table.set_geometry(table.geometry.centroid)


EDGE = {"radio": {"4G": {"rsrp_threshold_dbm": -85.0}}}  # two centres are dark


@pytest.fixture(scope="module")
def pointed(tmp_path_factory):
    """Plans of one province: with clusters, and with points for hamlets and nothing that says where people live."""
    folder = tmp_path_factory.mktemp("points")
    bare = {"villages": lambda t: as_points(t.drop(columns="declared_mobile")), "dwellings": NOTHING}
    full = pipeline.make_plan(opened(folder / "full", EDGE))
    return full, pipeline.make_plan(opened(folder / "bare", EDGE, population=False, **bare))


def headline(plan, name):
    row = plan.indicators.set_index("indicator").loc[name]
    return row["numerator"], row["denominator"] - row["numerator"], row["unknown"]


def test_a_hamlet_known_as_a_point_is_covered_where_its_centre_is(pointed):
    full, bare = pointed
    lit = full.hamlets["mobile_state"] != "none"
    assert sorted(lit) == [False] * 2 + [True] * 6
    assert bare.hamlets["mobile_state"].tolist() == ["covered" if one else "none" for one in lit]
    assert set(bare.hamlets["basis"]) == {"centre"}
    assert bare.hamlets["covered_share"].tolist() == [float(one) for one in lit]


@speaking("en")
def test_the_headline_tells_covered_not_covered_and_unknown(pointed, tmp_path):
    for plan in pointed:
        assert headline(plan, "VILLAGE_MBB_COV") == (6, 2, 0)
        assert headline(plan, "VILLAGE_FTTH_COV") == headline(pointed[0], "VILLAGE_FTTH_COV")
        for where in (
            plan.indicators.set_index("indicator").at["VILLAGE_MBB_COV", "how_en"],
            write_report(plan, tmp_path / "a.html", language="en").read_text(encoding="utf-8"),
            map_texts.furniture(plan)["box"],
            printed(_show_indicators, plan),
        ):
            assert "covered 6, not covered 2, unknown 0" in where
    said = pointed[1].indicators.set_index("indicator").loc["VILLAGE_MBB_COV", "warnings_en"]
    assert "8 hamlets without dwelling clusters" in said


def printed(show, plan):
    told = io.StringIO()
    show(Console(file=told, width=200), plan)
    return told.getvalue()


def test_the_interval_counts_the_hamlets_that_the_value_counts(pointed):
    low, high = (
        [plan.indicators.set_index("indicator").at["VILLAGE_MBB_COV", f"interval_{end}"] for plan in pointed]
        for end in ("low", "high")
    )
    assert low[0] == low[1]
    assert high[0] == high[1]
    assert low[0] <= 75.0 <= high[0]


def test_a_hamlet_the_model_cannot_tell_counts_as_declared_in_value_and_interval(tmp_path):
    def ended(folder):
        with rasterio.open(folder / "elevation.tif", "r+") as raster:
            heights = raster.read(1)
            heights[:, raster.index(WEST + 1.5 * SIDE, SOUTH)[1] :] = raster.nodata
            raster.write(heights, 1)
        return open_study(folder)

    half = {"declared_mobile": ["none"] * 8}
    folder = small_study(tmp_path / "s", {**COMPUTED, **EDGE}, villages=lambda t: t.assign(**half))
    plan = pipeline.make_plan(ended(folder))
    listed = int((plan.hamlets["basis"] == "declared").sum())
    assert listed == 2  # the two of the east
    row = plan.indicators.set_index("indicator").loc["VILLAGE_MBB_COV"]
    assert row["denominator"] == 8
    assert row["interval_high"] <= 75.0  # those two are dark in every draw


def test_a_hamlet_whose_ftth_cannot_be_computed_counts_as_declared(tmp_path):
    def nodes(table):
        return beside_the_road(table).assign(ports_free=None)  # nobody has counted them: who is near is unknown

    plan = pipeline.make_plan(opened(tmp_path, nodes=nodes))
    computed = plan.hamlets["ftth_basis"] == "computed"
    assert 0 < computed.sum() < 8
    declared = small_layers()["villages"]["declared_ftth"]
    assert plan.hamlets["ftth"][~computed].tolist() == declared[~computed].tolist()
    assert headline(plan, "VILLAGE_FTTH_COV")[2] == 0
    curve = plan.curves.query("indicator == 'VILLAGE_FTTH_COV' and current")["value"].item()
    assert curve == pytest.approx(plan.indicators.set_index("indicator").at["VILLAGE_FTTH_COV", "value"], abs=1e-3)


def test_cable_is_planned_to_the_centre_of_a_hamlet_without_clusters(tmp_path):
    bare = {"villages": as_points, "dwellings": NOTHING, "nodes": beside_the_road}
    found = pipeline.fiber_plan(opened(tmp_path, {"fiber": {"off_road_m": 2000}}, population=False, **bare))
    assert found.reach["ftth"].tolist() == [True, False, True, False, False, False, False, False]
    assert found.reach["homes_passed"].tolist() == [100, 0, 80, 0, 0, 0, 0, 0]
    gained = {one for ids in found.plan.proposals["gains"] for one in ids.split(";")}
    assert gained == {"T-02200-2", "T-02203-2", "T-02206-2", "T-02209-1"}  # beside a road


@pytest.mark.parametrize("case", in_the_gate(), ids=lambda case: case.name)
def test_every_step_ends_well_or_says_what_it_needs(case: Case, tmp_path):
    ended = list(outcomes(case, tmp_path, IN_THE_GATE))
    assert [one for one in ended if one.failed] == []
    assert len(ended) == len(IN_THE_GATE)


def test_masts_and_places_without_terrain_cost_themselves_only(tmp_path):
    study = open_study(off_terrain("VNPT").written(tmp_path / "s"))
    workspace = pipeline.Workspace(study)
    spots, placed = pipeline.propose_white_spots(workspace), pipeline.propose_places_5g(workspace)
    for proposals in (spots.proposals, placed.proposals):
        assert len(proposals)
        assert "L-5" not in set(proposals["location_id"])  # VNPT stands there alone
    assert placed.not_served["object_id"].tolist() == ["P-3"]  # the place in the east
