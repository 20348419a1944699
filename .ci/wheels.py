"""Whether every pinned package has a wheel for each system and Python, so that nobody needs a compiler.

`python .ci/wheels.py [SYSTEM] [VERSION]`: without, all. Asks the package index, installs nothing; uv, for it reads the
index's metadata where pip fetches whole wheels.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from uv import find_uv_bin

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "windows": ("win32", "Windows", "nt", "AMD64", "x86_64-pc-windows-msvc"),
    "linux": ("linux", "Linux", "posix", "x86_64", "x86_64-manylinux_2_28"),
    "macos": ("darwin", "Darwin", "posix", "arm64", "aarch64-apple-darwin"),
}
"""sys_platform, platform_system, os_name, platform_machine, and uv's name for it."""
OLDEST_MACOS = "15.0"
PINS = Path(__file__).parents[1] / "constraints.txt"


def pins(system: str, version: str) -> list[str]:
    """Pinned packages of constraints.txt that such a machine installs."""
    platform, name, os_name, machine, _target = SYSTEMS[system]
    environment = {
        "sys_platform": platform, "platform_system": name, "os_name": os_name, "platform_machine": machine,
        "python_version": version, "python_full_version": f"{version}.0", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "extra": "",
    }  # fmt: skip
    lines = PINS.read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [f"{one.name}{one.specifier}" for one in wanted if not one.marker or one.marker.evaluate(environment)]


def resolved(system: str, version: str) -> subprocess.CompletedProcess[str]:
    """What uv says when it is to find wheels, and nothing else, for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        asked = [
            find_uv_bin(), "pip", "install", "--dry-run", "--no-deps", "--only-binary", ":all:", "--no-config",
            "--python-platform", SYSTEMS[system][-1], "--python-version", version, "--target", folder,
            "-r", str(PINS),
        ]  # fmt: skip
        environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS, "UV_PYTHON": sys.executable}
        return subprocess.run(  # noqa: S603
            asked, capture_output=True, encoding="utf-8", errors="replace", check=False, env=environment
        )


def main(system: str = "", version: str = "") -> int:
    """Ask for each; 1 when a wheel is missing."""
    failed = False
    for one in [system] if system else SYSTEMS:
        for python in [version] if version else VERSIONS:
            told = resolved(one, python)
            failed |= bool(told.returncode)
            said = told.stderr.strip() if told.returncode else f"{len(pins(one, python))} wheels"
            sys.stdout.write(f"{one}, Python {python}: {said}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
