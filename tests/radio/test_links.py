"""What single points receive: the exact model, link by link; and what the rasters say of the same places."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from covplan.radio.antenna import find_antenna, pattern_loss
from covplan.radio.coverage import coverage, sector_table, strongest
from covplan.radio.link_budget import band
from covplan.radio.links import receive, rsrp_links
from covplan.radio.loss import Mast, links, path_loss_matrix
from covplan.radio.p1812 import path_loss
from covplan.study.codes import NOBODY
from covplan.study.errors import LayerError
from covplan.study.language import speaking
from covplan.terrain.ground import Ground
from covplan.terrain.profile import profile
from tests.radio.test_coverage import CELLS, CENTRE, GRID, NEAR, RADIO, omni, stations


@pytest.fixture(scope="module")
def hills():
    chance = np.random.default_rng(7)
    heights = 300 + gaussian_filter(chance.normal(0, 2500, GRID.shape), 8)
    clutter = np.where(gaussian_filter(chance.normal(0, 1, GRID.shape), 3) > 0.05, 15.0, 0.0)
    return Ground(GRID, heights.astype(np.float32), clutter.astype(np.float32))


@pytest.fixture(scope="module")
def people():
    chance = np.random.default_rng(3)
    west, south, east, north = GRID.bounds
    return chance.uniform(west + 100, east - 100, 150), chance.uniform(south + 100, north - 100, 150)


def test_a_link_is_the_exact_model_over_the_profile_to_the_point(hills, people):
    x, y = people
    masts = [Mast(*CENTRE, 40.0, 1842.5), Mast(401_111.0, 2_445_777.0, 25.0, 768.0)]
    found = links(masts, x, y, hills, NEAR)
    checked = 0
    for m, mast in enumerate(masts):
        part = slice(found.starts[m], found.starts[m + 1])
        away = np.hypot(x - mast.x_m, y - mast.y_m)
        assert found.points[part].tolist() == np.flatnonzero(away <= NEAR.radius_km * 1000).tolist()
        for point, loss_db in zip(found.points[part], found.loss_db[part], strict=True):
            if away[point] < 250:  # nearer than the Recommendation goes
                continue
            line = profile(hills, (mast.x_m, mast.y_m), (x[point], y[point]), GRID.cell_m, around_m=NEAR.clearing_m)
            exact = path_loss(
                line.distance_m / 1000, line.height_m, line.clutter_m, frequency_mhz=mast.frequency_mhz,
                tx_height_m=mast.antenna_height_m, rx_height_m=NEAR.receiver_height_m, delta_n=NEAR.delta_n,
                surface_n=NEAR.surface_n, latitude_deg=22.0, clearing_m=NEAR.clearing_m,
            )  # fmt: skip
            # Kept to 0.01 dB; a sample of clutter may fall into the neighbouring cell by the last bit.
            assert loss_db == pytest.approx(exact.loss_db, abs=0.006)
            checked += 1
    assert checked > 100


def test_links_read_back_equal_those_just_made_and_a_moved_mast_is_the_only_one_made_again(hills, people, tmp_path):
    masts = [Mast(*CENTRE, 40.0, 1842.5), Mast(401_111.0, 2_445_777.0, 25.0, 768.0)]
    made = links(masts, *people, hills, NEAR, cache=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    read = links(masts, *people, hills, NEAR, cache=tmp_path)
    for one, other in ((made.loss_db, read.loss_db), (made.points, read.points), (made.starts, read.starts)):
        np.testing.assert_array_equal(one, other)
    links([masts[0], Mast(401_141.0, 2_445_777.0, 25.0, 768.0)], *people, hills, NEAR, cache=tmp_path)
    after = sorted(path.name for path in tmp_path.iterdir())
    assert len(after) == 3
    assert set(names) < set(after)


def test_a_file_cut_short_is_made_again(hills, people, tmp_path):
    mast = [Mast(*CENTRE, 40.0, 1842.5)]
    made = links(mast, *people, hills, NEAR, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:20])
    np.testing.assert_array_equal(links(mast, *people, hills, NEAR, cache=tmp_path).loss_db, made.loss_db)


def test_points_outside_or_behind_a_void_are_unknown_not_dark(hills):
    holed = Ground(GRID, hills.elevation_m.copy(), hills.clutter_m)
    row, column = (int(v) for v in GRID.rowcol(*CENTRE))
    holed.elevation_m[row - 2 : row + 3, column + 5 : column + 8] = np.nan
    behind, before = CENTRE[0] + 1500.0, CENTRE[0] - 1500.0
    found = links([Mast(*CENTRE, 40.0, 1842.5)], [behind, before, 390_000.0], [CENTRE[1]] * 3, holed, NEAR)
    assert found.points.tolist() == [0, 1]
    assert np.isnan(found.loss_db[0])
    assert np.isfinite(found.loss_db[1])
    table = stations(CENTRE)
    one = receive(table, omni(table), [390_000.0, before], [CENTRE[1]] * 2, holed, "4G", RADIO, NEAR)
    assert np.isnan(one.probability[0])
    assert one.probability[1] > 0


@speaking("en")
def test_a_mast_on_no_terrain_is_named(hills, people):
    with pytest.raises(LayerError, match="no terrain there"):
        links([Mast(300_000.0, 2_446_975.0, 40.0, 1842.5)], *people, hills, NEAR)


def test_rsrp_is_eirp_less_pattern_and_path_loss(hills, people):
    x, y = people
    table = stations(CENTRE, bands="L900;L1800")
    sectors = sector_table(table, CELLS, "4G")
    matrix = rsrp_links(sectors, x, y, hills, NEAR).toarray()
    assert matrix.shape == (6, x.size)
    for row, cell in zip(matrix, sectors.itertuples(), strict=True):
        carrier = band(cell.band)
        loss = links([Mast(*CENTRE, 40.0, carrier.downlink_mhz)], x, y, hills, NEAR)
        rows, columns = GRID.rowcol(x, y)
        r, c = GRID.rowcol(*CENTRE)
        away = np.hypot(x - CENTRE[0], y - CENTRE[1])[loss.points]
        up = np.degrees(
            np.arctan2(
                hills.elevation_m[rows, columns][loss.points] + 1.5 - hills.elevation_m[int(r), int(c)] - 40.0, away
            )
        )
        bearing = np.degrees(np.arctan2(x - CENTRE[0], y - CENTRE[1]))[loss.points]
        pattern = pattern_loss(
            find_antenna(cell.antenna), azimuth_deg=cell.azimuth_deg, bearing_deg=bearing, elevation_deg=up,
            electrical_tilt_deg=cell.downtilt_deg,
        )  # fmt: skip
        expected = cell.eirp_dbm - 10 * np.log10(carrier.subcarriers) - pattern - loss.loss_db
        heard = expected >= -140
        np.testing.assert_allclose(row[loss.points][heard], expected[heard], atol=2e-4)
        assert not row[loss.points][expected < -140.01].any()


def test_points_receive_what_the_raster_says_there(hills):
    places = [CENTRE, (404_525.0, 2_445_525.0), (401_525.0, 2_448_475.0)]
    table = stations(*places, bands="L900;L1800")
    raster = coverage(table, CELLS, hills, "4G", RADIO, NEAR)
    rows, columns = (index.ravel() for index in np.indices(GRID.shape))
    points = receive(table, CELLS, *GRID.xy(rows, columns), hills, "4G", RADIO, NEAR)
    assert points.cell_ids == raster.cell_ids
    there, here = raster.rsrp_dbm.ravel(), points.rsrp_dbm
    both = np.isfinite(there) & np.isfinite(here)
    assert both.mean() > 0.8
    # The raster takes the nearest receiver of a radial, up to 0.7 of a cell away.
    assert np.median(np.abs(there - here)[both]) < 1.0
    assert abs(np.mean((there - here)[both])) < 0.2
    assert np.mean((raster.probability.ravel() >= 0.95) == (points.probability >= 0.95)) > 0.97
    same = both & (raster.server.ravel() == points.server)
    assert same.mean() > 0.75
    assert np.median(np.abs(raster.sinr_db.ravel() - points.sinr_db)[same]) < 1.5


def test_any_operator_at_points_is_the_best_of_all(hills, people):
    one = receive(*with_omni(CENTRE), *people, hills, "4G", RADIO, NEAR)
    other = receive(*with_omni((404_525.0, 2_446_975.0), operator="VNPT"), *people, hills, "4G", RADIO, NEAR)
    both = strongest([one, other])
    np.testing.assert_array_equal(both.rsrp_dbm, np.fmax(one.rsrp_dbm, other.rsrp_dbm))
    assert both.operators == ("VNPT", "VTL")


def test_nobody_and_nothing(hills, people):
    none = receive(stations(CENTRE, technologies="2G", bands="G900"), CELLS, *people, hills, "4G", RADIO, NEAR)
    assert (none.server == NOBODY).all()
    assert (none.probability == 0).all()
    assert receive(*with_omni(CENTRE), [], [], hills, "4G", RADIO, NEAR).rsrp_dbm.size == 0
    assert path_loss_matrix([], *people, hills, NEAR).shape == (0, 150)


def with_omni(*places, **more):
    table = stations(*places, **more)
    return table, omni(table)
