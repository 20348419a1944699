"""Whether figures can be true: each layer held against what else is known. Findings only, nothing is changed.

A faulty unit or a share for a percentage moves every figure and breaks no rule of a single cell. Bounds come from the
field (EIRP of a macro cell, persons in a household) or from the study itself (a length beside the line as drawn); they
were set so that neither the sample nor the province's real data is blamed. Places are looked at by `whereabouts`.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from covplan.study.findings import Finding, finding
from covplan.study.geometry import length_m
from covplan.study.language import _, in_both
from covplan.study.layers import input_layers
from covplan.study.settings import did_you_mean, indicator_table
from covplan.study.whereabouts import Known, check_whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator


ENOUGH = 20  # objects from which on a layer as a whole can be judged
WEAK_EIRP_DBM = 40.0  # a macro cell of a band has 55 to 72; one in watts, or per resource element, is below
MACRO_M = 10.0  # antennas higher than this are macro cells
PERSONS = (1.2, 12.0)  # in a household, on the mean of a study: 3.6 in the census of 2019
TOGETHER_SHARE = 0.2  # of the clusters at one and the same point
FOLLOWING = 0.3  # correlation of subscribers with households below which they do not follow them
LENGTH_RATIO = (0.5, 2.0)  # of a declared length to that of the drawn line; slack and detours stay below
TENTH, TENFOLD = 0.05, 20.0  # of a statistic to the plan's baseline
SHARE_AT_MOST = 1.5
FIRST_ON_AIR = 1993  # the first mobile network of Vietnam
HELD_BY_HAND_M = 5.0
COARSE_CELL_M = 200.0  # a hamlet is a few hundred metres across


def check_plausible(study: Known) -> list[Finding]:
    """Findings on what cannot well be true in a study; its own tables and rasters are the yardstick."""
    return [
        *_cells(study),
        *_people(study),
        *_lengths(study),
        *_statistics(study),
        *_dates(study),
        *_settings(study),
        *check_whereabouts(study),
    ]


def _on(layer: str, check: str, **told: object) -> Finding:
    return finding(check, input_layers()[layer].file, layer=layer, **told)


def _cells(study: Known) -> Iterator[Finding]:
    cells, stations = study.cells, study.stations.set_index("station_id")
    if cells.empty:
        return
    operator = cells["station_id"].map(stations["operator"])
    high = (cells["station_id"].map(stations["antenna_height_m"]) >= MACRO_M).fillna(value=False)
    for name, eirp in cells.loc[high, "eirp_dbm"].dropna().groupby(operator[high]):
        if len(eirp) >= 3 and eirp.median() < WEAK_EIRP_DBM:
            low, top = f"{eirp.min():g}", f"{eirp.max():g}"
            yield _on(
                "cells", "weak_eirp", column="eirp_dbm", value=f"{eirp.median():g}", operator=name, low=low, high=top
            )
    alike = ["station_id", "technology", "band", "azimuth_deg", "downtilt_deg", "eirp_dbm", "antenna"]
    again = cells.duplicated(alike) & cells["azimuth_deg"].notna()
    for cell in cells[again].itertuples():
        yield _on(
            "cells", "doubled_cell", id=cell.cell_id, column="cell_id", value=cell.cell_id, station=cell.station_id
        )


def _people(study: Known) -> Iterator[Finding]:
    hamlets, dwellings = study.villages, study.dwellings
    both = hamlets[hamlets["population"].notna() & (hamlets["households"] > 0)]
    told = both[["households", "population"]].astype("float64")
    fewer = told["population"] < told["households"]
    for index in told.index[fewer]:
        row = hamlets.loc[index]
        yield _on("villages", "fewer_people_than_households", id=row["village_id"], column="population",
                  value=row["population"], households=row["households"])  # fmt: skip
    if len(told) >= ENOUGH and not fewer.any():
        ratio = told["population"].sum() / told["households"].sum()
        if not PERSONS[0] <= ratio <= PERSONS[1]:
            yield _on(
                "villages", "unlikely_household_size", column="population", value=f"{ratio:.1f}", ratio=f"{ratio:.1f}"
            )
    joined = hamlets[(hamlets["ftth_households"] > 0) & (hamlets["households"] > 0)]
    counts = joined[["ftth_households", "households"]].astype("float64")
    if len(counts) >= ENOUGH and counts["ftth_households"].max() <= 100 < counts["households"].max():
        follow = counts.corr(method="spearman").iloc[0, 1]
        if not follow >= FOLLOWING and counts["ftth_households"].std() > 0:
            most = f"{counts['ftth_households'].max():g}"
            yield _on("villages", "percent_for_households", column="ftth_households", value=most, most=most)
    if len(dwellings) >= ENOUGH:
        at = pd.Series(dwellings.geometry.centroid.to_wkb()).value_counts(normalize=True)
        if at.iloc[0] > TOGETHER_SHARE:
            yield _on(
                "dwellings",
                "clusters_at_one_point",
                column="geometry",
                value=f"{at.iloc[0]:.0%}",
                share=f"{at.iloc[0]:.0%}",
            )


def _lengths(study: Known) -> Iterator[Finding]:
    routes = study.routes[study.routes["length_m"].notna()]
    if routes.empty:
        return
    drawn = length_m(routes.geometry)
    ratio = routes["length_m"] / drawn.where(drawn > 0)
    looks_km = in_both(lambda: " " + _("It looks like kilometres."))
    for index in ratio.index[(ratio < LENGTH_RATIO[0]) | (ratio > LENGTH_RATIO[1])]:
        row = routes.loc[index]
        hint = looks_km if 0.0005 <= ratio[index] <= 0.002 else ""
        yield _on("routes", "length_disagrees", id=row["route_id"], column="length_m", value=f"{row['length_m']:g}",
                  drawn=f"{drawn[index]:.0f}", hint=hint)  # fmt: skip


def _statistics(study: Known) -> Iterator[Finding]:
    units = {row["indicator"]: row["unit"] for row in indicator_table()}
    names, values = study.statistics["indicator"].astype(str), study.statistics["value"].astype(float)
    for name, value in zip(names, values, strict=True):
        if name not in units:
            hint = in_both(partial(did_you_mean, name, units))
            yield _on("statistics", "unknown_indicator", id=name, column="indicator", value=name, hint=hint)
            continue
        target = study.settings.targets.get(name)
        usual = (target.baseline or target.target_2030) if target else None
        ratio = value / usual if usual else 1.0
        small = 0 < ratio < TENTH and value <= SHARE_AT_MOST
        if value < 0 or (units[name].startswith("%") and value > 100) or ratio > TENFOLD or small:
            told = {"unit": units[name], "usual": "–" if usual is None else f"{usual:g}"}
            cause = in_both(_share if small else _hundredfold)
            yield _on(
                "statistics", "unlikely_statistic", id=name, column="value", value=f"{value:g}", cause=cause, **told
            )


def _share() -> str:
    return _("a share for a percentage")


def _hundredfold() -> str:
    return _("a figure times 100")


def _dates(study: Known) -> Iterator[Finding]:
    stations = study.stations[study.stations["on_air"].notna()]
    today = pd.Timestamp(date.today())  # a station on air tomorrow is not on air, in whatever zone
    stands = stations["status"].fillna("existing") == "existing"
    odd = (stands & (stations["on_air"] > today)) | (stations["on_air"] < pd.Timestamp(FIRST_ON_AIR, 1, 1))
    for row in stations[odd.astype(bool)].itertuples():
        day = str(row.on_air)[:10]
        yield _on("stations", "unlikely_date", id=row.station_id, column="on_air", value=day, day=day)


def _settings(study: Known) -> Iterator[Finding]:
    file, wanted = "study.toml", study.settings
    height, cell = wanted.propagation.receiver_height_m, wanted.grid.cell_m
    if height > HELD_BY_HAND_M:
        yield finding(
            "high_receiver", file, column="propagation.receiver_height_m", value=f"{height:g}", height=f"{height:g}"
        )
    if cell > COARSE_CELL_M:
        yield finding("coarse_grid", file, column="grid.cell_m", value=f"{cell:g}", cell=f"{cell:g}")
    version = wanted.province.boundaries
    said = study.villages["boundary_version"].dropna()
    translated = sum(one.check.startswith("commune_translated") and one.layer == "villages" for one in study.findings)
    if len(said) and max(translated, int((said != version).sum())) > len(study.villages) / 2:
        yield finding("other_boundaries", file, column="province.boundaries", value=version, version=version)
