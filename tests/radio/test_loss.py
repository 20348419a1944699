"""Path loss on the grid: what is kept on disk is what was computed, and only what changed is computed again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, radial, tables_for
from covplan.radio.loss import Mast, links, path_loss_matrix, path_loss_window
from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.settings import Propagation
from covplan.terrain.ground import Ground

GRID = Grid(9211, 30.0, 400_000.0, 2_450_000.0, 120, 160)
PROPAGATION = Propagation(radius_km=2.0)
MAST = Mast(402_000.0, 2_448_500.0, 40.0, 1842.5)


@pytest.fixture(scope="module")
def hills():
    return ground(400 + gaussian_filter(np.random.default_rng(5).normal(0, 2000, GRID.shape), 10))


def ground(elevation_m, clutter_m=0.0):
    elevation_m = np.broadcast_to(np.asarray(elevation_m, np.float32), GRID.shape).copy()
    return Ground(GRID, elevation_m, np.full(GRID.shape, clutter_m, dtype=np.float32))


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
    stamp = (tmp_path / before[0]).stat().st_mtime_ns
    moved = Mast(MAST.x_m + 30.0, MAST.y_m, MAST.antenna_height_m, MAST.frequency_mhz)
    for mast in (MAST, moved):
        path_loss_window(mast, hills, PROPAGATION, cache=tmp_path)
    assert len(files(tmp_path)) == 2
    assert set(before) < set(files(tmp_path))
    assert (tmp_path / before[0]).stat().st_mtime_ns == stamp


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
