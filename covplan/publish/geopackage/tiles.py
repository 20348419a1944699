"""Coverage as pictures in the package: classes of RSRP in a palette, cut into tiles of several scales."""

from __future__ import annotations

import csv
import re
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import rasterio

from covplan.publish.words import operator_names
from covplan.study.errors import LayerError
from covplan.study.files import FILE_DATE
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from numpy.typing import NDArray

TILE = 256
MOST_CELLS = 30_000_000  # of one picture; a finer raster is taken coarser
NAME = re.compile(r"(?P<technology>\dG)_(?P<operator>\w+?)_rsrp_dbm")


@dataclass(frozen=True)
class Picture:
    """One coverage raster as it stands in the package."""

    name: str
    title: str
    description: str


@cache
def classes() -> list[dict[str, str]]:
    """Classes of RSRP, the strongest first: resources/qgis/coverage.csv."""
    return list(csv.DictReader(resource_text("qgis", "coverage.csv").splitlines()))


def write(base: sqlite3.Connection, folder: Path, epsg: int) -> list[Picture]:
    """Write every RSRP raster of a folder as a tile pyramid.

    Raises
    ------
    LayerError
        The folder holds none, or one is in another coordinate system.
    """
    found = [(path, NAME.fullmatch(path.stem)) for path in sorted(folder.glob("*_rsrp_dbm.tif"))]
    named = [(path, match) for path, match in found if match]
    if not named:
        raise LayerError(
            _("{folder}: holds no *_rsrp_dbm.tif. `covplan coverage STUDY -o OUT` writes them to OUT/coverage.").format(
                folder=folder
            )
        )
    base.execute(
        "CREATE TABLE IF NOT EXISTS gpkg_tile_matrix_set (table_name TEXT NOT NULL PRIMARY KEY, "
        "srs_id INTEGER NOT NULL, "
        "min_x DOUBLE NOT NULL, min_y DOUBLE NOT NULL, max_x DOUBLE NOT NULL, max_y DOUBLE NOT NULL, "
        "CONSTRAINT fk_gtms_table_name FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name), "
        "CONSTRAINT fk_gtms_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))"
    )
    base.execute(
        "CREATE TABLE IF NOT EXISTS gpkg_tile_matrix (table_name TEXT NOT NULL, zoom_level INTEGER NOT NULL, "
        "matrix_width INTEGER NOT NULL, matrix_height INTEGER NOT NULL, tile_width INTEGER NOT NULL, "
        "tile_height INTEGER NOT NULL, pixel_x_size DOUBLE NOT NULL, pixel_y_size DOUBLE NOT NULL, "
        "CONSTRAINT pk_ttm PRIMARY KEY (table_name, zoom_level), "
        "CONSTRAINT fk_tmm_table_name FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name))"
    )
    pictures = []
    for path, match in named:
        technology, operator = match["technology"], match["operator"]
        who = _("any operator") if operator == "any" else operator_names().get(operator, operator)
        suffix = "" if operator == "any" else f"_{operator.lower()}"
        picture = Picture(
            f"kq_vung_phu_{technology.lower()}{suffix}",
            _("{technology} coverage – {operator}").format(technology=technology, operator=who),
            _("RSRP outdoors, in classes"),
        )
        _write_picture(base, picture, path, epsg)
        pictures.append(picture)
    return pictures


def _write_picture(base: sqlite3.Connection, picture: Picture, path: Path, epsg: int) -> None:
    with rasterio.open(path) as source:
        if source.crs is None or source.crs.to_epsg() != epsg:
            raise LayerError(
                _("{path}: is in {system}, the study in EPSG:{epsg}. Compute the coverage of this study.").format(
                    path=path, system=source.crs, epsg=epsg
                )
            )
        step = 1
        while source.width * source.height / step**2 > MOST_CELLS:
            step *= 2
        values = source.read(1)[::step, ::step]
        west, north, cell = source.transform.c, source.transform.f, source.transform.a * step
    codes = _codes(values)
    rows, columns = codes.shape
    depth = max(0, int(np.ceil(np.log2(max(rows, columns) / TILE))))
    side = TILE * cell * 2**depth
    base.execute(
        "INSERT INTO gpkg_contents VALUES (?, 'tiles', ?, ?, ?, ?, ?, ?, ?, ?)",
        (picture.name, picture.title, picture.description, FILE_DATE, west, north - rows * cell, west + columns * cell,
         north, epsg),
    )  # fmt: skip
    base.execute(
        "INSERT INTO gpkg_tile_matrix_set VALUES (?, ?, ?, ?, ?, ?)",
        (picture.name, epsg, west, north - side, west + side, north),
    )
    base.execute(
        f'CREATE TABLE "{picture.name}" (id INTEGER PRIMARY KEY AUTOINCREMENT, zoom_level INTEGER NOT NULL, '
        "tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL, tile_data BLOB NOT NULL, "
        "UNIQUE (zoom_level, tile_column, tile_row))"
    )
    for zoom in range(depth + 1):
        coarser = 2 ** (depth - zoom)
        base.execute(
            "INSERT INTO gpkg_tile_matrix VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (picture.name, zoom, 2**zoom, 2**zoom, TILE, TILE, cell * coarser, cell * coarser),
        )
        seen = codes[coarser // 2 :: coarser, coarser // 2 :: coarser]
        for row in range(-(-seen.shape[0] // TILE)):
            for column in range(-(-seen.shape[1] // TILE)):
                part = seen[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
                if part.any():
                    tile = np.zeros((TILE, TILE), dtype=np.uint8)
                    tile[: part.shape[0], : part.shape[1]] = part
                    base.execute(
                        f'INSERT INTO "{picture.name}" (zoom_level, tile_column, tile_row, tile_data) '  # noqa: S608
                        "VALUES (?, ?, ?, ?)",
                        (zoom, column, row, png(tile)),
                    )


def _codes(rsrp_dbm: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Number of the class, counted from 1; 0 where there is no signal, or none was computed."""
    codes = np.zeros(rsrp_dbm.shape, dtype=np.uint8)
    for number, one in reversed(list(enumerate(classes(), start=1))):
        codes[rsrp_dbm >= float(one["least_dbm"])] = number
    return codes


def png(codes: NDArray[np.uint8]) -> bytes:
    """A picture of palette colours (PNG, ISO/IEC 15948) with their transparency."""
    palette, opacity = bytes(3), bytes(1)
    for one in classes():
        palette += bytes.fromhex(one["colour"][1:])
        opacity += bytes([round(255 * float(one["opacity"]))])
    height, width = codes.shape
    lines = np.hstack([np.zeros((height, 1), dtype=np.uint8), codes]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(lines, 6)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
