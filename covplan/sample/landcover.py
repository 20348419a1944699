"""Synthetic land cover in ESA WorldCover classes, from slope, height above the valley and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import minimum_filter

from covplan.sample.noise import spline_noise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from rasterio.transform import Affine

TREE, SHRUB, GRASS, CROPLAND, BUILT_UP, WATER = 10, 20, 30, 40, 50, 80
# Chosen so that about 63 % of the province is tree cover (assumption; reported forest cover is a little over 65 %).
FIELD_SLOPE, FIELD_ABOVE_VALLEY_M = 0.15, 45.0  # rise over run
VALLEY_WINDOW_M = 1_500.0
PATCH_M = 700.0
SHRUB_FROM, GRASS_FROM = 1.0, 1.5  # deviations of the patch noise
RAGGED = 0.25  # of a settlement's radius


def land_cover(
    elevation_m: NDArray[np.int16],
    water: NDArray[np.bool_],
    transform: Affine,
    seed: int,
    settlements: Iterable[tuple[float, float, float]] = (),
    fields: Iterable[tuple[float, float, float]] = (),
) -> NDArray[np.uint8]:
    """Synthetic land cover: fields on flat low ground and around houses, built-up towns, trees on the rest.

    Parameters
    ----------
    elevation_m, water : ndarray, shape (rows, columns)
        Of `covplan.sample.relief.relief`.
    transform : Affine
        Of their north-up grid, metres.
    seed : int
        Of the patches.
    settlements, fields : iterable of (x, y, radius)
        Metres; cells within about the radius are built up, or tilled where trees stood.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
        ESA WorldCover classes: 10 tree, 20 shrub, 30 grass, 40 cropland, 50 built-up, 80 water.
    """
    x = transform.c + transform.a * (np.arange(elevation_m.shape[1]) + 0.5)
    y = transform.f + transform.e * (np.arange(elevation_m.shape[0]) + 0.5)
    height_m = elevation_m.astype(np.float64)
    fall_y, fall_x = np.gradient(height_m, transform.a)
    slope = np.round(np.sqrt(fall_x * fall_x + fall_y * fall_y), 6)
    window = 2 * round(VALLEY_WINDOW_M / transform.a / 2) + 1
    above_valley_m = height_m - minimum_filter(height_m, size=window)
    patch = np.round(spline_noise(x, y, PATCH_M, seed * 100 + 70), 6)
    mosaic = np.round(spline_noise(x, y, PATCH_M / 2, seed * 100 + 71), 6)
    cover = np.full(elevation_m.shape, TREE, np.uint8)
    cover[patch > SHRUB_FROM] = SHRUB
    cover[patch > GRASS_FROM] = GRASS
    ease = 1 + 0.3 * mosaic  # some good ground stays wooded, some poorer ground is tilled
    cover[(slope < FIELD_SLOPE * ease) & (above_valley_m < FIELD_ABOVE_VALLEY_M * ease)] = CROPLAND
    for x_m, y_m, radius_m in fields:
        around, inside = _disc(x, y, (x_m, y_m, radius_m), mosaic)
        cover[around] = np.where(inside & (cover[around] == TREE), CROPLAND, cover[around])
    for x_m, y_m, radius_m in settlements:
        around, inside = _disc(x, y, (x_m, y_m, radius_m), mosaic)
        cover[around] = np.where(inside, BUILT_UP, cover[around])
    cover[water] = WATER
    return cover


def _disc(
    x: NDArray[np.float64], y: NDArray[np.float64], disc: tuple[float, float, float], mosaic: NDArray[np.float64]
) -> tuple[tuple[NDArray[Any], ...], NDArray[np.bool_]]:
    """Cells around a disc with ragged edges, and which of them are inside."""
    x_m, y_m, radius_m = disc
    around = np.ix_(np.abs(y - y_m) <= 2 * radius_m, np.abs(x - x_m) <= 2 * radius_m)
    east, north = x[around[1][0]] - x_m, y[around[0][:, 0]] - y_m
    distance_m = np.sqrt((east * east)[None, :] + (north * north)[:, None])
    return around, distance_m <= radius_m * (1 + RAGGED * mosaic[around])
