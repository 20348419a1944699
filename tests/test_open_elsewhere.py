"""Files of a study that QGIS has open, or that a stopped program left: what was saved there is what covplan reads."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from covplan.cli import main
from covplan.study.folder import open_study, read_study
from covplan.study.settled import pending, settled
from tests.needs import SYSTEM_PYTHON
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Iterator

EDITOR = Path(__file__).with_name("open_elsewhere.py")
QGIS = Path(__file__).with_name("edit_in_qgis.py")
NOBODY = 65534
NEW = "Thôn Sửa Trong QGIS"


def covplan(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [str(one) for one in arguments])


@contextmanager
def edited(file: Path, program: Path = EDITOR, python: str | Path = sys.executable, crash: str = "") -> Iterator[None]:
    """The first hamlet gets another name and the file stays open; or the program dies at once."""
    asked = [str(python), str(program), str(file), "villages", "name", NEW, *([crash] if crash else [])]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and "PROJ" not in name}
    with subprocess.Popen(  # noqa: S603
        asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment
    ) as there:
        assert there.stdout is not None
        assert there.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            there.communicate("\n")


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".gpkg-shm"}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pattern")
    study = small_study(folder / "study")
    with closing(sqlite3.connect(study / "villages.gpkg")) as base:
        base.execute("PRAGMA journal_mode = wal")  # as QGIS left it
    assert covplan("plan", study, "-o", folder / "out").exit_code == 0
    return folder


@pytest.fixture
def planned(pattern: Path, tmp_path: Path) -> tuple[Path, Path]:
    return shutil.copytree(pattern / "study", tmp_path / "study"), shutil.copytree(pattern / "out", tmp_path / "out")


def sees_the_edit(study: Path, out: Path) -> None:
    before = state(study)
    told = covplan("plan", study, "-o", out)
    assert told.exit_code == 0
    assert "map.html" in told.output
    assert NEW in (out / "map.html").read_text(encoding="utf-8")
    assert state(study) == before  # nothing in the study folder is changed by reading
    again = covplan("plan", study, "-o", out)
    assert "--force" in again.output  # everything is current


def test_an_edit_in_the_write_ahead_log_is_seen_by_the_next_plan(planned: tuple[Path, Path]) -> None:
    study, out = planned
    assert "--force" in covplan("plan", study, "-o", out).output
    with edited(study / "villages.gpkg"):
        assert pending(study / "villages.gpkg") == [study / "villages.gpkg-wal"]
        sees_the_edit(study, out)


@pytest.mark.needs("qgis")
def test_an_edit_saved_in_qgis_with_the_project_open_is_seen_by_the_next_plan(planned: tuple[Path, Path]) -> None:
    study, out = planned
    with edited(study / "villages.gpkg", QGIS, SYSTEM_PYTHON):
        assert pending(study / "villages.gpkg") == [study / "villages.gpkg-wal"]
        sees_the_edit(study, out)


def test_an_edit_that_a_program_saved_before_it_died_is_seen(planned: tuple[Path, Path]) -> None:
    study, out = planned
    with edited(study / "villages.gpkg", crash="crash"):
        pass
    assert pending(study / "villages.gpkg")
    sees_the_edit(study, out)


@contextmanager
def nobody_may_write(folder: Path) -> Iterator[None]:
    """A folder on a disk that may only be read; root is somebody else meanwhile."""
    for one in (folder, *folder.rglob("*")):
        one.chmod(0o555 if one.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        for one in folder.parents:
            if one.stat().st_mode & 0o11 != 0o11:
                one.chmod(one.stat().st_mode | 0o11)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for one in (folder, *folder.rglob("*")):
            one.chmod(0o755 if one.is_dir() else 0o644)


@pytest.mark.skipif(os.name == "nt", reason="the modes of Windows say something else")
@pytest.mark.parametrize("crash", ["", "crash"])
def test_a_folder_that_may_only_be_read_gives_the_saved_edits_too(crash: str, tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    with edited(study / "villages.gpkg", crash=crash):
        pass
    assert bool(pending(study / "villages.gpkg")) == bool(crash)
    (study / "villages.gpkg-shm").unlink(missing_ok=True)
    read_study(study)  # whatever Python loads for it, which nobody else may read here
    with nobody_may_write(study):
        opened, found = read_study(study)
    assert opened is not None
    assert opened.villages["name"][0] == NEW
    assert [one for one in found if one.check == "file_warning"] == []


def test_a_change_that_was_never_saved_is_rolled_back_in_the_copy(tmp_path: Path) -> None:
    study, left = small_study(tmp_path / "study"), tmp_path / "left"
    base = sqlite3.connect(study / "villages.gpkg", isolation_level=None)
    for name in ("IsEmpty", "MinX", "MaxX", "MinY", "MaxY"):
        base.create_function(f"ST_{name}", 1, lambda _shape: 0)
    base.execute("PRAGMA cache_size = 1")
    base.execute("BEGIN")
    base.execute("UPDATE villages SET name = ?", (NEW,))
    base.execute("CREATE TABLE big (text)")
    base.executemany("INSERT INTO big VALUES (?)", [("y" * 4000,)] * 50)
    shutil.copytree(study, left)  # as a program that dies now leaves it
    base.rollback()
    base.close()
    assert pending(left / "villages.gpkg") == [left / "villages.gpkg-journal"]
    before = state(left)
    assert open_study(left).villages["name"][0] == "Thôn Nà Tông"
    assert state(left) == before


def test_a_file_that_nobody_has_open_is_read_where_it_is(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    with settled(study / "villages.gpkg") as file:
        assert file == study / "villages.gpkg"
    with settled(study / "no.gpkg") as file:
        assert file == study / "no.gpkg"


def test_an_export_that_is_still_open_in_qgis_is_read_back_with_its_edits(planned: tuple[Path, Path]) -> None:
    study, out = planned
    package = out / "master_plan.gpkg"
    with closing(sqlite3.connect(package)) as base:
        table = json.loads(base.execute("SELECT value FROM covplan_file WHERE key = 'tables'").fetchone()[0])[
            "stations"
        ]
    asked = [sys.executable, str(EDITOR), str(package), table, "antenna_height_m", "41.5"]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as there:  # noqa: S603
        assert there.stdout is not None
        assert there.stdout.readline() == "ready\n"
        told = covplan("readback", study, package, "-o", out / "new", "--dry-run")
        there.communicate("\n")
    assert (told.exit_code, told.stderr) == (0, "")
    assert "41.5" in told.output
