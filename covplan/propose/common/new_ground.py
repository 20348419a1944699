"""New ground for masts: the highest good places that see whom nobody serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from covplan.propose.common.heights import elevations_m, slope_deg
from covplan.propose.common.roads import nearest_road_m, powered
from covplan.propose.common.zones import a1_only, by_area, in_town
from covplan.study.boundaries import communes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.study.boundaries import Version
    from covplan.study.grid import Grid
    from covplan.study.settings import Propose, Rule
    from covplan.terrain.ground import Ground

BLOCK_M = 300.0  # new ground: one candidate, the highest good cell, in each square of this side
SIGHT_STEPS = 48  # samples of a line of sight
PER_TARGET = 30  # candidates kept for each target, by the loss they are likely to have to it
NEAR_M = (250.0, 700.0)  # radii around a hamlet within which the highest cell is a candidate of its own


@dataclass(frozen=True)
class Territory:
    """What lies where new ground is looked for."""

    ground: Ground
    roads: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame
    version: Version
    headquarters: gpd.GeoSeries
    """Points around which only non-bulky structures are allowed."""
    masts: NDArray[np.float64]
    """That stand: shape (masts, 2), study CRS."""


def new_ground(
    targets: NDArray[np.float64],
    territory: Territory,
    rules: Sequence[Rule],
    propose: Propose,
    *,
    reach_m: float,
    antenna_m: float,
    keep: NDArray[np.int64] | int = PER_TARGET,
) -> pd.DataFrame:
    """New ground for masts: the highest good cell of each square, kept when it is likely to serve somebody.

    A cell is good when it is on known terrain inside the communes, not too steep, near enough to a road (without a
    layer of roads all ground is taken as roadless), far enough from masts that stand (rule `min_spacing`) and where
    bulky masts are allowed (`a1_only_radius`). Of these and of the highest good cells beside each target the ones are
    kept that have, for some target, one of its `keep` smallest
    losses by free space and one knife edge.

    Parameters
    ----------
    targets : ndarray, shape (targets, 2)
        Points nobody serves, study CRS.
    antenna_m : float
        Of the line of sight, above ground.
    keep : int or ndarray of int, shape (targets,)
        Candidates kept for each target.

    Returns
    -------
    DataFrame
        x_m, y_m, ground_m, road_m, urban, power_m (to a road with power), target_m (to the nearest one).
    """
    if not len(targets):
        return pd.DataFrame(columns=["x_m", "y_m", "ground_m", "road_m", "urban", "power_m", "target_m"])
    table = _high_cells(targets, territory, propose, reach_m)
    table = table[_allowed(table, territory, rules, propose)].reset_index(drop=True)
    at = np.column_stack([table["x_m"], table["y_m"]])
    kept = likely(at, targets, territory.ground, reach_m=reach_m, antenna_m=antenna_m, keep=keep)
    table, at = table.iloc[kept].reset_index(drop=True), at[kept]
    table["power_m"] = nearest_road_m(at[:, 0], at[:, 1], powered(territory.roads))
    table["target_m"] = cKDTree(targets).query(at)[0] if len(at) else np.empty(0)
    return table


def _high_cells(targets: NDArray[np.float64], territory: Territory, propose: Propose, reach_m: float) -> pd.DataFrame:
    """Highest cells of squares and beside targets, not too steep, each once: x_m, y_m, ground_m, road_m, urban."""
    ground = territory.ground
    height_m = np.where(slope_deg(ground) <= propose.slope_deg, ground.elevation_m, -np.inf)  # −∞ also where not known
    row, column = _highest_of_squares(targets, height_m, ground.grid, reach_m)
    beside = _highest_beside(targets, height_m, ground.grid)
    row, column = np.concatenate([row, beside[0]]), np.concatenate([column, beside[1]])
    first = np.unique(row * ground.grid.columns + column, return_index=True)[1]
    row, column = row[first], column[first]
    x, y = ground.grid.xy(row, column)
    table = pd.DataFrame({"x_m": x, "y_m": y, "ground_m": height_m[row, column]})
    table["road_m"] = nearest_road_m(x, y, territory.roads)
    table["urban"] = in_town(x, y, territory.communes, territory.version)
    return table


def _allowed(table: pd.DataFrame, territory: Territory, rules: Sequence[Rule], propose: Propose) -> NDArray[np.bool_]:
    """Whether a bulky mast may stand there: inside the communes, near a road, where the rules allow it."""
    x, y = table["x_m"].to_numpy(float), table["y_m"].to_numpy(float)
    points = gpd.GeoSeries.from_xy(x, y, crs=territory.communes.crs)
    inside = np.zeros(len(table), dtype=bool)
    inside[communes_of(territory.communes, territory.version).sindex.query(points, predicate="within")[0]] = True
    near_road = (table["road_m"].to_numpy(float) <= propose.road_m) | territory.roads.empty
    good: NDArray[np.bool_] = near_road & inside
    good &= ~a1_only(x, y, territory.headquarters, rules)
    if len(territory.masts):
        apart_m = cKDTree(territory.masts).query(np.column_stack([x, y]))[0]
        good &= apart_m >= by_area(table["urban"].to_numpy(bool), rules, "min_spacing")
    return good


def likely(
    at: NDArray[np.float64],
    targets: NDArray[np.float64],
    ground: Ground,
    *,
    reach_m: float,
    antenna_m: float,
    keep: NDArray[np.int64] | int = PER_TARGET,
) -> NDArray[np.int64]:
    """Candidates that have, for some target, one of its `keep` smallest losses by free space and one knife edge.

    The knife edge (P.526 §4.1) is the highest point over the straight line. An estimate for choosing whom to compute in
    full.
    """
    if not len(at):
        return np.empty(0, dtype=np.int64)
    tree = cKDTree(at)
    kept: set[int] = set()
    for target, most in zip(targets, np.broadcast_to(keep, len(targets)), strict=True):
        near = np.array(tree.query_ball_point(target, reach_m), dtype=np.int64)
        if near.size:
            loss_db = _sight_loss(at[near], target, ground, antenna_m)
            kept.update(near[np.argsort(loss_db, kind="stable")[:most]].tolist())
    return np.array(sorted(kept), dtype=np.int64)


def _sight_loss(
    at: NDArray[np.float64], target: NDArray[np.float64], ground: Ground, antenna_m: float
) -> NDArray[np.float64]:
    """Loss at 800 MHz relative to 1 km in the open: 20 log d, and the knife edge that is worst."""
    share = np.linspace(0.0, 1.0, SIGHT_STEPS)
    x = at[:, :1] + share * (target[0] - at[:, :1])
    y = at[:, 1:] + share * (target[1] - at[:, 1:])
    height_m = elevations_m(ground, x, y)
    away_m = np.maximum(np.hypot(at[:, 0] - target[0], at[:, 1] - target[1]), 30.0)
    line_m = height_m[:, :1] + antenna_m + share * (height_m[:, -1:] + 1.5 - height_m[:, :1] - antenna_m)
    inner = slice(1, -1)
    over_m = (height_m - line_m)[:, inner]
    near, far = share[inner] * away_m[:, None], (1 - share[inner]) * away_m[:, None]
    wave_m = 299.8 / 800.0
    worst = np.nanmax(over_m * np.sqrt(2.0 * away_m[:, None] / (wave_m * near * far)), axis=1)
    edge = np.maximum(worst, -0.78)
    edge_db = 6.9 + 20.0 * np.log10(np.sqrt((edge - 0.1) ** 2 + 1.0) + edge - 0.1)
    loss: NDArray[np.float64] = 20.0 * np.log10(away_m / 1000.0) + np.where(worst > -0.78, edge_db, 0.0)
    return np.where(np.isnan(loss), np.inf, loss)


def _highest_of_squares(
    targets: NDArray[np.float64], height_m: NDArray[np.float32], grid: Grid, reach_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Highest cell of every square of side `BLOCK_M` within reach of a target."""
    side = max(round(BLOCK_M / grid.cell_m), 1)
    rows, columns = (-(-size // side) for size in grid.shape)
    padded = np.full((rows * side, columns * side), -np.inf, dtype=np.float32)
    padded[: grid.rows, : grid.columns] = height_m
    squares = padded.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    best = squares.argmax(axis=2)
    row = np.arange(rows)[:, None] * side + best // side
    column = np.arange(columns) * side + best % side
    x, y = grid.xy(row, column)
    within = cKDTree(targets).query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=reach_m)[0]
    keep = np.isfinite(squares.max(axis=2)) & np.isfinite(within).reshape(row.shape)
    return row[keep], column[keep]


def _highest_beside(
    targets: NDArray[np.float64], height_m: NDArray[np.float32], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Highest cells within some hundred metres of each target."""
    rows, columns = [], []
    for x, y in targets:
        for radius_m in NEAR_M:
            window = grid.window(float(x), float(y), radius_m)
            heights = height_m[window]
            if heights.size and np.isfinite(heights).any():
                row, column = np.unravel_index(int(heights.argmax()), heights.shape)
                rows.append(int(row) + window[0].start)
                columns.append(int(column) + window[1].start)
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
