"""One run at a time on a study: the second waits for the first, and says so.

The lock is the operating system's own, on a file in the study's `.cache`: it ends with the process that holds it,
however that ends. What stands in the file (which command, which process, since when) is for people only, so a file that
a killed run left locks nobody out.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from covplan.study.cache import may_keep
from covplan.study.language import _

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK_FILE = "lock"
POLL_S = 0.2
BEYOND = 1 << 20  # the byte that Windows locks: far behind what others are to read
_HELD_BY_OTHERS = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_mine: set[Path] = set()


@contextmanager
def alone(study: Path, command: str, *, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the study's lock for the length of the block; waits while another run holds it.

    Nothing is locked where there is no study, or one that may only be read: nothing is kept there either.

    Parameters
    ----------
    command : str
        What others are told of this run.
    tell : callable
        Told, once, whom this run waits for.
    """
    if not study.is_dir() or not may_keep(study) or study.resolve() in _mine:
        yield
        return
    path, mine = study / ".cache" / LOCK_FILE, study.resolve()
    held = _acquired(path, study, tell)
    if held is None:
        yield
        return
    _mine.add(mine)
    try:
        about = {"command": command, "pid": os.getpid(), "since": datetime.now().astimezone().isoformat("T", "seconds")}
        with suppress(OSError):  # a full disk: the lock holds without
            os.ftruncate(held, 0)
            os.write(held, json.dumps(about).encode())
        yield
    finally:
        _mine.discard(mine)
        if sys.platform != "win32":
            path.unlink(missing_ok=True)  # while it is held: who waits sees that it is another file
        os.close(held)
        if sys.platform == "win32":
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _acquired(path: Path, study: Path, tell: Callable[[str], None]) -> int | None:
    """The open lock file; None where the file system knows no locks, or has no room for a file."""
    told = False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return None
        try:
            _lock(file)
        except OSError as error:
            os.close(file)
            if error.errno not in _HELD_BY_OTHERS:
                return None
        else:
            if _is_still(file, path):
                return file
            os.close(file)
            continue
        if not told:
            told = True
            tell(_waiting(path, study))
        time.sleep(POLL_S)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, BEYOND, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(file: int, path: Path) -> bool:
    """Whether the file that was locked still has its name: who held it before removes it."""
    if sys.platform == "win32":
        return True
    else:  # or it is code that is never reached, to a type checker on Windows
        try:
            return os.path.samestat(os.fstat(file), path.stat())
        except FileNotFoundError:
            return False


def _waiting(path: Path, study: Path) -> str:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        who = _("{command}, process {pid}, since {since}").format(**about)
    except (OSError, ValueError, KeyError, TypeError):
        who = _("another run of covplan")
    said = _("{study}: {who} is at work on it; waiting until it ends (Ctrl-C stops waiting).")
    return said.format(study=study, who=who)
