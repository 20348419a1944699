"""The texts around the map: title, main indicators against their targets, provenance; all escaped."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.words import NO_BREAK, label, program
from covplan.study.layers import layers
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from covplan.study.plan import Plan

MAIN_INDICATORS = ("VILLAGE_MBB_COV", "VILLAGE_FTTH_COV", "FTTH_HH", "BTS_SHARE_RATIO")
SYNTHETIC_BANNER = "Dữ liệu mô phỏng – vị trí trạm, thôn, tuyến cáp KHÔNG có thật"
NORTH = (
    '<svg width="18" height="22" viewBox="0 0 18 22" role="img" aria-label="Hướng bắc">'
    '<path d="M9 1 L16 21 L9 16 Z" fill="#222"/><path d="M9 1 L2 21 L9 16 Z" fill="#fff" stroke="#222"/></svg>B'
)


def safe_text(value: str) -> str:
    """Text for a page: the only way from data into HTML."""
    return html.escape(unicodedata.normalize("NFC", value))


def safe_json(value: object) -> str:
    """JSON that can stand in a script element and in a template.

    Folium renders what it has rendered once more as a template: without care, {{ }} in a name would be run. In JSON
    a brace is followed by a quote or a brace that closes, so {{, {% and {# are always text.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r"\{(?=[{%#])", r"\\u007b", text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def furniture(plan: Plan) -> dict[str, str]:
    """The texts around the map, as HTML."""
    return {
        "banner": safe_text(SYNTHETIC_BANNER) if plan.study.settings.province.synthetic else "",
        "north": NORTH,
        "box": _title(plan) + _indicator_table(plan.indicators),
        "provenance": _provenance(plan),
    }


def _title(plan: Plan) -> str:
    province = plan.study.settings.province
    version = f"{province.boundaries} ({label('boundary_version', province.boundaries)})"
    return f"<h1>{safe_text(province.name)}: hạ tầng viễn thông</h1><p>Địa giới {safe_text(version)}</p>"


def _indicator_table(indicators: pd.DataFrame) -> str:
    """The main indicators with their targets, in a block that can be folded."""
    titles = {column.name: column.title_vi for column in layers()["indicators"].columns}
    figures = ["value", "target_2025", "target_2030"]
    heads = "".join(f"<th>{safe_text(titles[name])}</th>" for name in figures)
    known = indicators.set_index("indicator")
    rows = "".join(_indicator_row(known.loc[name]) for name in MAIN_INDICATORS if name in known.index)
    return (
        f"<details open><summary>{safe_text('Chỉ tiêu chính')}</summary><table><tr>{heads}</tr>{rows}</table></details>"
    )


def _indicator_row(row: pd.Series) -> str:
    def figure(name: str) -> str:
        if pd.isna(row[name]):
            return "–"
        return f"{number_vi(row[name], 2)}{NO_BREAK}{label('indicator_unit', str(row['unit']))}"

    counted = ""
    if not pd.isna(row["denominator"]):
        counted = f"{number_vi(row['numerator'])}/{number_vi(row['denominator'])} {row['counted']}"
    targets = "".join(
        f'<td class="{_met(row["value"], row[f"target_{year}"])}">{safe_text(figure(f"target_{year}"))}</td>'
        for year in (2025, 2030)
    )
    return (
        f'<tr class="name"><td colspan="3" title="{safe_text(str(row["how_vi"]))}">{safe_text(str(row["name_vi"]))}'
        f" <small>({safe_text(counted)})</small></td></tr><tr><td>{safe_text(figure('value'))}</td>{targets}</tr>"
    )


def _met(value: float, target: float) -> str:
    if pd.isna(value) or pd.isna(target):
        return ""
    return "met" if value >= target else "short"


def _provenance(plan: Plan) -> str:
    bases = ", ".join(label("basis", basis) for basis in sorted(set(plan.hamlets["basis"])))
    province = plan.study.settings.province
    counts = f"{number_vi(len(plan.hamlets))} thôn, {number_vi(len(plan.locations))} vị trí cột"
    said = f"Nghiên cứu {province.name} ({counts}; {province.crs}) · căn cứ: {bases}"
    return safe_text(" · ".join([said, *_reliability(plan), program()]))


def _reliability(plan: Plan) -> list[str]:
    """How far the computed map agrees with what is known: share confirmed and its interval."""
    whole = plan.reliability[(plan.reliability["n"] > 0) & plan.reliability["operator"].isin(["", "all"])]
    return [
        f"{label('against', row.against)} {row.technology}: {number_vi(row.met)}/{number_vi(row.n)} đúng "
        f"(Wilson 95{NO_BREAK}%: {number_vi(100 * row.low, 1)}–{number_vi(100 * row.high, 1)}{NO_BREAK}%)".replace(
            " :", ":"
        )
        for row in whole.itertuples()
    ]
