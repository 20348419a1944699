"""State of every hamlet as the province declares it, with the commune by its own list and the nearest location."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from covplan.study.boundaries import name_of
from covplan.study.geometry import distance_m

DECLARED = [
    "village_id", "name", "commune_code", "boundary_version", "district", "households", "population", "ftth_households",
    "grid_power", "difficulty",
]  # fmt: skip


def hamlet_states(
    villages: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, locations: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """One row per hamlet, same index as `villages`; columns of resources/layers/hamlets.csv.

    `mobile_state` is covered, weak, none or unknown: a hamlet about which the list says nothing is unknown.
    """
    hamlets = gpd.GeoDataFrame(villages[DECLARED].copy(), geometry=villages.geometry)
    hamlets["commune"] = name_of(villages["commune_code"], villages["boundary_version"], communes)
    hamlets["mobile_state"] = villages["declared_mobile"].fillna("unknown")
    hamlets["mobile_5g"] = villages["declared_5g"]
    hamlets["ftth"] = villages["declared_ftth"]
    hamlets["basis"] = "declared"
    nearest = _nearest(villages, locations)
    hamlets["nearest_location_id"] = nearest["location_id"]
    hamlets["nearest_location_m"] = nearest["distance_m"]
    return hamlets


def centres(villages: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Culture houses as points in the layer's CRS; same index."""
    points = gpd.GeoSeries.from_xy(villages["centre_lon"], villages["centre_lat"], index=villages.index, crs=4326)
    return points.to_crs(villages.crs)


def _nearest(villages: gpd.GeoDataFrame, locations: gpd.GeoDataFrame) -> pd.DataFrame:
    """Nearest location of each hamlet's centre and its distance on the ellipsoid, metres; NA when there is none."""
    if locations.empty:
        return pd.DataFrame({"location_id": pd.NA, "distance_m": float("nan")}, index=villages.index)
    points = centres(villages)
    positions = locations.sindex.nearest(points, return_all=False)[1]
    lonlat = locations.geometry.to_crs(4326).iloc[positions]
    away_m = distance_m(villages["centre_lon"], villages["centre_lat"], lonlat.x, lonlat.y)
    found = locations["location_id"].iloc[positions].to_numpy()
    return pd.DataFrame({"location_id": found, "distance_m": away_m.round(0)}, index=villages.index)
