"""The texts of the map, all escaped: title, main indicators and targets, provenance, the words of its script."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from typing import TYPE_CHECKING, cast

import pandas as pd

from covplan.publish.words import NO_BREAK, label, program
from covplan.study.boundaries import across_boundaries, boundaries_note
from covplan.study.language import N_, _, by_language, current_language, number
from covplan.study.layers import layers
from covplan.study.plan import hamlets_told
from covplan.study.synthetic import origin_notice

if TYPE_CHECKING:
    from covplan.study.plan import Plan

MAIN_INDICATORS = ("VILLAGE_MBB_COV", "VILLAGE_FTTH_COV", "FTTH_HH", "BTS_SHARE_RATIO")
NORTH = (
    '<svg width="18" height="22" viewBox="0 0 18 22" role="img" aria-label="{title}">'
    '<path d="M9 1 L16 21 L9 16 Z" fill="#222"/><path d="M9 1 L2 21 L9 16 Z" fill="#fff" stroke="#222"/></svg>{letter}'
)
WORDS = {
    "accuracy": N_(
        "The projection agrees with PROJ to 1 mm; VN-2000 ↔ WGS 84 by the parameters of EPSG, error about {metres} m. "
        "WGS 84 in decimal degrees."
    ),
    "antenna_height": N_("Antenna (m)"),
    "area": N_("Area: {area}"),
    "base_maps": N_("Base maps"),
    "click_for_coordinates": N_("Click the map for coordinates"),
    "close": N_("Close"),
    "commune": N_("commune, ward"),
    "compare": N_("Compare before / after"),
    "copied": N_("Copied ✓"),
    "copy": N_("Copy"),
    "copy_geojson": N_("Copy GeoJSON ({count})"),
    "coverage": N_("Coverage"),
    "coverage_rsrp": N_("Coverage (RSRP outdoors)"),
    "details": N_("Details ({count})"),
    "district": N_("district"),
    "divider": N_("Divider before / after"),
    "download": N_("Download"),
    "file": N_("candidate_masts.geojson"),
    "gained": N_("Bold edge: gained by proposals"),
    "ground": N_("Ground"),
    "hamlet_page": N_("Hamlet page with terrain profile"),
    "how_area": N_("Click every corner; double-click to finish."),
    "how_length": N_("Click point by point; double-click to finish."),
    "how_mast": N_("Click the map to place a candidate mast; drag to move it."),
    "in_year": N_("year {year}"),
    "layers": N_("Layers"),
    "length": N_("Length: {length} (on the ellipsoid)"),
    "mast_height": N_("Mast (m)"),
    "measure_area": N_("Area size"),
    "measure_length": N_("Ruler"),
    "move_time": N_("Proposals: {proposals}; move the slider to see them by year"),
    "nearest_masts": N_("Nearest masts"),
    "no_year": N_("no year yet"),
    "not_shown": N_("Not shown"),
    "nothing_found": N_("Nothing found"),
    "opacity": N_("Opacity"),
    "operator": N_("Operator"),
    "perimeter": N_("Perimeter: {length}"),
    "place_mast": N_("Mast"),
    "plane": N_("X (north) {north} · Y (east) {east}"),
    "play": N_("Play year by year"),
    "print": N_("Print"),
    "proposals": N_("Proposals"),
    "relief": N_("Relief (shaded)"),
    "remove_mast": N_("Remove this mast"),
    "search": N_("Search hamlets and communes"),
    "search_how": N_("Search hamlets, communes…"),
    "station_id": N_("Station id"),
    "technology": N_("Technology"),
    "to_year": N_("until the end of {year}"),
    "today": N_("Now"),
    "undated": N_("proposals without a year: {proposals}"),
    "unplaced": N_("not told on the map: {hamlets}"),
    "until": N_("Proposals: {proposals} · VND {cost} billion · hamlets that get a signal: {hamlets}"),
    "what_if": N_(
        "Try it: {code}. A new station id, the operator and the place (lon, lat) are needed; other columns as in the "
        "layer of stations."
    ),
    "year": N_("Year"),
    "zoom_in": N_("Zoom in"),
    "zoom_out": N_("Zoom out"),
}
"""What the script says (resources/web): its name for a text, and the text."""


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


def words() -> dict[str, str]:
    """The script's words, and how it writes numbers, in the language spoken now."""
    said = {name: safe_text(_(text)) for name, text in WORDS.items()}
    return said | {"lang": current_language(), "thousands": by_language(".", ","), "decimal": by_language(",", ".")}


def furniture(plan: Plan) -> dict[str, str]:
    """The texts around the map, as HTML."""
    return {
        "banner": safe_text(origin_notice(plan.study)),
        "north": NORTH.format(title=safe_text(_("North")), letter=safe_text(_("N"))),
        "box": _title(plan) + _indicator_table(plan.indicators),
        "provenance": _provenance(plan),
    }


def map_title(province: str) -> str:
    """What a province's map is called."""
    return safe_text(_("{province}: telecom infrastructure").format(province=province))


def _title(plan: Plan) -> str:
    province = plan.study.settings.province
    version = f"{province.boundaries} ({label('boundary_version', province.boundaries)})"
    said = safe_text(_("Boundaries {version}").format(version=version))
    return f"<h1>{map_title(province.name)}</h1><p>{said}</p>"


def _indicator_table(indicators: pd.DataFrame) -> str:
    """The main indicators with their targets, in a block that can be folded."""
    titles = {column.name: column.title for column in layers()["indicators"].columns}
    figures = ["value", "target_2025", "target_2030"]
    heads = "".join(f"<th>{safe_text(titles[name])}</th>" for name in figures)
    known = indicators.assign(across=across_boundaries(indicators)).set_index("indicator")
    rows = "".join(
        _indicator_row(cast("pd.Series", known.loc[name])) for name in MAIN_INDICATORS if name in known.index
    )
    title, note = safe_text(_("Main indicators")), boundaries_note(indicators)
    said = f"<p><small>* {safe_text(note)}</small></p>" if note else ""
    return f"<details open><summary>{title}</summary><table><tr>{heads}</tr>{rows}</table>{said}</details>"


def _indicator_row(row: pd.Series) -> str:
    def figure(name: str) -> str:
        if pd.isna(row[name]):
            return "–"
        mark = "*" if row["across"] and name != "value" else ""
        return f"{number(row[name], 2)}{NO_BREAK}{label('indicator_unit', str(row['unit']))}{mark}"

    counted = told = ""
    if not pd.isna(row["denominator"]):
        what = label("unit", str(row["counted"]))
        counted = f"{number(row['numerator'])}/{number(row['denominator'])} {what}"
        told = hamlets_told(str(row.name), row["numerator"], row["denominator"], row["unknown"])
    targets = "".join(
        f'<td class="{_met(row["value"], row[f"target_{year}"])}">{safe_text(figure(f"target_{year}"))}</td>'
        for year in (2025, 2030)
    )
    how, name = (str(row[by_language(f"{column}_vi", f"{column}_en")]) for column in ("how", "name"))
    return (
        f'<tr class="name"><td colspan="3" title="{safe_text(how)}">{safe_text(name)}'
        f" <small>({safe_text(counted)}) {safe_text(told)}</small></td></tr>"
        f"<tr><td>{safe_text(figure('value'))}</td>{targets}</tr>"
    )


def _met(value: float | None, target: float | None) -> str:
    if pd.isna(value) or pd.isna(target):
        return ""
    return "met" if value >= target else "short"


def _provenance(plan: Plan) -> str:
    bases = ", ".join(label("basis", basis) for basis in sorted(set(plan.hamlets["basis"])))
    province = plan.study.settings.province
    said = _("Study {province} ({hamlets} hamlets, {locations} mast locations; {system}) · basis: {bases}").format(
        province=province.name,
        hamlets=number(len(plan.hamlets)),
        locations=number(len(plan.locations)),
        system=province.crs,
        bases=bases,
    )
    return safe_text(" · ".join([said, *_reliability(plan), program()]))


def _reliability(plan: Plan) -> list[str]:
    """How far the computed map agrees with what is known: share confirmed and its interval."""
    whole = plan.reliability[(plan.reliability["n"] > 0) & plan.reliability["operator"].isin(["", "all"])]
    columns = ["against", "technology", "met", "n", "low", "high"]
    return [
        _("{against}: {met}/{n} right (Wilson 95{space}%: {low}–{high}{space}%)").format(
            against=f"{label('against', against)} {technology}".strip(),
            met=number(met),
            n=number(n),
            low=number(100 * low, 1),
            high=number(100 * high, 1),
            space=NO_BREAK,
        )
        for against, technology, met, n, low, high in whole[columns].itertuples(index=False, name=None)
    ]
