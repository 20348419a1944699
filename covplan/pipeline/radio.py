"""What is received where: coverage on the grid and at points, explained links, calibration, tests of the model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.enums import Resampling

from covplan.assess.demand import centres
from covplan.assess.hamlets import ANY, Signal
from covplan.assess.locations import on_air
from covplan.assess.places import place_points, place_states
from covplan.assess.reliability import compare as compare_with_tests
from covplan.assess.reliability import observed_hamlets
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
from covplan.study.settings import radio_under
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.places import PlacePoints
    from covplan.assess.reliability import Reliability
    from covplan.radio.calibration import Calibration
    from covplan.radio.coverage import Coverage, Reception
    from covplan.study.folder import Study
    from covplan.study.grid import Grid
    from covplan.study.links import Explanation
    from covplan.study.settings import Propagation, Radio, Settings
    from covplan.terrain.ground import Ground

RECEPTION = "reception 1"
"""Raise the number when a change of the model changes what is received."""


POPULATION_CELL_M = 90.0  # population rasters are coarser than the grid


def hear(
    study: Study,
    demand: Demand,
    *,
    technologies: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> list[Signal]:
    """What every operator, and any of them, gives at the points of a demand; nothing without terrain.

    `technologies`: all of the study's unless some are named.
    """
    found: list[Signal] = []
    if study.rasters["elevation"] is None or study.settings.coverage.basis == "declared":
        return found
    ground = LaterGround(study)
    for technology in technologies or tuple(study.settings.radio):
        radio = radio_in_force(study.settings, technology)
        transmitting, _ = stations_on_air(study, technology)
        received = [
            receive_kept(
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


@dataclass(frozen=True)
class HeardPlaces:
    """What the places of a study receive of 5G, of any operator."""

    points: PlacePoints
    best: Reception
    """At each of the points."""
    radio: Radio


def hear_places(study: Study, *, progress: Callable[[str], None] | None = None) -> HeardPlaces | None:
    """What the places receive of 5G; None without terrain, 5G stations or places."""
    s = study.settings
    if study.rasters["elevation"] is None or s.coverage.basis == "declared" or study.places.empty:
        return None
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
    return HeardPlaces(points, strongest(received), radio) if received else None


def places_heard(study: Study, heard: HeardPlaces | None) -> gpd.GeoDataFrame:
    """Places with their 5G state: computed from what they receive, declared where nothing was computed."""
    if heard is None:
        return place_states(study.places)
    best = heard.best
    return place_states(
        study.places,
        heard.points,
        best.rsrp_dbm,
        best.probability,
        is_covered(best, heard.radio),
        least_share=study.settings.places.least_share,
    )


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
    transmitting, radio = stations_on_air(study, technology)
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
            cache=loss_cache(study),
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
    there = sorted(stations_on_air(study, technology)[0]["operator"].unique())
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
    transmitting, radio = stations_on_air(study, technology, chosen)[0], radio_in_force(study.settings, technology)
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
    air, radio = stations_on_air(study, "4G")[0], radio_in_force(study.settings, "4G")
    points = centres(study.villages)
    points = points.where(np.isfinite(points.x), study.villages.representative_point())
    x_m, y_m, ground = points.x.to_numpy(), points.y.to_numpy(), LaterGround(study)
    received = strongest(
        receive_kept(study, own, "4G", radio, x_m, y_m, ground, None) for _, own in air.groupby("operator", sort=True)
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
                stations_on_air(study, one)[0],
                study.cells,
                ground,
                one,
                radio_in_force(study.settings, one),
                propagation,
            ),
            cache=loss_cache(study),
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


class LaterGround:
    """The ground of a study, loaded when it is first asked for: what is kept needs none."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._ground: Ground | None = None

    def __call__(self) -> Ground:
        """Load it now, unless it is there."""
        self._ground = self._ground or load_study_ground(self._study)
        return self._ground


def receive_kept(
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
    cache = loss_cache(study)
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


def radio_in_force(settings: Settings, technology: str) -> Radio:
    """Radio settings of a technology, as the definition of covered wants them where it is about this technology."""
    radio = settings.radio[technology]  # type: ignore[index]
    return radio_under(settings.definition, radio) if settings.definition.technology == technology else radio


def loss_cache(study: Study) -> Path | None:
    """Where path losses are kept: with the study; nowhere when it cannot be written to."""
    return study.path / ".cache" / "loss" if os.access(study.path, os.W_OK) else None


def stations_on_air(
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


def _masts_done(what: str, progress: Callable[[str], None] | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    step = 50  # masts between two lines

    def tell(done: int, of: int) -> None:
        if done % step == 0 or done == of:
            progress(f"{what}: {done}/{of} cột (masts)")

    return tell


def population_raster(study: Study) -> tuple[Grid, NDArray[np.float32]] | None:
    """The population raster on its own cells, where hamlets lack clusters and the study has one."""
    path = study.rasters["population"]
    if path is None or set(study.villages["village_id"]) <= set(study.dwellings["village_id"]):
        return None
    grid = study.grid.coarsened(POPULATION_CELL_M)
    return grid, grid.read(path, resampling=Resampling.nearest)
