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
    ordered = stations.sort_values(["on_air", "station_id"])
    groups = ordered.groupby("location_id", sort=True)
    first = groups.head(1).set_index("location_id").sort_index()
    operators = groups["operator"].agg(lambda codes: LIST_SEPARATOR.join(sorted(set(codes))))
    counted = groups["operator"].nunique()
    at = pd.DataFrame({"location_id": ordered["location_id"], "x": ordered.geometry.x, "y": ordered.geometry.y})
    middle = at.drop_duplicates().groupby("location_id", sort=True)[["x", "y"]].mean()
    table = pd.DataFrame(
        {
            "location_id": first.index.astype(str),
            "operators": operators.reindex(first.index).to_numpy(object),
            "stations": groups.size().reindex(first.index).to_numpy(),
            "shared": (counted.reindex(first.index) > 1).to_numpy(bool),
            "structure": first["structure"].to_numpy(object),
            "height_m": first["height_m"].array,
            "owner": first["owner"].to_numpy(object),
            "max_tenants": first["max_tenants"].array,
            "technologies": groups["technologies"].agg(_all_of).reindex(first.index).to_numpy(object),
            "first_on_air": first["on_air"].array,
        }
    )
    if "assumed" in first:
        table["assumed"] = first["assumed"].array
    table = table.astype({"max_tenants": "Int64", "first_on_air": "datetime64[s]"})
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(middle["x"], middle["y"]), crs=stations.crs)


def _all_of(lists: pd.Series) -> str:
    return LIST_SEPARATOR.join(sorted({code for text in lists for code in split_list(text)}))
