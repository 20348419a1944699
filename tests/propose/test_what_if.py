"""What if: a station more, less or elsewhere; who is served by it, and what it costs."""

from __future__ import annotations

import pytest

import covplan
from covplan.propose.programme.what_if import changed_stations, cost_of_change
from covplan.study.errors import LayerError
from tests.study import small_study

SETTINGS = {"propagation": {"radius_km": 6}, "coverage": {"basis": "computed"}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return covplan.open_study(small_study(tmp_path_factory.mktemp("what_if") / "s", SETTINGS))


def test_a_tenant_on_a_structure_that_stands_makes_it_shared(study):
    found = covplan.what_if(study, add=[{"station_id": "N-1", "operator": "VNPT", "location_id": "L-2"}])
    changed = found.indicators.set_index("indicator")
    assert changed.at["BTS_SHARE_RATIO", "before"] == pytest.approx(100 / 6, abs=1e-3)
    assert changed.at["BTS_SHARE_RATIO", "after"] == pytest.approx(200 / 6, abs=1e-3)
    assert found.outlay_vnd.base == 350e6, "a radio; the structure stands"
    assert found.running_vnd_per_year.base == 40e6


def test_a_structure_that_nobody_is_left_on_goes_with_its_running_cost(study):
    found = covplan.what_if(study, remove=["S-3"])
    assert len(found.after.locations) == len(found.before.locations) - 1
    assert found.outlay_vnd.base == 40e6
    assert found.running_vnd_per_year.base == -90e6


def test_a_station_that_moves_takes_the_highest_free_section(study):
    stations = changed_stations(study.stations, study.settings, move={"S-6": "L-4"}).set_index("station_id")
    assert stations.at["S-6", "location_id"] == "L-4"
    assert stations.at["S-6", "geometry"] == stations.at["S-5", "geometry"]
    assert stations.at["S-6", "antenna_height_m"] < 26, "a section below the one that is there"
    outlay, running = cost_of_change(study.stations, stations.reset_index(), study.settings)
    assert (outlay.base, running.base) == (60e6 + 40e6, -50e6)


def test_a_mast_on_new_ground_is_built_and_one_that_comes_back_costs_nothing(study):
    at = {"lon": 106.0, "lat": 21.9}
    stations = changed_stations(study.stations, study.settings, add=[{"station_id": "N-1", "operator": "VTL", **at}])
    assert stations["location_id"].iloc[-1] == "new N-1"
    outlay, running = cost_of_change(study.stations, stations, study.settings)
    assert (outlay.base, running.base) == (350e6 + 350e6, 90e6)
    same, nothing = cost_of_change(stations, stations, study.settings)
    assert (same.base, nothing.base) == (0, 0)


def test_a_station_without_an_id_gets_a_free_one(study):
    new = {"operator": "VTL", "lon": 106.0, "lat": 21.9}
    stations = changed_stations(study.stations, study.settings, add=[new, {**new, "station_id": "NEW-2"}, new])
    assert stations["station_id"].tolist()[-3:] == ["NEW-1", "NEW-2", "NEW-3"]
    assert stations["location_id"].tolist()[-3:] == ["new NEW-1", "new NEW-2", "new NEW-3"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"remove": ["S-99"]}, "không có trạm 'S-99'"),
        ({"move": {"S-3": "L-99"}}, "không có công trình 'L-99'"),
        ({"add": [{"station_id": "S-1", "operator": "VTL", "location_id": "L-2"}]}, "trạm 'S-1' đã có"),
        ({"add": [{"station_id": "N-1", "operator": "ABC", "location_id": "L-2"}]}, "không có nhà mạng 'ABC'"),
        ({"add": [{"station_id": "N-1", "operator": "VTL"}]}, "cần operator, và location_id hoặc lon"),
        ({"add": [{"station_id": "N-1", "operator": "VTL", "location_id": "L-2", "higth_m": 3}]}, "height_m"),
    ],
)
def test_what_cannot_be_is_named(study, change, said):
    with pytest.raises(LayerError, match=said):
        changed_stations(study.stations, study.settings, **change)


def test_hamlets_that_only_the_lost_station_served_are_named(study):
    found = covplan.what_if(study, remove=["S-4"])
    served = found.before.hamlets.set_index("village_id")["operators"]
    assert "MBF" in served["T-02203-1"], "the station stands there"
    changed = found.hamlets.set_index("village_id")
    assert set(served.index[served.str.contains("MBF")]) == set(changed.index)
    assert not changed["operators_after"].str.contains("MBF").any()
    assert not covplan.what_if(study, before=found.before).hamlets.size
