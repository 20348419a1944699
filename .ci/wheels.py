"""Whether every pinned package has a wheel for each system and Python, so that nobody needs a compiler.

`python .ci/wheels.py [SYSTEM] [VERSION]`: without, all. Asks the package index, installs nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "windows": ("win32", "Windows", "nt", "AMD64", ["win_amd64"]),
    "linux": ("linux", "Linux", "posix", "x86_64", [f"manylinux_2_{n}_x86_64" for n in (28, 27, 24, 17)]
              + ["manylinux2014_x86_64"]),
    "macos": ("darwin", "Darwin", "posix", "arm64", [f"macosx_{n}_0_arm64" for n in range(15, 10, -1)]
              + ["macosx_10_9_universal2", "macosx_11_0_universal2"]),
}  # fmt: skip
"""sys_platform, platform_system, os_name, platform_machine, and names of wheels that run there."""


def pins(system: str, version: str) -> list[str]:
    """Pinned packages of constraints.txt that such a machine installs."""
    platform, name, os_name, machine, _tags = SYSTEMS[system]
    environment = {
        "sys_platform": platform, "platform_system": name, "os_name": os_name, "platform_machine": machine,
        "python_version": version, "python_full_version": f"{version}.0", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "extra": "",
    }  # fmt: skip
    lines = (Path(__file__).parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [f"{one.name}{one.specifier}" for one in wanted if not one.marker or one.marker.evaluate(environment)]


def resolved(system: str, version: str) -> subprocess.CompletedProcess[str]:
    """What pip says when it is to find wheels, and nothing else, for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        asked = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--ignore-installed", "--ignore-requires-python",
            "--only-binary=:all:", "--implementation", "cp", "--python-version", version,
            "--target", folder, *(part for tag in SYSTEMS[system][-1] for part in ("--platform", tag)),
            *pins(system, version),
        ]  # fmt: skip
        return subprocess.run(asked, capture_output=True, encoding="utf-8", errors="replace", check=False)  # noqa: S603


def main(system: str = "", version: str = "") -> int:
    """Ask for each; 1 when a wheel is missing."""
    failed = False
    for one in [system] if system else SYSTEMS:
        for python in [version] if version else VERSIONS:
            told = resolved(one, python)
            failed |= bool(told.returncode)
            said = told.stderr.strip().splitlines()[-1:] if told.returncode else [f"{len(pins(one, python))} wheels"]
            sys.stdout.write(f"{one}, Python {python}: {' '.join(said)}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
