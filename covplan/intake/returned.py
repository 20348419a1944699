"""An operator's own sheet back to it: the rows in question coloured, with what was found and what to do beside them.

Its sheets, its rows and its columns stand as they did; two columns come after them. Corrected and taken in again, only
what was corrected differs.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from covplan.study.files import written_whole
from covplan.study.language import N_, _

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from covplan.intake.hamlets import Hamlets
    from covplan.intake.sheets import Cell
    from covplan.intake.stations import Answer, Intake
    from covplan.intake.tables import Table

RED, YELLOW, GREY = "FFF4B6B6", "FFFFF2B3", "FFE3E3E3"
LONGEST_TEXT = 32_000  # characters; a cell of a workbook holds 32,767
WORTH_SAYING = ("set_aside", "warning")
"""Severities that ask something of the operator; repairs are said too, without a colour."""
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_NO_TITLE = re.compile(r"[\[\]:*?/\\]")
OUTCOMES = {"taken": N_("taken"), "merged": N_("merged"), "set_aside": N_("set aside")}


def write_returned(intake: Intake | Hamlets, path: Path) -> Path:
    """Write `tra_lai_NHAMANG.xlsx`."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    titles: set[str] = set()
    answers: dict[int, list[Answer]] = {}
    for answer in intake.answers:
        answers.setdefault(id(answer.table), []).append(answer)
    for table in intake.tables:
        sheet = book.create_sheet(_title(table, titles))
        _fill(sheet, table, answers.get(id(table), []))
    with written_whole(path) as part:
        book.save(part)
    return path


def _title(table: Table, titles: set[str]) -> str:
    name = _NO_TITLE.sub(" ", table.sheet.name or table.sheet.file.rpartition(".")[0])[:28].strip() or "1"
    unique, n = name, 2
    while unique.casefold() in titles:
        unique, n = f"{name} {n}", n + 1
    titles.add(unique.casefold())
    return unique


def _fill(sheet: Worksheet, table: Table, answers: list[Answer]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    width = max(map(len, table.sheet.rows), default=0)
    for n, row in enumerate(table.sheet.rows, start=1):
        for k, cell in enumerate(row, start=1):
            _put(sheet, n, k, cell)
    for top, left, bottom, right in table.sheet.merged:
        if bottom < len(table.sheet.rows):
            sheet.merge_cells(start_row=top + 1, start_column=left + 1, end_row=bottom + 1, end_column=right + 1)
    bold, wrapped = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    head = max(table.header[1], 1)
    if table.header[1]:
        for k, title in enumerate((_("Result (covplan)"), _("Reason and what to do (covplan)")), start=width + 1):
            _put(sheet, head, k, title)
            sheet.cell(head, k).font = bold
        for k in range(1, width + 1):
            sheet.cell(head, k).font = bold
    for answer in answers:
        n = answer.row.number
        said = [one for one in answer.findings if one.severity in WORTH_SAYING]
        _put(sheet, n, width + 1, _(OUTCOMES[answer.outcome]))
        told = said or answer.findings
        text = "\n".join(
            " ".join(filter(None, (_column(one.column), one.text("problem"), one.text("advice" if said else "done"))))
            for one in told
        )
        _put(sheet, n, width + 2, text)
        sheet.cell(n, width + 2).alignment = wrapped
        colour = (
            RED if answer.outcome == "set_aside" else YELLOW if said else GREY if answer.outcome == "merged" else ""
        )
        if colour:
            fill = PatternFill("solid", start_color=colour)
            for k in range(1, width + 3):
                sheet.cell(n, k).fill = fill
    sheet.column_dimensions[sheet.cell(1, width + 2).column_letter].width = 80
    sheet.column_dimensions[sheet.cell(1, width + 1).column_letter].width = 14
    if table.header[1]:
        sheet.freeze_panes = sheet.cell(head + 1, 1)


def _column(label: str) -> str:
    return f"[{label}]" if label else ""


def _put(sheet: Worksheet, row: int, column: int, value: Cell) -> None:
    """A cell as it was read; a text is a text, whatever it begins with."""
    if value in ("", None):
        return
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = _NOT_XML.sub(" ", value)[:LONGEST_TEXT]
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(("=", "+", "-", "@"))
    elif isinstance(value, dt.timedelta):
        cell.value = str(value)
    else:
        cell.value = value
