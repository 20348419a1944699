"""What a study folder says of the ground a file is about, also where it is not a whole study yet.

The first file of a new province comes before its stations, hamlets or terrain are there: communes are all it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from covplan.study import assumed, geometry
from covplan.study.boundaries import outline
from covplan.study.columns import typed
from covplan.study.errors import LayerError
from covplan.study.findings import fatal
from covplan.study.language import _
from covplan.study.layers import input_layers
from covplan.study.reading import read_layer
from covplan.study.settings_file import SETTINGS_FILE, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from covplan.study.folder import Study
    from covplan.study.settings import Settings

OF_STATIONS = ("station_id", "operator", "lon", "lat", "height_m", "owner")


@dataclass(frozen=True)
class Ground:
    """Communes, and stations and roads as far as there are any; study CRS."""

    settings: Settings
    communes: gpd.GeoDataFrame
    outline: BaseGeometry
    stations: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame

    @classmethod
    def of(cls, study: Study) -> Ground:
        """That of a study that is open."""
        return cls(study.settings, study.communes, study.outline, study.stations, study.roads)


def read_ground(folder: Path) -> Ground:
    """That of a folder with at least study.toml and communes.

    Raises
    ------
    LayerError
        There are no communes: what is wrong with them.
    """
    settings = load_settings(folder / SETTINGS_FILE)
    communes = _layer(folder, "communes", settings)
    if communes is None or communes.empty:
        raise LayerError(
            _(
                "{folder}: no communes in villages.gpkg. They are what coordinates are held against: take a file of "
                "boundaries first."
            ).format(folder=folder)
        )
    border = outline(communes, settings.province.boundaries)
    stations, roads = _layer(folder, "stations", settings), _layer(folder, "roads", settings)
    epsg = settings.province.epsg
    if stations is None:
        stations = gpd.GeoDataFrame({name: [] for name in OF_STATIONS}, geometry=[], crs=epsg)
    if roads is None:
        roads = gpd.GeoDataFrame(geometry=[], crs=epsg)
    placed = stations[stations.geometry.notna() & ~stations.geometry.is_empty]
    return Ground(settings, communes, border, placed, roads)


def _layer(folder: Path, name: str, settings: Settings) -> gpd.GeoDataFrame | None:
    """A layer as far as it can be read; what is wrong with it `covplan check` says."""
    layer = input_layers()[name]
    sieve, _found = read_layer(folder, layer)
    if sieve is None or fatal(sieve.findings):
        return None
    table = typed(sieve, settings.operators)
    place = geometry.points_from_columns if layer.is_table else geometry.shapes_of_file
    frame = place(sieve, table, settings.province.epsg)
    if name == "communes":
        version = settings.province.boundaries
        frame = gpd.GeoDataFrame(assumed.of_itself(sieve, frame, settings), crs=frame.crs)
        frame["boundary_version"] = frame["boundary_version"].fillna(version)
    kept = sieve.kept(pd.DataFrame(frame))
    return gpd.GeoDataFrame(kept, geometry="geometry", crs=frame.crs)
