"""The sample's networks on its own relief: roads, masts, fiber and what the province declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import rasterio
import shapely
from pandas.testing import assert_frame_equal
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from covplan.sample.declared import near_5g
from covplan.sample.masts import masts
from covplan.sample.paths import FAR, chains, distances, graph_of, grid_graph, path, tree
from covplan.sample.published import old_communes
from covplan.sample.roads import centres_m, road_graph
from covplan.sample.siting import metric_pairs
from covplan.study.folder import open_study
from covplan.study.grid import Grid
from covplan.study.layers import input_layers
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray
    from rasterio.transform import Affine


DATA = Path(__file__).parents[2] / "data"


class Networks(NamedTuple):
    """Everything up to the files."""

    communes: gpd.GeoDataFrame
    elevation_m: NDArray[Any]
    transform: Affine
    villages: gpd.GeoDataFrame
    dwellings: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    stations: pd.DataFrame
    cells: pd.DataFrame
    routes: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    service_points: gpd.GeoDataFrame


@pytest.fixture(scope="module")
def net() -> Networks:
    """The networks as they stand in data/; that they are the generator's is proven in test_province.py."""
    study = open_study(DATA)
    communes = study.communes[study.communes["boundary_version"] == "2025-02"].reset_index(drop=True)
    with rasterio.open(DATA / "elevation.tif") as raster:
        height_m, transform = raster.read(1).astype(np.float32), raster.transform
    return Networks(
        communes.assign(district_code=[old_communes()[code]["district_code"] for code in communes["commune_code"]]),
        height_m,
        transform,
        study.villages,
        study.dwellings,
        study.places,
        study.roads,
        study.stations,
        study.cells,
        study.routes,
        study.nodes,
        study.service_points,
    )


def test_164_of_1169_locations_are_shared_and_stations_split_as_assumed(net: Networks) -> None:
    operators = net.stations.groupby("location_id").operator.nunique()
    assert (len(operators), (operators >= 2).sum(), (operators == 3).sum()) == (1169, 164, 17)
    assert net.stations.operator.value_counts().to_dict() == {"VTL": 540, "VNPT": 459, "MBF": 270, "VNM": 81}
    assert len(net.stations) == len(operators) + 147 + 2 * 17


def test_no_station_id_could_be_an_operators_own(net: Networks) -> None:
    assert net.stations.station_id.is_unique
    assert net.stations.station_id.str.match(r"SYN-(VTL|VNPT|MBF|VNM)-\d{4}$").all()
    assert not net.stations.station_id.str.contains(r"^TQG\d|_TQG$").any()


def test_stations_of_one_location_share_the_structure(net: Networks) -> None:
    same = ["lon", "lat", "structure", "height_m", "owner", "tenants", "max_tenants", "restricted"]
    assert not net.stations.drop_duplicates(["location_id", *same]).location_id.duplicated().any()
    tenants = net.stations.tenants.str.split(";")
    assert all(operator in declared for operator, declared in zip(net.stations.operator, tenants, strict=True))
    assert (tenants.str.len() <= net.stations.max_tenants).all()


def test_the_builder_is_on_air_before_the_one_who_joins(net: Networks) -> None:
    first = net.stations[net.stations.tenants.str.split(";").str[0] == net.stations.operator].set_index("location_id")
    joined = net.stations[net.stations.tenants.str.split(";").str[0] != net.stations.operator]
    assert (joined.on_air.to_numpy() > first.on_air.loc[joined.location_id].to_numpy()).all()


def test_bands_belong_to_the_technologies(net: Networks) -> None:
    letter = {"2G": "G", "3G": "U", "4G": "L", "5G": "N"}
    for station in net.stations.itertuples():
        assert {letter[t] for t in station.technologies.split(";")} == {band[0] for band in station.bands.split(";")}
    with_4g = net.stations.technologies.str.contains("4G")
    assert 0.015 < 1 - with_4g.mean() < 0.04
    assert 40 <= net.stations.technologies.str.contains("5G").sum() <= 80


def test_every_4g_station_has_a_cell_of_a_band_it_has(net: Networks) -> None:
    joined = net.cells.merge(net.stations, on="station_id", validate="many_to_one")
    assert len(joined) == len(net.cells)
    assert all(band in bands.split(";") for band, bands in zip(joined.band, joined.bands, strict=True))
    with_4g = net.stations.station_id[net.stations.technologies.str.contains("4G")]
    assert set(with_4g) == set(net.cells.station_id[net.cells.technology == "4G"])


@pytest.mark.parametrize("name", ["roads", "stations", "cells", "routes", "nodes", "service_points"])
def test_columns_hold_what_the_definition_allows(net: Networks, name: str) -> None:
    table, layer = getattr(net, name), input_layers()[name]
    operators = ("VTL", "VNPT", "MBF", "VNM", "GTEL")
    assert set(table.columns) - {"geometry"} <= {column.name for column in layer.columns}
    for column in layer.columns:
        if column.required:
            assert table[column.name].notna().all(), column.name
        if column.name not in table:
            continue
        values = table[column.name].dropna()
        if column.allowed:
            values = values.str.split(";").explode() if column.type == "list" else values
            assert set(values) <= set(column.allowed_codes(operators)), column.name
        elif column.min is not None and len(values):
            assert values.min() >= column.min, column.name
    assert table[layer.key[0]].is_unique


def test_38_hamlets_are_dark_because_ridges_hide_the_masts(net: Networks) -> None:
    dark = net.villages[net.villages.declared_mobile == "none"]
    assert len(dark) == 38
    masts_m = metric_pairs(net.stations.lon, net.stations.lat)
    nearest_m, _ = KDTree(masts_m).query(centres_m(dark))
    assert 2000 < np.median(nearest_m) < 9000
    assert nearest_m.min() > 2000
    height = net.stations.antenna_height_m.to_numpy(float)
    seen = [
        _sees(net, masts_m[row], height[row], centre)
        for centre in centres_m(dark)
        for row in np.flatnonzero(np.hypot(*(masts_m - centre).T) < 8000)
    ]
    assert len(seen) > 200
    assert np.mean(seen) < 0.03  # a ray over bare ground may pass through a forest, or end among trees


def test_hamlets_that_are_not_dark_have_a_mast_within_6_km(net: Networks) -> None:
    lit = net.villages[net.villages.declared_mobile != "none"]
    nearest_m, _ = KDTree(metric_pairs(net.stations.lon, net.stations.lat)).query(centres_m(lit))
    assert nearest_m.max() < 6000


def _sees(net: Networks, mast: NDArray[np.float64], antenna_m: float, point: NDArray[np.float64]) -> bool:
    """Line of sight by its definition: no sample of the profile, every 45 m, rises over the ray."""
    length = float(np.hypot(*(point - mast)))
    share = np.linspace(0, 1, max(int(length / 45), 2) + 1)
    x, y = (mast[:, None] + (point - mast)[:, None] * share).round(3)
    column = ((x - net.transform.c) / net.transform.a).astype(int)
    row = ((net.transform.f - y) / net.transform.a).astype(int)
    ground = net.elevation_m[row, column] + share * (1 - share) * length**2 / (2 * 6_371_000 * 4 / 3)
    ray = ground[0] + antenna_m + share * (ground[-1] + 1.5 - ground[0] - antenna_m)
    return bool((ground[1:-1] <= ray[1:-1]).all())


def test_roads_are_one_network(net: Networks) -> None:
    graph, _, position = road_graph(net.roads)
    links = coo_array((np.ones(graph.tail.size), (graph.tail, graph.head)), shape=(len(position), len(position)))
    assert connected_components(links)[0] == 1
    assert net.roads.geometry.is_valid.all()
    assert 4_500 < net.roads.length.sum() / 1000 < 8_500


def test_a_road_leads_to_every_hamlet(net: Networks) -> None:
    centres = shapely.points(centres_m(net.villages))
    assert shapely.distance(centres, shapely.union_all(net.roads.geometry.to_numpy())).max() < 300


def test_national_roads_carry_their_names(net: Networks) -> None:
    trunk = net.roads[net.roads["class"] == "trunk"]
    assert set(trunk.name) == {f"Quốc lộ {number} (hướng tuyến mô phỏng)" for number in ("2", "2C", "37", "279")}
    assert net.roads.name[net.roads["class"] != "trunk"].isna().all()


def test_every_route_lies_on_roads(net: Networks) -> None:
    roads_around = shapely.union_all(net.roads.geometry.buffer(0.5).to_numpy())
    shapely.prepare(roads_around)
    assert shapely.covers(roads_around, net.routes.geometry.to_numpy()).all()
    assert 4_000 < net.routes.length.sum() / 1000 < 5_500


def test_ftth_is_in_1617_hamlets_and_in_no_dark_one(net: Networks) -> None:
    assert net.villages.declared_ftth.sum() == 1617
    assert not net.villages.declared_ftth[net.villages.declared_mobile == "none"].any()
    for kind in ("FDT", "FAT"):
        served = net.nodes.village_id[net.nodes.kind == kind]
        assert set(served) == set(net.villages.village_id[net.villages.declared_ftth])


def test_households_on_fiber_are_the_published_share(net: Networks) -> None:
    on_fiber, households = net.villages.ftth_households, net.villages.households
    assert round(100 * on_fiber.sum() / households.sum(), 2) == 54.83
    assert (on_fiber <= households).all()
    assert (on_fiber[~net.villages.declared_ftth] == 0).all()
    ports = net.nodes[net.nodes.kind == "FAT"].groupby("village_id")[["ports", "ports_free"]].sum()
    used = (ports.ports - ports.ports_free).reindex(net.villages.village_id, fill_value=0)
    assert (used.to_numpy() == on_fiber.to_numpy()).all()


def test_5g_is_declared_within_1200_m_of_a_5g_station(net: Networks) -> None:
    station = net.stations[net.stations.technologies.str.contains("5G")].iloc[[0]]
    east_m = metric_pairs(station.lon, station.lat) + np.array([[1150.0, 0.0], [1250.0, 0.0]])
    assert near_5g(east_m, station).tolist() == [True, False]


def test_the_masts_of_a_district_are_the_same_twice(net: Networks) -> None:
    communes = net.communes[net.communes.district_code == "072"].reset_index(drop=True)
    villages = net.villages[net.villages.commune_code.isin(communes.commune_code)].reset_index(drop=True)
    dwellings = net.dwellings[net.dwellings.village_id.isin(villages.village_id)].reset_index(drop=True)
    west, south, east, north = communes.total_bounds
    around = Grid.from_bounds((west - 5000, south - 5000, east + 5000, north + 5000), 90.0, 9211)
    radio_ground = load_ground(around, DATA / "elevation.tif", DATA / "landcover.tif")
    ground = (net.elevation_m, net.transform, radio_ground, 7)
    numbers = {"locations": 80, "with_two": 8, "with_three": 2, "dark": 4}
    first, second = (masts(villages, dwellings, communes, net.places, *ground, **numbers) for _ in range(2))
    assert_frame_equal(first[0], second[0])
    assert_frame_equal(first[1], second[1])
    assert first[0].groupby("location_id").size().value_counts().to_dict() == {1: 70, 2: 8, 3: 2}


def test_a_path_on_a_grid_goes_round_what_is_dear() -> None:
    graph = grid_graph(3, 3)
    cost = np.where((graph.tail == 4) | (graph.head == 4), 100, 10).astype(np.int64)
    way = path(graph, cost, 0, 8)
    assert graph.head[way[0]] == 8
    assert graph.tail[way[-1]] == 0
    assert 4 not in graph.head[way]
    assert cost[way].sum() == distances(graph, cost, np.array([0]))[8] == 30


def test_the_tree_of_a_star_is_its_spokes() -> None:
    graph, edge = graph_of(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 2]), 5)
    cost = np.array([10, 10, 10, 15])[edge]
    wanted, joined = np.array([0, 1, 1, 1, 0], bool), np.array([1, 0, 0, 0, 0], bool)
    used = tree(graph, cost, joined, wanted)
    assert sorted(edge[used]) == [0, 1, 2]
    assert distances(graph, cost, np.array([0]))[4] == FAR


def test_chains_break_at_junctions_and_where_the_kind_changes() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (3, 5)]
    kinds = ["a", "a", "b", "b", "b"]
    runs = chains(edges, lambda number: kinds[number], frozenset())
    assert sorted(sorted(numbers) for _, numbers in runs) == [[0, 1], [2], [3], [4]]
    assert [0, 1, 2] in [nodes for nodes, _ in runs]
