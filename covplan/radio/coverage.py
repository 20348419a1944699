"""Coverage of a technology: who is received how strongly, how surely and how fast, on the study's grid.

RSRP, SINR and throughput are those of the strongest cell; interference is that of all other cells of the same band and
operator at their load. The probability is that any server is received well enough (`servers`), or the strongest alone
where the settings say so. A raster is a numpy array of the grid's shape, float32, NaN where nothing is received or
computed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pandas as pd

from covplan.radio.antenna import find_antenna, split_downtilt
from covplan.radio.kernels import add_cells
from covplan.radio.link_budget import Band, band, shadow_margin, sinr, throughput, uplink_rsrp
from covplan.radio.loss import mast_at, path_loss_window
from covplan.radio.offsets import offset_grid, shift
from covplan.radio.servers import MOST, Servers, site_numbers
from covplan.study.assumptions import assumption
from covplan.study.codes import NOBODY
from covplan.study.columns import split_list
from covplan.study.errors import GridMismatchError, LayerError
from covplan.study.files import written_whole
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.study.grid import Grid
    from covplan.study.settings import Propagation, Radio
    from covplan.terrain.ground import Ground

    Singles = NDArray[np.float32]

PIECE = 1 << 20  # receivers whose ratios are computed at a time: in float64 a province's would fill the memory
LEAST_DBM = -140.0  # weaker signals are neither received nor count as interference (thermal noise is at −123 dBm)
TEMPLATE_AZIMUTHS_DEG = tuple(map(float, split_list(assumption("cells", "azimuth_deg", "template").value)))
"""Of a station whose cells are not known."""
TEMPLATE_DOWNTILT_DEG = assumption("cells", "downtilt_deg", "template").number
MAST = ("band", "x_m", "y_m", "antenna_height_m")
"""Columns of a table of sectors by which path losses differ."""
RASTERS = {
    "rsrp_dbm": "dBm",
    "server": "",
    "probability": "1",
    "sinr_db": "dB",
    "throughput_mbps": "Mbit/s",
    "edge_throughput_mbps": "Mbit/s",
}


@dataclass(frozen=True)
class Reception:
    """What is received of one technology, of one operator or of several together; arrays of one shape."""

    technology: str
    sigma_db: float
    """Standard deviation of the prediction error that `probability` was computed with."""
    site_correlation: float
    """Of the prediction errors of two sites."""
    operators: tuple[str, ...]
    cell_ids: tuple[str, ...]
    sites: tuple[str, ...]
    """Of each cell the structure it hangs on."""
    bands: tuple[str, ...]
    """Of each cell."""
    uplink_over_db: NDArray[np.float64]
    """Of each cell by how much more RSRP its uplink asks than the threshold; −∞: nothing is asked of it."""
    servers: Servers
    """The best cells of distinct sites, and their margins."""
    rsrp_dbm: Singles
    """RSRP (SS-RSRP) of the strongest cell, dBm."""
    server: NDArray[np.int32]
    """Place of the strongest cell in `cell_ids`; −1 where nobody is received."""
    probability: Singles
    """That a server is received well enough, 0…1; 0 where nobody is received, NaN where the ground is not known."""
    sinr_db: Singles
    throughput_mbps: Singles
    """Of one user who has the carrier alone, in the band that gives most."""
    edge_throughput_mbps: Singles
    """The same, met or exceeded with the confidence of the settings (interference at its median)."""


@dataclass(frozen=True)
class Coverage(Reception):
    """Reception on a grid: arrays of its shape."""

    grid: Grid


Receptions = TypeVar("Receptions", bound=Reception)


def coverage(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    ground: Ground,
    technology: str,
    radio: Radio,
    propagation: Propagation,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Coverage of one technology by one operator's stations.

    Parameters
    ----------
    stations, cells : tables of the study
        Stations on air in the study's CRS; cells by `station_id`. A station of the technology without cells gets three
        template sectors in each of its bands.
    cache : Path, optional
        Folder of kept path losses.
    antennas : Path, optional
        Folder of .msi and .pln files, by the cells' antenna names.
    progress : callable, optional
        Told how many masts of how many are done.
    """
    sectors = sector_table(stations, cells, technology)
    shape = ground.grid.shape
    found = Received(shape, sectors, radio, antennas, coarse=True)
    margin_db = float(shadow_margin(radio.confidence, propagation.location_sigma_db))
    masts, done = len(sectors.drop_duplicates(list(MAST))), 0
    for code, sectors_of_band in sectors.groupby("band", sort=True):
        carrier = band(str(code))
        best = np.full(shape, np.nan, dtype=np.float32)
        server = np.full(shape, NOBODY, dtype=np.int32)
        total_mw = np.zeros(shape)
        offset_db = offset_grid(ground, propagation, str(code))
        for place, group in sectors_of_band.groupby(["x_m", "y_m", "antenna_height_m"], sort=True):
            x_m, y_m, height_m = cast("tuple[float, float, float]", place)
            mast = mast_at(float(x_m), float(y_m), float(height_m), str(code), propagation)
            most_db = float(group["eirp_dbm"].max() - 10.0 * np.log10(carrier.subcarriers)) - LEAST_DBM
            window = path_loss_window(mast, ground, propagation, most_db=most_db, cache=cache)
            for first, table in _runs(group):
                add_cells(
                    window.loss_db,
                    ground.elevation_m,
                    window.row,
                    window.column,
                    window.top,
                    window.left,
                    ground.grid.cell_m,
                    float(ground.elevation_m[round(window.row), round(window.column)]) + mast.antenna_height_m,
                    propagation.receiver_height_m,
                    *cell_patterns(table, carrier, antennas, found.asked_dbm[table.index]),
                    first,
                    LEAST_DBM,
                    best,
                    server,
                    total_mw,
                    *found.kept(offset_db),
                )
            done += 1
            if progress:
                progress(done, masts)
        shift(best, total_mw, offset_db)
        found.add(best, server, total_mw, carrier, margin_db)
    known = ~np.isnan(ground.elevation_m)
    return Coverage(**found.reception(technology, sectors, propagation, known), grid=ground.grid)


def is_covered(coverage: Reception, radio: Radio) -> NDArray[np.bool_]:
    """Where the threshold, and the throughput when one is asked for, are met with the confidence of the settings.

    `radio` may ask for another throughput than the coverage was computed for; threshold, confidence and load must be
    the same.
    """
    sure = coverage.probability >= radio.confidence
    if radio.throughput_mbps > 0:
        sure &= coverage.edge_throughput_mbps >= radio.throughput_mbps
    return sure


def strongest(receptions: Iterable[Receptions]) -> Receptions:
    """What "any operator" means: at each place the cell received best, and the probability that any server suffices.

    A site that several operators share counts once.
    """
    rest = iter(receptions)
    first = next(rest, None)
    if first is None:
        raise LayerError(_("no operator has stations of this technology on air."))
    found = copied(first)
    del first  # one after the other: only two are held at a time
    for other in rest:
        found = take(found, other)
    return found


def copied(one: Receptions) -> Receptions:
    """The same with arrays of its own."""
    names = [field.name for field in fields(one) if isinstance(getattr(one, field.name), np.ndarray)]
    servers = Servers(one.servers.margin.copy(), one.servers.cell.copy())
    return replace(one, servers=servers, **{name: getattr(one, name).copy() for name in names})


def take(found: Receptions, other: Receptions) -> Receptions:
    """Both together (`strongest`), in the arrays of the first, which is not to be used again."""
    if isinstance(found, Coverage) and isinstance(other, Coverage) and other.grid != found.grid:
        raise GridMismatchError(
            _("coverages on different grids: {one} and {other}. Compute them on one.").format(
                one=found.grid, other=other.grid
            )
        )
    if other.technology != found.technology:
        raise LayerError(
            _("coverages of {one} and {other} cannot be joined into one.").format(
                one=found.technology, other=other.technology
            )
        )
    better = ~(found.rsrp_dbm >= other.rsrp_dbm) & ~np.isnan(other.rsrp_dbm)
    np.copyto(found.rsrp_dbm, other.rsrp_dbm, where=better)
    np.copyto(found.sinr_db, other.sinr_db, where=better)
    np.copyto(found.server, other.server + np.int32(len(found.cell_ids)), where=better)
    np.fmax(found.throughput_mbps, other.throughput_mbps, out=found.throughput_mbps)
    np.fmax(found.edge_throughput_mbps, other.edge_throughput_mbps, out=found.edge_throughput_mbps)
    servers = found.servers.joined(other.servers, found.sites, other.sites)
    probability = servers.probability(found.sigma_db, found.site_correlation)
    probability[np.isnan(found.probability) & np.isnan(other.probability)] = np.nan
    return replace(
        found,
        operators=tuple(sorted({*found.operators, *other.operators})),
        cell_ids=found.cell_ids + other.cell_ids,
        sites=found.sites + other.sites,
        bands=found.bands + other.bands,
        uplink_over_db=np.concatenate([found.uplink_over_db, other.uplink_over_db]),
        servers=servers,
        probability=probability,
    )


def write_rasters(coverage: Coverage, folder: Path, *, tags: dict[str, str] | None = None) -> list[Path]:
    """Write each raster as a cloud-optimised GeoTIFF, and the cells that the server raster numbers as CSV.

    The files are called technology_operator_quantity; of several operators together, technology_any_quantity.
    """
    name = f"{coverage.technology}_{coverage.operators[0] if len(coverage.operators) == 1 else 'any'}"
    paths = []
    for quantity, unit in RASTERS.items():
        values = getattr(coverage, quantity)
        paths.append(folder / f"{name}_{quantity}.tif")
        nodata = NOBODY if quantity == "server" else float("nan")
        coverage.grid.write_cog(paths[-1], values, nodata=nodata, unit=unit, tags=tags)
    paths.append(folder / f"{name}_cells.csv")
    with written_whole(paths[-1]) as part:
        pd.DataFrame({"server": range(len(coverage.cell_ids)), "cell_id": coverage.cell_ids}).to_csv(part, index=False)
    return paths


def sector_table(stations: gpd.GeoDataFrame, cells: pd.DataFrame, technology: str) -> pd.DataFrame:
    """Cells of a technology with all that radio asks of them; template sectors where a station has none.

    Columns: cell_id, operator, site (its location, or its place where none is named), band, x_m, y_m,
    antenna_height_m, azimuth_deg, downtilt_deg, eirp_dbm, antenna, assumed; sorted by band and mast, numbered from 0.
    """
    wanted = stations[stations["technologies"].map(lambda codes: technology in split_list(codes)).astype(bool)]
    own = cells[(cells["technology"] == technology) & cells["station_id"].isin(wanted["station_id"])]
    without = wanted[~wanted["station_id"].isin(own["station_id"])]
    given = own[["cell_id", "station_id", "band", "azimuth_deg", "downtilt_deg", "eirp_dbm", "antenna"]]
    rows = [given.assign(assumed=False), _template_sectors(without, technology)]
    table = pd.concat([part for part in rows if len(part)]) if any(map(len, rows)) else rows[0]
    masts = pd.DataFrame(
        {
            "station_id": wanted["station_id"],
            "operator": wanted["operator"],
            "site": _sites(wanted),
            "x_m": wanted.geometry.x,
            "y_m": wanted.geometry.y,
            "antenna_height_m": wanted["antenna_height_m"].astype(float),
        }
    )
    table = table.merge(masts, on="station_id", how="inner")
    carriers = {code: band(code) for code in table["band"].dropna().unique()}
    table = table.dropna(subset=["band"])
    table["eirp_dbm"] = table["eirp_dbm"].astype(float).fillna(table["band"].map(lambda c: carriers[c].eirp_dbm))
    table["antenna"] = table["antenna"].astype("object").where(table["antenna"].notna(), None)
    table["antenna"] = [
        name or ("omni" if np.isnan(azimuth) else carriers[code].antenna)
        for name, azimuth, code in zip(table["antenna"], table["azimuth_deg"].astype(float), table["band"], strict=True)
    ]
    return table.sort_values(["band", "x_m", "y_m", "antenna_height_m", "cell_id"], ignore_index=True)


def mast_count(stations: gpd.GeoDataFrame, cells: pd.DataFrame, technology: str) -> int:
    """Of how many masts, band by band, `coverage` computes the loss."""
    return len(sector_table(stations, cells, technology).drop_duplicates(list(MAST)))


def with_sectors(stations: pd.DataFrame, cells: pd.DataFrame, technology: str) -> pd.Series:
    """Which stations `sector_table` has a sector of: those with a cell, or a band, of the technology."""
    own = cells.loc[cells["technology"] == technology, "station_id"]
    banded = stations["bands"].map(lambda codes: bool(_bands_of(codes, technology))).astype(bool)
    found: pd.Series = stations["station_id"].isin(own) | banded
    return found


class Received:
    """What is received best over the bands looked at so far: grows band by band.

    `coarse`: margins of servers are kept in hundredths of a decibel, for rasters.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sectors: pd.DataFrame,
        radio: Radio,
        antennas: Path | None,
        *,
        coarse: bool = False,
    ) -> None:
        self.radio = radio
        self.uplink_over_db = uplink_over(sectors, radio, antennas)
        self.asked_dbm = radio.asked_dbm + np.maximum(self.uplink_over_db, 0.0)
        most = MOST if radio.server == "any" else 1
        self.servers = Servers.nobody(shape, most=most, coarse=coarse, cells=len(sectors))
        self.site = site_numbers(list(sectors["site"]))
        self.rsrp_dbm: Singles = np.full(shape, np.nan, dtype=np.float32)
        self.sinr_db: Singles = np.full(shape, np.nan, dtype=np.float32)
        self.throughput_mbps: Singles = np.full(shape, np.nan, dtype=np.float32)
        self.edge_throughput_mbps: Singles = np.full(shape, np.nan, dtype=np.float32)
        self.server: NDArray[np.int32] = np.full(shape, NOBODY, dtype=np.int32)

    def add(
        self,
        best_dbm: Singles,
        server: NDArray[np.int32],
        total_mw: NDArray[np.float64],
        carrier: Band,
        margin_db: float,
    ) -> None:
        """Take over the places where this band is received better; throughput is that of the better band."""
        arrays = (self.rsrp_dbm, self.sinr_db, self.throughput_mbps, self.edge_throughput_mbps, self.server)
        noise_dbm, streams = carrier.noise_dbm + self.radio.terminal_loss_db, min(self.radio.layers, carrier.layers)
        flat = [array.reshape(-1) for array in (*arrays, best_dbm, server, total_mw)]
        for first in range(0, best_dbm.size, PIECE):
            rsrp_dbm, sinr_db, mbps, edge_mbps, serving, dbm, cell, mw = (one[first : first + PIECE] for one in flat)
            at = np.isfinite(dbm)
            ratio_db = sinr(dbm[at], mw[at], noise_dbm=noise_dbm, load=self.radio.load)
            mbps[at] = np.fmax(mbps[at], throughput(ratio_db, carrier, layers=streams))
            edge_mbps[at] = np.fmax(edge_mbps[at], throughput(ratio_db - margin_db, carrier, layers=streams))
            stronger = at & ~(rsrp_dbm >= dbm)
            sinr_db[stronger] = ratio_db[stronger[at]]
            rsrp_dbm[stronger] = dbm[stronger]
            serving[stronger] = cell[stronger]

    def kept(self, offset_db: Singles | None) -> tuple[Any, ...]:
        """What `kernels.add_cells` and `add_links` keep the best servers in, and what calibration adds to them."""
        none = np.empty((0,) * self.rsrp_dbm.ndim, dtype=np.float32)
        servers = self.servers
        most = servers.cell.shape[-1]
        flat = servers.margin.reshape(-1, most), servers.cell.reshape(-1, most)
        return none if offset_db is None else offset_db, self.site, *flat, servers.scale

    def reception(
        self, technology: str, sectors: pd.DataFrame, propagation: Propagation, known: NDArray[np.bool_]
    ) -> dict[str, Any]:
        """The fields of a `Reception`; `known`: where the ground is."""
        probability = self.servers.probability(propagation.location_sigma_db, propagation.site_correlation)
        probability[~known] = np.nan
        return {
            "technology": technology,
            "sigma_db": propagation.location_sigma_db,
            "site_correlation": propagation.site_correlation,
            "operators": tuple(sorted(set(sectors["operator"]))),
            "cell_ids": tuple(sectors["cell_id"]),
            "sites": tuple(sectors["site"]),
            "bands": tuple(sectors["band"]),
            "uplink_over_db": self.uplink_over_db,
            "servers": self.servers,
            "rsrp_dbm": self.rsrp_dbm,
            "server": self.server,
            "probability": probability,
            "sinr_db": self.sinr_db,
            "throughput_mbps": self.throughput_mbps,
            "edge_throughput_mbps": self.edge_throughput_mbps,
        }


def _sites(stations: pd.DataFrame) -> pd.Series:
    """Of each station what it hangs on: its location, or its place where the table names none."""
    places = [f"{x:.0f} {y:.0f}" for x, y in zip(stations.geometry.x, stations.geometry.y, strict=True)]
    place = pd.Series(places, index=stations.index, dtype=object)
    return stations["location_id"].fillna(place) if "location_id" in stations else place


def _template_sectors(stations: pd.DataFrame, technology: str) -> pd.DataFrame:
    """Three sectors in each band of the technology, for stations whose cells are not known."""
    rows = [
        {
            "cell_id": f"{station.station_id}/{code}/{number}",
            "station_id": station.station_id,
            "band": code,
            "azimuth_deg": azimuth,
            "downtilt_deg": TEMPLATE_DOWNTILT_DEG,
            "eirp_dbm": np.nan,
            "antenna": None,
            "assumed": True,
        }
        for station in stations.itertuples()
        for code in _bands_of(station.bands, technology)
        for number, azimuth in enumerate(TEMPLATE_AZIMUTHS_DEG, start=1)
    ]
    return pd.DataFrame(rows)


def _bands_of(codes: object, technology: str) -> list[str]:
    """Those of a station's bands that are of a technology."""
    letter = {"4G": "L", "5G": "N"}.get(technology)
    return [code for code in split_list(codes) if letter and code.startswith(letter)]


def _runs(group: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """A mast's cells in stretches of consecutive numbers, each with its first number."""
    breaks = np.flatnonzero(np.diff(group.index.to_numpy()) != 1) + 1
    starts = [0, *breaks.tolist(), len(group)]
    return [(int(group.index[a]), group.iloc[a:b]) for a, b in pairwise(starts)]


def uplink_over(sectors: pd.DataFrame, radio: Radio, folder: Path | None) -> NDArray[np.float64]:
    """Of each cell by how much more RSRP its uplink asks than the threshold of the downlink, dB.

    −∞ where no uplink throughput is asked, +∞ where the band cannot carry it.
    """
    asked_dbm = np.full(len(sectors), -np.inf)
    for code, table in sectors.groupby("band"):
        carrier = band(str(code))
        gain_dbi = [cell_gain(str(name), carrier, folder) for name in table["antenna"]]
        asked_dbm[sectors.index.get_indexer(table.index)] = uplink_rsrp(
            carrier, table["eirp_dbm"].to_numpy(float), gain_dbi, radio.uplink_mbps,
            interference_margin_db=radio.uplink_interference_db,
        )  # fmt: skip
    over_db: NDArray[np.float64] = asked_dbm - radio.rsrp_threshold_dbm
    return over_db


def cell_gain(antenna: str, carrier: Band, folder: Path | None) -> float:
    """Gain of a cell's antenna, dBi: the band's own for its usual one, else what the antenna itself states."""
    return carrier.antenna_gain_dbi if antenna == carrier.antenna else find_antenna(antenna, folder).gain_dbi


def cell_patterns(
    table: pd.DataFrame, carrier: Band, folder: Path | None, asked_dbm: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Sectors, cuts and kinds of antennas of one band's cells, as `kernels.add_cells` reads them.

    `asked_dbm`: RSRP asked of each; not needed where no servers are kept.
    """
    antennas = [find_antenna(name, folder) for name in table["antenna"]]
    tilts = [
        split_downtilt(a, t) for a, t in zip(antennas, table["downtilt_deg"].astype(float).fillna(0.0), strict=True)
    ]
    per_subcarrier_dbm = table["eirp_dbm"].to_numpy(float) - 10.0 * np.log10(carrier.subcarriers)
    sectors = np.column_stack(
        [
            table["azimuth_deg"].astype(float).fillna(0.0),
            [float(electrical) for electrical, _ in tilts],
            [float(mechanical) for _, mechanical in tilts],
            per_subcarrier_dbm,
            [antenna.floor_db for antenna in antennas],
            np.full(len(table), np.nan) if asked_dbm is None else asked_dbm,
        ]
    )
    return (
        np.ascontiguousarray(sectors),
        np.array([antenna.horizontal_loss_db for antenna in antennas]),
        np.array([antenna.vertical_loss_db for antenna in antennas]),
        np.array([antenna.projected for antenna in antennas]),
    )
