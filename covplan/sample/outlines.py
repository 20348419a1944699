"""Polygons of the parts of a raster: shared borders smoothed once, so that neighbours fit without gap or overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from covplan.sample.paths import chains

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.transform import Affine

ROUNDS = 8  # of averaging each point of a border with its two neighbours
DROPPED = 0.3  # of a cell: points nearer than this to the line between others are left out
PRECISION_M = 0.1


def smooth_outlines(
    holder: NDArray[np.int32], transform: Affine, places: int, rounds: int = ROUNDS
) -> NDArray[np.object_]:
    """One polygon per number from 0 to `places` − 1, along the cells that hold it; neighbours share their points.

    Where three parts meet the corner stays; the border between two is averaged, less where it would cross another.

    Parameters
    ----------
    holder : ndarray of int, shape (rows, columns)
        −1 outside; every number in one part that is connected over the sides of cells.
    transform : Affine
        Of the raster, metres.
    rounds : int
        Of averaging; 0: along the cells themselves.
    """
    lines, sides = _borders(holder)
    smoothed = np.array([_line(line, rounds, transform) for line in lines], dtype=object)
    left = np.full(len(lines), rounds)
    while True:
        wrong = [number for number in _crossing(smoothed) if left[number] > 0]
        if not wrong:
            break
        for number in wrong:
            left[number] //= 2
            smoothed[number] = _line(lines[number], int(left[number]), transform)
    own: list[list[shapely.LineString]] = [[] for _ in range(places)]
    for line, both in zip(smoothed, sides, strict=True):
        for place in both:
            if place >= 0:
                own[place].append(line)
    areas = [shapely.build_area(shapely.multilinestrings(parts)) for parts in own]
    return np.array(shapely.normalize(areas), dtype=object)


def _borders(holder: NDArray[np.int32]) -> tuple[list[NDArray[np.float64]], list[tuple[int, int]]]:
    """Borders from one meeting of three to the next: corners of cells (column, row), and who is on either side."""
    rows, columns = holder.shape
    padded = np.full((rows + 2, columns + 2), -1, holder.dtype)
    padded[1:-1, 1:-1] = holder
    width = columns + 1  # corners in a row
    upright = np.argwhere(padded[1:-1, :-1] != padded[1:-1, 1:])  # between (r, c − 1) and (r, c)
    level = np.argwhere(padded[:-1, 1:-1] != padded[1:, 1:-1])
    tail = np.concatenate([upright[:, 0] * width + upright[:, 1], level[:, 0] * width + level[:, 1]])
    head = np.concatenate([tail[: len(upright)] + width, tail[len(upright) :] + 1])
    one = np.concatenate([padded[1:-1, :-1][tuple(upright.T)], padded[:-1, 1:-1][tuple(level.T)]])
    other = np.concatenate([padded[1:-1, 1:][tuple(upright.T)], padded[1:, 1:-1][tuple(level.T)]])
    runs = chains(list(zip(tail.tolist(), head.tolist(), strict=True)), lambda _number: 0, frozenset())
    lines = [np.array([(node % width, node // width) for node in nodes], float) for nodes, _ in runs]
    return lines, [(int(one[numbers[0]]), int(other[numbers[0]])) for _, numbers in runs]


def _line(corners: NDArray[np.float64], rounds: int, transform: Affine) -> shapely.LineString:
    """A border averaged `rounds` times with its ends kept (a ring has none), in metres."""
    at = corners.copy()
    ring = bool((at[0] == at[-1]).all())
    for _ in range(rounds):
        if ring:
            before, after = np.roll(at[:-1], 1, axis=0), np.roll(at[:-1], -1, axis=0)
            at[:-1] = (before + 2 * at[:-1] + after) / 4
            at[-1] = at[0]
        else:
            at[1:-1] = (at[:-2] + 2 * at[1:-1] + at[2:]) / 4
    x, y = transform.c + transform.a * at[:, 0], transform.f + transform.e * at[:, 1]
    line: shapely.LineString = shapely.linestrings(np.round(x, 1), np.round(y, 1))
    if rounds == 0:
        return line
    thinned: shapely.LineString = shapely.simplify(line, DROPPED * transform.a)
    return thinned if not ring or shapely.get_num_points(thinned) >= 4 else line


def _crossing(lines: NDArray[np.object_]) -> list[int]:
    """Lines that cross or run along another, or themselves, elsewhere than at their ends."""
    one, other = shapely.STRtree(lines).query(lines, predicate="intersects")
    pairs = one < other
    one, other = one[pairs], other[pairs]
    meet = shapely.touches(lines[one], lines[other])
    bent = np.flatnonzero(~shapely.is_simple(lines))
    return sorted({*one[~meet].tolist(), *other[~meet].tolist(), *bent.tolist()})
