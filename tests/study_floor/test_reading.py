"""A bad byte, line, row or optional layer costs itself only, and is said with its place."""

from __future__ import annotations

import sqlite3

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.study.errors import StudyWarning
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from covplan.study.reading import decoded
from tests.study import NAMES, small_study

SET_NAME = "UPDATE {} SET name = CAST(? AS TEXT) WHERE fid = ?"


def sql(path, *statements):
    """Change a GeoPackage as no GIS would: its triggers want functions SQLite lacks."""
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement, *values in statements:
            connection.execute(statement, values)
    connection.close()
    return path.parent


def said(found, *checks):
    return [(one.check, one.layer, one.row, one.column, one.value) for one in found if one.check in checks]


@pytest.mark.parametrize(
    ("broken", "read"),
    [
        (b"\xc3", "\ufffd"),
        (b"Th\xc3\xb4n N\xc3", "Thôn N\ufffd"),
        (b"B\xe1\xba", "B\ufffd"),
    ],
)
def test_one_broken_byte_in_one_name_costs_one_letter(tmp_path, broken, read):
    folder = sql(small_study(tmp_path) / "villages.gpkg", (SET_NAME.format("villages"), broken, 3))
    study, found = read_study(folder)
    assert study.villages["name"].tolist() == [*NAMES[:2], read, *NAMES[3:]]
    assert said(found, "broken_bytes", "broken_text", "legacy_encoding") == [
        ("broken_bytes", "villages", "3", "name", read)
    ]
    assert len(study.dwellings) == 16
    assert study.set_aside == {}


def test_a_geopackage_in_a_legacy_encoding_is_read_whole_and_said(tmp_path):
    names = {1: "Đường tỉnh", 2: "Đường Hồ Chí Minh"}
    apart = str.maketrans({"ờ": "ơ\u0300", "ỉ": "i\u0309", "ồ": "ô\u0300", "í": "i\u0301"})  # as the code page has them
    codes = {fid: name.translate(apart).encode("cp1258") for fid, name in names.items()}
    statements = [(SET_NAME.format("roads"), code, fid) for fid, code in codes.items()]
    study, found = read_study(sql(small_study(tmp_path) / "roads.gpkg", *statements))
    assert study.roads["name"].tolist() == list(names.values())
    assert said(found, "legacy_encoding", "broken_bytes") == [("legacy_encoding", "roads", "", "", "")]


def test_one_broken_byte_in_a_csv_does_not_turn_all_names_into_another_encoding(tmp_path):
    folder = small_study(tmp_path)
    written = (folder / "service_points.csv").read_bytes()
    (folder / "service_points.csv").write_bytes(written.replace("Thử".encode(), b"Th\xe1\xbb", 1))
    study, found = read_study(folder)
    assert study.service_points["name"].tolist() == ["Cửa hàng Th\ufffd", "Điểm Wi-Fi Thác Thử"]
    assert said(found, "broken_bytes", "broken_text", "legacy_encoding") == [
        ("broken_bytes", "service_points", "2", "name", "Cửa hàng Th\ufffd")
    ]


def test_the_encoding_of_a_text_is_told_by_its_letters():
    text = "Thôn Nà Tông, xã Hòa Bình"
    assert decoded(text.encode("utf-8-sig")) == (text, "utf-8-sig")
    assert decoded(text.encode("utf-16")) == (text, "utf-16")
    assert decoded(text.encode("cp1252"))[0].startswith("Thôn Nà Tông")
    assert decoded(b"A,B\n1,2\n") == ("A,B\n1,2\n", "utf-8-sig")
    assert decoded(text.encode() + b"\xff") == (text + "\ufffd", "utf-8-sig")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('S-8,"VNPT,L-9', 'S-8,"VNPT,L-9'),
        ("S-8" + ",1" * 40, "S-8" + ",1" * 40),
        ('S-8,"VN"PT,L-9', 'S-8,"VN"PT,L-9'),
    ],
)
def test_a_line_that_is_no_row_costs_itself_only(tmp_path, line, value):
    folder = small_study(tmp_path)
    lines = (folder / "bts_sites.csv").read_text(encoding="utf-8").splitlines()
    (folder / "bts_sites.csv").write_text("\n".join([*lines[:3], line, *lines[3:]]) + "\n", encoding="utf-8")
    study, found = read_study(folder)
    assert study.stations["station_id"].tolist() == [f"S-{n}" for n in range(1, 8)]
    assert said(found, "broken_row") == [("broken_row", "stations", "4", "", value)]
    assert len(study.set_aside["stations"]) == 1


def test_separators_a_spreadsheet_leaves_at_the_ends_are_no_cells(tmp_path):
    folder = small_study(tmp_path)
    lines = (folder / "bts_sites.csv").read_text(encoding="utf-8").splitlines()
    (folder / "bts_sites.csv").write_text("\n".join(f"{line},,," for line in lines), encoding="utf-8")
    study, found = read_study(folder)
    assert len(study.stations) == 7
    assert said(found, "broken_row", "unknown_column") == []


def test_a_shape_that_is_none_and_one_at_no_place_cost_their_rows(tmp_path):
    path = small_study(tmp_path) / "roads.gpkg"
    layer = gpd.read_file(path)
    more = layer.iloc[[0, 0]].assign(road_id=["R-3", "R-4"])
    pd.concat([layer, more]).to_file(path, layer="roads")
    cut = "UPDATE roads SET geom = substr(geom, 1, 60) WHERE fid = 3"
    nowhere = "UPDATE roads SET geom = substr(geom, 1, length(geom) - 8) || X'000000000000F87F' WHERE fid = 4"
    folder = sql(path, [cut], [nowhere])
    study, _ = read_study(folder)
    assert study.roads["road_id"].tolist() == ["R-1", "R-2"]
    assert sorted(study.set_aside["roads"]["road_id"]) == ["R-3", "R-4"]
    assert np.isfinite(study.roads.length).all()


def without_column(folder, file, layer, column):
    gpd.read_file(folder / file, layer=layer).drop(columns=column).to_file(folder / file, layer=layer)


def nameless(folder):
    (folder / "fiber.gpkg").write_bytes(b"not a database")


def wrong_meridian(folder):
    table = gpd.read_file(folder / "roads.gpkg", layer="roads").set_crs(9209, allow_override=True)
    table.to_file(folder / "roads.gpkg", layer="roads")


OPTIONAL = [
    ("places", lambda folder: without_column(folder, "places.gpkg", "places", "kind"), ["places"], "kind"),
    ("cells", lambda folder: (folder / "cells.csv").write_text("", encoding="utf-8"), ["cells"], "empty"),
    ("fiber", nameless, ["routes", "nodes"], "no GeoPackage"),
    ("roads", wrong_meridian, ["roads"], "EPSG:9211"),
    (
        "dwellings",
        lambda folder: sql(folder / "villages.gpkg", ["ALTER TABLE dwellings DROP COLUMN geom"]),
        ["dwellings"],
        "",
    ),
]


@pytest.mark.parametrize(("_name", "hurt", "lost", "word"), OPTIONAL, ids=[name for name, *_ in OPTIONAL])
def test_an_optional_layer_that_cannot_be_used_is_left_out_and_told(tmp_path, _name, hurt, lost, word):
    whole = open_study(small_study(tmp_path))
    hurt(tmp_path)
    with pytest.warns(StudyWarning) as told:
        study = open_study(tmp_path)
    aside = [one for one in study.findings if one.check == "layer_set_aside"]
    assert [one.layer for one in aside] == lost
    assert len(told) == len(lost)
    assert all(one.severity == "set_aside" for one in aside)
    assert word in aside[0].text("problem", "en") + aside[0].column
    assert "{" not in aside[0].text("problem", "vi") + aside[0].text("advice", "vi")
    for name in ("villages", "stations", "dwellings", "routes", "roads", "places", "cells"):
        assert len(study.table(name)) == (0 if name in lost else len(whole.table(name)))
    rows = {name: len(study.set_aside.get(name, ())) for name in ("places", "roads")}
    assert rows == {name: len(whole.table(name)) if name in lost else 0 for name in rows}


def test_a_raster_beside_the_terrain_that_cannot_be_used_is_left_out_and_told(tmp_path):
    folder = small_study(tmp_path)
    for name in ("landcover", "population"):
        (folder / f"{name}.tif").write_bytes(b"II*\x00 not a raster")
    with pytest.warns(StudyWarning, match="tif: .* whole layer is set aside") as told, speaking("en"):
        study = open_study(folder)
    assert [str(one.message).split(":")[0] for one in told] == ["landcover.tif", "population.tif"]
    assert study.rasters == {"elevation": folder / "elevation.tif", "landcover": None, "population": None}


def test_a_required_layer_without_a_required_column_still_stops_the_run(tmp_path):
    folder = small_study(tmp_path, stations=lambda t: t.drop(columns="operator"))
    study, found = read_study(folder)
    assert study is None
    assert ("missing_column", "operator") in {(one.check, one.column) for one in found if one.severity == "fatal"}


def test_a_command_says_which_layer_it_goes_without(tmp_path):
    folder = small_study(tmp_path / "s")
    nameless(folder)
    run = CliRunner().invoke(main, ["definitions", str(folder), "--lang", "en"])
    assert run.exit_code == 0, run.output
    assert "Warning: fiber.gpkg nodes: The file cannot be read" in run.stderr
    assert "The whole layer is set aside" in run.stderr
