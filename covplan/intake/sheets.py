"""Any spreadsheet or text table as sheets of plain cells: xlsx, xls, xlsb, ods, csv, tsv in any encoding.

A file from outside is bounded before it is opened: how much an archive unpacks to, how far its cells reach. Nothing in
it is run: formulas come as the values they had, macros and external entities are never looked at. Feeds `tables`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import unescape

from covplan.intake.letters import decoded_best, mended, mended_together
from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Iterator

Cell = str | float | int | bool | dt.datetime | dt.date | dt.time | dt.timedelta
WORKBOOKS = (".xlsx", ".xlsm", ".xltx", ".xls", ".xlsb", ".ods")
TEXTS = (".csv", ".tsv", ".txt", ".tab", ".asc")
MOST_BYTES = 400_000_000
"""Of a file, and of what an archive unpacks to."""
MOST_CELLS = 40_000_000
"""Of a sheet, from its first to its last cell."""
MOST_COLUMNS = 2_000
MOST_SHEETS = 200
MOST_MEMORY, MOST_SECONDS = 2_500_000_000, 300
"""Of the process that reads a workbook: bytes, where the system can limit them."""
_SEPARATORS = (";", "\t", ",", "|")
_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
_ADDRESS = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
_ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*?)(/?)>")
_ODS_REPEATED = re.compile(rb'number-(?:rows|columns)-repeated="(\d{1,12})"')
_HIDDEN_ROW = re.compile(rb"<row\b(?=[^>]*\bhidden=\"(?:1|true)\")[^>]*\br=\"(\d{1,7})\"")


@dataclass(frozen=True)
class Sheet:
    """One sheet as it stands: cells by row and column, from the first row and column on."""

    file: str
    name: str
    """Empty for a text file."""
    rows: list[list[Cell]]
    merged: tuple[tuple[int, int, int, int], ...] = ()
    """First row and column, last row and column of cells that are one, from 0."""
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    """From 0."""
    encoding: str = ""
    """What a text file was in."""
    letters: str = ""
    """TCVN3, VNI or mojibake where the texts were in one of them; the cells are as they were meant."""
    written: dict[str, str] | None = None
    """Texts as they stood in the file by what was made of them."""

    @property
    def place(self) -> str:
        """File and sheet, for a reader."""
        return f"{self.file} «{self.name}»" if self.name else self.file


def read_sheets(path: Path) -> list[Sheet]:
    """Every sheet of a file that holds something.

    Raises
    ------
    LayerError
        No such file, no table, too large, or an archive that is not what it says: what to do.
    """
    if not path.is_file():
        raise LayerError(_("{path}: no such file.").format(path=path))
    if path.stat().st_size > MOST_BYTES:
        raise LayerError(_("{path}: larger than {most} MB. Split it.").format(path=path, most=MOST_BYTES // 1_000_000))
    content = path.read_bytes()
    if content.startswith((_ZIP, _OLE)):
        sheets = list(_workbook(path, content))
    elif b"\x00" in content[:4096] and not _wide_text(content):
        raise LayerError(
            _("{path}: neither a spreadsheet nor a text. Save it as .xlsx or .csv.").format(path=path.name)
        )
    else:
        sheets = _web_tables(path.name, content) or [_text_sheet(path.name, content)]
    return [_with_letters(sheet) for sheet in sheets if any(map(any, _filled(sheet.rows)))]


def _wide_text(content: bytes) -> bool:
    """Whether nulls are every other byte of UTF-16 (or a byte order mark says so), not those of a binary file."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[:4] == b"\x00\x00\xfe\xff":
        return True
    head = content[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    return max(even, odd) > len(head) // 8 and min(even, odd) <= len(head) // 64


def _filled(rows: list[list[Cell]]) -> Iterator[list[bool]]:
    return ([cell not in ("", None) for cell in row] for row in rows)


def _with_letters(sheet: Sheet) -> Sheet:
    """A sheet with its texts as they were meant; decided for the sheet as a whole, mojibake text by text."""
    texts = list({cell for row in sheet.rows for cell in row if isinstance(cell, str) and not cell.isascii()})
    kind, turned = mended_together(texts)
    for text in texts:
        better, of = mended(text)
        if of == "mojibake":
            turned[text], kind = better, kind or of
        elif text not in turned and better != text and not of:
            turned[text] = better  # combining marks
    turned = {text: better for text, better in turned.items() if text != better}
    if not turned:
        return sheet
    rows = [[turned.get(cell, cell) if isinstance(cell, str) else cell for cell in row] for row in sheet.rows]
    return replace(sheet, rows=rows, letters=kind, written={better: text for text, better in turned.items()})


def _web_tables(name: str, content: bytes) -> list[Sheet]:
    """Tables of a web page: what many programs call .xls."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").replace(b"\x00", b"").lower()
    if not head.startswith(b"<") or not (b"<table" in head or b"<html" in head):
        return []
    text, encoding = decoded_best(content)
    page = _Page()
    page.feed(text)
    page.close()
    many = len(page.tables) > 1
    return [
        Sheet(name, f"{n}" if many else "", rows, tuple(merged), encoding=encoding)
        for n, (rows, merged) in enumerate(page.tables, start=1)
    ]


class _Page(HTMLParser):
    """The tables of a page as rows of texts; scripts and what lies outside tables are not looked at."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[list[list[Cell]], list[tuple[int, int, int, int]]]] = []
        self._cell: list[str] | None = None
        self._at = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._cell = None  # one within a cell of another stands for itself
            self.tables.append(([], []))
        elif not self.tables:
            return
        elif tag == "tr":
            self.tables[-1][0].append([])
        elif tag in ("td", "th") and self.tables[-1][0]:
            rows, merged = self.tables[-1]
            self._cell = []
            spans = [dict(attrs).get(name) or "1" for name in ("rowspan", "colspan")]
            down, right = (min(int(one), 50) if one.isdigit() and one != "0" else 1 for one in spans)
            at, taken = len(rows[-1]), len(rows) - 1
            while any(top < taken <= bottom and left <= at <= last for top, left, bottom, last in merged[-200:]):
                rows[-1].append("")
                at += 1
            rows[-1] += [""] * right
            if down > 1 or right > 1:
                merged.append((taken, at, taken + down - 1, at + right - 1))
            self._at = at
        elif tag == "br" and self._cell is not None:
            self._cell.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep the text of a cell."""
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("td", "th", "tr", "table") and self._cell is not None:
            self.tables[-1][0][-1][self._at] = " ".join("".join(self._cell).split())
            self._cell = None


def _text_sheet(name: str, content: bytes) -> Sheet:
    text, encoding = decoded_best(content)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    first, _newline, rest = text.partition("\n")
    declared = re.fullmatch(r'"?sep=(.)"?\s*', first.strip("; ,"), flags=re.IGNORECASE) or re.fullmatch(
        r'"?sep=(.)"?', first, flags=re.IGNORECASE
    )
    separator = declared.group(1) if declared else _separator(text)
    rows: list[list[Cell]] = [[]] if declared else []
    rows += [list(line) for line in _text_lines(rest if declared else text, separator)]
    if sum(map(len, rows)) > MOST_CELLS:
        raise LayerError(_("{path}: more than {most} cells. Split it.").format(path=name, most=MOST_CELLS))
    return Sheet(name, "", rows, encoding=encoding)


def _text_lines(text: str, separator: str) -> list[list[str]]:
    """Lines as cells; a stray quote may not swallow the lines behind it."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        pass
    lines = []
    for line in text.split("\n"):
        try:
            lines.append(next(csv.reader([line], delimiter=separator, strict=True), []))
        except csv.Error:
            lines.append([cell.strip('" ') for cell in line[: 10 * MOST_COLUMNS].split(separator)])
    return lines


def _separator(text: str) -> str:
    """The sign that parts most lines into the same number of cells, outside quotes."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in text[:200_000].split("\n") if line.strip()][:400]
    best, most = ",", 0.0
    for separator in _SEPARATORS:
        counts = [line.count(separator) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        if not usual:
            usual = max(counts, default=0)
        share = sum(count == usual for count in counts) / max(len(counts), 1)
        score = share * min(usual, 30) if usual else 0.0
        # A decimal comma stands between digits: lines parted by semicolons or tabs have those too.
        if separator == "," and usual:
            decimals = sum(len(re.findall(r"\d,\d", line)) for line in lines)
            score *= 1.0 - 0.5 * decimals / max(sum(counts), 1)
        if score > most:
            best, most = separator, score
    return best


def _workbook(path: Path, content: bytes) -> Iterator[Sheet]:
    """Sheets of a workbook, read by a process of its own: a damaged file can make the reader take all memory."""
    hidden: dict[str, frozenset[int]] = {}
    if content.startswith(_ZIP):
        hidden = _held_archive(path.name, content)
    try:
        asked = [sys.executable, str(Path(__file__).with_name("workbook_apart.py")), str(MOST_SHEETS), str(MOST_MEMORY)]
        done = subprocess.run(asked, input=content, capture_output=True, timeout=MOST_SECONDS, check=False)  # noqa: S603 (our own file)
        told: list[Any] | str = json.loads(done.stdout) if done.returncode == 0 else _("it is damaged")
    except (subprocess.TimeoutExpired, ValueError) as error:
        told = type(error).__name__
    if isinstance(told, str):
        raise _unreadable(path.name, told)
    for name, lines, visible, joined in told:
        rows = [[_cell(cell) for cell in line] for line in lines]
        merged = tuple((*start, *end) for start, end in joined)
        yield Sheet(path.name, name, rows, merged, not visible, hidden.get(name, frozenset()))


def _cell(cell: Any) -> Cell:
    """A cell as it was before it became JSON."""
    if not isinstance(cell, list):
        return cell  # type: ignore[no-any-return]  # what JSON has of its own
    kind, text = cell
    match kind:
        case "datetime":
            return dt.datetime.fromisoformat(text)
        case "date":
            return dt.date.fromisoformat(text)
        case "time":
            return dt.time.fromisoformat(text)
        case _:
            return dt.timedelta(seconds=float(text))


def _unreadable(place: str, error: object) -> LayerError:
    reason = str(error).strip().partition("\n")[0][:200]
    return LayerError(
        _("{place}: cannot be read ({reason}). Open it and save it again as .xlsx.").format(place=place, reason=reason)
    )


def _too_wide(name: str) -> LayerError:
    return LayerError(
        _("{path}: its cells reach too far for a table. Delete empty rows and columns.").format(path=name)
    )


def _held_archive(name: str, content: bytes) -> dict[str, frozenset[int]]:
    """Raise where an archive unpacks to too much or its cells reach too far; hidden rows by sheet otherwise.

    What it unpacks to is counted, not believed: the sizes an archive states can be wrong on purpose.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise _unreadable(name, error) from None
    total, rows_of = 0, {}
    small: dict[str, bytes] = {}
    for member in members:
        extent, hidden, kept = _Extent(member.filename), set[int](), list[bytes]()
        tail = b""
        for piece in _pieces(content, member):
            total += len(piece)
            if total > MOST_BYTES:
                raise LayerError(
                    _("{path}: unpacks to more than {most} MB; it is not read.").format(
                        path=name, most=MOST_BYTES // 1_000_000
                    )
                )
            joined = tail + piece
            extent.see(piece if member.filename.endswith(".bin") else joined)
            if extent.cells > MOST_CELLS:
                raise _too_wide(name)
            if member.filename.startswith("xl/worksheets/"):
                hidden |= {int(found) - 1 for found in _HIDDEN_ROW.findall(joined)}
            if member.filename in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "content.xml"):
                kept.append(piece)
            tail = joined[-300:]
        small[member.filename] = b"".join(kept)
        if member.filename == "content.xml" and _ods_cells(small[member.filename]) > MOST_CELLS:
            raise _too_wide(name)
        if hidden:
            rows_of[member.filename] = frozenset(hidden)
    return _by_sheet(small, rows_of) if rows_of else {}


def _by_sheet(parts: dict[str, bytes], rows_of: dict[str, frozenset[int]]) -> dict[str, frozenset[int]]:
    """Rows by the name of their sheet instead of that of its part."""
    relations = parts.get("xl/_rels/workbook.xml.rels", b"").decode(errors="replace")
    book = parts.get("xl/workbook.xml", b"").decode(errors="replace")
    targets = {}
    for tag in re.findall(r"<Relationship\b[^>]*>", relations):
        key, target = re.search(r'\bId="([^"]*)"', tag), re.search(r'\bTarget="([^"]*)"', tag)
        if key and target:
            targets[key.group(1)] = target.group(1)
    found = {}
    for tag in re.findall(r"<sheet\b[^>]*>", book):
        title, key = re.search(r'\bname="([^"]*)"', tag), re.search(r'\br:id="([^"]*)"', tag)
        part = targets.get(key.group(1), "") if key else ""
        full = part.lstrip("/") if part.startswith("/") else str(PurePosixPath("xl") / part)
        if title and full in rows_of:
            found[unescape(title.group(1), {"&quot;": '"', "&apos;": "'"})] = rows_of[full]
    return found


class _Extent:
    """How far the cells of a part of a workbook reach, as told by the part itself."""

    def __init__(self, name: str) -> None:
        self.name, self.rows, self.columns, self.wanted = name, 0, 0, b""
        self.cells = 0

    def see(self, piece: bytes) -> None:
        """Look at the next piece."""
        if self.name.startswith("xl/worksheets/") and self.name.endswith(".xml"):
            for letters, row in _ADDRESS.findall(piece):
                self.columns = max(self.columns, _column_number(letters))
                self.rows = max(self.rows, int(row))
            self.cells = self.rows * self.columns
        elif self.name.startswith("xl/worksheets/") and self.name.endswith(".bin"):
            self._records(piece)

    def _records(self, piece: bytes) -> None:
        """BIFF12 rows and cells (MS-XLSB 2.1.4): looked at in the first piece's order, each by its own number."""
        data, at = self.wanted + piece, 0
        while at < len(data) - 12:
            start, kind = at, data[at]
            at += 1
            if kind & 0x80:
                kind = (kind & 0x7F) | ((data[at] & 0x7F) << 7)
                at += 1
            size = shift = 0
            while shift < 28:
                byte = data[at]
                at += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            if at + size > len(data):
                at = start
                break
            if kind == 0 and size >= 4:
                self.rows = max(self.rows, struct.unpack_from("<I", data, at)[0] + 1)
            elif 1 <= kind <= 11 and size >= 4:
                self.columns = max(self.columns, struct.unpack_from("<I", data, at)[0] + 1)
            at += size
        self.wanted = data[at:]
        self.cells = self.rows * max(self.columns, 1)


def _ods_cells(content: bytes) -> int:
    """Cells of the largest table of an ODS file, from its first to its last that holds something."""
    most = 0
    for table in content.split(b"<table:table ")[1:]:
        rows = columns = passed = 0
        for row in table.split(b"<table:table-row")[1:]:
            head = row.partition(b">")[0]
            repeated = _ODS_REPEATED.search(head)
            passed += int(repeated.group(1)) if repeated else 1
            width = last = 0
            for about, empty in _ODS_CELL.findall(row):
                again = _ODS_REPEATED.search(about)
                width += int(again.group(1)) if again else 1
                if not empty or b"office:value" in about:
                    last = width
            if last:
                rows, columns = passed, max(columns, last)
        most = max(most, rows * columns)
    return most


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _pieces(content: bytes, member: zipfile.ZipInfo, size: int = 4_000_000) -> Iterator[bytes]:
    """What a member of an archive unpacks to, piece by piece, whatever size it states."""
    at = member.header_offset
    head = content[at : at + 30]
    if len(head) < 30 or not head.startswith(_ZIP):
        return
    names, extras = struct.unpack("<HH", head[26:30])
    start = at + 30 + names + extras
    packed = memoryview(content)[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        for offset in range(0, len(packed), size):
            yield bytes(packed[offset : offset + size])
        return
    if member.compress_type != zipfile.ZIP_DEFLATED:
        return
    unpacker = zlib.decompressobj(-15)
    waiting: bytes | memoryview = packed
    try:
        while len(waiting) and not unpacker.eof:
            piece = unpacker.decompress(waiting, size)
            waiting = unpacker.unconsumed_tail
            if piece:
                yield piece
    except zlib.error:
        return
