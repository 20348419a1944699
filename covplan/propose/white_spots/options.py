"""Hamlets in need and everything that could be done for them: tenants, bands, antennas, small cells, new masts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from covplan.propose.common.backhaul import Backbone, connect
from covplan.propose.common.candidates import BELOW_TOP_M, SECTION_M
from covplan.propose.common.costs import NOTHING, Range, lease_per_year, power_cost, structure_cost, unit_cost
from covplan.propose.common.heights import cell_elevation_m
from covplan.propose.common.new_ground import PER_TARGET
from covplan.propose.common.options import OptionList, Options
from covplan.propose.common.sites import Sites
from covplan.propose.common.spectrum import bands_of
from covplan.propose.common.transmitters import Cell, azimuth_deg, cells_at, three_sectors, tilt_deg
from covplan.propose.common.zones import by_area
from covplan.propose.solve.cover import NO_SITE
from covplan.radio.link_budget import band
from covplan.study.codes import ANY, ON_ROOFS
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.propose.common.case import Assumptions, Network
    from covplan.propose.common.reach import RadioModel
    from covplan.study.settings import WhiteSpots

ACTION_COLUMNS = (
    "action", "operator", "location_id", "site", "x_m", "y_m", "structure", "height_m", "antenna_height_m", "bands",
    "survey", "slots", "station_id",
)  # fmt: skip
SMALL_M, SMALL_EIRP_DBM = 18.0, 50.5  # pole; 20 W into an omni of 8.5 dBi behind 1 dB (planning assumption)
SMALL_OPEX = 0.5  # of a full site's running cost (planning assumption)
AIMS = 3  # directions tried at a structure: towards its nearest hamlets in need, where they differ
ALIKE_DEG = 20.0
RAISE_M = 4.0  # less is not worth a crew
SMALL_REACH_M = 1500.0  # a pole farther than this from every hamlet in need is not looked at
SIDE_TILT_DEG = 3.0  # of the two sectors that are not aimed at a hamlet


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
    any_covered: NDArray[np.bool_]
    """Points with a signal of any operator: also where only several together are sure enough."""
    best_dbm: NDArray[np.float32]
    """RSRP of whoever is received best at each point."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Points of hamlets whose state is known."""
        return np.asarray(self.hamlets["known"], dtype=bool)[self.hamlet]

    def covered_by(self, operators: Sequence[str]) -> NDArray[np.bool_]:
        """(operators × points); `ANY`: whoever it is; one that is not on air covers nothing."""
        covered = np.zeros((len(operators), self.x_m.size), dtype=bool)
        for n, one in enumerate(operators):
            if one == ANY:
                covered[n] = self.any_covered
            elif one in self.operators:
                covered[n] = self.covered[self.operators.index(one)]
        return covered


@dataclass(frozen=True)
class Case:
    """What is asked, what stands, and what is assumed: the same for all steps."""

    need: Need
    network: Network
    new_ground: pd.DataFrame
    """Candidates for new structures: columns of `common.new_ground.new_ground`."""
    backbone: Backbone
    model: RadioModel
    settings: WhiteSpots
    assumptions: Assumptions


@dataclass(frozen=True)
class WhiteSpotOptions(Options):
    """All that could be done, and the new sites some of it needs; actions have site and station_id too."""

    sites: Sites


def required_operators(settings: WhiteSpots) -> list[str]:
    """Operators each of which must cover a hamlet; `ANY` alone where one of them is enough."""
    return [ANY] if settings.operators == "any" else list(settings.every_operators)


def hamlets_missing(need: Need, settings: WhiteSpots) -> NDArray[np.int64]:
    """Rows of the hamlets of known state that lack a signal at a point that counts."""
    return np.unique(need.hamlet[_missing(need, settings)])


def missing_points(need: Need, settings: WhiteSpots) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points that count and lack a signal (study CRS), and how much new ground is looked at for each.

    Where somebody covers the point already there are structures to join, and less new ground is worth a look.
    """
    missing = _missing(need, settings)
    ground = np.where(need.any_covered[missing], settings.ground_where_covered, PER_TARGET)
    return np.column_stack([need.x_m[missing], need.y_m[missing]]), ground


def options_for(case: Case) -> WhiteSpotOptions:
    """Everything that could be done for the hamlets in need.

    On structures that stand: a tenant more, a low band more, antennas higher. On new ground: a pole with one small cell
    near a hamlet, a mast of each height of the settings.
    """
    every = case.settings.operators == "every"
    operators = case.settings.every_operators if every else sorted(set(case.network.stations["operator"]))
    lacking = {one: _lacking(case, one) for one in operators}
    found = OptionList()
    _on_structures(found, case, lacking)
    sites = _sites(case)
    _on_new_ground(found, case, sites.table, lacking if every else {ANY: _lacking(case, ANY)})
    return WhiteSpotOptions(found.table(ACTION_COLUMNS), found.cells, found.cost, found.opex, sites)


def _missing(need: Need, settings: WhiteSpots) -> NDArray[np.bool_]:
    """Points of hamlets of known state that lack a signal of one that must reach them."""
    covered = need.covered_by(required_operators(settings)).all(axis=0)
    missing: NDArray[np.bool_] = ~covered & need.known
    return missing


@dataclass(frozen=True)
class _Lacking:
    """Points where an operator's signal is wanted and missing: what its actions are aimed at."""

    points: NDArray[np.float64]
    tree: cKDTree

    def within(self, x_m: float, y_m: float, reach_m: float) -> bool:
        """Whether one of them is near enough."""
        return bool(self.tree.query_ball_point((x_m, y_m), reach_m, return_length=True))


def _lacking(case: Case, operator: str) -> _Lacking:
    """Under "any" the same for all operators: what nobody covers."""
    need, every = case.need, case.settings.operators == "every"
    missing = ~need.covered_by([operator if every else ANY])[0] & need.known
    points = np.column_stack([need.x_m[missing], need.y_m[missing]])
    return _Lacking(points, cKDTree(points))


def _on_structures(found: OptionList, case: Case, lacking: Mapping[str, _Lacking]) -> None:
    """A tenant more, a band more, antennas higher: of operators that are wanted within reach."""
    network = case.network
    on_location = {str(k): v for k, v in network.stations.groupby("location_id")}
    of_4g = network.cells[network.cells["technology"] == "4G"]
    cells_of = {str(k): v for k, v in of_4g.groupby("station_id")}
    for location in network.locations.itertuples():
        x_m, y_m = float(location.geometry.x), float(location.geometry.y)
        wanted = {one: points for one, points in lacking.items() if points.within(x_m, y_m, case.settings.reach_m)}
        if location.closed or not wanted:
            continue
        if location.room:
            _tenants(found, case, location, wanted)
        for station in on_location[location.location_id].itertuples():
            if station.operator in wanted:
                _low_band(found, case, location, station, wanted[station.operator])
                _higher_antennas(found, case, location, station, cells_of.get(station.station_id))


def _tenants(found: OptionList, case: Case, location: Any, wanted: Mapping[str, _Lacking]) -> None:
    """Operators that are not on a structure come to it: one of each band where any will do."""
    costs, every = case.assumptions.costs, case.settings.operators == "every"
    guests = [one for one in wanted if one not in location.operators and bands_of(one)]
    cost = unit_cost(costs, "lte_radio_3_sectors") + _survey_cost(case, location)
    rent = lease_per_year(costs, roof=location.structure in ON_ROOFS)
    for n, one in enumerate(guests if every else _one_per_band(guests)):
        code = bands_of(one)[0]
        height_m = location.free_heights_m[min(n, len(location.free_heights_m) - 1) if every else 0]
        base = _columns_of(location, operator=one, bands=code, antenna_height_m=height_m)
        for own in _aimed(case, _antenna(code, base), wanted[one]):
            found.add(own, cost, rent, action="add_tenant", **base)


def _low_band(found: OptionList, case: Case, location: Any, station: Any, wanted: _Lacking) -> None:
    """A station gets its operator's lowest band, where it lacks it."""
    low = next(iter(bands_of(station.operator)), "")
    if not low or low in split_list(station.bands):
        return
    costs = case.assumptions.costs
    cost = unit_cost(costs, "lte_radio_3_sectors") + unit_cost(costs, "antenna_swap") * 3.0
    cost += _survey_cost(case, location)
    base = _columns_of(location, operator=station.operator, station_id=station.station_id, bands=low,
                       antenna_height_m=float(station.antenna_height_m))  # fmt: skip
    for own in _aimed(case, _antenna(low, base), wanted):
        found.add(own, cost, NOTHING, action="add_band", **base)


def _higher_antennas(found: OptionList, case: Case, location: Any, station: Any, cells: pd.DataFrame | None) -> None:
    """A station's antennas move to the highest free section, where that is higher."""
    higher = [h for h in location.free_heights_m if h >= float(station.antenna_height_m) + RAISE_M]
    if not higher or cells is None:
        return
    base = _columns_of(location, operator=station.operator, station_id=station.station_id, bands="",
                       antenna_height_m=higher[0])  # fmt: skip
    own = cells_at(cells, base["x_m"], base["y_m"], higher[0])
    cost = unit_cost(case.assumptions.costs, "antenna_swap") * float(len(own)) + _survey_cost(case, location)
    found.add(own, cost, NOTHING, action="raise_antenna", **base)


def _columns_of(location: Any, **columns: Any) -> dict[str, Any]:
    """What every action on a structure says of it, and what this one says."""
    return {
        "location_id": location.location_id, "site": NO_SITE, "x_m": float(location.geometry.x),
        "y_m": float(location.geometry.y), "structure": location.structure, "height_m": location.height_m,
        "slots": location.free_slots, "survey": location.survey, **columns,
    }  # fmt: skip


def _survey_cost(case: Case, location: Any) -> Range:
    return unit_cost(case.assumptions.costs, "mast_survey") if location.survey else NOTHING


def _on_new_ground(found: OptionList, case: Case, sites: pd.DataFrame, lacking: Mapping[str, _Lacking]) -> None:
    """A small cell on a pole, a station on a mast: of operators that are wanted within reach."""
    costs = case.assumptions.costs
    radio, small = unit_cost(costs, "lte_radio_3_sectors"), unit_cost(costs, "remote_sector_station")
    columns = ["x_m", "y_m", "structure", "height_m", "small"]
    for site, x_m, y_m, structure, height_m, pole in sites[columns].itertuples(name=None):
        for n, (one, wanted) in enumerate(lacking.items()):
            code = bands_of(one)[0] if one != ANY else "L700"
            base: dict[str, Any] = {
                "operator": one, "location_id": None, "site": site, "x_m": float(x_m),
                "y_m": float(y_m), "bands": code, "structure": structure, "height_m": height_m,
                "survey": False, "slots": 0,
            }  # fmt: skip
            if not pole:
                base["antenna_height_m"] = height_m - BELOW_TOP_M - SECTION_M * n
                for own in _aimed(case, _antenna(code, base), wanted):
                    found.add(own, radio, NOTHING, action="new_mast", **base)
            elif wanted.within(base["x_m"], base["y_m"], SMALL_REACH_M):
                base["antenna_height_m"] = height_m - 2.0
                omni = Cell(code, base["x_m"], base["y_m"], base["antenna_height_m"], 0.0, 0.0, SMALL_EIRP_DBM, "omni")
                found.add((omni,), small, NOTHING, action="small_cell", **base)


def _sites(case: Case) -> Sites:
    """New ground with a pole, and with a mast of each height that is allowed there, connected to power and network."""
    costs, rules, propose = case.assumptions.costs, case.assumptions.rules, case.assumptions.propose
    heights = [(SMALL_M, True), *((height, False) for height in propose.mast_heights_m)]
    ground = case.new_ground.assign(candidate=np.arange(len(case.new_ground)))
    table = pd.concat([ground.assign(height_m=height, small=small) for height, small in heights], ignore_index=True)
    allowed = table["height_m"] <= by_area(table["urban"].to_numpy(bool), rules, "max_height", np.inf)
    table = table[allowed & (~table["small"] | (table["target_m"] <= SMALL_REACH_M))].reset_index(drop=True)
    table["structure"] = np.where(table["small"], "A2c", "A2b")
    link = connect(table.assign(antenna_height_m=table["height_m"] - BELOW_TOP_M), case.backbone, costs, propose)
    table = table.assign(**link.columns)
    cost, opex = [], []
    running = unit_cost(costs, "opex_site")
    columns = table[["small", "height_m", "road_m", "power_m"]].itertuples(index=False, name=None)
    for (pole, height_m, road_m, power_m), backhaul in zip(columns, link.cost, strict=True):
        power = power_cost(costs, float(power_m))
        mast = NOTHING if pole else structure_cost(costs, "A2b", height_m, float(road_m), propose)
        cost.append(mast + power + backhaul)  # the pole of a small cell comes with it
        opex.append(running * (SMALL_OPEX if pole else 1.0))
    keep = np.flatnonzero(link.kind != "satellite")  # no way to the network is no site
    parts = ([values[n] for n in keep] for values in (cost, link.cost, opex))
    return Sites(table.iloc[keep].reset_index(drop=True), *parts)


def _antenna(code: str, action: Mapping[str, Any]) -> Cell:
    """One sector of an action, not aimed yet."""
    carrier = band(code)
    at = (action["x_m"], action["y_m"], action["antenna_height_m"])
    return Cell(code, *at, 0.0, 0.0, carrier.eirp_dbm, carrier.antenna)


def _aimed(case: Case, antenna: Cell, lacking: _Lacking) -> list[tuple[Cell, ...]]:
    """Three sectors, one of them aimed at a hamlet in need: once for each of the nearest that lie apart."""
    points, x_m, y_m = lacking.points, antenna.x_m, antenna.y_m
    nearest = max(1, min(12, len(points)))
    near = lacking.tree.query((x_m, y_m), k=nearest, distance_upper_bound=case.settings.reach_m)
    top_m = cell_elevation_m(case.model.ground, x_m, y_m) + antenna.antenna_height_m
    aims: list[tuple[float, float]] = []
    for away_m, n in zip(np.atleast_1d(near[0]), np.atleast_1d(near[1]), strict=True):
        if not np.isfinite(away_m) or len(aims) == AIMS:
            break
        azimuth = azimuth_deg(x_m, y_m, float(points[n, 0]), float(points[n, 1]))
        if all(abs((azimuth - other + 60.0) % 120.0 - 60.0) > ALIKE_DEG for other, _ in aims):
            fall_m = top_m - cell_elevation_m(case.model.ground, *points[n])
            aims.append((azimuth, tilt_deg(fall_m, float(away_m))))
    return [
        three_sectors(replace(antenna, azimuth_deg=azimuth), (tilt, SIDE_TILT_DEG, SIDE_TILT_DEG))
        for azimuth, tilt in aims
    ]


def _one_per_band(operators: Sequence[str]) -> list[str]:
    """Of operators that would bring the same band, the first: a signal is a signal."""
    first: dict[str, str] = {}
    for one in operators:
        first.setdefault(bands_of(one)[0], one)
    return list(first.values())
