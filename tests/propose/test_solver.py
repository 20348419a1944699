"""The door to the solver: equal to trying everything, and honest about what is proven."""

from __future__ import annotations

import ctypes
import os
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint
from scipy.sparse import csr_array

from covplan.propose.solve.quiet import NOISE, without_noise
from covplan.propose.solve.solver import Status, solve
from covplan.study.errors import NoSolution

SMALL = st.integers(0, 9)


@settings(max_examples=100)
@given(
    st.lists(st.integers(1, 9), min_size=3, max_size=8).flatmap(
        lambda cost: st.tuples(
            st.just(cost),
            st.lists(st.lists(st.booleans(), min_size=len(cost), max_size=len(cost)), min_size=1, max_size=5),
        )
    )
)
def test_set_cover_equals_trying_every_choice(problem):
    cost, reach = np.array(problem[0], float), np.array(problem[1], float)
    choices = np.array(list(product((0, 1), repeat=cost.size)))
    covering = choices[(choices @ reach.T >= 1).all(axis=1)]
    constraint = LinearConstraint(csr_array(reach), lb=1)
    if not len(covering):
        with pytest.raises(NoSolution, match="mâu thuẫn"):
            solve(cost, constraint)
        return
    found = solve(cost, constraint)
    assert found.objective == (covering @ cost).min()
    assert found.status is Status.OPTIMAL
    assert found.gap == 0
    assert (reach @ found.values >= 1).all()


def test_most_value_for_a_budget():
    value, price = np.array([10.0, 7, 6, 2]), np.array([[5.0, 4, 3, 1]])
    found = solve(value, LinearConstraint(price, ub=8), maximise=True)
    assert found.objective == 16
    assert found.bound == pytest.approx(16)


def test_a_solution_stopped_early_says_how_far_from_the_best_it_may_be():
    chance = np.random.default_rng(2)
    cost = chance.integers(10, 99, 120).astype(float)
    reach = csr_array((chance.random((400, 120)) < 0.06).astype(float))
    reach = reach[np.flatnonzero(reach.sum(axis=1) > 0)]
    best = solve(cost, LinearConstraint(reach, lb=1))
    loose = solve(cost, LinearConstraint(reach, lb=1), gap=0.2)
    assert best.status is Status.OPTIMAL
    assert loose.bound <= best.objective <= loose.objective
    assert loose.objective - loose.bound <= 0.2 * loose.objective + 1e-6
    assert loose.gap == pytest.approx((loose.objective - loose.bound) / loose.objective, abs=1e-6)


def test_no_limit_and_nothing_to_decide():
    with pytest.raises(NoSolution, match="thiếu một chi phí"):
        solve([-1.0], upper=np.inf)
    assert solve([]).objective == 0


@pytest.mark.skipif(sys.platform == "win32", reason="asks the C library of Linux and macOS")
def test_only_the_solvers_debugging_line_is_kept_from_the_terminal(capfd):
    library = ctypes.CDLL(None)
    sys.stdout.write("before\n")
    with without_noise():
        library.printf(NOISE + b"something else\n")
        library.printf(NOISE)
        with without_noise():  # as from a second thread
            os.write(1, b"inside\n")
    library.printf(NOISE)
    library.fflush(None)
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(["before", "something else", "inside", NOISE.decode().strip()])
    assert lines[0] == "before"
