"""The network as it would be with chosen actions done: for the coverage engine to confirm what a program says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.spectrum import holder_of
from covplan.study.codes import ANY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.common.options import Options
    from covplan.propose.common.transmitters import Cell


def planned_network(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    options: Options,
    chosen: NDArray[np.bool_],
    technology: str,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Stations and cells as they would be with the chosen actions done.

    An action of any operator transmits as one that holds its band.
    """
    done = options.actions[chosen & (options.actions["action"] != "stands").to_numpy(bool)]
    raised = done[done["action"] == "raise_antenna"]
    stations = stations.copy()
    for station_id, height_m in zip(raised.get("station_id", []), raised["antenna_height_m"], strict=True):
        stations.loc[stations["station_id"] == station_id, "antenna_height_m"] = height_m
    added = done.drop(raised.index)
    if added.empty:
        return stations, cells
    new = gpd.GeoDataFrame(
        [_new_station(f"proposed-{n}", action, technology) for n, action in added.iterrows()],
        geometry=gpd.points_from_xy(added["x_m"].astype(float), added["y_m"].astype(float)),
        crs=stations.crs,
    )
    columns = [*new.columns.drop("geometry"), "geometry"]
    joined = gpd.GeoDataFrame(pd.concat([stations[columns], new[columns]], ignore_index=True), crs=stations.crs)
    sectors = pd.DataFrame(
        [
            {"cell_id": f"proposed-{n}-{k}", "station_id": f"proposed-{n}", **_sector(cell, technology)}
            for n in added.index
            for k, cell in enumerate(options.cells[n])
        ]
    )
    return joined, pd.concat([cells[sectors.columns], sectors], ignore_index=True)


def _new_station(station_id: str, action: pd.Series, technology: str) -> dict[str, Any]:
    """A row of the stations layer."""
    code = str(action["bands"])
    return {
        "station_id": station_id, "operator": holder_of(code) if action["operator"] == ANY else action["operator"],
        "location_id": action["location_id"] or station_id, "structure": action["structure"],
        "height_m": action["height_m"], "antenna_height_m": action["antenna_height_m"],
        "technologies": technology, "bands": code, "status": "existing",
    }  # fmt: skip


def _sector(cell: Cell, technology: str) -> dict[str, Any]:
    """Columns of the cells layer."""
    return {
        "technology": technology, "band": cell.band,
        "azimuth_deg": np.nan if cell.antenna == "omni" else cell.azimuth_deg,
        "downtilt_deg": cell.downtilt_deg, "eirp_dbm": cell.eirp_dbm, "antenna": cell.antenna,
    }  # fmt: skip
