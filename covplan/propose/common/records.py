"""From chosen actions to rows of the layer `proposals`: places, communes, types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from covplan.study.boundaries import Version, in_version
from covplan.study.codes import WGS84
from covplan.study.plan import result_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import shapely

    from covplan.propose.common.costs import Range


def proposal_rows(
    records: Sequence[dict[str, Any]],
    points: Sequence[shapely.Geometry],
    communes: gpd.GeoDataFrame,
    version: Version,
) -> gpd.GeoDataFrame:
    """Records as a table with every column of the layer, at their points in the study's CRS."""
    geometry = gpd.GeoSeries(list(points), crs=communes.crs)
    table = result_table("proposals", pd.DataFrame(list(records)))
    lonlat = geometry.to_crs(WGS84)
    unit = in_version(geometry, communes, version)
    table["x_m"], table["y_m"] = geometry.x.round(1), geometry.y.round(1)
    table["lon"], table["lat"] = lonlat.x.round(6), lonlat.y.round(6)
    table["commune_code"], table["commune"], table["boundary_version"] = unit["commune_code"], unit["name"], version
    return gpd.GeoDataFrame(result_table("proposals", table), geometry=geometry, crs=communes.crs)


def cost_columns(cost: Range, opex: Range) -> dict[str, float]:
    """What a proposal costs to build and to run."""
    return {
        "cost_low_vnd": cost.low,
        "cost_base_vnd": cost.base,
        "cost_high_vnd": cost.high,
        "opex_vnd_per_year": opex.base,
    }
