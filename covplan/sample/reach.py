"""What a mast of the sample reaches, by the same model as the plan: siting, and what the province declares, follow it.

So the state computed from the sample's files is the one its masts were placed for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from covplan.radio.antenna import named_antenna, pattern_loss
from covplan.radio.coverage import strongest
from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import link_losses
from covplan.radio.links import receive
from covplan.sample.roads import EPSG
from covplan.study.settings import Propagation, Radio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from covplan.terrain.ground import Ground

FREQUENCY_GHZ = 1.8425  # the band every operator has
LATITUDE_DEG = 22.0
# RSRP of −110 dBm from 34.5 dBm per subcarrier with a margin of 8.9 dB for prediction error (σ 8 dB): three dark masts
# together are not 95 % sure then, nor is one alone at 4 dB more.
REACHED_DB = 137.0
SERVED_DB = 128.5  # what is served is meant to stay so when sectors are turned and tilted: 4 dB less
OFF_BEAM_DEG, DOWNTILT_DEG = 40.0, 4.0  # of a hamlet between two sectors
HOPELESS = 99_999  # where the path leaves the ground


def pair_loss(
    ground: Ground,
    masts_m: NDArray[np.float64],
    antenna_m: NDArray[np.float64],
    points_m: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Path loss (ITU-R P.1812-7) of pairs of a mast and a point on the ground, whole hundredths of dB.

    Parameters
    ----------
    masts_m, points_m : ndarray, shape (n, 2)
        Eastings and northings, metres.
    antenna_m : ndarray, shape (masts,)
        Above ground.
    pairs : ndarray, shape (pairs, 2)
        Row of the mast, row of the point.
    """
    settings = Propagation()
    tx = np.column_stack([_cells(ground, masts_m), antenna_m, np.full(len(masts_m), FREQUENCY_GHZ)])
    loss_db = link_losses(
        ground.elevation_m,
        ground.clutter_around(settings.clearing_m),
        float(ground.grid.cell_m),
        tx,
        _cells(ground, points_m),
        np.ascontiguousarray(pairs[:, 0]),
        np.ascontiguousarray(pairs[:, 1]),
        settings.receiver_height_m,
        effective_earth_km(settings.delta_n),
        settings.surface_n,
        LATITUDE_DEG,
        settings.clearing_m / 1000.0,
    )
    # Tenths of a decibel would do; hundredths that differ between processors would need a loss on the very edge.
    return np.asarray(
        np.nan_to_num(np.round(100.0 * loss_db.astype(np.float64)), nan=HOPELESS, posinf=HOPELESS), np.int64
    )


def served(
    ground: Ground,
    masts_m: NDArray[np.float64],
    antenna_m: NDArray[np.float64],
    points_m: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Pairs whose signal is surely enough, from a sector that looks past the point."""
    offset = points_m[pairs[:, 1]] - masts_m[pairs[:, 0]]
    away_m = np.maximum(np.round(np.hypot(offset[:, 0], offset[:, 1]), 1), 30.0)
    rise_m = heights_m(ground, points_m)[pairs[:, 1]] - (heights_m(ground, masts_m) + antenna_m)[pairs[:, 0]]
    off_beam = pattern_loss(
        named_antenna("sector_65"),
        azimuth_deg=0.0,
        bearing_deg=OFF_BEAM_DEG,
        elevation_deg=np.degrees(np.arctan2(rise_m, away_m)),
        electrical_tilt_deg=DOWNTILT_DEG,
    )
    loss = pair_loss(ground, masts_m, antenna_m, points_m, pairs)
    return np.asarray(loss + np.round(100 * off_beam) <= 100 * SERVED_DB)


def signal_chance(
    stations: pd.DataFrame,
    cells: pd.DataFrame,
    stations_m: NDArray[np.float64],
    points_m: NDArray[np.float64],
    ground: Ground,
) -> NDArray[np.float64]:
    """Probability that points have 4G of any operator, by the plan's own functions and default settings; 0…1."""
    radio, propagation = Radio(), Propagation()
    table = gpd.GeoDataFrame(stations, geometry=gpd.points_from_xy(*stations_m.T), crs=EPSG)
    received = (
        receive(table[table.operator == one], cells, points_m[:, 0], points_m[:, 1], ground, "4G", radio, propagation)
        for one in sorted(table.operator.unique())
    )
    return np.nan_to_num(strongest(received).probability.astype(np.float64))


def heights_m(ground: Ground, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ground height of the cells that points lie in."""
    row, column = ground.grid.rowcol(points_m[:, 0], points_m[:, 1])
    return np.asarray(ground.elevation_m[row, column], np.float64)


def _cells(ground: Ground, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows and columns, 0 at the centre of the first cell."""
    grid = ground.grid
    return np.column_stack([grid.north_m - points_m[:, 1], points_m[:, 0] - grid.west_m]) / grid.cell_m - 0.5
