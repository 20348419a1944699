"""What is received where people live and at the places of the plan: signals of every operator, and of any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covplan.assess.hamlets import Signal
from covplan.assess.places import place_points, place_states
from covplan.pipeline.workspace import workspace_of
from covplan.radio.building import indoor_margin
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.link_budget import band
from covplan.radio.servers import site_numbers
from covplan.study.codes import ANY, NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.places import PlacePoints
    from covplan.pipeline.workspace import Workspace
    from covplan.radio.coverage import Reception
    from covplan.study.folder import Study
    from covplan.study.settings import Radio


def receive_demand(
    study: Study | Workspace,
    demand: Demand,
    *,
    technologies: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> list[Signal]:
    """What every operator, and any of them, gives at the points of a demand; nothing without terrain.

    `technologies`: all of the study's unless some are named.
    """
    workspace = workspace_of(study)
    signals: list[Signal] = []
    if not workspace.computes_signal:
        return signals
    for technology in technologies or tuple(workspace.settings.radio):
        radio = workspace.radio(technology)
        received = workspace.receptions(technology, demand.x_m, demand.y_m, progress=progress)
        signals += [_signal(one, one.operators[0], radio) for one in received]
        if received:
            signals.append(_signal(strongest(received), ANY, radio))
    return signals


@dataclass(frozen=True)
class PlaceReception:
    """What the places of a study receive of 5G, of any operator."""

    points: PlacePoints
    best: Reception
    """At each of the points."""
    radio: Radio


def receive_places(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> PlaceReception | None:
    """What the places receive of 5G; None without terrain, 5G stations or places."""
    workspace = workspace_of(study)
    s, places = workspace.settings, workspace.study.places
    if not workspace.computes_signal or places.empty:
        return None
    points = place_points(places, s.places.buffer_m, s.places.spacing_m)
    received = workspace.receptions("5G", points.x_m, points.y_m, progress=progress)
    return PlaceReception(points, strongest(received), workspace.radio("5G")) if received else None


def assessed_places(study: Study | Workspace, reception: PlaceReception | None) -> gpd.GeoDataFrame:
    """Places with their 5G state: computed from what they receive, declared where nothing was computed."""
    study = workspace_of(study).study
    if reception is None:
        return place_states(study.places)
    best = reception.best
    return place_states(
        study.places,
        reception.points,
        best.rsrp_dbm,
        best.probability,
        is_covered(best, reception.radio),
        least_share=study.settings.places.least_share,
    )


def server_uplinks(one: Reception) -> NDArray[np.float64]:
    """Of the servers at every point by how much more their uplink asks than the threshold, dB."""
    found: NDArray[np.float64] = np.append(one.uplink_over_db, -np.inf)[one.servers.cell]
    return found


def _signal(one: Reception, operator: str, radio: Radio) -> Signal:
    inside = {code: indoor_margin(band(code), radio) for code in set(one.bands)}
    less_db = np.array([max(inside[code] - radio.indoor_loss_db, 0.0) for code in one.bands])
    indoor = one.servers.probability(one.sigma_db, one.site_correlation, less_db=less_db)
    site = np.array([*site_numbers(one.sites), NOBODY])
    names = np.array([*one.cell_ids, ""], dtype=object)
    return Signal(
        technology=one.technology,
        operator=operator,
        rsrp_dbm=one.rsrp_dbm,
        probability=one.probability,
        covered=is_covered(one, radio),
        indoor=indoor >= radio.confidence,
        throughput_mbps=one.edge_throughput_mbps,
        server=names[one.server],
        margin_db=one.servers.margin_db,
        site=site[one.servers.cell],
        uplink_over_db=server_uplinks(one),
    )
