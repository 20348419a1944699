"""Any server: how likely one of several, shadowed alike in part, is received well enough. Feeds `coverage`, `links`.

The prediction error of server i, in decibels, is σ (√ρ Z + √(1 − ρ) E_i) with Z and all E_i standard normal: what
stands around the receiver shades every server (Z), what stands on the way to a site only that one (E_i), and the errors
of two sites correlate by ρ (3GPP TR 36.942 A.5: 0.5). All that hangs on one structure has one E_i: of a site only the
best margin counts. With margins m_i over what is asked,

    P(any) = 1 − ∫ φ(z) ∏_i Φ(−(m_i + σ √ρ z) / (σ √(1 − ρ))) dz.

The integrand is smooth and falls off as a Gaussian, for which the trapezoidal rule converges geometrically; the step is
chosen for an error below 1e-4 (`_nodes`). Of each receiver the `MOST` best sites are kept: leaving out the others can
only understate the probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange
from scipy.special import ndtr

from covplan.study.codes import NOBODY
from covplan.study.errors import OutsideValidity
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

MOST = 4
"""Sites kept per receiver."""
COARSE = 100.0  # of rasters margins are kept in hundredths of a decibel, as path losses are
ALIKE = 0.9999  # sites that correlate more closely are one: what that leaves out is below 0.1 dB
SURE = 5.0  # standard deviations of margin from which on one server decides
FAINT = 5.0  # standard deviations below the threshold at which a server adds less than 1e-6
TABLE_STEP = 0.01
TABLE_END = 8.0
_NORMAL = ndtr(np.arange(-TABLE_END, TABLE_END + TABLE_STEP / 2, TABLE_STEP))


@dataclass(frozen=True, eq=False)
class Servers:
    """The best servers of each receiver, one per site, best first; arrays of the receivers' shape and one axis more."""

    margin: NDArray[Any]
    """Median level over what is asked of its cell: decibels, or (int16) hundredths of them."""
    cell: NDArray[Any]
    """Place in `Reception.cell_ids`; −1: no more."""

    @classmethod
    def nobody(cls, shape: tuple[int, ...], *, most: int = MOST, coarse: bool = False, cells: int = 0) -> Servers:
        """No server at all; coarse: in four bytes a server instead of eight, as long as so few cells are numbered."""
        small = coarse and cells <= np.iinfo(np.int16).max
        return cls(
            np.zeros((*shape, most), dtype=np.int16 if coarse else np.float32),
            np.full((*shape, most), NOBODY, dtype=np.int16 if small else np.int32),
        )

    @property
    def scale(self) -> float:
        """Steps of `margin` in a decibel."""
        return COARSE if self.margin.dtype == np.int16 else 1.0

    @property
    def margin_db(self) -> Singles:
        """Margins in decibels; NaN where there is no more."""
        return np.where(self.cell == NOBODY, np.float32(np.nan), self.margin / np.float32(self.scale))

    def __getitem__(self, chosen: Any) -> Servers:
        """Those of some receivers."""
        return Servers(self.margin[chosen], self.cell[chosen])

    def probability(self, sigma_db: float, correlation: float, *, less_db: Floats | None = None) -> Singles:
        """That any of them meets what is asked; 0 where there is none.

        `less_db`: decibels taken off the margin, one value per cell: how much more is asked of it.
        """
        check_correlation(correlation)
        if sigma_db < 0:
            raise OutsideValidity(
                _("sigma_db = {sigma_db:g} is negative; a standard deviation is 0 or more.").format(sigma_db=sigma_db)
            )
        most = self.cell.shape[-1]
        node, weight = _nodes(correlation)
        found = np.zeros(self.cell.shape[:-1], dtype=np.float32)
        _any_server(
            self.margin.reshape(-1, most), self.cell.reshape(-1, most), self.scale,
            np.zeros(0) if less_db is None else np.asarray(less_db, float),
            sigma_db, correlation, node, weight, _NORMAL, found.reshape(-1),
        )  # fmt: skip
        return found

    def joined(self, other: Servers, sites: Sequence[str], other_sites: Sequence[str]) -> Servers:
        """The best of both, a site of both once, in these arrays; the other's cells are numbered behind one's own."""
        most = self.cell.shape[-1]
        cell = self.cell.astype(_cells_type(self, len(sites) + len(other_sites)), copy=False)
        _join(
            self.margin.reshape(-1, most), cell.reshape(-1, most), self.scale,
            other.margin.reshape(-1, other.cell.shape[-1]), other.cell.reshape(-1, other.cell.shape[-1]), other.scale,
            site_numbers([*sites, *other_sites]), len(sites),
        )  # fmt: skip
        return Servers(self.margin, cell)


def site_numbers(sites: Sequence[str]) -> NDArray[np.int64]:
    """Of each cell the number of its site: the same for the same name."""
    return np.unique(np.asarray(sites, dtype=str), return_inverse=True)[1].astype(np.int64).reshape(-1)


def any_probability(margins_db: ArrayLike, sigma_db: float, correlation: float) -> NDArray[np.float32]:
    """Probability that at least one of several servers at different sites is received well enough, 0…1.

    Parameters
    ----------
    margins_db : array_like, shape (..., servers)
        Median level over the threshold, dB; NaN: not received.
    sigma_db : float
        Standard deviation of the prediction error, dB.
    correlation : float
        Between two sites, 0…1.
    """
    margins = np.asarray(margins_db, np.float32)
    number = np.arange(margins.shape[-1], dtype=np.int32)
    servers = Servers(margins, np.where(np.isnan(margins), np.int32(NOBODY), number))
    return servers.probability(sigma_db, correlation)


def check_correlation(correlation: float) -> None:
    """Refuse what is no share."""
    if not 0 <= correlation <= 1:
        raise OutsideValidity(
            _("site_correlation = {correlation:g} is outside 0 to 1.").format(correlation=correlation)
        )


@njit(cache=True, nogil=True, error_model="numpy")
def keep_server(
    margin: NDArray[Any], cell: NDArray[Any], i: int, scale: float, site: NDArray[np.int64], margin_db: float,
    number: int,
) -> None:  # fmt: skip
    """Put a cell among the best of receiver i, in place: one per site, best first.

    margin, cell : shape (receivers, most). site : of each cell. number : of the cell. A level once kept is not lowered.
    """
    most = cell.shape[1]
    value = margin_db * scale
    if scale != 1.0:
        value = math.floor(min(max(value, -32767.0), 32767.0) + 0.5)
    at = most
    for k in range(most):
        if cell[i, k] == NOBODY or site[cell[i, k]] == site[number]:
            at = k
            break
    if at == most:
        at = most - 1
    if most == 0 or (cell[i, at] != NOBODY and margin[i, at] >= value):
        return
    while at > 0 and margin[i, at - 1] < value:
        margin[i, at], cell[i, at] = margin[i, at - 1], cell[i, at - 1]
        at -= 1
    margin[i, at], cell[i, at] = value, number


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def _join(
    margin: NDArray[Any], cell: NDArray[Any], scale: float,
    other_margin: NDArray[Any], other_cell: NDArray[Any], other_scale: float,
    site: NDArray[np.int64], first: int,
) -> None:  # fmt: skip
    for i in prange(cell.shape[0]):
        for k in range(other_cell.shape[1]):
            if other_cell[i, k] == NOBODY:
                break
            number = first + other_cell[i, k]
            keep_server(margin, cell, i, scale, site, other_margin[i, k] / other_scale, number)


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def _any_server(
    margin: NDArray[Any], cell: NDArray[Any], scale: float, less_db: Floats, sigma_db: float, correlation: float,
    node: Floats, weight: Floats, normal: Floats, found: Singles,
) -> None:  # fmt: skip
    """Fill `found` (receivers,) from margin and cell (receivers, most)."""
    common = math.sqrt(correlation)
    own = math.sqrt(1.0 - correlation)
    for i in prange(cell.shape[0]):
        count, best = 0, -np.inf
        for k in range(cell.shape[1]):
            if cell[i, k] == NOBODY:
                continue
            over_db = margin[i, k] / scale
            if less_db.size:
                over_db -= less_db[cell[i, k]]
            best = max(best, over_db)
            if over_db > -FAINT * sigma_db:
                count += 1
        if best == -np.inf:
            found[i] = 0.0
        elif sigma_db == 0.0:
            found[i] = 1.0 if best >= 0.0 else 0.0
        elif count <= 1 or best > SURE * sigma_db or node.size == 0:
            found[i] = 0.5 * math.erfc(-best / sigma_db / math.sqrt(2.0))
        else:
            none = 0.0
            for n in range(node.size):
                product = weight[n]
                for k in range(cell.shape[1]):
                    if cell[i, k] != NOBODY:
                        over_db = margin[i, k] / scale
                        if less_db.size:
                            over_db -= less_db[cell[i, k]]
                        product *= _below(-(over_db / sigma_db + common * node[n]) / own, normal)
                none += product
            found[i] = 1.0 - none


@njit(cache=True, nogil=True, error_model="numpy")
def _below(x: float, normal: Floats) -> float:
    """Standard normal distribution function from its table, to 3e-6."""
    place = (x + TABLE_END) / TABLE_STEP
    if place <= 0.0:
        return 0.0
    if place >= normal.size - 1:
        return 1.0
    low = int(place)
    value: float = normal[low] + (place - low) * (normal[low + 1] - normal[low])
    return value


def _nodes(correlation: float) -> tuple[Floats, Floats]:
    """Values of the common part and their weights; none when all sites are as one.

    The transform of the integrand falls off as exp(−ω² / (2 (1 + n a²))) with n servers and a² = ρ / (1 − ρ), and the
    rule errs by its value at ω = 2π / step: at this step below 1e-4.
    """
    if correlation > ALIKE:
        return np.empty(0), np.empty(0)
    if correlation == 0:
        return np.zeros(1), np.ones(1)
    step = 2 * math.pi / math.sqrt(12.0 * (1.0 + MOST * correlation / (1.0 - correlation)))
    node = np.asarray(step * np.arange(-math.ceil(4.5 / step), math.ceil(4.5 / step) + 1), np.float64)
    weight = np.asarray(np.exp(-node * node / 2.0), np.float64)
    weight /= weight.sum()
    return node, weight


def _cells_type(servers: Servers, cells: int) -> type[np.int16] | type[np.int32]:
    return np.int16 if servers.cell.dtype == np.int16 and cells <= np.iinfo(np.int16).max else np.int32
