"""Codes and figures in the words people read: labels of resources/labels.csv, numbers with their unit, dates."""

from __future__ import annotations

import csv
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pandas as pd

from covplan.study.columns import split_list
from covplan.study.language import _, by_language, current_language, day, number, speaking
from covplan.study.layers import LIST_SEPARATOR, OPERATORS_DOMAIN, layers
from covplan.study.resources import resource_text
from covplan.study.settings import indicator_table, operator_table
from covplan.study.synthetic import in_sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from covplan.study.language import Language
    from covplan.study.layers import Column

NO_BREAK = "\N{NO-BREAK SPACE}"


def label(domain: str, code: str, layer: str = "") -> str:
    """What a code is called in the language spoken now; the code itself when resources/labels.csv has no word for it.

    A domain is a column's name, or `layer.column` where the same name means different things in two layers.

    >>> with speaking("en"):
    ...     label("mobile_state", "none"), label("kind", "OLT", layer="nodes")
    ('No signal', 'OLT: optical line terminal')
    """
    known = _labels(current_language())
    return known.get((f"{layer}.{domain}", code)) or known.get((domain, code)) or code


def shown(column: Column, value: Any, layer: str = "") -> str:
    """The value of a layer's column as text for a reader: translated, with its unit; empty where there is none."""
    if pd.isna(value):
        return ""
    match column.type:
        case "bool":
            return label("bool", "yes" if value else "no")
        case "date":
            return day(value)
        case "int" | "float":
            unit = label("unit", column.unit)
            return f"{number(value, 0 if column.type == 'int' else 1)}{NO_BREAK}{unit}".strip()
        case "list":
            return ", ".join(_word(column, code, layer) for code in str(value).split(LIST_SEPARATOR))
        case _:
            return _word(column, str(value), layer)


def class_of_structure(code: str) -> str:
    """A class of structures as forms write it: its code, or in words that it is not known."""
    return label("structure", code) if code == "unknown" else code


def said_assumed(text: str, column: str, marks: object) -> str:
    """The text of a value, with the word that it was assumed where the row's marks name its column."""
    return _("{value} (assumed)").format(value=text) if text and column in split_list(marks) else text


def said_weights(weights: pd.DataFrame) -> list[str]:
    """What moves the headline, one sentence for each assumption (resources/layers/assumption_weights.csv)."""
    names = {row["indicator"]: by_language(row["name_vi"], row["name_en"]) for row in indicator_table()}
    said = []
    for row in weights.to_dict("records"):
        layer = layers()[row["layer"]]
        unit = f" {label('unit', row['unit'])}" if row["unit"] else ""
        said.append(
            _(
                "{layer}, {column} ({count} of {rows} assumed): {low} or {high}{unit} in place of {value}{unit} gives "
                "{low_pct} % or {high_pct} % in place of {headline} % ({indicator})"
            ).format(
                layer=layer.title,
                column=in_sentence(layer.column(row["column"]).title),
                count=number(row["count"]),
                rows=number(row["rows"]),
                low=row["low"],
                high=row["high"],
                value=row["value"],
                unit=unit,
                low_pct=number(row["low_pct"], 2),
                high_pct=number(row["high_pct"], 2),
                headline=number(row["headline_pct"], 2),
                indicator=names[row["indicator"]],
            )
        )
    return said


@cache
def operator_names() -> dict[str, str]:
    """Operator code to name."""
    return {row["operator"]: row["name"] for row in operator_table()}


def tick_labels(decimals: int = 0) -> Callable[[float, float], str]:
    """How an axis writes its numbers: in the language spoken now, also when the figure is drawn later."""
    language = current_language()

    def written(value: float, _position: float) -> str:
        with speaking(language):
            return number(value, decimals)

    return written


def program() -> str:
    """The program and its version, as it signs what it makes."""
    try:
        return f"covplan {version('covplan')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "covplan"


def _word(column: Column, code: str, layer: str) -> str:
    if column.allowed == (OPERATORS_DOMAIN,):
        return operator_names().get(code, code)
    return label(column.name, code, layer) if column.allowed else code


@cache
def _labels(language: Language) -> dict[tuple[str, str], str]:
    rows = csv.DictReader(resource_text("labels.csv").splitlines())
    return {(row["domain"], row["code"]): row[f"label_{language}"] for row in rows}
