"""The upper hull of a terrain profile, grown point by point: what a receiver can see of it costs O(log n), not O(n).

A profile bent by the effective earth radius is a set of points (distance, height). Seen from a receiver beyond its
end, only points of the upper convex hull can be the horizon or stand highest above a chord. The hull is a stack in two
arrays and a third with the points' places in the profile, of which the first `size` entries count (Graham 1972, Andrew
1979: monotone chain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def push(x: Floats, y: Floats, place: Places, size: int, at: int, new_x: float, new_y: float) -> int:
    """Add a point to the right of all others; returns the new size of the hull."""
    while size >= 2 and (y[size - 1] - y[size - 2]) * (new_x - x[size - 1]) <= (new_y - y[size - 1]) * (
        x[size - 1] - x[size - 2]
    ):
        size -= 1
    x[size], y[size], place[size] = new_x, new_y, at
    return size + 1


@njit(cache=True, nogil=True, inline="always")
def tangent(x: Floats, y: Floats, size: int, from_x: float, from_y: float) -> int:
    """The hull point with the greatest slope (y − from_y) / (from_x − x), seen from a point to the right of all."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) >> 1
        if (y[middle + 1] - from_y) * (from_x - x[middle]) >= (y[middle] - from_y) * (from_x - x[middle + 1]):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, inline="always")
def highest_above(x: Floats, y: Floats, size: int, slope: float) -> int:
    """The hull point with the greatest y − slope · x: what stands highest above a chord of that slope."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) >> 1
        if y[middle + 1] - y[middle] >= slope * (x[middle + 1] - x[middle]):
            low = middle + 1
        else:
            high = middle
    return low
