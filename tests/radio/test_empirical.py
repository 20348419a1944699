"""The empirical models against their texts (written once more as plain scalars) and against published values."""

from __future__ import annotations

from math import exp, hypot, log10, pi

import numpy as np
import pytest

from covplan.radio.empirical import (
    cost231_hata,
    extended_hata,
    okumura_hata,
    rma_los,
    rma_los_probability,
    rma_nlos,
    uma_los,
    uma_los_probability,
    uma_nlos,
    umi_los,
    umi_los_probability,
    umi_nlos,
)
from covplan.study.errors import CovplanError, OutsideValidity
from covplan.study.language import speaking

BANDS_GHZ = (0.768, 0.9425, 1.8425, 2.14, 2.55, 3.75, 3.85)
DISTANCES_M = (10, 35, 120, 400, 900, 1700, 3100, 5000)


def rural_clear(f_ghz, d, hb, hm, h):
    """PL1 and PL2 of TR 38.901 Table 7.4.1-1, RMa LOS."""

    def pl1(d_3d):
        slope, offset = min(0.03 * h**1.72, 10), min(0.044 * h**1.72, 14.77)
        return 20 * log10(40 * pi * d_3d * f_ghz / 3) + slope * log10(d_3d) - offset + 0.002 * log10(h) * d_3d

    breakpoint_m = 2 * pi * hb * hm * f_ghz * 1e9 / 3e8
    d_3d = hypot(d, hb - hm)
    return pl1(d_3d) if d <= breakpoint_m else pl1(breakpoint_m) + 40 * log10(d_3d / breakpoint_m)


def rural_blocked(f_ghz, d, hb, hm, h, w):
    d_3d = hypot(d, hb - hm)
    loss = 161.04 - 7.1 * log10(w) + 7.5 * log10(h) - (24.37 - 3.7 * (h / hb) ** 2) * log10(hb)
    loss += (43.42 - 3.1 * log10(hb)) * (log10(d_3d) - 3) + 20 * log10(f_ghz)
    loss -= 3.2 * log10(11.75 * hm) ** 2 - 4.97
    return max(rural_clear(f_ghz, d, hb, hm, h), loss)


def town_clear(f_ghz, d, hb, hm, intercept, slope, correction):
    breakpoint_m = 4 * (hb - 1) * (hm - 1) * f_ghz * 1e9 / 3e8
    d_3d = hypot(d, hb - hm)
    if d <= breakpoint_m:
        return intercept + slope * log10(d_3d) + 20 * log10(f_ghz)
    far = intercept + 40 * log10(d_3d) + 20 * log10(f_ghz)
    return far - correction * log10(breakpoint_m**2 + (hb - hm) ** 2)


def extended(f, d, h1, h2, environment):
    """SM.2028-2 §6.1, branch by branch; f in MHz, d in km."""
    hm, hb = min(h1, h2), max(h1, h2)

    def free_space(at_km):
        return 32.4 + 20 * log10(f) + 10 * log10(at_km**2 + (hb - hm) ** 2 / 1e6)

    def hata(at_km):
        a = (1.1 * log10(f) - 0.7) * min(10, hm) - (1.56 * log10(f) - 0.8) + max(0, 20 * log10(hm / 10))
        b = min(0, 20 * log10(hb / 30))
        alpha = 1.0
        if at_km > 20:
            alpha = 1 + (0.14 + 1.87e-4 * f + 1.07e-3 * hb) * log10(at_km / 20) ** 0.8
        if f <= 150:
            start = 69.6 + 26.2 * log10(150) - 20 * log10(150 / f)
        elif f <= 1500:
            start = 69.6 + 26.2 * log10(f)
        elif f <= 2000:
            start = 46.3 + 33.9 * log10(f)
        else:
            start = 46.3 + 33.9 * log10(2000) + 10 * log10(f / 2000)
        spread = (44.9 - 6.55 * log10(max(30, hb))) * log10(at_km) ** alpha
        urban = start - 13.82 * log10(max(30, hb)) + spread - a - b
        at = min(max(150, f), 2000)
        if environment == "suburban":
            return urban - 2 * log10(at / 28) ** 2 - 5.4
        if environment == "open":
            return urban - 4.78 * log10(at) ** 2 + 18.33 * log10(at) - 40.94
        return urban

    if d < 0.04:
        loss = free_space(d)
    elif d >= 0.1:
        loss = hata(d)
    else:
        part = (log10(d) - log10(0.04)) / (log10(0.1) - log10(0.04))
        loss = free_space(0.04) + part * (hata(0.1) - free_space(0.04))
    return max(loss, free_space(d))


@pytest.mark.parametrize("f_ghz", BANDS_GHZ)
@pytest.mark.parametrize(("hb", "hm"), [(35, 1.5), (12, 1.0), (90, 6)])
def test_rural_macro_follows_the_table_of_tr_38901(f_ghz, hb, hm):
    heights = {"bs_height_m": hb, "ut_height_m": hm, "building_height_m": 7}
    clear = rma_los(f_ghz * 1000, [*DISTANCES_M, 9900], **heights)
    np.testing.assert_allclose(clear, [rural_clear(f_ghz, d, hb, hm, 7) for d in [*DISTANCES_M, 9900]], rtol=1e-12)
    blocked = rma_nlos(f_ghz * 1000, DISTANCES_M, **heights, street_width_m=11)
    np.testing.assert_allclose(blocked, [rural_blocked(f_ghz, d, hb, hm, 7, 11) for d in DISTANCES_M], rtol=1e-12)


@pytest.mark.parametrize("f_ghz", BANDS_GHZ)
@pytest.mark.parametrize("hm", [1.5, 9])
def test_urban_macro_and_street_canyon_follow_the_table_of_tr_38901(f_ghz, hm):
    for clear, blocked, hb, numbers in [
        (uma_los, uma_nlos, 25, (28.0, 22, 9)),
        (umi_los, umi_nlos, 10, (32.4, 21, 9.5)),
    ]:
        expected_clear = [town_clear(f_ghz, d, hb, hm, *numbers) for d in DISTANCES_M]
        np.testing.assert_allclose(clear(f_ghz * 1000, DISTANCES_M, ut_height_m=hm), expected_clear, rtol=1e-12)
        expected_blocked = []
        for d, at_least in zip(DISTANCES_M, expected_clear, strict=True):
            d_3d = hypot(d, hb - hm)
            if hb == 25:
                loss = 13.54 + 39.08 * log10(d_3d) + 20 * log10(f_ghz) - 0.6 * (hm - 1.5)
            else:
                loss = 35.3 * log10(d_3d) + 22.4 + 21.3 * log10(f_ghz) - 0.3 * (hm - 1.5)
            expected_blocked.append(max(loss, at_least))
        np.testing.assert_allclose(blocked(f_ghz * 1000, DISTANCES_M, ut_height_m=hm), expected_blocked, rtol=1e-12)


def test_urban_loss_at_a_kilometre_is_what_one_reckons_by_hand():
    # d_3D 1000.276 m at 2 GHz: 13.54 + 39.08 · 3.00012 + 6.0206 = 136.805; below the breakpoint (320 m) not.
    assert uma_nlos(2000, 1000) == pytest.approx(136.805, abs=0.001)
    assert umi_nlos(2000, 100) == pytest.approx(22.4 + 35.3 * 2.001563 + 21.3 * 0.30103, abs=0.001)
    # free space over 1 km at 1 GHz is 92.45 dB; RMa with h = 5 m adds 0.478 · 3 − 0.701 + 0.0014 · 1000 = 2.13
    assert rma_los(1000, 1000, bs_height_m=35) == pytest.approx(92.44 + 2.13, abs=0.02)


def test_the_two_slopes_meet_at_the_breakpoint():
    for model, breakpoint_m in [(uma_los, 4 * 24 * 0.5 * 2e9 / 3e8), (umi_los, 4 * 9 * 0.5 * 2e9 / 3e8)]:
        before, after = model(2000, [breakpoint_m * (1 - 1e-9), breakpoint_m * (1 + 1e-9)])
        assert after == pytest.approx(before, abs=0.05)  # the text's own step: 10 log d_3D against its rounded factor


def test_line_of_sight_probability_follows_the_table_of_tr_38901():
    assert rma_los_probability(10) == 1
    assert rma_los_probability(1010) == pytest.approx(exp(-1))
    assert uma_los_probability([5, 18]) == pytest.approx([1, 1])
    assert uma_los_probability(63) == pytest.approx(18 / 63 + exp(-1) * (1 - 18 / 63))
    assert umi_los_probability(72) == pytest.approx(0.25 + exp(-2) * 0.75)
    street = 18 / 100 + exp(-100 / 63) * (1 - 18 / 100)
    assert uma_los_probability(100, 23) == pytest.approx(street * (1 + 1.25 * exp(-100 / 150)))
    assert uma_los_probability(100, 13) == pytest.approx(street)


def test_hata_gives_the_published_coefficients():
    # 900 MHz, 30 m, 1.5 m, urban: 126.4 + 35.2 log d, in every textbook.
    assert okumura_hata(900, [1000, 10_000], bs_height_m=30) == pytest.approx([126.4, 126.4 + 35.2], abs=0.05)
    # 3GPP TR 36.942 §4.5.3, macro cell in rural area, 900 MHz, 45 m: 95.5 + 34.1 log R
    rural = okumura_hata(900, [1000, 10_000], bs_height_m=45, environment="open")
    assert rural == pytest.approx([95.5, 95.5 + 34.1], abs=0.07)
    # Hata 1980, large city above 300 MHz: 3.2 log² (11.75 h) − 4.97 is 0 at 1.5 m, 2.7 dB at 3 m
    low, high = okumura_hata(900, 5000, bs_height_m=50, ut_height_m=[1.5, 3], large_city=True)
    assert low - high == pytest.approx(2.69, abs=0.01)


def test_cost_231_gives_the_published_coefficients():
    # 1800 MHz, 30 m, 1.5 m: 136.2 + 35.2 log d for a medium-sized city, 3 dB more in a metropolitan centre.
    assert cost231_hata(1800, [1000, 10_000], bs_height_m=30) == pytest.approx([136.2, 136.2 + 35.2], abs=0.05)
    assert cost231_hata(1800, 1000, bs_height_m=30, metropolitan=True) == pytest.approx(139.2, abs=0.05)


@pytest.mark.parametrize("environment", ["urban", "suburban", "open"])
@pytest.mark.parametrize("f", [60, 450, 758, 940, 1842.5, 2140, 2550])
@pytest.mark.parametrize(("h1", "h2"), [(42, 1.5), (15, 3), (1.5, 60), (120, 15)])
def test_extended_hata_follows_report_sm_2028(f, h1, h2, environment):
    distances_km = [0.02, 0.04, 0.07, 0.1, 0.5, 2, 20, 35, 90]
    expected = [extended(f, d, h1, h2, environment) for d in distances_km]
    found = extended_hata(f, np.array(distances_km) * 1000, bs_height_m=h1, ut_height_m=h2, environment=environment)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_extended_hata_agrees_with_the_models_it_extends():
    distances_m = np.linspace(1000, 20_000, 7)
    for environment in ("urban", "suburban", "open"):  # it rounds 69.55 to 69.6 and 26.16 to 26.2
        found = extended_hata(900, distances_m, bs_height_m=40, environment=environment)
        assert found == pytest.approx(okumura_hata(900, distances_m, bs_height_m=40, environment=environment), abs=0.2)
    found = extended_hata(1842.5, distances_m, bs_height_m=40)
    assert found == pytest.approx(cost231_hata(1842.5, distances_m, bs_height_m=40))


def test_numbers_and_grids_give_the_same():
    frequencies, distances = np.array([[800.0], [1800.0], [2600.0]]), np.array([[50.0, 700.0, 4000.0, 5000.0]])
    for model in (rma_los, rma_nlos, uma_los, uma_nlos):
        grid = model(frequencies, distances)
        assert grid.shape == (3, 4)
        assert grid[2, 1] == model(2600, 700)
    assert np.isnan(uma_nlos(2000, [np.nan, 100])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rma_los(300, 1000), ["RMa", "frequency_mhz = 300", "500 to 30000"]),
        (lambda: rma_los(800, 20_000), ["RMa", "distance_m = 20000", "10 to 10000"]),
        (lambda: rma_nlos(800, [1000, 7000]), ["distance_m = 7000", "10 to 5000"]),
        (lambda: rma_nlos(800, 1000, street_width_m=80), ["street_width_m = 80", "5 to 50"]),
        (lambda: uma_los(800, 1000, ut_height_m=30), ["ut_height_m = 30", "1.5 to 22.5"]),
        (lambda: umi_nlos(800, 1000, bs_height_m=45), ["UMi", "bs_height_m = 45", "3 to 20"]),
        (lambda: okumura_hata(1800, 1000, bs_height_m=30), ["frequency_mhz = 1800", "150 to 1500"]),
        (lambda: cost231_hata(900, 1000, bs_height_m=30), ["frequency_mhz = 900", "1500 to 2000"]),
        (lambda: cost231_hata(1800, 900, bs_height_m=30), ["distance_m = 900", "1000 to 20000"]),
        (lambda: extended_hata(3750, 900, bs_height_m=30), ["frequency_mhz = 3750", "30 to 3000"]),
        (lambda: extended_hata(900, 0, bs_height_m=30), ["distance_m = 0", "1 to 100000"]),
        (lambda: extended_hata(900, 500, bs_height_m=30, environment="forest"), ["'forest'", "urban, suburban, open"]),
        (lambda: uma_los_probability(100, 30), ["ut_height_m = 30"]),
        (lambda: rma_los_probability(-1), ["distance_m = -1"]),
    ],
)
@speaking("en")
def test_a_model_asked_outside_its_validity_says_what_and_where(call, words):
    with pytest.raises(OutsideValidity) as raised:
        call()
    assert isinstance(raised.value, CovplanError)
    assert isinstance(raised.value, ValueError)
    assert all(word in str(raised.value) for word in words), str(raised.value)
