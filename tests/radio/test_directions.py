"""Both directions: budgets by hand, what the uplink asks of each cell, every setting at points and on the raster."""

from __future__ import annotations

import numpy as np
import pytest

from covplan.radio.building import building_loss, indoor_margin
from covplan.radio.coverage import coverage, is_covered, sector_table, strongest, uplink_over
from covplan.radio.explain import explain_links
from covplan.radio.link_budget import (
    band,
    band_table,
    downlink_budget,
    limiting_direction,
    uplink_budget,
    uplink_rsrp,
    uplink_sensitivity,
)
from covplan.radio.links import receive
from covplan.study.errors import OutsideValidity
from covplan.study.language import speaking
from covplan.study.settings import Definition, Radio, default_definitions, radio_under
from tests.radio.test_coverage import CELLS, CENTRE, GRID, NEAR, RADIO, plain, stations

EAST = (404_525.0, 2_446_975.0)
DOWN_ONLY = RADIO.model_copy(update={"uplink_mbps": 0.0})


def with_settings(**changed):
    return RADIO.model_copy(update=changed)


def test_the_uplink_of_a_5g_carrier_by_hand():
    carrier = band("N2600")
    # 0.5 Mbit/s in a quarter of the time; over b blocks of 360 kHz: noise at 5 dB and the SINR of 0.4 lg2(1 + x)
    of_blocks = []
    for blocks in range(1, 274):
        hertz = blocks * 360e3
        efficiency = 0.5e6 / (hertz * 0.25)
        if efficiency <= 2.93:
            sinr_db = max(10 * np.log10(2 ** (efficiency / 0.4) - 1), -10.0)
            of_blocks.append(10 * np.log10(1.380649e-23 * 290 * hertz) + 30 + 5 + sinr_db)
    sensitivity_dbm = min(of_blocks)
    assert uplink_sensitivity(carrier, 0.5)[0] == pytest.approx(sensitivity_dbm, abs=1e-9)
    bears_db = 23 + 17 - 0.3 - (sensitivity_dbm + 2.0)
    eirp_dbm = 53.8 + 17 - 0.3
    asked_dbm = eirp_dbm - 10 * np.log10(273 * 12) - bears_db
    found = uplink_rsrp(carrier, eirp_dbm, 17.0, 0.5, interference_margin_db=2.0)
    assert float(found) == pytest.approx(asked_dbm, abs=1e-9)
    # Without interference it asks 2.3 dB more than −110 dBm, as the two budgets say.
    down = downlink_budget(carrier, rsrp_threshold_dbm=-110)[-1].value
    up = uplink_budget(carrier, throughput_mbps=0.5)[-1].value
    assert down - up == pytest.approx(float(uplink_rsrp(carrier, eirp_dbm, 17.0, 0.5)) + 110)
    assert down - up == pytest.approx(2.3, abs=0.05)


@pytest.mark.parametrize("code", sorted(band_table()))
@pytest.mark.parametrize("mbps", [0.064, 0.5, 1.0, 5.0])
def test_the_threshold_of_the_uplink_is_the_difference_of_the_two_budgets(code, mbps):
    carrier = band(code)
    down = downlink_budget(carrier, rsrp_threshold_dbm=-110)
    up = uplink_budget(carrier, throughput_mbps=mbps, interference_margin_db=2.0)
    over_db = float(
        uplink_rsrp(carrier, carrier.eirp_dbm, carrier.antenna_gain_dbi, mbps, interference_margin_db=2.0) + 110
    )
    assert over_db == pytest.approx(down[-1].value - up[-1].value)
    assert (over_db > 0) == (limiting_direction(down, up)[0] == "uplink")


def test_a_cell_with_less_power_asks_less_rsrp_and_one_with_less_gain_the_same_power_the_same():
    table = stations(CENTRE)
    sectors = sector_table(table, CELLS, "4G")
    usual = uplink_over(sectors, RADIO, None)
    assert uplink_over(sectors.assign(eirp_dbm=sectors["eirp_dbm"] - 6), RADIO, None) == pytest.approx(usual - 6)
    omni = sectors.assign(antenna="omni", eirp_dbm=sectors["eirp_dbm"] - 9)  # 8.5 dBi instead of 17.5
    assert uplink_over(omni, RADIO, None) == pytest.approx(usual)
    assert np.isneginf(uplink_over(sectors, DOWN_ONLY, None)).all()


def test_a_band_that_cannot_carry_the_uplink_covers_nothing_and_the_others_do():
    radio, table = with_settings(uplink_mbps=25.0, rsrp_threshold_dbm=-90.0), stations(CENTRE, bands="L700;L1800")
    sectors = sector_table(table, CELLS, "4G")
    over_db = uplink_over(sectors, radio, None)
    assert np.isposinf(over_db[sectors["band"] == "L700"]).all()
    assert np.isfinite(over_db[sectors["band"] == "L1800"]).all()
    both, alone = (
        coverage(stations(CENTRE, bands=bands), CELLS, plain(), "4G", radio, NEAR) for bands in ("L700;L1800", "L1800")
    )
    np.testing.assert_allclose(both.probability, alone.probability, atol=1e-6)
    none = coverage(stations(CENTRE, bands="L700"), CELLS, plain(), "4G", radio, NEAR)
    assert (none.probability == 0).all()
    assert np.isfinite(none.rsrp_dbm).any()


def test_coverage_is_that_of_the_weaker_direction():
    table = stations(CENTRE, technologies="5G", bands="N2600")
    radio = with_settings(rsrp_threshold_dbm=-100.0, uplink_mbps=5.0)
    over_db = float(uplink_over(sector_table(table, CELLS, "5G"), radio, None)[0])
    assert over_db > 3
    both = coverage(table, CELLS, plain(), "5G", radio, NEAR)
    raised = coverage(
        table, CELLS, plain(), "5G", DOWN_ONLY.model_copy(update={"rsrp_threshold_dbm": -100.0 + over_db}), NEAR
    )
    np.testing.assert_allclose(both.probability, raised.probability, atol=3e-4)
    np.testing.assert_array_equal(both.rsrp_dbm, raised.rsrp_dbm)
    slow = coverage(table, CELLS, plain(), "5G", radio.model_copy(update={"uplink_mbps": 0.1}), NEAR)
    assert (slow.probability > both.probability + 0.05).any()


SETTINGS = {
    "uplink_mbps": 4.0,
    "uplink_interference_db": 9.0,
    "body_loss_db": 3.0,
    "indoor_loss_db": 12.0,
    "layers": 2,
    "load": 1.0,
    "server": "strongest",
    "confidence": 0.8,
    "rsrp_threshold_dbm": -80.0,
}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_reaches_points_and_raster_alike(name):
    base = with_settings(rsrp_threshold_dbm=-95.0, uplink_mbps=30.0)
    changed = base.model_copy(update={name: SETTINGS[name]})
    table = stations(CENTRE, EAST, technologies="5G", bands="N2600")
    rows, columns = np.full(100, 60), np.arange(10, 110)  # east and west of the masts: centres are samples of radials

    def both(radio):
        raster = coverage(table, CELLS, plain(), "5G", radio, NEAR)
        points = receive(table, CELLS, *GRID.xy(rows, columns), plain(), "5G", radio, NEAR)
        return raster, points

    (raster, points), (before, _before) = both(changed), both(base)
    quantities = ("probability", "sinr_db", "throughput_mbps", "edge_throughput_mbps")
    tolerances = (2e-3, 0.02, 1.0, 1.0)
    for quantity, tolerance in zip(quantities, tolerances, strict=True):
        there, here = getattr(raster, quantity)[rows, columns], getattr(points, quantity)
        assert np.mean(np.isclose(there, here, atol=tolerance, rtol=0.01, equal_nan=True)) > 0.95, quantity
    reached = [
        not np.allclose(getattr(raster, quantity), getattr(before, quantity), atol=1e-3, equal_nan=True)
        for quantity in quantities
    ]
    assert any(reached)
    asked = changed.model_copy(update={"throughput_mbps": 50.0})
    there = is_covered(raster, asked)[rows, columns]
    assert np.mean(there == is_covered(points, asked)) > 0.97


def test_body_and_building_take_from_signal_and_interference_but_not_from_noise():
    table = stations(CENTRE)
    open_air = coverage(table, CELLS, plain(), "4G", DOWN_ONLY, NEAR)
    inside = coverage(table, CELLS, plain(), "4G", DOWN_ONLY.model_copy(update={"indoor_loss_db": 30.0}), NEAR)
    np.testing.assert_array_equal(open_air.rsrp_dbm, inside.rsrp_dbm)
    assert (inside.sinr_db <= open_air.sinr_db + 1e-4)[np.isfinite(open_air.sinr_db)].all()
    far = 60, 112
    noise_dbm = band("L1800").noise_dbm
    loaded_mw = 10 ** (open_air.rsrp_dbm[far] / 10) / 10 ** (open_air.sinr_db[far] / 10) - 10 ** (noise_dbm / 10)
    alone_db = open_air.rsrp_dbm[far] - 10 * np.log10(loaded_mw + 10 ** ((noise_dbm + 30) / 10))
    assert inside.sinr_db[far] == pytest.approx(alone_db, abs=0.05)


def test_layers_are_at_most_those_of_the_band():
    table = stations(CENTRE)
    one, two, eight = (
        coverage(table, CELLS, plain(), "4G", with_settings(layers=layers), NEAR).throughput_mbps
        for layers in (1, 2, 8)
    )
    assert np.nanmax(two) == pytest.approx(2 * np.nanmax(one), rel=0.05)
    np.testing.assert_array_equal(two, eight)


def test_an_indoor_definition_weakens_both_directions():
    definition = Definition.model_validate(default_definitions()["ofcom_4g_indoor"])
    radio = radio_under(definition, RADIO)
    assert radio.rsrp_threshold_dbm == -105.0
    assert radio.asked_dbm == -95.0
    table = sector_table(stations(CENTRE), CELLS, "4G")
    assert radio.uplink_mbps == 0.0
    up = radio.model_copy(update={"uplink_mbps": 1.0})
    outdoors = up.model_copy(update={"indoor_loss_db": 0.0})
    assert uplink_over(table, up, None) == pytest.approx(uplink_over(table, outdoors, None))


def test_fcc_asks_one_megabit_of_the_uplink():
    for name in ("fcc_bdc", "fcc_bdc_5g"):
        assert radio_under(Definition.model_validate(default_definitions()[name]), RADIO).uplink_mbps == 1.0


def test_the_old_reading_is_the_downlink_of_the_strongest_site():
    radio = radio_under(Definition.model_validate(default_definitions()["province_strongest"]), RADIO)
    assert (radio.server, radio.uplink_mbps, radio.asked_dbm) == ("strongest", 0.0, -110.0)


def test_explained_budgets_are_the_margins_that_count():
    table = stations(CENTRE, technologies="5G", bands="N2600")
    radio = with_settings(rsrp_threshold_dbm=-100.0, uplink_mbps=2.0, body_loss_db=2.0, indoor_loss_db=5.0)
    place = (405_025.0, 2_446_975.0)
    explained = explain_links(table, CELLS, plain(), "5G", radio, NEAR, place, operators=["VTL"])
    (link,) = explained.best
    down, up = ({line.item: line.value for line in lines} for lines in (link.budget, link.uplink))
    assert link.limited_by == "uplink"
    assert up["margin"] < down["margin"]
    assert link.margin_db == up["margin"]
    sent = ("ue_power", "body_loss", "indoor_loss", "path_loss", "pattern_loss", "antenna_gain", "feeder_loss")
    assert up["received_uplink"] == pytest.approx(sum(up[item] for item in sent))
    points = receive(table, CELLS, [place[0]], [place[1]], plain(), "5G", radio, NEAR)
    assert points.servers.margin_db[0, 0] == pytest.approx(up["margin"] - up["shadow_margin"], abs=0.02)
    assert float(points.probability[0]) == pytest.approx(up["probability"], abs=1e-3)
    assert "chiều lên" in link.verdict_vi.lower()
    assert "uplink" in link.verdict_en
    (down_only,) = explain_links(
        table, CELLS, plain(), "5G", radio.model_copy(update={"uplink_mbps": 0.0}), NEAR, place, operators=["VTL"]
    ).best
    assert down_only.uplink == ()
    assert down_only.limited_by == "downlink"
    assert down_only.margin_db == pytest.approx(down["margin"])


@pytest.mark.parametrize(
    ("frequency_mhz", "building", "percent", "elevation_deg", "known_db"),
    [  # ITU-R study group 3's own values (workbook "Clutter and BEL"), as printed
        (28_000, "traditional", 1.0, 0.0, 2.769),
        (28_000, "traditional", 50.11872, 0.0, 20.218),
        (28_000, "traditional", 97.949, 0.0, 45.565),
        (28_000, "thermally_efficient", 1.0, 0.0, 9.369),
        (28_000, "thermally_efficient", 50.11872, 0.0, 41.732),
        (2_000, "traditional", 1.0, 45.0, 3.508),
        (2_000, "traditional", 50.11872, 45.0, 23.556),
        (2_000, "thermally_efficient", 50.11872, 45.0, 37.995),
    ],
)
def test_building_loss_is_that_of_p2109(frequency_mhz, building, percent, elevation_deg, known_db):
    found = building_loss(frequency_mhz, building, percent / 100, elevation_deg=elevation_deg)
    assert found == pytest.approx(known_db, abs=0.01)


def test_indoors_costs_more_in_higher_bands_unless_the_study_says_how_much():
    by_band = [indoor_margin(band(code), RADIO) for code in ("L700", "L1800", "N3700")]
    assert by_band == sorted(by_band)
    assert 13 < by_band[0] < by_band[-1] < 17
    efficient = indoor_margin(band("L1800"), with_settings(building="thermally_efficient"))
    assert efficient > by_band[1] + 12
    assert indoor_margin(band("L700"), Radio(indoor_margin_db=15.0)) == 15.0


@speaking("en")
def test_building_loss_outside_its_range_is_refused():
    with pytest.raises(OutsideValidity, match="80 MHz"):
        building_loss(50, "traditional")
    with pytest.raises(OutsideValidity, match="between 0 and 1"):
        building_loss(900, "traditional", 1.0)


def test_any_operator_carries_bands_and_uplinks_of_all_cells():
    parts = [
        receive(
            stations(place, operator=name, bands=bands), CELLS, [403_525.0], [CENTRE[1]], plain(), "4G", RADIO, NEAR
        )
        for place, name, bands in ((CENTRE, "VTL", "L900"), (EAST, "VNPT", "L1800"))
    ]
    both = strongest(parts)
    assert both.bands == ("L900",) * 3 + ("L1800",) * 3
    assert both.uplink_over_db.tolist() == [*parts[0].uplink_over_db, *parts[1].uplink_over_db]
