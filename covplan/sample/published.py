"""The plain facts the settlements are built on, each row with its source: sample/facts/*.csv, resources/admin/*.csv."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from covplan.study.resources import resource_text

PROVINCE = "08"


@cache
def facts(name: str) -> tuple[dict[str, str], ...]:
    """The rows of sample/facts/<name>.csv."""
    text = files("covplan").joinpath("sample", "facts", f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def admin(name: str) -> tuple[dict[str, str], ...]:
    """The rows of resources/admin/<name>.csv: a commune list, or the crosswalk between two."""
    return tuple(csv.DictReader(resource_text("admin", f"{name}.csv").splitlines()))


@cache
def old_communes() -> dict[str, dict[str, str]]:
    """The 137 communes of boundary version 2025-02 by code."""
    return {row["commune_code"]: row for row in admin("2025-02")}


def published(item: str, area_code: str = PROVINCE, *, year: int) -> int:
    """A published whole number; KeyError when the facts hold none for that item, area and year."""
    for row in facts("published"):
        if (row["item"], row["area_code"], row["year"]) == (item, area_code, str(year)):
            return int(row["value"])
    raise KeyError((item, area_code, year))
