"""The study folder: a province as files, opened and checked into one frozen record.

`read_study` reads every layer, repairs or sets aside what is wrong, and returns what it found; `open_study` does the
same and raises when something stops the run. Nothing in the folder is ever changed; `Study.save` writes a new one.
"""

from __future__ import annotations

import codecs
import csv
import io
import shutil
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from covplan.study import geometry, rasters, relations
from covplan.study.boundaries import Version, outline, urban_communes
from covplan.study.columns import ROW, Sieve, missing_columns, typed
from covplan.study.errors import LayerError, OutputError, SettingsError, StudyError
from covplan.study.files import fixed_file_date, written_whole
from covplan.study.findings import NO_FINDINGS, Finding, Findings, fatal, finding, findings_table
from covplan.study.grid import Grid
from covplan.study.language import Language, _, by_language, in_both, ngettext
from covplan.study.layers import Layer, input_layers
from covplan.study.manifest import content_key
from covplan.study.settings_file import SETTINGS_FILE, load_settings, settings_toml

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from covplan.study.settings import Settings

BYTES_ENCODINGS = ("utf-8-sig", "cp1258", "cp1252")
DECISIONS_FILE = "decisions.csv"
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
    def grid(self) -> Grid:
        """The raster grid of all computation: the province and its margin, in whole cells."""
        west, south, east, north = self.outline.bounds
        margin_m, epsg = self.settings.grid.margin_m, self.settings.province.epsg
        around = (west - margin_m, south - margin_m, east + margin_m, north + margin_m)
        return Grid.from_bounds(around, self.settings.grid.cell_m, epsg)

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

    Raises
    ------
    StudyError
        When a finding is fatal, or its check is named in `[checks] strict`; the message lists them.
    """
    study, found = read_study(path, progress=progress)
    strict = study.settings.checks.strict if study else ()
    stopping = fatal(found, strict)
    if study is None or stopping:
        raise _stopped(Path(path), stopping)
    return study


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
        sieve, problems = _read_layer(folder, layer)
        found += problems
        if sieve is not None:
            sieves[name] = sieve
    tables = _checked_tables(sieves, settings)
    found += [one for sieve in sieves.values() for one in sieve.findings]
    found += _empty_layers(sieves, tables, found)
    if fatal(found):
        return None, found
    report(", ".join(rasters.RASTER_FILES.values()))
    border = outline(tables["communes"], settings.province.boundaries)
    found += rasters.check_rasters(folder, border, settings.province.epsg)
    if fatal(found):
        return None, found
    aside = {name: sieve.set_aside() for name, sieve in sieves.items() if sieve.reasons}
    missing = {name: _empty(layer, settings) for name, layer in input_layers().items() if name not in tables}
    paths = rasters.raster_paths(folder)
    study = Study(folder, settings, rasters=paths, findings=Findings(found), set_aside=aside, **tables, **missing)
    return study, found


def _files_of_a_study() -> set[str]:
    return {layer.file for layer in input_layers().values()} | {SETTINGS_FILE, *rasters.RASTER_FILES.values()}


def study_key(folder: Path, *words: str) -> str:
    """Key of everything a study folder holds, and of some words: what a result was made from."""
    there = {name for name in _files_of_a_study() if (folder / name).is_file()}
    return content_key(folder, there, *words)


def write_findings(
    found: list[Finding], set_aside: dict[str, pd.DataFrame], out: Path, language: Language | None = None
) -> None:
    """Write findings.csv and, per layer, the rows set aside as set_aside/<layer>.csv (geometry as WKT)."""
    with written_whole(out / "findings.csv") as part:
        _write_csv(findings_table(found, language), part)
    for old in (out / "set_aside").glob("*.csv"):
        old.unlink()
    for name, rows in set_aside.items():
        with written_whole(out / "set_aside" / f"{name}.csv") as part:
            _write_csv(pd.DataFrame(rows.to_wkt() if isinstance(rows, gpd.GeoDataFrame) else rows), part)


def _checked_tables(sieves: dict[str, Sieve], settings: Settings) -> dict[str, pd.DataFrame]:
    """Every readable layer typed, placed and held against the others; rows set aside are left out."""
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
        if name == "communes":
            relations.check_commune_keys(sieve, table)
            border = _border(sieve, table, settings.province.boundaries)
        elif border is not None and isinstance(table, gpd.GeoDataFrame):
            table = geometry.held_in_province(sieve, table, border, rules.border_m)
        tables[name] = sieve.kept(table)
    for name in tables:
        tables[name] = sieves[name].kept(relations.check_references(sieves[name], tables[name], tables))
    communes = tables.get("communes")
    if "villages" in tables and communes is not None:
        dwellings = tables.get("dwellings")
        tables["villages"] = relations.check_villages(
            sieves["villages"], tables["villages"], dwellings, communes, rules
        )
    if "stations" in tables and communes is not None:
        tables["stations"] = relations.check_stations(sieves["stations"], tables["stations"], communes, rules)
        if "cells" in tables:
            relations.check_cells(sieves["stations"], tables["stations"], tables["cells"])
    if "routes" in tables:
        tables["routes"] = geometry.with_lengths(tables["routes"])
    return {name: _tidy(table) for name, table in tables.items()}


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


def _read_layer(folder: Path, layer: Layer) -> tuple[Sieve | None, list[Finding]]:
    path = folder / layer.file
    if not path.is_file():
        if layer.required:
            return None, [finding("missing_file", layer.file, layer=layer.name, file_name=layer.file)]
        # A study without decisions lacks nothing.
        return None, [] if layer.file == DECISIONS_FILE else [_left_out(layer)]
    try:
        raw, found = _read_csv(path, layer) if layer.is_table else _read_file_layer(path, layer)
    except (OSError, ValueError, csv.Error, DataSourceError, DataLayerError) as error:
        reason = error.reason if isinstance(error, _NoTableError) else str(error).strip()
        return None, [finding("unreadable_file", layer.file, layer=layer.name, reason=reason)]
    if raw is None:
        return None, found
    sieve = Sieve(layer, raw)
    sieve.findings += found
    missing_columns(sieve)
    return sieve, []


class _NoTableError(ValueError):
    """A file that holds no table of a layer, and why, in each language."""

    def __init__(self, why: Callable[[], str]) -> None:
        self.reason = in_both(why)
        super().__init__(self.reason["en"])


def _read_csv(path: Path, layer: Layer) -> tuple[pd.DataFrame, list[Finding]]:
    """A CSV file as text cells; the row label is the line in the file."""
    text, encoding = decoded(path.read_bytes())
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    if not lines:
        raise _NoTableError(lambda: _("the file is empty"))
    header = [name.strip() for name in lines[0]]
    repeated = min((name for name in header if header.count(name) > 1), default=None)
    if repeated is not None:
        raise _NoTableError(lambda: _("the column {column!r} stands twice in the header").format(column=repeated))
    rows = [(number, line) for number, line in enumerate(lines[1:], start=2) if any(cell.strip() for cell in line)]
    long = next((number for number, line in rows if len(line) > len(header)), None)
    if long:
        raise _NoTableError(
            lambda: _("row {row} has more cells than the header has columns; is the separator quoted?").format(row=long)
        )
    cells = [line + [""] * (len(header) - len(line)) for _number, line in rows]
    raw = pd.DataFrame(cells, columns=header, dtype="object")
    raw[ROW] = [number for number, _line in rows]
    found = (
        [] if encoding == "utf-8-sig" else [finding("legacy_encoding", path.name, layer=layer.name, encoding=encoding)]
    )
    return raw, found


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, whichever encoding it is in, and that encoding's name."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16"), "utf-16"
    for encoding in BYTES_ENCODINGS:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _read_file_layer(path: Path, layer: Layer) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """A GeoPackage layer; the row label is the feature's fid."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        raw, found = _file_layer(path, layer)
    texts = dict.fromkeys(str(one.message).strip() for one in caught)
    return raw, found + [finding("file_warning", layer.file, layer=layer.name, reason=text) for text in texts]


def _file_layer(path: Path, layer: Layer) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    there = [name for name, _kind in pyogrio.list_layers(path)]
    if layer.file_layer not in there:
        if not layer.required:
            return None, [_left_out(layer)]
        return None, [
            finding("missing_layer", layer.file, layer=layer.name, wanted=layer.file_layer, found=", ".join(there))
        ]
    raw = gpd.read_file(path, layer=layer.file_layer, fid_as_index=True)
    if not isinstance(raw, gpd.GeoDataFrame):
        raise _NoTableError(lambda: _("layer {layer!r} has no geometry").format(layer=layer.file_layer))
    no_crs = geometry.check_crs(layer, raw.crs)
    if no_crs:
        return None, [no_crs]
    raw[ROW] = raw.index
    return raw.reset_index(drop=True), []


def _left_out(layer: Layer) -> Finding:
    where = f"{layer.file} ({layer.file_layer})" if layer.file_layer else layer.file
    return finding("missing_optional_layer", layer.file, layer=layer.name, file_name=where)


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
