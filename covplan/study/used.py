"""Which kept files a run has used; of its own, so that who only asks for it loads nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_used: set[Path] = set()


def use(path: Path) -> None:
    """A file has been read or kept."""
    _used.add(path)


def used() -> frozenset[Path]:
    """What this run has read or kept."""
    return frozenset(_used)


def forget_used() -> None:
    """A new run begins."""
    _used.clear()
