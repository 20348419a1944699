"""The report: one source of content, written as a Word document or as a self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.publish.office import fix_dates, province_title
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
from covplan.study.language import N_, _, current_language, speaking
from covplan.study.synthetic import origin_notice

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.language import Language
    from covplan.study.plan import Plan

NATION = (
    N_("SOCIALIST REPUBLIC OF VIET NAM"), N_("Independence - Freedom - Happiness"),
    N_("………, date ………"),
)  # fmt: skip
SUFFIXES = (".docx", ".html")


def write_report(plan: Plan, path: Path, *, include_restricted: bool = False, language: Language | None = None) -> Path:
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
        with speaking(language, plan.study.settings.province.language):
            text = _("{path}: a report is written as .docx or .html; name the file so.")
            raise OutputError(text.format(path=path))
    report = report_of(plan, include_restricted=include_restricted, language=language)
    with written_whole(path) as part, speaking(report.language):
        if path.suffix == ".html":
            part.write_text(html_of(report), encoding="utf-8", newline="\n")
        else:
            docx_of(report).save(str(part))
            fix_dates(part)
    return path


def report_of(plan: Plan, *, include_restricted: bool = False, language: Language | None = None) -> Report:
    """What the report says, before it is written as anything."""
    with speaking(language, plan.study.settings.province.language):
        return _report(plan, include_restricted=include_restricted)


def _report(plan: Plan, *, include_restricted: bool) -> Report:
    province = plan.study.settings.province
    tables = with_areas(document_tables(plan, include_restricted=include_restricted), plan.study)
    named = province_title(province.name)
    return Report(
        language=current_language(),
        title=_("EXPLANATORY REPORT"),
        subject=_("Plan of passive telecom infrastructure and of digital infrastructure – {province}").format(
            province=named
        ),
        agency=(
            _("PEOPLE'S COMMITTEE OF {province}").format(province=named.upper()),
            _("DEPARTMENT OF SCIENCE AND TECHNOLOGY"),
            _("No.: …/BC-SKHCN"),
        ),
        nation=tuple(map(_, NATION)),
        warning=origin_notice(plan.study),
        program=program(),
        blocks=(*today(tables), *proposed(tables), *method(tables)),
    )
