"""The command that proposes what to build."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, language, main, number, open_console, option, results, say, stop_if_same
from covplan.cli.speech import Choice
from covplan.study.kinds import KINDS, kind_title
from covplan.study.language import _

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("-k", "--kind", "kinds", multiple=True, type=Choice(KINDS), help="Default: all.")
@option("--phased/--no-years", default=True, help="Give every proposal its year, under the budgets of [phases].")
@language
def propose(study: Path, out: Path, kinds: tuple[str, ...], *, phased: bool) -> None:
    """Propose what to build in STUDY: proposals.csv, comparison.csv, supply_curve.csv and not_served.csv in OUT.

    Every proposal says what it gains, costs and what the next best would cost; comparison.csv sets the programs beside
    what a planner would do by habit; not_served.csv names what is left out, why, and what would help; what is proposed
    is looked at again by the coverage engine. Each kind is kept with the study as soon as it is done: a run of one kind
    adds to those that were proposed before.
    """
    from covplan.pipeline import Workspace, make_plan
    from covplan.pipeline import propose as propose_all
    from covplan.study.boundaries import boundaries_note
    from covplan.study.kept_study import open_kept
    from covplan.study.manifest import record
    from covplan.study.plan import INDICATORS_FILE, PROPOSED
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        workspace = Workspace(open_kept(study, progress=tell))
        today = make_plan(workspace, progress=tell)
        made, said = propose_all(today, kinds=kinds or KINDS, phased=phased, workspace=workspace, progress=tell)
    # Tables of a run before it, which this one no longer has, go.
    record(out, INDICATORS_FILE, "propose", made.save(out))
    for _kind, table in made.comparison.groupby("kind", sort=False):
        _show_comparison(console, table)
    say(console, [*said, *filter(None, [boundaries_note(made.indicators)])])
    written = ", ".join(f"{name}.csv" for name in PROPOSED if len(getattr(made, name)))
    told = written or _("nothing could be proposed")
    console.print(f"[green]{out}[/]: {told}")


def _show_comparison(console: Console, compared: pd.DataFrame) -> None:
    import pandas as pd
    from rich.table import Table

    from covplan.publish.words import label

    heads = (
        _("Year"), _("Served"), _("Cost (VND billion)"), _("Bound"), _("Gap %"), _("Over program %"), _("Seconds"),
    )  # fmt: skip
    table = Table(_("Method"), title=kind_title(str(compared["kind"].iloc[0])))
    for head in heads:
        table.add_column(head, justify="right")
    for row in compared.to_dict("records"):
        served = math.nan if pd.isna(row["served"]) else row["served"]
        year = "" if pd.isna(row["year"]) else f"{row['year']:.0f}"
        cost, bound = row["cost_vnd"] / 1e9, row["bound_vnd"] / 1e9
        figures = (served, cost, bound, 100 * row["gap"], row["over_program_pct"], row["seconds"])
        table.add_row(label("method", row["method"]), year, *(number(float(figure)) for figure in figures))
    console.print(table)
