"""Synthetic land cover in ESA WorldCover classes, from slope, height above the valley and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
) -> NDArray[np.uint8]:
    """Synthetic land cover: fields on flat low ground, built-up discs with ragged edges, trees on the rest.

    Parameters
    ----------
    elevation_m, water : ndarray, shape (rows, columns)
        Of `covplan.sample.relief.relief`.
    transform : Affine
        Of their north-up grid, metres.
    seed : int
        Of the patches.
    settlements : iterable of (x, y, radius)
        Metres; cells within about the radius are built up.

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
    for centre_x, centre_y, radius_m in settlements:
        reach_m = 2 * radius_m
        window_2d = np.ix_(np.abs(y - centre_y) <= reach_m, np.abs(x - centre_x) <= reach_m)
        east, north = x[window_2d[1][0]] - centre_x, y[window_2d[0][:, 0]] - centre_y
        distance_m = np.sqrt((east * east)[None, :] + (north * north)[:, None])
        built = distance_m <= radius_m * (1 + RAGGED * mosaic[window_2d])
        cover[window_2d] = np.where(built, BUILT_UP, cover[window_2d])
    cover[water] = WATER
    return cover
