"""Chosen placements as proposals with their reasons, and the program beside what habit would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from covplan.propose.common.backhaul import backhaul_words
from covplan.propose.common.gains import ROUNDING, covered_shares, gained, point_weights
from covplan.propose.common.records import amount, cost_columns, named, proposal_rows
from covplan.propose.places_5g.program import place_by_place, stations_of
from covplan.propose.solve.comparison import choice_columns, over_program
from covplan.study.language import MILLION
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from covplan.propose.places_5g.options import PlaceOptions
    from covplan.propose.places_5g.program import PlaceProblem
    from covplan.propose.solve.cover import Choice, Cover
    from covplan.study.boundaries import Version

INDICATOR = "5G_KEYPLACES"
YEAR = 2030  # of the target; phasing gives each its own


def plan_rows(
    problem: PlaceProblem, options: PlaceOptions, choice: Choice, communes: gpd.GeoDataFrame, version: Version
) -> gpd.GeoDataFrame:
    """One row of the layer per new placement, with those it waits for."""
    new = np.flatnonzero(choice.actions & ~options.stands).tolist()
    ids = {action: f"P-{n:03d}" for n, action in enumerate(new, start=1)}
    gains = gained(problem.cover, choice, standing=options.stands)
    helps = helped(problem.cover, choice, gains, new)
    waits_for = _waits_for(options, gains, helps, new)
    shares = covered_shares(problem.cover)
    records = [
        {
            "proposal_id": ids[action],
            "year": YEAR,
            "depends_on": ";".join(ids[one] for one in waits_for[action]) or None,
            "gap": choice.solution.gap if choice.solution else np.nan,
            **_action_columns(options, action),
            **cost_columns(options.cost[action], options.opex[action]),
            **_gain_columns(problem, gains[action]),
            **_reason_columns(problem, options, shares, action, gains[action], helps[action]),
        }
        for action in new
    ]
    at = options.actions.loc[new, ["x_m", "y_m"]]
    return proposal_rows(records, gpd.points_from_xy(at["x_m"], at["y_m"]), communes, version)


def helped(
    problem: Cover, choice: Choice, gains: Mapping[int, NDArray[np.int64]], new: Sequence[int]
) -> dict[int, NDArray[np.int64]]:
    """Demands of others that need each new placement: without it too little of them is covered.

    A placement that has no demand of its own and is not needed so carries traffic: of the demand it covers most of.
    """
    weights, shares = point_weights(problem), covered_shares(problem)
    reach = problem.reach[:, np.flatnonzero(choice.actions)].astype(np.int64)
    times = np.asarray(reach.sum(axis=1)).ravel()
    covered = weights @ (times > 0).astype(float)
    helps = {}
    for action in new:
        alone = problem.reach[:, [action]].toarray().ravel().astype(bool) & (times == 1)
        short = choice.served & (covered - weights @ alone.astype(float) < problem.share - ROUNDING)
        own = shares[:, [action]].toarray().ravel()
        demands = np.setdiff1d(np.flatnonzero(short & (own > 0)), gains[action])
        if not demands.size and not gains[action].size:
            demands = np.flatnonzero(choice.served & (own > 0) & (own >= own[choice.served].max()))[:1]
        helps[action] = demands
    return helps


def _waits_for(
    options: PlaceOptions,
    gains: Mapping[int, NDArray[np.int64]],
    helps: Mapping[int, NDArray[np.int64]],
    new: Sequence[int],
) -> dict[int, list[int]]:
    """Of each new placement: those without which its places have too little, and for a new structure the quota's."""
    for_quota = [one for one in new if not gains[one].size and not helps[one].size]
    waits = {}
    for action in new:
        waits[action] = [one for one in new if one != action and np.isin(helps[one], gains[action]).any()]
        if options.actions["new"].iloc[action] and gains[action].size:
            waits[action] += for_quota
    return waits


def _action_columns(options: PlaceOptions, action: int) -> dict[str, Any]:
    """What is done, where."""
    row = options.actions.iloc[action]
    return {
        "kind": "place_5g",
        "action": row["action"],
        "operator": row["operator"] or None,
        "location_id": None if row["new"] else row["location_id"],
        "structure": row["structure"],
        "height_m": float(row["height_m"]),
        "antenna_height_m": float(row["antenna_height_m"]),
        "bands": row["bands"],
        "length_m": row["length_m"] if row["new"] else None,
        "funding": "operator",
        "provenance": "covplan: propose.places_5g",
    }


def _places_of(problem: PlaceProblem, demands: NDArray[np.int64]) -> gpd.GeoDataFrame:
    """Places of some demands, each once."""
    return problem.places.iloc[np.unique(problem.place_of[demands])]


def _gain_columns(problem: PlaceProblem, demands: NDArray[np.int64]) -> dict[str, Any]:
    """Which places it serves."""
    served, places = _places_of(problem, demands), problem.places
    return {
        "place_id": served["place_id"].iloc[0] if len(served) else None,
        "gains": ";".join(served["place_id"]),
        "gains_count": len(served),
        "indicator": INDICATOR,
        "indicator_change": round(100.0 * len(served) / len(places), 4),
        "synthetic": bool(places["synthetic"].fillna(value=False).any()) if "synthetic" in places else False,
    }


def _reason_columns(
    problem: PlaceProblem,
    options: PlaceOptions,
    shares: csr_array,
    action: int,
    demands: NDArray[np.int64],
    helps: NDArray[np.int64],
) -> dict[str, str]:
    """Its words, in both languages."""
    served, row = _places_of(problem, demands), options.actions.iloc[action]
    if len(served):
        reasons = _reasons(served, options, problem.cover, shares, demands, action)
    else:
        reasons = _support(_places_of(problem, helps), options, problem.cover, action)
    name = str(served["name"].iloc[0]) if len(served) else ""
    goal_vi, goal_en = (name, name) if name else ("bổ sung dung lượng", "more capacity")
    what = f"{row['bands']} {row['configuration']}"
    words = {
        "upgrade_5g": (f"{row['operator'] or 'Dùng chung'} thêm 5G {what} tại {row['location_id']}",
                       f"{row['operator'] or 'Shared radio'} adds 5G {what} at {row['location_id']}"),
        "add_tenant": (f"{row['operator'] or 'Dùng chung'} lắp 5G {what} tại cột {row['location_id']}",
                       f"{row['operator'] or 'Shared radio'} joins {row['location_id']} with 5G {what}"),
        "new_structure_5g": (f"{row['structure']} mới với 5G {what}: {goal_vi}",
                             f"New {row['structure']} with 5G {what}: {goal_en}"),
    }[str(row["action"])]  # fmt: skip
    return {"title_vi": words[0], "title_en": words[1], "reason_vi": reasons[0], "reason_en": reasons[1]}


def _support(helped: pd.DataFrame, options: PlaceOptions, problem: Cover, action: int) -> tuple[str, str]:
    """What a placement is for that serves no place alone."""
    names = named([str(name) for name in helped["name"]])
    room, (own_vi, own_en) = options.capacity_mbps[action], amount(problem.cost[action] * MILLION)
    if helped.empty:
        return (
            f"Không phục vụ địa điểm nào: chỉ để đạt tỷ lệ trạm mới trên công trình có sẵn; xây dựng và vận hành "
            f"{own_vi}. Nên xem lại tỷ lệ này.",
            f"Serves no place: only the ratio of new stations on existing structures asks for it; to build and run "
            f"{own_en}. The ratio is worth a second look.",
        )
    return (
        f"Cùng vị trí khác phục vụ 5G: {names}: bổ sung vùng phủ hoặc dung lượng ({number_vi(room)} Mbit/s); xây dựng "
        f"và vận hành {own_vi}. Nếu không làm, các địa điểm này không đủ 5G.",
        f"Serves with another placement: {names}: coverage or capacity ({room:.0f} Mbit/s) that the other lacks; to "
        f"build and run {own_en}. Without it these places have too little 5G.",
    )


def _reasons(
    served: pd.DataFrame,
    options: PlaceOptions,
    problem: Cover,
    part: csr_array,
    demands: NDArray[np.int64],
    action: int,
) -> tuple[str, str]:
    """What it serves, its capacity, and the cheapest single other placement that would serve the same places."""
    names = named([str(name) for name in served["name"]])
    wanted = float(problem.traffic[demands].sum())
    own_vi, own_en = amount(problem.cost[action] * MILLION)
    room = options.capacity_mbps[action]
    vi = (
        f"Phủ 5G {len(served)} địa điểm ({names}), nhu cầu {number_vi(wanted)} Mbit/s, dung lượng "
        f"{number_vi(room)} Mbit/s; xây dựng và vận hành {own_vi}."
    )
    en = (
        f"5G for {len(served)} places ({names}), {wanted:.0f} Mbit/s wanted, {room:.0f} Mbit/s of capacity; "
        f"to build and run {own_en}."
    )
    row = options.actions.iloc[action]
    if row["new"]:
        backhaul = backhaul_words(row["way"], row["length_m"], row["hop_to"], by_road=bool(row["by_road"]))
        vi += f" Truyền dẫn: {backhaul[0]}."
        en += f" Backhaul: {backhaul[1]}."
    able = (part[demands].toarray() >= problem.share[demands][:, None] - 1e-9).all(axis=0)
    able &= (options.capacity_mbps >= wanted) & (options.actions["action"] != "stands").to_numpy(bool)
    able[action] = False
    if not able.any():
        return (
            f"{vi} Không có một vị trí nào khác phục vụ được tất cả; nếu không làm, các địa điểm này không có 5G.",
            f"{en} No other single placement serves them all; without it these places stay without 5G.",
        )
    next_vi, next_en = amount(float(problem.cost[able].min()) * MILLION)
    return (
        f"{vi} Nếu không làm, các địa điểm này không có 5G; vị trí thay thế rẻ nhất tốn {next_vi}.",
        f"{en} Without it these places stay without 5G; the cheapest single placement instead costs {next_en}.",
    )


def compared_methods(problem: PlaceProblem, options: PlaceOptions, choice: Choice, budget: float) -> pd.DataFrame:
    """The program and the habits; under a budget its bound is of users, and what habit costs more says nothing.

    Parameters
    ----------
    budget : float
        Million VND; infinite: none.
    """
    middle = problem.places.geometry.representative_point()
    at = np.column_stack([middle.x, middle.y])[problem.place_of]
    xy = options.actions[["x_m", "y_m"]].to_numpy(float)
    ranks = {
        "nearest structure for each place": np.hypot(at[:, :1] - xy[:, 0], at[:, 1:] - xy[:, 1]),
        "most demand first, cheapest": np.tile(problem.cover.cost, (len(at), 1)),
    }
    rows = [_line("program", choice, options, problem)]
    for method, rank in ranks.items():
        rows.append(_line(method, place_by_place(problem.cover, rank, problem.built, budget), options, problem))
    table = over_program(rows)
    return table.assign(bound_vnd=np.nan, over_program_pct=np.nan) if np.isfinite(budget) else table


def _line(method: str, choice: Choice, options: PlaceOptions, problem: PlaceProblem) -> dict[str, Any]:
    """What a method serves and costs: a row of the comparison."""
    new = np.flatnonzero(choice.actions & ~options.stands)
    stations, reuse_pct = stations_of(options, choice)
    return {
        "method": method,
        "places": int(choice.served.sum()),
        "of": int(problem.cover.share.size),
        "value": choice.value,
        "stations": stations,
        "new_structures": int(options.actions["new"].to_numpy(bool)[new].sum()),
        "reuse_pct": reuse_pct,
        **choice_columns(choice, sum(options.cost[a].base for a in new)),
    }
