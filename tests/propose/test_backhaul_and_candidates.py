"""Where something could be put, and how it is connected."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point, box

from covplan.assess.locations import on_air
from covplan.fiber.access import Cable
from covplan.propose.common.backhaul import Backbone, clear_hops, connect
from covplan.propose.common.candidates import SECTION_M, locations_with_room
from covplan.propose.common.costs import Range, fiber_cost, power_cost, present_value, structure_cost, unit_cost
from covplan.propose.common.new_ground import Territory, likely, new_ground
from covplan.propose.common.zones import a1_only, headquarters, in_town, rule_value
from covplan.study.errors import SettingsError
from covplan.study.folder import open_study
from covplan.study.grid import Grid
from covplan.study.settings import Settings
from covplan.terrain.ground import Ground
from tests.study import small_study

SETTINGS = Settings.model_validate({"province": {"name": "T"}})
GRID = Grid.from_bounds((400_000, 2_400_000, 412_000, 2_412_000), 30, 9211)
HOP_M = 9000.0


def flat(height_m: float = 100.0) -> np.ndarray:
    return np.full(GRID.shape, height_m, dtype=np.float32)


def ground(heights: np.ndarray) -> Ground:
    return Ground(GRID, heights, np.zeros(GRID.shape, dtype=np.float32))


def hop(heights: np.ndarray, antennas_m: float) -> bool:
    start = np.array([[401_500.0, 2_406_000.0, antennas_m]])
    end = np.array([[401_500.0 + HOP_M, 2_406_000.0, antennas_m]])
    return bool(clear_hops(start, end, ground(heights), np.array([15.0]))[0])


def test_a_hop_needs_six_tenths_of_the_first_fresnel_zone_over_the_bulging_earth():
    bulge_m = HOP_M**2 / 8 / (4 / 3 * 6_371_000)
    zone_m = 0.5 * np.sqrt(0.299792458 / 15 * HOP_M)  # radius at the middle of the hop
    enough_m = bulge_m + 0.6 * zone_m
    assert hop(flat(), enough_m + 0.1)
    assert not hop(flat(), enough_m - 0.1)


def test_a_ridge_between_two_masts_closes_the_hop():
    ridge = flat()
    ridge[:, GRID.columns // 2] = 190.0
    assert hop(flat(), 42.0)
    assert not hop(ridge, 42.0)
    assert hop(ridge, 130.0)


def test_the_cheaper_of_cable_and_hop_is_taken_and_without_either_there_is_none():
    donors = gpd.GeoDataFrame({"location_id": ["L"], "antenna_height_m": [42.0]},
                              geometry=[Point(409_000, 2_406_000)], crs=9211)  # fmt: skip
    found = Cable(np.array([500.0, 50_000.0, np.inf]), np.ones(3, bool))

    def connected(antenna_m, ends):
        sites = pd.DataFrame(
            {"x_m": [403_000.0] * 3, "y_m": 2_406_000.0, "antenna_height_m": antenna_m, "power_m": 0.0}
        )
        backbone = Backbone(lambda _x, _y: found, ends, ground(flat()))
        return connect(sites, backbone, SETTINGS.costs, SETTINGS.propose)

    link = connected(42.0, donors)
    assert link.kind.tolist() == ["fiber", "microwave", "microwave"]
    assert link.length_m.tolist() == [500.0, 0.0, 0.0]
    assert link.hop_to == ["L", "L", "L"]  # what a trench is worth is known where cable is cheaper too
    assert link.cost[0].base == pytest.approx(0.5 * SETTINGS.costs["fiber_aerial_shared_poles"].base)
    low = connected(1.0, donors[:0])
    assert low.kind.tolist() == ["fiber", "fiber", "satellite"]


def test_costs_add_up_and_a_wrong_item_is_named():
    costs = SETTINGS.costs
    assert Range(1, 2, 3) + Range(1, 1, 1) * 2.0 == Range(3, 4, 5)
    guyed, roadless = unit_cost(costs, "mast_guyed_42m"), unit_cost(costs, "roadless_factor")
    assert structure_cost(costs, "A2b", 42.0, 100.0, SETTINGS.propose) == guyed
    assert structure_cost(costs, "A2b", 42.0, 900.0, SETTINGS.propose) == guyed * roadless
    assert structure_cost(costs, "A2b", 60.0, 0.0, SETTINGS.propose).base == pytest.approx(
        1.2 * costs["mast_self_supporting_50m"].base
    )
    assert power_cost(costs, 100_000.0).base == costs["power_solar_hybrid"].base
    assert power_cost(costs, 100.0).base < costs["power_solar_hybrid"].base
    assert fiber_cost(costs, 2000.0, poles=False).low == 2 * costs["fiber_aerial_new_poles"].low
    assert present_value(100.0, SETTINGS.propose) == pytest.approx(sum(100 / 1.08**t for t in range(1, 11)))
    with pytest.raises(SettingsError, match=r"Có phải là microwave_hop\?"):
        unit_cost(costs, "microwave_hopp")


def test_room_is_slots_heights_and_an_owner_who_lets_others_in(tmp_path):
    def odd(stations):
        stations.loc[stations["station_id"] == "S-3", ["owner", "certificate_year"]] = ["Đơn vị quân đội", 2024]
        stations.loc[stations["station_id"] == "S-4", "certificate_year"] = 2024
        stations.loc[stations["station_id"] == "S-5", "max_tenants"] = 1
        return stations

    study = open_study(small_study(tmp_path / "s", stations=odd))
    table = locations_with_room(on_air(study.stations), 2025, study.settings.propose).set_index("location_id")
    assert table.loc["L-1", "operators"] == ("VNPT", "VTL")
    assert table.loc["L-1", "free_slots"] == 1
    assert not table.loc[["L-2", "L-4"], "room"].any()
    assert table.index[table["closed"]].tolist() == ["L-2"]
    assert table.loc["L-4", "free_slots"] == 0
    assert table.loc["L-1", "survey"]
    assert not table.loc["L-3", "survey"]
    used = {"L-1": [40.0, 35.0], "L-3": [40.0]}
    for place, heights in used.items():
        free = table.loc[place, "free_heights_m"]
        assert free
        assert all(abs(h - u) >= SECTION_M for h in free for u in heights)
        assert all(a - b >= SECTION_M for a, b in pairwise(free))


def test_new_ground_keeps_to_slope_roads_spacing_zones_and_the_border():
    hill = flat()
    hill[150:250, 150:250] += 100.0
    hill[180:220, 180:220] += 40.0
    terrain = ground(hill)
    roads = gpd.GeoDataFrame(
        {"power": [True]}, geometry=[LineString([(400_000, 2_406_000), (412_000, 2_406_000)])], crs=9211
    )
    communes = gpd.GeoDataFrame(
        {"commune_code": ["1", "2"], "boundary_version": "2025-02", "name": ["Xã Một", "Phường Hai"], "district": "X"},
        geometry=[box(400_000, 2_400_000, 409_000, 2_412_000), box(409_000, 2_400_000, 410_000, 2_412_000)], crs=9211,
    )  # fmt: skip
    target = np.array([[406_000.0, 2_406_000.0]])
    office = gpd.GeoSeries([Point(406_000, 2_407_000)], crs=9211)

    def found(existing=None, hq=None, **changed):
        rules = Settings.model_validate({"province": {"name": "T"}}).rules
        territory = Territory(
            terrain, roads, communes, "2025-02", office[:0] if hq is None else hq,
            np.empty((0, 2)) if existing is None else existing,
        )  # fmt: skip
        propose = SETTINGS.propose.model_copy(update=changed)
        return new_ground(target, territory, rules, propose, reach_m=4000.0, antenna_m=42.0)

    table = found()
    assert len(table)
    assert (table["road_m"] <= 1500).all()
    assert (table["x_m"] <= 410_000).all()
    assert table["ground_m"].max() == 240.0
    mast = np.array([[table["x_m"].iloc[0], table["y_m"].iloc[0]]])
    apart = found(existing=mast)
    assert np.hypot(apart["x_m"] - mast[0, 0], apart["y_m"] - mast[0, 1]).min() >= 100.0
    assert len(apart) < len(table) or not np.isin(mast, apart[["x_m", "y_m"]].to_numpy()).all()
    near_office = found(hq=office)
    assert np.hypot(near_office["x_m"] - 406_000, near_office["y_m"] - 2_407_000).min() > 200.0
    assert (found(road_m=200.0)["road_m"] <= 200).all()
    assert found(slope_deg=0.0)["ground_m"].isin([100.0, 200.0, 240.0]).all()


def test_candidates_behind_a_ridge_come_last():
    ridge = flat()
    ridge[:, 200] = 300.0
    target = np.array([[405_000.0, 2_406_000.0]])  # column 166, west of the ridge
    near = np.column_stack([np.linspace(406_300, 406_900, 40), np.full(40, 2_406_000.0)])  # east, hidden
    far = np.column_stack([np.linspace(401_200, 402_900, 40), np.full(40, 2_406_000.0)])  # farther off, in sight
    kept = likely(np.vstack([near, far]), target, ground(ridge), reach_m=6000.0, antenna_m=42.0)
    assert len(kept) == 30
    assert (kept >= 40).all()


def test_town_and_headquarters_are_read_from_names_and_the_rule_table(tmp_path):
    def with_office(places):
        places.loc[0, "kind"] = "office"
        return places

    study = open_study(small_study(tmp_path / "s", places=with_office))
    at = headquarters(study.places, study.communes, "2025-02")
    assert len(at) == 1
    x, y = np.array([at.x.iloc[0], at.x.iloc[0] + 150, at.x.iloc[0] + 250]), np.full(3, at.y.iloc[0])
    assert in_town(x, y, study.communes, "2025-02").all()
    assert a1_only(x, y, at, study.settings.rules).tolist() == [True, True, False]
    assert rule_value(study.settings.rules, "min_spacing", "rural") == 400.0
    assert rule_value(study.settings.rules, "no_such_rule", "rural", 7.0) == 7.0
