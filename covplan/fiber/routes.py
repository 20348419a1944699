"""What a metre of new cable costs along each road, and what hangs on a single existing route.

Costs per km are those of the study (`[costs]`), chosen by mounting: C2 on power poles, C1 on new poles, N1 in new duct
(N1U in a town); steep roads cost more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd
import shapely
from scipy.sparse.csgraph import dijkstra

from covplan.fiber.roads import sparse

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.fiber.roads import RoadGraph
    from covplan.study.settings import Cost, Fiber, Level

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

PER_KM = {
    "C2": "fiber_aerial_shared_poles",
    "C1": "fiber_aerial_new_poles",
    "N1": "fiber_buried_rural",
    "N1U": "fiber_buried_urban",
}


@dataclass(frozen=True)
class Single:
    """A stretch of one operator's cable without a way around, and the cheapest ring that gives one."""

    operator: str
    edges: Ints
    """Graph edges of the stretch."""
    hamlets: tuple[str, ...]
    """Those that are cut off when it breaks."""
    ring: Ints
    """Graph edges of new cable; empty when no road leads around."""
    ring_m: float
    ring_vnd: float
    """Base cost; inf when no road leads around."""


def mounting(graph: RoadGraph, towns: shapely.Geometry | None = None, *, buried: bool = False) -> NDArray[np.object_]:
    """How new cable would run along each edge: C2 where power poles stand, C1 elsewhere, N1U in towns.

    Parameters
    ----------
    buried : bool
        In duct everywhere (N1).
    """
    kind = np.where(graph.power, "C2", "C1").astype(object)
    if buried:
        kind[:] = "N1"
    if towns is not None and not shapely.is_empty(towns):
        shapely.prepare(towns)
        middle = shapely.line_interpolate_point(graph.line, 0.5, normalized=True)
        kind[shapely.contains(towns, middle)] = "N1U"
    return kind


def route_cost_vnd(
    graph: RoadGraph, kind: NDArray[np.object_], costs: Mapping[str, Cost], fiber: Fiber, level: Level = "base"
) -> Floats:
    """Cost of new cable along each edge, VND: length × cost per km of its mounting, more where it is steep."""
    per_km = {code: float(getattr(costs[item], level)) for code, item in PER_KM.items()}
    steep = np.where(graph.slope >= fiber.steep_slope, float(getattr(costs["fiber_steep_factor"], level)), 1.0)
    return np.asarray(graph.length_m / 1000.0 * np.array([per_km[code] for code in kind]) * steep, np.float64)


def single_routes(
    nodes: gpd.GeoDataFrame, network: Network, cost_vnd: Floats, *, most: int = 20
) -> tuple[list[Single], pd.DataFrame]:
    """Stretches whose break cuts hamlets off, worst first, with the cheapest ring for each; and hamlets by exposure.

    Per operator the cable graph falls into parts without bridges; the largest is its ring, everything else hangs on
    bridges (Tarjan 1974). A hamlet hangs on a single route when all ways from its access points to the ring have one.

    Returns
    -------
    singles, exposed
        The worst stretches, and for each hamlet that hangs on one: `village_id`, `operator`.
    """
    graph, found, exposed = network.graph, [], []
    for operator, cable in network.cable.items():
        link = _cable_graph(graph, cable)
        if not link:
            continue
        own = ((nodes["operator"] == operator) & (nodes["kind"] != "OLT")).to_numpy(bool)
        at: dict[int, set[str]] = {}
        for node, hamlet in zip(network.point[own].tolist(), nodes["village_id"].to_numpy(object)[own], strict=True):
            if isinstance(hamlet, str):
                at.setdefault(node, set()).add(hamlet)
        hanging, behind = _behind_bridges(link, at)
        exposed += [(hamlet, operator) for hamlet in sorted(hanging)]
        for bridge, (hamlets, part) in sorted(behind.items(), key=lambda item: (-len(item[1][0]), item[0]))[:most]:
            found.append(_ringed(network, cable, cost_vnd, operator, link.edges[bridge]["number"], hamlets, part))
    found.sort(key=lambda one: (-len(one.hamlets), one.ring_vnd))
    return found[:most], pd.DataFrame(exposed, columns=["village_id", "operator"])


def _cable_graph(graph: RoadGraph, cable: Flags) -> nx.Graph:
    """One operator's cables; of parallel edges one, marked as no bridge."""
    link = nx.Graph()
    for edge in np.flatnonzero(cable & (graph.tail != graph.head)).tolist():
        a, b = int(graph.tail[edge]), int(graph.head[edge])
        if link.has_edge(a, b):
            link.edges[a, b]["twin"] = True
        else:
            link.add_edge(a, b, number=edge, twin=False)
    return link


def _behind_bridges(
    link: nx.Graph, at: dict[int, set[str]]
) -> tuple[set[str], dict[tuple[int, int], tuple[set[str], set[int]]]]:
    """Hamlets not on the ring, and for the first bridge of each branch off it: hamlets and nodes behind."""
    bridges = [(a, b) for a, b in nx.bridges(link) if not link.edges[a, b]["twin"]]
    ringed = link.copy()
    ringed.remove_edges_from(bridges)
    ring = max(nx.connected_components(ringed), key=lambda part: (len(part), -min(part)))
    on_ring: set[str] = set().union(*(at.get(node, set()) for node in ring))
    hanging: set[str] = set()
    behind: dict[tuple[int, int], tuple[set[str], set[int]]] = {}
    cut = link.copy()
    gates = [(a, b) for a, b in bridges if (a in ring) != (b in ring)]
    cut.remove_edges_from(gates)
    for a, b in gates:
        part = nx.node_connected_component(cut, b if a in ring else a)
        hamlets = set().union(*(at.get(node, set()) for node in part)) - on_ring
        hanging |= hamlets
        if hamlets:
            behind[(a, b)] = (hamlets, part)
    return hanging, behind


def _ringed(
    network: Network, cable: Flags, cost_vnd: Floats, operator: str, bridge: int, hamlets: set[str], part: set[int]
) -> Single:
    """The cheapest new cable from behind a bridge to the rest of the operator's network, on any road but the bridge."""
    graph = network.graph
    on = np.zeros(graph.nodes, np.bool_)
    on[graph.tail[cable]] = on[graph.head[cable]] = True
    inside = np.zeros(graph.nodes, np.bool_)
    inside[list(part)] = True
    free = np.flatnonzero(~cable & (graph.tail != graph.head))
    weights = sparse(graph.tail[free], graph.head[free], cost_vnd[free], graph.nodes)
    vnd, before, _ = dijkstra(
        weights, directed=False, indices=np.flatnonzero(inside), min_only=True, return_predecessors=True
    )
    goals = np.flatnonzero(on & ~inside)
    best = int(goals[np.argmin(vnd[goals])]) if goals.size else -1
    if best < 0 or not np.isfinite(vnd[best]):
        return Single(operator, np.array([bridge]), tuple(sorted(hamlets)), np.empty(0, np.int64), np.inf, np.inf)
    ring = edges_on_path(graph, before, best, free, cost_vnd)
    return Single(
        operator, np.array([bridge]), tuple(sorted(hamlets)), ring, float(graph.length_m[ring].sum()),
        float(cost_vnd[ring].sum()),
    )  # fmt: skip


def edges_on_path(graph: RoadGraph, before: Ints, node: int, usable: Ints, cost: Floats) -> Ints:
    """Edges of the way that ends at a node, by predecessors of `scipy.sparse.csgraph.dijkstra`."""
    order = usable[np.argsort(-cost[usable], kind="stable")]
    low, high = np.minimum(graph.tail, graph.head)[order], np.maximum(graph.tail, graph.head)[order]
    between = dict(zip(zip(low.tolist(), high.tolist(), strict=True), order.tolist(), strict=True))
    path = []
    while 0 <= before[node] < graph.nodes:
        path.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
        node = int(before[node])
    return np.array(path, np.int64)
