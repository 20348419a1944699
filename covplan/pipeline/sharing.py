"""Shared structures: what is given up and who joins whose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.propose.sharing import options as sharing_market
from covplan.propose.sharing import rows as sharing
from covplan.propose.sharing import scenarios as sharing_scenarios
from covplan.propose.sharing.decisions import decided_case
from covplan.propose.solve.alternatives import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.sharing.rows import SharingPlan
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
    who = sharing_market.market(study.stations, study.cells, workspace.locations, study.communes, study.places, s)
    points = sharing_market.points_of(workspace.land.demand, study.villages)
    heard = sharing_market.listen(who, points, ground, s, **folders)
    case, _ = decided_case(study.decisions, who, sharing_market.case(who, heard, points, s))
    plan = sharing.propose(who, heard, points, case, s)
    if scenarios:
        chosen = sharing_scenarios.under_scenarios(who, heard, points, s, scenarios)
        plan = sharing_scenarios.with_confidence(plan, who, chosen)
    planned = sharing.planned_network(air, who, plan.case, plan.shared)
    return replace(plan, coverage=sharing.confirmed(air, planned, study.cells, points, ground, s, **folders))
