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
    results,
    stop_if_same,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from covplan.study.language import Language
    from covplan.study.plan import Plan


@main.command()
@click.argument("study", type=FOLDER)
@results
@click.option("--force", is_flag=True, help="Make everything anew, also what is current.")
@click.option("--propose", is_flag=True, help="Propose what to build too (minutes), unless that is there already.")
@click.option("--include-restricted", is_flag=True, help="Put restricted stations into master_plan.gpkg too.")
@language
def plan(study: Path, out: Path, *, force: bool, propose: bool, include_restricted: bool, lang: Language) -> None:
    """Make the plan of STUDY: indicators.csv, map.html and master_plan.gpkg in OUT.

    Proposals are in it once `covplan propose STUDY` was run, or with --propose.
    """
    from covplan.study.folder import study_key
    from covplan.study.plan import proposed_folder

    console = open_console()
    stop_if_same(study, out)
    kept = proposed_folder(study)
    proposed = propose or (kept is not None and kept.is_dir())
    key = study_key(study, __version__, lang, str(include_restricted), str(proposed))
    options = {"force": force, "propose": propose, "include_restricted": include_restricted}
    made = _write_plan(study, out, key, **options, lang=lang, console=console)
    if made is None:
        console.print(f"[green]{out}: mọi kết quả đã mới nhất (everything is current).[/]  --force làm lại.")


@main.command()
@click.argument("study", type=FOLDER)
@language
def indicators(study: Path, lang: Language) -> None:
    """Print the plan's indicators as they stand in STUDY."""
    from covplan.pipeline import make_plan
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    console = open_console()
    with shown_progress(console) as tell:
        made = make_plan(open_study(study, progress=tell), progress=tell)
    _show_indicators(console, made, lang)


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("hamlets", nargs=-1)
@click.option("--state", type=click.Choice(["none", "weak", "covered", "unknown"]), help="All hamlets of this state.")
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the pages.")
def sheet(study: Path, hamlets: tuple[str, ...], state: str | None, out: Path) -> None:
    """Write a printable page (phiếu thôn) for HAMLETS (ids or names), or all of a state, into OUT/sheets."""
    from covplan.pipeline import explain_link, make_plan, with_kept_proposals
    from covplan.publish.map_layers import sheet_name
    from covplan.publish.sheet import write_sheet
    from covplan.study.find import find_village
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    if not hamlets and state is None:
        raise SystemExit(fail("Name hamlets by id or name, or say --state none."))
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        made = make_plan(opened, progress=tell)
        made = with_kept_proposals(made) or made
        ids = [str(find_village(opened.villages, opened.communes, one)["village_id"]) for one in hamlets]
        ids += made.hamlets.loc[made.hamlets["mobile_state"] == state, "village_id"].tolist() if state else []
        for village_id in dict.fromkeys(ids):
            tell(f"phiếu thôn {village_id}")
            explained = None
            if opened.rasters["elevation"] is not None:
                explained = explain_link(opened, village_id, include_restricted=False)
            write_sheet(made, village_id, out / "sheets" / sheet_name(village_id), explained)
    console.print(f"[green]{out / 'sheets'}[/]: {len(dict.fromkeys(ids))} phiếu (pages)")


def _write_plan(
    study: Path,
    out: Path,
    key: str,
    *,
    force: bool,
    propose: bool,
    include_restricted: bool,
    lang: Language,
    console: Console,
) -> Plan | None:
    """Make the outputs that are not current, each whole or not at all; None when all are."""
    from covplan.study.manifest import is_current, record
    from covplan.study.plan import FINDINGS_FILE, INDICATORS_FILE

    outputs = (INDICATORS_FILE, FINDINGS_FILE, "master_plan.gpkg", "map.html")
    due = [name for name in outputs if force or not is_current(out, name, key)]
    if not due:
        return None
    from covplan.pipeline import make_plan, with_kept_proposals
    from covplan.pipeline import propose as propose_all
    from covplan.publish.geopackage import write_geopackage
    from covplan.publish.maps import write_map
    from covplan.study.findings import faults
    from covplan.study.folder import open_study, write_findings
    from covplan.study.progress import shown_progress

    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell("chỉ tiêu (indicators)")
        made = make_plan(opened, progress=tell)
        made = with_kept_proposals(made) or (propose_all(made, progress=tell)[0] if propose else made)
        writers: dict[str, Callable[[Path], object]] = {
            INDICATORS_FILE: lambda _path: made.save(out, lang),
            FINDINGS_FILE: lambda _path: write_findings(list(made.findings), opened.set_aside, out, lang),
            "master_plan.gpkg": lambda path: write_geopackage(made, path, include_restricted=include_restricted),
            "map.html": lambda path: write_map(made, path),
        }
        for name in outputs:
            if name in due:
                tell(name)
                writers[name](out / name)
                record(out, name, key)
    _show_indicators(console, made, lang)
    skipped = [name for name in outputs if name not in due]
    console.print(f"{len(faults(list(made.findings)))} phát hiện (findings) → {out / FINDINGS_FILE}")
    console.print(
        f"[green]{out}[/]: {', '.join(due)}" + (f"; đã có (current): {', '.join(skipped)}" if skipped else "")
    )
    return made


def _show_indicators(console: Console, made: Plan, lang: Language) -> None:
    from rich.markup import escape
    from rich.table import Table

    province = made.study.settings.province
    title = escape(f"{province.name} · {province.boundaries}" + (" · DỮ LIỆU MÔ PHỎNG" if province.synthetic else ""))
    heads = ("Chỉ tiêu", "Hiện trạng", "Gốc", "2025", "2030", "Còn thiếu 2025", "Căn cứ")
    if lang == "en":
        heads = ("Indicator", "Value", "Baseline", "2025", "2030", "Missing 2025", "Basis")
    table = Table(heads[0], title=title)
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for row in made.indicators.itertuples():
        figures = [number(figure) for figure in (row.value, row.baseline, row.target_2025, row.target_2030)]
        missing = "" if math.isnan(row.missing_2025) else f"{row.missing_2025:g} {row.counted}"
        table.add_row(escape(row.name_vi if lang == "vi" else row.name_en), *figures, escape(missing), row.basis)
    console.print(table)
