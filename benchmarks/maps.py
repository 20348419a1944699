"""The sample's map with every layer on: size, time to open, zoom and pan, beside a plain Folium map of the same data.

    covplan coverage data -o out && covplan propose data
    python benchmarks/maps.py --coverage out/coverage

Compares `covplan.publish.maps.write_map` with what one writes with Folium alone: one GeoJson per layer with tooltips,
one ImageOverlay per raster (its own `mercator_project`), `prefer_canvas`. Both open from a file in the same headless
Chromium without network; Folium's Leaflet is handed to the browser from the installed package, since its page has none.
Times are medians of `--turns` openings; zoom and pan end when the browser has painted (two animation frames later).
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
import geopandas as gpd
import numpy as np
import rasterio
from playwright.sync_api import Page, Route, sync_playwright
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds

from covplan.pipeline import make_plan, with_kept_proposals
from covplan.publish import web
from covplan.publish.maps import write_map
from covplan.publish.overlays import signal_classes
from covplan.study.folder import open_study

if TYPE_CHECKING:
    from covplan.study.plan import Plan

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
MOST_MB, MOST_PAINT_S = 15.0, 3.0
LAYERS = ("villages", "communes", "routes", "nodes", "roads", "places")


@dataclass(frozen=True)
class Spec:
    """What is measured."""

    study: Path = Path("data")
    coverage: Path | None = None
    turns: int = 3
    width: int = 1500
    height: int = 950


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Run what the command line asks for; returns the figures it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Spec.study)
    parser.add_argument("--coverage", type=Path, default=None, help="folder with rasters of `covplan coverage`")
    parser.add_argument("--turns", type=int, default=Spec.turns)
    spec = Spec(**vars(parser.parse_args(arguments)))
    plan = make_plan(open_study(spec.study))
    plan = with_kept_proposals(plan) or plan
    sys.stdout.write(f"{spec.study}: {len(plan.hamlets)} hamlets, {len(plan.locations)} locations, ")
    sys.stdout.write(f"{len(plan.study.routes)} routes, {len(plan.proposals)} proposals\n")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages, writing = {}, {}
        for name, write in (("covplan", _covplan_map), ("plain folium", _plain_map)):
            start = time.perf_counter()
            pages[name] = write(plan, spec.coverage, Path(folder) / f"{name}.html")
            writing[name] = time.perf_counter() - start
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        figures = {}
        for name, path in pages.items():
            turns = [_measured(browser.new_context(), path, spec) for _ in range(spec.turns)]
            figures[name] = {"MB": path.stat().st_size / 1e6, "write s": writing[name]} | {
                figure: statistics.median(one[figure] for one in turns) for figure in turns[0]
            }
        browser.close()
    for name, row in figures.items():
        sys.stdout.write(f"{name:>13}: {', '.join(f'{key} {value:.2f}' for key, value in row.items())}\n")
    ours = figures["covplan"]
    kept = ours["MB"] <= MOST_MB and ours["first paint s"] <= MOST_PAINT_S
    sys.stdout.write(f"bounds of {MOST_MB:.0f} MB and {MOST_PAINT_S:.0f} s: {'kept' if kept else 'BROKEN'}\n")
    return figures


def _covplan_map(plan: Plan, coverage: Path | None, path: Path) -> Path:
    return write_map(plan, path, coverage=coverage)


def _plain_map(plan: Plan, coverage: Path | None, path: Path) -> Path:
    """What Folium's own documentation leads to."""
    drawn = folium.Map(tiles=None, prefer_canvas=True, maxZoom=18)
    if coverage:
        for raster in sorted(coverage.glob("*_rsrp_dbm.tif")):
            image, bounds = _image(raster)
            folium.raster_layers.ImageOverlay(image, bounds, name=raster.stem, mercator_project=True).add_to(drawn)
    tables = {name: plan.study.table(name) for name in LAYERS}
    tables |= {"villages": plan.hamlets, "locations": plan.locations, "proposals": plan.proposals}
    for name, table in tables.items():
        if len(table):
            folium.GeoJson(
                _plain(gpd.GeoDataFrame(table)),
                name=name,
                marker=folium.CircleMarker(radius=4, fill=True),
                tooltip=folium.GeoJsonTooltip([one for one in _plain(table).columns if one != "geometry"][:4]),
            ).add_to(drawn)
    folium.LayerControl().add_to(drawn)
    west, south, east, north = plan.hamlets.to_crs(4326).total_bounds
    drawn.fit_bounds([[south, west], [north, east]])
    drawn.save(str(path))
    return path


def _plain(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    words = table.drop(columns="geometry").astype("string").fillna("")
    return gpd.GeoDataFrame(words, geometry=table.geometry, crs=table.crs).to_crs(4326)


def _image(path: Path) -> tuple[Any, list[list[float]]]:
    """A raster as RGBA on a grid of degrees, which `mercator_project` asks for."""
    with rasterio.open(path) as source:
        west, south, east, north = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
        height, width = source.height, source.width
        transform = Affine((east - west) / width, 0.0, west, 0.0, -(north - south) / height, north)
        values = np.full((height, width), np.nan, "float32")
        reproject(
            rasterio.band(source, 1), values, dst_transform=transform, dst_crs="EPSG:4326", dst_nodata=np.nan,
            resampling=Resampling.nearest,
        )  # fmt: skip
    colours = np.array([(0, 0, 0, 0), *(colour for _, colour, *_ in signal_classes())], dtype="uint8")
    numbers = np.digitize(np.nan_to_num(values, nan=-np.inf), [low for low, *_ in signal_classes()])
    return colours[numbers], [[south, west], [north, east]]


EVERY_LAYER = """() => {
    document.querySelectorAll('.leaflet-control-layers-selector').forEach((one) => one.checked || one.click());
    const choice = document.querySelector('.covplan-coverage-choice');
    if (choice) { choice.value = '0'; choice.dispatchEvent(new Event('change')); } }"""
MOVES = """async () => {
    const map = Object.values(window).find((one) => one instanceof L.Map), zooms = [], pans = [];
    const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const timed = async (does, into) => {
        const at = performance.now();
        does();
        await painted();
        into.push(performance.now() - at);
    };
    for (const by of [1, 1, 1, -1, -1, -1]) {
        await timed(() => map.setZoom(map.getZoom() + by, {animate: false}), zooms);
    }
    for (const by of [40, 40, 40, -40, -40, -40]) {
        await timed(() => map.panBy([by, by], {animate: false}), pans);
    }
    const middle = (all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
    return [middle(zooms), middle(pans)]; }"""


def _measured(context: Any, path: Path, spec: Spec) -> dict[str, float]:
    page: Page = context.new_page()
    page.set_viewport_size({"width": spec.width, "height": spec.height})
    page.route(re.compile("^https?:"), _from_the_package)
    start = time.perf_counter()
    page.goto(path.as_uri(), timeout=120_000)
    load_s = time.perf_counter() - start
    page.wait_for_function("performance.getEntriesByType('paint').length > 0", timeout=120_000)
    paint_s = page.evaluate("performance.getEntriesByType('paint')[0].startTime") / 1000.0
    page.evaluate(EVERY_LAYER)
    page.wait_for_timeout(500)
    zoom_ms, pan_ms = page.evaluate(MOVES)
    nodes = page.evaluate("document.querySelectorAll('*').length")
    context.close()
    return {"load s": load_s, "first paint s": paint_s, "zoom ms": zoom_ms, "pan ms": pan_ms, "DOM nodes": nodes}


def _from_the_package(route: Route) -> None:
    """Leaflet for the plain map; everything else of the network is cut."""
    name = route.request.url.rpartition("/")[2]
    if name in ("leaflet.js", "leaflet.css"):
        route.fulfill(path=web._leaflet_file(name))
    else:
        route.abort()


if __name__ == "__main__":
    main()
