"""Structures that stand: whether another tenant can come, and at which height."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from covplan.study.columns import split_list

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from covplan.study.settings import Propose

SECTION_M = 4.0  # between the operators of a new mast; on structures that stand [propose] section_m
BELOW_TOP_M = 3.0
LEAST_M = {
    "A1a": 6.0,
    "A1b": 8.0,
    "A2a": 6.0,
    "A2b": 15.0,
    "A2c": 8.0,
    "unknown": 15.0,
}  # lowest antenna that is of use, above ground
GUESSED_TENANTS = {
    "A1a": 1,
    "A1b": 2,
    "A2a": 2,
    "A2b": 2,
    "A2c": 1,
    "unknown": 2,
}  # where the structure's capacity is not known
COLUMNS = {
    "location_id": object, "structure": object, "height_m": float, "owner": object, "operators": object, "fiber": bool,
    "highest_m": float, "top_m": float, "free_heights_m": object, "free_slots": int, "survey": bool, "closed": bool,
    "room": bool,
}  # fmt: skip
CLOSED_OWNERS = re.compile(r"quân đội|quốc phòng|bộ đội|biên phòng|công an|army|police", re.IGNORECASE)


def locations_with_room(stations: gpd.GeoDataFrame, year: int, propose: Propose) -> gpd.GeoDataFrame:
    """One row per location on air: whether another tenant can come, and at which height.

    Columns: location_id, structure, owner, operators (of its stations), fiber, highest_m (its highest antenna), top_m,
    free_heights_m (antenna heights above ground that are free, highest first), free_slots, survey (a certificate is
    missing or old), closed (army, police, restricted), room; geometry is a point.
    """
    groups = [group for _, group in stations.groupby("location_id", sort=True)]
    rows = pd.DataFrame([_location(group, year, propose) for group in groups], columns=list(COLUMNS))
    return gpd.GeoDataFrame(
        rows.astype(COLUMNS),  # also where nothing is on air
        geometry=[group.geometry.union_all().centroid for group in groups],
        crs=stations.crs,
    )


def _location(group: gpd.GeoDataFrame, year: int, propose: Propose) -> dict[str, Any]:
    """The location of some stations."""
    first = group.sort_values(["on_air", "station_id"]).iloc[0]
    structure = str(first["structure"])
    top_m = float(first["height_m"]) + _number(first["building_height_m"])
    used = group["antenna_height_m"].dropna().astype(float).to_numpy()
    free = _free_sections(top_m, used, LEAST_M.get(structure, 8.0), propose.section_m)
    tenants = {code for text in group["tenants"].dropna() for code in split_list(text)} | set(group["operator"])
    most = group["max_tenants"].dropna()
    slots = (int(most.max()) if len(most) else GUESSED_TENANTS.get(structure, 1)) - len(tenants)
    closed = bool(group["restricted"].fillna(value=False).any()) or any(
        CLOSED_OWNERS.search(str(owner)) for owner in group["owner"].dropna()
    )
    certificate = group["certificate_year"].dropna()
    return {
        "location_id": str(first["location_id"]),
        "structure": structure,
        "height_m": float(first["height_m"]),
        "owner": first["owner"],
        "operators": tuple(sorted(set(group["operator"]))),
        "fiber": bool((group["backhaul"] == "fiber").any()),
        "highest_m": float(used.max()) if used.size else top_m - BELOW_TOP_M,
        "top_m": top_m,
        "free_heights_m": tuple(free),
        "free_slots": max(slots, 0),
        "survey": certificate.empty or int(certificate.max()) < year - propose.certificate_years,
        "closed": closed,
        "room": not closed and slots > 0 and bool(free),
    }


def _free_sections(top_m: float, used_m: NDArray[np.float64], least_m: float, section_m: float) -> list[float]:
    """Antenna heights still free, from the top down, each a section away from those in use and from one another."""
    free: list[float] = []
    height_m = top_m - BELOW_TOP_M if top_m - BELOW_TOP_M >= least_m else top_m
    while height_m >= least_m:
        near = [other for other in used_m if abs(other - height_m) < section_m]
        if near:
            height_m = min(near) - section_m
        else:
            free.append(height_m)
            height_m -= section_m
    return free


def _number(value: str | float | None) -> float:
    return 0.0 if pd.isna(value) else float(str(value))
