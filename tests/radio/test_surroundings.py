"""The last metres: clutter around a receiver counts in metres and by its mean, and no more than P.2108 says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_allclose
from rasterio.transform import Affine

from benchmarks.surroundings import X_M, Y_M, all_over_db, grown_db, loss_db, open_ground, plain
from covplan.radio import formulas as f
from covplan.radio.loss import Mast, links, path_loss_window
from covplan.radio.p1812 import path_loss
from covplan.study.grid import Grid
from covplan.study.settings import Propagation
from covplan.terrain.ground import load_ground


@pytest.mark.parametrize(
    ("terminal_m", "clutter_m", "lost_db"), [(2, 10, 20.5), (2, 6, 14.6), (2, 15, 24.5), (2, 20, 27.1)]
)
def test_a_terminal_below_its_clutter_has_the_loss_of_the_reference_implementation(terminal_m, clutter_m, lost_db):
    """P.2108-1 §3.1 (2a) at 1.5 GHz and 27 m: test data of the U.S. reference implementation (NTIA/p2108)."""
    assert f.terminal_clutter(1.5, clutter_m, terminal_m, 0.0) == pytest.approx(lost_db, abs=0.05)
    assert f.terminal_clutter(1.5, terminal_m, terminal_m, 0.0) == -math.inf


def test_the_median_of_clutter_is_that_of_the_reference_implementation():
    """P.2108-1 §3.2: test data of NTIA/p2108, at 50 % of the places and, less the spread of eq. (3b), at 0.1 %."""
    assert f.median_clutter(0.5, 0.25) == pytest.approx(17.4, abs=0.05)
    assert f.median_clutter(0.4, 0.01) == f.median_clutter(0.5, 0.25)
    assert f.median_clutter(1.8425, 30.0) == f.median_clutter(1.8425, 2.0)
    shares = [10 ** (-0.2 * one) for one in (30.398, 32.98 + 3 * math.log10(3.5))]  # of eqs. (4a) and (5a)
    spread_db = math.sqrt((16 * shares[0] + 36 * shares[1]) / sum(shares))
    assert f.median_clutter(3.5, 1.0) - 3.0902 * spread_db == pytest.approx(16.8, abs=0.05)


def test_a_steep_ray_comes_in_over_the_roofs():
    rises = [f.terminal_clutter(1.8425, 10.0, 1.5, rise) for rise in (-50.0, 0.0, 50.0, 150.0, 400.0)]
    assert rises[0] == rises[1] > rises[2] > rises[3] > rises[4] == -math.inf


@pytest.mark.parametrize("height_m", [5, 10, 15, 20])
def test_a_built_up_plain_costs_the_same_on_cells_of_any_size(height_m):
    found = [all_over_db(height_m, cell_m) for cell_m in (10.0, 30.0, 90.0)]
    assert np.ptp(found) < 1.0  # 9 dB apart with the clutter as it stands in the cells
    assert max(found) < 28.0
    assert height_m < 10 or min(found) > 21.9


@pytest.mark.parametrize("height_m", [10, 15, 20])
def test_no_cell_more_of_trees_or_houses_makes_a_step(height_m):
    found = grown_db(height_m, 30.0, 100)
    assert np.abs(np.diff(found)).max() < 6.0
    assert (np.diff(found) > -0.1).all()
    assert found[-1] > 27.0
    assert np.diff(grown_db(height_m, 30.0, 10, clearing_m=0.0)).max() > 35.0  # of the Recommendation alone


def test_an_open_cell_beside_one_of_forest_is_open():
    clutter = open_ground(30.0)
    middle = clutter.shape[0] // 2
    before = loss_db(clutter, 30.0)
    clutter[middle, middle - 1] = 15.0
    assert loss_db(clutter, 30.0) - before < 1.0


def test_without_a_clearing_it_is_the_recommendation():
    d = np.arange(0, 3.01, 0.03)
    clutter = np.where(d > 1.0, 12.0, 0.0)
    given = {"frequency_mhz": 1842.5, "tx_height_m": 40.0, "rx_height_m": 1.5}
    plain_text = path_loss(d, np.full(d.size, 50.0), clutter, **given)
    assert plain_text.most_clutter_db == math.inf
    assert plain_text.terminal_clutter_db == -math.inf
    around = path_loss(d, np.full(d.size, 50.0), clutter, **given, clearing_m=75.0)
    assert around.bullington_db == around.bare_bullington_db + around.most_clutter_db < plain_text.bullington_db


def test_raster_and_link_have_the_same_end():
    clutter = np.random.default_rng(3).choice([0.0, 10.0, 15.0], (141, 141))
    ground = plain(clutter, 30.0)
    mast = Mast(X_M, Y_M, 40.0, 1842.5)
    window = path_loss_window(mast, ground, Propagation(radius_km=2.0))
    north = np.arange(3, 60)  # straight north a sample of the sweep is a cell's centre
    single = links([mast], np.full(north.size, X_M), Y_M + 30.0 * north, ground, Propagation(radius_km=2.0))
    row, column = round(window.row) - window.top, round(window.column) - window.left
    assert_allclose(window.loss_db[row - north, column], single.loss_db, atol=0.02)


def test_land_cover_finer_than_the_grid_enters_by_shares(tmp_path):
    grid = Grid(9211, 30.0, 400_000.0, 2_400_000.0, 4, 4)
    fine = np.full((12, 12), 40, np.uint8)  # cropland
    fine[:3, :2] = 10  # two thirds of the first cell are trees
    for name, values, cell_m in (("z.tif", np.zeros((4, 4), np.float32), 30.0), ("lc.tif", fine, 10.0)):
        with rasterio.open(
            tmp_path / name, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1,
            dtype=values.dtype, crs="EPSG:9211", transform=Affine(cell_m, 0, grid.west_m, 0, -cell_m, grid.north_m),
        ) as out:  # fmt: skip
            out.write(values, 1)
    ground = load_ground(grid, tmp_path / "z.tif", tmp_path / "lc.tif", heights_m={10: 15.0, 40: 0.0})
    assert_allclose(ground.clutter_m[0], [10.0, 0.0, 0.0, 0.0], atol=1e-6)
    assert ground.landcover is not None
    assert ground.landcover[0].tolist() == [10, 40, 40, 40]


def test_the_mean_around_is_that_of_a_square_as_large_as_the_circle():
    height_m = np.zeros((41, 41), np.float32)
    height_m[20, 20] = 12.0
    mean = plain(height_m, 30.0).clutter_around(75.0)
    assert mean[20, 20] == pytest.approx(12.0 * 900 / (math.pi * 75**2), rel=1e-5)
    assert mean.sum() == pytest.approx(12.0, rel=1e-4)
    assert plain(height_m, 500.0).clutter_around(75.0)[20, 20] == 12.0  # a cell larger than the surroundings
