"""Damaged studies read one after the other, and what came of them."""

from __future__ import annotations

import resource
import sqlite3
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from covplan.pipeline import make_plan
from covplan.study.boundaries import outline
from covplan.study.errors import CovplanError
from covplan.study.folder import _checked_tables, read_study
from covplan.study.layers import input_layers
from covplan.study.rasters import RASTER_FILES, check_rasters, raster_paths, with_fitting_landcover
from covplan.study.reading import read_layer
from covplan.study.settings_file import SETTINGS_FILE, load_settings
from tests.fuzz.mutate import KINDS
from tests.study import small_layers, small_study

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

    from covplan.study.layers import Layer
    from covplan.study.settings import Settings

MOST_S, MOST_BYTES = 30.0, 2 * 1024**3  # of processor time: a machine may be busy with something else
WHOLE_EVERY = 50  # cases between two that are read as a whole study


@dataclass
class Tried:
    """How many cases of each kind ended how, and the failures: kind, seed, what."""

    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    slowest_s: float = 0.0
    most_bytes: int = 0


class Folder:
    """A sound study, made sound again after each case."""

    def __init__(self, folder: Path) -> None:
        self.path = small_study(folder)
        self.sound = {file.name: file.read_bytes() for file in self.path.iterdir() if file.is_file()}
        self.settings: Settings = load_settings(self.path / SETTINGS_FILE)
        study, _ = read_study(self.path)
        assert study is not None
        self.border: BaseGeometry = outline(study.communes, self.settings.province.boundaries)

    def mend(self) -> None:
        for file in self.path.iterdir():
            if file.is_file() and file.name not in self.sound:
                file.unlink()  # SQLite's journals
        for name, content in self.sound.items():
            path = self.path / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)


def fuzz(folder: Path, seeds: Iterable[int], kinds: Iterable[str] = tuple(KINDS), *, plan: bool = False) -> Tried:
    """Damage a small study once for each seed, each time in the next of the kinds, and read it.

    With `plan` each study that can be read is planned, too: slow.
    """
    sound, tried, names = Folder(folder), Tried(), list(kinds)
    _forget_peak()
    for number, seed in enumerate(seeds):
        kind = names[seed % len(names)]
        sound.mend()
        began = time.process_time()
        try:
            hurt = KINDS[kind](Random(f"{kind} {seed}"), sound.path)  # noqa: S311 (a test's own)
        except (sqlite3.Error, ValueError, OSError) as error:  # what cannot even be written
            tried.ended[kind, f"not made ({type(error).__name__})"] += 1
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                whole = plan or number % WHOLE_EVERY == WHOLE_EVERY - 1
                ended = _whole(sound, hurt, plan=plan) if whole else _part(sound, hurt)
        except CovplanError:
            ended = "refused"
        except Exception:  # any other is what is looked for
            ended = "FAILED"
            tried.failures.append((kind, seed, traceback.format_exc()))
        spent_s = time.process_time() - began
        if spent_s > MOST_S:
            tried.failures.append((kind, seed, f"{spent_s:.0f} s"))
        tried.slowest_s = max(tried.slowest_s, spent_s)
        tried.ended[kind, ended] += 1
    tried.most_bytes = _peak_bytes()
    if tried.most_bytes > MOST_BYTES:
        tried.failures.append(("memory", -1, f"{tried.most_bytes} bytes"))
    return tried


def _forget_peak() -> None:
    """What this process held before is not what damaged studies ask for (proc(5), clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    """The most memory this process held since its peak was forgotten; ever, where that cannot be asked."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _part(sound: Folder, hurt: str) -> str:
    """Read what was hurt and what it is held against."""
    if hurt == SETTINGS_FILE:
        load_settings(sound.path / SETTINGS_FILE)
        return "read"
    if hurt in RASTER_FILES.values():
        found = check_rasters(sound.path, sound.border, sound.settings.province.epsg)
        if hurt == RASTER_FILES["landcover"] and not found:
            with_fitting_landcover(sound.path, sound.border, sound.settings)
        return "told" if found else "read"
    layer = input_layers()[hurt]
    sieves, told = {}, False
    for name in dict.fromkeys(("communes", hurt)):
        sieve, problems = read_layer(sound.path, input_layers()[name])
        told |= bool(problems)
        if sieve is None:
            continue
        sieves[name] = sieve
    tables = _checked_tables(sieves, sound.settings, raster_paths(sound.path)["population"])
    for name, sieve in sieves.items():
        told |= bool(sieve.findings)
        _ = [
            one.text(part, spoken)
            for one in sieve.findings
            for part in ("problem", "done", "advice")
            for spoken in ("vi", "en")
        ]
        if name in tables:
            assert len(tables[name]) + len(sieve.reasons) == len(sieve.raw), "rows were lost"
            sieve.set_aside()
    if hurt in sieves and not layer.is_table:
        assert len(sieves[hurt].raw) == _rows(sound.path, layer), "rows of the GeoPackage were lost"
    return "told" if told else "read"


def _rows(folder: Path, layer: Layer) -> int:
    """Rows of a layer by SQLite; where it cannot tell, as many as were read."""
    base = sqlite3.connect(folder / layer.file)
    try:
        return int(base.execute(f'SELECT COUNT(*) FROM "{layer.file_layer}"').fetchone()[0])  # noqa: S608
    finally:
        base.close()


def _whole(sound: Folder, hurt: str, *, plan: bool) -> str:
    """Read the whole study, and plan it where that is asked for; layers of other files keep all their rows."""
    study, found = read_study(sound.path)
    if study is None:
        return "stopped"
    hurt_file = input_layers()[hurt].file if hurt in input_layers() else hurt
    for name, written in small_layers().items():
        if input_layers()[name].file != hurt_file:
            assert len(study.table(name)) + len(study.set_aside.get(name, ())) == len(written), (
                f"{name}: rows were lost"
            )
    if plan:
        make_plan(study)
        return "planned"
    return "told" if len(found) > 1 else "read"
