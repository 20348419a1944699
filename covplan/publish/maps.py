"""The plan as one HTML file: Folium and Leaflet, everything inside, opens without internet.

What the layers say is made in `map_layers`, pictures of rasters in `overlays`; resources/web has the scripts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import folium
import geopandas as gpd
import shapely
from branca.element import Element, Figure, MacroElement
from folium.template import Template

from covplan.publish import web
from covplan.publish.map_changes import changes_of
from covplan.publish.map_layers import DRAWINGS, drawn_tables, specification
from covplan.publish.map_projection import projection_of
from covplan.publish.map_shapes import lonlat
from covplan.publish.map_texts import furniture, map_title, safe_json, safe_text, words
from covplan.publish.overlays import coverage_pictures, coverage_title, relief, signal_classes
from covplan.publish.public import public_plan, unpublished_cells
from covplan.publish.words import operator_names
from covplan.study.errors import CovplanError
from covplan.study.files import written_whole
from covplan.study.language import N_, _, by_language, speaking
from covplan.study.layers import layers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from covplan.study.language import Language
    from covplan.study.plan import Plan

CLOSEST_ZOOM = 18
NOT_SERVED = N_("Without the areas served by stations that are not published.")
# Folium's names; all of them are only fetched when the reader's browser is online.
TILES = ("OpenStreetMap", "OpenTopoMap", "Esri.WorldImagery")


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

    _template = Template("")

    def __init__(self, name: str, spec: str, *, shown: bool) -> None:
        super().__init__(name=name, overlay=True, show=shown)
        self._name = "PlanLayer"
        self.spec = spec

    def render(self, **kwargs: Any) -> Any:
        """Put the layer into the page's script as it is: Folium would read all its data once more as a template."""
        text = f"var {self.get_name()} = covplan.layer({self.spec});"
        _page(self).script.add_child(_Verbatim(text), name=self.get_name())
        return super().render(**kwargs)  # type: ignore[no-untyped-call]


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

    def __init__(self, function: str, argument: object) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = function.title()
        self.function = function
        self.argument = safe_json(argument)

    def render(self, **kwargs: Any) -> Any:
        """Put the call into the page's script as it is."""
        text = f"covplan.{self.function}({cast('Element', self._parent).get_name()}, {self.argument});"
        _page(self).script.add_child(_Verbatim(text), name=self.get_name())
        return super().render(**kwargs)  # type: ignore[no-untyped-call]


def draw_map(
    plan: Plan,
    *,
    tiles: bool = False,
    coverage: Path | None = None,
    sheets: Path | None = None,
    language: Language | None = None,
) -> folium.Map:
    """The plan as an interactive map that needs no internet.

    Parameters
    ----------
    plan : Plan
        What to draw; layers without rows are left out.
    tiles : bool
        True: web maps (OpenStreetMap and others) lie below, where there is internet. Nothing is fetched otherwise.
    coverage : Path, optional
        Folder with the rasters of `covplan coverage`: RSRP per operator and technology can be laid over the map.
    sheets : Path, optional
        Folder with the pages of `covplan sheet`, called sheets and beside the map: hamlets that have one link to it.
    language : "vi" or "en", optional
        Of all words on the map; names are those of the data.
    """
    with speaking(language, plan.study.settings.province.language):
        return _drawn(plan, tiles, coverage, sheets)


def _drawn(plan: Plan, tiles: bool, coverage: Path | None, sheets: Path | None) -> folium.Map:
    study = plan.study
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
    page.title = map_title(study.settings.province.name)
    page.height = "640px"  # in a notebook
    shown = public_plan(plan)
    drawn.add_child(_Call("speak", words()))
    drawn.add_child(_Call("furnish", furniture(shown)))
    for number, service in enumerate(TILES if tiles else ()):
        title = _("{service} (needs Internet)").format(service=service.replace(".", " "))
        folium.TileLayer(service, name=title, overlay=True, show=number == 0).add_to(drawn)
    tables, changes = drawn_tables(shown), changes_of(shown, plan)
    for drawing in DRAWINGS:
        if drawing.layer in tables:
            spec = specification(drawing, tables[drawing.layer], shown, changes, sheets, hidden=shown is not plan)
            drawn.add_child(_PlanLayer(safe_text(layers()[drawing.layer].title), spec, shown=drawing.shown))
    drawn.add_child(_Panel())
    drawn.add_child(_Call("rasters", _rasters(plan, coverage, tiles=tiles)))
    drawn.add_child(_Call("time", {"years": changes.years, "unplaced": changes.unplaced}))
    drawn.add_child(_Call("search", {}))
    drawn.add_child(_Call("tools", _tools(shown)))
    west, south, east, north = lonlat(gpd.GeoSeries([study.outline], crs=plan.hamlets.crs)).total_bounds
    drawn.add_child(_Call("fit", [[south, west], [north, east]]))
    return drawn


def write_map(
    plan: Plan,
    path: Path,
    *,
    tiles: bool = False,
    coverage: Path | None = None,
    sheets: Path | None = None,
    language: Language | None = None,
) -> Path:
    """Write the map as one HTML file, whole or not at all; same plan and files, same bytes.

    Parameters are those of `draw_map`; pages of hamlets are looked for in `sheets` beside the file unless told.
    """
    drawn = draw_map(plan, tiles=tiles, coverage=coverage, sheets=sheets or path.parent / "sheets", language=language)
    page = _page(drawn).render()
    fetched = web.loaded_addresses(page)
    if fetched:
        with speaking(language):
            said = _("{file}: the page would load {address}, so it would be blank without internet.")
        raise CovplanError(said.format(file=path.name, address=fetched[0]))
    page = _renumbered(page, drawn)
    with written_whole(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def _page(element: Element) -> Figure:
    return cast("Figure", element.get_root())


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


def _rasters(plan: Plan, coverage: Path | None, *, tiles: bool) -> dict[str, Any]:
    """Relief and coverage as pictures, with the legend of RSRP."""
    study, epsg = plan.study, plan.study.settings.province.epsg
    elevation, hidden = study.rasters["elevation"], unpublished_cells(study)
    pictures = coverage_pictures(coverage, study.outline, epsg, unpublished=hidden) if coverage else ()
    legend = [
        {"label": safe_text(by_language(vi, en)), "colour": "#{:02x}{:02x}{:02x}".format(*colour[:3])}
        for _low, colour, vi, en in reversed(signal_classes())
    ]
    return {
        "relief": vars(relief(elevation, study.outline, epsg)) if elevation else None,
        "shown": not tiles,
        "coverage": [{"title": safe_text(coverage_title(one)), **vars(one.picture)} for one in pictures],
        "legend": legend,
        "note": safe_text(_(NOT_SERVED)) if hidden else "",
    }


def _tools(plan: Plan) -> dict[str, Any]:
    settings = plan.study.settings
    middle = gpd.GeoSeries([shapely.centroid(plan.study.outline)], crs=settings.province.epsg).to_crs(4326).iloc[0]
    return {
        "projection": projection_of(settings.province.epsg, middle.x, middle.y),
        "operators": [[code, safe_text(operator_names().get(code, code))] for code in settings.operators],
        "stations": sorted(str(one) for one in plan.study.stations["station_id"] if str(one).startswith("CAND-")),
    }
