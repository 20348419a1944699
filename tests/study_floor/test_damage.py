"""Every way a study can be damaged gives its finding, no traceback, and no row is lost."""

from __future__ import annotations

import shutil
import sqlite3
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from shapely.affinity import translate
from shapely.geometry import LineString, Point, Polygon

from covplan.study.errors import StudyError
from covplan.study.find import plain_letters
from covplan.study.findings import checks, findings_table
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from covplan.study.layers import input_layers, layers
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study
from tests.study_floor.test_plausible import PLAUSIBLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True)
class Damage:
    """One fault put into the small study: on which layer, which finding must come of it, and where it must point."""

    check: str
    layer: str
    hurt: Callable[[Any], Any]
    column: str = ""
    value: str = ""


def cell(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A change of one cell, whatever the column's type was."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table[column] = table[column].astype("object")
        table.loc[row, column] = value
        return table

    return change


def shape(row: int, make: Callable[[Any], Any]) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """A change of one geometry."""

    def change(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        shapes = list(table.geometry)
        shapes[row] = make(shapes[row])
        return table.set_geometry(gpd.GeoSeries(shapes, crs=table.crs, index=table.index))

    return change


def declared_as(epsg: int) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """The same coordinates under another system's name: what a wrong .prj does."""
    return lambda table: table.set_crs(epsg, allow_override=True)


def swapped_point(point: Point) -> Point:
    return Point(point.y, point.x)


def bow_tie(square: Polygon) -> Polygon:
    west, south, east, north = square.bounds
    return Polygon([(west, south), (east, north), (east, south), (west, north)])


ROWS = [
    Damage("empty_value", "stations", cell(2, "operator", None), "operator"),
    Damage("not_a_number", "stations", cell(2, "lon", "bốn hai"), "lon", "bốn hai"),
    Damage("out_of_range", "stations", cell(2, "lat", -42), "lat", "-42"),
    Damage("unknown_code", "stations", cell(2, "operator", "Beeline"), "operator", "Beeline"),
    Damage("empty_value", "stations", cell(2, "lon", None), "lon"),
    Damage("duplicate_id", "stations", cell(3, "station_id", "S-1"), "station_id", "S-1"),
    Damage("outside_province", "stations", cell(2, "lat", 20.5), "geometry"),
    Damage("dangling_reference", "cells", cell(1, "station_id", "S-99"), "station_id", "S-99"),
    Damage("empty_geometry", "places", shape(1, lambda _: None), "geometry"),
    Damage("wrong_geometry", "roads", shape(1, lambda line: line.centroid), "geometry"),
    Damage("outside_province", "nodes", shape(1, lambda p: translate(p, 60_000, 0)), "geometry"),
    Damage("duplicate_id", "communes", cell(3, "commune_code", "02206"), "commune_code", "02206"),
]
CELLS = [
    Damage("cell_not_a_number", "stations", cell(2, "height_m", "bốn hai"), "height_m", "bốn hai"),
    Damage("cell_out_of_range", "stations", cell(2, "height_m", -42), "height_m", "-42"),
    Damage("cell_unknown_code", "stations", cell(2, "structure", "A2d"), "structure", "A2d"),
    Damage("cell_dangling_reference", "dwellings", cell(1, "village_id", "T-không-có"), "village_id", "T-không-có"),
    Damage("cell_dangling_reference", "villages", cell(6, "commune_code", "99999"), "commune_code", "99999"),
    Damage("cell_out_of_range", "villages", cell(6, "households", -5), "households", "-5"),
    Damage("assumed_value", "stations", cell(2, "structure", None), "structure"),
    Damage("assumed_value", "stations", cell(2, "height_m", None), "height_m"),
    Damage("assumed_value", "villages", cell(6, "households", None), "households"),
    Damage("cell_not_a_number", "stations", cell(2, "building_height_m", "cao"), "building_height_m", "cao"),
    Damage("cell_out_of_range", "stations", cell(2, "max_tenants", 40), "max_tenants", "40"),
    Damage("cell_unknown_code", "stations", cell(2, "backhaul", "bồ câu"), "backhaul", "bồ câu"),
    Damage("cell_unknown_code", "villages", cell(2, "grid_power", "có lẽ"), "grid_power", "có lẽ"),
    Damage("bad_date", "stations", cell(2, "on_air", "31/02/2020"), "on_air", "31/02/2020"),
    Damage("cell_dangling_reference", "nodes", cell(1, "village_id", "T-99"), "village_id", "T-99"),
    Damage("more_ftth_than_households", "villages", cell(0, "ftth_households", 900), "ftth_households", "900"),
    Damage("decimal_comma", "stations", cell(2, "lon", "105,19"), "lon", "105,19"),
    Damage("decimal_comma", "stations", cell(2, "height_m", "42m"), "height_m", "42m"),
    Damage("swapped_coordinates", "stations", lambda t: t.rename(columns={"lon": "lat", "lat": "lon"}), "lon, lat"),
    Damage("swapped_coordinates", "nodes", shape(1, swapped_point), "geometry"),
    Damage("invalid_geometry", "places", shape(0, bow_tie), "geometry"),
    Damage("lost_leading_zero", "stations", cell(2, "commune_code", 2200), "commune_code", "2200"),
    Damage("code_normalised", "stations", cell(1, "operator", "VinaPhone"), "operator", "VinaPhone"),
    Damage("code_normalised", "stations", cell(1, "tenants", "VTT+Vina"), "tenants", "VTT+Vina"),
    Damage("text_normalised", "villages", cell(0, "name", unicodedata.normalize("NFD", "Thôn Nà Tông")), "name"),
    Damage("assumed_centre", "villages", cell(0, "centre_lon", None), "centre_lon, centre_lat"),
    Damage("assumed_antenna_height", "stations", cell(2, "antenna_height_m", None), "antenna_height_m"),
    Damage(
        "taken_as_restricted",
        "stations",
        lambda t: cell(2, "restricted", "mật")(t.assign(restricted="")),
        "restricted",
        "mật",
    ),
    Damage("protecting_column", "stations", lambda t: t.assign(mật=""), "mật"),
    Damage("assumed_cells", "cells", lambda t: t.iloc[:-1], "station_id"),
]
WARNINGS = [
    Damage("broken_text", "villages", cell(0, "name", "ThÃ´n NÃ\xa0 TÃ´ng"), "name"),
    Damage("formula_text", "villages", cell(0, "name", '=HYPERLINK("x")'), "name", '=HYPERLINK("x")'),
    Damage("unknown_column", "stations", lambda t: t.assign(heigth_m=1), "heigth_m"),
    Damage("hamlet_without_dwellings", "dwellings", lambda t: t.iloc[2:], "village_id", "T-02200-1"),
    Damage("households_disagree", "dwellings", cell(0, "households", 500), "households"),
    Damage("ftth_disagrees", "villages", cell(2, "ftth_households", 9), "declared_ftth"),
    Damage("hamlet_outside_commune", "villages", cell(0, "commune_code", "02209"), "commune_code", "02209"),
    Damage("station_outside_commune", "stations", cell(2, "commune_code", "02209"), "commune_code", "02209"),
    Damage("scattered_location", "stations", cell(2, "location_id", "L-1"), "location_id", "L-1"),
    Damage("twin_locations", "stations", cell(1, "location_id", "L-9"), "location_id"),
    Damage("tenants_disagree", "stations", cell(2, "tenants", "VTL;MBF"), "tenants", "MBF, VTL"),
    Damage("too_many_tenants", "stations", cell(0, "max_tenants", 1), "max_tenants", "1"),
    Damage("antenna_above_structure", "stations", cell(2, "antenna_height_m", 80), "antenna_height_m"),
    Damage("rounded_coordinates", "stations", lambda t: t.round({"lon": 2, "lat": 2}), "lon, lat"),
    Damage("missing_optional_layer", "roads", lambda t: t.iloc[:0]),
]


def damaged(folder: Path, one: Damage) -> Path:
    return small_study(folder, **{one.layer: one.hurt})


def name_of(one: Damage) -> str:
    return f"{one.check}-{one.layer}-{one.column}"


@pytest.mark.parametrize("one", ROWS + CELLS + WARNINGS, ids=name_of)
def test_a_damaged_row_is_found_named_and_not_lost(tmp_path, one):
    study, found = read_study(damaged(tmp_path, one))

    hits = [f for f in found if f.check == one.check and f.layer in (one.layer, "villages", "stations")]
    assert hits, findings_table(found)
    assert all(f.column == one.column for f in hits)
    if one.value:
        assert hits[0].value == one.value
    assert study is not None
    for layer in input_layers():
        written = one.hurt(small_layers()[layer]) if layer == one.layer else small_layers().get(layer, ())
        assert len(study.table(layer)) + len(study.set_aside.get(layer, ())) == len(written)


@pytest.mark.parametrize("one", ROWS, ids=name_of)
def test_a_row_set_aside_keeps_what_was_written_and_why(tmp_path, one):
    study, _ = read_study(damaged(tmp_path, one))
    aside = study.set_aside[one.layer]
    assert aside["reasons"].str.contains(one.check).any()
    if one.value and one.column != "geometry":
        assert one.value in aside[one.column].astype(str).to_list()


def test_all_damages_of_cells_at_once_give_all_their_findings(tmp_path):
    layers: dict[str, Any] = small_layers()
    plan = [
        d
        for d in ROWS + CELLS
        if d.layer == "stations" and d.check not in ("swapped_coordinates", "taken_as_restricted", "protecting_column")
    ]
    stations = pd.concat([layers["stations"]] * 4, ignore_index=True)
    stations["station_id"] = [f"S-{n}" for n in range(1, len(stations) + 1)]
    for row, damage in enumerate(plan, start=4):
        hurt = damage.hurt(layers["stations"].copy())
        if damage.check == "duplicate_id":
            stations.loc[row, "station_id"] = "S-1"
            continue
        stations = cell(row, damage.column if damage.column != "geometry" else "lat", None)(stations)
        wrong = hurt.loc[2, damage.column] if damage.column in hurt else 20.5
        if damage.check == "code_normalised":
            wrong = hurt.loc[1, damage.column]
        stations.loc[row, damage.column if damage.column in stations else "lat"] = wrong
    study, found = read_study(small_study(tmp_path, stations=stations))
    assert {d.check for d in plan} <= {f.check for f in found}
    assert len(study.stations) + len(study.set_aside["stations"]) == len(stations)


def _without(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def _text(file: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text(text, encoding="utf-8")


def _bytes(file: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / file).write_bytes(content)

    return write


def _sql(file: str, *statements: str) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        with sqlite3.connect(folder / file) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return run


def _plane_coordinates(folder: Path) -> None:
    table = pd.read_csv(folder / "bts_sites.csv")
    points = gpd.GeoSeries.from_xy(table["lon"], table["lat"], crs=4326).to_crs(9209)
    table["lon"], table["lat"] = points.x.round(1), points.y.round(1)
    table.to_csv(folder / "bts_sites.csv", index=False)


def _rename_layer(folder: Path) -> None:
    for layer in ("dwellings", "communes"):
        table = gpd.read_file(folder / "villages.gpkg", layer=layer)
        table.to_file(folder / "other.gpkg", layer=layer)
    gpd.read_file(folder / "villages.gpkg", layer="villages").to_file(folder / "other.gpkg", layer="thon_ban")
    shutil.move(folder / "other.gpkg", folder / "villages.gpkg")


def _drop_column(folder: Path) -> None:
    pd.read_csv(folder / "bts_sites.csv").rename(columns={"operator": "operater"}).to_csv(
        folder / "bts_sites.csv", index=False
    )


def _raster_without_crs(folder: Path) -> None:
    with rasterio.open(folder / "elevation.tif") as raster:
        values, profile = raster.read(1), raster.profile | {"crs": None}
    with rasterio.open(folder / "elevation.tif", "w", **profile) as raster:
        raster.write(values, 1)


FOLDERS = [
    ("missing_file", "bts_sites.csv", _without("bts_sites.csv")),
    ("missing_file", "villages.gpkg", _without("villages.gpkg")),
    ("missing_layer", "villages.gpkg", _rename_layer),
    ("missing_column", "bts_sites.csv", _drop_column),
    ("unreadable_file", "villages.gpkg", _bytes("villages.gpkg", b"SQLite format 3\x00" + b"x" * 500)),
    ("unreadable_file", "bts_sites.csv", _bytes("bts_sites.csv", b"")),
    ("unreadable_file", "bts_sites.csv", _text("bts_sites.csv", "")),
    ("unreadable_file", "bts_sites.csv", _text("bts_sites.csv", "station_id,lon\nA,1,2,3\n")),
    ("empty_layer", "bts_sites.csv", lambda f: _drop_rows(f)),
    ("plane_coordinates", "bts_sites.csv", _plane_coordinates),
    ("unusable_raster", "elevation.tif", _bytes("elevation.tif", b"II*\x00 not a raster")),
    ("no_crs", "elevation.tif", _raster_without_crs),
]


def _drop_rows(folder: Path) -> None:
    table = pd.read_csv(folder / "bts_sites.csv")
    table.iloc[:0].to_csv(folder / "bts_sites.csv", index=False)


@pytest.mark.parametrize(("check", "file", "hurt"), FOLDERS, ids=[f"{c}-{f}" for c, f, _ in FOLDERS])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_damaged_file_stops_the_run_with_its_name(tmp_path, check, file, hurt):
    folder = small_study(tmp_path)
    hurt(folder)
    study, found = read_study(folder)
    assert study is None
    assert (check, file) in {(f.check, f.file) for f in found}
    with pytest.raises(StudyError, match=file):
        open_study(folder)


def test_a_file_in_the_wrong_meridian_is_named_not_moved(tmp_path):
    study, found = read_study(small_study(tmp_path, villages=declared_as(9209)))
    wrong = [f for f in found if f.check == "wrong_meridian"]
    assert study is None
    assert len(wrong) == 1
    assert "EPSG:9211" in wrong[0].text("problem", "en")
    assert "EPSG:9209" in wrong[0].text("problem", "en")


def test_plane_coordinates_in_degree_columns_are_named_with_their_system(tmp_path):
    folder = small_study(tmp_path)
    _plane_coordinates(folder)
    _, found = read_study(folder)
    assert ["EPSG:9209" in f.text("problem", "en") for f in found if f.check == "plane_coordinates"] == [True]


def test_codes_of_the_other_boundary_version_are_recognised(tmp_path):
    def new_list(communes):
        communes["boundary_version"] = ["2025-07"] * 4 + ["2025-02"]
        communes["commune_code"] = ["02200", "02203", "02206", "02209", "02212"]
        return communes

    _, found = read_study(small_study(tmp_path, communes=new_list))
    assert {f.layer for f in found if f.check == "wrong_boundary_version"} == {"villages", "stations"}


def test_a_legacy_encoding_is_read_and_said(tmp_path):
    folder = small_study(tmp_path)
    text = (folder / "bts_sites.csv").read_text(encoding="utf-8").replace("existing", "existing ‘a’", 0)
    (folder / "bts_sites.csv").write_bytes(text.replace("VNPT,L-1", "Viễn thông,L-1", 1).encode("utf-16"))
    _, found = read_study(folder)
    assert [f.details["encoding"] for f in found if f.check == "legacy_encoding"] == ["utf-16"]


def test_a_semicolon_file_from_a_vietnamese_excel_reads_like_the_original(tmp_path):
    folder = small_study(tmp_path)
    table = pd.read_csv(folder / "bts_sites.csv", dtype=str, keep_default_na=False)
    table[["technologies", "bands", "tenants"]] = table[["technologies", "bands", "tenants"]].replace(
        ";", "+", regex=True
    )
    table[["lon", "lat"]] = table[["lon", "lat"]].replace(r"\.", ",", regex=True)
    expected = open_study(folder).stations
    table.to_csv(folder / "bts_sites.csv", sep=";", index=False, encoding="utf-8-sig")
    study = open_study(folder)
    pd.testing.assert_frame_equal(pd.DataFrame(study.stations), pd.DataFrame(expected))
    assert sum(f.check == "decimal_comma" for f in study.findings) == 2 * len(expected)


def test_what_gdal_warns_of_is_passed_on(tmp_path):
    folder = small_study(tmp_path)
    _sql("roads.gpkg", "PRAGMA application_id = 1")(folder)
    study, found = read_study(folder)
    assert len(study.roads) == 2
    assert ["application_id" in f.text("problem", "en") for f in found if f.check == "file_warning"] == [True]


def _heights(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with rasterio.open(folder / "elevation.tif", "r+") as raster:
        raster.write(change(raster.read(1)), 1)


def test_rasters_with_voids_gaps_or_foreign_units_are_reported(tmp_path):
    def void(values):
        values[:40] = -32768
        return values

    folder = small_study(tmp_path)
    _heights(folder, void)
    assert "raster_voids" in {f.check for f in read_study(folder)[1]}
    _heights(small_study(tmp_path / "b"), lambda v: (v * 30).astype(v.dtype))
    assert "unlikely_elevation" in {f.check for f in read_study(tmp_path / "b")[1]}
    folder = small_study(tmp_path / "c")
    with rasterio.open(folder / "landcover.tif") as raster:
        part, profile = raster.read(1)[:60, :60], raster.profile | {"width": 60, "height": 60, "tiled": False}
        profile.pop("blockxsize"), profile.pop("blockysize")
    with rasterio.open(folder / "landcover.tif", "w", **profile) as raster:
        raster.write(part, 1)
    assert "raster_too_small" in {f.check for f in read_study(folder)[1]}
    (folder / "population.tif").unlink()
    assert "missing_raster" in {f.check for f in read_study(folder)[1]}


@speaking("en")
def test_a_check_called_strict_stops_the_run(tmp_path):
    folder = small_study(tmp_path, {"checks": {"strict": ["twin_locations"]}}, stations=cell(1, "location_id", "L-9"))
    with pytest.raises(StudyError, match="Location L-9 is only 0 m away"):
        open_study(folder)


def test_every_check_has_its_damage_here():
    shown = {d.check for d in ROWS + CELLS + WARNINGS} | {check for check, *_ in FOLDERS}
    shown |= {"wrong_meridian", "wrong_boundary_version", "legacy_encoding", "no_such_version"}
    # What becomes of codes of another list is shown in test_crosswalk.py.
    shown |= {"assumed_cables"}  # in tests/fiber/test_reach.py
    shown |= {"commune_translated", "commune_translated_unsure", "boundary_version_read"}
    shown |= {"file_warning", "raster_voids", "unlikely_elevation", "raster_too_small", "missing_raster"}
    # What comes up while planning is shown in tests/fiber, test_real_province.py and test_least_data.py.
    shown |= {"station_without_band"}
    shown |= {"hamlet_far_from_road", "road_network_split", "hamlet_without_free_port", "node_without_capacity"}
    shown |= {"dwelling_without_hamlet", "assumed_landcover", "other_landcover", "unknown_landcover"}  # test_assumed.py
    shown |= {"node_without_exchange", "station_without_terrain", "hamlet_out_of_reach"}
    shown |= {"road_gaps_closed", "road_pieces_passed_over"}
    shown |= {"unusable_crs", "metres_as_degrees", "outside_vietnam"}  # tests/study_floor/test_extremes.py
    shown |= PLAUSIBLE  # tests/study_floor/test_plausible.py
    shown |= {"layer_set_aside", "broken_row", "broken_bytes"}  # tests/study_floor/test_reading.py
    shown |= {"neighbour_stations"}  # in tests/test_neighbours.py
    shown |= {"antenna_outside_model", "distance_outside_model", "offsets_of_other_model"}  # tests/radio/test_models.py
    shown |= {"unused_file"}  # tests/study_floor/test_around.py
    shown |= {name for name in checks() if name.startswith("intake_")}  # tests/intake
    assert shown == set(checks())  # none without a damage, none without a name
    assert len(shown) >= 30


@pytest.mark.parametrize(("layer", "column", "written", "read"), [
    ("service_points", "kind", "D1", "Đ1"), ("service_points", "kind", "\u00d02", "Đ2"),
    ("stations", "structure", "a2B", "A2b"), ("places", "kind", "School", "school"),
])  # fmt: skip
def test_a_code_in_another_case_or_without_accents_is_repaired_and_told(tmp_path, layer, column, written, read):
    study, found = read_study(small_study(tmp_path, **{layer: cell(1, column, written)}))
    assert study.table(layer)[column][1] == read
    assert len(study.set_aside) == 0
    said = {one.check for one in found if one.column == column}
    assert said == {"text_normalised" if written.startswith("\u00d0") else "code_normalised"}


def test_no_two_codes_of_a_column_differ_by_case_or_accents_alone():
    for layer in layers().values():
        for column in layer.columns:
            assert len({plain_letters(code) for code in column.allowed}) == len(column.allowed), (
                layer.name,
                column.name,
            )


def test_communes_of_another_version_than_the_study_asks_for_stop_the_run(tmp_path):
    communes = small_layers()["communes"].iloc[:4]
    _, found = read_study(
        small_study(tmp_path, {"province": {"name": "T", "boundaries": "2025-07"}}, communes=communes)
    )
    assert "no_such_version" in {f.check for f in found}


def test_an_undamaged_study_has_nothing_to_say(tmp_path):
    study, found = read_study(small_study(tmp_path))
    assert [f.check for f in found] == ["missing_optional_layer"]  # measurements.csv
    assert study.set_aside == {}


def test_a_point_far_out_of_any_projection_is_set_aside(tmp_path):
    place = shape(1, lambda _: Point(1e12, 1e12))
    study, _ = read_study(small_study(tmp_path, places=place))
    assert len(study.set_aside["places"]) == 1


def test_a_line_of_one_point_is_repaired_or_set_aside_never_a_traceback(tmp_path):
    point = LineString([(WEST + SIDE, SOUTH), (WEST + SIDE, SOUTH)])
    study, found = read_study(small_study(tmp_path, roads=shape(0, lambda _: point)))
    assert len(study.roads) + len(study.set_aside.get("roads", ())) == 2
    assert {f.layer for f in found} >= {"roads"}
    assert study.roads.crs.to_epsg() == EPSG
