"""A program as arrays: what `solver.solve` is given, so that it can be solved again with another aim or demand.

Rows are gathered as (row, column, value) triples, the only way to build a large sparse program in a blink.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array

from covplan.propose.solve.solver import TIME_LIMIT_S, Solution, solve
from covplan.study.errors import NoSolution
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

SLACK = 1e-9  # relative: an optimum is reached again, whatever its rounding


@dataclass(frozen=True)
class Program:
    """Minimise cost · x over the constraints, x between its bounds; some of it whole."""

    cost: NDArray[np.float64]
    constraints: tuple[LinearConstraint, ...]
    whole: NDArray[np.bool_]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]

    def with_cost(self, cost: ArrayLike) -> Program:
        """The same demands, another aim."""
        return replace(self, cost=np.asarray(cost, float))

    def holding(self, row: ArrayLike, *, least: float = -np.inf, most: float = np.inf) -> Program:
        """One more demand: least ≤ row · x ≤ most."""
        one = LinearConstraint(np.atleast_2d(np.asarray(row, float)), lb=least, ub=most)
        return replace(self, constraints=(*self.constraints, one))

    def solved(self, *, gap: float = 0.0, time_limit_s: float = TIME_LIMIT_S) -> Solution:
        """The best solution and its bound; NoSolution when there is none."""
        if self.cost.size == 0 and any((np.asarray(one.lb) > 0).any() for one in self.constraints):
            raise NoSolution(_("No solution: something is demanded and there is nothing to choose from."))
        return solve(
            self.cost,
            self.constraints,
            whole=self.whole,
            lower=self.lower,
            upper=self.upper,
            gap=gap,
            time_limit_s=time_limit_s,
        )

    def then(self, first: Solution, cost: ArrayLike, *, slack_share: float = 0.0) -> Program:
        """The next aim of a lexicographic order: the first one is kept at its best, or within a share of it."""
        most = first.objective + slack_share * abs(first.objective) + SLACK * max(abs(first.objective), 1.0)
        return self.holding(self.cost, most=most).with_cost(cost)


@dataclass
class Rows:
    """Constraint rows being gathered; `constraint` makes one matrix of them."""

    columns: int
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    at: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def add(
        self,
        *terms: tuple[Sequence[int] | NDArray[np.int64], ArrayLike],
        least: float = -np.inf,
        most: float = np.inf,
    ) -> None:
        """One row: terms are (columns, their factors); a column named twice adds up."""
        for at, factors in terms:
            where = np.asarray(at, dtype=np.int64)
            self.at.append(where)
            self.values.append(np.broadcast_to(np.asarray(factors, float), where.shape))
            self.rows.append(np.full(where.size, len(self.least), dtype=np.int64))
        self.least.append(least)
        self.most.append(most)

    def constraint(self) -> tuple[LinearConstraint, ...]:
        """All rows as one constraint; none when there are no rows."""
        if not self.least:
            return ()
        matrix = coo_array(
            (np.concatenate(self.values), (np.concatenate(self.rows), np.concatenate(self.at))),
            shape=(len(self.least), self.columns),
        )
        return (LinearConstraint(matrix.tocsr(), lb=np.array(self.least), ub=np.array(self.most)),)
