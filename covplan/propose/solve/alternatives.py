"""How firm a plan is: other plans almost as good, the plan under other costs and signals, and what each rule costs.

Nothing here knows what is planned: a program, or a function from a scenario to what it chooses, is all that is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.study.errors import NoSolution
from covplan.study.settings import LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.propose.solve.program import Program
    from covplan.propose.solve.solver import Solution

NO_REGRET = 0.9
"""Chosen in this share of the scenarios, a proposal is right whatever comes."""


@dataclass(frozen=True)
class Scenario:
    """One way things may be: the level of all costs, and how much stronger signals are than computed."""

    level: Level = "base"
    shift_db: float = 0.0

    def __str__(self) -> str:
        return f"{self.level} {self.shift_db:+g} dB"


SCENARIOS = tuple(Scenario(level, shift_db) for level, shift_db in product(LEVELS, (-3.0, 0.0, 3.0)))


def near_optimal(
    program: Program,
    best: Solution,
    choices: NDArray[np.int64],
    *,
    slack_share: float = 0.05,
    count: int = 10,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> NDArray[np.bool_]:
    """Plans within a share of the optimum that differ as much as can be (modelling to generate alternatives).

    Hop, skip, jump (Brill, Chang and Hopkins 1982): choices made so far are made as seldom as possible, each weighed by
    how often it was made, until no new plan comes or there are enough::

        minimise     Σ_j times_j x_j
        subject to   the program's constraints,  cost · x ≤ best + slack_share |best|
                     Σ_{j ∈ P} x_j ≤ |P| − 1   for every plan P so far: something of it is not done

    Parameters
    ----------
    choices : ndarray of int
        The variables a plan consists of.

    Returns
    -------
    ndarray of bool, shape (plans, choices)
        The optimum first; none holds all that an earlier one holds.
    """
    plans = [np.asarray(best.values)[choices] > 0.5]
    within = program.then(best, program.cost, slack_share=slack_share)
    while len(plans) < count and plans[-1].any():
        held = np.zeros(program.cost.size)
        held[choices[plans[-1]]] = 1.0
        aim = np.zeros(program.cost.size)
        aim[choices] = np.sum(plans, axis=0)
        within = within.holding(held, most=held.sum() - 1.0).with_cost(aim)
        try:
            other = within.solved(gap=gap, time_limit_s=time_limit_s)
        except NoSolution:
            break
        plans.append(np.asarray(other.values)[choices] > 0.5)
    return np.array(plans)


def chosen_under(plan: Callable[[Scenario], Iterable[str]], scenarios: Sequence[Scenario] = SCENARIOS) -> pd.DataFrame:
    """What is chosen in which scenario: a row per thing ever chosen, a column per scenario, true or false.

    A scenario without a solution chooses nothing; it stands in the columns like the others.
    """
    found: dict[str, set[str]] = {}
    for scenario in scenarios:
        try:
            found[str(scenario)] = set(plan(scenario))
        except NoSolution:
            found[str(scenario)] = set()
    things = sorted(set().union(*found.values()))
    return pd.DataFrame({name: [one in chosen for one in things] for name, chosen in found.items()}, index=things)


def frequency(chosen: pd.DataFrame) -> pd.Series:
    """Share of the scenarios in which each thing is chosen, 0…1."""
    return chosen.mean(axis=1).rename("confidence")


def no_regret(chosen: pd.DataFrame, least: float = NO_REGRET) -> list[str]:
    """What is chosen in at least this share of the scenarios. Not used by a command yet."""
    often = frequency(chosen)
    return [str(one) for one in often.index[often >= least]]


def price_of_rules(cost: Callable[[str | None], float], rules: Mapping[str, str]) -> pd.DataFrame:
    """What each rule costs: the best plan with all rules beside the best plan without that one.

    Parameters
    ----------
    cost : callable
        Cost of the best plan, VND, without the rule of that name; None: with all of them.
    rules : mapping
        What each rule asks for, by its name.

    Returns
    -------
    DataFrame
        rule, meaning, cost_vnd (without it), price_vnd (what it costs; NaN where there is no plan with all rules).
    """
    try:
        with_all = cost(None)
    except NoSolution:
        with_all = np.nan
    rows = []
    for name, meaning in rules.items():
        without = cost(name)
        rows.append({"rule": name, "meaning": meaning, "cost_vnd": without, "price_vnd": with_all - without})
    return pd.DataFrame(rows, columns=["rule", "meaning", "cost_vnd", "price_vnd"])
