"""The exported GeoPackage as both sides see it: what is kept in it of its rows, so that an edit can be told later.

`publish` writes the layers and, beside them, what they held (`keep_baseline`); `intake` reads the edited file and holds
it against that. Values are compared as SQLite holds them, so that nothing is lost or gained by a conversion.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import shapely

if TYPE_CHECKING:
    import sqlite3

    from shapely.geometry.base import BaseGeometry

BASELINE_TABLE = "covplan_baseline"
FILE_TABLE = "covplan_file"
EDITABLE = {"stations": "station_id", "locations": "location_id", "proposals": "proposal_id"}
"""Layers whose edits are taken back, with what names a row."""
GEOMETRY = "geom"
FILE_ID = "fid"
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


def keep_baseline(base: sqlite3.Connection, tables: dict[str, str], file: dict[str, Any]) -> None:
    """Write what the tables hold now into the package.

    Parameters
    ----------
    tables : dict
        Layer to its table in the package.
    file : dict
        What is to be known of the file as a whole; any JSON.
    """
    base.execute(f'CREATE TABLE "{FILE_TABLE}" (key TEXT PRIMARY KEY, value TEXT NOT NULL)')
    digests = {name: table_digest(base, table) for name, table in tables.items() if name not in EDITABLE}
    values = file | {"tables": tables, "digests": digests}
    lines = [(key, json.dumps(value, ensure_ascii=False, sort_keys=True)) for key, value in sorted(values.items())]
    base.executemany(f'INSERT INTO "{FILE_TABLE}" VALUES (?, ?)', lines)  # noqa: S608
    base.execute(f'CREATE TABLE "{BASELINE_TABLE}" (layer TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL)')
    for name in (name for name in EDITABLE if name in tables):
        rows = [(name, str(row[EDITABLE[name]]), _json(row)) for row in package_rows(base, tables[name])]
        base.executemany(f'INSERT INTO "{BASELINE_TABLE}" VALUES (?, ?, ?)', rows)  # noqa: S608


def baseline(base: sqlite3.Connection, layer: str) -> dict[str, dict[str, Any]]:
    """Rows of an editable layer as they were exported, by their key."""
    rows = base.execute(f'SELECT key, row FROM "{BASELINE_TABLE}" WHERE layer = ? ORDER BY rowid', (layer,))  # noqa: S608
    return {key: json.loads(row) for key, row in rows}


def file_facts(base: sqlite3.Connection) -> dict[str, Any]:
    """What was noted of the file as a whole."""
    return {key: json.loads(value) for key, value in base.execute(f'SELECT key, value FROM "{FILE_TABLE}"')}  # noqa: S608


def package_rows(base: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """Rows of a table by column, in their order, without the file's own number; geometry as WKB in hex."""
    cursor = base.execute(f'SELECT * FROM "{table}" ORDER BY 1')  # noqa: S608
    names = [one[0] for one in cursor.description]
    return [
        {
            name: (wkb_of(value).hex() if isinstance(value, bytes) else value)
            for name, value in zip(names, row, strict=True)
            if name != FILE_ID
        }
        for row in cursor
    ]


def table_digest(base: sqlite3.Connection, table: str) -> str:
    """Hex sha256 of a table's rows."""
    digest = hashlib.sha256()
    for row in base.execute(f'SELECT * FROM "{table}" ORDER BY 1'):  # noqa: S608
        digest.update(repr(row).encode())
    return digest.hexdigest()


def wkb_of(blob: bytes) -> bytes:
    """The well-known binary in a GeoPackage's geometry (OGC 12-128r18, 2.1.3): what comes after its own header."""
    if blob[:2] != b"GP":
        raise ValueError("not a GeoPackage geometry")
    return blob[8 + _ENVELOPE_BYTES[(blob[3] >> 1) & 0b111] :]


def shape_of(wkb_hex: str | None) -> BaseGeometry | None:
    """The shape of a row's geometry; None where there is none, or it is empty."""
    if not wkb_hex:
        return None
    shape = shapely.from_wkb(bytes.fromhex(wkb_hex))
    return None if shape.is_empty else shape


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True)
