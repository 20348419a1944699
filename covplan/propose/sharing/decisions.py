"""What a planner decided on moves, as the sharing program sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.common.decisions import decided
from covplan.study.codes import NOBODY
from covplan.study.kinds import SHARE

if TYPE_CHECKING:
    import geopandas as gpd

    from covplan.propose.common.decisions import Decided
    from covplan.propose.sharing.options import Case, Market


def decided_case(decisions: gpd.GeoDataFrame, market: Market, case: Case) -> tuple[Case, Decided]:
    """The sharing program with what was decided in it."""
    ids = market.locations["location_id"].to_numpy(object)
    at = market.locations.geometry
    chosen = market.moves.iloc[case.rows]
    tenancy, host = chosen["tenancy"].to_numpy(np.int64), chosen["host"].to_numpy(np.int64)
    origin = market.tenancies["location"].to_numpy(np.int64)[tenancy]
    moves = pd.DataFrame(
        {
            "action": np.where(tenancy == NOBODY, "add_tenant", "consolidate"),
            "operator": [market.operators[k] for k in chosen["operator"]],
            "location_id": ids[host],
            "from_location_id": np.where(tenancy == NOBODY, None, ids[origin]),
            "x_m": at.x.to_numpy()[host],
            "y_m": at.y.to_numpy()[host],
        }
    )
    found = decided(decisions, SHARE, moves)
    demand = replace(case.demand, forbidden=np.flatnonzero(found.forbidden), required=found.required)
    return replace(case, demand=demand), found
