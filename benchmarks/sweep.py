"""Receivers a second and core: P.1812-7 point by point against the sweep, the same formulas in one run.

    python benchmarks/sweep.py                 sweep against exact, 20 km at 30 m, on the sample's relief
    python benchmarks/sweep.py --centres       also how far a raster's cells are off the links to their centres
    python benchmarks/sweep.py --province      also 4G of the whole sample province at 30 m, all cores, nothing kept

Compares `covplan.radio.p1812.exact` (a compiled loop over the whole profile of every receiver) with
`covplan.radio.kernels.sweep_radials`, over bare terrain. Neither is warmed by anything but one call before; paths are
read beforehand for the exact model, so that both are measured without files. Where the package crc-covlib (a P.1812 in
C++ with a Python module, `crc_covlib`) is installed it computes the exact model's paths in the same run; nothing is
built or fetched for it. `--elevation FILE` takes relief of another place, within the grid of the study.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
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
from covplan.radio.coverage import LEAST_DBM
from covplan.radio.formulas import effective_earth_km
from covplan.radio.kernels import Setting, bilinear, radial_stride, sweep_radials, tables_for
from covplan.radio.link_budget import band
from covplan.radio.loss import Mast, latitude_deg, links, path_loss_window
from covplan.radio.p1812 import DELTA_N, NO_COAST_KM, SURFACE_N, exact

LATITUDE_DEG = 22.0


@dataclass(frozen=True)
class Spec:
    """What is measured."""

    study: Path = Path("data")
    elevation: Path | None = None
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
    parser.add_argument("--elevation", type=Path, help="relief of another place, instead of the study's")
    parser.add_argument("--radius-km", type=float, default=Spec.radius_km)
    parser.add_argument("--cell-m", type=float, default=Spec.cell_m)
    parser.add_argument("--masts", type=int, default=Spec.masts)
    parser.add_argument("--receivers", type=int, default=Spec.receivers)
    parser.add_argument("--centres", action="store_true")
    parser.add_argument("--province", action="store_true")
    asked = vars(parser.parse_args(arguments))
    with_centres, with_province = asked.pop("centres"), asked.pop("province")
    spec = Spec(**asked)
    figures = sweep_against_exact(spec)
    if with_centres:
        figures |= cells_against_links(spec)
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
    link = tuple(setting._replace(earth_km=DELTA_N))[:7]  # the exact model bends the earth itself
    chance = np.random.default_rng(1)
    rows = chance.uniform(0.3, 0.7, spec.masts) * ground.grid.rows
    columns = chance.uniform(0.3, 0.7, spec.masts) * ground.grid.columns
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        swept, sweep_s, walked, exact_s, peer_s = 0, 0.0, 0, 0.0, 0.0
        for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
            place = (ground.elevation_m, np.zeros_like(ground.clutter_m), float(row), float(column), spec.cell_m)
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
            peer_s += _peer_s(profiles, ends, setting)
    finally:
        numba.set_num_threads(threads)
    figures = {"sweep_per_s": swept / sweep_s, "exact_per_s": walked / exact_s, "s_per_mast": sweep_s / spec.masts}
    figures["ratio"] = figures["sweep_per_s"] / figures["exact_per_s"]
    if peer_s > 0:
        figures["crc_covlib_per_s"] = walked / peer_s
        peer = f"  crc-covlib {figures['crc_covlib_per_s']:9,.0f} receivers/s"
    else:
        peer = "  crc-covlib: not installed, so nothing is said of it"
    say(
        f"radius {spec.radius_km:g} km, cells of {spec.cell_m:g} m, {radials} radials, one core",
        f"  exact   {figures['exact_per_s']:12,.0f} receivers/s",
        f"  sweep   {figures['sweep_per_s']:12,.0f} receivers/s   {figures['s_per_mast']:.2f} s a mast",
        f"  ratio   {figures['ratio']:12,.0f}",
        peer,
    )
    return figures


def cells_against_links(spec: Spec) -> dict[str, float]:
    """How far cells of a raster are off the links to their centres, and what a cell of the nearest sample would be."""
    study = _on_cells(spec)
    workspace = pipeline.Workspace(study)
    ground, propagation = workspace.ground, study.settings.propagation
    grid, carrier = ground.grid, band("L1800")
    most_db = carrier.eirp_dbm - 10.0 * math.log10(carrier.subcarriers) - LEAST_DBM
    reach = spec.radius_km * 1000.0 / spec.cell_m
    samples = math.ceil(reach) + 1
    setting = Setting(
        carrier.downlink_mhz / 1000, spec.antenna_height_m, propagation.receiver_height_m,
        effective_earth_km(propagation.delta_n), propagation.surface_n, True, spec.cell_m / 1000,
        propagation.clearing_m / 1000,
    )  # fmt: skip
    tables = tables_for(setting, samples, latitude_deg(grid))
    clutter_m = ground.clutter_around(propagation.clearing_m)
    chance = np.random.default_rng(2)
    known = np.argwhere(np.isfinite(ground.elevation_m))
    before, after = [], []
    for row, column in known[chance.integers(0, len(known), spec.masts)]:
        x_m, y_m = (float(v) for v in grid.xy(row, column))
        mast = Mast(x_m, y_m, spec.antenna_height_m, carrier.downlink_mhz)
        window = path_loss_window(mast, ground, propagation, most_db=most_db)
        polar = sweep_radials(
            ground.elevation_m, clutter_m, float(row), float(column), spec.cell_m, math.ceil(2 * math.pi * samples),
            samples, setting, tables,
        )  # fmt: skip
        cells = np.argwhere(~np.isnan(window.loss_db)) + np.array([window.top, window.left])
        cells = cells[chance.integers(0, len(cells), min(spec.receivers, len(cells)))]
        found = links([mast], *grid.xy(*cells.T), ground, propagation)
        at = cells[found.points]
        nearest = _nearest(polar, float(row), float(column), at)
        on_map = window.loss_db[at[:, 0] - window.top, at[:, 1] - window.left]
        matter = (found.loss_db <= most_db) & np.isfinite(nearest)
        before.append((nearest - found.loss_db)[matter])
        after.append((np.minimum(on_map, most_db) - found.loss_db)[matter])
    figures = {}
    lines = [f"cells of {spec.cell_m:g} m against links to their centres, 1842.5 MHz, {sum(map(len, after)):,} cells"]
    for name, off in (("nearest", np.concatenate(before)), ("raster", np.concatenate(after))):
        shares = {q: float(np.percentile(np.abs(off), q)) for q in (50, 95, 99, 99.9)}
        figures |= {f"{name}_p{q:g}_db": value for q, value in shares.items()}
        told = ", ".join(f"{q:g} % within {value:.2f} dB" for q, value in shares.items())
        lines.append(f"  {'nearest sample' if name == 'nearest' else name:14} {told}; mean {off.mean():+.2f} dB")
    say(*lines)
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
    study = replace(study, settings=study.settings.model_copy(update={"grid": grid, "propagation": propagation}))
    if spec.elevation is None:
        return study
    return replace(study, rasters={**study.rasters, "elevation": spec.elevation, "landcover": None})


def _peer_s(profiles, ends, setting) -> float:
    """Seconds that crc-covlib takes for the same paths; 0 where it is not installed."""
    if importlib.util.find_spec("crc_covlib") is None:
        return 0.0
    covlib = importlib.import_module("crc_covlib.simulation")
    peer = covlib.Simulation()
    peer.SetPropagationModel(covlib.PropagationModel.ITU_R_P_1812)
    peer.SetResultType(covlib.ResultType.PATH_LOSS_DB)
    peer.SetTransmitterLocation(LATITUDE_DEG, 105.0)
    peer.SetTransmitterHeight(setting.tx_height_m)
    peer.SetTransmitterFrequency(setting.frequency_ghz * 1000)
    peer.SetReceiverHeightAboveGround(setting.rx_height_m)
    peer.SetITURP1812AverageRadioRefractivityLapseRate(DELTA_N)
    peer.SetITURP1812SeaLevelSurfaceRefractivity(SURFACE_N)
    start = time.perf_counter()
    for heights, end in zip(profiles, ends, strict=True):
        north_deg = LATITUDE_DEG + end * setting.step_km / 111.2
        path = np.ascontiguousarray(heights[: end + 1])
        peer.GenerateProfileReceptionPointResult(north_deg, 105.0, end + 1, path)
    return time.perf_counter() - start


@njit(cache=True)
def _nearest(polar_db, row, column, cells):
    """Loss at the nearest sample of the nearest radial: what a raster's cell had before it was that of its centre."""
    radials, samples = polar_db.shape
    found = np.full(len(cells), np.nan)
    for n in range(len(cells)):
        north, east = row - cells[n, 0], cells[n, 1] - column
        i = max(int(math.sqrt(north * north + east * east) + 0.5), 1)
        if i < samples:
            stride = radial_stride(i, samples)
            k = int(math.atan2(east, north) / (2.0 * math.pi) % 1.0 * radials / stride + 0.5) * stride
            found[n] = polar_db[k if k < radials else 0, i]
    return found


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
            km, h, h, 0.0, False, 0.0, km[i], km[i], NO_COAST_KM, NO_COAST_KM, tx_m, rx_m, ghz, 50.0, LATITUDE_DEG,
            delta_n, surface_n, vertical,
        )[-3]  # fmt: skip
    return total


if __name__ == "__main__":
    main()
