"""Commands that bring files of others into a study."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covplan.cli.base import FOLDER, fail, language, main, open_console, option, say, stop_if_same
from covplan.study.language import N_, _, ngettext

if TYPE_CHECKING:
    from rich.console import Console

    from covplan.intake.begun import Begun
    from covplan.intake.ground import Ground
    from covplan.intake.hamlets import Hamlets
    from covplan.intake.measurements import Measurements
    from covplan.intake.stations import Intake, Outcome
    from covplan.intake.taken import Comparison
    from covplan.study.boundaries import Version

SHOWN_CHANGES = 20
CHANGES = {"new": N_("new"), "gone": N_("gone"), "moved": N_("moved"), "changed": N_("changed")}
FIELDS = {
    "number": N_("running number"),
    "mcc": N_("country's number (MCC)"),
    "mnc": N_("network's number (MNC)"),
    "position": N_("both coordinates"),
    "commune": N_("commune"),
    "commune_old": N_("former commune"),
    "district": N_("district"),
    "province": N_("province"),
    "address": N_("address"),
    "hamlet": N_("hamlet"),
    "kind": N_("kind of station"),
    "note": N_("note"),
}
"""What a sheet tells beside the columns of stations."""
HOW = {"header": N_("by its header"), "content": N_("by its cells"), "profile": N_("as last time"), "": ""}


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True)
@option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@option("--operator", help="Operator of rows that name none.")
@option("--epsg", type=int, help="Coordinate system of metres, where nothing tells.")
@option("--shift/--no-shift", default=None, help="Whether degrees are those of VN-2000; default: found out.")
@option("--accept", is_flag=True, help="Take the file in without asking.")
@option("--drop-gone", is_flag=True, help="Drop the operator's stations that the file no longer has.")
@language
def take(
    study: Path,
    files: tuple[Path, ...],
    out: Path,
    *,
    operator: str | None,
    epsg: int | None,
    shift: bool | None,
    accept: bool,
    drop_gone: bool,
) -> None:
    """Take FILES of stations, lists of hamlets or drive tests (xlsx, xls, xlsb, ods, csv, tsv) into STUDY.

    Maps and rasters (GeoPackage, shapefile, GeoJSON, .osm, .osm.pbf, GraphML, .hgt, GeoTIFF) fill what STUDY lacks.

    Shows what columns were taken for, what became of each row, and what is new, gone, moved and changed; changes the
    study when that is accepted. Writes findings, what was set aside, and the operator's own sheet with its rows
    coloured (tra_lai_….xlsx).
    """
    from covplan.cli.study import show_findings
    from covplan.intake.ground import read_ground
    from covplan.intake.hamlets import hamlet_tables, read_hamlets
    from covplan.intake.measurements import measurement_tables, read_measurements
    from covplan.intake.stations import Told, read_stations
    from covplan.intake.taken import compare, read_profile, read_stations_file, write_profile, write_taken
    from covplan.study.around import RASTERS, VECTORS
    from covplan.study.osm import EXTRACTS

    stop_if_same(study, out)
    console = open_console()
    drawn = [file for file in files if file.suffix.lower() in (*RASTERS, *VECTORS, *EXTRACTS, ".hgt")]
    if drawn:
        if len(drawn) < len(files):
            raise SystemExit(fail(_("take sheets and maps one after the other, not in one call.")))
        _go_on(console, study, files, accept=accept)
        return
    ground = read_ground(study)
    code = _operator(operator, ground.settings.operators)
    measured = measurement_tables(files)
    if measured:
        told = Told(code, epsg, shift)
        found = read_measurements(measured, ground, study, told, dt.date.today())
        _take_measurements(console, study, out, found, accept=accept)
        return
    tables = hamlet_tables(files)
    if tables:
        _take_hamlets(console, study, out, read_hamlets(tables, ground, study, dt.date.today()), accept=accept)
        return
    named = code or _named(files)
    profile = read_profile(study, named) if named else {}
    intake = read_stations(files, ground, Told(code, epsg, shift, profile))
    _show_mapping(console, intake)
    show_findings(console, intake.all_findings)
    _show_account(console, intake)
    file = read_stations_file(study)
    changes = compare(intake, file)
    _show_changes(console, changes)
    if changes.gone and not drop_gone:
        say(console, [_("Those that are gone stay in the study; --drop-gone drops them.")])
    folder = out / "take"
    written = _write(folder, intake, changes, ground)
    say(console, [f"{folder}: {', '.join(written)}"])
    if not _accepted(console, study, _("Take this into {study}?").format(study=study), accept=accept):
        return
    write_taken(file, changes, drop_gone=drop_gone)
    if len(intake.operators) == 1:
        write_profile(study, intake.operators[0], intake)
    said = ngettext("{study}: {count} station taken in.", "{study}: {count} stations taken in.", len(intake.stations))
    say(console, [said.format(study=study, count=len(intake.stations))])


def _go_on(console: Console, study: Path, files: tuple[Path, ...], *, accept: bool) -> None:
    """Maps and rasters: they fill what the study lacks and replace nothing."""
    from covplan.intake.begun import go_on

    asked = _("Take {files} into {study}?").format(files=", ".join(file.name for file in files), study=study)
    if not _accepted(console, study, asked, accept=accept):
        return
    _show_begun(console, go_on(study, files))


def _show_begun(console: Console, begun: Begun) -> None:
    say(console, [f"✓ {name}: {what}" for name, what in begun.taken])
    say(console, [f"✗ {name}: {why}" for name, why in begun.not_taken])


def _accepted(console: Console, study: Path, asked: str, *, accept: bool) -> bool:
    """Whether the planner wants it in the study: told beforehand, or asked on a terminal."""
    if accept or (sys.stdin.isatty() and click.confirm(asked)):
        return True
    say(console, [_("Nothing was changed in {study}. Add --accept to take it in.").format(study=study)])
    return False


def _show_found(console: Console, found: Hamlets | Measurements, summary: str, out: Path) -> Path:
    """Show what a list holds and write its findings; the folder they are in."""
    from covplan.cli.study import show_findings
    from covplan.study.findings import findings_table

    _show_mapping(console, found)
    show_findings(console, found.all_findings)
    _show_account(console, found)
    say(console, [summary])
    folder = out / "take"
    folder.mkdir(parents=True, exist_ok=True)
    told = findings_table(found.all_findings)
    told.to_csv(folder / "findings.csv", index=False, encoding="utf-8-sig", lineterminator="\n")
    return folder


def _take_hamlets(console: Console, study: Path, out: Path, found: Hamlets, *, accept: bool) -> None:
    from covplan.intake.hamlets import summary, write_hamlets
    from covplan.intake.returned import write_returned

    folder = _show_found(console, found, summary(found), out)
    write_returned(found, folder / "tra_lai_thon.xlsx")
    say(console, [f"{folder}: findings.csv, tra_lai_thon.xlsx"])
    if not _accepted(console, study, _("Take this into {study}?").format(study=study), accept=accept):
        return
    write_hamlets(found, study)
    say(console, [_("{study}: taken in.").format(study=study)])


def _take_measurements(console: Console, study: Path, out: Path, found: Measurements, *, accept: bool) -> None:
    from covplan.intake.measurements import summary, write_measurements

    folder = _show_found(console, found, summary(found), out)
    _write_answers(folder, found)
    say(console, [f"{folder}: findings.csv, rows.csv, lines.csv"])
    if not found.rows:
        return
    if not _accepted(console, study, _("Take this into {study}?").format(study=study), accept=accept):
        return
    write_measurements(found, study)
    say(console, [_("{study}: taken in.").format(study=study)])


def _operator(written: str | None, known: tuple[str, ...]) -> str | None:
    from covplan.intake.meanings import operators

    if written is None:
        return None
    codes = [written] if written in known else operators(written)[0]
    if len(codes) != 1 or codes[0] not in known:
        said = _("--operator {written}: none of {known}.").format(written=written, known=", ".join(known))
        raise SystemExit(fail(said))
    return codes[0]


def _named(files: tuple[Path, ...]) -> str:
    """The operator whose name the files have; empty where none or several."""
    from covplan.intake.meanings import operators

    found = {code for file in files for code in operators(file.stem.replace("_", " "))[0]}
    return found.pop() if len(found) == 1 else ""


def _show_mapping(console: Console, intake: Intake | Hamlets | Measurements) -> None:
    from rich.markup import escape
    from rich.table import Table

    from covplan.intake.taken import mapping_rows
    from covplan.study.layers import layers

    titles = {
        column.name: column.title
        for name in ("villages", "measurements", "stations")
        for column in layers()[name].columns
    }
    titles |= {name: _(title) for name, title in FIELDS.items()}
    table = Table(_("Sheet"), _("Column"), _("Taken for"), _("Certainty"), "")
    for row in mapping_rows(intake):
        name = row["field"]
        sure = f"{row['certainty']:.0%}" if name else ""
        how = HOW[row["how"]]
        cells = (row["sheet"], row["column"], titles.get(name, name) or "–", sure, _(how))
        table.add_row(*(escape(str(cell)) for cell in cells))
    console.print(table)


def _show_account(console: Console, intake: Intake | Hamlets | Measurements) -> None:
    said = _("Rows: {rows} = {taken} taken + {merged} merged + {aside} set aside")
    outcomes: tuple[Outcome, ...] = ("taken", "merged", "set_aside")
    counts = {name: intake.count(name) for name in outcomes}
    say(
        console,
        [
            said.format(
                rows=len(intake.answers), taken=counts["taken"], merged=counts["merged"], aside=counts["set_aside"]
            )
        ],
    )
    passed = sum(len(table.passed_over) for table in intake.tables)
    if passed:
        lines = ngettext(
            "{count} line below the headers is no row (total, note, heading); see lines.csv",
            "{count} lines below the headers are no rows (totals, notes, headings); see lines.csv",
            passed,
        )
        say(console, [lines.format(count=passed)])


def _show_changes(console: Console, changes: Comparison) -> None:
    from rich.markup import escape
    from rich.table import Table

    said = _("{new} new, {gone} gone, {moved} moved, {changed} with other values, {same} as they were")
    say(
        console,
        [
            said.format(
                new=len(changes.new),
                gone=len(changes.gone),
                moved=len(changes.moved),
                changed=len({one["station_id"] for one, *_rest in changes.changed}),
                same=changes.same,
            )
        ],
    )
    rows = [row for row in changes.rows() if row["change"] != "new"]
    if not rows:
        return
    table = Table("", _("Station"), _("Name"), _("Column"), _("Before"), _("After"))
    for row in rows[:SHOWN_CHANGES]:
        change = CHANGES[row["change"]]
        rest = [row[name] for name in ("station_id", "name", "column", "before", "after")]
        table.add_row(_(change), *(escape(cell) for cell in rest))
    console.print(table)
    if len(rows) > SHOWN_CHANGES:
        say(console, [_("… {count} more in changes.csv").format(count=len(rows) - SHOWN_CHANGES)])


def _write_answers(folder: Path, intake: Intake | Measurements) -> None:
    """What became of each row, and the lines that are none."""
    from covplan.intake.taken import write_rows

    aside = [
        {"sheet": one.table.sheet.place, "row": one.row.number, "outcome": one.outcome, "reason": one.reason,
         "stations": ";".join(one.station_ids)}
        for one in intake.answers
    ]  # fmt: skip
    write_rows(folder / "rows.csv", aside, ["sheet", "row", "outcome", "reason", "stations"])
    lines = [
        {"sheet": table.sheet.place, "row": row, "reason": reason, "text": text}
        for table in intake.tables
        for row, reason, text in table.passed_over
    ]
    write_rows(folder / "lines.csv", lines, ["sheet", "row", "reason", "text"])


def _write(folder: Path, intake: Intake, changes: Comparison, ground: Ground) -> list[str]:
    """What a planner looks at, and sends back."""
    from covplan.intake.returned import write_returned
    from covplan.intake.stations import twins
    from covplan.intake.taken import changes_geojson, mapping_rows, write_rows
    from covplan.study.files import written_whole
    from covplan.study.findings import findings_table

    folder.mkdir(parents=True, exist_ok=True)
    found = findings_table(intake.all_findings)
    found.to_csv(folder / "findings.csv", index=False, encoding="utf-8-sig", lineterminator="\n")
    write_rows(folder / "mapping.csv", mapping_rows(intake), ["sheet", "column", "field", "certainty", "how"])
    names = ["change", "station_id", "operator", "name", "column", "before", "after"]
    write_rows(folder / "changes.csv", changes.rows(), names)
    with written_whole(folder / "changes.geojson") as part:
        part.write_text(changes_geojson(changes), encoding="utf-8", newline="\n")
    _write_answers(folder, intake)
    pairs = twins(intake.stations, ground)
    names = ["station_id", "operator", "other_id", "other_operator", "distance_m", "evidence"]
    write_rows(folder / "ghep_cot.csv", pairs, names)
    back = f"tra_lai_{'_'.join(intake.operators) or 'file'}.xlsx"
    write_returned(intake, folder / back)
    return [
        "findings.csv",
        "mapping.csv",
        "changes.csv",
        "changes.geojson",
        "rows.csv",
        "lines.csv",
        "ghep_cot.csv",
        back,
    ]


@main.command()
@click.argument("folder", type=FOLDER)
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@option("--province", help="Name of the province, one of the 34 since July 2025.")
@option(
    "--boundaries",
    type=click.Choice(["2025-02", "2025-07"]),
    default="2025-07",
    show_default=True,
    help="Commune list, before or after the merger of July 2025.",
)
@option("--crs", help="Metric system, such as EPSG:9211; default: the province's zone of VN-2000.")
@language
def new(folder: Path, files: tuple[Path, ...], province: str | None, boundaries: Version, crs: str | None) -> None:
    """Begin the study of a province in FOLDER from the FILES there are; run again with more, it goes on.

    Boundaries, place names and roads (GeoPackage, shapefile, GeoJSON), OpenStreetMap (.osm, .osm.pbf, GraphML),
    terrain, land cover and population (.hgt, GeoTIFF, several tiles), operators' sheets, drive tests. Lists what is
    missing, what that costs in trust, and where to get it.
    """
    from covplan.intake.begun import begin, lacking
    from covplan.study.settings_file import SETTINGS_FILE, load_settings

    console = open_console()
    there = folder / SETTINGS_FILE
    if there.is_file():
        known = load_settings(there).province
        province, boundaries = province or known.name, known.boundaries
    if province is None and sys.stdin.isatty():
        province = click.prompt(_("Name of the province"))
    if province is None:
        raise SystemExit(fail(_("which province? Say --province.")))
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise SystemExit(fail(_("{path}: no such file.").format(path=missing[0])))
    _show_begun(console, begin(folder, province, boundaries, files, crs))
    _show_lacking(console, lacking(folder))


def _show_lacking(console: Console, rows: list[dict[str, str]]) -> None:
    from rich.markup import escape
    from rich.table import Column as Shown
    from rich.table import Table

    if not rows:
        return
    heads = (_("Missing"), "", _("What that costs"), _("Where to get it"))
    table = Table(*(Shown(head, overflow="fold") for head in heads))
    for row in rows:
        table.add_row(
            escape(row["name"]), _("needed") if row["needed"] else "", escape(row["cost"]), escape(row["where"])
        )
    console.print(table)
    if any(row["needed"] for row in rows):
        say(console, [_("`plan` needs what is marked; run this command again with the files.")])
