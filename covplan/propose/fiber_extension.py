"""Which hamlets get fibre next, along which roads, in which order, at what cost; and the fibre of masts in one trench.

The trees are those of `propose.steiner`: the root stands for all existing cable with spare cores that leads to an
exchange with free PON ports; entering the new network costs a closure. A hamlet is a group of terminals, its largest
clusters of dwellings that together hold the share of households which makes it served. Its own cost is FDT, FATs,
splitters and its share of PON ports. Ports of the exchanges are capacities, the optical budget is the longest way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse.csgraph import breadth_first_order

from covplan.fiber.odn import Equipment, equipment, odn_values, optical_budget
from covplan.fiber.roads import matrix, nearest_way, sparse
from covplan.fiber.routes import LEVELS, mounting, route_cost_vnd
from covplan.propose.solver import TIME_LIMIT_S, Status
from covplan.propose.steiner import Problem, Tree, cheapest_tree
from covplan.study.layers import layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.fiber.routes import Level
    from covplan.study.settings import Cost, Fiber

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CABLE_CORES = (12, 24, 48, 96, 144)
SITE_CORES = 4  # of a mast: a pair and a spare pair
INDICATOR = "VILLAGE_FTTH_COV"
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
    """The step whose new cable it continues; −1 when it starts at existing cable."""
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
    built: Extension | None = None,
) -> Candidates:
    """The problem whose trees are extensions.

    Parameters
    ----------
    reach : GeoDataFrame
        State of the hamlets (`fiber.reach`): those known to be unserved may be joined.
    towns : geometry, optional
        Where new cable goes underground.
    sites : DataFrame, optional
        In the order in which `join_network` was given them: `site_id` and `must` (bool). They need cores, no PON port,
        and have no optical limit.
    built : Extension, optional
        Taken as laid: its cable costs nothing more, its groups have to stay joined, its ports are used.
    """
    graph = network.graph
    kind = mounting(graph, towns, buried=fiber.buried)
    route_vnd = {level: route_cost_vnd(graph, kind, costs, fiber, level) for level in LEVELS}
    closure_vnd = {level: float(getattr(costs["fiber_closure"], level)) for level in LEVELS}
    terminal, group, ids, parts, households, must = _hamlet_groups(reach, dwellings, network, fiber)
    is_site = [False] * len(ids)
    spur_m = [0.0] * len(ids)
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
    lines = np.array([round(fiber.take_up * one) for one in households], np.int64)
    own_vnd = {
        level: _own_vnd(parts, lines, np.array(spur_m), costs, level, buried=fiber.buried) for level in LEVELS
    }
    entry = _entries(nodes, network, fiber, np.unique(np.array(terminal, np.int64)))
    lit = _spare_edges(network)
    new = np.flatnonzero(~lit & (graph.tail != graph.head))
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
        problem, np.concatenate([new, np.full(entry.node.size, -1)]), np.array(ids, object), np.array(is_site, np.bool_),
        np.array(households, np.int64), lines, tuple(parts), own_vnd, route_vnd, closure_vnd, kind, entry.id,
        entry.operator,
    )  # fmt: skip
    return made if built is None else _with_built(made, built)


def extend(
    found: Candidates,
    *,
    hamlets: int | None = None,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Extension:
    """The cheapest extension that joins so many hamlets, or the one with most households for the money.

    Sites that must be joined are, in either form; other sites join when they cost nothing more.
    """
    problem = found.problem
    if budget_vnd is not None:
        problem = replace(problem, weight=found.households.astype(np.float64))
        tree = cheapest_tree(problem, budget=budget_vnd, gap=gap, time_limit_s=time_limit_s)
    else:
        tree = cheapest_tree(problem, quota=float(hamlets or 0), gap=gap, time_limit_s=time_limit_s)
    return Extension(found, tree, tuple(_ordered(found, tree)))


def hamlets_missing(reach: gpd.GeoDataFrame, target_pct: float) -> int:
    """Hamlets to join, of those whose state is known, until the target share is reached."""
    known = int(reach["ftth"].notna().sum())
    return max(0, int(np.ceil(target_pct * known / 100 - 1e-9)) - int(reach["ftth"].fillna(value=False).sum()))


def order_table(extension: Extension, reach: gpd.GeoDataFrame, network: Network) -> pd.DataFrame:
    """The marginal cost curve: hamlets in the order they are joined, each with what it adds and the sums so far."""
    found, graph = extension.candidates, network.graph
    names = dict(zip(reach["village_id"], reach["name"], strict=True))
    rows = []
    for step in extension.steps:
        group = step.group
        rows.append(
            {
                "id": found.id[group],
                "name": names.get(found.id[group], ""),
                "households": int(found.households[group]),
                "length_m": round(float(graph.length_m[step.edges].sum()), 1),
                "cost_vnd": round(step.cost_vnd["base"]),
            }
        )
    table = pd.DataFrame(rows, columns=["id", "name", "households", "length_m", "cost_vnd"])
    table["vnd_per_household"] = (table["cost_vnd"] / table["households"].where(table["households"] > 0)).round(0)
    for column in ("households", "length_m", "cost_vnd"):
        table[f"{column}_so_far"] = table[column].cumsum()
    return table


def bill_of_quantities(extension: Extension, network: Network, fiber: Fiber, costs: Mapping[str, Cost]) -> pd.DataFrame:
    """Materials with their costs: columns item, detail, unit, quantity, cost_low_vnd, cost_base_vnd, cost_high_vnd.

    Cable is listed by cores and mounting; poles, closures in existing cable, boxes, splitters and PON ports follow from
    the tree; drops and home equipment (ONT) are for the planned take-up, beside the cost of passing.
    """
    found, graph = extension.candidates, network.graph
    edges = extension.edges
    rows: list[dict[str, Any]] = []
    cores = cable_cores(extension, network)
    for number, kind in sorted({(int(c), str(found.kind[e])) for c, e in zip(cores, edges, strict=True)}):
        these = edges[(cores == number) & (found.kind[edges] == kind)]
        money = [float(found.route_vnd[level][these].sum()) for level in LEVELS]
        rows.append(_line("cable", f"{number} FO {kind}", "km", graph.length_m[these].sum() / 1000, money))
    poles = graph.length_m[edges[found.kind[edges] == "C1"]].sum() / odn_values()["pole_spacing_m"]
    rows.append(_line("new_poles", "in the cost of C1", "piece", np.ceil(poles), [0.0] * 3))
    joined = [step.group for step in extension.steps]
    parts = [found.parts[group] for group in joined]
    lines = int(found.lines[joined].sum()) if joined else 0
    quantities = {
        "fdt_box": sum(one.fdts for one in parts),
        "fat_box": sum(one.fats for one in parts),
        "splitter": sum(one.splitters for one in parts),
        "fiber_closure": sum(step.entries for step in extension.steps),
        "olt_port_share": lines,
        "drop_and_ont": lines,
    }
    details = {"olt_port_share": f"{sum(one.pon_ports for one in parts)} PON ports", "drop_and_ont": "take-up"}
    for item, quantity in quantities.items():
        unit = costs[item].unit.removeprefix("VND/")
        money = [quantity * float(getattr(costs[item], level)) for level in LEVELS]
        rows.append(_line(item, details.get(item, ""), unit, quantity, money))
    return pd.DataFrame(rows)


def cable_cores(extension: Extension, network: Network) -> Ints:
    """Cores of the cable on each of `extension.edges`: two per PON port behind it, four per site, two in reserve."""
    found = extension.candidates
    behind = {number: 2 * found.parts[step.group].pon_ports + SITE_CORES * int(found.is_site[step.group])
              for number, step in enumerate(extension.steps)}  # fmt: skip
    for number in reversed(range(len(extension.steps))):
        after = extension.steps[number].after
        if after >= 0:
            behind[after] += behind[number]
    sizes = []
    for number, step in enumerate(extension.steps):
        wanted = behind[number] + 2
        sizes += [next((size for size in CABLE_CORES if size >= wanted), CABLE_CORES[-1])] * len(step.edges)
    return np.array(sizes, np.int64)


def by_years(extension: Extension, years: Sequence[int]) -> list[int]:
    """Year of each step: in the order of joining, each year about the same share of the money."""
    money = np.cumsum([step.cost_vnd["base"] for step in extension.steps])
    if not len(money):
        return []
    share = (money - np.diff(money, prepend=0.0) / 2) / max(float(money[-1]), 1e-9)
    return [int(years[min(int(one * len(years)), len(years) - 1)]) for one in share]


def fibre_proposals(
    extension: Extension,
    years: Sequence[int],
    reach: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    network: Network,
    *,
    first: int = 1,
) -> gpd.GeoDataFrame:
    """One row per step: columns of resources/layers/proposals.csv; the line is the new cable, or a point when none is.

    Parameters
    ----------
    years : sequence of int
        Of each step (`by_years`).
    first : int
        Number of the first proposal id.
    """
    found, graph = extension.candidates, network.graph
    hamlets = reach.set_index("village_id")
    named = communes.drop_duplicates(["commune_code", "boundary_version"]).set_index(
        ["commune_code", "boundary_version"]
    )["name"]
    known = max(int(reach["ftth"].notna().sum()), 1)
    ids = [f"F-{first + number:04d}" for number in range(len(extension.steps))]
    rows, shapes = [], []
    for number, (step, year) in enumerate(zip(extension.steps, years, strict=True)):
        group = step.group
        site = bool(found.is_site[group])
        place = graph.node_m[found.problem.terminal[found.problem.group == group][0]]
        lines = graph.line[step.edges]
        shape = shapely.Point(place) if not len(lines) else shapely.line_merge(shapely.multilinestrings(lines))
        length_m = float(graph.length_m[step.edges].sum())
        row: dict[str, Any] = {
            "proposal_id": ids[number],
            "kind": "fibre",
            "action": "backhaul" if site else "connect_hamlet",
            "operator": found.source_operator[step.source] if step.source >= 0 else None,
            "x_m": round(float(place[0]), 1),
            "y_m": round(float(place[1]), 1),
            "length_m": round(length_m, 1),
            "indicator": INDICATOR,
            "indicator_change": 0.0 if site else round(100 / known, 4),
            "year": int(year),
            "depends_on": ids[step.after] if step.after >= 0 else None,
            "gap": float(extension.tree.gap),
            "households": int(found.households[group]),
            "gains": None if site else found.id[group],
            "gains_count": 0 if site else 1,
            **{f"cost_{level}_vnd": float(round(step.cost_vnd[level])) for level in LEVELS},
        }
        if site:
            row |= {"location_id": found.id[group]}
            row |= _titles(f"Kéo cáp quang đến trạm {found.id[group]}", f"Fibre to station {found.id[group]}")
        else:
            hamlet = hamlets.loc[found.id[group]]
            commune = named.get((hamlet["commune_code"], hamlet["boundary_version"]))
            row |= {
                "village_id": found.id[group],
                "commune_code": hamlet["commune_code"],
                "boundary_version": hamlet["boundary_version"],
                "commune": commune,
                "synthetic": hamlet.get("synthetic"),
                "provenance": hamlet.get("provenance"),
            }
            row |= _titles(f"Kéo cáp quang đến {hamlet['name']}", f"Fibre to {hamlet['name']}")
        row |= _reason(extension, step, length_m)
        rows.append(row)
        shapes.append(shape)
    columns = [column.name for column in layers()["proposals"].columns]
    table = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=gpd.GeoSeries(shapes, crs=graph.epsg))
    lonlat = gpd.GeoSeries.from_xy(table["x_m"], table["y_m"], crs=graph.epsg).to_crs(4326)
    return table.assign(lon=lonlat.x.round(6), lat=lonlat.y.round(6))


@dataclass(frozen=True)
class _Entries:
    """Nodes of existing cable where new cable may begin; `free` and `id` are per source."""

    node: Ints
    feed_m: Floats
    source: Ints
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
        way_m, came = nearest_way(
            matrix(graph, graph.length_m, spare), network.point[own], network.point_away_m[own],
            limit_m=optical_budget(fiber).longest_m,
        )  # fmt: skip
        nearer = way_m < feed_m
        feed_m[nearer], source[nearer] = way_m[nearer], own[came[nearer]]
    lit = _spare_edges(network)
    beside = np.zeros(graph.nodes, np.bool_)
    beside[graph.tail[~lit]] = beside[graph.head[~lit]] = True
    beside[terminals] = True
    node = np.flatnonzero(beside & np.isfinite(feed_m))
    row = np.full(len(nodes), -1)
    row[sources] = np.arange(sources.size)
    return _Entries(
        node, feed_m[node], row[source[node]], free[sources], nodes["node_id"].to_numpy(object)[sources],
        nodes["operator"].to_numpy(object)[sources],
    )  # fmt: skip


def _spare_edges(network: Network) -> Flags:
    lit = np.zeros(network.graph.edges, np.bool_)
    for edges in network.spare.values():
        lit |= edges
    return lit


def _hamlet_groups(
    reach: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, network: Network, fiber: Fiber
) -> tuple[list[int], list[int], list[str], list[Equipment], list[int], list[bool]]:
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
    return terminal, group, ids, parts, households, [False] * len(ids)


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
    again = np.array([one in joined for one in found.id])
    cost = problem.cost.copy()
    cost[built.tree.edges] = 0.0
    own = {level: np.where(again, 0.0, money) for level, money in found.own_vnd.items()}
    route = {level: money.copy() for level, money in found.route_vnd.items()}
    for money in route.values():
        money[built.edges] = 0.0
    return replace(
        found,
        problem=replace(problem, cost=cost, own_cost=own["base"], must=problem.must | again),
        own_vnd=own,
        route_vnd=route,
    )


def _ordered(found: Candidates, tree: Tree) -> list[Step]:
    """Groups in the order of what the next one adds per hamlet: always the cheapest that is left, sites by need."""
    problem = found.problem
    used = np.flatnonzero(tree.edges)
    links = sparse(problem.tail[used], problem.head[used], np.ones(used.size), problem.nodes)
    _, before = breadth_first_order(links, problem.root, directed=False, return_predecessors=True)
    between = {
        (min(a, b), max(a, b)): int(edge)
        for edge, a, b in zip(used, problem.tail[used].tolist(), problem.head[used].tolist(), strict=True)
    }
    ways: dict[int, list[int]] = {}
    for group in np.flatnonzero(tree.joined).tolist():
        edges: list[int] = []
        for start in problem.terminal[problem.group == group].tolist():
            node = int(start)
            while node != problem.root:
                edges.append(between[(min(node, int(before[node])), max(node, int(before[node])))])
                node = int(before[node])
        ways[group] = list(dict.fromkeys(edges))
    laid: dict[int, int] = {}
    steps: list[Step] = []
    while ways:
        added = {
            group: float(problem.own_cost[group] + sum(problem.cost[edge] for edge in edges if edge not in laid))
            for group, edges in ways.items()
        }
        group = min(added, key=lambda one: (added[one], str(found.id[one])))
        edges = ways.pop(group)
        new = [edge for edge in edges if edge not in laid]
        old = [laid[edge] for edge in edges if edge in laid and found.edge[edge] >= 0]
        entries = [edge for edge in new if found.edge[edge] < 0]
        drawn = next((edge for edge in edges if found.edge[edge] < 0), None)
        source = -1 if drawn is None or problem.source is None else int(problem.source[drawn])
        cable = found.edge[[edge for edge in new if found.edge[edge] >= 0]].astype(np.int64)
        cost = {
            level: float(found.own_vnd[level][group] + found.route_vnd[level][cable].sum())
            + sum(found.closure_vnd[level] for edge in entries if problem.cost[edge] > 0)
            for level in LEVELS
        }
        for edge in new:
            laid[edge] = len(steps)
        steps.append(Step(group, cable, len(entries), source, max(old, default=-1), cost))
    return steps


def _titles(vi: str, en: str) -> dict[str, str]:
    return {"title_vi": vi, "title_en": en}


def _reason(extension: Extension, step: Step, length_m: float) -> dict[str, str]:
    """Why this one: what it adds, per household, and how sure the whole choice is."""
    found, tree = extension.candidates, extension.tree
    homes = int(found.households[step.group])
    million = step.cost_vnd["base"] / 1e6
    each = f", {million / homes:.1f}" if homes else ""
    proof_vi = "tối ưu đã chứng minh" if tree.status is Status.OPTIMAL else f"sai khác tối đa {100 * tree.gap:.2f} %"
    proof_en = "proven optimal" if tree.status is Status.OPTIMAL else f"at most {100 * tree.gap:.2f} % from the best"
    return {
        "reason_vi": f"{length_m / 1000:.2f} km cáp mới, {million:.0f} triệu đồng cho {homes} hộ"
        + (f"{each} triệu đồng/hộ" if each else "")
        + f"; phương án chung {proof_vi}. Nếu không làm: thôn tiếp tục chưa có FTTH."
        if homes
        else f"{length_m / 1000:.2f} km cáp mới, {million:.0f} triệu đồng cho truyền dẫn của trạm; phương án {proof_vi}.",
        "reason_en": f"{length_m / 1000:.2f} km of new cable, {million:.0f} million VND for {homes} households"
        + (f"{each} million VND each" if each else "")
        + f"; the plan as a whole is {proof_en}. Without it the hamlet stays without FTTH."
        if homes
        else f"{length_m / 1000:.2f} km of new cable, {million:.0f} million VND for a station's backhaul; {proof_en}.",
    }


def _line(item: str, detail: str, unit: str, quantity: float, money: list[float]) -> dict[str, Any]:
    return {
        "item": item,
        "detail": detail,
        "unit": unit,
        "quantity": round(float(quantity), 3),
        **{f"cost_{level}_vnd": float(round(one)) for level, one in zip(LEVELS, money, strict=True)},
    }

