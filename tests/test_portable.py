"""Nothing that only one system has: calls, paths, the ways in which a run is started and broken off."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import click
import pytest
from click.testing import CliRunner

import covplan
from covplan.cli.base import FOLDER
from covplan.study.filenames import is_device
from covplan.study.settled import sqlite_address
from tests.study import small_study

PACKAGE = Path(covplan.__file__).parent
ROOT = PACKAGE.parent
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
POSIX_CALLS = {
    "os": {
        "chown", "chroot", "fchmod", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid",
        "getuid", "initgroups", "killpg", "mkfifo", "nice", "openpty", "pathconf", "pread", "pwrite",
        "sched_getaffinity", "sendfile", "setpgid", "setsid", "setuid", "statvfs", "sync", "sysconf", "uname",
        "wait3", "wait4",
    },
    "signal": {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm"},
    "time": {"tzset"},
    "select": {"epoll", "kqueue", "poll"},
    "multiprocessing": {"get_context", "set_start_method"},
}  # fmt: skip
POSIX_PLACES = ("/dev/", "/proc/", "/tmp/", "/usr/", "/etc/", "/var/")  # noqa: S108


def posix_only(code: str) -> list[str]:
    """What a module uses that Windows lacks, outside an `if` on the system or a `try`; with its line."""
    tree = ast.parse(code)
    guarded: set[int] = set()
    for node in ast.walk(tree):
        asks = isinstance(node, ast.If) and any(
            word in ast.unparse(node.test) for word in ("platform", "os.name", "hasattr")
        )
        if asks or isinstance(node, ast.Try):
            guarded.update(id(inner) for inner in ast.walk(node))
    found = []
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            found += [f"{node.lineno}: {one.name}" for one in node.names if one.name in POSIX_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            calls = POSIX_CALLS.get(node.module, set())
            found += [f"{node.lineno}: {node.module}.{one.name}" for one in node.names if one.name in calls]
            found += [f"{node.lineno}: {node.module}"] if node.module in POSIX_MODULES else []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_CALLS.get(node.value.id, ()):
                found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(POSIX_PLACES):
            found.append(f"{node.lineno}: {node.value}")
    return found


def test_the_package_calls_nothing_that_only_posix_has() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): posix_only(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("import os\nos.fork()", 1),
        ("import fcntl", 1),
        ("from resource import getrlimit", 1),
        ("from os import fork", 1),
        ("open('/proc/self/maps')", 1),
        ("import os, sys\nif sys.platform != 'win32':\n    os.fork()", 0),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", 0),
        ("import os\nos.replace('a', 'b')", 0),
    ],
)
def test_a_call_that_only_posix_has_is_found_unless_it_is_asked_for(code: str, count: int) -> None:
    assert len(posix_only(code)) == count


def test_every_file_of_the_project_can_be_checked_out_on_windows() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    names = listed.stdout.decode("utf-8").split("\0")[:-1]
    if listed.returncode:
        pytest.skip("not a git checkout")
    parts = {part for name in names for part in name.split("/")}
    assert [
        part for part in parts if is_device(part) or part.endswith((".", " ")) or set(part) & set('<>:"\\|?*')
    ] == []
    assert len({name.casefold() for name in names}) == len(names)
    assert max(map(len, names)) < 160  # with the folder it is put into, less than 260


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("C:/Users/An/tỉnh.gpkg", "file:///C:/Users/An/t%E1%BB%89nh.gpkg"),
        (r"\\server\share\a#1?.gpkg", "file:////server/share/a%231%3F.gpkg"),
    ],
)
def test_drive_letters_and_shares_are_addresses_that_sqlite_takes(path: str, address: str) -> None:
    assert sqlite_address(PureWindowsPath(path)) == address


def test_a_folder_in_quotes_that_ends_in_a_backslash_is_that_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @click.command()
    @click.argument("folder", type=FOLDER)
    def shown(folder: Path) -> None:
        click.echo(str(folder))

    given = f'{tmp_path}"'  # what `"C:\my data\"` becomes on Windows' command line
    assert CliRunner().invoke(shown, [given]).output.rstrip() == given
    monkeypatch.setattr(sys, "platform", "win32")
    assert CliRunner().invoke(shown, [given]).output.rstrip() == str(tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="another signal stands for Ctrl+Break here")
def test_ctrl_break_ends_a_run_with_a_word_and_no_half_file(tmp_path: Path) -> None:
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    code = """
import os, signal, sys
signal.SIGBREAK = signal.SIGUSR1
import covplan.publish.maps as maps
from covplan.cli import main
from covplan.study.files import written_whole
def write_map(plan, path, **rest):
    with written_whole(path) as part:
        part.write_text("half", encoding="utf-8")
        os.kill(os.getpid(), signal.SIGUSR1)
maps.write_map = write_map
main(["map", sys.argv[1], "-o", sys.argv[2], "--lang", "en"])
"""
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, str(study), str(out)], capture_output=True, encoding="utf-8", check=False
    )
    assert told.returncode == 128 + signal.SIGUSR1
    assert told.stderr.strip()
    assert "Traceback" not in told.stderr
    assert [path.name for path in out.iterdir()] == []
