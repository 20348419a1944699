"""Files are written whole or not at all: beside the target first, renamed when the block ends well."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyogrio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FILE_DATE = "2025-01-01T00:00:00.000Z"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A sibling to write to, which takes the name of `path` when the block ends well and is removed when not.

    The sibling keeps the suffix of `path` (GDAL warns otherwise).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{path.name}")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """The same for a folder: an empty sibling to fill, which takes the place of `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, former = path.with_name(f".part-{path.name}"), path.with_name(f".former-{path.name}")
    for left in (part, former):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        if path.exists():
            path.replace(former)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def file_digest(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
