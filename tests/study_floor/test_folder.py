"""A study folder opened, saved and opened again is the same study; files of every make are read."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import unicodedata

import geopandas as gpd
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal

from covplan.study.errors import OutputError, SettingsError, StudyError
from covplan.study.files import file_digest
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from tests.study import NAMES, small_layers, small_study

TONES = "\u0300\u0301\u0303\u0309\u0323"


def assert_same_layers(one, other):
    for name in input_layers():
        if isinstance(one.table(name), gpd.GeoDataFrame):
            assert_geodataframe_equal(one.table(name), other.table(name), check_less_precise=False)
        else:
            pd.testing.assert_frame_equal(one.table(name), other.table(name))


def digests(folder):
    return {path.name: file_digest(path) for path in folder.iterdir()}


def as_cp1258(text):
    """Vietnamese as Windows wrote it before Unicode: the vowel in one byte, its tone in another."""
    parts = []
    for letter in text:
        apart = unicodedata.normalize("NFD", letter)
        tone = "".join(mark for mark in apart if mark in TONES)
        vowel = unicodedata.normalize("NFC", "".join(mark for mark in apart if mark not in TONES))
        parts.append(vowel + tone)
    return "".join(parts).encode("cp1258")


def named(stations):
    return stations.assign(name=["Trạm Đồng Rôm", "Khuổi Phìn", "Bản Khẻ", "Quý Quân", "Nà Hẩu", "Ỷ La", "Đỗ Xá"])


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The small study with names of stations, opened once; whoever hurts the folder copies it."""
    return open_study(small_study(tmp_path_factory.mktemp("study"), {"grid": {"cell_m": 50}}, stations=named))


def test_a_saved_study_opens_as_the_same_study(tmp_path, opened):
    study, again = opened, open_study(opened.save(tmp_path / "b"))
    assert_same_layers(study, again)
    assert again.settings == study.settings
    assert again.findings == study.findings
    assert again.set_aside == {}
    assert again.grid == study.grid
    for name, path in study.rasters.items():
        assert file_digest(path) == file_digest(again.rasters[name])


def test_saving_twice_gives_the_same_bytes(tmp_path, opened):
    first = digests(opened.save(tmp_path / "b"))
    assert digests(opened.save(tmp_path / "c")) == first
    assert digests(open_study(tmp_path / "b").save(tmp_path / "d")) == first
    assert set(first) == {path.name for path in opened.path.iterdir()}


def test_saving_over_the_folder_itself_loses_nothing(tmp_path, opened):
    folder = shutil.copytree(opened.path, tmp_path / "a")
    open_study(folder).save(folder)
    assert_same_layers(opened, open_study(folder))


@speaking("en")
def test_a_layer_the_study_no_longer_has_cannot_come_back_from_an_older_folder(tmp_path, opened):
    before = digests(opened.save(tmp_path / "b"))
    without = {"places": opened.places.iloc[:0], "roads": opened.roads.iloc[:0]}
    smaller = dataclasses.replace(opened, **without, rasters=opened.rasters | {"population": None})
    with pytest.raises(OutputError, match=r"holds places\.gpkg, population\.tif, roads\.gpkg"):
        smaller.save(tmp_path / "b")
    assert digests(tmp_path / "b") == before
    again = open_study(smaller.save(tmp_path / "c"))
    assert len(again.places) == len(again.roads) == 0
    assert again.rasters["population"] is None


def test_a_repaired_study_once_saved_needs_no_repair(tmp_path):
    def hurt(stations):
        stations = named(stations).astype({"lon": "object", "lat": "object"})
        stations.loc[0, "lon"] = str(stations.loc[0, "lon"]).replace(".", ",")
        stations.loc[1, ["lon", "lat"]] = stations.loc[1, ["lat", "lon"]].to_numpy()
        stations.loc[2, "operator"] = "Viettel"
        stations.loc[3, "operator"] = "không rõ"
        stations.loc[4, ["structure", "height_m"]] = None
        return stations.assign(antenna_height_m=None, name=stations["name"].map(lambda t: f" {t}  "))

    study = open_study(small_study(tmp_path / "a", stations=hurt))
    assert {f.severity for f in study.findings} == {"note", "repaired", "assumed", "set_aside"}
    again = open_study(study.save(tmp_path / "b"))
    again_told = {"missing_optional_layer", "tenants_disagree", "assumed_value", "assumed_antenna_height"}
    assert {f.check for f in again.findings} <= again_told
    assert_same_layers(study, again)


def test_every_row_is_kept_or_set_aside(tmp_path):
    def hurt(stations):
        stations.loc[[1, 4], "operator"] = ["A9", None]
        return stations

    study, _ = read_study(small_study(tmp_path, stations=hurt))
    written = set(pd.read_csv(tmp_path / "bts_sites.csv")["station_id"])
    kept, aside = set(study.stations["station_id"]), set(study.set_aside["stations"]["station_id"])
    assert (kept | aside, kept & aside) == (written, set())
    assert aside == {"S-2", "S-5"}


def test_an_empty_optional_cell_is_an_absence_not_a_fault(tmp_path):
    """Row 0 of every layer keeps only what the layer's definition requires, and the id that others name."""

    def bare(name):
        layer = input_layers()[name]
        optional = [c.name for c in layer.columns if not c.required and c.name not in layer.key]

        def change(table):
            for column in optional:
                if column in table:
                    table[column] = table[column].astype("object")
                    table.loc[0, column] = None
            return table

        return change

    tables = small_layers()
    study = open_study(small_study(tmp_path, **{name: bare(name) for name in tables}))
    assert study.set_aside == {}
    for name, table in tables.items():
        assert len(study.table(name)) == len(table), name
    assert pd.isna(study.stations.at[0, "on_air"])
    assert pd.isna(study.villages.at[0, "declared_ftth"])


@pytest.mark.parametrize("blank", ["\n", "\r\n", "\x0b", "\x0c", "\x85", "\u2028"])
def test_a_line_break_inside_a_cell_does_not_break_the_row(tmp_path, blank):
    # Excel and Word put all of these into cells: Alt+Enter, a vertical tab, a line separator.
    folder = small_study(tmp_path, stations=lambda t: t.assign(name=[f"Nà{blank}Tông", *t["station_id"][1:]]))
    study, _ = read_study(folder)
    assert list(study.stations["station_id"]) == [f"S-{n}" for n in range(1, 8)]
    assert study.stations.at[0, "name"] == "Nà Tông"


def test_columns_stand_in_the_order_of_the_definition_with_foreign_ones_behind(tmp_path):
    def mixed(stations):
        return named(stations).assign(ghi_chu="x")[["ghi_chu", *reversed(stations.columns), "name"]]

    folder = open_study(small_study(tmp_path / "a", stations=mixed)).save(tmp_path / "b")
    defined = [column.name for column in input_layers()["stations"].columns]
    with (folder / "bts_sites.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == [*defined, "ghi_chu"]
    study = open_study(folder)
    for name, layer in input_layers().items():
        assert list(study.table(name).columns)[: len(layer.columns)] == [c.name for c in layer.columns], name


def test_vietnamese_names_are_composed_characters_in_memory_and_on_disk(tmp_path):
    apart = [unicodedata.normalize("NFD", name) for name in NAMES]
    assert apart != NAMES
    folder = small_study(tmp_path / "a", villages=lambda table: table.assign(name=apart))
    study = open_study(folder)
    assert list(study.villages["name"]) == NAMES
    saved = gpd.read_file(study.save(tmp_path / "b") / "villages.gpkg", layer="villages")
    assert list(saved["name"]) == NAMES


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("utf-16", lambda text: text.encode("utf-16")),
        ("cp1258", as_cp1258),
        (None, lambda text: text.encode("utf-8-sig")),
        (None, lambda text: text.replace("\n", "\r\n").encode()),
    ],
    ids=["utf-16", "cp1258", "utf-8 with mark", "Windows lines"],
)
def test_a_file_in_any_encoding_of_the_country_reads_like_the_original(tmp_path, opened, encoding, encode):
    folder = shutil.copytree(opened.path, tmp_path / "a")
    path = folder / "bts_sites.csv"
    path.write_bytes(encode(path.read_text(encoding="utf-8")))
    study = open_study(folder)
    assert_same_layers(study, opened)
    said = [f.details["encoding"] for f in study.findings if f.check == "legacy_encoding"]
    assert said == ([encoding] if encoding else [])


def test_semicolons_between_cells_are_read_as_excel_writes_them_here(tmp_path, opened):
    folder = shutil.copytree(opened.path, tmp_path / "a")
    table = pd.read_csv(folder / "bts_sites.csv", dtype=str, keep_default_na=False)
    table.to_csv(folder / "bts_sites.csv", sep=";", index=False)  # lists hold semicolons too: they are quoted
    study = open_study(folder)
    assert_same_layers(study, opened)
    assert study.findings == opened.findings


@speaking("en")
def test_a_folder_without_settings_is_named_with_what_to_do(tmp_path, opened):
    folder = shutil.copytree(opened.path, tmp_path / "a")
    (folder / "study.toml").unlink()
    with pytest.raises(SettingsError, match=r"study\.toml: not found\. Is .*a a study folder\? `covplan sample`"):
        open_study(folder)
    with pytest.raises(SettingsError, match="no such folder"):
        open_study(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="no such folder"):
        open_study(folder / "bts_sites.csv")


LACKING = {"communes": "commune_code", "places": "kind"}


def test_the_error_lists_every_finding_that_stops_with_file_and_remedy(tmp_path):
    def hurt(stations):
        stations.loc[2, "structure"] = "A2d"
        return stations.drop(columns="operator")

    tables = {name: lambda table, column=column: table.drop(columns=column) for name, column in LACKING.items()}
    folder = small_study(tmp_path, stations=hurt, **tables)
    os.truncate(folder / "roads.gpkg", 0)
    with pytest.raises(StudyError) as stopped:
        open_study(folder)
    first, *lines = str(stopped.value).splitlines()
    assert "dừng vì 2 lỗi dữ liệu" in first  # places and roads are optional: each costs itself only
    assert sorted(line.split()[0] for line in lines) == ["bts_sites.csv", "villages.gpkg"]
    assert "Thêm hoặc đổi tên cột thành 'operator'." in str(stopped.value)
    with speaking("en"), pytest.raises(StudyError, match="Add the column or rename one to 'operator'"):
        open_study(folder)


def test_more_than_ten_findings_that_stop_are_counted_not_poured_out(tmp_path):
    strict = {"checks": {"strict": ["tenants_disagree", "too_many_tenants"]}}
    with pytest.raises(StudyError) as stopped:
        open_study(small_study(tmp_path, strict, stations=lambda t: t.assign(tenants="GTEL", max_tenants=1)))
    assert "dừng vì 7 lỗi dữ liệu" in str(stopped.value)  # six locations, and one with two operators
    strict = {"checks": {"strict": ["assumed_cells", "households_disagree", "tenants_disagree"]}}
    with pytest.raises(StudyError, match="và 5 nữa"):
        open_study(
            small_study(
                tmp_path / "b",
                strict,
                stations=lambda t: t.assign(tenants="GTEL"),
                cells=lambda t: t.iloc[:1],
                villages=lambda t: t.assign(households=t["households"] + 1),
            )
        )


def test_opening_changes_nothing_in_the_folder(tmp_path):
    folder = small_study(tmp_path, stations=lambda table: table.assign(lat=None))
    before = digests(folder)
    read_study(folder)
    assert digests(folder) == before
