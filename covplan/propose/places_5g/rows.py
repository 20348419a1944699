"""Chosen placements as proposals with their reasons, and the program beside what habit would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from covplan.propose.common.backhaul import backhaul_words
from covplan.propose.common.records import MILLION, amount, named, proposal_rows
from covplan.propose.solve.cover import Choice, Cover, cost_of
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.propose.places_5g.options import PlaceOptions
    from covplan.study.boundaries import Version

INDICATOR = "5G_KEYPLACES"
ROUNDING = 1e-9  # of a share


def plan_rows(
    places: gpd.GeoDataFrame,
    options: PlaceOptions,
    problem: Cover,
    choice: Choice,
    place_of: NDArray[np.int64],
    year: int,
    communes: gpd.GeoDataFrame,
    version: Version,
) -> gpd.GeoDataFrame:
    """One row of the layer per new placement, with those it waits for."""
    records, points = [], []
    stands = (options.actions["action"] == "stands").to_numpy(bool)
    gained, part = _gained(problem, choice, stands)
    gap = choice.solution.gap if choice.solution else np.nan
    fresh = np.flatnonzero(choice.actions & ~stands).tolist()
    ids = {action: f"P-{n:03d}" for n, action in enumerate(fresh, start=1)}
    helped = _helped(problem, choice, gained, part, fresh)
    for_quota = [one for one in fresh if not gained[one].size and not helped[one].size]  # new structures need them
    for action in fresh:
        row, cost = options.actions.iloc[action], options.cost[action]
        demands = gained[action]
        served = places.iloc[np.unique(place_of[demands])]
        reasons = _reasons(served, options, problem, part, demands, action)
        if not len(served):
            reasons = _support(places.iloc[np.unique(place_of[helped[action]])], options, problem, action)
        others = [one for one in fresh if one != action and np.isin(helped[one], demands).any()]
        others += for_quota if row["new"] and len(served) else []
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
        records.append(
            {
                "proposal_id": ids[action],
                "kind": "place_5g",
                "action": row["action"],
                "title_vi": words[0],
                "title_en": words[1],
                "operator": row["operator"] or None,
                "location_id": None if row["new"] else row["location_id"],
                "place_id": served["place_id"].iloc[0] if len(served) else None,
                "structure": row["structure"],
                "height_m": float(row["height_m"]),
                "antenna_height_m": float(row["antenna_height_m"]),
                "bands": row["bands"],
                "length_m": row["length_m"] if row["new"] else None,
                "gains": ";".join(served["place_id"]),
                "gains_count": len(served),
                "indicator": INDICATOR,
                "indicator_change": round(100.0 * len(served) / len(places), 4),
                "cost_low_vnd": cost.low,
                "cost_base_vnd": cost.base,
                "cost_high_vnd": cost.high,
                "opex_vnd_per_year": options.opex[action].base,
                "year": year,
                "depends_on": ";".join(ids[one] for one in others) or None,
                "funding": "operator",
                "gap": gap,
                "reason_vi": reasons[0],
                "reason_en": reasons[1],
                "synthetic": bool(places["synthetic"].fillna(value=False).any()) if "synthetic" in places else False,
                "provenance": "covplan: propose.places_5g",
            }
        )
        points.append(gpd.points_from_xy([row["x_m"]], [row["y_m"]])[0])
    return proposal_rows(records, points, communes, version)


def _gained(
    problem: Cover, choice: Choice, stands: NDArray[np.bool_]
) -> tuple[dict[int, NDArray[np.int64]], csr_array]:
    """Demands of each chosen placement (each goes to the one that covers most of it), and covered shares of all.

    What the stations that stand do not serve by themselves goes to a new one, though they may cover more of it.
    """
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    part = csr_array(owners @ problem.reach.astype(float))
    chosen = np.flatnonzero(choice.actions)
    if not chosen.size:
        return {}, part
    room = problem.capacity[chosen] / problem.capacity.max()  # of two that cover as much, the one that carries more
    worth = part[:, chosen].toarray().round(3)
    of_new = ~stands[chosen]
    today = owners @ (problem.reach[:, chosen[~of_new]].sum(axis=1) > 0).astype(float)
    needs_new = (today < problem.share - ROUNDING) & (worth[:, of_new] > 0).any(axis=1)
    worth[np.ix_(needs_new, ~of_new)] = -1.0
    best = (worth + room / 1e4).argmax(axis=1)
    return {int(action): np.flatnonzero(choice.served & (best == n)) for n, action in enumerate(chosen)}, part


def _helped(
    problem: Cover,
    choice: Choice,
    gained: Mapping[int, NDArray[np.int64]],
    part: csr_array,
    fresh: Sequence[int],
) -> dict[int, NDArray[np.int64]]:
    """Demands of others that need each new placement: without it too little of them is covered.

    A placement that has no demand of its own and is not needed so carries traffic: of the demand it covers most of.
    """
    owners = csr_array((problem.weight, (problem.demand, np.arange(problem.demand.size))),
                       shape=(problem.share.size, problem.demand.size))  # fmt: skip
    reach = problem.reach[:, np.flatnonzero(choice.actions)].astype(np.int64)
    times = np.asarray(reach.sum(axis=1)).ravel()
    covered = owners @ (times > 0).astype(float)
    helped = {}
    for action in fresh:
        alone = problem.reach[:, [action]].toarray().ravel().astype(bool) & (times == 1)
        short = choice.served & (covered - owners @ alone.astype(float) < problem.share - ROUNDING)
        own = part[:, [action]].toarray().ravel()
        demands = np.setdiff1d(np.flatnonzero(short & (own > 0)), gained[action])
        if not demands.size and not gained[action].size:
            demands = np.flatnonzero(choice.served & (own > 0) & (own >= own[choice.served].max()))[:1]
        helped[action] = demands
    return helped


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


def compared_methods(
    places: gpd.GeoDataFrame,
    options: PlaceOptions,
    problem: Cover,
    choice: Choice,
    place_of: NDArray[np.int64],
    built: NDArray[np.float64],
    budget: float,
) -> pd.DataFrame:
    """The program and the habits; under a budget its bound is of users, and what habit costs more says nothing."""
    middle = places.geometry.representative_point()
    at = np.column_stack([middle.x, middle.y])[place_of]
    xy = options.actions[["x_m", "y_m"]].to_numpy(float)
    away_m = np.hypot(at[:, :1] - xy[:, 0], at[:, 1:] - xy[:, 1])
    by_cost = np.tile(problem.cost, (len(at), 1))
    rows = [
        method_line("program", choice, options, problem),
        method_line(
            "nearest structure for each place", place_by_place(problem, away_m, built, budget), options, problem
        ),
        method_line("most demand first, cheapest", place_by_place(problem, by_cost, built, budget), options, problem),
    ]
    table = pd.DataFrame(rows)
    if np.isfinite(budget):
        return table.assign(bound_vnd=np.nan, over_program_pct=np.nan)
    table["over_program_pct"] = (100.0 * (table["cost_vnd"] / table["cost_vnd"].iloc[0] - 1.0)).round(2)
    return table


def place_by_place(
    problem: Cover, rank: NDArray[np.float64], built: NDArray[np.float64], budget: float = np.inf
) -> Choice:
    """Place by place, most traffic first: what is chosen already is used, else the first by rank that helps.

    Keeps capacities and the budget: a place that cannot be served whole for what is left is passed over. Limits are not
    looked at. What a planner does by hand.

    Parameters
    ----------
    rank : ndarray, shape (demands, actions)
        Smaller is tried first.
    built, budget
        As in `most_users`.
    """
    taken = problem.cost == 0
    room = problem.capacity.copy()
    points = [np.flatnonzero(problem.demand == d) for d in range(problem.share.size)]
    reach = csr_array(problem.reach)
    carries = problem.carries.toarray().astype(bool)
    served = np.zeros(problem.share.size, dtype=bool)
    for demand in np.argsort(-problem.traffic, kind="stable"):
        chosen, left = taken.copy(), room.copy()
        own = reach[points[demand]].toarray()
        order = np.argsort(rank[demand], kind="stable")
        order = np.concatenate([order[chosen[order]], order[~chosen[order]]])
        need, covered = float(problem.traffic[demand]), own[:, chosen].any(axis=1)
        for action in order:
            done = problem.weight[points[demand]][covered].sum() >= problem.share[demand] - 1e-9
            if done and need <= 1e-9:
                break
            carried = min(need, float(left[action])) if carries[demand, action] else 0.0
            gains = (own[:, action] & ~covered).any() and not done
            if not gains and carried <= 0:
                continue
            chosen[action] = True
            covered |= own[:, action]
            need -= carried
            left[action] -= carried
        done = problem.weight[points[demand]][covered].sum() >= problem.share[demand] - 1e-9
        if done and need <= 1e-9 and built[chosen].sum() <= budget:
            taken, room, served[demand] = chosen, left, True
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    return Choice(taken, sites, served, cost_of(problem, taken), float(problem.value[served].sum()), None)


def method_line(method: str, choice: Choice, options: PlaceOptions, problem: Cover) -> dict[str, Any]:
    """What a method serves and costs: a row of the comparison."""
    fresh = np.flatnonzero(choice.actions & (options.actions["action"] != "stands").to_numpy(bool))
    new = options.actions["new"].to_numpy(bool)[fresh]
    found = choice.solution
    return {
        "method": method,
        "places": int(choice.served.sum()),
        "of": int(problem.share.size),
        "value": choice.value,
        "stations": len(fresh),
        "new_structures": int(new.sum()),
        "reuse_pct": round(100.0 * float((~new).mean()), 2) if fresh.size else np.nan,
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": sum(options.cost[a].base for a in fresh),
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }
