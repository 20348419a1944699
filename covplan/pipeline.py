"""Study to plan, on one screen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.hamlets import centres, hamlet_states
from covplan.assess.indicators import indicators
from covplan.assess.locations import group_locations, on_air
from covplan.propose import candidates, white_spots, zones
from covplan.radio.coverage import coverage as operator_coverage
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.links import receive
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, SettingsError
from covplan.study.plan import Plan
from covplan.study.settings import radio_under
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.propose.white_spots import WhiteSpotPlan
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


def propose_white_spots(
    study: Study, *, ground: Ground | None = None, progress: Callable[[str], None] | None = None
) -> WhiteSpotPlan:
    """Cheapest actions that bring hamlets without a signal to the targets of VILLAGE_MBB_COV, each with its reason."""
    s, version = study.settings, study.settings.province.boundaries
    ground = ground or load_study_ground(study)
    stations = on_air(study.stations)
    radio = radio_under(s.definition, s.radio["4G"])
    need = hamlets_in_need(study, ground, radio, clusters=s.white_spots.clusters, progress=progress)
    targets = white_spots.missing_points(need, s.white_spots)
    locations = candidates.locations_with_room(stations, min(s.phases.years), s.propose)
    ground_found = candidates.new_ground(
        targets, ground, study.roads, np.column_stack([locations.geometry.x, locations.geometry.y]), study.communes,
        zones.headquarters(study.places, study.communes, version), s.rules, version, s.propose,
        reach_m=s.white_spots.reach_m, antenna_m=max(s.propose.mast_heights_m),
    )  # fmt: skip
    options = white_spots.options_for(
        need, locations, stations, study.cells, ground_found, _fibre_m(study), ground, s.costs, s.rules,
        s.white_spots, s.propose,
    )  # fmt: skip
    goal = s.targets["VILLAGE_MBB_COV"]
    by_year = {2025: goal.target_2025, 2030: goal.target_2030}
    return white_spots.propose(
        need, options, radio, s.propagation, ground, s.white_spots, s.propose, s.rules, study.communes, version,
        {year: pct for year, pct in by_year.items() if pct is not None}, cache=_loss_cache(study), progress=progress,
    )  # fmt: skip


def hamlets_in_need(
    study: Study, ground: Ground, radio: Radio, *, clusters: bool, progress: Callable[[str], None] | None = None
) -> white_spots.Need:
    """Points of the hamlets that count (centres, and dwelling clusters), and which operators cover them today."""
    villages = study.villages.reset_index(drop=True)
    at = centres(villages)
    hamlets = villages[["village_id", "name", "households", "grid_power", "difficulty", "synthetic"]].assign(
        x_m=at.x, y_m=at.y, known=~at.is_empty & at.x.notna()
    )
    row = pd.Series(hamlets.index, index=hamlets["village_id"])
    extra = study.dwellings[study.dwellings["village_id"].isin(row.index)] if clusters else study.dwellings[:0]
    x = np.concatenate([hamlets["x_m"].fillna(0.0), extra.geometry.x])
    y = np.concatenate([hamlets["y_m"].fillna(0.0), extra.geometry.y])
    stations = on_air(study.stations)
    operators = tuple(sorted(stations["operator"].unique()))
    covered = np.zeros((len(operators), x.size), dtype=bool)
    for n, one in enumerate(operators):
        if progress:
            progress(f"4G {one}: {x.size} điểm (points)")
        own = stations[stations["operator"] == one]
        covered[n] = covered_at(own, study.cells, x, y, ground, radio, study)
    return white_spots.Need(
        hamlets, np.concatenate([hamlets.index, row[extra["village_id"]]]), x, y, operators, covered
    )


def covered_at(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    ground: Ground,
    radio: Radio,
    study: Study,
    technology: str = "4G",
) -> NDArray[np.bool_]:
    """Points at which one operator's stations meet the threshold with the confidence of the settings."""
    found = receive(
        stations, cells, x_m, y_m, ground, technology, radio, study.settings.propagation,
        cache=_loss_cache(study), antennas=study.path / "antennas",
    )  # fmt: skip
    return np.asarray(is_covered(found, radio))


def _fibre_m(study: Study) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """Length of cable from points to the nearest fibre: the straight distance times the detour of the settings."""

    def length_m(x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.float64]:
        return candidates.nearest_road_m(x_m, y_m, study.routes) * study.settings.propose.backhaul_detour

    return length_m


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
