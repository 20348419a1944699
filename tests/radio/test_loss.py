"""Path loss on the grid: what is kept on disk is what was computed, and only what changed is computed again."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, radial, tables_for
from covplan.radio.loss import Mast, links, path_loss_matrix, path_loss_window
from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.settings import Propagation
from covplan.terrain.ground import Ground, load_ground
from tests.radio.test_kernels import TILE

GRID = Grid(9211, 30.0, 400_000.0, 2_450_000.0, 120, 160)
PROPAGATION = Propagation(radius_km=2.0)
MAST = Mast(402_000.0, 2_448_500.0, 40.0, 1842.5)


@pytest.fixture(scope="module")
def hills():
    return ground(400 + gaussian_filter(np.random.default_rng(5).normal(0, 2000, GRID.shape), 10))


def ground(elevation_m, clutter_m=0.0):
    heights = (
        np.broadcast_to(np.asarray(values, np.float32), GRID.shape).copy() for values in (elevation_m, clutter_m)
    )
    return Ground(GRID, *heights)


def files(folder):
    return sorted(path.name for path in folder.glob("*.loss"))


def test_losses_read_back_equal_those_just_made(hills, tmp_path):
    made = path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    read = path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    without = path_loss_window(MAST, hills, PROPAGATION)
    assert len(files(tmp_path)) == 1
    for other in (read, without):
        np.testing.assert_array_equal(made.loss_db, other.loss_db)
        assert (made.top, made.left, made.row, made.column) == (other.top, other.left, other.row, other.column)


def test_only_a_moved_mast_is_computed_again(hills, tmp_path):
    path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    before = files(tmp_path)
    written = (tmp_path / before[0]).stat().st_ino  # a file made again is another one
    moved = Mast(MAST.x_m + 30.0, MAST.y_m, MAST.antenna_height_m, MAST.frequency_mhz)
    for mast in (MAST, moved):
        path_loss_window(mast, hills, PROPAGATION, cache=tmp_path)
    assert len(files(tmp_path)) == 2
    assert set(before) < set(files(tmp_path))
    assert (tmp_path / before[0]).stat().st_ino == written


@pytest.mark.parametrize(
    "change",
    [
        {"radius_km": 1.9},
        {"receiver_height_m": 4.0},
        {"delta_n": 45.0},
        {"surface_n": 320.0},
    ],
)
def test_a_setting_the_loss_depends_on_is_part_of_the_key(hills, tmp_path, change):
    path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    path_loss_window(MAST, hills, PROPAGATION.model_copy(update=change), cache=tmp_path)
    assert len(files(tmp_path)) == 2


def test_a_threshold_or_spread_is_no_part_of_the_key(hills, tmp_path):
    path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    path_loss_window(MAST, hills, PROPAGATION.model_copy(update={"location_sigma_db": 6.0}), cache=tmp_path)
    assert len(files(tmp_path)) == 1


def test_terrain_well_beyond_the_radius_is_no_part_of_the_key(hills, tmp_path):
    shorter = Propagation(radius_km=1.7)  # the ground is digested by tiles of TILE cells
    path_loss_window(MAST, hills, shorter, cache=tmp_path)
    far = ground(hills.elevation_m)
    far.elevation_m[:, -5:] += 50
    path_loss_window(MAST, far, shorter, cache=tmp_path)
    near = ground(hills.elevation_m)
    near.elevation_m[50, 80] += 50
    path_loss_window(MAST, near, shorter, cache=tmp_path)
    assert len(files(tmp_path)) == 2


def test_a_file_cut_short_is_made_again(hills, tmp_path):
    whole = path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path)
    (path,) = tmp_path.glob("*.loss")
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path).loss_db, whole.loss_db)
    path.write_bytes(b"")
    np.testing.assert_array_equal(path_loss_window(MAST, hills, PROPAGATION, cache=tmp_path).loss_db, whole.loss_db)


def test_the_window_holds_the_loss_of_the_radial_through_a_cell(hills):
    x_m, y_m = (float(v) for v in GRID.xy(50, 60))
    mast = Mast(x_m, y_m, 40.0, 1842.5)
    window = path_loss_window(mast, hills, PROPAGATION)
    samples = 68
    setting = Setting(1.8425, 40.0, 1.5, effective_earth_km(PROPAGATION.delta_n), PROPAGATION.surface_n, True, 0.03)
    north = hills.elevation_m[50::-1, 60].astype(float)
    loss = np.full(north.size, np.nan)
    wanted = np.ones(north.size, dtype=np.bool_)
    radial(north, north, north.size, setting, tables_for(setting, samples, 22.0), wanted, loss)
    got = window.loss_db[: 50 - window.top + 1, 60 - window.left][::-1]
    np.testing.assert_allclose(got[2:], loss[2:], atol=0.006)  # kept to a hundredth of a decibel


def apart_from_links_db(land, mast, propagation, most_db=174.0):
    """Of the map's cells that matter: how much their loss is off that of the links to their centres."""
    window = path_loss_window(mast, land, propagation, most_db=most_db)
    rows, columns = np.nonzero(~np.isnan(window.loss_db))
    x_m, y_m = land.grid.xy(rows + window.top, columns + window.left)
    found = links([mast], x_m, y_m, land, propagation)
    assert found.points.size > 0.99 * rows.size
    linked = found.loss_db
    on_map = window.loss_db[rows, columns][found.points]
    matter = linked <= most_db
    return np.minimum(on_map, most_db)[matter] - linked[matter]


def test_a_cell_of_the_map_has_the_loss_of_its_centre(hills):
    for clutter in (0.0, np.where(np.random.default_rng(2).random(GRID.shape) < 0.4, 12.0, 0.0)):
        land = ground(hills.elevation_m, clutter)
        off_db = apart_from_links_db(land, MAST, PROPAGATION)
        assert np.percentile(np.abs(off_db), 99.9) < 6
        assert np.percentile(np.abs(off_db), 50) < 0.5
        assert abs(off_db.mean()) < 0.2


@pytest.mark.needs("reference")
@pytest.mark.parametrize("cell_m", [30.0, 90.0])
def test_on_real_relief_a_cell_of_the_map_has_the_loss_of_its_centre(cell_m):
    old = rasterio.__gdal_version__.startswith("3.9.")  # makes another ground of coarse cells: 6.3 dB there, not 5.9
    most_db = 7 if old and cell_m > 30 else 6
    land = load_ground(Grid.from_bounds((410_000.0, 2_380_000.0, 440_000.0, 2_410_000.0), cell_m, 9211), TILE)
    off_db = np.concatenate(
        [
            apart_from_links_db(land, Mast(x, 2_395_000.0, 40.0, 1842.5), Propagation(radius_km=6))
            for x in (4.2e5, 4.3e5)
        ]
    )
    assert off_db.size > 10_000
    assert np.percentile(np.abs(off_db), 99.9) < most_db
    assert abs(off_db.mean()) < 0.2


def test_power_counts_for_what_is_kept_only_where_it_reaches_further(hills, tmp_path):
    for most_db in (150.4, 151.9):
        path_loss_window(MAST, hills, PROPAGATION, most_db=most_db, cache=tmp_path)
    assert len(files(tmp_path)) == 1
    path_loss_window(MAST, hills, PROPAGATION, most_db=153.0, cache=tmp_path)
    assert len(files(tmp_path)) == 2


def test_a_loss_beyond_the_most_that_matters_is_infinite_and_the_rest_as_ever(hills):
    every = path_loss_window(MAST, hills, PROPAGATION).loss_db
    some = path_loss_window(MAST, hills, PROPAGATION, most_db=120.0).loss_db
    assert np.nanmax(some[np.isfinite(some)]) <= 120.0
    assert (every[np.isinf(some)] > 112).all()  # 120 less what lies between receivers of the sweep
    both = np.isfinite(some) & (every < 112)
    assert both.sum() > 1000
    assert np.abs(some[both] - every[both]).max() < 6


def test_every_cell_within_the_radius_has_a_loss_and_none_beyond(hills):
    window = path_loss_window(MAST, hills, PROPAGATION)
    rows, columns = np.indices(window.loss_db.shape)
    away_m = 30.0 * np.hypot(rows + window.top - window.row, columns + window.left - window.column)
    assert not np.isnan(window.loss_db[away_m <= 2000]).any()
    assert np.isnan(window.loss_db[away_m > 2000]).all()


def test_a_receiver_on_the_mast_gets_a_finite_loss(hills):
    window = path_loss_window(MAST, hills, PROPAGATION)
    at_mast = window.loss_db[round(window.row) - window.top, round(window.column) - window.left]
    assert 20 < at_mast < 90


@pytest.mark.parametrize(("x_m", "y_m"), [(399_000.0, 2_448_500.0), (402_000.0, 2_460_000.0)])
@speaking("en")
def test_a_mast_outside_the_terrain_is_named(hills, x_m, y_m):
    with pytest.raises(LayerError, match=f"x={x_m:.0f} y={y_m:.0f}.*no terrain there"):
        path_loss_window(Mast(x_m, y_m, 40.0, 1842.5), hills, PROPAGATION)


@speaking("en")
def test_a_mast_on_a_void_is_named():
    holed = ground(400.0)
    row, column = (int(v) for v in GRID.rowcol(MAST.x_m, MAST.y_m))
    holed.elevation_m[row - 1 : row + 2, column - 1 : column + 2] = np.nan
    with pytest.raises(LayerError, match="no terrain there"):
        path_loss_window(MAST, holed, PROPAGATION)


def test_behind_a_void_nothing_is_claimed_and_elsewhere_nothing_is_lost():
    whole, holed = ground(400.0), ground(400.0)
    row, column = (int(v) for v in GRID.rowcol(MAST.x_m, MAST.y_m))
    holed.elevation_m[row - 3 : row + 4, column + 20 : column + 24] = np.nan
    full = path_loss_window(MAST, whole, PROPAGATION).loss_db
    cut = path_loss_window(MAST, holed, PROPAGATION)
    r, c = row - cut.top, column - cut.left
    assert np.isnan(cut.loss_db[r, c + 24 : c + 60]).all()
    np.testing.assert_array_equal(cut.loss_db[:, : c + 10], full[:, : c + 10])


def test_the_matrix_holds_the_links_that_are_not_too_weak(hills):
    x_m, y_m = GRID.xy(np.arange(5, 115, 10), np.arange(5, 115, 10))
    masts = [MAST, Mast(403_300.0, 2_447_800.0, 25.0, 773.0)]
    x_m, y_m = np.append(x_m, 390_000.0), np.append(y_m, 2_400_000.0)  # one far outside
    matrix = path_loss_matrix(masts, x_m, y_m, hills, PROPAGATION, most_db=140.0)
    found = links(masts, x_m, y_m, hills, PROPAGATION)
    assert matrix.shape == (2, 12)
    assert 0 < matrix.nnz < found.points.size
    for m in range(2):
        part = slice(found.starts[m], found.starts[m + 1])
        near = found.loss_db[part] <= 140.0
        row = matrix[[m]]
        np.testing.assert_array_equal(row.indices, found.points[part][near])
        np.testing.assert_array_equal(row.data, found.loss_db[part][near])
