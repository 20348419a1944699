"""Documents in one language at a time: the English ones hold Vietnamese only where the data do, and the other way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
import pytest
from docx import Document
from matplotlib.text import Text

from covplan.publish import figures
from covplan.publish.annexes import write_annexes
from covplan.publish.ofds import ofds_package
from covplan.publish.report import report_of, write_report
from covplan.publish.sheet import sheet_html
from covplan.study.findings import NO_FINDINGS
from covplan.study.language import LANGUAGES, speaking
from covplan.study.layers import input_layers
from tests.publish.small_proposals import small_plan, with_proposals
from tests.vietnamese import english_words, vietnamese_words

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from covplan.study.language import Language
    from covplan.study.plan import Plan

CODES = {"Đ1", "Đ2"}  # of service points, as the law writes them


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    made = with_proposals(small_plan(tmp_path_factory.mktemp("languages")))
    made = replace(made, findings=NO_FINDINGS)  # their texts are data of their own: resources/checks.csv
    province = made.study.settings.province.model_copy(update={"synthetic": True})
    object.__setattr__(made.study, "settings", made.study.settings.model_copy(update={"province": province}))
    return made


@pytest.fixture(scope="module")
def named(plan: Plan) -> set[str]:
    """The Vietnamese words of the study itself, as they stand and in capitals."""
    tables = [pd.DataFrame(plan.study.table(name)).drop(columns="geometry", errors="ignore") for name in input_layers()]
    texts = [str(cell) for table in tables for cell in table.astype("object").to_numpy().ravel()]
    words = vietnamese_words(" ".join([plan.study.settings.province.name, *texts])) | CODES
    return words | {word.upper() for word in words}


def pages_of(plan: Plan, language: Language, folder: Path) -> dict[str, str]:
    """What every document says, by its name."""
    document = Document(str(write_report(plan, folder / f"{language}.docx", language=language)))
    section = document.sections[0]
    parts = (document, section.header, section.first_page_header, section.footer)
    paragraphs = [one.text for part in parts for one in part.paragraphs]
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    book = openpyxl.load_workbook(write_annexes(plan, folder / f"{language}.xlsx", language=language))
    page = write_report(plan, folder / f"{language}.html", language=language).read_text(encoding="utf-8")
    said = {
        "docx": "\n".join([*paragraphs, *cells, *(style.name for style in document.styles)]),
        "xlsx": "\n".join([*book.sheetnames, *(str(c.value) for sheet in book for row in sheet for c in row)]),
        "html": _text(page),
        "ofds": json.dumps(ofds_package(plan, language=language), ensure_ascii=False),
    }
    sheets = {f"sheet {one}": _text(sheet_html(plan, one, language=language)) for one in plan.hamlets["village_id"]}
    return said | sheets | {name: _drawn(figure) for name, figure in figures_of(plan, language).items()}


def figures_of(plan: Plan, language: Language) -> dict[str, Figure]:
    indicators = plan.indicators.set_index("indicator", drop=False)
    communes = plan.study.communes
    costs = plan.proposals.pivot_table(index="year", columns="kind", values="cost_base_vnd", fill_value=0.0)
    return {
        "hamlets": figures.marked_synthetic(
            figures.hamlet_map(plan.hamlets, communes, language=language), language=language
        ),
        "masts": figures.mast_map(plan.locations, plan.proposals, communes, language=language),
        "indicators": figures.indicator_bars(plan.indicators.dropna(subset=["value"]), language=language),
        "supply": figures.supply_curve(plan.supply_curve, language=language),
        "costs": figures.yearly_costs(costs.set_axis(costs.index.astype(str)), language=language),
        "curve": figures.curve(plan.curves, indicators.loc["VILLAGE_FTTH_COV"], "served_share", language=language),
    }


def test_english_documents_hold_vietnamese_only_where_the_data_do(plan, named, tmp_path):
    for name, text in pages_of(plan, "en", tmp_path).items():
        assert vietnamese_words(text) - named == set(), name


def test_vietnamese_documents_hold_no_english(plan, tmp_path):
    for name, text in pages_of(plan, "vi", tmp_path).items():
        assert english_words(text) == set(), name


@pytest.mark.parametrize(("language", "billions", "locale"), [("vi", "1,23", "[$-42A]"), ("en", "1.23", "[$-409]")])
def test_figures_are_written_as_the_language_writes_them(plan, tmp_path, language, billions, locale):
    rows = [row for block in report_of(plan, language=language).blocks for row in getattr(block, "rows", ())]
    assert any(billions in row for row in rows)
    book = openpyxl.load_workbook(write_annexes(plan, tmp_path / "a.xlsx", language=language))
    formats = {cell.number_format for sheet in book for row in sheet for cell in row if isinstance(cell.value, float)}
    assert formats
    assert all(one.startswith(locale) for one in formats)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_figure_drawn_later_keeps_its_language(plan, language):
    figure = figures.supply_curve(plan.supply_curve, language=language)
    with speaking("en" if language == "vi" else "vi"):
        label = figure.axes[0].yaxis.get_major_formatter()(0.5, 0)
    assert label == {"vi": "0,5", "en": "0.5"}[language]


def _text(page: str) -> str:
    """A page as read, its pictures' words with it."""
    alternatives = re.findall(r'alt="([^"]*)"', page)
    return unescape("\n".join([re.sub(r"<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL), *alternatives]))


def _drawn(figure: Figure) -> str:
    figures.png(figure)
    return "\n".join(one.get_text() for one in figure.findobj(Text))
