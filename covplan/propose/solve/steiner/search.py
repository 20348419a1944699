"""The integer program whose directed cuts, flows and distances are written as a tree breaks them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import (
    breadth_first_order,
    dijkstra,
    maximum_flow,
)

from covplan.propose.solve.solver import INTEGRAL, solve
from covplan.propose.solve.steiner.arrays import edge_matrix, flags_of, lightest_arcs
from covplan.propose.solve.steiner.ascent import Ascent, ascent_bound
from covplan.propose.solve.steiner.heuristics import pruned_tree, tree_of, without_leaves
from covplan.propose.solve.steiner.limits import broken_limits, pockets_of
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.steiner.problem import Form, Problem

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

SCALE = 1_000_000  # whole units of flow in an arc with x = 1
VIOLATED = 1e-4  # a row broken by less is kept for later
KEPT_SETS = 4_000  # cuts of the dual ascent that become rows
ROUNDS = 200  # of separation
ROOM = 0.3  # a cut kept with more than this to spare is dropped


class Search:
    """Integer program whose cuts are found as they are broken."""

    def __init__(self, problem: Problem, form: Form, joinable: Flags, until: float) -> None:
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
        self.pocket = pockets_of(problem)
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
        bound, ascents = ascent_bound(problem, form)
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

    def _add_ascent(self, ascent: Ascent) -> None:
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
                sets = [flags_of(problem.nodes, inside), ~flags_of(problem.nodes, outside)]
            else:
                inside = breadth_first_order(csr_array(flow_graph.T), terminal, return_predecessors=False)
                sets = [flags_of(problem.nodes, inside), ~reached]
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
        graph = edge_matrix(problem.nodes, problem.tail[used], problem.head[used], np.ones(int(used.sum())))
        on = flags_of(
            problem.nodes, breadth_first_order(graph, problem.root, directed=False, return_predecessors=False)
        )
        keep = flags_of(problem.nodes, np.append(problem.terminal[joined[problem.group]], problem.root))
        return without_leaves(problem, used & on[problem.tail] & on[problem.head], keep)

    def _rounded(self, best: tuple[Flags, Flags] | None, values: Floats) -> tuple[Flags, Flags] | None:
        """A tree along what a fractional solution uses, for the groups it joins more than half."""
        problem, form = self.problem, self.form
        if form.one_entry:
            return best
        share = values[: self.edges] + values[self.edges : 2 * self.edges]
        shown = replace(problem, cost=problem.cost * (1.0 - np.minimum(share, 1.0)) + 1e-9 * problem.cost)
        joined = (values[self.y : self.f] > 0.5) | problem.must
        edges = tree_of(shown, problem, joined)
        edges, joined = pruned_tree(problem, form, edges, joined)
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

    def _fix(self, ascent: Ascent, best: tuple[Flags, Flags] | None) -> None:
        """Rule out arcs that no tree better than the best one can use: their reduced cost and the way there say so."""
        if best is None:
            return
        problem = self.problem
        room = abs(self.form.objective(problem, *best) - ascent.form_bound)
        cost = np.where(np.isfinite(ascent.reduced_cost), ascent.reduced_cost, 0.0)
        use = np.flatnonzero(np.isfinite(ascent.reduced_cost))
        forward = lightest_arcs(problem.nodes, self.tail[use], self.head[use], cost[use])
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
