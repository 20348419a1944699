"""How every layer looks in QGIS: colours of the web map, words of the labels, as default styles in `layer_styles`."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import jinja2

from covplan.publish.geopackage.schema import domain, unique_titles
from covplan.publish.geopackage.tables import DECISION
from covplan.publish.words import label, operator_names
from covplan.study.exported import EDITABLE, GEOMETRY
from covplan.study.files import FILE_DATE
from covplan.study.language import N_, _, current_language
from covplan.study.layers import OPERATORS_DOMAIN
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

if TYPE_CHECKING:
    import sqlite3

    import pandas as pd

    from covplan.publish.geopackage.tables import Exported, Package
    from covplan.study.settings import Settings

PIXEL_MM = 0.26  # looks are in the web map's pixels
GEOMETRIES = {"Point": "Point", "MultiPoint": "Point", "LineString": "Line", "MultiLineString": "Line",
              "Polygon": "Polygon", "MultiPolygon": "Polygon"}  # fmt: skip
CODES = {"Point": "0", "Line": "1", "Polygon": "2"}
KINDS = {"Point": "marker", "Line": "line", "Polygon": "fill"}
PLACEMENTS = {"Point": "6", "Line": "3", "Polygon": "1"}  # by cartographic rules, curved, free
LABEL_SCALES = {"communes": "400000"}
LABEL_SCALE = "60000"
NEITHER = N_("Other, unknown")  # where a value has no look of its own
TABLE = """CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME
)"""


@dataclass(frozen=True)
class Theme:
    """Which column colours a layer, what names its objects, where it lies in the pile."""

    looks: str = ""
    column: str = ""
    expression: str = ""
    label: str = ""
    order: int = 90
    shown: bool = False


@dataclass(frozen=True)
class Symbol:
    """One class of a layer's legend."""

    code: str
    label: str
    kind: str
    symbol_class: str
    properties: dict[str, str]
    render: str = "true"


@dataclass(frozen=True)
class Style:
    """All that templates in resources/qgis ask of a layer."""

    geometry: str
    expression: str
    symbols: list[Symbol]
    label: str
    heading: str
    fields: list[dict[str, Any]]
    taken_back: bool
    """Whether an edit of the layer is taken back."""
    label_scale: str = LABEL_SCALE
    theme: Theme = field(default_factory=Theme)

    @property
    def labels_enabled(self) -> int:
        """1 where objects carry their name."""
        return int(bool(self.label))

    @property
    def placement(self) -> str:
        """QGIS's number for the place of a label."""
        return PLACEMENTS.get(self.geometry, "0")

    @property
    def geometry_code(self) -> str:
        """QGIS's number for the kind of geometry."""
        return CODES.get(self.geometry, "4")


def write(base: sqlite3.Connection, package: Package, settings: Settings) -> dict[str, Style]:
    """Write layer_styles, one default style per layer with geometry; returns the style of every layer and view."""
    base.execute(TABLE)
    base.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS', ?)",
        (FILE_DATE,),
    )
    made = {one.name: style_of(one, settings) for one in package.all}
    for name, style in made.items():
        if style.symbols:
            qml = template("style.qml").render(style=style)
            base.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
                "VALUES ('', '', ?, ?, ?, ?, '', 1, '', '', ?)",
                (name, GEOMETRY, name, qml, FILE_DATE),
            )
    return made


def style_of(one: Exported, settings: Settings, geometry: str = "") -> Style:
    """How one layer is drawn, named and edited; of a layer of several kinds of geometry, one of them."""
    theme = themes().get(one.name, Theme())
    kinds = geometries(one)
    geometry = geometry or (kinds[-1] if kinds else "No geometry")
    titles = unique_titles(one)
    taken_back = one.layer.name in EDITABLE
    fields: list[dict[str, Any]] = []
    for name in one.columns:
        column = one.layer.column(name)
        codes = domain(column, one.layer.name, settings.operators) if column.type != "list" else {}
        widget = "ValueMap" if codes else "CheckBox" if column.type == "bool" else "TextEdit"
        editable = taken_back and (one.layer.name == "stations" or name in DECISION)
        fields.append(
            {"name": name, "title": titles[name], "codes": codes, "widget": widget, "editable": int(editable)}
        )
    symbols = _symbols(one, theme, geometry, settings) if kinds else []
    spoken = f"{theme.label}_{current_language()}"  # a text that stands in both languages
    label = spoken if spoken in one.columns else theme.label
    return Style(
        geometry,
        theme.expression if theme.column else "",
        symbols,
        label,
        label or one.columns[0],
        fields,
        taken_back,
        LABEL_SCALES.get(one.layer.name, LABEL_SCALE),
        theme,
    )


def geometries(one: Exported) -> list[str]:
    """Kinds of geometry in a layer, points first; none for a table."""
    if not one.layer.geometry:
        return []
    return sorted({GEOMETRIES[kind] for kind in one.table.geom_type.dropna()}, key=lambda kind: CODES[kind])


@cache
def themes() -> dict[str, Theme]:
    """Layer of the package to how it is drawn: resources/qgis/themes.csv."""
    rows = csv.DictReader(resource_text("qgis", "themes.csv").splitlines())
    return {
        row["layer"]: Theme(
            row["looks"], row["column"], row["expression"], row["label"], int(row["order"]), row["shown"] == "yes"
        )
        for row in rows
    }


@cache
def looks() -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """(layer, column) to code to colours and widths: those of the web map, and of what the web map does not draw."""
    colours = {row["operator"]: row["colour"] for row in operator_table()}
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    texts = (resource_text("qgis", "looks.csv"), resource_text("map.csv"))
    for row in chain.from_iterable(csv.DictReader(text.splitlines()) for text in texts):
        if row["fill"] == "@operator":
            row["fill"] = colours[row["code"]]
        found.setdefault((row["layer"], row["column"]), {})[row["code"]] = row
    return found


@cache
def template(name: str) -> jinja2.Template:
    """A template of resources/qgis; what is put into it is escaped for XML."""
    loader = jinja2.FunctionLoader(lambda one: resource_text("qgis", one))
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


def _symbols(one: Exported, theme: Theme, geometry: str, settings: Settings) -> list[Symbol]:
    """The classes of a layer that occur in it, in the order of the looks."""
    known = looks().get((theme.looks, theme.column), {})
    if not theme.column:
        look = known.get("", {})
        return [_symbol("", one.title, look, geometry)]
    there = _occurring(one.table, theme)
    made = []
    for code, look in known.items():
        if code in there:
            shown = theme.column != "boundary_version" or code == settings.province.boundaries
            made.append(_symbol(code, _word(one, theme, code), look, geometry, render=shown))
    if there - set(known):
        made.append(_symbol("", _(NEITHER), {}, geometry))
    return made


def _occurring(table: pd.DataFrame, theme: Theme) -> set[str]:
    """Values that the theme's expression takes on the rows."""
    column = table[theme.column]
    if column.dtype.name in ("bool", "boolean"):
        return set(column.map({True: "yes", False: "no"}).fillna("unknown"))
    if theme.looks == "locations":
        return set(column.where(~table["shared"].astype(bool), "shared"))
    return set(column.fillna("").astype(str))


def _word(one: Exported, theme: Theme, code: str) -> str:
    column = one.layer.column(theme.column)
    if code in operator_names() and column.allowed == (OPERATORS_DOMAIN,):
        return operator_names()[code]
    if column.type == "bool":
        return f"{column.title}: {label('bool', code)}"
    if theme.column == "boundary_version":
        return f"{one.title} ({label('boundary_version', code)})"
    return label(theme.column, code, one.layer.name)


def _symbol(code: str, word: str, look: dict[str, str], geometry: str, *, render: bool = True) -> Symbol:
    line, fill = look.get("line", "#555555"), look.get("fill", "")
    width_mm = float(look.get("weight") or 0.8) * PIXEL_MM
    outline = _rgba(line, look.get("opacity") or "0.9")
    dash = [f"{float(one) * PIXEL_MM:.2f}" for one in (look.get("dash") or "").split()]
    match geometry:
        case "Point":
            made = {
                "name": look.get("symbol") or "circle", "color": _rgba(fill or line, look.get("fill_opacity") or "1"),
                "outline_color": outline, "outline_width": f"{width_mm:.2f}", "outline_width_unit": "MM",
                "size": f"{2 * PIXEL_MM * float(look.get('radius') or 4):.2f}", "size_unit": "MM",
            }  # fmt: skip
            kind = "SimpleMarker"
        case "Line":
            made = {
                "line_color": outline, "line_width": f"{width_mm:.2f}", "line_width_unit": "MM", "line_style": "solid",
                "joinstyle": "round", "capstyle": "round", "use_custom_dash": "1" if dash else "0",
                "customdash": ";".join(dash) or "5;2", "customdash_unit": "MM",
            }  # fmt: skip
            kind = "SimpleLine"
        case _:
            made = {
                "color": _rgba(fill or "#ffffff", look.get("fill_opacity") or "0"), "style": "solid" if fill else "no",
                "outline_color": outline, "outline_width": f"{width_mm:.2f}", "outline_width_unit": "MM",
                "outline_style": "solid", "joinstyle": "bevel",
            }  # fmt: skip
            kind = "SimpleFill"
    return Symbol(code, word, KINDS[geometry], kind, made, "true" if render else "false")


def _rgba(colour: str, opacity: str) -> str:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * float(opacity))}"
