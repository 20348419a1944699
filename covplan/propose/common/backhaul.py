"""How a new site is connected: fiber along the roads, or a microwave hop to a location on fiber that it sees.

A hop is clear when 0.6 of the first Fresnel zone is free over terrain and clutter, with the earth's bulge at k = 4/3:
the usual rule of a first plan. Recommendation ITU-R P.530 asks for more on long hops; before one is built it is
surveyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import map_coordinates

from covplan.propose.common.costs import NOTHING, Range, fiber_cost, unit_cost
from covplan.propose.common.heights import cell_at, elevations_m

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from covplan.fiber.access import Cable
    from covplan.study.settings import Cost, Propose
    from covplan.terrain.ground import Ground

EARTH_KM = 6371.0
K_FACTOR = 4.0 / 3.0
CLEAR_SHARE = 0.6
LONG_HOP_KM = 10.0  # up to here 15 GHz, beyond 7 GHz: usual in Vietnam's mountains, a planning assumption
SHORT_GHZ, LONG_GHZ = 15.0, 7.0
TRIED = 40  # nearest locations on fiber a hop is tried to
POLES_M = 300.0  # a powered road nearer than this has poles to hang a cable on
PIECE = 20_000  # hops whose profiles are held at a time


@dataclass(frozen=True)
class Backbone:
    """What a new site could be connected to."""

    cable: Callable[[NDArray[np.float64], NDArray[np.float64]], Cable]
    """From points (study CRS) to the nearest fiber."""
    donors: gpd.GeoDataFrame
    """Locations on fiber, for the other end of a hop: location_id, antenna_height_m, geometry."""
    ground: Ground
    """Over which a hop must see."""


@dataclass(frozen=True)
class Backhaul:
    """The cheapest connection of each site."""

    kind: NDArray[np.str_]
    """fiber, microwave, or satellite where there is neither."""
    length_m: NDArray[np.float64]
    """Of new cable; 0 with a hop."""
    hop_to: list[str]
    """Location at the other end of the nearest clear hop, whether it is taken or not; empty where there is none."""
    by_road: NDArray[np.bool_]
    """Whether the cable to fiber was measured along roads."""
    cost: list[Range]

    @property
    def columns(self) -> dict[str, Any]:
        """As columns of a table of sites."""
        return {"backhaul": self.kind, "length_m": self.length_m, "hop_to": self.hop_to, "by_road": self.by_road}


def hop_donors(locations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Locations on fiber that let others in, with the height a hop could start at."""
    on_fiber = locations[locations["fiber"] & ~locations["closed"]]
    return on_fiber.assign(antenna_height_m=on_fiber["highest_m"])


def connect(sites: pd.DataFrame, backbone: Backbone, costs: Mapping[str, Cost], propose: Propose) -> Backhaul:
    """Cheapest backhaul of sites: cable to the nearest fiber, or a clear hop.

    Parameters
    ----------
    sites : DataFrame
        x_m, y_m (study CRS), antenna_height_m, power_m (to the nearest road with power: whether there are poles).
    """
    x_m, y_m, antenna_m, power_m = (
        sites[name].to_numpy(float) for name in ("x_m", "y_m", "antenna_height_m", "power_m")
    )
    found = backbone.cable(x_m, y_m)
    hop = _hops(np.column_stack([x_m, y_m, antenna_m]), backbone.donors, backbone.ground, propose.hop_km)
    hop_cost = unit_cost(costs, "microwave_hop")
    ends = ["" if row < 0 else str(backbone.donors["location_id"].iloc[row]) for row in hop]
    kinds, lengths, prices = [], [], []
    for n, (length_m, poles) in enumerate(zip(found.length_m, power_m <= POLES_M, strict=True)):
        cable = fiber_cost(costs, float(length_m), poles=bool(poles)) if np.isfinite(length_m) else None
        by_hop = hop[n] >= 0 and (cable is None or hop_cost.base < cable.base)
        if not by_hop and cable is None:
            kinds.append("satellite")
            lengths.append(0.0)
            prices.append(NOTHING)
            continue
        kinds.append("microwave" if by_hop else "fiber")
        lengths.append(0.0 if by_hop else float(length_m))
        prices.append(hop_cost if by_hop or cable is None else cable)
    return Backhaul(np.array(kinds, dtype=np.str_), np.array(lengths), ends, found.by_road, prices)


def clear_hops(
    start: NDArray[np.float64], end: NDArray[np.float64], ground: Ground, frequency_ghz: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether hops have 0.6 of the first Fresnel zone free.

    Parameters
    ----------
    start, end : ndarray, shape (hops, 3)
        x and y in the study's CRS and antenna height above ground, metres.

    Returns
    -------
    ndarray of bool, shape (hops,)
        False also where the ground is not known.
    """
    clear = np.zeros(len(start), dtype=bool)
    for first in range(0, len(start), PIECE):
        part = slice(first, first + PIECE)
        clear[part] = _clear(start[part], end[part], ground, frequency_ghz[part])
    return clear


def _clear(
    start: NDArray[np.float64], end: NDArray[np.float64], ground: Ground, frequency_ghz: NDArray[np.float64]
) -> NDArray[np.bool_]:
    if not len(start):
        return np.zeros(0, dtype=bool)
    length_m = np.hypot(end[:, 0] - start[:, 0], end[:, 1] - start[:, 1])
    count = int(np.clip(np.ceil(length_m.max() / ground.grid.cell_m), 2, 400)) + 1
    share = np.linspace(0.0, 1.0, count)
    x = start[:, :1] + share * (end[:, :1] - start[:, :1])
    y = start[:, 1:2] + share * (end[:, 1:2] - start[:, 1:2])
    terrain = elevations_m(ground, x, y)
    clutter = map_coordinates(ground.clutter_m, cell_at(ground, x, y), order=0, mode="nearest", output=np.float64)
    clutter[:, 0] = clutter[:, -1] = 0.0  # antennas stand over or in a clearing of what grows at their own site
    near_km, far_km = share * length_m[:, None] / 1000.0, (1.0 - share) * length_m[:, None] / 1000.0
    bulge_m = 1000.0 * near_km * far_km / (2.0 * K_FACTOR * EARTH_KM)
    between = np.maximum(near_km + far_km, 1e-6) * frequency_ghz[:, None]
    zone_m = 17.32 * np.sqrt(near_km * far_km / between)
    from_m, to_m = terrain[:, :1] + start[:, 2:3], terrain[:, -1:] + end[:, 2:3]
    line_m = from_m + share * (to_m - from_m)
    free: NDArray[np.bool_] = (line_m - terrain - clutter - bulge_m >= CLEAR_SHARE * zone_m).all(axis=1)
    return free


def _hops(sites: NDArray[np.float64], donors: gpd.GeoDataFrame, ground: Ground, longest_km: float) -> NDArray[np.int64]:
    """Row of the nearest donor each site sees, −1 where it sees none.

    Parameters
    ----------
    sites : ndarray, shape (sites, 3)
        x and y (study CRS) and antenna height above ground, metres.
    """
    found = np.full(len(sites), -1, dtype=np.int64)
    if not len(donors) or not len(sites):
        return found
    at = np.column_stack([donors.geometry.x, donors.geometry.y, donors["antenna_height_m"].to_numpy(float)])
    away_m = np.hypot(sites[:, :1] - at[:, 0], sites[:, 1:2] - at[:, 1])
    order = np.argsort(away_m, axis=1, kind="stable")[:, :TRIED]
    for donor_of in order.T:  # the nearest of all sites, then the second of those that do not see it, and so on
        away = away_m[np.arange(len(sites)), donor_of]
        site = np.flatnonzero((found < 0) & (away <= longest_km * 1000.0))
        donor, km = donor_of[site], away[site] / 1000.0
        clear = clear_hops(sites[site], at[donor], ground, np.where(km <= LONG_HOP_KM, SHORT_GHZ, LONG_GHZ))
        found[site[clear]] = donor[clear]
    return found
