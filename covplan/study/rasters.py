"""The study's rasters as files: readable, with a CRS, over the province, with plausible values. Findings only.

Land-cover codes are held against the scheme they are read by; where the study does not name one, the one that fits is.
"""

from __future__ import annotations

import csv
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's own errors, of no public class
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.warp import transform_bounds

from covplan.study.findings import Finding, damaged, finding, spared
from covplan.study.grid import Grid
from covplan.study.language import _, in_both
from covplan.study.magic import is_what_it_says
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from covplan.study.settings import Settings

RASTER_FILES = {"elevation": "elevation.tif", "landcover": "landcover.tif", "population": "population.tif"}
HGT_SIDES = {2 * side * side: side for side in (1201, 3601)}
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
COARSE_M = 250.0  # cell at which a raster's extent and voids are judged: enough for a share of the province
LOWEST_M, HIGHEST_M = -50.0, 3200.0  # Vietnam: sea level to Fansipan, 3,143 m
VOID_SHARE = 0.001  # share of void cells from which on a finding is worth a line
COVERED_SHARE = 0.99
FITTING_SHARE = 0.9  # of the land-cover cells that must have codes of a scheme for it to fit
STRANGE_SHARE = 0.001  # of the land-cover cells, with codes of no scheme, from which on they are told
FILL_CODES = (0, 255)  # of land cover without a class, whatever the scheme
SHOWN_CODES = 8


def raster_paths(folder: Path) -> dict[str, Path | None]:
    """The study's raster files by name; None where the folder has none."""
    return {name: folder / file if (folder / file).is_file() else None for name, file in RASTER_FILES.items()}


def cell_size_m(path: Path, epsg: int) -> float:
    """The shorter side of a raster's cells in a metric system, metres, at the raster's middle."""
    with rasterio.open(path) as source:
        x, y = source.xy(source.height // 2, source.width // 2)
        right, up = abs(source.transform.a) / 2, abs(source.transform.e) / 2
        west, south, east, north = transform_bounds(source.crs, f"EPSG:{epsg}", x - right, y - up, x + right, y + up)
    return float(min(east - west, north - south))


def extent(path: Path, epsg: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a raster in a CRS, metres."""
    with rasterio.open(path) as source:
        west, south, east, north = transform_bounds(source.crs, f"EPSG:{epsg}", *source.bounds)
    return west, south, east, north


def hgt_side(path: Path) -> int:
    """Heights along a side of an SRTM tile (.hgt), told by its size: bare numbers of two bytes; 0 when it is none."""
    side = HGT_SIDES.get(path.stat().st_size, 0)
    if side:
        with path.open("rb") as file:
            return 0 if file.read(4) in TIFF else side
    return 0


def renamed_tile() -> str:
    """What to do with an SRTM tile that lost its name, in the language spoken."""
    told = _("It is an SRTM tile, which GDAL knows by its name: call it by its south-west corner again, then: {line}")
    return told.format(line="rio merge -f GTiff N22E105.hgt elevation.tif")


def check_rasters(folder: Path, province: BaseGeometry, epsg: int) -> list[Finding]:
    """Findings on the raster files of a study whose province has this outline (study CRS).

    Land cover or population that cannot be used is set aside; terrain stops the run.
    """
    found: list[Finding] = []
    for name, path in raster_paths(folder).items():
        file = RASTER_FILES[name]
        if path is None:
            found.append(finding("missing_raster", file, file_name=file, hint=""))
            continue
        if not is_what_it_says(path):
            hint = in_both(lambda: " " + renamed_tile()) if hgt_side(path) else ""
            problem = finding("unusable_raster", file, reason=in_both(lambda: _("it is no GeoTIFF")), hint=hint)
            found += [problem] if name == "elevation" else spared([problem])
            continue
        try:
            problems = _check_one(name, path, province, epsg)
        except (RasterioError, CPLE_BaseError, OSError, ValueError) as error:
            hint = in_both(lambda: " " + renamed_tile()) if hgt_side(path) else ""
            problems = [finding("unusable_raster", file, reason=damaged(error), hint=hint)]
        # Terrain that is there but broken stops a run: without it coverage would be taken as declared.
        found += problems if name == "elevation" else spared(problems)
    return found


def _check_one(name: str, path: Path, province: BaseGeometry, epsg: int) -> list[Finding]:
    with rasterio.open(path) as source:
        if source.crs is None:
            return [finding("no_crs", path.name)]
    grid = Grid.from_bounds(province.bounds, COARSE_M, epsg)
    inside = geometry_mask([province], grid.shape, grid.transform, invert=True)
    values = grid.read(path, resampling=Resampling.nearest)
    x, y = grid.xy(np.arange(grid.rows)[:, None], np.arange(grid.columns)[None, :])
    west, south, east, north = extent(path, epsg)
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


def with_fitting_landcover(folder: Path, province: BaseGeometry, settings: Settings) -> tuple[Settings, list[Finding]]:
    """Settings that read landcover.tif by the scheme its codes fit, unless the study names one; and what is to be said.

    A scheme that the study names is kept, with a warning where the codes are another's.
    """
    path, propagation = raster_paths(folder)["landcover"], settings.propagation
    if path is None:
        return settings, []
    grid = Grid.from_bounds(province.bounds, COARSE_M, settings.province.epsg)
    codes = grid.read(path, resampling=Resampling.nearest)
    codes = codes[geometry_mask([province], grid.shape, grid.transform, invert=True) & ~np.isnan(codes)]
    codes = codes[~np.isin(codes, FILL_CODES)]
    if not codes.size:
        return settings, []
    named = set(propagation.clutter_height_m)
    fit = {name: float(np.isin(codes, list(known | named)).mean()) for name, known in landcover_codes().items()}
    told = {
        "found": ", ".join(f"{code:g}" for code in np.unique(codes)[:SHOWN_CODES]),
        "scheme": propagation.landcover_classes,
        "share": f"{fit[propagation.landcover_classes]:.0%}",
    }
    if fit[propagation.landcover_classes] >= FITTING_SHARE:
        known = landcover_codes()[propagation.landcover_classes] | named
        strange = codes[~np.isin(codes, list(known))]
        if strange.size <= STRANGE_SHARE * codes.size:
            return settings, []
        told["found"] = ", ".join(f"{code:g}" for code in np.unique(strange)[:SHOWN_CODES])
        return settings, [finding("strange_landcover", path.name, **told)]
    fitting = next((name for name, share in fit.items() if share >= FITTING_SHARE), None)
    if fitting is None:
        return settings, [finding("unknown_landcover", path.name, **told)]
    if "landcover_classes" in propagation.model_fields_set:
        return settings, [finding("other_landcover", path.name, guess=fitting, **told)]
    read = propagation.model_copy(update={"landcover_classes": fitting})
    return settings.model_copy(update={"propagation": read}), [
        finding("assumed_landcover", path.name, guess=fitting, **told)
    ]


@cache
def landcover_codes() -> dict[str, set[int]]:
    """The class codes of each scheme of resources/clutter.csv."""
    codes: dict[str, set[int]] = {}
    for row in csv.DictReader(resource_text("clutter.csv").splitlines()):
        codes.setdefault(row["scheme"], set()).add(int(row["code"]))
    return codes
