"""A study folder anew, with edits in it: every file as it was but the cells that were changed."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from covplan.intake.readback import merged_decisions
from covplan.study.assumed import rows_assumed
from covplan.study.columns import clean_text, split_list
from covplan.study.errors import LayerError
from covplan.study.files import folder_written_whole
from covplan.study.folder import read_study
from covplan.study.language import ngettext
from covplan.study.layers import input_layers
from covplan.study.reading import decoded

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.intake.readback import Edits
    from covplan.study.folder import Study

KEPT_CACHES = ("loss", "reception")  # by content: they hold in the new study too
SHOWN = 5
MADE_ID = re.compile(r"[^-]+-(\d+)(-\d+)?")
FROM = {
    "location_id": {"lon", "lat"},
    "commune_code": {"lon", "lat"},
    "antenna_height_m": {"height_m", "building_height_m"},
}
"""What is assumed of a station from other columns."""


def write_edited(study: Study, edits: Edits, folder: Path) -> Path:
    """Write a copy of a study with edits in it, whole or not at all.

    Rows of files that are not concerned, also those set aside, stay as they stand. The new folder is opened and
    checked before it takes its name.

    Raises
    ------
    LayerError
        A check sets an edited row aside; which, and why.
    """
    with folder_written_whole(folder) as part:
        shutil.copytree(study.path, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cache"))
        for name in KEPT_CACHES:
            if (study.path / ".cache" / name).is_dir():
                shutil.copytree(study.path / ".cache" / name, part / ".cache" / name, copy_function=_linked)
        made = _made_ids(study)
        _rewrite(part / input_layers()["stations"].file, edits.stations, edits.added, set(edits.removed), made)
        cells = part / input_layers()["cells"].file
        if edits.removed and cells.is_file():
            _rewrite(cells, {}, [], set(edits.removed))
        if edits.decisions or edits.reopened:
            table = merged_decisions(study.decisions, edits)
            path = part / input_layers()["decisions"].file
            if len(table):
                table.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
            else:
                path.unlink(missing_ok=True)
        _check(study, part, edits, folder)
    return folder


def _check(study: Study, part: Path, edits: Edits, folder: Path) -> None:
    """Raise when an edit did not get through the checks every study goes through."""
    edited, found = read_study(part)
    touched = {*edits.stations, *(one["station_id"] for one in edits.added)}
    left_out = [
        one
        for one in found
        if one.severity == "fatal"
        or (one.severity in ("set_aside", "repaired") and one.layer == "stations" and one.id in touched
            and one not in study.findings)
        or (one.severity == "set_aside" and one.layer == "decisions")
    ]  # fmt: skip
    if edited is None or left_out:
        lines = [
            f"{one.layer} {one.id} {one.column} {one.value}: {one.text('problem')} {one.text('advice')}"
            for one in left_out[:SHOWN]
        ]
        count = len(left_out)
        head = ngettext(
            "{folder}: not written, {count} edit cannot be taken:",
            "{folder}: not written, {count} edits cannot be taken:",
            count,
        )
        raise LayerError("\n".join([head.format(folder=folder, count=count), *lines]))


def _made_ids(study: Study) -> dict[int, str]:
    """Ids that covplan made of stations whose rows have none, by the row in the file (`assumed.of_itself`)."""
    ids = study.stations.loc[rows_assumed(study.stations, "station_id"), "station_id"].astype(str)
    return {int(found[1]): one for one in ids if (found := MADE_ID.fullmatch(one))}


def _rewrite(
    path: Path,
    changed: dict[str, dict[str, Any]],
    added: list[dict[str, Any]],
    removed: set[str],
    made: dict[int, str] | None = None,
) -> None:
    """Change cells, append and drop rows of a CSV keyed by station_id; what is not concerned stays as written.

    Rows without an id get the one that was made for them, which would be another once rows are gone. A value that is
    written is no longer assumed, and what was assumed from it is asked anew.
    """
    if not (changed or added or removed):
        return
    text, _encoding = decoded(path.read_bytes())
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    header = [name.strip() for name in lines[0]]
    values = [*changed.values(), *added]
    ids = {"station_id"} if made else set()
    header += sorted(({name for row in values for name in row} | ids) - set(header))
    at = {name: n for n, name in enumerate(header)}
    out = [header]
    for number, line in enumerate(lines[1:], start=2):
        cells = line + [""] * (len(header) - len(line))
        key = clean_text(cells[at["station_id"]]) or (made or {}).get(number, "")
        if key in removed:
            continue
        cells[at["station_id"]] = cells[at["station_id"]] or key
        edit = dict(changed.get(key, {}))
        if edit and "assumed" in at:
            marks = split_list(cells[at["assumed"]])
            anew = [name for name, others in FROM.items() if name in marks and others & set(edit)]
            edit = dict.fromkeys(anew, "") | {"assumed": ";".join(one for one in marks if one not in edit)} | edit
        for name, value in edit.items():
            cells[at[name]] = "" if value is None else str(value)
        out.append(cells)
    out += [["" if row.get(name) is None else str(row[name]) for name in header] for row in added]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(out)


def _linked(source: str, target: str) -> str:
    """A second name for a file that is never changed in place; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
