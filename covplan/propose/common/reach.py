"""What new antennas would reach: the points at which each action is received well enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from covplan.propose.common.transmitters import sector_rows
from covplan.radio.coverage import uplink_over
from covplan.radio.link_budget import shadow_margin
from covplan.radio.links import rsrp_links

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.propose.common.transmitters import Cell
    from covplan.study.settings import Propagation, Radio
    from covplan.terrain.ground import Ground

SAFE_DB = 0.02  # asked for over the threshold: kept losses are rounded to a hundredth of a decibel


@dataclass(frozen=True)
class RadioModel:
    """How signals of one technology travel, and from which level on they count."""

    radio: Radio
    propagation: Propagation
    ground: Ground
    cache: Path | None = None
    """Folder of path losses computed before."""

    @property
    def required_dbm(self) -> float:
        """Median RSRP at which the downlink's threshold is met with the confidence of the settings."""
        return self.radio.asked_dbm + float(shadow_margin(self.radio.confidence, self.propagation.location_sigma_db))


@dataclass(frozen=True)
class Reach:
    """Who is reached by which action."""

    covered: csr_array
    """(points × actions), true where RSRP meets the required level."""
    best_dbm: NDArray[np.float64]
    """Strongest RSRP any action gives at each point; −∞ where none is received."""


def reach_of(
    cells: Sequence[Sequence[Cell]],
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    model: RadioModel,
    *,
    within_km: float,
) -> Reach:
    """Points at which some cell of an action is received at the level the model requires.

    Cells that several actions have in common (two operators on the same free height) are computed once.

    Parameters
    ----------
    within_km : float
        Farther from a cell than this nothing is looked at, nor farther than the radius of the settings.
    """
    alike: dict[Cell, int] = {}
    rows, columns = [], []
    for action, own in enumerate(cells):
        for cell in own:
            rows.append(action)
            columns.append(alike.setdefault(cell, len(alike)))
    best = np.full(x_m.size, -np.inf)
    if not alike or not x_m.size:
        return Reach(csr_array((x_m.size, len(cells)), dtype=bool), best)
    near = model.propagation.model_copy(update={"radius_km": min(model.propagation.radius_km, within_km)})
    sectors = sector_rows(list(alike))
    received = rsrp_links(sectors, x_m, y_m, model.ground, near, cache=model.cache)
    np.maximum.at(best, received.indices, received.data)
    good = received.copy()
    required_dbm = model.required_dbm + np.maximum(uplink_over(sectors, model.radio, None), 0.0)
    good.data = (received.data >= np.repeat(required_dbm, np.diff(received.indptr)) + SAFE_DB).astype(np.int32)
    good.eliminate_zeros()
    of = csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=(len(cells), len(alike)))
    covered = csr_array((of @ good).T.astype(bool))
    return Reach(covered, best)
