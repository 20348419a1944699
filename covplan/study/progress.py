"""Long work says where it stands: a bar in a terminal or a notebook, plain lines anywhere else."""

from __future__ import annotations

import re
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from covplan.study.language import ngettext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_DONE_OF = re.compile(r"\b(\d+)/(\d+)\b")
RECENT = 50  # parts by which the pace is judged: those kept on disk are read much faster than others are computed
EVERY_S = 3.0  # between two lines about the same work


class Pace:
    """How long work of many like parts still takes, by how long its latest parts took.

    Parameters
    ----------
    parts : int
        Of the whole work.
    clock : callable
        Seconds, from any start.
    """

    def __init__(self, parts: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.parts, self.done = parts, 0
        self._clock = clock
        self._recent = deque([clock()], maxlen=RECENT + 1)
        self._told_s = -EVERY_S

    def step(self) -> None:
        """One more part is done."""
        self.done += 1
        self._recent.append(self._clock())

    @property
    def left_s(self) -> float:
        """Seconds left; NaN before the first part is done."""
        steps = len(self._recent) - 1
        return (self._recent[-1] - self._recent[0]) / steps * (self.parts - self.done) if steps else float("nan")

    def is_due(self) -> bool:
        """Whether it is time to say something again; if so, it counts as said."""
        if self._recent[-1] - self._told_s < EVERY_S:
            return False
        self._told_s = self._recent[-1]
        return True


def time_left(seconds: float) -> str:
    """In words, to the whole second or minute."""
    if seconds < 100.0:
        whole = round(seconds)
        return ngettext("about {count} second left", "about {count} seconds left", whole).format(count=whole)
    whole = round(seconds / 60.0)
    return ngettext("about {count} minute left", "about {count} minutes left", whole).format(count=whole)


@contextmanager
def shown_progress(console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """What to give as `progress` to a function of covplan, for as long as the block lasts.

    A step that says how far it is (``VTL: 150/531 masts``) fills the bar so far.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = console or Console()
    if not (console.is_terminal or console.is_jupyter):
        yield lambda step: console.print(f"· {step}", markup=False, highlight=False)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=console.is_jupyter) as bar:
        task = bar.add_task("…", total=None)

        def show(step: str) -> None:
            found = _DONE_OF.search(step)
            done, total = (int(found[1]), int(found[2])) if found else (0, None)
            bar.update(task, description=step, completed=done, total=total)

        yield show
