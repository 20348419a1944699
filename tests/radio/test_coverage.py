"""Coverage: what one more mast, a ridge, a neighbour or a lower threshold changes, and what it must not."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from covplan.radio.antenna import find_antenna, pattern_loss
from covplan.radio.coverage import coverage, is_covered, sector_table, strongest, write_rasters
from covplan.radio.link_budget import band, coverage_probability
from covplan.radio.loss import Mast, path_loss_window
from covplan.study.codes import NOBODY
from covplan.study.errors import CovplanError, GridMismatchError, LayerError
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.settings import Definition, Propagation, Radio, default_definitions, radio_under
from covplan.terrain.ground import Ground

GRID = Grid(9211, 50.0, 400_000.0, 2_450_000.0, 120, 120)
NEAR = Propagation(radius_km=4.0)
RADIO = Radio()
CELLS = pd.DataFrame(
    {name: pd.Series(dtype=kind) for name, kind in (
        ("cell_id", "object"), ("station_id", "object"), ("technology", "object"), ("band", "object"),
        ("azimuth_deg", "float64"), ("downtilt_deg", "float64"), ("eirp_dbm", "float64"), ("antenna", "object"),
    )}
)  # fmt: skip


def plain(height_m=300.0):
    return Ground(GRID, np.full(GRID.shape, height_m, np.float32), np.zeros(GRID.shape, np.float32))


def with_ridge(height_m):
    ground = plain()
    ground.elevation_m[:, 70:73] += height_m
    return ground


def stations(*places, operator="VTL", technologies="4G", bands="L1800", height_m=40.0):
    x_m, y_m = np.array(places, float).T
    return gpd.GeoDataFrame(
        {
            "station_id": [f"{operator}-SYN-{x:.0f}-{y:.0f}" for x, y in places],
            "operator": operator,
            "technologies": technologies,
            "bands": bands,
            "antenna_height_m": height_m,
        },
        geometry=gpd.points_from_xy(x_m, y_m),
        crs=GRID.epsg,
    )


def omni(table, band_code="L1800", eirp_dbm=60.0):
    return pd.DataFrame(
        {
            "cell_id": table["station_id"] + "/1",
            "station_id": table["station_id"],
            "technology": "4G",
            "band": band_code,
            "azimuth_deg": np.nan,
            "downtilt_deg": 0.0,
            "eirp_dbm": eirp_dbm,
            "antenna": None,
        }
    )


def received(places, ground=None, cells=None, **more):
    table = stations(*places, **more)
    return coverage(table, omni(table) if cells is None else cells, ground or plain(), "4G", RADIO, NEAR)


CENTRE = (403_025.0, 2_446_975.0)  # the middle of a cell


def test_rsrp_is_eirp_per_subcarrier_less_pattern_and_path_loss():
    one = received([CENTRE])
    carrier = band("L1800")
    loss = path_loss_window(Mast(*CENTRE, 40.0, carrier.downlink_mhz), plain(), NEAR)
    row, column = 60, 95
    away_m = 35 * 50.0
    x_m, y_m = GRID.xy(row, column)
    assert y_m == CENTRE[1]
    assert x_m == CENTRE[0] + away_m
    down_deg = np.degrees(np.arctan2(1.5 - 40.0, away_m))
    pattern = pattern_loss(
        find_antenna("omni"), azimuth_deg=0.0, bearing_deg=90.0, elevation_deg=down_deg,
        electrical_tilt_deg=0.0, mechanical_tilt_deg=0.0,
    )  # fmt: skip
    expected = (
        60.0 - 10 * np.log10(carrier.subcarriers) - float(pattern) - loss.loss_db[row - loss.top, column - loss.left]
    )
    assert one.rsrp_dbm[row, column] == pytest.approx(expected, abs=1e-3)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(5, 114), st.integers(5, 114)), min_size=2, max_size=5, unique=True))
def test_one_more_mast_never_lowers_the_best_server(cells):
    places = [tuple(float(v) for v in GRID.xy(*cell)) for cell in cells]
    ground = with_ridge(120.0)
    fewer, more = received(places[:-1], ground), received(places, ground)
    assert (more.rsrp_dbm >= fewer.rsrp_dbm)[~np.isnan(fewer.rsrp_dbm)].all()
    assert (more.probability >= fewer.probability - 2e-4).all()


def test_a_ridge_makes_dark_what_the_plain_has_lit():
    lit, dark = received([CENTRE]), received([CENTRE], with_ridge(150.0))
    behind, before = (slice(55, 65), slice(76, 90)), (slice(55, 65), slice(62, 68))
    assert (lit.probability[behind] > 0.95).all()
    assert (dark.probability[behind] < 0.95).any()
    assert np.nanmean(lit.rsrp_dbm[behind] - dark.rsrp_dbm[behind]) > 15
    np.testing.assert_allclose(dark.rsrp_dbm[before], lit.rsrp_dbm[before], atol=0.5)


def test_best_server_is_the_nearer_of_two_equal_masts_on_a_plain():
    west, east = (401_525.0, 2_446_975.0), (404_525.0, 2_446_975.0)
    both = received([west, east])
    names = np.array(both.cell_ids)
    columns = np.arange(GRID.columns)
    nearest = np.where(columns < 60, names[0], names[1])
    at = (np.abs(columns - 60) > 1) & (both.server[60] != NOBODY)
    assert at.sum() > 100
    assert (names[both.server[60]][at] == nearest[at]).all()


def test_a_neighbour_on_the_carrier_lowers_sinr_and_never_rsrp():
    alone, both = received([CENTRE]), received([CENTRE, (404_525.0, 2_446_975.0)])
    served = both.server == both.cell_ids.index(alone.cell_ids[0])
    assert served.any()
    np.testing.assert_array_equal(both.rsrp_dbm[served], alone.rsrp_dbm[served])
    assert (both.sinr_db[served] <= alone.sinr_db[served]).all()
    assert both.sinr_db[60, 74] < alone.sinr_db[60, 74] - 20  # just before the middle between the two
    assert (both.throughput_mbps[served] <= alone.throughput_mbps[served]).all()


def test_probability_is_that_of_the_threshold_and_nobody_received_is_zero():
    table, downlink = stations(CENTRE), RADIO.model_copy(update={"uplink_mbps": 0.0})
    one = coverage(table, omni(table), with_ridge(300.0), "4G", downlink, NEAR)
    seen = ~np.isnan(one.rsrp_dbm)
    expected = coverage_probability(one.rsrp_dbm[seen], RADIO.rsrp_threshold_dbm, NEAR.location_sigma_db)
    np.testing.assert_allclose(one.probability[seen], expected, atol=2.6e-4)  # margins are kept to 0.01 dB
    assert (one.server[~seen] == NOBODY).all()
    assert (one.probability[~seen] == 0).all()


def test_where_the_terrain_is_unknown_coverage_is_unknown_not_absent():
    ground = plain()
    ground.elevation_m[10:20, 10:20] = np.nan
    one = received([CENTRE], ground)
    assert np.isnan(one.probability[10:20, 10:20]).all()
    assert not np.isnan(one.probability[60, :]).any()


def test_a_station_without_cells_gets_three_sectors_in_each_band_of_the_technology():
    table = stations(CENTRE, technologies="2G;4G;5G", bands="G900;L900;L1800;N2600")
    sectors = sector_table(table, CELLS, "4G")
    assert sectors["assumed"].all()
    assert sorted(zip(sectors["band"], sectors["azimuth_deg"], strict=True)) == [
        (code, azimuth) for code in ("L1800", "L900") for azimuth in (0.0, 120.0, 240.0)
    ]
    assert (sectors.groupby("band")["eirp_dbm"].first() == [band("L1800").eirp_dbm, band("L900").eirp_dbm]).all()
    assert set(sector_table(table, CELLS, "5G")["band"]) == {"N2600"}


def test_known_cells_are_taken_as_they_are_and_nothing_is_assumed_beside_them():
    table = stations(CENTRE)
    sectors = sector_table(table, omni(table), "4G")
    assert sectors["cell_id"].tolist() == [f"{table['station_id'][0]}/1"]
    assert not sectors["assumed"].any()


def test_a_sector_sends_forward_and_an_omni_everywhere():
    table = stations(CENTRE)
    cells = omni(table).assign(azimuth_deg=90.0, antenna="sector_65")
    one = coverage(table, cells, plain(), "4G", RADIO, NEAR)
    east, west = one.rsrp_dbm[60, 90], one.rsrp_dbm[60, 30]
    assert east - west > 20
    ring = received([CENTRE]).rsrp_dbm
    assert ring[60, 90] == pytest.approx(ring[60, 30], abs=0.3)


def test_no_station_of_the_technology_is_no_coverage_not_a_crash():
    table = stations(CENTRE, technologies="2G", bands="G900")
    none = coverage(table, CELLS, plain(), "4G", RADIO, NEAR)
    assert np.isnan(none.rsrp_dbm).all()
    assert (none.probability == 0).all()
    assert none.cell_ids == ()


@speaking("en")
def test_a_mast_outside_the_terrain_stops_with_its_place():
    with pytest.raises(LayerError, match="no terrain there"):
        received([(300_000.0, 2_446_975.0)])


def test_an_unknown_band_is_named():
    table = stations(CENTRE)
    with pytest.raises(CovplanError, match="X9999"):
        coverage(table, omni(table, "X9999"), plain(), "4G", RADIO, NEAR)


def test_any_operator_is_the_best_of_all_at_each_place():
    one = received([CENTRE])
    other = received([(404_525.0, 2_446_975.0)], operator="VNPT")
    both = strongest([one, other])
    assert both.operators == ("VNPT", "VTL")
    np.testing.assert_array_equal(both.rsrp_dbm, np.fmax(one.rsrp_dbm, other.rsrp_dbm))
    assert (both.probability >= np.fmax(one.probability, other.probability) - 2e-4).all()
    seen = both.server != NOBODY
    owners = np.array([name.split("-")[0] for name in both.cell_ids])[both.server[seen]]
    np.testing.assert_array_equal(
        owners == "VTL", ~(other.rsrp_dbm > one.rsrp_dbm)[seen] & ~np.isnan(one.rsrp_dbm)[seen]
    )
    assert (both.server == NOBODY).sum() == np.isnan(both.rsrp_dbm).sum()


def test_operators_on_the_same_carrier_do_not_interfere_with_each_other():
    one = received([CENTRE])
    both = strongest([one, received([(404_525.0, 2_446_975.0)], operator="VNPT")])
    mine = np.array([name.startswith("VTL") for name in both.cell_ids])[both.server] & (both.server != NOBODY)
    np.testing.assert_array_equal(both.sinr_db[mine], one.sinr_db[mine])


@speaking("en")
def test_coverages_on_different_grids_or_of_different_technologies_are_not_joined():
    one = received([CENTRE])
    with pytest.raises(GridMismatchError):
        strongest([one, replace(one, grid=Grid(9211, 25.0, 0.0, 0.0, 120, 120))])
    with pytest.raises(LayerError, match="5G"):
        strongest([one, replace(one, technology="5G")])
    with pytest.raises(LayerError, match="no operator"):
        strongest([])


def test_rasters_are_cloud_optimised_and_read_back_as_computed(tmp_path):
    one = received([CENTRE])
    written = write_rasters(one, tmp_path, tags={"model": "ITU-R P.1812-7"})
    assert [path.name for path in written] == [
        "4G_VTL_rsrp_dbm.tif", "4G_VTL_server.tif", "4G_VTL_probability.tif", "4G_VTL_sinr_db.tif",
        "4G_VTL_throughput_mbps.tif", "4G_VTL_edge_throughput_mbps.tif", "4G_VTL_cells.csv",
    ]  # fmt: skip
    for path, quantity in zip(
        written,
        ("rsrp_dbm", "server", "probability", "sinr_db", "throughput_mbps", "edge_throughput_mbps"),
        strict=False,
    ):
        with rasterio.open(path) as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert raster.crs.to_epsg() == GRID.epsg
            assert raster.transform == GRID.transform
            assert raster.tags()["model"] == "ITU-R P.1812-7"
            np.testing.assert_array_equal(raster.read(1), getattr(one, quantity))
    cells = pd.read_csv(written[-1])
    assert cells["cell_id"].tolist() == list(one.cell_ids)


def test_throughput_at_the_edge_is_that_of_the_shadowed_signal():
    usual = received([CENTRE])
    table = stations(CENTRE)
    surer = coverage(table, omni(table), plain(), "4G", RADIO.model_copy(update={"confidence": 0.99}), NEAR)
    even = coverage(table, omni(table), plain(), "4G", RADIO.model_copy(update={"confidence": 0.5}), NEAR)
    seen = ~np.isnan(usual.rsrp_dbm)
    assert (usual.edge_throughput_mbps <= usual.throughput_mbps)[seen].all()
    assert (surer.edge_throughput_mbps <= usual.edge_throughput_mbps)[seen].all()
    np.testing.assert_array_equal(even.edge_throughput_mbps, even.throughput_mbps)


@pytest.mark.parametrize("name", sorted(default_definitions()))
def test_every_definition_covers_something_and_a_stricter_threshold_covers_less(name):
    definition = Definition.model_validate(default_definitions()[name])
    radio = radio_under(definition, RADIO)
    table = stations(CENTRE, technologies=definition.technology, bands="L1800;N2600")
    one = coverage(table, CELLS, plain(), definition.technology, radio, NEAR)
    covered = is_covered(one, radio)
    assert covered.any()
    assert not covered.all()
    higher = radio.model_copy(update={"rsrp_threshold_dbm": radio.rsrp_threshold_dbm + 30})
    less = is_covered(coverage(table, CELLS, plain(), definition.technology, higher, NEAR), higher)
    assert (less <= covered).all()
    assert less.sum() < covered.sum()


def test_a_definition_by_throughput_leaves_out_what_is_received_but_slow():
    table = stations(CENTRE, (404_525.0, 2_446_975.0))
    one = coverage(table, omni(table), plain(), "4G", RADIO, NEAR)
    signal = is_covered(one, RADIO)
    fast = is_covered(one, RADIO.model_copy(update={"throughput_mbps": 20.0}))
    assert (fast <= signal).all()
    assert (one.edge_throughput_mbps[signal & ~fast] < 20).all()
    assert (signal & ~fast).any()
