"""The command group, and what its commands share: options, the console, progress, one way to fail."""

from __future__ import annotations

import errno
import math
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from covplan import __version__
from covplan.cli.speech import FLAG, Commands, Option
from covplan.cli.stopped import exit_code, said_stopped, stoppable
from covplan.study.language import LANGUAGES, MILLION, N_, _
from covplan.study.language import number as spoken_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console


class FolderType(click.Path):
    r"""A folder, as Windows' command line gives it: ``"D:\my data\"`` arrives with its last quote."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The folder's path; no name on Windows holds a quote."""
        told = value.rstrip('"') if sys.platform == "win32" and isinstance(value, str) else value
        return super().convert(told, param, ctx)


FOLDER = FolderType(path_type=Path, file_okay=False)
SHOWN_ROWS = 40
DONE_ELSEWHERE = 3  # exit code
MOST_LETTERS = 259  # of a path, for a Windows that was not told to allow more
WIDE = 10_000  # columns: more than a table of findings needs
WHY = {
    errno.EACCES: N_("no permission, or the file is open in another program"),
    errno.EPERM: N_("no permission, or the file is open in another program"),
    errno.EROFS: N_("this disk cannot be written to"),
    errno.ENOSPC: N_("the disk is full"),
    errno.ENOENT: N_("no such file or folder"),
    errno.EISDIR: N_("is a folder, not a file"),
    errno.ENOTDIR: N_("is a file, not a folder"),
    errno.EEXIST: N_("is there already"),
    errno.ENAMETOOLONG: N_("this path is too long for the system; put the folder nearer to the top of the disk"),
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
    """Turns covplan's own errors into one clear message and exit code 2.

    Exit code 3: all is done, but a result that another program has open does not stand under its name; 130: Ctrl-C.
    """

    def invoke(self, ctx: click.Context) -> Any:
        from covplan.study.errors import CovplanError, ResultWarning, StudyWarning
        from covplan.study.held import elsewhere, forget, written
        from covplan.study.used import forget_used

        forget()
        forget_used()
        try:
            with stoppable(), warnings.catch_warnings():
                for told in (StudyWarning, ResultWarning):
                    warnings.simplefilter("always", told)
                warnings.showwarning = _tell_warning
                done = super().invoke(ctx)
                _note_run(ctx)
        except KeyboardInterrupt as stop:
            click.echo(said_stopped(ctx.obj or (), written()), err=True)
            raise SystemExit(exit_code(stop)) from None
        except CovplanError as error:
            raise SystemExit(fail(str(error))) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise SystemExit(fail(f"{place}{why(error)}")) from None
        if elsewhere():
            raise SystemExit(DONE_ELSEWHERE)
        return done


def _note_run(ctx: click.Context) -> None:
    """Note which of the files kept with its study the command has used."""
    from covplan.study.used import used

    found = used()
    if found:
        from covplan.study.kept_files import MOST_MB_NAME, cap, most_kept_bytes, note_run, studies_of

        for study in studies_of(found):
            note_run(study, str(ctx.invoked_subcommand), found)
            gone = cap(study, found)
            if gone:
                said = _("{folder}: more than {most} MB were kept ({name}); the {count} longest unused were removed.")
                told = said.format(
                    folder=study,
                    most=spoken_number(most_kept_bytes() / MILLION),
                    name=MOST_MB_NAME,
                    count=spoken_number(len(gone)),
                )
                click.echo(told, err=True)


def why(error: OSError) -> str:
    """What the system says no with, in the language spoken."""
    missing = error.errno in (errno.ENOENT, errno.EINVAL)  # so Windows says it, unless told to allow long paths
    too_long = missing and len(str(Path(error.filename or "").absolute())) > MOST_LETTERS
    known = WHY.get(errno.ENAMETOOLONG if too_long else error.errno or 0)
    return _(known) if known else str(error.strerror or error)


@click.group(cls=_Covplan, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="covplan", cls=Option)
@language
def main() -> None:
    """Plan a province's mobile and fiber coverage. A study folder goes in, a plan comes out."""


def stop_if_same(study: Path, out: Path, *, lock: bool = True) -> None:
    """Stop when results would go into the study folder, or into one that lies in it.

    The command has the study for itself from then on (`study.lock`), unless it keeps nothing there.
    """
    from covplan.study.lock import alone

    home, target = study.resolve(), out.resolve()
    if any(_same(home, one) for one in (target, *target.parents)):
        said = _("{folder}: results do not go into the study folder itself, nor into one in it; choose another --out.")
        raise SystemExit(fail(said.format(folder=out)))
    context = click.get_current_context()
    if lock:
        context.with_resource(alone(study, context.command_path, tell=partial(click.echo, err=True)))


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one place, also where case does not tell names apart."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))


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
    """The terminal; where output goes into a file or another program, one so wide that no table is cut."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal or console.is_jupyter else Console(width=WIDE)


def say(console: Console, lines: Iterable[str]) -> None:
    """Print lines as they are: they may name a [section] of study.toml."""
    for line in lines:
        console.print(line, markup=False, highlight=False)


def tell_faults(study: Path) -> None:
    """Say what is wrong with the proposals kept with a study: what is shown may lack them."""
    from covplan.study.plan import RUN_FILE, part_files, proposed_folder

    folder = proposed_folder(study)
    if folder is None or not (part_files(folder) or (folder / RUN_FILE).exists()):
        return
    from covplan.pipeline.kept import said_of_folder

    for line in said_of_folder(study):
        _warn(line)


def tell_old_coverage(study: Path, folder: Path | None) -> None:
    """Say which rasters of coverage are not of the study as it stands, or are damaged."""
    if folder is None:
        return
    from covplan.study.manifest import not_current

    old = [path.name for path in sorted(folder.glob("[!.]*_rsrp_dbm.tif"))]
    for spoken in LANGUAGES:
        old = not_current(folder, old, coverage_key(study, spoken))
    if old:
        said = _("{folder}: not of this study as it stands, or changed since: {files}. To make them anew: {command}")
        command = f"covplan coverage {study} -o {folder.parent}"
        _warn(said.format(folder=folder, files=", ".join(old), command=command))


def coverage_key(study: Path, spoken: str) -> str:
    """What rasters of coverage are made from: the study, the program, and the language of their notes."""
    from covplan.study.files import code_digest
    from covplan.study.folder import study_key

    return study_key(study, __version__, code_digest(), spoken)


def _warn(line: str) -> None:
    click.secho(_("Warning: "), fg="yellow", bold=True, err=True, nl=False)
    click.echo(line, err=True)


def _tell_warning(  # as the standard library calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,
) -> None:
    """Print what covplan warns of as a sentence; any other warning as Python does."""
    from covplan.study.errors import ResultWarning, StudyWarning

    if issubclass(category, (StudyWarning, ResultWarning)):
        _warn(str(message))
    else:
        click.echo(warnings.formatwarning(message, category, filename, lineno, line), err=True, nl=False)


def fail(message: str) -> int:
    """Print an error; returns the exit code that goes with it."""
    click.secho(_("Error: "), fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
    return 2
