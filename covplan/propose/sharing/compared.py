"""The sharing program beside what a planner would do without one: the nearest neighbours first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.sharing.program import Shared, lost_and_won
from covplan.study.codes import NOBODY

if TYPE_CHECKING:
    from covplan.propose.sharing.options import Case, Market


def compared(market: Market, case: Case, shared: Shared) -> pd.DataFrame:
    """The plan beside the ones made without a program."""
    plans = {
        "program": shared,
        "nearest first, coverage checked": nearest_first(market, case, checked=True),
        "nearest first": nearest_first(market, case, checked=False),
    }
    best = shared.solution
    rows = []
    for name, plan in plans.items():
        lost, _won = lost_and_won(case.stock, case.moves, plan)
        proven = best if plan is shared else None
        rows.append(
            {
                "method": name,
                "moves": plan.chosen.size,
                "emptied": plan.emptied.size,
                "ratio": shared_share(case, plan),
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


def shared_share(case: Case, plan: Shared) -> float:
    """Share of the locations left with more than one operator once the plan is done, 0…1."""
    hosts, counts = np.unique(case.moves.host[plan.chosen], return_counts=True)
    joined = {int(host): int(count) for host, count in zip(hosts, counts, strict=True)}
    return _ratio(case, joined, set(plan.emptied.tolist()))


def share_today(case: Case) -> float:
    """Share of the locations with more than one operator today, 0…1."""
    return _ratio(case, {}, set())


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
