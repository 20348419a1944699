"""5G at the places of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.assess.places import place_points
from covplan.pipeline.backhaul import cable_to_fiber
from covplan.pipeline.reception import assessed_places, receive_places
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common import candidates
from covplan.propose.common.decisions import decided_options
from covplan.propose.common.transmitters import planned_network
from covplan.propose.places_5g import options as options_5g
from covplan.propose.places_5g import program as places_5g

if TYPE_CHECKING:
    from collections.abc import Callable

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.places_5g.program import PlacesPlan
    from covplan.study.folder import Study


def propose_places_5g(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> PlacesPlan:
    """Cheapest placements of 5G that give every place its signal and its capacity, each with its reason."""
    workspace = workspace_of(study)
    study, s, version = workspace.study, workspace.settings, workspace.settings.province.boundaries
    ground, stations = workspace.ground, workspace.on_air
    status = study.places["status"].fillna("existing")
    places = study.places[(status == "existing") | s.places_5g.planned].reset_index(drop=True)
    points = place_points(places, s.places.buffer_m, s.places.spacing_m)
    powered = study.roads[study.roads["power"].fillna(value=False).astype(bool)]
    options = options_5g.options_for(
        places, candidates.locations_with_room(stations, min(s.phases.years), s.propose), stations, study.cells,
        lambda x, y, power: candidates.nearest_road_m(x, y, powered if power else study.roads),
        cable_to_fiber(workspace), ground, s.costs, s.places_5g, s.propose,
    )  # fmt: skip
    options, told = decided_options(study.decisions, "place_5g", options)
    reuse_pct = s.targets["BTS_NEW_SHARE_RATIO"].target_2030 or 0.0
    return places_5g.propose(
        places, points.x_m, points.y_m, points.place, options, workspace.radio("5G"), s.propagation, ground,
        s.places_5g, s.propose, s.places.least_share, reuse_pct / 100.0, study.communes, version,
        required=told.required, cache=workspace.loss_cache, progress=progress,
    )  # fmt: skip


def confirm_places_5g(study: Study | Workspace, plan: PlacesPlan) -> pd.DataFrame:
    """State of every place as `make_plan` would compute it with the placements built: place_id, state_5g, share."""
    workspace = workspace_of(study)
    stations, cells = planned_network(
        workspace.on_air, workspace.study.cells, plan.options.actions, plan.options.cells, plan.choice.actions, "5G"
    )
    planned = workspace.changed(stations=stations, cells=cells)
    states = assessed_places(planned, receive_places(planned))
    return pd.DataFrame(states[["place_id", "state_5g", "covered_share"]])
