"""The benchmarks still run: a small one of each, for its figures, not for its speed."""

from __future__ import annotations

import pytest

from benchmarks import least_data, merged_province, steiner, sweep
from covplan.study.boundaries import official_units
from covplan.study.folder import open_study
from tests.needs import need
from tests.publish.test_map_overlays import rasters
from tests.study import small_study


def test_the_sweep_benchmark_runs_and_counts(tmp_path, capsys):
    study = small_study(tmp_path / "study")
    small = ["--study", str(study), "--radius-km", "2", "--cell-m", "100", "--masts", "1", "--receivers", "20"]
    figures = sweep.main([*small, "--centres", "--province"])
    assert figures["ratio"] == pytest.approx(figures["sweep_per_s"] / figures["exact_per_s"])
    assert all(value >= 0 for value in figures.values())
    told = capsys.readouterr().out
    assert "receivers/s" in told
    assert "peak" in told
    assert "nearest sample" in told


@pytest.mark.needs("reference")
def test_the_steiner_benchmark_runs_and_proves_the_small_ones(capsys):
    figures = steiner.main(["--most", "2", "--sets", "steinlib"])
    assert (figures["steinlib_run"], figures["steinlib_proven"], figures["steinlib_worst_excess"]) == (2, 2, 0)
    assert "networkx" in capsys.readouterr().out


def test_the_merged_province_is_124_named_communes_marked_synthetic_whose_old_codes_are_read(tmp_path, capsys):
    rows = merged_province.main([str(tmp_path / "a"), "--hamlets", "500", "--stations", "60"])
    assert rows == {
        "communes": 124,
        "villages": 500,
        "stations": 60,
        "roads": rows["roads"],
        "nodes": 124,
        "places": 124,
    }
    assert "MÔ PHỎNG" in capsys.readouterr().out
    study = open_study(tmp_path / "a")
    official = {unit["commune_code"]: unit["name"] for unit in official_units("2025-07")}
    assert dict(zip(study.communes["commune_code"], study.communes["name"], strict=True)) == official
    for layer in ("communes", "villages", "stations", "roads", "nodes", "places"):
        assert study.table(layer)["synthetic"].all(), layer
    assert set(study.villages["commune_code"]) == set(official)
    # Stations on old ground declare a code of before the merger; none of them is lost, none is set aside.
    assert sum(one.check == "commune_translated" for one in study.findings) > 15
    assert set(study.stations["boundary_version"]) == {"2025-07"}
    assert study.set_aside == {}
    # Anybody's polygons with their codes can take the place of the drawn ones.
    study.communes.to_file(tmp_path / "mine.gpkg", layer="communes")
    merged_province.main([str(tmp_path / "b"), "--hamlets", "500", "--stations", "60", "--least",
                          "--outlines", str(tmp_path / "mine.gpkg")])  # fmt: skip
    assert not (tmp_path / "b" / "roads.gpkg").exists()
    least = open_study(tmp_path / "b")
    assert not least.communes["synthetic"].any()
    # Codes and versions left out come from where the hamlets stand.
    assert least.villages["commune_code"].tolist() == study.villages["commune_code"].tolist()


def test_the_map_benchmark_runs_beside_plain_folium(tmp_path, capsys):
    need("chromium")
    from benchmarks import maps

    study, coverage = small_study(tmp_path / "study"), rasters(tmp_path / "coverage")
    figures = maps.main(["--study", str(study), "--coverage", str(coverage), "--turns", "1"])
    assert set(figures) == {"covplan", "plain folium"}
    assert all(value > 0 for row in figures.values() for value in row.values())
    assert "bounds of 15 MB and 3 s" in capsys.readouterr().out


def test_the_least_of_a_study_stands_beside_the_whole(tmp_path, capsys):
    small = small_study(tmp_path / "study", {"coverage": {"basis": "computed"}})
    table = least_data.main([str(tmp_path / "least"), "--study", str(small)])
    assert set(table) == {"whole", "with terrain", "alone"}
    # Locations are found by place: the two stations on L-1 share it.
    assert len({part["BTS_SHARE_RATIO"] for part in table.values()}) == 1
    assert table["alone"]["hamlets"] == "unknown 8"
    told = capsys.readouterr().out
    assert "with terrain: " in told
    assert told.count("height_m") >= 2  # what was assumed is told for each part
