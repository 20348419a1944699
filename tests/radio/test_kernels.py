"""The sweep against the exact model: the same loss for every receiver, on real relief and on made-up ones."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields

import numpy as np
import pytest
import rasterio
from numba import njit, prange

from covplan.radio import formulas
from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, bilinear, radial, radial_stride, sweep_radials, tables_for
from covplan.radio.p1812 import DELTA_N, NO_COAST_KM, SURFACE_N, PathLoss, exact
from tests.real_province import PROVINCE

TILE = PROVINCE / "vvnb_flightgear_srtm_osm2018" / "srtm3_tq_south_filled.tif"
LATITUDE_DEG = 22.0
LOSS = [field.name for field in fields(PathLoss)].index("loss_db")
ALLOWED_DB = 1e-6


def setting(frequency_mhz=1842.5, tx_height_m=40.0, rx_height_m=1.5, step_km=0.03, clearing_km=0.0):
    earth_km = effective_earth_km(DELTA_N)
    return Setting(frequency_mhz / 1000, tx_height_m, rx_height_m, earth_km, SURFACE_N, True, step_km, clearing_km)


@njit(parallel=True)
def exact_losses(h, surface, at, one):
    """Loss by the exact model at some samples of a radial."""
    loss = np.empty(at.size)
    for n in prange(at.size):
        i = at[n]
        km = np.arange(i + 1) * one.step_km
        seen = surface[: i + 1].copy()
        seen[np.minimum(km, km[i] - km) < max(one.clearing_km - 1e-9, 1e-9)] = -1e9
        seen = np.maximum(seen, h[: i + 1])
        loss[n] = exact(
            km, h[: i + 1], seen, surface[i] - h[i], one.clearing_km > 0.0, 0.0,
            km[i], km[i], NO_COAST_KM, NO_COAST_KM, one.tx_height_m, one.rx_height_m,
            one.frequency_ghz, 50.0, LATITUDE_DEG, DELTA_N, SURFACE_N, True,
        )[LOSS]  # fmt: skip
    return loss


def swept(h, surface, one):
    loss = np.full(h.size, np.nan)
    radial(h, surface, h.size, one, tables_for(one, h.size, LATITUDE_DEG), np.ones(h.size, dtype=np.bool_), loss)
    return loss


def difference_db(h, surface, one, at=None):
    at = np.arange(2, h.size) if at is None else at
    return np.abs(swept(h, surface, one)[at] - exact_losses(h, surface, at, one))


def made_up():
    chance = np.random.default_rng(11)
    x = np.arange(400) * 0.05
    yield "hills", 300 + 150 * np.sin(x) + 90 * np.cos(2.7 * x)
    yield "rough", 500 + chance.normal(0, 80, x.size)
    yield "plain", np.full(x.size, 35.0)
    yield "slope", 1200 - 55 * x
    yield "one ridge", np.where(np.arange(x.size) == 37, 420.0, 60.0)
    yield "mast in a pit", np.where(np.arange(x.size) < 1, 0.0, 250.0)


@pytest.mark.parametrize("h", [shape for _, shape in made_up()], ids=[name for name, _ in made_up()])
@pytest.mark.parametrize("frequency_mhz", [450, 768, 1842.5, 3550])
@pytest.mark.parametrize("clearing_km", [0, 0.04, 0.075, 0.3])
def test_every_receiver_of_a_radial_has_the_loss_of_its_exact_path(h, frequency_mhz, clearing_km):
    clutter = np.where(np.arange(h.size) % 7 < 3, 15.0, 0.0)
    surface = h + clutter
    surface[0] = h[0]
    for tx_height_m, rx_height_m in ((40, 1.5), (6, 1.5), (90, 12)):
        one = setting(frequency_mhz, tx_height_m, rx_height_m, 0.05, clearing_km)
        assert difference_db(h, surface, one).max() < ALLOWED_DB


@pytest.mark.needs("reference")
def test_a_hundred_thousand_receivers_on_real_relief_have_the_loss_of_their_exact_paths():
    with rasterio.open(TILE) as raster:
        elevation_m = raster.read(1).astype(np.float32)
    chance = np.random.default_rng(5)
    samples, differences = 400, []
    while sum(part.size for part in differences) < 100_000:
        one = setting(chance.choice([768.0, 942.5, 1842.5, 2590.0]), chance.uniform(10, 60), step_km=0.045)
        one = one._replace(clearing_km=chance.choice([0.0, 0.075]))
        row, column, bearing = *chance.uniform(205, np.array(elevation_m.shape) - 205), chance.uniform(0, 2 * np.pi)
        along = np.arange(samples) / 2
        h = np.array([bilinear(elevation_m, row - i * np.cos(bearing), column + i * np.sin(bearing)) for i in along])
        surface = h + (chance.choice([0.0, 5.0, 10.0, 15.0], samples) if len(differences) % 2 else 0.0)
        surface[0] = h[0]
        differences.append(difference_db(h, surface, one, chance.integers(2, samples, 330)))
    all_db = np.concatenate(differences)
    assert all_db.max() < ALLOWED_DB
    assert np.percentile(all_db, 99.9) < 1e-7


def test_short_forms_are_the_functions_they_stand_for():
    for t in np.concatenate([np.linspace(-0.5, 0.5, 2001), [0.1, -0.1, 1e-9, 40.0]]):
        assert formulas.atan_small(t) == pytest.approx(math.atan(t), rel=1e-13, abs=1e-14)
    for x in np.concatenate([np.linspace(0, 0.05, 2001), [0.01, 1e-12, 3.0]]):
        assert formulas.log1p_small(x) == pytest.approx(math.log1p(x), rel=1e-13, abs=2e-13)


@pytest.mark.parametrize("clearing_km", [0.0, 0.075])
@pytest.mark.parametrize("h", [shape for _, shape in made_up()], ids=[name for name, _ in made_up()])
def test_only_receivers_beyond_reach_are_left_early(h, clearing_km):
    surface = h + np.where(np.arange(h.size) % 7 < 3, 15.0, 0.0)
    for frequency_mhz, most_db in itertools.product((768, 1842.5), (110.0, 140.0, 174.0)):
        whole = setting(frequency_mhz, step_km=0.05)._replace(clearing_km=clearing_km)
        all_db, some_db = swept(h, surface, whole), swept(h, surface, whole._replace(most_db=most_db))
        left = np.isinf(some_db)
        assert (all_db[left] > most_db).all()
        np.testing.assert_array_equal(some_db[~left], all_db[~left])


def test_most_receivers_beyond_reach_are_left_early():
    h = 300 + 150 * np.sin(np.arange(600) * 0.05)
    whole = setting(step_km=0.03)
    all_db, some_db = swept(h, h, whole), swept(h, h, whole._replace(most_db=150.0))
    assert (all_db > 153).sum() > 100
    assert np.isinf(some_db[all_db > 153]).mean() > 0.9


def test_radials_lie_at_most_a_cell_apart_where_they_have_receivers():
    samples = 500
    radials = math.ceil(2 * math.pi * samples)
    for i in range(1, samples):
        assert 2 * math.pi / radials * radial_stride(i, samples) * i <= 1.0


def test_behind_a_void_nothing_is_computed_and_before_it_all():
    one = setting()
    whole = np.full((201, 201), 100, dtype=np.float32)
    void = whole.copy()
    void[60, :] = np.nan
    tables, clutter = tables_for(one, 90, LATITUDE_DEG), np.zeros_like(whole)
    north, cut = (sweep_radials(z, clutter, 100.0, 100.0, 30.0, 8, 90, one, tables)[0] for z in (whole, void))
    assert np.isfinite(north[1:]).all()
    np.testing.assert_array_equal(cut[:39], north[:39])
    assert np.isnan(cut[41:]).all()


def test_one_more_metre_of_ridge_never_helps_those_behind_it():
    losses = []
    for ridge_m in (0, 20, 60, 61, 150):
        h = np.full(200, 50.0)
        h[80] += ridge_m
        losses.append(swept(h, h.copy(), setting())[100:])
    for lower, higher in itertools.pairwise(losses):
        assert (higher - lower >= -0.3).all()  # the smooth earth rises with the ridge: tenths of a dB
