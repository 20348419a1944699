"""Fiber for hamlets, and for new masts in the same trench: one plan for the last target, set beside planning apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from covplan.pipeline.fiber import extend_fiber, fiber_network, fiber_reach
from covplan.pipeline.workspace import workspace_of
from covplan.propose.fiber.compared import compared_hamlets
from covplan.propose.programme.trench import (
    Masts,
    Trenches,
    compared_trenches,
    masts_to_connect,
    on_the_tree,
    saving_in_words,
)
from covplan.propose.solve.cover import NO_SITE
from covplan.study.errors import NoSolution
from covplan.study.kinds import FIBER, TRENCH, kind_title
from covplan.study.language import _, ngettext, number
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from covplan.pipeline.fiber import FiberPlan
    from covplan.pipeline.white_spots import WhiteSpotPlan
    from covplan.pipeline.workspace import Workspace
    from covplan.study.folder import Study


@dataclass(frozen=True)
class FiberProposed:
    """Cable to hamlets and, where they share it, to new masts."""

    proposals: gpd.GeoDataFrame
    """Columns of resources/layers/proposals.csv."""
    masts: gpd.GeoDataFrame | None
    """The proposals for white spots, with backhaul as it is on one tree; None when there were none to join."""
    compared: dict[str, pd.DataFrame]
    """By kind (fiber, trench): columns of resources/layers/comparison.csv but `kind`."""
    said: list[str]
    alone: gpd.GeoDataFrame
    """`proposals` of the hamlets by themselves, whatever masts share the trench."""
    not_served: pd.DataFrame
    """Hamlets that stay without FTTH, and why (resources/layers/not_served.csv)."""
    trenches: Trenches | None = None


def propose_fiber(
    study: Study | Workspace,
    *,
    spots: WhiteSpotPlan | None = None,
    progress: Callable[[str], None] = lambda _step: None,
) -> FiberProposed:
    """The cheapest tree that brings the hamlets with FTTH to the last target; with it the backhaul of new masts.

    The year of each step is for `phase_proposals` to find: earlier targets choose among the steps of the last one.

    Parameters
    ----------
    spots : WhiteSpotPlan, optional
        The plan whose new masts may share the trench.
    """
    workspace = workspace_of(study)
    s = workspace.settings
    year, target = max(s.phases.years), s.targets["VILLAGE_FTTH_COV"]
    last_pct = target.target_2030 if target.target_2030 is not None else target.target_2025
    masts = None if spots is None else new_masts(spots)
    sites = None if masts is None else masts_to_connect(masts, s.costs)
    sites = None if sites is None or sites.empty else sites
    network = fiber_network(workspace, sites=sites, slopes=True)
    reached = fiber_reach(workspace, network=network)[0]

    def planned(pct: float, own: gpd.GeoDataFrame | None) -> FiberPlan:
        return extend_fiber(
            workspace, network=network, reached=reached, targets=[(year, pct)], sites=own,
            time_limit_s=s.propose.time_limit_s,
        )  # fmt: skip

    progress(_("fiber to hamlets"))
    alone = planned(last_pct or 0.0, None)
    hamlets = alone.phases[0]
    compared = {FIBER: compared_hamlets(hamlets, year)}
    lines, left = said_of(alone), alone.not_served
    if sites is None or masts is None:
        return FiberProposed(alone.proposals, None, compared, lines, alone.proposals, left)
    progress(kind_title(TRENCH))
    try:
        together, for_masts = planned(last_pct or 0.0, sites), planned(0.0, sites).phases[0]
    except NoSolution as error:  # a mast no cable reaches: each keeps the backhaul it has
        said = [*lines, f"{kind_title(TRENCH)}: {error}"]
        return FiberProposed(alone.proposals, None, compared, said, alone.proposals, left)
    joint = together.phases[0]
    trenches = Trenches(joint.tree, hamlets.tree, for_masts.tree, joint.candidates.is_site)
    on_tree, cable = on_the_tree(masts, sites, together.proposals, s.costs)
    compared[TRENCH] = compared_trenches(trenches, year)
    said = [*lines, f"{kind_title(TRENCH)}: {saving_in_words(trenches)}"]
    return FiberProposed(cable, on_tree, compared, said, alone.proposals, left, trenches)


def new_masts(spots: WhiteSpotPlan) -> Masts:
    """The new masts of a plan for white spots, with the backhaul each pays for."""
    new = spots.pays_for != NO_SITE
    sites = spots.options.sites
    paid = [sites.backhaul[n] for n in spots.pays_for[new]]
    backhaul = sites.table.iloc[spots.pays_for[new]][["backhaul", "length_m", "hop_to", "by_road"]].set_index(
        pd.Index(spots.proposals["proposal_id"].to_numpy(object)[new], name="proposal_id")
    )
    for level in LEVELS:
        backhaul[level] = [float(getattr(one, level)) for one in paid]
    return Masts(spots.proposals, backhaul)


def said_of(plan: FiberPlan) -> list[str]:
    """What there is to say of an extension beside its proposals."""
    summary, said = plan.summary, []
    short = int(summary["short"].iloc[-1])
    if short:
        text = ngettext(
            "{hamlets} hamlet of the target is out of reach of every route",
            "{hamlets} hamlets of the target are out of reach of every route",
            short,
        )
        if str(summary["status"].iloc[-1]) != "optimal":
            text = _("{hamlets} hamlets of the target are out of reach, or were not looked at in the time")
        said.append(text.format(hamlets=number(short)))
    elif not int(summary["hamlets"].sum()):
        said.append(_("the target is reached already: no cable is needed"))
    return [f"{kind_title(FIBER)}: {text}" for text in said]
