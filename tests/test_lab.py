"""A notebook in a real JupyterLab, in a real browser: it runs, and the map in it is not blank."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.needs import CHROMIUM, need

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
START_S, RUN_S = 60, 240
MAP = "iframe[srcdoc], iframe[src^='data:']"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab that stands on a copy of the first notebook beside the sample."""
    need("chromium")
    home = tmp_path_factory.mktemp("lab")
    (home / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "01_vung_phu.ipynb", home / "notebooks")
    (home / "data").symlink_to(ROOT / "data")
    settings = home / "CONFIG" / "lab" / "user-settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # Cells out of sight stay in the page, so that it can be searched.
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}', encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    started = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
            *("--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={home / 'notebooks'}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=2)  # noqa: S310
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        started.terminate()
        started.wait(10)


def test_the_first_notebook_runs_in_jupyterlab_and_its_map_is_drawn(lab: str, tmp_path: Path) -> None:
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{lab}/lab/tree/01_vung_phu.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=1000 * START_S)
        page.wait_for_selector("text=| Idle", timeout=1000 * START_S)  # before that a run runs nothing
        page.click("text=Run >> nth=0")
        page.click("text=Run All Cells >> nth=0")
        page.wait_for_selector(MAP, timeout=1000 * RUN_S, state="attached")
        frame = page.locator(MAP).last
        frame.scroll_into_view_if_needed()
        page.wait_for_timeout(4000)
        shot = tmp_path / "lab.png"
        frame.screenshot(path=shot)
        inside = frame.element_handle().content_frame()
        assert "Trắng sóng" in inside.inner_text("body")
        colours = inside.evaluate(
            """() => { const canvas = document.querySelector('.leaflet-overlay-pane canvas');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const seen = new Set(); let ink = 0;
            for (let at = 0; at < data.length; at += 4) {
                if (data[at + 3]) { ink += 1; seen.add((data[at] << 16) + (data[at + 1] << 8) + data[at + 2]); } }
            return [ink, seen.size]; }"""
        )
        assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
        assert page.locator("input[type='range'], .widget-slider").count() > 0  # the slider of thresholds
        browser.close()
    assert colours[0] > 10_000  # pixels drawn
    assert colours[1] > 20  # in many colours: not a blank pane
    assert shot.stat().st_size > 20_000
