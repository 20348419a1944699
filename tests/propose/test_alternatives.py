"""Alternatives: different plans within the slack, how often a thing is chosen, and what a rule costs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint

from covplan.propose.solve.alternatives import (
    SCENARIOS,
    Scenario,
    chosen_under,
    frequency,
    near_optimal,
    no_regret,
    price_of_rules,
)
from covplan.propose.solve.program import Program
from covplan.study.errors import NoSolution


def set_cover(cost, reach):
    whole = np.ones(len(cost), dtype=bool)
    demand = (LinearConstraint(np.asarray(reach, float), lb=1),)
    return Program(np.asarray(cost, float), demand, whole, np.ones(len(cost)), np.zeros(len(cost)))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5]))
def test_alternatives_are_different_plans_within_the_slack(seed, slack):
    chance = np.random.default_rng(seed)
    cost, reach = chance.integers(2, 9, 6), chance.random((4, 6)) < 0.4
    reach[np.arange(4), chance.integers(0, 6, 4)] = True
    program = set_cover(cost, reach)
    best = program.solved()
    plans = near_optimal(program, best, np.arange(6), slack_share=slack, count=8)
    assert len({plan.tobytes() for plan in plans}) == len(plans)
    assert all((reach @ plan >= 1).all() for plan in plans.astype(int))
    assert (plans @ cost <= best.objective * (1 + slack) + 1e-6).all()
    good = [np.array(c) for c in product((0, 1), repeat=6) if (reach @ c >= 1).all()]
    good = [c for c in good if c @ cost <= best.objective * (1 + slack) and not (c[plans[0]] == 1).all()]
    assert bool(good) == (len(plans) > 1), "a plan that leaves out something of the best is found when there is one"


def test_what_is_chosen_in_every_scenario_is_without_regret():
    def plan(scenario: Scenario) -> list[str]:
        if scenario.shift_db < 0 and scenario.level == "high":
            raise NoSolution("dear and weak")
        return ["always", "cheap"] if scenario.level == "low" else ["always"]

    chosen = chosen_under(plan)
    assert chosen.shape == (2, len(SCENARIOS))
    assert frequency(chosen).to_dict() == {"always": pytest.approx(8 / 9), "cheap": pytest.approx(3 / 9)}
    assert no_regret(chosen) == []
    assert no_regret(chosen, 0.8) == ["always"]


def test_the_price_of_a_rule_is_what_the_plan_costs_more_with_it():
    def cost(without: str | None) -> float:
        return {None: 10.0, "quota": 4.0, "zone": 10.0}[without]

    prices = price_of_rules(cost, {"quota": "16 %", "zone": "A1"})
    assert prices["price_vnd"].tolist() == [6, 0]
