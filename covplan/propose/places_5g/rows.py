"""Chosen placements as proposals with their reasons, and the program beside what habit would do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from covplan.propose.common.gains import ROUNDING, covered_shares, gained, point_weights
from covplan.propose.common.not_served import left_out
from covplan.propose.common.records import cost_columns, proposal_rows
from covplan.propose.places_5g.options import LOOK_M
from covplan.propose.places_5g.program import place_by_place, stations_of
from covplan.propose.places_5g.reasons import Purpose, Without, reason, title, why_without_5g
from covplan.propose.solve.comparison import choice_columns, over_program
from covplan.study.codes import ANY
from covplan.study.kinds import PLACE_5G
from covplan.study.language import MILLION, columns_in_both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from covplan.propose.places_5g.options import PlaceOptions
    from covplan.propose.places_5g.program import PlaceProblem
    from covplan.propose.solve.cover import Choice, Cover
    from covplan.study.boundaries import Version
    from covplan.study.settings import Places5G

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
            **_reason_columns(
                options.actions.iloc[action],
                _purpose(problem, options, shares, action, gains[action], helps[action]),
            ),
        }
        for action in new
    ]
    at = options.actions.loc[new, ["x_m", "y_m"]]
    return proposal_rows(records, gpd.points_from_xy(at["x_m"], at["y_m"]), communes, version)


def not_served_rows(
    asked: PlaceProblem, served: NDArray[np.bool_], causes: NDArray[np.object_], settings: Places5G
) -> list[dict[str, Any]]:
    """Places without 5G, each with its reason; under "each" once for every operator it lacks.

    Parameters
    ----------
    served, causes : ndarray
        Of each demand of `asked`; causes are codes of `not_served.cause`.
    """
    count, rows = len(asked.places), []
    for demand in np.flatnonzero(~served).tolist():
        place = asked.places.iloc[asked.place_of[demand]]
        traffic = float(asked.cover.traffic[demand])
        lost = Without(str(causes[demand]), traffic, 100.0 * asked.reuse_share, LOOK_M / 1000.0)
        operator = settings.operators[demand // count] if settings.policy == "each" else None
        rows.append(
            left_out(
                PLACE_5G, "place", place["place_id"], lost.cause, words=partial(why_without_5g, lost),
                name=place["name"], operator=operator,
            )
        )  # fmt: skip
    return rows


def helped(
    problem: Cover, choice: Choice, gains: Mapping[int, NDArray[np.int64]], new: Sequence[int]
) -> dict[int, NDArray[np.int64]]:
    """Demands of others that need each new placement: without it too little of them is covered.

    A placement that has no demand of its own and is not needed so carries traffic: of the demand it covers most of.
    """
    weights, shares = point_weights(problem), covered_shares(problem, np.array(new, np.int64)).toarray()
    reach = problem.reach[:, np.flatnonzero(choice.actions)].astype(np.int64)
    times = np.asarray(reach.sum(axis=1)).ravel()
    covered = weights @ (times > 0).astype(float)
    helps = {}
    for action, own in zip(new, shares.T, strict=True):
        alone = problem.reach[:, [action]].toarray().ravel().astype(bool) & (times == 1)
        short = choice.served & (covered - weights @ alone.astype(float) < problem.share - ROUNDING)
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
        "kind": PLACE_5G,
        "action": row["action"],
        "operator": None if row["operator"] == ANY else row["operator"],
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


def _purpose(
    problem: PlaceProblem,
    options: PlaceOptions,
    shares: csr_array,
    action: int,
    demands: NDArray[np.int64],
    helps: NDArray[np.int64],
) -> Purpose:
    """What a placement is for, and what would do instead of it.

    Parameters
    ----------
    shares : csr_array
        `covered_shares` of the problem.
    """
    cover = problem.cover
    wanted = float(cover.traffic[demands].sum())
    able = (shares[demands].toarray() >= cover.share[demands][:, None] - ROUNDING).all(axis=0)
    able &= (options.capacity_mbps >= wanted) & ~options.stands
    able[action] = False
    return Purpose(
        served=_places_of(problem, demands),
        helped=_places_of(problem, helps),
        wanted_mbps=wanted,
        cost_vnd=cover.cost[action] * MILLION,
        instead_vnd=float(cover.cost[able].min()) * MILLION if able.any() else None,
    )


def _reason_columns(action: pd.Series, purpose: Purpose) -> dict[str, str]:
    """Its title and its reason, in both languages."""
    return columns_in_both(title=lambda: title(action, purpose), reason=lambda: reason(action, purpose))


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
