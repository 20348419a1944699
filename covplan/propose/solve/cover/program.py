"""Cheapest for a demand, most for a budget: the covering problem as a whole-number program."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import csr_array, eye_array, hstack

from covplan.propose.solve.cover.problem import EXACT, NO_SITE, Choice, Cover, cost_of, only, served_by, sites_of
from covplan.propose.solve.cover.reduction import dominated, independent_parts, lean, merged, part_of
from covplan.propose.solve.solver import INTEGRAL, TIME_LIMIT_S, Solution, Status, solve
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def least_cost(
    problem: Cover,
    demanded: float | None = None,
    *,
    fixed: NDArray[np.bool_] | None = None,
    forbidden: NDArray[np.bool_] | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Choice:
    """Partial set covering with sites (Daskin and Owen 1999; Toregas et al. 1971 when everything is demanded).

    ::

        sets         i demands, p points of demands P(i), a actions, N(p) actions that reach p, s sites, l limits
        variables    z_a = 1 if action a is done, y_s = 1 if site s is made ready, x_i = 1 if demand i is served,
                     c_p in [0, 1] that p is covered, f_ai in [0, 1] the part of i's traffic that a carries
        minimise     Σ_a cost_a z_a + Σ_s cost_s y_s
        subject to   Σ_(a in N(p)) z_a ≥ x_i                     p in P(i), where all of i must be covered
                     Σ_(a in N(p)) z_a ≥ c_p,
                     Σ_(p in P(i)) weight_p c_p ≥ share_i x_i    where a share suffices
                     z_a ≤ y_s(a)                                where an action needs a site
                     Σ_a f_ai ≥ x_i,  f_ai ≤ min(1, capacity_a / traffic_i) z_a,
                     Σ_i traffic_i f_ai ≤ capacity_a z_a         where capacity matters
                     limits (z, y) ≤ most                        slots, spacing, quotas
                     Σ_i value_i x_i ≥ demanded

    Parameters
    ----------
    demanded : float, optional
        Value to be served; None: all of it.
    fixed, forbidden : ndarray of bool, optional
        Actions that must be done, or must not.
    """
    everything = demanded is None or demanded >= problem.value.sum() - EXACT
    keep = np.ones(problem.cost.size, dtype=bool) if forbidden is None else ~forbidden
    at = np.flatnonzero(keep)
    keep[at[dominated(only(problem, keep))]] = False
    if fixed is not None:
        keep |= fixed
    small = merged(lean(only(problem, keep)))
    program = _program(small)
    lower = np.zeros(program.size)
    if fixed is not None:
        lower[program.actions] = fixed[keep]
    rows = list(program.rows)
    if everything:
        lower[program.served] = small.value > 0
    else:
        count = np.zeros(program.size)
        count[program.served] = small.value
        rows.append(LinearConstraint(csr_array(count[None, :]), lb=float(demanded or 0.0) - EXACT))
    whole = program.whole.copy()
    if everything:
        whole[program.served] = False
    found = solve(program.cost, rows, whole=whole, lower=lower, gap=gap, time_limit_s=time_limit_s)
    return _choice(problem, keep, program, found)


def as_much_as_can_be(
    problem: Cover, demanded: float | None = None, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S
) -> Choice:
    """`least_cost`; where the limits leave no room for all that is demanded, the most they do, at least cost.

    Raises
    ------
    NoSolution
        What must be done (negative entries of the limits) cannot be, whoever is served.
    """
    try:
        return least_cost(problem, demanded, gap=gap, time_limit_s=time_limit_s)
    except NoSolution:
        most = most_value(problem, np.inf, gap=gap, time_limit_s=time_limit_s, thrifty=False)
    try:
        return least_cost(problem, most.value, gap=gap, time_limit_s=time_limit_s)
    except NoSolution:  # none was found in time
        return dataclasses.replace(most, solution=None)


def as_much_as_can_be_in_parts(problem: Cover, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S) -> Choice:
    """`least_cost_in_parts`; where some part has no room for all its demands, the most it has, at least cost.

    Raises
    ------
    NoSolution
        As `as_much_as_can_be`.
    """
    try:
        return least_cost_in_parts(problem, gap=gap, time_limit_s=time_limit_s)
    except NoSolution:
        return _in_parts(problem, as_much_as_can_be, gap=gap, time_limit_s=time_limit_s)


def least_cost_in_parts(problem: Cover, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S) -> Choice:
    """Everything at least cost, neighbourhood by neighbourhood: `least_cost` where the problem falls into parts.

    Quotas (limits with negative entries) tie all parts together; they are left out first. When the joined choice keeps
    them it is the best with them too, for leaving a limit out can only make a plan cheaper; when not, the whole is
    solved with them. The bound is the sum of the parts' bounds. Small parts go first, what time is left goes to the
    large ones.
    """
    return _in_parts(problem, least_cost, gap=gap, time_limit_s=time_limit_s)


def _in_parts(problem: Cover, solved: Callable[..., Choice], *, gap: float, time_limit_s: float) -> Choice:
    """`solved` on every part, or on the whole where quotas forbid what the parts want."""
    start = time.perf_counter()
    quota = np.zeros(problem.limits.shape[0], dtype=bool)
    rows = problem.limits.tocoo()
    quota[rows.row[rows.data < 0]] = True
    free = dataclasses.replace(problem, limits=csr_array(problem.limits[~quota]), most=problem.most[~quota])
    parts = sorted(independent_parts(free), key=lambda part: int(part[0].sum()))
    actions, served = np.zeros(problem.cost.size, dtype=bool), np.zeros(problem.share.size, dtype=bool)
    objective = bound = 0.0
    nodes = 0
    for own_actions, own_demands in parts:
        left_s = max(time_limit_s - (time.perf_counter() - start), 1.0)
        part = part_of(free, own_actions, own_demands)
        if solved is not least_cost:  # all of a part is asked for whatever it is worth; some of it by what it is worth
            part = dataclasses.replace(part, value=problem.value[own_demands])
        one = solved(part, gap=gap, time_limit_s=left_s)
        actions[np.flatnonzero(own_actions)[one.actions]] = True
        served[np.flatnonzero(own_demands)[one.served]] = True
        if one.solution:
            objective, bound, nodes = (
                objective + one.solution.objective, bound + one.solution.bound, nodes + one.solution.nodes
            )  # fmt: skip
    sites = sites_of(problem, actions)
    kept = problem.limits[quota] @ np.concatenate([actions, sites]).astype(float) <= problem.most[quota] + EXACT
    if not kept.all():
        left_s = max(time_limit_s - (time.perf_counter() - start), 1.0)
        return solved(problem, gap=gap, time_limit_s=left_s)
    apart = max(objective - bound, 0.0) / max(abs(objective), EXACT)
    proven = apart <= INTEGRAL
    found = Solution(
        actions.astype(float), objective, bound, 0.0 if proven else apart,
        Status.OPTIMAL if proven else Status.FEASIBLE, time.perf_counter() - start, nodes,
    )  # fmt: skip
    return Choice(actions, sites, served, cost_of(problem, actions), float(problem.value[served].sum()), found)


def most_value(
    problem: Cover, budget: float, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S, thrifty: bool = True
) -> Choice:
    """Budgeted maximal covering (Church and ReVelle 1974), with sites, limits and capacity as in `least_cost`.

    ::

        maximise     Σ_i value_i x_i
        subject to   Σ_a cost_a z_a + Σ_s cost_s y_s ≤ budget, and all of `least_cost` but its last line

    A budget leaves room for actions that serve nobody: with `thrifty` the same value is then sought at least cost.
    """
    small = merged(problem)
    program = _program(small)
    value = np.zeros(program.size)
    value[program.served] = small.value
    paid = LinearConstraint(csr_array(program.cost[None, :]), ub=budget)
    found = solve(value, [*program.rows, paid], whole=program.whole, maximise=True, gap=gap, time_limit_s=time_limit_s)
    everything = np.ones(problem.cost.size, dtype=bool)
    best = _choice(problem, everything, program, found)
    if not thrifty:
        return best
    try:
        spared = least_cost(problem, best.value, gap=gap, time_limit_s=time_limit_s)
    except NoSolution:  # none was found in time
        return best
    return dataclasses.replace(spared, solution=found)


def next_best(problem: Cover, choice: Choice, action: int) -> tuple[NDArray[np.int64], float | None]:
    """What happens without one action, and what regaining it would cost.

    Returns
    -------
    lost : ndarray of int
        Demands that the other chosen actions do not cover.
    extra : float or None
        Cost of the cheapest other actions that serve them again, the rest of the choice kept; None when there are none.
    """
    others = choice.actions.copy()
    others[action] = False
    missed = choice.served & ~served_by(problem, others)
    lost = np.flatnonzero(missed)
    keep = others | _of_use_to(problem, missed)
    keep[action] = False
    paid = np.where(others, 0.0, problem.cost)
    ready = np.where(sites_of(problem, others), 0.0, problem.site_cost)
    wanted = part_of(dataclasses.replace(problem, cost=paid, site_cost=ready), keep, missed)
    try:
        found = least_cost(wanted, fixed=others[keep])
    except NoSolution:
        return lost, None
    return lost, found.cost


def _of_use_to(problem: Cover, demands: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Actions that help to serve some demands: they reach a point, carry traffic, or make room in a quota."""
    use = np.asarray(problem.reach[demands[problem.demand]].sum(axis=0)).ravel() > 0
    if problem.traffic.size:
        use |= np.asarray(problem.carries[demands].sum(axis=0)).ravel() > 0
    rows = problem.limits.tocoo()
    use[rows.col[rows.data < 0]] = True
    return use


@dataclass(frozen=True)
class _Program:
    """A program as the solver reads it, and which columns mean what."""

    cost: NDArray[np.float64]
    rows: list[LinearConstraint]
    whole: NDArray[np.bool_]
    actions: slice
    sites: slice
    served: slice

    @property
    def size(self) -> int:
        return self.cost.size


def _program(problem: Cover) -> _Program:
    """Columns: actions, sites, demands, points of which a share suffices, traffic."""
    points, actions, sites, demands = problem.sizes
    strict = problem.share[problem.demand] >= 1.0 - EXACT if points else np.empty(0, bool)
    loose = np.flatnonzero(~strict)
    carried = problem.carries.tocoo() if problem.traffic.size else None
    flows = 0 if carried is None else carried.nnz
    size = actions + sites + demands + loose.size + flows
    at_demands, at_loose, at_flows = actions + sites, actions + sites + demands, size - flows

    def block(*parts: tuple[int, csr_array]) -> csr_array:
        rows = parts[0][1].shape[0]
        pieces, filled = [], 0
        for start, part in parts:
            pieces += [csr_array((rows, start - filled)), part]
            filled = start + part.shape[1]
        return hstack([*pieces, csr_array((rows, size - filled))], format="csr")

    def at_least(matrix: csr_array, least: float = 0.0) -> LinearConstraint:
        return LinearConstraint(matrix, lb=least)

    reach = problem.reach.astype(np.float64)
    owners = csr_array((np.ones(points), (np.arange(points), problem.demand)), shape=(points, demands))
    rows = []
    if strict.any():
        rows.append(at_least(block((0, reach[strict]), (at_demands, -owners[strict]))))
    if loose.size:
        rows.append(at_least(block((0, reach[loose]), (at_loose, -eye_array(loose.size, format="csr")))))
        wanting = np.flatnonzero(problem.share < 1.0 - EXACT)
        share = csr_array((problem.share[wanting], (np.arange(wanting.size), wanting)), shape=(wanting.size, demands))
        weights = (owners[loose] * problem.weight[loose, None]).T.tocsr()[wanting]
        rows.append(at_least(block((at_demands, -share), (at_loose, weights)), -EXACT))
    needing = np.flatnonzero(problem.site != NO_SITE)
    if needing.size:
        ready = csr_array((np.ones(needing.size), (np.arange(needing.size), problem.site[needing])),
                          shape=(needing.size, sites))  # fmt: skip
        rows.append(at_least(block((0, -eye_array(actions, format="csr")[needing]), (actions, ready))))
    if problem.limits.shape[0]:
        rows.append(LinearConstraint(block((0, problem.limits)), ub=problem.most))
    if carried is not None:
        arcs = np.arange(flows)
        of_demand = csr_array((np.ones(flows), (carried.row, arcs)), shape=(demands, flows))
        wanted, room = problem.traffic[carried.row], problem.capacity[carried.col]
        most = np.where(wanted > room, room / np.maximum(wanted, EXACT), 1.0)
        of_action = csr_array((most, (arcs, carried.col)), shape=(flows, actions))
        load = csr_array((-problem.traffic[carried.row], (carried.col, arcs)), shape=(actions, flows))
        limit = csr_array((problem.capacity, (np.arange(actions), np.arange(actions))), shape=(actions, actions))
        rows.append(at_least(block((at_demands, -eye_array(demands, format="csr")), (at_flows, of_demand))))
        rows.append(at_least(block((0, of_action), (at_flows, -eye_array(flows, format="csr")))))
        rows.append(at_least(block((0, limit), (at_flows, load)), -EXACT))
    whole = np.zeros(size, dtype=bool)
    whole[: actions + sites] = True
    # A demand that needs every point is served or not as soon as the actions are whole.
    whole[at_demands:at_loose] = True if carried is not None else problem.share < 1.0 - EXACT
    cost = np.zeros(size)
    cost[:actions], cost[actions:at_demands] = problem.cost, problem.site_cost
    return _Program(cost, rows, whole, slice(0, actions), slice(actions, at_demands), slice(at_demands, at_loose))


def _choice(problem: Cover, keep: NDArray[np.bool_], program: _Program, found: Solution) -> Choice:
    actions = np.zeros(problem.cost.size, dtype=bool)
    actions[keep] = found.values[program.actions] > 0.5
    sites = sites_of(problem, actions)
    # Where traffic counts demands are not merged: the program's own word, capacity included.
    served_in_program = found.values[program.served] > 1.0 - 1e-6
    served = served_in_program if problem.traffic.size else served_by(problem, actions)
    return Choice(actions, sites, served, cost_of(problem, actions), float(problem.value[served].sum()), found)
