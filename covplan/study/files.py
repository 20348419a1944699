"""Files are written whole or not at all: beside the target first, flushed, renamed when the block ends well.

The one door of every writer. What a killed run left beside is cleared away by the next one that writes there.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import sqlite3
import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio.errors import RasterioIOError

from covplan.study.errors import OutputError
from covplan.study.held import take_place, tried
from covplan.study.language import N_, _
from covplan.study.settled import pending

if TYPE_CHECKING:
    from collections.abc import Iterator


FILE_DATE = "2025-01-01T00:00:00.000Z"
PART, FORMER = ".part-", ".former-"
NO_ROOM = {
    errno.ENOSPC: N_("the disk is full"),
    errno.EDQUOT: N_("the disk quota is used up"),
    errno.EFBIG: N_("the file is larger than this system allows"),
    errno.EROFS: N_("this disk cannot be written to"),
    errno.EIO: N_("the disk fails"),
}
"""What the system says where nothing more can be written."""
_cleared: set[tuple[int, Path]] = set()
"""Folders that this process has looked through for what a killed run left."""


@contextmanager
def written_whole(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """A sibling to write to, which takes the name of `path` when the block ends well and is removed when not.

    The sibling keeps the suffix of `path` (GDAL warns otherwise).

    Parameters
    ----------
    lasting : bool
        Wait until the content is on the disk before it takes its name, so that it is whole after a power cut too.

    Raises
    ------
    OutputError
        The disk is full or fails; what was there before is still there.
    """
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_left(path.parent)
        part = _beside(PART, path)
        part.unlink(missing_ok=True)
        try:
            yield part
            if lasting:
                _flush(part)
            _take_place(part, path)
            if lasting:
                _flush_folder(path.parent)
        finally:
            with suppress(OSError):  # what happened before is what is to be told
                part.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """The same for a folder: an empty sibling to fill, which takes the place of `path` when the block ends well."""
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_left(path.parent)
        part, former = _beside(PART, path), _beside(FORMER, path)
        for left in (part, former):
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir()
        try:
            yield part
            for file in sorted(part.rglob("*")):
                if file.is_file():
                    _flush(file)
            if path.exists():
                tried(lambda: path.replace(former))  # where another program has it open, the new one stands beside it
            _take_place(part, path)
            _flush_folder(path.parent)
        finally:
            if former.exists() and not path.exists():
                former.replace(path)
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)


def clear_left(folder: Path) -> None:
    """Remove what killed runs left in a folder; a folder that one was just replacing gets its name back.

    Looked for once in a process. What another run that is still alive is writing stays.
    """
    here = (os.getpid(), folder.absolute())
    if here in _cleared:
        return
    _cleared.add(here)
    for left in sorted(folder.glob(".*")):
        kind = next((one for one in (FORMER, PART) if left.name.startswith(one)), None)
        if kind is None:
            continue
        number, _dash, name = left.name.removeprefix(kind).partition("-")
        if number.isdigit() and int(number) != os.getpid() and is_running(int(number)):
            continue
        if kind == FORMER and name and not (folder / name).exists():
            left.replace(folder / name)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()


def is_running(pid: int) -> bool:
    """Whether a process of this number lives."""
    if sys.platform == "win32":
        process = ctypes.windll.kernel32.OpenProcess(0x1000, 0, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not process:
            return False
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(process, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(process)
        return code.value == 259  # STILL_ACTIVE
    else:  # or it is code that is never reached, to a type checker on Windows
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:  # it is somebody else's
            return True
        return True


def _beside(kind: str, path: Path) -> Path:
    return path.with_name(f"{kind}{os.getpid()}-{path.name}")


def _take_place(source: Path, target: Path) -> None:
    """Rename: the moment in which a result is there. Every file and folder passes here."""
    take_place(source, target)


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks do not know it
            raise
    finally:
        os.close(file)


def _flush_folder(folder: Path) -> None:
    if sys.platform != "win32":  # a folder cannot be opened there, and a rename is logged by the file system
        with suppress(OSError):  # some network disks do not know it
            file = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """What the system, SQLite and GDAL say of a disk that is full or refuses, with the file's name."""
    try:
        yield
    except RasterioIOError as error:
        raise _refused(path, error) from error
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise _refused(path, _(NO_ROOM[error.errno])) from error
    except (sqlite3.OperationalError, DataSourceError, DataLayerError, FeatureError) as error:
        raise _refused(path, error) from error


def _refused(path: Path, why: object) -> OutputError:
    said = _("{path}: {error}. Nothing was written; what was there before is still there.")
    return OutputError(said.format(path=path, error=why))


@cache
def code_digest() -> str:
    """Hex sha256 of all files of this program: the same version may be another program in a working copy."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix not in (".pyc", ".po") and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(package).as_posix()}\0{file_digest(path)}\0".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Hex sha256 of a file's bytes; with what is read together with it where there is such (`study.settled`)."""
    digests = []
    for one in (path, *pending(path)):
        with one.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return content_digest(*digests) if len(digests) > 1 else digests[0]


def content_digest(*parts: object) -> str:
    """Hex sha256 over parts, by their bytes or their words."""
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


@contextmanager
def fixed_file_date() -> Iterator[None]:
    """GDAL writes this date into the GeoPackages of the block instead of now, so that same data is same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FILE_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
