"""Link budgets against hand reckoning, published coefficients and the standard normal distribution."""

from __future__ import annotations

import csv
from math import log2, log10
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covplan.radio.antenna import antenna_names
from covplan.radio.explain import FORMULA_ITEMS, LOSS_ITEMS
from covplan.radio.link_budget import (
    band,
    band_table,
    co_channel_sinr,
    coverage_probability,
    downlink_budget,
    limiting_direction,
    link_lines,
    noise,
    rsrp,
    rsrp_for,
    shadow_margin,
    sinr,
    sinr_for,
    spectral_efficiency,
    throughput,
    throughput_mapping,
    uplink_budget,
    uplink_lines,
    uplink_sensitivity,
)
from covplan.sample.masts import EIRP_DBM
from covplan.study.errors import OutsideValidity, SettingsError
from covplan.study.language import speaking
from covplan.study.links import budget_titles
from covplan.study.resources import resource_text

# TS 36.101 table 5.6-1 (15 kHz) and TS 38.101-1 table 5.3.2-1: resource blocks by subcarrier spacing and bandwidth.
LTE_BLOCKS = {5: 25, 10: 50, 15: 75, 20: 100}
NR_BLOCKS = {(15, 10): 52, (15, 20): 106, (30, 40): 106, (30, 60): 162, (30, 80): 217, (30, 100): 273}


def test_every_4g_and_5g_band_a_cell_may_name_has_a_link_budget():
    rows = csv.DictReader(resource_text("layers", "cells.csv").splitlines())
    allowed = next(row["allowed"] for row in rows if row["column"] == "band").split("|")
    assert set(band_table()) == {code for code in allowed if code[0] in "LN"}
    for code, one in band_table().items():
        assert one.technology == {"L": "4G", "N": "5G"}[code[0]]
        assert one.antenna in antenna_names()
        assert one.source


def test_bands_have_the_resource_blocks_of_the_standards():
    for one in band_table().values():
        size = int(one.bandwidth_mhz)
        blocks = LTE_BLOCKS[size] if one.technology == "4G" else NR_BLOCKS[int(one.subcarrier_khz), size]
        assert one.resource_blocks == blocks
        assert one.occupied_mhz < one.bandwidth_mhz
        assert (one.duplex == "TDD") == (one.uplink_mhz == one.downlink_mhz) == (one.downlink_share < 1)


def test_the_eirp_of_a_band_is_that_of_the_sample_province():
    for code, eirp_dbm in EIRP_DBM.items():
        assert band(code).eirp_dbm == pytest.approx(eirp_dbm)


@speaking("en")
def test_a_band_without_rsrp_is_refused_with_those_that_have_one():
    with pytest.raises(SettingsError, match=r"'U2100' has no link budget \(known: L700, .*N3900\)"):
        band("U2100")
    with pytest.raises(SettingsError, match="no throughput mapping for 3G downlink"):
        throughput_mapping("3G")


def test_rsrp_is_the_share_of_one_subcarrier():
    # 64.5 dBm over 1200 subcarriers is 33.7 dBm; behind 140 dB it is -106.3 dBm.
    assert rsrp(140, 64.5, band("L1800").subcarriers) == pytest.approx(-106.29, abs=0.005)
    assert np.isnan(rsrp([100, np.nan], [60, 60], 600)).tolist() == [False, True]


def test_noise_is_minus_174_dbm_per_hertz():
    assert noise(1e-6, 0) == pytest.approx(-173.98, abs=0.005)
    assert noise(20, 9) == pytest.approx(-91.97, abs=0.01)
    assert band("L1800").noise_dbm == pytest.approx(-173.98 + 41.76 + 9, abs=0.01)


@given(
    cells=st.lists(st.floats(-150, -40), min_size=1, max_size=6),
    load=st.floats(0, 1),
    missing=st.integers(0, 3),
)
def test_sinr_is_the_server_over_its_loaded_neighbours_and_noise(cells, load, missing):
    best = max(cells)
    others_mw = sum(10 ** (one / 10) for one in cells) - 10 ** (best / 10)
    expected = best - 10 * log10(load * max(others_mw, 0) + 10 ** (-123.2 / 10))
    found = co_channel_sinr([*cells, *[np.nan] * missing], noise_dbm=-123.2, load=load)
    assert found == pytest.approx(expected, abs=1e-6)


def test_sinr_of_a_map_adds_up_what_every_cell_brings():
    rng = np.random.default_rng(3)
    cells_dbm = rng.uniform(-130, -60, (4, 5, 6))
    cells_dbm[:, 0, 0] = np.nan
    total_mw = np.nansum(10 ** (cells_dbm / 10), axis=0)
    best_dbm = cells_dbm.max(axis=0)
    found = sinr(best_dbm, total_mw, noise_dbm=-120, load=0.3)
    np.testing.assert_allclose(found, co_channel_sinr(cells_dbm, noise_dbm=-120, load=0.3), rtol=1e-9)
    assert np.isnan(found[0, 0])
    assert np.isfinite(found).sum() == 29
    assert sinr(-90, 1e-9, noise_dbm=-120) == pytest.approx(30)  # alone: the sum is its own power
    with pytest.raises(OutsideValidity, match=r"load = 1\.2"):
        sinr(-90, 1e-9, noise_dbm=-120, load=1.2)


def test_throughput_follows_tr_36942_annex_a_2():
    down, up = throughput_mapping("4G"), throughput_mapping("4G", "uplink")
    assert spectral_efficiency([-10.1, -10, 0, 10, 30], down) == pytest.approx(
        [0, 0.6 * log2(1.1), 0.6, 0.6 * log2(11), 4.4]
    )
    assert spectral_efficiency([-10.1, 0, 14, 16], up) == pytest.approx([0, 0.4, 0.4 * log2(1 + 10**1.4), 2.0])
    # The caps are where the standards put them: 4.4 near 22 dB, 2.0 near 15 dB, NR at 30 and 22 dB.
    assert sinr_for(4.4, down) == pytest.approx(22.05, abs=0.05)
    assert sinr_for(2.0, up) == pytest.approx(14.91, abs=0.05)
    assert sinr_for(5.98, throughput_mapping("5G")) == pytest.approx(30, abs=0.05)
    assert sinr_for(2.93, throughput_mapping("5G", "uplink")) == pytest.approx(22, abs=0.05)


def test_throughput_grows_with_blocks_time_and_layers():
    lte, nr = band("L1800"), band("N2600")
    assert throughput(40, lte) == pytest.approx(18 * 4.4)
    assert throughput(40, lte, share=0.25) == pytest.approx(18 * 4.4 / 4)
    assert throughput(40, lte, layers=2) == pytest.approx(2 * 18 * 4.4)
    assert throughput(40, nr) == pytest.approx(98.28 * 0.75 * 5.98)
    assert throughput(40, nr, direction="uplink") == pytest.approx(98.28 * 0.25 * 2.93)
    assert throughput(-8, lte, layers=2) == throughput(-8, lte)  # each of two would be below what can be received
    assert throughput(3, lte, layers=2) == pytest.approx(18 * 2 * 0.6 * log2(1 + 10**0.3 / 2))
    assert np.isnan(throughput([np.nan, 3], lte, layers=2)).tolist() == [True, False]
    rising = throughput(np.linspace(-15, 45, 200), nr, layers=4)
    assert (np.diff(rising) >= 0).all()


@given(st.floats(0.1, 4.4))
def test_the_sinr_for_a_throughput_gives_that_throughput(efficiency):
    mapping = throughput_mapping("4G")
    assert spectral_efficiency(sinr_for(efficiency, mapping), mapping) == pytest.approx(efficiency)


@speaking("en")
def test_the_rsrp_for_a_throughput_gives_that_throughput():
    carrier = band("L1800")
    threshold_dbm = rsrp_for(5, carrier, share=0.5, interference_margin_db=3)
    sinr_db = threshold_dbm - (carrier.noise_dbm + 3)
    assert throughput(sinr_db, carrier, share=0.5) == pytest.approx(5)
    with pytest.raises(OutsideValidity, match="beyond the most one stream carries"):
        rsrp_for(100, carrier)


@given(rsrp_dbm=st.floats(-140, -60), sigma=st.floats(0.5, 12))
def test_coverage_probability_is_the_normal_distribution(rsrp_dbm, sigma):
    expected = 1 - NormalDist(rsrp_dbm, sigma).cdf(-110)
    assert coverage_probability(rsrp_dbm, -110, sigma) == pytest.approx(expected, abs=1e-9)


def test_coverage_without_variability_is_certain_and_missing_stays_missing():
    found = coverage_probability([-109, -110, -111, np.nan], -110, 0)
    assert found[:3].tolist() == [1, 1, 0]
    assert np.isnan(found[3])
    assert np.isnan(coverage_probability(np.nan, -110, 6))


@speaking("en")
def test_the_shadow_margin_buys_the_confidence():
    assert shadow_margin(0.95, 8) == pytest.approx(1.6449 * 8, abs=0.001)
    assert shadow_margin(0.5, 8) == pytest.approx(0, abs=1e-12)
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99):
        at_margin = coverage_probability(-110 + shadow_margin(confidence, 5.5), -110, 5.5)
        assert at_margin == pytest.approx(confidence)
    with pytest.raises(OutsideValidity, match="between 0 and 1"):
        shadow_margin(1.0, 8)
    with pytest.raises(OutsideValidity, match="-1 is negative"):
        shadow_margin(0.9, [8, -1])


@pytest.mark.parametrize("code", list(band_table()))
def test_at_the_allowed_path_loss_the_threshold_is_just_met(code):
    carrier = band(code)
    lines = downlink_budget(carrier, rsrp_threshold_dbm=-110, confidence=0.9, sigma_db=7, indoor_loss_db=12)
    inside_dbm = rsrp(lines[-1].value, carrier.eirp_dbm, carrier.subcarriers) - 12
    assert lines[-1].item == "mapl_downlink"
    assert coverage_probability(inside_dbm, -110, 7) == pytest.approx(0.9)
    own = downlink_budget(
        carrier, rsrp_threshold_dbm=-110, confidence=0.9, sigma_db=7, indoor_loss_db=12, eirp_dbm=carrier.eirp_dbm
    )
    assert own[-1] == lines[-1]
    assert "tx_power" not in {line.item for line in own}


@speaking("en")
def test_a_terminal_spreads_its_uplink_as_suits_it_best():
    carrier, mapping = band("L1800"), throughput_mapping("4G", "uplink")
    sensitivity_dbm, noise_dbm, sinr_db = uplink_sensitivity(carrier, 2.5, interference_margin_db=1)
    assert sensitivity_dbm == pytest.approx(noise_dbm + sinr_db + 1)
    every = []
    for blocks in range(1, 101):
        efficiency = 2.5 / (0.18 * blocks)
        if efficiency <= 2.0:
            needed = max(10 * log10(2 ** (efficiency / mapping.alpha) - 1), -10)
            every.append(-173.975 + 10 * log10(180e3 * blocks) + 5 + needed + 1)
    assert sensitivity_dbm == pytest.approx(min(every), abs=0.01)
    with pytest.raises(OutsideValidity, match="L700 carries at most 18 Mbit/s uplink; 50 were asked"):
        uplink_sensitivity(band("L700"), 50)


def test_the_uplink_limits_a_5g_station_that_promises_the_uplink_of_qcvn_126():
    carrier = band("N3700")
    down = downlink_budget(carrier, rsrp_threshold_dbm=-110)
    assert limiting_direction(down, uplink_budget(carrier, throughput_mbps=0.064))[0] == "downlink"
    up = uplink_budget(carrier, throughput_mbps=30)
    direction, mapl_db = limiting_direction(down, up)
    assert direction == "uplink"
    assert mapl_db == up[-1].value < down[-1].value
    by_item = {line.item: line.value for line in up}
    assert mapl_db == pytest.approx(
        by_item["ue_power"]
        + by_item["antenna_gain"]
        + by_item["feeder_loss"]
        + by_item["shadow_margin"]
        - by_item["sensitivity"]
    )


def test_a_link_is_told_line_by_line():
    lines = link_lines(
        eirp_dbm=64.5,
        pattern_loss_db=3.5,
        path_loss_db=128,
        subcarriers=1200,
        threshold_dbm=-110,
        sigma_db=6,
        confidence=0.95,
        indoor_loss_db=0,
    )
    values = {line.item: line.value for line in lines}
    assert values["rsrp"] == pytest.approx(64.5 - 3.5 - 30.79 - 128, abs=0.005)
    assert values["margin"] == pytest.approx(values["rsrp"] + 110 - 1.645 * 6, abs=0.005)
    assert (values["margin"] >= 0) == (values["probability"] >= 0.95)
    assert "-0" not in {f"{line.value:g}" for line in lines}


def test_every_line_of_a_budget_has_a_title():
    carrier = band("N700")
    lines = [
        *downlink_budget(carrier, rsrp_threshold_dbm=-110),
        *uplink_budget(carrier, throughput_mbps=1),
        *link_lines(
            eirp_dbm=60,
            pattern_loss_db=0,
            path_loss_db=120,
            subcarriers=600,
            threshold_dbm=-110,
            sigma_db=6,
            confidence=0.9,
            calibration_db=-2.0,
        ),
        *uplink_lines(
            carrier,
            throughput_mbps=0.5,
            interference_margin_db=2,
            gain_dbi=15,
            pattern_loss_db=0,
            path_loss_db=120,
            sigma_db=6,
            confidence=0.9,
            calibration_db=-2.0,
        ),
    ]
    titles = budget_titles()
    assert {line.item for line in lines} | {*LOSS_ITEMS, *FORMULA_ITEMS} == set(titles)
    assert all(line.unit == titles[line.item]["unit"] and titles[line.item]["title_vi"] for line in lines)
