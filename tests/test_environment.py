"""One list of packages, told four times: pyproject.toml, environment.yml, constraints.txt and the imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]

# What conda-forge calls otherwise, and what it does not carry.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
PIP_ONLY = {"django-leaflet"}

# Distribution → what it is imported as, where the two differ.
IMPORT_NAMES = {"django-leaflet": "leaflet", "python-docx": "docx", "pyyaml": "yaml", "import-linter": "importlinter"}

# Our own, and the other halves of pydantic and folium, which bring them and show them in their own interfaces.
ALWAYS_THERE = {"covplan", "tests", "benchmarks", "pydantic_core", "branca", "qgis"}  # the last: QGIS brings it


def requirement(line):
    """Name without extras, and bound: 'pandera[pandas]>=0.24' → ('pandera', '>=0.24')."""
    name, bound = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[\w,]+\])?\s*(.*)", line.strip()).groups()
    return name.lower(), bound.replace(" ", "")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def conda_lines(conda):
    return [line for line in conda["dependencies"] if isinstance(line, str)]


def test_conda_and_pip_users_get_the_same_packages_and_bounds(project, conda):
    declared = dict(requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["lab"])
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in declared.items() if name not in PIP_ONLY}
    expected |= {"python": project["requires-python"], "pip": ""}
    assert dict(requirement(line) for line in conda_lines(conda)) == expected


def test_what_conda_lacks_comes_last_through_pip_with_covplan_itself(project, conda):
    assert conda["channels"] == ["conda-forge"]
    *_, last = conda["dependencies"]
    *packages, itself = last["pip"]
    declared = dict(requirement(line) for line in project["dependencies"])
    assert dict(requirement(line) for line in packages) == {name: declared[name] for name in PIP_ONLY}
    assert itself == "-e .[lab]"


def test_every_package_has_a_lower_bound_and_no_upper_one(project):
    lines = [line for extra in project["optional-dependencies"].values() for line in extra] + project["dependencies"]
    odd = [line for line in lines if not line.startswith("covplan[") and not re.search(r">=[\d.]+$", line)]
    assert odd == []


def test_the_pins_hold_every_package_and_no_address(project):
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.match(r"^[a-z0-9-]+==[\w.]+( ; .+)?$", line) for line in lines)
    assert not re.search(r"://|[\\/]", text)
    pinned = {line.split("==")[0] for line in lines}
    wanted = [line for extra in project["optional-dependencies"].values() for line in extra] + project["dependencies"]
    assert {requirement(line)[0] for line in wanted} - {"covplan"} <= pinned


def test_the_pins_respect_the_bounds(project):
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9-]+)==([\d.]+)", text, flags=re.MULTILINE)
    bounds = dict(requirement(line) for line in project["dependencies"])

    def numbers(release):
        return tuple(int(part) for part in release.strip(".").split("."))

    assert [pin for pin in pins if pin[0] in bounds and numbers(pin[1]) < numbers(bounds[pin[0]][2:])] == []


def imported_packages(folder):
    """Top-level names imported anywhere in a folder's modules, with one file each."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            found |= {name.split(".")[0]: str(file.relative_to(ROOT)) for name in names}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names}


@pytest.mark.parametrize(("folder", "extras"), [("covplan", []), ("tests", ["lab", "dev", "e2e"])])
def test_what_is_imported_is_declared(project, folder, extras):
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    names = {requirement(line)[0] for line in lines}
    declared = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names} | ALWAYS_THERE
    undeclared = {name: file for name, file in imported_packages(ROOT / folder).items() if name not in declared}
    assert undeclared == {}
