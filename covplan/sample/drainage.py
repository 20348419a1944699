"""Where water runs on a raster of heights, and what it carves: flood order, receivers, incision, breaching.

Heights are whole centimetres, so that every decision (which cell next, which neighbour is lowest) is taken on integers
and comes out alike on every machine. Only `sqrt` is used beyond the four operations, for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROW_STEP = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
COLUMN_STEP = np.array([-1, 0, 1, -1, 1, -1, 0, 1])
DIAGONAL = 1.4142135623730951


@dataclass(frozen=True)
class Relief:
    """Synthetic heights (whole metres) and open water: great rivers and the reservoir of Na Hang."""

    elevation_m: NDArray[np.int16]
    water: NDArray[np.bool_]


@njit(cache=True)
def flow(
    height_cm: NDArray[np.int64], outlet: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Order, receivers and filled heights by priority flood (Barnes et al. 2014) from the outlets and the rim.

    Parameters
    ----------
    height_cm : ndarray of int64, shape (rows, columns)
        Heights, whole centimetres.
    outlet : ndarray of bool, same shape
        Cells that keep their height and drain out of the raster, such as a great river.

    Returns
    -------
    order : ndarray, shape (cells,)
        Flat cell numbers from the outlets upstream: every cell comes after the one it drains to.
    receiver : ndarray, shape (cells,)
        The steepest neighbour among those reached before; an outlet receives itself.
    filled_cm : ndarray, shape (rows, columns)
        Heights with every pit filled to its rim.
    """
    rows, columns = height_cm.shape
    cells = rows * columns
    height = height_cm.ravel()
    filled = height.copy()
    receiver = np.full(cells, -1)
    reached = np.zeros(cells, np.bool_)  # waits in the heap or has left it
    done = np.zeros(cells, np.bool_)
    order = np.empty(cells, np.int64)
    heap = np.empty(cells + 1, np.int64)
    size = 0
    for cell in range(cells):
        row, column = cell // columns, cell % columns
        rim = row in (0, rows - 1) or column in (0, columns - 1)
        if rim or outlet.ravel()[cell]:
            reached[cell] = True
            receiver[cell] = cell
            size = _push(heap, size, _key(filled[cell], height[cell], cell))
    count = 0
    while size > 0:
        cell = heap[0] & 0x7FFFFFF
        size = _pop(heap, size)
        order[count] = cell
        count += 1
        row, column = cell // columns, cell % columns
        is_outlet = receiver[cell] == cell
        steepest = 0.0
        for k in range(8):
            r, c = row + ROW_STEP[k], column + COLUMN_STEP[k]
            if r < 0 or r >= rows or c < 0 or c >= columns:
                continue
            other = r * columns + c
            if not reached[other]:
                reached[other] = True
                receiver[other] = cell
                filled[other] = max(filled[other], filled[cell])
                size = _push(heap, size, _key(filled[other], height[other], other))
            elif done[other] and not is_outlet:
                fall = float(filled[cell] - filled[other])
                if ROW_STEP[k] != 0 and COLUMN_STEP[k] != 0:
                    fall /= DIAGONAL
                if fall > steepest:
                    steepest = fall
                    receiver[cell] = other
        done[cell] = True
    return order, receiver, filled.reshape(rows, columns)


@njit(cache=True)
def upstream_cells(order: NDArray[np.int64], receiver: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many cells drain through each cell, itself included; flat, shape (cells,)."""
    count = np.ones(order.size, np.int64)
    for i in range(order.size - 1, -1, -1):
        cell = order[i]
        if receiver[cell] != cell:
            count[receiver[cell]] += count[cell]
    return count


@njit(cache=True)
def incised(
    height_cm: NDArray[np.int64],
    order: NDArray[np.int64],
    receiver: NDArray[np.int64],
    upstream: NDArray[np.int64],
    strength: float,
) -> NDArray[np.int64]:
    """Heights after one implicit step of stream-power incision (Braun & Willett 2013, m = 0.5, n = 1).

    `strength` is erodibility × time step / cell size for one cell of catchment.
    """
    columns = height_cm.shape[1]
    height = height_cm.ravel().astype(np.float64)
    for cell in order:
        lower = receiver[cell]
        if lower == cell:
            continue
        factor = strength * np.sqrt(float(upstream[cell]))
        if cell // columns != lower // columns and cell % columns != lower % columns:
            factor /= DIAGONAL
        if height[cell] > height[lower]:
            height[cell] = (height[cell] + factor * height[lower]) / (1 + factor)
    return np.floor(height + 0.5).astype(np.int64).reshape(height_cm.shape)


@njit(cache=True)
def breached(
    height_cm: NDArray[np.int64], outlet: NDArray[np.bool_], order: NDArray[np.int64], receiver: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Heights with the way out of every pit cut down to the pit, so that all water runs downhill.

    An outlet is not cut: ground that drains to it and lies lower is raised to it.
    """
    height = height_cm.ravel().copy()
    kept = outlet.ravel()
    level = np.full(order.size, -1)
    for cell in order:
        lower = receiver[cell]
        level[cell] = level[lower] if lower != cell else (height[cell] if kept[cell] else -1)
        height[cell] = max(height[cell], level[cell])
    for i in range(order.size - 1, -1, -1):
        cell = order[i]
        lower = receiver[cell]
        height[lower] = min(height[lower], height[cell])
    return height.reshape(height_cm.shape)


@njit(cache=True)
def hillsides(
    order: NDArray[np.int64], receiver: NDArray[np.int64], upstream: NDArray[np.int64], columns: int, least: int
) -> NDArray[np.int64]:
    """Land between two confluences on one bank of a stream: the pieces that ridges and streams cut the ground into.

    Parameters
    ----------
    order, receiver : ndarray, shape (cells,)
        Of `flow`.
    upstream : ndarray, shape (cells,)
        Of `upstream_cells`.
    columns : int
        Of the raster.
    least : int
        Catchment from which on running water is a stream, cells: the pieces grow with it.

    Returns
    -------
    ndarray of int64, shape (cells,)
        A number for each piece (twice a cell of its stretch, one more on the left bank); −1 where the land drains
        into an outlet or over the rim without a stream of its own.
    """
    donors = np.zeros(order.size, np.int64)
    for cell in order:
        if upstream[cell] >= least and receiver[cell] != cell:
            donors[receiver[cell]] += 1
    stretch = np.full(order.size, -1)
    piece = np.full(order.size, -1)
    for cell in order:
        lower = receiver[cell]
        if lower == cell:
            continue
        if upstream[cell] >= least:
            goes_on = stretch[lower] >= 0 and donors[lower] == 1
            stretch[cell] = stretch[lower] if goes_on else cell
            piece[cell] = 2 * stretch[cell]
        elif stretch[lower] < 0:
            piece[cell] = piece[lower]
        else:
            below = receiver[lower]
            east, south = lower % columns - cell % columns, lower // columns - cell // columns
            on_east, on_south = below % columns - lower % columns, below // columns - lower // columns
            piece[cell] = 2 * stretch[lower] + (1 if east * on_south - south * on_east > 0 else 0)
    return piece


@njit(cache=True)
def _key(filled_cm: int, height_cm: int, cell: int) -> int:
    """Lowest water level first; within a pit its deepest ground first, so that the way out follows its valleys.

    18 bits for each height (to 2,621 m), 27 for the cell.
    """
    return (filled_cm << 45) | (height_cm << 27) | cell


@njit(cache=True)
def _push(heap: NDArray[np.int64], size: int, key: int) -> int:
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if heap[parent] <= key:
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = key
    return size + 1


@njit(cache=True)
def _pop(heap: NDArray[np.int64], size: int) -> int:
    size -= 1
    last = heap[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= last:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = last
    return size
