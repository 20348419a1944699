"""A GeoPackage open in another program, as QGIS has it: edits saved into the write-ahead log, the file as it was.

Run as a program of its own: two SQLites in one process undo each other's locks. `python open_elsewhere.py FILE LAYER
COLUMN VALUE` edits the first row, says "ready", and holds the file until a line comes; a second argument list after
`--crash` ends without closing anything.
"""

from __future__ import annotations

import os
import sqlite3
import sys


def main(file: str, layer: str, column: str, value: str, crash: str = "") -> None:
    base = sqlite3.connect(file, isolation_level=None)
    base.execute("PRAGMA journal_mode = wal")
    base.execute("PRAGMA wal_autocheckpoint = 0")
    for name in ("IsEmpty", "MinX", "MaxX", "MinY", "MaxY"):  # asked by triggers of the spatial index
        base.create_function(f"ST_{name}", 1, lambda _shape: 0)
    base.execute(f'UPDATE "{layer}" SET "{column}" = ? WHERE fid = 1', (value,))  # noqa: S608
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if crash:
        os._exit(1)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
