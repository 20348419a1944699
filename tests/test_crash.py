"""Killed, stopped, two at once, no room, no right to write: nothing is half there, and the next run ends as any other.

A sample of what ``python -m tests.crash`` does with every command at every write.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result

from covplan.cli import main
from covplan.study import files
from covplan.study.cache import keep, kept
from covplan.study.errors import OutputError
from covplan.study.files import FORMER, PART, clear_left, folder_written_whole, is_running, written_whole
from covplan.study.grid import Grid
from covplan.study.lock import LOCK_FILE, alone
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked, which Windows cannot")
COMPUTED = {"coverage": {"basis": "computed"}}


def covplan(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [*map(str, arguments), "--lang", "en"])


def in_a_child(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `tests.crash` functions where nothing was computed before: numba's threads do not survive a fork."""
    script = f"import sys; from tests.crash import *; told = Told()\n{code}\nprint(told.wrong)"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=600)  # noqa: S603


@needs_fork
@pytest.mark.parametrize(("command", "every"), [("fiber", 5), ("check", 1)])
def test_a_command_killed_or_stopped_at_a_write_leaves_nothing_half_and_ends_well_the_next_time(
    command: str, every: int, tmp_path: Path
) -> None:
    code = "crashed(sys.argv[1], prepared(Path(sys.argv[2])), told, every=int(sys.argv[3]), stops=tuple(STOPS))"
    assert in_a_child(code, command, tmp_path, str(every)).stdout.strip() == "[]"


@needs_fork
def test_a_disk_without_room_is_one_message_and_nothing_half_written(tmp_path: Path) -> None:
    code = "full_disk('explain', prepared(Path(sys.argv[1])), told, (3_000, 60_000))"
    assert in_a_child(code, tmp_path).stdout.strip() == "[]"


UTF8 = os.environ | {"PYTHONIOENCODING": "utf-8"}  # a child of a test prints without the program's own streams


def no_room(path: Path, size: int) -> str:
    """A child that writes a raster where no file may be larger than so much; what it says."""
    code = (
        "import resource, signal, sys, numpy as np; from pathlib import Path\n"
        "from covplan.study.grid import Grid; from covplan.study.errors import CovplanError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "values = np.random.default_rng(0).normal(size=(300, 200)).astype('float32')\n"
        "grid = Grid(9211, 100, 4e5, 2.4e6, 300, 200)\n"
        "try: grid.write_cog(Path(sys.argv[1]), values, nodata=float('nan'), unit='dBm')\n"
        "except CovplanError as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(size)]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, check=True)  # noqa: S603
    return said.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited by what only POSIX has")
@pytest.mark.parametrize("size", [0, 5_000, 100_000])
def test_a_raster_that_the_disk_has_no_room_for_is_an_error_and_no_file(size: int, tmp_path: Path) -> None:
    path = tmp_path / "rsrp.tif"
    assert no_room(path, size).startswith("OutputError")
    assert list(tmp_path.iterdir()) == []
    Grid(9211, 100, 4e5, 2.4e6, 2, 2).write_cog(path, np.zeros((2, 2), "float32"), nodata=-1.0)
    before = path.read_bytes()
    assert "Nothing was written" in no_room(path, size) or "Chưa ghi gì" in no_room(path, size)
    assert path.read_bytes() == before


def test_what_a_killed_run_left_goes_and_a_folder_it_was_replacing_comes_back(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    assert not is_running(dead.pid)
    assert is_running(os.getpid())
    (tmp_path / f"{PART}{dead.pid}-a.csv").write_text("half", encoding="utf-8")
    (tmp_path / f"{PART}{os.getppid()}-b.csv").write_text("of a run that lives", encoding="utf-8")
    for kind in (PART, FORMER):
        (tmp_path / f"{kind}{dead.pid}-shapefile").mkdir()
    (tmp_path / f"{FORMER}{dead.pid}-shapefile" / "a.shp").write_text("whole", encoding="utf-8")
    clear_left(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{PART}{os.getppid()}-b.csv", "shapefile"}
    assert (tmp_path / "shapefile" / "a.shp").read_text(encoding="utf-8") == "whole"


def test_a_folder_that_breaks_while_it_is_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shapefile"
    with folder_written_whole(path) as part:
        (part / "a").write_text("1", encoding="utf-8")

    def broken() -> None:
        with folder_written_whole(path) as part:
            (part / "b").write_text("2", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert [one.name for one in path.iterdir()] == ["a"]
    assert [one.name for one in tmp_path.iterdir()] == ["shapefile"]


def test_content_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    take, flush = files._take_place, files._flush
    monkeypatch.setattr(files, "_flush", lambda path: (told.append("flush"), flush(path)))
    monkeypatch.setattr(files, "_take_place", lambda a, b: (told.append("rename"), take(a, b)))
    with written_whole(tmp_path / "a.csv") as part:
        part.write_text("1", encoding="utf-8")
    assert told == ["flush", "rename"]


def test_a_step_that_cannot_be_kept_is_told_once_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_given: object) -> None:
        raise OutputError("full")

    monkeypatch.setattr(files, "_take_place", full)
    assert not keep(tmp_path / "c" / "a", b"1")
    assert not keep(tmp_path / "c" / "b", b"1")
    assert len(caplog.records) == 1
    assert kept(tmp_path / "c" / "a") is None
    assert list((tmp_path / "c").iterdir()) == []


def holder(study: Path) -> subprocess.Popen[str]:
    """Another process that holds a study's lock until it is told to end, or killed."""
    code = (
        "import sys; from pathlib import Path; from covplan.study.lock import alone\n"
        "with alone(Path(sys.argv[1]), 'covplan propose', tell=print): print('mine', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(study)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")  # noqa: S603
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    return other


def test_the_second_run_on_a_study_says_whom_it_waits_for_and_goes_on_when_that_ends(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    other, told = holder(study), []

    def tell(line: str) -> None:
        told.append(line)
        other.communicate("")

    with alone(study, "covplan plan", tell=tell):
        about = json.loads((study / ".cache" / LOCK_FILE).read_text(encoding="utf-8"))
        assert (about["command"], about["pid"]) == ("covplan plan", os.getpid())
        with alone(study, "covplan compare", tell=tell):  # its own run does not wait for itself
            pass
    assert len(told) == 1
    assert re.search(f"covplan propose.*{other.pid}", told[0])
    assert not (study / ".cache" / LOCK_FILE).exists()


def test_the_lock_of_a_killed_run_locks_nobody_out(tmp_path: Path) -> None:
    study, told = small_study(tmp_path / "study"), []
    other = holder(study)
    other.kill()
    other.communicate()
    assert (study / ".cache" / LOCK_FILE).exists()
    with alone(study, "covplan plan", tell=told.append):
        pass
    assert told == []


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, out = small_study(tmp_path / "a study", COMPUTED), tmp_path / "out"

    def unplugged(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("covplan.publish.maps.write_map", unplugged)
        told = covplan("plan", study, "-o", out)
    assert told.exit_code == 128 + signal.SIGINT == 130
    lines = told.stderr.splitlines()
    assert re.match(r"Stopped. Of this run \d+ results are whole, \d+ steps are kept; nothing stands half", lines[-2])
    assert lines[-1].startswith("To go on, give the same command again: covplan plan ")
    assert f"'{study}'" in lines[-1] or f'"{study}"' in lines[-1]
    again = covplan("plan", study, "-o", out)
    assert "map.html; current already: " in again.output
    with monkeypatch.context() as cut:
        cut.setattr("covplan.study.kept_study.open_kept", unplugged)
        assert "Nothing was written yet" in covplan("indicators", study).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to be sent")
def test_a_run_that_is_told_to_end_clears_up(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    other = holder(study)
    command = [sys.executable, "-m", "covplan", "plan", str(study), "-o", str(tmp_path / "out"), "--lang", "en"]
    waiting = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8")  # noqa: S603
    assert waiting.stderr is not None
    assert "is at work on it; waiting until it ends" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGTERM)
    _out, said = waiting.communicate(timeout=60)
    assert "Nothing was written yet" in said
    assert waiting.returncode == 143
    other.communicate("")


def test_coverage_that_was_stopped_goes_on_with_what_is_not_done_and_old_coverage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = small_study(tmp_path / "study", COMPUTED), tmp_path / "out"
    folder = out / "coverage"
    command = ("coverage", study, "-o", out, "-t", "4G", "-p", "VTL", "-p", "VNPT")
    take = files._take_place

    def stopping(source: Path, target: Path) -> None:
        if target.name.startswith("4G_VNPT"):
            raise KeyboardInterrupt
        take(source, target)

    with monkeypatch.context() as cut:
        cut.setattr(files, "_take_place", stopping)
        assert covplan(*command).exit_code == 130
    done = {path.name: path.stat().st_mtime_ns for path in folder.glob("4G_VTL*")}
    assert len(done) > 5
    told = covplan(*command)
    assert (told.exit_code, "4G VTL: current already" in told.output) == (0, True)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("4G_VTL*")} == done
    assert list(folder.glob("4G_any*"))
    names = [path.name for path in folder.iterdir()]
    whole = {name: (folder / name).read_bytes() for name in names}
    (folder / "4G_VNPT_sinr_db.tif").write_bytes(b"half")
    told = covplan("map", study, "-o", out)
    assert "not of this study as it stands, or changed since: 4G_VNPT_rsrp_dbm.tif" in told.stderr.replace("\n", "")
    assert "4G VTL: current already" in covplan(*command).output
    assert {name: (folder / name).read_bytes() for name in names} == whole
    assert "not of this study" not in covplan("map", study, "-o", out).stderr


def test_a_study_that_may_only_be_read_is_planned_and_nothing_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, access = small_study(tmp_path / "study", COMPUTED), os.access
    before = {path.name: path.read_bytes() for path in study.iterdir()}
    study.chmod(0o555)  # for root that is not enough
    monkeypatch.setattr(os, "access", lambda path, mode, **how: mode != os.W_OK and access(path, mode, **how))
    try:
        told = covplan("plan", study, "-o", tmp_path / "out")
        assert (told.exit_code, (tmp_path / "out" / "map.html").exists()) == (0, True)
        assert {path.name: path.read_bytes() for path in study.iterdir()} == before
    finally:
        study.chmod(0o755)
