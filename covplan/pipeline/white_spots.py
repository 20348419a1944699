"""White spots of a study: hamlets in need, the cheapest actions, the supply curve, the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.demand import centres
from covplan.assess.hamlets import ANY
from covplan.pipeline.backhaul import cable_to_fiber
from covplan.pipeline.reception import receive_demand
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common import candidates, zones
from covplan.propose.common.decisions import decided_options
from covplan.propose.common.transmitters import planned_network
from covplan.propose.white_spots import options as white_spot_options
from covplan.propose.white_spots import program as white_spots
from covplan.propose.white_spots.options import Need, hamlets_missing, missing_points
from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.white_spots.program import WhiteSpotPlan
    from covplan.study.folder import Study


def propose_white_spots(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> WhiteSpotPlan:
    """Cheapest actions that bring hamlets without a signal to the targets of VILLAGE_MBB_COV, each with its reason."""
    workspace = workspace_of(study)
    study, s, version = workspace.study, workspace.settings, workspace.settings.province.boundaries
    ground, stations = workspace.ground, workspace.on_air
    need = hamlets_in_need(workspace, progress=progress)
    locations = candidates.locations_with_room(stations, min(s.phases.years), s.propose)
    points, keep = missing_points(need, s.white_spots)
    found = candidates.new_ground(
        points, ground, study.roads, _xy(locations), study.communes,
        zones.headquarters(study.places, study.communes, version), s.rules, version, s.propose,
        reach_m=s.white_spots.reach_m, antenna_m=max(s.propose.mast_heights_m), keep=keep,
    )  # fmt: skip
    options = white_spot_options.options_for(
        need, locations, stations, study.cells, found, cable_to_fiber(workspace), ground, s.costs, s.rules,
        s.white_spots, s.propose,
    )  # fmt: skip
    options, told = decided_options(study.decisions, "white_spot", options)
    goal = s.targets["VILLAGE_MBB_COV"]
    by_year = {2025: goal.target_2025, 2030: goal.target_2030}
    return white_spots.propose(
        need, options, workspace.radio("4G"), s.propagation, ground, s.white_spots, s.propose, s.rules,
        study.communes, version, {year: pct for year, pct in by_year.items() if pct is not None},
        required=told.required, cache=workspace.loss_cache, progress=progress,
    )  # fmt: skip


def supply_curve(
    study: Study | Workspace, *, nested: bool = False, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, the next one, and where a satellite costs less."""
    workspace = workspace_of(study)
    plan, s = propose_white_spots(workspace, progress=progress), workspace.settings
    return white_spots.supply_curve(plan, plan.hamlets, s.costs, s.propose, nested=nested)


def confirm_white_spots(study: Study | Workspace, plan: WhiteSpotPlan) -> pd.DataFrame:
    """Hamlets the plan says it serves, and whether the coverage engine, run on the planned network, agrees.

    Columns: village_id, covered (all the points that count, of any operator or of each that must), rsrp_dbm (the best
    at the centre).
    """
    workspace = workspace_of(study)
    stations, cells = planned_network(
        workspace.on_air, workspace.study.cells, plan.options.actions, plan.options.cells, plan.choice.actions, "4G"
    )
    need = hamlets_in_need(workspace.changed(stations=stations, cells=cells))
    missing = hamlets_missing(need, workspace.settings.white_spots)
    claimed = plan.hamlets.iloc[plan.hamlet_of[plan.choice.served]]
    dbm = pd.Series(need.best_dbm).groupby(need.hamlet).first()
    return pd.DataFrame(
        {
            "village_id": claimed["village_id"].to_numpy(),
            "covered": ~np.isin(claimed.index, missing),
            "rsrp_dbm": dbm.reindex(claimed.index).round(1).to_numpy(),
        }
    )


def hamlets_in_need(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> Need:
    """Points of the hamlets that count (centres, and clusters where the settings say so), and who covers them today."""
    workspace = workspace_of(study)
    villages, demand = workspace.study.villages.reset_index(drop=True), workspace.land.demand
    received = receive_demand(workspace, demand, technologies=("4G",), progress=progress)
    signals = {one.operator: one for one in received}
    if ANY not in signals:
        raise LayerError(
            _("white spots: no signal is computed. Needed: terrain, 4G stations on air, [coverage] basis = 'computed'.")
        )
    counts = demand.centre if not workspace.settings.white_spots.clusters else np.ones(demand.centre.size, dtype=bool)
    known = ~np.isnan(signals[ANY].probability)
    told = np.zeros(len(villages), dtype=bool)
    told[demand.village[demand.centre & known]] = True
    centre = centres(villages)
    hamlets = villages[["village_id", "name", "households", "grid_power", "difficulty", "synthetic"]].assign(
        x_m=centre.x, y_m=centre.y, known=told
    )
    at = np.flatnonzero(counts & known)
    operators = tuple(sorted(set(signals) - {ANY}))
    covered = np.array([signals[one].covered[at] for one in operators], dtype=bool)
    return Need(
        hamlets, demand.village[at], demand.x_m[at], demand.y_m[at], operators, covered, signals[ANY].rsrp_dbm[at]
    )


def _xy(table: gpd.GeoDataFrame) -> NDArray[np.float64]:
    return np.column_stack([table.geometry.x, table.geometry.y])
