"""Annexes of what stands today: Mẫu 1 to 4 of the passive-infrastructure plan, fiber routes, hamlets, indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import addresses
from covplan.publish.annexes.annex import COORDINATES, PLACE, Annex, Field
from covplan.publish.words import label, operator_names
from covplan.study.columns import split_list
from covplan.study.layers import layers
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from covplan.study.folder import Study

LAYOUT = (
    "Bố cục theo các mẫu của quy hoạch hạ tầng kỹ thuật viễn thông thụ động (TT 14/2013/TT-BTTTT); "
    "tên cột cần đối chiếu với văn bản gốc và hướng dẫn hiện hành trước khi trình."
)
DUTY = (
    "Nghĩa vụ dùng chung: Luật Viễn thông 24/2023/QH15 (Điều 13 khoản 4 điểm b, cần đối chiếu bản gốc), "
    "khi phù hợp quy hoạch và khả thi về kinh tế, kỹ thuật."
)
STATES = ("none", "weak", "unknown", "covered")  # the order of the list: what needs work first
KEPT_APART = "Danh mục được lập thành phụ lục riêng, không kèm theo bản này."
NO_SERVICE_POINTS = (
    "Nghiên cứu không có điểm cung cấp dịch vụ viễn thông công cộng nào (service_points.csv); biểu để trống."
)
YES, NO = "Có", "Không"


def critical_works(stations: pd.DataFrame, study: Study, *, include_restricted: bool) -> Annex:
    """Mẫu 1; its rows leave only by explicit choice."""
    rows = stations[stations["restricted"].fillna(value=False).astype(bool)]
    if include_restricted:
        rows = rows.sort_values("station_id")
        table = rows.assign(
            **addresses(rows.geometry, study).drop(columns=["lon", "lat"]),
            owner=rows["owner"].fillna(rows["operator"].map(_operator)),
            kind=rows["structure"].map(lambda code: f"Cột ăng ten {code}"),
            year=pd.to_datetime(rows["on_air"]).dt.year,
        )
        notes: tuple[str, ...] = (LAYOUT, "Hạn chế công bố: quản lý theo quy định về bảo vệ bí mật nhà nước.")
    else:
        table, notes = rows.iloc[:0].assign(kind=None, year=None), (LAYOUT, KEPT_APART)
    fields = (
        Field("station_id", "Mã công trình", width=18), Field("name", "Tên công trình", width=28),
        Field("hamlet", "Địa chỉ (thôn, tổ dân phố)", width=22), *PLACE,
        Field("owner", "Chủ sở hữu", width=14), Field("kind", "Loại công trình", width=18),
        Field("year", "Năm đưa vào sử dụng", "year", 9), *COORDINATES,
    )  # fmt: skip
    return Annex("Mẫu 1", "Công trình viễn thông quan trọng liên quan đến an ninh quốc gia", table, fields, notes)


def service_points(points: pd.DataFrame, study: Study) -> Annex:
    """Mẫu 2: public telecom service points, attended and unattended, those that stand before those to come."""
    rows = points.sort_values(["status", "point_id"])
    table = rows.assign(
        **(addresses(rows.geometry, study) if len(rows) else _nowhere(rows)),
        operator=rows["operator"].map(_operator, na_action="ignore"),
        use=rows["land_use"].map(lambda code: label("land_use", code), na_action="ignore"),
        state=rows["status"].map(lambda code: label("status", code)),
    )  # fmt: skip
    fields = (
        Field("point_id", "Mã điểm", width=13), Field("name", "Tên điểm cung cấp dịch vụ", width=28),
        Field("address", "Địa chỉ", width=16), Field("hamlet", "Thôn, tổ dân phố", width=15), *PLACE,
        Field("kind", "Loại (Đ1, Đ2)", width=7), Field("operator", "Doanh nghiệp", width=13),
        Field("land_area_m2", "Diện tích đất (m²)", "tenths", 9), Field("use", "Hình thức sử dụng đất", width=11),
        Field("building_area_m2", "Diện tích xây dựng (m²)", "tenths", 9),
        Field("floor_area_m2", "Diện tích sàn (m²)", "tenths", 9), Field("height_m", "Chiều cao (m)", "tenths", 7),
        Field("opened_year", "Năm đưa vào sử dụng", "year", 8), Field("state", "Tình trạng", width=9), *COORDINATES,
    )  # fmt: skip
    kinds = "; ".join(
        label("kind", code, "service_points") for code in layers()["service_points"].column("kind").allowed
    )
    notes = (LAYOUT, f"Loại điểm: {kinds}." if len(rows) else NO_SERVICE_POINTS)
    return Annex("Mẫu 2", "Điểm cung cấp dịch vụ viễn thông công cộng", table, fields, notes)


def cable_works(routes: pd.DataFrame, study: Study) -> Annex:
    """Mẫu 3: cable poles and underground works by commune, type and owner."""
    where = addresses(routes.geometry, study) if len(routes) else _nowhere(routes)
    groups = ["district_old", "commune_old", "commune_new", "mounting", "operator"]
    table = (
        routes.drop(columns="geometry").assign(**where)
        .groupby(groups, dropna=False)
        .agg(routes=("route_id", "size"), length_m=("length_m", "sum"), cores=("cores", "sum"),
             spare=("spare_cores", "sum"))
        .reset_index()
    )  # fmt: skip
    table = table.assign(
        operator=table["operator"].map(_operator), mounting=table["mounting"].map(lambda code: label("mounting", code)),
        length_km=table["length_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        *PLACE, Field("mounting", "Loại (N1, N2, C1, C2)", width=30), Field("operator", "Chủ sở hữu", width=16),
        Field("routes", "Số tuyến", "count", 9, summed=True),
        Field("length_km", "Chiều dài (km)", "number", 12, summed=True),
        Field("cores", "Tổng số sợi", "count", 10), Field("spare", "Sợi dự phòng", "count", 10),
    )  # fmt: skip
    notes = (LAYOUT, "Tuyến được tính vào xã chứa điểm giữa tuyến; chiều dài trên elipxoit. Từng tuyến: tờ Tuyến cáp.")
    title = "Công trình hạ tầng kỹ thuật ngầm, cột treo cáp theo khu vực"
    return Annex("Mẫu 3", title, table, fields, notes)


def masts(locations: pd.DataFrame, study: Study) -> Annex:
    """Mẫu 4: the antenna masts that stand, one row per location."""
    rows = locations.sort_values("location_id")
    operators = rows["operators"].map(split_list)
    table = rows.assign(
        **addresses(rows.geometry, study),
        tenants=operators.map(lambda codes: ", ".join(map(_operator, codes))),
        tenants_count=operators.map(len),
        is_shared=rows["shared"].map({True: YES, False: NO}),
        duty=[_room(most, len(codes)) for most, codes in zip(rows["max_tenants"], operators, strict=True)],
        year=pd.to_datetime(rows["first_on_air"]).dt.year,
        technologies=rows["technologies"].str.replace(";", ", "),
    )
    fields = (
        Field("location_id", "Mã vị trí", width=13), Field("hamlet", "Địa điểm (thôn, tổ dân phố)", width=16), *PLACE,
        *COORDINATES, Field("structure", "Loại cột", width=7), Field("height_m", "Độ cao tối đa (m)", "tenths", 7),
        Field("owner", "Chủ sở hữu", width=13), Field("is_shared", "Dùng chung", width=8),
        Field("tenants_count", "Số doanh nghiệp", "count", 8), Field("tenants", "Doanh nghiệp trên cột", width=17),
        Field("duty", "Khả năng, nghĩa vụ dùng chung", width=17), Field("technologies", "Công nghệ", width=11),
        Field("year", "Năm sử dụng", "year", 8),
    )  # fmt: skip
    codes = "; ".join(label("structure", code) for code in ("A1a", "A1b", "A2a", "A2b", "A2c"))
    notes = (LAYOUT, DUTY, f"Loại cột: {codes}. Diện tích đất không có trong dữ liệu.")
    return Annex("Mẫu 4", "Cột ăng ten hiện có", table, fields, notes)


def fiber_routes(routes: pd.DataFrame, study: Study) -> Annex:
    """Every cable route."""
    rows = routes.sort_values("route_id")
    table = rows.assign(
        **(addresses(rows.geometry, study) if len(rows) else _nowhere(rows)), operator=rows["operator"].map(_operator),
        mounting=rows["mounting"].map(lambda code: label("mounting", code)),
        grade=rows["class"].map(lambda code: label("class", code, "routes")), length_km=rows["length_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        Field("route_id", "Mã tuyến", width=20), *PLACE, Field("operator", "Doanh nghiệp", width=16),
        Field("grade", "Cấp tuyến", width=16), Field("mounting", "Kiểu lắp đặt", width=30),
        Field("cores", "Số sợi", "count", 8), Field("spare_cores", "Sợi dự phòng", "count", 8),
        Field("length_km", "Chiều dài (km)", "number", 11, summed=True), *COORDINATES,
    )  # fmt: skip
    note = "Xã và tọa độ là của điểm giữa tuyến; hình tuyến nằm trong GeoPackage (ht_tuyen_cap)."
    return Annex("Tuyến cáp", "Tuyến cáp quang hiện có", table, fields, (note,))


def hamlets(table: pd.DataFrame, study: Study) -> Annex:
    """Hamlets by state, those without signal first."""
    order = {state: rank for rank, state in enumerate(STATES)}
    rows = table.assign(rank=table["mobile_state"].map(order)).sort_values(["rank", "village_id"])
    centres = rows.geometry
    shown = rows.assign(
        **addresses(centres, study).drop(columns=["hamlet", "north_m", "east_m", "lon", "lat"]),
        state=rows["mobile_state"].map(lambda code: label("mobile_state", code)),
        state_basis=rows["basis"].map(lambda code: label("basis", code)),
        has_5g=_yes_no(rows["mobile_5g"]), has_ftth=_yes_no(rows["ftth"]), power=_yes_no(rows["grid_power"]),
        hard=rows["difficulty"].map(lambda code: label("difficulty", code), na_action="ignore"),
        reached_pct=100.0 * rows["covered_share"],
        names=rows["operators"].map(lambda codes: ", ".join(map(_operator, split_list(codes)))),
        away_km=rows["nearest_location_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        Field("village_id", "Mã thôn", width=14), Field("name", "Thôn, bản, tổ dân phố", width=24), *PLACE,
        Field("households", "Số hộ", "count", 8, summed=True), Field("population", "Dân số", "count", 9, summed=True),
        Field("state", "Trạng thái sóng", width=11), Field("state_basis", "Căn cứ", width=10),
        Field("reached_pct", "Hộ được phủ (%)", "tenths", 8), Field("names", "Nhà mạng có sóng", width=18),
        Field("has_5g", "5G", width=7), Field("has_ftth", "FTTH", width=7), Field("power", "Điện lưới", width=7),
        Field("hard", "Mức độ khó khăn", width=14), Field("away_km", "Cách vị trí cột gần nhất (km)", "number", 9),
        Field("centre_lon", "Kinh độ trung tâm (°)", "degrees", 11.5),
        Field("centre_lat", "Vĩ độ trung tâm (°)", "degrees", 10.5),
    )  # fmt: skip
    counts = "; ".join(
        f"{label('mobile_state', state).lower()}: {number_vi((table['mobile_state'] == state).sum())} thôn"
        for state in STATES
    )
    definition = study.settings.definition.title_vi
    return Annex("Thôn", "Thôn, bản, tổ dân phố theo trạng thái phủ sóng", shown, fields, (definition, f"{counts}."))


def indicators(table: pd.DataFrame) -> Annex:
    """The indicators with baseline, targets, gap and how each was computed."""
    shown = table.assign(
        said_unit=table["unit"].map(lambda unit: label("indicator_unit", unit), na_action="ignore"),
        said_basis=table["basis"].map(lambda code: label("basis", code)),
    )
    fields = (
        Field("name_vi", "Chỉ tiêu", width=32), Field("said_unit", "Đơn vị", width=10),
        Field("value", "Hiện trạng", "number", 10), Field("interval_low", "Khoảng tin cậy, thấp", "number", 9),
        Field("interval_high", "Khoảng tin cậy, cao", "number", 9), Field("baseline", "Gốc kế hoạch", "number", 9),
        Field("target_2025", "Mục tiêu 2025", "number", 9), Field("target_2030", "Mục tiêu 2030", "number", 9),
        Field("gap_2025", "Thiếu so với 2025", "number", 9), Field("gap_2030", "Thiếu so với 2030", "number", 9),
        Field("numerator", "Tử số", "count", 10), Field("denominator", "Mẫu số", "count", 10),
        Field("counted", "Đơn vị đếm", width=8), Field("unknown", "Không rõ", "count", 8),
        Field("said_basis", "Căn cứ", width=12), Field("how_vi", "Cách tính", width=36),
        Field("warnings_vi", "Cảnh báo", width=34),
    )  # fmt: skip
    return Annex("Chỉ tiêu", "Chỉ tiêu kế hoạch: hiện trạng, mục tiêu, khoảng thiếu", shown, fields)


def _room(most: object, tenants: int) -> str:
    if pd.isna(most):
        return "Chưa rõ sức chứa; cần khảo sát"
    free = int(str(most)) - tenants
    return f"Còn chỗ cho {free} doanh nghiệp" if free > 0 else "Đã đủ số doanh nghiệp"


def _operator(code: object) -> str:
    return operator_names().get(str(code), str(code))


def _yes_no(column: pd.Series) -> pd.Series:
    return column.map({True: YES, False: NO})


def _nowhere(rows: pd.DataFrame) -> pd.DataFrame:
    names = ["hamlet", "commune_old", "district_old", "commune_new", "north_m", "east_m", "lon", "lat"]
    return pd.DataFrame(columns=names, index=rows.index, dtype="object")
