"""What the steps of one study share: terrain, roads, demand, stations, receptions, each made once, when asked for.

A `Workspace` is one study being worked on; `Land` is what of it does not depend on its stations, so that a study with
other stations (`Workspace.changed`) goes on with the same terrain, roads and demand. Every function of
`covplan.pipeline` takes a study or its workspace; who calls several in a row gives them the same workspace.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.enums import Resampling

from covplan.assess.demand import demand_points, homes
from covplan.assess.locations import group_locations, on_air
from covplan.fiber.reach import Reach, cable_findings, join_network, judge, piece_findings, reach_findings, reach_table
from covplan.fiber.roads import road_graph, with_slopes
from covplan.radio.coverage import with_sectors
from covplan.radio.links import read_reception, receive, write_reception
from covplan.radio.loss import MODEL
from covplan.study.cache import may_keep, read_arrays, write_arrays
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, SettingsError
from covplan.study.files import content_digest, file_digest
from covplan.study.folder import antenna_files, files_beside
from covplan.study.language import _, number
from covplan.study.rasters import cell_size_m
from covplan.study.settings import radio_under
from covplan.terrain.ground import load_ground

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.fiber.reach import Network
    from covplan.fiber.roads import RoadGraph
    from covplan.radio.coverage import Reception
    from covplan.study.findings import Finding
    from covplan.study.folder import Study
    from covplan.study.grid import Grid
    from covplan.study.settings import Radio, Settings
    from covplan.terrain.ground import Ground

    Points = NDArray[np.float64]

RECEPTION = "reception 4"
"""Raise the number when a change of the model changes what is received."""
REACH = "reach 4"
"""The same for the network of roads and cables and what it gives hamlets."""
POPULATION_CELL_M = 90.0  # finest cell inhabitants are counted on; a coarser raster is read on cells of its own size


class Land:
    """What of a study does not depend on its stations."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.receptions: dict[str, Reception] = {}
        """By the key of everything they depend on."""
        self._joined: dict[bool, Network] = {}

    @cached_property
    def ground(self) -> Ground:
        """Terrain and clutter on the study's grid."""
        return self.ground_on(self.study.grid)

    def ground_on(self, grid: Grid) -> Ground:
        """Terrain and clutter on a part of the grid; not kept."""
        elevation, propagation = self.study.rasters["elevation"], self.study.settings.propagation
        if elevation is None:
            raise LayerError(_("elevation.tif: missing; radio coverage needs terrain. Add it to the study folder."))
        return load_ground(
            grid,
            elevation,
            self.study.rasters["landcover"],
            scheme=propagation.landcover_classes,
            heights_m=propagation.clutter_height_m,
        )

    @cached_property
    def file_digests(self) -> tuple[str, ...]:
        """Of the terrain's files and the antenna patterns: what a reception depends on beside stations and settings."""
        folder = self.study.path
        rasters = [path for path in (self.study.rasters["elevation"], self.study.rasters["landcover"]) if path]
        beside = [folder / name for path in rasters for name in files_beside(folder, path.name)]
        patterns = [folder / name for name in antenna_files(folder)]
        return tuple(f"{path.name} {file_digest(path)}" for path in [*rasters, *beside, *patterns])

    @cached_property
    def demand(self) -> Demand:
        """Centres and clusters of all hamlets."""
        return demand_points(self.study.villages, self.study.dwellings, self.population)

    @cached_property
    def homes(self) -> gpd.GeoDataFrame:
        """Where cable has to come to: clusters, and the centres of hamlets without."""
        return homes(self.study.villages, self.study.dwellings)

    @cached_property
    def population(self) -> tuple[Grid, NDArray[np.float32]] | None:
        """The population raster on its own cells, where hamlets lack clusters and the study has one."""
        path = self.study.rasters["population"]
        if path is None or set(self.study.villages["village_id"]) <= set(self.study.dwellings["village_id"]):
            return None
        epsg = self.study.settings.province.epsg
        grid = self.study.grid.coarsened(max(POPULATION_CELL_M, float(np.floor(cell_size_m(path, epsg)))))
        return grid, grid.read(path, resampling=Resampling.nearest)

    @cached_property
    def road_graph(self) -> RoadGraph:
        """The study's roads, without slopes."""
        return self.graph_of(self.study.roads)

    @cached_property
    def steep_road_graph(self) -> RoadGraph:
        """The study's roads with the slopes of its terrain, where it has any."""
        return self.sloped(self.road_graph)

    def graph_of(self, roads: gpd.GeoDataFrame) -> RoadGraph:
        """The graph of a roads layer."""
        if roads.empty:
            raise LayerError(
                _("roads.gpkg: missing; cable runs along roads. Add the layer, or give a file of OpenStreetMap.")
            )
        return road_graph(roads)

    def sloped(self, graph: RoadGraph) -> RoadGraph:
        """A road graph with the slopes of the study's terrain, where it has any."""
        if self.study.rasters["elevation"] is None:
            return graph
        return with_slopes(graph, self.ground.elevation_m, self.ground.grid)

    def network(self, *, slopes: bool = False) -> Network:
        """Roads, cables, fiber nodes and homes as one graph; ways are as long with slopes as without."""
        if slopes not in self._joined and True not in self._joined:
            graph = self.steep_road_graph if slopes else self.road_graph
            self._joined[slopes] = self.joined(graph)
        return self._joined.get(True) or self._joined[slopes]

    def joined(self, graph: RoadGraph, sites: gpd.GeoDataFrame | None = None) -> Network:
        """The study's cables, fiber nodes and homes on a road graph, with sites that want fiber too; not kept."""
        study = self.study
        return join_network(graph, self.homes, study.nodes, study.routes, sites, study.settings.fiber)

    @cached_property
    def reach(self) -> tuple[gpd.GeoDataFrame, list[Finding]]:
        """FTTH of every hamlet, and what kept hamlets from being judged; kept on disk by all it depends on."""
        s = self.study
        places = (s.villages[["village_id"]], self.homes[["village_id", "households"]])
        key = content_digest(
            REACH, s.settings.fiber.model_dump_json(), s.grid.epsg,
            *(table.to_csv() for table in places),
            *(pd.DataFrame(table.drop(columns="geometry")).to_csv() for table in (s.nodes, s.routes)),
            *(b"".join(table.geometry.to_wkb()) for table in (self.homes, s.nodes, s.routes, s.roads)),
        )  # fmt: skip
        path = s.path / ".cache" / "reach" / f"{key}.npz" if may_keep(s.path) else None
        kept = read_arrays(path, [field.name for field in fields(Reach)]) if path else None
        judged = Reach(**kept) if kept else self._judged(self.network())
        if path and not kept:
            write_arrays(path, {field.name: getattr(judged, field.name) for field in fields(Reach)})
        return self._reach_of(judged)

    def reach_in(self, network: Network) -> tuple[gpd.GeoDataFrame, list[Finding]]:
        """The same in another network; not kept."""
        return self._reach_of(self._judged(network))

    def _judged(self, network: Network) -> Reach:
        s = self.study
        return judge(s.villages, self.homes, s.nodes, network, s.settings.fiber)

    def _reach_of(self, judged: Reach) -> tuple[gpd.GeoDataFrame, list[Finding]]:
        s = self.study
        table, fiber = reach_table(s.villages, s.nodes, judged), s.settings.fiber
        joined = [*cable_findings(s.nodes, s.routes), *piece_findings(s.villages, self.homes, judged, fiber)]
        return table, [*reach_findings(table, s.nodes, judged.feed_m, fiber), *joined]


class Workspace:
    """A study being worked on."""

    def __init__(self, study: Study, land: Land | None = None) -> None:
        self.study = study
        self.land = land or Land(study)
        self._transmitting: dict[str, gpd.GeoDataFrame] = {}

    @property
    def settings(self) -> Settings:
        """The study's settings."""
        return self.study.settings

    @property
    def ground(self) -> Ground:
        """The study's terrain and clutter on its grid."""
        return self.land.ground

    def changed(
        self,
        *,
        stations: gpd.GeoDataFrame | None = None,
        cells: pd.DataFrame | None = None,
        settings: Settings | None = None,
    ) -> Workspace:
        """The same land with other stations, or counted by other definitions of covered."""
        study = self.study
        return Workspace(
            replace(
                study,
                stations=study.stations if stations is None else stations,
                cells=study.cells if cells is None else cells,
                settings=settings or study.settings,
            ),
            self.land,
        )

    @cached_property
    def on_air(self) -> gpd.GeoDataFrame:
        """Stations on air, of all technologies, here and across the border: all that serve and interfere."""
        return on_air(self.study.stations)

    @cached_property
    def own(self) -> gpd.GeoDataFrame:
        """Stations of the province itself, on air and planned: what is counted, and what proposals may change."""
        return self.study.stations[~self.study.neighbours]

    @cached_property
    def locations(self) -> gpd.GeoDataFrame:
        """The province's structures with a station on air."""
        return group_locations(on_air(self.own))

    @property
    def standing(self) -> gpd.GeoDataFrame:
        """The province's stations on air that stand on known terrain: what their structures reach can be computed."""
        air = on_air(self.own)
        return air[self.stand_on_terrain(air)]

    @cached_property
    def on_terrain(self) -> pd.Series:
        """Which stations on air stand where the terrain is known."""
        return self.stand_on_terrain(self.on_air)

    def stand_on_terrain(self, stations: gpd.GeoDataFrame) -> pd.Series:
        """Which of some stations stand where the terrain is known: what others reach cannot be computed."""
        path, grid = self.study.rasters["elevation"], self.study.grid
        if path is None or stations.empty:
            return pd.Series(data=True, index=stations.index)
        at = gpd.GeoSeries(stations.geometry, crs=self.settings.province.epsg)
        inside = grid.contains(at.x, at.y)
        row, column = grid.rowcol(at.x, at.y)
        centres = gpd.GeoSeries.from_xy(*grid.xy(row, column), crs=at.crs)
        with rasterio.open(path) as raster:
            points = centres.to_crs(raster.crs)
            heights = [value[0] for value in raster.sample(zip(points.x, points.y, strict=True), masked=True)]
        known = inside & [value is not np.ma.masked and bool(np.isfinite(value)) for value in heights]
        if not known[inside].all():  # small voids are filled in the ground
            known[inside] = np.isfinite(self.ground.elevation_m[row[inside], column[inside]])
        return pd.Series(known, stations.index)

    def radio(self, technology: str) -> Radio:
        """Radio settings of a technology, as the definition of covered wants them where it is about this technology."""
        return radio_in_force(self.settings, technology)

    def transmitting(self, technology: str, stations: gpd.GeoDataFrame | None = None) -> gpd.GeoDataFrame:
        """Stations of a technology on air, of the study or of some others, that coverage can be computed of.

        They stand on known terrain, and a cell or a band of the technology is known.
        """
        if technology not in {str(name) for name in self.settings.radio}:
            raise SettingsError(
                _("technology {technology!r}: coverage is computed for 4G and 5G.").format(technology=technology)
            )
        if stations is not None:
            air = on_air(stations)
            return air[self._sending(air, technology) & self.stand_on_terrain(air)]
        if technology not in self._transmitting:
            self._transmitting[technology] = self.on_air[self._sending(self.on_air, technology) & self.on_terrain]
        return self._transmitting[technology]

    def without_band(self, technology: str) -> gpd.GeoDataFrame:
        """Stations of a technology on air of which neither a cell nor a band of it is known."""
        return self.on_air[_having(self.on_air, technology) & ~self._sending(self.on_air, technology)]

    def _sending(self, stations: gpd.GeoDataFrame, technology: str) -> pd.Series:
        return _having(stations, technology) & with_sectors(stations, self.study.cells, technology)

    def operators(self, technology: str) -> list[str]:
        """Who transmits a technology."""
        return sorted(self.transmitting(technology)["operator"].unique())

    @property
    def loss_cache(self) -> Path | None:
        """Where path losses are kept: with the study; nowhere when it cannot be written to."""
        path = self.study.path
        return path / ".cache" / "loss" if may_keep(path) else None

    @property
    def antennas(self) -> Path:
        """The folder of the study's own antenna patterns."""
        return self.study.path / "antennas"

    @property
    def computes_signal(self) -> bool:
        """Whether coverage is to be computed: there is terrain, and the settings do not take it as declared."""
        return self.study.rasters["elevation"] is not None and self.settings.coverage.basis != "declared"

    def reception(
        self,
        stations: gpd.GeoDataFrame,
        technology: str,
        x_m: Points,
        y_m: Points,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> Reception:
        """What stations of a technology give at points: kept here, and on disk, by all it depends on."""
        study, land = self.study, self.land
        radio, propagation = self.radio(technology), self.settings.propagation
        cells = study.cells[study.cells["station_id"].isin(stations["station_id"])]
        places = pd.DataFrame({"x_m": stations.geometry.x, "y_m": stations.geometry.y})
        used = [places, stations[["station_id", "operator", "antenna_height_m", "technologies", "bands"]], cells]
        key = content_digest(
            MODEL, RECEPTION, technology, radio.model_dump_json(), propagation.model_dump_json(), study.grid,
            *land.file_digests, *(table.to_csv() for table in used),
            np.round(x_m, 3).tobytes(), np.round(y_m, 3).tobytes(),
        )  # fmt: skip
        if key in land.receptions:
            return land.receptions[key]
        cache = self.loss_cache
        path = cache.parent / "reception" / f"{key}.npz" if cache else None
        found = read_reception(path) if path else None
        if found is None:
            if progress:
                who = "+".join(sorted(stations["operator"].unique()))
                told = _("{technology} {operators}: {count} stations")
                progress(told.format(technology=technology, operators=who, count=number(len(stations))))
            found = receive(
                stations, study.cells, x_m, y_m, self.ground, technology, radio, propagation,
                cache=cache, antennas=self.antennas,
            )  # fmt: skip
            if path:
                write_reception(found, path)
        land.receptions[key] = found
        return found

    def receptions(
        self, technology: str, x_m: Points, y_m: Points, *, progress: Callable[[str], None] | None = None
    ) -> list[Reception]:
        """What each operator that transmits a technology gives at points."""
        air = self.transmitting(technology)
        return [
            self.reception(air[air["operator"] == operator], technology, x_m, y_m, progress=progress)
            for operator in self.operators(technology)
        ]


def workspace_of(study: Study | Workspace) -> Workspace:
    """The workspace given, or a new one for a study."""
    return study if isinstance(study, Workspace) else Workspace(study)


def radio_in_force(settings: Settings, technology: str) -> Radio:
    """Radio settings of a technology, as the definition of covered wants them where it is about this technology."""
    radio = settings.radio[technology]  # type: ignore[index]
    return radio_under(settings.definition, radio) if settings.definition.technology == technology else radio


def _having(stations: gpd.GeoDataFrame, technology: str) -> pd.Series:
    having: pd.Series = stations["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)
    return having
