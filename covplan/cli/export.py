"""Commands that write a plan for other programs, and take back what was edited there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covplan.cli.base import (
    FOLDER,
    fail,
    language,
    main,
    may_write,
    open_console,
    option,
    results,
    say,
    stop_if_same,
    tell_old_coverage,
)
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from covplan.intake.readback import Edits
    from covplan.study.plan import Plan

FORMATS = ("gpkg", "shp", "tab", "ofds")
PACKAGE, WGS84_PACKAGE = "master_plan.gpkg", "master_plan_wgs84.gpkg"
OUTPUTS = {"gpkg": PACKAGE, "shp": "shapefile", "tab": "mapinfo", "ofds": "fiber_ofds.json"}


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("-f", "--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Default: gpkg.")
@option("--wgs84", is_flag=True, help="A copy in WGS 84 too: master_plan_wgs84.gpkg.")
@option("--coverage", type=FOLDER, help="Folder of `covplan coverage` (OUT/coverage): its RSRP as pictures.")
@option("--include-restricted", is_flag=True, help="Restricted stations, and what is proposed for them, too.")
@option("--overwrite", is_flag=True, help="Replace what is there.")
@language
def export(
    study: Path,
    out: Path,
    *,
    formats: tuple[str, ...],
    wgs84: bool,
    coverage: Path | None,
    include_restricted: bool,
    overwrite: bool,
) -> None:
    """Write the plan of STUDY for other programs: master_plan.gpkg in OUT, other formats on request.

    Proposals are in it once `covplan propose STUDY` was run. An edited master_plan.gpkg is taken back by
    `covplan readback`.
    """
    from covplan.pipeline import make_plan, said_of_kept, with_kept_proposals
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    console = open_console()
    stop_if_same(study, out)
    wanted = [OUTPUTS[one] for one in dict.fromkeys(formats or ("gpkg",))] + ([WGS84_PACKAGE] if wgs84 else [])
    may_write([out / name for name in wanted], overwrite=overwrite)
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        tell(_("indicators"))
        made = make_plan(opened, progress=tell)
        proposed = with_kept_proposals(made)
        for name in wanted:
            tell(name)
            _writers(proposed or made, coverage, include_restricted=include_restricted)[name](out / name)
    tell_old_coverage(study, coverage)
    if proposed is None:
        console.print(_("No proposals yet for this study as it stands: run `covplan propose` first."))
    say(console, said_of_kept(made))
    if include_restricted:
        console.print(_("Holds restricted locations: do not share."), style="yellow")
    console.print(f"[green]{out}[/]: {', '.join(wanted)}")


def _writers(plan: Plan, coverage: Path | None, *, include_restricted: bool) -> dict[str, Callable[[Path], object]]:
    from covplan.publish.geopackage import write_geopackage
    from covplan.publish.legacy import write_legacy
    from covplan.publish.ofds import write_ofds
    from covplan.study.codes import WGS84

    shown: dict[str, Any] = {"include_restricted": include_restricted}
    return {
        PACKAGE: lambda path: write_geopackage(plan, path, coverage=coverage, **shown),
        WGS84_PACKAGE: lambda path: write_geopackage(plan, path, epsg=WGS84, **shown),
        OUTPUTS["shp"]: lambda path: write_legacy(plan, path, "shp", **shown),
        OUTPUTS["tab"]: lambda path: write_legacy(plan, path, "tab", **shown),
        OUTPUTS["ofds"]: lambda path: write_ofds(plan, path, **shown),
    }


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("package", type=click.Path(path_type=Path, dir_okay=False))
@option("-o", "--out", type=FOLDER, required=True, help="Folder of the new study.")
@option("--overwrite", is_flag=True, help="Replace what is there.")
@option("--dry-run", is_flag=True, help="Show what was changed; write nothing.")
@language
def readback(study: Path, package: Path, out: Path, *, overwrite: bool, dry_run: bool) -> None:
    """Take an edited master_plan.gpkg back: PACKAGE, exported from STUDY, becomes a new study in OUT.

    Stations that were moved, changed, added or removed, and decisions on proposals; `covplan propose OUT` plans anew
    around them.
    """
    from covplan.intake.readback import read_edits
    from covplan.intake.rewritten import write_edited
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    console = open_console()
    stop_if_same(study, out)
    if out.resolve() in study.resolve().parents:
        said = _("{folder}: the new study would replace the folder that {study} lies in; choose another --out.")
        raise SystemExit(fail(said.format(folder=out, study=study)))
    if not dry_run:
        may_write([out], overwrite=overwrite)
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        tell(package.name)
        edits = read_edits(package, opened)
        if edits.changes and not dry_run:
            tell(str(out))
            write_edited(opened, edits, out)
    _show_edits(console, edits)
    if not edits.changes:
        console.print(_("Nothing was changed; no new study is written."))
    elif not dry_run:
        console.print(_("{folder}: the new study. Next: covplan propose {folder}").format(folder=out), markup=False)


def _show_edits(console: Console, edits: Edits) -> None:
    from rich.markup import escape
    from rich.table import Table

    if edits.changes:
        table = Table(
            _("Layer"), _("Id"), _("Change"), _("Column"), _("Before"), _("After"), title=_("What was edited")
        )
        for row in edits.changes:
            table.add_row(*(escape("" if value is None else str(value)) for value in row.values()))
        console.print(table)
    for line in edits.not_taken:
        console.print(_("not taken: {what}").format(what=line), style="yellow", markup=False)
