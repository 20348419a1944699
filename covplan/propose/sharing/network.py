"""The network once a sharing plan is done, and its coverage computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from covplan.propose.sharing.options import new_stations
from covplan.radio.coverage import is_covered
from covplan.radio.links import receive
from covplan.study.codes import NOBODY
from covplan.study.settings import radio_under

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.propose.sharing.options import Case, Market, Points
    from covplan.propose.sharing.program import Shared
    from covplan.study.settings import Settings
    from covplan.terrain.ground import Ground


def planned_network(stations: gpd.GeoDataFrame, market: Market, case: Case, shared: Shared) -> gpd.GeoDataFrame:
    """Stations on air once the plan is done; their cells stay as they are, new stations have template ones."""
    after = stations[stations["status"] == "existing"].copy()
    chosen = market.moves.iloc[case.rows[shared.chosen]]
    spots = market.locations.geometry.to_numpy()
    ids = market.locations["location_id"].to_numpy()
    moving = chosen.loc[chosen["tenancy"] != NOBODY, ["tenancy", "host", "antenna_height_m"]]
    for row, host, antenna_height_m in moving.itertuples(index=False, name=None):
        tenancy = market.tenancies.iloc[row]
        goes = (after["location_id"] == ids[tenancy["location"]]) & (
            after["operator"] == market.operators[tenancy["operator"]]
        )
        after.loc[goes, "location_id"] = ids[host]
        after.loc[goes, "antenna_height_m"] = antenna_height_m
        after.loc[goes, "geometry"] = spots[host]
    coming = chosen[chosen["tenancy"] == NOBODY]
    if coming.empty:
        return after
    common = market.sectors.groupby("operator")["band"].agg(lambda bands: bands.mode().iloc[0])
    fresh = new_stations(market.locations, coming, market.operators, market.technology, common)
    return gpd.GeoDataFrame(pd.concat([after, fresh], ignore_index=True), crs=after.crs)


def confirmed(
    stations: gpd.GeoDataFrame,
    planned: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    points: Points,
    ground: Ground,
    settings: Settings,
    *,
    cache: Path | None = None,
    antennas: Path | None = None,
) -> pd.DataFrame:
    """Coverage computed anew of the stations on air and of the planned ones, by operator.

    Columns: operator; hamlets_before, hamlets_after, hamlets_lost, hamlets_won (at their centres); households_before,
    households_after (at the clusters).
    """
    definition = settings.definition
    radio = radio_under(definition, settings.radio[definition.technology])
    air = stations[stations["status"] == "existing"]
    rows = []
    for operator in sorted(air["operator"].unique()):
        before, after = (
            is_covered(
                receive(
                    network[network["operator"] == operator], cells, points.x_m, points.y_m, ground,
                    definition.technology, radio, settings.propagation, cache=cache, antennas=antennas,
                ),
                radio,
            )
            for network in (air, planned)
        )  # fmt: skip
        hamlets, clusters = slice(None, points.hamlets), slice(points.hamlets, None)
        rows.append(
            {
                "operator": operator,
                "hamlets_before": int(before[hamlets].sum()),
                "hamlets_after": int(after[hamlets].sum()),
                "hamlets_lost": int((before & ~after)[hamlets].sum()),
                "hamlets_won": int((after & ~before)[hamlets].sum()),
                "households_before": int(points.households[before[clusters]].sum()),
                "households_after": int(points.households[after[clusters]].sum()),
            }
        )
    return pd.DataFrame(rows)
