"""Public Steiner instances beside the project, as arrays; read where they lie, never copied into it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.real_province import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

INSTANCES = REFERENCE / "instances"


@dataclass(frozen=True)
class Instance:
    """An undirected graph with terminals, or with prizes by node; nodes count from 0."""

    nodes: int
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    cost: NDArray[np.float64]
    terminals: NDArray[np.int64]
    prizes: dict[int, float]


def read_stp(path: Path) -> Instance:
    """A file in SteinLib's format (.stp) or that of PACE 2018 (.gr)."""
    nodes, edges, terminals, prizes = 0, [], [], {}
    for line in path.read_text(encoding="latin-1").splitlines():
        match line.split():
            case ["Nodes", number]:
                nodes = int(number)
            case ["E", a, b, cost]:
                edges.append((int(a) - 1, int(b) - 1, float(cost)))
            case ["T", node]:
                terminals.append(int(node) - 1)
            case ["TP", node, prize]:
                prizes[int(node) - 1] = float(prize)
    tail, head, cost = zip(*edges, strict=True)
    return Instance(nodes, np.array(tail), np.array(head), np.array(cost), np.array(terminals, np.int64), prizes)


def optima(folder: str) -> dict[str, float]:
    """Published optimum by file name of a set: steinlib, pcstp, Track1 or Track2 (of PACE 2018)."""
    if folder.startswith("Track"):
        with (INSTANCES / "pace2018" / f"{folder.lower()}.csv").open(encoding="utf-8") as file:
            return {row["paceName"].strip(): float(row["opt"]) for row in csv.DictReader(file)}
    with (INSTANCES / "optima.csv").open(encoding="utf-8") as file:
        return {row["file"]: float(row["optimum"]) for row in csv.DictReader(file) if row["set"] == folder}


def paths(folder: str) -> list[Path]:
    """Files of a set, by name; none where the reference data is absent."""
    within = INSTANCES / "pace2018" / folder if folder.startswith("Track") else INSTANCES / folder
    return sorted(path for path in within.glob("*") if path.suffix in (".stp", ".gr"))
