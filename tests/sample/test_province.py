"""The shipped study in data/: made by `covplan sample`, at the published figures, honest about what is not real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from pyproj import Transformer
from rasterio.windows import from_bounds

from covplan.pipeline import make_plan
from covplan.sample.province import make_province, self_check
from covplan.study.files import file_digest
from covplan.study.folder import open_study
from tests.sample.test_ground import (
    DIFFERENCE_BY_LAG_M,
    HEIGHT_PERCENTILES_M,
    SLOPE_PERCENTILES_DEG,
    rms_difference_m,
    slope_deg,
)
from tests.study import decimal_dots

if TYPE_CHECKING:
    from covplan.study.plan import Plan

DATA = Path(__file__).parents[2] / "data"
PUBLISHED_PCT = {"VILLAGE_MBB_COV": 97.81, "VILLAGE_FTTH_COV": 93.31, "BTS_SHARE_RATIO": 14.03, "FTTH_HH": 54.83}
KINDS = {".csv", ".gpkg", ".tif", ".toml", ".md"}  # what a GIS leaves beside an open file is none of ours
IN_TABLES = {"stations": "bts_sites.csv", "cells": "cells.csv", "service_points": "service_points.csv"}
IN_PACKAGES = {
    "villages": "villages.gpkg",
    "dwellings": "villages.gpkg",
    "communes": "villages.gpkg",
    "routes": "fiber.gpkg",
    "nodes": "fiber.gpkg",
    "places": "places.gpkg",
    "roads": "roads.gpkg",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample province, made here and now (a minute or two)."""
    folder = tmp_path_factory.mktemp("province")
    make_province(folder)
    return folder


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(open_study(DATA))


@pytest.fixture(scope="module")
def shipped() -> dict[str, pd.DataFrame]:
    """The layers as they stand in the files of data/, without covplan's own reader."""
    tables = {name: pd.read_csv(DATA / file, dtype={"commune_code": str}) for name, file in IN_TABLES.items()}
    return tables | {name: gpd.read_file(DATA / file, layer=name) for name, file in IN_PACKAGES.items()}


def test_every_shipped_file_is_made_again_byte_for_byte(made: Path) -> None:
    again = {path.name: file_digest(path) for path in made.iterdir()}
    assert again == {path.name: file_digest(path) for path in DATA.iterdir() if path.suffix in KINDS}


def test_the_files_hold_the_published_figures() -> None:
    assert self_check(DATA) == PUBLISHED_PCT


def test_the_plan_counts_the_published_figures_too(plan: Plan) -> None:
    rows = plan.indicators.set_index("indicator").loc[list(PUBLISHED_PCT)]
    assert rows["value"].round(2).to_dict() == PUBLISHED_PCT
    parts = list(zip(rows["numerator"], rows["denominator"], strict=True))
    assert parts[:3] == [(1695, 1733), (1617, 1733), (164, 1169)]
    assert 117_000 <= parts[3][0] <= 117_900
    assert rows["unknown"].eq(0).all()
    assert not decimal_dots(plan.indicators["warnings_vi"])
    assert "81,59 %" in rows.at["VILLAGE_MBB_COV", "warnings_vi"]


def test_the_shipped_study_has_nothing_to_repair(plan: Plan) -> None:
    assert {one.check for one in plan.study.findings} <= {"missing_optional_layer"}
    assert plan.study.set_aside == {}
    assert plan.study.settings.province.synthetic


def test_the_counts_are_those_of_the_recipe(shipped: dict[str, pd.DataFrame]) -> None:
    villages, stations, communes = (shipped[name] for name in ("villages", "stations", "communes"))
    assert communes["boundary_version"].value_counts().to_dict() == {"2025-02": 137, "2025-07": 51}
    assert communes["district"].nunique() == 7
    assert communes.loc[communes["boundary_version"] == "2025-07", "district"].isna().all()
    assert len(villages) == 1733
    assert villages["commune_code"].nunique() == 137
    assert villages["population"].sum() == 812_215
    assert len(stations) == 1350
    assert set(stations["operator"]) == {"VTL", "VNPT", "MBF", "VNM"}
    assert stations.groupby("location_id").size().value_counts().to_dict() == {1: 1005, 2: 147, 3: 17}
    points = shipped["service_points"]
    assert points["kind"].value_counts().to_dict() == {"Đ1": 87, "Đ2": 17}
    assert points["name"].is_unique
    assert points["name"].str.endswith("(mô phỏng)").all()


def test_the_shipped_terrain_is_as_rough_as_the_measured_one() -> None:
    to_metric = Transformer.from_crs(4326, 9211, always_xy=True)
    (west, east), (south, north) = to_metric.transform([105.0, 105.53], [21.5, 22.0])
    with rasterio.open(DATA / "elevation.tif") as source:
        assert source.crs.to_epsg() == 9211
        height_m = source.read(1, window=from_bounds(west, south, east, north, source.transform)).astype(float)
    for measured, quantity in ((HEIGHT_PERCENTILES_M, height_m), (SLOPE_PERCENTILES_DEG, slope_deg(height_m))):
        assert np.percentile(quantity, list(measured)) == pytest.approx(list(measured.values()), rel=0.2)
    for lag_m, expected_m in DIFFERENCE_BY_LAG_M.items():
        assert rms_difference_m(height_m, round(lag_m / 86)) == pytest.approx(expected_m, rel=0.2)


def test_every_row_says_whether_it_is_real(shipped: dict[str, pd.DataFrame]) -> None:
    for name, table in shipped.items():
        assert table["synthetic"].notna().all(), name
        assert table["provenance"].str.len().gt(0).all(), name
        if name != "places":
            assert table["synthetic"].all(), name


def test_a_synthetic_row_says_what_of_it_is_simulated(shipped: dict[str, pd.DataFrame]) -> None:
    for name, table in shipped.items():
        # Names and codes of the communes are real; their outlines are an approximation, not a simulation.
        words = "ranh giới.*không phải địa giới pháp lý" if name == "communes" else "mô phỏng"
        says_so = table["provenance"].str.contains(words)
        assert table.loc[~says_so, "synthetic"].eq(False).all(), name
        assert table.loc[says_so, "synthetic"].all(), name


def test_a_place_that_is_not_synthetic_names_its_source(shipped: dict[str, pd.DataFrame]) -> None:
    real = shipped["places"].query("not synthetic")
    assert len(real) == 25
    assert real["provenance"].str.contains(r"^tên thật \(nguồn: .+\); tọa độ: .+").all()
    assert real["precision_m"].gt(0).all()


def test_a_village_with_a_real_name_still_says_its_place_is_simulated(shipped: dict[str, pd.DataFrame]) -> None:
    named = shipped["villages"].query("provenance.str.startswith('tên thật')", engine="python")
    assert 40 <= len(named) <= 60
    assert named["provenance"].str.contains("vị trí, ranh giới, dân số mô phỏng").all()


def test_no_shipped_id_could_be_an_operators_own(shipped: dict[str, pd.DataFrame]) -> None:
    assert shipped["stations"]["station_id"].str.fullmatch(r"SYN-(VTL|VNPT|MBF|VNM)-\d{4}").all()
    assert shipped["stations"]["location_id"].str.startswith("SYN-").all()
    assert shipped["cells"]["cell_id"].str.startswith("SYN-").all()


def test_statistics_carry_their_source_and_geography() -> None:
    statistics = pd.read_csv(DATA / "statistics.csv")
    assert statistics[["value", "date", "source"]].notna().all(axis=None)
    assert set(statistics["boundary_version"]) == {"2025-02"}


def test_the_readme_says_first_that_the_data_is_not_real() -> None:
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert "Dữ liệu mô phỏng" in text[:200]
    assert "KHÔNG có thật" in text[:300]


def test_the_folder_stays_small_enough_for_git() -> None:
    kept = [path for path in DATA.iterdir() if path.is_file()]  # what is computed lies in .cache, outside git
    assert sum(path.stat().st_size for path in kept) < 40e6


def test_every_layer_is_in_the_provinces_own_system() -> None:
    for name, file in IN_PACKAGES.items():
        assert pyogrio.read_info(DATA / file, layer=name)["crs"] == "EPSG:9211"
