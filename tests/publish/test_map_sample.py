"""The map of the whole sample province, opened from its file in a real browser without network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from covplan.pipeline import make_plan, with_kept_proposals
from covplan.propose.common.records import proposal_rows
from covplan.publish.maps import write_map
from covplan.study.folder import open_study
from tests.needs import CHROMIUM, need
from tests.publish.test_maps import CHROMIUM_FLAGS

DATA = Path(__file__).parents[2] / "data"


def test_the_samples_map_works_without_network(tmp_path: Path) -> None:
    need("chromium")
    from playwright import sync_api as playwright

    made = make_plan(open_study(DATA))
    dark = made.hamlets[made.hamlets["mobile_state"] == "none"].iloc[0]
    plan = with_kept_proposals(made)
    if plan is None:  # one made by hand, so that there is a year to compare with
        row = {"proposal_id": "W-1", "kind": "white_spot", "action": "small_cell", "year": 2027,
               "gains": dark["village_id"], "village_id": dark["village_id"], "cost_base_vnd": 1e9}  # fmt: skip
        where = [dark.geometry.representative_point()]
        plan = replace(made, proposals=proposal_rows([row], where, made.study.communes, "2025-02"))
    path = write_map(plan, tmp_path / "map.html")
    assert path.stat().st_size < 15e6
    wrong: list[str] = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 860})
        page.route(re.compile("^https?:"), lambda route: route.abort())
        page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        page.wait_for_timeout(500)
        boxes = page.locator(".covplan-panel label input[type=checkbox]")
        for number in range(boxes.count()):
            boxes.nth(number).set_checked(checked=True)
        assert boxes.count() >= 7
        assert page.evaluate("covplan.state.layers.routes.layer.getLayers().length") > 4000
        page.fill(".covplan-search input", str(dark["name"]))
        found = page.locator(".covplan-search li").filter(has_text=str(dark["commune"])).first
        found.click()
        page.wait_for_timeout(500)
        assert page.inner_text(".leaflet-popup h2") == dark["name"]
        assert "Trắng sóng" in page.inner_text(".leaflet-popup")
        page.click(".covplan-swipe-button")
        bar = page.locator(".covplan-swipe").bounding_box()
        page.mouse.move(bar["x"] + 2, 300)
        page.mouse.down()
        page.mouse.move(500, 300, steps=4)
        page.mouse.up()
        moved = float(page.evaluate("parseFloat(document.querySelector('.covplan-swipe').style.left)"))
        assert moved == pytest.approx(500, abs=3)
        page.screenshot(path=tmp_path / "sample.png")
        browser.close()
    assert wrong == []
