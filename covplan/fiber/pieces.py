"""Pieces of road that hang on nothing: which a straight gap joins to the others, which are passed over.

Maps of roads are full of pieces that nothing joins: a path beside a hamlet, a village's streets whose last 30 m nobody
drew. A cable needs the net that leads to fiber. Feeds `reach.join_network`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from covplan.fiber.roads import SAME_M, parts_of, with_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.fiber.roads import RoadGraph

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Pieces:
    """How the pieces of a road graph were made one net."""

    leads: Flags
    """Per edge: its piece holds fiber, or is the longest where none does; points join these roads."""
    gap_m: Floats
    """Width of each gap that was closed."""
    gap_at: Floats
    """Its middle, shape (gaps, 2), in the graph's CRS."""


def made_one(graph: RoadGraph, fiber_m: Floats, *, gap_m: float, off_road_m: float) -> tuple[RoadGraph, Pieces]:
    """The graph with gaps between its pieces closed by straight edges, and which of its edges lead to fiber.

    A gap is closed when it is at most `gap_m` wide and neither side is shorter than the gap is wide: a piece so short
    is no way to anywhere (narrowest gaps first, as Kruskal 1956 builds a spanning tree). A short piece with fiber on it
    is joined to the nearest long one up to `off_road_m`, for its cable came from somewhere. What then holds no fiber
    leads nowhere; points pass it over.

    Parameters
    ----------
    fiber_m : ndarray, shape (nodes, 2)
        Where fiber nodes stand, in the graph's CRS. Without any the longest piece is the net.
    gap_m : float
        Widest gap that is closed.
    off_road_m : float
        Farthest a point may lie off the road; pieces shorter than this are short.
    """
    piece = parts_of(graph)[graph.tail] if graph.edges else np.empty(0, np.int64)
    if not piece.size or (piece == piece[0]).all():
        return graph, Pieces(np.ones(graph.edges, np.bool_), np.empty(0), np.empty((0, 2)))
    length_m = _lengths(piece, graph.length_m)
    lit = _nearest_edges(graph, fiber_m)
    pairs, joined = _across_gaps(graph.line, piece, length_m, gap_m)
    more = _fiber_on_short_pieces(graph.line, joined[piece], _lengths(joined[piece], graph.length_m), lit, off_road_m)
    pairs = np.concatenate([pairs, more])
    graph, width_m, middle = with_gaps(graph, pairs)
    piece = parts_of(graph)[graph.tail]
    fed = piece[_nearest_edges(graph, fiber_m)] if len(fiber_m) else [np.argmax(np.bincount(piece, graph.length_m))]
    return graph, Pieces(np.isin(piece, fed), width_m, middle)


def _lengths(piece: Ints, length_m: Floats) -> Floats:
    return np.bincount(piece, length_m).astype(np.float64)


def _nearest_edges(graph: RoadGraph, points_m: Floats) -> Ints:
    if not len(points_m):
        return np.empty(0, np.int64)
    return np.asarray(shapely.STRtree(graph.line).nearest(shapely.points(points_m)), np.int64)


def _across_gaps(
    line: NDArray[np.object_], piece: Ints, length_m: Floats, gap_m: float
) -> tuple[NDArray[np.int64], Ints]:
    """Pairs of edges between which a gap is closed, shape (gaps, 2); and the piece each piece is now a part of."""
    root = np.arange(length_m.size)
    off = np.flatnonzero((piece != np.argmax(length_m)) & (gap_m > 0))
    near, other = shapely.STRtree(line).query(line[off], predicate="dwithin", distance=gap_m)
    one, two = off[near], other.astype(np.int64)
    apart = piece[one] != piece[two]
    one, two = one[apart], two[apart]
    width_m = shapely.distance(line[one], line[two])
    length_m = length_m.copy()
    pairs: list[tuple[int, int]] = []
    for k in np.lexsort((two, one, width_m)).tolist():
        a, b = _root(root, int(piece[one[k]])), _root(root, int(piece[two[k]]))
        if a != b and width_m[k] <= min(length_m[a], length_m[b]):
            root[b], length_m[a] = a, length_m[a] + length_m[b]
            pairs.append((int(one[k]), int(two[k])))
    return np.array(pairs, np.int64).reshape(-1, 2), np.array([_root(root, k) for k in range(root.size)], np.int64)


def _root(root: Ints, number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = int(root[number])
    return number


def _fiber_on_short_pieces(
    line: NDArray[np.object_], piece: Ints, length_m: Floats, lit: Ints, off_road_m: float
) -> NDArray[np.int64]:
    """Pairs of edges: of each short piece with fiber on it, and of the nearest long piece within `off_road_m`."""
    long = (length_m >= off_road_m)[piece] | (piece == np.argmax(length_m))
    roads = np.flatnonzero(long)
    tree = shapely.STRtree(line[roads])
    pairs = []
    for short in np.unique(piece[lit[~long[lit]]]):
        own = np.flatnonzero(piece == short)
        (near, other), away_m = tree.query_nearest(
            line[own], max_distance=max(off_road_m, SAME_M), return_distance=True, all_matches=False
        )
        if away_m.size:
            best = int(np.argmin(away_m))
            pairs.append((int(own[near[best]]), int(roads[other[best]])))
    return np.array(pairs, np.int64).reshape(-1, 2)
