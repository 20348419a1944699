"""Which model fits measurements best: the one that made them is found, and none is recommended by chance."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from covplan.radio.calibration import predictions
from covplan.radio.model_choice import chosen_models, compare_models, model_errors
from covplan.study.errors import TooLittleData
from covplan.study.language import speaking
from covplan.study.settings import Propagation
from covplan.terrain.ground import Ground
from tests.radio.test_coverage import CELLS, omni, stations
from tests.radio.test_explain import GRID

NEAR = Propagation(radius_km=8.0)
MASTS = [(401_500.0, 2_448_500.0), (406_000.0, 2_448_000.0), (403_800.0, 2_444_000.0)]
NOISE_DB, BIAS_DB = 4.0, -5.0


@pytest.fixture(scope="module")
def hills():
    relief = 300 + gaussian_filter(np.random.default_rng(4).normal(0, 9000, GRID.shape), 18)
    return Ground(
        GRID, relief.astype(np.float32), np.zeros(GRID.shape, np.float32), landcover=np.full(GRID.shape, 40, np.int16)
    )


def drive(land, truth, table, count=700, bands="L1800", seed=1):
    """Measurements at random places: what a model says of the strongest cell, a bias, and noise."""
    chance = np.random.default_rng(seed)
    places = chance.uniform([400_100, 2_442_300], [407_700, 2_449_900], (count, 2))
    rows = gpd.GeoDataFrame(
        {"operator": "VTL", "technology": "4G", "band": bands, "cell_id": None},
        geometry=gpd.points_from_xy(*places.T), crs=9211, index=np.arange(10, 10 + count),
    )  # fmt: skip
    said = predictions(rows, table, CELLS, land, "4G", NEAR.model_copy(update={"model": truth}))
    return rows.assign(rsrp_dbm=said["predicted_dbm"] + BIAS_DB + chance.normal(0, NOISE_DB, count)).dropna(
        subset="rsrp_dbm"
    )


def compared(land, truth, in_force, **more):
    table = stations(*MASTS)
    settings = NEAR.model_copy(update={"model": in_force})
    return compare_models(
        model_errors(drive(land, truth, table, **more), table, CELLS, land, "4G", settings), settings
    ).set_index("model")


@pytest.mark.parametrize(("truth", "in_force"), [("p1812", "cost231_hata"), ("cost231_hata", "p1812")])
def test_the_model_that_made_the_measurements_is_recommended_over_the_one_in_force(hills, truth, in_force):
    rows = compared(hills, truth, in_force)
    assert rows["in_force"].idxmax() == in_force
    assert rows["recommended"].sum() == 1
    best = rows.loc[rows["recommended"].idxmax()]
    # Hata's formulas differ by constants in one band: with offsets they are one model.
    assert best.name == "p1812" if truth == "p1812" else "hata" in best.name
    assert best["better_share"] >= 0.95
    assert best["held_out_rmse_db"] == pytest.approx(NOISE_DB, abs=0.4)
    assert rows.loc[truth, "bias_db"] == pytest.approx(BIAS_DB, abs=0.5)
    assert abs(rows.loc[truth, "held_out_bias_db"]) < 0.5
    assert rows.loc[in_force, "held_out_rmse_db"] > best["held_out_rmse_db"] + 1.0
    assert rows["n"].nunique() == rows["squares"].nunique() == 1  # all on the same ground


def test_a_model_that_is_better_by_chance_alone_is_not_recommended(hills):
    for seed in range(4):
        rows = compared(hills, "cost231_hata", "extended_hata_urban", seed=seed)
        assert rows.loc["extended_hata_urban", "recommended"]


def test_models_that_do_not_hold_for_a_band_or_its_antennas_are_not_compared(hills):
    assert not any("okumura" in model for model in compared(hills, "p1812", "p1812").index)
    low = stations(*MASTS, height_m=17.0)
    errors = model_errors(drive(hills, "p1812", low), low, omni(low), hills, "4G", NEAR)
    assert errors["cost231_hata"].isna().all()
    found = set(compare_models(errors, NEAR)["model"])
    assert "tr38901_umi" in found
    assert not any(model.startswith("cost231") for model in found)


@speaking("en")
def test_too_little_gives_no_table_and_a_choice_from_it_is_refused(hills):
    few = compared(hills, "p1812", "p1812", count=60).reset_index()
    assert few.empty
    with pytest.raises(TooLittleData, match="no band was measured enough to choose COST 231-Hata"):
        chosen_models(few, "cost231_hata")
    table = pd.DataFrame({"band": ["L900", "L900"], "model": ["p1812", "tr38901_rma"], "recommended": [False, True]})
    assert chosen_models(table) == {"L900": "tr38901_rma"}
    assert chosen_models(table, "p1812") == {"L900": "p1812"}
