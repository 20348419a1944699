"""What trees and houses around a receiver cost, on cells of any size and cell by cell: figures and their picture.

    python -m benchmarks.surroundings [--picture docs/img/surroundings.png]

A receiver in the middle of a plain, a mast of 40 m 3 km away, 1842.5 MHz. Before: P.1812-7 as it stands
(`clearing_m = 0`), which takes every cell but the receiver's own as a screen. After: the clearing of the settings.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from benchmarks.sweep import say
from covplan.radio.formulas import median_clutter, terminal_clutter
from covplan.radio.loss import Mast, links
from covplan.study.grid import Grid
from covplan.study.settings import Propagation
from covplan.terrain.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

X_M, Y_M, AWAY_M = 400_000.0, 2_400_000.0, 3000.0  # of the receiver, in the middle of a cell of any size
MAST = Mast(X_M - AWAY_M, Y_M, 40.0, 1842.5)
HALF_M = 3600.0
CELLS_M = (10.0, 30.0, 90.0)
HEIGHTS_M = (5.0, 10.0, 15.0, 20.0)
SHOWN = (1, 2, 4, 9, 16, 25, 49, 100)
CLEARING_M = Propagation().clearing_m


def plain(clutter_m: Floats, cell_m: float) -> Ground:
    """Level ground with so much clutter, the receiver in its middle cell."""
    rows, columns = clutter_m.shape
    grid = Grid(9211, cell_m, X_M - columns * cell_m / 2, Y_M + rows * cell_m / 2, rows, columns)
    return Ground(grid, np.full(grid.shape, 50, np.float32), clutter_m.astype(np.float32))


def open_ground(cell_m: float) -> Floats:
    """Clutter of 0 m that reaches beyond the mast."""
    side = 2 * round(HALF_M / cell_m) + 1
    return np.zeros((side, side))


def loss_db(clutter_m: Floats, cell_m: float, clearing_m: float = CLEARING_M) -> float:
    """Path loss to the middle of a plain with this clutter."""
    ground, propagation = plain(clutter_m, cell_m), Propagation(clearing_m=clearing_m)
    return float(links([MAST], [X_M], [Y_M], ground, propagation).loss_db[0])


def all_over_db(height_m: float, cell_m: float, clearing_m: float = CLEARING_M) -> float:
    """What clutter all over a plain costs."""
    clutter = open_ground(cell_m)
    return loss_db(clutter + height_m, cell_m, clearing_m) - loss_db(clutter, cell_m, clearing_m)


def grown_db(height_m: float, cell_m: float, count: int, clearing_m: float = CLEARING_M) -> Floats:
    """What a patch of clutter costs that grows cell by cell around the receiver's, shape (count + 1,)."""
    clutter = open_ground(cell_m)
    middle, losses = clutter.shape[0] // 2, [loss_db(clutter, cell_m, clearing_m)]
    for row, column in outwards(count):
        clutter[middle + row, middle + column] = height_m
        losses.append(loss_db(clutter, cell_m, clearing_m))
    return np.array(losses) - losses[0]


def outwards(count: int) -> Iterator[tuple[int, int]]:
    """Offsets of cells in a spiral around the receiver's, rows and columns."""
    row = column = 0
    down, right = 0, -1
    for _ in range(count):
        yield row, column
        if row == column or (row < 0 and row == -column) or (row > 0 and row == 1 - column):
            down, right = -right, down
        row, column = row + down, column + right


def draw(path: Path, grown: dict[str, Floats], plains: dict[str, list[list[float]]]) -> None:
    """The picture of docs/radio.md."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.0), sharey=True, layout="constrained")
    styles = {"before": {"color": "#b5482a", "ls": "--"}, "after": {"color": "#1f5f8b", "ls": "-"}}
    for when, rows in plains.items():
        labels: dict[int, list[str]] = {}
        for height_m, row in zip(HEIGHTS_M, rows, strict=True):
            left.plot(CELLS_M, row, marker="o", ms=3, **styles[when])
            labels.setdefault(round(row[0]), []).append(f"{height_m:g}")
        for at, heights in labels.items():
            left.annotate(f"{', '.join(heights)} m", (CELLS_M[0], at), xytext=(-5, 0), textcoords="offset points",
                          ha="right", va="center", fontsize=7, color=styles[when]["color"])  # fmt: skip
    left.set(xscale="log", xlim=(6, 110), xticks=CELLS_M, xticklabels=[f"{one:g}" for one in CELLS_M], xlabel="cell, m",
             ylabel="loss by clutter, dB", title="clutter all over a plain, by its height")  # fmt: skip
    left.minorticks_off()
    for when, values in grown.items():
        right.plot(np.arange(values.size), values, label=when, **styles[when])
    right.set(xlabel="built-up cells of 30 m around the receiver, 10 m high", title="a hamlet that grows cell by cell")
    ghz = MAST.frequency_mhz / 1000
    for loss, name in (
        (terminal_clutter(ghz, 10.0, 1.5, 0.0), "P.2108 §3.1"),
        (median_clutter(ghz, 3.0), "§3.2, median"),
    ):
        right.axhline(loss, color="#777777", lw=0.7, ls=":")
        right.annotate(name, (99, loss), xytext=(0, 2), textcoords="offset points", ha="right", fontsize=7)
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> dict[str, list[list[float]]]:
    """Print the figures; returns the losses all over a plain, by height and cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args(arguments)
    plains, grown = {}, {}
    for when, clearing_m in (("before", 0.0), ("after", CLEARING_M)):
        plains[when] = [[all_over_db(high, cell, clearing_m) for cell in CELLS_M] for high in HEIGHTS_M]
        say(f"{when}: clutter all over, dB on cells of {', '.join(f'{cell:g}' for cell in CELLS_M)} m")
        for high, row in zip(HEIGHTS_M, plains[when], strict=True):
            say(f"  {high:4g} m high: " + "  ".join(f"{value:5.1f}" for value in row))
        grown[when] = grown_db(10.0, 30.0, max(SHOWN), clearing_m)
        told = "  ".join(f"{count}: {grown[when][count]:.1f}" for count in SHOWN)
        say(f"  a hamlet of so many cells of 30 m, 10 m high: {told}")
        say(f"  greatest step of one cell more: {np.abs(np.diff(grown[when])).max():.1f} dB")
    if asked.picture:
        draw(asked.picture, grown, plains)
    return plains


if __name__ == "__main__":
    main()
