"""Makes the pictures of the README from the sample: docs/img/*.png.

    covplan coverage data -o out && covplan propose data && covplan sheet data --state none -o out
    python docs/screenshots.py --out out

Needs Chromium and Playwright (`pip install "covplan[e2e]"`). The map is the one of `covplan map data -o out`; it is
opened from a file, without network. Pictures are reduced to a palette, so that each stays below 400 kB.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from covplan.pipeline import make_plan, with_kept_proposals
from covplan.publish.maps import write_map
from covplan.study.folder import open_study

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from covplan.study.plan import Plan

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SIZE = {"width": 1360, "height": 860}
MOST_BYTES = 400_000
COLOURS = (256, 128, 64)


def main(arguments: list[str] | None = None) -> list[Path]:
    """Write the pictures; returns their paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("data"))
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="where coverage and sheets are; the map goes there"
    )
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "img")
    asked = parser.parse_args(arguments)
    plan = make_plan(open_study(asked.study))
    plan = with_kept_proposals(plan) or plan
    folder = asked.out / "coverage"
    path = write_map(plan, asked.out / "map.html", coverage=folder if folder.is_dir() else None)
    asked.images.mkdir(parents=True, exist_ok=True)
    written = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(offline=True, viewport=SIZE).new_page()
        for name, show in (("map", _today), ("coverage", _coverage), ("swipe", _swipe), ("hamlet", _hamlet)):
            page.goto(path.resolve().as_uri())
            page.wait_for_timeout(400)
            show(page, plan)
            page.wait_for_timeout(700)
            written.append(_small(page.screenshot(), asked.images / f"{name}.png"))
            sys.stdout.write(f"{written[-1]}: {written[-1].stat().st_size / 1000:.0f} kB\n")
        browser.close()
    return written


def _today(_page: Page, _plan: Plan) -> None:
    """The map as it opens."""


def _coverage(page: Page, _plan: Plan) -> None:
    """4G of one operator, over the relief."""
    page.select_option(".covplan-coverage-choice", label="4G – Viettel")
    page.fill(".covplan-search input", "Xã Hùng Mỹ")
    page.press(".covplan-search input", "Enter")
    page.evaluate("() => { covplan.state.map.setZoom(11); }")


def _swipe(page: Page, _plan: Plan) -> None:
    """Today beside the last year."""
    page.click(".covplan-swipe-button")


def _hamlet(page: Page, plan: Plan) -> None:
    """A hamlet without signal, and what is proposed for it."""
    served = plan.proposals.loc[plan.proposals["kind"] == "white_spot", "gains"].str.split(";").explode()
    dark = plan.hamlets.loc[plan.hamlets["mobile_state"] == "none"]
    chosen = dark[dark["village_id"].isin(served)] if len(served) else dark
    page.fill(".covplan-search input", str(chosen["village_id"].iloc[0]))
    page.press(".covplan-search input", "Enter")


def _small(png: bytes, path: Path) -> Path:
    """Write a picture with as many colours as its size allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return path
    raise SystemExit(f"{path}: {path.stat().st_size} bytes, more than {MOST_BYTES}.")


if __name__ == "__main__":
    main()
