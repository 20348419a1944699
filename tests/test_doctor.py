"""The doctor's known answer is checked by formulas written out here, which share nothing with PROJ."""

import sys
import tomllib
from math import asinh, atan2, atanh, cos, cosh, degrees, hypot, pi, radians, sin, sinh, sqrt, tan
from pathlib import Path

import numpy as np
import pytest

from covplan import doctor
from covplan.doctor import Check, coordinate_check, diagnose, foreign_variables
from covplan.study.language import speaking

# WGS 84 ellipsoid; VN-2000 uses the same one, moved and turned.
SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563

# EPSG "VN-2000 to WGS 84 (2)", coordinate frame rotation (method 9607): metres, seconds of arc, parts per million.
SHIFT_M = np.array([-191.90441429, -39.30318279, -111.45032835])
ROTATION_ARCSEC = np.array([-0.00928836, 0.01975479, -0.00427372])
SCALE_PPM = 0.252906278


def to_earth_centred(lon_deg, lat_deg, height_m=0.0):
    e2 = FLATTENING * (2 - FLATTENING)
    lon, lat = radians(lon_deg), radians(lat_deg)
    n = SEMI_MAJOR_M / sqrt(1 - e2 * sin(lat) ** 2)
    return np.array(
        [
            (n + height_m) * cos(lat) * cos(lon),
            (n + height_m) * cos(lat) * sin(lon),
            (n * (1 - e2) + height_m) * sin(lat),
        ]
    )


def to_geographic(xyz):
    """Longitude, latitude (deg) and height (m), the latitude by fixed-point iteration."""
    e2 = FLATTENING * (2 - FLATTENING)
    x, y, z = xyz
    p = hypot(x, y)
    lat = atan2(z, p * (1 - e2))
    for _ in range(10):
        n = SEMI_MAJOR_M / sqrt(1 - e2 * sin(lat) ** 2)
        lat = atan2(z + e2 * n * sin(lat), p)
    return degrees(atan2(y, x)), degrees(lat), p / cos(lat) - n


def coordinate_frame_matrix():
    rx, ry, rz = np.radians(ROTATION_ARCSEC / 3600)
    return (1 + SCALE_PPM * 1e-6) * np.array([[1, rz, -ry], [-rz, 1, rx], [ry, -rx, 1]])


def wgs84_to_vn2000(lon_deg, lat_deg):
    xyz = to_earth_centred(lon_deg, lat_deg)
    return to_geographic(np.linalg.solve(coordinate_frame_matrix(), xyz - SHIFT_M))


def vn2000_to_wgs84(lon_deg, lat_deg):
    return to_geographic(coordinate_frame_matrix() @ to_earth_centred(lon_deg, lat_deg) + SHIFT_M)


def transverse_mercator(lon_deg, lat_deg, *, meridian_deg=106.0, scale=0.9999, false_easting_m=500_000.0):
    """Krüger's series to the fourth order in the third flattening (Karney 2011, eq. 7-14, 35)."""
    n = FLATTENING / (2 - FLATTENING)
    e = sqrt(FLATTENING * (2 - FLATTENING))
    alpha = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180,
        13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440,
        61 * n**3 / 240 - 103 * n**4 / 140,
        49561 * n**4 / 161280,
    )
    lat, lon = radians(lat_deg), radians(lon_deg - meridian_deg)
    tau = tan(lat)
    sigma = sinh(e * atanh(e * tau / sqrt(1 + tau**2)))
    conformal = tau * sqrt(1 + sigma**2) - sigma * sqrt(1 + tau**2)
    xi, eta = atan2(conformal, cos(lon)), asinh(sin(lon) / hypot(conformal, cos(lon)))
    rectifying_radius_m = SEMI_MAJOR_M / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    north = xi + sum(a * sin(2 * j * xi) * cosh(2 * j * eta) for j, a in enumerate(alpha, 1))
    east = eta + sum(a * cos(2 * j * xi) * sinh(2 * j * eta) for j, a in enumerate(alpha, 1))
    return false_easting_m + scale * rectifying_radius_m * east, scale * rectifying_radius_m * north


def ground_distance_m(lon_a_deg, lat_a_deg, lon_b_deg, lat_b_deg):
    return float(np.linalg.norm(to_earth_centred(lon_a_deg, lat_a_deg) - to_earth_centred(lon_b_deg, lat_b_deg)))


def test_the_known_answer_follows_from_the_published_parameters():
    lon_deg, lat_deg, _ = wgs84_to_vn2000(doctor.TEST_LON_DEG, doctor.TEST_LAT_DEG)
    x_m, y_m = transverse_mercator(lon_deg, lat_deg)
    assert x_m == pytest.approx(doctor.TEST_EASTING_M, abs=0.001)
    assert y_m == pytest.approx(doctor.TEST_NORTHING_M, abs=0.001)


def test_the_projection_written_out_here_is_true_to_scale_times_0_9999_on_its_meridian():
    # The quadrant of the meridian, summed from its radius of curvature, against the series: the twin has a twin.
    latitudes = np.linspace(0, pi / 4, 20_001)
    e2 = FLATTENING * (2 - FLATTENING)
    arc_m = np.trapezoid(SEMI_MAJOR_M * (1 - e2) / (1 - e2 * np.sin(latitudes) ** 2) ** 1.5, latitudes)
    x_m, y_m = transverse_mercator(106.0, 45.0)
    assert x_m == pytest.approx(500_000.0, abs=1e-6)
    assert y_m == pytest.approx(0.9999 * arc_m, abs=0.001)


def test_without_the_datum_shift_the_province_is_223_to_224_m_away():
    lon_deg, lat_deg, _ = wgs84_to_vn2000(doctor.TEST_LON_DEG, doctor.TEST_LAT_DEG)
    shift_m = ground_distance_m(doctor.TEST_LON_DEG, doctor.TEST_LAT_DEG, lon_deg, lat_deg)
    assert doctor.DATUM_SHIFT_M[0] <= shift_m <= doctor.DATUM_SHIFT_M[1]


def test_a_round_trip_without_heights_loses_just_under_a_millimetre():
    lon_deg, lat_deg, _ = wgs84_to_vn2000(doctor.TEST_LON_DEG, doctor.TEST_LAT_DEG)
    back_lon_deg, back_lat_deg, _ = vn2000_to_wgs84(lon_deg, lat_deg)
    lost_m = ground_distance_m(doctor.TEST_LON_DEG, doctor.TEST_LAT_DEG, back_lon_deg, back_lat_deg)
    assert 0.0009 < lost_m < doctor.ROUND_TRIP_TOLERANCE_M


def test_this_machine_is_fit():
    assert [check for check in diagnose() if not check.ok] == []


def test_every_core_dependency_is_looked_at():
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {line.split(">=")[0].split("[")[0] for line in project["dependencies"]}
    assert set(doctor.CORE_PACKAGES) == declared


@pytest.mark.parametrize(
    ("east_m", "north_m", "cause"),
    [
        (0.02, 0.0, "datum"),  # two centimetres: another set of parameters
        (-195.0, 108.0, "datum"),
        (51_500.0, 0.0, "projection"),  # the neighbouring meridian 105°30'
        (0.0, -724.0, "datum shift is missing or another"),
    ],
)
@speaking("en")
def test_a_displaced_point_is_not_accepted(east_m, north_m, cause):
    check = coordinate_check("x", doctor.TEST_EASTING_M + east_m, doctor.TEST_NORTHING_M + north_m)
    assert not check.ok
    assert cause in check.value


@speaking("en")
def test_a_variable_of_another_program_is_named_with_the_way_to_unset_it(tmp_path):
    inside, outside = tmp_path / "env" / "share" / "proj", tmp_path / "PostgreSQL" / "proj"
    checks = foreign_variables({"PROJ_LIB": str(outside), "PROJ_DATA": str(inside)}, tmp_path / "env")
    found = {check.name: check for check in checks}
    assert "PostGIS" in found["PROJ_LIB"].advice
    assert "unset PROJ_LIB" in found["PROJ_LIB"].advice
    assert found["PROJ_DATA"].advice == ""
    assert found["GDAL_DATA"] == Check("GDAL_DATA", "not set")


@speaking("en")
def test_a_library_that_does_not_load_is_a_failed_check_and_the_rest_is_still_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    checks = {check.name: check for check in diagnose()}
    assert not checks["GDAL in rasterio"].ok
    assert "rasterio" in checks["GDAL in rasterio"].value
    assert checks["GDAL in rasterio"].advice
    assert checks["Coordinates by pyproj"].ok


@speaking("en")
def test_a_failed_check_under_a_foreign_proj_folder_says_to_unset_it_first(monkeypatch, tmp_path):
    monkeypatch.setenv("PROJ_DATA", str(tmp_path))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    failed = next(check for check in diagnose() if not check.ok)
    assert "unset PROJ_DATA" in failed.advice


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "CORE_PACKAGES", ("covplan-of-the-moon",))
    missing = next(check for check in diagnose() if check.name == "covplan-of-the-moon")
    assert not missing.ok
    assert "pip install covplan-of-the-moon" in missing.advice
