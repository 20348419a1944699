"""The sample's fiber as covplan itself computes it: the published share comes out of nodes, cables and roads."""

from __future__ import annotations

from pathlib import Path

import pytest

from covplan.fiber.reach import join_network, reach
from covplan.fiber.roads import road_graph
from covplan.pipeline import fiber_reach
from covplan.sample.fiber import fiber
from covplan.sample.province import SEED
from covplan.study.folder import Study, open_study

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def study() -> Study:
    return open_study(DATA)


def test_ftth_computed_from_the_network_is_the_published_share_hamlet_by_hamlet(study: Study) -> None:
    table, found = fiber_reach(study)
    assert (int(table["ftth"].sum()), len(table)) == (1617, 1733)
    assert (table["ftth"].astype(bool) == study.villages["declared_ftth"].astype(bool)).all()
    assert round(100 * table["homes_connected"].sum() / table["households"].sum(), 2) == 54.83
    assert set(table["limit"]) == {"none", "ports", "distance"}
    assert {one.check for one in found} == {"hamlet_without_free_port", "node_without_capacity"}


@pytest.mark.parametrize("backhaul", ["fiber", "microwave"])
def test_the_state_stays_the_declared_one_wherever_masts_want_fiber(study: Study, backhaul: str) -> None:
    """Cables to masts come and go; which hamlets have FTTH must not hang on them."""
    stations = study.stations.assign(backhaul=backhaul)
    communes = study.communes[study.communes["boundary_version"] == "2025-02"].reset_index(drop=True)
    routes, nodes = fiber(study.roads, study.villages, study.dwellings, communes, stations, SEED)
    network = join_network(road_graph(study.roads), study.dwellings, nodes, routes)
    table = reach(study.villages, study.dwellings, nodes, network, study.settings.fiber)
    assert (table["ftth"].astype(bool) == study.villages["declared_ftth"].astype(bool)).all()
