"""Chapters VI to VIII: what is proposed, where, why, at what cost, in which year, and who does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish import figures
from covplan.publish.report.content import (
    NONE,
    Bullets,
    Figure,
    Heading,
    Paragraph,
    Table,
    billions,
    count,
    figure,
    with_total,
)
from covplan.publish.words import label, operator_names

if TYPE_CHECKING:
    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

KINDS = ("white_spot", "place_5g", "share", "fiber")
COSTS = ("cost_low_vnd", "cost_base_vnd", "cost_high_vnd")
COST_HEADS = ("Thấp (tỷ đồng)", "Cơ sở (tỷ đồng)", "Cao (tỷ đồng)")
LONGEST_LIST = 25  # rows of a list in the text; the annexes hold them all
TOP_OF_A_KIND = 4
NOTHING = "Kế hoạch chưa có đề xuất (chạy `covplan propose` để lập); chương này và kinh phí sẽ có sau khi lập đề xuất."
MEASURES = (
    "Ưu tiên dùng chung vị trí hiện có trước khi xây cột mới; cột mới phải có khả năng cho doanh nghiệp khác dùng "
    "chung khi khả thi.",
    "Thôn đặc biệt khó khăn có điện lưới: đề nghị hỗ trợ từ Quỹ Dịch vụ viễn thông công ích; các trường hợp khác dùng "
    "vốn doanh nghiệp.",
    "Kiểm định lại cột trước khi lắp thêm anten; tính tổng trường điện từ của các đơn vị dùng chung "
    "(QCVN 8:2022/BTTTT).",
    "Với thôn có chi phí phủ sóng cao hơn thiết bị vệ tinh, xem xét vệ tinh như giải pháp thay thế.",
)
DUTIES = (
    "Sở Khoa học và Công nghệ: chủ trì công bố, hướng dẫn, thẩm định kế hoạch hằng năm của doanh nghiệp, cập nhật dữ "
    "liệu và báo cáo kết quả.",
    "Sở Xây dựng, Sở Nông nghiệp và Môi trường, Sở Công Thương: phối hợp về cấp phép, đất đai, hành lang "
    "kỹ thuật, điện.",
    "Ủy ban nhân dân cấp xã: bố trí vị trí, xác nhận hiện trạng phủ sóng tại các thôn.",
    "Doanh nghiệp viễn thông: triển khai theo lộ trình, báo cáo kế hoạch năm trước ngày 20 tháng 12, cho thuê hạ tầng "
    "dùng chung.",
)


def proposed(tables: Tables) -> list[Block]:
    """Chapters VI to VIII."""
    proposals = tables.of["proposals"]
    plan = Heading(1, "VI. PHƯƠNG ÁN PHÁT TRIỂN THEO KHU VỰC VÀ GIAI ĐOẠN")
    money = Heading(1, "VII. GIẢI PHÁP, DỰ ÁN VÀ KINH PHÍ")
    duties: tuple[Block, ...] = (Heading(1, "VIII. TỔ CHỨC THỰC HIỆN"), Bullets(DUTIES))
    if proposals.empty:
        return [plan, Paragraph(NOTHING), money, Bullets(MEASURES), *duties]
    return [
        plan, *_overview(tables), *_supply(tables), *_sharing(proposals), *_reasons(proposals), *_methods(tables),
        money, *_money(proposals), *duties,
    ]  # fmt: skip


def _overview(tables: Tables) -> list[Block]:
    proposals = tables.of["proposals"]
    groups = proposals.groupby(["kind", "action"], sort=False)
    rows = [
        (label("kind", kind, "proposals"), label("action", action), count(len(group)),
         *(billions(group[cost].sum()) for cost in COSTS))
        for (kind, action), group in sorted(groups, key=lambda one: (KINDS.index(one[0][0]), one[0][1]))
    ]  # fmt: skip
    total = ("Tổng cộng", "", count(len(proposals)), *(billions(proposals[cost].sum()) for cost in COSTS))
    by_area = [
        (str(area), *(count((group["kind"] == kind).sum()) for kind in KINDS), count(len(group)),
         billions(group["cost_base_vnd"].sum()))
        for area, group in proposals.groupby("area")
    ]  # fmt: skip
    kinds = [(proposals["kind"] == kind).sum() for kind in KINDS]
    area_total = ("Tổng cộng", *map(count, kinds), count(len(proposals)), billions(proposals["cost_base_vnd"].sum()))
    text = (
        f"Phương án gồm {count(len(proposals))} đề xuất, tổng vốn đầu tư cơ sở "
        f"{billions(proposals['cost_base_vnd'].sum())} tỷ đồng (từ {billions(proposals['cost_low_vnd'].sum())} đến "
        f"{billions(proposals['cost_high_vnd'].sum())} tỷ đồng theo đơn giá thấp và cao). Danh mục đầy đủ, tọa độ và "
        "lý do của từng đề xuất nằm trong phụ lục."
    )
    return [
        Heading(2, "1. Tổng hợp"), Paragraph(text),
        Table("Đề xuất theo nhóm và hành động", ("Nhóm", "Hành động", "Số đề xuất", *COST_HEADS),
              with_total(rows, total), figures_from=2, total=True),
        Table("Đề xuất theo địa bàn", (tables.area_title, *(label("kind", kind, "proposals") for kind in KINDS), "Tổng",
              COST_HEADS[1]), with_total(by_area, area_total), total=True),
    ]  # fmt: skip


def _supply(tables: Tables) -> list[Block]:
    curve = tables.of["supply_curve"].sort_values("hamlets")
    if curve.empty:
        return []
    last = curve.iloc[-1]
    dearer = int(curve["last_mile"].astype("boolean").fillna(value=False).sum())
    satellite = curve["satellite_vnd"].dropna()
    text = (
        f"Phủ {count(last['hamlets'])} thôn ({count(last['households'])} hộ) tốn {billions(last['cost_vnd'])} tỷ đồng, "
        "gồm xây dựng và vận hành trong kỳ tính của nghiên cứu. "
    )
    if len(satellite):
        text += (
            f"Một thiết bị vệ tinh dùng chung tại một điểm tốn {billions(satellite.iloc[0])} tỷ đồng trong cùng kỳ; ở "
            f"{count(dearer)}/{count(len(curve))} bước, thôn tiếp theo đắt hơn mức này. Vệ tinh chỉ phục vụ một điểm, "
            "không thay được vùng phủ của trạm."
        )
    return [
        Heading(2, "2. Xoá vùng trắng sóng: chi phí của thôn tiếp theo"), Paragraph(text),
        Figure("Chi phí theo số thôn được phủ", figures.png(figures.supply_curve(curve)),
               "Đường tổng chi phí và chi phí của thôn tiếp theo"),
    ]  # fmt: skip


def _sharing(proposals: pd.DataFrame) -> list[Block]:
    moves = proposals[proposals["kind"] == "share"].sort_values(["year", "proposal_id"])
    if moves.empty:
        return []
    rows = tuple(
        (row["proposal_id"], _operator(row["operator"]), _said(row["from_location_id"]), _said(row["location_id"]),
         _said(row["commune"]), _year(row["year"]), figure(row["cost_base_vnd"] / 1e6, 1),
         figure(row["opex_vnd_per_year"] / 1e6, 1))
        for row in moves.head(LONGEST_LIST).to_dict("records")
    )  # fmt: skip
    heads = ("Mã", "Nhà mạng", "Rời vị trí", "Đến vị trí", "Xã", "Năm", "Chi phí (triệu đồng)", "Hằng năm (triệu đồng)")
    text = (
        f"{count(len(moves))} đề xuất gộp vị trí, vốn {billions(moves['cost_base_vnd'].sum())} tỷ đồng, thay đổi chi "
        f"phí hằng năm {figure(moves['opex_vnd_per_year'].sum() / 1e6, 1)} triệu đồng (số âm là tiết kiệm)."
    )
    return [
        Heading(2, "3. Dùng chung vị trí"), Paragraph(text),
        Table("Các vị trí chuyển sang dùng chung", heads, rows, figures_from=5, note=_more(moves),
              widths=(0.09, 0.155, 0.145, 0.145, 0.155, 0.08, 0.115, 0.115)),
    ]  # fmt: skip


def _reasons(proposals: pd.DataFrame) -> list[Block]:
    """The proposals of every kind that gain most for their money, with what was said for them."""
    gain = proposals[["gains_count", "households"]].astype("Float64").fillna(0)
    ranked = proposals.assign(gain=gain["gains_count"], homes=gain["households"])
    ranked = ranked.sort_values(["gain", "homes", "cost_base_vnd", "proposal_id"], ascending=[False, False, True, True])
    top = pd.concat([ranked[ranked["kind"] == kind].head(TOP_OF_A_KIND) for kind in KINDS])
    rows = tuple(
        (row["proposal_id"], row["title_vi"], _year(row["year"]), billions(row["cost_base_vnd"]), row["reason_vi"])
        for row in top.to_dict("records")
    )
    note = (
        f"Tối đa {TOP_OF_A_KIND} đề xuất mỗi nhóm, nhiều đối tượng được lợi nhất trước; lý do của mọi đề xuất: phụ lục."
    )
    return [
        Heading(2, "4. Đề xuất tiêu biểu và lý do"),
        Table("Đề xuất tiêu biểu", ("Mã", "Đề xuất", "Năm", "Tỷ đồng", "Lý do"), rows, figures_from=5,
              widths=(0.1, 0.2, 0.1, 0.09, 0.51), note=note),
    ]  # fmt: skip


def _methods(tables: Tables) -> list[Block]:
    compared = tables.of["comparison"]
    if compared.empty:
        return []
    rows = tuple(
        (label("kind", row["kind"], "comparison"), label("method", row["method"]), _year(row["year"], NONE),
         count(row["served"]), billions(row["cost_vnd"]), figure(row["over_program_pct"], 1),
         NONE if pd.isna(row["gap"]) else f"{figure(100 * row['gap'], 2)} %")
        for row in compared.to_dict("records")
    )  # fmt: skip
    heads = ("Nhóm", "Cách làm", "Năm", "Phục vụ", "Chi phí (tỷ đồng)", "Hơn phương án chọn (%)", "Cách tối ưu")
    return [
        Heading(2, "5. So sánh với cách lập thông thường"),
        Table("Phương án chọn và các cách làm khác", heads, rows, figures_from=2,
              widths=(0.16, 0.28, 0.09, 0.1, 0.13, 0.13, 0.11),
              note="Chi phí gồm xây dựng và vận hành trong kỳ tính; «cách tối ưu» là khoảng cách tối đa đến phương án "
              "rẻ nhất đã chứng minh."),
    ]  # fmt: skip


def _money(proposals: pd.DataFrame) -> list[Block]:
    said = proposals.assign(when=proposals["year"].map(_year))
    base = said.pivot_table(index="when", columns="kind", values="cost_base_vnd", aggfunc="sum", fill_value=0.0)
    base = base.reindex(columns=[kind for kind in KINDS if kind in base])
    bounds = said.groupby("when")[list(COSTS)].sum().reindex(base.index)
    rows = [
        (str(when), *(billions(value) for value in base.loc[when]), *(billions(value) for value in bounds.loc[when]))
        for when in base.index
    ]
    total = ("Tổng cộng", *map(billions, base.sum()), *map(billions, bounds.sum()))
    funds = [
        (label("funding", fund) if fund else "Chưa xác định", count(len(group)),
         *(billions(group[cost].sum()) for cost in COSTS))
        for fund, group in proposals.groupby(proposals["funding"].fillna(""))
    ]  # fmt: skip
    fund_total = ("Tổng cộng", count(len(proposals)), *(billions(proposals[cost].sum()) for cost in COSTS))
    heads = ("Năm", *(label("kind", kind, "proposals") for kind in base.columns), *COST_HEADS)
    yearly = figure(proposals["opex_vnd_per_year"].sum() / 1e6, 1)
    return [
        Heading(2, "1. Giải pháp"), Bullets(MEASURES),
        Heading(2, "2. Kinh phí theo năm và nguồn vốn"),
        Paragraph(f"Chi phí vận hành hằng năm tăng thêm {yearly} triệu đồng (số âm là tiết kiệm). Nguồn vốn là đề nghị "
                  "theo quy tắc của nghiên cứu, cần xác nhận với đơn vị cấp vốn."),
        Table("Kinh phí theo năm và nhóm", heads, with_total(rows, total), total=True,
              note="Cột theo nhóm là chi phí cơ sở, tỷ đồng."),
        Figure("Kinh phí cơ sở theo năm và nhóm", figures.png(figures.yearly_costs(base)),
               "Biểu đồ cột chồng: kinh phí theo năm"),
        Table("Kinh phí theo nguồn vốn", ("Nguồn vốn", "Số đề xuất", *COST_HEADS), with_total(funds, fund_total),
              total=True),
    ]  # fmt: skip


def _year(year: object, otherwise: str = figures.NOT_PHASED) -> str:
    return otherwise if pd.isna(year) else str(int(float(str(year))))


def _operator(code: object) -> str:
    return NONE if pd.isna(code) else operator_names().get(str(code), str(code))


def _said(value: object) -> str:
    return NONE if pd.isna(value) else str(value)


def _more(table: pd.DataFrame) -> str:
    left = len(table) - LONGEST_LIST
    return f"Còn {count(left)} đề xuất khác: phụ lục «Dùng chung»." if left > 0 else ""
