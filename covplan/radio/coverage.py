"""Coverage of a technology: who is received how strongly, how surely and how fast, on the study's grid.

RSRP is taken from the strongest cell; interference is that of all other cells of the same band and operator at their
load. A raster is a numpy array of the grid's shape, float32, NaN where nothing is received or computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import pandas as pd

from covplan.radio.antenna import find_antenna, split_downtilt
from covplan.radio.kernels import add_cells
from covplan.radio.link_budget import Band, band, coverage_probability, shadow_margin, sinr, throughput
from covplan.radio.loss import Mast, path_loss_window
from covplan.radio.offsets import offset_grid, shift
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

LEAST_DBM = -140.0  # weaker signals are neither received nor count as interference (thermal noise is at −123 dBm)
TEMPLATE_AZIMUTHS_DEG = (0.0, 120.0, 240.0)  # of a station whose cells are not known
TEMPLATE_DOWNTILT_DEG = 3.0
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
    """Standard deviation of shadowing that `probability` was computed with."""
    operators: tuple[str, ...]
    cell_ids: tuple[str, ...]
    rsrp_dbm: Singles
    """RSRP (SS-RSRP) of the strongest cell, dBm."""
    server: NDArray[np.int32]
    """Place of the strongest cell in `cell_ids`; −1 where nobody is received."""
    probability: Singles
    """That RSRP meets the threshold, 0…1; 0 where nobody is received, NaN where the ground is not known."""
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
    found = Received(shape)
    margin_db = float(shadow_margin(radio.confidence, propagation.location_sigma_db))
    groups = list(sectors.groupby(["band", "x_m", "y_m", "antenna_height_m"], sort=True))
    done = 0
    for code, sectors_of_band in sectors.groupby("band", sort=True):
        carrier = band(str(code))
        best = np.full(shape, np.nan, dtype=np.float32)
        server = np.full(shape, NOBODY, dtype=np.int32)
        total_mw = np.zeros(shape)
        for place, group in sectors_of_band.groupby(["x_m", "y_m", "antenna_height_m"], sort=True):
            x_m, y_m, height_m = cast("tuple[float, float, float]", place)
            mast = Mast(float(x_m), float(y_m), float(height_m), carrier.downlink_mhz)
            window = path_loss_window(mast, ground, propagation, cache=cache)
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
                    *cell_patterns(table, carrier, antennas),
                    first,
                    LEAST_DBM,
                    best,
                    server,
                    total_mw,
                )
            done += 1
            if progress:
                progress(done, len(groups))
        shift(best, total_mw, offset_grid(ground, propagation, str(code)))
        found.add(best, server, total_mw, carrier, radio.load, margin_db)
    probability = coverage_probability(found.rsrp_dbm, radio.rsrp_threshold_dbm, propagation.location_sigma_db)
    probability = np.where(np.isnan(found.rsrp_dbm), 0.0, probability)
    probability[np.isnan(ground.elevation_m)] = np.nan
    return Coverage(
        technology=technology,
        sigma_db=propagation.location_sigma_db,
        operators=tuple(sorted(set(sectors["operator"]))),
        cell_ids=tuple(sectors["cell_id"]),
        rsrp_dbm=found.rsrp_dbm,
        server=found.server,
        probability=probability.astype(np.float32),
        sinr_db=found.sinr_db,
        throughput_mbps=found.throughput_mbps,
        edge_throughput_mbps=found.edge_throughput_mbps,
        grid=ground.grid,
    )


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
    """Of several operators, at each place the one received best: what "any operator" means."""
    rest = iter(receptions)
    found = next(rest, None)
    if found is None:
        raise LayerError(_("no operator has stations of this technology on air."))
    for other in rest:  # one after the other: only two are held at a time
        found = _stronger(found, other)
    return found


def _stronger(one: Receptions, other: Receptions) -> Receptions:
    if isinstance(one, Coverage) and isinstance(other, Coverage) and other.grid != one.grid:
        raise GridMismatchError(
            _("coverages on different grids: {one} and {other}. Compute them on one.").format(
                one=one.grid, other=other.grid
            )
        )
    if other.technology != one.technology:
        raise LayerError(
            _("coverages of {one} and {other} cannot be joined into one.").format(
                one=one.technology, other=other.technology
            )
        )
    better = ~(one.rsrp_dbm >= other.rsrp_dbm) & ~np.isnan(other.rsrp_dbm)
    return replace(
        one,
        operators=tuple(sorted({*one.operators, *other.operators})),
        cell_ids=one.cell_ids + other.cell_ids,
        rsrp_dbm=np.where(better, other.rsrp_dbm, one.rsrp_dbm),
        server=np.where(better, other.server + np.int32(len(one.cell_ids)), one.server),
        probability=np.where(better, other.probability, one.probability),
        sinr_db=np.where(better, other.sinr_db, one.sinr_db),
        throughput_mbps=np.fmax(one.throughput_mbps, other.throughput_mbps),
        edge_throughput_mbps=np.fmax(one.edge_throughput_mbps, other.edge_throughput_mbps),
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

    Columns: cell_id, operator, band, x_m, y_m, antenna_height_m, azimuth_deg, downtilt_deg, eirp_dbm, antenna,
    assumed; sorted by band and mast, numbered from 0.
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


class Received:
    """What is received best over the bands looked at so far: grows band by band."""

    def __init__(self, shape: tuple[int, ...]) -> None:
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
        load: float,
        margin_db: float,
    ) -> None:
        """Take over the places where this band is received better; throughput is that of the better band."""
        at = np.isfinite(best_dbm)
        ratio_db = sinr(best_dbm[at], total_mw[at], noise_dbm=carrier.noise_dbm, load=load)
        self.throughput_mbps[at] = np.fmax(self.throughput_mbps[at], throughput(ratio_db, carrier))
        edge_mbps = throughput(ratio_db - margin_db, carrier)
        self.edge_throughput_mbps[at] = np.fmax(self.edge_throughput_mbps[at], edge_mbps)
        stronger = at & ~(self.rsrp_dbm >= best_dbm)
        self.sinr_db[stronger] = ratio_db[stronger[at]]
        self.rsrp_dbm[stronger] = best_dbm[stronger]
        self.server[stronger] = server[stronger]


def _template_sectors(stations: pd.DataFrame, technology: str) -> pd.DataFrame:
    """Three sectors in each band of the technology, for stations whose cells are not known."""
    letter = {"4G": "L", "5G": "N"}.get(technology, "")
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
        for code in split_list(station.bands)
        if letter and code.startswith(letter)
        for number, azimuth in enumerate(TEMPLATE_AZIMUTHS_DEG, start=1)
    ]
    return pd.DataFrame(rows)


def _runs(group: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """A mast's cells in stretches of consecutive numbers, each with its first number."""
    breaks = np.flatnonzero(np.diff(group.index.to_numpy()) != 1) + 1
    starts = [0, *breaks.tolist(), len(group)]
    return [(int(group.index[a]), group.iloc[a:b]) for a, b in pairwise(starts)]


def cell_patterns(
    table: pd.DataFrame, carrier: Band, folder: Path | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Sectors, cuts and kinds of antennas of one band's cells, as `kernels.add_cells` reads them."""
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
        ]
    )
    return (
        np.ascontiguousarray(sectors),
        np.array([antenna.horizontal_loss_db for antenna in antennas]),
        np.array([antenna.vertical_loss_db for antenna in antennas]),
        np.array([antenna.projected for antenna in antennas]),
    )
