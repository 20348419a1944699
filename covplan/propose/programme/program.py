"""In which year what is done, on arrays: a multi-period program under yearly budgets and targets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from covplan.propose.solve.program import Program, Rows
from covplan.propose.solve.solver import TIME_LIMIT_S, Solution
from covplan.study.errors import NoSolution
from covplan.study.language import BILLION, _, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.study.settings import Phases

ROUNDING = 1e-7
NEVER = -1
GAP = 0.001  # a thousandth of all benefit is no reason to wait


@dataclass(frozen=True)
class Projects:
    """What could be done, whatever kind it is of."""

    cost_vnd: NDArray[np.float64]
    value: NDArray[np.float64]
    needs: Sequence[tuple[int, int]] = ()
    """(later, first): places of projects of which the one needs the other."""
    fixed: Mapping[int, int] = field(default_factory=dict)
    """Year by project, for what is decided already."""


@dataclass(frozen=True)
class Indicator:
    """What proposals do to one indicator, counted in objects: hamlets, places, locations.

    An object counts once, whoever serves it first.
    """

    name: str
    numerator: float
    denominator: float
    serves: NDArray[np.bool_]
    """Proposals × objects that are not in the numerator today."""
    adds: NDArray[np.float64]
    """By proposal: what it adds to the numerator by itself, whatever else is done."""
    removes: NDArray[np.float64]
    """By proposal: what it takes out of the denominator."""
    targets_pct: Mapping[int, float]
    """By year."""


@dataclass(frozen=True)
class Phased:
    """A year for every proposal that is done."""

    year: NDArray[np.int64]
    """By proposal; NEVER where the budget has no room and nothing asks for it."""
    spent_vnd: NDArray[np.float64]
    """By year."""
    solution: Solution
    short: tuple[str, ...]
    """What there is to say of targets that were lowered, because all proposals together or the budgets miss them."""


@dataclass(frozen=True)
class Shortfall:
    """A target beyond all projects together."""

    indicator: int
    """Its place."""
    year: int
    reached_pct: float
    text: str


@dataclass(frozen=True)
class _PhaseProgram:
    """The program; proposal p in period t is column p · periods + t, overspending stands in the last columns."""

    program: Program
    unit_vnd: float
    """Of money in it: sums in VND are too large beside zeros and ones."""
    periods: int


def phase(
    projects: Projects,
    indicators: Sequence[Indicator],
    phases: Phases,
    *,
    lower_targets: bool = False,
    all_done: bool = False,
    gap: float = GAP,
    time_limit_s: float = TIME_LIMIT_S,
) -> Phased:
    """Multi-period selection with cumulative variables: what is done counts in every later year too.

    ::

        sets         p projects, t years, n indicators, i objects of n, S_n(i) projects that serve i
        variables    y_pt = 1   p is done by the end of year t
                     c_nit ≤ 1  object i is served by the end of year t
        maximise     Σ_p value_p Σ_t y_pt                      early counts in more years
        subject to   y_p,t−1 ≤ y_pt                            what is done stays done
                     Σ_p cost_p (y_pt − y_p,t−1) ≤ budget_t    or both sides summed over the years, if money is kept
                     y_qt ≤ y_pt                               q needs p: in the same year or before
                     c_nit ≤ Σ_{p ∈ S_n(i)} y_pt
                     a_n + Σ_p adds_np y_pt + Σ_i c_nit ≥ target_nt (b_n − Σ_p removes_np y_pt)
                     y_pt = 1 from the year on that is fixed, 0 before it

    Parameters
    ----------
    lower_targets : bool
        Where all projects together, or the budgets, miss a target, ask for what they reach and say so, instead of
        refusing.
    all_done : bool
        Everything is done by the end of the last year.

    Raises
    ------
    NoSolution
        Which target is out of reach whatever is spent, or which years' budgets fall short and by how much.
    """
    written = _program(projects, indicators, phases)
    short = out_of_reach(projects, indicators, phases)
    if short and not lower_targets:
        raise NoSolution(_("No solution: {reason}").format(reason=short[0].text))
    indicators, said = lowered(indicators, short), _lines(short)
    if short or all_done:
        written = _program(projects, indicators, phases, all_done=all_done)
    try:
        solution = written.program.solved(gap=gap, time_limit_s=time_limit_s)
    except NoSolution as error:
        missing = _missing_money(written, phases)
        if missing and lower_targets:
            text = _("To meet the targets the budgets lack at least, in billion VND: {missing}.")
            said.append(text.format(missing=missing))
            return _within_money(projects, indicators, phases, said, gap=gap, time_limit_s=time_limit_s)
        text = _(
            "No solution: the budget cannot hold the targets; missing at least, in billion VND: {missing}. "
            "Raise [phases] budget_vnd, or lower the targets in study.toml."
        )
        raise NoSolution(text.format(missing=missing) if missing else str(error)) from None
    return _phased(projects, phases, written, solution, said)


def _phased(
    projects: Projects, phases: Phases, written: _PhaseProgram, solution: Solution, said: Sequence[str]
) -> Phased:
    """A solution as years."""
    count = projects.cost_vnd.size
    done = solution.values[: count * written.periods].reshape(count, written.periods) > 0.5
    year = np.where(done.any(axis=1), np.array(phases.years)[done.argmax(axis=1)], NEVER)
    spent_vnd = projects.cost_vnd @ np.diff(done.astype(float), axis=1, prepend=0.0)
    return Phased(year, spent_vnd, solution, tuple(said))


def _lines(short: Sequence[Shortfall]) -> list[str]:
    """Of each indicator what is said of its last year."""
    return list({one.indicator: one.text for one in short}.values())


def _within_money(
    projects: Projects, indicators: Sequence[Indicator], phases: Phases, said: Sequence[str], *,
    gap: float, time_limit_s: float,
) -> Phased:  # fmt: skip
    """As near to the targets as the budgets allow: least shortfall first, then as `phase` with what is reached.

    ::

        minimise     Σ_n,t short_nt / b_n      short_nt ≥ 0 added to the row of the target of n in year t

    What is decided may cost more than the budgets: then these are as much larger as it takes.
    """
    soft = _program(projects, indicators, phases, soft=True)
    try:
        near = soft.program.solved(gap=gap, time_limit_s=time_limit_s)
    except NoSolution:
        phases = _with_room(soft, phases)
        soft = _program(projects, indicators, phases, soft=True)
        near = soft.program.solved(gap=gap, time_limit_s=time_limit_s)
    done = _phased(projects, phases, soft, near, ()).year
    years = np.array(phases.years)
    reached = []
    for n, one in enumerate(indicators):
        for year, wanted_pct in one.targets_pct.items():
            built = (done != NEVER) & (done <= year)
            pct = _reached_pct(one, built)
            if year in years and pct < wanted_pct - ROUNDING:
                text = _("{indicator}: {wanted} % is wanted by the end of {year}; the budgets allow {reached} %.")
                text = text.format(
                    indicator=one.name, wanted=number(wanted_pct, 2), year=year, reached=number(pct, 2)
                )  # fmt: skip
                reached.append(Shortfall(n, year, pct, text))
    written = _program(projects, lowered(indicators, reached), phases)
    found = written.program.solved(gap=gap, time_limit_s=time_limit_s)
    return _phased(projects, phases, written, found, [*said, *(one.text for one in reached)])


def _reached_pct(indicator: Indicator, built: NDArray[np.bool_]) -> float:
    """What an indicator is once some projects are done, percent."""
    above = indicator.numerator + indicator.serves[built].any(axis=0).sum() + indicator.adds[built].sum()
    return float(100.0 * above / (indicator.denominator - indicator.removes[built].sum()))


def _with_room(written: _PhaseProgram, phases: Phases) -> Phases:
    """The phases with budgets as much larger as what is decided costs more."""
    extra_vnd = _least_extra(written)
    if extra_vnd is None:
        raise NoSolution(_("No solution: the requirements contradict each other."))
    budgets = tuple(float(one + more) for one, more in zip(phases.budget_vnd, extra_vnd, strict=True))
    return phases.model_copy(update={"budget_vnd": budgets})


def least_spending(
    projects: Projects, indicators: Sequence[Indicator], phases: Phases, *,
    gap: float = GAP, time_limit_s: float = TIME_LIMIT_S,
) -> NDArray[np.float64]:  # fmt: skip
    """What is spent by the end of each year, VND, when nothing is done before a target or a decision asks for it.

    ::

        minimise     Σ_t Σ_p cost_p y_pt       the rows as in `phase`, without budgets

    Parameters
    ----------
    indicators : sequence of Indicator
        With targets that all projects together reach.
    """
    free = phases.model_copy(update={"budget_vnd": ()})
    written = _program(projects, indicators, free)
    count, periods = projects.cost_vnd.size, written.periods
    cost = np.zeros(written.program.cost.size)
    cost[: count * periods] = np.repeat(projects.cost_vnd / written.unit_vnd, periods)
    found = written.program.with_cost(cost).solved(gap=gap, time_limit_s=time_limit_s)
    done = found.values[: count * periods].reshape(count, periods) > 0.5
    spent: NDArray[np.float64] = projects.cost_vnd @ done
    return spent


def _program(
    projects: Projects, indicators: Sequence[Indicator], phases: Phases, *, all_done: bool = False, soft: bool = False
) -> _PhaseProgram:
    """The program of `phase`; `soft`: targets may be missed, and as little as can be is the aim."""
    count, periods = projects.cost_vnd.size, len(phases.years)
    unit_vnd = max(float(np.abs(projects.cost_vnd).max(initial=0.0)), 1.0)
    several = [_served_by_several(one) for one in indicators]
    firsts = np.cumsum([count * periods, *(len(groups) * periods for groups in several)])
    missed = int(firsts[-1]) + np.arange(len(indicators) * periods if soft else 0).reshape(-1, periods)
    over = int(firsts[-1]) + missed.size + np.arange(periods)
    size = int(firsts[-1]) + missed.size + periods
    y = np.arange(count * periods).reshape(count, periods)

    rows = Rows(size)
    _in_order(rows, projects, y)
    _within_budgets(rows, projects.cost_vnd / unit_vnd, y, over, unit_vnd, phases)
    for n, (one, groups, first_column) in enumerate(zip(indicators, several, firsts[:-1], strict=True)):
        _targets(rows, one, groups, y, int(first_column), phases, missed[n] if soft else None)

    allowed = _allowed(projects, phases.years)
    lower, upper = np.zeros(size), np.ones(size)
    upper[over] = 0.0
    for p in projects.fixed:
        lower[y[p]] = upper[y[p]] = allowed[p].astype(float)
    if all_done and periods:
        lower[y[:, -1]] = allowed[:, -1].astype(float)
    cost = np.zeros(size)
    if soft:
        upper[missed] = np.inf
        cost[missed] = 1.0 / np.array([max(one.denominator, 1.0) for one in indicators])[:, None]
    else:
        cost[: count * periods] = -np.repeat(projects.value, periods)
    whole = np.zeros(size, dtype=np.bool_)
    whole[: count * periods] = True
    return _PhaseProgram(Program(cost, rows.constraint(), whole, upper, lower), unit_vnd, periods)


def _in_order(rows: Rows, projects: Projects, y: NDArray[np.int64]) -> None:
    """What is done stays done, and what another one needs is done before it or with it."""
    for t in range(1, y.shape[1]):
        for p in range(y.shape[0]):
            rows.add(([y[p, t - 1]], 1.0), ([y[p, t]], -1.0), most=0)
    for later, first in projects.needs:
        for t in range(y.shape[1]):
            rows.add(([y[later, t]], 1.0), ([y[first, t]], -1.0), most=0)


def _within_budgets(
    rows: Rows, cost: NDArray[np.float64], y: NDArray[np.int64], over: NDArray[np.int64],
    unit_vnd: float, phases: Phases,
) -> None:  # fmt: skip
    """Spent in a year, or up to its end where unspent money is kept, is no more than the budget and what is `over`."""
    for t, budget_vnd in enumerate(phases.budget_vnd):
        if phases.keep_unspent:
            most = float(sum(phases.budget_vnd[: t + 1])) / unit_vnd
            rows.add((y[:, t], cost), (over[: t + 1], -1.0), most=most)
        else:
            earlier = (y[:, t - 1], -cost) if t else ((), 0.0)
            rows.add((y[:, t], cost), earlier, (over[t : t + 1], -1.0), most=budget_vnd / unit_vnd)


def _served_by_several(indicator: Indicator) -> list[tuple[NDArray[np.int64], int]]:
    """Objects that more than one proposal serves, as (proposals, number of such objects)."""
    groups: dict[bytes, tuple[NDArray[np.int64], int]] = {}
    for column in indicator.serves.T:
        by = np.flatnonzero(column)
        if by.size > 1:
            groups[by.tobytes()] = (by, groups.get(by.tobytes(), (by, 0))[1] + 1)
    return list(groups.values())


def _targets(
    rows: Rows,
    indicator: Indicator,
    groups: list[tuple[NDArray[np.int64], int]],
    y: NDArray[np.int64],
    first_column: int,
    phases: Phases,
    missed: NDArray[np.int64] | None = None,
) -> None:
    only = indicator.serves[:, indicator.serves.sum(axis=0) == 1].sum(axis=1)
    for t, year in enumerate(phases.years):
        c = first_column + t * len(groups) + np.arange(len(groups))
        for column, (by, _count) in zip(c, groups, strict=True):
            rows.add(([int(column)], 1.0), (y[by, t], -1.0), most=0)
        if year in indicator.targets_pct:
            share = indicator.targets_pct[year] / 100.0
            rows.add(
                (y[:, t], only + indicator.adds + share * indicator.removes),
                (c, [count for _by, count in groups]),
                ((), 0.0) if missed is None else (missed[t : t + 1], 1.0),
                least=share * indicator.denominator - indicator.numerator - ROUNDING,
            )


def _allowed(projects: Projects, years: Sequence[int]) -> NDArray[np.bool_]:
    """Projects × years in which they can be done already: what is decided not before its year."""
    allowed = np.ones((projects.cost_vnd.size, len(years)), dtype=np.bool_)
    for p, year in projects.fixed.items():
        allowed[p] = np.array(years) >= year
    return allowed


def out_of_reach(projects: Projects, indicators: Sequence[Indicator], phases: Phases) -> list[Shortfall]:
    """Targets beyond all projects together."""
    found, allowed = [], _allowed(projects, phases.years)
    for n, one in enumerate(indicators):
        for t, year in enumerate(phases.years):
            wanted_pct, can = one.targets_pct.get(year), allowed[:, t]
            if wanted_pct is None:
                continue
            most = one.numerator + one.serves[can].any(axis=0).sum() + np.maximum(one.adds[can], 0).sum()
            whole = one.denominator - one.removes[can].sum()
            if most < wanted_pct / 100.0 * whole - 2 * ROUNDING:
                text = _(
                    "{indicator}: {wanted} % is wanted by the end of {year}; all proposals together reach {reached} % "
                    "({most} of {whole}). Propose more, or lower the target."
                ).format(
                    indicator=one.name, wanted=number(wanted_pct, 2), year=year, reached=number(100 * most / whole, 2),
                    most=number(most, 2), whole=number(whole, 2),
                )  # fmt: skip
                found.append(Shortfall(n, year, 100.0 * most / whole, text))
    return found


def lowered(indicators: Sequence[Indicator], short: Sequence[Shortfall]) -> list[Indicator]:
    """The indicators with the targets that are out of reach put where all projects together come."""
    reached: dict[int, dict[int, float]] = {}
    for one in short:
        reached.setdefault(one.indicator, {})[one.year] = one.reached_pct
    return [replace(one, targets_pct={**one.targets_pct, **reached.get(n, {})}) for n, one in enumerate(indicators)]


def _missing_money(written: _PhaseProgram, phases: Phases) -> str:
    """By how much which budgets must grow at least, in billion VND; empty if money is not what is missing."""
    extra_vnd = _least_extra(written)
    if extra_vnd is None:
        return ""
    years = zip(phases.years, extra_vnd, strict=True)
    return "; ".join(f"{year}: {number(vnd / BILLION, 2)}" for year, vnd in years if vnd > 1)


def _least_extra(written: _PhaseProgram) -> NDArray[np.float64] | None:
    """By how much the budget of each year must grow at least, VND; None if money is not what is missing."""
    program = written.program
    over = np.arange(program.cost.size - written.periods, program.cost.size)
    cost, upper = np.zeros(program.cost.size), program.upper.copy()
    cost[over], upper[over] = 1.0, np.inf
    try:
        found = replace(program, cost=cost, upper=upper).solved(gap=GAP)
    except NoSolution:
        return None
    extra_vnd: NDArray[np.float64] = np.asarray(found.values)[over] * written.unit_vnd
    return extra_vnd
