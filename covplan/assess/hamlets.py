"""State of every hamlet: computed from what its centre and its people receive, or as the province declares it.

The definition of covered is the study's (`Definition`): by the province's, a hamlet is dark (none) when its centre has
no signal, weak when only clusters lack it, covered otherwise; unknown where the data cannot tell, and then it is none
of these. A hamlet without clusters is told by its centre alone, and its basis says so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.assess.demand import centres, weights
from covplan.study.boundaries import name_of
from covplan.study.codes import ANY, WGS84
from covplan.study.geometry import distance_m
from covplan.study.layers import LIST_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.study.settings import Definition

"""In place of an operator: whichever is received best."""
COVERED, WEAK, NONE, UNKNOWN = "covered", "weak", "none", "unknown"
BY_CENTRE = "centre"
"""Basis of what was computed at a hamlet's centre alone, for want of clusters."""
DECLARED = [
    "village_id", "name", "commune_code", "boundary_version", "district", "households", "population", "ftth_households",
    "centre_lon", "centre_lat", "grid_power", "difficulty",
]  # fmt: skip
FROM_REACH = {
    "limit": "ftth_limit", "homes_passed": "homes_passed", "nearest_node_id": "fiber_node_id",
    "nearest_node_m": "fiber_node_m",
}  # fmt: skip
ROUNDING = 1e-9  # of a share: 3 of 3 clusters are all


@dataclass(frozen=True)
class Signal:
    """What one operator, or any, gives of one technology at the points of a `Demand`; arrays of its length."""

    technology: str
    operator: str
    rsrp_dbm: NDArray[np.float32]
    """Of the best cell; NaN where nothing is received."""
    probability: NDArray[np.float32]
    """That it meets the threshold; NaN where it cannot be told."""
    covered: NDArray[np.bool_]
    """As the study defines it, outdoors."""
    indoor: NDArray[np.bool_]
    throughput_mbps: NDArray[np.float32]
    """Met or exceeded with the confidence of the settings."""
    server: NDArray[np.object_]
    """Cell received best; empty where nothing is."""
    margin_db: NDArray[np.float32]
    """Over what is asked, of the best cells of distinct sites, shape (points, sites); NaN: no more."""
    site: NDArray[np.int64]
    """The number of each of these sites; −1: no more."""
    uplink_over_db: NDArray[np.float64]
    """By how much more the uplink of each of these cells asks than the threshold; −∞: nothing is asked of it."""

    def part(self, chosen: NDArray[np.bool_]) -> Signal:
        """At some of the points."""
        arrays = {field.name: getattr(self, field.name)[chosen] for field in fields(self)[2:]}
        return replace(self, **arrays)


def states(
    demand: Demand, covered: NDArray[np.bool_], known: NDArray[np.bool_], definition: Definition, hamlets: int
) -> NDArray[np.object_]:
    """State of each hamlet, shape (hamlets,), from which of its points are covered and of which that is known."""
    people = _Count(demand, covered, known, hamlets)
    least = (1.0 if definition.cluster_share is None else definition.cluster_share) - ROUNDING
    with np.errstate(invalid="ignore"):  # neither clusters nor a centre: unknown
        surely, at_most = people.covered / people.total, (people.covered + people.unknown) / people.total
    found = np.full(hamlets, UNKNOWN, dtype=object)
    if definition.centre:
        lit = np.zeros(hamlets, np.bool_)
        dark = np.zeros(hamlets, np.bool_)
        lit[demand.village[demand.centre & known & covered]] = True
        dark[demand.village[demand.centre & known & ~covered]] = True
        found[lit & (surely >= least)] = COVERED
        found[lit & (at_most < least)] = WEAK
        found[dark] = NONE
        return found
    found[surely >= least] = COVERED
    found[(at_most < least) & (surely > 0)] = WEAK
    found[(at_most <= 0) & (people.total > 0)] = NONE
    return found


def covered_share(
    demand: Demand, covered: NDArray[np.bool_], known: NDArray[np.bool_], hamlets: int
) -> NDArray[np.float64]:
    """Share of each hamlet's households at covered points, of those where it is known; NaN without any."""
    people = _Count(demand, covered, known, hamlets)
    rest = people.total - people.unknown
    share: NDArray[np.float64] = np.divide(people.covered, rest, out=np.full(hamlets, np.nan), where=rest > 0)
    return share


def signal_table(
    villages: gpd.GeoDataFrame,
    demand: Demand,
    signals: Sequence[Signal],
    definition: Definition,
    classes_mbps: Sequence[float],
) -> pd.DataFrame:
    """One row per hamlet, technology and operator (and any of them); columns of resources/layers/signals.csv."""
    count = len(villages)
    at_centre = np.full(count, -1)
    at_centre[demand.village[demand.centre]] = np.flatnonzero(demand.centre)
    has = at_centre >= 0
    tables = []
    for one in signals:
        known = ~np.isnan(one.probability)
        throughput = np.where(has, one.throughput_mbps[at_centre], np.nan)
        tables.append(
            pd.DataFrame(
                {
                    "village_id": villages["village_id"].to_numpy(),
                    "technology": one.technology,
                    "operator": one.operator,
                    "state": states(demand, one.covered, known, definition, count),
                    "rsrp_dbm": np.where(has, one.rsrp_dbm[at_centre], np.nan).round(1),
                    "probability": np.where(has, one.probability[at_centre], np.nan).round(4),
                    "server": np.where(has, one.server[at_centre], None),
                    "throughput_mbps": throughput.round(1),
                    "throughput_class": _classes(throughput, classes_mbps),
                    "covered_share": covered_share(demand, one.covered, known, count).round(4),
                    "indoor_share": covered_share(demand, one.indoor, known, count).round(4),
                }
            )
        )
    return pd.concat(tables, ignore_index=True) if tables else _no_signals()


def hamlet_states(
    villages: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    locations: gpd.GeoDataFrame,
    signals: pd.DataFrame | None = None,
    technology: str = "4G",
    reached: pd.DataFrame | None = None,
    *,
    at_centre: NDArray[np.bool_] | None = None,
    homes_at_centre: NDArray[np.bool_] | None = None,
) -> gpd.GeoDataFrame:
    """One row per hamlet, same index as `villages`; columns of resources/layers/hamlets.csv.

    With `signals` (`signal_table`) the mobile state is computed, of `technology` and any operator; without, and where
    it cannot be computed, it is the one the province declares (`basis` says which). So with `reached` (columns of
    resources/layers/reach.csv) and FTTH. A hamlet about which neither says anything is unknown.

    `at_centre`, `homes_at_centre`: hamlets whose signal, whose FTTH is computed at their centre alone.
    """
    nowhere = np.zeros(len(villages), np.bool_)
    declared_columns = [*DECLARED, *(["assumed"] if "assumed" in villages else [])]
    hamlets = gpd.GeoDataFrame(villages[declared_columns].copy(), geometry=villages.geometry)
    hamlets["commune"] = name_of(villages["commune_code"], villages["boundary_version"], communes)
    declared = villages["declared_mobile"].fillna(UNKNOWN)
    hamlets["mobile_state"] = declared
    hamlets["mobile_5g"] = villages["declared_5g"]
    hamlets["basis"] = "declared"
    hamlets["declared_state"] = declared
    if signals is not None and len(signals):
        by = signals.set_index(["technology", "operator", "village_id"])
        best = _rows(by, technology, villages)
        computed = pd.Series(best["state"].fillna(UNKNOWN).to_numpy(), index=villages.index)
        as_listed = (computed == UNKNOWN) & (declared != UNKNOWN)  # the model cannot tell, the list does
        hamlets["mobile_state"] = declared.where(as_listed, computed)
        alone = (nowhere if at_centre is None else at_centre) & (computed != UNKNOWN)
        hamlets["basis"] = np.select([as_listed, alone], ["declared", BY_CENTRE], "computed")
        for column in ("rsrp_dbm", "probability", "server", "throughput_mbps", "covered_share", "indoor_share"):
            hamlets[column] = best[column].to_numpy()
        present = signals[(signals["technology"] == technology) & (signals["operator"] != ANY)]
        present = present[present["state"].isin([COVERED, WEAK])]
        names = present.groupby("village_id")["operator"].agg(lambda codes: LIST_SEPARATOR.join(sorted(codes)))
        hamlets["operators"] = villages["village_id"].map(names).astype("object").fillna("")
        hamlets["operators_count"] = hamlets["operators"].map(lambda text: text.count(LIST_SEPARATOR) + bool(text))
        five = _rows(by, "5G", villages)
        hamlets["share_5g"] = five["covered_share"].to_numpy()
        lit = five["state"].isin([COVERED, WEAK]).astype("boolean")
        hamlets["mobile_5g"] = lit.mask(five["state"].isin([UNKNOWN]) | five["state"].isna()).to_numpy()
    hamlets["ftth"], hamlets["ftth_basis"] = villages["declared_ftth"], "declared"
    if reached is not None:
        of = reached.set_index("village_id").reindex(villages["village_id"])
        passed = pd.Series(of["ftth"].astype("boolean").array, index=villages.index)
        as_listed = passed.isna() & villages["declared_ftth"].notna()
        alone = (nowhere if homes_at_centre is None else homes_at_centre) & passed.notna()
        hamlets["ftth"] = passed.where(~as_listed, villages["declared_ftth"].astype("boolean"))
        hamlets["ftth_basis"] = np.select([as_listed, alone], ["declared", BY_CENTRE], "computed")
        for column, name in FROM_REACH.items():
            hamlets[name] = of[column].to_numpy()
    nearest = _nearest(villages, locations)
    hamlets["nearest_location_id"] = nearest["location_id"]
    hamlets["nearest_location_m"] = nearest["distance_m"]
    return hamlets


class _Count:
    """Households of each hamlet: all, at points covered, at points of which nothing is known; or its centre."""

    def __init__(self, demand: Demand, covered: NDArray[np.bool_], known: NDArray[np.bool_], hamlets: int) -> None:
        counts = weights(demand, hamlets)

        def per_hamlet(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
            return np.bincount(demand.village[chosen], counts[chosen], minlength=hamlets).astype(np.float64)

        self.total = per_hamlet(np.ones(counts.size, np.bool_))
        self.covered = per_hamlet(known & covered)
        self.unknown = per_hamlet(~known)


def _rows(by: pd.DataFrame, technology: str, villages: gpd.GeoDataFrame) -> pd.DataFrame:
    """The rows of any operator, in the order of the villages; all empty when the technology is not there."""
    try:
        return cast("pd.DataFrame", by.loc[(technology, ANY)]).reindex(villages["village_id"])
    except KeyError:
        return by.iloc[:0].droplevel([0, 1]).reindex(villages["village_id"])


def _classes(throughput_mbps: NDArray[np.float64], classes_mbps: Sequence[float]) -> list[str]:
    """Class of a throughput in words: from which of the limits on it is."""
    place = np.digitize(np.nan_to_num(throughput_mbps), classes_mbps)
    names = [f"< {classes_mbps[0]:g}", *(f"≥ {limit:g}" for limit in classes_mbps)]
    return [names[n] for n in place]


def _no_signals() -> pd.DataFrame:
    names = ["village_id", "technology", "operator", "state", "rsrp_dbm", "probability", "server", "throughput_mbps"]
    return pd.DataFrame(columns=[*names, "throughput_class", "covered_share", "indoor_share"])


def _nearest(villages: gpd.GeoDataFrame, locations: gpd.GeoDataFrame) -> pd.DataFrame:
    """Nearest location of each hamlet's centre and its distance on the ellipsoid, metres; NA when there is none."""
    if locations.empty:
        return pd.DataFrame({"location_id": pd.NA, "distance_m": float("nan")}, index=villages.index)
    points = centres(villages)
    positions = locations.sindex.nearest(points, return_all=False)[1]
    lonlat = locations.geometry.to_crs(WGS84).iloc[positions]
    away_m = distance_m(villages["centre_lon"], villages["centre_lat"], lonlat.x, lonlat.y)
    found = locations["location_id"].iloc[positions].to_numpy()
    return pd.DataFrame({"location_id": found, "distance_m": away_m.round(0)}, index=villages.index)
