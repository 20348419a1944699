"""Rasters as pictures for the map: RSRP per operator and technology, and the relief below everything.

Pictures are PNG with a palette, warped to EPSG:3857 (a picture in the study's CRS would lie hundreds of metres off) and
bounded in size together, whatever the cell of the rasters. Colours are data in `resources/rsrp.csv`.
"""

from __future__ import annotations

import base64
import csv
import math
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds

from covplan.publish.words import operator_names
from covplan.study.codes import ANY
from covplan.study.errors import OutputError
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Colour = tuple[int, int, int, int]

WEB = 3857  # the CRS of web maps: what Leaflet stretches a picture in
FINEST_M = 100.0
COVERAGE_BYTES = 4_500_000  # of all pictures together, in the page
RELIEF_M = 220.0
LIGHT_FROM_DEG, LIGHT_HEIGHT_DEG = 315.0, 45.0  # as relief is always drawn: from the upper left
SHADES = 20
DARKEST = 125  # alpha of the darkest shade, of 255
AROUND_M = 1_500.0  # shown beyond the border


@dataclass(frozen=True)
class Picture:
    """A PNG as data URI and where it lies, in degrees."""

    image: str
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class CoveragePicture:
    """RSRP of one operator (or `ANY`) and technology."""

    technology: str
    operator: str
    picture: Picture


@dataclass(frozen=True)
class Frame:
    """A raster in EPSG:3857."""

    west_m: float
    north_m: float
    pixel_m: float
    rows: int
    columns: int

    @classmethod
    def around(cls, area: shapely.Geometry, epsg: int, ground_m: float) -> Frame:
        """The smallest one around an area; its pixels are `ground_m` on the ground, in the area's middle."""
        west, south, east, north = transform_bounds(epsg, WEB, *shapely.bounds(area))
        latitude = math.radians(transform_bounds(epsg, 4326, *shapely.bounds(shapely.centroid(area)))[1])
        pixel = ground_m / math.cos(latitude)
        return cls(west, north, pixel, math.ceil((north - south) / pixel), math.ceil((east - west) / pixel))

    @property
    def transform(self) -> Affine:
        """Rasterio's affine."""
        return Affine(self.pixel_m, 0.0, self.west_m, 0.0, -self.pixel_m, self.north_m)

    def warped(
        self, values: NDArray[np.float32], transform: Affine, crs: object, resampling: Resampling
    ) -> NDArray[np.float32]:
        """An array of another raster on this one; NaN where it has nothing."""
        out = np.full((self.rows, self.columns), np.nan, "float32")
        reproject(
            values, out, src_transform=transform, src_crs=crs, src_nodata=np.nan,
            dst_transform=self.transform, dst_crs=f"EPSG:{WEB}", dst_nodata=np.nan, resampling=resampling,
        )  # fmt: skip
        return out

    def inside(self, area: shapely.Geometry, epsg: int) -> NDArray[np.bool_]:
        """Pixels whose middle is in an area."""
        shape = gpd.GeoSeries([area], crs=epsg).to_crs(WEB)
        mask: NDArray[np.bool_] = geometry_mask(shape, (self.rows, self.columns), self.transform, invert=True)
        return mask

    def picture(self, indices: NDArray[np.uint8], palette: Sequence[Colour]) -> Picture:
        """The PNG of palette numbers on this raster."""
        east, south = self.west_m + self.columns * self.pixel_m, self.north_m - self.rows * self.pixel_m
        bounds = transform_bounds(WEB, 4326, self.west_m, south, east, self.north_m)
        content = base64.b64encode(png(indices, palette)).decode("ascii")
        return Picture(f"data:image/png;base64,{content}", *(round(degree, 7) for degree in bounds))


@cache
def signal_classes() -> tuple[tuple[float, Colour, str, str], ...]:
    """Classes of RSRP, weakest first: lower edge (dBm), colour, Vietnamese and English name (resources/rsrp.csv)."""
    rows = [
        (float(row["low_dbm"]), _rgba(row["colour"]), row["label_vi"], row["label_en"])
        for row in csv.DictReader(resource_text("rsrp.csv").splitlines())
    ]
    return tuple(sorted(rows, key=lambda row: row[0]))


def coverage_pictures(
    folder: Path, area: shapely.Geometry, epsg: int, *, unpublished: frozenset[str] = frozenset()
) -> tuple[CoveragePicture, ...]:
    """RSRP rasters of a folder (`covplan coverage` writes it) as pictures, by technology and operator.

    Parameters
    ----------
    folder : Path
        With files technology_operator_rsrp_dbm.tif.
    area : Polygon
        Shown; CRS `epsg`.
    unpublished : frozenset of str
        Cell ids; where one of them serves, nothing is shown. Needs the server rasters beside those of RSRP.
    """
    paths = sorted(folder.glob("*_*_rsrp_dbm.tif"), key=_order)
    if not paths:
        said = _("{folder}: no rasters (4G_VTL_rsrp_dbm.tif …). `covplan coverage STUDY -o OUT` writes them.")
        raise OutputError(said.format(folder=folder))
    # Coarser until all fit: bytes go with the number of pixels, a little less.
    ground_m = FINEST_M
    while True:
        made = [_coverage(path, _around(area), epsg, ground_m, unpublished) for path in paths]
        size = sum(len(one.picture.image) for one in made)
        if size <= COVERAGE_BYTES:
            return tuple(made)
        ground_m *= max(1.1, 1.05 * math.sqrt(size / COVERAGE_BYTES))


def relief(path: Path, area: shapely.Geometry, epsg: int) -> Picture:
    """Shaded relief of an elevation raster: dark slopes, see-through elsewhere."""
    frame = Frame.around(_around(area), epsg, RELIEF_M)
    try:
        with rasterio.open(path) as source:
            factor = max(1, round(RELIEF_M / _ground_m(source.transform, source.crs) / 2))
            shape = (math.ceil(source.height / factor), math.ceil(source.width / factor))
            read = source.read(1, out_shape=shape, resampling=Resampling.average, masked=True).astype("float32")
            of = source.transform
            right, down = source.width / shape[1], source.height / shape[0]
            transform = Affine(of.a * right, of.b, of.c, of.d, of.e * down, of.f)
            heights = frame.warped(read.filled(np.nan), transform, source.crs, Resampling.bilinear)
    except RasterioError as error:
        raise OutputError(f"{path.name}: {error}") from None
    shade = _shade(heights, RELIEF_M)
    shown = ~np.isnan(shade) & frame.inside(_around(area), epsg)
    indices = np.where(shown, np.clip(np.nan_to_num(shade) * SHADES, 0, SHADES - 1), SHADES - 1).astype("uint8")
    palette = [(40, 44, 52, round(DARKEST * (1.0 - step / (SHADES - 1)))) for step in range(SHADES)]
    return frame.picture(indices, palette)


def png(indices: NDArray[np.uint8], palette: Sequence[Colour]) -> bytes:
    """A PNG file of palette numbers (rows, columns); the same numbers give the same bytes."""
    rows, columns = indices.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = np.hstack([np.zeros((rows, 1), "uint8"), indices])  # each line begins with its filter: none
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        chunk(b"PLTE", bytes(part for colour in palette for part in colour[:3])),
        chunk(b"tRNS", bytes(colour[3] for colour in palette)),
        chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
        chunk(b"IEND", b""),
    ])  # fmt: skip


def _order(path: Path) -> tuple[str, bool, str]:
    technology, operator = path.name.split("_")[:2]
    return technology, operator != ANY, operator


def _around(area: shapely.Geometry) -> shapely.Geometry:
    """An area and its surroundings; quarter circles of as many segments as a shape's own `buffer` gives them."""
    return shapely.buffer(area, AROUND_M, quad_segs=16)


def _coverage(
    path: Path, area: shapely.Geometry, epsg: int, ground_m: float, unpublished: frozenset[str]
) -> CoveragePicture:
    technology, operator = path.name.split("_")[:2]
    try:
        with rasterio.open(path) as source:
            values = source.read(1, masked=True).filled(np.nan)
            transform, crs, cell_m = source.transform, source.crs, _ground_m(source.transform, source.crs)
    except RasterioError as error:
        raise OutputError(f"{path.name}: {error}") from None
    values[_served_by(path, unpublished, values.shape)] = np.nan
    frame = Frame.around(area, epsg, max(ground_m, cell_m))
    # A median, not a mean: of decibels a mean says little. Single values where nothing is brought together.
    resampling = Resampling.med if ground_m > 1.5 * cell_m else Resampling.nearest
    warped = frame.warped(values, transform, crs, resampling)
    edges = [low for low, *_ in signal_classes()]
    indices = np.digitize(np.nan_to_num(warped, nan=-np.inf), edges).astype("uint8")  # 0: below all, or not known
    indices[~frame.inside(area, epsg)] = 0
    palette = [(0, 0, 0, 0), *(colour for _, colour, *_ in signal_classes())]
    return CoveragePicture(technology, operator, frame.picture(indices, palette))


def _served_by(path: Path, cells: frozenset[str], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where one of the cells is the best server, by the rasters beside the one of RSRP."""
    if not cells:
        return np.zeros(shape, bool)
    stem = path.name.removesuffix("rsrp_dbm.tif")
    server, names = path.with_name(f"{stem}server.tif"), path.with_name(f"{stem}cells.csv")
    if not (server.is_file() and names.is_file()):
        said = _("{raster}: {server} and {names} must lie beside it, for restricted stations.")
        raise OutputError(said.format(raster=path.name, server=server.name, names=names.name))
    table = pd.read_csv(names, dtype={"cell_id": str})
    with rasterio.open(server) as source:
        found = source.read(1)
    mask: NDArray[np.bool_] = np.isin(found, table.loc[table["cell_id"].isin(cells), "server"])
    return mask


def _shade(heights: NDArray[np.float32], cell_m: float) -> NDArray[np.float64]:
    """Light on the ground, 0 dark to 1; flat ground is light."""
    down, right = np.gradient(heights.astype(float), cell_m)
    azimuth, height = math.radians(LIGHT_FROM_DEG), math.radians(LIGHT_HEIGHT_DEG)
    toward = right * math.sin(azimuth) - down * math.cos(azimuth)  # slope up towards the light's side
    light = (math.sin(height) - math.cos(height) * toward) / np.sqrt(1.0 + right**2 + down**2)
    shade: NDArray[np.float64] = np.clip(light / math.sin(height), 0.0, 1.0)
    return shade


def _ground_m(transform: Affine, crs: object) -> float:
    """Side of a cell, about, in metres."""
    degrees = getattr(crs, "is_geographic", False)
    return float(abs(transform.a)) * (111_000.0 if degrees else 1.0)


def _rgba(colour: str) -> Colour:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue, 255


def coverage_title(one: CoveragePicture) -> str:
    """What the selector says of a picture."""
    who = _("any operator") if one.operator == ANY else operator_names().get(one.operator, one.operator)
    return f"{one.technology} – {who}"
