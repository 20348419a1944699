"""Where coverage is counted: at the centres of hamlets and where their people live, not over empty hillside."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.study.assumptions import assumption
from covplan.study.codes import WGS84
from covplan.study.inhabitants import hamlet_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from covplan.study.grid import Grid


@dataclass(frozen=True)
class Demand:
    """Points in the study's CRS; arrays of one length, the centres first."""

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    village: NDArray[np.int64]
    """Row of the hamlet in the villages table."""
    households: NDArray[np.float64]
    """That live at the point; 0 at a centre."""
    centre: NDArray[np.bool_]

    def part(self, chosen: NDArray[np.bool_]) -> Demand:
        """Some of the points."""
        return Demand(*(getattr(self, field.name)[chosen] for field in fields(self)))


def demand_points(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    population: tuple[Grid, NDArray[np.float32]] | None = None,
) -> Demand:
    """Centres and clusters of all hamlets.

    A hamlet without clusters is counted on the inhabited cells of the population raster within its outline, or nearer
    to its point than to any other hamlet's, each with its share of the households; without these too at its centre
    alone (`counted_at_centre`). The points of a cluster share its households evenly.
    """
    centres = _centres(villages)
    place = {str(village): n for n, village in enumerate(villages["village_id"])}
    known = dwellings[dwellings["village_id"].isin(place)]
    points, part = shapely.get_coordinates(known.geometry.to_numpy(), return_index=True)
    village = known["village_id"].map(place).to_numpy(np.int64)
    pieces = np.bincount(part, minlength=len(known))
    households = known["households"].fillna(0).to_numpy(float) / np.maximum(pieces, 1)
    xy, of, people = [points], [village[part]], [households[part]]
    if population is not None:
        without = np.setdiff1d(np.arange(len(villages)), village)
        near = _around_points(villages, *population) if (villages.geom_type.iloc[without] == "Point").any() else {}
        for n in without:
            outline = villages.geometry.iloc[n]
            cells, share = near[n] if outline.geom_type == "Point" else _inhabited(outline, *population)
            xy.append(cells)
            of.append(np.full(len(cells), n))
            people.append(share * float(villages["households"].iloc[n]))
    where = np.vstack([centres[0], *xy])
    return Demand(
        where[:, 0],
        where[:, 1],
        np.concatenate([centres[1], *of]).astype(np.int64),
        np.concatenate([np.zeros(len(centres[1])), *people]),
        np.arange(len(where)) < len(centres[1]),
    )


def weights(demand: Demand, hamlets: int) -> NDArray[np.float64]:
    """What each point counts in its hamlet: its households; 1 at the centre of a hamlet that has none elsewhere."""
    return np.where(demand.centre & counted_at_centre(demand, hamlets)[demand.village], 1.0, demand.households)


def counted_at_centre(demand: Demand, hamlets: int) -> NDArray[np.bool_]:
    """Hamlets of which nobody has said where their people live: their centre stands for them; shape (hamlets,)."""
    elsewhere = np.bincount(demand.village[~demand.centre], demand.households[~demand.centre], minlength=hamlets)
    return elsewhere <= 0


def homes(villages: gpd.GeoDataFrame, dwellings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Where cable has to come to: the dwelling clusters, and the centre of each hamlet that has none."""
    alone = ~villages["village_id"].isin(dwellings["village_id"]) & villages["centre_lon"].notna()
    if not alone.any():
        return dwellings
    at = gpd.GeoDataFrame(
        {
            "dwelling_id": villages["village_id"][alone],
            "village_id": villages["village_id"][alone],
            "households": villages["households"][alone].fillna(0),
        },
        geometry=centres(villages)[alone],
    )
    return gpd.GeoDataFrame(
        pd.concat([dwellings, at], ignore_index=True) if len(dwellings) else at.reset_index(drop=True)
    )


def area_points(outline: BaseGeometry, spacing_m: float) -> Demand:
    """Points every `spacing_m` over an area, each worth as much of it as any other: where a share of area is counted.

    They belong to no hamlet (`village` is −1) and hold no household. The share covered of n points misses that of the
    area by √(p (1 − p) / n) or less, since they lie evenly.
    """
    west, south, east, north = outline.bounds
    columns = np.arange(np.ceil(west / spacing_m), east / spacing_m)
    rows = np.arange(np.ceil(south / spacing_m), north / spacing_m)
    x, y = (m.ravel() * spacing_m for m in np.meshgrid(columns, rows))
    inside = shapely.contains_xy(outline, x, y)
    count = int(inside.sum())
    return Demand(x[inside], y[inside], np.full(count, -1), np.zeros(count), np.zeros(count, np.bool_))


def centres(villages: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Culture houses as points in the layer's CRS; same index."""
    points = gpd.GeoSeries.from_xy(villages["centre_lon"], villages["centre_lat"], index=villages.index, crs=WGS84)
    return points.to_crs(villages.crs)


def _centres(villages: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Centres that are known, and whose they are."""
    points = centres(villages)
    known = np.flatnonzero(villages["centre_lon"].notna() & villages["centre_lat"].notna())
    return np.column_stack([points.x.to_numpy()[known], points.y.to_numpy()[known]]), known


def _around_points(
    villages: gpd.GeoDataFrame, grid: Grid, people: NDArray[np.float32]
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each hamlet known as a point, the inhabited cells that belong to it, and the share of its people on each."""
    row, column = np.nonzero(np.nan_to_num(people) > 0)
    x, y = grid.xy(row, column)
    whose = hamlet_of(villages.geometry, x, y, assumption("villages", "reach_m", "raster").number)
    order = np.argsort(whose, kind="stable")
    ends = np.searchsorted(whose[order], np.arange(len(villages) + 1))
    found = {}
    for n in np.flatnonzero(villages.geom_type == "Point"):
        at = order[ends[n] : ends[n + 1]]
        share = people[row[at], column[at]].astype(float)
        found[int(n)] = np.column_stack([x[at], y[at]]), share / share.sum() if share.size else share
    return found


def _inhabited(
    outline: BaseGeometry, grid: Grid, people: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of the inhabited cells within an outline, and the share of its people that each holds."""
    west, south, east, north = outline.bounds
    (top, bottom), (left, right) = grid.rowcol([west, east], [north, south])
    rows = np.arange(max(top, 0), min(bottom + 1, grid.rows))
    columns = np.arange(max(left, 0), min(right + 1, grid.columns))
    r, c = (index.ravel() for index in np.meshgrid(rows, columns, indexing="ij"))
    x, y = grid.xy(r, c)
    inside = shapely.contains_xy(outline, x, y) & (np.nan_to_num(people[r, c]) > 0)
    share = people[r[inside], c[inside]].astype(float)
    return np.column_stack([x[inside], y[inside]]), share / share.sum() if share.size else share
