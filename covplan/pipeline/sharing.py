"""Shared structures: what is given up and who joins whose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.propose.sharing import options
from covplan.propose.sharing.decisions import decided_case
from covplan.propose.sharing.network import confirmed, planned_network
from covplan.propose.sharing.plan import plan_sharing
from covplan.propose.sharing.scenarios import under_scenarios, with_confidence
from covplan.propose.solve.alternatives import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.sharing.plan import SharingPlan
    from covplan.propose.solve.alternatives import Scenario
    from covplan.study.folder import Study


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
    plan = plan_sharing(market, reception, case, s)
    if scenarios:
        plan = with_confidence(plan, market, under_scenarios(market, reception, s, scenarios))
    planned = planned_network(air, market, plan.case, plan.shared)
    return replace(plan, coverage=confirmed(air, planned, study.cells, points, ground, s, **folders))
