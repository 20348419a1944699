"""Who shares with whom today and who could: from tables and terrain to the arrays of `program`.

What depends on terrain is computed once (`receive`); thresholds, costs and rules come afterwards (`case`), so that the
program under other costs or another threshold is a matter of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.costs import present_value, unit_cost
from covplan.propose.common.zones import a1_only, by_area, headquarters, in_town
from covplan.propose.sharing.program import Demand, Moves, Stock
from covplan.radio.coverage import sector_table, uplink_over
from covplan.radio.link_budget import shadow_margin
from covplan.radio.links import rsrp_links
from covplan.study.boundaries import in_version
from covplan.study.codes import NOBODY, ON_ROOFS, WGS84
from covplan.study.columns import split_list
from covplan.study.geometry import distance_m
from covplan.study.settings import radio_under

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand as DemandPoints
    from covplan.study.settings import Level, Settings
    from covplan.terrain.ground import Ground

INDICATOR = "BTS_SHARE_RATIO"
BULKY = "A2"
MOST_NEWCOMERS = 2  # sections tried on one structure
MOVED = ["tenancy", "operator", "host", "section", "antenna_height_m", "distance_m"]


@dataclass(frozen=True)
class Points:
    """Where coverage is counted: first the hamlets' centres, then the dwelling clusters."""

    village_ids: tuple[str, ...]
    """Of the centres."""
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    households: NDArray[np.float64]
    """Of the clusters."""

    @property
    def hamlets(self) -> int:
        """Centres; the clusters come after them."""
        return len(self.village_ids)


@dataclass(frozen=True)
class Market:
    """Who is where today and what could be done; nothing computed from terrain."""

    technology: str
    operators: tuple[str, ...]
    locations: gpd.GeoDataFrame
    """Of today, numbered from 0, with rooms, free_heights_m, survey, certificate_year, roof, may_go,
    commune, urban, spacing_m."""
    tenancies: pd.DataFrame
    """location (its number), operator (its number)."""
    moves: pd.DataFrame
    """tenancy (NOBODY: a new station), operator, host, section, antenna_height_m, distance_m; numbered from 0."""
    sectors: pd.DataFrame
    """Cells today, with their `tenancy`."""
    moved_sectors: pd.DataFrame
    """Cells as the moves would place them, with their `move`; new stations only of operators asked to reach more."""


@dataclass(frozen=True)
class Reception:
    """RSRP of the best cell of every tenancy and every move at every point, less what its uplink asks more, dBm.

    Not stored: not received.
    """

    points: Points
    tenancies: csr_array
    moves: csr_array


@dataclass(frozen=True)
class Case:
    """The program under one set of thresholds, costs and rules."""

    stock: Stock
    moves: Moves
    demand: Demand
    rows: NDArray[np.int64]
    """Of each move its number in the market."""


def points_of(demand: DemandPoints, villages: gpd.GeoDataFrame) -> Points:
    """The points of a demand, with the ids of the hamlets whose centre is known."""
    ids = villages["village_id"].to_numpy()[demand.village[demand.centre]]
    return Points(tuple(map(str, ids)), demand.x_m, demand.y_m, demand.households[~demand.centre])


def market(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    locations: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    settings: Settings,
    *,
    unknown: Collection[str] = (),
) -> Market:
    """Locations with their rooms, and every move that distance, owner, structure and zone allow.

    Parameters
    ----------
    unknown : collection of str
        Locations of which it cannot be computed what is received from them: they count, but nobody leaves or joins.
    stations : GeoDataFrame
        On air and planned: a location with a planned station is not proposed to be emptied.
    locations : GeoDataFrame
        Of the stations on air (`assess.locations.group_locations`).
    """
    technology = settings.definition.technology
    air = stations[stations["status"] == "existing"]
    operators = tuple(sorted(air["operator"].unique()))
    table = _with_rooms(locations.reset_index(drop=True), stations, communes, places, settings, technology)
    known = ~table["location_id"].isin(list(unknown))
    table["rooms"], table["may_go"] = table["rooms"].where(known, 0), table["may_go"] & known
    number = {location: n for n, location in enumerate(table["location_id"])}
    pairs = air[["location_id", "operator"]].drop_duplicates().sort_values(["location_id", "operator"])
    tenancies = pd.DataFrame(
        {
            "location": pairs["location_id"].map(number).to_numpy(),
            "operator": pairs["operator"].map(operators.index).to_numpy(),
        }
    )
    sectors = sector_table(air[~air["location_id"].isin(list(unknown))], cells, technology)
    at = pd.Series(np.arange(len(pairs)), index=pd.MultiIndex.from_frame(pairs))
    place = air.set_index("station_id")["location_id"]
    sectors["tenancy"] = at.reindex(
        pd.MultiIndex.from_arrays([sectors["station_id"].map(place), sectors["operator"]])
    ).to_numpy()
    parts = [_consolidations(table, tenancies, settings), _new_tenancies(table, tenancies, operators)]
    moves = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    sending = np.isin(np.array(operators, dtype=object), sectors["operator"].unique())  # others have no band to come in
    moves = moves[(moves["tenancy"] != NOBODY) | sending[moves["operator"].to_numpy(np.int64)]].reset_index(drop=True)
    computed = (moves["tenancy"] != NOBODY) | _asked_to_win(operators, settings)[moves["operator"].to_numpy(np.int64)]
    moved = _moved_sectors(table, moves[computed], sectors, operators, technology)
    return Market(technology, operators, table, tenancies, moves, sectors, moved)


def receive(
    market: Market,
    points: Points,
    ground: Ground,
    settings: Settings,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> Reception:
    """What every tenancy and every move is received with at every point."""
    radio = radio_under(settings.definition, settings.radio[settings.definition.technology])

    def levels(sectors: pd.DataFrame) -> csr_array:
        found = rsrp_links(
            sectors, points.x_m, points.y_m, ground, settings.propagation, cache=cache, antennas=antennas
        )
        found.data -= np.repeat(np.maximum(uplink_over(sectors, radio, antennas), 0.0), np.diff(found.indptr))
        return found

    tenancies, moves = (
        _strongest(levels(sectors), sectors[column].to_numpy(np.int64), count)
        for sectors, column, count in (
            (market.sectors, "tenancy", len(market.tenancies)),
            (market.moved_sectors, "move", len(market.moves)),
        )
    )
    return Reception(points, tenancies, moves)


def case(
    market: Market, reception: Reception, settings: Settings, *, level: Level = "base", shift_db: float = 0.0
) -> Case:
    """The program under the settings, one level of costs, and signals so much stronger than computed."""
    points = reception.points
    covers, joins = (covered(one, settings, shift_db=shift_db) for one in (reception.tenancies, reception.moves))
    rows = _worth_trying(market, _kept_share(covers, joins, market.moves, points), covers, points, settings)
    reach = covers[:, : points.hamlets]
    cost = {item: getattr(unit_cost(settings.costs, item), level) for item in settings.costs}
    return Case(
        _stock(market, reach, cost, settings),
        _moves(market, rows, joins[rows][:, : points.hamlets], cost, settings),
        _demand(market, reach, settings),
        rows,
    )


def _stock(market: Market, reach: csr_array, cost: Mapping[str, float], settings: Settings) -> Stock:
    """Locations on air today, with what it costs to take them down and to run them."""
    table = market.locations
    return Stock(
        market.operators,
        market.tenancies["location"].to_numpy(np.int64),
        market.tenancies["operator"].to_numpy(np.int64),
        reach,
        table["rooms"].to_numpy(np.int64),
        table["may_go"].to_numpy(np.bool_),
        np.where(table["roof"], cost["dismantle_roof"], cost["dismantle_ground"]),
        np.full(len(table), present_value(cost["opex_site"], settings.propose)),
    )


def _moves(
    market: Market, rows: NDArray[np.int64], reach: csr_array, cost: Mapping[str, float], settings: Settings
) -> Moves:
    """Moves worth trying, with what they cost to make and to run."""
    chosen = market.moves.iloc[rows]
    new = chosen["tenancy"].to_numpy() == NOBODY
    survey = np.where(market.locations["survey"], cost["mast_survey"], 0.0)[chosen["host"]]
    return Moves(
        chosen["tenancy"].to_numpy(np.int64),
        chosen["operator"].to_numpy(np.int64),
        chosen["host"].to_numpy(np.int64),
        chosen["section"].to_numpy(np.int64),
        reach,
        np.where(new, cost["lte_radio_3_sectors"], cost["station_relocation"]) + survey,
        np.full(rows.size, present_value(cost["opex_tenant"], settings.propose)),
    )


def _demand(market: Market, reach: csr_array, settings: Settings) -> Demand:
    """The ratio, the hamlets an operator may lose, and those it must win."""
    target, hamlets = settings.targets[INDICATOR].target_2025, reach.shape[1]
    held = [int((reach[np.flatnonzero(market.tenancies["operator"] == k)].sum(axis=0) > 0).sum())
            for k in range(len(market.operators))]  # fmt: skip
    asked = [settings.sharing.operator_hamlets_share.get(code, 0.0) for code in market.operators]
    return Demand(
        0.0 if target is None else target / 100.0,
        tuple(int(settings.sharing.hamlet_loss_share * count) for count in held),
        tuple(max(int(np.ceil(share * hamlets - 1e-9)) - count, 0) for share, count in zip(asked, held, strict=True)),
    )


def covered(rsrp_dbm: csr_array, settings: Settings, *, shift_db: float = 0.0) -> csr_array:
    """1 where a signal so much stronger than computed meets the threshold with the confidence of the settings."""
    definition = settings.definition
    radio = radio_under(definition, settings.radio[definition.technology])
    margin_db = float(shadow_margin(radio.confidence, settings.propagation.location_sigma_db))
    found = rsrp_dbm.copy()
    found.data = (rsrp_dbm.data + shift_db >= radio.asked_dbm + margin_db).astype(float)
    found.eliminate_zeros()
    return found


def _with_rooms(
    locations: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    settings: Settings,
    technology: str,
) -> gpd.GeoDataFrame:
    """What each structure could take, and whether it could be given up.

    One whose stations do not all have the technology is not given up, since what the others cover is not computed; nor
    is one with a planned station. A bulky structure takes nobody where only A1 is allowed.
    """
    version = settings.province.boundaries
    free = locations_with_room(
        stations[stations["status"] == "existing"], settings.phases.years[0], settings.propose
    ).set_index("location_id")
    table, of = locations.copy(), locations["location_id"]
    x, y = table.geometry.x.to_numpy(float), table.geometry.y.to_numpy(float)
    zoned = a1_only(x, y, headquarters(places, communes, version), settings.rules)
    heights = of.map(free["free_heights_m"])
    slots = np.minimum(of.map(free["free_slots"]), heights.map(len)).clip(upper=MOST_NEWCOMERS)
    shut = of.map(free["closed"]).astype(bool)
    table["free_heights_m"] = heights
    table["rooms"] = slots.where(~shut & ~(zoned & table["structure"].str.startswith(BULKY)), 0).astype(int)
    table["survey"] = of.map(free["survey"]).astype(bool)
    table["certificate_year"] = of.map(stations.groupby("location_id")["certificate_year"].max())
    table["roof"] = table["structure"].isin(ON_ROOFS)
    with_technology = stations["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)
    computed = of.map(with_technology.groupby(stations["location_id"]).all()).astype(bool)
    planned = of.isin(stations.loc[stations["status"] == "planned", "location_id"])
    table["may_go"] = ~shut & computed & ~planned
    names = in_version(table.geometry, communes, version)
    table["commune_code"], table["commune"] = names["commune_code"], names["name"]
    table["urban"] = in_town(x, y, communes, version)
    table["spacing_m"] = by_area(table["urban"].to_numpy(bool), settings.rules, "min_spacing")
    return table


def _near_m(table: pd.DataFrame, settings: Settings) -> NDArray[np.float64]:
    """How far from each structure another one is near."""
    urban = table["urban"].to_numpy(bool)
    own_m = np.where(urban, settings.sharing.near_urban_m, settings.sharing.near_rural_m)
    near_m: NDArray[np.float64] = np.maximum(own_m, table["spacing_m"].to_numpy(float))
    return near_m


def _consolidations(table: gpd.GeoDataFrame, tenancies: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """A station moves to the structure of another owner nearby, where its operator is not yet."""
    near_m = _near_m(table, settings)
    spots = np.column_stack([table.geometry.x, table.geometry.y])
    lonlat = table.geometry.to_crs(WGS84)
    around = cKDTree(spots).query_ball_point(spots, near_m * 1.01) if len(table) else []
    there = set(zip(tenancies["location"], tenancies["operator"], strict=True))
    may_go, rooms, owner = table["may_go"].to_numpy(), table["rooms"].to_numpy(), table["owner"].fillna("").to_numpy()
    rows: list[tuple[int, int, int, int, float, float]] = []
    for tenancy, (origin, operator) in enumerate(zip(tenancies["location"], tenancies["operator"], strict=True)):
        if not may_go[origin]:
            continue
        for host in sorted(around[origin]):
            same_owner = owner[host] == owner[origin] != ""
            if host == origin or same_owner or not rooms[host] or (host, operator) in there:
                continue
            away_m = float(
                distance_m(lonlat.x.iloc[origin], lonlat.y.iloc[origin], lonlat.x.iloc[host], lonlat.y.iloc[host])
            )
            if away_m <= near_m[origin]:
                rows += _sections(table, tenancy, int(operator), int(host), away_m)
    return pd.DataFrame(rows, columns=MOVED)


def _new_tenancies(table: gpd.GeoDataFrame, tenancies: pd.DataFrame, operators: tuple[str, ...]) -> pd.DataFrame:
    """An operator comes new to a structure of others with room."""
    there = set(zip(tenancies["location"], tenancies["operator"], strict=True))
    rows: list[tuple[int, int, int, int, float, float]] = []
    for host in np.flatnonzero(table["rooms"] > 0):
        for operator in range(len(operators)):
            if (host, operator) not in there:
                rows += _sections(table, NOBODY, operator, int(host), 0.0)
    return pd.DataFrame(rows, columns=MOVED)


def _sections(
    table: gpd.GeoDataFrame, tenancy: int, operator: int, host: int, away_m: float
) -> list[tuple[int, int, int, int, float, float]]:
    """One move into each free section of a structure, from the top."""
    heights = table["free_heights_m"].iloc[host][: table["rooms"].iloc[host]]
    return [(tenancy, operator, host, section, height_m, away_m) for section, height_m in enumerate(heights)]


def _moved_sectors(
    table: gpd.GeoDataFrame, moves: pd.DataFrame, sectors: pd.DataFrame,
    operators: tuple[str, ...], technology: str,
) -> pd.DataFrame:  # fmt: skip
    """A station that moves keeps its cells; a new one gets template sectors in its operator's commonest band."""
    leaving = moves[moves["tenancy"] != NOBODY]
    kept = sectors.merge(
        leaving[["tenancy", "host", "antenna_height_m"]].rename_axis("move").reset_index(),
        on="tenancy",
        suffixes=("_today", ""),
    )
    kept["x_m"] = table.geometry.x.to_numpy()[kept["host"]]
    kept["y_m"] = table.geometry.y.to_numpy()[kept["host"]]
    coming = moves[moves["tenancy"] == NOBODY]
    if coming.empty:
        return kept
    common = sectors.groupby("operator")["band"].agg(lambda bands: bands.mode().iloc[0])
    stations = new_stations(table, coming, operators, technology, common)
    fresh = sector_table(stations, sectors.iloc[:0].assign(technology=technology), technology)
    fresh["move"] = fresh["station_id"].astype(str).str.removeprefix("M-").astype(int)
    return pd.concat([part[[*fresh.columns]] for part in (kept, fresh) if len(part)], ignore_index=True)


def new_stations(
    table: gpd.GeoDataFrame, coming: pd.DataFrame, operators: tuple[str, ...], technology: str, common: pd.Series
) -> gpd.GeoDataFrame:
    """Stations that come new, called M-number of the move, each in its operator's commonest band."""
    host = coming["host"].to_numpy()
    code = np.array(operators, dtype=object)[coming["operator"].to_numpy(np.int64)]
    return gpd.GeoDataFrame(
        {
            "station_id": [f"M-{move}" for move in coming.index],
            "operator": code,
            "location_id": table["location_id"].to_numpy()[host],
            "technologies": technology,
            "bands": common.reindex(code).to_numpy(),
            "antenna_height_m": coming["antenna_height_m"].to_numpy(float),
            "status": "existing",
        },
        geometry=table.geometry.to_numpy()[host],
        crs=table.crs,
    )


def _asked_to_win(operators: tuple[str, ...], settings: Settings) -> NDArray[np.bool_]:
    """Operators that must cover more hamlets than the share they cover today, whatever that is."""
    asked = settings.sharing.operator_hamlets_share
    return np.array([asked.get(code, 0.0) > 0 for code in operators], dtype=np.bool_)


def _strongest(rsrp: csr_array, group: NDArray[np.int64], groups: int) -> csr_array:
    """Of rows of the same group, entry by entry the largest."""
    entries = rsrp.tocoo()
    row = group[entries.row]
    order = np.lexsort((entries.data, entries.col, row))
    row, column, dbm = row[order], entries.col[order], entries.data[order]
    last = np.ones(row.size, dtype=np.bool_)
    last[:-1] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    return csr_array((dbm[last], (row[last], column[last])), shape=(groups, rsrp.shape[1]))


def _kept_share(covers: csr_array, joins: csr_array, moves: pd.DataFrame, points: Points) -> NDArray[np.float64]:
    """Of the households a station covers, the share it covers from the other structure; NaN for new stations."""
    kept = np.full(len(moves), np.nan)
    leaving = np.flatnonzero(moves["tenancy"].to_numpy() != NOBODY)
    before = covers[moves["tenancy"].to_numpy()[leaving]][:, points.hamlets :]
    both = before.multiply(joins[leaving][:, points.hamlets :])
    had = before @ points.households
    kept[leaving] = np.where(had > 0, (both @ points.households) / np.where(had > 0, had, 1.0), 1.0)
    return kept


def _worth_trying(
    market: Market, kept: NDArray[np.float64], covers: csr_array, points: Points, settings: Settings
) -> NDArray[np.int64]:
    """Moves of real overlap, and of new stations those that are asked for, else one a structure.

    That one is of the operator to which the structure's tenants show most hamlets that it lacks.
    """
    moves, now = market.moves, covers[:, : points.hamlets]
    leaving = moves["tenancy"].to_numpy() != NOBODY
    wanted = ~leaving & _asked_to_win(market.operators, settings)[moves["operator"].to_numpy(np.int64)]
    spare = moves[~leaving & ~wanted & (moves["section"] == 0).to_numpy()]
    shown = csr_array(
        (np.ones(len(market.tenancies)), (market.tenancies["location"], np.arange(len(market.tenancies)))),
        shape=(len(market.locations), len(market.tenancies)),
    ) @ now  # fmt: skip
    lacking = np.array(
        [now[np.flatnonzero(market.tenancies["operator"] == k)].sum(axis=0) == 0 for k in range(len(market.operators))]
    ).astype(float)
    potential = ((shown > 0).astype(float) @ lacking.T)[spare["host"], spare["operator"]]
    best = spare.assign(potential=potential).sort_values(["host", "potential"], ascending=[True, False], kind="stable")
    alone = best.drop_duplicates("host").index
    overlapping = leaving & (np.nan_to_num(kept, nan=0.0) >= settings.sharing.overlap_share)
    return np.sort(np.concatenate([np.flatnonzero(overlapping | wanted), alone.to_numpy(np.int64)]))
