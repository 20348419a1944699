"""Where a point lies, as a list of the department says it: both commune lists, X and Y in VN-2000, degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from covplan.study.boundaries import in_version

if TYPE_CHECKING:
    from covplan.study.boundaries import Version
    from covplan.study.folder import Study

OLD: Version = "2025-02"
NEW: Version = "2025-07"


def addresses(shapes: gpd.GeoSeries, study: Study) -> pd.DataFrame:
    """Commune before and after July 2025, district before, hamlet, VN-2000 and degrees of every shape; same index.

    Columns: hamlet, commune_old, district_old, commune_new, north_m, east_m, lon, lat. A line is where its middle is.
    Empty where the study has no communes of a version, or where the point lies outside them all.
    """
    points = _points(shapes)
    old, new = (_units(points, study.communes, version) for version in (OLD, NEW))
    there = ~(points.is_empty | points.isna())
    degrees = points.to_crs(4326)
    return pd.DataFrame(
        {
            "hamlet": _hamlets(points, study.villages),
            "commune_old": old["name"],
            "district_old": old["district"],
            "commune_new": new["name"],
            "north_m": points.y.where(there),
            "east_m": points.x.where(there),
            "lon": degrees.x.where(there),
            "lat": degrees.y.where(there),
        },
        index=shapes.index,
    )


def system_of(study: Study) -> str:
    """Name of the study's coordinate system, with its EPSG code."""
    epsg = study.settings.province.epsg
    return f"{CRS.from_epsg(epsg).name} (EPSG:{epsg})"


def _points(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    lines = shapes.geom_type.isin(["LineString", "MultiLineString"])
    points = shapes.representative_point()
    points[lines] = shapes[lines].interpolate(0.5, normalized=True)
    return points


def _units(points: gpd.GeoSeries, communes: gpd.GeoDataFrame, version: Version) -> pd.DataFrame:
    if not len(points) or version not in set(communes["boundary_version"]):
        return pd.DataFrame({"name": None, "district": None}, index=points.index, dtype="object")
    return in_version(points, communes, version)


def _hamlets(points: gpd.GeoSeries, villages: gpd.GeoDataFrame) -> pd.Series:
    """Name of the hamlet a point lies in; empty where hamlets are points themselves."""
    areas = villages[villages.geom_type.isin(["Polygon", "MultiPolygon"])].sort_values("village_id")
    joined = gpd.sjoin(gpd.GeoDataFrame(geometry=points), areas[["name", "geometry"]], how="left")
    names: pd.Series = joined.loc[~joined.index.duplicated(), "name"].reindex(points.index)
    return names
