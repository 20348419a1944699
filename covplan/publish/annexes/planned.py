"""Annexes of what is proposed: shared locations, new locations, 5G, signal for dark hamlets, fiber, phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import addresses
from covplan.publish.annexes.annex import COORDINATES, COST, PLACE, Annex, Field
from covplan.publish.annexes.existing import DUTY
from covplan.publish.words import label, operator_names
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from covplan.study.folder import Study

NEW_STRUCTURES = ("new_mast", "new_structure_5g")
NOT_PHASED = "chưa phân kỳ"
MONEY = (
    "Chi phí thấp, cơ sở, cao là vốn đầu tư một lần theo đơn giá của nghiên cứu; số âm là tiết kiệm. "
    "Một đề xuất có thể nằm ở hai phụ lục: không cộng chi phí giữa các phụ lục."
)
NOTHING_PROPOSED = "Kế hoạch chưa có đề xuất: chạy `covplan propose` trước khi lập phụ lục."
ID, OPERATOR = Field("proposal_id", "Mã đề xuất", width=8), Field("who", "Doanh nghiệp", width=13)
MAST = (
    Field("structure", "Loại cột", width=6), Field("height_m", "Độ cao tối đa (m)", "tenths", 7),
    Field("antenna_height_m", "Độ cao anten (m)", "tenths", 7),
)  # fmt: skip
PHASE = (Field("phase", "Giai đoạn, năm", width=7), *COST, Field("money", "Nguồn vốn", width=12))
RUNNING = Field("opex_vnd_per_year", "Chi phí hằng năm (triệu đồng)", "million", 11, summed=True)
DUTY_FIELD = Field("duty", "Nghĩa vụ dùng chung", width=9)


def planned(proposals: pd.DataFrame, study: Study) -> tuple[Annex, ...]:
    """The annexes of the proposals, each with its rows or none."""
    rows = _shown(proposals, study)
    notes = (MONEY,) if len(proposals) else (NOTHING_PROPOSED,)
    elsewhere = rows["location_id"].isna() & ~rows["geometry"].isna() & ~rows["kind"].isin(["fiber", "share"])
    new = rows["action"].isin(NEW_STRUCTURES) | elsewhere
    where = (Field("hamlet", "Địa điểm (thôn, tổ dân phố)", width=14), *PLACE, *COORDINATES)
    gains = (Field("gains_count", "Số đối tượng được lợi", "count", 7),)
    homes = Field("households", "Số hộ được lợi", "count", 7, summed=True)
    location = Field("location_id", "Mã vị trí", width=13)
    return (
        Annex(
            "Dùng chung", "Vị trí dùng chung hạ tầng", rows[rows["kind"] == "share"],
            (ID, OPERATOR, Field("from_location_id", "Vị trí rời đi", width=13),
             Field("location_id", "Vị trí dùng chung", width=13), *where, *MAST, DUTY_FIELD, *PHASE, RUNNING),
            (*notes, DUTY),
        ),
        Annex(
            "Vị trí mới", "Vị trí xây dựng mới", rows[new],
            (ID, Field("said_action", "Công trình", width=14), OPERATOR, *where, *MAST, DUTY_FIELD, *gains, homes,
             *PHASE),
            (*notes, DUTY, f"Trần độ cao theo quy định của nghiên cứu: {_ceilings(study)}."),
        ),
        Annex(
            "5G", "Vị trí lắp đặt 5G", rows[rows["kind"] == "place_5g"],
            (ID, Field("said_action", "Hành động", width=14), OPERATOR, location, *where, *MAST,
             Field("said_bands", "Băng tần", width=10), *gains, *PHASE),
            notes,
        ),
        Annex(
            "Vùng trắng sóng", "Công trình xoá vùng trắng sóng, lõm sóng", rows[rows["kind"] == "white_spot"],
            (ID, Field("said_action", "Hành động", width=14), OPERATOR, location, *where, *MAST,
             Field("said_bands", "Băng tần", width=10), *gains, homes, *PHASE),
            notes,
        ),
        Annex(
            "Cáp đề xuất", "Tuyến cáp quang đề xuất", rows[rows["kind"] == "fiber"],
            (ID, Field("said_action", "Hành động", width=14), OPERATOR, *where,
             Field("length_km", "Chiều dài (km)", "number", 10, summed=True), *gains, homes, *PHASE),
            notes,
        ),
        Annex(
            "Lý do", "Lý do của từng đề xuất", rows,
            (ID, Field("title_vi", "Đề xuất", width=40), *PHASE[:-1], Field("reason_vi", "Lý do", width=80),
             Field("certain_pct", "Độ chắc chắn (%)", "tenths", 8), Field("gap_pct", "Cách tối ưu (%)", "number", 8)),
            (*notes, "Độ chắc chắn: tỷ lệ kịch bản chi phí mà đề xuất vẫn được chọn. "
             "Cách tối ưu: khoảng cách tối đa đến phương án rẻ nhất đã chứng minh; 0 là tối ưu."),
        ),
    )  # fmt: skip


def _shown(proposals: pd.DataFrame, study: Study) -> pd.DataFrame:
    rows = proposals.sort_values(["year", "proposal_id"])
    return rows.drop(columns=["lon", "lat"]).assign(
        **addresses(rows.geometry, study),
        who=rows["operator"].map(lambda code: operator_names().get(str(code), str(code)), na_action="ignore"),
        said_action=rows["action"].map(lambda code: label("action", code)),
        said_bands=rows["bands"].map(lambda codes: ", ".join(label("bands", code) for code in split_list(codes))),
        money=rows["funding"].map(lambda code: label("funding", code), na_action="ignore"),
        phase=rows["year"].map(lambda year: NOT_PHASED if pd.isna(year) else str(int(year))),
        length_km=rows["length_m"] / 1000.0,
        certain_pct=100.0 * rows["confidence"],
        gap_pct=100.0 * rows["gap"],
        duty="Có, khi khả thi",
    )


def _ceilings(study: Study) -> str:
    words = {"urban": "đô thị", "rural": "nông thôn"}
    rules = [rule for rule in study.settings.rules if rule.rule == "max_height"]
    said = [f"{words.get(rule.area, rule.area)} {rule.value:g} m ({rule.source})" for rule in rules]
    return "; ".join(said) or "không có"
