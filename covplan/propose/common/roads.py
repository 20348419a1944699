"""How far it is to the nearest road: straight, for crews and for power along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nearest_road_m(x_m: NDArray[np.float64], y_m: NDArray[np.float64], roads: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Straight distance from points to the nearest road, or other line, metres; infinite where there is none at all."""
    away_m = np.full(x_m.size, np.inf)
    if len(roads) and x_m.size:
        points = gpd.GeoSeries.from_xy(x_m, y_m, crs=roads.crs)
        index, found_m = roads.sindex.nearest(points, return_all=False, return_distance=True)
        away_m[index[0]] = found_m
    return away_m


def powered(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Roads with a power line."""
    return roads[roads["power"].fillna(value=False).astype(bool)]
