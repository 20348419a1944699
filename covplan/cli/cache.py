"""The command that shows what is kept with a study, and removes of it what is not needed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, fail, language, main, open_console, option
from covplan.study.language import MILLION, N_, _, day, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from covplan.study.kept_files import KeptFile, KeptRun

TITLES = {
    "study": N_("The study, as it was checked"),
    "loss": N_("Path loss of masts, on rasters"),
    "links": N_("Path loss of masts, to places"),
    "reception": N_("What is received at places"),
    "reach": N_("FTTH reach of hamlets"),
    "proposals": N_("Proposals"),
    "assumptions": N_("Weights of assumptions"),
    "other": N_("Other"),
}


@main.command()
@click.argument("study", type=FOLDER)
@option("--older-than", type=click.FloatRange(min=0), help="What was not used for so many days.")
@option("--most-mb", type=click.FloatRange(min=0), help="The longest unused, until so many megabytes are kept.")
@option("--unused", is_flag=True, help="What the latest run of no command used.")
@option("--prune", is_flag=True, help="Remove it; without, it is only said how much that is.")
@language
def cache(study: Path, *, older_than: float | None, most_mb: float | None, unused: bool, prune: bool) -> None:
    """Show what is kept with STUDY (STUDY/.cache): how large, for which run, when used; and remove of it with --prune.

    All of it can be made again. Proposals for the study as it stands are never removed.
    """
    from functools import partial

    from covplan.study.kept_files import kept_files, kept_runs, to_prune
    from covplan.study.kept_files import prune as remove
    from covplan.study.lock import alone

    if not study.is_dir():
        raise SystemExit(fail(_("{folder}: no such folder.").format(folder=study)))
    asked = older_than is not None or most_mb is not None or unused
    if prune and not asked:
        raise SystemExit(fail(_("Say what is to go: --older-than DAYS, --most-mb MB or --unused.")))
    context = click.get_current_context()
    if prune:
        context.with_resource(alone(study, context.command_path, tell=partial(click.echo, err=True)))
    console, files = open_console(), kept_files(study)
    _show_kinds(console, files)
    _show_runs(console, files, kept_runs(study))
    if not asked:
        return
    most = None if most_mb is None else most_mb * MILLION
    gone = to_prune(files, days=older_than, most_bytes=most, unused=unused)
    counts = {"count": number(len(gone)), "size": _size(gone)}
    if prune:
        remove(study, gone)
        console.print(_("removed: {count}, {size} MB").format(**counts), style="green")
    else:
        console.print(_("--prune would remove {count}, {size} MB").format(**counts))


def _show_kinds(console: Console, files: Sequence[KeptFile]) -> None:
    from rich.table import Table

    table = Table(_("Kept"))
    for head in (_("Count"), "MB", _("Last used")):
        table.add_column(head, justify="right")
    for kind, title in TITLES.items():
        mine = [one for one in files if one.kind == kind]
        if mine:
            table.add_row(_(title), number(len(mine)), _size(mine), _day(max(one.used_s for one in mine)))
    table.add_row(_("All"), number(len(files)), _size(files), "")
    console.print(table)


def _show_runs(console: Console, files: Sequence[KeptFile], runs: Sequence[KeptRun]) -> None:
    from rich.table import Table

    table = Table(_("Latest run of"))
    for head in (_("Ended"), _("Of the study"), _("Count"), "MB"):
        table.add_column(head, justify="right")
    for run in runs:
        mine = [one for one in files if run.command in one.runs]
        state = _("as it stands") if run.as_it_stands else _("as it was before")
        table.add_row(f"covplan {run.command}", _day(run.ended_s), state, number(len(mine)), _size(mine))
    bare = [one for one in files if not one.runs]
    table.add_row(_("none of these"), "", "", number(len(bare)), _size(bare))
    console.print(table)


def _size(files: Sequence[KeptFile]) -> str:
    return number(sum(one.size for one in files) / MILLION, 1)


def _day(seconds: float) -> str:
    when = datetime.fromtimestamp(seconds).astimezone()
    return f"{day(when.date())} {when:%H:%M}"
