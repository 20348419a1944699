"""Exposure to electromagnetic fields: how far from its antennas a station meets QCVN 8:2022/BTTTT.

Far field, free space, in the plane of the main beams: a planner's envelope, not the measurement the regulation asks
for. Limits are those of `resources/emf_limits.csv`, which says what of them was read where.

Computed of every structure in a plan (`pipeline.exposure`), shown on the map and in the annex of masts.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from covplan.radio.antenna import Antenna, pattern_loss
from covplan.study.errors import OutsideValidity
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

DEFAULT_STANDARD = "QCVN 8:2022/BTTTT"
FREE_SPACE_OHM = 376.730313668
GROUND_REFLECTION = 2.56
"""Power factor of ITU-T K.52 §7 for a wave met by its ground reflection (field × 1.6); not verified, off by default."""


@dataclass(frozen=True)
class ExposureLimit:
    """Reference levels for the public in a range of frequencies."""

    standard: str
    from_mhz: float
    to_mhz: float
    electric_v_m: float
    power_density_w_m2: float

    @property
    def governing_w_m2(self) -> float:
        """The stricter of the power density and the plane wave of the electric field."""
        return min(self.power_density_w_m2, self.electric_v_m**2 / FREE_SPACE_OHM)


@dataclass(frozen=True)
class Radiator:
    """One cell as a source of exposure."""

    eirp_dbm: float
    """Whole carrier, main beam."""
    frequency_mhz: float
    azimuth_deg: float = float("nan")
    """NaN: alike all round."""
    antenna: Antenna | None = None
    """None: its main beam everywhere, the envelope."""
    duty: float = 1.0
    """Share of the full power on average: downlink share × power reduction; 1 is the worst case."""


@dataclass(frozen=True)
class Exclusion:
    """How far the limit reaches, at worst and all round."""

    distance_m: float
    bearing_deg: float
    """Where that is; of several equal ones the first."""
    by_bearing_m: NDArray[np.float64]
    """At 0, 1 … 359 degrees."""
    fractions: NDArray[np.float64]
    """Share of each radiator in the exposure there; together 1."""


def exposure_limit(frequency_mhz: float, standard: str = DEFAULT_STANDARD) -> ExposureLimit:
    """The limit at a frequency; OutsideValidity outside the standard's scope."""
    limits = [limit for limit in _limits() if limit.standard == standard]
    for limit in limits:
        if limit.from_mhz <= frequency_mhz <= limit.to_mhz:
            return limit
    ranges = ", ".join(f"{limit.from_mhz:g}–{limit.to_mhz:g} MHz" for limit in limits) or "–"
    raise OutsideValidity(
        _("{standard}: frequency_mhz = {frequency_mhz:g} is outside its scope ({ranges}).").format(
            standard=standard, frequency_mhz=frequency_mhz, ranges=ranges
        )
    )


def power_density(eirp_dbm: ArrayLike, distance_m: ArrayLike) -> NDArray[np.float64]:
    """Power density of a plane wave in the main beam, S = EIRP / (4π d²), W/m²."""
    return _watts(eirp_dbm) / (4 * np.pi * np.asarray(distance_m, float) ** 2)


def electric_field(eirp_dbm: ArrayLike, distance_m: ArrayLike) -> NDArray[np.float64]:
    """Electric field in the main beam, E = √(30 EIRP) / d, V/m (root mean square)."""
    field: NDArray[np.float64] = np.sqrt(30 * _watts(eirp_dbm)) / np.asarray(distance_m, float)
    return field


def exclusion_distance(
    eirp_dbm: ArrayLike, frequency_mhz: ArrayLike, *, reflection: float = 1.0, standard: str = DEFAULT_STANDARD
) -> float:
    """Distance in the main beam beyond which all these carriers together meet the limit, m.

    Each carrier uses up the fraction S/S_limit; they may use up 1 together, so d = √(Σ EIRP / (4π S_limit)).
    """
    powers_w = _watts(eirp_dbm) * reflection
    limits = [exposure_limit(float(one), standard).governing_w_m2 for one in np.atleast_1d(frequency_mhz)]
    return float(np.sqrt((powers_w / (4 * np.pi * np.array(limits))).sum()))


def station_exclusion(
    radiators: Sequence[Radiator], *, reflection: float = 1.0, standard: str = DEFAULT_STANDARD
) -> Exclusion:
    """Exclusion distance all round a structure: every tenant's cells on it, summed by their fractions.

    All antennas are taken at one point and at the height of the main beams (tilt only lowers the exposure there).
    """
    if not radiators:
        raise OutsideValidity(
            _("station_exclusion: no radiators. A structure without cells has no exclusion distance.")
        )
    bearing_deg = np.arange(360.0)
    squares_m2 = np.array([_square_m2(one, bearing_deg, reflection, standard) for one in radiators])
    total_m2 = squares_m2.sum(axis=0)
    worst = int(total_m2.argmax())
    return Exclusion(
        distance_m=float(np.sqrt(total_m2[worst])),
        bearing_deg=float(bearing_deg[worst]),
        by_bearing_m=np.sqrt(total_m2),
        fractions=squares_m2[:, worst] / total_m2[worst],
    )


def exposure_fraction(
    radiators: Sequence[Radiator], bearing_deg: float, distance_m: float, *, reflection: float = 1.0
) -> float:
    """Share of the limit used up at a point in the plane of the main beams; above 1 the limit is exceeded."""
    squares = [_square_m2(one, np.array([bearing_deg]), reflection, DEFAULT_STANDARD)[0] for one in radiators]
    return float(sum(squares) / distance_m**2)


def _square_m2(
    radiator: Radiator, bearing_deg: NDArray[np.float64], reflection: float, standard: str
) -> NDArray[np.float64]:
    """Squared distance at which this radiator alone meets the limit: squares add where fractions do."""
    if not 0 < radiator.duty <= 1:
        raise OutsideValidity(_("duty = {duty:g} is outside 0 to 1 (0 excluded).").format(duty=radiator.duty))
    limit_w_m2 = exposure_limit(radiator.frequency_mhz, standard).governing_w_m2
    loss_db = np.zeros_like(bearing_deg)
    if radiator.antenna is not None and not np.isnan(radiator.azimuth_deg):
        at = radiator.antenna
        loss_db = pattern_loss(
            at, azimuth_deg=radiator.azimuth_deg, bearing_deg=bearing_deg, elevation_deg=-at.electrical_tilt_deg
        )
    power_w = _watts(radiator.eirp_dbm - loss_db) * radiator.duty * reflection
    return power_w / (4 * np.pi * limit_w_m2)


@cache
def _limits() -> tuple[ExposureLimit, ...]:
    rows = csv.DictReader(resource_text("emf_limits.csv").splitlines())
    return tuple(
        ExposureLimit(
            row["standard"],
            float(row["from_mhz"]),
            float(row["to_mhz"]),
            float(row["electric_v_m"]),
            float(row["power_density_w_m2"]),
        )
        for row in rows
    )


def _watts(dbm: ArrayLike) -> NDArray[np.float64]:
    return 10 ** ((np.asarray(dbm, float) - 30) / 10)
