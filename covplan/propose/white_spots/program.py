"""White spots: the cheapest actions that bring a signal to hamlets without one, and what the next hamlet costs.

Options are written down first (`white_spot_options`), then who is reached by which (`transmit`), then the program
chooses (`cover`): what an action is, costs and needs is a table anybody can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack
from scipy.spatial import cKDTree

from covplan.propose.common.costs import Range, present_value, unit_cost
from covplan.propose.common.decisions import require
from covplan.propose.common.records import MILLION
from covplan.propose.common.transmitters import reach_of
from covplan.propose.common.zones import by_area
from covplan.propose.solve.cover import (
    Choice,
    Cover,
    cover,
    least_cost,
    unreachable,
)
from covplan.propose.white_spots.options import ANY, Need, Options, hamlets_missing, rows_of_points
from covplan.propose.white_spots.rows import compared_methods, plan_rows
from covplan.radio.link_budget import shadow_margin
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.study.boundaries import Version
    from covplan.study.settings import Cost, Propagation, Propose, Radio, Rule, WhiteSpots
    from covplan.terrain.ground import Ground

FARTHER = 1.5  # times the reach of the settings: how far from an action a hamlet is still looked at


@dataclass(frozen=True)
class WhiteSpotPlan:
    """What is proposed, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    """The program beside what a planner would do by habit."""
    choice: Choice
    problem: Cover
    options: Options
    hamlets: pd.DataFrame
    """Those of the `Need`."""
    hamlet_of: NDArray[np.int64]
    """Row of `hamlets` of each demand of the problem."""
    best_dbm: NDArray[np.float64]
    """Of each demand: the weakest of its points under the best candidate, dBm."""
    pays_for: NDArray[np.int64]
    """Of each row of `proposals`: the new site whose cost is in it; −1 for none."""


def propose(
    need: Need,
    options: Options,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: WhiteSpots,
    weighing: Propose,
    rules: Sequence[Rule],
    communes: gpd.GeoDataFrame,
    version: Version,
    targets_pct: Mapping[int, float],
    *,
    required: Sequence[NDArray[np.int64]] = (),
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> WhiteSpotPlan:
    """Cheapest actions that reach the targets, each year's among those of the last year.

    The last target is solved first, over all options (`cover.least_cost`); what comes earlier is chosen among its
    actions, so that nothing is built twice. What that costs against solving the earlier target alone stands in the
    comparison.

    Parameters
    ----------
    targets_pct : mapping
        Share of the hamlets of known state that must have a signal, by year.
    required : sequence of ndarray of int
        Actions of which one must be done, for each that a planner accepted.

    Raises
    ------
    NoSolution
        A hamlet no candidate reaches, by name and with the level it would receive; or limits that exclude each other.
    """
    tell = progress or (lambda _: None)
    free, hamlet_of, best_dbm = posed(need, options, radio, propagation, ground, settings, weighing, rules, cache)
    problem = require(free, required)
    known = int(need.hamlets["known"].sum())
    fine = known - hamlet_of.size
    wanted = {year: max(0, int(np.ceil(pct * known / 100 - 1e-9)) - fine) for year, pct in sorted(targets_pct.items())}
    last = max(wanted)
    least_dbm = level_needed(radio, propagation)
    explain(problem, need.hamlets, hamlet_of, best_dbm, wanted[last], least_dbm)
    tell(f"{wanted[last]} thôn (hamlets), {problem.cost.size} phương án (options)")
    gap, limit_s = weighing.gap, weighing.time_limit_s
    final = least_cost(problem, wanted[last], gap=gap, time_limit_s=limit_s)
    year_of = np.full(problem.cost.size, last)
    alone: dict[int, Choice] = {}
    within = {last: final}
    for year in sorted(wanted)[:-1]:
        alone[year] = least_cost(problem, wanted[year], gap=gap, time_limit_s=limit_s)
        within[year] = least_cost(problem, wanted[year], forbidden=~final.actions, gap=gap, time_limit_s=limit_s)
        year_of[within[year].actions & (year_of == last)] = year
    table, pays_for = plan_rows(need, options, problem, final, hamlet_of, year_of, known, communes, version)
    comparison = compared_methods(need, options, free, hamlet_of, wanted, within, alone)
    return WhiteSpotPlan(table, comparison, final, problem, options, need.hamlets, hamlet_of, best_dbm, pays_for)


def posed(
    need: Need,
    options: Options,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: WhiteSpots,
    weighing: Propose,
    rules: Sequence[Rule],
    cache: Path | None = None,
) -> tuple[Cover, NDArray[np.int64], NDArray[np.float64]]:
    """The covering problem of the hamlets in need: demands in their order, costs in million VND over the horizon.

    ::

        sets         i hamlets of known state that lack a signal at a point that counts, p these points (of every
                     operator that must reach them, under "every"), a actions, s new sites
        reach        RSRP of the action at p ≥ threshold + shadowing margin for the confidence of the settings
        cost         built + present value of running it over the horizon
        limits       free tenants of a structure; one action per operator and structure; of new sites nearer to each
                     other than the spacing rule, one
    """
    missing = (
        ~need.any_covered[None, :] if settings.operators == "any" else ~rows_of_points(need, settings.every_operators)
    )
    in_need = hamlets_missing(need, settings)
    demand_of = np.full(len(need.hamlets), -1)
    demand_of[in_need] = np.arange(in_need.size)
    at = np.flatnonzero(missing.any(axis=0) & (demand_of[need.hamlet] >= 0))
    near = propagation.model_copy(update={"radius_km": min(propagation.radius_km, settings.reach_m / 1000.0 * FARTHER)})
    reach = reach_of(
        options.cells, need.x_m[at], need.y_m[at], level_needed(radio, propagation), ground, near, cache=cache
    )
    who = [ANY] if settings.operators == "any" else list(settings.every_operators)
    operator = options.actions["operator"].to_numpy(object)
    parts, owners, levels = [], [], []
    for row, one in enumerate(who):
        points = np.flatnonzero(missing[row][at])  # of those in need
        own = np.ones(operator.size, bool) if one == ANY else operator == one
        parts.append(csr_array(reach.covered[points].multiply(own[None, :])).astype(bool))
        owners.append(demand_of[need.hamlet[at[points]]])
        levels.append(reach.best_dbm[points])
    demand = np.concatenate(owners)
    best_dbm = np.full(in_need.size, np.inf)
    np.minimum.at(best_dbm, demand, np.concatenate(levels))
    limits, most = _limits(options, rules)
    problem = cover(
        csr_array(vstack(parts)),
        _worth(options.cost, options.opex, weighing),
        demand=demand,
        value=np.ones(in_need.size),
    )
    at_sites = problem.with_sites(
        options.actions["site"].to_numpy(np.int64), _worth(options.site_cost, options.site_opex, weighing)
    )
    return at_sites.with_limits(limits, most), in_need, best_dbm


def level_needed(radio: Radio, propagation: Propagation) -> float:
    """Median RSRP at which the threshold is met with the confidence of the settings, dBm."""
    return radio.rsrp_threshold_dbm + float(shadow_margin(radio.confidence, propagation.location_sigma_db))


def explain(
    problem: Cover,
    hamlets: pd.DataFrame,
    hamlet_of: NDArray[np.int64],
    best_dbm: NDArray[np.float64],
    wanted: float,
    least_dbm: float,
) -> None:
    """Raise NoSolution in words when more hamlets are wanted than any candidate can cover."""
    out = unreachable(problem)
    able = problem.value.sum() - problem.value[out].sum()
    if able >= wanted - 1e-9:
        return
    worst = out[np.argsort(-best_dbm[out], kind="stable")]
    lines = []
    for demand in worst[:5]:
        hamlet = hamlets.iloc[hamlet_of[demand]]
        level = f"the closest reaches {best_dbm[demand]:.0f} dBm" if np.isfinite(best_dbm[demand]) else "none is heard"
        lines.append(
            f"hamlet {hamlet['name']} ({hamlet['village_id']}) cannot be covered by any candidate within the rules; "
            f"{level}, {least_dbm:.0f} dBm are needed"
        )
    more = f"; and {out.size - 5} more" if out.size > 5 else ""
    raise NoSolution(
        f"{wanted:g} hamlets are to be covered, {able:g} of {problem.value.sum():g} can be: {'; '.join(lines)}{more}. "
        "Allow steeper or more distant ground ([propose] slope_deg, road_m), other rules, or ask for less."
    )


def supply_curve(
    plan: WhiteSpotPlan, hamlets: pd.DataFrame, costs: Mapping[str, Cost], weighing: Propose, *, nested: bool = False
) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, and the next one: the program solved for a rising demand.

    Columns: hamlets, households, cost_vnd (built and run over the horizon), next_vnd (the marginal cost), gap,
    satellite_vnd (a satellite terminal for one hamlet over the same horizon: a connection at one point, not a mobile
    signal), last_mile (the next hamlet costs more than that), village_ids (all that are covered).

    Parameters
    ----------
    nested : bool
        Each step keeps what the step before chose: dearer, but a programme that can be followed.
    """
    most = int(plan.problem.value.sum() - plan.problem.value[unreachable(plan.problem)].sum())
    satellite = unit_cost(costs, "satellite_terminal").base + present_value(
        unit_cost(costs, "satellite_subscription").base, weighing
    )
    rows: list[dict[str, Any]] = []
    before, kept = 0.0, np.zeros(plan.problem.cost.size, dtype=bool)
    for wanted in range(1, most + 1):
        one = least_cost(
            plan.problem, wanted, fixed=kept if nested else None, gap=weighing.gap, time_limit_s=weighing.time_limit_s
        )
        kept = one.actions
        served = hamlets.iloc[plan.hamlet_of[one.served]]
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


def _limits(options: Options, rules: Sequence[Rule]) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of what cannot be together; see `posed`."""
    actions, sites = options.actions, options.sites
    width = len(actions) + len(sites)
    entries: list[NDArray[np.int64]] = []
    most: list[float] = []
    if len(actions):
        on_site = actions["site"].to_numpy(np.int64).astype(str).astype(object)
        where = actions["location_id"].fillna("").to_numpy(object) + "/" + on_site
        aimed = actions.groupby([where, actions["operator"].to_numpy(object), actions["action"]]).groups.values()
        standing = actions[actions["action"].isin(["add_tenant", "raise_antenna"])]
        at_height = standing.groupby(["location_id", "antenna_height_m"]).groups.values()
        for same in (*aimed, *at_height):  # one direction of one set of antennas; one tenant of one section
            if len(same) > 1:
                entries.append(np.asarray(same, np.int64))
                most.append(1.0)
        for _, guests in actions[actions["action"] == "add_tenant"].groupby("location_id"):
            if guests["operator"].nunique() > guests["slots"].iloc[0]:
                entries.append(guests.index.to_numpy(np.int64))
                most.append(float(guests["slots"].iloc[0]))
    for pair in _too_near(sites, rules):
        entries.append(pair + len(actions))
        most.append(1.0)
    columns = np.concatenate(entries) if entries else np.empty(0, np.int64)
    starts = np.cumsum([0, *(one.size for one in entries)])
    return csr_array((np.ones(columns.size), columns, starts), shape=(len(entries), width)), np.array(most)


def _too_near(sites: pd.DataFrame, rules: Sequence[Rule]) -> list[NDArray[np.int64]]:
    """Sites of which only one may be: the heights of one candidate, and two candidates nearer than the rule."""
    if not len(sites):
        return []
    own = {int(k): v.to_numpy(np.int64) for k, v in sites.groupby("candidate").groups.items()}
    first = sites.drop_duplicates("candidate").set_index("candidate")
    spacing_m = by_area(first["urban"].to_numpy(bool), rules, "min_spacing")
    at = first[["x_m", "y_m"]].to_numpy(float)
    pairs = cKDTree(at).query_pairs(float(spacing_m.max()), output_type="ndarray")
    apart_m = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T)
    near = pairs[apart_m < np.maximum(spacing_m[pairs[:, 0]], spacing_m[pairs[:, 1]])]
    names = first.index.to_numpy(np.int64)
    rows = [np.concatenate([own[names[a]], own[names[b]]]) for a, b in near]
    return rows + [columns for columns in own.values() if columns.size > 1]


def _worth(cost: Sequence[Range], opex: Sequence[Range], weighing: Propose) -> NDArray[np.float64]:
    """Base cost to build and run over the horizon, million VND."""
    return np.array([(c.base + present_value(o.base, weighing)) / MILLION for c, o in zip(cost, opex, strict=True)])
