"""What new antennas would reach: cells of actions, and the points at which each is received well enough."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from covplan.radio.links import rsrp_links
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.study.settings import Propagation
    from covplan.terrain.ground import Ground

SAFE_DB = 0.02  # asked for over the threshold: kept losses are rounded to a hundredth of a decibel
SECTOR_DEG = 120.0
STEEPEST_TILT_DEG = 8.0


@dataclass(frozen=True)
class Cell:
    """One sector of an action, as `coverage.sector_table` has it."""

    band: str
    x_m: float
    y_m: float
    antenna_height_m: float
    azimuth_deg: float
    downtilt_deg: float
    eirp_dbm: float
    antenna: str


@dataclass(frozen=True)
class Reach:
    """Who is reached by which action."""

    covered: csr_array
    """(points × actions), true where RSRP meets the least level."""
    best_dbm: NDArray[np.float64]
    """Strongest RSRP any action gives at each point; −∞ where none is received."""


def reach_of(
    cells: Sequence[Sequence[Cell]],
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    least_dbm: float,
    ground: Ground,
    propagation: Propagation,
    *,
    cache: Path | None = None,
) -> Reach:
    """Points at which some cell of an action is received at `least_dbm` or better.

    Cells that several actions have in common (two operators on the same free height) are computed once.
    """
    alike: dict[Cell, int] = {}
    rows, columns = [], []
    for action, own in enumerate(cells):
        for cell in own:
            rows.append(action)
            columns.append(alike.setdefault(cell, len(alike)))
    best = np.full(x_m.size, -np.inf)
    if not alike or not x_m.size:
        return Reach(csr_array((x_m.size, len(cells)), dtype=bool), best)
    received = rsrp_links(sector_rows(list(alike)), x_m, y_m, ground, propagation, cache=cache)
    np.maximum.at(best, received.indices, received.data)
    good = received.copy()
    good.data = (received.data >= least_dbm + SAFE_DB).astype(np.int32)
    good.eliminate_zeros()
    of = csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=(len(cells), len(alike)))
    covered = csr_array((of @ good).T.astype(bool))
    return Reach(covered, best)


def sector_rows(cells: Sequence[Cell]) -> pd.DataFrame:
    """Cells as a table that `rsrp_links` reads."""
    table = pd.DataFrame([vars(cell) for cell in cells])
    return table.assign(cell_id=[str(n) for n in range(len(cells))], operator="", assumed=True)


def azimuth_deg(x_m: float, y_m: float, to_x_m: float, to_y_m: float) -> float:
    """Bearing from one point to another in the study's CRS, degrees, to a whole degree."""
    return float(round(np.degrees(np.arctan2(to_x_m - x_m, to_y_m - y_m))) % 360)


def tilt_deg(fall_m: float, away_m: float) -> float:
    """Downtilt that puts the beam on something so much lower, so far away; between 0 and what antennas are set to."""
    return float(np.clip(round(np.degrees(np.arctan2(fall_m, max(away_m, 1.0)))), 0.0, STEEPEST_TILT_DEG))


def planned_network(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    actions: pd.DataFrame,
    action_cells: Sequence[Sequence[Cell]],
    chosen: NDArray[np.bool_],
    technology: str,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Stations and cells as they would be with the chosen actions done: for a look by the coverage engine.

    An action without an operator transmits as one that holds its band.
    """
    stations, rows, sectors, points = stations.copy(), [], [], []
    for n in np.flatnonzero(chosen).tolist():
        action = actions.iloc[n]
        if action["action"] == "stands":
            continue
        if action["action"] == "raise_antenna":
            stations.loc[stations["station_id"] == action["station_id"], "antenna_height_m"] = action[
                "antenna_height_m"
            ]
            continue
        code = str(action["bands"])
        station = f"proposed-{n}"
        rows.append(
            {
                "station_id": station, "operator": action["operator"] or holder_of(code),
                "location_id": action["location_id"] or station, "structure": action["structure"],
                "height_m": action["height_m"], "antenna_height_m": action["antenna_height_m"],
                "technologies": technology, "bands": code, "status": "existing",
            }
        )  # fmt: skip
        points.append((float(action["x_m"]), float(action["y_m"])))
        sectors += [
            {
                "cell_id": f"{station}-{k}", "station_id": station, "technology": technology, "band": cell.band,
                "azimuth_deg": np.nan if cell.antenna == "omni" else cell.azimuth_deg,
                "downtilt_deg": cell.downtilt_deg, "eirp_dbm": cell.eirp_dbm, "antenna": cell.antenna,
            }
            for k, cell in enumerate(action_cells[int(n)])
        ]  # fmt: skip
    if not rows:
        return stations, cells
    xy = np.array(points)
    new = gpd.GeoDataFrame(rows, geometry=gpd.points_from_xy(xy[:, 0], xy[:, 1]), crs=stations.crs)
    columns = [*new.columns.drop("geometry"), "geometry"]
    joined = pd.concat([stations[columns], new[columns]], ignore_index=True)
    more = pd.DataFrame(sectors)
    return gpd.GeoDataFrame(joined, crs=stations.crs), pd.concat([cells[more.columns], more], ignore_index=True)


@functools.cache
def holder_of(code: str) -> str:
    """The first operator in resources/spectrum.csv that may use a band."""
    rows = csv.DictReader(resource_text("spectrum.csv").splitlines())
    return next(row["operator"] for row in rows if row["band"] == code)
