"""Proposals of all kinds and the year each is done in, under yearly budgets and targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.programme.effects import SHARE_RATIO, effects
from covplan.propose.programme.program import GAP, NEVER, Projects, phase
from covplan.propose.programme.spread import spread
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.propose.programme.effects import Today
    from covplan.propose.programme.program import Phased
    from covplan.study.settings import Phases, Target

IDLE_VALUE = -1e-6  # see _progress


def in_years(
    proposals: gpd.GeoDataFrame,
    today: Today,
    phases: Phases,
    targets: Mapping[str, Target],
    *,
    lower_targets: bool = False,
    gap: float = GAP,
    time_limit_s: float = TIME_LIMIT_S,
) -> tuple[gpd.GeoDataFrame, Phased]:
    """Proposals of all kinds with their year, same index; one that has a year keeps it.

    The whole programme of each indicator weighs the same; a proposal's value is its part of it. `year` stays empty
    where neither a target asks for the proposal nor a budget has room. Without budgets everything is done, spread over
    the years (`spread.spread`).

    Parameters
    ----------
    lower_targets : bool
        As in `program.phase`.
    """
    shown = len(proposals)
    if today.planned is not None and len(today.planned):
        rows = _as_fixed(today.planned, today.locations, phases)
        proposals = pd.concat([proposals, rows.reindex(columns=proposals.columns)], ignore_index=False)
    place = {one: n for n, one in enumerate(proposals["proposal_id"])}
    needs = [
        (n, place[first])
        for n, text in enumerate(proposals["depends_on"])
        for first in split_list(text)
        if first in place
    ]
    fixed = {n: int(year) for n, year in enumerate(proposals["year"]) if pd.notna(year)}
    projects = Projects(proposals["cost_base_vnd"].to_numpy(float), _progress(proposals, needs), needs, fixed)
    given = phase if phases.budget_vnd else spread
    phased = given(
        projects,
        effects(proposals, today, phases, targets),
        phases,
        lower_targets=lower_targets,
        gap=gap,
        time_limit_s=time_limit_s,
    )
    years = pd.Series(phased.year, index=proposals.index, dtype="Int64").where(phased.year != NEVER)
    return proposals.assign(year=years).iloc[:shown], replace(phased, year=phased.year[:shown])


def _as_fixed(planned: pd.DataFrame, locations: pd.DataFrame, phases: Phases) -> pd.DataFrame:
    """Planned stations as rows of the proposals layer that cost nothing and have their year.

    One without a year, or of a year before the plan, is there from the first year on; one of an operator that is on the
    structure already changes nothing.
    """
    there = dict(zip(locations["location_id"], locations["operators"].map(split_list), strict=True))
    new = [operator not in there.get(at, ()) for at, operator in zip(planned["location_id"], planned["operator"],
                                                                     strict=True)]  # fmt: skip
    chosen = planned[new]
    year = chosen["on_air"].dt.year.fillna(phases.years[0]).astype(int).clip(lower=phases.years[0])
    return pd.DataFrame(
        {
            "proposal_id": "planned " + chosen["station_id"].astype(str),
            "indicator": SHARE_RATIO,
            "location_id": chosen["location_id"].astype(object),
            "cost_base_vnd": 0.0,
            "year": year,
        }
    )


def _progress(proposals: pd.DataFrame, needs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Each proposal's part of all that is proposed for its indicator.

    One that moves none counts a little less than nothing where others need it (it waits for them), and a little more
    where none does: then it is done when there is room.
    """
    change = proposals["indicator_change"].abs().fillna(0.0).to_numpy(float)
    whole = pd.Series(change).groupby(proposals["indicator"].to_numpy()).transform("sum").to_numpy()
    idle = np.full(change.size, -IDLE_VALUE)
    idle[[first for _, first in needs]] = IDLE_VALUE
    return np.where(change > 0, change / np.where(whole > 0, whole, 1.0), idle)
