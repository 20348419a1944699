"""The formulas of ITU-R P.1812-7, each a function of numbers: what the exact path and the sweep have in common.

With two of ITU-R P.2108-1 for a terminal among trees and houses. Nothing here knows a profile. Equation numbers are
those of P.1812-7; distances in km, heights in m, frequency in GHz, angles in mrad, losses in dB, time in per cent of an
average year, as there.

Not used by a command yet: `field_strength`.
"""

from __future__ import annotations

import math

from numba import njit

WAVE_M_GHZ = 0.2998  # wavelength times frequency, as the Recommendation rounds it
LAND_PERMITTIVITY, LAND_CONDUCTIVITY = 22.0, 0.003  # §4.3.3
SEA_PERMITTIVITY, SEA_CONDUCTIVITY = 80.0, 5.0
BEYOND_NU = -0.78  # below it an obstacle does not count, eq. (15)
STREET_M = 27.0  # w_s of P.2108-1 §3.1: from the terminal to what stands before it
CLUTTER_KM = (0.25, 2.0)  # P.2108-1 §3.2 holds from the first on, and takes no more than the second, eq. (6)
EARTH_KM = 6371.0
LN_10 = math.log(10.0)
BETA_FACTOR = 3.0  # effective earth radius factor exceeded for β0 of the time, eq. (6)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def atan_small(t: float) -> float:
    """The arc tangent; up to 0.1 (slopes of terrain) by its series, which leaves out less than 1e-14."""
    if abs(t) > 0.1:
        return math.atan(t)
    s = t * t
    return t * (1.0 - s * (1 / 3 - s * (1 / 5 - s * (1 / 7 - s * (1 / 9 - s / 11)))))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def log1p_small(x: float) -> float:
    """Natural logarithm of 1 + x, x ≥ 0; up to 0.01 by its series, which leaves out less than 2e-13."""
    if x > 0.01:
        return math.log(1.0 + x)
    return x * (1.0 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x * (1 / 5)))))


@njit(cache=True, nogil=True, error_model="numpy")
def effective_earth_km(delta_n: float) -> float:
    """Median effective radius of the earth, eqs. (6), (7a); ΔN in N-units/km."""
    return EARTH_KM * 157.0 / (157.0 - delta_n)


@njit(cache=True, nogil=True, error_model="numpy")
def anomalous_pct(latitude_deg: float, land_km: float, inland_km: float) -> float:
    """Time percentage β0 of strong layers in the lower atmosphere, eqs. (2) to (5).

    `land_km` and `inland_km` are the longest stretches over land and over inland areas.
    """
    tau = 1.0 - math.exp(-(4.12e-4 * inland_km**2.41))
    both = math.pow(10.0, -land_km / (16.0 - 6.6 * tau)) + math.pow(10.0, -5.0 * (0.496 + 0.354 * tau))
    mu1 = min(math.pow(both, 0.2), 1.0)
    latitude = abs(latitude_deg)
    if latitude <= 70.0:
        return math.pow(10.0, -0.015 * latitude + 1.67) * math.pow(mu1, 0.065 + 0.0176 * latitude)
    return 4.17 * math.pow(mu1, 1.3)


@njit(cache=True, nogil=True, error_model="numpy")
def free_space(frequency_ghz: float, distance_km: float, rise_m: float) -> float:
    """Free-space loss over the slant distance, eqs. (8), (8a); `rise_m` between the antennas."""
    return 92.4 + 20.0 * math.log10(frequency_ghz) + 10.0 * math.log10(distance_km**2 + (rise_m / 1000.0) ** 2)


@njit(cache=True, nogil=True, error_model="numpy")
def multipath(time_pct: float, horizons_km: float) -> float:
    """Correction for multipath and focusing, eq. (9); `horizons_km` is the sum of both horizon distances."""
    return 2.6 * (1.0 - math.exp(-0.1 * horizons_km)) * math.log10(time_pct / 50.0)


@njit(cache=True, nogil=True, error_model="numpy")
def knife_edge(nu: float) -> float:
    """Loss of a single knife edge J(ν), eq. (16)."""
    if nu <= BEYOND_NU:
        return 0.0
    return 6.9 + 20.0 * math.log10(math.sqrt((nu - 0.1) ** 2 + 1.0) + nu - 0.1)


@njit(cache=True, nogil=True, error_model="numpy")
def bullington_nu(
    rise_from_tx: float, rise_from_rx: float, distance_km: float, tx_m: float, rx_m: float, frequency_ghz: float
) -> float:
    """ν of the Bullington point, where the steepest rays from both ends meet, eqs. (19), (20); slopes in m/km."""
    at_km = (rx_m - tx_m + rise_from_rx * distance_km) / (rise_from_tx + rise_from_rx)
    rest_km = distance_km - at_km
    above_m = tx_m + rise_from_tx * at_km - (tx_m * rest_km + rx_m * at_km) / distance_km
    return above_m * math.sqrt(0.002 * distance_km * frequency_ghz / (WAVE_M_GHZ * at_km * rest_km))


@njit(cache=True, nogil=True, error_model="numpy")
def bullington(nu: float, distance_km: float) -> float:
    """Bullington loss from its knife edge, eqs. (17) or (20), (21)."""
    edge = knife_edge(nu)
    return edge + (1.0 - math.exp(-edge / 6.0)) * (10.0 + 0.02 * distance_km)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def clutter_over(clutter_m: float, terminal_m: float, rise_m_km: float) -> float:
    """How far clutter stands over a ray that rises by `rise_m_km` from the terminal, at the street's width from it."""
    return clutter_m - terminal_m - STREET_M / 1000.0 * max(rise_m_km, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def knife_edge_among(frequency_ghz: float, over_m: float) -> float:
    """Loss of a terminal below clutter so far over the ray, P.2108-1 §3.1 eqs. (1), (2a), (2c) to (2e); −∞ above it."""
    if over_m <= 0.0:
        return -math.inf
    angle_deg = math.degrees(math.atan(over_m / STREET_M))
    return knife_edge(0.342 * math.sqrt(frequency_ghz) * math.sqrt(over_m * angle_deg)) - 6.03


@njit(cache=True, nogil=True, error_model="numpy")
def terminal_clutter(frequency_ghz: float, clutter_m: float, terminal_m: float, rise_m_km: float) -> float:
    """Loss of a terminal below the clutter around it, P.2108-1 §3.1 eqs. (1), (2a), (2c) to (2e); −∞ above it.

    Clutter counts as it stands over the ray, which rises by `rise_m_km` towards the other end, at the street's width
    from the terminal: for a level ray that is the Recommendation's h_dif = R − h.
    """
    return knife_edge_among(frequency_ghz, clutter_over(clutter_m, terminal_m, rise_m_km))


@njit(cache=True, nogil=True, error_model="numpy")
def median_clutter(frequency_ghz: float, distance_km: float) -> float:
    """Clutter loss exceeded at half of the places of a built-up area, P.2108-1 §3.2 eqs. (3) to (6), at one end.

    The Recommendation gives it from 0.5 GHz and 0.25 km on: below, the values there; beyond 2 km it grows no more.
    """
    ghz, km = max(frequency_ghz, 0.5), min(max(distance_km, CLUTTER_KM[0]), CLUTTER_KM[1])
    far_db = -2.0 * math.log10(math.pow(10.0, -5.0 * math.log10(ghz) - 12.5) + math.pow(10.0, -16.5))
    near_db = 32.98 + 23.9 * math.log10(km) + 3.0 * math.log10(ghz)
    return -5.0 * math.log10(math.pow(10.0, -0.2 * far_db) + math.pow(10.0, -0.2 * near_db))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def with_clutter(bare_db: float, screened_db: float, terminal_db: float, most_db: float) -> float:
    """Bullington loss over terrain and clutter: over the terrain alone, and what trees and houses add to it.

    They add what they do as screens on the way, and no less than the loss of a terminal among them, since the nearest
    of them are not screens; and no more than is lost among clutter at the median, for beyond that a signal comes by
    other ways than over the last edge: by reflection and scattering, around and through.
    """
    return bare_db + min(max(screened_db - bare_db, terminal_db), most_db)


@njit(cache=True, nogil=True, error_model="numpy")
def first_term_over(
    permittivity: float,
    conductivity: float,
    vertical: bool,
    distance_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    frequency_ghz: float,
) -> float:
    """First term of the residue series over one kind of ground, eqs. (29) to (36); heights above smooth earth."""
    loss = 18.0 * conductivity / frequency_ghz
    k = 0.036 * math.pow(radius_km * frequency_ghz, -1.0 / 3.0) * math.pow((permittivity - 1.0) ** 2 + loss**2, -0.25)
    if vertical:
        k *= math.sqrt(permittivity**2 + loss**2)
    k2 = k * k
    beta = (1.0 + 1.6 * k2 + 0.67 * k2 * k2) / (1.0 + 4.5 * k2 + 1.53 * k2 * k2)
    x = 21.88 * beta * math.pow(frequency_ghz / radius_km**2, 1.0 / 3.0) * distance_km
    scale = 0.9575 * beta * math.pow(frequency_ghz**2 / radius_km, 1.0 / 3.0)
    near = x < 1.6
    fx = -20.0 * math.log10(x) - 5.6488 * math.pow(x, 1.425) if near else 11.0 + 10.0 * math.log10(x) - 17.6 * x
    least = 2.0 + 20.0 * math.log10(k)
    return -fx - max(_height_gain(beta * scale * tx_m), least) - max(_height_gain(beta * scale * rx_m), least)


@njit(cache=True, nogil=True, error_model="numpy")
def _height_gain(b: float) -> float:
    if b > 2.0:
        return 17.6 * math.sqrt(b - 1.1) - 5.0 * math.log10(b - 1.1) - 8.0
    return 20.0 * math.log10(b + 0.1 * b**3)


@njit(cache=True, nogil=True, error_model="numpy")
def first_term(
    sea_share: float,
    vertical: bool,
    distance_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    frequency_ghz: float,
) -> float:
    """First term over land and sea by their shares of the path, eq. (28)."""
    loss = 0.0
    if sea_share < 1.0:
        loss += (1.0 - sea_share) * first_term_over(
            LAND_PERMITTIVITY, LAND_CONDUCTIVITY, vertical, distance_km, tx_m, rx_m, radius_km, frequency_ghz
        )
    if sea_share > 0.0:
        loss += sea_share * first_term_over(
            SEA_PERMITTIVITY, SEA_CONDUCTIVITY, vertical, distance_km, tx_m, rx_m, radius_km, frequency_ghz
        )
    return loss


@njit(cache=True, nogil=True, error_model="numpy")
def spherical_earth(
    sea_share: float,
    vertical: bool,
    distance_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    frequency_ghz: float,
) -> float:
    """Diffraction over a smooth earth, eqs. (22) to (27); heights above it, both positive."""
    sight_km = math.sqrt(2.0 * radius_km) * (math.sqrt(0.001 * tx_m) + math.sqrt(0.001 * rx_m))
    if distance_km >= sight_km:
        return first_term(sea_share, vertical, distance_km, tx_m, rx_m, radius_km, frequency_ghz)
    c = (tx_m - rx_m) / (tx_m + rx_m)
    m = 250.0 * distance_km**2 / (radius_km * (tx_m + rx_m))
    root = math.sqrt(3.0 * m / (m + 1.0) ** 3)
    b = 2.0 * math.sqrt((m + 1.0) / (3.0 * m)) * math.cos(math.pi / 3.0 + math.acos(1.5 * c * root) / 3.0)
    one_km = 0.5 * distance_km * (1.0 + b)
    other_km = distance_km - one_km
    above_m = (
        (tx_m - 500.0 * one_km**2 / radius_km) * other_km + (rx_m - 500.0 * other_km**2 / radius_km) * one_km
    ) / distance_km
    needed_m = 17.456 * math.sqrt(one_km * other_km * WAVE_M_GHZ / (frequency_ghz * distance_km))
    if above_m > needed_m:
        return 0.0
    grazing_km = 500.0 * (distance_km / (math.sqrt(tx_m) + math.sqrt(rx_m))) ** 2
    loss = first_term(sea_share, vertical, distance_km, tx_m, rx_m, grazing_km, frequency_ghz)
    return 0.0 if loss < 0.0 else (1.0 - above_m / needed_m) * loss


@njit(cache=True, nogil=True, error_model="numpy")
def normal_quantile(share: float) -> float:
    """Inverse complementary cumulative normal distribution I(x), Attachment 2; 1e-6 ≤ x ≤ 0.999999."""
    if share > 0.5:
        return -normal_quantile(1.0 - share)
    t = math.sqrt(-2.0 * math.log(share))
    above = (0.010328 * t + 0.802853) * t + 2.515516698
    return t - above / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def between_medians(time_pct: float, beta0_pct: float) -> float:
    """Weight F_i between the median and the β0 effective earth, eq. (40)."""
    if time_pct >= 50.0:
        return 0.0
    if time_pct <= beta0_pct:
        return 1.0
    return normal_quantile(time_pct / 100.0) / normal_quantile(beta0_pct / 100.0)


@njit(cache=True, nogil=True, error_model="numpy")
def troposcatter(
    frequency_ghz: float, distance_km: float, angle_mrad: float, surface_n: float, time_pct: float
) -> float:
    """Loss by scatter in the troposphere, eqs. (44), (45); `angle_mrad` between the horizons' rays."""
    frequency = 25.0 * math.log10(frequency_ghz) - 2.5 * math.log10(0.5 * frequency_ghz) ** 2
    loss = 190.1 + frequency + 20.0 * math.log10(distance_km) + 0.573 * angle_mrad - 0.15 * surface_n
    if time_pct < 50.0:
        return loss - 10.125 * math.pow(math.log10(50.0 / time_pct), 0.7)
    return loss + 10.125 * math.pow(math.log10(time_pct / 50.0), 0.7)


@njit(cache=True, nogil=True, error_model="numpy")
def site_shielding(angle_mrad: float, horizon_km: float, frequency_ghz: float) -> float:
    """Loss into the duct behind an obstacle near an end, eq. (48)."""
    above = angle_mrad - 0.1 * horizon_km
    if above <= 0.0:
        return 0.0
    return 20.0 * math.log10(1.0 + 0.361 * above * math.sqrt(frequency_ghz * horizon_km)) + 0.264 * above * math.pow(
        frequency_ghz, 1.0 / 3.0
    )


@njit(cache=True, nogil=True, error_model="numpy")
def coast_coupling(sea_share: float, coast_km: float, horizon_km: float, antenna_m: float) -> float:
    """Gain of an end near the coast, eq. (49); `antenna_m` above sea level."""
    if sea_share < 0.75 or coast_km > horizon_km or coast_km > 5.0:
        return 0.0
    return -3.0 * math.exp(-0.25 * coast_km**2) * (1.0 + math.tanh(0.07 * (50.0 - antenna_m)))


@njit(cache=True, nogil=True, error_model="numpy")
def time_in_duct(time_pct: float, beta_pct: float, distance_km: float) -> float:
    """Time variability A(p) of anomalous propagation, eqs. (51) to (53a)."""
    log_beta = math.log10(beta_pct)
    shape = (9.51 - 4.8 * log_beta + 0.198 * log_beta**2) * 1e-6 * distance_km**1.13
    gamma = 1.076 / (2.0058 - log_beta) ** 1.012 * math.exp(-shape)
    ratio = time_pct / beta_pct
    return -12.0 + (1.2 + 3.7e-3 * distance_km) * math.log10(ratio) + 12.0 * math.pow(ratio, gamma)


@njit(cache=True, nogil=True, error_model="numpy")
def duct_coupling(
    frequency_ghz: float, tx_angle_mrad: float, rx_angle_mrad: float, tx_horizon_km: float, rx_horizon_km: float
) -> float:
    """Fixed coupling loss into a duct A_f without the coasts, eqs. (47) to (48)."""
    low = 45.375 - 137.0 * frequency_ghz + 92.5 * frequency_ghz**2 if frequency_ghz < 0.5 else 0.0
    return (
        102.45
        + 20.0 * math.log10(frequency_ghz * (tx_horizon_km + rx_horizon_km))
        + low
        + site_shielding(tx_angle_mrad, tx_horizon_km, frequency_ghz)
        + site_shielding(rx_angle_mrad, rx_horizon_km, frequency_ghz)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def duct_angle(
    frequency_ghz: float,
    distance_km: float,
    radius_km: float,
    tx_angle_mrad: float,
    rx_angle_mrad: float,
    tx_horizon_km: float,
    rx_horizon_km: float,
) -> float:
    """Angular loss γ_d θ' within a duct, eqs. (50), (51), (51a)."""
    bent = min(tx_angle_mrad, 0.1 * tx_horizon_km) + min(rx_angle_mrad, 0.1 * rx_horizon_km)
    return 5e-5 * radius_km * math.pow(frequency_ghz, 1.0 / 3.0) * (1000.0 * distance_km / radius_km + bent)


@njit(cache=True, nogil=True, error_model="numpy")
def duct_beta(
    beta0_pct: float,
    distance_km: float,
    inland_km: float,
    radius_km: float,
    tx_effective_m: float,
    rx_effective_m: float,
    roughness_m: float,
    between_km: float,
) -> float:
    """Time percentage β after path geometry and roughness, eqs. (54) to (56).

    `between_km` is the distance between the two horizons.
    """
    tau = 1.0 - math.exp(-(4.12e-4 * inland_km**2.41))
    alpha = max(-0.6 - 3.5e-9 * distance_km**3.1 * tau, -3.4)
    height_m = (math.sqrt(tx_effective_m) + math.sqrt(rx_effective_m)) ** 2
    mu2 = math.pow(500.0 / radius_km * distance_km**2 / height_m, alpha)
    mu3 = 1.0
    if roughness_m > 10.0:
        mu3 = math.exp(-4.6e-5 * (roughness_m - 10.0) * (43.0 + 6.0 * min(between_km, 40.0)))
    return beta0_pct * min(mu2, 1.0) * mu3


@njit(cache=True, nogil=True, error_model="numpy")
def sight_weight(path_angle_mrad: float) -> float:
    """Weight F_j: 0.992 with free sight, 0 well behind the horizon, eq. (57)."""
    return 0.5 * (1.0 - math.tanh(3.0 * 0.8 * (path_angle_mrad - 0.3) / 0.3))


@njit(cache=True, nogil=True, error_model="numpy")
def distance_weight(distance_km: float) -> float:
    """Weight F_k of short against long paths, eq. (58)."""
    return 0.5 * (1.0 - math.tanh(3.0 * 0.5 * (distance_km - 20.0) / 20.0))


@njit(cache=True, nogil=True, error_model="numpy")
def notional_with_sight(
    time_pct: float,
    beta0_pct: float,
    sea_share: float,
    weight: float,
    line_of_sight_db: float,
    beta_line_of_sight_db: float,
    median_diffraction_db: float,
    diffraction_db: float,
) -> float:
    """Least loss with free sight and diffraction beside the path L_minb0p, eq. (59)."""
    if time_pct < beta0_pct:
        return line_of_sight_db + (1.0 - sea_share) * diffraction_db
    median_db = median_diffraction_db
    return median_db + (beta_line_of_sight_db + (1.0 - sea_share) * diffraction_db - median_db) * weight


@njit(cache=True, nogil=True, error_model="numpy")
def notional_with_duct(duct_db: float, line_of_sight_db: float) -> float:
    """Least loss with enhancement L_minbap, eq. (60): never more than either by far, written so as not to overflow."""
    low, high = min(duct_db, line_of_sight_db), max(duct_db, line_of_sight_db)
    return high + 2.5 * math.log1p(math.exp((low - high) / 2.5))


@njit(cache=True, nogil=True, error_model="numpy")
def with_scatter(scatter_db: float, other_db: float) -> float:
    """Both together, eq. (63)."""
    low, high = min(scatter_db, other_db), max(scatter_db, other_db)
    return low - 5.0 / LN_10 * math.log(1.0 + math.exp(-0.2 * LN_10 * (high - low)))


@njit(cache=True, nogil=True, error_model="numpy")
def field_strength(frequency_ghz: float, loss_db: float) -> float:
    """Field strength of 1 kW effective radiated power, dB(µV/m), eq. (70)."""
    return 199.36 + 20.0 * math.log10(frequency_ghz) - loss_db
