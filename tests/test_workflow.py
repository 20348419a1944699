"""The workflow for whoever hosts the project, and the wheels it installs from: right as far as can be seen here."""

from __future__ import annotations

import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


@pytest.fixture(scope="module")
def workflow() -> dict:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def commands(workflow: dict) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_it_runs_on_three_systems_with_every_python_that_is_taken(workflow: dict) -> None:
    matrix = workflow["jobs"]["systems"]["strategy"]["matrix"]
    assert set(matrix["os"]) == {"windows-latest", "ubuntu-latest", "macos-latest"}
    assert all(isinstance(one, str) for one in matrix["python"])  # 3.10 is a number, and another version
    least = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert least == f">={matrix['python'][0]}"
    assert matrix["python"] == [f"3.{minor}" for minor in range(11, 15)]


def test_it_may_do_nothing_but_read_and_ends_by_itself(workflow: dict) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in used)


def test_what_its_commands_name_is_there(workflow: dict) -> None:
    named = {one for line in commands(workflow) for one in re.findall(r"(?<!\S)(?:tests/\S+|\.ci/\S+|\S+\.txt)", line)}
    assert len(named) > 5
    assert [one for one in named - {"plan.txt"} if not (ROOT / one).exists()] == []
    expressions = set(re.findall(r"\$\{\{ (.*?) \}\}", WORKFLOW.read_text(encoding="utf-8")))
    assert expressions == {"github.ref", "matrix.os", "matrix.python"}


@pytest.mark.needs("workflow_schema")
def test_it_is_a_workflow_by_the_schema_of_github() -> None:
    asked = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    told = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    assert told.returncode == 0, told.stdout + told.stderr


def test_windows_and_macos_install_their_own_packages() -> None:
    pins = runpy.run_path(str(ROOT / ".ci" / "wheels.py"))["pins"]
    windows, linux, macos = ({one.partition("==")[0] for one in pins(system, "3.13")} for system in
                             ("windows", "linux", "macos"))  # fmt: skip
    assert {"colorama", "pywinpty"} <= windows - linux
    assert "appnope" in macos - linux
    assert {"covplan", "numba", "rasterio", "pyogrio"} & windows == {"numba", "rasterio", "pyogrio"}
    assert [one for one in pins("windows", "3.11") if one.startswith("rasterio")] != [
        one for one in pins("windows", "3.13") if one.startswith("rasterio")
    ]


def resolved(wheels: dict[str, Any], system: str, version: str) -> subprocess.CompletedProcess[str]:
    told: subprocess.CompletedProcess[str] = wheels["resolved"](system, version)
    if re.search(r"error sending request|dns error|Network is unreachable|timed out", told.stderr, re.IGNORECASE):
        pytest.skip("no package index is in reach")
    return told


@pytest.mark.parametrize("system", ["windows", "linux", "macos"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_package_has_a_wheel(system: str, version: str) -> None:
    wheels = runpy.run_path(str(ROOT / ".ci" / "wheels.py"))
    told = resolved(wheels, system, version)
    assert told.returncode == 0, told.stderr
    assert f"Resolved {len(wheels['pins'](system, version))} packages" in told.stderr


def test_a_package_without_a_wheel_is_named(tmp_path: Path) -> None:
    wheels = runpy.run_path(str(ROOT / ".ci" / "wheels.py"))
    pins = tmp_path / "constraints.txt"
    pins.write_text("docopt==0.6.2\n", encoding="utf-8")
    wheels["resolved"].__globals__["PINS"] = pins
    told = resolved(wheels, "windows", "3.13")
    assert told.returncode != 0
    assert "docopt" in told.stderr
