"""In which order the groups of a tree are joined: always the one that adds least, each with what it adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import breadth_first_order

from covplan.fiber.roads import sparse
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.fiber.options import Candidates
    from covplan.propose.solve.steiner import Tree
    from covplan.study.settings import Level

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """One group joined: what its own stretch of the tree adds. Later steps may build on it."""

    group: int
    edges: Ints
    """Graph edges laid for it."""
    entries: int
    """Closures in existing cable."""
    source: int
    after: int
    """Number of the last step, over all phases, whose new cable it continues; −1 when it starts at existing cable."""
    needs: tuple[int, ...]
    """Every such step that no other of them needs itself: a hamlet of several clusters may continue several."""
    cost_vnd: dict[Level, float]


def joining_order(found: Candidates, tree: Tree) -> list[Step]:
    """Groups in the order of what the next one adds per hamlet: always the cheapest that is left, sites by need."""
    problem, edges_of = found.problem, _edges_to_groups(found, tree)
    laid_by = {int(edge): int(found.laid_by[edge]) for edge in np.flatnonzero(found.laid_by >= 0)}
    steps: list[Step] = []
    behind: dict[int, set[int]] = {}
    """Of each step: all steps that it needs, directly or not."""
    for group in np.flatnonzero(found.built).tolist():
        for edge in edges_of.pop(group, []):
            laid_by.setdefault(edge, -1)
    while edges_of:
        added = {
            group: float(problem.own_cost[group] + sum(problem.cost[edge] for edge in edges if edge not in laid_by))
            for group, edges in edges_of.items()
        }
        group = min(added, key=lambda one: (added[one], str(found.id[one])))
        edges = edges_of.pop(group)
        new = [edge for edge in edges if edge not in laid_by]
        earlier = {laid_by[edge] for edge in edges if edge in laid_by and found.edge[edge] >= 0}
        number = found.steps_before + len(steps)
        laid_by |= dict.fromkeys(new, number)
        behind[number] = earlier.union(*(behind.get(one, ()) for one in earlier))
        needs = tuple(sorted(earlier - {-1}.union(*(behind.get(one, ()) for one in earlier))))
        steps.append(_step(found, group, edges, new, max(earlier, default=-1), needs))
    return steps


def _edges_to_groups(found: Candidates, tree: Tree) -> dict[int, list[int]]:
    """Edges of the tree from the terminals of each group that joins to the root."""
    problem, used = found.problem, np.flatnonzero(tree.edges)
    links = sparse(problem.tail[used], problem.head[used], np.ones(used.size), problem.nodes)
    _, before = breadth_first_order(links, problem.root, directed=False, return_predecessors=True)
    between = {
        (min(a, b), max(a, b)): int(edge)
        for edge, a, b in zip(used, problem.tail[used].tolist(), problem.head[used].tolist(), strict=True)
    }
    edges_of: dict[int, list[int]] = {}
    for group in np.flatnonzero(tree.joined).tolist():
        edges: list[int] = []
        for start in problem.terminal[problem.group == group].tolist():
            node = int(start)
            while node != problem.root:
                edges.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
                node = int(before[node])
        edges_of[group] = list(dict.fromkeys(edges))
    return edges_of


def _step(found: Candidates, group: int, edges: list[int], new: list[int], after: int, needs: tuple[int, ...]) -> Step:
    """What joining a group adds: the cable and the entries that are new on its way."""
    problem = found.problem
    entries = [edge for edge in new if found.edge[edge] < 0]
    entered = next((edge for edge in edges if found.edge[edge] < 0), None)
    source = -1 if entered is None or problem.source is None else int(problem.source[entered])
    cable = found.edge[[edge for edge in new if found.edge[edge] >= 0]].astype(np.int64)
    cost = {
        level: float(found.own_vnd[level][group] + found.route_vnd[level][cable].sum())
        + sum(found.closure_vnd[level] for edge in entries if problem.cost[edge] > 0)
        for level in LEVELS
    }
    return Step(group, cable, len(entries), source, after, needs, cost)
