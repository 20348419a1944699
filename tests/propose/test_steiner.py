"""Trees: equal to trying every one on small graphs, in every form, and to the published optima of public instances."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covplan.propose.solve.solver import Status
from covplan.propose.solve.steiner import (
    Problem,
    broken_limits,
    cheapest_tree,
    dual_ascent,
    prize_problem,
    reduced,
    steiner_problem,
)
from covplan.study.errors import NoSolution
from tests.instances import INSTANCES, optima, paths, read_stp

NODES = 6
PAIRS = [(a, b) for a in range(NODES) for b in range(a + 1, NODES)]


@st.composite
def problems(draw: st.DrawFn, *, limited: bool = False) -> Problem:
    """Connected graph of six nodes and up to ten edges; root 0, three groups of one or two terminals."""
    parents = [draw(st.integers(0, node - 1)) for node in range(1, NODES)]
    edges = {(parent, node) for node, parent in enumerate(parents, 1)}
    edges |= set(draw(st.lists(st.sampled_from(PAIRS), max_size=5)))
    tail, head = (np.array(ends) for ends in zip(*sorted(edges), strict=True))
    number = tail.size
    costs = draw(st.lists(st.integers(1, 9), min_size=number, max_size=number))
    spots = [draw(st.lists(st.integers(1, NODES - 1), min_size=1, max_size=2, unique=True)) for _ in range(3)]
    group = np.repeat(np.arange(3), [len(one) for one in spots])
    problem = Problem(
        NODES, 0, tail, head, np.array(costs, float), np.concatenate(spots), group,
        np.array(draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)), float),
        np.zeros(3, bool), np.array(draw(st.lists(st.integers(1, 4), min_size=3, max_size=3)), float),
    )  # fmt: skip
    if not limited:
        return problem
    sources = np.where(tail == 0, np.arange(number) % 2, -1)
    return replace(
        problem,
        length=np.array(draw(st.lists(st.integers(1, 5), min_size=number, max_size=number)), float),
        longest=np.array(draw(st.lists(st.integers(3, 12), min_size=3, max_size=3)), float),
        source=sources,
        capacity=np.array(draw(st.lists(st.integers(0, 4), min_size=2, max_size=2)), float),
        demand=np.array(draw(st.lists(st.integers(1, 3), min_size=3, max_size=3)), float),
    )


def every_tree(problem: Problem):
    """Each set of edges that is a tree with the root in it, and each choice of the groups it can join."""
    for chosen in product((False, True), repeat=problem.tail.size):
        edges = np.array(chosen)
        parent = _rooted(problem, edges)
        if parent is None:
            continue
        reached = [set(problem.terminal[problem.group == g]) <= set(parent) for g in range(problem.groups)]
        for joined in product(*[(False, True) if one else (False,) for one in reached]):
            if _within_limits(problem, parent, np.array(joined)):
                yield edges, np.array(joined)


def _rooted(problem: Problem, edges):
    """Edge towards the root of every node of the tree; None when the edges are none."""
    parent: dict[int, int | None] = {problem.root: None}
    left = set(np.flatnonzero(edges).tolist())
    while True:
        next_one = next((e for e in left if (problem.tail[e] in parent) or (problem.head[e] in parent)), None)
        if next_one is None:
            return parent if not left else None
        a, b = int(problem.tail[next_one]), int(problem.head[next_one])
        if a in parent and b in parent:
            return None
        parent[b if a in parent else a] = next_one
        left.discard(next_one)


def _within_limits(problem: Problem, parent, joined) -> bool:
    if problem.longest is None:
        return True
    load = np.zeros(problem.capacity.size)
    seen = set()
    for terminal, group in zip(problem.terminal, problem.group, strict=True):
        node, metres, source = int(terminal), 0.0, -1
        while parent[node] is not None if node in parent else False:
            edge = parent[node]
            metres += problem.length[edge]
            source = problem.source[edge]
            node = int(problem.tail[edge] if problem.head[edge] == node else problem.head[edge])
        if joined[group]:
            if metres > problem.longest[group]:
                return False
            if group not in seen:
                load[source] += problem.demand[group]
            seen.add(group)
    return bool((load <= problem.capacity).all())


def cost_of(problem: Problem, edges, joined) -> float:
    return float(problem.cost @ edges + problem.own_cost @ joined)


@settings(max_examples=40)
@given(problems(), st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_prizes_and_costs_equal_trying_every_tree(problem: Problem, prizes: list[int]) -> None:
    penalty = np.array(prizes, float)
    best = min(cost_of(problem, edges, joined) + penalty @ ~joined for edges, joined in every_tree(problem))
    found = cheapest_tree(problem, penalty=penalty)
    assert found.objective == pytest.approx(best)
    assert (found.status, found.gap) == (Status.OPTIMAL, 0)
    assert found.bound <= found.objective + 1e-6


@settings(max_examples=40)
@given(problems(limited=True), st.integers(1, 8))
def test_a_quota_within_capacities_and_lengths_equals_trying_every_tree(problem: Problem, quota: int) -> None:
    allowed = [
        cost_of(problem, edges, joined)
        for edges, joined in every_tree(problem)
        if problem.weight @ joined >= quota
    ]  # fmt: skip
    if not allowed:
        with pytest.raises(NoSolution):
            cheapest_tree(problem, quota=quota)
        return
    found = cheapest_tree(problem, quota=quota)
    assert found.objective == pytest.approx(min(allowed))
    assert found.status is Status.OPTIMAL
    assert broken_limits(problem, found.edges, found.joined) == []
    parent = _rooted(problem, found.edges)
    assert parent is not None
    assert _within_limits(problem, parent, found.joined)


@settings(max_examples=40)
@given(problems(), st.integers(0, 25))
def test_a_budget_buys_the_most_and_no_more_than_that_needs(problem: Problem, budget: int) -> None:
    choices = [(problem.weight @ joined, cost_of(problem, edges, joined)) for edges, joined in every_tree(problem)]
    most = max(weight for weight, cost in choices if cost <= budget)
    least = min(cost for weight, cost in choices if weight >= most)
    found = cheapest_tree(problem, budget=budget)
    assert found.objective == found.bound == most
    assert found.cost == pytest.approx(least)


@settings(max_examples=60)
@given(problems(), st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_reductions_and_the_dual_ascent_never_pass_the_optimum(problem: Problem, prizes: list[int]) -> None:
    plain = replace(problem, own_cost=np.zeros(3))
    penalty = np.array(prizes, float)
    small, members = reduced(plain)
    trees = [cost_of(plain, edges, joined) + penalty @ ~joined for edges, joined in every_tree(plain)]
    after = [cost_of(small, edges, joined) + penalty @ ~joined for edges, joined in every_tree(small)]
    assert min(after) == pytest.approx(min(trees))
    assert all(
        plain.cost[stands].sum() == pytest.approx(cost) for stands, cost in zip(members, small.cost, strict=True)
    )
    assert dual_ascent(plain, penalty).bound <= min(trees) + 1e-9


def test_two_hamlets_share_a_trench_that_neither_would_pay_alone() -> None:
    #  0 --5-- 1 --1-- 2,  1 --1-- 3
    tail, head, cost = np.array([0, 1, 1]), np.array([1, 2, 3]), np.array([5.0, 1, 1])
    problem = Problem(
        4, 0, tail, head, cost, np.array([2, 3]), np.arange(2), np.zeros(2), np.zeros(2, bool), np.ones(2)
    )
    alone = cheapest_tree(problem, penalty=np.array([4.0, 0.0]))
    both = cheapest_tree(problem, penalty=np.array([4.0, 4.0]))
    assert (alone.objective, alone.joined.tolist()) == (4, [False, False])
    assert (both.objective, both.joined.tolist(), both.edges.tolist()) == (7, [True, True], [True, True, True])


def test_what_cannot_be_joined_is_counted() -> None:
    problem = Problem(
        4, 0, np.array([0]), np.array([1]), np.ones(1), np.array([1, 3]), np.arange(2), np.zeros(2), np.zeros(2, bool),
        np.ones(2),
    )  # fmt: skip
    with pytest.raises(NoSolution, match="Yêu cầu nối 2, nhiều nhất nối được 1: thiếu 1"):
        cheapest_tree(problem, quota=2)
    with pytest.raises(NoSolution, match="Không có tuyến nào đến được 1 điểm"):
        cheapest_tree(replace(problem, must=np.array([False, True])))


@pytest.mark.needs("reference")
@pytest.mark.parametrize("path", paths("steinlib"), ids=lambda path: path.stem)
def test_steinlib_b_is_solved_to_the_published_optimum(path) -> None:
    one = read_stp(path)
    found = cheapest_tree(steiner_problem(one.tail, one.head, one.cost, one.nodes, one.terminals))
    assert found.objective == optima("steinlib")[path.name]
    assert found.status is Status.OPTIMAL
    assert one.cost[found.edges].sum() == found.objective


@pytest.mark.needs("reference")
@pytest.mark.parametrize(
    ("track", "name"), [("Track1", "instance001.gr"), ("Track1", "instance008.gr"), ("Track2", "instance001.gr")]
)
def test_pace_instances_are_solved_to_the_published_optimum(track: str, name: str) -> None:
    one = read_stp(INSTANCES / "pace2018" / track / name)
    found = cheapest_tree(steiner_problem(one.tail, one.head, one.cost, one.nodes, one.terminals))
    assert (found.objective, found.status) == (optima(track)[name], Status.OPTIMAL)


@pytest.mark.needs("reference")
def test_stopped_early_the_gap_holds_the_published_optimum() -> None:
    one = read_stp(INSTANCES / "pace2018" / "Track1" / "instance036.gr")
    found = cheapest_tree(steiner_problem(one.tail, one.head, one.cost, one.nodes, one.terminals), time_limit_s=3)
    assert found.bound <= optima("Track1")["instance036.gr"] <= found.objective
    assert found.gap == pytest.approx((found.objective - found.bound) / found.objective)
    assert (found.status is Status.OPTIMAL) == (found.gap == 0)  # a fast machine may be done


@pytest.mark.needs("reference")
def test_a_prize_collecting_instance_is_solved_to_the_published_optimum() -> None:
    one = read_stp(INSTANCES / "pcstp" / "D15-A.stp")
    problem, penalty = prize_problem(one.tail, one.head, one.cost, one.nodes, one.prizes)
    found = cheapest_tree(problem, penalty=penalty, one_entry=True)
    assert (found.objective, found.status) == (optima("pcstp")["D15-A.stp"], Status.OPTIMAL)
