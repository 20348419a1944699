"""The sharing program: equal to trying every set of moves, and an impossible demand says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from covplan.propose.sharing.attainable import attainable
from covplan.propose.sharing.program import Demand, Moves, Stock, lost_and_won, share
from covplan.propose.solve.solver import Status
from covplan.study.codes import NOBODY
from covplan.study.errors import NoSolution


@st.composite
def small_markets(draw):
    """Up to five locations, three operators, six hamlets and eight moves."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    locations, operators, hamlets = chance.integers(2, 6), chance.integers(2, 4), chance.integers(1, 7)
    there = [(n, k) for n in range(locations) for k in range(operators) if chance.random() < 0.4 or k == n % operators]
    room = chance.integers(0, 3, locations)
    stock = Stock(
        tuple("ABC"[:operators]),
        np.array([n for n, _ in there]),
        np.array([k for _, k in there]),
        csr_array((chance.random((len(there), hamlets)) < 0.4).astype(float)),
        room,
        chance.random(locations) < 0.7,
        chance.integers(1, 9, locations).astype(float),
        chance.integers(5, 40, locations).astype(float),
    )
    possible = [
        (t, k, host, section)
        for host in range(locations)
        for section in range(room[host])
        for k in range(operators)
        if (host, k) not in there
        for t in [NOBODY, *(n for n, (at, who) in enumerate(there) if who == k and at != host)]
    ]
    chosen = [possible[n] for n in chance.permutation(len(possible))[:8]]
    columns = np.array(chosen, dtype=int).reshape(-1, 4).T
    moves = Moves(
        *columns,
        csr_array((chance.random((len(chosen), hamlets)) < 0.5).astype(float).reshape(len(chosen), hamlets)),
        chance.integers(1, 20, len(chosen)).astype(float),
        chance.integers(0, 6, len(chosen)).astype(float),
    )
    demand = Demand(
        draw(st.sampled_from([0.0, 0.16, 0.4, 0.5, 0.8])),
        tuple(chance.integers(0, 3, operators)),
        tuple(chance.choice([0, 0, 0, 1, 2], operators)),
    )
    return stock, moves, demand


def every_plan(stock, moves, demand):
    """Outlay and present cost of every set of moves that holds to the demand, by the words of the issue."""
    count = moves.host.size
    today = {(int(n), int(k)) for n, k in zip(stock.location, stock.operator, strict=True)}
    reach, gained = stock.reach.toarray() > 0, moves.reach.toarray() > 0
    covered = {(int(k), i) for t, k in enumerate(stock.operator) for i in np.flatnonzero(reach[t])}
    for chosen in chain.from_iterable(combinations(range(count), r) for r in range(count + 1)):
        left = [int(moves.tenancy[m]) for m in chosen if moves.tenancy[m] != NOBODY]
        joined = [(int(moves.host[m]), int(moves.operator[m])) for m in chosen]
        after = (today - {(int(stock.location[t]), int(stock.operator[t])) for t in left}) | set(joined)
        emptied = {int(stock.location[t]) for t in left}
        hosts = {n for n, _ in joined}
        if len(set(left)) < len(left) or len(set(joined)) < len(joined) or emptied & hosts:
            continue
        if any(n in emptied for n, _ in after) or not all(stock.may_go[n] for n in emptied):
            continue
        sections = {n: sorted(int(moves.section[m]) for m in chosen if moves.host[m] == n) for n in hosts}
        if any(taken != list(range(len(taken))) or len(taken) > stock.rooms[n] for n, taken in sections.items()):
            continue
        there = {n for n, _ in after}
        shared = sum(len({k for at, k in after if at == n}) > 1 for n in there)
        if shared < demand.shared_share * len(there) - 1e-9:
            continue
        stays = [t for t in range(stock.location.size) if stock.location[t] not in emptied]
        then = {(int(stock.operator[t]), i) for t in stays for i in np.flatnonzero(reach[t])}
        then |= {(int(moves.operator[m]), i) for m in chosen for i in np.flatnonzero(gained[m])}
        lost, won = covered - then, then - covered
        operators = range(len(stock.operators))
        if any(sum(k == one for one, _ in lost) > demand.tolerance[k] for k in operators):
            continue
        if any(sum(k == one for one, _ in won) < demand.gains[k] for k in operators):
            continue
        if {i for _, i in covered} - {i for _, i in then}:
            continue
        outlay = sum(moves.outlay_vnd[list(chosen)]) + sum(stock.dismantle_vnd[list(emptied)])
        yield outlay, outlay + sum(moves.running_vnd[list(chosen)]) - sum(stock.saved_vnd[list(emptied)])


@settings(max_examples=250)
@given(small_markets(), st.sampled_from(["target", "saving"]))
def test_the_program_equals_trying_every_set_of_moves(market, goal):
    stock, moves, demand = market
    plans = list(every_plan(stock, moves, demand))
    if not plans:
        with pytest.raises(NoSolution):
            share(stock, moves, demand, goal=goal)
        return
    found = share(stock, moves, demand, goal=goal)
    best = min(plans) if goal == "target" else min((present, outlay) for outlay, present in plans)[::-1]
    assert (found.outlay_vnd, -found.saving_vnd) == pytest.approx(best)
    assert found.solution.status is Status.OPTIMAL
    lost, won = lost_and_won(stock, moves, found)
    assert (lost.sum(axis=1) <= demand.tolerance).all()
    assert (won.sum(axis=1) >= demand.gains).all()


def two_masts(**changes):
    """Operators A and B on a structure each; both reach hamlet 0, and B's reaches hamlet 1 too."""
    stock = {
        "operators": ("A", "B"),
        "location": np.array([0, 1]),
        "operator": np.array([0, 1]),
        "reach": csr_array(np.array([[1.0, 0.0], [1.0, 1.0]])),
        "rooms": np.array([1, 1]),
        "may_go": np.array([True, True]),
        "dismantle_vnd": np.array([5.0, 5.0]),
        "saved_vnd": np.array([90.0, 90.0]),
    }
    moves = Moves(
        np.array([0, 1, NOBODY]),
        np.array([0, 1, 0]),
        np.array([1, 0, 1]),
        np.array([0, 0, 0]),
        csr_array(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])),
        np.array([10.0, 10.0, 60.0]),
        np.array([1.0, 1.0, 1.0]),
    )
    return Stock(**(stock | changes)), moves


@settings(max_examples=150)
@given(small_markets())
def test_what_can_be_attained_is_the_largest_ratio_of_any_set_of_moves(market):
    stock, moves, demand = market
    asked = replace(demand, shared_share=1.0, gains=[0] * len(stock.operators))
    lowered, broken = attainable(stock, moves, asked)
    assert not broken

    def possible(ratio):
        return any(True for _plan in every_plan(stock, moves, replace(asked, shared_share=ratio)))

    assert possible(lowered.shared_share)
    assert lowered.shared_share == 1.0 or not possible(lowered.shared_share + 1e-6)
    share(stock, moves, lowered)


def test_the_mast_whose_hamlets_the_other_reaches_is_given_up():
    plan = share(*two_masts(), Demand(0.5, (0, 0), (0, 0)))
    assert plan.emptied.tolist() == [0]
    assert plan.chosen.tolist() == [0]
    assert plan.outlay_vnd == 15
    assert plan.saving_vnd == 90 - 15 - 1


def test_an_operator_that_may_lose_nothing_keeps_its_mast():
    stock, moves = two_masts(may_go=np.array([False, True]))
    plan = share(stock, moves, Demand(0.5, (0, 0), (0, 0)))
    assert plan.emptied.size == 0
    assert plan.chosen.tolist() == [2], "a new tenancy is dearer, but B would lose hamlet 1"


def test_demands_that_hold_alone_may_contradict_each_other():
    stock, moves = two_masts()
    moves = replace(moves, reach=csr_array(np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])))
    assert share(stock, moves, Demand(1.0, (0, 0), (0, 0))).chosen.tolist() == [0]
    assert share(stock, moves, Demand(0.0, (0, 0), (1, 0))).chosen.tolist() == [2]
    with pytest.raises(NoSolution, match="mâu thuẫn"):
        share(stock, moves, Demand(1.0, (0, 0), (1, 0)))


def test_a_ratio_out_of_reach_says_how_near_one_comes():
    stock, moves = two_masts(rooms=np.array([0, 0]))
    with pytest.raises(NoSolution, match=r"không thể đạt 16 % vị trí dùng chung: nhiều nhất 0/2 \(0 %\)"):
        share(stock, moves, Demand(0.16, (0, 0), (0, 0)))


def test_hamlets_out_of_reach_name_the_operator():
    stock, moves = two_masts()
    with pytest.raises(NoSolution, match="A không thể phủ thêm 2 thôn trên cột của doanh nghiệp khác, nhiều nhất 1"):
        share(stock, moves, Demand(0.0, (0, 0), (2, 0)))
