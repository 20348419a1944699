"""5G at places: which structures get which band and radio, so that every place has the signal and the capacity.

Structures that stand come first by cost and by quota; new ones are non-bulky (a rooftop, a camouflaged pole), so they
may stand anywhere, headquarters included.
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
from covplan.propose.costs import NOTHING, Range, lease_per_year, power_cost, present_value, structure_cost, unit_cost
from covplan.propose.cover import Choice, Cover, cost_of, cover, least_cost_in_parts, most_value, served_by, stacked
from covplan.propose.decided import require
from covplan.propose.rows import MILLION, amount, named, proposal_rows
from covplan.propose.transmit import Cell, azimuth_deg, reach_of
from covplan.propose.white_spot_options import ANY, bands_of, cells_at
from covplan.propose.white_spots import level_needed
from covplan.radio.coverage import sector_table
from covplan.radio.link_budget import band
from covplan.study.columns import split_list
from covplan.study.errors import NoSolution
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.fiber.access import Cable
    from covplan.study.boundaries import Version
    from covplan.study.settings import Cost, Places5G, Propagation, Propose, Radio
    from covplan.terrain.ground import Ground

INDICATOR = "5G_KEYPLACES"
ROUNDING = 1e-9  # of a share
BUILDINGS = ("school", "hospital", "office", "campus", "research")
ROOF_M, POLE_M = 12.0, 20.0  # antennas of a new A1a on a house of three storeys, height of a new A1b pole
LATTICE_M = 400.0  # of new structures over a place drawn as an area
LOW_MHZ = 1000.0
LOOK_M = 4000.0  # a structure farther than this from every place is not looked at
DOWNTILT_DEG = 4.0
CARRIES = 0.5  # of a place's area that a placement must cover to carry its traffic
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


@dataclass(frozen=True)
class PlacesPlan:
    """What is proposed for the places, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    choice: Choice
    problem: Cover
    options: PlaceOptions
    place_of: NDArray[np.int64]
    """Row of `places` of each demand; with several operators one demand for each."""


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


def propose(
    places: gpd.GeoDataFrame,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    place: NDArray[np.int64],
    options: PlaceOptions,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: Places5G,
    weighing: Propose,
    least_share: float,
    reuse_share: float,
    communes: gpd.GeoDataFrame,
    version: Version,
    *,
    year: int = 2030,
    required: Sequence[NDArray[np.int64]] = (),
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> PlacesPlan:
    """Cheapest placements that give every place its signal and its capacity, beside what habit would do.

    Parameters
    ----------
    places : GeoDataFrame
        place_id, name, kind, demand_mbps, users; numbered from 0.
    x_m, y_m, place : ndarray
        Sample points (study CRS), and the row of the place each belongs to.
    reuse_share : float
        Share of the new stations that must stand on existing structures.
    required : sequence of ndarray of int
        Placements of which one must be built, for each that a planner accepted.
    """
    free, place_of = posed(
        places, x_m, y_m, place, options, radio, propagation, ground, settings, weighing, least_share, reuse_share,
        cache=cache,
    )  # fmt: skip
    problem = require(free, required)
    if progress:
        progress(f"5G: {problem.share.size} địa điểm (places), {problem.cost.size} phương án (options)")
    out = np.flatnonzero(~served_by(problem, np.ones(problem.cost.size, dtype=bool)))
    if out.size and not settings.budget_vnd:
        by = [f" ({one})" for one in settings.operators] if settings.policy == "each" else [""]
        names = named([f"{places['name'].iloc[place_of[n]]}{by[n // len(places)]}" for n in out])
        raise NoSolution(
            f"5G: {out.size} places cannot be covered by any placement within the rules: {names}. Allow a smaller "
            "share of their area ([places] least_share), planned places to wait ([places_5g] planned = false), or "
            "other operators ([places_5g] operators)."
        )
    built = np.array([one.base for one in options.cost]) / MILLION
    if settings.budget_vnd:
        choice = most_users(problem, built, settings.budget_vnd / MILLION, weighing)
    else:
        try:
            choice = least_cost_in_parts(problem, gap=weighing.gap, time_limit_s=weighing.time_limit_s)
        except NoSolution as error:
            raise NoSolution(_contradiction(options, problem, weighing, reuse_share)) from error
    table = _rows(places, options, problem, choice, place_of, year, communes, version)
    compared = _compared(places, options, free, choice, place_of, built, settings.budget_vnd / MILLION or np.inf)
    return PlacesPlan(table, compared, choice, problem, options, place_of)


def most_users(problem: Cover, built: NDArray[np.float64], budget: float, weighing: Propose) -> Choice:
    """Most users at places for what may be built (`cover.most_value`), the same at least cost to build and run.

    Parameters
    ----------
    built, budget : ndarray, float
        What each placement costs to build, and what all may cost together, million VND.
    """
    paid = np.concatenate([built, np.zeros(problem.site_cost.size)])
    limits = csr_array(vstack([problem.limits, csr_array(paid[None, :])]))
    within = replace(problem, limits=limits, most=np.append(problem.most, budget))
    return most_value(within, np.inf, gap=weighing.gap, time_limit_s=weighing.time_limit_s)


def _contradiction(options: PlaceOptions, problem: Cover, weighing: Propose, reuse_share: float) -> str:
    """Which requirement the places contradict: the quota, or the capacity and the tenants of all there is."""
    without = replace(problem, limits=csr_array(problem.limits[1:]), most=problem.most[1:])  # the quota is the first
    try:
        found = least_cost_in_parts(without, gap=weighing.gap, time_limit_s=weighing.time_limit_s)
    except NoSolution as error:
        return f"5G: signal and capacity for all places at once are beyond all placements together ({error})"
    line = _line("", found, options, problem)
    return (
        f"5G: {100 * reuse_share:g} % of the new stations on existing structures cannot be kept; without this rule "
        f"{line['stations']} stations serve all places, {line['reuse_pct']:g} % of them on existing structures. Lower "
        "[targets.BTS_NEW_SHARE_RATIO] target_2030, or let fewer places or operators count."
    )


def posed(
    places: gpd.GeoDataFrame,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    place: NDArray[np.int64],
    options: PlaceOptions,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: Places5G,
    weighing: Propose,
    least_share: float,
    reuse_share: float,
    *,
    cache: Path | None = None,
) -> tuple[Cover, NDArray[np.int64]]:
    """The covering problem of the places, with capacity; costs in million VND over the horizon.

    ::

        sets         i places (for each operator under "each"), p their sample points, a placements: structure,
                     operator, band and radio; those on air cost nothing
        reach        SS-RSRP of the placement at p ≥ threshold + shadowing margin for the confidence of the settings
        share        of i's area that must be covered; its traffic goes to placements that cover half of it or more
                     and have a sector for it (a place drawn as an area may spread over several)
        limits       Σ new stations · reuse share ≤ Σ new stations on existing structures;
                     tenants of a structure; one radio per operator, band and structure
    """
    near = propagation.model_copy(update={"radius_km": min(propagation.radius_km, LOOK_M / 1000.0)})
    reach = reach_of(options.cells, x_m, y_m, level_needed(radio, propagation), ground, near, cache=cache).covered
    operator = options.actions["operator"].to_numpy(object)
    who = list(settings.operators) if settings.policy == "each" else [ANY]
    count, points = len(places), x_m.size
    parts = [reach if one == ANY else csr_array(reach.multiply((operator == one)[None, :])).astype(bool) for one in who]
    traffic = places["demand_mbps"].fillna(0.0).to_numpy(float) / len(who)
    users = places["users"].fillna(0).to_numpy(float)
    stack = csr_array(stacked(parts, [], reach.shape[1])[0])
    demand = np.concatenate([place + n * count for n in range(len(who))])
    size = np.bincount(place, minlength=count)
    owners = csr_array((1.0 / np.tile(size[place], len(who)), (demand, np.arange(points * len(who)))),
                       shape=(count * len(who), points * len(who)))  # fmt: skip
    part = csr_array(owners @ stack.astype(float))
    # A place known as a point lies in one sector, which must carry it whole; an area spreads over several.
    sector_mbps = options.capacity_mbps / SECTORS
    whole = np.where(places.geometry.area > 0, 0.0, np.minimum(traffic, sector_mbps.max(initial=0.0)))
    arcs = part.tocoo()
    able = (arcs.data >= CARRIES) & (sector_mbps[arcs.col] >= np.tile(whole, len(who))[arcs.row] - 1e-9)
    part = csr_array((np.ones(int(able.sum())), (arcs.row[able], arcs.col[able])), shape=part.shape)
    limits, most = _limits(options, reuse_share)
    problem = cover(
        stack,
        np.array([(c.base + present_value(o.base, weighing)) / MILLION
                  for c, o in zip(options.cost, options.opex, strict=True)]),
        demand=demand,
        share=least_share,
        value=np.tile(np.maximum(users, 1.0), len(who)),
        limits=limits,
        most=most,
        traffic=np.tile(traffic, len(who)),
        capacity=options.capacity_mbps,
        carries=part,
    )  # fmt: skip
    return problem, np.tile(np.arange(count), len(who))


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


def _limits(options: PlaceOptions, reuse_share: float) -> tuple[csr_array, NDArray[np.float64]]:
    actions = options.actions
    width = len(actions)
    fresh = (actions["action"] != "stands").to_numpy(bool)
    quota = np.where(fresh, np.where(actions["new"].to_numpy(bool), reuse_share, reuse_share - 1.0), 0.0)
    rows, most = [csr_array(quota[None, :])], [0.0]
    added = actions[fresh]

    def one_row(index: pd.Index, limit: float) -> None:
        columns = index.to_numpy(np.int64)
        rows.append(csr_array((np.ones(columns.size), columns, [0, columns.size]), shape=(1, width)))
        most.append(limit)

    for _, same in added.groupby(["location_id", "operator", "bands"]):
        if len(same) > 1:
            one_row(same.index, 1.0)
    for _, guests in added[added["action"] == "add_tenant"].groupby("location_id"):
        if len(guests) > 1:
            one_row(guests.index, float(min(guests["slots"].iloc[0], 1)))  # one free section is looked at
    return stacked(rows, most, width)


def _rows(
    places: gpd.GeoDataFrame,
    options: PlaceOptions,
    problem: Cover,
    choice: Choice,
    place_of: NDArray[np.int64],
    year: int,
    communes: gpd.GeoDataFrame,
    version: Version,
) -> gpd.GeoDataFrame:
    records, points = [], []
    stands = (options.actions["action"] == "stands").to_numpy(bool)
    gained, part = _gained(problem, choice, stands)
    gap = choice.solution.gap if choice.solution else np.nan
    fresh = np.flatnonzero(choice.actions & ~stands).tolist()
    ids = {action: f"P-{n:03d}" for n, action in enumerate(fresh, start=1)}
    helped = _helped(problem, choice, gained, part, fresh)
    for_quota = [one for one in fresh if not gained[one].size and not helped[one].size]  # new structures need them
    for action in fresh:
        row, cost = options.actions.iloc[action], options.cost[action]
        demands = gained[action]
        served = places.iloc[np.unique(place_of[demands])]
        reasons = _reasons(served, options, problem, part, demands, action)
        if not len(served):
            reasons = _support(places.iloc[np.unique(place_of[helped[action]])], options, problem, action)
        others = [one for one in fresh if one != action and np.isin(helped[one], demands).any()]
        others += for_quota if row["new"] and len(served) else []
        name = str(served["name"].iloc[0]) if len(served) else ""
        goal_vi, goal_en = (name, name) if name else ("bổ sung dung lượng", "more capacity")
        what = f"{row['bands']} {row['configuration']}"
        words = {
            "upgrade_5g": (f"{row['operator'] or 'Dùng chung'} thêm 5G {what} tại {row['location_id']}",
                           f"{row['operator'] or 'Shared radio'} adds 5G {what} at {row['location_id']}"),
            "add_tenant": (f"{row['operator'] or 'Dùng chung'} lắp 5G {what} tại cột {row['location_id']}",
                           f"{row['operator'] or 'Shared radio'} joins {row['location_id']} with 5G {what}"),
            "new_structure_5g": (f"{row['structure']} mới với 5G {what}: {goal_vi}",
                                 f"New {row['structure']} with 5G {what}: {goal_en}"),
        }[str(row["action"])]  # fmt: skip
        records.append(
            {
                "proposal_id": ids[action],
                "kind": "place_5g",
                "action": row["action"],
                "title_vi": words[0],
                "title_en": words[1],
                "operator": row["operator"] or None,
                "location_id": None if row["new"] else row["location_id"],
                "place_id": served["place_id"].iloc[0] if len(served) else None,
                "structure": row["structure"],
                "height_m": float(row["height_m"]),
                "antenna_height_m": float(row["antenna_height_m"]),
                "bands": row["bands"],
                "length_m": row["length_m"] if row["new"] else None,
                "gains": ";".join(served["place_id"]),
                "gains_count": len(served),
                "indicator": INDICATOR,
                "indicator_change": round(100.0 * len(served) / len(places), 4),
                "cost_low_vnd": cost.low,
                "cost_base_vnd": cost.base,
                "cost_high_vnd": cost.high,
                "opex_vnd_per_year": options.opex[action].base,
                "year": year,
                "depends_on": ";".join(ids[one] for one in others) or None,
                "funding": "operator",
                "gap": gap,
                "reason_vi": reasons[0],
                "reason_en": reasons[1],
                "synthetic": bool(places["synthetic"].fillna(value=False).any()) if "synthetic" in places else False,
                "provenance": "covplan: propose.places_5g",
            }
        )
        points.append(gpd.points_from_xy([row["x_m"]], [row["y_m"]])[0])
    return proposal_rows(records, points, communes, version)


def _gained(
    problem: Cover, choice: Choice, stands: NDArray[np.bool_]
) -> tuple[dict[int, NDArray[np.int64]], csr_array]:
    """Demands of each chosen placement (each goes to the one that covers most of it), and covered shares of all.

    What the stations that stand do not serve by themselves goes to a new one, though they may cover more of it.
    """
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    part = csr_array(owners @ problem.reach.astype(float))
    chosen = np.flatnonzero(choice.actions)
    if not chosen.size:
        return {}, part
    room = problem.capacity[chosen] / problem.capacity.max()  # of two that cover as much, the one that carries more
    worth = part[:, chosen].toarray().round(3)
    of_new = ~stands[chosen]
    today = owners @ (problem.reach[:, chosen[~of_new]].sum(axis=1) > 0).astype(float)
    needs_new = (today < problem.share - ROUNDING) & (worth[:, of_new] > 0).any(axis=1)
    worth[np.ix_(needs_new, ~of_new)] = -1.0
    best = (worth + room / 1e4).argmax(axis=1)
    return {int(action): np.flatnonzero(choice.served & (best == n)) for n, action in enumerate(chosen)}, part


def _helped(
    problem: Cover,
    choice: Choice,
    gained: Mapping[int, NDArray[np.int64]],
    part: csr_array,
    fresh: Sequence[int],
) -> dict[int, NDArray[np.int64]]:
    """Demands of others that need each new placement: without it too little of them is covered.

    A placement that has no demand of its own and is not needed so carries traffic: of the demand it covers most of.
    """
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    reach = problem.reach[:, np.flatnonzero(choice.actions)].astype(np.int64)
    times = np.asarray(reach.sum(axis=1)).ravel()
    covered = owners @ (times > 0).astype(float)
    helped = {}
    for action in fresh:
        alone = problem.reach[:, [action]].toarray().ravel().astype(bool) & (times == 1)
        short = choice.served & (covered - owners @ alone.astype(float) < problem.share - ROUNDING)
        own = part[:, [action]].toarray().ravel()
        demands = np.setdiff1d(np.flatnonzero(short & (own > 0)), gained[action])
        if not demands.size and not gained[action].size:
            demands = np.flatnonzero(choice.served & (own > 0) & (own >= own[choice.served].max()))[:1]
        helped[action] = demands
    return helped


def _support(helped: pd.DataFrame, options: PlaceOptions, problem: Cover, action: int) -> tuple[str, str]:
    """What a placement is for that serves no place alone."""
    names = named([str(name) for name in helped["name"]])
    room, (own_vi, own_en) = options.capacity_mbps[action], amount(problem.cost[action] * MILLION)
    if helped.empty:
        return (
            f"Không phục vụ địa điểm nào: chỉ để đạt tỷ lệ trạm mới trên công trình có sẵn; xây dựng và vận hành "
            f"{own_vi}. Nên xem lại tỷ lệ này.",
            f"Serves no place: only the ratio of new stations on existing structures asks for it; to build and run "
            f"{own_en}. The ratio is worth a second look.",
        )
    return (
        f"Cùng vị trí khác phục vụ 5G: {names}: bổ sung vùng phủ hoặc dung lượng ({room:.0f} Mbit/s); xây dựng và "
        f"vận hành {own_vi}. Nếu không làm, các địa điểm này không đủ 5G.",
        f"Serves with another placement: {names}: coverage or capacity ({room:.0f} Mbit/s) that the other lacks; to "
        f"build and run {own_en}. Without it these places have too little 5G.",
    )


def _reasons(
    served: pd.DataFrame,
    options: PlaceOptions,
    problem: Cover,
    part: csr_array,
    demands: NDArray[np.int64],
    action: int,
) -> tuple[str, str]:
    """What it serves, its capacity, and the cheapest single other placement that would serve the same places."""
    names = named([str(name) for name in served["name"]])
    wanted = float(problem.traffic[demands].sum())
    own_vi, own_en = amount(problem.cost[action] * MILLION)
    room = options.capacity_mbps[action]
    vi = (
        f"Phủ 5G {len(served)} địa điểm ({names}), nhu cầu {wanted:.0f} Mbit/s, dung lượng {room:.0f} Mbit/s; "
        f"xây dựng và vận hành {own_vi}."
    )
    en = (
        f"5G for {len(served)} places ({names}), {wanted:.0f} Mbit/s wanted, {room:.0f} Mbit/s of capacity; "
        f"to build and run {own_en}."
    )
    row = options.actions.iloc[action]
    if row["new"]:
        backhaul = backhaul_words(row["way"], row["length_m"], row["hop_to"], by_road=bool(row["by_road"]))
        vi += f" Truyền dẫn: {backhaul[0]}."
        en += f" Backhaul: {backhaul[1]}."
    able = (part[demands].toarray() >= problem.share[demands][:, None] - 1e-9).all(axis=0)
    able &= (options.capacity_mbps >= wanted) & (options.actions["action"] != "stands").to_numpy(bool)
    able[action] = False
    if not able.any():
        return (
            f"{vi} Không có một vị trí nào khác phục vụ được tất cả; nếu không làm, các địa điểm này không có 5G.",
            f"{en} No other single placement serves them all; without it these places stay without 5G.",
        )
    next_vi, next_en = amount(float(problem.cost[able].min()) * MILLION)
    return (
        f"{vi} Nếu không làm, các địa điểm này không có 5G; vị trí thay thế rẻ nhất tốn {next_vi}.",
        f"{en} Without it these places stay without 5G; the cheapest single placement instead costs {next_en}.",
    )


def _compared(
    places: gpd.GeoDataFrame,
    options: PlaceOptions,
    problem: Cover,
    choice: Choice,
    place_of: NDArray[np.int64],
    built: NDArray[np.float64],
    budget: float,
) -> pd.DataFrame:
    """The program and the habits; under a budget its bound is of users, and what habit costs more says nothing."""
    middle = places.geometry.representative_point()
    at = np.column_stack([middle.x, middle.y])[place_of]
    xy = options.actions[["x_m", "y_m"]].to_numpy(float)
    away_m = np.hypot(at[:, :1] - xy[:, 0], at[:, 1:] - xy[:, 1])
    by_cost = np.tile(problem.cost, (len(at), 1))
    rows = [
        _line("program", choice, options, problem),
        _line("nearest structure for each place", place_by_place(problem, away_m, built, budget), options, problem),
        _line("most demand first, cheapest", place_by_place(problem, by_cost, built, budget), options, problem),
    ]
    table = pd.DataFrame(rows)
    if np.isfinite(budget):
        return table.assign(bound_vnd=np.nan, over_program_pct=np.nan)
    table["over_program_pct"] = (100.0 * (table["cost_vnd"] / table["cost_vnd"].iloc[0] - 1.0)).round(2)
    return table


def place_by_place(
    problem: Cover, rank: NDArray[np.float64], built: NDArray[np.float64], budget: float = np.inf
) -> Choice:
    """Place by place, most traffic first: what is chosen already is used, else the first by rank that helps.

    Keeps capacities and the budget: a place that cannot be served whole for what is left is passed over. Limits are not
    looked at. What a planner does by hand.

    Parameters
    ----------
    rank : ndarray, shape (demands, actions)
        Smaller is tried first.
    built, budget
        As in `most_users`.
    """
    taken = problem.cost == 0
    room = problem.capacity.copy()
    points = [np.flatnonzero(problem.demand == d) for d in range(problem.share.size)]
    reach = csr_array(problem.reach)
    carries = problem.carries.toarray().astype(bool)
    served = np.zeros(problem.share.size, dtype=bool)
    for demand in np.argsort(-problem.traffic, kind="stable"):
        chosen, left = taken.copy(), room.copy()
        own = reach[points[demand]].toarray()
        order = np.argsort(rank[demand], kind="stable")
        order = np.concatenate([order[chosen[order]], order[~chosen[order]]])
        need, covered = float(problem.traffic[demand]), own[:, chosen].any(axis=1)
        for action in order:
            done = problem.weight[points[demand]][covered].sum() >= problem.share[demand] - 1e-9
            if done and need <= 1e-9:
                break
            carried = min(need, float(left[action])) if carries[demand, action] else 0.0
            gains = (own[:, action] & ~covered).any() and not done
            if not gains and carried <= 0:
                continue
            chosen[action] = True
            covered |= own[:, action]
            need -= carried
            left[action] -= carried
        done = problem.weight[points[demand]][covered].sum() >= problem.share[demand] - 1e-9
        if done and need <= 1e-9 and built[chosen].sum() <= budget:
            taken, room, served[demand] = chosen, left, True
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    return Choice(taken, sites, served, cost_of(problem, taken), float(problem.value[served].sum()), None)


def _line(method: str, choice: Choice, options: PlaceOptions, problem: Cover) -> dict[str, Any]:
    fresh = np.flatnonzero(choice.actions & (options.actions["action"] != "stands").to_numpy(bool))
    new = options.actions["new"].to_numpy(bool)[fresh]
    found = choice.solution
    return {
        "method": method,
        "places": int(choice.served.sum()),
        "of": int(problem.share.size),
        "value": choice.value,
        "stations": len(fresh),
        "new_structures": int(new.sum()),
        "reuse_pct": round(100.0 * float((~new).mean()), 2) if fresh.size else np.nan,
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": sum(options.cost[a].base for a in fresh),
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }
