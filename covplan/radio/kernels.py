"""P.1812-7 along a radial: every receiver of one profile at once, by hulls that grow with the distance.

What `p1812.exact` looks up by scanning the whole profile for each receiver is kept here while walking outwards: running
maxima, two running sums, and upper hulls (`hull`). The formulas are the same functions (`formulas`), so both give the
same loss; for half of the time and paths over land, where the Recommendation simplifies: no correction for multipath
(log 1 = 0), and L_minb0p = L_bd. Two things are left out only where they provably change nothing: ducting when a lower
bound of its loss lies above the loss by diffraction (eq. (61) then ignores it), and scatter when it is at least
`FAINT_DB` weaker (then it changes the loss by less than 3e-8 dB).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit, prange

from covplan.radio import formulas as f
from covplan.radio.hull import highest_above, push, tangent
from covplan.radio.pattern import combined_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

MEDIAN_PCT = 50.0
FAINT_DB = 40.0
ROUNDING_DB = 1e-6  # a bound is compared with this room, for it is summed in another order than the loss
TEN_LOG10_E = 10.0 / math.log(10.0)
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


def tables_for(setting: Setting, samples: int, latitude_deg: float) -> Tables:
    """Tables for radials of so many samples, inland all the way."""
    distance_km = np.arange(samples) * setting.step_km
    free, beta0, scatter, least, horizons = (np.full(samples, np.nan) for _ in range(5))
    for i, km in enumerate(distance_km):
        if i == 0:
            continue
        horizons[i] = f.duct_coupling(setting.frequency_ghz, 0.0, 0.0, km, 0.0)
        free[i] = f.free_space(setting.frequency_ghz, km, 0.0)
        beta0[i] = f.anomalous_pct(latitude_deg, km, km)
        scatter[i] = f.troposcatter(setting.frequency_ghz, km, 0.0, setting.surface_n, MEDIAN_PCT)
        betas = beta0[i] * np.logspace(-12, 0, 49)
        least[i] = min(f.time_in_duct(MEDIAN_PCT, beta, km) for beta in betas) - 0.5  # half a dB for what lies between
    return Tables(free, beta0, scatter, least, horizons)


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
    """
    step_km, ghz, earth_km = setting.step_km, setting.frequency_ghz, setting.earth_km
    bend = 500.0 / earth_km
    tx_m = h[0] + setting.tx_height_m
    nu_scale = 0.002 * ghz / f.WAVE_M_GHZ
    duct_gamma = 5e-5 * earth_km * math.pow(ghz, 1.0 / 3.0)
    shielding = 0.264 * math.pow(ghz, 1.0 / 3.0)
    duct_least = f.duct_coupling(ghz, 0.0, 0.0, step_km, step_km)

    sx, sy, tx, ty, gx, gy = (np.empty(end), np.empty(end), np.empty(end), np.empty(end), np.empty(end), np.empty(end))
    place = np.empty(end, dtype=np.int64)
    other = np.empty(end, dtype=np.int64)
    block_top = np.full(end // BLOCK + 1, -np.inf)
    ns = nt = ng = tx_at = 0
    rise_s = rise_t = rise_g = -math.inf
    v1 = v2 = 0.0
    for i in range(1, end):
        j, d = i - 1, i * step_km
        dj = j * step_km
        v1 += step_km * (h[i] + h[j])
        v2 += step_km * (h[i] * (2.0 * d + dj) + h[j] * (d + 2.0 * dj))
        if j >= 1:
            bent_s, bent_t = surface_m[j] - bend * dj * dj, h[j] - bend * dj * dj
            rise_s = max(rise_s, (bent_s - tx_m) / dj)
            if (bent_t - tx_m) / dj > rise_t:
                rise_t, tx_at = (bent_t - tx_m) / dj, j
            rise_g = max(rise_g, (h[j] - tx_m) / dj)
            ns = push(sx, sy, other, ns, j, dj, bent_s)
            nt = push(tx, ty, place, nt, j, dj, bent_t)
            ng = push(gx, gy, other, ng, j, dj, h[j])
            block = j // BLOCK
            block_top[block] = max(block_top[block], bent_s)
        if not wanted[i]:
            continue
        rx_m = h[i] + setting.rx_height_m
        rise_m = rx_m - tx_m
        slope = rise_m / d
        free = tables.free_space_db[i] + TEN_LOG10_E * f.log1p_small(1e-6 * slope * slope)
        if i < 2:
            loss_db[i] = free
            continue
        end_s = rx_m - bend * d * d  # the receiver, bent as the profile

        # diffraction, Bullington over terrain and clutter (§4.3.1)
        if rise_s + bend * d < slope:
            nu = _nu_in_sight(surface_m, i, d, tx_m, rx_m, bend, nu_scale, step_km, sx, sy, ns, block_top)
        else:
            at = tangent(sx, sy, ns, d, end_s)
            from_rx = (sy[at] - end_s) / (d - sx[at]) - bend * d
            nu = f.bullington_nu(rise_s + bend * d, from_rx, d, tx_m, rx_m, ghz)
        diffraction = f.bullington(nu, d)

        # smooth earth (§5.6.2) and diffraction over it (§4.3.2, §4.3.3)
        tx_smooth, rx_smooth = (2.0 * v1 * d - v2) / d**2, (v2 - v1 * d) / d**2
        tx_low, rx_low = min(tx_smooth, h[0]), min(rx_smooth, h[i])
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

        # horizons over the terrain (§5.3, §5.4)
        end_t = rx_m - bend * d * d
        beyond = rise_t > slope - bend * d
        rx_at = 0
        if beyond:
            at = tangent(tx, ty, nt, d, end_t)
            rx_at = place[at]
            tx_rise, rx_rise = rise_t, (ty[at] - end_t) / (d - tx[at]) - 2.0 * bend * d
        else:
            tx_rise, rx_rise = slope - bend * d, -slope - bend * d
        tx_angle, rx_angle = 1000.0 * f.atan_small(tx_rise / 1000.0), 1000.0 * f.atan_small(rx_rise / 1000.0)
        angle = 2.0 * bend * d + tx_angle + rx_angle

        # ducting (§4.5), where it can win
        without_scatter = basic
        tx_edge, rx_edge = tx_at, rx_at
        if beyond:
            tx_km, rx_km = tx_at * step_km, d - rx_at * step_km
            tx_far, rx_far, known_db = tx_km, rx_km, tables.horizons_db[min(tx_at + i - rx_at, i)]
        else:  # where the horizon is only a scan would say: nearest for the angle, farthest for the shielding
            tx_km, rx_km, tx_far, rx_far, known_db = step_km, step_km, d, d, duct_least
        shielded = max(tx_angle - 0.1 * tx_far, 0.0) + max(rx_angle - 0.1 * rx_far, 0.0)
        bent = min(tx_angle, 0.1 * tx_km) + min(rx_angle, 0.1 * rx_km)
        least = known_db + shielding * shielded + duct_gamma * (2.0 * bend * d + bent) + tables.least_time_db[i]
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
        scatter = tables.scatter_db[i] + 0.573 * angle
        loss = without_scatter
        if scatter < loss + FAINT_DB:
            loss = f.with_scatter(scatter, loss)
        loss_db[i] = max(free, loss)


@njit(cache=True, nogil=True, error_model="numpy")
def _nu_in_sight(
    surface_m: Floats,
    i: int,
    d: float,
    tx_m: float,
    rx_m: float,
    bend: float,
    nu_scale: float,
    step_km: float,
    sx: Floats,
    sy: Floats,
    ns: int,
    block_top: Floats,
) -> float:
    """Greatest ν of a path with free sight, eq. (16), where it counts (above −0.78); blocks that cannot are skipped."""
    chord = (rx_m - bend * d * d - tx_m) / d
    top = highest_above(sx, sy, ns, chord)
    below_m = sy[top] - tx_m - chord * sx[top]
    # All points lie at least so far below the ray, and the factor of ν is smallest half way.
    if below_m * math.sqrt(4.0 * nu_scale / d) <= f.BEYOND_NU:
        return f.BEYOND_NU
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
            above_m = surface_m[k] + bend * dk * (d - dk) - (tx_m * (d - dk) + rx_m * dk) / d
            nu = max(nu, above_m * math.sqrt(nu_scale * d / (dk * (d - dk))))
    return nu


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
    has receivers; `radial_stride` says which.
    """
    loss_db = np.full((radials, samples), np.nan, dtype=np.float32)
    step_cells = setting.step_km * 1000.0 / cell_m
    for k in prange(radials):
        bearing = 2.0 * math.pi * k / radials
        down, right = -math.cos(bearing) * step_cells, math.sin(bearing) * step_cells
        h, surface = np.empty(samples), np.empty(samples)
        end = read_radial(elevation_m, clutter_m, row, column, down, right, h, surface)
        wanted = np.empty(samples, dtype=np.bool_)
        for i in range(end):
            wanted[i] = k % radial_stride(i, samples) == 0
        if end > 1:
            radial(h, surface, end, setting, tables, wanted, loss_db[k])
    return loss_db


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
    for i in range(h.size):
        r, c = row + i * down, column + i * right
        h[i] = bilinear(elevation_m, r, c)
        if math.isnan(h[i]):
            return i
        surface[i] = h[i]
        if i > 0:
            surface[i] += clutter_m[
                min(max(int(r + 0.5), 0), clutter_m.shape[0] - 1), min(max(int(c + 0.5), 0), clutter_m.shape[1] - 1)
            ]
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
    r, c = min(int(row), last_row - 1), min(int(column), last_column - 1)
    down, right = row - r, column - c
    above = values[r, c] * (1.0 - right) + values[r, c + 1] * right
    below = values[r + 1, c] * (1.0 - right) + values[r + 1, c + 1] * right
    return float(above * (1.0 - down) + below * down)


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def to_window(
    polar_db: Singles, row: float, column: float, top: int, left: int, shape: tuple[int, int], reach: float
) -> Singles:
    """Losses of radials on grid cells: each cell takes the nearest receiver, at most about half a cell away.

    `row`, `column` of the mast and `reach` in cells; the window starts at cell (top, left). NaN beyond the reach.
    """
    radials, samples = polar_db.shape
    window = np.full(shape, np.nan, dtype=np.float32)
    for r in prange(shape[0]):
        north = row - (top + r)
        for c in range(shape[1]):
            east = left + c - column
            away = math.sqrt(north * north + east * east)
            i = max(int(away + 0.5), 1)
            if away > reach or i >= samples:
                continue
            turn = math.atan2(east, north) / (2.0 * math.pi)
            if turn < 0.0:
                turn += 1.0
            stride = radial_stride(i, samples)
            k = int(turn * radials / stride + 0.5) * stride
            window[r, c] = polar_db[k if k < radials else 0, i]
    return window


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
) -> None:
    """Add the cells of one mast to what a band's receivers get, in place, over the window of its loss.

    sectors : shape (n, 5): azimuth, electrical tilt, mechanical tilt (degrees), EIRP per subcarrier (dBm), floor of the
        antenna's pattern (dB); horizontal_db and vertical_db : shape (n, 360). Cells are numbered from `first` on.
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
        known = True
        for i in range(last + 1):
            r, c = row + down * i / last, column + right * i / last
            h[i] = bilinear(elevation_m, r, c)
            known = known and not math.isnan(h[i])
            surface[i] = (
                h[i]
                + clutter_m[
                    min(max(int(r + 0.5), 0), clutter_m.shape[0] - 1), min(max(int(c + 0.5), 0), clutter_m.shape[1] - 1)
                ]
            )
        if not known:
            continue
        setting = Setting(ghz, tx[of_tx[n], 2], rx_height_m, earth_km, surface_n, True, km / last)
        wanted = np.zeros(last + 1, dtype=np.bool_)
        wanted[last] = True
        free, beta0, scatter, least, horizons = (
            np.empty(last + 1), np.empty(last + 1), np.empty(last + 1), np.empty(last + 1), np.zeros(last + 1),
        )  # fmt: skip
        free[last] = f.free_space(ghz, km, 0.0)
        beta0[last] = f.anomalous_pct(latitude_deg, km, km)
        scatter[last] = f.troposcatter(ghz, km, 0.0, surface_n, MEDIAN_PCT)
        least[last] = -math.inf  # ducting is looked at in any case
        radial(h, surface, last + 1, setting, Tables(free, beta0, scatter, least, horizons), wanted, found)
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
) -> None:
    """Add cells to what a band's receivers get, in place: `add_cells` for single links.

    starts : shape (masts + 1,): a mast's links are `starts[m]` to `starts[m + 1]` of points, loss_db, bearing_deg and
        elevation_deg. mast_of : shape (cells,). sectors, horizontal_db, vertical_db, projected : as of `add_cells`.
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
