"""The physical base of the sample: communes, relief, rivers, land cover."""

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod, Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy.ndimage import label, uniform_filter

from covplan.sample.allocation import allocated, land_of
from covplan.sample.communes import commune_cells, commune_points, outline
from covplan.sample.drainage import Relief, breached, flow, hillsides, incised, upstream_cells
from covplan.sample.landcover import AT_HOME, FINER, Home, home_m2, land_cover
from covplan.sample.outlines import smooth_outlines
from covplan.sample.published import published
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
def land(ground):
    return land_of(ground, TRANSFORM)


@pytest.fixture(scope="module")
def cells(land):
    return commune_cells(land)


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


def share(cover, code, where):
    return float((cover[where] == code).mean())


def test_land_cover_holds_what_is_known_of_the_province(ground, inside):
    cover = land_cover(ground, TRANSFORM, SEED)
    province = np.kron(inside, np.ones((FINER, FINER), bool))
    land = published("land", year=2013)
    forest_land, annual, perennial = (
        published(item, year=2013) / land for item in ("forestry_land", "annual_crops", "perennial_crops")
    )
    # Forest covers 65 % and more; orchards and gardens are trees too, some forestry land bears none.
    assert 0.65 < share(cover, 10, province) < forest_land + perennial
    assert annual < share(cover, 40, province) < 2 * (annual + perennial)
    assert share(cover, 20, province) + share(cover, 30, province) == pytest.approx(forest_land - 0.65, abs=0.03)
    assert set(np.unique(cover)) == {10, 20, 30, 40, 80}
    coarse = cover[FINER // 2 :: FINER, FINER // 2 :: FINER]
    heights, slopes = ground.elevation_m, slope_deg(ground.elevation_m.astype(float))
    assert np.median(heights[coarse == 40]) < np.median(heights[coarse == 10]) / 2
    assert np.percentile(slopes[coarse == 40], 99) < 20
    assert (coarse[ground.water] == 80).all()


def discs(homes, radius_m):
    """Cells within a distance of homes."""
    y, x = np.mgrid[0 : FINER * SHAPE[0], 0 : FINER * SHAPE[1]]
    x, y = TRANSFORM.c + (x + 0.5) * CELL_M / FINER, TRANSFORM.f - (y + 0.5) * CELL_M / FINER
    return np.any([np.hypot(x - home.x_m, y - home.y_m) <= radius_m for home in homes], axis=0)


def test_houses_of_a_hamlet_stand_among_trees_gardens_and_fields_in_the_shares_assumed(ground):
    dry = Relief(ground.elevation_m, np.zeros(SHAPE, bool))
    at = [(TRANSFORM.c + column * CELL_M, TRANSFORM.f - 1100 * CELL_M) for column in (400, 440, 480, 520)]
    homes = [Home(x, y, 400, town=False) for x, y in at]
    garden_m2, around_m2 = home_m2()
    cover = land_cover(dry, TRANSFORM, SEED, homes)
    gardens = discs(homes, 0.6 * np.sqrt(400 * garden_m2 / np.pi))
    assert share(cover, 50, gardens) == pytest.approx(AT_HOME[0], abs=0.05)
    assert share(cover, 10, gardens) == pytest.approx(AT_HOME[1], abs=0.08)
    beyond = discs(homes, np.sqrt(400 * (garden_m2 + around_m2) / np.pi) * 2.5)
    assert share(cover, 50, ~beyond) == 0
    wild = land_cover(dry, TRANSFORM, SEED)
    assert np.array_equal(cover[~beyond], wild[~beyond])
    tilled_m2 = ((cover == 40) & (wild != 40)).sum() * (CELL_M / FINER) ** 2
    assert tilled_m2 < 4 * 400 * (garden_m2 + around_m2)


def test_a_town_is_built_up_in_proportion_to_its_households(ground):
    dry = Relief(ground.elevation_m, np.zeros(SHAPE, bool))
    x, y = TRANSFORM.c + 470 * CELL_M, TRANSFORM.f - 1100 * CELL_M
    cover = land_cover(dry, TRANSFORM, SEED, [Home(x, y, 3_000, town=True)])
    built = np.argwhere(cover == 50)
    assert len(built) * (CELL_M / FINER) ** 2 == pytest.approx(3_000 * 900 * 0.72, rel=0.3)
    assert np.abs(built.mean(0) - (FINER * 1100, FINER * 470)).max() < 9


def test_137_communes_with_distinct_codes_in_seven_districts(cells):
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


def test_every_commune_point_lies_in_its_own_cell_only(cells):
    points = commune_points()
    assert (cells["commune_code"] == points["commune_code"]).all()
    assert cells.contains(points).all()
    assert len(cells.sjoin(points[["geometry"]], predicate="contains")) == 137


def test_the_communes_fill_the_published_area_without_gap_or_overlap(cells):
    geod = Geod(ellps="WGS84")
    area_km2 = sum(abs(geod.geometry_area_perimeter(cell)[0]) for cell in cells.to_crs(4326).geometry) / 1e6
    assert area_km2 == pytest.approx(5_868, rel=1e-3)
    assert cells.is_valid.all()
    province = cells.union_all()
    assert province.geom_type == "Polygon"
    assert not province.interiors
    assert province.area == pytest.approx(cells.area.sum(), rel=1e-9)
    assert (cells.geom_type == "Polygon").all()
    off = province.symmetric_difference(outline()).area
    assert off < 0.1 * province.area  # it runs near the rough outline


def test_borders_run_on_ridges_and_streams_not_straight(land, cells):
    """Few cells beside a border lie on the same hillside as the ones across it, against many along a random line."""
    piece = land.pieces[0]
    number = rasterize(zip(cells.geometry, range(1, 138), strict=True), SHAPE, transform=TRANSFORM, dtype="int32")
    across = (number[:, :-1] != number[:, 1:]) & (number[:, :-1] > 0) & (number[:, 1:] > 0)
    same = (piece[:, :-1] == piece[:, 1:]) & (piece[:, :-1] >= 0)
    inner = (number[:, :-1] > 0) & (number[:, 1:] > 0)
    assert same[across].mean() < 0.5 * same[inner].mean()


def test_ground_is_shared_out_connected_whole_and_with_its_places():
    slope = np.tile(np.abs(np.arange(60) - 30) * -20 + 900, (50, 1))  # a ridge from north to south
    land = land_of(Relief(slope.astype(np.int16), np.zeros((50, 60), bool)), TRANSFORM)
    row, column = np.array([25, 25, 4]), np.array([5, 50, 55])
    inside = np.ones((50, 60), bool)
    inside[:, 58:] = False
    holder = allocated(land, row, column, inside, kept=np.array([2, 2, 2]))
    assert (holder[~inside] == -1).all()
    assert (holder[inside] >= 0).all()
    assert holder[row, column].tolist() == [0, 1, 2]
    for place in range(3):
        assert label(holder == place)[1] == 1
    ridge = [np.flatnonzero(line == 0).max() for line in holder[10:40]]
    assert np.abs(np.array(ridge) - 30).max() <= 3  # the border is the ridge, though the middle is at 27


def test_outlines_of_a_raster_fit_without_gap_and_keep_their_area():
    rng = np.random.default_rng(3)
    seeds = rng.integers(8, 60, (12, 2))
    row, column = np.mgrid[0:60, 0:60]
    away = (row[..., None] - seeds[:, 0]) ** 2 + (column[..., None] - seeds[:, 1]) ** 2
    holder = np.argmin(away, axis=2).astype(np.int32)
    holder[:6] = -1
    outlines = gpd.GeoSeries(smooth_outlines(holder, TRANSFORM, 12))
    assert outlines.is_valid.all()
    assert outlines.union_all().area == pytest.approx(outlines.area.sum(), rel=1e-9)
    counted = np.bincount(holder[holder >= 0], minlength=12) * CELL_M**2
    assert outlines.area.to_numpy() == pytest.approx(counted, rel=0.05)
    plain = gpd.GeoSeries(smooth_outlines(holder, TRANSFORM, 12, rounds=0))
    assert plain.area.to_numpy() == pytest.approx(counted, rel=1e-9)


def test_hillsides_end_at_ridges_and_on_their_stream():
    down, across = np.mgrid[60:0:-1, 0:41]
    height_cm = (down * 200 + np.abs(across - 20) * 300).astype(np.int64)  # one valley, its stream in column 20
    order, receiver, _ = flow(height_cm, np.zeros(height_cm.shape, bool))
    piece = hillsides(order, receiver, upstream_cells(order, receiver), 41, 200).reshape(height_cm.shape)
    west, east = piece[35:40, 8:18], piece[35:40, 23:33]
    assert len(np.unique(west)) == len(np.unique(east)) == 1
    assert west[0, 0] != east[0, 0]
    assert west[0, 0] // 2 == east[0, 0] // 2  # of one stretch of the stream


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
