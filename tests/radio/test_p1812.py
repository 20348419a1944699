"""P.1812-7 against the ITU's own validation: 64 paths, every quantity printed there."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import fresnel

from covplan.radio import formulas
from covplan.radio.p1812 import path_loss
from covplan.study.errors import OutsideValidity
from covplan.study.language import speaking
from tests.real_province import REFERENCE

LOGS = sorted((REFERENCE / "p1812" / "validation_results").glob("*_log.csv"))
# Name in the log, in its order of appearance (some names stand twice), and ours.
PRINTED = [
    ("d (km)", "distance_km"), ("dlt (km)", "tx_horizon_km"), ("dlr (km)", "rx_horizon_km"),
    ("th_t (mrad)", "tx_angle_mrad"), ("th_r (mrad)", "rx_angle_mrad"), ("th (mrad)", "path_angle_mrad"),
    ("hts (m)", "tx_m"), ("hrs (m)", "rx_m"), ("w", "sea_share"), ("dtm (km)", "land_km"), ("dlm (km)", "inland_km"),
    ("b0 (%)", "beta0_pct"), ("ae (km)", "earth_km"), ("hst (m)", "tx_smooth_m"), ("hsr (m)", "rx_smooth_m"),
    ("hst (m)", "tx_smooth_low_m"), ("hsr (m)", "rx_smooth_low_m"), ("hstd (m)", "tx_smooth_diffraction_m"),
    ("hsrd (m)", "rx_smooth_diffraction_m"), ("htc (m)", "tx_above_smooth_m"), ("hrc (m)", "rx_above_smooth_m"),
    ("hte (m)", "tx_effective_m"), ("hre (m)", "rx_effective_m"), ("hm (m)", "roughness_m"), ("Fi", "median_weight"),
    ("Fj", "sight_weight"), ("Fk", "distance_weight"), ("Lbfs", "free_space_db"), ("Lb0p", "line_of_sight_db"),
    ("Lb0b", "beta_line_of_sight_db"), ("Lbulla (dB)", "beta_bullington_db"),
    ("Lbulls (dB)", "beta_smooth_bullington_db"),
    ("Ldsph (dB)", "beta_spherical_db"), ("Ld50 (dB)", "median_diffraction_db"), ("Ldb (dB)", "beta_diffraction_db"),
    ("Ldp (dB)", "diffraction_db"), ("Lbd50 (dB)", "median_basic_diffraction_db"), ("Lbd (dB)", "basic_diffraction_db"),
    ("Lminb0p (dB)", "notional_sight_db"), ("Lba (dB)", "duct_db"), ("Lminbap (dB)", "notional_duct_db"),
    ("Lbda (dB)", "diffraction_or_duct_db"), ("Lbam (dB)", "without_scatter_db"), ("Lbs (dB)", "scatter_db"),
    ("Lbc (dB)", "median_location_db"), ("Lb (dB)", "loss_db"),
]  # fmt: skip


def read_log(path):
    with path.open(encoding="utf-8") as file:
        rows = [(row[0].strip(), float(row[3])) for row in csv.reader(file) if len(row) > 3 and row[3].strip("Value ")]
    return rows


def read_profile(path):
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next(i for i, line in enumerate(text) if line.startswith("{Begin of Profile}")) + 2
    rows = []
    for line in text[start:]:
        if line.startswith("{"):
            break
        rows.append([float(cell) for cell in line.split(",")[:5]])
    return np.array(rows).T


def computed(log):
    said = dict(reversed(read_log(log)))
    name = log.name.removesuffix("_log.csv").rpartition("_")[0]
    d, h, _, clutter, zone = read_profile(REFERENCE / "p1812" / "validation_profiles" / f"{name}.csv")
    return path_loss(
        d,
        h,
        clutter,
        zone=zone.astype(int),
        frequency_mhz=said["f (GHz)"] * 1000,
        time_pct=said["p (%)"],
        location_pct=said["pL (%)"],
        tx_height_m=said["htg (m)"],
        rx_height_m=said["hrg (m)"],
        latitude_deg=said["phi (deg)"],
        delta_n=said["DN"],
        surface_n=said["N0"],
        vertical=said["pol"] == 2,
        tx_coast_km=said["dct (km)"],
        rx_coast_km=said["dcr (km)"],
    )


@pytest.mark.needs("reference")
@pytest.mark.parametrize("log", LOGS, ids=[log.name.removesuffix("_log.csv") for log in LOGS])
def test_every_printed_quantity_is_ours_to_the_printed_digits(log):
    ours = asdict(computed(log))
    if ours["notional_duct_db"] < ours["basic_diffraction_db"]:
        # The program that printed the logs had by then overwritten L_bd (43) with L_bda (61).
        ours["basic_diffraction_db"] = ours["diffraction_or_duct_db"]
    rows = iter(read_log(log))
    wrong = []
    for printed, name in PRINTED:
        value = next(value for key, value in rows if key == printed)
        if not math.isclose(ours[name], value, rel_tol=1e-8, abs_tol=2e-8):
            wrong.append((printed, value, ours[name]))
    assert not wrong
    printed_dbuv = next(value for key, value in rows if key == "Ep (dBuV/m)")
    frequency_ghz = dict(read_log(log))["f (GHz)"]
    assert formulas.field_strength(frequency_ghz, ours["loss_db"]) == pytest.approx(printed_dbuv, abs=2e-8)


@pytest.mark.needs("reference")
def test_every_case_of_the_validation_is_there_once():
    table = (REFERENCE / "p1812" / "validation_results" / "combined_results.csv").read_text(encoding="utf-8")
    cases = [row for row in table.splitlines() if row and not row.startswith("#")]
    assert len(cases) == len(LOGS) == 63  # and a header line: 64 lines


def test_a_knife_edge_is_fresnels_integral():
    for nu in (-0.5, 0.0, 0.7, 2.0, 5.0):
        s, c = fresnel(nu)
        exact_db = -20 * math.log10(math.hypot(1 - c - s, c - s) / 2)
        assert formulas.knife_edge(nu) == pytest.approx(exact_db, abs=0.3)


def hills(n=120, step_km=0.05):
    d = np.arange(n) * step_km
    return d, 200 + 90 * np.sin(d * 2.2) + 60 * np.cos(d * 5.1), np.zeros(n)


def loss(profile, **changes):
    usual = {"frequency_mhz": 1800, "tx_height_m": 30, "rx_height_m": 1.5}
    return path_loss(*profile, **usual | changes)


def test_the_path_back_has_the_same_diffraction():
    d, h, clutter = hills()
    there = loss((d, h, clutter), tx_height_m=30, rx_height_m=4)
    back = loss((d, h[::-1], clutter), tx_height_m=4, rx_height_m=30)
    assert there.diffraction_db == pytest.approx(back.diffraction_db, abs=1e-9)
    assert there.loss_db == pytest.approx(back.loss_db, abs=1e-6)


def test_a_ridge_between_mast_and_hamlet_costs_what_its_knife_edge_costs():
    d = np.arange(101) * 0.05
    flat, ridge = np.zeros(101), np.zeros(101)
    ridge[50] = 120
    open_db, behind = loss((d, flat, flat)).loss_db, loss((d, ridge, flat))
    assert behind.loss_db - open_db > 25
    assert behind.edge_km == pytest.approx(2.5, abs=0.01)


def test_half_the_places_lie_either_side_of_the_median():
    usual = {"location_sigma_db": 8.0}
    better, median, worse = (loss(hills(), location_pct=share, **usual).loss_db for share in (5, 50, 95))
    assert worse - median == pytest.approx(1.6449 * 8, abs=0.01)
    assert better <= median


def test_free_space_over_the_sea_within_sight():
    d = np.arange(51) * 0.1
    sea = path_loss(d, d * 0, d * 0, zone=np.ones(51, int), frequency_mhz=900, tx_height_m=200, rx_height_m=200)
    assert sea.loss_db == pytest.approx(sea.free_space_db, abs=0.1)
    assert sea.sea_share == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frequency_mhz": 28000}, "frequency_mhz = 28000: outside 30 to 6000"),
        ({"time_pct": 60}, "time_pct = 60"),
        ({"rx_height_m": 0}, "rx_height_m = 0"),
        ({"tx_height_m": -5}, "tx_height_m = -5"),
    ],
)
@speaking("en")
def test_outside_the_recommendation_is_said_not_computed(changes, said):
    with pytest.raises(OutsideValidity, match=said):
        loss(hills(), **changes)


def test_a_profile_with_gaps_or_steps_back_is_refused():
    d, h, clutter = hills()
    with pytest.raises(OutsideValidity, match="distance_km"):
        loss((d[:4], h[:4], clutter[:4]))
    with pytest.raises(ValueError, match="no value at point 7"):
        loss((d, np.where(np.arange(120) == 7, np.nan, h), clutter))
    with pytest.raises(ValueError, match="rise"):
        loss((d[::-1], h, clutter))
    with pytest.raises(ValueError, match="same length"):
        loss((d, h[:-1], clutter))
    with pytest.raises(ValueError, match="never negative"):
        loss((d, h, clutter - 1))
