"""Where the people of each hamlet live: a main cluster at the culture house, others on low ground; and the raster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.sample.chance import apportioned, scattered, stream
from covplan.sample.habitat import habitat
from covplan.sample.settlements import EPSG

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.transform import Affine

MOST_CLUSTERS = 9
HOUSEHOLDS_PER_CLUSTER = 35  # median, assumption: a scattered mountain hamlet has three to five clusters
CLUSTER_SPREAD = 0.6  # standard deviation of the logarithm of a cluster's size
MAIN_REACH_DM, REACH_DM, APART_DM = 1_500, 15_000, 2_000
DARTS, MAIN_DARTS = 160, 24
CLUSTER_STEP = 5
PROVENANCE = "mô phỏng: vị trí và số hộ từng cụm; tổng bằng số hộ của thôn"
KERNEL = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])  # how a cluster's people spread over its own and the cells around


def dwelling_clusters(
    villages: gpd.GeoDataFrame,
    elevation_m: NDArray[np.float32],
    cover: NDArray[np.uint8],
    transform: Affine,
    seed: int,
) -> gpd.GeoDataFrame:
    """The dwellings layer: one to nine points per hamlet whose households add up to the hamlet's, EPSG:9211.

    The main cluster lies within 150 m of the centre, the others on low slopes of the hamlet, up to 1.5 km off.
    """
    land = habitat(elevation_m, cover, transform)
    centres = gpd.GeoSeries.from_xy(villages["centre_lon"], villages["centre_lat"], crs=4326).to_crs(EPSG)
    centre_dm = np.round(shapely.get_coordinates(centres.values) * 10).astype(np.int64)
    rng = stream(seed, CLUSTER_STEP)
    darts = _darts(centre_dm, villages.geometry.to_numpy(), rng)
    sizes = rng.lognormal(0.0, CLUSTER_SPREAD, (len(villages), MOST_CLUSTERS)).round(6)
    rows = []
    for i, (village_id, households) in enumerate(zip(villages["village_id"], villages["households"], strict=True)):
        x_dm, y_dm = darts[0][i], darts[1][i]
        weight = land.suitability[land.rowcol(x_dm / 10, y_dm / 10)]
        wanted = min(MOST_CLUSTERS, max(1, round(households / HOUSEHOLDS_PER_CLUSTER * float(sizes[i, 0]))))
        chosen = _clusters(x_dm, y_dm, weight, wanted, rng)
        share = sizes[i, : len(chosen)].copy()
        share[0] = share.sum() + 0.2  # the main cluster has about half of the households
        for number, (j, part) in enumerate(zip(chosen, apportioned(share, households, 1), strict=True), 1):
            rows.append((f"{village_id}-C{number}", village_id, part, x_dm[j] / 10, y_dm[j] / 10))
    table = pd.DataFrame(rows, columns=["dwelling_id", "village_id", "households", "x", "y"])
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"), crs=EPSG)
    return gpd.GeoDataFrame(table.assign(synthetic=True, provenance=PROVENANCE), geometry=points)


def population_raster(
    dwellings: gpd.GeoDataFrame, villages: gpd.GeoDataFrame, transform: Affine, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Persons per cell on a north-up grid, in whole hundredths; the sum is the population of the hamlets.

    A cluster's people are its hamlet's, in proportion to households, spread over its cell and the eight around it.
    """
    hundredths = np.zeros((shape[0] + 2, shape[1] + 2), np.int64)
    people = dict(zip(villages["village_id"], villages["population"].tolist(), strict=True))
    for village_id, clusters in dwellings.groupby("village_id", sort=True):
        parts = apportioned(clusters["households"].to_numpy(), 100 * people[village_id])
        column = (
            np.floor((clusters.geometry.x.to_numpy() - transform.c) / transform.a).astype(int).clip(0, shape[1] - 1)
        )
        row = np.floor((clusters.geometry.y.to_numpy() - transform.f) / transform.e).astype(int).clip(0, shape[0] - 1)
        for r, c, part in zip(row.tolist(), column.tolist(), parts, strict=True):
            spread = KERNEL * part // KERNEL.sum()
            spread[1, 1] += part - spread.sum()
            hundredths[r : r + 3, c : c + 3] += spread
    return (_folded(hundredths) / 100).astype(np.float32)


def _folded(padded: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without the border of one cell, whose people go to the cells beside it."""
    padded[1], padded[-2] = padded[1] + padded[0], padded[-2] + padded[-1]
    padded[:, 1], padded[:, -2] = padded[:, 1] + padded[:, 0], padded[:, -2] + padded[:, -1]
    return padded[1:-1, 1:-1]


def _darts(
    centre_dm: NDArray[np.int64], polygons: NDArray[np.object_], rng: np.random.Generator
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Random points of each hamlet's polygon around its centre, decimetres: the centre, near ones, far ones."""
    number = len(polygons)
    reach_dm = np.minimum(REACH_DM, 8 * np.sqrt(shapely.area(polygons))).astype(np.int64)[:, None]
    near = rng.integers(-MAIN_REACH_DM, MAIN_REACH_DM + 1, (2, number, MAIN_DARTS))
    unit = rng.integers(-10_000, 10_001, (2, number, DARTS))
    far = unit * reach_dm // 10_000
    offset = np.concatenate([np.zeros((2, number, 1), np.int64), near, far], axis=2)
    inside = np.concatenate([near, unit], axis=2)
    limit = np.repeat([MAIN_REACH_DM, 10_000], [MAIN_DARTS, DARTS])
    kept = np.ones((number, 1 + MAIN_DARTS + DARTS), bool)
    kept[:, 1:] = inside[0] ** 2 + inside[1] ** 2 <= limit**2
    x_dm, y_dm = centre_dm[:, 0, None] + offset[0], centre_dm[:, 1, None] + offset[1]
    shapely.prepare(polygons)
    kept &= shapely.contains_xy(polygons[:, None], x_dm / 10, y_dm / 10)
    kept[:, 0] = True
    return [x[k] for x, k in zip(x_dm, kept, strict=True)], [y[k] for y, k in zip(y_dm, kept, strict=True)]


def _clusters(
    x_dm: NDArray[np.int64], y_dm: NDArray[np.int64], weight: NDArray[np.float64], wanted: int, rng: np.random.Generator
) -> list[int]:
    """Indices of the main cluster, on the best ground near the first point, and of up to `wanted` - 1 others."""
    from_centre = (x_dm - x_dm[0]) ** 2 + (y_dm - y_dm[0]) ** 2
    main = int(np.argmax(np.where(from_centre <= MAIN_REACH_DM**2, weight, -1.0)))
    apart = (x_dm - x_dm[main]) ** 2 + (y_dm - y_dm[main]) ** 2 >= APART_DM**2
    return [main, *scattered(x_dm, y_dm, np.where(apart, weight, 0.0), wanted - 1, APART_DM, rng)]
