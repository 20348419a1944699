"""The plan as one GeoPackage: every layer under the department's name, in VN-2000, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio

from covplan.study.files import fixed_file_date, written_whole
from covplan.study.findings import findings_table
from covplan.study.layers import layers

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from covplan.study.layers import Layer
    from covplan.study.plan import Plan

GPKG_VERSION = "1.3"  # what QGIS 3.22 and GDAL 3.6 of Debian 12 read without a warning


def write_geopackage(plan: Plan, path: Path, *, include_restricted: bool = False) -> Path:
    """Write all layers of a plan into one GeoPackage (version 1.3) in the study's CRS.

    Same plan, same bytes. Layer names are `export_name` in resources/layers.csv; columns are those of the layers'
    definitions. Stations marked restricted, and the locations they stand on, leave only on request.
    """
    tables = plan.layers() | {"findings": findings_table(plan.study.findings)}
    with written_whole(path) as part, fixed_file_date():
        for name, table in tables.items():
            if len(table):
                shown = table if include_restricted else _public(name, table, plan.study.stations)
                _write(shown, part, layers()[name])
    return path


def restricted_locations(stations: pd.DataFrame) -> set[str]:
    """Ids of the locations that hold a restricted station."""
    return set(stations.loc[stations["restricted"].fillna(value=False).astype(bool), "location_id"])


def _public(name: str, table: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """A table without restricted stations and without what would give their places away."""
    hidden = restricted_locations(stations)
    if name in ("stations", "locations"):
        return table[~table["location_id"].isin(hidden)]
    if name in ("cells", "findings"):
        secret = stations.loc[stations["location_id"].isin(hidden), "station_id"]
        return table[~table["station_id" if name == "cells" else "id"].isin(secret)]
    if name == "hamlets":
        near = table["nearest_location_id"].isin(hidden)
        columns = ["nearest_location_id", "nearest_location_m"]
        return table.assign(**{column: table[column].mask(near) for column in columns})
    return table


def _write(table: pd.DataFrame, path: Path, layer: Layer) -> None:
    plain = table.copy()
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
