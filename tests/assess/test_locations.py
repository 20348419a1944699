"""Stations to locations: who shares a structure, and what the structure is."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covplan.assess.indicators import shared_locations
from covplan.assess.locations import group_locations, on_air
from covplan.study.folder import open_study
from tests.study import EPSG, small_study

OPERATORS = ["VTL", "VNPT", "MBF", "VNM", "GTEL"]


def stations(rows):
    """Stations from (location, operator, status), all else alike."""
    table = pd.DataFrame(rows, columns=["location_id", "operator", "status"])
    table["station_id"] = [f"S-{n:03d}" for n in range(len(table))]
    table["technologies"] = "4G"
    table[["structure", "owner"]] = ["A2b", "VTL"]
    table["height_m"] = 42.0
    table["max_tenants"] = pd.array([3] * len(table), dtype="Int64")
    table["on_air"] = pd.Timestamp("2020-01-01")
    points = gpd.points_from_xy([420_000.0] * len(table), range(len(table)))
    return gpd.GeoDataFrame(table, geometry=points, crs=EPSG)


def ratio_pct(table):
    return shared_locations(group_locations(on_air(table))).value_pct


rows = st.tuples(
    st.sampled_from(["L-1", "L-2", "L-3", "L-4"]), st.sampled_from(OPERATORS), st.sampled_from(["existing", "planned"])
)


@given(st.lists(rows, min_size=1, max_size=9), st.data())
@settings(max_examples=40)
def test_one_more_tenant_on_a_standing_location_never_lowers_the_sharing_ratio(start, data):
    standing = sorted({location for location, _, status in start if status == "existing"})
    before = ratio_pct(stations(start))
    if not standing:
        assert before is None
        return
    tenant = (data.draw(st.sampled_from(standing)), data.draw(st.sampled_from(OPERATORS)), "existing")
    assert ratio_pct(stations([*start, tenant])) >= before


@given(st.lists(rows, min_size=1, max_size=9))
@settings(max_examples=40)
def test_a_location_is_its_operators_on_air_and_planned_stations_leave_no_trace(start):
    locations = group_locations(on_air(stations(start)))
    wanted: dict[str, list[str]] = {}
    for location, operator, status in start:
        if status == "existing":
            wanted.setdefault(location, []).append(operator)
    found = zip(
        locations["location_id"], locations["operators"], locations["stations"], locations["shared"], strict=True
    )
    assert list(found) == [
        (location, ";".join(sorted(set(there))), len(there), len(set(there)) > 1)
        for location, there in sorted(wanted.items())
    ]


def test_sharing_is_counted_on_locations_not_on_stations(tmp_path):
    study = open_study(small_study(tmp_path))
    locations = group_locations(on_air(study.stations))
    assert (len(study.stations), len(locations)) == (7, 6)
    assert shared_locations(locations).value_pct == pytest.approx(100 / 6)  # by stations it would be 2 of 7


def test_two_stations_of_one_operator_share_nothing():
    assert ratio_pct(stations([("L-1", "VTL", "existing"), ("L-1", "VTL", "existing")])) == 0


def test_a_planned_tenant_does_not_make_a_location_shared():
    assert ratio_pct(stations([("L-1", "VTL", "existing"), ("L-1", "VNPT", "planned")])) == 0


def test_a_structure_is_described_by_the_station_that_came_with_it(tmp_path):
    def joined(table):
        # S-2 joined L-1 nine years after S-1, and its operator wrote down another mast.
        table.loc[1, ["structure", "height_m", "owner", "max_tenants"]] = ["A1a", 30, "VNPT", 1]
        return table.iloc[::-1]

    locations = group_locations(open_study(small_study(tmp_path, stations=joined)).stations).set_index("location_id")
    first = locations.loc["L-1"]
    assert (first["structure"], first["height_m"], first["owner"], first["max_tenants"]) == ("A2b", 42, "VTL", 3)
    assert first["first_on_air"] == pd.Timestamp("2015-05-01")
    assert first["technologies"] == "3G;4G"


def test_a_station_without_a_date_does_not_pass_for_the_oldest():
    table = stations([("L-1", "VTL", "existing"), ("L-1", "VNPT", "existing")])
    table.loc[0, ["on_air", "height_m"]] = [pd.NaT, 99.0]
    one = group_locations(table).iloc[0]
    assert (one["first_on_air"], one["height_m"]) == (pd.Timestamp("2020-01-01"), 42.0)


def test_a_location_lies_amid_its_stations():
    table = stations([("L-1", "VTL", "existing"), ("L-1", "VNPT", "existing"), ("L-2", "VTL", "existing")])
    points = group_locations(table).geometry
    assert [(p.x, p.y) for p in points] == [(420_000, 0.5), (420_000, 2)]
    assert points.crs == table.crs


def test_a_province_that_only_plans_has_no_locations():
    locations = group_locations(on_air(stations([("L-1", "VTL", "planned")])))
    assert len(locations) == 0
    assert locations.crs.to_epsg() == EPSG
    assert shared_locations(locations).value_pct is None
