"""Loss into buildings, by frequency (Recommendation ITU-R P.2109-2 annex 1 §3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.special import ndtri

from covplan.study.errors import OutsideValidity
from covplan.study.language import _

if TYPE_CHECKING:
    from covplan.radio.link_budget import Band
    from covplan.study.settings import Building, Radio

COEFFICIENTS = {  # r, s, t, u, v, w, x, y, z of table 1
    "traditional": (12.64, 3.72, 0.96, 9.6, 2.0, 9.1, -3.0, 4.5, -2.0),
    "thermally_efficient": (28.19, -3.00, 8.48, 13.5, 3.8, 27.8, -2.9, 9.4, -2.1),
}
ALONG_WALLS_DB = -3.0  # C of equation (1)


def building_loss(frequency_mhz: float, building: Building, share: float = 0.5, *, elevation_deg: float = 0.0) -> float:
    """Loss into a building not exceeded at this share of the places inside, over buildings of its kind, dB.

    Parameters
    ----------
    frequency_mhz : float
        80 MHz to 100 GHz.
    building : {"traditional", "thermally_efficient"}
        The latter: metallised glass, foil-backed panels.
    share : float
        0…1, both excluded; 0.5 is the median.
    elevation_deg : float
        Of the path at the façade.
    """
    if not 80 <= frequency_mhz <= 100_000:
        raise OutsideValidity(
            _("building_loss: {frequency_mhz:g} MHz is outside 80 MHz to 100 GHz of ITU-R P.2109.").format(
                frequency_mhz=frequency_mhz
            )
        )
    if not 0 < share < 1:
        raise OutsideValidity(_("building_loss: share must lie between 0 and 1, both excluded; 0.5 is the median."))
    r, s, t, u, v, w, x, y, z = COEFFICIENTS[building]
    decades, quantile = math.log10(frequency_mhz / 1000.0), float(ndtri(share))
    median_db = r + s * decades + t * decades**2 + 0.212 * abs(elevation_deg)
    a_db = quantile * (u + v * decades) + median_db
    b_db = quantile * (y + z * decades) + w + x * decades
    return float(10 * math.log10(10 ** (0.1 * a_db) + 10 ** (0.1 * b_db) + 10 ** (0.1 * ALONG_WALLS_DB)))


def indoor_margin(carrier: Band, radio: Radio) -> float:
    """Decibels that indoor coverage asks more than outdoor coverage in a band: as the settings give them, or P.2109."""
    if not isinstance(radio.indoor_margin_db, str):
        return radio.indoor_margin_db
    return building_loss(carrier.downlink_mhz, radio.building, radio.building_share)
