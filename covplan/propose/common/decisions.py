"""What a planner decided, as the programs see it: rejected actions are no candidates, accepted ones are in any plan.

A decision names what was proposed by what lasts – action, operator, structure or place on the ground –, not by the
number it had in one plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from covplan.propose.common.options import Options
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.propose.solve.cover import Cover

AnyOptions = TypeVar("AnyOptions", bound=Options)
SAME_M = 100.0  # an accepted place on new ground is the candidate no farther from it than this
NEAR_M = 300.0  # a rejected place on new ground takes everything in this circle with it
ROUNDED_M = 0.5  # a decision's place has gone through rounded degrees: the circle's edge lies within
REJECTED, ACCEPTED = "rejected", "accepted"


@dataclass(frozen=True)
class Decided:
    """Decisions of one kind held against the candidates there are."""

    forbidden: NDArray[np.bool_]
    """Candidates that a planner rejected."""
    required: tuple[NDArray[np.int64], ...]
    """Of each accepted decision: candidates of which one must be in the plan."""
    unmet: tuple[str, ...]
    """Ids of accepted decisions for which there is no candidate any more."""
    accepted: tuple[str, ...] = ()
    """Ids of the decisions behind `required`."""


def decided(decisions: gpd.GeoDataFrame, kind: str, candidates: pd.DataFrame) -> Decided:
    """Hold the decisions of a kind against a table of candidates, numbered from 0.

    Parameters
    ----------
    candidates : DataFrame
        action, operator, location_id and x_m, y_m (study CRS); where there are: from_location_id, bands, height_m.
    """
    forbidden = np.zeros(len(candidates), dtype=np.bool_)
    required: list[NDArray[np.int64]] = []
    unmet: list[str] = []
    accepted: list[str] = []
    of_kind = decisions[decisions["kind"] == kind]
    for _, one in of_kind[of_kind["decision"] == REJECTED].iterrows():
        forbidden |= _matches(one, candidates, NEAR_M)
    for _, one in of_kind[of_kind["decision"] == ACCEPTED].iterrows():
        group = np.flatnonzero(_matches(one, candidates, SAME_M) & ~forbidden)
        if group.size:
            required.append(group)
            accepted.append(str(one["decision_id"]))
        else:
            unmet.append(str(one["decision_id"]))
    return Decided(forbidden, tuple(required), tuple(unmet), tuple(accepted))


def without(options: AnyOptions, forbidden: NDArray[np.bool_]) -> AnyOptions:
    """Options without some of their actions."""
    keep = np.flatnonzero(~forbidden)
    return replace(
        options,
        actions=options.actions.iloc[keep].reset_index(drop=True),
        cells=[options.cells[n] for n in keep],
        cost=[options.cost[n] for n in keep],
        opex=[options.opex[n] for n in keep],
    )


def decided_options(decisions: gpd.GeoDataFrame, kind: str, options: AnyOptions) -> tuple[AnyOptions, Decided]:
    """Options without what was rejected, and what of the rest must be in the plan."""
    first = decided(decisions, kind, options.actions)
    left = without(options, first.forbidden) if first.forbidden.any() else options
    return left, decided(decisions, kind, left.actions)


def require(problem: Cover, required: Sequence[NDArray[np.int64]]) -> Cover:
    """The covering problem in which one action of each group is done."""
    if not required:
        return problem
    size = np.array([group.size for group in required])
    columns = np.concatenate(list(required))
    rows = csr_array((-np.ones(columns.size), columns, np.cumsum([0, *size])),
                     shape=(size.size, problem.limits.shape[1]))  # fmt: skip
    return replace(
        problem, limits=csr_array(vstack([problem.limits, rows])), most=np.append(problem.most, -np.ones(size.size))
    )


def marked(proposals: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Proposals with decision, year and note of those that were accepted; and the accepted that are not among them."""
    table, missing = proposals.copy(), []
    table["decision"] = table["decision"].astype("object").where(table["decision"].notna(), "open")
    for _, one in decisions[decisions["decision"] == ACCEPTED].iterrows():
        own = (table["kind"] == one["kind"]).to_numpy(bool) & _matches(one, table, SAME_M)
        if not own.any():
            missing.append(str(one["decision_id"]))
            continue
        table.loc[own, "decision"] = ACCEPTED
        for name in ("year", "note"):
            if pd.notna(one[name]):
                table.loc[own, name] = one[name]
    return table, missing


def _matches(one: pd.Series, candidates: pd.DataFrame, near_m: float) -> NDArray[np.bool_]:
    """Candidates a decision is about."""
    same: NDArray[np.bool_] = (candidates["action"] == one["action"]).to_numpy(bool)
    if pd.notna(one["operator"]):
        same = same & (candidates["operator"] == one["operator"]).to_numpy(bool)
    if pd.notna(one["location_id"]):
        same = same & (candidates["location_id"] == one["location_id"]).to_numpy(bool)
    else:
        away_m = np.hypot(candidates["x_m"] - one.geometry.x, candidates["y_m"] - one.geometry.y)
        same = same & (away_m <= near_m + ROUNDED_M).to_numpy(bool)
    if pd.notna(one["from_location_id"]):
        same = same & (candidates["from_location_id"] == one["from_location_id"]).to_numpy(bool)
    if pd.notna(one["bands"]) and "bands" in candidates:
        wanted = set(split_list(one["bands"]))
        same = same & candidates["bands"].map(lambda text: set(split_list(text)) == wanted).to_numpy(bool)
    # Who rejects a mast does so at every height; who accepts one means the one that was proposed.
    if one["decision"] == ACCEPTED and pd.notna(one["height_m"]) and "height_m" in candidates:
        same = same & (candidates["height_m"].astype(float) == float(one["height_m"])).to_numpy(bool)
    return same
