"""Any server: several servers against draws of their errors, what counts as one site, what leaving some out costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from covplan.radio.coverage import coverage, sector_table, strongest
from covplan.radio.link_budget import coverage_probability
from covplan.radio.links import read_reception, receive, write_reception
from covplan.radio.servers import MOST, Servers, any_probability, keep_server, site_numbers
from covplan.study.codes import NOBODY
from covplan.study.errors import OutsideValidity
from covplan.study.language import speaking
from covplan.study.settings import Settings
from tests.radio.test_coverage import CELLS, CENTRE, GRID, NEAR, RADIO, omni, plain, stations

SIGMA_DB, DRAWS = 8.0, 1_000_000
EAST = (404_525.0, 2_446_975.0)
PROVINCE = {"province": {"name": ""}}


def drawn(correlation, servers=4):
    """Errors of so many servers, one row each: the definition."""
    chance = np.random.default_rng(11)
    common, own = chance.standard_normal(DRAWS), chance.standard_normal((servers, DRAWS))
    return SIGMA_DB * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


@pytest.mark.parametrize(("servers", "known_db"), [(1, 13.16), (2, 8.80), (3, 6.74)])
def test_the_margin_that_equal_servers_need_is_that_of_a_million_draws(servers, known_db):
    needed_db = brentq(lambda m: float(any_probability([m] * servers, SIGMA_DB, 0.5)) - 0.95, 0, 30)
    best = drawn(0.5)[:servers].max(axis=0)
    assert needed_db == pytest.approx(-np.quantile(best, 0.05), abs=0.1)
    assert needed_db == pytest.approx(known_db, abs=0.01)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5, 0.8, 0.95, 0.999, 1.0])
@pytest.mark.parametrize("margins_db", [(10, 5, 0, -5), (3, 2.9, -10), (-4, -4, -4, -4), (14, -30), (9,), (-35, -50)])
def test_unequal_servers_are_those_of_a_million_draws(correlation, margins_db):
    margins = np.array(margins_db, float)
    errors = drawn(correlation)[: margins.size]
    if correlation == 1.0:
        errors[:] = errors[0]
    share = (errors + margins[:, None] >= 0).any(axis=0).mean()
    assert float(any_probability(margins, SIGMA_DB, correlation)) == pytest.approx(share, abs=0.002)


def test_without_correlation_servers_fail_independently_and_with_full_the_best_decides():
    margins = np.array([6.0, 1.0, -3.0])
    assert any_probability(margins, 8.0, 0.0) == pytest.approx(1 - np.prod(ndtr(-margins / 8)), abs=1e-5)
    assert any_probability(margins, 8.0, 1.0) == pytest.approx(ndtr(6 / 8), abs=1e-6)


def test_without_error_a_server_suffices_or_none_does():
    found = any_probability([[0.0, -1.0], [-0.01, -1.0], [np.nan, np.nan], [np.nan, 3.0]], 0.0, 0.5)
    assert found.tolist() == [1.0, 0.0, 0.0, 1.0]


@given(st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=4), st.floats(0, 1))
def test_more_servers_never_lower_it_and_the_union_bounds_it(margins_db, correlation):
    each = coverage_probability(margins_db, 0.0, SIGMA_DB)
    found = float(any_probability(margins_db, SIGMA_DB, correlation))
    assert each.max() - 2e-4 <= found <= min(each.sum(), 1.0) + 2e-4
    assert found >= float(any_probability(margins_db[:-1] or margins_db, SIGMA_DB, correlation)) - 2e-4


@speaking("en")
def test_a_correlation_that_is_no_share_or_a_negative_spread_is_refused():
    with pytest.raises(OutsideValidity, match="outside 0 to 1"):
        any_probability([1.0], 8.0, 1.5)
    with pytest.raises(OutsideValidity, match="negative"):
        any_probability([1.0], -1.0, 0.5)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-4000, 4000)), min_size=1, max_size=30),
    st.booleans(),
)
def test_what_is_kept_are_the_best_margins_of_distinct_sites(offered, coarse):
    site = np.array([number for number, _ in offered], np.int64)
    kept = Servers.nobody((1,), coarse=coarse, cells=site.size)
    best: dict[int, float] = {}
    for n, (number, hundredths) in enumerate(offered):
        keep_server(kept.margin, kept.cell, 0, kept.scale, site, hundredths / 100, n)
        best[number] = max(best.get(number, -np.inf), hundredths / 100)
    expected = sorted(best.values(), reverse=True)[:MOST]
    there = kept.cell[0] != NOBODY
    np.testing.assert_allclose(kept.margin_db[0][there], expected, atol=1e-5)
    assert [best[site[n]] for n in kept.cell[0][there]] == pytest.approx(expected)


def test_leaving_out_the_fifth_of_equal_servers_costs_less_than_one_decibel():
    def needed_db(servers):
        return brentq(lambda m: float(any_probability([m] * servers, SIGMA_DB, 0.5)) - 0.95, -10, 30)

    assert 0 < needed_db(MOST) - needed_db(MOST + 1) < 1.0


def test_two_masts_of_an_operator_are_surer_than_the_stronger_of_them_as_the_formula_says():
    table = stations(CENTRE, EAST)
    radio = RADIO.model_copy(update={"rsrp_threshold_dbm": -75.0})
    both = coverage(table, omni(table), plain(), "4G", radio, NEAR)
    alone = coverage(table, omni(table), plain(), "4G", radio.model_copy(update={"server": "strongest"}), NEAR)
    np.testing.assert_array_equal(both.rsrp_dbm, alone.rsrp_dbm)
    np.testing.assert_array_equal(both.server, alone.server)
    each = [
        coverage(table.iloc[[n]], omni(table.iloc[[n]]), plain(), "4G", radio, NEAR).rsrp_dbm + 75.0 for n in range(2)
    ]
    expected = any_probability(np.stack(each, axis=-1), 8.0, 0.5)
    np.testing.assert_allclose(both.probability, expected, atol=5e-4)
    usual = np.nan_to_num(coverage_probability(alone.rsrp_dbm, -75.0, 8.0))
    np.testing.assert_allclose(alone.probability, usual, atol=2.6e-4)
    assert (both.probability - alone.probability).max() > 0.05


def test_all_that_hangs_on_one_structure_counts_once():
    table = pd.concat([stations(CENTRE), stations(CENTRE, operator="VNPT", height_m=39.0)], ignore_index=True)
    apart, shared = table.assign(location_id=["A", "B"]), table.assign(location_id="A")
    x, y = GRID.xy(np.full(100, 60), np.arange(10, 110))

    radio = RADIO.model_copy(update={"rsrp_threshold_dbm": -75.0})

    def any_operator(stations_):
        return strongest(
            receive(own, omni(own), x, y, plain(), "4G", radio, NEAR) for _, own in stations_.groupby("operator")
        )

    one, two = any_operator(shared), any_operator(apart)
    best = coverage_probability(one.rsrp_dbm, -75.0, 8.0)
    np.testing.assert_allclose(one.probability, np.nan_to_num(best), atol=1e-6)
    assert (two.probability > one.probability + 0.02).any()
    bands = stations(CENTRE, bands="L900;L1800")
    assert len(set(sector_table(bands, CELLS, "4G")["site"])) == 1
    found = receive(bands, CELLS, x, y, plain(), "4G", RADIO, NEAR)
    assert (found.servers.cell[:, 1:] == NOBODY).all()


def test_the_order_of_operators_does_not_matter_nor_whether_they_are_rasters_or_points():
    places = [CENTRE, EAST, (401_525.0, 2_448_475.0)]
    parts = [stations(place, operator=name) for place, name in zip(places, ("VTL", "VNPT", "MBF"), strict=True)]
    rasters = [coverage(one, omni(one), plain(), "4G", RADIO, NEAR) for one in parts]
    there, back = strongest(rasters), strongest(rasters[::-1])
    np.testing.assert_allclose(there.probability, back.probability, atol=1e-6)
    assert there.servers.margin.dtype == np.int16
    assert len(there.sites) == len(there.cell_ids) == 3
    fine = [replace(one, servers=Servers(one.servers.margin_db, one.servers.cell.astype(np.int32))) for one in rasters]
    np.testing.assert_allclose(strongest(fine).probability, there.probability, atol=1e-4)


def test_a_kept_reception_is_the_one_that_was_made(tmp_path):
    table = stations(CENTRE, EAST)
    made = receive(table, omni(table), *GRID.xy(np.full(9, 60), np.arange(9) * 10), plain(), "4G", RADIO, NEAR)
    write_reception(made, tmp_path / "one.npz")
    read = read_reception(tmp_path / "one.npz")
    assert read.sites == made.sites
    np.testing.assert_array_equal(read.servers.margin, made.servers.margin)
    np.testing.assert_array_equal(read.servers.cell, made.servers.cell)
    assert read.site_correlation == made.site_correlation == 0.5


def test_sites_of_one_name_have_one_number():
    assert len(set(site_numbers(["b", "a", "b"]).tolist())) == 2
    assert site_numbers([]).size == 0


def test_a_correlation_given_under_uncertainty_is_still_understood():
    old = Settings.model_validate(PROVINCE | {"uncertainty": {"site_correlation": 0.3, "draws": 10}})
    assert old.propagation.site_correlation == 0.3
    assert old.uncertainty.draws == 10
    both = PROVINCE | {"uncertainty": {"site_correlation": 0.3}, "propagation": {"site_correlation": 0.6}}
    assert Settings.model_validate(both).propagation.site_correlation == 0.6
