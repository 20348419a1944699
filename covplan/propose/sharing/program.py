"""Which structures to empty and who moves where: the sharing program on arrays. `options` fills it from tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from covplan.propose.solve.program import Program, Rows
from covplan.propose.solve.solver import TIME_LIMIT_S, Solution
from covplan.study.codes import NOBODY
from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

Goal = Literal["target", "saving"]
ROUNDING = 1e-7


@dataclass(frozen=True)
class Stock:
    """Locations on air today. A tenancy is one operator on one location."""

    operators: tuple[str, ...]
    location: NDArray[np.int64]
    """Of each tenancy."""
    operator: NDArray[np.int64]
    """Of each tenancy."""
    reach: csr_array
    """Tenancies × hamlets: 1 where the operator covers the hamlet from there."""
    rooms: NDArray[np.int64]
    """Of each location: sections left for newcomers."""
    may_go: NDArray[np.bool_]
    """Of each location: whether it may be emptied."""
    dismantle_vnd: NDArray[np.float64]
    """Of each location: to take the structure down."""
    saved_vnd: NDArray[np.float64]
    """Of each location: present value of what it costs to run."""

    @property
    def tenants(self) -> NDArray[np.int64]:
        """Operators on each location."""
        return np.bincount(self.location, minlength=self.rooms.size)


@dataclass(frozen=True)
class Moves:
    """What can be done: an operator joins a location, leaving another one or coming new."""

    tenancy: NDArray[np.int64]
    """The one that leaves; NOBODY: a new station."""
    operator: NDArray[np.int64]
    host: NDArray[np.int64]
    section: NDArray[np.int64]
    """0 the highest free section of the host, 1 the one below…"""
    reach: csr_array
    """Moves × hamlets: 1 where the operator covers the hamlet from the new section."""
    outlay_vnd: NDArray[np.float64]
    running_vnd: NDArray[np.float64]
    """Present value of what the new tenancy costs to run, over what the old one did."""


@dataclass(frozen=True)
class Demand:
    """What the plan must hold to."""

    shared_share: float
    """Locations with two operators or more over all locations, 0…1."""
    tolerance: Sequence[int]
    """Hamlets each operator may lose."""
    gains: Sequence[int]
    """Hamlets each operator must win where it has no coverage today."""
    forbidden: Sequence[int] | NDArray[np.int64] = ()
    """Moves that a planner rejected."""
    required: Sequence[NDArray[np.int64]] = ()
    """Moves of which one must be made, for each that a planner accepted."""


@dataclass(frozen=True)
class Shared:
    """A plan: which moves, and what it is worth."""

    chosen: NDArray[np.int64]
    """Places in `Moves`."""
    emptied: NDArray[np.int64]
    """Locations."""
    outlay_vnd: float
    saving_vnd: float
    """Present value of running costs saved, less the outlay; negative when it costs more than it saves."""
    solution: Solution | None
    """Of the first aim, with its bound and gap; None: made without a program, and nothing is known of the best."""


@dataclass(frozen=True)
class SharingProgram:
    """The program, and what its variables are counted by: moves come first, then the locations that may go."""

    program: Program
    leaving: NDArray[np.int64]
    """Locations that may go, in the order of their variables."""
    outlay_vnd: NDArray[np.float64]
    present_vnd: NDArray[np.float64]
    """Outlay and present value of running costs, by variable; savings are negative."""
    more_shared: NDArray[np.float64]
    """Shared locations more than today, by variable."""
    fewer: NDArray[np.float64]
    """Locations fewer than today, by variable."""
    won: dict[int, NDArray[np.float64]]
    """Hamlets won by an operator, by variable."""


@dataclass(frozen=True)
class _HamletGroup:
    """Hamlets that an operator covers, or could, from the same movable tenancies and moves."""

    operator: int
    locations: NDArray[np.int64]
    moves: NDArray[np.int64]
    weight: int


def share(
    stock: Stock,
    moves: Moves,
    demand: Demand,
    *,
    goal: Goal = "target",
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Shared:
    """Least outlay that reaches the ratio and then most saving (target), or most saving that reaches it (saving).

    Raises
    ------
    NoSolution
        Which demand cannot be met, and how near one can come.
    """
    written = sharing_program(stock, moves, demand)
    aims = [written.outlay_vnd, written.present_vnd]
    first_aim, second_aim = aims if goal == "target" else reversed(aims)
    wanted = written.program.with_cost(first_aim)
    try:
        first = wanted.solved(gap=gap, time_limit_s=time_limit_s)
    except NoSolution as error:
        raise NoSolution(_why_not(stock, moves, demand) or str(error)) from None
    second = wanted.then(first, second_aim).solved(gap=gap, time_limit_s=time_limit_s)
    return Shared(
        np.flatnonzero(second.values[: moves.host.size] > 0.5),
        written.leaving[second.values[moves.host.size :][: written.leaving.size] > 0.5],
        float(written.outlay_vnd @ second.values),
        -float(written.present_vnd @ second.values),
        first,
    )


def sharing_program(stock: Stock, moves: Moves, demand: Demand) -> SharingProgram:
    """Consolidation and co-location with quotas (integer program).

    ::

        sets         l locations, k operators, i hamlets, (l, k) tenancies, m moves (by k to b; from (l, k), or new)
        data         A, B  what a tenancy and a move reach;  n_l operators on l;  r_l rooms;  q ratio;  τ_k, γ_k demands
        variables    x_m   the move is made
                     v_l   the location is emptied
                     u_l   a location with one operator has more afterwards
                     d_ik  operator k loses hamlet i        g_ik  operator k wins hamlet i
        minimise     Σ_m outlay_m x_m + Σ_l dismantle_l v_l                                (outlay)
                     outlay + Σ_m running_m x_m − Σ_l saved_l v_l                          (present cost)
        subject to   Σ_{m leaves (l, k)} x_m = v_l          an emptied location is left by everybody, others by nobody
                     Σ_{m to b} x_m ≤ r_b (1 − v_b)         rooms; who is joined stays
                     Σ_{m to b, section s} x_m ≤ Σ_{m to b, section s−1} x_m ≤ 1           sections fill from the top
                     Σ_{m to b by k} x_m ≤ 1
                     u_l ≤ Σ_{m to l} x_m                                                  n_l = 1
                     Σ_{n_l = 1} u_l + Σ_{n_l > 1} (1 − v_l) ≥ q (|L| − Σ_l v_l)            the ratio
                     d_ik + Σ_{(l, k)} A (1 − v_l) + Σ_{m by k} B x_m ≥ 1                  i covered by k today
                     Σ_i d_ik ≤ τ_k                                                        no operator loses more
                     Σ_(l, k) A (1 − v_l) + Σ_m B x_m ≥ 1                                  no hamlet goes dark
                     g_ik ≤ Σ_{m by k} B x_m,   Σ_i g_ik ≥ γ_k                             i not covered by k today

    Hamlets that hang on the same tenancies and moves are one row with a weight.
    """
    losses = _hamlet_groups(stock, moves, covered=True)
    wins = _hamlet_groups(stock, moves, covered=False) if any(demand.gains) else []
    leaving = np.flatnonzero(stock.may_go)
    single = np.intersect1d(np.flatnonzero(stock.tenants == 1), moves.host)
    parts = np.cumsum([moves.host.size, leaving.size, single.size, len(losses), len(wins)])
    v_of_leaving, u, d, g = (np.arange(a, b) for a, b in pairwise(parts))
    size = int(parts[-1])
    v = np.full(stock.rooms.size, NOBODY)
    v[leaving] = v_of_leaving

    rows = Rows(size)
    _everybody_leaves(rows, stock, moves, v)
    _rooms(rows, stock, moves, v)
    if len(demand.forbidden):
        rows.add((np.asarray(demand.forbidden), 1.0), most=0)
    for group in demand.required:
        rows.add((group, 1.0), least=1)
    more_shared, fewer = np.zeros(size), np.zeros(size)
    for column, location in zip(u, single, strict=True):
        rows.add(([column], 1.0), (np.flatnonzero(moves.host == location), -1.0), most=0)
    more_shared[u] = 1.0
    more_shared[v[(stock.tenants > 1) & stock.may_go]] = -1.0
    fewer[v_of_leaving] = 1.0
    if demand.shared_share > 0:
        missing = demand.shared_share * stock.rooms.size - int((stock.tenants > 1).sum())
        rows.add((np.arange(size), more_shared + demand.shared_share * fewer), least=missing - ROUNDING)
    for column, one in zip(d, losses, strict=True):
        rows.add(([column], 1.0), (v[one.locations], -1.0), (one.moves, 1.0), least=1 - one.locations.size)
    for k, most in enumerate(demand.tolerance):
        mine = [n for n, one in enumerate(losses) if one.operator == k]
        rows.add((d[mine], [losses[n].weight for n in mine]), most=most)
    if any(demand.tolerance):
        _none_goes_dark(rows, stock, moves, v)
    won: dict[int, NDArray[np.float64]] = {k: np.zeros(size) for k in range(len(stock.operators))}
    for column, one in zip(g, wins, strict=True):
        rows.add(([column], 1.0), (one.moves, -1.0), most=0)
        won[one.operator][column] = one.weight
    for k, wanted in enumerate(demand.gains):
        if wanted > 0:
            rows.add((np.arange(size), won[k]), least=wanted)

    outlay, present = np.zeros(size), np.zeros(size)
    outlay[: moves.host.size] = moves.outlay_vnd
    outlay[v_of_leaving] = stock.dismantle_vnd[leaving]
    present[: moves.host.size] = moves.outlay_vnd + moves.running_vnd
    present[v_of_leaving] = stock.dismantle_vnd[leaving] - stock.saved_vnd[leaving]
    program = Program(outlay, rows.constraint(), np.ones(size, dtype=np.bool_), np.ones(size), np.zeros(size))
    return SharingProgram(program, leaving, outlay, present, more_shared, fewer, won)


def lost_and_won(stock: Stock, moves: Moves, plan: Shared) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Operators × hamlets: covered today and not afterwards; covered afterwards and not today."""
    before = _covered(stock, np.ones(stock.location.size, dtype=np.bool_))
    after = _covered(stock, ~np.isin(stock.location, plan.emptied))
    for m in plan.chosen:
        after[moves.operator[m]] |= moves.reach[[m]].toarray()[0] > 0
    return before & ~after, after & ~before


def _covered(stock: Stock, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    covered = np.zeros((len(stock.operators), stock.reach.shape[1]), dtype=np.bool_)
    for k in range(len(stock.operators)):
        covered[k] = np.asarray(stock.reach[np.flatnonzero(there & (stock.operator == k))].sum(axis=0)).ravel() > 0
    return covered


def _everybody_leaves(rows: Rows, stock: Stock, moves: Moves, v: NDArray[np.int64]) -> None:
    for tenancy, location in enumerate(stock.location):
        away = np.flatnonzero(moves.tenancy == tenancy)
        if stock.may_go[location]:
            rows.add((away, 1.0), ([v[location]], -1.0), least=0, most=0)
        elif away.size:
            rows.add((away, 1.0), most=0)


def _rooms(rows: Rows, stock: Stock, moves: Moves, v: NDArray[np.int64]) -> None:
    for host in np.unique(moves.host):
        to = np.flatnonzero(moves.host == host)
        rooms = int(stock.rooms[host])
        going = ([v[host]], float(rooms)) if stock.may_go[host] else ((), 1.0)
        rows.add((to, 1.0), going, most=rooms)
        for k in np.unique(moves.operator[to]):
            same = to[moves.operator[to] == k]
            if same.size > 1:
                rows.add((same, 1.0), most=1)
        for section in np.unique(moves.section[to]):
            at = to[moves.section[to] == section]
            rows.add((at, 1.0), most=1)
            if section > 0:
                rows.add((at, 1.0), (to[moves.section[to] == section - 1], -1.0), most=0)


def _none_goes_dark(rows: Rows, stock: Stock, moves: Moves, v: NDArray[np.int64]) -> None:
    now, then = stock.reach.tocsc(), moves.reach.tocsc()
    for i in range(stock.reach.shape[1]):
        here = stock.location[now.indices[now.indptr[i] : now.indptr[i + 1]]]
        if here.size and stock.may_go[here].all():
            there = then.indices[then.indptr[i] : then.indptr[i + 1]]
            rows.add((v[here], -1.0), (there, 1.0), least=1 - here.size)


def _hamlet_groups(stock: Stock, moves: Moves, *, covered: bool) -> list[_HamletGroup]:
    """Hamlets covered today that may be lost, or those not covered that may be won, by operator."""
    found: list[_HamletGroup] = []
    for k in range(len(stock.operators)):
        tenancies, own_moves = np.flatnonzero(stock.operator == k), np.flatnonzero(moves.operator == k)
        now, then = stock.reach[tenancies].tocsc(), moves.reach[own_moves].tocsc()
        stays = ~stock.may_go[stock.location[tenancies]]
        groups: dict[tuple[bytes, bytes], _HamletGroup] = {}
        for i in range(now.shape[1]):
            here = np.sort(now.indices[now.indptr[i] : now.indptr[i + 1]])
            there = np.sort(then.indices[then.indptr[i] : then.indptr[i + 1]])
            if (here.size > 0) != covered or (stays[here].any() if covered else not there.size):
                continue
            key = (here.tobytes(), there.tobytes())
            weight = groups[key].weight + 1 if key in groups else 1
            groups[key] = _HamletGroup(k, stock.location[tenancies[here]], own_moves[there], weight)
        found += groups.values()
    return found


def _why_not(stock: Stock, moves: Moves, demand: Demand) -> str:
    """The demand that cannot be met even alone, and how near one can come; empty when only the whole is too much."""
    nothing = [0] * len(stock.operators)
    if demand.shared_share > 0:
        alone = sharing_program(stock, moves, replace(demand, shared_share=0.0, gains=nothing))
        aim = alone.more_shared + demand.shared_share * alone.fewer
        best = alone.program.with_cost(-aim).solved().values
        shared = int((stock.tenants > 1).sum() + round(float(alone.more_shared @ best)))
        left = stock.rooms.size - round(float(alone.fewer @ best))
        if shared < demand.shared_share * left - ROUNDING:
            return _(
                "No solution: {wanted} % of locations shared is out of reach: at most {shared} of {locations} "
                "({reached} %). Allow larger distances, more loss or more rooms in [sharing], or ask for less."
            ).format(
                wanted=number(100 * demand.shared_share, 2), shared=number(shared), locations=number(left),
                reached=number(100 * shared / left, 2),
            )  # fmt: skip
    for k, wanted in enumerate(demand.gains):
        if wanted <= 0:
            continue
        one = [int(j == k) for j in range(len(stock.operators))]
        alone = sharing_program(stock, moves, replace(demand, shared_share=0.0, gains=one))
        try:
            most = round(-alone.program.with_cost(-alone.won[k]).solved().objective)
        except NoSolution:
            most = 0
        if most < wanted:
            return _(
                "No solution: {operator} cannot win {wanted} hamlets on others' structures, at most {most}. "
                "Ask for less, or build new masts for the rest."
            ).format(operator=stock.operators[k], wanted=number(wanted), most=number(most))
    return ""
