"""Which path loss model fits these measurements best: all of them on the same measurements, told by held-out squares.

Every measurement is held against the band that the study's own models find it served in, and there against what each
model says is received: the cell it names, or else the one strongest by that model. Per band, each measurement is held
out once, with its square of ground, as in `calibration`. Another model than the one in force is recommended only where
it is surely better: its held-out squared error is the smaller one in 95 of 100 draws of the squares with replacement
(bootstrap; Efron 1979), since neighbours on one road share their error. What is recommended on flat ground may be wrong
behind a ridge: no formula but P.1812 sees one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.radio.calibration import (
    LEAST_SQUARES,
    LEAST_TOTAL,
    SEED,
    SQUARE_M,
    error_figures,
    held_out_errors,
    in_squares,
    predictions,
)
from covplan.radio.link_budget import band
from covplan.radio.models import antenna_limits, check_model
from covplan.study.columns import split_list
from covplan.study.errors import OutsideValidity, TooLittleData
from covplan.study.language import _
from covplan.study.models import MODELS, model_title

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.study.models import ModelName
    from covplan.study.settings import Propagation
    from covplan.terrain.ground import Ground

    Floats = NDArray[np.float64]

DRAWS, SURE = 500, 0.95
MOST_SHARE = 0.9  # of a band's measurements a model must speak of to be compared
NO_MODELS = pd.DataFrame(
    columns=[
        "band", "model", "in_force", "n", "squares", "square_m", "bias_db", "sigma_db", "rmse_db",
        "held_out_bias_db", "held_out_sigma_db", "held_out_rmse_db", "better_share", "recommended",
    ]
)  # fmt: skip


def model_errors(
    measurements: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    ground: Ground,
    technology: str,
    propagation: Propagation,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> pd.DataFrame:
    """Measured less predicted of every model at every measurement of a technology that receives anything (dB).

    Columns: band of the server under the study's models, landcover (code), x_m, y_m, and one per model, NaN where it
    does not hold for the band or the antenna's height, or receives nothing. Offsets of the settings are put aside.
    """
    propagation = propagation.model_copy(update={"offsets_db": {}})
    kept: dict[str, Path | None] = {"cache": cache, "antennas": antennas}
    base = predictions(measurements, stations, cells, ground, technology, propagation, **kept)
    base = base[base["predicted_dbm"].notna()]
    own = measurements.loc[base.index].assign(band=base["band"])
    table = pd.DataFrame(
        {
            "band": base["band"],
            "landcover": base["landcover"].astype("int64"),
            "x_m": own.geometry.x,
            "y_m": own.geometry.y,
        }
    )
    table[list(MODELS)] = np.nan
    for code, rows in own.groupby("band", sort=True):
        for model in holding_for(str(code), propagation):
            chosen = propagation.model_copy(update={"model": model, "band_models": {}})
            only = stations["bands"].map(lambda bands, code=code: code if code in split_list(bands) else "")
            found = predictions(
                rows, stations.assign(bands=only), cells[cells["band"] == code], ground, technology, chosen,
                **kept,
            )  # fmt: skip
            error_db = rows["rsrp_dbm"].astype(float) - found["predicted_dbm"]
            described = _antenna_height(found["cell_id"], stations, cells).between(*antenna_limits(model))
            table.loc[rows.index, model] = error_db.where(described)
    return table


def holding_for(code: str, propagation: Propagation) -> list[ModelName]:
    """Models that hold for a band's frequency and the receivers of the settings."""
    holding = []
    for model in MODELS:
        try:
            check_model(model, code, band(code).downlink_mhz, propagation)
        except OutsideValidity:
            continue
        holding.append(model)
    return holding


def compare_models(
    errors: pd.DataFrame, propagation: Propagation, *, square_m: float = SQUARE_M, seed: int = SEED
) -> pd.DataFrame:
    """Every model of every band on the measurements that all of them predict, as of `model_errors`.

    Returns
    -------
    DataFrame
        One row per band and model: in_force, n, squares, square_m, bias_db, sigma_db, rmse_db (measured less predicted
        as the model is), held_out_bias_db, held_out_sigma_db, held_out_rmse_db (with offsets fitted elsewhere),
        better_share (share of draws in which it is better, held out, than the model in force) and recommended: one per
        band. Models that speak of fewer than nine tenths of a band's measurements (antennas too low for them) are left
        out, and bands with fewer than 100 measurements or 8 squares.
    """
    rows: list[dict[str, object]] = []
    for code, part in errors.groupby("band", sort=True):
        models = [one for one in MODELS if part[one].notna().mean() >= MOST_SHARE]
        both, side_m = in_squares(part[part[models].notna().all(axis=1)], square_m)
        squares = both["square"].nunique()
        if len(both) < LEAST_TOTAL or squares < LEAST_SQUARES:
            continue
        left = {model: held_out_errors(both.assign(error_db=both[model]), seed=seed) for model in models}
        force = propagation.model_of(str(code))
        better = {
            model: _better_share(both["square"].to_numpy(), one, left[force], seed) if force in left else 1.0
            for model, one in left.items()
        }
        best = min(left, key=lambda model: float(np.mean(left[model] ** 2)))
        chosen = best if force not in left or better[best] >= SURE else force
        for model in models:
            plain, after = error_figures(both[model]), error_figures(left[model])
            rows.append(
                {
                    "band": code, "model": model, "in_force": model == force, "n": len(both), "squares": squares,
                    "square_m": side_m, "bias_db": plain["mean_db"], "sigma_db": plain["sigma_db"],
                    "rmse_db": plain["rmse_db"], "held_out_bias_db": after["mean_db"],
                    "held_out_sigma_db": after["sigma_db"], "held_out_rmse_db": after["rmse_db"],
                    "better_share": better[model], "recommended": model == chosen,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=NO_MODELS.columns)


def chosen_models(table: pd.DataFrame, model: str | None = None) -> dict[str, ModelName]:
    """By band of a table of `compare_models`, the model named where it holds there; without a name the recommended one.

    Raises
    ------
    TooLittleData
        The model holds for no band that was measured enough.
    """
    chosen = table[table["model"] == model] if model else table[table["recommended"].astype(bool)]
    if chosen.empty:
        raise TooLittleData(
            _("measurements.csv: no band was measured enough to choose {model} for it.").format(
                model=model_title(model) if model else _("a path loss model")
            )
        )
    return dict(zip(chosen["band"], chosen["model"], strict=True))


def _antenna_height(cell_ids: pd.Series, stations: gpd.GeoDataFrame, cells: pd.DataFrame) -> pd.Series:
    """Height of the antenna of each cell, m; template cells are called by their station."""
    station_of = dict(zip(cells["cell_id"], cells["station_id"], strict=True))
    heights = dict(zip(stations["station_id"], stations["antenna_height_m"].astype(float), strict=True))
    found = [heights.get(station_of.get(one, str(one).split("/")[0]), np.nan) for one in cell_ids]
    return pd.Series(found, index=cell_ids.index)


def _better_share(squares: NDArray[np.int64], one: Floats, other: Floats, seed: int) -> float:
    """Share of bootstrap draws of the squares in which one model's squared error is below the other's."""
    gain = pd.Series(other**2 - one**2).groupby(squares).sum().to_numpy()
    drawn = np.random.default_rng(seed).integers(0, gain.size, (DRAWS, gain.size))
    return float((gain[drawn].sum(axis=1) > 0).mean())
