"""What a case of every kind holds: the network that stands, and what is assumed of costs, rules and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd

    from covplan.study.settings import Cost, Propose, Rule


@dataclass(frozen=True)
class Network:
    """What is on air."""

    locations: gpd.GeoDataFrame
    """Columns of `candidates.locations_with_room`."""
    stations: gpd.GeoDataFrame
    cells: pd.DataFrame


@dataclass(frozen=True)
class Assumptions:
    """What things cost, what is allowed, and how cost now and later is weighed."""

    costs: Mapping[str, Cost]
    rules: Sequence[Rule]
    propose: Propose
