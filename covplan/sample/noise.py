"""Smooth chance in the plane: cubic B-spline noise whose lattice is fixed to the map, so a crop sees the same hills.

Only the four operations are used, in a fixed order: the numbers are the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUGH_DEVIATION = 0.2765  # standard deviation of the spline of uniform numbers in -1…1: brought to 1


def spline_noise(x: NDArray[np.float64], y: NDArray[np.float64], spacing_m: float, seed: int) -> NDArray[np.float64]:
    """Gaussian-like noise of mean 0 and deviation about 1 on the raster of coordinates `x` (columns) and `y` (rows).

    Parameters
    ----------
    x, y : ndarray, shape (columns,) and (rows,)
        Cell centres, metres of the map.
    spacing_m : float
        Lattice spacing: hills are two to three of it apart.
    seed : int
        Of this octave; each row of the lattice has its own random stream, so any part of it can be drawn alone.

    Returns
    -------
    ndarray, shape (rows, columns)
    """
    column, x_weights = _taps(x, spacing_m)
    row, y_weights = _taps(y, spacing_m)
    first_row, first_column = int(row.min()), int(column.min())
    lattice = np.stack(
        [_lattice_row(seed, r, first_column, int(column.max()) + 4) for r in range(first_row, int(row.max()) + 4)]
    )
    along_x = sum(x_weights[k] * lattice[:, column - first_column + k] for k in range(4))
    return np.asarray(
        sum(y_weights[k][:, None] * np.take(along_x, row - first_row + k, axis=0) for k in range(4)) / ROUGH_DEVIATION
    )


def cubic(table: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bicubic (Catmull-Rom) value of a table at fractional rows and columns; beyond its rim the rim repeats."""
    r, c = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    by_row, by_column = _catmull_rom(row - r), _catmull_rom(column - c)
    last_row, last_column = table.shape[0] - 1, table.shape[1] - 1
    total = np.zeros(np.broadcast(row, column).shape)
    for i in range(4):
        rows = np.clip(r + i - 1, 0, last_row)
        line = np.zeros_like(total)
        for j in range(4):
            line += by_column[j] * table[rows, np.clip(c + j - 1, 0, last_column)]
        total += by_row[i] * line
    return total


def _lattice_row(seed: int, row: int, first: int, last: int) -> NDArray[np.float64]:
    start = -200_000  # west of any lattice column in use at spacings of 100 m and more
    generator = np.random.PCG64(np.random.SeedSequence([seed, row + 1_000_000]))
    generator.advance(first - start)
    return 2.0 * np.random.Generator(generator).random(last - first) - 1.0


def _taps(position_m: NDArray[np.float64], spacing_m: float) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """First lattice number and the four cubic B-spline weights of each position."""
    scaled = position_m / spacing_m
    whole = np.floor(scaled)
    t = scaled - whole
    s = 1 - t
    weights = [s * s * s, 3 * t * t * t - 6 * t * t + 4, 3 * s * s * s - 6 * s * s + 4, t * t * t]
    return whole.astype(np.int64) - 1, [weight / 6 for weight in weights]


def _catmull_rom(t: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]
