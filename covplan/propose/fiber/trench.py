"""Fiber of hamlets and of new masts: in one trench, each alone, and by habit, side by side.

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
from scipy.sparse.csgraph import dijkstra

from covplan.fiber.roads import sparse
from covplan.propose.common.backhaul import backhaul_words
from covplan.propose.common.costs import NOTHING, Range, unit_cost
from covplan.propose.common.records import amount
from covplan.propose.solve.cover import NO_SITE
from covplan.propose.solve.steiner import broken_limits
from covplan.study.language import BILLION
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from covplan.propose.common.sites import SitedProposals
    from covplan.propose.fiber.options import Candidates, Extension
    from covplan.study.settings import Cost


@dataclass(frozen=True)
class Trenches:
    """Three extensions: hamlets and masts on one tree, and each on their own."""

    together: Extension
    hamlets: Extension
    masts: Extension

    @property
    def apart_vnd(self) -> float:
        """What the two trees cost."""
        return self.hamlets.tree.objective + self.masts.tree.objective

    @property
    def saved_vnd(self) -> Range:
        """At least, as found, at most: what is saved whatever better trees there may be."""
        together = self.together.tree
        bound_apart = self.hamlets.tree.bound + self.masts.tree.bound
        return Range(
            max(0.0, bound_apart - together.objective),
            self.apart_vnd - together.objective,
            self.apart_vnd - together.bound,
        )


def masts_to_connect(spots: SitedProposals, costs: Mapping[str, Cost]) -> gpd.GeoDataFrame:
    """New masts of a plan as sites of `extend_fiber`: site_id (of the proposal), must, worth_vnd; geometry.

    One that no road leads to keeps the backhaul it has and is left out.
    """
    hop_vnd = unit_cost(costs, "microwave_hop").base
    rows = spots.pays_for != NO_SITE
    there = spots.sites.table.iloc[spots.pays_for[rows]]
    must = (there["hop_to"] == "").to_numpy(bool)
    table = gpd.GeoDataFrame(
        {
            "site_id": spots.proposals["proposal_id"].to_numpy(object)[rows],
            "must": must,
            "worth_vnd": np.where(must, 0.0, hop_vnd),
        },
        geometry=spots.proposals.geometry.to_numpy()[rows],
        crs=spots.proposals.crs,
    )
    return table[there["by_road"].to_numpy(bool)].reset_index(drop=True)


def on_the_tree(
    spots: SitedProposals, sites: gpd.GeoDataFrame, fiber: gpd.GeoDataFrame, costs: Mapping[str, Cost]
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
    backhaul = fiber["action"] == "backhaul"
    cable_of = dict(zip(fiber.loc[backhaul, "location_id"], fiber.loc[backhaul, "proposal_id"], strict=True))
    asked, hop = set(sites["site_id"]), unit_cost(costs, "microwave_hop")
    records = spots.proposals.drop(columns="geometry").to_dict("records")
    for row, site in zip(records, spots.pays_for, strict=True):
        if site == NO_SITE or row["proposal_id"] not in asked:
            continue
        there, paid = spots.sites.table.iloc[site], spots.sites.backhaul[site]
        cable = cable_of.get(row["proposal_id"])
        if cable is None and there["way"] == "microwave":
            continue
        instead = hop if cable is None else NOTHING
        row |= _reworded(row, there, paid, cable)
        for level in ("low", "base", "high"):
            row[f"cost_{level}_vnd"] += getattr(instead, level) - getattr(paid, level)
        row |= {"depends_on": cable, "length_m": 0.0}
    masts = spots.proposals.assign(**pd.DataFrame(records, index=spots.proposals.index))
    return masts.astype(spots.proposals.dtypes.to_dict()), _placed(fiber, backhaul, masts)


def _placed(fiber: gpd.GeoDataFrame, backhaul: pd.Series, masts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A mast that is only proposed is no location yet: its cable is known by its commune and its hamlet."""
    own = masts.set_index("proposal_id").loc[fiber.loc[backhaul, "location_id"]]
    placed = fiber.copy()
    for column in ("village_id", "commune_code", "boundary_version", "commune", "synthetic", "provenance"):
        placed.loc[backhaul, column] = own[column].to_numpy()
    placed.loc[backhaul, "location_id"] = None
    return placed


def _reworded(row: dict[str, Any], there: pd.Series, paid: Range, cable: str | None) -> dict[str, str]:
    old = backhaul_words(there["way"], there["length_m"], there["hop_to"], by_road=bool(there["by_road"]))
    hop = backhaul_words("microwave", 0.0, there["hop_to"], by_road=False)
    new = (f"chung tuyến cáp, đề xuất {cable}", f"in the trench of {cable}") if cable else hop
    vi, en = amount(paid.base)
    return {
        "reason_vi": row["reason_vi"].replace(
            f"Truyền dẫn: {old[0]}.", f"Truyền dẫn: {new[0]}, thay cho {old[0]} ({vi} trong số tiền trên)."
        ),
        "reason_en": row["reason_en"].replace(
            f"Backhaul: {old[1]}.", f"Backhaul: {new[1]}, instead of {old[1]} ({en} of the sum above)."
        ),
    }


def compared_hamlets(extension: Extension, year: int) -> pd.DataFrame:
    """The tree beside hamlets that are joined nearest first, each by its own cheapest way."""
    tree, wanted = extension.tree, int((extension.tree.joined & ~extension.candidates.is_site).sum())
    cost_vnd, served = by_own_ways(extension.candidates, wanted)
    rows = [
        _line("program", year, wanted, tree.objective, tree.bound, tree.seconds),
        {"method": "nearest first, each by its own way", "year": year, "status": "no bound", "served": served,
         "cost_vnd": cost_vnd, "built_vnd": cost_vnd},
    ]  # fmt: skip
    return _over_program(rows)


def compared_trenches(trenches: Trenches, year: int) -> pd.DataFrame:
    """Hamlets and masts together, apart, and what each has apart; served counts hamlets and masts on cable."""
    rows = []
    for method, one in (("hamlets alone", trenches.hamlets), ("masts alone", trenches.masts)):
        rows.append(_line(method, year, len(one.steps), one.tree.objective, one.tree.bound, one.tree.seconds))
    both = [sum(row[name] for row in rows) for name in ("served", "cost_vnd", "bound_vnd", "seconds")]
    one = trenches.together
    program = _line("program", year, len(one.steps), one.tree.objective, one.tree.bound, one.tree.seconds)
    return _over_program([program, _line("each alone", year, *both), *rows], parts=("hamlets alone", "masts alone"))


def saving_in_words(trenches: Trenches) -> str:
    """What one trench saves, within which bounds, and who changes to cable for it."""
    saved, together = trenches.saved_vnd, trenches.together.tree
    on_cable, alone = (_masts_on_cable(one) for one in (trenches.together, trenches.masts))
    masts = int(trenches.masts.candidates.is_site.sum())
    apart_vnd, own = trenches.apart_vnd, (trenches.hamlets.tree, trenches.masts.tree)
    gaps = ", ".join(f"{number_vi(100 * tree.gap, 2)} %" for tree in (together, *own))
    whole, hamlets, for_masts, apart, base, low, high = (
        number_vi(vnd / BILLION, 3)
        for vnd in (together.objective, *(tree.objective for tree in own), apart_vnd, saved.base, saved.low, saved.high)
    )
    return (
        f"chung tuyến cáp (one trench): {whole} thay vì (instead of) {hamlets} + {for_masts} = {apart} tỷ đồng "
        f"(billion VND); tiết kiệm (saved) {base}, {low}–{high} theo cận (by the bounds; gaps {gaps}); "
        f"{on_cable}/{masts} cột mới dùng cáp (new masts on cable), làm riêng (apart) {alone}"
    )


def by_own_ways(found: Candidates, hamlets: int) -> tuple[float, int]:
    """Cost, VND, and number of hamlets, those first that are cheapest to reach alone, each by its cheapest way.

    Cable that two ways have in common is paid once; a hamlet for which ports or light no longer suffice is passed over.
    """
    problem = found.problem
    between = np.lexsort((problem.cost, problem.head, problem.tail))[::-1]  # of parallel edges the cheapest stays
    ends = zip(problem.tail[between].tolist(), problem.head[between].tolist(), between.tolist(), strict=True)
    edge_of = {frozenset(pair): edge for *pair, edge in ends}
    weights = sparse(problem.tail, problem.head, problem.cost, problem.nodes)
    way_vnd, before = dijkstra(weights, directed=False, indices=problem.root, return_predecessors=True)
    for_mastsvnd = problem.own_cost + np.bincount(problem.group, way_vnd[problem.terminal], minlength=problem.groups)
    laid, joined = np.zeros(problem.tail.size, bool), np.zeros(problem.groups, bool)
    for group in np.argsort(for_mastsvnd, kind="stable"):
        if joined.sum() == hamlets or not np.isfinite(for_mastsvnd[group]):
            break
        if found.is_site[group]:
            continue
        tried, more = laid.copy(), joined.copy()
        more[group] = True
        for start in problem.terminal[problem.group == group].tolist():
            node = int(start)
            while node != problem.root:
                tried[edge_of[frozenset((node, int(before[node])))]] = True
                node = int(before[node])
        if not broken_limits(problem, tried, more):
            laid, joined = tried, more
    return float(problem.cost[laid].sum() + problem.own_cost[joined].sum()), int(joined.sum())


def _masts_on_cable(extension: Extension) -> int:
    return int((extension.tree.joined & extension.candidates.is_site).sum())


def _line(method: str, year: int, served: int, cost_vnd: float, bound_vnd: float, seconds: float) -> dict[str, Any]:
    gap = (cost_vnd - bound_vnd) / cost_vnd if cost_vnd > 0 else 0.0
    return {
        "method": method, "year": year, "status": "feasible" if gap > 0 else "optimal", "served": served,
        "cost_vnd": cost_vnd, "built_vnd": cost_vnd, "bound_vnd": bound_vnd, "gap": gap, "seconds": seconds,
    }  # fmt: skip


def _over_program(rows: list[dict[str, Any]], parts: tuple[str, ...] = ()) -> pd.DataFrame:
    """With what each way costs over the first one; parts of a way are no way to do it all."""
    table = pd.DataFrame(rows)
    whole = ~table["method"].isin(parts) & (table["cost_vnd"].iloc[0] > 0)
    over = 100.0 * (table["cost_vnd"] / table["cost_vnd"].where(whole).iloc[0] - 1.0)
    return table.assign(over_program_pct=over.where(whole).round(2))
