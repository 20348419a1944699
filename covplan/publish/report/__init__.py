"""The report: one source of content, written as a Word document or as a self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.publish.office import SYNTHETIC, fix_dates, province_title
from covplan.publish.report.areas import with_areas
from covplan.publish.report.as_docx import docx_of
from covplan.publish.report.as_html import html_of
from covplan.publish.report.content import Report
from covplan.publish.report.method import method
from covplan.publish.report.proposed import proposed
from covplan.publish.report.today import today
from covplan.publish.tables import document_tables
from covplan.publish.words import program
from covplan.study.errors import OutputError
from covplan.study.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

TITLE = "BÁO CÁO THUYẾT MINH"
SUBJECT = "Quy hoạch hạ tầng kỹ thuật viễn thông thụ động và phát triển hạ tầng số"
SUFFIXES = (".docx", ".html")


def write_report(plan: Plan, path: Path, *, include_restricted: bool = False) -> Path:
    """Write the report of a plan: a Word document or an HTML page, by the suffix of the path.

    Both have the same content, and every figure in it is one of the plan's tables. Same plan, same bytes; whole or not
    at all.

    Parameters
    ----------
    path : Path
        Ends in ``.docx`` or ``.html``.
    include_restricted : bool
        Count and draw restricted stations too.

    Raises
    ------
    OutputError
        The path ends otherwise.
    """
    if path.suffix not in SUFFIXES:
        raise OutputError(f"{path}: a report is written as .docx or .html; name the file so.")
    report = report_of(plan, include_restricted=include_restricted)
    with written_whole(path) as part:
        if path.suffix == ".html":
            part.write_text(html_of(report), encoding="utf-8", newline="\n")
        else:
            docx_of(report).save(str(part))
            fix_dates(part)
    return path


def report_of(plan: Plan, *, include_restricted: bool = False) -> Report:
    """What the report says, before it is written as anything."""
    province = plan.study.settings.province
    tables = with_areas(document_tables(plan, include_restricted=include_restricted), plan.study)
    named = province_title(province.name)
    return Report(
        title=TITLE,
        subject=f"{SUBJECT} – {named}",
        agency=(f"ỦY BAN NHÂN DÂN {named.upper()}", "SỞ KHOA HỌC VÀ CÔNG NGHỆ", "Số: …/BC-SKHCN"),
        warning=SYNTHETIC if province.synthetic else "",
        program=program(),
        blocks=(*today(tables), *proposed(tables), *method(tables)),
    )
