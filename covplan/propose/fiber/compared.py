"""The fiber program beside what a planner would do by habit: the nearest hamlet first, each by its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import dijkstra

from covplan.fiber.roads import sparse
from covplan.propose.solve.comparison import bounded_row, over_program
from covplan.propose.solve.steiner import broken_limits

if TYPE_CHECKING:
    import pandas as pd

    from covplan.propose.fiber.options import Candidates
    from covplan.propose.fiber.program import Extension


def compared_hamlets(extension: Extension, year: int) -> pd.DataFrame:
    """The tree beside hamlets that are joined nearest first, each by its own cheapest way."""
    tree, wanted = extension.tree, int((extension.tree.joined & ~extension.candidates.is_site).sum())
    cost_vnd, served = by_own_ways(extension.candidates, wanted)
    return over_program(
        [
            bounded_row(
                "program", year, served=wanted, cost_vnd=tree.objective, bound_vnd=tree.bound, seconds=tree.seconds
            ),
            {"method": "nearest first, each by its own way", "year": year, "status": "no bound", "served": served,
             "cost_vnd": cost_vnd, "built_vnd": cost_vnd},
        ]
    )  # fmt: skip


def by_own_ways(found: Candidates, hamlets: int) -> tuple[float, int]:
    """Cost, VND, and number of hamlets, those first that are cheapest to reach alone, each by its cheapest way.

    Cable that two ways have in common is paid once; a hamlet for which ports or light no longer suffice is passed over.
    """
    problem = found.problem
    between = np.lexsort((problem.cost, problem.head, problem.tail))[::-1]  # of parallel edges the cheapest stays
    ends = zip(problem.tail[between].tolist(), problem.head[between].tolist(), between.tolist(), strict=True)
    edge_of = {frozenset(pair): edge for *pair, edge in ends}
    weights = sparse(problem.tail, problem.head, problem.cost, problem.nodes)
    path_vnd, before = dijkstra(weights, directed=False, indices=problem.root, return_predecessors=True)
    alone_vnd = problem.own_cost + np.bincount(problem.group, path_vnd[problem.terminal], minlength=problem.groups)
    laid, joined = np.zeros(problem.tail.size, bool), np.zeros(problem.groups, bool)
    for group in np.argsort(alone_vnd, kind="stable"):
        if joined.sum() == hamlets or not np.isfinite(alone_vnd[group]):
            break
        if found.is_site[group]:
            continue
        more_laid, more_joined = laid.copy(), joined.copy()
        more_joined[group] = True
        for start in problem.terminal[problem.group == group].tolist():
            node = int(start)
            while node != problem.root:
                more_laid[edge_of[frozenset((node, int(before[node])))]] = True
                node = int(before[node])
        if not broken_limits(problem, more_laid, more_joined):
            laid, joined = more_laid, more_joined
    return float(problem.cost[laid].sum() + problem.own_cost[joined].sum()), int(joined.sum())
