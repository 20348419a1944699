"""Is this machine fit for covplan? Versions, GDAL and PROJ, the coordinate system, kernels, files. Shown by the CLI.

Nothing here may stop: a library that does not load is what the doctor was called for. Each examination imports
what it needs itself, and whatever it raises becomes a failed check.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from covplan.study.language import N_, Language, _, speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The core dependencies of pyproject.toml; a test holds the two together.
CORE_PACKAGES = (
    "click",
    "django-leaflet",
    "folium",
    "geopandas",
    "jinja2",
    "jupyterlab",
    "matplotlib",
    "networkx",
    "numba",
    "numpy",
    "openpyxl",
    "osmnx",
    "pandas",
    "pandera",
    "pydantic",
    "pyogrio",
    "pyproj",
    "python-calamine",
    "python-docx",
    "rasterio",
    "rich",
    "scipy",
    "shapely",
    "tomlkit",
)
OLDEST_PYTHON = (3, 11)

# Who usually sets these for the whole machine. A value meant for another program's GDAL or PROJ breaks ours.
FOREIGN_VARIABLES = {
    "PROJ_LIB": N_("PostgreSQL/PostGIS, QGIS (OSGeo4W) or an older PROJ"),
    "PROJ_DATA": N_("QGIS (OSGeo4W), PostGIS or an activated conda environment"),
    "GDAL_DATA": N_("QGIS (OSGeo4W), PostGIS, GISInternals or an activated conda environment"),
    "GDAL_DRIVER_PATH": N_("QGIS (OSGeo4W), GISInternals or ArcGIS"),
}

STUDY_CRS = "EPSG:9211"  # VN-2000 / TM-3 106-00
TEST_LON_DEG, TEST_LAT_DEG = 105.21, 21.82  # in Tuyên Quang, WGS 84
# By PROJ 9.5.1, operation "VN-2000 to WGS 84 (2)", and by the formulas written out in tests/test_doctor.py.
TEST_EASTING_M, TEST_NORTHING_M = 418_131.336, 2_413_946.123
CRS_TOLERANCE_M = 0.01
# 0.99 mm by construction: without heights the way there starts on one ellipsoid and the way back on the other,
# 28 m apart here, along normals that differ by 7 seconds of arc.
ROUND_TRIP_TOLERANCE_M = 0.001
DATUM_SHIFT_M = (223.0, 224.0)  # between the same numbers read as VN-2000 and as WGS 84, in this province

REINSTALL = N_("Install covplan again in a new environment: python -m venv .venv, then pip install -e .")


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes
    ----------
    name : str
        What was looked at.
    value : str
        What was found.
    ok : bool
        Whether covplan can work with it.
    advice : str
        What to do; empty when nothing needs doing. With `ok` it is a warning.
    """

    name: str
    value: str
    ok: bool = True
    advice: str = ""


def diagnose(language: Language | None = None) -> list[Check]:
    """Look at everything covplan stands on, and say it in a language (None: the one spoken now).

    Returns
    -------
    list of Check
        Versions first, then the environment, then what was tried. Never raises for a broken library.
    """
    with speaking(language):
        return _diagnosis()


def _diagnosis() -> list[Check]:
    variables = foreign_variables(os.environ, Path(sys.prefix))
    foreign = [check.name for check in variables if check.advice]
    remedy = _(REINSTALL)
    if foreign:
        first = _("First unset {variables} (see there) and run this again.").format(variables=", ".join(foreign))
        remedy = f"{first} {remedy}"
    tried = [_examined(name, look, remedy) for name, look in _EXAMINATIONS.items()]
    return [_python(), *(_package(name) for name in CORE_PACKAGES), *variables, *tried]


def foreign_variables(environment: Mapping[str, str], prefix: Path) -> list[Check]:
    """Variables that send GDAL or PROJ to the files of another program.

    Parameters
    ----------
    environment : mapping
        As `os.environ`.
    prefix : Path
        Of the running Python: a value inside it belongs to this environment (conda sets them so).

    Returns
    -------
    list of Check
        One per variable. A foreign value is a warning: whether it does harm, the coordinate checks tell.
    """
    checks = []
    for variable, culprits in FOREIGN_VARIABLES.items():
        value = environment.get(variable)
        if not value:
            checks.append(Check(variable, _("not set")))
        elif Path(value).resolve().is_relative_to(prefix.resolve()):
            checks.append(Check(variable, _("{value} (this environment's own)").format(value=value)))
        else:
            advice = _(
                "Set from outside, usually by {culprits}. Unset it for this window: 'unset {variable}' (Linux, macOS)"
                " or 'set {variable}=' (Windows); for good: remove it from the system's environment variables."
            ).format(culprits=_(culprits), variable=variable)
            checks.append(Check(variable, value, advice=advice))
    return checks


def _python() -> Check:
    machine = f"{platform.system()} {platform.machine()}"
    found = _("{version} on {machine}").format(version=platform.python_version(), machine=machine)
    if sys.version_info >= OLDEST_PYTHON:
        return Check("Python", found)
    advice = _("Install Python 3.11 or newer and make a new environment with it.")
    return Check("Python", found, ok=False, advice=advice)


def _package(name: str) -> Check:
    try:
        return Check(name, version(name))
    except PackageNotFoundError:
        return Check(
            name,
            _("not installed"),
            ok=False,
            advice=_("pip install {name}, or: {otherwise}").format(name=name, otherwise=_(REINSTALL)),
        )


def _examined(name: str, look: Callable[[], Check], remedy: str) -> Check:
    try:
        check = look()
    except Exception as problem:  # a broken library may raise anything; the report must still be complete
        check = Check(_(name), f"{type(problem).__name__}: {problem}".splitlines()[0], ok=False)
    if check.ok or check.advice:
        return check
    return replace(check, advice=remedy)


def _gdal_of_rasterio() -> Check:
    import rasterio

    return Check(
        _("GDAL in rasterio"),
        _("{gdal} with PROJ {proj}").format(gdal=rasterio.__gdal_version__, proj=rasterio.__proj_version__),
    )


def _gdal_of_pyogrio() -> Check:
    import pyogrio

    formats = pyogrio.list_drivers()
    if "w" in formats.get("GPKG", ""):
        return Check(_("GDAL in pyogrio"), pyogrio.__gdal_version_string__)
    return Check(_("GDAL in pyogrio"), _("cannot write GeoPackage"), ok=False)


def _proj_database() -> Check:
    import pyproj
    from pyproj.database import get_database_metadata

    folder = Path(pyproj.datadir.get_data_dir())
    found = _("PROJ {version}, EPSG {epsg} in {folder}").format(
        version=pyproj.proj_version_str, epsg=get_database_metadata("EPSG.VERSION"), folder=folder
    )
    if (folder / "proj.db").is_file():
        return Check(_("PROJ database"), found)
    return Check(_("PROJ database"), _("no proj.db in {folder}").format(folder=folder), ok=False)


def _coordinates_by_pyproj() -> Check:
    from pyproj import Transformer

    to_study = Transformer.from_crs("EPSG:4326", STUDY_CRS, always_xy=True)
    x_m, y_m = to_study.transform(TEST_LON_DEG, TEST_LAT_DEG)
    return coordinate_check(_("Coordinates by pyproj"), x_m, y_m)


def _coordinates_by_rasterio() -> Check:
    from rasterio.warp import transform

    # rasterio carries a PROJ of its own: the right answer of the one says nothing about the other.
    xs_m, ys_m = transform("EPSG:4326", STUDY_CRS, [TEST_LON_DEG], [TEST_LAT_DEG])
    return coordinate_check(_("Coordinates by rasterio"), xs_m[0], ys_m[0])


def coordinate_check(name: str, x_m: float, y_m: float) -> Check:
    """Judge where the test point landed in the study's coordinate system.

    Parameters
    ----------
    name : str
        Of the check.
    x_m, y_m : float
        Easting and northing in EPSG:9211, m, that a library gave for 105.21 E, 21.82 N (WGS 84).

    Returns
    -------
    Check
        Not ok when it is more than a centimetre from the known answer.
    """
    miss_m = ((x_m - TEST_EASTING_M) ** 2 + (y_m - TEST_NORTHING_M) ** 2) ** 0.5
    found = _("{crs}: E {x_m:.3f}, N {y_m:.3f} m, {miss_mm:.1f} mm from the known answer").format(
        crs=STUDY_CRS, x_m=x_m, y_m=y_m, miss_mm=miss_m * 1000
    )
    if miss_m <= CRS_TOLERANCE_M:
        return Check(name, found)
    if miss_m < 1000:
        cause = _("the datum shift is missing or another one, maps would be displaced")
    else:
        cause = _("the projection is wrong, maps would be displaced")
    return Check(name, f"{found}: {cause}", ok=False)


def _round_trip() -> Check:
    from pyproj import Geod, Transformer

    pair = Transformer.from_crs("EPSG:4326", STUDY_CRS, always_xy=True)
    x_m, y_m = pair.transform(TEST_LON_DEG, TEST_LAT_DEG)
    lon_deg, lat_deg = pair.transform(x_m, y_m, direction="INVERSE")
    miss_m = Geod(ellps="WGS84").inv(TEST_LON_DEG, TEST_LAT_DEG, lon_deg, lat_deg)[2]
    return Check(
        _("There and back"),
        _("{miss_mm:.2f} mm off").format(miss_mm=miss_m * 1000),
        ok=miss_m <= ROUND_TRIP_TOLERANCE_M,
    )


def _datum_shift() -> Check:
    from pyproj import CRS, Geod, Transformer

    datum = CRS(STUDY_CRS).geodetic_crs
    lon_deg, lat_deg = Transformer.from_crs("EPSG:4326", datum, always_xy=True).transform(TEST_LON_DEG, TEST_LAT_DEG)
    shift_m = Geod(ellps="WGS84").inv(TEST_LON_DEG, TEST_LAT_DEG, lon_deg, lat_deg)[2]
    if DATUM_SHIFT_M[0] <= shift_m <= DATUM_SHIFT_M[1]:
        return Check(_("VN-2000 against WGS 84"), f"{shift_m:.2f} m")
    found = _("{shift_m:.2f} m instead of 223 to 224 m: no datum shift").format(shift_m=shift_m)
    return Check(_("VN-2000 against WGS 84"), found, ok=False)


def _sum_of_squares(count: int) -> float:
    total = 0.0
    for i in range(count):
        total += i * i
    return total


def _kernel() -> Check:
    import numba

    kernel = numba.njit()(_sum_of_squares)
    if float(kernel(1000)) != _sum_of_squares(1000):
        return Check(_("Compiled kernels"), _("wrong result"), ok=False)
    found = _("numba {version}, {threads} threads").format(version=numba.__version__, threads=numba.get_num_threads())
    return Check(_("Compiled kernels"), found)


def _kernel_cache() -> Check:
    import numba

    try:
        kernel = numba.njit(cache=True)(_sum_of_squares)
    except RuntimeError:  # numba found no folder it may write to
        advice = _("Kernels will be compiled at every start. Set NUMBA_CACHE_DIR to a folder you may write to.")
        return Check(_("Kernel cache"), _("no writable folder"), ok=False, advice=advice)
    return Check(_("Kernel cache"), str(kernel.stats.cache_path))


def _leaflet() -> Check:
    # Found without importing it: the package's own __init__ wants a configured Django.
    package = importlib.util.find_spec("leaflet")
    folders = list(package.submodule_search_locations or []) if package else []
    for folder in folders:
        script = Path(folder, "static", "leaflet", "leaflet.js")
        if script.is_file() and script.with_suffix(".css").is_file():
            return Check(_("Leaflet for offline maps"), str(script.parent))
    return Check(_("Leaflet for offline maps"), _("not found"), ok=False, advice="pip install django-leaflet")


def _geopackage() -> Check:
    import geopandas
    from shapely.geometry import Point

    hamlet = {"name": ["Nà Tông"], "geometry": [Point(TEST_EASTING_M, TEST_NORTHING_M)]}
    written = geopandas.GeoDataFrame(hamlet, crs=STUDY_CRS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "doctor.gpkg")
        written.to_file(file, layer="thon", driver="GPKG")
        read = geopandas.read_file(file, layer="thon")
    same = read.crs == written.crs and read["name"][0] == "Nà Tông" and read.geometry[0] == written.geometry[0]
    if same:
        return Check("GeoPackage", _("written and read back in a temporary folder"))
    return Check("GeoPackage", _("what was read differs from what was written"), ok=False)


_EXAMINATIONS: dict[str, Callable[[], Check]] = {
    N_("GDAL in rasterio"): _gdal_of_rasterio,
    N_("GDAL in pyogrio"): _gdal_of_pyogrio,
    N_("PROJ database"): _proj_database,
    N_("Coordinates by pyproj"): _coordinates_by_pyproj,
    N_("Coordinates by rasterio"): _coordinates_by_rasterio,
    N_("There and back"): _round_trip,
    N_("VN-2000 against WGS 84"): _datum_shift,
    N_("Compiled kernels"): _kernel,
    N_("Kernel cache"): _kernel_cache,
    N_("Leaflet for offline maps"): _leaflet,
    N_("GeoPackage"): _geopackage,
}
