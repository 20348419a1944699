"""Study in, results out: where the steps are put together, for the commands and for whoever imports covplan."""

from covplan.pipeline.calibration import calibrate, reliability
from covplan.pipeline.coverage import coverage, coverages
from covplan.pipeline.fiber import (
    FiberResult,
    extend_fiber,
    fiber_network,
    fiber_plan,
    fiber_reach,
    fiber_single_routes,
)
from covplan.pipeline.links import explain_link
from covplan.pipeline.places_5g import confirm_places_5g, propose_places_5g
from covplan.pipeline.plan import (
    compare,
    compare_definitions,
    make_plan,
)
from covplan.pipeline.proposed import propose, with_kept_proposals
from covplan.pipeline.reception import receive_demand, receive_places
from covplan.pipeline.sharing import propose_sharing
from covplan.pipeline.trench import FiberProposed, propose_fiber
from covplan.pipeline.what_if import WhatIf, what_if
from covplan.pipeline.white_spots import confirm_white_spots, hamlets_in_need, propose_white_spots, supply_curve
from covplan.pipeline.workspace import Land, Workspace, workspace_of
from covplan.pipeline.years import phase_proposals

__all__ = [
    "FiberProposed",
    "FiberResult",
    "Land",
    "WhatIf",
    "Workspace",
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
    "phase_proposals",
    "propose",
    "propose_fiber",
    "propose_places_5g",
    "propose_sharing",
    "propose_white_spots",
    "receive_demand",
    "receive_places",
    "reliability",
    "supply_curve",
    "what_if",
    "with_kept_proposals",
    "workspace_of",
]
