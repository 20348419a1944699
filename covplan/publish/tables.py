"""The plan's tables as documents read them: what may be shown, every layer there, every column there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from covplan.publish.public import public_tables
from covplan.study.layers import layers

if TYPE_CHECKING:
    from covplan.study.plan import Plan


def document_tables(plan: Plan, *, include_restricted: bool = False) -> dict[str, pd.DataFrame]:
    """Layers by name, those without rows too, each with all columns of its definition (empty where it lacks one)."""
    shown = public_tables(plan, include_restricted=include_restricted)
    epsg = plan.study.settings.province.epsg
    return {name: _with_columns(shown.get(name), name, epsg) for name in layers()}


def _with_columns(table: pd.DataFrame | None, name: str, epsg: int) -> pd.DataFrame:
    layer = layers()[name]
    if table is None:
        table = gpd.GeoDataFrame(geometry=[], crs=epsg) if layer.geometry else pd.DataFrame()
    missing = [column.name for column in layer.columns if column.name not in table]
    return table.assign(**dict.fromkeys(missing))
