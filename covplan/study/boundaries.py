"""Commune lists before and after July 2025, side by side, never mixed.

Version 2025-02 has 137 communes in 7 districts on the territory of old Tuyên Quang, version 2025-07 has 124 communes of
the merged province and no districts. All new codes are re-used old ones, so nothing joins by code or name alone: every
function here asks for the version, and passing from one version to the other goes by position, or by the official list
of what became of each old commune (`heirs`).
"""

from __future__ import annotations

import csv
from functools import cache
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import pandas as pd

from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Version = Literal["2025-02", "2025-07"]
URBAN_UNITS = ("Phường", "Thị trấn", "Thị xã", "Thành phố")  # what the name of a commune in town begins with


@cache
def official_units(version: Version) -> tuple[dict[str, str], ...]:
    """The official list of one version (resources/admin): commune_code, name, kind, and districts where there are."""
    return tuple(csv.DictReader(resource_text("admin", f"{version}.csv").splitlines()))


@cache
def heirs(code: str, version: str, into: str) -> tuple[str, ...]:
    """Codes of another version's communes that hold ground of this one, by the official list; the main one first.

    An old commune went whole into one new one, or was split: then the main successor comes first. A new commune has
    all old ones that went into it, wholly or in part, and none is the main one. Empty: the list does not know the code.

    >>> heirs("02200", "2025-02", "2025-07"), heirs("02497", "2025-02", "2025-07")
    (('02215',), ('02215', '02509'))
    """
    rows = csv.DictReader(resource_text("admin", "2025-02_to_2025-07.csv").splitlines())
    links = [(row["old_version"], row["old_code"], row["new_version"], row["new_code"], row["main"]) for row in rows]
    forward = [(new, main) for of, old, to, new, main in links if (of, old, to) == (version, code, into)]
    backward = [old for of, old, to, new, _main in links if (to, new, of) == (version, code, into)]
    return tuple(new for new, main in sorted(forward, key=lambda one: one[1] != "yes")) + tuple(backward)


def communes_of(communes: gpd.GeoDataFrame, version: Version) -> gpd.GeoDataFrame:
    """The communes of one version; LayerError when the layer has none of it."""
    chosen = communes[communes["boundary_version"] == version]
    if chosen.empty:
        there = ", ".join(sorted(communes["boundary_version"].unique()))
        raise LayerError(
            _(
                "villages.gpkg, layer communes: no commune of version {version} (there: {there}). Add them, "
                "or set [province] boundaries in study.toml."
            ).format(version=version, there=there)
        )
    return chosen


def urban_communes(communes: gpd.GeoDataFrame, version: Version) -> gpd.GeoDataFrame:
    """The communes of one version that are a town or a part of one: wards and townships."""
    units = communes_of(communes, version)
    return units[units["name"].str.startswith(URBAN_UNITS)]


def outline(communes: gpd.GeoDataFrame, version: Version) -> BaseGeometry:
    """The province's outline in the layer's CRS: the union of the version's communes."""
    border: BaseGeometry = communes_of(communes, version).geometry.union_all()
    return border


def in_version(points: gpd.GeoSeries, communes: gpd.GeoDataFrame, version: Version) -> pd.DataFrame:
    """Commune of each point in one version, by position: commune_code, name, district; same index, NA outside.

    A point on a common border goes to the commune with the lower code.
    """
    units = communes_of(communes, version).sort_values("commune_code")
    columns = ["commune_code", "name", "district"]
    joined = gpd.sjoin(
        gpd.GeoDataFrame(geometry=points), units[[*columns, "geometry"]], how="left", predicate="intersects"
    )
    found: pd.DataFrame = joined[~joined.index.duplicated()].reindex(points.index)[columns]
    return found


def across_boundaries(indicators: pd.DataFrame) -> pd.Series:
    """Whether an indicator's baseline and targets were set for another province than the one its value is of."""
    stated = indicators[["baseline", "target_2025", "target_2030"]].notna().any(axis=1)
    across: pd.Series = stated & (indicators["target_boundaries"] != indicators["boundary_version"])
    return across


def boundaries_note(indicators: pd.DataFrame) -> str:
    """What to say beside figures that are held against those of another province; empty where none are."""
    across = indicators.loc[across_boundaries(indicators), "target_boundaries"]
    return " ".join(goals_of(version) for version in sorted(across.unique()))


def goals_of(version: str) -> str:
    """That baseline and targets are of this version, and the value beside them of the other."""
    if version == "2025-02":
        return _(
            "The baseline and the targets are those of the province before the merger of July 2025; today's value is "
            "that of the merged province."
        )
    return _(
        "The baseline and the targets are those of the merged province; today's value is that of the province before "
        "the merger of July 2025."
    )


def name_of(codes: pd.Series, versions: pd.Series, communes: gpd.GeoDataFrame) -> pd.Series:
    """Names of communes by code *and* version; same index, NA where the layer has no such unit."""
    names = communes.set_index(["commune_code", "boundary_version"])["name"]
    keys = pd.MultiIndex.from_arrays([codes, versions])
    return pd.Series(names.reindex(keys).to_numpy(), index=codes.index, dtype="object")
