from __future__ import annotations

import base64
import json
import re
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from covplan.publish.map_layers import looks
from covplan.publish.map_projection import projection_of
from covplan.publish.map_shapes import lonlat
from covplan.publish.maps import write_map
from covplan.publish.overlays import COVERAGE_BYTES, Picture, coverage_pictures, png, relief, signal_classes
from covplan.study.errors import OutputError
from covplan.study.grid import Grid
from tests.colours import SEEN_AS, colour_distance
from tests.publish.test_maps import plan_of, restricted_l3
from tests.study import EPSG, SIDE, SOUTH, WEST

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from covplan.study.plan import Plan

PAPER = "#eef0f1"  # background of the map: resources/web/map.css
DISTINCT = 12.0


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("overlays") / "study")


def rasters(
    folder: Path, names: tuple[str, ...] = ("4G_any", "4G_VTL"), *, cell_m: float = 100, seed: int | None = None
) -> Path:
    """Rasters as `covplan coverage` writes them: strong in the west, weak in the east, nothing in the north."""
    grid = Grid.from_bounds((WEST - 3000, SOUTH - 3000, WEST + 2 * SIDE + 3000, SOUTH + 2 * SIDE + 3000), cell_m, EPSG)
    values = np.broadcast_to(np.linspace(-60, -130, grid.columns), grid.shape).astype("float32").copy()
    if seed is not None:
        values = np.random.default_rng(seed).uniform(-130, -60, grid.shape).astype("float32")
    values[: grid.rows // 10] = np.nan
    server = np.zeros(grid.shape, "int32")
    server[:, grid.columns // 2 :] = 1
    for name in names:
        grid.write_cog(folder / f"{name}_rsrp_dbm.tif", values, nodata=float("nan"), unit="dBm")
        grid.write_cog(folder / f"{name}_server.tif", server, nodata=-1, unit="")
        pd.DataFrame({"server": [0, 1], "cell_id": ["C-1", "C-2"]}).to_csv(folder / f"{name}_cells.csv", index=False)
    return folder


def pixels(picture: Picture) -> NDArray[np.uint8]:
    """Red, green, blue, alpha of a picture."""
    content = base64.b64decode(picture.image.partition(",")[2])
    with MemoryFile(content) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open() as source:
            table = np.array([colour for _, colour in sorted(source.colormap(1).items())], dtype="uint8")
            return table[source.read(1)]


def at(picture: Picture, lon: float, lat: float) -> tuple[int, ...]:
    """Colour of a picture at a place, as Leaflet stretches it: linear in EPSG:3857."""
    turn = Transformer.from_crs(4326, 3857, always_xy=True).transform
    west, south = turn(picture.west, picture.south)
    east, north = turn(picture.east, picture.north)
    x, y = turn(lon, lat)
    image = pixels(picture)
    row, column = int((north - y) / (north - south) * image.shape[0]), int((x - west) / (east - west) * image.shape[1])
    return tuple(int(part) for part in image[row, column])


def test_a_png_says_the_palette_numbers_it_was_given() -> None:
    numbers = np.arange(6, dtype="uint8").reshape(2, 3) % 3
    palette = [(0, 0, 0, 0), (255, 0, 0, 255), (1, 2, 3, 128)]
    content = base64.b64encode(png(numbers, palette)).decode()
    read = pixels(Picture(f"data:image/png;base64,{content}", 0, 0, 1, 1))
    assert [[tuple(one) for one in row] for row in read.tolist()] == [[palette[n] for n in row] for row in numbers]


def test_the_colour_at_a_place_is_that_of_its_rsrp(plan: Plan, tmp_path: Path) -> None:
    one = coverage_pictures(rasters(tmp_path), plan.study.outline, EPSG)[0]
    colours = {low: colour for low, colour, *_ in signal_classes()}
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True).transform
    for share, low in ((0.15, -75), (0.3, -85), (0.42, -95), (0.55, -105), (0.675, -110), (0.8, -120)):
        x = WEST - 3000 + share * (2 * SIDE + 6000)
        assert at(one.picture, *to_degrees(x, SOUTH + SIDE)) == colours[low], low
    assert at(one.picture, *to_degrees(WEST + 2 * SIDE + 500, SOUTH + SIDE))[3] == 0  # -122 dBm: nothing to show


def test_pictures_come_in_the_order_people_ask_for_them(plan: Plan, tmp_path: Path) -> None:
    folder = rasters(tmp_path, ("5G_VNPT", "4G_VNPT", "4G_MBF", "4G_any", "5G_any"))
    made = coverage_pictures(folder, plan.study.outline, EPSG)
    assert [(one.technology, one.operator) for one in made] == [
        ("4G", "any"), ("4G", "MBF"), ("4G", "VNPT"), ("5G", "any"), ("5G", "VNPT"),
    ]  # fmt: skip


def test_pictures_are_bounded_in_size_whatever_the_rasters(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = rasters(tmp_path, seed=1)
    whole = sum(len(one.picture.image) for one in coverage_pictures(folder, plan.study.outline, EPSG))
    assert whole < COVERAGE_BYTES
    monkeypatch.setattr("covplan.publish.overlays.COVERAGE_BYTES", whole // 4)
    small = coverage_pictures(folder, plan.study.outline, EPSG)
    assert sum(len(one.picture.image) for one in small) <= whole // 4
    assert pixels(small[0].picture).shape[0] > 20


def test_where_an_unpublished_cell_serves_nothing_is_shown(plan: Plan, tmp_path: Path) -> None:
    folder = rasters(tmp_path)
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True).transform
    hidden = coverage_pictures(folder, plan.study.outline, EPSG, unpublished=frozenset({"C-2"}))[0].picture
    assert at(hidden, *to_degrees(WEST + SIDE - 600, SOUTH + SIDE))[3] == 255
    assert at(hidden, *to_degrees(WEST + SIDE + 600, SOUTH + SIDE))[3] == 0
    (folder / "4G_any_server.tif").unlink()
    with pytest.raises(OutputError, match="4G_any_server"):
        coverage_pictures(folder, plan.study.outline, EPSG, unpublished=frozenset({"C-2"}))


def test_a_folder_without_rasters_is_said(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="covplan coverage"):
        coverage_pictures(tmp_path, plan.study.outline, EPSG)
    (tmp_path / "4G_VTL_rsrp_dbm.tif").write_text("no raster")
    with pytest.raises(OutputError, match="4G_VTL_rsrp_dbm"):
        coverage_pictures(tmp_path, plan.study.outline, EPSG)


def test_slopes_that_face_the_light_are_lighter(plan: Plan, tmp_path: Path) -> None:
    grid = Grid.from_bounds((WEST - 3000, SOUTH - 3000, WEST + 2 * SIDE + 3000, SOUTH + 2 * SIDE + 3000), 100, EPSG)
    x, _ = grid.xy(np.zeros(grid.columns), np.arange(grid.columns))
    ridge = np.broadcast_to(1500 - 0.2 * np.abs(x - (WEST + SIDE)), grid.shape).astype("float32")
    grid.write(tmp_path / "ridge.tif", ridge)
    shade = relief(tmp_path / "ridge.tif", plan.study.outline, EPSG)
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True).transform
    west, east = (at(shade, *to_degrees(WEST + SIDE + dx, SOUTH + SIDE))[3] for dx in (-3000, 3000))
    assert west < 10 < east  # light comes from the north-west: the eastern slope is dark


def test_the_map_carries_coverage_relief_and_links_to_pages_that_exist(plan: Plan, tmp_path: Path) -> None:
    folder = rasters(tmp_path / "coverage")
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "T-02200-1.html").write_text("phiếu")
    pages = [
        write_map(plan, tmp_path / name, coverage=folder).read_text(encoding="utf-8") for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]
    told = raster_spec(pages[0])
    assert [one["title"] for one in told["coverage"]] == ["4G – mọi nhà mạng", "4G – Viettel"]
    assert told["relief"]["image"].startswith("data:image/png")
    assert told["note"] == ""
    assert re.findall(r'"sheet":"([^"]*)"', pages[0]) == ["sheets/T-02200-1.html"]
    west, south, east, north = lonlat(plan.hamlets.geometry).total_bounds
    one = told["coverage"][0]
    assert one["west"] < west < east < one["east"]
    assert one["south"] < south < north < one["north"]


def test_coverage_of_a_study_with_restricted_stations_says_what_is_left_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "study", stations=restricted_l3)
    page = write_map(plan, tmp_path / "map.html", coverage=rasters(tmp_path / "coverage")).read_text(encoding="utf-8")
    assert "hạn chế công bố phục vụ" in raster_spec(page)["note"]


def raster_spec(page: str) -> dict[str, Any]:
    found = re.search(r"covplan\.rasters\(\w+, ", page)
    assert found
    told: dict[str, Any] = json.JSONDecoder().raw_decode(page, found.end())[0]
    return told


def test_every_legend_can_be_told_apart_by_the_colour_blind() -> None:
    legends = {
        (layer, theme): [_on_paper(look) for look in codes.values() if "fillColor" in look]
        for layer, themes in looks().items()
        for theme, codes in themes.items()
    }
    legends["rsrp", ""] = ["#{:02x}{:02x}{:02x}".format(*colour[:3]) for _, colour, *_ in signal_classes()]
    close = [
        (legend, seen_as, one, other, round(colour_distance(one, other, seen_as), 1))
        for legend, colours in legends.items()
        for seen_as in SEEN_AS
        for one, other in combinations(colours, 2)
        if colour_distance(one, other, seen_as) < DISTINCT
    ]
    assert close == []


def _on_paper(look: dict[str, Any]) -> str:
    def part(k: int) -> int:
        fill, paper = int(look["fillColor"][k : k + 2], 16), int(PAPER[k : k + 2], 16)
        return round(look["fillOpacity"] * fill + (1 - look["fillOpacity"]) * paper)

    return "#" + "".join(f"{part(k):02x}" for k in (1, 3, 5))


def test_the_projection_is_that_of_the_epsg_code() -> None:
    told = projection_of(9211, 105.2, 22.1)
    assert told is not None
    assert (told["name"], told["lon0"], told["k"], told["x0"]) == ("VN-2000", 106.0, 0.9999, 500_000.0)
    utm = projection_of(3405, 105.2, 22.1)
    assert utm is not None
    assert (utm["lon0"], utm["k"]) == (105.0, 0.9996)
    assert projection_of(4756, 105.2, 22.1) is None
