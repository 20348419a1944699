"""The cheapest extension of fiber: which hamlets and masts it joins, along which roads, and in which order.

The trees are those of `propose.solve.steiner` over the problem of `options.candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from covplan.propose.fiber.options import candidates
from covplan.propose.fiber.order import joining_order
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.propose.solve.steiner import Tree, cheapest_tree, joinable_groups
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.propose.fiber.options import Candidates, Case
    from covplan.propose.fiber.order import Step
    from covplan.study.settings import Level

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Extension:
    """A tree, the order in which its groups are joined, and what it is worth."""

    candidates: Candidates
    tree: Tree
    steps: tuple[Step, ...]

    @property
    def edges(self) -> Ints:
        """Graph edges that get new cable."""
        found = [step.edges for step in self.steps]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def cost_vnd(self, level: Level = "base") -> float:
        """Everything up to homes passed; drops and home equipment are not in it."""
        return sum(step.cost_vnd[level] for step in self.steps)

    @property
    def hamlets(self) -> int:
        """How many it joins."""
        return sum(not self.candidates.is_site[step.group] for step in self.steps)


@dataclass(frozen=True)
class Phase:
    """An extension that reaches a target by its year; what earlier phases built it has."""

    extension: Extension
    year: int
    target_pct: float | None
    """Of the hamlets; None where a budget is spent instead."""
    short: int
    """Hamlets that the target asks for and cannot be joined."""
    years: tuple[int, ...]
    """Of each step."""


def extend(
    found: Candidates,
    *,
    hamlets: int = 0,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Extension:
    """The cheapest extension that joins so many hamlets more, or the one with most households for the money.

    Sites that must be joined are, in either form; without a budget others are where that is cheaper than what it costs
    to leave them out.
    """
    problem = found.problem
    if budget_vnd is not None:
        problem = replace(problem, weight=found.households.astype(np.float64))
        tree = cheapest_tree(problem, budget=budget_vnd, gap=gap, time_limit_s=time_limit_s)
    else:
        quota = float(hamlets + (found.built & ~found.is_site).sum())
        penalty = found.worth_vnd if found.worth_vnd.any() else None
        tree = cheapest_tree(problem, quota=quota, penalty=penalty, gap=gap, time_limit_s=time_limit_s)
    return Extension(found, tree, tuple(joining_order(found, tree)))


def extend_as_far_as_can_be(
    found: Candidates, *, hamlets: int, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S
) -> Extension:
    """`extend`; where ports do not suffice for so many hamlets, the cheapest extension that joins most.

    One that was accepted stays out only where nothing else is left.

    Raises
    ------
    NoSolution
        A site that must be joined cannot be.
    """
    everything = float(found.problem.cost.sum() + found.problem.own_cost.sum()) + 1.0
    penalty = found.worth_vnd if found.worth_vnd.any() else None
    try:
        return extend(found, hamlets=hamlets, gap=gap, time_limit_s=time_limit_s)
    except NoSolution as error:
        reason = error
    for must in (found.problem.must, found.problem.must & (found.is_site | found.built)):
        problem = replace(found.problem, must=must)
        try:
            most = cheapest_tree(problem, budget=everything, gap=gap, time_limit_s=time_limit_s)
        except NoSolution:
            continue
        try:
            tree = cheapest_tree(problem, quota=most.weight, penalty=penalty, gap=gap, time_limit_s=time_limit_s)
        except NoSolution:  # not again in that time: the one that was found
            tree = most
        return Extension(found, tree, tuple(joining_order(found, tree)))
    raise reason


def extend_in_phases(
    case: Case,
    targets: Sequence[tuple[int, float]],
    years: Sequence[int],
    *,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> list[Phase]:
    """Reach each target share of hamlets by its year at least cost, one phase after the other; or spend one budget.

    Where a target asks for more than routes and ports can reach, all that can be reached are joined, and `short` says
    how many are missing.

    Parameters
    ----------
    targets : sequence of (year, per cent)
        Rising; what one phase builds the next one has. Ignored when there is a budget.
    years : sequence of int
        Years in which something can be built; a phase has those after the one before it.
    """
    found, phases = candidates(case), list[Phase]()
    joined, since = 0, min([*years, targets[0][0]] if targets else years) - 1
    steps = [(max(years), None)] if budget_vnd is not None else [(year, pct) for year, pct in targets]
    for year, pct in steps:
        missing = 0 if pct is None else max(0, hamlets_missing(case.reach, pct) - joined)
        able = joinable_groups(found.problem) & ~found.built & ~found.is_site
        accepted = np.isin(found.id, list(case.accepted)) & able
        wanted = max(min(missing, int(able.sum())), int(accepted.sum()))
        extension = (
            extend_as_far_as_can_be(found, hamlets=wanted, gap=gap, time_limit_s=time_limit_s)
            if budget_vnd is None
            else extend(found, budget_vnd=budget_vnd, gap=gap, time_limit_s=time_limit_s)
        )
        year_of = by_years(extension, [one for one in years if since < one <= year] or [year])
        phases.append(Phase(extension, year, pct, max(missing - extension.hamlets, 0), tuple(year_of)))
        joined, since, found = joined + extension.hamlets, year, after_phase(found, extension)
    return phases


def after_phase(found: Candidates, built: Extension) -> Candidates:
    """The candidates once an extension is built: its cable, its entries and its groups cost nothing more."""
    problem = found.problem
    joined = {built.candidates.id[step.group] for step in built.steps}
    again = np.array([one in joined for one in found.id], np.bool_)
    cost = problem.cost.copy()
    cost[built.tree.edges] = 0.0
    own = {level: np.where(again, 0.0, money) for level, money in found.own_vnd.items()}
    route = {level: money.copy() for level, money in found.route_vnd.items()}
    for money in route.values():
        money[built.edges] = 0.0
    laid_by, by_edge = found.laid_by.copy(), np.full(int(found.edge.max(initial=0)) + 1, -1)
    for number, step in enumerate(built.steps):
        by_edge[step.edges] = built.candidates.steps_before + number
    new = (found.edge >= 0) & built.tree.edges
    laid_by[new] = np.where(by_edge[found.edge[new]] >= 0, by_edge[found.edge[new]], laid_by[new])
    return replace(
        found,
        problem=replace(problem, cost=cost, own_cost=own["base"], must=problem.must | again),
        own_vnd=own,
        route_vnd=route,
        built=found.built | again,
        laid_by=laid_by,
        steps_before=found.steps_before + len(built.steps),
    )


def hamlets_missing(reach: gpd.GeoDataFrame, target_pct: float) -> int:
    """Hamlets to join, of those whose state is known, until the target share is reached."""
    known = int(reach["ftth"].notna().sum())
    return max(0, int(np.ceil(target_pct * known / 100 - 1e-9)) - int(reach["ftth"].fillna(value=False).sum()))


def by_years(extension: Extension, years: Sequence[int]) -> list[int]:
    """Year of each step: in the order of joining, each year about the same share of the money."""
    money = np.cumsum([step.cost_vnd["base"] for step in extension.steps])
    if not len(money):
        return []
    share = (money - np.diff(money, prepend=0.0) / 2) / max(float(money[-1]), 1e-9)
    return [int(years[min(int(one * len(years)), len(years) - 1)]) for one in share]
