"""Which layer of a study a foreign table looks like, by its columns, geometry and name; and how to make it one.

Spellings of columns and words in names are data: resources/spellings.csv. Feeds `around`.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from covplan.study.codes import WGS84
from covplan.study.find import plain_letters
from covplan.study.layers import input_layers
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from covplan.study.layers import Column, Layer

ENOUGH = 1.0  # from this likeness on a table is called like a layer
NAME_COUNTS = 0.75  # of a word in the file's name; a column that only one layer has counts 1
UNSAFE = re.compile(r"""["'`$\\%!\r\n]""")  # in a name: no command line is written with it
OSM_TAGS = {
    "roads": ("highway", "Line"),
    "villages": ("place", "Point"),
    "dwellings": ("building", "Polygon"),
    "communes": ("admin_level", "Polygon"),
}
MIXED = ("building", "admin_level")
"""A layer with both holds every kind of area OpenStreetMap knows."""
PLACE = ("lon", "lat")
OSM_HAMLETS = ("hamlet", "village", "isolated_dwelling", "neighbourhood")
"""Values of OpenStreetMap's place that are hamlets."""


@dataclass(frozen=True)
class Likeness:
    """What a table looks like."""

    layer: Layer
    columns: dict[str, str]
    """Of its columns those that are known, each with the name it has in the layer."""

    @property
    def renamed(self) -> dict[str, str]:
        """Columns to be renamed."""
        return {written: known for written, known in self.columns.items() if written != known}


def likeness(columns: Sequence[str], geometry: str, name: str) -> Likeness | None:
    """The layer a table looks like most, or None.

    Parameters
    ----------
    columns : sequence of str
        As written.
    geometry : str
        Of its features as GDAL calls it (Point, MultiLineString); empty for a table without.
    name : str
        Of the file and the layer in it.
    """
    if set(MIXED) <= set(columns):
        return None
    best, most = None, 0.0
    for layer in input_layers().values():
        named = _known_columns(columns, layer)
        if not _may_be(layer, geometry, set(named.values())):
            continue
        like = sum(1.0 / _layers_with(column) for column in named.values()) + NAME_COUNTS * has_word(name, layer.name)
        like += _of_osm(columns, geometry, name, layer.name)
        if like > most:
            best, most = Likeness(layer, named), like
    return best if most >= ENOUGH else None


def has_word(name: str, of: str) -> bool:
    """Whether a name holds a word for a layer or raster."""
    words = f" {_words(name)} "
    return any(
        f" {spelling}{plural} " in words for spelling in _spellings().get(("name", of), ()) for plural in ("", "s")
    )


def is_osm(columns: Iterable[str]) -> bool:
    """Whether columns are those of OpenStreetMap data."""
    return bool({"osm_id", "osm_way_id", "highway", "fclass"} & set(columns))


def command(like: Likeness, reads: str, geometry: str, columns: Sequence[str]) -> str:
    """The command line that makes a layer of a study from a table that looks like it; empty where none is safe.

    Parameters
    ----------
    reads : str
        Python that reads the table, with geopandas as `g` and pandas as `p`.
    geometry, columns
        Of the table.
    """
    layer, at = like.layer, {known: written for written, known in like.columns.items()}
    steps = [f"t = {reads}"]
    tag = next((name for name in ("place", "fclass") if name in columns), "")
    if layer.name == "villages" and tag and "village_id" not in at:
        steps.append(f"t = t[t['{tag}'].isin({list(OSM_HAMLETS)})]")
    if like.renamed:
        steps.append(f"t = t.rename(columns={like.renamed})")
    if _needs_points(layer, geometry):
        steps.append("t = t.set_geometry(t.representative_point())")
    target = f"'{layer.file}'"
    if layer.is_table:
        if geometry and layer.geometry:
            steps += [f"q = t.to_crs({WGS84}).geometry", "t = t.drop(columns='geometry').assign(lon=q.x, lat=q.y)"]
        steps.append(f"t.to_csv({target}, index=False)")
    else:
        if not geometry:
            steps.append(f"q = g.points_from_xy(p.to_numeric(t['lon']), p.to_numeric(t['lat']), crs={WGS84})")
            steps.append("t = g.GeoDataFrame(t.drop(columns=['lon', 'lat']), geometry=q)")
        steps.append(f"t.to_file({target}, layer='{layer.file_layer}')")
    return python_command(steps)


def osm_command(name: str) -> str:
    """The command line that makes the study's roads from a file of OpenStreetMap: those of its communes."""
    if not safe(name):
        return ""
    bounds = f"g.read_file('villages.gpkg', layer='communes').to_crs({WGS84}).total_bounds"
    reads = f"t = read_osm(Path('{name}'), {WGS84}, {bounds})"
    imports = ["from pathlib import Path", "from covplan.study.osm import read_osm"]
    return python_command([*imports, reads, "t.to_file('roads.gpkg', layer='roads')"])


def python_command(steps: Sequence[str]) -> str:
    """Steps in Python as a command line for any shell; empty where a name in them would break it."""
    line = "; ".join(["import geopandas as g, pandas as p", *steps])
    return "" if re.search(r'["`$\\%!\r\n]', line) else f'python -c "{line}"'


def same_column(written: str, column: Column) -> bool:
    """Whether a header means a column: its name, a title or a known spelling, whatever the case, accents and signs."""
    names = (column.name, column.title_vi, column.title_en, *_names_of(column.name))
    return _words(written) in {_words(name) for name in names}


def safe(*names: str) -> bool:
    """Whether names can stand between quotes in a command line."""
    return not any(UNSAFE.search(name) for name in names)


def _known_columns(columns: Sequence[str], layer: Layer) -> dict[str, str]:
    known: dict[str, str] = {}
    spelled = {_words(name): column.name for column in layer.columns for name in _names_of(column.name)}
    if "Point" in layer.geometry and not layer.is_table:  # a table of it has them, as columns of their own
        spelled |= {_words(name): column for column in PLACE for name in (column, *_names_of(column))}
    spelled |= {_words(title): c.name for c in layer.columns for title in (c.title_vi, c.title_en, c.name)}
    for written in sorted(columns, key=lambda name: name not in {column.name for column in layer.columns}):
        column = spelled.get(_words(written))
        if column is not None and column not in known.values() and safe(written):
            known[written] = column
    return known


def _names_of(column: str) -> tuple[str, ...]:
    return _spellings().get(("column", column), ())


@cache
def _spellings() -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in csv.DictReader(resource_text("spellings.csv").splitlines()):
        key = ("column" if row["kind"] == "column" else "name", row["name"])
        found[key] = (*found.get(key, ()), row["spelling"])
    return found


@cache
def _layers_with(column: str) -> int:
    return sum(any(one.name == column for one in layer.columns) for layer in input_layers().values())


def _may_be(layer: Layer, geometry: str, columns: set[str]) -> bool:
    if not geometry and not layer.geometry:
        required = {column.name for column in layer.columns if column.required}
        return 2 * len(required & columns) > len(required)
    if not geometry:
        return set(PLACE) <= columns and any("Point" in one for one in layer.geometry)
    kind = next((base for base in ("Point", "Line", "Polygon") if base in geometry), "")
    if kind == "Polygon" and layer.name == "dwellings":
        return True  # houses as outlines
    return bool(layer.geometry) and (not kind or any(kind in one for one in layer.geometry))


def _needs_points(layer: Layer, geometry: str) -> bool:
    """Whether the layer wants points and the table has something else."""
    if not geometry or "Point" not in layer.geometry:
        return False
    if "Point" in geometry:
        return "Multi" in geometry and "MultiPoint" not in layer.geometry
    return "Polygon" not in layer.geometry


def _of_osm(columns: Sequence[str], geometry: str, name: str, layer: str) -> float:
    """What OpenStreetMap's tags say beside the columns a study knows; Geofabrik has them as fclass, by file."""
    tag, wanted = OSM_TAGS.get(layer, ("", "?"))
    tagged = tag in columns or ("fclass" in columns and has_word(name, layer))
    return 1.5 * (tagged and wanted in geometry)


def _words(name: str) -> str:
    return " ".join(re.findall(r"[a-z]+|\d+", plain_letters(name)))
