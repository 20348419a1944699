"""An operator's sheet as stations of a study: every row taken, merged or set aside, each repair a finding.

Nothing is guessed row by row that the file as a whole can tell, and nothing is dropped: rows in are rows taken, merged
and set aside. Feeds `take`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from covplan.intake import meanings
from covplan.intake.letters import plain_key
from covplan.intake.meanings import text_of
from covplan.intake.placing import Decision, Known, place
from covplan.intake.positions import readings
from covplan.intake.sheets import read_sheets
from covplan.intake.stated import Communes
from covplan.intake.tables import FLAG, find_table
from covplan.study.codes import ON_ROOFS, WGS84
from covplan.study.errors import LayerError
from covplan.study.findings import finding
from covplan.study.language import N_, _, in_both
from covplan.study.layers import LIST_SEPARATOR, layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from covplan.intake.ground import Ground
    from covplan.intake.placing import Placed
    from covplan.intake.stated import Stated
    from covplan.intake.tables import Row, Table
    from covplan.study.findings import Finding

LAYER = "stations"
DEGREE_DECIMALS = 7
SAME_STATION_M = 30.0  # rows of one station by technology lie nearer than this
TWINS_M = 80.0  # masts of two operators nearer than this are proposed as one
ROUNDED_M = 90.0  # from this step of the last digit on coordinates are called rounded: three decimals of a degree
OLDEST = 1990
MASTS = ("A1a", "A1b", "A2a", "A2b", "A2c")
_GENERATION = re.compile(
    r"^(?:[2345]G|LTE|NR|UMTS|GSM|WCDMA)[-_ .]+"
    r"|[-_ .]*(?:[2345]G|LTE|NR|UMTS|GSM|WCDMA|[LUGN](?:700|900|1800|2100|2600))$",
    re.IGNORECASE,
)
HOW_READ = {
    "swapped": N_("in each other's column"),
    "one_cell": N_("both in one cell"),
    "decimal_comma": N_("decimal comma"),
    "dms": N_("degrees and minutes"),
    "packed": N_("the decimal point is lost"),
    "packed_dms": N_("degrees, minutes and seconds without signs"),
    "thousand_dots": N_("thousands' dots"),
    "zone_prefix": N_("the zone's number in front"),
}
"""What was wrong with coordinates that were read all the same."""
_DISTRICT = re.compile(r"\b(?:huyen|thanh pho|thi xa|tp)\b")
Outcome = Literal["taken", "merged", "set_aside"]


@dataclass
class Answer:
    """What became of one row of a file."""

    table: Table
    row: Row
    outcome: Outcome = "taken"
    reason: str = ""
    """Of a row set aside or merged: a check's name."""
    station_ids: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def place(self) -> str:
        """File, sheet and row, for a reader."""
        return f"{self.table.sheet.place} {self.row.number}"


@dataclass
class Intake:
    """What an operator's files hold, before anything is changed in the ground."""

    files: tuple[str, ...]
    tables: list[Table]
    answers: list[Answer]
    stations: list[dict[str, str]]
    """Rows of bts_sites.csv: station_id, operator, lon, lat and what else the file tells."""
    findings: list[Finding]
    """On files and sheets; those on rows are with their answers."""
    decision: Decision = field(default_factory=Decision)

    def count(self, outcome: Outcome) -> int:
        """Rows with an outcome."""
        return sum(one.outcome == outcome for one in self.answers)

    @property
    def all_findings(self) -> list[Finding]:
        """On files, then on rows in their order."""
        return [*self.findings, *(one for answer in self.answers for one in answer.findings)]

    @property
    def operators(self) -> tuple[str, ...]:
        """Operators of the stations, most stations first."""
        return tuple(code for code, _count in Counter(one["operator"] for one in self.stations).most_common())


@dataclass(frozen=True)
class Told:
    """What a planner says of a file; None: it is to be found out."""

    operator: str | None = None
    epsg: int | None = None
    shifted: bool | None = None
    profile: Mapping[str, str] = field(default_factory=dict)


def read_stations(
    paths: Sequence[Path], ground: Ground, told: Told | None = None, today: dt.date | None = None
) -> Intake:
    """Everything the files of one operator (or of a whole province) say of stations.

    Raises
    ------
    LayerError
        A file cannot be read, or holds no table of stations: which columns were looked for.
    """
    told, today = told or Told(), today or dt.date.today()
    tables: list[Table] = []
    found: list[Finding] = []
    for path in paths:
        sheets = read_sheets(path)
        for sheet in sheets:
            earlier = next((one for one in reversed(tables) if one.sheet.file == sheet.file), None)
            table = find_table(sheet, told.profile, earlier)
            if table is not None and _placed_table(table):
                tables.append(table)
                if sheet.letters:
                    count = len(sheet.written or {})
                    found.append(
                        finding("intake_letters", sheet.place, layer=LAYER, letters=sheet.letters, count=count)
                    )
    if not any(table.rows for table in tables):
        names = ", ".join(path.name for path in paths)
        raise LayerError(
            _(
                "{files}: no table of stations found. It needs a row of headers: longitude and latitude, in two "
                "columns or one, and the station's code or name."
            ).format(files=names)
        )
    answers = [Answer(table, row) for table in tables for row in table.rows]
    made = _Making(ground, told, today, answers, operators_of(tables, paths, told))
    intake = Intake(tuple(path.name for path in paths), tables, answers, [], found)
    made.run(intake)
    return intake


def _placed_table(table: Table) -> bool:
    fields = {column.field for column in table.columns}
    return "position" in fields or {"lon", "lat"} <= {name.split(":")[0] for name in fields}


def operators_of(tables: Sequence[Table], paths: Sequence[Path], told: Told) -> dict[int, str]:
    """The operator of each table whose rows do not name one: told, or named by titles, sheet or file."""
    found = {}
    for n, table in enumerate(tables):
        if told.operator:
            found[n] = told.operator
            continue
        titles = [text_of(cell) for row in table.sheet.rows[: max(table.header[0] - 1, 0)] for cell in row]
        path = next((path.stem for path in paths if path.name == table.sheet.file), "")
        for text in (table.sheet.name, path.replace("_", " "), " ".join(titles)):
            codes = meanings.operators(text)[0]
            if len(codes) == 1:
                found[n] = codes[0]
                break
    return found


class _Making:
    """Rows on their way to stations."""

    def __init__(
        self, ground: Ground, told: Told, today: dt.date, answers: list[Answer], operators: dict[int, str]
    ) -> None:
        self.ground, self.told, self.today, self.answers = ground, told, today, answers
        self.communes = Communes(ground.communes, ground.settings.province.boundaries)
        tables = list(dict.fromkeys(id(one.table) for one in answers))
        self.operator_of = {tables[n]: code for n, code in operators.items() if n < len(tables)}
        all_tables = {id(one.table): one.table for one in answers}
        self.month_first = {
            key: meanings.months_first([table.cell(row, "on_air") for row in table.rows])
            for key, table in all_tables.items()
        }
        self.known_codes = set(ground.settings.operators)

    def run(self, intake: Intake) -> None:
        """Place, read, merge."""
        stated = [self._stated(one) for one in self.answers]
        found = [self._readings(one) for one in self.answers]
        placed: list[Placed] = [None] * len(self.answers)  # type: ignore[list-item]  # filled file by file
        by_file: dict[str, list[int]] = defaultdict(list)
        for n, one in enumerate(self.answers):
            by_file[one.table.sheet.file].append(n)
        for file, rows in by_file.items():
            operators = {code for n in rows for code in self._operators(self.answers[n])[0]}
            there, decision = place(
                [found[n] for n in rows],
                [stated[n].area for n in rows],
                self._known(operators),
                epsg=self.told.epsg,
                shifted=self.told.shifted,
            )
            for n, at in zip(rows, there, strict=True):
                placed[n] = at
            intake.decision = decision
            intake.findings += _on_file(file, decision, there)
        drafts = []
        for answer, where, at in zip(self.answers, stated, placed, strict=True):
            values = self._values(answer, where, at)
            if values is not None:
                drafts.append((answer, values))
        intake.stations = self._merged(drafts)
        self._copies(intake)

    def _known(self, operators: set[str]) -> Known:
        """The ground, with masts of others than the file's operators."""
        ground, rules = self.ground, self.ground.settings.checks
        others = ground.stations[~ground.stations["operator"].isin(list(operators))]
        masts = np.column_stack([others.geometry.x, others.geometry.y]) if len(others) else np.empty((0, 2))
        roads = [shape for shape in ground.roads.geometry if shape is not None and not shape.is_empty]
        return Known(
            epsg=ground.settings.province.epsg,
            province=ground.outline,
            masts=masts,
            roads=roads,
            tolerance_m=rules.commune_tolerance_m,
            border_m=rules.border_m,
        )

    def _stated(self, answer: Answer) -> Stated:
        table, row = answer.table, answer.row
        section = row.section if _DISTRICT.search(plain_key(row.section)) else ""
        sheet = table.sheet.name if _DISTRICT.search(plain_key(table.sheet.name)) else ""
        stated = self.communes.of_row(
            commune=table.text(row, "commune"),
            district=table.text(row, "district") or section or sheet,
            address=table.text(row, "address"),
            code=table.text(row, "commune_code"),
            old=table.text(row, "commune_old"),
        )
        if not stated.known:
            label = _label(table, "commune") or _label(table, "address")
            self._say(answer, "intake_commune_unknown", label, stated.commune)
        return stated

    def _readings(self, answer: Answer) -> list[Any]:
        table, row = answer.table, answer.row
        cells = {name: table.cell(row, name) for name in ("lon", "lat")}
        for name in cells:
            parts = [table.text(row, f"{name}:{part}") for part in ("deg", "min", "sec")]
            if any(parts):
                cells[name] = f"{parts[0]}°{parts[1] or 0}'{parts[2] or 0}\""
        return readings(cells["lon"], cells["lat"], table.cell(row, "position"))

    def _operators(self, answer: Answer) -> tuple[list[str], str]:
        """Operators a row names, else those of its table; and what was written."""
        written = answer.table.text(answer.row, "operator")
        if written:
            codes = meanings.operators(written)[0]
            if codes:
                return codes, written
            if written.upper() in self.known_codes:
                return [written.upper()], written
            return [], written
        default = self.operator_of.get(id(answer.table))
        return ([default] if default else []), ""

    def _say(self, answer: Answer, check: str, column: str = "", value: object = "", **details: Any) -> None:
        table = answer.table
        key = table.text(answer.row, "station_id") or table.text(answer.row, "name")
        original = (table.sheet.written or {}).get(value, value) if isinstance(value, str) else value
        place: dict[str, Any] = {"layer": LAYER, "row": answer.row.number, "id": key, "column": column}
        answer.findings.append(finding(check, table.sheet.place, value=original, **place, **details))

    def _aside(self, answer: Answer, check: str, column: str = "", value: object = "", **details: Any) -> None:
        self._say(answer, check, column, value, **details)
        answer.outcome, answer.reason = "set_aside", check

    def _values(self, answer: Answer, stated: Stated, at: Placed) -> dict[str, str] | None:
        """What a row says of its station; None when it is set aside."""
        table, row = answer.table, answer.row
        written = _written_place(table, row)
        if table.sheet.hidden:
            self._aside(answer, "intake_hidden_sheet")
            return None
        if row.hidden:
            self._say(answer, "intake_hidden_row")
        if at.reason:
            check = at.reason
            if check == "intake_no_coordinates" and re.search(r"\d", written):
                check = "intake_unreadable_coordinates"
            details = at.details | {"commune": stated.commune}
            self._aside(answer, check, _label(table, "position") or _label(table, "lon"), written, **details)
            return None
        operators, said = self._operators(answer)
        operators = [code for code in operators if code in self.known_codes]
        if not operators:
            self._aside(answer, "intake_unknown_operator", _label(table, "operator"), said)
            return None
        note = table.text(row, "note")
        status, where = meanings.status(table.text(row, "status"), note)
        if status == "stopped" or (status is None and where == "status"):
            check = "intake_stopped" if status == "stopped" else "intake_status_unclear"
            self._aside(answer, check, _label(table, where), table.text(row, where))
            return None
        self._on_place(answer, stated, at, written)
        values = {
            "operator": LIST_SEPARATOR.join(operators),
            "lon": _degrees(at.lon),
            "lat": _degrees(at.lat),
            "name": table.text(row, "name"),
            "status": status or "existing",
            "station_id": table.text(row, "station_id"),
        }
        if status is None:
            self._say(answer, "intake_cell_unread", _label(table, "note"), note)
        elif where == "note" or table.text(row, "status") not in ("", status):
            self._say(answer, "intake_word_read", _label(table, where), table.text(row, where), read=status)
        self._commune(values, stated, at)
        self._equipment(answer, values)
        self._structure(answer, values)
        self._numbers(answer, values)
        closed = table.text(row, "restricted")
        notes = [table.text(row, name) for name in ("note", "name", "address", "kind", "structure")]
        if meanings.restricted(closed, *notes):
            shown = closed or next(one for one in notes if meanings.restricted("", one))
            self._say(answer, "intake_closed", _label(table, "restricted"), shown)
            values["restricted"] = "true"
        elif table.at("restricted") is not None:
            values["restricted"] = "false"
        values["provenance"] = _("{place} row {row}, taken {day}").format(
            place=table.sheet.place, row=row.number, day=self.today.isoformat()
        )
        return {name: text for name, text in values.items() if text != ""}

    def _on_place(self, answer: Answer, stated: Stated, at: Placed, written: str) -> None:
        label = _label(answer.table, "position") or _label(answer.table, "lon")
        how = [one for one in at.how if one not in ("metres", "datum")]
        if how:
            said = in_both(lambda: ", ".join(_(HOW_READ[one]) for one in how))
            read = f"{at.lon:.6f}, {at.lat:.6f}"
            self._say(answer, "intake_coordinates_read", label, written, how=said, read=read)
        if at.rounded_m >= ROUNDED_M:
            self._say(answer, "intake_rounded", label, written, precision_m=f"{at.rounded_m:.0f}")
        if "distance_m" in at.details:
            self._say(answer, "intake_commune_disagrees", label, written, commune=stated.commune, **at.details)

    def _commune(self, values: dict[str, str], stated: Stated, at: Placed) -> None:
        if not stated.units or not stated.commune:
            return
        epsg = self.ground.settings.province.epsg
        x_m, y_m = _to(epsg).transform(at.lon, at.lat)
        unit = self.communes.nearest(stated.units, x_m, y_m)
        if unit:
            values["commune_code"], values["boundary_version"] = unit

    def _equipment(self, answer: Answer, values: dict[str, str]) -> None:
        """Technologies, bands, backhaul, tenants."""
        table, row = answer.table, answer.row
        written = table.text(row, "technologies")
        found = meanings.technologies(written) if written else []
        flagged = [one for one in table.columns if one.field.startswith(f"{FLAG}technologies:")]
        for column in flagged:
            text = text_of(row.cells[column.index]) if column.index < len(row.cells) else ""
            if meanings.truth(text) or (meanings.number(text) or 0) > 0:
                found.append(column.field.rpartition(":")[2])
        kind = table.text(row, "kind")
        if not found and not written and kind:
            found = meanings.technologies(kind)
        found = sorted(set(found))
        self._coded(answer, "technologies", written, LIST_SEPARATOR.join(found), values)
        written = table.text(row, "bands")
        if written:
            codes, _guessed = meanings.bands(written, found)
            self._coded(answer, "bands", written, LIST_SEPARATOR.join(codes), values)
        written = table.text(row, "backhaul")
        if written:
            codes = meanings.words_in("backhaul", written)
            self._coded(answer, "backhaul", written, codes[0] if codes else "", values)
        written = table.text(row, "tenants")
        shared = list(meanings.operators(written)[0]) if written else []
        if written and not shared and meanings.truth(written) is None and plain_key(written) not in ("khong", "rieng"):
            self._say(answer, "intake_cell_unread", _label(table, "tenants"), written)
        for column in (one for one in table.columns if one.field.startswith(f"{FLAG}tenants:")):
            text = text_of(row.cells[column.index]) if column.index < len(row.cells) else ""
            if meanings.truth(text):
                shared.append(column.field.rpartition(":")[2])
        if shared:
            all_of = [*values["operator"].split(LIST_SEPARATOR), *shared]
            values["tenants"] = LIST_SEPARATOR.join(dict.fromkeys(all_of))
        values["owner"] = table.text(row, "owner")

    def _coded(self, answer: Answer, name: str, written: str, read: str, values: dict[str, str]) -> None:
        if read:
            values[name] = read
        if not written or written == read:
            return
        label = _label(answer.table, name)
        if read:
            self._say(answer, "intake_word_read", label, written, read=read)
        else:
            self._say(answer, "intake_cell_unread", label, written)

    def _structure(self, answer: Answer, values: dict[str, str]) -> None:
        table, row = answer.table, answer.row
        written = table.text(row, "structure")
        if written:
            codes = meanings.words_in("structure", written)
            self._coded(answer, "structure", written, codes[0] if codes else "", values)
            forms = meanings.words_in("form", written)
            values["form"] = forms[0] if forms else ""
        on_roof = values.get("structure") in ON_ROOFS
        cell = table.text(row, "height_m")
        if cell:
            read = meanings.height(cell, on_roof=on_roof)
            if read is None or read.mast_m is None or not 2 <= read.mast_m <= 150:
                self._say(answer, "intake_cell_unread", _label(table, "height_m"), cell)
            else:
                values["height_m"] = f"{read.mast_m:g}"
                if read.building_m is not None:
                    values["building_height_m"] = f"{read.building_m:g}"
                if read.how:
                    shown = f"{read.mast_m:g} m" + (f" + {read.building_m:g} m" if read.building_m else "")
                    self._say(answer, "intake_word_read", _label(table, "height_m"), cell, read=shown)

    def _numbers(self, answer: Answer, values: dict[str, str]) -> None:
        """Other numbers and dates."""
        table, row = answer.table, answer.row
        for name in ("building_height_m", "antenna_height_m", "max_tenants", "certificate_year"):
            text = table.text(row, name)
            if not text:
                continue
            column = layers()[LAYER].column(name)
            if name == "certificate_year":
                when = meanings.date(table.cell(row, name))
                number = float(when[0].year) if when else None
            else:
                read = meanings.height(text)
                number = read.mast_m if read and name != "max_tenants" else meanings.number(table.cell(row, name))
            if number is None or not (column.min or 0.0) <= number <= (column.max or 1e9):
                self._say(answer, "intake_cell_unread", _label(table, name), text)
            else:
                values[name] = f"{number:g}"
        text = table.text(row, "on_air")
        if text:
            when = meanings.date(table.cell(row, "on_air"), month_first=self.month_first[id(table)])
            if when is None:
                self._say(answer, "intake_cell_unread", _label(table, "on_air"), text)
            else:
                values["on_air"] = when[0].isoformat()
                if when[1] != "day":
                    self._say(answer, "intake_word_read", _label(table, "on_air"), text, read=values["on_air"])

    def _merged(self, drafts: list[tuple[Answer, dict[str, str]]]) -> list[dict[str, str]]:
        """One station for all rows that are it; rows with several operators as a station for each."""
        stations: list[dict[str, str]] = []
        first_of: dict[tuple[str, str], tuple[Answer, dict[str, str]]] = {}
        taken = self._ids_of_others(
            {code for _a, values in drafts for code in values["operator"].split(LIST_SEPARATOR)}
        )
        for answer, values in drafts:
            operators = values["operator"].split(LIST_SEPARATOR)
            if len(operators) > 1:
                self._say(answer, "intake_expanded", _label(answer.table, "operator"),
                          answer.table.text(answer.row, "operator"), operators=", ".join(operators))  # fmt: skip
            for operator in operators:
                one = values | {"operator": operator}
                if len(operators) > 1:
                    one.setdefault("tenants", LIST_SEPARATOR.join(operators))
                written = one.get("station_id", "")
                if written and len(operators) > 1:
                    one["station_id"] = f"{written}-{operator}"
                key = (operator, self._stem(one))
                if key in first_of and self._joined(answer, one, *first_of[key]):
                    continue
                if answer.outcome == "set_aside":
                    break
                if not written:
                    one["station_id"] = _made_id(one)
                    self._say(answer, "intake_id_made", _label(answer.table, "station_id"), read=one["station_id"])
                if one["station_id"] in taken:
                    one["station_id"] = f"{operator}-{one['station_id']}"
                taken.add(one["station_id"])
                answer.station_ids.append(one["station_id"])
                first_of.setdefault(key, (answer, one))
                stations.append(one)
        return stations

    def _ids_of_others(self, operators: set[str]) -> set[str]:
        table = self.ground.stations
        return set(table.loc[~table["operator"].isin(list(operators)), "station_id"].astype(str))

    @staticmethod
    def _stem(values: dict[str, str]) -> str:
        """What rows of one station have in common: the code without a technology, else the name at the place."""
        code = values.get("station_id", "")
        if code:
            return "#" + _GENERATION.sub("", code).strip("-_ .").casefold()
        name = plain_key(_GENERATION.sub("", values.get("name", "")))
        return f"{name}@{float(values['lon']):.4f},{float(values['lat']):.4f}"

    def _joined(self, answer: Answer, values: dict[str, str], other: Answer, station: dict[str, str]) -> bool:
        """Whether a row was answered for by one before it: merged, or set aside where the two contradict."""
        away = _away_m(values, station)
        if away > SAME_STATION_M:
            if values.get("station_id") != station.get("station_id"):
                return False
            self._aside(answer, "intake_same_id_elsewhere", _label(answer.table, "station_id"),
                        values.get("station_id", ""), other=other.row.number, distance_m=f"{away:.0f}")  # fmt: skip
            return True
        for name in ("technologies", "bands", "tenants"):
            both = [*station.get(name, "").split(LIST_SEPARATOR), *values.get(name, "").split(LIST_SEPARATOR)]
            joined = LIST_SEPARATOR.join(
                sorted(set(filter(None, both))) if name != "tenants" else dict.fromkeys(filter(None, both))
            )
            if joined:
                station[name] = joined
        for name, text in values.items():
            station.setdefault(name, text)
        if values.get("restricted") == "true":
            station["restricted"] = "true"
        if not answer.station_ids:
            answer.outcome, answer.reason = "merged", "intake_merged"
        answer.station_ids.append(station["station_id"])
        self._say(answer, "intake_merged", _label(answer.table, "station_id"), values.get("station_id", ""),
                  other=other.row.number)  # fmt: skip
        return True

    def _copies(self, intake: Intake) -> None:
        """Rows of one operator with the very same coordinates and another name and id."""
        first: dict[tuple[str, str, str], Answer] = {}
        by_id = {one["station_id"]: one for one in intake.stations}
        for answer in self.answers:
            if answer.outcome != "taken":
                continue
            for key in answer.station_ids:
                one = by_id[key]
                at = (one["operator"], one["lon"], one["lat"])
                other = first.setdefault(at, answer)
                if other is not answer:
                    self._say(answer, "intake_copied", _label(answer.table, "lon"),
                              _written_place(answer.table, answer.row), other=other.row.number)  # fmt: skip


def _on_file(file: str, decision: Decision, placed: Sequence[Placed]) -> Iterable[Finding]:
    """What was decided for a file as a whole."""
    votes = {"votes": decision.votes[0], "against": decision.votes[1]}
    metres = sum("metres" in one.how for one in placed)
    if decision.epsg and metres:
        system = f"EPSG:{decision.epsg}"
        yield finding("intake_metres", file, layer=LAYER, count=metres, system=system, **votes)
    moved = sum("datum" in one.how for one in placed)
    if moved:
        yield finding("intake_datum", file, layer=LAYER, count=moved, **votes)
    elif not metres and decision.votes[0] >= 3 and decision.votes[0] > decision.votes[1]:
        yield finding("intake_datum_suspected", file, layer=LAYER, **votes)


def twins(stations: Sequence[dict[str, str]], ground: Ground) -> list[dict[str, Any]]:
    """Masts of two operators that may be one, with what speaks for it; nothing is merged.

    Up to 30 m apart, or up to 80 m with the same height or an owner or tenant that names the other.
    """
    others = ground.stations
    if not stations:
        return []
    mine = {one["station_id"] for one in stations}
    known = [
        {
            "station_id": str(i),
            "operator": str(o),
            "lon": str(x),
            "lat": str(y),
            "height_m": _plain(h),
            "owner": _plain(w),
        }
        for i, o, x, y, h, w in others[["station_id", "operator", "lon", "lat", "height_m", "owner"]].itertuples(
            index=False
        )
        if str(i) not in mine
    ]
    rows = [*stations, *known]
    x, y = _to(ground.settings.province.epsg).transform(
        [float(one["lon"]) for one in rows], [float(one["lat"]) for one in rows]
    )
    points = shapely.points(x, y)
    tree = shapely.STRtree(points)
    pairs = tree.query(points[: len(stations)], predicate="dwithin", distance=TWINS_M)
    found = []
    for first, second in pairs.T:
        one, other = rows[first], rows[second]
        if one["operator"] == other["operator"] or (second < len(stations) and second < first):
            continue
        away = float(points[first].distance(points[second]))
        evidence = _evidence(one, other)
        if away <= SAME_STATION_M or evidence:
            found.append(
                {
                    "station_id": one["station_id"], "operator": one["operator"], "other_id": other["station_id"],
                    "other_operator": other["operator"], "distance_m": round(away, 1), "evidence": "; ".join(evidence),
                }
            )  # fmt: skip
    return sorted(found, key=lambda pair: pair["distance_m"])


def _evidence(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    said = []
    if one.get("height_m") and one.get("height_m") == other.get("height_m"):
        said.append(_("same height {height} m").format(height=one["height_m"]))
    for mine, theirs in ((one, other), (other, one)):
        named = meanings.operators(f"{mine.get('owner', '')} {mine.get('tenants', '').replace(';', ' ')}")[0]
        if theirs["operator"] in named:
            said.append(_("{one} names {other}").format(one=mine["station_id"], other=theirs["operator"]))
    return said


def _plain(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _to(epsg: int) -> Transformer:
    return Transformer.from_crs(WGS84, epsg, always_xy=True)


def _away_m(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    lat = np.radians(float(one["lat"]))
    east = (float(one["lon"]) - float(other["lon"])) * np.cos(lat)
    return float(np.hypot(east, float(one["lat"]) - float(other["lat"])) * 111_000.0)


def _degrees(value: float) -> str:
    return f"{value:.{DEGREE_DECIMALS}f}".rstrip("0").rstrip(".")


def _made_id(values: Mapping[str, str]) -> str:
    """An id that the same row gets again next year."""
    text = f"{plain_key(values.get('name', ''))}|{float(values['lon']):.3f}|{float(values['lat']):.3f}"
    return f"{values['operator']}-{hashlib.sha256(text.encode()).hexdigest()[:8].upper()}"


def _label(table: Table, name: str) -> str:
    return next((one.label for one in table.columns if one.field.split(":")[0] == name), "")


def _written_place(table: Table, row: Row) -> str:
    names = ("position", "lon", "lat", *(f"{axis}:{part}" for axis in ("lon", "lat") for part in ("deg", "min", "sec")))
    return " | ".join(text for text in (table.text(row, name) for name in names) if text)
