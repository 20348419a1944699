"""Chosen moves as rows of the layer `proposals`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.common.not_served import left_out
from covplan.propose.sharing.compared import share_today, shared_share
from covplan.propose.sharing.figures import outlay_of, running_of
from covplan.propose.sharing.options import INDICATOR
from covplan.propose.sharing.reasons import reasons, titles
from covplan.study.codes import WGS84
from covplan.study.kinds import SHARE
from covplan.study.language import _
from covplan.study.layers import LIST_SEPARATOR, layers

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from covplan.propose.sharing.options import Case, Market
    from covplan.propose.sharing.program import Shared
    from covplan.study.settings import Settings


def sharing_proposals(
    market: Market, moves: pd.DataFrame, case: Case, shared: Shared, settings: Settings
) -> gpd.GeoDataFrame:
    """Columns of resources/layers/proposals.csv, a row per move (`figures.moves_table`)."""
    places = market.locations.set_index("location_id")
    lonlat = places.geometry.to_crs(WGS84)
    change_pct = 100.0 * (shared_share(case, shared) - share_today(case))
    gap = shared.solution.gap if shared.solution else np.nan
    rows = []
    for (_n, move), part in zip(moves.iterrows(), _parts_of_change(moves, case), strict=True):
        place, degrees = places.loc[move["location_id"]], lonlat.loc[move["location_id"]]
        rows.append(
            {
                **{name: move[name] for name in _AS_IN_MOVES},
                "kind": SHARE,
                "boundary_version": settings.province.boundaries,
                "x_m": round(float(place.geometry.x), 1),
                "y_m": round(float(place.geometry.y), 1),
                "lon": round(float(degrees.x), 6),
                "lat": round(float(degrees.y), 6),
                "structure": place["structure"],
                "height_m": float(place["height_m"]),
                "gains": move["gains"] or None,
                "gains_count": len(move["gains"].split(LIST_SEPARATOR)) if move["gains"] else 0,
                "indicator": INDICATOR,
                "indicator_change": round(change_pct * part, 4),
                "year": pd.NA,
                "depends_on": _leaving_together(move, moves),
                "funding": "operator",
                "gap": gap,
                "geometry": place.geometry,
                **_money_and_reason(move, float(place["spacing_m"]), settings),
            }
        )
    columns = [one.name for one in layers()["proposals"].columns]
    frame = pd.DataFrame(rows, columns=[*columns, "geometry"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=market.locations.crs)


_AS_IN_MOVES = (
    "proposal_id", "action", "operator", "location_id", "from_location_id", "commune_code", "commune",
    "antenna_height_m",
)  # fmt: skip


def _money_and_reason(move: pd.Series, spacing_m: float, settings: Settings) -> dict[str, Any]:
    outlay, running = outlay_of(move, settings), running_of(move, settings)
    return {
        "cost_low_vnd": outlay.low,
        "cost_base_vnd": outlay.base,
        "cost_high_vnd": outlay.high,
        "opex_vnd_per_year": running.base,
        **titles(move),
        **reasons(move, outlay, running, spacing_m, settings.sharing.goal),
    }


def not_served_rows(locations: gpd.GeoDataFrame, unknown: Collection[str]) -> list[dict[str, Any]]:
    """Locations left out of the moves, for it cannot be computed who receives them."""

    def words() -> tuple[str, str]:
        return (
            _("It stands where the terrain is not known: who receives it cannot be computed, so nobody moves."),
            _("Coordinates to be checked; terrain that reaches there (elevation.tif), or a larger [grid] margin_m."),
        )

    operators = locations.set_index("location_id")["operators"]
    return [
        left_out(SHARE, "location", one, "no_terrain", words=words, operator=operators[one]) for one in sorted(unknown)
    ]


def _leaving_together(move: pd.Series, moves: pd.DataFrame) -> str | None:
    """Proposals of the others that leave the same structure: it is taken down when all of them have."""
    same = moves["from_location_id"] == move["from_location_id"]
    others = moves.loc[same & (moves["proposal_id"] != move["proposal_id"]), "proposal_id"]
    return LIST_SEPARATOR.join(others) or None


def _parts_of_change(moves: pd.DataFrame, case: Case) -> NDArray[np.float64]:
    """Each move's part of it: a location that becomes shared counts one, one that is emptied its share of one."""
    if moves.empty:
        return np.empty(0)
    gained = np.where(moves["becomes_shared"], 1.0 / moves["comers"], 0.0)
    emptied = np.where(moves["leavers"] > 0, case.demand.shared_share / moves["leavers"].clip(lower=1), 0.0)
    parts: NDArray[np.float64] = gained + emptied
    return parts / parts.sum() if parts.sum() > 0 else np.full(len(moves), 1.0 / len(moves))
