"""Who can join at all, and which limits of capacity and length a tree breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    dijkstra,
)

from covplan.propose.solve.steiner.arrays import edge_between, edge_matrix, of_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


def joinable_groups(problem: Problem) -> Flags:
    """Groups all of whose terminals some way leads to, not longer than allowed."""
    known = np.ones(problem.groups, np.bool_)
    weights = edge_matrix(problem.nodes, problem.tail, problem.head, np.ones(problem.tail.size))
    seen = np.zeros(problem.nodes, np.bool_)
    seen[breadth_first_order(weights, problem.root, directed=False, return_predecessors=False)] = True
    known[problem.group[~seen[problem.terminal]]] = False
    if problem.longest is not None and problem.length is not None:
        lengths = edge_matrix(problem.nodes, problem.tail, problem.head, problem.length)
        shortest = dijkstra(lengths, directed=False, indices=problem.root)
        known[problem.group[shortest[problem.terminal] > problem.longest[problem.group] + 1e-6]] = False
    return known


def broken_limits(problem: Problem, edges: Flags, joined: Flags) -> list[tuple[str, int]]:
    """Sources drawn on too much, as ("capacity", source); ways that are too long, as ("length", node of a terminal)."""
    if problem.longest is None and problem.capacity is None:
        return []
    tree = edge_matrix(problem.nodes, problem.tail[edges], problem.head[edges], np.ones(int(edges.sum())))
    order, before = breadth_first_order(tree, problem.root, directed=False, return_predecessors=True)
    between, number = edge_between(of_edges(problem, np.flatnonzero(edges))), np.flatnonzero(edges)
    way_m, drawn = np.zeros(problem.nodes), np.full(problem.nodes, -1)
    for node in order[1:]:
        edge = number[between[(min(int(node), int(before[node])), max(int(node), int(before[node])))]]
        way_m[node] = way_m[before[node]] + (0.0 if problem.length is None else problem.length[edge])
        if problem.source is not None:
            drawn[node] = problem.source[edge] if before[node] == problem.root else drawn[before[node]]
    broken: list[tuple[str, int]] = []
    if problem.longest is not None:
        late = joined[problem.group] & (way_m[problem.terminal] > problem.longest[problem.group] + 1e-6)
        broken += [("length", int(node)) for node in problem.terminal[late]]
    if problem.capacity is not None and problem.demand is not None:
        first = np.unique(problem.group, return_index=True)[1]  # a group draws at its first terminal
        at = drawn[problem.terminal[first]]
        use = joined[problem.group[first]] & (at >= 0)
        load = np.bincount(at[use], problem.demand[problem.group[first]][use], minlength=problem.capacity.size)
        broken += [("capacity", int(source)) for source in np.flatnonzero(load > problem.capacity + 1e-9)]
    return broken


def pockets_of(problem: Problem) -> Ints:
    """Part of the graph without its root that each node lies in."""
    inner = (problem.tail != problem.root) & (problem.head != problem.root)
    graph = edge_matrix(problem.nodes, problem.tail[inner], problem.head[inner], np.ones(int(inner.sum())))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label
