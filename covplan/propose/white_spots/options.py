"""Hamlets in need and everything that could be done for them: tenants, bands, antennas, small cells, new masts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from covplan.propose.common.backhaul import connect
from covplan.propose.common.candidates import PER_TARGET, SECTION_M
from covplan.propose.common.costs import NOTHING, Range, lease_per_year, power_cost, structure_cost, unit_cost
from covplan.propose.common.transmitters import Cell, azimuth_deg, tilt_deg
from covplan.propose.common.zones import by_area
from covplan.propose.solve.cover import (
    NO_SITE,
)
from covplan.radio.link_budget import band
from covplan.study.columns import split_list
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.fiber.access import Cable
    from covplan.study.settings import Cost, Propose, Rule, WhiteSpots
    from covplan.terrain.ground import Ground

ANY = ""  # the operator of an action anybody could do
BELOW_TOP_M = 3.0
SMALL_M, SMALL_EIRP_DBM = 18.0, 50.5  # pole; 20 W into an omni of 8.5 dBi behind 1 dB (planning assumption)
SMALL_OPEX = 0.5  # of a full site's running cost (planning assumption)
AIMS = 3  # directions tried at a structure: towards its nearest hamlets in need, where they differ
ALIKE_DEG = 20.0
RAISE_M = 4.0  # less is not worth a crew
SMALL_REACH_M = 1500.0  # a pole farther than this from every hamlet in need is not looked at


@dataclass(frozen=True)
class Need:
    """Hamlets, the points of theirs that count, and who covers them today."""

    hamlets: pd.DataFrame
    """village_id, name, households, grid_power, difficulty, known; numbered from 0."""
    hamlet: NDArray[np.int64]
    """Of each point: row of its hamlet."""
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    operators: tuple[str, ...]
    covered: NDArray[np.bool_]
    """(operators × points)."""
    best_dbm: NDArray[np.float32]
    """RSRP of whoever is received best at each point."""

    @property
    def any_covered(self) -> NDArray[np.bool_]:
        """Points somebody covers."""
        return np.asarray(self.covered.any(axis=0))


@dataclass(frozen=True)
class Options:
    """All that could be done: actions, and the new sites some of them need."""

    actions: pd.DataFrame
    """action, operator, location_id, site, x_m, y_m, structure, height_m, antenna_height_m, bands, survey, opex."""
    sites: pd.DataFrame
    """candidate, x_m, y_m, structure, height_m, road_m, power_m, urban, way, length_m, hop_to, by_road."""
    cells: list[tuple[Cell, ...]]
    """Of each action."""
    cost: list[Range]
    """To build, per action, VND."""
    opex: list[Range]
    """Per action, VND/year."""
    site_cost: list[Range]
    """Structure, power and backhaul, VND."""
    site_backhaul: list[Range]
    """What of it is backhaul."""
    site_opex: list[Range]


def options_for(
    need: Need,
    locations: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    new_ground: pd.DataFrame,
    cable: Callable[[NDArray[np.float64], NDArray[np.float64]], Cable],
    ground: Ground,
    costs: Mapping[str, Cost],
    rules: Sequence[Rule],
    settings: WhiteSpots,
    weighing: Propose,
) -> Options:
    """Everything that could be done for the hamlets in need.

    On structures that stand: a tenant more, a low band more, antennas higher. On new ground: a pole with one small cell
    near a hamlet, a mast of each height of the settings.

    Parameters
    ----------
    cable : callable
        What leads from points to the nearest fiber.
    """
    lacking = {one: _lacking(need, settings, one) for one in _operators(stations, settings)}
    made = _Made([], [], [], [])
    _on_structures(made, locations, stations, cells, lacking, costs, settings, ground)
    sites, site_cost, site_backhaul, site_opex = _sites(new_ground, locations, cable, ground, costs, rules, weighing)
    builders = lacking if settings.operators == "every" else {ANY: _lacking(need, settings, ANY)}
    _on_new_ground(made, sites, builders, costs, settings, ground)
    columns = ["action", "operator", "location_id", "site", "x_m", "y_m", "structure", "height_m",
               "antenna_height_m", "bands", "survey", "slots", "station_id"]  # fmt: skip
    return Options(
        pd.DataFrame(made.rows, columns=columns), sites, made.cells, made.cost, made.opex, site_cost, site_backhaul,
        site_opex,
    )  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """Actions as they are written down, one list per part."""

    rows: list[dict[str, Any]]
    cells: list[tuple[Cell, ...]]
    cost: list[Range]
    opex: list[Range]

    def add(self, cells: tuple[Cell, ...], cost: Range, opex: Range, **row: Any) -> None:
        self.rows.append(row)
        self.cells.append(cells)
        self.cost.append(cost)
        self.opex.append(opex)


@dataclass(frozen=True)
class _Lacking:
    """Points where an operator's signal is wanted and missing: what its actions are aimed at."""

    points: NDArray[np.float64]
    tree: cKDTree

    def within(self, x: float, y: float, reach_m: float) -> bool:
        """Whether one of them is near enough."""
        return bool(self.tree.query_ball_point((x, y), reach_m, return_length=True))


def _lacking(need: Need, settings: WhiteSpots, operator: str) -> _Lacking:
    """Under "any" the same for all operators: what nobody covers."""
    covered = need.any_covered if settings.operators == "any" else rows_of_points(need, [operator])[0]
    missing = ~covered & need.hamlets["known"].to_numpy(bool)[need.hamlet]
    points = np.column_stack([need.x_m[missing], need.y_m[missing]])
    return _Lacking(points, cKDTree(points))


@cache
def bands_of(operator: str, technology: str = "4G") -> tuple[str, ...]:
    """Bands an operator may use for a technology (resources/spectrum.csv), lowest frequency first."""
    rows = csv.DictReader(resource_text("spectrum.csv").splitlines())
    own = [row["band"] for row in rows if row["operator"] == operator]
    return tuple(sorted((b for b in own if band(b).technology == technology), key=lambda b: band(b).downlink_mhz))


def _on_structures(
    made: _Made,
    locations: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    lacking: Mapping[str, _Lacking],
    costs: Mapping[str, Cost],
    settings: WhiteSpots,
    ground: Ground,
) -> None:
    """A tenant more, a band more, antennas higher: of operators that are wanted within reach."""
    radio, swap, survey = (unit_cost(costs, i) for i in ("lte_radio_3_sectors", "antenna_swap", "mast_survey"))
    on_location = {str(k): v for k, v in stations.groupby("location_id")}
    cells_of = {str(k): v for k, v in cells[cells["technology"] == "4G"].groupby("station_id")}
    for place in locations.itertuples():
        x, y = float(place.geometry.x), float(place.geometry.y)
        who = [one for one, points in lacking.items() if points.within(x, y, settings.reach_m)]
        if place.closed or not who:
            continue
        base: dict[str, Any] = {
            "location_id": place.location_id, "site": NO_SITE, "x_m": x, "y_m": y, "structure": place.structure,
            "height_m": place.height_m, "slots": place.free_slots,
        }  # fmt: skip
        more = survey if place.survey else NOTHING
        rent = lease_per_year(costs, roof=place.structure in ("A1a", "A2a"))
        if place.room:
            guests = [one for one in who if one not in place.operators and bands_of(one)]
            for n, one in enumerate(guests if settings.operators == "every" else _one_per_band(guests)):
                at = min(n, len(place.free_heights_m) - 1) if settings.operators == "every" else 0
                height_m = place.free_heights_m[at]
                for own in _sectors(bands_of(one)[0], x, y, height_m, lacking[one], settings, ground):
                    made.add(own, radio + more, rent, action="add_tenant", operator=one, bands=bands_of(one)[0],
                             antenna_height_m=height_m, survey=place.survey, **base)  # fmt: skip
        for station in on_location[place.location_id].itertuples():
            if station.operator not in who:
                continue
            own_bands = bands_of(station.operator)
            there = split_list(station.bands)
            low = own_bands[0] if own_bands else ""
            kept: dict[str, Any] = {**base, "operator": station.operator, "station_id": station.station_id}
            if low and low not in there:
                height_m = float(station.antenna_height_m)
                for own in _sectors(low, x, y, height_m, lacking[station.operator], settings, ground):
                    made.add(own, radio + swap * 3.0 + more, NOTHING, action="add_band", bands=low,
                             antenna_height_m=height_m, survey=place.survey, **kept)  # fmt: skip
            higher = [h for h in place.free_heights_m if h >= float(station.antenna_height_m) + RAISE_M]
            if higher and station.station_id in cells_of:
                own = cells_at(cells_of[station.station_id], x, y, higher[0])
                made.add(own, swap * float(len(own)) + more, NOTHING, action="raise_antenna", bands="",
                         antenna_height_m=higher[0], survey=place.survey, **kept)  # fmt: skip


def _on_new_ground(
    made: _Made,
    sites: pd.DataFrame,
    lacking: Mapping[str, _Lacking],
    costs: Mapping[str, Cost],
    settings: WhiteSpots,
    ground: Ground,
) -> None:
    """A small cell on a pole, a station on a mast: of operators that are wanted within reach."""
    radio, small = unit_cost(costs, "lte_radio_3_sectors"), unit_cost(costs, "remote_sector_station")
    for site in sites.itertuples():
        x, y = float(site.x_m), float(site.y_m)
        for n, (one, wanted) in enumerate(lacking.items()):
            code = bands_of(one)[0] if one else "L700"
            row = {
                "operator": one, "location_id": None, "site": site.Index, "x_m": x, "y_m": y, "bands": code,
                "structure": site.structure, "height_m": site.height_m, "survey": False, "slots": 0,
            }  # fmt: skip
            if site.small:
                if not wanted.within(x, y, SMALL_REACH_M):
                    continue
                height_m = site.height_m - 2.0
                cell = Cell(code, x, y, height_m, 0.0, 0.0, SMALL_EIRP_DBM, "omni")
                made.add((cell,), small, NOTHING, action="small_cell", antenna_height_m=height_m, **row)
                continue
            height_m = site.height_m - BELOW_TOP_M - SECTION_M * n
            for own in _sectors(code, x, y, height_m, wanted, settings, ground):
                made.add(own, radio, NOTHING, action="new_mast", antenna_height_m=height_m, **row)


def _sites(
    new_ground: pd.DataFrame,
    locations: gpd.GeoDataFrame,
    cable: Callable[[NDArray[np.float64], NDArray[np.float64]], Cable],
    ground: Ground,
    costs: Mapping[str, Cost],
    rules: Sequence[Rule],
    weighing: Propose,
) -> tuple[pd.DataFrame, list[Range], list[Range], list[Range]]:
    """New ground with a pole, and with a mast of each height that is allowed there.

    And of each: what it costs to build, how much of that is its backhaul, and what it costs to run.
    """
    heights = [(SMALL_M, True), *((height, False) for height in weighing.mast_heights_m)]
    parts = [
        new_ground.assign(candidate=np.arange(len(new_ground)), height_m=height, small=small)
        for height, small in heights
    ]
    sites = pd.concat(parts, ignore_index=True)
    allowed = sites["height_m"] <= by_area(sites["urban"].to_numpy(bool), rules, "max_height", np.inf)
    sites = sites[allowed & (~sites["small"] | (sites["target_m"] <= SMALL_REACH_M))].reset_index(drop=True)
    sites["structure"] = np.where(sites["small"], "A2c", "A2b")
    x, y = sites["x_m"].to_numpy(float), sites["y_m"].to_numpy(float)
    donors = locations[locations["fiber"] & ~locations["closed"]].assign(
        antenna_height_m=lambda table: table["highest_m"]
    )
    found = cable(x, y)
    power_m = sites["power_m"].to_numpy(float)
    link = connect(x, y, sites["height_m"].to_numpy(float) - BELOW_TOP_M, found.length_m, power_m, donors, ground,
                   costs, weighing)  # fmt: skip
    sites = sites.assign(way=link.way, length_m=link.length_m, hop_to=link.hop_to, by_road=found.by_road)
    cost, opex = [], []
    running = unit_cost(costs, "opex_site")
    for site, backhaul in zip(sites.itertuples(), link.cost, strict=True):
        power = power_cost(costs, float(site.power_m))
        mast = NOTHING if site.small else structure_cost(costs, "A2b", site.height_m, float(site.road_m), weighing)
        cost.append(mast + power + backhaul)  # the pole of a small cell comes with it
        opex.append(running * (SMALL_OPEX if site.small else 1.0))
    keep = np.flatnonzero(link.way != "satellite")  # no way to the network is no site
    own = ([values[n] for n in keep] for values in (cost, link.cost, opex))
    return sites.iloc[keep].reset_index(drop=True), *own


def _sectors(
    code: str,
    x: float,
    y: float,
    height_m: float,
    lacking: _Lacking,
    settings: WhiteSpots,
    ground: Ground,
) -> list[tuple[Cell, ...]]:
    """Three sectors, one of them aimed at a hamlet in need: a way for each of the nearest that lie apart."""
    points = lacking.points
    near = lacking.tree.query((x, y), k=max(1, min(12, len(points))), distance_upper_bound=settings.reach_m)
    carrier = band(code)
    aims: list[tuple[float, float]] = []
    for away_m, n in zip(np.atleast_1d(near[0]), np.atleast_1d(near[1]), strict=True):
        if not np.isfinite(away_m) or len(aims) == AIMS:
            break
        azimuth = azimuth_deg(x, y, float(points[n, 0]), float(points[n, 1]))
        if all(abs((azimuth - other + 60.0) % 120.0 - 60.0) > ALIKE_DEG for other, _ in aims):
            fall_m = _ground_m(ground, x, y) + height_m - _ground_m(ground, *points[n])
            aims.append((azimuth, tilt_deg(fall_m, float(away_m))))
    return [
        tuple(
            Cell(code, x, y, height_m, (azimuth + turn) % 360.0, tilt if turn == 0 else 3.0, carrier.eirp_dbm,
                 carrier.antenna)
            for turn in (0.0, 120.0, 240.0)
        )
        for azimuth, tilt in aims
    ]  # fmt: skip


def cells_at(cells: pd.DataFrame, x: float, y: float, height_m: float) -> tuple[Cell, ...]:
    """A station's cells at another height."""
    made = []
    for cell in cells.dropna(subset=["band"]).itertuples():
        carrier = band(cell.band)
        omni = pd.isna(cell.azimuth_deg)
        antenna = "omni" if omni else carrier.antenna
        made.append(
            Cell(
                cell.band, x, y, height_m, 0.0 if omni else float(cell.azimuth_deg),
                0.0 if pd.isna(cell.downtilt_deg) else float(cell.downtilt_deg),
                carrier.eirp_dbm if pd.isna(cell.eirp_dbm) else float(cell.eirp_dbm),
                antenna if pd.isna(cell.antenna) or not cell.antenna else str(cell.antenna),
            )
        )  # fmt: skip
    return tuple(made)


def hamlets_missing(need: Need, settings: WhiteSpots) -> NDArray[np.int64]:
    """Rows of the hamlets of known state that lack a signal at a point that counts."""
    covered = (
        need.any_covered if settings.operators == "any" else rows_of_points(need, settings.every_operators).all(axis=0)
    )
    rows: NDArray[np.int64] = np.unique(need.hamlet[~covered])
    known = need.hamlets["known"].to_numpy(bool)
    return np.asarray(rows[known[rows]], dtype=np.int64)


def missing_points(need: Need, settings: WhiteSpots) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points that count and lack a signal (study CRS), and how much new ground is looked at for each.

    Where somebody covers the point already there are structures to join, and less new ground is worth a look.
    """
    covered = (
        need.any_covered if settings.operators == "any" else rows_of_points(need, settings.every_operators).all(axis=0)
    )
    missing = ~covered & need.hamlets["known"].to_numpy(bool)[need.hamlet]
    ground = np.where(need.any_covered[missing], settings.ground_where_covered, PER_TARGET)
    return np.column_stack([need.x_m[missing], need.y_m[missing]]), ground


def rows_of_points(need: Need, operators: Sequence[str]) -> NDArray[np.bool_]:
    """Coverage of some operators; one that is not on air covers nothing."""
    covered = np.zeros((len(operators), need.x_m.size), dtype=bool)
    for n, one in enumerate(operators):
        if one in need.operators:
            covered[n] = need.covered[need.operators.index(one)]
    return covered


def _operators(stations: gpd.GeoDataFrame, settings: WhiteSpots) -> list[str]:
    if settings.operators == "every":
        return list(settings.every_operators)
    return sorted(set(stations["operator"]))


def _one_per_band(operators: Sequence[str]) -> list[str]:
    """Of operators that would bring the same band, the first: a signal is a signal."""
    first: dict[str, str] = {}
    for one in operators:
        first.setdefault(bands_of(one)[0], one)
    return list(first.values())


def _ground_m(ground: Ground, x: float, y: float) -> float:
    row, column = ground.grid.rowcol(x, y)
    inside = 0 <= row < ground.grid.rows and 0 <= column < ground.grid.columns
    return float(ground.elevation_m[row, column]) if inside else 0.0
