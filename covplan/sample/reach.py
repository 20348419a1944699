"""What a mast of the sample reaches, by the same model as the plan: siting, and what the province declares, follow it.

So the state computed from the sample's files is the one its masts were placed for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covplan.radio.antenna import named_antenna, pattern_loss
from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import link_losses
from covplan.study.settings import Propagation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.terrain.ground import Ground

FREQUENCY_GHZ = 1.8425  # the band every operator has
LATITUDE_DEG = 22.0
REACHED_DB = (
    132.5  # RSRP of −110 dBm at 95 % of the places (13.2 dB for σ 8 dB), from 34.5 dBm per subcarrier, and 1 dB
)
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
        ground.clutter_m,
        float(ground.grid.cell_m),
        tx,
        _cells(ground, points_m),
        np.ascontiguousarray(pairs[:, 0]),
        np.ascontiguousarray(pairs[:, 1]),
        settings.receiver_height_m,
        effective_earth_km(settings.delta_n),
        settings.surface_n,
        LATITUDE_DEG,
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
    rise_m = _height(ground, points_m)[pairs[:, 1]] - (_height(ground, masts_m) + antenna_m)[pairs[:, 0]]
    off_beam = pattern_loss(
        named_antenna("sector_65"),
        azimuth_deg=0.0,
        bearing_deg=OFF_BEAM_DEG,
        elevation_deg=np.degrees(np.arctan2(rise_m, away_m)),
        electrical_tilt_deg=DOWNTILT_DEG,
    )
    loss = pair_loss(ground, masts_m, antenna_m, points_m, pairs)
    return np.asarray(loss + np.round(100 * off_beam) <= 100 * SERVED_DB)


def _height(ground: Ground, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    row, column = ground.grid.rowcol(points_m[:, 0], points_m[:, 1])
    return np.asarray(ground.elevation_m[row, column], np.float64)


def _cells(ground: Ground, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows and columns, 0 at the centre of the first cell."""
    grid = ground.grid
    return np.column_stack([grid.north_m - points_m[:, 1], points_m[:, 0] - grid.west_m]) / grid.cell_m - 0.5
