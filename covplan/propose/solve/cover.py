"""Covering as whole-number programs on arrays: cheapest for a demand, most for a budget. Hamlets and places use both.

Nothing here knows masts or decibels: points are reached by actions, demands own points, actions may need a site.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import block_array, csc_array, csr_array, eye_array, hstack, vstack
from scipy.sparse.csgraph import connected_components

from covplan.propose.solve.solver import INTEGRAL, TIME_LIMIT_S, Solution, Status, solve
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = 1e-9
NO_SITE = -1
PIECE = 512  # actions compared with all others at a time


def _none() -> csr_array:
    return csr_array((0, 0))


@dataclass(frozen=True)
class Cover:
    """Who can serve whom, at what cost.

    Points p belong to demands i, actions a may need a site s; one array per column below.
    """

    reach: csr_array
    """(points × actions), true where the action covers the point."""
    demand: NDArray[np.int64]
    """Demand each point belongs to."""
    weight: NDArray[np.float64]
    """Of each point; those of one demand sum to 1."""
    share: NDArray[np.float64]
    """Of each demand's weight that must be covered for the demand to be served; 1: every point."""
    value: NDArray[np.float64]
    """Of each demand: what serving it counts."""
    cost: NDArray[np.float64]
    """Of each action."""
    site: NDArray[np.int64]
    """Site an action needs, −1 for none."""
    site_cost: NDArray[np.float64]
    limits: csr_array = field(default_factory=_none)
    """(rows × (actions + sites)): each row times the choice is at most its entry of `most`; of sites never negative."""
    most: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    traffic: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """Of each demand; empty: capacity does not matter."""
    capacity: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """Of each action, in the unit of traffic."""
    carries: csr_array = field(default_factory=_none)
    """(demands × actions), true where the action may carry traffic of the demand."""

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Points, actions, sites, demands."""
        return self.reach.shape[0], self.reach.shape[1], self.site_cost.size, self.share.size

    def with_sites(self, site: NDArray[np.int64], site_cost: NDArray[np.float64]) -> Cover:
        """Actions need sites; before `with_limits`, which may be about sites too."""
        cost = np.asarray(site_cost, float)
        return dataclasses.replace(
            self, site=np.asarray(site, np.int64), site_cost=cost, limits=csr_array((0, self.cost.size + cost.size))
        )

    def with_limits(self, limits: csr_array, most: NDArray[np.float64]) -> Cover:
        """What may be done together."""
        return dataclasses.replace(self, limits=csr_array(limits), most=np.asarray(most, float))

    def with_traffic(
        self, traffic: NDArray[np.float64], capacity: NDArray[np.float64], carries: csr_array | None = None
    ) -> Cover:
        """Demands bring traffic that actions carry."""
        return dataclasses.replace(
            self,
            traffic=np.asarray(traffic, float),
            capacity=np.asarray(capacity, float),
            carries=self.carries if carries is None else _true(carries),
        )


@dataclass(frozen=True)
class Choice:
    """What a program chose."""

    actions: NDArray[np.bool_]
    sites: NDArray[np.bool_]
    served: NDArray[np.bool_]
    """Demands that the chosen actions serve."""
    cost: float
    value: float
    solution: Solution | None
    """None: a heuristic made the choice, and nothing is known of the best."""


def cover(
    reach: csr_array,
    cost: NDArray[np.float64],
    *,
    demand: NDArray[np.int64] | None = None,
    weight: NDArray[np.float64] | None = None,
    share: NDArray[np.float64] | float = 1.0,
    value: NDArray[np.float64] | None = None,
) -> Cover:
    """Fill in what is usual: a demand per point, equal weights, every demand worth one, no sites, limits or traffic."""
    points, actions = reach.shape
    owner = np.arange(points) if demand is None else np.asarray(demand, np.int64)
    demands = int(owner.max()) + 1 if owner.size else 0
    if value is not None:
        demands = np.size(value)
    one = np.ones(points) if weight is None else np.asarray(weight, float)
    total = np.bincount(owner, one, minlength=demands)
    return Cover(
        reach=_true(reach),
        demand=owner,
        weight=one / np.where(total[owner] > 0, total[owner], 1.0),
        share=np.broadcast_to(np.asarray(share, float), (demands,)),
        value=np.ones(demands) if value is None else np.asarray(value, float),
        cost=np.asarray(cost, float),
        site=np.full(actions, NO_SITE),
        site_cost=np.empty(0),
        limits=csr_array((0, actions)),
    )


def _true(matrix: csr_array) -> csr_array:
    """The matrix with only its true entries stored: what is stored is read as reached."""
    stored = csr_array(matrix, dtype=bool, copy=True)
    stored.eliminate_zeros()
    return stored


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
    small = merged(_lean(only(problem, keep)))
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


def least_cost_in_parts(problem: Cover, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S) -> Choice:
    """Everything at least cost, neighbourhood by neighbourhood: `least_cost` where the problem falls into parts.

    Quotas (limits with negative entries) tie all parts together; they are left out first. When the joined choice keeps
    them it is the best with them too, for leaving a limit out can only make a plan cheaper; when not, the whole is
    solved with them. The bound is the sum of the parts' bounds. Small parts go first, what time is left goes to the
    large ones.
    """
    start = time.perf_counter()
    quota = np.zeros(problem.limits.shape[0], dtype=bool)
    rows = problem.limits.tocoo()
    quota[rows.row[rows.data < 0]] = True
    free = dataclasses.replace(problem, limits=csr_array(problem.limits[~quota]), most=problem.most[~quota])
    parts = sorted(_parts(free), key=lambda part: int(part[0].sum()))
    actions, served = np.zeros(problem.cost.size, dtype=bool), np.zeros(problem.share.size, dtype=bool)
    objective = bound = 0.0
    nodes = 0
    for own_actions, own_demands in parts:
        left_s = max(time_limit_s - (time.perf_counter() - start), 1.0)
        one = least_cost(_part(free, own_actions, own_demands), gap=gap, time_limit_s=left_s)
        actions[np.flatnonzero(own_actions)[one.actions]] = True
        served[np.flatnonzero(own_demands)[one.served]] = True
        if one.solution:
            objective, bound, nodes = (
                objective + one.solution.objective, bound + one.solution.bound, nodes + one.solution.nodes
            )  # fmt: skip
    sites = _sites_of(problem, actions)
    kept = problem.limits[quota] @ np.concatenate([actions, sites]).astype(float) <= problem.most[quota] + EXACT
    if not kept.all():
        left_s = max(time_limit_s - (time.perf_counter() - start), 1.0)
        return least_cost(problem, gap=gap, time_limit_s=left_s)
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
    ready = np.where(_sites_of(problem, others), 0.0, problem.site_cost)
    wanted = _part(dataclasses.replace(problem, cost=paid, site_cost=ready), keep, missed)
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


def served_by(problem: Cover, actions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Demands that have the share of their points covered; capacity is not looked at."""
    covered = problem.reach @ actions.astype(np.int32) > 0
    total = np.bincount(problem.demand, problem.weight * covered, minlength=problem.share.size)
    served: NDArray[np.bool_] = total >= problem.share - EXACT
    return served


def cost_of(problem: Cover, actions: NDArray[np.bool_]) -> float:
    """Cost of some actions and of the sites they need."""
    return float(problem.cost[actions].sum() + problem.site_cost[_sites_of(problem, actions)].sum())


def unreachable(problem: Cover) -> NDArray[np.int64]:
    """Demands that no choice can serve, whatever it costs."""
    return np.flatnonzero(~served_by(problem, np.ones(problem.cost.size, dtype=bool)))


def merged(problem: Cover) -> Cover:
    """The same problem with fewer rows: nothing is lost.

    Points of a demand reached by the same actions become one; where every point is required, one reached by more
    actions than another follows from it; demands with the same points and shares become one of their joint value.
    """
    reach = problem.reach.sorted_indices() if not problem.reach.has_sorted_indices else problem.reach
    sets = [reach.indices[a:b] for a, b in zip(reach.indptr[:-1], reach.indptr[1:], strict=True)]
    rows: dict[int, dict[bytes, float]] = {}
    for point, actions in enumerate(sets):
        own = rows.setdefault(int(problem.demand[point]), {})
        key = actions.tobytes()
        own[key] = own.get(key, 0.0) + float(problem.weight[point])
    alike: dict[object, list[int]] = {}
    for demand in range(problem.share.size):
        own = rows.get(demand, {})
        if problem.share[demand] >= 1.0 - EXACT:
            own = dict.fromkeys(_least(list(own), reach.indices.dtype), 1.0)
        key = (float(problem.share[demand]), tuple(sorted((k, round(w, 12)) for k, w in own.items())))
        alike.setdefault((demand, key) if problem.traffic.size else key, []).append(demand)
        rows[demand] = own
    first = [group[0] for group in alike.values()]
    points = [(n, np.frombuffer(key, dtype=reach.indices.dtype), weight)
              for n, demand in enumerate(first) for key, weight in rows[demand].items()]  # fmt: skip
    indices = np.concatenate([actions for _, actions, _ in points]) if points else np.empty(0, np.int64)
    starts = np.cumsum([0, *(actions.size for _, actions, _ in points)])
    return dataclasses.replace(
        problem,
        reach=csr_array((np.ones(indices.size, bool), indices, starts), shape=(len(points), reach.shape[1])),
        demand=np.array([n for n, _, _ in points], dtype=np.int64),
        weight=np.array([weight for _, _, weight in points]),
        share=problem.share[first],
        value=np.array([problem.value[group].sum() for group in alike.values()]),
        traffic=problem.traffic[first] if problem.traffic.size else problem.traffic,
        carries=problem.carries[first] if problem.traffic.size else problem.carries,
    )


def dominated(problem: Cover) -> NDArray[np.bool_]:
    """Actions that another one replaces: it reaches as much, costs no more, needs no more site and no more room.

    Only where capacity does not matter and the action takes no part in a quota (a limit with negative entries). Of
    equal ones the first stays.
    """
    actions = problem.cost.size
    if problem.traffic.size or not actions:
        return np.zeros(actions, dtype=bool)
    reach = csc_array(problem.reach, dtype=np.int32)
    size = np.diff(reach.indptr)
    limits = csc_array(problem.limits)[:, :actions]
    kinds: dict[bytes, int] = {b"": 0}  # actions of one kind enter the same limits; those of kind 0 enter none
    kind = np.empty(actions, dtype=np.int64)
    harmless = np.ones(actions, dtype=bool)
    for action in range(actions):
        part = slice(limits.indptr[action], limits.indptr[action + 1])
        entries = limits.indices[part].tobytes() + limits.data[part].tobytes()
        kind[action] = kinds.setdefault(entries, len(kinds))
        harmless[action] = (limits.data[part] >= 0).all()
    gone = np.zeros(actions, dtype=bool)
    rows = csr_array(reach.T)
    for start in range(0, actions, PIECE):
        common = (rows[start : start + PIECE] @ reach).tocoo()
        small, large = common.row + start, common.col
        inside = (common.data == size[small]) & (small != large)
        small, large = small[inside], large[inside]
        same_site, same_kind = problem.site[large] == problem.site[small], kind[large] == kind[small]
        dearer = problem.cost[large] - problem.cost[small]
        better = harmless[small] & (dearer <= 0) & (same_site | (problem.site[large] == NO_SITE))
        better &= same_kind | (kind[large] == 0)
        equal = (size[large] == size[small]) & (dearer == 0) & same_site & same_kind
        gone[small[better & (~equal | (large < small))]] = True
    gone |= (size == 0) & harmless  # one in a quota may be of use though it reaches nobody
    return gone


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
    sites = _sites_of(problem, actions)
    # Where traffic counts demands are not merged: the program's own word, capacity included.
    served_in_program = found.values[program.served] > 1.0 - 1e-6
    served = served_in_program if problem.traffic.size else served_by(problem, actions)
    return Choice(actions, sites, served, cost_of(problem, actions), float(problem.value[served].sum()), found)


def _sites_of(problem: Cover, actions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    needed = problem.site[actions]
    sites[needed[needed != NO_SITE]] = True
    return sites


def only(problem: Cover, keep: NDArray[np.bool_]) -> Cover:
    """The problem with some of its actions; every site stays."""
    columns = np.concatenate([np.flatnonzero(keep), np.arange(keep.size, keep.size + problem.site_cost.size)])
    return dataclasses.replace(
        problem,
        reach=csr_array(problem.reach[:, keep]),
        cost=problem.cost[keep],
        site=problem.site[keep],
        limits=csr_array(problem.limits[:, columns]),
        capacity=problem.capacity[keep] if problem.capacity.size else problem.capacity,
        carries=csr_array(problem.carries[:, keep]) if problem.traffic.size else problem.carries,
    )


def _lean(problem: Cover) -> Cover:
    """The problem without sites no action needs and without limits that nothing left can break."""
    actions, sites = problem.cost.size, problem.site_cost.size
    needed = np.zeros(sites, dtype=bool)
    needed[problem.site[problem.site != NO_SITE]] = True
    limits = csr_array(problem.limits[:, np.concatenate([np.ones(actions, bool), needed])])
    binding = limits.maximum(0.0).sum(axis=1) > problem.most + EXACT
    return dataclasses.replace(
        problem,
        site=np.where(problem.site == NO_SITE, NO_SITE, (np.cumsum(needed) - 1)[problem.site] if sites else NO_SITE),
        site_cost=problem.site_cost[needed],
        limits=csr_array(limits[binding]),
        most=problem.most[binding],
    )


def _parts(problem: Cover) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Actions and demands that have nothing to do with those of other parts: no reach, site or limit in common."""
    points, actions, sites, demands = problem.sizes
    owners = csr_array((np.ones(points), (problem.demand, np.arange(points))), shape=(demands, points))
    reached = csr_array(owners @ problem.reach.astype(float))
    if problem.traffic.size:
        reached = csr_array(reached + problem.carries.astype(float))
    needing = np.flatnonzero(problem.site != NO_SITE)
    at_site = csr_array((np.ones(needing.size), (problem.site[needing], needing)), shape=(sites, actions))
    joined = vstack([reached, at_site, abs(problem.limits[:, :actions])], format="csr")
    on_sites = vstack([csr_array((demands + sites, sites)), abs(problem.limits[:, actions:])], format="csr")
    rows = joined.shape[0]
    graph = block_array([[csr_array((rows, rows)), hstack([joined, on_sites])],
                         [hstack([joined, on_sites]).T, None]], format="csr")  # fmt: skip
    count, label = connected_components(graph, directed=False)
    of_demand, of_action = label[:demands], label[rows : rows + actions]
    found = []
    for part in range(count):
        own = of_demand == part
        if own.any():
            found.append((of_action == part, own))
    return found


def _part(problem: Cover, actions: NDArray[np.bool_], demands: NDArray[np.bool_]) -> Cover:
    """The problem of some demands and actions; all sites stay, those of other parts are never needed."""
    kept = demands[problem.demand]
    number = np.cumsum(demands) - 1
    small = only(problem, actions)
    limits = csr_array(small.limits)
    used = np.diff(limits.indptr) > 0
    return dataclasses.replace(
        small,
        reach=csr_array(small.reach[kept]),
        demand=number[problem.demand[kept]],
        weight=problem.weight[kept],
        share=problem.share[demands],
        value=np.ones(int(demands.sum())),
        limits=csr_array(limits[used]),
        most=problem.most[used],
        traffic=problem.traffic[demands] if problem.traffic.size else problem.traffic,
        carries=csr_array(small.carries[demands]) if problem.traffic.size else problem.carries,
    )


def _least(keys: list[bytes], dtype: np.dtype[np.int32]) -> list[bytes]:
    """Sets of which no other is a part: covering these covers all."""
    sets = [(frozenset(np.frombuffer(key, dtype=dtype).tolist()), key) for key in keys]
    sets.sort(key=lambda one: (len(one[0]), one[1]))
    least: list[tuple[frozenset[int], bytes]] = []
    for one, key in sets:
        if not any(other <= one for other, _ in least):
            least.append((one, key))
    return [key for _, key in least]


def stacked(rows: list[csr_array], most: list[float], columns: int) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of limits as one matrix and its right-hand side."""
    return (csr_array(vstack(rows)) if rows else csr_array((0, columns))), np.array(most, dtype=np.float64)
