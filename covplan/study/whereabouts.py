"""Whether things can be where they are said to be: houses beside roads, centres among their people, people in valleys.

A layer in degrees of another datum lies some 200 m away; a raster with its rows in the wrong order, in feet or with
zeros for voids is read without a word. Each is told by what it does to the rest of the study. Findings only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from rasterio.enums import Resampling
from rasterio.features import geometry_mask

from covplan.study.codes import WGS84
from covplan.study.findings import Finding, finding
from covplan.study.grid import Grid
from covplan.study.language import N_, _, in_both
from covplan.study.layers import input_layers
from covplan.study.rasters import COARSE_M, RASTER_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from covplan.study.settings import Settings

    Floats = NDArray[np.float64]

ENOUGH = 20  # objects from which on a layer as a whole can be judged
ENOUGH_PLACES = 100  # hamlets, clusters and roads: how they lie in the terrain is a matter of the mean
LOOKED_AT = 400  # clusters held against the roads
SHIFTS_M = (100.0, 200.0, 300.0)
BESIDE_ROAD_M = 300.0  # a house farther from any road says nothing
CLOSER, CLOSER_M = 0.72, 20.0  # the shift that is told brings houses so much nearer to roads
CENTRE_OFF_M, CENTRE_OFF_ERRORS = 80.0, 6.0  # mean way from hamlets' centres to their people; also in standard errors
VALLEY_CELLS = 17  # of 250 m: a valley and its ridges
LEAST_RELIEF_M = 50.0
LOW_LYING = (
    0.72  # height of people and roads in their surroundings over the ground's: 0.51 in the sample, 0.53 in truth
)
BETTER = 0.8  # another way of laying the raster is named when people lie lower by it in this proportion
STEEP_ROADS, VERY_STEEP_ROADS = 0.08, 0.25  # median grade: 0.03 in the sample, 0.01 on the real roads
STRETCH_M, STRETCHES = 500.0, 2000
ZERO_SHARE, LOW_GROUND_M = 0.001, 5.0
LAYINGS: dict[str, Callable[[Floats], Floats]] = {
    N_("upside down (north and south exchanged)"): lambda z: z[::-1],
    N_("mirrored (west and east exchanged)"): lambda z: z[:, ::-1],
    N_("turned by half a circle"): lambda z: z[::-1, ::-1],
    N_("depths for heights"): lambda z: -z,
}
WINDS = (N_("east"), N_("north-east"), N_("north"), N_("north-west"),
         N_("west"), N_("south-west"), N_("south"), N_("south-east"))  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a study knows, to be held against itself: of `Study`, the fields of the same names."""

    settings: Settings
    villages: gpd.GeoDataFrame
    dwellings: gpd.GeoDataFrame
    stations: gpd.GeoDataFrame
    cells: pd.DataFrame
    routes: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    statistics: pd.DataFrame
    outline: BaseGeometry
    rasters: dict[str, Path | None]
    findings: Sequence[Finding]


def check_whereabouts(study: Known) -> list[Finding]:
    """Findings on layers that are shifted, and on terrain that does not fit those who live on it."""
    return [*_shifts(study), *_terrain(study)]


def _shifts(study: Known) -> Iterator[Finding]:
    """Houses beside no road, and hamlets' centres beside their houses, all by the same way."""
    dwellings = study.dwellings
    if len(np.unique(_middles(dwellings), axis=0)) < ENOUGH:
        return
    if len(study.roads):
        shift = _nearer_to_roads(_middles(dwellings), study.roads)
        if shift is not None:
            yield _shifted("dwellings", shift, lambda: _("roads"))
    hamlets = study.villages[study.villages["centre_lon"].notna()].set_index("village_id")
    if len(hamlets) < ENOUGH:
        return
    centres = gpd.GeoSeries.from_xy(hamlets["centre_lon"], hamlets["centre_lat"], crs=WGS84).to_crs(dwellings.crs)
    x, y = _middles(dwellings).T
    people = dwellings[["village_id"]].assign(x=x, y=y).groupby("village_id").mean().reindex(hamlets.index)
    away = people.to_numpy(float) - np.column_stack([centres.x, centres.y])
    away = away[np.isfinite(away).all(axis=1)]
    if len(away) < ENOUGH:
        return
    mean, error_m = away.mean(axis=0), away.std(axis=0).max() / np.sqrt(len(away))
    if np.hypot(*mean) > max(CENTRE_OFF_M, CENTRE_OFF_ERRORS * error_m):
        yield _shifted("villages", mean, lambda: _("their dwelling clusters"))


def _nearer_to_roads(points: Floats, roads: gpd.GeoDataFrame) -> Floats | None:
    """The way, metres east and north, by which points come nearest to roads; None where they lie well as they are."""
    points = points[np.random.default_rng(1).permutation(len(points))[:LOOKED_AT]]
    tree = shapely.STRtree(roads.geometry.to_numpy())

    def away_m(way: Floats) -> float:
        found = tree.query_nearest(shapely.points(points + way), return_distance=True, all_matches=False)[1]
        return float(np.minimum(found, BESIDE_ROAD_M).mean())

    turns = np.radians(np.arange(0, 360, 45))
    ways = [length_m * np.array([np.cos(turn), np.sin(turn)]) for length_m in SHIFTS_M for turn in turns]
    as_is_m = away_m(np.zeros(2))
    found_m = [away_m(way) for way in ways]
    least = int(np.argmin(found_m))
    return ways[least] if found_m[least] < min(CLOSER * as_is_m, as_is_m - CLOSER_M) else None


def _shifted(layer: str, way: Floats, beside: Callable[[], str]) -> Finding:
    length_m, turn = float(np.hypot(*way)), float(np.degrees(np.arctan2(way[1], way[0]))) % 360
    wind = WINDS[round(turn / 45) % 8]
    place = input_layers()[layer]
    column = "geometry" if layer == "dwellings" else "centre_lon, centre_lat"
    return finding("shifted_layer", place.file, layer=layer, column=column, value=f"{length_m:.0f} m",
                   distance_m=f"{length_m:.0f}", wind=in_both(lambda: _(wind)), beside=in_both(beside))  # fmt: skip


def _terrain(study: Known) -> Iterator[Finding]:
    path, file = study.rasters["elevation"], RASTER_FILES["elevation"]
    if path is None:
        return
    grid = Grid.from_bounds(study.outline.bounds, COARSE_M, study.settings.province.epsg)
    heights = grid.read(path, resampling=Resampling.nearest).astype(float)
    inside = geometry_mask([study.outline], grid.shape, grid.transform, invert=True) & np.isfinite(heights)
    if not inside.any():
        return
    zero = heights[inside] == 0
    others = heights[inside][~zero]
    if others.size and zero.mean() > ZERO_SHARE and np.percentile(others, 5) > LOW_GROUND_M:
        share = f"{zero.mean():.1%}"
        yield finding("zero_elevation", file, value=share, share=share)
    places = np.vstack([_middles(table) for table in (study.villages, study.dwellings, study.roads)])
    here = _rows_columns(grid, places)
    if len(here) >= ENOUGH_PLACES:
        lying = _lying(heights, inside, here)
        if lying > LOW_LYING:
            tried = {name: _lying(lay(heights), lay(inside.astype(float)) != 0, here) for name, lay in LAYINGS.items()}
            best = min(tried, key=lambda name: tried[name])
            cause = best if tried[best] < min(BETTER * lying, LOW_LYING) else ""
            told = in_both(lambda: _(cause) if cause else _("of another place, or shifted"))
            yield finding("people_on_heights", file, value=f"{lying:.2f}", cause=told)
    grade = _road_grade(study)
    if grade > STEEP_ROADS:
        very = grade > VERY_STEEP_ROADS
        told = in_both(lambda: _("decimetres") if very else _("feet"))
        yield finding("steep_roads", file, value=f"{grade:.0%}", grade=f"{grade:.0%}", cause=told)


def _lying(heights: Floats, inside: NDArray[np.bool_], here: NDArray[np.intp]) -> float:
    """How high places lie between the lowest and the highest ground around them, over how high ground does on the mean.

    NaN where the ground is flat.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    known = np.where(np.isfinite(heights), heights, np.nanmean(heights))
    low, high = minimum_filter(known, VALLEY_CELLS), maximum_filter(known, VALLEY_CELLS)
    hilly = inside & (high - low > LEAST_RELIEF_M)
    if hilly[here[:, 0], here[:, 1]].sum() < ENOUGH:
        return float("nan")
    part = np.divide(known - low, high - low, out=np.full(known.shape, np.nan), where=hilly)
    return float(np.nanmean(part[here[:, 0], here[:, 1]]) / np.nanmean(part[hilly]))


def _road_grade(study: Known) -> float:
    """Median rise over run of roads over half a kilometre; NaN where few are that long."""
    path = study.rasters["elevation"]
    parts = shapely.get_parts(study.roads.geometry.to_numpy()) if len(study.roads) else np.array([])
    lines = parts[shapely.length(parts) >= STRETCH_M][:STRETCHES] if len(parts) else parts
    if path is None or len(lines) < ENOUGH:
        return float("nan")
    grid = Grid.from_bounds(study.outline.bounds, STRETCH_M / 5, study.settings.province.epsg)
    heights = grid.read(path)
    ends = [
        _heights_at(grid, heights, shapely.get_coordinates(shapely.line_interpolate_point(lines, along)))
        for along in (0.0, STRETCH_M)
    ]
    rise = np.abs(ends[0] - ends[1])
    return float(np.nanmedian(rise) / STRETCH_M) if np.isfinite(rise).sum() >= ENOUGH else float("nan")


def _heights_at(grid: Grid, heights: NDArray[np.float32], points: Floats) -> Floats:
    row, column = grid.rowcol(points[:, 0], points[:, 1])
    there = grid.contains(points[:, 0], points[:, 1])
    found = np.full(len(points), np.nan)
    found[there] = heights[row[there], column[there]]
    return found


def _rows_columns(grid: Grid, points: Floats) -> NDArray[np.intp]:
    """Cells of the points inside the grid; shape (points, 2)."""
    there = points[grid.contains(points[:, 0], points[:, 1])]
    return np.column_stack(grid.rowcol(there[:, 0], there[:, 1])).astype(np.intp)


def _middles(table: gpd.GeoDataFrame) -> Floats:
    """Middles of shapes as x and y; shape (rows, 2)."""
    middles: Floats = shapely.get_coordinates(shapely.centroid(table.geometry.to_numpy()))
    return middles
