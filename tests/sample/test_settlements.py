"""The sample's settlements on its relief: totals, places, names, commune lists."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from scipy.ndimage import minimum_filter

from covplan.sample.allocation import Land, land_of
from covplan.sample.chance import apportioned, scattered, stream
from covplan.sample.communes import commune_cells, outline
from covplan.sample.dwellings import dwelling_clusters, population_raster
from covplan.sample.places import places
from covplan.sample.published import admin, facts, old_communes
from covplan.sample.relief import relief
from covplan.sample.settlements import commune_populations, hamlet_counts, hamlets
from covplan.sample.territory import communes_both_versions, statistics
from covplan.study.assumed import MARK
from covplan.study.grid import Grid
from covplan.study.layers import layers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.transform import Affine

SEED = 2025
CELL_M = 90.0
WATER = 80
VERSIONS_137 = {"Thành phố Tuyên Quang": 15, "Huyện Lâm Bình": 10, "Huyện Na Hang": 12, "Huyện Chiêm Hóa": 24}
VERSIONS_137 |= {"Huyện Hàm Yên": 18, "Huyện Yên Sơn": 28, "Huyện Sơn Dương": 30}


class Ground(NamedTuple):
    """Commune cells, heights and cover on one grid."""

    communes: gpd.GeoDataFrame
    elevation_m: NDArray[np.float32]
    cover: NDArray[np.uint8]
    land: Land

    @property
    def transform(self) -> Affine:
        """Of the grid."""
        return self.land.transform


class Sample(NamedTuple):
    """A ground and the settlements made on it."""

    ground: Ground
    villages: gpd.GeoDataFrame
    dwellings: gpd.GeoDataFrame
    centres: NDArray[np.float64]


def plain_ground() -> Ground:
    """The sample's communes on its relief, with fields everywhere but on water."""
    grid = Grid.from_bounds(shapely.buffer(outline(), 7_500).bounds, CELL_M, 9211)
    ground = relief(grid.transform, grid.shape, SEED)
    cover = np.where(ground.water, WATER, 40).astype(np.uint8)
    land = land_of(ground, grid.transform)
    return Ground(commune_cells(land), ground.elevation_m.astype(np.float32), cover, land)


@pytest.fixture(scope="module")
def sample() -> Sample:
    """The province's settlements, made once."""
    ground = plain_ground()
    villages = hamlets(*ground, seed=SEED)
    dwellings = dwelling_clusters(villages, *ground[1:3], ground.transform, seed=SEED)
    centres = gpd.GeoSeries.from_xy(villages["centre_lon"], villages["centre_lat"], crs=4326).to_crs(9211)
    return Sample(ground, villages, dwellings, shapely.get_coordinates(centres.values))


def nearest_m(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each point to its nearest neighbour, by the full table of distances."""
    apart = np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1)


def cell_of(ground: Ground, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of points in metres."""
    row, column = (ground.transform.f - xy[:, 1]) / CELL_M, (xy[:, 0] - ground.transform.c) / CELL_M
    return row.astype(int), column.astype(int)


def assert_fits_layer(table: pd.DataFrame, layer: str, missing: set[str]) -> None:
    """Columns, required values, codes and bounds are those of the layer's definition."""
    definition = {column.name: column for column in layers()[layer].columns if column.name != MARK}
    assert set(definition) - set(table.columns) == missing
    assert set(table.columns) - set(definition) <= {"geometry"}
    for name in set(definition) - missing:
        column, values = definition[name], table[name].dropna()
        assert not column.required or len(values) == len(table), name
        assert not column.unique or values.is_unique, name
        assert not column.allowed or set(values) <= set(column.allowed), name
        assert column.min is None or (values >= column.min).all(), name
        assert column.max is None or (values <= column.max).all(), name


def test_shares_follow_the_definition_of_the_largest_remainder():
    weights = [3, 1, 4, 1, 5, 9, 2, 6]
    for total in (8, 37, 100):
        quota = [Fraction(weight * total, sum(weights)) for weight in weights]
        left = total - sum(int(q) for q in quota)
        lucky = sorted(range(len(weights)), key=lambda i: int(quota[i]) - quota[i])[:left]
        assert apportioned(weights, total) == [int(q) + (i in lucky) for i, q in enumerate(quota)]


def test_nobody_gets_less_than_the_minimum_and_nothing_is_lost():
    parts = apportioned([1, 1, 1, 500, 800], 60, minimum=4)
    assert sum(parts) == 60
    assert parts[:3] == [4, 4, 4]
    with pytest.raises(ValueError, match="cannot be shared"):
        apportioned([1, 1], 3, minimum=2)


def test_scattered_points_keep_their_distance_and_prefer_good_ground():
    x, y = (grid.ravel() for grid in np.mgrid[0:100, 0:100] * 10)
    weight = np.where(x < 500, 1.0, 0.05)
    chosen = scattered(x, y, weight, 40, 70, stream(1, 1))
    assert len(chosen) == 40
    assert nearest_m(np.column_stack([x[chosen], y[chosen]]).astype(float)).min() >= 70
    assert (x[chosen] < 500).sum() > 30


def test_totals_are_the_published_ones(sample: Sample):
    villages = sample.villages
    assert len(villages) == 1733
    assert villages["population"].sum() == 812_215
    assert villages["households"].sum() == round(812_215 / 3.8)
    assert villages["commune_code"].nunique() == 137
    assert villages["population"].median() / villages["households"].median() == pytest.approx(3.8, abs=0.1)


def test_hamlets_per_commune_are_the_published_ones_or_at_least_four(sample: Sample):
    counts = sample.villages.groupby("commune_code").size()
    assert counts.min() >= 4
    assert counts[["02233", "02611", "02332"]].tolist() == [6, 11, 16]  # Phúc Yên, Phú Lương, Phú Bình
    codes = list(old_communes())
    people = commune_populations(codes, SEED)
    assert sum(people) == 812_215
    assert hamlet_counts(codes, people) == counts[codes].tolist()


def test_census_communes_keep_their_proportions():
    codes = list(old_communes())
    people = dict(zip(codes, commune_populations(codes, SEED), strict=True))
    growth = [people[row["commune_code"]] / int(row["population"]) for row in facts("census_2019")]
    assert len(growth) == 54
    assert max(growth) - min(growth) < 0.001
    assert min(growth) == pytest.approx(812_215 / 784_811, rel=0.005)


def test_hamlets_tile_their_commune_and_hold_their_centre(sample: Sample):
    villages = sample.villages
    assert villages.is_valid.all()
    assert set(villages.geom_type) <= set(layers()["villages"].geometry)
    assert shapely.contains_xy(villages.geometry.to_numpy(), *sample.centres.T).all()
    union = villages.dissolve("commune_code").geometry
    cells = sample.ground.communes.set_index("commune_code").geometry
    slivers_m2 = union.symmetric_difference(cells, align=True).area  # vertices stand on whole decimetres
    assert (slivers_m2 < 0.1 * cells.length).all()
    overlap_m2 = villages.area.groupby(villages["commune_code"]).sum() - union.area
    assert overlap_m2.abs().max() < 1.0


def test_hamlets_are_apart_on_dry_low_ground(sample: Sample):
    villages, ground = sample.villages, sample.ground
    cells = ground.communes.set_index("commune_code").geometry
    km2_each = cells.area / villages.groupby("commune_code").size() / 1e6
    roomy = villages["commune_code"].map(km2_each) > 1.0
    assert roomy.sum() > 1_200
    assert nearest_m(sample.centres[roomy]).min() >= 599.7  # centres are given to a millionth of a degree
    assert nearest_m(sample.centres).min() >= 100
    at = cell_of(ground, sample.centres)
    assert (ground.cover[at] != WATER).all()
    above_valley_m = ground.elevation_m - minimum_filter(ground.elevation_m, size=21)
    assert np.median(above_valley_m[at]) < 0.5 * np.median(above_valley_m)


def test_names_are_unique_in_a_commune_and_real_ones_say_so(sample: Sample):
    villages = sample.villages
    assert not villages.duplicated(["commune_code", "name"]).any()
    assert villages["name"].str.match(r"(Thôn|Bản|Tổ dân phố) ").all()
    real = villages[villages["provenance"].str.startswith("tên thật (nguồn: ")]
    known = {(row["commune_code"], f"Thôn {row['name']}") for row in facts("hamlet_names")}
    assert set(zip(real["commune_code"], real["name"], strict=True)) == known
    assert len(known) == 48
    assert villages["provenance"].str.contains("mô phỏng").all()


def test_the_village_layer_lacks_only_what_is_declared_elsewhere(sample: Sample):
    declared = {"declared_mobile", "declared_5g", "declared_ftth", "ftth_households"}
    assert_fits_layer(sample.villages, "villages", declared)
    assert sample.villages["synthetic"].all()
    assert (~sample.villages["grid_power"]).sum() == 4
    assert sample.villages["difficulty"].value_counts().to_dict() == {"none": 783, "special": 570, "difficult": 380}


def test_dwellings_add_up_to_their_hamlet_and_lie_in_it(sample: Sample):
    dwellings, villages = sample.dwellings, sample.villages.set_index("village_id")
    assert_fits_layer(dwellings, "dwellings", set())
    by_hamlet = dwellings.groupby("village_id")
    assert by_hamlet["households"].sum().equals(villages["households"].sort_index())
    assert by_hamlet.size().between(1, 9).all()
    assert dwellings["households"].min() >= 1
    polygon = villages.geometry[dwellings["village_id"]].to_numpy()
    assert shapely.covers(polygon, dwellings.geometry.to_numpy()).all()
    centre = dict(zip(villages.index, sample.centres, strict=True))
    xy = shapely.get_coordinates(dwellings.geometry.to_numpy())
    away_m = np.hypot(*(xy - np.array([centre[v] for v in dwellings["village_id"]])).T)
    assert away_m.max() <= 1_500.2
    assert away_m[dwellings["dwelling_id"].str.endswith("-C1")].max() <= 150.2


def test_the_population_raster_holds_everybody_near_their_dwellings(sample: Sample):
    ground = sample.ground
    persons = population_raster(sample.dwellings, sample.villages, ground.transform, ground.elevation_m.shape)
    assert persons.dtype == np.float32
    assert round(float(persons.sum(dtype=float)), 1) == 812_215.0
    assert np.array_equal(persons, (np.round(persons.astype(float) * 100) / 100).astype(np.float32))
    at = cell_of(ground, shapely.get_coordinates(sample.dwellings.geometry.to_numpy()))
    assert (persons[at] > 0).all()


def test_places_are_real_where_they_say_so(sample: Sample):
    found = places(sample.ground.communes, sample.villages, SEED)
    assert_fits_layer(found, "places", {"declared_5g"})
    assert found["kind"].value_counts().to_dict() == {
        "school": 460,
        "office": 137,
        "hospital": 20,
        "tourist_site": 13,
        "industrial_zone": 7,
        "industrial_cluster": 5,
        "park": 4,
        "campus": 1,
    }
    real = found[~found["synthetic"]]
    assert real["name"].tolist() == [row["name"] for row in facts("places")]
    assert (real["precision_m"] >= 100).all()
    assert found[found["synthetic"]]["precision_m"].isna().all()
    discs = real[real.geom_type == "Polygon"]
    published_ha = [float(row["area_ha"]) for row in facts("places") if row["area_ha"]]
    assert (discs.area / 10_000).tolist() == pytest.approx(published_ha, rel=0.01)
    assert found["name"].is_unique


def test_no_simulated_id_can_be_taken_for_an_official_or_an_operators_one(sample: Sample):
    found = places(sample.ground.communes, sample.villages, SEED)
    ids = [*sample.villages["village_id"], *sample.dwellings["dwelling_id"], *found["place_id"]]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("SYN-") for one in ids)
    assert not any(re.search(r"TQG|VTL|VNP|MBF|^\d", one) for one in ids)


def test_the_same_seed_gives_the_same_hamlets_whatever_the_order_of_the_communes(sample: Sample):
    ground = sample.ground
    shuffled = ground.communes.sample(frac=1, random_state=7)
    again = hamlets(shuffled, *ground[1:], seed=SEED)
    assert_geodataframe_equal(again, sample.villages)
    assert_geodataframe_equal(dwelling_clusters(again, *ground[1:3], ground.transform, seed=SEED), sample.dwellings)
    other = hamlets(*ground, seed=SEED + 1)
    assert (other["centre_lon"] != again["centre_lon"]).mean() > 0.9


def test_old_commune_list_has_137_communes_in_seven_districts():
    rows = admin("2025-02")
    districts = pd.Series([row["district"] for row in rows]).value_counts().to_dict()
    assert districts == VERSIONS_137
    assert pd.Series([row["kind"] for row in rows]).value_counts().to_dict() == {"Xã": 121, "Phường": 10, "Thị trấn": 6}
    assert len({row["commune_code"] for row in rows}) == 137
    assert all(re.fullmatch(r"\d{5}", row["commune_code"]) and row["name"].startswith(row["kind"]) for row in rows)


def test_new_commune_list_has_124_units_51_of_them_on_the_old_territory():
    rows = admin("2025-07")
    assert len({row["commune_code"] for row in rows}) == len(rows) == 124
    assert sum(row["on_old_territory"] == "yes" for row in rows) == 51
    assert pd.Series([row["kind"] for row in rows]).value_counts().to_dict() == {"Xã": 117, "Phường": 7}


def test_the_crosswalk_sends_every_old_commune_to_new_ones():
    rows = admin("2025-02_to_2025-07")
    assert len(rows) == 139
    assert {row["old_code"] for row in rows} == {row["commune_code"] for row in admin("2025-02")}
    on_old = {row["commune_code"] for row in admin("2025-07") if row["on_old_territory"] == "yes"}
    assert {row["new_code"] for row in rows} == on_old
    split = {row["old_code"] for row in rows if row["extent"] == "part"}
    assert {old_communes()[code]["name"] for code in split} == {"Xã Kim Phú", "Xã Thái Bình"}
    assert sorted(row["old_code"] for row in rows if row["main"] == "yes") == sorted(old_communes())


def test_both_versions_of_the_communes_cover_the_same_ground(sample: Sample):
    both = communes_both_versions(sample.ground.communes)
    assert_fits_layer(both, "communes", set())
    assert both.groupby("boundary_version").size().to_dict() == {"2025-02": 137, "2025-07": 51}
    assert not both.duplicated(["commune_code", "boundary_version"]).any()
    assert both.is_valid.all()
    area = both.area.groupby(both["boundary_version"]).sum()
    assert area["2025-07"] == pytest.approx(area["2025-02"], rel=1e-9)
    old, new = (both[both["boundary_version"] == version] for version in ("2025-02", "2025-07"))
    assert old["district"].notna().all()
    assert new["district"].isna().all()
    assert old["demand_5g"].sum() == 16
    assert set(new.loc[new["demand_5g"], "name"]) == {row["name"] for row in admin("2025-07") if _is_old_ward(row)}


def _is_old_ward(row: dict[str, str]) -> bool:
    return row["kind"] == "Phường" and row["on_old_territory"] == "yes"


def test_statistics_are_the_plans_own_figures():
    table = statistics()
    assert_fits_layer(table, "statistics", set())
    values = table.set_index("indicator")["value"].to_dict()
    assert values == {
        "MBB_SUBS_100": 74.8,
        "SMARTPHONE_SUB_SHARE": 99.2,
        "SMARTPHONE_ADULT": 60.7,
        "SPEED_MOBILE": 74.86,
        "FBB_SUBS_100": 18.1,
        "SPEED_FIXED": 92.05,
        "WAN_COMMUNE": 100.0,
    }
    assert table["source"].str.contains("giả định 31/12/2024").all()
