"""What to share, what to build, where 5G goes, in which year, and what if."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.assess.demand import centres, demand_points
from covplan.assess.hamlets import ANY
from covplan.assess.locations import group_locations, on_air
from covplan.assess.places import place_points
from covplan.fiber.access import Cable, cable_m, fiber_ways
from covplan.pipeline.fiber import fiber_network
from covplan.pipeline.plan import make_plan
from covplan.pipeline.radio import (
    hear,
    hear_places,
    load_study_ground,
    loss_cache,
    places_heard,
    population_raster,
    radio_in_force,
)
from covplan.propose.common import candidates, zones
from covplan.propose.common.decisions import decided_case, decided_options
from covplan.propose.common.transmitters import planned_network
from covplan.propose.places_5g import options as options_5g
from covplan.propose.places_5g import program as places_5g
from covplan.propose.programme.what_if import changed_hamlets, changed_stations, cost_of_change
from covplan.propose.programme.years import in_years
from covplan.propose.sharing import options as sharing_market
from covplan.propose.sharing import rows as sharing
from covplan.propose.sharing import scenarios as sharing_scenarios
from covplan.propose.solve.alternatives import SCENARIOS
from covplan.propose.white_spots import options as white_spot_options
from covplan.propose.white_spots import program as white_spots
from covplan.propose.white_spots.options import Need, hamlets_missing, missing_points
from covplan.study.errors import LayerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.propose.common.costs import Range
    from covplan.propose.places_5g.program import PlacesPlan
    from covplan.propose.programme.years import Phased
    from covplan.propose.sharing.rows import SharingPlan
    from covplan.propose.solve.alternatives import Scenario
    from covplan.propose.white_spots.program import WhiteSpotPlan
    from covplan.study.folder import Study
    from covplan.study.plan import Plan
    from covplan.terrain.ground import Ground


def propose_sharing(
    study: Study, *, ground: Ground | None = None, scenarios: Sequence[Scenario] = SCENARIOS
) -> SharingPlan:
    """Which structures are given up and who joins whose, so that the sharing ratio of the plan is reached.

    The coverage of every operator is computed anew on the planned network; `confidence` of a proposal is the share of
    the scenarios in which it is chosen.
    """
    s, air = study.settings, on_air(study.stations)
    ground = ground or load_study_ground(study)
    folders = {"cache": loss_cache(study), "antennas": study.path / "antennas"}
    who = sharing_market.market(study.stations, study.cells, group_locations(air), study.communes, study.places, s)
    demand = demand_points(study.villages, study.dwellings, population_raster(study))
    points = sharing_market.points_of(demand, study.villages)
    heard = sharing_market.listen(who, points, ground, s, **folders)
    case, _ = decided_case(study.decisions, who, sharing_market.case(who, heard, points, s))
    plan = sharing.propose(who, heard, points, case, s)
    if scenarios:
        chosen = sharing_scenarios.under_scenarios(who, heard, points, s, scenarios)
        plan = sharing_scenarios.with_confidence(plan, who, chosen)
    planned = sharing.planned_network(air, who, plan.case, plan.shared)
    return replace(plan, coverage=sharing.confirmed(air, planned, study.cells, points, ground, s, **folders))


def phase_proposals(
    study: Study, proposals: gpd.GeoDataFrame, *, today: Plan | None = None, lower_targets: bool = False
) -> tuple[gpd.GeoDataFrame, Phased]:
    """Proposals of all kinds with the year each is done in, under the study's budgets and yearly targets.

    Parameters
    ----------
    today : Plan, optional
        Of the study as it is, when it is known already.
    lower_targets : bool
        As in `propose.phasing.phase`.
    """
    plan, settings = today or make_plan(study), study.settings
    return in_years(
        proposals,
        plan.indicators,
        plan.locations,
        settings.phases,
        settings.targets,
        planned=study.stations[study.stations["status"] == "planned"],
        counted=plan.evidence,
        lower_targets=lower_targets,
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
    points, keep = missing_points(need, s.white_spots)
    found = candidates.new_ground(
        points, ground, study.roads, _xy(locations), study.communes,
        zones.headquarters(study.places, study.communes, version), s.rules, version, s.propose,
        reach_m=s.white_spots.reach_m, antenna_m=max(s.propose.mast_heights_m), keep=keep,
    )  # fmt: skip
    options = white_spot_options.options_for(
        need, locations, stations, study.cells, found, _cable(study), ground, s.costs, s.rules, s.white_spots,
        s.propose,
    )  # fmt: skip
    options, told = decided_options(study.decisions, "white_spot", options)
    goal = s.targets["VILLAGE_MBB_COV"]
    by_year = {2025: goal.target_2025, 2030: goal.target_2030}
    return white_spots.propose(
        need, options, radio_in_force(s, "4G"), s.propagation, ground, s.white_spots, s.propose, s.rules,
        study.communes, version, {year: pct for year, pct in by_year.items() if pct is not None},
        required=told.required, cache=loss_cache(study), progress=progress,
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
    missing = hamlets_missing(need, study.settings.white_spots)
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
    planned = replace(study, stations=stations, cells=cells)
    states = places_heard(planned, hear_places(planned))
    return pd.DataFrame(states[["place_id", "state_5g", "covered_share"]])


def propose_places_5g(study: Study, *, progress: Callable[[str], None] | None = None) -> PlacesPlan:
    """Cheapest placements of 5G that give every place its signal and its capacity, each with its reason."""
    s, version = study.settings, study.settings.province.boundaries
    ground, stations = load_study_ground(study), on_air(study.stations)
    status = study.places["status"].fillna("existing")
    places = study.places[(status == "existing") | s.places_5g.planned].reset_index(drop=True)
    points = place_points(places, s.places.buffer_m, s.places.spacing_m)
    powered = study.roads[study.roads["power"].fillna(value=False).astype(bool)]
    options = options_5g.options_for(
        places, candidates.locations_with_room(stations, min(s.phases.years), s.propose), stations, study.cells,
        lambda x, y, power: candidates.nearest_road_m(x, y, powered if power else study.roads), _cable(study), ground,
        s.costs, s.places_5g, s.propose,
    )  # fmt: skip
    options, told = decided_options(study.decisions, "place_5g", options)
    reuse_pct = s.targets["BTS_NEW_SHARE_RATIO"].target_2030 or 0.0
    return places_5g.propose(
        places, points.x_m, points.y_m, points.place, options, radio_in_force(s, "5G"), s.propagation, ground,
        s.places_5g, s.propose, s.places.least_share, reuse_pct / 100.0, study.communes, version,
        required=told.required, cache=loss_cache(study), progress=progress,
    )  # fmt: skip


def hamlets_in_need(study: Study, *, progress: Callable[[str], None] | None = None) -> Need:
    """Points of the hamlets that count (centres, and clusters where the settings say so), and who covers them today."""
    villages = study.villages.reset_index(drop=True)
    demand = demand_points(villages, study.dwellings, population_raster(study))
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
    return Need(
        hamlets, demand.village[at], demand.x_m[at], demand.y_m[at], operators, covered, signals[ANY].rsrp_dbm[at]
    )


def _cable(study: Study) -> Callable[[NDArray[np.float64], NDArray[np.float64]], Cable]:
    """Cable from points to the nearest fiber: along roads, or straight times `backhaul_detour` without a road to it."""
    ways = None if study.roads.empty else fiber_ways(fiber_network(study), study.routes)
    fiber = gpd.GeoDataFrame(geometry=pd.concat([study.routes.geometry, study.nodes.geometry], ignore_index=True))

    def cable(x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> Cable:
        way_m = np.full(x_m.size, np.inf) if ways is None else cable_m(ways, x_m, y_m)
        by_road = np.isfinite(way_m)
        straight_m = candidates.nearest_road_m(x_m, y_m, fiber) * study.settings.propose.backhaul_detour
        return Cable(np.where(by_road, way_m, straight_m), by_road)

    return cable


def _xy(table: gpd.GeoDataFrame) -> NDArray[np.float64]:
    return np.column_stack([table.geometry.x, table.geometry.y])
