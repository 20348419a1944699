"""Heights of the terrain where something is to stand or a line of sight passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.terrain.ground import Ground


def cell_at(ground: Ground, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Row and column of points (study CRS), counted in cells from the middle of the first one, with fractions."""
    grid = ground.grid
    return [(grid.north_m - y_m) / grid.cell_m - 0.5, (x_m - grid.west_m) / grid.cell_m - 0.5]


def elevations_m(ground: Ground, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the terrain at points, between cells in proportion; NaN outside the grid."""
    heights: NDArray[np.float64] = map_coordinates(
        ground.elevation_m, cell_at(ground, x_m, y_m), order=1, cval=np.nan, output=np.float64
    )
    return heights


def cell_elevation_m(ground: Ground, x_m: float, y_m: float) -> float:
    """Height of the cell a point lies in; 0 outside the grid."""
    row, column = ground.grid.rowcol(x_m, y_m)
    inside = 0 <= row < ground.grid.rows and 0 <= column < ground.grid.columns
    return float(ground.elevation_m[row, column]) if inside else 0.0


def slope_deg(ground: Ground) -> NDArray[np.float32]:
    """Slope of every cell by central differences; NaN beside what is not known."""
    south, east = np.gradient(ground.elevation_m, np.float32(ground.grid.cell_m))
    slope: NDArray[np.float32] = np.degrees(np.arctan(np.hypot(south, east)))
    return slope
