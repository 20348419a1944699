"""What was assumed or simulated stands where people read: popups, banner, pages, metadata, report, terminal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from covplan.cli import main
from covplan.pipeline import make_plan
from covplan.publish.annexes import write_annexes
from covplan.publish.geopackage import write_geopackage
from covplan.publish.maps import write_map
from covplan.publish.report import report_of
from covplan.publish.report.content import Table
from covplan.publish.sheet import write_sheet
from covplan.study.folder import open_study
from covplan.study.language import speaking
from tests.publish.test_maps import specifications
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from covplan.study.plan import Plan

SIMULATED = "Stations: 6 of 7 are simulated"
ASSUMED = "Stations: 1 of 7 have assumed values (structure height)"
OF_HAMLETS = "Hamlets: 1 of 8 have assumed values (households)"


def partly(stations: pd.DataFrame) -> pd.DataFrame:
    stations["height_m"] = stations["height_m"].where(stations["station_id"] != "S-3")
    return stations.assign(synthetic=[False] + [True] * 6)


def one_unknown(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return villages.assign(households=villages["households"].where(villages["village_id"] != "T-02203-1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {"province": {"name": "Tỉnh thử", "language": "en"}}
    place = tmp_path_factory.mktemp("assumed") / "study"
    return small_study(place, settings, stations=partly, villages=one_unknown)


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    return make_plan(open_study(folder))


def test_a_popup_says_which_of_its_values_are_assumed(plan: Plan, tmp_path: Path) -> None:
    page = write_map(plan, tmp_path / "map.html", language="en").read_text(encoding="utf-8")
    layers = specifications(page)
    heights = {
        one["properties"]["location_id"]: one["properties"]["height_m"]
        for one in layers["Locations"]["data"]["features"]
    }
    assert {place: text for place, text in heights.items() if "assumed" in text} == {
        "L-2": "42\N{NO-BREAK SPACE}m (assumed)"
    }
    households = [one["properties"]["households"] for one in layers["State of the hamlets"]["data"]["features"]]
    assert sum(text.endswith(" (assumed)") for text in households) == 1
    assert all("assumed" not in one["columns"] for one in layers.values())
    for said in (SIMULATED, ASSUMED, OF_HAMLETS):
        assert said in page


def test_the_package_tells_it_in_columns_and_metadata(plan: Plan, tmp_path: Path) -> None:
    path = write_geopackage(plan, tmp_path / "plan.gpkg", language="en")
    stations = gpd.read_file(path, layer="ht_tram_bts").set_index("station_id")
    assert stations["assumed"].dropna().to_dict() == {"S-3": "height_m"}
    assert gpd.read_file(path, layer="hc_thon")["assumed"].dropna().to_list() == ["households"]
    with closing(sqlite3.connect(path)) as base:
        ((record,),) = base.execute("SELECT metadata FROM gpkg_metadata").fetchall()
        facts = dict(base.execute("SELECT key, value FROM covplan_file"))
    assert SIMULATED in record
    assert ASSUMED in record
    assert facts["simulated_rows"] == '{"stations": "6/7"}'
    assert facts["assumed_rows"] == '{"stations": "1/7", "villages": "1/8"}'


def test_a_long_notice_is_cut_to_what_excel_takes_in_a_header(tmp_path: Path) -> None:
    nothing = {"height_m": None, "antenna_height_m": None, "bands": None, "structure": None, "status": None}
    study = open_study(
        small_study(
            tmp_path,
            stations=lambda t: t.assign(**nothing, synthetic=True), dwellings=lambda t: t.assign(households=None),
            villages=lambda t: t.assign(centre_lon=None, households=None, synthetic=True),
            roads=lambda t: t.assign(synthetic=True, **{"class": None}), nodes=lambda t: t.assign(synthetic=True),
        )
    )  # fmt: skip
    book = load_workbook(write_annexes(make_plan(study), tmp_path / "a.xlsx"))
    for sheet in book:
        header = sheet.oddHeader.right
        assert len(f"&R&{header.size}{header.text}") <= 255
        assert header.text.endswith("…")


def test_report_annexes_and_hamlet_page_say_it(plan: Plan, tmp_path: Path) -> None:
    report = report_of(plan, language="en")
    assert SIMULATED in report.warning
    (table,) = [block for block in report.blocks if isinstance(block, Table) and "assumed" in block.caption]
    assert [row[:2] for row in table.rows] == [
        ("Hamlets", "1 of 8 rows have no households."), ("Stations", "1 of 7 rows have no height_m."),
    ]  # fmt: skip
    assert "42 (1): a usual height of this class of structure" in table.rows[1][2]
    book = load_workbook(write_annexes(plan, tmp_path / "a.xlsx", language="en"))
    assert all(SIMULATED in str(sheet.oddHeader.right.text) for sheet in book)
    page = write_sheet(plan, "T-02203-1", tmp_path / "hamlet.html", language="en").read_text(encoding="utf-8")
    assert "(assumed)" in page
    assert ASSUMED in page


def test_the_terminal_says_it_under_the_indicators(folder: Path) -> None:
    said = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["indicators", str(folder)])
    assert said.exit_code == 0
    assert f"{OF_HAMLETS} · {SIMULATED} · {ASSUMED}" in said.output
    assert "PARTLY SIMULATED DATA" in said.output


def test_a_class_of_structure_that_is_not_known_is_counted_as_such(tmp_path: Path) -> None:
    study = open_study(small_study(tmp_path, stations=lambda table: table.drop(columns="structure")))
    with speaking("en"):
        report = report_of(make_plan(study), language="en")
    (table,) = [b for b in report.blocks if isinstance(b, Table) and "class of structure" in b.caption]
    assert table.heads[-2:] == ("Not known", "In all")
    assert table.rows[-1][-2:] == ("6", "6")
