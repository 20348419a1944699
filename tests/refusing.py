"""A file system that refuses as Windows does: what another program has open is neither replaced nor removed."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from covplan.study import held

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_in_another_program(*paths: Path, times: int | None = None) -> Iterator[list[Path]]:
    """The files, and folders that hold them, for the block or the first tries; yields what was refused, one a try."""
    there = {path.absolute() for path in paths}
    refused: list[Path] = []

    def check(one: Path) -> None:
        one = one.absolute()
        if (one in there or any(one in path.parents for path in there)) and (times is None or len(refused) < times):
            refused.append(one)
            raise PermissionError(
                errno.EACCES, "The process cannot access the file because it is being used by another process", str(one)
            )

    real_replace, real_unlink = Path.replace, Path.unlink

    def replace(self: Path, target: Any) -> Path:
        check(self)
        check(Path(target))
        return real_replace(self, target)

    def unlink(self: Path, missing_ok: bool = False) -> None:
        check(self)
        real_unlink(self, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        patch.setattr(Path, "unlink", unlink)
        patch.setattr(held, "PAUSES_S", (0.0, 0.0))
        yield refused
