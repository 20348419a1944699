"""Calibration: known offsets come back through noise and outliers, help elsewhere too, and need enough data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from covplan.radio.calibration import RIDGE, calibrate, error_figures, predictions, robust_offset
from covplan.radio.coverage import coverage
from covplan.radio.explain import explain_links
from covplan.radio.links import receive
from covplan.radio.loss import Mast, path_loss_window
from covplan.study.codes import NOBODY
from covplan.study.errors import LayerError, SettingsError, TooLittleData
from covplan.study.language import speaking
from covplan.study.settings import Propagation, Radio, Settings
from covplan.study.settings_file import load_settings, offsets_toml, settings_toml, write_offsets
from covplan.terrain.ground import Ground
from tests.radio.test_coverage import CELLS, GRID, NEAR, RADIO, omni, plain, stations

FOREST, FIELDS = 10, 40
TRUE_DB = {("L1800", FOREST): -8.0, ("L1800", FIELDS): 3.0, ("L900", FOREST): -4.0, ("L900", FIELDS): 0.0}
NOISE_DB, OUTLIERS = 8.0, 0.08
RECOVERED_DB = 1.0  # 150 training measurements with 8 dB: a standard error of 0.65 dB, and what outliers leave


def drive_test(count=1600, seed=2, outliers=OUTLIERS):
    """Measurements over 30 × 30 km: band and land cover at random, true offsets, noise, and some 35 dB too high."""
    chance = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x_m": chance.uniform(400_000, 430_000, count),
            "y_m": chance.uniform(2_420_000, 2_450_000, count),
            "band": chance.choice(["L1800", "L900"], count),
            "landcover": chance.choice([FOREST, FIELDS], count),
            "predicted_dbm": chance.uniform(-125, -70, count),
        }
    )
    true = np.array([TRUE_DB[key] for key in zip(table["band"], table["landcover"], strict=True)])
    wild = np.where(chance.uniform(size=count) < outliers, 35.0, 0.0)  # under the mast, in a repeater's beam
    return table.assign(measured_dbm=table["predicted_dbm"] + true + chance.normal(0, NOISE_DB, count) + wild)


def fitted(table, **options):
    names = ("measured_dbm", "predicted_dbm", "band", "landcover", "x_m", "y_m")
    return calibrate(*(table[name] for name in names), **options)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_known_offsets_come_back_through_noise_and_outliers(seed):
    found = fitted(drive_test(seed=seed))
    for (band, landcover), true_db in TRUE_DB.items():
        expected_db = true_db + 1.345 * NOISE_DB * OUTLIERS  # an outlier pulls with k σ at most
        assert found.offsets_db[band][landcover] == pytest.approx(expected_db, abs=1.6 * RECOVERED_DB)
    clean = fitted(drive_test(count=4000, seed=seed, outliers=0.0))
    for (band, landcover), true_db in TRUE_DB.items():
        assert clean.offsets_db[band][landcover] == pytest.approx(true_db, abs=RECOVERED_DB)


def test_outliers_on_one_side_pull_the_offset_about_half_as_far_as_the_mean():
    table = drive_test(count=4000, outliers=0.15)
    forest = table[(table["band"] == "L1800") & (table["landcover"] == FOREST)]
    errors = forest["measured_dbm"] - forest["predicted_dbm"]
    assert errors.mean() + 8.0 > 4.0
    assert abs(robust_offset(errors) + 8.0) < 0.6 * abs(errors.mean() + 8.0)


def test_offsets_help_where_nothing_was_fitted():
    found = fitted(drive_test())
    errors = found.errors.set_index(["part", "stage"])
    assert found.improves
    for part in ("training", "held_out"):
        assert errors.loc[(part, "after"), "rmse_db"] < errors.loc[(part, "before"), "rmse_db"] - 0.5
        assert errors.loc[(part, "after"), "mae_db"] < errors.loc[(part, "before"), "mae_db"]
        assert errors.loc[(part, "before"), "n"] == 1600
    assert errors.loc[("training", "after"), "rmse_db"] < errors.loc[("held_out", "after"), "rmse_db"]


def test_pure_noise_gives_offsets_of_nothing():
    table = drive_test(count=4000)
    noise = np.random.default_rng(1).normal(0, NOISE_DB, len(table))
    found = fitted(table.assign(measured_dbm=table["predicted_dbm"] + noise))
    assert max(abs(value) for offsets in found.offsets_db.values() for value in offsets.values()) < RECOVERED_DB


@speaking("en")
def test_whole_squares_are_held_out_not_points():
    table = drive_test()
    spoilt = table.assign(
        x_m=2000.0 * (table.index % 16) + 400_500.0,  # sixteen places, a hundred measurements at each
        y_m=2_425_000.0,
        measured_dbm=table["predicted_dbm"] + np.where(table.index % 16 < 8, 10.0, -10.0),
    )
    errors = fitted(spoilt).errors.set_index(["part", "stage"])["rmse_db"]
    # Held out point by point, the other half of each place would be fitted on, and nothing would be worse than before.
    assert errors["held_out", "before"] == pytest.approx(10.0)
    assert errors["held_out", "after"] > 10.5
    with pytest.raises(TooLittleData, match="in 1 squares"):
        fitted(table.assign(x_m=405_000.0, y_m=2_425_000.0))


@speaking("en")
def test_a_biased_tiny_sample_is_refused():
    tiny = drive_test(count=40)
    tiny["measured_dbm"] = tiny["predicted_dbm"] + 25
    with pytest.raises(TooLittleData, match=r"40 with a prediction.*at least 100 in 8 are needed"):
        fitted(tiny)


@speaking("en")
def test_a_class_with_too_little_gets_no_offset_and_all_such_are_refused():
    table = drive_test()
    rare = table["landcover"].where(~((table["band"] == "L900") & (table["landcover"] == FIELDS)), 50)
    few = table.assign(landcover=rare).drop(table.index[rare == 50][15:])
    found = fitted(few)
    assert 50 not in found.offsets_db.get("L900", {})
    row = found.groups.set_index(["band", "landcover"]).loc[("L900", 50)]
    assert not row["fitted"]
    assert row["n"] <= 15
    assert np.isnan(row["offset_db"])
    with pytest.raises(TooLittleData, match=r"no band and land cover has 5000 .*L1800 10: \d+"):
        fitted(table, least_group=5000)


def test_what_the_model_does_not_receive_is_counted_and_left_out():
    table = drive_test()
    silent = table.assign(predicted_dbm=table["predicted_dbm"].mask(table.index < 100))
    found = fitted(silent)
    assert found.not_received == 100
    assert found.errors["n"].tolist() == [1500] * 4


def test_the_ridge_is_so_many_measurements_of_a_right_model():
    assert robust_offset(np.full(5, 10.0)) == pytest.approx(10.0 * 5 / (5 + RIDGE))
    assert robust_offset(np.full(500, 10.0)) == pytest.approx(10.0, abs=0.11)


def test_error_figures_by_hand():
    figures = error_figures([3.0, -1.0, 4.0])
    assert figures == pytest.approx(
        {"n": 3, "mean_db": 2.0, "sigma_db": 7**0.5, "rmse_db": (26 / 3) ** 0.5, "mae_db": 8 / 3}
    )
    assert error_figures([])["n"] == 0


# --- offsets, applied


def classed():
    ground = plain()
    landcover = np.full(GRID.shape, FIELDS, np.int16)
    landcover[:, 60:] = FOREST
    return Ground(ground.grid, ground.elevation_m, ground.clutter_m, landcover=landcover)


SHIFTED = NEAR.model_copy(update={"offsets_db": {"L1800": {FOREST: -6.5, FIELDS: 1.5}}})
PLACE = (403_025.0, 2_446_975.0)


def test_an_offset_shifts_the_map_by_land_cover_and_nothing_else(tmp_path):
    table = stations(PLACE)
    both = [coverage(table, omni(table), classed(), "4G", RADIO, one, cache=tmp_path) for one in (NEAR, SHIFTED)]
    assert len(list(tmp_path.glob("*.loss"))) == 1  # the kept path loss serves both
    before, after = both
    heard = np.isfinite(before.rsrp_dbm)
    expected = np.where(np.arange(GRID.columns) >= 60, -6.5, 1.5)
    difference = after.rsrp_dbm - before.rsrp_dbm
    np.testing.assert_allclose(difference[heard], np.broadcast_to(expected, GRID.shape)[heard], atol=2e-5)
    np.testing.assert_array_equal(after.server, before.server)
    assert (after.probability[:, 60:] <= before.probability[:, 60:]).all()


def test_map_points_and_path_losses_agree_on_offsets():
    table = stations(PLACE, (404_525.0, 2_446_975.0))
    ground = classed()
    rows, columns = np.array([40, 84, 95]), np.array([30, 44, 61])
    x, y = GRID.xy(rows, columns)
    one = coverage(table, omni(table), ground, "4G", RADIO, SHIFTED)
    at = receive(table, omni(table), x, y, ground, "4G", RADIO, SHIFTED)
    assert (at.server != NOBODY).all()
    np.testing.assert_allclose(at.rsrp_dbm, one.rsrp_dbm[rows, columns], atol=0.6)
    bare = receive(table, omni(table), x, y, ground, "4G", RADIO, NEAR)
    np.testing.assert_allclose(at.rsrp_dbm - bare.rsrp_dbm, [1.5, 1.5, -6.5], atol=2e-5)
    # Server and neighbours shift alike: with little noise their ratio stands.
    np.testing.assert_allclose(at.sinr_db, bare.sinr_db, atol=0.5)


def test_an_explained_link_shows_the_offset_and_is_still_the_maps():
    table, where = stations(PLACE), tuple(float(v) for v in GRID.xy(61, 95))
    ground = classed()
    bare, shifted = (
        explain_links(table, omni(table), ground, "4G", RADIO, one, where, operators=["VTL"]).links[0]
        for one in (NEAR, SHIFTED)
    )
    assert shifted.rsrp_dbm == pytest.approx(bare.rsrp_dbm - 6.5)
    assert shifted.loss_db == bare.loss_db
    assert {line.item: line.value for line in shifted.budget}["calibration"] == -6.5
    assert "calibration" not in {line.item for line in bare.budget}
    one = coverage(table, omni(table), ground, "4G", RADIO, SHIFTED)
    assert shifted.map_rsrp_dbm == pytest.approx(one.rsrp_dbm[61, 95], abs=0.01)


@speaking("en")
def test_offsets_without_land_cover_are_refused_with_the_remedy():
    table = stations(PLACE)
    with pytest.raises(LayerError, match=r"landcover\.tif: missing"):
        coverage(table, omni(table), plain(), "4G", RADIO, SHIFTED)
    with pytest.raises(LayerError, match="remove the offsets"):
        receive(table, omni(table), [PLACE[0]], [PLACE[1]], plain(), "4G", RADIO, SHIFTED)


def test_an_offset_changes_no_kept_loss_key(tmp_path):
    for one in (NEAR, SHIFTED):
        path_loss_window(Mast(*PLACE, 40.0, 1842.5), classed(), one, cache=tmp_path)
    assert len(list(tmp_path.glob("*.loss"))) == 1


def test_predictions_are_of_the_measurements_own_operator_band_and_cell():
    table = pd.concat([stations(PLACE, bands="L1800;L900"), stations(PLACE, operator="VNPT", height_m=20.0)])
    rows = pd.DataFrame(
        {
            "operator": ["VTL", "VTL", "VTL", "VNPT", "MBF", "VTL"],
            "technology": ["4G"] * 5 + ["5G"],
            "band": [None, "L900", None, None, None, None],
            "cell_id": [None, None, f"VTL-SYN-{PLACE[0]:.0f}-{PLACE[1]:.0f}/L1800/2", None, None, None],
        }
    )
    where = stations(*[(PLACE[0] + 700.0, PLACE[1] + 40.0)] * 6)[["geometry"]]
    found = predictions(where.join(rows), table, CELLS, classed(), "4G", NEAR)
    assert found.index.tolist() == [0, 1, 2, 3, 4]
    assert found["band"].iloc[1] == "L900"
    assert found["cell_id"].iloc[2].endswith("L1800/2")
    assert found["predicted_dbm"].iloc[0] == found["predicted_dbm"].iloc[:3].max()
    assert found["predicted_dbm"].iloc[3] != found["predicted_dbm"].iloc[0]
    assert np.isnan(found["predicted_dbm"].iloc[4])
    assert set(found["landcover"]) == {FOREST}


@speaking("en")
def test_study_toml_takes_offsets_gives_them_back_and_names_a_wrong_band(tmp_path):
    offsets = {"L1800": {10: -6.5, 40: 1.25}, "N2600": {50: -3.0}}
    settings = Settings.model_validate({"province": {"name": "Thử"}, "propagation": {"offsets_db": offsets}})
    path = tmp_path / "study.toml"
    path.write_text(settings_toml(settings), encoding="utf-8")
    assert load_settings(path).propagation.offsets_db == offsets
    path.write_text('[province]\nname = "Thử"  # tên\n[propagation]\nradius_km = 12\n', encoding="utf-8")
    for values in (offsets, {"L900": {10: 2.0}}):
        write_offsets(path, values)
        read = load_settings(path)
        assert read.propagation.offsets_db == values
        assert read.propagation.radius_km == 12
        assert "# tên" in path.read_text(encoding="utf-8")
    path.write_text('[province]\nname = "Thử"\n\n' + offsets_toml(offsets), encoding="utf-8")
    assert load_settings(path).propagation.offsets_db == offsets
    path.write_text('[province]\nname = "x"\n[propagation.offsets_db.L180]\n10 = 1.0\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"unknown band 'L180'\. Did you mean L1800"):
        load_settings(path)
    assert Propagation().offsets_db == {}
    assert Radio().confidence == 0.95
