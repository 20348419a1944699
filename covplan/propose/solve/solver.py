"""The one door to the solver: HiGHS through `scipy.optimize.milp`. Value, bound, gap and status come together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from covplan.propose.solve.quiet import without_noise
from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

TIME_LIMIT_S = 300.0
INTEGRAL = 1e-6
"""How far from a whole number HiGHS may leave a whole variable (its mip_feasibility_tolerance)."""


class Status(StrEnum):
    """What is known of a solution."""

    OPTIMAL = "optimal"
    """Proven: no other solution is better by more than the tolerance."""
    FEASIBLE = "feasible"
    """Good, and the gap says how far from the best it can be at most."""


@dataclass(frozen=True)
class Solution:
    """A solution, and what it is worth."""

    values: NDArray[np.float64]
    """One per variable; whole ones are exactly whole."""
    objective: float
    bound: float
    """No solution is better than this."""
    gap: float
    """|objective − bound| over |objective|; 0 when proven."""
    status: Status
    seconds: float
    nodes: int


def solve(
    cost: ArrayLike,
    constraints: Sequence[LinearConstraint] | LinearConstraint = (),
    *,
    whole: ArrayLike = True,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = 1.0,
    maximise: bool = False,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Solution:
    """Minimise (or maximise) cost · x over the constraints.

    Parameters
    ----------
    cost : array_like, shape (variables,)
    constraints : LinearConstraint or sequence of it
        Of matrices with a column per variable, sparse ones welcome.
    whole : array_like of bool
        Which variables must be whole numbers; one value stands for all.
    lower, upper : array_like
        Bounds of the variables; by default 0 and 1.
    gap : float
        Relative gap at which to stop.
    time_limit_s : float
        After this the best solution found so far is returned, with its gap.

    Raises
    ------
    NoSolution
        There is none, or none was found in time: the message says which of the two.
    """
    sign = -1.0 if maximise else 1.0
    weights = sign * np.asarray(cost, dtype=np.float64)
    if weights.size == 0:
        return Solution(weights, 0.0, 0.0, 0.0, Status.OPTIMAL, 0.0, 0)
    integrality = np.broadcast_to(np.asarray(whole, dtype=np.int8), weights.shape)
    start = time.perf_counter()
    with without_noise():
        found: Any = milp(
            weights,
            integrality=integrality,
            bounds=Bounds(np.broadcast_to(lower, weights.shape), np.broadcast_to(upper, weights.shape)),
            constraints=constraints,
            options={"time_limit": time_limit_s, "mip_rel_gap": gap},
        )
    seconds = time.perf_counter() - start
    if found.x is None:
        raise NoSolution(_why_none(int(found.status), str(found.message), time_limit_s))
    values = np.where(integrality == 1, np.round(found.x), found.x)
    objective = float(weights @ values)
    mixed = bool(integrality.any())
    bound = float(found.mip_dual_bound) if mixed and found.mip_dual_bound is not None else objective
    apart = max(objective - bound, 0.0)
    relative = apart / max(abs(objective), 1e-9) if apart > 1e-9 else 0.0
    proven = found.status == 0 and relative <= max(gap, INTEGRAL)
    return Solution(
        values,
        sign * objective,
        sign * min(bound, objective),
        0.0 if proven and relative <= INTEGRAL else relative,
        Status.OPTIMAL if proven and relative <= INTEGRAL else Status.FEASIBLE,
        seconds,
        int(found.mip_node_count or 0) if mixed else 0,
    )


def _why_none(status: int, message: str, time_limit_s: float) -> str:
    """What a status of `milp` says when there is no solution."""
    if status == 1:
        text = _("No solution: none was found in {seconds} s; allow more time or ask for less.")
        return text.format(seconds=number(time_limit_s, 1))
    if status == 2:
        return _("No solution: the requirements contradict each other.")
    if status == 3:
        return _("No solution: the objective has no limit; a cost is missing.")
    if status == 4:
        return _("No solution: the requirements contradict each other, or a cost is missing.")
    return _("No solution: {reason}").format(reason=message)
