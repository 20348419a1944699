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
from covplan.propose.common.accepted import broken_decisions, requirements
from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.case import Assumptions, Network
from covplan.propose.common.decisions import decided_options
from covplan.propose.common.not_served import not_served_table
from covplan.propose.common.planned_network import planned_network
from covplan.propose.common.reach import RadioModel
from covplan.propose.places_5g.options import Case, options_for
from covplan.propose.places_5g.program import choose_placements, place_problem, quota_leaves_out
from covplan.propose.places_5g.rows import compared_methods, not_served_rows, plan_rows
from covplan.propose.solve.cover import unreachable
from covplan.study.errors import LayerError
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
    not_served: pd.DataFrame
    """Places without 5G, and why (resources/layers/not_served.csv)."""


def propose_places_5g(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> PlacesPlan:
    """Cheapest placements of 5G that give every place its signal and its capacity, each with its reason.

    Places that no placement covers are taken out first and listed, and so are those that there is no room for.
    """
    workspace = workspace_of(study)
    study, settings = workspace.study, workspace.settings
    case = places_case(workspace)
    every = options_for(case)
    options, decided = decided_options(study.decisions, PLACE_5G, every)
    reuse = (settings.targets["BTS_NEW_SHARE_RATIO"].target_2030 or 0.0) / 100.0
    asked = place_problem(case, options, least_share=settings.places.least_share, reuse_share=reuse)
    if progress:
        text = _("5G: {places} places, {options} options")
        progress(text.format(places=number(asked.place_of.size), options=number(len(options.actions))))
    out = unreachable(asked.cover)
    free = asked if settings.places_5g.budget_vnd else asked.without(out)
    accepted, broken = requirements(free.cover, decided)
    problem = free.requiring(accepted)
    choice = choose_placements(problem, settings.places_5g, settings.propose)
    proposals = plan_rows(problem, options, choice, study.communes, settings.province.boundaries)
    comparison = compared_methods(free, options, choice, settings.places_5g.budget_vnd / MILLION or np.inf)

    reached = np.ones(asked.place_of.size, dtype=bool)
    reached[out] = False
    served = np.zeros(reached.size, dtype=bool)
    served[np.flatnonzero(reached) if free is not asked else slice(None)] = choice.served
    causes = np.full(reached.size, "over_budget" if settings.places_5g.budget_vnd else "no_room", dtype=object)
    if not settings.places_5g.budget_vnd:
        causes[np.flatnonzero(reached)[quota_leaves_out(problem, choice, settings.propose)]] = "quota"
    causes[out] = "no_option"
    if out.size and len(every.actions) > len(options.actions):
        before = place_problem(case, every, least_share=settings.places.least_share, reuse_share=reuse)
        causes[np.setdiff1d(out, unreachable(before.cover))] = "rejected"
    left = [*not_served_rows(asked, served, causes, settings.places_5g), *broken_decisions(PLACE_5G, broken)]
    return PlacesPlan(proposals, comparison, choice, problem, options, not_served_table(left))


def places_case(workspace: Workspace) -> Case:
    """What 5G at the places of a study is planned from."""
    study, settings = workspace.study, workspace.settings
    status = study.places["status"].fillna("existing")
    places = study.places[(status == "existing") | settings.places_5g.planned].reset_index(drop=True)
    if places.empty:
        raise LayerError(
            _(
                "places.gpkg: no place to plan 5G for. Add the layer, or set [places_5g] planned = true for planned "
                "ones."
            )
        )
    locations = locations_with_room(workspace.standing, min(settings.phases.years), settings.propose)
    return Case(
        places=places,
        points=place_points(places, settings.places.buffer_m, settings.places.spacing_m),
        network=Network(locations, workspace.on_air[workspace.on_terrain], study.cells),
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
    settings = workspace.settings
    computed = settings.model_copy(update={"coverage": settings.coverage.model_copy(update={"basis": "computed"})})
    planned = workspace.changed(stations=stations, cells=cells, settings=computed)
    reception = receive_places(planned)
    states = assessed_places(planned, reception)
    if reception is None:  # nothing sends 5G on known terrain, so the engine has nothing to say
        states = states.assign(state_5g="unknown", covered_share=np.nan)
    return pd.DataFrame(states[["place_id", "state_5g", "covered_share"]])
