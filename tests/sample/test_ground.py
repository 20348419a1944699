"""The physical base of the sample: communes, relief, rivers, land cover."""

import numpy as np
import pytest
from pyproj import Geod, Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy.ndimage import uniform_filter

from covplan.sample.communes import commune_cells, commune_points, outline
from covplan.sample.drainage import breached, flow, incised, upstream_cells
from covplan.sample.landcover import land_cover
from covplan.sample.relief import coarse_heights, relief
from covplan.sample.watercourses import RESERVOIR_LEVEL_M

SEED = 2025
CELL_M = 90.0
TRANSFORM = Affine(CELL_M, 0, 377_010, 0, -CELL_M, 2_510_100)  # the outline and 5 km around it
SHAPE = (1542, 950)

# Measured on SRTM 3", 105.0-105.53 E, 21.5-22.0 N
HEIGHT_PERCENTILES_M = {1: 19, 5: 26, 25: 49, 50: 91, 75: 214, 95: 468, 99: 704}
SLOPE_PERCENTILES_DEG = {25: 3.2, 50: 7.9, 75: 16.7, 90: 23.9, 95: 27.6}
RELIEF_PERCENTILES_M = {25: 51, 50: 119, 75: 219, 95: 366}
DIFFERENCE_BY_LAG_M = {86: 17.7, 172: 31.8, 344: 52.4, 689: 79.4, 1378: 110, 2755: 138, 5510: 168}


@pytest.fixture(scope="module")
def ground():
    return relief(TRANSFORM, SHAPE, SEED)


@pytest.fixture(scope="module")
def inside():
    return rasterize([outline()], SHAPE, transform=TRANSFORM).astype(bool)


@pytest.fixture(scope="module")
def south(ground):
    to_metric = Transformer.from_crs(4326, 9211, always_xy=True)
    bottom, left = rowcol(*to_metric.transform(105.0, 21.5))
    top, right = rowcol(*to_metric.transform(105.53, 22.0))
    return ground.elevation_m[top:bottom, left:right].astype(float)


def rowcol(x, y):
    """Row and column of a point, or of arrays of points."""
    row, column = (TRANSFORM.f - np.asarray(y)) / CELL_M, (np.asarray(x) - TRANSFORM.c) / CELL_M
    return row.astype(int), column.astype(int)


def slope_deg(height_m):
    fall_y, fall_x = np.gradient(height_m, CELL_M)
    return np.degrees(np.arctan(np.hypot(fall_x, fall_y)))


def rms_difference_m(height_m, cells):
    east, south = height_m[:, cells:] - height_m[:, :-cells], height_m[cells:] - height_m[:-cells]
    return np.sqrt(((east**2).mean() + (south**2).mean()) / 2)


def test_heights_in_the_south_are_distributed_as_measured(south):
    measured = np.percentile(south, list(HEIGHT_PERCENTILES_M))
    assert measured == pytest.approx(list(HEIGHT_PERCENTILES_M.values()), rel=0.2)


def test_slopes_in_the_south_are_distributed_as_measured(south):
    measured = np.percentile(slope_deg(south), list(SLOPE_PERCENTILES_DEG))
    assert measured == pytest.approx(list(SLOPE_PERCENTILES_DEG.values()), rel=0.2)


def test_relief_of_one_kilometre_squares_in_the_south_is_as_measured(south):
    side = round(1000 / CELL_M)
    rows, columns = (n // side for n in south.shape)
    squares = south[: rows * side, : columns * side].reshape(rows, side, columns, side)
    measured = np.percentile(squares.max((1, 3)) - squares.min((1, 3)), list(RELIEF_PERCENTILES_M))
    assert measured == pytest.approx(list(RELIEF_PERCENTILES_M.values()), rel=0.2)


@pytest.mark.parametrize(("lag_m", "expected_m"), DIFFERENCE_BY_LAG_M.items())
def test_height_differences_grow_with_distance_as_measured(south, lag_m, expected_m):
    assert rms_difference_m(south, round(lag_m / 86)) == pytest.approx(expected_m, rel=0.2)


def test_the_north_is_half_to_twice_rougher_again_and_higher(ground, inside, south):
    north = ground.elevation_m[60:700, 150:800].astype(float)
    for cells in (1, 4, 16):
        assert 1.5 < rms_difference_m(north, cells) / rms_difference_m(south, cells) < 2.0
    assert 1_300 < ground.elevation_m[inside].max() < 1_700


def test_averages_over_nine_kilometres_follow_the_real_heights(ground):
    x = TRANSFORM.c + CELL_M * (np.arange(SHAPE[1]) + 0.5)
    y = TRANSFORM.f - CELL_M * (np.arange(SHAPE[0]) + 0.5)
    real, made = (
        uniform_filter(z.astype(float), 101)[50::100, 50::100] for z in (coarse_heights(x, y), ground.elevation_m)
    )
    assert np.corrcoef(real.ravel(), made.ravel())[0, 1] > 0.95


def test_the_city_and_the_towns_lie_in_valleys(ground):
    points = commune_points().set_index("short_name").geometry
    row, column = rowcol(points.x, points.y)
    height_m = dict(zip(points.index, ground.elevation_m[row, column].tolist(), strict=True))
    assert height_m["Minh Xuân"] == pytest.approx(35, abs=15)
    assert height_m["Sơn Dương"] == pytest.approx(63, abs=25)
    assert not ground.water[row, column].any()


def test_water_finds_its_way_out_of_the_synthetic_relief(ground):
    height_cm = ground.elevation_m.astype(np.int64) * 100
    _, _, filled_cm = flow(height_cm, ground.water)
    assert (filled_cm - height_cm).max() <= 200  # whole metres leave small steps


def test_the_reservoir_of_na_hang_is_level_and_large(ground):
    lake = ground.water & (ground.elevation_m == RESERVOIR_LEVEL_M)
    assert 4_000 < lake.sum() * CELL_M**2 / 10_000 < 9_000  # ha


def test_the_same_seed_gives_the_same_relief_and_another_seed_another():
    crop, shape = Affine(CELL_M, 0, 413_010, 0, -CELL_M, 2_420_100), (120, 150)
    first, again, other = (relief(crop, shape, seed) for seed in (SEED, SEED, SEED + 1))
    assert first.elevation_m.tobytes() == again.elevation_m.tobytes()
    assert (first.elevation_m != other.elevation_m).mean() > 0.5
    assert first.elevation_m.dtype == np.int16
    assert first.elevation_m.min() >= 12


def test_two_thirds_of_the_province_are_wooded_and_fields_lie_low(ground, inside):
    cover = land_cover(ground.elevation_m, ground.water, TRANSFORM, SEED)
    assert 0.60 < (cover[inside] == 10).mean() < 0.67
    assert 0.10 < (cover[inside] == 40).mean() < 0.22
    assert set(np.unique(cover)) == {10, 20, 30, 40, 80}
    heights, slopes = ground.elevation_m, slope_deg(ground.elevation_m.astype(float))
    assert np.median(heights[cover == 40]) < np.median(heights[cover == 10]) / 2
    assert np.percentile(slopes[cover == 40], 99) < 20
    assert (cover[ground.water] == 80).all()


def test_a_settlement_is_built_up_in_proportion_to_its_disc(ground):
    x, y = TRANSFORM.c + 470 * CELL_M, TRANSFORM.f - 1100 * CELL_M
    cover = land_cover(ground.elevation_m, np.zeros(SHAPE, bool), TRANSFORM, SEED, [(x, y, 900.0)])
    built = np.argwhere(cover == 50)
    assert len(built) * CELL_M**2 == pytest.approx(np.pi * 900**2, rel=0.3)
    assert np.abs(built.mean(0) - (1100, 470)).max() < 3


def test_137_communes_with_distinct_codes_in_seven_districts():
    cells = commune_cells()
    assert len(cells) == 137
    assert cells["commune_code"].is_unique
    assert cells["commune_code"].str.fullmatch(r"\d{5}").all()
    assert cells.groupby("district").size().to_dict() == {
        "Thành phố Tuyên Quang": 15,
        "Huyện Lâm Bình": 10,
        "Huyện Na Hang": 12,
        "Huyện Chiêm Hóa": 24,
        "Huyện Hàm Yên": 18,
        "Huyện Yên Sơn": 28,
        "Huyện Sơn Dương": 30,
    }


def test_every_commune_point_lies_in_its_own_cell_only():
    cells, points = commune_cells(), commune_points()
    assert (cells["commune_code"] == points["commune_code"]).all()
    assert cells.contains(points).all()
    assert len(cells.sjoin(points[["geometry"]], predicate="contains")) == 137


def test_the_communes_fill_the_published_area_without_overlap():
    cells = commune_cells()
    geod = Geod(ellps="WGS84")
    area_km2 = sum(abs(geod.geometry_area_perimeter(cell)[0]) for cell in cells.to_crs(4326).geometry) / 1e6
    assert area_km2 == pytest.approx(5_868, abs=1)
    assert cells.area.sum() == pytest.approx(outline().area, rel=1e-6)
    assert cells.union_all().area == pytest.approx(cells.area.sum(), rel=1e-6)
    assert (cells.geom_type == "Polygon").all()


def test_water_leaves_a_pit_over_its_lowest_rim_and_breaching_opens_it():
    wall, pit, gap = 900, 100, 300
    height_cm = np.full((5, 7), wall)
    height_cm[2, 2:5] = pit
    height_cm[2, 5:] = gap, 50
    order, receiver, filled_cm = flow(height_cm, np.zeros((5, 7), bool))
    assert filled_cm[2].tolist() == [wall, wall, gap, gap, gap, gap, 50]
    opened = breached(height_cm, np.zeros((5, 7), bool), order, receiver)
    assert opened[2, 2:].tolist() == [pit, pit, pit, pit, 50]
    assert upstream_cells(order, receiver).reshape(5, 7)[2, 6] >= 5


def test_ground_below_the_river_it_drains_to_is_raised_to_it():
    height_cm = np.full((3, 6), 900)
    height_cm[1] = 900, 500, 400, 300, 200, 900
    river = np.zeros((3, 6), bool)
    river[1, 1] = True
    order, receiver, _ = flow(height_cm, river)
    assert breached(height_cm, river, order, receiver)[1].tolist() == [900, 500, 500, 500, 500, 900]


def test_incision_lowers_valleys_more_than_ridges_and_never_raises_ground():
    across, down = np.meshgrid(np.arange(41), np.arange(60, 0, -1))
    height_cm = (down * 200 + np.abs(across - 20) * 300).astype(np.int64)
    order, receiver, filled_cm = flow(height_cm, np.zeros(height_cm.shape, bool))
    cut_cm = filled_cm - incised(filled_cm, order, receiver, upstream_cells(order, receiver), 0.1)
    assert cut_cm.min() == 0
    assert cut_cm[5:40, 20].mean() > 2 * cut_cm[5:40, 10].mean()
