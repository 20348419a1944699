"""Every command killed at every write it makes: afterwards nothing is half there, and the next run ends as any other.

``python -m tests.crash`` kills each command at each of its writes, in turn before and after the file takes its name (by
SIGKILL), stops it there (SIGINT, SIGTERM), lets the disk be full (by the size of a file, and on small disks of their
own where that is allowed), and prints how many there were. ``--every N`` takes every Nth; the tests do that.

A child process of its own is forked for each, so that what has to be loaded is loaded once. The door all writers go
through (`covplan.study.files._take_place`) is where they are counted and killed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import rasterio

from covplan.cli import main
from covplan.study import cache, files
from covplan.study.manifest import MANIFEST_FILE
from tests.propose.test_proposals import DARK, EASY
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COMMANDS: dict[str, tuple[str, ...]] = {
    "plan": (),
    "check": (),
    "indicators": (),
    "coverage": (),
    "map": (),
    "sheet": ("T-02200-1", "T-02203-1"),
    "explain": ("T-02203-2",),
    "export": ("-f", "gpkg", "-f", "shp", "-f", "tab", "-f", "ofds", "--wgs84", "--overwrite"),
    "documents": ("--overwrite",),
    "fiber": ("--time-limit", "60"),
    "compare": (),
    "propose": (),
}
"""Each command with its options; those that write nothing but what they keep are among them."""
WITHOUT_OUT = ("indicators",)
STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143}
LIMIT_S = 300.0


@dataclass
class Told:
    """What was tried, and what went wrong."""

    tried: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def one(self, what: str) -> None:
        """One more of a kind."""
        self.tried[what] = self.tried.get(what, 0) + 1


def arguments(command: str, folder: Path) -> list[str]:
    """The command line on a folder's study and results."""
    given = [command, str(folder / "study")]
    if command == "compare":
        given.append(str(folder / "other"))
    out = [] if command in WITHOUT_OUT else ["-o", str(folder / "out")]
    return [*given, *COMMANDS[command], *out, "--lang", "en"]


def prepared(folder: Path) -> Path:
    """A folder with a small study that has something to compute and to propose, and another to compare it with."""
    small_study(folder / "study", {**DARK, **EASY})
    small_study(folder / "other", {**DARK, **EASY}, stations=lambda table: table.iloc[:-1])
    return folder


def run(command: str, folder: Path, before: Callable[[], None] | None = None) -> tuple[int, str]:
    """Run a command in a child of this process; its exit code (negative: the signal that ended it) and what it said.

    Nothing may have been computed in this process: numba's threads do not survive a fork.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 70
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            with os.fdopen(writing, "w", encoding="utf-8") as pipe, redirect_stdout(pipe), redirect_stderr(pipe):
                if before:
                    before()
                code = _code(arguments(command, folder))
        finally:
            os._exit(code)
    os.close(writing)
    said, deadline = b"", time.monotonic() + LIMIT_S
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while time.monotonic() < deadline:
            if select.select([pipe], [], [], 1.0)[0]:
                more = pipe.read(1 << 16)
                if not more:
                    break
                said += more
        else:
            os.kill(child, signal.SIGKILL)
            said += b"\ntook too long"
    _child, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace")


def _code(given: list[str]) -> int:
    try:
        main(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


def at_write(nth: int, act: Callable[[], None], *, after: bool) -> Callable[[], None]:
    """For `run`: do something at the nth write, before or after the file takes its name."""

    def prepare() -> None:
        take_place, made = files._take_place, [0]

        def counted(source: Path, target: Path) -> None:
            made[0] += 1
            due = made[0] == nth
            if due and not after:
                act()
            take_place(source, target)
            if due and after:
                act()

        files._take_place = counted

    return prepare


def writes(command: str, folder: Path) -> int:
    """How many files and folders a command gives their name."""
    note = folder / "writes.txt"

    def prepare() -> None:
        take_place = files._take_place

        def counted(source: Path, target: Path) -> None:
            take_place(source, target)
            with note.open("a", encoding="utf-8") as file:
                file.write(f"{target}\n")

        files._take_place = counted

    note.write_text("", encoding="utf-8")
    code, said = run(command, folder, prepare)
    if code:
        raise RuntimeError(f"{command}: {code}\n{said}")
    return len(note.read_text(encoding="utf-8").splitlines())


def kill() -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop(number: int) -> Callable[[], None]:
    """End this process as a signal does."""
    return lambda: os.kill(os.getpid(), number)


def full_at(size: int) -> Callable[[], None]:
    """For `run`: no file may grow beyond a size; the kernel refuses, whoever writes (Python, GDAL, SQLite)."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def half_written(folder: Path) -> list[str]:
    """Files under their final name that are not whole, by opening each as what it is."""
    wrong = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith((files.PART, files.FORMER)) or path.name == "lock":
            continue
        if any(part.startswith((files.PART, files.FORMER)) for part in path.parts) or path.name == "writes.txt":
            continue
        try:
            _opened(path)
        except Exception as error:
            wrong.append(f"{path.relative_to(folder)}: {error!r}")
    return wrong


def _opened(path: Path) -> None:
    content = path.read_bytes()
    if ".cache" in path.parts:
        if not cache.is_kept(path):
            raise ValueError("not as it was kept")
    elif path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as base:
            if base.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise ValueError("not whole")
    elif path.suffix == ".tif":
        with rasterio.open(path) as raster:
            raster.read()
    elif path.suffix in (".json", ".geojson"):
        json.loads(content)
    elif path.suffix == ".html":
        if b"</html>" not in content[-200:].lower():
            raise ValueError("cut short")
    elif path.suffix in (".xlsx", ".docx"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.testzip()
    elif path.suffix == ".csv" and content and not content.endswith(b"\n"):
        raise ValueError("cut short")


def fingerprint(folder: Path) -> dict[str, str]:
    """Digest of every file of results and of what is kept; seconds that a solver took are no result."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name == "writes.txt" or "/.cache/runs/" in f"/{name}":
            continue
        content = path.read_bytes()
        if path.suffix == ".csv" and b"seconds" in content.partition(b"\n")[0]:
            content = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
        if path.name == MANIFEST_FILE:
            content = json.dumps(sorted(json.loads(content))).encode()
        if "proposals" in path.parts:  # with the seconds in them
            content = b""
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def crashed(command: str, start: Path, told: Told, *, every: int, stops: Sequence[int] = ()) -> None:
    """Kill a command at its writes, look what is left, run it again and compare with a run that nobody killed."""
    with tempfile.TemporaryDirectory() as place:
        whole = shutil.copytree(start, Path(place) / "whole")
        count = writes(command, whole)
        expected = fingerprint(whole)
        told.one(f"{command}: writes {count}")
        cases = [(nth, after, None) for nth in range(1, count + 1) for after in (False, True)][::every]
        cases += [(nth, False, number) for number in stops for nth in range(1, count + 1)][:: every * 2]
        for nth, after, number in cases:
            what = f"{command} {signal.Signals(number).name if number else 'SIGKILL'} {nth}{'b' if after else 'a'}"
            folder = Path(place) / "cut"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(start, folder)
            code, said = run(command, folder, at_write(nth, stop(number) if number else kill, after=after))
            told.one(f"{command} {signal.Signals(number).name if number else 'SIGKILL'}")
            good = -signal.SIGKILL if number is None else STOPS[signal.Signals(number)]
            if code != good or "Traceback" in said:
                told.wrong.append(f"{what}: ended with {code}: {said[-300:]}")
            if number and "give the same command again" not in said:
                told.wrong.append(f"{what}: does not say how to go on: {said[-300:]}")
            told.wrong += [f"{what}: {one}" for one in half_written(folder)]
            _again(command, folder, expected, what, told)


def _again(command: str, folder: Path, expected: dict[str, str], what: str, told: Told) -> None:
    code, said = run(command, folder)
    found = fingerprint(folder)
    if code or "Traceback" in said:
        told.wrong.append(f"{what}: the next run ended with {code}: {said[-300:]}")
    # Where the disk of the cache was full the results are whole: the next run has no reason to keep what was not kept.
    spared = {name for name in expected if name not in found and ".cache" in Path(name).parts}
    differs = sorted(name for name in {*found, *expected} - spared if found.get(name) != expected.get(name))
    if differs:
        told.wrong.append(f"{what}: after the next run {', '.join(differs)} differ")


def full_disk(command: str, start: Path, told: Told, sizes: Sequence[int]) -> None:
    """Run a command where no file may grow beyond some sizes, then again with room enough."""
    with tempfile.TemporaryDirectory() as place:
        whole = shutil.copytree(start, Path(place) / "whole")
        writes(command, whole)
        expected = fingerprint(whole)
        for size in sizes:
            folder = Path(place) / "cut"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(start, folder)
            code, said = run(command, folder, full_at(size))
            what = f"{command}, files up to {size} bytes"
            told.one(f"{command} full at {size}")
            if code not in (0, 2) or "Traceback" in said:
                told.wrong.append(f"{what}: ended with {code}: {said[-600:]}")
            told.wrong += [f"{what}: {one}" for one in half_written(folder)]
            _again(command, folder, expected, what, told)


def small_disk(command: str, start: Path, told: Told, kilobytes: Sequence[int], where: str) -> None:
    """The same with a disk of its own (tmpfs) of some sizes for the results, or for what is kept."""
    with tempfile.TemporaryDirectory() as place:
        whole = shutil.copytree(start, Path(place) / "whole")
        writes(command, whole)
        expected = fingerprint(whole)
        for size in kilobytes:
            folder = Path(place) / f"cut{size}"
            shutil.copytree(start, folder)
            disk = folder / where
            disk.mkdir(parents=True, exist_ok=True)
            with mounted(disk, size):
                code, said = run(command, folder)
                what = f"{command}, {size} kB for {where}"
                told.one(f"{command} disk of {size} kB for {where}")
                if code not in ((0,) if "cache" in where else (0, 2)) or "Traceback" in said:
                    told.wrong.append(f"{what}: ended with {code}: {said[-600:]}")
                told.wrong += [f"{what}: {one}" for one in half_written(folder)]
                subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)  # noqa: S603, S607
                _again(command, folder, expected, what, told)


@contextmanager
def mounted(disk: Path, kilobytes: int) -> Iterator[None]:
    """A disk of its own at a folder."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=False)  # noqa: S603, S607


def may_mount() -> bool:
    """Whether this process may mount a disk."""
    with tempfile.TemporaryDirectory() as place:
        try:
            with mounted(Path(place), 64):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def long_run(every: int, commands: Sequence[str]) -> Told:
    """All of it."""
    told = Told()
    with tempfile.TemporaryDirectory() as place:
        start = prepared(Path(place))
        for command in commands:
            before = len(told.wrong)
            crashed(command, start, told, every=every, stops=tuple(STOPS))
            full_disk(command, start, told, (0, 3_000, 20_000, 120_000)[:: max(1, every // 8)])
            if may_mount() and command not in WITHOUT_OUT:
                small_disk(command, start, told, (8, 64, 400)[:: max(1, every // 8)], "out")
                small_disk(command, start, told, (4, 60), "study/.cache")
            print(command, *told.wrong[before:], f"failures {len(told.wrong) - before}", sep="\n", flush=True)  # noqa: T201
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="every Nth write only")
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    chosen = parser.parse_args()
    outcome = long_run(chosen.every, chosen.commands or list(COMMANDS))
    print(json.dumps(outcome.tried, indent=1), f"failures {len(outcome.wrong)}")  # noqa: T201
    sys.exit(bool(outcome.wrong))
