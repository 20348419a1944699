"""Commands that make the plan of a study and show where it stands."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covplan import __version__
from covplan.cli.base import (
    FOLDER,
    fail,
    language,
    main,
    number,
    open_console,
    option,
    results,
    say,
    stop_if_same,
    tell_faults,
)
from covplan.study.language import _, by_language, current_language
from covplan.study.synthetic import origin_mark, origin_notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from covplan.study.plan import Plan

PACKAGE_FILE, MAP_FILE = "master_plan.gpkg", "map.html"


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("--force", is_flag=True, help="Make everything anew, also what is current.")
@option("--propose", is_flag=True, help="Propose what to build too (minutes), unless that is there already.")
@option("--weigh-assumptions", is_flag=True, help="Count the headline again at either end of what was assumed.")
@option("--include-restricted", is_flag=True, help="Put restricted stations into all but the map too.")
@language
def plan(
    study: Path, out: Path, *, force: bool, propose: bool, weigh_assumptions: bool, include_restricted: bool
) -> None:
    """Make the plan of STUDY: indicators.csv, map.html and master_plan.gpkg in OUT.

    Proposals are in it once `covplan propose STUDY` was run, or with --propose.
    """
    console = open_console()
    stop_if_same(study, out)
    options = {"force": force, "propose": propose, "weigh": weigh_assumptions, "include_restricted": include_restricted}
    made = _write_plan(study, out, **options, console=console)
    if made is None:
        tell_faults(study)
        console.print(
            _("{folder}: everything is current; --force makes it anew.").format(folder=out), style="green", markup=False
        )


@main.command()
@click.argument("study", type=FOLDER)
@language
def indicators(study: Path) -> None:
    """Print the plan's indicators as they stand in STUDY."""
    from covplan.pipeline import make_plan
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    console = open_console()
    with shown_progress(console) as tell:
        made = make_plan(open_kept(study, progress=tell), progress=tell)
    _show_indicators(console, made)


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("hamlets", nargs=-1)
@option("--state", type=click.Choice(["none", "weak", "covered", "unknown"]), help="All hamlets of this state.")
@option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the pages.")
@language
def sheet(study: Path, hamlets: tuple[str, ...], state: str | None, out: Path) -> None:
    """Write a printable page for HAMLETS (ids or names), or all of a state, into OUT/sheets."""
    from covplan.pipeline import explain_link, make_plan, with_kept_proposals
    from covplan.publish.map_layers import sheet_name
    from covplan.publish.public import public_study
    from covplan.publish.sheet import write_sheet
    from covplan.study.find import find_village
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    if not hamlets and state is None:
        raise SystemExit(fail(_("Name hamlets by id or name, or say --state none.")))
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        made = make_plan(opened, progress=tell)
        made = with_kept_proposals(made) or made
        ids = [str(find_village(opened.villages, opened.communes, one)["village_id"]) for one in hamlets]
        ids += made.hamlets.loc[made.hamlets["mobile_state"] == state, "village_id"].tolist() if state else []
        stations = public_study(opened).stations
        for village_id in dict.fromkeys(ids):
            tell(_("page of hamlet {village_id}").format(village_id=village_id))
            explained = None
            if opened.rasters["elevation"] is not None:
                explained = explain_link(opened, village_id, stations=stations)
            write_sheet(made, village_id, out / "sheets" / sheet_name(village_id), explained)
    said = _("{count} pages").format(count=number(len(dict.fromkeys(ids))))
    console.print(f"[green]{out / 'sheets'}[/]: {said}", highlight=False)
    tell_faults(study)


def _write_plan(
    study: Path,
    out: Path,
    *,
    force: bool,
    propose: bool,
    weigh: bool,
    include_restricted: bool,
    console: Console,
) -> Plan | None:
    """Make the outputs that are not current, each whole or not at all; None when all are."""
    from covplan.study.kinds import KINDS
    from covplan.study.manifest import record
    from covplan.study.plan import FINDINGS_FILE, INDICATORS_FILE, has_weights, kept_kinds, proposed_folder

    outputs = (INDICATORS_FILE, FINDINGS_FILE, PACKAGE_FILE, MAP_FILE)
    key = _plan_key(study, include_restricted=include_restricted)
    due = _due(out, outputs, key, force=force)
    missing = [one for one in KINDS if one not in kept_kinds(proposed_folder(study))] if propose else []
    weigh = weigh and not has_weights(study)
    if not due and not missing and not weigh:
        return None
    from covplan.pipeline import Workspace, make_plan, said_of_kept, with_kept_proposals, with_kept_weights
    from covplan.publish.geopackage import write_geopackage
    from covplan.publish.maps import write_map
    from covplan.publish.public import public_plan
    from covplan.study.findings import faults
    from covplan.study.folder import write_findings
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        tell(_("indicators"))
        workspace = Workspace(opened)
        made = make_plan(workspace, progress=tell)
        if missing:
            from covplan.pipeline import propose as propose_all  # 0.3 s; only who proposes pays it

            made = propose_all(made, kinds=missing, workspace=workspace, progress=tell)[0]
        else:
            made = with_kept_proposals(made) or made
        made = with_kept_weights(made, workspace if weigh else None, progress=tell)
        if missing or weigh:
            key = _plan_key(study, include_restricted=include_restricted)
            due = _due(out, outputs, key, force=force)
        shown = public_plan(made, include_restricted=include_restricted)
        writers: dict[str, Callable[[Path], list[Path]]] = {
            INDICATORS_FILE: lambda _path: shown.save(out),
            FINDINGS_FILE: lambda _path: write_findings(list(shown.findings), shown.study.set_aside, out),
            PACKAGE_FILE: lambda path: [write_geopackage(made, path, include_restricted=include_restricted)],
            MAP_FILE: lambda path: [write_map(made, path)],
        }
        for name in outputs:
            if name in due:
                tell(name)
                record(out, name, _output_key(out, name, key), writers[name](out / name))
    if not due:
        return None
    _show_indicators(console, made)
    skipped = [name for name in outputs if name not in due]
    said = _("{count} findings → {file}").format(count=len(faults(list(shown.findings))), file=out / FINDINGS_FILE)
    console.print(said, markup=False)
    say(console, said_of_kept(made))
    current = _("; current already: {files}").format(files=", ".join(skipped)) if skipped else ""
    console.print(f"[green]{out}[/]: {', '.join(due)}{current}")
    return made


def _due(out: Path, outputs: tuple[str, ...], key: str, *, force: bool) -> list[str]:
    """The outputs that are to be made."""
    from covplan.study.manifest import is_current

    return [name for name in outputs if force or not is_current(out, name, _output_key(out, name, key))]


def _output_key(out: Path, name: str, key: str) -> str:
    """The key of one output: the map links to the pages of hamlets that are there."""
    pages = sorted(path.name for path in (out / "sheets").glob("[!.]*.html")) if name == MAP_FILE else []
    return f"{key} {' '.join(pages)}".strip()


def _plan_key(study: Path, *, include_restricted: bool) -> str:
    """What the outputs of `plan` are made from: the study, what is proposed for it, and how it is written."""
    from covplan.study.files import code_digest
    from covplan.study.folder import study_key
    from covplan.study.plan import has_weights, kept_state, proposed_folder

    kept = kept_state(proposed_folder(study)) + (" weighed" if has_weights(study) else "")
    return study_key(study, __version__, code_digest(), current_language(), str(include_restricted), kept)


def _show_indicators(console: Console, made: Plan) -> None:
    from rich.markup import escape
    from rich.table import Table

    from covplan.publish.words import label, said_weights
    from covplan.study.boundaries import across_boundaries, boundaries_note
    from covplan.study.plan import hamlets_told

    province = made.study.settings.province
    mark, notice = origin_mark(made.study), origin_notice(made.study)
    parts = [province.name, province.boundaries, *([mark] if mark else [])]
    title = escape(" · ".join(parts))
    table = Table(_("Indicator"), title=title)
    for head in (_("Today"), _("Baseline"), "2025", "2030", _("Missing 2025"), _("Basis")):
        table.add_column(head, justify="right")
    across = across_boundaries(made.indicators)
    for row, other in zip(made.indicators.to_dict("records"), across, strict=True):
        figures = [number(row["value"])]
        figures += [_goal(row[name], other=other) for name in ("baseline", "target_2025", "target_2030")]
        lacking = row["missing_2025"]
        missing = "" if math.isnan(lacking) else f"{number(lacking)} {label('unit', row['counted'])}"
        name = by_language(row["name_vi"], row["name_en"])
        table.add_row(escape(name), *figures, escape(missing), label("basis", row["basis"]))
    console.print(table)
    for row in made.indicators.to_dict("records"):
        told = hamlets_told(row["indicator"], row["numerator"], row["denominator"], row["unknown"])
        if told:
            console.print(f"{by_language(row['name_vi'], row['name_en'])}: {told}", markup=False, highlight=False)
    if notice:
        console.print(notice, style="yellow", markup=False, highlight=False)
    for line in said_weights(made.assumption_weights):
        console.print(line, markup=False, highlight=False)
    if across.any():
        console.print(f"* {boundaries_note(made.indicators)}", markup=False, highlight=False)


def _goal(figure: float, *, other: bool) -> str:
    """A baseline or target; with a star where it is that of another province than the value beside it."""
    return f"{number(figure)}*" if other and not math.isnan(figure) else number(figure)
