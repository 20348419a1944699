"""How much an assumption weighs: the headline counted again at either end of what is plausible.

Only what was assumed in this study is moved, one assumption at a time, all its rows together. Coverage answers to
heights, bands and sectors, sharing to what stands on one structure, the share of households on fiber to how many there
are. Where FTTH reaches (VILLAGE_FTTH_COV) answers to none: it asks for shares of a hamlet's homes, and for a free port.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.hamlets import hamlet_states, signal_table
from covplan.assess.indicators import households_on_fiber, mobile_coverage, shared_locations
from covplan.pipeline.reception import receive_demand
from covplan.pipeline.workspace import Workspace, workspace_of
from covplan.radio.coverage import sector_table
from covplan.study.assumed import bands_of, heights_at, locations_by_place, rows_assumed
from covplan.study.assumptions import assumption, assumptions
from covplan.study.cache import keep, kept
from covplan.study.language import _
from covplan.study.plan import result_table, weights_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from covplan.study.assumed import End
    from covplan.study.folder import Study
    from covplan.study.plan import Plan

ENDS: tuple[End, End] = ("low", "high")
MOBILE, SHARED, FIBER = "VILLAGE_MBB_COV", "BTS_SHARE_RATIO", "FTTH_HH"
FIGURES = ("headline_pct", "low_pct", "high_pct", "moves_pct")
HEIGHTS = ("height_m", "building_height_m", "antenna_height_m")


@dataclass(frozen=True)
class Variation:
    """One assumption of a study, and the study at an end of its range."""

    layer: str
    column: str
    count: int
    rows: int
    unit: str
    ends: dict[End, str]
    """The value and the ends of its range, as they are told."""
    indicator: str
    at: Callable[[End], Workspace]


def assumption_weights(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """How much the headline moves when an assumption is at the other end; resources/layers/assumption_weights.csv.

    One row per assumption this study makes that has a range, the weightiest first; empty where nothing is assumed or
    nothing can be computed. Every reception is kept as any other, so what did not move is not computed again.
    """
    workspace = workspace_of(study)
    as_assumed: dict[str, float] = {}
    rows = []
    for one in variations(workspace):
        if progress:
            progress(_("weight of an assumption: {layer} {column}").format(layer=one.layer, column=one.column))
        if one.indicator not in as_assumed:
            as_assumed[one.indicator] = figure(workspace, one.indicator)
        base = as_assumed[one.indicator]
        low, high = (figure(one.at(end), one.indicator) for end in ENDS)
        moves = np.nanmax([abs(low - base), abs(high - base), 0.0])
        rows.append(
            {
                "layer": one.layer, "column": one.column, "count": one.count, "rows": one.rows, "unit": one.unit,
                "value": one.ends["value"], "low": one.ends["low"], "high": one.ends["high"],
                "indicator": one.indicator, "headline_pct": base, "low_pct": low, "high_pct": high,
                "moves_pct": moves,
            }
        )  # fmt: skip
    table = result_table("assumption_weights", pd.DataFrame(rows))
    return table.sort_values("moves_pct", ascending=False, kind="stable", ignore_index=True).round(4)


def with_kept_weights(
    plan: Plan, workspace: Workspace | None = None, *, progress: Callable[[str], None] | None = None
) -> Plan:
    """The plan with the weights kept with its study folder as it stands; computed and kept there in a `workspace`."""
    path = weights_file(plan.study.path)
    content = kept(path) if path is not None else None
    if content is not None:
        texts = dict.fromkeys(("layer", "column", "unit", "value", "low", "high", "indicator"), str)
        nothing = {name: [""] for name in FIGURES}
        rows = pd.read_csv(io.BytesIO(content), dtype=texts, keep_default_na=False, na_values=nothing)
        return replace(plan, assumption_weights=result_table("assumption_weights", rows))
    if workspace is None:
        return plan
    weights = assumption_weights(workspace, progress=progress)
    if path is not None:
        keep(path, weights.to_csv(index=False).encode())
    return replace(plan, assumption_weights=weights)


def figure(workspace: Workspace, indicator: str) -> float:
    """The indicator in per cent; NaN where nothing is counted."""
    value = {MOBILE: _mobile, SHARED: _shared, FIBER: _fiber}[indicator](workspace)
    return float("nan") if value is None else float(value)


def variations(workspace: Workspace) -> list[Variation]:
    """What this study assumes, has a range, and coverage or sharing answers to."""
    found = [_locations(workspace), _homes(workspace)]
    if workspace.computes_signal:
        found += [_heights(workspace, column) for column in HEIGHTS]
        found += [_bands(workspace), *_sectors(workspace)]
    return [one for one in found if one is not None]


def _mobile(workspace: Workspace) -> float | None:
    study, s, demand = workspace.study, workspace.settings, workspace.land.demand
    technology = s.definition.technology
    signals = receive_demand(workspace, demand, technologies=(technology,))
    table = signal_table(study.villages, demand, signals, s.definition, s.coverage.throughput_classes_mbps)
    hamlets = hamlet_states(study.villages, study.communes, workspace.locations, table, technology)
    return mobile_coverage(hamlets, s.coverage).value_pct


def _shared(workspace: Workspace) -> float | None:
    return shared_locations(workspace.locations).value_pct


def _fiber(workspace: Workspace) -> float | None:
    return households_on_fiber(workspace.study.villages).value_pct


def _homes(workspace: Workspace) -> Variation | None:
    """Households of hamlets by persons in one, or those of an average hamlet."""
    study = workspace.study
    villages, dwellings = study.villages, study.dwellings
    summed = villages["village_id"].isin(dwellings.loc[~rows_assumed(dwellings, "households"), "village_id"])
    assumed = rows_assumed(villages, "households") & ~summed & villages["ftth_households"].notna()
    if not assumed.any():
        return None
    persons, typical = assumption("villages", "persons_per_household"), assumption("villages", "households", "typical")
    average = (villages["households"] == typical.number).fillna(value=False)

    def households(end: End) -> pd.Series:
        many = {"low": persons.high, "high": persons.low, "value": persons.value}[end]  # the more in one, the fewer
        scaled = (villages["households"].astype(float) * persons.number / float(many)).round()
        now: pd.Series = scaled.mask(average, float(getattr(typical, end)))[assumed].astype("Int64")
        return now

    def at(end: End) -> Workspace:
        now = villages["households"].copy()
        now[assumed] = households(end)
        return Workspace(replace(study, villages=villages.assign(households=now)), workspace.land)

    ends: dict[End, str] = {end: f"{int(households(end).sum())}" for end in ("value", *ENDS)}
    return Variation("villages", "households", int(assumed.sum()), len(villages), "households", ends, FIBER, at)


def _locations(workspace: Workspace) -> Variation | None:
    stations = workspace.study.stations
    assumed = rows_assumed(stations, "location_id")
    near = assumption("stations", "location_id", "near_m")
    if not assumed.any() or workspace.settings.checks.twin_m != near.number:
        return None

    def at(end: End) -> Workspace:
        bare = stations.assign(location_id=stations["location_id"].mask(assumed))
        found = locations_by_place(bare, float(getattr(near, end)))
        return workspace.changed(stations=bare.assign(location_id=bare["location_id"].fillna(found)))

    return Variation(
        "stations", "location_id", int(assumed.sum()), len(stations), near.unit,
        {"value": near.value, "low": near.low, "high": near.high}, SHARED, at,
    )  # fmt: skip


def _heights(workspace: Workspace, column: str) -> Variation | None:
    stations, below_top_m = workspace.study.stations, workspace.settings.checks.antenna_below_top_m
    below = assumption("stations", "antenna_height_m", "below_top")
    if column == "antenna_height_m" and below_top_m != below.number:  # the study's own
        return None
    hung = heights_at(stations, column, "value", below_top_m)
    if hung.empty:
        return None

    def at(end: End) -> Workspace:
        other = heights_at(stations, column, end, below_top_m)
        changed = stations["antenna_height_m"].copy()
        changed[other.index] = other["antenna_height_m"]
        return workspace.changed(stations=stations.assign(antenna_height_m=changed))

    values: dict[End, str] = {"value": below.value, "low": below.low, "high": below.high}
    if column != "antenna_height_m":
        values = {end: _span(heights_at(stations, column, end, below_top_m)[column]) for end in ("value", *ENDS)}
    return Variation("stations", column, len(hung), len(stations), "m", values, MOBILE, at)


def _bands(workspace: Workspace) -> Variation | None:
    stations, cells = workspace.study.stations, workspace.study.cells
    assumed = rows_assumed(stations, "bands")
    if not assumed.any():
        return None

    def bands(end: End) -> pd.Series:
        found, _used = bands_of(stations[assumed], cells, end)
        moved: pd.Series = stations["bands"].mask(assumed, found.reindex(stations.index))
        return moved

    def at(end: End) -> Workspace:
        return workspace.changed(stations=stations.assign(bands=bands(end)))

    values: dict[End, str] = {end: _span(bands(end)[assumed]) for end in ("value", *ENDS)}
    return Variation("stations", "bands", int(assumed.sum()), len(stations), "", values, MOBILE, at)


def _sectors(workspace: Workspace) -> list[Variation]:
    """EIRP and tilt of the sectors that radio takes from its template, and EIRP of cells that state none."""
    study, technology = workspace.study, workspace.settings.definition.technology
    sectors = sector_table(workspace.transmitting(technology), study.cells, technology)
    if sectors.empty:
        return []
    silent = set(study.cells.loc[study.cells["eirp_dbm"].isna(), "cell_id"])
    without_power = sectors["assumed"].astype(bool) | sectors["cell_id"].isin(silent)
    found = []
    for column, of, rows in (
        ("eirp_dbm", "above_band", without_power), ("downtilt_deg", "template", sectors["assumed"].astype(bool)),
    ):  # fmt: skip
        one = assumption("cells", column, of)
        if rows.any():
            at = partial(_with_sectors, workspace, sectors.assign(technology=technology), rows, column)
            values: dict[End, str] = {"value": one.value, "low": one.low, "high": one.high}
            found.append(Variation("cells", column, int(rows.sum()), len(sectors), one.unit, values, MOBILE, at))
    return found


def _with_sectors(workspace: Workspace, sectors: pd.DataFrame, rows: pd.Series, column: str, end: End) -> Workspace:
    """The study with these sectors as cells of its own, those of some rows moved to an end of an assumption."""
    (one,) = [a for (layer, name, _of), a in assumptions().items() if (layer, name) == ("cells", column)]
    shift = float(getattr(one, end)) - one.number
    moved = sectors.assign(**{column: sectors[column] + np.where(rows, shift, 0.0)})
    cells = workspace.study.cells
    others = cells[~cells["cell_id"].isin(moved["cell_id"])]
    return workspace.changed(cells=pd.concat([others, moved[[name for name in cells.columns if name in moved]]]))


def _span(values: pd.Series) -> str:
    """Different values in order, or the least and greatest of many numbers."""
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in sorted(set(values))]
    return ", ".join(texts)
