"""Antennas of actions: their sectors, and where they look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.radio.link_budget import band

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTOR_TURNS_DEG = (0.0, 120.0, 240.0)
STEEPEST_TILT_DEG = 8.0


@dataclass(frozen=True)
class Cell:
    """One sector of an action, as `coverage.sector_table` has it."""

    band: str
    x_m: float
    y_m: float
    antenna_height_m: float
    azimuth_deg: float
    downtilt_deg: float
    eirp_dbm: float
    antenna: str


def three_sectors(first: Cell, downtilts_deg: tuple[float, float, float]) -> tuple[Cell, ...]:
    """A cell and two more like it, 120° apart, each with its downtilt."""
    return tuple(
        replace(first, azimuth_deg=(first.azimuth_deg + turn) % 360.0, downtilt_deg=downtilt)
        for turn, downtilt in zip(SECTOR_TURNS_DEG, downtilts_deg, strict=True)
    )


def cells_at(cells: pd.DataFrame, x_m: float, y_m: float, height_m: float) -> tuple[Cell, ...]:
    """A station's cells at another height."""
    moved = []
    known = cells.dropna(subset=["band"])[["band", "azimuth_deg", "downtilt_deg", "eirp_dbm", "antenna"]]
    for code, aimed_deg, downtilt_deg, eirp_dbm, own in known.itertuples(index=False, name=None):
        carrier = band(code)
        omni = pd.isna(aimed_deg)
        antenna = "omni" if omni else carrier.antenna
        moved.append(
            Cell(
                code, x_m, y_m, height_m, 0.0 if omni else float(aimed_deg),
                0.0 if pd.isna(downtilt_deg) else float(downtilt_deg),
                carrier.eirp_dbm if pd.isna(eirp_dbm) else float(eirp_dbm),
                antenna if pd.isna(own) or not own else str(own),
            )
        )  # fmt: skip
    return tuple(moved)


def sector_rows(cells: Sequence[Cell]) -> pd.DataFrame:
    """Cells as a table that `rsrp_links` reads."""
    table = pd.DataFrame([vars(cell) for cell in cells])
    return table.assign(cell_id=[str(n) for n in range(len(cells))], operator="", assumed=True)


def azimuth_deg(x_m: float, y_m: float, to_x_m: float, to_y_m: float) -> float:
    """Bearing from one point to another in the study's CRS, degrees, to a whole degree."""
    return float(round(np.degrees(np.arctan2(to_x_m - x_m, to_y_m - y_m))) % 360)


def tilt_deg(fall_m: float, away_m: float) -> float:
    """Downtilt that puts the beam on something so much lower, so far away; between 0 and what antennas are set to."""
    return float(np.clip(round(np.degrees(np.arctan2(fall_m, max(away_m, 1.0)))), 0.0, STEEPEST_TILT_DEG))
