"""Nothing of a restricted station leaves the house, however its restriction is spelt: searched in all bytes."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest

from covplan.pipeline import explain_link, make_plan
from covplan.publish.annexes import write_annexes
from covplan.publish.geopackage import write_geopackage
from covplan.publish.legacy import write_legacy
from covplan.publish.maps import write_map
from covplan.publish.ofds import write_ofds
from covplan.publish.public import public_plan, public_study, secret_ids
from covplan.publish.report import write_report
from covplan.publish.sheet import write_sheet
from covplan.study.columns import protected_rows
from covplan.study.folder import open_study, read_study
from covplan.study.layers import layers
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.folder import Study
    from covplan.study.plan import Plan

MARK = "ZQX7K"  # in every id of what is restricted; in nothing else, whatever a file is packed with
CLOSED = [
    "mật", "Mật", "MẬT", "ma\u0323\u0302t", "C", "c", "bảo mật", "tuyệt mật", "TM", "x", "X", "✓", "có", "Có", "?", " ",
    "\u00a0", "2", "-1", "true", "1", "-", "không rõ", "chưa", "nan", "null", "quân sự",
]  # fmt: skip
PUBLIC = [
    "",
    "không",
    "Không",
    "khong",
    "KHÔNG ",
    "no",
    "No",
    "false",
    "FALSE",
    "0",
    "0.0",
    "sai",
    "n",
    "k",
    "công khai",
]


def _stations(words: list[str], mark: str) -> pd.DataFrame:
    """A station for each word that stands in the column `restricted`, each on ground of its own, with its own cell."""
    template = small_layers()["stations"].iloc[[2]]
    rows = pd.concat([template] * len(words), ignore_index=True)
    at = gpd.GeoSeries.from_xy(
        [WEST + 777.7 + 417.3 * n for n in range(len(words))],
        [SOUTH + 2 * SIDE - 1234.5 - 311.1 * (n % 7) for n in range(len(words))],
        crs=EPSG,
    ).to_crs(4326)
    return rows.assign(
        station_id=[f"{mark}{n:02}S" for n in range(len(words))],
        location_id=[f"{mark}{n:02}L" for n in range(len(words))],
        lon=at.x.round(6),
        lat=at.y.round(6),
        commune_code=None,
        restricted=words,
    )


def _with_all_words(stations: pd.DataFrame) -> pd.DataFrame:
    closed = _stations(CLOSED, MARK)
    # Another enterprise on the structure of the first; rows that cannot be used; an id that is an earlier row's.
    shared = closed.iloc[[0]].assign(station_id=f"{MARK}80S", operator="VNPT", restricted="")
    aside = closed.iloc[[1, 2]].assign(station_id=[f"{MARK}81S", f"{MARK}82S"], location_id=f"{MARK}81L", lat=11.23)
    again = closed.iloc[[3]].assign(station_id=f"{MARK}83S", location_id=f"{MARK}83L", restricted="no")
    again = pd.concat([again, again.assign(restricted="mật")])
    return pd.concat([stations, closed, shared, aside, again], ignore_index=True)


def _with_their_cells(cells: pd.DataFrame) -> pd.DataFrame:
    numbers = [*range(len(CLOSED)), 80, 81, 83]
    own = pd.concat([cells.iloc[[0]]] * len(numbers), ignore_index=True).assign(
        cell_id=[f"{MARK}{n:02}C" for n in numbers], station_id=[f"{MARK}{n:02}S" for n in numbers]
    )
    own.loc[3, "band"] = "L999"  # set aside, and named in a finding
    own.loc[4, "station_id"] = f"{MARK}04s"  # no such station: the letter is small
    return pd.concat([cells, own], ignore_index=True)


def _decisions() -> pd.DataFrame:
    at = small_layers()["stations"].iloc[2]
    return pd.DataFrame(
        {"decision_id": [f"QĐ {MARK}05L", "QĐ-2"], "decision": "accepted", "kind": "white_spot",
         "action": "raise_antenna", "operator": "VTL", "location_id": [None, f"{MARK}06L"],
         "lon": at["lon"], "lat": at["lat"], "year": 2026,
         "note": [None, f"như {MARK.lower()}07s"]}
    )  # fmt: skip


def _measurements() -> pd.DataFrame:
    at = small_layers()["stations"].iloc[2]
    return pd.DataFrame(
        {"operator": "VTL", "technology": "4G", "lon": [at["lon"], at["lon"]], "lat": [at["lat"], 11.5],
         "rsrp_dbm": -90.0, "band": "L1800", "cell_id": [f"{MARK}08C", f"{MARK}09C"]}
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = small_study(
        tmp_path_factory.mktemp("leaks") / "study",
        {"coverage": {"basis": "computed"}, "grid": {"cell_m": 200}},
        stations=_with_all_words,
        cells=_with_their_cells,
        decisions=_decisions(),
        measurements=_measurements(),
    )
    with (folder / "bts_sites.csv").open("a", encoding="utf-8") as file:  # lines that are no rows
        file.write(f'{MARK}84S,VTL,{MARK}84L,105.1,22.0,"mật\n')
        file.write(f"{MARK}85S,VTL,{MARK}85L,105.1,22.0" + "," * 30 + "mật\n")
    return open_study(folder)


@pytest.fixture(scope="module")
def plan(study: Study) -> Plan:
    return make_plan(study)


@pytest.fixture(scope="module")
def files(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything that is handed on."""
    out = tmp_path_factory.mktemp("out")
    write_geopackage(plan, out / "plan.gpkg")
    write_legacy(plan, out / "shp", "shp")
    write_legacy(plan, out / "tab", "tab")
    write_ofds(plan, out / "fiber.json")
    write_annexes(plan, out / "annexes.xlsx")
    write_report(plan, out / "report.docx")
    write_report(plan, out / "report.html")
    public_plan(plan).save(out / "csv")
    village = plan.hamlets["village_id"].iloc[2]
    write_sheet(plan, village, out / "sheet.html", explain_link(plan.study, village))
    write_map(plan, out / "map.html")
    public_study(plan.study).save(out / "study")
    return out


def unpacked(content: bytes) -> bytes:
    """All bytes of a file, parts of archives unpacked."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"\n".join(name.encode() + unpacked(archive.read(name)) for name in archive.namelist())


def test_no_byte_of_any_file_names_a_restricted_station_however_it_is_spelt(plan: Plan, files: Path) -> None:
    wanted = re.compile(MARK.encode() + b"|" + MARK.encode("utf-16-le"), re.IGNORECASE)
    contents = {path.relative_to(files): unpacked(path.read_bytes()) for path in files.rglob("*") if path.is_file()}
    assert {str(name): found for name, one in contents.items() if (found := wanted.findall(one))} == {}
    assert not [name for name in contents if wanted.search(str(name).encode())]
    assert len(contents) > 50
    inside = " ".join(plan.hamlets["server"].dropna())
    assert MARK in inside  # the search would find it: they do serve hamlets


def test_no_byte_of_any_file_holds_the_place_of_a_restricted_station(plan: Plan, files: Path) -> None:
    ours = plan.study.stations[plan.study.stations["station_id"].str.startswith(MARK)]
    at = {f"{value:.6f}"[:-1] for name in ("lon", "lat") for value in ours[name]}
    at |= {f"{value:.1f}" for values in (ours.geometry.x, ours.geometry.y) for value in values}
    wanted = re.compile("|".join(re.escape(one).replace(r"\.", "[.,]") for one in sorted(at)).encode())
    found = {path.name: set(wanted.findall(unpacked(path.read_bytes()))) for path in files.rglob("*") if path.is_file()}
    assert {name: one for name, one in found.items() if one} == {}


def test_what_is_not_plainly_a_no_is_restricted_and_told(study: Study) -> None:
    shown = study.stations.set_index("station_id")["restricted"].fillna(value=False)
    assert [word for n, word in enumerate(CLOSED) if not bool(shown[f"{MARK}{n:02}S"])] == []
    told = {one.value for one in study.findings if one.check == "taken_as_restricted"}
    assert told == set(CLOSED) - {"x", "X", "có", "Có", "true", "1"}
    assert {f"{MARK}{n}{kind}" for n in (80, 81, 84) for kind in "SL" if (n, kind) != (80, "L")} <= secret_ids(study)


def test_what_is_empty_or_plainly_a_no_is_public(tmp_path: Path) -> None:
    study, found = read_study(small_study(tmp_path, stations=lambda t: pd.concat([t, _stations(PUBLIC, "P")])))
    assert study is not None
    assert len(study.stations) == 7 + len(PUBLIC)
    assert secret_ids(study) == set()
    assert not [one for one in found if one.column == "restricted"]


@pytest.mark.parametrize(
    "header", ["Restricted", "RESTRICTED ", "restrict", "Hạn chế công bố", "han_che", "Mật", "Độ mật", "bí mật"]
)
def test_a_header_that_means_restricted_protects_too(header: str) -> None:
    raw = pd.DataFrame({"station_id": ["A", "B", "C"], header: ["C", "", "không"]})
    assert protected_rows(layers()["stations"], raw).to_list() == [True, False, False]


@pytest.mark.parametrize("header", ["Mật độ", "bảo trì", "tenants", "trạng thái"])
def test_a_header_about_something_else_protects_nothing(header: str) -> None:
    raw = pd.DataFrame({"station_id": ["A"], header: ["có"]})
    assert not protected_rows(layers()["stations"], raw).any()


def test_a_header_that_means_restricted_is_told_and_read(tmp_path: Path) -> None:
    study, found = read_study(
        small_study(tmp_path, stations=lambda t: t.assign(**{"Độ mật": ["C", "", "", "", "", "", "không"]}))
    )
    assert study is not None
    assert secret_ids(study) == {"S-1", "S-2", "L-1", "S-1-4-1", "S-2-4-1"}
    assert [one.column for one in found if one.check == "protecting_column"] == ["Độ mật"]
    assert not [one for one in found if one.check == "unknown_column"]


def test_a_header_beside_the_right_one_can_only_add_restrictions(tmp_path: Path) -> None:
    def both(stations: pd.DataFrame) -> pd.DataFrame:
        return stations.assign(restricted=["no"] * 6 + ["x"], mật=["C"] + [""] * 6)

    study, _ = read_study(small_study(tmp_path, stations=both))
    assert study is not None
    assert study.stations["restricted"].fillna(value=False).to_list() == [True] + [False] * 5 + [True]


def test_a_restricted_row_without_an_id_takes_nothing_else_with_it(tmp_path: Path) -> None:
    def nameless(stations: pd.DataFrame) -> pd.DataFrame:
        stations["restricted"] = ["mật"] + [""] * 6
        stations.loc[0, ["station_id", "location_id"]] = None
        stations.loc[0, "lat"] = 11.5
        return stations

    study = open_study(small_study(tmp_path, stations=nameless))
    shown = public_study(study)
    assert len(shown.stations) == 6
    assert not [one for one in shown.findings if one.layer == "stations" and one.row == "2"]
    assert "stations" not in shown.set_aside
