"""Receivers a second and core: P.1812-7 point by point against the sweep, the same formulas in one run.

    python benchmarks/sweep.py                 sweep against exact, 20 km at 30 m, on the sample's relief
    python benchmarks/sweep.py --province      also 4G of the whole sample province at 30 m, all cores, nothing kept

Compares `covplan.radio.p1812.exact` (a compiled loop over the whole profile of every receiver) with
`covplan.radio.kernels.sweep_radials`. Neither is warmed by anything but one call before; profiles are read beforehand
for the exact model, so that both are measured without files.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import numpy as np
from numba import njit

import covplan
from covplan import pipeline
from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, bilinear, sweep_radials, tables_for
from covplan.radio.p1812 import DELTA_N, NO_COAST_KM, SURFACE_N, exact

LATITUDE_DEG = 22.0
PEER_PER_SECOND = (
    18_000  # crc-covlib (C++), point by point, one core of the machine it was tried on: no part of this run
)


@dataclass(frozen=True)
class Spec:
    """What is measured."""

    study: Path = Path("data")
    radius_km: float = 20.0
    cell_m: float = 30.0
    masts: int = 3
    receivers: int = 4000  # of the exact model, drawn at random
    antenna_height_m: float = 40.0
    frequency_mhz: float = 1842.5


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run what the command line asks for; returns the figures it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Spec.study)
    parser.add_argument("--radius-km", type=float, default=Spec.radius_km)
    parser.add_argument("--cell-m", type=float, default=Spec.cell_m)
    parser.add_argument("--masts", type=int, default=Spec.masts)
    parser.add_argument("--receivers", type=int, default=Spec.receivers)
    parser.add_argument("--province", action="store_true")
    asked = vars(parser.parse_args(arguments))
    with_province = asked.pop("province")
    spec = Spec(**asked)
    figures = sweep_against_exact(spec)
    if with_province:
        figures |= province(spec)
    return figures


def sweep_against_exact(spec: Spec) -> dict[str, float]:
    """Receivers per second of both, on one core."""
    study = _on_cells(spec)
    ground = pipeline.Workspace(study).ground
    samples = math.ceil(spec.radius_km * 1000.0 / spec.cell_m) + 1
    radials = math.ceil(2.0 * math.pi * samples)
    setting = Setting(
        spec.frequency_mhz / 1000, spec.antenna_height_m, 1.5, effective_earth_km(DELTA_N), SURFACE_N, True,
        spec.cell_m / 1000,
    )  # fmt: skip
    tables = tables_for(setting, samples, LATITUDE_DEG)
    link = tuple(setting._replace(earth_km=DELTA_N))  # the exact model bends the earth itself
    chance = np.random.default_rng(1)
    rows = chance.uniform(0.3, 0.7, spec.masts) * ground.grid.rows
    columns = chance.uniform(0.3, 0.7, spec.masts) * ground.grid.columns
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        swept, sweep_s, walked, exact_s = 0, 0.0, 0, 0.0
        for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
            place = (ground.elevation_m, ground.clutter_m, float(row), float(column), spec.cell_m)
            if n == 0:
                sweep_radials(*place, 8, samples, setting, tables)
            start = time.perf_counter()
            loss_db = sweep_radials(*place, radials, samples, setting, tables)
            sweep_s += time.perf_counter() - start
            swept += int(np.isfinite(loss_db).sum())
            profiles = _profiles(ground.elevation_m, row, column, samples, spec.receivers // spec.masts, chance)
            if n == 0:
                _exact_all(profiles, np.full(len(profiles), 3), *link)
            ends = chance.integers(samples // 10, samples, len(profiles))
            start = time.perf_counter()
            _exact_all(profiles, ends, *link)
            exact_s += time.perf_counter() - start
            walked += len(profiles)
    finally:
        numba.set_num_threads(threads)
    figures = {"sweep_per_s": swept / sweep_s, "exact_per_s": walked / exact_s, "s_per_mast": sweep_s / spec.masts}
    figures["ratio"] = figures["sweep_per_s"] / figures["exact_per_s"]
    say(
        f"radius {spec.radius_km:g} km, cells of {spec.cell_m:g} m, {radials} radials, one core",
        f"  exact   {figures['exact_per_s']:12,.0f} receivers/s",
        f"  sweep   {figures['sweep_per_s']:12,.0f} receivers/s   {figures['s_per_mast']:.2f} s a mast",
        f"  ratio   {figures['ratio']:12,.0f}   (to {PEER_PER_SECOND:,}/s of a C++ point-by-point library: "
        f"{figures['sweep_per_s'] / PEER_PER_SECOND:,.0f})",
    )
    return figures


def province(spec: Spec) -> dict[str, float]:
    """Time and peak memory of 4G coverage of every operator of the study, and of any of them, nothing kept."""
    study = _on_cells(spec)
    with tempfile.TemporaryDirectory() as folder:
        study = replace(study, path=Path(folder))
        start = time.perf_counter()
        for one in pipeline.coverages(study, technology="4G", progress=lambda told: say(f"  · {told}")):
            covered = np.nanmean(one.probability > study.settings.radio["4G"].confidence)
            say(
                f"  4G {'+'.join(one.operators)}: {covered:.1%} of the grid, {time.perf_counter() - start:.0f} s so far"
            )
        seconds = time.perf_counter() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    say(
        f"province, 4G, {study.grid.rows} × {study.grid.columns} cells of {spec.cell_m:g} m, "
        f"{numba.get_num_threads()} cores: {seconds:.0f} s, peak {peak_gb:.1f} GB"
    )
    return {"province_s": seconds, "province_peak_gb": peak_gb}


def say(*lines: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _on_cells(spec: Spec) -> covplan.Study:
    study = covplan.open_study(spec.study)
    grid = study.settings.grid.model_copy(update={"cell_m": spec.cell_m})
    propagation = study.settings.propagation.model_copy(update={"radius_km": spec.radius_km})
    return replace(study, settings=study.settings.model_copy(update={"grid": grid, "propagation": propagation}))


def _profiles(elevation_m, row, column, samples, count, chance):
    bearings = chance.uniform(0, 2 * np.pi, max(count, 1))
    return _read(elevation_m, float(row), float(column), bearings, samples)


@njit(cache=True)
def _read(elevation_m, row, column, bearings, samples):
    heights = np.empty((bearings.size, samples))
    for k in range(bearings.size):
        for i in range(samples):
            heights[k, i] = bilinear(elevation_m, row - i * np.cos(bearings[k]), column + i * np.sin(bearings[k]))
    return heights


@njit(cache=True)
def _exact_all(heights, ends, ghz, tx_m, rx_m, delta_n, surface_n, vertical, step_km):
    total = 0.0
    for n in range(ends.size):
        i = ends[n]
        km = np.arange(i + 1) * step_km
        h = heights[n, : i + 1]
        total += exact(
            km, h, h, 0.0, km[i], km[i], NO_COAST_KM, NO_COAST_KM, tx_m, rx_m, ghz, 50.0, LATITUDE_DEG, delta_n,
            surface_n, vertical,
        )[48]  # fmt: skip
    return total


if __name__ == "__main__":
    main()
