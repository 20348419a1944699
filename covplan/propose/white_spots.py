"""White spots: the cheapest actions that bring a signal to hamlets without one, and what the next hamlet costs.

Options are written down first (`options`), then who is reached by which (`transmit`), then the program chooses
(`cover`): what an action is, costs and needs is a table anybody can read.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack
from scipy.spatial import cKDTree

from covplan.propose.backhaul import backhaul_words, connect
from covplan.propose.baselines import cheapest_first, most_demand_first, nearest_first
from covplan.propose.candidates import PER_TARGET, SECTION_M
from covplan.propose.costs import NOTHING, Range, lease_per_year, power_cost, present_value, structure_cost, unit_cost
from covplan.propose.cover import (
    NO_SITE,
    Choice,
    Cover,
    cover,
    dominated,
    least_cost,
    next_best,
    only,
    served_by,
    unreachable,
)
from covplan.propose.decided import require
from covplan.propose.rows import MILLION, amount, named, proposal_rows
from covplan.propose.transmit import Cell, azimuth_deg, reach_of, tilt_deg
from covplan.propose.zones import by_area
from covplan.radio.link_budget import band, shadow_margin
from covplan.study.columns import split_list
from covplan.study.errors import NoSolution
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.fiber.access import Cable
    from covplan.study.boundaries import Version
    from covplan.study.settings import Cost, Propagation, Propose, Radio, Rule, WhiteSpots
    from covplan.terrain.ground import Ground

INDICATOR = "VILLAGE_MBB_COV"
ANY = ""  # the operator of an action anybody could do
BELOW_TOP_M = 3.0
SMALL_M, SMALL_EIRP_DBM = 18.0, 50.5  # pole; 20 W into an omni of 8.5 dBi behind 1 dB (planning assumption)
SMALL_OPEX = 0.5  # of a full site's running cost (planning assumption)
AIMS = 3  # directions tried at a structure: towards its nearest hamlets in need, where they differ
ALIKE_DEG = 20.0
FARTHER = 1.5  # times the reach of the settings: how far from an action a hamlet is still looked at
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


@dataclass(frozen=True)
class WhiteSpotPlan:
    """What is proposed, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    """The program beside what a planner would do by habit."""
    choice: Choice
    problem: Cover
    options: Options
    hamlets: pd.DataFrame
    """Those of the `Need`."""
    hamlet_of: NDArray[np.int64]
    """Row of `hamlets` of each demand of the problem."""
    best_dbm: NDArray[np.float64]
    """Of each demand: the weakest of its points under the best candidate, dBm."""
    pays_for: NDArray[np.int64]
    """Of each row of `proposals`: the new site whose cost is in it; −1 for none."""


def propose(
    need: Need,
    options: Options,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: WhiteSpots,
    weighing: Propose,
    rules: Sequence[Rule],
    communes: gpd.GeoDataFrame,
    version: Version,
    targets_pct: Mapping[int, float],
    *,
    required: Sequence[NDArray[np.int64]] = (),
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> WhiteSpotPlan:
    """Cheapest actions that reach the targets, each year's among those of the last year.

    The last target is solved first, over all options (`cover.least_cost`); what comes earlier is chosen among its
    actions, so that nothing is built twice. What that costs against solving the earlier target alone stands in the
    comparison.

    Parameters
    ----------
    targets_pct : mapping
        Share of the hamlets of known state that must have a signal, by year.
    required : sequence of ndarray of int
        Actions of which one must be done, for each that a planner accepted.

    Raises
    ------
    NoSolution
        A hamlet no candidate reaches, by name and with the level it would receive; or limits that exclude each other.
    """
    tell = progress or (lambda _: None)
    free, hamlet_of, best_dbm = posed(need, options, radio, propagation, ground, settings, weighing, rules, cache)
    problem = require(free, required)
    known = int(need.hamlets["known"].sum())
    fine = known - hamlet_of.size
    wanted = {year: max(0, int(np.ceil(pct * known / 100 - 1e-9)) - fine) for year, pct in sorted(targets_pct.items())}
    last = max(wanted)
    least_dbm = level_needed(radio, propagation)
    explain(problem, need.hamlets, hamlet_of, best_dbm, wanted[last], least_dbm)
    tell(f"{wanted[last]} thôn (hamlets), {problem.cost.size} phương án (options)")
    gap, limit_s = weighing.gap, weighing.time_limit_s
    final = least_cost(problem, wanted[last], gap=gap, time_limit_s=limit_s)
    year_of = np.full(problem.cost.size, last)
    alone: dict[int, Choice] = {}
    within = {last: final}
    for year in sorted(wanted)[:-1]:
        alone[year] = least_cost(problem, wanted[year], gap=gap, time_limit_s=limit_s)
        within[year] = least_cost(problem, wanted[year], forbidden=~final.actions, gap=gap, time_limit_s=limit_s)
        year_of[within[year].actions & (year_of == last)] = year
    table, pays_for = _rows(need, options, problem, final, hamlet_of, year_of, known, communes, version)
    comparison = _compared(need, options, free, hamlet_of, wanted, within, alone)
    return WhiteSpotPlan(table, comparison, final, problem, options, need.hamlets, hamlet_of, best_dbm, pays_for)


def posed(
    need: Need,
    options: Options,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: WhiteSpots,
    weighing: Propose,
    rules: Sequence[Rule],
    cache: Path | None = None,
) -> tuple[Cover, NDArray[np.int64], NDArray[np.float64]]:
    """The covering problem of the hamlets in need: demands in their order, costs in million VND over the horizon.

    ::

        sets         i hamlets of known state that lack a signal at a point that counts, p these points (of every
                     operator that must reach them, under "every"), a actions, s new sites
        reach        RSRP of the action at p ≥ threshold + shadowing margin for the confidence of the settings
        cost         built + present value of running it over the horizon
        limits       free tenants of a structure; one action per operator and structure; of new sites nearer to each
                     other than the spacing rule, one
    """
    missing = ~need.any_covered[None, :] if settings.operators == "any" else ~_rows_of(need, settings.every_operators)
    in_need = hamlets_missing(need, settings)
    demand_of = np.full(len(need.hamlets), -1)
    demand_of[in_need] = np.arange(in_need.size)
    at = np.flatnonzero(missing.any(axis=0) & (demand_of[need.hamlet] >= 0))
    near = propagation.model_copy(update={"radius_km": min(propagation.radius_km, settings.reach_m / 1000.0 * FARTHER)})
    reach = reach_of(
        options.cells, need.x_m[at], need.y_m[at], level_needed(radio, propagation), ground, near, cache=cache
    )
    who = [ANY] if settings.operators == "any" else list(settings.every_operators)
    operator = options.actions["operator"].to_numpy(object)
    parts, owners, levels = [], [], []
    for row, one in enumerate(who):
        points = np.flatnonzero(missing[row][at])  # of those in need
        own = np.ones(operator.size, bool) if one == ANY else operator == one
        parts.append(csr_array(reach.covered[points].multiply(own[None, :])).astype(bool))
        owners.append(demand_of[need.hamlet[at[points]]])
        levels.append(reach.best_dbm[points])
    demand = np.concatenate(owners)
    best_dbm = np.full(in_need.size, np.inf)
    np.minimum.at(best_dbm, demand, np.concatenate(levels))
    limits, most = _limits(options, rules)
    problem = cover(
        csr_array(vstack(parts)),
        _worth(options.cost, options.opex, weighing),
        demand=demand,
        value=np.ones(in_need.size),
        site=options.actions["site"].to_numpy(np.int64),
        site_cost=_worth(options.site_cost, options.site_opex, weighing),
        limits=limits,
        most=most,
    )
    return problem, in_need, best_dbm


def level_needed(radio: Radio, propagation: Propagation) -> float:
    """Median RSRP at which the threshold is met with the confidence of the settings, dBm."""
    return radio.rsrp_threshold_dbm + float(shadow_margin(radio.confidence, propagation.location_sigma_db))


def explain(
    problem: Cover,
    hamlets: pd.DataFrame,
    hamlet_of: NDArray[np.int64],
    best_dbm: NDArray[np.float64],
    wanted: float,
    least_dbm: float,
) -> None:
    """Raise NoSolution in words when more hamlets are wanted than any candidate can cover."""
    out = unreachable(problem)
    able = problem.value.sum() - problem.value[out].sum()
    if able >= wanted - 1e-9:
        return
    worst = out[np.argsort(-best_dbm[out], kind="stable")]
    lines = []
    for demand in worst[:5]:
        hamlet = hamlets.iloc[hamlet_of[demand]]
        level = f"the closest reaches {best_dbm[demand]:.0f} dBm" if np.isfinite(best_dbm[demand]) else "none is heard"
        lines.append(
            f"hamlet {hamlet['name']} ({hamlet['village_id']}) cannot be covered by any candidate within the rules; "
            f"{level}, {least_dbm:.0f} dBm are needed"
        )
    more = f"; and {out.size - 5} more" if out.size > 5 else ""
    raise NoSolution(
        f"{wanted:g} hamlets are to be covered, {able:g} of {problem.value.sum():g} can be: {'; '.join(lines)}{more}. "
        "Allow steeper or more distant ground ([propose] slope_deg, road_m), other rules, or ask for less."
    )


def supply_curve(
    plan: WhiteSpotPlan, hamlets: pd.DataFrame, costs: Mapping[str, Cost], weighing: Propose, *, nested: bool = False
) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, and the next one: the program solved for a rising demand.

    Columns: hamlets, households, cost_vnd (built and run over the horizon), next_vnd (the marginal cost), gap,
    satellite_vnd (a satellite terminal for one hamlet over the same horizon: a connection at one point, not a mobile
    signal), last_mile (the next hamlet costs more than that), village_ids (all that are covered).

    Parameters
    ----------
    nested : bool
        Each step keeps what the step before chose: dearer, but a programme that can be followed.
    """
    most = int(plan.problem.value.sum() - plan.problem.value[unreachable(plan.problem)].sum())
    satellite = unit_cost(costs, "satellite_terminal").base + present_value(
        unit_cost(costs, "satellite_subscription").base, weighing
    )
    rows: list[dict[str, Any]] = []
    before, kept = 0.0, np.zeros(plan.problem.cost.size, dtype=bool)
    for wanted in range(1, most + 1):
        one = least_cost(
            plan.problem, wanted, fixed=kept if nested else None, gap=weighing.gap, time_limit_s=weighing.time_limit_s
        )
        kept = one.actions
        served = hamlets.iloc[plan.hamlet_of[one.served]]
        rows.append(
            {
                "hamlets": wanted,
                "households": int(served["households"].sum()),
                "cost_vnd": one.cost * MILLION,
                "next_vnd": (one.cost - before) * MILLION,
                "gap": one.solution.gap if one.solution else np.nan,
                "satellite_vnd": satellite,
                "last_mile": (one.cost - before) * MILLION > satellite,
                "village_ids": ";".join(served["village_id"]),
            }
        )
        before = one.cost
    return pd.DataFrame(rows)


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
        What leads from points to the nearest fibre.
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
    covered = need.any_covered if settings.operators == "any" else _rows_of(need, [operator])[0]
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


def _limits(options: Options, rules: Sequence[Rule]) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of what cannot be together; see `posed`."""
    actions, sites = options.actions, options.sites
    width = len(actions) + len(sites)
    entries: list[NDArray[np.int64]] = []
    most: list[float] = []
    if len(actions):
        on_site = actions["site"].to_numpy(np.int64).astype(str).astype(object)
        where = actions["location_id"].fillna("").to_numpy(object) + "/" + on_site
        aimed = actions.groupby([where, actions["operator"].to_numpy(object), actions["action"]]).groups.values()
        standing = actions[actions["action"].isin(["add_tenant", "raise_antenna"])]
        at_height = standing.groupby(["location_id", "antenna_height_m"]).groups.values()
        for same in (*aimed, *at_height):  # one direction of one set of antennas; one tenant of one section
            if len(same) > 1:
                entries.append(np.asarray(same, np.int64))
                most.append(1.0)
        for _, guests in actions[actions["action"] == "add_tenant"].groupby("location_id"):
            if guests["operator"].nunique() > guests["slots"].iloc[0]:
                entries.append(guests.index.to_numpy(np.int64))
                most.append(float(guests["slots"].iloc[0]))
    for pair in _too_near(sites, rules):
        entries.append(pair + len(actions))
        most.append(1.0)
    columns = np.concatenate(entries) if entries else np.empty(0, np.int64)
    starts = np.cumsum([0, *(one.size for one in entries)])
    return csr_array((np.ones(columns.size), columns, starts), shape=(len(entries), width)), np.array(most)


def _too_near(sites: pd.DataFrame, rules: Sequence[Rule]) -> list[NDArray[np.int64]]:
    """Sites of which only one may be: the heights of one candidate, and two candidates nearer than the rule."""
    if not len(sites):
        return []
    own = {int(k): v.to_numpy(np.int64) for k, v in sites.groupby("candidate").groups.items()}
    first = sites.drop_duplicates("candidate").set_index("candidate")
    spacing_m = by_area(first["urban"].to_numpy(bool), rules, "min_spacing")
    at = first[["x_m", "y_m"]].to_numpy(float)
    pairs = cKDTree(at).query_pairs(float(spacing_m.max()), output_type="ndarray")
    apart_m = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T)
    near = pairs[apart_m < np.maximum(spacing_m[pairs[:, 0]], spacing_m[pairs[:, 1]])]
    names = first.index.to_numpy(np.int64)
    rows = [np.concatenate([own[names[a]], own[names[b]]]) for a, b in near]
    return rows + [columns for columns in own.values() if columns.size > 1]


def _rows(
    need: Need,
    options: Options,
    problem: Cover,
    choice: Choice,
    hamlet_of: NDArray[np.int64],
    year_of: NDArray[np.int64],
    known: int,
    communes: gpd.GeoDataFrame,
    version: Version,
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """One row of the layer per chosen action, and the site it pays for: that goes to the earliest action on it."""
    records, points, pays_for = [], [], []
    gained = _gained(problem, choice)
    paid: dict[int, str] = {}
    gap = choice.solution.gap if choice.solution else np.nan
    chosen = np.flatnonzero(choice.actions)
    for n, action in enumerate(chosen[np.argsort(year_of[chosen], kind="stable")].tolist(), start=1):
        proposal_id = f"W-{n:03d}"
        row = options.actions.iloc[action]
        cost, opex = options.cost[action], options.opex[action]
        site = int(row["site"])
        there = options.sites.iloc[site] if site != NO_SITE else None
        first_on_site = paid.setdefault(site, proposal_id) if site != NO_SITE else proposal_id
        pays_for.append(site if first_on_site == proposal_id else NO_SITE)
        if pays_for[-1] != NO_SITE:
            cost, opex = cost + options.site_cost[site], opex + options.site_opex[site]
        hamlets = need.hamlets.iloc[hamlet_of[gained[action]]]
        lost, again = next_best(problem, choice, int(action))
        own = problem.cost[action] + (problem.site_cost[site] if site != NO_SITE else 0.0)
        reasons = _reasons(hamlets, need.hamlets.iloc[hamlet_of[lost]], own * MILLION, again, row, there)
        titles = _titles(row, hamlets)
        first = hamlets.iloc[0] if len(hamlets) else None
        records.append(
            {
                "proposal_id": proposal_id,
                "kind": "white_spot",
                "action": row["action"],
                "title_vi": titles[0],
                "title_en": titles[1],
                "operator": row["operator"] or None,
                "location_id": row["location_id"],
                "village_id": None if first is None else first["village_id"],
                "structure": row["structure"],
                "height_m": float(row["height_m"]),
                "antenna_height_m": float(row["antenna_height_m"]),
                "bands": row["bands"] or None,
                "length_m": None if there is None else float(there["length_m"]),
                "gains": ";".join(hamlets["village_id"]),
                "gains_count": len(hamlets),
                "households": int(hamlets["households"].sum()),
                "indicator": INDICATOR,
                "indicator_change": round(100.0 * len(hamlets) / known, 4) if known else None,
                "cost_low_vnd": cost.low,
                "cost_base_vnd": cost.base,
                "cost_high_vnd": cost.high,
                "opex_vnd_per_year": opex.base,
                "year": int(year_of[action]),
                "depends_on": first_on_site if first_on_site != proposal_id else None,
                "funding": _funding(hamlets),
                "gap": gap,
                "reason_vi": reasons[0],
                "reason_en": reasons[1],
                "synthetic": bool(need.hamlets.get("synthetic", pd.Series([False])).fillna(value=False).any()),
                "provenance": "covplan: propose.white_spots",
            }
        )
        points.append(gpd.points_from_xy([row["x_m"]], [row["y_m"]])[0])
    return proposal_rows(records, points, communes, version), np.array(pays_for, np.int64)


def _gained(problem: Cover, choice: Choice) -> dict[int, NDArray[np.int64]]:
    """Served hamlets of each chosen action: every hamlet goes to the one that covers most of its points."""
    chosen = np.flatnonzero(choice.actions)
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    part = (owners @ problem.reach[:, chosen].astype(float)).toarray()
    best = part.argmax(axis=1) if chosen.size else np.empty(0, np.int64)
    return {int(action): np.flatnonzero(choice.served & (best == n)) for n, action in enumerate(chosen)}


def _reasons(
    hamlets: pd.DataFrame,
    lost: pd.DataFrame,
    own_vnd: float,
    again: float | None,
    row: pd.Series,
    site: pd.Series | None,
) -> tuple[str, str]:
    """What it gains, what it costs over the horizon, what the next best costs, what happens without it."""
    names, households = named(list(hamlets["name"])), int(hamlets["households"].sum())
    own_vi, own_en = amount(own_vnd)
    vi = f"Phủ {len(hamlets)} thôn ({names}), {households} hộ; xây dựng và vận hành {own_vi}."
    en = f"Covers {len(hamlets)} hamlets ({names}), {households} households; to build and run {own_en}."
    if site is not None:
        backhaul = backhaul_words(site["way"], site["length_m"], site["hop_to"], by_road=bool(site["by_road"]))
        vi += f" Truyền dẫn: {backhaul[0]}."
        en += f" Backhaul: {backhaul[1]}."
    if row["survey"]:
        vi += " Cột cần kiểm định lại trước khi lắp."
        en += " The structure is to be surveyed first."
    if not len(lost):
        return vi, en
    without = named(list(lost["name"]))
    if again is None:
        return (
            f"{vi} Nếu không làm, {len(lost)} thôn vẫn trắng sóng ({without}); không có phương án khác.",
            f"{en} Without it {len(lost)} hamlets stay dark ({without}); there is no other way.",
        )
    next_vi, next_en = amount(again * MILLION)
    return (
        f"{vi} Nếu không làm, {len(lost)} thôn vẫn trắng sóng ({without}); phương án kế tiếp tốn {next_vi}.",
        f"{en} Without it {len(lost)} hamlets stay dark ({without}); the next best way costs {next_en}.",
    )


def _titles(row: pd.Series, hamlets: pd.DataFrame) -> tuple[str, str]:
    name = str(hamlets["name"].iloc[0]) if len(hamlets) else ""
    where, who, height = row["location_id"], row["operator"], f"{row['height_m']:.0f} m"
    words = {
        "add_tenant": (f"{who} lắp trạm dùng chung tại cột {where}", f"{who} joins the structure {where}"),
        "add_band": (f"{who} thêm băng {row['bands']} tại {where}", f"{who} adds {row['bands']} at {where}"),
        "raise_antenna": (f"{who} nâng anten tại {where}", f"{who} raises its antennas at {where}"),
        "small_cell": (f"Trạm nhỏ gần {name}", f"Small cell near {name}"),
        "new_mast": (f"Cột mới {height} phủ {name}", f"New mast of {height} for {name}"),
    }
    return words[str(row["action"])]


def _funding(hamlets: pd.DataFrame) -> str:
    """The universal-service fund pays where a hamlet gained is of special difficulty and has grid power."""
    special = (hamlets["difficulty"] == "special") & hamlets["grid_power"].fillna(value=False).astype(bool)
    return "universal_service_fund" if bool(special.any()) else "operator"


def _compared(
    need: Need,
    options: Options,
    problem: Cover,
    hamlet_of: NDArray[np.int64],
    wanted: Mapping[int, int],
    within: Mapping[int, Choice],
    alone: Mapping[int, Choice],
) -> pd.DataFrame:
    """The program and the habits, for each year's target."""
    at = need.hamlets[["x_m", "y_m"]].to_numpy(float)[hamlet_of]
    from_actions = options.actions[["x_m", "y_m"]].to_numpy(float)
    away_m = np.hypot(at[:, :1] - from_actions[:, 0], at[:, 1:] - from_actions[:, 1])
    keep = ~dominated(problem)
    small = only(problem, keep)
    rows = []
    for year, count in wanted.items():
        rows.append(_line(year, "program", within[year], problem, options))
        if year in alone:
            rows.append(_line(year, "program, this year alone", alone[year], problem, options))
        habits: dict[str, Callable[[float], Choice]] = {
            "cheapest per hamlet first, swapped": lambda count: _spread(cheapest_first(small, count), keep),
            "most demand first": lambda count: most_demand_first(problem, count),
            "nearest mast for each hamlet": lambda count: nearest_first(problem, away_m, count),
        }
        for name, habit in habits.items():
            try:
                rows.append(_line(year, name, habit(float(count)), problem, options))
            except NoSolution:
                rows.append({"year": year, "method": name, "status": "not reached"})
    table = pd.DataFrame(rows)
    best = table[table["method"] == "program"].set_index("year")["cost_vnd"]
    table["over_program_pct"] = (100.0 * (table["cost_vnd"] / table["year"].map(best) - 1.0)).round(2)
    return table


def _spread(choice: Choice, keep: NDArray[np.bool_]) -> Choice:
    """A choice among some actions as one among all."""
    actions = np.zeros(keep.size, dtype=bool)
    actions[keep] = choice.actions
    return replace(choice, actions=actions)


def _line(year: int, method: str, choice: Choice, problem: Cover, options: Options) -> dict[str, Any]:
    chosen = np.flatnonzero(choice.actions)
    built = sum(options.cost[a].base for a in chosen) + sum(
        options.site_cost[s].base for s in np.flatnonzero(choice.sites)
    )
    found = choice.solution
    return {
        "year": year,
        "method": method,
        "hamlets": int(served_by(problem, choice.actions).sum()),
        "actions": len(chosen),
        "new_sites": int(choice.sites.sum()),
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": built,
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }


def hamlets_missing(need: Need, settings: WhiteSpots) -> NDArray[np.int64]:
    """Rows of the hamlets of known state that lack a signal at a point that counts."""
    covered = need.any_covered if settings.operators == "any" else _rows_of(need, settings.every_operators).all(axis=0)
    rows: NDArray[np.int64] = np.unique(need.hamlet[~covered])
    known = need.hamlets["known"].to_numpy(bool)
    return np.asarray(rows[known[rows]], dtype=np.int64)


def missing_points(need: Need, settings: WhiteSpots) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points that count and lack a signal (study CRS), and how much new ground is looked at for each.

    Where somebody covers the point already there are structures to join, and less new ground is worth a look.
    """
    covered = need.any_covered if settings.operators == "any" else _rows_of(need, settings.every_operators).all(axis=0)
    missing = ~covered & need.hamlets["known"].to_numpy(bool)[need.hamlet]
    ground = np.where(need.any_covered[missing], settings.ground_where_covered, PER_TARGET)
    return np.column_stack([need.x_m[missing], need.y_m[missing]]), ground


def _rows_of(need: Need, operators: Sequence[str]) -> NDArray[np.bool_]:
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


def _worth(cost: Sequence[Range], opex: Sequence[Range], weighing: Propose) -> NDArray[np.float64]:
    """Base cost to build and run over the horizon, million VND."""
    return np.array([(c.base + present_value(o.base, weighing)) / MILLION for c, o in zip(cost, opex, strict=True)])


def _ground_m(ground: Ground, x: float, y: float) -> float:
    row, column = ground.grid.rowcol(x, y)
    inside = 0 <= row < ground.grid.rows and 0 <= column < ground.grid.columns
    return float(ground.elevation_m[row, column]) if inside else 0.0
