"""Run tests as if on Windows: `pytest --as-windows` (`make as-windows`), as far as another system can be made like it.

- A file that this process has open, or mapped into memory, is neither replaced nor removed.
- Texts written without a word on line ends get CRLF, and so do the tables and the settings of the small study.
- A text file opened without a word on its encoding is an error (on Windows it would be the region's code page); start
  Python with `-X warn_default_encoding` for that, as `make as-windows` does.
- Programs that a test starts get streams in code page 1258, or the one named (`--as-windows=cp1252`), without Python's
  UTF-8 mode; new processes are spawned, not forked.
- The clock is that of Hà Nội.

What is not: names of devices and files that case does not tell apart (tests/test_ntfs.py tries these on a real NTFS),
drive letters, the console itself. docs/windows.md lists what is tried by hand.
"""

from __future__ import annotations

import builtins
import errno
import io
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tests.study
from covplan.study.lock import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRLF = "\r\n"


def add_option(parser: pytest.Parser) -> None:
    pages = ("cp1252", "cp1258")
    parser.addoption("--as-windows", nargs="?", const="cp1258", choices=pages, help="as if on Windows: as_windows.py")


def configure(config: pytest.Config) -> None:
    if not config.getoption("--as-windows"):
        return
    if not sys.flags.warn_default_encoding:
        raise pytest.UsageError("--as-windows needs python -X warn_default_encoding -m pytest (make as-windows)")
    config.addinivalue_line("filterwarnings", "ignore::EncodingWarning")  # of libraries, which are not ours to mend
    config.addinivalue_line("filterwarnings", r"error::EncodingWarning:covplan(\.|$)")
    multiprocessing.set_start_method("spawn", force=True)
    os.environ["TZ"] = "Asia/Ho_Chi_Minh"
    time.tzset()


def pretend(patch: pytest.MonkeyPatch, page: str) -> Iterator[None]:
    """For one test."""
    patch.setenv("PYTHONUTF8", "0")
    patch.setenv("PYTHONIOENCODING", page)
    patch.setattr(os, "linesep", CRLF)
    for name in ("replace", "rename", "unlink", "remove"):
        patch.setattr(os, name, _refusing(getattr(os, name)))
    patch.setattr(io, "open", _with_crlf(io.open))
    patch.setattr(builtins, "open", _with_crlf(builtins.open))
    patch.setattr(tests.study, "write_layer", _edited_with_notepad(tests.study.write_layer))
    yield


def open_here(path: str | os.PathLike[str]) -> bool:
    """Whether this process has a file open, or mapped; or, for a folder, one in it."""
    real = os.path.realpath(path)
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    if real in mapped:
        return True
    for one in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            held = os.readlink(f"/proc/self/fd/{one}")  # noqa: PTH115
        except OSError:
            continue
        if held == real or held.startswith(f"{real}/"):
            return True
    return False


def _refusing(act: Callable[..., Any]) -> Callable[..., Any]:
    def refuse_or(source: Any, *rest: Any, **options: Any) -> Any:
        named = not {"dir_fd", "src_dir_fd"} & options.keys() and not isinstance(source, int)
        for path in (source, *(one for one in rest if isinstance(one, (str, os.PathLike)))) if named else ():
            if open_here(path) and Path(path).name != LOCK_FILE:  # which asks for the system, and does otherwise there
                raise PermissionError(errno.EACCES, "used by another process (as if on Windows)", os.fspath(path))
        return act(source, *rest, **options)

    return refuse_or


def _with_crlf(act: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if "b" not in mode:
            if len(rest) < 2 and options.get("encoding") is None:
                caller = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
                if caller in ("covplan", "tests"):
                    raise EncodingWarning(f"{file} is opened by {caller} without an encoding")
                options["encoding"] = "locale"
            if set(mode) & set("wax+") and len(rest) < 4 and options.get("newline") is None:
                options["newline"] = CRLF
        return act(file, mode, *rest, **options)

    return opened


def _edited_with_notepad(write: Callable[..., None]) -> Callable[..., None]:
    def written(table: Any, layer: Any, path: Path) -> None:
        write(table, layer, path)
        if layer.is_table:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    return written
