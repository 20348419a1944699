"""5G at the places of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.places import place_points
from covplan.pipeline.backhaul import backbone
from covplan.pipeline.reception import assessed_places, receive_places
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.case import Assumptions, Network
from covplan.propose.common.decisions import decided_options
from covplan.propose.common.planned_network import planned_network
from covplan.propose.common.reach import RadioModel
from covplan.propose.places_5g.options import Case, options_for
from covplan.propose.places_5g.program import choose_placements, place_problem
from covplan.propose.places_5g.rows import compared_methods, plan_rows
from covplan.study.kinds import PLACE_5G
from covplan.study.language import MILLION, _, number

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.places_5g.options import PlaceOptions
    from covplan.propose.places_5g.program import PlaceProblem
    from covplan.propose.solve.cover import Choice
    from covplan.study.folder import Study


@dataclass(frozen=True)
class PlacesPlan:
    """What is proposed for the places, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    """The program beside what a planner would do by habit."""
    choice: Choice
    problem: PlaceProblem
    options: PlaceOptions


def propose_places_5g(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> PlacesPlan:
    """Cheapest placements of 5G that give every place its signal and its capacity, each with its reason."""
    workspace = workspace_of(study)
    study, settings = workspace.study, workspace.settings
    case = places_case(workspace)
    options, decided = decided_options(study.decisions, PLACE_5G, options_for(case))
    reuse_pct = settings.targets["BTS_NEW_SHARE_RATIO"].target_2030 or 0.0
    free = place_problem(case, options, least_share=settings.places.least_share, reuse_share=reuse_pct / 100.0)
    problem = free.requiring(decided.required)
    if progress:
        text = _("5G: {places} places, {options} options")
        progress(text.format(places=number(problem.place_of.size), options=number(len(options.actions))))
    choice = choose_placements(problem, options, settings.places_5g, settings.propose)
    proposals = plan_rows(problem, options, choice, study.communes, settings.province.boundaries)
    comparison = compared_methods(free, options, choice, settings.places_5g.budget_vnd / MILLION or np.inf)
    return PlacesPlan(proposals, comparison, choice, problem, options)


def places_case(workspace: Workspace) -> Case:
    """What 5G at the places of a study is planned from."""
    study, settings = workspace.study, workspace.settings
    status = study.places["status"].fillna("existing")
    places = study.places[(status == "existing") | settings.places_5g.planned].reset_index(drop=True)
    locations = locations_with_room(workspace.on_air, min(settings.phases.years), settings.propose)
    return Case(
        places=places,
        points=place_points(places, settings.places.buffer_m, settings.places.spacing_m),
        network=Network(locations, workspace.on_air, study.cells),
        roads=study.roads,
        backbone=backbone(workspace, locations),
        model=RadioModel(workspace.radio("5G"), settings.propagation, workspace.ground, workspace.loss_cache),
        settings=settings.places_5g,
        assumptions=Assumptions(settings.costs, settings.rules, settings.propose),
    )


def confirm_places_5g(study: Study | Workspace, plan: PlacesPlan) -> pd.DataFrame:
    """State of every place as `make_plan` would compute it with the placements built: place_id, state_5g, share."""
    workspace = workspace_of(study)
    stations, cells = planned_network(workspace.on_air, workspace.study.cells, plan.options, plan.choice.actions, "5G")
    planned = workspace.changed(stations=stations, cells=cells)
    states = assessed_places(planned, receive_places(planned))
    return pd.DataFrame(states[["place_id", "state_5g", "covered_share"]])
