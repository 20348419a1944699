"""Shared structures: what is given up and who joins whose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from covplan.assess.demand import demand_points
from covplan.assess.locations import group_locations, on_air
from covplan.pipeline.radio import (
    load_study_ground,
    loss_cache,
    population_raster,
)
from covplan.propose.common.decisions import decided_case
from covplan.propose.sharing import options as sharing_market
from covplan.propose.sharing import rows as sharing
from covplan.propose.sharing import scenarios as sharing_scenarios
from covplan.propose.solve.alternatives import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.propose.sharing.rows import SharingPlan
    from covplan.propose.solve.alternatives import Scenario
    from covplan.study.folder import Study
    from covplan.terrain.ground import Ground


def propose_sharing(
    study: Study, *, ground: Ground | None = None, scenarios: Sequence[Scenario] = SCENARIOS
) -> SharingPlan:
    """Which structures are given up and who joins whose, so that the sharing ratio of the plan is reached.

    The coverage of every operator is computed anew on the planned network; `confidence` of a proposal is the share of
    the scenarios in which it is chosen.
    """
    s, air = study.settings, on_air(study.stations)
    ground = ground or load_study_ground(study)
    folders = {"cache": loss_cache(study), "antennas": study.path / "antennas"}
    who = sharing_market.market(study.stations, study.cells, group_locations(air), study.communes, study.places, s)
    demand = demand_points(study.villages, study.dwellings, population_raster(study))
    points = sharing_market.points_of(demand, study.villages)
    heard = sharing_market.listen(who, points, ground, s, **folders)
    case, _ = decided_case(study.decisions, who, sharing_market.case(who, heard, points, s))
    plan = sharing.propose(who, heard, points, case, s)
    if scenarios:
        chosen = sharing_scenarios.under_scenarios(who, heard, points, s, scenarios)
        plan = sharing_scenarios.with_confidence(plan, who, chosen)
    planned = sharing.planned_network(air, who, plan.case, plan.shared)
    return replace(plan, coverage=sharing.confirmed(air, planned, study.cells, points, ground, s, **folders))
