"""New sites that actions need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from covplan.propose.common.costs import Range


@dataclass(frozen=True)
class Sites:
    """New sites; every list has an entry per row of the table."""

    table: pd.DataFrame
    """candidate, x_m, y_m, structure, height_m, road_m, power_m, urban, backhaul, length_m, hop_to, by_road."""
    cost: list[Range]
    """Structure, power and backhaul, VND."""
    backhaul: list[Range]
    """What of it is backhaul."""
    opex: list[Range]
    """VND/year."""
