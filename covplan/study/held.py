"""Results that another program has open: the new version stands beside them, under a name that is told.

On Windows a file that Excel or QGIS has open cannot be replaced. A virus scanner lets go after a moment, so it is tried
again for a second or two; a planner does not, so the result is kept beside it and the run goes on.
"""

from __future__ import annotations

import errno
import shutil
import time
import warnings
from typing import TYPE_CHECKING

from covplan.study.errors import ResultWarning
from covplan.study.language import N_, _, by_language
from covplan.study.settled import pending

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Between two tries."""
MOST_BESIDE = 99
WINDOWS_SAYS = {5, 32, 33, 1224}
"""Access denied, sharing violation, lock violation, a section of the file is mapped (winerror.h)."""
PROGRAMS = {
    ".xlsx": N_("Excel"), ".csv": N_("Excel"), ".docx": N_("Word"), ".html": N_("a browser"), ".gpkg": N_("QGIS"),
    ".tif": N_("QGIS"), ".geojson": N_("QGIS"), ".png": N_("a viewer of pictures"), "": N_("QGIS or the file manager"),
}  # fmt: skip
"""What usually has a result open, by its suffix; without one: a folder."""
_elsewhere: dict[Path, Path | None] = {}
_written: list[Path] = []


def take_place(source: Path, target: Path) -> None:
    """Give a finished file or folder the name of `target`, or one beside it where another program holds that.

    Warns
    -----
    ResultWarning
        It stands beside: where, who usually holds it, what to do.

    Raises
    ------
    OSError
        Nothing can be written there at all; it names `target`.
    """
    refused = _in_use(target) if pending(target) else tried(lambda: source.replace(target))
    if refused is None:
        _elsewhere.pop(target.absolute(), None)
        _written.append(target)
        return
    own = any(part.startswith(".") for part in target.parts[-4:])  # nobody would look for what covplan keeps
    if own or not target.exists() or (target.is_dir() and not source.is_dir()):
        raise OSError(refused.errno, refused.strerror, str(target)) from refused
    for n in range(1, MOST_BESIDE):
        beside = _beside(target, n)
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        if not pending(beside) and tried(lambda to=beside: source.replace(to), pauses_s=()) is None:  # type: ignore[misc]
            break
    else:
        raise OSError(refused.errno, refused.strerror, str(target)) from refused
    _elsewhere[target.absolute()] = beside
    _written.append(beside)
    said = _(
        "{file} is open in another program (usually {program}) and could not be replaced. The new version is "
        "{beside}: close {name} there and run again, or rename it."
    )
    _tell(said.format(file=target, program=_program(target), beside=beside, name=target.name))


def remove(path: Path) -> None:
    """Remove a result that no longer holds; what another program has open stays, and is told.

    Warns
    -----
    ResultWarning
        It could not be removed.
    """
    if tried(lambda: path.unlink(missing_ok=True)) is None:
        _elsewhere.pop(path.absolute(), None)
        return
    _elsewhere[path.absolute()] = None
    said = _("{file} no longer holds, but is open in another program (usually {program}) and could not be removed.")
    _tell(said.format(file=path, program=_program(path)))


def tried(act: Callable[[], object], pauses_s: tuple[float, ...] | None = None) -> OSError | None:
    """Do something that another program may stand in the way of, again and again for a moment; what it says at last.

    Any other error is raised.
    """
    for pause_s in (*(PAUSES_S if pauses_s is None else pauses_s), None):
        try:
            act()
        except OSError as error:
            if not _is_in_use(error):
                raise
            if pause_s is None:
                return error
        else:
            return None
        time.sleep(pause_s)
    return None


def where(path: Path) -> Path:
    """The file that holds a result: of its name, or beside."""
    return _elsewhere.get(path.absolute()) or path


def elsewhere() -> dict[Path, Path | None]:
    """Results that do not stand under their name, and where they are; None: what could not be removed."""
    return dict(_elsewhere)


def written() -> tuple[Path, ...]:
    """What this run has written, whole."""
    return tuple(_written)


def forget() -> None:
    """A new run begins."""
    _elsewhere.clear()
    _written.clear()


def _is_in_use(error: OSError) -> bool:
    code = getattr(error, "winerror", None)
    return isinstance(error, PermissionError) or error.errno == errno.EBUSY or code in WINDOWS_SAYS


def _in_use(target: Path) -> OSError:
    """SQLite has rows of the old file beside it, which would be taken for rows of the new one."""
    return PermissionError(errno.EACCES, "edits of another program are not yet in the file", str(target))


def _beside(target: Path, n: int) -> Path:
    return target.with_name(f"{target.stem}_{by_language('moi', 'new')}{n if n > 1 else ''}{target.suffix}")


def _program(path: Path) -> str:
    known = PROGRAMS.get(path.suffix.lower())
    return _(known) if known else _("the one that made it")


def _tell(text: str) -> None:
    warnings.warn(text, ResultWarning, stacklevel=4)
