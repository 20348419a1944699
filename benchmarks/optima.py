"""Known optima: public instances solved to the published value through the same program layer as the proposals.

p-median (OR-Library pmed1 to pmed20, Beasley 1985), maximal covering (SJC, Lorena and Pereira 2002) and set cover (the
least number of stations that the same SJC instances are wholly covered with). The files are not part of covplan::

    python -m benchmarks.optima FOLDER [--most-seconds 120] [--only pmed1.txt]

FOLDER holds optima.csv (set, file, objective, optimum) and the files in a folder per set. Prints, for each instance,
value, published value, bound, gap and seconds.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import floyd_warshall
from scipy.spatial.distance import cdist

from covplan.propose.solve.program import Program, Rows
from covplan.study.errors import NoSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.propose.solve.solver import Solution


@dataclass(frozen=True)
class Instance:
    """One instance and what is published of it."""

    name: str
    program: Program
    optimum: int
    sign: int
    """−1 where the published value is a maximum."""


def p_median(distance: np.ndarray, medians: int) -> Program:
    """p-median by radii (Elloumi 2010): a client's distance is the sum of the steps it has to go beyond.

    ::

        sets         i clients, j places; D_i1 < D_i2 < … the distinct distances of client i
        variables    y_j = 1   a median stands at j
                     z_ik = 1  no median is within D_ik of client i
        minimise     Σ_i (D_i1 + Σ_k (D_i,k+1 − D_ik) z_ik)
        subject to   z_i1 + Σ_{j at D_i1} y_j ≥ 1,   z_ik + Σ_{j at D_ik} y_j ≥ z_i,k−1,   Σ_j y_j = p
    """
    places = distance.shape[1]
    first_z, steps, blocks = places, [], []
    for row in distance:
        levels, level_of = np.unique(row, return_inverse=True)
        blocks.append((first_z, level_of, levels.size - 1))
        steps.append(np.diff(levels))
        first_z += levels.size - 1
    size = first_z
    cost = np.concatenate([np.zeros(places), *steps])
    rows = Rows(size)
    for first, level_of, count in blocks:
        for k in range(count):
            here = np.flatnonzero(level_of == k)
            before = ([first + k - 1], -1.0) if k else ((), 0.0)
            rows.add(([first + k], 1.0), (here, 1.0), before, least=0 if k else 1)
        if count:
            rows.add((np.flatnonzero(level_of == count), 1.0), ([first + count - 1], -1.0), least=0)
    rows.add((np.arange(places), 1.0), least=medians, most=medians)
    whole = np.zeros(size, dtype=bool)
    whole[:places] = True
    return Program(cost, rows.constraint(), whole, np.ones(size), np.zeros(size))


def most_covered(reach: csr_array, demand: np.ndarray, stations: int) -> Program:
    """Maximal covering (Church and ReVelle 1974): most demand within reach of p stations; minimises what is left.

    ::

        variables    y_j station at j;  u_i demand i is left
        minimise     Σ_i demand_i u_i
        subject to   u_i + Σ_{j reaches i} y_j ≥ 1,   Σ_j y_j ≤ p
    """
    places, points = reach.shape
    rows = Rows(places + points)
    by_point = reach.tocsc()
    for i in range(points):
        here = by_point.indices[by_point.indptr[i] : by_point.indptr[i + 1]]
        rows.add((here, 1.0), ([places + i], 1.0), least=1)
    rows.add((np.arange(places), 1.0), most=stations)
    whole = np.arange(places + points) < places
    return Program(
        np.concatenate([np.zeros(places), demand]), rows.constraint(), whole, np.ones(whole.size), np.zeros(whole.size)
    )


def cover_all(reach: csr_array) -> Program:
    """Set cover (Toregas et al. 1971): fewest stations that reach every point."""
    places, points = reach.shape
    rows, by_point = Rows(places), reach.tocsc()
    for i in range(points):
        rows.add((by_point.indices[by_point.indptr[i] : by_point.indptr[i + 1]], 1.0), least=1)
    return Program(np.ones(places), rows.constraint(), np.ones(places, dtype=bool), np.ones(places), np.zeros(places))


def read_pmed(path: Path) -> tuple[np.ndarray, int]:
    """Distances along the edges of an OR-Library p-median file (of an edge given twice the last one counts), and p."""
    numbers = np.array(path.read_text(encoding="ascii").split(), dtype=int)
    count, edges, medians = numbers[:3]
    graph = np.full((count, count), np.inf)
    for a, b, length in numbers[3 : 3 + 3 * edges].reshape(-1, 3):
        graph[a - 1, b - 1] = graph[b - 1, a - 1] = length
    np.fill_diagonal(graph, 0.0)
    return floyd_warshall(graph), int(medians)


def read_mclp(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates and demand of a SJC file."""
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    table = np.array([[float(word) for word in line.split()[:3]] for line in lines if len(line.split()) >= 3])
    return table[:, :2], table[:, 2]


def instances(folder: Path, only: Sequence[str] = ()) -> list[Instance]:
    """Instances of the folder as they are listed there; `only`: those whose file has one of these names."""
    found: list[Instance] = []
    covered: dict[str, int] = {}
    with (folder / "optima.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if only and row["file"] not in only:
            continue
        path, optimum = folder / row["set"] / row["file"], int(row["optimum"])
        if row["set"] == "pmed":
            distance, medians = read_pmed(path)
            found.append(Instance(row["file"], p_median(distance, medians), optimum, 1))
        if row["set"] == "mclp":
            (radius,), (stations,) = (re.findall(rf"{letter}=(\d+)", row["objective"]) for letter in "rp")
            at, demand = read_mclp(path)
            reach = csr_array((cdist(at, at) <= float(radius)).astype(float))
            name = f"{row['file']} r={radius} p={stations}"
            found.append(Instance(name, most_covered(reach, demand, int(stations)), optimum, -1))
            if optimum == int(demand.sum()) and row["file"] not in covered:
                covered[row["file"]] = int(stations)
                found.append(Instance(f"{row['file']} r={radius} all", cover_all(reach), int(stations), 1))
    return found


def value_of(instance: Instance, solution: Solution) -> float:
    """The solution in the words of the published value: demand covered, not demand left."""
    total = float(instance.program.cost.sum()) if instance.sign < 0 else 0.0
    return total - solution.objective if instance.sign < 0 else solution.objective


def main(arguments: list[str] | None = None) -> dict[str, tuple[float, int, float, float]]:
    """Solve what is asked for; by name: value, published value, gap, seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most-seconds", type=float, default=120.0)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args(arguments)
    results = {}
    for one in instances(given.folder, given.only):
        try:
            solution = one.program.solved(time_limit_s=given.most_seconds)
        except NoSolution as error:
            sys.stdout.write(f"{one.name:24s} {error}\n")
            continue
        value = value_of(one, solution)
        results[one.name] = (value, one.optimum, solution.gap, solution.seconds)
        sys.stdout.write(
            f"{one.name:24s} {value:9.0f} published {one.optimum:7d} {solution.status:9s} gap {solution.gap:7.3%} "
            f"{solution.seconds:7.2f} s\n"
        )
    return results


if __name__ == "__main__":
    main()
