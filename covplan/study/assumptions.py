"""What is taken for granted where a study does not say: one table, each value with its range, reason and source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from covplan.study.language import Language, by_language
from covplan.study.resources import resource_text


@dataclass(frozen=True)
class Assumption:
    """One row of resources/assumptions.csv."""

    layer: str
    column: str
    of: str
    """For which rows it is meant: a class, an operator and technology, a way to know; empty: for all."""
    value: str
    """What is taken: a figure or codes, or in a word where it comes from (row, place, settings, another column)."""
    low: str
    """Lower end of what is plausible; empty where there is no range."""
    high: str
    unit: str
    reason_vi: str
    reason_en: str
    source: str
    confidence: str

    @property
    def number(self) -> float:
        """The value as a number; ValueError when it is none."""
        return float(self.value)

    @property
    def reason(self) -> str:
        """Why, in the language spoken now."""
        return str(by_language(self.reason_vi, self.reason_en))

    @property
    def reasons(self) -> dict[Language, str]:
        """Why, in both languages."""
        return {"vi": self.reason_vi, "en": self.reason_en}


@cache
def assumptions() -> dict[tuple[str, str, str], Assumption]:
    """Every assumption by layer, column and what it is meant for."""
    rows = csv.DictReader(resource_text("assumptions.csv").splitlines())
    return {(row["layer"], row["column"], row["of"]): Assumption(**row) for row in rows}


def assumption(layer: str, column: str, of: str = "") -> Assumption:
    """The assumption of a layer's column for some rows; KeyError when there is none."""
    return assumptions()[layer, column, of]
