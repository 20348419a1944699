"""A network changed by hand: stations added, taken away, moved; and what that costs."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.costs import NOTHING, Range, structure_cost, unit_cost
from covplan.study.codes import ON_ROOFS, WGS84
from covplan.study.columns import split_list
from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.settings import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from covplan.study.settings import Settings

    Place = str | tuple[float, float]

NEW_ID = "NEW-{number}"
RADIOS = {"4G": "lte_radio_3_sectors", "5G": "nr_radio_8t8r"}


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
        Columns of the stations layer: operator, and location_id of a structure that stands or lon and lat. The rest is
        as usual: a free station_id (NEW-1, NEW-2 …), 4G in the operator's commonest band, on the highest free
        section of a structure that stands, or at 39 m on a new mast of 42 m.
    remove : sequence of str
        Station ids.
    move : mapping
        By station id, the location_id of a structure that stands, or (lon, lat) of new ground.

    Raises
    ------
    LayerError
        A station, operator or structure that does not exist, or an id that exists already.
    """
    moves, known = move or {}, set(stations["station_id"].astype(str))
    for station in [*remove, *moves]:
        if station not in known:
            raise LayerError(
                _("what if: no station {station!r}.{hint}").format(station=station, hint=did_you_mean(station, known))
            )
    structures = _structures_joined([*moves.values(), *(one.get("location_id") for one in add)], stations, settings)
    kept = stations[~stations["station_id"].isin(list(remove))].reset_index(drop=True)
    for station, place in moves.items():
        row = kept.index[kept["station_id"] == station][0]
        columns = _place(place, structures, stations, station)
        if "antenna_height_m" in columns and np.isnan(columns["antenna_height_m"]):
            columns["antenna_height_m"] = kept.at[row, "antenna_height_m"]
        for column, value in columns.items():
            kept.at[row, column] = value
    rows: list[dict[str, Any]] = []
    for given in _with_ids(add, known):
        rows.append(_new_station(given, known, stations, structures, settings))
        known.add(str(rows[-1]["station_id"]))
    if not rows:
        return kept
    new = gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=stations.crs)
    together = pd.concat([kept, new.reindex(columns=kept.columns)], ignore_index=True)
    return gpd.GeoDataFrame(together.astype(kept.drop(columns="geometry").dtypes.to_dict()), crs=stations.crs)


def _structures_joined(places: Sequence[object], stations: gpd.GeoDataFrame, settings: Settings) -> gpd.GeoDataFrame:
    """Structures that stand and that stations come to, by location_id, with the heights that are free."""
    on_air = stations[(stations["status"] == "existing") & stations["location_id"].isin(list(map(str, places)))]
    found = locations_with_room(on_air, settings.phases.years[0], settings.propose)
    return found.set_index("location_id") if len(on_air) else found


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
    for _id, row in after[~after["location_id"].isin(before["location_id"])].drop_duplicates("location_id").iterrows():
        outlay += structure_cost(costs, str(row["structure"]), float(row["height_m"]), 0.0, propose)
        running += passive
    for _id, row in before[~before["location_id"].isin(after["location_id"])].drop_duplicates("location_id").iterrows():
        outlay += unit_cost(costs, "dismantle_roof" if row["structure"] in ON_ROOFS else "dismantle_ground")
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
            hint = did_you_mean(place, stations["location_id"].unique())
            raise LayerError(_("what if: no structure {location!r}.{hint}").format(location=place, hint=hint))
        one = stations[stations["location_id"] == place].iloc[0]
        free = structures.at[place, "free_heights_m"]
        lowest = stations.loc[stations["location_id"] == place, "antenna_height_m"].min()
        columns = ("location_id", "lon", "lat", "structure", "form", "height_m", "building_height_m", "owner",
                   "max_tenants", "certificate_year", "commune_code", "boundary_version", "geometry")  # fmt: skip
        return {name: one[name] for name in columns if name in one} | {"antenna_height_m": free[0] if free else lowest}
    lon, lat = place
    point = gpd.GeoSeries.from_xy([lon], [lat], crs=WGS84).to_crs(stations.crs).iloc[0]
    return {"location_id": f"new {station}", "lon": lon, "lat": lat, "geometry": point}


def _new_station(
    given: Mapping[str, Any],
    known: set[str],
    stations: gpd.GeoDataFrame,
    structures: gpd.GeoDataFrame,
    settings: Settings,
) -> dict[str, Any]:
    """A row of the stations layer from what was given of it."""
    _stop_if_wrong(given, known, stations, settings)
    station = str(given["station_id"])
    standing = given.get("location_id") in structures.index
    by_location = standing or "lon" not in given
    place = str(given["location_id"]) if by_location else (float(given["lon"]), float(given["lat"]))
    operator = str(given["operator"])
    return (
        {
            "structure": "A2b",
            "height_m": 42.0,
            "building_height_m": 0.0,
            "antenna_height_m": 39.0,
            "technologies": "4G",
            "bands": _commonest_band(operator, stations),
            "status": "existing",
            "backhaul": "fiber",
        }
        | _place(place, structures, stations, station)
        | dict(given)
    )


def _with_ids(add: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[dict[str, Any]]:
    """New stations with an id each: one that was given none has the first of NEW-1, NEW-2 … that is free."""
    taken = {*known, *(str(one["station_id"]) for one in add if one.get("station_id"))}
    free = (one for one in (NEW_ID.format(number=n) for n in count(1)) if one not in taken)
    return [dict(one) if one.get("station_id") else {**one, "station_id": next(free)} for one in add]


def _stop_if_wrong(
    given: Mapping[str, Any], known: Collection[str], stations: gpd.GeoDataFrame, settings: Settings
) -> None:
    """LayerError when a new station has too little, an id that is taken, or something nobody knows."""
    if "operator" not in given or not ("location_id" in given or {"lon", "lat"} <= set(given)):
        raise LayerError(_("what if: a new station needs operator, and location_id or lon and lat."))
    station, operator = str(given["station_id"]), str(given["operator"])
    if station in known:
        text = _("what if: a station {station!r} exists already; move it, or give the new one another id.")
        raise LayerError(text.format(station=station))
    if operator not in settings.operators:
        text = _("what if: unknown operator {operator!r}; known: {known}.")
        raise LayerError(text.format(operator=operator, known=", ".join(settings.operators)))
    unknown = [name for name in given if name not in stations.columns]
    if unknown:
        hint = did_you_mean(unknown[0], stations.columns)
        raise LayerError(_("what if: unknown column {column!r}.{hint}").format(column=unknown[0], hint=hint))


def _commonest_band(operator: str, stations: gpd.GeoDataFrame) -> str:
    """4G band that most stations of an operator have."""
    own = stations.loc[stations["operator"] == operator, "bands"]
    bands = pd.Series([code for text in own for code in split_list(text) if code.startswith("L")], dtype="object")
    return str(bands.mode().iloc[0]) if len(bands) else "L1800"
