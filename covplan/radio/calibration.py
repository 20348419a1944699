"""Calibration: from measured RSRP to offsets by band and land cover, each measurement held out once to see their worth.

The mean of what the model misses, measured less predicted, is estimated per band and land-cover class, robustly and
shrunk towards zero::

    m = Σ w r / Σ w        w = min(1, k s / |r − m|)        b = Σ w r / (Σ w + λ)

with residuals r, Huber's weights w (Huber 1964; k = 1.345: 95 % as efficient as the mean on normal errors), the scale
s = 1.4826 · median |r − median r|, iterated until m stands; then λ measurements' worth of the prior that the model is
right (ridge) give the offset b. The squares of the measured ground are dealt into four parts; each part is held out in
turn and measured with offsets fitted on the other three. Whole squares are held out, not single points: neighbours on
one road share their error, and a point held out beside the one it was fitted on would say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.radio.coverage import sector_table
from covplan.radio.link_budget import coverage_probability
from covplan.radio.links import rsrp_links
from covplan.radio.offsets import landcover_at
from covplan.study.errors import TooLittleData
from covplan.study.language import _
from covplan.terrain.ground import class_titles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Propagation, Radio
    from covplan.terrain.ground import Ground

    Floats = NDArray[np.float64]

HUBER_K = 1.345
MAD_TO_SIGMA = 1.4826  # of normal errors
RIDGE = 5.0  # measurements' worth of "the model is right"
ROUNDS, SETTLED_DB = 100, 1e-6
LEAST_TOTAL, LEAST_GROUP, LEAST_SQUARES = 100, 30, 8
SQUARE_M, LEAST_SQUARE_M, FOLDS, SEED = 2000.0, 250.0, 4, 1
NO_TESTS = pd.DataFrame(
    {name: pd.Series(dtype=kind) for name, kind in (
        ("technology", "object"), ("operator", "object"), ("landcover", "object"), ("error_db", "float64"),
        ("predicted", "bool"), ("observed", "bool"), ("band", "object"), ("code", "int64"), ("x_m", "float64"),
        ("y_m", "float64"),
    )}
)  # fmt: skip
FIGURES = ("n", "mean_db", "sigma_db", "rmse_db", "mae_db")


@dataclass(frozen=True)
class Calibration:
    """Offsets, and what they are worth."""

    offsets_db: dict[str, dict[int, float]]
    """By band and land-cover code: as `[propagation.offsets_db]` takes them."""
    groups: pd.DataFrame
    """Per band and class: band, landcover, fitted, n, squares, offset_db, sigma_db."""
    errors: pd.DataFrame
    """Measured less predicted, per part and stage (before, after): n, mean, sigma, RMSE, MAE.

    Parts: training, with the offsets themselves; held_out, each measurement with offsets fitted on other squares.
    """
    not_received: int
    """Measurements where the model receives nothing: they say nothing about an offset and are left out."""
    square_m: float
    """Side of the squares of which some are held out."""

    @property
    def improves(self) -> bool:
        """Whether the RMSE of what is held out is smaller with the offsets."""
        held_out = self.errors[self.errors["part"] == "held_out"].set_index("stage")["rmse_db"]
        return bool(held_out["after"] < held_out["before"])


def calibrate(
    measured_dbm: ArrayLike,
    predicted_dbm: ArrayLike,
    bands: ArrayLike,
    landcover: ArrayLike,
    x_m: ArrayLike,
    y_m: ArrayLike,
    *,
    least_group: int = LEAST_GROUP,
    folds: int = FOLDS,
    square_m: float = SQUARE_M,
    seed: int = SEED,
) -> Calibration:
    """Fit offsets, and measure the errors with them and with offsets fitted where each measurement is held out.

    Parameters
    ----------
    measured_dbm, predicted_dbm : array_like, shape (n,)
        RSRP, dBm; a prediction of NaN: nothing is received there.
    bands, landcover : array_like, shape (n,)
        Band of the predicted server; land-cover code of the receiver's cell.
    x_m, y_m : array_like, shape (n,)
        In a metric CRS.
    least_group : int
        Measurements below which a band and class get no offset.
    folds : int
        Parts the squares are dealt into.
    square_m : float
        Side of the squares; halved, down to 250 m, while the measured ground makes fewer than 8 of them. Shadowing is
        independent over some 120 m (`[uncertainty] correlation_m`), but what a whole street or valley has in common
        is not, so that small squares flatter the held-out error.

    Raises
    ------
    TooLittleData
        Fewer than 100 measurements with a prediction, fewer than 8 squares, or no band and class with enough of them.
    """
    table = pd.DataFrame(
        {
            "error_db": np.asarray(measured_dbm, float) - np.asarray(predicted_dbm, float),
            "band": np.asarray(bands, object),
            "landcover": np.asarray(landcover, int),
            "x_m": np.asarray(x_m, float),
            "y_m": np.asarray(y_m, float),
        }
    )
    received, square_m = in_squares(table[np.isfinite(table["error_db"])], square_m)
    squares = received["square"].unique()
    if len(received) < LEAST_TOTAL or len(squares) < LEAST_SQUARES:
        raise TooLittleData(
            _(
                "measurements: {count} with a prediction, in {squares} squares of {km:g} km; at least {least}"
                " in {least_squares} are needed. Measure more, in more places."
            ).format(
                count=len(received),
                squares=len(squares),
                km=square_m / 1000,
                least=LEAST_TOTAL,
                least_squares=LEAST_SQUARES,
            )
        )
    groups, offsets_db = fit_offsets(received, least_group)
    if not groups["fitted"].any():
        counts = ", ".join(f"{one.band} {one.landcover}: {one.n}" for one in groups.itertuples())
        raise TooLittleData(
            _(
                "measurements: no band and land cover has {least_group} for training in at least 3 squares "
                "({counts}). Measure more where people live, in each land cover."
            ).format(least_group=least_group, counts=counts)
        )
    plain = received["error_db"].to_numpy()
    after = {
        "training": plain - offset_of(received, offsets_db),
        "held_out": held_out_errors(received, least_group=least_group, folds=folds, seed=seed),
    }
    errors = [
        {"part": part, "stage": stage, **error_figures(left)}
        for part in after
        for stage, left in (("before", plain), ("after", after[part]))
    ]
    return Calibration(offsets_db, groups, pd.DataFrame(errors), int(len(table) - len(received)), square_m)


def calibrate_tests(tests: pd.DataFrame, technologies: Sequence[str]) -> Calibration:
    """`calibrate` on the table of `predicted_tests`, of some technologies."""
    chosen = tests[tests["technology"].isin(technologies)]
    if chosen.empty:
        raise TooLittleData(
            _(
                "measurements.csv: no measurement of {technologies}. Add operator, technology, lon, lat and "
                "rsrp_dbm of at least {least} places."
            ).format(technologies=", ".join(technologies), least=LEAST_TOTAL)
        )
    # calibrate() looks at the difference alone
    return calibrate(chosen["error_db"], 0.0, chosen["band"], chosen["code"], chosen["x_m"], chosen["y_m"])


def robust_offset(error_db: ArrayLike, *, ridge: float = RIDGE) -> float:
    """Huber's location of errors, shrunk to zero by so many measurements' worth, dB."""
    errors = np.asarray(error_db, float)
    scale = max(MAD_TO_SIGMA * float(np.median(np.abs(errors - np.median(errors)))), 1e-9)
    middle, weights = float(np.median(errors)), np.ones(errors.size)
    for _round in range(ROUNDS):
        weights = np.minimum(1.0, HUBER_K * scale / np.maximum(np.abs(errors - middle), 1e-12))
        before, middle = middle, float((weights * errors).sum() / weights.sum())
        if abs(middle - before) < SETTLED_DB:
            break
    return float((weights * errors).sum() / (weights.sum() + ridge))


def error_figures(error_db: ArrayLike) -> dict[str, float]:
    """Count, mean, standard deviation, root mean square and mean absolute value of errors, dB; NaN without any."""
    errors = np.asarray(error_db, float)
    if not errors.size:
        return dict(zip(FIGURES, (0, *[float("nan")] * 4), strict=True))
    return {
        "n": int(errors.size),
        "mean_db": float(errors.mean()),
        "sigma_db": float(errors.std(ddof=1)) if errors.size > 1 else float("nan"),
        "rmse_db": float(np.sqrt((errors**2).mean())),
        "mae_db": float(np.abs(errors).mean()),
    }


def predictions(
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
    """What the model receives where it was measured, by the measurement's own operator.

    One row per measurement of the technology, same index: predicted_dbm (NaN: nothing received), band and cell_id of
    the predicted server, landcover. A measurement that names its band or cell is held against that band or cell.
    """
    own = measurements[measurements["technology"] == technology]
    x, y = own.geometry.x.to_numpy(), own.geometry.y.to_numpy()
    found = pd.DataFrame(
        {"predicted_dbm": np.nan, "band": None, "cell_id": None, "landcover": landcover_at(ground, x, y)},
        index=own.index,
    ).astype({"band": "object", "cell_id": "object"})
    for operator, rows in own.groupby("operator", sort=True):
        sectors = sector_table(stations[stations["operator"] == operator], cells, technology)
        if sectors.empty:
            continue
        at = rows.geometry
        received = rsrp_links(sectors, at.x, at.y, ground, propagation, cache=cache, antennas=antennas).tocoo()
        links = pd.DataFrame({"sector": received.row, "point": received.col, "dbm": received.data})
        for name in ("band", "cell_id"):
            asked = rows[name].fillna("").to_numpy(object)[links["point"]]
            there = sectors[name].to_numpy(object)[links["sector"]]
            links = links[(asked == "") | (asked == there)]
        best = links.loc[links.groupby("point")["dbm"].idxmax()]
        index = rows.index[best["point"]]
        found.loc[index, "predicted_dbm"] = best["dbm"].to_numpy()
        for name in ("band", "cell_id"):
            found.loc[index, name] = sectors[name].to_numpy()[best["sector"]]
    return found


def predicted_tests(
    measurements: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    ground: Ground,
    technology: str,
    radio: Radio,
    propagation: Propagation,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> pd.DataFrame:
    """Each measurement of a technology beside what the model says there; same index, columns of `NO_TESTS`.

    error_db is measured less predicted, NaN where the model receives nothing; predicted and observed say whether the
    threshold is met, predicted with the confidence of the settings; landcover is the class's name, code its code.
    """
    found = predictions(measurements, stations, cells, ground, technology, propagation, cache=cache, antennas=antennas)
    own = measurements.loc[found.index]
    probability = coverage_probability(found["predicted_dbm"], radio.rsrp_threshold_dbm, propagation.location_sigma_db)
    titles = class_titles(propagation.landcover_classes)
    measured_dbm = own["rsrp_dbm"].astype(float)
    return pd.DataFrame(
        {
            "technology": technology,
            "operator": own["operator"].astype("object"),
            "landcover": [titles.get(int(code), str(code)) for code in found["landcover"]],
            "error_db": measured_dbm - found["predicted_dbm"],
            "predicted": np.nan_to_num(probability) >= radio.confidence,
            "observed": measured_dbm >= radio.rsrp_threshold_dbm,
            "band": found["band"],
            "code": found["landcover"].astype("int64"),
            "x_m": own.geometry.x,
            "y_m": own.geometry.y,
        },
        index=found.index,
    )


def in_squares(table: pd.DataFrame, square_m: float) -> tuple[pd.DataFrame, float]:
    """The table with the square each row lies in, and the side of the squares: smaller ones on little ground."""
    x_m, y_m = table["x_m"].to_numpy(), table["y_m"].to_numpy()
    squares = _squares(x_m, y_m, square_m)
    while len(np.unique(squares)) < LEAST_SQUARES and square_m / 2 >= LEAST_SQUARE_M:
        square_m /= 2
        squares = _squares(x_m, y_m, square_m)
    return table.assign(square=squares), square_m


def _squares(x_m: Floats, y_m: Floats, square_m: float) -> NDArray[np.int64]:
    """Number of the square each point lies in."""
    column, row = np.floor(x_m / square_m).astype(np.int64), np.floor(y_m / square_m).astype(np.int64)
    return row * 1_000_000 + column


def fit_offsets(training: pd.DataFrame, least_group: int) -> tuple[pd.DataFrame, dict[str, dict[int, float]]]:
    """Offsets of a table with error_db, band, landcover and square: a row per group, and as settings take them."""
    groups = _fitted(training, least_group)
    chosen = groups[groups["fitted"]]
    offsets_db: dict[str, dict[int, float]] = {}
    for code, rows in chosen.groupby("band", sort=True):
        offsets_db[str(code)] = {
            int(one): float(value) for one, value in zip(rows["landcover"], rows["offset_db"], strict=True)
        }
    return groups, offsets_db


def held_out_errors(
    table: pd.DataFrame, *, least_group: int = LEAST_GROUP, folds: int = FOLDS, seed: int = SEED
) -> Floats:
    """Error of each measurement (as of `in_squares`) less the offset fitted where its square was held out, dB."""
    drawn = np.random.default_rng(seed).permutation(np.sort(table["square"].unique()))
    fold = table["square"].map(dict(zip(drawn, np.arange(len(drawn)) % folds, strict=True))).to_numpy()
    left = table["error_db"].to_numpy(float).copy()
    for number in range(folds):
        out = fold == number
        left[out] -= offset_of(table[out], fit_offsets(table[~out], least_group)[1])
    return left


def _fitted(training: pd.DataFrame, least_group: int) -> pd.DataFrame:
    """Offset of each band and class, where there is enough to fit one: measurements, and squares they lie in."""
    rows = []
    for (code, landcover), part in training.groupby(["band", "landcover"], sort=True):
        errors, squares = part["error_db"].to_numpy(), part["square"].nunique()
        fitted = len(part) >= least_group and squares >= 3
        offset_db = round(robust_offset(errors), 2) if fitted else float("nan")
        sigma_db = MAD_TO_SIGMA * float(np.median(np.abs(errors - np.median(errors))))
        rows.append((code, landcover, fitted, len(part), squares, offset_db, sigma_db))
    return pd.DataFrame(rows, columns=["band", "landcover", "fitted", "n", "squares", "offset_db", "sigma_db"])


def offset_of(rows: pd.DataFrame, offsets_db: dict[str, dict[int, float]]) -> Floats:
    """Offset of each row by its band and landcover, dB; 0 where there is none."""
    pairs = zip(rows["band"], rows["landcover"], strict=True)
    return np.array([offsets_db.get(code, {}).get(int(landcover), 0.0) for code, landcover in pairs])
