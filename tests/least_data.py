"""The least data: one study with everything, taken apart piece by piece, through every step behind the commands.

What may be missing is read from `resources/layers`: an optional layer or column that is added there is taken away here
by itself. Each step ends well, or says in one sentence what it needs (`CovplanError`); anything else is a failure.

`python -m tests.least_data` runs all of it: every column alone and half empty, and as many drawn pairs as are asked
for. The gate runs the part of it that a minute allows (`in_the_gate`).
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from rich.console import Console

from covplan import pipeline
from covplan.cli.fiber import _show_fiber
from covplan.cli.plan import _show_indicators
from covplan.cli.propose import _show_comparison
from covplan.cli.study import show_findings
from covplan.intake.readback import read_edits
from covplan.publish import figures
from covplan.publish.annexes import write_annexes
from covplan.publish.explained import show_explanation
from covplan.publish.fiber import write_fiber
from covplan.publish.geopackage import write_geopackage
from covplan.publish.legacy import write_legacy
from covplan.publish.maps import draw_map, write_map
from covplan.publish.measured import reliability_tables, show_reliability
from covplan.publish.ofds import write_ofds
from covplan.publish.profiles import draw_profile
from covplan.publish.public import public_study
from covplan.publish.report import write_report
from covplan.publish.sheet import write_sheet
from covplan.study.errors import CovplanError
from covplan.study.findings import findings_table
from covplan.study.folder import open_study, read_study, write_findings, write_layer
from covplan.study.kinds import KINDS
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from covplan.study.rasters import RASTER_FILES
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from covplan.study.folder import Study
    from covplan.study.layers import Column
    from covplan.study.plan import Plan

    Tables = dict[str, pd.DataFrame]

SETTINGS: dict[str, Any] = {
    "coverage": {"basis": "computed", "area_spacing_m": 1500},
    "radio": {"4G": {"rsrp_threshold_dbm": -85}},  # two hamlets are dark
    "grid": {"cell_m": 300, "margin_m": 1000},
    "propose": {"road_m": 6000, "time_limit_s": 10},
    "fiber": {"off_road_m": 2000},
    "uncertainty": {"draws": 20},
}
DARK_EAST = WEST + 1.5 * SIDE  # from here on there is no terrain in the studies whose stations stand without
SEED = 25


@dataclass(frozen=True)
class Case:
    """A study that lacks something."""

    name: str
    change: Callable[[Tables], Tables] = lambda tables: tables
    rasters: tuple[str, ...] = ()
    """That are taken away."""
    settings: dict[str, Any] = field(default_factory=dict)
    dark_east: bool = False
    """Whether the terrain ends west of the eastern hamlets."""

    def __add__(self, other: Case) -> Case:
        return Case(
            f"{self.name} + {other.name}",
            lambda tables: other.change(self.change(tables)),
            (*self.rasters, *other.rasters),
            {**self.settings, **other.settings},
            self.dark_east or other.dark_east,
        )

    def written(self, folder: Path) -> Path:
        """The study in a folder."""
        tables = self.change({name: table.copy() for name, table in full_layers().items()})
        nothing = {name: pd.DataFrame() for name in input_layers() if name not in tables}
        small_study(folder, {**SETTINGS, **self.settings}, **{**tables, **nothing})
        for name, table in tables.items():
            if table.empty and len(table.columns):  # small_study writes none that holds nothing
                write_layer(table, input_layers()[name], folder / input_layers()[name].file)
        for name in self.rasters:
            (folder / RASTER_FILES[name]).unlink(missing_ok=True)
        if self.dark_east and "elevation" not in self.rasters:
            _end_terrain(folder / RASTER_FILES["elevation"])
        return folder


@cache
def full_layers() -> Tables:
    """The small study with every optional column filled, with measurements and with a decision."""
    tables = small_layers()
    at = gpd.GeoSeries(tables["villages"].geometry.centroid, crs=EPSG).to_crs(4326)
    spread = np.linspace(-0.01, 0.01, 15)
    tables["measurements"] = pd.DataFrame(
        {
            "operator": "VTL",
            "technology": "4G",
            "lon": [round(point.x + away, 6) for point in at for away in spread],
            "lat": [round(point.y + 0.3 * away, 6) for point in at for away in spread],
            "rsrp_dbm": [-90.0 - n % 17 for n in range(len(at) * len(spread))],
            "band": "L1800",
            "cell_id": "S-1-4-1",
        }
    )
    centres = tables["villages"].geometry.centroid
    tables["nodes"] = tables["nodes"].set_geometry(gpd.GeoSeries([centres[0], centres[2]], crs=EPSG))  # by the road
    tables["decisions"] = pd.DataFrame(
        {
            "decision_id": ["D-1"],
            "decision": ["rejected"],
            "kind": ["place_5g"],
            "action": ["small_cell"],
            "place_id": ["P-3"],
            "lon": [round(at[7].x, 6)],
            "lat": [round(at[7].y, 6)],
        }
    )
    for name, layer in input_layers().items():
        table = tables[name]
        for column in layer.columns:
            if column.name not in table and not column.references and column.name != "location_id":
                table[column.name] = _likely(column)
    return tables


def _likely(column: Column) -> Any:
    if column.type == "bool":
        return False
    if column.type in ("int", "float"):
        low, high = column.min or 0.0, column.max or 100.0
        return round((low + high) / 2) if column.type == "int" else (low + high) / 2
    if column.type == "date":
        return "2020-01-01"
    return column.allowed[0] if column.allowed and not column.allowed[0].startswith("@") else None


def _end_terrain(path: Path) -> None:
    import rasterio

    with rasterio.open(path, "r+") as raster:
        heights = raster.read(1)
        first = raster.index(DARK_EAST, SOUTH)[1]
        heights[:, first:] = raster.nodata
        raster.write(heights, 1)


# What may be missing


def without_layer(name: str) -> Case:
    return Case(f"no {name}", lambda tables: {k: v for k, v in tables.items() if k != name})


def without_column(layer: str, column: str) -> Case:
    return Case(
        f"no {layer}.{column}",
        lambda tables: {**tables, layer: tables[layer].drop(columns=column)} if layer in tables else tables,
    )


def half_empty(layer: str, column: str) -> Case:
    """Every other row of a column empty."""

    def change(tables: Tables) -> Tables:
        if layer not in tables or column not in tables[layer]:
            return tables
        table = tables[layer].copy()
        table[column] = table[column].astype(object).where(np.arange(len(table)) % 2 == 1, None)
        return {**tables, layer: table}

    return Case(f"half of {layer}.{column}", change)


def stripped(layer: str) -> Case:
    """A layer with nothing but what is required."""
    return Case(f"{layer}, required columns", lambda tables: {**tables, layer: _required(tables, layer)})


def thinned(layer: str) -> Case:
    """A layer in which every optional cell is empty with even chances."""

    def change(tables: Tables) -> Tables:
        table, chance = tables[layer].copy(), np.random.default_rng(SEED)
        for column in (one.name for one in input_layers()[layer].columns if not one.required and one.name in table):
            table[column] = table[column].astype(object).where(chance.random(len(table)) < 0.5, None)
        return {**tables, layer: table}

    return Case(f"{layer}, half of the cells", change)


def without_rows(name: str) -> Case:
    """A layer that is there and holds nothing."""
    return Case(f"{name} of no rows", lambda tables: {**tables, name: tables[name].iloc[:0]})


def without_raster(name: str) -> Case:
    return Case(f"no {RASTER_FILES[name]}", rasters=(name,))


def off_terrain(*operators: str) -> Case:
    """Stations of some operators where there is no terrain; of all, when none is named."""

    def change(tables: Tables) -> Tables:
        stations = tables["stations"].copy()
        away = gpd.GeoSeries.from_xy([WEST + 1.8 * SIDE], [SOUTH + SIDE], crs=EPSG).to_crs(4326)[0]
        mine = stations["operator"].isin(operators) if operators else pd.Series(data=True, index=stations.index)
        stations.loc[mine, ["lon", "lat"]] = round(away.x, 6), round(away.y, 6)
        return {**tables, "stations": stations}

    return Case(f"{' '.join(operators) or 'every operator'} off the terrain", change, dark_east=True)


def points(tables: Tables) -> Tables:
    """Hamlets as points."""
    villages = tables["villages"]
    return {**tables, "villages": villages.set_geometry(villages.geometry.centroid)}


def least(tables: Tables) -> Tables:
    """Hamlets as points, communes and stations, with nothing but what is required."""
    kept = {}
    for name in ("villages", "communes", "stations"):
        required = [column.name for column in input_layers()[name].columns if column.required]
        table = points(tables)[name] if name == "villages" else tables[name]
        kept[name] = table[[*required, *(["geometry"] if "geometry" in table else [])]]
    return kept


def optional_layers() -> list[str]:
    return [name for name, layer in input_layers().items() if not layer.required]


def optional_columns() -> list[tuple[str, str]]:
    """Layer and column of all that may be missing and that the full study has."""
    return [
        (name, column.name)
        for name, layer in input_layers().items()
        for column in layer.columns
        if not column.required and column.name in full_layers()[name]
    ]


def wholes() -> list[Case]:
    """Layers, files and rasters missing, stations without terrain, points for hamlets, and all of it together."""
    layers = [without_layer(name) for name in optional_layers()]
    rasters = [without_raster(name) for name in RASTER_FILES]
    empty = [without_rows(name) for name in input_layers()]
    operators = sorted(full_layers()["stations"]["operator"].unique())
    away = [off_terrain(), *(off_terrain(one) for one in operators)]
    fiber = without_layer("routes") + without_layer("nodes")
    homes = without_layer("dwellings") + without_raster("population")
    as_points = Case("hamlets as points", points)
    bare = Case("required alone", least, ("elevation", "landcover", "population"))
    return [
        Case("everything"), *layers, *rasters, *empty, *away, fiber, homes, as_points, as_points + homes,
        without_layer("cells") + without_column("stations", "bands"),
        Case("declared", settings={"coverage": {"basis": "declared"}}),
        Case("required and terrain", least, ("landcover", "population")),
        Case("required and roads", lambda t: {**least(t), "roads": t["roads"]}, ("landcover", "population")),
        Case("required, polygons and rasters", lambda t: {**least(t), "villages": _required(t, "villages")}),
        bare,
    ]  # fmt: skip


def _required(tables: Tables, name: str) -> pd.DataFrame:
    required = [column.name for column in input_layers()[name].columns if column.required]
    return tables[name][[*required, *(["geometry"] if "geometry" in tables[name] else [])]]


def layers_poor() -> list[Case]:
    """Every layer without its optional columns, and with every other cell of them empty."""
    return [make(name) for name in input_layers() for make in (stripped, thinned)]


def singles() -> list[Case]:
    """Every optional column, missing and half empty."""
    return [make(*one) for one in optional_columns() for make in (without_column, half_empty)]


def pairs(count: int, seed: int = SEED) -> list[Case]:
    """Pairs of all that may be missing, drawn."""
    every = [*wholes()[1:], *singles()]
    both = list(itertools.combinations(every, 2))
    return [one + other for one, other in random.Random(seed).sample(both, min(count, len(both)))]  # noqa: S311


def together(name: str, cases: Sequence[Case]) -> Case:
    """Several cases in one study."""
    whole = cases[0]
    for one in cases[1:]:
        whole = whole + one
    return replace(whole, name=name)


def in_the_gate() -> list[Case]:
    """Each optional layer and raster alone, the columns of all layers at once, what failed once, and drawn pairs."""
    optional = [name for name in input_layers() if not input_layers()[name].required]
    named = {case.name: case for case in wholes()}
    once = [
        "every operator off the terrain", "VTL off the terrain", "no routes + no nodes",
        "no dwellings + no population.tif",
        "no cells + no stations.bands", "declared", "required alone", "required and terrain", "required and roads",
        "hamlets as points + no dwellings + no population.tif",
    ]  # fmt: skip
    return [
        *(without_layer(name) for name in optional if name != "decisions"),
        *(without_raster(name) for name in RASTER_FILES),
        *(named[name] for name in once),
        together("required columns", [stripped(name) for name in input_layers()]),
        together("half of the cells", [thinned(name) for name in input_layers()]),
        together("optional layers of no rows", [without_rows(name) for name in optional]),
        *(without_rows(name) for name in input_layers() if name not in optional),
        *pairs(4),
    ]


# What is done with a study


@dataclass
class Run:
    """A study on its way through the commands, in a folder of its own."""

    case: Case
    folder: Path
    console: Console = field(default_factory=lambda: Console(file=io.StringIO(), width=120))
    plan: Plan | None = None

    @cached_property
    def path(self) -> Path:
        return self.case.written(self.folder / "study")

    @cached_property
    def opened(self) -> Study | CovplanError:
        try:
            return open_study(self.path)
        except CovplanError as error:
            return error

    @property
    def study(self) -> Study:
        if isinstance(self.opened, CovplanError):
            raise self.opened
        return self.opened

    @cached_property
    def workspace(self) -> pipeline.Workspace:
        return pipeline.Workspace(self.study)

    @cached_property
    def made(self) -> Plan:
        return pipeline.make_plan(self.workspace)

    @cached_property
    def proposed(self) -> Plan:
        done, said = pipeline.propose(self.made, workspace=self.workspace)
        assert all(isinstance(line, str) and line for line in said)
        return done

    def out(self, name: str) -> Path:
        return self.folder / "out" / name


def check(run: Run) -> None:
    opened, found = read_study(run.path) if isinstance(run.opened, CovplanError) else (run.study, run.study.findings)
    write_findings(list(found), opened.set_aside if opened else {}, run.out("findings"))
    show_findings(run.console, found)


def plan(run: Run) -> None:
    run.made.save(run.out("plan"))
    _show_indicators(run.console, run.made)
    write_findings(list(run.made.findings), run.study.set_aside, run.out("plan"))
    assert len(findings_table(run.made.findings)) == len(run.made.findings)
    run.made._repr_html_()


def propose(run: Run) -> None:
    run.proposed.save(run.out("proposed"))
    for _kind, table in run.proposed.comparison.groupby("kind", sort=False):
        _show_comparison(run.console, table)
    again = pipeline.with_kept_proposals(run.made)
    assert again is None or len(again.proposals) == len(run.proposed.proposals)


def one_kind(kind: str) -> Callable[[Run], None]:
    def propose_kind(run: Run) -> None:
        done, said = pipeline.propose(run.made, kinds=(kind,), workspace=run.workspace)
        assert len(done.proposals) or len(done.supply_curve) or said

    return propose_kind


def whole(run: Run) -> Plan:
    """The plan with what was proposed; as it stands where proposing failed (that is told of the step itself)."""
    try:
        return run.proposed
    except Exception:
        return run.made


def the_map(run: Run) -> None:
    write_map(whole(run), run.out("map.html"))


def export(run: Run) -> None:
    write_geopackage(whole(run), run.out("plan.gpkg"))


def read_back(run: Run) -> None:
    assert not read_edits(run.out("plan.gpkg"), run.study).changes


def old_formats(run: Run) -> None:
    write_legacy(whole(run), run.out("shp"), "shp")
    write_legacy(whole(run), run.out("tab"), "tab")
    write_ofds(whole(run), run.out("fiber.json"))


def annexes(run: Run) -> None:
    write_annexes(whole(run), run.out("a.xlsx"))


def report(run: Run) -> None:
    write_report(whole(run), run.out("a.html"))


def report_docx(run: Run) -> None:
    write_report(whole(run), run.out("a.docx"))


def sheets(run: Run) -> None:
    stations = public_study(run.study).stations
    for village in run.study.villages["village_id"][:1]:
        explained = None
        if run.study.rasters["elevation"] is not None:
            explained = pipeline.explain_link(run.workspace, village, stations=stations)
        write_sheet(whole(run), village, run.out("sheet.html"), explained)


def explain(run: Run) -> None:
    for technology in ("4G", "5G"):
        explained = pipeline.explain_link(
            run.workspace, str(run.study.villages["village_id"][0]), technology=technology
        )
        show_explanation(run.console, explained, synthetic=False)
        for link in explained.links[:1]:
            draw_profile(link, place=explained.place, synthetic=True)


def fiber(run: Run) -> None:
    found = pipeline.fiber_plan(run.workspace, time_limit_s=10)
    tables = {
        "order": found.plan.order, "bill": found.plan.bill, "summary": found.plan.summary,
        "single_routes": found.single_routes, "findings": findings_table(found.findings),
    }  # fmt: skip
    write_fiber(run.out("fiber"), found.reach, found.plan.proposals, tables)
    _show_fiber(run.console, found)
    pipeline.extend_fiber(run.workspace, reached=found.reach, budget_vnd=2e9, time_limit_s=10)


def compare(run: Run) -> None:
    other = full_plan()
    for two in ((run.made, other), (other, run.made)):
        pipeline.compare(*two)


def definitions(run: Run) -> None:
    assert len(pipeline.compare_definitions(run.workspace)) == len(run.study.settings.definitions)


def coverage(run: Run) -> None:
    for technology in ("4G", "5G"):
        list(pipeline.coverages(run.workspace, technology=technology))
        pipeline.coverage(run.workspace, technology=technology)


def measured(run: Run) -> None:
    found = pipeline.reliability(run.workspace)
    tables = reliability_tables(found.tests, found.hamlets, found.success, found.errors)
    show_reliability(run.console, tables, found.not_received)
    pipeline.calibrate(run.workspace)


def what_if(run: Run) -> None:
    first = run.study.stations.iloc[0]
    add = [{"station_id": "NEW-1", "operator": "VNPT", "location_id": first["location_id"]}]
    pipeline.what_if(run.workspace, add=add, before=run.made)
    pipeline.what_if(run.workspace, remove=[str(one) for one in run.study.stations["station_id"]], before=run.made)


def save(run: Run) -> None:
    open_study(run.study.save(run.out("saved")))
    run.study._repr_html_()


def notebooks(run: Run) -> None:
    """What the notebooks do with a plan beside the steps above."""
    table, made = run.made.indicators, whole(run)
    shown = table[table["value"].notna() & table["unit"].str.contains("%")]
    drawn = [figures.indicator_bars(shown), figures.hamlet_map(run.made.hamlets, run.study.communes)]
    new = made.proposals[made.proposals["action"] == "new_mast"]
    drawn.append(figures.mast_map(run.made.locations, new, run.study.communes))
    by = table.set_index("indicator", drop=False)
    for name, parameter in (("VILLAGE_MBB_COV", "threshold_dbm"), ("BTS_SHARE_RATIO", "merge_radius_m")):
        drawn.append(figures.curve(run.made.curves, by.loc[name], parameter))
    costs = made.proposals.pivot_table(index="year", columns="kind", values="cost_base_vnd", aggfunc="sum").fillna(0)
    drawn += [
        figures.yearly_costs(costs.clip(lower=0).set_axis(costs.index.astype(str))),
        figures.supply_curve(made.supply_curve),
    ]
    for figure in drawn:
        figures.png(figures.marked_synthetic(figure))
    draw_map(made)


STEPS: dict[str, Callable[[Run], None]] = {
    "check": check, "plan": plan, **{f"propose {kind}": one_kind(kind) for kind in KINDS}, "propose": propose,
    "map": the_map, "export": export, "readback": read_back, "formats": old_formats, "annexes": annexes,
    "report": report, "report as docx": report_docx, "sheet": sheets, "explain": explain, "fiber": fiber,
    "compare": compare, "definitions": definitions, "coverage": coverage, "measured": measured, "what_if": what_if,
    "save": save, "notebooks": notebooks,
}  # fmt: skip


IN_THE_GATE = (
    "check",
    "plan",
    "propose",
    "map",
    "export",
    "annexes",
    "report",
    "sheet",
    "fiber",
    "explain",
    "notebooks",
)
"""Steps that the gate takes; the others are made of the same parts."""


@cache
def full_plan() -> Plan:
    """Of the study that lacks nothing."""
    folder = Path(tempfile.mkdtemp())
    try:
        return pipeline.make_plan(open_study(Case("everything").written(folder / "s")))
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Outcome:
    """How one step of one case ended."""

    case: str
    step: str
    said: str
    """Why it could not be done; empty when it was."""
    failed: bool
    seconds: float
    where: str = ""


def outcomes(case: Case, folder: Path, steps: Sequence[str] = tuple(STEPS)) -> Iterator[Outcome]:
    """Every step of a case."""
    run = Run(case, folder)
    for name in steps:
        start = time.process_time()
        said, where, failed = "", "", False
        try:
            STEPS[name](run)
        except CovplanError as error:
            said = str(error)
            failed = not said.strip()
        except Exception as error:  # any of them is what is looked for
            said, failed = f"{type(error).__name__}: {error}", True
            frames = [one for one in traceback.extract_tb(error.__traceback__) if "covplan" in one.filename]
            where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames[-3:]))
        yield Outcome(case.name, name, said, failed, time.process_time() - start, where)


def main() -> None:
    """Run the matrix and print what failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--part", default="wholes,poor,singles,pairs")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--first", type=int, default=1, help="go on with this case, counted from 1")
    parser.add_argument("--last", type=int, help="and end with this one")
    parser.add_argument("--steps", default=",".join(STEPS))
    asked = parser.parse_args()
    parts: dict[str, Callable[[], list[Case]]] = {
        "gate": in_the_gate, "wholes": wholes, "poor": layers_poor, "singles": singles,
        "pairs": lambda: pairs(asked.pairs, asked.seed),
    }  # fmt: skip
    cases = [case for name in asked.part.split(",") for case in parts[name]() if asked.only in case.name]
    warnings.simplefilter("error")
    ended: list[Outcome] = []
    for number, case in list(enumerate(cases, start=1))[asked.first - 1 : asked.last]:
        with tempfile.TemporaryDirectory() as folder:
            found = list(outcomes(case, Path(folder), asked.steps.split(",")))
        ended += found
        _say(f"{number}/{len(cases)} {case.name}: {sum(one.seconds for one in found):.1f} s")
        for one in found:
            if one.said and (one.failed or asked.only):
                _say(f"  {'FAILED' if one.failed else 'said'} {one.step}: {one.said} {one.where}")
    failed = [one for one in ended if one.failed]
    refused = sum(bool(one.said) for one in ended) - len(failed)
    done = len(ended) - refused - len(failed)
    studies = len({one.case for one in ended})
    _say(f"{studies} studies, {len(ended)} steps: {done} done, {refused} said why not, {len(failed)} failed")
    for step in asked.steps.split(","):
        _say(f"  {step}: {sum(one.seconds for one in ended if one.step == step):.1f} s")
    _say(f"  in all: {sum(one.seconds for one in ended):.0f} s of one core")
    sys.exit(1 if failed else 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with speaking("vi"):
        main()
