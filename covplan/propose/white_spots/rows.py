"""Chosen actions as proposals with their reasons, and the program beside what habit would do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.gains import gained
from covplan.propose.common.not_served import left_out
from covplan.propose.common.records import cost_columns, proposal_rows
from covplan.propose.solve.baselines import cheapest_first, most_demand_first, nearest_first
from covplan.propose.solve.comparison import choice_columns
from covplan.propose.solve.cover import NO_SITE, Choice, dominated, next_best, only, served_by
from covplan.propose.white_spots.program import satellite_vnd
from covplan.propose.white_spots.reasons import Dark, reason, title, why_dark
from covplan.study.codes import ANY
from covplan.study.errors import NoSolution
from covplan.study.kinds import WHITE_SPOT
from covplan.study.language import MILLION, columns_in_both

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from covplan.propose.white_spots.options import Case, WhiteSpotOptions
    from covplan.propose.white_spots.program import WhiteSpotProblem, YearlyChoices
    from covplan.study.boundaries import Version

INDICATOR = "VILLAGE_MBB_COV"


def plan_rows(
    problem: WhiteSpotProblem,
    options: WhiteSpotOptions,
    choices: YearlyChoices,
    communes: gpd.GeoDataFrame,
    version: Version,
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """One row of the layer per chosen action, and the site it pays for: that goes to the earliest action on it."""
    final, year_of = choices.final, choices.year_of
    records, pays_for = [], []
    paid_by: dict[int, str] = {}
    gains = gained(problem.cover, final)
    chosen = np.flatnonzero(final.actions)
    in_order = chosen[np.argsort(year_of[chosen], kind="stable")]
    for n, action in enumerate(in_order.tolist(), start=1):
        proposal_id, site = f"W-{n:03d}", int(options.actions["site"].iloc[action])
        first_on_site = paid_by.setdefault(site, proposal_id) if site != NO_SITE else proposal_id
        pays_for.append(site if first_on_site == proposal_id else NO_SITE)
        records.append(
            {
                "proposal_id": proposal_id,
                "year": int(year_of[action]),
                "depends_on": first_on_site if first_on_site != proposal_id else None,
                "gap": final.solution.gap if final.solution else np.nan,
                **_action_columns(options, action),
                **_cost_columns(options, action, pays_for[-1]),
                **_gain_columns(problem, gains[action]),
                **_reason_columns(problem, options, final, action, gains[action]),
            }
        )
    at = options.actions.loc[in_order, ["x_m", "y_m"]]
    return proposal_rows(records, gpd.points_from_xy(at["x_m"], at["y_m"]), communes, version), np.array(
        pays_for, np.int64
    )


def _action_columns(options: WhiteSpotOptions, action: int) -> dict[str, Any]:
    """What is done, where."""
    row = options.actions.iloc[action]
    site = int(row["site"])
    return {
        "kind": WHITE_SPOT,
        "action": row["action"],
        "operator": None if row["operator"] == ANY else row["operator"],
        "location_id": row["location_id"],
        "structure": row["structure"],
        "height_m": float(row["height_m"]),
        "antenna_height_m": float(row["antenna_height_m"]),
        "bands": row["bands"] or None,
        "length_m": None if site == NO_SITE else float(options.sites.table["length_m"].iloc[site]),
        "provenance": "covplan: propose.white_spots",
    }


def _cost_columns(options: WhiteSpotOptions, action: int, pays_for: int) -> dict[str, Any]:
    """What it costs, with the site it pays for."""
    cost, opex = options.cost[action], options.opex[action]
    if pays_for != NO_SITE:
        cost, opex = cost + options.sites.cost[pays_for], opex + options.sites.opex[pays_for]
    return cost_columns(cost, opex)


def _gain_columns(problem: WhiteSpotProblem, demands: NDArray[np.int64]) -> dict[str, Any]:
    """Whom it serves, and who pays for that."""
    hamlets, known = problem.hamlets.iloc[problem.hamlet_of[demands]], problem.known
    synthetic = problem.hamlets.get("synthetic", pd.Series([False]))
    return {
        "village_id": hamlets["village_id"].iloc[0] if len(hamlets) else None,
        "gains": ";".join(hamlets["village_id"]),
        "gains_count": len(hamlets),
        "households": int(hamlets["households"].sum()),
        "indicator": INDICATOR,
        "indicator_change": round(100.0 * len(hamlets) / known, 4) if known else None,
        "funding": _funding(hamlets),
        "synthetic": bool(synthetic.fillna(value=False).any()),
    }


def _reason_columns(
    problem: WhiteSpotProblem, options: WhiteSpotOptions, choice: Choice, action: int, demands: NDArray[np.int64]
) -> dict[str, str]:
    """Its title and its reason, in both languages."""
    row, hamlets = options.actions.iloc[action], problem.hamlets.iloc[problem.hamlet_of]
    site, served = int(row["site"]), hamlets.iloc[demands]
    lost, again = next_best(problem.cover, choice, action)
    cost = problem.cover.cost[action] + (problem.cover.site_cost[site] if site != NO_SITE else 0.0)
    there = options.sites.table.iloc[site] if site != NO_SITE else None
    return columns_in_both(
        title=lambda: title(row, served),
        reason=lambda: reason(
            row,
            there,
            served,
            hamlets.iloc[lost],
            cost_vnd=cost * MILLION,
            next_vnd=None if again is None else again * MILLION,
        ),
    )


def not_served_rows(
    asked: WhiteSpotProblem,
    left: WhiteSpotProblem,
    choices: YearlyChoices,
    causes: NDArray[np.object_],
    case: Case,
    options: WhiteSpotOptions,
) -> list[dict[str, Any]]:
    """Hamlets that stay without a signal, each with its reason.

    Parameters
    ----------
    asked, left : WhiteSpotProblem
        Of all hamlets in need, and of those that some option reaches: the choices serve some of these.
    causes : ndarray of str
        Of each demand of `asked` that `left` lacks: why no option reaches it; empty for the others.
    """
    served = set(left.hamlet_of[choices.final.served].tolist())
    enough = len(served) >= choices.asked[max(choices.asked)]
    costs, propose = case.assumptions.costs, case.assumptions.propose
    known_cost = {"satellite_terminal", "satellite_subscription"} <= set(costs)
    satellite = satellite_vnd(costs, propose) if known_cost else None
    rows = []
    unknown = np.flatnonzero(~asked.hamlets["known"].to_numpy(bool))
    in_need = zip(asked.hamlet_of.tolist(), causes.tolist(), asked.best_dbm.tolist(), strict=True)
    for hamlet, cause, best_dbm in [*in_need, *((int(one), "unknown", -np.inf) for one in unknown)]:
        if hamlet in served:
            continue
        row = asked.hamlets.iloc[hamlet]
        dark = Dark(
            cause or ("not_asked" if enough else "no_room"), best_dbm, asked.required_dbm,
            case.settings.reach_m / 1000.0, satellite,
            "no ground" if case.new_ground.empty else "no network" if options.sites.table.empty else "looked at",
        )  # fmt: skip
        rows.append(
            left_out(
                WHITE_SPOT, "hamlet", row["village_id"], dark.cause, words=partial(why_dark, dark),
                name=row["name"], households=row["households"],
            )
        )  # fmt: skip
    return rows


def _funding(hamlets: pd.DataFrame) -> str:
    """The universal-service fund pays where a hamlet gained is of special difficulty and has grid power."""
    special = (hamlets["difficulty"] == "special") & hamlets["grid_power"].fillna(value=False).astype(bool)
    return "universal_service_fund" if bool(special.any()) else "operator"


def compared_methods(problem: WhiteSpotProblem, options: WhiteSpotOptions, choices: YearlyChoices) -> pd.DataFrame:
    """The program and the habits, for each year's target."""
    free = problem.cover
    at = problem.hamlets[["x_m", "y_m"]].to_numpy(float)[problem.hamlet_of]
    from_actions = options.actions[["x_m", "y_m"]].to_numpy(float)
    away_m = np.hypot(at[:, :1] - from_actions[:, 0], at[:, 1:] - from_actions[:, 1])
    keep = ~dominated(free)
    small = only(free, keep)
    habits: dict[str, Callable[[float], Choice]] = {
        "cheapest per hamlet first, swapped": lambda count: _among_all(cheapest_first(small, count), keep),
        "most demand first": lambda count: most_demand_first(free, count),
        "nearest mast for each hamlet": lambda count: nearest_first(free, away_m, count),
    }
    rows = []
    for year, count in choices.wanted.items():
        rows.append(_line(year, "program", choices.within[year], problem, options))
        if year in choices.alone:
            rows.append(_line(year, "program, this year alone", choices.alone[year], problem, options))
        for name, habit in habits.items():
            try:
                rows.append(_line(year, name, habit(float(count)), problem, options))
            except NoSolution:
                rows.append({"year": year, "method": name, "status": "not reached"})
    table = pd.DataFrame(rows)
    best = table[table["method"] == "program"].set_index("year")["cost_vnd"]
    over_pct = 100.0 * (table["cost_vnd"] / table["year"].map(best) - 1.0)
    return table.assign(over_program_pct=over_pct.round(2))


def _among_all(choice: Choice, keep: NDArray[np.bool_]) -> Choice:
    """A choice among some actions as one among all."""
    actions = np.zeros(keep.size, dtype=bool)
    actions[keep] = choice.actions
    return replace(choice, actions=actions)


def _line(
    year: int, method: str, choice: Choice, problem: WhiteSpotProblem, options: WhiteSpotOptions
) -> dict[str, Any]:
    """What a method serves and costs: a row of the comparison."""
    chosen, sites = np.flatnonzero(choice.actions), np.flatnonzero(choice.sites)
    built = sum(options.cost[a].base for a in chosen) + sum(options.sites.cost[s].base for s in sites)
    return {
        "year": year,
        "method": method,
        "hamlets": int(served_by(problem.cover, choice.actions).sum()),
        "actions": len(chosen),
        "new_sites": len(sites),
        **choice_columns(choice, built),
    }
