"""The command that proposes what to build."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, language, main, number, open_console, results, stop_if_same

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

    from covplan.study.language import Language

KINDS = ("white_spot", "supply_curve", "fiber", "place_5g", "share")


@main.command()
@click.argument("study", type=FOLDER)
@results
@click.option("-k", "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Default: all.")
@click.option("--phased/--no-years", default=True, help="Give every proposal its year, under the budgets of [phases].")
@language
def propose(study: Path, out: Path, kinds: tuple[str, ...], *, phased: bool, lang: Language) -> None:
    """Propose what to build in STUDY: proposals.csv, comparison.csv and supply_curve.csv in OUT.

    Every proposal says what it gains, costs and what the next best would cost; comparison.csv sets the programs beside
    what a planner would do by habit; what is proposed is looked at again by the coverage engine.
    """
    from covplan.pipeline import make_plan
    from covplan.pipeline import propose as propose_all
    from covplan.study.folder import open_study
    from covplan.study.plan import PROPOSED
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        today = make_plan(open_study(study, progress=tell), progress=tell)
        made, said = propose_all(today, kinds=kinds or KINDS, phased=phased, progress=tell)
    made.save(out, lang)
    for _kind, table in made.comparison.groupby("kind", sort=False):
        _show_comparison(console, table, lang)
    console.print(*said, sep="\n", markup=False, highlight=False)  # a reason may name a [section] of study.toml
    console.print(f"[green]{out}[/]: {', '.join(f'{name}.csv' for name in PROPOSED if len(getattr(made, name)))}")


def _show_comparison(console: Console, compared: pd.DataFrame, lang: Language) -> None:
    import pandas as pd
    from rich.table import Table

    heads = ("Cách làm", "Năm", "Phục vụ", "Chi phí (tỷ đồng)", "Cận dưới", "Khoảng cách %", "Hơn tối ưu %", "Giây")
    if lang == "en":
        heads = ("Method", "Year", "Served", "Cost (VND billion)", "Bound", "Gap %", "Over program %", "Seconds")
    table = Table(heads[0], title=str(compared["kind"].iloc[0]))
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for row in compared.itertuples():
        served = math.nan if pd.isna(row.served) else row.served
        year = "" if pd.isna(row.year) else f"{row.year:.0f}"
        figures = (served, row.cost_vnd / 1e9, row.bound_vnd / 1e9, 100 * row.gap, row.over_program_pct, row.seconds)
        table.add_row(row.method, year, *(number(float(figure)) for figure in figures))
    console.print(table)
