"""An indicator over its own threshold: how much of the figure is the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.study.settings import Radio

THRESHOLDS_DBM = np.arange(-125.0, -94.0)
PROBABILITIES = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99])
SERVED_SHARES = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
MERGE_RADII_M = np.array([0.0, 10.0, 20.0, 30.0, 50.0, 80.0, 100.0])


def signal_curves(
    indicator: str,
    value_pct: Callable[[NDArray[np.bool_]], float | None],
    probability: Callable[[float], NDArray[np.float32]],
    throughput_mbps: NDArray[np.float32],
    radio: Radio,
) -> pd.DataFrame:
    """An indicator of coverage over the threshold and over the probability; columns of resources/layers/curves.csv.

    Parameters
    ----------
    value_pct : callable
        The indicator, given which points are covered.
    probability : callable
        Of each point, that it is received well enough, given a threshold (dBm).
    throughput_mbps : array, one value per point
        Met with the confidence of the settings.
    """
    fast = np.nan_to_num(throughput_mbps) >= radio.throughput_mbps

    def value(threshold_dbm: float, confidence: float) -> float:
        found = value_pct(fast & (probability(threshold_dbm) >= confidence))
        return float("nan") if found is None else round(found, 4)

    over_threshold = [(x, value(x, radio.confidence)) for x in np.union1d(THRESHOLDS_DBM, radio.rsrp_threshold_dbm)]
    over_probability = [(x, value(radio.rsrp_threshold_dbm, x)) for x in np.union1d(PROBABILITIES, radio.confidence)]
    return pd.concat(
        [
            _curve(indicator, "threshold_dbm", over_threshold, radio.rsrp_threshold_dbm),
            _curve(indicator, "probability", over_probability, radio.confidence),
        ],
        ignore_index=True,
    )


def fiber_curve(reached: pd.DataFrame, listed: pd.Series, served_share: float) -> pd.DataFrame:
    """VILLAGE_FTTH_COV over the share of its households from which on a hamlet counts as served.

    `listed`: FTTH of the hamlets that count as declared, at every share.
    """
    passed = reached.loc[reached["ftth"].notna(), "passed_share"].to_numpy(float)
    sure, hamlets = int(listed.sum()), passed.size + len(listed)
    found = [
        (x, round(100.0 * float((passed >= x).sum() + sure) / hamlets, 4) if hamlets else float("nan"))
        for x in np.union1d(SERVED_SHARES, served_share)
    ]
    return _curve("VILLAGE_FTTH_COV", "served_share", found, served_share)


def sharing_curve(stations: gpd.GeoDataFrame) -> pd.DataFrame:
    """BTS_SHARE_RATIO over the distance within which stations count as one location; 0: as their ids say.

    One mast listed twice by two operators hides a shared location; two masts taken for one invent it.
    """
    points = np.column_stack([stations.geometry.x, stations.geometry.y]) if len(stations) else np.empty((0, 2))
    ids = stations["location_id"].to_numpy()
    same = pd.factorize(ids)[0]
    found = []
    for radius_m in MERGE_RADII_M:
        merged = same
        if radius_m > 0 and len(points):
            pairs = KDTree(points).query_pairs(radius_m, output_type="ndarray")
            first = pd.Series(np.arange(len(same))).groupby(same).transform("first").to_numpy()
            rows = np.concatenate([pairs[:, 0], np.arange(len(same))])
            columns = np.concatenate([pairs[:, 1], first])
            graph = coo_array((np.ones(rows.size), (rows, columns)), shape=(len(same), len(same)))
            merged = connected_components(graph, directed=False)[1]
        operators = stations["operator"].groupby(merged).nunique()
        value = 100.0 * float((operators >= 2).mean()) if len(operators) else float("nan")
        found.append((radius_m, round(value, 4)))
    return _curve("BTS_SHARE_RATIO", "merge_radius_m", found, 0.0)


def _curve(indicator: str, parameter: str, points: Iterable[tuple[float, float]], current: float) -> pd.DataFrame:
    table = pd.DataFrame(points, columns=["x", "value"])
    nearest = (table["x"] - current).abs().idxmin()
    table.insert(0, "parameter", parameter)
    table.insert(0, "indicator", indicator)
    return table.assign(current=table.index == nearest)
