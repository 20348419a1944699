"""One of the forms solved: reduced, bounded, tried, and proven where there is time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from covplan.propose.solve.solver import INTEGRAL, TIME_LIMIT_S, Status
from covplan.propose.solve.steiner.ascent import ascent_bound
from covplan.propose.solve.steiner.heuristics import heuristic_tree
from covplan.propose.solve.steiner.limits import joinable_groups
from covplan.propose.solve.steiner.problem import Form, Problem, Tree
from covplan.propose.solve.steiner.reduction import reduced
from covplan.propose.solve.steiner.search import Search
from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

EXACT_EDGES = 40_000  # beyond this the heuristic with its bound is all
HEURISTIC_SHARE = 0.3  # of the time goes to exchanges at most


def cheapest_tree(
    problem: Problem,
    *,
    penalty: Floats | None = None,
    quota: float | None = None,
    budget: float | None = None,
    one_entry: bool = False,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Tree:
    """Solve one of the forms of the module's text.

    Parameters
    ----------
    penalty : ndarray, shape (groups,), optional
        Paid for each group that stays out.
    quota : float, optional
        Least weight that joins.
    budget : float, optional
        Most that edges and groups may cost; as much weight as possible joins, and of such trees the cheapest is taken.
    one_entry : bool
        Only one edge may leave the root (an unrooted tree, whose root is made up).
    gap : float
        Relative gap at which to stop.

    Raises
    ------
    NoSolution
        Groups that must join cannot, or the quota cannot be met: the message says by how much.
    """
    start = time.perf_counter()
    form = Form(problem, penalty, quota, budget, one_entry, gap)
    if not (problem.groups and problem.tail.size and joinable_groups(problem).any()):
        return _nothing(problem, form)
    small, members = reduced(problem) if not one_entry else (problem, [np.array([e]) for e in range(problem.tail.size)])
    reachable = joinable_groups(small)
    form.stop_if_impossible(reachable)
    best = heuristic_tree(small, form, reachable, start + HEURISTIC_SHARE * time_limit_s)
    bound = form.worst_bound()
    rows = 0
    if small.tail.size <= EXACT_EDGES:
        search = Search(small, form, reachable, start + time_limit_s)
        best, bound = search.run(best)
        rows = search.cuts
    else:
        bound = ascent_bound(small, form)[0]
    if best is None:
        text = _("No tree that keeps every limit was found in {seconds} s; allow more time or ask for less.")
        raise NoSolution(text.format(seconds=number(time_limit_s, 1)))
    edges, joined = best
    original = np.zeros(problem.tail.size, np.bool_)
    for edge in np.flatnonzero(edges):
        original[members[edge]] = True
    value = form.objective(small, edges, joined)
    apart = max((value - bound) * (-1.0 if form.maximise else 1.0), 0.0)
    relative = apart / max(abs(value), 1e-9) if apart > INTEGRAL * abs(value) + 1e-9 else 0.0
    tree = Tree(
        original,
        joined,
        form.cost(small, edges, joined),
        float(problem.weight @ joined),
        value,
        bound if relative else value,
        relative,
        Status.OPTIMAL if relative <= INTEGRAL else Status.FEASIBLE,
        time.perf_counter() - start,
        rows,
    )
    if budget is None or penalty is not None or not tree.joined.any():
        return tree
    return _cheapest_of_that_weight(problem, tree, gap, start + time_limit_s)


def _nothing(problem: Problem, form: Form) -> Tree:
    """The tree where no way leads to anybody: without edges; NoSolution where more is asked for."""
    edges, joined = np.zeros(problem.tail.size, np.bool_), np.zeros(problem.groups, np.bool_)
    form.stop_if_impossible(joined)
    value = form.objective(problem, edges, joined)
    return Tree(edges, joined, 0.0, 0.0, value, value, 0.0, Status.OPTIMAL, 0.0)


def _cheapest_of_that_weight(problem: Problem, tree: Tree, gap: float, until: float) -> Tree:
    """Second stage of the budget form: of all trees of that weight the cheapest, so that nothing useless is built."""
    left = until - time.perf_counter()
    if left <= 1.0:
        return tree
    lean = cheapest_tree(problem, quota=tree.weight, gap=gap, time_limit_s=left)
    if lean.cost >= tree.cost:
        return tree
    return replace(tree, edges=lean.edges, joined=lean.joined, cost=lean.cost, seconds=tree.seconds + lean.seconds)
