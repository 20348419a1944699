"""5G at the places the plan names: industrial zones, tourist sites, schools, hospitals and the like.

A place drawn as an area is counted by the share of its area that is covered, one known as a point by a disc around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.assess.hamlets import COVERED, NONE, UNKNOWN, WEAK

if TYPE_CHECKING:
    from numpy.typing import NDArray

ATTRIBUTES = ["place_id", "kind", "name", "status", "users", "demand_mbps", "precision_m", "declared_5g"]


@dataclass(frozen=True)
class PlacePoints:
    """Sample points of places in the study's CRS, and the row of the place each belongs to."""

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    place: NDArray[np.int64]


def place_points(places: gpd.GeoDataFrame, buffer_m: float, spacing_m: float) -> PlacePoints:
    """Points every `spacing_m` over each place, and always its middle; a point is widened to a disc first."""
    x, y, of = [], [], []
    for n, shape in enumerate(places.geometry):
        area = shape if shape.area > 0 else shape.buffer(buffer_m)
        west, south, east, north = area.bounds
        middle = area.representative_point()
        columns = np.arange(np.ceil((west - middle.x) / spacing_m), (east - middle.x) / spacing_m + 1)
        rows = np.arange(np.ceil((south - middle.y) / spacing_m), (north - middle.y) / spacing_m + 1)
        px, py = (m.ravel() for m in np.meshgrid(middle.x + columns * spacing_m, middle.y + rows * spacing_m))
        inside = shapely.contains_xy(area, px, py)
        x.append(px[inside])
        y.append(py[inside])
        of.append(np.full(int(inside.sum()), n))
    if not x:
        return PlacePoints(np.empty(0), np.empty(0), np.empty(0, np.int64))
    return PlacePoints(np.concatenate(x), np.concatenate(y), np.concatenate(of).astype(np.int64))


def place_states(
    places: gpd.GeoDataFrame,
    points: PlacePoints | None = None,
    rsrp_dbm: NDArray[np.float32] | None = None,
    probability: NDArray[np.float32] | None = None,
    covered: NDArray[np.bool_] | None = None,
    *,
    least_share: float = 0.95,
) -> gpd.GeoDataFrame:
    """One row per place; columns of resources/layers/place_states.csv.

    With what its points receive of 5G (arrays of their length) the state is computed: covered from `least_share` of the
    area on, weak below, none without any; without, it is the one declared. NaN probabilities are unknown.
    """
    table = gpd.GeoDataFrame(places[ATTRIBUTES].copy(), geometry=places.geometry)
    declared = places["declared_5g"].map({True: COVERED, False: NONE}).fillna(UNKNOWN)
    table["state_5g"], table["basis"] = declared.astype(object), "declared"
    if points is None or rsrp_dbm is None or probability is None or covered is None:
        return table
    count = len(places)
    state, share = computed_states(points, count, covered, ~np.isnan(probability), least_share)
    best = pd.Series(rsrp_dbm).groupby(points.place).median().reindex(range(count))
    table["state_5g"], table["basis"] = state, "computed"
    table["covered_share"] = share.round(4)
    table["rsrp_dbm"] = best.round(1).to_numpy()
    return table


def computed_states(
    points: PlacePoints, places: int, covered: NDArray[np.bool_], known: NDArray[np.bool_], least_share: float
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """State of each place and the share of it that is covered, from which of its points are."""
    total = np.bincount(points.place, minlength=places)
    seen = np.bincount(points.place[known], minlength=places)
    good = np.bincount(points.place[known & covered], minlength=places)
    share = np.divide(good, seen, out=np.full(places, np.nan), where=seen > 0)
    state = np.select([share >= least_share, share > 0], [COVERED, WEAK], NONE).astype(object)
    state[(seen < total) | (total == 0)] = UNKNOWN
    return state, share
