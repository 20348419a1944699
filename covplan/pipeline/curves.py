"""Each indicator over what it is counted with: how much of the figure is the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.curves import fiber_curve, sharing_curve, signal_curves
from covplan.assess.hamlets import covered_share, states
from covplan.assess.indicators import ZONES_AND_TOURISM, mobile_coverage, places_with_5g, population_with_5g, unit_codes
from covplan.assess.places import computed_states
from covplan.pipeline.reception import server_uplinks
from covplan.pipeline.workspace import radio_in_force
from covplan.radio.servers import any_probability
from covplan.study.codes import ANY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.assess.demand import Demand
    from covplan.assess.hamlets import Signal
    from covplan.pipeline.reception import PlaceReception
    from covplan.study.folder import Study
    from covplan.study.settings import Propagation, Radio


def indicator_curves(
    study: Study,
    hamlets: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    demand: Demand,
    signals: Sequence[Signal],
    reception: PlaceReception | None,
    reached: gpd.GeoDataFrame | None,
) -> pd.DataFrame:
    """Curves of every indicator the layers give, counted anew at every step; columns of resources/layers/curves.csv.

    Parameters
    ----------
    hamlets : GeoDataFrame
        Of `hamlet_states`; `stations` on air.
    signals, reception, reached
        What the centres and clusters of `demand` receive, what the places do, and FTTH; left out where not computed.
    """
    technology = study.settings.definition.technology
    best = {one.technology: one for one in signals if one.operator == ANY}
    tables = [sharing_curve(stations)]
    if technology in best:
        tables.append(_mobile(study, hamlets, demand, best[technology]))
    if "5G" in best:
        tables.append(_population(study, hamlets, demand, best["5G"]))
    if reception is not None:
        tables.append(_places(study, reception, "5G_KEYPLACES"))
        tables.append(_places(study, reception, "5G_IZ_TOURISM", ZONES_AND_TOURISM))
    if reached is not None:
        listed = hamlets.loc[hamlets["ftth_basis"] == "declared", "ftth"].dropna()
        tables.append(fiber_curve(reached, listed, study.settings.fiber.served_share))
    return pd.concat(tables, ignore_index=True)


def _mobile(study: Study, hamlets: gpd.GeoDataFrame, demand: Demand, best: Signal) -> pd.DataFrame:
    s, known = study.settings, ~np.isnan(best.probability)
    declared = (hamlets["basis"] == "declared").to_numpy()
    counted = pd.DataFrame(hamlets[["village_id", "mobile_state", "basis"]])  # no shapes: it is copied at every step

    def value_pct(covered: NDArray[np.bool_]) -> float | None:
        found = states(demand, covered, known, s.definition, len(counted))
        return mobile_coverage(
            counted.assign(mobile_state=np.where(declared, counted["mobile_state"], found)), s.coverage
        ).value_pct

    radio = radio_in_force(s, best.technology)
    probability = _probability(best.margin_db, best.uplink_over_db, radio, s.propagation)
    return signal_curves("VILLAGE_MBB_COV", value_pct, probability, best.throughput_mbps, radio)


def _population(study: Study, hamlets: gpd.GeoDataFrame, demand: Demand, best: Signal) -> pd.DataFrame:
    s, known = study.settings, ~np.isnan(best.probability)

    version = s.province.boundaries
    units = pd.DataFrame(study.communes.drop(columns="geometry"))
    counted = pd.DataFrame(hamlets[["village_id", "mobile_5g", "population", "basis"]]).assign(
        commune_code=unit_codes(hamlets, study.communes, version).fillna(""), boundary_version=version
    )

    def value_pct(covered: NDArray[np.bool_]) -> float | None:
        share = covered_share(demand, covered, known, len(counted))
        return population_with_5g(counted.assign(share_5g=share.round(4)), units, version).value_pct

    radio = radio_in_force(s, "5G")
    probability = _probability(best.margin_db, best.uplink_over_db, radio, s.propagation)
    return signal_curves("5G_POP", value_pct, probability, best.throughput_mbps, radio)


def _places(
    study: Study, reception: PlaceReception, indicator: str, kinds: Sequence[str] | None = None
) -> pd.DataFrame:
    s, points, best = study.settings, reception.points, reception.best

    known = ~np.isnan(best.probability)
    counted = pd.DataFrame(study.places[["place_id", "kind", "status"]]).assign(basis="computed")

    def value_pct(covered: NDArray[np.bool_]) -> float | None:
        state = computed_states(points, len(counted), covered, known, s.places.least_share)[0]
        return places_with_5g(counted.assign(state_5g=state), kinds).value_pct

    probability = _probability(best.servers.margin_db, server_uplinks(best), reception.radio, s.propagation)
    return signal_curves(indicator, value_pct, probability, best.edge_throughput_mbps, reception.radio)


def _probability(
    margin_db: NDArray[np.float32], uplink_over_db: NDArray[np.float64], radio: Radio, propagation: Propagation
) -> Callable[[float], NDArray[np.float32]]:
    """That points are received well enough by any server, by the threshold of the downlink; the uplink's stays."""

    def at(threshold_dbm: float) -> NDArray[np.float32]:
        raised_db = threshold_dbm - radio.rsrp_threshold_dbm
        more_db = np.maximum(uplink_over_db, raised_db) - np.maximum(uplink_over_db, 0.0)
        return any_probability(margin_db - more_db, propagation.location_sigma_db, propagation.site_correlation)

    return at
