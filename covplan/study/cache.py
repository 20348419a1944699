"""Results kept on disk under the key of all they depend on: each with its own checksum, so that damage is noticed.

What is damaged, cut short or a folder by now is made again, with a line in the log. Where nothing can be kept (a full
disk), a run goes on without.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from covplan.study.errors import OutputError
from covplan.study.files import written_whole
from covplan.study.language import _
from covplan.study.used import use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

MAGIC = b"covplan\x01"
DIGEST_BYTES = 16
HEAD_BYTES = len(MAGIC) + DIGEST_BYTES
log = logging.getLogger(__name__)
_told: set[Path] = set()
"""Folders of which it was said that nothing can be kept there."""


def may_keep(study: Path) -> bool:
    """Whether anything can be kept with a study folder: not where it may only be read."""
    return os.access(study, os.W_OK)


def keep(path: Path, content: bytes) -> bool:
    """Keep some content, whole or not at all; False, and said once for a folder, where the disk refuses it."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        with written_whole(path, lasting=False) as part:  # its checksum tells what a power cut did to it
            part.write_bytes(MAGIC + _digest(content) + content)
    except (OutputError, OSError) as error:
        if path.parent not in _told:
            _told.add(path.parent)
            log.warning(_("{folder}: nothing more is kept there: {error}").format(folder=path.parent, error=error))
        return False
    use(path)
    return True


def kept(path: Path) -> bytes | None:
    """What was kept; None when there is nothing, or it is not what was written. Reading it counts as its use."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:  # a folder, or a file of somebody else
        content = b""
    if content[:HEAD_BYTES] != MAGIC + _digest(content[HEAD_BYTES:]):
        log.warning(_("{file}: damaged; what was kept there is made again.").format(file=path))
        return None
    with suppress(OSError):
        os.utime(path)
    use(path)
    return content[HEAD_BYTES:]


def is_kept(path: Path) -> bool:
    """Whether something is kept there and whole; says nothing."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content[:HEAD_BYTES] == MAGIC + _digest(content[HEAD_BYTES:])


def write_arrays(path: Path, arrays: Mapping[str, ArrayLike], *, compressed: bool = True) -> None:
    """Keep arrays as a numpy archive."""
    archive = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(archive, **arrays)  # type: ignore[arg-type]  # names of arrays, not options
    keep(path, archive.getvalue())


def read_arrays(path: Path, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]] | None:
    """The arrays of these names that were kept, or all; None when there are none, or they are damaged."""
    content = kept(path)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in (archive.files if names is None else names)}


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
