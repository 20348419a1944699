"""The plan as one HTML file: Folium and Leaflet, everything inside, opens without internet.

Looks (colours, widths, symbols per code) are data in `resources/map.csv`, words in `resources/labels.csv`, titles in
`resources/layers`. Locations that hold a restricted station are not on the map.
"""

from __future__ import annotations

import csv
import html
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from branca.element import Element, Figure, MacroElement
from folium.template import Template

from covplan.publish import web
from covplan.publish.geopackage import restricted_locations
from covplan.publish.words import NO_BREAK, label, number_vi, operator_names, program, shown
from covplan.study.boundaries import communes_of
from covplan.study.errors import CovplanError
from covplan.study.files import written_whole
from covplan.study.layers import layers
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from covplan.study.layers import Column
    from covplan.study.plan import Plan

AREA_TOLERANCE_M = 60.0
GAP_M = 200.0  # between communes that should share a border
LINE_TOLERANCE_M = 20.0
DECIMALS = 5  # of a degree: about a metre
CLOSEST_ZOOM = 18
MAIN_INDICATORS = ("VILLAGE_MBB_COV", "VILLAGE_FTTH_COV", "FTTH_HH", "BTS_SHARE_RATIO")
SYNTHETIC_BANNER = "Dữ liệu mô phỏng – vị trí trạm, thôn, tuyến cáp KHÔNG có thật"
NOT_PUBLISHED = "Không gồm các vị trí hạn chế công bố."
# What a reader of the map does not need, or reads elsewhere on it.
NOT_IN_POPUPS = {"synthetic", "boundary_version", "commune_code"}
NORTH = (
    '<svg width="18" height="22" viewBox="0 0 18 22" role="img" aria-label="Hướng bắc">'
    '<path d="M9 1 L16 21 L9 16 Z" fill="#222"/><path d="M9 1 L2 21 L9 16 Z" fill="#fff" stroke="#222"/></svg>B'
)


@dataclass(frozen=True)
class Drawing:
    """How one layer is put on the map."""

    layer: str
    height: int
    """Place in the pile: greater is drawn above."""
    heading: str = "name"
    """Column that names an object."""
    shown: bool = True
    """Switched on when the map opens."""
    interactive: bool = True


# In the order of the panel.
DRAWINGS = (
    Drawing("hamlets", height=1),
    Drawing("locations", height=7, heading="location_id"),
    Drawing("routes", height=4, heading="route_id", shown=False),
    Drawing("nodes", height=5, heading="node_id", shown=False),
    Drawing("places", height=6, shown=False),
    # Without popups: roads lie over the hamlets, and it is the hamlets one asks about.
    Drawing("roads", height=2, shown=False, interactive=False),
    Drawing("communes", height=3, interactive=False),
)


class OfflineMap(folium.Map):
    """A Folium map whose scripts and styles are in the page, in a file and in a notebook alike."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012  # Folium's own way to say what a map loads
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    def render(self, **kwargs: Any) -> Any:
        """Put scripts and styles into the head of the page, then everything else."""
        header = _page(self).header
        header.add_child(_Verbatim(f"<script>{web.scripts()}</script>"), name="covplan_scripts")
        header.add_child(_Verbatim(f"<style>{web.styles()}</style>"), name="covplan_styles")
        return super().render(**kwargs)  # type: ignore[no-untyped-call]


class _Verbatim(Element):
    """Text that is put into the page as it is; Leaflet's code is no template."""

    _template = Template("{{ this.text }}")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _PlanLayer(folium.map.Layer):
    """A layer of the plan, drawn by resources/web/map.js from a specification in JSON."""

    _template = Template("{% macro script(this, kwargs) %}var {{ this.get_name() }} = covplan.layer({{ this.spec }});"
                         "{% endmacro %}")  # fmt: skip

    def __init__(self, name: str, spec: str, *, shown: bool) -> None:
        super().__init__(name=name, overlay=True, show=shown)
        self._name = "PlanLayer"
        self.spec = spec


class _Panel(folium.LayerControl):
    """Folium's layer control, with headings and legends."""

    _template = Template("""
        {% macro script(this, kwargs) %}
        covplan.panel({{ this._parent.get_name() }},
            { {%- for key, val in this.base_layers.items() %}{{ key|tojson }}: {{ val }},{% endfor -%} },
            { {%- for key, val in this.overlays.items() %}{{ key|tojson }}: {{ val }},{% endfor -%} });
        {% endmacro %}
        """)


class _Call(MacroElement):
    """One call of covplan's script on the map."""

    _template = Template("{% macro script(this, kwargs) %}"
                         "covplan.{{ this.function }}({{ this._parent.get_name() }}, {{ this.argument }});"
                         "{% endmacro %}")  # fmt: skip

    def __init__(self, function: str, argument: object) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = function.title()
        self.function = function
        self.argument = _json(argument)


def draw_map(plan: Plan, *, tiles: bool = False) -> folium.Map:
    """The plan as an interactive map that needs no internet.

    Parameters
    ----------
    plan : Plan
        What to draw; layers without rows are left out.
    tiles : bool
        True: OpenStreetMap lies below, where there is internet. Nothing is fetched otherwise.
    """
    name = plan.study.settings.province.name
    # maxZoom by its Leaflet name: Folium drops max_zoom when there are no tiles.
    drawn = OfflineMap(
        tiles=None,
        prefer_canvas=True,
        zoom_control=False,
        font_size="13px",
        maxZoom=CLOSEST_ZOOM,
        zoomSnap=1 if tiles else 0.25,
    )
    page = _page(drawn)
    page.title = _text(f"{name}: hạ tầng viễn thông")
    page.height = "640px"  # in a notebook
    drawn.add_child(_Call("furnish", _furniture(plan)))
    if tiles:
        folium.TileLayer("OpenStreetMap", name="OpenStreetMap (cần Internet)", overlay=True).add_to(drawn)
    tables = _public_tables(plan)
    for drawing in DRAWINGS:
        if drawing.layer in tables:
            spec = _specification(drawing, tables[drawing.layer], plan)
            drawn.add_child(_PlanLayer(_text(layers()[drawing.layer].title_vi), spec, shown=drawing.shown))
    drawn.add_child(_Panel())
    west, south, east, north = _lonlat(gpd.GeoSeries([plan.study.outline], crs=plan.hamlets.crs)).total_bounds
    drawn.add_child(_Call("fit", [[south, west], [north, east]]))
    return drawn


def write_map(plan: Plan, path: Path, *, tiles: bool = False) -> Path:
    """Write the map as one HTML file, whole or not at all; same plan, same bytes."""
    drawn = draw_map(plan, tiles=tiles)
    page = _page(drawn).render()
    fetched = web.loaded_addresses(page)
    if fetched:
        raise CovplanError(f"{path.name}: the page would load {fetched[0]}, so it would be blank without internet.")
    page = _renumbered(page, drawn)
    with written_whole(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def _page(element: Element) -> Figure:
    return cast("Figure", element.get_root())


def _text(value: str) -> str:
    """Text for a page: the only way from data into HTML."""
    return html.escape(unicodedata.normalize("NFC", value))


def _json(value: object) -> str:
    """JSON that can stand in a script element and in a template.

    Folium renders what it has rendered once more as a template: without care, {{ }} in a name would be run. In JSON
    a brace is followed by a quote or a brace that closes, so {{, {% and {# are always text.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r"\{(?=[{%#])", r"\\u007b", text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _renumbered(page: str, drawn: folium.Map) -> str:
    """The page with Folium's random ids in order of appearance; an id-like word in the data stays as it is."""
    ids = {element.get_name().rpartition("_")[2] for element in _elements(_page(drawn))}
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"{len(numbers) + 1}") if found[0] in ids else found[0]

    return re.sub(r"(?<=_)[0-9a-f]{32}", number, page)


def _elements(element: Any) -> Iterator[Any]:
    yield element
    for child in element._children.values():
        yield from _elements(child)


# --- what is shown


def _public_tables(plan: Plan) -> dict[str, gpd.GeoDataFrame]:
    """The layers to draw by name, in the study's CRS, without what is not published and without empty ones."""
    hidden = restricted_locations(plan.study.stations)
    tables = {name: gpd.GeoDataFrame(table) for name, table in plan.layers().items()}
    tables["hamlets"] = _without_trace(plan.hamlets, hidden)
    tables["locations"] = plan.locations[~plan.locations["location_id"].isin(hidden)]
    if "places" in tables:
        tables["places"] = _with_symbol(tables["places"])
    if "roads" in tables:
        tables["roads"] = _by_class(tables["roads"])
    tables["communes"] = _borders(communes_of(plan.study.communes, plan.study.settings.province.boundaries))
    return {name: table for name, table in tables.items() if len(table)}


def _without_trace(hamlets: gpd.GeoDataFrame, hidden: set[str]) -> gpd.GeoDataFrame:
    """Hamlets without name and distance of a hidden location: distances from three hamlets would give it away."""
    traced = hamlets["nearest_location_id"].isin(hidden)
    nearest = ["nearest_location_id", "nearest_location_m"]
    return hamlets.assign(**{column: hamlets[column].mask(traced) for column in nearest})


def _with_symbol(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Each area together with a point in it, which is seen when the area is too small to be."""
    shapes = [
        shape if shape.geom_type == "Point" else shapely.GeometryCollection([shape, shape.representative_point()])
        for shape in places.geometry
    ]
    return places.set_geometry(gpd.GeoSeries(shapes, index=places.index, crs=places.crs))


def _by_class(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One multi-line per class; each road is simplified by itself before, so that crossings stay joined."""
    lines = gpd.GeoSeries(shapely.simplify(roads.geometry.to_numpy(), LINE_TOLERANCE_M), crs=roads.crs)
    grouped = lines.groupby(roads["class"].to_numpy()).agg(lambda group: shapely.union_all(group.to_numpy()))
    return gpd.GeoDataFrame({"class": grouped.index}, geometry=list(grouped), crs=roads.crs)


def _borders(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Borders of communes, districts (where there are) and the province, one multi-line each."""
    shapes = communes.set_geometry(_coverage(communes.geometry))
    districts = shapes.dropna(subset="district").dissolve("district")
    rows = {
        "commune": shapes.geometry,
        "district": districts.geometry.map(_without_slivers),
        "province": gpd.GeoSeries([_without_slivers(shapes.geometry.union_all())]),
    }
    lines = {border: shapely.union_all(series.boundary.to_numpy()) for border, series in rows.items() if len(series)}
    return gpd.GeoDataFrame({"border": list(lines)}, geometry=list(lines.values()), crs=communes.crs)


def _without_slivers(area: shapely.Geometry) -> shapely.Geometry:
    """Closes the narrow gaps that real files leave between neighbours: they are no border of the whole."""
    closed = shapely.buffer(shapely.buffer(area, GAP_M, join_style="mitre"), -GAP_M, join_style="mitre")
    return shapely.MultiPolygon([shapely.Polygon(part.exterior) for part in shapely.get_parts(closed)])


def _names(communes: gpd.GeoDataFrame) -> list[list[Any]]:
    """Names of districts and communes: latitude, longitude, text, rank."""
    districts = communes.dropna(subset="district").dissolve("district").reset_index()
    ranks = (("district", districts, districts["district"]), ("commune", communes, communes["name"]))
    return [
        [round(point.y, DECIMALS), round(point.x, DECIMALS), _text(str(text)), rank]
        for rank, table, texts in ranks
        for point, text in zip(table.geometry.representative_point().to_crs(4326), texts, strict=True)
    ]


# --- how a layer is told to the script


def _specification(drawing: Drawing, table: gpd.GeoDataFrame, plan: Plan) -> str:
    """A layer as JSON for `covplan.layer`: titles, themes with looks and legend, features."""
    definition = layers()[drawing.layer]
    columns = [column for column in definition.columns if column.name in table and column.name not in NOT_IN_POPUPS]
    columns = columns if drawing.interactive else []
    classes = {theme: _classes(drawing.layer, theme, table) for theme in looks()[drawing.layer]}
    hidden = drawing.layer == "locations" and len(table) < len(plan.locations)
    own = communes_of(plan.study.communes, plan.study.settings.province.boundaries)
    head = {
        "title": _text(definition.title_vi),
        "group": _text(definition.group_vi),
        "heading": drawing.heading,
        "height": drawing.height,
        "interactive": drawing.interactive,
        "note": NOT_PUBLISHED if hidden else "",
        "columns": {column.name: _text(column.title_vi) for column in columns if column.name != drawing.heading},
        "themes": [_theme(drawing, theme, codes, table) for theme, codes in classes.items()],
        "names": _names(own) if drawing.layer == "communes" else [],
    }
    features = _features(table, columns, list(classes.values()), drawing.layer)
    return f'{_json(head)[:-1]},"data":{features}}}'


def _theme(drawing: Drawing, theme: str, codes: list[str], table: gpd.GeoDataFrame) -> dict[str, Any]:
    """A column as colours: its title, the look of every code that occurs, and the legend with counts."""
    styles = {code: look for code, look in looks()[drawing.layer][theme].items() if code in set(codes)}
    points = set(table.geom_type) <= {"Point", "GeometryCollection"}
    legend = [
        {
            "label": _text(_class_name(drawing.layer, theme, code)),
            "count": _amount(drawing, table[[one == code for one in codes]]),
            "style": {**look, "shape": "point" if points else "area"},
        }
        for code, look in styles.items()
    ]
    titles = {column.name: column.title_vi for column in layers()[drawing.layer].columns}
    return {"title": _text(titles.get(theme, theme)), "styles": styles, "legend": legend}


def _amount(drawing: Drawing, rows: gpd.GeoDataFrame) -> str:
    """What the legend says there is of a class: kilometres of cable, or a number of objects."""
    if "length_m" in rows:
        length_m = rows["length_m"].fillna(rows.length)
        return f"{number_vi(length_m.sum() / 1000)}{NO_BREAK}km"
    return number_vi(len(rows)) if drawing.interactive else ""


def _classes(layer: str, theme: str, table: gpd.GeoDataFrame) -> list[str]:
    """Code of every object in a theme, one for which there is a look."""
    if (layer, theme) == ("locations", "operators"):
        return [*table["operators"].where(~table["shared"], "shared")]
    values = table[theme]
    if values.dtype.name in ("bool", "boolean"):
        values = values.map({True: "yes", False: "no"})
    return [*values.astype("object").where(values.notna(), "unknown").astype(str)]


def _class_name(layer: str, theme: str, code: str) -> str:
    if theme == "operators" and code in operator_names():
        return operator_names()[code]
    if theme == "shared":
        return label("shared", code)
    return label(theme, code, layer) if label(theme, code, layer) != code else label("bool", code)


def _features(table: gpd.GeoDataFrame, columns: list[Column], classes: list[list[str]], layer: str) -> str:
    """The rows as GeoJSON text: words of the columns that have a value, escaped, and the class in each theme."""
    words = {column.name: [_text(shown(column, value, layer)) for value in table[column.name]] for column in columns}
    shapes = shapely.to_geojson(_drawable(table.geometry).to_numpy())
    features = []
    for row, shape in enumerate(shapes):
        properties: dict[str, Any] = {name: texts[row] for name, texts in words.items() if texts[row]}
        properties["classes"] = [codes[row] for codes in classes]
        features.append(f'{{"type":"Feature","properties":{_json(properties)},"geometry":{shape}}}')
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'


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


# --- shapes


def _drawable(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Simplified, in WGS 84, rounded."""
    kinds = shapes.geom_type
    areas, lines = kinds.isin(["Polygon", "MultiPolygon"]), kinds.isin(["LineString", "MultiLineString"])
    simple = shapes.copy()
    if areas.any():
        simple[areas] = _coverage(shapes[areas])
    if lines.any():
        simple[lines] = shapes[lines].simplify(LINE_TOLERANCE_M)
    return _lonlat(simple)


def _coverage(areas: gpd.GeoSeries) -> gpd.GeoSeries:
    """Areas simplified so that neighbours keep their common border."""
    simple = shapely.coverage_simplify(areas.to_numpy(), AREA_TOLERANCE_M)
    return gpd.GeoSeries(simple, index=areas.index, crs=areas.crs)


def _lonlat(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    turned = shapes.to_crs(4326)
    rounded = shapely.transform(turned.to_numpy(), lambda lonlat: np.round(lonlat, DECIMALS))
    return gpd.GeoSeries(rounded, index=shapes.index, crs=4326)


# --- title, figures, provenance


def _furniture(plan: Plan) -> dict[str, str]:
    """The texts around the map, as HTML."""
    return {
        "banner": _text(SYNTHETIC_BANNER) if plan.study.settings.province.synthetic else "",
        "north": NORTH,
        "box": _title(plan) + _indicator_table(plan.indicators),
        "provenance": _provenance(plan),
    }


def _title(plan: Plan) -> str:
    province = plan.study.settings.province
    version = f"{province.boundaries} ({label('boundary_version', province.boundaries)})"
    return f"<h1>{_text(province.name)}: hạ tầng viễn thông</h1><p>Địa giới {_text(version)}</p>"


def _indicator_table(indicators: pd.DataFrame) -> str:
    """The main indicators with their targets, in a block that can be folded."""
    titles = {column.name: column.title_vi for column in layers()["indicators"].columns}
    figures = ["value", "target_2025", "target_2030"]
    heads = "".join(f"<th>{_text(titles[name])}</th>" for name in figures)
    known = indicators.set_index("indicator")
    rows = "".join(_indicator_row(known.loc[name]) for name in MAIN_INDICATORS if name in known.index)
    return f"<details open><summary>{_text('Chỉ tiêu chính')}</summary><table><tr>{heads}</tr>{rows}</table></details>"


def _indicator_row(row: pd.Series) -> str:
    def figure(name: str) -> str:
        if pd.isna(row[name]):
            return "–"
        return f"{number_vi(row[name], 2)}{NO_BREAK}{label('indicator_unit', str(row['unit']))}"

    counted = ""
    if not pd.isna(row["denominator"]):
        counted = f"{number_vi(row['numerator'])}/{number_vi(row['denominator'])} {row['counted']}"
    targets = "".join(
        f'<td class="{_met(row["value"], row[f"target_{year}"])}">{_text(figure(f"target_{year}"))}</td>'
        for year in (2025, 2030)
    )
    return (
        f'<tr class="name"><td colspan="3" title="{_text(str(row["how_vi"]))}">{_text(str(row["name_vi"]))}'
        f" <small>({_text(counted)})</small></td></tr><tr><td>{_text(figure('value'))}</td>{targets}</tr>"
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
    return _text(" · ".join([said, *_reliability(plan), program()]))


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
