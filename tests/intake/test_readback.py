"""A planner edits the exported GeoPackage; the edits are told, taken into a new study, and the plan keeps to them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from click.testing import CliRunner

from covplan import pipeline
from covplan.cli import main
from covplan.intake.readback import merged_decisions, read_edits
from covplan.intake.rewritten import write_edited
from covplan.publish.geopackage import write_geopackage
from covplan.study.errors import LayerError, StudyError
from covplan.study.folder import open_study
from covplan.study.language import speaking
from tests.publish.proposed import edited, plan_of, proposed_plan
from tests.publish.test_geopackage import restricted_l3
from tests.study import EPSG, small_study

DARK = {
    "coverage": {"basis": "computed"},
    "radio": {"4G": {"rsrp_threshold_dbm": -85}},
    "propose": {"road_m": 6000},
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return proposed_plan(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def package(plan, tmp_path_factory):
    return write_geopackage(plan, tmp_path_factory.mktemp("out") / "master_plan.gpkg")


@pytest.fixture
def copy(package, tmp_path):
    return shutil.copy(package, tmp_path / "edited.gpkg")


def geopackage_point(x, y, epsg=EPSG):
    """A point as GeoPackage keeps it: header without envelope, then WKB."""
    return b"GP\x00\x01" + epsg.to_bytes(4, "little") + shapely.to_wkb(shapely.Point(x, y), byte_order=1)


def moved(base, table, key, value, dx, dy):
    column = "location_id" if table == "ht_cot_ang_ten" else "station_id"
    ((x, y),) = base.execute(
        f'SELECT ST_MinX(geom), ST_MinY(geom) FROM {table} WHERE {column} = ?', (value,)  # noqa: S608
    )  # fmt: skip
    base.execute(f"UPDATE {table} SET geom = ? WHERE {column} = ?", (geopackage_point(x + dx, y + dy), value))  # noqa: S608
    return key


def test_an_untouched_file_has_no_edits(plan, package):
    edits = read_edits(package, plan.study)
    assert (edits.changes, edits.not_taken) == ([], [])


def test_opening_and_saving_in_gdal_is_no_edit(plan, copy):
    """GDAL writes a row as it was: times, floats and texts come back the same."""
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET name = name, height_m = height_m, on_air = on_air")
        base.execute("UPDATE qh_de_xuat SET decision = decision")
    edits = read_edits(copy, plan.study)
    assert (edits.changes, edits.not_taken) == ([], [])


def test_stations_moved_changed_removed_and_added_come_into_the_new_study(plan, copy, tmp_path):
    at = plan.study.stations.set_index("station_id").geometry
    with edited(copy) as base:
        moved(base, "ht_tram_bts", "", "S-3", 120.0, -50.0)
        base.execute("UPDATE ht_tram_bts SET height_m = 55.5, status = 'planned' WHERE station_id = 'S-5'")
        base.execute("DELETE FROM ht_tram_bts WHERE station_id = 'S-7'")
        base.execute(
            "INSERT INTO ht_tram_bts (geom, operator, structure, height_m, technologies, name) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (geopackage_point(at["S-4"].x + 900, at["S-4"].y), "VTL", "A2b", 42.0, "4G", "Trạm mới Đồng Rôm"),
        )
    edits = read_edits(copy, plan.study)
    assert {(row["id"], row["change"]) for row in edits.changes} == {
        ("S-3", "moved"), ("S-5", "changed"), ("S-7", "removed"), ("MOI-001", "added"),
    }  # fmt: skip
    assert edits.not_taken == []
    made = open_study(write_edited(plan.study, edits, tmp_path / "new"))
    after = made.stations.set_index("station_id")
    assert set(after.index) == {"S-1", "S-2", "S-3", "S-4", "S-5", "S-6", "MOI-001"}
    shift = after.geometry["S-3"].x - at["S-3"].x, after.geometry["S-3"].y - at["S-3"].y
    assert shift == pytest.approx((120.0, -50.0), abs=0.01)
    assert (after.at["S-5", "height_m"], after.at["S-5", "status"]) == (55.5, "planned")
    assert (after.at["MOI-001", "name"], after.at["MOI-001", "status"]) == ("Trạm mới Đồng Rôm", "planned")
    assert after.geometry["MOI-001"].x == pytest.approx(at["S-4"].x + 900, abs=0.01)
    assert "S-7" not in set(made.cells["station_id"])
    kept = ["S-1", "S-2", "S-4", "S-6"]
    before = plan.study.stations.set_index("station_id")
    pd.testing.assert_frame_equal(after.loc[kept, before.columns].drop(columns="geometry"),
                                  before.loc[kept].drop(columns="geometry"))  # fmt: skip


@pytest.mark.parametrize("saved", [False, True], ids=["as written", "saved by covplan"])
def test_stations_without_ids_keep_those_made_for_them_and_what_is_written_is_no_longer_assumed(tmp_path, saved):
    plan = plan_of(tmp_path, stations=lambda table: table[["operator", "lon", "lat"]], cells=lambda t: t.iloc[:0])
    study = open_study(plan.study.save(tmp_path / "saved")) if saved else plan.study
    package = write_geopackage(pipeline.make_plan(study), tmp_path / "p.gpkg")
    with edited(package) as base:
        base.execute("DELETE FROM ht_tram_bts WHERE station_id = 'VTL-2'")
        base.execute("UPDATE ht_tram_bts SET height_m = 60 WHERE station_id = 'MBF-5'")
        moved(base, "ht_tram_bts", "", "VNPT-3", 400.0, 0.0)
    made = open_study(write_edited(study, read_edits(package, study), tmp_path / "new"))
    after, before = made.stations.set_index("station_id"), study.stations.set_index("station_id")
    assert list(after.index) == ["VNPT-3", "VTL-4", "MBF-5", "VTL-6", "VNPT-7", "VNM-8"]
    assert after.at["MBF-5", "height_m"] == 60
    assert after.at["MBF-5", "antenna_height_m"] == 57
    assert "height_m" not in after.at["MBF-5", "assumed"].split(";")
    assert "height_m" in after.at["VTL-4", "assumed"].split(";")
    assert after.geometry["VNPT-3"].x == pytest.approx(before.geometry["VNPT-3"].x + 400, abs=0.01)
    assert after.at["VNPT-3", "commune_code"] == before.at["VNPT-3", "commune_code"]


def test_who_moves_a_location_moves_its_stations(plan, copy, tmp_path):
    with edited(copy) as base:
        moved(base, "ht_cot_ang_ten", "", "L-1", 30.0, 40.0)
    edits = read_edits(copy, plan.study)
    assert set(edits.stations) == {"S-1", "S-2"}
    made = open_study(write_edited(plan.study, edits, tmp_path / "new")).stations.set_index("station_id")
    before = plan.study.stations.set_index("station_id")
    away = made.geometry.distance(before.geometry)
    assert away[["S-1", "S-2"]].to_list() == pytest.approx([50, 50], abs=0.01)
    assert away[["S-3", "S-4"]].max() < 1e-6


def test_decisions_in_parts_and_whole_become_a_layer_of_the_study(plan, copy, tmp_path):
    with edited(copy) as base:
        base.execute("UPDATE qh_dung_chung SET decision = 'rejected', note = 'chủ cột không đồng ý'")
        base.execute("UPDATE qh_de_xuat SET year = 2027 WHERE proposal_id = 'W-001'")
        base.execute("UPDATE qh_5g SET decision = 'accepted'")
        base.execute("DELETE FROM qh_de_xuat WHERE proposal_id = 'F-001'")
    edits = read_edits(copy, plan.study)
    made = open_study(write_edited(plan.study, edits, tmp_path / "new"))
    told = made.decisions.set_index("proposal_id")
    assert told["decision"].to_dict() == {
        "W-001": "accepted", "P-001": "accepted", "S-001": "rejected", "F-001": "rejected",
    }  # fmt: skip
    assert told.at["W-001", "year"] == 2027
    assert told.at["P-001", "year"] == 2028
    assert told.at["S-001", "note"] == "chủ cột không đồng ý"
    assert (told.at["S-001", "location_id"], told.at["S-001", "from_location_id"]) == ("L-1", "L-3")
    assert told.geometry["W-001"].distance(plan.proposals.geometry[0]) < 0.2


def test_a_later_decision_takes_the_place_of_the_earlier_and_may_be_taken_back(plan, copy, tmp_path):
    with edited(copy) as base:
        base.execute("UPDATE qh_de_xuat SET decision = 'accepted'")
    first = merged_decisions(plan.study.decisions, read_edits(copy, plan.study))
    assert len(first) == len(plan.proposals)
    accepted = replace(plan, proposals=plan.proposals.assign(decision="accepted"))
    again = write_geopackage(accepted, tmp_path / "again.gpkg")
    with edited(again) as base:
        base.execute("UPDATE qh_de_xuat SET decision = 'rejected' WHERE proposal_id = 'W-001'")
        base.execute("UPDATE qh_de_xuat SET decision = 'open' WHERE proposal_id = 'P-001'")
    second = merged_decisions(first, read_edits(again, plan.study)).set_index("proposal_id")
    assert second["decision"].to_dict() == {
        "W-002": "accepted", "S-001": "accepted", "F-001": "accepted", "W-001": "rejected",
    }  # fmt: skip
    assert second["decision_id"].is_unique


def test_the_copy_in_wgs_84_comes_back_as_well(plan, tmp_path):
    copy = write_geopackage(plan, tmp_path / "wgs84.gpkg", epsg=4326)
    assert read_edits(copy, plan.study).changes == []
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET geom = ? WHERE station_id = 'S-3'",
                     (geopackage_point(105.2, 21.85, 4326),))  # fmt: skip
    edits = read_edits(copy, plan.study)
    lon, lat = (float(edits.stations["S-3"][name]) for name in ("lon", "lat"))
    assert (lon, lat) == pytest.approx((105.2, 21.85), abs=2e-8)


def test_rows_that_were_set_aside_and_columns_of_the_users_own_stay_in_the_file(tmp_path):
    def marred(stations):
        stations = stations.assign(keeper="Ông Đỗ")
        stations.loc[6, "height_m"] = -4
        return stations

    plan = plan_of(tmp_path, stations=marred)
    copy = write_geopackage(plan, tmp_path / "plan.gpkg")
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET owner = 'VNPT' WHERE station_id = 'S-3'")
    new = write_edited(plan.study, read_edits(copy, plan.study), tmp_path / "new")
    before, after = (pd.read_csv(one / "bts_sites.csv", dtype=str) for one in (plan.study.path, new))
    assert after.loc[2, "owner"] == "VNPT"
    pd.testing.assert_frame_equal(before.drop(index=2), after.drop(index=2))
    assert after["keeper"].eq("Ông Đỗ").all()


@speaking("en")
def test_restricted_stations_that_were_not_in_the_file_are_not_removed(tmp_path):
    plan = proposed_plan(tmp_path, stations=restricted_l3)
    copy = write_geopackage(plan, tmp_path / "plan.gpkg")
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET owner = 'VNPT' WHERE station_id = 'S-3'")
    new = open_study(write_edited(plan.study, read_edits(copy, plan.study), tmp_path / "new"))
    assert "S-4" in set(new.stations["station_id"])
    with edited(copy) as base:
        base.execute(
            "INSERT INTO ht_tram_bts (geom, station_id, operator, structure, height_m, technologies) VALUES (?, 'S-4', "
            "'VTL', 'A2b', 42, '4G')", (geopackage_point(420000, 2415000),),
        )  # fmt: skip
    with pytest.raises(StudyError, match="S-4 has the id of one that the study holds already"):
        read_edits(copy, plan.study)


def test_what_is_not_taken_back_is_told(plan, copy):
    with edited(copy) as base:
        base.execute("UPDATE kq_thon_trang_thai SET mobile_state = 'covered'")
        base.execute("UPDATE hc_thon SET name = 'Thôn khác' WHERE village_id = 'T-02200-1'")
        base.execute("UPDATE qh_de_xuat SET height_m = 60 WHERE proposal_id = 'W-001'")
        base.execute("UPDATE ht_cot_ang_ten SET height_m = 60 WHERE location_id = 'L-1'")
    edits = read_edits(copy, plan.study)
    assert edits.changes == []
    told = "\n".join(edits.not_taken)
    for place in ("kq_thon_trang_thai", "hc_thon", "qh_de_xuat W-001: height_m", "ht_cot_ang_ten L-1: height_m"):
        assert place in told


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE qh_de_xuat SET decision = 'maybe' WHERE proposal_id = 'W-001'", "'maybe' is none of open, accepted"),
        ("UPDATE qh_de_xuat SET year = 27 WHERE proposal_id = 'W-001'", "year 27 is none between 2020 and 2050"),
        ("UPDATE ht_tram_bts SET station_id = 'S-1' WHERE station_id = 'S-2'", "S-1 stands twice"),
        ("UPDATE ht_tram_bts SET geom = NULL WHERE station_id = 'S-2'", "S-2: has lost its geometry"),
        ("UPDATE ht_tram_bts SET height_m = 'cao' WHERE station_id = 'S-2'", "height_m: 'cao' is not a number"),
        ("INSERT INTO ht_tram_bts (operator) VALUES ('VTL')", "MOI-001 has no geometry"),
        ("DROP TABLE ht_tram_bts", "the layer ht_tram_bts is gone"),
        ("DROP TABLE covplan_file", "was not written by `covplan export`"),
    ],
)
@speaking("en")
def test_an_edit_that_cannot_be_understood_is_told_where_it_stands(plan, copy, statement, message):
    with edited(copy) as base:
        base.execute(statement)
    with pytest.raises(LayerError, match=message):
        read_edits(copy, plan.study)


def test_a_new_station_says_what_it_lacks(plan, copy):
    with edited(copy) as base:
        base.execute("INSERT INTO ht_tram_bts (geom, operator) VALUES (?, 'VTL')", (geopackage_point(420000, 2415000),))
    with pytest.raises(LayerError, match=r"thiếu structure \(Loại cột\), height_m \(Chiều cao cột\)"):
        read_edits(copy, plan.study)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE ht_tram_bts SET structure = 'A9' WHERE station_id = 'S-2'", "Not a known code"),
        ("UPDATE ht_tram_bts SET height_m = 900 WHERE station_id = 'S-2'", "Outside the range"),
    ],
)
@speaking("en")
def test_an_edit_that_the_checks_set_aside_leaves_no_new_study(plan, copy, tmp_path, statement, message):
    with edited(copy) as base:
        base.execute(statement)
    edits = read_edits(copy, plan.study)
    with pytest.raises(LayerError, match=message):
        write_edited(plan.study, edits, tmp_path / "new")
    assert [one.name for one in tmp_path.iterdir()] == ["edited.gpkg"]


@speaking("en")
def test_a_mast_put_outside_the_province_leaves_no_new_study(plan, copy, tmp_path):
    with edited(copy) as base:
        moved(base, "ht_tram_bts", "", "S-3", 80_000.0, 0.0)
    with pytest.raises(LayerError, match=r"S-3 geometry .*outside the province"):
        write_edited(plan.study, read_edits(copy, plan.study), tmp_path / "new")


@speaking("en")
def test_a_file_of_another_study_and_no_file_at_all_are_told(plan, copy, tmp_path):
    other = open_study(small_study(tmp_path / "other", settings={"province": {"name": "Hà Giang"}}))
    with pytest.raises(
        StudyError, match=r"exported from another study \(Tỉnh thử, EPSG:9211, 2025-02\); this one is Hà"
    ):
        read_edits(copy, other)
    wrong = tmp_path / "wrong.gpkg"
    wrong.write_bytes(b"not a database at all, only text" * 100)
    with pytest.raises(LayerError, match="cannot be read as a GeoPackage"):
        read_edits(wrong, plan.study)
    foreign = tmp_path / "foreign.gpkg"
    plan.study.stations[["station_id", "geometry"]].to_file(foreign, driver="GPKG")
    with pytest.raises(LayerError, match="was not written by `covplan export`"):
        read_edits(foreign, plan.study)
    with pytest.raises(LayerError, match="no such file"):
        read_edits(tmp_path / "none.gpkg", plan.study)


@speaking("en")
def test_a_change_of_the_study_since_the_export_is_neither_undone_nor_overwritten(copy, tmp_path):
    def later(stations):
        stations.loc[stations["station_id"] == "S-5", "owner"] = "MBF"
        return stations

    changed = open_study(small_study(tmp_path / "later", stations=later))
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET owner = 'VNPT' WHERE station_id = 'S-3'")
    edits = read_edits(copy, changed)
    assert set(edits.stations) == {"S-3"}
    new = open_study(write_edited(changed, edits, tmp_path / "new")).stations.set_index("station_id")
    assert (new.at["S-5", "owner"], new.at["S-3", "owner"]) == ("MBF", "VNPT")
    with edited(copy) as base:
        base.execute("UPDATE ht_tram_bts SET owner = 'VNM' WHERE station_id = 'S-5'")
    with pytest.raises(StudyError, match=r"S-5, owner: edited in the file, and changed in the study"):
        read_edits(copy, changed)


# --- the plan around the decisions


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A study with dark hamlets and what is proposed for it."""
    study = open_study(small_study(tmp_path_factory.mktemp("dark") / "s", settings=DARK))
    made, _ = pipeline.propose(pipeline.make_plan(study), kinds=("white_spot", "place_5g"), phased=False)
    return made


def decide(what, proposal_id):
    return f"UPDATE qh_de_xuat SET {what} WHERE proposal_id = '{proposal_id}'"  # noqa: S608


def again(plan, folder, *statements):
    """Export, edit with SQL, read back, propose again."""
    package = write_geopackage(plan, folder / "plan.gpkg")
    with edited(package) as base:
        for statement in statements:
            base.execute(statement)
    study = open_study(write_edited(plan.study, read_edits(package, plan.study), folder / "new"))
    return pipeline.propose(pipeline.make_plan(study), kinds=("white_spot", "place_5g"), phased=False)


def test_a_rejected_proposal_is_not_proposed_again_and_its_hamlet_is_served_otherwise(computed, tmp_path):
    spots = computed.proposals[computed.proposals["kind"] == "white_spot"]
    first = spots.iloc[0]
    made, said = again(computed, tmp_path, decide("decision = 'rejected'", first.proposal_id))
    after = made.proposals[made.proposals["kind"] == "white_spot"]
    same = after[after["action"] == first["action"]]
    if pd.notna(first["location_id"]):
        assert first["location_id"] not in set(same["location_id"])
    else:
        assert (np.hypot(same["x_m"] - first["x_m"], same["y_m"] - first["y_m"]) > 300).all()
    served = {one for text in after["gains"] for one in text.split(";")}
    assert served == {one for text in spots["gains"] for one in text.split(";")}
    assert after["cost_base_vnd"].sum() >= spots["cost_base_vnd"].sum() - 1
    assert not [one for one in said if "không còn phương án" in one]


def test_an_accepted_proposal_stays_in_the_plan_with_its_year_even_when_another_would_be_cheaper(computed, tmp_path):
    """Reject the cheapest, take the second best, accept it – then reopen the first: the accepted one must stay."""
    first = computed.proposals[computed.proposals["kind"] == "white_spot"].iloc[0]
    second, _ = again(
        computed,
        tmp_path / "1",
        decide("decision = 'rejected'", first.proposal_id),
    )
    old = set(zip(computed.proposals["x_m"], computed.proposals["y_m"], computed.proposals["action"], strict=True))
    other = next(row for row in second.proposals.itertuples()
                 if row.kind == "white_spot" and (row.x_m, row.y_m, row.action) not in old)  # fmt: skip
    accepted = replace(computed, proposals=second.proposals)  # a study without the rejection
    third, said = again(
        accepted,
        tmp_path / "2",
        decide("year = 2029, note = 'đã có đất'", other.proposal_id),
    )
    same = (third.proposals["x_m"] == other.x_m) & (third.proposals["y_m"] == other.y_m)
    kept = third.proposals[same & (third.proposals["action"] == other.action)]
    assert len(kept) == 1
    assert kept["decision"].to_list() == ["accepted"]
    assert kept["year"].to_list() == [2029]
    assert kept["note"].to_list() == ["đã có đất"]
    assert (third.proposals["decision"] == "open").sum() == len(third.proposals) - 1
    assert not [one for one in said if "không còn phương án" in one]


def test_a_rejected_5g_placement_is_replaced_and_all_places_are_served(computed, tmp_path):
    placed = computed.proposals[computed.proposals["kind"] == "place_5g"]
    first = placed.iloc[0]
    made, _ = again(computed, tmp_path, decide("decision = 'rejected'", first.proposal_id))
    after = made.proposals[made.proposals["kind"] == "place_5g"]
    same = after[(after["action"] == first["action"]) & (after["bands"] == first["bands"])]
    if pd.notna(first["location_id"]):
        assert first["location_id"] not in set(same["location_id"])
    else:
        assert (np.hypot(same["x_m"] - first["x_m"], same["y_m"] - first["y_m"]) > 300).all()
    assert {one for text in after["gains"] for one in text.split(";")} == {
        one for text in placed["gains"] for one in text.split(";")
    }


def test_an_accepted_proposal_without_a_candidate_is_told(computed, tmp_path):
    moved_away = computed.proposals.assign(location_id="L-99", action="add_tenant").iloc[:1]
    _, said = again(replace(computed, proposals=moved_away), tmp_path, "UPDATE qh_de_xuat SET decision = 'accepted'")
    assert "quyết định QD-001 không còn phương án tương ứng" in said


def test_the_command_shows_the_edits_and_writes_the_study(plan, copy, tmp_path):
    with edited(copy) as base:
        moved(base, "ht_tram_bts", "", "S-3", 12.0, 0.0)
        base.execute("UPDATE qh_de_xuat SET decision = 'rejected' WHERE proposal_id = 'W-001'")
    line = ["readback", str(plan.study.path), str(copy), "-o", str(tmp_path / "new")]
    told = CliRunner().invoke(main, [*line, "--dry-run"], env={"COLUMNS": "160"})
    assert told.exit_code == 0, told.output
    assert "12.00 m" in told.output
    assert "rejected" in told.output
    assert not (tmp_path / "new").exists()
    assert CliRunner().invoke(main, line).exit_code == 0
    assert len(open_study(tmp_path / "new").decisions) == 1
    refused = CliRunner().invoke(main, line)
    assert refused.exit_code == 2
    assert "đã có" in refused.output
    assert CliRunner().invoke(main, [*line, "--overwrite"]).exit_code == 0
    assert {name for name, _ in pyogrio.list_layers(copy)} >= {"ht_tram_bts", "qh_de_xuat"}
