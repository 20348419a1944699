"""An explained link: the map's own value, the value at the point, the ridge where it stands, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from covplan.radio.coverage import LEAST_DBM, coverage
from covplan.radio.explain import explain_links
from covplan.radio.links import receive
from covplan.radio.p1812 import path_loss
from covplan.study.errors import LayerError
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.links import verdict_texts
from covplan.study.settings import Propagation, Radio
from covplan.terrain.ground import Ground
from tests.radio.test_coverage import CELLS, omni, stations

GRID = Grid(9211, 30.0, 400_000.0, 2_450_000.0, 260, 260)
NEAR, RADIO = Propagation(radius_km=5.0), Radio()
MAST = (401_000.0, 2_446_100.0)
ROLLING_M = 4  # smoothing of the made-up hills, in cells


def ground(elevation_m=300.0, clutter_m=0.0, grid=GRID):
    heights = np.broadcast_to(np.asarray(elevation_m, np.float32), grid.shape).copy()
    return Ground(grid, heights, np.broadcast_to(np.asarray(clutter_m, np.float32), grid.shape).copy())


@pytest.fixture(scope="module")
def hills():
    chance = np.random.default_rng(8)
    relief = 400 + gaussian_filter(chance.normal(0, 2600, GRID.shape), 9) + gaussian_filter(
        chance.normal(0, 60, GRID.shape), ROLLING_M
    )  # fmt: skip
    trees = np.where(gaussian_filter(chance.normal(0, 1, GRID.shape), 5) > 0.02, 15.0, 0.0)
    return ground(relief, trees)


@pytest.fixture(scope="module")
def network():
    chance = np.random.default_rng(3)
    places = chance.uniform([400_500, 2_442_700], [407_300, 2_449_500], (6, 2)).round()
    return pd.concat(
        [stations(*places[:4], bands="L1800;L900"), stations(*places[4:], operator="VNPT", height_m=25.0)],
        ignore_index=True,
    )


def explained(where, land, table=None, **more):
    table = stations(MAST) if table is None else table
    usual = {"operators": sorted(set(table["operator"])), "cells": omni(table)} | more
    cells = usual.pop("cells")
    settings = usual.pop("propagation", NEAR)
    return explain_links(table, cells, land, "4G", RADIO, settings, where, **usual)


def one_link(where, land, **more):
    (link,) = explained(where, land, **more).links
    return link


def points(count, seed=1):
    return np.random.default_rng(seed).uniform([400_200, 2_442_400], [407_600, 2_449_800], (count, 2))


def test_the_map_value_of_the_best_server_is_the_rasters(hills, network):
    raster = {
        operator: coverage(network[network["operator"] == operator], CELLS, hills, "4G", RADIO, NEAR)
        for operator in ("VTL", "VNPT")
    }
    apart_db = []
    for x, y in points(150):
        row, column = (int(v) for v in GRID.rowcol(x, y))
        found = explained((x, y), hills, network, cells=CELLS, most=6)
        for operator, one in raster.items():
            ours = [link.map_rsrp_dbm for link in found.links if link.operator == operator]
            if np.isnan(one.rsrp_dbm[row, column]) or np.isnan(ours).all():
                continue
            apart_db.append(np.nanmax(ours) - one.rsrp_dbm[row, column])
    # The raster lies between receivers of the sweep. A link is its station's best cell at the point, and at the middle
    # of the cell another sector may be better.
    assert len(apart_db) > 200
    assert np.median(np.abs(apart_db)) < 0.2
    assert np.percentile(np.abs(apart_db), 95) < 2.5
    assert np.max(np.abs(apart_db)) < 8


def test_the_cell_on_the_map_and_the_point_differ_by_what_lies_between_them(hills, network):
    bare = replace(hills, clutter_m=np.zeros_like(hills.clutter_m))
    apart = {}
    for name, land in (("bare", bare), ("trees", hills)):
        links = [link for at in points(150, seed=2) for link in explained(tuple(at), land, network, most=1).best]
        both = [link for link in links if not math.isnan(link.map_rsrp_dbm) and link.rsrp_dbm > LEAST_DBM]
        assert len(both) > 150
        assert max(link.map_away_m for link in both) < 1.5 * GRID.cell_m
        apart[name] = np.abs([link.rsrp_dbm - link.map_rsrp_dbm for link in both])
    # Relief alone: decibels where it is steep. The edge of a wood: the loss of the last tree before the receiver.
    for differences_db in apart.values():
        assert np.median(differences_db) < 0.5
        assert np.percentile(differences_db, 95) < 4
    assert max(apart["bare"].max(), apart["trees"].max()) < 12
    at_centres = []
    for row, column in ((40, 50), (120, 200), (200, 90)):
        centre = tuple(float(v) for v in GRID.xy(row, column))
        at_centres += [abs(link.rsrp_dbm - link.map_rsrp_dbm) for link in explained(centre, bare, network).best]
    assert max(at_centres) < 4


def test_the_link_is_what_a_hamlet_there_receives(hills, network):
    at = points(80, seed=4)
    for operator in ("VTL", "VNPT"):
        own = network[network["operator"] == operator]
        received = receive(own, CELLS, at[:, 0], at[:, 1], hills, "4G", RADIO, NEAR)
        for n, (x, y) in enumerate(at):
            best = explained((x, y), hills, own, cells=CELLS, most=1).links
            if np.isnan(received.rsrp_dbm[n]):
                assert all(link.rsrp_dbm < LEAST_DBM + 0.01 for link in best)
            else:
                assert best[0].rsrp_dbm == pytest.approx(received.rsrp_dbm[n], abs=0.01)  # kept to 0.01 dB
                assert best[0].cell_id == received.cell_ids[received.server[n]]


def test_stations_left_out_by_the_bound_could_not_have_been_among_the_strongest(hills, network):
    for x, y in points(40, seed=5):
        few, all_of_them = (explained((x, y), hills, network, cells=CELLS, most=n).links for n in (2, 99))
        for operator in ("VTL", "VNPT"):
            ours = [link.cell_id for link in few if link.operator == operator and link.rank <= 2]
            assert ours == [link.cell_id for link in all_of_them if link.operator == operator][:2]
        assert sum(link.nearest for link in few) == 2


def test_a_ridge_is_found_where_it_stands_with_its_height_over_the_ray():
    land = ground()
    land.elevation_m[:, 100:104] = 384.0  # 3,000 to 3,120 m from the western edge
    link = one_link((405_000.0, 2_446_100.0), land)
    ridge = link.obstacle
    assert ridge.kind == "ridge"
    assert 2_000 <= ridge.distance_m <= 2_120
    assert ridge.x_m == pytest.approx(MAST[0] + ridge.distance_m)
    ray_m = 340.0 + (301.5 - 340.0) * ridge.distance_m / 4000.0
    bulge_m = ridge.distance_m * (4000 - ridge.distance_m) / (2 * 6371e3 * 157 / 102)
    assert ridge.height_m == pytest.approx(384.0)
    assert ridge.over_ray_m == pytest.approx(384.0 + bulge_m - ray_m, abs=0.01)
    assert ridge.nu == pytest.approx(math.sqrt(2) * ridge.over_ray_m / ridge.fresnel_m)
    assert link.edge_m == pytest.approx(ridge.distance_m, abs=120)
    assert link.edge_height_m > 384.0
    km = f"{ridge.distance_m / 1000:.1f}".replace(".", ",")
    assert (
        f"Bị dãy núi cao 384 m cách trạm {km} km chắn; cao hơn đường ngắm {ridge.over_ray_m:.0f} m" in link.verdict_vi
    )
    assert f"Blocked by a ridge 384 m high, {ridge.distance_m / 1000:.1f} km from the mast" in link.verdict_en


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("clear", lambda land: land.elevation_m[:, 100:104].__isub__(5)),
        ("ridge", lambda land: land.elevation_m[:, 100:104].__iadd__(90)),
        ("rise", lambda land: land.elevation_m[:, 100:104].__iadd__(33)),
        ("fresnel", lambda land: land.elevation_m[:, 100:104].__iadd__(18)),
        ("clutter", lambda land: land.clutter_m[:, 130:160].__iadd__(15)),
    ],
)
def test_what_stands_in_the_way_is_called_by_its_kind(kind, change):
    land = ground()
    change(land)
    link = one_link((405_000.0, 2_446_100.0), land)
    assert (link.obstacle.kind if link.obstacle else "clear") == kind
    start = verdict_texts("vi")[kind].split("{")[0]
    assert start in link.verdict_vi
    assert verdict_texts("en")[kind].split("{")[0] in link.verdict_en


def test_a_receiver_among_trees_is_told_so():
    for clutter_m, among in ((15.0, True), (0.0, False)):
        trees = np.zeros(GRID.shape)
        trees[:, 60:] = clutter_m
        (link,) = explained((403_000.0, MAST[1]), ground(300.0, trees)).best
        loss = {line.item: line.value for line in link.loss}
        assert (loss["clutter_loss"] > 20.0) == among
        for text in (link.verdict_vi, link.verdict_en):
            assert ("15 m" in text) == among


def test_over_a_flat_sea_it_is_the_earth_that_hides_the_mast():
    sea = Grid(9211, 100.0, 400_000.0, 2_450_000.0, 20, 420)
    far = Propagation(radius_km=40.0)
    table = stations((400_500.0, 2_449_000.0), height_m=10.0)
    link = one_link((438_000.0, 2_449_000.0), ground(0.0, grid=sea), table=table, propagation=far)
    assert link.obstacle.kind == "earth"
    assert link.obstacle.over_ray_m < link.bulge_m.max()
    assert "độ cong Trái Đất" in link.verdict_vi


def test_the_parts_of_the_loss_and_the_lines_of_the_budget_add_up(hills, network):
    for link in explained((404_000.0, 2_446_000.0), hills, network, most=4).links:
        *parts, total = (line.value for line in link.loss)
        assert sum(parts) == pytest.approx(total, abs=1e-9)
        lines = {line.item: line.value for line in link.budget}
        assert lines["rsrp"] == pytest.approx(
            lines["eirp"] + lines["pattern_loss"] + lines["per_subcarrier"] + lines["path_loss"]
        )
        assert lines["path_loss"] == -total
        assert lines["margin"] == pytest.approx(lines["rsrp"] - lines["threshold"] + lines["shadow_margin"])


def test_the_loss_is_that_of_the_recommendation_for_the_drawn_profile(hills, network):
    for link in explained((404_000.0, 2_446_000.0), hills, network, most=4).links:
        usual = {
            "frequency_mhz": link.frequency_mhz,
            "tx_height_m": link.antenna_height_m,
            "rx_height_m": link.receiver_height_m,
        }
        exact = path_loss(link.distance_m / 1000, link.ground_m, link.clutter_m, **usual)
        bare = path_loss(link.distance_m / 1000, link.ground_m, 0 * link.clutter_m, **usual)
        parts = [line.value for line in link.loss]
        assert link.loss_db == exact.loss_db
        assert parts[0] == exact.free_space_db
        assert parts[1] == bare.diffraction_db
        assert parts[1] + parts[2] == pytest.approx(exact.diffraction_db)
        assert link.edge_m == 1000 * exact.edge_km


def test_the_first_fresnel_zone_has_its_textbook_radius():
    link = one_link((405_000.0, 2_446_100.0), ground())
    middle = link.distance_m.size // 2
    assert link.distance_m[middle] == pytest.approx(2000)
    wavelength_m = 299.792458 / link.frequency_mhz
    assert link.fresnel_m[middle] == pytest.approx(math.sqrt(wavelength_m * 4000) / 2, rel=1e-4)
    assert link.fresnel_m[0] == link.fresnel_m[-1] == 0


@pytest.mark.parametrize("away_m", [0.0, 0.4, 20.0, 59.0])
def test_on_and_beside_the_mast_there_is_free_space(away_m):
    link = one_link((MAST[0] + away_m, MAST[1]), ground())
    slant_km = math.hypot(max(away_m, 1.0), 38.5) / 1000
    assert link.loss_db == pytest.approx(92.4 + 20 * math.log10(1.8425 * slant_km), abs=0.02)
    assert math.isfinite(link.map_rsrp_dbm)
    assert link.obstacle is None


def test_an_operator_without_a_link_is_told_why():
    table = pd.concat(
        [stations(MAST), stations((407_500.0, 2_446_100.0), operator="MBF"), stations(MAST, operator="GTEL")],
        ignore_index=True,
    )
    land = ground()
    land.elevation_m[:, 60] = land.elevation_m[:, 61] = np.nan
    found = explained((402_300.0, 2_446_100.0), land, table[table["operator"] != "GTEL"],
                      operators=["VTL", "MBF", "GTEL"])  # fmt: skip
    assert found.links == ()
    told = {none.operator: none for none in found.missing}
    assert "thiếu cao độ" in told["VTL"].verdict_vi
    assert told["VTL"].length_m == pytest.approx(1300)
    assert "cách 5,2 km, ngoài tầm tính 5 km" in told["MBF"].verdict_vi
    assert "5.2 km away" in told["MBF"].verdict_en
    assert "GTEL không có trạm 4G" in told["GTEL"].verdict_vi
    assert math.isnan(told["GTEL"].length_m)


@speaking("en")
def test_a_place_without_terrain_is_named():
    land = ground()
    land.elevation_m[10, 10] = np.nan
    for where in ((399_000.0, 2_446_100.0), tuple(float(v) for v in GRID.xy(10, 10))):
        with pytest.raises(LayerError, match=f"x={where[0]:.0f} y={where[1]:.0f}.*no terrain there"):
            explained(where, land)


def test_a_part_of_the_ground_explains_as_the_whole(hills, network):
    where = (403_700.0, 2_446_300.0)
    small = Propagation(radius_km=2.5)
    part = GRID.part(*where, 2_560.0)
    rows, columns = GRID.window(*where, 2_560.0)
    cut = Ground(part, hills.elevation_m[rows, columns], hills.clutter_m[rows, columns])
    assert part.shape == cut.elevation_m.shape < GRID.shape
    whole = explained(where, hills, network, propagation=small).links
    for one, other in zip(whole, explained(where, cut, network, propagation=small).links, strict=True):
        assert one.rsrp_dbm == pytest.approx(other.rsrp_dbm, abs=1e-6)
        assert one.map_rsrp_dbm == pytest.approx(other.map_rsrp_dbm, abs=1e-6, nan_ok=True)
        assert one.verdict_vi == other.verdict_vi
