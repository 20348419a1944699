"""Study to plan, on one screen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.hamlets import centres, hamlet_states
from covplan.assess.indicators import indicators
from covplan.assess.locations import group_locations, on_air
from covplan.assess.reliability import compare, observed_hamlets
from covplan.radio.calibration import NO_TESTS, calibrate_tests, predicted_tests
from covplan.radio.coverage import coverage as operator_coverage
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.explain import explain_links
from covplan.radio.links import receive
from covplan.radio.loss import latitude_deg
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, SettingsError, TooLittleData
from covplan.study.find import centre_of, find_village
from covplan.study.plan import Plan
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd

    from covplan.assess.reliability import Reliability
    from covplan.radio.calibration import Calibration
    from covplan.radio.coverage import Coverage
    from covplan.study.folder import Study
    from covplan.study.grid import Grid
    from covplan.study.links import Explanation
    from covplan.study.settings import Propagation, Radio
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
    transmitting, radio = _transmitting(study, technology, chosen)
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
    air, radio = _transmitting(study, "4G")
    points = centres(study.villages)
    points = points.where(np.isfinite(points.x), study.villages.representative_point())
    ground, settings = load_study_ground(study), study.settings.propagation
    cache, antennas = _loss_cache(study), study.path / "antennas"
    received = strongest(
        receive(own, study.cells, points.x, points.y, ground, "4G", radio, settings, cache=cache, antennas=antennas)
        for _, own in air.groupby("operator", sort=True)
    )
    predicted = pd.Series(is_covered(received, radio), dtype="object").mask(np.isnan(received.probability))
    return compare(tests, predicted, observed)


def _tested(study: Study, technologies: Sequence[str], propagation: Propagation) -> pd.DataFrame:
    """The study's measurements with what the model says of each; no row without measurements."""
    measured = study.measurements
    if measured.empty:
        return NO_TESTS
    ground = load_study_ground(study)
    parts = [
        predicted_tests(
            measured[measured["technology"] == one],
            *(_transmitting(study, one)[0], study.cells, ground, one, study.settings.radio[one], propagation),  # type: ignore[index]
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
    return air[air["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)], radio


def _masts_done(what: str, progress: Callable[[str], None] | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    step = 50  # masts between two lines

    def tell(done: int, of: int) -> None:
        if done % step == 0 or done == of:
            progress(f"{what}: {done}/{of} cột (masts)")

    return tell
