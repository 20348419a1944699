"""An operator's file beside what the study holds of it: new, gone, moved, changed; and into the study once accepted.

Stations are the same by their identity, not by their row: by id, else the nearest of the operator's own within reach.
Cells of the study that the file says nothing of stay as they are.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tomlkit
from scipy.spatial import KDTree

from covplan.intake import meanings
from covplan.intake.tables import label_key
from covplan.study.columns import clean_text, loose_number
from covplan.study.errors import LayerError
from covplan.study.files import written_whole
from covplan.study.language import _
from covplan.study.layers import LIST_SEPARATOR, input_layers
from covplan.study.reading import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from covplan.intake.hamlets import Hamlets
    from covplan.intake.measurements import Measurements
    from covplan.intake.stations import Intake

PROFILES_FILE = "intake.toml"
MOVED_M = 10.0  # nearer is the same place, written with fewer digits
RENAMED_M = 30.0  # a station with a new id at the place of one that is gone is that one
NOT_COMPARED = ("provenance", "station_id", "lon", "lat", "assumed")


@dataclass
class Comparison:
    """What taking a file would change in the study's stations."""

    new: list[dict[str, str]] = field(default_factory=list)
    gone: list[dict[str, str]] = field(default_factory=list)
    moved: list[tuple[dict[str, str], dict[str, str], float]] = field(default_factory=list)
    """Before, after, metres."""
    changed: list[tuple[dict[str, str], str, str, str]] = field(default_factory=list)
    """Station, column, before, after; also a station_id that is another now."""
    same: int = 0
    pairs: dict[int, dict[str, str]] = field(default_factory=dict)
    """Rows of the study's file (from 0) and the station of the file that is the same."""

    def rows(self) -> list[dict[str, Any]]:
        """One line for each change: change, station, operator, name, column, before, after."""
        lines = [_line("new", one, "", "", _where(one)) for one in self.new]
        lines += [_line("gone", one, "", _where(one), "") for one in self.gone]
        for before, after, metres in self.moved:
            lines.append(_line("moved", after, f"{metres:.0f} m", _where(before), _where(after)))
        lines += [_line("changed", one, name, was, now) for one, name, was, now in self.changed]
        return lines


def _line(change: str, one: Mapping[str, str], column: str, before: str, after: str) -> dict[str, Any]:
    return {
        "change": change, "station_id": one.get("station_id", ""), "operator": one.get("operator", ""),
        "name": one.get("name", ""), "column": column, "before": before, "after": after,
    }  # fmt: skip


def _where(one: Mapping[str, str]) -> str:
    return f"{one.get('lon', '')}, {one.get('lat', '')}"


@dataclass(frozen=True)
class StationsFile:
    """bts_sites.csv as it is written."""

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    separator: str = ","


def read_stations_file(folder: Path) -> StationsFile:
    """The study's stations as they stand in its file; none where there is no such file."""
    path = folder / input_layers()["stations"].file
    if not path.is_file():
        return StationsFile(path, (), [])
    text = decoded(path.read_bytes())[0]
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(line)]
    if not lines:
        return StationsFile(path, (), [])
    header = [name.strip() for name in lines[0]]
    if "station_id" not in header or "operator" not in header:
        raise LayerError(
            _("{path}: has no columns station_id and operator, so nothing can be compared with it.").format(path=path)
        )
    rows = [dict(zip(header, line + [""] * (len(header) - len(line)), strict=False)) for line in lines[1:]]
    return StationsFile(path, tuple(header), rows, separator)


def compare(intake: Intake, file: StationsFile) -> Comparison:
    """What is new, gone, moved and changed among the stations of the file's operators."""
    found = Comparison()
    operators = set(intake.operators)
    mine = {n: row for n, row in enumerate(file.rows) if _operator(row) in operators}
    by_id = {(_operator(row), row.get("station_id", "").strip()): n for n, row in mine.items()}
    left = list(intake.stations)
    for one in intake.stations:
        n = by_id.get((one["operator"], one["station_id"]))
        if n is not None and n not in found.pairs:
            found.pairs[n] = one
            left.remove(one)
    _renamed(left, {n: row for n, row in mine.items() if n not in found.pairs}, found)
    for n, one in found.pairs.items():
        _compared(file.rows[n], one, found)
    found.new = left
    found.gone = [row for n, row in mine.items() if n not in found.pairs]
    return found


def _operator(row: Mapping[str, str]) -> str:
    written = clean_text(row.get("operator", ""))
    codes = meanings.operators(written)[0]
    return codes[0] if codes else written


def _renamed(left: list[dict[str, str]], rows: Mapping[int, dict[str, str]], found: Comparison) -> None:
    """Of stations without a counterpart those that stand where one of the same operator is gone."""
    placed = [(n, at) for n, row in rows.items() if (at := _at(row)) is not None]
    if not placed or not left:
        return
    tree = KDTree([at for _n, at in placed])
    taken: set[int] = set()
    for one in list(left):
        at = _at(one)
        away, k = tree.query(at, k=1) if at is not None else (np.inf, 0)
        n = placed[int(k)][0]
        if away <= RENAMED_M and n not in taken and _operator(rows[n]) == one["operator"]:
            taken.add(n)
            found.pairs[n] = one
            left.remove(one)


def _at(row: Mapping[str, str]) -> tuple[float, float] | None:
    """Metres east and north, good enough to compare places of one province."""
    lon, lat = loose_number(row.get("lon", "") or ""), loose_number(row.get("lat", "") or "")
    if lon is None or lat is None:
        return None
    return lon * 111_320.0 * float(np.cos(np.radians(22.0))), lat * 110_700.0


def _compared(before: dict[str, str], after: dict[str, str], found: Comparison) -> None:
    there, here = _at(before), _at(after)
    away = float(np.hypot(there[0] - here[0], there[1] - here[1])) if there and here else np.inf
    differs = False
    if away > MOVED_M:
        found.moved.append((before, after, away))
        differs = True
    for name in ("station_id", *sorted(set(after) - set(NOT_COMPARED))):
        was, now = before.get(name, "") or "", after.get(name, "")
        if not _same(was, now):
            found.changed.append((after, name, was, now))
            differs = True
    found.same += not differs


def _same(one: str, other: str) -> bool:
    one, other = clean_text(one), clean_text(other)
    if one.casefold() == other.casefold():
        return True
    if {one.casefold(), other.casefold()} == {"", "false"}:
        return True
    numbers = loose_number(one), loose_number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return LIST_SEPARATOR in one + other and set(one.split(LIST_SEPARATOR)) == set(other.split(LIST_SEPARATOR))


def write_taken(file: StationsFile, comparison: Comparison, *, drop_gone: bool = False) -> Path:
    """Write the study's stations with the file's in them, whole or not at all.

    Rows of other operators stay as they stand. A place that did not move keeps the digits it had.
    """
    moved = {id(after) for _before, after, _metres in comparison.moved}
    gone = {id(row) for row in comparison.gone} if drop_gone else set()
    rows: list[dict[str, str]] = []
    for n, row in enumerate(file.rows):
        if id(row) in gone:
            continue
        one = comparison.pairs.get(n)
        if one is not None:
            place = {} if id(one) in moved or _at(row) is None else {name: row.get(name, "") for name in ("lon", "lat")}
            row = row | one | place | _no_longer_assumed(row, one)
        rows.append(row)
    rows += comparison.new
    known = [column.name for column in input_layers()["stations"].columns]
    used = {name for row in rows for name, text in row.items() if text}
    columns = list(file.columns) or [name for name in known if name in used or name in ("station_id", "operator")]
    columns += [name for name in [*known, *sorted(used - set(known))] if name in used and name not in columns]
    with written_whole(file.path) as part, part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=file.separator, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return file.path


def _no_longer_assumed(row: Mapping[str, str], one: Mapping[str, str]) -> dict[str, str]:
    """The marks of what was assumed, without what the file tells."""
    if not row.get("assumed"):
        return {}
    left = [name for name in row["assumed"].split(LIST_SEPARATOR) if not one.get(name)]
    return {"assumed": LIST_SEPARATOR.join(left)}


def changes_geojson(comparison: Comparison) -> str:
    """The changes as GeoJSON: points of what is new, gone or changed, lines from where to where of what moved."""
    features = []

    def add(change: str, one: Mapping[str, str], shape: dict[str, Any]) -> None:
        about = {"change": change, "station_id": one.get("station_id", ""), "name": one.get("name", "")}
        features.append({"type": "Feature", "properties": about, "geometry": shape})

    def at(one: Mapping[str, str]) -> list[float] | None:
        lon, lat = loose_number(one.get("lon", "") or ""), loose_number(one.get("lat", "") or "")
        return None if lon is None or lat is None else [lon, lat]

    for change, rows in (("new", comparison.new), ("gone", comparison.gone)):
        for one in rows:
            if (point := at(one)) is not None:
                add(change, one, {"type": "Point", "coordinates": point})
    for before, after, _metres in comparison.moved:
        ends = [at(before), at(after)]
        if None not in ends:
            add("moved", after, {"type": "LineString", "coordinates": ends})
    for key in dict.fromkeys(one["station_id"] for one, *_rest in comparison.changed):
        one = next(row for row, *_rest in comparison.changed if row["station_id"] == key)
        if (point := at(one)) is not None:
            add("changed", one, {"type": "Point", "coordinates": point})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def read_profile(folder: Path, operator: str) -> dict[str, str]:
    """What the headers of an operator's files were taken for when its last file was accepted."""
    path = folder / PROFILES_FILE
    if not path.is_file():
        return {}
    try:
        kept = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except ValueError as error:
        raise LayerError(_("{path}: not valid TOML: {error}").format(path=path, error=error)) from None
    profile = kept.get("profiles", {}).get(operator, {})
    return {str(label): str(name) for label, name in profile.items()} if isinstance(profile, dict) else {}


def write_profile(folder: Path, operator: str, intake: Intake) -> None:
    """Keep what the headers of an operator's files were taken for, beside those of other operators."""
    path = folder / PROFILES_FILE
    kept = tomlkit.parse(path.read_text(encoding="utf-8")) if path.is_file() else tomlkit.document()
    columns = {
        label_key(column.label): column.field
        for table in intake.tables
        for column in table.columns
        if column.field and label_key(column.label)
    }
    profiles = kept.setdefault("profiles", tomlkit.table())
    profiles[operator] = columns
    with written_whole(path) as part:
        part.write_text(tomlkit.dumps(kept), encoding="utf-8", newline="\n")


def mapping_rows(intake: Intake | Hamlets | Measurements) -> list[dict[str, Any]]:
    """What each column of each sheet was taken for, and how surely."""
    return [
        {
            "sheet": table.sheet.place, "column": column.label or f"#{column.index + 1}", "field": column.field,
            "certainty": column.certainty if column.field else "", "how": column.how,
        }
        for table in intake.tables
        for column in table.columns
        if column.label or column.field
    ]  # fmt: skip


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table as CSV, whole or not at all; with a byte order mark, so that Excel reads its letters."""
    with written_whole(path) as part, part.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
