"""Check and plan on real data: terrain, communes, roads and places of Tuyên Quang as they really are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.pipeline import make_plan
from covplan.study.folder import open_study
from covplan.study.geometry import area_km2, length_m
from tests.real_province import PROVINCE, dark_hamlets, real_study

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.needs("reference")

PUBLISHED_KM2 = 5867.95  # General Statistics Office, province before July 2025


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_study(tmp_path_factory.mktemp("real") / "study")


@pytest.fixture(scope="module")
def out(folder: Path) -> Path:
    run("plan", str(folder), "-o", str(folder.parent / "out"))
    return folder.parent / "out"


def run(*words: str) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result


def test_check_names_what_the_real_data_lacks_and_stops_at_nothing(folder, tmp_path):
    run("check", str(folder), "-o", str(tmp_path))
    found = pd.read_csv(tmp_path / "findings.csv").groupby("check").size()
    assert found["raster_too_small"] == 1  # real terrain of the south half only
    assert found["missing_raster"] == 1  # land cover
    assert found["hamlet_outside_commune"] == 2  # at their published distances from an assumed mast
    assert found["assumed_antenna_height"] == 1
    assert not set(found.index) & {"invalid_geometry", "outside_province", "dangling_reference", "wrong_meridian"}
    assert not list((tmp_path / "set_aside").glob("*"))


def test_both_lists_of_communes_are_whole_and_of_the_published_size(folder):
    communes = open_study(folder).communes
    old = communes[communes["boundary_version"] == "2025-02"]
    assert (len(old), old["district"].nunique()) == (137, 7)
    assert (communes["boundary_version"] == "2025-07").sum() == 124
    assert area_km2(old.geometry).sum() == pytest.approx(PUBLISHED_KM2, rel=0.001)


def test_lengths_of_real_roads_are_those_on_the_ellipsoid(folder):
    raw = gpd.read_file(PROVINCE / "vvnb_flightgear_srtm_osm2018" / "osm2018_roads.gpkg")
    assert length_m(open_study(folder).roads.geometry).sum() == pytest.approx(raw["length_m"].sum(), rel=5e-4)


def test_the_plan_counts_dark_hamlets_as_dark_and_leaves_the_rest_unknown(out):
    row = pd.read_csv(out / "indicators.csv").set_index("indicator").loc["VILLAGE_MBB_COV"]
    assert (row["value"], row["denominator"]) == (0, 10)
    assert row["unknown"] > 40  # OpenStreetMap knows their names, nobody their signal
    hamlets = gpd.read_file(out / "master_plan.gpkg", layer="kq_thon_trang_thai")
    states = hamlets["mobile_state"].value_counts()
    assert states["none"] == 10
    assert states["unknown"] == len(hamlets) - 10


def test_a_station_without_terrain_is_named_and_the_rest_is_computed(tmp_path):
    study = open_study(real_study(tmp_path / "study", basis="computed"))
    plan = make_plan(study)
    without = {one.id for one in plan.findings if one.check == "station_without_terrain"}
    assert without == set(study.stations["station_id"])  # all known ones stand in the north, beyond the real terrain
    assert set(plan.hamlets["basis"]) == {"declared"}
    moved = study.stations.copy()
    moved.loc[moved.index[0], "geometry"] = gpd.GeoSeries.from_xy([105.21], [21.82], crs=4326).to_crs(9211)[0]
    south = make_plan(replace(study, stations=moved)).hamlets
    assert (south["basis"] == "computed").sum() > 5  # around the city, over real relief
    assert south.loc[south["name"].isin(dark_hamlets()["hamlet"]), "mobile_state"].eq("none").all()


def test_dark_hamlets_lie_as_far_from_a_mast_as_the_province_says(out):
    hamlets = gpd.read_file(out / "master_plan.gpkg", layer="kq_thon_trang_thai").set_index("name")
    for fact in dark_hamlets().itertuples():
        nearest_m = hamlets.loc[fact.hamlet, "nearest_location_m"]
        assert nearest_m <= fact.dist_km * 1000 + 10, fact.hamlet  # another commune's mast may be nearer
    lone = hamlets.loc["Đồng Rôm", "nearest_location_m"]
    assert lone == pytest.approx(2500, rel=0.001)


def test_the_geopackage_is_in_vn_2000_and_the_map_says_that_parts_are_synthetic(out):
    for layer, kind in pyogrio.list_layers(out / "master_plan.gpkg"):
        if kind is not None:
            assert pyogrio.read_info(out / "master_plan.gpkg", layer=layer)["crs"] == "EPSG:9211"
    page = (out / "map.html").read_text(encoding="utf-8")
    assert "DỮ LIỆU MÔ PHỎNG" in page
    for name in dark_hamlets()["hamlet"]:
        assert name in page
