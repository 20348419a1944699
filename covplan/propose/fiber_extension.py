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
from covplan.propose.steiner import Problem, Tree, cheapest_tree, joinable_groups
from covplan.study.findings import finding
from covplan.study.plan import result_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.fiber.routes import Level
    from covplan.study.findings import Finding
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


def extend(
    found: Candidates,
    *,
    hamlets: int = 0,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> Extension:
    """The cheapest extension that joins so many hamlets more, or the one with most households for the money.

    Sites that must be joined are, in either form; without a budget others are where that is cheaper than what it costs
    to leave them out.
    """
    problem = found.problem
    if budget_vnd is not None:
        problem = replace(problem, weight=found.households.astype(np.float64))
        tree = cheapest_tree(problem, budget=budget_vnd, gap=gap, time_limit_s=time_limit_s)
    else:
        quota = float(hamlets + (found.built & ~found.is_site).sum())
        penalty = found.worth_vnd if found.worth_vnd.any() else None
        tree = cheapest_tree(problem, quota=quota, penalty=penalty, gap=gap, time_limit_s=time_limit_s)
    return Extension(found, tree, tuple(_ordered(found, tree)))


def hamlets_missing(reach: gpd.GeoDataFrame, target_pct: float) -> int:
    """Hamlets to join, of those whose state is known, until the target share is reached."""
    known = int(reach["ftth"].notna().sum())
    return max(0, int(np.ceil(target_pct * known / 100 - 1e-9)) - int(reach["ftth"].fillna(value=False).sum()))


def order_table(extension: Extension, reach: gpd.GeoDataFrame, network: Network) -> pd.DataFrame:
    """The marginal cost curve: hamlets in the order they are joined, each with what it adds."""
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
    return table


def bill_of_quantities(extensions: Sequence[Extension], network: Network, costs: Mapping[str, Cost]) -> pd.DataFrame:
    """Materials with their costs: columns item, detail, unit, quantity, cost_low_vnd, cost_base_vnd, cost_high_vnd.

    Cable is listed by cores and mounting; poles, closures in existing cable, boxes, splitters and PON ports follow from
    the tree; drops and home equipment (ONT) are for the planned take-up, beside the cost of passing.
    """
    rows: list[dict[str, Any]] = []
    graph, kind = network.graph, extensions[0].candidates.kind
    edges = np.concatenate([one.edges for one in extensions])
    cores = np.concatenate([cable_cores(one) for one in extensions])
    vnd = {
        level: np.concatenate([one.candidates.route_vnd[level][one.edges] for one in extensions]) for level in LEVELS
    }
    length_km = graph.length_m[edges] / 1000
    for number, mounted in sorted(set(zip(cores.tolist(), kind[edges].tolist(), strict=True))):
        these = (cores == number) & (kind[edges] == mounted)
        money = [float(vnd[level][these].sum()) for level in LEVELS]
        rows.append(_line("cable", f"{number} FO {mounted}", "km", length_km[these].sum(), money))
    poles = np.ceil(1000 * length_km[kind[edges] == "C1"].sum() / odn_values()["pole_spacing_m"])
    rows.append(_line("new_poles", "in the cost of cable C1", "piece", poles, [0.0] * 3))
    chosen = [(one.candidates, step) for one in extensions for step in one.steps]
    parts = [found.parts[step.group] for found, step in chosen]
    lines = sum(int(found.lines[step.group]) for found, step in chosen)
    spurs = [
        sum(found.own_vnd[level][step.group] for found, step in chosen if found.is_site[step.group]) for level in LEVELS
    ]
    if any(spurs):
        sites = sum(bool(found.is_site[step.group]) for found, step in chosen)
        rows.append(_line("site_spur", "from the road to the station", "piece", sites, spurs))
    quantities = {
        "fdt_box": sum(one.fdts for one in parts),
        "fat_box": sum(one.fats for one in parts),
        "splitter": sum(one.splitters for one in parts),
        "fiber_closure": sum(step.entries for _, step in chosen),
        "olt_port_share": lines,
        "drop_and_ont": lines,
    }
    details = {"olt_port_share": f"{sum(one.pon_ports for one in parts)} PON ports", "drop_and_ont": "planned take-up"}
    for item, quantity in quantities.items():
        unit = costs[item].unit.removeprefix("VND/")
        money = [quantity * float(getattr(costs[item], level)) for level in LEVELS]
        rows.append(_line(item, details.get(item, ""), unit, quantity, money))
    return pd.DataFrame(rows)


def cable_cores(extension: Extension) -> Ints:
    """Cores of the cable on each of `extension.edges`: two per PON port behind it, four per site, two in reserve."""
    found, before = extension.candidates, extension.candidates.steps_before
    behind = [
        2 * found.parts[step.group].pon_ports + SITE_CORES * int(found.is_site[step.group]) for step in extension.steps
    ]
    for number, step in reversed(list(enumerate(extension.steps))):
        if step.after >= before:  # cable of an earlier phase is what it is
            behind[step.after - before] += behind[number]
    sizes: list[int] = []
    for wanted, step in zip(behind, extension.steps, strict=True):
        size = next((size for size in CABLE_CORES if size >= wanted + 2), CABLE_CORES[-1])
        sizes += [size] * len(step.edges)
    return np.array(sizes, np.int64)


def as_layers(
    extensions: Sequence[Extension], network: Network, fiber: Fiber
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The new network as rows of the layers `routes` and `nodes`: what the study would hold once it is built."""
    graph, routes, nodes = network.graph, [], []
    for made in extensions:
        found, cores, number = made.candidates, cable_cores(made), 0
        for step in made.steps:
            group, operator = step.group, found.source_operator[step.source]
            for edge, size in zip(step.edges, cores[number : number + step.edges.size], strict=True):
                mounted = found.kind[edge].removesuffix("U")
                routes.append((f"F-{edge}", operator, "access", mounted, int(size), 2, graph.line[edge]))
            number += step.edges.size
            if found.is_site[group]:
                continue
            hamlet, part = found.id[group], found.parts[group]
            spots = graph.node_m[np.unique(found.problem.terminal[found.problem.group == group])]
            outputs = part.pon_ports * max(int(np.prod(fiber.split[:-1])), 1)
            nodes.append((f"F-FDT-{hamlet}", operator, "FDT", hamlet, outputs, outputs - part.fats, *spots[0]))
            each = -(-part.fats // len(spots)) * fiber.split[-1]
            nodes += [(f"F-FAT-{hamlet}-{k}", operator, "FAT", hamlet, each, each, *at) for k, at in enumerate(spots)]
    columns = ["route_id", "operator", "class", "mounting", "cores", "spare_cores", "geometry"]
    lines = gpd.GeoDataFrame(pd.DataFrame(routes, columns=columns), crs=graph.epsg)
    table = pd.DataFrame(nodes, columns=["node_id", "operator", "kind", "village_id", "ports", "ports_free", "x", "y"])
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"), crs=graph.epsg)
    return lines, gpd.GeoDataFrame(table, geometry=points)


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
) -> gpd.GeoDataFrame:
    """One row per step: columns of resources/layers/proposals.csv; the line is the new cable, or a point when none is.

    Parameters
    ----------
    years : sequence of int
        Of each step (`by_years`).
    """
    found, graph = extension.candidates, network.graph
    hamlets = reach.set_index("village_id")
    named = communes.drop_duplicates(["commune_code", "boundary_version"]).set_index(
        ["commune_code", "boundary_version"]
    )["name"]
    known = max(int(reach["ftth"].notna().sum()), 1)
    before = found.steps_before
    rows, shapes = [], []
    for number, (step, year) in enumerate(zip(extension.steps, years, strict=True)):
        group = step.group
        site = bool(found.is_site[group])
        place = graph.node_m[found.problem.terminal[found.problem.group == group][0]]
        lines = graph.line[step.edges]
        shape = shapely.Point(place) if not len(lines) else shapely.line_merge(shapely.multilinestrings(lines))
        length_m = float(graph.length_m[step.edges].sum())
        row: dict[str, Any] = {
            "proposal_id": _proposal_id(before + number),
            "kind": "fibre",
            "action": "backhaul" if site else "connect_hamlet",
            "operator": found.source_operator[step.source] if step.source >= 0 else None,
            "x_m": round(float(place[0]), 1),
            "y_m": round(float(place[1]), 1),
            "length_m": round(length_m, 1),
            "indicator": INDICATOR,
            "indicator_change": 0.0 if site else round(100 / known, 4),
            "year": int(year),
            "depends_on": ";".join(map(_proposal_id, step.needs)) or None,
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
    table = result_table("proposals", pd.DataFrame(rows))
    lonlat = gpd.GeoSeries.from_xy(table["x_m"], table["y_m"], crs=graph.epsg).to_crs(4326)
    table["lon"], table["lat"] = lonlat.x.round(6), lonlat.y.round(6)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=graph.epsg))


@dataclass(frozen=True)
class FibrePlan:
    """Phases of the extension and everything counted from them."""

    phases: tuple[Extension, ...]
    proposals: gpd.GeoDataFrame
    """Columns of resources/layers/proposals.csv."""
    order: pd.DataFrame
    """The marginal cost curve."""
    bill: pd.DataFrame
    summary: pd.DataFrame
    """Per phase: last year, hamlets and how many short of the target, km, cost, bound, gap, status, seconds."""
    findings: tuple[Finding, ...]
    """Hamlets no route can reach."""


def plan_fibre(
    reach: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    nodes: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    network: Network,
    fiber: Fiber,
    costs: Mapping[str, Cost],
    targets: Sequence[tuple[int, float]],
    years: Sequence[int],
    *,
    budget_vnd: float | None = None,
    towns: shapely.Geometry | None = None,
    sites: pd.DataFrame | None = None,
    without: Collection[str] = (),
    must_join: Collection[str] = (),
    gap: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> FibrePlan:
    """Reach each target share of hamlets by its year at least cost, one phase after the other; or spend one budget.

    Where a target asks for more than any route can reach, all that can be reached are joined, and `short` says how many
    are missing.

    Parameters
    ----------
    targets : sequence of (year, per cent)
        Rising; what one phase builds the next one has. Ignored when there is a budget.
    years : sequence of int
        Years in which something can be built; a phase has those after the one before it.
    without, must_join
        As in `candidates`.
    """
    phases: list[Extension] = []
    tables: list[gpd.GeoDataFrame] = []
    rows: list[dict[str, Any]] = []
    joined, since = 0, min([*years, targets[0][0]] if targets else years) - 1
    steps = [(max(years), None)] if budget_vnd is not None else [(year, pct) for year, pct in targets]
    for year, pct in steps:
        found = candidates(
            reach, dwellings, nodes, network, fiber, costs, towns=towns, sites=sites, built=phases, without=without,
            must_join=must_join,
        )  # fmt: skip
        missing = 0 if pct is None else max(0, hamlets_missing(reach, pct) - joined)
        able = joinable_groups(found.problem) & ~found.built & ~found.is_site
        accepted = np.isin(found.id, list(must_join)) & ~found.built
        wanted = max(min(missing, int(able.sum())), int(accepted.sum()))
        made = extend(found, hamlets=wanted, budget_vnd=budget_vnd, gap=gap, time_limit_s=time_limit_s)
        when = by_years(made, [one for one in years if since < one <= year] or [year])
        tables.append(fibre_proposals(made, when, reach, communes, network))
        phases.append(made)
        rows.append(_phase_row(made, network, year, pct, max(missing - wanted, 0)))
        joined, since = joined + rows[-1]["hamlets"], year
    proposals = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    order = pd.concat([order_table(one, reach, network) for one in phases], ignore_index=True)
    order.insert(0, "proposal_id", proposals["proposal_id"].to_numpy() if len(proposals) else [])
    order.insert(1, "year", proposals["year"].to_numpy() if len(proposals) else [])
    for column in ("households", "length_m", "cost_vnd"):
        order[f"{column}_so_far"] = order[column].cumsum()
    bill = bill_of_quantities(phases, network, costs)
    findings = tuple(_out_of_reach(phases[0].candidates, reach))
    return FibrePlan(tuple(phases), proposals, order, bill, pd.DataFrame(rows), findings)


def _out_of_reach(found: Candidates, reach: gpd.GeoDataFrame) -> list[Finding]:
    """Hamlets on a road to which no way from an exchange with free ports keeps the optical budget."""
    named = dict(zip(reach["village_id"], reach["name"], strict=True))
    lost = found.id[~joinable_groups(found.problem) & ~found.is_site]
    place = {"layer": "villages"}
    return [
        finding("hamlet_out_of_reach", "villages.gpkg", id=one, value=named[one], name=named[one], **place)
        for one in lost.tolist()
    ]


def _phase_row(made: Extension, network: Network, year: int, pct: float | None, short: int) -> dict[str, Any]:
    found, tree = made.candidates, made.tree
    groups = np.array([step.group for step in made.steps], np.int64)
    homes = int(found.households[groups].sum())
    scale = 1.0 if pct is None else 1e-6
    return {
        "year": year,
        "target_pct": pct,
        "hamlets": int((~found.is_site[groups]).sum()),
        "short": short,
        "sites": int(found.is_site[groups].sum()),
        "households": homes,
        "km": round(float(network.graph.length_m[made.edges].sum()) / 1000, 2),
        **{f"cost_{level}_vnd": round(made.cost_vnd(level)) for level in LEVELS},
        "vnd_per_home_passed": round(made.cost_vnd() / homes) if homes else None,
        "objective": round(tree.objective * scale, 3),
        "bound": round(tree.bound * scale, 3),
        "gap": tree.gap,
        "status": str(tree.status),
        "seconds": round(tree.seconds, 1),
    }


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
        way_m, came = nearest_way(
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
    laid = {int(edge): int(found.laid_by[edge]) for edge in np.flatnonzero(found.laid_by >= 0)}
    steps: list[Step] = []
    behind: dict[int, set[int]] = {}
    """Of each step: all steps that it needs, directly or not."""
    for group in np.flatnonzero(found.built).tolist():
        for edge in ways.pop(group, []):
            laid.setdefault(edge, -1)
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
        number = found.steps_before + len(steps)
        for edge in new:
            laid[edge] = number
        behind[number] = set(old).union(*(behind.get(one, ()) for one in old))
        needs = tuple(sorted(set(old) - {-1}.union(*(behind.get(one, ()) for one in old))))
        steps.append(Step(group, cable, len(entries), source, max(old, default=-1), needs, cost))
    return steps


def _proposal_id(step: int) -> str:
    return f"F-{step + 1:04d}"


def _titles(vi: str, en: str) -> dict[str, str]:
    return {"title_vi": vi, "title_en": en}


def _reason(extension: Extension, step: Step, length_m: float) -> dict[str, str]:
    """Why this one: what it adds, per household, and how sure the whole choice is."""
    found, tree = extension.candidates, extension.tree
    homes, million = int(found.households[step.group]), step.cost_vnd["base"] / 1e6
    proven = tree.status is Status.OPTIMAL
    sure_vi = "đã chứng minh là rẻ nhất" if proven else f"đắt hơn phương án tốt nhất không quá {100 * tree.gap:.2f} %"
    sure_en = "proven to be the best" if proven else f"at most {100 * tree.gap:.2f} % from the best"
    km = length_m / 1000
    if found.is_site[step.group]:
        worth = found.worth_vnd[step.group] / 1e6
        else_vi = f"trạm dùng viba, {worth:.0f} triệu đồng" if worth else "trạm không có truyền dẫn"
        else_en = (
            f"the station takes a microwave hop for {worth:.0f} million" if worth else "the station has no backhaul"
        )
        vi = (
            f"{km:.2f} km cáp mới, {million:.1f} triệu đồng cho truyền dẫn của trạm; cả phương án {sure_vi}. "
            f"Nếu không làm: {else_vi}."
        )
        en = (
            f"{km:.2f} km of new cable, {million:.1f} million VND for a station's backhaul; the plan is {sure_en}. "
            f"Without it {else_en}."
        )
    else:
        vi = (
            f"{km:.2f} km cáp mới, {million:.1f} triệu đồng cho {homes} hộ ({million / max(homes, 1):.2f} triệu/hộ); "
            f"cả phương án {sure_vi}. Nếu không làm: thôn chưa có FTTH."
        )
        en = (
            f"{km:.2f} km of new cable, {million:.1f} million VND for {homes} households "
            f"({million / max(homes, 1):.2f} million each); the plan is {sure_en}. Without it the hamlet has no FTTH."
        )
    return {"reason_vi": vi, "reason_en": en}


def _line(item: str, detail: str, unit: str, quantity: float, money: list[float]) -> dict[str, Any]:
    return {
        "item": item,
        "detail": detail,
        "unit": unit,
        "quantity": round(float(quantity), 3),
        **{f"cost_{level}_vnd": float(round(one)) for level, one in zip(LEVELS, money, strict=True)},
    }
