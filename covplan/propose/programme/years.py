"""In which year what is done: proposals of all kinds under yearly budgets and targets (multi-period program)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.solve.program import Program, Rows
from covplan.propose.solve.solver import TIME_LIMIT_S, Solution
from covplan.study.columns import split_list
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Phases, Target

ROUNDING = 1e-7
NEVER = -1
SHARE_RATIO = "BTS_SHARE_RATIO"
GAP = 0.001  # a thousandth of all benefit is no reason to wait
BILLION = 1e9
IDLE_VALUE = -1e-6  # see _progress


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
class _Written:
    """The program; proposal p in period t is column p · periods + t, overspending stands in the last columns."""

    program: Program
    unit_vnd: float
    """Of money in it: sums in VND are too large beside zeros and ones."""
    periods: int
    allowed: NDArray[np.bool_]
    """Proposals × years in which they can be done already."""


def phase(
    cost_vnd: ArrayLike,
    value: ArrayLike,
    needs: Sequence[tuple[int, int]],
    indicators: Sequence[Indicator],
    phases: Phases,
    *,
    fixed: Mapping[int, int] | None = None,
    lower_targets: bool = False,
    gap: float = GAP,
    time_limit_s: float = TIME_LIMIT_S,
) -> Phased:
    """Multi-period selection with cumulative variables: what is done counts in every later year too.

    ::

        sets         p proposals, t years, n indicators, i objects of n, S_n(i) proposals that serve i
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
    cost_vnd, value : array_like, shape (proposals,)
    needs : sequence of (later, first)
        Places of proposals of which the one needs the other.
    fixed : mapping, optional
        Year by proposal, for what is decided already.
    lower_targets : bool
        Where all proposals together miss a target, ask for what they reach and say so, instead of refusing.

    Raises
    ------
    NoSolution
        Which target is out of reach whatever is spent, or which years' budgets fall short and by how much.
    """
    cost = np.asarray(cost_vnd, float)
    written = _program(cost, np.asarray(value, float), needs, indicators, phases, fixed or {})
    short = _out_of_reach(indicators, phases, written.allowed)
    if short and not lower_targets:
        raise NoSolution(f"No solution: {short[0][-1]}")
    if short:
        indicators = _lowered(indicators, short)
        written = _program(cost, np.asarray(value, float), needs, indicators, phases, fixed or {})
    try:
        solution = written.program.solved(gap=gap, time_limit_s=time_limit_s)
    except NoSolution as error:
        raise NoSolution(_missing_money(written, phases) or str(error)) from None
    chosen = np.asarray(solution.values)
    done = chosen[: cost.size * written.periods].reshape(cost.size, written.periods) > 0.5
    year = np.where(done.any(axis=1), np.array(phases.years)[done.argmax(axis=1)], NEVER)
    spent_vnd = cost @ np.diff(done.astype(float), axis=1, prepend=0.0)
    return Phased(year, spent_vnd, solution, tuple({n: told for n, *_, told in short}.values()))


def in_years(
    proposals: gpd.GeoDataFrame,
    today: pd.DataFrame,
    locations: pd.DataFrame,
    phases: Phases,
    targets: Mapping[str, Target],
    *,
    planned: pd.DataFrame | None = None,
    counted: pd.DataFrame | None = None,
    lower_targets: bool = False,
    gap: float = GAP,
    time_limit_s: float = TIME_LIMIT_S,
) -> tuple[gpd.GeoDataFrame, Phased]:
    """Proposals of all kinds with their year, same index; one that has a year keeps it.

    The whole programme of each indicator weighs the same; a proposal's value is its part of it. `year` stays empty
    where neither a target asks for the proposal nor a budget has room.

    Parameters
    ----------
    today : DataFrame
        The indicators today; columns of resources/layers/indicators.csv.
    locations : DataFrame
        Of today: which are shared.
    planned : DataFrame, optional
        Stations in the operators' own plans: they come in the year of their `on_air` at no cost to the plan, and count
        for the sharing ratio from then on.
    counted : DataFrame, optional
        The objects behind each indicator today (resources/layers/evidence.csv); without, every object that a proposal
        gains is taken to be missing today.
    lower_targets : bool
        As in `phase`.
    """
    shown = len(proposals)
    if planned is not None and len(planned):
        rows = _as_fixed(planned, locations, phases)
        proposals = pd.concat([proposals, rows.reindex(columns=proposals.columns)], ignore_index=False)
    place = {one: n for n, one in enumerate(proposals["proposal_id"])}
    needs = [
        (n, place[first])
        for n, text in enumerate(proposals["depends_on"])
        for first in split_list(text)
        if first in place
    ]
    fixed = {n: int(year) for n, year in enumerate(proposals["year"]) if pd.notna(year)}
    indicators = effects(proposals, today, locations, phases, targets, counted)
    phased = phase(
        proposals["cost_base_vnd"].to_numpy(float),
        _progress(proposals, needs),
        needs,
        indicators,
        phases,
        fixed=fixed,
        lower_targets=lower_targets,
        gap=gap,
        time_limit_s=time_limit_s,
    )
    years = pd.Series(phased.year, index=proposals.index, dtype="Int64").where(phased.year != NEVER)
    return proposals.assign(year=years).iloc[:shown], replace(phased, year=phased.year[:shown])


def effects(
    proposals: pd.DataFrame,
    today: pd.DataFrame,
    locations: pd.DataFrame,
    phases: Phases,
    targets: Mapping[str, Target],
    counted: pd.DataFrame | None = None,
) -> list[Indicator]:
    """What the proposals do to the indicators that they move and that are counted."""
    figures = today.set_index("indicator")[["numerator", "denominator"]].dropna()
    found = []
    for name in proposals["indicator"].drop_duplicates():
        if name not in figures.index:
            continue
        mine = (proposals["indicator"] == name).to_numpy()
        adds, removes = np.zeros(len(proposals)), np.zeros(len(proposals))
        if name == SHARE_RATIO:
            objects, adds, removes = _locations_shared(proposals, locations, mine)
        else:
            objects = [split_list(text) if own else [] for text, own in zip(proposals["gains"], mine, strict=True)]
            alone = mine & np.array([not served for served in objects])
            change_pct = proposals["indicator_change"].fillna(0.0).to_numpy(float)
            adds[alone] = change_pct[alone] / 100.0 * float(figures.at[name, "denominator"])
            if counted is not None:
                missing = _missing(counted[counted["indicator"] == name])
                objects = [[one for one in served if one in missing] for served in objects]
        known = sorted({one for served in objects for one in served})
        serves = np.array([[one in served for one in known] for served in map(set, objects)], dtype=np.bool_)
        found.append(
            Indicator(
                name,
                float(figures.at[name, "numerator"]),
                float(figures.at[name, "denominator"]),
                serves.reshape(len(proposals), len(known)),
                adds,
                removes,
                yearly_targets(targets[name], phases),
            )
        )
    return found


def yearly_targets(target: Target, phases: Phases) -> dict[int, float]:
    """What the plan asks for at the end of each year, percent; years it says nothing of are left out.

    Between 2025 and 2030 the plan says nothing: with steps the target of 2025 is held, with a line it rises evenly.
    """
    first, last = target.target_2025, target.target_2030
    wanted: dict[int, float] = {}
    for year in phases.years:
        if year >= 2030 and last is not None:
            wanted[year] = last
        elif year >= 2025 and first is not None:
            rising = phases.rising == "line" and last is not None and last > first
            wanted[year] = first + (last - first) * (year - 2025) / 5 if rising and last is not None else first
    return wanted


def _program(
    cost_vnd: NDArray[np.float64],
    value: NDArray[np.float64],
    needs: Sequence[tuple[int, int]],
    indicators: Sequence[Indicator],
    phases: Phases,
    fixed: Mapping[int, int],
) -> _Written:
    proposals, years = cost_vnd.size, np.array(phases.years)
    unit_vnd = max(float(np.abs(cost_vnd).max(initial=0.0)), 1.0)
    units = cost_vnd / unit_vnd
    periods = years.size
    several = [_served_by_several(one) for one in indicators]
    firsts = np.cumsum([proposals * periods, *(len(groups) * periods for groups in several)])
    over = int(firsts[-1]) + np.arange(periods)
    size = int(firsts[-1]) + periods
    y = np.arange(proposals * periods).reshape(proposals, periods)

    rows = Rows(size)
    for t in range(1, periods):
        for p in range(proposals):
            rows.add(([y[p, t - 1]], 1.0), ([y[p, t]], -1.0), most=0)
    for later, first in needs:
        for t in range(periods):
            rows.add(([y[later, t]], 1.0), ([y[first, t]], -1.0), most=0)
    for t, budget_vnd in enumerate(phases.budget_vnd):
        if phases.keep_unspent:
            rows.add((y[:, t], units), (over[: t + 1], -1.0), most=float(sum(phases.budget_vnd[: t + 1])) / unit_vnd)
        else:
            earlier = (y[:, t - 1], -units) if t else ((), 0.0)
            rows.add((y[:, t], units), earlier, (over[t : t + 1], -1.0), most=budget_vnd / unit_vnd)
    for one, groups, first_column in zip(indicators, several, firsts[:-1], strict=True):
        _targets(rows, one, groups, y, int(first_column), phases)

    allowed = np.ones((proposals, periods), dtype=np.bool_)
    lower, upper = np.zeros(size), np.ones(size)
    upper[over] = 0.0
    for p, year in fixed.items():
        allowed[p] = years >= year
        lower[y[p]] = upper[y[p]] = allowed[p].astype(float)
    cost = np.zeros(size)
    cost[: proposals * periods] = -np.repeat(value, periods)
    whole = np.zeros(size, dtype=np.bool_)
    whole[: proposals * periods] = True
    return _Written(Program(cost, rows.constraint(), whole, upper, lower), unit_vnd, periods, allowed)


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
        for column, (by, _) in zip(c, groups, strict=True):
            rows.add(([int(column)], 1.0), (y[by, t], -1.0), most=0)
        if year in indicator.targets_pct:
            share = indicator.targets_pct[year] / 100.0
            rows.add(
                (y[:, t], only + indicator.adds + share * indicator.removes),
                (c, [count for _, count in groups]),
                least=share * indicator.denominator - indicator.numerator - ROUNDING,
            )


def _out_of_reach(
    indicators: Sequence[Indicator], phases: Phases, allowed: NDArray[np.bool_]
) -> list[tuple[int, int, float, str]]:
    """Targets beyond all proposals together: place of the indicator, year, per cent they reach, and that in words."""
    found = []
    for n, one in enumerate(indicators):
        for t, year in enumerate(phases.years):
            wanted_pct, can = one.targets_pct.get(year), allowed[:, t]
            if wanted_pct is None:
                continue
            most = one.numerator + one.serves[can].any(axis=0).sum() + np.maximum(one.adds[can], 0).sum()
            of = one.denominator - one.removes[can].sum()
            if most < wanted_pct / 100.0 * of - 2 * ROUNDING:
                told = (
                    f"{one.name}: {wanted_pct:g} % is wanted by the end of {year}; all proposals together reach "
                    f"{100 * most / of:.2f} % ({most:g} of {of:g}). Propose more, or lower the target."
                )
                found.append((n, year, 100.0 * most / of, told))
    return found


def _lowered(indicators: Sequence[Indicator], short: Sequence[tuple[int, int, float, str]]) -> list[Indicator]:
    """The indicators with the targets that are out of reach put where all proposals together come."""
    reached: dict[int, dict[int, float]] = {}
    for n, year, pct, _ in short:
        reached.setdefault(n, {})[year] = pct
    return [replace(one, targets_pct={**one.targets_pct, **reached.get(n, {})}) for n, one in enumerate(indicators)]


def _missing_money(written: _Written, phases: Phases) -> str:
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
    short = [f"{year}: {vnd / BILLION:.2f}" for year, vnd in zip(phases.years, extra_vnd, strict=True) if vnd > 1]
    if not short:
        return ""
    return (
        f"No solution: the budget cannot hold the targets; missing at least, in billion VND: {'; '.join(short)}. "
        "Raise [phases] budget_vnd, or lower the targets in study.toml."
    )


def _locations_shared(
    proposals: pd.DataFrame, locations: pd.DataFrame, mine: NDArray[np.bool_]
) -> tuple[list[list[str]], NDArray[np.float64], NDArray[np.float64]]:
    """Hosts that become shared, by proposal; what emptied locations take out of the numerator and the denominator."""
    shared, stands = set(locations.loc[locations["shared"], "location_id"]), set(locations["location_id"])
    adds, removes = np.zeros(len(proposals)), np.zeros(len(proposals))
    objects: list[list[str]] = [[] for _ in range(len(proposals))]
    left: set[str] = set()
    built: set[str] = set()
    for n in np.flatnonzero(mine):
        host, origin = proposals["location_id"].iloc[n], proposals["from_location_id"].iloc[n]
        objects[n] = [] if pd.isna(host) or host in shared else [str(host)]
        if pd.notna(host) and host not in stands and host not in built:  # a planned station on ground of its own
            built.add(str(host))
            objects[n], removes[n] = [], -1.0
        if pd.notna(origin) and origin not in left:  # those who leave it together depend on each other
            left.add(str(origin))
            removes[n], adds[n] = 1.0, -1.0 if origin in shared else 0.0
    return objects, adds, removes


def _missing(counted: pd.DataFrame) -> set[str]:
    """Objects in the denominator of an indicator that are not in its numerator yet."""
    lacks = counted["known"].astype(bool) & (counted["numerator"] < counted["denominator"])
    return set(counted.loc[lacks, "object_id"].astype(str))


def _as_fixed(planned: pd.DataFrame, locations: pd.DataFrame, phases: Phases) -> pd.DataFrame:
    """Planned stations as rows of the proposals layer that cost nothing and have their year.

    One without a year, or of a year before the plan, is there from the first year on; one of an operator that is on the
    structure already changes nothing.
    """
    there = dict(zip(locations["location_id"], locations["operators"].map(split_list), strict=True))
    new = [operator not in there.get(at, ()) for at, operator in zip(planned["location_id"], planned["operator"],
                                                                     strict=True)]  # fmt: skip
    chosen = planned[new]
    year = chosen["on_air"].dt.year.fillna(phases.years[0]).astype(int).clip(lower=phases.years[0])
    return pd.DataFrame(
        {
            "proposal_id": "planned " + chosen["station_id"].astype(str),
            "indicator": SHARE_RATIO,
            "location_id": chosen["location_id"].astype(object),
            "cost_base_vnd": 0.0,
            "year": year,
        }
    )


def _progress(proposals: pd.DataFrame, needs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Each proposal's part of all that is proposed for its indicator.

    One that moves none counts a little less than nothing where others need it (it waits for them), and a little more
    where none does: then it is done when there is room.
    """
    change = proposals["indicator_change"].abs().fillna(0.0).to_numpy(float)
    whole = pd.Series(change).groupby(proposals["indicator"].to_numpy()).transform("sum").to_numpy()
    idle = np.full(change.size, -IDLE_VALUE)
    idle[[first for _, first in needs]] = IDLE_VALUE
    return np.where(change > 0, change / np.where(whole > 0, whole, 1.0), idle)
