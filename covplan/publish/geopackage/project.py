"""A QGIS project inside the package: groups, order, styles and names, ready to open (Layer ▸ from GeoPackage)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.publish.geopackage.relations import present
from covplan.publish.geopackage.styles import geometries, style_of, template
from covplan.publish.words import label
from covplan.study.language import N_, _
from covplan.study.synthetic import origin_mark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from covplan.publish.geopackage.styles import Style
    from covplan.publish.geopackage.tables import Package
    from covplan.publish.geopackage.tiles import Picture
    from covplan.study.folder import Study
    from covplan.study.plan import Plan

PROJECT_NAME = "quy_hoach"
ZIP_DATE = (2025, 1, 1, 0, 0, 0)
GROUPS = ("plan", "results", "telecom", "cables", "society", "administration", "survey")
OPEN_GROUPS = 3  # the first ones
KIND_WORDS = {"Point": N_("points"), "Line": N_("lines"), "Polygon": N_("areas")}
COVERAGE_ORDER = 65
TABLE_ORDER = 100


@dataclass(frozen=True)
class _InProject:
    id: str
    title: str
    abstract: str
    group: str
    source: str
    provider: str
    shown: bool
    order: int
    style: Style | None
    """None: a raster."""


def write(
    base: sqlite3.Connection,
    package: Package,
    styles: Mapping[str, Style],
    pictures: Sequence[Picture],
    plan: Plan,
    file_name: str,
) -> None:
    """Write qgis_projects with one project, which finds the layers in the file of that name beside it."""
    made: list[_InProject] = []
    for one in package.all:
        kinds = geometries(one)
        whole = package.named(one.layer.name) or one
        for n, kind in enumerate(kinds or [""]):  # QGIS draws one kind of geometry at a time
            several = len(kinds) > 1
            style = style_of(one, plan.study.settings, kind) if several else styles[one.name]
            mixed = f"|geometrytype={kind}" if whole.geometry_type == "Unknown" else ""
            # A part is the whole under a filter: QGIS cannot save edits of a view, of a filtered layer it can.
            part = f"|subset={one.where}" if one.where else ""
            source = f"./{file_name}|layername={whole.name}{mixed}{part}"
            made.append(
                _InProject(
                    _id(one.name) + (f"_{kind.lower()}" if n else ""),
                    one.title + (f" ({_(KIND_WORDS[kind])})" if several else ""),
                    one.group, one.layer.group, source, "ogr", style.theme.shown,
                    style.theme.order if kinds else TABLE_ORDER, style,
                )
            )  # fmt: skip
    made += [
        _InProject(_id(one.name), one.title, one.description, "results", f"GPKG:./{file_name}:{one.name}", "gdal",
                   False, COVERAGE_ORDER, None)
        for one in pictures
    ]  # fmt: skip
    made.sort(key=lambda one: one.order)
    text = template("project.qgs").render(
        title=plan_title(plan.study),
        epsg=package.epsg,
        units="degrees" if package.epsg == 4326 else "meters",
        groups=[
            {"name": label("group", code), "expanded": int(code in GROUPS[:OPEN_GROUPS]),
             "layers": [one for one in made if one.group == code]}
            for code in sorted({one.group for one in made}, key=GROUPS.index)
        ],
        drawn=made,
        relations=[
            {"id": one.name, "name": _(one.title), "referenced": _id(owner.name), "referencing": _id(owned.name),
             "referenced_field": one.base_key, "referencing_field": one.related_key}
            for one, owner, owned in present(package)
        ],
        extent=plan.study.communes.to_crs(package.epsg).total_bounds.tolist(),
    )  # fmt: skip
    base.execute("CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo(f"{PROJECT_NAME}.qgs", ZIP_DATE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, text.encode())
    base.execute(
        "INSERT INTO qgis_projects VALUES (?, ?, ?)",
        (PROJECT_NAME, '{"last_modified_time": "2025-01-01T00:00:00", "last_modified_user": "covplan"}',
         packed.getvalue().hex()),
    )  # fmt: skip


def plan_title(study: Study) -> str:
    """What the plan of a province is called; synthetic data say so."""
    title = _("Telecom infrastructure plan – {province}").format(province=study.settings.province.name)
    return " – ".join(filter(None, [title, origin_mark(study)]))


def _id(name: str) -> str:
    """QGIS gives ids of ten letters or fewer away as too short."""
    return f"covplan_{name}"
