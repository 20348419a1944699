"""A province begun from files: what is there is used, what is missing is said, a second run goes on."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import CRS
from rasterio import Affine
from shapely.geometry import LineString, Point, box

from covplan.cli import main
from covplan.intake.begun import begin, find_province, lacking, official_communes, provinces, usual_crs
from covplan.intake.ground import read_ground as open_ground
from covplan.study.boundaries import official_units
from covplan.study.errors import LayerError
from covplan.study.folder import open_study
from covplan.study.language import speaking
from covplan.study.settings_file import load_settings
from tests.intake.corpus import plain, xlsx
from tests.real_province import PROVINCE
from tests.study import small_study

SIDE = 0.05  # degrees


def new(*words):
    return CliRunner().invoke(main, ["new", *map(str, words), "--lang", "en"])


@pytest.fixture
def boundaries(tmp_path):
    """The 124 communes as squares beside each other, with their names, in whole the province's list."""
    units = official_communes("08", "2025-07")
    shapes = [
        box(104.6 + SIDE * (n % 12), 21.6 + SIDE * (n // 12), 104.6 + SIDE * (n % 12 + 1), 21.6 + SIDE * (n // 12 + 1))
        for n in range(len(units))
    ]
    frame = gpd.GeoDataFrame({"ten_xa": list(units.values()), "stt": range(len(units))}, geometry=shapes, crs=4326)
    frame.to_file(tmp_path / "ranh_gioi.gpkg", layer="xa")
    return tmp_path / "ranh_gioi.gpkg"


def tile(path, west, north, value):
    values = np.full((100, 100), value, dtype="int16")
    with rasterio.open(path, "w", driver="GTiff", dtype="int16", count=1, width=100, height=100, crs=4326,
                       transform=Affine(0.01, 0.0, west, 0.0, -0.01, north), nodata=-32768) as out:  # fmt: skip
        values[0, 0] = value + 50
        out.write(values, 1)
    return path


def test_the_country_s_communes_ship_as_facts():
    assert len(provinces()) == 34
    assert sum(len(official_communes(code, "2025-07")) for code in provinces()) == 3321
    known = {unit["commune_code"]: unit["name"] for unit in official_units("2025-07")}
    assert official_communes(find_province("Tỉnh Tuyên Quang"), "2025-07") == known
    assert len(official_communes("08", "2025-02")) == 137


@speaking("en")
def test_what_is_not_known_is_said_not_made_up():
    with pytest.raises(LayerError, match="no province 'Bắc Cạn'"):
        find_province("Bắc Cạn")
    with pytest.raises(LayerError, match="known of Tuyên Quang only"):
        official_communes(find_province("Lào Cai"), "2025-02")


def test_every_province_gets_a_metric_zone_of_its_own_country():
    assert usual_crs("08") == "EPSG:9211"
    for code in provinces():
        crs = CRS.from_user_input(usual_crs(code))
        assert crs.axis_info[0].unit_name == "metre"
        assert "VN-2000" in crs.name


def test_the_merged_province_opens_from_its_raw_files(boundaries, tmp_path):
    tiles = [
        tile(tmp_path / "dem_n22_e104.tif", 104.0, 22.5, 300),
        tile(tmp_path / "dem_n22_e105.tif", 105.0, 22.5, 500),
    ]
    places = gpd.GeoDataFrame(
        {"osm_id": ["1", "2", "3"], "place": ["hamlet", "village", "city"], "name": ["Nà Tông", "Bản Bung", "Phố"]},
        geometry=[Point(104.71, 21.71), Point(104.91, 21.91), Point(105.0, 22.0)], crs=4326,
    )  # fmt: skip
    places.to_file(tmp_path / "places.geojson")
    roads = gpd.GeoDataFrame({"highway": ["primary", "footway"], "name": ["QL 2", None]},
                             geometry=[LineString([(104.7, 21.7), (105, 22)])] * 2, crs=4326)  # fmt: skip
    roads.to_file(tmp_path / "osm.geojson")
    names = list(official_communes("08", "2025-07").values())
    lines = [["Nhà mạng", "Mã trạm", "Kinh độ", "Vĩ độ", "Xã"], ["Viettel", "TQG0001", 104.62, 21.63, names[0]],
             ["VNPT", "VNP0001", 104.67, 21.62, names[1]], ["MobiFone", "M1", 104.67, 21.62, names[50]]]  # fmt: skip
    xlsx(tmp_path / "tram.xlsx", lines)
    folder = tmp_path / "tq"
    more = [tmp_path / "places.geojson", tmp_path / "osm.geojson", tmp_path / "tram.xlsx"]
    said = new(folder, boundaries, *tiles, *more, "--province", "Tuyen Quang")
    assert said.exit_code == 0, said.output
    assert "124 of 124 communes" in said.output
    assert "3 rows: 2 taken, 0 merged, 1 set aside" in said.output
    study = open_study(folder)
    assert study.settings.province.boundaries == "2025-07"
    assert len(study.communes) == 124
    named = dict(zip(study.communes["commune_code"], study.communes["name"], strict=True))
    assert named == official_communes("08", "2025-07")
    assert study.villages["name"].tolist() == ["Nà Tông", "Bản Bung"]
    assert study.roads["class"].tolist()[0] == "primary"
    assert sorted(study.stations["station_id"]) == ["TQG0001", "VNP0001"]
    with rasterio.open(folder / "elevation.tif") as raster:
        at = [int(value[0]) for value in raster.sample([(104.8, 22.0), (105.3, 22.0)])]
    assert at == [300, 500]


def test_what_is_missing_is_listed_with_what_it_costs_and_where_to_get_it(boundaries, tmp_path):
    folder = tmp_path / "tq"
    said = new(folder, boundaries, "--province", "Tuyên Quang")
    assert "`plan` needs what is marked" in said.output
    with speaking("en"):
        missing = {row["name"]: row for row in lacking(folder)}
    assert {name for name, row in missing.items() if row["needed"]} == {"Hamlets", "Stations"}
    assert "covered" in missing["Hamlets"]["cost"].lower()
    assert all(row["cost"] and row["where"] for row in missing.values())


def test_a_second_run_goes_on_and_keeps_what_is_there(boundaries, tmp_path):
    folder = tmp_path / "tq"
    new(folder, boundaries, "--province", "Tuyên Quang", "--crs", "EPSG:3405")
    before = (folder / "villages.gpkg").read_bytes()
    said = new(folder, boundaries, tile(tmp_path / "dem.tif", 104.5, 22.5, 300))
    assert said.exit_code == 0, said.output
    assert "the study has communes already" in said.output
    assert (folder / "villages.gpkg").read_bytes() == before
    assert (folder / "elevation.tif").is_file()
    assert load_settings(folder / "study.toml").province.crs == "EPSG:3405"


def test_files_that_are_of_no_use_are_named_with_the_reason(boundaries, tmp_path):
    (tmp_path / "la.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    far = tile(tmp_path / "dem_far.tif", 108.0, 12.0, 300)
    gpd.GeoDataFrame({"a": [1]}, geometry=[Point(104.7, 21.7)], crs=4326).to_file(tmp_path / "diem.geojson")
    with speaking("en"):
        files = [boundaries, tmp_path / "la.csv", far, tmp_path / "diem.geojson"]
        begun = begin(tmp_path / "tq", "Tuyên Quang", "2025-07", files)
    why = dict(begun.not_taken)
    assert set(why) == {"la.csv", "dem_far.tif", "diem.geojson"}
    assert "no table of stations" in why["la.csv"]
    assert "outside the province" in why["dem_far.tif"]


def test_broken_maps_and_those_that_point_to_others_are_named(boundaries, tmp_path):
    (tmp_path / "x.gpkg").write_bytes(boundaries.read_bytes()[:5000])
    (tmp_path / "y.geojson").write_text('{"type": "FeatureCollection", "features": [{"ty', encoding="utf-8")
    (tmp_path / "z.geojson").write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="xa"><SrcDataSource>{boundaries}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>",
        encoding="utf-8",
    )
    (tmp_path / "e.tif").write_bytes(b"II*\x00" + bytes(100))
    files = [tmp_path / name for name in ("x.gpkg", "y.geojson", "z.geojson", "e.tif")]
    begun = begin(tmp_path / "tq", "Tuyên Quang", "2025-07", [boundaries, *files])
    assert {name for name, _why in begun.not_taken} == {path.name for path in files}
    assert len(open_ground(tmp_path / "tq").communes) == 124


def test_without_boundaries_nothing_is_taken_on_trust(tmp_path):
    xlsx(tmp_path / "viettel.xlsx", plain([]))
    with speaking("en"):
        begun = begin(tmp_path / "tq", "Tuyên Quang", "2025-07", [tmp_path / "viettel.xlsx"])
    assert "no communes" in dict(begun.not_taken)["viettel.xlsx"]


def test_a_map_taken_into_any_study_fills_what_it_lacks_once_it_is_accepted(tmp_path):
    folder = small_study(tmp_path / "study")
    (folder / "roads.gpkg").unlink()
    lines = [LineString([(105.2, 21.83), (105.25, 21.85)])]
    gpd.GeoDataFrame({"highway": ["track"]}, geometry=lines, crs=4326).to_file(tmp_path / "osm.geojson")
    words = ["take", str(folder), str(tmp_path / "osm.geojson"), "-o", str(tmp_path / "out"), "--lang", "en"]
    assert "Nothing was changed" in CliRunner().invoke(main, words).output
    assert not (folder / "roads.gpkg").exists()
    said = CliRunner().invoke(main, [*words, "--accept"])
    assert "✓ osm.geojson: 1 roads" in said.output
    assert open_study(folder).roads["class"].tolist() == ["track"]
    assert "the study has roads already" in CliRunner().invoke(main, [*words, "--accept"]).output


@pytest.mark.needs("reference")
def test_the_real_merged_province_is_taken_from_its_original_files_by_one_command(tmp_path):
    osm, folder = PROVINCE / "vvnb_flightgear_srtm_osm2018", tmp_path / "tq"
    files = [PROVINCE / "thanglequoc_wards2025" / "tq_wards_2025_34prov.gpkg", osm / "N21E105.hgt",
             osm / "osm2018_places.gpkg", osm / "osm2018_roads.gpkg",
             PROVINCE / "geoglue_worldpop_vnm" / "vnm_ppp_2020_1km_Aggregated_UNadj.tif",
             PROVINCE / "facts" / "bts_from_voter_answers.csv"]  # fmt: skip
    said = new(folder, *files, "--province", "Tuyên Quang")
    assert said.exit_code == 0, said.output
    assert "✗" not in said.output
    study = open_study(folder)
    assert (len(study.communes), len(study.villages), len(study.stations)) == (124, 48, 1)
    assert 13_500 < study.outline.area / 1e6 < 14_000
