"""The report others sign: its chapters, its figures against the tables, Word against HTML, nothing run from data."""

from __future__ import annotations

import base64
import re
import unicodedata
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyogrio
import pytest
from docx import Document
from docx.document import Document as Docx

from covplan.publish.geopackage import write_geopackage
from covplan.publish.report import report_of, write_report
from covplan.publish.report.content import Figure, Heading, Paragraph, Table, billions
from covplan.publish.web import loaded_addresses
from covplan.study.errors import OutputError
from covplan.study.plan import result_table
from covplan.study.synthetic import synthetic_notice
from tests.publish.printed import printed_text
from tests.publish.small_proposals import small_plan, with_proposals

if TYPE_CHECKING:
    import geopandas as gpd

    from covplan.publish.report.content import Report
    from covplan.study.plan import Plan

CHAPTERS = ["I.", "II.", "III.", "IV.", "V.", "VI.", "VII.", "VIII.", "IX.", "X."]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return with_proposals(small_plan(tmp_path_factory.mktemp("report")))


@pytest.fixture(scope="module")
def report(plan: Plan) -> Report:
    return report_of(plan)


@pytest.fixture(scope="module")
def document(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Docx:
    return Document(str(write_report(plan, tmp_path_factory.mktemp("docx") / "bao_cao.docx")))


@pytest.fixture(scope="module")
def page(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(plan, tmp_path_factory.mktemp("html") / "bao_cao.html").read_text(encoding="utf-8")


class Cells(HTMLParser):
    """The tables of a page, as rows of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tables[-1][-1][-1] += data


def tables_of_page(page: str) -> list[list[list[str]]]:
    reader = Cells()
    reader.feed(page)
    return reader.tables


def tables_of_document(document: Docx) -> list[list[list[str]]]:
    """Those of the content: not the heads and the signature, which have no style of a grid."""
    gridded = [table for table in document.tables if table.style.name == "Table Grid"]
    return [[[cell.text for cell in row.cells] for row in table.rows] for table in gridded]


def table_named(report: Report, words: str) -> Table:
    return next(block for block in report.blocks if isinstance(block, Table) and words in block.caption)


def said(document: Docx) -> str:
    lines = [paragraph.text for paragraph in document.paragraphs]
    return "\n".join(lines + [" ".join(row) for table in tables_of_document(document) for row in table])


def read(text: str) -> float:
    """A figure as the report writes it."""
    return float("nan") if text == "–" else float(text.replace(".", "").replace(",", "."))


def test_chapters_are_those_of_the_plan_in_their_order(report):
    assert [
        block.text.split()[0] for block in report.blocks if isinstance(block, Heading) and block.level == 1
    ] == CHAPTERS


def test_word_and_html_hold_the_same_tables_and_headings(report, document, page):
    wanted = [[list(block.heads), *map(list, block.rows)] for block in report.blocks if isinstance(block, Table)]
    assert tables_of_document(document) == wanted
    assert tables_of_page(page) == wanted
    headings = [block.text for block in report.blocks if isinstance(block, Heading)]
    assert [p.text for p in document.paragraphs if p.style.name.startswith("Heading")] == headings
    assert [p.text for p in document.paragraphs if p.style.name.startswith("TOC")] == headings
    assert [unescape(one) for one in re.findall(r'<h[23] id="[^"]+">(.*?)</h', page)] == headings


def test_captions_are_numbered_and_every_figure_is_in_both(report, document, page):
    figures = [block for block in report.blocks if isinstance(block, Figure)]
    assert len(figures) == 5
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    for word in ("Bảng", "Hình"):
        numbers = [int(re.match(rf"{word} (\d+)\.", one)[1]) for one in captions if one.startswith(word)]
        assert numbers == list(range(1, len(numbers) + 1))
    assert len(document.inline_shapes) == len(figures)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(one) for one in pictures] == [block.png for block in figures]
    assert all(unescape(one) in page for one in captions)


def test_indicators_in_the_text_are_those_of_the_geopackage(document, plan, tmp_path):
    written = pyogrio.read_dataframe(write_geopackage(plan, tmp_path / "plan.gpkg"), layer="kq_chi_tieu")
    table = next(one for one in tables_of_document(document) if one[0][0] == "Chỉ tiêu")
    columns = {1: "value", 2: "baseline", 3: "target_2025", 4: "target_2030", 5: "gap_2025", 6: "gap_2030"}
    for row, wanted in zip(table[1:], written.to_dict("records"), strict=True):
        assert row[0].startswith(wanted["name_vi"])
        for number, name in columns.items():
            assert read(row[number]) == pytest.approx(wanted[name], abs=0.0051, nan_ok=True)


def test_masts_hamlets_and_costs_in_the_text_are_those_of_the_geopackage(document, report, plan, tmp_path):
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    masts = pyogrio.read_dataframe(path, layer="ht_cot_ang_ten")
    by_class = table_named(report, "địa bàn và loại cột")
    assert [read(one) for one in by_class.rows[-1][1:]] == [
        *((masts["structure"] == code).sum() for code in by_class.heads[1:-1]), len(masts)
    ]  # fmt: skip
    points = pyogrio.read_dataframe(path, layer="ht_diem_dvvt_cc")
    stand = points.loc[points["status"] == "existing", "kind"].value_counts()
    by_kind = table_named(report, "Điểm cung cấp dịch vụ").rows[-1]
    assert [read(one) for one in by_kind[1:]] == [stand.get("Đ1", 0), stand.get("Đ2", 0), stand.sum()]
    assert f"và {len(points) - stand.sum()} điểm dự kiến" in said(document)
    hamlets = pyogrio.read_dataframe(path, layer="kq_thon_trang_thai")
    states = table_named(report, "trạng thái phủ sóng và địa bàn").rows[-1]
    wanted = [(hamlets["mobile_state"] == state).sum() for state in ("covered", "weak", "none", "unknown")]
    assert [read(one) for one in states[1:6]] == [*wanted, len(hamlets)]
    proposals = pyogrio.read_dataframe(path, layer="qh_de_xuat")
    for words in ("nhóm và hành động", "năm và nhóm", "nguồn vốn"):
        total = table_named(report, words).rows[-1]
        costs = [proposals[f"cost_{name}_vnd"].sum() / 1e9 for name in ("low", "base", "high")]
        assert [read(one) for one in total[-3:]] == pytest.approx(costs, abs=0.0051), words
    assert f"tổng vốn đầu tư cơ sở {billions(proposals['cost_base_vnd'].sum())} tỷ đồng" in said(document)


def test_every_total_is_the_sum_of_its_rows(report):
    summed = 0
    for block in report.blocks:
        if not isinstance(block, Table) or not block.total or not block.rows:
            continue
        for number in range(block.figures_from, len(block.heads)):
            if "%" in block.heads[number]:
                continue
            parts = [read(row[number]) for row in block.rows[:-1]]
            assert sum(parts) == pytest.approx(read(block.rows[-1][number]), abs=0.0051 * len(parts)), block.caption
            summed += 1
    assert summed > 30


def test_the_page_fetches_nothing_and_runs_nothing_from_the_data(tmp_path):
    plan = with_proposals(small_plan(tmp_path, villages=lambda table: table.assign(name=EVIL, district=EVIL)),
                          title_vi=EVIL, reason_vi=EVIL)  # fmt: skip
    page = write_report(plan, tmp_path / "a.html").read_text(encoding="utf-8")
    assert EVIL not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert loaded_addresses(page) == []
    assert "<script" not in page
    assert EVIL in said(Document(str(write_report(plan, tmp_path / "a.docx"))))


def test_paper_styles_and_fonts_are_those_of_the_form(document):
    section = document.sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    assert 20 <= round(section.top_margin.mm) <= 25
    assert 20 <= round(section.bottom_margin.mm) <= 25
    assert 30 <= round(section.left_margin.mm) <= 35
    assert 15 <= round(section.right_margin.mm) <= 20
    for name in ("Normal", "Title", "Heading 1", "Heading 2", "Caption"):
        assert document.styles[name].font.name == "Times New Roman"
    assert "TOC" in document.element.xml
    assert "updateFields" in document.settings.element.xml


def test_synthetic_data_says_so_in_the_header_and_on_the_page(document, page, tmp_path):
    assert synthetic_notice() not in page
    assert synthetic_notice() not in "".join(p.text for p in document.sections[0].header.paragraphs)
    made = small_plan(tmp_path)
    province = made.study.settings.province.model_copy(update={"synthetic": True})
    object.__setattr__(made.study, "settings", made.study.settings.model_copy(update={"province": province}))
    marked = Document(str(write_report(made, tmp_path / "a.docx"))).sections[0]
    for header in (marked.header, marked.first_page_header):
        assert synthetic_notice() in "".join(p.text for p in header.paragraphs)
    assert synthetic_notice() in write_report(made, tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_plan_without_proposals_and_empty_layers_still_reports(tmp_path):
    gone: dict[str, Any] = {
        name: (lambda table: table.iloc[:0]) for name in ("routes", "nodes", "places", "dwellings", "statistics")
    }
    plan = small_plan(tmp_path, **gone)
    text = said(Document(str(write_report(plan, tmp_path / "a.docx"))))
    assert "Kế hoạch chưa có đề xuất" in text
    assert "Không có" in text
    write_report(plan, tmp_path / "a.html")


def test_names_of_300_characters_and_all_letters_arrive_composed(tmp_path):
    name = unicodedata.normalize("NFD", "Huyện Ắ Ằ Ẳ Ẵ Ặ Ễ Ộ Ở Ự Ỵ Đ " + "Nà Hang " * 35).strip()
    plan = with_proposals(
        small_plan(tmp_path, villages=lambda table: table.assign(district=name)), reason_vi=f"{name}\x00"
    )
    document = Document(str(write_report(plan, tmp_path / "a.docx")))
    page = write_report(plan, tmp_path / "a.html").read_text(encoding="utf-8")
    for text in (said(document), page):
        assert unicodedata.normalize("NFC", name) in text
        assert unicodedata.is_normalized("NFC", text)


def test_restricted_stations_are_counted_and_drawn_only_by_choice(tmp_path):
    def restricted(stations: pd.DataFrame) -> pd.DataFrame:
        return stations.assign(restricted=stations["station_id"] == "S-4")

    plan = with_proposals(small_plan(tmp_path, stations=restricted))
    page = write_report(plan, tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.search(r"\bS-4\b|\bL-3\b", page)
    counts = [
        table_named(report_of(plan, include_restricted=chosen), "địa bàn và loại cột").rows[-1][-1]
        for chosen in (False, True)
    ]
    assert counts == ["5", "6"]
    assert re.search(r"\bL-3\b", write_report(plan, tmp_path / "b.html", include_restricted=True).read_text("utf-8"))


def test_the_same_plan_is_the_same_bytes(plan, tmp_path):
    for suffix in ("docx", "html"):
        first, again = (write_report(plan, tmp_path / f"{name}.{suffix}") for name in "ab")
        assert first.read_bytes() == again.read_bytes(), suffix


def test_a_full_disk_leaves_the_report_that_was_there(plan, tmp_path, monkeypatch):
    def full(_document: Docx, part: str) -> None:
        (tmp_path / part).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "bao_cao.docx"
    path.write_bytes(b"before")
    monkeypatch.setattr(Docx, "save", full)
    with pytest.raises(OutputError, match="đầy"):
        write_report(plan, path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["bao_cao.docx"]


def test_another_suffix_is_refused_by_name(plan, tmp_path):
    with pytest.raises(OutputError, match=r"bao_cao\.pdf.*\.docx hoặc \.html"):
        write_report(plan, tmp_path / "bao_cao.pdf")


def test_a_study_after_july_2025_is_counted_by_its_communes(tmp_path):
    def later(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        chosen = table[table["boundary_version"] == "2025-07"]
        return chosen.reset_index(drop=True)

    plan = small_plan(
        tmp_path, settings={"province": {"name": "Tỉnh thử", "boundaries": "2025-07"}}, communes=later,
        villages=lambda table: table.assign(commune_code="02200", boundary_version="2025-07", district=None),
        stations=lambda table: table.assign(commune_code="02200", boundary_version="2025-07"),
    )  # fmt: skip
    by_class = table_named(report_of(plan), "địa bàn và loại cột")
    assert by_class.heads[0] == "Xã, phường"
    assert [row[0] for row in by_class.rows] == ["Xã Mới", "Tổng cộng"]
    indicators = table_named(report_of(plan), "hiện trạng, mục tiêu")
    coverage = next(row for row in indicators.rows if "phủ sóng di động băng rộng" in row[0])
    assert [cell.endswith("*") for cell in coverage[1:5]] == [False, True, True, True]
    assert "*" in indicators.note
    assert "nan" not in " ".join(cell for row in indicators.rows for cell in row)


def test_a_study_on_the_new_list_is_counted_by_its_communes_though_the_old_ones_have_districts(tmp_path):
    """In the merged province the old list covers a part: counted by its districts the rest would lie outside."""
    plan = small_plan(tmp_path, settings={"province": {"name": "Tỉnh thử", "boundaries": "2025-07"}})
    by_class = table_named(report_of(plan), "địa bàn và loại cột")
    assert (by_class.heads[0], [row[0] for row in by_class.rows]) == ("Xã, phường", ["Xã Mới", "Tổng cộng"])


def test_an_old_list_without_districts_is_counted_by_its_own_communes(tmp_path):
    plan = small_plan(tmp_path, communes=lambda table: table.assign(district=None))
    by_class = table_named(report_of(plan), "địa bàn và loại cột")
    assert by_class.heads[0] == "Xã, phường"
    assert {row[0] for row in by_class.rows} == {"Xã Một", "Xã Hai", "Phường Ba", "Xã Bốn", "Tổng cộng"}


def test_a_study_without_service_points_says_so_and_has_no_table_of_them(tmp_path):
    report = report_of(small_plan(tmp_path, service_points=pd.DataFrame()))
    texts = [block.text for block in report.blocks if isinstance(block, Paragraph)]
    assert "Nghiên cứu không có dữ liệu về điểm cung cấp dịch vụ viễn thông công cộng." in texts
    captions = [block.caption for block in report.blocks if isinstance(block, Table)]
    assert not any(caption.startswith("Điểm cung cấp dịch vụ") for caption in captions)


@pytest.mark.needs("office")
def test_libreoffice_reads_every_chapter(plan, tmp_path):
    text = printed_text(write_report(plan, tmp_path / "a.docx"))
    for heading in ("III. HIỆN TRẠNG", "VI. PHƯƠNG ÁN", "X. NGUỒN DỮ LIỆU", "Lý do của W-001."):
        assert heading in text


def test_what_is_left_out_stands_with_its_reason_and_kinds_that_are_missing_are_named(plan: Plan) -> None:
    rows = [
        {"kind": "fiber", "object_kind": "hamlet", "object_id": f"T-{n}", "name": f"Thôn {n}", "cause": "not_asked",
         "reason_vi": "đủ rồi", "reason_en": "enough", "helps_vi": "mục tiêu", "helps_en": "a target"}
        for n in range(30)
    ]  # fmt: skip
    dark = {"kind": "white_spot", "name": "Bản Khẻ", "cause": "too_weak", "reason_en": "8 dB are missing"}
    left = result_table("not_served", pd.DataFrame([*rows, rows[0] | dark]))
    report = report_of(replace(plan, not_served=left), language="en")
    chapter = [block for block in report.blocks if isinstance(block, Table) and block.caption == "Left out"]
    assert chapter[0].rows[0][:3] == ("White spots", "Bản Khẻ", "8 dB are missing")  # what cannot be comes first
    assert len(chapter[0].rows) == 25
    assert chapter[0].note.startswith("6 more")
    texts = [block.text for block in report.blocks if isinstance(block, Paragraph)]
    assert "What the proposals do not serve: Fiber 30; White spots 1." in texts
    assert "Not proposed yet: White spots, 5G at places, Fiber." in texts  # only sharing was compared


def test_hamlets_of_unknown_state_are_not_told_as_lit(plan: Plan) -> None:
    def first_words(states: list[str]) -> str:
        hamlets = plan.hamlets.assign(mobile_state=(states * len(plan.hamlets))[: len(plan.hamlets)])
        blocks = report_of(replace(plan, hamlets=hamlets)).blocks
        return next(one.text for one in blocks if isinstance(one, Paragraph) and one.text.startswith("Toàn tỉnh"))

    assert "trắng sóng" not in first_words(["unknown"])
    assert "chưa rõ tình trạng phủ sóng" in first_words(["unknown"])
    assert re.search(r"trong đó \d+ thôn trắng sóng.*Chưa rõ tình trạng: \d+ thôn\.", first_words(["none", "unknown"]))
    assert "Chưa rõ" not in first_words(["none", "covered"])
