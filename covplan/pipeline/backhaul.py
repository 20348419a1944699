"""What a new site of a study could be connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.fiber.access import Cable, cable_m, cable_paths
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common.backhaul import Backbone, hop_donors
from covplan.propose.common.roads import nearest_road_m

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from covplan.pipeline.workspace import Workspace
    from covplan.study.folder import Study


def backbone(workspace: Workspace, locations: gpd.GeoDataFrame) -> Backbone:
    """Cable to the nearest fiber, and the locations on fiber that a hop could reach.

    Parameters
    ----------
    locations : GeoDataFrame
        Columns of `candidates.locations_with_room`.
    """
    return Backbone(cable_to_fiber(workspace), hop_donors(locations), workspace.ground)


def cable_to_fiber(study: Study | Workspace) -> Callable[[NDArray[np.float64], NDArray[np.float64]], Cable]:
    """Cable from points to the nearest fiber: along roads, or straight times `backhaul_detour` without a road to it."""
    workspace = workspace_of(study)
    study = workspace.study
    off_road_m = study.settings.fiber.off_road_m
    paths = None if study.roads.empty else cable_paths(workspace.land.network(), study.routes, off_road_m)
    fiber = gpd.GeoDataFrame(geometry=pd.concat([study.routes.geometry, study.nodes.geometry], ignore_index=True))

    def cable(x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> Cable:
        along_m = np.full(x_m.size, np.inf) if paths is None else cable_m(paths, x_m, y_m)
        by_road = np.isfinite(along_m)
        straight_m = nearest_road_m(x_m, y_m, fiber) * study.settings.propose.backhaul_detour
        return Cable(np.where(by_road, along_m, straight_m), by_road)

    return cable
