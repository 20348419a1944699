"""Reads a workbook from its input and writes its cells as JSON: a program of its own, so that a bad file ends only it.

`python workbook_apart.py SHEETS BYTES < FILE`: at most so many sheets, with so much memory. Nothing of covplan is
imported: it has to start at once.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from typing import Any


def main(sheets: int, memory: int) -> int:
    """Write a list for each sheet (name, rows, whether it shows, merged cells), or a text: why there is none."""
    _limit(memory)
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        read: list[Any] = []
        for one in book.sheets_metadata[:sheets]:
            if one.typ != calamine.SheetTypeEnum.WorkSheet:
                continue  # charts and macro sheets hold no table
            sheet = book.get_sheet_by_name(one.name)
            rows = [[_plain(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
            visible = one.visible == calamine.SheetVisibleEnum.Visible
            merged = sheet.merged_cell_ranges or ()
            read.append([one.name, rows, visible, merged])
        told: list[Any] | str = read
    except BaseException as error:
        told = str(error)
    sys.stdout.write(json.dumps(told))
    return 0


def _limit(memory: int) -> None:
    """Take no more memory than that, where the system can hold a process to it."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _plain(cell: Any) -> Any:
    """A cell as JSON can hold it."""
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return [type(cell).__name__, cell.isoformat()]
    if isinstance(cell, dt.timedelta):
        return ["timedelta", str(cell.total_seconds())]
    return cell


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
