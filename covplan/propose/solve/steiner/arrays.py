"""Graphs as sparse matrices, and what the other modules ask of edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


def of_edges(problem: Problem, edges: Ints) -> Problem:
    """The problem on some of its edges."""
    return replace(
        problem,
        tail=problem.tail[edges],
        head=problem.head[edges],
        cost=problem.cost[edges],
        length=None if problem.length is None else problem.length[edges],
        source=None if problem.source is None else problem.source[edges],
    )


def edge_matrix(nodes: int, tail: Ints, head: Ints, cost: Floats) -> csr_array:
    """Symmetric; of parallel edges the lightest, weights of 0 as next to nothing."""
    order = np.lexsort((cost, np.maximum(tail, head), np.minimum(tail, head)))
    low, high = np.minimum(tail, head)[order], np.maximum(tail, head)[order]
    first = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0)) if order.size else np.empty(0, bool)
    low, high, light = low[first], high[first], np.maximum(cost[order][first], 1e-9)
    both = (np.concatenate([low, high]), np.concatenate([high, low]))
    return csr_array((np.concatenate([light, light]), both), shape=(nodes, nodes))


def lightest_arcs(nodes: int, tail: Ints, head: Ints, cost: Floats) -> csr_array:
    """Directed; of parallel arcs the lightest, weights of 0 as next to nothing."""
    order = np.lexsort((cost, head, tail))
    first = np.append(True, (np.diff(tail[order]) != 0) | (np.diff(head[order]) != 0)) if order.size else order > 0
    keep = order[first]
    return csr_array((np.maximum(cost[keep], 1e-9), (tail[keep], head[keep])), shape=(nodes, nodes))


def edge_between(problem: Problem) -> dict[tuple[int, int], int]:
    """The lightest edge between two nodes."""
    order = np.argsort(-problem.cost, kind="stable")
    low, high = np.minimum(problem.tail, problem.head)[order], np.maximum(problem.tail, problem.head)[order]
    return dict(zip(zip(low.tolist(), high.tolist(), strict=True), order.tolist(), strict=True))


def node_degree(problem: Problem, edges: Flags) -> Ints:
    """Edges at each node, of those that are flagged."""
    ends = np.concatenate([problem.tail[edges], problem.head[edges]])
    return np.bincount(ends, minlength=problem.nodes).astype(np.int64)


def flags_of(size: int, numbers: NDArray[Any]) -> Flags:
    """True at the given places."""
    flags = np.zeros(size, np.bool_)
    flags[numbers] = True
    return flags
