"""Indicators by district, commune, operator and kind of place, on both commune lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.assess.demand import centres
from covplan.assess.hamlets import COVERED, UNKNOWN, WEAK
from covplan.assess.indicators import unit_codes
from covplan.study.boundaries import in_version
from covplan.study.codes import ANY
from covplan.study.layers import BOUNDARY_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from covplan.assess.indicators import Tally
    from covplan.study.boundaries import Version
    from covplan.study.settings import Settings

COLUMNS = [
    "indicator", "part_kind", "boundary_version", "part_code", "part_name", "value", "numerator", "denominator",
    "unknown",
]  # fmt: skip


def parts(
    counted: Mapping[str, Tally],
    hamlets: gpd.GeoDataFrame,
    signals: pd.DataFrame,
    places: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    locations: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """One row per indicator and part; columns of resources/layers/parts.csv.

    An object belongs to the commune its code names, in the version of the code, and to the one it stands in, in the
    other version. Districts are those of 2025-02; there are none after July 2025.
    """
    points = {
        "hamlet": (hamlets["village_id"], centres(hamlets)),
        "location": (locations["location_id"], locations.geometry),
        "station": (stations["station_id"], stations.geometry),
        "place": (places["place_id"], places.geometry.representative_point()),
    }
    units = {
        (kind, version): _units(ids, where, communes, version, hamlets if kind == "hamlet" else None)
        for kind, (ids, where) in points.items()
        for version in sorted(set(communes["boundary_version"]) & set(BOUNDARY_VERSIONS))
    }
    tables = []
    for name, tally in counted.items():
        objects = tally.objects.set_index("object_id")
        for (kind, version), unit in units.items():
            if kind != tally.kind:
                continue
            here = objects.join(unit)
            tables.append(_summed(name, "commune", version, here, "commune_code", "name"))
            if here["district"].notna().any():
                tables.append(_summed(name, "district", version, here, "district", "district"))
        tables += _by_kind(name, tally, stations, locations, places)
    tables.append(_coverage_by_operator(signals, settings))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else pd.DataFrame(columns=COLUMNS)


def _units(
    ids: pd.Series, where: gpd.GeoSeries, communes: gpd.GeoDataFrame, version: str, hamlets: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    """Commune and district of each object in one version; index: object id."""
    chosen: Version = version  # type: ignore[assignment]  # from BOUNDARY_VERSIONS
    unit = in_version(where, communes, chosen)
    if hamlets is not None:
        of = communes[communes["boundary_version"] == version].drop_duplicates("commune_code")
        unit = of.set_index("commune_code").reindex(unit_codes(hamlets, communes, chosen))[["name", "district"]]
        unit = unit.reset_index(names="commune_code")
    return unit[["commune_code", "name", "district"]].set_index(pd.Index(ids, name="object_id"))


def _by_kind(
    name: str, tally: Tally, stations: gpd.GeoDataFrame, locations: gpd.GeoDataFrame, places: gpd.GeoDataFrame
) -> list[pd.DataFrame]:
    objects = tally.objects.set_index("object_id")
    if tally.kind == "place":
        kinds = places.set_index("place_id")[["kind"]]
        return [_summed(name, "place_kind", None, objects.join(kinds), "kind", "kind")]
    if tally.kind == "station":
        of = stations.set_index("station_id")[["operator"]]
        return [_summed(name, "operator", None, objects.join(of), "operator", "operator")]
    if tally.kind == "location":
        of = stations.drop_duplicates(["location_id", "operator"]).set_index("location_id")[["operator"]]
        of = of[of.index.isin(locations["location_id"])]
        return [_summed(name, "operator", None, of.join(objects, how="inner"), "operator", "operator")]
    return []


def _coverage_by_operator(signals: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """VILLAGE_MBB_COV as it would be with each operator alone."""
    own = signals[(signals["technology"] == settings.definition.technology) & (signals["operator"] != ANY)]
    good = own["state"].isin([COVERED, WEAK] if settings.coverage.count_weak_as_covered else [COVERED])
    objects = pd.DataFrame(
        {"operator": own["operator"], "known": own["state"] != UNKNOWN, "numerator": good * 1.0, "denominator": 1.0}
    )
    return _summed("VILLAGE_MBB_COV", "operator", None, objects, "operator", "operator")


def _summed(
    indicator: str, kind: str, version: str | None, objects: pd.DataFrame, code: str, name: str
) -> pd.DataFrame:
    here = objects.dropna(subset=[code]).assign(part_code=lambda t: t[code], part_name=lambda t: t[name])
    known = here["known"].astype(bool)
    here = here.assign(
        numerator=here["numerator"].where(known, 0.0), denominator=here["denominator"].where(known, 0.0), unknown=~known
    )
    table = here.groupby("part_code", sort=True).agg(
        part_name=("part_name", "first"), numerator=("numerator", "sum"), denominator=("denominator", "sum"),
        unknown=("unknown", "sum"),
    )  # fmt: skip
    value = (100.0 * table["numerator"] / table["denominator"]).where(table["denominator"] > 0)
    table = table.assign(indicator=indicator, part_kind=kind, boundary_version=version, value=value.round(4))
    return table.reset_index()[COLUMNS]
