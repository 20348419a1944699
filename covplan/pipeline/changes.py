"""What a change of the network does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from covplan.pipeline.plan import make_plan
from covplan.pipeline.workspace import workspace_of
from covplan.propose.programme.what_if import changed_hamlets, changed_stations, cost_of_change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.common.costs import Range
    from covplan.study.folder import Study
    from covplan.study.plan import Plan


@dataclass(frozen=True)
class WhatIf:
    """What a change of the network does."""

    before: Plan
    after: Plan
    indicators: pd.DataFrame
    """indicator, before, after, change: those that change."""
    hamlets: gpd.GeoDataFrame
    """Hamlets that change: village_id, name, households, the state and operators before and after."""
    outlay_vnd: Range
    running_vnd_per_year: Range


def what_if(
    study: Study | Workspace,
    *,
    add: Sequence[Mapping[str, Any]] = (),
    remove: Sequence[str] = (),
    move: Mapping[str, str | tuple[float, float]] | None = None,
    before: Plan | None = None,
) -> WhatIf:
    """New indicators, changed hamlets and cost when stations are added, taken away or moved.

    Only what stations send that are new or moved is computed: the rest is kept with the study.

    Parameters
    ----------
    add, remove, move
        As `propose.what_if.changed_stations` reads them.
    before : Plan, optional
        Of the study as it is, when it is known already.
    """
    workspace = workspace_of(study)
    study = workspace.study
    stations = changed_stations(study.stations, study.settings, add=add, remove=remove, move=move)
    cells = study.cells[study.cells["station_id"].isin(stations["station_id"])]
    before = before or make_plan(workspace)
    after = make_plan(workspace.changed(stations=stations, cells=cells))
    figures = before.indicators[["indicator", "value"]].merge(
        after.indicators[["indicator", "value"]], on="indicator", suffixes=("_before", "_after")
    )
    figures = figures.rename(columns={"value_before": "before", "value_after": "after"})
    figures["change"] = figures["after"] - figures["before"]
    outlay, running = cost_of_change(study.stations, stations, study.settings)
    return WhatIf(
        before,
        after,
        figures[figures["change"].fillna(0) != 0].reset_index(drop=True),
        changed_hamlets(before.hamlets, after.hamlets),
        outlay,
        running,
    )
