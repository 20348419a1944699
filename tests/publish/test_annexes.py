"""The workbook others check: what is in it, where it says a thing lies, what it refuses to become, that it prints."""

from __future__ import annotations

import unicodedata
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from openpyxl import Workbook
from pyproj import Transformer

from covplan.publish.annexes import write_annexes
from covplan.publish.annexes.workbook import HEIGHT_LIMIT_PT, NOTHING
from covplan.study.errors import OutputError
from covplan.study.language import _
from covplan.study.synthetic import synthetic_notice
from tests.publish.printed import printed_text
from tests.publish.small_proposals import MILLION, small_plan, with_proposals

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from covplan.study.plan import Plan

TABS = ["Danh mục", "Mẫu 1", "Mẫu 2", "Mẫu 3", "Mẫu 4", "Dùng chung", "Vị trí mới", "5G", "Vùng trắng sóng"]
TABS += ["Cáp đề xuất", "Lý do", "Tuyến cáp", "Thôn", "Chỉ tiêu"]
LETTERS = "Ắ Ằ Ẳ Ẵ Ặ Ấ Ầ Ẩ Ẫ Ậ Ế Ề Ể Ễ Ệ Ố Ồ Ổ Ỗ Ộ Ớ Ờ Ở Ỡ Ợ Ứ Ừ Ử Ữ Ự Ỳ Ý Ỷ Ỹ Ỵ Đ đ ỉ ĩ ị ơ ư"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return with_proposals(small_plan(tmp_path_factory.mktemp("annexes")))


@pytest.fixture(scope="module")
def book(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return openpyxl.load_workbook(write_annexes(plan, tmp_path_factory.mktemp("book") / "phu_luc.xlsx"))


def head_row(sheet: Worksheet) -> int:
    return next(row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value == "STT")


def rows_of(sheet: Worksheet) -> pd.DataFrame:
    """The rows under the head, totals and an empty sheet's words not among them."""
    head = head_row(sheet)
    titles = [cell.value for cell in sheet[head]]
    values = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=head + 1)]
    return pd.DataFrame([row for row in values if isinstance(row[0], int)], columns=titles)


def texts(book: Workbook) -> list[str]:
    return [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


def renamed(name: str) -> Any:
    return lambda villages: villages.assign(name=name)


def test_every_form_and_list_is_a_sheet_and_the_first_lists_them_all(book):
    assert book.sheetnames == TABS
    listed = rows_of(book["Danh mục"])
    assert listed["Tờ"].tolist() == TABS[1:]
    assert listed["Số dòng"].tolist() == [len(rows_of(book[tab])) for tab in TABS[1:]]


def test_masts_stand_in_both_commune_lists_and_where_proj_puts_them(book, plan):
    masts = rows_of(book["Mẫu 4"])
    assert masts["Mã vị trí"].tolist() == sorted(plan.locations["location_id"])
    first = masts.iloc[0]
    assert first["Xã, phường, thị trấn (trước 7/2025)"] == "Xã Một"
    assert first["Huyện, thành phố (trước 7/2025)"] == "Huyện Đông"
    assert first["Xã, phường (sau 7/2025)"] == "Xã Mới"
    assert first["Loại cột"] == "A2b"
    assert first["Dùng chung"] == "Có"
    to_study = Transformer.from_crs(4326, 9211, always_xy=True)
    for row in masts.to_dict("records"):
        east, north = to_study.transform(row["Kinh độ WGS 84 (°)"], row["Vĩ độ WGS 84 (°)"])
        assert row["X (Bắc), VN-2000 (m)"] == pytest.approx(north, abs=0.01)  # X is north, as in Vietnam
        assert row["Y (Đông), VN-2000 (m)"] == pytest.approx(east, abs=0.01)


def test_service_points_fill_the_form_with_all_it_asks_for(book):
    shop, planned = rows_of(book["Mẫu 2"]).to_dict("records")
    assert (shop["Mã điểm"], shop["Loại (Đ1, Đ2)"], shop["Doanh nghiệp"]) == ("D-1", "Đ1", "VNPT VinaPhone")
    assert shop["Xã, phường, thị trấn (trước 7/2025)"] == "Phường Ba"
    assert shop["Hình thức sử dụng đất"] == "Thuê"
    scale = ("Diện tích đất (m²)", "Diện tích xây dựng (m²)", "Diện tích sàn (m²)", "Chiều cao (m)")
    assert [shop[title] for title in scale] == [120, 80.5, 161, 8.5]
    assert (shop["Năm đưa vào sử dụng"], shop["Tình trạng"]) == (2012, "Hiện có")
    assert (planned["Loại (Đ1, Đ2)"], planned["Năm đưa vào sử dụng"], planned["Tình trạng"]) == ("Đ2", 2027, "Dự kiến")
    assert pd.isna([planned["Doanh nghiệp"], planned["Diện tích đất (m²)"]]).all()


def test_proposals_stand_in_the_lists_of_their_kind_with_their_cost(book, plan):
    kinds = {"Dùng chung": ["S-001", "S-002"], "Vị trí mới": ["W-001"], "5G": ["P-001"],
             "Vùng trắng sóng": ["W-001"], "Cáp đề xuất": ["F-001"]}  # fmt: skip
    cost = plan.proposals.set_index("proposal_id")["cost_base_vnd"]
    for tab, ids in kinds.items():
        rows = rows_of(book[tab]).set_index("Mã đề xuất")
        assert rows.index.tolist() == ids
        assert (rows["Chi phí cơ sở (triệu đồng)"] * MILLION).to_dict() == pytest.approx(cost[ids].to_dict())
    totals = [cell.value for cell in book["Dùng chung"][book["Dùng chung"].max_row]]
    assert totals[0] == "Tổng cộng"
    assert sum(cost[["S-001", "S-002"]]) / MILLION in totals
    assert rows_of(book["Cáp đề xuất"])["Giai đoạn, năm"].tolist() == ["chưa phân kỳ"]
    assert len(rows_of(book["Lý do"])) == len(plan.proposals)


def test_hamlets_without_signal_come_first_and_indicators_are_those_of_the_plan(book, plan):
    states = rows_of(book["Thôn"])["Trạng thái sóng"].tolist()
    assert states[0] == "Trắng sóng"
    assert states.index("Lõm sóng") < states.index("Phủ sóng")
    shown = rows_of(book["Chỉ tiêu"])
    for column, title in (("value", "Hiện trạng"), ("target_2030", "Mục tiêu 2030")):
        assert shown[title].astype(float).tolist() == pytest.approx(plan.indicators[column].tolist(), nan_ok=True)


def test_a_list_without_rows_says_so(book, tmp_path):
    assert book["Mẫu 1"].cell(head_row(book["Mẫu 1"]) + 1, 1).value == _(NOTHING)
    study = small_plan(tmp_path, routes=lambda routes: routes.iloc[:0], service_points=pd.DataFrame())
    bare = openpyxl.load_workbook(write_annexes(study, tmp_path / "bare.xlsx"))
    assert any("service_points.csv" in str(cell.value) for cell in bare["Mẫu 2"]["A"])
    for tab in ("Mẫu 2", "Mẫu 3", "Tuyến cáp", "Dùng chung", "Vị trí mới", "5G", "Vùng trắng sóng", "Cáp đề xuất"):
        assert bare[tab].cell(head_row(bare[tab]) + 1, 1).value == _(NOTHING)


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")'])
def test_no_cell_becomes_a_formula(evil, tmp_path):
    plan = with_proposals(small_plan(tmp_path, villages=renamed(evil)), reason_vi=evil)
    path = write_annexes(plan, tmp_path / "a.xlsx")
    cells = [cell for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for cell in row]
    named = [cell for cell in cells if cell.value == evil]
    assert len(named) >= 5
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n"}
    assert all(cell.quotePrefix for cell in named)
    with zipfile.ZipFile(path) as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist() if "worksheets" in name)


def test_long_names_and_every_letter_arrive_composed_and_in_rows_high_enough(tmp_path):
    name = f"Thôn {LETTERS} " + "Nà Tông " * 30
    plan = small_plan(tmp_path, villages=renamed(unicodedata.normalize("NFD", name).strip()))
    book = openpyxl.load_workbook(write_annexes(plan, tmp_path / "a.xlsx"))
    sheet = book["Thôn"]
    row = head_row(sheet) + 1
    cell = next(cell for cell in sheet[row] if str(cell.value).startswith("Thôn Ắ"))
    assert len(cell.value) > 300
    assert cell.alignment.wrap_text
    assert 150 < sheet.row_dimensions[row].height <= HEIGHT_LIMIT_PT
    assert all(unicodedata.is_normalized("NFC", text) for text in texts(book))


def test_control_characters_leave_a_readable_workbook(tmp_path):
    plan = with_proposals(small_plan(tmp_path), reason_vi="Bản\x00 \x07Bung\x1b \ufffe")
    book = openpyxl.load_workbook(write_annexes(plan, tmp_path / "a.xlsx"))
    assert any(text.startswith("Bản") and "Bung" in text for text in texts(book))


def test_every_sheet_prints_on_a4_landscape_one_page_wide_under_its_heads(book):
    for sheet in book:
        head = head_row(sheet)
        assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 9)
        assert (int(sheet.page_setup.fitToWidth), int(sheet.page_setup.fitToHeight)) == (1, 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == f"${head}:${head}"
        assert sheet.freeze_panes == f"C{head + 1}"
        assert sheet.print_area.endswith(f"${sheet.max_row}")
        assert any("Nguồn:" in str(sheet.cell(row, 1).value) for row in range(1, head))


def test_synthetic_data_says_so_on_every_sheet_and_real_data_does_not(book, tmp_path):
    assert not any(synthetic_notice() in text for text in texts(book))
    made = small_plan(tmp_path)
    province = made.study.settings.province.model_copy(update={"synthetic": True})
    object.__setattr__(made.study, "settings", made.study.settings.model_copy(update={"province": province}))
    marked = openpyxl.load_workbook(write_annexes(made, tmp_path / "a.xlsx"))
    for sheet in marked:
        assert any(sheet.cell(row, 1).value == synthetic_notice() for row in range(1, head_row(sheet)))
        assert synthetic_notice() in sheet.oddHeader.right.text


def test_restricted_stations_leave_only_by_choice(tmp_path):
    def restricted(stations: pd.DataFrame) -> pd.DataFrame:
        return stations.assign(restricted=stations["station_id"] == "S-4")  # alone on location L-3

    plan = with_proposals(small_plan(tmp_path, stations=restricted))
    public = openpyxl.load_workbook(write_annexes(plan, tmp_path / "a.xlsx"))
    assert not any("S-4" in text or "L-3" in text for text in texts(public))
    assert rows_of(public["Mẫu 1"]).empty
    all_of_it = openpyxl.load_workbook(write_annexes(plan, tmp_path / "b.xlsx", include_restricted=True))
    assert rows_of(all_of_it["Mẫu 1"])["Mã công trình"].tolist() == ["S-4"]
    assert "L-3" in rows_of(all_of_it["Mẫu 4"])["Mã vị trí"].tolist()


def test_the_same_plan_is_the_same_bytes(plan, tmp_path):
    first, again = (write_annexes(plan, tmp_path / name) for name in ("a.xlsx", "b.xlsx"))
    assert first.read_bytes() == again.read_bytes()


def test_a_full_disk_leaves_the_workbook_that_was_there(plan, tmp_path, monkeypatch):
    path = tmp_path / "phu_luc.xlsx"
    path.write_bytes(b"before")

    def full(_book: Workbook, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Workbook, "save", full)
    with pytest.raises(OutputError, match="đầy"):
        write_annexes(plan, path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["phu_luc.xlsx"]


@pytest.mark.needs("office")
def test_libreoffice_prints_every_sheet_with_vietnamese_figures_and_nothing_clipped(plan, tmp_path):
    text = printed_text(write_annexes(plan, tmp_path / "a.xlsx"), "-layout")
    assert "###" not in text
    assert "1.234,5" in text
    for number in range(1, len(TABS)):
        assert f"PHỤ LỤC {number} –" in text
