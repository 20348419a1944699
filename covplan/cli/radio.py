"""Commands of radio coverage: rasters, one hamlet explained, calibration, reliability."""

from __future__ import annotations

from pathlib import Path

import click

from covplan import __version__
from covplan.cli.base import FOLDER, coverage_key, fail, language, main, open_console, option, results, stop_if_same
from covplan.study.language import _, current_language
from covplan.study.models import MODELS, models_said
from covplan.study.synthetic import origin_mark

BEST = "best"  # of --model


@main.command()
@click.argument("study", type=FOLDER)
@results
@option("-t", "--technology", "technologies", multiple=True, type=click.Choice(["4G", "5G"]), help="Default: both.")
@option("-p", "--operator", "operators", multiple=True, help="Operator code; default: each, and any of them.")
@option("--force", is_flag=True, help="Make everything anew, also what is current.")
@language
def coverage(study: Path, out: Path, *, technologies: tuple[str, ...], operators: tuple[str, ...], force: bool) -> None:
    """Compute radio coverage of STUDY: GeoTIFF of RSRP, best server, probability, SINR and throughput in OUT/coverage.

    Path losses are kept in STUDY/.cache: an interrupted run goes on where it stood, and after a change only the masts
    concerned are computed again.
    """
    from covplan.cli.study import show_findings
    from covplan.pipeline import Workspace, coverages, model_findings
    from covplan.radio.coverage import write_rasters
    from covplan.study.kept_study import open_kept
    from covplan.study.manifest import is_current, record
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        propagation = opened.settings.propagation
        models = models_said(propagation.model, propagation.band_models)
        workspace, folder, key = Workspace(opened), out / "coverage", coverage_key(study, current_language())
        for technology in technologies or tuple(opened.settings.radio):
            names = list(dict.fromkeys(operators)) or workspace.operators(technology)
            wanted = [*names, "+".join(sorted(names))]  # the last: any of them
            due = [one for one in wanted if force or not is_current(folder, f"{technology} {one}", key)]
            current = [one for one in names if one not in due]
            if current:
                said = _("{technology} {operators}: current already")
                console.print(said.format(technology=technology, operators=", ".join(current)), highlight=False)
            asked = names if wanted[-1] in due else due
            for one in coverages(workspace, technology=technology, operators=asked, progress=tell) if due else ():
                who = "+".join(one.operators)
                if who not in due:
                    continue
                tell(f"{technology} {who} → {out / 'coverage'}")
                tags = {"technology": technology, "operators": who, "model": models, "covplan": __version__}
                if mark := origin_mark(opened):
                    tags["note"] = mark
                written = write_rasters(one, folder, tags=tags)
                record(folder, f"{technology} {who}", key, written)
                said = _("{technology} {operators}: {count} files")
                console.print(said.format(technology=technology, operators=who, count=len(written)), highlight=False)
                del one  # before the next is computed: a province's rasters are large
        found = model_findings(opened, technologies)
    show_findings(console, found)
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
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
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
@option(
    "--model",
    type=click.Choice([*MODELS, BEST]),
    help="Path loss model to fit, where it holds; best: the one recommended for each band. Default: the study's.",
)
@option("--write", is_flag=True, help="Put the offsets, and the models of --model, into study.toml.")
@language
def calibrate(study: Path, out: Path, technologies: tuple[str, ...], model: str | None, write: bool) -> None:
    """Calibrate the coverage model of STUDY on its measurements.csv: OUT/calibration.csv, and offsets for study.toml.

    Every path loss model is held against the same measurements (OUT/calibration_models.csv), and the one that fits best
    on held-out ground is recommended, band by band. A share of the measured ground is held out; offsets that do not
    help there are not written.
    """
    from covplan.pipeline import calibrate as calibrate_study
    from covplan.pipeline import study_models
    from covplan.publish.measured import show_calibration, show_models, write_table
    from covplan.radio.model_choice import chosen_models
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress
    from covplan.study.settings_file import SETTINGS_FILE, offsets_toml, write_offsets

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        tell(_("calibration"))
        compared = study_models(opened, technologies=technologies)
        chosen = chosen_models(compared, None if model == BEST else model) if model else {}
        found = calibrate_study(opened, technologies=technologies, band_models=chosen)
        write_table(compared, out / "calibration_models.csv")
        write_table(found.groups, out / "calibration.csv")
        write_table(found.errors, out / "calibration_errors.csv")
    show_models(console, compared)
    propagation = opened.settings.propagation
    said = models_said(propagation.model, {**propagation.band_models, **chosen})
    console.print(_("Offsets for: {models}").format(models=said), highlight=False)
    show_calibration(console, found.groups, found.errors, found.not_received, propagation, square_m=found.square_m)
    console.print(f"[green]{out / 'calibration.csv'}[/]")
    if not found.improves:
        raise SystemExit(fail(_("The offsets do not lessen the error on the share held out.")))
    fitted_for = {one: chosen.get(one, propagation.model_of(one)) for one in found.offsets_db}
    if write:
        write_offsets(study / SETTINGS_FILE, found.offsets_db, fitted_for, chosen)
        parts = "[propagation.offsets_db]" + (", [propagation] band_models" if chosen else "")
        console.print(f"{study / SETTINGS_FILE}: {parts}", markup=False)
    else:
        console.print(
            f"{SETTINGS_FILE} (--write):\n\n{offsets_toml(found.offsets_db, fitted_for)}", markup=False, highlight=False
        )


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
    from covplan.cli.study import show_findings
    from covplan.pipeline import model_findings
    from covplan.pipeline import reliability as study_reliability
    from covplan.publish.measured import reliability_tables, show_reliability, write_table
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    with shown_progress(console) as tell:
        opened = open_kept(study, progress=tell)
        tell(_("reliability"))
        found = study_reliability(opened, dark=dark)
        told = model_findings(opened)
    tables = reliability_tables(found.tests, found.hamlets, found.success, found.errors)
    for name, table in tables.items():
        write_table(table, out / f"reliability_{name}.csv")
    show_reliability(console, tables, found.not_received)
    show_findings(console, told)
    console.print(f"[green]{out}[/]: {', '.join(f'reliability_{name}.csv' for name in tables)}", highlight=False)
