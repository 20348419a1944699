"""The grid: points find their cells, rasters land where they belong, and files hold what was written."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import Affine

from covplan.study.errors import GridMismatchError
from covplan.study.grid import Grid
from tests.study import EPSG, SOUTH, WEST

metres = st.floats(-5e5, 3e6)
cells_m = st.sampled_from([10.0, 12.5, 30.0, 33.3, 90.0, 500.0])
grids = st.builds(
    lambda west, north, cell_m, rows, columns: Grid(EPSG, cell_m, west * cell_m, north * cell_m, rows, columns),
    st.integers(-1000, 60_000),
    st.integers(-1000, 200_000),
    cells_m,
    st.integers(1, 150),
    st.integers(1, 150),
)
HERE = Grid.from_bounds((WEST, SOUTH, WEST + 3000, SOUTH + 2400), 30, EPSG)


@given(grids, st.data())
def test_the_centre_of_a_cell_lies_in_that_cell(grid, data):
    row, column = data.draw(st.integers(0, grid.rows - 1)), data.draw(st.integers(0, grid.columns - 1))
    assert grid.rowcol(*grid.xy(row, column)) == (row, column)
    assert grid.contains(*grid.xy(row, column))


@given(metres, metres, st.floats(1, 2e5), st.floats(1, 2e5), cells_m)
def test_a_grid_holds_its_bounds_in_the_fewest_whole_cells(west, south, width, height, cell_m):
    east, north = west + width, south + height
    grid = Grid.from_bounds((west, south, east, north), cell_m, EPSG)
    left, bottom, right, top = grid.bounds
    slack = 1e-6  # of a metre: sums of floats
    assert left <= west + slack
    assert bottom <= south + slack
    assert right >= east - slack
    assert top >= north - slack
    assert max(west - left, south - bottom, right - east, top - north) < cell_m + slack
    for edge in (left, top):
        assert edge / cell_m == pytest.approx(round(edge / cell_m), abs=1e-6)


@given(grids, st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), st.floats(0, 3000))
@settings(max_examples=60)
def test_a_window_holds_every_cell_whose_centre_is_in_the_circle(grid, u, v, radius_m):
    west, south, east, north = grid.bounds
    x_m, y_m = west + u * (east - west), south + v * (north - south)
    x, y = grid.xy(np.arange(grid.rows)[:, None], np.arange(grid.columns)[None, :])
    in_circle = np.hypot(x - x_m, y - y_m) <= radius_m
    rows, columns = grid.window(x_m, y_m, radius_m)
    held = np.zeros(grid.shape, dtype=bool)
    held[rows, columns] = True
    assert not (in_circle & ~held).any()
    assert held[rows, columns].size <= (2 * radius_m / grid.cell_m + 2) ** 2 + 1e-6  # and not the whole grid


@given(
    arrays("float32", (7, 9), elements=st.floats(-200, 9000, width=32) | st.just(np.float32("nan"))),
)
@settings(max_examples=40)
def test_what_was_written_is_read_back_to_the_bit(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "bits.tif"
    grid = Grid(EPSG, 30, 420_000, 2_412_000, 7, 9)
    grid.write(path, values)
    with rasterio.open(path) as raster:
        assert raster.read(1).tobytes() == values.tobytes()
    np.testing.assert_array_equal(grid.read(path), values)
    np.testing.assert_array_equal(grid.read(path, resampling=Resampling.nearest), values)


@pytest.mark.parametrize("kind", ["uint8", "int16", "float64"])
def test_heights_and_classes_keep_their_type_and_their_void(tmp_path, kind):
    grid = Grid(EPSG, 30, 420_000, 2_412_000, 50, 300)
    values = np.random.default_rng(7).integers(1, 120, grid.shape).astype(kind)
    values[0, :5] = 0
    grid.write(tmp_path / "a.tif", values, nodata=0)
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.dtypes == (kind,)
        np.testing.assert_array_equal(raster.read(1), values)
    np.testing.assert_array_equal(grid.read(tmp_path / "a.tif"), np.where(values == 0, np.nan, values))


def test_beyond_the_file_is_nothing_not_zero(tmp_path):
    HERE.write(tmp_path / "a.tif", np.full(HERE.shape, 7, dtype="uint8"))
    west, south, east, north = HERE.bounds
    wider = Grid.from_bounds((west - 60, south - 60, east + 60, north + 60), 30, EPSG)
    read = wider.read(tmp_path / "a.tif")
    assert np.isnan(read[:2]).all()
    assert np.isnan(read[:, -2:]).all()
    assert (read[2:-2, 2:-2] == 7).all()


@pytest.mark.parametrize(("epsg", "step"), [(4326, 0.0003), (9209, 30.0), (32648, 30.0), (3857, 30.0)])
def test_a_raster_in_another_system_lands_within_half_a_cell(tmp_path, epsg, step):
    """Each cell of the raster holds the easting or northing that PROJ gives for it: so the error is in metres."""
    to_file = Transformer.from_crs(EPSG, epsg, always_xy=True)
    west, south, east, north = to_file.transform_bounds(*HERE.bounds)
    rows, columns = math.ceil((north - south) / step) + 8, math.ceil((east - west) / step) + 8
    left, top = west - 4 * step, north + 4 * step
    x, y = np.meshgrid(left + (np.arange(columns) + 0.5) * step, top - (np.arange(rows) + 0.5) * step)
    for axis, values in enumerate(Transformer.from_crs(epsg, EPSG, always_xy=True).transform(x, y)):
        with rasterio.open(
            tmp_path / "a.tif", "w", driver="GTiff", height=rows, width=columns, count=1, dtype="float64",
            crs=f"EPSG:{epsg}", transform=Affine(step, 0, left, 0, -step, top),
        ) as out:  # fmt: skip
            out.write(values, 1)
        wanted = HERE.xy(np.arange(HERE.rows)[:, None], np.arange(HERE.columns)[None, :])[axis]
        assert np.abs(HERE.read(tmp_path / "a.tif") - wanted).max() < HERE.cell_m / 2


def test_equal_rasters_are_equal_files(tmp_path):
    values = np.random.default_rng(7).normal(size=HERE.shape).astype("float32")
    for name, array in (("a", values), ("b", values.copy(order="F")), ("c", values + np.float32(1))):
        HERE.write(tmp_path / f"{name}.tif", array)
    a, b, c = ((tmp_path / f"{name}.tif").read_bytes() for name in "abc")
    assert a == b != c


def test_an_array_of_another_grid_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(GridMismatchError, match=r"a\.tif"):
        HERE.write(tmp_path / "a.tif", np.zeros((HERE.rows, HERE.columns + 1)))
    assert list(tmp_path.iterdir()) == []
