from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon, box

import covplan
from covplan.pipeline import make_plan
from covplan.publish import web
from covplan.publish.map_layers import looks
from covplan.publish.maps import draw_map, write_map
from covplan.publish.words import label, shown
from covplan.study.folder import open_study
from covplan.study.language import number
from covplan.study.layers import OPERATORS_DOMAIN, layers
from covplan.study.resources import resource_text
from covplan.study.settings import indicator_table, operator_table
from tests.needs import CHROMIUM, need
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from covplan.study.plan import Plan

IMAGE, SCRIPT, TEMPLATE = "<img src=x onerror=alert(1)>", "</script><b>x", "Nà ${alert(1)} {{ 7*7 }} {% if %} {#"
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
CHROMIUM_FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def plan_of(folder: Path, settings: dict[str, Any] | None = None, **changed: Any) -> Plan:
    return make_plan(open_study(small_study(folder, settings, **changed)))


def with_names(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    villages.loc[[0, 1, 2], "name"] = [IMAGE, SCRIPT, TEMPLATE]
    return villages


def restricted_l3(stations: pd.DataFrame) -> pd.DataFrame:
    stations["restricted"] = stations["station_id"] == "S-4"
    return stations


def page_of(plan: Plan, folder: Path) -> str:
    return write_map(plan, folder / "map.html").read_text(encoding="utf-8")


def specifications(page: str) -> dict[str, dict[str, Any]]:
    """What the page tells the script, by layer title."""
    found = [json.JSONDecoder().raw_decode(page, at.end())[0] for at in re.finditer(r"covplan\.layer\((?=\{)", page)]
    return {one["title"]: one for one in found}


def properties(page: str, title: str) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in specifications(page)[title]["data"]["features"]]


@pytest.fixture(scope="module")
def small_plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def small_page(small_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(small_plan, tmp_path_factory.mktemp("page"))


def test_layers_stand_under_the_departments_vietnamese_groups(small_page: str) -> None:
    told = specifications(small_page)
    assert {title: one["group"] for title, one in told.items()} == {
        "Trạng thái phủ sóng theo thôn": "Kết quả",
        "Vị trí cột ăng ten": "Hiện trạng hạ tầng viễn thông",
        "Tuyến cáp quang": "Tuyến cáp",
        "Nút quang (OLT, FDT, FAT)": "Tuyến cáp",
        "Điểm cung cấp dịch vụ viễn thông công cộng": "Hiện trạng hạ tầng viễn thông",
        "Khu công nghiệp, du lịch, trường, viện": "Kinh tế - xã hội",
        "Đường giao thông": "Kinh tế - xã hội",
        "Xã, phường, thị trấn": "Hành chính",
    }
    states = told["Trạng thái phủ sóng theo thôn"]["themes"]
    assert [(one["label"], one["count"]) for one in states[0]["legend"]] == [
        ("Phủ sóng", "6"),
        ("Lõm sóng", "1"),
        ("Trắng sóng", "1"),
    ]
    assert [theme["title"] for theme in states] == ["Trạng thái phủ sóng", "Có FTTH", "Có 5G"]
    assert [(one["label"], one["count"]) for one in states[1]["legend"]] == [("Có", "6"), ("Không", "2")]
    cable = told["Tuyến cáp quang"]["themes"][0]["legend"]
    assert [(one["label"], one["count"]) for one in cable] == [("Cáp trục", "12\N{NO-BREAK SPACE}km")]


def test_popups_speak_vietnamese_with_units(small_page: str) -> None:
    told = specifications(small_page)["Trạng thái phủ sóng theo thôn"]
    hamlet = properties(small_page, "Trạng thái phủ sóng theo thôn")[2]
    assert told["columns"]["households"] == "Số hộ"
    assert (hamlet["name"], hamlet["commune"]) == ("Bản Bung", "Xã Hai")
    assert (hamlet["mobile_state"], hamlet["difficulty"]) == ("Lõm sóng", "Đặc biệt khó khăn")
    assert (hamlet["households"], hamlet["ftth"], hamlet["basis"]) == ("80\N{NO-BREAK SPACE}hộ", "Không", "khai báo")
    mast = properties(small_page, "Vị trí cột ăng ten")[0]
    assert (mast["operators"], mast["shared"]) == ("VNPT VinaPhone, Viettel", "Có")
    assert (mast["first_on_air"], mast["height_m"]) == ("01/05/2015", "42\N{NO-BREAK SPACE}m")


def test_a_dangerous_name_is_text_on_the_map(tmp_path: Path) -> None:
    page = page_of(plan_of(tmp_path / "study", {"province": {"name": SCRIPT}}, villages=with_names), tmp_path)
    assert "<img src=x" not in page
    assert "<b>x" not in page
    assert page.count("</script") == page.count("<script")
    names = [one["name"] for one in properties(page, "Trạng thái phủ sóng theo thôn")][:3]
    assert names == [html.escape(IMAGE), html.escape(SCRIPT), TEMPLATE]


def test_a_location_with_a_restricted_station_leaves_no_trace(tmp_path: Path, small_page: str) -> None:
    page = page_of(plan_of(tmp_path / "study", stations=restricted_l3), tmp_path)
    masts = {one["location_id"] for one in properties(page, "Vị trí cột ăng ten")}
    assert masts == {"L-1", "L-2", "L-4", "L-5", "L-6"}
    assert "L-3" not in page
    hamlets = properties(page, "Trạng thái phủ sóng theo thôn")
    before = properties(small_page, "Trạng thái phủ sóng theo thôn")
    near = [row for row, one in enumerate(before) if one["near"][0][0] == "L-3"]
    assert near
    assert all("L-3" not in str(one["near"]) for one in hamlets)
    assert "hạn chế công bố" in specifications(page)["Vị trí cột ăng ten"]["note"]
    assert specifications(small_page)["Vị trí cột ăng ten"]["note"] == ""


def test_the_page_fetches_nothing(small_plan: Plan, small_page: str) -> None:
    assert web.loaded_addresses(small_page) == []
    assert not re.search(r"url\((?!data:|#)", small_page)
    assert "sourceMappingURL" not in small_page
    notebook = draw_map(small_plan)._repr_html_()
    assert web.loaded_addresses(html.unescape(notebook)) == []
    assert "covplan.layer(" in notebook


def test_an_address_that_would_be_fetched_is_found() -> None:
    page = '<script defer src="https://a.example/x.js"></script><img alt="" src="data:image/png;base64,AA">'
    page += "<link rel='stylesheet' href='//b.example/x.css'>"
    assert web.loaded_addresses(page) == ["https://a.example/x.js", "//b.example/x.css"]


def test_openstreetmap_lies_below_only_on_request(small_plan: Plan, small_page: str) -> None:
    assert "openstreetmap" not in small_page.lower()
    assert "tile.openstreetmap.org" in draw_map(small_plan, tiles=True).get_root().render()


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_made_up_province_says_so(tmp_path: Path, synthetic: bool) -> None:
    plan = plan_of(tmp_path / "study", {"province": {"name": "Tỉnh thử", "synthetic": synthetic}})
    assert ("KHÔNG có thật" in page_of(plan, tmp_path)) == synthetic


def test_the_box_shows_value_and_targets_as_vietnamese_writes_them(small_page: str) -> None:
    box = json.loads(re.search(r'"box":("(?:[^"\\]|\\.)*")', small_page)[1])  # type: ignore[index]
    assert "Tỉnh thử" in box
    assert "2025-02 (trước sáp nhập)" in box
    assert "87,5\N{NO-BREAK SPACE}%" in box
    assert "(7/8 thôn)" in box
    assert 'class="short">98\N{NO-BREAK SPACE}%' in box
    assert 'class="met">56\N{NO-BREAK SPACE}%' in box
    assert "căn cứ: khai báo" in small_page
    assert "covplan " in small_page


def test_same_plan_same_bytes(small_plan: Plan, tmp_path: Path) -> None:
    first, second = (write_map(small_plan, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_a_name_that_looks_like_an_id_of_folium_is_left_alone(tmp_path: Path) -> None:
    word = "x_" + "0123456789abcdef" * 2
    plan = plan_of(tmp_path / "study", villages=lambda villages: villages.assign(name=word))
    assert properties(page_of(plan, tmp_path), "Trạng thái phủ sóng theo thôn")[0]["name"] == word


def test_hamlets_as_points_and_empty_layers(tmp_path: Path) -> None:
    empty = gpd.GeoDataFrame()
    centres = {"villages": lambda table: table.set_geometry(table.centroid)}
    without = dict.fromkeys(("routes", "nodes", "service_points", "places", "roads"), empty)
    plan = plan_of(tmp_path / "study", **centres, **without)
    told = specifications(page_of(plan, tmp_path))
    assert list(told) == ["Trạng thái phủ sóng theo thôn", "Vị trí cột ăng ten", "Xã, phường, thị trấn"]
    hamlets = told["Trạng thái phủ sóng theo thôn"]
    assert {one["geometry"]["type"] for one in hamlets["data"]["features"]} == {"Point"}
    assert hamlets["themes"][0]["legend"][0]["style"]["shape"] == "point"


def test_neighbours_keep_their_common_border_when_simplified(tmp_path: Path) -> None:
    def wavy(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        west, south, east, north = villages.geometry[0].union(villages.geometry[1]).bounds
        middle = (west + east) / 2
        border = [(middle + 30 * ((k % 4) - 1) * (k % 2), south + (north - south) * k / 200) for k in range(201)]
        villages.loc[0, "geometry"] = Polygon([(west, south), *border, (west, north)])
        villages.loc[1, "geometry"] = Polygon([(east, south), *border, (east, north)])
        return villages

    page = page_of(plan_of(tmp_path / "study", villages=wavy), tmp_path)
    features = specifications(page)["Trạng thái phủ sóng theo thôn"]["data"]["features"]
    left, right = (shapely.from_geojson(json.dumps(one["geometry"])) for one in features[:2])
    assert len(left.exterior.coords) < 100
    assert left.intersection(right).area == pytest.approx(0, abs=1e-12)
    assert shapely.coverage_is_valid([left, right])


def test_overlapping_hamlets_are_drawn_too(tmp_path: Path) -> None:
    def overlapping(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        west, south, east, north = villages.total_bounds
        villages.loc[0, "geometry"] = box(west, south, (west + east) / 2, (south + north) / 2)
        return villages

    page = page_of(plan_of(tmp_path / "study", villages=overlapping), tmp_path)
    features = specifications(page)["Trạng thái phủ sóng theo thôn"]["data"]["features"]
    assert len(features) == 8
    assert all(shapely.from_geojson(json.dumps(one["geometry"])).is_valid for one in features)


def test_a_place_with_an_area_is_drawn_with_a_symbol(small_page: str) -> None:
    features = specifications(small_page)["Khu công nghiệp, du lịch, trường, viện"]["data"]["features"]
    assert [one["geometry"]["type"] for one in features] == ["GeometryCollection", "Point", "Point"]
    assert [part["type"] for part in features[0]["geometry"]["geometries"]] == ["Polygon", "Point"]


def test_borders_are_those_of_the_studys_version(tmp_path: Path) -> None:
    def borders(version: str) -> tuple[list[str], set[str]]:
        plan = plan_of(tmp_path / version, {"province": {"name": "Tỉnh thử", "boundaries": version}})
        told = specifications(page_of(plan, tmp_path))["Xã, phường, thị trấn"]
        return [one["label"] for one in told["themes"][0]["legend"]], {name[2] for name in told["names"]}

    assert borders("2025-02") == (
        ["Ranh giới tỉnh", "Ranh giới huyện", "Ranh giới xã"],
        {"Huyện Đông", "Thành phố Tây", "Xã Một", "Xã Hai", "Phường Ba", "Xã Bốn"},
    )
    assert borders("2025-07") == (["Ranh giới tỉnh", "Ranh giới xã"], {"Xã Mới"})


def test_every_code_has_a_word_in_both_languages() -> None:
    columns = [(layer, column) for layer in layers().values() for column in layer.columns]
    nameless = [
        (layer.name, column.name, code, language)
        for layer, column in columns
        if column.allowed and column.allowed != (OPERATORS_DOMAIN,)
        for code in column.allowed
        for language in ("vi", "en")
        if not _has_word(layer.name, column.name, code, language)
    ]
    units = {column.unit for _, column in columns} - {""}
    assert nameless == []
    assert [unit for unit in units if not _has_word("", "unit", unit, "vi")] == []
    assert [row["unit"] for row in indicator_table() if not _has_word("", "indicator_unit", row["unit"], "vi")] == []


def _has_word(layer: str, domain: str, code: str, language: str) -> bool:
    column = {"vi": 2, "en": 3}[language]
    rows = pd.read_csv(pd.io.common.StringIO(resource_text("labels.csv")), dtype=str, keep_default_na=False).to_numpy()
    return any(row[0] in (domain, f"{layer}.{domain}") and row[1] == code and row[column] for row in rows)


def test_every_code_has_a_look() -> None:
    for layer, themes in looks().items():
        for theme, codes in themes.items():
            if theme == "operators":
                assert set(codes) == {"shared"} | {row["operator"] for row in operator_table()}
            elif theme != "border":
                column = layers()[layer].column(theme)
                wanted = set(column.allowed) if column.type != "bool" else {"yes", "no"}
                assert wanted <= set(codes), (layer, theme)


def test_a_study_is_drawn_like_its_plan(tmp_path: Path) -> None:
    study = open_study(small_study(tmp_path))
    pages = [covplan.draw_map(one).get_root().render() for one in (study, make_plan(study))]
    assert len({re.sub("[0-9a-f]{32}", "", page) for page in pages}) == 1  # Folium's names are drawn at random


def test_numbers_and_values_in_words() -> None:
    hamlets = layers()["hamlets"]
    assert number(1234567.891, 2) == "1.234.567,89"
    assert shown(hamlets.column("nearest_location_m"), 1234.5) == "1.234,5\N{NO-BREAK SPACE}m"
    assert shown(hamlets.column("ftth"), pd.NA) == ""
    assert label("kind", "school", layer="places") == "Trường học"
    assert label("kind", "no such code", layer="places") == "no such code"


# --- in a browser


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[str]]]:
    """The map of a study with dangerous names, open in Chromium without network; and everything that went wrong."""
    need("chromium")
    from playwright import sync_api as playwright

    folder = tmp_path_factory.mktemp("browser")
    settings = {"province": {"name": "Tỉnh thử", "synthetic": True}}
    path = write_map(plan_of(folder / "study", settings, villages=with_names), folder / "map.html")
    wrong: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.route(re.compile("^https?:"), lambda route: route.abort())
        page.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        yield page, wrong
        browser.close()


DATA = """const canvas = document.querySelector('.leaflet-overlay-pane canvas');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; let sum = 0;"""
INK = f"() => {{ {DATA} for (let at = 3; at < data.length; at += 4) {{ sum += data[at] > 0; }} return sum; }}"
SHADE = f"() => {{ {DATA} for (let at = 0; at < data.length; at += 4) {{ sum += data[at]; }} return sum; }}"


def test_the_map_opens_without_network_and_without_error(browser_page: tuple[Page, list[str]]) -> None:
    page, wrong = browser_page
    assert page.evaluate(INK) > 50_000
    assert page.inner_text(".covplan-banner").startswith("DỮ LIỆU MÔ PHỎNG")
    assert "Trắng sóng" in page.inner_text(".covplan-panel")
    assert wrong == []


def test_a_layer_and_its_colours_can_be_switched(browser_page: tuple[Page, list[str]]) -> None:
    page, wrong = browser_page
    hamlets = page.locator(".covplan-panel label", has_text="Trạng thái phủ sóng theo thôn").locator("input")
    full = page.evaluate(INK)
    hamlets.uncheck()
    page.wait_for_timeout(100)
    assert page.evaluate(INK) < full / 2
    hamlets.check()
    page.wait_for_timeout(100)
    assert page.evaluate(INK) == full
    by_state = page.evaluate(SHADE)
    page.locator(".covplan-panel select").first.select_option(label="Có FTTH")
    page.wait_for_timeout(100)
    assert page.evaluate(SHADE) != by_state
    page.locator(".covplan-panel select").first.select_option(label="Trạng thái phủ sóng")
    page.wait_for_timeout(100)
    assert page.evaluate(SHADE) == by_state
    assert wrong == []


def test_every_layer_answers_a_click_and_names_are_text(browser_page: tuple[Page, list[str]]) -> None:
    page, wrong = browser_page
    for switch in page.locator(".covplan-panel input").all():
        switch.check()
    headings = page.evaluate(
        """() => { const map = Object.values(window).find((one) => one instanceof L.Map), found = [];
        const layers = []; map.eachLayer((one) => one.covplan && one.covplan.spec.interactive && layers.push(one));
        layers.forEach((layer) => layer.eachLayer((part) => {
            const one = part.eachLayer ? part.getLayers()[0] : part;
            one.fire('click', {latlng: one.getLatLng ? one.getLatLng() : one.getBounds().getCenter()}, true);
            found.push(document.querySelector('.leaflet-popup:last-child h2').textContent); }));
        return found; }"""
    )
    assert {IMAGE, SCRIPT, TEMPLATE, "L-1", "F-1", "OLT-1", "Khu công nghiệp Thử"} <= set(headings)
    assert wrong == []
