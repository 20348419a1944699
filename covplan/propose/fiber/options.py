"""Hamlets and masts that fiber may be led to, as a Steiner problem over roads.

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
from covplan.fiber.routes import mounting, route_cost_vnd
from covplan.propose.solve.steiner import Problem, joinable_groups
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import shapely
    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.study.settings import Cost, Fiber, Level

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

EQUIPMENT_ITEMS = ("fdt_box", "fat_box", "splitter", "olt_port_share", "fiber_closure")


@dataclass(frozen=True)
class Case:
    """What an extension starts from, the same for all its phases: network, hamlets, prices, decisions."""

    reach: gpd.GeoDataFrame
    """State of the hamlets (`fiber.reach`): those known to be unserved may be joined."""
    dwellings: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    network: Network
    fiber: Fiber
    costs: Mapping[str, Cost]
    towns: shapely.Geometry | None = None
    """Where new cable goes underground."""
    sites: pd.DataFrame | None = None
    """In the order in which `join_network` was given them: `site_id`, `must` (bool) and, optional, `worth_vnd`: what it
    costs to leave the site out. They need cores, no PON port, and have no optical limit."""
    rejected: Collection[str] = ()
    """Hamlets that are never joined, for a planner rejected them."""
    accepted: Collection[str] = ()
    """Hamlets that are always joined."""


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
class _Group:
    """A hamlet or a site that joins as a whole."""

    id: str
    terminals: tuple[int, ...]
    """Graph nodes."""
    must: bool
    equipment: Equipment
    households: int
    is_site: bool = False
    spur_m: float = 0.0
    """Of a site: from the road to it."""
    worth_vnd: float = 0.0


def candidates(case: Case) -> Candidates:
    """The problem whose trees are extensions."""
    graph, fiber = case.network.graph, case.fiber
    groups = [*_hamlet_groups(case), *_site_groups(case)]
    kind = mounting(graph, case.towns, buried=fiber.buried)
    route_vnd = {level: route_cost_vnd(graph, kind, case.costs, fiber, level) for level in LEVELS}
    closure_vnd = {level: float(getattr(case.costs["fiber_closure"], level)) for level in LEVELS}
    lines = np.array([round(fiber.take_up * one.households) for one in groups], np.int64)
    own_vnd = {level: _own_vnd(groups, lines, case.costs, level, buried=fiber.buried) for level in LEVELS}
    entries = _entries(case, np.unique(_terminals(groups)))
    new = np.flatnonzero(~entries.lit & (graph.tail != graph.head))
    cost = np.concatenate([route_vnd["base"][new], np.full(entries.node.size, closure_vnd["base"])])
    problem = _problem(case, groups, entries, new, cost, own_vnd["base"])
    is_site = np.array([one.is_site for one in groups], np.bool_)
    problem = replace(problem, must=problem.must & (is_site | joinable_groups(problem)))  # accepted, but no way there
    return Candidates(
        problem=problem,
        edge=np.concatenate([new, np.full(entries.node.size, -1)]),
        id=np.array([one.id for one in groups], object),
        is_site=is_site,
        households=np.array([one.households for one in groups], np.int64),
        lines=lines,
        parts=tuple(one.equipment for one in groups),
        own_vnd=own_vnd,
        route_vnd=route_vnd,
        closure_vnd=closure_vnd,
        kind=kind,
        source_id=entries.id,
        source_operator=entries.operator,
        worth_vnd=np.array([one.worth_vnd for one in groups], np.float64),
        built=np.zeros(len(groups), np.bool_),
        laid_by=np.full(problem.tail.size, -1),
        steps_before=0,
    )


def _terminals(groups: Sequence[_Group]) -> Ints:
    return np.array([node for one in groups for node in one.terminals], np.int64)


def _problem(
    case: Case, groups: Sequence[_Group], entries: _Entries, new: Ints, cost: Floats, own_cost: Floats
) -> Problem:
    """Roads without spare cable and the entries into cable as one graph."""
    graph, root, fiber = case.network.graph, case.network.graph.nodes, case.fiber
    is_site = np.array([one.is_site for one in groups], np.bool_)
    budget_m = optical_budget(fiber).longest_m
    return Problem(
        nodes=graph.nodes + 1,
        root=root,
        tail=np.concatenate([graph.tail[new], np.full(entries.node.size, root)]),
        head=np.concatenate([graph.head[new], entries.node]),
        cost=cost,
        terminal=_terminals(groups),
        group=np.repeat(np.arange(len(groups)), [len(one.terminals) for one in groups]),
        own_cost=own_cost,
        must=np.array([one.must for one in groups], np.bool_),
        weight=np.where(is_site, 0.0, 1.0),
        length=np.concatenate([graph.length_m[new], entries.feed_m]),
        longest=np.where(is_site, np.inf, budget_m - fiber.drop_m if budget_m > fiber.drop_m else 0.0),
        source=np.concatenate([np.full(new.size, -1), entries.source]),
        capacity=entries.free,
        demand=np.array([one.equipment.pon_ports for one in groups], np.float64),
    )


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


def _entries(case: Case, terminals: Ints) -> _Entries:
    """Where cable with spare cores meets roads without, or a terminal; each fed by the nearest exchange with ports."""
    nodes, network, graph = case.nodes, case.network, case.network.graph
    exchange = (nodes["kind"] == "OLT").to_numpy(bool)
    free = nodes["ports_free"].fillna(0).to_numpy(float)
    sources = np.flatnonzero(exchange & (free > 0))
    feed_m, source = np.full(graph.nodes, np.inf), np.full(graph.nodes, -1)
    for operator, spare in network.spare.items():
        own = sources[(nodes["operator"].to_numpy(object)[sources] == operator)]
        way_m, came = shortest_paths(
            matrix(graph, graph.length_m, spare), network.point[own], network.point_away_m[own],
            limit_m=optical_budget(case.fiber).longest_m,
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


def _hamlet_groups(case: Case) -> list[_Group]:
    """Hamlets known to be unserved and not rejected: their largest clusters near a road, until they are enough."""
    reach, dwellings, network, fiber = case.reach, case.dwellings, case.network, case.fiber
    unserved = (~reach["ftth"].fillna(value=True)).to_numpy(bool) & ~reach["village_id"].isin(list(case.rejected))
    on_road = network.home_away_m <= fiber.off_road_m
    own = dwellings["village_id"].isin(reach.loc[unserved, "village_id"]).to_numpy(bool)
    homes = dwellings.assign(node=network.home)[on_road & own]
    total = dwellings.groupby("village_id")["households"].sum()
    groups: list[_Group] = []
    for hamlet, clusters in homes.groupby("village_id", sort=True):
        largest = clusters.sort_values(["households", "dwelling_id"], ascending=[False, True])
        sizes = largest["households"].to_numpy(np.int64)
        need = fiber.served_share * float(total[hamlet])
        enough = int(np.searchsorted(np.cumsum(sizes), need - 1e-9)) + 1
        if enough > sizes.size or not sizes[:enough].sum():
            continue  # too many live away from every road
        nodes = np.unique(largest["node"].to_numpy(np.int64)[:enough])
        must = str(hamlet) in case.accepted
        equipped, households = equipment(sizes[:enough], fiber), int(sizes[:enough].sum())
        groups.append(_Group(str(hamlet), tuple(nodes.tolist()), must, equipped, households))
    return groups


def _site_groups(case: Case) -> list[_Group]:
    """Sites that a road leads to."""
    if case.sites is None:
        return []
    network = case.network
    return [
        _Group(
            row["site_id"],
            (int(network.site[number]),),
            bool(row["must"]),
            Equipment(0, 0, 0, 0),
            0,
            is_site=True,
            spur_m=float(network.site_away_m[number]),
            worth_vnd=float(row.get("worth_vnd", 0.0)),
        )
        for number, row in enumerate(case.sites.to_dict("records"))
        if np.isfinite(network.site_away_m[number])
    ]


def _own_vnd(groups: Sequence[_Group], lines: Ints, costs: Mapping[str, Cost], level: Level, *, buried: bool) -> Floats:
    """Boxes, splitters and the share of PON ports of each group; for a site the cable from the road to it."""
    price = {item: float(getattr(costs[item], level)) for item in EQUIPMENT_ITEMS}
    parts = [one.equipment for one in groups]
    boxes = [p.fdts * price["fdt_box"] + p.fats * price["fat_box"] + p.splitters * price["splitter"] for p in parts]
    per_km = float(getattr(costs["fiber_buried_rural" if buried else "fiber_aerial_new_poles"], level))
    spur_m = np.array([one.spur_m for one in groups], np.float64)
    return np.array(boxes, np.float64) + lines * price["olt_port_share"] + spur_m / 1000 * per_km
