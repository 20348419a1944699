"""The ground from files as people have them: GeoTIFF, SRTM tiles plain, zipped or gzipped, several at once."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest
import rasterio
from pyproj import Geod, Transformer
from rasterio.transform import Affine

from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.terrain.ground import class_titles, clutter_height_m, default_heights_m, load_ground
from covplan.terrain.profile import profile

EPSG = 9211
GRID = Grid(EPSG, 90.0, 440_010.0, 2_436_990.0, 80, 70)  # astride 22° N


def height_m(lon, lat):
    return 300 + 4000 * (lon - 105.4) + 2500 * (lat - 21.9) + 40 * np.sin(lon * 300)


def srtm(lat, lon, void=()):
    """A 3-second tile as bytes: rows from the north, big-endian, edges shared with the neighbours."""
    rows, columns = np.mgrid[:1201, :1201]
    heights = height_m(lon + columns / 1200, lat + 1 - rows / 1200).round().astype(">i2")
    for r, c in void:
        heights[r, c] = -32768
    return heights.tobytes()


def expected():
    rows, columns = np.mgrid[: GRID.rows, : GRID.columns]
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(*GRID.xy(rows, columns))
    return height_m(lon, lat)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("srtm")
    (folder / "N21E105.hgt").write_bytes(srtm(21, 105))
    (folder / "N22E105.hgt").write_bytes(srtm(22, 105, void=[(1195, 537), (1195, 538)]))
    return folder


def test_two_tiles_are_one_ground_without_a_seam(tiles):
    ground = load_ground(GRID, tiles)
    assert ground.voids == 0
    off_m = np.abs(ground.elevation_m - expected())
    assert np.count_nonzero(off_m > 1.5) <= ground.filled  # rounded to metres, between samples
    assert off_m.max() < 5


def test_small_voids_are_filled_and_counted_large_ones_stay(tiles, tmp_path):
    assert 0 < load_ground(GRID, tiles).filled < 30
    block = [(r, c) for r in range(1100, 1201) for c in range(510, 570)]
    (tmp_path / "N22E105.hgt").write_bytes(srtm(22, 105, void=block))
    (tmp_path / "N21E105.hgt").write_bytes(srtm(21, 105))
    ground = load_ground(GRID, tmp_path)
    assert ground.voids == np.isnan(ground.elevation_m).sum() > 500


def test_the_ground_ends_where_the_files_end(tmp_path):
    half = Grid(EPSG, GRID.cell_m, GRID.west_m, GRID.north_m, GRID.rows, GRID.columns // 2)
    half.write(tmp_path / "half.tif", np.full(half.shape, 300, np.int16), nodata=-32768)
    heights = load_ground(GRID, tmp_path / "half.tif").elevation_m
    assert np.isnan(heights[:, half.columns + 1 :]).all()
    assert (heights[:, : half.columns - 1] == 300).all()


def test_zipped_and_gzipped_tiles_read_as_plain_ones(tiles, tmp_path):
    with zipfile.ZipFile(tmp_path / "N21E105.hgt.zip", "w") as archive:
        archive.write(tiles / "N21E105.hgt", "N21E105.hgt")
    (tmp_path / "N22E105.hgt.gz").write_bytes(gzip.compress((tiles / "N22E105.hgt").read_bytes()))
    both = load_ground(GRID, [tmp_path / "N21E105.hgt.zip", tmp_path / "N22E105.hgt.gz"])
    np.testing.assert_array_equal(both.elevation_m, load_ground(GRID, tiles).elevation_m)


def test_another_system_and_another_cell_give_the_same_ground(tmp_path):
    transform = Affine(1 / 3600, 0, 105.35, 0, -1 / 3600, 22.1)
    rows, columns = np.mgrid[:720, :720]
    values = height_m(105.35 + (columns + 0.5) / 3600, 22.1 - (rows + 0.5) / 3600).astype(np.float32)
    profile_ = {"driver": "GTiff", "height": 720, "width": 720, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "e.tif", "w", crs="EPSG:4326", transform=transform, **profile_) as raster:
        raster.write(values, 1)
    ground = load_ground(GRID, tmp_path / "e.tif")
    assert np.nanmax(np.abs(ground.elevation_m - expected())) < 1.5


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cao_do.hgt", b"\0" * 100, "called after its corner"),
        ("N21E105.hgt", b"\0" * 100, "N21E105.hgt"),
        ("e.tif", b"not a raster", "e.tif: cannot be read"),
    ],
)
@speaking("en")
def test_what_is_no_raster_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LayerError, match=said):
        load_ground(GRID, tmp_path / name)


def test_clutter_heights_follow_the_table_and_the_studys_own():
    classes = np.array([[10, 50], [80, 77], [np.nan, 40]], dtype=np.float32)
    heights, unknown = clutter_height_m(classes)
    np.testing.assert_array_equal(heights, [[15, 10], [0, 0], [0, 0]])
    assert unknown == (77,)
    heights, unknown = clutter_height_m(classes, heights_m={10: 20, 77: 4})
    np.testing.assert_array_equal(heights, [[20, 10], [0, 4], [0, 0]])
    assert unknown == ()
    assert set(default_heights_m("igbp")) == set(range(18))


@speaking("en")
def test_a_profile_runs_over_the_ground_and_ends_where_asked(tiles):
    ground = load_ground(GRID, tiles)
    start, end = (441_000.0, 2_436_000.0), (445_500.0, 2_431_300.0)
    path = profile(ground, start, end, 30.0)
    assert path.distance_m[-1] == pytest.approx(np.hypot(4500, 4700))
    assert np.diff(path.distance_m).max() <= 30.0
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(path.x_m, path.y_m)
    assert np.abs(path.height_m - height_m(lon, lat)).max() < 3
    with pytest.raises(LayerError, match=r"no height at x=4\d+ y=24\d+ .* km along the path"):
        profile(ground, start, (start[0] + 20_000, start[1]), 30.0)


def test_a_straight_line_is_the_shortest_way_to_a_hundredth_of_a_cell():
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    back = Transformer.from_crs(4326, EPSG, always_xy=True)
    for start, end in (((385_000, 2_450_000), (435_000, 2_450_000)), ((385_000, 2_390_000), (420_000, 2_425_000))):
        one, other = to_degrees.transform(*start), to_degrees.transform(*end)
        geod = Geod(ellps="WGS84")
        middle = geod.npts(*one, *other, 1)[0]
        x, y = back.transform(*middle)
        length = np.hypot(end[0] - start[0], end[1] - start[1])
        aside_m = abs((end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])) / length
        assert aside_m < 1.0
        assert abs(length / geod.inv(*one, *other)[2] - 1) < 3e-4


def test_classes_are_called_in_the_language_spoken():
    with speaking("vi"):
        assert class_titles("worldcover")[10] == "Rừng cây"
    with speaking("en"):
        assert class_titles("worldcover")[10] == "Tree cover"
