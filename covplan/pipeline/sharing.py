"""Shared structures: what is given up and who joins whose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.propose.common.accepted import broken_decisions
from covplan.propose.common.not_served import not_served_table
from covplan.propose.sharing import options
from covplan.propose.sharing.attainable import attainable, short_of
from covplan.propose.sharing.compared import compared
from covplan.propose.sharing.decisions import decided_case
from covplan.propose.sharing.figures import moves_table
from covplan.propose.sharing.network import confirmed, planned_network
from covplan.propose.sharing.program import share
from covplan.propose.sharing.rows import not_served_rows, sharing_proposals
from covplan.propose.sharing.scenarios import under_scenarios, with_confidence
from covplan.propose.solve.alternatives import SCENARIOS
from covplan.study.errors import LayerError, NoSolution
from covplan.study.kinds import SHARE
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.sharing.options import Case
    from covplan.propose.sharing.program import Shared
    from covplan.propose.solve.alternatives import Scenario
    from covplan.study.folder import Study


@dataclass(frozen=True)
class SharingPlan:
    """What is proposed, what it is worth, and what would be without a program."""

    proposals: gpd.GeoDataFrame
    """Rows of the proposals layer."""
    moves: pd.DataFrame
    """By proposal_id: distance, tenants before and after, coverage kept, won and lost, rent."""
    comparison: pd.DataFrame
    """Ways to the same ratio: moves, ratio, hamlets that operators lose, outlay (cost_vnd), saving; bound in VND of the
    goal's aim."""
    case: Case
    shared: Shared
    coverage: pd.DataFrame
    """Of the planned network, computed anew, by operator (`propose.sharing.network.confirmed`)."""
    not_served: pd.DataFrame
    """Locations left out of the moves, and why (resources/layers/not_served.csv)."""
    short: list[str]
    """What there is to say of a ratio, or of hamlets to be won, that are out of reach."""


def propose_sharing(study: Study | Workspace, *, scenarios: Sequence[Scenario] = SCENARIOS) -> SharingPlan:
    """Which structures are given up and who joins whose, so that the sharing ratio of the plan is reached.

    Masts outside the terrain are left out of the moves, but count; a ratio out of reach is approached as far as can be.
    The coverage of every operator is computed anew on the planned network; `confidence` of a proposal is the share of
    the scenarios in which it is chosen.
    """
    workspace = workspace_of(study)
    study, s, ground = workspace.study, workspace.settings, workspace.ground
    folders = {"cache": workspace.loss_cache, "antennas": workspace.antennas}
    unknown = off_the_terrain(workspace)
    air = workspace.on_air[~workspace.on_air["location_id"].isin(unknown)]
    market = options.market(
        workspace.own, study.cells, workspace.locations, study.communes, study.places, s, unknown=unknown
    )
    if market.sectors.empty:
        text = _("sharing: no {technology} station on air stands where the terrain is known; nothing can be computed.")
        raise LayerError(text.format(technology=market.technology))
    points = options.points_of(workspace.land.demand, study.villages)
    reception = options.receive(market, points, ground, s, **folders)
    case, decided = decided_case(study.decisions, market, options.case(market, reception, s))
    limits = {"gap": s.propose.gap, "time_limit_s": s.propose.time_limit_s}
    asked, broken = case.demand, list[int]()
    try:
        shared = share(case.stock, case.moves, case.demand, goal=s.sharing.goal, **limits)
    except NoSolution:
        lowered, broken = attainable(case.stock, case.moves, asked, time_limit_s=s.propose.time_limit_s)
        case = replace(case, demand=lowered)
        shared = share(case.stock, case.moves, lowered, goal=s.sharing.goal, **limits)
    moves = moves_table(market, reception, case, shared, s)
    proposals = sharing_proposals(market, moves, case, shared, s)
    if scenarios:
        most = case.demand if case.demand is not asked else None
        chosen = under_scenarios(market, reception, s, scenarios, most=most)
        proposals = with_confidence(proposals, moves, market, chosen)
    planned = planned_network(air, market, case, shared)
    coverage = confirmed(air, planned, study.cells, points, ground, s, **folders)
    left = [
        *not_served_rows(market.locations, unknown),
        *broken_decisions(SHARE, [decided.accepted[one] for one in broken]),
    ]
    return SharingPlan(
        proposals, moves, compared(market, case, shared), case, shared, coverage, not_served_table(left),
        short_of(case.stock, asked, case.demand),
    )  # fmt: skip


def off_the_terrain(workspace: Workspace) -> set[str]:
    """Locations of stations on air that do not stand, all of them and in the middle, where the terrain is known."""
    stations, locations = workspace.on_air, workspace.locations
    off = set(stations.loc[~workspace.on_terrain, "location_id"])
    return off | set(locations.loc[~workspace.stand_on_terrain(locations), "location_id"])
