"""5G at places: which structures get which band and radio, so that every place has the signal and the capacity.

Structures that stand come first by cost and by quota; new ones are non-bulky (a rooftop, a camouflaged pole), so they
may stand anywhere, headquarters included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from covplan.propose.common.costs import cost_over_horizon
from covplan.propose.common.decisions import require
from covplan.propose.common.reach import reach_of
from covplan.propose.places_5g.options import LOOK_M, SECTORS, Case, PlaceOptions
from covplan.propose.solve.cover import (
    Choice,
    Cover,
    as_much_as_can_be_in_parts,
    cost_of,
    cover,
    most_value,
    serving,
    stacked,
)
from covplan.study.codes import ANY
from covplan.study.language import MILLION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from covplan.study.settings import Places5G, Propose

CARRIES = 0.5  # of a place's area that a placement must cover to carry its traffic
ROUNDING = 1e-9


@dataclass(frozen=True)
class PlaceProblem:
    """The covering problem of the places, and what its demands are."""

    cover: Cover
    places: gpd.GeoDataFrame
    place_of: NDArray[np.int64]
    """Of each demand: row of `places`; with several operators one demand for each."""
    built: NDArray[np.float64]
    """Of each placement: what it costs to build, million VND."""
    reuse_share: float
    """Of the new stations, that must stand on existing structures."""

    def without(self, demands: NDArray[np.int64]) -> PlaceProblem:
        """The problem of the other demands; what the indicator is a share of stays."""
        if not demands.size:
            return self
        keep = np.ones(self.place_of.size, dtype=bool)
        keep[demands] = False
        return replace(self, cover=serving(self.cover, keep), place_of=self.place_of[keep])

    def requiring(self, required: Sequence[NDArray[np.int64]]) -> PlaceProblem:
        """The problem in which one placement of each group is built."""
        return replace(self, cover=require(self.cover, required))


def place_problem(case: Case, options: PlaceOptions, *, least_share: float, reuse_share: float) -> PlaceProblem:
    """The covering problem of the places, with capacity; costs in million VND over the horizon.

    ::

        sets         i places (for each operator under "each"), p their sample points, a placements: structure,
                     operator, band and radio; those on air cost nothing
        reach        SS-RSRP of the placement at p ≥ what is asked of it + margin for the confidence of the settings
        share        of i's area that must be covered; its traffic goes to placements that cover half of it or more
                     and have a sector for it (a place drawn as an area may spread over several)
        limits       Σ new stations · reuse share ≤ Σ new stations on existing structures;
                     tenants of a structure; one radio per operator, band and structure
    """
    places, points = case.places, case.points
    operators = list(case.settings.operators) if case.settings.policy == "each" else [ANY]
    of_any = reach_of(options.cells, points.x_m, points.y_m, case.model, within_km=LOOK_M / 1000.0).covered
    operator_of = options.actions["operator"].to_numpy(object)
    parts = [
        of_any if one == ANY else csr_array(of_any.multiply((operator_of == one)[None, :])).astype(bool)
        for one in operators
    ]
    reach = csr_array(stacked(parts, [], of_any.shape[1])[0])
    traffic = np.tile(places["demand_mbps"].fillna(0.0).to_numpy(float) / len(operators), len(operators))
    users = places["users"].fillna(0).to_numpy(float)
    demand = np.concatenate([points.place + n * len(places) for n in range(len(operators))])
    is_point = np.tile(places.geometry.area.to_numpy() <= 0, len(operators))
    limits, most = _limits(options, reuse_share)
    problem = cover(
        reach,
        cost_over_horizon(options.cost, options.opex, case.assumptions.propose),
        demand=demand,
        share=least_share,
        value=np.tile(np.maximum(users, 1.0), len(operators)),
    )
    carries = _carries(reach, demand, traffic, is_point, options.capacity_mbps / SECTORS)
    problem = problem.with_limits(limits, most).with_traffic(traffic, options.capacity_mbps, carries)
    built = np.array([one.base for one in options.cost]) / MILLION
    return PlaceProblem(problem, places, np.tile(np.arange(len(places)), len(operators)), built, reuse_share)


def choose_placements(problem: PlaceProblem, settings: Places5G, propose: Propose) -> Choice:
    """Cheapest placements that give every place its signal and its capacity; or most users for a budget.

    Where quota, capacity and tenants have no room for all places, as many users as they have room for.
    """
    if settings.budget_vnd:
        return most_users(problem.cover, problem.built, settings.budget_vnd / MILLION, propose)
    return as_much_as_can_be_in_parts(problem.cover, gap=propose.gap, time_limit_s=propose.time_limit_s)


def most_users(problem: Cover, built: NDArray[np.float64], budget: float, propose: Propose) -> Choice:
    """Most users at places for what may be built (`cover.most_value`), the same at least cost to build and run.

    Parameters
    ----------
    built, budget : ndarray, float
        What each placement costs to build, and what all may cost together, million VND.
    """
    paid = np.concatenate([built, np.zeros(problem.site_cost.size)])
    limits = csr_array(vstack([problem.limits, csr_array(paid[None, :])]))
    within = replace(problem, limits=limits, most=np.append(problem.most, budget))
    return most_value(within, np.inf, gap=propose.gap, time_limit_s=propose.time_limit_s)


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
    chosen, room = problem.cost == 0, problem.capacity.copy()
    served = np.zeros(problem.share.size, dtype=bool)
    for demand in np.argsort(-problem.traffic, kind="stable"):
        tried = _serve(problem, int(demand), rank[demand], chosen, room)
        if tried is not None and built[tried[0]].sum() <= budget:
            (chosen, room), served[demand] = tried, True
    sites = np.zeros(problem.site_cost.size, dtype=bool)
    return Choice(chosen, sites, served, cost_of(problem, chosen), float(problem.value[served].sum()), None)


def _serve(
    problem: Cover, demand: int, rank: NDArray[np.float64], taken: NDArray[np.bool_], left: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]] | None:
    """Placements, and capacities left, once one demand is served whole as well; None when it cannot be."""
    points = np.flatnonzero(problem.demand == demand)
    reach = csr_array(problem.reach)[points].toarray()
    carries = problem.carries[[demand]].toarray().ravel().astype(bool)
    chosen, room = taken.copy(), left.copy()
    order = np.argsort(rank, kind="stable")
    need, covered = float(problem.traffic[demand]), reach[:, chosen].any(axis=1)
    least = problem.share[demand] - ROUNDING
    enough = problem.weight[points][covered].sum() >= least
    for action in [*order[chosen[order]], *order[~chosen[order]]]:
        if enough and need <= ROUNDING:
            break
        carried = min(need, float(room[action])) if carries[action] else 0.0
        gains = not enough and (reach[:, action] & ~covered).any()
        if not gains and carried <= 0:
            continue
        chosen[action] = True
        covered = covered | reach[:, action]
        enough = problem.weight[points][covered].sum() >= least
        need -= carried
        room[action] -= carried
    return (chosen, room) if enough and need <= ROUNDING else None


def stations_of(options: PlaceOptions, choice: Choice) -> tuple[int, float]:
    """New stations of a choice, and the percentage of them on existing structures."""
    new = options.actions["new"].to_numpy(bool)[choice.actions & ~options.stands]
    return new.size, round(100.0 * float((~new).mean()), 2) if new.size else np.nan


def quota_leaves_out(problem: PlaceProblem, choice: Choice, propose: Propose) -> NDArray[np.bool_]:
    """Demands left out by the quota of new stations on existing structures: without it they are served."""
    whole = problem.cover
    if choice.served.all() or not problem.reuse_share:
        return np.zeros(choice.served.size, dtype=bool)
    without = replace(whole, limits=csr_array(whole.limits[1:]), most=whole.most[1:])  # the quota is the first
    free = as_much_as_can_be_in_parts(without, gap=propose.gap, time_limit_s=propose.time_limit_s)
    left: NDArray[np.bool_] = free.served & ~choice.served
    return left


def _carries(
    reach: csr_array,
    demand: NDArray[np.int64],
    traffic: NDArray[np.float64],
    is_point: NDArray[np.bool_],
    sector_mbps: NDArray[np.float64],
) -> csr_array:
    """(demands × placements), 1 where a placement may carry traffic of a demand.

    It covers half of it or more. A place known as a point lies in one sector, which must carry it whole, or as much as
    the largest sector can; an area spreads over several.
    """
    size = np.bincount(demand, minlength=traffic.size)
    owners = csr_array((1.0 / size[demand], (demand, np.arange(demand.size))), shape=(traffic.size, demand.size))
    covered = csr_array(owners @ reach.astype(float)).tocoo()
    whole = np.where(is_point, np.minimum(traffic, sector_mbps.max(initial=0.0)), 0.0)
    able = (covered.data >= CARRIES) & (sector_mbps[covered.col] >= whole[covered.row] - ROUNDING)
    ones = np.ones(int(able.sum()))
    return csr_array((ones, (covered.row[able], covered.col[able])), shape=covered.shape)


def _limits(options: PlaceOptions, reuse_share: float) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows of what cannot be together; the first is the quota of new stations on existing structures."""
    actions, fresh = options.actions, ~options.stands
    quota = np.where(fresh, np.where(actions["new"].to_numpy(bool), reuse_share, reuse_share - 1.0), 0.0)
    rows, most = [csr_array(quota[None, :])], [0.0]
    added = actions[fresh]

    def together(index: pd.Index, limit: float) -> None:
        columns = index.to_numpy(np.int64)
        rows.append(csr_array((np.ones(columns.size), columns, [0, columns.size]), shape=(1, len(actions))))
        most.append(limit)

    for _key, same in added.groupby(["location_id", "operator", "bands"]):
        if len(same) > 1:
            together(same.index, 1.0)
    for _location, guests in added[added["action"] == "add_tenant"].groupby("location_id"):
        if len(guests) > 1:
            together(guests.index, float(min(guests["slots"].iloc[0], 1)))  # one free section is looked at
    return stacked(rows, most, len(actions))
