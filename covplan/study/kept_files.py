"""What is kept with a study: how large, for which run, when used; and what of it may go.

Everything kept can be made again. Each command notes which files it used (`note_run`), so what no command needs any
more is told from what the next one will ask for.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from covplan.study.cache import keep, kept, may_keep
from covplan.study.files import clear_left
from covplan.study.folder import study_key
from covplan.study.language import MILLION, _
from covplan.study.plan import proposed_folder, weights_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

KINDS = ("study", "loss", "links", "reception", "reach", "proposals", "assumptions", "other")
CACHE, RUNS, LOCK = ".cache", "runs", "lock"
DAY_S = 86_400.0
MOST_MB, MOST_MB_NAME = 5000.0, "COVPLAN_CACHE_MB"
"""How much is kept with a study when a command has ended, and the variable of the environment that says otherwise."""
NAME_LETTERS = 16
"""Of a file's key, in a note: enough to tell any two apart."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptFile:
    """One file that is kept, or the folder of one state's proposals."""

    path: Path
    kind: str
    size: int
    used_s: float
    """When it was last read or written, seconds since 1970."""
    runs: tuple[str, ...]
    """Commands whose latest run used it."""
    needed: bool
    """Proposals and weights of the study as it stands: minutes of work, and what plan, map and package show."""


@dataclass(frozen=True)
class KeptRun:
    """The latest run of a command."""

    command: str
    ended_s: float
    as_it_stands: bool
    """Of the study as it is now."""
    names: frozenset[str]


def note_run(study: Path, command: str, files: Iterable[Path]) -> None:
    """Note which kept files a command used; to those of its last run on the same study these are added."""
    cache = study / CACHE
    names = {_name(path) for path in files if path.is_relative_to(cache) and RUNS not in path.parts}
    if not names or not may_keep(study):
        return
    path, key = cache / RUNS / f"{command}.kept", study_key(study)
    content = kept(path)
    former = json.loads(content) if content else {"study": ""}
    if former["study"] == key:
        names |= set(former["names"])
    keep(path, json.dumps({"study": key, "names": sorted(names)}).encode())


def studies_of(files: Iterable[Path]) -> list[Path]:
    """Folders of the studies with which files are kept."""
    return sorted({parent.parent for path in files for parent in path.parents if parent.name == CACHE})


def kept_runs(study: Path) -> list[KeptRun]:
    """The latest run of each command, by its name."""
    found, key = [], study_key(study)
    for path in sorted((study / CACHE / RUNS).glob("[!.]*.kept")):
        ended_s, content = path.stat().st_mtime, kept(path)
        if content:
            noted = json.loads(content)
            found.append(KeptRun(path.stem, ended_s, noted["study"] == key, frozenset(noted["names"])))
    return found


def kept_files(study: Path) -> list[KeptFile]:
    """All that is kept with a study, the longest unused first."""
    cache, runs = study / CACHE, kept_runs(study)
    stays = {proposed_folder(study), weights_file(study)}
    found = []
    for path in _units(cache):
        parts = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        states = [one.stat() for one in parts] or [path.stat()]
        names = {_name(one) for one in parts}
        found.append(
            KeptFile(
                path, _kind(path, cache), sum(one.st_size for one in states), max(one.st_mtime for one in states),
                tuple(one.command for one in runs if one.names & names), path in stays,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.used_s, one.path))


def to_prune(
    files: Sequence[KeptFile], *, days: float | None = None, most_bytes: float | None = None, unused: bool = False
) -> list[KeptFile]:
    """What goes; what the study as it stands needs stays.

    Parameters
    ----------
    files : sequence of KeptFile
        The longest unused first.
    days : float, optional
        What was not used for so many days.
    most_bytes : float, optional
        Of what is left, the longest unused, until so much is kept.
    unused : bool
        What the latest run of no command used.
    """
    now = time.time()
    gone = [
        one
        for one in files
        if not one.needed and ((unused and not one.runs) or (days is not None and now - one.used_s > days * DAY_S))
    ]
    if most_bytes is not None:
        left = sum(one.size for one in files) - sum(one.size for one in gone)
        for one in files:
            if left <= most_bytes:
                break
            if not one.needed and one not in gone:
                gone.append(one)
                left -= one.size
    return gone


def most_kept_bytes() -> float:
    """How much may be kept with a study: 5 GB, or as many megabytes as COVPLAN_CACHE_MB says."""
    said = os.environ.get(MOST_MB_NAME, "")
    try:
        most_mb = float(said) if said else MOST_MB
    except ValueError:
        most_mb = -1.0
    if not most_mb >= 0:
        log.warning(_("{name}={value} is no number of megabytes: {most} counts.").format(
            name=MOST_MB_NAME, value=said, most=f"{MOST_MB:g}"))  # fmt: skip
        most_mb = MOST_MB
    return most_mb * MILLION


def cap(study: Path, used: Iterable[Path]) -> list[KeptFile]:
    """Remove the longest unused of what is kept with a study beyond the most; what went.

    What the run has used stays, though it be more: the next one asks for it.
    """
    most, cache = most_kept_bytes(), study / CACHE
    if sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) <= most:
        return []
    units = {parent for path in used for parent in (path, *path.parents)}
    files = [replace(one, needed=one.needed or one.path in units) for one in kept_files(study)]
    gone = to_prune(files, most_bytes=most)
    prune(study, gone)
    return gone


def prune(study: Path, gone: Iterable[KeptFile]) -> None:
    """Remove what goes, and what killed runs left half written."""
    for one in gone:
        if one.path.is_dir():
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)
    for folder in [study / CACHE, *(study / CACHE).rglob("*/")]:
        if folder.is_dir():
            clear_left(folder)


def _units(cache: Path) -> list[Path]:
    """Files, and the proposals of one state together."""
    found = []
    for folder in sorted(cache.iterdir()) if cache.is_dir() else []:
        if folder.name in (RUNS, LOCK):
            continue
        found += sorted(folder.glob("[!.]*")) if folder.is_dir() else [folder]
    return found


def _kind(path: Path, cache: Path) -> str:
    kind = path.relative_to(cache).parts[0]
    if kind == "loss" and path.suffix == ".links":
        return "links"
    return kind if kind in KINDS else "other"


def _name(path: Path) -> str:
    return f"{path.parent.name[:NAME_LETTERS]}/{path.name[:NAME_LETTERS]}"
