"""Drive tests into a study: what phones and instruments write, each row answered for, taken twice without doubles."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.intake.ground import read_ground
from covplan.intake.measurements import measurement_tables
from covplan.study.folder import open_study
from tests.intake.corpus import xlsx
from tests.study import small_study

NETTRACK = (
    "Timestamp\tLongitude\tLatitude\tOperatorname\tCGI\tNetworkTech\tLevel\tQual\tSpeed\n"
    "2026.11.20_08.15.00\t105.2\t21.86\tViettel\t452-04-1234-7\t4G\t-98\t-11\t32\n"
    "2026.11.20_08.15.05\t105.21\t21.86\tViettel\t452-04-1234-7\t5G\t-101.5\t-12\t30\n"
    "2026.11.20_08.15.10\t105.22\t21.86\tViettel\t452-04-1234-7\t4G\t-31000\t-12\t30\n"
    "2026.11.20_08.15.15\t108.9\t15.3\tViettel\t452-04-1234-7\t4G\t-99\t-12\t30\n"
)
CELLMAPPER = (
    "latitude;longitude;mcc;mnc;cellid;signal;type\n21,86;105,2;452;1;77;-88,25;LTE\n21,86;105,21;452;2;78;-90;NR\n"
    "21,86;105,22;460;0;79;-91;LTE\n"
)


@pytest.fixture
def folder(tmp_path):
    study = small_study(tmp_path / "study")
    (study / "measurements.csv").unlink(missing_ok=True)
    return study


def take(folder, tmp_path, *words):
    asked = ["take", str(folder), *map(str, words), "-o", str(tmp_path / "out"), "--lang", "en"]
    said = CliRunner(env={"COLUMNS": "200"}).invoke(main, asked)
    assert said.exit_code == 0, (said.output, said.exception)
    return said.output


def written(folder):
    with (folder / "measurements.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def outcomes(tmp_path):
    with (tmp_path / "out" / "take" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return [(int(row["row"]), row["outcome"], row["reason"]) for row in csv.DictReader(file)]


def test_what_a_phone_writes_is_taken_row_by_row(folder, tmp_path):
    file = tmp_path / "lai_xe.txt"
    file.write_text(NETTRACK, encoding="utf-8")
    said = take(folder, tmp_path, file, "--accept")
    assert "Rows: 4 = 2 taken + 0 merged + 2 set aside" in said
    assert "2 new measurements (VTL 4G: 1, VTL 5G: 1)" in said
    assert outcomes(tmp_path) == [
        (2, "taken", ""), (3, "taken", ""), (4, "set_aside", "intake_no_rsrp"),
        (5, "set_aside", "intake_outside_province"),
    ]  # fmt: skip
    first, second = written(folder)
    assert (first["operator"], first["technology"], float(first["rsrp_dbm"])) == ("VTL", "4G", -98.0)
    assert (float(first["lon"]), float(first["lat"])) == (105.2, 21.86)
    assert (first["cell_id"], first["time"]) == ("452-04-1234-7", "2026.11.20_08.15.00")
    assert first["provenance"].startswith("lai_xe.txt 2, ")
    assert (second["technology"], float(second["rsrp_dbm"])) == ("5G", -101.5)
    table = open_study(folder).measurements
    assert table["rsrp_dbm"].tolist() == [-98.0, -101.5]


def test_networks_by_their_numbers_and_decimal_commas(folder, tmp_path):
    file = tmp_path / "cells.csv"
    file.write_text(CELLMAPPER, encoding="utf-8")
    said = take(folder, tmp_path, file, "--accept")
    assert [(row["operator"], float(row["rsrp_dbm"]), row["technology"]) for row in written(folder)] == [
        ("MBF", -88.25, "4G"), ("VNPT", -90.0, "5G"),
    ]  # fmt: skip
    assert outcomes(tmp_path)[-1] == (4, "set_aside", "intake_unknown_operator")
    assert "name no technology" not in said


def test_a_technology_that_nothing_names_is_assumed_and_that_is_said(folder, tmp_path):
    file = tmp_path / "viettel.csv"
    file.write_text("lat,lon,rsrp,note\n21.86,105.2,-88.125,x\n21.86,105.21,-97,y\n", encoding="utf-8")
    assert "2 rows name no technology" in take(folder, tmp_path, file, "--accept")
    assert [(row["operator"], row["technology"], row["rsrp_dbm"]) for row in written(folder)] == [
        ("VTL", "4G", "-88.125"), ("VTL", "4G", "-97"),
    ]  # fmt: skip


def test_taken_again_only_what_is_new_is_added(folder, tmp_path):
    file = tmp_path / "do_song.csv"
    file.write_text(CELLMAPPER, encoding="utf-8")
    take(folder, tmp_path, file, "--accept")
    before = (folder / "measurements.csv").read_bytes()
    assert "0 new measurements (–); 2 are in the study already" in take(folder, tmp_path, file, "--accept")
    assert (folder / "measurements.csv").read_bytes() == before
    file.write_text(CELLMAPPER + "21,87;105,22;452;4;80;-93;LTE\n21,87;105,22;452;4;80;-93;LTE\n", encoding="utf-8")
    said = take(folder, tmp_path, file, "--accept")
    assert "1 new measurements (VTL 4G: 1); 2 are in the study already" in said
    assert "Rows: 5 = 1 taken + 3 merged + 1 set aside" in said
    assert (folder / "measurements.csv").read_bytes().startswith(before)


def test_nothing_is_written_before_it_is_accepted(folder, tmp_path):
    file = tmp_path / "do_song.csv"
    file.write_text(CELLMAPPER, encoding="utf-8")
    assert "Nothing was changed" in take(folder, tmp_path, file)
    assert not (folder / "measurements.csv").exists()


def test_a_workbook_in_vietnamese_with_its_operator_named_by_the_planner(folder, tmp_path):
    rows = [
        ["KẾT QUẢ ĐO KIỂM VÙNG PHỦ"], [], ["STT", "Kinh độ", "Vĩ độ", "SS-RSRP (dBm)", "Thời gian"],
        [1, 105.2, 21.86, -97.5, "20/11/2026 08:15"], [2, 105.21, 21.86, "yếu", "20/11/2026 08:16"],
    ]  # fmt: skip
    xlsx(tmp_path / "do_kiem.xlsx", rows)
    take(folder, tmp_path, tmp_path / "do_kiem.xlsx", "--operator", "MobiFone", "--accept")
    (row,) = written(folder)
    assert (row["operator"], row["technology"], row["rsrp_dbm"]) == ("MBF", "5G", "-97.5")
    assert outcomes(tmp_path)[-1] == (5, "set_aside", "intake_no_rsrp")


def test_a_list_of_stations_is_not_one_of_measurements(folder, tmp_path):
    file = tmp_path / "tram.csv"
    file.write_text("Mã trạm,Kinh độ,Vĩ độ,Loại cột,Level\nTQ1,105.2,21.86,A2a,2\n", encoding="utf-8")
    assert measurement_tables([file]) == []
    assert read_ground(folder).settings.operators is not None
