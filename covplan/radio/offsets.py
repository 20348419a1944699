"""What calibration found, applied: decibels added to a band's RSRP by the land cover the receiver stands on.

Path losses stay as the model has them (and so do their kept files): an offset is added to what is received, once per
band. Server and ratio of signal to interference keep their order, since all cells of a band get the same offset at a
place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Propagation
    from covplan.terrain.ground import Ground

    Singles = NDArray[np.float32]

UNKNOWN = -1  # land cover where there is none


def offset_grid(ground: Ground, propagation: Propagation, band: str) -> Singles | None:
    """Offset of every cell of the ground (dB); None when the band has none."""
    if not propagation.offsets_db.get(band):
        return None
    return offsets_of(_landcover(ground), propagation, band)


def offsets_at(ground: Ground, propagation: Propagation, band: str, x_m: ArrayLike, y_m: ArrayLike) -> Singles | None:
    """Offset at points (dB); None when the band has none."""
    if not propagation.offsets_db.get(band):
        return None
    _landcover(ground)
    return offsets_of(landcover_at(ground, x_m, y_m), propagation, band)


def offsets_of(landcover: NDArray[np.int16], propagation: Propagation, band: str) -> Singles:
    """Offsets of land-cover codes (dB); 0 for a class that the settings do not name."""
    offset_db = np.zeros(landcover.shape, dtype=np.float32)
    for code, value_db in propagation.offsets_db.get(band, {}).items():
        offset_db[landcover == code] = value_db
    return offset_db


def shift(best_dbm: Singles, total_mw: NDArray[np.float64], offset_db: Singles | None) -> None:
    """Add offsets to what a band's receivers get, in place."""
    if offset_db is not None:
        best_dbm += offset_db
        total_mw *= 10.0 ** (offset_db.astype(np.float64) / 10.0)


def landcover_at(ground: Ground, x_m: ArrayLike, y_m: ArrayLike) -> NDArray[np.int16]:
    """Land-cover code of the cell each point lies in; −1 outside and where there is none."""
    row, column = ground.grid.rowcol(x_m, y_m)
    codes = np.full(np.shape(row), UNKNOWN, dtype=np.int16)
    if ground.landcover is not None:
        inside = (row >= 0) & (column >= 0) & (row < ground.grid.rows) & (column < ground.grid.columns)
        codes[inside] = ground.landcover[row[inside], column[inside]]
    return codes


def _landcover(ground: Ground) -> NDArray[np.int16]:
    if ground.landcover is None:
        raise LayerError(
            _(
                "landcover.tif: missing, but [propagation.offsets_db] in study.toml gives offsets by land "
                "cover. Add the raster, or remove the offsets."
            )
        )
    return ground.landcover
