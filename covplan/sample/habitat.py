"""Where people settle: how good each piece of ground is for a hamlet, from slope, height above the valley, cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import minimum_filter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from rasterio.transform import Affine

CELL_M = 90.0  # finer ground is thinned to about this: a hamlet is larger
VALLEY_WINDOW_M = 1_800.0
GENTLE_SLOPE, NEAR_VALLEY_M = 0.15, 80.0  # at which the chance of a hamlet has fallen to a quarter (assumption)
# ESA WorldCover class → how readily people live there (assumption). Water, snow, wetland: never.
COVER_WEIGHT = {10: 0.5, 20: 0.7, 30: 0.8, 40: 1.0, 50: 1.0, 60: 0.6, 70: 0.0, 80: 0.0, 90: 0.0, 95: 0.0, 100: 0.5}
LEAST = 0.002  # of any dry ground


@dataclass(frozen=True)
class Habitat:
    """Suitability (0…1) and height (m) on square cells; row 0 is the northern edge."""

    suitability: NDArray[np.float64]
    height_m: NDArray[np.float64]
    west_m: float
    north_m: float
    cell_m: float

    def rowcol(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of points in metres, pulled to the nearest cell when outside."""
        row = np.floor((self.north_m - np.asarray(y, float)) / self.cell_m).astype(np.int64)
        column = np.floor((np.asarray(x, float) - self.west_m) / self.cell_m).astype(np.int64)
        rows, columns = self.suitability.shape
        return row.clip(0, rows - 1), column.clip(0, columns - 1)


def habitat(elevation_m: NDArray[np.float32], cover: NDArray[np.uint8], transform: Affine) -> Habitat:
    """How good the ground is for living, on cells of about 90 m.

    Parameters
    ----------
    elevation_m, cover : ndarray, shape (rows, columns)
        Heights and ESA WorldCover classes on one north-up grid.
    transform : Affine
        Of that grid, metres.
    """
    step = max(1, int(CELL_M / transform.a))
    height_m = np.round(elevation_m[::step, ::step].astype(np.float64), 1)
    cell_m = transform.a * step
    lowest_m = np.nanmin(height_m)
    filled_m = np.where(np.isnan(height_m), lowest_m, height_m)
    rise_x = (np.roll(filled_m, -1, 1) - np.roll(filled_m, 1, 1)) / (2 * cell_m)
    rise_y = (np.roll(filled_m, -1, 0) - np.roll(filled_m, 1, 0)) / (2 * cell_m)
    slope = np.sqrt(rise_x * rise_x + rise_y * rise_y)  # rise over run
    above_valley_m = filled_m - minimum_filter(filled_m, size=2 * int(VALLEY_WINDOW_M / cell_m / 2) + 1)
    low_slope = 1 / (1 + (slope / GENTLE_SLOPE) ** 2)
    near_valley = 1 / (1 + (above_valley_m / NEAR_VALLEY_M) ** 2)
    table = np.full(256, 0.5)
    for code, weight in COVER_WEIGHT.items():
        table[code] = weight
    cover_weight = table[cover[::step, ::step]]
    suitability = np.maximum((low_slope * near_valley) ** 2 * cover_weight, LEAST)
    dry = (cover_weight > 0) & ~np.isnan(height_m)
    return Habitat(np.where(dry, suitability, 0.0).round(6), filled_m, transform.c, transform.f, cell_m)
