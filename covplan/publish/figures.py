"""Figures for paper and notebook: maps of hamlets and masts, indicators against targets, curves, costs.

Each gives a matplotlib Figure in a language; `png` turns it into the bytes of a picture.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import geopandas as gpd
from matplotlib.figure import Figure

from covplan.publish.map_layers import looks
from covplan.publish.words import class_of_structure, label, tick_labels
from covplan.study.boundaries import boundaries_note
from covplan.study.kinds import FIBER, PLACE_5G, SHARE, WHITE_SPOT, kind_title
from covplan.study.language import BILLION, N_, _, by_language, ngettext, number, speaking
from covplan.study.synthetic import synthetic_notice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from covplan.study.language import Language

DPI = 150
WIDTH_IN, MAP_IN = 6.3, 4.1  # the first is that of the text: A4 less its margins
CLASS_COLOURS = {
    "A1a": "#9c6ade",
    "A1b": "#e377c2",
    "A2a": "#f2a541",
    "A2b": "#2a6f97",
    "A2c": "#555555",
    "unknown": "#a8a8a8",
}
KIND_COLOURS = {WHITE_SPOT: "#c1121f", PLACE_5G: "#7b2cbf", SHARE: "#2a6f97", FIBER: "#4c9f70"}
NOT_PHASED = N_("not phased")
GOALS = (
    ("baseline", "o", "#f2a541", N_("Baseline of the plan")), ("target_2025", "|", "#c1121f", N_("Target 2025")),
    ("target_2030", "D", "#4c9f70", N_("Target 2030")),
)  # fmt: skip
BORDER, FAINT = "#9aa5b1", "#e3e8ee"


def hamlet_map(hamlets: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, *, language: Language | None = None) -> Figure:
    """Hamlets by state; those without signal on top."""
    figure, axes = _map(communes)
    centres = hamlets.geometry.representative_point()
    colours = looks()["hamlets"]["mobile_state"]  # the map's
    with speaking(language):
        for state in ("covered", "unknown", "weak", "none"):
            chosen = centres[(hamlets["mobile_state"] == state).fillna(value=False)]
            if len(chosen):
                said = ngettext("{state} ({hamlets} hamlet)", "{state} ({hamlets} hamlets)", len(chosen))
                named = said.format(state=label("mobile_state", state), hamlets=number(len(chosen)))
                size = 26 if state == "none" else 14 if state == "weak" else 7
                axes.scatter(
                    chosen.x, chosen.y, s=size, color=colours[state]["fillColor"], label=named, lw=0.2, ec="white"
                )
        return _finished_map(figure, axes)


def mast_map(
    locations: gpd.GeoDataFrame,
    proposals: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    *,
    language: Language | None = None,
) -> Figure:
    """Locations by class of the structure, shared ones ringed, proposed new structures as stars."""
    figure, axes = _map(communes)
    with speaking(language):
        for code, colour in CLASS_COLOURS.items():
            chosen = locations[locations["structure"] == code]
            if len(chosen):
                points, named = chosen.geometry, class_of_structure(code)
                axes.scatter(points.x, points.y, s=7, color=colour, label=f"{named} ({number(len(chosen))})", lw=0)
        shared = locations[locations["shared"].astype("boolean").fillna(value=False)].geometry
        if len(shared):
            named = _("Shared ({masts})").format(masts=number(len(shared)))
            axes.scatter(shared.x, shared.y, s=26, facecolors="none", ec="black", lw=0.6, label=named)
        if len(proposals):
            new = proposals.geometry.representative_point()
            named = _("Proposed new ({masts})").format(masts=number(len(new)))
            axes.scatter(new.x, new.y, s=45, marker="*", color="#c1121f", ec="white", lw=0.3, label=named)
        return _finished_map(figure, axes)


def indicator_bars(table: pd.DataFrame, *, language: Language | None = None) -> Figure:
    """Indicators in per cent: where they stand, where the plan began, where it wants to be."""
    figure = Figure(figsize=(WIDTH_IN, 0.62 * len(table) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    places = list(range(len(table)))
    with speaking(language):
        axes.barh(places, table["value"], color="#2a6f97", height=0.55, label=_("Today"))
        for column, marker, colour, named in GOALS:
            size = 220 if marker == "|" else 24
            axes.scatter(table[column], places, marker=marker, color=colour, s=size, zorder=3, label=_(named))
        _bar_figures(axes, table)
        names = table[by_language("name_vi", "name_en")]
        axes.set_yticks(places, [_wrapped(str(name), 44) for name in names], fontsize=7.5)
        note = boundaries_note(table)
    axes.set(xlim=(0, 105), xlabel=f"%\n{_wrapped(note, 64)}" if note else "%")
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", color=FAINT)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=5, fontsize=7.5, frameon=False)
    return _small_print(figure)


def _bar_figures(axes: Axes, table: pd.DataFrame) -> None:
    """The value of every bar, and its confidence interval where it has one."""
    low, high = table["value"] - table["interval_low"], table["interval_high"] - table["value"]
    named_once = _("Confidence interval")
    for place, (value, below, above) in enumerate(zip(table["value"], low, high, strict=True)):
        inside = value > 20  # the figure fits into the bar
        axes.text(1.5 if inside else value + 4, place, f"{number(value, 2)} %", va="center", fontsize=8,
                  color="white" if inside else "black", weight="bold")  # fmt: skip
        if not math.isnan(below):
            axes.plot([value - below, value + above], [place + 0.36] * 2, color="black", lw=2.2, label=named_once)
            named_once = "_"


def supply_curve(curve: pd.DataFrame, *, language: Language | None = None) -> Figure:
    """What it costs to serve so many hamlets, and where the next one costs more than a satellite terminal."""
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    axes = figure.add_subplot()
    right = axes.twinx()
    satellite = curve["satellite_vnd"].dropna()
    with speaking(language):
        axes.step(curve["hamlets"], curve["cost_vnd"] / BILLION, where="mid", color="#2a6f97",
                  label=_("Total cost (left)"))  # fmt: skip
        axes.set(xlabel=_("Hamlets covered"), ylabel=_("Total cost (VND billion)"), ylim=(0, None))
        right.plot(curve["hamlets"], curve["next_vnd"] / BILLION, ".-", color="#c1121f", lw=0.8,
                   label=_("Cost of the next hamlet (right)"))  # fmt: skip
        if len(satellite):
            right.axhline(satellite.iloc[0] / BILLION, color="#555555", ls="--", lw=0.9,
                          label=_("Satellite terminal (right)"))  # fmt: skip
        right.set(ylabel=_("Next hamlet (VND billion)"), ylim=(0, None))
        for one in (axes, right):
            one.yaxis.set_major_formatter(tick_labels(2))
    axes.grid(visible=True, color=FAINT)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return _small_print(figure)


def yearly_costs(costs: pd.DataFrame, *, language: Language | None = None) -> Figure:
    """Costs (base) by year, stacked by kind; rows are years in words, columns kinds."""
    figure = Figure(figsize=(WIDTH_IN, 3.2), layout="constrained")
    axes = figure.add_subplot()
    bottom = [0.0] * len(costs)
    with speaking(language):
        for kind in costs.columns:
            heights = (costs[kind] / BILLION).tolist()
            axes.bar(list(costs.index), heights, bottom=bottom, color=KIND_COLOURS.get(kind, "#555555"), width=0.6,
                     label=kind_title(kind))  # fmt: skip
            bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
        for place, top in enumerate(bottom):
            axes.text(place, top, number(top, 1), ha="center", va="bottom", fontsize=8)
        axes.set(ylabel=_("VND billion (base)"), ylim=(0, 1.12 * max([*bottom, 0.001])))
        axes.yaxis.set_major_formatter(tick_labels(2))
    axes.grid(visible=True, axis="y", color=FAINT)
    axes.set_axisbelow(True)
    if len(costs.columns):
        figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return _small_print(figure)


def curve(curves: pd.DataFrame, indicator: pd.Series, parameter: str, *, language: Language | None = None) -> Figure:
    """An indicator over what it is counted with, beside its targets; the setting in force is marked.

    Parameters
    ----------
    curves : DataFrame
        Columns of resources/layers/curves.csv.
    indicator : Series
        A row of the indicators.
    """
    chosen = curves[(curves["indicator"] == indicator["indicator"]) & (curves["parameter"] == parameter)]
    points = chosen.sort_values("x")
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(points["x"], points["value"], color="#2a6f97")
    now = points[points["current"].astype(bool)]
    with speaking(language):
        axes.scatter(now["x"], now["value"], color="#c1121f", zorder=3, label=_("In use"))
        for column, style, named in (("target_2025", "--", _("Target 2025")), ("target_2030", ":", _("Target 2030"))):
            if not math.isnan(indicator[column]):
                axes.axhline(indicator[column], ls=style, color="#555555", lw=1, label=named)
        axes.set(xlabel=label("parameter", parameter), ylabel="%")
        axes.set_title(_wrapped(str(indicator[by_language("name_vi", "name_en")]), 80), fontsize=9)
        axes.yaxis.set_major_formatter(tick_labels(2))
    axes.grid(visible=True, color=FAINT)
    axes.legend(frameon=False, fontsize=8)
    return _small_print(figure)


def png(figure: Figure) -> bytes:
    """The picture; same figure, same bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
    return picture.getvalue()


def marked_synthetic(figure: Figure, *, language: Language | None = None) -> Figure:
    """The figure with the line that its data is simulated."""
    with speaking(language):
        figure.supxlabel(synthetic_notice(), fontsize=7, color="#c1121f")
    return figure


def _map(communes: gpd.GeoDataFrame) -> tuple[Figure, Axes]:
    west, south, east, north = communes.total_bounds
    height = MAP_IN * min(max((north - south) / (east - west), 0.6), 1.5) + 0.4
    figure = Figure(figsize=(MAP_IN, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    axes.set_axis_off()
    communes.boundary.plot(ax=axes, color=BORDER, lw=0.35)
    whole = gpd.GeoSeries([communes.geometry.union_all()], crs=communes.crs)
    whole.boundary.plot(ax=axes, color="#333333", lw=0.9)
    return figure, axes


def _finished_map(figure: Figure, axes: Axes) -> Figure:
    """A scale bar, an arrow to the north of the grid, the legend."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    bar_m = _round_length(0.22 * (east - west))
    left, low = west + 0.03 * (east - west), south + 0.03 * (north - south)
    axes.plot([left, left + bar_m], [low, low], color="black", lw=3, solid_capstyle="butt")
    axes.plot([left, left + bar_m / 2], [low, low], color="white", lw=1.4, solid_capstyle="butt")
    said = f"{number(bar_m / 1000.0, 1)} km"
    axes.text(left + bar_m / 2, low + 0.012 * (north - south), said, ha="center", va="bottom", fontsize=8)
    axes.annotate(
        _("N"), (0.95, 0.9), (0.95, 0.985), xycoords="axes fraction", ha="center", va="center", fontsize=10,
        arrowprops={"arrowstyle": "<|-", "lw": 1.4, "color": "black"},
    )  # fmt: skip
    axes.set(xlim=(west, east), ylim=(south, north))
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False, markerscale=1.4)
    return _small_print(figure)


def _round_length(length_m: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that is not longer.

    >>> _round_length(17_000), _round_length(2_700), _round_length(999)
    (10000.0, 2000.0, 500.0)
    """
    ten = 10.0 ** math.floor(math.log10(max(length_m, 1.0)))
    return max(step * ten for step in (1.0, 2.0, 5.0) if step * ten <= max(length_m, 1.0))


def _wrapped(text: str, width: int) -> str:
    """Text on lines of so many letters, three at most."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines[:3]) + ("…" if len(lines) > 3 else "")


def _small_print(figure: Figure) -> Figure:
    """The figure with labels of one size."""
    for axes in figure.axes:
        for item in (axes.xaxis.label, axes.yaxis.label):
            item.set_fontsize(8.5)
        axes.tick_params(labelsize=8)
    return figure
