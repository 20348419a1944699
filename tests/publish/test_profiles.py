"""A link as a picture and as lines: what is drawn, in whose language, the same bytes twice."""

from __future__ import annotations

import io
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from rich.console import Console

from covplan.publish.explained import budget_table, show_explanation, write_explanation
from covplan.publish.profiles import draw_profile, link_layers, write_profile
from covplan.radio.explain import explain_links
from covplan.study.filenames import file_name
from covplan.study.settings import Propagation, Radio
from tests.radio.test_coverage import CELLS, stations
from tests.radio.test_explain import GRID, MAST, ground

HAMLET = (405_000.0, 2_446_100.0)
PLACE = "Thôn Đồng Rôm [b]<i>"


@pytest.fixture(scope="module")
def explained():
    land = ground()
    land.elevation_m[:, 100:104] += 84.0
    land.clutter_m[:, 120:160] = 15.0
    table = pd.concat([stations(MAST), stations((404_000.0, 2_447_000.0), operator="VNPT")], ignore_index=True)
    return explain_links(
        table, CELLS, land, "4G", Radio(), Propagation(radius_km=5.0), HAMLET, operators=["VTL", "VNPT", "MBF"],
        place=PLACE, place_id="T/02200-1",
    )  # fmt: skip


def texts(figure):
    (axes,) = figure.axes
    return [one.get_text() for one in (*axes.texts, axes.title, *axes.get_legend().get_texts(), *figure.texts)] + [
        axes.get_title(loc="left")
    ]


def test_the_picture_shows_ridge_ray_zone_and_edge_where_they_are(explained):
    link = explained.links[0]
    figure = draw_profile(link, place=PLACE)
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(drawn["Đường ngắm"].get_ydata(), link.ray_m)
    assert drawn["Mép Bullington"].get_xdata() == [link.edge_m / 1000]
    assert drawn["Mép Bullington"].get_ydata() == [link.edge_height_m]
    ridge = [line for line in axes.lines if list(line.get_xdata()) == [link.obstacle.distance_m / 1000] * 2]
    assert len(ridge) == 1
    assert np.ptp(ridge[0].get_ydata()) == pytest.approx(link.obstacle.over_ray_m)
    said = "\n".join(texts(figure))
    for words in ("Cây cối, nhà cửa", "Vùng Fresnel thứ nhất", "Bị dãy núi cao 384 m", "trên đường ngắm", PLACE,
                  "Viettel 4G 1800 MHz", "Suy hao"):  # fmt: skip
        assert words in said
    assert "MÔ PHỎNG" not in said
    assert "DỮ LIỆU MÔ PHỎNG" in "\n".join(texts(draw_profile(link, synthetic=True)))
    low, high = axes.get_ylim()
    assert low < link.ground_m.min()
    assert high > max(link.edge_height_m, link.ray_m.max())


def test_a_picture_is_the_same_bytes_twice_and_all_its_letters_are_there(explained, tmp_path):
    link = explained.links[0]
    first, again = (write_profile(link, tmp_path / name, place=PLACE) for name in ("a.png", "b.png"))
    assert first.read_bytes() == again.read_bytes()  # a letter the font lacks would have been a warning
    assert image.imread(first).shape[1] > 1000


def test_a_hamlet_at_the_foot_of_the_mast_is_drawn_too(tmp_path):
    (link,) = explain_links(
        stations(MAST), CELLS, ground(), "4G", Radio(), Propagation(), MAST, operators=["VTL"]
    ).links  # fmt: skip
    assert write_profile(link, tmp_path / "foot.png").is_file()


def test_links_are_lines_from_mast_to_hamlet_and_obstacles_points_on_them(explained):
    lines, points = link_layers(explained)
    assert lines.crs.to_epsg() == points.crs.to_epsg() == GRID.epsg
    assert list(lines.geometry[0].coords) == [MAST, HAMLET]
    assert lines.geometry[0].distance(points.geometry[0]) < 1e-6
    assert lines["verdict_vi"].tolist() == [link.verdict_vi for link in explained.links]
    none = link_layers(explain_links(
        stations(MAST), CELLS, ground(), "4G", Radio(), Propagation(), HAMLET, operators=["MBF"]))  # fmt: skip
    assert [len(layer) for layer in none] == [0, 0]


def test_an_explanation_is_a_table_a_map_and_a_picture_of_each_best_link(explained, tmp_path):
    written = write_explanation(explained, tmp_path)
    stem = f"{file_name(explained.place_id)}_4G"
    assert stem.startswith("T_02200-1+")
    assert [path.name for path in written] == [
        f"{stem}_budget.csv", f"{stem}_links.geojson", f"{stem}_VTL.png", f"{stem}_VNPT.png",
    ]  # fmt: skip
    table = pd.read_csv(written[0])
    assert set(table["operator"]) == {"VTL", "VNPT", "MBF"}
    ours = table[(table["operator"] == "VTL") & (table["item"] == "rsrp")]
    assert ours["value"].item() == pytest.approx(explained.links[0].rsrp_dbm, abs=0.001)
    assert len(table) == len(budget_table(explained))
    mapped = gpd.read_file(written[1])
    assert mapped.crs.to_epsg() == 4326
    assert set(mapped.geom_type) == {"LineString", "Point"}
    assert json.loads(written[1].read_text(encoding="utf-8"))["type"] == "FeatureCollection"


@pytest.mark.parametrize(("language", "words"), [("vi", "Không gian tự do"), ("en", "Free space")])
def test_the_screen_shows_budget_and_verdicts_and_takes_names_as_they_are(explained, language, words):
    console = Console(width=250, record=True, file=io.StringIO())
    show_explanation(console, explained, language)
    told = console.export_text()
    assert words in told
    assert PLACE in told
    assert getattr(explained.links[0], f"verdict_{language}")[:40] in told
    assert getattr(explained.missing[0], f"verdict_{language}") in told
