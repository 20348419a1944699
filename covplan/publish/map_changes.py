"""What the proposals change on the map: whom each serves, what a hamlet or place gains and when, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from covplan.publish.map_texts import safe_text
from covplan.publish.words import NO_BREAK, operator_names
from covplan.study.columns import split_list
from covplan.study.geometry import distance_m
from covplan.study.language import BILLION, _, number

if TYPE_CHECKING:
    from covplan.study.plan import Plan

# What a kind of proposal brings to the hamlets and places it serves: a theme of the map and its new code.
BRINGS = {
    "white_spot": ("mobile_state", "covered"),
    "place_5g": ("declared_5g", "yes"),
    "fiber": ("ftth", "yes"),
}
NEAREST = 3
SHOWN_GAINS = 8


@dataclass(frozen=True)
class Changes:
    """Proposals on the map, by whom they serve."""

    serves: dict[str, list[int]]
    """Row numbers of the proposals on the map (`placed_first`) by the id of a hamlet or place."""
    gains: dict[str, dict[str, tuple[int, str]]]
    """By id and theme: the first year, and the code from then on."""
    names: dict[str, str]
    """Of hamlets and places."""
    years: tuple[int, ...]
    """The steps of the timeline; none without proposals."""
    unplaced: tuple[int, ...]
    """By year: how many hamlets have a signal by then thanks to proposals that have no place on the map."""

    def of(self, one: str, themes: list[str]) -> dict[str, Any]:
        """Properties of a hamlet or place: numbers of its proposals, and per theme what it gains."""
        gained = self.gains.get(one, {})
        return {
            "by": self.serves.get(one, []),
            "gains": [[themes.index(theme), *gained[theme]] for theme in sorted(gained) if theme in themes],
        }

    @staticmethod
    def nearest_locations(plan: Plan, hamlets: gpd.GeoDataFrame) -> list[list[list[str]]]:
        """The locations nearest to the hamlets' centres: id, distance on the ellipsoid, operators."""
        locations = plan.locations.reset_index(drop=True)
        if locations.empty:
            return [[] for _ in range(len(hamlets))]
        centres = gpd.GeoSeries.from_xy(hamlets["centre_lon"], hamlets["centre_lat"], crs=4326).to_crs(hamlets.crs)
        middle = hamlets.geometry.representative_point()
        points = [
            centre if not centre.is_empty and pd.notna(lon) else inside
            for centre, lon, inside in zip(centres, hamlets["centre_lon"], middle, strict=True)
        ]
        lonlat = shapely.get_coordinates(locations.geometry.to_crs(4326).to_numpy())
        starts = shapely.get_coordinates(gpd.GeoSeries(points, crs=hamlets.crs).to_crs(4326).to_numpy())
        words = [_mast(row.location_id, row.operators) for row in locations.itertuples()]
        tree = shapely.STRtree(locations.geometry.to_numpy())
        found = []
        for point, (lon, lat) in zip(points, starts, strict=True):
            # A wide enough ring: the nearest by grid distance, and as far again for equals.
            reach = float(tree.query_nearest(point, return_distance=True)[1][0]) * 2.0 + 5_000.0
            near = tree.query(point, predicate="dwithin", distance=reach)
            away = distance_m([lon] * len(near), [lat] * len(near), lonlat[near, 0], lonlat[near, 1])
            ranked = sorted(zip(away, (words[at] for at in near), strict=True))[:NEAREST]
            found.append([[name, f"{number(metres / 1000.0, 2)}{NO_BREAK}km", who] for metres, (name, who) in ranked])
        return found


def changes_of(plan: Plan, whole: Plan) -> Changes:
    """Whom the proposals of a public plan serve, and what changes for them in which year.

    A proposal without a year changes nothing yet. What the whole plan gains beyond the public one is only counted.
    """
    serves: dict[str, list[int]] = {}
    for place, row in enumerate(placed_first(plan.proposals).itertuples()):
        for one in dict.fromkeys([*_gains(row.gains), *_gains(row.village_id), *_gains(row.place_id)]):
            serves.setdefault(one, []).append(place)
    gains, every = _gained(plan), _gained(whole)
    study = plan.study
    hamlets = dict(zip(plan.hamlets["village_id"].astype(str), plan.hamlets["name"].astype(str), strict=True))
    places = {}
    if len(study.places):
        places = dict(zip(study.places["place_id"].astype(str), study.places["name"].astype(str), strict=True))
    given = {int(year) for year in plan.proposals["year"].dropna()}
    years = tuple(sorted(given | set(study.settings.phases.years))) if len(plan.proposals) else ()
    unplaced = tuple(
        len([one for one in every if _covered(every, one, year) and not _covered(gains, one, year)]) for year in years
    )
    return Changes(serves, gains, places | hamlets, years, unplaced)


def placed_first(proposals: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Proposals with those last whose place is not published: the map counts them, but has nowhere to draw them."""
    nowhere = proposals.geometry.isna()
    return gpd.GeoDataFrame(pd.concat([proposals[~nowhere], proposals[nowhere]])) if nowhere.any() else proposals


def proposal_words(proposals: gpd.GeoDataFrame, changes: Changes) -> list[dict[str, Any]]:
    """What a proposal says besides its columns: year as a number, cost as one line and as a sum, whom it serves."""
    words = []
    for row in proposals.itertuples():
        gains = _gains(row.gains)
        names = [changes.names.get(one, one) for one in gains[:SHOWN_GAINS]]
        rest = f" … (+{len(gains) - SHOWN_GAINS})" if len(gains) > SHOWN_GAINS else ""
        words.append({
            "from": None if pd.isna(row.year) else int(row.year),
            "cost": _cost(row.cost_low_vnd, row.cost_base_vnd, row.cost_high_vnd),
            "vnd": None if pd.isna(row.cost_base_vnd) else round(float(row.cost_base_vnd)),
            "gained": safe_text(", ".join(names) + rest),
        })  # fmt: skip
    return words


def _gained(plan: Plan) -> dict[str, dict[str, tuple[int, str]]]:
    """By hamlet or place and theme what it does not have already: the first year, and the code from then on."""
    gains: dict[str, dict[str, tuple[int, str]]] = {}
    for row in plan.proposals.itertuples():
        theme, code = BRINGS.get(str(row.kind), ("", ""))
        if not theme or pd.isna(row.year) or str(row.action) == "backhaul":
            continue
        for one in _gains(row.gains):
            known = gains.setdefault(one, {}).get(theme)
            gains[one][theme] = min(known or (int(row.year), code), (int(row.year), code))
    has = {
        "mobile_state": set(plan.hamlets.loc[plan.hamlets["mobile_state"] == "covered", "village_id"].astype(str)),
        "ftth": set(plan.hamlets.loc[plan.hamlets["ftth"].fillna(value=False).astype(bool), "village_id"].astype(str)),
    }
    return {
        one: {theme: gain for theme, gain in themes.items() if one not in has.get(theme, ())}
        for one, themes in gains.items()
    }


def _covered(gains: dict[str, dict[str, tuple[int, str]]], one: str, year: int) -> bool:
    """Whether a hamlet has a signal by a year that it does not have today."""
    return gains.get(one, {}).get("mobile_state", (year + 1, ""))[0] <= year


def _cost(low: float | None, base: float | None, high: float | None) -> str:
    if pd.isna(base):
        return ""
    text = _("VND {amount} billion").format(amount=number(base / BILLION, 2))
    if pd.notna(low) and pd.notna(high):
        text += f" ({number(low / BILLION, 2)} – {number(high / BILLION, 2)})"
    return text


def _mast(location_id: object, operators: object) -> tuple[str, str]:
    who = [operator_names().get(code, code) for code in split_list(operators)]
    return safe_text(str(location_id)), safe_text(", ".join(who))


def _gains(value: str | float | None) -> list[str]:
    return [] if pd.isna(value) else split_list(value)
