"""Empirical path-loss models, beside P.1812 and where there is no terrain: TR 38.901 and the Hata family.

Every function takes numbers or arrays that broadcast together and returns the median basic transmission loss between
isotropic antennas, dB, in the broadcast shape. `distance_m` is the distance along the ground. NaN in gives NaN out. A
value outside the limits, which stand beside each model, raises `OutsideValidity` with the quantity, value and limits.

`FORMULAS` holds them by the names of `[propagation] model`, without the checks; `models` says what becomes of a value
outside the limits there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from covplan.study.errors import OutsideValidity
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

Environment = Literal["urban", "suburban", "open"]

LIGHT_M_S = 3e8  # the value TR 38.901 Table 7.4.1-1 prescribes in notes 1 and 5
ENVIRONMENT_M = 1.0  # effective environment height h_E, note 1: exact below 13 m, above it one of several drawn values

# TR 38.901 Table 7.4.1-1 and its note 6 (0.5 GHz to 30 GHz for RMa, to 100 GHz for the others).
RMA = {
    "frequency_mhz": (500.0, 30_000.0),
    "distance_m": (10.0, 10_000.0),
    "bs_height_m": (10.0, 150.0),
    "ut_height_m": (1.0, 10.0),
    "building_height_m": (5.0, 50.0),
    "street_width_m": (5.0, 50.0),
}
RMA_NLOS = {**RMA, "distance_m": (10.0, 5000.0)}
# The table names one base station height, 25 m (UMa) and 10 m (UMi). Here UMa takes the 10 to 150 m of its predecessor
# (Report ITU-R M.2135 Table A1-2), UMi what stands in a street below the roofs: a choice of covplan.
UMA = {
    "frequency_mhz": (500.0, 100_000.0),
    "distance_m": (10.0, 5000.0),
    "bs_height_m": (10.0, 150.0),
    "ut_height_m": (1.5, 22.5),
}
UMI = {**UMA, "bs_height_m": (3.0, 20.0)}
# Hata (1980) and COST 231 final report (1999) §4.4.1.
OKUMURA_HATA = {
    "frequency_mhz": (150.0, 1500.0),
    "distance_m": (1000.0, 20_000.0),
    "bs_height_m": (30.0, 200.0),
    "ut_height_m": (1.0, 10.0),
}
COST231_HATA = {**OKUMURA_HATA, "frequency_mhz": (1500.0, 2000.0)}
# Report ITU-R SM.2028-2 §6.1. The smallest distance is ours: nearer, the antennas are in each other's near field.
EXTENDED_HATA = {
    "frequency_mhz": (30.0, 3000.0),
    "distance_m": (1.0, 100_000.0),
    "bs_height_m": (1.0, 200.0),
    "ut_height_m": (1.0, 200.0),
}


def rma_los(
    frequency_mhz: ArrayLike,
    distance_m: ArrayLike,
    *,
    bs_height_m: ArrayLike = 35.0,
    ut_height_m: ArrayLike = 1.5,
    building_height_m: ArrayLike = 5.0,
) -> Floats:
    """Rural macro cell in line of sight (TR 38.901 Table 7.4.1-1); limits `RMA`."""
    f, d, hb, hm, h = _within(
        "RMa",
        RMA,
        frequency_mhz=frequency_mhz,
        distance_m=distance_m,
        bs_height_m=bs_height_m,
        ut_height_m=ut_height_m,
        building_height_m=building_height_m,
    )
    return _rma_los(f, d, hb, hm, h)


def rma_nlos(
    frequency_mhz: ArrayLike,
    distance_m: ArrayLike,
    *,
    bs_height_m: ArrayLike = 35.0,
    ut_height_m: ArrayLike = 1.5,
    building_height_m: ArrayLike = 5.0,
    street_width_m: ArrayLike = 20.0,
) -> Floats:
    """Rural macro cell without line of sight (TR 38.901 Table 7.4.1-1); limits `RMA_NLOS`."""
    f, d, hb, hm, h, w = _within(
        "RMa",
        RMA_NLOS,
        frequency_mhz=frequency_mhz,
        distance_m=distance_m,
        bs_height_m=bs_height_m,
        ut_height_m=ut_height_m,
        building_height_m=building_height_m,
        street_width_m=street_width_m,
    )
    return _rma_nlos(f, d, hb, hm, h, w)


def uma_los(
    frequency_mhz: ArrayLike, distance_m: ArrayLike, *, bs_height_m: ArrayLike = 25.0, ut_height_m: ArrayLike = 1.5
) -> Floats:
    """Urban macro cell in line of sight (TR 38.901 Table 7.4.1-1); limits `UMA`."""
    f, d, hb, hm = _within("UMa", UMA, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _uma_los(f, d, hb, hm)


def uma_nlos(
    frequency_mhz: ArrayLike, distance_m: ArrayLike, *, bs_height_m: ArrayLike = 25.0, ut_height_m: ArrayLike = 1.5
) -> Floats:
    """Urban macro cell without line of sight (TR 38.901 Table 7.4.1-1); limits `UMA`."""
    f, d, hb, hm = _within("UMa", UMA, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _uma_nlos(f, d, hb, hm)


def umi_los(
    frequency_mhz: ArrayLike, distance_m: ArrayLike, *, bs_height_m: ArrayLike = 10.0, ut_height_m: ArrayLike = 1.5
) -> Floats:
    """Street canyon in line of sight (TR 38.901 Table 7.4.1-1); limits `UMI`."""
    f, d, hb, hm = _within("UMi", UMI, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _umi_los(f, d, hb, hm)


def umi_nlos(
    frequency_mhz: ArrayLike, distance_m: ArrayLike, *, bs_height_m: ArrayLike = 10.0, ut_height_m: ArrayLike = 1.5
) -> Floats:
    """Street canyon without line of sight (TR 38.901 Table 7.4.1-1); limits `UMI`."""
    f, d, hb, hm = _within("UMi", UMI, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _umi_nlos(f, d, hb, hm)


def rma_los_probability(distance_m: ArrayLike) -> Floats:
    """Share of rural receivers in line of sight, 0…1 (TR 38.901 Table 7.4.2-1)."""
    d = _distance("RMa line of sight", distance_m)
    return np.exp(-np.maximum(d - 10, 0) / 1000)


def uma_los_probability(distance_m: ArrayLike, ut_height_m: ArrayLike = 1.5) -> Floats:
    """Share of urban receivers in line of sight, 0…1 (TR 38.901 Table 7.4.2-1, up to 23 m above ground)."""
    d, hm = np.broadcast_arrays(_distance("UMa line of sight", distance_m), np.asarray(ut_height_m, float))
    _refuse("UMa line of sight", "ut_height_m", hm, (0.0, 23.0))
    above_m = np.maximum(hm - 13, 0)
    lift = (above_m / 10) ** 1.5 * 1.25 * (d / 100) ** 3 * np.exp(-d / 150)
    return _near_street(d, 63.0) * np.where(d > 18, 1 + lift, 1.0)


def umi_los_probability(distance_m: ArrayLike) -> Floats:
    """Share of receivers in a street canyon in line of sight, 0…1 (TR 38.901 Table 7.4.2-1)."""
    return _near_street(_distance("UMi line of sight", distance_m), 36.0)


def okumura_hata(
    frequency_mhz: ArrayLike,
    distance_m: ArrayLike,
    *,
    bs_height_m: ArrayLike,
    ut_height_m: ArrayLike = 1.5,
    environment: Environment = "urban",
    large_city: bool = False,
) -> Floats:
    """Hata's formula for Okumura's curves (IEEE Trans. Veh. Techn. 29, 1980, pp. 317–325); limits `OKUMURA_HATA`.

    `large_city` takes the correction for the receiver's height Hata gives for Tokyo; it changes at 300 MHz.
    """
    f, d, hb, hm = _within("Okumura-Hata", OKUMURA_HATA, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _okumura_hata(f, d, hb, hm, environment, large_city=large_city)


def cost231_hata(
    frequency_mhz: ArrayLike,
    distance_m: ArrayLike,
    *,
    bs_height_m: ArrayLike,
    ut_height_m: ArrayLike = 1.5,
    metropolitan: bool = False,
) -> Floats:
    """COST 231's extension of Hata to 2 GHz (final report 1999, eq. 4.4.3); limits `COST231_HATA`.

    For medium-sized cities and suburban centres; `metropolitan` adds the 3 dB of metropolitan centres.
    """
    f, d, hb, hm = _within("COST 231-Hata", COST231_HATA, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _cost231_hata(f, d, hb, hm, metropolitan=metropolitan)


def extended_hata(
    frequency_mhz: ArrayLike,
    distance_m: ArrayLike,
    *,
    bs_height_m: ArrayLike,
    ut_height_m: ArrayLike = 1.5,
    environment: Environment = "urban",
) -> Floats:
    """Extended Hata model (Report ITU-R SM.2028-2 §6.1, as in SEAMCAT); limits `EXTENDED_HATA`.

    Free space below 40 m, Hata from 100 m, interpolated on the logarithm of distance between; never below free space.
    """
    f, d, hb, hm = _within("Extended Hata", EXTENDED_HATA, **_link(frequency_mhz, distance_m, bs_height_m, ut_height_m))
    return _extended_hata(f, d, hb, hm, environment)


def _okumura_hata(
    f: Floats, d: Floats, hb: Floats, hm: Floats, environment: str, *, large_city: bool = False
) -> Floats:
    height_gain = _medium_city(f, hm)
    if large_city:
        low, high = 8.29 * np.log10(1.54 * hm) ** 2 - 1.1, 3.2 * np.log10(11.75 * hm) ** 2 - 4.97
        height_gain = np.where(f < 300, low, high)
    urban = 69.55 + 26.16 * np.log10(f) + _range_term(hb, d / 1000) - height_gain
    return urban - _less_built_up(f, environment)


def _cost231_hata(f: Floats, d: Floats, hb: Floats, hm: Floats, *, metropolitan: bool = False) -> Floats:
    return 46.3 + 33.9 * np.log10(f) + _range_term(hb, d / 1000) - _medium_city(f, hm) + (3.0 if metropolitan else 0.0)


def _extended_hata(f: Floats, d: Floats, hb: Floats, hm: Floats, environment: str) -> Floats:
    hb, hm = np.maximum(hb, hm), np.minimum(hb, hm)  # the report is reciprocal: the higher antenna is H_b
    far = _extended_hata_far(f, np.maximum(d, 100.0) / 1000, hb, hm, environment)
    near = slant_free_space(f, np.minimum(d, 40.0) / 1000, hb - hm)
    part = np.clip(np.log(d / 40) / np.log(100 / 40), 0.0, 1.0)
    median = near + part * (far - near)
    loss_db: Floats = np.maximum(median, slant_free_space(f, d / 1000, hb - hm))
    return loss_db


def _extended_hata_far(
    f: Floats,
    d_km: Floats,
    hb: Floats,
    hm: Floats,
    environment: str,
) -> Floats:
    """From 100 m: SM.2028-2's four frequency ranges, written with the frequency clipped to each."""
    below_2000 = np.minimum(f, 2000)
    base = np.where(
        f <= 1500,
        69.6 + 26.2 * np.log10(np.maximum(f, 150)) - 20 * np.log10(150 / np.minimum(f, 150)),
        46.3 + 33.9 * np.log10(below_2000) + 10 * np.log10(np.maximum(f, 2000) / 2000),
    )
    receiver = (
        (1.1 * np.log10(f) - 0.7) * np.minimum(hm, 10)
        - (1.56 * np.log10(f) - 0.8)
        + np.maximum(0, 20 * np.log10(hm / 10))
    )
    low_mast = np.minimum(0, 20 * np.log10(hb / 30))
    beyond = np.maximum(d_km / 20, 1)
    exponent = 1 + (0.14 + 1.87e-4 * f + 1.07e-3 * hb) * np.log10(beyond) ** 0.8
    log_d = np.log10(d_km)
    # The exponent is 1 up to 20 km, so that a negative logarithm is never raised to a broken power.
    stretched = np.where(d_km > 20, np.abs(log_d) ** exponent, log_d)
    mast = np.maximum(hb, 30)
    urban = base - 13.82 * np.log10(mast) + (44.9 - 6.55 * np.log10(mast)) * stretched - receiver - low_mast
    loss_db: Floats = urban - _less_built_up(np.clip(f, 150, 2000), environment)
    return loss_db


def _rma_los(
    f: Floats,
    d: Floats,
    hb: Floats,
    hm: Floats,
    h: Floats,
) -> Floats:
    def near(d_3d: Floats) -> Floats:
        loss_db: Floats = (
            20 * np.log10(40 * np.pi * d_3d * f / 1000 / 3)
            + np.minimum(0.03 * h**1.72, 10) * np.log10(d_3d)
            - np.minimum(0.044 * h**1.72, 14.77)
            + 0.002 * np.log10(h) * d_3d
        )
        return loss_db

    d_3d = np.hypot(d, hb - hm)
    breakpoint_m = 2 * np.pi * hb * hm * f * 1e6 / LIGHT_M_S
    return np.where(d <= breakpoint_m, near(d_3d), near(breakpoint_m) + 40 * np.log10(d_3d / breakpoint_m))


def _rural_clear(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    return _rma_los(f, d, hb, hm, np.asarray(5.0))


def _rural_blocked(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    return _rma_nlos(f, d, hb, hm, np.asarray(5.0), np.asarray(20.0))


def _rma_nlos(f: Floats, d: Floats, hb: Floats, hm: Floats, h: Floats, w: Floats) -> Floats:
    blocked = (
        161.04
        - 7.1 * np.log10(w)
        + 7.5 * np.log10(h)
        - (24.37 - 3.7 * (h / hb) ** 2) * np.log10(hb)
        + (43.42 - 3.1 * np.log10(hb)) * (np.log10(np.hypot(d, hb - hm)) - 3)
        + 20 * np.log10(f / 1000)
        - (3.2 * np.log10(11.75 * hm) ** 2 - 4.97)
    )
    loss_db: Floats = np.maximum(_rma_los(f, d, hb, hm, h), blocked)
    return loss_db


def _uma_los(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    return _two_slopes(f, d, hb, hm, intercept=28.0, slope=22.0, correction=9.0)


def _uma_nlos(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    blocked = 13.54 + 39.08 * np.log10(np.hypot(d, hb - hm)) + 20 * np.log10(f / 1000) - 0.6 * (hm - 1.5)
    loss_db: Floats = np.maximum(_uma_los(f, d, hb, hm), blocked)
    return loss_db


def _umi_los(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    return _two_slopes(f, d, hb, hm, intercept=32.4, slope=21.0, correction=9.5)


def _umi_nlos(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
    blocked = 35.3 * np.log10(np.hypot(d, hb - hm)) + 22.4 + 21.3 * np.log10(f / 1000) - 0.3 * (hm - 1.5)
    loss_db: Floats = np.maximum(_umi_los(f, d, hb, hm), blocked)
    return loss_db


def _two_slopes(
    f: Floats,
    d: Floats,
    hb: Floats,
    hm: Floats,
    *,
    intercept: float,
    slope: float,
    correction: float,
) -> Floats:
    d_3d = np.hypot(d, hb - hm)
    breakpoint_m = 4 * (hb - ENVIRONMENT_M) * (hm - ENVIRONMENT_M) * f * 1e6 / LIGHT_M_S
    base = intercept + 20 * np.log10(f / 1000)
    near = base + slope * np.log10(d_3d)
    far = base + 40 * np.log10(d_3d) - correction * np.log10(breakpoint_m**2 + (hb - hm) ** 2)
    return np.where(d <= breakpoint_m, near, far)


def _near_street(d: Floats, decay_m: float) -> Floats:
    ratio = 18 / np.maximum(d, 18)
    return ratio + np.exp(-d / decay_m) * (1 - ratio)


def _medium_city(f: Floats, hm: Floats) -> Floats:
    return (1.1 * np.log10(f) - 0.7) * hm - (1.56 * np.log10(f) - 0.8)


def _range_term(hb: Floats, d_km: Floats) -> Floats:
    log_hb = np.log10(hb)
    return -13.82 * log_hb + (44.9 - 6.55 * log_hb) * np.log10(d_km)


def _less_built_up(f: Floats, environment: str) -> Floats:
    """How much the loss falls below urban, dB."""
    if environment == "urban":
        return np.zeros_like(f)
    if environment == "suburban":
        return 2 * np.log10(f / 28) ** 2 + 5.4
    if environment == "open":
        return 4.78 * np.log10(f) ** 2 - 18.33 * np.log10(f) + 40.94
    raise OutsideValidity(
        _("environment = {environment!r} is none of urban, suburban, open.").format(environment=environment)
    )


def slant_free_space(f: Floats, d_km: Floats, height_difference_m: Floats) -> Floats:
    """Free space over the straight line between the antennas, dB (SM.2028-2 §6.1: 32.4 dB at 1 MHz and 1 km)."""
    loss_db: Floats = 32.4 + 20 * np.log10(f) + 20 * np.log10(np.hypot(d_km, height_difference_m / 1000))
    return loss_db


def _link(
    frequency_mhz: ArrayLike, distance_m: ArrayLike, bs_height_m: ArrayLike, ut_height_m: ArrayLike
) -> dict[str, ArrayLike]:
    return {
        "frequency_mhz": frequency_mhz,
        "distance_m": distance_m,
        "bs_height_m": bs_height_m,
        "ut_height_m": ut_height_m,
    }


def _within(model: str, limits: Mapping[str, tuple[float, float]], **values: ArrayLike) -> tuple[Floats, ...]:
    """The values as arrays of one shape; OutsideValidity for the first that leaves its limits."""
    arrays = np.broadcast_arrays(*(np.asarray(value, float) for value in values.values()))
    for name, array in zip(values, arrays, strict=True):
        _refuse(model, name, array, limits[name])
    return arrays


def _refuse(model: str, name: str, array: Floats, limits: tuple[float, float]) -> None:
    low, high = limits
    outside = array[(array < low) | (array > high)]
    if outside.size:
        raise OutsideValidity(
            _(
                "{model}: {name} = {value:g} is outside its validity, {low:g} to {high:g}. Use another model "
                "there, or leave the receiver out."
            ).format(model=model, name=name, value=outside.flat[0], low=low, high=high)
        )


def _distance(model: str, distance_m: ArrayLike) -> Floats:
    d = np.asarray(distance_m, float)
    _refuse(model, "distance_m", d, (0.0, np.inf))
    return d


@dataclass(frozen=True)
class Formula:
    """A model by its formula, which does not check its limits."""

    title: str
    limits: Mapping[str, tuple[float, float]]
    loss: Callable[[Floats, Floats, Floats, Floats], Floats]
    """Of frequency (MHz), distance (m), heights of base station and terminal (m): dB."""


def _either(
    share: Callable[[Floats], Floats],
    clear: Callable[[Floats, Floats, Floats, Floats], Floats],
    blocked: Callable[[Floats, Floats, Floats, Floats], Floats],
) -> Callable[[Floats, Floats, Floats, Floats], Floats]:
    """Mean in decibels of the loss in line of sight and without, by the share of places in sight (table 7.4.2-1)."""

    def loss(f: Floats, d: Floats, hb: Floats, hm: Floats) -> Floats:
        seen = share(d)
        mean_db: Floats = seen * clear(f, d, hb, hm) + (1 - seen) * blocked(f, d, hb, hm)
        return mean_db

    return loss


FORMULAS: dict[str, Formula] = {
    **{
        f"extended_hata_{one}": Formula("Extended Hata", EXTENDED_HATA, partial(_extended_hata, environment=one))
        for one in ("urban", "suburban", "open")
    },
    **{
        f"okumura_hata_{one}": Formula("Okumura-Hata", OKUMURA_HATA, partial(_okumura_hata, environment=one))
        for one in ("urban", "suburban", "open")
    },
    "cost231_hata": Formula("COST 231-Hata", COST231_HATA, _cost231_hata),
    "cost231_hata_metropolitan": Formula("COST 231-Hata", COST231_HATA, partial(_cost231_hata, metropolitan=True)),
    "tr38901_rma": Formula("TR 38.901 RMa", RMA_NLOS, _either(rma_los_probability, _rural_clear, _rural_blocked)),
    "tr38901_uma": Formula("TR 38.901 UMa", UMA, _either(uma_los_probability, _uma_los, _uma_nlos)),
    "tr38901_umi": Formula("TR 38.901 UMi", UMI, _either(umi_los_probability, _umi_los, _umi_nlos)),
}
"""By the names of `[propagation] model` (`study.models`); P.1812, which sees the terrain, is not among them."""
