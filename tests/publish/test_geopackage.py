from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from pandas.testing import assert_series_equal

from covplan.pipeline import make_plan
from covplan.publish.geopackage import write_geopackage
from covplan.study.folder import open_study
from covplan.study.layers import layers
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

STATIONS, LOCATIONS, HAMLETS = "ht_tram_bts", "ht_cot_ang_ten", "kq_thon_trang_thai"
INDICATORS, FINDINGS = "kq_chi_tieu", "ks_loi_du_lieu"


def plan_of(folder: Path, **changed: Any) -> Plan:
    return make_plan(open_study(small_study(folder / "study", **changed)))


def restricted_l3(stations: pd.DataFrame) -> pd.DataFrame:
    """Station S-4, alone on location L-3, is restricted; its place stands in the file the wrong way round."""
    stations["restricted"] = stations["station_id"] == "S-4"
    stations.loc[3, ["lon", "lat"]] = stations.loc[3, ["lat", "lon"]].to_list()
    return stations


def restricted_and_set_aside(stations: pd.DataFrame) -> pd.DataFrame:
    """Station S-4 is restricted and its latitude is not one, so that its row cannot be used."""
    stations["restricted"] = stations["station_id"] == "S-4"
    stations.loc[3, "lat"] = 11.234567  # far south of the province
    return stations


def rows_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a GeoPackage, also of those GDAL does not show as layers."""
    with closing(sqlite3.connect(path)) as base:
        names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: base.execute(f'SELECT * FROM "{name}"').fetchall() for name in names if "rtree" not in name}  # noqa: S608


def texts_of(path: Path) -> str:
    return "\n".join(repr(row) for rows in rows_of(path).values() for row in rows)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def package(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_geopackage(plan, tmp_path_factory.mktemp("out") / "master_plan.gpkg")


def test_every_layer_stands_under_the_departments_name(plan: Plan, package: Path) -> None:
    there = {name for name, _ in pyogrio.list_layers(package)}
    assert {layers()[name].export_name for name in plan.layers()} | {INDICATORS, FINDINGS} <= there


def test_every_layer_is_complete_in_the_studys_system(plan: Plan, package: Path) -> None:
    for name, table in plan.layers().items():
        definition = layers()[name]
        read = pyogrio.read_dataframe(package, layer=definition.export_name)
        key = list(definition.key)
        assert sorted(map(tuple, read[key].to_numpy())) == sorted(map(tuple, table[key].to_numpy())), name
        if definition.geometry:
            assert read.crs.to_epsg() == 9211, name
            assert read.geometry.is_valid.all(), name
            assert set(read.geom_type) <= set(definition.geometry), name


def test_a_layer_keeps_its_columns_texts_dates_and_places(plan: Plan, package: Path) -> None:
    read = pyogrio.read_dataframe(package, layer=STATIONS).set_index("station_id")
    kept = plan.study.stations.set_index("station_id")
    assert read["operator"].to_dict() == kept["operator"].to_dict()
    assert pd.to_datetime(read["on_air"]).dt.date.to_dict() == kept["on_air"].dt.date.to_dict()
    assert read["height_m"].astype(float).to_dict() == kept["height_m"].astype(float).to_dict()
    assert read.geometry.distance(kept.geometry).max() < 0.001
    names = pyogrio.read_dataframe(package, layer=HAMLETS)["name"]
    assert sorted(names) == sorted(plan.hamlets["name"])


def test_the_indicators_are_a_table_of_the_package(plan: Plan, package: Path) -> None:
    read = pyogrio.read_dataframe(package, layer=INDICATORS)
    assert not isinstance(read, gpd.GeoDataFrame)
    assert_series_equal(read["value"].astype(float), plan.indicators["value"].astype(float))


def test_columns_outside_the_definition_stay_in_the_study(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, stations=lambda table: table.assign(keeper_phone="0912 000 000"))
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    assert "0912 000 000" not in texts_of(path)


@pytest.mark.parametrize("column", ["fid", "geom", "Owner"])
def test_an_extra_column_with_a_name_gdal_needs_itself_does_no_harm(tmp_path: Path, column: str) -> None:
    """A table exported from QGIS has a column fid; columns that differ in case only are one to SQLite."""
    plan = plan_of(tmp_path, stations=lambda table: table.assign(**{column: "1"}))
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    assert pyogrio.read_info(path, layer=STATIONS)["features"] == 7


def test_same_plan_same_bytes(plan: Plan, package: Path, tmp_path: Path) -> None:
    # Under the same name: the project inside finds its layers by it.
    assert write_geopackage(plan, tmp_path / package.name).read_bytes() == package.read_bytes()


def test_the_file_is_a_geopackage_1_3_that_older_programs_read(package: Path) -> None:
    with closing(sqlite3.connect(package)) as base:
        assert base.execute("PRAGMA application_id").fetchone() == (0x47504B47,)  # "GPKG"
        assert base.execute("PRAGMA user_version").fetchone() == (10300,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert base.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_list_of_contents_speaks_vietnamese(plan: Plan, package: Path) -> None:
    with closing(sqlite3.connect(package)) as base:
        contents = dict(base.execute("SELECT table_name, identifier FROM gpkg_contents"))
    for name in [*plan.layers(), "indicators", "findings"]:
        assert contents[layers()[name].export_name] == layers()[name].title_vi
    assert contents[LOCATIONS] == "Vị trí cột ăng ten"


@pytest.mark.needs("gdal")
def test_the_systems_own_gdal_reads_it_without_a_word(plan: Plan, package: Path) -> None:
    told = subprocess.run(  # noqa: S603
        ["ogrinfo", "-so", "-al", str(package)],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stderr == ""
    assert "Warning" not in told.stdout
    assert told.stdout.count("\nLayer name: ") >= len({*plan.layers(), "indicators", "findings"})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("guarded"), stations=restricted_l3)


def test_a_restricted_station_and_its_location_stay_at_home(guarded: Plan, tmp_path: Path) -> None:
    assert set(guarded.locations["location_id"]) >= {"L-3"}  # the plan itself counts it
    path = write_geopackage(guarded, tmp_path / "plan.gpkg")
    stations, locations = (pyogrio.read_dataframe(path, layer=layer) for layer in (STATIONS, LOCATIONS))
    assert sorted(stations["station_id"]) == ["S-1", "S-2", "S-3", "S-5", "S-6", "S-7"]
    assert sorted(locations["location_id"]) == ["L-1", "L-2", "L-4", "L-5", "L-6"]


def test_no_hamlet_tells_how_far_a_restricted_location_is(guarded: Plan, tmp_path: Path) -> None:
    """A distance from the culture house is a circle the mast stands on; from three hamlets it is its place."""
    hamlets = pyogrio.read_dataframe(write_geopackage(guarded, tmp_path / "plan.gpkg"), layer=HAMLETS)
    hamlets = hamlets.set_index("village_id")
    near_it = guarded.hamlets.loc[guarded.hamlets["nearest_location_id"] == "L-3", "village_id"]
    assert len(near_it)
    points = guarded.locations.set_index("location_id").geometry
    for village in near_it:
        told_m = hamlets.at[village, "nearest_location_m"]
        centre = guarded.hamlets.set_index("village_id").geometry[village].centroid
        assert pd.isna(told_m) or told_m != pytest.approx(centre.distance(points["L-3"]), abs=50)
    assert "L-3" not in set(hamlets["nearest_location_id"].dropna())


def test_no_table_names_a_restricted_station(guarded: Plan, tmp_path: Path) -> None:
    """Findings quote ids and coordinates as they stand in the file; those of a restricted row must not leave."""
    assert "swapped_coordinates" in {one.check for one in guarded.study.findings if one.id == "S-4"}
    texts = texts_of(write_geopackage(guarded, tmp_path / "plan.gpkg"))
    assert "S-3" in texts
    station = guarded.study.stations.set_index("station_id").loc["S-4"]
    quoted = f"{station.lat:.10g}, {station.lon:.10g}"
    assert quoted in {one.value for one in guarded.study.findings}
    assert [secret for secret in ("S-4", "L-3", quoted) if secret in texts] == []


def test_a_restricted_row_that_was_set_aside_is_not_named_either(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, stations=restricted_and_set_aside)
    assert set(plan.study.set_aside["stations"]["station_id"]) == {"S-4"}
    texts = texts_of(write_geopackage(plan, tmp_path / "plan.gpkg"))
    assert [secret for secret in ("S-4", "L-3", "11.234567") if secret in texts] == []


def test_findings_about_its_cells_and_neighbours_do_not_name_it_either(tmp_path: Path) -> None:
    """A cell has an id of its own, and the twin of a location is named in the finding of the other one."""

    def damaged(cells: pd.DataFrame) -> pd.DataFrame:
        cells["downtilt_deg"] = cells["downtilt_deg"].where(cells["station_id"] != "S-4", 999.0)
        return cells

    def twins(stations: pd.DataFrame) -> pd.DataFrame:
        stations["restricted"] = stations["station_id"] == "S-4"
        stations.loc[2, ["lon", "lat", "commune_code"]] = stations.loc[3, ["lon", "lat", "commune_code"]].to_list()
        return stations

    plan = plan_of(tmp_path, cells=damaged, stations=twins)
    assert {"twin_locations", "cell_out_of_range"} <= {one.check for one in plan.study.findings}
    texts = texts_of(write_geopackage(plan, tmp_path / "plan.gpkg"))
    assert [secret for secret in ("S-4", "L-3") if secret in texts] == []


def test_restricted_stations_leave_on_request(guarded: Plan, tmp_path: Path) -> None:
    path = write_geopackage(guarded, tmp_path / "plan.gpkg", include_restricted=True)
    assert "S-4" in set(pyogrio.read_dataframe(path, layer=STATIONS)["station_id"])
    hamlets = pyogrio.read_dataframe(path, layer=HAMLETS)
    assert "L-3" in set(hamlets["nearest_location_id"])
    assert hamlets["nearest_location_m"].notna().all()


def test_a_province_of_restricted_stations_only_can_be_written(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, stations=lambda table: table.assign(restricted=True))
    texts = texts_of(write_geopackage(plan, tmp_path / "plan.gpkg"))
    assert "S-1" not in texts
    assert "L-1" not in texts


def test_a_failed_write_leaves_the_former_file_as_it_was(plan: Plan, tmp_path: Path) -> None:
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    before = path.read_bytes()
    # GeoPackage knows no complex numbers; the indicators come after the layers, so half the file is written by then.
    unwritable = replace(plan, indicators=plan.indicators.assign(value=1j))
    with pytest.raises(NotImplementedError, match="complex"):
        write_geopackage(unwritable, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["plan.gpkg"]


def test_after_a_failed_write_files_get_their_own_date_again(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError):
        write_geopackage(replace(plan, indicators=plan.indicators.assign(value=1j)), tmp_path / "plan.gpkg")
    plan.study.places.to_file(tmp_path / "own.gpkg", layer="own", driver="GPKG")
    with closing(sqlite3.connect(tmp_path / "own.gpkg")) as base:
        (changed,) = base.execute("SELECT last_change FROM gpkg_contents").fetchone()
    assert not changed.startswith("2025-01-01T00:00:00")
