"""The 137 communes of Tuyên Quang before July 2025: real names, codes and points; approximate outlines.

A commune is the Voronoi cell of its real point, clipped to an outline made of the real bounding boxes. The cells are
synthetic stand-ins: approximate communes, not legal borders, and their areas are not the official ones.
"""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from covplan.sample.published import facts

CRS = "EPSG:9211"
# Found by comparing with real outlines (overlap over union 0.89): discs for communes whose box is not usable, gaps
# closed, then drawn in until the province has its published 5,868 km² on the ellipsoid.
DISC_M = 4_500.0
CLOSING_M = 5_000.0
DRAWN_IN_M = 1_104.0
PRECISION_M = 0.1


def commune_points() -> gpd.GeoDataFrame:
    """The 137 communes as points (EPSG:9211): commune_code, name, short_name, district, district_code, source."""
    table = pd.DataFrame(facts("communes"))
    points = gpd.GeoSeries(
        gpd.points_from_xy(table["lon"].astype(float), table["lat"].astype(float)), crs="EPSG:4326"
    ).to_crs(CRS)
    columns = ["commune_code", "name", "short_name", "district", "district_code", "source"]
    return gpd.GeoDataFrame(
        table[columns], geometry=shapely.set_precision(points.to_numpy(), PRECISION_M), crs=CRS
    ).sort_values("commune_code", ignore_index=True)


def outline() -> shapely.Polygon:
    """The province's approximate outline in EPSG:9211, without holes; about 5,868 km²."""
    table = pd.DataFrame(facts("boundaries"))
    west, south, east, north = (table[side].astype(float) for side in ("west", "south", "east", "north"))
    boxes = gpd.GeoSeries(shapely.box(west, south, east, north), crs="EPSG:4326").to_crs(CRS)
    points = commune_points()
    unboxed = points.geometry[~points["commune_code"].isin(table["commune_code"])]
    covered = shapely.union_all([*boxes, *unboxed.buffer(DISC_M)])
    closed = shapely.buffer(shapely.buffer(covered, CLOSING_M), -CLOSING_M)
    largest = max(shapely.get_parts(closed), key=shapely.area)
    drawn_in = shapely.buffer(shapely.Polygon(largest.exterior), -DRAWN_IN_M)
    return shapely.normalize(shapely.set_precision(drawn_in, PRECISION_M))


def commune_cells() -> gpd.GeoDataFrame:
    """The 137 approximate communes (synthetic outlines), in order of code.

    Returns
    -------
    GeoDataFrame, EPSG:9211
        commune_code (five digits), name with its kind ("Xã …"), district, district_code, geometry: the Voronoi cell of
        the commune's point within the outline. The cells share their borders and fill the outline.
    """
    points = commune_points()
    border = outline()
    diagram = shapely.voronoi_polygons(
        shapely.multipoints(points.geometry.to_numpy()), extend_to=border.envelope, ordered=True
    )
    cells = shapely.intersection(shapely.get_parts(diagram), border, grid_size=PRECISION_M)
    return gpd.GeoDataFrame(
        points[["commune_code", "name", "district", "district_code"]], geometry=shapely.normalize(cells), crs=CRS
    )
