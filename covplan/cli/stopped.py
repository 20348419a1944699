"""A run that is stopped (Ctrl-C, a closed terminal, a shutdown) clears up, says what is kept and how to go on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from covplan.study.language import _, ngettext, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

GENTLE = ("SIGTERM", "SIGHUP", "SIGBREAK")
"""Signals that ask a program to end; some are unknown to some systems."""


class Stopped(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """In the block, signals that would end the program at once end it as Ctrl-C does: files half written go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in GENTLE if hasattr(signal, name)]
    before = {one: signal.signal(one, _stop) for one in numbers if signal.getsignal(one) is signal.SIG_DFL}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as shells count; 130 for Ctrl-C."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def said_stopped(command: Sequence[str], written: Sequence[Path]) -> str:
    """What is kept of a run, and how to go on."""
    steps = len({path for path in written if ".cache" in path.parts})
    results = len({path for path in written if ".cache" not in path.parts and not path.name.startswith(".")})
    parts = []
    if results:
        text = ngettext("{count} result is whole", "{count} results are whole", results)
        parts.append(text.format(count=number(results)))
    if steps:
        text = ngettext("{count} step is kept", "{count} steps are kept", steps)
        parts.append(text.format(count=number(steps)))
    done = _("Stopped. Of this run {what}; nothing stands half written.").format(what=", ".join(parts))
    if not parts:
        done = _("Stopped. Nothing was written yet.")
    return done + "\n" + _("To go on, give the same command again: {command}").format(command=_as_typed(command))


def _as_typed(command: Sequence[str]) -> str:
    words = ["covplan", *command]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)
