"""Exposure: reckoned by hand, by the field and by the power density, and added up over tenants."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest

from covplan.radio.antenna import named_antenna
from covplan.radio.emf import (
    GROUND_REFLECTION,
    Radiator,
    electric_field,
    exclusion_distance,
    exposure_fraction,
    exposure_limit,
    power_density,
    station_exclusion,
)
from covplan.study.errors import OutsideValidity
from covplan.study.language import speaking


@pytest.mark.parametrize(("eirp_dbm", "distance_m"), [(61, 7.1), (64, 10), (70, 20), (76, 40), (79, 56)])
def test_one_carrier_meets_the_limit_at_the_square_root_of_its_eirp(eirp_dbm, distance_m):
    found = exclusion_distance(eirp_dbm, 1842.5)
    assert found == pytest.approx(distance_m, rel=0.01)
    watts = 10 ** (eirp_dbm / 10) / 1000
    assert found == pytest.approx(sqrt(watts / (8 * pi)))


def test_at_the_exclusion_distance_power_density_and_field_are_at_the_limit():
    distance_m = exclusion_distance(70, 2550)
    assert power_density(70, distance_m) == pytest.approx(2)
    field = electric_field(70, distance_m)
    assert field == pytest.approx(27.5, rel=0.005)  # 27.5 V/m carry 2.007 W/m²
    assert field**2 / 376.73 == pytest.approx(power_density(70, distance_m), rel=0.002)


@speaking("en")
def test_the_limits_are_those_of_the_regulation_within_its_scope():
    limit = exposure_limit(3750)
    assert (limit.electric_v_m, limit.power_density_w_m2) == (27.5, 2)
    with pytest.raises(OutsideValidity, match=r"frequency_mhz = 26000 is outside its scope \(110–6000 MHz\)"):
        exposure_limit(26_000)
    with pytest.raises(OutsideValidity, match=r"another: .*\(–\)"):
        exposure_limit(900, "another")


def test_carriers_add_up_by_their_fractions():
    # Squares add: 10 m and 20 m alone are 22.4 m together.
    alone = [exclusion_distance(64, 1842.5), exclusion_distance(70, 2550)]
    together = exclusion_distance([64, 70], [1842.5, 2550])
    assert together == pytest.approx(sqrt(alone[0] ** 2 + alone[1] ** 2))
    radiators = [Radiator(64, 1842.5), Radiator(70, 2550)]
    assert exposure_fraction(radiators, 123, together) == pytest.approx(1)
    assert exposure_fraction(radiators, 0, 2 * together) == pytest.approx(0.25)


def test_averaging_over_a_5g_frame_and_beams_shortens_the_distance():
    # 75 % downlink and a power reduction factor of 0.25: × √0.1875 = 0.43
    average = station_exclusion([Radiator(79, 2550, duty=0.75 * 0.25)])
    assert average.distance_m == pytest.approx(24.3, abs=0.1)
    with pytest.raises(OutsideValidity, match="duty = 0 "):
        station_exclusion([Radiator(79, 2550, duty=0)])


def test_sectors_add_up_where_their_beams_overlap():
    sector = named_antenna("sector_65")
    radiators = [Radiator(64.5, 1842.5, azimuth, sector) for azimuth in (0, 120, 240)]
    exclusion = station_exclusion(radiators)
    alone_m = exclusion_distance(64.5, 1842.5)
    assert alone_m < exclusion.distance_m < alone_m * 1.02  # the others lose 25 dB in its main beam
    assert exclusion.bearing_deg in {0, 120, 240}
    between_m = exclusion.by_bearing_m[60]  # two sectors 10.2 dB down: 12 (60/65)²
    assert between_m == pytest.approx(alone_m * sqrt(2 * 10**-1.0225 + 10**-2.5), rel=1e-3)
    assert exclusion.fractions.sum() == pytest.approx(1)
    assert exclusion.fractions.max() > 0.99


def test_a_shared_mast_counts_every_tenant():
    sector = named_antenna("sector_65")
    one = [Radiator(64.5, 1842.5, 90, sector)]
    tenants = [*one, Radiator(64, 2140, 90, sector), Radiator(70.5, 2550, 95, sector)]
    shared = station_exclusion(tenants)
    assert shared.distance_m > station_exclusion(one).distance_m
    assert 90 <= shared.bearing_deg <= 95
    assert np.argmax(shared.fractions) == 2
    for bearing in (0, 90, 200):
        at_limit = exposure_fraction(tenants, bearing, shared.by_bearing_m[bearing])
        assert at_limit == pytest.approx(1)


def test_an_unknown_direction_is_taken_as_everywhere():
    whole = station_exclusion([Radiator(61.5, 942.5, float("nan"), named_antenna("sector_65"))])
    assert np.ptp(whole.by_bearing_m) == 0
    assert whole.distance_m == exclusion_distance(61.5, 942.5)


def test_a_ground_reflection_lengthens_every_distance_by_its_field():
    alone_m = exclusion_distance(64.5, 1842.5)
    assert exclusion_distance(64.5, 1842.5, reflection=GROUND_REFLECTION) == pytest.approx(1.6 * alone_m)


@speaking("en")
def test_a_structure_without_cells_is_refused():
    with pytest.raises(OutsideValidity, match="no radiators"):
        station_exclusion([])
