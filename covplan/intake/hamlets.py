"""A list of hamlets into a study: states (trắng, lõm), households, power, difficulty; each row taken or set aside.

A row without coordinates is the study's hamlet of that name in that commune, where there is exactly one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from covplan.intake import meanings
from covplan.intake.letters import name_key, plain_key
from covplan.intake.placing import Known, place
from covplan.intake.positions import readings
from covplan.intake.sheets import read_sheets
from covplan.intake.stated import Communes
from covplan.intake.stations import Answer
from covplan.intake.tables import find_table
from covplan.study.codes import WGS84
from covplan.study.files import written_whole
from covplan.study.find import KINDS
from covplan.study.findings import finding
from covplan.study.language import _
from covplan.study.layers import input_layers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    from covplan.intake.ground import Ground
    from covplan.intake.placing import Placed
    from covplan.intake.stated import Stated
    from covplan.intake.tables import Row, Table
    from covplan.study.findings import Finding

LAYER = "villages"
TOLD = ("households", "population", "declared_mobile", "grid_power", "difficulty")
"""What makes a table with names one of hamlets."""
NEAR_M = 3000.0  # a hamlet of the same name nearer than this to a row's coordinates is that one
OF_STATIONS = ("station_id", "technologies", "bands", "structure", "height_m")


@dataclass
class Hamlets:
    """What a list holds, before anything is changed in the study."""

    files: tuple[str, ...]
    tables: list[Table]
    answers: list[Answer]
    rows: gpd.GeoDataFrame
    """The layer `villages` as it will be, study CRS."""
    new: int = 0
    changed: int = 0
    operators: tuple[str, ...] = ()

    @property
    def all_findings(self) -> list[Finding]:
        """On rows, in their order."""
        return [one for answer in self.answers for one in answer.findings]

    def count(self, outcome: str) -> int:
        """Rows with an outcome."""
        return sum(one.outcome == outcome for one in self.answers)


def hamlet_tables(paths: Sequence[Path]) -> list[Table]:
    """Tables of hamlets in some files; none where they are of something else."""
    tables = [table for path in paths for sheet in read_sheets(path) if (table := find_table(sheet)) is not None]
    return [one for one in tables if _of_hamlets(one)]


def _of_hamlets(table: Table) -> bool:
    fields = {column.field for column in table.columns}
    named = "hamlet" in fields or ("name" in fields and "commune" in fields)
    return named and bool(fields & {*TOLD, "status"}) and not fields & set(OF_STATIONS)


def read_hamlets(tables: list[Table], ground: Ground, folder: Path, today: dt.date) -> Hamlets:
    """What tables of hamlets say of the study's, and which they add."""
    answers = [Answer(table, row) for table in tables for row in table.rows]
    layer = _layer_as_written(folder, ground)
    found = Hamlets(tuple(dict.fromkeys(one.sheet.file for one in tables)), tables, answers, layer)
    communes = Communes(ground.communes, ground.settings.province.boundaries)
    stated = [_stated(one, communes) for one in answers]
    cells = [_readings(one.table, one.row) for one in answers]
    rules = ground.settings.checks
    known = Known(ground.settings.province.epsg, ground.outline, np.empty((0, 2)),
                  tolerance_m=rules.commune_tolerance_m, border_m=rules.border_m)  # fmt: skip
    placed, _decision = place(cells, [one.area for one in stated], known)
    by_name: dict[str, list[int]] = defaultdict(list)
    for n, name in enumerate(layer["name"].fillna("") if "name" in layer else ()):
        by_name[_key(str(name))].append(n)
    changes: dict[int, dict[str, Any]] = {}
    new: list[dict[str, Any]] = []
    first: dict[Any, Answer] = {}
    for answer, where, at in zip(answers, stated, placed, strict=True):
        _answer(answer, where, at, (layer, by_name, ground, communes), (changes, new, first), today)
    found.rows, found.changed = _with(layer, changes, new)
    found.new = len(new)
    return found


def _answer(
    answer: Answer, where: Stated, at: Placed, there: tuple[Any, ...], out: tuple[Any, ...], today: dt.date
) -> None:
    """What becomes of one row."""
    layer, by_name, ground, communes = there
    changes, new, first = out
    table, row = answer.table, answer.row
    name = _name(table, row)
    if table.sheet.hidden:
        return _aside(answer, "intake_hidden_sheet")
    if at.reason and at.reason != "intake_no_coordinates":
        return _aside(answer, at.reason, name, **(at.details | {"commune": where.commune}))
    point = None
    if not at.reason:
        point = gpd.GeoSeries([shapely.Point(at.lon, at.lat)], crs=WGS84).to_crs(layer.crs).iloc[0]
    same = _same(by_name.get(_key(name), []), layer, where, point, ground.settings.checks.commune_tolerance_m)
    values = _values(answer) | {"provenance": f"{table.sheet.place} {row.number}, {today.isoformat()}"}
    if len(same) > 1:
        return _aside(answer, "intake_hamlet_unclear", name, count=len(same))
    key: Any = same[0] if same else (_key(name), where.units)
    if key in first:
        answer.outcome, answer.reason = "merged", "intake_merged"
        return _say(answer, "intake_merged", name, other=first[key].row.number)
    if same:
        changes[same[0]] = values
    elif point is None:
        return _aside(answer, "intake_hamlet_unplaced", name)
    else:
        unit = communes.nearest(where.units, point.x, point.y) if where.units else None
        values |= {"name": name, "geometry": point, "centre_lon": round(at.lon, 7), "centre_lat": round(at.lat, 7)}
        values |= dict(zip(("commune_code", "boundary_version"), unit, strict=True)) if unit else {}
        values["village_id"] = f"{(unit or ('T',))[0]}-{plain_key(name).replace(' ', '-')}-{row.number}"
        new.append(values)
    first[key] = answer
    return None


def _stated(answer: Answer, communes: Communes) -> Stated:
    table, row = answer.table, answer.row
    return communes.of_row(
        commune=table.text(row, "commune"), district=table.text(row, "district") or row.section,
        address=table.text(row, "address"), code=table.text(row, "commune_code"), old=table.text(row, "commune_old"),
    )  # fmt: skip


def _readings(table: Table, row: Row) -> list[Any]:
    return readings(table.cell(row, "lon"), table.cell(row, "lat"), table.cell(row, "position"))


def _name(table: Table, row: Row) -> str:
    return table.text(row, "hamlet") or table.text(row, "name")


def _key(name: str) -> str:
    """A hamlet's name for comparing, without its kind."""
    small = " ".join(name.casefold().split())
    kind = next((one for one in KINDS if small.startswith(f"{one} ")), "")
    return name_key(small.removeprefix(kind))


def _same(
    rows: list[int], layer: gpd.GeoDataFrame, where: Stated, point: shapely.Point | None, tolerance_m: float
) -> list[int]:
    """Of hamlets of one name those a row can mean: near its coordinates, else in its commune."""
    if point is not None:
        near = [n for n in rows if layer.geometry.iloc[n].distance(point) <= NEAR_M]
        return sorted(near, key=lambda n: float(layer.geometry.iloc[n].distance(point)))[:1]
    if where.area is None:
        return rows if where.known else []
    return [n for n in rows if layer.geometry.iloc[n].representative_point().distance(where.area) <= tolerance_m]


def _values(answer: Answer) -> dict[str, Any]:
    """Figures and states of a row, as the layer holds them."""
    table, row = answer.table, answer.row
    values: dict[str, Any] = {}
    for name in ("households", "population"):
        text = table.text(row, name)
        number = meanings.number(table.cell(row, name)) if text else None
        if number is not None and 0 <= number <= (input_layers()[LAYER].column(name).max or 1e9):
            values[name] = round(number)
        elif text:
            _say(answer, "intake_cell_unread", text, _label(table, name))
    text = table.text(row, "grid_power")
    if text:
        answered = meanings.truth(text)
        word = plain_key(text).split()
        answered = (
            (word[0] not in ("khong", "chua"))
            if answered is None and word[:1] in (["co"], ["khong"], ["chua"])
            else answered
        )
        if answered is None:
            _say(answer, "intake_cell_unread", text, _label(table, "grid_power"))
        else:
            values["grid_power"] = answered
    for name in ("declared_mobile", "difficulty"):
        text = table.text(row, name)
        if not text and name == "declared_mobile":
            text = table.text(row, "status")  # of a hamlet it can be nothing else
        if not text:
            continue
        codes = meanings.words_in(name, text)
        if name == "difficulty" and meanings.truth(text):
            codes = ["special"]
        if len(codes) == 1:
            values[name] = codes[0]
            if codes[0] != text:
                _say(answer, "intake_word_read", text, _label(table, name), read=codes[0])
        else:
            _say(answer, "intake_cell_unread", text, _label(table, name))
    return values


def _label(table: Table, name: str) -> str:
    return next((one.label for one in table.columns if one.field == name), "")


def _say(answer: Answer, check: str, value: str = "", column: str = "", **details: Any) -> None:
    place: dict[str, Any] = {"layer": LAYER, "row": answer.row.number, "id": _name(answer.table, answer.row)}
    answer.findings.append(finding(check, answer.table.sheet.place, value=value, column=column, **place, **details))


def _aside(answer: Answer, check: str, value: str = "", **details: Any) -> None:
    _say(answer, check, value, **details)
    answer.outcome, answer.reason = "set_aside", check


def _layer_as_written(folder: Path, ground: Ground) -> gpd.GeoDataFrame:
    layer = input_layers()[LAYER]
    path = folder / layer.file
    if path.is_file() and layer.file_layer in {name for name, _kind in pyogrio.list_layers(path)}:
        return gpd.read_file(path, layer=layer.file_layer).to_crs(ground.communes.crs)
    return gpd.GeoDataFrame({"village_id": [], "name": []}, geometry=[], crs=ground.communes.crs)


def _with(
    layer: gpd.GeoDataFrame, changes: dict[int, dict[str, Any]], new: list[dict[str, Any]]
) -> tuple[gpd.GeoDataFrame, int]:
    """The layer with what rows tell in it, and how many hamlets that changes."""
    table, changed = layer.copy(), set()
    for n, values in changes.items():
        for name, value in values.items():
            if name not in table:
                table[name] = pd.Series([None] * len(table), dtype="object", index=table.index)
            if table[name].dtype != "object":
                table[name] = table[name].astype("object")
            index = table.index[n]
            if name != "provenance" and table.at[index, name] != value:
                changed.add(n)
            table.at[index, name] = value
    if new:
        added = gpd.GeoDataFrame(new, geometry="geometry", crs=layer.crs)
        table = gpd.GeoDataFrame(pd.concat([table, added], ignore_index=True) if len(table) else added, crs=layer.crs)
    return table, len(changed)


def write_hamlets(found: Hamlets, folder: Path) -> Path:
    """Write the study's hamlets with a list's in them; other layers of the file stay."""
    return write_layer_into(found.rows, LAYER, folder)


def write_layer_into(table: gpd.GeoDataFrame, name: str, folder: Path) -> Path:
    """Write a layer beside the others of its file, in place of what it was; the file whole or as it was."""
    layer = input_layers()[name]
    path = folder / layer.file
    there = [str(one) for one, _kind in pyogrio.list_layers(path)] if path.is_file() else []
    others = [(one, gpd.read_file(path, layer=one)) for one in there if one != layer.file_layer]
    with written_whole(path) as part:
        for one, frame in [*others, (layer.file_layer, table)]:
            frame.to_file(part, layer=one, driver="GPKG", mode="a" if part.exists() else "w", VERSION="1.3")
    return path


def summary(found: Hamlets) -> str:
    """What taking the list would change, in a sentence."""
    return _("{new} new hamlets, {changed} with other values").format(new=found.new, changed=found.changed)
