"""A page per hamlet (phiếu thôn), as replies to voters are written: state, cause, plan, money.

Text from data enters the page through the template, which escapes all of it.
"""

from __future__ import annotations

import base64
import io
import math
import unicodedata
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from covplan.publish.office import BILLION, SYNTHETIC
from covplan.publish.profiles import draw_profile
from covplan.publish.public import public_explanation, public_plan
from covplan.publish.words import label, operator_names, shown
from covplan.study.errors import OutputError
from covplan.study.files import written_whole
from covplan.study.geometry import distance_m
from covplan.study.layers import layers
from covplan.study.numbers import number_vi
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.links import ExplainedLink, Explanation
    from covplan.study.plan import Plan

FACTS = (
    "households", "population", "grid_power", "difficulty", "mobile_state", "declared_state", "basis", "rsrp_dbm",
    "probability", "throughput_mbps", "covered_share", "indoor_share", "operators", "mobile_5g", "share_5g", "ftth",
    "ftth_households",
)  # fmt: skip
AS_PER_CENT = {"probability", "covered_share", "indoor_share", "share_5g"}


def sheet_html(plan: Plan, village_id: str, explained: Explanation | None = None) -> str:
    """The page of one hamlet; `explained` holds its links (`covplan.explain_link`), and may be left out."""
    explained = public_explanation(explained, plan.study) if explained else None
    plan = public_plan(plan)
    rows = plan.hamlets[plan.hamlets["village_id"] == village_id]
    if rows.empty:
        raise OutputError(f"hamlet {village_id!r}: not in the plan. `covplan explain` finds ids by name.")
    hamlet = rows.iloc[0]
    study = plan.study
    place = ", ".join(str(hamlet[name]) for name in ("commune", "district") if pd.notna(hamlet[name]))
    proposals = _proposals(plan, village_id)
    page = _template().render(
        heading=f"PHIẾU THÔN: {hamlet['name']}",
        where=f"{place}. {study.settings.province.name}. Mã thôn {village_id}. "
        f"Địa giới {hamlet['boundary_version']} ({label('boundary_version', hamlet['boundary_version'])}).",
        synthetic=SYNTHETIC if study.settings.province.synthetic else "",
        facts=[*_facts(hamlet), *_nearest(plan, hamlet)],
        links=_links(explained),
        cause=_cause(hamlet, explained),
        profile=_profile(explained, study.settings.province.synthetic),
        proposals=proposals,
        no_proposals="Chưa có đề xuất cho thôn này."
        if hamlet["mobile_state"] in ("none", "weak")
        else "Thôn đã có sóng; không cần đề xuất về phủ sóng.",
        funding=_funding(hamlet, proposals),
        method=_method(plan),
    )
    return unicodedata.normalize("NFC", page)


def write_sheet(plan: Plan, village_id: str, path: Path, explained: Explanation | None = None) -> Path:
    """Write the page of one hamlet, whole or not at all."""
    page = sheet_html(plan, village_id, explained)
    with written_whole(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(resource_text("web", "sheet.html"))


def _facts(hamlet: pd.Series) -> list[tuple[str, str]]:
    columns = {column.name: column for column in layers()["hamlets"].columns}
    found = []
    for name in FACTS:
        if name not in hamlet or pd.isna(hamlet[name]) or hamlet[name] == "":
            continue
        value = hamlet[name]
        text = f"{number_vi(100 * value, 1)} %" if name in AS_PER_CENT else shown(columns[name], value, "hamlets")
        found.append((columns[name].title_vi, text))
    return found


def _nearest(plan: Plan, hamlet: pd.Series) -> list[tuple[str, str]]:
    """Distance to the nearest location and to the nearest fiber node, straight on the ellipsoid."""
    found = []
    if pd.notna(hamlet["nearest_location_m"]):
        km = number_vi(hamlet["nearest_location_m"] / 1000.0, 2)
        found.append(("Vị trí cột gần nhất", f"{hamlet['nearest_location_id']}, cách {km} km"))
    nodes = plan.study.nodes
    if len(nodes) and pd.notna(hamlet["centre_lon"]):
        lonlat = nodes.geometry.to_crs(4326)
        away = pd.Series(
            distance_m([hamlet["centre_lon"]] * len(nodes), [hamlet["centre_lat"]] * len(nodes), lonlat.x, lonlat.y)
        )
        node = nodes.iloc[int(away.to_numpy().argmin())]
        km = number_vi(away.min() / 1000.0, 2)
        found.append(("Nút quang gần nhất", f"{node['kind']} {node['node_id']}, cách {km} km (đường thẳng)"))
    return found


def _links(explained: Explanation | None) -> list[dict[str, Any]]:
    if explained is None:
        return []
    rows = [
        {
            "operator": operator_names().get(link.operator, link.operator),
            "station": link.cell_id,
            "nearest": link.nearest,
            "distance": f"{number_vi(link.length_m / 1000.0, 2)} km",
            "rsrp": "–" if math.isinf(link.rsrp_dbm) else f"{number_vi(link.rsrp_dbm, 1)} dBm",
            "verdict": link.verdict_vi,
        }
        for link in explained.links
    ]
    return rows + [
        {
            "operator": operator_names().get(none.operator, none.operator),
            "station": none.station_id,
            "nearest": bool(none.station_id),
            "distance": "" if math.isnan(none.length_m) else f"{number_vi(none.length_m / 1000.0, 2)} km",
            "rsrp": "–",
            "verdict": none.verdict_vi,
        }
        for none in explained.missing
    ]


def _best(explained: Explanation | None) -> ExplainedLink | None:
    best = explained.best if explained else ()
    return max(best, key=lambda link: link.rsrp_dbm, default=None)


def _cause(hamlet: pd.Series, explained: Explanation | None) -> str:
    link = _best(explained)
    if hamlet["mobile_state"] == "covered":
        return "Thôn có sóng tại trung tâm và tại các cụm dân cư."
    if hamlet["mobile_state"] == "weak":
        return "Trung tâm thôn có sóng, nhưng có cụm dân cư chưa đạt ngưỡng (lõm sóng)."
    if hamlet["mobile_state"] == "unknown":
        return "Chưa đủ dữ liệu để xác định trạng thái."
    return link.verdict_vi if link else "Không có trạm nào trong bán kính tính toán."


def _profile(explained: Explanation | None, synthetic: bool) -> str:
    link = _best(explained)
    if explained is None or link is None:
        return ""
    figure = draw_profile(link, place=explained.place, synthetic=synthetic)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return base64.b64encode(picture.getvalue()).decode("ascii")


def _proposals(plan: Plan, village_id: str) -> list[dict[str, str]]:
    table = plan.proposals
    gains = table["gains"].fillna("").map(lambda ids: village_id in str(ids).split(";"))
    mine = table[gains | (table["village_id"] == village_id)]
    return [
        {
            "title": str(row["title_vi"]),
            "year": "" if pd.isna(row["year"]) else f"{int(row['year'])}",
            "cost": f"{number_vi(row['cost_base_vnd'] / BILLION, 2)} tỷ đồng",
            "funding": "" if pd.isna(row["funding"]) else label("funding", str(row["funding"])),
            "reason": str(row["reason_vi"]),
        }
        for row in mine.to_dict("records")
    ]


def _funding(hamlet: pd.Series, proposals: list[dict[str, str]]) -> str:
    said = sorted({row["funding"] for row in proposals} - {""})
    if said:
        return "; ".join(said) + "."
    if hamlet["difficulty"] == "special" and hamlet["grid_power"] is True:
        return "Thôn đặc biệt khó khăn có điện lưới: thuộc diện xét Quỹ Dịch vụ viễn thông công ích (cần xác nhận)."
    return "Vốn doanh nghiệp viễn thông (cần xác nhận)."


def _method(plan: Plan) -> str:
    settings = plan.study.settings
    definition = settings.definition
    radio = settings.radio[definition.technology]
    return (
        f"Trạng thái: {definition.title_vi}. Công nghệ {definition.technology}, ngưỡng RSRP "
        f"{number_vi(radio.rsrp_threshold_dbm, 1)} dBm với xác suất {number_vi(100 * radio.confidence)} %. "
        "Mô hình truyền sóng ITU-R P.1812-7 trên địa hình của nghiên cứu. "
        "Khoảng cách tính trên elipxoit. Lập bằng covplan."
    )
