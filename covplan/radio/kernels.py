"""P.1812-7 along a radial: every receiver of one profile at once, by hulls that grow with the distance.

What `p1812.exact` looks up by scanning the whole profile for each receiver is kept here while walking outwards: running
maxima, two running sums, and upper hulls (`hull`). The formulas are the same functions (`formulas`), so both give the
same loss; for half of the time and paths over land, where the Recommendation simplifies: no correction for multipath
(log 1 = 0), and L_minb0p = L_bd. Two things are left out only where they provably change nothing: ducting when a lower
bound of its loss lies above the loss by diffraction (eq. (61) then ignores it), and scatter when it is at least
`FAINT_DB` weaker (then it changes the loss by less than 3e-8 dB).

A receiver is left early, with an infinite loss, as soon as lower bounds of diffraction, of scatter and of ducting say
that its loss is above the most that anybody asks for (`Setting.most_db`).

Clutter becomes a screen when the walk has left it behind by the clearing: the hull over the clutter grows so much later
than that over the terrain, which holds what lies between.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit, prange

from covplan.radio import formulas as f
from covplan.radio.hull import highest_above, push, tangent
from covplan.radio.pattern import combined_loss
from covplan.radio.servers import keep_server

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

MEDIAN_PCT = 50.0
NOT_COMPUTED, HOPELESS = 65535, 65534  # packed losses that are none
FAINT_DB = 40.0
ALIKE_DB, ALIKE_KM = 1.5, 0.03  # neighbouring radials between which nothing is looked for; with longer steps, less
SCATTER_DB_MRAD = 0.573  # eq. (44)
ROUNDING_DB = 1e-6  # a bound is compared with this room, for it is summed in another order than the loss
TEN_LOG10_E = 10.0 / math.log(10.0)
TOGETHER_DB = 10.0 * math.log10(2.0) / 2.0  # scatter and the rest, equally strong, lose so much less than each
DARK_HEIGHTS = 40  # of clutter, m, told apart where receivers are left early
HARDLY_DB = 0.01  # so near to the most that matters a mean is as good as there
BLOCK = 16  # samples whose highest point is kept together, to skip them in one look


class Setting(NamedTuple):
    """What is the same for all receivers of a mast; heights above ground."""

    frequency_ghz: float
    tx_height_m: float
    rx_height_m: float
    earth_km: float
    surface_n: float
    vertical: bool
    step_km: float
    clearing_km: float = 0.0
    """Of both ends' own surroundings, in which clutter is no screen; 0: P.1812-7 as it stands."""
    most_db: float = math.inf
    """Receivers of more loss do not matter: theirs is infinite, or what it is."""


class Tables(NamedTuple):
    """What depends on the receiver's distance alone, one value per sample of a radial."""

    free_space_db: Floats
    """Free space over the horizontal distance."""
    beta0_pct: Floats
    scatter_db: Floats
    """Scatter without its angle."""
    least_time_db: Floats
    """Lower bound of A(p), eq. (53), over all β up to β0."""
    horizons_db: Floats
    """A_f, eq. (47), before site shielding, by the number of steps that both horizon distances are together."""
    clutter_db: Floats
    """What clutter costs at most, `formulas.median_clutter`."""
    dark_nu2: Floats
    """ν² of an edge of bare terrain behind which diffraction loses more than the most that matters; shape (heights,
    samples), by whole metres of clutter over the ray at the receiver, and where clutter costs the most it can."""
    dark_mrad: Floats
    """Angle between the horizons' rays from which on scatter alone does."""


def tables_for(setting: Setting, samples: int, latitude_deg: float) -> Tables:
    """Tables for radials of so many samples, inland all the way; those of an earlier mast where they are the same."""
    return _tables(setting._replace(tx_height_m=0.0, rx_height_m=0.0), samples, latitude_deg)


@functools.lru_cache(maxsize=8)
def _tables(setting: Setting, samples: int, latitude_deg: float) -> Tables:
    distance_km: Floats = np.arange(samples, dtype=np.float64) * setting.step_km
    free, beta0, scatter, least, horizons, clutter = (np.full(samples, np.nan) for _ in range(6))
    for i, km in enumerate(distance_km):
        if i == 0:
            continue
        horizons[i] = f.duct_coupling(setting.frequency_ghz, 0.0, 0.0, km, 0.0)
        free[i] = f.free_space(setting.frequency_ghz, km, 0.0)
        clutter[i] = f.median_clutter(setting.frequency_ghz, km)
        beta0[i] = f.anomalous_pct(latitude_deg, km, km)
        scatter[i] = f.troposcatter(setting.frequency_ghz, km, 0.0, setting.surface_n, MEDIAN_PCT)
        betas = beta0[i] * np.logspace(-12, 0, 49)
        least[i] = min(f.time_in_duct(MEDIAN_PCT, beta, km) for beta in betas) - 0.5  # half a dB for what lies between
    known = Tables(free, beta0, scatter, least, horizons, clutter, np.empty((0, 0)), np.empty(0))
    if math.isinf(setting.most_db):
        return known
    dark_db = setting.most_db + TOGETHER_DB + ROUNDING_DB
    among = [f.knife_edge_among(setting.frequency_ghz, float(over_m)) for over_m in range(DARK_HEIGHTS)]
    among = [*np.maximum(among, 0.0), math.inf]
    most = clutter if setting.clearing_km > 0.0 else np.full(samples, math.inf)
    dark_nu2 = np.array([_nu_losing(dark_db - free - np.minimum(one, most), distance_km) ** 2 for one in among])
    return known._replace(dark_nu2=dark_nu2, dark_mrad=(dark_db - scatter) / SCATTER_DB_MRAD)


def _nu_losing(loss_db: Floats, distance_km: Floats) -> Floats:
    """The ν ≥ 0 from which on `formulas.bullington` loses at least so much."""
    low, high = np.zeros_like(loss_db), np.maximum(loss_db, 0.0)  # of the edge, which is less than the whole
    for _ in range(60):
        edge = 0.5 * (low + high)
        enough = edge + (1.0 - np.exp(-edge / 6.0)) * (10.0 + 0.02 * distance_km) >= loss_db
        low, high = np.where(enough, low, edge), np.where(enough, edge, high)
    inverse = np.power(10.0, (high - 6.9) / 20.0)  # of eq. (16)
    return np.maximum(0.1 + 0.5 * (inverse - 1.0 / inverse), 0.0) * (1.0 + ROUNDING_DB)


@njit(cache=True, nogil=True, error_model="numpy")
def radial(
    h: Floats,
    surface_m: Floats,
    end: int,
    setting: Setting,
    tables: Tables,
    wanted: NDArray[np.bool_],
    loss_db: Singles | Floats,
) -> None:
    """Loss at each sample of a radial for which `wanted` says so, into `loss_db`; the rest stays as it is.

    h, surface_m : terrain and terrain with clutter at 0, step, 2 step … km from the mast, `end` of them valid.
    Where the loss is above `setting.most_db`, so is what is written, or it is infinite.
    """
    step_km, ghz, earth_km = setting.step_km, setting.frequency_ghz, setting.earth_km
    bend = 500.0 / earth_km
    tx_m = h[0] + setting.tx_height_m
    nu_scale = 0.002 * ghz / f.WAVE_M_GHZ
    duct_gamma = 5e-5 * earth_km * math.pow(ghz, 1.0 / 3.0)
    shielding = 0.264 * math.pow(ghz, 1.0 / 3.0)
    dark_db = setting.most_db + TOGETHER_DB + ROUNDING_DB
    leaving = setting.most_db < math.inf

    sx, sy, tx, ty, gx, gy = (np.empty(end), np.empty(end), np.empty(end), np.empty(end), np.empty(end), np.empty(end))
    place = np.empty(end, dtype=np.int64)
    screen = np.empty(end, dtype=np.int64)
    other = np.empty(end, dtype=np.int64)
    block_top = np.full(end // BLOCK + 1, -np.inf)
    near = screens_from(setting.clearing_km, step_km)
    # Hulls grow when a receiver asks for them: of each its size and the first sample it lacks.
    ns, nt, ng, next_s, next_t, next_g = 0, 0, 0, near, 1, 1
    tx_at = 0
    rise_s = rise_t = rise_g = -math.inf
    v1 = v2 = 0.0
    seen = seen_s = sx_at = 0  # `seen`: horizons of the last receiver of which they were looked for
    for i in range(1, end):
        j, d = i - 1, i * step_km
        dj = j * step_km
        v1 += step_km * (h[i] + h[j])
        v2 += step_km * (h[i] * (2.0 * d + dj) + h[j] * (d + 2.0 * dj))
        if j >= 1:
            bent_t = h[j] - bend * dj * dj
            if bent_t - tx_m > rise_t * dj:
                rise_t, tx_at = (bent_t - tx_m) / dj, j
            if h[j] - tx_m > rise_g * dj:
                rise_g = (h[j] - tx_m) / dj
            block_top[j // BLOCK] = max(block_top[j // BLOCK], bent_t)
        left = i - near
        if left >= near:
            dl = left * step_km
            bent_s = surface_m[left] - bend * dl * dl
            if bent_s - tx_m > rise_s * dl:
                rise_s, sx_at = (bent_s - tx_m) / dl, left
            block_top[left // BLOCK] = max(block_top[left // BLOCK], bent_s)
        if not wanted[i]:
            continue
        rx_m = h[i] + setting.rx_height_m
        rise_m = rx_m - tx_m
        slope = rise_m / d
        free = tables.free_space_db[i] + TEN_LOG10_E * f.log1p_small(1e-6 * slope * slope)
        if i < 2:
            loss_db[i] = free
            continue
        end_m = rx_m - bend * d * d  # the receiver, bent as the profile
        bent_slope = slope - bend * d
        beyond = rise_t > bent_slope
        rx_at = 0
        from_rx_t = -math.inf
        if leaving and rise_t > bent_slope:
            # Left early, by the points of the profile that are at hand: they bound the receiver's horizon.
            over, least_duct = rise_t - bent_slope, tables.least_time_db[i] + duct_gamma * 2.0 * bend * d
            at_km, from_rx = tx_at * step_km, (tx_m + rise_t * tx_at * step_km - end_m) / (d - tx_at * step_km)
            if seen > tx_at:
                seen_km = seen * step_km
                from_rx = max(from_rx, (h[seen] - bend * seen_km * seen_km - end_m) / (d - seen_km))
            height = 0
            if setting.clearing_km > 0.0:
                height = int(f.clutter_over(surface_m[i] - h[i], setting.rx_height_m, -slope))
                height = min(max(height, 0), DARK_HEIGHTS - 1)
            bare_nu2 = _behind(over, from_rx + bent_slope, d, nu_scale)
            dark = bare_nu2 >= tables.dark_nu2[height, i]
            if not dark and left >= near and bare_nu2 >= tables.dark_nu2[DARK_HEIGHTS, i]:
                screen_km = sx_at * step_km
                behind = max(from_rx, (tx_m + rise_s * screen_km - end_m) / (d - screen_km))
                if seen_s > 0:
                    seen_km = seen_s * step_km
                    behind = max(behind, (surface_m[seen_s] - bend * seen_km * seen_km - end_m) / (d - seen_km))
                over = max(rise_s, rise_t) - bent_slope
                dark = _behind(over, behind + bent_slope, d, nu_scale) >= tables.dark_nu2[0, i]
            if dark:
                tx_angle = 1000.0 * f.atan_small(rise_t / 1000.0)
                rx_angle = 1000.0 * f.atan_small((from_rx - 2.0 * bend * d) / 1000.0)
                if 2.0 * bend * d + tx_angle + rx_angle >= tables.dark_mrad[i]:
                    least_duct += tables.horizons_db[tx_at + 1]
                    least_duct += shielding * (
                        max(tx_angle - 0.1 * at_km, 0.0) + max(rx_angle - 0.1 * (d - at_km), 0.0)
                    )
                    least_duct += duct_gamma * (min(tx_angle, 0.1 * at_km) + min(rx_angle, 0.1 * step_km))
                    if least_duct >= dark_db:
                        loss_db[i] = math.inf
                        continue
        nt, next_t = _grow(tx, ty, place, nt, h, bend, step_km, next_t, i), i
        if rise_t >= bent_slope:
            at = tangent(tx, ty, nt, d, end_m)
            rx_at = seen = place[at]
            from_rx_t = (ty[at] - end_m) / (d - tx[at])

        # diffraction, Bullington over terrain and clutter (§4.3.1), and over terrain alone where clutter is bounded
        rise = max(rise_s, rise_t)
        if rise < bent_slope:
            nu = _nu_in_sight(h, surface_m, near, i, d, tx_m, rx_m, bend, nu_scale, step_km, block_top)
        else:
            from_rx = from_rx_t
            if from_rx == -math.inf:
                at = tangent(tx, ty, nt, d, end_m)
                from_rx = (ty[at] - end_m) / (d - tx[at])
            if left >= near:
                ns, next_s = _grow(sx, sy, screen, ns, surface_m, bend, step_km, next_s, left + 1), left + 1
                at = tangent(sx, sy, ns, d, end_m)
                seen_s = screen[at]
                from_rx = max(from_rx, (sy[at] - end_m) / (d - sx[at]))
            nu = f.bullington_nu(rise + bend * d, from_rx - bend * d, d, tx_m, rx_m, ghz)
        diffraction = f.bullington(nu, d)
        if setting.clearing_km > 0.0:
            terminal = f.terminal_clutter(ghz, surface_m[i] - h[i], setting.rx_height_m, -slope)
            most = tables.clutter_db[i]
            if terminal > -math.inf or diffraction > most:  # else it is what it is
                if rise_t < bent_slope:
                    nu = _nu_in_sight(h, h, near, i, d, tx_m, rx_m, bend, nu_scale, step_km, block_top)
                else:
                    nu = f.bullington_nu(rise_t + bend * d, from_rx_t - bend * d, d, tx_m, rx_m, ghz)
                diffraction = f.with_clutter(f.bullington(nu, d), diffraction, terminal, most)

        # horizons over the terrain (§5.3, §5.4), and the least that ducting between them loses
        if beyond:
            tx_rise, rx_rise = rise_t, from_rx_t - 2.0 * bend * d
        else:
            tx_rise, rx_rise = bent_slope, -slope - bend * d
        tx_angle, rx_angle = 1000.0 * f.atan_small(tx_rise / 1000.0), 1000.0 * f.atan_small(rx_rise / 1000.0)
        angle = 2.0 * bend * d + tx_angle + rx_angle

        tx_edge, rx_edge = tx_at, rx_at
        if beyond:
            tx_km, rx_km = tx_at * step_km, d - rx_at * step_km
            tx_far, rx_far, known_db = tx_km, rx_km, tables.horizons_db[min(tx_at + i - rx_at, i)]
        else:  # both horizons are one sample, which only a scan would find: they are the path's length together
            tx_km, rx_km, tx_far, rx_far, known_db = step_km, step_km, d, d, tables.horizons_db[i]
        shielded = max(tx_angle - 0.1 * tx_far, 0.0) + max(rx_angle - 0.1 * rx_far, 0.0)
        bent = min(tx_angle, 0.1 * tx_km) + min(rx_angle, 0.1 * rx_km)
        least = known_db + shielding * shielded + duct_gamma * (2.0 * bend * d + bent) + tables.least_time_db[i]
        scatter = tables.scatter_db[i] + SCATTER_DB_MRAD * angle
        if free + diffraction >= dark_db and scatter >= dark_db and least >= dark_db:
            loss_db[i] = math.inf
            continue

        # smooth earth (§5.6.2) and diffraction over it (§4.3.2, §4.3.3)
        tx_smooth, rx_smooth = (2.0 * v1 * d - v2) / d**2, (v2 - v1 * d) / d**2
        tx_low, rx_low = min(tx_smooth, h[0]), min(rx_smooth, h[i])
        ng, next_g = _grow(gx, gy, other, ng, h, 0.0, step_km, next_g, i), i
        top = highest_above(gx, gy, ng, slope)
        highest = gy[top] - tx_m - slope * gx[top]
        if highest > 0.0:
            at = tangent(gx, gy, ng, d, rx_m)
            up_tx, up_rx = rise_g - slope, (gy[at] - rx_m) / (d - gx[at]) + slope
            tx_smooth -= highest * up_tx / (up_tx + up_rx)
            rx_smooth -= highest * up_rx / (up_tx + up_rx)
        tx_over, rx_over = tx_m - min(tx_smooth, h[0]), rx_m - min(rx_smooth, h[i])
        clear_m = min(tx_over, rx_over) - 0.25 * bend * d * d
        if clear_m < 8.728 * math.sqrt(d * f.WAVE_M_GHZ / ghz):  # else eq. (25) has room everywhere, and no loss
            sphere = f.spherical_earth(0.0, setting.vertical, d, tx_over, rx_over, earth_km, ghz)
            if sphere > 0.0:
                smooth = f.bullington(smooth_nu(i, d, tx_over, rx_over, bend, nu_scale, step_km, ghz), d)
                diffraction += max(sphere - smooth, 0.0)
        basic = free + diffraction

        # ducting (§4.5), where it can win
        without_scatter = basic
        if least - ROUNDING_DB <= basic:
            if not beyond:
                tx_edge, rx_edge = _edge_in_sight(h, i, d, tx_m, rx_m, bend, step_km)
                tx_km, rx_km = tx_edge * step_km, d - rx_edge * step_km
            duct = f.duct_coupling(ghz, tx_angle, rx_angle, tx_km, rx_km)
            duct += f.duct_angle(ghz, d, earth_km, tx_angle, rx_angle, tx_km, rx_km)
            if duct + tables.least_time_db[i] <= basic:
                rough_m = _roughness(h, tx_edge, rx_edge, step_km, tx_low, (rx_low - tx_low) / d)
                between_km = d - tx_km - rx_km
                beta = f.duct_beta(
                    tables.beta0_pct[i], d, d, earth_km, tx_m - tx_low, rx_m - rx_low, rough_m, between_km
                )
                duct += f.time_in_duct(MEDIAN_PCT, beta, d)
            else:
                duct = math.inf
            notional = f.notional_with_duct(duct, free)
            if notional <= basic:
                ducted = notional + (basic - notional) * f.distance_weight(d)
                without_scatter = ducted + (basic - ducted) * f.sight_weight(angle)
        loss = without_scatter
        if scatter < loss + FAINT_DB:
            loss = f.with_scatter(scatter, loss)
        loss_db[i] = max(free, loss)


@njit(cache=True, nogil=True, inline="always")
def _grow(
    x: Floats,
    y: Floats,
    place: NDArray[np.int64],
    size: int,
    height: Floats,
    bend: float,
    step: float,
    start: int,
    stop: int,
) -> int:
    """Add samples `start` to `stop` − 1 of a profile to a hull, lowered by `bend` times their distance squared."""
    for at in range(start, stop):
        new_x = at * step
        size = push(x, y, place, size, at, new_x, height[at] - bend * new_x * new_x)
    return size


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _behind(over: float, from_rx: float, d: float, nu_scale: float) -> float:
    """ν² of Bullington's point, eq. (19), by how much steeper than the straight ray are those over both horizons."""
    at_km = d * from_rx / (over + from_rx)
    return over * over * nu_scale * d * at_km / (d - at_km)


@njit(cache=True, nogil=True, error_model="numpy")
def _nu_in_sight(
    h: Floats,
    surface_m: Floats,
    near: int,
    i: int,
    d: float,
    tx_m: float,
    rx_m: float,
    bend: float,
    nu_scale: float,
    step_km: float,
    block_top: Floats,
) -> float:
    """Greatest ν of a path with free sight, eq. (16), where it counts (above −0.78); blocks that cannot are skipped.

    Clutter counts from `near` samples from either end on. All points of a block lie below its top.
    """
    chord = (rx_m - bend * d * d - tx_m) / d
    nu = f.BEYOND_NU
    for block in range((i - 1) // BLOCK + 1):
        first, last = max(block * BLOCK, 1), min(block * BLOCK + BLOCK - 1, i - 1)
        low_km, high_km = first * step_km, last * step_km
        line_m = tx_m + min(chord * low_km, chord * high_km)
        over_m = block_top[block] - line_m
        if over_m < 0.0:
            near_km = min(max(0.5 * d, low_km), high_km)
            if over_m * math.sqrt(nu_scale * d / (near_km * (d - near_km))) <= nu:
                continue
        for k in range(first, last + 1):
            dk = k * step_km
            top_m = surface_m[k] if near <= k <= i - near else h[k]
            above_m = top_m + bend * dk * (d - dk) - (tx_m * (d - dk) + rx_m * dk) / d
            nu = max(nu, above_m * math.sqrt(nu_scale * d / (dk * (d - dk))))
    return nu


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def screens_from(clearing_km: float, step_km: float) -> int:
    """From how many samples from an end on clutter is a screen."""
    return max(math.ceil(clearing_km / step_km - 1e-9), 1)


@njit(cache=True, nogil=True, error_model="numpy")
def smooth_nu(
    i: int, d: float, tx_over: float, rx_over: float, bend: float, nu_scale: float, step_km: float, ghz: float
) -> float:
    """ν of the Bullington point over a smooth earth sampled as the profile, §4.3.1 with heights 0.

    Both horizon slopes are concave in the sample's distance, with their greatest value at √(height / bend); in sight, ν
    is concave in φ with distance = d · sin²φ, so a search by halves finds its greatest sample.
    """
    rise_tx = _smooth_rise(i, d, tx_over, bend, step_km)
    if rise_tx >= (rx_over - tx_over) / d:
        return f.bullington_nu(rise_tx, _smooth_rise(i, d, rx_over, bend, step_km), d, tx_over, rx_over, ghz)
    low, high = 1, i - 1
    while low < high:
        middle = (low + high) >> 1
        if _smooth_nu_at(middle + 1, d, tx_over, rx_over, bend, step_km) >= _smooth_nu_at(
            middle, d, tx_over, rx_over, bend, step_km
        ):
            low = middle + 1
        else:
            high = middle
    return _smooth_nu_at(low, d, tx_over, rx_over, bend, step_km) * math.sqrt(nu_scale * d)


@njit(cache=True, nogil=True, error_model="numpy")
def _smooth_rise(i: int, d: float, over_m: float, bend: float, step_km: float) -> float:
    """Steepest rise from an end so high over the smooth earth, over the samples between (m/km)."""
    k = min(max(int(math.sqrt(over_m / bend) / step_km), 1), i - 1)
    after = min(k + 1, i - 1)
    return max(
        bend * (d - k * step_km) - over_m / (k * step_km), bend * (d - after * step_km) - over_m / (after * step_km)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _smooth_nu_at(k: int, d: float, tx_over: float, rx_over: float, bend: float, step_km: float) -> float:
    dk = k * step_km
    return (bend * dk * (d - dk) - (tx_over * (d - dk) + rx_over * dk) / d) / math.sqrt(dk * (d - dk))


@njit(cache=True, nogil=True, error_model="numpy")
def _edge_in_sight(
    h: Floats, i: int, d: float, tx_m: float, rx_m: float, bend: float, step_km: float
) -> tuple[int, int]:
    """The sample with the greatest ν over the terrain, eq. (78): both horizons of a path with free sight."""
    best, at = -math.inf, 1
    for k in range(1, i):
        dk = k * step_km
        above_m = h[k] + bend * dk * (d - dk) - (tx_m * (d - dk) + rx_m * dk) / d
        nu = above_m / math.sqrt(dk * (d - dk))
        if nu > best:
            best, at = nu, k
    return at, at


@njit(cache=True, nogil=True, error_model="numpy")
def _roughness(h: Floats, first: int, last: int, step_km: float, low_m: float, slope: float) -> float:
    """Greatest height of the terrain above the smooth earth between the horizons h_m, eq. (93)."""
    most = -math.inf
    for k in range(first, last + 1):
        most = max(most, h[k] - (low_m + slope * (k * step_km)))
    return most


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def sweep_radials(
    elevation_m: Singles,
    clutter_m: Singles,
    row: float,
    column: float,
    cell_m: float,
    radials: int,
    samples: int,
    setting: Setting,
    tables: Tables,
) -> Singles:
    """Loss along all radials around a mast, shape (radials, samples), dB; NaN where there is no ground or no receiver.

    `row` and `column` of the mast are in cells, 0 at the centre of the first one. Radial k points 360° · k / radials
    from grid north, clockwise. Near the mast, where radials lie closer than cells, only every second, fourth …
    has receivers; `radial_stride` says which. Every second of these is looked at where its neighbours on both sides
    differ by more than `ALIKE_DB` (less on coarser steps); elsewhere it has their mean.
    """
    step_cells = setting.step_km * 1000.0 / cell_m
    strides = np.array([radial_stride(i, samples) for i in range(samples)])
    dense = radials >= 2.0 * math.pi * (samples - 1)  # else neighbours lie too far apart to stand for what is between
    alike_db = ALIKE_DB * min(ALIKE_KM / setting.step_km, 1.0) ** 2
    apart = strides.max()
    loss_db = np.full((radials, samples), np.nan, dtype=np.float32)
    while apart > 0:  # those that are walked on every side of others before those between them
        first, each = (0, apart) if apart == strides.max() else (apart, 2 * apart)
        for n in prange((radials - first + each - 1) // each):
            k = first + n * each
            beyond = k + apart if k + apart < radials else 0
            wanted, far = np.zeros(samples, dtype=np.bool_), 0
            for i in range(samples):
                if k & (strides[i] - 1) == 0:  # strides are powers of two
                    if dense and first > 0 and strides[i] == apart:
                        loss_db[k, i] = _between(loss_db[k - apart, i], loss_db[beyond, i], alike_db, setting.most_db)
                    if math.isnan(loss_db[k, i]):
                        wanted[i], far = True, i + 1
            if far < 2:
                continue
            bearing = 2.0 * math.pi * k / radials
            down, right = -math.cos(bearing) * step_cells, math.sin(bearing) * step_cells
            h, surface = np.empty(far), np.empty(far)
            end = read_radial(elevation_m, clutter_m, row, column, down, right, h, surface)
            if end > 1:
                radial(h, surface, end, setting, tables, wanted, loss_db[k])
        apart //= 2
    return loss_db


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _between(one_db: float, other_db: float, alike_db: float, most_db: float) -> float:
    """Loss between two receivers at most two cells apart whose losses are alike; NaN where they are not, or unknown."""
    if math.isnan(one_db) or math.isnan(other_db):
        return math.nan
    if one_db >= most_db and other_db >= most_db:
        return math.inf
    one_db, other_db = min(one_db, most_db), min(other_db, most_db)
    return 0.5 * (one_db + other_db) if abs(one_db - other_db) <= alike_db else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def read_radial(
    elevation_m: Singles,
    clutter_m: Singles,
    row: float,
    column: float,
    down: float,
    right: float,
    h: Floats,
    surface: Floats,
) -> int:
    """Fill `h` and `surface` from (row, column) on, in steps of (down, right) cells; how many samples there are.

    Fewer than asked for where the ground ends: what lies behind a void or the edge is not known.
    """
    last_row, last_column = elevation_m.shape[0] - 1, elevation_m.shape[1] - 1
    to_row, to_column = row + (h.size - 1) * down, column + (h.size - 1) * right
    inside = min(row, to_row) >= 0.0 and max(row, to_row) < last_row
    inside = inside and min(column, to_column) >= 0.0 and max(column, to_column) < last_column
    for i in range(h.size):
        r, c = row + i * down, column + i * right
        if inside:
            h[i] = between_four(elevation_m, int(r), int(c), r, c)
            at_row, at_column = int(r + 0.5), int(c + 0.5)
        else:
            h[i] = bilinear(elevation_m, r, c)
            at_row, at_column = min(max(int(r + 0.5), 0), last_row), min(max(int(c + 0.5), 0), last_column)
        if math.isnan(h[i]):
            return i
        surface[i] = h[i]
        if i > 0:
            surface[i] += clutter_m[at_row, at_column]
    return h.size


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def radial_stride(i: int, samples: int) -> int:
    """Every how many radials have a receiver at sample i: such that neighbours are at most a cell apart."""
    stride = 1
    while i > 0 and 2 * stride * i < samples:
        stride *= 2
    return stride


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def bilinear(values: Singles, row: float, column: float) -> float:
    """Value between the four cells around a place; NaN beside a void or more than a cell outside.

    Up to a cell outside, values are those of the edge: a cell's nearest receiver may lie just beyond it.
    """
    last_row, last_column = values.shape[0] - 1, values.shape[1] - 1
    if row < -1.0 or column < -1.0 or row > last_row + 1.0 or column > last_column + 1.0:
        return math.nan
    row, column = min(max(row, 0.0), float(last_row)), min(max(column, 0.0), float(last_column))
    return between_four(values, min(int(row), last_row - 1), min(int(column), last_column - 1), row, column)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def between_four(values: Singles, r: int, c: int, row: float, column: float) -> float:
    """Value at a place between the cells (r, c) and (r + 1, c + 1)."""
    down, right = row - r, column - c
    above = values[r, c] * (1.0 - right) + values[r, c + 1] * right
    below = values[r + 1, c] * (1.0 - right) + values[r + 1, c + 1] * right
    return float(above * (1.0 - down) + below * down)


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def to_window(
    polar_db: Singles,
    row: float,
    column: float,
    top: int,
    left: int,
    shape: tuple[int, int],
    reach: float,
    most_db: float,
    doubt_db: float,
) -> tuple[Singles, NDArray[np.bool_]]:
    """Losses of radials at the centres of grid cells, and the cells where they do not say enough.

    A cell's loss lies between those of the two receivers beside it on each of the two nearest radials, by its place
    between them. Where these spread by more than `doubt_db` (standard deviation with the same weights), where some of
    them are not known, and beside the mast, it is for a link to say. NaN beyond the reach and where nothing is known;
    infinite from `most_db` on.

    `row`, `column` of the mast and `reach` in cells; the window starts at cell (top, left).
    """
    radials, samples = polar_db.shape
    window = np.full(shape, np.nan, dtype=np.float32)
    doubtful = np.zeros(shape, dtype=np.bool_)
    strides = np.array([radial_stride(i, samples) for i in range(samples)])
    for r in prange(shape[0]):
        north = row - (top + r)
        for c in range(shape[1]):
            east = left + c - column
            away = math.sqrt(north * north + east * east)
            if away > reach:
                continue
            if away < 2.0:
                doubtful[r, c] = True
                continue
            i = min(int(away), samples - 2)
            turn = math.atan2(east, north) / (2.0 * math.pi)
            if turn < 0.0:
                turn += 1.0
            known, mean, squares = 0, 0.0, 0.0
            for ring in range(i, i + 2):
                along = 1.0 - abs(away - ring)
                stride = strides[ring]
                before = int(turn * radials / stride) * stride
                after = min(before + stride, radials)
                across = (turn * radials - before) / (after - before)
                for side in range(2):
                    loss = polar_db[after % radials if side else before, ring]
                    if not math.isnan(loss):
                        weight = along * (across if side else 1.0 - across)
                        level = min(loss, most_db)
                        known += 1
                        mean += weight * level
                        squares += weight * level * level
            if known == 4:
                window[r, c] = mean if mean < most_db - HARDLY_DB else math.inf
                doubtful[r, c] = squares - mean * mean > doubt_db * doubt_db
            elif known > 0:
                doubtful[r, c] = True
    return window, doubtful


@njit(cache=True, nogil=True, error_model="numpy")
def pack_losses(loss_db: Singles, hopeless_db: float, step_db: float) -> NDArray[np.uint16]:
    """Losses in whole steps, shape (n,); `HOPELESS` above the hopeless, `NOT_COMPUTED` where there is none."""
    packed = np.empty(loss_db.size, dtype=np.uint16)
    for n in range(loss_db.size):
        if math.isnan(loss_db[n]):
            packed[n] = NOT_COMPUTED
        elif loss_db[n] > hopeless_db:
            packed[n] = HOPELESS
        else:
            packed[n] = round(loss_db[n] / step_db)
    return packed


@njit(cache=True, nogil=True, error_model="numpy")
def unpack_losses(packed: NDArray[np.uint16], step_db: float) -> Singles:
    """What `pack_losses` packed: infinite where hopeless, NaN where not computed."""
    loss_db = np.empty(packed.size, dtype=np.float32)
    for n in range(packed.size):
        if packed[n] == NOT_COMPUTED:
            loss_db[n] = math.nan
        elif packed[n] == HOPELESS:
            loss_db[n] = math.inf
        else:
            loss_db[n] = packed[n] * step_db
    return loss_db


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def add_cells(
    loss_db: Singles,
    elevation_m: Singles,
    row: float,
    column: float,
    top: int,
    left: int,
    cell_m: float,
    tx_m: float,
    rx_height_m: float,
    sectors: Floats,
    horizontal_db: Floats,
    vertical_db: Floats,
    projected: NDArray[np.bool_],
    first: int,
    least_dbm: float,
    best_dbm: Singles,
    server: NDArray[np.int32],
    total_mw: Floats,
    offset_db: Singles,
    site: NDArray[np.int64],
    margin: NDArray[Any],
    cell: NDArray[Any],
    scale: float,
) -> None:
    """Add the cells of one mast to what a band's receivers get, in place, over the window of its loss.

    sectors : shape (n, 6): azimuth, electrical tilt, mechanical tilt (degrees), EIRP per subcarrier (dBm), floor of the
        antenna's pattern (dB), RSRP asked of the cell (dBm); horizontal_db and vertical_db : shape (n, 360). Cells are
        numbered from `first` on.
    offset_db : added to what counts as margin: of the grid's shape, or empty. site, margin, cell, scale : as of
        `servers.keep_server`, receivers being the cells of the grid row by row; a mast is one site.
    Powers below `least_dbm` are left out.
    """
    strongest = sectors[:, 3].max()
    for r in prange(loss_db.shape[0]):
        for c in range(loss_db.shape[1]):
            loss = loss_db[r, c]
            if not strongest - loss >= least_dbm:  # also where the loss is NaN
                continue
            north, east = (row - (top + r)) * cell_m, (left + c - column) * cell_m
            bearing = math.degrees(math.atan2(east, north))
            away = max(math.sqrt(north * north + east * east), 1.0)
            up = math.degrees(math.atan2(elevation_m[top + r, left + c] + rx_height_m - tx_m, away))
            over_db, nearest = -np.inf, 0
            for n in range(sectors.shape[0]):
                pattern = combined_loss(
                    horizontal_db[n], vertical_db[n], sectors[n, 4], projected[n], sectors[n, 0], sectors[n, 1],
                    sectors[n, 2], bearing, up,
                )  # fmt: skip
                dbm = sectors[n, 3] - pattern - loss
                if dbm < least_dbm:
                    continue
                total_mw[top + r, left + c] += math.pow(10.0, 0.1 * dbm)
                if not best_dbm[top + r, left + c] >= dbm:
                    best_dbm[top + r, left + c] = dbm
                    server[top + r, left + c] = first + n
                if dbm - sectors[n, 5] > over_db:
                    over_db, nearest = dbm - sectors[n, 5], n
            if over_db > -np.inf:
                if offset_db.size:
                    over_db += offset_db[top + r, left + c]
                keep_server(
                    margin, cell, (top + r) * elevation_m.shape[1] + left + c, scale, site, over_db, first + nearest
                )


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def link_losses(
    elevation_m: Singles,
    clutter_m: Singles,
    cell_m: float,
    tx: Floats,
    rx: Floats,
    of_tx: NDArray[np.int64],
    of_rx: NDArray[np.int64],
    rx_height_m: float,
    earth_km: float,
    surface_n: float,
    latitude_deg: float,
    clearing_km: float = 0.0,
) -> Singles:
    """Loss of single links, shape (links,), dB; NaN where a path leaves the ground or crosses a void.

    tx : shape (n, 4): row, column (in cells, 0 at the centre of the first), antenna height (m), frequency (GHz).
    rx : shape (m, 2): row, column. of_tx, of_rx : which of them a link joins.
    The same walk as a radial of the sweep, to one receiver that stands exactly at its end; samples lie at most a cell
    apart. A receiver less than a metre away is taken as a metre away.
    """
    loss_db = np.full(of_tx.size, np.nan, dtype=np.float32)
    for n in prange(of_tx.size):
        row, column = tx[of_tx[n], 0], tx[of_tx[n], 1]
        ghz = tx[of_tx[n], 3]
        down, right = rx[of_rx[n], 0] - row, rx[of_rx[n], 1] - column
        km = max(math.sqrt(down * down + right * right) * cell_m, 1.0) / 1000.0
        last = max(math.ceil(km * 1000.0 / cell_m - 1e-9), 2)
        h, surface, found = np.empty(last + 1), np.empty(last + 1), np.empty(last + 1)
        if read_radial(elevation_m, clutter_m, row, column, down / last, right / last, h, surface) <= last:
            continue
        setting = Setting(
            ghz, tx[of_tx[n], 2], rx_height_m, earth_km, surface_n, True, km / last, clearing_km, math.inf
        )
        wanted = np.zeros(last + 1, dtype=np.bool_)
        wanted[last] = True
        free, beta0, scatter, least, horizons, clutter, dark = (
            np.empty(last + 1), np.empty(last + 1), np.empty(last + 1), np.empty(last + 1), np.zeros(last + 1),
            np.empty(last + 1), np.empty(0),
        )  # fmt: skip
        free[last] = f.free_space(ghz, km, 0.0)
        clutter[last] = f.median_clutter(ghz, km)
        beta0[last] = f.anomalous_pct(latitude_deg, km, km)
        scatter[last] = f.troposcatter(ghz, km, 0.0, surface_n, MEDIAN_PCT)
        least[last] = -math.inf  # ducting is looked at in any case
        tables = Tables(free, beta0, scatter, least, horizons, clutter, np.empty((0, 0)), dark)
        radial(h, surface, last + 1, setting, tables, wanted, found)
        loss_db[n] = found[last]
    return loss_db


@njit(cache=True, nogil=True, error_model="numpy")
def add_links(
    starts: NDArray[np.int64],
    points: NDArray[np.int64],
    loss_db: Singles,
    bearing_deg: Floats,
    elevation_deg: Floats,
    mast_of: NDArray[np.int64],
    sectors: Floats,
    horizontal_db: Floats,
    vertical_db: Floats,
    projected: NDArray[np.bool_],
    least_dbm: float,
    first: int,
    best_dbm: Singles,
    server: NDArray[np.int32],
    total_mw: Floats,
    offset_db: Singles,
    site: NDArray[np.int64],
    margin: NDArray[Any],
    cell: NDArray[Any],
    scale: float,
) -> None:
    """Add cells to what a band's receivers get, in place: `add_cells` for single links.

    starts : shape (masts + 1,): a mast's links are `starts[m]` to `starts[m + 1]` of points, loss_db, bearing_deg and
        elevation_deg. mast_of : shape (cells,). The rest as of `add_cells`.
    """
    for n in range(mast_of.size):
        for k in range(starts[mast_of[n]], starts[mast_of[n] + 1]):
            if not sectors[n, 3] - loss_db[k] >= least_dbm:
                continue
            pattern = combined_loss(
                horizontal_db[n], vertical_db[n], sectors[n, 4], projected[n], sectors[n, 0], sectors[n, 1],
                sectors[n, 2], bearing_deg[k], elevation_deg[k],
            )  # fmt: skip
            dbm = sectors[n, 3] - pattern - loss_db[k]
            if dbm < least_dbm:
                continue
            at = points[k]
            total_mw[at] += math.pow(10.0, 0.1 * dbm)
            if not best_dbm[at] >= dbm:
                best_dbm[at] = dbm
                server[at] = first + n
            over_db = dbm - sectors[n, 5]
            if offset_db.size:
                over_db += offset_db[at]
            keep_server(margin, cell, at, scale, site, over_db, first + n)
