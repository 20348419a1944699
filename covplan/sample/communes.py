"""The 137 communes of Tuyên Quang before July 2025: real names, codes and points; approximate outlines.

A commune grows from its real point over easy ground, at home in its real bounding box where that is known, and ends on
ridges and streams of the synthetic relief. The outlines are stand-ins: approximate communes, not legal borders, and
their areas are not the official ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import rasterize
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label

from covplan.sample.allocation import allocated
from covplan.sample.outlines import smooth_outlines
from covplan.sample.published import facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.sample.allocation import Land

CRS = "EPSG:9211"
# Found by comparing with real outlines (overlap over union 0.89): discs for communes whose box is not usable, gaps
# closed, then drawn in until the province has its published 5,868 km² on the ellipsoid.
DISC_M = 4_500.0
CLOSING_M = 5_000.0
DRAWN_IN_M = 1_104.0
PRECISION_M = 0.1
OWN_CELLS = 5  # around a commune's point are its own


def commune_points() -> gpd.GeoDataFrame:
    """The 137 communes as points (EPSG:9211): commune_code, name, short_name, district, district_code, source."""
    table = pd.DataFrame(facts("communes"))
    points = gpd.GeoSeries(
        gpd.points_from_xy(table["lon"].astype(float), table["lat"].astype(float)), crs="EPSG:4326"
    ).to_crs(CRS)
    columns = ["commune_code", "name", "short_name", "district", "district_code", "source"]
    return gpd.GeoDataFrame(
        table[columns], geometry=shapely.set_precision(points.to_numpy(), PRECISION_M), crs=CRS
    ).sort_values("commune_code", ignore_index=True)


def outline() -> shapely.Polygon:
    """The province's rough outline in EPSG:9211, without holes; about 5,868 km². The sample's border runs near it."""
    table = pd.DataFrame(facts("boundaries"))
    west, south, east, north = (table[side].astype(float) for side in ("west", "south", "east", "north"))
    boxes = gpd.GeoSeries(shapely.box(west, south, east, north), crs="EPSG:4326").to_crs(CRS)
    points = commune_points()
    unboxed = points.geometry[~points["commune_code"].isin(table["commune_code"])]
    covered = shapely.union_all([*boxes, *unboxed.buffer(DISC_M)])
    closed = shapely.buffer(shapely.buffer(covered, CLOSING_M), -CLOSING_M)
    largest = max(shapely.get_parts(closed), key=shapely.area)
    drawn_in = shapely.buffer(shapely.Polygon(largest.exterior), -DRAWN_IN_M)
    return shapely.normalize(shapely.set_precision(drawn_in, PRECISION_M))


def commune_cells(land: Land) -> gpd.GeoDataFrame:
    """The 137 approximate communes (synthetic outlines), in order of code.

    Parameters
    ----------
    land : Land
        The sample's ground as borders see it, with a margin of some kilometres around the rough outline.

    Returns
    -------
    GeoDataFrame, EPSG:9211
        commune_code (five digits), name with its kind ("Xã …"), district, district_code, geometry. The communes share
        their borders and leave no gaps.
    """
    points = commune_points()
    row, column = land.rowcol(points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
    inside = _province(land, row, column)
    own = np.full(len(points), OWN_CELLS)
    holder = allocated(land, row, column, inside, kept=own, home=_homes(points, land))
    return gpd.GeoDataFrame(
        points[["commune_code", "name", "district", "district_code"]],
        geometry=smooth_outlines(holder, land.transform, len(points)),
        crs=CRS,
    )


def _province(land: Land, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The cells of the province: whole hillsides near the rough outline, as many as fill its area, and every point."""
    border = outline()
    within = rasterize([border], land.effort.shape, transform=land.transform).astype(bool)
    depth = np.round(distance_transform_edt(within) - distance_transform_edt(~within), 3)
    piece = land.pieces[-1]
    alone = -1 - np.arange(piece.size).reshape(piece.shape)
    number = np.unique(np.where(piece >= 0, piece, alone), return_inverse=True)[1].reshape(piece.shape)
    mean = np.round(np.bincount(number.ravel(), weights=depth.ravel()) / np.bincount(number.ravel()), 3)
    mean[np.unique(number[row, column])] = np.inf
    rank = np.empty(len(mean), np.int64)
    rank[np.argsort(-mean, kind="stable")] = np.arange(len(mean))
    rank_of = rank[number]
    wanted, low, high = border.area / land.transform.a**2, 0, len(mean)
    while high - low > 1:  # as many pieces as fill the area, without what lies apart and with what is shut in
        middle = (low + high) // 2
        low, high = (middle, high) if _whole(rank_of < middle).sum() <= wanted else (low, middle)
    return _whole(rank_of < low)


def _whole(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part that hangs together over the sides of cells, and what it shuts in."""
    parts, count = label(cells)
    largest = 1 + np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:])
    return np.asarray(binary_fill_holes(parts == largest))


def _homes(points: gpd.GeoDataFrame, land: Land) -> NDArray[np.int64]:
    """First and last row and column of each commune's real bounding box; of the raster where none is usable."""
    table = pd.DataFrame(facts("boundaries")).set_index("commune_code")
    west, south, east, north = (table[side].to_numpy(float) for side in ("west", "south", "east", "north"))
    boxes = gpd.GeoSeries(shapely.box(west, south, east, north), index=table.index, crs="EPSG:4326").to_crs(CRS).bounds
    rows, columns = land.effort.shape
    home = np.tile(np.array([0, rows, 0, columns]), (len(points), 1))
    for place, code in enumerate(points["commune_code"]):
        if code in boxes.index:
            x_min, y_min, x_max, y_max = boxes.loc[code].tolist()
            (top, bottom), (left, right) = land.rowcol(np.array([x_min, x_max]), np.array([y_max, y_min]))
            home[place] = top, bottom + 1, left, right + 1
    return home
