"""Least-cost paths and trees on sparse graphs, in whole numbers so that every machine finds the same ones.

Costs are int64 and ties fall to the lower node number: no rounding, no thread order, no library version decides.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

FAR = np.int64(2**62)


@dataclass(frozen=True)
class Graph:
    """A graph as sorted half-edges: those of node `n` are `first[n]` to `first[n + 1]`, each with tail and head."""

    first: NDArray[np.int64]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    reverse: NDArray[np.int64]
    """The same edge seen from its other end."""

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return int(self.first.size - 1)


def graph_of(tail: NDArray[np.int64], head: NDArray[np.int64], nodes: int) -> tuple[Graph, NDArray[np.int64]]:
    """The graph of undirected edges, and for each of its half-edges the number of the edge it came from."""
    edge = np.concatenate([np.arange(tail.size), np.arange(tail.size)])
    tails, heads = np.concatenate([tail, head]), np.concatenate([head, tail])
    order = np.lexsort((edge, heads, tails))
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    reverse = place[np.concatenate([np.arange(tail.size) + tail.size, np.arange(tail.size)])][order]
    first = np.searchsorted(tails[order], np.arange(nodes + 1)).astype(np.int64)
    return Graph(first, tails[order].astype(np.int64), heads[order].astype(np.int64), reverse), edge[order]


def grid_graph(rows: int, columns: int) -> Graph:
    """Every cell of a grid joined with its eight neighbours; node = row × columns + column."""
    node = np.arange(rows * columns, dtype=np.int64).reshape(rows, columns)
    pairs = [
        (node[:, :-1], node[:, 1:]),
        (node[:-1], node[1:]),
        (node[:-1, :-1], node[1:, 1:]),
        (node[:-1, 1:], node[1:, :-1]),
    ]
    tail = np.concatenate([a.ravel() for a, _ in pairs])
    head = np.concatenate([b.ravel() for _, b in pairs])
    return graph_of(tail, head, rows * columns)[0]


def path(graph: Graph, cost: NDArray[np.int64], source: int, target: int) -> NDArray[np.int64]:
    """Half-edges of the cheapest way from source to target, from the target back; empty when there is none."""
    way: NDArray[np.int64] = _path(graph.first, graph.tail, graph.head, cost, source, target)
    return way


def distances(
    graph: Graph, cost: NDArray[np.int64], sources: NDArray[np.int64], limit: int = int(FAR)
) -> NDArray[np.int64]:
    """Cost from the nearest source to every node; FAR where there is no way within the limit (Dijkstra 1959)."""
    distance: NDArray[np.int64] = _distances(graph.first, graph.head, cost, sources, limit)
    return distance


def tree(
    graph: Graph, cost: NDArray[np.int64], joined: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Half-edges of a cheap tree that joins every wanted node to what is joined already.

    Shortest-path heuristic of Takahashi and Matsuyama (1980): the nearest wanted node joins first, its path is then
    part of the network the next one may join.
    """
    used: NDArray[np.bool_] = _tree(graph.first, graph.tail, graph.head, cost, joined, wanted)
    return used


@njit(cache=True)
def _distances(first, head, cost, sources, limit):  # type: ignore[no-untyped-def]
    distance = np.full(first.size - 1, FAR)
    heap = [(np.int64(0), np.int64(0))]
    heap.pop()
    for node in sources:
        distance[node] = 0
        heapq.heappush(heap, (np.int64(0), np.int64(node)))
    while len(heap) > 0:
        at, node = heapq.heappop(heap)
        if at > distance[node]:
            continue
        for edge in range(first[node], first[node + 1]):
            reach = at + cost[edge]
            if reach <= limit and reach < distance[head[edge]]:
                distance[head[edge]] = reach
                heapq.heappush(heap, (reach, head[edge]))
    return distance


@njit(cache=True)
def _path(first, tail, head, cost, source, target):  # type: ignore[no-untyped-def]
    distance = np.full(first.size - 1, FAR)
    came = np.full(first.size - 1, np.int64(-1))
    distance[source] = 0
    heap = [(np.int64(0), np.int64(0))]
    heap.pop()
    heapq.heappush(heap, (np.int64(0), np.int64(source)))
    while len(heap) > 0:
        at, node = heapq.heappop(heap)
        if node == target:
            break
        if at > distance[node]:
            continue
        for edge in range(first[node], first[node + 1]):
            reach = at + cost[edge]
            if reach < distance[head[edge]]:
                distance[head[edge]] = reach
                came[head[edge]] = edge
                heapq.heappush(heap, (reach, head[edge]))
    steps = np.empty(first.size - 1, np.int64)
    count, back = 0, np.int64(target)
    while came[back] >= 0:
        steps[count] = came[back]
        count += 1
        back = tail[came[back]]
    return steps[:count].copy()


@njit(cache=True)
def _tree(first, tail, head, cost, joined, wanted):  # type: ignore[no-untyped-def]
    joined = joined.copy()
    used = np.zeros(head.size, np.bool_)
    distance = np.full(first.size - 1, FAR)
    came = np.full(first.size - 1, np.int64(-1))
    heap = [(np.int64(0), np.int64(0))]
    heap.pop()
    for start in np.flatnonzero(joined):
        distance[start] = 0
        heapq.heappush(heap, (np.int64(0), np.int64(start)))
    while len(heap) > 0:
        at, node = heapq.heappop(heap)
        if at > distance[node]:
            continue
        if wanted[node] and not joined[node]:
            # Distances fall strictly along `came`, so the way back ends at the network.
            while not joined[node]:
                joined[node] = True
                distance[node] = 0
                heapq.heappush(heap, (np.int64(0), node))
                used[came[node]] = True
                node = tail[came[node]]
            continue
        for edge in range(first[node], first[node + 1]):
            reach = at + cost[edge]
            if reach < distance[head[edge]]:
                distance[head[edge]] = reach
                came[head[edge]] = edge
                heapq.heappush(heap, (reach, head[edge]))
    return used


def chains(
    edges: Sequence[tuple[int, int]], kind: Callable[[int], Hashable], ends: frozenset[int]
) -> list[tuple[list[int], list[int]]]:
    """Edges joined to the longest runs of one kind without a junction inside: (nodes, edge numbers) of each run.

    A run ends at a node of `ends`, where more or fewer than two edges meet, and where the kind changes.
    """
    at: dict[int, list[int]] = {}
    for number, (a, b) in enumerate(edges):
        at.setdefault(a, []).append(number)
        at.setdefault(b, []).append(number)

    def stops(node: int) -> bool:
        here = at[node]
        return len(here) != 2 or node in ends or kind(here[0]) != kind(here[1])

    taken: set[int] = set()
    runs = []
    starts = [node for node in sorted(at) if stops(node)]
    for start in [*starts, *sorted(at)]:  # the second round takes rings without a stop
        for number in at[start]:
            if number in taken:
                continue
            nodes, numbers = [start], []
            edge = number
            while True:
                taken.add(edge)
                numbers.append(edge)
                a, b = edges[edge]
                node = b if nodes[-1] == a else a
                nodes.append(node)
                if stops(node) or node == start:
                    break
                edge = at[node][0] if at[node][1] == edge else at[node][1]
            runs.append((nodes, numbers))
    return runs
