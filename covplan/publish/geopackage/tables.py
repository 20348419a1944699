"""Layers as tables of the package, and the parts of the proposals as views of theirs."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio
import shapely

from covplan.publish.words import label
from covplan.study.exported import FILE_ID, GEOMETRY
from covplan.study.files import FILE_DATE
from covplan.study.language import by_language
from covplan.study.layers import layers
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from covplan.study.layers import Layer

GPKG_VERSION = "1.3"  # what QGIS 3.22 and GDAL 3.6 of Debian 12 read without a warning
VIEW_ID = "OGC_FID"  # by this name GDAL knows a view's feature ids
UNDECIDED = "open"
DECISION = ("decision", "year", "note")
"""Columns of the proposals that a planner fills in; the views take these edits too."""


@dataclass(frozen=True)
class Exported:
    """One layer as it stands in the package."""

    name: str
    title: str
    group: str
    layer: Layer
    table: pd.DataFrame
    """Only defined columns, dates as text; a GeoDataFrame where the layer has geometry."""
    where: str = ""
    """Of a view: which rows of its layer's table."""

    @property
    def columns(self) -> list[str]:
        """Names of its columns without geometry."""
        return [name for name in self.table.columns if name != "geometry"]

    @property
    def geometry_type(self) -> str:
        """The simple-feature type of all its shapes, Unknown for several; empty without geometry."""
        if not self.layer.geometry:
            return ""
        kinds = set(self.table.geom_type.dropna())
        return kinds.pop() if len(kinds) == 1 else "Unknown"


@dataclass(frozen=True)
class Package:
    """All that goes into one file."""

    layers: tuple[Exported, ...]
    views: tuple[Exported, ...]
    epsg: int

    @property
    def all(self) -> tuple[Exported, ...]:
        """Layers and views."""
        return self.layers + self.views

    def named(self, layer: str) -> Exported | None:
        """The layer by its name in resources/layers.csv; None when it has no rows."""
        return next((one for one in self.layers if one.layer.name == layer), None)


def exported_layers(tables: Mapping[str, pd.DataFrame], epsg: int, own_epsg: int) -> Package:
    """Tables as layers of a package, in the coordinate system asked for; one without rows is left out."""
    filled = [(layers()[name], table) for name, table in tables.items() if len(table)]
    made = [
        Exported(layer.export_name, layer.title, label("group", layer.group), layer, _plain(table, layer, epsg))
        for layer, table in filled
    ]
    by_name = {one.layer.name: one for one in made}
    views = []
    for row in csv.DictReader(resource_text("qgis", "views.csv").splitlines()):
        whole = by_name.get(row["layer"])
        if whole is None:
            continue
        kinds, actions = row["kind"].split("|"), row["action"].split("|")
        part = whole.table[whole.table["kind"].isin(kinds) & whole.table["action"].isin(actions)]
        if len(part):
            where = f"kind IN ({_words(kinds)}) AND action IN ({_words(actions)})"
            title = by_language(row["title_vi"], row["title_en"])
            views.append(Exported(row["view"], title, whole.group, whole.layer, part, where))
    return Package(tuple(made), tuple(views), epsg if any(one.layer.geometry for one in made) else own_epsg)


def write_tables(package: Package, path: Path) -> None:
    """Write every layer with its spatial index, then the views on them."""
    for one in package.layers:
        pyogrio.write_dataframe(
            one.table,
            path,
            layer=one.name,
            driver="GPKG",
            append=path.exists(),
            geometry_type=one.geometry_type or None,
            dataset_options={} if path.exists() else {"VERSION": GPKG_VERSION},
            layer_options={"IDENTIFIER": one.title, "DESCRIPTION": one.group},
        )
    with closing(sqlite3.connect(path)) as base, base:
        for view in package.views:
            _write_view(base, view)


def _plain(table: pd.DataFrame, layer: Layer, epsg: int) -> pd.DataFrame:
    # A column of the user's own may be personal, or bear a name GDAL keeps for itself (fid, geom).
    defined = [column.name for column in layer.columns if column.name in table]
    plain = table[[*defined, "geometry"] if layer.geometry else defined].copy()
    if layer.name == "proposals":
        plain["decision"] = plain["decision"].astype("object").fillna(UNDECIDED)
    for column in plain.columns[plain.dtypes.map(lambda dtype: dtype.kind == "M")]:
        plain[column] = plain[column].dt.strftime("%Y-%m-%d")
    if not layer.geometry:
        return plain
    shapes = gpd.GeoDataFrame(plain)
    kinds = set(shapes.geom_type.dropna())
    if len(kinds) == 2 and len({kind.removeprefix("Multi") for kind in kinds}) == 1:
        # One kind of shape and its plural: as one type, which every program can style.
        shapes = shapes.set_geometry(_plural(shapes.geometry))
    placed: pd.DataFrame = shapes if shapes.crs is None or shapes.crs.to_epsg() == epsg else shapes.to_crs(epsg)
    return placed


def _plural(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    many: dict[str, Callable[[list[shapely.Geometry]], object]] = {
        "Point": shapely.multipoints,
        "LineString": shapely.multilinestrings,
        "Polygon": shapely.multipolygons,
    }
    made = [many[one.geom_type]([one]) if one is not None and one.geom_type in many else one for one in shapes]
    return gpd.GeoSeries(made, index=shapes.index, crs=shapes.crs)


def _write_view(base: sqlite3.Connection, view: Exported) -> None:
    """A part of a layer's table under its own name; what a planner decides there goes into the table."""
    whole, title = view.layer.export_name, view.title
    columns = ", ".join(f'"{name}"' for name in view.columns)
    base.execute(
        f'CREATE VIEW "{view.name}" AS SELECT "{FILE_ID}" AS {VIEW_ID}, "{GEOMETRY}", {columns} '  # noqa: S608
        f'FROM "{whole}" WHERE {view.where}'
    )
    decided = [name for name in DECISION if name in view.columns]
    if decided:
        changed = ", ".join(f'"{name}" = NEW."{name}"' for name in decided)
        base.execute(
            f'CREATE TRIGGER "{view.name}_update" INSTEAD OF UPDATE ON "{view.name}" BEGIN '  # noqa: S608
            f'UPDATE "{whole}" SET {changed} WHERE "{FILE_ID}" = OLD.{VIEW_ID}; END'
        )
    west, south, east, north = view.table.total_bounds
    base.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, min_x, min_y, max_x, "
        "max_y, srs_id) SELECT ?, data_type, ?, ?, ?, ?, ?, ?, ?, srs_id FROM gpkg_contents WHERE table_name = ?",
        (view.name, title, view.group, FILE_DATE, west, south, east, north, whole),
    )
    base.execute(
        "INSERT INTO gpkg_geometry_columns SELECT ?, column_name, geometry_type_name, srs_id, z, m "
        "FROM gpkg_geometry_columns WHERE table_name = ?",
        (view.name, whole),
    )


def _words(words: list[str]) -> str:
    return ", ".join(f"'{one}'" for one in words)
