"""The fiber plan: one phase after the other, each by its year at least cost, as proposals, order and materials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from covplan.propose.fiber.options import candidates
from covplan.propose.fiber.program import after_phase, by_years, extend, hamlets_missing
from covplan.propose.fiber.rows import bill_of_quantities, fiber_proposals, order_table
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.propose.solve.steiner import joinable_groups
from covplan.study.findings import finding
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.options import Candidates, Case
    from covplan.propose.fiber.program import Extension
    from covplan.study.findings import Finding


@dataclass(frozen=True)
class FiberPlan:
    """Phases of the extension and everything counted from them."""

    phases: tuple[Extension, ...]
    proposals: gpd.GeoDataFrame
    """Columns of resources/layers/proposals.csv."""
    order: pd.DataFrame
    """The marginal cost curve."""
    bill: pd.DataFrame
    summary: pd.DataFrame
    """Per phase: last year, hamlets and how many short of the target, km, cost, bound, gap, status, seconds."""
    findings: tuple[Finding, ...]
    """Hamlets no route can reach."""


def plan_fiber(
    case: Case,
    communes: gpd.GeoDataFrame,
    targets: Sequence[tuple[int, float]],
    years: Sequence[int],
    *,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> FiberPlan:
    """Reach each target share of hamlets by its year at least cost, one phase after the other; or spend one budget.

    Where a target asks for more than any route can reach, all that can be reached are joined, and `short` says how many
    are missing.

    Parameters
    ----------
    targets : sequence of (year, per cent)
        Rising; what one phase builds the next one has. Ignored when there is a budget.
    years : sequence of int
        Years in which something can be built; a phase has those after the one before it.
    """
    reach, network = case.reach, case.network
    phases: list[Extension] = []
    tables: list[gpd.GeoDataFrame] = []
    rows: list[dict[str, Any]] = []
    joined, since = 0, min([*years, targets[0][0]] if targets else years) - 1
    steps = [(max(years), None)] if budget_vnd is not None else [(year, pct) for year, pct in targets]
    found = first = candidates(case)
    for year, pct in steps:
        missing = 0 if pct is None else max(0, hamlets_missing(reach, pct) - joined)
        able = joinable_groups(found.problem) & ~found.built & ~found.is_site
        accepted = np.isin(found.id, list(case.accepted)) & ~found.built
        wanted = max(min(missing, int(able.sum())), int(accepted.sum()))
        extension = extend(found, hamlets=wanted, budget_vnd=budget_vnd, gap=gap, time_limit_s=time_limit_s)
        year_of_step = by_years(extension, [one for one in years if since < one <= year] or [year])
        tables.append(fiber_proposals(extension, year_of_step, reach, communes, network))
        phases.append(extension)
        rows.append(_phase_row(extension, network, year, pct, max(missing - wanted, 0)))
        joined, since = joined + rows[-1]["hamlets"], year
        found = after_phase(found, extension)
    proposals = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    order = _order(phases, case, proposals)
    bill = bill_of_quantities(phases, network, case.costs)
    return FiberPlan(tuple(phases), proposals, order, bill, pd.DataFrame(rows), tuple(_out_of_reach(first, reach)))


def _order(phases: Sequence[Extension], case: Case, proposals: pd.DataFrame) -> pd.DataFrame:
    """The marginal cost curve of all phases, with the proposal and the year of each step."""
    order = pd.concat([order_table(one, case.reach, case.network) for one in phases], ignore_index=True)
    order.insert(0, "proposal_id", proposals["proposal_id"].to_numpy() if len(proposals) else [])
    order.insert(1, "year", proposals["year"].to_numpy() if len(proposals) else [])
    for column in ("households", "length_m", "cost_vnd"):
        order[f"{column}_so_far"] = order[column].cumsum()
    return order


def _out_of_reach(found: Candidates, reach: gpd.GeoDataFrame) -> list[Finding]:
    """Hamlets on a road to which no way from an exchange with free ports keeps the optical budget."""
    named = dict(zip(reach["village_id"], reach["name"], strict=True))
    lost = found.id[~joinable_groups(found.problem) & ~found.is_site]
    place = {"layer": "villages"}
    return [
        finding("hamlet_out_of_reach", "villages.gpkg", id=one, value=named[one], name=named[one], **place)
        for one in lost.tolist()
    ]


def _phase_row(extension: Extension, network: Network, year: int, pct: float | None, short: int) -> dict[str, Any]:
    found, tree = extension.candidates, extension.tree
    groups = np.array([step.group for step in extension.steps], np.int64)
    homes = int(found.households[groups].sum())
    scale = 1.0 if pct is None else 1e-6
    return {
        "year": year,
        "target_pct": pct,
        "hamlets": int((~found.is_site[groups]).sum()),
        "short": short,
        "sites": int(found.is_site[groups].sum()),
        "households": homes,
        "km": round(float(network.graph.length_m[extension.edges].sum()) / 1000, 2),
        **{f"cost_{level}_vnd": round(extension.cost_vnd(level)) for level in LEVELS},
        "vnd_per_home_passed": round(extension.cost_vnd() / homes) if homes else None,
        "objective": round(tree.objective * scale, 3),
        "bound": round(tree.bound * scale, 3),
        "gap": tree.gap,
        "status": str(tree.status),
        "seconds": round(tree.seconds, 1),
    }
