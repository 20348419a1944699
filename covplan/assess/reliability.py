"""How far a coverage map can be trusted: predictions against measurements and against official lists of dark hamlets.

A plan's own map is an assertion; these figures are published with it. Counts only: whoever computed the prediction
hands it over as numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike

STATES = ("covered", "dark")
TOTAL = "all"


@dataclass(frozen=True)
class Reliability:
    """A map held against what is known; every table can be empty."""

    tests: pd.DataFrame
    """Measurements by prediction and observation."""
    hamlets: pd.DataFrame
    """Hamlets by prediction and list."""
    success: pd.DataFrame
    """Per technology and operator: tests in the declared area, those that met the threshold, share, Wilson interval."""
    errors: pd.DataFrame
    """Bias and RMSE per technology, operator and land cover."""
    not_received: int
    """Measurements where the model receives nothing: predicted dark, and in no figure in decibels."""


def compare(tests: pd.DataFrame, predicted: ArrayLike, observed: ArrayLike) -> Reliability:
    """All tables at once.

    Parameters
    ----------
    tests : DataFrame
        One row per measurement: technology, operator, landcover, error_db (measured less predicted, NaN where nothing
        is received), predicted and observed (bool: threshold met).
    predicted, observed : array_like, shape (hamlets,)
        True: signal at the centre.
    """
    rates = [
        {"technology": technology, "operator": operator, **success_rate(rows["predicted"], rows["observed"])}
        for technology, of_one in tests.groupby("technology", sort=True)
        for operator, rows in [(TOTAL, of_one), *of_one.groupby("operator", sort=True)]
    ]
    keys = {name: tests[name] for name in ("technology", "operator", "landcover")}
    return Reliability(
        confusion(tests["predicted"], tests["observed"]),
        confusion(predicted, observed),
        pd.DataFrame(rates, columns=["technology", "operator", "n", "met", "share", "low", "high"]),
        errors_by(tests["error_db"].astype(float), keys),
        int(tests["error_db"].astype(float).isna().sum()),
    )


def observed_hamlets(villages: pd.DataFrame, dark: Path | None = None) -> pd.Series:
    """Whether each hamlet has signal at its centre: True, False, NA where it is not known; same index.

    With a CSV whose column village_id lists the dark ones, all others are taken to have signal. Without it, what the
    study declares: covered and weak (lõm) have signal at the centre, none (trắng) has not.
    """
    if dark is None:
        return villages["declared_mobile"].map({"covered": True, "weak": True, "none": False}).astype("object")
    try:
        table = pd.read_csv(dark, dtype="string", encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LayerError(
            _("{file}: cannot be read as a table: {error}. Save it as CSV in UTF-8.").format(
                file=dark.name, error=error
            )
        ) from error
    if "village_id" not in table:
        raise LayerError(
            _("{file}: no column village_id (found: {found}). Rename one.").format(
                file=dark.name, found=", ".join(table.columns)
            )
        )
    listed = table["village_id"].dropna().str.strip()
    unknown = listed[~listed.isin(villages["village_id"])]
    if len(unknown):
        raise LayerError(
            _("{file} row {row}: {value!r} is no village_id of this study.").format(
                file=dark.name, row=unknown.index[0] + 2, value=unknown.iloc[0]
            )
        )
    return (~villages["village_id"].isin(listed)).astype("object")


def confusion(predicted: ArrayLike, observed: ArrayLike) -> pd.DataFrame:
    """Counts by prediction (rows) and observation (columns): covered or dark, with sums.

    Parameters
    ----------
    predicted, observed : array_like of bool, shape (n,)
        True: covered. NaN or NA in either: not known, counted nowhere.
    """
    computed, seen = _known(predicted, observed)
    counts = [[int(((computed == p) & (seen == o)).sum()) for o in (True, False)] for p in (True, False)]
    table = pd.DataFrame(counts, index=list(STATES), columns=list(STATES))
    table.index.name, table.columns.name = "predicted", "observed"
    table.loc[TOTAL] = table.sum()
    table[TOTAL] = table.sum(axis=1)
    return table


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209): (low, high), 0…1.

    ::

        (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n)

    with p = successes / trials and z the normal quantile. (NaN, NaN) without trials.

    >>> [round(limit, 4) for limit in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    if not trials:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, wide = successes / trials, z * z / trials
    middle = p + wide / 2
    half = z * math.sqrt(p * (1 - p) / trials + wide / (4 * trials))
    return max((middle - half) / (1 + wide), 0.0), min((middle + half) / (1 + wide), 1.0)


def success_rate(declared: ArrayLike, met: ArrayLike, *, confidence: float = 0.95) -> dict[str, float]:
    """Share of tests within the area declared covered that met the threshold (as ARCEP publishes it), with interval.

    Returns
    -------
    dict
        n, met, share, low, high; the last three 0…1, NaN without a test in the declared area.
    """
    covered, passed = _known(declared, met)
    trials, successes = int(covered.sum()), int((covered & passed).sum())
    low, high = wilson_interval(successes, trials, confidence)
    share = successes / trials if trials else math.nan
    return {"n": trials, "met": successes, "share": share, "low": low, "high": high}


def errors_by(error_db: ArrayLike, keys: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Bias and RMSE of measured less predicted, for all and by each key (operator, land cover …).

    Columns: by, group, n, bias_db, sigma_db, rmse_db. Errors of NaN (nothing predicted) are left out.
    """
    errors = np.asarray(error_db, float)
    known = np.isfinite(errors)
    rows = [_figures(TOTAL, TOTAL, errors[known])]
    for name, values in keys.items():
        groups = pd.Series(np.asarray(values, object)[known])
        for group, part in pd.Series(errors[known]).groupby(groups, sort=True):
            rows.append(_figures(name, str(group), part.to_numpy()))
    return pd.DataFrame(rows, columns=["by", "group", "n", "bias_db", "sigma_db", "rmse_db"])


def _figures(by: str, group: str, errors: np.ndarray) -> tuple[str, str, int, float, float, float]:
    if not errors.size:
        return by, group, 0, math.nan, math.nan, math.nan
    sigma = float(errors.std(ddof=1)) if errors.size > 1 else math.nan
    return by, group, int(errors.size), float(errors.mean()), sigma, float(np.sqrt((errors**2).mean()))


def _known(one: ArrayLike, other: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as booleans, where both are known."""
    first, second = pd.Series(np.asarray(one, object)), pd.Series(np.asarray(other, object))
    if len(first) != len(second):
        raise ValueError(f"predictions and observations differ in number: {len(first)} and {len(second)}.")
    known = first.notna() & second.notna()
    return first[known].to_numpy(bool), second[known].to_numpy(bool)


def published(hamlets: pd.DataFrame, success: pd.DataFrame | None = None) -> pd.DataFrame:
    """What a published map says of itself; columns of resources/layers/reliability.csv.

    Of the hamlets computed lit (dark), how many the province's list has lit (dark); and the success rates of
    measurements (`Reliability.success`) where there are any.
    """
    both = hamlets[(hamlets["basis"] != "declared") & ~hamlets["declared_state"].isin(["unknown"])]
    both = both[both["mobile_state"] != "unknown"]
    lit, listed = both["mobile_state"] != "none", both["declared_state"] != "none"
    rows = [
        {"against": against, "technology": "", "operator": "", **success_rate(computed, seen)}
        for against, computed, seen in (("list_lit", lit, listed), ("list_dark", ~lit, ~listed))
        if len(both)
    ]
    table = pd.DataFrame(rows, columns=["against", "technology", "operator", "n", "met", "share", "low", "high"])
    if success is not None and len(success):
        table = pd.concat([table, success.assign(against="measurements")], ignore_index=True)
    return table
