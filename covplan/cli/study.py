"""Commands of a study folder: check it, read its settings, make the sample; and of the installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, SHOWN_ROWS, fail, language, main, open_console, option, stop_if_same
from covplan.study.language import _, current_language
from covplan.study.synthetic import synthetic_notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from covplan.study.around import Guess
    from covplan.study.findings import Finding

SHOWN_ALIKE = 3  # findings of one kind up to which each has its own line on the screen
COLOURS = {
    "fatal": "bold red",
    "set_aside": "red",
    "repaired": "yellow",
    "assumed": "cyan",
    "warning": "yellow",
    "note": "dim",
}


@main.command()
@click.argument("study", type=FOLDER)
@option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the findings.")
@language
def check(study: Path, out: Path) -> None:
    """Read STUDY and report what is wrong in its data; exit 1 when something stops a run.

    Writes findings.csv and, in set_aside/, the rows that cannot be used, as they were read.
    """
    from covplan.study.around import hinted, look_around
    from covplan.study.findings import fatal, faults
    from covplan.study.folder import read_study, write_findings
    from covplan.study.progress import shown_progress

    stop_if_same(study, out, lock=False)
    console = open_console()
    with shown_progress(console) as tell:
        opened, found = read_study(study, progress=tell)
        beside = look_around(study)
    found = [*hinted(found, beside), *(one.finding for one in beside)]
    write_findings(found, opened.set_aside if opened else {}, out)
    show_findings(console, [one for one in found if one.check != "unused_file"])
    _show_beside(console, beside)
    stopping = fatal(found, opened.settings.checks.strict if opened else ())
    wrong = len(faults(found))
    verdict = (
        _("{count} findings, {fatal} stop a run").format(count=wrong, fatal=len(stopping)) if wrong else _("Clean")
    )
    notes = _(", {count} notes").format(count=len(found) - wrong) if len(found) > wrong else ""
    console.print(f"{verdict}{notes} → {out / 'findings.csv'}", markup=False)
    if stopping:
        raise SystemExit(1)


@main.command()
@click.argument("study", type=FOLDER, required=False)
@option("--reference", is_flag=True, help="List every setting with its default and meaning.")
@language
def settings(study: Path | None, reference: bool) -> None:
    """Print the settings in force in STUDY (as a study.toml), or the reference of all settings."""
    from covplan.study.settings_file import SETTINGS_FILE, load_settings, settings_reference, settings_toml

    if reference or study is None:
        for section, name, default, meaning in settings_reference():
            click.echo(f"{f'[{section}] ' if section else ''}{name} = {default}\n    {meaning}")
    else:
        click.echo(settings_toml(load_settings(study / SETTINGS_FILE)))


@main.command()
@click.argument("folder", type=FOLDER)
@option("--overwrite", is_flag=True, help="Replace the files of a folder that holds something.")
@language
def sample(folder: Path, overwrite: bool) -> None:
    """Make the sample province (Tuyên Quang, synthetic) in FOLDER: the same bytes every time."""
    from covplan.sample.province import make_province
    from covplan.study.progress import shown_progress

    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SystemExit(
            fail(_("{folder} is not empty. Choose another folder, or say --overwrite.").format(folder=folder))
        )
    console = open_console()
    with shown_progress(console) as tell:
        make_province(folder, progress=tell)
    console.print(f"[green]{folder}[/]: {synthetic_notice()}")


@main.command()
@language
def doctor() -> None:
    """Check this installation: versions, GDAL and PROJ, coordinate systems, numba, map files."""
    from rich.table import Table

    from covplan.doctor import diagnose

    table = Table("", "", "", "", show_header=False, box=None)
    checks = diagnose()
    for one in checks:
        table.add_row("[green]✓[/]" if one.ok else "[red]✗[/]", one.name, one.value, one.advice)
    open_console().print(table)
    if not all(one.ok for one in checks):
        raise SystemExit(1)


def show_findings(console: Console, found: Sequence[Finding]) -> None:
    """Print findings, those of one kind as one line where they are many."""
    from rich.markup import escape
    from rich.table import Column, Table

    from covplan.publish.words import label
    from covplan.study.findings import findings_table

    if not found:
        return
    heads = (_("Severity"), _("File"), _("Row"), _("Column"), _("Value"), _("Problem"), _("Done"), _("To do"))
    table = Table(*(Column(head, overflow="fold") for head in heads))
    shown = _alike_together(findings_table(found))
    for row in shown.head(SHOWN_ROWS).to_dict("records"):
        severity = label("severity", row["severity"])
        place = f"{row['file']} {row['layer']}" if row["layer"] and not row["file"].endswith(".csv") else row["file"]
        value = row["value"][:30] if console.is_terminal else row["value"]
        cells = (place, row["row"], row["column"], value, row["problem"], row["done"], row["advice"])
        table.add_row(f"[{COLOURS[row['severity']]}]{severity}[/]", *(escape(cell) for cell in cells))
    console.print(table)
    beyond = len(found) - int(shown["alike"].head(SHOWN_ROWS).sum())
    if beyond:
        console.print(_("… {count} more in findings.csv").format(count=beyond))


def _alike_together(table: pd.DataFrame) -> pd.DataFrame:
    """Of many findings of one check in one column the first; `alike`: how many each row stands for."""
    same = table.groupby(["check", "file", "layer", "column"], sort=False)
    alike = same["check"].transform("size")
    many = alike > SHOWN_ALIKE
    shown = table.assign(alike=alike.where(many, 1))[~many | (same.cumcount() == 0)]
    more = _("{row} and {count} more")
    rows = [
        more.format(row=row, count=count - 1) if count > 1 else row
        for row, count in zip(shown["row"], shown["alike"], strict=True)
    ]
    return shown.assign(row=rows)


def _show_beside(console: Console, beside: Sequence[Guess]) -> None:
    """What else lies in the folder."""
    from rich.markup import escape
    from rich.table import Column, Table

    if not beside:
        return
    spoken = current_language()
    heads = (_("Beside the study"), _("Looks like"), _("Seen in it"), _("To use it"))
    table = Table(*(Column(head, overflow="fold") for head in heads))
    for one in beside[:SHOWN_ROWS]:
        cells = (one.place, one.what[spoken], one.evidence.get(spoken, ""), one.advice.get(spoken, ""))
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    if len(beside) > SHOWN_ROWS:
        console.print(_("… {count} more in findings.csv").format(count=len(beside) - SHOWN_ROWS))
