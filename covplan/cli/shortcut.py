"""What opens the notebooks with a double click: `covplan.cmd` and `start.ps1` on Windows, its like elsewhere.

Each goes to its folder, makes the sample study in data/ when there is none, and starts JupyterLab on the notebooks.
`covplan.cmd` with arguments is the program itself.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from covplan.study.files import written_whole
from covplan.study.settings_file import SETTINGS_FILE

NAME = "covplan"
BOM = "\ufeff"  # without, Windows' own PowerShell reads the file in the region's code page


def write_launchers(
    folder: Path, notebooks: Path, *, system: str = sys.platform, desktop: Path | None = None
) -> list[Path]:
    """Write what starts the notebooks into a folder, and onto the desktop; returns the files.

    Parameters
    ----------
    folder : Path
        Where data/ lies or will lie.
    desktop : Path, optional
        Instead of the user's own; on Windows it is asked for there.
    """
    home, python = folder.absolute(), sys.executable
    if system == "win32":
        made = [
            _write(folder / "covplan.cmd", _cmd(python, notebooks), newline="\r\n"),
            _write(folder / "start.ps1", BOM + _powershell(python, notebooks), newline="\r\n"),
        ]
        _windows_shortcut(made[0].absolute())
        return made
    if system == "darwin":
        name, text = f"{NAME}.command", _shell(home, python, notebooks)
    else:
        name, text = f"{NAME}.desktop", _desktop_entry(home, python, notebooks)
    top = desktop or Path.home() / "Desktop"
    made = [_write(one / name, text) for one in (folder, *([top] if top.is_dir() and top != home else []))]
    for one in made:
        one.chmod(0o755)
    return made


def _cmd(python: str, notebooks: Path) -> str:
    run = f'"{_in_cmd(python)}" -m covplan'
    return f"""@echo off
chcp 65001 >nul
cd /d "%~dp0"
if not "%~1"=="" goto command
if not exist "data\\{SETTINGS_FILE}" {run} sample data
{run} lab "{_in_cmd(str(notebooks))}"
if errorlevel 1 pause
exit /b %errorlevel%
:command
{run} %*
exit /b %errorlevel%
"""


def _in_cmd(text: str) -> str:
    return text.replace("%", "%%")


def _powershell(python: str, notebooks: Path) -> str:
    program = _in_powershell(python)
    return f"""$OutputEncoding = [Console]::OutputEncoding = [Text.UTF8Encoding]::new()
Set-Location -LiteralPath $PSScriptRoot
if (-not (Test-Path -LiteralPath 'data/{SETTINGS_FILE}')) {{ & {program} -m covplan sample data }}
& {program} -m covplan lab {_in_powershell(str(notebooks))}
"""


def _in_powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _shell(home: Path, python: str, notebooks: Path) -> str:
    run = f"{shlex.quote(python)} -m covplan"
    return f"""#!/bin/sh
cd {shlex.quote(str(home))} || exit 1
[ -f data/{SETTINGS_FILE} ] || {run} sample data
exec {run} lab {shlex.quote(str(notebooks))}
"""


def _desktop_entry(home: Path, python: str, notebooks: Path) -> str:
    """Exec is quoted for the shell, then for the file (https://specifications.freedesktop.org/desktop-entry-spec)."""
    script = _shell(home, python, notebooks).partition("\n")[2].replace("\n", "; ").removesuffix("; ")
    quoted = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in script).replace("\\", "\\\\")
    return f"""[Desktop Entry]
Type=Application
Name={NAME}
Exec=sh -c "{quoted.replace("%", "%%")}"
Terminal=true
"""


def _windows_shortcut(program: Path) -> None:
    """A link on the desktop, wherever Windows has it (OneDrive moves it); without PowerShell there is none."""
    target = _in_powershell(str(program))
    folder = _in_powershell(str(program.parent))
    code = (
        "$shell = New-Object -ComObject WScript.Shell; "
        f"$link = $shell.CreateShortcut((Join-Path ([Environment]::GetFolderPath('Desktop')) '{NAME}.lnk')); "
        f"$link.TargetPath = {target}; $link.WorkingDirectory = {folder}; $link.Save()"
    )
    asked = ["powershell", "-NoProfile", "-ExecutionPolicy", "Bypass", "-Command", code]
    try:
        subprocess.run(asked, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return


def _write(path: Path, text: str, newline: str = "\n") -> Path:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline=newline)
    return path
