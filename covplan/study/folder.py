"""The study folder: a province as files, opened and checked into one frozen record.

`read_study` reads every layer, repairs or sets aside what is wrong, and returns what it found; `open_study` does the
same and raises when something stops the run. Nothing in the folder is ever changed; `Study.save` writes a new one.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from covplan.study import assumed, geometry, rasters, relations
from covplan.study.around import LACKING, hinted, look_around
from covplan.study.boundaries import Version, outline, urban_communes
from covplan.study.columns import ROW, Sieve, typed
from covplan.study.crosswalk import Units, translate_communes
from covplan.study.errors import LayerError, OutputError, SettingsError, StudyError, StudyWarning
from covplan.study.files import fixed_file_date, written_whole
from covplan.study.findings import NO_FINDINGS, Finding, Findings, fatal, finding, findings_table
from covplan.study.grid import Grid
from covplan.study.held import remove
from covplan.study.language import Language, _, by_language, ngettext
from covplan.study.layers import Layer, input_layers
from covplan.study.magic import is_what_it_says
from covplan.study.manifest import content_key
from covplan.study.plausible import check_plausible
from covplan.study.reading import read_layer
from covplan.study.settings_file import SETTINGS_FILE, load_settings, settings_toml
from covplan.study.whereabouts import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapely.geometry.base import BaseGeometry

    from covplan.study.settings import Settings

NAMING_COMMUNES = ("villages", "stations")  # layers with a place and a commune code of a boundary version
PLACING = (b"<SRS", b"<GeoTransform", b"<NoDataValue", b"<GCPList", b"<MaskBand")  # of a raster's .aux.xml
SHOWN_IN_ERROR = 10  # fatal findings spelled out in the exception's message


@dataclass(frozen=True)
class Study:
    """A province's data, checked: every layer typed, in the study's metric CRS, every row accounted for.

    Tables keep the columns of `resources/layers/*.csv`; a layer the folder lacks is an empty table. `set_aside` holds,
    per layer, the rows that could not be used, as they were read.
    """

    path: Path
    settings: Settings
    villages: gpd.GeoDataFrame
    dwellings: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame
    stations: gpd.GeoDataFrame
    cells: pd.DataFrame
    routes: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    service_points: gpd.GeoDataFrame
    """Public telecom service points, attended (Đ1) and unattended (Đ2)."""
    places: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    statistics: pd.DataFrame
    measurements: gpd.GeoDataFrame
    decisions: gpd.GeoDataFrame
    """What a planner decided on proposals; they are no longer open."""
    rasters: dict[str, Path | None]
    findings: Findings = NO_FINDINGS
    set_aside: dict[str, pd.DataFrame] = field(default_factory=dict)
    as_read: bool = field(default=False, init=False)
    """Whether it is what its folder holds: `dataclasses.replace` makes one that is not."""

    @cached_property
    def outline(self) -> BaseGeometry:
        """The province's border in the study's CRS."""
        return outline(self.communes, self.settings.province.boundaries)

    @cached_property
    def towns(self) -> BaseGeometry:
        """The ground of wards and townships in the study's CRS; empty where there are none."""
        ground: BaseGeometry = urban_communes(self.communes, self.settings.province.boundaries).union_all()
        return ground

    @cached_property
    def province_grid(self) -> Grid:
        """The province and its margin, in whole cells: a part of `grid`."""
        around = _widened(self.outline.bounds, self.settings.grid.margin_m)
        return Grid.from_bounds(around, self.settings.grid.cell_m, self.settings.province.epsg)

    @cached_property
    def grid(self) -> Grid:
        """The raster grid of all computation, in whole cells: the province, its margin, and as far as masts reach.

        Beyond the margin it goes only where there is terrain.
        """
        elevation, near = self.rasters["elevation"], self.province_grid
        if elevation is None:
            return near
        far = _widened(self.outline.bounds, self.settings.propagation.radius_km * 1000.0)
        there = rasters.extent(elevation, near.epsg)
        low = [min(n, max(f, e)) for n, f, e in zip(near.bounds[:2], far[:2], there[:2], strict=True)]
        high = [max(n, min(f, e)) for n, f, e in zip(near.bounds[2:], far[2:], there[2:], strict=True)]
        return Grid.from_bounds((low[0], low[1], high[0], high[1]), near.cell_m, near.epsg)

    @cached_property
    def neighbours(self) -> pd.Series:
        """Which stations are another province's; index of `stations`."""
        return relations.neighbours(self.stations, self.outline, self.settings.checks.commune_tolerance_m)

    def table(self, layer: str) -> pd.DataFrame:
        """A layer by its name in resources/layers.csv."""
        if layer not in input_layers():
            raise KeyError(layer)
        table: pd.DataFrame = getattr(self, layer)
        return table

    def save(self, path: str | Path) -> Path:
        """Write the study as a new folder; its files appear whole or not at all. Returns the folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        stale = [file for file in sorted(_files_of_a_study() - self._files()) if (folder / file).exists()]
        if stale:  # it would come back when the folder is opened; whose it is, covplan cannot know
            raise OutputError(
                _(
                    "{folder}: holds {files}, which this study does not have. Save into another folder, or move "
                    "them away."
                ).format(folder=folder, files=", ".join(stale))
            )
        _write_layers({name: self.table(name) for name in input_layers()}, folder)
        for name, source in self.rasters.items():
            target = folder / rasters.RASTER_FILES[name]
            if source and source.resolve() != target.resolve():
                with written_whole(target) as part:
                    shutil.copyfile(source, part)
        with written_whole(folder / SETTINGS_FILE) as part:
            part.write_text(settings_toml(self.settings), encoding="utf-8", newline="\n")
        return folder

    def _files(self) -> set[str]:
        layers = {layer.file for name, layer in input_layers().items() if len(self.table(name))}
        return layers | {SETTINGS_FILE} | {rasters.RASTER_FILES[name] for name, path in self.rasters.items() if path}

    def _repr_html_(self) -> str:
        counts = pd.DataFrame(
            {
                _("Layer"): [by_language(layer.title_vi, layer.title_en) for layer in input_layers().values()],
                _("Rows"): [len(self.table(name)) for name in input_layers()],
                _("Set aside"): [len(self.set_aside.get(name, ())) for name in input_layers()],
            }
        )
        table: str = counts.to_html(index=False, escape=True)
        return table


def open_study(path: str | Path, *, progress: Callable[[str], None] | None = None) -> Study:
    """Open a study folder.

    Parameters
    ----------
    path : str or Path
        Folder with study.toml and the layers.
    progress : callable, optional
        Called with the name of each file as it is read.

    Warns
    -----
    StudyWarning
        When an optional layer is left out because it cannot be used.

    Raises
    ------
    StudyError
        When a finding is fatal, or its check is named in `[checks] strict`; the message lists them.
    """
    study, found = read_study(path, progress=progress)
    strict = study.settings.checks.strict if study else ()
    stopping = fatal(found, strict)
    if study is None or stopping:
        lacking = any(one.check in LACKING for one in stopping)
        raise _stopped(Path(path), hinted(stopping, look_around(Path(path))) if lacking else stopping)
    tell_left_out(found)
    return study


def tell_left_out(found: Iterable[Finding]) -> None:
    """Warn of optional layers that are left out; for who opens a study, whose caller is told."""
    for one in found:
        if one.check == "layer_set_aside":
            warnings.warn(f"{_place(one)}: {one.text('problem')} {one.text('done')}", StudyWarning, stacklevel=3)


def read_study(
    path: str | Path, *, progress: Callable[[str], None] | None = None
) -> tuple[Study | None, list[Finding]]:
    """Read and check a study folder; the study is None when something fatal keeps it from being put together.

    Only an unreadable study.toml raises (SettingsError); everything else is a finding.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise SettingsError(
            _("{folder}: no such folder. `covplan sample {folder}` makes a sample study.").format(folder=folder)
        )
    settings = load_settings(folder / SETTINGS_FILE)
    report = progress or (lambda _file: None)
    sieves: dict[str, Sieve] = {}
    found: list[Finding] = []
    for name, layer in input_layers().items():
        report(f"{layer.file} {layer.file_layer}".strip())
        sieve, problems = read_layer(folder, layer)
        found += problems
        if sieve is not None:
            sieves[name] = sieve
    population = rasters.raster_paths(folder)["population"]
    people = population if population and is_what_it_says(population) else None
    tables = _checked_tables(sieves, settings, people)
    for sieve in sieves.values():
        sieve.spare_the_run()
    found += [one for sieve in sieves.values() for one in sieve.findings]
    found += _empty_layers(sieves, tables, found)
    if fatal(found):
        return None, found
    report(", ".join(rasters.RASTER_FILES.values()))
    border = outline(tables["communes"], settings.province.boundaries)
    found += rasters.check_rasters(folder, border, settings.province.epsg)
    if fatal(found):
        return None, found
    aside_whole = {one.file for one in found if one.check == "layer_set_aside"}
    files = {
        name: None if path and path.name in aside_whole else path for name, path in rasters.raster_paths(folder).items()
    }
    if files["landcover"]:
        settings, told = rasters.with_fitting_landcover(folder, border, settings)
        found += told
    aside = {name: sieve.set_aside() for name, sieve in sieves.items() if sieve.reasons}
    missing = {name: _empty(layer, settings) for name, layer in input_layers().items() if name not in tables}
    study = Study(folder, settings, rasters=files, findings=Findings(found), set_aside=aside, **tables, **missing)
    found += check_plausible(Known(**{one.name: getattr(study, one.name) for one in fields(Known)}))
    object.__setattr__(study, "findings", Findings(found))
    object.__setattr__(study, "as_read", True)
    return study, found


def _files_of_a_study() -> set[str]:
    return {layer.file for layer in input_layers().values()} | {SETTINGS_FILE, *rasters.RASTER_FILES.values()}


def study_key(folder: Path, *words: str) -> str:
    """Key of everything a study folder holds, and of some words: what a result was made from."""
    there = {name for name in _files_of_a_study() if (folder / name).is_file()}
    beside = {one for name in there for one in files_beside(folder, name)}
    return content_key(folder, {*there, *beside, *antenna_files(folder)}, *words)


def antenna_files(folder: Path) -> list[str]:
    """The study's own antenna patterns, by their path in its folder."""
    patterns = folder / "antennas"
    return sorted(f"antennas/{one.name}" for one in patterns.iterdir() if one.is_file()) if patterns.is_dir() else []


def files_beside(folder: Path, name: str) -> list[str]:
    """What GDAL reads together with a raster: georeference, mask, overviews (`study.settled` knows what SQLite does).

    Statistics that a GIS leaves beside a raster change nothing that is read, and do not count.
    """
    path = folder / name
    names = [f"{name}{end}" for end in (".aux.xml", ".msk", ".ovr")]
    names += [f"{path.stem}.tfw"] if path.suffix == ".tif" else []
    return [one for one in names if _is_read(folder / one)]


def _is_read(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    return not path.name.endswith(".aux.xml") or any(word in path.read_bytes() for word in PLACING)


def write_findings(
    found: list[Finding], set_aside: dict[str, pd.DataFrame], out: Path, language: Language | None = None
) -> list[Path]:
    """Write findings.csv and, per layer, the rows set aside as set_aside/<layer>.csv (geometry as WKT); what it wrote.

    Rows set aside by an earlier run, of layers that have none now, go.
    """
    written = [out / "set_aside" / f"{name}.csv" for name in set_aside]
    for path, rows in zip(written, set_aside.values(), strict=True):
        with written_whole(path) as part:
            _write_csv(pd.DataFrame(rows.to_wkt() if isinstance(rows, gpd.GeoDataFrame) else rows), part)
    for old in sorted({*(out / "set_aside").glob("[!.]*.csv")} - {*written}):
        remove(old)
    with written_whole(out / "findings.csv") as part:
        _write_csv(findings_table(found, language), part)
    return [out / "findings.csv", *written]


def _checked_tables(sieves: dict[str, Sieve], settings: Settings, population: Path | None) -> dict[str, pd.DataFrame]:
    """Every readable layer typed, placed, held against the others and completed; rows set aside are left out."""
    epsg, rules = settings.province.epsg, settings.checks
    tables: dict[str, pd.DataFrame] = {}
    border: BaseGeometry | None = None
    # Communes first: they are the border everything else is held against.
    for name in sorted(sieves, key=lambda name: name != "communes"):
        sieve = sieves[name]
        if border is not None and sieve.layer.is_table and sieve.layer.geometry:
            geometry.metres_in_degree_columns(sieve, CRS.from_epsg(epsg), border, rules.border_m)
        if fatal(sieve.findings):
            continue
        table = typed(sieve, settings.operators)
        if sieve.layer.geometry:
            place = geometry.points_from_columns if sieve.layer.is_table else geometry.shapes_of_file
            table = place(sieve, table, epsg)
        table = assumed.of_itself(sieve, table, settings)
        if name == "communes":
            geometry.check_window(sieve, cast("gpd.GeoDataFrame", table))
            relations.check_commune_keys(sieve, table)
            border = None if fatal(sieve.findings) else _border(sieve, table, settings.province.boundaries)
        elif border is not None and isinstance(table, gpd.GeoDataFrame):
            reach_m = settings.propagation.radius_km * 1000.0 if name == "stations" else 0.0
            table = geometry.held_in_province(sieve, table, border, max(rules.border_m, reach_m))
        if not fatal(sieve.findings):
            tables[name] = sieve.kept(table)
    if "communes" in tables:
        units = Units.of(tables["communes"], settings.province.boundaries, rules.commune_tolerance_m)
        for name in (name for name in NAMING_COMMUNES if name in tables):
            tables[name] = sieves[name].kept(translate_communes(sieves[name], tables[name], units))
    for name in tables:
        tables[name] = sieves[name].kept(relations.check_references(sieves[name], tables[name], tables))
    tables = {name: table for name, table in tables.items() if not fatal(sieves[name].findings)}
    tables = assumed.of_others(sieves, tables, settings, population)
    communes = tables.get("communes")
    if "villages" in tables and communes is not None:
        dwellings = tables.get("dwellings")
        tables["villages"] = relations.check_villages(
            sieves["villages"], tables["villages"], dwellings, communes, rules
        )
    if "stations" in tables and communes is not None:
        tables["stations"] = relations.check_stations(sieves["stations"], tables["stations"], communes, rules)
        if border is not None:
            relations.check_neighbours(sieves["stations"], tables["stations"], border, rules.commune_tolerance_m)
        relations.check_cells(sieves["stations"], tables["stations"], tables.get("cells"))
    if "routes" in tables:
        tables["routes"] = geometry.with_lengths(tables["routes"])
    return {name: _tidy(table) for name, table in tables.items()}


def _widened(bounds: tuple[float, ...], by_m: float) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    return west - by_m, south - by_m, east + by_m, north + by_m


def _border(sieve: Sieve, communes: pd.DataFrame, version: Version) -> BaseGeometry | None:
    kept = sieve.kept(communes)
    try:
        return outline(kept, version)
    except LayerError:
        there = ", ".join(sorted(kept["boundary_version"].dropna().unique()))
        sieve.note("no_such_version", column="boundary_version", value=there, version=version, found=there)
        return None


def _empty_layers(sieves: dict[str, Sieve], tables: dict[str, pd.DataFrame], found: list[Finding]) -> list[Finding]:
    stopped = {one.layer for one in fatal(found)}
    return [
        finding("empty_layer", layer.file, layer=name)
        for name, layer in input_layers().items()
        if layer.required and name in sieves and name not in stopped and not len(tables.get(name, ()))
    ]


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=ROW).reset_index(drop=True)


def _empty(layer: Layer, settings: Settings) -> pd.DataFrame:
    """A table of the layer without rows, typed like one that has some."""
    raw = pd.DataFrame({ROW: pd.Series([], dtype="int64")})
    table = typed(Sieve(layer, raw), settings.operators).drop(columns=ROW)
    return gpd.GeoDataFrame(table, geometry=[], crs=settings.province.crs) if layer.geometry else table


def _write_layers(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write tables as a study folder; layers that share a file are written into it together."""
    by_file: dict[str, list[str]] = {}
    for name, table in tables.items():
        if len(table):
            by_file.setdefault(input_layers()[name].file, []).append(name)
    for file, names in by_file.items():
        with written_whole(folder / file) as part, fixed_file_date():
            for name in names:
                write_layer(tables[name], input_layers()[name], part)


def write_layer(table: pd.DataFrame, layer: Layer, path: Path) -> None:
    """Write one layer into its file: a CSV, or one layer of a GeoPackage that may hold others already."""
    if layer.is_table:
        _write_csv(pd.DataFrame(table.drop(columns="geometry", errors="ignore")), path)
    else:
        gpd.GeoDataFrame(table).to_file(
            path, layer=layer.file_layer, driver="GPKG", mode="a" if path.exists() else "w", VERSION="1.3"
        )


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    bools = {
        name: table[name].map({True: "true", False: "false"})
        for name in table.columns
        if table[name].dtype.name in ("bool", "boolean")
    }
    table.assign(**bools).to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def _stopped(path: Path, stopping: list[Finding]) -> StudyError:
    count = len(stopping)
    head = ngettext("{path}: {count} finding stops the run:", "{path}: {count} findings stop the run:", count)
    lines = [f"{_place(one)}: {one.text('problem')} {one.text('advice')}" for one in stopping[:SHOWN_IN_ERROR]]
    if count > SHOWN_IN_ERROR:
        lines.append(_("… and {count} more").format(count=count - SHOWN_IN_ERROR))
    return StudyError("\n".join([head.format(path=path, count=count), *lines]))


def _place(one: Finding) -> str:
    row = _("row {row}").format(row=one.row) if one.row else ""
    return " ".join(part for part in (one.file, one.layer, row, one.column) if part)
