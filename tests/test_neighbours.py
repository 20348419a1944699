"""Masts across the border: they serve and interfere, are not the province's, and none of them stops anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from covplan import Workspace, make_plan, open_study
from covplan.pipeline import explain_link, propose_sharing
from covplan.study.codes import ANY
from covplan.study.folder import read_study
from covplan.study.grid import Grid
from tests.study import EPSG, SIDE, SOUTH, WEST, small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

NEIGHBOUR = "GTEL"  # none of the small province's stations is its
BESIDE = SOUTH + 1.1 * SIDE  # of a village near the western border
SETTINGS = {"coverage": {"basis": "computed"}, "radio": {"4G": {"rsrp_threshold_dbm": -90.0}}}
"""A threshold at which the small province's own masts leave hamlets dark."""


def study_with(folder: Path, *, away_m: float = 0.0, terrain_m: float = 2000.0, settings: dict | None = None) -> Path:
    """The small study, with a mast so far west of the border and flat terrain so far around the province."""

    def stations(table: pd.DataFrame) -> pd.DataFrame:
        if not away_m:
            return table
        lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(WEST - away_m, BESIDE)
        other = table.iloc[[0]].assign(
            station_id="NEXT-1", location_id="NEXT", operator=NEIGHBOUR, lon=round(lon, 6), lat=round(lat, 6),
            commune_code=None, height_m=100, antenna_height_m=98,
        )  # fmt: skip
        return pd.concat([table, other], ignore_index=True)

    path = small_study(folder, SETTINGS | (settings or {}), stations=stations)
    around = (WEST - terrain_m, SOUTH - terrain_m, WEST + 2 * SIDE + terrain_m, SOUTH + 2 * SIDE + terrain_m)
    grid = Grid.from_bounds(around, 90, EPSG)
    grid.write(path / "elevation.tif", np.full(grid.shape, 120, "int16"), nodata=-32768)
    (path / "landcover.tif").unlink()
    return path


def names_of(plan: Plan, check: str) -> list[str]:
    return [one.id for one in plan.findings if one.check == check]


def value(plan: Plan, indicator: str) -> float:
    return float(plan.indicators.set_index("indicator").at[indicator, "value"])


def served(plan: Plan) -> int:
    state = plan.hamlets["mobile_state"]
    return int(state.isin(["covered", "weak"]).sum())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Without any neighbour."""
    return make_plan(open_study(study_with(tmp_path_factory.mktemp("alone"))))


def test_the_grid_reaches_as_far_as_masts_do_where_there_is_terrain(tmp_path: Path) -> None:
    near = open_study(study_with(tmp_path / "near")).grid
    far = open_study(study_with(tmp_path / "far", terrain_m=50_000.0)).grid
    assert WEST - 2200 <= near.west_m <= WEST - 2000
    assert WEST - 20_100 <= far.west_m <= WEST - 20_000
    bare = open_study(study_with(tmp_path / "bare"))
    (bare.path / "elevation.tif").unlink()
    assert open_study(bare.path).grid.west_m == pytest.approx(WEST - 1000, abs=100)


def test_a_mast_beyond_the_terrain_is_one_finding_with_its_name(tmp_path: Path, alone: Plan) -> None:
    plan = make_plan(open_study(study_with(tmp_path, away_m=5500.0)))
    assert names_of(plan, "station_without_terrain") == ["NEXT-1"]
    pd.testing.assert_frame_equal(plan.signals, alone.signals)
    assert value(plan, "BTS_SHARE_RATIO") == value(alone, "BTS_SHARE_RATIO")


@pytest.mark.parametrize("away_m", [3000.0, 14_000.0])
def test_a_mast_across_the_border_serves_and_is_not_counted(tmp_path: Path, away_m: float) -> None:
    far = {"terrain_m": 25_000.0}
    plan = make_plan(open_study(study_with(tmp_path / "with", away_m=away_m, **far)))
    without = make_plan(open_study(study_with(tmp_path / "without", **far)))
    by_operator = plan.signals.set_index(["operator", "technology", "village_id"])["rsrp_dbm"]
    assert by_operator[(NEIGHBOUR, "4G", "T-02200-1")] > -100
    ours = plan.signals[~plan.signals["operator"].isin([NEIGHBOUR, ANY])]
    pd.testing.assert_frame_equal(
        ours.reset_index(drop=True), without.signals.query("operator != @ANY").reset_index(drop=True)
    )
    assert served(plan) >= served(without)
    assert not names_of(plan, "station_without_terrain")
    assert [one.value for one in plan.findings if one.check == "neighbour_stations"] == ["1"]
    assert value(plan, "BTS_SHARE_RATIO") == value(without, "BTS_SHARE_RATIO")
    assert "NEXT" not in set(plan.locations["location_id"])
    assert "NEXT-1" not in set(plan.evidence["object_id"])


def test_a_mast_farther_than_masts_reach_is_set_aside(tmp_path: Path) -> None:
    study, found = read_study(study_with(tmp_path, away_m=21_000.0, terrain_m=30_000.0))
    assert study is not None
    assert [one.id for one in found if one.check == "outside_province"] == ["NEXT-1"]
    assert list(study.set_aside["stations"]["station_id"]) == ["NEXT-1"]


def test_a_mast_that_names_a_commune_of_the_province_is_its_own(tmp_path: Path) -> None:
    path = study_with(tmp_path, away_m=700.0)
    table = pd.read_csv(path / "bts_sites.csv", dtype=str)
    table.loc[table["station_id"] == "NEXT-1", "commune_code"] = "02200"
    table.to_csv(path / "bts_sites.csv", index=False)
    study = open_study(path)
    assert not study.neighbours.any()
    assert "NEXT" in set(Workspace(study).locations["location_id"])


def test_proposals_leave_neighbours_alone(tmp_path: Path) -> None:
    study = open_study(study_with(tmp_path, away_m=1500.0))
    plan = propose_sharing(study, scenarios=())
    assert not plan.moves.astype(str).apply(lambda column: column.str.contains("NEXT")).to_numpy().any()
    assert not plan.proposals.astype(str).apply(lambda column: column.str.contains("NEXT")).to_numpy().any()


def test_a_link_across_the_border_is_explained(tmp_path: Path) -> None:
    study = open_study(study_with(tmp_path, away_m=1500.0))
    found = explain_link(study, (WEST + 500.0, BESIDE), operators=[NEIGHBOUR])
    assert "NEXT-1" in {one.station_id for one in found.links}


def test_the_provinces_own_grid_is_a_part_of_the_whole(tmp_path: Path) -> None:
    study = open_study(study_with(tmp_path, terrain_m=7000.0))
    whole = Workspace(study).ground
    part = whole.within(study.province_grid)
    assert part.grid == study.province_grid
    assert part.elevation_m.shape == part.grid.shape < whole.grid.shape
    x, y = part.grid.xy([0, part.grid.rows - 1], [0, part.grid.columns - 1])
    row, column = whole.grid.rowcol(x, y)
    np.testing.assert_array_equal(part.elevation_m[[0, -1], [0, -1]], whole.elevation_m[row, column])
