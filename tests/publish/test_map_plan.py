"""What the map says of proposals, and how it behaves in a browser without network."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Geod, Transformer
from shapely.geometry import LineString, Point

import covplan
from covplan.publish.map_changes import changes_of
from covplan.publish.map_projection import projection_of
from covplan.publish.maps import write_map
from covplan.study.plan import result_table
from tests.needs import CHROMIUM, need
from tests.publish.test_map_overlays import rasters
from tests.publish.test_maps import (
    CHROMIUM_FLAGS,
    IMAGE,
    SCRIPT,
    TEMPLATE,
    plan_of,
    properties,
    restricted_l3,
    specifications,
    with_names,
)
from tests.study import EPSG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from covplan.study.plan import Plan

HAMLETS, PROPOSALS = "Trạng thái phủ sóng theo thôn", "Đề xuất"
DARK, WEAK, HOSTILE = "T-02203-2", "T-02203-1", "T-02200-1"  # Thôn Khuổi Phìn; {{ }} in its name; <img …>


def proposed(plan: Plan) -> Plan:
    """The plan with a mast for the dark hamlet in 2027, one for the weak in 2029, fiber, 5G, and one without a year."""
    centre = plan.hamlets.set_index("village_id").geometry.centroid
    rows = pd.DataFrame(
        {
            "proposal_id": ["W-1", "W-2", "F-1", "P-1", "S-1"],
            "kind": ["white_spot", "white_spot", "fiber", "place_5g", "share"],
            "action": ["new_mast", "small_cell", "connect_hamlet", "upgrade_5g", "consolidate"],
            "title_vi": ["Cột mới", "Trạm nhỏ", "Nối cáp", IMAGE, "Dùng chung với L-3"],
            "title_en": ["New mast", "Small cell", "Connect", IMAGE, "Share with L-3"],
            "operator": ["VTL", "VNPT", "VNPT", "VTL", "VNM"],
            "location_id": [None, None, None, "L-1", "L-3"],
            "gains": [DARK, WEAK, DARK, "P-2;P-3", None],
            "gains_count": [1, 1, 1, 2, 0],
            "indicator": ["VILLAGE_MBB_COV"] * 5,
            "cost_low_vnd": [1.0e9, 2e8, 1e8, 5e8, -1e8],
            "cost_base_vnd": [1.5e9, 3e8, 2e8, 6.5e8, -5e7],
            "cost_high_vnd": [2.0e9, 4e8, 3e8, 8e8, 0.0],
            "year": [2027, 2029, 2026, 2025, None],
            "confidence": [0.9, None, None, None, 1.0],
            "reason_vi": [SCRIPT, "Vì", "Vì", "Vì", "Vì"],
            "reason_en": ["Because"] * 5,
        }
    )
    line = LineString([centre[HOSTILE], centre[DARK]])
    shapes = [centre[DARK], centre[WEAK], line, centre[HOSTILE], Point(centre[HOSTILE].x + 500, centre[HOSTILE].y)]
    table = gpd.GeoDataFrame(result_table("proposals", rows), geometry=shapes, crs=EPSG)
    return replace(plan, proposals=table)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return proposed(plan_of(tmp_path_factory.mktemp("plan") / "study", villages=with_names))


@pytest.fixture(scope="module")
def page(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_map(plan, tmp_path_factory.mktemp("page") / "map.html").read_text(encoding="utf-8")


def test_a_proposal_says_what_why_when_and_what_it_costs(page: str) -> None:
    one = properties(page, PROPOSALS)[0]
    assert (one["title_vi"], one["kind"], one["action"]) == ("Cột mới", "Xoá vùng trắng sóng", "Cột mới")
    assert one["reason_vi"] == html.escape(SCRIPT)
    assert one["cost"] == "1,5 tỷ đồng (1 – 2)"
    assert (one["from"], one["year"], one["confidence"]) == (2027, "2027", "90\N{NO-BREAK SPACE}%")
    assert one["gained"] == "Thôn Khuổi Phìn"
    told = specifications(page)[PROPOSALS]
    assert [theme["title"] for theme in told["themes"]] == ["Nhóm", "Năm"]
    assert [row["label"] for row in told["themes"][1]["legend"]] == ["2025", "2026", "2027", "2029", "Chưa xếp năm"]
    assert {feature["geometry"]["type"] for feature in told["data"]["features"]} == {"Point", "LineString"}
    assert list(told["columns"])[:6] == ["reason_vi", "kind", "action", "operator", "year", "cost"]


def test_a_hamlet_knows_its_proposals_and_what_it_gains(page: str) -> None:
    hamlets = {one["id"]: one for one in properties(page, HAMLETS)}
    themes = [theme["title"] for theme in specifications(page)[HAMLETS]["themes"]]
    state, fiber = themes.index("Trạng thái phủ sóng"), themes.index("Có FTTH")
    assert hamlets[DARK]["by"] == [0, 2]
    assert sorted(hamlets[DARK]["gains"]) == sorted([[state, 2027, "covered"], [fiber, 2026, "yes"]])
    assert hamlets[WEAK]["gains"] == [[state, 2029, "covered"]]
    assert "gains" not in hamlets["T-02209-1"]
    near = hamlets[DARK]["near"]
    assert len(near) == 3
    kilometres = [float(away.split("\N{NO-BREAK SPACE}")[0].replace(",", ".")) for _, away, _ in near]
    assert kilometres == sorted(kilometres)


def test_the_nearest_masts_are_those_by_the_ellipsoid(plan: Plan, page: str) -> None:
    hamlet = plan.hamlets.set_index("village_id").loc[DARK]
    lonlat = plan.locations.geometry.to_crs(4326)
    away = Geod(ellps="WGS84").inv(
        [hamlet["centre_lon"]] * len(lonlat), [hamlet["centre_lat"]] * len(lonlat), lonlat.x, lonlat.y
    )[2]
    expected = [str(plan.locations["location_id"].iloc[row]) for row in np.argsort(away)[:3]]
    told = next(one for one in properties(page, HAMLETS) if one["id"] == DARK)
    assert [one[0] for one in told["near"]] == expected
    assert told["near"][0][0] == hamlet["nearest_location_id"]


def test_the_earliest_of_two_proposals_is_the_year_of_the_gain(plan: Plan) -> None:
    earlier = plan.proposals.assign(gains=[DARK, DARK, None, "P-2", None], year=[2029, 2026, 2026, 2025, None])
    earlier_plan = replace(plan, proposals=earlier)
    changed = changes_of(earlier_plan, earlier_plan)
    assert changed.gains[DARK]["mobile_state"] == (2026, "covered")
    assert changed.years == (2025, 2026, 2027, 2028, 2029, 2030)


def test_a_proposal_at_a_restricted_location_is_not_on_the_map(tmp_path: Path) -> None:
    plan = proposed(plan_of(tmp_path / "study", stations=restricted_l3))
    page = write_map(plan, tmp_path / "map.html").read_text(encoding="utf-8")
    told = specifications(page)[PROPOSALS]
    places = {one["properties"]["proposal_id"]: one["geometry"] for one in told["data"]["features"]}
    assert list(places) == ["W-1", "W-2", "F-1", "P-1", "S-1"]
    assert [one for one, place in places.items() if place is None] == ["S-1"]
    assert "1 đề xuất" in told["note"]
    assert "L-3" not in page


def test_without_proposals_there_is_no_timeline(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "study")
    page = write_map(plan, tmp_path / "map.html").read_text(encoding="utf-8")
    assert PROPOSALS not in specifications(page)
    assert re.search(r'covplan\.time\(\w+, \{"years":\[\],"unplaced":\[\]\}', page)


def test_drawn_masts_become_stations_of_a_what_if(tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {"station_id": "CAND-1", "operator": "VTL", "height_m": 42},
        "geometry": {"type": "Point", "coordinates": [105.2, 21.9]},
    }
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (tmp_path / "b.geojson").write_text(json.dumps(feature))
    expected = [{"station_id": "CAND-1", "operator": "VTL", "height_m": 42, "lon": 105.2, "lat": 21.9}]
    assert covplan.read_drawn(tmp_path / "a.geojson") == covplan.read_drawn(tmp_path / "b.geojson") == expected
    nameless = {**feature, "properties": {"operator": "VTL"}}
    (tmp_path / "d.geojson").write_text(json.dumps(nameless))
    assert covplan.read_drawn(tmp_path / "d.geojson") == [{"operator": "VTL", "lon": 105.2, "lat": 21.9}]
    for wrong in ("no json", json.dumps({**feature, "properties": {}}), json.dumps({**feature, "geometry": None})):
        (tmp_path / "c.geojson").write_text(wrong)
        with pytest.raises(covplan.CovplanError, match=r"c\.geojson"):
            covplan.read_drawn(tmp_path / "c.geojson")


# --- in a browser


@pytest.fixture(scope="module")
def opened(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[str]]]:
    """The map with every layer and tool, open in Chromium without network; and everything that went wrong."""
    need("chromium")
    from playwright import sync_api as playwright

    folder = tmp_path_factory.mktemp("browser")
    (folder / "sheets").mkdir()
    (folder / "sheets" / f"{HOSTILE}.html").write_text("phiếu")
    path = write_map(plan, folder / "map.html", coverage=rasters(folder / "coverage"))
    wrong: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        context = browser.new_context(offline=True, viewport={"width": 1400, "height": 900})
        made = context.new_page()
        local = ("data:", "blob:", path.as_uri())
        made.on("request", lambda request: None if request.url.startswith(local) else wrong.append(request.url))
        made.on("requestfailed", lambda request: wrong.append(f"failed {request.url[:80]}"))
        made.on("pageerror", lambda error: wrong.append(str(error)))
        made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        made.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        made.goto(path.as_uri())
        made.wait_for_timeout(300)
        yield made, wrong
        browser.close()


@pytest.fixture
def fresh(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    """The map as it opens; nothing went wrong until the end of the test."""
    made, wrong = opened
    made.reload()
    made.wait_for_timeout(200)
    yield made
    assert wrong == []


PIXEL = """([lon, lat]) => {
    const map = covplan.state.map, at = map.latLngToContainerPoint([lat, lon]);
    const canvas = document.querySelector('.leaflet-overlay-pane canvas'), box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width, frame = map.getContainer().getBoundingClientRect();
    const x = (at.x + frame.left - box.left) * scale, y = (at.y + frame.top - box.top) * scale;
    return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3); }"""


def test_search_finds_hamlets_and_communes_without_tone_marks(fresh: Page) -> None:
    box, found = fresh.locator(".covplan-search input"), fresh.locator(".covplan-search li")
    box.fill("khuoi phin")
    assert found.all_inner_texts() == ["Thôn Khuổi Phìn Xã Hai, Huyện Đông"]
    box.press("Enter")
    assert fresh.inner_text(".leaflet-popup h2") == "Thôn Khuổi Phìn"
    assert fresh.evaluate("covplan.state.map.getZoom()") > 11
    box.fill("KHUỔI")
    assert found.count() == 1
    box.fill("xa hai")
    assert found.first.inner_text().startswith("Xã Hai")
    found.first.click()
    box.fill("không có thôn này")
    assert found.all_inner_texts() == ["Không tìm thấy"]


def test_a_dangerous_name_is_text_in_search_popup_and_tooltip(fresh: Page) -> None:
    box = fresh.locator(".covplan-search input")
    box.fill("<img src")
    assert fresh.locator(".covplan-search li b").all_inner_texts() == [IMAGE]
    box.press("Enter")
    assert fresh.inner_text(".leaflet-popup h2") == IMAGE
    assert fresh.get_attribute(".leaflet-popup-content a", "href") == f"sheets/{HOSTILE}.html"
    at = fresh.evaluate(
        """(name) => { const map = covplan.state.map;
        const part = covplan.state.layers.hamlets.parts.find((one) => one.feature.properties.id === name);
        const at = map.latLngToContainerPoint(part.getBounds().getCenter()); return [at.x + 40, at.y + 60]; }""",
        HOSTILE,
    )
    fresh.mouse.move(*at)
    fresh.wait_for_timeout(100)
    assert fresh.inner_text(".leaflet-tooltip") == IMAGE
    box.fill("alert(1)}")
    assert fresh.locator(".covplan-search li b").all_inner_texts() == [TEMPLATE]
    assert fresh.locator("img[src=x]").count() == 0


def test_a_hamlets_popup_has_numbers_masts_and_a_way_to_its_proposals(fresh: Page) -> None:
    fresh.fill(".covplan-search input", "khuoi phin")
    fresh.press(".covplan-search input", "Enter")
    popup = fresh.inner_text(".leaflet-popup")
    assert "60\N{NO-BREAK SPACE}hộ" in popup
    assert "Trắng sóng" in popup
    assert fresh.locator(".covplan-near-masts tr").count() == 3
    assert "năm 2027 · 1,5 tỷ đồng" in popup
    fresh.locator("[data-proposal]", has_text="Cột mới").dispatch_event("click")  # wherever the map pans meanwhile
    fresh.wait_for_timeout(400)  # the first popup fades
    assert fresh.inner_text(".leaflet-popup h2") == "Cột mới"
    assert SCRIPT in fresh.inner_text(".leaflet-popup")
    assert fresh.inner_text(".covplan-time output") == "đến hết 2027"


def test_the_timeline_brings_hamlets_and_proposals_in_their_year(fresh: Page, plan: Plan) -> None:
    hamlet = plan.hamlets.set_index("village_id").loc[WEAK]
    place = [hamlet["centre_lon"] + 0.012, hamlet["centre_lat"] + 0.015]
    slider = fresh.locator(".covplan-time input")
    states = fresh.locator(".covplan-legend").first
    before = fresh.evaluate(PIXEL, place)
    told = {}
    for step, year in enumerate(["Hiện nay", "2025", "2026", "2027", "2028", "2029", "2030"]):
        slider.fill(str(step))
        assert fresh.inner_text(".covplan-time output").endswith(year)
        shown = fresh.evaluate("covplan.state.layers.proposals.layer.getLayers().length")
        fresh.wait_for_timeout(200)  # the canvas is drawn in the next frame
        counts = dict(re.findall(r"(Phủ sóng|Lõm sóng|Trắng sóng)\s+(\d+)", states.inner_text()))
        told[year] = (shown, counts, fresh.evaluate(PIXEL, place) == before)
    start = {"Phủ sóng": "6", "Lõm sóng": "1", "Trắng sóng": "1"}
    assert told["Hiện nay"] == (0, start, True)
    assert told["2026"] == (2, start, True)
    assert told["2027"] == (3, {"Phủ sóng": "7", "Lõm sóng": "1", "Trắng sóng": "0"}, True)
    assert told["2029"] == (4, {"Phủ sóng": "8", "Lõm sóng": "0", "Trắng sóng": "0"}, False)
    assert told["2030"][0] == 5  # with the one that has no year
    assert "4 đề xuất · 2,7 tỷ đồng · thêm 2 thôn có sóng · 1 đề xuất chưa xếp năm" in fresh.inner_text(".covplan-gain")
    slider.fill("0")
    assert fresh.evaluate("covplan.state.layers.proposals.layer.getLayers().length") == 0
    fresh.wait_for_timeout(200)
    assert fresh.evaluate(PIXEL, place) == before


def test_the_swipe_shows_today_left_and_the_year_right(fresh: Page, plan: Plan) -> None:
    hamlet = plan.hamlets.set_index("village_id").loc[WEAK]
    place = [hamlet["centre_lon"] + 0.012, hamlet["centre_lat"] + 0.015]
    today = fresh.evaluate(PIXEL, place)
    fresh.click(".covplan-swipe-button")
    assert fresh.inner_text(".covplan-swipe-before") == "Hiện nay"
    assert fresh.inner_text(".covplan-swipe-after") == "đến hết 2030"
    x = fresh.evaluate("([lon, lat]) => covplan.state.map.latLngToContainerPoint([lat, lon]).x", place)
    seen = []
    for to in (x - 60, x + 60):
        bar = fresh.locator(".covplan-swipe").bounding_box()
        assert bar
        fresh.mouse.move(bar["x"] + 2, 300)
        fresh.mouse.down()
        fresh.mouse.move(to, 300, steps=4)
        fresh.mouse.up()
        left = float(fresh.evaluate("parseFloat(document.querySelector('.covplan-swipe').style.left)"))
        assert left == pytest.approx(to, abs=3)
        seen.append(fresh.evaluate(PIXEL, place) == today)
    assert seen == [False, True]  # first right of the bar, then left of it
    fresh.click(".covplan-swipe-button")
    assert fresh.locator(".covplan-swipe").count() == 0


def test_coverage_is_shown_one_at_a_time_below_the_outlines(fresh: Page) -> None:
    choice, pictures = fresh.locator(".covplan-coverage-choice"), fresh.locator("img.covplan-coverage")
    assert pictures.count() == 0
    for title in ("4G – Viettel", "4G – mọi nhà mạng"):
        choice.select_option(label=title)
        assert pictures.count() == 1
    assert fresh.evaluate("document.querySelector('img.covplan-coverage').naturalWidth") > 50
    assert "Rất tốt" in fresh.inner_text(".covplan-coverage-box")
    fresh.fill(".covplan-opacity input", "40")
    assert fresh.evaluate("document.querySelector('img.covplan-coverage').style.opacity") == "0.4"
    choice.select_option(label="Không hiện")
    assert pictures.count() == 0
    relief = fresh.locator("img.covplan-relief")
    assert relief.count() == 1
    fresh.uncheck(".covplan-relief-switch")
    assert relief.count() == 0


def test_a_click_gives_coordinates_and_measures_agree_with_pyproj(fresh: Page) -> None:
    fresh.evaluate("covplan.state.map.removeLayer(covplan.state.layers.hamlets.layer)")
    fresh.evaluate("covplan.state.map.removeLayer(covplan.state.layers.locations.layer)")
    corners = [(500, 400), (800, 420), (720, 640)]
    lonlat = [
        fresh.evaluate("(at) => { const p = covplan.state.map.containerPointToLatLng(at); return [p.lng, p.lat]; }", at)
        for at in corners
    ]
    fresh.mouse.click(*corners[0])
    told = fresh.inner_text(".covplan-clicked span")
    assert f"{lonlat[0][1]:.6f}, {lonlat[0][0]:.6f}" in told
    east, north = Transformer.from_crs(4326, EPSG, always_xy=True).transform(*lonlat[0])
    north_vi, east_vi = (f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in (north, east))
    assert f"X (Bắc) {north_vi} · Y (Đông) {east_vi}" in told
    fresh.click("[data-tool=length]")
    for at in corners:
        fresh.mouse.click(*at)
        fresh.wait_for_timeout(20)
    wgs84 = Geod(ellps="WGS84")
    metres = wgs84.line_length(*zip(*lonlat, strict=True))
    assert f"{metres / 1000:,.3f} km".translate(str.maketrans(",.", ".,")) in fresh.inner_text(".covplan-told")
    fresh.click("[data-tool=area]")
    for at in corners:
        fresh.mouse.click(*at)
        fresh.wait_for_timeout(20)
    size = abs(wgs84.polygon_area_perimeter(*zip(*lonlat, strict=True))[0]) / 1e6
    told = fresh.inner_text(".covplan-told")
    found = float(re.search(r"([\d.,]+) km²", told)[1].replace(".", "").replace(",", "."))  # type: ignore[index]
    assert found == pytest.approx(size, abs=0.0006)


def test_a_mast_is_drawn_and_comes_back_as_a_station_for_what_if(fresh: Page, plan: Plan, tmp_path: Path) -> None:
    fresh.click("[data-tool=mast]")
    fresh.mouse.click(650, 500)
    fresh.mouse.click(750, 550)
    fresh.select_option(".covplan-form select[name=operator]", "VNPT")
    fresh.fill(".covplan-form input[name=height_m]", "30")
    fresh.locator(".covplan-form input[name=height_m]").blur()
    assert "what_if" in fresh.inner_text(".covplan-form")
    with fresh.expect_download() as download:
        fresh.click("[data-do=save]")
    assert download.value.suggested_filename == "cot_thu.geojson"
    download.value.save_as(tmp_path / "cot_thu.geojson")
    stations = covplan.read_drawn(tmp_path / "cot_thu.geojson")
    assert [(one["station_id"], one["operator"]) for one in stations] == [("CAND-1", "VTL"), ("CAND-2", "VNPT")]
    assert stations[1]["height_m"] == 30
    found = covplan.what_if(plan.study, add=stations, before=plan)
    assert {"CAND-1", "CAND-2"} <= set(found.after.study.stations["station_id"])
    fresh.click("[data-do=drop]")
    assert fresh.evaluate("covplan.drawn().features.map((one) => one.properties.station_id)") == ["CAND-1"]


@pytest.mark.parametrize("epsg", [9211, 9209, 5897, 3405])
def test_the_maps_projection_is_projs(fresh: Page, epsg: int) -> None:
    told = projection_of(epsg, 105.2, 22.1)
    rng = np.random.default_rng(epsg)
    lon, lat = rng.uniform(104.5, 106.5, 400), rng.uniform(21.3, 23.4, 400)
    both = """([crs, points]) => points.map((lonlat) =>
        [covplan.geodesy.project(crs, ...lonlat), covplan.geodesy.toPlane(crs, ...lonlat)])"""
    plane, shifted = np.moveaxis(np.array(fresh.evaluate(both, [told, np.column_stack([lon, lat]).tolist()])), 1, 0)
    of_datum = Transformer.from_crs(4756, epsg, always_xy=True).transform(lon, lat)  # VN-2000 degrees: no shift
    assert np.abs(plane - np.column_stack(of_datum)).max() < 0.001
    of_wgs84 = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    assert np.abs(shifted - np.column_stack(of_wgs84)).max() < 0.001
    assert np.abs(plane - shifted).max() > 100  # the shift is not nothing


def test_lengths_are_geodesics(fresh: Page) -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(104.5, 106.5, (2, 300)), rng.uniform(21.3, 23.4, (2, 300))
    pairs = np.column_stack([lon[0], lat[0], lon[1], lat[1]]).tolist()
    code = "(pairs) => pairs.map(([a, b, c, d]) => covplan.geodesy.length({lng: a, lat: b}, {lng: c, lat: d}))"
    expected = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2]
    assert np.abs(np.array(fresh.evaluate(code, pairs)) - expected).max() < 0.001


def test_on_paper_there_are_no_buttons_but_legend_scale_and_title(fresh: Page) -> None:
    fresh.emulate_media(media="print")
    for gone in (".covplan-tools", ".covplan-search", ".leaflet-control-zoom", ".covplan-coordinates"):
        assert not fresh.is_visible(gone), gone
    for kept in (".covplan-box h1", ".covplan-legend li", ".leaflet-control-scale", ".covplan-north"):
        assert fresh.locator(kept).first.is_visible(), kept
    fresh.emulate_media(media="screen")


def test_on_paper_the_legend_says_which_coverage_and_has_no_empty_headings(fresh: Page) -> None:
    headings = fresh.locator(".covplan-panel h2")
    fresh.emulate_media(media="print")
    shown = [one.inner_text() for one in headings.all() if one.is_visible()]
    assert shown == ["KẾT QUẢ", "HIỆN TRẠNG HẠ TẦNG VIỄN THÔNG", "HÀNH CHÍNH", "NỀN"]
    fresh.emulate_media(media="screen")
    fresh.locator(".covplan-coverage-choice").select_option("1")
    fresh.locator(".covplan-panel label", has_text="Tuyến cáp quang").locator("input").check()
    fresh.emulate_media(media="print")
    shown = [one.inner_text() for one in headings.all() if one.is_visible()]
    assert {"TUYẾN CÁP", "VÙNG PHỦ SÓNG (RSRP NGOÀI TRỜI)"} <= set(shown)
    assert fresh.locator(".covplan-coverage-box .covplan-printed").inner_text() == "4G – Viettel"
    fresh.emulate_media(media="screen")


def test_missing_tiles_do_not_break_the_map(plan: Plan, opened: tuple[Page, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "tiles.html"
    path.write_text(covplan.draw_map(plan, tiles=True).get_root().render(), encoding="utf-8")
    made = opened[0].context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.goto(path.as_uri())
    made.wait_for_timeout(300)
    assert errors == []
    assert made.evaluate("covplan.state.layers.hamlets.layer.getLayers().length") == 8
    made.fill(".covplan-search input", "khuoi phin")
    made.press(".covplan-search input", "Enter")
    assert made.inner_text(".leaflet-popup h2") == "Thôn Khuổi Phìn"
    made.close()
