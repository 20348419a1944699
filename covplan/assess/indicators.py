"""The plan's indicators: value, baseline, targets, gap, formula in words, source, and what to be careful about.

An indicator counted from layers is a `Tally`: object by object, so that every figure can be traced. One that is a
statistic comes from statistics.csv with its source. Nothing is corrected in silence: oddities of the plan are warnings
beside the figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pandas as pd

from covplan.assess.demand import centres
from covplan.study.boundaries import Version, communes_of, in_version
from covplan.study.layers import layers
from covplan.study.numbers import number_vi
from covplan.study.settings import indicator_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from covplan.study.settings import Coverage, Settings, Sharing, Target

PUBLISHED_VERSION: Version = "2025-02"  # the territory the plan's published figures are for
ZONES_AND_TOURISM = ("industrial_zone", "industrial_cluster", "tourist_site")
CLOSE_PCT = 0.05  # a computed value nearer than this to the published baseline agrees with it at two decimals or so
Basis = Literal["declared", "counted", "computed"]


@dataclass(frozen=True)
class Tally:
    """What an indicator counts, object by object."""

    kind: str
    """Of the objects: hamlet, location, station, place."""
    objects: pd.DataFrame
    """Columns object_id, numerator, denominator, known; an unknown object is in neither figure."""
    basis: Basis = "declared"
    notes: tuple[tuple[str, str], ...] = ()
    """What is worth saying beside the figure, in Vietnamese and English."""

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
            row = _statistic(entry, published.loc[name] if name in published.index else None, target, version)
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
            (f"Tính cả lõm sóng ({weak} thôn) là chưa phủ: {number_vi(strict, 2)} %.",
             f"Counting weak hamlets ({weak}) as not covered: {strict:.2f} %.")
        )  # fmt: skip
    told = int(((hamlets["basis"] == "declared") & known).sum())
    if told and _basis(hamlets) == "computed":
        notes.append(
            (f"{told} thôn không tính được, lấy theo khai báo.", f"{told} hamlets cannot be computed: as declared.")
        )
    return _tally("hamlet", hamlets["village_id"], state.isin(good), 1, known, _basis(hamlets), notes)


def fiber_coverage(hamlets: pd.DataFrame) -> Tally:
    """VILLAGE_FTTH_COV: hamlets with FTTH over hamlets whose state is known."""
    basis: Basis = "computed" if (hamlets["ftth_basis"] == "computed").any() else "declared"
    return _tally("hamlet", hamlets["village_id"], hamlets["ftth"], 1, hamlets["ftth"].notna(), basis)


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
            (f"Tính theo trạm: {number_vi(on_shared)}/{number_vi(of)} = {number_vi(100 * on_shared / of, 2)} %.",
             f"Counted by stations: {on_shared}/{of} = {100 * on_shared / of:.2f} %.")
        )  # fmt: skip
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
    return _tally("place", chosen["place_id"], lit, 1, known, _basis(chosen))


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
            (f"So với toàn tỉnh: {number_vi(100 * reached / everyone, 2)} % dân số (mục tiêu cả nước 2030: 99 %).",
             f"Of the whole province: {100 * reached / everyone:.2f} % (national target 2030: 99 %).")
        )  # fmt: skip
    return _tally("hamlet", inside["village_id"], served * people, people, known, _basis(inside), notes)


def unit_codes(hamlets: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, version: Version) -> pd.Series:
    """Commune code of each hamlet in one version: its own where it is of that version, else by its middle."""
    codes = hamlets["commune_code"].astype("object").where(hamlets["boundary_version"] == version)
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
    notes: Sequence[tuple[str, str]] = (),
) -> Tally:
    objects = pd.DataFrame({"object_id": ids, "numerator": numerator, "denominator": denominator, "known": known})
    objects[["numerator", "denominator"]] = (
        objects[["numerator", "denominator"]].astype("Float64").fillna(0).astype(float)
    )
    return Tally(kind, objects.astype({"known": bool}), basis, tuple(notes))


def _basis(table: pd.DataFrame) -> Basis:
    return "computed" if (table["basis"] == "computed").any() else "declared"


def _counted(entry: dict[str, str], count: Tally, target: Target, settings: Settings) -> dict[str, object]:
    value = count.value_pct
    warnings = [*_plan_oddities(entry, target), *count.notes]
    if count.unknown:
        warnings.append(
            (f"{count.unknown} đối tượng không rõ trạng thái.", f"{count.unknown} objects of unknown state.")
        )
    if value is None:
        warnings.append(("Không có đối tượng nào để tính.", "There is nothing to count."))
    elif target.baseline is not None and abs(value - target.baseline) > CLOSE_PCT:
        gap_vi = f"{number_vi(value, 2)} ≠ {number_vi(target.baseline, 2)}"
        gap_en = f"{value:.2f} ≠ {target.baseline:g}"
        warnings.append((f"Khác số gốc của kế hoạch: {gap_vi}.", f"Differs from the plan's baseline: {gap_en}."))
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
        how = how if pd.isna(day) else (f", ngày {day:%d/%m/%Y}", f", as of {day:%Y-%m-%d}")
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


def _missing(count: Tally, target_pct: float | None) -> int | None:
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
        shown_vi = " → ".join(number_vi(step, 2) for step in steps)
        shown_en = " → ".join(f"{step:g}" for step in steps)
        notes.append((f"Mục tiêu không tăng: {shown_vi}.", f"The targets do not rise: {shown_en}."))
    return notes


def _mixed(version: str, other: str) -> tuple[str, str]:
    return (
        f"Khác địa giới: nghiên cứu tính theo {version}, số liệu là của {other}.",
        f"Mixed geographies: the study counts on {version}, the figure is for {other}.",
    )


def _joined(warnings: list[tuple[str, str]]) -> dict[str, str]:
    return {"warnings_vi": " ".join(vi for vi, _ in warnings), "warnings_en": " ".join(en for _, en in warnings)}
