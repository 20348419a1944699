"""The plan as one GeoPackage: every layer under the department's name, in VN-2000, whole or not at all.

`tables` writes the layers; the modules beside it say what they mean (`schema`), how they belong together (`relations`),
where they come from (`metadata`), how they look (`styles`, `project`) and what the coverage is (`tiles`).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from covplan.publish.geopackage import metadata, project, relations, schema, styles, tiles
from covplan.publish.geopackage.tables import exported_layers, write_tables
from covplan.publish.public import public_plan, public_tables, secret_ids
from covplan.study.errors import OutputError
from covplan.study.exported import keep_baseline
from covplan.study.files import fixed_file_date, written_whole
from covplan.study.language import _, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.language import Language
    from covplan.study.plan import Plan

__all__ = ["write_geopackage"]


def write_geopackage(
    plan: Plan,
    path: Path,
    *,
    include_restricted: bool = False,
    epsg: int | None = None,
    coverage: Path | None = None,
    language: Language | None = None,
) -> Path:
    """Write all layers of a plan into one GeoPackage (version 1.3).

    Same plan, same bytes. Layer names are `export_name` in resources/layers.csv, and for the parts of the proposals
    those of resources/qgis/views.csv; columns are those of the layers' definitions. What `publish.public` holds back
    leaves only on request. The file carries its own styles, domains, relations, metadata and a QGIS project, and what
    `covplan readback` needs to tell an edit.

    Parameters
    ----------
    epsg : int, optional
        Coordinate system of the copy, such as 4326; default: the study's.
    coverage : Path, optional
        Folder with the rasters `covplan coverage` wrote: they become tiles. Only in the study's own system.
    language : "vi" or "en", optional
        Of titles, descriptions, styles and the project; names of layers and columns are the same in both.
    """
    with speaking(language, plan.study.settings.province.language):
        if coverage and not include_restricted and secret_ids(plan.study):
            raise OutputError(
                _(
                    "The coverage is strongest where masts stand, restricted ones too. Leave it out, or say "
                    "--include-restricted for a file that stays in the house."
                )
            )
        _write(plan, path, include_restricted, epsg, coverage)
    return path


def _write(plan: Plan, path: Path, include_restricted: bool, epsg: int | None, coverage: Path | None) -> None:
    own = plan.study.settings.province.epsg
    plan = public_plan(plan, include_restricted=include_restricted)
    package = exported_layers(public_tables(plan, include_restricted=include_restricted), epsg or own, own)
    with written_whole(path) as part:
        with fixed_file_date():
            write_tables(package, part)
        with closing(sqlite3.connect(part, isolation_level=None)) as base:
            base.execute("PRAGMA journal_mode = MEMORY")
            base.execute("BEGIN")
            schema.write(base, package, plan.study.settings)
            pictures = tiles.write(base, coverage, own) if coverage and package.epsg == own else []
            relations.write(base, package)
            looks = styles.write(base, package, plan.study.settings)
            project.write(base, package, looks, pictures, plan, path.name)
            metadata.write(base, package, plan, include_restricted=include_restricted)
            keep_baseline(
                base,
                {one.layer.name: one.name for one in package.layers},
                metadata.file_facts(plan, package, include_restricted=include_restricted),
            )
            base.execute("COMMIT")
            base.execute("VACUUM")  # the same pages, however the file grew
