"""What no best tree needs is taken out first: leaves, paths through nothing, edges with a way around."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import (
    dijkstra,
)

from covplan.propose.solve.steiner.arrays import edge_matrix, of_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

TESTED_NODES = 4_000  # up to this dominated edges are looked for


def reduced(problem: Problem) -> tuple[Problem, list[Ints]]:
    """The same problem without what no best tree needs, and for each edge left the edges it stands for.

    Nodes of degree 1 that are no terminal go; two edges that meet at a node of degree 2 that is no terminal become one;
    of parallel edges the dearer ones go, and so does an edge with a cheaper way around (least-cost test), unless
    lengths or capacities matter.
    """
    tail, head, cost = problem.tail.tolist(), problem.head.tolist(), problem.cost.tolist()
    length = [0.0] * len(cost) if problem.length is None else problem.length.tolist()
    source = [-1] * len(cost) if problem.source is None else problem.source.tolist()
    stands = [[edge] for edge in range(len(cost))]
    at: list[set[int]] = [set() for _ in range(problem.nodes)]
    for edge, (a, b) in enumerate(zip(tail, head, strict=True)):
        if a != b:
            at[a].add(edge)
            at[b].add(edge)
    fixed = {problem.root, *problem.terminal.tolist()}
    queue = [node for node in range(problem.nodes) if node not in fixed and len(at[node]) <= 2]
    while queue:
        node = queue.pop()
        edges = sorted(at[node])
        if not 1 <= len(edges) <= 2:
            continue
        ends = [head[edge] if tail[edge] == node else tail[edge] for edge in edges]
        for edge, end in zip(edges, ends, strict=True):
            at[node].discard(edge)
            at[end].discard(edge)
        if len(edges) == 2 and ends[0] != ends[1]:
            gone, edge = edges
            tail[edge], head[edge] = ends
            stands[edge] = stands[gone] + stands[edge]
            cost[edge] += cost[gone]
            length[edge] += length[gone]
            source[edge] = max(source[edge], source[gone])
            at[ends[0]].add(edge)
            at[ends[1]].add(edge)
        queue += [end for end in ends if end not in fixed and len(at[end]) <= 2]
    left = sorted(set().union(*at)) if at else []
    small = replace(
        problem,
        tail=np.array(tail, np.int64)[left],
        head=np.array(head, np.int64)[left],
        cost=np.array(cost, np.float64)[left],
        length=None if problem.length is None else np.array(length, np.float64)[left],
        source=None if problem.source is None else np.array(source, np.int64)[left],
    )
    members = [np.array(stands[edge], np.int64) for edge in left]
    free = problem.longest is None or not np.isfinite(problem.longest).any()
    return _without_dominated(small, members) if free and problem.capacity is None else (small, members)


def _without_dominated(problem: Problem, members: list[Ints]) -> tuple[Problem, list[Ints]]:
    """Without edges that have a way around no dearer than themselves."""
    low, high = np.minimum(problem.tail, problem.head), np.maximum(problem.tail, problem.head)
    order = np.lexsort((problem.cost, high, low))
    first = (
        np.append(True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)) if order.size else np.empty(0, bool)
    )
    keep = np.zeros(problem.tail.size, np.bool_)
    keep[order[first]] = True
    if problem.nodes <= TESTED_NODES and keep.any():
        weights = edge_matrix(problem.nodes, problem.tail[keep], problem.head[keep], problem.cost[keep])
        ends = np.unique(problem.tail[keep])
        limit = float(problem.cost[keep].max())
        row = np.full(problem.nodes, -1)
        row[ends] = np.arange(ends.size)
        path_cost = dijkstra(weights, directed=False, indices=ends, limit=limit)
        keep &= path_cost[row[problem.tail], problem.head] >= problem.cost * (1 - 1e-12) - 1e-12
    chosen = np.flatnonzero(keep)
    return of_edges(problem, chosen), [members[edge] for edge in chosen]
