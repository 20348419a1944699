"""Study to plan, on one screen."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from covplan.assess.hamlets import centres, hamlet_states
from covplan.assess.indicators import indicators
from covplan.assess.locations import group_locations, on_air
from covplan.propose.alternatives import SCENARIOS
from covplan.propose.phasing import in_years
from covplan.propose.sharing import confirmed, planned_network
from covplan.propose.sharing import propose as share_locations
from covplan.propose.sharing_market import case, listen, market, points_of
from covplan.propose.sharing_scenarios import under_scenarios, with_confidence
from covplan.propose.what_if import changed_hamlets, changed_stations, cost_of_change
from covplan.radio.coverage import coverage as operator_coverage
from covplan.radio.coverage import strongest
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, SettingsError
from covplan.study.plan import Plan
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from covplan.propose.alternatives import Scenario
    from covplan.propose.costs import Range
    from covplan.propose.phasing import Phased
    from covplan.propose.sharing import SharingPlan
    from covplan.radio.coverage import Coverage
    from covplan.study.folder import Study
    from covplan.study.settings import Radio
    from covplan.terrain.ground import Ground


def make_plan(study: Study) -> Plan:
    """What the data says about the province today: locations, hamlets by state, every indicator of the plan."""
    stations = on_air(study.stations)
    locations = group_locations(stations)
    hamlets = hamlet_states(study.villages, study.communes, locations)
    today = indicators(
        hamlets,
        study.villages,
        study.places,
        study.communes,
        stations,
        locations,
        study.statistics,
        study.settings,
    )
    return Plan(study=study, hamlets=hamlets, locations=locations, indicators=today)


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
    settings, air = study.settings, on_air(study.stations)
    ground = ground or load_study_ground(study)
    folders = {"cache": _loss_cache(study), "antennas": study.path / "antennas"}
    who = market(study.stations, study.cells, group_locations(air), study.communes, study.places, settings)
    points = points_of(centres(study.villages), study.dwellings)
    heard = listen(who, points, ground, settings, **folders)
    first = case(who, heard, points, settings)
    plan = share_locations(who, heard, points, first, study.villages["village_id"].tolist(), settings)
    if scenarios:
        plan = with_confidence(plan, who, under_scenarios(who, heard, points, settings, scenarios))
    planned = planned_network(air, who, plan.case, plan.shared)
    return replace(plan, coverage=confirmed(air, planned, study.cells, points, ground, settings, **folders))


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


def load_study_ground(study: Study) -> Ground:
    """The study's terrain and clutter on its grid."""
    elevation, propagation = study.rasters["elevation"], study.settings.propagation
    if elevation is None:
        raise LayerError("elevation.tif: missing; radio coverage needs terrain. Add it to the study folder.")
    return load_ground(
        study.grid,
        elevation,
        study.rasters["landcover"],
        scheme=propagation.landcover_classes,
        heights_m=propagation.clutter_height_m,
    )


def _loss_cache(study: Study) -> Path | None:
    """Where path losses are kept: with the study; nowhere when it cannot be written to."""
    return study.path / ".cache" / "loss" if os.access(study.path, os.W_OK) else None


def _transmitting(study: Study, technology: str) -> tuple[gpd.GeoDataFrame, Radio]:
    """Stations of the technology on air, and its settings."""
    radio = {str(name): one for name, one in study.settings.radio.items()}.get(technology)
    if radio is None:
        raise SettingsError(f"technology {technology!r}: coverage is computed for 4G and 5G.")
    air = on_air(study.stations)
    return air[air["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)], radio


def _masts_done(what: str, progress: Callable[[str], None] | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    step = 50  # masts between two lines

    def tell(done: int, of: int) -> None:
        if done % step == 0 or done == of:
            progress(f"{what}: {done}/{of} cột (masts)")

    return tell
