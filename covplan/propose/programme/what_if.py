"""A network changed by hand: stations added, taken away, moved; and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.costs import NOTHING, Range, structure_cost, unit_cost
from covplan.study.columns import split_list
from covplan.study.errors import LayerError
from covplan.study.settings import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from covplan.study.settings import Settings

    Place = str | tuple[float, float]

NEEDED = ("station_id", "operator")
RADIOS = {"4G": "lte_radio_3_sectors", "5G": "nr_radio_8t8r"}
ROOFS = ("A1a", "A2a")


def changed_stations(
    stations: gpd.GeoDataFrame,
    settings: Settings,
    *,
    add: Sequence[Mapping[str, Any]] = (),
    remove: Sequence[str] = (),
    move: Mapping[str, Place] | None = None,
) -> gpd.GeoDataFrame:
    """The stations with some added, taken away or moved; the index is new.

    Parameters
    ----------
    add : sequence of mappings
        Columns of the stations layer: station_id, operator, and location_id of a structure that stands or lon and lat.
        The rest is as usual: 4G in the operator's commonest band, on the highest free section of a structure that
        stands, or at 39 m on a new mast of 42 m.
    remove : sequence of str
        Station ids.
    move : mapping
        By station id, the location_id of a structure that stands, or (lon, lat) of new ground.

    Raises
    ------
    LayerError
        A station, operator or structure that does not exist, or an id that exists already.
    """
    known = set(stations["station_id"].astype(str))
    for station in [*remove, *(move or {})]:
        if station not in known:
            raise LayerError(f"what if: no station {station!r}.{did_you_mean(station, known)}")
    kept = stations[~stations["station_id"].isin(list(remove))]
    joined = {*(move or {}).values(), *(str(one.get("location_id")) for one in add)}
    near = stations[(stations["status"] == "existing") & stations["location_id"].isin(list(map(str, joined)))]
    structures = locations_with_room(near, settings.phases.years[0], settings.propose)
    structures = structures.set_index("location_id") if len(near) else structures
    moved = kept.reset_index(drop=True)
    for station, place in (move or {}).items():
        at = moved.index[moved["station_id"] == station][0]
        here = _place(place, structures, stations, station)
        if "antenna_height_m" in here and np.isnan(here["antenna_height_m"]):
            here["antenna_height_m"] = moved.at[at, "antenna_height_m"]
        for column, value in here.items():
            moved.at[at, column] = value
    rows = [_new_station(one, known, stations, structures, settings) for one in add]
    if not rows:
        return moved
    fresh = gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=stations.crs)
    together = pd.concat([moved, fresh.reindex(columns=moved.columns)], ignore_index=True)
    return gpd.GeoDataFrame(together.astype(moved.drop(columns="geometry").dtypes.to_dict()), crs=stations.crs)


def cost_of_change(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, settings: Settings) -> tuple[Range, Range]:
    """Outlay, VND, and change of running costs, VND/year, from one table of stations to another.

    New structures are built, those that nobody is left on are taken down; a new station buys a radio of each technology
    it has, one that moves is moved. Backhaul and power lines are not in it: a proposal plans them, a what-if does not.
    """
    costs, propose = settings.costs, settings.propose
    old, new = before.set_index("station_id"), after.set_index("station_id")
    outlay, running = NOTHING, NOTHING
    for station, row in new.iterrows():
        if station not in old.index:
            for technology in split_list(row["technologies"]):
                outlay += unit_cost(costs, RADIOS[technology]) if technology in RADIOS else NOTHING
            running += unit_cost(costs, "opex_tenant")
        elif old.at[station, "location_id"] != row["location_id"]:
            outlay += unit_cost(costs, "station_relocation")
    running += unit_cost(costs, "opex_tenant") * -float((~old.index.isin(new.index)).sum())
    passive = unit_cost(costs, "opex_site") + unit_cost(costs, "opex_tenant") * -1.0
    for _, row in after[~after["location_id"].isin(before["location_id"])].drop_duplicates("location_id").iterrows():
        outlay += structure_cost(costs, str(row["structure"]), float(row["height_m"]), 0.0, propose)
        running += passive
    for _, row in before[~before["location_id"].isin(after["location_id"])].drop_duplicates("location_id").iterrows():
        outlay += unit_cost(costs, "dismantle_roof" if row["structure"] in ROOFS else "dismantle_ground")
        running += passive * -1.0
    return outlay, running


def changed_hamlets(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Hamlets whose state, operators or 5G change, with both; same CRS, index of `before`."""
    watched = [name for name in ("mobile_state", "operators", "mobile_5g") if name in before and name in after]
    second = after.set_index("village_id").reindex(before["village_id"]).set_index(before.index)
    differs = pd.Series(data=False, index=before.index)
    table = before[["village_id", "name", "commune", "households"]].copy()
    for name in watched:
        table[f"{name}_before"], table[f"{name}_after"] = before[name], second[name]
        differs |= before[name].astype("string").fillna("") != second[name].astype("string").fillna("")
    return gpd.GeoDataFrame(table, geometry=before.geometry)[differs]


def _place(place: Place, structures: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, station: str) -> dict[str, Any]:
    """Columns that say where a station stands: on a structure that stands, or alone on new ground."""
    if isinstance(place, str):
        if place not in structures.index:
            raise LayerError(f"what if: no structure {place!r}.{did_you_mean(place, stations['location_id'].unique())}")
        one = stations[stations["location_id"] == place].iloc[0]
        free = structures.at[place, "free_heights_m"]
        lowest = stations.loc[stations["location_id"] == place, "antenna_height_m"].min()
        columns = ("location_id", "lon", "lat", "structure", "form", "height_m", "building_height_m", "owner",
                   "max_tenants", "certificate_year", "commune_code", "boundary_version", "geometry")  # fmt: skip
        return {name: one[name] for name in columns if name in one} | {"antenna_height_m": free[0] if free else lowest}
    lon, lat = place
    point = gpd.GeoSeries.from_xy([lon], [lat], crs=4326).to_crs(stations.crs).iloc[0]
    return {"location_id": f"new {station}", "lon": lon, "lat": lat, "geometry": point}


def _new_station(
    given: Mapping[str, Any], known: set[str], stations: gpd.GeoDataFrame, structures: gpd.GeoDataFrame,
    settings: Settings,
) -> dict[str, Any]:  # fmt: skip
    missing = [name for name in NEEDED if name not in given]
    if missing or not ("location_id" in given or {"lon", "lat"} <= set(given)):
        raise LayerError("what if: a new station needs station_id, operator, and location_id or lon and lat.")
    station, operator = str(given["station_id"]), str(given["operator"])
    if station in known:
        raise LayerError(f"what if: a station {station!r} exists already; move it, or give the new one another id.")
    if operator not in settings.operators:
        raise LayerError(f"what if: unknown operator {operator!r}; known: {', '.join(settings.operators)}.")
    unknown = [name for name in given if name not in stations.columns]
    if unknown:
        raise LayerError(f"what if: unknown column {unknown[0]!r}.{did_you_mean(unknown[0], stations.columns)}")
    bands = pd.Series([code for text in stations.loc[stations["operator"] == operator, "bands"] for code in
                       split_list(text) if code.startswith("L")], dtype="object")  # fmt: skip
    usual = {
        "structure": "A2b", "height_m": 42.0, "building_height_m": 0.0, "antenna_height_m": 39.0, "technologies": "4G",
        "bands": bands.mode().iloc[0] if len(bands) else "L1800", "status": "existing", "backhaul": "fiber",
    }  # fmt: skip
    standing = given.get("location_id") in structures.index
    place = (
        _place(str(given["location_id"]), structures, stations, station)
        if standing or "lon" not in given
        else _place((float(given["lon"]), float(given["lat"])), structures, stations, station)
    )
    return usual | place | dict(given)
