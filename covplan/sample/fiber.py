"""The fiber of the sample province: rings between the district seats, branches to every commune, drops to the hamlets.

Every route lies on a road. Two operators have a ring and share the communes between them, the third is in the
towns; who is where, cores and free ports are assumptions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import KDTree

from covplan.sample.chance import stream
from covplan.sample.paths import FAR, chains, distances, path, tree
from covplan.sample.roads import DISTRICT_SEATS, EPSG, centres_m, commune_seats, coordinates_m, road_graph
from covplan.sample.siting import metric_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RING = ("070", "075", "074", "073", "071", "072", "076", "070")  # the seven districts, once around
BACKBONE, DISTRIBUTION, ACCESS = "backbone", "distribution", "access"
CORES = {BACKBONE: 96, DISTRIBUTION: 48, ACCESS: 24}
SPARE_SHARE = {BACKBONE: (0.25, 0.6), DISTRIBUTION: (0.2, 0.6), ACCESS: (0.1, 0.6)}
OPERATORS = ("VNPT", "VTL", "MBF")
VTL_COMMUNES = 0.45
FAT_HOUSEHOLDS = 12  # smallest cluster with an access point of its own
SAME_ROAD = 3  # how much dearer the second half of a ring is on the roads of the first
BOX_SHARE = 0.6  # of a hamlet's households live in clusters with an access point at least
BOX_AT_JUNCTION_M = 200.0  # a cluster farther along the road than this from its end has its access point beside it
EXCHANGE_DM = 110_000  # longest cable from an exchange: a small one stands in the first hamlet beyond (budget class B+)
TAPPED_DM = 40_000  # along its cable; a distribution point so near to a hamlet without FTTH is full
DROP_M = 500.0  # an access point so near to homes of a hamlet without FTTH is full,
AT_RISK_SHARE = 0.4  # beyond this share of the hamlet's households
BACKHAUL_M = 1500.0  # a mast farther than this from a road gets its fiber from the next hamlet
OPERATOR_STEP, SPARE_STEP, PORT_STEP = 51, 52, 53
PROVENANCE = "mô phỏng: tuyến và nút KHÔNG có thật"


def fiber(
    roads: gpd.GeoDataFrame,
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    stations: pd.DataFrame,
    seed: int,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Routes and nodes, as the layers of these names describe them.

    Hamlets with `declared_ftth`, and no others, have a distribution and an access point; a route may pass through
    others, and leads to the road nearest to every station whose backhaul is fiber. What could be tapped in a hamlet
    without FTTH has no free port: so the state computed from the network is the declared one.
    """
    network = _Network(roads)
    operator_of = _operator_of(communes, seed)
    seats = commune_seats(communes, villages)
    at_centre = network.nearest(centres_m(villages))
    boxes = _boxes(network, villages, dwellings, operator_of)
    laid = {operator: np.zeros(len(roads), np.uint8) for operator in OPERATORS}
    for operator in OPERATORS:
        _lay(network, laid[operator], operator, operator_of, seats, at_centre, villages, boxes, stations)
    routes = _routes(network, roads, laid, communes, seed)
    return routes, _nodes(villages, dwellings, communes, seats, operator_of, network, laid, at_centre, boxes, seed)


class _Network:
    """The road graph with whole decimetres as cost."""

    def __init__(self, roads: gpd.GeoDataFrame) -> None:
        self.graph, self.edge, self.position = road_graph(roads)
        self.length_dm = np.maximum(np.round(10 * roads.length.to_numpy()).astype(np.int64), 1)
        self._tree = KDTree(self.position)
        self.lines = roads.geometry.to_numpy()
        half = self.graph.tail < self.graph.head
        self.ends = np.full((len(roads), 2), -1)
        """Junctions of each road; −1 for a road from a junction to itself, which carries no route."""
        self.ends[self.edge[half]] = np.column_stack([self.graph.tail[half], self.graph.head[half]])
        self._roads = np.flatnonzero(self.ends[:, 0] >= 0)
        self._along = shapely.STRtree(self.lines[self._roads])

    def nearest(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """The junction nearest to each point."""
        return np.asarray(self._tree.query(points)[1], np.int64)

    def beside(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """The road nearest to each point, its end nearer to the point, the way along it from there, and its place."""
        shapes = shapely.points(points)
        road = self._roads[self._along.nearest(shapes)]
        along_m = np.round(shapely.line_locate_point(self.lines[road], shapes), 1)
        place = shapely.get_coordinates(shapely.line_interpolate_point(self.lines[road], along_m))
        length_m = np.round(shapely.length(self.lines[road]), 1)
        first = np.round(shapely.get_coordinates(shapely.get_point(self.lines[road], 0)), 1)
        at_first = (self.position[self.ends[road, 0]] == first).all(axis=1)
        near_first = along_m <= length_m - along_m
        end = np.where(near_first == at_first, self.ends[road, 0], self.ends[road, 1])
        return road, end, np.minimum(along_m, length_m - along_m), np.round(place, 1)

    def cost(self, laid: NDArray[np.uint8], dearer: int = 1) -> NDArray[np.int64]:
        """Cost of the half-edges, `dearer` times where a cable lies."""
        return np.asarray(np.where(laid > 0, dearer * self.length_dm, self.length_dm)[self.edge], np.int64)


def _operator_of(communes: gpd.GeoDataFrame, seed: int) -> dict[str, str]:
    """Which operator serves a commune's hamlets: blocks of neighbours would be truer, a draw is enough for a sample."""
    codes = sorted(communes.commune_code)
    draw = stream(seed, OPERATOR_STEP).random(len(codes))
    return {code: "VTL" if chance < VTL_COMMUNES else "VNPT" for code, chance in zip(codes, draw, strict=True)}


def _boxes(
    network: _Network, villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame, operator_of: dict[str, str]
) -> pd.DataFrame:
    """Access points of hamlets with FTTH, one row per cluster: hamlet, operator, households, place, road, junction.

    At clusters of 12 households or more and at the largest ones, until 60 % of the hamlet's households have one; at the
    junction when the cluster is near it, otherwise beside the road (road −1: no cable beyond the junction is needed).
    """
    own = villages.commune_code.map(operator_of)[villages.declared_ftth.to_numpy(bool)]
    operator = dict(zip(villages.village_id[own.index], own, strict=True))
    homes = dwellings[dwellings.village_id.isin(list(operator))]
    homes = homes.sort_values(["village_id", "households", "dwelling_id"], ascending=[True, False, True])
    group = homes.groupby("village_id").households
    before = group.cumsum() - homes.households
    chosen = homes[(homes.households >= FAT_HOUSEHOLDS) | (before < BOX_SHARE * group.transform("sum"))]
    road, junction, along_m, place = network.beside(coordinates_m(chosen))
    at_junction = along_m <= BOX_AT_JUNCTION_M
    place[at_junction] = network.position[junction[at_junction]]
    return pd.DataFrame(
        {
            "village_id": chosen.village_id.to_numpy(),
            "operator": chosen.village_id.map(operator).to_numpy(),
            "households": chosen.households.to_numpy(np.int64),
            "x": place[:, 0],
            "y": place[:, 1],
            "road": np.where(at_junction, -1, road),
            "junction": junction,
        }
    )


def _lay(
    network: _Network,
    laid: NDArray[np.uint8],
    operator: str,
    operator_of: dict[str, str],
    seats: dict[str, int],
    at_centre: NDArray[np.int64],
    villages: gpd.GeoDataFrame,
    boxes: pd.DataFrame,
    stations: pd.DataFrame,
) -> None:
    """Mark the roads that carry one operator's cable: 1 backbone, 2 distribution, 3 access."""
    towns = [at_centre[seats[DISTRICT_SEATS[d]]] for d in RING if DISTRICT_SEATS[d] in seats]
    if operator == "MBF":
        towns = [at_centre[seats[DISTRICT_SEATS[d]]] for d in ("074", "070", "076") if DISTRICT_SEATS[d] in seats]
    elif operator == "VTL":
        towns = towns[::-1]  # round the other way, so that not every stretch is doubled
    for a, b in pairwise(towns):
        way = path(network.graph, network.cost(laid, SAME_ROAD), int(a), int(b))
        laid[network.edge[way]] = 1
    if operator == "MBF":
        return
    own = villages.commune_code.map(operator_of).to_numpy() == operator
    seat_rows = [row for code, row in seats.items() if operator_of[code] == operator]
    has_fiber = own & villages.declared_ftth.to_numpy(bool)
    _branch(network, laid, at_centre[seat_rows], 2)
    _branch(network, laid, at_centre[has_fiber], 3)
    mine = boxes[boxes.operator == operator]
    _branch(network, laid, mine.junction.to_numpy(), 3)
    to_box = mine.road[mine.road >= 0].to_numpy()
    laid[to_box[laid[to_box] == 0]] = 3
    lit = stations[(stations.backhaul == "fiber") & (stations.operator == operator)]
    masts = metric_pairs(lit.lon, lit.lat)
    at_mast = network.nearest(masts)
    beside = np.hypot(*(network.position[at_mast] - masts).T) <= BACKHAUL_M
    _branch(network, laid, at_mast[beside], 3)


def _branch(network: _Network, laid: NDArray[np.uint8], wanted: NDArray[np.int64], rank: int) -> None:
    joined, goal = np.zeros(network.graph.nodes, np.bool_), np.zeros(network.graph.nodes, np.bool_)
    goal[wanted] = True
    joined[network.graph.tail[laid[network.edge] > 0]] = True
    if not joined.any() and len(wanted):
        joined[wanted[0]] = True
    used = network.edge[tree(network.graph, network.cost(laid), joined, goal)]
    laid[used[laid[used] == 0]] = rank


def _routes(
    network: _Network,
    roads: gpd.GeoDataFrame,
    laid: dict[str, NDArray[np.uint8]],
    communes: gpd.GeoDataFrame,
    seed: int,
) -> gpd.GeoDataFrame:
    """One row per stretch of one operator, class and mounting between branchings."""
    middle = shapely.line_interpolate_point(roads.geometry.to_numpy(), 0.5, normalized=True)
    wards = communes[communes.name.str.startswith("Phường")].geometry.to_numpy()
    in_ward = np.zeros(len(roads), np.bool_)
    in_ward[shapely.STRtree(wards).query(middle, predicate="within")[0]] = True
    lines = network.lines
    power = roads.power.to_numpy(bool)
    rows: list[tuple[str, str, str, shapely.LineString]] = []
    for operator, rank in laid.items():
        on = np.flatnonzero((rank > 0) & (network.ends[:, 0] >= 0))
        mounting = np.where(in_ward[on], "N1" if operator == "VNPT" else "N2", np.where(power[on], "C2", "C1"))
        kind = list(zip(rank[on].tolist(), mounting.tolist(), strict=True))
        pairs = [(int(a), int(b)) for a, b in network.ends[on]]
        for nodes, numbers in chains(pairs, lambda edge, kind=kind: kind[edge], frozenset()):  # type: ignore[misc]
            cable_class = (BACKBONE, DISTRIBUTION, ACCESS)[kind[numbers[0]][0] - 1]
            line = _joined([lines[on[number]] for number in numbers], network.position[nodes[0]])
            rows.append((operator, cable_class, kind[numbers[0]][1], line))
    table = pd.DataFrame(rows, columns=["operator", "class", "mounting", "geometry"])
    table.insert(0, "route_id", _serial("SYN-RT", table.operator))
    draw = stream(seed, SPARE_STEP).random(len(table))
    table["cores"] = table["class"].map(CORES)
    low, high = (table["class"].map({c: s[i] for c, s in SPARE_SHARE.items()}).to_numpy() for i in (0, 1))
    table["spare_cores"] = (2 * np.floor(table["cores"] * (low + (high - low) * draw) / 2)).astype(int)
    geometry = table.pop("geometry")
    return _finished(table, gpd.GeoSeries(list(geometry), crs=EPSG), "route_id")


def _joined(lines: list[shapely.LineString], start: NDArray[np.float64]) -> shapely.LineString:
    """Consecutive lines as one, from the start."""
    points = [np.round(start, 1)[None]]
    for line in lines:
        along = shapely.get_coordinates(line)
        points.append((along if (along[0] == points[-1][-1]).all() else along[::-1])[1:])
    return shapely.LineString(np.vstack(points))


def _nodes(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    seats: dict[str, int],
    operator_of: dict[str, str],
    network: _Network,
    laid: dict[str, NDArray[np.uint8]],
    at_centre: NDArray[np.int64],
    boxes: pd.DataFrame,
    seed: int,
) -> gpd.GeoDataFrame:
    """Exchanges at commune seats, a distribution point in each hamlet with fiber, access points at its clusters."""
    rng = stream(seed, PORT_STEP)
    tapped = {operator: _tapped(network, laid[operator], villages, dwellings) for operator in OPERATORS}
    rows = []
    exchanges = [
        *_exchanges(villages, communes, seats, operator_of, at_centre),
        *_small_exchanges(villages, network, laid, at_centre, operator_of, seats),
    ]
    for operator, hamlet, ports, free, node in exchanges:
        rows.append((operator, "OLT", hamlet, ports, 0 if tapped[operator][node] else free, *network.position[node]))
    active = dict(zip(villages.village_id, villages.ftth_households, strict=True))
    by_hamlet = dict(list(boxes.assign(full=_full(boxes, villages, dwellings)).groupby("village_id", sort=True)))
    for number in np.flatnonzero(villages.declared_ftth.to_numpy(bool)):
        hamlet, node = villages.iloc[int(number)], int(at_centre[number])
        operator = operator_of[hamlet.commune_code]
        points = by_hamlet[hamlet.village_id].groupby(["x", "y"], sort=True)[["households", "full"]].sum()
        used = _shared_out(int(active[hamlet.village_id]), points.households.to_numpy(np.int64))
        spare = rng.random(len(points))
        sizes = [
            int(u) if full else 8 * -(-int(u * 1.1 + 1 + 8 * s) // 8)
            for u, full, s in zip(used, points.full.tolist(), spare, strict=True)
        ]
        outputs = 8 * -(-len(sizes) * 2 // 8)
        free = 0 if tapped[operator][node] else outputs - len(sizes)
        rows.append((operator, "FDT", hamlet.village_id, outputs, free, *network.position[node]))
        rows += [
            (operator, "FAT", hamlet.village_id, size, size - int(u), *place)
            for place, size, u in zip(points.index, sizes, used, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["operator", "kind", "village_id", "ports", "ports_free", "x", "y"])
    table = table.sort_values(["kind", "village_id", "operator", "x", "y"], kind="stable", ignore_index=True)
    x, y = table.pop("x"), table.pop("y")
    table.insert(0, "node_id", _serial("SYN", table.kind))
    return _finished(table, gpd.GeoSeries.from_xy(x, y, crs=EPSG), "node_id")


def _tapped(
    network: _Network, laid: NDArray[np.uint8], villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame
) -> NDArray[np.bool_]:
    """Junctions from which one operator's cable leads, within 4 km, to a drop of a hamlet without FTTH."""
    road = network.beside(coordinates_m(_without_ftth(villages, dwellings)))[0]
    drop_dm = distances(network.graph, network.length_dm[network.edge], np.unique(network.ends[road]))
    there = np.flatnonzero(drop_dm <= 10 * DROP_M)
    along = np.where(laid[network.edge] > 0, network.length_dm[network.edge], FAR // 4)
    return np.asarray(distances(network.graph, along, there, TAPPED_DM) <= TAPPED_DM, np.bool_)


def _full(boxes: pd.DataFrame, villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Access points without a free port: those that would serve a hamlet without FTTH by drops from next door.

    Its small clusters may be served so, up to 40 % of the households.
    """
    place = boxes[["x", "y"]].to_numpy()
    homes = _without_ftth(villages, dwellings)
    total = homes.groupby("village_id").households.sum()
    near = homes[np.round(KDTree(place).query(coordinates_m(homes))[0], 1) <= DROP_M]
    near = near.sort_values(["village_id", "households", "dwelling_id"])
    by_drop = near.groupby("village_id").households.cumsum() >= AT_RISK_SHARE * near.village_id.map(total)
    if not by_drop.any():
        return np.zeros(len(boxes), np.bool_)
    return np.asarray(np.round(KDTree(coordinates_m(near[by_drop])).query(place)[0], 1) <= DROP_M, np.bool_)


def _without_ftth(villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The clusters of hamlets that declare none."""
    return dwellings[dwellings.village_id.isin(villages.village_id[~villages.declared_ftth.to_numpy(bool)])]


def _small_exchanges(
    villages: gpd.GeoDataFrame,
    network: _Network,
    laid: dict[str, NDArray[np.uint8]],
    at_centre: NDArray[np.int64],
    operator_of: dict[str, str],
    seats: dict[str, int],
) -> Iterator[tuple[str, str, int, int, int]]:
    """A small exchange in the farthest hamlet with FTTH for as long as its operator's cable to one is too long."""
    operators = villages.commune_code.map(operator_of).to_numpy()
    for operator in OPERATORS:
        own = np.flatnonzero(villages.declared_ftth.to_numpy(bool) & (operators == operator))
        sources = [int(at_centre[row]) for code, row in seats.items() if operator_of[code] == operator]
        along = np.where(laid[operator][network.edge] > 0, network.length_dm[network.edge], FAR // 4)
        while own.size and sources:
            way = distances(network.graph, along, np.unique(sources))[at_centre[own]]
            far = int(np.argmax(way))
            if way[far] <= EXCHANGE_DM:
                break
            node = int(at_centre[own[far]])
            sources.append(node)
            yield operator, villages.village_id.iloc[int(own[far])], 16, 8, node


def _exchanges(
    villages: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    seats: dict[str, int],
    operator_of: dict[str, str],
    at_centre: NDArray[np.int64],
) -> Iterator[tuple[str, str, int, int, int]]:
    """An OLT of its operator at each commune seat; in the district towns one of every operator, in the city two."""
    lines = villages.groupby("commune_code").ftth_households.sum()
    names = dict(zip(communes.commune_code, communes.name, strict=True))
    for code, row in sorted(seats.items()):
        pon_used = -(-int(lines[code]) // 40)  # lines per PON port, of at most 64
        ports = 16 * max(1, -(-pon_used * 5 // 64))
        hamlet, node = villages.village_id.iloc[row], int(at_centre[row])
        yield operator_of[code], hamlet, ports, ports - min(pon_used, ports), node
        if names[code].startswith(("Phường", "Thị trấn")) or code in DISTRICT_SEATS.values():
            for other in OPERATORS:
                if other != operator_of[code] and (other != "MBF" or code in DISTRICT_SEATS.values()):
                    yield other, hamlet, 16, 10, node


def _shared_out(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole parts of a total in proportion to whole weights; what is left goes to the first ones."""
    parts = total * weights // max(int(weights.sum()), 1)
    parts[: total - int(parts.sum())] += 1
    return parts


def _serial(prefix: str, group: pd.Series[str]) -> pd.Series[str]:
    number = group.groupby(group).cumcount() + 1
    return prefix + "-" + group + "-" + number.map("{:05d}".format)


def _finished(table: pd.DataFrame, geometry: gpd.GeoSeries, key: str) -> gpd.GeoDataFrame:
    table["synthetic"], table["provenance"] = True, PROVENANCE
    frame = gpd.GeoDataFrame(table, geometry=geometry.to_numpy(), crs=f"EPSG:{EPSG}")
    return frame.sort_values(key, ignore_index=True)
