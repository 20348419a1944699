"""Commune codes of one list in a study drawn on another: read by the official map, and by the point it leaves open.

A code is read in the version its row declares. Where the study's communes lack that version the official list says what
became of the commune; where it was split, or was merged from several, the row's point decides. A row without a version,
and a layer most of whose codes the declared version does not have, is read in the version in which its point lies. What
was written stands in the finding, with what it became.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from shapely import STRtree

from covplan.study.boundaries import heirs, official_units
from covplan.study.codes import WGS84
from covplan.study.language import _, in_both
from covplan.study.layers import BOUNDARY_VERSIONS

if TYPE_CHECKING:
    from shapely.geometry import Point
    from shapely.geometry.base import BaseGeometry

    from covplan.study.boundaries import Version
    from covplan.study.columns import Sieve
    from covplan.study.language import Language

MOST = 0.5  # share of the codes from which on the declared version of a layer is doubted
Unit = tuple[str, str]
"""Code and boundary version of a commune."""


@dataclass(frozen=True)
class Reading:
    """What a code as written means in the study's layer of communes."""

    read_as: Unit
    """The code as written, in the version it was read in."""
    unit: Unit
    """The commune of the layer."""
    how: dict[Language, str]
    """By what it was found."""
    sure: bool = True
    """False: neither map nor point tells, the main successor was taken."""


@dataclass(frozen=True)
class Units:
    """The communes of a study as readings ask for them."""

    shapes: dict[Unit, BaseGeometry]
    names: dict[Unit, str]
    version: Version
    """The version of the study's own figures: what other codes become."""
    tolerance_m: float
    """How far a point may lie outside its commune: borders are drawn coarsely."""

    @classmethod
    def of(cls, communes: gpd.GeoDataFrame, version: Version, tolerance_m: float) -> Units:
        """The communes of a layer; of a repeated pair of code and version the first."""
        units = list(zip(communes["commune_code"], communes["boundary_version"], strict=True))
        shapes = dict(zip(reversed(units), reversed(communes.geometry.to_list()), strict=True))
        return cls(shapes, dict(zip(units, communes["name"], strict=True)), version, tolerance_m)

    def named(self, code: str, version: str) -> list[Unit]:
        """The communes of the layer that a code may name in a version: itself, or its heirs in the study's version."""
        if (code, version) in self.shapes:
            return [(code, version)]
        heirs_there = [(heir, self.version) for heir in heirs(code, version, self.version)]
        return [unit for unit in heirs_there if unit in self.shapes]

    def nearest(self, point: Point | None, units: list[Unit]) -> Unit | None:
        """The commune of some that the point lies in, or at most the tolerance away from."""
        if point is None or point.is_empty or not units:
            return None
        away_m = {unit: point.distance(self.shapes[unit]) for unit in units}
        best = min(away_m, key=lambda unit: away_m[unit])
        return best if away_m[best] <= self.tolerance_m else None

    def under(self, point: Point | None, version: str) -> Unit | None:
        """The commune of a version under a point; on a common border the lower code."""
        if point is None or point.is_empty:
            return None
        units, tree = self._tree
        there = [units[hit] for hit in tree.query(point, predicate="intersects")]
        return min((unit for unit in there if unit[1] == version), default=None)

    @cached_property
    def _tree(self) -> tuple[list[Unit], STRtree]:
        return list(self.shapes), STRtree(list(self.shapes.values()))


def translate_communes(sieve: Sieve, table: gpd.GeoDataFrame, units: Units) -> gpd.GeoDataFrame:
    """Codes and versions that the study's communes do not have, as they have them.

    A code that cannot be read stays as it is, for the check of references to report.
    """
    table, points = table.copy(), _points(table)
    pairs = _pairs(table)
    known = pd.Series([pair in units.shapes for pair in pairs], index=table.index, dtype=bool)
    doubted = _doubted_version(table, known)
    filled: dict[Unit, list[Any]] = {}
    for index, (code, version) in zip(table.index, pairs, strict=True):
        if not code or (known[index] and version != doubted):
            continue
        reading = read(code, "" if version == doubted else version, points[index], units)
        if reading is None or reading.unit == (code, version):
            continue
        table.loc[index, ["commune_code", "boundary_version"]] = list(reading.unit)
        if reading.unit[0] == code and reading.read_as == reading.unit:
            filled.setdefault((version, reading.unit[1]), []).append(index)
        else:
            _note_translated(sieve, index, reading, units)
    for (version, found), rows in filled.items():
        sieve.note(
            "boundary_version_read", rows[0], column="boundary_version", value=version, count=len(rows), version=found
        )
    return table


def read(code: str, version: str, point: Point | None, units: Units) -> Reading | None:
    """What a code means; without a version, or in one that has no such code, the point must agree with the reading."""
    if version:
        if units.named(code, version) or code in _official(version):
            return _as_declared(code, version, point, units)
        if version != units.version and units.under(point, version) is None:
            unit = units.under(
                point, units.version
            )  # neither the study nor covplan has that list here: the point is all
            return Reading((code, version), unit, in_both(lambda: _("by the position"))) if unit else None
    for other in dict.fromkeys((units.version, *BOUNDARY_VERSIONS)):
        unit = units.nearest(point, units.named(code, other))
        if unit:
            return Reading((code, other), unit, in_both(lambda: _("by the position")))
    return None


def _as_declared(code: str, version: str, point: Point | None, units: Units) -> Reading | None:
    named = units.named(code, version)
    if len(named) == 1:
        return Reading((code, version), named[0], in_both(lambda: _("by the official list")))
    unit = units.nearest(point, named)
    if unit:
        return Reading((code, version), unit, in_both(lambda: _("by the position")))
    if named and version < units.version:  # an old commune that was split has a main successor; merged ones have none
        how = in_both(lambda: _("by the official list, the main successor"))
        return Reading((code, version), named[0], how, sure=False)
    return None


def _pairs(table: pd.DataFrame) -> list[Unit]:
    """Code and version of each row; an empty one is an empty text."""
    both = table[["commune_code", "boundary_version"]].astype("object")
    return list(both.where(both.notna(), "").itertuples(index=False, name=None))


def _points(table: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Where each row is: at its centre if it has one, else within its shape."""
    inside = table.geometry.representative_point()
    if "centre_lon" not in table:
        return inside
    centres = gpd.GeoSeries.from_xy(table["centre_lon"], table["centre_lat"], index=table.index, crs=WGS84)
    return centres.to_crs(table.crs).where(table["centre_lon"].notna() & table["centre_lat"].notna(), inside)


def _doubted_version(table: pd.DataFrame, known: pd.Series) -> str:
    """The version most rows declare, if most codes are none of it and are codes of another; else an empty text."""
    versions = table.loc[table["commune_code"].notna(), "boundary_version"].mode()
    if versions.empty:
        return ""
    version = str(versions.iloc[0])
    of_it = (table["boundary_version"] == version).fillna(value=False) & table["commune_code"].notna()
    codes = table.loc[of_it, "commune_code"]
    strange = ~known[of_it] & ~codes.isin(_official(version))
    elsewhere = set().union(*(_official(one) for one in BOUNDARY_VERSIONS if one != version))
    return version if strange.mean() > MOST and codes.isin(elsewhere).mean() > MOST else ""


def _note_translated(sieve: Sieve, index: Any, reading: Reading, units: Units) -> None:
    (code, version), (into, into_version) = reading.read_as, reading.unit
    sieve.note(
        "commune_translated" if reading.sure else "commune_translated_unsure",
        index,
        column="commune_code",
        value=code,
        version=version,
        into=into,
        into_version=into_version,
        commune=units.names[reading.unit],
        how=reading.how,
    )


@cache
def _official(version: str) -> frozenset[str]:
    if version not in BOUNDARY_VERSIONS:
        return frozenset()
    return frozenset(unit["commune_code"] for unit in official_units(version))
