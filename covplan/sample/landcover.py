"""Synthetic land cover in ESA WorldCover classes on 30 m cells: wooded hills, fields in the valleys, mixed hamlets.

What is known of the real cover are sums. Forest was to cover more than 65 % of the province in 2024 (Vietnam News
Agency); in 2013 annual crops held 8.2 % of it, perennial ones 5.65 %, and forestry land, with and without trees on it,
76.1 % (the province's department of natural resources and environment). Shared by the 198,175 households of 2015 these
are 0.24 ha of annual and 0.17 ha of perennial crops each: so much ground is tilled for a house. Of the homegardens of
Cao Ngỗi, a village of the province, most have more than half of their ground under several layers of trees and shrubs
(Timsuksai, Nguyen and Rambo 2015). Where each stands, and the shares of `AT_HOME` and `IN_TOWN`, are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import minimum_filter

from covplan.sample.noise import spline_noise
from covplan.sample.published import published

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from rasterio.transform import Affine

    from covplan.sample.drainage import Relief

    Array = NDArray[np.float64]

FINER = 3  # cells on a side of one of the relief's: 30 m
TREE, SHRUB, GRASS, CROPLAND, BUILT_UP, WATER = 10, 20, 30, 40, 50, 80
FIELD_SLOPE, FIELD_ABOVE_VALLEY_M = 0.11, 34.0  # rise over run
VALLEY_WINDOW_M = 1_500.0
# Spacing of the noise of hillsides, copses, gardens and house plots.
PATCH_M, COPSE_M, GARDEN_M, PLOT_M = 700.0, 90.0, 45.0, 30.0
SHRUB_FROM, GRASS_FROM = 1.2, 1.65  # deviations of the patch noise: land for forest on which none stands
COPSE_FROM = 1.0  # of the copse noise: trees and orchards among the fields, a sixth of them
TILLED = 0.55  # share of the ground around a hamlet's gardens that is tilled
HOUSE_M2 = 400.0  # of a household of a hamlet, beside its garden and perennial crops
STEEPEST_FIELD = 0.45
LOT_M2 = 900.0  # of a household of a town
RAGGED = 0.3  # of a settlement's radius
NORMAL = NormalDist()  # about what the noise is
CROPS = ("annual_crops", "perennial_crops")
# Shares of built-up, trees, shrubs and grass, in that order; the rest is tilled.
AT_HOME, IN_TOWN = (0.15, 0.45, 0.10), (0.72, 0.13, 0.05)


@dataclass(frozen=True)
class Home:
    """People who live together: a cluster of a hamlet, or of a town."""

    x_m: float
    y_m: float
    households: int
    town: bool


def home_m2() -> tuple[float, float]:
    """A household's garden with the house, and the ground around it of which `TILLED` is fields, m²: in a hamlet."""
    households = published("households", year=2015)
    annual, perennial = (10_000 * published(crops, year=2013) / households for crops in CROPS)
    return round(HOUSE_M2 + perennial), round(annual / TILLED)


def land_cover(ground: Relief, transform: Affine, seed: int, homes: Iterable[Home] = ()) -> NDArray[np.uint8]:
    """Fields on flat low ground and around hamlets, gardens and houses in the hamlets, trees on the rest.

    Parameters
    ----------
    ground : Relief
        Heights and open water.
    transform : Affine
        Of its north-up grid, metres.
    seed : int
        Of the patches.
    homes : iterable of Home
        Around each, gardens with houses and trees as far as its households need, then fields; in a town houses.

    Returns
    -------
    ndarray of uint8, shape (`FINER` × rows, `FINER` × columns)
        ESA WorldCover classes: 10 tree, 20 shrub, 30 grass, 40 cropland, 50 built-up, 80 water.
    """
    cell_m = transform.a / FINER
    shape = tuple(FINER * side for side in ground.water.shape)
    x = transform.c + cell_m * (np.arange(shape[1]) + 0.5)
    y = transform.f - cell_m * (np.arange(shape[0]) + 0.5)
    slope, above_valley_m = _slope_and_height(ground, transform.a)
    patch, mosaic, copse, garden, plot = (
        np.round(spline_noise(x, y, spacing_m, seed * 100 + 70 + number), 4).astype(np.float32)
        for number, spacing_m in enumerate((PATCH_M, PATCH_M / 2, COPSE_M, GARDEN_M, PLOT_M))
    )
    cover = np.full(shape, TREE, np.uint8)
    edge = patch + np.float32(0.3) * copse
    cover[edge > SHRUB_FROM] = SHRUB
    cover[edge > GRASS_FROM] = GRASS
    ease = 1 + 0.3 * mosaic + 0.15 * copse  # some good ground stays wooded, some poorer ground is tilled
    tilled = (slope < FIELD_SLOPE * ease) & (above_valley_m < FIELD_ABOVE_VALLEY_M * ease) & (copse < COPSE_FROM)
    cover[tilled] = CROPLAND
    near, at_home, in_town = _settled(homes, x, y, mosaic)
    cover[near & (slope < STEEPEST_FIELD) & (copse < NORMAL.inv_cdf(TILLED))] = CROPLAND
    for where, shares in ((at_home, AT_HOME), (in_town, IN_TOWN)):
        cover[where] = _mixed(plot[where], garden[where], shares)
    cover[_spread(ground.water)] = WATER
    return cover


def _slope_and_height(ground: Relief, cell_m: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rise over run, and metres above the lowest ground around, on the finer cells."""
    height_m = ground.elevation_m.astype(np.float64)
    fall_y, fall_x = np.gradient(height_m, cell_m)
    slope = np.asarray(np.round(np.sqrt(fall_x * fall_x + fall_y * fall_y), 6), np.float64)
    window = 2 * round(VALLEY_WINDOW_M / cell_m / 2) + 1
    above_valley_m = height_m - minimum_filter(height_m, size=window)
    return _between(slope), _between(above_valley_m)


def _between(coarse: Array) -> NDArray[np.float32]:
    """Values in proportion between the middles of the coarse cells; beyond the rim's middles those of the rim."""
    values = coarse.astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if one == axis else (0, 0) for one in (0, 1)], mode="edge")
        middle = np.arange(values.shape[axis])
        before, own, after = (np.asarray(padded.take(middle + step, axis), np.float32) for step in (0, 1, 2))
        parts = [np.asarray((one + 2 * own) / 3, np.float32) for one in (before, after)]
        parts.insert(1, own)
        rows, columns = values.shape
        shape = (rows * FINER, columns) if axis == 0 else (rows, columns * FINER)
        values = np.stack(parts, axis + 1).reshape(shape)
    return values


def _spread(coarse: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same on the finer cells."""
    return coarse.repeat(FINER, axis=0).repeat(FINER, axis=1)


def _settled(
    homes: Iterable[Home], x: Array, y: Array, mosaic: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells that are fields around homes if they can be, gardens, and towns."""
    near, at_home, in_town = (np.zeros(mosaic.shape, np.bool_) for _ in range(3))
    garden_m2, field_m2 = home_m2()
    for home in homes:
        if home.town:
            around, inside = _disc(x, y, home, LOT_M2, mosaic)
            in_town[around] |= inside
        else:
            around, inside = _disc(x, y, home, garden_m2 + field_m2, mosaic)
            near[around] |= inside
            around, inside = _disc(x, y, home, garden_m2, mosaic)
            at_home[around] |= inside
    return near, at_home, in_town


def _disc(
    x: Array, y: Array, home: Home, each_m2: float, mosaic: NDArray[np.float32]
) -> tuple[tuple[NDArray[Any], ...], NDArray[np.bool_]]:
    """Cells around a home, and which of them are within a ragged disc with room for its households."""
    radius_m = np.floor(np.sqrt(home.households * each_m2 / np.pi))
    around = np.ix_(np.abs(y - home.y_m) <= 2 * radius_m, np.abs(x - home.x_m) <= 2 * radius_m)
    east, north = x[around[1][0]] - home.x_m, y[around[0][:, 0]] - home.y_m
    distance_m = np.sqrt((east * east)[None, :] + (north * north)[:, None])
    return around, distance_m <= radius_m * (1 + RAGGED * mosaic[around])


def _mixed(
    plot: NDArray[np.float32], garden: NDArray[np.float32], shares: tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Classes of cells in these shares: houses where the plot noise is highest, the rest by the garden noise."""
    built, trees, open_ground = shares
    rest = 1 - built
    cover = np.full(plot.shape, CROPLAND, np.uint8)
    grass = garden < NORMAL.inv_cdf((trees + open_ground) / rest)
    cover[grass] = np.where(plot[grass] < 0, SHRUB, GRASS)
    cover[garden < NORMAL.inv_cdf(trees / rest)] = TREE
    cover[plot > NORMAL.inv_cdf(rest)] = BUILT_UP
    return cover
