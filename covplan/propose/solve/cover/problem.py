"""The covering problem: who can serve whom, at what cost, within which limits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.solver import Solution

EXACT = 1e-9
NO_SITE = -1


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


def served_by(problem: Cover, actions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Demands that have the share of their points covered; capacity is not looked at."""
    covered = problem.reach @ actions.astype(np.int32) > 0
    total = np.bincount(problem.demand, problem.weight * covered, minlength=problem.share.size)
    served: NDArray[np.bool_] = total >= problem.share - EXACT
    return served


def cost_of(problem: Cover, actions: NDArray[np.bool_]) -> float:
    """Cost of some actions and of the sites they need."""
    return float(problem.cost[actions].sum() + problem.site_cost[sites_of(problem, actions)].sum())


def unreachable(problem: Cover) -> NDArray[np.int64]:
    """Demands that no choice can serve, whatever it costs."""
    return np.flatnonzero(~served_by(problem, np.ones(problem.cost.size, dtype=bool)))


def sites_of(problem: Cover, actions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Sites that some actions need."""
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    needed = problem.site[actions]
    sites[needed[needed != NO_SITE]] = True
    return sites


def serving(problem: Cover, demands: NDArray[np.bool_]) -> Cover:
    """The problem of some of its demands; every action, site and limit stays."""
    kept = demands[problem.demand]
    return dataclasses.replace(
        problem,
        reach=csr_array(problem.reach[kept]),
        demand=(np.cumsum(demands) - 1)[problem.demand[kept]],
        weight=problem.weight[kept],
        share=problem.share[demands],
        value=problem.value[demands],
        traffic=problem.traffic[demands] if problem.traffic.size else problem.traffic,
        carries=csr_array(problem.carries[demands]) if problem.traffic.size else problem.carries,
    )


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


def stacked(rows: list[csr_array], most: list[float], columns: int) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of limits as one matrix and its right-hand side."""
    return (csr_array(vstack(rows)) if rows else csr_array((0, columns))), np.array(most, dtype=np.float64)
