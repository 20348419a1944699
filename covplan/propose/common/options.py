"""What could be done, as a table anybody can read: an action per row, with its antennas and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.propose.common.costs import Range
    from covplan.propose.common.transmitters import Cell


@dataclass(frozen=True)
class Options:
    """All that could be done; every list has an entry per action."""

    actions: pd.DataFrame
    """action, operator, location_id, x_m, y_m, structure, height_m, antenna_height_m, bands, survey, slots; and what
    else the kind says."""
    cells: list[tuple[Cell, ...]]
    cost: list[Range]
    """To build, VND."""
    opex: list[Range]
    """VND/year."""


@dataclass(frozen=True)
class OptionList:
    """Options as they are found, one list per part."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    cells: list[tuple[Cell, ...]] = field(default_factory=list)
    cost: list[Range] = field(default_factory=list)
    opex: list[Range] = field(default_factory=list)

    def add(self, cells: tuple[Cell, ...], cost: Range, opex: Range, **row: Any) -> None:
        """One action more: its antennas, what it costs, and its columns."""
        self.rows.append(row)
        self.cells.append(cells)
        self.cost.append(cost)
        self.opex.append(opex)

    def table(self, columns: Sequence[str]) -> pd.DataFrame:
        """The actions with these columns; empty where an action does not say."""
        return pd.DataFrame(self.rows).reindex(columns=list(columns))
