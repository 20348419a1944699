"""Elevation and clutter on one grid: from GeoTIFF and SRTM tiles, in any CRS, resampled once.

Archives are read where they lie, by GDAL, as one raster of the expected name; nothing is unpacked.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import CRSError, RasterioError
from rasterio.fill import fillnodata
from scipy.ndimage import correlate1d

from covplan.study.errors import LayerError
from covplan.study.language import _, by_language
from covplan.study.rasters import extent
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.study.grid import Grid

Scheme = Literal["worldcover", "igbp"]
TILE_NAME = re.compile(r"[NS]\d{2}[EW]\d{3}.*\.hgt(\.zip|\.gz)?", re.IGNORECASE)
TILE_SIDES = (1201, 3601)  # SRTM 3″ and 1″
TILE = 32  # cells on a side whose content is digested together
FILLED_CELLS = 10  # voids at most twice so wide are filled from their edges
MOST_CODE = 32767  # of a land-cover class
MOST_FINER = 9  # WorldCover's 10 m in cells of 90 m
STRIP_CELLS = 8_000_000  # of land cover read at a time


@dataclass(frozen=True)
class Ground:
    """Terrain on a grid. Arrays have the grid's shape."""

    grid: Grid
    elevation_m: NDArray[np.float32]
    """Above sea level; NaN where nothing is known."""
    clutter_m: NDArray[np.float32]
    """Representative height of trees and buildings above the terrain, mean of each cell; 0 where unknown."""
    filled: int = 0
    """Cells of small voids that were filled from around."""
    voids: int = 0
    """Cells that remain without a height."""
    unknown_classes: tuple[int, ...] = ()
    """Land-cover codes that no table has a height for: taken as open."""
    landcover: NDArray[np.int16] | None = None
    """Code of each cell's commonest class, −1 where none is known; None without a land-cover raster."""

    def clutter_around(self, radius_m: float) -> NDArray[np.float32]:
        """Mean clutter height around each cell, over a square as large as the circle of this radius; m.

        With the radius in metres, not in cells, a tree more or less changes little, and cells of any size say the same.
        """
        if radius_m not in self._around:
            self._around[radius_m] = _mean_over(self.clutter_m, np.sqrt(np.pi) * radius_m / self.grid.cell_m)
        return self._around[radius_m]

    @cached_property
    def _around(self) -> dict[float, NDArray[np.float32]]:
        return {}

    def within(self, part: Grid) -> Ground:
        """The ground on a part of its grid: the same cells, fewer of them."""
        (top,), (left,) = self.grid.rowcol([part.west_m + part.cell_m / 2], [part.north_m - part.cell_m / 2])
        cells = np.s_[top : top + part.rows, left : left + part.columns]
        landcover = None if self.landcover is None else self.landcover[cells]
        return replace(
            self, grid=part, elevation_m=self.elevation_m[cells], clutter_m=self.clutter_m[cells], landcover=landcover
        )

    def digest(self, rows: slice, columns: slice) -> bytes:
        """Changes when the ground within a window, or within a tile of `TILE` cells that it touches, does."""
        tiles = self._tile_digests[
            max(rows.start, 0) // TILE : -(-max(rows.stop, 1) // TILE),
            max(columns.start, 0) // TILE : -(-max(columns.stop, 1) // TILE),
        ]
        return hashlib.sha256(tiles.tobytes()).digest()

    @cached_property
    def _tile_digests(self) -> NDArray[np.uint8]:
        rows, columns = self.grid.shape
        tiles = np.zeros((-(-rows // TILE), -(-columns // TILE), 32), dtype=np.uint8)
        for r, c in np.ndindex(tiles.shape[:2]):
            at = np.s_[r * TILE : (r + 1) * TILE, c * TILE : (c + 1) * TILE]
            digest = hashlib.sha256(np.ascontiguousarray(self.elevation_m[at]).tobytes())
            digest.update(np.ascontiguousarray(self.clutter_m[at]).tobytes())
            tiles[r, c] = np.frombuffer(digest.digest(), dtype=np.uint8)
        return tiles


def load_ground(
    grid: Grid,
    elevation: Path | Sequence[Path],
    landcover: Path | None = None,
    *,
    scheme: Scheme = "worldcover",
    heights_m: Mapping[int, float] | None = None,
) -> Ground:
    """Read terrain onto a grid.

    Parameters
    ----------
    elevation : Path or sequence of Path
        Rasters in metres above sea level: GeoTIFF, SRTM .hgt (also .hgt.zip, .hgt.gz), or a folder of them. Several
        are joined; where they overlap the first one with a value counts.
    landcover : Path, optional
        Raster of class codes of `scheme`.
    heights_m : mapping, optional
        Clutter heights by class code, over those of resources/clutter.csv.

    Raises
    ------
    LayerError
        A file that cannot be read, is no SRTM tile though it is called one, or none at all.
    """
    heights = np.full(grid.shape, np.nan, dtype=np.float32)
    for path in _files(elevation):
        missing = np.isnan(heights)
        if not missing.any():
            break
        heights[missing] = _read(path, grid, Resampling.bilinear)[missing]
    known = np.isfinite(heights)
    if known.any() and not known.all():
        filled = fillnodata(heights.copy(), mask=known.astype(np.uint8), max_search_distance=FILLED_CELLS)
        heights = np.where(_surrounded(known), filled, heights).astype(np.float32)
    after = np.isfinite(heights)
    clutter = np.zeros(grid.shape, dtype=np.float32)
    unknown: tuple[int, ...] = ()
    codes: NDArray[np.int16] | None = None
    if landcover is not None:
        finer = _finer(landcover, grid)
        clutter, unknown = _mean_clutter_m(landcover, grid, finer, scheme, heights_m)
        classes = _read(landcover, grid, Resampling.mode if finer > 1 else Resampling.nearest)
        codes = np.where(np.isnan(classes), -1, classes).astype(np.int16)
    return Ground(
        grid,
        heights,
        clutter,
        filled=int(after.sum() - known.sum()),
        voids=int((~after).sum()),
        unknown_classes=unknown,
        landcover=codes,
    )


def _finer(landcover: Path, grid: Grid) -> int:
    """How many of the file's cells lie beside each other in one of the grid's."""
    try:
        west, south, east, north = extent(landcover, grid.epsg)
        with rasterio.open(landcover) as source:
            step_m = math.sqrt((east - west) * (north - south) / (source.width * source.height))
    except (RasterioError, CRSError):  # what is wrong with it is said when it is read
        return 1
    return min(max(round(grid.cell_m / step_m), 1), MOST_FINER)


def _mean_clutter_m(
    landcover: Path, grid: Grid, finer: int, scheme: Scheme, heights_m: Mapping[int, float] | None
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Mean clutter height of each cell, of the classes that share it, and the codes without a height."""
    if finer == 1:
        return clutter_height_m(_read(landcover, grid, Resampling.nearest), scheme, heights_m)
    mean = np.zeros(grid.shape, dtype=np.float32)
    unknown: set[int] = set()
    rows = max(STRIP_CELLS // (grid.columns * finer**2), 1)
    for top in range(0, grid.rows, rows):
        count = min(rows, grid.rows - top)
        strip = replace(
            grid, cell_m=grid.cell_m / finer, north_m=grid.north_m - top * grid.cell_m,
            rows=count * finer, columns=grid.columns * finer,
        )  # fmt: skip
        heights, without = clutter_height_m(_read(landcover, strip, Resampling.nearest), scheme, heights_m)
        mean[top : top + count] = heights.reshape(count, finer, grid.columns, finer).mean(axis=(1, 3))
        unknown |= set(without)
    return mean, tuple(sorted(unknown))


def _mean_over(values: NDArray[np.float32], cells: float) -> NDArray[np.float32]:
    """Mean over a square of so many cells around each; those at its rim count with the part that lies inside."""
    if cells <= 1.0:
        return values
    whole = math.ceil((cells - 1.0) / 2.0)
    weights = np.ones(2 * whole + 1)
    weights[[0, -1]] = (cells - (2 * whole - 1)) / 2.0
    weights /= cells
    rows = correlate1d(values, weights, axis=0, mode="nearest")
    mean: NDArray[np.float32] = correlate1d(rows, weights, axis=1, mode="nearest")
    return mean


def clutter_height_m(
    classes: NDArray[np.float32], scheme: Scheme = "worldcover", heights_m: Mapping[int, float] | None = None
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Representative clutter height of each cell (m, P.1812-7 table 2), and the codes without one, taken as open.

    NaN, where there is no class, is open too.
    """
    table = {**default_heights_m(scheme), **(heights_m or {})}
    codes = np.where(np.isnan(classes), -1, classes).astype(np.int32)
    found = sorted(int(code) for code in pd.unique(codes.ravel()))  # by a hash: a province has 20 million cells
    unknown = tuple(code for code in found if code >= 0 and code not in table)
    heights = np.zeros(MOST_CODE + 2, dtype=np.float32)  # the last is that of −1
    for code in found:
        if 0 <= code <= MOST_CODE:
            heights[code] = table.get(code, 0.0)
    codes[codes > MOST_CODE] = -1
    return heights[codes], unknown


@cache
def default_heights_m(scheme: Scheme) -> dict[int, float]:
    """Clutter height by class code, of resources/clutter.csv."""
    rows = csv.DictReader(resource_text("clutter.csv").splitlines())
    return {int(row["code"]): float(row["height_m"]) for row in rows if row["scheme"] == scheme}


def class_titles(scheme: Scheme) -> dict[int, str]:
    """Name by class code in the language spoken, of resources/clutter.csv."""
    rows = csv.DictReader(resource_text("clutter.csv").splitlines())
    return {int(row["code"]): by_language(row["title_vi"], row["title_en"]) for row in rows if row["scheme"] == scheme}


def _files(elevation: Path | Sequence[Path]) -> list[Path]:
    paths = [elevation] if isinstance(elevation, Path) else list(elevation)
    found: list[Path] = []
    for path in paths:
        found += sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    if not found:
        raise LayerError(_("elevation: no file. Add elevation.tif to the study folder."))
    return found


def _read(path: Path, grid: Grid, resampling: Resampling) -> NDArray[np.float32]:
    name = path.name.lower()
    if ".hgt" in name and not TILE_NAME.fullmatch(path.name):
        raise LayerError(
            _("{file}: an SRTM tile is called after its corner, such as N22E105.hgt. Give it its name.").format(
                file=path.name
            )
        )
    where = f"/vsigzip/{path}" if name.endswith(".gz") else str(path)  # GDAL opens N22E105.hgt.zip by itself
    try:
        if ".hgt" in name:
            with rasterio.open(where) as tile:
                if tile.shape not in {(side, side) for side in TILE_SIDES}:
                    raise LayerError(
                        _("{file}: {shape} samples; an SRTM tile has 1201 or 3601 on each side.").format(
                            file=path.name, shape=tile.shape
                        )
                    )
        return grid.read(where, resampling=resampling)
    except RasterioError as error:
        raise LayerError(
            _("{file}: cannot be read as a raster: {error}. Export it again as GeoTIFF.").format(
                file=path.name, error=error
            )
        ) from error


def _surrounded(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with something known on all four sides: voids inside, not the outside of what a file covers."""
    seen = [np.maximum.accumulate(known[::step], axis=0)[::step] for step in (1, -1)]
    seen += [np.maximum.accumulate(known[:, ::step], axis=1)[:, ::step] for step in (1, -1)]
    return seen[0] & seen[1] & seen[2] & seen[3]
