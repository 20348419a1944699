"""The road graph cable is laid along: noded lines with length, slope, class and power poles; points join it by spurs.

From a table as the layer `roads` describes it; arrays and sparse matrices, so that
`scipy.sparse.csgraph` finds every path. Feeds `reach` and `propose.fiber`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from covplan.study.codes import WGS84
from covplan.study.geometry import ELLIPSOID

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.grid import Grid

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CABLE = "cable"  # an existing route that leaves the roads
GAP = "gap"  # straight from one piece of road to another that nothing joins
SAME_M = 0.1  # vertices nearer than this are one
TOUCH_M = 6.0  # an end that stops so near another line was meant to touch it
NEAR_ROAD_M = 25.0  # a cable drawn within this of a road lies along it
OFF_ROAD_SHARE = 0.1  # of a route farther off than that: it has a way of its own
SHORTEST_M = 0.01  # of an edge: a sparse matrix cannot hold a path of length 0
SAMPLE_M = 90.0  # between two heights along a road


@dataclass(frozen=True)
class RoadGraph:
    """Nodes and undirected edges; arrays per node or per edge, lines run from tail to head."""

    epsg: int
    node_m: Floats
    """Shape (nodes, 2), metres of the CRS."""
    tail: Ints
    head: Ints
    line: NDArray[np.object_]
    length_m: Floats
    """On the WGS 84 ellipsoid."""
    slope: Floats
    """Mean steepness along the edge, rise over run; 0 where no height is known."""
    kind: NDArray[np.object_]
    """Road class (OpenStreetMap highway), cable or gap."""
    power: Flags
    """Power poles stand along it."""

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_m)

    @property
    def edges(self) -> int:
        """Number of edges."""
        return int(self.tail.size)


def road_graph(
    roads: gpd.GeoDataFrame, *, elevation_m: NDArray[np.float32] | None = None, grid: Grid | None = None
) -> RoadGraph:
    """Graph of a roads layer in a metric CRS.

    Lines meet where they share a vertex (a bridge shares none with what passes below) and where one ends on another.
    Runs without a junction become one edge.

    Parameters
    ----------
    roads : GeoDataFrame
        Columns `class` and `power` of resources/layers/roads.csv; lines of other columns are kept apart by these only.
    elevation_m, grid : optional
        Heights for the slope, metres.
    """
    lines, kind, power = _plain_lines(roads)
    lines, kind, power = _merged(lines, kind, power)
    lines, source = _noded(lines)
    node_m, tail, head = _ends(lines)
    graph = RoadGraph(
        int(roads.crs.to_epsg() or 0), node_m, tail, head, lines, np.zeros(len(lines)), np.zeros(len(lines)),
        kind[source], power[source],
    )  # fmt: skip
    return _measured(graph, np.arange(len(lines)), elevation_m, grid)


def with_slopes(graph: RoadGraph, elevation_m: NDArray[np.float32], grid: Grid) -> RoadGraph:
    """The graph with the mean steepness of each edge, from heights on a grid, metres."""
    return _measured(graph, np.arange(graph.edges), elevation_m, grid)


def with_cables(graph: RoadGraph, routes: gpd.GeoDataFrame) -> RoadGraph:
    """The graph with existing routes that leave the roads as edges of their own (class `cable`)."""
    lines = _parts(routes.geometry)
    off = lines[_off_road_share(graph, lines) > OFF_ROAD_SHARE] if len(lines) else lines
    if not len(off):
        return graph
    both = gpd.GeoDataFrame(
        {"class": [*graph.kind, *[CABLE] * len(off)], "power": [*graph.power, *[False] * len(off)]},
        geometry=[*graph.line, *off],
        crs=graph.epsg,
    )
    joined = road_graph(both)
    return replace(joined, slope=_inherited_slope(graph, joined))


def attached(
    graph: RoadGraph, points_m: ArrayLike, leads: Flags | None = None, within_m: Floats | float = np.inf
) -> tuple[RoadGraph, Ints, Floats]:
    """Split the graph where points join it.

    Parameters
    ----------
    points_m : array_like, shape (points, 2)
        Coordinates in the graph's CRS, metres.
    leads : ndarray of bool, shape (edges,), optional
        Roads that lead somewhere: a point joins the nearest of them, where one is within `within_m` of it.
    within_m : float or ndarray
        Metres, one for all points or one each.

    Returns
    -------
    graph, node, away_m
        The graph with a node at the place of the nearest road to each point, that node, and the way to it off road.
    """
    points = np.asarray(points_m, np.float64).reshape(-1, 2)
    if not len(points) or not graph.edges:
        return graph, np.full(len(points), -1), np.full(len(points), np.inf)
    shapes = np.asarray(shapely.points(points), object)
    edge = nearest_edges(graph.line, shapes, leads, within_m)
    along = shapely.line_locate_point(graph.line[edge], shapes)
    away_m = shapely.distance(graph.line[edge], shapes)
    graph, node = _cut(graph, edge, along)
    return graph, node, away_m


def nearest_edges(
    line: NDArray[np.object_],
    points: NDArray[np.object_],
    leads: Flags | None = None,
    within_m: Floats | float = np.inf,
) -> Ints:
    """The nearest line to each point: of those that lead somewhere, where one is within `within_m`, else of all."""
    edge = np.asarray(shapely.STRtree(line).nearest(points), np.int64)
    if leads is None or leads.all() or not leads.any():
        return edge
    usable = np.flatnonzero(leads)
    other = usable[shapely.STRtree(line[usable]).nearest(points)]
    return np.where(shapely.distance(line[other], points) <= within_m, other, edge)


def with_gaps(graph: RoadGraph, pairs: Ints) -> tuple[RoadGraph, Floats, Floats]:
    """The graph with an edge (class `gap`) straight between the nearest points of each pair of edges.

    Returns
    -------
    graph, width_m, middle
        And of each gap its width and the coordinates of its middle; where two roads cross it is a common node.
    """
    if not len(pairs):
        return graph, np.empty(0), np.empty((0, 2))
    both = pairs.T.ravel()
    across = shapely.shortest_line(graph.line[pairs[:, 0]], graph.line[pairs[:, 1]])
    ends = np.concatenate([shapely.get_point(across, 0), shapely.get_point(across, -1)])
    graph, node = _cut(graph, both, shapely.line_locate_point(graph.line[both], ends))
    tail, head = node[: len(pairs)], node[len(pairs) :]
    middle = (graph.node_m[tail] + graph.node_m[head]) / 2
    line = np.asarray(shapely.linestrings(np.stack([graph.node_m[tail], graph.node_m[head]], axis=1)), object)
    wide = shapely.length(line) > SAME_M
    same = np.arange(graph.nodes)
    for a, b in zip(tail[~wide], head[~wide], strict=True):
        same[same == same[b]] = same[a]
    new, none = np.flatnonzero(wide), np.zeros(int(wide.sum()))
    wider = replace(
        graph,
        tail=same[np.concatenate([graph.tail, tail[new]])],
        head=same[np.concatenate([graph.head, head[new]])],
        line=np.concatenate([graph.line, line[new]]),
        length_m=np.concatenate([graph.length_m, none]),
        slope=np.concatenate([graph.slope, none]),
        kind=np.concatenate([graph.kind, np.full(new.size, GAP, object)]),
        power=np.concatenate([graph.power, none.astype(np.bool_)]),
    )
    wider = _measured(wider, np.arange(graph.edges, wider.edges), None, None)
    width_m = np.zeros(len(pairs))
    width_m[new] = wider.length_m[graph.edges :]
    return wider, width_m, middle


def matrix(graph: RoadGraph, weight: Floats, edges: Flags | None = None) -> csr_array:
    """Symmetric weights for `scipy.sparse.csgraph`; of parallel edges the lightest, loops left out.

    Parameters
    ----------
    weight : ndarray, shape (edges,)
    edges : ndarray of bool, optional
        Which edges may be used.
    """
    use = graph.tail != graph.head if edges is None else edges & (graph.tail != graph.head)
    return sparse(graph.tail[use], graph.head[use], weight[use], graph.nodes)


def sparse(tail: Ints, head: Ints, weight: Floats, nodes: int) -> csr_array:
    """Undirected edges as a symmetric matrix: of parallel ones the lightest, none lighter than `SHORTEST_M`."""
    order = np.argsort(-weight, kind="stable")  # written from heavy to light: the lightest stays
    place = np.minimum(tail, head) * nodes + np.maximum(tail, head)
    unique, last = np.unique(place[order][::-1], return_index=True)
    light = np.maximum(weight[order][::-1][last], SHORTEST_M)
    low, high = unique // nodes, unique % nodes
    return csr_array(
        (np.concatenate([light, light]), (np.concatenate([low, high]), np.concatenate([high, low]))),
        shape=(nodes, nodes),
    )


def shortest_paths(
    weights: csr_array, sources: Ints, offset_m: ArrayLike = 0.0, *, limit_m: float = np.inf
) -> tuple[Floats, Ints]:
    """Length of the shortest path from any source to every node, and the index of that source in `sources`.

    Parameters
    ----------
    offset_m : array_like
        Length each source starts with.
    limit_m : float
        Paths longer than this count as none.

    Returns
    -------
    length_m, source : ndarray, shape (nodes,)
        inf and −1 where there is no path.
    """
    nodes = weights.shape[0]
    if not sources.size:
        return np.full(nodes, np.inf), np.full(nodes, -1)
    start = np.broadcast_to(np.asarray(offset_m, np.float64), sources.shape)
    best = np.lexsort((start, sources))
    first = best[np.unique(sources[best], return_index=True)[1]]  # of sources at one node the nearest
    wider = _with_entry(weights, sources[first], np.maximum(start[first], SHORTEST_M))
    length, before = dijkstra(wider, directed=True, indices=nodes, limit=limit_m, return_predecessors=True)
    came = np.full(nodes, -1)
    at = np.full(nodes, -1)
    at[sources[first]] = first
    for node in np.argsort(length[:nodes], kind="stable"):
        if not np.isfinite(length[node]):
            break
        came[node] = at[node] if before[node] == nodes else came[before[node]]
    return length[:nodes], came


def shortest_ways(graph: RoadGraph, sources: Ints, ends: Ints) -> Flags:
    """True for edges on the shortest way to each of `ends` from the nearest of `sources` (node numbers)."""
    on = np.zeros(graph.edges, np.bool_)
    if not sources.size or not graph.edges:
        return on
    _length, before, _source = dijkstra(
        matrix(graph, graph.length_m), directed=False, indices=np.unique(sources), min_only=True,
        return_predecessors=True,
    )  # fmt: skip
    passed: dict[int, int] = {}
    for end in ends:
        node = int(end)
        while node not in passed and before[node] >= 0:
            passed[node] = int(before[node])
            node = passed[node]
    order = np.argsort(graph.length_m, kind="stable")  # of parallel edges the shortest
    low, high = np.minimum(graph.tail, graph.head)[order], np.maximum(graph.tail, graph.head)[order]
    first = np.unique(low * graph.nodes + high, return_index=True)
    wanted = np.array([min(step) * graph.nodes + max(step) for step in passed.items()], np.int64)
    on[order[first[1][np.isin(first[0], wanted)]]] = True
    return on


def parts_of(graph: RoadGraph, edges: Flags | None = None) -> Ints:
    """Number of the connected part each node lies in."""
    label: Ints = connected_components(matrix(graph, graph.length_m, edges), directed=False)[1]
    return label


def along_routes(graph: RoadGraph, routes: gpd.GeoDataFrame) -> Flags:
    """True for edges an existing route runs along: three points of the edge lie within 25 m of a route."""
    lines = _parts(routes.geometry)
    if not len(lines) or not graph.edges:
        return np.zeros(graph.edges, np.bool_)
    tree = shapely.STRtree(lines)
    left = np.arange(graph.edges)
    for share in (0.5, 0.2, 0.8):
        at = shapely.line_interpolate_point(graph.line[left], share, normalized=True)
        left = left[np.unique(tree.query(at, predicate="dwithin", distance=NEAR_ROAD_M)[0])]
    on = np.zeros(graph.edges, np.bool_)
    on[left] = True
    return on


def line_ends(routes: gpd.GeoDataFrame) -> Floats:
    """Both ends of every route, shape (ends, 2): where cable begins or ends an edge has to."""
    lines = _parts(routes.geometry)
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    return np.asarray(shapely.get_coordinates(ends).reshape(-1, 2), np.float64)


def _parts(geometry: gpd.GeoSeries) -> NDArray[np.object_]:
    """Simple lines of a column of lines and multilines; empty and zero-length ones are left out."""
    lines = shapely.get_parts(np.asarray(geometry.to_numpy(), object))
    lines = shapely.force_2d(lines[shapely.get_type_id(lines) == 1])
    return np.asarray(lines[shapely.length(lines) > SAME_M], object)


def _plain_lines(roads: gpd.GeoDataFrame) -> tuple[NDArray[np.object_], NDArray[np.object_], Flags]:
    lines, row = shapely.get_parts(np.asarray(roads.geometry.to_numpy(), object), return_index=True)
    use = (shapely.get_type_id(lines) == 1) & (shapely.length(lines) > SAME_M)
    lines, row = shapely.force_2d(lines[use]), row[use]
    kind = roads["class"].fillna("unclassified").to_numpy(object)
    power = roads["power"] if "power" in roads else pd.Series(False, index=roads.index)
    lines = shapely.transform(lines, lambda xy: np.round(xy / SAME_M) * SAME_M)
    return lines, kind[row], power.fillna(value=False).to_numpy(bool)[row]


def _merged(
    lines: NDArray[np.object_], kind: NDArray[np.object_], power: Flags
) -> tuple[NDArray[np.object_], NDArray[np.object_], Flags]:
    """Runs of one class without a junction as one line each."""
    out: list[NDArray[np.object_]] = []
    kinds: list[object] = []
    powers: list[bool] = []
    labels = pd.MultiIndex.from_arrays([kind, power]).factorize()[0] if len(lines) else np.empty(0, int)
    for label in range(labels.max() + 1 if len(lines) else 0):
        members = np.flatnonzero(labels == label)
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines[members])))
        out.append(merged)
        kinds += [kind[members[0]]] * len(merged)
        powers += [bool(power[members[0]])] * len(merged)
    flat = np.concatenate(out) if out else np.empty(0, object)
    return flat, np.array(kinds, object), np.array(powers, np.bool_)


def _noded(lines: NDArray[np.object_]) -> tuple[NDArray[np.object_], Ints]:
    """Lines cut at vertices they share and where one ends on another; and the line each piece came from."""
    if not len(lines):
        return lines, np.empty(0, np.int64)
    lines = _touching(lines)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    number = np.unique(np.round(xy / SAME_M).astype(np.int64), axis=0, return_inverse=True)[1].ravel()
    last = np.append(line[1:] != line[:-1], True)
    first = np.append(True, line[1:] != line[:-1])
    seen = np.bincount(number)
    end = first | last
    cut = end | (seen[number] > 1) | np.isin(number, number[end])
    at = np.flatnonzero(cut)
    start, stop = at[:-1], at[1:]
    inside = line[start] == line[stop]
    start, stop = start[inside], stop[inside]
    count = stop - start + 1
    take = np.repeat(start - np.append(0, np.cumsum(count)[:-1]), count) + np.arange(count.sum())
    pieces = shapely.linestrings(xy[take], indices=np.repeat(np.arange(count.size), count))
    use = shapely.length(pieces) > 0
    return np.asarray(pieces[use], object), line[start][use].astype(np.int64)


def _touching(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Lines with a vertex more wherever another line ends within `TOUCH_M` of them."""
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    owner = np.tile(np.arange(len(lines)), 2)
    end, line = shapely.STRtree(lines).query(ends, predicate="dwithin", distance=TOUCH_M)
    end, line = end[owner[end] != line], line[owner[end] != line]
    along = shapely.line_locate_point(lines[line], ends[end])
    vertex = shapely.distance(shapely.line_interpolate_point(lines[line], along), ends[end]) <= SAME_M
    at_end = (along <= SAME_M) | (along >= shapely.length(lines[line]) - SAME_M)
    inner = ~(vertex & at_end)  # two ends at one place meet already
    lines = lines.copy()
    for number, places in pd.Series(np.flatnonzero(inner)).groupby(line[inner]):
        stops = [(float(along[k]), shapely.get_coordinates(ends[end[k]])[0]) for k in places]
        one = cast("int", number)
        lines[one] = _with_vertices(lines[one], stops)
    return lines


def _with_vertices(line: shapely.LineString, stops: list[tuple[float, Floats]]) -> shapely.LineString:
    xy = shapely.get_coordinates(line)
    at = np.append(0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T)))
    added = np.array([place for _, place in stops])
    order = np.argsort(np.concatenate([at, [along for along, _ in stops]]), kind="stable")
    return shapely.LineString(np.vstack([xy, added])[order])


def _ends(lines: NDArray[np.object_]) -> tuple[Floats, Ints, Ints]:
    if not len(lines):
        return np.empty((0, 2)), np.empty(0, np.int64), np.empty(0, np.int64)
    both = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    place = np.round(shapely.get_coordinates(both) / SAME_M).astype(np.int64)
    unique, number = np.unique(place, axis=0, return_inverse=True)
    number = number.ravel()
    places = np.asarray(unique * SAME_M, np.float64)
    return places, number[: len(lines)].astype(np.int64), number[len(lines) :].astype(np.int64)


def _cut(graph: RoadGraph, edge: Ints, along: Floats) -> tuple[RoadGraph, Ints]:
    """The graph with a node at a place along each of some edges (plane metres), and that node; ends nearby serve."""
    plane_m = shapely.length(graph.line)[edge]
    along = np.where(along < 0.5, 0.0, np.where(along > plane_m - 0.5, plane_m, np.round(along, 1)))
    node = np.where(along == 0, graph.tail[edge], np.where(along == plane_m, graph.head[edge], -1))
    inner = np.flatnonzero(node < 0)
    if not inner.size:
        return graph, node
    place, number = np.unique(np.column_stack([edge[inner], along[inner]]), axis=0, return_inverse=True)
    node[inner] = graph.nodes + number.ravel()
    return _split(graph, place[:, 0].astype(np.int64), place[:, 1]), node


def _split(graph: RoadGraph, edge: Ints, along: Floats) -> RoadGraph:
    """The graph with new nodes, numbered on, at places along its edges (sorted by edge and place, plane metres)."""
    pieces: list[shapely.LineString] = []
    tail: list[int] = []
    head: list[int] = []
    share: list[float] = []
    parent: list[int] = []
    places = np.empty((len(edge), 2))
    first = np.flatnonzero(np.append(True, edge[1:] != edge[:-1]))
    for begin, end in zip(first, np.append(first[1:], len(edge)), strict=True):
        number = int(edge[begin])
        xy = shapely.get_coordinates(graph.line[number])
        at = np.append(0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T)))
        stops = along[begin:end]
        added = np.column_stack([np.interp(stops, at, xy[:, 0]), np.interp(stops, at, xy[:, 1])])
        places[begin:end] = added
        bound = np.concatenate([[0.0], stops, [at[-1]]])
        corner = np.vstack([xy[:1], added, xy[-1:]])
        nodes = [int(graph.tail[number]), *range(graph.nodes + begin, graph.nodes + end), int(graph.head[number])]
        for k in range(len(bound) - 1):
            between = xy[(at > bound[k]) & (at < bound[k + 1])]
            pieces.append(shapely.LineString(np.vstack([corner[k : k + 1], between, corner[k + 1 : k + 2]])))
            share.append((bound[k + 1] - bound[k]) / at[-1])
            tail.append(nodes[k])
            head.append(nodes[k + 1])
            parent.append(number)
    whole = np.ones(graph.edges, np.bool_)
    whole[edge] = False
    old = np.array(parent)
    new_lines = np.empty(len(pieces), object)
    new_lines[:] = pieces
    return replace(
        graph,
        node_m=np.vstack([graph.node_m, places]),
        tail=np.concatenate([graph.tail[whole], tail]).astype(np.int64),
        head=np.concatenate([graph.head[whole], head]).astype(np.int64),
        line=np.concatenate([graph.line[whole], new_lines]),
        length_m=np.concatenate([graph.length_m[whole], graph.length_m[old] * share]),
        slope=np.concatenate([graph.slope[whole], graph.slope[old]]),
        kind=np.concatenate([graph.kind[whole], graph.kind[old]]),
        power=np.concatenate([graph.power[whole], graph.power[old]]),
    )


def _with_entry(weights: csr_array, nodes: Ints, weight: Floats) -> csr_array:
    """The matrix with one node more, from which edges lead to some nodes."""
    data = np.concatenate([weights.data, weight])
    column = np.concatenate([weights.indices, nodes])
    first = np.append(weights.indptr, len(data))
    return csr_array((data, column, first), shape=(weights.shape[0] + 1,) * 2)


def _measured(graph: RoadGraph, edges: Ints, elevation_m: NDArray[np.float32] | None, grid: Grid | None) -> RoadGraph:
    """Lengths on the ellipsoid and mean slopes of some edges."""
    if not edges.size:
        return graph
    lines = graph.line[edges]
    to_degrees = Transformer.from_crs(graph.epsg, WGS84, always_xy=True)
    length_m = graph.length_m.copy()
    length_m[edges] = _sums(lines, lambda xy: _step_m(*to_degrees.transform(*xy.T)))
    slope = graph.slope.copy()
    if elevation_m is not None and grid is not None:
        dense = shapely.segmentize(lines, SAMPLE_M)
        rise = _sums(dense, lambda xy: np.abs(np.diff(_heights(xy, elevation_m, grid))))
        slope[edges] = np.where(np.isfinite(rise), rise, 0.0) / np.maximum(length_m[edges], 1.0)
    return replace(graph, length_m=length_m, slope=slope)


def _sums(lines: NDArray[np.object_], per_step) -> Floats:  # type: ignore[no-untyped-def]
    """Sum over each line of a quantity of its steps, given one for all vertices in a row."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.asarray(per_step(xy))
    return np.bincount(line[1:], np.where(line[1:] == line[:-1], step, 0.0), minlength=len(lines)).astype(np.float64)


def _step_m(lon: Floats, lat: Floats) -> Floats:
    return np.asarray(ELLIPSOID.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2])


def _heights(xy: Floats, elevation_m: NDArray[np.float32], grid: Grid) -> Floats:
    row, column = grid.rowcol(*xy.T)
    inside = grid.contains(*xy.T)
    height = np.full(len(xy), np.nan)
    height[inside] = elevation_m[row[inside], column[inside]]
    return height


def _off_road_share(graph: RoadGraph, lines: NDArray[np.object_]) -> Floats:
    """Share of each line's points, every 50 m, farther than 25 m from every road."""
    xy, line = shapely.get_coordinates(shapely.segmentize(lines, 50.0), return_index=True)
    off = np.ones(len(xy), np.bool_)
    if graph.edges:
        off[shapely.STRtree(graph.line).query(shapely.points(xy), predicate="dwithin", distance=NEAR_ROAD_M)[0]] = False
    return np.bincount(line, off, minlength=len(lines)) / np.bincount(line, minlength=len(lines))


def _inherited_slope(old: RoadGraph, new: RoadGraph) -> Floats:
    """Slopes of the edges of a graph whose roads were cut anew, from the nearest old edge."""
    middle = shapely.line_interpolate_point(new.line, 0.5, normalized=True)
    nearest = shapely.STRtree(old.line).nearest(middle)
    return np.where(new.kind == CABLE, 0.0, old.slope[nearest])
