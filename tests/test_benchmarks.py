"""The benchmarks still run: a small one of each, for its figures, not for its speed."""

from __future__ import annotations

import pytest

from benchmarks import steiner, sweep
from tests.needs import need
from tests.publish.test_map_overlays import rasters
from tests.study import small_study


def test_the_sweep_benchmark_runs_and_counts(tmp_path, capsys):
    study = small_study(tmp_path / "study")
    small = ["--study", str(study), "--radius-km", "2", "--cell-m", "100", "--masts", "1", "--receivers", "20"]
    figures = sweep.main([*small, "--province"])
    assert figures["ratio"] == pytest.approx(figures["sweep_per_s"] / figures["exact_per_s"])
    assert all(value > 0 for value in figures.values())
    told = capsys.readouterr().out
    assert "receivers/s" in told
    assert "peak" in told


@pytest.mark.needs("reference")
def test_the_steiner_benchmark_runs_and_proves_the_small_ones(capsys):
    figures = steiner.main(["--most", "2", "--sets", "steinlib"])
    assert (figures["steinlib_run"], figures["steinlib_proven"], figures["steinlib_worst_excess"]) == (2, 2, 0)
    assert "networkx" in capsys.readouterr().out


def test_the_map_benchmark_runs_beside_plain_folium(tmp_path, capsys):
    need("chromium")
    from benchmarks import maps

    study, coverage = small_study(tmp_path / "study"), rasters(tmp_path / "coverage")
    figures = maps.main(["--study", str(study), "--coverage", str(coverage), "--turns", "1"])
    assert set(figures) == {"covplan", "plain folium"}
    assert all(value > 0 for row in figures.values() for value in row.values())
    assert "bounds of 15 MB and 3 s" in capsys.readouterr().out
