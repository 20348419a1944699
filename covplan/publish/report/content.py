"""What a report is made of, whatever it is written as: headings, text, tables, figures, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.office import BILLION
from covplan.study.language import N_, _, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from covplan.study.language import Language

NONE = "–"
NOTHING = N_("None")  # in a table without rows
CONTENTS = N_("CONTENTS")


@dataclass(frozen=True)
class Heading:
    """Level 1 is a chapter."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list without numbers."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells are text, ready to be read; columns from `figures_from` on are figures and stand to the right."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures_from: int = 1
    total: bool = False
    """The last row is the sum of the others."""
    widths: tuple[float, ...] = ()
    """Shares of the text's width; empty: columns of words twice as wide as those of figures."""
    note: str = ""

    def shares(self) -> tuple[float, ...]:
        """Width of every column as share of the text's width."""
        if self.widths:
            return self.widths
        weights = [2.0 if number < self.figures_from else 1.0 for number in range(len(self.heads))]
        return tuple(weight / sum(weights) for weight in weights)


@dataclass(frozen=True)
class Figure:
    """A picture (PNG) and what it shows in words."""

    caption: str
    png: bytes
    alt: str


Block = Heading | Paragraph | Bullets | Table | Figure


@dataclass(frozen=True)
class Report:
    """A whole report."""

    language: Language
    title: str
    subject: str
    agency: tuple[str, ...]
    nation: tuple[str, ...]
    """The national heading, and the line for place and date."""
    warning: str
    """Stands in every header; empty for real data."""
    program: str
    blocks: tuple[Block, ...]


def captioned(blocks: Sequence[Block]) -> Iterator[tuple[Block, str, int]]:
    """Every block with the word and number of its caption: ("Table", 3); no word where there is no caption."""
    tables, figures = _("Table"), _("Figure")
    counts = {tables: 0, figures: 0}
    for block in blocks:
        word = tables if isinstance(block, Table) else figures if isinstance(block, Figure) else ""
        if word:
            counts[word] += 1
        yield block, word, counts.get(word, 0)


def count(value: float) -> str:
    """A whole number; a dash for nothing."""
    return NONE if pd.isna(value) else number(value)


def figure(value: float, decimals: int = 2) -> str:
    """A number with at most so many decimals; a dash for nothing."""
    return NONE if pd.isna(value) else number(value, decimals)


def per_cent(part: float, whole: float) -> str:
    """Part of a whole, %."""
    return figure(100.0 * part / whole, 1) if whole else NONE


def billions(vnd: float) -> str:
    """Money in thousand millions of VND."""
    return figure(vnd / BILLION, 2)


def crossed(table: pd.DataFrame, rows: str, columns: str, order: Sequence[str]) -> pd.DataFrame:
    """How many rows fall on each pair; columns in the given order, also those that do not occur."""
    return pd.crosstab(table[rows], table[columns]).reindex(columns=list(order), fill_value=0)


def with_total(rows: Sequence[tuple[str, ...]], total: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Rows and their sum; no sum of nothing."""
    return (*rows, total) if rows else ()
