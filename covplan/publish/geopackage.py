"""The plan as one GeoPackage: every layer under the department's name, in VN-2000, whole or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio

from covplan.study.columns import FALSE_WORDS
from covplan.study.files import fixed_file_date, written_whole
from covplan.study.findings import findings_table
from covplan.study.layers import layers

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from covplan.study.folder import Study
    from covplan.study.layers import Layer
    from covplan.study.plan import Plan

GPKG_VERSION = "1.3"  # what QGIS 3.22 and GDAL 3.6 of Debian 12 read without a warning


def write_geopackage(plan: Plan, path: Path, *, include_restricted: bool = False) -> Path:
    """Write all layers of a plan into one GeoPackage (version 1.3) in the study's CRS.

    Same plan, same bytes. Layer names are `export_name` in resources/layers.csv; columns are those of the layers'
    definitions. Stations marked restricted, and the locations they stand on, leave only on request.
    """
    tables = plan.layers() | {"findings": findings_table(plan.findings)}
    hidden = set() if include_restricted else restricted_locations(plan.study.stations)
    secret = set() if include_restricted else _secret_ids(plan.study)
    with written_whole(path) as part, fixed_file_date():
        for name, table in tables.items():
            if len(table):
                _write(_public(name, table, hidden, secret), part, layers()[name])
    return path


def restricted_locations(stations: pd.DataFrame) -> set[str]:
    """Ids of the locations that hold a restricted station."""
    return set(stations.loc[stations["restricted"].fillna(value=False).astype(bool), "location_id"])


def _secret_ids(study: Study) -> set[str]:
    """Ids that would give a restricted location away: its own, its stations', also of a row that was set aside."""
    stations = study.stations
    rows = [stations[stations["location_id"].isin(restricted_locations(stations))]]
    aside = study.set_aside.get("stations")
    if aside is not None and "restricted" in aside:
        # As written: whatever is not plainly a no counts as restricted.
        said = aside["restricted"].fillna("").astype(str).str.strip().str.casefold()
        rows.append(aside[~said.isin({"", *FALSE_WORDS})])
    ids = {str(one) for table in rows for name in ("station_id", "location_id") for one in table[name].dropna()}
    return ids | set(study.cells.loc[study.cells["station_id"].isin(ids), "cell_id"])


def _public(name: str, table: pd.DataFrame, hidden: set[str], secret: set[str]) -> pd.DataFrame:
    """A table without restricted stations and without what would give their places away."""
    if name in ("stations", "locations"):
        return table[~table["location_id"].isin(hidden)]
    if name == "cells":
        return table[~table["station_id"].isin(secret)]
    if name == "findings" and secret:
        # A finding quotes ids: in its place, its value and, for a twin, in its text.
        named = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(secret)))})(?!\w)")
        names_one = table[["id", "value", "problem", "done", "advice"]].apply(lambda column: column.str.contains(named))
        return table[~names_one.any(axis=1)]
    if name == "hamlets":
        near = table["nearest_location_id"].isin(hidden)
        columns = ["nearest_location_id", "nearest_location_m"]
        shown = table.assign(**{column: table[column].mask(near) for column in columns})
        return _without_servers(shown, secret)
    if name == "signals":
        return _without_servers(table, secret)
    if name == "evidence":
        return table[~table["object_id"].isin(hidden | secret)]
    return table


def _without_servers(table: pd.DataFrame, secret: set[str]) -> pd.DataFrame:
    """A table that does not say which restricted cell serves."""
    if "server" not in table:
        return table
    return table.assign(server=table["server"].mask(table["server"].isin(secret)))


def _write(table: pd.DataFrame, path: Path, layer: Layer) -> None:
    # A column of the user's own may be personal, or bear a name GDAL keeps for itself (fid, geom).
    defined = [column.name for column in layer.columns if column.name in table]
    plain = table[[*defined, "geometry"] if layer.geometry else defined].copy()
    for column in plain.columns[plain.dtypes.map(lambda dtype: dtype.kind == "M")]:
        plain[column] = plain[column].dt.strftime("%Y-%m-%d")
    geometry_type = None
    if layer.geometry:
        plain = gpd.GeoDataFrame(plain)
        kinds = set(plain.geom_type)
        geometry_type = kinds.pop() if len(kinds) == 1 else "Unknown"
    pyogrio.write_dataframe(
        plain,
        path,
        layer=layer.export_name,
        driver="GPKG",
        append=path.exists(),
        geometry_type=geometry_type,
        dataset_options={} if path.exists() else {"VERSION": GPKG_VERSION},
        layer_options={"IDENTIFIER": layer.title_vi},
    )
