"""The study's raster grid as one value: CRS, cell size, origin, shape. Two rasters meet only on equal grids.

The origin is snapped to whole cells of the CRS, so that grids of the same cell size always align. Shaped like
odc-geo's GeoBox, on rasterio's Affine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from covplan.study.errors import GridMismatchError
from covplan.study.files import written_whole
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Grid:
    """Square cells of `cell_m` metres in a metric CRS; row 0 is the northern edge.

    `west_m` and `north_m` are the outer corner of the first cell, in the CRS's metres.
    """

    epsg: int
    cell_m: float
    west_m: float
    north_m: float
    rows: int
    columns: int

    @classmethod
    def from_bounds(cls, bounds: tuple[float, float, float, float], cell_m: float, epsg: int) -> Grid:
        """The smallest grid of whole cells around (west, south, east, north), in metres of the CRS.

        >>> Grid.from_bounds((10, 5, 95, 61), 30, 9211).shape
        (3, 4)
        """
        west, south, east, north = bounds
        first, last = np.floor(west / cell_m), np.ceil(east / cell_m)
        bottom, top = np.floor(south / cell_m), np.ceil(north / cell_m)
        return cls(epsg, cell_m, float(first * cell_m), float(top * cell_m), int(top - bottom), int(last - first))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres."""
        east_m, south_m = self.west_m + self.columns * self.cell_m, self.north_m - self.rows * self.cell_m
        return self.west_m, south_m, east_m, self.north_m

    @property
    def transform(self) -> Affine:
        """Rasterio's affine: (column, row) to (x, y) of the cell's outer corner."""
        return Affine(self.cell_m, 0.0, self.west_m, 0.0, -self.cell_m, self.north_m)

    def coarsened(self, cell_m: float) -> Grid:
        """A grid of larger cells around the same ground."""
        return Grid.from_bounds(self.bounds, cell_m, self.epsg)

    def rowcol(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the cells that hold the points (metres); outside the grid they are < 0 or ≥ shape."""
        row = np.floor((self.north_m - np.asarray(y, float)) / self.cell_m).astype(np.int64)
        column = np.floor((np.asarray(x, float) - self.west_m) / self.cell_m).astype(np.int64)
        return row, column

    def xy(self, row: ArrayLike, column: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre of the cells, metres."""
        x = self.west_m + (np.asarray(column, float) + 0.5) * self.cell_m
        y = self.north_m - (np.asarray(row, float) + 0.5) * self.cell_m
        return x, y

    def contains(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """True for points inside the grid."""
        row, column = self.rowcol(x, y)
        return (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)

    def window(self, x_m: float, y_m: float, radius_m: float) -> tuple[slice, slice]:
        """Rows and columns that a circle touches, cut to the grid."""
        (top, bottom), (left, right) = (
            self.rowcol([x_m, x_m], [y_m + radius_m, y_m - radius_m])[0],
            self.rowcol([x_m - radius_m, x_m + radius_m], [y_m, y_m])[1],
        )
        return (
            slice(*(int(edge) for edge in np.clip([top, bottom + 1], 0, self.rows))),
            slice(*(int(edge) for edge in np.clip([left, right + 1], 0, self.columns))),
        )

    def part(self, x_m: float, y_m: float, radius_m: float) -> Grid:
        """The grid of the cells that a circle touches: the same cells, fewer of them."""
        rows, columns = self.window(x_m, y_m, radius_m)
        west_m, north_m = self.west_m + columns.start * self.cell_m, self.north_m - rows.start * self.cell_m
        return Grid(self.epsg, self.cell_m, west_m, north_m, rows.stop - rows.start, columns.stop - columns.start)

    def read(self, path: Path | str, *, resampling: Resampling = Resampling.bilinear) -> NDArray[np.float32]:
        """The first band of any raster file, resampled to this grid; NaN where the file has nothing.

        The file may be in any CRS; one in another CRS or with another cell is warped by GDAL.
        """
        with (
            rasterio.open(path) as source,
            WarpedVRT(
                source,
                crs=f"EPSG:{self.epsg}",
                transform=self.transform,
                width=self.columns,
                height=self.rows,
                resampling=resampling,
                dtype="float32",
                nodata=float("nan"),
            ) as warped,
        ):
            values: NDArray[np.float32] = warped.read(1, window=Window(0, 0, self.columns, self.rows))
        return values

    def write(self, path: Path, values: NDArray[Any], *, nodata: float | None = None) -> None:
        """Write an array of this grid as GeoTIFF, whole or not at all."""
        self._write(path, values, nodata, {}, {"driver": "GTiff", "tiled": True, "zlevel": 9}, str(2 + _floats(values)))

    def write_cog(
        self, path: Path, values: NDArray[Any], *, nodata: float, unit: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        """Write an array of this grid as cloud-optimised GeoTIFF with overviews, whole or not at all.

        The overviews hold single values, not averages: a mean of decibels or of server numbers means nothing.
        """
        options = {"driver": "COG", "blocksize": 512, "overview_resampling": "nearest", "level": 6}
        self._write(path, values, nodata, {**(tags or {}), "unit": unit}, options, "YES")

    def _write(
        self,
        path: Path,
        values: NDArray[Any],
        nodata: float | None,
        tags: Mapping[str, str],
        options: dict[str, Any],
        predictor: str,
    ) -> None:
        if values.shape != self.shape:
            raise GridMismatchError(
                _("{file}: array {shape} is not on the grid {grid}.").format(
                    file=path.name, shape=values.shape, grid=self.shape
                )
            )
        # In memory first: GDAL says nothing of a disk that is full when it closes a file, and leaves half of it.
        with MemoryFile() as made:
            with made.open(
                height=self.rows,
                width=self.columns,
                count=1,
                dtype=values.dtype,
                crs=f"EPSG:{self.epsg}",
                transform=self.transform,
                nodata=nodata,
                compress="deflate",
                predictor=predictor,
                **options,
            ) as out:
                out.write(values, 1)
                if tags:
                    out.update_tags(**tags)
                    out.units = (tags.get("unit", ""),)
            with written_whole(path) as part:
                part.write_bytes(made.getbuffer())


def _floats(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f"
