"""5G at places: which structures get which band and radio, so that every place has the signal and the capacity.

Structures that stand come first by cost and by quota; new ones are non-bulky (a rooftop, a camouflaged pole), so they
may stand anywhere, headquarters included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from covplan.propose.common.costs import present_value
from covplan.propose.common.decisions import require
from covplan.propose.common.records import MILLION, named
from covplan.propose.common.transmitters import reach_of
from covplan.propose.places_5g.options import LOOK_M, SECTORS, PlaceOptions
from covplan.propose.places_5g.rows import compared_methods, method_line, plan_rows
from covplan.propose.solve.cover import Choice, Cover, cover, least_cost_in_parts, most_value, served_by, stacked
from covplan.propose.white_spots.options import ANY
from covplan.propose.white_spots.program import level_needed
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from covplan.study.boundaries import Version
    from covplan.study.settings import Places5G, Propagation, Propose, Radio
    from covplan.terrain.ground import Ground

CARRIES = 0.5  # of a place's area that a placement must cover to carry its traffic


@dataclass(frozen=True)
class PlacesPlan:
    """What is proposed for the places, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    choice: Choice
    problem: Cover
    options: PlaceOptions
    place_of: NDArray[np.int64]
    """Row of `places` of each demand; with several operators one demand for each."""


def propose(
    places: gpd.GeoDataFrame,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    place: NDArray[np.int64],
    options: PlaceOptions,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: Places5G,
    weighing: Propose,
    least_share: float,
    reuse_share: float,
    communes: gpd.GeoDataFrame,
    version: Version,
    *,
    year: int = 2030,
    required: Sequence[NDArray[np.int64]] = (),
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> PlacesPlan:
    """Cheapest placements that give every place its signal and its capacity, beside what habit would do.

    Parameters
    ----------
    places : GeoDataFrame
        place_id, name, kind, demand_mbps, users; numbered from 0.
    x_m, y_m, place : ndarray
        Sample points (study CRS), and the row of the place each belongs to.
    reuse_share : float
        Share of the new stations that must stand on existing structures.
    required : sequence of ndarray of int
        Placements of which one must be built, for each that a planner accepted.
    """
    free, place_of = posed(
        places, x_m, y_m, place, options, radio, propagation, ground, settings, weighing, least_share, reuse_share,
        cache=cache,
    )  # fmt: skip
    problem = require(free, required)
    if progress:
        progress(f"5G: {problem.share.size} địa điểm (places), {problem.cost.size} phương án (options)")
    out = np.flatnonzero(~served_by(problem, np.ones(problem.cost.size, dtype=bool)))
    if out.size and not settings.budget_vnd:
        by = [f" ({one})" for one in settings.operators] if settings.policy == "each" else [""]
        names = named([f"{places['name'].iloc[place_of[n]]}{by[n // len(places)]}" for n in out])
        raise NoSolution(
            f"5G: {out.size} places cannot be covered by any placement within the rules: {names}. Allow a smaller "
            "share of their area ([places] least_share), planned places to wait ([places_5g] planned = false), or "
            "other operators ([places_5g] operators)."
        )
    built = np.array([one.base for one in options.cost]) / MILLION
    if settings.budget_vnd:
        choice = most_users(problem, built, settings.budget_vnd / MILLION, weighing)
    else:
        try:
            choice = least_cost_in_parts(problem, gap=weighing.gap, time_limit_s=weighing.time_limit_s)
        except NoSolution as error:
            raise NoSolution(_contradiction(options, problem, weighing, reuse_share)) from error
    table = plan_rows(places, options, problem, choice, place_of, year, communes, version)
    compared = compared_methods(places, options, free, choice, place_of, built, settings.budget_vnd / MILLION or np.inf)
    return PlacesPlan(table, compared, choice, problem, options, place_of)


def most_users(problem: Cover, built: NDArray[np.float64], budget: float, weighing: Propose) -> Choice:
    """Most users at places for what may be built (`cover.most_value`), the same at least cost to build and run.

    Parameters
    ----------
    built, budget : ndarray, float
        What each placement costs to build, and what all may cost together, million VND.
    """
    paid = np.concatenate([built, np.zeros(problem.site_cost.size)])
    limits = csr_array(vstack([problem.limits, csr_array(paid[None, :])]))
    within = replace(problem, limits=limits, most=np.append(problem.most, budget))
    return most_value(within, np.inf, gap=weighing.gap, time_limit_s=weighing.time_limit_s)


def _contradiction(options: PlaceOptions, problem: Cover, weighing: Propose, reuse_share: float) -> str:
    """Which requirement the places contradict: the quota, or the capacity and the tenants of all there is."""
    without = replace(problem, limits=csr_array(problem.limits[1:]), most=problem.most[1:])  # the quota is the first
    try:
        found = least_cost_in_parts(without, gap=weighing.gap, time_limit_s=weighing.time_limit_s)
    except NoSolution as error:
        return f"5G: signal and capacity for all places at once are beyond all placements together ({error})"
    line = method_line("", found, options, problem)
    return (
        f"5G: {100 * reuse_share:g} % of the new stations on existing structures cannot be kept; without this rule "
        f"{line['stations']} stations serve all places, {line['reuse_pct']:g} % of them on existing structures. Lower "
        "[targets.BTS_NEW_SHARE_RATIO] target_2030, or let fewer places or operators count."
    )


def posed(
    places: gpd.GeoDataFrame,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    place: NDArray[np.int64],
    options: PlaceOptions,
    radio: Radio,
    propagation: Propagation,
    ground: Ground,
    settings: Places5G,
    weighing: Propose,
    least_share: float,
    reuse_share: float,
    *,
    cache: Path | None = None,
) -> tuple[Cover, NDArray[np.int64]]:
    """The covering problem of the places, with capacity; costs in million VND over the horizon.

    ::

        sets         i places (for each operator under "each"), p their sample points, a placements: structure,
                     operator, band and radio; those on air cost nothing
        reach        SS-RSRP of the placement at p ≥ threshold + shadowing margin for the confidence of the settings
        share        of i's area that must be covered; its traffic goes to placements that cover half of it or more
                     and have a sector for it (a place drawn as an area may spread over several)
        limits       Σ new stations · reuse share ≤ Σ new stations on existing structures;
                     tenants of a structure; one radio per operator, band and structure
    """
    near = propagation.model_copy(update={"radius_km": min(propagation.radius_km, LOOK_M / 1000.0)})
    reach = reach_of(options.cells, x_m, y_m, level_needed(radio, propagation), ground, near, cache=cache).covered
    operator = options.actions["operator"].to_numpy(object)
    who = list(settings.operators) if settings.policy == "each" else [ANY]
    count, points = len(places), x_m.size
    parts = [reach if one == ANY else csr_array(reach.multiply((operator == one)[None, :])).astype(bool) for one in who]
    traffic = places["demand_mbps"].fillna(0.0).to_numpy(float) / len(who)
    users = places["users"].fillna(0).to_numpy(float)
    stack = csr_array(stacked(parts, [], reach.shape[1])[0])
    demand = np.concatenate([place + n * count for n in range(len(who))])
    size = np.bincount(place, minlength=count)
    owners = csr_array((1.0 / np.tile(size[place], len(who)), (demand, np.arange(points * len(who)))),
                       shape=(count * len(who), points * len(who)))  # fmt: skip
    part = csr_array(owners @ stack.astype(float))
    # A place known as a point lies in one sector, which must carry it whole; an area spreads over several.
    sector_mbps = options.capacity_mbps / SECTORS
    whole = np.where(places.geometry.area > 0, 0.0, np.minimum(traffic, sector_mbps.max(initial=0.0)))
    arcs = part.tocoo()
    able = (arcs.data >= CARRIES) & (sector_mbps[arcs.col] >= np.tile(whole, len(who))[arcs.row] - 1e-9)
    part = csr_array((np.ones(int(able.sum())), (arcs.row[able], arcs.col[able])), shape=part.shape)
    limits, most = _limits(options, reuse_share)
    problem = cover(
        stack,
        np.array([(c.base + present_value(o.base, weighing)) / MILLION
                  for c, o in zip(options.cost, options.opex, strict=True)]),
        demand=demand,
        share=least_share,
        value=np.tile(np.maximum(users, 1.0), len(who)),
    )  # fmt: skip
    problem = problem.with_limits(limits, most)
    problem = problem.with_traffic(np.tile(traffic, len(who)), options.capacity_mbps, part)
    return problem, np.tile(np.arange(count), len(who))


def _limits(options: PlaceOptions, reuse_share: float) -> tuple[csr_array, NDArray[np.float64]]:
    actions = options.actions
    width = len(actions)
    fresh = (actions["action"] != "stands").to_numpy(bool)
    quota = np.where(fresh, np.where(actions["new"].to_numpy(bool), reuse_share, reuse_share - 1.0), 0.0)
    rows, most = [csr_array(quota[None, :])], [0.0]
    added = actions[fresh]

    def one_row(index: pd.Index, limit: float) -> None:
        columns = index.to_numpy(np.int64)
        rows.append(csr_array((np.ones(columns.size), columns, [0, columns.size]), shape=(1, width)))
        most.append(limit)

    for _, same in added.groupby(["location_id", "operator", "bands"]):
        if len(same) > 1:
            one_row(same.index, 1.0)
    for _, guests in added[added["action"] == "add_tenant"].groupby("location_id"):
        if len(guests) > 1:
            one_row(guests.index, float(min(guests["slots"].iloc[0], 1)))  # one free section is looked at
    return stacked(rows, most, width)
