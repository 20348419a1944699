"""A province's own list of hamlets into a study: states and figures for those it knows, places for new ones."""

from __future__ import annotations

import geopandas as gpd
import openpyxl
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.study.folder import open_study
from tests.intake.corpus import xlsx
from tests.study import small_study

HEADER = ["STT", "Thôn, bản", "Xã", "Số hộ", "Nhân khẩu", "Tình trạng phủ sóng", "Điện lưới", "Thôn ĐBKK", "Toạ độ"]


@pytest.fixture
def folder(tmp_path):
    def old(communes):
        return communes[communes["boundary_version"] == "2025-02"].assign(
            name=["Xã Hợp Thành", "Xã Tân Trào", "Phường Mỹ Lâm", "Xã Chiêm Hóa"]
        )

    return small_study(tmp_path / "study", communes=old)


def take(folder, tmp_path, rows, *words):
    xlsx(
        tmp_path / "thon.xlsx", [["DANH SÁCH THÔN TRẮNG, LÕM SÓNG"], [], HEADER, *rows, [None, "Tổng cộng", None, 1332]]
    )
    said = CliRunner().invoke(
        main, ["take", str(folder), str(tmp_path / "thon.xlsx"), "-o", str(tmp_path / "out"), "--lang", "en", *words]
    )
    assert said.exit_code == 0, (said.output, said.exception)
    return said.output


def test_states_and_figures_of_known_hamlets_are_those_of_the_list(folder, tmp_path):
    rows = [
        [1, "Nà Tông", "Hợp Thành", "1.332", 5200, "trắng", "có", "x", None],
        [2, "ĐỒNG RÔM", "xã Hợp Thành", 121, 480, "Lõm sóng", "chưa", "", None],
        [3, "Bản Bung", "Tân Trào", 82, 330, "Đã phủ sóng", "Có", "Không", None],
    ]
    said = take(folder, tmp_path, rows, "--accept")
    assert "Rows: 3 = 3 taken + 0 merged + 0 set aside" in said
    study = open_study(folder)
    table = study.villages.set_index("name").loc[["Thôn Nà Tông", "Thôn Đồng Rôm", "Bản Bung"]]
    assert table["households"].tolist() == [1332, 121, 82]
    assert table["population"].tolist() == [5200, 480, 330]
    assert table["declared_mobile"].tolist() == ["none", "weak", "covered"]
    assert table["grid_power"].tolist() == [True, False, True]
    assert table["difficulty"].tolist()[0] == "special"
    assert len(study.villages) == 8
    assert len(study.dwellings) == 16  # the file's other layers stay
    assert table["provenance"].iloc[0].startswith("thon.xlsx «Trạm» 4")


def test_nothing_is_written_before_it_is_accepted(folder, tmp_path):
    before = (folder / "villages.gpkg").read_bytes()
    said = take(folder, tmp_path, [[1, "Nà Tông", "Hợp Thành", 50, 200, "trắng", "có", "", None]])
    assert "Nothing was changed" in said
    assert (folder / "villages.gpkg").read_bytes() == before


def test_a_new_hamlet_needs_a_place_and_a_name_alone_never_decides(folder, tmp_path):
    at = open_study(folder).villages.to_crs(4326).geometry.iloc[2].centroid
    rows = [
        [1, "Khuổi Mới", "Tân Trào", 30, 120, "trắng", "không", "x", f"{at.y:.6f}, {at.x:.6f}".replace(".", ",")],
        [2, "Khuổi Xa", "Tân Trào", 30, 120, "trắng", "không", "x", None],
        [3, "Nà Tông", "Chiêm Hóa", 30, 120, "trắng", "không", "x", None],  # that name is in another commune
        [4, "Khuổi Lạc", "Tân Trào", 30, 120, "trắng", "không", "x", "10,5; 106,9"],
        [5, "Bản Bung", "Tân Trào", 30, 120, "trắng", "không", "x", None],
        [6, "Bản Bung", "Tân Trào", 31, 120, "trắng", "không", "x", None],
    ]
    said = take(folder, tmp_path, rows, "--accept")
    assert "Rows: 6 = 2 taken + 1 merged + 3 set aside" in said
    study = open_study(folder)
    assert len(study.villages) == 9
    new = study.villages.set_index("name").loc["Khuổi Mới"]
    assert new["commune_code"] == "02203"
    assert abs(new["centre_lon"] - at.x) < 1e-5
    assert abs(new["centre_lat"] - at.y) < 1e-5
    back = openpyxl.load_workbook(tmp_path / "out" / "take" / "tra_lai_thon.xlsx").active
    red = [row for row in range(4, 10) if back.cell(row, 1).fill.start_color.rgb == "FFF4B6B6"]
    assert red == [5, 6, 7]
    assert "culture house" in back.cell(5, len(HEADER) + 2).value


def test_two_hamlets_of_one_name_are_not_chosen_from(tmp_path):
    def twice(villages):
        return villages.assign(name=["Thôn Cả"] * 2 + list(villages["name"][2:]))

    folder = small_study(tmp_path / "study", villages=twice)
    before = gpd.read_file(folder / "villages.gpkg", layer="villages")
    said = take(folder, tmp_path, [[1, "Thôn Cả", None, 5, 20, "trắng", "", "", None]], "--accept")
    assert "0 taken + 0 merged + 1 set aside" in said
    after = gpd.read_file(folder / "villages.gpkg", layer="villages")
    assert after["households"].tolist() == before["households"].tolist()
