"""What some tests need and Python's packages do not bring: a browser, QGIS, GDAL's programs, the reference data.

Without it a test is skipped, with a line that says how to get it. Where the variable COVPLAN_NEEDS names it
(`COVPLAN_NEEDS="chromium qgis"`), as the gate does after installing it, the test fails instead of being skipped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real_province import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable

CHROMIUM = shutil.which("chromium") or "chromium"
SYSTEM_PYTHON = Path("/usr/bin/python3")  # the one for which Debian's QGIS and GDAL are made
GPKG_VALIDATOR = Path("/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_gpkg.py")


def need(*names: str) -> None:
    """Skip the running test where one of the needs is missing, or fail it where COVPLAN_NEEDS names that need."""
    for name in names:
        present, remedy = NEEDS[name]
        if not present():
            line = f"{name} is missing: {remedy}"
            if name in os.environ.get("COVPLAN_NEEDS", "").split():
                pytest.fail(line, pytrace=False)
            pytest.skip(line)


def _browser() -> bool:
    return _programs("chromium")() and importlib.util.find_spec("playwright") is not None


@cache
def _qgis() -> bool:
    asked = [SYSTEM_PYTHON, "-c", "import qgis.core"]
    return SYSTEM_PYTHON.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603


def _ntfs() -> bool:
    mounts = hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/dev/fuse").exists()
    return mounts and _programs("mkntfs", "lowntfs-3g", "umount")()


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(name) for name in names)


# Name: is it there, and how to get it.
NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "chromium": (_browser, 'apt install chromium, and pip install -e ".[dev]" for Playwright'),
    "qgis": (_qgis, "apt install python3-qgis qgis-providers"),
    "gdal": (_programs("ogrinfo", "ogr2ogr"), "apt install gdal-bin"),
    "gpkg_validator": (GPKG_VALIDATOR.is_file, "apt install python3-gdal"),
    "ntfs": (_ntfs, "apt install ntfs-3g, and be root where /dev/fuse is"),
    "workflow_schema": (_programs("check-jsonschema"), "pip install check-jsonschema"),
    "office": (_programs("soffice", "pdftotext"), "apt install libreoffice-writer libreoffice-calc poppler-utils"),
    "reference": (
        lambda: all((REFERENCE / part).is_dir() for part in ("instances", "p1812", "province")),
        "put the public reference data beside the project, or name its folder in COVPLAN_REFERENCE",
    ),
}
