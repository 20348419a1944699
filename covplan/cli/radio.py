"""Commands of radio coverage: rasters, one hamlet explained, calibration, reliability."""

from __future__ import annotations

from pathlib import Path

import click

from covplan import __version__
from covplan.cli.base import FOLDER, fail, language, main, open_console, option, results, stop_if_same
from covplan.study.language import _
from covplan.study.synthetic import synthetic_mark


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("-t", "--technology", "technologies", multiple=True, type=click.Choice(["4G", "5G"]), help="Default: both.")
@option("-p", "--operator", "operators", multiple=True, help="Operator code; default: each, and any of them.")
@language
def coverage(study: Path, out: Path, technologies: tuple[str, ...], operators: tuple[str, ...]) -> None:
    """Compute radio coverage of STUDY: GeoTIFF of RSRP, best server, probability, SINR and throughput in OUT/coverage.

    Path losses are kept in STUDY/.cache: an interrupted run goes on where it stood, and after a change only the masts
    concerned are computed again.
    """
    from covplan.pipeline import coverages
    from covplan.radio.coverage import write_rasters
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        for technology in technologies or tuple(opened.settings.radio):
            for one in coverages(opened, technology=technology, operators=operators, progress=tell):
                who = "+".join(one.operators)
                tell(f"{technology} {who} → {out / 'coverage'}")
                tags = {"technology": technology, "operators": who, "model": "ITU-R P.1812-7", "covplan": __version__}
                if opened.settings.province.synthetic:
                    tags["note"] = synthetic_mark()
                written = write_rasters(one, out / "coverage", tags=tags)
                said = _("{technology} {operators}: {count} files")
                console.print(said.format(technology=technology, operators=who, count=len(written)), highlight=False)
    console.print(f"[green]{out / 'coverage'}[/]")


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("hamlet")
@results
@option("-t", "--technology", type=click.Choice(["4G", "5G"]), default="4G", show_default=True)
@option("-p", "--operator", "operators", multiple=True, help="Operator code; default: all of the study.")
@option("--include-restricted", is_flag=True, help="Explain links of restricted stations too.")
@language
def explain(
    study: Path,
    hamlet: str,
    out: Path,
    technology: str,
    operators: tuple[str, ...],
    include_restricted: bool,
) -> None:
    """Explain who reaches HAMLET (its id or name) and what stands in the way.

    Prints each operator's best links with their budgets; writes, into OUT/explain, a profile (PNG) per best link, the
    budgets as CSV and the links as GeoJSON.
    """
    from covplan.pipeline import explain_link
    from covplan.publish.explained import show_explanation, write_explanation
    from covplan.publish.public import public_study
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell(f"{hamlet}: {technology}")
        stations = opened.stations if include_restricted else public_study(opened).stations
        explained = explain_link(opened, hamlet, technology=technology, operators=operators, stations=stations)
        synthetic = opened.settings.province.synthetic
        written = write_explanation(explained, out / "explain", synthetic=synthetic)
    show_explanation(console, explained, synthetic=synthetic)
    console.print(f"[green]{out / 'explain'}[/]: {', '.join(path.name for path in written)}", highlight=False)


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("-t", "--technology", "technologies", multiple=True, type=click.Choice(["4G", "5G"]), help="Default: all.")
@option("--write", is_flag=True, help="Put the offsets into study.toml.")
@language
def calibrate(study: Path, out: Path, technologies: tuple[str, ...], write: bool) -> None:
    """Calibrate the coverage model of STUDY on its measurements.csv: OUT/calibration.csv, and offsets for study.toml.

    A share of the measured ground is held out; offsets that do not help there are not written.
    """
    from covplan.pipeline import calibrate as calibrate_study
    from covplan.publish.measured import show_calibration, write_table
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress
    from covplan.study.settings_file import SETTINGS_FILE, offsets_toml, write_offsets

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell(_("calibration"))
        found = calibrate_study(opened, technologies=technologies)
        write_table(found.groups, out / "calibration.csv")
        write_table(found.errors, out / "calibration_errors.csv")
    show_calibration(console, found.groups, found.errors, found.not_received, opened.settings.propagation)
    console.print(f"[green]{out / 'calibration.csv'}[/]")
    if not found.improves:
        raise SystemExit(fail(_("The offsets do not lessen the error on the share held out.")))
    if write:
        write_offsets(study / SETTINGS_FILE, found.offsets_db)
        console.print(f"{study / SETTINGS_FILE}: [propagation.offsets_db]", markup=False)
    else:
        console.print(f"{SETTINGS_FILE} (--write):\n\n{offsets_toml(found.offsets_db)}", markup=False, highlight=False)


@main.command()
@click.argument("study", type=FOLDER)
@results
@option(
    "--dark",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV whose column village_id lists the hamlets without signal; default: as declared in STUDY.",
)
@language
def reliability(study: Path, out: Path, dark: Path | None) -> None:
    """Hold the coverage model of STUDY against measurements and the hamlets known to be dark: OUT/reliability_*.csv."""
    from covplan.pipeline import reliability as study_reliability
    from covplan.publish.measured import reliability_tables, show_reliability, write_table
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell(_("reliability"))
        found = study_reliability(opened, dark=dark)
    tables = reliability_tables(found.tests, found.hamlets, found.success, found.errors)
    for name, table in tables.items():
        write_table(table, out / f"reliability_{name}.csv")
    show_reliability(console, tables, found.not_received)
    console.print(f"[green]{out}[/]: {', '.join(f'reliability_{name}.csv' for name in tables)}", highlight=False)
