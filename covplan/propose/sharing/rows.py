"""What to share: near-duplicate structures given up, operators taken in by others' structures. Rows of the proposals.

`sharing_market` says who could move where, `sharing_program` chooses; here the choice becomes proposals with figures,
the network as planned, and the plans a planner would make without a program.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.costs import MONTHS, NOTHING, Range, structure_cost, unit_cost
from covplan.propose.sharing.options import INDICATOR, covered, new_stations
from covplan.propose.sharing.program import NOBODY, Shared, lost_and_won, share, sharing_program
from covplan.propose.sharing.reasons import reasons, titles
from covplan.radio.coverage import is_covered
from covplan.radio.links import receive
from covplan.study.errors import NoSolution
from covplan.study.layers import LIST_SEPARATOR, layers
from covplan.study.settings import radio_under

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.propose.sharing.options import Case, Heard, Market, Points
    from covplan.study.settings import Settings
    from covplan.terrain.ground import Ground


@dataclass(frozen=True)
class SharingPlan:
    """What is proposed, what it is worth, and what would be without a program."""

    proposals: gpd.GeoDataFrame
    """Rows of the proposals layer."""
    moves: pd.DataFrame
    """By proposal_id: distance, tenants before and after, coverage kept, won and lost, rent."""
    comparison: pd.DataFrame
    """Ways to the same ratio: moves, ratio, hamlets that operators lose, outlay (cost_vnd), saving; bound in VND of the
    goal's aim."""
    case: Case
    shared: Shared
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Of the planned network, computed anew, by operator (`confirmed`)."""


def propose(market: Market, heard: Heard, points: Points, case: Case, settings: Settings) -> SharingPlan:
    """The sharing plan of the settings as proposals, each with its reason and what would be without it."""
    limits = {"gap": settings.propose.gap, "time_limit_s": settings.propose.time_limit_s}
    shared = share(case.stock, case.moves, case.demand, goal=settings.sharing.goal, **limits)
    moves = _moves_table(market, heard, points, case, shared, settings)
    moves["next_best_vnd"] = [_without(case, int(m), shared, settings) for m in shared.chosen]
    order = np.lexsort((moves["location_id"], moves["commune_code"].fillna("").astype(str)))
    moves = moves.iloc[order].reset_index(drop=True)
    moves.insert(0, "proposal_id", [f"S-{n:03d}" for n in range(1, len(moves) + 1)])
    proposals = _rows(market, moves, case, shared, settings)
    return SharingPlan(proposals, moves, compared(market, case, shared), case, shared)


def rent_per_month(settings: Settings, structure: str, height_m: float, tenants: int) -> Range:
    """Rent of one tenant: depreciation with the cost of capital, and what the structure costs to run, divided.

    The model of the price rules for shared infrastructure: (price / years × (1 + capital) + running) / 12 × part.
    """
    rules = settings.sharing
    running = unit_cost(settings.costs, "opex_site") + unit_cost(settings.costs, "opex_tenant") * -1.0
    built = structure_cost(settings.costs, structure, height_m, 0.0, settings.propose)
    part = settings.propose.section_m / height_m if rules.rent_by == "height" else 1.0 / tenants
    owner = built * ((1.0 + rules.capital_cost_share) / rules.depreciation_years) + running
    return owner * (min(part, 1.0) / MONTHS)


def planned_network(stations: gpd.GeoDataFrame, market: Market, case: Case, shared: Shared) -> gpd.GeoDataFrame:
    """Stations on air once the plan is done; their cells stay as they are, new stations have template ones."""
    after = stations[stations["status"] == "existing"].copy()
    chosen = market.moves.iloc[case.rows[shared.chosen]]
    spots = market.locations.geometry.to_numpy()
    ids = market.locations["location_id"].to_numpy()
    for move in chosen[chosen["tenancy"] != NOBODY].itertuples():
        tenancy = market.tenancies.iloc[move.tenancy]
        goes = (after["location_id"] == ids[tenancy["location"]]) & (
            after["operator"] == market.operators[tenancy["operator"]]
        )
        after.loc[goes, "location_id"] = ids[move.host]
        after.loc[goes, "antenna_height_m"] = move.antenna_height_m
        after.loc[goes, "geometry"] = spots[move.host]
    coming = chosen[chosen["tenancy"] == NOBODY]
    if coming.empty:
        return after
    common = market.sectors.groupby("operator")["band"].agg(lambda bands: bands.mode().iloc[0])
    fresh = new_stations(market.locations, coming, market.operators, market.technology, common)
    return gpd.GeoDataFrame(pd.concat([after, fresh], ignore_index=True), crs=after.crs)


def confirmed(
    stations: gpd.GeoDataFrame,
    planned: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    points: Points,
    ground: Ground,
    settings: Settings,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> pd.DataFrame:
    """Coverage computed anew of the stations on air and of the planned ones, by operator.

    Columns: operator; hamlets_before, hamlets_after, hamlets_lost, hamlets_won (at their centres); households_before,
    households_after (at the clusters).
    """
    definition = settings.definition
    radio = radio_under(definition, settings.radio[definition.technology])
    air = stations[stations["status"] == "existing"]
    rows = []
    for operator in sorted(air["operator"].unique()):
        before, after = (
            is_covered(
                receive(
                    network[network["operator"] == operator], cells, points.x_m, points.y_m, ground,
                    definition.technology, radio, settings.propagation, cache=cache, antennas=antennas,
                ),
                radio,
            )
            for network in (air, planned)
        )  # fmt: skip
        hamlets, clusters = slice(None, points.hamlets), slice(points.hamlets, None)
        rows.append(
            {
                "operator": operator,
                "hamlets_before": int(before[hamlets].sum()),
                "hamlets_after": int(after[hamlets].sum()),
                "hamlets_lost": int((before & ~after)[hamlets].sum()),
                "hamlets_won": int((after & ~before)[hamlets].sum()),
                "households_before": int(points.households[before[clusters]].sum()),
                "households_after": int(points.households[after[clusters]].sum()),
            }
        )
    return pd.DataFrame(rows)


def nearest_first(market: Market, case: Case, *, checked: bool) -> Shared:
    """What is done without a program: the nearest neighbours first, until the ratio is reached.

    Only structures with one operator are given up. `checked`: a move that costs an operator more hamlets than it may
    lose is left out; otherwise nobody looks.
    """
    distance_m = market.moves["distance_m"].to_numpy()[case.rows]
    leaves = case.moves.tenancy != NOBODY
    order = np.lexsort((case.moves.outlay_vnd, case.moves.section, distance_m, ~leaves))
    chosen: list[int] = []
    emptied: set[int] = set()
    joined: dict[int, int] = {}
    for m in order:
        if _ratio(case, joined, emptied) >= case.demand.shared_share:
            break
        host = int(case.moves.host[m])
        origin = int(case.stock.location[case.moves.tenancy[m]]) if leaves[m] else NOBODY
        if host in emptied or origin in emptied or origin in joined or case.moves.section[m] != joined.get(host, 0):
            continue
        if joined.get(host, 0) >= case.stock.rooms[host] or _is_there(case, host, int(case.moves.operator[m]), chosen):
            continue
        if leaves[m] and (case.stock.tenants[origin] > 1 or not case.stock.may_go[origin]):
            continue
        plan = _shared_of(case, [*chosen, int(m)], emptied | ({origin} if leaves[m] else set()))
        if checked and (lost_and_won(case.stock, case.moves, plan)[0].sum(axis=1) > case.demand.tolerance).any():
            continue
        chosen.append(int(m))
        joined[host] = joined.get(host, 0) + 1
        if leaves[m]:
            emptied.add(origin)
    return _shared_of(case, chosen, emptied)


def compared(market: Market, case: Case, shared: Shared) -> pd.DataFrame:
    """The plan beside the ones made without a program."""
    ways = {
        "program": shared,
        "nearest first, coverage checked": nearest_first(market, case, checked=True),
        "nearest first": nearest_first(market, case, checked=False),
    }
    best = shared.solution
    rows = []
    for name, plan in ways.items():
        joined = np.unique(case.moves.host[plan.chosen], return_counts=True)
        counted = {int(host): int(count) for host, count in zip(*joined, strict=True)}
        lost, _ = lost_and_won(case.stock, case.moves, plan)
        proven = best if plan is shared else None
        rows.append(
            {
                "method": name,
                "moves": plan.chosen.size,
                "emptied": plan.emptied.size,
                "ratio": _ratio(case, counted, set(plan.emptied.tolist())),
                "hamlets_lost": int(lost.sum()),
                "cost_vnd": plan.outlay_vnd,
                "saving_vnd": plan.saving_vnd,
                "bound_vnd": proven.bound if proven else np.nan,
                "gap": proven.gap if proven else np.nan,
                "over_program_pct": 100.0 * (plan.outlay_vnd / shared.outlay_vnd - 1.0) if shared.outlay_vnd else 0.0,
                "seconds": proven.seconds if proven else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _ratio(case: Case, joined: dict[int, int], emptied: set[int]) -> float:
    """Share of the locations left with more than one operator, when some are joined and some emptied."""
    tenants = case.stock.tenants.copy()
    for host, count in joined.items():
        tenants[host] += count
    left = np.ones(tenants.size, dtype=np.bool_)
    left[list(emptied)] = False
    return float((tenants[left] > 1).mean()) if left.any() else 0.0


def _is_there(case: Case, host: int, operator: int, chosen: list[int]) -> bool:
    """Whether the operator is on the structure already, or comes to it."""
    today = ((case.stock.location == host) & (case.stock.operator == operator)).any()
    return bool(today) or any(case.moves.host[m] == host and case.moves.operator[m] == operator for m in chosen)


def _shared_of(case: Case, chosen: list[int], emptied: set[int]) -> Shared:
    at, gone = np.array(chosen, dtype=np.int64), np.array(sorted(emptied), dtype=np.int64)
    outlay_vnd = float(case.moves.outlay_vnd[at].sum() + case.stock.dismantle_vnd[gone].sum())
    saved_vnd = float(case.stock.saved_vnd[gone].sum() - case.moves.running_vnd[at].sum())
    return Shared(at, gone, outlay_vnd, saved_vnd - outlay_vnd, None)


def _without(case: Case, move: int, shared: Shared, settings: Settings) -> float:
    """How much more the best plan without this move costs, in VND of the aim; NaN when there is none."""
    written = sharing_program(case.stock, case.moves, case.demand)
    aim = written.outlay_vnd if settings.sharing.goal == "target" else written.present_vnd
    upper = written.program.upper.copy()
    upper[move] = 0.0
    other = replace(written.program, cost=aim, upper=upper)
    limits = {"gap": settings.propose.gap, "time_limit_s": settings.propose.time_limit_s}
    try:
        return other.solved(**limits).objective - (shared.solution.objective if shared.solution else 0.0)
    except NoSolution:
        return np.nan


def _moves_table(
    market: Market,
    heard: Heard,
    points: Points,
    case: Case,
    shared: Shared,
    settings: Settings,
) -> pd.DataFrame:
    """Figures of every chosen move, one row each, in the order of `shared.chosen`."""
    lost, won = lost_and_won(case.stock, case.moves, shared)
    table, ids = market.locations, np.array(points.village_ids, dtype=object)
    covers, joins = covered(heard.tenancies, settings), covered(heard.moves, settings)
    comers = pd.Series(case.moves.host[shared.chosen]).value_counts()
    leavers = pd.Series(case.stock.location[case.moves.tenancy[shared.chosen]]).where(
        case.moves.tenancy[shared.chosen] != NOBODY
    ).value_counts()  # fmt: skip
    rows = []
    for m in shared.chosen:
        row = int(case.rows[m])
        host, k, tenancy = int(case.moves.host[m]), int(case.moves.operator[m]), int(case.moves.tenancy[m])
        origin = int(case.stock.location[tenancy]) if tenancy != NOBODY else NOBODY
        there = table.iloc[host]
        before, after = int(case.stock.tenants[host]), int(case.stock.tenants[host] + comers[host])
        then = joins[[row]].toarray()[0][points.hamlets :]
        now = covers[[tenancy]].toarray()[0][points.hamlets :] if tenancy != NOBODY else np.zeros_like(then)
        mine = won[k] & (case.moves.reach[[int(m)]].toarray()[0] > 0)
        rent = rent_per_month(settings, str(there["structure"]), float(there["height_m"]), after)
        rows.append(
            {
                "move": row,
                "action": "add_tenant" if tenancy == NOBODY else "consolidate",
                "operator": market.operators[k],
                "location_id": there["location_id"],
                "from_location_id": table["location_id"].iloc[origin] if origin != NOBODY else None,
                "owner": there["owner"],
                "from_owner": table["owner"].iloc[origin] if origin != NOBODY else None,
                "commune_code": there["commune_code"],
                "commune": there["commune"],
                "distance_m": float(market.moves["distance_m"].iloc[row]),
                "antenna_height_m": float(market.moves["antenna_height_m"].iloc[row]),
                "tenants_before": before,
                "tenants_after": after,
                "households_before": float(now @ points.households),
                "households_kept": float((now * then) @ points.households),
                "households_after": float(then @ points.households),
                "operator_hamlets_lost": int(lost[k].sum()),
                "gains": LIST_SEPARATOR.join(ids[mine]),
                "survey": bool(there["survey"]),
                "certificate_year": there["certificate_year"],
                "becomes_shared": before == 1,
                "comers": int(comers[host]),
                "leavers": int(leavers.get(origin, 0)),
                "from_roof": bool(table["roof"].iloc[origin]) if origin != NOBODY else False,
                "rent_low_vnd": rent.low,
                "rent_vnd": rent.base,
                "rent_high_vnd": rent.high,
            }
        )
    return pd.DataFrame(rows, columns=None if rows else list(_NO_MOVES))


_NO_MOVES = (
    "move", "action", "operator", "location_id", "from_location_id", "owner", "from_owner", "commune_code", "commune",
    "distance_m", "antenna_height_m", "tenants_before", "tenants_after", "households_before", "households_kept",
    "households_after",
    "operator_hamlets_lost", "gains", "survey", "certificate_year", "becomes_shared", "comers", "leavers", "from_roof",
    "rent_low_vnd", "rent_vnd", "rent_high_vnd",
)  # fmt: skip


def outlay_of(move: pd.Series, settings: Settings) -> Range:
    """What one move costs to do: the station, the survey of the host, its part of taking the old structure down."""
    costs = settings.costs
    if move["action"] == "add_tenant":
        outlay = unit_cost(costs, "lte_radio_3_sectors")
    else:
        item = "dismantle_roof" if move["from_roof"] else "dismantle_ground"
        outlay = unit_cost(costs, "station_relocation") + unit_cost(costs, item) * (1.0 / float(move["leavers"]))
    return outlay + (unit_cost(costs, "mast_survey") if move["survey"] else NOTHING)


def running_of(move: pd.Series, settings: Settings) -> Range:
    """What one move changes in running costs, VND/year; negative: saved. Rent passes between firms and is not in it."""
    tenant = unit_cost(settings.costs, "opex_tenant")
    if move["action"] == "add_tenant":
        return tenant
    return tenant + unit_cost(settings.costs, "opex_site") * (-1.0 / float(move["leavers"]))


def _rows(market: Market, moves: pd.DataFrame, case: Case, shared: Shared, settings: Settings) -> gpd.GeoDataFrame:
    """Moves as rows of the proposals layer."""
    place = market.locations.set_index("location_id")
    lonlat = place.geometry.to_crs(4326)
    total = _change_pct(case, shared)
    weights = _parts_of_change(moves, case)
    rows = []
    for (_, move), part in zip(moves.iterrows(), weights, strict=True):
        at, where = place.loc[move["location_id"]], lonlat.loc[move["location_id"]]
        outlay, running = outlay_of(move, settings), running_of(move, settings)
        together = moves.loc[
            (moves["from_location_id"] == move["from_location_id"]) & (moves["proposal_id"] != move["proposal_id"]),
            "proposal_id",
        ]
        reason = reasons(move, outlay, running, float(at["spacing_m"]), settings)
        rows.append(
            {
                "proposal_id": move["proposal_id"],
                "kind": "share",
                "action": move["action"],
                **titles(move),
                "operator": move["operator"],
                "location_id": move["location_id"],
                "from_location_id": move["from_location_id"],
                "commune_code": move["commune_code"],
                "boundary_version": settings.province.boundaries,
                "commune": move["commune"],
                "x_m": round(float(at.geometry.x), 1),
                "y_m": round(float(at.geometry.y), 1),
                "lon": round(float(where.x), 6),
                "lat": round(float(where.y), 6),
                "structure": at["structure"],
                "height_m": float(at["height_m"]),
                "antenna_height_m": move["antenna_height_m"],
                "gains": move["gains"] or None,
                "gains_count": len(move["gains"].split(LIST_SEPARATOR)) if move["gains"] else 0,
                "indicator": INDICATOR,
                "indicator_change": round(total * part, 4),
                "cost_low_vnd": outlay.low,
                "cost_base_vnd": outlay.base,
                "cost_high_vnd": outlay.high,
                "opex_vnd_per_year": running.base,
                "year": pd.NA,
                "depends_on": LIST_SEPARATOR.join(together) or None,
                "funding": "operator",
                "gap": shared.solution.gap if shared.solution else np.nan,
                **reason,
                "geometry": at.geometry,
            }
        )
    columns = [one.name for one in layers()["proposals"].columns]
    frame = pd.DataFrame(rows, columns=[*columns, "geometry"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=market.locations.crs)


def _change_pct(case: Case, shared: Shared) -> float:
    """By how much the plan moves the ratio, percentage points."""
    hosts, counts = np.unique(case.moves.host[shared.chosen], return_counts=True)
    joined = {int(host): int(count) for host, count in zip(hosts, counts, strict=True)}
    return 100.0 * (_ratio(case, joined, set(shared.emptied.tolist())) - _ratio(case, {}, set()))


def _parts_of_change(moves: pd.DataFrame, case: Case) -> NDArray[np.float64]:
    """Each move's part of it: a location that becomes shared counts one, one that is emptied its share of one."""
    if moves.empty:
        return np.empty(0)
    gained = np.where(moves["becomes_shared"], 1.0 / moves["comers"], 0.0)
    emptied = np.where(moves["leavers"] > 0, case.demand.shared_share / moves["leavers"].clip(lower=1), 0.0)
    parts: NDArray[np.float64] = gained + emptied
    return parts / parts.sum() if parts.sum() > 0 else np.full(len(moves), 1.0 / len(moves))
