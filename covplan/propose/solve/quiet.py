"""Keeps a debugging line of HiGHS from the reader's terminal and notebook.

HiGHS 1.12, which SciPy 1.17 brings, prints `NOISE` whatever its options say
(https://github.com/ERGO-Code/HiGHS/issues/2783). Nothing else that is printed meanwhile is lost. When the oldest SciPy
that covplan takes has a newer HiGHS, this module can go.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISE = b"HighsMipSolverData::transformNewIntegerFeasibleSolution tmpSolver.run();\n"
OUT = 1  # the file descriptor that C programs print to
_ALONE = threading.Lock()


@contextmanager
def without_noise() -> Iterator[None]:
    """Standard output of the process without the line; one at a time, a second thread's solver is left as it is."""
    if not _ALONE.acquire(blocking=False):
        yield
        return
    try:
        with suppress(AttributeError, OSError, ValueError):  # a program without standard output
            sys.stdout.flush()
        try:
            terminal = os.dup(OUT)
        except OSError:
            yield
            return
        with TemporaryFile() as printed:
            _flush()
            os.dup2(printed.fileno(), OUT)
            try:
                yield
            finally:
                _flush()
                os.dup2(terminal, OUT)
                os.close(terminal)
                printed.seek(0)
                with os.fdopen(OUT, "wb", closefd=False) as out:
                    out.write(printed.read().replace(NOISE, b""))
    finally:
        _ALONE.release()


def _flush() -> None:
    """Write out what the C library still holds back."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush(None)
