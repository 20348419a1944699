"""Who has FTTH: homes passed and connected in every hamlet, computed from nodes, cables, roads and the optical budget.

A home is *passed* when a drop can connect it without new cable in the road: from an access point (FAT) with a free
port, or from a cable with spare cores that leads to a distribution point (FDT) or exchange (OLT) with a free port.
Passed is availability, connected (`ftth_households`) is take-up. Feeds the state of hamlets and `fiber_extension`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.fiber.odn import optical_budget
from covplan.fiber.pieces import Pieces, made_one
from covplan.fiber.roads import (
    NEAR_ROAD_M,
    along_routes,
    attached,
    line_ends,
    matrix,
    parts_of,
    shortest_paths,
    shortest_ways,
    with_cables,
)
from covplan.study.findings import finding
from covplan.study.settings import Fiber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from covplan.fiber.roads import RoadGraph
    from covplan.study.findings import Finding

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FILE = "fiber.gpkg"
TOLD_M = 1.0  # a road passed over that is nearer by less than this is not worth a word
NAMED = 5  # hamlets named in a finding about many


@dataclass(frozen=True)
class Network:
    """Roads, cables, fiber nodes and homes joined to one graph."""

    graph: RoadGraph
    adjacency: csr_array
    """Lengths of all edges, metres."""
    home: Ints
    """Graph node per row of the dwellings."""
    home_away_m: Floats
    """From each dwelling cluster to its node, off road; inf where there is no road at all."""
    point: Ints
    """Graph node per row of the fiber nodes."""
    point_away_m: Floats
    cable: dict[str, Flags]
    """Per operator: edges its cable runs along; every edge when none of its routes is known."""
    spare: dict[str, Flags]
    """Those of them with spare cores, or where nobody says that there are none."""
    feed_m: Floats
    """Per fiber node: cable from its operator's nearest exchange; NaN when there is none."""
    site: Ints
    """Graph node per row of the sites that want fiber (masts, places)."""
    site_away_m: Floats
    pieces: Pieces
    """How pieces of road that hung on nothing were joined."""
    home_past_m: Floats
    """Per dwelling cluster: how much nearer a road is that leads to no fiber and was passed over; 0 where none is."""


def join_network(
    roads: RoadGraph,
    dwellings: gpd.GeoDataFrame,
    nodes: gpd.GeoDataFrame,
    routes: gpd.GeoDataFrame,
    sites: gpd.GeoDataFrame | None = None,
    fiber: Fiber | None = None,
) -> Network:
    """Put homes, fiber nodes, existing cables and, where given, sites that want fiber on the road graph.

    Each joins the nearest road that leads to fiber (`pieces.made_one`) within `off_road_m`, else the nearest of all;
    an end of a cable only where that road lies beside it.
    """
    fiber = fiber or Fiber()
    places = [_xy(dwellings), _xy(nodes), np.empty((0, 2)) if sites is None else _xy(sites), line_ends(routes)]
    homes, points, wanted = np.cumsum([len(one) for one in places[:3]])
    whole, pieces = made_one(with_cables(roads, routes), places[1], gap_m=fiber.gap_m, off_road_m=fiber.off_road_m)
    within_m = np.repeat([fiber.off_road_m, NEAR_ROAD_M], [wanted, len(places[3])])
    graph, at, away_m = attached(whole, np.vstack(places), pieces.leads, within_m)
    adjacency = matrix(graph, graph.length_m)
    home_past_m = np.zeros(homes)
    if not pieces.leads.all():
        home_past_m = away_m[:homes] - attached(whole, places[0])[2]
    point, point_away_m = at[homes:points], away_m[homes:points]
    cable: dict[str, Flags] = {}
    spare: dict[str, Flags] = {}
    feed_m = np.full(len(nodes), np.nan)
    for operator in sorted(nodes["operator"].dropna().unique()):
        own = routes[routes["operator"] == operator]
        here = (nodes["operator"] == operator).to_numpy(bool)
        exchange = here & (nodes["kind"] == "OLT").to_numpy(bool)
        # Nobody drew its cables, yet its nodes are fed: the shortest way, not every road.
        cable[operator] = along_routes(graph, own) if len(own) else shortest_ways(graph, point[exchange], point[here])
        free = own[own["spare_cores"].fillna(1) > 0]
        spare[operator] = along_routes(graph, free) if len(free) < len(own) else cable[operator]
        feed_m[here] = _feeds(graph, adjacency, cable[operator], nodes[here], point[here], point_away_m[here])
    return Network(
        graph,
        adjacency,
        at[:homes],
        away_m[:homes],
        point,
        point_away_m,
        cable,
        spare,
        feed_m,
        at[points:wanted],
        away_m[points:wanted],
        pieces,
        home_past_m,
    )


@dataclass(frozen=True)
class Reach:
    """What the network gives every hamlet: what is dear to find; arrays per hamlet, in their order."""

    served: Flags
    unknown: Flags
    limit: NDArray[np.str_]
    """What keeps it from being served: none, no_road, ports, budget or distance; unknown."""
    homes_passed: Ints
    """Households in clusters that a drop can connect."""
    passed_share: Floats
    """NaN without clusters."""
    nearest: Ints
    """Row of the nearest fiber node with free ports; −1 where none has a way."""
    nearest_m: Floats
    cable_m: Floats
    """To the nearest cable with spare cores."""
    road_m: Floats
    feed_m: Floats
    """Of the network, per fiber node."""
    gap_m: Floats
    gap_at: Floats
    """Of the network's pieces, per gap that was closed."""
    home_past_m: Floats
    """Of the network, per dwelling cluster."""


def judge(
    villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, network: Network, fiber: Fiber
) -> Reach:
    """FTTH of every hamlet by the network; unknown where it hangs on what nobody has counted."""
    shares = _Shares(villages, dwellings)
    asked = {"ports": True, "budget": True}
    sure = homes_passed(nodes, network, fiber, **asked)
    served = shares.of(sure) >= fiber.served_share
    possible = shares.of(homes_passed(nodes, network, fiber, **asked, doubt=True)) >= fiber.served_share
    unknown = (served != possible) | ~shares.known | (not len(nodes))
    limit = np.where(served, "none", _limits(shares, nodes, network, fiber).astype(str))
    open_nodes = np.flatnonzero(nodes["ports_free"].fillna(0).to_numpy(float) > 0)
    path_m, source = shortest_paths(network.adjacency, network.point[open_nodes], network.point_away_m[open_nodes])
    settled = shares.main >= 0
    nearest = np.full(len(villages), -1)
    nearest[settled] = source[network.home[shares.main[settled]]]
    cable_m = shortest_paths(network.adjacency, spare_nodes(network))[0]
    return Reach(
        served=served,
        unknown=unknown,
        limit=np.where(unknown, "unknown", limit),
        homes_passed=shares.households(sure).astype(np.int64),
        passed_share=shares.of(sure),
        nearest=np.where(nearest >= 0, open_nodes[nearest] if open_nodes.size else -1, -1).astype(np.int64),
        nearest_m=shares.within(path_m[network.home] + network.home_away_m, fiber.served_share),
        cable_m=shares.within(cable_m[network.home] + network.home_away_m, fiber.served_share),
        road_m=shares.within(network.home_away_m, fiber.served_share),
        feed_m=network.feed_m,
        gap_m=network.pieces.gap_m,
        gap_at=network.pieces.gap_at,
        home_past_m=network.home_past_m,
    )


def reach_table(villages: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, judged: Reach) -> gpd.GeoDataFrame:
    """FTTH state of every hamlet; same index as `villages`, columns of resources/layers/reach.csv.

    `ftth` is NA, and `limit` unknown, where it cannot be told: no fiber nodes at all, a hamlet without dwellings, or
    one whose state hangs on free ports nobody has counted or on a node whose exchange is not known.
    """
    index, unknown = villages.index, judged.unknown
    table = gpd.GeoDataFrame(villages[["village_id", "name", "commune_code", "boundary_version"]].copy())
    table["households"] = villages["households"]
    table["ftth"] = pd.Series(judged.served, index=index, dtype="boolean").mask(unknown)
    table["limit"] = judged.limit.astype(object)
    table["homes_passed"] = pd.Series(judged.homes_passed, index=index, dtype="Int64").mask(unknown)
    table["passed_share"] = np.where(unknown, np.nan, judged.passed_share).round(4)
    boxes = nodes[nodes["kind"] == "FAT"]
    ports = boxes.groupby("village_id")[["ports", "ports_free"]].sum(min_count=1).reindex(villages["village_id"])
    in_use = (ports["ports"] - ports["ports_free"]).set_axis(index).astype("Int64")
    table["homes_connected"] = villages["ftth_households"].astype("Int64").fillna(in_use)
    table["ports_free"] = ports["ports_free"].fillna(0).astype("Int64").to_numpy()
    ids = nodes["node_id"].to_numpy(object)
    table["nearest_node_id"] = [ids[one] if one >= 0 else None for one in judged.nearest]
    table["nearest_node_m"] = judged.nearest_m.round(0)
    table["cable_m"] = judged.cable_m.round(0)
    table["road_m"] = judged.road_m.round(0)
    table["declared_ftth"] = villages["declared_ftth"]
    for column in ("synthetic", "provenance"):
        if column in villages:
            table[column] = villages[column]
    return table.set_geometry(villages.geometry)


def reach(
    villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, network: Network, fiber: Fiber
) -> gpd.GeoDataFrame:
    """`reach_table` of what `judge` finds."""
    return reach_table(villages, nodes, judge(villages, dwellings, nodes, network, fiber))


def homes_passed(
    nodes: gpd.GeoDataFrame, network: Network, fiber: Fiber, *, ports: bool, budget: bool, doubt: bool = False
) -> Flags:
    """True for each dwelling cluster a drop can connect.

    Parameters
    ----------
    ports, budget : bool
        Whether free ports (and spare cores) are asked for, and whether the optical budget must hold.
    doubt : bool
        Give what is unknown (free ports, the way to the exchange) the benefit of the doubt.
    """
    passed = np.zeros(network.home.size, np.bool_)
    longest_m = optical_budget(fiber).longest_m if budget else np.inf
    free = nodes["ports_free"].fillna(1 if doubt else 0).to_numpy(float) > 0 if ports else np.ones(len(nodes), np.bool_)
    feed_m = np.where(np.isnan(network.feed_m), 0.0 if doubt or not budget else np.inf, network.feed_m)
    fat = (nodes["kind"] == "FAT").to_numpy(bool)
    for operator, spare in network.spare.items():
        own = (nodes["operator"] == operator).to_numpy(bool) & free & (feed_m <= longest_m)
        at = np.flatnonzero(own & fat)
        passed |= _dropped(network, fiber, network.point[at], network.point_away_m[at], feed_m[at], longest_m)
        at = np.flatnonzero(own & ~fat)
        lit = spare if ports else network.cable[operator]
        path_m, source = shortest_paths(
            matrix(network.graph, network.graph.length_m, lit), network.point[at], network.point_away_m[at],
            limit_m=fiber.reach_m,
        )  # fmt: skip
        taps = np.flatnonzero(np.isfinite(path_m))
        fed_m = feed_m[at][source[taps]] + path_m[taps]
        passed |= _dropped(network, fiber, taps, np.zeros(taps.size), fed_m, longest_m)
    return passed


def spare_nodes(network: Network) -> Ints:
    """Graph nodes a cable with spare cores passes."""
    lit = np.zeros(network.graph.edges, np.bool_)
    for edges in network.spare.values():
        lit |= edges
    return np.unique(np.concatenate([network.graph.tail[lit], network.graph.head[lit]]))


def reach_findings(table: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, feed_m: Floats, fiber: Fiber) -> list[Finding]:
    """What keeps hamlets from being served or judged, hamlet and node by name; none of it stops a plan."""
    found = []
    named = dict(zip(table["village_id"], table["name"], strict=True))
    for row in table.to_dict("records"):
        place = {"layer": "villages", "id": row["village_id"], "value": row["name"], "name": row["name"]}
        if row["limit"] == "no_road":
            far = not row["road_m"] <= fiber.off_road_m
            check = "hamlet_far_from_road" if far else "road_network_split"
            found.append(finding(check, "villages.gpkg", **place, distance_m=_metres(row["road_m"])))
        elif row["limit"] == "ports":
            found.append(finding("hamlet_without_free_port", "villages.gpkg", **place))
    for number, row in enumerate(nodes.to_dict("records")):
        hamlet = named.get(row["village_id"], "?")
        place = {"layer": "nodes", "id": row["node_id"], "value": row["ports_free"], "name": hamlet}
        if row["kind"] == "OLT" and row["ports_free"] == 0:
            found.append(finding("node_without_capacity", FILE, column="ports_free", **place))
        if np.isnan(feed_m[number]):
            found.append(finding("node_without_exchange", FILE, **place, operator=row["operator"]))
    return found


def cable_findings(nodes: gpd.GeoDataFrame, routes: gpd.GeoDataFrame) -> list[Finding]:
    """Operators of whose cables nothing is known: where they are taken to run."""
    undrawn = nodes[~nodes["operator"].isin(routes["operator"])]["operator"].value_counts().sort_index()
    return [
        finding("assumed_cables", FILE, layer="routes", operator=operator, count=int(count))
        for operator, count in undrawn.items()
    ]


def piece_findings(
    villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, judged: Reach, fiber: Fiber
) -> list[Finding]:
    """Gaps between pieces of road that were closed, and pieces that were passed over: how many metres, where."""
    found = []
    width_m, at, past_m = judged.gap_m, judged.gap_at, judged.home_past_m
    if width_m.size:
        beside = np.asarray(shapely.STRtree(villages.geometry.to_numpy()).nearest(shapely.points(at)), np.int64)
        names = villages["name"].to_numpy(object)[beside[np.argsort(-width_m, kind="stable")]]
        widths = {"metres": _metres(width_m.sum()), "widest": _metres(width_m.max()), "gap_m": _metres(fiber.gap_m)}
        place = {"value": width_m.size, "names": _some(names)}
        found.append(finding("road_gaps_closed", "roads.gpkg", layer="roads", **place, **widths))
    past = np.flatnonzero(past_m > TOLD_M)
    if past.size:
        named = dict(zip(villages["village_id"], villages["name"], strict=True))
        order = past[np.argsort(-past_m[past], kind="stable")]
        names = [named.get(one, one) for one in dwellings["village_id"].to_numpy(object)[order]]
        metres = _metres(past_m[past].mean())
        place = {"value": past.size, "names": _some(names), "metres": metres}
        found.append(finding("road_pieces_passed_over", "roads.gpkg", layer="roads", **place))
    return found


class _Shares:
    """Dwelling clusters counted by hamlet; arrays per hamlet, in the order of the villages."""

    def __init__(self, villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame) -> None:
        rows = pd.Series(np.arange(len(villages)), index=villages["village_id"].to_numpy())
        self._of = dwellings["village_id"].map(rows).fillna(-1).to_numpy(np.int64)
        self._weight = np.where(self._of >= 0, dwellings["households"].to_numpy(float), 0.0)
        self._number = len(villages)
        self._total = self._sum(np.ones(len(dwellings), np.bool_))
        self.known: Flags = self._total > 0
        order = np.lexsort((-self._weight, self._of))
        order = order[self._of[order] >= 0]
        first = order[np.append(True, np.diff(self._of[order]) > 0)] if order.size else order
        self.main: Ints = np.full(self._number, -1)
        """Row of the largest cluster; −1 where there is none."""
        self.main[self._of[first]] = first

    def households(self, clusters: Flags) -> Floats:
        """Households in some clusters."""
        return self._sum(clusters)

    def of(self, clusters: Flags) -> Floats:
        """Share of a hamlet's households in some clusters; NaN without clusters."""
        return np.where(self.known, self._sum(clusters) / np.where(self.known, self._total, 1.0), np.nan)

    def within(self, metres: Floats, share: float) -> Floats:
        """Distance within which a share of the households lives; inf where that many have no way, NaN without any."""
        order = np.lexsort((metres, self._of))
        counted = np.cumsum(self._weight[order])
        before = np.append(0.0, np.cumsum(self._total))[np.maximum(self._of[order], 0)]
        enough = (counted - before >= share * self._total[self._of[order]] - 1e-9) & (self._of[order] >= 0)
        result = np.full(self._number, np.nan)
        hit = order[enough]
        result[self._of[hit][::-1]] = metres[hit][::-1]  # the first of each hamlet is written last
        return result

    def _sum(self, clusters: Flags) -> Floats:
        use = clusters & (self._of >= 0)
        return np.bincount(self._of[use], self._weight[use], minlength=self._number).astype(np.float64)


def _feeds(
    graph: RoadGraph, adjacency: csr_array, cable: Flags, nodes: gpd.GeoDataFrame, point: Ints, away_m: Floats
) -> Floats:
    """Cable from the nearest exchange of one operator to each of its nodes; along roads where the cable has a hole."""
    exchange = (nodes["kind"] == "OLT").to_numpy(bool)
    laid = shortest_paths(matrix(graph, graph.length_m, cable), point[exchange], away_m[exchange])[0][point]
    other = shortest_paths(adjacency, point[exchange], away_m[exchange])[0][point]
    fed = np.where(np.isfinite(laid), laid, other) + np.where(exchange, 0.0, away_m)
    return np.where(exchange, 0.0, np.where(np.isfinite(fed), fed, np.nan))


def _dropped(network: Network, fiber: Fiber, sources: Ints, offset_m: Floats, fed_m: Floats, longest_m: float) -> Flags:
    """Homes within a drop of a source, the whole way from the exchange within `longest_m`."""
    drop_m, source = shortest_paths(network.adjacency, sources, offset_m, limit_m=fiber.drop_m)
    drop_m = drop_m[network.home] + network.home_away_m
    fed = np.append(fed_m, np.inf)[source[network.home]]
    return np.asarray((drop_m <= fiber.drop_m) & (fed + drop_m <= longest_m), np.bool_)


def _limits(shares: _Shares, nodes: gpd.GeoDataFrame, network: Network, fiber: Fiber) -> NDArray[np.object_]:
    """What keeps each hamlet from being served, were it not: the one demand without which it would be."""
    enough = fiber.served_share
    no_ports = shares.of(homes_passed(nodes, network, fiber, ports=False, budget=True)) >= enough
    no_budget = shares.of(homes_passed(nodes, network, fiber, ports=True, budget=False)) >= enough
    neither = shares.of(homes_passed(nodes, network, fiber, ports=False, budget=False)) >= enough
    label = parts_of(network.graph) if network.graph.nodes else np.empty(0, np.int64)
    with_node = np.isin(label[network.home], label[network.point]) if label.size else np.zeros(0, np.bool_)
    on_road = (network.home_away_m <= fiber.off_road_m) & with_node
    roadless = shares.of(on_road) < enough
    chosen = [roadless, no_ports, no_budget, neither]
    return np.select(chosen, ["no_road", "ports", "budget", "ports"], "distance").astype(object)


def _xy(points: gpd.GeoDataFrame) -> Floats:
    return np.asarray(shapely.get_coordinates(shapely.centroid(points.geometry.to_numpy())), np.float64)


def _some(names: Iterable[object]) -> str:
    """The first few different names."""
    different = [str(one) for one in dict.fromkeys(names)]
    return ", ".join(different[:NAMED]) + (", …" if len(different) > NAMED else "")


def _metres(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "∞"
