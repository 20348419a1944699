"""ITU-R P.1812-7 for one path, exact: from a terrain profile to the loss exceeded for a share of time, step by step.

The profile is looked at point by point (`scan`, the definition; `sweep` does the same with hulls), the rest is the
formulas. Every quantity that the Recommendation names is kept under a readable name in `PathLoss`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from covplan.radio import formulas as f
from covplan.study.errors import OutsideValidity
from covplan.study.language import _

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

FREQUENCY_GHZ, TIME_PCT, LOCATION_PCT = (0.03, 6.0), (1.0, 50.0), (1.0, 99.0)  # P.1812-7 §1 and table 1
DISTANCE_KM, ANTENNA_M = (0.25, 3000.0), (1.0, 3000.0)
SEA, COAST, INLAND = 1, 3, 4  # radio-climatic zones of the profile's points, as the ITU's files write them
NO_COAST_KM = 500.0
ROUNDING_KM = 1e-9
# Northern Vietnam, between the contours of the maps in P.452 and P.453; the digital maps may not be redistributed.
DELTA_N, SURFACE_N = 55.0, 365.0


@dataclass(frozen=True)
class PathLoss:
    """Every quantity of one path: distances in km, heights in m, angles in mrad, slopes in m/km, losses in dB."""

    distance_km: float
    tx_horizon_km: float
    """d_lt, eq. (78)."""
    rx_horizon_km: float
    """d_lr, eq. (81a)."""
    tx_angle_mrad: float
    """θ_t, eqs. (76) to (78)."""
    rx_angle_mrad: float
    """θ_r, eqs. (79) to (81)."""
    path_angle_mrad: float
    """θ, eq. (82)."""
    tx_m: float
    """h_ts, antenna above sea level."""
    rx_m: float
    """h_rs."""
    sea_share: float
    """ω."""
    land_km: float
    """d_tm, longest stretch over land."""
    inland_km: float
    """d_lm, longest stretch over inland areas."""
    beta0_pct: float
    """β0, eq. (5)."""
    earth_km: float
    """a_e, eq. (7a)."""
    tx_smooth_m: float
    """h_st, eq. (85): the smooth earth below the transmitter."""
    rx_smooth_m: float
    """h_sr, eq. (86)."""
    tx_smooth_low_m: float
    """h_st, eq. (90a): not above the ground."""
    rx_smooth_low_m: float
    """h_sr, eq. (90b)."""
    tx_smooth_diffraction_m: float
    """h_std, eq. (89a)."""
    rx_smooth_diffraction_m: float
    """h_srd, eq. (89b)."""
    tx_above_smooth_m: float
    """h'_ts, eq. (37a)."""
    rx_above_smooth_m: float
    """h'_rs, eq. (37b)."""
    tx_effective_m: float
    """h_te, eq. (92a)."""
    rx_effective_m: float
    """h_re, eq. (92b)."""
    roughness_m: float
    """h_m, eq. (93)."""
    median_weight: float
    """F_i, eq. (40)."""
    sight_weight: float
    """F_j, eq. (57)."""
    distance_weight: float
    """F_k, eq. (58)."""
    free_space_db: float
    """L_bfs, eq. (8)."""
    line_of_sight_db: float
    """L_b0p, eq. (10)."""
    beta_line_of_sight_db: float
    """L_b0β, eq. (11)."""
    bullington_db: float
    """L_bulla, eq. (21), over the terrain and its clutter."""
    bare_bullington_db: float
    """The same over the terrain alone."""
    terminal_clutter_db: float
    """Of the receiver below its own clutter, P.2108-1 §3.1; −∞ above it, and without surroundings."""
    most_clutter_db: float
    """What clutter can cost at most: the median of P.2108-1 §3.2; infinite without surroundings."""
    smooth_bullington_db: float
    """L_bulls, eq. (21), over the smooth earth."""
    spherical_db: float
    """L_dsph, eq. (27)."""
    beta_bullington_db: float
    """L_bulla at the effective earth radius exceeded for β0 of the time; so the next two."""
    beta_smooth_bullington_db: float
    beta_spherical_db: float
    median_diffraction_db: float
    """L_d50, eq. (39)."""
    beta_diffraction_db: float
    """L_dβ, eq. (39)."""
    diffraction_db: float
    """L_dp, eq. (41)."""
    median_basic_diffraction_db: float
    """L_bd50, eq. (42)."""
    basic_diffraction_db: float
    """L_bd, eq. (43)."""
    notional_sight_db: float
    """L_minb0p, eq. (59)."""
    duct_db: float
    """L_ba, eq. (46)."""
    notional_duct_db: float
    """L_minbap, eq. (60)."""
    diffraction_or_duct_db: float
    """L_bda, eq. (61)."""
    without_scatter_db: float
    """L_bam, eq. (62)."""
    scatter_db: float
    """L_bs, eq. (44)."""
    median_location_db: float
    """L_bc, eq. (63): exceeded at half of the places."""
    loss_db: float
    """L_b, eq. (69): the result."""
    nu: float
    """ν of the Bullington point, eqs. (16), (19), at the median effective earth."""
    edge_km: float
    """Where the Bullington point is, from the transmitter."""


def path_loss(
    distance_km: ArrayLike,
    height_m: ArrayLike,
    clutter_m: ArrayLike,
    *,
    frequency_mhz: float,
    tx_height_m: float,
    rx_height_m: float,
    time_pct: float = 50.0,
    location_pct: float = 50.0,
    location_sigma_db: float = 0.0,
    clearing_m: float = 0.0,
    latitude_deg: float = 22.0,
    delta_n: float = DELTA_N,
    surface_n: float = SURFACE_N,
    vertical: bool = True,
    zone: ArrayLike | None = None,
    tx_coast_km: float = NO_COAST_KM,
    rx_coast_km: float = NO_COAST_KM,
) -> PathLoss:
    """Basic transmission loss of one path, not exceeded for `time_pct` of the time at `location_pct` of the places.

    Parameters
    ----------
    distance_km, height_m, clutter_m : array_like, shape (n,), n ≥ 3
        Profile from transmitter to receiver: distance from the transmitter, terrain above sea level, representative
        clutter above the terrain. Clutter at the two ends is no screen (P.1812-7 eq. (1c)).
    frequency_mhz : float
        30 to 6,000.
    tx_height_m, rx_height_m : float
        Antennas above ground, 1 to 3,000 m.
    time_pct, location_pct : float
        1 to 50 and 1 to 99.
    location_sigma_db : float
        Standard deviation of location variability; 0 when it is applied elsewhere (`link_budget.coverage_probability`).
    clearing_m : float
        So far from both ends is their own surroundings (`screens`), in which the receiver has the loss of a terminal
        below clutter; 0: P.1812-7 as it stands, whose clutter is screens everywhere between the ends.
    delta_n, surface_n : float
        Refractivity lapse rate ΔN (N-units/km) and sea-level refractivity N0 (N-units).
    zone : array_like of int, shape (n,), optional
        1 sea, 3 coastal land, 4 inland; inland everywhere when absent.

    Raises
    ------
    OutsideValidity
        Frequency, time, location, distance or an antenna height outside the Recommendation's range.
    ValueError
        Profiles of unequal length, with gaps (NaN), or whose distances do not rise.
    """
    d, h, clutter = (np.asarray(values, dtype=np.float64) for values in (distance_km, height_m, clutter_m))
    zones = np.full(d.size, INLAND) if zone is None else np.asarray(zone)
    _check_profile(d, h, clutter, zones)
    for name, value, (low, high) in (
        ("frequency_mhz", frequency_mhz, (FREQUENCY_GHZ[0] * 1000, FREQUENCY_GHZ[1] * 1000)),
        ("time_pct", time_pct, TIME_PCT),
        ("location_pct", location_pct, LOCATION_PCT),
        ("distance_km", d[-1], DISTANCE_KM),
        ("tx_height_m", tx_height_m, ANTENNA_M),
        ("rx_height_m", rx_height_m, ANTENNA_M),
    ):
        if not low <= value <= high:
            raise OutsideValidity(
                _("P.1812 {name} = {value:g}: outside {low:g} to {high:g}.").format(
                    name=name, value=value, low=low, high=high
                )
            )
    quantities = exact(
        d,
        h,
        screens(d, h, clutter, clearing_m),
        clutter[-1],
        clearing_m > 0.0,
        _share_over_sea(d, zones),
        _longest_km(d, zones != SEA),
        _longest_km(d, zones == INLAND),
        tx_coast_km,
        rx_coast_km,
        tx_height_m,
        rx_height_m,
        frequency_mhz / 1000.0,
        time_pct,
        latitude_deg,
        delta_n,
        surface_n,
        vertical,
    )
    named = dict(zip((field.name for field in fields(PathLoss)), quantities, strict=True))
    if location_pct != 50.0:
        quantile = f.normal_quantile(location_pct / 100.0)
        spread_db = quantile * location_sigma_db * (1.0 - named["sea_share"])
        named["loss_db"] = max(named["line_of_sight_db"], named["median_location_db"] - spread_db)
    return PathLoss(**named)


@njit(cache=True, nogil=True)
def exact(
    d: Floats,
    h: Floats,
    surface_m: Floats,
    rx_clutter_m: float,
    surroundings: bool,
    sea_share: float,
    land_km: float,
    inland_km: float,
    tx_coast_km: float,
    rx_coast_km: float,
    tx_height_m: float,
    rx_height_m: float,
    frequency_ghz: float,
    time_pct: float,
    latitude_deg: float,
    delta_n: float,
    surface_n: float,
    vertical: bool,
) -> tuple[float, ...]:
    """All quantities of `PathLoss`, in its order, from a profile with everything checked and named as there.

    `surface_m` is what `screens` gives, `rx_clutter_m` the height of the clutter the receiver stands in, and
    `surroundings` whether that counts (`with_clutter`).
    """
    n, dist = d.size, d[-1]
    tx_m, rx_m = h[0] + tx_height_m, h[-1] + rx_height_m
    earth_km = f.effective_earth_km(delta_n)
    beta_earth_km = f.EARTH_KM * f.BETA_FACTOR
    beta0_pct = f.anomalous_pct(latitude_deg, land_km, inland_km)

    nu, edge = scan(d, surface_m, tx_m, rx_m, 1.0 / earth_km, frequency_ghz)
    beta_nu = scan(d, surface_m, tx_m, rx_m, 1.0 / beta_earth_km, frequency_ghz)[0]
    tx_horizon, rx_horizon, tx_angle, rx_angle = horizons(d, h, tx_m, rx_m, earth_km, frequency_ghz)
    tx_horizon_km, rx_horizon_km = d[tx_horizon], dist - d[rx_horizon]

    tx_smooth_m, rx_smooth_m = smooth_earth(d, h)
    tx_diff_m, rx_diff_m = smooth_for_diffraction(d, h, tx_m, rx_m, tx_smooth_m, rx_smooth_m)
    tx_low_m, rx_low_m = min(tx_smooth_m, h[0]), min(rx_smooth_m, h[-1])
    slope = (rx_low_m - tx_low_m) / dist
    roughness_m = -math.inf
    for i in range(tx_horizon, rx_horizon + 1):
        roughness_m = max(roughness_m, h[i] - (tx_low_m + slope * d[i]))
    tx_over_m, rx_over_m = tx_m - tx_diff_m, rx_m - rx_diff_m

    flat = np.zeros(n)
    smooth_nu = scan(d, flat, tx_over_m, rx_over_m, 1.0 / earth_km, frequency_ghz)[0]
    beta_smooth_nu = scan(d, flat, tx_over_m, rx_over_m, 1.0 / beta_earth_km, frequency_ghz)[0]
    bull, smooth = f.bullington(nu, dist), f.bullington(smooth_nu, dist)
    bare = f.bullington(scan(d, h, tx_m, rx_m, 1.0 / earth_km, frequency_ghz)[0], dist)
    terminal, most = -math.inf, math.inf
    if surroundings:
        terminal = f.terminal_clutter(frequency_ghz, rx_clutter_m, rx_height_m, (tx_m - rx_m) / dist)
        most = f.median_clutter(frequency_ghz, dist)
    bull = f.with_clutter(bare, bull, terminal, most)
    sphere = f.spherical_earth(sea_share, vertical, dist, tx_over_m, rx_over_m, earth_km, frequency_ghz)
    median_diff = bull + max(sphere - smooth, 0.0)
    beta_sphere = f.spherical_earth(sea_share, vertical, dist, tx_over_m, rx_over_m, beta_earth_km, frequency_ghz)
    beta_bare = f.bullington(scan(d, h, tx_m, rx_m, 1.0 / beta_earth_km, frequency_ghz)[0], dist)
    beta_bull = f.with_clutter(beta_bare, f.bullington(beta_nu, dist), terminal, most)
    beta_smooth = f.bullington(beta_smooth_nu, dist)
    beta_diff = beta_bull + max(beta_sphere - beta_smooth, 0.0)
    weight = f.between_medians(time_pct, beta0_pct)
    diff = median_diff + weight * (beta_diff - median_diff)

    free = f.free_space(frequency_ghz, dist, tx_m - rx_m)
    sight = free + f.multipath(time_pct, tx_horizon_km + rx_horizon_km)
    beta_sight = free + f.multipath(beta0_pct, tx_horizon_km + rx_horizon_km)
    notional_sight = f.notional_with_sight(
        time_pct, beta0_pct, sea_share, weight, sight, beta_sight, free + median_diff, diff
    )
    tx_eff_m, rx_eff_m = tx_m - tx_low_m, rx_m - rx_low_m
    beta_pct = f.duct_beta(
        beta0_pct,
        dist,
        inland_km,
        earth_km,
        tx_eff_m,
        rx_eff_m,
        roughness_m,
        dist - tx_horizon_km - rx_horizon_km,
    )
    duct = (
        f.duct_coupling(frequency_ghz, tx_angle, rx_angle, tx_horizon_km, rx_horizon_km)
        + f.coast_coupling(sea_share, tx_coast_km, tx_horizon_km, tx_m)
        + f.coast_coupling(sea_share, rx_coast_km, rx_horizon_km, rx_m)
        + f.duct_angle(frequency_ghz, dist, earth_km, tx_angle, rx_angle, tx_horizon_km, rx_horizon_km)
        + f.time_in_duct(time_pct, beta_pct, dist)
    )
    notional_duct = f.notional_with_duct(duct, sight)
    path_angle = 1000.0 * dist / earth_km + tx_angle + rx_angle
    far, seen = f.distance_weight(dist), f.sight_weight(path_angle)
    basic = sight + diff
    ducted = basic if notional_duct > basic else notional_duct + (basic - notional_duct) * far
    without_scatter = ducted + (notional_sight - ducted) * seen
    scatter = f.troposcatter(frequency_ghz, dist, path_angle, surface_n, time_pct)
    median = f.with_scatter(scatter, without_scatter)
    return (
        dist, tx_horizon_km, rx_horizon_km, tx_angle, rx_angle, path_angle, tx_m, rx_m, sea_share, land_km, inland_km,
        beta0_pct, earth_km, tx_smooth_m, rx_smooth_m, tx_low_m, rx_low_m, tx_diff_m, rx_diff_m, tx_over_m, rx_over_m,
        tx_eff_m, rx_eff_m, roughness_m, weight, seen, far, free, sight, beta_sight, bull, bare, terminal, most,
        smooth, sphere, beta_bull, beta_smooth, beta_sphere, median_diff, beta_diff, diff, free + median_diff, basic,
        notional_sight, duct, notional_duct, ducted, without_scatter, scatter, median, max(sight, median), nu, edge,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def scan(
    d: Floats, surface_m: Floats, tx_m: float, rx_m: float, curvature: float, frequency_ghz: float
) -> tuple[float, float]:
    """Bullington's ν and its place (km from the transmitter), eqs. (13) to (20); `curvature` in 1/km."""
    dist = d[-1]
    direct = (rx_m - tx_m) / dist
    steepest = -math.inf
    for i in range(1, d.size - 1):
        bulge_m = 500.0 * curvature * d[i] * (dist - d[i])
        steepest = max(steepest, (surface_m[i] + bulge_m - tx_m) / d[i])
    if steepest < direct:
        nu, at_km = -math.inf, 0.0
        for i in range(1, d.size - 1):
            bulge_m = 500.0 * curvature * d[i] * (dist - d[i])
            above_m = surface_m[i] + bulge_m - (tx_m * (dist - d[i]) + rx_m * d[i]) / dist
            one = above_m * math.sqrt(0.002 * dist * frequency_ghz / (f.WAVE_M_GHZ * d[i] * (dist - d[i])))
            if one > nu:
                nu, at_km = one, d[i]
        return nu, at_km
    from_rx = -math.inf
    for i in range(1, d.size - 1):
        bulge_m = 500.0 * curvature * d[i] * (dist - d[i])
        from_rx = max(from_rx, (surface_m[i] + bulge_m - rx_m) / (dist - d[i]))
    nu = f.bullington_nu(steepest, from_rx, dist, tx_m, rx_m, frequency_ghz)
    return nu, (rx_m - tx_m + from_rx * dist) / (steepest + from_rx)


@njit(cache=True, nogil=True)
def horizons(
    d: Floats, h: Floats, tx_m: float, rx_m: float, earth_km: float, frequency_ghz: float
) -> tuple[int, int, float, float]:
    """Places of both horizons in the profile and their angles (mrad), eqs. (75) to (81)."""
    dist = d[-1]
    tx_angle, tx_at = -math.inf, 0
    for i in range(1, d.size - 1):
        angle = (h[i] - tx_m) / d[i] - 500.0 * d[i] / earth_km
        if angle > tx_angle:
            tx_angle, tx_at = angle, i
    direct = (rx_m - tx_m) / dist - 500.0 * dist / earth_km
    if tx_angle > direct:
        rx_angle, rx_at = -math.inf, 0
        for i in range(1, d.size - 1):
            angle = (h[i] - rx_m) / (dist - d[i]) - 500.0 * (dist - d[i]) / earth_km
            if angle >= rx_angle:
                rx_angle, rx_at = angle, i
        return tx_at, rx_at, _mrad(tx_angle), _mrad(rx_angle)
    nu, at = -math.inf, 0
    for i in range(1, d.size - 1):
        bulge_m = 500.0 / earth_km * d[i] * (dist - d[i])
        above_m = h[i] + bulge_m - (tx_m * (dist - d[i]) + rx_m * d[i]) / dist
        one = above_m * math.sqrt(0.002 * dist * frequency_ghz / (f.WAVE_M_GHZ * d[i] * (dist - d[i])))
        if one > nu:
            nu, at = one, i
    back = (tx_m - rx_m) / dist - 500.0 * dist / earth_km
    return at, at, _mrad(direct), _mrad(back)


@njit(cache=True, nogil=True)
def _mrad(slope_m_km: float) -> float:
    return 1000.0 * math.atan(slope_m_km / 1000.0)


@njit(cache=True, nogil=True)
def smooth_earth(d: Floats, h: Floats) -> tuple[float, float]:
    """Heights of the smooth earth, the least-squares line, at both ends (m), eqs. (83) to (86)."""
    v1 = v2 = 0.0
    for i in range(1, d.size):
        step = d[i] - d[i - 1]
        v1 += step * (h[i] + h[i - 1])
        v2 += step * (h[i] * (2.0 * d[i] + d[i - 1]) + h[i - 1] * (d[i] + 2.0 * d[i - 1]))
    dist = d[-1]
    return (2.0 * v1 * dist - v2) / dist**2, (v2 - v1 * dist) / dist**2


@njit(cache=True, nogil=True)
def smooth_for_diffraction(
    d: Floats, h: Floats, tx_m: float, rx_m: float, tx_smooth_m: float, rx_smooth_m: float
) -> tuple[float, float]:
    """Heights of the smooth earth for the diffraction model (m), eqs. (87) to (89)."""
    dist = d[-1]
    highest = rise_tx = rise_rx = -math.inf
    for i in range(1, d.size - 1):
        above_m = h[i] - (tx_m * (dist - d[i]) + rx_m * d[i]) / dist
        highest = max(highest, above_m)
        rise_tx = max(rise_tx, above_m / d[i])
        rise_rx = max(rise_rx, above_m / (dist - d[i]))
    if highest > 0.0:
        tx_smooth_m -= highest * rise_tx / (rise_tx + rise_rx)
        rx_smooth_m -= highest * rise_rx / (rise_tx + rise_rx)
    return min(tx_smooth_m, h[0]), min(rx_smooth_m, h[-1])


def screens(d: Floats, h: Floats, clutter_m: Floats, clearing_m: float) -> Floats:
    """Terrain and clutter as they stand in the way, m: no clutter within `clearing_m` of the ends, nor on them."""
    surface_m: Floats = h + clutter_m
    near = np.minimum(d, d[-1] - d) < max(clearing_m / 1000.0 - ROUNDING_KM, ROUNDING_KM)
    surface_m[near] = h[near]
    return surface_m


def _check_profile(d: Floats, h: Floats, clutter: Floats, zones: NDArray[np.int_]) -> None:
    if not d.shape == h.shape == clutter.shape == zones.shape or d.ndim != 1 or d.size < 3:
        sizes = ", ".join(str(values.size) for values in (d, h, clutter, zones))
        raise ValueError(f"distance, height, clutter and zone need the same length of at least 3 points (got {sizes}).")
    if not (np.isfinite(d).all() and np.isfinite(h).all() and np.isfinite(clutter).all()):
        at = int(np.argmin(np.isfinite(d + h + clutter)))
        raise ValueError(f"the profile has no value at point {at}; fill voids before asking for a loss.")
    if d[0] != 0.0 or (np.diff(d) <= 0).any():
        raise ValueError("the profile's distances must start at 0 and rise.")
    if (clutter < 0).any():
        raise ValueError("clutter stands on the ground: its height is never negative.")


def _share_over_sea(d: Floats, zones: NDArray[np.int_]) -> float:
    return float(_weights_km(d)[zones == SEA].sum() / d[-1])


def _weights_km(d: Floats) -> Floats:
    """How much of the path each point stands for: half way to its neighbours."""
    edges = np.concatenate([d[:1], (d[1:] + d[:-1]) / 2, d[-1:]])
    return np.diff(edges)


def _longest_km(d: Floats, inside: NDArray[np.bool_]) -> float:
    """Longest stretch of points that are inside, each standing for half the way to its neighbours."""
    longest = here = 0.0
    for length, is_inside in zip(_weights_km(d), inside, strict=True):
        here = here + length if is_inside else 0.0
        longest = max(longest, here)
    return longest
