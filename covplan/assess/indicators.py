"""The plan's indicators: value, baseline, targets, gap, formula in words, source, and what to be careful about.

An indicator counted from layers is a `Tally`: object by object, so that every figure can be traced. One that is a
statistic comes from statistics.csv with its source. Nothing is corrected in silence: oddities of the plan are warnings
beside the figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import pandas as pd

from covplan.assess.demand import centres
from covplan.assess.hamlets import BY_CENTRE
from covplan.study.boundaries import Version, communes_of, goals_of, in_version
from covplan.study.language import LANGUAGES, Language, _, day, in_both, ngettext, number
from covplan.study.layers import layers
from covplan.study.plan import hamlets_told
from covplan.study.settings import indicator_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.study.settings import Coverage, Settings, Sharing, Target

ZONES_AND_TOURISM = ("industrial_zone", "industrial_cluster", "tourist_site")
CLOSE_PCT = 0.05  # a computed value nearer than this to the published baseline agrees with it at two decimals or so
Basis = Literal["declared", "counted", "computed"]
Note = dict[Language, str]
"""A sentence in each language."""


@dataclass(frozen=True)
class Tally:
    """What an indicator counts, object by object."""

    kind: str
    """Of the objects: hamlet, location, station, place."""
    objects: pd.DataFrame
    """Columns object_id, numerator, denominator, known; an unknown object is in neither figure."""
    basis: Basis = "declared"
    notes: tuple[Note, ...] = ()
    """What is worth saying beside the figure."""

    @property
    def numerator(self) -> float:
        """Sum over the known objects."""
        return float(self.objects.loc[self.objects["known"], "numerator"].sum())

    @property
    def denominator(self) -> float:
        """Sum over the known objects."""
        return float(self.objects.loc[self.objects["known"], "denominator"].sum())

    @property
    def unknown(self) -> int:
        """Objects whose state is not known."""
        return int((~self.objects["known"]).sum())

    @property
    def value_pct(self) -> float | None:
        """100 × numerator / denominator; None when there is nothing to count."""
        return 100 * self.numerator / self.denominator if self.denominator else None


def tallies(
    hamlets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    locations: gpd.GeoDataFrame,
    settings: Settings,
) -> dict[str, Tally]:
    """The indicators that the study's layers give, by id; `hamlets` and `places` are results, `stations` on air."""
    version = settings.province.boundaries
    return {
        "VILLAGE_MBB_COV": mobile_coverage(hamlets, settings.coverage),
        "VILLAGE_FTTH_COV": fiber_coverage(hamlets),
        "FTTH_HH": households_on_fiber(hamlets),
        "BTS_SHARE_RATIO": shared_locations(locations),
        "BTS_NEW_SHARE_RATIO": new_on_existing(stations, settings.sharing),
        "5G_IZ_TOURISM": places_with_5g(places, ZONES_AND_TOURISM),
        "5G_KEYPLACES": places_with_5g(places),
        "5G_POP": population_with_5g(hamlets, communes, version),
    }


def indicators(
    counted: Mapping[str, Tally],
    statistics: pd.DataFrame,
    settings: Settings,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Every indicator of resources/indicators.csv, one row each; columns of resources/layers/indicators.csv.

    `intervals`: per cent, of those whose uncertainty was drawn.
    """
    version = settings.province.boundaries
    published = statistics.set_index("indicator")
    rows = []
    for entry in indicator_table():
        name = entry["indicator"]
        target = settings.targets[name]
        if name in counted:
            row = _counted(entry, counted[name], target, settings)
        else:
            stated = cast("pd.Series", published.loc[name]) if name in published.index else None
            row = _statistic(entry, stated, target, version)
        low, high = (intervals or {}).get(name, (None, None))
        rows.append(row | {"interval_low": low, "interval_high": high})
    figures = [
        "value", "interval_low", "interval_high", "baseline", "target_2025", "target_2030", "gap_2025", "gap_2030",
        "missing_2025", "missing_2030", "numerator", "denominator",
    ]  # fmt: skip
    columns = [column.name for column in layers()["indicators"].columns]
    return pd.DataFrame(rows)[columns].astype(dict.fromkeys(figures, "float64"))


def mobile_coverage(hamlets: pd.DataFrame, coverage: Coverage) -> Tally:
    """VILLAGE_MBB_COV: hamlets with signal over hamlets whose state is known."""
    state = hamlets["mobile_state"]
    good = ["covered", "weak"] if coverage.count_weak_as_covered else ["covered"]
    known = state != "unknown"
    notes = []
    if coverage.count_weak_as_covered and known.any():
        strict = 100 * (state == "covered").sum() / known.sum()
        weak = int((state == "weak").sum())
        notes.append(
            in_both(
                lambda: _("Counting weak hamlets ({weak}) as not covered: {share} %.").format(
                    weak=weak, share=number(strict, 2)
                )
            )
        )
    notes += _told_otherwise(hamlets["basis"][known])
    return _tally("hamlet", hamlets["village_id"], state.isin(good), 1, known, _basis(hamlets["basis"]), notes)


def fiber_coverage(hamlets: pd.DataFrame) -> Tally:
    """VILLAGE_FTTH_COV: hamlets with FTTH over hamlets whose state is known."""
    known, basis = hamlets["ftth"].notna(), hamlets["ftth_basis"]
    notes = _told_otherwise(basis[known])
    return _tally("hamlet", hamlets["village_id"], hamlets["ftth"], 1, known, _basis(basis), notes)


def households_on_fiber(hamlets: pd.DataFrame) -> Tally:
    """FTTH_HH: households with an active fiber line over households, in hamlets that have a figure."""
    lines = hamlets["ftth_households"]
    return _tally("hamlet", hamlets["village_id"], lines, hamlets["households"], lines.notna(), "declared")


def shared_locations(locations: pd.DataFrame) -> Tally:
    """BTS_SHARE_RATIO: locations with two operators or more over all locations on air."""
    stations, shared = locations["stations"], locations["shared"].astype(bool)
    notes = []
    if len(locations):
        on_shared, of = int(stations[shared].sum()), int(stations.sum())
        notes.append(
            in_both(
                lambda: _("Counted by stations: {shared}/{all} = {share} %.").format(
                    shared=number(on_shared), all=number(of), share=number(100 * on_shared / of, 2)
                )
            )
        )
    known = pd.Series(data=True, index=locations.index)
    return _tally("location", locations["location_id"], shared, 1, known, "counted", notes)


def new_on_existing(stations: pd.DataFrame, sharing: Sharing) -> Tally:
    """BTS_NEW_SHARE_RATIO: of the stations that came on air in the period, those on a structure that stood already.

    A structure stood already when another station of the location was on air on an earlier day.
    """
    first, last = sharing.period_years
    dated = stations["on_air"].notna()
    oldest = stations.groupby("location_id")["on_air"].transform("min")
    new = stations["on_air"].dt.year.between(first, last)
    counts = new | ~dated  # the rest is neither new nor unknown
    joined = new & (oldest < stations["on_air"])
    return _tally("station", stations["station_id"][counts], joined[counts], 1, dated[counts], "counted")


def places_with_5g(places: pd.DataFrame, kinds: Sequence[str] | None = None) -> Tally:
    """Existing places (of some kinds) with 5G over those whose state is known."""
    existing = places[places["status"].fillna("existing") == "existing"]
    chosen = existing if kinds is None else existing[existing["kind"].isin(kinds)]
    known, lit = chosen["state_5g"] != "unknown", chosen["state_5g"] == "covered"
    return _tally("place", chosen["place_id"], lit, 1, known, _basis(chosen["basis"]))


def population_with_5g(hamlets: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, version: Version) -> Tally:
    """5G_POP: inhabitants with 5G over all, in the communes marked as demand areas.

    Where coverage is computed, of each hamlet the covered share of its households; else all of it or nobody. A hamlet
    whose code belongs to another commune list is placed by its centre, never by its code.
    """
    units = communes_of(communes, version)
    demand = units.loc[units["demand_5g"].fillna(value=False).astype(bool), "commune_code"]
    codes = unit_codes(hamlets, communes, version)
    inside = hamlets[codes.isin(demand)]
    served = inside["mobile_5g"].astype("boolean").astype("Float64")
    if "share_5g" in inside:
        served = inside["share_5g"].astype("Float64").fillna(served)
    known = served.notna() & inside["population"].notna()
    people = inside["population"]
    notes = []
    everyone = hamlets["population"].sum()
    if everyone:
        reached = float((served * people).sum())
        notes.append(
            in_both(
                lambda: _("Of the whole province: {share} % of the population (national target 2030: 99 %).").format(
                    share=number(100 * reached / everyone, 2)
                )
            )
        )
    return _tally("hamlet", inside["village_id"], served * people, people, known, _basis(inside["basis"]), notes)


def unit_codes(hamlets: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, version: Version) -> pd.Series:
    """Commune code of each hamlet in one version: its own where it is of that version, else by its middle."""
    codes: pd.Series = hamlets["commune_code"].astype("object").where(hamlets["boundary_version"] == version)
    other = codes.isna()
    if other.any():
        codes = codes.fillna(in_version(centres(hamlets)[other], communes, version)["commune_code"])
    return codes


def evidence(counted: Mapping[str, Tally]) -> pd.DataFrame:
    """Which objects stand behind each figure; columns of resources/layers/evidence.csv."""
    tables = [tally.objects.assign(indicator=name, object_kind=tally.kind) for name, tally in counted.items()]
    table = pd.concat(tables, ignore_index=True)
    table[["numerator", "denominator"]] = table[["numerator", "denominator"]].where(table["known"])
    return table[["indicator", "object_kind", "object_id", "known", "numerator", "denominator"]]


def _tally(
    kind: str,
    ids: pd.Series,
    numerator: pd.Series,
    denominator: pd.Series | int,
    known: pd.Series,
    basis: Basis,
    notes: Sequence[Note] = (),
) -> Tally:
    figures = {
        "numerator": _plain(numerator, len(ids)),
        "denominator": _plain(denominator, len(ids)),
        "known": known.to_numpy(bool),
    }
    objects = pd.DataFrame({"object_id": ids, **figures}, index=ids.index)
    return Tally(kind, objects, basis, tuple(notes))


def _plain(figures: pd.Series | int, count: int) -> NDArray[np.float64]:
    """Figures as plain numbers; 0 where there is none."""
    if isinstance(figures, int):
        return np.full(count, float(figures))
    given: NDArray[np.float64] = figures.to_numpy(float, na_value=np.nan)
    return np.nan_to_num(given, nan=0.0)


def _basis(bases: pd.Series) -> Basis:
    return "computed" if (bases != "declared").any() else "declared"


def _told_otherwise(bases: pd.Series) -> list[Note]:
    """Of hamlets whose state is known: how many are not computed from where their people live."""
    declared, by_centre = int((bases == "declared").sum()), int((bases == BY_CENTRE).sum())
    notes = []
    if declared and declared < len(bases):
        notes.append(
            in_both(
                lambda: ngettext(
                    "{count} hamlet cannot be computed: as declared.",
                    "{count} hamlets cannot be computed: as declared.",
                    declared,
                ).format(count=declared)
            )
        )
    if by_centre:
        notes.append(
            in_both(
                lambda: ngettext(
                    "{count} hamlet without dwelling clusters: told by its centre alone.",
                    "{count} hamlets without dwelling clusters: told by their centres alone.",
                    by_centre,
                ).format(count=by_centre)
            )
        )
    return notes


def _counted(entry: dict[str, str], count: Tally, target: Target, settings: Settings) -> dict[str, object]:
    value, across = count.value_pct, _across(settings.province.boundaries, target)
    warnings = [*_plan_oddities(entry, target), *count.notes]
    if count.unknown:
        warnings.append(
            in_both(
                lambda: ngettext(
                    "{count} object of unknown state.", "{count} objects of unknown state.", count.unknown
                ).format(count=count.unknown)
            )
        )
    if value is None:
        warnings.append(in_both(lambda: _("There is nothing to count.")))
    elif target.baseline is not None and not across and abs(value - target.baseline) > CLOSE_PCT:
        warnings.append(_off_baseline(value, target.baseline))
    warnings += across
    told = in_both(lambda: _hamlets_told(entry["indicator"], count))
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
        "how_vi": entry["how_vi"].format(period=period) + told["vi"],
        "how_en": entry["how_en"].format(period=period) + told["en"],
        "source": entry["source"],
        "boundary_version": settings.province.boundaries,
        **_joined(warnings),
    }


def _hamlets_told(indicator: str, count: Tally) -> str:
    """What follows the formula of an indicator of hamlets: all of them are covered, not covered or unknown."""
    told = hamlets_told(indicator, count.numerator, count.denominator, count.unknown)
    return f"; {told}" if told else ""


def _off_baseline(value: float, baseline: float) -> Note:
    return in_both(
        lambda: _("Differs from the plan's baseline: {value} ≠ {baseline}.").format(
            value=number(value, 2), baseline=number(baseline, 2)
        )
    )


def _statistic(
    entry: dict[str, str], published: pd.Series | None, target: Target, version: Version
) -> dict[str, object]:
    warnings = _plan_oddities(entry, target)
    value, source, of_version = None, entry["source"], version
    as_of: Note = {"vi": "", "en": ""}
    if published is None:
        warnings.append(in_both(lambda: _("Not in statistics.csv yet.")))
    else:
        value, source, of_version = float(published["value"]), str(published["source"]), published["boundary_version"]
        date = published["date"]
        if not pd.isna(date):
            as_of = in_both(lambda: _(", as of {day}").format(day=day(date)))
        if of_version != version:
            warnings.append(_mixed(version, of_version))
        warnings += _across(of_version, target)
    return {
        **_head(entry, value, target),
        "missing_2025": None,
        "missing_2030": None,
        "numerator": None,
        "denominator": None,
        "counted": "",
        "unknown": 0,
        "basis": "none" if value is None else "statistic",
        "how_vi": entry["how_vi"] + as_of["vi"],
        "how_en": entry["how_en"] + as_of["en"],
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
        "target_boundaries": target.boundaries,
        "gap_2025": gap(target.target_2025),
        "gap_2030": gap(target.target_2030),
    }


def _missing(count: Tally, target_pct: float | None) -> int | None:
    """Objects to add to the numerator, at the same denominator, to reach the target; 0 when it is reached."""
    if target_pct is None or not count.denominator:
        return None
    needed = math.ceil(target_pct * count.denominator / 100 - 1e-9)
    return max(0, int(needed - count.numerator))


def _plan_oddities(entry: dict[str, str], target: Target) -> list[Note]:
    """What is odd in the plan itself: written notes, and targets that do not rise."""
    notes: list[Note] = [{"vi": entry["note_vi"], "en": entry["note_en"]}] if entry["note_vi"] else []
    steps = [step for step in (target.baseline, target.target_2025, target.target_2030) if step is not None]
    if any(later <= earlier for earlier, later in pairwise(steps)):
        notes.append(
            in_both(
                lambda: _("The targets do not rise: {steps}.").format(steps=" → ".join(number(one, 2) for one in steps))
            )
        )
    return notes


def _mixed(version: str, other: str) -> Note:
    return in_both(
        lambda: _("Mixed geographies: the study counts on {version}, the figure is for {other}.").format(
            version=version, other=other
        )
    )


def _across(version: str, target: Target) -> list[Note]:
    """The warning beside a value of one province whose baseline and targets are another's."""
    stated = (target.baseline, target.target_2025, target.target_2030) != (None, None, None)
    return [in_both(lambda: goals_of(target.boundaries))] if stated and version != target.boundaries else []


def _joined(warnings: list[Note]) -> dict[str, str]:
    return {f"warnings_{one}": " ".join(note[one] for note in warnings) for one in LANGUAGES}
