"""Commands: a few lines each. Libraries are imported by the command that needs them, so that --help answers at once."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covplan import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from rich.console import Console

    from covplan.pipeline import FibreResult
    from covplan.study.findings import Finding, Language
    from covplan.study.plan import Plan

FOLDER = click.Path(path_type=Path, file_okay=False)
SHOWN_FINDINGS = 40
COLOURS = {
    "fatal": "bold red",
    "set_aside": "red",
    "repaired": "yellow",
    "assumed": "cyan",
    "warning": "yellow",
    "note": "dim",
}
SEVERITY_VI = {
    "fatal": "dừng", "set_aside": "để riêng", "repaired": "đã sửa", "assumed": "giả định", "warning": "cảnh báo",
    "note": "ghi chú",
}  # fmt: skip
language = click.option("--lang", type=click.Choice(["vi", "en"]), default="vi", help="Language of tables.")


class _Commands(click.Group):
    """Turns covplan's own errors into one clear message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        from covplan.study.errors import CovplanError

        try:
            return super().invoke(ctx)
        except CovplanError as error:
            raise SystemExit(_fail(str(error))) from None
        except OSError as error:  # a full disk, a file held open by QGIS, a folder without write permission
            place = f"{error.filename}: " if error.filename else ""
            raise SystemExit(_fail(f"{place}{error.strerror or error}")) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="covplan")
def main() -> None:
    """Plan a province's mobile and fibre coverage. A study folder goes in, a plan comes out."""


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option("--force", is_flag=True, help="Make everything anew, also what is current.")
@click.option("--include-restricted", is_flag=True, help="Put restricted stations into master_plan.gpkg too.")
@language
def plan(study: Path, out: Path, force: bool, include_restricted: bool, lang: Language) -> None:
    """Make the plan of STUDY: indicators.csv, map.html and master_plan.gpkg in OUT."""
    from covplan.study.folder import study_key

    console = _console()
    _stop_if_same(study, out)
    key = study_key(study, __version__, lang, str(include_restricted))
    made = _write_plan(study, out, key, force=force, include_restricted=include_restricted, lang=lang, console=console)
    if made is None:
        console.print(f"[green]{out}: mọi kết quả đã mới nhất (everything is current).[/]  --force làm lại.")


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the findings.")
@language
def check(study: Path, out: Path, lang: Language) -> None:
    """Read STUDY and report what is wrong in its data; exit 1 when something stops a run.

    Writes findings.csv and, in set_aside/, the rows that cannot be used, as they were read.
    """
    from covplan.study.findings import fatal, faults
    from covplan.study.folder import read_study, write_findings

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened, found = read_study(study, progress=tell)
    write_findings(found, opened.set_aside if opened else {}, out, lang)
    _show_findings(console, found, lang)
    stopping = fatal(found, opened.settings.checks.strict if opened else ())
    wrong = len(faults(found))
    verdict = f"{wrong} phát hiện (findings), {len(stopping)} làm dừng (fatal)" if wrong else "[green]Sạch (clean)[/]"
    notes = f", {len(found) - wrong} ghi chú (notes)" if len(found) > wrong else ""
    console.print(f"{verdict}{notes} → {out / 'findings.csv'}")
    if stopping:
        raise SystemExit(1)


@main.command()
@click.argument("study", type=FOLDER)
@language
def indicators(study: Path, lang: Language) -> None:
    """Print the plan's indicators as they stand in STUDY."""
    from covplan.pipeline import make_plan
    from covplan.study.folder import open_study

    console = _console()
    with _progress(console) as tell:
        made = make_plan(open_study(study, progress=tell), progress=tell)
    _show_indicators(console, made, lang)


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option(
    "-t", "--technology", "technologies", multiple=True, type=click.Choice(["4G", "5G"]), help="Default: both."
)
@click.option("-p", "--operator", "operators", multiple=True, help="Operator code; default: each, and any of them.")
def coverage(study: Path, out: Path, technologies: tuple[str, ...], operators: tuple[str, ...]) -> None:
    """Compute radio coverage of STUDY: GeoTIFF of RSRP, best server, probability, SINR and throughput in OUT/coverage.

    Path losses are kept in STUDY/.cache: an interrupted run goes on where it stood, and after a change only the masts
    concerned are computed again.
    """
    from covplan.pipeline import coverages
    from covplan.radio.coverage import write_rasters
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        for technology in technologies or tuple(opened.settings.radio):
            for one in coverages(opened, technology=technology, operators=operators, progress=tell):
                who = "+".join(one.operators)
                tell(f"{technology} {who} → {out / 'coverage'}")
                tags = {"technology": technology, "operators": who, "model": "ITU-R P.1812-7", "covplan": __version__}
                if opened.settings.province.synthetic:
                    tags["note"] = "DỮ LIỆU MÔ PHỎNG (synthetic data)"
                written = write_rasters(one, out / "coverage", tags=tags)
                console.print(f"{technology} {who}: {len(written)} tệp (files)", highlight=False)
    console.print(f"[green]{out / 'coverage'}[/]")


KINDS = ("white_spot", "supply_curve", "place_5g", "share")


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option("-k", "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Default: all.")
@click.option("--phased", is_flag=True, help="Give every proposal its year, under the budgets of [phases].")
@language
def propose(study: Path, out: Path, kinds: tuple[str, ...], *, phased: bool, lang: Language) -> None:
    """Propose what to build in STUDY: proposals.csv, comparison.csv and supply_curve.csv in OUT.

    Every proposal says what it gains, costs and what the next best would cost; comparison.csv sets the programs beside
    what a planner would do by habit; what is proposed is looked at again by the coverage engine.
    """
    import pandas as pd

    from covplan import pipeline
    from covplan.propose.white_spots import supply_curve
    from covplan.study.errors import NoSolution
    from covplan.study.files import written_whole
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    console = _console()
    wanted = kinds or KINDS
    proposals, comparisons, tables, said = [], [], {}, []
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        if {"white_spot", "supply_curve"} & set(wanted):
            spots = pipeline.propose_white_spots(opened, progress=tell)
            if "supply_curve" in wanted:
                tell("đường cung (supply curve)")
                s = opened.settings
                tables["supply_curve.csv"] = supply_curve(spots, spots.hamlets, s.costs, s.propose)
            if "white_spot" in wanted:
                proposals.append(spots.proposals)
                comparisons.append(spots.comparison.assign(kind="white_spot"))
                seen = pipeline.confirm_white_spots(opened, spots)["covered"]
                said.append(f"thôn (hamlets): {int(seen.sum())}/{len(seen)} được tính lại và xác nhận (confirmed)")
        if "place_5g" in wanted:
            placed = pipeline.propose_places_5g(opened, progress=tell)
            proposals.append(placed.proposals)
            comparisons.append(placed.comparison.assign(kind="place_5g"))
            state = pipeline.confirm_places_5g(opened, placed)["state_5g"]
            lit = int((state == "covered").sum())
            said.append(f"địa điểm (places): {lit}/{len(state)} có 5G khi tính lại (confirmed)")
        if "share" in wanted:
            tell("dùng chung vị trí (sharing)")
            shared = pipeline.propose_sharing(opened)
            proposals.append(shared.proposals)
            comparisons.append(shared.comparison.assign(kind="share"))
            lost = int(shared.coverage["hamlets_lost"].sum())
            said.append(f"dùng chung (sharing): {lost} thôn mất sóng của một nhà mạng khi tính lại (hamlets lost)")
        if phased and proposals:
            tell("phân kỳ (phasing)")
            together = pd.concat(proposals, ignore_index=True).assign(year=pd.NA)
            try:
                proposals = [pipeline.phase_proposals(opened, together)[0]]
            except NoSolution as error:  # the proposals are worth having without their years
                said.append(f"không phân kỳ được (no years): {error}")
    if proposals:
        tables["proposals.csv"] = pd.concat([table.drop(columns="geometry") for table in proposals])
        tables["comparison.csv"] = pd.concat(comparisons)
    for name, table in tables.items():
        with written_whole(out / name) as part:
            table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
    for table in comparisons:
        _show_comparison(console, table, lang)
    console.print(*said, sep="\n")
    console.print(f"[green]{out}[/]: {', '.join(tables)}")


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("hamlet")
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option("-t", "--technology", type=click.Choice(["4G", "5G"]), default="4G", show_default=True)
@click.option("-p", "--operator", "operators", multiple=True, help="Operator code; default: all of the study.")
@click.option("--include-restricted", is_flag=True, help="Explain links of restricted stations too.")
@language
def explain(
    study: Path,
    hamlet: str,
    out: Path,
    technology: str,
    operators: tuple[str, ...],
    include_restricted: bool,
    lang: Language,
) -> None:
    """Explain who reaches HAMLET (its id or name) and what stands in the way.

    Prints each operator's best links with their budgets; writes, into OUT/explain, a profile (PNG) per best link, the
    budgets as CSV and the links as GeoJSON.
    """
    from covplan.pipeline import explain_link
    from covplan.publish.explained import show_explanation, write_explanation
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell(f"{hamlet}: {technology}")
        explained = explain_link(
            opened, hamlet, technology=technology, operators=operators, include_restricted=include_restricted
        )
        synthetic = opened.settings.province.synthetic
        written = write_explanation(explained, out / "explain", synthetic=synthetic)
    show_explanation(console, explained, lang, synthetic=synthetic)
    console.print(f"[green]{out / 'explain'}[/]: {', '.join(path.name for path in written)}", highlight=False)
    if explained.links and written[-1].suffix != ".png":
        console.print("Chưa vẽ mặt cắt (no profiles): pip install 'covplan[lab]'", markup=False, highlight=False)


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option(
    "-t", "--technology", "technologies", multiple=True, type=click.Choice(["4G", "5G"]), help="Default: all."
)
@click.option("--write", is_flag=True, help="Put the offsets into study.toml.")
@language
def calibrate(study: Path, out: Path, technologies: tuple[str, ...], write: bool, lang: Language) -> None:
    """Calibrate the coverage model of STUDY on its measurements.csv: OUT/calibration.csv, and offsets for study.toml.

    A share of the measured ground is held out; offsets that do not help there are not written.
    """
    from covplan.pipeline import calibrate as calibrate_study
    from covplan.publish.measured import show_calibration, write_table
    from covplan.study.folder import open_study
    from covplan.study.settings import SETTINGS_FILE, offsets_toml, write_offsets

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell("calibration")
        found = calibrate_study(opened, technologies=technologies)
        write_table(found.groups, out / "calibration.csv")
        write_table(found.errors, out / "calibration_errors.csv")
    show_calibration(console, found.groups, found.errors, found.unheard, opened.settings.propagation, lang)
    console.print(f"[green]{out / 'calibration.csv'}[/]")
    if not found.improves:
        raise SystemExit(_fail("Số hiệu chỉnh không giảm sai số ở phần giữ lại (no gain on the held-out share)."))
    if write:
        write_offsets(study / SETTINGS_FILE, found.offsets_db)
        console.print(f"{study / SETTINGS_FILE}: [propagation.offsets_db]", markup=False)
    else:
        console.print(f"{SETTINGS_FILE} (--write):\n\n{offsets_toml(found.offsets_db)}", markup=False, highlight=False)


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option(
    "--dark",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV whose column village_id lists the hamlets without signal; default: as declared in STUDY.",
)
@language
def reliability(study: Path, out: Path, dark: Path | None, lang: Language) -> None:
    """Hold the coverage model of STUDY against measurements and the hamlets known to be dark: OUT/reliability_*.csv."""
    from covplan.pipeline import reliability as study_reliability
    from covplan.publish.measured import reliability_tables, show_reliability, write_table
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell("reliability")
        found = study_reliability(opened, dark=dark)
    tables = reliability_tables(found.tests, found.hamlets, found.success, found.errors)
    for name, table in tables.items():
        write_table(table, out / f"reliability_{name}.csv")
    show_reliability(console, tables, found.unheard, lang)
    console.print(f"[green]{out}[/]: {', '.join(f'reliability_{name}.csv' for name in tables)}", highlight=False)


@main.command()
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@click.option(
    "--osm", type=click.Path(path_type=Path), help="Roads from an .osm, .osm.pbf, .gpkg or .graphml file instead."
)
@click.option("--download-roads", is_flag=True, help="Roads from OpenStreetMap over the internet instead.")
@click.option("--target", "targets", multiple=True, help="Share of hamlets in %, or YEAR=%; default: the study's.")
@click.option("--budget", type=click.FloatRange(min=0), help="Most households for so many VND, instead of targets.")
@click.option("--time-limit", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds per phase.")
@language
def fibre(
    study: Path,
    out: Path,
    osm: Path | None,
    download_roads: bool,
    targets: tuple[str, ...],
    budget: float | None,
    time_limit: float,
    lang: Language,
) -> None:
    """Who has FTTH in STUDY, which hamlets to connect next, along which roads, in which order, for how much.

    Writes into OUT fibre_reach.csv, fibre_order.csv (marginal costs), fibre_bill.csv (materials), fibre_summary.csv,
    fibre_single_routes.csv, fibre_findings.csv and fibre.gpkg.
    """
    from covplan.pipeline import fibre_plan
    from covplan.publish.fibre import write_fibre
    from covplan.study.findings import findings_table
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        made = fibre_plan(
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
            "findings": findings_table(made.findings, lang),
        }
        write_fibre(out, made.reach, made.plan.proposals, tables)
    _show_fibre(console, made, lang)
    console.print(f"[green]{out}[/]: fibre.gpkg, fibre_*.csv")


@main.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the results.")
@language
def compare(before: Path, after: Path, out: Path, lang: Language) -> None:
    """Compare two studies: which hamlets changed state and why, indicators, stations. Writes OUT/compare/*.csv."""
    from rich.markup import escape
    from rich.table import Table

    from covplan.pipeline import compare as compare_plans
    from covplan.pipeline import make_plan
    from covplan.publish.words import label
    from covplan.study.files import written_whole
    from covplan.study.folder import open_study

    for study in (before, after):
        _stop_if_same(study, out)
    console = _console()
    with _progress(console) as tell:
        plans = [make_plan(open_study(study, progress=tell), progress=tell) for study in (before, after)]
        found = compare_plans(*plans)
    for name in ("hamlets", "stations", "cells", "indicators"):
        with written_whole(out / "compare" / f"{name}.csv") as part:
            getattr(found, name).to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
    vi = lang == "vi"
    table = Table(
        *(("Thôn", "Xã", "Trước", "Sau", "Nguyên nhân") if vi else ("Hamlet", "Commune", "Before", "After", "Cause"))
    )
    for row in found.hamlets.head(SHOWN_FINDINGS).itertuples():
        states = [
            label("mobile_state", str(state), language=lang)
            for state in (row.mobile_state_before, row.mobile_state_after)
        ]
        table.add_row(escape(f"{row.name} ({row.village_id})"), escape(str(row.commune)), *states,
                      escape(row.cause_vi if vi else row.cause_en))  # fmt: skip
    console.print(table)
    figures = Table("Chỉ tiêu" if vi else "Indicator", "", "", "±")
    for row in found.indicators[found.indicators["difference"].fillna(0) != 0].itertuples():
        figures.add_row(
            escape(row.name_vi if vi else row.name_en),
            *(_number(v) for v in (row.value_before, row.value_after, row.difference)),
        )
    console.print(figures)
    console.print(
        f"{len(found.hamlets)} thôn thay đổi (hamlets changed), {len(found.stations)} trạm (stations) → "
        f"{out / 'compare'}"
    )


@main.command()
@click.argument("study", type=FOLDER)
@language
def definitions(study: Path, lang: Language) -> None:
    """Print the share of hamlets, households and people covered under every definition of "covered" in STUDY."""
    from rich.markup import escape
    from rich.table import Table

    from covplan.pipeline import compare_definitions
    from covplan.study.folder import open_study

    console = _console()
    with _progress(console) as tell:
        found = compare_definitions(open_study(study, progress=tell), progress=tell)
    vi = lang == "vi"
    heads = ("Định nghĩa", "dBm", "Mbit/s", "Xác suất", "Thôn %", "Hộ %", "Dân %")
    table = Table(
        *(heads if vi else ("Definition", "dBm", "Mbit/s", "Probability", "Hamlets %", "Households %", "People %"))
    )
    for row in found.itertuples():
        shown = (row.rsrp_threshold_dbm, row.throughput_mbps, row.confidence)
        shares = (row.hamlets_pct, row.households_pct, row.population_pct)
        title = escape(f"{row.preset}: {row.title_vi if vi else row.title_en}")
        table.add_row(title, *map(_number, (*shown, *shares)))
    console.print(table)


@main.command()
@click.argument("study", type=FOLDER)
@click.argument("hamlets", nargs=-1)
@click.option("--state", type=click.Choice(["none", "weak", "covered", "unknown"]), help="All hamlets of this state.")
@click.option("-o", "--out", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the pages.")
def sheet(study: Path, hamlets: tuple[str, ...], state: str | None, out: Path) -> None:
    """Write a printable page (phiếu thôn) for HAMLETS (ids or names), or all of a state, into OUT/sheets."""
    from covplan.pipeline import explain_link, make_plan
    from covplan.publish.sheet import write_sheet
    from covplan.study.find import find_village
    from covplan.study.folder import open_study

    _stop_if_same(study, out)
    if not hamlets and state is None:
        raise SystemExit(_fail("Name hamlets by id or name, or say --state none."))
    console = _console()
    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        made = make_plan(opened, progress=tell)
        ids = [str(find_village(opened.villages, opened.communes, one)["village_id"]) for one in hamlets]
        ids += made.hamlets.loc[made.hamlets["mobile_state"] == state, "village_id"].tolist() if state else []
        for village_id in dict.fromkeys(ids):
            tell(f"phiếu thôn {village_id}")
            explained = None
            if opened.rasters["elevation"] is not None:
                explained = explain_link(opened, village_id, include_restricted=False)
            write_sheet(made, village_id, out / "sheets" / f"{_file_stem(village_id)}.html", explained)
    console.print(f"[green]{out / 'sheets'}[/]: {len(dict.fromkeys(ids))} phiếu (pages)")


@main.command()
@click.argument("study", type=FOLDER, required=False)
@click.option("--reference", is_flag=True, help="List every setting with its default and meaning.")
def settings(study: Path | None, reference: bool) -> None:
    """Print the settings in force in STUDY (as a study.toml), or the reference of all settings."""
    from covplan.study.settings import SETTINGS_FILE, load_settings, settings_reference, settings_toml

    if reference or study is None:
        for section, name, default, meaning in settings_reference():
            click.echo(f"{f'[{section}] ' if section else ''}{name} = {default}\n    {meaning}")
    else:
        click.echo(settings_toml(load_settings(study / SETTINGS_FILE)))


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--overwrite", is_flag=True, help="Replace the files of a folder that holds something.")
def sample(folder: Path, overwrite: bool) -> None:
    """Make the sample province (Tuyên Quang, mô phỏng) in FOLDER: the same bytes every time."""
    from covplan.sample.province import make_province

    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SystemExit(_fail(f"{folder} is not empty. Choose another folder, or say --overwrite."))
    console = _console()
    with _progress(console) as tell:
        make_province(folder, progress=tell)
    console.print(f"[green]{folder}[/]: dữ liệu mô phỏng, vị trí trạm, thôn, tuyến cáp KHÔNG có thật.")


@main.command()
def doctor() -> None:
    """Check this installation: versions, GDAL and PROJ, coordinate systems, numba, map files."""
    from rich.table import Table

    from covplan.doctor import diagnose

    table = Table("", "", "", "", show_header=False, box=None)
    checks = diagnose()
    for one in checks:
        table.add_row("[green]✓[/]" if one.ok else "[red]✗[/]", one.name, one.value, one.advice)
    _console().print(table)
    if not all(one.ok for one in checks):
        raise SystemExit(1)


def _file_stem(name: str) -> str:
    """A name as part of a path: letters, digits, dash and underscore only."""
    return "".join(one if one.isalnum() or one in "-_" else "_" for one in name)


def _stop_if_same(study: Path, out: Path) -> None:
    if study.resolve() == out.resolve():
        raise SystemExit(_fail(f"{out}: results do not go into the study folder itself; choose another --out."))


def _write_plan(
    study: Path, out: Path, key: str, *, force: bool, include_restricted: bool, lang: Language, console: Console
) -> Plan | None:
    """Make the outputs that are not current, each whole or not at all; None when all are."""
    from covplan.study.manifest import is_current, record
    from covplan.study.plan import FINDINGS_FILE, INDICATORS_FILE

    outputs = (INDICATORS_FILE, FINDINGS_FILE, "master_plan.gpkg", "map.html")
    due = [name for name in outputs if force or not is_current(out, name, key)]
    if not due:
        return None
    from covplan.pipeline import make_plan
    from covplan.publish.geopackage import write_geopackage
    from covplan.publish.maps import write_map
    from covplan.study.findings import faults
    from covplan.study.folder import open_study, write_findings

    with _progress(console) as tell:
        opened = open_study(study, progress=tell)
        tell("chỉ tiêu (indicators)")
        made = make_plan(opened, progress=tell)
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
        figures = [_number(figure) for figure in (row.value, row.baseline, row.target_2025, row.target_2030)]
        missing = "" if math.isnan(row.missing_2025) else f"{row.missing_2025:g} {row.counted}"
        table.add_row(escape(row.name_vi if lang == "vi" else row.name_en), *figures, escape(missing), row.basis)
    console.print(table)


def _show_comparison(console: Console, compared: pd.DataFrame, lang: Language) -> None:
    from rich.table import Table

    heads = ("Cách làm", "Năm", "Phục vụ", "Chi phí (tỷ đồng)", "Cận dưới", "Khoảng cách %", "Hơn tối ưu %", "Giây")
    if lang == "en":
        heads = ("Method", "Year", "Served", "Cost (VND billion)", "Bound", "Gap %", "Over program %", "Seconds")
    table = Table(heads[0], title=str(compared["kind"].iloc[0]))
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for row in compared.itertuples():
        served = getattr(row, "hamlets", getattr(row, "places", math.nan))
        year = "" if not hasattr(row, "year") else f"{row.year:.0f}"
        figures = (served, row.cost_vnd / 1e9, row.bound_vnd / 1e9, 100 * row.gap, row.over_program_pct, row.seconds)
        table.add_row(row.method, year, *(_number(float(figure)) for figure in figures))
    console.print(table)


def _phases(targets: tuple[str, ...], years: tuple[int, ...]) -> list[tuple[int, float]] | None:
    """YEAR=% as they are; plain shares, rising, over the first to the last year (a single one: the last)."""
    if not targets:
        return None
    phases = []
    for number, text in enumerate(targets):
        year, _, share = text.rpartition("=")
        even = years[-1] if len(targets) == 1 else years[round(number * (len(years) - 1) / (len(targets) - 1))]
        try:
            phases.append((int(year) if year else even, float(share.replace(",", "."))))
        except ValueError:
            raise click.BadParameter(f"{text!r} is neither a share in % nor YEAR=%", param_hint="--target") from None
    years_of, shares = zip(*phases, strict=True)
    rising = list(years_of) == sorted(set(years_of)) and list(shares) == sorted(shares)
    if not rising or not 0 <= shares[0] <= shares[-1] <= 100:
        raise click.BadParameter("shares lie between 0 and 100 and rise with the years", param_hint="--target")
    return phases


def _show_fibre(console: Console, made: FibreResult, lang: Language) -> None:
    from rich.table import Table

    served, known = int(made.reach["ftth"].sum()), int(made.reach["ftth"].notna().sum())
    homes = int(made.reach["homes_passed"].sum())
    connected, households = int(made.reach["homes_connected"].sum()), int(made.reach["households"].sum())
    labels = ("FTTH tính toán", "thôn", "hộ kết nối được", "hộ đang dùng", "không rõ")
    heads = (
        "Năm",
        "Mục tiêu %",
        "Thôn",
        "Hộ",
        "Km cáp",
        "Chi phí (tỷ đồng)",
        "Thấp–cao",
        "Triệu đ/hộ",
        "Sai khác",
        "Giây",
    )
    if lang == "en":
        labels = ("FTTH computed", "hamlets", "homes passed", "connected", "unknown")
        heads = ("Year", "Target %", "Hamlets", "Homes", "Km", "Bn VND", "Low–high", "M VND/home", "Gap", "s")
    share = _number(100 * served / known) if known else "–"
    console.print(
        f"{labels[0]}: {served}/{known} {labels[1]} ({share} %), {labels[4]}: {len(made.reach) - known}; "
        f"{homes} {labels[2]}, {connected} {labels[3]} ({_number(100 * connected / max(households, 1))} %)",
        highlight=False,
    )
    table = Table(heads[0])
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for row in made.plan.summary.itertuples():
        billion = [_number(cost / 1e9) for cost in (row.cost_base_vnd, row.cost_low_vnd, row.cost_high_vnd)]
        each = "–" if row.vnd_per_home_passed is None else _number(row.vnd_per_home_passed / 1e6)
        gap = "0 ✓" if row.status == "optimal" else f"{_number(100 * row.gap)} %"
        target = "–" if row.target_pct is None else _number(row.target_pct)
        cells = (str(row.year), target, str(row.hamlets), str(row.households), _number(row.km), billion[0])
        table.add_row(*cells, f"{billion[1]}–{billion[2]}", each, gap, _number(row.seconds))
    console.print(table)
    for row in made.plan.summary.itertuples():
        if row.short:
            vi = f"{row.year}: còn thiếu {row.short} thôn, không tuyến nào đến được (xem fibre_findings.csv)"
            en = f"{row.year}: short by {row.short} hamlets no route can reach (see fibre_findings.csv)"
            console.print(f"[yellow]{vi if lang == 'vi' else en}[/]", highlight=False)


def _show_findings(console: Console, found: Sequence[Finding], lang: Language) -> None:
    from rich.markup import escape
    from rich.table import Table

    from covplan.study.findings import findings_table

    if not found:
        return
    heads = ("Mức độ", "Tệp", "Dòng", "Cột", "Giá trị", "Vấn đề", "Đã xử lý", "Cần làm")
    if lang == "en":
        heads = ("Severity", "File", "Row", "Column", "Value", "Problem", "Done", "To do")
    table = Table(*heads)
    for row in findings_table(found, lang).head(SHOWN_FINDINGS).itertuples():
        severity = SEVERITY_VI[row.severity] if lang == "vi" else row.severity
        place = f"{row.file} {row.layer}" if row.layer and not row.file.endswith(".csv") else row.file
        cells = (place, row.row, row.column, row.value[:30], row.problem, row.done, row.advice)
        table.add_row(f"[{COLOURS[row.severity]}]{severity}[/]", *(escape(cell) for cell in cells))
    console.print(table)
    if len(found) > SHOWN_FINDINGS:
        console.print(f"… {len(found) - SHOWN_FINDINGS} dòng nữa trong findings.csv (more in findings.csv)")


def _number(value: float) -> str:
    """Vietnamese style: a decimal comma; a dash for nothing (NaN)."""
    return "–" if math.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """A spinner with the step's name and the time so far; plain lines where there is no terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    if not console.is_terminal:
        yield lambda step: console.print(f"· {step}", markup=False, highlight=False)
        return
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("…", total=None)
        yield lambda step: bar.update(task, description=step)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _fail(message: str) -> int:
    click.secho("Lỗi (error): ", fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
