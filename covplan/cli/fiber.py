"""The command of the fiber network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, language, main, number, open_console, option, results, stop_if_same
from covplan.study.language import _

if TYPE_CHECKING:
    from rich.console import Console

    from covplan.pipeline import FiberResult


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("--osm", type=click.Path(path_type=Path), help="Roads from an .osm, .osm.pbf, .gpkg or .graphml file instead.")
@option("--download-roads", is_flag=True, help="Roads from OpenStreetMap over the internet instead.")
@option("--target", "targets", multiple=True, help="Share of hamlets in %, or YEAR=%; default: the study's.")
@option("--budget", type=click.FloatRange(min=0), help="Most households for so many VND, instead of targets.")
@option("--time-limit", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds per phase.")
@language
def fiber(
    study: Path,
    out: Path,
    osm: Path | None,
    download_roads: bool,
    targets: tuple[str, ...],
    budget: float | None,
    time_limit: float,
) -> None:
    """Who has FTTH in STUDY, which hamlets to connect next, along which roads, in which order, for how much.

    Writes into OUT fiber_reach.csv, fiber_order.csv (marginal costs), fiber_bill.csv (materials), fiber_summary.csv,
    fiber_single_routes.csv, fiber_findings.csv and fiber.gpkg.
    """
    from covplan.pipeline import fiber_plan
    from covplan.publish.fiber import write_fiber
    from covplan.study.boundaries import goals_of
    from covplan.study.findings import findings_table
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        made = fiber_plan(
            opened,
            osm=osm,
            download=download_roads,
            targets=_phases(targets, opened.settings.phases.years),
            budget_vnd=budget,
            time_limit_s=time_limit,
            progress=tell,
        )
        tables = {
            "order": made.plan.order,
            "bill": made.plan.bill,
            "summary": made.plan.summary,
            "single_routes": made.single_routes,
            "findings": findings_table(made.findings),
        }
        write_fiber(out, made.reach, made.plan.proposals, tables)
    _show_fiber(console, made)
    goal, own = opened.settings.targets["VILLAGE_FTTH_COV"].boundaries, opened.settings.province.boundaries
    if not targets and goal != own:
        console.print(goals_of(goal), markup=False, highlight=False)
    console.print(f"[green]{out}[/]: fiber.gpkg, fiber_*.csv")


def _phases(targets: tuple[str, ...], years: tuple[int, ...]) -> list[tuple[int, float]] | None:
    """YEAR=% as they are; plain shares, rising, over the first to the last year (a single one: the last)."""
    if not targets:
        return None
    phases = []
    for nth, text in enumerate(targets):
        year, _sign, share = text.rpartition("=")
        even = years[-1] if len(targets) == 1 else years[round(nth * (len(years) - 1) / (len(targets) - 1))]
        try:
            phases.append((int(year) if year else even, float(share.replace(",", "."))))
        except ValueError:
            said = _("{text!r} is neither a share in % nor YEAR=%").format(text=text)
            raise click.BadParameter(said, param_hint="--target") from None
    years_of, shares = zip(*phases, strict=True)
    rising = list(years_of) == sorted(set(years_of)) and list(shares) == sorted(shares)
    if not rising or not 0 <= shares[0] <= shares[-1] <= 100:
        raise click.BadParameter(_("shares lie between 0 and 100 and rise with the years"), param_hint="--target")
    return phases


def _show_fiber(console: Console, made: FiberResult) -> None:
    from rich.table import Table

    served, known = int(made.reach["ftth"].sum()), int(made.reach["ftth"].notna().sum())
    homes = int(made.reach["homes_passed"].sum())
    connected, households = int(made.reach["homes_connected"].sum()), int(made.reach["households"].sum())
    said = _(
        "FTTH computed: {served}/{known} hamlets ({share} %), unknown: {unknown}; {passed} homes passed, "
        "{connected} connected ({used} %)"
    )
    console.print(
        said.format(
            served=served,
            known=known,
            share=number(100 * served / known if known else math.nan),
            unknown=len(made.reach) - known,
            passed=homes,
            connected=connected,
            used=number(100 * connected / max(households, 1)),
        ),
        highlight=False,
    )
    table = Table(_("Year"))
    heads = (
        _("Target %"), _("Hamlets"), _("Homes"), _("Km of cable"), _("Cost (VND billion)"), _("Low–high"),
        _("VND million/home"), _("Gap"), _("Seconds"),
    )  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right")
    for row in made.plan.summary.to_dict("records"):
        billion = [number(row[f"cost_{level}_vnd"] / 1e9) for level in ("base", "low", "high")]
        each = "–" if row["vnd_per_home_passed"] is None else number(row["vnd_per_home_passed"] / 1e6)
        gap = "0 ✓" if row["status"] == "optimal" else f"{number(100 * row['gap'])} %"
        target = "–" if row["target_pct"] is None else number(row["target_pct"])
        cells = (str(row["year"]), target, str(row["hamlets"]), str(row["households"]), number(row["km"]), billion[0])
        table.add_row(*cells, f"{billion[1]}–{billion[2]}", each, gap, number(row["seconds"]))
    console.print(table)
    for row in made.plan.summary.to_dict("records"):
        if row["short"]:
            said = _("{year}: short by {hamlets} hamlets no route can reach (see fiber_findings.csv)")
            if row["status"] != "optimal":  # who is out of reach, and who was not looked at in the time, cannot be told
                said = _(
                    "{year}: short by {hamlets} hamlets, out of reach or out of time (--time-limit, fiber_findings.csv)"
                )
            console.print(said.format(year=row["year"], hamlets=row["short"]), style="yellow", highlight=False)
