"""What proposals of all kinds do to the indicators, counted in objects: hamlets, places, locations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.programme.program import Indicator
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from covplan.study.settings import Phases, Target

SHARE_RATIO = "BTS_SHARE_RATIO"


@dataclass(frozen=True)
class Today:
    """What stands when the programme begins, and what comes whatever it decides."""

    indicators: pd.DataFrame
    """Columns of resources/layers/indicators.csv."""
    locations: pd.DataFrame
    """location_id, operators, shared."""
    evidence: pd.DataFrame | None = None
    """The objects behind each indicator (resources/layers/evidence.csv); without, every object that a proposal gains is
    taken to be missing."""
    planned: pd.DataFrame | None = None
    """Stations in the operators' own plans: they come in the year of their `on_air` at no cost to the programme, and
    count for the sharing ratio from then on."""


def effects(proposals: pd.DataFrame, today: Today, phases: Phases, targets: Mapping[str, Target]) -> list[Indicator]:
    """What the proposals do to the indicators that they move and that are counted."""
    figures = today.indicators.set_index("indicator")[["numerator", "denominator"]].dropna()
    found = []
    for name in proposals["indicator"].drop_duplicates():
        if name not in figures.index:
            continue
        mine = (proposals["indicator"] == name).to_numpy()
        adds, removes = np.zeros(len(proposals)), np.zeros(len(proposals))
        if name == SHARE_RATIO:
            objects, adds, removes = _locations_shared(proposals, today.locations, mine)
        else:
            objects = [split_list(text) if own else [] for text, own in zip(proposals["gains"], mine, strict=True)]
            alone = mine & np.array([not served for served in objects])
            change_pct = proposals["indicator_change"].fillna(0.0).to_numpy(float)
            adds[alone] = change_pct[alone] / 100.0 * float(figures["denominator"].loc[name])
            if today.evidence is not None:
                missing = _missing(today.evidence[today.evidence["indicator"] == name])
                objects = [[one for one in served if one in missing] for served in objects]
        known = sorted({one for served in objects for one in served})
        serves = np.array([[one in served for one in known] for served in map(set, objects)], dtype=np.bool_)
        found.append(
            Indicator(
                name,
                float(figures["numerator"].loc[name]),
                float(figures["denominator"].loc[name]),
                serves.reshape(len(proposals), len(known)),
                adds,
                removes,
                yearly_targets(targets[name], phases),
            )
        )
    return found


def yearly_targets(target: Target, phases: Phases) -> dict[int, float]:
    """What the plan asks for at the end of each year, percent; years it says nothing of are left out.

    Between 2025 and 2030 the plan says nothing: with steps the target of 2025 is held, with a line it rises evenly.
    """
    first, last = target.target_2025, target.target_2030
    wanted: dict[int, float] = {}
    for year in phases.years:
        if year >= 2030 and last is not None:
            wanted[year] = last
        elif year >= 2025 and first is not None:
            rising = phases.rising == "line" and last is not None and last > first
            wanted[year] = first + (last - first) * (year - 2025) / 5 if rising and last is not None else first
    return wanted


def _locations_shared(
    proposals: pd.DataFrame, locations: pd.DataFrame, mine: NDArray[np.bool_]
) -> tuple[list[list[str]], NDArray[np.float64], NDArray[np.float64]]:
    """Hosts that become shared, by proposal; what emptied locations take out of the numerator and the denominator."""
    shared, stands = set(locations.loc[locations["shared"], "location_id"]), set(locations["location_id"])
    adds, removes = np.zeros(len(proposals)), np.zeros(len(proposals))
    objects: list[list[str]] = [[] for _ in range(len(proposals))]
    left: set[str] = set()
    built: set[str] = set()
    for n in np.flatnonzero(mine):
        host, origin = proposals["location_id"].iloc[n], proposals["from_location_id"].iloc[n]
        objects[n] = [] if pd.isna(host) or host in shared else [str(host)]
        if pd.notna(host) and host not in stands and host not in built:  # a planned station on ground of its own
            built.add(str(host))
            objects[n], removes[n] = [], -1.0
        if pd.notna(origin) and origin not in left:  # those who leave it together depend on each other
            left.add(str(origin))
            removes[n], adds[n] = 1.0, -1.0 if origin in shared else 0.0
    return objects, adds, removes


def _missing(evidence: pd.DataFrame) -> set[str]:
    """Objects in the denominator of an indicator that are not in its numerator yet."""
    lacks = evidence["known"].astype(bool) & (evidence["numerator"] < evidence["denominator"])
    return set(evidence.loc[lacks, "object_id"].astype(str))
