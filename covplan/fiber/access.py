"""How much cable leads from any point to the nearest fiber, along roads. Feeds the backhaul of new sites.

Fiber is where a route has spare cores, or nobody says that it has none, and at every node. From there one search over
all roads gives every road's path; a point then looks only at the road nearest to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from covplan.fiber.roads import along_routes, nearest_edges, shortest_paths

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.fiber.roads import RoadGraph

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Cable:
    """Cable from each of some points to the nearest fiber."""

    length_m: Floats
    """inf where nothing leads to any fiber."""
    by_road: Flags
    """True: measured along roads; False: the straight distance times a detour."""


@dataclass(frozen=True)
class CablePaths:
    """The shortest path to the nearest fiber from every node of a road graph."""

    graph: RoadGraph
    path_m: Floats
    """Per node; inf where no road leads to fiber."""
    lit: Flags
    """Per edge: fiber runs along it."""
    off_road_m: float
    """A road that leads to fiber is taken before a nearer one that leads to none up to this far off."""


def cable_paths(network: Network, routes: gpd.GeoDataFrame, off_road_m: float = np.inf) -> CablePaths:
    """Search from all fiber at once over the network that the routes were joined to."""
    graph = network.graph
    lit = along_routes(graph, routes[routes["spare_cores"].fillna(1) > 0])
    beside = np.unique(np.concatenate([graph.tail[lit], graph.head[lit]]))
    at = network.point >= 0
    sources = np.concatenate([beside, network.point[at]])
    offset_m = np.concatenate([np.zeros(beside.size), network.point_away_m[at]])
    return CablePaths(graph, shortest_paths(network.adjacency, sources, offset_m)[0], lit, off_road_m)


def cable_m(paths: CablePaths, x_m: Floats, y_m: Floats) -> Floats:
    """Straight to the nearest road that leads to fiber, and along it, metres; inf where no road nearby does."""
    graph = paths.graph
    if not graph.edges or not x_m.size:
        return np.full(x_m.size, np.inf)
    points = np.asarray(shapely.points(x_m, y_m), object)
    leads = paths.lit | np.isfinite(paths.path_m[graph.tail])
    edge = nearest_edges(graph.line, points, leads, paths.off_road_m)
    line = graph.line[edge]
    share = shapely.line_locate_point(line, points) / np.maximum(shapely.length(line), 1e-9)
    along_m = share * graph.length_m[edge]
    from_tail = along_m + paths.path_m[graph.tail[edge]]
    from_head = graph.length_m[edge] - along_m + paths.path_m[graph.head[edge]]
    on_road_m = np.where(paths.lit[edge], 0.0, np.minimum(from_tail, from_head))
    return np.asarray(shapely.distance(line, points) + on_road_m, np.float64)
