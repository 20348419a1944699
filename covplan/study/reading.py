"""One layer of a study folder from its file, as written: cells of a CSV, features of a GeoPackage.

A bad byte, line or row costs itself only: it is repaired or set aside, and said. What cannot be read at all stops the
run where the layer is required, and is set aside as a whole where it is not.
"""

from __future__ import annotations

import codecs
import csv
import io
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import ProjError
from shapely.errors import GEOSException

from covplan.study import geometry
from covplan.study.columns import ROW, Sieve, missing_columns
from covplan.study.findings import Finding, damaged, finding, spared
from covplan.study.language import _, in_both
from covplan.study.magic import is_what_it_says
from covplan.study.settled import settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from covplan.study.layers import Layer

LEGACY_ENCODINGS = ("cp1258", "cp1252")
DECISIONS_FILE = "decisions.csv"
UNREADABLE = (OSError, ValueError, csv.Error, DataSourceError, DataLayerError, ProjError, GEOSException)
MOST = 0.5  # from this share of lines with too many cells on, the file is wrong and not the lines
REPLACED = "\ufffd"  # stands for bytes that are no text


@dataclass
class _Read:
    """What a file gave: the table (None: no such layer), findings on the file, and faults of its rows."""

    raw: pd.DataFrame | None
    findings: list[Finding] = field(default_factory=list)
    faults: list[tuple[str, int, str, str]] = field(default_factory=list)
    """Check, index in the table, column, value."""


def read_layer(folder: Path, layer: Layer) -> tuple[Sieve | None, list[Finding]]:
    """A layer as written, in a sieve that knows what was wrong with it so far; None and why when there is none."""
    path = folder / layer.file
    if not path.is_file():
        if layer.required:
            return None, [finding("missing_file", layer.file, layer=layer.name, file_name=layer.file, hint="")]
        # A study without decisions lacks nothing.
        return None, [] if layer.file == DECISIONS_FILE else [_left_out(layer)]
    try:
        read = _read_csv(path, layer) if layer.is_table else _read_file_layer(path, layer)
    except UNREADABLE as error:
        reason = error.reason if isinstance(error, _NoTableError) else damaged(error)
        read = _Read(None, [finding("unreadable_file", layer.file, layer=layer.name, reason=reason)])
    if read.raw is None:
        return None, read.findings if layer.required else spared(read.findings)
    sieve = Sieve(layer, read.raw)
    sieve.findings += read.findings
    for check, index, column, value in read.faults:
        sieve.note(check, index, column=column, value=value, columns=len(read.raw.columns) - 1)
    missing_columns(sieve)
    return sieve, []


class _NoTableError(ValueError):
    """A file that holds no table of a layer, and why, in each language."""

    def __init__(self, why: Callable[[], str]) -> None:
        self.reason = in_both(why)
        super().__init__(self.reason["en"])


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, whichever encoding it is in, and that encoding's name; bytes that are no text as U+FFFD."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace"), "utf-16"
    if _is_utf8(content):
        return content.decode("utf-8-sig", errors="replace"), "utf-8-sig"
    for encoding in LEGACY_ENCODINGS:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _is_utf8(content: bytes) -> bool:
    """Whether bytes are UTF-8, a few broken ones apart: letters beyond ASCII come out right more often than not."""
    text = content.decode(errors="replace")
    broken = text.count(REPLACED)
    return not broken or sum(letter > "\x7f" for letter in text) > 2 * broken


def _read_csv(path: Path, layer: Layer) -> _Read:
    """A CSV file as text cells; the row label is the line in the file."""
    text, encoding = decoded(path.read_bytes())
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    lines, no_lines = _lines(text, separator)
    if not lines:
        raise _NoTableError(lambda: _("the file is empty"))
    header = _without_blank_end([name.strip() for name in lines[0][1]], 0)
    repeated = min((name for name in header if header.count(name) > 1), default=None)
    if repeated is not None:
        raise _NoTableError(lambda: _("the column {column!r} stands twice in the header").format(column=repeated))
    rows = [(number, _without_blank_end(line, len(header))) for number, line in lines[1:] if any(map(str.strip, line))]
    long = [number for number, line in rows if len(line) > len(header)]
    if len(long) > MOST * len(rows):
        raise _NoTableError(
            lambda: _("row {row} has more cells than the header has columns; is the separator quoted?").format(
                row=long[0]
            )
        )
    rows = sorted(rows + [(number, [line]) for number, line in no_lines])
    raw = pd.DataFrame(
        [(line + [""] * len(header))[: len(header)] for _n, line in rows], columns=header, dtype="object"
    )
    raw[ROW] = [number for number, _line in rows]
    read = _Read(raw)
    if encoding != "utf-8-sig":
        read.findings.append(finding("legacy_encoding", path.name, layer=layer.name, encoding=encoding))
    broken = {number for number, _line in no_lines}
    for index, (number, line) in enumerate(rows):
        if number in broken or len(line) > len(header):
            read.faults.append(("broken_row", index, "", separator.join(line)))
        elif any(REPLACED in cell for cell in line):
            named = zip(header, line, strict=False)  # cells that are missing at the end have no bytes
            read.faults += [("broken_bytes", index, name, cell) for name, cell in named if REPLACED in cell]
    return read


def _lines(text: str, separator: str) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """Numbered lines as cells, and the lines that are none; a stray quote may not swallow the lines behind it."""
    try:
        whole = list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), start=1))
    except csv.Error:
        whole = []
    width = len(whole[0][1]) if whole else 0
    if whole and not any(len(line) > width and any("\n" in cell for cell in line) for _number, line in whole):
        return whole, []
    lines: list[tuple[int, list[str]]] = []
    broken: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            lines += [(number, cells) for cells in csv.reader([line], delimiter=separator, strict=True)]
        except csv.Error:
            broken.append((number, line))
    return lines, broken


def _without_blank_end(cells: list[str], at_least: int) -> list[str]:
    """Cells without blank ones at the end that no column stands above: spreadsheets leave separators there."""
    last = max((n for n, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    return cells[: max(last, at_least)]


def _read_file_layer(path: Path, layer: Layer) -> _Read:
    """A GeoPackage layer; the row label is the feature's fid."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with settled(path) as file:
            read = _file_layer(file, layer)
    texts = dict.fromkeys(str(one.message).strip() for one in caught)
    read.findings += [finding("file_warning", layer.file, layer=layer.name, reason=text) for text in texts]
    return read


def _file_layer(path: Path, layer: Layer) -> _Read:
    if not is_what_it_says(path):
        raise _NoTableError(lambda: _("it is no GeoPackage"))
    there = [name for name, _kind in pyogrio.list_layers(path)]
    if layer.file_layer not in there:
        if not layer.required:
            return _Read(None, [_left_out(layer)])
        found = ", ".join(there)
        return _Read(
            None,
            [finding("missing_layer", layer.file, layer=layer.name, wanted=layer.file_layer, found=found, hint="")],
        )
    raw, encoding, faults = _features(path, layer.file_layer)
    if not isinstance(raw, gpd.GeoDataFrame):
        raise _NoTableError(lambda: _("layer {layer!r} has no geometry").format(layer=layer.file_layer))
    no_crs = geometry.check_crs(layer, raw.crs)
    if no_crs:
        return _Read(None, [no_crs])
    raw[ROW] = raw.index
    read = _Read(raw.reset_index(drop=True), faults=faults)
    if encoding:
        read.findings.append(finding("legacy_encoding", path.name, layer=layer.name, encoding=encoding))
    return read


def _features(path: Path, name: str) -> tuple[pd.DataFrame, str, list[tuple[str, int, str, str]]]:
    """Features of a layer; the legacy encoding its texts turned out to be in, or the cells whose bytes are broken."""
    options = {"layer": name, "fid_as_index": True, "on_invalid": "ignore"}  # a shape that is none: an empty one
    try:
        return gpd.read_file(path, **options), "", []
    except UnicodeDecodeError:
        raw = gpd.read_file(path, encoding="latin-1", **options)  # every byte a letter, to be read again
    raw.columns = [name.encode("latin-1").decode(errors="replace") for name in raw.columns]
    texts = [name for name in raw.columns if name != "geometry" and any(isinstance(one, str) for one in raw[name])]
    cells = {name: raw[name].map(lambda one: one.encode("latin-1") if isinstance(one, str) else one) for name in texts}
    whole = b"\n".join(one for name in texts for one in cells[name] if isinstance(one, bytes))
    one_alone = (
        whole.decode(errors="replace").count(REPLACED) == 1
    )  # no one can tell what a single byte was meant to be
    encoding = "utf-8" if one_alone else decoded(whole)[1].replace("utf-8-sig", "utf-8")
    faults = []
    for name in texts:
        raw[name] = [one.decode(encoding, errors="replace") if isinstance(one, bytes) else one for one in cells[name]]
        broken = [index for index, one in enumerate(raw[name]) if isinstance(one, str) and REPLACED in one]
        faults += [("broken_bytes", index, name, str(raw[name].iloc[index])) for index in broken]
    return raw, "" if encoding == "utf-8" else encoding, faults


def _left_out(layer: Layer) -> Finding:
    where = f"{layer.file} ({layer.file_layer})" if layer.file_layer else layer.file
    return finding("missing_optional_layer", layer.file, layer=layer.name, file_name=where, hint="")
