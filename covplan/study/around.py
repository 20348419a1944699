"""What else lies in a study folder: files and layers the study does not use, what they look like, and how to use them.

`recognise` looks at one file, `look_around` at a folder. Nothing is trusted: no archive is unpacked, sizes are limited,
and whatever a file does wrong makes it an unknown file.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import rasterio
from pyogrio.errors import DataSourceError

from covplan.study.findings import Finding, finding
from covplan.study.language import LANGUAGES, _, current_language, in_both, number
from covplan.study.layers import input_layers
from covplan.study.lookalike import MIXED, command, has_word, is_osm, likeness, osm_command, safe
from covplan.study.magic import is_what_it_says
from covplan.study.rasters import RASTER_FILES, hgt_side, renamed_tile
from covplan.study.reading import decoded
from covplan.study.settings_file import SETTINGS_FILE
from covplan.study.settled import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from covplan.study.language import Language
    from covplan.study.lookalike import Likeness

    Text = dict[Language, str]

MOST_FILES = 200  # of a folder that are looked at
MOST_BYTES = 200_000_000  # of a file that has to be read to know what is in it, and of what an .xlsx says it holds
HEAD_BYTES = 4096
HEADER_ROWS = 10  # of a spreadsheet among which the header is looked for
SAMPLED = 256  # rows and columns of a raster that are looked at
VECTORS = (".shp", ".geojson", ".json", ".kml", ".gpkg", ".tab", ".mif", ".fgb", ".gpx", ".gml", ".sqlite")
READ_WHOLE = (".geojson", ".json", ".kml", ".gpx", ".gml", ".mif")
RASTERS = (".tif", ".tiff", ".asc", ".img", ".dt0", ".dt1", ".dt2")
OTHERS = {
    "archive": (".zip", ".kmz", ".rar", ".7z", ".gz", ".tar", ".bz2", ".xz"),
    "drawing": (".dwg", ".dxf", ".dgn"),
    "document": (".pdf", ".doc", ".docx", ".odt", ".ppt", ".pptx", ".jpg", ".jpeg", ".png"),
    "project": (".qgz", ".qgs", ".mxd", ".aprx"),
    "old_sheet": (".xls", ".ods"),
}
BESIDE = (
    ".prj", ".dbf", ".shx", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".xml", ".ovr", ".tfw", ".wld", ".dat", ".map",
    ".id", ".ind", ".mid", ".qml", ".sld", ".gpkg-wal", ".gpkg-shm", ".gpkg-journal", ".qmd",
)  # fmt: skip
"""Files that belong to another one of the same name."""
SYSTEM_LAYERS = ("layer_styles", "qgis_projects")
RESULTS = (
    "indicators.csv", "findings.csv", "proposals.csv", "coverage.csv", "calibration.csv", "fiber_summary.csv",
    "master_plan.gpkg", "master_plan_wgs84.gpkg", "map.html", "phu_luc.xlsx", "bao_cao.docx",
)  # fmt: skip
"""A folder that holds one of these is one of results."""
VIRTUAL = (b"<OGRVRT", b"<VRTDataset")  # would make GDAL open other files
WORLDCOVER = frozenset(range(10, 101, 10)) | {95}
LACKING = ("missing_file", "missing_layer", "missing_optional_layer", "missing_raster")
"""Checks that name what a study lacks."""
TILE = re.compile(r"[NS]\d{2}[EW]\d{3}", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """A file, or a layer in it, and what it looks like."""

    file: str
    """Relative to the study folder."""
    what: Text
    evidence: Text = field(default_factory=dict)
    advice: Text = field(default_factory=dict)
    layer: str = ""
    fits: str = ""
    """Layer or raster of the study it could be."""

    @property
    def place(self) -> str:
        """File and layer."""
        return f"{self.file} ({self.layer})" if self.layer else self.file

    @property
    def finding(self) -> Finding:
        """As a note among the findings."""
        evidence = {one: f" ({self.evidence[one]})" if self.evidence.get(one) else "" for one in LANGUAGES}
        return finding(
            "unused_file", self.file, layer=self.layer, what=self.what, evidence=evidence, advice=self.advice
        )


def look_around(folder: Path) -> list[Guess]:
    """Files and layers of a study folder, and one folder down, that the study does not use; tiles of terrain as one."""
    guesses: list[Guess] = []
    files = _files(folder)
    for path in files[:MOST_FILES]:
        guesses += recognise(path, path.relative_to(folder).as_posix())
    if len(files) > MOST_FILES:
        count = len(files) - MOST_FILES
        guesses.append(_plain("…", lambda: _("files that were not looked at: {count}").format(count=count)))
    there = _there(folder)
    return [_in_place_of(one, there) if one.fits in there else one for one in _tiles_as_one(guesses)]


def recognise(path: Path, name: str = "") -> list[Guess]:
    """What a file, or each layer in it, looks like; of a file of a study only the layers the study does not use.

    Parameters
    ----------
    name : str
        What the file is called in commands: its path from the study folder.
    """
    name = name or path.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _recognised(path, name)
    except Exception as error:  # whatever a foreign file makes a reader raise
        reason = str(error).strip().partition("\n")[0]
        return [Guess(name, in_both(lambda: _("unknown file")), in_both(lambda: reason), _leave())]


def hinted(found: Iterable[Finding], guesses: Sequence[Guess]) -> list[Finding]:
    """Findings on what a study lacks, with the file that looks like it and how to use that."""
    return [_hinted(one, guesses) for one in found]


def _hinted(one: Finding, guesses: Sequence[Guess]) -> Finding:
    if one.check not in LACKING:
        return one
    wanted = one.layer or next((name for name, file in RASTER_FILES.items() if file == one.file), "")
    alike = [guess for guess in guesses if guess.fits == wanted]
    if not alike:
        return one

    def hint() -> str:
        return " " + _("{files} looks like it.").format(files=", ".join(guess.place for guess in alike))

    both = in_both(hint)
    return replace(one, details=one.details | {"hint": {of: f"{both[of]} {alike[0].advice[of]}" for of in LANGUAGES}})


def _there(folder: Path) -> dict[str, str]:
    """Layers and rasters that the study has, with their files."""
    there = {name: file for name, file in RASTER_FILES.items() if (folder / file).is_file()}
    for layer in input_layers().values():
        path = folder / layer.file
        if path.is_file() and (layer.is_table or layer.file_layer in _layers_in(path)):
            there[layer.name] = layer.file
    return there


def _layers_in(path: Path) -> list[str]:
    if not is_what_it_says(path):
        return []
    try:
        with settled(path) as file:
            return [str(name) for name, _kind in pyogrio.list_layers(file)]
    except (OSError, ValueError, DataSourceError):
        return []


def _in_place_of(one: Guess, there: dict[str, str]) -> Guess:
    def advice() -> str:
        said = _("The study has {file}; to put this in its place: {advice}")
        return said.format(file=there[one.fits], advice=one.advice[current_language()])

    return replace(one, advice=in_both(advice))


def _files(folder: Path) -> list[Path]:
    used = {SETTINGS_FILE, *RASTER_FILES.values(), *(layer.file for layer in input_layers().values())}
    own = {file for file in used if not file.endswith(".gpkg")}
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in own or path.name == "antennas":
            continue
        if path.is_dir() and path.suffix != ".gdb":
            inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))
            if not any(one.name in (*RESULTS, SETTINGS_FILE) for one in inside):
                found += inside
        else:
            found.append(path)
    found.sort(key=lambda path: path.name not in used)  # layers in the study's own files come first
    return [path for path in found if not _belongs_to_another(path)]


def _belongs_to_another(path: Path) -> bool:
    if path.suffix.lower() in (".md", ".toml") or path.stem.upper() in ("README", "LICENSE", "COPYING"):
        return True
    if path.suffix.lower() not in BESIDE:
        return False
    stems = {path.stem, path.name.partition(".")[0]}
    return any((path.parent / f"{stem}{end}").is_file() for stem in stems for end in (*VECTORS, *RASTERS))


def _recognised(path: Path, name: str) -> list[Guess]:
    suffix = path.suffix.lower()
    if path.is_dir() and suffix != ".gdb":
        return [_plain(f"{name}/", lambda: _("a folder, not looked into"))]
    if not (path.is_file() or path.is_dir()):  # a pipe would wait for ever
        return [_plain(name, lambda: _("unknown file"))]
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if any(mark in head for mark in VIRTUAL):
            return [_plain(name, lambda: _("a virtual file that points to others"))]
        if suffix == ".hgt" or hgt_side(path):
            return [_hgt(path, name)]
        if suffix in (".osm", ".pbf") or b"OSMHeader" in head[:64]:
            return [_osm(name)]
        if suffix in (".gtx", ".gri") or (suffix == ".pgm" and b"geoid" in head.lower()):
            return [_geoid(name)]
    if suffix in RASTERS:
        return [_raster(path, name)]
    if suffix in VECTORS or suffix == ".gdb":
        return _vector(path, name)
    if suffix in (".csv", ".tsv", ".txt"):
        return _text_table(path, name)
    if suffix in (".xlsx", ".xlsm"):
        return _workbook(path, name)
    kind = next((kind for kind, ends in OTHERS.items() if suffix in ends), "")
    return [_other(kind, path, name)]


def _other(kind: str, path: Path, name: str) -> Guess:
    if kind == "archive":
        inside = _members(path)
        advice = in_both(lambda: _("Unpack it in the study folder and run check again; covplan unpacks nothing."))
        return Guess(name, in_both(lambda: _("an archive")), in_both(lambda: inside), advice)
    if kind == "drawing":
        advice = in_both(lambda: _("Save the layer as GeoPackage with its coordinate system (QGIS: Export)."))
        return Guess(name, in_both(lambda: _("a CAD drawing")), advice=advice)
    if kind == "old_sheet":
        advice = in_both(lambda: _("Save it as .xlsx or .csv and run check again."))
        return Guess(name, in_both(lambda: _("a spreadsheet")), advice=advice)
    if kind == "document":
        return _plain(name, lambda: _("a document or picture"))
    if kind == "project":
        return _plain(name, lambda: _("a GIS project"))
    return _plain(name, lambda: _("unknown file"))


def _plain(name: str, what: Callable[[], str]) -> Guess:
    return Guess(name, in_both(what), advice=_leave())


def _leave() -> Text:
    return in_both(lambda: _("Nothing to do."))


def _members(path: Path) -> str:
    """Names in an archive, as its table of contents has them."""
    if path.suffix.lower() not in (".zip", ".kmz"):
        return ""
    with zipfile.ZipFile(path) as archive:
        names = [one.filename for one in archive.infolist()[:MOST_FILES] if not one.is_dir()]
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _hgt(path: Path, name: str) -> Guess:
    side = hgt_side(path)
    if not side:
        return Guess(name, in_both(lambda: _("unknown file")), in_both(lambda: _("no SRTM tile by its size")), _leave())
    tile = TILE.fullmatch(path.stem)
    what = in_both(lambda: _("SRTM tile {tile}").format(tile=path.stem if tile else "?"))
    evidence = in_both(lambda: _("{side} × {side} heights of 2 bytes").format(side=side))
    if _is_tile(name) and path.suffix.lower() == ".hgt":
        return Guess(name, what, evidence, _merge([name], "elevation"), fits="elevation")
    advice = in_both(renamed_tile)
    return Guess(name, what, evidence, advice, fits="elevation")


def _merge(names: Sequence[str], fits: str) -> Text:
    """How tiles become a raster of the study; `rio` comes with rasterio, which covplan needs."""
    line = f"rio merge -f GTiff {' '.join(names)} {RASTER_FILES[fits]}"
    return in_both(lambda: _("In the study folder: {line}").format(line=line))


def _tiles_as_one(guesses: list[Guess]) -> list[Guess]:
    """Every tile of a raster with the one command that puts all together."""
    tiles = {fits: [one.file for one in guesses if one.fits == fits and _is_tile(one.file)] for fits in RASTER_FILES}
    return [
        replace(one, advice=_merge(tiles[one.fits], one.fits)) if one.file in tiles.get(one.fits, ()) else one
        for one in guesses
    ]


def _is_tile(name: str) -> bool:
    """Whether a file says in its name which degree it covers; an SRTM tile is known by nothing else."""
    path = Path(name)
    named = TILE.fullmatch(path.stem) if path.suffix.lower() == ".hgt" else TILE.search(path.stem)
    return bool(named) and path.suffix.lower() in (".hgt", *RASTERS) and safe(name) and " " not in name


def _osm(name: str) -> Guess:
    line = osm_command(name)

    def advice() -> str:
        once = _("For one run: covplan fiber STUDY --osm {name}.").format(name=name)
        return f"{once} " + _("As the study's roads, in the study folder: {line}").format(line=line) if line else once

    return Guess(name, in_both(lambda: _("an extract of OpenStreetMap")), advice=in_both(advice), fits="roads")


def _geoid(name: str) -> Guess:
    advice = in_both(lambda: _("Not needed: heights in elevation.tif are over the sea already."))
    return Guess(name, in_both(lambda: _("a geoid")), advice=advice)


def _raster(path: Path, name: str) -> Guess:
    if not is_what_it_says(path):
        return _plain(name, lambda: _("unknown file"))
    with rasterio.open(path) as source:
        crs, shape, kind, bands = source.crs, source.shape, source.dtypes[0], source.count
        rows, columns = min(shape[0], SAMPLED), min(shape[1], SAMPLED)
        values = source.read(1, out_shape=(rows, columns), masked=True).compressed()
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
    fits = _raster_kind(name, kind, bands, values)
    called = {
        "elevation": lambda: _("terrain heights"),
        "landcover": lambda: _("land cover"),
        "population": lambda: _("population"),
        "geoid": lambda: _("a geoid"),
    }
    what = in_both(called.get(fits, lambda: _("a raster")))

    def evidence() -> str:
        said = _("{kind}, {low} to {high}, {rows} × {columns} cells").format(
            kind=kind, low=number(low, 1), high=number(high, 1), rows=shape[0], columns=shape[1]
        )
        return said if crs else said + "; " + _("no coordinate system")

    if fits == "geoid":
        return replace(_geoid(name), evidence=in_both(evidence))
    if fits not in RASTER_FILES:
        return Guess(name, what, in_both(evidence), _leave())
    target = RASTER_FILES[fits]
    advice = (
        _merge([name], fits)
        if _is_tile(name)
        else in_both(lambda: _("Name it {target} to use it.").format(target=target))
    )
    return Guess(name, what, in_both(evidence), advice, fits=fits)


def _raster_kind(name: str, kind: str, bands: int, values: np.ndarray[Any, Any]) -> str:
    named = next((of for of in ("geoid", *RASTER_FILES) if has_word(name, of)), "")
    if named or not values.size or bands > 2:
        return named
    different = {float(one) for one in np.unique(values)[:64]}
    low, high = min(different), float(values.max())
    if kind == "uint8" and len(different) <= 40 and (different <= WORLDCOVER or high <= 40):
        return "landcover"
    if kind.startswith("float") and low >= 0 and high > 0 and np.median(values) < 5 and high < 5000:
        return "population"
    if kind in ("int16", "float32", "float64", "int32", "uint16") and -500 <= low <= high <= 9000 and high - low > 10:
        return "elevation"
    return ""


def _vector(path: Path, name: str) -> list[Guess]:
    if not is_what_it_says(path):
        return [_plain(name, lambda: _("unknown file"))]
    if path.suffix.lower() in READ_WHOLE and path.stat().st_size > MOST_BYTES:
        return [_plain(name, lambda: _("a file of features, too large to look into"))]
    used = {layer.file_layer for layer in input_layers().values() if layer.file == name}
    with settled(path) as file:
        layers = [str(layer) for layer, _kind in pyogrio.list_layers(file)]
        return [
            _features(file, name, layer, several=len(layers) > 1)
            for layer in layers[:MOST_FILES]
            if layer not in used and layer not in SYSTEM_LAYERS
        ]


def _features(path: Path, name: str, layer: str, *, several: bool) -> Guess:
    info = pyogrio.read_info(path, layer=layer, force_feature_count=False)
    columns, geometry = [str(one) for one in info.get("fields", ())], str(info.get("geometry_type") or "")
    if geometry == "Unknown":  # of any kind: that of the first one tells
        first = pyogrio.read_dataframe(path, layer=layer, max_features=1, columns=[])
        geometry = str(next(iter(getattr(first, "geom_type", ())), geometry))
    geometry = "" if geometry == "None" else geometry
    shown = layer if several or path.suffix.lower() == ".gpkg" else ""
    like = likeness(columns, geometry, f"{path.stem} {layer}")
    reads = f"g.read_file('{name}', layer='{layer}')" if shown else f"g.read_file('{name}')"
    unknown = Guess(name, in_both(lambda: _("unknown layer")), _shown_columns(columns, geometry), _leave(), shown)
    line = command(like, reads, geometry, columns) if like and safe(name, layer) else ""
    if set(MIXED) <= set(columns):
        advice = in_both(lambda: _("Filter what you need (building, admin_level) and save it as a layer of the study."))
        return replace(unknown, what=in_both(lambda: _("areas of OpenStreetMap of every kind")), advice=advice)
    if like and like.layer.name == "roads" and is_osm(columns) and (layer == "lines" or not several):
        line = osm_command(name)  # which reads this layer and knows OpenStreetMap's classes
    return _like(unknown, like, line, osm=is_osm(columns))


def _like(unknown: Guess, like: Likeness | None, line: str, *, osm: bool = False) -> Guess:
    """A guess with what a table looks like and the command that uses it."""
    if like is None:
        return unknown
    layer = like.layer

    def what() -> str:
        return (_("{layer} of OpenStreetMap") if osm else "{layer}").format(layer=layer.title)

    def evidence() -> str:
        renamed = ", ".join(f"{written} = {known}" for written, known in list(like.renamed.items())[:6])
        return unknown.evidence[current_language()] + (f"; {renamed}" if renamed else "")

    def advice() -> str:
        if not line:
            where = f"{layer.file} ({layer.file_layer})" if layer.file_layer else layer.file
            return _("Save it as {where} to use it.").format(where=where)
        return _("In the study folder: {line}").format(line=line)

    return replace(unknown, what=in_both(what), evidence=in_both(evidence), advice=in_both(advice), fits=layer.name)


def _shown_columns(columns: Sequence[str], geometry: str) -> Text:
    some = ", ".join(columns[:6]) + (", …" if len(columns) > 6 else "")
    return in_both(lambda: (f"{geometry}: " if geometry else "") + (some or _("no columns")))


def _text_table(path: Path, name: str) -> list[Guess]:
    with path.open("rb") as file:
        text = decoded(file.read(HEAD_BYTES))[0]
    line = text.partition("\n")[0]
    separator = max(",;\t", key=line.count)
    header = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    if len(header) < 2:
        return [_plain(name, lambda: _("a text"))]
    tab = "\\t" if separator == "\t" else separator
    reads = f"p.read_csv('{name}', dtype=str)" if separator == "," else f"p.read_csv('{name}', dtype=str, sep='{tab}')"
    return [_table(name, "", [one.strip() for one in header], reads)]


def _workbook(path: Path, name: str) -> list[Guess]:
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
            return [_plain(name, lambda: _("a spreadsheet, too large to look into"))]
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    guesses = []
    for sheet in book.worksheets[:20]:
        rows = [
            [str(cell).strip() if cell is not None else "" for cell in row[:100]]
            for row in sheet.iter_rows(max_row=HEADER_ROWS, values_only=True)
        ]
        filled = [sum(map(bool, row)) for row in rows]
        best = max(range(len(rows)), key=lambda n: _header_likeness(rows[n], filled[n]), default=0)
        if not rows or filled[best] < 2:
            continue
        reads = f"p.read_excel('{name}', sheet_name='{sheet.title}', header={best}, dtype=str)"
        guesses.append(_table(name, sheet.title, [cell for cell in rows[best] if cell], reads))
    book.close()
    return guesses or [_plain(name, lambda: _("a spreadsheet"))]


def _header_likeness(row: Sequence[str], filled: int) -> tuple[int, int]:
    like = likeness([cell for cell in row if cell], "", "")
    return (len(like.columns) if like else 0, filled)


def _table(name: str, sheet: str, columns: Sequence[str], reads: str) -> Guess:
    like = likeness(columns, "", f"{Path(name).stem} {sheet}")
    unknown = Guess(name, in_both(lambda: _("a table")), _shown_columns(columns, ""), _leave(), sheet)
    return _like(unknown, like, command(like, reads, "", columns) if like and safe(name, sheet) else "")
