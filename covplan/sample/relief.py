"""Synthetic relief with the measured statistics of the real one: coarse real heights, invented hills, carved valleys.

Real are the heights on cells of about 9 km, the points of the communes and, within 2 km, the course of the five great
rivers. Every hill, ridge and side valley is invented: noise of the measured variogram, cut by running water until
ridges and valleys branch as they do in nature, then brought to the measured distribution of heights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

from covplan.sample.communes import CRS, commune_points
from covplan.sample.drainage import Relief, breached, flow, incised, upstream_cells
from covplan.sample.noise import cubic, spline_noise
from covplan.sample.published import facts
from covplan.sample.watercourses import DAM_LON_LAT, RESERVOIR_LEVEL_M, river_beds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rasterio.transform import Affine

    Array = NDArray[np.float64]

# Everything below was tuned until the statistics measured on the real SRTM south of 22° N came out (see the tests).
# Lattice spacing (m), height (m), how ridged (0 round, 1 sharp crests).
OCTAVES = (
    (9_000.0, 176.0, 0.0),
    (4_500.0, 135.0, 0.5),
    (2_200.0, 88.0, 0.7),
    (1_100.0, 57.0, 0.7),
    (550.0, 42.0, 0.5),
    (270.0, 23.0, 0.0),
    (140.0, 8.0, 0.0),
)
CREST, CREST_DEVIATION = 0.8, 0.6  # mean and deviation of |noise|: a crest has mean 0 and deviation 1, too
COARSE_M, ROUGHNESS = (0.0, 60.0, 150.0, 300.0, 700.0), (0.35, 0.7, 1.0, 1.05, 1.1)
VALLEY_RADIUS_M, VALLEY_DEPTH_M = 2_200.0, 120.0  # a commune's centre lies low
CENTRE_FLATTENED = 0.45  # share of a centre's height above the lowest ground near it that is taken away
DRY_HOLLOW = 0.9  # of the weight around a centre: within about 500 m
RIVERSIDE_M, RIVERSIDE_FLATTENED = 1_600.0, 0.5  # of the height above the river
EROSION_STEPS, INCISION, UPLIFT_M, JITTER_M = 6, 0.1, 8.0, 4.0
STILL_FILLED = 0.03  # share of a pit's depth that sediment fills; the rest is cut through its rim
CREEP_CELLS = 0.43  # soil creep per step
AVERAGE_M = 3_500.0  # over which the mean height is held to the coarse real one
FLOOR_M, LOWEST_M = 12.0, 15.0
# Monotone map of heights to the measured distribution (1 … 95 % of the south window), straight on above.
CARVED_M = (12.0, 22.0, 31.0, 56.0, 99.0, 180.0, 375.0, 517.0, 900.0, 1_700.0)
REAL_M = (15.0, 19.0, 26.0, 49.0, 91.0, 214.0, 468.0, 652.0, 1_100.0, 2_460.0)


def relief(transform: Affine, shape: tuple[int, int], seed: int) -> Relief:
    """Synthetic relief with the measured statistics of the real one, on a north-up grid of about 90 m in EPSG:9211.

    Parameters
    ----------
    transform : Affine
        Of the grid, metres; square cells. Valleys drain to the rivers and the rim, so leave a margin of about 5 km.
    shape : tuple of int
        Rows, columns.
    seed : int
        Of all chance in it.
    """
    x = transform.c + transform.a * (np.arange(shape[1]) + 0.5)
    y = transform.f + transform.e * (np.arange(shape[0]) + 0.5)
    coarse_m = coarse_heights(x, y)
    roughness = np.interp(coarse_m, COARSE_M, ROUGHNESS)
    bed_m = river_beds(transform, shape)
    river = np.isfinite(bed_m)
    hills_m = coarse_m + roughness * (_hills(x, y, seed) - VALLEY_DEPTH_M * _commune_hollows(x, y))
    start_m = np.where(river, bed_m, np.maximum(hills_m, FLOOR_M + 2))
    carved_m = _eroded(start_m, river, roughness, x, y, seed)
    cells = max(1, round(900.0 / transform.a))
    level = _low(coarse_m, x, y, cells) / _low(carved_m, x, y, cells)
    held_m = FLOOR_M + np.maximum(carved_m - FLOOR_M, 1) * level.clip(0.2, 2)
    real_m = np.where(river, bed_m, np.maximum(np.interp(held_m, CARVED_M, REAL_M), LOWEST_M))
    valleys_m = _with_riversides(real_m, river, transform.a)
    height_cm = _centimetres(np.where(river, bed_m, valleys_m - _lowering_at_centres(valleys_m, x, y)))
    order, receiver, _ = flow(height_cm, river)
    drained_m = np.where(river, bed_m, breached(height_cm, river, order, receiver) / 100)
    lake = _reservoir(drained_m, x, y)
    dry = lake & (_commune_hollows(x, y) > DRY_HOLLOW)  # a centre keeps its feet dry
    water = river | (lake & ~dry)
    flooded_m = np.where(lake, RESERVOIR_LEVEL_M + np.where(dry, 2, 0), np.maximum(drained_m, LOWEST_M))
    _, _, filled_cm = flow(_centimetres(flooded_m), water)  # a few hollows below the dam drained through the lake
    return Relief(np.floor(filled_cm / 100 + 0.5).astype(np.int16), water)


def coarse_heights(x: Array, y: Array) -> Array:
    """Real heights of about 9 km cells (facts/relief.csv), bicubic, at columns `x` and rows `y` in EPSG:9211 metres.

    The package names no cell registration. The table has its cells 0.75 of a cell further east and 0.25 further south
    than a grid from 180° W, 90° N: there they fit the real SRTM best (correlation 0.98 with its 9 km average).
    """
    rows = facts("relief")
    west, north = min(float(row["lon"]) for row in rows), max(float(row["lat"]) for row in rows)
    columns = len({row["lon"] for row in rows})
    table = np.array([float(row["elevation_m"]) for row in rows]).reshape(-1, columns)
    knots_x, knots_y = _knots(x), _knots(y)
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*np.meshgrid(knots_x, knots_y))
    height_m = cubic(table, (north - lat) * 12, (lon - west) * 12)
    return _bilinear(np.round(height_m, 3), knots_x, knots_y, x, y)


def _hills(x: Array, y: Array, seed: int) -> Array:
    total = np.zeros((y.size, x.size))
    for octave, (spacing_m, height_m, ridged) in enumerate(OCTAVES):
        noise = spline_noise(x, y, spacing_m, seed * 100 + octave)
        crests = (CREST - np.abs(noise)) / CREST_DEVIATION
        total += height_m * ((1 - ridged) * noise + ridged * crests)
    return total


def _commune_hollows(x: Array, y: Array) -> Array:
    """1 at the points of the communes, falling smoothly to 0 at the valley radius."""
    hollow = np.zeros((y.size, x.size))
    for window, depth in _hollows(x, y):
        hollow[window] = np.maximum(hollow[window], depth)
    return hollow


def _lowering_at_centres(height_m: Array, x: Array, y: Array) -> Array:
    """How far the ground comes down towards the lowest near each commune's point (m)."""
    lowering_m = np.zeros(height_m.shape)
    for window, depth in _hollows(x, y):
        nearby_m = height_m[window]
        above_floor_m = nearby_m - nearby_m.min()
        lowering_m[window] = np.maximum(lowering_m[window], CENTRE_FLATTENED * depth * above_floor_m)
    return lowering_m


def _hollows(x: Array, y: Array) -> Iterator[tuple[tuple[NDArray[np.int64], ...], Array]]:
    """For each commune's point on the grid: the cells around it, and a smooth weight from 1 at the point to 0."""
    for point in commune_points().geometry:
        rows = np.flatnonzero(np.abs(y - point.y) < VALLEY_RADIUS_M)
        columns = np.flatnonzero(np.abs(x - point.x) < VALLEY_RADIUS_M)
        if rows.size and columns.size:
            east, north = (x[columns] - point.x) / VALLEY_RADIUS_M, (y[rows] - point.y) / VALLEY_RADIUS_M
            depth = np.maximum(1 - (east * east)[None, :] - (north * north)[:, None], 0)
            yield np.ix_(rows, columns), depth * depth


def _with_riversides(height_m: Array, river: NDArray[np.bool_], cell_m: float) -> Array:
    """Heights brought down towards the nearest great river beside it: a valley for it to flow in."""
    if not river.any():
        return height_m
    cells, nearest = distance_transform_edt(~river, return_indices=True)
    closeness = np.maximum(1 - cells * cell_m / RIVERSIDE_M, 0)
    above_river_m = np.maximum(height_m - height_m[tuple(nearest)], 0)
    return np.asarray(height_m - RIVERSIDE_FLATTENED * closeness * above_river_m)


def _eroded(height_m: Array, river: NDArray[np.bool_], roughness: Array, x: Array, y: Array, seed: int) -> Array:
    """Heights after running water has cut its valleys down to the rivers, while the land rises a little."""
    height_cm = _centimetres(height_m)
    nothing_kept = np.zeros_like(river)
    for step in range(EROSION_STEPS):
        unrest = JITTER_M * spline_noise(x, y, 200.0, seed * 100 + 50 + step)
        height_cm = np.where(river, height_cm, _centimetres(np.maximum(height_cm / 100 + roughness * unrest, FLOOR_M)))
        order, receiver, filled_cm = flow(height_cm, river)
        cut_cm = breached(height_cm, nothing_kept, order, receiver)
        open_cm = cut_cm + np.round(STILL_FILLED * (filled_cm - cut_cm)).astype(np.int64)
        risen_cm = open_cm + np.where(river, 0, _centimetres(UPLIFT_M * roughness))
        lower_cm = incised(risen_cm, order, receiver, upstream_cells(order, receiver), INCISION)
        crept_cm = np.round(gaussian_filter(lower_cm.astype(np.float64), CREEP_CELLS)).astype(np.int64)
        height_cm = np.where(river, height_cm, crept_cm)
    return height_cm / 100


def _reservoir(height_m: Array, x: Array, y: Array) -> NDArray[np.bool_]:
    """The ground below the level of the Na Hang reservoir that its dam would drown."""
    dam_x, dam_y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*DAM_LON_LAT)
    near = ((x > dam_x - 25_000) & (x < dam_x + 40_000))[None, :] & ((y > dam_y) & (y < dam_y + 60_000))[:, None]
    pools, count = label(near & (height_m <= RESERVOIR_LEVEL_M), np.ones((3, 3)))
    if count == 0:
        return np.zeros(height_m.shape, bool)
    return np.asarray(pools == 1 + np.argmax(np.bincount(pools.ravel())[1:]))


def _centimetres(height_m: Array) -> NDArray[np.int64]:
    return np.floor(height_m * 100 + 0.5).astype(np.int64)


def _low(height_m: Array, x: Array, y: Array, cells: int) -> Array:
    """The smooth part of the heights, taken on blocks of `cells` × `cells`."""
    rows, columns = y.size // cells, x.size // cells
    blocks = height_m[: rows * cells, : columns * cells].reshape(rows, cells, columns, cells).mean((1, 3))
    block_m = cells * (x[1] - x[0])
    smooth = np.round(gaussian_filter(blocks, AVERAGE_M / block_m), 3)
    knots_x, knots_y = (axis[: n * cells].reshape(n, cells).mean(1) for axis, n in ((x, columns), (y, rows)))
    return _bilinear(smooth, knots_x, knots_y, x, y)


def _knots(axis: Array) -> Array:
    return np.linspace(axis[0], axis[-1], max(2, axis.size // 10))


def _bilinear(table: Array, knots_x: Array, knots_y: Array, x: Array, y: Array) -> Array:
    column, across = _between(knots_x, x)
    row, down = _between(knots_y, y)
    along = table[:, column] * (1 - across) + table[:, column + 1] * across
    return np.asarray(along[row] * (1 - down[:, None]) + along[row + 1] * down[:, None])


def _between(knots: Array, axis: Array) -> tuple[NDArray[np.int64], Array]:
    position = ((axis - knots[0]) / (knots[1] - knots[0])).clip(0, knots.size - 1)
    first = np.floor(position).astype(np.int64).clip(0, knots.size - 2)
    return first, position - first
