"""Fiber of hamlets and of new masts: in one trench, each alone, side by side.

A mast takes cable where that costs less than its microwave hop (`worth_vnd`); one that sees nobody must have cable.
Apart, the hamlets have their tree and the masts theirs; together there is one tree for both, and a mast whose own
trench was dearer than a hop may find one it can share. The two trees apart are one way to build the tree together, so
together never costs more; what is saved is known to lie between what the bounds leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.costs import NOTHING, Range, unit_cost
from covplan.propose.common.reasons import describe_backhaul
from covplan.propose.solve.comparison import bounded_row, over_program
from covplan.study.language import BILLION, LANGUAGES, _, money, number, speaking
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from covplan.propose.solve.steiner import Tree
    from covplan.study.settings import Cost


@dataclass(frozen=True)
class Masts:
    """New masts as they are proposed alone."""

    proposals: gpd.GeoDataFrame
    """Rows of resources/layers/proposals.csv; not all of them are masts."""
    backhaul: pd.DataFrame
    """By proposal_id of each mast: what it pays for (backhaul, length_m, by_road, low, base and high in VND), and
    hop_to, the location a hop could lead to, empty where there is none."""


@dataclass(frozen=True)
class Trenches:
    """Three trees: hamlets and masts on one, and each on their own."""

    together: Tree
    hamlets: Tree
    masts: Tree
    is_mast: NDArray[np.bool_]
    """Of each group that the trees together and of the masts may join."""

    @property
    def apart_vnd(self) -> float:
        """What the two trees cost."""
        return self.hamlets.objective + self.masts.objective

    @property
    def saved_vnd(self) -> Range:
        """At least, as found, at most: what is saved whatever better trees there may be."""
        bound_apart = self.hamlets.bound + self.masts.bound
        return Range(
            max(0.0, bound_apart - self.together.objective),
            self.apart_vnd - self.together.objective,
            self.apart_vnd - self.together.bound,
        )


def masts_to_connect(masts: Masts, costs: Mapping[str, Cost]) -> gpd.GeoDataFrame:
    """New masts as sites of `extend_fiber`: site_id (of the proposal), must, worth_vnd; geometry.

    One that no road leads to keeps the backhaul it has and is left out.
    """
    hop_vnd, backhaul = unit_cost(costs, "microwave_hop").base, masts.backhaul
    must = (backhaul["hop_to"] == "").to_numpy(bool)
    at = masts.proposals.set_index("proposal_id").geometry
    table = gpd.GeoDataFrame(
        {
            "site_id": backhaul.index.to_numpy(object),
            "must": must,
            "worth_vnd": np.where(must, 0.0, hop_vnd),
        },
        geometry=at.loc[backhaul.index].to_numpy(),
        crs=masts.proposals.crs,
    )
    return table[backhaul["by_road"].to_numpy(bool)].reset_index(drop=True)


def on_the_tree(
    masts: Masts, sites: gpd.GeoDataFrame, fiber: gpd.GeoDataFrame, costs: Mapping[str, Cost]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Masts and cable of one tree as proposals: a mast on it pays for no backhaul and comes after its cable.

    One that is off it, though cable alone was to be cheaper than a hop, takes the hop.

    Parameters
    ----------
    sites : GeoDataFrame
        `masts_to_connect`.
    fiber : GeoDataFrame
        Proposals of the tree; `location_id` of a station's backhaul is the `site_id`.

    Returns
    -------
    masts, fiber
        Rows of resources/layers/proposals.csv.
    """
    is_backhaul = fiber["action"] == "backhaul"
    cable_of = dict(zip(fiber.loc[is_backhaul, "location_id"], fiber.loc[is_backhaul, "proposal_id"], strict=True))
    asked, hop = set(sites["site_id"]), unit_cost(costs, "microwave_hop")
    records = masts.proposals.drop(columns="geometry").to_dict("records")
    for row in records:
        if row["proposal_id"] not in asked:
            continue
        alone, cable = masts.backhaul.loc[row["proposal_id"]], cable_of.get(row["proposal_id"])
        if cable is None and alone["backhaul"] == "microwave":
            continue
        instead = hop if cable is None else NOTHING
        row |= _reasons(row, alone, cable)
        for level in LEVELS:
            row[f"cost_{level}_vnd"] += getattr(instead, level) - alone[level]
        row |= {"depends_on": cable, "length_m": 0.0}
    changed = masts.proposals.assign(**pd.DataFrame(records, index=masts.proposals.index))
    changed = changed.astype(masts.proposals.dtypes.to_dict())
    return changed, _placed(fiber, is_backhaul, changed)


def _placed(fiber: gpd.GeoDataFrame, is_backhaul: pd.Series, masts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A mast that is only proposed is no location yet: its cable is known by its commune and its hamlet."""
    own = masts.set_index("proposal_id").loc[fiber.loc[is_backhaul, "location_id"]]
    placed = fiber.copy()
    for column in ("village_id", "commune_code", "boundary_version", "commune", "synthetic", "provenance"):
        placed.loc[is_backhaul, column] = own[column].to_numpy()
    placed.loc[is_backhaul, "location_id"] = None
    return placed


def _reasons(row: Mapping[str, Any], alone: pd.Series, cable: str | None) -> dict[str, str]:
    """The reasons of a mast, with the backhaul it has now in the place of the one it had alone."""
    reasons = {}
    for language in LANGUAGES:
        with speaking(language):
            before = describe_backhaul(
                alone["backhaul"], alone["length_m"], alone["hop_to"], by_road=bool(alone["by_road"])
            )
            now = _("in the trench of {proposal}").format(proposal=cable)
            if cable is None:
                now = describe_backhaul("microwave", 0.0, alone["hop_to"], by_road=False)
            instead = _("Backhaul: {now}, instead of {before} ({cost} of the sum above).").format(
                now=now, before=before, cost=money(alone["base"])
            )
            reason = row[f"reason_{language}"]
            reasons[f"reason_{language}"] = reason.replace(_("Backhaul: {backhaul}.").format(backhaul=before), instead)
    return reasons


def compared_trenches(trenches: Trenches, year: int) -> pd.DataFrame:
    """Hamlets and masts together, apart, and what each has apart; served counts hamlets and masts on cable."""
    whole, *parts = (
        bounded_row(
            method, year, served=int(tree.joined.sum()), cost_vnd=tree.objective, bound_vnd=tree.bound,
            seconds=tree.seconds,
        )
        for method, tree in (
            ("program", trenches.together), ("hamlets alone", trenches.hamlets), ("masts alone", trenches.masts),
        )
    )  # fmt: skip
    sums = {name: sum(row[name] for row in parts) for name in ("served", "cost_vnd", "bound_vnd", "seconds")}
    return over_program(
        [whole, bounded_row("each alone", year, **sums), *parts], parts=("hamlets alone", "masts alone")
    )


def saving_in_words(trenches: Trenches) -> str:
    """What one trench saves, within which bounds, and who changes to cable for it."""
    saved, trees = trenches.saved_vnd, (trenches.together, trenches.hamlets, trenches.masts)
    amounts = {
        "together": trenches.together.objective, "hamlets": trenches.hamlets.objective,
        "masts": trenches.masts.objective, "apart": trenches.apart_vnd,
        "saved": saved.base, "least": saved.low, "most": saved.high,
    }  # fmt: skip
    return _(
        "{together} instead of {hamlets} + {masts} = {apart} billion VND; saved {saved}, {least}–{most} "
        "by the bounds (gaps {gaps}); {on_cable}/{all} new masts on cable, apart {on_cable_apart}"
    ).format(
        **{name: number(vnd / BILLION, 3) for name, vnd in amounts.items()},
        gaps=", ".join(f"{number(100 * tree.gap, 2)} %" for tree in trees),
        on_cable=int((trenches.together.joined & trenches.is_mast).sum()),
        on_cable_apart=int((trenches.masts.joined & trenches.is_mast).sum()),
        all=int(trenches.is_mast.sum()),
    )
