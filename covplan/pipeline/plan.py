"""Study to plan, on one screen; two plans side by side; one study under every definition."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.compare import Comparison, cell_changes, hamlet_changes, indicator_changes, station_changes
from covplan.assess.curves import sharing_curve, signal_curves
from covplan.assess.demand import demand_points
from covplan.assess.hamlets import ANY, Signal, covered_share, hamlet_states, signal_table, states
from covplan.assess.indicators import evidence, indicators, tallies
from covplan.assess.locations import group_locations, on_air
from covplan.assess.parts import parts
from covplan.assess.places import place_points, place_states
from covplan.assess.reliability import published
from covplan.assess.uncertainty import share_with_signal
from covplan.pipeline.fibre import fibre_reach
from covplan.pipeline.radio import (
    LaterGround,
    hear,
    on_terrain,
    population_raster,
    radio_in_force,
    receive_kept,
    reliability,
    stations_on_air,
)
from covplan.radio.coverage import is_covered, strongest
from covplan.study.findings import finding
from covplan.study.plan import Plan, no_proposals
from covplan.study.settings import settings_difference

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from covplan.assess.demand import Demand
    from covplan.study.findings import Finding
    from covplan.study.folder import Study

SIGNAL_SETTINGS = ("grid", "radio", "propagation", "coverage", "definitions")


def make_plan(study: Study, *, progress: Callable[[str], None] | None = None) -> Plan:
    """Where the province stands: hamlets and places by what they receive, and every indicator of the plan.

    With terrain and 4G stations the mobile state is computed; without, it is the one the study declares.
    """
    s = study.settings
    stations = on_air(study.stations)
    locations = group_locations(stations)
    demand = demand_points(study.villages, study.dwellings, population_raster(study))
    signals = hear(study, demand, progress=progress)
    table = signal_table(study.villages, demand, signals, s.definition, s.coverage.throughput_classes_mbps)
    reached, fibre_findings = _reached(study, progress)
    hamlets = hamlet_states(study.villages, study.communes, locations, table, s.definition.technology, reached)
    places = places_today(study, progress)
    counted = tallies(hamlets, places, study.communes, stations, locations, s)
    return Plan(
        study=study,
        hamlets=hamlets,
        locations=locations,
        places=places,
        signals=table,
        indicators=indicators(counted, study.statistics, s, _intervals(study, demand, signals)),
        parts=parts(
            counted, hamlets, table, places, stations, locations, study.communes,
            technology=s.definition.technology, weak_counts=s.coverage.count_weak_as_covered,
        ),
        curves=_curves(study, demand, signals, stations),
        evidence=evidence(counted),
        reliability=published(hamlets, reliability(study).success if len(study.measurements) and signals else None),
        **no_proposals(s.province.epsg),
        findings=(*study.findings, *_terrain_findings(study), *fibre_findings),
    )  # fmt: skip


def compare(before: Plan, after: Plan) -> Comparison:
    """Two plans side by side: hamlets that changed state and why, stations that differ, indicators."""
    stations = station_changes(before.study.stations, after.study.stations)
    cells = cell_changes(before.study.cells, after.study.cells)
    every = pd.concat([before.study.cells, after.study.cells]).drop_duplicates("cell_id")
    assumed = {
        str(server): str(server).split("/")[0]  # template sectors are called station/band/number
        for plan in (before, after)
        for server in plan.signals["server"].dropna().unique()
        if "/" in str(server)
    }
    station_of = pd.concat([every.set_index("cell_id")["station_id"], pd.Series(assumed, dtype="object")])
    return Comparison(
        hamlets=hamlet_changes(
            before.hamlets, after.hamlets, stations, cells, station_of,
            settings_difference(before.study.settings, after.study.settings, SIGNAL_SETTINGS),
        ),
        stations=stations,
        cells=cells,
        indicators=indicator_changes(before.indicators, after.indicators),
    )  # fmt: skip


def compare_definitions(study: Study, *, progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """The share of hamlets, households and people covered under every definition of the study, one row each.

    Columns: preset, technology, rsrp_threshold_dbm, throughput_mbps, confidence, hamlets_pct, households_pct,
    population_pct, unknown, title_vi, title_en, mark. Hamlets count as the definition says (weak ones as the study
    says), households and people where their clusters are covered.
    """
    demand = demand_points(study.villages, study.dwellings, population_raster(study))
    rows = []
    for preset, definition in study.settings.definitions.items():
        chosen = study.settings.coverage.model_copy(update={"preset": preset})
        other = replace(study, settings=study.settings.model_copy(update={"coverage": chosen}))
        radio = radio_in_force(other.settings, definition.technology)
        heard = [one for one in hear(other, demand, progress=progress) if one.technology == definition.technology]
        best = next((one for one in heard if one.operator == ANY), None)
        row: dict[str, object] = {
            "preset": preset, "technology": definition.technology, "rsrp_threshold_dbm": radio.rsrp_threshold_dbm,
            "throughput_mbps": radio.throughput_mbps, "confidence": radio.confidence,
        }  # fmt: skip
        if best is not None:
            known = ~np.isnan(best.probability)
            state = pd.Series(states(demand, best.covered, known, definition, len(study.villages)))
            share = pd.Series(covered_share(demand, best.covered, known, len(study.villages)))
            good = state.isin(["covered", "weak"] if chosen.count_weak_as_covered else ["covered"])
            row |= {"hamlets_pct": 100 * good.sum() / max((state != "unknown").sum(), 1)}
            for name in ("households", "population"):
                size = study.villages[name].astype("Float64").fillna(0).to_numpy(float)
                counted = share.notna().to_numpy()
                row[f"{name}_pct"] = 100 * float((share.fillna(0) * size).sum()) / max(float(size[counted].sum()), 1.0)
            row["unknown"] = int((state == "unknown").sum())
        rows.append(row | {"title_vi": definition.title_vi, "title_en": definition.title_en, "mark": definition.mark})
    return pd.DataFrame(rows)


def places_today(study: Study, progress: Callable[[str], None] | None) -> gpd.GeoDataFrame:
    """Places with their 5G state: computed with terrain and 5G stations, else declared."""
    s = study.settings
    if study.rasters["elevation"] is None or s.coverage.basis == "declared" or study.places.empty:
        return place_states(study.places)
    transmitting, _ = stations_on_air(study, "5G")
    radio, ground = radio_in_force(s, "5G"), LaterGround(study)
    points = place_points(study.places, s.places.buffer_m, s.places.spacing_m)
    received = [
        receive_kept(
            study,
            transmitting[transmitting["operator"] == operator],
            "5G",
            radio,
            points.x_m,
            points.y_m,
            ground,
            progress,
        )
        for operator in sorted(transmitting["operator"].unique())
    ]
    if not received:
        return place_states(study.places)
    best = strongest(received)
    return place_states(
        study.places, points, best.rsrp_dbm, best.probability, is_covered(best, radio), least_share=s.places.least_share
    )


def _reached(study: Study, progress: Callable[[str], None] | None) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """FTTH of every hamlet, computed where the study has roads and fibre nodes."""
    if study.settings.coverage.basis == "declared" or study.roads.empty or study.nodes.empty:
        return None, []
    if progress:
        progress("FTTH theo thôn (reach)")
    return fibre_reach(study)


def _intervals(study: Study, demand: Demand, signals: list[Signal]) -> dict[str, tuple[float, float]]:
    """Intervals of the indicators that shadowing moves, per cent."""
    s, technology = study.settings, study.settings.definition.technology
    own = [one for one in signals if one.technology == technology and one.operator != ANY]
    if not own or not s.uncertainty.draws:
        return {}
    share = share_with_signal(
        demand, own, radio_in_force(s, technology).rsrp_threshold_dbm, s.propagation.location_sigma_db,
        correlation_m=s.uncertainty.correlation_m, site_correlation=s.uncertainty.site_correlation,
        draws=s.uncertainty.draws, seed=s.uncertainty.seed,
    )  # fmt: skip
    tail = (1.0 - s.uncertainty.level) / 2.0
    low, high = np.quantile(100.0 * share, [tail, 1.0 - tail])
    return {"VILLAGE_MBB_COV": (round(float(low), 2), round(float(high), 2))}


def _curves(study: Study, demand: Demand, signals: list[Signal], stations: gpd.GeoDataFrame) -> pd.DataFrame:
    """Curves of the indicators over what they are counted with."""
    s, technology = study.settings, study.settings.definition.technology
    tables = [sharing_curve(stations)]
    for one in signals:
        if one.technology == technology and one.operator == ANY:
            at = demand.centre
            radio, sigma_db = radio_in_force(s, technology), s.propagation.location_sigma_db
            known = ~np.isnan(one.probability[at])
            tables.append(signal_curves("VILLAGE_MBB_COV", one.rsrp_dbm[at], known, radio, sigma_db))
    return pd.concat(tables, ignore_index=True)


def _terrain_findings(study: Study) -> list[Finding]:
    """Stations on air that are left out of coverage for want of terrain."""
    if study.rasters["elevation"] is None or study.settings.coverage.basis == "declared":
        return []
    air = on_air(study.stations)
    off = air[~on_terrain(study, air)]
    return [
        finding("station_without_terrain", "bts_sites.csv", layer="stations", id=row.station_id, operator=row.operator)
        for row in off.itertuples()
    ]
