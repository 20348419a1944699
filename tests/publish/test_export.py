"""`covplan export` and its formats: whole or absent, nothing replaced unasked, limits told, odd texts, full disks."""

from __future__ import annotations

import errno
import json
import sqlite3
import unicodedata
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.publish import legacy
from covplan.publish.geopackage import metadata, write_geopackage
from covplan.publish.legacy import short_names, write_legacy
from covplan.publish.ofds import NODE_TYPES, ofds_package, write_ofds
from covplan.study.errors import OutputError
from tests.publish.proposed import plan_of, proposed_plan
from tests.publish.test_geopackage import restricted_l3
from tests.publish.test_package_contents import project_of
from tests.study import small_study

# Every letter of Vietnamese with every tone, in both cases.
LETTERS = (
    "".join(
        unicodedata.normalize("NFC", vowel + tone)
        for vowel in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
        for tone in ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
    )
    + "đĐ"
)
ODD = [
    '=HYPERLINK("http://x","y")', "+84 912", "@SUM(A1)", "<script>alert(1)</script>", "O'Brien \"Đồng\" & <b>", "]]>",
    LETTERS, "Thôn " + "rất dài " * 37,
]  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return proposed_plan(tmp_path_factory.mktemp("plan"))


def odd_names(villages):
    return villages.assign(name=ODD)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return plan_of(
        tmp_path_factory.mktemp("odd"), villages=odd_names, settings={"province": {"name": "<Tỉnh> & 'thử'"}}
    )


def test_odd_texts_come_back_letter_by_letter(odd, tmp_path):
    path = write_geopackage(odd, tmp_path / "plan.gpkg")
    kept = odd.study.villages.set_index("village_id")["name"]
    read = pyogrio.read_dataframe(path, layer="hc_thon").set_index("village_id")["name"]
    assert read.to_dict() == kept.to_dict()
    assert max(map(len, read)) > 290
    assert LETTERS in set(read)


def test_odd_texts_break_neither_styles_nor_project_nor_metadata(odd, tmp_path):
    path = write_geopackage(odd, tmp_path / "plan.gpkg")
    assert "<Tỉnh> & 'thử'" in project_of(path).findtext("title")
    with closing(sqlite3.connect(path)) as base:
        (record,) = base.execute("SELECT metadata FROM gpkg_metadata").fetchone()
    assert "<Tỉnh> & 'thử'" in " ".join(ET.fromstring(record).itertext())  # noqa: S314


def test_layers_without_rows_are_left_out_and_the_rest_is_right(tmp_path):
    empty = {name: lambda table: table.iloc[:0] for name in ("places", "roads", "routes", "nodes", "cells")}
    plan = plan_of(tmp_path, **empty)
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    there = {name for name, _ in pyogrio.list_layers(path)}
    assert not there & {"kt_dia_diem", "kt_duong", "ht_tuyen_cap", "ht_nut_quang", "ht_cell", "qh_de_xuat"}
    assert len(pyogrio.read_dataframe(path, layer="ht_tram_bts")) == 7
    with closing(sqlite3.connect(path)) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("step", ["schema", "metadata"])
def test_a_full_disk_leaves_the_former_file_and_nothing_half_written(plan, tmp_path, monkeypatch, step):
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    before = path.read_bytes()

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(f"covplan.publish.geopackage.{step}.write", full)
    with pytest.raises(OutputError, match="đầy"):
        write_geopackage(plan, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["plan.gpkg"]


def test_sqlite_out_of_pages_is_a_full_disk_too(plan, tmp_path, monkeypatch):
    """What SQLite itself says when it cannot grow the file."""
    real = metadata.write

    def tight(base, *args, **options):
        base.execute(f"PRAGMA max_page_count = {base.execute('PRAGMA page_count').fetchone()[0]}")
        real(base, *args, **options)

    monkeypatch.setattr("covplan.publish.geopackage.metadata.write", tight)
    with pytest.raises(OutputError, match=r"plan.gpkg: .*full"):
        write_geopackage(plan, tmp_path / "plan.gpkg")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_a_disk_is_full_and_leaves_nothing(tmp_path, monkeypatch):
    study = small_study(tmp_path / "study")

    def full(*_args, **_options):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("covplan.publish.geopackage.metadata.write", full)
    told = CliRunner().invoke(main, ["export", str(study), "-o", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert "master_plan.gpkg: database or disk is full" in told.output
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_of_files_is_whole_or_absent_too(plan, tmp_path, monkeypatch):
    write_legacy(plan, tmp_path / "shapefile", "shp")
    before = sorted(one.name for one in (tmp_path / "shapefile").iterdir())

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(legacy, "_write_csv", full)
    with pytest.raises(OutputError, match="đầy"):
        write_legacy(plan, tmp_path / "shapefile", "shp")
    assert sorted(one.name for one in (tmp_path / "shapefile").iterdir()) == before
    assert [one.name for one in tmp_path.iterdir()] == ["shapefile"]


# --- the command


def test_the_command_writes_what_is_asked_and_replaces_nothing_unasked(tmp_path):
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    line = ["export", str(study), "-o", str(out)]
    told = CliRunner().invoke(main, [*line, "--wgs84", "-f", "gpkg", "-f", "shp", "-f", "tab", "-f", "ofds"])
    assert told.exit_code == 0, told.output
    assert sorted(one.name for one in out.iterdir()) == [
        "fiber_ofds.json", "mapinfo", "master_plan.gpkg", "master_plan_wgs84.gpkg", "shapefile",
    ]  # fmt: skip
    assert "covplan propose" in told.output  # nothing proposed yet
    first = (out / "master_plan.gpkg").read_bytes()
    refused = CliRunner().invoke(main, line)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert CliRunner().invoke(main, [*line, "--overwrite"]).exit_code == 0
    assert (out / "master_plan.gpkg").read_bytes() == first


# --- shapefile and TAB


@pytest.mark.parametrize(("form", "suffix"), [("shp", ".shp"), ("tab", ".tab")])
def test_the_old_formats_hold_every_row_at_its_place_in_vn_2000(plan, tmp_path, form, suffix):
    folder = write_legacy(plan, tmp_path / form, form)
    read = pyogrio.read_dataframe(folder / f"ht_tram_bts{suffix}").set_index("station_id")
    kept = plan.study.stations.set_index("station_id")
    there, here = kept.geometry, read.geometry.reindex(kept.index)  # MapInfo has words of its own for the system
    assert np.hypot(there.x - here.x, there.y - here.y).max() < 0.001
    ours, theirs = kept.to_crs(4326).geometry, read.to_crs(4326).geometry.reindex(kept.index)
    assert np.hypot(ours.x - theirs.x, ours.y - theirs.y).max() * 111_000 < 0.01  # the datum is in the file
    assert read["operator"].to_dict() == kept["operator"].to_dict()
    mixed = {one.stem for one in folder.glob(f"qh_de_xuat*{suffix}")}
    assert mixed == {"qh_de_xuat_diem", "qh_de_xuat_tuyen"}
    assert (folder / "kq_chi_tieu.csv").is_file()


def test_field_names_are_short_told_apart_and_written_down(plan, tmp_path):
    folder = write_legacy(plan, tmp_path / "shp", "shp")
    names = pd.read_csv(folder / "ten_truong.csv", encoding="utf-8-sig")
    assert names["field"].str.len().max() <= 10
    assert not names.duplicated(["layer", "field"]).any()
    mine = names[names["layer"] == "qh_nang_cap"].set_index("field")["column"]
    assert list(pyogrio.read_info(folder / "qh_nang_cap.shp")["fields"]) == list(mine.index)
    assert set(mine) >= {"cost_low_vnd", "cost_base_vnd", "cost_high_vnd"}
    assert (folder / "qh_nang_cap.cpg").read_text() == "UTF-8"
    assert list(short_names([f"same_long_name_{n}" for n in range(12)], 10).values())[-1] == "same_lon11"


def test_texts_too_long_are_cut_between_letters_and_listed(odd, tmp_path):
    folder = write_legacy(odd, tmp_path / "shp", "shp")
    read = pyogrio.read_dataframe(folder / "hc_thon.shp").set_index("village_id")["name"]
    kept = odd.study.villages.set_index("village_id")["name"]
    cut = pd.read_csv(folder / "bi_cat.csv", encoding="utf-8-sig")
    listed = set(cut.loc[(cut["layer"] == "hc_thon") & (cut["column"] == "name"), "key"])
    long = {village for village, name in kept.items() if len(name.encode()) > 254}
    assert listed == long
    assert len(long) == 2
    for village, name in kept.items():
        assert name.startswith(read[village].rstrip())
        assert village in long or read[village] == name


def test_restricted_stations_stay_out_of_the_old_formats_too(tmp_path):
    plan = proposed_plan(tmp_path, stations=restricted_l3)
    folder = write_legacy(plan, tmp_path / "shp", "shp")
    everything = b"".join(one.read_bytes() for one in sorted(folder.iterdir()))
    assert b"S-3" in everything
    assert b"L-3" not in everything
    assert b"S-4" not in everything


# --- fiber as open data


def test_fiber_as_ofds_joins_every_cable_to_two_nodes(plan, tmp_path):
    package = json.loads(write_ofds(plan, tmp_path / "fiber.json").read_text(encoding="utf-8"))
    for network in package["networks"]:
        assert network["links"][0]["rel"] == "describedby"
        assert network["crs"]["name"] == "urn:ogc:def:crs:OGC::CRS84"
        nodes = {one["id"]: one for one in network["nodes"]}
        assert len(nodes) == len(network["nodes"])
        for span in network["spans"]:
            for end, n in (("start", 0), ("end", -1)):
                at = nodes[span[end]]["location"]["coordinates"]
                assert at == pytest.approx(span["route"]["coordinates"][n], abs=2e-5)
            assert span["status"] in ("operational", "proposed")
        assert all(network.values())  # the standard knows no empty lists
    own = next(one for one in package["networks"] if one["name"].startswith("VNPT"))
    assert {one["type"][0] for one in own["nodes"] if "type" in one} <= set(NODE_TYPES.values())
    (cable,) = own["spans"]
    assert (cable["fiberCount"], cable["darkFiber"], cable["deployment"]) == (48, True, ["aboveGround"])
    assert cable["fiberLength"] == pytest.approx(12.0, abs=0.01)  # kilometres
    proposed = next(one for one in package["networks"] if one["name"].startswith("Đề xuất"))
    assert [one["status"] for one in proposed["spans"]] == ["proposed"]


def test_ofds_is_the_same_every_time_and_copes_without_fiber(plan, tmp_path):
    assert write_ofds(plan, tmp_path / "a.json").read_bytes() == write_ofds(plan, tmp_path / "b.json").read_bytes()
    none = gpd.GeoDataFrame(plan.proposals.iloc[:0])
    bare = replace(
        plan, proposals=none, study=replace(plan.study, routes=plan.study.routes[:0], nodes=plan.study.nodes[:0])
    )
    assert ofds_package(bare) == {"networks": []}
