"""The sharing plan: what is chosen as proposals with their reasons, and what would be without a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.sharing.compared import compared
from covplan.propose.sharing.figures import moves_table
from covplan.propose.sharing.program import share
from covplan.propose.sharing.rows import sharing_proposals

if TYPE_CHECKING:
    import geopandas as gpd

    from covplan.propose.sharing.options import Case, Market, Reception
    from covplan.propose.sharing.program import Shared
    from covplan.study.settings import Settings


@dataclass(frozen=True)
class SharingPlan:
    """What is proposed, what it is worth, and what would be without a program."""

    proposals: gpd.GeoDataFrame
    """Rows of the proposals layer."""
    moves: pd.DataFrame
    """By proposal_id: distance, tenants before and after, coverage kept, won and lost, rent."""
    comparison: pd.DataFrame
    """Ways to the same ratio: moves, ratio, hamlets that operators lose, outlay (cost_vnd), saving; bound in VND of the
    goal's aim."""
    case: Case
    shared: Shared
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Of the planned network, computed anew, by operator (`network.confirmed`)."""


def plan_sharing(market: Market, reception: Reception, case: Case, settings: Settings) -> SharingPlan:
    """The sharing plan of the settings as proposals, each with its reason and what would be without it."""
    limits = {"gap": settings.propose.gap, "time_limit_s": settings.propose.time_limit_s}
    shared = share(case.stock, case.moves, case.demand, goal=settings.sharing.goal, **limits)
    moves = moves_table(market, reception, case, shared, settings)
    order = np.lexsort((moves["location_id"], moves["commune_code"].fillna("").astype(str)))
    moves = moves.iloc[order].reset_index(drop=True)
    moves.insert(0, "proposal_id", [f"S-{n:03d}" for n in range(1, len(moves) + 1)])
    proposals = sharing_proposals(market, moves, case, shared, settings)
    return SharingPlan(proposals, moves, compared(market, case, shared), case, shared)
