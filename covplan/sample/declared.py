"""What the sample's province declares: which hamlets have signal, 5G and fiber, and how many households use fiber.

Signal follows from the stations, by the same model as the plan; fiber from how far a hamlet is from its commune's seat.
The counts are those of the province's published baseline: 97.81 %, 93.31 % and 54.83 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from covplan.assess.demand import demand_points
from covplan.assess.hamlets import states
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.links import receive
from covplan.sample.chance import stream
from covplan.sample.paths import distances
from covplan.sample.roads import DISTRICT_SEATS, EPSG, centres_m, commune_seats, coordinates_m, road_graph
from covplan.sample.siting import metric_pairs
from covplan.study.settings import Radio, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.terrain.ground import Ground

WITHOUT_FTTH = 116
FTTH_HOUSEHOLD_SHARE = 0.5483
BESIDE_M, BESIDE_SHARE = 750.0, 0.4  # a drop of 500 m, and a box beside the road; share of a hamlet's households
FIVE_G_M = 1200.0
TAKE_UP_STEP = 41
TOWN_SCALE_M = 14_000  # distance to a district seat over which the odds of a fiber line fall by e (assumption)


def declared_mobile(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    stations: pd.DataFrame,
    cells: pd.DataFrame,
    ground: Ground,
) -> pd.Series[str]:
    """State of each hamlet in the province's list: covered, weak or none, by what its people receive of 4G."""
    radio, settings = Radio(), Settings.model_validate({"province": {"name": ""}})
    table = gpd.GeoDataFrame(
        stations, geometry=gpd.points_from_xy(*metric_pairs(stations.lon, stations.lat).T), crs=EPSG
    )
    demand = demand_points(villages, dwellings)
    found = strongest(
        receive(
            table[table.operator == operator], cells, demand.x_m, demand.y_m, ground, "4G", radio, settings.propagation
        )
        for operator in sorted(table.operator.unique())
    )
    known = ~np.isnan(found.probability)
    state = states(demand, is_covered(found, radio), known, settings.definition, len(villages))
    return pd.Series(state, index=villages.index)


def declared_ftth(
    villages: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    *,
    without: int = WITHOUT_FTTH,
) -> pd.Series[bool]:
    """False for every dark hamlet and for the small ones far by road from their commune's seat.

    Not for one whose homes lie beside another hamlet's: they would be served by drops from next door.
    """
    metres = _by_road(villages, roads, list(commune_seats(communes, villages).values()))
    need = np.round(metres / np.sqrt(villages.households.to_numpy(float)), 3)
    need[_beside_others(villages, dwellings)] = 0.0
    need[(villages.declared_mobile == "none").to_numpy()] = np.inf
    has = np.ones(len(villages), bool)
    has[np.argsort(-need, kind="stable")[:without]] = False
    declared: pd.Series[bool] = villages.village_id.map(dict(zip(villages.village_id, has, strict=True)))
    return declared


def _beside_others(villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Hamlets a large share of whose households live near another hamlet's."""
    at = coordinates_m(dwellings)
    own = dwellings.village_id.to_numpy()
    near = [set(own[found]) - {one} for found, one in zip(KDTree(at).query_ball_point(at, BESIDE_M), own, strict=True)]
    there = dwellings.households.where([bool(others) for others in near], 0).groupby(dwellings.village_id).sum()
    share = there / dwellings.groupby("village_id").households.sum()
    return np.asarray(villages.village_id.map(share).to_numpy(float) >= BESIDE_SHARE)


def ftth_households(
    villages: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    seed: int,
    *,
    share: float = FTTH_HOUSEHOLD_SHARE,
) -> pd.Series[int]:
    """Households with a fiber line: a logistic take-up that falls with the way to the district seat, exact in sum."""
    seats = commune_seats(communes, villages)
    towns = [seats[code] for code in DISTRICT_SEATS.values() if code in seats] or list(seats.values())
    metres = _by_road(villages, roads, towns)
    chance = stream(seed, TAKE_UP_STEP).random((len(villages), 2)).sum(axis=1) - 1
    score = np.round(1.1 * chance - np.minimum(metres, 60_000) / TOWN_SCALE_M, 6)
    households = np.where(villages.declared_ftth, villages.households, 0).astype(np.int64)
    total = round(share * int(villages.households.sum()))
    low, high = -20.0, 20.0
    for _ in range(60):  # the level of the odds that gives the total
        level = (low + high) / 2
        low, high = (level, high) if _take_up(score, level, households).sum() < total else (low, level)
    part = _take_up(score, high, households)
    whole = np.floor(part).astype(np.int64)
    order = np.argsort(-np.round(part - whole, 6), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    number = dict(zip(villages.village_id, np.minimum(whole, households).tolist(), strict=True))
    lines: pd.Series[int] = villages.village_id.map(number)
    return lines


def near_5g(points_m: NDArray[np.float64], stations: pd.DataFrame) -> NDArray[np.bool_]:
    """True within 1.2 km of a station with 5G on air."""
    radiating = stations[stations.technologies.str.contains("5G")]
    nearest_m, _ = KDTree(metric_pairs(radiating.lon, radiating.lat)).query(points_m)
    near: NDArray[np.bool_] = np.round(nearest_m, 1) <= FIVE_G_M
    return near


def _take_up(score: NDArray[np.float64], level: float, households: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.round(households / (1 + np.exp(-(score + level))), 6), np.float64)


def _by_road(villages: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, targets: list[int]) -> NDArray[np.float64]:
    """Road distance from each hamlet to the nearest of the target hamlets, metres."""
    graph, edge, position = road_graph(roads)
    length_dm = np.round(10 * roads.length.to_numpy()).astype(np.int64)[edge]
    gap, node = KDTree(position).query(centres_m(villages))
    along = distances(graph, length_dm, np.unique(node[targets]))[node]
    return np.asarray(np.round(along / 10 + gap, 1), np.float64)
