"""Shared structures: what is given up and who joins whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.propose.sharing import options
from covplan.propose.sharing.compared import compared
from covplan.propose.sharing.decisions import decided_case
from covplan.propose.sharing.figures import moves_table
from covplan.propose.sharing.network import confirmed, planned_network
from covplan.propose.sharing.program import share
from covplan.propose.sharing.rows import sharing_proposals
from covplan.propose.sharing.scenarios import under_scenarios, with_confidence
from covplan.propose.solve.alternatives import SCENARIOS

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


def propose_sharing(study: Study | Workspace, *, scenarios: Sequence[Scenario] = SCENARIOS) -> SharingPlan:
    """Which structures are given up and who joins whose, so that the sharing ratio of the plan is reached.

    The coverage of every operator is computed anew on the planned network; `confidence` of a proposal is the share of
    the scenarios in which it is chosen.
    """
    workspace = workspace_of(study)
    study, s, air, ground = workspace.study, workspace.settings, workspace.on_air, workspace.ground
    folders = {"cache": workspace.loss_cache, "antennas": workspace.antennas}
    market = options.market(study.stations, study.cells, workspace.locations, study.communes, study.places, s)
    points = options.points_of(workspace.land.demand, study.villages)
    reception = options.receive(market, points, ground, s, **folders)
    case, _decided = decided_case(study.decisions, market, options.case(market, reception, s))
    shared = share(
        case.stock, case.moves, case.demand,
        goal=s.sharing.goal, gap=s.propose.gap, time_limit_s=s.propose.time_limit_s,
    )  # fmt: skip
    moves = moves_table(market, reception, case, shared, s)
    proposals = sharing_proposals(market, moves, case, shared, s)
    if scenarios:
        proposals = with_confidence(proposals, moves, market, under_scenarios(market, reception, s, scenarios))
    planned = planned_network(air, market, case, shared)
    coverage = confirmed(air, planned, study.cells, points, ground, s, **folders)
    return SharingPlan(proposals, moves, compared(market, case, shared), case, shared, coverage)
