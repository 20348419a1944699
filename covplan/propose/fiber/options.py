"""Hamlets and masts that fiber may be led to, as a Steiner problem over roads, and what a solution of it is.

The root stands for all existing cable with spare cores that leads to an exchange with free PON ports; entering the new
network costs a closure. A hamlet is a group of terminals, its largest clusters of dwellings that together hold the
share of households which makes it served. Its own cost is FDT, FATs, splitters and its share of PON ports. Ports of the
exchanges are capacities, the optical budget is the longest way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from covplan.fiber.odn import Equipment, equipment, optical_budget
from covplan.fiber.roads import matrix, shortest_paths
from covplan.fiber.routes import LEVELS, mounting, route_cost_vnd
from covplan.propose.solve.steiner import Problem, Tree

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import shapely
    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.fiber.routes import Level
    from covplan.study.settings import Cost, Fiber

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

EQUIPMENT_ITEMS = ("fdt_box", "fat_box", "splitter", "olt_port_share", "fiber_closure")


@dataclass(frozen=True)
class Candidates:
    """Hamlets and sites that may be joined, as a Steiner problem with base costs. Arrays per group."""

    problem: Problem
    edge: Ints
    """Graph edge of each edge of the problem; −1 for an entry."""
    id: NDArray[np.object_]
    """village_id of a hamlet, or the id of a site."""
    is_site: Flags
    households: Ints
    """In the clusters that would be joined."""
    lines: Ints
    """Ports planned for them."""
    parts: tuple[Equipment, ...]
    own_vnd: dict[Level, Floats]
    route_vnd: dict[Level, Floats]
    """Per graph edge."""
    closure_vnd: dict[Level, float]
    kind: NDArray[np.object_]
    """Mounting per graph edge."""
    source_id: NDArray[np.object_]
    """node_id of each source's exchange."""
    source_operator: NDArray[np.object_]
    worth_vnd: Floats
    """What it costs to leave a group out (a site's microwave); 0 for hamlets."""
    built: Flags
    """Joined by an earlier phase."""
    laid_by: Ints
    """Per edge of the problem: number of the step that laid it in an earlier phase; −1 otherwise."""
    steps_before: int


@dataclass(frozen=True)
class Step:
    """One group joined: what its own stretch of the tree adds. Later steps may build on it."""

    group: int
    edges: Ints
    """Graph edges laid for it."""
    entries: int
    """Closures in existing cable."""
    source: int
    after: int
    """Number of the last step, over all phases, whose new cable it continues; −1 when it starts at existing cable."""
    needs: tuple[int, ...]
    """Every such step that no other of them needs itself: a hamlet of several clusters may continue several."""
    cost_vnd: dict[Level, float]


@dataclass(frozen=True)
class Extension:
    """A tree, the order in which its groups are joined, and what it is worth."""

    candidates: Candidates
    tree: Tree
    steps: tuple[Step, ...]

    @property
    def edges(self) -> Ints:
        """Graph edges that get new cable."""
        found = [step.edges for step in self.steps]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def cost_vnd(self, level: Level = "base") -> float:
        """Everything up to homes passed; drops and home equipment are not in it."""
        return sum(step.cost_vnd[level] for step in self.steps)


def candidates(
    reach: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    nodes: gpd.GeoDataFrame,
    network: Network,
    fiber: Fiber,
    costs: Mapping[str, Cost],
    *,
    towns: shapely.Geometry | None = None,
    sites: pd.DataFrame | None = None,
    built: Sequence[Extension] = (),
    without: Collection[str] = (),
    must_join: Collection[str] = (),
) -> Candidates:
    """The problem whose trees are extensions.

    Parameters
    ----------
    reach : GeoDataFrame
        State of the hamlets (`fiber.reach`): those known to be unserved may be joined.
    towns : geometry, optional
        Where new cable goes underground.
    sites : DataFrame, optional
        In the order in which `join_network` was given them: `site_id`, `must` (bool) and, optional, `worth_vnd`: what
        it costs to leave the site out. They need cores, no PON port, and have no optical limit.
    built : sequence of Extension
        Earlier phases, taken as laid: their cable costs nothing more, their groups stay joined, their ports are used.
    without, must_join : collection of str
        Hamlets that a planner rejected, and those that were accepted: never and always joined.
    """
    graph = network.graph
    kind = mounting(graph, towns, buried=fiber.buried)
    route_vnd = {level: route_cost_vnd(graph, kind, costs, fiber, level) for level in LEVELS}
    closure_vnd = {level: float(getattr(costs["fiber_closure"], level)) for level in LEVELS}
    terminal, group, ids, parts, households = _hamlet_groups(
        reach[~reach["village_id"].isin(list(without))], dwellings, network, fiber
    )
    must = [one in must_join for one in ids]
    is_site = [False] * len(ids)
    spur_m = [0.0] * len(ids)
    worth = [0.0] * len(ids)
    if sites is not None:
        for number, row in enumerate(sites.to_dict("records")):
            if not np.isfinite(network.site_away_m[number]):
                continue
            terminal.append(int(network.site[number]))
            group.append(len(ids))
            ids.append(row["site_id"])
            parts.append(Equipment(0, 0, 0, 0))
            households.append(0)
            must.append(bool(row["must"]))
            is_site.append(True)
            spur_m.append(float(network.site_away_m[number]))
            worth.append(float(row.get("worth_vnd", 0.0)))
    lines = np.array([round(fiber.take_up * one) for one in households], np.int64)
    own_vnd = {level: _own_vnd(parts, lines, np.array(spur_m), costs, level, buried=fiber.buried) for level in LEVELS}
    entry = _entries(nodes, network, fiber, np.unique(np.array(terminal, np.int64)))
    new = np.flatnonzero(~entry.lit & (graph.tail != graph.head))
    root = graph.nodes
    cost = np.concatenate([route_vnd["base"][new], np.full(entry.node.size, closure_vnd["base"])])
    budget_m = optical_budget(fiber).longest_m
    demand = np.array([one.pon_ports for one in parts], np.float64)
    problem = Problem(
        nodes=graph.nodes + 1,
        root=root,
        tail=np.concatenate([graph.tail[new], np.full(entry.node.size, root)]),
        head=np.concatenate([graph.head[new], entry.node]),
        cost=cost,
        terminal=np.array(terminal, np.int64),
        group=np.array(group, np.int64),
        own_cost=own_vnd["base"],
        must=np.array(must, np.bool_),
        weight=np.where(is_site, 0.0, 1.0),
        length=np.concatenate([graph.length_m[new], entry.feed_m]),
        longest=np.where(is_site, np.inf, budget_m - fiber.drop_m if budget_m > fiber.drop_m else 0.0),
        source=np.concatenate([np.full(new.size, -1), entry.source]),
        capacity=entry.free,
        demand=demand,
    )
    made = Candidates(
        problem=problem,
        edge=np.concatenate([new, np.full(entry.node.size, -1)]),
        id=np.array(ids, object),
        is_site=np.array(is_site, np.bool_),
        households=np.array(households, np.int64),
        lines=lines,
        parts=tuple(parts),
        own_vnd=own_vnd,
        route_vnd=route_vnd,
        closure_vnd=closure_vnd,
        kind=kind,
        source_id=entry.id,
        source_operator=entry.operator,
        worth_vnd=np.array(worth, np.float64),
        built=np.zeros(len(ids), np.bool_),
        laid_by=np.full(problem.tail.size, -1),
        steps_before=0,
    )
    for one in built:
        made = _with_built(made, one)
    return made


@dataclass(frozen=True)
class _Entries:
    """Nodes of existing cable where new cable may begin; `free` and `id` are per source."""

    node: Ints
    feed_m: Floats
    source: Ints
    fed: Flags
    """Graph nodes an exchange with free ports can feed along existing cable."""
    lit: Flags
    """Graph edges with such cable."""
    free: Floats
    id: NDArray[np.object_]
    operator: NDArray[np.object_]


def _entries(nodes: gpd.GeoDataFrame, network: Network, fiber: Fiber, terminals: Ints) -> _Entries:
    """Where cable with spare cores meets roads without, or a terminal; each fed by the nearest exchange with ports."""
    graph = network.graph
    exchange = (nodes["kind"] == "OLT").to_numpy(bool)
    free = nodes["ports_free"].fillna(0).to_numpy(float)
    sources = np.flatnonzero(exchange & (free > 0))
    feed_m, source = np.full(graph.nodes, np.inf), np.full(graph.nodes, -1)
    for operator, spare in network.spare.items():
        own = sources[(nodes["operator"].to_numpy(object)[sources] == operator)]
        way_m, came = shortest_paths(
            matrix(graph, graph.length_m, spare), network.point[own], network.point_away_m[own],
            limit_m=optical_budget(fiber).longest_m,
        )  # fmt: skip
        nearer = way_m < feed_m
        feed_m[nearer], source[nearer] = way_m[nearer], own[came[nearer]]
    fed = np.isfinite(feed_m)
    lit = _spare_edges(network) & fed[graph.tail] & fed[graph.head]
    beside = np.zeros(graph.nodes, np.bool_)
    beside[graph.tail[~lit]] = beside[graph.head[~lit]] = True
    beside[terminals] = True
    node = np.flatnonzero(beside & fed)
    row = np.full(len(nodes), -1)
    row[sources] = np.arange(sources.size)
    return _Entries(
        node, feed_m[node], row[source[node]], fed, lit, free[sources], nodes["node_id"].to_numpy(object)[sources],
        nodes["operator"].to_numpy(object)[sources],
    )  # fmt: skip


def _spare_edges(network: Network) -> Flags:
    lit = np.zeros(network.graph.edges, np.bool_)
    for edges in network.spare.values():
        lit |= edges
    return lit


def _hamlet_groups(
    reach: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, network: Network, fiber: Fiber
) -> tuple[list[int], list[int], list[str], list[Equipment], list[int]]:
    """Per hamlet known to be unserved: the nodes of its largest clusters near a road, until they are enough."""
    out = reach.loc[(~reach["ftth"].fillna(value=True)).to_numpy(bool), "village_id"]
    on_road = network.home_away_m <= fiber.off_road_m
    homes = dwellings.assign(node=network.home)[on_road & dwellings["village_id"].isin(out).to_numpy(bool)]
    total = dwellings.groupby("village_id")["households"].sum()
    terminal: list[int] = []
    group: list[int] = []
    ids: list[str] = []
    parts: list[Equipment] = []
    households: list[int] = []
    for hamlet, clusters in homes.groupby("village_id", sort=True):
        largest = clusters.sort_values(["households", "dwelling_id"], ascending=[False, True])
        sizes = largest["households"].to_numpy(np.int64)
        need = fiber.served_share * float(total[hamlet])
        enough = int(np.searchsorted(np.cumsum(sizes), need - 1e-9)) + 1
        if enough > sizes.size or not sizes[:enough].sum():
            continue  # too many live away from every road
        spots = np.unique(largest["node"].to_numpy(np.int64)[:enough])
        terminal += spots.tolist()
        group += [len(ids)] * spots.size
        ids.append(str(hamlet))
        parts.append(equipment(sizes[:enough], fiber))
        households.append(int(sizes[:enough].sum()))
    return terminal, group, ids, parts, households


def _own_vnd(
    parts: list[Equipment], lines: Ints, spur_m: Floats, costs: Mapping[str, Cost], level: Level, *, buried: bool
) -> Floats:
    """Boxes, splitters and the share of PON ports of each group; for a site the cable from the road to it."""
    price = {item: float(getattr(costs[item], level)) for item in EQUIPMENT_ITEMS}
    boxes = [p.fdts * price["fdt_box"] + p.fats * price["fat_box"] + p.splitters * price["splitter"] for p in parts]
    per_km = float(getattr(costs["fiber_buried_rural" if buried else "fiber_aerial_new_poles"], level))
    return np.array(boxes, np.float64) + lines * price["olt_port_share"] + spur_m / 1000 * per_km


def _with_built(found: Candidates, built: Extension) -> Candidates:
    """What is built costs nothing more: its edges, its entries and its groups."""
    problem = found.problem
    joined = {built.candidates.id[step.group] for step in built.steps}
    again = np.array([one in joined for one in found.id], np.bool_)
    cost = problem.cost.copy()
    cost[built.tree.edges] = 0.0
    own = {level: np.where(again, 0.0, money) for level, money in found.own_vnd.items()}
    route = {level: money.copy() for level, money in found.route_vnd.items()}
    for money in route.values():
        money[built.edges] = 0.0
    laid_by, by_edge = found.laid_by.copy(), np.full(int(found.edge.max(initial=0)) + 1, -1)
    for number, step in enumerate(built.steps):
        by_edge[step.edges] = built.candidates.steps_before + number
    new = (found.edge >= 0) & built.tree.edges
    laid_by[new] = np.where(by_edge[found.edge[new]] >= 0, by_edge[found.edge[new]], laid_by[new])
    return replace(
        found,
        problem=replace(problem, cost=cost, own_cost=own["base"], must=problem.must | again),
        own_vnd=own,
        route_vnd=route,
        built=found.built | again,
        laid_by=laid_by,
        steps_before=found.steps_before + len(built.steps),
    )
