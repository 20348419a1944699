"""Commands that set two studies, or two definitions, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, SHOWN_ROWS, language, main, number, open_console, results, stop_if_same
from covplan.study.language import _, by_language

if TYPE_CHECKING:
    from pathlib import Path


@main.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@results
@language
def compare(before: Path, after: Path, out: Path) -> None:
    """Compare two studies: which hamlets changed state and why, indicators, stations. Writes OUT/compare/*.csv."""
    from rich.markup import escape
    from rich.table import Table

    from covplan.pipeline import compare as compare_plans
    from covplan.pipeline import make_plan
    from covplan.publish.words import label
    from covplan.study.files import written_whole
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    for study in (before, after):
        stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        plans = [make_plan(open_kept(study, progress=tell), progress=tell) for study in (before, after)]
        found = compare_plans(*plans)
    for name in ("hamlets", "stations", "cells", "indicators"):
        with written_whole(out / "compare" / f"{name}.csv") as part:
            getattr(found, name).to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
    table = Table(_("Hamlet"), _("Commune"), _("Before"), _("After"), _("Cause"))
    for row in found.hamlets.head(SHOWN_ROWS).to_dict("records"):
        states = [label("mobile_state", str(row[f"mobile_state_{when}"])) for when in ("before", "after")]
        table.add_row(escape(f"{row['name']} ({row['village_id']})"), escape(str(row["commune"])), *states,
                      escape(by_language(row["cause_vi"], row["cause_en"])))  # fmt: skip
    console.print(table)
    figures = Table(_("Indicator"), _("Before"), _("After"), "±")
    for row in found.indicators[found.indicators["difference"].fillna(0) != 0].to_dict("records"):
        figures.add_row(
            escape(by_language(row["name_vi"], row["name_en"])),
            *(number(v) for v in (row["value_before"], row["value_after"], row["difference"])),
        )
    console.print(figures)
    said = _("hamlets that changed: {hamlets}; stations that differ: {stations} → {folder}")
    console.print(
        said.format(hamlets=len(found.hamlets), stations=len(found.stations), folder=out / "compare"), markup=False
    )


@main.command()
@click.argument("study", type=FOLDER)
@language
def definitions(study: Path) -> None:
    """Print the share of hamlets, households, people and area covered under every definition of "covered" in STUDY.

    What a definition itself counts is marked with a star.
    """
    from rich.markup import escape
    from rich.table import Table

    from covplan.pipeline import compare_definitions
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    console = open_console()
    with shown_progress(console) as tell:
        found = compare_definitions(open_kept(study, progress=tell), progress=tell)
    table = Table(
        _("Definition"), "dBm", "Mbit/s", _("Mbit/s up"), _("Probability"),
        _("Hamlets %"), _("Households %"), _("People %"), _("Area %"),
    )  # fmt: skip
    for row in found.to_dict("records"):
        shown = (row["rsrp_threshold_dbm"], row["throughput_mbps"], row["uplink_mbps"], row["confidence"])
        shares = {
            "hamlet": number(row["hamlets_pct"]),
            "household": number(row["households_pct"]),
            "population": number(row["population_pct"]),
            "area": f"{number(row['area_pct'])} ± {number(row['area_error_pct'])}",
        }
        shares[row["denominator"]] += " *"
        title = escape(f"{row['preset']}: {by_language(row['title_vi'], row['title_en'])}")
        table.add_row(title, *map(number, shown), *shares.values())
    console.print(table)
