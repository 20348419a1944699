"""A double click instead of a terminal: the files say what to run, quoted as their system reads it, and run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from covplan.cli import main, shortcut
from covplan.cli.shortcut import write_launchers

PROGRAM = """#!/bin/sh
printf '%s|' "$PWD" "$@" >> "$TOLD"; echo >> "$TOLD"
"""
"""Stands for Python: writes down how it was called."""


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python in a folder whose name has all that a shell reads as something else."""
    path = tmp_path / "Bà Năm's $x `y` 100% & co" / "python"
    path.parent.mkdir()
    path.write_text(PROGRAM, encoding="utf-8", newline="\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    return path


def told(tmp_path: Path) -> list[list[str]]:
    lines = (tmp_path / "told").read_text(encoding="utf-8").splitlines()
    return [line.split("|")[:-1] for line in lines]


def test_windows_gets_a_batch_file_and_a_script_of_powershell(
    tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(shortcut.subprocess, "run", lambda command, **_rest: asked.append(command))
    made = write_launchers(tmp_path, Path("notebooks"), system="win32")
    assert [path.name for path in made] == ["covplan.cmd", "start.ps1"]
    batch, script = (path.read_bytes() for path in made)
    assert all(text.count(b"\n") == text.count(b"\r\n") for text in (batch, script))
    assert batch.startswith(b"@echo off\r\nchcp 65001")  # no mark before it: cmd would take it for a command
    assert script.startswith("\ufeff".encode())  # PowerShell 5 takes a file without it for the region's code page
    named = str(python)
    assert f'"{named.replace("%", "%%")}" -m covplan lab "notebooks"' in batch.decode("utf-8")
    assert "& '{}' -m covplan lab 'notebooks'".format(named.replace("'", "''")) in script.decode("utf-8-sig")
    assert str(tmp_path / "covplan.cmd").replace("'", "''") in asked[0][-1]


def test_a_windows_without_powershell_has_no_link_on_the_desktop_and_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_command: object, **_rest: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(shortcut.subprocess, "run", missing)
    assert len(write_launchers(tmp_path, Path("notebooks"), system="win32")) == 2


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_a_double_click_on_macos_makes_the_sample_once_and_opens_the_notebooks(tmp_path: Path, python: Path) -> None:
    home = tmp_path / "Quy hoạch 'A'"
    (tmp_path / "Desktop").mkdir()
    home.mkdir()
    made = write_launchers(home, Path("notebooks"), system="darwin", desktop=tmp_path / "Desktop")
    assert [path.parent.name for path in made] == [home.name, "Desktop"]
    subprocess.run([str(made[1])], check=True)  # noqa: S603
    (home / "data").mkdir()
    (home / "data" / "study.toml").touch()
    subprocess.run([str(made[0])], check=True)  # noqa: S603
    assert python.is_file()
    opened = [str(home), "-m", "covplan", "lab", "notebooks"]
    assert told(tmp_path) == [[str(home), "-m", "covplan", "sample", "data"], opened, opened]


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_an_entry_of_a_linux_desktop_opens_the_notebooks(tmp_path: Path, python: Path) -> None:
    (made,) = write_launchers(tmp_path, Path("notebooks"), system="linux", desktop=tmp_path / "none")
    lines = dict(line.split("=", 1) for line in made.read_text(encoding="utf-8").splitlines()[1:])
    assert (lines["Type"], lines["Terminal"]) == ("Application", "true")
    # As the specification reads it: escapes of the file, the quoted argument, then the signs for files (none).
    value = lines["Exec"].replace("\\\\", "\\").replace("%%", "%")
    program, _space, argument = value.removeprefix("sh").partition('"')
    assert program.strip() == "-c"
    script, at = "", 0
    while argument[at] != '"':
        at += argument[at] == "\\"
        script += argument[at]
        at += 1
    assert argument[at + 1 :] == ""
    subprocess.run(["/bin/sh", "-c", script], check=True)  # noqa: S603
    assert told(tmp_path)[-1] == [str(tmp_path), "-m", "covplan", "lab", "notebooks"]
    assert python.is_file()


def test_the_command_makes_it_beside_the_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    done = CliRunner().invoke(main, ["lab", str(tmp_path / "notebooks"), "--shortcut"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert list((tmp_path / "notebooks").glob("*.ipynb"))
    assert list(tmp_path.glob("covplan.*"))
