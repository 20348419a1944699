"""Where something could be put: structures with room, roofs and poles, new ground that sees whom nobody serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from covplan.propose.common.zones import a1_only, by_area, in_town
from covplan.study.boundaries import communes_of
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    import shapely
    from numpy.typing import NDArray

    from covplan.study.boundaries import Version
    from covplan.study.grid import Grid
    from covplan.study.settings import Propose, Rule
    from covplan.terrain.ground import Ground

SECTION_M = 4.0  # between the operators of a new mast; on structures that stand [propose] section_m
BELOW_TOP_M = 3.0
LEAST_M = {"A1a": 6.0, "A1b": 8.0, "A2a": 6.0, "A2b": 15.0, "A2c": 8.0}  # lowest antenna that is of use, above ground
GUESSED_TENANTS = {"A1a": 1, "A1b": 2, "A2a": 2, "A2b": 2, "A2c": 1}  # where the structure's capacity is not known
CLOSED_OWNERS = re.compile(r"quân đội|quốc phòng|bộ đội|biên phòng|công an|army|police", re.IGNORECASE)
BLOCK_M = 300.0  # new ground: one candidate, the highest good cell, in each square of this side
SIGHT_STEPS = 48  # samples of a line of sight
PER_TARGET = 30  # candidates kept for each target, by the loss they are likely to have to it
NEAR_M = (250.0, 700.0)  # radii around a hamlet within which the highest cell is a candidate of its own


def locations_with_room(stations: gpd.GeoDataFrame, year: int, propose: Propose) -> gpd.GeoDataFrame:
    """One row per location on air: whether another tenant can come, at which height, and why not.

    Columns: location_id, structure, owner, operators (of its stations), fiber, highest_m (its highest antenna), top_m,
    free_heights_m (antenna heights above ground that are free, highest first), free_slots, survey (a certificate is
    missing or old), closed (army, police, restricted), room, room_reason_vi, room_reason_en; geometry is a point.
    """
    rows, points = [], []
    for location, group in stations.groupby("location_id", sort=True):
        first = group.sort_values(["on_air", "station_id"]).iloc[0]
        structure = str(first["structure"])
        top_m = float(first["height_m"]) + _number(first["building_height_m"])
        used = group["antenna_height_m"].dropna().astype(float).to_numpy()
        free = _free_sections(top_m, used, LEAST_M.get(structure, 8.0), propose.section_m)
        tenants = {code for text in group["tenants"].dropna() for code in split_list(text)} | set(group["operator"])
        most = group["max_tenants"].dropna()
        slots = (int(most.max()) if len(most) else GUESSED_TENANTS.get(structure, 1)) - len(tenants)
        closed = bool(group["restricted"].fillna(value=False).any()) or any(
            CLOSED_OWNERS.search(str(owner)) for owner in group["owner"].dropna()
        )
        certificate = group["certificate_year"].dropna()
        survey = certificate.empty or int(certificate.max()) < year - propose.certificate_years
        reason = _refusal(closed=closed, slots=slots, heights=len(free))
        rows.append(
            {
                "location_id": str(location),
                "structure": structure,
                "height_m": float(first["height_m"]),
                "owner": first["owner"],
                "operators": tuple(sorted(set(group["operator"]))),
                "fiber": bool((group["backhaul"] == "fiber").any()),
                "highest_m": float(used.max()) if used.size else top_m - BELOW_TOP_M,
                "top_m": top_m,
                "free_heights_m": tuple(free),
                "free_slots": max(slots, 0),
                "survey": survey,
                "closed": closed,
                "room": not reason[0],
                "room_reason_vi": reason[0],
                "room_reason_en": reason[1],
            }
        )
        points.append(group.geometry.union_all().centroid)
    return gpd.GeoDataFrame(rows, geometry=points, crs=stations.crs)


def new_ground(
    targets: NDArray[np.float64],
    ground: Ground,
    roads: gpd.GeoDataFrame,
    existing: NDArray[np.float64],
    communes: gpd.GeoDataFrame,
    headquarters_at: gpd.GeoSeries,
    rules: Sequence[Rule],
    version: Version,
    propose: Propose,
    *,
    reach_m: float,
    antenna_m: float,
    keep: NDArray[np.int64] | int = PER_TARGET,
    protected: shapely.Geometry | None = None,
) -> pd.DataFrame:
    """New ground for masts: the highest good cell of each square, kept when it is likely to serve somebody.

    A cell is good when it is on known terrain inside the communes, not too steep, near enough to a road, outside
    protected ground, far enough from masts that stand (rule `min_spacing`) and where bulky masts are allowed
    (`a1_only_radius`). Of these and of the highest good cells beside each target the ones are kept that have, for some
    target, one of its `keep` smallest losses by free space and one knife edge.

    Parameters
    ----------
    targets : ndarray, shape (targets, 2)
        Points nobody serves, study CRS.
    existing : ndarray, shape (masts, 2)
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
    height_m = np.where(_slope(ground) <= propose.slope_deg, ground.elevation_m, -np.inf)  # −∞ also where not known
    row, column = _highest_of_squares(targets, height_m, ground.grid, reach_m)
    beside = _highest_beside(targets, height_m, ground.grid)
    row, column = np.concatenate([row, beside[0]]), np.concatenate([column, beside[1]])
    first = np.unique(row * ground.grid.columns + column, return_index=True)[1]
    row, column = row[first], column[first]
    x, y = ground.grid.xy(row, column)
    table = pd.DataFrame({"x_m": x, "y_m": y, "ground_m": height_m[row, column]})
    table["road_m"] = nearest_road_m(x, y, roads)
    table["urban"] = in_town(x, y, communes, version)
    inside = np.zeros(len(table), dtype=bool)
    points = gpd.GeoSeries.from_xy(x, y, crs=communes.crs)
    inside[communes_of(communes, version).sindex.query(points, predicate="within")[0]] = True
    good = (table["road_m"] <= propose.road_m) & inside & ~a1_only(x, y, headquarters_at, rules)
    if len(existing):
        apart_m = cKDTree(existing).query(np.column_stack([x, y]))[0]
        good &= apart_m >= by_area(table["urban"].to_numpy(bool), rules, "min_spacing")
    if protected is not None:
        good &= ~points.within(protected).to_numpy(bool)
    table = table[good.to_numpy(bool)].reset_index(drop=True)
    at = np.column_stack([table["x_m"], table["y_m"]])
    kept = likely(at, targets, ground, reach_m=reach_m, antenna_m=antenna_m, keep=keep)
    table, at = table.iloc[kept].reset_index(drop=True), at[kept]
    table["power_m"] = nearest_road_m(at[:, 0], at[:, 1], roads[roads["power"].fillna(value=False).astype(bool)])
    table["target_m"] = cKDTree(targets).query(at)[0] if len(at) else np.empty(0)
    return table


def nearest_road_m(x_m: NDArray[np.float64], y_m: NDArray[np.float64], roads: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Straight distance from points to the nearest road, metres; infinite where there is none at all."""
    away_m = np.full(x_m.size, np.inf)
    if len(roads) and x_m.size:
        points = gpd.GeoSeries.from_xy(x_m, y_m, crs=roads.crs)
        index, found_m = roads.sindex.nearest(points, return_all=False, return_distance=True)
        away_m[index[0]] = found_m
    return away_m


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
    height_m = _heights(ground, x, y)
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


def _slope(ground: Ground) -> NDArray[np.float32]:
    """Slope of every cell by central differences, degrees; NaN beside what is not known."""
    south, east = np.gradient(ground.elevation_m, np.float32(ground.grid.cell_m))
    slope: NDArray[np.float32] = np.degrees(np.arctan(np.hypot(south, east)))
    return slope


def _heights(ground: Ground, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    grid = ground.grid
    at = [(grid.north_m - y) / grid.cell_m - 0.5, (x - grid.west_m) / grid.cell_m - 0.5]
    heights: NDArray[np.float64] = map_coordinates(ground.elevation_m, at, order=1, cval=np.nan, output=np.float64)
    return heights


def _free_sections(top_m: float, used_m: NDArray[np.float64], least_m: float, section_m: float) -> list[float]:
    """Antenna heights still free, from the top down, each a section away from those in use and from one another."""
    free: list[float] = []
    height_m = top_m - BELOW_TOP_M if top_m - BELOW_TOP_M >= least_m else top_m
    while height_m >= least_m:
        near = [other for other in used_m if abs(other - height_m) < section_m]
        if near:
            height_m = min(near) - section_m
        else:
            free.append(height_m)
            height_m -= section_m
    return free


def _refusal(*, closed: bool, slots: int, heights: int) -> tuple[str, str]:
    if closed:
        return "thuộc quân đội, công an hoặc hạn chế", "army, police or restricted"
    if slots <= 0:
        return "đã đủ số doanh nghiệp dùng chung", "has as many tenants as it may"
    if not heights:
        return "không còn độ cao trống", "no height is free"
    return "", ""


def _number(value: object) -> float:
    return 0.0 if pd.isna(value) else float(str(value))
