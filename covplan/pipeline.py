"""Study to plan, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.assess.hamlets import hamlet_states
from covplan.assess.indicators import indicators
from covplan.assess.locations import group_locations, on_air
from covplan.study.plan import Plan

if TYPE_CHECKING:
    from covplan.study.folder import Study


def make_plan(study: Study) -> Plan:
    """What the data says about the province today: locations, hamlets by state, every indicator of the plan."""
    stations = on_air(study.stations)
    locations = group_locations(stations)
    hamlets = hamlet_states(study.villages, study.communes, locations)
    today = indicators(
        hamlets,
        study.villages,
        study.places,
        study.communes,
        stations,
        locations,
        study.statistics,
        study.settings,
    )
    return Plan(study=study, hamlets=hamlets, locations=locations, indicators=today)
