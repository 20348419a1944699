"""Codes and figures in the words people read: labels of resources/labels.csv, numbers with their unit, dates."""

from __future__ import annotations

import csv
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pandas as pd

from covplan.study.language import current_language, day, number, speaking
from covplan.study.layers import LIST_SEPARATOR, OPERATORS_DOMAIN
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

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
