"""Shapes as the map draws them: simplified, in degrees, neighbours still sharing their borders."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from covplan.publish.map_texts import safe_text

AREA_TOLERANCE_M = 60.0
GAP_M = 200.0  # between communes that should share a border
LINE_TOLERANCE_M = 20.0
DECIMALS = 5  # of a degree: about a metre


def with_symbol(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Each area together with a point in it, which is seen when the area is too small to be."""
    shapes = [
        shape if shape.geom_type == "Point" else shapely.GeometryCollection([shape, shape.representative_point()])
        for shape in places.geometry
    ]
    return places.set_geometry(gpd.GeoSeries(shapes, index=places.index, crs=places.crs))


def by_class(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One multi-line per class; each road is simplified by itself before, so that crossings stay joined."""
    lines = gpd.GeoSeries(shapely.simplify(roads.geometry.to_numpy(), LINE_TOLERANCE_M), crs=roads.crs)
    grouped = lines.groupby(roads["class"].to_numpy()).agg(lambda group: shapely.union_all(group.to_numpy()))
    return gpd.GeoDataFrame({"class": grouped.index}, geometry=list(grouped), crs=roads.crs)


def borders(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Borders of communes, districts (where there are) and the province, one multi-line each."""
    shapes = communes.set_geometry(_coverage(communes.geometry))
    districts = shapes.dropna(subset="district").dissolve("district")
    rows = {
        "commune": shapes.geometry,
        "district": districts.geometry.map(_without_slivers),
        "province": gpd.GeoSeries([_without_slivers(shapes.geometry.union_all())]),
    }
    lines = {border: shapely.union_all(series.boundary.to_numpy()) for border, series in rows.items() if len(series)}
    return gpd.GeoDataFrame({"border": list(lines)}, geometry=list(lines.values()), crs=communes.crs)


def _without_slivers(area: shapely.Geometry) -> shapely.Geometry:
    """Closes the narrow gaps that real files leave between neighbours: they are no border of the whole."""
    closed = shapely.buffer(shapely.buffer(area, GAP_M, join_style="mitre"), -GAP_M, join_style="mitre")
    return shapely.MultiPolygon([shapely.Polygon(part.exterior) for part in shapely.get_parts(closed)])


def names(communes: gpd.GeoDataFrame) -> list[list[Any]]:
    """Names of districts and communes: latitude, longitude, text, rank."""
    districts = communes.dropna(subset="district").dissolve("district").reset_index()
    ranks = (("district", districts, districts["district"]), ("commune", communes, communes["name"]))
    return [
        [round(point.y, DECIMALS), round(point.x, DECIMALS), safe_text(str(text)), rank]
        for rank, table, texts in ranks
        for point, text in zip(table.geometry.representative_point().to_crs(4326), texts, strict=True)
    ]


def drawable(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Simplified, in WGS 84, rounded."""
    kinds = shapes.geom_type
    areas, lines = kinds.isin(["Polygon", "MultiPolygon"]), kinds.isin(["LineString", "MultiLineString"])
    simple = shapes.copy()
    if areas.any():
        simple[areas] = _coverage(shapes[areas])
    if lines.any():
        simple[lines] = shapes[lines].simplify(LINE_TOLERANCE_M)
    return lonlat(simple)


def _coverage(areas: gpd.GeoSeries) -> gpd.GeoSeries:
    """Areas simplified so that neighbours keep their common border."""
    simple = shapely.coverage_simplify(areas.to_numpy(), AREA_TOLERANCE_M)
    return gpd.GeoSeries(simple, index=areas.index, crs=areas.crs)


def lonlat(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Shapes in WGS 84, rounded."""
    turned = shapes.to_crs(4326)
    rounded = shapely.transform(turned.to_numpy(), lambda degrees: np.round(degrees, DECIMALS))
    return gpd.GeoSeries(rounded, index=shapes.index, crs=4326)
