"""The fibre of the sample province: rings between the district seats, branches to every commune, drops to the hamlets.

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
from covplan.sample.paths import chains, path, tree
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
BACKHAUL_M = 1500.0  # a mast farther than this from a road gets its fibre from the next hamlet
OPERATOR_STEP, SPARE_STEP, PORT_STEP = 51, 52, 53
PROVENANCE = "mô phỏng: tuyến và nút KHÔNG có thật"


def fibre(
    roads: gpd.GeoDataFrame,
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    stations: pd.DataFrame,
    seed: int,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Routes and nodes, as the layers of these names describe them.

    Hamlets with `declared_ftth`, and no others, have a distribution and an access point; a route may pass through
    others, and leads to the road nearest to every station whose backhaul is fibre.
    """
    network = _Network(roads)
    operator_of = _operator_of(communes, seed)
    seats = commune_seats(communes, villages)
    at_centre = network.nearest(centres_m(villages))
    laid = {operator: np.zeros(len(roads), np.uint8) for operator in OPERATORS}
    for operator in OPERATORS:
        _lay(network, laid[operator], operator, operator_of, seats, at_centre, villages, dwellings, stations)
    routes = _routes(network, roads, laid, communes, seed)
    return routes, _nodes(villages, dwellings, communes, seats, operator_of, network, at_centre, seed)


class _Network:
    """The road graph with whole decimetres as cost."""

    def __init__(self, roads: gpd.GeoDataFrame) -> None:
        self.graph, self.edge, self.position = road_graph(roads)
        self.length_dm = np.maximum(np.round(10 * roads.length.to_numpy()).astype(np.int64), 1)
        self._tree = KDTree(self.position)

    def nearest(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """The junction nearest to each point."""
        return np.asarray(self._tree.query(points)[1], np.int64)

    def cost(self, laid: NDArray[np.uint8], dearer: int = 1) -> NDArray[np.int64]:
        """Cost of the half-edges, `dearer` times where a cable lies."""
        return np.asarray(np.where(laid > 0, dearer * self.length_dm, self.length_dm)[self.edge], np.int64)


def _operator_of(communes: gpd.GeoDataFrame, seed: int) -> dict[str, str]:
    """Which operator serves a commune's hamlets: blocks of neighbours would be truer, a draw is enough for a sample."""
    codes = sorted(communes.commune_code)
    draw = stream(seed, OPERATOR_STEP).random(len(codes))
    return {code: "VTL" if chance < VTL_COMMUNES else "VNPT" for code, chance in zip(codes, draw, strict=True)}


def _lay(
    network: _Network,
    laid: NDArray[np.uint8],
    operator: str,
    operator_of: dict[str, str],
    seats: dict[str, int],
    at_centre: NDArray[np.int64],
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
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
    has_fibre = own & villages.declared_ftth.to_numpy(bool)
    _branch(network, laid, at_centre[seat_rows], 2)
    _branch(network, laid, at_centre[has_fibre], 3)
    with_point = dwellings.village_id.isin(villages.village_id[has_fibre]) & (dwellings.households >= FAT_HOUSEHOLDS)
    _branch(network, laid, network.nearest(coordinates_m(dwellings[with_point])), 3)
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
    half = network.graph.tail < network.graph.head
    ends = np.full((len(roads), 2), -1)
    ends[network.edge[half]] = np.column_stack([network.graph.tail[half], network.graph.head[half]])
    loop = ends[:, 0] < 0  # a road from a junction to itself carries no route
    lines = roads.geometry.to_numpy()
    power = roads.power.to_numpy(bool)
    rows: list[tuple[str, str, str, shapely.LineString]] = []
    for operator, rank in laid.items():
        on = np.flatnonzero((rank > 0) & ~loop)
        mounting = np.where(in_ward[on], "N1" if operator == "VNPT" else "N2", np.where(power[on], "C2", "C1"))
        kind = list(zip(rank[on].tolist(), mounting.tolist(), strict=True))
        pairs = [(int(a), int(b)) for a, b in ends[on]]
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
    return shapely.linestrings(np.vstack(points))


def _nodes(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    seats: dict[str, int],
    operator_of: dict[str, str],
    network: _Network,
    at_centre: NDArray[np.int64],
    seed: int,
) -> gpd.GeoDataFrame:
    """Exchanges at commune seats, a distribution point in each hamlet with fibre, access points at its clusters."""
    rng = stream(seed, PORT_STEP)
    rows = [*_exchanges(villages, communes, seats, operator_of, at_centre)]
    active = dict(zip(villages.village_id, villages.ftth_households, strict=True))
    homes = dwellings[(dwellings.households >= FAT_HOUSEHOLDS)]
    homes = homes.assign(node=network.nearest(coordinates_m(homes)))
    by_hamlet = dict(list(homes.groupby("village_id", sort=True)))
    for number in np.flatnonzero(villages.declared_ftth.to_numpy(bool)):
        hamlet = villages.iloc[int(number)]
        operator = operator_of[hamlet.commune_code]
        here = by_hamlet.get(hamlet.village_id)
        points = here.groupby("node", sort=True).households.sum() if here is not None else None
        if points is None or not len(points):
            points = pd.Series({int(at_centre[number]): int(hamlet.households)})
        lines = int(active[hamlet.village_id])
        used = _shared_out(lines, points.to_numpy(np.int64))
        spare = rng.random(len(points))
        boxes = [8 * -(-int(u * 1.1 + 1 + 8 * s) // 8) for u, s in zip(used, spare, strict=True)]
        splitters = 8 * -(-len(boxes) * 2 // 8)
        rows.append((operator, "FDT", hamlet.village_id, splitters, splitters - len(boxes), int(at_centre[number])))
        rows += [
            (operator, "FAT", hamlet.village_id, ports, ports - int(u), int(node))
            for node, ports, u in zip(points.index, boxes, used, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["operator", "kind", "village_id", "ports", "ports_free", "node"])
    table = table.sort_values(["kind", "village_id", "operator", "node"], kind="stable", ignore_index=True)
    position = network.position[table.pop("node").to_numpy()]
    table.insert(0, "node_id", _serial("SYN", table.kind))
    return _finished(table, gpd.GeoSeries.from_xy(*position.T, crs=EPSG), "node_id")


def _exchanges(
    villages: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    seats: dict[str, int],
    operator_of: dict[str, str],
    at_centre: NDArray[np.int64],
) -> Iterator[tuple[str, str, str, int, int, int]]:
    """An OLT of its operator at each commune seat; in the district towns one of every operator, in the city two."""
    lines = villages.groupby("commune_code").ftth_households.sum()
    names = dict(zip(communes.commune_code, communes.name, strict=True))
    for code, row in sorted(seats.items()):
        pon_used = -(-int(lines[code]) // 40)  # lines per PON port, of at most 64
        ports = 16 * max(1, -(-pon_used * 5 // 64))
        hamlet, node = villages.village_id.iloc[row], int(at_centre[row])
        yield operator_of[code], "OLT", hamlet, ports, ports - min(pon_used, ports), node
        if names[code].startswith(("Phường", "Thị trấn")) or code in DISTRICT_SEATS.values():
            for other in OPERATORS:
                if other != operator_of[code] and (other != "MBF" or code in DISTRICT_SEATS.values()):
                    yield other, "OLT", hamlet, 16, 10, node


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
