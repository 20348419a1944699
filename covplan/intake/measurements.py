"""Drive tests and other lists of measured RSRP into a study; each row taken, merged or set aside.

What phones and instruments write: a line per place with RSRP in dBm, the operator by name or by MCC and MNC.
Words of headers are data: resources/headers_measurements.csv. Taken in again, only what is new is added.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covplan.intake import meanings
from covplan.intake.placing import Known, place
from covplan.intake.positions import readings
from covplan.intake.sheets import read_sheets
from covplan.intake.stations import Answer, operators_of
from covplan.intake.tables import find_table
from covplan.study.files import written_whole
from covplan.study.findings import finding
from covplan.study.language import _
from covplan.study.layers import input_layers
from covplan.study.reading import decoded
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from covplan.intake.ground import Ground
    from covplan.intake.stations import Told
    from covplan.intake.tables import Table
    from covplan.study.findings import Finding

LAYER = "measurements"
VIETNAM = "452"  # mobile country code, ITU-T E.212
ASSUMED_TECHNOLOGY = "4G"  # RSRP is of LTE and NR; most of what phones note is LTE
OF_NR = re.compile(r"\b(?:ss|nr|5g)\b|ssrsrp")
OF_STATIONS = ("structure", "height_m", "tenants")
SAME = ("operator", "technology", "lon", "lat", "rsrp_dbm", "time")
"""Two rows equal in these are one measurement."""


@dataclass
class Measurements:
    """What lists of measurements hold, before anything is changed in the study."""

    files: tuple[str, ...]
    tables: list[Table]
    answers: list[Answer]
    rows: list[dict[str, str]] = field(default_factory=list)
    """Those to be added to the study, in columns of `measurements`."""
    known: int = 0
    """Rows that the study has already."""
    findings: list[Finding] = field(default_factory=list)
    """On tables; those on rows are with their answers."""

    @property
    def all_findings(self) -> list[Finding]:
        """On tables, then on rows in their order."""
        return [*self.findings, *(one for answer in self.answers for one in answer.findings)]

    def count(self, outcome: str) -> int:
        """Rows with an outcome."""
        return sum(one.outcome == outcome for one in self.answers)


def measurement_tables(paths: Sequence[Path]) -> list[Table]:
    """Tables of measurements in some files; none where they are of something else."""
    sheets = [sheet for path in paths for sheet in read_sheets(path)]
    tables = [table for sheet in sheets if (table := find_table(sheet, _spelled())) is not None]
    return [_by_header(one) for one in tables if _of_measurements(one)]


def _by_header(table: Table) -> Table:
    """The words were given as a profile is; to a reader they are headers that are known."""
    columns = [replace(one, how="header") if one.how == "profile" else one for one in table.columns]
    return replace(table, columns=tuple(columns))


def _of_measurements(table: Table) -> bool:
    fields = {column.field for column in table.columns}
    placed = "position" in fields or {"lon", "lat"} <= {name.split(":")[0] for name in fields}
    return "rsrp_dbm" in fields and placed and not fields & set(OF_STATIONS)


@cache
def _spelled() -> dict[str, str]:
    rows = csv.DictReader(resource_text("headers_measurements.csv").splitlines())
    return {row["spelling"]: row["field"] for row in rows}


@cache
def _by_mnc() -> dict[int, str]:
    return {int(row["mnc"]): row["operator"] for row in operator_table() if row["mnc"]}


def read_measurements(tables: list[Table], ground: Ground, folder: Path, told: Told, today: dt.date) -> Measurements:
    """What tables of measurements add to the study's.

    Parameters
    ----------
    told : Told
        Operator of rows that name none, and the system of metres.
    """
    answers = [Answer(table, row) for table in tables for row in table.rows]
    found = Measurements(tuple(dict.fromkeys(one.sheet.file for one in tables)), tables, answers)
    cells = [
        readings(one.table.cell(one.row, "lon"), one.table.cell(one.row, "lat"), one.table.cell(one.row, "position"))
        for one in answers
    ]
    rules = ground.settings.checks
    known = Known(ground.settings.province.epsg, ground.outline, np.empty((0, 2)), border_m=rules.border_m)
    placed, _decision = place(cells, [None] * len(cells), known, epsg=told.epsg, shifted=told.shifted)
    operators = {
        id(tables[n]): code for n, code in operators_of(tables, [Path(one.sheet.file) for one in tables], told).items()
    }
    technologies = {id(table): _technology_of(table) for table in tables}
    there = {_key(row): n for n, row in enumerate(read_rows(folder)[1], start=2)}
    first: dict[tuple[str, ...], int] = {}
    assumed: Counter[int] = Counter()
    for answer, at in zip(answers, placed, strict=True):
        row = _values(answer)
        row["operator"] = row["operator"] or operators.get(id(answer.table), "")
        if not row["technology"]:
            row["technology"] = technologies[id(answer.table)] or ASSUMED_TECHNOLOGY
            assumed[id(answer.table)] += not technologies[id(answer.table)]
        reason, details = _reason(answer, row, ground)
        if at.reason or reason:
            _say(answer, at.reason or reason, **({**at.details, "commune": ""} if at.reason else details))
            answer.outcome, answer.reason = "set_aside", at.reason or reason
            continue
        row |= {"lon": f"{at.lon:.7g}" if at.precision_m > 1 else f"{at.lon:.7f}".rstrip("0").rstrip(".")}
        row |= {"lat": f"{at.lat:.7g}" if at.precision_m > 1 else f"{at.lat:.7f}".rstrip("0").rstrip(".")}
        key = _key(row)
        if key in there or key in first:
            other = f"{input_layers()[LAYER].file} {there[key]}" if key in there else first[key]
            found.known += key in there
            _say(answer, "intake_measured_twice", other=other)
            answer.outcome, answer.reason = "merged", "intake_measured_twice"
            continue
        first[key] = answer.row.number
        found.rows.append(row | {"provenance": f"{answer.place}, {today.isoformat()}"})
    for table in tables:
        if assumed[id(table)]:
            found.findings.append(
                finding("intake_technology_assumed", table.sheet.place, layer=LAYER, column="technology",
                        count=assumed[id(table)], read=ASSUMED_TECHNOLOGY)
            )  # fmt: skip
    return found


def _technology_of(table: Table) -> str:
    """5G where the header of the level says that it is that of NR."""
    label = next((one.label for one in table.columns if one.field == "rsrp_dbm"), "")
    return "5G" if OF_NR.search(re.sub(r"[^a-z0-9]+", " ", label.casefold())) else ""


def _values(answer: Answer) -> dict[str, str]:
    """What a row tells, as codes; what is not understood is empty."""
    table, row = answer.table, answer.row
    technologies = meanings.technologies(table.text(row, "technologies"))
    bands = meanings.bands(table.text(row, "bands"), technologies)[0]
    level = _level_dbm(table.text(row, "rsrp_dbm"))
    return {
        "operator": _operator(table.text(row, "operator"), table.text(row, "mcc"), table.text(row, "mnc")),
        "technology": technologies[-1] if technologies else "",
        "rsrp_dbm": "" if level is None else f"{level:g}",
        "band": bands[0] if len(bands) == 1 else "",
        "cell_id": table.text(row, "cell_id"),
        "time": table.text(row, "time"),
    }


def _level_dbm(text: str) -> float | None:
    written = text.replace("\u2212", "-").strip()
    number = float(written) if _is_number(written) else meanings.number(written)  # -98.500 has no thousands
    column = input_layers()[LAYER].column("rsrp_dbm")
    inside = number is not None and (column.min or 0.0) <= number <= (column.max or 0.0)
    return number if inside else None


def _operator(text: str, mcc: str, mnc: str) -> str:
    """By name, by the network's number ("45204", "452-04"), or by the columns MCC and MNC; empty: unknown."""
    together = re.fullmatch(rf"{VIETNAM}[\s\-_/]*(\d{{1,2}})", text)
    if together:
        return _by_mnc().get(int(together[1]), "")
    codes = meanings.operators(text)[0] if text else []
    if len(codes) == 1:
        return codes[0]
    if mnc.isdigit() and mcc in ("", VIETNAM):
        return _by_mnc().get(int(mnc), "")
    return ""


def _reason(answer: Answer, row: Mapping[str, str], ground: Ground) -> tuple[str, dict[str, str]]:
    """Why a row cannot be taken, whatever its place."""
    if answer.table.sheet.hidden:
        return "intake_hidden_sheet", {}
    if not row["rsrp_dbm"]:
        return "intake_no_rsrp", {"value": answer.table.text(answer.row, "rsrp_dbm")}
    if not row["operator"] or row["operator"] not in ground.settings.operators:
        return "intake_unknown_operator", {"value": answer.table.text(answer.row, "operator")}
    return "", {}


def _say(answer: Answer, check: str, *, value: str = "", **details: Any) -> None:
    place: dict[str, Any] = {"layer": LAYER, "row": answer.row.number}
    answer.findings.append(finding(check, answer.table.sheet.place, value=value, **place, **details))


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    numbers = {name: f"{float(row[name]):.6f}" for name in ("lon", "lat", "rsrp_dbm") if _is_number(row.get(name, ""))}
    return tuple((dict(row) | numbers).get(name, "") or "" for name in SAME)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d+(?:\.\d*)?\s*", text or "") is not None


def read_rows(folder: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Columns and rows of the study's measurements as they stand in the file; none where there is no file."""
    path = folder / input_layers()[LAYER].file
    if not path.is_file():
        return (), []
    text = decoded(path.read_bytes())[0]
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(line)]
    if not lines:
        return (), []
    header = tuple(name.strip() for name in lines[0])
    return header, [dict(zip(header, line + [""] * (len(header) - len(line)), strict=False)) for line in lines[1:]]


def write_measurements(found: Measurements, folder: Path) -> Path:
    """Write the study's measurements with the new ones after them, whole or not at all."""
    columns, rows = read_rows(folder)
    used = {name for row in found.rows for name, text in row.items() if text}
    known = [column.name for column in input_layers()[LAYER].columns]
    needed = [column.name for column in input_layers()[LAYER].columns if column.required]
    columns = (*columns, *(name for name in known if name not in columns and (name in used or name in needed)))
    path = folder / input_layers()[LAYER].file
    with written_whole(path) as part, part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows([*rows, *found.rows])
    return path


def summary(found: Measurements) -> str:
    """What taking the lists would add, in a sentence."""
    counts = Counter(f"{row['operator']} {row['technology']}" for row in found.rows)
    shares = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    said = _("{new} new measurements ({shares}); {known} are in the study already")
    return said.format(new=len(found.rows), shares=shares or "–", known=found.known)
