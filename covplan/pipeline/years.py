"""Proposals of all kinds and the year each is done in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.pipeline.plan import make_plan
from covplan.pipeline.workspace import workspace_of
from covplan.propose.programme.effects import Today
from covplan.propose.programme.years import in_years

if TYPE_CHECKING:
    import geopandas as gpd

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.programme.program import Phased
    from covplan.study.folder import Study
    from covplan.study.plan import Plan


def phase_proposals(
    study: Study | Workspace, proposals: gpd.GeoDataFrame, *, today: Plan | None = None, lower_targets: bool = False
) -> tuple[gpd.GeoDataFrame, Phased]:
    """Proposals of all kinds with the year each is done in, under the study's budgets and yearly targets.

    Parameters
    ----------
    today : Plan, optional
        Of the study as it is, when it is known already.
    lower_targets : bool
        As in `propose.programme.program.phase`.
    """
    workspace = workspace_of(study)
    settings, plan = workspace.settings, today or make_plan(workspace)
    planned = workspace.own[workspace.own["status"] == "planned"]
    return in_years(
        proposals,
        Today(plan.indicators, plan.locations, plan.evidence, planned),
        settings.phases,
        settings.targets,
        lower_targets=lower_targets,
        time_limit_s=settings.propose.time_limit_s,
    )
