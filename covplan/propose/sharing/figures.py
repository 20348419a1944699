"""Figures of the chosen moves: who stands where afterwards, what is kept and won, what it costs, rents and saves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from covplan.propose.common.costs import MONTHS, NOTHING, Range, structure_cost, unit_cost
from covplan.propose.sharing.options import covered
from covplan.propose.sharing.program import lost_and_won, sharing_program
from covplan.study.codes import NOBODY
from covplan.study.errors import NoSolution
from covplan.study.layers import LIST_SEPARATOR

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from covplan.propose.sharing.options import Case, Market, Points, Reception
    from covplan.propose.sharing.program import Shared
    from covplan.study.settings import Settings

COLUMNS = [
    "move", "action", "operator", "location_id", "from_location_id", "owner", "from_owner", "commune_code", "commune",
    "distance_m", "antenna_height_m", "tenants_before", "tenants_after",
    "households_before", "households_kept", "households_after",
    "operator_hamlets_lost", "gains", "survey", "certificate_year", "becomes_shared", "comers", "leavers", "from_roof",
    "rent_low_vnd", "rent_vnd", "rent_high_vnd", "next_best_vnd",
]  # fmt: skip


def moves_table(market: Market, reception: Reception, case: Case, shared: Shared, settings: Settings) -> pd.DataFrame:
    """Figures of every chosen move, one row each, numbered from commune to commune (proposal_id)."""
    covers, joins = (covered(one, settings) for one in (reception.tenancies, reception.moves))
    lost, won = lost_and_won(case.stock, case.moves, shared)
    village_ids = np.array(reception.points.village_ids, dtype=object)
    rows = []
    for m in map(int, shared.chosen):
        operator, tenants = int(case.moves.operator[m]), _tenants(case, shared, m)
        host = market.locations.iloc[int(case.moves.host[m])]
        rent = rent_per_month(settings, str(host["structure"]), float(host["height_m"]), tenants["tenants_after"])
        gains = won[operator] & (case.moves.reach[[m]].toarray()[0] > 0)
        rows.append(
            {
                **_places(market, case, m),
                **tenants,
                **_households(case, covers, joins, reception.points, m),
                "operator_hamlets_lost": int(lost[operator].sum()),
                "gains": LIST_SEPARATOR.join(village_ids[gains]),
                "rent_low_vnd": rent.low,
                "rent_vnd": rent.base,
                "rent_high_vnd": rent.high,
                "next_best_vnd": _more_without(case, m, shared, settings),
            }
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = np.lexsort((table["location_id"], table["commune_code"].fillna("").astype(str)))
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "proposal_id", [f"S-{n:03d}" for n in range(1, len(table) + 1)])
    return table


def _places(market: Market, case: Case, m: int) -> dict[str, Any]:
    """Who moves from where to where."""
    table, move = market.locations, int(case.rows[m])
    host, tenancy = table.iloc[int(case.moves.host[m])], int(case.moves.tenancy[m])
    origin = None if tenancy == NOBODY else table.iloc[int(case.stock.location[tenancy])]
    return {
        "move": move,
        "action": "add_tenant" if origin is None else "consolidate",
        "operator": market.operators[int(case.moves.operator[m])],
        "location_id": host["location_id"],
        "from_location_id": None if origin is None else origin["location_id"],
        "owner": host["owner"],
        "from_owner": None if origin is None else origin["owner"],
        "commune_code": host["commune_code"],
        "commune": host["commune"],
        "distance_m": float(market.moves["distance_m"].iloc[move]),
        "antenna_height_m": float(market.moves["antenna_height_m"].iloc[move]),
        "survey": bool(host["survey"]),
        "certificate_year": host["certificate_year"],
        "from_roof": False if origin is None else bool(origin["roof"]),
    }


def _tenants(case: Case, shared: Shared, m: int) -> dict[str, Any]:
    """Operators on the structure joined, and those that leave the other one together."""
    stock, moves = case.stock, case.moves
    before, comers = int(stock.tenants[moves.host[m]]), int((moves.host[shared.chosen] == moves.host[m]).sum())
    leaving = moves.tenancy[shared.chosen]
    origins = stock.location[leaving[leaving != NOBODY]]
    origin = NOBODY if moves.tenancy[m] == NOBODY else int(stock.location[moves.tenancy[m]])
    return {
        "tenants_before": before,
        "tenants_after": before + comers,
        "becomes_shared": before == 1,
        "comers": comers,
        "leavers": int((origins == origin).sum()),
    }


def _households(case: Case, covers: csr_array, joins: csr_array, points: Points, m: int) -> dict[str, float]:
    """Households that the station covers from where it is, from both structures, from where it goes."""
    tenancy = int(case.moves.tenancy[m])
    then = joins[[int(case.rows[m])]].toarray()[0][points.hamlets :]
    now = np.zeros_like(then) if tenancy == NOBODY else covers[[tenancy]].toarray()[0][points.hamlets :]
    return {
        "households_before": float(now @ points.households),
        "households_kept": float((now * then) @ points.households),
        "households_after": float(then @ points.households),
    }


def _more_without(case: Case, move: int, shared: Shared, settings: Settings) -> float:
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
