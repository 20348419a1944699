"""Where which rule on masts holds: towns, surroundings of headquarters, and the study's rule table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from covplan.study.boundaries import Version, urban_communes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Rule


def in_town(x_m: ArrayLike, y_m: ArrayLike, communes: gpd.GeoDataFrame, version: Version) -> NDArray[np.bool_]:
    """Whether points (study CRS) lie in a ward or a township."""
    urban = urban_communes(communes, version)
    points = gpd.GeoSeries.from_xy(np.asarray(x_m, float), np.asarray(y_m, float), crs=communes.crs)
    inside = np.zeros(len(points), dtype=bool)
    inside[urban.sindex.query(points, predicate="within")[0]] = True
    return inside


def headquarters(places: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, version: Version) -> gpd.GeoSeries:
    """Offices that stand in a ward or a township: no layer says which are the province's and the districts'."""
    offices = places[places["kind"] == "office"]
    at = offices.geometry.representative_point()
    return at[in_town(at.x, at.y, communes, version)]


def a1_only(x_m: ArrayLike, y_m: ArrayLike, headquarters_at: gpd.GeoSeries, rules: Sequence[Rule]) -> NDArray[np.bool_]:
    """Whether only non-bulky structures (A1) are allowed at the points: too near a headquarters."""
    x, y = np.asarray(x_m, float), np.asarray(y_m, float)
    radius_m = rule_value(rules, "a1_only_radius", "headquarters")
    if not radius_m or headquarters_at.empty:
        return np.zeros(x.shape, dtype=bool)
    away_m = np.hypot(x[:, None] - headquarters_at.x.to_numpy(), y[:, None] - headquarters_at.y.to_numpy())
    near: NDArray[np.bool_] = away_m.min(axis=1) <= radius_m
    return near


def rule_value(rules: Sequence[Rule], rule: str, area: str, otherwise: float = 0.0) -> float:
    """Figure of a rule in an area (urban, rural, headquarters); where it is stated twice the last one counts."""
    found = [one.value for one in rules if one.rule == rule and one.area == area]
    return found[-1] if found else otherwise


def by_area(urban: NDArray[np.bool_], rules: Sequence[Rule], rule: str, otherwise: float = 0.0) -> NDArray[np.float64]:
    """Figure of a rule at points, in town or not."""
    values: NDArray[np.float64] = np.where(
        urban, rule_value(rules, rule, "urban", otherwise), rule_value(rules, rule, "rural", otherwise)
    )
    return values
