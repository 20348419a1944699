"""Coverage at points: what hamlets, dwellings and places receive, link by link, and what optimisers ask.

A link is one mast and one point, walked by the same kernel as a radial of the sweep but to exactly that point; rasters
(`coverage`) are for maps and areas.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from covplan.radio.coverage import LEAST_DBM, Received, Reception, cell_patterns, sector_table
from covplan.radio.kernels import add_links
from covplan.radio.link_budget import band, shadow_margin
from covplan.radio.loss import Links, links, mast_at
from covplan.radio.offsets import offsets_at, shift
from covplan.radio.servers import Servers
from covplan.study.cache import read_arrays, write_arrays
from covplan.study.codes import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Propagation, Radio
    from covplan.terrain.ground import Ground

PIECE = 4096  # cells whose antenna patterns are held at a time


def rsrp_links(
    sectors: pd.DataFrame,
    x_m: ArrayLike,
    y_m: ArrayLike,
    ground: Ground,
    propagation: Propagation,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> csr_array:
    """RSRP (SS-RSRP) of cells (rows, as of `coverage.sector_table`) at points (columns), dBm.

    Entries are those of at least `coverage.LEAST_DBM`; what is not stored is not received.
    """
    found, mast_of = _links_of(sectors, x_m, y_m, ground, propagation, cache)
    bearing, elevation = _directions(found, sectors, mast_of, x_m, y_m, ground, propagation)
    rows = []
    for code, table in _pieces(sectors):
        cells, horizontal, vertical, projected = cell_patterns(table, band(code), antennas)
        offset_db = offsets_at(ground, propagation, code, x_m, y_m)
        for n, at in enumerate(table.index):
            part = slice(found.starts[mast_of[at]], found.starts[mast_of[at] + 1])
            best = np.full(np.size(x_m), np.nan, dtype=np.float32)
            one = slice(n, n + 1)
            add_links(
                np.array([0, part.stop - part.start]), found.points[part], found.loss_db[part], bearing[part],
                elevation[part], np.zeros(1, np.int64), cells[one], horizontal[one], vertical[one], projected[one],
                LEAST_DBM, 0, best, np.zeros(best.size, np.int32), np.zeros(best.size), *_no_servers(best.size),
            )  # fmt: skip
            if offset_db is not None:
                best += offset_db
            received = np.flatnonzero(np.isfinite(best))
            rows.append((int(at), received, best[received].astype(np.float64)))
    rows.sort(key=lambda row: row[0])
    return csr_array(
        (
            np.concatenate([dbm for _, _, dbm in rows]) if rows else np.empty(0),
            np.concatenate([received for _, received, _ in rows]) if rows else np.empty(0, np.int64),
            np.cumsum([0, *(received.size for _, received, _ in rows)]),
        ),
        shape=(len(sectors), np.size(x_m)),
    )


def _pieces(sectors: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Cells of one band, so many at a time: the antenna patterns of all of a province's options fill the memory."""
    for code, table in sectors.groupby("band", sort=False):
        for first in range(0, len(table), PIECE):
            yield str(code), table.iloc[first : first + PIECE]


def receive(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    x_m: ArrayLike,
    y_m: ArrayLike,
    ground: Ground,
    technology: str,
    radio: Radio,
    propagation: Propagation,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> Reception:
    """What points receive of one operator's stations: `coverage.coverage` at points instead of on the grid.

    Stations on air and cells are tables of the study; arrays of the result have one entry per point.
    """
    sectors = sector_table(stations, cells, technology)
    x, y = np.asarray(x_m, float), np.asarray(y_m, float)
    found, mast_of = _links_of(sectors, x, y, ground, propagation, cache)
    bearing, elevation = _directions(found, sectors, mast_of, x, y, ground, propagation)
    received = Received((x.size,), sectors, radio, antennas)
    for code, table in sectors.groupby("band", sort=True):
        carrier = band(str(code))
        best = np.full(x.size, np.nan, dtype=np.float32)
        server = np.full(x.size, NOBODY, dtype=np.int32)
        total_mw = np.zeros(x.size)
        offset_db = offsets_at(ground, propagation, str(code), x, y)
        add_links(
            found.starts, found.points, found.loss_db, bearing, elevation, mast_of[table.index],
            *cell_patterns(table, carrier, antennas, received.asked_dbm[table.index]), LEAST_DBM, int(table.index[0]),
            best, server, total_mw, *received.kept(offset_db),
        )  # fmt: skip
        shift(best, total_mw, offset_db)
        received.add(
            best, server, total_mw, carrier, float(shadow_margin(radio.confidence, propagation.location_sigma_db)),
        )  # fmt: skip
    return Reception(**received.reception(technology, sectors, propagation, ~np.isnan(_ground_m(ground, x, y))))


def _no_servers(points: int) -> tuple[Any, ...]:
    """For `kernels.add_links` where levels are asked for, not who serves."""
    nothing = Servers.nobody((points,), most=0)
    return np.empty(0, np.float32), np.zeros(1, np.int64), nothing.margin, nothing.cell, nothing.scale


def write_reception(reception: Reception, path: Path) -> None:
    """Keep a reception, whole or not at all."""
    servers = {"servers_margin": reception.servers.margin, "servers_cell": reception.servers.cell}
    write_arrays(path, {name: np.asarray(getattr(reception, name)) for name in _kept_fields()} | servers)


def read_reception(path: Path) -> Reception | None:
    """A reception that was kept; None when there is none, or it was cut short."""
    values = read_arrays(path, [*_kept_fields(), "servers_margin", "servers_cell"])
    if values is None:
        return None
    servers = Servers(values.pop("servers_margin"), values.pop("servers_cell"))
    plain = {"technology": str, "sigma_db": float, "site_correlation": float}
    names = {name: tuple(str(one) for one in values[name]) for name in ("operators", "cell_ids", "sites", "bands")}
    return Reception(**values | names | {name: kind(values[name]) for name, kind in plain.items()}, servers=servers)


def _kept_fields() -> list[str]:
    return [field.name for field in fields(Reception) if field.name != "servers"]


def _links_of(
    sectors: pd.DataFrame, x_m: ArrayLike, y_m: ArrayLike, ground: Ground, propagation: Propagation, cache: Path | None
) -> tuple[Links, NDArray[np.int64]]:
    """Links of the masts and bands of a table of cells, and the mast of each cell."""
    key = sectors[["band", "x_m", "y_m", "antenna_height_m"]]
    mast_of = np.asarray(key.groupby(list(key), sort=True).ngroup(), np.int64)
    unique = key.assign(mast=mast_of).drop_duplicates("mast").sort_values("mast")
    masts = [
        mast_at(float(x), float(y), float(height_m), code, propagation)
        for code, x, y, height_m in zip(*(unique[name] for name in key.columns), strict=True)
    ]
    return links(masts, x_m, y_m, ground, propagation, cache=cache), mast_of


def _directions(
    found: Links,
    sectors: pd.DataFrame,
    mast_of: NDArray[np.int64],
    x_m: ArrayLike,
    y_m: ArrayLike,
    ground: Ground,
    propagation: Propagation,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bearing and elevation of every link seen from its mast, degrees."""
    x, y = np.asarray(x_m, float), np.asarray(y_m, float)
    first = pd.Series(np.arange(len(sectors))).groupby(mast_of).first().to_numpy(np.int64)
    masts = sectors.iloc[first][["x_m", "y_m", "antenna_height_m"]].to_numpy(float)
    top_m = _ground_m(ground, masts[:, 0], masts[:, 1]) + masts[:, 2]
    of = np.repeat(np.arange(len(masts)), np.diff(found.starts))
    east, north = x[found.points] - masts[of, 0], y[found.points] - masts[of, 1]
    rise = _ground_m(ground, x, y)[found.points] + propagation.receiver_height_m - top_m[of]
    bearing = np.degrees(np.arctan2(east, north))
    return bearing, np.degrees(np.arctan2(rise, np.maximum(np.hypot(east, north), 1.0)))


def _ground_m(ground: Ground, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the cell each point lies in; NaN outside."""
    row, column = ground.grid.rowcol(x_m, y_m)
    inside = (row >= 0) & (column >= 0) & (row < ground.grid.rows) & (column < ground.grid.columns)
    heights = np.full(np.shape(row), np.nan)
    heights[inside] = ground.elevation_m[row[inside], column[inside]]
    return heights
