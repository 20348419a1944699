"""Values beyond what numbers, shapes, coordinate systems and dates can hold are findings with their place."""

from __future__ import annotations

import re
import sqlite3
import struct
import tomllib
from random import Random
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import GeometryCollection, Point, Polygon

from covplan.pipeline import make_plan
from covplan.study.errors import SettingsError
from covplan.study.findings import findings_table
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from covplan.study.settings_file import TOML_FAULTS, load_settings
from tests.fuzz.mutate import toml
from tests.study import small_layers, small_study
from tests.study_floor.test_damage import cell, declared_as, shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HUGE = ["9223372036854775808", "99999999999999999999", "1e300", "1e400", "-1e300", "inf", "-inf", "NaN"]
LAYERS_OF_SHAPES = ("villages", "dwellings", "communes", "routes", "nodes", "places", "roads")
LOCAL = 'LOCAL_CS["plan of a building",UNIT["metre",1]]'


def checks_of(folder: Path) -> set[str]:
    """The checks that said something; every row is taken or set aside."""
    study, found = read_study(folder)
    if study is not None:
        counts = {name: len(study.table(name)) + len(study.set_aside.get(name, ())) for name in input_layers()}
        assert counts == {name: len(small_layers().get(name, ())) for name in input_layers()}, findings_table(found)
    return {one.check for one in found}


def test_a_number_that_no_number_holds_is_named_with_its_cell(tmp_path: Path) -> None:
    """In a text (CSV, whole and broken numbers) and in a column of floats (GeoPackage)."""

    def stations(table: pd.DataFrame) -> pd.DataFrame:
        table = pd.concat([table] + [table.iloc[[0]]] * len(HUGE), ignore_index=True)
        table["station_id"] = [f"S-{n}" for n in range(1, len(table) + 1)]
        table[["max_tenants", "height_m"]] = table[["max_tenants", "height_m"]].astype("object")
        table.loc[7:, ["max_tenants", "height_m"]] = [[huge, huge] for huge in HUGE]
        return table

    floats = [float(2**63), 1e300, float("inf"), -float("inf"), float("nan"), 1e19, -1e19, 70.0]
    folder = small_study(
        tmp_path,
        stations=stations,
        villages=lambda t: t.assign(households=floats, population=floats),
        routes=lambda t: t.assign(length_m=1e300),
    )
    study, found = read_study(folder)
    assert study is not None
    told = [(one.column, one.value) for one in found if one.check in ("cell_out_of_range", "cell_not_a_number")]
    for column in ("max_tenants", "height_m"):
        assert [value for name, value in told if name == column]
        assert {v for n, v in told if n == column} == set(HUGE)
    assert len([1 for name, _ in told if name == "population"]) == 6
    assert len([1 for name, _ in told if name == "length_m"]) == 1
    assert len(study.stations) == 7 + len(HUGE)


def last_ordinate(file: str, layer: str, value: float) -> Callable[[Path], None]:
    """The last coordinate of a layer's first shape made another, in the bytes: it need not be a shape any more."""

    def hurt(folder: Path) -> None:
        with sqlite3.connect(folder / file) as base:
            for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                base.execute(f'DROP TRIGGER "{name}"')
            fid, blob = base.execute(f'SELECT fid, geom FROM "{layer}" LIMIT 1').fetchone()  # noqa: S608
            content = bytearray(blob)
            struct.pack_into("<d", content, len(content) - 16, value)
            base.execute(f'UPDATE "{layer}" SET geom = ? WHERE fid = ?', (bytes(content), fid))  # noqa: S608
        base.close()

    return hurt


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e308, 415_000.0])
def test_rings_that_do_not_close_and_coordinates_that_are_none_cost_their_row_only(
    tmp_path: Path, value: float
) -> None:
    folder = small_study(tmp_path)
    for file, layer in [("villages.gpkg", "villages"), ("villages.gpkg", "dwellings"), ("roads.gpkg", "roads"),
                        ("places.gpkg", "places"), ("fiber.gpkg", "routes"), ("fiber.gpkg", "nodes")]:  # fmt: skip
        last_ordinate(file, layer, value)(folder)
    assert checks_of(folder) & {"empty_geometry", "outside_province", "invalid_geometry"}


@pytest.mark.parametrize("wrong", [None, Point(), Polygon(), GeometryCollection([Point(0, 0)])], ids=str)
def test_no_shape_empty_shapes_and_collections_are_set_aside(tmp_path: Path, wrong: Any) -> None:
    folder = small_study(tmp_path, **{name: shape(0, lambda _: wrong) for name in LAYERS_OF_SHAPES})
    assert checks_of(folder) & {"empty_geometry", "wrong_geometry"}


def test_layers_without_a_single_shape_are_no_traceback(tmp_path: Path) -> None:
    def nowhere(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return table.set_geometry(gpd.GeoSeries([None] * len(table), crs=table.crs, index=table.index))

    optional = dict.fromkeys(("dwellings", "routes", "nodes", "places", "roads"), nowhere)
    assert "empty_geometry" in checks_of(small_study(tmp_path / "optional", **optional))
    assert "empty_geometry" in checks_of(small_study(tmp_path / "communes", communes=nowhere))


def told_of(folder: Path) -> dict[str, set[str]]:
    _, found = read_study(folder)
    return {name: {one.check for one in found if one.layer == name} for name in LAYERS_OF_SHAPES}


@pytest.mark.parametrize("epsg", [4326, 4756])
def test_metres_called_degrees_are_named_when_all_layers_are_so(tmp_path: Path, epsg: int) -> None:
    folder = small_study(tmp_path, **{name: declared_as(epsg) for name in LAYERS_OF_SHAPES})
    told = told_of(folder)
    assert told["communes"] == told["villages"] == {"metres_as_degrees"}
    assert all(checks & {"metres_as_degrees", "layer_set_aside"} for checks in told.values())


def test_degrees_called_metres_are_named_when_all_layers_are_so(tmp_path: Path) -> None:
    """They agree with each other, in a place where no province is."""

    def degrees(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return table.to_crs(4326).set_crs(9211, allow_override=True)

    folder = small_study(tmp_path, **dict.fromkeys(LAYERS_OF_SHAPES, degrees))
    assert "outside_vietnam" in told_of(folder)["communes"]


def test_a_system_that_nothing_can_be_converted_from_is_named(tmp_path: Path) -> None:
    def local(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return table.set_crs(LOCAL, allow_override=True)

    told = told_of(small_study(tmp_path, **dict.fromkeys(LAYERS_OF_SHAPES, local)))
    assert told["communes"] == told["villages"] == {"unusable_crs"}
    assert told["roads"] == told["nodes"] == {"layer_set_aside"}


def test_dates_beyond_every_calendar_are_read_or_named_and_a_plan_is_made(tmp_path: Path) -> None:
    days = ["0001-01-01", "9999-12-31", "1500-01-01", "99999-01-01", "0000-00-00", "-0001-01-01", "13/2020"]
    folder = small_study(
        tmp_path,
        stations=lambda t: t.assign(on_air=days),
        statistics=lambda t: t.assign(date=["9999-12-31", "0001-01-01"]),
    )
    study, found = read_study(folder)
    assert study is not None
    named = {one.value for one in found if one.check == "bad_date"}
    assert set(days[3:]) <= named <= set(days)  # before pandas 3 days far from ours cannot be held, and are named
    indicators = make_plan(open_study(folder)).indicators.set_index("indicator")
    assert ("9999" in indicators.loc["MBB_SUBS_100", "how_en"]) != ("9999-12-31" in named)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_a_target_that_is_no_figure_stops_at_the_settings(tmp_path: Path, value: str) -> None:
    folder = small_study(tmp_path)
    with (folder / "study.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[targets.5G_POP]\ntarget_2030 = {value}\n")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    if text.count("[targets.5G_POP]") > 1:  # the file names it already
        first = text.index("[targets.5G_POP]")
        text = text[: text.rindex("[targets.5G_POP]")]
        text = text[:first] + text[first:].replace("target_2030 = ", f"target_2030 = {value} # ", 1)
        (folder / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="5G_POP"):
        load_settings(folder / "study.toml")


@pytest.mark.parametrize(("written", "read"), [
    ("B3", "L1800"), ("LTE1800", "L1800"), ("lte 1800 MHz", "L1800"), ("4G-1800", "L1800"), ("LTE B3", "L1800"),
    ("n78", "N3700"), ("NR 2600", "N2600"), ("UMTS900;LTE2100", "U900;L2100"), ("2600", "N2600"), ("B28", "L700"),
])  # fmt: skip
def test_other_spellings_of_bands_are_understood_where_they_are_sure(tmp_path: Path, written: str, read: str) -> None:
    study, found = read_study(small_study(tmp_path, stations=cell(1, "bands", written)))
    assert study is not None
    assert study.stations["bands"][1] == read
    assert [one.value for one in found if one.check == "code_normalised"] == [written]


@pytest.mark.parametrize("written", ["1800", "B1", "B8", "900", "LTE", "xyz"])
def test_a_band_that_could_be_two_is_said_and_not_guessed(tmp_path: Path, written: str) -> None:
    study, found = read_study(small_study(tmp_path, stations=cell(1, "bands", written)))
    assert study is not None
    assert [one.value for one in found if one.check == "cell_unknown_code"] == [written]


@pytest.mark.parametrize("bands", [None, "U900", "1800", "B3"])
@pytest.mark.parametrize("technologies", [None, "2G;3G"])
def test_stations_of_which_little_is_known_are_planned_with_no_cells_and_no_people(
    tmp_path: Path, bands: str | None, technologies: str | None
) -> None:
    folder = small_study(
        tmp_path,
        {"coverage": {"basis": "computed"}, "grid": {"cell_m": 500}, "uncertainty": {"draws": 0}},
        stations=lambda t: t.assign(bands=bands, technologies=technologies),
        cells=lambda t: t.iloc[:0],
        dwellings=lambda t: t.iloc[:0],
    )
    (folder / "population.tif").unlink()
    plan = make_plan(open_study(folder))
    heard = "rsrp_dbm" in plan.hamlets and plan.hamlets["rsrp_dbm"].notna().any()
    assert heard == (technologies is None and bands != "U900")


@pytest.mark.parametrize(("text", "said"), [
    ("[province]\nname = x", "line 2, column 8: no value TOML knows"),
    ("[province]\nname = 'x'\nname = 'y'", "a key stands twice"),
    ("[province]\n[province]", "a [section] stands twice"),
    ("[province\n", "a bracket is not closed"),
    ("name 'x'", "line 1, column 6: '=' is missing after a key"),
    ("name = 'x' 3", "something follows the value"),
    ("name = 'x", "a text is not closed by a quote"),
    ('name = "C:\\data"', "a backslash in a text"),
    ("x = " + "[" * 9000, "too deep"),
    ("name = 'Tuyên Quang'".encode("utf-16").decode("latin-1"), "UTF-8"),
])  # fmt: skip
def test_what_is_wrong_in_study_toml_is_said_in_the_language_spoken(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "study.toml").write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))
    with speaking("en"), pytest.raises(SettingsError, match=re.escape(said)):
        load_settings(tmp_path / "study.toml")


def test_every_word_of_the_reader_of_toml_is_known(tmp_path: Path) -> None:
    """Damaged at random: what tomllib says is in the table, whichever of its words it uses."""
    folder, unknown = small_study(tmp_path), set()
    sound = (folder / "study.toml").read_bytes()
    for seed in range(300):
        (folder / "study.toml").write_bytes(sound)
        toml(Random(seed), folder)  # noqa: S311 (a test's own)
        try:
            tomllib.loads((folder / "study.toml").read_text(encoding="utf-8-sig"))
        except tomllib.TOMLDecodeError as error:
            if not str(error).startswith(tuple(TOML_FAULTS)):
                unknown.add(str(error))
        except UnicodeDecodeError:
            pass
    assert unknown == set()


def test_a_study_of_which_no_dwelling_is_left_is_planned(tmp_path: Path) -> None:
    folder = small_study(tmp_path, dwellings=lambda t: t.set_geometry(t.translate(90_000, 0)))
    (folder / "population.tif").unlink()
    study = open_study(folder)
    assert len(study.dwellings) == 0
    assert len(study.set_aside["dwellings"]) == 16
    assert len(make_plan(study).hamlets) == 8
