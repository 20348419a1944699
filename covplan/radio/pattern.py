"""What an antenna loses in a direction, for the sweep: the kernel twin of `antenna.pattern_loss` (numba only)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def cut_loss(cut_db: NDArray[np.float64], angle_deg: float) -> float:
    """A cut sampled at whole degrees, read at any angle: straight lines between samples, round the circle (dB)."""
    if math.isnan(angle_deg):
        return math.nan
    turned = angle_deg - 360.0 * math.floor(angle_deg / 360.0)
    i = int(turned)
    if i >= 360:  # the remainder of a tiny negative angle rounds to 360
        i = 0
        turned = 0.0
    part = turned - i
    after = i + 1 if i < 359 else 0
    return float(cut_db[i] + part * (cut_db[after] - cut_db[i]))


@njit(cache=True, nogil=True)
def combined_loss(
    horizontal_db: NDArray[np.float64],
    vertical_db: NDArray[np.float64],
    floor_db: float,
    projected: bool,
    azimuth_deg: float,
    electrical_tilt_deg: float,
    mechanical_tilt_deg: float,
    bearing_deg: float,
    elevation_deg: float,
) -> float:
    """Loss towards one direction relative to the antenna's gain (dB); the formulas are in `antenna.pattern_loss`."""
    off_deg = bearing_deg - azimuth_deg
    off_deg -= 360.0 * math.floor((off_deg + 180.0) / 360.0)
    below_deg = -elevation_deg
    if mechanical_tilt_deg != 0.0:
        tilt, off, up = (
            math.radians(mechanical_tilt_deg),
            math.radians(off_deg),
            math.radians(elevation_deg),
        )
        ahead, side, high = math.cos(up) * math.cos(off), math.cos(up) * math.sin(off), math.sin(up)
        turned = ahead * math.cos(tilt) - high * math.sin(tilt)
        raised = ahead * math.sin(tilt) + high * math.cos(tilt)
        off_deg = math.degrees(math.atan2(side, turned))
        below_deg = -math.degrees(math.asin(min(1.0, max(-1.0, raised))))
    below_deg -= electrical_tilt_deg
    loss_db = cut_loss(horizontal_db, off_deg)
    front_db = cut_loss(vertical_db, below_deg)
    if projected:
        behind = abs(off_deg) / 180.0
        back_db = cut_loss(vertical_db, 180.0 - below_deg)
        loss_db += (1.0 - behind) * (front_db - horizontal_db[0]) + behind * (back_db - horizontal_db[180])
    else:
        loss_db += front_db
    return min(max(loss_db, 0.0), floor_db)
