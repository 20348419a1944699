"""The study's rasters as files: readable, with a CRS, over the province, with plausible heights. Findings only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.warp import transform_bounds

from covplan.study.findings import Finding, finding
from covplan.study.grid import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

RASTER_FILES = {"elevation": "elevation.tif", "landcover": "landcover.tif", "population": "population.tif"}
COARSE_M = 250.0  # cell at which a raster's extent and voids are judged: enough for a share of the province
LOWEST_M, HIGHEST_M = -50.0, 3200.0  # Vietnam: sea level to Fansipan, 3,143 m
VOID_SHARE = 0.001  # share of void cells from which on a finding is worth a line
COVERED_SHARE = 0.99


def raster_paths(folder: Path) -> dict[str, Path | None]:
    """The study's raster files by name; None where the folder has none."""
    return {name: folder / file if (folder / file).is_file() else None for name, file in RASTER_FILES.items()}


def check_rasters(folder: Path, province: BaseGeometry, epsg: int) -> list[Finding]:
    """Findings on the raster files of a study whose province has this outline (study CRS)."""
    found: list[Finding] = []
    for name, path in raster_paths(folder).items():
        file = RASTER_FILES[name]
        if path is None:
            found.append(finding("missing_raster", file, file_name=file))
            continue
        try:
            found += _check_one(name, path, province, epsg)
        except (RasterioError, OSError, ValueError) as error:
            found.append(finding("unusable_raster", file, reason=str(error)))
    return found


def _check_one(name: str, path: Path, province: BaseGeometry, epsg: int) -> list[Finding]:
    with rasterio.open(path) as source:
        if source.crs is None:
            return [finding("no_crs", path.name)]
        box = source.bounds
        to_extent = transform_bounds(source.crs, f"EPSG:{epsg}", *box)
    grid = Grid.from_bounds(province.bounds, COARSE_M, epsg)
    inside = geometry_mask([province], grid.shape, grid.transform, invert=True)
    values = grid.read(path, resampling=Resampling.nearest)
    x, y = grid.xy(np.arange(grid.rows)[:, None], np.arange(grid.columns)[None, :])
    west, south, east, north = to_extent
    within = (x >= west) & (x <= east) & (y >= south) & (y <= north) & inside
    share_covered = within.sum() / max(inside.sum(), 1)
    found = []
    if share_covered < COVERED_SHARE:
        found.append(finding("raster_too_small", path.name, share=f"{share_covered:.0%}"))
    void = np.isnan(values) & within
    share_void = void.sum() / max(within.sum(), 1)
    if share_void > VOID_SHARE and name != "population":
        found.append(finding("raster_voids", path.name, share=f"{share_void:.1%}"))
    heights = values[within & ~void]
    if name == "elevation" and heights.size and (heights.min() < LOWEST_M or heights.max() > HIGHEST_M):
        found.append(finding("unlikely_elevation", path.name, low=f"{heights.min():.0f}", high=f"{heights.max():.0f}"))
    return found
