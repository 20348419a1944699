"""Who lies behind a ridge is dark, who does not is lit: at the distances of real dark hamlets, on real relief.

The hamlets are those of which the province answered its voters that "high rock ranges obstruct" (2020 to 2023, public
pages of its People's Council): nothing but name and distance to the nearest mast, in kilometres. Where exactly they and
the masts stand is not published, so places like theirs are looked for on the relief: a valley, a mast at that distance,
and a ridge between, or none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import percentile_filter

from covplan.radio.coverage import coverage
from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.settings import Propagation, Radio
from covplan.terrain.ground import load_ground
from covplan.terrain.profile import profile
from tests.needs import need
from tests.radio.test_coverage import CELLS, stations
from tests.radio.test_kernels import TILE

DARK_HAMLETS_KM = {
    "Bản Lãm": 2.6, "Nà Tạng": 3.7, "Tát Kẻ": 6.2, "Bản Giòng": 2.6, "Bản Khẻ": 2.6, "Thôm Luông": 3.5,
    "Đồng Rôm": 2.5, "Tát Nga": 8.9, "Bản Bung": 6.0,
}  # fmt: skip
SAMPLE = Path(__file__).parents[2] / "data" / "elevation.tif"
RELIEFS = {
    # EPSG:9211, metres: the hills of Yên Sơn and Hàm Yên on SRTM; the sample's Na Hang and Lâm Bình.
    "real": (TILE, (410_000.0, 2_412_000.0, 446_000.0, 2_448_000.0)),
    "sample": (SAMPLE, (405_000.0, 2_468_000.0, 441_000.0, 2_504_000.0)),
}
RADIO, PROPAGATION = Radio(), Propagation(radius_km=10.0)
ANTENNA_M, RECEIVER_M, FREQUENCY_GHZ = 40.0, 1.5, 1.8425
RIDGE_M = 60.0  # above the ray between the two antennas
PLACES = 100  # of each kind and hamlet


@pytest.fixture(scope="module", params=RELIEFS)
def relief(request):
    path, bounds = RELIEFS[request.param]
    if path == TILE:
        need("reference")
    ground = load_ground(Grid.from_bounds(bounds, 90.0, 9211), path)
    return ground, _masts(ground)


def _masts(ground):
    """Twelve masts on the lower third of the relief around them, as masts by the road are, with their coverage."""
    grid, chance = ground.grid, np.random.default_rng(4)
    low = ground.elevation_m <= percentile_filter(ground.elevation_m, 35, size=21)
    rows, columns = np.nonzero(low)
    inner = (np.minimum(rows, grid.rows - rows) > 110) & (np.minimum(columns, grid.columns - columns) > 110)
    picked = chance.choice(np.flatnonzero(inner), 12, replace=False)
    return [(float(x), float(y)) for x, y in zip(*grid.xy(rows[picked], columns[picked]), strict=True)], low


def over_the_ray_m(ground, mast, place):
    """Highest point of terrain and earth's bulge over the straight ray, and whether 0.6 of the Fresnel zone is free."""
    path = profile(ground, mast, place, 45.0)
    d, length = path.distance_m, path.distance_m[-1]
    bulge_m = d * (length - d) / (2 * 8.5e6)
    ray_m = np.interp(d, [0, length], [path.height_m[0] + ANTENNA_M, path.height_m[-1] + RECEIVER_M])
    fresnel_m = np.sqrt(0.2998 / FREQUENCY_GHZ * d * (length - d) / length)
    over = (path.height_m + bulge_m - ray_m)[1:-1]
    return over.max(), bool((over + 0.6 * fresnel_m[1:-1] < 0).all())


def test_hamlets_behind_a_ridge_are_dark_and_those_in_sight_are_lit(relief):
    ground, (masts, low) = relief
    grid, chance = ground.grid, np.random.default_rng(9)
    covered_by = [coverage(stations(mast), CELLS, ground, "4G", RADIO, PROPAGATION).probability for mast in masts]
    rows, columns = np.indices(grid.shape)
    x_m, y_m = grid.xy(rows, columns)
    blocked_dark, clear_lit, within_5_km, gaps = [], [], 0, 0
    for distance_km in DARK_HAMLETS_KM.values():
        within_5_km += distance_km <= 5.0
        for (x, y), probability in zip(masts, covered_by, strict=True):
            away = np.hypot(x_m - x, y_m - y)
            places = np.argwhere((np.abs(away - distance_km * 1000) < 100) & low)
            for row, column in chance.permutation(places)[:PLACES]:
                try:
                    over_m, clear = over_the_ray_m(ground, (x, y), (x_m[row, column], y_m[row, column]))
                except LayerError:  # the terrain has a gap on the way
                    gaps += 1
                    continue
                if over_m > RIDGE_M:
                    blocked_dark.append(probability[row, column] < RADIO.confidence)
                elif clear:
                    clear_lit.append(probability[row, column] >= RADIO.confidence)
    assert gaps < 20
    assert within_5_km == 6  # a circle of 5 km would call these six of the nine covered
    assert len(blocked_dark) > 1000
    assert len(clear_lit) > 10
    assert np.mean(blocked_dark) > 0.99
    assert np.mean(clear_lit) > 0.5
