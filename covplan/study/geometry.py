"""Geometry of a layer: read, brought to the study's CRS, made valid, held against the province's border.

A file in the wrong coordinate system is named, never moved: the layer's own coordinates are tried in the systems in use
in Vietnam, and the one that puts them inside the province is told to the planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError

from covplan.study.codes import WGS84
from covplan.study.columns import LATITUDE_DEG, LONGITUDE_DEG
from covplan.study.findings import fatal, finding
from covplan.study.language import _, in_both

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from shapely.geometry.base import BaseGeometry

    from covplan.study.columns import Sieve
    from covplan.study.findings import Finding
    from covplan.study.layers import Layer

ELLIPSOID = Geod(ellps="WGS84")
# VN-2000 / TM-3 and UTM zones, WGS 84 and its UTM zones: what a Vietnamese file can be in. PROJ's own definitions.
CANDIDATE_EPSG = (*range(9205, 9219), 5896, 5897, 5898, 5899, 3405, 3406, 4756, WGS84, 32648, 32649, 3857)
MOST_DEGREES = 360.0
BEYOND_EARTH = 1e9  # metres or degrees: more than any projection gives
PLANE_ABOVE = 1000.0  # a degree column with larger values holds metres
WRONG_SHARE = 0.5  # from this share of plane coordinates on, a table as a whole is suspected
RIGHT_SHARE = 0.9  # a layer with less than this share inside is suspected, a system that puts more inside is named


def length_m(geometry: gpd.GeoSeries) -> pd.Series:
    """Length on the WGS 84 ellipsoid, metres, of lines in any CRS; same index."""
    length: pd.Series = geometry.to_crs(WGS84).map(ELLIPSOID.geometry_length)
    return length


def with_lengths(routes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Routes whose `length_m` is empty get the length of their line."""
    without = routes["length_m"].isna()
    return routes.assign(length_m=routes["length_m"].where(~without, length_m(routes.geometry[without]).round(1)))


def area_km2(geometry: gpd.GeoSeries) -> pd.Series:
    """Area on the WGS 84 ellipsoid, km², of polygons in any CRS; same index."""
    turned = geometry.to_crs(WGS84).orient_polygons()  # holes against their outline, or pyproj would add them
    area: pd.Series = turned.map(lambda shape: ELLIPSOID.geometry_area_perimeter(shape)[0] / 1e6)
    return area


def distance_m(lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike) -> NDArray[np.float64]:
    """Geodesic distance between points pairwise, metres (Karney 2013, through PROJ)."""
    return np.asarray(ELLIPSOID.inv(lon, lat, other_lon, other_lat)[2])


def points_from_columns(sieve: Sieve, table: pd.DataFrame, epsg: int) -> gpd.GeoDataFrame:
    """Rows with lon and lat (WGS 84) as points in the study's CRS; rounded coordinates are logged."""
    placed = table[table["lon"].notna() & table["lat"].notna()]
    for index, lon, lat in zip(placed.index, placed["lon"], placed["lat"], strict=True):
        decimals = max(_decimals(lon), _decimals(lat))
        if decimals <= 3:
            metres = round(111_000 / 10**decimals)
            value = f"{lon:g}, {lat:g}"
            sieve.note(
                "rounded_coordinates", index, column="lon, lat", value=value, decimals=decimals, precision_m=metres
            )
    points = gpd.points_from_xy(table["lon"], table["lat"], crs=WGS84)
    return gpd.GeoDataFrame(table, geometry=points).to_crs(epsg)


def shapes_of_file(sieve: Sieve, table: pd.DataFrame, epsg: int) -> gpd.GeoDataFrame:
    """The layer's own geometry in the study's CRS: empty and foreign kinds set aside, invalid ones repaired."""
    raw = gpd.GeoSeries(sieve.raw.geometry, index=sieve.raw.index).mask(_nowhere(sieve.raw.geometry))
    empty = raw.isna()
    for index in raw.index[empty]:
        sieve.note("empty_geometry", index, column="geometry")
    kinds = raw.geom_type
    for index in raw.index[~empty & ~kinds.isin(sieve.layer.geometry)]:
        sieve.note(
            "wrong_geometry", index, column="geometry", found=kinds[index], wanted=" / ".join(sieve.layer.geometry)
        )
    shapes = raw.copy()
    for index in raw.index[~empty & ~raw.is_valid]:
        reason = shapely.is_valid_reason(raw[index])
        mended = _of_kind(shapely.make_valid(raw[index]), sieve.layer.geometry)
        if mended is None:
            sieve.note("empty_geometry", index, column="geometry", value=reason)
            continue
        shapes[index] = mended
        sieve.note("invalid_geometry", index, column="geometry", reason=reason)
    frame = gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, index=table.index, crs=raw.crs))
    _metres_called_degrees(sieve, raw)
    return frame if raw.crs.to_epsg() == epsg else frame.to_crs(epsg)


def _metres_called_degrees(sieve: Sieve, shapes: gpd.GeoSeries) -> None:
    """Stop a layer whose coordinates are no degrees though its system is one of degrees."""
    if not shapes.crs.is_geographic or shapes.isna().all():
        return
    bounds = shapes.bounds.dropna()
    plane = (bounds.abs() > MOST_DEGREES).any(axis=1)
    if plane.sum() > WRONG_SHARE * len(plane):
        share, x = f"{int(plane.sum())}/{len(plane)}", f"{bounds['minx'][plane].iloc[0]:.0f}"
        sieve.note("metres_as_degrees", column="geometry", value=x, share=share, declared=_crs_name(shapes.crs))


def check_window(sieve: Sieve, communes: gpd.GeoDataFrame) -> None:
    """Stop communes that do not lie in Vietnam: they are the border everything else is held against."""
    shapes = sieve.kept(communes).geometry.dropna()
    if shapes.empty or fatal(sieve.findings):
        return
    west, south, east, north = at = shapes.to_crs(WGS84).total_bounds
    (least_lon, most_lon), (least_lat, most_lat) = LONGITUDE_DEG, LATITUDE_DEG
    if not (least_lon <= west <= east <= most_lon and least_lat <= south <= north <= most_lat):
        declared = _crs_name(cast("gpd.GeoDataFrame", sieve.raw).crs)
        place = f"{west:.2f}…{east:.2f}, {south:.2f}…{north:.2f}" if np.isfinite(at).all() else "?"
        sieve.note("outside_vietnam", column="geometry", value=place, declared=declared)


def _nowhere(shapes: gpd.GeoSeries) -> NDArray[np.bool_]:
    """Which shapes are empty, or have a coordinate that is no number or one of no place on Earth."""
    xy, row = shapely.get_coordinates(shapes.to_numpy(), return_index=True)
    found: NDArray[np.bool_] = shapely.is_empty(shapes.to_numpy())
    found[row[~(np.abs(xy) < BEYOND_EARTH).all(axis=1)]] = True
    return found


def held_in_province(
    sieve: Sieve, frame: gpd.GeoDataFrame, province: shapely.Geometry, border_m: float
) -> gpd.GeoDataFrame:
    """Log what lies outside the province (study CRS) by more than `border_m`, after trying the known mix-ups.

    A layer of which most lies outside is stopped as a whole (`wrong_meridian`); a single feature with its axes swapped
    is repaired, any other is set aside.
    """
    candidates = frame.loc[~frame.index.isin(list(sieve.reasons)) & frame.geometry.notna()]
    if candidates.empty:
        return frame
    shapely.prepare(province)
    elsewhere = candidates.geometry[~shapely.intersects(province, candidates.geometry.to_numpy())]
    outside_m = elsewhere.distance(province)
    outside = outside_m[~(outside_m <= border_m)]  # not ≤: an infinite coordinate has a NaN distance
    if outside.empty:
        return frame
    mended = _axes_swapped_back(sieve, outside.index, frame.crs, province, border_m)
    if len(mended):
        frame = frame.copy()
        for index, shape in mended.items():
            sieve.note("swapped_coordinates", index, column="geometry", value=sieve.raw["geometry"].loc[index].wkt)
            frame.at[index, "geometry"] = shape
    rest = outside.index.difference(mended.index)
    if len(rest) > (1 - RIGHT_SHARE) * len(candidates) and not sieve.layer.is_table:
        guess = guess_crs(sieve.raw.loc[candidates.index].geometry.centroid, frame.crs, province, border_m)
        if guess:
            share = f"{len(rest)}/{len(candidates)}"
            declared = _crs_name(cast("gpd.GeoDataFrame", sieve.raw).crs)
            sieve.note("wrong_meridian", share=share, declared=declared, guess=guess)
            return frame
    for index in rest:
        distance = outside[index] / 1000
        shown = f"{distance:.1f}" if np.isfinite(distance) else "?"
        sieve.note("outside_province", index, column="geometry", value=_where(frame, index), distance_km=shown)
    return frame


def metres_in_degree_columns(sieve: Sieve, study_crs: CRS, province: shapely.Geometry, border_m: float) -> None:
    """Stop a CSV layer whose lon and lat columns hold plane coordinates, and name the system they are in."""
    columns = [pd.to_numeric(sieve.raw[name], errors="coerce") for name in ("lon", "lat") if name in sieve.raw]
    if len(columns) < 2:
        return
    plane = (columns[0] > PLANE_ABOVE) & (columns[1] > PLANE_ABOVE)
    if plane.sum() <= WRONG_SHARE * len(plane):  # an empty file has none
        return
    points = shapely.points(columns[0][plane], columns[1][plane])
    guess = guess_crs(gpd.GeoSeries(points), study_crs, province, border_m)
    turned = guess_crs(
        gpd.GeoSeries(shapely.points(columns[1][plane], columns[0][plane])), study_crs, province, border_m
    )
    named = in_both(lambda: guess or (_turned(turned) if turned else "?"))
    share = f"{int(plane.sum())}/{len(plane)}"
    sieve.note(
        "plane_coordinates", column="lon, lat", value=f"{columns[0][plane].iloc[0]:.0f}", share=share, guess=named
    )


def _turned(crs: str) -> str:
    return _("{crs} with X = northing, Y = easting").format(crs=crs)


def guess_crs(points: gpd.GeoSeries, study_crs: CRS, province: shapely.Geometry, border_m: float) -> str | None:
    """Names of the systems that put most raw coordinates, at least 90 %, inside the province; None when none does.

    Systems a few hundred metres apart (TM-3 105-00 and UTM 48N) cannot be told apart by this: all are named.
    """
    x, y = points.x.to_numpy(), points.y.to_numpy()
    shares: dict[int, float] = {}
    for epsg in CANDIDATE_EPSG:
        east, north = Transformer.from_crs(epsg, study_crs, always_xy=True).transform(x, y)
        finite = np.isfinite(east) & np.isfinite(north)
        inside = np.zeros(len(x), dtype=bool)
        inside[finite] = shapely.dwithin(shapely.points(east[finite], north[finite]), province, border_m)
        shares[epsg] = float(inside.mean())
    best = max(shares.values())
    named = [_crs_name(CRS.from_epsg(epsg)) for epsg, share in shares.items() if share == best >= RIGHT_SHARE]
    return " / ".join(named) or None


def check_crs(layer: Layer, crs: CRS | None) -> Finding | None:
    """A finding when the layer declares no coordinate system, or one that nothing can be converted from."""
    if crs is None:
        return finding("no_crs", layer.file, layer=layer.name)
    try:
        Transformer.from_crs(crs, WGS84, always_xy=True)
    except ProjError:
        return finding("unusable_crs", layer.file, layer=layer.name, declared=crs.name or "?")
    return None


def _axes_swapped_back(
    sieve: Sieve, rows: pd.Index, crs: CRS, province: shapely.Geometry, border_m: float
) -> gpd.GeoSeries:
    """Of the rows' raw shapes with x and y exchanged: those that then lie inside, in the study's CRS."""
    if sieve.layer.is_table:  # its lon and lat were looked at as numbers already
        return gpd.GeoSeries([], crs=crs)
    raw = sieve.raw.loc[rows].geometry
    turned = gpd.GeoSeries(shapely.transform(raw.to_numpy(), lambda xy: xy[:, ::-1]), index=rows, crs=raw.crs).to_crs(
        crs
    )
    return turned[turned.distance(province) <= border_m]


def _of_kind(shape: BaseGeometry, wanted: tuple[str, ...]) -> BaseGeometry | None:
    """The part of a repaired shape that is of the layer's kind; a bow tie may leave lines beside its areas."""
    if shape.geom_type in wanted:
        return shape
    parts = [
        part for part in shapely.get_parts(shape) if part.geom_type in wanted or f"Multi{part.geom_type}" in wanted
    ]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _decimals(value: float) -> int:
    return len(np.format_float_positional(value, trim="-").partition(".")[2])


def _crs_name(crs: CRS) -> str:
    crs = CRS.from_user_input(crs)
    return f"EPSG:{crs.to_epsg()} ({crs.name})"


def _where(frame: gpd.GeoDataFrame, index: object) -> str:
    point = frame.geometry[index].centroid
    if point.is_empty:  # beyond what the study's projection can hold
        return ""
    return f"x={point.x:.0f} y={point.y:.0f}"
