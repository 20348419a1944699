"""A study kept as it was checked is the one that reading its files gives, and of no other files, program or day."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from covplan.study import kept_study
from covplan.study.errors import StudyError, StudyWarning
from covplan.study.folder import Study, open_study
from covplan.study.kept_study import kept_study_file, open_kept
from covplan.study.layers import input_layers
from tests.study import small_layers, small_study
from tests.study_floor.test_damage import CELLS, ROWS, WARNINGS, damaged
from tests.study_floor.test_plausible import SAMPLE

if TYPE_CHECKING:
    from pathlib import Path


DAMAGED = (ROWS + CELLS + WARNINGS)[::4]


def same(one: Study, other: Study) -> None:
    """Two studies do not differ in any cell, type, system of coordinates, finding or setting."""
    assert (one.findings, one.settings, one.rasters) == (other.findings, other.settings, other.rasters)
    assert list(one.set_aside) == list(other.set_aside)
    pairs = [(one.table(name), other.table(name)) for name in input_layers()]
    for left, right in [*pairs, *((one.set_aside[name], other.set_aside[name]) for name in one.set_aside)]:
        assert type(left) is type(right)
        pd.testing.assert_frame_equal(left, right, check_exact=True, check_index_type="exact")
        if isinstance(left, gpd.GeoDataFrame):
            assert (left.crs, left.geometry.name) == (right.crs, right.geometry.name)
    assert (one.as_read, one.path) == (other.as_read, other.path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which studies were read from their files."""
    read: list[Path] = []

    def counted(path, *, progress=None):
        read.append(path)
        return open_study(path, progress=progress)

    monkeypatch.setattr(kept_study, "open_study", counted)
    return read


def test_the_sample_is_given_back_to_the_last_cell(reads: list[Path]) -> None:
    kept_study_file(SAMPLE).unlink(missing_ok=True)
    first, again = open_kept(SAMPLE), open_kept(SAMPLE)
    assert reads == [SAMPLE]
    same(open_study(SAMPLE), again)
    same(first, again)


def test_every_damage_that_does_not_stop_a_study_is_given_back_with_its_findings(
    tmp_path: Path, reads: list[Path]
) -> None:
    kept = 0
    for number, one in enumerate(DAMAGED):
        folder = damaged(tmp_path / str(number), one)
        try:
            plain = open_kept(folder)
        except StudyError:
            continue
        reads.clear()
        same(plain, open_kept(folder))
        kept += not reads
    assert kept > len(DAMAGED) / 2
    assert reads == []


@pytest.mark.parametrize(
    "change", ["stations", "settings", "raster", "sidecar", "damage", "cut", "code", "day", "gdal"]
)
def test_another_file_program_or_day_is_read_anew(
    change: str, tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_study(tmp_path / "study")
    open_kept(folder)
    open_kept(folder)
    assert len(reads) == 1
    if change == "stations":
        path = folder / "bts_sites.csv"
        path.write_text(path.read_text("utf-8").replace("VTL", "VNPT", 1), encoding="utf-8")
    elif change == "settings":
        path = folder / "study.toml"
        path.write_text(path.read_text("utf-8").replace("margin_m = 1000", "margin_m = 1100"), encoding="utf-8")
    elif change == "raster":
        small_study(tmp_path / "other")
        path = folder / "elevation.tif"
        path.write_bytes(path.read_bytes() + b"\0")
    elif change == "sidecar":
        (folder / "elevation.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:9211</SRS></PAMDataset>", encoding="utf-8")
    elif change in ("damage", "cut"):
        path = kept_study_file(folder)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if change == "cut" else content[:-9] + b"x" + content[-8:])
    elif change == "code":
        monkeypatch.setattr(kept_study, "code_digest", lambda: "another")
    elif change == "gdal":
        monkeypatch.setattr("rasterio.__gdal_version__", "3.0.0")
    else:

        class Tomorrow(dt.date):
            @classmethod
            def today(cls):
                return dt.date(2090, 1, 1)

        monkeypatch.setattr(kept_study, "date", Tomorrow)
    again = open_kept(folder)
    assert len(reads) == 2
    same(open_study(folder), again)
    open_kept(folder)
    assert len(reads) == 2


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_study(tmp_path / "study")

    def meanwhile(path, *, progress=None):
        opened = open_study(path, progress=progress)
        stations = folder / "bts_sites.csv"
        stations.write_text(stations.read_text("utf-8").replace("VTL", "VNPT", 1), encoding="utf-8")
        return opened

    monkeypatch.setattr(kept_study, "open_study", meanwhile)
    open_kept(folder)
    assert not kept_study_file(folder).exists()


def test_what_cannot_be_given_back_as_it_is_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_study(tmp_path / "study")
    for strange in (pd.Categorical(["a"] * 8), np.array([1j] * 8), [object()] * 8, [(1, 2)] * 8, [{1: 2}] * 8):

        def odd(path, *, progress=None, strange=strange):
            opened = open_study(path, progress=progress)
            object.__setattr__(opened, "villages", opened.villages.assign(strange=strange))
            return opened

        monkeypatch.setattr(kept_study, "open_study", odd)
        assert "strange" in open_kept(folder).villages
        assert not kept_study_file(folder).exists()


def test_a_layer_that_is_left_out_is_told_each_time(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    (folder / "places.gpkg").write_bytes(b"nothing")
    with pytest.warns(StudyWarning, match="places.gpkg") as first:
        open_kept(folder)
    with pytest.warns(StudyWarning, match="places.gpkg") as again:
        open_kept(folder)
    assert [str(one.message) for one in first] == [str(one.message) for one in again]
    assert {one.filename for one in again} == {__file__}


def test_a_folder_that_may_only_be_read_is_just_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_study(tmp_path / "study")
    monkeypatch.setattr(os, "access", lambda *_given: False)
    same(open_study(folder), open_kept(folder))
    assert not (folder / ".cache").exists()


def test_rows_set_aside_come_back_as_they_were_written(tmp_path: Path) -> None:
    stations = small_layers()["stations"].astype("object")
    stations.loc[[0, 2], "lon"] = ["không rõ", 1e9]
    folder = small_study(tmp_path / "study", stations=stations)
    open_kept(folder)
    aside = open_kept(folder).set_aside["stations"]
    assert aside["lon"].tolist() == ["không rõ", "1000000000.0"]
    assert aside["row"].tolist() == [2, 4]
