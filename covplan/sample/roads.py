"""The roads of the sample province: slope-aware least-cost paths between real seats and synthetic hamlets.

Trunk roads carry the names of the real national roads and join the communes they really join; their alignment, like
every other road, is synthetic.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.spatial import KDTree

from covplan.sample.paths import FAR, Graph, chains, distances, graph_of, grid_graph, path, tree

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from rasterio.transform import Affine

EPSG = 9211
BLOCK = 3  # 90 m cells per side of a cost cell: 270 m
CLASSES = ("", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "track")
HALF = 0.5  # cost of widening an existing road rather than building another
TRUNK, PRIMARY, SECONDARY, TERTIARY, UNCLASSIFIED, RESIDENTIAL, TRACK = range(1, 8)
PROVENANCE = "mô phỏng: đường chi phí thấp nhất trên địa hình mô phỏng"

# The seat of each district in the commune list of 2025-02, by commune code.
DISTRICT_SEATS = {
    "070": "02203",  # Phường Minh Xuân
    "071": "02266",  # Lăng Can
    "072": "02221",  # Na Hang
    "073": "02287",  # Vĩnh Lộc
    "074": "02374",  # Tân Yên
    "075": "02473",  # Yên Sơn
    "076": "02536",  # Sơn Dương
}
# National roads by the communes they pass: names and order are real, the line between is not.
NATIONAL_ROADS = {
    "Quốc lộ 2": ("02524", "02512", "02203", "02473", "02407", "02374", "02398", "02386"),
    "Quốc lộ 37": ("02509", "02203", "02536", "02566"),
    "Quốc lộ 2C": ("02620", "02536", "02203", "02287", "02221"),
    "Quốc lộ 279": ("02260", "02221", "02266", "02296", "02293"),
}
PRIMARY_LINKS = (("02374", "02287"), ("02287", "02266"), ("02536", "02620"))


def roads(
    communes: gpd.GeoDataFrame,
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    elevation_m: NDArray[Any],
    transform: Affine,
    seed: int,
    *,
    water: NDArray[np.bool_] | None = None,
) -> gpd.GeoDataFrame:
    """One connected road network of every class, split at junctions.

    Parameters
    ----------
    communes, villages, dwellings : GeoDataFrame, EPSG:9211
        Where roads have to go: commune seats, hamlet centres, the larger clusters.
    elevation_m, water : ndarray, shape (rows, columns)
        Ground height, and True on open water, where crossing is dear.
    transform : Affine
        Of both rasters, metres.
    seed : int
        Start of the generator; it bends lines and takes power poles away, it moves no target.

    Returns
    -------
    GeoDataFrame
        Columns of the layer `roads`; equal end coordinates mean a junction. Every hamlet centre is an end.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    ground = _CostGrid(elevation_m, transform, water)
    centres = centres_m(villages)
    seats = commune_seats(communes, villages)
    seat_cells = {code: int(ground.node(*centres[seat])) for code, seat in seats.items()}

    _national(ground, seat_cells)
    ground.join(list(seat_cells.values()), TERTIARY)
    _raise_secondary(ground, communes, villages, seat_cells)
    _meshes(ground, list(seat_cells.values()), TERTIARY, within_m=9000, detour=2.2)
    hamlets = ground.node(*centres.T).tolist()
    ground.join(hamlets, UNCLASSIFIED)
    _meshes(ground, hamlets, UNCLASSIFIED, within_m=5000, detour=1.6)
    clusters = coordinates_m(dwellings)
    large = dwellings.households.to_numpy() >= 12
    ground.join(ground.node(*clusters[large].T).tolist(), RESIDENTIAL)
    ground.join(ground.node(*clusters[~large].T).tolist(), TRACK)
    _meshes(ground, ground.node(*clusters.T).tolist(), TRACK, within_m=1600, detour=1.8)
    ground.uncross()
    return _lines(ground, centres, rng)


def coordinates_m(points: gpd.GeoDataFrame | gpd.GeoSeries) -> NDArray[np.float64]:
    """Eastings and northings of points, shape (n, 2), rounded to 0.1 m."""
    return np.asarray(np.round(shapely.get_coordinates(points.geometry.to_numpy()), 1), np.float64)


def centres_m(villages: pd.DataFrame) -> NDArray[np.float64]:
    """Hamlet centres in the metric CRS, shape (n, 2), rounded to 0.1 m."""
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(
        villages.centre_lon.to_numpy(float), villages.centre_lat.to_numpy(float)
    )
    return np.round(np.column_stack([x, y]), 1)


def commune_seats(communes: gpd.GeoDataFrame, villages: pd.DataFrame) -> dict[str, int]:
    """Row of the hamlet that is each commune's seat: the one with most households of the commune within 2 km."""
    centres, households = centres_m(villages), villages.households.to_numpy(np.int64)
    rows = {code: np.flatnonzero(villages.commune_code == code) for code in communes.commune_code}
    seats = {}
    for code, members in rows.items():
        if members.size:
            apart = np.hypot(*(centres[members][:, None] - centres[members][None]).transpose(2, 0, 1))
            seats[str(code)] = int(members[np.argmax((np.round(apart, 1) <= 2000) @ households[members])])
    return seats


class _CostGrid:
    """The 270 m cost grid and the roads drawn on it so far, as a class per half-edge (0: no road)."""

    def __init__(self, elevation_m: NDArray[Any], transform: Affine, water: NDArray[np.bool_] | None) -> None:
        rows, columns = elevation_m.shape[0] // BLOCK, elevation_m.shape[1] // BLOCK
        height_m = _blocks(np.asarray(elevation_m, float), rows, columns)
        wet = np.zeros((rows, columns)) if water is None else _blocks(water.astype(float), rows, columns)
        self.shape, self.size_m = (rows, columns), transform.a * BLOCK
        self.west_m, self.north_m = transform.c, transform.f
        self.graph: Graph = grid_graph(rows, columns)
        tail, head = self.graph.tail, self.graph.head
        straight = (tail // columns == head // columns) | (tail % columns == head % columns)
        self.length_dm = np.where(straight, 10 * self.size_m, 10 * self.size_m * 2**0.5).astype(np.int64)
        slope = 10 * np.abs(height_m.flat[tail] - height_m.flat[head]) / self.length_dm
        # As much slower uphill as Tobler's walker (1993), without his exponential: 1.7 at 10 %, 4.3 at 30 %.
        factor = 1 + 5 * slope + 20 * slope**2 + 12 * np.maximum(wet.flat[tail], wet.flat[head])
        self.cost = np.round(self.length_dm * np.round(factor, 3)).astype(np.int64)
        self.rank = np.zeros(tail.size, np.uint8)
        self.name = np.zeros(tail.size, np.uint8)

    def node(self, x: NDArray[np.float64] | float, y: NDArray[np.float64] | float) -> NDArray[np.int64]:
        """Node of the cell a point lies in; points outside go to the border."""
        column = np.clip(np.floor((np.asarray(x) - self.west_m) / self.size_m), 0, self.shape[1] - 1)
        row = np.clip(np.floor((self.north_m - np.asarray(y)) / self.size_m), 0, self.shape[0] - 1)
        return np.asarray(row * self.shape[1] + column, np.int64)

    def position(self, node: NDArray[np.int64]) -> NDArray[np.float64]:
        """Middle of the cells, shape (n, 2)."""
        row, column = node // self.shape[1], node % self.shape[1]
        return np.column_stack([self.west_m + (column + 0.5) * self.size_m, self.north_m - (row + 0.5) * self.size_m])

    def cost_now(self, existing: float) -> NDArray[np.int64]:
        """Cost of every half-edge when building along an existing road costs the share `existing` of a new one."""
        cheap = np.maximum((self.cost * existing).astype(np.int64), 1)
        return np.asarray(np.where(self.rank > 0, cheap, self.cost), np.int64)

    def draw(self, edges: NDArray[np.int64], rank: int, name: int = 0) -> None:
        """Put a road on half-edges; a better road that is there stays."""
        for half in (edges, self.graph.reverse[edges]):
            better = (self.rank[half] == 0) | (self.rank[half] > rank)
            self.rank[half[better]] = rank
            self.name[half[better]] = name

    def link(self, source: int, target: int, rank: int, name: int = 0, existing: float = 0.4) -> None:
        """Draw the cheapest way between two nodes."""
        self.draw(path(self.graph, self.cost_now(existing), source, target), rank, name)

    def join(self, nodes: list[int], rank: int) -> None:
        """Draw the cheapest tree that joins the nodes to the network."""
        joined = np.zeros(self.graph.nodes, np.bool_)
        joined[self.graph.tail[self.rank > 0]] = True
        if not joined.any():
            joined[nodes[0]] = True
        wanted = np.zeros(self.graph.nodes, np.bool_)
        wanted[nodes] = True
        self.draw(np.flatnonzero(tree(self.graph, self.cost, joined, wanted)), rank)

    def uncross(self) -> None:
        """Where two diagonals of one square cross without a node, lead the lesser one over a corner of the other."""
        columns = self.shape[1]
        step = self.graph.head - self.graph.tail
        drawn = self.rank > 0
        falling = {int(n): int(e) for e, n in _where(drawn & (step == columns + 1), self.graph.tail)}
        for edge, corner in _where(drawn & (step == columns - 1), self.graph.tail - 1):
            if int(corner) in falling:
                rank, name = int(self.rank[edge]), int(self.name[edge])
                for half in (edge, self.graph.reverse[edge]):
                    self.rank[half] = self.name[half] = 0
                for other in (corner + 1, corner + columns):
                    around = np.arange(self.graph.first[corner], self.graph.first[corner + 1])
                    self.draw(around[self.graph.head[around] == other], rank, name)


def _where(mask: NDArray[np.bool_], node: NDArray[np.int64]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(mask)
    return list(zip(edges.tolist(), node[edges].tolist(), strict=True))


def _blocks(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Means of BLOCK × BLOCK cells, rounded so that the order of summation cannot show."""
    cut = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.asarray(np.round(cut.mean(axis=(1, 3)), 1), np.float64)


def _national(ground: _CostGrid, seats: dict[str, int]) -> None:
    for name, codes in enumerate(NATIONAL_ROADS.values(), start=1):
        stops = [seats[code] for code in codes if code in seats]
        for a, b in pairwise(stops):
            ground.link(a, b, TRUNK, name)
    for start, end in PRIMARY_LINKS:
        if start in seats and end in seats:
            ground.link(seats[start], seats[end], PRIMARY, existing=0.9)


def _raise_secondary(
    ground: _CostGrid, communes: gpd.GeoDataFrame, villages: pd.DataFrame, seats: dict[str, int]
) -> None:
    """The way from the larger third of the communes to their district seat is a secondary road."""
    size = villages.groupby("commune_code").households.sum()
    larger = size[size >= size.quantile(0.67, interpolation="higher")].index
    for code, district in zip(communes.commune_code, communes.district_code, strict=True):
        seat = seats.get(DISTRICT_SEATS.get(district, ""))
        if code in larger and code in seats and seat is not None and seats[code] != seat:
            ground.link(seats[code], seat, SECONDARY, existing=0.05)


def _meshes(ground: _CostGrid, nodes: list[int], rank: int, *, within_m: float, detour: float) -> None:
    """Near neighbours that the tree leaves a long detour apart get a road of their own."""
    unique = np.array(sorted(set(nodes)))
    position = ground.position(unique)
    near = KDTree(position).query_ball_point(position, within_m, return_sorted=True)
    length = np.where(ground.rank > 0, ground.length_dm, FAR // 4)
    cost = ground.cost_now(HALF)
    for i, a in enumerate(unique):
        others = np.array([j for j in near[i] if j != i], np.int64)
        apart_m = np.round(np.hypot(*(position[others] - position[i]).T), 1)
        order = np.argsort(apart_m, kind="stable")[:4]
        by_road = distances(ground.graph, length, unique[i : i + 1], int(10 * detour * within_m))
        for j, metres in zip(others[order], apart_m[order], strict=True):
            if by_road[unique[j]] > 10 * detour * metres:
                way = path(ground.graph, cost, int(a), int(unique[j]))
                ground.draw(way, rank)
                for half in (way, ground.graph.reverse[way]):
                    length[half] = ground.length_dm[half]
                    cost[half] = np.maximum(ground.cost[half] * HALF, 1)


def _lines(ground: _CostGrid, centres: NDArray[np.float64], rng: np.random.Generator) -> gpd.GeoDataFrame:
    """The drawn half-edges as smoothed lines between junctions."""
    half = np.flatnonzero((ground.rank > 0) & (ground.graph.tail < ground.graph.head))
    edges = list(zip(ground.graph.tail[half].tolist(), ground.graph.head[half].tolist(), strict=True))
    kinds = list(zip(ground.rank[half].tolist(), ground.name[half].tolist(), strict=True))
    cells = np.arange(ground.graph.nodes)
    position = ground.position(cells) + (rng.random((cells.size, 2)) - 0.5) * 0.6 * ground.size_m
    hamlet_at: dict[int, int] = {}
    spurs: list[tuple[int, int]] = []
    for hamlet, node in enumerate(ground.node(*centres.T).tolist()):
        if node not in hamlet_at:
            hamlet_at[node] = hamlet
            position[node] = centres[hamlet]
        elif (centres[hamlet] != centres[hamlet_at[node]]).any():
            spurs.append((node, cells.size + hamlet))
    position = np.round(np.vstack([position, centres]), 1)
    edges += spurs
    kinds += [(RESIDENTIAL, 0)] * len(spurs)
    names = ["", *(f"{name} (hướng tuyến mô phỏng)" for name in NATIONAL_ROADS)]
    runs = chains(edges, lambda edge: kinds[edge], frozenset(hamlet_at))
    lines = [smooth(position[nodes]) for nodes, _ in runs]
    rank, name = np.array([kinds[numbers[0]] for _, numbers in runs]).T
    dark_poles = rng.random(len(runs))
    return gpd.GeoDataFrame(
        {
            "road_id": [f"SYN-RD-{number:05d}" for number in range(1, len(runs) + 1)],
            "class": [CLASSES[r] for r in rank],
            "name": [names[n] or None for n in name],
            "power": ~(((rank == UNCLASSIFIED) & (dark_poles < 0.04)) | ((rank == TRACK) & (dark_poles < 0.35))),
            "synthetic": True,
            "provenance": PROVENANCE,
        },
        geometry=lines,
        crs=f"EPSG:{EPSG}",
    )


def smooth(points: NDArray[np.float64]) -> shapely.LineString:
    """One round of corner cutting (Chaikin 1974) with both ends kept, thinned to 12 m, rounded to 0.1 m."""
    if len(points) > 2:
        cut = np.empty((2 * (len(points) - 1), 2))
        cut[0::2] = 0.75 * points[:-1] + 0.25 * points[1:]
        cut[1::2] = 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.asarray(np.round(np.vstack([points[:1], cut[1:-1], points[-1:]]), 1), np.float64)
    return shapely.simplify(shapely.LineString(points), 12.0)


def road_graph(roads: gpd.GeoDataFrame) -> tuple[Graph, NDArray[np.int64], NDArray[np.float64]]:
    """Roads as a graph of their end points.

    Returns
    -------
    graph, edge, position
        For each half-edge the row of its road; for each node its coordinates, shape (nodes, 2), metres.
    """
    ends = shapely.get_coordinates(
        np.column_stack(
            [shapely.get_point(roads.geometry.to_numpy(), 0), shapely.get_point(roads.geometry.to_numpy(), -1)]
        )
    )
    position, node = np.unique(np.round(ends, 1), axis=0, return_inverse=True)
    node = node.reshape(-1, 2).astype(np.int64)
    graph, edge = graph_of(node[:, 0], node[:, 1], len(position))
    return graph, edge, position
