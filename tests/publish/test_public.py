"""One rule of confidentiality for every file that is handed on."""

from __future__ import annotations

import json
import re
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
from docx import Document
from shapely.geometry import LineString, Point

from covplan.pipeline import explain_link, make_plan
from covplan.publish.annexes import write_annexes
from covplan.publish.geopackage import write_geopackage
from covplan.publish.legacy import write_legacy
from covplan.publish.maps import write_map
from covplan.publish.ofds import write_ofds
from covplan.publish.public import public_plan, public_study, secret_ids
from covplan.publish.report import write_report
from covplan.publish.sheet import write_sheet
from covplan.study.folder import open_study
from covplan.study.layers import layers
from covplan.study.plan import result_table
from tests.publish.test_maps import specifications
from tests.study import EPSG, small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

DARK, WEAK = "T-02203-2", "T-02203-1"
BASE_VND = [1.5e9, 3e8, 2e8, 5e7, 4e8]


def restricted_s4(stations: pd.DataFrame) -> pd.DataFrame:
    """Station S-4, alone on location L-3, is restricted; it stands where nothing else is."""
    stations["restricted"] = stations["station_id"] == "S-4"
    stations.loc[3, ["lon", "lat"]] = [stations.loc[3, "lon"] + 0.00567, stations.loc[3, "lat"] + 0.00432]
    return stations


def decided(plan: Plan) -> pd.DataFrame:
    """A decision to raise the antenna of the restricted station, as a planner wrote it down."""
    at = plan.locations.set_index("location_id").geometry["L-3"]
    rows = pd.DataFrame(
        {"decision_id": ["QD-001"], "decision": ["accepted"], "kind": ["white_spot"], "action": ["raise_antenna"],
         "operator": ["MBF"], "location_id": ["L-3"], "year": [2026], "note": ["cột của trạm S-4"]}
    )  # fmt: skip
    columns = [column.name for column in layers()["decisions"].columns]
    return gpd.GeoDataFrame(rows.reindex(columns=columns), geometry=[at], crs=EPSG)


def with_secrets(plan: Plan) -> Plan:
    """The plan with a new mast, and four proposals that are about the restricted location, each in another way."""
    at = plan.locations.set_index("location_id").geometry
    centre = plan.hamlets.set_index("village_id").geometry.centroid
    rows = pd.DataFrame(
        {
            "proposal_id": ["W-1", "W-2", "F-1", "S-1", "W-3"],
            "kind": ["white_spot", "white_spot", "fiber", "share", "white_spot"],
            "action": ["new_mast", "raise_antenna", "backhaul", "consolidate", "small_cell"],
            "operator": [None, "MBF", "MBF", "VTL", "VTL"],
            "location_id": [None, "L-3", "L-3", "L-1", None],
            "from_location_id": [None, None, None, "L-3", None],
            "village_id": [DARK, WEAK, None, None, WEAK],
            "gains": [DARK, WEAK, None, None, None],
            "gains_count": [1, 1, 0, 0, 0],
            "households": [60, 80, 0, 0, 0],
            "indicator": "VILLAGE_MBB_COV",
            "cost_low_vnd": BASE_VND,
            "cost_base_vnd": BASE_VND,
            "cost_high_vnd": BASE_VND,
            "year": [2027, 2026, 2026, None, 2028],
            "title_vi": ["Cột mới", "Nâng anten", "Kéo cáp", "Dùng chung", "Trạm nhỏ thay S-4"],
            "title_en": "Title",
            "reason_vi": "Vì",
            "reason_en": "Because",
        }
    )
    secret = at["L-3"]
    places = [centre[DARK], secret, LineString([centre[DARK], secret]), at["L-1"], Point(secret.x + 9, secret.y)]
    lonlat = gpd.GeoSeries(places, crs=EPSG).centroid.to_crs(4326)
    rows = rows.assign(lon=lonlat.x.round(6), lat=lonlat.y.round(6))
    table = gpd.GeoDataFrame(result_table("proposals", rows), geometry=places, crs=EPSG)
    return replace(plan, study=replace(plan.study, decisions=decided(plan)), proposals=table)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = small_study(tmp_path_factory.mktemp("secret") / "study", stations=restricted_s4)
    return with_secrets(make_plan(open_study(folder)))


@pytest.fixture(scope="module")
def files(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that is handed on, in one folder."""
    out = tmp_path_factory.mktemp("out")
    write_geopackage(plan, out / "plan.gpkg")
    write_geopackage(plan, out / "wgs84.gpkg", epsg=4326)
    write_legacy(plan, out / "shp", "shp")
    write_legacy(plan, out / "tab", "tab")
    write_ofds(plan, out / "fiber.json")
    write_annexes(plan, out / "annexes.xlsx")
    write_report(plan, out / "report.docx")
    write_report(plan, out / "report.html")
    public_plan(plan).save(out / "csv")
    for village in plan.hamlets["village_id"]:
        write_sheet(plan, village, out / "sheets" / f"{village}.html", explain_link(plan.study, village))
    write_map(plan, out / "map.html")
    return out


def texts(path: Path) -> str:
    """All text in a file: cells, rows, parts of archives."""
    if path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as base:
            names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return "\n".join(repr(base.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names)  # noqa: S608
    if path.suffix == ".docx" or path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return "\n".join(archive.read(name).decode("utf-8", "ignore") for name in archive.namelist())
    return re.sub(r"base64,[\w+/=]+", "", path.read_bytes().decode("utf-8", "ignore"))


def numbers_of(plan: Plan) -> list[str]:
    """The restricted place as files write it: degrees and metres, with a dot or with a comma."""
    station = plan.study.stations.set_index("station_id").loc["S-4"]
    metres = [f"{station.geometry.x:.1f}", f"{station.geometry.y:.1f}"]
    dots = [f"{station.lon:.5f}"[:-1], f"{station.lat:.5f}"[:-1], *metres]
    return dots + [one.replace(".", ",") for one in dots]


def test_nothing_that_leaves_names_or_shows_what_is_restricted(plan: Plan, files: Path) -> None:
    named = re.compile("|".join([r"\b(?:S-4|L-3)\b(?!\.)", *map(re.escape, numbers_of(plan))]))
    told = {str(path.relative_to(files)): named.findall(texts(path)) for path in files.rglob("*") if path.is_file()}
    assert {name: found for name, found in told.items() if found} == {}
    assert len(told) > 60


def test_no_shape_that_leaves_ends_at_the_restricted_place(plan: Plan, files: Path) -> None:
    secret = plan.locations.set_index("location_id").geometry["L-3"]
    near = []
    for path in [files / "plan.gpkg", files / "wgs84.gpkg", *files.glob("shp/*.shp"), *files.glob("tab/*.tab")]:
        for layer, kind in pyogrio.list_layers(path):
            if kind is None or "Polygon" in kind:
                continue
            shapes = pyogrio.read_dataframe(path, layer=layer).geometry.dropna().to_crs(EPSG)
            near += [(path.name, layer) for shape in shapes if _ends(shape).distance(secret) < 30.0]
    assert near == []


def _ends(shape: Any) -> Any:
    return shape if shape.geom_type.endswith("Point") else shape.boundary


def test_counts_and_costs_are_the_same_in_every_file(plan: Plan, files: Path) -> None:
    kinds = {"white_spot": 3, "fiber": 1, "share": 1}
    expected = (kinds, sum(BASE_VND), 140)

    def counted(table: pd.DataFrame) -> tuple[dict[str, int], float, int]:
        return dict(table["kind"].value_counts()), float(table["cost_base_vnd"].sum()), int(table["households"].sum())

    assert counted(pyogrio.read_dataframe(files / "plan.gpkg", layer="qh_de_xuat")) == expected
    assert counted(pd.read_csv(files / "csv" / "proposals.csv", encoding="utf-8-sig")) == expected
    assert counted(public_plan(plan).proposals) == expected
    shapefiles = [pyogrio.read_dataframe(path) for path in (files / "shp").glob("qh_de_xuat*.shp")]
    assert sorted(one for table in shapefiles for one in table["proposal_i"]) == sorted(plan.proposals["proposal_id"])
    reasons = openpyxl.load_workbook(files / "annexes.xlsx")["Lý do"]
    cells = {str(cell.value) for column in reasons.iter_cols(2, 2) for cell in column}
    assert set(plan.proposals["proposal_id"]) <= cells
    words = "\n".join(paragraph.text for paragraph in Document(str(files / "report.docx")).paragraphs)
    assert "Phương án gồm 5 đề xuất, tổng vốn đầu tư cơ sở 2,45 tỷ đồng" in words
    features = _specification(files)["data"]["features"]
    assert len(features) == 5
    assert sum(one["properties"]["vnd"] for one in features) == sum(BASE_VND)
    assert len(pyogrio.read_dataframe(files / "plan.gpkg", layer="ht_cot_ang_ten")) == 5
    assert "5 vị trí cột" in (files / "map.html").read_text("utf-8")


def test_a_hamlet_that_a_hidden_proposal_serves_is_counted_and_not_painted(files: Path) -> None:
    page = (files / "map.html").read_text("utf-8")
    hamlets = {
        one["properties"]["id"]: one["properties"]
        for one in specifications(page)["Trạng thái phủ sóng theo thôn"]["data"]["features"]
    }
    assert hamlets[DARK]["by"] == [0]
    assert "gains" in hamlets[DARK]
    assert not {"by", "gains"} & set(hamlets[WEAK])
    time = json.loads(re.findall(r"covplan\.time\(\w+, (\{.*?\})\)", page)[0])
    assert dict(zip(time["years"], time["unplaced"], strict=True)) == {
        2025: 0, 2026: 1, 2027: 1, 2028: 1, 2029: 1, 2030: 1,
    }  # fmt: skip
    placed = {one["properties"]["proposal_id"]: one["geometry"] for one in _specification(files)["data"]["features"]}
    assert [one for one, geometry in placed.items() if geometry] == ["W-1"]
    assert "Chưa có đề xuất cho thôn này" in (files / "sheets" / f"{WEAK}.html").read_text("utf-8")


def test_a_hidden_row_says_how_much_and_when_and_nothing_else(plan: Plan) -> None:
    shown = public_plan(plan).proposals.set_index("proposal_id")
    row = shown.loc["W-2"].drop(["geometry"]).dropna()
    assert set(row.index) == {
        "kind", "action", "title_vi", "title_en", "gains_count", "households", "indicator", "cost_low_vnd",
        "cost_base_vnd", "cost_high_vnd", "year", "reason_vi", "reason_en",
    }  # fmt: skip
    assert row["title_en"].endswith("(place not published)")
    assert shown.loc["W-1", "title_vi"] == "Cột mới"
    decision = public_plan(plan).study.decisions.iloc[0]
    assert (decision["decision"], decision["year"]) == ("accepted", 2026)
    assert decision[["operator", "location_id", "note", "geometry"]].isna().all()


def test_a_plan_without_secrets_leaves_as_it_is(tmp_path: Path) -> None:
    plan = make_plan(open_study(small_study(tmp_path / "study")))
    assert public_plan(plan) is plan
    assert public_study(plan.study) is plan.study


def test_what_is_public_stays_so(plan: Plan) -> None:
    assert secret_ids(public_plan(plan).study) == set()
    assert public_plan(plan, include_restricted=True) is plan


def test_a_set_aside_row_hides_its_location_too(tmp_path: Path) -> None:
    """Another operator's station there stands at the same place."""

    def aside(stations: pd.DataFrame) -> pd.DataFrame:
        stations["restricted"] = stations["station_id"] == "S-1"
        stations.loc[0, "lat"] = 11.234567
        return stations

    study = open_study(small_study(tmp_path / "study", stations=aside))
    assert {"S-1", "S-2", "L-1"} <= secret_ids(study)
    assert "L-1" not in set(public_study(study).stations["location_id"])


def _specification(files: Path) -> dict[str, Any]:
    told: dict[str, Any] = specifications((files / "map.html").read_text("utf-8"))["Đề xuất"]
    return told
