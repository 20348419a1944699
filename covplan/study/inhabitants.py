"""Whose home a place is: the hamlet whose outline holds it, else the nearest hamlet known as a point.

Cells of a population raster become inhabitants of hamlets here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import rasterio
import shapely
from pyproj import Transformer
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray


def hamlet_of(shapes: gpd.GeoSeries, x_m: ArrayLike, y_m: ArrayLike, reach_m: float) -> NDArray[np.int64]:
    """Number of the hamlet each place belongs to, −1 where it belongs to none.

    Parameters
    ----------
    shapes : GeoSeries, shape (hamlets,)
        Outlines and points in the study's CRS.
    x_m, y_m : array_like, shape (places,)
        Places in the same CRS, metres.
    reach_m : float
        A place in no outline belongs to the nearest point, if that is not farther than this.
    """
    places = np.column_stack([np.asarray(x_m, float), np.asarray(y_m, float)])
    whose = np.full(len(places), -1, np.int64)
    as_points = (shapes.geom_type == "Point").to_numpy()
    if (~as_points).any() and len(places):
        outlines = np.flatnonzero(~as_points)
        tree = shapely.STRtree(shapes.to_numpy()[outlines])
        place, outline = tree.query(shapely.points(places), predicate="intersects")
        whose[place[::-1]] = outlines[outline[::-1]]  # on a common border: the first
    rest = np.flatnonzero(whose < 0)
    if as_points.any() and rest.size:
        points = np.flatnonzero(as_points)
        away_m, nearest = KDTree(shapely.get_coordinates(shapes.to_numpy()[points])).query(places[rest])
        near = away_m <= reach_m
        whose[rest[near]] = points[nearest[near]]
    return whose


def inhabitants(raster: Path, villages: gpd.GeoDataFrame, reach_m: float) -> pd.Series:
    """Persons of each hamlet by a population raster (persons per cell, north up), on its own cells; same index."""
    west, south, east, north = villages.total_bounds
    around = (west - reach_m, south - reach_m, east + reach_m, north + reach_m)
    with rasterio.open(raster) as source:
        there = Transformer.from_crs(villages.crs, source.crs, always_xy=True).transform_bounds(*around)
        place = source.transform
        columns = np.sort([(there[0] - place.c) / place.a, (there[2] - place.c) / place.a])
        rows = np.sort([(there[1] - place.f) / place.e, (there[3] - place.f) / place.e])
        left, right = np.clip([np.floor(columns[0]), np.ceil(columns[1])], 0, source.width).astype(int)
        top, bottom = np.clip([np.floor(rows[0]), np.ceil(rows[1])], 0, source.height).astype(int)
        if left == right or top == bottom:  # the raster lies elsewhere
            return pd.Series(0.0, index=villages.index)
        people = source.read(1, window=((top, bottom), (left, right)), masked=True).filled(0).astype(float)
        back = Transformer.from_crs(source.crs, villages.crs, always_xy=True)
    row, column = np.nonzero(np.nan_to_num(people, nan=0.0, posinf=0.0) > 0)
    x_m, y_m = back.transform(place.c + (left + column + 0.5) * place.a, place.f + (top + row + 0.5) * place.e)
    whose = hamlet_of(villages.geometry, x_m, y_m, reach_m)
    theirs = whose >= 0
    counted = np.bincount(whose[theirs], people[row, column][theirs], minlength=len(villages))
    return pd.Series(counted, index=villages.index)
