"""Where a sheet's table begins and what its columns mean, found by headers and by what the cells hold.

Title rows, headers of several rows, sections, totals and notes are told apart from rows of data; nothing is passed over
without its reason. Words of headers are data: resources/headers.csv. Feeds `stations`.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import re
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from covplan.intake.letters import plain_key
from covplan.intake.meanings import text_of, words_in
from covplan.intake.positions import looks_like
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from covplan.intake.sheets import Cell, Sheet

HEADER_ROWS = 40  # of a sheet in which its header is looked for
DEEPEST = 3  # rows of a header
ENOUGH = 0.6  # certainty from which on a column is taken
ALIKE = 0.88  # of two spellings, difflib's ratio: a letter of ten may differ
SAMPLE = 400
FLAG = "flag:"
PLACE_FIELDS = ("lon", "lat", "position")
PARTS = {"do": "deg", "d": "deg", "deg": "deg", "phut": "min", "m": "min", "min": "min",
         "giay": "sec", "s": "sec", "sec": "sec"}  # fmt: skip
_UNITS = re.compile(r"\s+(?:m|met|mhz|do|degrees?|wgs ?84|vn ?2000|hh|n|e|b|dd mm yyyy|nam)$")
_TOTAL = re.compile(r"^(?:tong cong|tong so|tong|cong|grand total|total|subtotal)\b")
_NOTE = re.compile(
    r"^(?:ghi chu|luu y|note|nguon|nguoi lap|nguoi ky|thu truong|giam doc|noi nhan|xac nhan|ngay \d|"
    r"tuyen quang ngay|chu thich|ky ten|don vi tinh)\b"
)
_SECTION = re.compile(
    r"^(?:[ivx]+|[a-h]|\d+) ?(?:huyen|thanh pho|tp|thi xa|xa|phuong|khu vuc|tram)|^(?:huyen|thanh pho|tp|thi xa)\b"
)


@dataclass(frozen=True)
class Column:
    """A column of a sheet and what it is taken for."""

    index: int
    label: str
    """As written, parts of a header of several rows one after the other."""
    field: str
    """A column of the layer, or a name of resources/headers.csv; empty: not used."""
    certainty: float
    how: str
    """header, content or profile; empty where it is not used."""


@dataclass(frozen=True)
class Row:
    """A row of data."""

    number: int
    """As the spreadsheet counts it, from 1."""
    cells: list[Cell]
    hidden: bool = False
    section: str = ""
    """The heading it stands under, where the sheet has some ("Huyện Sơn Dương")."""


@dataclass(frozen=True)
class Table:
    """A sheet's table: its columns, its rows, and the lines below the header that are no rows, each with its reason."""

    sheet: Sheet
    columns: tuple[Column, ...]
    rows: list[Row]
    header: tuple[int, int]
    """First and last row of the header, from 1; (0, 0) without one."""
    passed_over: list[tuple[int, str, str]] = field(default_factory=list)
    """Row, reason (total, note, section, repeated_header, column_numbers), text."""

    def at(self, name: str) -> int | None:
        """The column of a field."""
        return self._places.get(name)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {column.field: column.index for column in self.columns if column.field}

    def cell(self, row: Row, name: str) -> Cell:
        """What a row holds for a field; an empty text where there is no such column or cell."""
        at = self.at(name)
        return row.cells[at] if at is not None and at < len(row.cells) else ""

    def text(self, row: Row, name: str) -> str:
        """The same as text."""
        return text_of(self.cell(row, name))


def label_key(label: str) -> str:
    """A header for comparing: no accents, no signs, its unit gone.

    >>> label_key("Chiều cao cột (m)"), label_key("Kinh độ (WGS84)")
    ('chieu cao cot', 'kinh do')
    """
    label = re.sub(r"^\s*[(\[]\d{1,2}[)\]]\s*", "", label)
    key = plain_key(re.sub(r"\s*[(\[].*?[)\]]\s*$", "", label) or label)
    return _UNITS.sub("", key) if key.count(" ") > 1 else key


@lru_cache(maxsize=8192)
def field_of(label: str) -> tuple[str, float]:
    """The field a header names and how surely; an empty name where none.

    >>> field_of("Mã trạm"), field_of("Toạ độ X (m)")[0], field_of("Ghi chú khác nữa")[0]
    (('station_id', 1.0), 'lon', 'note')
    """
    key, spelled = label_key(label), _spelled()
    if not key:
        return "", 0.0
    for one in (key, plain_key(label)):
        if one in spelled:
            return spelled[one], 0.8 if one in ("x", "y") else 1.0
    if len(key) > 60:
        return "", 0.0
    starts = [name for name in spelled if len(name) > 3 and f" {key} ".startswith(f" {name} ")]
    if starts:
        return spelled[max(starts, key=len)], 0.8
    near = difflib.get_close_matches(key, spelled, n=1, cutoff=ALIKE) if _may_be_misspelt(key) else []
    if near:
        return spelled[near[0]], 0.7
    inside = [name for name in spelled if " " in name and f" {name} " in f" {key} "]
    return (spelled[max(inside, key=len)], 0.65) if inside else ("", 0.0)


def _may_be_misspelt(key: str) -> bool:
    return 4 < len(key) <= 30 and not re.search(r"\d", key)


@cache
def _spelled() -> dict[str, str]:
    rows = csv.DictReader(resource_text("headers.csv").splitlines())
    return {row["spelling"]: row["field"] for row in rows}


def find_table(sheet: Sheet, profile: Mapping[str, str] | None = None, like: Table | None = None) -> Table | None:
    """The table of a sheet; None when it holds none.

    Parameters
    ----------
    profile : mapping, optional
        Fields by header (`label_key`) as a planner confirmed them for earlier files.
    like : Table, optional
        A table of the same file, whose columns hold for a sheet without a header of its own.
    """
    rows = [_spread(sheet, number) for number in range(min(len(sheet.rows), HEADER_ROWS))]
    best, most = None, 0.0
    for first in range(len(rows)):
        if sum(map(bool, map(text_of, rows[first]))) < 2:
            continue
        for depth in range(1, DEEPEST + 1):
            if first + depth > len(rows) or (depth > 1 and _holds_a_place(rows[first + depth - 1])):
                break
            labels = _labels(rows[first : first + depth])
            named = {name: sure for label in labels for name, sure in [_named(label, profile)] if name}
            places = [name for name in named if name.split(":")[0] in PLACE_FIELDS]
            score = sum(named.values()) + 0.5 * bool(places) - 0.3 * (depth - 1)
            if len(named) + bool(places) >= 3 and score > most + 1e-9:
                best, most = (first, depth), score
    if best is None:
        return _without_header(sheet, like)
    first, depth = best
    columns = _columns(sheet, _labels(rows[first : first + depth]), first + depth, profile)
    return _rows(sheet, columns, (first + 1, first + depth))


def _holds_a_place(cells: Sequence[Cell]) -> bool:
    """Whether a line has coordinates: then it is data, whatever its words are alike."""
    found = {name for cell in cells for name in ("lon", "lat", "position") if looks_like(name, cell)}
    return "position" in found or {"lon", "lat"} <= found


def _without_header(sheet: Sheet, like: Table | None) -> Table | None:
    width = max(map(len, sheet.rows), default=0)
    if like is not None and abs(width - max(map(len, like.sheet.rows))) <= 1:
        return _rows(sheet, like.columns, (0, 0))
    columns = _columns(sheet, [""] * width, 0, None)
    found = {column.field for column in columns}
    if "position" in found or {"lon", "lat"} <= found:
        return _rows(sheet, columns, (0, 0))
    return None


def _spread(sheet: Sheet, number: int) -> list[Cell]:
    """A row with the value of merged cells in each of them."""
    cells = list(sheet.rows[number])
    for top, left, bottom, right in sheet.merged:
        if top <= number <= bottom and top < len(sheet.rows) and left < len(sheet.rows[top]):
            value = sheet.rows[top][left]
            for at in range(left, min(right + 1, len(cells))):
                cells[at] = value
    return cells


def _labels(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Headers of several rows as one; an upper text also goes for empty cells to its right that have a lower one."""
    width = max(map(len, rows))
    texts = [[text_of(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    for upper, lower in pairwise(texts):
        last = ""
        for at in range(width):
            if upper[at]:
                last = upper[at]
            elif lower[at]:
                upper[at] = last
            else:
                last = ""
    labels = []
    for at in range(width):
        parts = dict.fromkeys(row[at] for row in texts if row[at])
        labels.append(" / ".join(parts))
    return labels


def _named(label: str, profile: Mapping[str, str] | None) -> tuple[str, float]:
    """The field of a header of one or several parts."""
    key = label_key(label)
    if profile and key in profile:
        return profile[key], 1.0
    parts = label.split(" / ")
    if len(parts) == 1:
        return _flag("", label) or field_of(label)
    upper, lower = parts[-2], parts[-1]
    above, below = field_of(upper), field_of(lower)
    if above[0] in ("lon", "lat") and plain_key(lower) in PARTS:
        return f"{above[0]}:{PARTS[plain_key(lower)]}", 1.0
    flag = _flag(upper, lower)
    if flag:
        return flag
    joined = field_of(f"{upper} {lower}")
    return max((below, (joined[0], joined[1] - 0.05), (above[0], above[1] - 0.2)), key=lambda one: one[1])


def _flag(upper: str, lower: str) -> tuple[str, float] | None:
    """A column of crosses for one technology or operator."""
    key = plain_key(lower)
    if re.fullmatch(r"[2345] ?g", key):
        return f"{FLAG}technologies:{key[0]}G", 0.9
    if upper and field_of(upper)[0] in ("tenants", "operator"):
        found = words_in("operator", lower)
        if len(found) == 1:
            return f"{FLAG}tenants:{found[0]}", 0.9
    return None


def _columns(sheet: Sheet, labels: list[str], below: int, profile: Mapping[str, str] | None) -> tuple[Column, ...]:
    width = max([len(labels), *map(len, sheet.rows[below : below + SAMPLE])])
    labels = labels + [""] * (width - len(labels))
    columns = []
    for at, label in enumerate(labels):
        values = [row[at] for row in sheet.rows[below : below + SAMPLE] if at < len(row) and text_of(row[at])]
        name, sure = _named(label, profile) if label else ("", 0.0)
        how = "profile" if profile and label_key(label) in profile else "header" if name else ""
        seen, share = _by_content(values)
        if name in PLACE_FIELDS and how == "header" and values:
            if seen in PLACE_FIELDS and (name == "position") != (seen == "position"):
                name, how = seen, "content"
            elif seen not in PLACE_FIELDS:
                sure = min(sure, 0.7)
        elif not name and seen and share >= 0.8:
            name, sure, how = seen, 0.6 * share + 0.1, "content"
        columns.append(Column(at, label, name if sure >= ENOUGH else "", round(sure, 2), how))
    return tuple(_once_each(columns, sheet, below))


def _once_each(columns: list[Column], sheet: Sheet, below: int) -> list[Column]:
    """Of several columns for one field the surest, then the fullest."""
    rows = sheet.rows[below : below + SAMPLE]

    def rank(column: Column) -> tuple[float, int, int]:
        filled = sum(column.index < len(row) and bool(text_of(row[column.index])) for row in rows)
        return (column.certainty if filled else 0.0, filled, -column.index)

    best: dict[str, Column] = {}
    for column in columns:
        if column.field and (column.field not in best or rank(column) > rank(best[column.field])):
            best[column.field] = column
    return [one if best.get(one.field) is one else replace(one, field="", how="") for one in columns]


_CODE = re.compile(r"[A-Z]{2,6}[-_]?\d[\w.-]{1,20}")
_TESTS: dict[str, Callable[[Cell], bool]] = {
    "lon": lambda cell: looks_like("lon", cell),
    "lat": lambda cell: looks_like("lat", cell),
    "position": lambda cell: looks_like("position", cell),
    "operator": lambda cell: isinstance(cell, str) and len(cell) < 24 and len(words_in("operator", cell)) == 1,
    "technologies": lambda cell: isinstance(cell, str) and re.fullmatch(
        r"(?:[2345]g|lte|gsm|umts|nr)(?:\W+(?:[2345]g|lte|gsm|umts|nr))*", cell.strip().casefold()) is not None,
    "on_air": lambda cell: isinstance(cell, dt.date),
    "station_id": lambda cell: isinstance(cell, str) and _CODE.fullmatch(cell) is not None,
}  # fmt: skip


def _by_content(values: Sequence[Cell]) -> tuple[str, float]:
    """What a column's cells look like, and the share of them that do."""
    if not values:
        return "", 0.0
    shares = {name: sum(map(test, values)) / len(values) for name, test in _TESTS.items()}
    if len(set(map(text_of, values))) < 0.5 * len(values):
        shares["station_id"] = 0.0
    best = max(shares, key=lambda name: shares[name])
    return (best, shares[best]) if shares[best] >= 0.5 else ("", 0.0)


def _rows(sheet: Sheet, columns: tuple[Column, ...], header: tuple[int, int]) -> Table:
    table = Table(sheet, columns, [], header)
    header_keys = {plain_key(part) for column in columns for part in column.label.split(" / ") if part}
    fields = [column.index for column in columns if column.field and column.field != "number"]
    place = [column.index for column in columns if column.field.split(":")[0] in PLACE_FIELDS]
    section = ""
    for at in range(header[1], len(sheet.rows)):
        cells = sheet.rows[at]
        texts = [text_of(cell) for cell in cells]
        filled = [text for text in texts if text]
        if not filled:
            continue
        reason = _no_row(texts, filled, header_keys, place)
        if reason:
            table.passed_over.append((at + 1, reason, " | ".join(filled)[:200]))
            if reason == "section":
                section = " ".join(filled)
            continue
        if not any(n < len(texts) and texts[n] for n in fields):
            table.passed_over.append((at + 1, "nothing_known", " | ".join(filled)[:200]))
            continue
        table.rows.append(Row(at + 1, cells, at in sheet.hidden_rows, section))
    return table


def _no_row(texts: list[str], filled: list[str], header_keys: set[str], place: Sequence[int]) -> str:
    """Why a line below the header is no row of data; empty when it is one."""
    keys = [plain_key(text) for text in filled]
    lead = next((key for key in keys if re.search("[a-z]", key)), "")
    placed = any(n < len(texts) and re.search(r"\d", texts[n]) for n in place)
    if len(keys) >= 3 and sum(key in header_keys for key in keys) >= 0.8 * len(keys):
        return "repeated_header"
    if len(keys) >= 4 and all(re.fullmatch(r"\d{1,2}|[a-z]", key) for key in keys):
        numbers = [int(key) for key in keys if key.isdigit()]
        if numbers == sorted(set(numbers)) and numbers[-1:] == [numbers[0] + len(numbers) - 1]:
            return "column_numbers"
    if _TOTAL.match(lead) and (not placed or len(keys) <= 3):
        return "total"
    if placed:
        return ""
    if _NOTE.match(lead) and len(keys) <= 3:
        return "note"
    if len(keys) <= 2 and _SECTION.match(" ".join(keys)):
        return "section"
    if len(keys) == 1 and (len(filled[0]) > 60 or filled[0].startswith(("*", "(", "-"))):
        return "note"
    return ""
