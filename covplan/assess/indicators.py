"""The plan's indicators: value, baseline, targets, gap, formula in words, source, and what to be careful about.

An indicator counted from layers is a `Count`: numerator, denominator, how many objects are unknown (they are in
neither). One that is a statistic comes from statistics.csv with its source. Nothing is corrected in silence: oddities
of the plan are warnings beside the figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pandas as pd

from covplan.assess.hamlets import centres
from covplan.study.boundaries import Version, communes_of, in_version
from covplan.study.settings import indicator_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from covplan.study.settings import Coverage, Settings, Sharing, Target

PUBLISHED_VERSION: Version = "2025-02"  # the territory the plan's published figures are for
ZONES_AND_TOURISM = ("industrial_zone", "industrial_cluster", "tourist_site")
CLOSE_PCT = 0.05  # a computed value nearer than this to the published baseline agrees with it at two decimals or so


@dataclass(frozen=True)
class Count:
    """Numerator over denominator, and the objects that are in neither because their state is unknown."""

    numerator: float
    denominator: float
    unknown: int = 0
    basis: Literal["declared", "counted"] = "declared"

    @property
    def value_pct(self) -> float | None:
        """100 × numerator / denominator; None when there is nothing to count."""
        return 100 * self.numerator / self.denominator if self.denominator else None


def indicators(
    hamlets: gpd.GeoDataFrame,
    villages: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    locations: gpd.GeoDataFrame,
    statistics: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """Every indicator of resources/indicators.csv, one row each; columns of resources/layers/indicators.csv."""
    version = settings.province.boundaries
    counts = {
        "VILLAGE_MBB_COV": mobile_coverage(hamlets, settings.coverage),
        "VILLAGE_FTTH_COV": share_true(hamlets["ftth"]),
        "FTTH_HH": households_on_fibre(hamlets),
        "BTS_SHARE_RATIO": shared_locations(locations),
        "BTS_NEW_SHARE_RATIO": new_on_existing(stations, settings.sharing),
        "5G_IZ_TOURISM": places_with_5g(places, ZONES_AND_TOURISM),
        "5G_KEYPLACES": places_with_5g(places),
        "5G_POP": population_with_5g(villages, communes, version),
    }
    published = statistics.set_index("indicator")
    rows = []
    for entry in indicator_table():
        name = entry["indicator"]
        target = settings.targets[name]
        if name in counts:
            row = _counted(entry, counts[name], target, settings)
        else:
            row = _statistic(entry, published.loc[name] if name in published.index else None, target, version)
        rows.append(row)
    figures = [
        "value",
        "baseline",
        "target_2025",
        "target_2030",
        "gap_2025",
        "gap_2030",
        "missing_2025",
        "missing_2030",
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys([*figures, "numerator", "denominator"], "float64"))


def mobile_coverage(hamlets: pd.DataFrame, coverage: Coverage) -> Count:
    """VILLAGE_MBB_COV: hamlets with signal over hamlets whose state is known."""
    states = hamlets["mobile_state"]
    good = ["covered", "weak"] if coverage.count_weak_as_covered else ["covered"]
    known = states != "unknown"
    return Count(int(states.isin(good).sum()), int(known.sum()), int((~known).sum()))


def share_true(flags: pd.Series) -> Count:
    """How many of the known flags are true."""
    known = flags.dropna().astype(bool)
    return Count(int(known.sum()), len(known), len(flags) - len(known))


def households_on_fibre(hamlets: pd.DataFrame) -> Count:
    """FTTH_HH: households with an active fibre line over households, in hamlets that have a figure."""
    known = hamlets["ftth_households"].notna()
    return Count(
        int(hamlets.loc[known, "ftth_households"].sum()),
        int(hamlets.loc[known, "households"].sum()),
        int((~known).sum()),
    )


def shared_locations(locations: pd.DataFrame) -> Count:
    """BTS_SHARE_RATIO: locations with two operators or more over all locations on air."""
    return Count(int(locations["shared"].sum()), len(locations), basis="counted")


def new_on_existing(stations: pd.DataFrame, sharing: Sharing) -> Count:
    """BTS_NEW_SHARE_RATIO: of the stations that came on air in the period, those on a structure that stood already.

    A structure stood already when another station of the location was on air on an earlier day.
    """
    first, last = sharing.period_years
    dated = stations.dropna(subset="on_air")
    oldest = dated.groupby("location_id")["on_air"].transform("min")
    new = dated["on_air"].dt.year.between(first, last)
    joined = new & (oldest < dated["on_air"])
    return Count(int(joined.sum()), int(new.sum()), len(stations) - len(dated), basis="counted")


def places_with_5g(places: pd.DataFrame, kinds: Sequence[str] | None = None) -> Count:
    """Existing places (of some kinds) declared with 5G over those whose state is known."""
    existing = places[places["status"].fillna("existing") == "existing"]
    chosen = existing if kinds is None else existing[existing["kind"].isin(kinds)]
    return share_true(chosen["declared_5g"])


def population_with_5g(villages: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, version: Version) -> Count:
    """5G_POP: inhabitants of hamlets with 5G over all, in the communes marked as demand areas.

    A hamlet whose code belongs to another commune list is placed by its centre, never by its code.
    """
    units = communes_of(communes, version)
    demand = units.loc[units["demand_5g"].fillna(value=False).astype(bool), "commune_code"]
    codes = villages["commune_code"].where(villages["boundary_version"] == version)
    other = codes.isna()
    if other.any():
        codes = codes.fillna(in_version(centres(villages)[other], communes, version)["commune_code"])
    inside = villages[codes.isin(demand)]
    known = inside["declared_5g"].notna() & inside["population"].notna()
    served = known & inside["declared_5g"].fillna(value=False).astype(bool)
    people = inside["population"]
    return Count(int(people[served].sum()), int(people[known].sum()), int((~known).sum()))


def _counted(entry: dict[str, str], count: Count, target: Target, settings: Settings) -> dict[str, object]:
    value = count.value_pct
    warnings = _plan_oddities(entry, target)
    if count.unknown:
        warnings.append(
            (f"{count.unknown} đối tượng không rõ trạng thái.", f"{count.unknown} objects of unknown state.")
        )
    if value is None:
        warnings.append(("Không có đối tượng nào để tính.", "There is nothing to count."))
    elif target.baseline is not None and abs(value - target.baseline) > CLOSE_PCT:
        gap = f"{value:.2f} ≠ {target.baseline:g}"
        warnings.append((f"Khác số gốc của kế hoạch: {gap}.", f"Differs from the plan's baseline: {gap}."))
    if settings.province.boundaries != PUBLISHED_VERSION and target.baseline is not None:
        warnings.append(_mixed(settings.province.boundaries, PUBLISHED_VERSION))
    period = "–".join(str(year) for year in dict.fromkeys(settings.sharing.period_years))
    return {
        **_head(entry, value, target),
        "missing_2025": _missing(count, target.target_2025),
        "missing_2030": _missing(count, target.target_2030),
        "numerator": count.numerator,
        "denominator": count.denominator,
        "counted": entry["counted_vi"],
        "unknown": count.unknown,
        "basis": count.basis if value is not None else "none",
        "how_vi": entry["how_vi"].format(period=period),
        "how_en": entry["how_en"].format(period=period),
        "source": entry["source"],
        "boundary_version": settings.province.boundaries,
        **_joined(warnings),
    }


def _statistic(
    entry: dict[str, str], published: pd.Series | None, target: Target, version: Version
) -> dict[str, object]:
    warnings = _plan_oddities(entry, target)
    value, source, of_version, how = None, entry["source"], version, ("", "")
    if published is None:
        warnings.append(("Chưa có trong statistics.csv.", "Not in statistics.csv yet."))
    else:
        value, source, of_version = float(published["value"]), str(published["source"]), published["boundary_version"]
        day = published["date"]
        when = "" if pd.isna(day) else day.date().isoformat()
        how = (f", ngày {when}", f", as of {when}") if when else how
        if of_version != version:
            warnings.append(_mixed(version, of_version))
    return {
        **_head(entry, value, target),
        "missing_2025": None,
        "missing_2030": None,
        "numerator": None,
        "denominator": None,
        "counted": "",
        "unknown": 0,
        "basis": "none" if value is None else "statistic",
        "how_vi": entry["how_vi"] + how[0],
        "how_en": entry["how_en"] + how[1],
        "source": source,
        "boundary_version": of_version,
        **_joined(warnings),
    }


def _head(entry: dict[str, str], value: float | None, target: Target) -> dict[str, object]:
    def gap(goal: float | None) -> float | None:
        return None if value is None or goal is None else round(goal - value, 4)

    return {
        "indicator": entry["indicator"],
        "name_vi": entry["name_vi"],
        "name_en": entry["name_en"],
        "unit": entry["unit"],
        "value": None if value is None else round(value, 4),
        "baseline": target.baseline,
        "target_2025": target.target_2025,
        "target_2030": target.target_2030,
        "gap_2025": gap(target.target_2025),
        "gap_2030": gap(target.target_2030),
    }


def _missing(count: Count, target_pct: float | None) -> int | None:
    """Objects to add to the numerator, at the same denominator, to reach the target; 0 when it is reached."""
    if target_pct is None or not count.denominator:
        return None
    needed = math.ceil(target_pct * count.denominator / 100 - 1e-9)
    return max(0, int(needed - count.numerator))


def _plan_oddities(entry: dict[str, str], target: Target) -> list[tuple[str, str]]:
    """What is odd in the plan itself: written notes, and targets that do not rise."""
    notes = [(entry["note_vi"], entry["note_en"])] if entry["note_vi"] else []
    steps = [step for step in (target.baseline, target.target_2025, target.target_2030) if step is not None]
    if any(later <= earlier for earlier, later in pairwise(steps)):
        shown = " → ".join(f"{step:g}" for step in steps)
        notes.append((f"Mục tiêu không tăng: {shown}.", f"The targets do not rise: {shown}."))
    return notes


def _mixed(version: str, other: str) -> tuple[str, str]:
    return (
        f"Khác địa giới: nghiên cứu tính theo {version}, số liệu là của {other}.",
        f"Mixed geographies: the study counts on {version}, the figure is for {other}.",
    )


def _joined(warnings: list[tuple[str, str]]) -> dict[str, str]:
    return {"warnings_vi": " ".join(vi for vi, _ in warnings), "warnings_en": " ".join(en for _, en in warnings)}
