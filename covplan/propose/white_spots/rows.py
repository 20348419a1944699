"""Chosen actions as proposals with their reasons, and the program beside what habit would do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from covplan.propose.common.backhaul import backhaul_words
from covplan.propose.common.records import MILLION, amount, named, proposal_rows
from covplan.propose.solve.baselines import cheapest_first, most_demand_first, nearest_first
from covplan.propose.solve.cover import (
    NO_SITE,
    Choice,
    Cover,
    dominated,
    next_best,
    only,
    served_by,
)
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from covplan.propose.white_spots.options import Need, Options
    from covplan.study.boundaries import Version

INDICATOR = "VILLAGE_MBB_COV"


def plan_rows(
    need: Need,
    options: Options,
    problem: Cover,
    choice: Choice,
    hamlet_of: NDArray[np.int64],
    year_of: NDArray[np.int64],
    known: int,
    communes: gpd.GeoDataFrame,
    version: Version,
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """One row of the layer per chosen action, and the site it pays for: that goes to the earliest action on it."""
    records, points, pays_for = [], [], []
    gained = _gained(problem, choice)
    paid: dict[int, str] = {}
    gap = choice.solution.gap if choice.solution else np.nan
    chosen = np.flatnonzero(choice.actions)
    for n, action in enumerate(chosen[np.argsort(year_of[chosen], kind="stable")].tolist(), start=1):
        proposal_id = f"W-{n:03d}"
        row = options.actions.iloc[action]
        cost, opex = options.cost[action], options.opex[action]
        site = int(row["site"])
        there = options.sites.iloc[site] if site != NO_SITE else None
        first_on_site = paid.setdefault(site, proposal_id) if site != NO_SITE else proposal_id
        pays_for.append(site if first_on_site == proposal_id else NO_SITE)
        if pays_for[-1] != NO_SITE:
            cost, opex = cost + options.site_cost[site], opex + options.site_opex[site]
        hamlets = need.hamlets.iloc[hamlet_of[gained[action]]]
        lost, again = next_best(problem, choice, int(action))
        own = problem.cost[action] + (problem.site_cost[site] if site != NO_SITE else 0.0)
        reasons = _reasons(hamlets, need.hamlets.iloc[hamlet_of[lost]], own * MILLION, again, row, there)
        titles = _titles(row, hamlets)
        first = hamlets.iloc[0] if len(hamlets) else None
        records.append(
            {
                "proposal_id": proposal_id,
                "kind": "white_spot",
                "action": row["action"],
                "title_vi": titles[0],
                "title_en": titles[1],
                "operator": row["operator"] or None,
                "location_id": row["location_id"],
                "village_id": None if first is None else first["village_id"],
                "structure": row["structure"],
                "height_m": float(row["height_m"]),
                "antenna_height_m": float(row["antenna_height_m"]),
                "bands": row["bands"] or None,
                "length_m": None if there is None else float(there["length_m"]),
                "gains": ";".join(hamlets["village_id"]),
                "gains_count": len(hamlets),
                "households": int(hamlets["households"].sum()),
                "indicator": INDICATOR,
                "indicator_change": round(100.0 * len(hamlets) / known, 4) if known else None,
                "cost_low_vnd": cost.low,
                "cost_base_vnd": cost.base,
                "cost_high_vnd": cost.high,
                "opex_vnd_per_year": opex.base,
                "year": int(year_of[action]),
                "depends_on": first_on_site if first_on_site != proposal_id else None,
                "funding": _funding(hamlets),
                "gap": gap,
                "reason_vi": reasons[0],
                "reason_en": reasons[1],
                "synthetic": bool(need.hamlets.get("synthetic", pd.Series([False])).fillna(value=False).any()),
                "provenance": "covplan: propose.white_spots",
            }
        )
        points.append(gpd.points_from_xy([row["x_m"]], [row["y_m"]])[0])
    return proposal_rows(records, points, communes, version), np.array(pays_for, np.int64)


def _gained(problem: Cover, choice: Choice) -> dict[int, NDArray[np.int64]]:
    """Served hamlets of each chosen action: every hamlet goes to the one that covers most of its points."""
    chosen = np.flatnonzero(choice.actions)
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    part = (owners @ problem.reach[:, chosen].astype(float)).toarray()
    best = part.argmax(axis=1) if chosen.size else np.empty(0, np.int64)
    return {int(action): np.flatnonzero(choice.served & (best == n)) for n, action in enumerate(chosen)}


def _reasons(
    hamlets: pd.DataFrame,
    lost: pd.DataFrame,
    own_vnd: float,
    again: float | None,
    row: pd.Series,
    site: pd.Series | None,
) -> tuple[str, str]:
    """What it gains, what it costs over the horizon, what the next best costs, what happens without it."""
    names, households = named(list(hamlets["name"])), int(hamlets["households"].sum())
    own_vi, own_en = amount(own_vnd)
    vi = f"Phủ {len(hamlets)} thôn ({names}), {households} hộ; xây dựng và vận hành {own_vi}."
    en = f"Covers {len(hamlets)} hamlets ({names}), {households} households; to build and run {own_en}."
    if site is not None:
        backhaul = backhaul_words(site["way"], site["length_m"], site["hop_to"], by_road=bool(site["by_road"]))
        vi += f" Truyền dẫn: {backhaul[0]}."
        en += f" Backhaul: {backhaul[1]}."
    if row["survey"]:
        vi += " Cột cần kiểm định lại trước khi lắp."
        en += " The structure is to be surveyed first."
    if not len(lost):
        return vi, en
    without = named(list(lost["name"]))
    if again is None:
        return (
            f"{vi} Nếu không làm, {len(lost)} thôn vẫn trắng sóng ({without}); không có phương án khác.",
            f"{en} Without it {len(lost)} hamlets stay dark ({without}); there is no other way.",
        )
    next_vi, next_en = amount(again * MILLION)
    return (
        f"{vi} Nếu không làm, {len(lost)} thôn vẫn trắng sóng ({without}); phương án kế tiếp tốn {next_vi}.",
        f"{en} Without it {len(lost)} hamlets stay dark ({without}); the next best way costs {next_en}.",
    )


def _titles(row: pd.Series, hamlets: pd.DataFrame) -> tuple[str, str]:
    name = str(hamlets["name"].iloc[0]) if len(hamlets) else ""
    where, who, height = row["location_id"], row["operator"], f"{row['height_m']:.0f} m"
    words = {
        "add_tenant": (f"{who} lắp trạm dùng chung tại cột {where}", f"{who} joins the structure {where}"),
        "add_band": (f"{who} thêm băng {row['bands']} tại {where}", f"{who} adds {row['bands']} at {where}"),
        "raise_antenna": (f"{who} nâng anten tại {where}", f"{who} raises its antennas at {where}"),
        "small_cell": (f"Trạm nhỏ gần {name}", f"Small cell near {name}"),
        "new_mast": (f"Cột mới {height} phủ {name}", f"New mast of {height} for {name}"),
    }
    return words[str(row["action"])]


def _funding(hamlets: pd.DataFrame) -> str:
    """The universal-service fund pays where a hamlet gained is of special difficulty and has grid power."""
    special = (hamlets["difficulty"] == "special") & hamlets["grid_power"].fillna(value=False).astype(bool)
    return "universal_service_fund" if bool(special.any()) else "operator"


def compared_methods(
    need: Need,
    options: Options,
    problem: Cover,
    hamlet_of: NDArray[np.int64],
    wanted: Mapping[int, int],
    within: Mapping[int, Choice],
    alone: Mapping[int, Choice],
) -> pd.DataFrame:
    """The program and the habits, for each year's target."""
    at = need.hamlets[["x_m", "y_m"]].to_numpy(float)[hamlet_of]
    from_actions = options.actions[["x_m", "y_m"]].to_numpy(float)
    away_m = np.hypot(at[:, :1] - from_actions[:, 0], at[:, 1:] - from_actions[:, 1])
    keep = ~dominated(problem)
    small = only(problem, keep)
    rows = []
    for year, count in wanted.items():
        rows.append(_line(year, "program", within[year], problem, options))
        if year in alone:
            rows.append(_line(year, "program, this year alone", alone[year], problem, options))
        habits: dict[str, Callable[[float], Choice]] = {
            "cheapest per hamlet first, swapped": lambda count: _spread(cheapest_first(small, count), keep),
            "most demand first": lambda count: most_demand_first(problem, count),
            "nearest mast for each hamlet": lambda count: nearest_first(problem, away_m, count),
        }
        for name, habit in habits.items():
            try:
                rows.append(_line(year, name, habit(float(count)), problem, options))
            except NoSolution:
                rows.append({"year": year, "method": name, "status": "not reached"})
    table = pd.DataFrame(rows)
    best = table[table["method"] == "program"].set_index("year")["cost_vnd"]
    table["over_program_pct"] = (100.0 * (table["cost_vnd"] / table["year"].map(best) - 1.0)).round(2)
    return table


def _spread(choice: Choice, keep: NDArray[np.bool_]) -> Choice:
    """A choice among some actions as one among all."""
    actions = np.zeros(keep.size, dtype=bool)
    actions[keep] = choice.actions
    return replace(choice, actions=actions)


def _line(year: int, method: str, choice: Choice, problem: Cover, options: Options) -> dict[str, Any]:
    chosen = np.flatnonzero(choice.actions)
    built = sum(options.cost[a].base for a in chosen) + sum(
        options.site_cost[s].base for s in np.flatnonzero(choice.sites)
    )
    found = choice.solution
    return {
        "year": year,
        "method": method,
        "hamlets": int(served_by(problem, choice.actions).sum()),
        "actions": len(chosen),
        "new_sites": int(choice.sites.sum()),
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": built,
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }
