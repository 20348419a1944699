"""What is wrong in the data, where, and what was done about it.

A `Finding` is a record with the name of the check, the place (file, layer, row, column), the value as it stood in the
file, and, in Vietnamese and English, the problem, what covplan did and what the owner of the data should do. The texts
are data: `resources/checks.csv`, one row per check.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from covplan.study.language import LANGUAGES, Language, _, current_language, in_both, speaking
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Severity = Literal["fatal", "set_aside", "repaired", "assumed", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("fatal", "set_aside", "repaired", "assumed", "warning", "note")
_DECIMAL = re.compile(r"-?\d+\.\d+( ?%)?")
VALUE_LENGTH = 200  # characters of a faulty value that are kept in a finding


@dataclass(frozen=True)
class Check:
    """One row of resources/checks.csv: a check's name, its severity and its texts."""

    name: str
    severity: Severity
    problem: dict[Language, str]
    done: dict[Language, str]
    advice: dict[Language, str]


@dataclass(frozen=True)
class Finding:
    """One fault in the data.

    `row` is the line of a CSV file (the header is line 1) or the fid of a GeoPackage feature; `details` fills the
    places in the check's texts; one that is said differently in each language is a dict by language.
    """

    check: str
    file: str
    layer: str = ""
    row: str = ""
    id: str = ""
    column: str = ""
    value: str = ""
    details: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def severity(self) -> Severity:
        """How grave the check is."""
        return checks()[self.check].severity

    def text(self, part: Literal["problem", "done", "advice"], language: Language | None = None) -> str:
        """One of the finding's texts, with its details filled in."""
        spoken = language or current_language()
        template: str = getattr(checks()[self.check], part)[spoken]
        details = {name: _spoken(one, spoken) for name, one in self.details.items()}
        return template.format_map(_Blank(details | {"column": self.column, "value": self.value, "id": self.id}))


def _spoken(detail: Any, language: Language) -> Any:
    """A detail in one language; a figure has the language's decimal sign."""
    if isinstance(detail, dict):
        return detail[language]
    figure = language == "vi" and isinstance(detail, str) and _DECIMAL.fullmatch(detail)
    return detail.replace(".", ",") if figure else detail


class _Blank(dict[str, Any]):
    """A mapping whose missing keys read as an ellipsis, so that a text can always be shown."""

    def __missing__(self, key: str) -> str:
        return "…"


@cache
def checks() -> dict[str, Check]:
    """Every check by its name."""
    rows = csv.DictReader(resource_text("checks.csv").splitlines())
    return {
        row["check"]: Check(
            name=row["check"],
            severity=row["severity"],  # type: ignore[arg-type]  # the resource's own test holds the vocabulary
            problem={"vi": row["problem_vi"], "en": row["problem_en"]},
            done={"vi": row["done_vi"], "en": row["done_en"]},
            advice={"vi": row["advice_vi"], "en": row["advice_en"]},
        )
        for row in rows
    }


def finding(check: str, file: str, *, value: object = "", **place: Any) -> Finding:
    """Build a `Finding`; keywords that are no field of it become details of the text."""
    if check not in checks():
        raise KeyError(check)
    fields = {k: str(place.pop(k)) for k in ("layer", "row", "id", "column") if k in place}
    return Finding(check, file, value=shortened(value), details=place, **fields)


def damaged(error: Exception) -> dict[Language, str]:
    """Why a library could not read a file, in each language; its own words, which are English, in brackets."""
    words = shortened(str(error).strip().partition("\n")[0])
    return in_both(lambda: _("damaged, or of another kind ({words})").format(words=words))


def shortened(value: object) -> str:
    """The text of a value, cut to what a table can show."""
    text = "" if value is None else str(value)
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


class Findings(tuple[Finding, ...]):
    """Findings that show as a table in a notebook."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        shown = findings_table(self)[["severity", "file", "row", "column", "value", "problem", "done", "advice"]]
        return str(shown.to_html(index=False, escape=True, na_rep="–"))


NO_FINDINGS = Findings()


def findings_table(found: Sequence[Finding], language: Language | None = None) -> pd.DataFrame:
    """Findings as a table: columns of resources/layers/findings.csv, gravest first, then by place."""
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}
    with speaking(language):
        rows = [
            {
                "severity": one.severity,
                "check": one.check,
                "file": one.file,
                "layer": one.layer,
                "row": one.row,
                "id": one.id,
                "column": one.column,
                "value": one.value,
                "problem": one.text("problem"),
                "done": one.text("done"),
                "advice": one.text("advice"),
            }
            for one in sorted(found, key=lambda one: rank[one.severity])
        ]
    columns = ["severity", "check", "file", "layer", "row", "id", "column", "value", "problem", "done", "advice"]
    return pd.DataFrame(rows, columns=columns, dtype="object")


def faults(found: Iterable[Finding]) -> list[Finding]:
    """The findings that say something is wrong, without the mere notes."""
    return [one for one in found if one.severity != "note"]


def spared(found: Iterable[Finding]) -> list[Finding]:
    """Findings on an optional layer: what would stop the run sets the layer aside as a whole, and stops nothing."""
    return [one if one.severity != "fatal" else _whole_layer_aside(one) for one in found]


def _whole_layer_aside(one: Finding) -> Finding:
    said = {part: {spoken: one.text(part, spoken) for spoken in LANGUAGES} for part in ("problem", "advice")}
    return Finding("layer_set_aside", one.file, one.layer, column=one.column, value=one.value, details=said)


def fatal(found: Iterable[Finding], strict: Iterable[str] = ()) -> list[Finding]:
    """The findings that stop a run: fatal ones, and those of checks the study calls strict."""
    named = set(strict)
    return [one for one in found if one.severity == "fatal" or one.check in named]
