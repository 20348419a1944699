"""The map speaks one language at a time: in every text, legend and control, whatever the data are called."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from covplan.publish.map_layers import DRAWINGS
from covplan.publish.map_texts import WORDS
from covplan.publish.maps import write_map
from covplan.publish.web import OWN
from covplan.study.language import LANGUAGES, Language, _, current_language, speaking
from covplan.study.layers import layers
from covplan.study.resources import resource_text
from tests.needs import CHROMIUM, need
from tests.publish.test_map_overlays import rasters
from tests.publish.test_map_plan import proposed
from tests.publish.test_maps import CHROMIUM_FLAGS, plan_of, restricted_l3
from tests.vietnamese import english_words, vietnamese_words

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from covplan.study.plan import Plan

CODES = re.compile("Đ[12]")  # of service points: what the decree calls them
RANKS = {"commune", "district"}  # of a name: what the script asks, nobody reads
CONTROLS = ("Close popup", "Zoom in", "Zoom out", "Layers")  # Leaflet's own


def plainly_named(**columns: str) -> Any:
    """A change of a table: every name in it without Vietnamese letters."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        named = {column: [f"{word} {n}" for n in range(len(table))] for column, word in columns.items()}
        return table.assign(**{column: pd.Series(names, index=table.index) for column, names in named.items()})

    return change


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A plan with everything a map can say, whose data have no Vietnamese letter."""

    def communes(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return table.assign(name=[f"Xa {n}" for n in range(len(table))], district=["Huyen"] * 4 + [None])

    plan = proposed(
        plan_of(
            tmp_path_factory.mktemp("plain") / "study",
            {"province": {"name": "Tinh", "synthetic": True}},
            villages=plainly_named(name="Ban", district="Huyen"),
            communes=communes,
            places=plainly_named(name="Noi"),
            service_points=plainly_named(name="Diem", address="Pho"),
            roads=plainly_named(name="Duong"),
            stations=restricted_l3,
        )
    )
    texts = {"title_vi": "Mot", "title_en": "Mot", "reason_vi": "Vi", "reason_en": "Vi"}
    for column, text in texts.items():
        kept = plan.proposals["proposal_id"] != "S-1"  # the hidden one is about L-3 by its location
        plan.proposals.loc[kept, column] = text
    return plan


@pytest.fixture(scope="module")
def pages(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Path]:
    """The map in each language."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "sheets").mkdir()
    (folder / "sheets" / "T-02200-1.html").write_text("")
    cover = rasters(folder / "coverage")
    return {one: write_map(plan, folder / f"{one}.html", coverage=cover, tiles=True, language=one) for one in LANGUAGES}


def said(page: str) -> set[str]:
    """Every text that the page gives its script."""
    decoder = json.JSONDecoder()
    calls = re.finditer(r"covplan\.\w+\((?:\w+, )?(?=[\[{])", page)
    return {text for call in calls for text in _strings(decoder.raw_decode(page, call.end())[0])}


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []


def ours(language: Language) -> set[str]:
    """What only this language says of the map: words of the script, titles of layers and of their columns."""
    drawn = [layers()[drawing.layer] for drawing in DRAWINGS]
    told: dict[Language, set[str]] = {}
    for one in LANGUAGES:
        with speaking(one):
            titles = {layer.title for layer in drawn} | {column.title for layer in drawn for column in layer.columns}
            told[one] = titles | {_(text) for text in WORDS.values()}
    other: Language = "en" if language == "vi" else "vi"
    return told[language] - told[other]


def test_the_english_map_has_no_vietnamese_letter_beside_names(pages: dict[Language, Path]) -> None:
    told = {CODES.sub("", text) for text in said(pages["en"].read_text("utf-8")) if not text.startswith("data:")}
    assert [text for text in told if vietnamese_words(text)] == []
    assert len(told) > 200
    assert told & ours("vi") == set()
    assert len(told & ours("en")) > 100


def test_the_vietnamese_map_has_no_english_words(pages: dict[Language, Path]) -> None:
    told = said(pages["vi"].read_text("utf-8"))
    assert told & ours("en") - RANKS == set()
    assert len(told & ours("vi")) > 100


def test_the_script_has_no_words_of_its_own() -> None:
    lines = [line for name in OWN for line in resource_text("web", name).splitlines()]
    assert [line for line in lines if vietnamese_words(line) and "const plain" not in line] == []
    used = set(re.findall(r'say\("(\w+)"', "\n".join(lines))) | {f"how_{tool}" for tool in ("length", "area", "mast")}
    assert used | {"commune", "district"} == set(WORDS)


def test_the_map_speaks_the_language_that_is_spoken(plan: Plan, tmp_path: Path) -> None:
    with speaking("en"):
        page = write_map(plan, tmp_path / "map.html").read_text("utf-8")
    assert "<title>Tinh: telecom infrastructure</title>" in page
    assert current_language() == "vi"


def test_numbers_and_money_are_written_as_the_language_does(pages: dict[Language, Path]) -> None:
    vi, en = (said(pages[one].read_text("utf-8")) for one in LANGUAGES)
    assert {"1,5 tỷ đồng (1 – 2)", "01/05/2015"} <= vi
    assert {"VND 1.5 billion (1 – 2)", "2015-05-01"} <= en


EVERYTHING = """() => {
    const told = [];
    const tell = () => {
        told.push(document.body.innerText);
        document.querySelectorAll('[title], [aria-label], [placeholder]').forEach((one) =>
            ['title', 'aria-label', 'placeholder'].forEach((name) => told.push(one.getAttribute(name) || '')));
    };
    tell();
    Object.values(covplan.state.layers).filter((one) => one.spec.interactive).forEach((one) =>
        one.parts.slice(0, 4).forEach((part) => { covplan.show(part); tell(); }));
    ['length', 'area', 'mast'].forEach((tool) => { document.querySelector(`[data-tool=${tool}]`).click(); tell(); });
    document.querySelector('.covplan-swipe-button').click();
    tell();
    return told.join('\\n'); }"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_a_browser_shows_is_in_the_language(pages: dict[Language, Path], language: Language) -> None:
    need("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_context(offline=True, viewport={"width": 1400, "height": 900}).new_page()
        page.goto(pages[language].as_uri())
        page.wait_for_timeout(300)
        for switch in page.locator(".covplan-panel input[type=checkbox]").all():
            switch.check()
        page.locator(".covplan-coverage-choice").select_option("0")
        page.locator(".covplan-time input").fill("6")
        page.fill(".covplan-search input", "nothing is called so")
        shown = page.evaluate(EVERYTHING)
        assert page.evaluate("document.documentElement.lang") == language
        browser.close()
    lines = {CODES.sub("", line.strip()) for line in shown.splitlines() if line.strip()}
    assert len(lines) > 100
    if language == "en":
        assert [line for line in lines if vietnamese_words(line)] == []
    else:
        assert lines & {*ours("en"), *CONTROLS} == set()
        assert english_words("\n".join(line for line in lines if "©" not in line)) == set()  # © as its owner words it
