"""The annexes: one workbook with the forms of the passive-infrastructure plan and the lists others can check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import system_of
from covplan.publish.annexes import existing
from covplan.publish.annexes.annex import Annex, Field
from covplan.publish.annexes.planned import planned
from covplan.publish.annexes.workbook import add_sheet, new_workbook
from covplan.publish.office import fix_dates, province_title
from covplan.publish.tables import document_tables
from covplan.publish.words import program
from covplan.study.files import written_whole
from covplan.study.language import N_, _, speaking
from covplan.study.synthetic import origin_notice

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl import Workbook

    from covplan.study.language import Language
    from covplan.study.plan import Plan

DRAFT = N_("(Attached to document No. ……/…… of …… by ……)")


def write_annexes(
    plan: Plan, path: Path, *, include_restricted: bool = False, language: Language | None = None
) -> Path:
    """Write forms 1 to 4 and the lists of locations, proposals, routes, hamlets and indicators into one workbook.

    Same plan, same bytes; whole or not at all. A list without rows is a sheet that says so.

    Parameters
    ----------
    path : Path
        The workbook, such as ``out/phu_luc.xlsx``.
    include_restricted : bool
        Put restricted stations, and what is proposed for them, into the lists too.
    """
    with speaking(language, plan.study.settings.province.language):
        book = _workbook(plan, include_restricted=include_restricted)
    with written_whole(path) as part:
        book.save(part)
        fix_dates(part)
    return path


def _workbook(plan: Plan, *, include_restricted: bool) -> Workbook:
    study = plan.study
    province = study.settings.province
    warning = origin_notice(study)
    sheets = _annexes(plan, include_restricted=include_restricted)
    source = _("Source: {provenance} X (north), Y (east) in {system}; longitude, latitude in WGS 84.").format(
        provenance=_provenance(plan), system=system_of(study)
    )
    book = new_workbook(program(), _("Annexes of the plan, {province}").format(province=province.name))
    for number, annex in enumerate([_contents(sheets), *sheets]):
        name = _("ANNEX {number}").format(number=number) if number else _("LIST OF ANNEXES")
        heading = (f"{name} – {province_title(province.name)}".upper(), annex.title.upper(), _(DRAFT))
        add_sheet(book, annex, heading, (*annex.notes, source), warning)
    return book


def _annexes(plan: Plan, *, include_restricted: bool) -> tuple[Annex, ...]:
    study = plan.study
    tables = document_tables(plan, include_restricted=include_restricted)
    return (
        existing.critical_works(tables["stations"], study, include_restricted=include_restricted),
        existing.service_points(tables["service_points"], study),
        existing.cable_works(tables["routes"], study),
        existing.masts(tables["locations"], study),
        *planned(tables["proposals"], study),
        existing.fiber_routes(tables["routes"], study),
        existing.hamlets(tables["hamlets"], study),
        existing.indicators(tables["indicators"]),
    )


def _contents(sheets: tuple[Annex, ...]) -> Annex:
    table = pd.DataFrame(
        {"tab": [one.tab for one in sheets], "title": [one.title for one in sheets],
         "rows": [len(one.table) for one in sheets]}
    )  # fmt: skip
    fields = (
        Field("tab", N_("Sheet"), width=20),
        Field("title", N_("What it holds"), width=80),
        Field("rows", N_("Rows"), "count", 12),
    )
    note = _("Separators: a comma for thousands, a point for decimals (Excel shows them as the machine's region does).")
    return Annex(_("Contents"), _("Annexes of the telecom infrastructure plan"), table, fields, (note,))


def _provenance(plan: Plan) -> str:
    settings = plan.study.settings
    kind = _("simulated data made by the program") if settings.province.synthetic else _("data of the study")
    return _("{kind} “{province}”; made by {program}; boundaries of the indicators: {boundaries}.").format(
        kind=kind, province=settings.province.name, program=program(), boundaries=settings.province.boundaries
    )
