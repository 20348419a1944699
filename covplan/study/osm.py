"""OpenStreetMap as a study's layers: roads, settlements, places; from an extract, GraphML of osmnx, or the internet.

Which tags are which kind of place is data: resources/osm_places.csv. GDAL reads extracts, .osm and .osm.pbf.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from covplan.study.codes import WGS84
from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.lookalike import OSM_HAMLETS
from covplan.study.resources import resource_text
from covplan.study.settled import settled

if TYPE_CHECKING:
    from pathlib import Path

    Bounds = tuple[float, float, float, float]

EXTRACTS = (".osm", ".pbf", ".graphml")
CLASSES = (
    "motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "service", "track", "path",
)  # fmt: skip
OSM_CLASSES = {
    "motorway_link": "motorway", "trunk_link": "trunk", "primary_link": "primary", "secondary_link": "secondary",
    "tertiary_link": "tertiary", "living_street": "residential", "road": "unclassified", "pedestrian": "residential",
    "footway": "path", "bridleway": "path", "steps": "path", "cycleway": "path",
}  # fmt: skip
SETTLEMENTS = (*OSM_HAMLETS, "suburb", "quarter")
"""Values of place that stand for a hamlet where there is no official list."""
_OTHER_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
"""A tag that has no column of its own, as GDAL writes it (hstore)."""


def read_osm(path: Path, epsg: int, bounds: tuple[float, float, float, float] | None = None) -> gpd.GeoDataFrame:
    """Roads of an .osm, .osm.pbf, .gpkg or .graphml file, as the layer `roads` describes them.

    Parameters
    ----------
    path : Path
        OpenStreetMap as XML or protobuf (read by GDAL), or GraphML written by osmnx.
    epsg : int
        The study's metric CRS.
    bounds : tuple, optional
        West, south, east, north in that CRS: roads elsewhere are left out.
    """
    if not path.is_file():
        raise LayerError(
            _("{path}: no such file. Put the OpenStreetMap extract there, or leave the option out.").format(path=path)
        )
    frame = _read_graphml(path) if path.suffix == ".graphml" else _read_lines(path)
    frame = frame.to_crs(epsg)
    if bounds is not None:
        frame = frame[frame.intersects(shapely.box(*bounds))]
    named = frame["class"].replace(OSM_CLASSES)
    roads = frame.assign(**{"class": named})[named.isin(CLASSES)].reset_index(drop=True)
    if roads.empty:
        raise LayerError(
            _("{path}: no road in it. Is it an extract of the province with highway tags?").format(path=path)
        )
    return roads


def download_osm(bounds: tuple[float, float, float, float], epsg: int) -> gpd.GeoDataFrame:
    """Roads of OpenStreetMap from the internet through osmnx, for (west, south, east, north) in degrees.

    Only for a caller that was told it may use the network.
    """
    import osmnx  # heavy, and only ever needed here

    graph = osmnx.graph_from_bbox(bounds, network_type="all_public", simplify=True)
    edges = osmnx.graph_to_gdfs(osmnx.convert.to_undirected(graph), nodes=False).reset_index()
    return _of_edges(edges, epsg)


def _read_lines(path: Path) -> gpd.GeoDataFrame:
    try:
        with settled(path) as file:
            layers = [str(name) for name, _geometry in pyogrio.list_layers(file)]
            layer = "lines" if "lines" in layers else layers[0]
            columns = set(pyogrio.read_info(file, layer=layer)["fields"])
            tag = next((name for name in ("highway", "class", "fclass") if name in columns), None)
            where = f"{tag} IS NOT NULL" if tag == "highway" else None
            frame = pyogrio.read_dataframe(file, layer=layer, where=where, **_options(path))
    except (DataSourceError, DataLayerError, IndexError) as error:
        raise LayerError(
            _("{path}: cannot be read as OpenStreetMap data: {error}.").format(path=path, error=error)
        ) from None
    if tag is None:
        raise LayerError(_("{path}: its layer {layer!r} has no column highway.").format(path=path, layer=layer))
    poles = frame["power"].astype("boolean") if "power" in frame else False
    return gpd.GeoDataFrame(
        {"class": frame[tag].astype(str), "name": frame.get("name"), "power": poles}, geometry=frame.geometry
    )


def _options(path: Path) -> dict[str, str]:
    """Of GDAL's reader: what editors write as XML is not in the order of ids."""
    return {"USE_CUSTOM_INDEXING": "NO"} if path.suffix.lower() == ".osm" else {}


def _read_graphml(path: Path) -> gpd.GeoDataFrame:
    import osmnx  # heavy, and only ever needed here

    try:
        graph = osmnx.load_graphml(path)
    except Exception as error:  # whatever networkx or the XML parser raises
        raise LayerError(
            _("{path}: cannot be read as GraphML of osmnx: {error}.").format(path=path, error=error)
        ) from None
    edges = osmnx.graph_to_gdfs(osmnx.convert.to_undirected(graph), nodes=False).reset_index()
    return _of_edges(edges, WGS84)


def _of_edges(edges: gpd.GeoDataFrame, epsg: int) -> gpd.GeoDataFrame:
    one = edges["highway"].map(lambda value: value[0] if isinstance(value, list) else value)
    table = {"class": one.astype(str).replace(OSM_CLASSES), "name": edges.get("name"), "power": False}
    return gpd.GeoDataFrame(table, geometry=edges.geometry).to_crs(epsg)


def read_settlements(path: Path, bounds: Bounds) -> gpd.GeoDataFrame:
    """Named hamlets, villages and quarters of an extract as points, WGS 84: osm_id, name.

    Parameters
    ----------
    bounds : tuple
        West, south, east, north in degrees: what lies elsewhere is left out.
    """
    points = _tagged(path, "points", bounds, ("place",))
    found = points[points["place"].isin(SETTLEMENTS) & points["name"].notna()]
    return gpd.GeoDataFrame(found[["osm_id", "name", "geometry"]].reset_index(drop=True))


def read_places(path: Path, bounds: Bounds) -> gpd.GeoDataFrame:
    """Schools, hospitals, industrial zones, tourist sites and offices of an extract, WGS 84: osm_id, kind, name.

    An area that is mapped as a point, too, is one place: the area. `bounds` as in `read_settlements`.
    """
    keys = tuple(dict.fromkeys(tag for _kind, tag, _value, _words in _kinds()))
    areas, points = (_of_kinds(_tagged(path, layer, bounds, keys)) for layer in ("multipolygons", "points"))
    if len(areas) and len(points):
        pairs = points.sjoin(areas[["kind", "geometry"]], predicate="within", lsuffix="one", rsuffix="area")
        twice = pairs.index[pairs["kind_one"] == pairs["kind_area"]]
        points = points[~points.index.isin(twice)]
    return gpd.GeoDataFrame(pd.concat([areas, points], ignore_index=True), geometry="geometry", crs=WGS84)


@cache
def _kinds() -> tuple[tuple[str, str, str, re.Pattern[str]], ...]:
    """Kind of place, tag, value, and words one of which the name must hold; any name where there are none."""
    rows = csv.DictReader(resource_text("osm_places.csv").splitlines())
    return tuple((row["kind"], row["tag"], row["value"], re.compile(row["name"], re.IGNORECASE)) for row in rows)


def _of_kinds(features: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    names = ["" if pd.isna(name) else str(name) for name in features["name"]]
    found: list[str | None] = [None] * len(features)
    for kind, tag, value, words in _kinds():
        for n, (tagged, name) in enumerate(zip(features[tag], names, strict=True)):
            if found[n] is None and tagged == value and words.search(name):
                found[n] = kind
    kinds = pd.Series(found, index=features.index, dtype="object")
    return gpd.GeoDataFrame(features.assign(kind=kinds).loc[kinds.notna(), ["osm_id", "kind", "name", "geometry"]])


def _tagged(path: Path, layer: str, bounds: Bounds, keys: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Features of a layer of an extract with their id (n1, w1, r1), name and these tags as columns."""
    try:
        with settled(path) as file:
            frame = pyogrio.read_dataframe(file, layer=layer, bbox=bounds, **_options(path))
    except (DataSourceError, DataLayerError) as error:
        raise LayerError(
            _("{path}: cannot be read as OpenStreetMap data: {error}.").format(path=path, error=error)
        ) from None
    frame = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
    others = [dict(_OTHER_TAG.findall(text)) if isinstance(text, str) else {} for text in frame["other_tags"]]
    table = {key: frame[key] if key in frame else [tags.get(key) for tags in others] for key in (*keys, "name")}
    ids = "n" + frame["osm_id"].astype(str)
    if "osm_way_id" in frame:
        way = frame["osm_way_id"].notna()
        ids = ("w" + frame["osm_way_id"].astype(str)).where(way, "r" + frame["osm_id"].astype(str))
    return gpd.GeoDataFrame(table | {"osm_id": ids}, geometry=shapely.force_2d(frame.geometry), crs=WGS84)
