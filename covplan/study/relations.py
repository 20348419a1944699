"""What one layer says of another: references, places inside communes, households, stations on their structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import KDTree

from covplan.study.boundaries import in_version
from covplan.study.codes import WGS84
from covplan.study.columns import split_list

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from covplan.study.columns import Sieve
    from covplan.study.settings import Checks

NEAREST_VERSION_SHARE = 0.5  # share of commune codes of another version from which on the version is suspected


def check_commune_keys(sieve: Sieve, communes: pd.DataFrame) -> None:
    """A commune is named by code and version together; a repeated pair is a duplicate."""
    repeated = communes.duplicated(["commune_code", "boundary_version"]) & communes["commune_code"].notna()
    for index in communes.index[repeated]:
        sieve.note("duplicate_id", index, column="commune_code", value=communes.at[index, "commune_code"])


def check_references(sieve: Sieve, table: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Follow the columns that refer to another layer; a dangling one sets aside the row or empties the cell."""
    table = table.copy()
    for column in sieve.layer.columns:
        if column.references not in tables or column.references == sieve.layer.name:
            continue
        target = tables[column.references]
        if column.references == "communes":
            keys = pd.MultiIndex.from_frame(target[["commune_code", "boundary_version"]])
            known = pd.MultiIndex.from_frame(table[["commune_code", "boundary_version"]].astype("object")).isin(keys)
            if _other_version(sieve, table, known, target):
                continue
        else:
            known = table[column.name].isin(target[column.name]).to_numpy()
        for index in table.index[~known & table[column.name].notna().to_numpy()]:
            name = "dangling_reference" if column.required else "cell_dangling_reference"
            sieve.note(name, index, column=column.name, value=table.at[index, column.name], target=column.references)
            if not column.required:
                table.at[index, column.name] = pd.NA
    return table


def check_villages(
    sieve: Sieve,
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame | None,
    communes: gpd.GeoDataFrame,
    rules: Checks,
) -> gpd.GeoDataFrame:
    """Hamlets against their communes, their dwellings and their own figures."""
    villages = villages.copy()
    more = (villages["ftth_households"] > villages["households"]).fillna(value=False).astype(bool)
    for index in villages.index[more]:
        figure, households = villages.at[index, "ftth_households"], villages.at[index, "households"]
        sieve.note("more_ftth_than_households", index, column="ftth_households", value=figure, households=households)
        villages.at[index, "ftth_households"] = pd.NA
    denied = (villages["ftth_households"] > 0) & (villages["declared_ftth"] == False)  # noqa: E712
    for index in villages.index[denied.fillna(value=False).astype(bool)]:
        count = villages.at[index, "ftth_households"]
        sieve.note("ftth_disagrees", index, column="declared_ftth", value="false", count=count)
    centres = gpd.GeoSeries.from_xy(villages["centre_lon"], villages["centre_lat"], index=villages.index, crs=WGS84)
    _check_commune(sieve, "hamlet_outside_commune", villages, centres.to_crs(villages.crs), communes, rules)
    if dwellings is not None:
        households = dwellings.groupby("village_id")["households"].sum()
        counted = villages["village_id"].map(households)
        for index in villages.index[counted.isna()]:
            sieve.note("hamlet_without_dwellings", index, column="village_id", value=villages.at[index, "village_id"])
        unequal = counted.notna() & (counted.fillna(-1).astype("Int64") != villages["households"])
        for index in villages.index[unequal]:
            declared = villages.at[index, "households"]
            sieve.note(
                "households_disagree",
                index,
                column="households",
                value=declared,
                households=declared,
                dwellings=int(counted[index]),
            )
    return villages


def check_stations(
    sieve: Sieve, stations: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, rules: Checks
) -> gpd.GeoDataFrame:
    """Stations against their locations, structures, tenants and communes."""
    _check_locations(sieve, stations, rules)
    top_m = stations["height_m"] + stations["building_height_m"].fillna(0)
    for index in stations.index[stations["antenna_height_m"] > top_m + 1.0]:
        antenna_m = stations.at[index, "antenna_height_m"]
        sieve.note(
            "antenna_above_structure",
            index,
            column="antenna_height_m",
            value=antenna_m,
            antenna_m=f"{antenna_m:g}",
            top_m=f"{top_m[index]:g}",
        )
    _check_commune(sieve, "station_outside_commune", stations, stations.geometry, communes, rules)
    return stations


def neighbours(stations: gpd.GeoDataFrame, province: BaseGeometry, tolerance_m: float) -> pd.Series:
    """Which stations are another province's: they stand outside this one (study CRS) and say no commune of it.

    They serve hamlets on this side of the border and interfere; they are none of the province's locations.
    """
    shapely.prepare(province)
    outside = ~shapely.dwithin(stations.geometry.to_numpy(), province, tolerance_m)
    return pd.Series(outside & stations["commune_code"].isna().to_numpy(bool), index=stations.index)


def check_neighbours(sieve: Sieve, stations: gpd.GeoDataFrame, province: BaseGeometry, tolerance_m: float) -> None:
    """Say how many stations of other provinces there are, and how far the farthest stands."""
    other = stations.geometry[neighbours(stations, province, tolerance_m)]
    if len(other):
        sieve.note("neighbour_stations", value=len(other), far_km=f"{other.distance(province).max() / 1000:.1f}")


def check_cells(sieve: Sieve, stations: pd.DataFrame, cells: pd.DataFrame | None) -> None:
    """Stations on air with 4G or 5G that have no cells get template sectors from the radio model."""
    modern = stations["technologies"].map(lambda text: bool({"4G", "5G"} & set(split_list(text))))
    known: set[str] = set() if cells is None else set(cells["station_id"])
    without = modern.astype(bool) & ~stations["station_id"].isin(known)
    if without.any():
        sieve.note("assumed_cells", column="station_id", count=int(without.sum()))


def _other_version(sieve: Sieve, table: pd.DataFrame, known: np.ndarray, communes: pd.DataFrame) -> bool:
    """Whether most codes are unknown in their version and known in the other: then the layer as a whole is stopped."""
    versions = table["boundary_version"].mode()
    if versions.empty or (~known).mean() <= NEAREST_VERSION_SHARE:
        return False
    version = versions.iloc[0]
    for other in sorted(set(communes["boundary_version"]) - {version}):
        codes = communes.loc[communes["boundary_version"] == other, "commune_code"]
        if table["commune_code"].isin(codes).mean() > 1 - NEAREST_VERSION_SHARE:
            sieve.note(
                "wrong_boundary_version",
                column="commune_code",
                share=f"{int((~known).sum())}/{len(table)}",
                version=version,
                guess=other,
            )
            return True
    return False


def _check_commune(
    sieve: Sieve, check: str, table: gpd.GeoDataFrame, points: gpd.GeoSeries, communes: gpd.GeoDataFrame, rules: Checks
) -> None:
    """Points against the commune their row declares, with some room for drawn borders."""
    for version in table["boundary_version"].dropna().unique():
        units = communes[communes["boundary_version"] == version].set_index("commune_code")
        rows = table.index[(table["boundary_version"] == version) & table["commune_code"].isin(units.index)]
        if not len(rows):
            continue
        declared = table.loc[rows, "commune_code"]
        # A point outside every commune has no code there, and is as suspect as one in another commune.
        found = in_version(points[rows], communes, version)["commune_code"].fillna("")
        suspects = rows[(found != declared).to_numpy(dtype=bool)]
        for index in suspects:
            unit = units.loc[declared[index]]
            away_m = points[index].distance(unit.geometry)
            if away_m > rules.commune_tolerance_m:
                sieve.note(
                    check,
                    index,
                    column="commune_code",
                    value=declared[index],
                    commune=unit["name"],
                    distance_km=f"{away_m / 1000:.1f}",
                )


def _check_locations(sieve: Sieve, stations: gpd.GeoDataFrame, rules: Checks) -> None:
    x, y = stations.geometry.x, stations.geometry.y
    by_location = stations.assign(x=x, y=y).groupby("location_id")
    width, depth = (by_location[axis].transform("max") - by_location[axis].transform("min") for axis in ("x", "y"))
    spread = np.hypot(width, depth)
    first_of_location = ~stations["location_id"].duplicated()
    for index in stations.index[(spread > rules.location_spread_m) & first_of_location]:
        sieve.note(
            "scattered_location",
            index,
            column="location_id",
            value=stations.at[index, "location_id"],
            distance_m=round(spread[index]),
        )
    operators: dict[str, list[str]] = {}
    for location, operator in sorted(set(zip(stations["location_id"], stations["operator"], strict=True))):
        operators.setdefault(location, []).append(operator)
    first = stations.loc[first_of_location, ["location_id", "max_tenants", "tenants"]]
    for index, location, most, tenants in first.itertuples(name=None):
        at_location = operators[location]
        if most is not pd.NA and len(at_location) > most:
            sieve.note("too_many_tenants", index, column="max_tenants", value=most, count=len(at_location), most=most)
        declared = sorted(split_list(tenants))
        if declared and declared != at_location:
            shown, counted = ", ".join(declared), ", ".join(at_location)
            sieve.note("tenants_disagree", index, column="tenants", value=shown, declared=shown, counted=counted)
    places = by_location[["x", "y"]].mean()
    for one, other in sorted(KDTree(places).query_pairs(rules.twin_m)):
        shown = stations.index[stations["location_id"] == places.index[one]][0]
        away_m = np.hypot(*(places.iloc[one] - places.iloc[other]))
        sieve.note(
            "twin_locations",
            shown,
            column="location_id",
            value=places.index[one],
            other=places.index[other],
            distance_m=f"{away_m:.0f}",
        )
