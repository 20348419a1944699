"""How sure the figures are: shadowing as a random field, drawn many times.

Neighbouring places are shadowed alike (exponential correlation, Gudmundson 1991), and so are the masts of two operators
seen from one place (3GPP TR 36.942 A.5: 0.5 between sites). The field is drawn with each point conditioned on its
nearest earlier ones (Vecchia 1988): for a correlation of a hundred metres as good as exact, at a cost of O(points).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.hamlets import Signal

NEIGHBOURS = 10
NUGGET = 1e-9


def shadow_field(
    x_m: NDArray[np.float64], y_m: NDArray[np.float64], correlation_m: float, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Standard normal fields, shape (points, draws), with correlation exp(−distance / correlation_m)."""
    points = np.column_stack([x_m, y_m])
    field = rng.standard_normal((len(points), draws))
    order = np.lexsort((points[:, 1], points[:, 0]))
    place = np.empty(len(points), np.int64)
    place[order] = np.arange(len(points))
    near = KDTree(points).query_ball_point(points, 5.0 * correlation_m, return_sorted=True)
    for i in order:
        before = np.array([j for j in near[i] if place[j] < place[i]], np.int64)
        if not before.size:
            continue
        away = np.hypot(*(points[before] - points[i]).T)
        before = before[np.argsort(away, kind="stable")[:NEIGHBOURS]]
        among = np.exp(-np.hypot(*(points[before][:, None] - points[before][None]).transpose(2, 0, 1)) / correlation_m)
        to_them = np.exp(-np.hypot(*(points[before] - points[i]).T) / correlation_m)
        weights = np.linalg.solve(among + NUGGET * np.eye(before.size), to_them)
        spread = np.sqrt(max(1.0 - float(weights @ to_them), 0.0))
        field[i] = weights @ field[before] + spread * field[i]
    return field


def share_with_signal(
    demand: Demand,
    signals: Sequence[Signal],
    threshold_dbm: float,
    sigma_db: float,
    *,
    correlation_m: float,
    site_correlation: float,
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Share of the hamlets with a known centre that has signal of any operator, one value per draw.

    `signals` are those of single operators; a place has signal when median RSRP and shadowing reach the threshold.
    """
    at = np.flatnonzero(demand.centre)
    known = np.any([~np.isnan(one.probability[at]) for one in signals], axis=0)
    at = at[known]
    rng = np.random.default_rng(seed)
    x_m, y_m = demand.x_m[at], demand.y_m[at]
    common = shadow_field(x_m, y_m, correlation_m, draws, rng)
    lit = np.zeros((at.size, draws), np.bool_)
    for one in signals:
        own = shadow_field(x_m, y_m, correlation_m, draws, rng)
        shadow_db = sigma_db * (np.sqrt(site_correlation) * common + np.sqrt(1.0 - site_correlation) * own)
        median = np.nan_to_num(one.rsrp_dbm[at].astype(float), nan=-np.inf)
        lit |= median[:, None] + shadow_db >= threshold_dbm
    return np.asarray(lit.sum(axis=0) / max(at.size, 1), np.float64)
