"""How sure the figures are: the prediction error as random fields, drawn many times.

The model behind the probability of coverage, drawn: σ (√ρ Z + √(1 − ρ) E_i) with one field Z for all sites and one
field E_i for each site i, whoever's antennas hang there (3GPP TR 36.942 A.5: ρ = 0.5 between sites). Neighbouring
places err alike (exponential correlation, Gudmundson 1991). A field is drawn with each point conditioned on its
nearest earlier ones (Vecchia 1988): for a correlation of a hundred metres as good as exact, at a cost of O(points).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.hamlets import Signal

NEIGHBOURS = 10
NUGGET = 1e-9
FAINT = 5.0  # standard deviations below what is asked at which a site changes no draw that is made


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
    signal: Signal,
    sigma_db: float,
    *,
    correlation_m: float,
    site_correlation: float,
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Share of the hamlets with a known centre that has signal, one value per draw.

    A place has signal when the margin and the error drawn leave at least one of its sites at what is asked.
    """
    at = np.flatnonzero(demand.centre & ~np.isnan(signal.probability))
    rng = np.random.default_rng(seed)
    x_m, y_m = demand.x_m[at], demand.y_m[at]
    margin_db, site = signal.margin_db[at].astype(float), signal.site[at]
    common = shadow_field(x_m, y_m, correlation_m, draws, rng)
    lit = np.zeros((at.size, draws), np.bool_)
    point, place = np.nonzero((site >= 0) & (margin_db >= -FAINT * sigma_db))
    order = np.argsort(site[point, place], kind="stable")
    point, place = point[order], place[order]
    of = site[point, place]
    for start, stop in pairwise([*np.flatnonzero(np.diff(of, prepend=-1)), of.size]):
        rows = point[start:stop]
        own = shadow_field(x_m[rows], y_m[rows], correlation_m, draws, rng)
        error_db = sigma_db * (np.sqrt(site_correlation) * common[rows] + np.sqrt(1.0 - site_correlation) * own)
        lit[rows] |= margin_db[rows, place[start:stop]][:, None] + error_db >= 0.0
    return np.asarray(lit.sum(axis=0) / max(at.size, 1), np.float64)
