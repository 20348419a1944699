"""Print the lowest versions that pyproject.toml allows, as constraints: `numpy>=2.0` becomes `numpy==2.0`."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
for line in lines:
    if bound := re.fullmatch(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", line):
        sys.stdout.write(f"{bound[1]}=={bound[2]}\n")
