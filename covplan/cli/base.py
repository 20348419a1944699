"""The command group, and what its commands share: options, the console, progress, one way to fail."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covplan import __version__
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

FOLDER = click.Path(path_type=Path, file_okay=False)
SHOWN_ROWS = 40
language = click.option("--lang", type=click.Choice(["vi", "en"]), default="vi", help="Language of tables.")
results = click.option(
    "-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results."
)


class _Commands(click.Group):
    """Turns covplan's own errors into one clear message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        from covplan.study.errors import CovplanError

        try:
            return super().invoke(ctx)
        except CovplanError as error:
            raise SystemExit(fail(str(error))) from None
        except OSError as error:  # a full disk, a file held open by QGIS, a folder without write permission
            place = f"{error.filename}: " if error.filename else ""
            raise SystemExit(fail(f"{place}{error.strerror or error}")) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="covplan")
def main() -> None:
    """Plan a province's mobile and fiber coverage. A study folder goes in, a plan comes out."""


def stop_if_same(study: Path, out: Path) -> None:
    """Stop when results would go into the study folder."""
    if study.resolve() == out.resolve():
        raise SystemExit(fail(f"{out}: results do not go into the study folder itself; choose another --out."))


def may_write(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Go on when nothing would be lost: no such file yet, `--overwrite`, or a yes on the terminal; else stop."""
    there = [path for path in paths if path.exists()]
    if not there or overwrite:
        return
    named = ", ".join(str(path) for path in there)
    if sys.stdin.isatty() and click.confirm(f"{named}: đã có. Ghi đè (replace)?"):
        return
    raise SystemExit(fail(f"{named}: already there. Add --overwrite to replace, or choose another --out."))


def number(value: float) -> str:
    """A number as Vietnamese writes it; a dash for nothing (NaN)."""
    return "–" if math.isnan(value) else number_vi(value, 2)


def open_console() -> Console:
    """The terminal, or whatever stands in for it."""
    from rich.console import Console

    return Console()


def fail(message: str) -> int:
    """Print an error; returns the exit code that goes with it."""
    click.secho("Lỗi (error): ", fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
    return 2
