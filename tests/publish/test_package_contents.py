"""What the package says of itself: meanings, relations, metadata, styles, a project, pictures; checked from outside."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import warnings
import xml.etree.ElementTree as ET
import zipfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer

from covplan.publish.geopackage import write_geopackage
from covplan.publish.geopackage.styles import looks, template, themes
from covplan.study.errors import LayerError, OutputError
from covplan.study.exported import package_rows, shape_of
from covplan.study.grid import Grid
from tests.needs import GPKG_VALIDATOR, SYSTEM_PYTHON
from tests.publish.proposed import edited, plan_of, proposed_plan
from tests.publish.test_geopackage import restricted_l3, texts_of
from tests.publish.test_map_language import CODES
from tests.study import EPSG, SIDE, SOUTH, WEST
from tests.vietnamese import vietnamese_words

ENGLISH_TITLES = ("Structure height", "Hamlets", "Locations", "Planned", "unit:", "Simulated", "Telecom")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return proposed_plan(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def coverage(tmp_path_factory):
    """An RSRP raster that falls from the west to the east."""
    folder = tmp_path_factory.mktemp("out") / "coverage"
    grid = Grid.from_bounds((WEST - 1000, SOUTH - 1000, WEST + 2 * SIDE, SOUTH + 2 * SIDE), 20, EPSG)
    values = np.broadcast_to(np.linspace(-60, -130, grid.columns, dtype="float32"), grid.shape).copy()
    values[:50] = np.nan
    for name in ("4G_any", "4G_VTL"):
        grid.write(folder / f"{name}_rsrp_dbm.tif", values, nodata=float("nan"))
    return folder


@pytest.fixture(scope="module")
def package(plan, coverage, tmp_path_factory):
    return write_geopackage(plan, tmp_path_factory.mktemp("out") / "master_plan.gpkg", coverage=coverage)


def ask(path, question, *values):
    with closing(sqlite3.connect(path)) as base:
        return base.execute(question, values).fetchall()


def test_proposals_stand_in_the_departments_layers_too(plan, package):
    parts = ("qh_cot_ang_ten", "qh_dung_chung", "qh_nang_cap", "qh_5g", "qh_tuyen_cap")
    read = {name: pyogrio.read_dataframe(package, layer=name)["proposal_id"].to_list() for name in parts}
    assert read == {
        "qh_cot_ang_ten": ["W-001"], "qh_dung_chung": ["S-001"], "qh_nang_cap": ["W-002"], "qh_5g": ["P-001"],
        "qh_tuyen_cap": ["F-001"],
    }  # fmt: skip
    assert sorted(one for ids in read.values() for one in ids) == sorted(plan.proposals["proposal_id"])


def test_a_decision_written_into_a_part_is_in_the_whole(package, tmp_path):
    copy = shutil.copy(package, tmp_path / "edited.gpkg")
    with edited(copy) as base:
        base.execute("UPDATE qh_dung_chung SET decision = 'rejected', note = 'chủ cột không đồng ý'")
    rows = ask(copy, "SELECT proposal_id, decision FROM qh_de_xuat ORDER BY 1")
    assert rows[2:4] == [("S-001", "rejected"), ("W-001", "open")]


def test_every_column_has_its_vietnamese_title_its_unit_and_its_codes(package):
    columns = {
        (table, column): (title, described, constraint)
        for table, column, title, described, constraint in ask(
            package, "SELECT table_name, column_name, title, description, constraint_name FROM gpkg_data_columns"
        )
    }
    assert columns["ht_tram_bts", "height_m"][:2] == (
        "Chiều cao cột", "Chiều cao cột. đơn vị: m",
    )  # fmt: skip
    for (table,) in ask(package, "SELECT DISTINCT table_name FROM gpkg_data_columns"):
        fields = set(pyogrio.read_info(package, layer=table)["fields"])
        assert fields == {column for name, column in columns if name == table}
    codes = dict(
        ask(package, "SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name = ?",
            columns["ht_tuyen_cap", "mounting"][2])
    )  # fmt: skip
    assert codes == {
        "C1": "C1 – cột treo cáp riêng", "C2": "C2 – cột dùng chung", "N1": "N1 – công trình ngầm riêng",
        "N2": "N2 – công trình ngầm dùng chung",
    }  # fmt: skip
    points = ask(package, "SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name = ?",
                 columns["ht_diem_dvvt_cc", "kind"][2])  # fmt: skip
    assert dict(points) == {"Đ1": "Đ1 – có người phục vụ", "Đ2": "Đ2 – không có người phục vụ"}
    decided = ask(package, "SELECT value FROM gpkg_data_column_constraints WHERE constraint_name = 'decision'")
    assert sorted(decided) == [("accepted",), ("open",), ("rejected",)]
    assert columns["ht_tram_bts", "tenants"][2] is None  # several codes in one cell


def test_values_keep_the_domain_of_their_column(package):
    for table, column, constraint in ask(
        package, "SELECT table_name, column_name, constraint_name FROM gpkg_data_columns WHERE constraint_name NOT NULL"
    ):
        allowed = {one for (one,) in ask(package, "SELECT value FROM gpkg_data_column_constraints WHERE "
                                                  "constraint_name = ?", constraint)}  # fmt: skip
        there = {one for (one,) in ask(package, f'SELECT DISTINCT "{column}" FROM "{table}"')}  # noqa: S608
        assert there - {None} <= allowed, (table, column)


def test_relations_lead_from_a_location_to_its_stations_and_proposals(package):
    tables = dict(ask(package, "SELECT mapping_table_name, related_table_name FROM gpkgext_relations"))
    assert tables["lq_vi_tri_tram"] == "ht_tram_bts"
    pairs = ask(
        package,
        "SELECT l.location_id, s.station_id FROM lq_vi_tri_tram r JOIN ht_cot_ang_ten l ON l.fid = r.base_id "
        "JOIN ht_tram_bts s ON s.fid = r.related_id WHERE l.location_id = 'L-1'",
    )
    assert sorted(pairs) == [("L-1", "S-1"), ("L-1", "S-2")]
    proposed = ask(
        package,
        "SELECT p.proposal_id FROM lq_vi_tri_roi_di r JOIN ht_cot_ang_ten l ON l.fid = r.base_id "
        "JOIN qh_de_xuat p ON p.fid = r.related_id WHERE l.location_id = 'L-3'",
    )
    assert proposed == [("S-001",)]


def test_the_metadata_say_where_the_data_come_from(plan, package):
    ((kind, record),) = ask(package, "SELECT md_standard_uri, metadata FROM gpkg_metadata")
    assert kind == "http://www.isotc211.org/2005/gmd"
    root = ET.fromstring(record)  # noqa: S314  # our own
    text = " ".join(root.itertext())
    assert "covplan" in text
    assert "bts_sites.csv" in text
    assert "Không gồm các vị trí hạn chế công bố" in text
    facts = {key: json.loads(value) for key, value in ask(package, "SELECT key, value FROM covplan_file")}
    assert facts["settings_key"] in text
    assert facts["study_key"] in text
    assert facts["province"] == plan.study.settings.province.name


def test_a_synthetic_province_says_so_in_metadata_and_project(tmp_path):
    plan = plan_of(tmp_path, settings={"province": {"name": "Thử", "synthetic": True}})
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    assert "DỮ LIỆU MÔ PHỎNG" in ask(path, "SELECT metadata FROM gpkg_metadata")[0][0]
    assert "DỮ LIỆU MÔ PHỎNG" in project_of(path).findtext("title")


def project_of(path):
    ((content,),) = ask(path, "SELECT content FROM qgis_projects")
    with zipfile.ZipFile(BytesIO(bytes.fromhex(content))) as archive:
        return ET.fromstring(archive.read("quy_hoach.qgs"))  # noqa: S314


def test_every_layer_with_geometry_has_a_default_style_and_every_layer_is_in_the_project(package):
    spatial = {name for name, kind in pyogrio.list_layers(package) if kind}
    assert {one for (one,) in ask(package, "SELECT f_table_name FROM layer_styles WHERE useAsDefault = 1")} == spatial
    for (qml,) in ask(package, "SELECT styleQML FROM layer_styles"):
        ET.fromstring(qml)  # noqa: S314
    listed = {one.findtext("id").removeprefix("covplan_") for one in project_of(package).iter("maplayer")}
    there = {name for name, _ in pyogrio.list_layers(package) if not name.startswith("lq_")}  # without relations
    seen = {one.removesuffix("_line").removesuffix("_polygon") for one in listed if not one.startswith("kq_vung_phu")}
    assert seen == there - {"layer_styles"}


def test_looks_and_themes_are_whole():
    for name, theme in themes().items():
        if theme.looks:
            assert looks()[theme.looks, theme.column], name


def test_text_in_a_template_is_escaped():
    text = template("style.qml").render(style=_Anything())
    assert "<script>" not in text
    ET.fromstring(text)  # noqa: S314


class _Anything:
    """A style all of whose texts are an attack."""

    symbols, expression, label, fields, heading = [], "", "<script>&\"'", [], "<script>"
    labels_enabled, placement, geometry_code, label_scale = 1, "6", "0", "1"


def test_coverage_comes_as_pictures_of_its_classes(package):
    with rasterio.open(f"GPKG:{package}:kq_vung_phu_4g") as picture:
        assert picture.crs.to_epsg() == EPSG
        assert picture.res == (20.0, 20.0)
        row, column = picture.index(WEST + 500, SOUTH + SIDE)
        red, green, blue, opacity = picture.read()[:, row, column]
        assert (red, green, blue) == (0x08, 0x51, 0x9C)  # from −75 dBm on
        assert opacity == round(255 * 0.75)
        row, column = picture.index(WEST + 2 * SIDE - 300, SOUTH + SIDE)
        assert picture.read(4)[row, column] == 0  # too weak for anything
    assert dict(ask(package, "SELECT table_name, identifier FROM gpkg_contents"))["kq_vung_phu_4g_vtl"] == (
        "Vùng phủ 4G – Viettel"
    )


def test_a_folder_without_coverage_is_told(plan, tmp_path):
    with pytest.raises(LayerError, match="covplan coverage"):
        write_geopackage(plan, tmp_path / "plan.gpkg", coverage=tmp_path)
    assert not (tmp_path / "plan.gpkg").exists()


def test_coverage_does_not_show_where_restricted_masts_stand(coverage, tmp_path):
    plan = plan_of(tmp_path, stations=restricted_l3)
    with pytest.raises(OutputError, match="kể cả cột hạn chế công bố"):
        write_geopackage(plan, tmp_path / "plan.gpkg", coverage=coverage)
    path = write_geopackage(plan, tmp_path / "plan.gpkg", coverage=coverage, include_restricted=True)
    assert ask(path, "SELECT count(*) FROM kq_vung_phu_4g") > [(0,)]


def test_nothing_of_a_restricted_location_leaves_with_the_proposals(tmp_path):
    plan = proposed_plan(tmp_path, stations=restricted_l3)
    path = write_geopackage(plan, tmp_path / "plan.gpkg")
    assert [secret for secret in ("L-3", "S-4") if secret in texts_of(path)] == []
    rows = {row[0]: row[1:] for row in ask(path, "SELECT proposal_id, geom, operator, title_vi FROM qh_de_xuat")}
    assert set(rows) == {"W-001", "W-002", "P-001", "S-001", "F-001"}
    assert rows["S-001"] == (None, None, "Gộp về cột bên cạnh (không công bố vị trí)")
    assert [one for one, row in rows.items() if row[0] is None] == ["S-001"]
    every = write_geopackage(plan, tmp_path / "all.gpkg", include_restricted=True)
    assert "L-3" in ask(every, "SELECT from_location_id FROM qh_de_xuat WHERE proposal_id = 'S-001'")[0]
    assert "CÓ các vị trí hạn chế" in ask(every, "SELECT metadata FROM gpkg_metadata")[0][0]


def test_the_package_speaks_one_language_and_names_stay(plan, package, coverage, tmp_path):
    """What is not data: titles, descriptions, codes in words, metadata, styles, the project."""
    english = write_geopackage(plan, tmp_path / package.name, coverage=coverage, language="en")
    names = "SELECT table_name, column_name FROM gpkg_data_columns ORDER BY 1, 2"
    assert ask(english, names) == ask(package, names)
    assert sorted(map(tuple, pyogrio.list_layers(english))) == sorted(map(tuple, pyogrio.list_layers(package)))
    contents = dict(ask(english, "SELECT table_name, identifier || ': ' || description FROM gpkg_contents"))
    assert contents["qh_tuyen_cap"] == "Planned fiber routes: Provincial telecom plan"
    assert contents["kq_vung_phu_4g"] == "4G coverage – any operator: RSRP outdoors, in classes"
    columns = ask(english, "SELECT description FROM gpkg_data_columns WHERE table_name = 'ht_tram_bts' AND "
                           "column_name = 'height_m'")  # fmt: skip
    assert columns == [("Structure height: height of the structure above its base. unit: m",)]
    told = {package: [], english: []}
    for path, texts in told.items():
        for question in (
            "SELECT identifier, description FROM gpkg_contents",
            "SELECT title, description FROM gpkg_data_columns",
            "SELECT description FROM gpkg_data_column_constraints",
            "SELECT metadata FROM gpkg_metadata",
            "SELECT styleQML FROM layer_styles",
        ):
            texts += [str(one) for row in ask(path, question) for one in row]
        texts.append(ET.tostring(project_of(path), encoding="unicode"))
    name = plan.study.settings.province.name
    assert [text for text in told[english] if vietnamese_words(CODES.sub("", text.replace(name, "")))] == []
    vietnamese = "\n".join(told[package])
    assert [title for title in ENGLISH_TITLES if title in vietnamese] == []


@pytest.mark.needs("gpkg_validator")
@pytest.mark.parametrize("system", [None, 4326])
def test_gdals_validator_finds_nothing(plan, package, tmp_path, system):
    path = package if system is None else write_geopackage(plan, tmp_path / "wgs84.gpkg", epsg=system)
    told = subprocess.run(  # noqa: S603
        [SYSTEM_PYTHON, GPKG_VALIDATOR, path], capture_output=True, text=True, check=False, timeout=120
    )
    assert (told.returncode, told.stdout) == (0, ""), told.stderr


@pytest.mark.needs("qgis")
def test_qgis_opens_every_layer_with_its_style_and_the_project(package, tmp_path):
    script = Path(__file__).with_name("qgis_check.py")
    told = subprocess.run(  # noqa: S603
        [SYSTEM_PYTHON, script, package, tmp_path / "map.png"], capture_output=True, text=True, check=True, timeout=120,
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    seen = json.loads(told.stdout)
    assert seen["read"]
    assert seen["crs"] == f"EPSG:{EPSG}"
    assert seen["groups"][:3] == ["QH HTVT cấp tỉnh", "Kết quả", "Hiện trạng hạ tầng viễn thông"]
    assert all(one["valid"] for one in seen["layers"].values())
    assert all(seen["relations"].values())
    assert set(seen["relations"]) == {
        name for (name,) in ask(package, "SELECT mapping_table_name FROM gpkgext_relations")
    }
    spatial = [one for one in seen["alone"].values() if one["spatial"]]
    assert all(one["valid"] and one["renderer"] in ("categorizedSymbol", "singleSymbol") for one in spatial)
    assert seen["alone"]["kq_thon_trang_thai"]["legend"] == ["Phủ sóng", "Lõm sóng", "Trắng sóng"]
    assert seen["layers"]["qh_de_xuat"]["aliases"] == "Doanh nghiệp"
    assert not seen["layers"]["ht_tram_bts"]["read_only"]
    assert seen["layers"]["kq_thon_trang_thai"]["read_only"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "map.png") as picture:
            assert len(np.unique(picture.read(1))) > 20  # something is drawn


# --- coordinates


def krueger(lon_deg, lat_deg, *, central_deg, scale, easting):
    """Transverse Mercator by Krüger's series to n⁶ (Karney 2011, eq. 7–11, 35): not the code PROJ runs."""
    a, f = 6378137.0, 1 / 298.257223563
    n, e = f / (2 - f), math.sqrt(f * (2 - f))
    alpha = (
        n / 2 - 2 / 3 * n**2 + 5 / 16 * n**3 + 41 / 180 * n**4 - 127 / 288 * n**5 + 7891 / 37800 * n**6,
        13 / 48 * n**2 - 3 / 5 * n**3 + 557 / 1440 * n**4 + 281 / 630 * n**5 - 1983433 / 1935360 * n**6,
        61 / 240 * n**3 - 103 / 140 * n**4 + 15061 / 26880 * n**5 + 167603 / 181440 * n**6,
        49561 / 161280 * n**4 - 179 / 168 * n**5 + 6601661 / 7257600 * n**6,
        34729 / 80640 * n**5 - 3418889 / 1995840 * n**6,
        212378941 / 319334400 * n**6,
    )
    phi, lam = np.radians(lat_deg), np.radians(np.asarray(lon_deg) - central_deg)
    tau = np.tan(phi)
    sigma = np.sinh(e * np.arctanh(e * tau / np.hypot(1, tau)))
    tau_ = tau * np.hypot(1, sigma) - sigma * np.hypot(1, tau)
    xi, eta = np.arctan2(tau_, np.cos(lam)), np.arcsinh(np.sin(lam) / np.hypot(tau_, np.cos(lam)))
    north, east = xi.copy(), eta.copy()
    for j, one in enumerate(alpha, start=1):
        north += one * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
        east += one * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
    radius = a / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    return easting + scale * radius * east, scale * radius * north


def shifted_to_vn2000(lon_deg, lat_deg):
    """WGS 84 to VN-2000 by the seven published parameters (coordinate frame), solved backwards."""
    tx, ty, tz, rx, ry, rz, ppm = (-191.90441429, -39.30318279, -111.45032835, -0.00928836, 0.01975479, -0.00427372,
                                   0.252906278)  # fmt: skip
    arc = math.radians(1 / 3600)
    turn = np.array([[1, rz * arc, -ry * arc], [-rz * arc, 1, rx * arc], [ry * arc, -rx * arc, 1]])
    wanted = geocentric(lon_deg, lat_deg)
    found = np.linalg.solve(turn * (1 + ppm * 1e-6), wanted - np.array([[tx], [ty], [tz]]))
    return geographic(found)


def geocentric(lon_deg, lat_deg):
    a, f = 6378137.0, 1 / 298.257223563
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    across = a / np.sqrt(1 - f * (2 - f) * np.sin(lat) ** 2)
    return np.array([across * np.cos(lat) * np.cos(lon), across * np.cos(lat) * np.sin(lon),
                     across * (1 - f) ** 2 * np.sin(lat)])  # fmt: skip


def geographic(xyz):
    a, f = 6378137.0, 1 / 298.257223563
    e2, across = f * (2 - f), np.hypot(xyz[0], xyz[1])
    lat = np.arctan2(xyz[2], across * (1 - e2))
    for _ in range(8):
        radius = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(xyz[2] + e2 * radius * np.sin(lat), across)
    return np.degrees(np.arctan2(xyz[1], xyz[0])), np.degrees(lat)


def test_coordinates_are_those_of_an_independent_formula_to_a_centimetre(plan, package):
    stations = plan.study.stations.set_index("station_id")
    east, north = krueger(*shifted_to_vn2000(stations["lon"].to_numpy(), stations["lat"].to_numpy()), central_deg=106.0,
                          scale=0.9999, easting=500_000.0)  # fmt: skip
    with closing(sqlite3.connect(package)) as base:
        read = {row["station_id"]: shape_of(row["geom"]) for row in package_rows(base, "ht_tram_bts")}
    away = [math.hypot(read[one].x - x, read[one].y - y) for one, x, y in zip(stations.index, east, north, strict=True)]
    assert max(away) < 0.01


def test_without_the_datum_shift_everything_stands_224_metres_off(plan):
    """DOMAIN: VN-2000 read as WGS 84. The test above would see it."""
    lon, lat = plan.study.stations["lon"].to_numpy(), plan.study.stations["lat"].to_numpy()
    east, north = krueger(lon, lat, central_deg=106.0, scale=0.9999, easting=500_000.0)
    away = np.hypot(plan.study.stations.geometry.x - east, plan.study.stations.geometry.y - north)
    assert away.between(223, 225).all()


def test_the_whole_province_is_projected_to_a_tenth_of_a_millimetre():
    lon, lat = (one.ravel() for one in np.meshgrid(np.linspace(104.3, 105.7, 15), np.linspace(21.4, 23.4, 15)))
    east, north = krueger(lon, lat, central_deg=106.0, scale=0.9999, easting=500_000.0)
    x, y = Transformer.from_crs(4756, EPSG, always_xy=True).transform(lon, lat)
    assert np.hypot(x - east, y - north).max() < 1e-4


def test_the_copy_in_wgs_84_has_the_coordinates_of_the_files(plan, tmp_path):
    path = write_geopackage(plan, tmp_path / "copy.gpkg", epsg=4326)
    read = pyogrio.read_dataframe(path, layer="ht_tram_bts").set_index("station_id")
    assert read.crs.to_epsg() == 4326
    assert np.abs(read.geometry.x - read["lon"]).max() < 1e-8
    assert np.abs(read.geometry.y - read["lat"]).max() < 1e-8


@pytest.mark.needs("gdal")
def test_the_systems_own_gdal_reads_the_same_places(plan, package, tmp_path):
    subprocess.run(  # noqa: S603
        ["ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", "-lco", "COORDINATE_PRECISION=9", tmp_path / "s.json",  # noqa: S607
         package, "ht_tram_bts"], check=True, timeout=60,
    )  # fmt: skip
    read = gpd.GeoDataFrame.from_features(json.loads((tmp_path / "s.json").read_text())["features"])
    assert shapely.distance(read.geometry.to_numpy(), shapely.points(read["lon"], read["lat"])).max() * 111_000 < 0.01
    assert len(read) == len(pd.DataFrame(plan.study.stations))
