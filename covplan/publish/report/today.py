"""Chapters I to V: why, where, what stands today, what is wanted, against which indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish import figures
from covplan.publish.addresses import NEW, OLD
from covplan.publish.report.areas import indicator
from covplan.publish.report.content import (
    NONE,
    Bullets,
    Figure,
    Heading,
    Paragraph,
    Table,
    count,
    crossed,
    figure,
    per_cent,
    with_total,
)
from covplan.publish.words import label, operator_names
from covplan.study.columns import split_list
from covplan.study.layers import layers

if TYPE_CHECKING:
    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

CLASSES = ("A1a", "A1b", "A2a", "A2b", "A2c")
STATES = ("covered", "weak", "none", "unknown")
PERCENT_UNITS = ("%", "% of population", "count and %")
LEGAL = (
    "Luật Viễn thông số 24/2023/QH15;",
    "Nghị định số 163/2024/NĐ-CP ngày 24/12/2024 quy định chi tiết một số điều của Luật Viễn thông;",
    "Thông tư số 14/2013/TT-BTTTT về quy hoạch hạ tầng kỹ thuật viễn thông thụ động tại địa phương "
    "(hiệu lực cần đối chiếu với văn bản hiện hành);",
    "Quyết định số 36/QĐ-TTg ngày 11/01/2024 phê duyệt Quy hoạch hạ tầng thông tin và truyền thông;",
    "Quyết định số 1132/QĐ-TTg ngày 09/10/2024 phê duyệt Chiến lược hạ tầng số;",
    "Chỉ thị số 52/CT-BTTTT ngày 11/11/2019 về dùng chung hạ tầng kỹ thuật viễn thông thụ động;",
    "Kế hoạch phát triển hạ tầng số của tỉnh năm 2025, định hướng đến năm 2030.",
)


def today(tables: Tables) -> list[Block]:
    """Chapters I to V."""
    return [
        *_why(tables), *_land(tables), Heading(1, "III. HIỆN TRẠNG HẠ TẦNG VIỄN THÔNG"), *_masts(tables),
        *_mobile(tables), *_fiber(tables), *_places(tables), *_service_points(tables), *_forecast(tables),
        *_indicators(tables),
    ]  # fmt: skip


def _why(tables: Tables) -> list[Block]:
    hamlets, indicators = tables.of["hamlets"], tables.of["indicators"]
    states = hamlets["mobile_state"].value_counts()
    sharing, fiber = (indicator(indicators, name) for name in ("BTS_SHARE_RATIO", "VILLAGE_FTTH_COV"))
    text = (
        f"Toàn tỉnh có {count(len(hamlets))} thôn, bản, tổ dân phố, trong đó {count(states.get('none', 0))} thôn trắng "
        f"sóng và {count(states.get('weak', 0))} thôn lõm sóng di động băng rộng. Tỷ lệ thôn có cáp quang FTTH là "
        f"{figure(fiber['value'])} % (mục tiêu 2025: {figure(fiber['target_2025'])} %); tỷ lệ dùng chung vị trí trạm "
        f"BTS là {figure(sharing['value'])} % (mục tiêu 2025: {figure(sharing['target_2025'])} %). Quy hoạch xác định "
        "vị trí, loại công trình, nghĩa vụ dùng chung, lộ trình và kinh phí để đạt các chỉ tiêu với chi phí thấp nhất."
    )
    return [
        Heading(1, "I. SỰ CẦN THIẾT VÀ CĂN CỨ"), Heading(2, "1. Sự cần thiết"), Paragraph(text),
        Heading(2, "2. Căn cứ"), Bullets(LEGAL),
        Paragraph("Danh mục căn cứ do chương trình lập sẵn; số, ngày và hiệu lực văn bản phải được rà soát trước khi "
                  "trình."),
    ]  # fmt: skip


def _land(tables: Tables) -> list[Block]:
    hamlets, communes = tables.of["hamlets"], tables.study.communes
    versions = communes["boundary_version"].value_counts()
    listed = "; ".join(
        f"{count(versions.get(version, 0))} đơn vị cấp xã {said} sáp nhập (phiên bản {version})"
        for version, said in ((OLD, "trước"), (NEW, "sau"))
    )
    dark = hamlets["grid_power"].astype("boolean").eq(other=False)
    text = (
        f"Dữ liệu có {listed}. Dân số {count(hamlets['population'].sum())} người, {count(hamlets['households'].sum())} "
        f"hộ tại {count(len(hamlets))} thôn; {count((hamlets['difficulty'] == 'special').sum())} thôn đặc biệt khó "
        f"khăn; {count(dark.sum())} thôn chưa có điện lưới."
    )
    groups = hamlets.assign(
        dark=dark.fillna(value=False).astype(int), special=(hamlets["difficulty"] == "special").astype(int), one=1
    ).groupby("area")[["one", "households", "population", "special", "dark"]].sum()  # fmt: skip
    rows = [
        (str(area), *(count(value) for value in row)) for area, row in zip(groups.index, groups.to_numpy(), strict=True)
    ]
    total = ("Tổng cộng", *(count(value) for value in groups.sum()))
    return [
        Heading(1, "II. ĐIỀU KIỆN TỰ NHIÊN, KINH TẾ - XÃ HỘI"), Paragraph(text),
        Table("Thôn, hộ và dân số theo địa bàn", (tables.area_title, "Số thôn", "Số hộ", "Dân số",
              "Thôn đặc biệt khó khăn", "Thôn chưa có điện lưới"), with_total(rows, total), total=True),
    ]  # fmt: skip


def _masts(tables: Tables) -> list[Block]:
    locations, stations = tables.of["locations"], tables.of["stations"]
    counts = crossed(locations, "area", "structure", CLASSES)
    rows = [
        (str(area), *map(count, row), count(sum(row)))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = ("Tổng cộng", *map(count, counts.sum()), count(len(locations)))
    shares = "; ".join(f"{code} {per_cent(value, len(locations))} %" for code, value in counts.sum().items())
    sharing = indicator(tables.of["indicators"], "BTS_SHARE_RATIO")
    new = tables.of["proposals"][tables.of["proposals"]["action"].isin(["new_mast", "new_structure_5g"])]
    text = (
        f"Có {count(len(locations))} vị trí cột ăng ten với {count(len(stations))} trạm BTS. Tỷ lệ dùng chung vị trí "
        f"là {figure(sharing['value'])} % ({count(sharing['numerator'])}/{count(sharing['denominator'])} vị trí có từ "
        "hai nhà mạng). Bản công khai không kê các công trình hạn chế công bố trong bảng, bản đồ và phụ lục; các chỉ "
        "tiêu vẫn được tính trên toàn bộ vị trí."
    )
    classes = "; ".join(label("structure", code) for code in CLASSES)
    return [
        Heading(2, "1. Cột ăng ten và dùng chung hạ tầng"), Paragraph(text),
        Table("Vị trí cột ăng ten theo địa bàn và loại cột", (tables.area_title, *CLASSES, "Tổng"),
              with_total(rows, total), total=True, note=f"Tỷ lệ: {shares}. {classes}."),
        _by_operator(locations, stations),
        Figure("Vị trí cột ăng ten theo loại cột", figures.png(figures.mast_map(locations, new, tables.communes)),
               "Bản đồ các vị trí cột ăng ten trên nền địa giới cấp xã"),
    ]  # fmt: skip


def _by_operator(locations: pd.DataFrame, stations: pd.DataFrame) -> Table:
    present = locations["operators"].map(split_list)
    several = present.map(len) > 1
    rows = []
    for code in sorted(set(stations["operator"].dropna())):
        here = present.map(lambda codes, code=code: code in codes)
        own = stations[stations["operator"] == code]
        rows.append((
            operator_names().get(code, code), count(len(own)), count(here.sum()), count((here & several).sum()),
            per_cent((here & several).sum(), here.sum()),
            count(own["technologies"].map(lambda codes: "5G" in split_list(codes)).sum()),
        ))  # fmt: skip
    heads = ("Nhà mạng", "Số trạm", "Số vị trí", "Vị trí dùng chung", "Tỷ lệ dùng chung (%)", "Trạm có 5G")
    return Table("Trạm và vị trí theo nhà mạng", heads, tuple(rows),
                 note="Một vị trí dùng chung được đếm cho từng nhà mạng trên đó.")  # fmt: skip


def _mobile(tables: Tables) -> list[Block]:
    hamlets = tables.of["hamlets"]
    counts = crossed(hamlets, "area", "mobile_state", STATES)
    rows = [
        (str(area), *map(count, row), count(sum(row)), per_cent(row[0] + row[1], sum(row[:3])))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    sums = counts.sum().to_numpy()
    total = ("Tổng cộng", *map(count, sums), count(len(hamlets)), per_cent(sums[0] + sums[1], sum(sums[:3])))
    value = indicator(tables.of["indicators"], "VILLAGE_MBB_COV")
    heads = (tables.area_title, *(label("mobile_state", state) for state in STATES), "Tổng", "Không trắng sóng (%)")
    text = (
        f"Tỷ lệ thôn được phủ sóng di động băng rộng: {figure(value['value'])} %"
        f"{_interval(value)} ({label('basis', value['basis'])}). {value['how_vi']}."
    )
    return [
        Heading(2, "2. Phủ sóng di động"), Paragraph(text),
        Table("Thôn theo trạng thái phủ sóng và địa bàn", heads, with_total(rows, total), total=True),
        Figure("Trạng thái phủ sóng di động băng rộng của các thôn",
               figures.png(figures.hamlet_map(hamlets, tables.communes)),
               "Bản đồ các thôn: phủ sóng, lõm sóng, trắng sóng, không rõ"),
    ]  # fmt: skip


def _fiber(tables: Tables) -> list[Block]:
    hamlets, routes = tables.of["hamlets"], tables.of["routes"]
    has = hamlets["ftth"].astype("boolean")
    groups = hamlets.assign(
        one=1, known=has.notna().astype(int), has=has.fillna(value=False).astype(int)
    ).groupby("area")[["one", "known", "has"]].sum()  # fmt: skip
    rows = [
        (str(row.Index), count(row.one), count(row.has), per_cent(row.has, row.known)) for row in groups.itertuples()
    ]
    sums = groups.sum()
    total = ("Tổng cộng", count(sums["one"]), count(sums["has"]), per_cent(sums["has"], sums["known"]))
    lengths = routes.groupby("operator")["length_m"].agg(["size", "sum"])
    by_owner = [
        (operator_names().get(str(owner), str(owner)), count(number), figure(length / 1000.0, 1))
        for owner, number, length in lengths.itertuples(name=None)
    ]
    all_of_it = ("Tổng cộng", count(len(routes)), figure(routes["length_m"].sum() / 1000.0, 1))
    return [
        Heading(2, "3. Mạng cáp quang"),
        Table("Tuyến cáp quang theo doanh nghiệp", ("Doanh nghiệp", "Số tuyến", "Chiều dài (km)"),
              with_total(by_owner, all_of_it), total=True),
        Table("Thôn có FTTH theo địa bàn", (tables.area_title, "Số thôn", "Thôn có FTTH", "Tỷ lệ (%)"),
              with_total(rows, total), total=True),
    ]  # fmt: skip


def _places(tables: Tables) -> list[Block]:
    places = tables.of["place_states"]
    counts = crossed(places, "kind", "state_5g", STATES)
    rows = [
        (label("kind", str(kind), "place_states"), *map(count, row), count(sum(row)))
        for kind, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = ("Tổng cộng", *map(count, counts.sum()), count(len(places)))
    heads = ("Loại địa điểm", *(label("state_5g", state) for state in STATES), "Tổng")
    return [
        Heading(2, "4. 5G tại các địa điểm trọng điểm"),
        Table("Địa điểm theo loại và trạng thái 5G", heads, with_total(rows, total), total=True),
    ]


def _service_points(tables: Tables) -> list[Block]:
    kinds = layers()["service_points"].column("kind").allowed
    points = tables.of["service_points"]
    stand = points[points["status"] == "existing"]
    counts = crossed(stand, "area", "kind", kinds)
    rows = [
        (str(area), *map(count, row), count(sum(row)))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = ("Tổng cộng", *map(count, counts.sum()), count(len(stand)))
    operators = stand["operator"].map(operator_names(), na_action="ignore").value_counts().sort_index()
    by_operator = "; ".join(f"{name} {count(number)}" for name, number in operators.items())
    planned = count(len(points) - len(stand))
    text = (
        f"Có {count(len(stand))} điểm cung cấp dịch vụ viễn thông công cộng đang hoạt động"
        f"{f' ({by_operator})' if by_operator else ''} và {planned} điểm dự kiến; danh mục tại Mẫu 2 của phụ lục."
        if len(points)
        else "Nghiên cứu không có dữ liệu về điểm cung cấp dịch vụ viễn thông công cộng."
    )
    heads = (tables.area_title, *(label("kind", kind, "service_points") for kind in kinds), "Tổng")
    shown = Table("Điểm cung cấp dịch vụ viễn thông công cộng theo địa bàn và loại", heads,
                  with_total(rows, total), total=True)  # fmt: skip
    heading = Heading(2, "5. Điểm cung cấp dịch vụ viễn thông công cộng")
    return [heading, Paragraph(text), *([shown] if rows else [])]


def _forecast(tables: Tables) -> list[Block]:
    places = tables.of["place_states"]
    groups = places.groupby("kind")[["users", "demand_mbps"]].sum()
    rows = [
        (label("kind", str(kind), "place_states"), count(users), count(demand))
        for kind, users, demand in groups.itertuples(name=None)
    ]
    total = ("Tổng cộng", count(groups["users"].sum()), count(groups["demand_mbps"].sum()))
    fixed, mobile = (indicator(tables.of["indicators"], name) for name in ("FBB_SUBS_100", "MBB_SUBS_100"))
    text = (
        f"Kế hoạch đặt mục tiêu đến 2030 {figure(mobile['target_2030'])} thuê bao băng rộng di động/100 dân (hiện "
        f"{figure(mobile['value'])}) và {figure(fixed['target_2030'])} thuê bao băng rộng cố định/100 dân (hiện "
        f"{figure(fixed['value'])}). Nhu cầu 5G giờ cao điểm tại các địa điểm là dữ liệu đầu vào của nghiên cứu; "
        "báo cáo không tự dự báo số thuê bao."
    )
    heads = ("Loại địa điểm", "Người dùng giờ cao điểm", "Nhu cầu (Mbit/s)")
    return [
        Heading(1, "IV. DỰ BÁO NHU CẦU"), Paragraph(text),
        Table("Nhu cầu giờ cao điểm tại các địa điểm", heads, with_total(rows, total), total=True),
    ]  # fmt: skip


def _indicators(tables: Tables) -> list[Block]:
    table = tables.of["indicators"]
    rows = tuple(
        (f"{row['name_vi']} ({label('indicator_unit', row['unit'])})", figure(row["value"]), figure(row["baseline"]),
         figure(row["target_2025"]), figure(row["target_2030"]), figure(row["gap_2025"]), figure(row["gap_2030"]),
         _bounds(row), label("basis", row["basis"]))
        for row in table.to_dict("records")
    )  # fmt: skip
    heads = ("Chỉ tiêu", "Hiện trạng", "Gốc", "2025", "2030", "Thiếu 2025", "Thiếu 2030", "Khoảng tin cậy", "Căn cứ")
    drawn = table[table["unit"].isin(PERCENT_UNITS) & table["value"].notna()]
    warned = table[table["warnings_vi"].fillna("") != ""]
    said = tuple(f"{row['name_vi']}: {row['warnings_vi']}" for row in warned.to_dict("records"))
    blocks: list[Block] = [
        Heading(1, "V. MỤC TIÊU VÀ CHỈ TIÊU"),
        Table("Chỉ tiêu: hiện trạng, mục tiêu và khoảng thiếu", heads, rows,
              widths=(0.27, 0.085, 0.075, 0.075, 0.075, 0.09, 0.09, 0.11, 0.13),
              note="Thiếu = mục tiêu trừ hiện trạng; số âm là đã vượt."),
    ]  # fmt: skip
    if len(drawn):
        blocks.append(Figure("Chỉ tiêu tỷ lệ so với mục tiêu", figures.png(figures.indicator_bars(drawn)),
                             "Biểu đồ thanh: hiện trạng, gốc kế hoạch, mục tiêu 2025 và 2030"))  # fmt: skip
    if said:
        blocks += [Heading(2, "Điểm cần lưu ý về chỉ tiêu"), Bullets(said)]
    return blocks


def _interval(row: pd.Series) -> str:
    return "" if pd.isna(row["interval_low"]) else f", khoảng tin cậy {_bounds(row)} %"


def _bounds(row: pd.Series | dict[str, float]) -> str:
    if pd.isna(row["interval_low"]):
        return NONE
    return f"{figure(row['interval_low'])}–{figure(row['interval_high'])}"
