"""Which path loss model a mast's band is computed with, and what becomes of values outside the model's limits.

A frequency or a receiver height outside is an error: it concerns every station of the band, and a setting cures it. A
mast whose antenna is outside is computed with P.1812 instead, and told (`antenna_outside_model`). Distances outside are
carried on: the formula goes on, never under free space, and that is told too (`distance_outside_model`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covplan.radio.empirical import FORMULAS, slant_free_space
from covplan.study.errors import OutsideValidity
from covplan.study.language import _
from covplan.study.models import P1812, model_title

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.study.models import ModelName
    from covplan.study.settings import Propagation

    Floats = NDArray[np.float64]

NEAREST_M = 1.0  # nearer, antennas are in each other's near field; P.1812's links start there, too


def antenna_limits(model: str) -> tuple[float, float]:
    """Heights of a base station's antenna a model describes, m; all of them for P.1812, which checks its own."""
    return (-np.inf, np.inf) if model == P1812 else FORMULAS[model].limits["bs_height_m"]


def distance_limits(model: str) -> tuple[float, float]:
    """Distances a formula was made for, m."""
    return FORMULAS[model].limits["distance_m"]


def mast_model(code: str, frequency_mhz: float, antenna_height_m: float, propagation: Propagation) -> ModelName:
    """The model a mast's band is computed with: the study's, or P.1812 for an antenna that model does not describe.

    Raises
    ------
    OutsideValidity
        The model does not hold for the band's frequency or the receiver's height.
    """
    model = propagation.model_of(code)
    if model == P1812:
        return model
    check_model(model, code, frequency_mhz, propagation)
    low, high = antenna_limits(model)
    return model if low <= antenna_height_m <= high else P1812


def check_model(model: ModelName, code: str, frequency_mhz: float, propagation: Propagation) -> None:
    """Raise OutsideValidity where a model does not hold for a band's frequency or the receiver's height."""
    if model == P1812:
        return
    limits = FORMULAS[model].limits
    low, high = limits["frequency_mhz"]
    if not low <= frequency_mhz <= high:
        raise OutsideValidity(
            _(
                "{band} ({frequency_mhz:g} MHz): {model} holds from {low:g} to {high:g} MHz. Choose another model for "
                "the band under [propagation.band_models] in study.toml."
            ).format(band=code, frequency_mhz=frequency_mhz, model=model_title(model), low=low, high=high)
        )
    low, high = limits["ut_height_m"]
    if not low <= propagation.receiver_height_m <= high:
        raise OutsideValidity(
            _(
                "[propagation] receiver_height_m = {height:g}: {model} holds from {low:g} to {high:g} m. Change the "
                "height or the model in study.toml."
            ).format(height=propagation.receiver_height_m, model=model_title(model), low=low, high=high)
        )


def formula_loss(
    model: str, frequency_mhz: float, distance_m: Floats, antenna_height_m: float, receiver_height_m: float
) -> Floats:
    """Median basic transmission loss of a model that does not see the terrain, dB.

    Parameters
    ----------
    distance_m : ndarray, shape (...)
        Along the ground. Beyond the distances of the model the formula is carried on; nowhere is the loss less than in
        free space over the straight line between the antennas.
    antenna_height_m, receiver_height_m : float
        Above the ground each stands on.
    """
    distance = np.maximum(distance_m, NEAREST_M)
    mhz, mast_m, place_m = (np.asarray(one, float) for one in (frequency_mhz, antenna_height_m, receiver_height_m))
    median_db = FORMULAS[model].loss(mhz, distance, mast_m, place_m)
    loss_db: Floats = np.maximum(median_db, slant_free_space(mhz, distance / 1000.0, mast_m - place_m))
    return loss_db
