"""Results that Excel, Word, QGIS or a browser has open: the new version beside them, told, and the rest done."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import geopandas as gpd
import openpyxl
import pytest
from click.testing import CliRunner, Result
from shapely.geometry import Point

from covplan.cli import main
from covplan.study import held
from covplan.study.errors import ResultWarning
from covplan.study.files import folder_written_whole, written_whole
from covplan.study.language import speaking
from tests.refusing import open_in_another_program
from tests.study import small_study
from tests.test_open_elsewhere import edited

if TYPE_CHECKING:
    from pathlib import Path


def covplan(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [str(one) for one in arguments])


def write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    held.forget()


def test_annexes_open_in_excel_are_beside_and_the_report_is_made(tmp_path: Path) -> None:
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    assert covplan("documents", study, "-o", out).exit_code == 0
    old = (out / "phu_luc.xlsx").read_bytes()
    for name in ("bao_cao.docx", "bao_cao.html"):
        os.utime(out / name, (1_000_000_000, 1_000_000_000))
    with open_in_another_program(out / "phu_luc.xlsx"):
        told = covplan("documents", study, "-o", out, "--overwrite", "--lang", "en")
    assert told.exit_code == 3
    assert f"{out / 'phu_luc.xlsx'} is open in another program (usually Excel)" in told.stderr
    assert str(out / "phu_luc_new.xlsx") in told.stderr
    assert ".part-" not in told.output + told.stderr
    assert (out / "phu_luc.xlsx").read_bytes() == old
    new, former = (openpyxl.load_workbook(out / name).sheetnames for name in ("phu_luc_new.xlsx", "phu_luc.xlsx"))
    assert len(new) == len(former)
    assert new != former  # another language
    assert all((out / name).stat().st_mtime > 1_000_000_000 for name in ("bao_cao.docx", "bao_cao.html"))
    assert names(out) == ["bao_cao.docx", "bao_cao.html", "phu_luc.xlsx", "phu_luc_new.xlsx"]


def test_a_plan_whose_package_was_held_is_made_again_by_the_next_run(tmp_path: Path) -> None:
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    assert covplan("plan", study, "-o", out).exit_code == 0
    with open_in_another_program(out / "master_plan.gpkg"):
        told = covplan("plan", study, "-o", out, "--force")
    assert told.exit_code == 3
    assert (out / "master_plan_moi.gpkg").is_file()
    again = covplan("plan", study, "-o", out)
    assert again.exit_code == 0
    assert "master_plan.gpkg" in again.output
    assert "--force" in covplan("plan", study, "-o", out).output


def test_a_virus_scanner_that_lets_go_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "old")
    with open_in_another_program(tmp_path / "a.csv", times=2) as refused:
        write(tmp_path / "a.csv", "new")
    assert len(refused) == 2
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "new"
    assert held.elsewhere() == {}
    assert names(tmp_path) == ["a.csv"]


def test_what_stands_beside_and_is_open_too_gets_the_next_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "a_moi.csv"
    for path in (first, second):
        write(path, "old")
    with open_in_another_program(first, second), pytest.warns(ResultWarning, match="a_moi2.csv"):
        write(first, "new")
    assert [path.read_text(encoding="utf-8") for path in sorted(tmp_path.iterdir())] == ["old", "old", "new"]
    assert held.where(first) == tmp_path / "a_moi2.csv"
    write(first, "newest")  # closed meanwhile
    assert held.where(first) == first


def test_a_folder_with_a_file_open_in_it_is_beside(tmp_path: Path) -> None:
    target = tmp_path / "shapefile"

    def fill(text: str) -> None:
        with folder_written_whole(target) as part:
            (part / "a.dbf").write_text(text, encoding="utf-8")

    fill("old")
    with speaking("en"), open_in_another_program(target / "a.dbf"), pytest.warns(ResultWarning, match="shapefile_new"):
        fill("new")
    assert names(tmp_path) == ["shapefile", "shapefile_new"]
    assert (target / "a.dbf").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "shapefile_new" / "a.dbf").read_text(encoding="utf-8") == "new"


def test_rows_set_aside_that_no_longer_hold_and_are_open_are_told(tmp_path: Path) -> None:
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    old = out / "set_aside" / "cells.csv"
    old.parent.mkdir(parents=True)
    old.touch()
    with open_in_another_program(old):
        told = covplan("check", study, "-o", out, "--lang", "en")
    assert told.exit_code == 3
    assert f"{old} no longer holds" in told.stderr
    assert (out / "findings.csv").is_file()
    assert covplan("check", study, "-o", out).exit_code == 0
    assert not old.exists()


def test_a_folder_nobody_may_write_to_is_an_error_that_names_the_result(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "old")
    everything = [tmp_path / f"a_moi{n}.csv" for n in ("", *range(2, held.MOST_BESIDE + 1))]
    with open_in_another_program(tmp_path / "a.csv", *everything), pytest.raises(PermissionError) as refused:
        write(tmp_path / "a.csv", "new")
    assert refused.value.filename == str(tmp_path / "a.csv")


def test_what_covplan_keeps_for_itself_is_not_put_beside(tmp_path: Path) -> None:
    path = tmp_path / ".cache" / "loss" / "a.loss"
    write(path, "old")
    with open_in_another_program(path), pytest.raises(PermissionError):
        write(path, "new")
    assert names(path.parent) == ["a.loss"]


def test_edits_of_qgis_in_a_result_are_not_lost_and_do_not_get_into_the_new_one(tmp_path: Path) -> None:
    """A new file under the old one's write-ahead log would be read with pages of the old one in it."""
    path = tmp_path / "plan.gpkg"
    table = gpd.GeoDataFrame({"name": ["old"] * 3}, geometry=[Point(n, n) for n in range(3)], crs=9211)

    def package(name: str) -> None:
        with written_whole(path) as part:
            table.assign(name=name).to_file(part, layer="villages", driver="GPKG", VERSION="1.3")

    package("old")
    with edited(path), pytest.warns(ResultWarning, match="QGIS"):
        package("new")
    assert gpd.read_file(path, layer="villages")["name"].tolist()[0] == "Thôn Sửa Trong QGIS"
    assert set(gpd.read_file(tmp_path / "plan_moi.gpkg", layer="villages")["name"]) == {"new"}
