"""An explained link as a picture (terrain, ray, Fresnel zone, edge, ridge) and as lines on a map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from matplotlib.figure import Figure
from shapely.geometry import LineString, Point

from covplan.publish.words import label, operator_names, tick_labels
from covplan.study.files import written_whole
from covplan.study.language import _, by_language, number, speaking
from covplan.study.links import budget_titles
from covplan.study.models import model_title
from covplan.study.synthetic import synthetic_mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from covplan.study.language import Language
    from covplan.study.links import ExplainedLink, Explanation, MissingLink

GROUND, CLUTTER, BULGE, RAY, ZONE, EDGE, RIDGE = (
    "#b9a58a", "#6f9f5a", "#8c7b64", "#c1121f", "#f4a261", "#1d3557", "#7b2cbf",
)  # fmt: skip
PAPER = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
DPI = 130


def draw_profile(
    link: ExplainedLink, *, place: str = "", synthetic: bool = False, language: Language | None = None
) -> Figure:
    """The vertical cut from mast to receiver.

    Heights are drawn with the bulge of the effective earth, so the ray is straight; the dashed line is the ground
    without it.
    """
    with speaking(language):
        figure = _cut(link, place)
        figure.axes[0].set_title(_heading(link, place, synthetic), fontsize=11.5, loc="left")
        figure.text(0.01, 0.0, _losses(link), fontsize=8.5, va="bottom")
    figure.get_layout_engine().set(rect=(0.0, 0.04, 1.0, 0.96))  # type: ignore[union-attr, call-arg]
    return figure


def _cut(link: ExplainedLink, place: str) -> Figure:
    """Ground, clutter, ray and Fresnel zone over the distance, under their legend."""
    figure = Figure(figsize=(11.0, 5.6), layout="constrained")
    axes = figure.add_subplot()
    km = link.distance_m / 1000.0
    lifted_m = link.ground_m + link.bulge_m
    surface_m = lifted_m + link.clutter_m
    top_m = max(float(np.max(surface_m)), float(np.max(link.ray_m)), _finite(link.edge_height_m))
    low_m = float(np.min(link.ground_m))
    room_m = max(top_m - low_m, 40.0)
    low_m, top_m = low_m - 0.06 * room_m, top_m + 0.42 * room_m

    if link.clutter_m.any():
        axes.fill_between(km, lifted_m, surface_m, color=CLUTTER, lw=0, label=_("Trees, buildings"))
    axes.fill_between(km, low_m, lifted_m, color=GROUND, lw=0, label=_("Terrain (with the bulge of the earth)"))
    axes.plot(km, link.ground_m, color=BULGE, lw=0.9, ls="--", label=_("Terrain, without the bulge"))
    axes.fill_between(
        km, link.ray_m - link.fresnel_m, link.ray_m + link.fresnel_m, color=ZONE, alpha=0.35, lw=0,
        label=_("First Fresnel zone"),
    )  # fmt: skip
    axes.plot(km, link.ray_m, color=RAY, lw=1.4, label=_("Line of sight"))
    axes.plot([km[0], km[0]], [link.ground_m[0], link.ray_m[0]], color="black", lw=3, solid_capstyle="butt")
    axes.plot([km[-1], km[-1]], [link.ground_m[-1], link.ray_m[-1]], color="black", lw=3, solid_capstyle="butt")
    mast = _("Station, antenna {height} m").format(height=number(link.antenna_height_m))
    _note(axes, mast, (float(km[0]), float(link.ray_m[0])), 0.95, "left")
    _note(axes, place or _("Receiver"), (float(km[-1]), float(link.ray_m[-1])), 0.95, "right")
    if link.edge_height_m > float(np.interp(link.edge_m, link.distance_m, link.ray_m)):
        rays = [link.ray_m[0], link.edge_height_m, link.ray_m[-1]]
        axes.plot([km[0], link.edge_m / 1000.0, km[-1]], rays, color=EDGE, lw=0.9, ls=":")
        axes.plot(link.edge_m / 1000.0, link.edge_height_m, marker="v", color=EDGE, ls="", label=_("Bullington edge"))
    _mark_obstacle(axes, link)
    axes.set(xlim=(0.0, max(km[-1], 0.001)), ylim=(low_m, top_m))
    axes.set(xlabel=_("Distance from the station (km)"), ylabel=_("Height (m)"))
    axes.xaxis.set_major_formatter(tick_labels(2))
    axes.yaxis.set_major_formatter(tick_labels())
    axes.grid(visible=True, alpha=0.25)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=8, frameon=False)
    return figure


def write_profile(
    link: ExplainedLink, path: Path, *, place: str = "", synthetic: bool = False, language: Language | None = None
) -> Path:
    """Write the picture as PNG, whole or not at all; same link, same bytes."""
    figure = draw_profile(link, place=place, synthetic=synthetic, language=language)
    with written_whole(path) as part:
        figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})
    return path


def link_layers(explained: Explanation) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Links as lines from mast to receiver, and their obstacles as points, in the study's CRS: for a map or GeoJSON.

    Texts are as they stand in the data: whoever puts them into a page escapes them, as `publish.maps` does.
    """
    lines = [
        {
            "operator": link.operator,
            "technology": link.technology,
            "station_id": link.station_id,
            "cell_id": link.cell_id,
            "band": link.band,
            "rank": link.rank,
            "nearest": link.nearest,
            "length_m": round(link.length_m, 1),
            "rsrp_dbm": round(link.rsrp_dbm, 1),
            "path_loss_db": round(link.loss_db, 1),
            "obstacle": link.obstacle.kind if link.obstacle else "",
            "verdict_vi": link.verdict_vi,
            "verdict_en": link.verdict_en,
            "geometry": LineString([link.mast_xy_m, link.receiver_xy_m]),
        }
        for link in explained.links
    ]
    points = [
        {
            "operator": link.operator,
            "cell_id": link.cell_id,
            "kind": link.obstacle.kind,
            "distance_m": round(link.obstacle.distance_m, 1),
            "height_m": round(link.obstacle.height_m, 1),
            "over_ray_m": round(link.obstacle.over_ray_m, 1),
            "geometry": Point(link.obstacle.x_m, link.obstacle.y_m),
        }
        for link in explained.links
        if link.obstacle
    ]
    return _frame(lines, explained.epsg), _frame(points, explained.epsg)


def verdict(link: ExplainedLink | MissingLink) -> str:
    """What is said of a link, in the language spoken now."""
    return str(by_language(link.verdict_vi, link.verdict_en))


def _frame(rows: Sequence[Mapping[str, object]], epsg: int) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(rows, geometry="geometry" if rows else [], crs=epsg)


def _mark_obstacle(axes: Axes, link: ExplainedLink) -> None:
    """The ridge by its top, how far it stands and how much of it is in the way."""
    one = link.obstacle
    if one is None:
        return
    at = int(np.argmin(np.abs(link.distance_m - one.distance_m)))
    top_m = float(link.ground_m[at] + link.bulge_m[at])
    top_m += one.clutter_m if one.kind in ("clutter", "fresnel") else 0.0
    km = one.distance_m / 1000.0
    said = (
        _("{height} m, {km} km from the station\n{over} m above the line of sight")
        if one.over_ray_m > 0
        else _("{height} m, {km} km from the station\n{over} m below the line of sight")
    )
    text = said.format(height=number(one.height_m), km=number(km, 2), over=number(abs(one.over_ray_m)))
    right_of_it = km < link.length_m / 2000.0
    axes.plot([km, km], sorted((float(link.ray_m[at]), top_m)), color=RIDGE, lw=1.8)
    _note(axes, text, (km, top_m), 0.85, "left" if right_of_it else "right", colour=RIDGE)


def _note(axes: Axes, text: str, at: tuple[float, float], height: float, side: str, *, colour: str = "black") -> None:
    """A text at a share of the picture's height, with a line down to the point it is about."""
    line = {"arrowstyle": "-", "lw": 0.6, "color": colour, "relpos": (0.0 if side == "left" else 1.0, 0.0)}
    axes.annotate(
        text, at, (at[0], height), textcoords=axes.get_xaxis_transform(), ha=side, va="center", color=colour,
        fontsize=9, bbox=PAPER, arrowprops=line,
    )  # fmt: skip


def _heading(link: ExplainedLink, place: str, synthetic: bool) -> str:
    operator = operator_names().get(link.operator, link.operator)
    who = f"{operator} {label('band', link.band)}, {link.cell_id}"
    whither = f" → {place}" if place else ""
    mark = f"  [{synthetic_mark()}]" if synthetic else ""
    return f"{who}{whither}{mark}\n" + verdict(link).replace(". ", ".\n")


def _losses(link: ExplainedLink) -> str:
    parts = " + ".join(
        f"{by_language(titles['title_vi'], titles['title_en']).lower()} {number(line.value, 1)}"
        for line in link.loss[:-1]
        for titles in [budget_titles()[line.item]]
    )
    return _(
        "Loss {total} dB = {parts}   |   RSRP {rsrp} dBm, margin {margin} dB (prediction error taken off)   |   {model}"
    ).format(
        total=number(link.loss_db, 1), parts=parts, rsrp=number(link.rsrp_dbm, 1), margin=number(link.margin_db, 1),
        model=model_title(link.model),
    )  # fmt: skip


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
