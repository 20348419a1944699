"""The tool for measured drive tests: a known bias in made-up figures comes out, slipped coordinates are put right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from benchmarks import measured
from covplan.radio.antenna import named_antenna, pattern_loss
from covplan.radio.p1812 import DELTA_N, SURFACE_N, path_loss
from covplan.study.errors import LayerError
from covplan.study.settings_file import load_settings

BIAS_DB, MAST_M, EIRP_DBM, LAT, LON = 6.0, 40.0, 60.0, -8.07, -34.9


def drive_tests(folder, count=300):
    """Two sectors on a plain 5 m above sea; measured is the exact path over bare ground, the pattern, and a bias."""
    folder.mkdir()
    sectors = pd.DataFrame(
        {
            "BTS_ID": ["B1", "B2"], "height": MAST_M, "lat": LAT, "lon": [LON, LON / 10], "elev": 5,
            "band": "GSM1800", "azimuth": [60, 180], "eirp": EIRP_DBM, "tiltEle": 2, "tiltMec": 1,
        }
    )  # fmt: skip
    sectors.to_csv(folder / "sectors.csv", sep=";", index=False)
    chance = np.random.default_rng(1)
    azimuth = np.repeat([60.0, 180.0], count)
    bearing, metres = azimuth + chance.uniform(-30, 30, 2 * count), chance.uniform(300, 2500, 2 * count)
    at = np.full(2 * count, LON), np.full(2 * count, LAT)
    lon, lat, _back = Geod(ellps="WGS84").fwd(*at, bearing, metres)
    pattern_db = pattern_loss(
        named_antenna("sector_65"), azimuth_deg=azimuth, bearing_deg=bearing,
        elevation_deg=np.degrees(np.arctan2(1.5 - MAST_M, metres)), electrical_tilt_deg=3.0,
    )  # fmt: skip
    rows = {"lat": lat, "lon": lon, "elev": 5, "dist": metres / 1000, "BTS_ID": np.repeat(["B1", "B2"], count)}
    rows["PLreal"] = [plain_loss(one / 1000) + BIAS_DB for one in metres] + pattern_db
    pd.DataFrame(rows).to_csv(folder / "measurements.csv", index=False)
    return folder


def plain_loss(length_km):
    km = np.linspace(0, length_km, 50)
    height = np.full(50, 5.0)
    return path_loss(
        km, height, np.zeros(50), frequency_mhz=1842.5, tx_height_m=MAST_M, rx_height_m=1.5, delta_n=DELTA_N,
        surface_n=SURFACE_N,
    ).loss_db  # fmt: skip


def test_a_known_bias_comes_out_of_a_study_made_of_drive_tests(tmp_path, capsys):
    table = measured.main([str(drive_tests(tmp_path / "tests")), str(tmp_path / "study")])
    assert "B2: lon, lat -3.490000, -8.070000 read as -34.900000, -8.070000" in capsys.readouterr().out
    bare = table[(table["set"] == "main lobe") & (table["model"] == "P.1812, no clutter")].iloc[0]
    assert bare["n"] > 500
    assert bare["mean_db"] == pytest.approx(BIAS_DB, abs=0.1)
    assert bare["sigma_db"] < 0.5  # what the grid and the moved coordinates leave
    assert bare["held_out_rmse_db"] < 0.6
    assert {"ITU-R P.1812-7", "extended Hata, urban", "3GPP TR 38.901 RMa"} < set(table["model"])
    assert load_settings(tmp_path / "study" / "study.toml").propagation.radius_km == 3


def test_another_separator_a_5g_band_and_a_frequency_beside_it_are_read_and_told(tmp_path, capsys):
    folder = drive_tests(tmp_path / "tests", count=60)
    sectors = pd.read_csv(folder / "sectors.csv", sep=";").assign(band="LTE 2400")
    sectors.to_csv(folder / "sectors.csv", index=False)
    table = measured.main([str(folder), str(tmp_path / "study")])
    assert "LTE 2400: computed as N2600 at 2550 MHz, +0.5 dB of free space" in capsys.readouterr().out
    # The measurements are those of 1842.5 MHz over bare ground: so much less is lost than is predicted.
    bare = table[(table["set"] == "main lobe") & (table["model"] == "P.1812, no clutter")].iloc[0]
    assert bare["mean_db"] < BIAS_DB - 1.0
    sectors.drop(columns="eirp").to_csv(folder / "sectors.csv", index=False)
    with pytest.raises(LayerError, match=r"sectors\.csv: columns missing: eirp"):
        measured.read_drive_tests(folder)


def test_a_transmitter_that_fits_no_distance_stops_the_tool(tmp_path):
    folder = drive_tests(tmp_path / "tests")
    sectors = pd.read_csv(folder / "sectors.csv", sep=";")
    sectors.assign(lat=LAT + 0.5).to_csv(folder / "sectors.csv", sep=";", index=False)
    with pytest.raises(LayerError, match="B1: its coordinates do not fit"):
        measured.read_drive_tests(folder)
