"""How layers belong together: location, stations, cells and proposals, by the related-tables extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.publish.geopackage.schema import extend
from covplan.study.exported import FILE_ID
from covplan.study.language import N_

if TYPE_CHECKING:
    import sqlite3

    from covplan.publish.geopackage.tables import Exported, Package

DEFINITION = "http://www.geopackage.org/18-000.html"
EXTENSION = ("gpkg_related_tables", DEFINITION, "read-write")


@dataclass(frozen=True)
class Relation:
    """Rows of one layer that belong to a row of another, because they hold its id."""

    name: str
    base: str
    base_key: str
    related: str
    related_key: str
    title: str


RELATIONS = (
    Relation("lq_vi_tri_tram", "locations", "location_id", "stations", "location_id", N_("Stations at a location")),
    Relation(
        "lq_vi_tri_de_xuat", "locations", "location_id", "proposals", "location_id", N_("Proposals at a location")
    ),
    Relation(
        "lq_vi_tri_roi_di", "locations", "location_id", "proposals", "from_location_id", N_("Proposals that leave it")
    ),
    Relation("lq_tram_cell", "stations", "station_id", "cells", "station_id", N_("Cells of a station")),
    Relation("lq_thon_de_xuat", "hamlets", "village_id", "proposals", "village_id", N_("Proposals for a hamlet")),
    Relation("lq_dia_diem_de_xuat", "places", "place_id", "proposals", "place_id", N_("Proposals at a place")),
    Relation("lq_thon_tin_hieu", "hamlets", "village_id", "signals", "village_id", N_("Signals of a hamlet")),
)


def present(package: Package) -> list[tuple[Relation, Exported, Exported]]:
    """The relations both of whose layers are in the package."""
    found = [(one, package.named(one.base), package.named(one.related)) for one in RELATIONS]
    return [(one, base, related) for one, base, related in found if base is not None and related is not None]


def write(base: sqlite3.Connection, package: Package) -> None:
    """Write gpkgext_relations and one mapping table per relation."""
    there = present(package)
    if not there:
        return
    base.execute(
        "CREATE TABLE gpkgext_relations (id INTEGER PRIMARY KEY AUTOINCREMENT, base_table_name TEXT NOT NULL, "
        "base_primary_column TEXT NOT NULL DEFAULT 'id', related_table_name TEXT NOT NULL, "
        "related_primary_column TEXT NOT NULL DEFAULT 'id', relation_name TEXT NOT NULL, "
        "mapping_table_name TEXT NOT NULL UNIQUE)"
    )
    extend(base, "gpkgext_relations", None, *EXTENSION)
    for one, owner, owned in there:
        base.execute(f'CREATE TABLE "{one.name}" (base_id INTEGER NOT NULL, related_id INTEGER NOT NULL)')
        base.execute(
            f'INSERT INTO "{one.name}" SELECT a."{FILE_ID}", b."{FILE_ID}" FROM "{owner.name}" a '  # noqa: S608
            f'JOIN "{owned.name}" b ON a."{one.base_key}" = b."{one.related_key}" ORDER BY 1, 2'
        )
        extend(base, one.name, None, *EXTENSION)
        base.execute(
            "INSERT INTO gpkgext_relations (base_table_name, base_primary_column, related_table_name, "
            "related_primary_column, relation_name, mapping_table_name) VALUES (?, ?, ?, ?, ?, ?)",
            (owner.name, FILE_ID, owned.name, FILE_ID, "features" if owned.layer.geometry else "attributes", one.name),
        )
