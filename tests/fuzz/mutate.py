"""One random damage of a study folder, by kind; the same seed does the same."""

from __future__ import annotations

import csv
import io
import sqlite3
import struct
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.io import MemoryFile

from covplan.study.layers import input_layers
from covplan.study.rasters import RASTER_FILES
from covplan.study.settings_file import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

NASTY: tuple[Any, ...] = (
    None, "", " ", "\u00a0", "0", "-0", "-1", "1e300", "1e400", "-1e308", "9223372036854775808", "nan", "NaN", "inf",
    "-inf", "0x10", "1_000", "1.2.3", "1,2,3", "1.332", "105,34808", "42m", "½", "٣", "true", "mật", "?", "S-1", "L-1",
    "2024-02-30", "0001-01-01", "9999-12-31", "31/12/99999", "=1+1", "@SUM(A1)", "+cmd|calc!A0", "\ufffd", "\ufeff",
    "ThÃ´n", "\u202e", "\x00", "\n", '"', "'", ";", ",", "\t", "<script>alert(1)</script>",
    "&xxe;", "{value}", "{0}", "%s", "../../etc/passwd", "CON", "/vsicurl/http://127.0.0.1:9/x", "/vsizip/x.zip",
    "x" * 5000, "VTL;VTL;VNPT", ";;", "VTL|VNPT", "[VTL]", "LTE1800", "B3", "2025-02", "2025-07", "covered", "EPSG:1",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    0.5,
    1e-300,
    1e9,
    1e18,
    1e300,
    float("inf"),
    -float("inf"),
    float("nan"),
)
ORDINATES = (
    0.0,
    -0.0,
    1e-300,
    90.0,
    105.2,
    415_000.0,
    2.4e6,
    1e9,
    1e20,
    1e308,
    float("inf"),
    -float("inf"),
    float("nan"),
)
TABLES = tuple(layer for layer in input_layers().values() if layer.is_table)
SHAPES = tuple(layer for layer in input_layers().values() if not layer.is_table)
GEOPACKAGE_TABLES = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys", "gpkg_extensions")


def bytes_changed(random: Random, content: bytes) -> bytes:
    """Some bytes flipped, cut out, doubled, put in or cut off."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        if not data:
            return bytes(random.randbytes(random.randrange(50)))
        at, length = random.randrange(len(data)), random.choice((1, 2, 8, 100))
        match random.randrange(6):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at:at] = random.randbytes(length)
            case 4:
                data[at : at + length] = bytes([random.choice((0, 34, 44, 59, 10, 255))]) * length
            case _:
                if random.random() < 0.2:
                    del data[at:]
    return bytes(data)


def _file(folder: Path, name: str, change: Callable[[bytes], bytes]) -> str:
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    return name


def csv_bytes(random: Random, folder: Path) -> str:
    """A CSV file with some bytes changed."""
    layer = random.choice([one for one in TABLES if (folder / one.file).exists()])
    _file(folder, layer.file, lambda content: bytes_changed(random, content))
    return layer.name


def csv_cells(random: Random, folder: Path) -> str:
    """A CSV file with some cells, columns or rows changed, written as CSV again."""
    layer = random.choice([one for one in TABLES if (folder / one.file).exists()])
    lines = list(csv.reader(io.StringIO((folder / layer.file).read_text(encoding="utf-8"))))
    for _ in range(random.choice((1, 1, 2, 4, 10))):
        row, column = random.randrange(len(lines)), random.randrange(len(lines[0]))
        match random.randrange(12):
            case 0:
                lines.insert(row, list(lines[row]))
            case 1 if len(lines) > 1:
                del lines[row]
            case 2:
                lines[row].append(str(random.choice(NASTY)))
            case 3:
                lines[0][column % len(lines[0])] = str(random.choice((*(one.name for one in layer.columns), *NASTY)))
            case 4:
                value = str(random.choice(NASTY))
                for line in lines[1:]:
                    line[column : column + 1] = [value]
            case _:
                lines[row][column : column + 1] = [str(random.choice(NASTY) or "")]
    text = io.StringIO()
    csv.writer(text, delimiter=random.choice(",,,;")).writerows(lines)
    encoding = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    (folder / layer.file).write_bytes(text.getvalue().encode(encoding, "replace"))
    return layer.name


def gpkg_bytes(random: Random, folder: Path) -> str:
    """A GeoPackage with some bytes changed: pages of SQLite, anywhere."""
    layer = random.choice([one for one in SHAPES if (folder / one.file).exists()])
    _file(folder, layer.file, lambda content: bytes_changed(random, content))
    return layer.name


def gpkg_rows(random: Random, folder: Path) -> str:
    """A GeoPackage with cells, shapes, rows, columns or its own tables changed in SQL."""
    layer = random.choice([one for one in SHAPES if (folder / one.file).exists()])
    with closing(sqlite3.connect(folder / layer.file)) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        for _ in range(random.choice((1, 1, 2, 4))):
            with suppress(sqlite3.Error, OverflowError):
                _sql(random, base, layer.file_layer)
        base.commit()
    return layer.name


def _sql(random: Random, base: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in base.execute(f'PRAGMA table_info("{table}")')]
    fids = [row[0] for row in base.execute(f'SELECT fid FROM "{table}"')]  # noqa: S608
    if not fids or len(columns) < 3:  # an earlier change left nothing
        return
    fid, column = random.choice(fids), random.choice(columns[2:])
    match random.randrange(14):
        case 0 | 1 | 2 | 3 | 4:
            value = random.choice((*NASTY, *NUMBERS, b"\xff\xfe\x00", random.randbytes(9)))
            base.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE fid = ?', (value, fid))  # noqa: S608
        case 5:
            value = random.choice((*NASTY, *NUMBERS))
            base.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))  # noqa: S608
        case 6 | 7 | 8 | 9:
            (blob,) = base.execute(f'SELECT geom FROM "{table}" WHERE fid = ?', (fid,)).fetchone()  # noqa: S608
            base.execute(f'UPDATE "{table}" SET geom = ? WHERE fid = ?', (_shape(random, blob or b""), fid))  # noqa: S608
        case 10:
            base.execute(f'DELETE FROM "{table}" WHERE fid {random.choice(("=", "<>", ">", "<"))} ?', (fid,))  # noqa: S608
        case 11:
            base.execute(
                f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{random.choice(("x", "NAME", "geometry"))}"'
            )
        case 12:
            srs = random.choice((0, -1, 4326, 4756, 9209, 3857, 99999, 4978))
            base.execute("UPDATE gpkg_geometry_columns SET srs_id = ? WHERE table_name = ?", (srs, table))
        case _:
            own = random.choice(GEOPACKAGE_TABLES)
            names = [row[1] for row in base.execute(f'PRAGMA table_info("{own}")')]
            value = random.choice((*NASTY, *NUMBERS, "POINT", "undefined", 'LOCAL_CS["x"]'))
            base.execute(f'UPDATE "{own}" SET "{random.choice(names)}" = ?', (value,))  # noqa: S608


def _shape(random: Random, blob: bytes) -> bytes | None:
    """A shape with an ordinate, its kind, a count or any byte changed; or none."""
    if len(blob) < 50 or random.random() < 0.1:
        return random.choice((None, b"", b"GP", random.randbytes(30)))
    data = bytearray(blob)
    match random.randrange(4):
        case 0:
            at = len(data) - 8 * random.randrange(1, max(2, (len(data) - 45) // 8))
            struct.pack_into("<d", data, at, random.choice(ORDINATES))
        case 1:
            header = 8 + {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}.get((data[3] >> 1) & 7, 0)
            struct.pack_into(
                "<I", data, min(header + 1, len(data) - 4), random.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 1001, 2003))
            )
        case 2:
            struct.pack_into(
                "<I", data, random.randrange(len(data) - 4), random.choice((0, 1, 3, 2**16, 2**31, 2**32 - 1))
            )
        case _:
            return bytes_changed(random, blob)
    return bytes(data)


def toml(random: Random, folder: Path) -> str:
    """study.toml with bytes, values or keys changed."""
    if random.random() < 0.3:
        return _file(folder, SETTINGS_FILE, lambda content: bytes_changed(random, content))
    lines = (folder / SETTINGS_FILE).read_text(encoding="utf-8").splitlines()
    said = [n for n, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    for n in random.sample(said, random.choice((1, 1, 2, 5))):
        key = lines[n].partition(" = ")[0]
        value = random.choice((
            repr(random.choice(NUMBERS)), "true", "[]", "{}", "[1, 2]", '""', '"mật"', '"EPSG:4326"', '"EPSG:999999"',
            "[[]]", "2024-01-01", "-1", "0", "1e308", '["x"]', "{ low = 3, base = 2, high = 1 }", "9999999999999999999",
        ))  # fmt: skip
        lines[n] = random.choice((f"{key} = {value}", f"{key}x = {value}", lines[n] + "\n" + lines[n], f"[{key}]", ""))
    (folder / SETTINGS_FILE).write_text("\n".join(lines), encoding="utf-8")
    return SETTINGS_FILE


def raster_bytes(random: Random, folder: Path) -> str:
    """A raster with some bytes changed."""
    return _file(folder, random.choice(list(RASTER_FILES.values())), lambda content: bytes_changed(random, content))


def raster_values(random: Random, folder: Path) -> str:
    """A raster of another type, size, place or system, or with strange values."""
    name = random.choice(list(RASTER_FILES.values()))
    with rasterio.open(folder / name) as source:
        values, profile = source.read(1), dict(source.profile)
    kind = random.choice(("float32", "float64", "int16", "uint8", "int32"))
    values = values.astype("float64")
    for _ in range(random.choice((0, 1, 3))):
        part = values[random.randrange(values.shape[0]) :, random.randrange(values.shape[1]) :]
        part[...] = random.choice((0, -1, 255, 1e4, -32768, 1e30, np.inf, -np.inf, np.nan))
    values = values[: random.choice((1, 2, 50, 9999)), : random.choice((1, 2, 50, 9999))]
    moved = profile["transform"] @ rasterio.Affine.translation(random.choice((0, 0, 0, 50, 1e6)), 0)
    scaled = moved @ rasterio.Affine.scale(random.choice((1, 1, 1, -1, 1e-6, 1e6, 0.5)))
    crs = random.choice((profile["crs"], profile["crs"], None, 4326, 4756, 9209, 3857))
    nodata = random.choice((profile["nodata"], None, 0))
    profile.update(dtype=kind, height=values.shape[0], width=values.shape[1], transform=scaled, crs=crs, nodata=nodata)
    for key in ("blockxsize", "blockysize", "tiled", "interleave"):
        profile.pop(key, None)
    with np.errstate(all="ignore"), MemoryFile() as made:
        with made.open(**profile) as file:
            file.write(np.nan_to_num(values).astype(kind) if kind[0] in "iu" else values.astype(kind), 1)
        (folder / name).write_bytes(made.read())
    return name


KINDS: dict[str, Callable[[Random, Path], str]] = {
    one.__name__: one for one in (csv_bytes, csv_cells, gpkg_bytes, gpkg_rows, toml, raster_bytes, raster_values)
}
