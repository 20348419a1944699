"""Path loss of masts, on the study's grid and to single points: computed once, kept on disk by what it depends on.

A `Mast` is an antenna position and a frequency: what a sector's power, direction or threshold does not change. Losses
are kept to a hundredth of a decibel, so that a result read back equals one just made.

Not used by a command yet: `path_loss_matrix`.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import (
    Setting,
    link_losses,
    pack_losses,
    sweep_radials,
    tables_for,
    to_window,
    unpack_losses,
)
from covplan.radio.link_budget import band
from covplan.radio.models import formula_loss, mast_model
from covplan.radio.p1812 import ANTENNA_M, FREQUENCY_GHZ
from covplan.radio.packed import squeezed, unsqueezed
from covplan.study.cache import keep, kept
from covplan.study.codes import WGS84
from covplan.study.errors import LayerError, OutsideValidity
from covplan.study.language import _
from covplan.study.models import P1812

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from covplan.study.grid import Grid
    from covplan.study.models import ModelName
    from covplan.study.settings import Propagation
    from covplan.terrain.ground import Ground

MODEL = "P.1812-7 sweep 6"  # part of every key: a change of the model makes all kept losses void
HOPELESS_DB = 200.0  # more than any link can bear; kept as infinite
STEP_DB = 0.01
MOST_STEP_DB = 2.0
DOUBT_DB, DOUBT_CELL_M = 5.0, 30.0
"""Spread of the receivers around a cell from which on its loss is that of a link; on coarser cells, between whose
receivers more of the relief goes unseen, less by the square of their size. Chosen so that 99.9 % of a map's cells lie
within 6 dB of the links to their centres (`benchmarks/sweep.py --centres`)."""


@dataclass(frozen=True)
class Mast:
    """An antenna over the ground: position in the study's CRS (m), height above ground, frequency."""

    x_m: float
    y_m: float
    antenna_height_m: float
    frequency_mhz: float
    model: ModelName = P1812
    """Of its path loss."""


def mast_at(x_m: float, y_m: float, antenna_height_m: float, code: str, propagation: Propagation) -> Mast:
    """The mast of a band (`link_budget.band`), with the model that the settings give it."""
    mhz = band(code).downlink_mhz
    return Mast(x_m, y_m, antenna_height_m, mhz, mast_model(code, mhz, antenna_height_m, propagation))


@dataclass(frozen=True)
class LossWindow:
    """Path loss around a mast, dB: NaN where not computed, infinite where hopeless. `top`, `left` on the grid."""

    loss_db: NDArray[np.float32]
    top: int
    left: int
    row: float
    column: float


def path_loss_window(
    mast: Mast, ground: Ground, propagation: Propagation, *, most_db: float = math.inf, cache: Path | None = None
) -> LossWindow:
    """Path loss from a mast to the centre of every cell of the grid within the radius.

    Parameters
    ----------
    most_db : float, optional
        Most that matters: where it is more, it is not looked for how much, and the loss is infinite. Rounded up to
        `MOST_STEP_DB`, so that losses are kept though powers change a little.
    cache : Path, optional
        Folder in which losses are kept; one file per mast, terrain window and setting.

    Raises
    ------
    LayerError
        The mast stands outside the ground or on a void.
    """
    grid, reach = ground.grid, propagation.radius_km * 1000.0 / ground.grid.cell_m
    row, column = _mast_cell(mast, ground)
    rows, columns = _span(row, reach, grid.rows), _span(column, reach, grid.columns)
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    most_db = min(math.ceil(min(most_db, HOPELESS_DB) / MOST_STEP_DB) * MOST_STEP_DB, HOPELESS_DB)
    path = cache / f"{_key(mast, ground, propagation, rows, columns, most_db)}.loss" if cache else None
    packed = _read(path, shape[0] * shape[1])
    if packed is None:
        at = (row, column)
        if mast.model == P1812:
            loss_db = _swept(mast, ground, propagation, at, (rows, columns), most_db)
        else:
            loss_db = _by_formula(mast, ground, propagation, at, rows, columns)
        packed = _packed(loss_db.reshape(-1))
        _write(path, packed)
    return LossWindow(_unpacked(packed).reshape(shape), rows.start, columns.start, row, column)


def _by_formula(
    mast: Mast, ground: Ground, propagation: Propagation, at: tuple[float, float], rows: slice, columns: slice
) -> NDArray[np.float32]:
    """Path loss at the centres of a window's cells, of a model that does not see the terrain; NaN on unknown ground."""
    reach = propagation.radius_km * 1000.0 / ground.grid.cell_m
    away = np.hypot(np.arange(rows.start, rows.stop)[:, None] - at[0], np.arange(columns.start, columns.stop) - at[1])
    known = (away <= reach) & np.isfinite(ground.elevation_m[rows, columns])
    loss_db = np.full(away.shape, np.nan, dtype=np.float32)
    loss_db[known] = formula_loss(
        mast.model, mast.frequency_mhz, away[known] * ground.grid.cell_m, mast.antenna_height_m,
        propagation.receiver_height_m,
    )  # fmt: skip
    return loss_db


def _swept(
    mast: Mast,
    ground: Ground,
    propagation: Propagation,
    at: tuple[float, float],
    window: tuple[slice, slice],
    most_db: float,
) -> NDArray[np.float32]:
    """The same by P.1812's sweep, and by links where its receivers do not tell what lies between them."""
    cell_m, (row, column), (rows, columns) = float(ground.grid.cell_m), at, window
    reach = propagation.radius_km * 1000.0 / cell_m
    samples, latitude = math.ceil(reach) + 1, latitude_deg(ground.grid)
    setting = Setting(
        mast.frequency_mhz / 1000.0,
        mast.antenna_height_m,
        propagation.receiver_height_m,
        effective_earth_km(propagation.delta_n),
        propagation.surface_n,
        True,  # P.1812's two polarisations differ in the smooth-earth term only; ±45° antennas are taken as vertical
        cell_m / 1000.0,
        propagation.clearing_m / 1000.0,
        most_db,
    )
    heights = (ground.elevation_m, ground.clutter_around(propagation.clearing_m))
    polar = sweep_radials(
        *heights, row, column, cell_m, math.ceil(2.0 * math.pi * samples), samples, setting,
        tables_for(setting, samples, latitude),
    )  # fmt: skip
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    doubt_db = DOUBT_DB * min(DOUBT_CELL_M / cell_m, 1.0) ** 2
    loss_db, doubtful = to_window(polar, row, column, rows.start, columns.start, shape, reach, most_db, doubt_db)
    cells = np.argwhere(doubtful)
    loss_db[doubtful] = link_losses(
        *heights, cell_m, np.array([[row, column, mast.antenna_height_m, setting.frequency_ghz]]),
        cells + np.array([rows.start, columns.start], dtype=float), np.zeros(len(cells), np.int64),
        np.arange(len(cells)), setting.rx_height_m, setting.earth_km, setting.surface_n, latitude, setting.clearing_km,
    )  # fmt: skip
    loss_db[loss_db > most_db] = np.inf
    return loss_db


@dataclass(frozen=True)
class Links:
    """All links within the radius, by mast: those of mast m are `starts[m]` to `starts[m + 1]`."""

    starts: NDArray[np.int64]
    points: NDArray[np.int64]
    """Place of the receiver."""
    loss_db: NDArray[np.float32]
    """Infinite where hopeless, NaN where the ground between is not known."""


def links(
    masts: Sequence[Mast],
    x_m: ArrayLike,
    y_m: ArrayLike,
    ground: Ground,
    propagation: Propagation,
    *,
    cache: Path | None = None,
) -> Links:
    """Path loss from masts to the points within the radius of the settings, each by its mast's model.

    Parameters
    ----------
    x_m, y_m : array_like, shape (points,)
        In the study's CRS. A point outside the ground has links of unknown loss.
    cache : Path, optional
        Folder in which losses are kept, one file per mast.

    Raises
    ------
    LayerError
        A mast stands outside the ground or on a void.
    """
    points = np.column_stack([np.asarray(x_m, float), np.asarray(y_m, float)]).reshape(-1, 2)
    cells = [_mast_cell(mast, ground) for mast in masts]
    if not len(points) or not cells:
        return Links(np.zeros(len(cells) + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    within = KDTree(points).query_ball_point(
        [(mast.x_m, mast.y_m) for mast in masts], propagation.radius_km * 1000.0, return_sorted=True
    )
    near = [np.asarray(found, dtype=np.int64) for found in within]
    files = [
        _links_file(mast, points[found], ground, propagation, cache) for mast, found in zip(masts, near, strict=True)
    ]
    packed = [_read(path, found.size) for path, found in zip(files, near, strict=True)]
    for m, mast in enumerate(masts):
        if mast.model != P1812:
            packed[m] = _packed(_links_by_formula(mast, points[near[m]], ground, propagation))
    due = [m for m, one in enumerate(packed) if one is None]
    if due:
        grid = ground.grid
        rx = np.column_stack([(grid.north_m - points[:, 1]), points[:, 0] - grid.west_m]) / grid.cell_m - 0.5
        tx = np.array([(*cells[m], masts[m].antenna_height_m, masts[m].frequency_mhz / 1000.0) for m in due])
        sizes = [near[m].size for m in due]
        loss = link_losses(
            ground.elevation_m,
            ground.clutter_around(propagation.clearing_m),
            float(grid.cell_m),
            tx,
            rx,
            np.repeat(np.arange(len(due)), sizes),
            np.concatenate([near[m] for m in due]),
            propagation.receiver_height_m,
            effective_earth_km(propagation.delta_n),
            propagation.surface_n,
            latitude_deg(ground.grid),
            propagation.clearing_m / 1000.0,
        )
        for m, one in zip(due, np.split(_packed(loss), np.cumsum(sizes)[:-1]), strict=True):
            packed[m] = one
            _write(files[m], one)
    return Links(
        np.cumsum([0, *(found.size for found in near)]),
        np.concatenate(near),
        _unpacked(np.concatenate([one for one in packed if one is not None])),
    )


def _links_by_formula(
    mast: Mast, points: NDArray[np.float64], ground: Ground, propagation: Propagation
) -> NDArray[np.float32]:
    """Path loss to points, of a model that does not see the terrain; NaN where the ground there is not known."""
    away_m = np.hypot(points[:, 0] - mast.x_m, points[:, 1] - mast.y_m)
    loss_db = formula_loss(
        mast.model, mast.frequency_mhz, away_m, mast.antenna_height_m, propagation.receiver_height_m
    ).astype(np.float32)
    row, column = ground.grid.rowcol(points[:, 0], points[:, 1])
    inside = (row >= 0) & (column >= 0) & (row < ground.grid.rows) & (column < ground.grid.columns)
    known = inside.copy()
    known[inside] = np.isfinite(ground.elevation_m[row[inside], column[inside]])
    loss_db[~known] = np.nan
    return loss_db


def path_loss_matrix(
    masts: Sequence[Mast],
    x_m: ArrayLike,
    y_m: ArrayLike,
    ground: Ground,
    propagation: Propagation,
    *,
    most_db: float = 160.0,
    cache: Path | None = None,
) -> csr_array:
    """Path loss from masts (rows) to receivers (columns), dB, with entries only up to `most_db`."""
    found = links(masts, x_m, y_m, ground, propagation, cache=cache)
    near = found.loss_db <= most_db
    return _matrix(found, near, found.loss_db.astype(np.float64), np.size(x_m))


def check_mast(mast: Mast) -> None:
    """Raise OutsideValidity for a frequency or height that P.1812 does not describe; a NaN is outside, too.

    The limits of the other models are narrower, and looked at by `mast_at`.
    """
    for name, value, (low, high) in (
        ("frequency_mhz", mast.frequency_mhz, (FREQUENCY_GHZ[0] * 1000, FREQUENCY_GHZ[1] * 1000)),
        ("antenna_height_m", mast.antenna_height_m, ANTENNA_M),
    ):
        if not low <= value <= high:
            raise OutsideValidity(
                _("mast at x={x:.0f} y={y:.0f}: P.1812 {name} = {value:g}: outside {low:g} to {high:g}.").format(
                    x=mast.x_m, y=mast.y_m, name=name, value=value, low=low, high=high
                )
            )


def _mast_cell(mast: Mast, ground: Ground) -> tuple[float, float]:
    """Row and column of a mast in cells, 0 at the centre of the first; LayerError where there is no terrain."""
    check_mast(mast)
    grid = ground.grid
    row = (grid.north_m - mast.y_m) / grid.cell_m - 0.5
    column = (mast.x_m - grid.west_m) / grid.cell_m - 0.5
    inside = 0 <= round(row) < grid.rows and 0 <= round(column) < grid.columns
    if not inside or np.isnan(ground.elevation_m[round(row), round(column)]):
        raise LayerError(
            _(
                "mast at x={x:.0f} y={y:.0f} (EPSG:{epsg}): no terrain there. Extend elevation.tif or raise "
                "[grid] margin_m in study.toml."
            ).format(x=mast.x_m, y=mast.y_m, epsg=grid.epsg)
        )
    return row, column


def _wider(cells: slice, by: int) -> slice:
    return slice(cells.start - by, cells.stop + by)


def _span(centre: float, reach: float, size: int) -> slice:
    return slice(max(math.floor(centre - reach), 0), min(math.ceil(centre + reach) + 1, size))


def _packed(loss_db: NDArray[np.float32]) -> NDArray[np.uint16]:
    return pack_losses(loss_db, HOPELESS_DB, STEP_DB)


def _unpacked(packed: NDArray[np.uint16]) -> NDArray[np.float32]:
    return unpack_losses(packed, STEP_DB)


def _kept_settings(propagation: Propagation) -> str:
    """The settings a loss depends on."""
    return propagation.model_dump_json(include={"radius_km", "receiver_height_m", "delta_n", "surface_n", "clearing_m"})


def _key(mast: Mast, ground: Ground, propagation: Propagation, rows: slice, columns: slice, *more: object) -> str:
    """Digest of all the loss depends on: the terrain within reach, the antenna, the frequency, the settings."""
    grid = ground.grid
    words: Iterable[object] = (
        MODEL,
        mast,
        (grid.epsg, grid.cell_m, grid.west_m, grid.north_m, rows, columns),
        _kept_settings(propagation),
        latitude_deg(ground.grid),
        *more,
    )
    digest = hashlib.sha256("|".join(map(str, words)).encode())
    beside = math.ceil(propagation.clearing_m / grid.cell_m)  # clutter counts as the mean over its surroundings
    digest.update(ground.digest(_wider(rows, beside), _wider(columns, beside)))
    return digest.hexdigest()


@functools.cache
def latitude_deg(grid: Grid) -> float:
    """Latitude of the middle of the grid, to a degree: how often there are ducts depends on little more."""
    middle = (grid.west_m + grid.columns * grid.cell_m / 2, grid.north_m - grid.rows * grid.cell_m / 2)
    return float(round(Transformer.from_crs(grid.epsg, WGS84, always_xy=True).transform(*middle)[1]))


def _matrix(found: Links, chosen: NDArray[np.bool_], values: NDArray[np.float64], points: int) -> csr_array:
    before = np.concatenate([[0], np.cumsum(chosen)])
    return csr_array(
        (values[chosen], found.points[chosen], before[found.starts]), shape=(found.starts.size - 1, points)
    )


def _links_file(
    mast: Mast, points: NDArray[np.float64], ground: Ground, propagation: Propagation, cache: Path | None
) -> Path | None:
    if cache is None:
        return None
    rows, columns = ground.grid.window(mast.x_m, mast.y_m, propagation.radius_km * 1000.0)
    where = hashlib.sha256(np.round(points, 3).tobytes()).hexdigest()
    return cache / f"{_key(mast, ground, propagation, rows, columns, where)}.links"


def _read(path: Path | None, size: int) -> NDArray[np.uint16] | None:
    content = kept(path) if path else None
    if content is None:
        return None
    return unsqueezed(content, size)


def _write(path: Path | None, packed: NDArray[np.uint16]) -> None:
    if path is not None:
        keep(path, squeezed(packed))
