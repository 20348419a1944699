"""Chapters IX and X: how it was computed, how far to trust it, where the data come from, what is wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import system_of
from covplan.publish.report.content import NONE, Bullets, Heading, Paragraph, Table, count, figure
from covplan.publish.words import label, operator_names, program
from covplan.study.files import content_digest
from covplan.study.layers import input_layers
from covplan.study.numbers import number_vi
from covplan.study.settings_file import settings_toml

if TYPE_CHECKING:
    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

LIMITS = (
    "Vùng phủ là dự báo theo mô hình và bản đồ địa hình, lớp phủ của nghiên cứu; không thay cho đo kiểm tại chỗ.",
    "Giá trị chỉ tiêu phụ thuộc định nghĩa «có sóng», ngưỡng và xác suất nêu trên; đổi định nghĩa thì con số đổi.",
    "Đơn giá là khoảng thấp – cơ sở – cao theo nguồn ghi trong tệp chi phí của nghiên cứu; cần thay bằng đơn giá của "
    "địa phương trước khi phê duyệt.",
    "Quy định địa phương về khoảng cách, độ cao, khu vực chỉ dùng cột không cồng kềnh là tham số; giá trị mặc định lấy "
    "của tỉnh khác hoặc là giả định.",
    "Diện tích đất của cột ăng ten và dự báo thuê bao không có trong dữ liệu.",
)
SHOWN_SOURCES, SHOWN_LENGTH = 2, 160


def method(tables: Tables) -> list[Block]:
    """Chapters IX and X."""
    return [*_computed(tables), *_reliability(tables), *_sources(tables), *_findings(tables)]


def _computed(tables: Tables) -> list[Block]:
    settings = tables.study.settings
    definition = settings.definition
    radio = settings.radio[definition.technology]
    threshold = definition.rsrp_threshold_dbm or radio.rsrp_threshold_dbm
    confidence = definition.confidence or radio.confidence
    text = (
        f"Trạng thái thôn: {definition.title_vi}. Công nghệ {definition.technology}, ngưỡng RSRP "
        f"{number_vi(threshold, 1)} dBm đạt với xác suất {number_vi(100 * confidence)} %. Suy hao tính theo ITU-R "
        f"P.1812-7 trên lưới {number_vi(settings.grid.cell_m, 1)} m, bán kính "
        f"{number_vi(settings.propagation.radius_km, 1)} km quanh trạm. Hệ tọa độ "
        f"{system_of(tables.study)}; khoảng cách, chiều dài tính trên elipxoit. Đề xuất do "
        "các bài toán quy hoạch nguyên chọn: chi phí thấp nhất thỏa mãn chỉ tiêu, kèm khoảng cách tối ưu đã chứng minh."
    )
    digest = content_digest(settings_toml(settings))[:16]
    return [
        Heading(1, "IX. PHƯƠNG PHÁP, ĐỘ TIN CẬY VÀ GIỚI HẠN"), Heading(2, "1. Phương pháp"), Paragraph(text),
        Paragraph(f"Lập bằng {program()}; mã thiết lập {digest} (SHA-256 của study.toml, 16 ký tự đầu). Cùng dữ liệu "
                  "và thiết lập cho cùng báo cáo."),
    ]  # fmt: skip


def _reliability(tables: Tables) -> list[Block]:
    rows = tuple(
        (label("against", row["against"]), _who(row), count(row["n"]), count(row["met"]), _share(row["share"]),
         f"{_share(row['low'])}–{_share(row['high'])}")
        for row in tables.of["reliability"].to_dict("records")
    )  # fmt: skip
    heads = ("Đối chiếu với", "Nhà mạng, công nghệ", "Số đối tượng", "Số đúng", "Tỷ lệ (%)", "Khoảng Wilson 95 % (%)")
    table: list[Block] = [
        Table("Bản đồ phủ sóng đối chiếu với danh sách và đo kiểm", heads, rows, figures_from=2),
    ]  # fmt: skip
    none = Paragraph("Nghiên cứu không có danh sách hay đo kiểm để đối chiếu.")
    return [
        Heading(2, "2. Độ tin cậy"),
        *(table if rows else [none]),
        Paragraph("Khoảng tin cậy của chỉ tiêu phủ sóng là khoảng của tỷ lệ thôn thực có sóng khi che khuất biến thiên "
                  "quanh giá trị trung vị; hiện trạng đếm thôn đạt ngưỡng với xác suất cao nên có thể "
                  "thấp hơn khoảng này."),
        Heading(2, "3. Giới hạn"), Bullets(LIMITS),
    ]  # fmt: skip


def _sources(tables: Tables) -> list[Block]:
    rows = []
    for name, layer in input_layers().items():
        table = tables.of[name]
        if table.empty:
            continue
        column = table["provenance"] if "provenance" in table else table.get("source", pd.Series(dtype="object"))
        told = column.dropna().astype(str).value_counts(sort=True)
        said = "; ".join(_short(text) for text in sorted(told.index, key=lambda one: (-told[one], one))[:SHOWN_SOURCES])
        more = f"; và {count(len(told) - SHOWN_SOURCES)} nguồn khác" if len(told) > SHOWN_SOURCES else ""
        rows.append((layer.title_vi, count(len(table)), said + more or "không ghi nguồn"))
    return [
        Heading(1, "X. NGUỒN DỮ LIỆU VÀ KẾT QUẢ KIỂM TRA"), Heading(2, "1. Nguồn dữ liệu"),
        Table("Lớp dữ liệu đầu vào và nguồn gốc", ("Lớp", "Số dòng", "Nguồn gốc"),
              tuple(rows), figures_from=3, widths=(0.26, 0.12, 0.62)),
    ]  # fmt: skip


def _findings(tables: Tables) -> list[Block]:
    found = tables.of["findings"]
    rows = tuple(
        (label("severity", severity), count(len(group)), str(group["problem"].iloc[0]), str(group["advice"].iloc[0]))
        for (severity, _check), group in found.groupby(["severity", "check"], sort=False)
    )
    heading = Heading(2, "2. Kết quả kiểm tra dữ liệu")
    if not rows:
        return [heading, Paragraph("Không phát hiện lỗi trong dữ liệu đầu vào.")]
    heads = ("Mức độ", "Số lượng", "Ví dụ", "Việc cần làm")
    return [
        heading,
        Table("Phát hiện khi kiểm tra dữ liệu", heads, rows, figures_from=4, widths=(0.13, 0.11, 0.4, 0.36),
              note="Danh sách đầy đủ: findings.csv và lớp ks_loi_du_lieu của GeoPackage."),
    ]  # fmt: skip


def _who(row: dict[str, object]) -> str:
    parts = [operator_names().get(str(row["operator"]), str(row["operator"])) if pd.notna(row["operator"]) else ""]
    parts.append(str(row["technology"]) if pd.notna(row["technology"]) else "")
    return " ".join(part for part in parts if part) or NONE


def _share(share: float) -> str:
    return figure(100.0 * share, 1)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
