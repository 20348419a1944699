"""The five great rivers and the Na Hang reservoir: their rough courses are real, bends and bed heights are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer

from covplan.sample.communes import CRS, commune_points
from covplan.sample.noise import cubic, spline_noise
from covplan.sample.published import facts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.transform import Affine

WIDE = {"Lô", "Gâm"}  # two cells across, about 180 m; the others one
BEND_SPACING_M, BEND_M = 1_800.0, 450.0
BEND_SEED = 77  # rivers stay where they are, whatever the seed of the relief
STEP_M = 25.0
CLEAR_OF_CENTRES_M = 300.0  # the commune points are real, these bends are not: they give way
DAM_LON_LAT = (105.39, 22.37)
RESERVOIR_LEVEL_M = 120.0  # normal level of the Tuyên Quang hydropower reservoir (published, about 8,000 ha)


def river_beds(transform: Affine, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bed heights (m) of the great rivers on a grid in EPSG:9211, falling downstream; infinite off the rivers."""
    bed_m = np.full(shape, np.inf)
    for number, name in enumerate(dict.fromkeys(row["river"] for row in facts("rivers"))):
        x, y, height_m = _course(name, number)
        column = np.floor((x - transform.c) / transform.a).astype(np.int64)
        row = np.floor((y - transform.f) / transform.e).astype(np.int64)
        width = range(2 if name in WIDE else 1)
        for down in width:
            for right in width:
                r, c = row + down, column + right
                on_grid = (r >= 0) & (r < shape[0]) & (c >= 0) & (c < shape[1])
                np.minimum.at(bed_m, (r[on_grid], c[on_grid]), height_m[on_grid])
    return bed_m


def _course(name: str, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """x, y and bed height every few metres along a river, source first."""
    points = [row for row in facts("rivers") if row["river"] == name]
    lon, lat, bed_m = (np.array([float(row[key]) for row in points]) for key in ("lon", "lat", "bed_m"))
    knots = np.column_stack(Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(lon, lat)).round(1)
    lengths = np.sqrt(((knots[1:] - knots[:-1]) ** 2).sum(1))
    along_m = np.arange(0.0, lengths.sum(), STEP_M)
    position = np.interp(along_m, np.concatenate([[0.0], np.cumsum(lengths)]), np.arange(len(points)))
    ends = np.minimum(1.0, np.minimum(along_m, along_m[-1] - along_m) / 3_000.0)  # straight where rivers meet
    x, y = (
        cubic(knots, position, np.full_like(position, axis))
        + BEND_M * ends * spline_noise(along_m, np.array([9e4 * number + 3e4 * axis]), BEND_SPACING_M, BEND_SEED)[0]
        for axis in (0, 1)
    )
    x, y = _clear_of_centres(x, y)
    steps = np.sqrt(np.diff(x) ** 2 + np.diff(y) ** 2)
    passed_m = np.concatenate([[0.0], np.cumsum(steps)])
    even_m = np.arange(0.0, passed_m[-1], STEP_M)
    height_m = np.interp(position, np.arange(len(points)), bed_m)
    # Once more: a bend thrown to both sides of a centre is joined across it.
    x, y = _clear_of_centres(np.interp(even_m, passed_m, x), np.interp(even_m, passed_m, y))
    return x, y, np.interp(even_m, passed_m, height_m).round(2)


def _clear_of_centres(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The course bent around the points of the communes."""
    for point in commune_points().geometry:
        east, north = x - point.x, y - point.y
        distance_m = np.maximum(np.sqrt(east * east + north * north), 1.0)
        away = np.maximum(CLEAR_OF_CENTRES_M / distance_m, 1.0)
        x, y = point.x + east * away, point.y + north * away
    return x, y
