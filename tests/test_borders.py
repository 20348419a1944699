"""Tables that pass from one folder to the next hold what is declared of them: columns, types, bounds and codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pa
import pytest

from covplan.pipeline import make_plan, propose_places_5g, propose_sharing, propose_white_spots
from covplan.propose.common.candidates import locations_with_room
from covplan.radio.coverage import sector_table
from covplan.study.folder import open_study
from covplan.study.layers import LIST_SEPARATOR, layers, tables_between
from tests.propose.test_proposals import opened as opened_dark
from tests.propose.test_sharing import opened as opened_near
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from covplan.study.layers import Column

KINDS: dict[str, Callable[[pd.Series], bool]] = {
    "string": lambda values: all(isinstance(cell, str) for cell in values),
    "list": lambda values: all(isinstance(cell, str | tuple) for cell in values),
    "bool": lambda values: values.isin([True, False]).all(),
    "int": lambda values: (pd.to_numeric(values) % 1 == 0).all(),
    "float": lambda values: pd.api.types.is_numeric_dtype(pd.to_numeric(values)),
    "date": pd.api.types.is_datetime64_any_dtype,
}


def schema_of(name: str, operators: tuple[str, ...]) -> pa.DataFrameSchema:
    """What resources/layers says of a table."""
    declared = (layers() | tables_between())[name]
    columns = {column.name: checked(column, operators) for column in declared.columns}
    if declared.geometry:
        columns["geometry"] = pa.Column(None, required=False)
    return pa.DataFrameSchema(columns, strict=True)


def checked(column: Column, operators: tuple[str, ...]) -> pa.Column:
    tests = [pa.Check(lambda values: KINDS[column.type](values.dropna()), error=column.type)]
    if column.min is not None:
        tests.append(pa.Check.ge(column.min))
    if column.max is not None:
        tests.append(pa.Check.le(column.max))
    allowed = set(column.allowed_codes(operators))
    if allowed:
        tests.append(pa.Check(lambda cell: codes(cell) <= allowed, element_wise=True, error=f"one of {allowed}"))
    return pa.Column(None, tests, nullable=not column.required, unique=column.unique, required=column.required)


def codes(cell: Any) -> set[str]:
    return {code for code in (cell.split(LIST_SEPARATOR) if isinstance(cell, str) else cell) if code}


def faults(name: str, table: pd.DataFrame, operators: tuple[str, ...]) -> list[str]:
    try:
        schema_of(name, operators).validate(pd.DataFrame(table), lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.drop_duplicates(["column", "check", "failure_case"])
        return [f"{name}.{case.column}: {case.check} ({case.failure_case})" for case in cases.itertuples()]
    return []


@pytest.mark.parametrize("basis", ["declared", "computed"])
def test_what_a_plan_holds_is_what_its_layers_declare(tmp_path: Path, basis: str) -> None:
    plan = make_plan(open_study(small_study(tmp_path / "study", {"coverage": {"basis": basis}})))
    operators = plan.study.settings.operators
    assert [fault for name, table in plan.layers().items() for fault in faults(name, table, operators)] == []


def test_what_propose_is_given_is_declared(tmp_path: Path) -> None:
    study = open_study(small_study(tmp_path / "study"))
    room = locations_with_room(study.stations, 2026, study.settings.propose)
    room = room.drop(columns=["room_reason_vi", "room_reason_en"], errors="ignore")
    assert faults("structures", room, study.settings.operators) == []
    assert faults("sectors", sector_table(study.stations, study.cells, "4G"), study.settings.operators) == []


def test_what_could_be_done_and_what_is_proposed_are_declared(tmp_path: Path) -> None:
    study = opened_dark(tmp_path / "dark")
    operators = study.settings.operators
    for plan in (propose_white_spots(study), propose_places_5g(study)):
        assert faults("actions", plan.options.actions, operators) == []
        assert faults("proposals", plan.proposals, operators) == []
    roads = {"propose": {"road_m": 1500}}
    left = propose_white_spots(opened_dark(tmp_path / "far", roads)).not_served
    assert len(left)
    assert faults("not_served", left, operators) == []
    near = opened_near(tmp_path / "near")
    plan = propose_sharing(near, scenarios=())
    assert len(plan.moves)
    assert faults("chosen_moves", plan.moves, near.settings.operators) == []
    assert faults("proposals", plan.proposals, near.settings.operators) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"way": "fiber"}, "column_in_schema (way)"),
        ({"closed": "no"}, "structures.closed: bool"),
        ({"free_slots": -1}, "structures.free_slots: greater_than_or_equal_to(0.0)"),
        ({"structure": "A3"}, "structures.structure: one of"),
        ({"top_m": None}, "structures.top_m: not_nullable"),
    ],
)
def test_a_table_that_breaks_its_declaration_is_named(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    study = open_study(small_study(tmp_path / "study"))
    room = locations_with_room(study.stations, 2026, study.settings.propose).assign(**change)
    assert any(fault in one for one in faults("structures", room, ()))
