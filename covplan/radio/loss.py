"""Path loss of masts, on the study's grid and to single points: computed once, kept on disk by what it depends on.

A `Mast` is an antenna position and a frequency: what a sector's power, direction or threshold does not change. Losses
are kept to a hundredth of a decibel, so that a result read back equals one just made.

Not used by a command yet: `path_loss_matrix`.
"""

from __future__ import annotations

import functools
import hashlib
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, link_losses, sweep_radials, tables_for, to_window
from covplan.radio.p1812 import ANTENNA_M, FREQUENCY_GHZ
from covplan.study.codes import WGS84
from covplan.study.errors import LayerError, OutsideValidity
from covplan.study.files import written_whole
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from covplan.study.grid import Grid
    from covplan.study.settings import Propagation
    from covplan.terrain.ground import Ground

MODEL = "P.1812-7 sweep 2"  # part of every key: a change of the model makes all kept losses void
HOPELESS_DB = 200.0  # more than any link can bear; kept as infinite
STEP_DB = 0.01
NOT_COMPUTED, HOPELESS = 65535, 65534
COMPRESSION = 1


@dataclass(frozen=True)
class Mast:
    """An antenna over the ground: position in the study's CRS (m), height above ground, frequency."""

    x_m: float
    y_m: float
    antenna_height_m: float
    frequency_mhz: float


@dataclass(frozen=True)
class LossWindow:
    """Path loss around a mast, dB: NaN where not computed, infinite where hopeless. `top`, `left` on the grid."""

    loss_db: NDArray[np.float32]
    top: int
    left: int
    row: float
    column: float


def path_loss_window(mast: Mast, ground: Ground, propagation: Propagation, *, cache: Path | None = None) -> LossWindow:
    """Path loss from a mast to every cell of the grid within the radius.

    Parameters
    ----------
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
    path = cache / f"{_key(mast, ground, propagation, rows, columns)}.loss" if cache else None
    if path and path.is_file():
        try:
            kept = np.frombuffer(zlib.decompress(path.read_bytes()), dtype="<u2").reshape(shape)
        except (zlib.error, ValueError):  # cut short by a full disk: made again
            kept = None
        if kept is not None:
            return LossWindow(_unpacked(kept), rows.start, columns.start, row, column)
    samples = math.ceil(reach) + 1
    earth_km = effective_earth_km(propagation.delta_n)
    setting = Setting(
        mast.frequency_mhz / 1000.0,
        mast.antenna_height_m,
        propagation.receiver_height_m,
        earth_km,
        propagation.surface_n,
        True,  # P.1812's two polarisations differ in the smooth-earth term only; ±45° antennas are taken as vertical
        grid.cell_m / 1000.0,
    )
    tables = tables_for(setting, samples, latitude_deg(ground.grid))
    radials = math.ceil(2.0 * math.pi * samples)
    polar = sweep_radials(
        ground.elevation_m, ground.clutter_m, row, column, grid.cell_m, radials, samples, setting, tables
    )
    packed = _packed(to_window(polar, row, column, rows.start, columns.start, shape, reach))
    if path:
        with written_whole(path) as part:
            part.write_bytes(zlib.compress(packed.tobytes(), COMPRESSION))
    return LossWindow(_unpacked(packed), rows.start, columns.start, row, column)


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
    """Path loss (ITU-R P.1812-7) from masts to the points within the radius of the settings.

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
    kept = [_read(path, found.size) for path, found in zip(files, near, strict=True)]
    due = [m for m, one in enumerate(kept) if one is None]
    if due:
        grid = ground.grid
        rx = np.column_stack([(grid.north_m - points[:, 1]), points[:, 0] - grid.west_m]) / grid.cell_m - 0.5
        tx = np.array([(*cells[m], masts[m].antenna_height_m, masts[m].frequency_mhz / 1000.0) for m in due])
        sizes = [near[m].size for m in due]
        loss = link_losses(
            ground.elevation_m,
            ground.clutter_m,
            float(grid.cell_m),
            tx,
            rx,
            np.repeat(np.arange(len(due)), sizes),
            np.concatenate([near[m] for m in due]),
            propagation.receiver_height_m,
            effective_earth_km(propagation.delta_n),
            propagation.surface_n,
            latitude_deg(ground.grid),
        )
        for m, one in zip(due, np.split(_packed(loss), np.cumsum(sizes)[:-1]), strict=True):
            kept[m] = one
            _write(files[m], one)
    return Links(
        np.cumsum([0, *(found.size for found in near)]),
        np.concatenate(near),
        _unpacked(np.concatenate([one for one in kept if one is not None])),
    )


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
    """Raise OutsideValidity for a frequency or height that P.1812 does not describe; a NaN is outside, too."""
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


def _span(centre: float, reach: float, size: int) -> slice:
    return slice(max(math.floor(centre - reach), 0), min(math.ceil(centre + reach) + 1, size))


def _packed(loss_db: NDArray[np.float32]) -> NDArray[np.uint16]:
    steps = np.where(loss_db > HOPELESS_DB, HOPELESS, np.round(loss_db.astype(np.float64) / STEP_DB))
    return np.where(np.isnan(loss_db), NOT_COMPUTED, steps).astype("<u2")


def _unpacked(packed: NDArray[np.uint16]) -> NDArray[np.float32]:
    loss_db = packed.astype(np.float32) * np.float32(STEP_DB)
    loss_db[packed == HOPELESS] = np.inf
    loss_db[packed == NOT_COMPUTED] = np.nan
    return loss_db


def _kept_settings(propagation: Propagation) -> str:
    """The settings a loss depends on."""
    return propagation.model_dump_json(include={"radius_km", "receiver_height_m", "delta_n", "surface_n"})


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
    digest.update(ground.digest(rows, columns))
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
    if path is None or not path.is_file():
        return None
    try:
        kept = np.frombuffer(zlib.decompress(path.read_bytes()), dtype="<u2")
    except zlib.error:  # cut short by a full disk: made again
        return None
    return kept if kept.size == size else None


def _write(path: Path | None, kept: NDArray[np.uint16]) -> None:
    if path is not None:
        with written_whole(path) as part:
            part.write_bytes(zlib.compress(kept.tobytes(), COMPRESSION))
