"""Two plans side by side: which hamlets changed state, and why.

The cause of a change is looked for where the signal comes from: the cell that serves the hamlet's centre best before
and after, its station, the settings, the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from covplan.assess.hamlets import UNKNOWN
from covplan.study.language import _, in_both

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import geopandas as gpd
    from pandas._typing import Scalar

ATTRIBUTES = ["antenna_height_m", "technologies", "bands", "status", "operator", "lon", "lat"]
CELL_ATTRIBUTES = ["band", "azimuth_deg", "downtilt_deg", "eirp_dbm", "antenna"]
RESULT = ["mobile_state", "rsrp_dbm", "probability", "server", "covered_share", "ftth"]


@dataclass(frozen=True)
class Comparison:
    """What differs between two plans."""

    hamlets: pd.DataFrame
    stations: pd.DataFrame
    cells: pd.DataFrame
    indicators: pd.DataFrame


def station_changes(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> pd.DataFrame:
    """Stations that came, went or changed: station_id, change (added, removed, changed), what (column a → b)."""
    return _changes(before, after, "station_id", ATTRIBUTES)


def cell_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Cells that came, went or changed, with their station_id."""
    changes = _changes(before, after, "cell_id", CELL_ATTRIBUTES)
    of = pd.concat([after, before]).drop_duplicates("cell_id").set_index("cell_id")["station_id"]
    return changes.assign(station_id=changes["cell_id"].map(of))


def hamlet_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    stations: pd.DataFrame,
    cells: pd.DataFrame,
    station_of: pd.Series,
    settings: Sequence[str] = (),
) -> pd.DataFrame:
    """Hamlets whose mobile or FTTH state differs; columns of resources/layers/changes.csv.

    Parameters
    ----------
    before, after : tables of hamlets
        Results of two plans.
    stations, cells : DataFrame
        `station_changes` and `cell_changes`.
    station_of : Series
        Station of each cell id of both plans.
    settings : sequence of str
        Settings that differ and matter, in words ("radio.4G.rsrp_threshold_dbm −110 → −105").
    """
    columns = ["village_id", "name", "commune", "district", "households", *RESULT]
    joined = _with_results(before)[columns].merge(
        _with_results(after)[columns], on="village_id", how="outer", suffixes=("_before", "_after")
    )
    for name in ("mobile_state", "ftth"):
        joined[name] = ~_same(joined[f"{name}_before"], joined[f"{name}_after"])
    changed = joined[joined["mobile_state"] | joined["ftth"]].sort_values("village_id", ignore_index=True)
    rows = changed.to_dict("records")
    causes = [in_both(partial(_cause, row, stations, cells, station_of, settings)) for row in rows]
    for name in ("name", "commune", "district", "households"):
        changed[name] = changed[f"{name}_after"].where(changed[f"{name}_after"].notna(), changed[f"{name}_before"])
    changed["cause_vi"], changed["cause_en"] = [one["vi"] for one in causes], [one["en"] for one in causes]
    pairs = [f"{name}_{when}" for name in RESULT for when in ("before", "after")]
    return changed[["village_id", "name", "commune", "district", "households", *pairs, "cause_vi", "cause_en"]]


def indicator_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Indicators of two plans: indicator, names, unit, before, after, difference."""
    columns = ["indicator", "name_vi", "name_en", "unit", "value"]
    joined = before[columns].merge(
        after[["indicator", "value"]], on="indicator", how="outer", suffixes=("_before", "_after")
    )
    return joined.assign(difference=(joined["value_after"] - joined["value_before"]).round(4))


def _cause(
    row: dict[Hashable, Any],
    stations: pd.DataFrame,
    cells: pd.DataFrame,
    station_of: pd.Series,
    settings: Sequence[str],
) -> str:
    """Why a hamlet changed."""
    if pd.isna(row["mobile_state_before"]):
        return _("New in the list.")
    if pd.isna(row["mobile_state_after"]):
        return _("No longer in the list.")
    found: list[str] = []
    if row["mobile_state"]:
        servers = [str(row[f"server_{when}"]) for when in ("before", "after") if row[f"server_{when}"]]
        ids = {str(station_of.get(server, "")) for server in servers} - {""}
        for one in stations[stations["station_id"].isin(ids)].itertuples():
            event = {"added": _("new station"), "removed": _("station gone")}.get(str(one.change), _("station changed"))
            found.append(f"{event} {one.station_id} {one.what}".strip())
        touched = cells[cells["station_id"].isin(ids) & ~cells["station_id"].isin(stations["station_id"])]
        found += [f"cell {one.cell_id} {one.change}: {one.what}" for one in touched.itertuples()]
        found += [_("setting {setting}").format(setting=one) for one in settings]
    if row["ftth"]:
        found.append(_("FTTH changed (fiber nodes or routes)"))
    if not found:
        found.append(_("dwellings, ground or interfering stations changed"))
    return "; ".join(found) + "."


def _changes(before: pd.DataFrame, after: pd.DataFrame, key: str, attributes: Sequence[str]) -> pd.DataFrame:
    old, new = before.set_index(key), after.set_index(key)
    rows = [(one, "added", "") for one in new.index.difference(old.index)]
    rows += [(one, "removed", "") for one in old.index.difference(new.index)]
    for one in new.index.intersection(old.index):
        both: list[tuple[str, object, object]] = [(name, old.at[one, name], new.at[one, name]) for name in attributes]
        what = [f"{name} {was} → {now}" for name, was, now in both if not _equal(was, now)]
        if what:
            rows.append((one, "changed", ", ".join(what)))
    return pd.DataFrame(rows, columns=[key, "change", "what"]).sort_values(key, ignore_index=True)


def _with_results(hamlets: pd.DataFrame) -> pd.DataFrame:
    """A table of hamlets with all result columns, empty where a plan has none (a declared state has no signal)."""
    table = pd.DataFrame(hamlets).copy()
    for name in RESULT:
        if name not in hamlets:
            table[name] = pd.NA
    return table.astype({"server": "object", "ftth": "object"})


def _same(one: pd.Series, other: pd.Series) -> pd.Series:
    unknown = one.isna() & other.isna()
    return unknown | (one.astype("object").fillna(UNKNOWN) == other.astype("object").fillna(UNKNOWN))


def _equal(one: object, other: object) -> bool:
    missing = pd.isna(cast("Scalar", one)), pd.isna(cast("Scalar", other))
    return all(missing) if any(missing) else bool(one == other)
