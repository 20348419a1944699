"""The problem whose trees are looked for, and its forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.solver import Status

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """A graph, its root and the groups that may join. Arrays per edge, per terminal or per group."""

    nodes: int
    root: int
    tail: Ints
    head: Ints
    cost: Floats
    """Per edge, ≥ 0."""
    terminal: Ints
    """Node of each terminal."""
    group: Ints
    """Group of each terminal; a group joins when all its terminals do."""
    own_cost: Floats
    """Per group."""
    must: Flags
    """Per group: has to join."""
    weight: Floats
    """Per group, for quota and budget."""
    length: Floats | None = None
    """Per edge; from the root: what lies behind the entry too. Needed with `longest`."""
    longest: Floats | None = None
    """Per group: longest way from the root to its terminals."""
    source: Ints | None = None
    """Per edge: the source an edge from the root draws on, −1 for all others. Needed with `capacity`."""
    capacity: Floats | None = None
    """Per source."""
    demand: Floats | None = None
    """Per group."""

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.own_cost.size)


@dataclass(frozen=True)
class Tree:
    """Edges and groups chosen, and what they are worth."""

    edges: Flags
    joined: Flags
    """Per group."""
    cost: float
    """Of the edges and the groups that joined."""
    weight: float
    objective: float
    """Cost, cost and penalties, or weight: whatever the form asked for."""
    bound: float
    """No tree is better than this."""
    gap: float
    status: Status
    seconds: float
    rows: int = 0
    """Cuts that were needed."""


def steiner_problem(tail: Ints, head: Ints, cost: Floats, nodes: int, terminals: Ints) -> Problem:
    """The Steiner tree problem: every terminal must join, the first one is the root."""
    rest = np.asarray(terminals[1:], np.int64)
    return Problem(
        nodes,
        int(terminals[0]),
        np.asarray(tail, np.int64),
        np.asarray(head, np.int64),
        np.asarray(cost, np.float64),
        rest,
        np.arange(rest.size),
        np.zeros(rest.size),
        np.ones(rest.size, np.bool_),
        np.ones(rest.size),
    )


def prize_problem(tail: Ints, head: Ints, cost: Floats, nodes: int, prizes: dict[int, float]) -> tuple[Problem, Floats]:
    """The prize-collecting Steiner tree problem without a root, and its penalties; ask for `one_entry`.

    The root is made up: an edge without cost leads from it to every node with a prize.
    """
    places = np.array(sorted(prizes), np.int64)
    problem = Problem(
        nodes + 1,
        nodes,
        np.append(tail, np.full(places.size, nodes)).astype(np.int64),
        np.append(head, places).astype(np.int64),
        np.append(cost, np.zeros(places.size)).astype(np.float64),
        places,
        np.arange(places.size),
        np.zeros(places.size),
        np.zeros(places.size, np.bool_),
        np.ones(places.size),
    )
    return problem, np.array([prizes[int(place)] for place in places], np.float64)


@dataclass(frozen=True)
class Form:
    """Which of the forms is asked for."""

    problem: Problem
    penalty: Floats | None
    quota: float | None
    budget: float | None
    one_entry: bool
    gap: float

    @property
    def maximise(self) -> bool:
        """Whether weight is maximised (budget form)."""
        return self.budget is not None

    def cost(self, problem: Problem, edges: Flags, joined: Flags) -> float:
        """Of edges and of the groups that join."""
        return float(problem.cost @ edges + problem.own_cost @ joined)

    def objective(self, problem: Problem, edges: Flags, joined: Flags) -> float:
        """Value of a tree in this form."""
        if self.maximise:
            return float(problem.weight @ joined)
        lost = 0.0 if self.penalty is None else float(self.penalty @ ~joined)
        return self.cost(problem, edges, joined) + lost

    def worst_bound(self) -> float:
        """A bound that always holds."""
        return float(self.problem.weight.sum()) if self.maximise else 0.0

    def better(self, one: float, other: float) -> bool:
        """Whether one objective beats the other."""
        return one > other + 1e-9 if self.maximise else one < other - 1e-9

    def stop_if_impossible(self, joinable: Flags) -> None:
        """Raise NoSolution when what must join, or the quota, is out of reach."""
        lost = np.flatnonzero(self.problem.must & ~joinable)
        if lost.size:
            text = _("No way leads to {count} of the places that must be joined (numbers {first}).")
            raise NoSolution(text.format(count=number(lost.size), first=", ".join(map(str, lost[:5].tolist()))))
        most = float(self.problem.weight[joinable].sum())
        if self.quota is not None and most < self.quota - 1e-9:
            text = _("{wanted} are asked for, {most} can be joined at most: short by {short}.")
            raise NoSolution(
                text.format(wanted=number(self.quota, 2), most=number(most, 2), short=number(self.quota - most, 2))
            )

    def allows(self, problem: Problem, edges: Flags, joined: Flags) -> bool:
        """Whether a tree keeps quota and budget."""
        if self.quota is not None and problem.weight @ joined < self.quota - 1e-9:
            return False
        return self.budget is None or self.cost(problem, edges, joined) <= self.budget * (1 + 1e-12) + 1e-9
