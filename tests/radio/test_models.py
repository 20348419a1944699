"""Models a study chooses: raster, links and explanation agree with the formula, and limits are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from covplan.pipeline import coverage as study_coverage
from covplan.pipeline import make_plan, model_findings
from covplan.radio.coverage import coverage
from covplan.radio.empirical import FORMULAS, cost231_hata, extended_hata, rma_los, rma_los_probability, rma_nlos
from covplan.radio.explain import explain_links
from covplan.radio.links import receive
from covplan.radio.loss import Mast, links, mast_at, path_loss_window
from covplan.radio.models import formula_loss, mast_model
from covplan.study.errors import OutsideValidity, SettingsError
from covplan.study.folder import open_study
from covplan.study.language import speaking
from covplan.study.models import MODELS, model_title
from covplan.study.settings import Propagation, Radio
from covplan.study.settings_file import load_settings, write_offsets
from tests.radio.test_coverage import omni, stations
from tests.radio.test_explain import GRID, MAST, ground
from tests.study import small_study

FORMULA_MODELS = [one for one in MODELS if one != "p1812"]
RADIO = Radio()


def mhz_of(model):
    low, high = FORMULAS[model].limits["frequency_mhz"]
    return 942.5 if high < 1842.5 else max(low, 1842.5)


def near(model="extended_hata_suburban", **more):
    return Propagation(radius_km=5.0, model=model, **more)


def test_every_name_a_study_can_give_has_a_formula_and_a_title():
    assert set(FORMULAS) == set(FORMULA_MODELS)
    for spoken in ("vi", "en"):
        with speaking(spoken):
            assert len({model_title(one) for one in MODELS}) == len(MODELS)


@pytest.mark.parametrize("model", FORMULA_MODELS)
def test_the_rasters_value_is_the_link_to_the_cells_centre_and_the_formula(model):
    bumpy = ground(400 + np.random.default_rng(2).normal(0, 50, GRID.shape))
    mast, settings = Mast(MAST[0] + 7.0, MAST[1] - 4.0, 40.0, mhz_of(model), model), near(model)
    window = path_loss_window(mast, bumpy, settings)
    rows, columns = np.mgrid[0 : GRID.rows : 7, 0 : GRID.columns : 7]
    x_m, y_m = GRID.xy(rows.ravel(), columns.ravel())
    away_m = np.hypot(x_m - mast.x_m, y_m - mast.y_m)
    found = links([mast], x_m, y_m, bumpy, settings)
    on_raster = np.full(x_m.size, np.nan, np.float32)
    inside = away_m <= 5000.0
    on_raster[inside] = window.loss_db[rows.ravel()[inside] - window.top, columns.ravel()[inside] - window.left]
    np.testing.assert_array_equal(found.points, np.flatnonzero(inside))
    np.testing.assert_allclose(found.loss_db, on_raster[inside], atol=0.0101)  # both are kept to a hundredth
    expected_db = formula_loss(model, mast.frequency_mhz, away_m[inside], 40.0, 1.5)
    np.testing.assert_allclose(found.loss_db, np.where(expected_db > 200, np.inf, expected_db), atol=0.0051)


def test_the_losses_are_those_of_the_published_formulas_within_their_limits():
    metres = np.array([1000.0, 2000.0, 4900.0])
    at = {"bs_height_m": 40.0, "ut_height_m": 1.5}
    for model, expected_db in {
        "extended_hata_open": extended_hata(1842.5, metres, environment="open", **at),
        "cost231_hata_metropolitan": cost231_hata(1842.5, metres, metropolitan=True, **at),
        "tr38901_rma": rma_los(1842.5, metres, **at) * (seen := rma_los_probability(metres))
        + (1 - seen) * rma_nlos(1842.5, metres, **at),
    }.items():
        np.testing.assert_allclose(formula_loss(model, 1842.5, metres, 40.0, 1.5), expected_db, rtol=1e-12)


@pytest.mark.parametrize("model", FORMULA_MODELS)
def test_carried_on_beyond_its_distances_a_formula_rises_without_steps_and_never_beats_free_space(model):
    metres = np.geomspace(1.0, 60_000.0, 6000)
    loss_db = formula_loss(model, mhz_of(model), metres, 40.0, 1.5)
    slant_km = np.hypot(metres, 38.5) / 1000.0
    assert (loss_db >= 32.4 + 20 * np.log10(mhz_of(model) * slant_km) - 1e-9).all()
    steps = np.diff(loss_db)
    # The expected loss by line of sight may fall a little where more places come into sight; nothing jumps.
    assert steps.min() > -0.05
    assert steps.max() < 0.35


def test_a_band_of_its_own_model_is_received_so_and_another_band_is_not(tmp_path):
    table = stations(MAST, bands="L1800;L900")
    x_m, y_m = [MAST[0] + 2000.0], [MAST[1]]
    land, mixed = ground(clutter_m=10.0), near("p1812", band_models={"L1800": "cost231_hata"})
    assert mast_at(*MAST, 40.0, "L1800", mixed).model == "cost231_hata"
    assert mast_at(*MAST, 40.0, "L900", mixed).model == "p1812"
    one, two = (
        receive(table, omni(table), x_m, y_m, land, "4G", RADIO, settings, cache=tmp_path)
        for settings in (mixed, near("cost231_hata"))
    )
    assert one.rsrp_dbm[0] == pytest.approx(two.rsrp_dbm[0])  # omni() has cells of L1800 alone
    raster = coverage(table, omni(table), land, "4G", RADIO, mixed, cache=tmp_path)
    row, column = GRID.rowcol(x_m[0], y_m[0])
    assert raster.rsrp_dbm[row, column] == pytest.approx(one.rsrp_dbm[0], abs=0.2)  # 15 m from the centre
    other = coverage(table, omni(table), land, "4G", RADIO, near("p1812"), cache=tmp_path)
    assert abs(other.rsrp_dbm[row, column] - raster.rsrp_dbm[row, column]) > 1.0  # nothing kept is mistaken for it


@speaking("en")
def test_an_explained_link_has_the_models_budget_and_says_what_the_model_does_not_see():
    ridge = np.full(GRID.shape, 300.0)
    ridge[:, 80:84] = 420.0
    table, where = stations(MAST), tuple(float(v) for v in GRID.xy(131, 150))
    settings = near("extended_hata_suburban")
    (link,) = explain_links(table, omni(table), ground(ridge), "4G", RADIO, settings, where, operators=["VTL"]).links
    away_m = np.hypot(where[0] - MAST[0], where[1] - MAST[1])
    assert link.model == "extended_hata_suburban"
    assert link.loss_db == pytest.approx(float(formula_loss(link.model, 1842.5, np.array([away_m]), 40.0, 1.5)[0]))
    assert [line.item for line in link.loss] == ["free_space", "formula_loss", "path_loss"]
    assert sum(line.value for line in link.loss[:-1]) == pytest.approx(link.loss_db)
    assert link.obstacle.kind == "ridge"
    assert "ridge" in link.verdict
    assert link.verdict.endswith("The model, extended Hata, suburban, does not see what is on the way.")
    raster = coverage(table, omni(table), ground(ridge), "4G", RADIO, settings)
    row, column = (int(v) for v in GRID.rowcol(*where))
    assert link.map_rsrp_dbm == pytest.approx(raster.rsrp_dbm[row, column], abs=0.01)
    assert link.map_away_m < 1.0
    (behind,) = explain_links(
        table, omni(table), ground(ridge), "4G", RADIO, near("p1812"), where, operators=["VTL"]
    ).links
    assert behind.loss_db > link.loss_db + 10
    assert "does not see" not in behind.verdict


@speaking("en")
def test_frequency_and_receiver_outside_a_model_are_errors_that_name_band_model_and_limit():
    with pytest.raises(
        OutsideValidity, match=r"L900 \(942\.5 MHz\): COST 231-Hata holds from 1500 to 2000 MHz\. .*band_models"
    ):
        mast_model("L900", 942.5, 40.0, near("cost231_hata"))
    with pytest.raises(OutsideValidity, match=r"receiver_height_m = 20: Okumura-Hata, open holds from 1 to 10 m"):
        mast_model("L900", 942.5, 40.0, near("okumura_hata_open", receiver_height_m=20.0))


@speaking("en")
def test_a_low_antenna_is_computed_with_p1812_and_told_with_model_station_and_limit(tmp_path):
    assert mast_model("L1800", 1842.5, 17.0, near("cost231_hata")) == "p1812"
    assert mast_model("L1800", 1842.5, float("nan"), near("cost231_hata")) == "p1812"
    settings = {"coverage": {"basis": "computed"}, "propagation": {"band_models": {"L1800": "cost231_hata"}}}
    study = open_study(small_study(tmp_path / "study", settings=settings))
    found = {one.id: one for one in model_findings(study) if one.check == "antenna_outside_model"}
    heights = study.stations.set_index("station_id")["antenna_height_m"]
    assert set(found) == set(heights[heights < 30].index)
    said = found["S-6"]
    assert said.text("problem").startswith("The antenna of the station of VNPT is 17 m high, outside")
    assert said.text("problem").endswith("of the model COST 231-Hata (30 to 200 m).")
    assert "P.1812" in said.text("done")
    (distances,) = [one for one in model_findings(study) if one.check == "distance_outside_model"]
    assert "1 to 20 km" in distances.text("problem")
    near_enough = {"model": "tr38901_uma", "radius_km": 5.0}
    within = open_study(small_study(tmp_path / "near", settings=settings | {"propagation": near_enough}))
    assert "distance_outside_model" not in {one.check for one in model_findings(within)}
    assert {one.check for one in make_plan(study).findings} >= {"antenna_outside_model", "distance_outside_model"}


@speaking("en")
def test_offsets_of_another_model_than_the_one_in_force_are_told(tmp_path):
    folder = small_study(tmp_path / "study", settings={"coverage": {"basis": "computed"}})
    write_offsets(folder / "study.toml", {"L1800": {10: -3.0}}, {"L1800": "p1812"})
    assert model_findings(open_study(folder)) == []
    write_offsets(folder / "study.toml", {"L1800": {10: -3.0}}, {"L1800": "p1812"}, {"L1800": "extended_hata_open"})
    (found,) = model_findings(open_study(folder))
    assert found.text("problem") == (
        "The offsets of band L1800 were fitted for the model ITU-R P.1812-7, "
        "but the band is computed with extended Hata, open."
    )
    read = load_settings(folder / "study.toml").propagation
    assert (read.offsets_of, read.band_models) == ({"L1800": "p1812"}, {"L1800": "extended_hata_open"})


def test_the_plan_follows_the_model_and_nothing_kept_of_another_is_used(tmp_path):
    folder = small_study(tmp_path / "study", settings={"coverage": {"basis": "computed"}})
    text = (folder / "study.toml").read_text(encoding="utf-8")
    assert 'model = "p1812"' in text
    signals = {}
    for model in ("p1812", "extended_hata_open", "extended_hata_urban", "p1812"):
        (folder / "study.toml").write_text(text.replace('model = "p1812"', f'model = "{model}"'), encoding="utf-8")
        study = open_study(folder)
        table = make_plan(study).signals.set_index(["village_id", "technology", "operator"])["rsrp_dbm"]
        if model in signals:
            pd.testing.assert_series_equal(table, signals[model])
        signals[model] = table
    # In sight of their own mast hamlets differ little; those that hang on another's differ by what the formulas do.
    assert (signals["extended_hata_open"] - signals["extended_hata_urban"]).max() > 15
    raster = study_coverage(study, technology="4G", operator="VTL")
    assert np.isfinite(raster.rsrp_dbm).any()


@speaking("en")
def test_study_toml_names_a_wrong_model_and_a_wrong_band(tmp_path):
    path = tmp_path / "study.toml"
    for line, said in (
        ('model = "hata"', r"\[propagation\] model: must be one of .*'extended_hata_urban'"),
        ('band_models = { L180 = "p1812" }', r"unknown band 'L180'\. Did you mean L1800"),
    ):
        path.write_text(f'[province]\nname = "x"\n[propagation]\n{line}\n', encoding="utf-8")
        with pytest.raises(SettingsError, match=said):
            load_settings(path)
