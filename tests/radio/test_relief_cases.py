"""Relief everybody has, the flat sea, and input that must be refused or have a documented result: never a silent map.

The relief is the Jacksboro fault in Tennessee (USGS), which comes with matplotlib.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from covplan.radio.formulas import effective_earth_km, first_term_over, free_space
from covplan.radio.kernels import bilinear
from covplan.radio.links import receive
from covplan.radio.loss import Mast, links, path_loss_window
from covplan.radio.p1812 import DELTA_N, path_loss
from covplan.study.errors import LayerError, OutsideValidity
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.settings import Propagation, Radio
from covplan.terrain.ground import Ground
from covplan.terrain.profile import profile
from tests.radio.test_coverage import CELLS, stations
from tests.radio.test_kernels import ALLOWED_DB, difference_db, setting

NEAR = Propagation(radius_km=8.0)
RIDGE_M, FREE_SHARE = 40.0, 0.6


@pytest.fixture(scope="module")
def jacksboro():
    data = get_sample_data("jacksboro_fault_dem.npz")
    heights = data["elevation"].astype(np.float32)
    metres = float(data["dy"]) * 111_320
    assert 20 < metres < 120
    grid = Grid(9211, round(metres), 400_000.0, 2_450_000.0, *heights.shape)
    return Ground(grid, heights, np.zeros_like(heights))


def over_the_ray(ground, start, end, antenna_m, ghz=1.8425):
    """Highest terrain over the straight ray (m), and the least clearance in radii of the first Fresnel zone."""
    path = profile(ground, start, end, ground.grid.cell_m)
    d, length = path.distance_m, path.distance_m[-1]
    ray = np.linspace(path.height_m[0] + antenna_m, path.height_m[-1] + 1.5, d.size)
    over = (path.height_m + d * (length - d) / (2000 * effective_earth_km(DELTA_N)) - ray)[1:-1]
    zone = np.sqrt(0.2998 / ghz * d * (length - d) / length)[1:-1]
    return over.max(), (-over / zone).min()


def test_behind_the_jacksboro_ridges_it_is_dark_and_in_sight_there_is_free_space(jacksboro):
    grid, chance = jacksboro.grid, np.random.default_rng(6)
    blocked, clear = [], []
    for _ in range(6):
        row, column = chance.integers(90, np.array(grid.shape) - 90)
        start = tuple(float(v) for v in grid.xy(row, column))
        window = path_loss_window(Mast(*start, 40.0, 1842.5), jacksboro, NEAR)
        for r, c in chance.integers([row - 80, column - 80], [row + 80, column + 80], (250, 2)):
            away_km = math.hypot(r - row, c - column) * grid.cell_m / 1000
            if not 1.0 < away_km < 7.9:
                continue
            end = tuple(float(v) for v in grid.xy(r, c))
            excess_db = window.loss_db[r - window.top, c - window.left] - free_space(1.8425, away_km, 0.0)
            over_m, clearance = over_the_ray(jacksboro, start, end, 40.0)
            if over_m > RIDGE_M:
                blocked.append(excess_db)
            elif clearance > FREE_SHARE:
                clear.append(excess_db)
    assert len(blocked) > 300
    assert len(clear) > 15
    assert np.percentile(blocked, 1) > 20
    assert np.median(clear) < 3
    assert np.median(blocked) - np.median(clear) > 30


def test_every_receiver_on_jacksboro_has_the_loss_of_its_exact_path(jacksboro):
    chance = np.random.default_rng(7)
    worst, count = 0.0, 0
    for _ in range(60):
        row, column, bearing = *chance.uniform(115, np.array(jacksboro.grid.shape) - 115), chance.uniform(0, 2 * np.pi)
        along = np.arange(220) / 2
        h = np.array([bilinear(jacksboro.elevation_m, row - i * np.cos(bearing), column + i * np.sin(bearing))
                      for i in along])  # fmt: skip
        one = setting(chance.choice([768.0, 1842.5, 3550.0]), chance.uniform(10, 60), step_km=0.045)
        differences = difference_db(h, h.copy(), one)
        worst, count = max(worst, differences.max()), count + differences.size
    assert count > 13_000
    assert worst < ALLOWED_DB


def test_a_flat_sea_in_sight_is_free_space_and_beyond_the_horizon_the_residue_series():
    for km in (30.0, 120.0, 150.0):
        d = np.linspace(0, km, 301)
        path = path_loss(
            d, 0 * d, 0 * d, zone=np.ones(301, int), frequency_mhz=900, tx_height_m=60, rx_height_m=20,
            tx_coast_km=0.0, rx_coast_km=0.0,
        )  # fmt: skip
        horizon_km = math.sqrt(2 * effective_earth_km(DELTA_N)) * (math.sqrt(0.060) + math.sqrt(0.020))
        assert path.sea_share == 1.0
        if km < horizon_km:
            assert path.diffraction_db < 6
        else:
            first = first_term_over(80.0, 5.0, True, km, 60.0, 20.0, effective_earth_km(DELTA_N), 0.9)
            assert path.diffraction_db == pytest.approx(first, abs=0.05)
    # P.526-15 §3.1.1.2: far beyond the horizon the field falls with 17.6 X less 10 log X, X = 21.88 d (f / a²)^(1/3).
    losses = [first_term_over(80.0, 5.0, False, km, 60.0, 20.0, 8500.0, 0.9) for km in (400.0, 401.0)]
    slope = 17.6 * 21.88 * (0.9 / 8500.0**2) ** (1 / 3) - 10 * math.log10(401 / 400)
    assert losses[1] - losses[0] == pytest.approx(slope, abs=0.02)


def test_over_a_flat_plain_the_map_falls_in_circles():
    grid = Grid(9211, 50.0, 400_000.0, 2_450_000.0, 241, 241)
    plain = Ground(grid, np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32))
    centre = tuple(float(v) for v in grid.xy(120, 120))
    window = path_loss_window(Mast(*centre, 40.0, 1842.5), plain, Propagation(radius_km=6.0))
    rows, columns = np.indices(window.loss_db.shape)
    cells = np.hypot(rows + window.top - 120, columns + window.left - 120)
    along = window.loss_db[120 - window.top, 120 - window.left + 5 :]
    far = (cells > 10) & (cells < 118)
    by_distance_db = np.interp(cells[far], 5 + np.arange(along.size), along)
    np.testing.assert_allclose(window.loss_db[far], by_distance_db, atol=0.03)
    assert (np.diff(along[np.isfinite(along)]) > 0).all()


WIDE = Grid(9211, 50.0, 400_000.0, 2_450_000.0, 80, 80)
MIDDLE = (402_025.0, 2_447_975.0)


def flat(height_m=100.0):
    return Ground(WIDE, np.full(WIDE.shape, height_m, np.float32), np.zeros(WIDE.shape, np.float32))


@pytest.mark.parametrize(
    ("mast", "said"),
    [
        (Mast(*MIDDLE, 40.0, 28_000.0), "frequency_mhz = 28000: outside 30 to 6000"),
        (Mast(*MIDDLE, 40.0, float("nan")), "frequency_mhz = nan"),
        (Mast(*MIDDLE, -3.0, 1842.5), "antenna_height_m = -3: outside 1 to 3000"),
        (Mast(*MIDDLE, 0.0, 1842.5), "antenna_height_m = 0"),
        (Mast(*MIDDLE, float("nan"), 1842.5), "antenna_height_m = nan"),
    ],
)
@speaking("en")
def test_a_mast_outside_the_model_is_refused_on_the_grid_and_at_points(mast, said):
    with pytest.raises(OutsideValidity, match=said):
        path_loss_window(mast, flat(), NEAR)
    with pytest.raises(OutsideValidity, match=said):
        links([mast], [MIDDLE[0]], [MIDDLE[1]], flat(), NEAR)


@speaking("en")
def test_a_mast_beside_the_raster_or_on_a_void_is_named_at_points_too():
    holed = flat()
    holed.elevation_m[38:43, 38:43] = np.nan
    for mast, land in ((Mast(390_000.0, MIDDLE[1], 40.0, 1842.5), flat()), (Mast(*MIDDLE, 40.0, 1842.5), holed)):
        with pytest.raises(LayerError, match="no terrain there"):
            links([mast], [MIDDLE[0]], [MIDDLE[1]], land, NEAR)


def test_a_receiver_on_the_mast_behind_a_void_or_outside_has_a_documented_result():
    land = flat()
    land.elevation_m[:, 60:63] = np.nan
    x = [MIDDLE[0], MIDDLE[0] + 0.5, MIDDLE[0] + 1500, MIDDLE[0] + 1050, 396_000.0]
    found = links([Mast(*MIDDLE, 40.0, 1842.5)], x, [MIDDLE[1]] * 5, land, NEAR).loss_db
    above_db = free_space(1.8425, 0.001, 38.5)
    assert found[:2] == pytest.approx([above_db] * 2, abs=0.02)
    assert np.isnan(found[2:]).all()  # behind the void, on it, outside: not known, which is not "no signal"
    at = receive(stations(MIDDLE), CELLS, x, [MIDDLE[1]] * 5, land, "4G", Radio(), NEAR)
    assert np.isfinite(at.rsrp_dbm[:2]).all()
    assert np.isnan(at.rsrp_dbm[2:]).all()
    assert np.isnan(at.probability[3:]).all()


def test_ground_below_the_sea_and_clutter_everywhere_give_finite_losses():
    deep = flat(-400.0)
    deep.clutter_m[:] = 30.0
    window = path_loss_window(Mast(*MIDDLE, 3.0, 773.0), deep, NEAR)
    assert np.isfinite(window.loss_db).all()
    assert window.loss_db.min() > 30
