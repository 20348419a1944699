"""Commune lists before and after July 2025, side by side, never mixed.

Version 2025-02 has 137 communes in 7 districts on the territory of old Tuyên Quang, version 2025-07 has 124 communes of
the merged province and no districts. All new codes are re-used old ones, so nothing joins by code or name alone: every
function here asks for the version, and passing from one version to the other goes by position.
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


def name_of(codes: pd.Series, versions: pd.Series, communes: gpd.GeoDataFrame) -> pd.Series:
    """Names of communes by code *and* version; same index, NA where the layer has no such unit."""
    names = communes.set_index(["commune_code", "boundary_version"])["name"]
    keys = pd.MultiIndex.from_arrays([codes, versions])
    return pd.Series(names.reindex(keys).to_numpy(), index=codes.index, dtype="object")
