"""The command group, and what its commands share: options, the console, progress, one way to fail."""

from __future__ import annotations

import errno
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covplan import __version__
from covplan.cli.speech import FLAG, Commands, Option
from covplan.study.language import LANGUAGES, N_, _
from covplan.study.language import number as spoken_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

FOLDER = click.Path(path_type=Path, file_okay=False)
SHOWN_ROWS = 40
WHY = {
    errno.EACCES: N_("no permission, or the file is open in another program"),
    errno.EPERM: N_("no permission, or the file is open in another program"),
    errno.EROFS: N_("this disk cannot be written to"),
    errno.ENOSPC: N_("the disk is full"),
    errno.ENOENT: N_("no such file or folder"),
    errno.EISDIR: N_("is a folder, not a file"),
    errno.ENOTDIR: N_("is a file, not a folder"),
    errno.EEXIST: N_("is there already"),
}
"""What the system says no with."""

option = partial(click.option, cls=Option)
language = option(
    FLAG,
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help="Language; default: that of study.toml, else the system's.",
)
results = option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")


class _Covplan(Commands):
    """Turns covplan's own errors into one clear message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        from covplan.study.errors import CovplanError

        try:
            return super().invoke(ctx)
        except CovplanError as error:
            raise SystemExit(fail(str(error))) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            known = WHY.get(error.errno or 0)
            raise SystemExit(fail(f"{place}{_(known) if known else error.strerror or error}")) from None


@click.group(cls=_Covplan, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="covplan", cls=Option)
@language
def main() -> None:
    """Plan a province's mobile and fiber coverage. A study folder goes in, a plan comes out."""


def stop_if_same(study: Path, out: Path) -> None:
    """Stop when results would go into the study folder."""
    if study.resolve() == out.resolve():
        said = _("{folder}: results do not go into the study folder itself; choose another --out.")
        raise SystemExit(fail(said.format(folder=out)))


def may_write(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Go on when nothing would be lost: no such file yet, `--overwrite`, or a yes on the terminal; else stop."""
    there = [path for path in paths if path.exists()]
    if not there or overwrite:
        return
    named = ", ".join(str(path) for path in there)
    if sys.stdin.isatty() and click.confirm(_("{files}: already there. Replace?").format(files=named)):
        return
    said = _("{files}: already there. Add --overwrite to replace, or choose another --out.")
    raise SystemExit(fail(said.format(files=named)))


def number(value: float) -> str:
    """A number as the language spoken writes it; a dash for nothing (NaN)."""
    return "–" if math.isnan(value) else spoken_number(value, 2)


def open_console() -> Console:
    """The terminal, or whatever stands in for it."""
    from rich.console import Console

    return Console()


def fail(message: str) -> int:
    """Print an error; returns the exit code that goes with it."""
    click.secho(_("Error: "), fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
    return 2
