"""The command that proposes what to build."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, language, main, number, open_console, results, stop_if_same, telling

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

    from covplan.study.findings import Language

KINDS = ("white_spot", "supply_curve", "place_5g", "share")


@main.command()
@click.argument("study", type=FOLDER)
@results
@click.option("-k", "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Default: all.")
@click.option("--phased", is_flag=True, help="Give every proposal its year, under the budgets of [phases].")
@language
def propose(study: Path, out: Path, kinds: tuple[str, ...], *, phased: bool, lang: Language) -> None:
    """Propose what to build in STUDY: proposals.csv, comparison.csv and supply_curve.csv in OUT.

    Every proposal says what it gains, costs and what the next best would cost; comparison.csv sets the programs beside
    what a planner would do by habit; what is proposed is looked at again by the coverage engine.
    """
    import pandas as pd

    from covplan import pipeline
    from covplan.propose.white_spots import supply_curve
    from covplan.study.errors import NoSolution
    from covplan.study.files import written_whole
    from covplan.study.folder import open_study

    stop_if_same(study, out)
    console = open_console()
    wanted = kinds or KINDS
    proposals, comparisons, tables, said = [], [], {}, []
    with telling(console) as tell:
        opened = open_study(study, progress=tell)
        if {"white_spot", "supply_curve"} & set(wanted):
            spots = pipeline.propose_white_spots(opened, progress=tell)
            if "supply_curve" in wanted:
                tell("đường cung (supply curve)")
                s = opened.settings
                tables["supply_curve.csv"] = supply_curve(spots, spots.hamlets, s.costs, s.propose)
            if "white_spot" in wanted:
                proposals.append(spots.proposals)
                comparisons.append(spots.comparison.assign(kind="white_spot"))
                seen = pipeline.confirm_white_spots(opened, spots)["covered"]
                said.append(f"thôn (hamlets): {int(seen.sum())}/{len(seen)} được tính lại và xác nhận (confirmed)")
        if "place_5g" in wanted:
            placed = pipeline.propose_places_5g(opened, progress=tell)
            proposals.append(placed.proposals)
            comparisons.append(placed.comparison.assign(kind="place_5g"))
            state = pipeline.confirm_places_5g(opened, placed)["state_5g"]
            lit = int((state == "covered").sum())
            said.append(f"địa điểm (places): {lit}/{len(state)} có 5G khi tính lại (confirmed)")
        if "share" in wanted:
            tell("dùng chung vị trí (sharing)")
            shared = pipeline.propose_sharing(opened)
            proposals.append(shared.proposals)
            comparisons.append(shared.comparison.assign(kind="share"))
            lost = int(shared.coverage["hamlets_lost"].sum())
            said.append(f"dùng chung (sharing): {lost} thôn mất sóng của một nhà mạng khi tính lại (hamlets lost)")
        if phased and proposals:
            tell("phân kỳ (phasing)")
            together = pd.concat(proposals, ignore_index=True).assign(year=pd.NA)
            try:
                proposals = [pipeline.phase_proposals(opened, together)[0]]
            except NoSolution as error:  # the proposals are worth having without their years
                said.append(f"không phân kỳ được (no years): {error}")
    if proposals:
        tables["proposals.csv"] = pd.concat([table.drop(columns="geometry") for table in proposals])
        tables["comparison.csv"] = pd.concat(comparisons)
    for name, table in tables.items():
        with written_whole(out / name) as part:
            table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
    for table in comparisons:
        _show_comparison(console, table, lang)
    console.print(*said, sep="\n")
    console.print(f"[green]{out}[/]: {', '.join(tables)}")


def _show_comparison(console: Console, compared: pd.DataFrame, lang: Language) -> None:
    from rich.table import Table

    heads = ("Cách làm", "Năm", "Phục vụ", "Chi phí (tỷ đồng)", "Cận dưới", "Khoảng cách %", "Hơn tối ưu %", "Giây")
    if lang == "en":
        heads = ("Method", "Year", "Served", "Cost (VND billion)", "Bound", "Gap %", "Over program %", "Seconds")
    table = Table(heads[0], title=str(compared["kind"].iloc[0]))
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for row in compared.itertuples():
        served = getattr(row, "hamlets", getattr(row, "places", math.nan))
        year = "" if not hasattr(row, "year") else f"{row.year:.0f}"
        figures = (served, row.cost_vnd / 1e9, row.bound_vnd / 1e9, 100 * row.gap, row.over_program_pct, row.seconds)
        table.add_row(row.method, year, *(number(float(figure)) for figure in figures))
    console.print(table)
