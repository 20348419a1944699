"""Where the package comes from: ISO 19115 metadata inside it, and the same facts for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from covplan.publish.geopackage.schema import extend
from covplan.publish.words import program
from covplan.study.files import FILE_DATE
from covplan.study.folder import study_key
from covplan.study.language import N_, _, current_language, number
from covplan.study.layers import input_layers
from covplan.study.resources import resource_text
from covplan.study.settings_file import settings_digest
from covplan.study.synthetic import origin_notice, origins

if TYPE_CHECKING:
    import sqlite3

    from covplan.publish.geopackage.tables import Package
    from covplan.study.plan import Plan

EXTENSION = ("gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata", "read-write")
STANDARD = "http://www.isotc211.org/2005/gmd"
KEY_LENGTH = 32
WITH_RESTRICTED = N_("HOLDS restricted locations: not to be passed on.")
WITHOUT_RESTRICTED = N_("Without restricted locations.")
LINEAGE = N_(
    "Made by {program} from the study folder with the key {study}, settings {settings}, boundaries {boundaries}. The "
    "date in the file is fixed, so that the same data are the same file. VN-2000 ↔ WGS 84: EPSG, 7 parameters, error "
    "about 1 m."
)
TABLES = """
CREATE TABLE gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
  md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
  reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), md_file_id INTEGER NOT NULL,
  md_parent_id INTEGER, CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
"""


def write(base: sqlite3.Connection, package: Package, plan: Plan, *, include_restricted: bool) -> None:
    """Write gpkg_metadata and gpkg_metadata_reference with one ISO 19115 record of the whole file."""
    for statement in filter(str.strip, TABLES.split(";")):
        base.execute(statement)
    extend(base, "gpkg_metadata", None, *EXTENSION)
    extend(base, "gpkg_metadata_reference", None, *EXTENSION)
    record = iso_19115(plan, package, include_restricted=include_restricted)
    base.execute("INSERT INTO gpkg_metadata VALUES (1, 'dataset', ?, 'text/xml', ?)", (STANDARD, record))
    base.execute(
        "INSERT INTO gpkg_metadata_reference VALUES ('geopackage', NULL, NULL, NULL, ?, 1, NULL)", (FILE_DATE,)
    )


def iso_19115(plan: Plan, package: Package, *, include_restricted: bool) -> str:
    """The metadata record as XML (ISO 19139)."""
    facts = file_facts(plan, package, include_restricted=include_restricted)
    province, study = plan.study.settings.province, plan.study
    west, south, east, north = study.communes.to_crs(4326).total_bounds
    notice = origin_notice(study)
    synthetic = f"{notice}. " if notice else ""
    limits = f"{synthetic}{_(WITH_RESTRICTED if include_restricted else WITHOUT_RESTRICTED)}"
    shown = ", ".join(one.title for one in package.all)
    sources = [
        f"{layer.file} {layer.file_layer}".strip()
        + ": "
        + _("{layer}, {count} rows").format(layer=layer.title, count=number(len(study.table(name))))
        for name, layer in input_layers().items()
        if len(study.table(name))
    ]
    sources += [path.name for _, path in sorted(study.rasters.items()) if path]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(resource_text("qgis", "metadata.xml")).render(
        key=facts["study_key"],
        program=program(),
        date=FILE_DATE[:10],
        epsg=package.epsg,
        language={"vi": "vie", "en": "eng"}[current_language()],
        title=_("Telecom infrastructure plan – {province}").format(province=province.name),
        abstract=synthetic + _("Layers: {layers}.").format(layers=shown),
        limitation=limits,
        west=f"{west:.6f}",
        east=f"{east:.6f}",
        south=f"{south:.6f}",
        north=f"{north:.6f}",
        lineage=_(LINEAGE).format(
            program=program(),
            study=facts["study_key"],
            settings=facts["settings_key"],
            boundaries=province.boundaries,
        ),
        sources=sources,
    )


def file_facts(plan: Plan, package: Package, *, include_restricted: bool) -> dict[str, Any]:
    """What identifies the plan a file was made of."""
    settings, counted = plan.study.settings, origins(plan.study)
    return {
        "program": program(),
        "study_key": study_key(plan.study.path)[:KEY_LENGTH],
        "settings_key": settings_digest(settings)[:KEY_LENGTH],
        "province": settings.province.name,
        "epsg": package.epsg,
        "study_epsg": settings.province.epsg,
        "boundaries": settings.province.boundaries,
        "synthetic": settings.province.synthetic,
        "simulated_rows": {one.layer.name: f"{one.simulated}/{one.rows}" for one in counted if one.simulated},
        "assumed_rows": {one.layer.name: f"{one.assumed}/{one.rows}" for one in counted if one.assumed},
        "restricted": include_restricted,
    }
