"""Dual ascent (Wong 1984): a bound, and the cuts that prove it, without a solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Form, Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@njit(cache=True)
def _dual_ascent(first, arc_at, tail, reduced_cost, root, terminal, prize, most_arcs):  # type: ignore[no-untyped-def]
    """Wong (1984): raise the dual of one cut after another until the root is in it or the prize is used up.

    Returns the bound, the prize left of each terminal, and the arcs of the cuts, flat with first positions.
    """
    nodes = first.size - 1
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
class Ascent:
    """What a dual ascent leaves: its bound, reduced costs per arc, and the cuts that prove it."""

    bound: float
    reduced_cost: Floats
    """Per arc; arcs are the edges tail to head, then head to tail."""
    arcs: Ints
    first: Ints
    terminal: Ints
    """Of each cut: the terminal it was raised for."""
    form_bound: float = 0.0
    """On the objective of the form, with the price it was made for."""


def dual_ascent(problem: Problem, prize: Floats, cost: Floats | None = None) -> Ascent:
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
        first, order, tail, reduced_cost, problem.root, problem.terminal, shared, 40 * tail.size + 1000
    )
    return Ascent(float(found[0]), reduced_cost, *found[2:])


def _priced(problem: Problem, form: Form, multiplier: float) -> tuple[Ascent, float]:
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


def ascent_bound(problem: Problem, form: Form) -> tuple[float, list[Ascent]]:
    """The best bound over a series of prices, and the ascents behind it."""
    if form.quota is None and form.budget is None:
        ascent, bound = _priced(problem, form, 0.0)
        return bound, [ascent]
    dear = float(problem.cost.sum() + problem.own_cost.sum()) / max(float(problem.weight.min(initial=np.inf)), 1e-9)
    low, high = (
        (0.0, dear)
        if form.quota is not None
        else (0.0, 1.0 / max(float(problem.cost[problem.cost > 0].min(initial=np.inf)), 1e-9))
    )
    tried: list[tuple[float, Ascent]] = []
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


def ascended(problem: Problem, form: Form) -> Floats:
    """Costs that lead a heuristic along edges the dual ascent has paid for."""
    prize = np.full(problem.groups, np.inf)
    if form.penalty is not None:
        prize = np.where(problem.must, np.inf, np.maximum(form.penalty - problem.own_cost, 0.0))
    ascent = dual_ascent(problem, prize)
    half = problem.tail.size
    least = np.minimum(ascent.reduced_cost[:half], ascent.reduced_cost[half:])
    return np.where(least <= 1e-9, problem.cost, 3.0 * problem.cost)
