"""`covplan map` as a user types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from covplan.publish.map_layers import sheet_name
from tests.publish.test_map_overlays import raster_spec, rasters
from tests.study import small_study
from tests.test_cli import covplan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_study(tmp_path_factory.mktemp("map") / "study")


def test_map_writes_one_file_and_says_what_could_be_added(study: Path, tmp_path: Path) -> None:
    told = covplan("map", study, "-o", tmp_path)
    assert told.exit_code == 0, told.output
    assert [path.name for path in tmp_path.iterdir()] == ["map.html"]
    assert "covplan coverage" in told.output
    assert "openstreetmap" not in (tmp_path / "map.html").read_text(encoding="utf-8").lower()


def test_coverage_beside_the_map_is_taken_and_another_folder_on_request(study: Path, tmp_path: Path) -> None:
    rasters(tmp_path / "coverage", ("4G_any",))
    other = rasters(tmp_path / "elsewhere", ("5G_VNPT",))
    assert covplan("map", study, "-o", tmp_path).exit_code == 0
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert [one["title"] for one in raster_spec(page)["coverage"]] == ["4G – mọi nhà mạng"]
    assert covplan("map", study, "-o", tmp_path, "--coverage", other).exit_code == 0
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert [one["title"] for one in raster_spec(page)["coverage"]] == ["5G – VNPT VinaPhone"]


def test_a_map_that_cannot_be_drawn_leaves_the_former_one_alone(study: Path, tmp_path: Path) -> None:
    (tmp_path / "map.html").write_text("former")
    (tmp_path / "none").mkdir()
    told = covplan("map", study, "-o", tmp_path, "--coverage", tmp_path / "none")
    assert told.exit_code == 2
    assert "covplan coverage" in told.output
    assert (tmp_path / "map.html").read_text() == "former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.html", "none"]


def test_web_tiles_and_the_browser_only_on_request(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[str] = []
    monkeypatch.setattr("click.launch", lambda path: launched.append(path))
    assert covplan("map", study, "-o", tmp_path, "--tiles", "--open").exit_code == 0
    assert "tile.openstreetmap.org" in (tmp_path / "map.html").read_text(encoding="utf-8")
    assert launched == [str(tmp_path / "map.html")]


def test_results_do_not_go_into_the_study(study: Path) -> None:
    assert covplan("map", study, "-o", study).exit_code == 2


@pytest.mark.parametrize(
    ("village_id", "name"),
    [
        ("SYN-02281-17", "SYN-02281-17.html"),
        ("a/b c", "a_b_c+bl4zuyernfjy.html"),
        ("../x", "_x+224wvf6ri7nk.html"),
        ("<x>", "_x_+eiyf7yt65m3d.html"),
    ],
)
def test_a_page_has_the_hamlets_id_for_a_name_that_stays_in_its_folder(village_id: str, name: str) -> None:
    assert sheet_name(village_id) == name
