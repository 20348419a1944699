"""Ground shared out between places: each grows from its place over easy ground, and ends on ridges and streams.

First everybody takes what is reached from its place with least effort. Then the pieces that ridges and streams cut the
ground into go whole to whoever holds most of them. So a border runs where the land has one, and areas stay about what
growth alone gives.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from rasterio.transform import Affine

from covplan.sample.drainage import COLUMN_STEP, ROW_STEP, Relief, flow, hillsides, upstream_cells
from covplan.sample.noise import spline_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray


NOBODY = -1
STREAM_CELLS = (40, 300)  # 90 m cells whose water makes a stream: 0.3 and 2.4 km²
HELD = (0.0, 0.62)  # of a piece, by whoever gets it whole: of the small ones whoever holds most
LEAST_LEFT = 0.5  # of what a place grew to; with less it gets all of that back
UP_OR_DOWN, OVER_WATER = 5.0, 10.0  # effort beside that of the level way: per unit of slope, and on a great river
# Of a level cell's effort: brooks and thickets that the raster does not see.
UNEVEN, UNEVEN_M, UNEVEN_SEED = 0.8, 500.0, 78
EFFORT = 100  # of a level cell, a whole number
STRAIGHT, DIAGONAL = 10, 14
AWAY_CELLS, MOST_AWAY = 12, 84  # beyond its home a place's way is twice as dear after so many cells, at most 8 times
SMOOTHED = 3  # rounds in which a cell joins the five or more around it that agree
FAR = np.int64(2**62)


@dataclass(frozen=True)
class Land:
    """The ground as borders see it, on a north-up raster."""

    transform: Affine
    effort: NDArray[np.int64]
    """To cross a cell, `EFFORT` on level ground."""
    pieces: tuple[NDArray[np.int64], ...]
    """Numbers of hillsides between streams, small ones first; −1: none."""

    def rowcol(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of points in metres."""
        row = np.floor((np.asarray(y) - self.transform.f) / self.transform.e).astype(np.int64)
        column = np.floor((np.asarray(x) - self.transform.c) / self.transform.a).astype(np.int64)
        return row, column

    def within(self, rows: slice, columns: slice, finer: int = 1) -> Land:
        """A part of it, every cell cut into `finer` × `finer`."""
        t = self.transform
        part = Affine(t.a / finer, 0.0, t.c + t.a * columns.start, 0.0, t.e / finer, t.f + t.e * rows.start)
        cut = np.ones((finer, finer), np.int64)
        arrays = [np.kron(one[rows, columns], cut) for one in (self.effort, *self.pieces)]
        return Land(part, arrays[0], tuple(arrays[1:]))


def land_of(ground: Relief, transform: Affine) -> Land:
    """The land as borders see it, from heights and open water on the grid of `transform`."""
    height_m = ground.elevation_m.astype(np.float64)
    fall_y, fall_x = np.gradient(height_m, transform.a)
    slope = np.round(np.sqrt(fall_x * fall_x + fall_y * fall_y), 3)
    rows, columns = ground.water.shape
    x, y = transform.c + transform.a * (np.arange(columns) + 0.5), transform.f + transform.e * (np.arange(rows) + 0.5)
    uneven = UNEVEN * np.abs(np.round(spline_noise(x, y, UNEVEN_M, UNEVEN_SEED), 3))
    effort = np.round(EFFORT * (1 + uneven + UP_OR_DOWN * slope + OVER_WATER * ground.water)).astype(np.int64)
    order, receiver, _ = flow(ground.elevation_m.astype(np.int64) * 100, ground.water)
    upstream = upstream_cells(order, receiver)
    pieces = [hillsides(order, receiver, upstream, columns, least).reshape(effort.shape) for least in STREAM_CELLS]
    return Land(transform, effort, tuple(pieces))


def allocated(
    land: Land,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    inside: NDArray[np.bool_],
    *,
    kept: NDArray[np.int64],
    home: NDArray[np.int64] | None = None,
) -> NDArray[np.int32]:
    """Who holds each cell: the number of a place, `NOBODY` outside.

    Every place holds one connected part (over the sides of cells), its own cell in it.

    Parameters
    ----------
    row, column : ndarray, shape (places,)
        Where each place is, on different cells, all inside.
    inside : ndarray of bool, shape (rows, columns)
        Connected ground that is shared out.
    kept : ndarray, shape (places,)
        Cells around a place that are its own, whatever the land says, as far as no other place is nearer.
    home : ndarray, shape (places, 4), optional
        First row, end of the rows, first column, end of the columns within which a place is at home; the farther
        beyond, the dearer its way.
    """
    places = len(row)
    rows, columns = inside.shape
    around = np.tile(np.array([0, rows, 0, columns]), (places, 1)) if home is None else home
    grown = holder = _grown(land.effort, row, column, inside, around)
    for piece, least in zip(land.pieces, HELD, strict=True):
        holder = _whole_pieces(holder, piece, piece[row, column], least)
    had, has = (np.bincount(one[one >= 0], minlength=places) for one in (grown, holder))
    robbed = np.isin(grown, np.flatnonzero(has < LEAST_LEFT * had))
    holder = np.where(robbed, grown, holder)
    _keep(holder, inside, row, column, kept)
    for _ in range(SMOOTHED):
        holder = _agreed(holder, places)
        _keep(holder, inside, row, column, kept)
    connected: NDArray[np.int32] = _connected(holder, inside, row, column)
    return connected


def _whole_pieces(
    holder: NDArray[np.int32], piece: NDArray[np.int64], own: NDArray[np.int64], least: float
) -> NDArray[np.int32]:
    """Pieces given whole to whoever holds at least the share `least` of them, and more than anybody else.

    A piece in which a place lies (`own`, shape (places,)) goes to no other.
    """
    places = len(own)
    part = (piece >= 0) & (holder >= 0)
    numbers, number = np.unique(piece[part], return_inverse=True)
    pairs, count = np.unique(number.astype(np.int64) * places + holder[part], return_counts=True)
    whole = np.bincount(pairs // places, weights=count, minlength=len(numbers))
    order = np.lexsort((pairs, -count, pairs // places))
    first = order[np.unique((pairs // places)[order], return_index=True)[1]]
    gets, share = pairs[first] % places, count[first] / whole
    lie = np.bincount(np.searchsorted(numbers, own[np.isin(own, numbers)]), minlength=len(numbers))
    given = (share >= least) & ((lie == 0) | (lie == 1) & (own[gets] == numbers))
    result = holder.copy()
    result[part] = np.where(given[number], gets[number], holder[part])
    return result


@njit(cache=True)
def _grown(effort, row, column, inside, home):  # type: ignore[no-untyped-def]
    """Cheapest place of each cell by Dijkstra from all places at once; the effort is that of whoever grows."""
    rows, columns = effort.shape
    spent = np.full((rows, columns), FAR)
    holder = np.full((rows, columns), np.int32(-1))
    heap = [(np.int64(0), np.int64(0))]
    heap.pop()
    for place in range(row.size):
        spent[row[place], column[place]] = 0
        holder[row[place], column[place]] = place
        heapq.heappush(heap, (np.int64(0), np.int64(row[place] * columns + column[place])))
    while len(heap) > 0:
        at, cell = heapq.heappop(heap)
        r, c = cell // columns, cell % columns
        if at > spent[r, c]:
            continue
        who = holder[r, c]
        for k in range(8):
            i, j = r + ROW_STEP[k], c + COLUMN_STEP[k]
            if i < 0 or i >= rows or j < 0 or j >= columns or not inside[i, j]:
                continue
            way = DIAGONAL if ROW_STEP[k] != 0 and COLUMN_STEP[k] != 0 else STRAIGHT
            cost = way * (effort[r, c] + effort[i, j])
            beyond = max(home[who, 0] - i, i - home[who, 1] + 1, home[who, 2] - j, j - home[who, 3] + 1, 0)
            cost += cost * min(beyond, MOST_AWAY) // AWAY_CELLS
            if at + cost < spent[i, j]:
                spent[i, j] = at + cost
                holder[i, j] = who
                heapq.heappush(heap, (at + cost, np.int64(i * columns + j)))
    return holder


@njit(cache=True)
def _keep(holder, inside, row, column, kept):  # type: ignore[no-untyped-def]
    """Give each place the cells within `kept` of it that are nearer to it than to any other place."""
    rows, columns = holder.shape
    nearest = np.full((rows, columns), np.int64(2**60))
    for place in range(row.size):
        reach = kept[place]
        for i in range(max(row[place] - reach, 0), min(row[place] + reach + 1, rows)):
            for j in range(max(column[place] - reach, 0), min(column[place] + reach + 1, columns)):
                away = (i - row[place]) ** 2 + (j - column[place]) ** 2
                if inside[i, j] and away <= reach * reach and away < nearest[i, j]:
                    nearest[i, j] = away
                    holder[i, j] = place


@njit(cache=True)
def _agreed(holder, places):  # type: ignore[no-untyped-def]
    """Cells given to whoever holds five or more of the nine in and around them."""
    rows, columns = holder.shape
    result = holder.copy()
    seen = np.zeros(places, np.int64)
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            if holder[r, c] < 0:
                continue
            for i in range(r - 1, r + 2):
                for j in range(c - 1, c + 2):
                    if holder[i, j] >= 0:
                        seen[holder[i, j]] += 1
                        if seen[holder[i, j]] >= 5:
                            result[r, c] = holder[i, j]
            for i in range(r - 1, r + 2):
                for j in range(c - 1, c + 2):
                    if holder[i, j] >= 0:
                        seen[holder[i, j]] = 0
    return result


@njit(cache=True)
def _connected(holder, inside, row, column):  # type: ignore[no-untyped-def]
    """What hangs together with its place; the rest goes to the neighbours, from their borders inward."""
    rows, columns = holder.shape
    result = np.full((rows, columns), np.int32(-1))
    queue = np.empty(rows * columns, np.int64)
    for own in (True, False):
        first, last = 0, 0
        if own:
            for place in range(row.size):
                result[row[place], column[place]] = place
                queue[last] = row[place] * columns + column[place]
                last += 1
        else:
            for cell in range(rows * columns):
                if result[cell // columns, cell % columns] >= 0:
                    queue[last] = cell
                    last += 1
        while first < last:
            r, c = queue[first] // columns, queue[first] % columns
            first += 1
            for k in range(8):
                i, j = r + ROW_STEP[k], c + COLUMN_STEP[k]
                side = ROW_STEP[k] == 0 or COLUMN_STEP[k] == 0
                if not side or i < 0 or i >= rows or j < 0 or j >= columns or not inside[i, j] or result[i, j] >= 0:
                    continue
                if not own or holder[i, j] == result[r, c]:
                    result[i, j] = result[r, c]
                    queue[last] = i * columns + j
                    last += 1
    return result
