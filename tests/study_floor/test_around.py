"""What else lies in a study folder is recognised, and the command that is told makes it a part of the study."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner
from shapely.geometry import MultiLineString, Polygon

from covplan.cli import main
from covplan.study.around import look_around, recognise
from covplan.study.errors import StudyError
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from tests.study import EPSG, small_study


def only(folder):
    """The one thing that lies beside the study."""
    (one,) = look_around(folder)
    return one


def told_command(guess):
    """The command line at the end of an advice."""
    line = guess.advice["en"].partition("n the study folder: ")[2]
    assert line, guess.advice
    assert line in guess.advice["vi"]
    return shlex.split(line)


def done_as_told(folder, guess):
    """Run what was advised in the folder and open the study."""
    program, *arguments = told_command(guess)
    where = Path(sys.executable).parent / program if program == "rio" else sys.executable
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    ran = subprocess.run([str(where), *arguments], cwd=folder, env=environment, capture_output=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr.decode()
    return open_study(folder)


def test_a_folder_that_holds_the_study_alone_has_nothing_beside_it(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "README.md").write_text("của tỉnh", encoding="utf-8")
    (folder / "out").mkdir()
    (folder / "out" / "findings.csv").write_text("check\n", encoding="utf-8")
    assert look_around(folder) == []


def test_roads_under_another_layer_name_are_found_and_the_command_makes_them_the_studys(tmp_path):
    folder = small_study(tmp_path / "s")
    roads = gpd.read_file(folder / "roads.gpkg")
    (folder / "roads.gpkg").unlink()
    osm = roads.rename(columns={"class": "highway"}).drop(columns=["road_id", "power"])
    osm.assign(osm_id=["1", "2"], other_tags=None).to_file(folder / "roads.gpkg", layer="lines")
    one = only(folder)
    assert (one.place, one.what["en"], one.fits) == ("roads.gpkg (lines)", "Roads of OpenStreetMap", "roads")
    study = done_as_told(folder, one)
    assert study.roads["class"].tolist() == ["primary", "tertiary"]
    assert study.roads.length.sum() == pytest.approx(roads.length.sum(), rel=1e-6)


def test_a_missing_required_file_is_named_with_the_shapefile_that_looks_like_it(tmp_path):
    folder = small_study(tmp_path / "s")
    villages = gpd.read_file(folder / "villages.gpkg", layer="villages")
    communes = gpd.read_file(folder / "villages.gpkg", layer="communes")
    (folder / "villages.gpkg").unlink()
    short = villages[["village_id", "name", "households", "geometry"]]
    short.columns = ["ma_thon", "ten_thon", "so_ho", "geometry"]
    short.to_file(folder / "thon_ban.shp", encoding="utf-8")
    with speaking("en"), pytest.raises(StudyError, match=r"thon_ban\.shp looks like it\. In the study folder: python"):
        open_study(folder)
    one = only(folder)
    assert (one.file, one.what["vi"], one.fits) == ("thon_ban.shp", "Thôn, bản, tổ dân phố", "villages")
    assert one.evidence["en"].endswith("ma_thon = village_id, ten_thon = name, so_ho = households")
    communes.to_file(folder / "villages.gpkg", layer="communes")
    study = done_as_told(folder, one)
    assert study.villages["name"].tolist() == villages["name"].tolist()
    assert study.villages["households"].tolist() == villages["households"].tolist()


def test_stations_in_a_spreadsheet_below_a_title_are_found_and_read(tmp_path):
    folder = small_study(tmp_path / "s")
    stations = pd.read_csv(folder / "bts_sites.csv", dtype=str)
    (folder / "bts_sites.csv").unlink()
    named = {
        "station_id": "Mã trạm",
        "operator": "Nhà mạng",
        "lon": "Kinh độ",
        "lat": "Vĩ độ",
        "height_m": "Độ cao cột",
    }
    sheet = stations[[*named]].rename(columns=named)
    with pd.ExcelWriter(folder / "Danh sách trạm.xlsx") as book:
        pd.DataFrame({"Ghi chú": ["không có gì"]}).to_excel(book, sheet_name="Bìa", index=False)
        sheet.to_excel(book, sheet_name="Trạm BTS", index=False, startrow=3)
        book.sheets["Trạm BTS"]["A1"] = "DANH SÁCH TRẠM BTS"
    one = only(folder)
    assert (one.place, one.fits) == ("Danh sách trạm.xlsx (Trạm BTS)", "stations")
    study = done_as_told(folder, one)
    assert study.stations["operator"].tolist() == stations["operator"].tolist()
    assert study.stations["height_m"].tolist() == stations["height_m"].astype(float).tolist()


def test_tiles_of_srtm_are_merged_by_the_one_command_that_is_told(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "elevation.tif").unlink()
    for tile, height in (("N21E105", 100), ("N22E105", 300)):
        (folder / f"{tile}.hgt").write_bytes(np.full((1201, 1201), height, ">i2").tobytes())
    one, other = look_around(folder)
    assert (one.what["en"], one.evidence["en"]) == ("SRTM tile N21E105", "1201 × 1201 heights of 2 bytes")
    assert told_command(one) == told_command(other)
    study = done_as_told(folder, one)
    with rasterio.open(study.rasters["elevation"]) as raster:
        assert (raster.driver, raster.shape) == ("GTiff", (2401, 1201))
        assert {value[0] for value in raster.sample([(105.5, 21.5)])} == {100}


def test_tiles_of_land_cover_in_a_folder_are_merged_by_the_one_command_that_is_told(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "landcover.tif").unlink()
    (folder / "worldcover").mkdir()
    for west in (105, 106):
        path = folder / "worldcover" / f"ESA_WorldCover_10m_2021_v200_N21E{west}_Map.tif"
        raster(path, np.full((200, 100), west - 95, "uint8"), transform=rasterio.Affine(0.01, 0, west, 0, -0.01, 23))
    one, other = look_around(folder)
    assert (one.file, one.fits) == ("worldcover/ESA_WorldCover_10m_2021_v200_N21E105_Map.tif", "landcover")
    assert told_command(one) == told_command(other)
    study = done_as_told(folder, one)
    with rasterio.open(study.rasters["landcover"]) as merged:
        assert [value[0] for value in merged.sample([(105.5, 22), (106.5, 22)])] == [10, 11]


def test_a_tile_renamed_to_tif_is_told_what_it_is(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "elevation.tif").write_bytes(np.full((1201, 1201), 300, ">i2").tobytes())
    _, found = read_study(folder)
    (one,) = [one for one in found if one.check == "unusable_raster"]
    assert "It is an SRTM tile" in one.text("advice", "en")
    assert "rio merge -f GTiff N22E105.hgt elevation.tif" in one.text("advice", "vi")


def raster(path, values, **profile):
    given = {
        "driver": "GTiff",
        "crs": "EPSG:4326",
        "transform": rasterio.Affine(0.001, 0, 105, 0, -0.001, 22.2),
    }
    height, width = values.shape
    with rasterio.open(
        path, "w", height=height, width=width, count=1, dtype=values.dtype, **(given | profile)
    ) as target:
        target.write(values, 1)


RELIEF = (500 + 400 * np.sin(np.arange(3000) / 50)).reshape(50, 60)
RASTERS = [
    ("a.tif", RELIEF.astype("int16"), "elevation"),
    ("b.tif", np.tile(np.array([10, 30, 50, 80], "uint8"), (40, 10)), "landcover"),
    ("c.tif", np.tile(np.array([1, 5, 12, 13, 17], "uint8"), (40, 8)), "landcover"),
    ("d.tif", np.tile(np.array([0, 0.2, 3.4], "float32"), (30, 10)), "population"),
    ("vnm_ppp_2020.tif", np.full((30, 30), 9.5, "float32"), "population"),
    ("egm2008_vn.tif", np.full((30, 30), -25.0, "float32"), "geoid"),
    ("ortho.tif", np.arange(256, dtype="uint8").reshape(16, 16), ""),
]


@pytest.mark.parametrize(("name", "values", "fits"), RASTERS, ids=[name for name, *_ in RASTERS])
def test_rasters_are_told_by_type_range_and_name(tmp_path, name, values, fits):
    raster(tmp_path / name, values)
    (one,) = recognise(tmp_path / name)
    assert (one.fits or ("geoid" if one.what["en"] == "a geoid" else "")) == fits
    if fits in ("elevation", "landcover", "population"):
        assert one.advice["en"] == f"Name it {fits}.tif to use it."


def test_a_second_raster_of_a_kind_is_said_to_be_one(tmp_path):
    folder = small_study(tmp_path / "s")
    raster(folder / "srtm_30m.tif", RELIEF.astype("int16"))
    assert (
        only(folder).advice["en"]
        == "The study has elevation.tif; to put this in its place: Name it elevation.tif to use it."
    )


SQUARE = Polygon([(105.2, 22.0), (105.21, 22.0), (105.21, 22.01), (105.2, 22.01)])
ROAD = MultiLineString([[(105.2, 22), (105.3, 22)]])
LAYERS = [
    ("nha.geojson", {"building": ["yes"]}, SQUARE, "dwellings"),
    ("ranh_gioi_xa.geojson", {"ten_xa": ["Xã Một"], "ma_xa": ["02200"]}, SQUARE, "communes"),
    ("cap_quang.kml", {"route_id": ["R-1"], "cores": [24]}, ROAD, "routes"),
    ("points.geojson", {"osm_id": ["1"], "place": ["hamlet"], "name": ["Bản"]}, SQUARE.centroid, "villages"),
    ("gis_osm_roads_free_1.geojson", {"osm_id": ["1"], "fclass": ["track"], "ref": ["1"]}, ROAD, "roads"),
    (
        "gis_osm_buildings_a_free_1.geojson",
        {"osm_id": ["1"], "fclass": ["building"], "type": ["house"]},
        SQUARE,
        "dwellings",
    ),
    (
        "gis_osm_places_free_1.geojson",
        {"osm_id": ["1"], "fclass": ["hamlet"], "population": [9]},
        SQUARE.centroid,
        "villages",
    ),
    ("multipolygons.geojson", {"osm_id": ["1"], "building": ["yes"], "admin_level": ["8"]}, SQUARE, ""),
    ("song_suoi.geojson", {"dai": [3]}, ROAD, ""),
]


@pytest.mark.parametrize(("name", "columns", "shape", "fits"), LAYERS, ids=[name for name, *_ in LAYERS])
def test_features_are_told_by_columns_geometry_and_name(tmp_path, name, columns, shape, fits):
    driver = "KML" if name.endswith("kml") else "GeoJSON"
    gpd.GeoDataFrame(columns, geometry=[shape], crs=4326).to_file(tmp_path / name, driver=driver)
    if driver == "KML" and not set(columns) <= set(gpd.read_file(tmp_path / name).columns):
        pytest.skip("this GDAL keeps no columns in KML")
    (one,) = recognise(tmp_path / name)
    assert one.fits == fits
    assert shape.geom_type.removeprefix("Multi") in one.evidence["en"]


def test_a_required_layer_under_another_name_is_told_with_the_command_that_renames_it(tmp_path):
    folder = small_study(tmp_path / "s")
    layers = {name: gpd.read_file(folder / "villages.gpkg", layer=name) for name in ("villages", "communes")}
    (folder / "villages.gpkg").unlink()
    for name, layer in zip(("thon_ban", "communes"), layers.values(), strict=True):
        layer.to_file(folder / "villages.gpkg", layer=name)
    with speaking("en"), pytest.raises(StudyError, match=r"villages\.gpkg \(thon_ban\) looks like it\. In the study"):
        open_study(folder)
    assert len(done_as_told(folder, only(folder)).villages) == 8


def test_settlements_of_openstreetmap_become_hamlets_as_told(tmp_path):
    folder = small_study(tmp_path / "s")
    villages, communes = (gpd.read_file(folder / "villages.gpkg", layer=name) for name in ("villages", "communes"))
    (folder / "villages.gpkg").unlink()
    communes.to_file(folder / "villages.gpkg", layer="communes")
    points = villages[["name", "geometry"]].assign(osm_id=[str(n) for n in range(8)], place=["hamlet"] * 7 + ["peak"])
    points.set_geometry(villages.representative_point()).to_crs(4326).to_file(
        folder / "places_osm.gpkg", layer="points"
    )
    study = done_as_told(folder, only(folder))
    assert study.villages["name"].tolist() == villages["name"].tolist()[:7]
    assert set(study.villages.geom_type) == {"Point"}
    assert study.villages.crs.to_epsg() == EPSG


def hostile_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../thon_ban.shp", b"x")


HOSTILE = [
    ("broken.xlsx", lambda path: path.write_bytes(b"PK\x03\x04 no archive"), "unknown file"),
    ("empty.geojson", lambda path: path.write_bytes(b""), "unknown file"),
    ("bomb.kml", lambda path: path.write_bytes(b"<kml><Document>" * 3), "unknown file"),
    ("elsewhere.shp", lambda path: path.write_bytes(b"<OGRVRTDataSource/>"), "a virtual file that points to others"),
    ("noise.tif", lambda path: path.write_bytes(bytes(range(256)) * 40), "unknown file"),
    ("strange.xyz", lambda path: path.write_bytes(b"\x00" * 10), "unknown file"),
    ("up.zip", hostile_zip, "an archive"),
    (
        "vietnam.osm.pbf",
        lambda path: path.write_bytes(b"\x00\x00\x00\x0d\x0a\x09OSMHeader"),
        "an extract of OpenStreetMap",
    ),
    ("ban_do.dwg", lambda path: path.write_bytes(b"AC1032"), "a CAD drawing"),
    ("N22E105.hgt", lambda path: path.write_bytes(b"\x00" * 100), "unknown file"),
]


@pytest.mark.parametrize(("name", "write", "what"), HOSTILE, ids=[name for name, *_ in HOSTILE])
def test_whatever_a_file_does_wrong_it_is_named_and_nothing_is_unpacked(tmp_path, name, write, what):
    write(tmp_path / name)
    (one,) = recognise(tmp_path / name)
    assert one.what["en"] == what
    assert [path.name for path in tmp_path.iterdir()] == [name]


TABLES = [
    ("costs.csv", "item,unit,low,base,high,year,source", ""),
    ("chi_tieu.csv", "indicator,value,date,source", "statistics"),
    ("do_kiem.csv", "operator,technology,longitude,latitude,RSRP", "measurements"),
    ("o.csv", "cell_id;station_id;band;azimuth", "cells"),
    ("thon.csv", "Mã thôn,Tên thôn,Số hộ,Kinh độ,Vĩ độ", "villages"),
    ("thu.txt", "không có bảng nào ở đây", ""),
]


@pytest.mark.parametrize(("name", "header", "fits"), TABLES, ids=[name for name, *_ in TABLES])
def test_tables_are_told_by_their_header(tmp_path, name, header, fits):
    (tmp_path / name).write_text(f"{header}\n", encoding="utf-8")
    assert [one.fits for one in recognise(tmp_path / name)] == [fits]


def test_hamlets_in_a_table_become_points_as_told(tmp_path):
    folder = small_study(tmp_path / "s")
    villages, communes = (gpd.read_file(folder / "villages.gpkg", layer=name) for name in ("villages", "communes"))
    (folder / "villages.gpkg").unlink()
    communes.to_file(folder / "villages.gpkg", layer="communes")
    named = {"village_id": "Mã thôn", "name": "Tên thôn", "households": "Số hộ"}
    named |= {"centre_lon": "Kinh độ", "centre_lat": "Vĩ độ"}
    villages[[*named]].rename(columns=named).to_csv(folder / "thon.csv", index=False)
    study = done_as_told(folder, only(folder))
    assert study.villages["households"].tolist() == villages["households"].tolist()
    assert study.villages.to_crs(4326).geometry.x.tolist() == pytest.approx(villages["centre_lon"].tolist())


def test_nothing_in_a_folder_is_passed_over_in_silence_and_a_pipe_is_not_waited_for(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "ban_do" / "cu").mkdir(parents=True)
    (folder / "ban_do" / "a.dxf").write_text("0", encoding="utf-8")
    os.mkfifo(folder / "ong.csv")
    assert [(one.file, one.what["en"]) for one in look_around(folder)] == [
        ("ban_do/a.dxf", "a CAD drawing"), ("ban_do/cu/", "a folder, not looked into"), ("ong.csv", "unknown file"),
    ]  # fmt: skip
    for number in range(300):
        (folder / "ban_do" / f"t{number}.pdf").touch()
    told = look_around(folder)
    assert told[-1].what["en"] == "files that were not looked at: 107"  # of 307, four of them the study's own
    assert len(told) == 200 - 4 + 1


def test_a_name_that_would_break_a_command_line_gets_no_command(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "bts_sites.csv").rename(folder / "trạm $(rm) 'x'.csv")
    one = only(folder)
    assert one.fits == "stations"
    assert one.advice["en"] == "Save it as bts_sites.csv to use it."


def test_check_shows_what_lies_beside_the_study_and_keeps_it_as_notes(tmp_path):
    folder = small_study(tmp_path / "s")
    (folder / "roads.gpkg").rename(folder / "duong.gpkg")
    (folder / "bang.zip").write_bytes(b"PK\x05\x06" + b"\x00" * 18)
    run = CliRunner().invoke(main, ["check", str(folder), "-o", str(tmp_path / "out"), "--lang", "en"])
    assert run.exit_code == 0, run.output
    assert "duong.gpkg (roads) │ Roads" in run.stdout
    found = pd.read_csv(tmp_path / "out" / "findings.csv", dtype=str, keep_default_na=False)
    beside = found[found["check"] == "unused_file"]
    assert (set(beside["severity"]), sorted(beside["file"])) == ({"note"}, ["bang.zip", "duong.gpkg"])
    (advice,) = found.loc[found["check"] == "missing_optional_layer", "advice"][found["file"] == "roads.gpkg"]
    assert "duong.gpkg (roads) looks like it. In the study folder: python -c" in advice
