"""Study to plan, on one screen."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.enums import Resampling

from covplan.assess.compare import Comparison, cell_changes, hamlet_changes, indicator_changes, station_changes
from covplan.assess.curves import sharing_curve, signal_curves
from covplan.assess.demand import centres, demand_points
from covplan.assess.hamlets import ANY, Signal, covered_share, hamlet_states, signal_table, states
from covplan.assess.indicators import evidence, indicators, tallies
from covplan.assess.locations import group_locations, on_air
from covplan.assess.parts import parts
from covplan.assess.places import place_points, place_states
from covplan.assess.reliability import compare as compare_with_tests
from covplan.assess.reliability import observed_hamlets
from covplan.assess.uncertainty import share_with_signal
from covplan.fiber.reach import join_network, reach, reach_findings
from covplan.fiber.roads import download_osm, read_osm, road_graph
from covplan.fiber.routes import mounting, route_cost_vnd, single_routes
from covplan.propose import candidates, places_5g, sharing, sharing_market, sharing_scenarios, white_spots, zones
from covplan.propose.alternatives import SCENARIOS
from covplan.propose.fiber_extension import plan_fibre
from covplan.propose.phasing import in_years
from covplan.propose.transmit import planned_network
from covplan.propose.what_if import changed_hamlets, changed_stations, cost_of_change
from covplan.radio.calibration import NO_TESTS, calibrate_tests, predicted_tests
from covplan.radio.coverage import coverage as operator_coverage
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.explain import explain_links
from covplan.radio.link_budget import coverage_probability
from covplan.radio.links import read_reception, receive, write_reception
from covplan.radio.loss import latitude_deg
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, SettingsError, TooLittleData
from covplan.study.files import content_digest, file_digest
from covplan.study.find import centre_of, find_village
from covplan.study.findings import finding
from covplan.study.plan import Plan
from covplan.study.settings import radio_under, settings_difference
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.reliability import Reliability
    from covplan.fiber.reach import Network
    from covplan.fiber.routes import Single
    from covplan.propose.alternatives import Scenario
    from covplan.propose.costs import Range
    from covplan.propose.fiber_extension import FibrePlan
    from covplan.propose.phasing import Phased
    from covplan.propose.places_5g import PlacesPlan
    from covplan.propose.sharing import SharingPlan
    from covplan.propose.white_spots import WhiteSpotPlan
    from covplan.radio.calibration import Calibration
    from covplan.radio.coverage import Coverage, Reception
    from covplan.study.findings import Finding
    from covplan.study.folder import Study
    from covplan.study.grid import Grid
    from covplan.study.links import Explanation
    from covplan.study.settings import Propagation, Radio, Settings
    from covplan.terrain.ground import Ground

RECEPTION = "reception 1"
"""Raise the number when a change of the model changes what is received."""
SIGNAL_SETTINGS = ("grid", "radio", "propagation", "coverage", "definitions")
POPULATION_CELL_M = 90.0  # population rasters are coarser than the grid


def make_plan(study: Study, *, progress: Callable[[str], None] | None = None) -> Plan:
    """Where the province stands: hamlets and places by what they receive, and every indicator of the plan.

    With terrain and 4G stations the mobile state is computed; without, it is the one the study declares.
    """
    s = study.settings
    stations = on_air(study.stations)
    locations = group_locations(stations)
    demand = demand_points(study.villages, study.dwellings, _population(study))
    signals = hear(study, demand, progress=progress)
    table = signal_table(study.villages, demand, signals, s.definition, s.coverage.throughput_classes_mbps)
    reached, fibre_findings = _reached(study, progress)
    hamlets = hamlet_states(study.villages, study.communes, locations, table, s.definition.technology, reached)
    places = _places(study, progress)
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
    demand = demand_points(study.villages, study.dwellings, _population(study))
    rows = []
    for preset, definition in study.settings.definitions.items():
        chosen = study.settings.coverage.model_copy(update={"preset": preset})
        other = replace(study, settings=study.settings.model_copy(update={"coverage": chosen}))
        radio = _radio_in_force(other.settings, definition.technology)
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


def hear(study: Study, demand: Demand, *, progress: Callable[[str], None] | None = None) -> list[Signal]:
    """What every operator, and any of them, gives at the points of a demand, 4G and 5G; nothing without terrain."""
    found: list[Signal] = []
    if study.rasters["elevation"] is None or study.settings.coverage.basis == "declared":
        return found
    ground = _Later(study)
    for technology in study.settings.radio:
        radio = _radio_in_force(study.settings, technology)
        transmitting, _ = _transmitting(study, technology)
        received = [
            _receive(
                study,
                transmitting[transmitting["operator"] == operator],
                technology,
                radio,
                demand.x_m,
                demand.y_m,
                ground,
                progress,
            )
            for operator in sorted(transmitting["operator"].unique())
        ]
        found += [_signal(one, one.operators[0], radio) for one in received]
        if received:
            found.append(_signal(strongest(received), ANY, radio))
    return found


def coverage(
    study: Study,
    *,
    technology: str = "4G",
    operator: str | None = None,
    ground: Ground | None = None,
    progress: Callable[[str], None] | None = None,
) -> Coverage:
    """Who receives the technology, how strongly, surely and fast, on the study's grid.

    Parameters
    ----------
    technology : {"4G", "5G"}
    operator : str, optional
        Without one: any operator of the study, at each place the one received best.
    ground : Ground, optional
        That of `load_study_ground`, when several coverages are asked for.
    progress : callable, optional
        Told which operator is computed and how many masts of how many are done.
    """
    transmitting, radio = _transmitting(study, technology)
    there = sorted(transmitting["operator"].unique())
    if operator is not None and operator not in there:
        raise LayerError(f"{operator} has no {technology} station on air; these have: {', '.join(there) or 'none'}.")
    ground = ground or load_study_ground(study)
    return strongest(
        operator_coverage(
            transmitting[transmitting["operator"] == one],
            study.cells,
            ground,
            technology,
            radio,
            study.settings.propagation,
            cache=_loss_cache(study),
            antennas=study.path / "antennas",
            progress=_masts_done(f"{technology} {one}", progress),
        )
        for one in ([operator] if operator else there)
    )


def coverages(
    study: Study,
    *,
    technology: str = "4G",
    operators: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Iterator[Coverage]:
    """Coverage of each operator (all that transmit, unless some are named), and then of any of these together."""
    there = sorted(_transmitting(study, technology)[0]["operator"].unique())
    ground = load_study_ground(study)
    together: Coverage | None = None
    for operator in operators or there:
        one = coverage(study, technology=technology, operator=operator, ground=ground, progress=progress)
        yield one
        together = strongest([together, one]) if together else one
    if together and len(together.operators) > 1:
        yield together


def propose_sharing(
    study: Study, *, ground: Ground | None = None, scenarios: Sequence[Scenario] = SCENARIOS
) -> SharingPlan:
    """Which structures are given up and who joins whose, so that the sharing ratio of the plan is reached.

    The coverage of every operator is computed anew on the planned network; `confidence` of a proposal is the share of
    the scenarios in which it is chosen.
    """
    s, air = study.settings, on_air(study.stations)
    ground = ground or load_study_ground(study)
    folders = {"cache": _loss_cache(study), "antennas": study.path / "antennas"}
    who = sharing_market.market(study.stations, study.cells, group_locations(air), study.communes, study.places, s)
    demand = demand_points(study.villages, study.dwellings, _population(study))
    points = sharing_market.points_of(demand, study.villages)
    heard = sharing_market.listen(who, points, ground, s, **folders)
    plan = sharing.propose(who, heard, points, sharing_market.case(who, heard, points, s), s)
    if scenarios:
        chosen = sharing_scenarios.under_scenarios(who, heard, points, s, scenarios)
        plan = sharing_scenarios.with_confidence(plan, who, chosen)
    planned = sharing.planned_network(air, who, plan.case, plan.shared)
    return replace(plan, coverage=sharing.confirmed(air, planned, study.cells, points, ground, s, **folders))


def phase_proposals(
    study: Study, proposals: gpd.GeoDataFrame, *, today: Plan | None = None
) -> tuple[gpd.GeoDataFrame, Phased]:
    """Proposals of all kinds with the year each is done in, under the study's budgets and yearly targets."""
    plan, settings = today or make_plan(study), study.settings
    return in_years(
        proposals,
        plan.indicators,
        plan.locations,
        settings.phases,
        settings.targets,
        planned=study.stations[study.stations["status"] == "planned"],
        counted=plan.evidence,
        time_limit_s=settings.propose.time_limit_s,
    )


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
    study: Study,
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
    stations = changed_stations(study.stations, study.settings, add=add, remove=remove, move=move)
    cells = study.cells[study.cells["station_id"].isin(stations["station_id"])]
    before, after = before or make_plan(study), make_plan(replace(study, stations=stations, cells=cells))
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


def propose_white_spots(study: Study, *, progress: Callable[[str], None] | None = None) -> WhiteSpotPlan:
    """Cheapest actions that bring hamlets without a signal to the targets of VILLAGE_MBB_COV, each with its reason."""
    s, version = study.settings, study.settings.province.boundaries
    ground, stations = load_study_ground(study), on_air(study.stations)
    need = hamlets_in_need(study, progress=progress)
    locations = candidates.locations_with_room(stations, min(s.phases.years), s.propose)
    found = candidates.new_ground(
        white_spots.missing_points(need, s.white_spots), ground, study.roads, _xy(locations), study.communes,
        zones.headquarters(study.places, study.communes, version), s.rules, version, s.propose,
        reach_m=s.white_spots.reach_m, antenna_m=max(s.propose.mast_heights_m),
    )  # fmt: skip
    options = white_spots.options_for(
        need, locations, stations, study.cells, found, _fibre_m(study), ground, s.costs, s.rules, s.white_spots,
        s.propose,
    )  # fmt: skip
    goal = s.targets["VILLAGE_MBB_COV"]
    by_year = {2025: goal.target_2025, 2030: goal.target_2030}
    return white_spots.propose(
        need, options, _radio_in_force(s, "4G"), s.propagation, ground, s.white_spots, s.propose, s.rules,
        study.communes, version, {year: pct for year, pct in by_year.items() if pct is not None},
        cache=_loss_cache(study), progress=progress,
    )  # fmt: skip


def supply_curve(study: Study, *, nested: bool = False, progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, the next one, and where a satellite costs less."""
    plan = propose_white_spots(study, progress=progress)
    s = study.settings
    return white_spots.supply_curve(plan, plan.hamlets, s.costs, s.propose, nested=nested)


def confirm_white_spots(study: Study, plan: WhiteSpotPlan) -> pd.DataFrame:
    """Hamlets the plan says it serves, and whether the coverage engine, run on the planned network, agrees.

    Columns: village_id, covered (all the points that count, of any operator or of each that must), rsrp_dbm (the best
    at the centre).
    """
    stations, cells = planned_network(
        on_air(study.stations), study.cells, plan.options.actions, plan.options.cells, plan.choice.actions, "4G"
    )
    need = hamlets_in_need(replace(study, stations=stations, cells=cells))
    missing = white_spots.hamlets_missing(need, study.settings.white_spots)
    claimed = plan.hamlets.iloc[plan.hamlet_of[plan.choice.served]]
    dbm = pd.Series(need.best_dbm).groupby(need.hamlet).first()
    return pd.DataFrame(
        {
            "village_id": claimed["village_id"].to_numpy(),
            "covered": ~np.isin(claimed.index, missing),
            "rsrp_dbm": dbm.reindex(claimed.index).round(1).to_numpy(),
        }
    )


def confirm_places_5g(study: Study, plan: PlacesPlan) -> pd.DataFrame:
    """State of every place as `make_plan` would compute it with the placements built: place_id, state_5g, share."""
    stations, cells = planned_network(
        on_air(study.stations), study.cells, plan.options.actions, plan.options.cells, plan.choice.actions, "5G"
    )
    states = _places(replace(study, stations=stations, cells=cells), None)
    return pd.DataFrame(states[["place_id", "state_5g", "covered_share"]])


def propose_places_5g(study: Study, *, progress: Callable[[str], None] | None = None) -> PlacesPlan:
    """Cheapest placements of 5G that give every place its signal and its capacity, each with its reason."""
    s, version = study.settings, study.settings.province.boundaries
    ground, stations = load_study_ground(study), on_air(study.stations)
    status = study.places["status"].fillna("existing")
    places = study.places[(status == "existing") | s.places_5g.planned].reset_index(drop=True)
    points = place_points(places, s.places.buffer_m, s.places.spacing_m)
    powered = study.roads[study.roads["power"].fillna(value=False).astype(bool)]
    options = places_5g.options_for(
        places, candidates.locations_with_room(stations, min(s.phases.years), s.propose), stations, study.cells,
        lambda x, y, power: candidates.nearest_road_m(x, y, powered if power else study.roads), _fibre_m(study), ground,
        s.costs, s.places_5g, s.propose,
    )  # fmt: skip
    reuse_pct = s.targets["BTS_NEW_SHARE_RATIO"].target_2030 or 0.0
    return places_5g.propose(
        places, points.x_m, points.y_m, points.place, options, _radio_in_force(s, "5G"), s.propagation, ground,
        s.places_5g, s.propose, s.places.least_share, reuse_pct / 100.0, study.communes, version,
        cache=_loss_cache(study), progress=progress,
    )  # fmt: skip


def hamlets_in_need(study: Study, *, progress: Callable[[str], None] | None = None) -> white_spots.Need:
    """Points of the hamlets that count (centres, and clusters where the settings say so), and who covers them today."""
    villages = study.villages.reset_index(drop=True)
    demand = demand_points(villages, study.dwellings, _population(study))
    signals = {one.operator: one for one in hear(study, demand, progress=progress) if one.technology == "4G"}
    if ANY not in signals:
        raise LayerError(
            "white spots: no signal is computed. Needed: terrain, 4G stations on air, [coverage] basis = 'computed'."
        )
    counts = demand.centre if not study.settings.white_spots.clusters else np.ones(demand.centre.size, dtype=bool)
    known = ~np.isnan(signals[ANY].probability)
    told = np.zeros(len(villages), dtype=bool)
    told[demand.village[demand.centre & known]] = True
    centre = centres(villages)
    hamlets = villages[["village_id", "name", "households", "grid_power", "difficulty", "synthetic"]].assign(
        x_m=centre.x, y_m=centre.y, known=told
    )
    at = np.flatnonzero(counts & known)
    operators = tuple(sorted(set(signals) - {ANY}))
    covered = np.array([signals[one].covered[at] for one in operators], dtype=bool)
    return white_spots.Need(
        hamlets, demand.village[at], demand.x_m[at], demand.y_m[at], operators, covered, signals[ANY].rsrp_dbm[at]
    )


def _fibre_m(study: Study) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """Length of cable from points to the nearest fibre: the straight distance times the detour of the settings."""

    def length_m(x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.float64]:
        return candidates.nearest_road_m(x_m, y_m, study.routes) * study.settings.propose.backhaul_detour

    return length_m


def _xy(table: gpd.GeoDataFrame) -> NDArray[np.float64]:
    return np.column_stack([table.geometry.x, table.geometry.y])


def explain_link(
    study: Study,
    place: str | tuple[float, float],
    *,
    technology: str = "4G",
    operators: Sequence[str] = (),
    most: int = 2,
    stations: gpd.GeoDataFrame | None = None,
    include_restricted: bool = True,
) -> Explanation:
    """Who reaches a place, how strongly, and what stands in the way: the best links of each operator, line by line.

    Parameters
    ----------
    place : str or (x, y)
        A hamlet's id or name (its centre is meant), or a point in the study's CRS, metres.
    operators : sequence of str
        Whose links; all of the study's when empty.
    most : int
        Stations per operator; the nearest one is added when it is not among them.
    stations : GeoDataFrame, optional
        Instead of the study's own, for instance with proposed ones.
    include_restricted : bool
        False: links of stations that are not to be published are left out.
    """
    if isinstance(place, str):
        village = find_village(study.villages, study.communes, place)
        point = centre_of(village, study.settings.province.epsg)
        name, village_id = str(village["name"]), str(village["village_id"])
    else:
        point, name, village_id = place, "", ""
    unknown = [code for code in operators if code not in study.settings.operators]
    if unknown:
        raise LayerError(f"no operator {unknown[0]} in this study; these are: {', '.join(study.settings.operators)}.")
    chosen = study.stations if stations is None else stations
    if not include_restricted:
        chosen = chosen[~chosen["restricted"].fillna(value=False).astype(bool)]
    transmitting, radio = _transmitting(study, technology, chosen)[0], _radio_in_force(study.settings, technology)
    propagation = study.settings.propagation
    grid = study.grid.part(*point, propagation.radius_km * 1000.0 + 2 * study.grid.cell_m)
    return explain_links(
        transmitting,
        study.cells,
        load_study_ground(study, grid),
        technology,
        radio,
        propagation,
        point,
        operators=operators or study.settings.operators,
        most=most,
        antennas=study.path / "antennas",
        latitude=latitude_deg(study.grid),
        place=name,
        place_id=village_id,
    )


def calibrate(study: Study, *, technologies: Sequence[str] = ()) -> Calibration:
    """Offsets by band and land cover from the study's measurements, of all technologies unless some are named.

    Offsets already in study.toml are put aside: what is fitted takes their place.
    """
    technologies = technologies or tuple(study.settings.radio)
    propagation = study.settings.propagation.model_copy(update={"offsets_db": {}})
    return calibrate_tests(_tested(study, technologies, propagation), technologies)


def reliability(study: Study, *, dark: Path | None = None) -> Reliability:
    """What the coverage model says, held against measurements and against the hamlets known to be dark.

    Parameters
    ----------
    dark : Path, optional
        CSV of an official list: the column village_id names the hamlets without signal, all others count as covered.
        Without it, the hamlets as the study declares them (weak counts as covered: there is signal at the centre).
    """
    tests = _tested(study, tuple(study.settings.radio), study.settings.propagation)
    observed = observed_hamlets(study.villages, dark)
    if tests.empty and observed.isna().all():
        raise TooLittleData(
            "Nothing to compare with: no measurements.csv, no declared_mobile of any hamlet, no list of dark hamlets."
        )
    air, radio = _transmitting(study, "4G")[0], _radio_in_force(study.settings, "4G")
    points = centres(study.villages)
    points = points.where(np.isfinite(points.x), study.villages.representative_point())
    x_m, y_m, ground = points.x.to_numpy(), points.y.to_numpy(), _Later(study)
    received = strongest(
        _receive(study, own, "4G", radio, x_m, y_m, ground, None) for _, own in air.groupby("operator", sort=True)
    )
    predicted = pd.Series(is_covered(received, radio), dtype="object").mask(np.isnan(received.probability))
    return compare_with_tests(tests, predicted, observed)


def _tested(study: Study, technologies: Sequence[str], propagation: Propagation) -> pd.DataFrame:
    """The study's measurements with what the model says of each; no row without measurements."""
    measured = study.measurements
    if measured.empty:
        return NO_TESTS
    ground = load_study_ground(study)
    parts = [
        predicted_tests(
            measured[measured["technology"] == one],
            *(
                _transmitting(study, one)[0],
                study.cells,
                ground,
                one,
                _radio_in_force(study.settings, one),
                propagation,
            ),
            cache=_loss_cache(study),
            antennas=study.path / "antennas",
        )
        for one in technologies
    ]
    return pd.concat([part for part in parts if len(part)] or [NO_TESTS])


def load_study_ground(study: Study, grid: Grid | None = None) -> Ground:
    """The study's terrain and clutter on its grid, or on a part of it."""
    elevation, propagation = study.rasters["elevation"], study.settings.propagation
    if elevation is None:
        raise LayerError("elevation.tif: missing; radio coverage needs terrain. Add it to the study folder.")
    return load_ground(
        grid or study.grid,
        elevation,
        study.rasters["landcover"],
        scheme=propagation.landcover_classes,
        heights_m=propagation.clutter_height_m,
    )


class _Later:
    """The ground of a study, loaded when it is first asked for: what is kept needs none."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._ground: Ground | None = None

    def __call__(self) -> Ground:
        self._ground = self._ground or load_study_ground(self._study)
        return self._ground


def _receive(
    study: Study,
    stations: gpd.GeoDataFrame,
    technology: str,
    radio: Radio,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    ground: Callable[[], Ground],
    progress: Callable[[str], None] | None,
) -> Reception:
    """`links.receive`, kept on disk by all it depends on."""
    cells = study.cells[study.cells["station_id"].isin(stations["station_id"])]
    places = pd.DataFrame({"x_m": stations.geometry.x, "y_m": stations.geometry.y})
    used = [places, stations[["station_id", "operator", "antenna_height_m", "technologies", "bands"]], cells]
    folder = study.path / "antennas"
    patterns = sorted(folder.iterdir()) if folder.is_dir() else []
    rasters = [path for path in (study.rasters["elevation"], study.rasters["landcover"]) if path]
    key = content_digest(
        RECEPTION, technology, radio.model_dump_json(), study.settings.propagation.model_dump_json(), study.grid,
        *(file_digest(path) for path in [*rasters, *patterns]), *(table.to_csv() for table in used),
        np.round(x_m, 3).tobytes(), np.round(y_m, 3).tobytes(),
    )  # fmt: skip
    cache = _loss_cache(study)
    path = cache.parent / "reception" / f"{key}.npz" if cache else None
    kept = read_reception(path) if path else None
    if kept is not None:
        return kept
    if progress:
        progress(f"{technology} {'+'.join(sorted(stations['operator'].unique()))}: {len(stations)} trạm (stations)")
    found = receive(
        stations, study.cells, x_m, y_m, ground(), technology, radio, study.settings.propagation,
        cache=cache, antennas=folder,
    )  # fmt: skip
    if path:
        write_reception(found, path)
    return found


def _signal(one: Reception, operator: str, radio: Radio) -> Signal:
    indoor = coverage_probability(
        one.rsrp_dbm, radio.rsrp_threshold_dbm + radio.indoor_margin_db, one.sigma_db
    )  # fmt: skip
    names = np.array([*one.cell_ids, ""], dtype=object)
    return Signal(
        technology=one.technology,
        operator=operator,
        rsrp_dbm=one.rsrp_dbm,
        probability=one.probability,
        covered=is_covered(one, radio),
        indoor=np.nan_to_num(indoor) >= radio.confidence,
        throughput_mbps=one.edge_throughput_mbps,
        server=names[one.server],
    )


def _radio_in_force(settings: Settings, technology: str) -> Radio:
    """Radio settings of a technology, as the definition of covered wants them where it is about this technology."""
    radio = settings.radio[technology]  # type: ignore[index]
    return radio_under(settings.definition, radio) if settings.definition.technology == technology else radio


def _places(study: Study, progress: Callable[[str], None] | None) -> gpd.GeoDataFrame:
    """Places with their 5G state: computed with terrain and 5G stations, else declared."""
    s = study.settings
    if study.rasters["elevation"] is None or s.coverage.basis == "declared" or study.places.empty:
        return place_states(study.places)
    transmitting, _ = _transmitting(study, "5G")
    radio, ground = _radio_in_force(s, "5G"), _Later(study)
    points = place_points(study.places, s.places.buffer_m, s.places.spacing_m)
    received = [
        _receive(
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


def _population(study: Study) -> tuple[Grid, NDArray[np.float32]] | None:
    """The population raster on its own cells, where hamlets lack clusters and the study has one."""
    path = study.rasters["population"]
    if path is None or set(study.villages["village_id"]) <= set(study.dwellings["village_id"]):
        return None
    grid = study.grid.coarsened(POPULATION_CELL_M)
    return grid, grid.read(path, resampling=Resampling.nearest)


def _intervals(study: Study, demand: Demand, signals: list[Signal]) -> dict[str, tuple[float, float]]:
    """Intervals of the indicators that shadowing moves, per cent."""
    s, technology = study.settings, study.settings.definition.technology
    own = [one for one in signals if one.technology == technology and one.operator != ANY]
    if not own or not s.uncertainty.draws:
        return {}
    share = share_with_signal(
        demand, own, _radio_in_force(s, technology).rsrp_threshold_dbm, s.propagation.location_sigma_db,
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
            radio, sigma_db = _radio_in_force(s, technology), s.propagation.location_sigma_db
            known = ~np.isnan(one.probability[at])
            tables.append(signal_curves("VILLAGE_MBB_COV", one.rsrp_dbm[at], known, radio, sigma_db))
    return pd.concat(tables, ignore_index=True)


def _loss_cache(study: Study) -> Path | None:
    """Where path losses are kept: with the study; nowhere when it cannot be written to."""
    return study.path / ".cache" / "loss" if os.access(study.path, os.W_OK) else None


def _transmitting(
    study: Study, technology: str, stations: gpd.GeoDataFrame | None = None
) -> tuple[gpd.GeoDataFrame, Radio]:
    """Stations of the technology on air, and its settings."""
    radio = {str(name): one for name, one in study.settings.radio.items()}.get(technology)
    if radio is None:
        raise SettingsError(f"technology {technology!r}: coverage is computed for 4G and 5G.")
    air = on_air(study.stations if stations is None else stations)
    having = air["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)
    return air[having & on_terrain(study, air)], radio


def on_terrain(study: Study, stations: gpd.GeoDataFrame) -> pd.Series:
    """Which stations stand where the terrain is known: what others reach cannot be computed."""
    path = study.rasters["elevation"]
    if path is None or stations.empty:
        return pd.Series(data=True, index=stations.index)
    around = gpd.GeoSeries(stations.geometry, crs=study.settings.province.epsg)
    with rasterio.open(path) as raster:
        points = around.to_crs(raster.crs)
        heights = [value[0] for value in raster.sample(zip(points.x, points.y, strict=True), masked=True)]
    known = pd.Series([value is not np.ma.masked and bool(np.isfinite(value)) for value in heights], stations.index)
    if known.all():
        return known
    ground = load_study_ground(study)  # small voids are filled there
    row, column = ground.grid.rowcol(around.x, around.y)
    inside = ground.grid.contains(around.x, around.y)
    filled = np.zeros(len(stations), np.bool_)
    filled[inside] = np.isfinite(ground.elevation_m[row[inside], column[inside]])
    return pd.Series(filled, stations.index)


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


def _masts_done(what: str, progress: Callable[[str], None] | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    step = 50  # masts between two lines

    def tell(done: int, of: int) -> None:
        if done % step == 0 or done == of:
            progress(f"{what}: {done}/{of} cột (masts)")

    return tell


def fibre_reach(
    study: Study, *, network: Network | None = None, roads: gpd.GeoDataFrame | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """FTTH state of every hamlet (columns of resources/layers/reach.csv), and what kept hamlets from being judged.

    Parameters
    ----------
    network : Network, optional
        That of `fibre_network`, when it is needed elsewhere too.
    roads : GeoDataFrame, optional
        Instead of the study's roads layer.
    """
    network = network or fibre_network(study, roads=roads)
    table = reach(study.villages, study.dwellings, study.nodes, network, study.settings.fiber)
    return table, reach_findings(table, study.nodes, network, study.settings.fiber)


def extend_fibre(
    study: Study,
    *,
    network: Network | None = None,
    reached: gpd.GeoDataFrame | None = None,
    targets: Sequence[tuple[int, float]] | None = None,
    budget_vnd: float | None = None,
    sites: gpd.GeoDataFrame | None = None,
    gap: float = 0.0,
    time_limit_s: float = 300.0,
) -> FibrePlan:
    """Hamlets to connect next, in order, with routes, materials and cost.

    Parameters
    ----------
    network, reached : optional
        Of `fibre_network` (with slopes, and with the same sites) and `fibre_reach`, when they are there already.
    targets : sequence of (year, per cent), optional
        The study's targets of VILLAGE_FTTH_COV by default.
    budget_vnd : float, optional
        Most households for this money, instead of targets.
    sites : GeoDataFrame, optional
        Stations that want fibre in the same trench: `site_id`, `must`, and what it costs to leave one out, `worth_vnd`.
    """
    network = network or fibre_network(study, sites=sites, slopes=True)
    reached = fibre_reach(study, network=network)[0] if reached is None else reached
    settings, plan = study.settings, study.settings.targets["VILLAGE_FTTH_COV"]
    stated = [(year, pct) for year, pct in ((2025, plan.target_2025), (2030, plan.target_2030)) if pct is not None]
    wards = study.communes["name"].str.startswith(("Phường", "Thị trấn"))
    own = study.communes["boundary_version"] == settings.province.boundaries
    return plan_fibre(
        reached,
        study.dwellings,
        study.nodes,
        study.communes,
        network,
        settings.fiber,
        settings.costs,
        stated if targets is None else targets,
        settings.phases.years,
        budget_vnd=budget_vnd,
        towns=study.communes[wards & own].union_all(),
        sites=sites,
        gap=gap,
        time_limit_s=time_limit_s,
    )


def fibre_single_routes(study: Study, network: Network) -> tuple[list[Single], pd.DataFrame]:
    """Stretches of cable whose break cuts hamlets off, each with the cheapest ring; and the hamlets exposed."""
    kind = mounting(network.graph, buried=study.settings.fiber.buried)
    cost_vnd = route_cost_vnd(network.graph, kind, study.settings.costs, study.settings.fiber)
    return single_routes(study.nodes, network, cost_vnd)


@dataclass(frozen=True)
class FibreResult:
    """Everything `covplan fibre` writes."""

    reach: gpd.GeoDataFrame
    plan: FibrePlan
    single_routes: pd.DataFrame
    """Stretches without a way around, worst first, with the cheapest ring."""
    findings: list[Finding]


def fibre_plan(
    study: Study,
    *,
    osm: Path | None = None,
    download: bool = False,
    targets: Sequence[tuple[int, float]] | None = None,
    budget_vnd: float | None = None,
    time_limit_s: float = 300.0,
    progress: Callable[[str], None] = lambda _step: None,
) -> FibreResult:
    """Reach, extension and redundancy of the study's fibre.

    Parameters
    ----------
    osm : Path, optional
        File of OpenStreetMap whose roads are taken instead of the study's.
    download : bool
        Get them from the internet.
    targets, budget_vnd, time_limit_s
        As in `extend_fibre`.
    """
    progress("mạng đường, cáp (roads, cables)")
    bounds = study.grid.bounds
    roads = None if osm is None else read_osm(osm, study.settings.province.epsg, bounds)
    if download:
        roads = download_osm(study.communes.to_crs(4326).total_bounds, study.settings.province.epsg)
    network = fibre_network(study, roads=roads, slopes=True)
    progress("FTTH theo thôn (reach)")
    reached, found = fibre_reach(study, network=network)
    progress("mở rộng cáp (extension)")
    plan = extend_fibre(
        study, network=network, reached=reached, targets=targets, budget_vnd=budget_vnd, time_limit_s=time_limit_s
    )
    progress("tuyến độc đạo (single routes)")
    singles = fibre_single_routes(study, network)[0]
    return FibreResult(reached, plan, _single_table(singles, study.villages), [*found, *plan.findings])


def _single_table(singles: list[Single], villages: gpd.GeoDataFrame) -> pd.DataFrame:
    by_id = villages.set_index("village_id")
    rows = [
        {
            "operator": one.operator,
            "hamlets": len(one.hamlets),
            "households": int(by_id["households"].reindex(one.hamlets).sum()),
            "districts": "; ".join(sorted(by_id["district"].reindex(one.hamlets).dropna().unique())),
            "ring_km": round(one.ring_m / 1000, 2),
            "ring_vnd": one.ring_vnd,
            "ids": ";".join(one.hamlets),
        }
        for one in singles
    ]
    columns = ["operator", "hamlets", "households", "districts", "ring_km", "ring_vnd", "ids"]
    return pd.DataFrame(rows, columns=columns)


def fibre_network(
    study: Study,
    *,
    roads: gpd.GeoDataFrame | None = None,
    sites: gpd.GeoDataFrame | None = None,
    slopes: bool = False,
) -> Network:
    """Roads, cables, fibre nodes, homes and sites of the study as one graph; with slopes of its terrain where asked."""
    lines = study.roads if roads is None else roads
    if lines.empty:
        raise LayerError("roads.gpkg: missing; cable runs along roads. Add the layer, or give a file of OpenStreetMap.")
    elevation = study.rasters["elevation"] if slopes else None
    heights = None if elevation is None else load_ground(study.grid, elevation).elevation_m
    graph = road_graph(lines, elevation_m=heights, grid=study.grid)
    return join_network(graph, study.dwellings, study.nodes, study.routes, sites)
