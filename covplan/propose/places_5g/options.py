"""Everything that could bring 5G to places: radios and bands on structures that stand, and on new ones."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from covplan.propose.common.backhaul import connect
from covplan.propose.common.costs import NOTHING, Range, lease_per_year, power_cost, structure_cost, unit_cost
from covplan.propose.common.transmitters import Cell, azimuth_deg
from covplan.propose.white_spots.options import ANY, bands_of, cells_at
from covplan.radio.coverage import sector_table
from covplan.radio.link_budget import band
from covplan.study.columns import split_list
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.access import Cable
    from covplan.study.settings import Cost, Places5G, Propose
    from covplan.terrain.ground import Ground

BUILDINGS = ("school", "hospital", "office", "campus", "research")
ROOF_M, POLE_M = 12.0, 20.0  # antennas of a new A1a on a house of three storeys, height of a new A1b pole
LATTICE_M = 400.0  # of new structures over a place drawn as an area
LOW_MHZ = 1000.0
LOOK_M = 4000.0  # a structure farther than this from every place is not looked at
DOWNTILT_DEG = 4.0
SECTORS = 3


@dataclass(frozen=True)
class Configuration:
    """One kind of 5G radio; rows of resources/configurations_5g.csv."""

    configuration: str
    bands: tuple[str, ...]
    cost_item: str
    extra_eirp_db: float
    average_bps_hz: float


@dataclass(frozen=True)
class PlaceOptions:
    """Everything that could carry 5G: what stands, what could be added, what could be built."""

    actions: pd.DataFrame
    """action, operator, location_id, x_m, y_m, structure, height_m, antenna_height_m, bands, configuration, new, slots,
    survey, way, length_m, hop_to, by_road; action "stands" is 5G that is on air."""
    cells: list[tuple[Cell, ...]]
    cost: list[Range]
    opex: list[Range]
    capacity_mbps: NDArray[np.float64]


@cache
def configurations() -> tuple[Configuration, ...]:
    """Rows of resources/configurations_5g.csv."""
    return tuple(
        Configuration(
            row["configuration"], tuple(row["bands"].split("|")), row["cost_item"], float(row["extra_eirp_db"]),
            float(row["average_bps_hz"]),
        )
        for row in csv.DictReader(resource_text("configurations_5g.csv").splitlines())
    )  # fmt: skip


def capacity_mbps(code: str, configuration: Configuration, busy_share: float) -> float:
    """What the three sectors of a placement can promise: average efficiency × spectrum × downlink time × busy share."""
    carrier = band(code)
    return SECTORS * carrier.occupied_mhz * carrier.downlink_share * configuration.average_bps_hz * busy_share


def options_for(
    places: gpd.GeoDataFrame,
    locations: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    road_m: Callable[[NDArray[np.float64], NDArray[np.float64], bool], NDArray[np.float64]],
    cable: Callable[[NDArray[np.float64], NDArray[np.float64]], Cable],
    ground: Ground,
    costs: Mapping[str, Cost],
    settings: Places5G,
    weighing: Propose,
) -> PlaceOptions:
    """5G that is on air, every way to add it to a structure near a place, and a new structure at each place.

    Parameters
    ----------
    road_m : callable
        Distance from points to the nearest road, metres; the last argument: with power only.
    """
    made = _Made([], [], [], [], [])
    at = _spots(places)
    tree = cKDTree(at)
    _standing(made, stations, cells, tree, settings)
    _added(made, locations, stations, tree, at, costs, settings)
    _built(made, places, at, locations, road_m, cable, ground, costs, settings, weighing)
    columns = ["action", "operator", "location_id", "x_m", "y_m", "structure", "height_m", "antenna_height_m", "bands",
               "configuration", "new", "slots", "survey", "way", "length_m", "hop_to", "by_road"]  # fmt: skip
    table = pd.DataFrame(made.rows).reindex(columns=columns)
    return PlaceOptions(table, made.cells, made.cost, made.opex, np.array(made.capacity))


@dataclass(frozen=True)
class _Made:
    rows: list[dict[str, Any]]
    cells: list[tuple[Cell, ...]]
    cost: list[Range]
    opex: list[Range]
    capacity: list[float]

    def add(self, cells: tuple[Cell, ...], cost: Range, opex: Range, capacity: float, **row: Any) -> None:
        self.rows.append(row)
        self.cells.append(cells)
        self.cost.append(cost)
        self.opex.append(opex)
        self.capacity.append(capacity)


def _spots(places: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Where a new structure could stand: the middle of each place, and a lattice over one drawn as an area."""
    spots = []
    for shape in places.geometry:
        middle = shape.representative_point()
        spots.append((middle.x, middle.y))
        west, south, east, north = shape.bounds
        x, y = np.meshgrid(np.arange(west, east, LATTICE_M) + LATTICE_M / 2,
                           np.arange(south, north, LATTICE_M) + LATTICE_M / 2)  # fmt: skip
        inside = gpd.GeoSeries.from_xy(x.ravel(), y.ravel()).within(shape).to_numpy(bool)
        spots += list(zip(x.ravel()[inside], y.ravel()[inside], strict=True))
    return np.array(spots, dtype=float).reshape(-1, 2)


def _standing(made: _Made, stations: gpd.GeoDataFrame, cells: pd.DataFrame, tree: cKDTree, settings: Places5G) -> None:
    """5G that is on air costs nothing and counts for nothing new."""
    plain = next(one for one in configurations() if one.configuration == "8T8R")
    sectors = sector_table(stations, cells, "5G")  # with template sectors where a station's are not known
    of_station = {str(k): v for k, v in sectors.groupby("station_id")}
    for station in stations.itertuples():
        own = of_station.get(str(station.station_id), sectors[:0])
        x, y = float(station.geometry.x), float(station.geometry.y)
        if own.empty or not tree.query_ball_point((x, y), LOOK_M, return_length=True):
            continue
        code = str(own["band"].iloc[0])
        made.add(
            cells_at(own, x, y, float(station.antenna_height_m)), NOTHING, NOTHING,
            capacity_mbps(code, plain, settings.busy_share) * min(len(own), SECTORS) / SECTORS,
            action="stands", operator=station.operator, location_id=station.location_id, x_m=x, y_m=y,
            structure=station.structure, height_m=station.height_m, antenna_height_m=station.antenna_height_m,
            bands=code, new=False, slots=0, survey=False,
        )  # fmt: skip


def _added(
    made: _Made,
    locations: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    tree: cKDTree,
    at: NDArray[np.float64],
    costs: Mapping[str, Cost],
    settings: Places5G,
) -> None:
    """Every band and radio on every open structure near a place: by who is there, or by a tenant more."""
    survey = unit_cost(costs, "mast_survey")
    on_location = {str(k): v for k, v in stations.groupby("location_id")}
    for place in locations.itertuples():
        x, y = float(place.geometry.x), float(place.geometry.y)
        away_m, nearest = tree.query((x, y))
        if place.closed or away_m > LOOK_M:
            continue
        aim = azimuth_deg(x, y, float(at[nearest, 0]), float(at[nearest, 1]))
        there = on_location[place.location_id].drop_duplicates("operator").set_index("operator")
        inside = [one for one in settings.operators if one in there.index]
        outside = [one for one in settings.operators if one not in there.index and place.room]
        if settings.policy != "each":  # any will do: those who are there pay no rent
            outside = [] if inside else outside[:1]
        ways = _ways((*inside, *outside), there, settings)
        for one in (*inside, *outside):
            guest = one in outside
            height_m = place.free_heights_m[0] if guest else float(there.loc[one, "antenna_height_m"])
            has = [] if guest else split_list(there.loc[one, "bands"])
            rent = lease_per_year(costs, roof=place.structure in ("A1a", "A2a")) if guest else NOTHING
            for code, radio in _radios(one, settings):
                if code in has or (one, code) not in ways:
                    continue
                made.add(
                    _three(code, radio, x, y, height_m, aim),
                    unit_cost(costs, radio.cost_item) + (survey if place.survey else NOTHING), rent,
                    capacity_mbps(code, radio, settings.busy_share),
                    action="add_tenant" if guest else "upgrade_5g",
                    operator=ANY if settings.policy == "neutral" else one, location_id=place.location_id, x_m=x,
                    y_m=y, structure=place.structure, height_m=place.height_m, antenna_height_m=height_m, bands=code,
                    configuration=radio.configuration, new=False, slots=place.free_slots, survey=place.survey,
                )  # fmt: skip


def _ways(operators: Sequence[str], there: pd.DataFrame, settings: Places5G) -> set[tuple[str, str]]:
    """Operators and bands looked at on one structure.

    Where any operator will do, one below and one above 1 GHz: that of who stands highest. The others would be as many
    equal ways to do the same, which a program can only tell apart by trying them all.
    """
    every = {(one, code) for one in operators for code, _ in _radios(one, settings)}
    if settings.policy == "each":
        return every

    def rank(way: tuple[str, str]) -> tuple[float, float, str]:
        height_m = float(there.loc[way[0], "antenna_height_m"]) if way[0] in there.index else 0.0
        return (-height_m, band(way[1]).downlink_mhz, way[0])

    low = sorted((way for way in every if band(way[1]).downlink_mhz < LOW_MHZ), key=rank)
    high = sorted((way for way in every if band(way[1]).downlink_mhz >= LOW_MHZ), key=rank)
    return {*low[:1], *high[:1]}


def _built(
    made: _Made,
    places: gpd.GeoDataFrame,
    at: NDArray[np.float64],
    locations: gpd.GeoDataFrame,
    road_m: Callable[[NDArray[np.float64], NDArray[np.float64], bool], NDArray[np.float64]],
    cable: Callable[[NDArray[np.float64], NDArray[np.float64]], Cable],
    ground: Ground,
    costs: Mapping[str, Cost],
    settings: Places5G,
    weighing: Propose,
) -> None:
    """A rooftop where the place has a building, a camouflaged pole elsewhere."""
    x, y = at[:, 0], at[:, 1]
    kind = places["kind"].to_numpy(object)[_owner(places, at)]
    roof = np.isin(kind.astype(str), BUILDINGS)
    antenna_m = np.where(roof, ROOF_M, POLE_M - 1.0)
    donors = locations[locations["fiber"] & ~locations["closed"]].assign(
        antenna_height_m=lambda table: table["highest_m"]
    )
    power_m, away_m = road_m(x, y, True), road_m(x, y, False)
    found = cable(x, y)
    link = connect(x, y, antenna_m, found.length_m, power_m, donors, ground, costs, weighing)
    who = list(settings.operators) if settings.policy == "each" else list(settings.operators)[:1]
    for n in range(len(at)):
        if link.way[n] == "satellite":
            continue
        structure = "A1a" if roof[n] else "A1b"
        site = structure_cost(costs, structure, POLE_M, float(away_m[n]), weighing) + link.cost[n]
        site += power_cost(costs, 0.0 if roof[n] else float(power_m[n]))
        for one in who:
            for code, radio in _radios(one, settings):
                made.add(
                    _three(code, radio, float(x[n]), float(y[n]), float(antenna_m[n]), 0.0),
                    site + unit_cost(costs, radio.cost_item), unit_cost(costs, "opex_site"),
                    capacity_mbps(code, radio, settings.busy_share), action="new_structure_5g",
                    operator=one if settings.policy == "each" else ANY, x_m=float(x[n]), y_m=float(y[n]),
                    structure=structure, height_m=3.0 if roof[n] else POLE_M, antenna_height_m=float(antenna_m[n]),
                    bands=code, configuration=radio.configuration, new=True, slots=0, survey=False, way=link.way[n],
                    length_m=float(link.length_m[n]), hop_to=link.hop_to[n], by_road=bool(found.by_road[n]),
                    location_id=f"new-{n}",
                )  # fmt: skip


def _owner(places: gpd.GeoDataFrame, at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Row of the place each spot lies in, or is the middle of."""
    middle = places.geometry.representative_point()
    owner: NDArray[np.int64] = cKDTree(np.column_stack([middle.x, middle.y])).query(at)[1].astype(np.int64)
    spots = gpd.GeoSeries.from_xy(at[:, 0], at[:, 1], crs=places.crs)
    spot, area = places.sindex.query(spots, predicate="within")
    owner[spot] = area
    return owner


def _radios(operator: str, settings: Places5G) -> list[tuple[str, Configuration]]:
    """Bands an operator may use for 5G with every radio made for them; a shared one may use all operators' bands."""
    who = settings.operators if settings.policy == "neutral" else (operator,)
    codes = dict.fromkeys(code for one in who for code in bands_of(one, "5G"))
    return [(code, one) for code in codes for one in configurations() if code in one.bands]


def _three(code: str, radio: Configuration, x: float, y: float, height_m: float, aim_deg: float) -> tuple[Cell, ...]:
    carrier = band(code)
    return tuple(
        Cell(code, x, y, height_m, (aim_deg + turn) % 360.0, DOWNTILT_DEG, carrier.eirp_dbm + radio.extra_eirp_db,
             carrier.antenna)
        for turn in (0.0, 120.0, 240.0)
    )  # fmt: skip
