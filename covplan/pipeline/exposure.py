"""Exposure to electromagnetic fields of the structures that stand: how far from its antennas each meets the limit.

All cells known on a structure, of every operator, at full power (`radio.emf`): an envelope for planning, not the
measurement the regulation asks for. What is assumed and what is missing stands beside the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.radio.antenna import find_antenna
from covplan.radio.coverage import sector_table
from covplan.radio.emf import Radiator, station_exclusion
from covplan.radio.link_budget import band, band_table
from covplan.study.columns import split_list
from covplan.study.layers import LIST_SEPARATOR

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from covplan.radio.antenna import Antenna

    Source = tuple[float, float, float, str]
    """EIRP (dBm), frequency (MHz), azimuth and antenna of a cell."""

COMPUTED = ("4G", "5G")
"""Technologies whose cells radio knows, template sectors too; of others only cells that state their EIRP count."""
ALL_ROUND = -1.0  # azimuth of a cell that has none
MATTERS = frozenset({"eirp_dbm", "azimuth_deg", "antenna", "band"})
"""Columns of a cell whose assumption moves the distance."""


def with_exposure(
    locations: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, cells: pd.DataFrame, antennas: Path | None = None
) -> gpd.GeoDataFrame:
    """Locations with emf_m, emf_basis and emf_missing (`resources/layers/locations.csv`).

    Parameters
    ----------
    stations : GeoDataFrame
        On air; those of a location are its own by `location_id`.
    """
    sources = _sources(stations, cells)
    at_location = dict(zip(stations["station_id"], stations["location_id"], strict=True))
    by_location: dict[str, list[Source]] = {}
    unsure: set[str] = set()
    figures = sources[["eirp_dbm", "carrier_mhz", "azimuth_deg"]].astype(float).fillna({"azimuth_deg": ALL_ROUND})
    cells_of = zip(sources["station_id"], *(figures[name] for name in figures), sources["antenna"], strict=True)
    for (station, *radiator), assumed in zip(cells_of, sources["assumed"], strict=True):
        name = at_location[station]
        by_location.setdefault(name, []).append((*radiator,))
        if assumed:
            unsure.add(name)
    counted = set(zip(sources["station_id"], sources["technology"], strict=True))
    missing: dict[str, set[str]] = {}
    for one in stations.itertuples():
        without = {code for code in split_list(one.technologies) if (one.station_id, code) not in counted}
        missing.setdefault(str(one.location_id), set()).update(without)
    reach, names = _Reach(antennas), [str(one) for one in locations["location_id"]]
    distance_m = [reach.of(by_location.get(name, [])) for name in names]
    basis = [("assumed" if name in unsure else "known") if name in by_location else None for name in names]
    left = [LIST_SEPARATOR.join(sorted(missing.get(name, ()))) or None for name in names]
    return locations.assign(
        emf_m=np.array(distance_m, float),
        emf_basis=pd.array(basis, dtype="object"),
        emf_missing=pd.array(left, dtype="object"),
    )


class _Reach:
    """Distance of a structure's cells; structures with the same cells are computed once."""

    def __init__(self, antennas: Path | None) -> None:
        self.folder = antennas
        self.found: dict[str, Antenna] = {}
        self.known: dict[tuple[Source, ...], float] = {(): np.nan}

    def of(self, sources: list[Source]) -> float:
        """Metres, to the tenth; NaN without cells."""
        key = tuple(sorted(sources))
        if key not in self.known:
            radiators = [
                Radiator(eirp_dbm, mhz, np.nan if azimuth_deg == ALL_ROUND else azimuth_deg, self._antenna(antenna))
                for eirp_dbm, mhz, azimuth_deg, antenna in key
            ]
            self.known[key] = round(station_exclusion(radiators).distance_m, 1)
        return self.known[key]

    def _antenna(self, name: str) -> Antenna:
        if name not in self.found:
            self.found[name] = find_antenna(name, self.folder)
        return self.found[name]


def _sources(stations: gpd.GeoDataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Every cell that radiates: station_id, technology, eirp_dbm, carrier_mhz, azimuth_deg, antenna, assumed."""
    by_cell = cells.set_index("cell_id")
    unsure = by_cell["eirp_dbm"].isna() | by_cell["azimuth_deg"].isna() & by_cell["antenna"].isna()
    if "assumed" in by_cell:
        unsure |= by_cell["assumed"].map(lambda names: not MATTERS.isdisjoint(split_list(names))).astype(bool)
    parts = []
    for technology in COMPUTED:
        table = sector_table(stations, cells, technology)
        stated = table["cell_id"].isin(unsure[unsure].index)
        parts.append(
            table.assign(
                technology=technology,
                carrier_mhz=table["band"].map(lambda code: band(code).downlink_mhz),
                assumed=table["assumed"].astype(bool) | stated,
            )
        )
    older = cells[~cells["technology"].isin(COMPUTED) & cells["eirp_dbm"].notna()]
    older = older[older["station_id"].isin(stations["station_id"])]
    omni = older["antenna"].where(older["antenna"].notna(), np.where(older["azimuth_deg"].isna(), "omni", "sector_65"))
    parts.append(
        older.assign(
            carrier_mhz=older["band"].map(_nominal_mhz),
            antenna=omni,
            assumed=older["cell_id"].isin(unsure[unsure].index),
        )
    )
    columns = ["station_id", "technology", "eirp_dbm", "carrier_mhz", "azimuth_deg", "antenna", "assumed"]
    filled = [part[columns] for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0].reindex(columns=columns)


def _nominal_mhz(code: str) -> float:
    """Frequency of a band: of resources/bands.csv, or the one its code names (the limits do not change within it)."""
    return band(code).downlink_mhz if code in band_table() else float("".join(filter(str.isdigit, code)))
