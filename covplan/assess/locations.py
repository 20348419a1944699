"""Stations to locations: one row per structure, with the operators on it. Feeds the sharing ratio and the maps."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from covplan.study.columns import split_list
from covplan.study.layers import LIST_SEPARATOR


def on_air(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The stations that transmit today; planned ones are left out."""
    return stations[stations["status"] == "existing"]


def group_locations(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One row per `location_id`, at the mean of its stations; columns of resources/layers/locations.csv.

    Structure, height, owner and capacity are those of the station that came on air first: it came with the structure.
    """
    rows = [
        _location(str(location), group)
        for location, group in stations.sort_values(["on_air", "station_id"]).groupby("location_id", sort=True)
    ]
    columns = [
        "location_id", "operators", "stations", "shared", "structure", "height_m", "owner", "max_tenants",
        "technologies", "first_on_air",
    ]  # fmt: skip
    table = pd.DataFrame([attributes for attributes, _ in rows], columns=columns)
    table = table.astype({"max_tenants": "Int64", "first_on_air": "datetime64[s]", "shared": "bool"})
    return gpd.GeoDataFrame(table, geometry=[point for _, point in rows], crs=stations.crs)


def _location(location: str, group: gpd.GeoDataFrame) -> tuple[dict[str, object], object]:
    first = group.iloc[0]
    operators = sorted(set(group["operator"]))
    technologies = sorted({code for text in group["technologies"] for code in split_list(text)})
    attributes = {
        "location_id": location,
        "operators": LIST_SEPARATOR.join(operators),
        "stations": len(group),
        "shared": len(operators) > 1,
        "structure": first["structure"],
        "height_m": first["height_m"],
        "owner": first["owner"],
        "max_tenants": first["max_tenants"],
        "technologies": LIST_SEPARATOR.join(technologies),
        "first_on_air": first["on_air"],
    }
    return attributes, group.geometry.union_all().centroid
