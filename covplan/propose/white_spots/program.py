"""White spots: the cheapest actions that bring a signal to hamlets without one, and what the next hamlet costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack
from scipy.spatial import cKDTree

from covplan.propose.common.costs import cost_over_horizon, present_value, unit_cost
from covplan.propose.common.decisions import require
from covplan.propose.common.reach import reach_of
from covplan.propose.common.zones import by_area
from covplan.propose.solve.cover import Choice, Cover, as_much_as_can_be, cover, least_cost, serving, unreachable
from covplan.propose.white_spots.options import Case, WhiteSpotOptions, hamlets_missing, required_operators
from covplan.study.codes import ANY
from covplan.study.errors import NoSolution
from covplan.study.language import MILLION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.study.settings import Cost, Propose, Rule

FARTHER = 1.5  # times the reach of the settings: how far from an action a hamlet is still looked at
ROUNDING = 1e-9


@dataclass(frozen=True)
class WhiteSpotProblem:
    """The covering problem of the hamlets in need, and what its demands are."""

    cover: Cover
    hamlets: pd.DataFrame
    """Those of the `Need`."""
    hamlet_of: NDArray[np.int64]
    """Of each demand: row of `hamlets`."""
    best_dbm: NDArray[np.float64]
    """Of each demand: the weakest of its points under the best candidate."""
    required_dbm: float

    @property
    def known(self) -> int:
        """Hamlets whose state is known: those a target is a share of."""
        return int(self.hamlets["known"].sum())

    def without(self, demands: NDArray[np.int64]) -> WhiteSpotProblem:
        """The problem of the other hamlets; what targets are a share of stays."""
        if not demands.size:
            return self
        keep = np.ones(self.hamlet_of.size, dtype=bool)
        keep[demands] = False
        return replace(
            self, cover=serving(self.cover, keep), hamlet_of=self.hamlet_of[keep], best_dbm=self.best_dbm[keep]
        )

    def requiring(self, required: Sequence[NDArray[np.int64]]) -> WhiteSpotProblem:
        """The problem in which one action of each group is done."""
        return replace(self, cover=require(self.cover, required))


@dataclass(frozen=True)
class YearlyChoices:
    """What is to be served by when, and the actions for it."""

    asked: Mapping[int, int]
    """Hamlets by year that the targets ask for, of those in need."""
    wanted: Mapping[int, int]
    """The same, no more than can be served."""
    within: Mapping[int, Choice]
    """Of each year, among the actions of the last."""
    alone: Mapping[int, Choice]
    """Of each year before the last, as if there were no later one."""

    @property
    def final(self) -> Choice:
        """All that is done in the end."""
        return self.within[max(self.wanted)]

    @property
    def year_of(self) -> NDArray[np.int64]:
        """Of each action: the first year that needs it; the last one for those that are not chosen."""
        last = max(self.wanted)
        years = np.full(self.final.actions.size, last)
        for year in sorted(self.wanted)[:-1]:
            years[self.within[year].actions & (years == last)] = year
        return years


def white_spot_problem(case: Case, options: WhiteSpotOptions) -> WhiteSpotProblem:
    """The covering problem of the hamlets in need: demands in their order, costs in million VND over the horizon.

    ::

        sets         i hamlets of known state that lack a signal at a point that counts, p these points (of every
                     operator that must reach them, under "every"), a actions, s new sites
        reach        RSRP of the action at p ≥ what is asked of it + margin for the confidence of the settings
        cost         built + present value of running it over the horizon
        limits       free tenants of a structure; one action per operator and structure; of new sites nearer to each
                     other than the spacing rule, one
    """
    need, settings, propose = case.need, case.settings, case.assumptions.propose
    operators = required_operators(settings)
    missing = ~need.covered_by(operators)
    in_need = hamlets_missing(need, settings)
    demand_of = np.full(len(need.hamlets), -1)
    demand_of[in_need] = np.arange(in_need.size)
    at = np.flatnonzero(missing.any(axis=0) & (demand_of[need.hamlet] >= 0))
    within_km = settings.reach_m / 1000.0 * FARTHER
    reach = reach_of(options.cells, need.x_m[at], need.y_m[at], case.model, within_km=within_km)
    operator_of = options.actions["operator"].to_numpy(object)
    parts, owners, levels = [], [], []
    for row, one in enumerate(operators):
        points = np.flatnonzero(missing[row][at])  # of those in need
        own = np.ones(operator_of.size, bool) if one == ANY else operator_of == one
        parts.append(csr_array(reach.covered[points].multiply(own[None, :])).astype(bool))
        owners.append(demand_of[need.hamlet[at[points]]])
        levels.append(reach.best_dbm[points])
    demand = np.concatenate(owners)
    best_dbm = np.full(in_need.size, np.inf)
    np.minimum.at(best_dbm, demand, np.concatenate(levels))
    limits, most = _limits(options, case.assumptions.rules)
    problem = cover(
        csr_array(vstack(parts)),
        cost_over_horizon(options.cost, options.opex, propose),
        demand=demand,
        value=np.ones(in_need.size),
    )
    site_cost = cost_over_horizon(options.sites.cost, options.sites.opex, propose)
    problem = problem.with_sites(options.actions["site"].to_numpy(np.int64), site_cost).with_limits(limits, most)
    return WhiteSpotProblem(problem, need.hamlets, in_need, best_dbm, case.model.required_dbm)


def hamlets_wanted(problem: WhiteSpotProblem, targets_pct: Mapping[int, float]) -> dict[int, int]:
    """Hamlets in need that must be served for the share of each year, of those whose state is known."""
    fine = problem.known - problem.hamlet_of.size
    return {
        year: max(0, int(np.ceil(pct * problem.known / 100 - ROUNDING)) - fine)
        for year, pct in sorted(targets_pct.items())
    }


def choose_by_year(problem: WhiteSpotProblem, wanted: Mapping[int, int], propose: Propose) -> YearlyChoices:
    """Cheapest actions that reach the targets, each year's among those of the last year.

    The last target is solved first, over all options (`cover.least_cost`); what comes earlier is chosen among its
    actions, so that nothing is built twice. What that costs against solving the earlier target alone stands in the
    comparison. Where more is wanted than hamlets can be served, as many are as can be.
    """
    last, gap, limit_s = max(wanted), propose.gap, propose.time_limit_s
    able = problem.hamlet_of.size
    final = as_much_as_can_be(problem.cover, min(wanted[last], able), gap=gap, time_limit_s=limit_s)
    asked, wanted = wanted, {year: min(count, max(round(final.value), 0)) for year, count in wanted.items()}
    within, alone = {last: final}, {}
    for year in sorted(wanted)[:-1]:
        alone[year] = least_cost(problem.cover, wanted[year], gap=gap, time_limit_s=limit_s)
        within[year] = least_cost(problem.cover, wanted[year], forbidden=~final.actions, gap=gap, time_limit_s=limit_s)
    return YearlyChoices(asked, wanted, within, alone)


def supply_curve(
    problem: WhiteSpotProblem, costs: Mapping[str, Cost], propose: Propose, *, nested: bool = False
) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, and the next one: the program solved for a rising demand.

    Columns: hamlets, households, cost_vnd (built and run over the horizon), next_vnd (the marginal cost), gap,
    satellite_vnd (a satellite terminal for one hamlet over the same horizon: a connection at one point, not a mobile
    signal), last_mile (the next hamlet costs more than that), village_ids (all that are covered).

    It ends where the limits have no room for one hamlet more.

    Parameters
    ----------
    nested : bool
        Each step keeps what the step before chose: dearer, but a programme that can be followed.
    """
    value = problem.cover.value
    most = int(value.sum() - value[unreachable(problem.cover)].sum())
    satellite = satellite_vnd(costs, propose)
    rows: list[dict[str, Any]] = []
    before, kept = 0.0, np.zeros(problem.cover.cost.size, dtype=bool)
    for wanted in range(1, most + 1):
        try:
            one = least_cost(
                problem.cover,
                wanted,
                fixed=kept if nested else None,
                gap=propose.gap,
                time_limit_s=propose.time_limit_s,
            )
        except NoSolution:  # each can be served, but the limits have no room for so many together
            break
        kept = one.actions
        served = problem.hamlets.iloc[problem.hamlet_of[one.served]]
        rows.append(
            {
                "hamlets": wanted,
                "households": int(served["households"].sum()),
                "cost_vnd": one.cost * MILLION,
                "next_vnd": (one.cost - before) * MILLION,
                "gap": one.solution.gap if one.solution else np.nan,
                "satellite_vnd": satellite,
                "last_mile": (one.cost - before) * MILLION > satellite,
                "village_ids": ";".join(served["village_id"]),
            }
        )
        before = one.cost
    return pd.DataFrame(rows)


def satellite_vnd(costs: Mapping[str, Cost], propose: Propose) -> float:
    """A satellite terminal for one hamlet, bought and run over the horizon."""
    subscription = unit_cost(costs, "satellite_subscription").base
    return unit_cost(costs, "satellite_terminal").base + present_value(subscription, propose)


def _limits(options: WhiteSpotOptions, rules: Sequence[Rule]) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of what cannot be together, actions first, then sites; see `white_spot_problem`."""
    actions, sites = options.actions, options.sites
    together = [*_one_each(actions), *_guests(actions)]
    together += [(pair + len(actions), 1.0) for pair in _too_near(sites.table, rules)]
    width = len(actions) + len(sites.table)
    columns = np.concatenate([one for one, _ in together]) if together else np.empty(0, np.int64)
    starts = np.cumsum([0, *(one.size for one, _ in together)])
    rows = csr_array((np.ones(columns.size), columns, starts), shape=(len(together), width))
    return rows, np.array([most for _, most in together])


def _one_each(actions: pd.DataFrame) -> list[tuple[NDArray[np.int64], float]]:
    """Actions of which one may be: directions of one set of antennas, tenants of one section."""
    if not len(actions):
        return []
    on_site = actions["site"].to_numpy(np.int64).astype(str).astype(object)
    where = actions["location_id"].fillna("").to_numpy(object) + "/" + on_site
    aimed = actions.groupby([where, actions["operator"].to_numpy(object), actions["action"]]).groups.values()
    standing = actions[actions["action"].isin(["add_tenant", "raise_antenna"])]
    at_height = standing.groupby(["location_id", "antenna_height_m"]).groups.values()
    return [(np.asarray(same, np.int64), 1.0) for same in (*aimed, *at_height) if len(same) > 1]


def _guests(actions: pd.DataFrame) -> list[tuple[NDArray[np.int64], float]]:
    """New tenants of a structure, and how many it has room for, where that is fewer."""
    rows = []
    for _location, guests in actions[actions["action"] == "add_tenant"].groupby("location_id"):
        slots = guests["slots"].iloc[0]
        if guests["operator"].nunique() > slots:
            rows.append((guests.index.to_numpy(np.int64), float(slots)))
    return rows


def _too_near(sites: pd.DataFrame, rules: Sequence[Rule]) -> list[NDArray[np.int64]]:
    """Sites of which only one may be: the heights of one candidate, and two candidates nearer than the rule."""
    if not len(sites):
        return []
    own = {k: v.to_numpy(np.int64) for k, v in sites.groupby("candidate").groups.items()}
    first = sites.drop_duplicates("candidate").set_index("candidate")
    spacing_m = by_area(first["urban"].to_numpy(bool), rules, "min_spacing")
    at = first[["x_m", "y_m"]].to_numpy(float)
    pairs = cKDTree(at).query_pairs(float(spacing_m.max()), output_type="ndarray")
    apart_m = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T)
    near = pairs[apart_m < np.maximum(spacing_m[pairs[:, 0]], spacing_m[pairs[:, 1]])]
    names = first.index.to_numpy(np.int64)
    rows = [np.concatenate([own[names[a]], own[names[b]]]) for a, b in near]
    return rows + [columns for columns in own.values() if columns.size > 1]
