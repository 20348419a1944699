"""Layers of the plan as the map's script reads them: titles, colours with legend, features with their words.

Looks (colours, widths, symbols per code) are data in `resources/map.csv`, words in `resources/labels.csv`, titles in
`resources/layers`. Plans that arrive here are public ones (`publish.public`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from covplan.publish import map_shapes
from covplan.publish.map_changes import Changes, placed_first, proposal_words
from covplan.publish.map_texts import safe_json, safe_text
from covplan.publish.words import NO_BREAK, label, operator_names, said_assumed, shown
from covplan.study.boundaries import communes_of
from covplan.study.filenames import file_name
from covplan.study.language import N_, _, current_language, number
from covplan.study.layers import layers
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.layers import Column
    from covplan.study.plan import Plan

NOT_PUBLISHED = N_("Without the locations that are not published.")
TOGETHER = {"cost": N_("Cost (low – high)"), "gained": N_("Where it helps")}
"""What a proposal's popup puts together from several columns."""
# What a reader of the map does not need, or reads elsewhere on it.
NOT_IN_POPUPS = {
    "synthetic",
    "assumed",
    "boundary_version",
    "commune_code",
    "nearest_location_id",
    "nearest_location_m",
}
HAMLET_LEAD = (
    "commune", "households", "population", "mobile_state", "rsrp_dbm", "probability", "covered_share", "operators",
    "mobile_5g", "ftth", "difficulty", "basis",
)  # fmt: skip
"""What a hamlet's popup says first; the rest can be unfolded."""
PROPOSAL_POPUP = (
    "reason", "kind", "action", "operator", "year", "cost", "opex_vnd_per_year", "gains_count", "gained",
    "households", "indicator", "length_m", "confidence", "funding", "location_id", "from_location_id", "structure",
    "height_m", "antenna_height_m", "bands", "commune", "x_m", "y_m", "lon", "lat", "depends_on", "proposal_id",
)  # fmt: skip
"""Columns of a proposal in its popup, in order: those of `TOGETHER` too, and the reason in the language spoken."""


@dataclass(frozen=True)
class Drawing:
    """How one layer is put on the map."""

    layer: str
    height: int
    """Place in the pile: greater is drawn above."""
    heading: str = "name"
    """Column that names an object, without the language where there is one for each."""
    shown: bool = True
    """Switched on when the map opens."""
    interactive: bool = True


# In the order of the panel.
DRAWINGS = (
    Drawing("hamlets", height=1),
    Drawing("proposals", height=8, heading="title", shown=False),
    Drawing("locations", height=7, heading="location_id"),
    Drawing("service_points", height=6, shown=False),
    Drawing("routes", height=4, heading="route_id", shown=False),
    Drawing("nodes", height=5, heading="node_id", shown=False),
    Drawing("places", height=6, shown=False),
    # Without popups: roads lie over the hamlets, and it is the hamlets one asks about.
    Drawing("roads", height=2, shown=False, interactive=False),
    Drawing("communes", height=3, interactive=False),
)


def drawn_tables(plan: Plan) -> dict[str, gpd.GeoDataFrame]:
    """The layers of a public plan to draw by name, in the study's CRS, without empty ones."""
    tables = {name: gpd.GeoDataFrame(table) for name, table in plan.layers().items()}
    tables["proposals"] = placed_first(plan.proposals)
    if "places" in tables:
        tables["places"] = map_shapes.with_symbol(tables["places"])
    if "roads" in tables:
        tables["roads"] = map_shapes.by_class(tables["roads"])
    tables["communes"] = map_shapes.borders(_communes(plan))
    return {name: table for name, table in tables.items() if len(table)}


def specification(
    drawing: Drawing,
    table: gpd.GeoDataFrame,
    plan: Plan,
    changes: Changes,
    sheets: Path | None,
    *,
    hidden: bool = False,
) -> str:
    """A layer as JSON for `covplan.layer`: titles, themes with looks and legend, features; `hidden`: some are not."""
    definition = layers()[drawing.layer]
    columns = [column for column in definition.columns if column.name in table and column.name not in NOT_IN_POPUPS]
    columns = columns if drawing.interactive else []
    heading = _spoken(drawing.heading, table)
    titles = {column.name: safe_text(column.title) for column in columns if column.name != heading}
    if drawing.layer == "proposals":
        known = titles | {name: safe_text(_(text)) for name, text in TOGETHER.items()}
        titles = {name: known[name] for name in (_spoken(one, table) for one in PROPOSAL_POPUP) if name in known}
        columns = [column for column in columns if column.name in {*titles, heading}]
    classes = {theme: _classes(drawing.layer, theme, table) for theme in looks()[drawing.layer]}
    head = {
        "layer": drawing.layer,
        "title": safe_text(definition.title),
        "group": safe_text(label("group", definition.group)),
        "heading": heading,
        "height": drawing.height,
        "interactive": drawing.interactive,
        "note": _note(drawing.layer, table) if hidden else "",
        "columns": titles,
        "lead": [name for name in HAMLET_LEAD if name in titles] if drawing.layer == "hamlets" else [],
        "themes": [_theme(drawing, theme, codes, table) for theme, codes in classes.items()],
        "names": map_shapes.names(_communes(plan)) if drawing.layer == "communes" else [],
    }
    more = _more(drawing.layer, table, list(classes), plan, changes, sheets)
    features = _features(table, columns, list(classes.values()), drawing.layer, more)
    return f'{safe_json(head)[:-1]},"data":{features}}}'


def _note(layer: str, table: gpd.GeoDataFrame) -> str:
    """What the legend says of what is not published."""
    nowhere = int(table.geometry.isna().sum())
    if layer == "proposals" and nowhere:
        return safe_text(_("Proposals whose place is not published: {count}.").format(count=number(nowhere)))
    return safe_text(_(NOT_PUBLISHED)) if layer == "locations" else ""


def _spoken(column: str, table: gpd.GeoDataFrame) -> str:
    """The column, or the one of that name in the language spoken now."""
    spoken = f"{column}_{current_language()}"
    return spoken if spoken in table else column


@cache
def looks() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Layer, column, code to Leaflet path options: resources/map.csv."""
    colours = {row["operator"]: row["colour"] for row in operator_table()}
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in csv.DictReader(resource_text("map.csv").splitlines()):
        look: dict[str, Any] = {"color": row["line"], "weight": float(row["weight"]), "opacity": float(row["opacity"])}
        if row["fill"]:
            fill = colours[row["code"]] if row["fill"] == "@operator" else row["fill"]
            look |= {"fillColor": fill, "fillOpacity": float(row["fill_opacity"]), "radius": float(row["radius"])}
        else:
            look |= {"fill": False, "dashArray": row["dash"]}
        look["symbol"] = row["symbol"]
        found.setdefault(row["layer"], {}).setdefault(row["column"], {})[row["code"]] = look
    return found


def _communes(plan: Plan) -> gpd.GeoDataFrame:
    return communes_of(plan.study.communes, plan.study.settings.province.boundaries)


def _theme(drawing: Drawing, theme: str, codes: list[str], table: gpd.GeoDataFrame) -> dict[str, Any]:
    """A column as colours: its title, the look of every code that occurs, and the legend with counts.

    Hamlets and places may gain what a proposal brings, so they have the looks of all codes.
    """
    every = looks()[drawing.layer][theme]
    present = {code: look for code, look in every.items() if code in set(codes)}
    points = set(table.geom_type) <= {"Point", "MultiPoint", "GeometryCollection"} or drawing.layer == "proposals"
    legend = [
        {
            "code": code,
            "label": safe_text(_class_name(drawing.layer, theme, code)),
            "count": _amount(drawing, table[[one == code for one in codes]]),
            "style": {**look, "shape": "point" if points else "area"},
        }
        for code, look in present.items()
    ]
    titles = {column.name: column.title for column in layers()[drawing.layer].columns}
    styles = every if drawing.layer in ("hamlets", "places") else present
    return {"title": safe_text(titles.get(theme, theme)), "styles": styles, "legend": legend}


def _amount(drawing: Drawing, rows: gpd.GeoDataFrame) -> str:
    """What the legend says there is of a class: kilometres of cable, or a number of objects."""
    if "length_m" in rows and drawing.layer != "proposals":
        length_m = rows["length_m"].fillna(rows.length)
        return f"{number(length_m.sum() / 1000)}{NO_BREAK}km"
    return number(len(rows)) if drawing.interactive else ""


def _classes(layer: str, theme: str, table: gpd.GeoDataFrame) -> list[str]:
    """Code of every object in a theme, one for which there is a look."""
    if (layer, theme) == ("locations", "operators"):
        return [*table["operators"].where(~table["shared"], "shared")]
    values = table[theme]
    if values.dtype.name in ("bool", "boolean"):
        values = values.map({True: "yes", False: "no"})
    codes = [*values.astype("object").where(values.notna(), "unknown").astype(str)]
    if (layer, theme) == ("proposals", "year"):
        return [code if code in looks()[layer][theme] else "other" for code in codes]
    return codes


def _class_name(layer: str, theme: str, code: str) -> str:
    if theme == "operators" and code in operator_names():
        return operator_names()[code]
    if theme == "shared":
        return label("shared", code)
    return label(theme, code, layer) if label(theme, code, layer) != code else label("bool", code)


def _more(
    layer: str, table: gpd.GeoDataFrame, themes: list[str], plan: Plan, changes: Changes, sheets: Path | None
) -> list[dict[str, Any]]:
    """What the features of a layer carry besides their columns; empty for most layers."""
    if layer == "proposals":
        return proposal_words(table, changes)
    if layer == "hamlets":
        near = changes.nearest_locations(plan, table)
        return [
            {
                **changes.of(str(row.village_id), themes),
                "near": masts,
                "sheet": f"sheets/{sheet_name(str(row.village_id))}" if _has_sheet(sheets, str(row.village_id)) else "",
                "id": safe_text(str(row.village_id)),
            }
            for row, masts in zip(table.itertuples(), near, strict=True)
        ]
    if layer == "places":
        return [changes.of(str(one), themes) for one in table["place_id"]]
    return []


def sheet_name(village_id: str) -> str:
    """File name of a hamlet's page, as `covplan sheet` calls it."""
    return file_name(village_id, ".html")


def _has_sheet(sheets: Path | None, village_id: str) -> bool:
    return sheets is not None and (sheets / sheet_name(village_id)).is_file()


def _word(column: Column, value: Any, layer: str) -> str:
    """A value in the reader's words; shares in per cent, money in billions."""
    if pd.isna(value):
        return ""
    if column.unit == "share":
        return f"{number(100 * float(value), 1)}{NO_BREAK}%"
    if column.name == "opex_vnd_per_year" and not value:
        return ""
    if column.unit.startswith("VND"):
        return _("VND {amount} billion").format(amount=number(float(value) / 1e9, 3))
    if column.type == "int" and column.unit == "year":
        return str(int(value))
    return shown(column, value, layer)


def _safe_word(column: Column, layer: str, value: Any, marks: object) -> str:
    return safe_text(said_assumed(_word(column, value, layer), column.name, marks))


def _features(
    table: gpd.GeoDataFrame, columns: list[Column], classes: list[list[str]], layer: str, more: list[dict[str, Any]]
) -> str:
    """The rows as GeoJSON text: words of the columns that have a value, escaped, and the class in each theme."""
    marks, words = table["assumed"].to_numpy(object) if "assumed" in table else [""] * len(table), {}
    for column in columns:
        said = cache(partial(_safe_word, column, layer))  # most values of a column stand in many rows
        words[column.name] = [*map(said, table[column.name].to_numpy(object), marks)]
    shapes = shapely.to_geojson(map_shapes.drawable(table.geometry).to_numpy())
    features = []
    for row, shape in enumerate(shapes):  # a shape that is not published is null, as GeoJSON wants it
        properties: dict[str, Any] = {name: texts[row] for name, texts in words.items() if texts[row]}
        properties["classes"] = [codes[row] for codes in classes]
        if more:
            properties |= {name: value for name, value in more[row].items() if value not in ("", [], None)}
        features.append(f'{{"type":"Feature","properties":{safe_json(properties)},"geometry":{shape or "null"}}}')
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'
