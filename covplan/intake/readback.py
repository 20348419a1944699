"""An exported GeoPackage that a planner edited: what was changed in it, and what that means for the study.

Stations may be moved, changed, added and removed, locations moved, proposals decided on. What else was edited is told,
not taken. Everything is held against what the file itself held when it was exported, so that a change of the study
since then is neither undone nor mistaken for an edit.
"""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from pyproj import Transformer

from covplan.study.codes import WGS84
from covplan.study.errors import LayerError, StudyError
from covplan.study.exported import (
    EDITABLE,
    GEOMETRY,
    baseline,
    file_facts,
    package_rows,
    shape_of,
    table_digest,
)
from covplan.study.language import N_, Language, _, by_language, ngettext, speaking
from covplan.study.layers import layers
from covplan.study.settled import read_only, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import shapely
    from shapely.geometry.base import BaseGeometry

    from covplan.study.folder import Study

MOVED_M = 0.01
SAME_M = 100.0  # two decisions on new ground nearer than this are about the same place
DECIMALS = 8  # of a degree: a millimetre
IDENTITY = ("kind", "action", "operator", "location_id", "from_location_id", "bands")
TAKEN_OVER = (*IDENTITY, "village_id", "place_id", "height_m", "lon", "lat", "proposal_id", "synthetic")
CHOICES = ("open", "accepted", "rejected")
YEARS = (2020, 2050)
NEEDED = ("operator", "structure", "height_m", "technologies")
DELETED = N_("deleted from the file")


@dataclass
class Edits:
    """What a planner changed."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    """layer, id, change (added, removed, moved, changed, accepted, rejected, reopened), column, before, after."""
    stations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """New values of columns, by station."""
    added: list[dict[str, Any]] = field(default_factory=list)
    """New stations."""
    removed: list[str] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the layer `decisions`."""
    reopened: list[dict[str, Any]] = field(default_factory=list)
    """Proposals on which an earlier decision is taken back."""
    not_taken: list[str] = field(default_factory=list)
    """Edits that are not taken back, and what to do instead."""

    def table(self) -> pd.DataFrame:
        """The changes as a table."""
        return pd.DataFrame(self.changes, columns=["layer", "id", "change", "column", "before", "after"])

    def _say(self, layer: str, key: str, change: str, column: str = "", before: Any = "", after: Any = "") -> None:
        self.changes.append(
            {"layer": layer, "id": key, "change": change, "column": column, "before": before, "after": after}
        )


def read_edits(package: Path, study: Study, language: Language | None = None) -> Edits:
    """What was changed in a package since it was exported from a study, told in a language (None: that spoken now).

    Raises
    ------
    LayerError
        The file is no package that covplan exported, or an edit cannot be understood: which row, what to write.
    StudyError
        It was exported from another study, or the study has changed since at the very place that was edited.
    """
    with speaking(language, study.settings.province.language):
        return _edits(package, study)


def _edits(package: Path, study: Study) -> Edits:
    if not package.is_file():
        raise LayerError(_("{package}: no such file.").format(package=package))
    edits = Edits()
    try:
        with settled(package) as file, closing(read_only(file)) as base:
            facts = _facts(base, package)
            _same_study(facts, study, package)
            read = _Reader(base, facts, study, package)
            _stations(read, edits)
            _locations(read, edits)
            _proposals(read, edits)
            for name, digest in facts["digests"].items():
                table = facts["tables"][name]
                if table not in read.there:
                    edits.not_taken.append(_("{table}: the layer was deleted; the study keeps it").format(table=table))
                elif table_digest(base, table) != digest:
                    edits.not_taken.append(_edited_in_vain(table, layers()[name].file))
    except sqlite3.DatabaseError as error:
        raise LayerError(
            _("{package}: cannot be read as a GeoPackage ({error}).").format(package=package, error=error)
        ) from None
    return edits


def _edited_in_vain(table: str, file: str) -> str:
    if not file:
        return _("{table}: edited, not taken back; edit what it is computed from").format(table=table)
    return _("{table}: edited, not taken back; edit {file} of the study").format(table=table, file=file)


class _Reader:
    """The edited file, with its rows in the study's coordinate system."""

    def __init__(self, base: sqlite3.Connection, facts: dict[str, Any], study: Study, package: Path) -> None:
        self.base, self.facts, self.study, self.package = base, facts, study, package
        self.there = {
            name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        }
        own = study.settings.province.epsg
        self.to_metres = _transform(facts["epsg"], own)
        self.to_degrees = _transform(own, WGS84)

    def before(self, layer: str) -> dict[str, dict[str, Any]]:
        return baseline(self.base, layer)

    def now(self, layer: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """Rows by key, and rows without one."""
        table, key = self.facts["tables"].get(layer), EDITABLE[layer]
        if table is None:
            return {}, []
        if table not in self.there:
            raise LayerError(
                _("{package}: the layer {table} is gone. Take the rows back into it, or export anew.").format(
                    package=self.package, table=table
                )
            )
        by_key: dict[str, dict[str, Any]] = {}
        nameless = []
        for row in package_rows(self.base, table):
            name = "" if row.get(key) is None else str(row[key]).strip()
            if not name:
                nameless.append(row)
            elif name in by_key:
                raise LayerError(
                    _(
                        "{package} {table}: {key} {name} stands twice. Give the copy an id of its own, or leave its "
                        "{key} empty to have one made."
                    ).format(package=self.package, table=table, key=key, name=name)
                )
            else:
                by_key[name] = row
        return by_key, nameless

    def place(self, row: dict[str, Any]) -> tuple[float, float] | None:
        """Where a row stands, study CRS."""
        shape = shape_of(row.get(GEOMETRY))
        return None if shape is None else self.to_metres(_middle(shape))


def _facts(base: sqlite3.Connection, package: Path) -> dict[str, Any]:
    try:
        return file_facts(base)
    except sqlite3.OperationalError:
        raise LayerError(
            _(
                "{package}: was not written by `covplan export`, or saved under another name without its own "
                "tables. Edit a copy of master_plan.gpkg."
            ).format(package=package)
        ) from None


def _same_study(facts: dict[str, Any], study: Study, package: Path) -> None:
    province = study.settings.province
    theirs = (facts["province"], facts["study_epsg"], facts["boundaries"])
    ours = (province.name, province.epsg, province.boundaries)
    if theirs != ours:
        names = [f"{name}, EPSG:{epsg}, {boundaries}" for name, epsg, boundaries in (theirs, ours)]
        raise StudyError(
            _("{package}: was exported from another study ({theirs}); this one is {ours}.").format(
                package=package, theirs=names[0], ours=names[1]
            )
        )


def _stations(read: _Reader, edits: Edits) -> None:
    before, (now, nameless) = read.before("stations"), read.now("stations")
    known = read.study.stations.set_index("station_id")
    table = layers()["stations"].export_name
    for key, old in before.items():
        if key not in now:
            _untouched(read, known, key, old, list(old))
            edits.removed.append(key)
            edits._say(table, key, "removed")
            continue
        new = now[key]
        values = {name: new.get(name) for name in old if name != GEOMETRY and _differs(old[name], new.get(name))}
        moved = _moved_m(read, old, new, f"{table} {key}")
        if moved:
            at = read.place(new)
            lon, lat = read.to_degrees(at) if at else (math.nan, math.nan)
            values |= {"lon": round(lon, DECIMALS), "lat": round(lat, DECIMALS)}
            edits._say(table, key, "moved", "geometry", "", f"{moved:.2f} m")
        if values:
            _untouched(read, known, key, old, list(values))
            edits.stations[key] = {name: _typed("stations", name, value, key) for name, value in values.items()}
        for name, value in values.items():
            if not (moved and name in ("lon", "lat")):
                edits._say(table, key, "changed", name, old[name], value)
    fresh = [("", row) for row in nameless] + [(key, row) for key, row in now.items() if key not in before]
    taken = set(known.index) | set(now)
    for key, row in fresh:
        if key in known.index:
            raise StudyError(
                _("{table}: the new station {key} has the id of one that the study holds already.").format(
                    table=table, key=key
                )
            )
        edits.added.append(_new_station(read, row, key or _free("MOI", taken)))
        taken.add(edits.added[-1]["station_id"])
        edits._say(table, edits.added[-1]["station_id"], "added")


def _new_station(read: _Reader, row: dict[str, Any], key: str) -> dict[str, Any]:
    at = read.place(row)
    if at is None:
        raise LayerError(
            _("{package}: the new station {key} has no geometry. Draw it.").format(package=read.package, key=key)
        )
    lon, lat = read.to_degrees(at)
    station = {name: value for name, value in row.items() if name != GEOMETRY and value is not None}
    station |= {"station_id": key, "lon": round(lon, DECIMALS), "lat": round(lat, DECIMALS)}
    station.setdefault("location_id", key)
    station.setdefault("status", "planned")
    station.setdefault("provenance", "covplan readback")
    missing = [f"{name} ({_title(name)})" for name in NEEDED if not station.get(name)]
    if missing:
        raise LayerError(
            _("{package}: the new station {key} lacks {missing}. Fill them in.").format(
                package=read.package, key=key, missing=", ".join(missing)
            )
        )
    return {name: _typed("stations", name, value, key) for name, value in station.items()}


def _title(column: str) -> str:
    one = layers()["stations"].column(column)
    return str(by_language(one.title_vi, one.title_en))


def _locations(read: _Reader, edits: Edits) -> None:
    before, (now, nameless) = read.before("locations"), read.now("locations")
    stations, table = read.study.stations, layers()["locations"].export_name
    station_table = layers()["stations"].export_name
    for key, old in before.items():
        if key not in now:
            edits.not_taken.append(
                _("{table} {key}: to delete a location, delete its stations in {stations}").format(
                    table=table, key=key, stations=station_table
                )
            )
            continue
        changed = [name for name in old if name != GEOMETRY and _differs(old[name], now[key].get(name))]
        if changed:
            edits.not_taken.append(
                _("{table} {key}: {columns} – edit it in {stations}").format(
                    table=table, key=key, columns=", ".join(changed), stations=station_table
                )
            )
        moved = _moved_m(read, old, now[key], f"{table} {key}")
        there, here = read.place(old), read.place(now[key])
        if not moved or there is None or here is None:
            continue
        edits._say(table, key, "moved", "geometry", "", f"{moved:.2f} m")
        for station in stations[stations["location_id"] == key].itertuples():
            mine = edits.stations.get(station.station_id, {})
            if "lon" in mine or station.station_id in edits.removed:
                continue  # the station was moved itself
            at = (station.geometry.x + here[0] - there[0], station.geometry.y + here[1] - there[1])
            lon, lat = read.to_degrees(at)
            edits.stations[station.station_id] = mine | {"lon": round(lon, DECIMALS), "lat": round(lat, DECIMALS)}
            edits._say(station_table, station.station_id, "moved", "geometry", "", f"{moved:.2f} m ({key})")
    new = len(nameless) + len(set(now) - set(before))
    if new:
        advice = ngettext(
            "{table}: {count} new location – draw it as a planned station in {stations}",
            "{table}: {count} new locations – draw them as planned stations in {stations}",
            new,
        )
        edits.not_taken.append(advice.format(table=table, count=new, stations=station_table))


def _proposals(read: _Reader, edits: Edits) -> None:
    before, (now, nameless) = read.before("proposals"), read.now("proposals")
    table, station_table = layers()["proposals"].export_name, layers()["stations"].export_name
    for key, old in before.items():
        new = now.get(key)
        if new is None and read.place(old) is None:
            edits.not_taken.append(_placeless(table, key))
            continue
        if new is None:
            edits._say(table, key, "rejected", "decision", old.get("decision"), _(DELETED))
            edits.decisions.append(_decision(read, old, "rejected", None, _(DELETED)))
            continue
        choice = new.get("decision") or "open"
        if choice not in CHOICES:
            raise LayerError(
                _("{package} {table} {key}: decision {choice!r} is none of {choices}.").format(
                    package=read.package, table=table, key=key, choice=choice, choices=", ".join(CHOICES)
                )
            )
        year = _year(new.get("year"), f"{read.package} {table} {key}")
        fixed = year is not None and year != old.get("year")
        if fixed and choice == "open":
            choice = "accepted"  # who fixes the year wants it done
        others = [name for name in old if name not in ("decision", "year", "note", GEOMETRY)]
        changed = [name for name in others if _differs(old[name], new.get(name))]
        if changed or _moved_m(read, old, new, f"{table} {key}"):
            edits.not_taken.append(
                _("{table} {key}: {columns} – reject this proposal and draw a planned station in {stations}").format(
                    table=table, key=key, columns=", ".join(changed) or _("its place"), stations=station_table
                )
            )
        same = choice == (old.get("decision") or "open") and not fixed and new.get("note") == old.get("note")
        if same:
            continue
        if read.place(old) is None:
            edits.not_taken.append(_placeless(table, key))
            continue
        if choice == "open":
            if (old.get("decision") or "open") != "open":
                edits._say(table, key, "reopened", "decision", old.get("decision"), "open")
                edits.reopened.append(_decision(read, old, "open", None, None))
            continue
        edits._say(table, key, choice, "decision", old.get("decision"), choice)
        if fixed:
            edits._say(table, key, "changed", "year", old.get("year"), year)
        kept_year = year if choice == "accepted" else None
        edits.decisions.append(_decision(read, old, choice, kept_year, new.get("note")))
    for key in [*sorted(set(now) - set(before)), *([""] * len(nameless))]:
        edits.not_taken.append(
            _("{table} {key}: a new proposal – draw a planned station in {stations}").format(
                table=table, key=key or _("(new)"), stations=station_table
            )
        )


def _placeless(table: str, key: str) -> str:
    return _(
        "{table} {key}: its place is not in the public copy; decide in an export with --include-restricted"
    ).format(table=table, key=key)


def _decision(read: _Reader, row: dict[str, Any], choice: str, year: int | None, note: Any) -> dict[str, Any]:
    """A row of the layer `decisions` about a proposal as it was exported."""
    decision = {name: row.get(name) for name in TAKEN_OVER} | {"decision": choice, "year": year, "note": note}
    if decision["lon"] is None or decision["lat"] is None:
        at = read.place(row)
        if at is not None:
            lon, lat = read.to_degrees(at)
            decision |= {"lon": round(lon, DECIMALS), "lat": round(lat, DECIMALS)}
    return decision | {"provenance": f"covplan readback: {read.package.name}"}


def merged_decisions(earlier: pd.DataFrame, edits: Edits) -> pd.DataFrame:
    """Earlier decisions and the new ones; a new one takes the place of the earlier about the same thing."""
    columns = [column.name for column in layers()["decisions"].columns]
    rows = cast("list[dict[str, Any]]", earlier.reindex(columns=columns).astype("object").to_dict("records"))
    for new in [*edits.decisions, *edits.reopened]:
        rows = [one for one in rows if not _about_the_same(one, new)]
    taken = {str(one["decision_id"]) for one in rows}
    for new in edits.decisions:
        rows.append(new | {"decision_id": _free("QD", taken)})
        taken.add(rows[-1]["decision_id"])
    return pd.DataFrame(rows, columns=columns)


def _about_the_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if any(_differs(one.get(name), other.get(name)) for name in IDENTITY):
        return False
    if one.get("location_id") and not pd.isna(one["location_id"]):
        return True
    away = math.hypot((one["lon"] - other["lon"]) * math.cos(math.radians(one["lat"])), one["lat"] - other["lat"])
    return away * 111_000.0 <= SAME_M


def _untouched(read: _Reader, known: pd.DataFrame, key: str, old: dict[str, Any], names: Iterable[str]) -> None:
    """Raise when the study was changed since the export where the file was edited."""
    if key not in known.index:
        raise StudyError(
            _("{package}: station {key} was edited, but the study no longer holds it. Export anew.").format(
                package=read.package, key=key
            )
        )
    row = known.loc[key]
    for name in names:
        if name in (GEOMETRY, "station_id") or name not in row:
            continue
        ours = _plain(row[name])
        if _differs(ours, old[name]):
            raise StudyError(
                _(
                    "{package}: station {key}, {name}: edited in the file, and changed in the study since the "
                    "export ({before!r} → {now!r}). Export anew and edit that."
                ).format(package=read.package, key=key, name=name, before=old[name], now=ours)
            )


def _moved_m(read: _Reader, old: dict[str, Any], new: dict[str, Any], place: str) -> float:
    there, here = read.place(old), read.place(new)
    if here is None:
        if there is None:
            return 0.0
        raise LayerError(
            _("{package} {place}: has lost its geometry. Draw it again, or delete the row.").format(
                package=read.package, place=place
            )
        )
    if there is None:
        return math.inf
    away = math.hypot(here[0] - there[0], here[1] - there[1])
    return away if away > MOVED_M else 0.0


def _typed(layer: str, name: str, value: Any, key: str) -> Any:
    """A value as the layer's column wants it, in a text; None where it is empty."""
    if value is None or value == "":
        return None
    try:
        column = layers()[layer].column(name)
    except KeyError:
        return str(value)
    match column.type:
        case "bool":
            return "true" if value in (1, True, "1", "true") else "false"
        case "int" | "float":
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise LayerError(
                    _("{layer} {key}, {name}: {value!r} is not a number.").format(
                        layer=layer, key=key, name=name, value=value
                    )
                ) from None
            return str(int(number)) if number.is_integer() and column.type == "int" else repr(number)
        case _:
            return str(value)


def _year(value: Any, place: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        year = int(value)
    except (TypeError, ValueError):
        year = 0
    if not YEARS[0] <= year <= YEARS[1]:
        raise LayerError(
            _("{place}: year {value!r} is none between {first} and {last}.").format(
                place=place, value=value, first=YEARS[0], last=YEARS[1]
            )
        )
    return year


def _plain(value: Any) -> Any:
    """A value of a typed table as SQLite holds it."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if hasattr(value, "item"):
        value = value.item()
    return int(value) if isinstance(value, bool) else value


def _differs(one: Any, other: Any) -> bool:
    one, other = (None if value is None or value == "" or pd.isna(value) else value for value in (one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return not math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-9)
    return bool(one != other)


def _free(stem: str, taken: set[str]) -> str:
    n = 1
    while f"{stem}-{n:03d}" in taken:
        n += 1
    return f"{stem}-{n:03d}"


def _middle(shape: BaseGeometry) -> tuple[float, float]:
    at = cast("shapely.Point", shape) if shape.geom_type == "Point" else shape.centroid
    return float(at.x), float(at.y)


def _transform(source: int, target: int) -> Callable[[tuple[float, float]], tuple[float, float]]:
    if source == target:
        return lambda at: at
    turn = Transformer.from_crs(source, target, always_xy=True)
    return lambda at: turn.transform(*at)
