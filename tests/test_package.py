"""The package from outside: its public names, the library call against the command, its resources and their words."""

from __future__ import annotations

import ast
import csv
import string
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd
import pytest
from click.testing import CliRunner
from pandas.testing import assert_frame_equal

import covplan
from covplan.cli import main
from covplan.cli.study import COLOURS
from covplan.study.assumptions import assumptions
from covplan.study.boundaries import Version
from covplan.study.findings import SEVERITIES, Severity, checks
from covplan.study.layers import BOUNDARY_VERSIONS, ColumnType, layers, tables_between
from covplan.study.settings import indicator_table
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(covplan.__file__).parent
RESOURCES = sorted((PACKAGE / "resources").rglob("*.csv"))
NOTING = {"note", "finding"}  # the functions whose first argument is the name of a check
GEOMETRIES = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}


def rows(name: str) -> list[dict[str, str]]:
    with (PACKAGE / "resources" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def modules() -> Iterator[ast.Module]:
    for path in PACKAGE.rglob("*.py"):
        yield ast.parse(path.read_text(encoding="utf-8"))


def strings(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_every_public_name_can_be_imported() -> None:
    assert covplan.__all__ == sorted(covplan.__all__)
    for name in covplan.__all__:
        assert getattr(covplan, name).__name__ == name
        assert name in dir(covplan)


def test_type_checkers_and_python_see_the_same_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for block in tree.body if isinstance(block, ast.If) for node in block.body]
    promised = {alias.name: node.module for node in imports if isinstance(node, ast.ImportFrom) for alias in node.names}
    promised |= {
        node.name: "covplan" for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"
    }
    assert set(promised) == set(covplan.__all__)
    assert {name: getattr(covplan, name).__module__ for name in covplan.__all__} == promised


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="open_studdy"):
        _ = covplan.open_studdy


def test_importing_the_package_costs_nothing() -> None:
    code = "import covplan, sys; print(sorted({'geopandas', 'pandas', 'numba', 'folium'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert told.stdout.strip() == "[]"


def test_the_library_call_gives_what_the_command_writes(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    assert CliRunner().invoke(main, ["plan", str(study), "-o", str(tmp_path / "out")]).exit_code == 0
    plan = covplan.make_plan(covplan.open_study(study))
    assert isinstance(plan, covplan.Plan)
    assert isinstance(plan.study, covplan.Study)
    written = pd.read_csv(tmp_path / "out" / "indicators.csv", keep_default_na=False, na_values={"value": [""]})
    assert written["indicator"].tolist() == plan.indicators["indicator"].tolist()
    plan.indicators.to_csv(tmp_path / "called.csv", index=False)
    called = pd.read_csv(tmp_path / "called.csv", keep_default_na=False, na_values={"value": [""]})
    assert_frame_equal(written, called)
    covplan.write_geopackage(plan, tmp_path / "called" / "master_plan.gpkg")
    assert (tmp_path / "called" / "master_plan.gpkg").read_bytes() == (
        tmp_path / "out" / "master_plan.gpkg"
    ).read_bytes()


def test_a_plan_has_every_indicator_once_in_the_order_of_the_resource(tmp_path: Path) -> None:
    plan = covplan.make_plan(covplan.open_study(small_study(tmp_path)))
    assert plan.indicators["indicator"].tolist() == [row["indicator"] for row in indicator_table()]
    defined = [column.name for column in layers()["indicators"].columns]
    assert list(plan.indicators.columns) == defined


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_resource_is_a_clean_table(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert "\r" not in text
    assert not text.startswith("\ufeff")
    lines = list(csv.reader(text.splitlines(), strict=True))
    assert len(lines) > 1
    assert len(set(lines[0])) == len(lines[0])
    assert {len(line) for line in lines} == {len(lines[0])}
    assert all(cell == cell.strip() for line in lines for cell in line)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_is_said_in_one_language_is_said_in_the_other(path: Path) -> None:
    for row in rows(str(path)):
        for name, text in row.items():
            if name.endswith("_vi") and f"{name[:-3]}_en" in row:
                assert bool(text) == bool(row[f"{name[:-3]}_en"]), row


def test_every_text_of_a_check_is_filled_in_both_languages() -> None:
    for check in checks().values():
        for part in (check.problem, check.done, check.advice):
            assert all(part.values()), check.name


def test_both_languages_of_a_check_show_the_same_facts() -> None:
    for check in checks().values():
        for part in (check.problem, check.done, check.advice):
            places = {language: [name for _, name, *_ in string.Formatter().parse(part[language])] for language in part}
            assert set(filter(None, places["vi"])) == set(filter(None, places["en"])), check.name


def test_severities_are_those_the_code_knows() -> None:
    assert {row["severity"] for row in rows("checks.csv")} <= set(get_args(Severity))
    assert set(get_args(Severity)) == set(SEVERITIES) == set(COLOURS)


def test_every_check_is_made_somewhere_in_the_code() -> None:
    said = set().union(*(strings(tree) for tree in modules()))
    assert set(checks()) - said == set()


def test_every_check_the_code_notes_has_its_texts() -> None:
    noted = set()
    for tree in modules():
        for call in ast.walk(tree):
            named = getattr(call, "func", None)
            if isinstance(call, ast.Call) and call.args and getattr(named, "attr", getattr(named, "id", "")) in NOTING:
                noted |= strings(call.args[0])
    assert len(noted) > 20
    assert noted - set(checks()) == set()


def test_layers_and_their_columns_belong_together() -> None:
    described = {path.stem for path in (PACKAGE / "resources" / "layers").glob("*.csv")}
    assert described == {*layers(), *tables_between()}
    assert len(described) == len(layers()) + len(tables_between())
    exports = [layer.export_name for layer in layers().values()]
    assert len(set(exports)) == len(exports)
    for layer in layers().values():
        assert layer.role in ("input", "result")
        assert bool(layer.file) == (layer.role == "input")
        assert bool(layer.file_layer) == layer.file.endswith(".gpkg")
        assert set(layer.geometry) <= GEOMETRIES
        assert set(layer.key) <= {column.name for column in layer.columns}
        assert layer.export_name.isascii()


def test_columns_keep_the_vocabulary_of_the_code() -> None:
    for layer in (*layers().values(), *tables_between().values()):
        assert len({column.name for column in layer.columns}) == len(layer.columns)
        for titles in ({column.title_vi for column in layer.columns}, {column.title_en for column in layer.columns}):
            assert len(titles) == len(layer.columns), f"{layer.name}: two columns of one title"
            assert all(titles)
        for column in layer.columns:
            place = f"{layer.name}.{column.name}"
            assert column.type in get_args(ColumnType), place
            assert column.min is None or column.max is None or column.min < column.max, place
            assert column.min is None or column.type in ("int", "float"), place
            assert len(set(column.allowed)) == len(column.allowed), place
            assert not column.references or column.references in layers(), place
            made = (layer.name, column.name, "") in assumptions()  # an id where the file has none
            assert not column.unique or column.required or made, place


def test_yes_or_empty_are_the_only_answers_in_a_definition() -> None:
    for layer in (*layers(), *tables_between()):
        for row in rows(f"layers/{layer}.csv"):
            assert {row["required"], row["unique"]} <= {"yes", ""}
    assert {row["required"] for row in rows("layers.csv")} <= {"yes", ""}


def test_boundary_versions_are_the_same_everywhere() -> None:
    assert set(get_args(Version)) == set(BOUNDARY_VERSIONS)
    for version in BOUNDARY_VERSIONS:
        assert (PACKAGE / "resources" / "admin" / f"{version}.csv").is_file()
    for layer in layers().values():
        for column in layer.columns:
            if column.name == "boundary_version" and column.allowed:
                assert column.allowed == BOUNDARY_VERSIONS, layer.name


def test_a_unit_in_a_columns_name_is_the_unit_of_its_definition() -> None:
    unit_of = {"_m": "m", "_km": "km", "_dbm": "dBm", "_deg": "deg", "_mbps": "Mbit/s", "_mhz": "MHz", "_vnd": "VND"}
    for layer in (*layers().values(), *tables_between().values()):
        for column in layer.columns:
            for ending, unit in unit_of.items():
                if column.name.endswith(ending):
                    assert column.unit == unit, f"{layer.name}.{column.name}"


def test_every_figure_in_a_resource_has_its_source() -> None:
    for name in ("indicators.csv", "costs.csv", "operators.csv", "rules/default.csv"):
        for row in rows(name):
            assert row["source"], row
    for row in rows("costs.csv"):
        assert 0 < float(row["low"]) <= float(row["base"]) <= float(row["high"]), row
