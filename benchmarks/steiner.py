"""Public Steiner instances to their published optimum, or the gap that is left; networkx on the same ones beside it.

    python benchmarks/steiner.py                  SteinLib B, PACE 2018 tracks 1 and 2, prize-collecting D15 to D17
    python benchmarks/steiner.py --seconds 10 --most 3 --sets steinlib

Compares `cheapest_tree` of `covplan.propose.solve.steiner` with the published optima and, for plain Steiner
trees, with `networkx.algorithms.approximation.steiner_tree` (Mehlhorn). Where the instances are not beside the project
there is nothing to run.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import networkx as nx
from networkx.algorithms.approximation import steiner_tree

from covplan.propose.solve.steiner import cheapest_tree, prize_problem, steiner_problem
from covplan.study.errors import NoSolution
from tests.instances import Instance, optima, paths, read_stp

SETS = ("steinlib", "Track1", "Track2", "pcstp")


@dataclass(frozen=True)
class Spec:
    """What is measured."""

    seconds: float = 60.0
    most: int = 1000  # instances of each set
    sets: tuple[str, ...] = SETS


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run what the command line asks for; returns the figures it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=Spec.seconds, help="for each instance")
    parser.add_argument("--most", type=int, default=Spec.most, help="instances of each set")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    asked = parser.parse_args(arguments)
    return run(Spec(asked.seconds, asked.most, tuple(asked.sets)))


def run(spec: Spec) -> dict[str, float]:
    """Solve the instances; figures per set: how many were run and proven, the worst excess and gap, seconds."""
    figures: dict[str, float] = {}
    for name in spec.sets:
        known = optima(name)
        chosen = paths(name)[: spec.most]
        rows = [_one(name, path.name, read_stp(path), known[path.name], spec.seconds) for path in chosen]
        solved = [row for row in rows if row is not None]
        figures |= {
            f"{name}_run": len(rows),
            f"{name}_proven": sum(gap == 0 for _, gap, _ in solved),
            f"{name}_worst_excess": max((excess for excess, _, _ in solved), default=0.0),
            f"{name}_worst_gap": max((gap for _, gap, _ in solved), default=0.0),
            f"{name}_s": sum(seconds for _, _, seconds in solved),
        }
        say(
            f"{name}: {figures[f'{name}_proven']:.0f} of {len(rows)} proven, worst tree "
            f"{figures[f'{name}_worst_excess']:.2%} above the optimum, worst gap {figures[f'{name}_worst_gap']:.2%}, "
            f"{figures[f'{name}_s']:.0f} s"
        )
    return figures


def say(*lines: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _one(name: str, file: str, one: Instance, optimum: float, seconds: float) -> tuple[float, float, float] | None:
    """Excess over the optimum, gap, seconds; None when no tree was found in time."""
    start = time.perf_counter()
    try:
        if one.prizes:
            problem, penalty = prize_problem(one.tail, one.head, one.cost, one.nodes, one.prizes)
            found = cheapest_tree(problem, penalty=penalty, one_entry=True, time_limit_s=seconds)
        else:
            problem = steiner_problem(one.tail, one.head, one.cost, one.nodes, one.terminals)
            found = cheapest_tree(problem, time_limit_s=seconds)
    except NoSolution:
        say(f"  {name}/{file:18} none in {seconds:g} s")
        return None
    taken = time.perf_counter() - start
    peer = f", networkx {_networkx(one) / optimum - 1:7.2%} above" if not one.prizes else ""
    excess = found.objective / optimum - 1
    say(f"  {name}/{file:18} {found.objective:12.0f} {excess:7.2%} above, gap {found.gap:6.2%}, {taken:6.1f} s{peer}")
    return excess, found.gap, taken


def _networkx(one: Instance) -> float:
    graph = nx.Graph()
    for a, b, cost in zip(one.tail.tolist(), one.head.tolist(), one.cost.tolist(), strict=True):
        if not graph.has_edge(a, b) or graph.edges[a, b]["weight"] > cost:
            graph.add_edge(a, b, weight=cost)
    return float(steiner_tree(graph, one.terminals.tolist(), method="mehlhorn").size("weight"))


if __name__ == "__main__":
    main()
