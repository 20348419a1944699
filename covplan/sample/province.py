"""The sample study: the province of Tuyên Quang before July 2025, synthetic where nothing may be shipped.

`make_province` makes it in eight steps, the same bytes every time; `self_check` counts the published figures again from
the files.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.sample.allocation import land_of
from covplan.sample.communes import commune_cells, outline
from covplan.sample.declared import declared_ftth, declared_mobile, ftth_households, near_5g
from covplan.sample.dwellings import dwelling_clusters, population_raster
from covplan.sample.fiber import fiber
from covplan.sample.landcover import FINER, Home, land_cover
from covplan.sample.masts import masts
from covplan.sample.places import places
from covplan.sample.relief import relief
from covplan.sample.roads import EPSG, centres_m, coordinates_m, roads
from covplan.sample.service_points import service_points
from covplan.sample.settlements import hamlets
from covplan.sample.siting import TOWN_HOUSEHOLDS, households_within
from covplan.sample.territory import communes_both_versions, statistics
from covplan.study.errors import StudyError
from covplan.study.files import fixed_file_date, written_whole
from covplan.study.folder import write_layer
from covplan.study.grid import Grid
from covplan.study.language import _, speaking
from covplan.study.layers import input_layers
from covplan.study.settings import GridSettings, Phases, Settings
from covplan.study.settings_file import SETTINGS_FILE, settings_toml
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEED = 2025
CELL_M, MARGIN_M = 90.0, 7_500.0  # of the terrain; masts and ridges outside the border matter too
BUDGET_VND = 40e9  # a year, all operators together (assumption)
ELEVATION, LANDCOVER = "elevation.tif", "landcover.tif"
PUBLISHED = {"VILLAGE_MBB_COV": 97.81, "VILLAGE_FTTH_COV": 93.31, "BTS_SHARE_RATIO": 14.03, "FTTH_HH": 54.83}


def _quiet(step: str) -> None:
    """Tell nobody."""


def make_province(folder: Path, seed: int = SEED, *, progress: Callable[[str], None] = _quiet) -> None:
    """Write the sample study into a folder; files of the same names are replaced.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    seed : int
        Of all chance; the published figures are met with the default one.
    progress : callable
        Told the name of each step.
    """
    progress(_("Terrain"))
    grid = Grid.from_bounds(shapely.buffer(outline(), MARGIN_M).bounds, CELL_M, EPSG)
    ground = relief(grid.transform, grid.shape, seed)
    height_m, water = ground.elevation_m.astype(np.float32), ground.water
    land = land_of(ground, grid.transform)
    cells = commune_cells(land)
    cover = land_cover(ground, grid.transform, seed)[FINER // 2 :: FINER, FINER // 2 :: FINER]
    progress(_("Hamlets and dwellings"))
    villages = hamlets(cells, height_m, cover, land, seed)
    dwellings = dwelling_clusters(villages, height_m, cover, grid.transform, seed)
    sites = places(cells, villages, seed)
    grid.write(folder / ELEVATION, ground.elevation_m)
    fine = Grid.from_bounds(grid.bounds, CELL_M / FINER, EPSG)
    fine.write(folder / LANDCOVER, land_cover(ground, grid.transform, seed, _homes(dwellings)))
    on_grid = load_ground(_study_grid(cells), folder / ELEVATION, folder / LANDCOVER)
    progress(_("Roads"))
    network = roads(cells, villages, dwellings, height_m, grid.transform, seed, water=water)
    progress(_("BTS masts"))
    stations, sectors = masts(villages, dwellings, cells, sites, height_m, grid.transform, on_grid, seed)
    progress(_("Declared state"))
    villages["declared_mobile"] = declared_mobile(villages, dwellings, stations, sectors, on_grid)
    villages["declared_5g"] = near_5g(centres_m(villages), stations)
    villages["declared_ftth"] = declared_ftth(villages, cells, network, dwellings)
    villages["ftth_households"] = ftth_households(villages, cells, network, seed)
    sites["declared_5g"] = near_5g(coordinates_m(sites.geometry.centroid), stations)
    progress(_("Fiber"))
    routes, nodes = fiber(network, villages, dwellings, cells, stations, seed)
    progress(_("Writing files"))
    people = population_raster(dwellings, villages, grid.transform, grid.shape)
    layers = {"villages": villages, "dwellings": dwellings, "communes": communes_both_versions(cells)}
    layers |= {"stations": stations, "cells": sectors, "routes": routes, "nodes": nodes}
    layers |= {"service_points": service_points(cells, villages, sites, seed)}
    layers |= {"places": sites, "roads": network, "statistics": statistics()}
    _write_layers(folder, layers)
    grid.write(folder / "population.tif", people)
    write_settings(folder)
    _write_text(folder / "README.md", _readme(seed))
    _stop_unless_published(self_check(folder))


def self_check(folder: Path) -> dict[str, float]:
    """The four published indicators, in per cent at two decimals, counted from the files of a sample study."""
    villages = gpd.read_file(folder / "villages.gpkg", layer="villages", ignore_geometry=True)
    stations = pd.read_csv(folder / "bts_sites.csv")
    on_location = stations.groupby("location_id").operator.nunique()
    counted = {
        "VILLAGE_MBB_COV": (villages.declared_mobile.isin(["covered", "weak"]).sum(), len(villages)),
        "VILLAGE_FTTH_COV": (villages.declared_ftth.sum(), len(villages)),
        "BTS_SHARE_RATIO": ((on_location >= 2).sum(), len(on_location)),
        "FTTH_HH": (villages.ftth_households.sum(), villages.households.sum()),
    }
    return {name: round(100 * int(part) / int(whole), 2) for name, (part, whole) in counted.items()}


def write_settings(folder: Path) -> None:
    """study.toml of the sample: covplan's defaults, marked as synthetic, with a yearly budget."""
    given = {
        "province": {"name": "Tuyên Quang (mô phỏng)", "synthetic": True, "language": "vi"},
        "phases": {"budget_vnd": [BUDGET_VND] * len(Phases().years), "keep_unspent": True},
    }
    settings = Settings.model_validate(given)
    with speaking("vi"):
        _write_text(folder / SETTINGS_FILE, settings_toml(settings))


def _homes(dwellings: gpd.GeoDataFrame) -> Iterator[Home]:
    """Clusters as land cover sees them; where many live near, of a town."""
    position, households = coordinates_m(dwellings), dwellings.households.to_numpy(np.int64)
    town = households_within(position, position, households) >= TOWN_HOUSEHOLDS
    for (x, y), number, in_town in zip(position.tolist(), households.tolist(), town.tolist(), strict=True):
        yield Home(x, y, number, in_town)


def _study_grid(communes: gpd.GeoDataFrame) -> Grid:
    """The grid on which a study of these communes is computed."""
    settings = GridSettings()
    return Grid.from_bounds(tuple(communes.buffer(settings.margin_m).total_bounds), settings.cell_m, EPSG)


def _stop_unless_published(found: dict[str, float]) -> None:
    wrong = [
        _("{name} {found:.2f} instead of {published:.2f}").format(name=name, found=found[name], published=value)
        for name, value in PUBLISHED.items()
        if found[name] != value
    ]
    if wrong:
        raise StudyError(
            _("The sample misses the published figures: {figures}. Another seed does not fit.").format(
                figures="; ".join(wrong)
            )
        )


def _write_layers(folder: Path, tables: dict[str, Any]) -> None:
    """Every layer in its file with the columns of its definition, in their order, rows sorted by key."""
    by_file: dict[str, list[str]] = {}
    for name in tables:
        by_file.setdefault(input_layers()[name].file, []).append(name)
    with fixed_file_date():
        for file, names in by_file.items():
            with written_whole(folder / file) as part:
                for name in names:
                    layer = input_layers()[name]
                    table = tables[name]
                    columns = [column.name for column in layer.columns if column.name in table]
                    extra = ["geometry"] if "geometry" in table else []
                    write_layer(table[columns + extra].sort_values(list(layer.key), ignore_index=True), layer, part)


def _readme(seed: int) -> str:
    """What is fact and what is not in the folder, in both languages."""
    text = files("covplan").joinpath("sample", "README.data.md").read_text(encoding="utf-8")
    return text.format(seed=seed)


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
