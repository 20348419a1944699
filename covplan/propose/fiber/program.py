"""Which hamlets get fiber next, along which roads, in which order, at what cost; and the fiber of masts in one trench.

The trees are those of `propose.steiner` over the problem of `fiber_candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import breadth_first_order

from covplan.fiber.roads import sparse
from covplan.fiber.routes import LEVELS
from covplan.propose.fiber.options import Candidates, Extension, Step, candidates
from covplan.propose.fiber.rows import bill_of_quantities, fiber_proposals, order_table
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.propose.solve.steiner import Tree, cheapest_tree, joinable_groups
from covplan.study.findings import finding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import geopandas as gpd
    import shapely

    from covplan.fiber.reach import Network
    from covplan.study.findings import Finding
    from covplan.study.settings import Cost, Fiber


def extend(
    found: Candidates,
    *,
    hamlets: int = 0,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Extension:
    """The cheapest extension that joins so many hamlets more, or the one with most households for the money.

    Sites that must be joined are, in either form; without a budget others are where that is cheaper than what it costs
    to leave them out.
    """
    problem = found.problem
    if budget_vnd is not None:
        problem = replace(problem, weight=found.households.astype(np.float64))
        tree = cheapest_tree(problem, budget=budget_vnd, gap=gap, time_limit_s=time_limit_s)
    else:
        quota = float(hamlets + (found.built & ~found.is_site).sum())
        penalty = found.worth_vnd if found.worth_vnd.any() else None
        tree = cheapest_tree(problem, quota=quota, penalty=penalty, gap=gap, time_limit_s=time_limit_s)
    return Extension(found, tree, tuple(_ordered(found, tree)))


def hamlets_missing(reach: gpd.GeoDataFrame, target_pct: float) -> int:
    """Hamlets to join, of those whose state is known, until the target share is reached."""
    known = int(reach["ftth"].notna().sum())
    return max(0, int(np.ceil(target_pct * known / 100 - 1e-9)) - int(reach["ftth"].fillna(value=False).sum()))


def by_years(extension: Extension, years: Sequence[int]) -> list[int]:
    """Year of each step: in the order of joining, each year about the same share of the money."""
    money = np.cumsum([step.cost_vnd["base"] for step in extension.steps])
    if not len(money):
        return []
    share = (money - np.diff(money, prepend=0.0) / 2) / max(float(money[-1]), 1e-9)
    return [int(years[min(int(one * len(years)), len(years) - 1)]) for one in share]


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
    reach: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    nodes: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    network: Network,
    fiber: Fiber,
    costs: Mapping[str, Cost],
    targets: Sequence[tuple[int, float]],
    years: Sequence[int],
    *,
    budget_vnd: float | None = None,
    towns: shapely.Geometry | None = None,
    sites: pd.DataFrame | None = None,
    without: Collection[str] = (),
    must_join: Collection[str] = (),
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
    without, must_join
        As in `candidates`.
    """
    phases: list[Extension] = []
    tables: list[gpd.GeoDataFrame] = []
    rows: list[dict[str, Any]] = []
    joined, since = 0, min([*years, targets[0][0]] if targets else years) - 1
    steps = [(max(years), None)] if budget_vnd is not None else [(year, pct) for year, pct in targets]
    for year, pct in steps:
        found = candidates(
            reach, dwellings, nodes, network, fiber, costs, towns=towns, sites=sites, built=phases, without=without,
            must_join=must_join,
        )  # fmt: skip
        missing = 0 if pct is None else max(0, hamlets_missing(reach, pct) - joined)
        able = joinable_groups(found.problem) & ~found.built & ~found.is_site
        accepted = np.isin(found.id, list(must_join)) & ~found.built
        wanted = max(min(missing, int(able.sum())), int(accepted.sum()))
        made = extend(found, hamlets=wanted, budget_vnd=budget_vnd, gap=gap, time_limit_s=time_limit_s)
        when = by_years(made, [one for one in years if since < one <= year] or [year])
        tables.append(fiber_proposals(made, when, reach, communes, network))
        phases.append(made)
        rows.append(_phase_row(made, network, year, pct, max(missing - wanted, 0)))
        joined, since = joined + rows[-1]["hamlets"], year
    proposals = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    order = pd.concat([order_table(one, reach, network) for one in phases], ignore_index=True)
    order.insert(0, "proposal_id", proposals["proposal_id"].to_numpy() if len(proposals) else [])
    order.insert(1, "year", proposals["year"].to_numpy() if len(proposals) else [])
    for column in ("households", "length_m", "cost_vnd"):
        order[f"{column}_so_far"] = order[column].cumsum()
    bill = bill_of_quantities(phases, network, costs)
    findings = tuple(_out_of_reach(phases[0].candidates, reach))
    return FiberPlan(tuple(phases), proposals, order, bill, pd.DataFrame(rows), findings)


def _out_of_reach(found: Candidates, reach: gpd.GeoDataFrame) -> list[Finding]:
    """Hamlets on a road to which no way from an exchange with free ports keeps the optical budget."""
    named = dict(zip(reach["village_id"], reach["name"], strict=True))
    lost = found.id[~joinable_groups(found.problem) & ~found.is_site]
    place = {"layer": "villages"}
    return [
        finding("hamlet_out_of_reach", "villages.gpkg", id=one, value=named[one], name=named[one], **place)
        for one in lost.tolist()
    ]


def _phase_row(made: Extension, network: Network, year: int, pct: float | None, short: int) -> dict[str, Any]:
    found, tree = made.candidates, made.tree
    groups = np.array([step.group for step in made.steps], np.int64)
    homes = int(found.households[groups].sum())
    scale = 1.0 if pct is None else 1e-6
    return {
        "year": year,
        "target_pct": pct,
        "hamlets": int((~found.is_site[groups]).sum()),
        "short": short,
        "sites": int(found.is_site[groups].sum()),
        "households": homes,
        "km": round(float(network.graph.length_m[made.edges].sum()) / 1000, 2),
        **{f"cost_{level}_vnd": round(made.cost_vnd(level)) for level in LEVELS},
        "vnd_per_home_passed": round(made.cost_vnd() / homes) if homes else None,
        "objective": round(tree.objective * scale, 3),
        "bound": round(tree.bound * scale, 3),
        "gap": tree.gap,
        "status": str(tree.status),
        "seconds": round(tree.seconds, 1),
    }


def _ordered(found: Candidates, tree: Tree) -> list[Step]:
    """Groups in the order of what the next one adds per hamlet: always the cheapest that is left, sites by need."""
    problem = found.problem
    used = np.flatnonzero(tree.edges)
    links = sparse(problem.tail[used], problem.head[used], np.ones(used.size), problem.nodes)
    _, before = breadth_first_order(links, problem.root, directed=False, return_predecessors=True)
    between = {
        (min(a, b), max(a, b)): int(edge)
        for edge, a, b in zip(used, problem.tail[used].tolist(), problem.head[used].tolist(), strict=True)
    }
    ways: dict[int, list[int]] = {}
    for group in np.flatnonzero(tree.joined).tolist():
        edges: list[int] = []
        for start in problem.terminal[problem.group == group].tolist():
            node = int(start)
            while node != problem.root:
                edges.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
                node = int(before[node])
        ways[group] = list(dict.fromkeys(edges))
    laid = {int(edge): int(found.laid_by[edge]) for edge in np.flatnonzero(found.laid_by >= 0)}
    steps: list[Step] = []
    behind: dict[int, set[int]] = {}
    """Of each step: all steps that it needs, directly or not."""
    for group in np.flatnonzero(found.built).tolist():
        for edge in ways.pop(group, []):
            laid.setdefault(edge, -1)
    while ways:
        added = {
            group: float(problem.own_cost[group] + sum(problem.cost[edge] for edge in edges if edge not in laid))
            for group, edges in ways.items()
        }
        group = min(added, key=lambda one: (added[one], str(found.id[one])))
        edges = ways.pop(group)
        new = [edge for edge in edges if edge not in laid]
        old = [laid[edge] for edge in edges if edge in laid and found.edge[edge] >= 0]
        entries = [edge for edge in new if found.edge[edge] < 0]
        drawn = next((edge for edge in edges if found.edge[edge] < 0), None)
        source = -1 if drawn is None or problem.source is None else int(problem.source[drawn])
        cable = found.edge[[edge for edge in new if found.edge[edge] >= 0]].astype(np.int64)
        cost = {
            level: float(found.own_vnd[level][group] + found.route_vnd[level][cable].sum())
            + sum(found.closure_vnd[level] for edge in entries if problem.cost[edge] > 0)
            for level in LEVELS
        }
        number = found.steps_before + len(steps)
        for edge in new:
            laid[edge] = number
        behind[number] = set(old).union(*(behind.get(one, ()) for one in old))
        needs = tuple(sorted(set(old) - {-1}.union(*(behind.get(one, ()) for one in old))))
        steps.append(Step(group, cable, len(entries), source, max(old, default=-1), needs, cost))
    return steps
