"""Long work says where it stands: a bar in a terminal or a notebook, plain lines anywhere else."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_DONE_OF = re.compile(r"\b(\d+)/(\d+)\b")


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
