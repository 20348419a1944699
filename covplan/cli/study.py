"""Commands of a study folder: check it, read its settings, make the sample; and of the installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, SHOWN_ROWS, fail, language, main, open_console, option, stop_if_same
from covplan.study.language import _
from covplan.study.synthetic import synthetic_notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from covplan.study.findings import Finding

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
    from covplan.study.findings import fatal, faults
    from covplan.study.folder import read_study, write_findings
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened, found = read_study(study, progress=tell)
    write_findings(found, opened.set_aside if opened else {}, out)
    _show_findings(console, found)
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


def _show_findings(console: Console, found: Sequence[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from covplan.publish.words import label
    from covplan.study.findings import findings_table

    if not found:
        return
    table = Table(_("Severity"), _("File"), _("Row"), _("Column"), _("Value"), _("Problem"), _("Done"), _("To do"))
    for row in findings_table(found).head(SHOWN_ROWS).to_dict("records"):
        severity = label("severity", row["severity"])
        place = f"{row['file']} {row['layer']}" if row["layer"] and not row["file"].endswith(".csv") else row["file"]
        cells = (place, row["row"], row["column"], row["value"][:30], row["problem"], row["done"], row["advice"])
        table.add_row(f"[{COLOURS[row['severity']]}]{severity}[/]", *(escape(cell) for cell in cells))
    console.print(table)
    if len(found) > SHOWN_ROWS:
        console.print(_("… {count} more in findings.csv").format(count=len(found) - SHOWN_ROWS))
