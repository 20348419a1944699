"""Figures of a plan for paper: the map of hamlets, indicators against targets, costs; the colours are the map's."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from covplan.publish.words import label, number_vi
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from covplan.study.plan import Plan

STATES = ("covered", "weak", "none", "unknown")
KINDS = {"share": "#0072b2", "white_spot": "#b23a00", "place_5g": "#cc79a7", "fibre": "#5b2a86"}
SYNTHETIC = "DỮ LIỆU MÔ PHỎNG – vị trí trạm, thôn, tuyến cáp KHÔNG có thật"
BILLION = 1e9
A_THIRD = 3


def draw_hamlets(plan: Plan, hamlets: gpd.GeoDataFrame | None = None, *, title: str = "") -> Figure:
    """The province's hamlets by mobile state, with communes, scale bar and north arrow.

    Parameters
    ----------
    hamlets : GeoDataFrame, optional
        Instead of the plan's: with a column `mobile_state`, for instance under another threshold.
    """
    shown = plan.hamlets if hamlets is None else hamlets
    figure = Figure(figsize=(7.0, 9.0), layout="constrained")
    axes = figure.add_subplot()
    _communes(axes, plan)
    colours = {row["code"]: row["fill"] for row in _looks("hamlets", "mobile_state")}
    points = shown.geometry.representative_point()
    handles = []
    for state in STATES:
        of = points[(shown["mobile_state"] == state).to_numpy()]
        if of.empty:
            continue
        bold = state != "covered"
        axes.scatter(of.x, of.y, s=26 if bold else 9, color=colours[state], edgecolor="white", lw=0.3, zorder=3 + bold)
        name = f"{label('mobile_state', state)}: {number_vi(len(of))}"
        handles.append(Line2D([], [], ls="", marker="o", color=colours[state], label=name))
    _finish_map(axes, plan, title or "Trạng thái phủ sóng di động theo thôn")
    axes.legend(handles=handles, loc="upper right", frameon=True, fontsize=9)
    return figure


def draw_locations(plan: Plan) -> Figure:
    """The province's mast locations: shared ones and the others."""
    figure = Figure(figsize=(7.0, 9.0), layout="constrained")
    axes = figure.add_subplot()
    _communes(axes, plan)
    colours = {row["code"]: row["fill"] for row in _looks("locations", "shared")}
    handles = []
    for code, words in (("no", "Một nhà mạng"), ("yes", "Dùng chung")):
        of = plan.locations[plan.locations["shared"].astype(bool) == (code == "yes")]
        bold = code == "yes"
        axes.scatter(of.geometry.x, of.geometry.y, s=26 if bold else 12, color=colours[code], marker="^",
                     edgecolor="#222222", lw=0.4, zorder=3 + bold)  # fmt: skip
        handles.append(Line2D([], [], ls="", marker="^", color=colours[code], markeredgecolor="#222222",
                              label=f"{words}: {number_vi(len(of))}"))  # fmt: skip
    _finish_map(axes, plan, "Vị trí cột ăng ten")
    axes.legend(handles=handles, loc="upper right", frameon=True, fontsize=9)
    return figure


def draw_indicators(plan: Plan) -> Figure:
    """Indicators in per cent as bars, with their baseline and their targets for 2025 and 2030."""
    table = plan.indicators
    table = table[table["value"].notna() & table["unit"].str.contains("%")].iloc[::-1]
    figure = Figure(figsize=(9.0, 0.55 * len(table) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    rows = np.arange(len(table))
    axes.barh(rows, table["value"], color="#56b4e9", height=0.55, label="Hiện trạng")
    marks = {
        "baseline": ("|", "#555555", "Gốc"), "target_2025": ("D", "#e69f00", "2025"),
        "target_2030": ("*", "#b23a00", "2030"),
    }  # fmt: skip
    for column, (marker, colour, words) in marks.items():
        axes.scatter(table[column], rows, marker=marker, color=colour, s=60, label=words, zorder=3)
    for row, value in zip(rows, table["value"], strict=True):
        axes.text(min(value, 100) - 1, float(row), number_vi(value, 2), va="center", ha="right", fontsize=8)
    axes.set_yticks(rows, [_wrapped(name) for name in table["name_vi"]], fontsize=8)
    axes.set_xlim(0, 104)
    axes.set_xlabel("%")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.3, 1.0), frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _say_synthetic(axes, plan)
    return figure


def draw_curve(plan: Plan, indicator: str, parameter: str = "threshold_dbm") -> Figure:
    """An indicator over what it is counted with; the setting in force is marked."""
    curve = plan.curves.query("indicator == @indicator and parameter == @parameter").sort_values("x")
    names = plan.indicators.set_index("indicator")["name_vi"]
    figure = Figure(figsize=(7.5, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve["x"], curve["value"], color="#0072b2")
    now = curve[curve["current"]]
    axes.scatter(now["x"], now["value"], color="#b23a00", zorder=3, label="Đang dùng")
    for column, style in (("target_2025", "--"), ("target_2030", ":")):
        target = plan.indicators.set_index("indicator").at[indicator, column]
        if not math.isnan(target):
            axes.axhline(target, ls=style, color="#555555", lw=1, label=f"Mục tiêu {column[-4:]}")
    axes.set_xlabel(label("parameter", parameter))
    axes.set_ylabel("%")
    axes.set_title(_wrapped(names[indicator], 80), fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _say_synthetic(axes, plan)
    return figure


def draw_supply_curve(plan: Plan) -> Figure:
    """What the next hamlet costs, and where a satellite terminal costs less."""
    curve = plan.supply_curve
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    colours = np.where(curve["last_mile"].fillna(value=False).astype(bool), "#b23a00", "#56b4e9")
    axes.bar(curve["hamlets"].astype(int), curve["next_vnd"] / BILLION, color=colours, width=0.8)
    if len(curve):
        axes.axhline(float(curve["satellite_vnd"].iloc[0]) / BILLION, color="#333333", ls="--", lw=1)
        axes.text(0.6, float(curve["satellite_vnd"].iloc[0]) / BILLION, " một trạm vệ tinh", va="bottom", fontsize=8)
    axes.set_xlabel("Số thôn được phủ thêm, chi phí tăng dần")
    axes.set_ylabel("Chi phí của thôn tiếp theo (tỷ đồng)")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: number_vi(value, 1)))
    axes.spines[["top", "right"]].set_visible(False)
    _say_synthetic(axes, plan)
    return figure


def draw_years(plan: Plan) -> Figure:
    """Cost of the proposals by year and kind, billion VND, low to high as a line."""
    dated = plan.proposals[plan.proposals["year"].notna()]
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    years = sorted({int(year) for year in dated["year"]})
    below = np.zeros(len(years))
    for kind, colour in KINDS.items():
        of = dated[dated["kind"] == kind]
        cost = of.groupby(of["year"].astype(int))["cost_base_vnd"].sum().reindex(years, fill_value=0.0) / BILLION
        if cost.any():
            up = np.maximum(cost.to_numpy(), 0.0)
            axes.bar(years, up, bottom=below, color=colour, width=0.6, label=label("kind", kind, "proposals"))
            below += up
    total = dated.groupby(dated["year"].astype(int))[["cost_low_vnd", "cost_high_vnd"]].sum().reindex(years) / BILLION
    axes.vlines(years, total["cost_low_vnd"], total["cost_high_vnd"], color="#333333", lw=1.4, label="Thấp – cao")
    axes.set_xticks(years)
    axes.set_ylabel("Chi phí (tỷ đồng)")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _say_synthetic(axes, plan)
    return figure


def _communes(axes: Axes, plan: Plan) -> None:
    units = plan.study.communes
    units = units[units["boundary_version"] == plan.study.settings.province.boundaries]
    units.plot(ax=axes, facecolor="#fbfaf7", edgecolor="#b9b4a8", lw=0.5)
    gpd.GeoSeries([plan.study.outline]).boundary.plot(ax=axes, color="#3c3c3c", lw=1.4)


def _finish_map(axes: Axes, plan: Plan, title: str) -> None:
    """Scale bar, north, title, no frame."""
    west, south, east, north = plan.study.outline.bounds
    width_km = (east - west) / 1000.0
    length_km = next(one for one in (50, 20, 10, 5, 2, 1, 0.5) if one <= width_km / A_THIRD or one == 0.5)
    x, y = west + 0.02 * (east - west), south + 0.015 * (north - south)
    axes.plot([x, x + 1000 * length_km], [y, y], color="black", lw=3, solid_capstyle="butt")
    axes.text(x + 500 * length_km, y, f"{number_vi(length_km, 1 if length_km < 1 else 0)} km", ha="center", va="bottom")
    axes.annotate("B", (0.03, 0.97), (0.03, 0.90), xycoords="axes fraction", ha="center", fontsize=12,
                  arrowprops={"arrowstyle": "-|>", "lw": 1.5})  # fmt: skip
    axes.set_axis_off()
    axes.set_aspect("equal")
    province = plan.study.settings.province
    axes.set_title(f"{title}\n{province.name}, địa giới {province.boundaries}, {province.crs}", fontsize=10)
    _say_synthetic(axes, plan)


def _say_synthetic(axes: Axes, plan: Plan) -> None:
    if plan.study.settings.province.synthetic:
        axes.figure.supxlabel(SYNTHETIC, fontsize=7, color="#b23a00")


def _looks(layer: str, column: str) -> list[dict[str, str]]:
    return [
        row
        for row in csv.DictReader(resource_text("map.csv").splitlines())
        if (row["layer"], row["column"]) == (layer, column)
    ]


def _wrapped(text: str, width: int = 44) -> str:
    """Words broken into lines."""
    lines = [""]
    for word in text.split():
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < width else [*lines, word]
    return "\n".join(lines)
