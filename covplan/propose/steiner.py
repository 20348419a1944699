"""Cheapest trees: who joins a network, and along which edges. Exact with a proof, or good with a bound.

sets         V nodes with root r, E edges, A their two arcs (none enters r), T terminals, G groups of terminals
parameters   c_e cost, f_g cost of group g itself, p_g penalty when g stays out, w_g weight of g, d_g demand of g
variables    x_a = 1 if arc a is used, y_g = 1 if every terminal of group g is joined
minimise     Σ c x + Σ f y + Σ p (1 − y)                                   (penalty form: prize-collecting Steiner tree)
subject to   x(δ⁻(S)) ≥ y_g              S ⊂ V∖{r} with a terminal of g: directed cuts (Wong 1984), by row generation
             x(δ⁻(v)) ≤ 1                v ≠ r
             x_uv + x_vu ≤ x(δ⁻(u))      u ≠ r: nothing leaves what nothing enters
             x(δ⁻(v)) ≤ x(δ⁺(v))         v no terminal: no dead ends
             Σ w y ≥ quota               (quota form), or maximise Σ w y with Σ c x + Σ f y ≤ budget  (budget form)
             Σ_{g served by s} d_g ≤ capacity_s, way from the source to each terminal of g ≤ longest_g

The last two are written out, for the pockets of the graph where a tree breaks them, by
flow         f_a ≤ M x_a, Σ_in f − Σ_out f ≥ d_g y_g at the group, Σ_{entries of s} f ≤ capacity_s
distance     u_v ≥ u_w + length_wv − M (1 − x_wv), u_t ≤ longest_g for each terminal t when y_g = 1

Before: nodes of degree 1 and 2 and dominated edges are reduced; a dual ascent (Wong 1984) gives a bound and first rows;
shortest-path heuristics (Mehlhorn 1988), pruning and key-path exchange give a tree.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    dijkstra,
    maximum_flow,
    minimum_spanning_tree,
)

from covplan.propose.solver import INTEGRAL, TIME_LIMIT_S, Status, solve
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

EXACT_EDGES = 40_000  # beyond this the heuristic with its bound is all
TESTED_NODES = 4_000  # up to this dominated edges are looked for
SCALE = 1_000_000  # whole units of flow in an arc with x = 1
VIOLATED = 1e-4  # a row broken by less is kept for later
KEPT_SETS = 4_000  # cuts of the dual ascent that become rows
HEURISTIC_SHARE = 0.3  # of the time goes to exchanges at most
ROUNDS = 200  # of separation
ROOM = 0.3  # a cut kept with more than this to spare is dropped


@dataclass(frozen=True)
class Problem:
    """A graph, its root and the groups that may join. Arrays per edge, per terminal or per group."""

    nodes: int
    root: int
    tail: Ints
    head: Ints
    cost: Floats
    """Per edge, ≥ 0."""
    terminal: Ints
    """Node of each terminal."""
    group: Ints
    """Group of each terminal; a group joins when all its terminals do."""
    own_cost: Floats
    """Per group."""
    must: Flags
    """Per group: has to join."""
    weight: Floats
    """Per group, for quota and budget."""
    length: Floats | None = None
    """Per edge; from the root: what lies behind the entry too. Needed with `longest`."""
    longest: Floats | None = None
    """Per group: longest way from the root to its terminals."""
    source: Ints | None = None
    """Per edge: the source an edge from the root draws on, −1 for all others. Needed with `capacity`."""
    capacity: Floats | None = None
    """Per source."""
    demand: Floats | None = None
    """Per group."""

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.own_cost.size)


@dataclass(frozen=True)
class Tree:
    """Edges and groups chosen, and what they are worth."""

    edges: Flags
    joined: Flags
    """Per group."""
    cost: float
    """Of the edges and the groups that joined."""
    weight: float
    objective: float
    """Cost, cost and penalties, or weight: whatever the form asked for."""
    bound: float
    """No tree is better than this."""
    gap: float
    status: Status
    seconds: float
    rows: int = 0
    """Cuts that were needed."""


def steiner_problem(tail: Ints, head: Ints, cost: Floats, nodes: int, terminals: Ints) -> Problem:
    """The Steiner tree problem: every terminal must join, the first one is the root."""
    rest = np.asarray(terminals[1:], np.int64)
    return Problem(
        nodes,
        int(terminals[0]),
        np.asarray(tail, np.int64),
        np.asarray(head, np.int64),
        np.asarray(cost, np.float64),
        rest,
        np.arange(rest.size),
        np.zeros(rest.size),
        np.ones(rest.size, np.bool_),
        np.ones(rest.size),
    )


def prize_problem(tail: Ints, head: Ints, cost: Floats, nodes: int, prizes: dict[int, float]) -> tuple[Problem, Floats]:
    """The prize-collecting Steiner tree problem without a root, and its penalties; ask for `one_entry`.

    The root is made up: an edge without cost leads from it to every node with a prize.
    """
    places = np.array(sorted(prizes), np.int64)
    problem = Problem(
        nodes + 1,
        nodes,
        np.append(tail, np.full(places.size, nodes)).astype(np.int64),
        np.append(head, places).astype(np.int64),
        np.append(cost, np.zeros(places.size)).astype(np.float64),
        places,
        np.arange(places.size),
        np.zeros(places.size),
        np.zeros(places.size, np.bool_),
        np.ones(places.size),
    )
    return problem, np.array([prizes[int(place)] for place in places], np.float64)


def cheapest_tree(
    problem: Problem,
    *,
    penalty: Floats | None = None,
    quota: float | None = None,
    budget: float | None = None,
    one_entry: bool = False,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Tree:
    """Solve one of the forms of the module's text.

    Parameters
    ----------
    penalty : ndarray, shape (groups,), optional
        Paid for each group that stays out.
    quota : float, optional
        Least weight that joins.
    budget : float, optional
        Most that edges and groups may cost; as much weight as possible joins, and of such trees the cheapest is taken.
    one_entry : bool
        Only one edge may leave the root (an unrooted tree, whose root is made up).
    gap : float
        Relative gap at which to stop.

    Raises
    ------
    NoSolution
        Groups that must join cannot, or the quota cannot be met: the message says by how much.
    """
    start = time.perf_counter()
    form = _Form(problem, penalty, quota, budget, one_entry, gap)
    small, members = reduced(problem) if not one_entry else (problem, [np.array([e]) for e in range(problem.tail.size)])
    reachable = joinable_groups(small)
    form.stop_if_impossible(reachable)
    best = _heuristic(small, form, reachable, start + HEURISTIC_SHARE * time_limit_s)
    bound = form.worst_bound()
    rows = 0
    if small.tail.size <= EXACT_EDGES:
        search = _Search(small, form, reachable, start + time_limit_s)
        best, bound = search.run(best)
        rows = search.cuts
    else:
        bound = _ascent_bound(small, form)[0]
    if best is None:
        raise NoSolution(
            f"No tree that keeps every limit was found in {time_limit_s:g} s; allow more time or ask for less."
        )
    edges, joined = best
    original = np.zeros(problem.tail.size, np.bool_)
    for edge in np.flatnonzero(edges):
        original[members[edge]] = True
    value = form.objective(small, edges, joined)
    apart = max((value - bound) * (-1.0 if form.maximise else 1.0), 0.0)
    relative = apart / max(abs(value), 1e-9) if apart > INTEGRAL * abs(value) + 1e-9 else 0.0
    tree = Tree(
        original,
        joined,
        form.cost(small, edges, joined),
        float(problem.weight @ joined),
        value,
        bound if relative else value,
        relative,
        Status.OPTIMAL if relative <= INTEGRAL else Status.FEASIBLE,
        time.perf_counter() - start,
        rows,
    )
    if budget is None or penalty is not None or not tree.joined.any():
        return tree
    return _cheapest_of_that_weight(problem, tree, gap, start + time_limit_s)


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
        weights = _matrix(problem.nodes, problem.tail[keep], problem.head[keep], problem.cost[keep])
        ends = np.unique(problem.tail[keep])
        limit = float(problem.cost[keep].max())
        row = np.full(problem.nodes, -1)
        row[ends] = np.arange(ends.size)
        way = dijkstra(weights, directed=False, indices=ends, limit=limit)
        keep &= way[row[problem.tail], problem.head] >= problem.cost * (1 - 1e-12) - 1e-12
    chosen = np.flatnonzero(keep)
    return _of_edges(problem, chosen), [members[edge] for edge in chosen]


def _of_edges(problem: Problem, edges: Ints) -> Problem:
    return replace(
        problem,
        tail=problem.tail[edges],
        head=problem.head[edges],
        cost=problem.cost[edges],
        length=None if problem.length is None else problem.length[edges],
        source=None if problem.source is None else problem.source[edges],
    )


def _matrix(nodes: int, tail: Ints, head: Ints, cost: Floats) -> csr_array:
    """Symmetric; of parallel edges the lightest, weights of 0 as next to nothing."""
    order = np.lexsort((cost, np.maximum(tail, head), np.minimum(tail, head)))
    low, high = np.minimum(tail, head)[order], np.maximum(tail, head)[order]
    first = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0)) if order.size else np.empty(0, bool)
    low, high, light = low[first], high[first], np.maximum(cost[order][first], 1e-9)
    both = (np.concatenate([low, high]), np.concatenate([high, low]))
    return csr_array((np.concatenate([light, light]), both), shape=(nodes, nodes))


def joinable_groups(problem: Problem) -> Flags:
    """Groups all of whose terminals some way leads to, not longer than allowed."""
    known = np.ones(problem.groups, np.bool_)
    weights = _matrix(problem.nodes, problem.tail, problem.head, np.ones(problem.tail.size))
    seen = np.zeros(problem.nodes, np.bool_)
    seen[breadth_first_order(weights, problem.root, directed=False, return_predecessors=False)] = True
    known[problem.group[~seen[problem.terminal]]] = False
    if problem.longest is not None and problem.length is not None:
        lengths = _matrix(problem.nodes, problem.tail, problem.head, problem.length)
        shortest = dijkstra(lengths, directed=False, indices=problem.root)
        known[problem.group[shortest[problem.terminal] > problem.longest[problem.group] + 1e-6]] = False
    return known


@dataclass(frozen=True)
class _Form:
    """Which of the forms is asked for."""

    problem: Problem
    penalty: Floats | None
    quota: float | None
    budget: float | None
    one_entry: bool
    gap: float

    @property
    def maximise(self) -> bool:
        return self.budget is not None

    def cost(self, problem: Problem, edges: Flags, joined: Flags) -> float:
        return float(problem.cost @ edges + problem.own_cost @ joined)

    def objective(self, problem: Problem, edges: Flags, joined: Flags) -> float:
        if self.maximise:
            return float(problem.weight @ joined)
        lost = 0.0 if self.penalty is None else float(self.penalty @ ~joined)
        return self.cost(problem, edges, joined) + lost

    def worst_bound(self) -> float:
        return float(self.problem.weight.sum()) if self.maximise else 0.0

    def better(self, one: float, other: float) -> bool:
        return one > other + 1e-9 if self.maximise else one < other - 1e-9

    def stop_if_impossible(self, joinable: Flags) -> None:
        lost = np.flatnonzero(self.problem.must & ~joinable)
        if lost.size:
            raise NoSolution(f"No way leads to {lost.size} of the places that must be joined (numbers {lost[:5]}).")
        most = float(self.problem.weight[joinable].sum())
        if self.quota is not None and most < self.quota - 1e-9:
            raise NoSolution(
                f"{self.quota:g} are asked for, {most:g} can be joined at most: short by {self.quota - most:g}."
            )

    def allows(self, problem: Problem, edges: Flags, joined: Flags) -> bool:
        """Whether a tree keeps quota and budget."""
        if self.quota is not None and problem.weight @ joined < self.quota - 1e-9:
            return False
        return self.budget is None or self.cost(problem, edges, joined) <= self.budget * (1 + 1e-12) + 1e-9


# --- heuristics


def _heuristic(problem: Problem, form: _Form, joinable: Flags, until: float) -> tuple[Flags, Flags] | None:
    """A good tree that keeps every demand, or None."""
    if form.one_entry:
        return _from_the_largest_prize(problem, form, joinable, until)
    graphs = [problem.cost, _ascended(problem, form)]
    best: tuple[Flags, Flags] | None = None
    for cost in graphs:
        found = _grown(replace(problem, cost=cost), problem, form, joinable)
        if found is None:
            continue
        edges, joined = found
        edges = _exchanged(problem, edges, joined, until)
        edges, joined = _pruned(problem, form, edges, joined)
        if not form.allows(problem, edges, joined) or broken_limits(problem, edges, joined):
            continue
        value = form.objective(problem, edges, joined)
        if best is None or form.better(value, form.objective(problem, *best)):
            best = edges, joined
    return best


def _from_the_largest_prize(problem: Problem, form: _Form, joinable: Flags, until: float) -> tuple[Flags, Flags] | None:
    """A tree without a root, grown as one rooted where the largest prize is."""
    if form.penalty is None:
        return None
    first = int(problem.terminal[np.argmax(form.penalty[problem.group])])
    inner = np.flatnonzero((problem.tail != problem.root) & (problem.head != problem.root))
    entry = np.flatnonzero((problem.tail == problem.root) & (problem.head == first))
    rooted = replace(_of_edges(problem, inner), root=first)
    found = _heuristic(rooted, replace(form, problem=rooted, one_entry=False), joinable, until)
    if found is None:
        return None
    edges = np.zeros(problem.tail.size, np.bool_)
    edges[inner[found[0]]] = edges[entry] = True
    return edges, found[1]


def _grown(shown: Problem, problem: Problem, form: _Form, joinable: Flags) -> tuple[Flags, Flags] | None:
    """Groups join one by one, what is wanted most per cost first; `shown` has the costs that choose the ways."""
    joined = problem.must.copy()
    if form.quota is None and form.budget is None:
        joined |= joinable if form.penalty is None else joinable & (form.penalty > problem.own_cost)
        return tree_of(shown, problem, joined), joined
    edges = tree_of(shown, problem, joined)
    while form.budget is not None or problem.weight @ joined < (form.quota or 0.0) - 1e-9:
        out = np.flatnonzero(joinable & ~joined)
        if not out.size:
            break
        price = _marginal_cost(shown, edges)[problem.terminal]
        added = np.bincount(problem.group, price, minlength=problem.groups)[out] + problem.own_cost[out]
        grown = False
        for one in np.argsort(added / np.maximum(problem.weight[out], 1e-9), kind="stable"):
            if form.budget is not None and form.cost(problem, edges, joined) + added[one] > form.budget:
                continue
            wider = joined.copy()
            wider[out[one]] = True
            tree = tree_of(shown, problem, wider)
            if (form.budget is not None and not form.allows(problem, tree, wider)) or broken_limits(
                problem, tree, wider
            ):
                continue
            edges, joined, grown = tree, wider, True
            break
        if not grown:
            break
    return edges, joined


def _marginal_cost(problem: Problem, edges: Flags) -> Floats:
    """Cost of the cheapest way from a tree (with the root) to every node."""
    on = np.unique(np.concatenate([[problem.root], problem.tail[edges], problem.head[edges]]))
    weights = _matrix(problem.nodes, problem.tail, problem.head, problem.cost)
    return np.asarray(dijkstra(weights, directed=False, indices=on, min_only=True), np.float64)


def tree_of(shown: Problem, problem: Problem, joined: Flags) -> Flags:
    """A tree that joins the groups: distance network of the terminals (Mehlhorn 1988), its spanning tree, pruned.

    `shown` has the costs that choose the ways, `problem` the true ones.
    """
    ends = np.unique(np.append(problem.terminal[joined[problem.group]], problem.root))
    chosen = np.zeros(problem.tail.size, np.bool_)
    if ends.size < 2:
        return chosen
    weights = _matrix(problem.nodes, shown.tail, shown.head, shown.cost)
    way, before, base = dijkstra(weights, directed=False, indices=ends, min_only=True, return_predecessors=True)
    a, b = base[problem.tail], base[problem.head]
    bridge = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
    width = way[problem.tail[bridge]] + shown.cost[bridge] + way[problem.head[bridge]]
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
    cheapest = _edge_between(shown)
    for i, j in zip(spanning.row.tolist(), spanning.col.tolist(), strict=True):
        edge = lookup[(i, j)]
        chosen[edge] = True
        for node in (int(problem.tail[edge]), int(problem.head[edge])):
            while before[node] >= 0:
                chosen[cheapest[(min(node, int(before[node])), max(node, int(before[node])))]] = True
                node = int(before[node])
    return _spanning(problem, chosen, joined)


def _lightest_arcs(nodes: int, tail: Ints, head: Ints, cost: Floats) -> csr_array:
    """Directed; of parallel arcs the lightest, weights of 0 as next to nothing."""
    order = np.lexsort((cost, head, tail))
    first = np.append(True, (np.diff(tail[order]) != 0) | (np.diff(head[order]) != 0)) if order.size else order > 0
    keep = order[first]
    return csr_array((np.maximum(cost[keep], 1e-9), (tail[keep], head[keep])), shape=(nodes, nodes))


def _edge_between(problem: Problem) -> dict[tuple[int, int], int]:
    """The lightest edge between two nodes."""
    order = np.argsort(-problem.cost, kind="stable")
    low, high = np.minimum(problem.tail, problem.head)[order], np.maximum(problem.tail, problem.head)[order]
    return dict(zip(zip(low.tolist(), high.tolist(), strict=True), order.tolist(), strict=True))


def _spanning(problem: Problem, chosen: Flags, joined: Flags) -> Flags:
    """The cheapest spanning tree of the nodes of some edges, without leaves that are no terminal of a joined group."""
    nodes = np.zeros(problem.nodes, np.bool_)
    nodes[problem.tail[chosen]] = nodes[problem.head[chosen]] = True
    inside = np.flatnonzero(nodes[problem.tail] & nodes[problem.head])
    sub = _matrix(problem.nodes, problem.tail[inside], problem.head[inside], problem.cost[inside])
    spanning = minimum_spanning_tree(sub).tocoo()
    between = _edge_between(_of_edges(problem, inside))
    tree = np.zeros(problem.tail.size, np.bool_)
    pairs = zip(spanning.row.tolist(), spanning.col.tolist(), strict=True)
    tree[inside[[between[(min(i, j), max(i, j))] for i, j in pairs]]] = True
    keep = np.zeros(problem.nodes, np.bool_)
    keep[problem.root] = True
    keep[problem.terminal[joined[problem.group]]] = True
    return _without_leaves(problem, tree, keep)


def _without_leaves(problem: Problem, tree: Flags, keep: Flags) -> Flags:
    tree = tree.copy()
    while True:
        leaf = (_degree(problem, tree) == 1) & ~keep
        loose = tree & (leaf[problem.tail] | leaf[problem.head])
        if not loose.any():
            return tree
        tree &= ~loose


def _pruned(problem: Problem, form: _Form, edges: Flags, joined: Flags) -> tuple[Flags, Flags]:
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
            tree = _without_leaves(problem, edges, keep)
            now = form.objective(problem, tree, fewer)
            if form.better(now, value):
                edges, joined, value, improved = tree, fewer, now, True
    return edges, joined


def _exchanged(problem: Problem, edges: Flags, joined: Flags, until: float) -> Flags:
    """Key-path exchange: a run of the tree between terminals and branchings gives way to a cheaper way across."""
    keep = _flags(problem.nodes, np.append(problem.terminal[joined[problem.group]], problem.root))
    weights, between = _matrix(problem.nodes, problem.tail, problem.head, problem.cost), _edge_between(problem)
    improved = True
    while improved:
        improved = False
        for stop, path, inner in _key_paths(problem, edges, keep):
            if time.perf_counter() > until:
                return edges
            if not edges[path].all() or (_degree(problem, edges)[inner] != 2).any():
                continue  # an exchange before has changed this run
            cut = edges.copy()
            cut[path] = False
            worth = float(problem.cost[path].sum())
            across = _across(problem, weights, between, cut, stop, worth) if worth > 0 else None
            if across is not None and problem.cost[across].sum() < worth - 1e-9 * max(1.0, worth):
                cut[across] = True
                edges, improved = _spanning(problem, cut, joined), True
    return edges


def _degree(problem: Problem, edges: Flags) -> Ints:
    ends = np.concatenate([problem.tail[edges], problem.head[edges]])
    return np.bincount(ends, minlength=problem.nodes).astype(np.int64)


def _key_paths(problem: Problem, edges: Flags, keep: Flags) -> list[tuple[int, Ints, Ints]]:
    """Runs of the tree between terminals and branchings: the node each starts at, its edges, its inner nodes."""
    stops = keep | (_degree(problem, edges) != 2)
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
    parts = _matrix(problem.nodes, problem.tail[cut], problem.head[cut], problem.cost[cut])
    first = _flags(problem.nodes, breadth_first_order(parts, stop, directed=False, return_predecessors=False))
    on = np.zeros(problem.nodes, np.bool_)
    on[problem.tail[cut]] = on[problem.head[cut]] = True
    on[problem.root] = True
    goals = np.flatnonzero(on & ~first)
    way, before, _ = dijkstra(
        weights, directed=False, indices=np.flatnonzero(first), min_only=True, return_predecessors=True, limit=limit
    )
    if not goals.size or not np.isfinite(way[goals]).any():
        return None
    node = int(goals[np.argmin(way[goals])])
    path = []
    while before[node] >= 0:
        path.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
        node = int(before[node])
    return np.array(path, np.int64)


# --- capacities and lengths


def broken_limits(problem: Problem, edges: Flags, joined: Flags) -> list[tuple[str, int]]:
    """Sources drawn on too much, as ("capacity", source); ways that are too long, as ("length", node of a terminal)."""
    if problem.longest is None and problem.capacity is None:
        return []
    tree = _matrix(problem.nodes, problem.tail[edges], problem.head[edges], np.ones(int(edges.sum())))
    order, before = breadth_first_order(tree, problem.root, directed=False, return_predecessors=True)
    between, number = _edge_between(_of_edges(problem, np.flatnonzero(edges))), np.flatnonzero(edges)
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


def _pockets(problem: Problem) -> Ints:
    """Part of the graph without its root that each node lies in."""
    inner = (problem.tail != problem.root) & (problem.head != problem.root)
    graph = _matrix(problem.nodes, problem.tail[inner], problem.head[inner], np.ones(int(inner.sum())))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


# --- dual ascent


@njit(cache=True)
def _dual_ascent(nodes, first, arc_at, tail, reduced_cost, root, terminal, prize, most_arcs):  # type: ignore[no-untyped-def]
    """Wong (1984): raise the dual of one cut after another until the root is in it or the prize is used up.

    Returns the bound, the prize left of each terminal, and the arcs of the cuts, flat with first positions.
    """
    bound = 0.0
    left = prize.copy()
    done = np.zeros(terminal.size, np.bool_)
    cut_arcs = np.empty(most_arcs, np.int64)
    cut_first = np.empty(200_001, np.int64)
    cut_terminal = np.empty(200_000, np.int64)
    cuts, used = 0, 0
    cut_first[0] = 0
    size = np.ones(terminal.size)
    mark = np.full(nodes, -1)
    stack, inside = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    stamp = 0
    while True:
        pick = -1
        for k in range(terminal.size):  # the terminal with the smallest cut last time
            if not done[k] and (pick < 0 or size[k] < size[pick]):
                pick = k
        if pick < 0:
            break
        # everything from which the terminal can be reached along arcs without reduced cost
        count, top = 1, 1
        stack[0] = inside[0] = terminal[pick]
        mark[terminal[pick]] = stamp
        hit = terminal[pick] == root
        step = left[pick]
        while top > 0 and not hit:
            top -= 1
            node = stack[top]
            for k in range(first[node], first[node + 1]):
                arc = arc_at[k]
                if reduced_cost[arc] <= 1e-12 and mark[tail[arc]] != stamp:
                    mark[tail[arc]] = stamp
                    if tail[arc] == root:
                        hit = True
                        break
                    stack[top] = inside[count] = tail[arc]
                    top += 1
                    count += 1
        if hit:
            done[pick] = True
            stamp += 1
            continue
        arcs = 0
        begin = used
        for node in inside[:count]:
            for k in range(first[node], first[node + 1]):
                arc = arc_at[k]
                if mark[tail[arc]] != stamp:
                    arcs += 1
                    step = min(step, reduced_cost[arc])
                    if used < most_arcs:
                        cut_arcs[used] = arc
                        used += 1
        if not np.isfinite(step):
            done[pick] = True
            stamp += 1
            continue
        size[pick] = arcs
        if used < most_arcs and cuts < 200_000:
            cut_terminal[cuts] = pick
            cuts += 1
            cut_first[cuts] = used
        else:
            used = begin
        for node in inside[:count]:
            for k in range(first[node], first[node + 1]):
                arc = arc_at[k]
                if mark[tail[arc]] != stamp:
                    reduced_cost[arc] -= step
        bound += step
        left[pick] -= step
        if left[pick] <= 1e-12:
            done[pick] = True
        stamp += 1
    return bound, left, cut_arcs[:used], cut_first[: cuts + 1], cut_terminal[:cuts]


@dataclass(frozen=True)
class _Ascent:
    bound: float
    reduced_cost: Floats
    """Per arc; arcs are the edges tail to head, then head to tail."""
    arcs: Ints
    first: Ints
    terminal: Ints
    """Of each cut: the terminal it was raised for."""
    form_bound: float = 0.0
    """On the objective of the form, with the price it was made for."""


def dual_ascent(problem: Problem, prize: Floats, cost: Floats | None = None) -> _Ascent:
    """Lower bound on cost plus penalties, and the cuts that prove it.

    Parameters
    ----------
    prize : ndarray, shape (groups,)
        Penalty of each group; inf where it must join. It is shared evenly among the group's terminals.
    cost : ndarray, optional
        Instead of the edges' own.
    """
    edge_cost = problem.cost if cost is None else cost
    tail = np.concatenate([problem.tail, problem.head])
    head = np.concatenate([problem.head, problem.tail])
    reduced_cost = np.concatenate([edge_cost, edge_cost]).astype(np.float64)
    reduced_cost[head == problem.root] = np.inf
    order = np.argsort(head, kind="stable")
    first = np.searchsorted(head[order], np.arange(problem.nodes + 1))
    many = np.bincount(problem.group, minlength=problem.groups)
    shared = prize[problem.group] / many[problem.group]
    found = _dual_ascent(
        problem.nodes, first, order, tail, reduced_cost, problem.root, problem.terminal, shared, 40 * tail.size + 1000
    )
    return _Ascent(float(found[0]), reduced_cost, *found[2:])


def _priced(problem: Problem, form: _Form, multiplier: float) -> tuple[_Ascent, float]:
    """Dual ascent when quota or budget has a price (Lagrange), and the bound on the form's objective it gives."""
    cost, lost = problem.cost, np.zeros(problem.groups) if form.penalty is None else form.penalty
    gain, constant = lost - problem.own_cost, float(problem.own_cost.sum())
    if form.quota is not None:
        gain = gain + multiplier * problem.weight
        constant += multiplier * (form.quota - float(problem.weight.sum()))
    if form.budget is not None:
        cost, gain = multiplier * cost, problem.weight - multiplier * problem.own_cost
        constant = multiplier * form.budget + float(gain.sum())
    ascent = dual_ascent(problem, np.where(problem.must, np.inf, np.maximum(gain, 0.0)), cost)
    least = float(np.minimum(gain, 0.0)[~problem.must].sum()) + ascent.bound
    bound = constant - least if form.budget is not None else constant + least
    return replace(ascent, form_bound=bound), bound


def _ascent_bound(problem: Problem, form: _Form) -> tuple[float, list[_Ascent]]:
    """The best bound over a series of prices, and the ascents behind it."""
    if form.quota is None and form.budget is None:
        ascent, bound = _priced(problem, form, 0.0)
        return bound, [ascent]
    dear = float(problem.cost.sum() + problem.own_cost.sum()) / max(float(problem.weight.min()), 1e-9)
    low, high = (
        (0.0, dear) if form.quota is not None else (0.0, 1.0 / max(float(problem.cost[problem.cost > 0].min()), 1e-9))
    )
    tried: list[tuple[float, _Ascent]] = []
    sign = -1.0 if form.maximise else 1.0
    for _ in range(40):  # the bound is concave in the price but for the ascent's own weakness: a ternary search
        one, other = low + (high - low) / 3, high - (high - low) / 3
        values = []
        for price in (one, other):
            ascent, bound = _priced(problem, form, price)
            tried.append((bound, ascent))
            values.append(sign * bound)
        low, high = (one, high) if values[0] < values[1] else (low, other)
    best = sorted(tried, key=lambda pair: -sign * pair[0])
    return best[0][0], [ascent for _, ascent in best[:3]]


def _ascended(problem: Problem, form: _Form) -> Floats:
    """Costs that lead a heuristic along edges the dual ascent has paid for."""
    prize = np.full(problem.groups, np.inf)
    if form.penalty is not None:
        prize = np.where(problem.must, np.inf, np.maximum(form.penalty - problem.own_cost, 0.0))
    ascent = dual_ascent(problem, prize)
    half = problem.tail.size
    least = np.minimum(ascent.reduced_cost[:half], ascent.reduced_cost[half:])
    return np.where(least <= 1e-9, problem.cost, 3.0 * problem.cost)


# --- exact


class _Search:
    """Integer program whose cuts are found as they are broken."""

    def __init__(self, problem: Problem, form: _Form, joinable: Flags, until: float) -> None:
        self.problem, self.form, self.until = problem, form, until
        self.edges = problem.tail.size
        self.tail = np.concatenate([problem.tail, problem.head])
        self.head = np.concatenate([problem.head, problem.tail])
        self.unit = max(float(problem.cost.max(initial=0.0)), float(problem.own_cost.max(initial=0.0)), 1e-9) / 100.0
        self.y, self.f = 2 * self.edges, 2 * self.edges + problem.groups
        self.u = self.f + (0 if problem.capacity is None else 2 * self.edges)
        columns = self.u + (0 if problem.longest is None else problem.nodes)
        self.upper = np.full(columns, np.inf)
        self.upper[: self.f] = 1.0
        self.upper[np.flatnonzero(self.head == problem.root)] = 0.0
        self.upper[self.y : self.f] = joinable
        self.lower = np.zeros(columns)
        self.lower[self.y : self.f] = problem.must
        self.whole = np.zeros(columns, np.bool_)
        self.whole[: self.f] = True
        self.pocket = _pockets(problem)
        self.with_flow: set[int] = set()
        self.with_distance: set[int] = set()
        self.with_capacity: set[int] = set()
        self.limit_rows: list[tuple[csr_array, Floats]] = []
        self.objective, self.constant = self._objective()
        self.rows = self._always()
        self.cut_rows: tuple[csr_array, Floats] = (csr_array((0, self.upper.size)), np.empty(0))
        self.cuts = 0

    def run(self, best: tuple[Flags, Flags] | None) -> tuple[tuple[Flags, Flags] | None, float]:
        """The best tree and the bound."""
        form, problem = self.form, self.problem
        bound, ascents = _ascent_bound(problem, form)
        for ascent in ascents:
            self._fix(ascent, best)
        for ascent in ascents[:1]:
            self._add_ascent(ascent)
        best, bound = self._relaxed(best, bound)
        while not self._proven(best, bound):
            left = self.until - time.perf_counter()
            if left <= 0.5:
                break
            try:
                found = self._solve(left, whole=True)
            except NoSolution:
                if self.until - time.perf_counter() > 1.0:
                    raise  # not for want of time
                break
            bound = self._tighter(bound, found.bound)
            rows = self.cuts + len(self.limit_rows)
            best, whole = self._harvest(best, found.values)
            if whole or rows == self.cuts + len(self.limit_rows):
                break
        return best, bound

    def _relaxed(self, best: tuple[Flags, Flags] | None, bound: float) -> tuple[tuple[Flags, Flags] | None, float]:
        stalled = 0
        for _ in range(ROUNDS):
            left = self.until - time.perf_counter()
            if left <= 0.5 or self._proven(best, bound) or stalled >= 8:
                break
            try:
                found = self._solve(left, whole=False)
            except NoSolution:
                if self.until - time.perf_counter() > 1.0:
                    raise  # not for want of time
                break
            stronger = self._tighter(bound, found.objective)
            stalled = 0 if abs(stronger - bound) > 1e-6 * max(1.0, abs(bound)) else stalled + 1
            bound = stronger
            best = self._rounded(best, found.values)
            self._purge(found.values)
            if not self._separate(found.values):
                break
        return best, bound

    def _solve(self, seconds: float, *, whole: bool) -> Any:
        rows = [
            LinearConstraint(matrix, lb=low) for matrix, low in (self.rows, self.cut_rows, *self.limit_rows) if low.size
        ]
        found = solve(
            self.objective,
            rows,
            whole=self.whole if whole else False,
            lower=self.lower,
            upper=self.upper,
            maximise=self.form.maximise,
            gap=self.form.gap if whole else 0.0,
            time_limit_s=max(seconds, 0.5),
        )
        scale = 1.0 if self.form.maximise else self.unit
        return replace(
            found, objective=found.objective * scale + self.constant, bound=found.bound * scale + self.constant
        )

    def _objective(self) -> tuple[Floats, float]:
        problem, form = self.problem, self.form
        edge = np.concatenate([problem.cost, problem.cost])
        if form.maximise:
            return self._padded(np.concatenate([np.zeros(2 * self.edges), problem.weight])), 0.0
        own = problem.own_cost - (0.0 if form.penalty is None else form.penalty)
        constant = 0.0 if form.penalty is None else float(form.penalty.sum())
        return self._padded(np.concatenate([edge, own]) / self.unit), constant

    def _padded(self, cost: Floats) -> Floats:
        return np.append(cost, np.zeros(self.upper.size - cost.size))

    def _always(self) -> tuple[csr_array, Floats]:
        """Rows known from the start, as a matrix and least values of its products."""
        problem, rows, y = self.problem, _Rows(self.upper.size), self.y
        into: list[list[int]] = [[] for _ in range(problem.nodes)]
        out: list[list[int]] = [[] for _ in range(problem.nodes)]
        for arc, (a, b) in enumerate(zip(self.tail.tolist(), self.head.tolist(), strict=True)):
            into[b].append(arc)
            out[a].append(arc)
        ends = set(problem.terminal.tolist()) | {problem.root}
        for node in range(problem.nodes):
            if node == problem.root or not into[node]:
                continue
            rows.add(into[node], [-1.0] * len(into[node]), -1.0)
            if node not in ends:
                rows.add(out[node] + into[node], [1.0] * len(out[node]) + [-1.0] * len(into[node]), 0.0)
            for arc in out[node]:
                back = arc - self.edges if arc >= self.edges else arc + self.edges
                others = [one for one in into[node] if one != back]
                rows.add([*others, arc], [1.0] * len(others) + [-1.0], 0.0)
        for terminal, group in zip(problem.terminal.tolist(), problem.group.tolist(), strict=True):
            if terminal != problem.root:
                rows.add([*into[terminal], y + group], [1.0] * len(into[terminal]) + [-1.0], 0.0)
        if self.form.quota is not None:
            rows.add(list(range(y, y + problem.groups)), problem.weight.tolist(), self.form.quota)
        if self.form.budget is not None:
            every = np.concatenate([problem.cost, problem.cost, problem.own_cost]) / self.unit
            rows.add(list(range(every.size)), (-every).tolist(), -self.form.budget / self.unit)
        if self.form.one_entry:
            entries = out[problem.root]
            rows.add(entries, [-1.0] * len(entries), -1.0)
            by_group = sorted((int(problem.group[problem.terminal == self.head[arc]][0]), arc) for arc in entries)
            for number, (group, _) in enumerate(by_group):  # the first group that joins is the one at the root
                later = [arc for _, arc in by_group[number + 1 :]]
                rows.add([*later, y + group], [-1.0] * (len(later) + 1), -1.0)
        return rows.matrix()

    def _add_ascent(self, ascent: _Ascent) -> None:
        rows, seen = _Rows(self.upper.size), set()
        for k in range(min(ascent.terminal.size, KEPT_SETS)):
            arcs = ascent.arcs[ascent.first[k] : ascent.first[k + 1]]
            group = int(self.problem.group[ascent.terminal[k]])
            key = (group, arcs.tobytes())
            if arcs.size and key not in seen:
                seen.add(key)
                rows.add([*arcs.tolist(), self.y + group], [1.0] * arcs.size + [-1.0], 0.0)
        self._keep(rows)

    def _separate(self, values: Floats) -> bool:
        """Add cuts a solution breaks; whether there were any."""
        problem, rows = self.problem, _Rows(self.upper.size)
        x = np.where(values[: 2 * self.edges] > 1e-9, values[: 2 * self.edges], 0.0)
        used = np.flatnonzero(x)
        capacity = np.round(x[used] * SCALE).astype(np.int32)
        flow_graph = csr_array((capacity, (self.tail[used], self.head[used])), shape=(problem.nodes,) * 2).astype(
            np.int32
        )
        seen: set[bytes] = set()
        y = values[self.y : self.f]
        reached = np.zeros(problem.nodes, np.bool_)
        reached[breadth_first_order(flow_graph, problem.root, return_predecessors=False)] = True
        order = np.argsort(-y[problem.group], kind="stable")
        for terminal, group in zip(problem.terminal[order].tolist(), problem.group[order].tolist(), strict=True):
            if y[group] < VIOLATED or terminal == problem.root:
                continue
            if reached[terminal]:
                flow = maximum_flow(flow_graph, problem.root, terminal)
                if flow.flow_value >= (y[group] - VIOLATED) * SCALE:
                    continue
                rest = flow_graph - flow.flow
                rest.eliminate_zeros()
                inside = breadth_first_order(csr_array(rest.T), terminal, return_predecessors=False)
                outside = breadth_first_order(csr_array(rest), problem.root, return_predecessors=False)
                sets = [_flags(problem.nodes, inside), ~_flags(problem.nodes, outside)]
            else:
                inside = breadth_first_order(csr_array(flow_graph.T), terminal, return_predecessors=False)
                sets = [_flags(problem.nodes, inside), ~reached]
            for nodes in sets:
                arcs = np.flatnonzero(nodes[self.head] & ~nodes[self.tail])
                key = arcs.tobytes()
                if key in seen or x[arcs].sum() >= y[group] - VIOLATED:
                    continue
                seen.add(key)
                rows.add([*arcs.tolist(), self.y + group], [1.0] * arcs.size + [-1.0], 0.0)
        self._keep(rows)
        return bool(rows.count)

    def _harvest(self, best: tuple[Flags, Flags] | None, values: Floats) -> tuple[tuple[Flags, Flags] | None, bool]:
        """The better of the best tree and that of a whole solution; whether the solution was a tree that is allowed."""
        problem = self.problem
        joined = values[self.y : self.f] > 0.5
        if self._separate(values):
            return self._rounded(best, values), False
        used = (values[: self.edges] > 0.5) | (values[self.edges : 2 * self.edges] > 0.5)
        edges = used if self.form.one_entry else self._lean(used, joined)
        broken = broken_limits(problem, edges, joined)
        if not broken:
            return self._better_of(best, (edges, joined)), True
        for kind, what in broken:
            if kind == "length":
                self._write_distances(int(self.pocket[what]))
            else:
                self._write_capacity(what)
        return best, False

    def _write_distances(self, pocket: int) -> None:
        """Rows that hold the length of every way in a pocket."""
        problem, rows = self.problem, _Rows(self.upper.size)
        if pocket in self.with_distance or problem.longest is None or problem.length is None:
            return
        self.with_distance.add(pocket)
        length = np.concatenate([problem.length, problem.length])
        inside = (self.pocket[self.head] == pocket) & (self.head != problem.root)
        here = np.flatnonzero(self.pocket[problem.terminal] == pocket)
        longest = problem.longest[problem.group[here]]
        finite = longest[np.isfinite(longest)]
        most = float(finite.max()) + (0.0 if finite.size == longest.size else float(length[inside].sum()))
        for arc in np.flatnonzero(inside).tolist():
            end = self.u + int(self.head[arc])
            if self.tail[arc] == problem.root:
                rows.add([end, arc], [1.0, -length[arc]], 0.0)
            else:
                rows.add([end, self.u + int(self.tail[arc]), arc], [1.0, -1.0, -(length[arc] + most)], -most)
        for k, limit in zip(here.tolist(), longest.tolist(), strict=True):
            if np.isfinite(limit):
                columns = [self.u + int(problem.terminal[k]), self.y + int(problem.group[k])]
                rows.add(columns, [-1.0, -(most - limit)], -most)
        self.upper[self.u + np.flatnonzero(self.pocket == pocket)] = most
        self.limit_rows.append(rows.matrix())

    def _write_capacity(self, source: int) -> None:
        """Rows that hold what groups draw from a source, through every pocket it feeds."""
        problem, rows = self.problem, _Rows(self.upper.size)
        if source in self.with_capacity or problem.capacity is None or problem.source is None or problem.demand is None:
            return
        self.with_capacity.add(source)
        drawn = np.concatenate([problem.source, problem.source])
        entries = np.flatnonzero((drawn == source) & (self.tail == problem.root))
        rows.add((self.f + entries).tolist(), [-1.0] * entries.size, -float(problem.capacity[source]))
        first = np.unique(problem.group, return_index=True)[1]  # a group draws at its first terminal
        for pocket in np.unique(self.pocket[self.head[entries]]).tolist():
            if pocket in self.with_flow:
                continue
            self.with_flow.add(pocket)
            inside = np.flatnonzero((self.pocket[self.head] == pocket) & (self.head != problem.root))
            here = first[self.pocket[problem.terminal[first]] == pocket]
            most = float(problem.demand[problem.group[here]].sum())
            draws: dict[int, list[int]] = {int(problem.terminal[k]): [] for k in here.tolist()}
            for k in here.tolist():
                draws[int(problem.terminal[k])].append(int(problem.group[k]))
            into: dict[int, list[int]] = {}
            out: dict[int, list[int]] = {}
            for arc in inside.tolist():
                rows.add([self.f + arc, arc], [-1.0, most], 0.0)
                into.setdefault(int(self.head[arc]), []).append(arc)
                out.setdefault(int(self.tail[arc]), []).append(arc)
            for node, arcs in into.items():
                groups = draws.get(node, [])
                columns = [*arcs, *out.get(node, [])]
                values = [1.0] * len(arcs) + [-1.0] * len(out.get(node, []))
                needs = [-float(problem.demand[group]) for group in groups]
                rows.add(
                    [*(self.f + arc for arc in columns), *(self.y + group for group in groups)], values + needs, 0.0
                )
        self.limit_rows.append(rows.matrix())

    def _lean(self, used: Flags, joined: Flags) -> Flags:
        """The used edges that hang on the root, without dead ends; no other edge may stand in: ways have lengths."""
        problem = self.problem
        graph = _matrix(problem.nodes, problem.tail[used], problem.head[used], np.ones(int(used.sum())))
        on = _flags(problem.nodes, breadth_first_order(graph, problem.root, directed=False, return_predecessors=False))
        keep = _flags(problem.nodes, np.append(problem.terminal[joined[problem.group]], problem.root))
        return _without_leaves(problem, used & on[problem.tail] & on[problem.head], keep)

    def _rounded(self, best: tuple[Flags, Flags] | None, values: Floats) -> tuple[Flags, Flags] | None:
        """A tree along what a fractional solution uses, for the groups it joins more than half."""
        problem, form = self.problem, self.form
        if form.one_entry:
            return best
        share = values[: self.edges] + values[self.edges : 2 * self.edges]
        shown = replace(problem, cost=problem.cost * (1.0 - np.minimum(share, 1.0)) + 1e-9 * problem.cost)
        joined = (values[self.y : self.f] > 0.5) | problem.must
        edges = tree_of(shown, problem, joined)
        edges, joined = _pruned(problem, form, edges, joined)
        if not form.allows(problem, edges, joined) or broken_limits(problem, edges, joined):
            return best
        return self._better_of(best, (edges, joined))

    def _better_of(self, best: tuple[Flags, Flags] | None, other: tuple[Flags, Flags]) -> tuple[Flags, Flags]:
        value = self.form.objective(self.problem, *other)
        if best is None or self.form.better(value, self.form.objective(self.problem, *best)):
            return other
        return best

    def _tighter(self, bound: float, other: float) -> float:
        return min(bound, other) if self.form.maximise else max(bound, other)

    def _proven(self, best: tuple[Flags, Flags] | None, bound: float) -> bool:
        if best is None:
            return False
        value = self.form.objective(self.problem, *best)
        apart = bound - value if self.form.maximise else value - bound
        return apart <= max(self.form.gap, INTEGRAL) * max(abs(value), 1e-9)

    def _keep(self, rows: _Rows) -> None:
        if rows.count:
            matrix, least = rows.matrix()
            self.cut_rows = vstack([self.cut_rows[0], matrix], format="csr"), np.append(self.cut_rows[1], least)
            self.cuts += rows.count

    def _purge(self, values: Floats) -> None:
        """Drop cuts a solution keeps with room to spare; one that is needed again is found again."""
        matrix, least = self.cut_rows
        near = np.flatnonzero(matrix @ values - least < ROOM)
        self.cut_rows = matrix[near], least[near]

    def _fix(self, ascent: _Ascent, best: tuple[Flags, Flags] | None) -> None:
        """Rule out arcs that no tree better than the best one can use: their reduced cost and the way there say so."""
        if best is None:
            return
        problem = self.problem
        room = abs(self.form.objective(problem, *best) - ascent.form_bound)
        cost = np.where(np.isfinite(ascent.reduced_cost), ascent.reduced_cost, 0.0)
        use = np.flatnonzero(np.isfinite(ascent.reduced_cost))
        forward = _lightest_arcs(problem.nodes, self.tail[use], self.head[use], cost[use])
        backward = csr_array(forward.T)
        from_root = dijkstra(forward, indices=problem.root, limit=room * 1.001 + 1e-6)
        to_terminal = dijkstra(backward, indices=np.unique(problem.terminal), min_only=True, limit=room * 1.001 + 1e-6)
        least = from_root[self.tail] + cost + to_terminal[self.head]
        self.upper[: 2 * self.edges][least > room * (1 + 1e-6) + 1e-6 * self.unit] = 0.0


class _Rows:
    """Rows of a sparse matrix, each with the least value of its product."""

    def __init__(self, columns: int) -> None:
        self.columns, self.count = columns, 0
        self._row: list[int] = []
        self._column: list[int] = []
        self._value: list[float] = []
        self._least: list[float] = []

    def add(self, columns: list[int], values: list[float], least: float) -> None:
        self._row += [self.count] * len(columns)
        self._column += columns
        self._value += values
        self._least.append(least)
        self.count += 1

    def matrix(self) -> tuple[csr_array, Floats]:
        shape = (self.count, self.columns)
        return csr_array(coo_array((self._value, (self._row, self._column)), shape=shape)), np.array(self._least)


def _flags(size: int, numbers: NDArray[Any]) -> Flags:
    flags = np.zeros(size, np.bool_)
    flags[numbers] = True
    return flags


def _cheapest_of_that_weight(problem: Problem, tree: Tree, gap: float, until: float) -> Tree:
    """Second stage of the budget form: of all trees of that weight the cheapest, so that nothing useless is built."""
    left = until - time.perf_counter()
    if left <= 1.0:
        return tree
    lean = cheapest_tree(problem, quota=tree.weight, gap=gap, time_limit_s=left)
    if lean.cost >= tree.cost:
        return tree
    return replace(tree, edges=lean.edges, joined=lean.joined, cost=lean.cost, seconds=tree.seconds + lean.seconds)
