"""Files as they stand for who has them open: with what is read together with them but does not stand in them.

QGIS works on GeoPackages in SQLite's write-ahead mode: an edit that was saved stands in `NAME-wal` until SQLite moves
it into the file. A program that is stopped leaves that, or `NAME-journal`, behind. Reading such a file in its place
makes SQLite write to it (what covplan never does to a study) and, where nobody may write, leaves the edit out. So it is
read from a copy, with what lies beside it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BESIDE = ("-wal", "-journal")
"""What SQLite keeps beside a file (https://sqlite.org/tempfiles.html); `-shm` is only an index of the first."""
HEAD_BYTES = 256
MAGIC, VERSIONS_AT, WRITE_AHEAD = b"SQLite format 3\0", 18, 2  # https://sqlite.org/fileformat.html, 1.3.3


def read_only(path: Path) -> sqlite3.Connection:
    """SQLite's view of a file that is not written to."""
    return sqlite3.connect(f"{sqlite_address(path.resolve())}?mode=ro", uri=True)


def sqlite_address(path: PurePath) -> str:
    """The address SQLite takes a whole path by; what follows `//` is no server to it (https://sqlite.org/uri.html).

    >>> from pathlib import PureWindowsPath
    >>> sqlite_address(PureWindowsPath("//server/share/tỉnh.gpkg"))
    'file:////server/share/t%E1%BB%89nh.gpkg'
    >>> sqlite_address(PureWindowsPath("D:/a b.gpkg"))
    'file:///D:/a%20b.gpkg'
    """
    address = path.as_uri()
    return address if address.startswith("file:///") else address.replace("file://", "file:////", 1)


def pending(path: Path) -> list[Path]:
    """Files beside it with rows that the file itself does not hold yet."""
    there = [path.with_name(path.name + end) for end in BESIDE]
    return [one for one in there if one.is_file() and one.stat().st_size]


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """The file to read for the length of the block: itself, or a copy with what is pending, of the same name."""
    beside = pending(path)
    if not beside and not _is_write_ahead(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="covplan-", ignore_cleanup_errors=True) as folder:
        for one in (path, *beside):
            shutil.copyfile(one, Path(folder) / one.name)
        copy = Path(folder) / path.name
        with suppress(sqlite3.Error), closing(sqlite3.connect(copy)) as base:  # what it is, is said by who reads it
            base.execute("PRAGMA journal_mode = delete")  # takes in what was saved, takes back what was not
        yield copy


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _is_write_ahead(path: Path) -> bool:
    if not path.is_file():
        return False
    head = _head(path)
    return head.startswith(MAGIC) and WRITE_AHEAD in head[VERSIONS_AT : VERSIONS_AT + 2]
