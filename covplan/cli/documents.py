"""The command that writes what a department hands in beside the GeoPackage: annexes and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, language, main, may_write, open_console, option, results, say, stop_if_same
from covplan.study.language import _

if TYPE_CHECKING:
    from pathlib import Path

ANNEXES, REPORT_DOCX, REPORT_HTML = "phu_luc.xlsx", "bao_cao.docx", "bao_cao.html"


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("--overwrite", is_flag=True, help="Replace documents that are there already.")
@option("--include-restricted", is_flag=True, help="Put restricted stations into the documents too.")
@language
def documents(study: Path, out: Path, *, overwrite: bool, include_restricted: bool) -> None:
    """Write the annexes (phu_luc.xlsx) and the report (bao_cao.docx, bao_cao.html) of STUDY into OUT.

    Proposals are in them once `covplan propose STUDY` was run.
    """
    stop_if_same(study, out)
    may_write([out / name for name in (ANNEXES, REPORT_DOCX, REPORT_HTML)], overwrite=overwrite)
    from covplan.pipeline import make_plan, said_of_kept, with_kept_proposals, with_kept_weights
    from covplan.publish.annexes import write_annexes
    from covplan.publish.report import write_report
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    console = open_console()
    with shown_progress(console) as tell:
        made = make_plan(open_kept(study, progress=tell), progress=tell)
        made = with_kept_weights(with_kept_proposals(made) or made)
        tell(ANNEXES)
        write_annexes(made, out / ANNEXES, include_restricted=include_restricted)
        for name in (REPORT_DOCX, REPORT_HTML):
            tell(name)
            write_report(made, out / name, include_restricted=include_restricted)
    if made.proposals.empty:
        console.print(_("No proposals yet: covplan propose makes them."), markup=False, highlight=False)
    say(console, said_of_kept(made))
    console.print(f"[green]{out}[/]: {ANNEXES}, {REPORT_DOCX}, {REPORT_HTML}", highlight=False)
