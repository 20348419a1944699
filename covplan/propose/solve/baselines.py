"""What a planner would do without a program: in the same table as the program, so that its worth can be read.

Each keeps to the limits that forbid (slots, spacing); quotas, which ask for something elsewhere, they may break.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, csr_array

from covplan.propose.solve.cover import EXACT, NO_SITE, Choice, Cover, cost_of, served_by
from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cheapest_first(problem: Cover, demanded: float | None = None) -> Choice:
    """Greedy by cost per point gained (Chvátal 1979), lazily; then what is not needed is dropped, and swapped."""
    return _finished(problem, _greedy(problem, _demanded(problem, demanded), by_cost=True), demanded, swap=True)


def most_demand_first(problem: Cover, demanded: float | None = None) -> Choice:
    """Again and again the action that covers most of what is not yet covered, whatever it costs."""
    return _finished(problem, _greedy(problem, _demanded(problem, demanded), by_cost=False), demanded, swap=False)


def nearest_first(problem: Cover, distance_m: NDArray[np.float64], demanded: float | None = None) -> Choice:
    """Demand by demand, what is nearest to it among all that reaches it, without a look at the others.

    Parameters
    ----------
    distance_m : ndarray, shape (demands, actions)
    """
    want = _demanded(problem, demanded)
    chosen = np.zeros(problem.cost.size, dtype=bool)
    room = _Room(problem)
    reach = csr_array(problem.reach)
    points: list[list[int]] = [[] for _ in range(problem.share.size)]
    for point, demand in enumerate(problem.demand):
        points[int(demand)].append(point)
    nearest = np.where(np.isfinite(distance_m), distance_m, np.inf).min(axis=1)
    for demand in np.argsort(nearest, kind="stable"):
        if problem.value[served_by(problem, chosen)].sum() >= want - EXACT:
            break
        for point in points[int(demand)]:
            if served_by(problem, chosen)[demand]:
                break
            able = reach.indices[reach.indptr[point] : reach.indptr[point + 1]]
            if chosen[able].any():
                continue
            by_distance = able[np.argsort(distance_m[demand, able], kind="stable")]
            nearest_free = next((int(one) for one in by_distance if room.fits(int(one))), None)
            if nearest_free is not None:
                room.take(nearest_free)
                chosen[nearest_free] = True
    return _finished(problem, chosen, demanded, swap=False, prune=False)


class _Room:
    """What limits still allow, as actions are taken; quotas (limits with negative entries) are left out."""

    def __init__(self, problem: Cover) -> None:
        limits = csr_array(problem.limits)
        negative = limits.copy()
        negative.data = np.minimum(negative.data, 0.0)
        forbidding = np.flatnonzero(np.asarray(negative.sum(axis=1)).ravel() >= 0)
        self._limits = csc_array(limits[forbidding])
        self._left = problem.most[forbidding].astype(float)
        self._problem = problem
        self._ready = np.zeros(problem.site_cost.size, dtype=bool)

    def fits(self, action: int) -> bool:
        """Whether the action, and the site it needs, break no limit."""
        used = self._uses(action)
        return all(self._left[row] + EXACT >= amount for row, amount in used.items())

    def take(self, action: int) -> None:
        """Do it."""
        for row, amount in self._uses(action).items():
            self._left[row] -= amount
        if self._problem.site[action] != NO_SITE:
            self._ready[self._problem.site[action]] = True

    def cost(self, action: int) -> float:
        """Of the action, with its site unless that is ready."""
        site = int(self._problem.site[action])
        more = self._problem.site_cost[site] if site != NO_SITE and not self._ready[site] else 0.0
        return float(self._problem.cost[action] + more)

    def _uses(self, action: int) -> dict[int, float]:
        site = int(self._problem.site[action])
        columns = [action]
        if site != NO_SITE and not self._ready[site]:
            columns.append(self._problem.cost.size + site)
        used: dict[int, float] = {}
        for column in columns:
            part = slice(self._limits.indptr[column], self._limits.indptr[column + 1])
            for row, amount in zip(self._limits.indices[part], self._limits.data[part], strict=True):
                used[int(row)] = used.get(int(row), 0.0) + float(amount)
        return used


def _greedy(problem: Cover, want: float, *, by_cost: bool) -> NDArray[np.bool_]:
    reach = csc_array(problem.reach)
    worth = problem.weight * problem.value[problem.demand] + EXACT
    chosen, covered = np.zeros(problem.cost.size, dtype=bool), np.zeros(problem.demand.size, dtype=bool)
    room = _Room(problem)

    def rank(action: int) -> float:
        points = reach.indices[reach.indptr[action] : reach.indptr[action + 1]]
        gained = float(worth[points[~covered[points]]].sum())
        return -gained / max(room.cost(action), EXACT) if by_cost else -gained

    heap = [(rank(action), action) for action in range(problem.cost.size)]
    heapq.heapify(heap)
    while heap and problem.value[served_by(problem, chosen)].sum() < want - EXACT:
        _, action = heapq.heappop(heap)
        now = rank(action)
        if now >= 0.0 or not room.fits(action):
            continue
        if heap and now > heap[0][0]:  # what it gained when it was put in is less by now
            heapq.heappush(heap, (now, action))
            continue
        room.take(action)
        chosen[action] = True
        covered[reach.indices[reach.indptr[action] : reach.indptr[action + 1]]] = True
    return chosen


def _finished(
    problem: Cover, chosen: NDArray[np.bool_], demanded: float | None, *, swap: bool, prune: bool = True
) -> Choice:
    want = _demanded(problem, demanded)
    served = served_by(problem, chosen)
    if problem.value[served].sum() < want - EXACT:
        raise NoSolution(
            _(
                "Step by step only {reached} of {wanted} are reached: what was chosen first takes the room of what is "
                "needed later. Ask the program."
            ).format(reached=number(problem.value[served].sum(), 2), wanted=number(want, 2))
        )
    if prune:
        chosen = _without_spare(problem, chosen, want)
    if swap:
        chosen = _swapped(problem, chosen, want)
    served = served_by(problem, chosen)
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    needed = problem.site[chosen]
    sites[needed[needed != NO_SITE]] = True
    return Choice(chosen, sites, served, cost_of(problem, chosen), float(problem.value[served].sum()), None)


def _without_spare(problem: Cover, chosen: NDArray[np.bool_], want: float) -> NDArray[np.bool_]:
    """Drop, dearest first, what the demand is met without."""
    kept = chosen.copy()
    at = np.flatnonzero(chosen)
    for action in at[np.argsort(-problem.cost[at], kind="stable")]:
        kept[action] = False
        if problem.value[served_by(problem, kept)].sum() < want - EXACT:
            kept[action] = True
    return kept


def _swapped(problem: Cover, chosen: NDArray[np.bool_], want: float) -> NDArray[np.bool_]:
    """Replace one action by a cheaper one while that is possible; every round looks at each chosen action once."""
    kept = chosen.copy()
    improved = True
    while improved:
        improved = False
        for action in np.flatnonzero(kept):
            without = kept.copy()
            without[action] = False
            room, before = _Room(problem), cost_of(problem, kept)
            for one in np.flatnonzero(without):
                room.take(int(one))
            lost = served_by(problem, kept) & ~served_by(problem, without)
            points = np.flatnonzero(lost[problem.demand])
            able = np.unique(csr_array(problem.reach)[points].indices)
            for other in able[np.argsort(problem.cost[able], kind="stable")]:
                if kept[other] or problem.cost[other] >= problem.cost[action] + _site_cost(problem, int(action)):
                    continue
                trial = without.copy()
                trial[other] = True
                better = cost_of(problem, trial) < before - EXACT
                if better and room.fits(int(other)) and problem.value[served_by(problem, trial)].sum() >= want - EXACT:
                    kept, improved = trial, True
                    break
    return kept


def _site_cost(problem: Cover, action: int) -> float:
    site = int(problem.site[action])
    return 0.0 if site == NO_SITE else float(problem.site_cost[site])


def _demanded(problem: Cover, demanded: float | None) -> float:
    return float(problem.value.sum()) if demanded is None else min(float(demanded), float(problem.value.sum()))
