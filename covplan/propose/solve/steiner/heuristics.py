"""Good trees without a proof: shortest-path trees, pruning, key-path exchange."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import (
    breadth_first_order,
    dijkstra,
    minimum_spanning_tree,
)

from covplan.propose.solve.steiner.arrays import edge_between, edge_matrix, flags_of, node_degree, of_edges
from covplan.propose.solve.steiner.ascent import ascended
from covplan.propose.solve.steiner.limits import broken_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Form, Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


ONE_BY_ONE = 200  # missing weight from which on groups do not join one by one
AT_ONCE = 10  # of what is missing then, one in so many joins at once


def heuristic_tree(problem: Problem, form: Form, joinable: Flags, until: float) -> tuple[Flags, Flags] | None:
    """A good tree that keeps every demand, or None."""
    if form.one_entry:
        return _from_the_largest_prize(problem, form, joinable, until)
    graphs = [problem.cost, ascended(problem, form)]
    best: tuple[Flags, Flags] | None = None
    for cost in graphs:
        found = _grown(replace(problem, cost=cost), problem, form, joinable, until)
        if found is None:
            continue
        edges, joined = found
        edges = _exchanged(problem, edges, joined, until)
        edges, joined = pruned_tree(problem, form, edges, joined)
        if not form.allows(problem, edges, joined) or broken_limits(problem, edges, joined):
            continue
        value = form.objective(problem, edges, joined)
        if best is None or form.better(value, form.objective(problem, *best)):
            best = edges, joined
    return best


def _from_the_largest_prize(problem: Problem, form: Form, joinable: Flags, until: float) -> tuple[Flags, Flags] | None:
    """A tree without a root, grown as one rooted where the largest prize is."""
    if form.penalty is None:
        return None
    first = int(problem.terminal[np.argmax(form.penalty[problem.group])])
    inner = np.flatnonzero((problem.tail != problem.root) & (problem.head != problem.root))
    entry = np.flatnonzero((problem.tail == problem.root) & (problem.head == first))
    rooted = replace(of_edges(problem, inner), root=first)
    found = heuristic_tree(rooted, replace(form, problem=rooted, one_entry=False), joinable, until)
    if found is None:
        return None
    edges = np.zeros(problem.tail.size, np.bool_)
    edges[inner[found[0]]] = edges[entry] = True
    return edges, found[1]


def _grown(shown: Problem, problem: Problem, form: Form, joinable: Flags, until: float) -> tuple[Flags, Flags] | None:
    """Groups join one by one, what is wanted most per cost first; `shown` has the costs that choose the ways.

    When the time is over, those that have joined are all.
    """
    joined = problem.must.copy()
    if form.quota is None and form.budget is None:
        joined |= joinable if form.penalty is None else joinable & (form.penalty > problem.own_cost)
        return tree_of(shown, problem, joined), joined
    edges = tree_of(shown, problem, joined)
    many = int((joinable & ~joined).sum()) > ONE_BY_ONE
    refused = np.zeros(problem.groups, np.bool_)  # where there are many, nobody is asked twice
    while form.budget is not None or problem.weight @ joined < (form.quota or 0.0) - 1e-9:
        out = np.flatnonzero(joinable & ~joined & ~refused)
        if not out.size or time.perf_counter() > until:
            break
        price = _marginal_cost(shown, edges)[problem.terminal]
        added = np.bincount(problem.group, price, minlength=problem.groups)[out] + problem.own_cost[out]
        order = np.argsort(added / np.maximum(problem.weight[out], 1e-9), kind="stable")
        left = np.inf if form.budget is None else form.budget - form.cost(problem, edges, joined)
        afforded = int(np.searchsorted(np.cumsum(added[order]), left, side="right"))
        several = _several(shown, problem, form, joined, out[order][:afforded], until) if many else None
        if several is not None:
            edges, joined = several
            continue
        grown = False
        for one in order:
            if time.perf_counter() > until:
                break
            if form.budget is not None and form.cost(problem, edges, joined) + added[one] > form.budget:
                continue
            wider = joined.copy()
            wider[out[one]] = True
            tree = tree_of(shown, problem, wider)
            if (form.budget is not None and not form.allows(problem, tree, wider)) or broken_limits(
                problem, tree, wider
            ):
                refused[out[one]] = many
                continue
            edges, joined, grown = tree, wider, True
            break
        if not grown:
            break
    return edges, joined


def _several(
    shown: Problem, problem: Problem, form: Form, joined: Flags, wanted: Ints, until: float
) -> tuple[Flags, Flags] | None:
    """Far from the quota many groups join at once, the most wanted first; None where they do so one by one.

    Those whose way would be too long in the wider tree wait; where a source is drawn on too much, half as many join.
    """
    short = float(wanted.size) if form.quota is None else form.quota - float(problem.weight @ joined)
    count = int(short // AT_ONCE) if short > ONE_BY_ONE else 0
    waits = np.zeros(problem.groups, np.bool_)
    while count > 1 and time.perf_counter() < until:
        chosen = wanted[~waits[wanted]][:count]
        wider = joined | flags_of(problem.groups, chosen)
        tree = tree_of(shown, problem, wider)
        broken = broken_limits(problem, tree, wider)
        if not broken and chosen.size and (form.budget is None or form.allows(problem, tree, wider)):
            return tree, wider
        late = np.isin(problem.terminal, [node for limit, node in broken if limit == "length"])
        late_groups = np.setdiff1d(problem.group[late], np.flatnonzero(joined))
        waits[late_groups] = True
        if not late_groups.size:
            count //= 2
    return None


def _marginal_cost(problem: Problem, edges: Flags) -> Floats:
    """Cost of the cheapest way from a tree (with the root) to every node."""
    on = np.unique(np.concatenate([[problem.root], problem.tail[edges], problem.head[edges]]))
    weights = edge_matrix(problem.nodes, problem.tail, problem.head, problem.cost)
    return np.asarray(dijkstra(weights, directed=False, indices=on, min_only=True), np.float64)


def tree_of(shown: Problem, problem: Problem, joined: Flags) -> Flags:
    """A tree that joins the groups: distance network of the terminals (Mehlhorn 1988), its spanning tree, pruned.

    `shown` has the costs that choose the ways, `problem` the true ones.
    """
    ends = np.unique(np.append(problem.terminal[joined[problem.group]], problem.root))
    chosen = np.zeros(problem.tail.size, np.bool_)
    if ends.size < 2:
        return chosen
    weights = edge_matrix(problem.nodes, shown.tail, shown.head, shown.cost)
    path_cost, before, base = dijkstra(weights, directed=False, indices=ends, min_only=True, return_predecessors=True)
    a, b = base[problem.tail], base[problem.head]
    bridge = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
    width = path_cost[problem.tail[bridge]] + shown.cost[bridge] + path_cost[problem.head[bridge]]
    number = np.searchsorted(ends, np.arange(problem.nodes))
    low, high = np.minimum(a, b)[bridge], np.maximum(a, b)[bridge]
    order = np.lexsort((width, high, low))
    first = (
        np.append(True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)) if order.size else np.empty(0, bool)
    )
    keep = order[first]
    links = csr_array((np.maximum(width[keep], 1e-9), (number[low[keep]], number[high[keep]])), shape=(ends.size,) * 2)
    spanning = minimum_spanning_tree(links).tocoo()
    lookup = {
        (int(number[i]), int(number[j])): int(e) for i, j, e in zip(low[keep], high[keep], bridge[keep], strict=True)
    }
    cheapest = edge_between(shown)
    for i, j in zip(spanning.row.tolist(), spanning.col.tolist(), strict=True):
        edge = lookup[(i, j)]
        chosen[edge] = True
        for node in (int(problem.tail[edge]), int(problem.head[edge])):
            while before[node] >= 0:
                chosen[cheapest[(min(node, int(before[node])), max(node, int(before[node])))]] = True
                node = int(before[node])
    return _spanning(problem, chosen, joined)


def _spanning(problem: Problem, chosen: Flags, joined: Flags) -> Flags:
    """The cheapest spanning tree of the nodes of some edges, without leaves that are no terminal of a joined group."""
    nodes = np.zeros(problem.nodes, np.bool_)
    nodes[problem.tail[chosen]] = nodes[problem.head[chosen]] = True
    inside = np.flatnonzero(nodes[problem.tail] & nodes[problem.head])
    sub = edge_matrix(problem.nodes, problem.tail[inside], problem.head[inside], problem.cost[inside])
    spanning = minimum_spanning_tree(sub).tocoo()
    between = edge_between(of_edges(problem, inside))
    tree = np.zeros(problem.tail.size, np.bool_)
    pairs = zip(spanning.row.tolist(), spanning.col.tolist(), strict=True)
    tree[inside[[between[(min(i, j), max(i, j))] for i, j in pairs]]] = True
    keep = np.zeros(problem.nodes, np.bool_)
    keep[problem.root] = True
    keep[problem.terminal[joined[problem.group]]] = True
    return without_leaves(problem, tree, keep)


def without_leaves(problem: Problem, tree: Flags, keep: Flags) -> Flags:
    """The tree without leaves that need not be kept, again and again."""
    tree = tree.copy()
    while True:
        leaf = (node_degree(problem, tree) == 1) & ~keep
        loose = tree & (leaf[problem.tail] | leaf[problem.head])
        if not loose.any():
            return tree
        tree &= ~loose


def pruned_tree(problem: Problem, form: Form, edges: Flags, joined: Flags) -> tuple[Flags, Flags]:
    """Groups leave the tree for as long as that helps."""
    value = form.objective(problem, edges, joined)
    improved = not form.maximise
    while improved:
        improved = False
        for group in np.flatnonzero(joined & ~problem.must):
            fewer = joined.copy()
            fewer[group] = False
            if form.quota is not None and problem.weight @ fewer < form.quota - 1e-9:
                continue
            keep = np.zeros(problem.nodes, np.bool_)
            keep[problem.root] = True
            keep[problem.terminal[fewer[problem.group]]] = True
            tree = without_leaves(problem, edges, keep)
            now = form.objective(problem, tree, fewer)
            if form.better(now, value):
                edges, joined, value, improved = tree, fewer, now, True
    return edges, joined


def _exchanged(problem: Problem, edges: Flags, joined: Flags, until: float) -> Flags:
    """Key-path exchange: a run of the tree between terminals and branchings gives way to a cheaper way across."""
    keep = flags_of(problem.nodes, np.append(problem.terminal[joined[problem.group]], problem.root))
    weights, between = edge_matrix(problem.nodes, problem.tail, problem.head, problem.cost), edge_between(problem)
    improved = True
    while improved:
        improved = False
        for stop, path, inner in _key_paths(problem, edges, keep):
            if time.perf_counter() > until:
                return edges
            if not edges[path].all() or (node_degree(problem, edges)[inner] != 2).any():
                continue  # an exchange before has changed this run
            cut = edges.copy()
            cut[path] = False
            worth = float(problem.cost[path].sum())
            across = _across(problem, weights, between, cut, stop, worth) if worth > 0 else None
            if across is not None and problem.cost[across].sum() < worth - 1e-9 * max(1.0, worth):
                cut[across] = True
                edges, improved = _spanning(problem, cut, joined), True
    return edges


def _key_paths(problem: Problem, edges: Flags, keep: Flags) -> list[tuple[int, Ints, Ints]]:
    """Runs of the tree between terminals and branchings: the node each starts at, its edges, its inner nodes."""
    stops = keep | (node_degree(problem, edges) != 2)
    left: dict[int, list[int]] = {}
    for edge in np.flatnonzero(edges).tolist():
        left.setdefault(int(problem.tail[edge]), []).append(edge)
        left.setdefault(int(problem.head[edge]), []).append(edge)
    paths: list[tuple[int, Ints, Ints]] = []
    taken: set[int] = set()
    for node in [node for node in left if stops[node]]:
        for start in left[node]:
            if start in taken:
                continue
            path, inner, at, edge = [start], [], node, start
            while True:
                at = int(problem.head[edge] if problem.tail[edge] == at else problem.tail[edge])
                if stops[at]:
                    break
                inner.append(at)
                edge = next(e for e in left[at] if e != edge)
                path.append(edge)
            taken.update(path)
            paths.append((node, np.array(path, np.int64), np.array(inner, np.int64)))
    return paths


def _across(
    problem: Problem, weights: csr_array, between: dict[tuple[int, int], int], cut: Flags, stop: int, limit: float
) -> Ints | None:
    """Cheapest edges, within a limit, that join the part of a tree with the node `stop` to the other part."""
    parts = edge_matrix(problem.nodes, problem.tail[cut], problem.head[cut], problem.cost[cut])
    first = flags_of(problem.nodes, breadth_first_order(parts, stop, directed=False, return_predecessors=False))
    on = np.zeros(problem.nodes, np.bool_)
    on[problem.tail[cut]] = on[problem.head[cut]] = True
    on[problem.root] = True
    goals = np.flatnonzero(on & ~first)
    path_cost, before, _sources = dijkstra(
        weights, directed=False, indices=np.flatnonzero(first), min_only=True, return_predecessors=True, limit=limit
    )
    if not goals.size or not np.isfinite(path_cost[goals]).any():
        return None
    node = int(goals[np.argmin(path_cost[goals])])
    path = []
    while before[node] >= 0:
        path.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
        node = int(before[node])
    return np.array(path, np.int64)
