"""Covering programs: equal to trying every choice, equal to the published optima, and never worse than habit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from covplan.propose.places_5g.program import most_users
from covplan.propose.solve.baselines import cheapest_first, most_demand_first, nearest_first
from covplan.propose.solve.cover import (
    Cover,
    as_much_as_can_be,
    as_much_as_can_be_in_parts,
    cost_of,
    cover,
    dominated,
    least_cost,
    least_cost_in_parts,
    merged,
    most_value,
    served_by,
    serving,
    unreachable,
)
from covplan.propose.solve.solver import Status
from covplan.study.errors import NoSolution
from covplan.study.settings import Propose
from tests.real_province import REFERENCE

INSTANCES = REFERENCE / "instances"
EXACTLY = Propose(gap=0.0)
RADIUS = 800.0  # of the published maximal covering instances


@st.composite
def problems(draw, *, shares=(1.0,), capacity=False):
    """Up to 6 actions on up to 3 sites, 5 demands of up to 3 points, with a slot limit and a quota now and then."""
    actions, sites, demands = draw(st.integers(1, 6)), draw(st.integers(0, 3)), draw(st.integers(1, 5))
    owner = [d for d in range(demands) for _ in range(draw(st.integers(1, 3)))]
    reach = draw(st.lists(st.lists(st.booleans(), min_size=actions, max_size=actions),
                          min_size=len(owner), max_size=len(owner)))  # fmt: skip
    small = st.integers(0, 9)

    def many(of, count):
        return np.array(draw(st.lists(of, min_size=count, max_size=count)), float)

    limit = st.tuples(*[st.integers(-1, 2)] * actions, *[st.integers(0, 2)] * sites)
    rows = draw(st.lists(limit, max_size=2))
    problem = (
        cover(
            csr_array(np.array(reach, bool)),
            many(small, actions),
            demand=np.array(owner),
            weight=many(st.integers(1, 3), len(owner)),
            share=many(st.sampled_from(shares), demands),
            value=many(st.integers(1, 4), demands),
        )
        .with_sites(many(st.integers(-1, sites - 1), actions).astype(int), many(small, sites))
        .with_limits(
            csr_array(np.array(rows, float).reshape(len(rows), actions + sites)), many(st.integers(0, 4), len(rows))
        )
    )
    if not capacity:
        return problem
    return problem.with_traffic(
        many(st.integers(0, 3), demands),
        many(st.integers(0, 5), actions),
        csr_array(many(st.booleans(), demands * actions).reshape(demands, actions)),
    )


def choices(problem: Cover):
    """Every set of actions that breaks no limit: its cost, its value."""
    for picked in product((False, True), repeat=problem.cost.size):
        actions = np.array(picked)
        sites = np.isin(np.arange(problem.site_cost.size), problem.site[actions])
        if (problem.limits @ np.concatenate([actions, sites]).astype(float) <= problem.most + 1e-9).all():
            yield actions, cost_of(problem, actions), most_served(problem, actions)


def most_served(problem: Cover, actions: np.ndarray) -> float:
    """Largest value of demands that can be covered and carried together, by trying every set of them."""
    covered = served_by(problem, actions)
    if not problem.traffic.size:
        return problem.value[covered].sum()
    carries = problem.carries.toarray().astype(bool)
    best = 0.0
    for picked in product((False, True), repeat=problem.share.size):
        chosen = np.flatnonzero(picked)
        if (
            (covered[chosen]).all()
            and problem.value[chosen].sum() > best
            and carried(problem, carries, chosen, actions)
        ):
            best = problem.value[chosen].sum()
    return best


def carried(problem, carries, demands, actions) -> bool:
    """A flow that gives each demand its whole traffic within the capacities exists."""
    arcs = [(n, a) for n, d in enumerate(demands) for a in np.flatnonzero(actions) if carries[d, a]]
    if not demands.size:
        return True
    if not arcs:
        return False
    whole = np.zeros((demands.size, len(arcs)))
    load = np.zeros((actions.size, len(arcs)))
    for k, (n, a) in enumerate(arcs):
        whole[n, k], load[a, k] = 1.0, problem.traffic[demands[n]]
    found = linprog(np.zeros(len(arcs)), load, problem.capacity, whole, np.ones(demands.size), bounds=(0, 1))
    return found.status == 0


@settings(max_examples=250)
@given(problems(), st.integers(1, 12))
def test_hamlets_at_least_cost_equal_trying_every_choice(problem, demanded):
    demanded = min(float(demanded), problem.value.sum())
    able = [cost for _, cost, value in choices(problem) if value >= demanded - 1e-9]
    if not able:
        with pytest.raises(NoSolution):
            least_cost(problem, demanded)
        return
    found = least_cost(problem, demanded)
    assert found.cost == pytest.approx(min(able))
    assert found.solution.objective == pytest.approx(min(able), abs=1e-6)
    assert found.solution.status is Status.OPTIMAL
    assert problem.value[found.served].sum() >= demanded - 1e-9


@settings(max_examples=250)
@given(problems(shares=(0.5, 0.75, 1.0), capacity=True), st.one_of(st.none(), st.integers(1, 10)))
def test_places_with_traffic_at_least_cost_equal_trying_every_choice(problem, demanded):
    want = problem.value.sum() if demanded is None else min(float(demanded), problem.value.sum())
    able = [cost for _, cost, value in choices(problem) if value >= want - 1e-9]
    if not able:
        with pytest.raises(NoSolution):
            least_cost(problem, demanded)
        return
    found = least_cost(problem, demanded)
    assert found.cost == pytest.approx(min(able))
    assert found.value >= want - 1e-6


@settings(max_examples=200)
@given(problems(shares=(0.5, 1.0), capacity=True), st.integers(0, 20))
def test_most_places_for_a_budget_equal_trying_every_choice_and_cost_no_more_than_needed(problem, budget):
    able = [(value, -cost) for _, cost, value in choices(problem) if cost <= budget]
    if not able:
        with pytest.raises(NoSolution):
            most_value(problem, budget)
        return
    found = most_value(problem, budget)
    assert (found.value, -found.cost) == pytest.approx(max(able))


@settings(max_examples=200)
@given(
    problems(shares=(0.5, 1.0), capacity=True), st.lists(st.integers(0, 9), min_size=6, max_size=6), st.integers(0, 25)
)
def test_most_users_for_what_may_be_built_equal_trying_every_choice(problem, prices, budget):
    """5G under a budget: what is built is paid from it, running it is not, quotas and capacity hold."""
    built = np.array(prices[: problem.cost.size], float)
    tried = [(value, cost) for actions, cost, value in choices(problem) if built[actions].sum() <= budget]
    if not tried:
        with pytest.raises(NoSolution):
            most_users(problem, built, budget, EXACTLY)
        return
    found = most_users(problem, built, budget, EXACTLY)
    most = max(value for value, _ in tried)
    assert found.value >= most - 1e-9
    assert built[found.actions].sum() <= budget + 1e-6
    assert found.cost <= min(cost for value, cost in tried if value >= most - 1e-9) + 1e-6


@settings(max_examples=200)
@given(problems(shares=(0.5, 1.0)))
def test_merged_rows_and_dominated_actions_lose_nothing(problem):
    small = merged(problem)
    assert small.value.sum() == problem.value.sum()
    kept = ~dominated(problem)
    every = list(choices(problem))
    for actions, _, value in every:
        assert small.value[served_by_merged(small, actions)].sum() == value
    best = {value: min(c for _, c, v in every if v >= value) for _, _, value in every}
    without = [(cost, value) for actions, cost, value in every if kept[actions].all()]
    for value, cost in best.items():
        assert min(c for c, v in without if v >= value) == cost


def served_by_merged(small: Cover, actions: np.ndarray) -> np.ndarray:
    """Merged rows of a demand that needs all its points carry no weights: each must be covered."""
    covered = small.reach @ actions.astype(int) > 0
    served = []
    for demand, share in enumerate(small.share):
        own = small.demand == demand
        served.append(covered[own].all() if share >= 1 else small.weight[own & covered].sum() >= share - 1e-9)
    return np.array(served)


@settings(max_examples=100)
@given(problems(), st.integers(1, 12))
def test_habit_never_beats_the_program(problem, demanded):
    demanded = min(float(demanded), problem.value.sum())
    quota = (problem.limits.toarray() < 0).any(axis=1)
    assume(not quota.any())
    away = np.arange(problem.share.size * problem.cost.size, dtype=float).reshape(problem.share.size, -1)
    for habit in (cheapest_first, most_demand_first, lambda p, d: nearest_first(p, away, d)):
        try:
            made = habit(problem, demanded)
        except NoSolution:
            continue
        assert made.value >= demanded - 1e-9
        assert made.cost >= least_cost(problem, demanded).cost - 1e-9
        assert any((made.actions == actions).all() for actions, _, _ in choices(problem))


def test_a_stored_false_is_not_reach():
    reach = csr_array((np.array([True, False, True]), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 2))
    problem = cover(reach, np.array([2.0, 1.0]), demand=np.zeros(2, int))
    found = least_cost(problem)
    assert found.actions.all()
    assert found.served.all()


def test_greedy_can_be_far_from_the_best_and_the_program_is_not():
    reach = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], bool)
    problem = cover(csr_array(reach), np.array([3.1, 3.1, 3.0, 3.0]))
    assert least_cost(problem).cost == pytest.approx(6.0)
    trap = cover(csr_array(np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1]], bool)), np.array([1.0, 1.0, 1.5]))
    assert most_demand_first(trap).cost == pytest.approx(1.5)
    assert unreachable(cover(csr_array(np.array([[1], [0]], bool)), np.ones(1))).tolist() == [1]


@pytest.mark.needs("reference")
@pytest.mark.parametrize("name", ["SJC324.txt", "SJC402.txt", "SJC500.txt"])
def test_public_maximal_covering_instances_reach_their_published_optima(name):
    known = {}
    for line in (INSTANCES / "optima.csv").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"mclp,{name}"):
            known[int(line.split("p=")[1].split()[0])] = float(line.rsplit(",", 1)[1])
    table = [line.split() for line in (INSTANCES / "mclp" / name).read_text().splitlines()[1:] if line.strip()]
    xyw = np.array([[float(cell) for cell in row[:3]] for row in table])
    within = cdist(xyw[:, :2], xyw[:, :2]) <= RADIUS
    problem = cover(csr_array(within), np.ones(len(xyw)), value=xyw[:, 2])
    assert len(known) >= 5
    for masts, optimum in known.items():
        found = most_value(problem, masts, thrifty=False)
        assert found.value == optimum
        assert found.solution.status is Status.OPTIMAL


@settings(max_examples=200)
@given(problems(shares=(0.5, 1.0), capacity=True))
def test_part_by_part_gives_what_the_whole_gives(problem):
    try:
        whole = least_cost(problem)
    except NoSolution:
        with pytest.raises(NoSolution):
            least_cost_in_parts(problem)
        return
    parts = least_cost_in_parts(problem)
    assert parts.cost == pytest.approx(whole.cost)
    assert parts.served.all()
    assert parts.solution.bound == pytest.approx(whole.cost, abs=1e-6)


def best_of(problem):
    """The most that can be served, and what that costs at least, by trying every choice."""
    most, cost = max((value, -cost) for _actions, cost, value in choices(problem))
    return most, -cost


@settings(max_examples=200)
@given(problems(shares=(0.5, 1.0), capacity=True))
def test_as_much_as_can_be_is_the_most_that_any_choice_serves_at_its_least_cost(problem):
    most, cost = best_of(problem)  # to do nothing keeps every limit here
    for found in (as_much_as_can_be(problem), as_much_as_can_be_in_parts(problem)):
        assert found.value == pytest.approx(most)
        assert found.cost == pytest.approx(cost)


@settings(max_examples=200)
@given(problems())
def test_without_the_demands_that_nothing_reaches_the_optimum_is_that_of_the_others(problem):
    reached = np.setdiff1d(np.arange(problem.share.size), unreachable(problem))
    kept = np.isin(np.arange(problem.share.size), reached)
    assume(reached.size)
    small = serving(problem, kept)
    wanted = small.value.sum()
    costs = [cost for _actions, cost, value in choices(problem) if value >= wanted]
    if not costs:
        with pytest.raises(NoSolution):
            least_cost(small)
        return
    assert least_cost(small).cost == pytest.approx(min(costs))
