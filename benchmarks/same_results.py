"""Two folders of results side by side: tables cell by cell, GeoPackages layer by layer, figures of reports.

    python -m benchmarks.same_results before/ after/ --as fibre=fiber

For a change that must leave every figure as it is. Words that were renamed on purpose are given with `--as`, columns
that may differ (a text that was reworded, how near a program came within its time) with `--but`.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyogrio

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLES = (".csv",)
UNCOMPARED = ("seconds",)  # how long a program took


def differences(before: Path, after: Path, renamed: dict[str, str], but: Sequence[str] = ()) -> list[str]:
    """What differs between two folders, one line each; nothing when all is the same."""

    def words(text: str) -> str:
        for old, new in renamed.items():
            text = text.replace(old, new)
        return text

    old = {words(path.relative_to(before).as_posix()): path for path in _files(before)}
    new = {words(path.relative_to(after).as_posix()): path for path in _files(after)}
    found = [f"{name}: only before" for name in sorted(set(old) - set(new))]
    found += [f"{name}: only after" for name in sorted(set(new) - set(old))]
    for name in sorted(set(old) & set(new)):
        contents = [_content(path, words, but) for path in (old[name], new[name])]
        for part, one in contents[0].items():
            other = contents[1].get(part)
            if other is None or one != other:
                found.append(f"{name} {part}: {_first_difference(one, other or [])}")
    return found


def _files(folder: Path) -> list[Path]:
    kinds = (*TABLES, ".gpkg", ".docx", ".html")
    return [path for path in sorted(folder.rglob("*")) if path.suffix in kinds and not path.name.startswith(".")]


def _content(path: Path, words, but: Sequence[str]) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    """Rows of each table of a file as text."""
    if path.suffix in TABLES:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return {"": _rows(table, words, but)}
    if path.suffix == ".gpkg":
        layers = {words(str(name)): str(name) for name, _shape in pyogrio.list_layers(path)}
        return {
            new: _rows(pd.DataFrame(pyogrio.read_dataframe(path, layer=old)).astype(str), words, but)
            for new, old in layers.items()
        }
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as document:
            text = document.read("word/document.xml").decode()
        return {"text": words(re.sub(r"<[^>]+>", "\n", text)).split()}
    return {"figures": re.findall(r"\d[\d.,]*", re.sub(r"[0-9a-f]{16,}", "", path.read_text(encoding="utf-8")))}


def _rows(table: pd.DataFrame, words, but: Sequence[str]) -> list[str]:  # type: ignore[no-untyped-def]
    kept = table.drop(columns=[name for name in (*UNCOMPARED, *but) if name in table])
    head = ",".join(map(str, kept.columns))
    return [words(row) for row in (head, *kept.apply(lambda row: "|".join(map(str, row)), axis=1))]


def _first_difference(one: list[str], other: list[str]) -> str:
    if len(one) != len(other):
        return f"{len(one)} before, {len(other)} after"
    row, (old, new) = next((n, pair) for n, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
    count = sum(a != b for a, b in zip(one, other, strict=True))
    return f"{count} of {len(one)} differ, first {row}: {old[:200]!r} → {new[:200]!r}"


def main(arguments: list[str] | None = None) -> int:
    """Print what differs; 1 when anything does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--as", dest="renamed", action="append", default=[], metavar="OLD=NEW")
    parser.add_argument("--but", action="append", default=[], metavar="COLUMN")
    asked = parser.parse_args(arguments)
    renamed = dict(pair.split("=", 1) for pair in asked.renamed)
    found = differences(asked.before, asked.after, renamed, asked.but)
    sys.stdout.write("\n".join(found or ["the same"]) + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
