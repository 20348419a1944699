"""What a mast of the sample reaches: bare terrain, effective earth radius, one knife edge. Only for siting the sample.

The planner's own radio model is another, finer one; the sample must not be made with the tool it is to test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.transform import Affine

EARTH_M = 6_371_000.0 * 4 / 3  # effective radius of a standard atmosphere (ITU-R P.310)
WAVE_M = 299_792_458 / 1.8e9  # 1,800 MHz, the band every operator has
RECEIVER_M = 1.5
REACHED_DB = 140.0  # basic loss up to which a phone still finds the mast outdoors


def pair_loss(
    elevation_m: NDArray[Any],
    transform: Affine,
    masts_m: NDArray[np.float64],
    antenna_m: NDArray[np.float64],
    points_m: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Line of sight, and basic transmission loss, of pairs of a mast and a point on the ground.

    Parameters
    ----------
    elevation_m : ndarray, shape (rows, columns)
        Ground height on the grid of `transform`.
    masts_m, points_m : ndarray, shape (n, 2)
        Eastings and northings, metres.
    antenna_m : ndarray, shape (masts,)
        Above ground.
    pairs : ndarray, shape (pairs, 2)
        Row of the mast, row of the point.

    Returns
    -------
    sight : ndarray of bool, shape (pairs,)
    loss : ndarray of int32, shape (pairs,)
        Free space (ITU-R P.525) plus the strongest single knife edge (ITU-R P.526-15 eq. 31), hundredths of dB.
    """
    z = np.asarray(elevation_m, np.float32)
    sight, loss = _pair_loss(z, transform.c, transform.f, transform.a, masts_m, antenna_m, points_m, pairs)
    return sight, loss


@njit(cache=True)
def _height(z, west, north, cell, x, y):  # type: ignore[no-untyped-def]
    row, column = int((north - y) / cell), int((x - west) / cell)
    return z[min(max(row, 0), z.shape[0] - 1), min(max(column, 0), z.shape[1] - 1)]


@njit(cache=True)
def _pair_loss(z, west, north, cell, masts, antenna, points, pairs):  # type: ignore[no-untyped-def]
    sight = np.zeros(len(pairs), np.bool_)
    loss = np.zeros(len(pairs), np.int32)
    for k in range(len(pairs)):
        i, j = pairs[k]
        dx, dy = points[j, 0] - masts[i, 0], points[j, 1] - masts[i, 1]
        d = max(np.sqrt(dx * dx + dy * dy), 30.0)
        top = _height(z, west, north, cell, masts[i, 0], masts[i, 1]) + antenna[i]
        low = _height(z, west, north, cell, points[j, 0], points[j, 1]) + RECEIVER_M
        steps = int(d / cell)
        worst, above = -1e9, False
        for s in range(1, steps):
            d1 = d * s / steps
            d2 = d - d1
            ground = _height(z, west, north, cell, masts[i, 0] + dx * s / steps, masts[i, 1] + dy * s / steps)
            h = ground + d1 * d2 / (2 * EARTH_M) - (top + (low - top) * d1 / d)
            above = above or h > 0
            nu2 = h * abs(h) * 2 * d / (WAVE_M * d1 * d2)  # signed square of ν: no root needed to compare
            worst = max(worst, nu2)
        edge = 0.0
        if worst > -0.6:
            nu = np.sqrt(abs(worst)) * (1.0 if worst > 0 else -1.0)
            edge = 6.9 + 20 * np.log10(np.sqrt((nu - 0.1) ** 2 + 1) + nu - 0.1)
        sight[k] = not above
        loss[k] = round(100 * (20 * np.log10(4 * np.pi * d / WAVE_M) + edge))
    return sight, loss
