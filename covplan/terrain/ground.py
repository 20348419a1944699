"""Elevation and clutter on one grid: from GeoTIFF and SRTM tiles, in any CRS, resampled once.

Archives are read where they lie, by GDAL, as one raster of the expected name; nothing is unpacked.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.fill import fillnodata

from covplan.study.errors import LayerError
from covplan.study.language import _
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


@dataclass(frozen=True)
class Ground:
    """Terrain on a grid. Arrays have the grid's shape."""

    grid: Grid
    elevation_m: NDArray[np.float32]
    """Above sea level; NaN where nothing is known."""
    clutter_m: NDArray[np.float32]
    """Representative height of trees and buildings above the terrain; 0 where unknown."""
    filled: int = 0
    """Cells of small voids that were filled from around."""
    voids: int = 0
    """Cells that remain without a height."""
    unknown_classes: tuple[int, ...] = ()
    """Land-cover codes that no table has a height for: taken as open."""
    landcover: NDArray[np.int16] | None = None
    """Code of each cell's class, −1 where none is known; None without a land-cover raster."""

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
        filled = fillnodata(heights, mask=known.astype(np.uint8), max_search_distance=FILLED_CELLS)
        heights = np.where(_surrounded(known), filled, heights).astype(np.float32)
    after = np.isfinite(heights)
    clutter = np.zeros(grid.shape, dtype=np.float32)
    unknown: tuple[int, ...] = ()
    codes: NDArray[np.int16] | None = None
    if landcover is not None:
        classes = _read(landcover, grid, Resampling.nearest)
        clutter, unknown = clutter_height_m(classes, scheme, heights_m)
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


def clutter_height_m(
    classes: NDArray[np.float32], scheme: Scheme = "worldcover", heights_m: Mapping[int, float] | None = None
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Representative clutter height of each cell (m, P.1812-7 table 2), and the codes without one, taken as open.

    NaN, where there is no class, is open too.
    """
    table = {**default_heights_m(scheme), **(heights_m or {})}
    codes = np.where(np.isnan(classes), -1, classes).astype(np.int64)
    found, index = np.unique(codes, return_inverse=True)
    heights = np.array([table.get(int(code), 0.0) for code in found], dtype=np.float32)
    unknown = tuple(int(code) for code in found if code >= 0 and int(code) not in table)
    return heights[index].reshape(classes.shape), unknown


@cache
def default_heights_m(scheme: Scheme) -> dict[int, float]:
    """Clutter height by class code, of resources/clutter.csv."""
    rows = csv.DictReader(resource_text("clutter.csv").splitlines())
    return {int(row["code"]): float(row["height_m"]) for row in rows if row["scheme"] == scheme}


@cache
def class_titles(scheme: Scheme) -> dict[int, str]:
    """Vietnamese name by class code, of resources/clutter.csv."""
    rows = csv.DictReader(resource_text("clutter.csv").splitlines())
    return {int(row["code"]): row["title_vi"] for row in rows if row["scheme"] == scheme}


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
