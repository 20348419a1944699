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
    """Indicators whose targets were lowered because all proposals together miss them: of each the last year."""


@dataclass(frozen=True)
class _Shortfall:
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
    allowed: NDArray[np.bool_]
    """Proposals × years in which they can be done already."""


def phase(
    projects: Projects,
    indicators: Sequence[Indicator],
    phases: Phases,
    *,
    lower_targets: bool = False,
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
        Where all projects together miss a target, ask for what they reach and say so, instead of refusing.

    Raises
    ------
    NoSolution
        Which target is out of reach whatever is spent, or which years' budgets fall short and by how much.
    """
    written = _program(projects, indicators, phases)
    short = _out_of_reach(indicators, phases, written.allowed)
    if short and not lower_targets:
        raise NoSolution(_("No solution: {reason}").format(reason=short[0].text))
    if short:
        indicators = _lowered(indicators, short)
        written = _program(projects, indicators, phases)
    try:
        solution = written.program.solved(gap=gap, time_limit_s=time_limit_s)
    except NoSolution as error:
        raise NoSolution(_missing_money(written, phases) or str(error)) from None
    count = projects.cost_vnd.size
    done = solution.values[: count * written.periods].reshape(count, written.periods) > 0.5
    year = np.where(done.any(axis=1), np.array(phases.years)[done.argmax(axis=1)], NEVER)
    spent_vnd = projects.cost_vnd @ np.diff(done.astype(float), axis=1, prepend=0.0)
    return Phased(year, spent_vnd, solution, tuple({one.indicator: one.text for one in short}.values()))


def _program(projects: Projects, indicators: Sequence[Indicator], phases: Phases) -> _PhaseProgram:
    count, years = projects.cost_vnd.size, np.array(phases.years)
    unit_vnd = max(float(np.abs(projects.cost_vnd).max(initial=0.0)), 1.0)
    periods = years.size
    several = [_served_by_several(one) for one in indicators]
    firsts = np.cumsum([count * periods, *(len(groups) * periods for groups in several)])
    over = int(firsts[-1]) + np.arange(periods)
    size = int(firsts[-1]) + periods
    y = np.arange(count * periods).reshape(count, periods)

    rows = Rows(size)
    _in_order(rows, projects, y)
    _within_budgets(rows, projects.cost_vnd / unit_vnd, y, over, unit_vnd, phases)
    for one, groups, first_column in zip(indicators, several, firsts[:-1], strict=True):
        _targets(rows, one, groups, y, int(first_column), phases)

    allowed = np.ones((count, periods), dtype=np.bool_)
    lower, upper = np.zeros(size), np.ones(size)
    upper[over] = 0.0
    for p, year in projects.fixed.items():
        allowed[p] = years >= year
        lower[y[p]] = upper[y[p]] = allowed[p].astype(float)
    cost = np.zeros(size)
    cost[: count * periods] = -np.repeat(projects.value, periods)
    whole = np.zeros(size, dtype=np.bool_)
    whole[: count * periods] = True
    return _PhaseProgram(Program(cost, rows.constraint(), whole, upper, lower), unit_vnd, periods, allowed)


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
                least=share * indicator.denominator - indicator.numerator - ROUNDING,
            )


def _out_of_reach(indicators: Sequence[Indicator], phases: Phases, allowed: NDArray[np.bool_]) -> list[_Shortfall]:
    """Targets beyond all projects together."""
    found = []
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
                found.append(_Shortfall(n, year, 100.0 * most / whole, text))
    return found


def _lowered(indicators: Sequence[Indicator], short: Sequence[_Shortfall]) -> list[Indicator]:
    """The indicators with the targets that are out of reach put where all projects together come."""
    reached: dict[int, dict[int, float]] = {}
    for one in short:
        reached.setdefault(one.indicator, {})[one.year] = one.reached_pct
    return [replace(one, targets_pct={**one.targets_pct, **reached.get(n, {})}) for n, one in enumerate(indicators)]


def _missing_money(written: _PhaseProgram, phases: Phases) -> str:
    """By how much which budgets must grow at least, for the targets to be met; empty if money is not it."""
    program = written.program
    over = np.arange(program.cost.size - written.periods, program.cost.size)
    cost, upper = np.zeros(program.cost.size), program.upper.copy()
    cost[over], upper[over] = 1.0, np.inf
    try:
        found = replace(program, cost=cost, upper=upper).solved(gap=GAP)
    except NoSolution:
        return ""
    extra_vnd = np.asarray(found.values)[over] * written.unit_vnd
    years = zip(phases.years, extra_vnd, strict=True)
    short = [f"{year}: {number(vnd / BILLION, 2)}" for year, vnd in years if vnd > 1]
    if not short:
        return ""
    return _(
        "No solution: the budget cannot hold the targets; missing at least, in billion VND: {missing}. "
        "Raise [phases] budget_vnd, or lower the targets in study.toml."
    ).format(missing="; ".join(short))
