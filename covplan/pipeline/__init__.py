"""Study in, results out: where the steps are put together, for the commands and for whoever imports covplan."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covplan.pipeline.calibration import calibrate, reliability, study_models
    from covplan.pipeline.changes import WhatIf, what_if
    from covplan.pipeline.fiber import (
        FiberResult,
        extend_fiber,
        fiber_network,
        fiber_plan,
        fiber_reach,
        fiber_single_routes,
    )
    from covplan.pipeline.kept import said_of_kept, with_kept_proposals
    from covplan.pipeline.links import explain_link
    from covplan.pipeline.models import model_findings
    from covplan.pipeline.places_5g import confirm_places_5g, propose_places_5g
    from covplan.pipeline.plan import (
        compare,
        compare_definitions,
        make_plan,
    )
    from covplan.pipeline.proposed import propose
    from covplan.pipeline.rasters import coverage, coverages
    from covplan.pipeline.reception import receive_demand, receive_places
    from covplan.pipeline.sharing import propose_sharing
    from covplan.pipeline.trench import FiberProposed, propose_fiber
    from covplan.pipeline.weights import assumption_weights, with_kept_weights
    from covplan.pipeline.white_spots import confirm_white_spots, hamlets_in_need, propose_white_spots, supply_curve
    from covplan.pipeline.workspace import Land, Workspace, workspace_of
    from covplan.pipeline.years import phase_proposals

__all__ = [
    "FiberProposed",
    "FiberResult",
    "Land",
    "WhatIf",
    "Workspace",
    "assumption_weights",
    "calibrate",
    "compare",
    "compare_definitions",
    "confirm_places_5g",
    "confirm_white_spots",
    "coverage",
    "coverages",
    "explain_link",
    "extend_fiber",
    "fiber_network",
    "fiber_plan",
    "fiber_reach",
    "fiber_single_routes",
    "hamlets_in_need",
    "make_plan",
    "model_findings",
    "phase_proposals",
    "propose",
    "propose_fiber",
    "propose_places_5g",
    "propose_sharing",
    "propose_white_spots",
    "receive_demand",
    "receive_places",
    "reliability",
    "said_of_kept",
    "study_models",
    "supply_curve",
    "what_if",
    "with_kept_proposals",
    "with_kept_weights",
    "workspace_of",
]

_HOMES = {
    "FiberProposed": "covplan.pipeline.trench",
    "FiberResult": "covplan.pipeline.fiber",
    "Land": "covplan.pipeline.workspace",
    "WhatIf": "covplan.pipeline.changes",
    "Workspace": "covplan.pipeline.workspace",
    "assumption_weights": "covplan.pipeline.weights",
    "calibrate": "covplan.pipeline.calibration",
    "compare": "covplan.pipeline.plan",
    "compare_definitions": "covplan.pipeline.plan",
    "confirm_places_5g": "covplan.pipeline.places_5g",
    "confirm_white_spots": "covplan.pipeline.white_spots",
    "coverage": "covplan.pipeline.rasters",
    "coverages": "covplan.pipeline.rasters",
    "explain_link": "covplan.pipeline.links",
    "extend_fiber": "covplan.pipeline.fiber",
    "fiber_network": "covplan.pipeline.fiber",
    "fiber_plan": "covplan.pipeline.fiber",
    "fiber_reach": "covplan.pipeline.fiber",
    "fiber_single_routes": "covplan.pipeline.fiber",
    "hamlets_in_need": "covplan.pipeline.white_spots",
    "make_plan": "covplan.pipeline.plan",
    "model_findings": "covplan.pipeline.models",
    "phase_proposals": "covplan.pipeline.years",
    "propose": "covplan.pipeline.proposed",
    "propose_fiber": "covplan.pipeline.trench",
    "propose_places_5g": "covplan.pipeline.places_5g",
    "propose_sharing": "covplan.pipeline.sharing",
    "propose_white_spots": "covplan.pipeline.white_spots",
    "receive_demand": "covplan.pipeline.reception",
    "receive_places": "covplan.pipeline.reception",
    "reliability": "covplan.pipeline.calibration",
    "said_of_kept": "covplan.pipeline.kept",
    "study_models": "covplan.pipeline.calibration",
    "supply_curve": "covplan.pipeline.white_spots",
    "what_if": "covplan.pipeline.changes",
    "with_kept_proposals": "covplan.pipeline.kept",
    "with_kept_weights": "covplan.pipeline.weights",
    "workspace_of": "covplan.pipeline.workspace",
}


def __getattr__(name: str) -> Any:
    # A command pays for the steps it takes: the programs, the graphs and the compiler take a second to import.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'covplan.pipeline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
