"""An operator's file into the study: what changes is shown first, and only what the file tells changes."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.intake.ground import Ground, read_ground
from covplan.intake.stations import Told, read_stations, twins
from covplan.intake.taken import compare, read_profile, read_stations_file
from covplan.study.folder import open_study
from tests.intake.corpus import HEADERS, plain, study_of, truths, xlsx


@pytest.fixture
def folder(tmp_path):
    study_of(tmp_path / "study")
    return tmp_path / "study"


def take(*words):
    return CliRunner().invoke(main, ["take", *map(str, words), "--lang", "en"])


def written(folder):
    return {
        row["station_id"]: row for row in csv.DictReader(io.StringIO((folder / "bts_sites.csv").read_text("utf-8")))
    }


def test_nothing_changes_before_it_is_accepted(folder, tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain(truths()))
    before = (folder / "bts_sites.csv").read_bytes()
    said = take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out")
    assert said.exit_code == 0, said.output
    assert "Rows: 60 = 60 taken + 0 merged + 0 set aside" in said.output
    assert "60 new, 0 gone, 0 moved" in said.output
    assert (folder / "bts_sites.csv").read_bytes() == before
    assert read_profile(folder, "VTL") == {}


def test_accepted_stations_are_the_study_s_with_where_they_come_from(folder, tmp_path):
    rows = [row | {"note": "doanh trại bộ đội" if row["stt"] == 4 else ""} for row in truths()]
    xlsx(tmp_path / "viettel.xlsx", plain(rows), "Danh sách")
    said = take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept")
    assert said.exit_code == 0, said.output
    study = open_study(folder)
    mine = study.stations[study.stations["operator"] == "VTL"].set_index("station_id")
    assert len(mine) == 60
    assert (study.stations["operator"] == "VNPT").sum() == 20
    assert mine["provenance"].iloc[0].startswith("viettel.xlsx «Danh sách» row 2")
    assert mine.index[mine["restricted"].fillna(value=False)].tolist() == ["TQG0003"]
    assert set(mine["commune_code"]) == {"02200", "02203", "02206", "02209"}
    assert read_profile(folder, "VTL")["ma tram"] == "station_id"


def test_next_year_s_file_tells_new_gone_moved_renamed_and_changed(folder, tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain(truths()))
    assert take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept").exit_code == 0
    rows = truths()
    del rows[7]  # gone
    rows[0]["lon"] += 0.002  # moved by some 207 m
    rows[1]["technologies"] = "4G+5G"
    rows[2]["code"] = "TQG9999"  # renamed
    rows.append(truths()[7] | {"code": "TQG8888", "lon": truths()[7]["lon"] + 0.01, "lat": truths()[7]["lat"]})
    rows[-1]["commune"] = ""
    rows = rows[::-1]  # rows change places: identity counts
    xlsx(tmp_path / "viettel_2027.xlsx", plain(rows))
    intake = read_stations([tmp_path / "viettel_2027.xlsx"], read_ground(folder))
    found = compare(intake, read_stations_file(folder))
    assert [one["station_id"] for one in found.new] == ["TQG8888"]
    assert [one["station_id"] for one in found.gone] == ["TQG0007"]
    assert [(one["station_id"], round(metres, -1)) for _b, one, metres in found.moved] == [("TQG0000", 210)]
    assert sorted((name, was, now) for _one, name, was, now in found.changed) == [
        ("station_id", "TQG0002", "TQG9999"),
        ("technologies", "4G", "4G;5G"),
    ]
    assert found.same == 56
    said = take(folder, tmp_path / "viettel_2027.xlsx", "-o", tmp_path / "out", "--accept", "--drop-gone")
    assert said.exit_code == 0, repr(said.exception)
    assert "1 new, 1 gone, 1 moved, 2 with other values, 56 as they were" in said.output
    shapes = json.loads((tmp_path / "out" / "take" / "changes.geojson").read_text("utf-8"))["features"]
    kinds = sorted((one["properties"]["change"], one["geometry"]["type"]) for one in shapes)
    assert kinds == [
        ("changed", "Point"),
        ("changed", "Point"),
        ("gone", "Point"),
        ("moved", "LineString"),
        ("new", "Point"),
    ]
    now = written(folder)
    assert {"TQG9999", "TQG8888"} <= set(now)
    assert not {"TQG0002", "TQG0007"} & set(now)


def test_what_is_gone_stays_until_it_is_dropped(folder, tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain(truths()))
    take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept")
    xlsx(tmp_path / "viettel.xlsx", plain(truths()[:50]))
    assert "10 gone" in take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept").output
    assert len(written(folder)) == 80


def test_cells_the_file_says_nothing_of_stay_as_they_are(folder, tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain(truths()))
    take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept")
    before = written(folder)["TQG0005"]
    short = {name: HEADERS[name] for name in ("code", "lon", "lat", "height")}
    rows = [row | {"lon": round(row["lon"], 5), "lat": round(row["lat"], 5), "height": 50} for row in truths()]
    xlsx(tmp_path / "viettel_2.xlsx", plain(rows, short))
    take(folder, tmp_path / "viettel_2.xlsx", "-o", tmp_path / "out", "--accept")
    after = written(folder)["TQG0005"]
    assert after["height_m"] == "50"
    assert {name for name in before if before[name] != after[name]} == {"height_m", "provenance"}


def test_the_operator_gets_its_own_sheet_back_and_only_corrections_differ(folder, tmp_path):
    rows = truths()
    good = rows[3]["lat"]
    rows[3]["lat"] = "37-45"
    lines = [["DANH SÁCH TRẠM"], [], *plain(rows), ["", "Tổng cộng", 60]]
    xlsx(tmp_path / "viettel.xlsx", lines)
    take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept")
    back = tmp_path / "out" / "take" / "tra_lai_VTL.xlsx"
    book = openpyxl.load_workbook(back)
    sheet = book.active
    assert [cell.value for cell in sheet[3]][: len(HEADERS)] == list(HEADERS.values())
    assert sheet.cell(64, 2).value == "Tổng cộng"
    red = [row for row in range(4, 64) if sheet.cell(row, 1).fill.start_color.rgb == "FFF4B6B6"]
    assert red == [7]
    assert "cannot be read" in sheet.cell(7, len(HEADERS) + 2).value
    sheet.cell(7, 5).value = good
    book.save(tmp_path / "viettel_sua.xlsx")
    found = compare(read_stations([tmp_path / "viettel_sua.xlsx"], read_ground(folder)), read_stations_file(folder))
    assert [one["station_id"] for one in found.new] == ["TQG0003"]
    assert (found.gone, found.moved, found.changed, found.same) == ([], [], [], 59)


def test_texts_that_begin_like_formulas_go_back_as_texts(folder, tmp_path):
    rows = [row | {"note": "=1+1"} for row in truths()]
    path = tmp_path / "viettel.csv"
    path.write_text("\n".join(",".join(map(str, line)) for line in plain(rows)), encoding="utf-8")
    take(folder, path, "-o", tmp_path / "out")
    sheet = openpyxl.load_workbook(tmp_path / "out" / "take" / "tra_lai_VTL.xlsx").active
    cell = sheet.cell(2, list(HEADERS).index("note") + 1)
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_what_a_planner_confirmed_holds_for_the_next_file(folder, tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain(truths(), HEADERS | {"height": "Tầm vóc"}))
    ground = read_ground(folder)
    assert "height_m" not in read_stations([tmp_path / "viettel.xlsx"], ground).stations[0]
    told = Told(profile={"tam voc": "height_m"})
    intake = read_stations([tmp_path / "viettel.xlsx"], ground, told)
    assert intake.stations[0]["height_m"] == "42"
    assert [one.how for one in intake.tables[0].columns if one.field == "height_m"] == ["profile"]


def test_masts_of_two_operators_are_proposed_as_one_with_the_evidence_never_merged(folder, tmp_path):
    rows = [row | {"shared": "VNPT" if row["stt"] == 1 else ""} for row in truths()]
    xlsx(tmp_path / "viettel.xlsx", plain(rows))
    ground = read_ground(folder)
    intake = read_stations([tmp_path / "viettel.xlsx"], ground)
    pairs = twins(intake.stations, ground)
    assert len(intake.stations) == 60
    assert {pair["station_id"] for pair in pairs} == {f"TQG{n:04d}" for n in range(0, 60, 3)}
    assert all(10.5 < pair["distance_m"] < 11.2 for pair in pairs)
    first = next(pair for pair in pairs if pair["station_id"] == "TQG0000")
    assert "TQG0000" in first["evidence"]
    assert "VNPT" in first["evidence"]


def test_words_become_codes_and_what_is_not_understood_is_told(folder, tmp_path):
    say = {
        "technologies": ["4G LTE", "4G và 5G", "2G/3G/4G", "LTE, NR", "không rõ"],
        "structure": ["dây co", "Cột tự đứng", "monopole", "trên mái nhà", "A2c"],
        "shared": ["VNPT-Vinaphone", "dùng chung MBF", "VMS", "VNP+VTL", "Gtel"],
        "height": ["45+3", "cột 15m/nhà 12m", "42,5", "1.332", "15m"],
        "on_air": ["Quý IV/2022", "05/2021", "2023", "13/02/2020", "hôm qua"],
        "status": ["Viettel Mobile đang hoạt động", "dự kiến", "Hoạt động", "KH", "Đã phát sóng"],
    }
    rows = [row | {name: texts[n] for name, texts in say.items()} for n, row in enumerate(truths()[:5])]
    xlsx(tmp_path / "viettel.xlsx", plain(rows))
    intake = read_stations([tmp_path / "viettel.xlsx"], Ground.of(open_study(folder)))
    table = pd.DataFrame(intake.stations).fillna("")
    assert table["technologies"].tolist() == ["4G", "4G;5G", "2G;3G;4G", "4G;5G", ""]
    assert table["structure"].tolist() == ["A2b", "A2b", "A1b", "A2a", "A2c"]
    assert table["tenants"].tolist() == ["VTL;VNPT", "VTL;MBF", "VTL;MBF", "VTL;VNPT", "VTL;GTEL"]
    assert table["height_m"].tolist() == ["48", "15", "42.5", "", "15"]
    assert table["building_height_m"].tolist() == ["", "12", "", "", ""]
    assert table["on_air"].tolist() == ["2022-10-01", "2021-05-01", "2023-01-01", "2020-02-13", ""]
    assert table["status"].tolist() == ["existing", "planned", "existing", "planned", "existing"]
    unread = [(one.row, one.value) for one in intake.all_findings if one.check == "intake_cell_unread"]
    assert unread == [("5", "1.332"), ("6", "không rõ"), ("6", "hôm qua")]


def test_a_province_without_stations_takes_its_first_file(folder, tmp_path):
    for name in ("bts_sites.csv", "cells.csv", "roads.gpkg"):
        (folder / name).unlink(missing_ok=True)
    xlsx(tmp_path / "viettel.xlsx", plain(truths()))
    said = take(folder, tmp_path / "viettel.xlsx", "-o", tmp_path / "out", "--accept")
    assert said.exit_code == 0, said.output
    assert len(open_study(folder).stations) == 60


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["nowhere.xlsx"], "nowhere.xlsx: no such file"),
        (["--operator", "FPT"], "--operator FPT: none of"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(folder, tmp_path, words, answer):
    xlsx(tmp_path / "viettel.xlsx", plain(truths()[:3]))
    files = [] if words[0].endswith("xlsx") else [tmp_path / "viettel.xlsx"]
    said = take(folder, *files, *words, "-o", tmp_path / "out")
    assert said.exit_code == 2
    assert answer in said.output
