"""Study in, results out: where the steps are put together, for the commands and for whoever imports covplan."""

from covplan.pipeline.fiber import (
    FiberResult,
    extend_fiber,
    fiber_network,
    fiber_plan,
    fiber_reach,
    fiber_single_routes,
)
from covplan.pipeline.places_5g import confirm_places_5g, propose_places_5g
from covplan.pipeline.plan import (
    compare,
    compare_definitions,
    make_plan,
)
from covplan.pipeline.proposed import propose, with_kept_proposals
from covplan.pipeline.radio import (
    calibrate,
    coverage,
    coverages,
    explain_link,
    hear,
    load_study_ground,
    on_terrain,
    reliability,
)
from covplan.pipeline.sharing import propose_sharing
from covplan.pipeline.trench import FiberProposed, propose_fiber
from covplan.pipeline.what_if import WhatIf, what_if
from covplan.pipeline.white_spots import confirm_white_spots, hamlets_in_need, propose_white_spots, supply_curve
from covplan.pipeline.years import phase_proposals

__all__ = [
    "FiberProposed",
    "FiberResult",
    "WhatIf",
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
    "hear",
    "load_study_ground",
    "make_plan",
    "on_terrain",
    "phase_proposals",
    "propose",
    "propose_fiber",
    "propose_places_5g",
    "propose_sharing",
    "propose_white_spots",
    "reliability",
    "supply_curve",
    "what_if",
    "with_kept_proposals",
]
