"""Study to plan, on one screen; two plans side by side; one study under every definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.compare import Comparison, cell_changes, hamlet_changes, indicator_changes, station_changes
from covplan.assess.demand import area_points, counted_at_centre
from covplan.assess.hamlets import COVERED, WEAK, covered_share, hamlet_states, signal_table, states
from covplan.assess.indicators import evidence, indicators, tallies
from covplan.assess.locations import on_air
from covplan.assess.parts import parts
from covplan.assess.reliability import published
from covplan.assess.uncertainty import share_with_signal
from covplan.pipeline.calibration import reliability
from covplan.pipeline.curves import indicator_curves
from covplan.pipeline.exposure import with_exposure
from covplan.pipeline.models import model_findings
from covplan.pipeline.reception import assessed_places, receive_demand, receive_places
from covplan.pipeline.workspace import radio_in_force, workspace_of
from covplan.study.codes import ANY
from covplan.study.findings import Findings, finding
from covplan.study.language import _
from covplan.study.plan import Plan, no_proposals
from covplan.study.settings_file import settings_difference

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from covplan.assess.demand import Demand
    from covplan.assess.hamlets import Signal
    from covplan.pipeline.workspace import Workspace
    from covplan.study.findings import Finding
    from covplan.study.folder import Study

SIGNAL_SETTINGS = ("grid", "radio", "propagation", "coverage", "definitions")


def make_plan(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> Plan:
    """Where the province stands: hamlets and places by what they receive, and every indicator of the plan.

    With terrain and 4G stations the mobile state is computed; without, it is the one the study declares.
    """
    workspace = workspace_of(study)
    study, s = workspace.study, workspace.settings
    stations, locations, demand = on_air(workspace.own), workspace.locations, workspace.land.demand
    signals = receive_demand(workspace, demand, progress=progress)
    table = signal_table(study.villages, demand, signals, s.definition, s.coverage.throughput_classes_mbps)
    reached, fiber_findings = _reached(workspace, progress)
    hamlets = hamlet_states(
        study.villages, study.communes, locations, table, s.definition.technology, reached,
        at_centre=counted_at_centre(demand, len(study.villages)),
        homes_at_centre=~study.villages["village_id"].isin(study.dwellings["village_id"]).to_numpy(bool),
    )  # fmt: skip
    reception = receive_places(workspace, progress=progress)
    places = assessed_places(workspace, reception)
    counted = tallies(hamlets, places, study.communes, stations, locations, s)
    return Plan(
        study=study,
        hamlets=hamlets,
        locations=with_exposure(locations, stations, study.cells, workspace.antennas),
        places=places,
        signals=table,
        indicators=indicators(counted, study.statistics, s, _intervals(study, hamlets, demand, signals)),
        parts=parts(counted, hamlets, table, places, stations, locations, study.communes, s),
        curves=indicator_curves(study, hamlets, stations, demand, signals, reception, reached),
        evidence=evidence(counted),
        reliability=published(hamlets, reliability(workspace).success if len(study.measurements) and signals else None),
        **no_proposals(s.province.epsg),  # type: ignore[arg-type]  # names of tables only
        findings=Findings([*study.findings, *_left_out(workspace), *model_findings(workspace), *fiber_findings]),
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


def compare_definitions(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """The share of hamlets, households, people and area covered under every definition of the study, one row each.

    Columns: preset, technology, rsrp_threshold_dbm (outdoors), throughput_mbps, uplink_mbps, confidence, denominator
    (what the definition itself counts: hamlet or area), hamlets_pct, households_pct, population_pct, area_pct,
    area_error_pct (standard error of the share of area, which is counted at points of `[coverage] area_spacing_m`),
    unknown, title_vi, title_en, mark. Hamlets count as the definition says (weak ones as the study says), households
    and people where their clusters are covered.
    """
    workspace = workspace_of(study)
    study, demand = workspace.study, workspace.land.demand
    nothing = dict.fromkeys(["hamlets_pct", "households_pct", "population_pct", "area_pct", "area_error_pct"], np.nan)
    area = area_points(study.outline, study.settings.coverage.area_spacing_m)
    rows = []
    for preset, definition in study.settings.definitions.items():
        chosen = study.settings.coverage.model_copy(update={"preset": preset})
        other = workspace.changed(settings=study.settings.model_copy(update={"coverage": chosen}))
        radio = radio_in_force(other.settings, definition.technology)
        row: dict[str, object] = {
            "preset": preset, "technology": definition.technology, "rsrp_threshold_dbm": radio.asked_dbm,
            "throughput_mbps": radio.throughput_mbps, "uplink_mbps": radio.uplink_mbps, "confidence": radio.confidence,
            "denominator": definition.denominator, **nothing, "unknown": len(study.villages),
        }  # fmt: skip
        for counted, shares in ((demand, _people_covered), (area, _area_covered)):
            signals = receive_demand(other, counted, technologies=(definition.technology,), progress=progress)
            for best in (one for one in signals if one.operator == ANY):
                row |= shares(other.study, counted, best)
        rows.append(row | {"title_vi": definition.title_vi, "title_en": definition.title_en, "mark": definition.mark})
    return pd.DataFrame(rows)


def _people_covered(study: Study, demand: Demand, best: Signal) -> dict[str, object]:
    """Shares of hamlets, households and people under the definition in force."""
    villages, known = study.villages, ~np.isnan(best.probability)
    state = pd.Series(states(demand, best.covered, known, study.settings.definition, len(villages)))
    share = pd.Series(covered_share(demand, best.covered, known, len(villages)))
    good = state.isin(["covered", "weak"] if study.settings.coverage.count_weak_as_covered else ["covered"])
    row: dict[str, object] = {"hamlets_pct": 100 * good.sum() / max((state != "unknown").sum(), 1)}
    for name in ("households", "population"):
        size = villages[name].astype("Float64").fillna(0).to_numpy(float)
        counted = share.notna().to_numpy()
        row[f"{name}_pct"] = 100 * float((share.fillna(0) * size).sum()) / max(float(size[counted].sum()), 1.0)
    return row | {"unknown": int((state == "unknown").sum())}


def _area_covered(_study: Study, _points: Demand, best: Signal) -> dict[str, object]:
    """Share of the area, and its standard error, where the ground is known."""
    covered = best.covered[~np.isnan(best.probability)]
    if not covered.size:
        return {}
    share = float(covered.mean())
    return {"area_pct": 100 * share, "area_error_pct": 100 * float(np.sqrt(share * (1 - share) / covered.size))}


def _reached(
    workspace: Workspace, progress: Callable[[str], None] | None
) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """FTTH of every hamlet, computed where the study has roads and fiber nodes."""
    study = workspace.study
    if study.settings.coverage.basis == "declared" or study.roads.empty or study.nodes.empty:
        return None, []
    if progress:
        progress(_("FTTH reach of each hamlet"))
    return workspace.land.reach


def _intervals(
    study: Study, hamlets: gpd.GeoDataFrame, demand: Demand, signals: list[Signal]
) -> dict[str, tuple[float, float]]:
    """Intervals of the indicators that the prediction error moves, per cent; of the hamlets the indicators count."""
    s, technology = study.settings, study.settings.definition.technology
    best = next((one for one in signals if one.technology == technology and one.operator == ANY), None)
    if best is None or not s.uncertainty.draws:
        return {}
    known = hamlets["mobile_state"] != "unknown"
    listed = known & (hamlets["basis"] == "declared")
    drawn = demand.centre & (known & ~listed).to_numpy(bool)[demand.village]
    share = share_with_signal(
        demand.part(drawn), best.part(drawn), s.propagation.location_sigma_db,
        correlation_m=s.uncertainty.correlation_m, site_correlation=s.propagation.site_correlation,
        draws=s.uncertainty.draws, seed=s.uncertainty.seed,
    )  # fmt: skip
    good = [COVERED, WEAK] if s.coverage.count_weak_as_covered else [COVERED]
    sure = int((listed & hamlets["mobile_state"].isin(good)).sum())
    share = (share * drawn.sum() + sure) / max(int(drawn.sum() + listed.sum()), 1)
    tail = (1.0 - s.uncertainty.level) / 2.0
    low, high = np.quantile(100.0 * share, [tail, 1.0 - tail])
    return {"VILLAGE_MBB_COV": (round(float(low), 2), round(float(high), 2))}


def _left_out(workspace: Workspace) -> list[Finding]:
    """Stations on air that are left out of coverage, for want of terrain or of a band."""
    if not workspace.computes_signal:
        return []
    place = {"file": "bts_sites.csv", "layer": "stations"}
    off = workspace.on_air[~workspace.on_terrain]
    found = [
        finding("station_without_terrain", **place, id=row.station_id, operator=row.operator)
        for row in off.itertuples()
    ]
    for technology in workspace.settings.radio:
        found += [
            finding(
                "station_without_band",
                **place,
                id=row.station_id,
                column="bands",
                operator=row.operator,
                technology=technology,
            )
            for row in workspace.without_band(technology).itertuples()
        ]
    return found
