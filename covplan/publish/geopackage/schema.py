"""What the columns mean: titles, units and coded domains, by the schema extension of the GeoPackage standard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.publish.words import label, operator_names
from covplan.study.language import _, by_language
from covplan.study.layers import OPERATORS_DOMAIN

if TYPE_CHECKING:
    import sqlite3

    from covplan.publish.geopackage.tables import Exported, Package
    from covplan.study.layers import Column
    from covplan.study.settings import Settings

EXTENSION = ("gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema", "read-write")
TABLES = """
CREATE TABLE gpkg_data_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
  constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name)
);
CREATE TABLE gpkg_data_column_constraints (
  constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
  max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value)
);
"""


def write(base: sqlite3.Connection, package: Package, settings: Settings) -> None:
    """Write gpkg_data_columns and gpkg_data_column_constraints."""
    for statement in filter(str.strip, TABLES.split(";")):
        base.execute(statement)
    extend(base, "gpkg_data_columns", None, *EXTENSION)
    extend(base, "gpkg_data_column_constraints", None, *EXTENSION)
    written: dict[str, dict[str, str]] = {}
    for one in package.all:
        titles = unique_titles(one)
        for name in one.columns:
            column = one.layer.column(name)
            codes = domain(column, one.layer.name, settings.operators)
            constraint = None
            if codes and column.type != "list":  # a list holds several codes in one cell, which no enum allows
                constraint = name if written.get(name, codes) == codes else f"{one.layer.name}_{name}"
                if written.setdefault(constraint, codes) is codes:
                    base.executemany(
                        "INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, "
                        "description) VALUES (?, 'enum', ?, ?)",
                        [(constraint, code, word) for code, word in codes.items()],
                    )
            base.execute(
                "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
                (one.name, name, titles[name], titles[name], described(column), constraint),
            )


def unique_titles(one: Exported) -> dict[str, str]:
    """Title by column; one that two columns share is told apart by the column's name."""
    titles = {name: one.layer.column(name).title or name for name in one.columns}
    every = list(titles.values())
    return {name: title if every.count(title) == 1 else f"{title} ({name})" for name, title in titles.items()}


def domain(column: Column, layer: str, operators: tuple[str, ...]) -> dict[str, str]:
    """Code to words, of a column that holds codes."""
    if column.allowed == (OPERATORS_DOMAIN,):
        return {code: operator_names().get(code, code) for code in operators}
    return {code: label(column.name, code, layer) for code in column.allowed}


def described(column: Column) -> str:
    """What a column means and in which unit it is, for those who read the file."""
    meaning = by_language("", column.meaning)  # a column's meaning is written in English only
    said = [column.title + (f": {meaning}" if meaning else "")]
    if column.unit:
        unit = label("unit", column.unit)
        said.append(_("unit: {unit}").format(unit=unit) + (f" ({column.unit})" if unit != column.unit else ""))
    if column.type == "list":
        said.append(_("several codes, separated by ;"))
    return ". ".join(said)


def extend(
    base: sqlite3.Connection, table: str | None, column: str | None, name: str, definition: str, scope: str
) -> None:
    """Register an extension of the standard that the package uses."""
    base.execute(
        "CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, "
        "definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, "
        "extension_name))"
    )
    base.execute("INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", (table, column, name, definition, scope))
