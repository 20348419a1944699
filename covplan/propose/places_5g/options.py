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

from covplan.propose.common.backhaul import Backbone, connect
from covplan.propose.common.costs import NOTHING, lease_per_year, power_cost, structure_cost, unit_cost
from covplan.propose.common.heights import cell_elevation_m
from covplan.propose.common.options import OptionList, Options
from covplan.propose.common.roads import nearest_road_m, powered
from covplan.propose.common.spectrum import bands_of
from covplan.propose.common.transmitters import Cell, azimuth_deg, cells_at, three_sectors
from covplan.radio.coverage import sector_table
from covplan.radio.link_budget import band
from covplan.study.codes import ANY, ON_ROOFS
from covplan.study.columns import split_list
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.assess.places import PlacePoints
    from covplan.propose.common.case import Assumptions, Network
    from covplan.propose.common.reach import RadioModel
    from covplan.study.settings import Places5G

ACTION_COLUMNS = (
    "action", "operator", "location_id", "x_m", "y_m", "structure", "height_m", "antenna_height_m", "bands",
    "configuration", "new", "slots", "survey", "capacity_mbps", "backhaul", "length_m", "hop_to", "by_road",
)  # fmt: skip
BUILDINGS = ("school", "hospital", "office", "campus", "research")
ROOF_M, POLE_M = 12.0, 20.0  # antennas of a new A1a on a house of three storeys, height of a new A1b pole
LATTICE_M = 400.0  # of new structures over a place drawn as an area
LOW_MHZ = 1000.0
LOOK_M = 4000.0  # a structure farther than this from every place is not looked at
DOWNTILT_DEG = 4.0
SECTORS = 3
ON_AIR_CONFIGURATION = "8T8R"  # of 5G that stands: no layer says which radio it has


@dataclass(frozen=True)
class Case:
    """What is asked, what stands, and what is assumed: the same for all steps."""

    places: gpd.GeoDataFrame
    """place_id, name, kind, demand_mbps, users; numbered from 0."""
    points: PlacePoints
    """At which 5G is looked at."""
    network: Network
    roads: gpd.GeoDataFrame
    backbone: Backbone
    model: RadioModel
    settings: Places5G
    assumptions: Assumptions


@dataclass(frozen=True)
class PlaceOptions(Options):
    """Everything that could carry 5G; action "stands" is 5G that is on air.

    Actions have configuration, new, capacity_mbps too, and with new structures backhaul, length_m, hop_to, by_road.
    """

    @property
    def capacity_mbps(self) -> NDArray[np.float64]:
        """Of each action."""
        return np.asarray(self.actions["capacity_mbps"], dtype=float)

    @property
    def stands(self) -> NDArray[np.bool_]:
        """Actions that are on air today."""
        return np.asarray(self.actions["action"] == "stands", dtype=bool)


@dataclass(frozen=True)
class Configuration:
    """One kind of 5G radio; rows of resources/configurations_5g.csv."""

    configuration: str
    bands: tuple[str, ...]
    cost_item: str
    extra_eirp_db: float
    average_bps_hz: float


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


def options_for(case: Case) -> PlaceOptions:
    """5G that is on air, every way to add it to a structure near a place, and a new structure at each place."""
    positions = _positions(case.places)
    found = OptionList()
    _on_air(found, case, cKDTree(positions))
    _on_structures(found, case, positions)
    known = np.isfinite([cell_elevation_m(case.model.ground, *one) for one in positions])
    _on_new_structures(found, case, positions[known])  # what reaches where from unknown ground cannot be computed
    return PlaceOptions(found.table(ACTION_COLUMNS), found.cells, found.cost, found.opex)


def _positions(places: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Where a new structure could stand: the middle of each place, and a lattice over one drawn as an area."""
    positions = []
    for shape in places.geometry:
        middle = shape.representative_point()
        positions.append((middle.x, middle.y))
        west, south, east, north = shape.bounds
        x, y = np.meshgrid(np.arange(west, east, LATTICE_M) + LATTICE_M / 2,
                           np.arange(south, north, LATTICE_M) + LATTICE_M / 2)  # fmt: skip
        inside = gpd.GeoSeries.from_xy(x.ravel(), y.ravel()).within(shape).to_numpy(bool)
        positions += list(zip(x.ravel()[inside], y.ravel()[inside], strict=True))
    return np.array(positions, dtype=float).reshape(-1, 2)


def _on_air(found: OptionList, case: Case, positions: cKDTree) -> None:
    """5G that is on air costs nothing and counts for nothing new."""
    plain = next(one for one in configurations() if one.configuration == ON_AIR_CONFIGURATION)
    stations = case.network.stations
    sectors = sector_table(stations, case.network.cells, "5G")  # template sectors where a station's are not known
    of_station = {str(k): v for k, v in sectors.groupby("station_id")}
    for station in stations.itertuples():
        own = of_station.get(str(station.station_id), sectors[:0])
        x_m, y_m = float(station.geometry.x), float(station.geometry.y)
        if own.empty or not positions.query_ball_point((x_m, y_m), LOOK_M, return_length=True):
            continue
        code = str(own["band"].iloc[0])
        whole_mbps = capacity_mbps(code, plain, case.settings.busy_share)
        found.add(
            cells_at(own, x_m, y_m, float(station.antenna_height_m)), NOTHING, NOTHING,
            action="stands", operator=station.operator, location_id=station.location_id, x_m=x_m, y_m=y_m,
            structure=station.structure, height_m=station.height_m, antenna_height_m=station.antenna_height_m,
            bands=code, new=False, slots=0, survey=False, capacity_mbps=whole_mbps * min(len(own), SECTORS) / SECTORS,
        )  # fmt: skip


def _on_structures(found: OptionList, case: Case, positions: NDArray[np.float64]) -> None:
    """Every band and radio on every open structure near a place: by who is there, or by a tenant more."""
    tree = cKDTree(positions)
    on_location = {str(k): v for k, v in case.network.stations.groupby("location_id")}
    for location in case.network.locations.itertuples():
        x_m, y_m = float(location.geometry.x), float(location.geometry.y)
        away_m, nearest = tree.query((x_m, y_m))
        if location.closed or away_m > LOOK_M:
            continue
        aim_deg = azimuth_deg(x_m, y_m, float(positions[nearest, 0]), float(positions[nearest, 1]))
        there = on_location[location.location_id].drop_duplicates("operator").set_index("operator")
        _radios_on(found, case, location, there, aim_deg)


def _radios_on(found: OptionList, case: Case, location: Any, there: pd.DataFrame, aim_deg: float) -> None:
    """Every band and radio on one structure, of the operators looked at there.

    Parameters
    ----------
    there : DataFrame
        Stations on the structure, by operator.
    """
    settings, costs = case.settings, case.assumptions.costs
    inside = [one for one in settings.operators if one in there.index]
    guests = [one for one in settings.operators if one not in there.index and location.room]
    if settings.policy != "each":  # any will do: those who are there pay no rent
        guests = [] if inside else guests[:1]
    looked_at = _operator_bands((*inside, *guests), there, settings)
    survey = unit_cost(costs, "mast_survey") if location.survey else NOTHING
    for one in (*inside, *guests):
        guest = one in guests
        height_m = location.free_heights_m[0] if guest else float(there["antenna_height_m"].loc[one])
        has = [] if guest else split_list(there.loc[one, "bands"])
        rent = lease_per_year(costs, roof=location.structure in ON_ROOFS) if guest else NOTHING
        base = {
            "action": "add_tenant" if guest else "upgrade_5g", "location_id": location.location_id,
            "operator": ANY if settings.policy == "neutral" else one, "structure": location.structure,
            "x_m": float(location.geometry.x), "y_m": float(location.geometry.y), "height_m": location.height_m,
            "antenna_height_m": height_m, "new": False, "slots": location.free_slots, "survey": location.survey,
        }  # fmt: skip
        for code, radio in _radios(one, settings):
            if code not in has and (one, code) in looked_at:
                cost = unit_cost(costs, radio.cost_item) + survey
                found.add(_cells(code, radio, base, aim_deg), cost, rent, **base, **_radio_columns(code, radio, case))


def _operator_bands(operators: Sequence[str], there: pd.DataFrame, settings: Places5G) -> set[tuple[str, str]]:
    """Operators and bands looked at on one structure.

    Where any operator will do, one below and one above 1 GHz: that of who stands highest. The others would be as many
    equal ways to do the same, which a program can only tell apart by trying them all.
    """
    every = {(one, code) for one in operators for code, _ in _radios(one, settings)}
    if settings.policy == "each":
        return every

    def rank(pair: tuple[str, str]) -> tuple[float, float, str]:
        height_m = float(there["antenna_height_m"].loc[pair[0]]) if pair[0] in there.index else 0.0
        return (-height_m, band(pair[1]).downlink_mhz, pair[0])

    low = sorted((pair for pair in every if band(pair[1]).downlink_mhz < LOW_MHZ), key=rank)
    high = sorted((pair for pair in every if band(pair[1]).downlink_mhz >= LOW_MHZ), key=rank)
    return {*low[:1], *high[:1]}


def _on_new_structures(found: OptionList, case: Case, positions: NDArray[np.float64]) -> None:
    """A rooftop where the place has a building, a camouflaged pole elsewhere."""
    costs, propose, settings = case.assumptions.costs, case.assumptions.propose, case.settings
    table = _new_structures(case, positions)
    link = connect(table, case.backbone, costs, propose)
    table = table.assign(**link.columns)
    operators = settings.operators if settings.policy == "each" else settings.operators[:1]
    ways = zip(table["structure"], table["road_m"], table["power_m"], link.cost, strict=True)
    for row, (structure, road_m, power_m, backhaul_cost) in zip(table.itertuples(), ways, strict=True):
        if row.backhaul == "satellite":
            continue
        site = structure_cost(costs, structure, POLE_M, road_m, propose) + backhaul_cost
        site += power_cost(costs, 0.0 if row.roof else power_m)
        base = {
            "action": "new_structure_5g", "location_id": f"new-{row.Index}", "x_m": row.x_m, "y_m": row.y_m,
            "structure": row.structure, "height_m": 3.0 if row.roof else POLE_M,
            "antenna_height_m": row.antenna_height_m, "new": True, "slots": 0, "survey": False,
            "backhaul": row.backhaul, "length_m": row.length_m, "hop_to": row.hop_to, "by_road": row.by_road,
        }  # fmt: skip
        for one in operators:
            operator = one if settings.policy == "each" else ANY
            for code, radio in _radios(one, settings):
                cost = site + unit_cost(costs, radio.cost_item)
                found.add(_cells(code, radio, base, 0.0), cost, unit_cost(costs, "opex_site"), operator=operator,
                          **base, **_radio_columns(code, radio, case))  # fmt: skip


def _new_structures(case: Case, positions: NDArray[np.float64]) -> pd.DataFrame:
    """A structure on each position: x_m, y_m, roof, structure, antenna_height_m, road_m, power_m."""
    x_m, y_m = positions[:, 0], positions[:, 1]
    kind = case.places["kind"].to_numpy(object)[_owner(case.places, positions)]
    roof = np.isin(kind.astype(str), BUILDINGS)
    return pd.DataFrame(
        {
            "x_m": x_m,
            "y_m": y_m,
            "roof": roof,
            "structure": np.where(roof, "A1a", "A1b"),
            "antenna_height_m": np.where(roof, ROOF_M, POLE_M - 1.0),
            "road_m": nearest_road_m(x_m, y_m, case.roads),
            "power_m": nearest_road_m(x_m, y_m, powered(case.roads)),
        }
    )


def _owner(places: gpd.GeoDataFrame, at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Row of the place each position lies in, or is the middle of."""
    middle = places.geometry.representative_point()
    owner: NDArray[np.int64] = cKDTree(np.column_stack([middle.x, middle.y])).query(at)[1].astype(np.int64)
    positions = gpd.GeoSeries.from_xy(at[:, 0], at[:, 1], crs=places.crs)
    position, area = places.sindex.query(positions, predicate="within")
    owner[position] = area
    return owner


def _radios(operator: str, settings: Places5G) -> list[tuple[str, Configuration]]:
    """Bands an operator may use for 5G with every radio made for them; a shared one may use all operators' bands."""
    operators = settings.operators if settings.policy == "neutral" else (operator,)
    codes = dict.fromkeys(code for one in operators for code in bands_of(one, "5G"))
    return [(code, one) for code in codes for one in configurations() if code in one.bands]


def _radio_columns(code: str, radio: Configuration, case: Case) -> dict[str, Any]:
    """What a radio on a band says of an action."""
    return {
        "bands": code,
        "configuration": radio.configuration,
        "capacity_mbps": capacity_mbps(code, radio, case.settings.busy_share),
    }


def _cells(code: str, radio: Configuration, action: dict[str, Any], aim_deg: float) -> tuple[Cell, ...]:
    """Three sectors of a radio, the first of them aimed."""
    carrier = band(code)
    at = (action["x_m"], action["y_m"], action["antenna_height_m"])
    first = Cell(code, *at, aim_deg, 0.0, carrier.eirp_dbm + radio.extra_eirp_db, carrier.antenna)
    return three_sectors(first, (DOWNTILT_DEG, DOWNTILT_DEG, DOWNTILT_DEG))
