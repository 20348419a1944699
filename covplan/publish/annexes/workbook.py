"""An annex as a sheet that prints: A4 landscape, one page wide, heads on every page, no cell a formula.

Number formats carry the locale of the language (`[$-42A]`: Vietnamese): LibreOffice shows 1.733,5 everywhere; Excel
takes thousands and decimal signs from the region set in the system, which on a Vietnamese machine gives the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter

from covplan.publish.office import FILE_DATE, LANGUAGE_TAGS, clean
from covplan.study.findings import shortened
from covplan.study.language import MILLION, N_, _, current_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

    from covplan.publish.annexes.annex import Annex, Field

FORMATS = {
    "text": "@",
    "count": "{locale}#,##0",
    "year": "0",
    "tenths": "{locale}#,##0.0",
    "number": "{locale}#,##0.00_ ",
    "metres": "{locale}0.00",
    "degrees": "{locale}0.000000",
    "million": "{locale}#,##0.0_ ",  # a space, so that figure and text of two cells stay apart
}
LOCALES = {"vi": "[$-42A]", "en": "[$-409]"}
NOTHING = N_("None")
FONT = "Times New Roman"
SIZE_PT, LINE_PT, HEIGHT_LIMIT_PT = 11, 15.0, 400.0  # of letters, of a line, of a row (Excel takes 409)
WIDTH_PT, PADDING_PT = 5.25, 4.0  # of one unit of column width, a little less than its 5.5; what a cell keeps free
STT_WIDTH = 6.0
MARGINS_IN = {"left": 0.5, "right": 0.4, "top": 0.6, "bottom": 0.6, "header": 0.3, "footer": 0.3}
GRID = Border(*(Side(style="thin", color="999999"),) * 4)
HEAD_FILL = PatternFill("solid", fgColor="E8EEF4")
RED = "B00000"


def new_workbook(author: str, title: str) -> Workbook:
    """An empty workbook without a date of its own."""
    book = Workbook()
    book.remove(book.active)
    book.properties.creator, book.properties.title, book.properties.language = (
        author,
        title,
        LANGUAGE_TAGS[current_language()],
    )
    book.properties.created = book.properties.modified = FILE_DATE
    # Column widths count in digits of the default font, which openpyxl has no public name for.
    book._fonts[0] = Font(name=FONT, size=SIZE_PT)
    for kind, number_format in {"stt": "0", **FORMATS}.items():
        book.add_named_style(_style(kind, number_format.format(locale=LOCALES[current_language()])))
    return book


def add_sheet(book: Workbook, annex: Annex, heading: Sequence[str], notes: Sequence[str], warning: str) -> Worksheet:
    """Write one annex: heading lines, the synthetic-data line, notes, the table, its totals."""
    sheet = book.create_sheet(annex.tab)
    widths = [STT_WIDTH, *(field.width for field in annex.fields)]
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    head = _write_heading(sheet, heading, notes, warning, widths)
    _write_head(sheet, head, annex.fields)
    last = _write_rows(sheet, head + 1, annex)
    _lay_out(sheet, head, last, len(widths), annex.tab, warning)
    return sheet


def put_text(cell: Cell, text: object) -> None:
    """Text as text, whatever it starts with: never a formula, also after an edit of the cell."""
    cell.value = clean(text)
    cell.data_type = "s"
    if str(cell.value)[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        cell.quotePrefix = True


def _write_heading(
    sheet: Worksheet, heading: Sequence[str], notes: Sequence[str], warning: str, widths: Sequence[float]
) -> int:
    """Lines above the table, each over its full width; returns the row of the column heads."""
    lines = [(text, Font(name=FONT, size=13, bold=number < 2), "center") for number, text in enumerate(heading)]
    lines += [(warning, Font(name=FONT, size=12, bold=True, color=RED), "center")] if warning else []
    lines += [(text, Font(name=FONT, size=11, italic=True), "left") for text in notes]
    for row, (text, font, side) in enumerate(lines, start=1):
        cell = sheet.cell(row, 1)
        put_text(cell, text)
        cell.font, cell.alignment = font, Alignment(horizontal=side, vertical="center", wrap_text=True)
        sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(widths))
        sheet.row_dimensions[row].height = _lines(text, sum(widths), font.size) * font.size * 1.4
    return len(lines) + 2


def _write_head(sheet: Worksheet, row: int, fields: Sequence[Field]) -> None:
    titles = [_("No."), *(_(field.title) for field in fields)]
    for column, title in enumerate(titles, start=1):
        cell = sheet.cell(row, column)
        put_text(cell, title)
        cell.font, cell.fill, cell.border = Font(name=FONT, size=SIZE_PT, bold=True), HEAD_FILL, GRID
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    most = max(_lines(title, width) for title, width in zip(titles, _widths(fields), strict=True))
    sheet.row_dimensions[row].height = most * LINE_PT + 4


def _write_rows(sheet: Worksheet, first: int, annex: Annex) -> int:
    """The table and its totals; returns the last row."""
    table, fields = annex.table, annex.fields
    if table.empty:
        cell = sheet.cell(first, 1)
        put_text(cell, _(NOTHING))
        cell.font, cell.alignment = Font(name=FONT, size=11, italic=True), Alignment(horizontal="center")
        sheet.merge_cells(start_row=first, start_column=1, end_row=first, end_column=len(fields) + 1)
        return first
    columns = [table[field.name].tolist() if field.name in table else [None] * len(table) for field in fields]
    for offset, values in enumerate(zip(*columns, strict=True)):
        row = first + offset
        sheet.cell(row, 1, offset + 1).style = "stt"
        for column, (field, value) in enumerate(zip(fields, values, strict=True), start=2):
            _put(sheet.cell(row, column), field, value)
        texts = [value if isinstance(value, str) else "" for value in values]
        most = max(_lines(text, field.width) for text, field in zip(texts, fields, strict=True))
        if most > 1:
            sheet.row_dimensions[row].height = min(most * LINE_PT, HEIGHT_LIMIT_PT)
    last = first + len(table) - 1
    return _write_totals(sheet, last + 1, annex) if any(field.summed for field in fields) else last


def _write_totals(sheet: Worksheet, row: int, annex: Annex) -> int:
    for column, field in enumerate(annex.fields, start=2):
        cell = sheet.cell(row, column)
        total = pd.to_numeric(annex.table[field.name], errors="coerce").sum() if field.summed else None
        _put(cell, field, total)
        cell.font = Font(name=FONT, size=SIZE_PT, bold=True)
    label = sheet.cell(row, 1)
    label.style = "text"
    put_text(label, _("Total"))
    label.font = Font(name=FONT, size=SIZE_PT, bold=True)
    before_figures = next(number for number, field in enumerate(annex.fields, start=1) if field.summed)
    sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=max(before_figures, 1))
    return row


def _put(cell: Cell, field: Field, value: Any) -> None:
    cell.style = field.kind
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return
    if field.kind == "text":
        put_text(cell, value)
    elif field.kind in ("count", "year"):
        cell.value = round(float(value))
    elif field.kind == "million":
        cell.value = round(float(value) / MILLION, 6)
    else:
        cell.value = float(value)


def _style(kind: str, number_format: str) -> NamedStyle:
    """How the cells of a kind look; named, as setting them cell by cell takes ten times as long."""
    text, side = (
        kind == "text",
        {"text": "left", "stt": "center", "count": "center", "year": "center", "tenths": "center"}.get(kind, "right"),
    )
    return NamedStyle(
        kind, font=Font(name=FONT, size=SIZE_PT), border=GRID, number_format=number_format,
        alignment=Alignment(horizontal=side, vertical="top", wrap_text=text),
    )  # fmt: skip


def _lay_out(sheet: Worksheet, head: int, last: int, columns: int, tab: str, warning: str) -> None:
    sheet.freeze_panes = f"C{head + 1}"
    sheet.print_title_rows = f"{head}:{head}"
    sheet.print_area = f"A1:{get_column_letter(columns)}{last}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_options.horizontalCentered = True
    for name, inches in MARGINS_IN.items():
        setattr(sheet.page_margins, name, inches)
    sheet.oddHeader.right.text = shortened(warning).replace("&", "&&") or None  # Excel takes 255 characters in all
    sheet.oddHeader.right.size = 8
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = tab.replace("&", "&&"), _("Page &P/&N")


def _widths(fields: Sequence[Field]) -> list[float]:
    return [STT_WIDTH, *(field.width for field in fields)]


def _lines(text: str, width: float, size_pt: float = SIZE_PT) -> int:
    """How many lines a text takes in a column so wide, word by word; a word too long is broken."""
    room = max(width * WIDTH_PT - PADDING_PT, size_pt)
    lines = 0
    for paragraph in text.split("\n"):
        lines, used = lines + 1, 0.0
        for word in paragraph.split():
            length = sum(map(_em, word)) * size_pt
            if used and used + size_pt / 4 + length > room:
                lines, used = lines + 1, 0.0
            used += length + (size_pt / 4 if used else 0.0)
            if used > room:
                lines, used = lines + int(used // room), used % room
    return lines


def _em(letter: str) -> float:
    """Width of a letter over its size, about that of Times."""
    if letter in "iljtfrI.,;:'()[]-|/ ":
        return 0.33
    return 0.7 if letter.isupper() or letter in "mw–…%" else 0.48
