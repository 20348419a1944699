"""Years without budgets: what a target asks for when it asks for it, the rest in even shares of the money."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from covplan.propose.programme.program import GAP, least_spending, lowered, out_of_reach, phase
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.propose.programme.program import Indicator, Phased, Projects
    from covplan.study.settings import Phases

LAST_YEAR = 2030  # of the plan's targets; what years come after it have nothing left to do


def spread(
    projects: Projects,
    indicators: Sequence[Indicator],
    phases: Phases,
    *,
    lower_targets: bool = False,
    gap: float = GAP,
    time_limit_s: float = TIME_LIMIT_S,
) -> Phased:
    """Every project with its year, where nobody set budgets: as `program.phase` under those of `even_budgets`."""
    asked = partial(phase, projects, indicators, lower_targets=lower_targets, gap=gap, time_limit_s=time_limit_s)
    reachable = lowered(indicators, out_of_reach(projects, indicators, phases)) if lower_targets else indicators
    try:
        spent_vnd = least_spending(projects, reachable, phases, gap=gap, time_limit_s=time_limit_s)
    except NoSolution:  # what the requirements contradict is for the program without limits to say
        return asked(phases)
    whole_vnd = float(projects.cost_vnd.sum())
    budgets = {"budget_vnd": even_budgets(spent_vnd, whole_vnd, phases.years), "keep_unspent": True}
    within = phases.model_copy(update=budgets)
    try:
        return asked(within, all_done=True)
    except NoSolution:  # all of it together would miss a target that a part of it reaches
        return asked(within)


def even_budgets(
    spent_vnd: NDArray[np.float64], whole_vnd: float, years: Sequence[int], last: int = LAST_YEAR
) -> tuple[float, ...]:
    """Budgets, VND: in the first year what is asked for in it, then even shares until the last; more where it must be.

    Parameters
    ----------
    spent_vnd : ndarray
        By the end of each year, if nothing is done before it is asked for (`program.least_spending`).
    whole_vnd : float
        Of everything.

    >>> even_budgets(np.array([10.0, 10.0, 25.0, 40.0]), 40.0, (2025, 2026, 2027, 2028))
    (10.0, 10.0, 10.0, 10.0)
    >>> even_budgets(np.array([10.0, 35.0, 40.0]), 40.0, (2025, 2026, 2032))
    (10.0, 30.0, 0.0)
    """
    until = sum(year <= last for year in years) or len(years)
    part = np.minimum(np.arange(len(years)) / (until - 1), 1.0) if until > 1 else np.ones(len(years))
    by_then = np.maximum(spent_vnd, spent_vnd[0] + part * (whole_vnd - spent_vnd[0]))
    return tuple(float(one) for one in np.diff(by_then, prepend=0.0))
