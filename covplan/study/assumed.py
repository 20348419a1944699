"""What a study leaves empty and can be assumed: filled in from resources/assumptions.csv, marked, and said.

Cells that were assumed are named in the row's own column `assumed`; a saved study keeps them so, and they are told
again when it is opened. Everything after the checks sees complete columns.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from covplan.study.assumptions import Assumption, assumption, assumptions
from covplan.study.boundaries import communes_of, in_version, official_units, urban_communes
from covplan.study.codes import ON_ROOFS, WGS84
from covplan.study.columns import ROW, split_list
from covplan.study.inhabitants import hamlet_of, inhabitants
from covplan.study.language import _, in_both, number
from covplan.study.layers import LIST_SEPARATOR

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.columns import Sieve
    from covplan.study.settings import Settings

Frame = TypeVar("Frame", bound=pd.DataFrame)
End = Literal["value", "low", "high"]
"""Of an assumption: what is taken, or an end of what is plausible."""

MARK = "assumed"
SHOWN_VALUES = 6  # different values a finding spells out
UNKNOWN = "unknown"
GENERATIONS = {"G": "2G", "U": "3G", "L": "4G", "N": "5G"}
"""First letter of a band's code and its technology."""
OF_A_STRUCTURE = ("structure", "height_m", "building_height_m")
"""What the stations of one location have in common."""


def of_itself(sieve: Sieve, table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """A layer's table with what its rows themselves give: ids by row, names, plain values."""
    table = _marks_of_the_file(sieve, table)
    if sieve.layer.name == "communes":
        table = _official_names(sieve, table, settings)
    columns = {column.name for column in sieve.layer.columns}
    for (layer, column, of), one in assumptions().items():
        if layer != sieve.layer.name or of or column not in columns:
            continue
        if one.value == "row":
            table = _filled(sieve, table, column, _made_ids(table, column), one)
        elif one.value == "settings" and layer == "communes":  # others' codes are read first, each by its place
            table = _filled(sieve, table, column, _all(table, settings.province.boundaries), one)
        elif (layer, column) == ("stations", "backhaul") and table[column].notna().any():
            continue  # a list that tells some leaves the others open on purpose
        elif one.value in columns:
            table = _filled(sieve, table, column, table[one.value], one)
        elif one.value not in ("settings", "place", "share", "letters", UNKNOWN):
            table = _filled(sieve, table, column, _all(table, one.value), one)
    return table


def of_others(
    sieves: dict[str, Sieve], tables: dict[str, pd.DataFrame], settings: Settings, population: Path | None
) -> dict[str, pd.DataFrame]:
    """The tables with what one layer gives another: communes by place, households, structures, bands; all of it said.

    `population` is a raster of persons per cell.
    """
    tables = dict(tables)
    communes = tables.get("communes")
    for name in ("villages", "stations"):
        if name in tables and communes is not None:
            version, one = settings.province.boundaries, assumption(name, "boundary_version")
            table = _filled(sieves[name], tables[name], "boundary_version", _all(tables[name], version), one)
            # A mast farther out may be another province's; a hamlet in the list is this one's.
            within_m = settings.checks.commune_tolerance_m if name == "stations" else None
            tables[name] = _communes_by_place(sieves[name], table, communes, within_m)
    if "villages" in tables:
        _hamlets(sieves, tables, population)
    if "cells" in tables:
        tables["cells"] = _cells(sieves["cells"], tables["cells"])
    if "stations" in tables:
        tables["stations"] = _stations(sieves["stations"], tables["stations"], tables, settings)
    for name, table in tables.items():
        _tell(sieves[name], table)
    return tables


def rows_assumed(table: pd.DataFrame, column: str = "") -> pd.Series:
    """Which rows of a table have an assumed cell, in a column or in any; same index."""
    if MARK not in table:
        return pd.Series(data=False, index=table.index)
    if not column:
        return table[MARK].notna() & (table[MARK] != "").fillna(value=False)
    return table[MARK].map(lambda names: column in split_list(names)).astype(bool)


def _hamlets(sieves: dict[str, Sieve], tables: dict[str, pd.DataFrame], population: Path | None) -> None:
    """Centres and households of hamlets, and what their clusters of dwellings lack."""
    sieve, villages, dwellings = sieves["villages"], _placed(tables["villages"]), tables.get("dwellings")
    villages = _centres(sieve, villages)
    if dwellings is not None and dwellings["village_id"].isna().any():
        at = _placed(dwellings).geometry.representative_point()
        ids = _hamlet_ids(villages, at, assumption("villages", "reach_m", "raster").number)
        dwellings = _filled(sieves["dwellings"], dwellings, "village_id", ids, assumption("dwellings", "village_id"))
        for index in dwellings.index[dwellings["village_id"].isna()]:
            sieves["dwellings"].note("dwelling_without_hamlet", index, column="village_id")
        dwellings = sieves["dwellings"].kept(dwellings)
    villages = _households(sieve, villages, dwellings, population)
    if dwellings is not None:
        if dwellings["households"].isna().any():
            shares, one = _shares_of_households(dwellings, villages), assumption("dwellings", "households")
            dwellings = _filled(sieves["dwellings"], dwellings, "households", shares, one)
        tables["dwellings"] = dwellings
    tables["villages"] = villages


def _hamlet_ids(villages: gpd.GeoDataFrame, points: gpd.GeoSeries, reach_m: float) -> pd.Series:
    """The hamlet each point lies in, else the nearest within reach; same index as the points."""
    whose = hamlet_of(villages.geometry, points.x, points.y, reach_m)
    outside = np.flatnonzero(whose < 0)
    if outside.size:
        place, nearest = villages.sindex.nearest(points.iloc[outside], return_all=False, max_distance=reach_m)
        whose[outside[place]] = nearest
    ids = [villages["village_id"].iloc[n] if n >= 0 else pd.NA for n in whose]
    return pd.Series(ids, points.index, "string")


def _centres(sieve: Sieve, villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    without = villages["centre_lon"].isna() | villages["centre_lat"].isna()
    if not without.any():
        return villages
    villages = villages.assign(
        centre_lon=villages["centre_lon"].mask(without), centre_lat=villages["centre_lat"].mask(without)
    )
    inner = villages.geometry.representative_point().to_crs(WGS84)
    for of, rows in (("point", villages.geom_type == "Point"), ("polygon", villages.geom_type != "Point")):
        for column, values in (("centre_lon", inner.x), ("centre_lat", inner.y)):
            villages = _filled(sieve, villages, column, values.where(rows), assumption("villages", "centre", of))
    return villages


def _households(
    sieve: Sieve, villages: gpd.GeoDataFrame, dwellings: pd.DataFrame | None, population: Path | None
) -> gpd.GeoDataFrame:
    if villages["households"].notna().all():
        return villages
    persons = assumption("villages", "persons_per_household").number
    if dwellings is not None:
        by_hamlet = dwellings.groupby("village_id")["households"]
        counted = by_hamlet.sum().where(by_hamlet.count() == by_hamlet.size())
        summed = villages["village_id"].map(counted)
        villages = _filled(sieve, villages, "households", summed, assumption("villages", "households", "dwellings"))
    by_people = (villages["population"].astype("Float64") / persons).round().mask(villages["population"] <= 0)
    villages = _filled(sieve, villages, "households", by_people, assumption("villages", "households", "population"))
    if population is not None and villages["households"].isna().any():
        reach_m = assumption("villages", "reach_m", "raster").number
        there = (_counted(population, villages, reach_m) / persons).round()
        there = there.where(there > 0)
        villages = _filled(sieve, villages, "households", there, assumption("villages", "households", "raster"))
    typical = assumption("villages", "households", "typical")
    return _filled(sieve, villages, "households", _all(villages, typical.number), typical)


def _counted(population: Path, villages: gpd.GeoDataFrame, reach_m: float) -> pd.Series:
    """Persons of each hamlet by the raster; none where it cannot be used, which `rasters` reports."""
    try:
        return inhabitants(population, villages, reach_m)
    except (RasterioError, CRSError, OSError, ValueError):
        return pd.Series(np.nan, index=villages.index)


def _shares_of_households(dwellings: pd.DataFrame, villages: pd.DataFrame) -> pd.Series:
    """Households of clusters that state none: what is left of their hamlet's, evenly, in whole households."""
    shares = pd.Series(pd.NA, index=dwellings.index, dtype="Int64")
    of_hamlet = villages.set_index("village_id")["households"]
    for village, rows in dwellings.groupby("village_id"):
        without = rows.index[rows["households"].isna()]
        if not len(without) or village not in of_hamlet.index:
            continue
        left = max(int(of_hamlet[village]) - int(rows["households"].sum()), 0)
        each, more = divmod(left, len(without))
        shares[without] = [each + (n < more) for n in range(len(without))]
    return shares


def _communes_by_place(
    sieve: Sieve, table: pd.DataFrame, communes: pd.DataFrame, within_m: float | None
) -> pd.DataFrame:
    """Communes by position; outside all of them the nearest, up to so far away."""
    without = table.index[table["commune_code"].isna()]
    if without.empty:
        return table
    codes = pd.Series(pd.NA, index=table.index, dtype="string")
    points = _placed(table).geometry.representative_point()
    for version in table.loc[without, "boundary_version"].dropna().unique():
        rows = without[table.loc[without, "boundary_version"] == version]
        if not (communes["boundary_version"] == version).any():
            for index in rows if sieve.layer.name == "villages" else ():
                sieve.note("dangling_reference", index, column="boundary_version", value=version, target="communes")
            continue
        found = in_version(points[rows], _placed(communes), version)["commune_code"]
        outside = found.index[found.isna()]
        if len(outside):
            units = communes_of(_placed(communes), version)
            near, unit = units.sindex.nearest(points[outside], return_all=False, max_distance=within_m)
            found[outside[near]] = units["commune_code"].to_numpy()[unit]
        codes[rows] = found.astype("string")
    table = _filled(sieve, table, "commune_code", codes, assumption(sieve.layer.name, "commune_code"))
    return sieve.kept(table)


def _cells(sieve: Sieve, cells: pd.DataFrame) -> pd.DataFrame:
    technology = cells["band"].map(lambda code: GENERATIONS.get(code[0], pd.NA), na_action="ignore")
    return _filled(sieve, cells, "technology", technology, assumption("cells", "technology"))


def _stations(
    sieve: Sieve, table: pd.DataFrame, tables: dict[str, pd.DataFrame], settings: Settings
) -> gpd.GeoDataFrame:
    stations = _placed(table)
    located = locations_by_place(stations, settings.checks.twin_m)
    stations = _filled(sieve, stations, "location_id", located, assumption("stations", "location_id"))
    stations = _structures(sieve, stations, tables.get("communes"), settings)
    antenna_m = antenna_below_top(stations, settings.checks.antenna_below_top_m)
    below = assumption("stations", "antenna_height_m", "below_top")
    stations = _filled(sieve, stations, "antenna_height_m", antenna_m, below)
    return _technologies(sieve, stations, tables.get("cells"))


def locations_by_place(stations: gpd.GeoDataFrame, near_m: float) -> pd.Series:
    """Location of each station without one: that of the nearest with one, else its own and its neighbours'."""
    found = pd.Series(pd.NA, index=stations.index, dtype="string")
    without = stations.index[stations["location_id"].isna()]
    if not len(without):
        return found
    points = np.column_stack([stations.geometry.x, stations.geometry.y])
    number_of = pd.Series(range(len(stations)), stations.index)
    given = stations.index.difference(without)
    if len(given):
        away_m, nearest = KDTree(points[number_of[given]]).query(points[number_of[without]])
        near = away_m <= near_m
        found[without[near]] = stations.loc[given[nearest[near]], "location_id"].to_numpy()
    rest = without[found[without].isna()]
    if len(rest):
        pairs = KDTree(points[number_of[rest]]).query_pairs(near_m, output_type="ndarray").reshape(-1, 2)
        joined = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(rest), len(rest)))
        spot = pd.Series(connected_components(joined, directed=False)[1], rest)
        first = stations.loc[rest, "station_id"].groupby(spot).transform("min")
        taken = set(stations["location_id"].dropna())
        found[rest] = [_free(f"L-{one}", taken) for one in first]
    return found


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of its kind that nobody has."""
    free, n = name, 2
    while free in taken:
        free, n = f"{name}-{n}", n + 1
    return free


def _structures(
    sieve: Sieve, stations: gpd.GeoDataFrame, communes: pd.DataFrame | None, settings: Settings
) -> gpd.GeoDataFrame:
    """Class, height and building: of the same location, by form, by class; in town where the class is not known."""
    for column in OF_A_STRUCTURE:
        stations = _shared_at_location(sieve, stations, column)
    for form in sorted(set(stations["form"].dropna())):
        if ("stations", "structure", form) in assumptions():
            one = assumption("stations", "structure", form)
            values = _all(stations, one.value).where(stations["form"] == form)
            stations = _filled(sieve, stations, "structure", values, one)
    stations = _shared_at_location(sieve, stations, "structure")
    one = assumption("stations", "structure")
    stations = _filled(sieve, stations, "structure", _all(stations, one.value), one)
    if stations["height_m"].isna().any():
        urban = pd.Series(data=False, index=stations.index)
        if communes is not None and (communes["boundary_version"] == settings.province.boundaries).any():
            towns = urban_communes(_placed(communes), settings.province.boundaries).union_all()
            urban = stations.geometry.within(towns)
        area = urban.map({True: f"{UNKNOWN}/urban", False: f"{UNKNOWN}/rural"})
        stations = _by_class(sieve, stations, "height_m", stations["structure"].mask(_is_unknown(stations), area))
    on_roof = stations["structure"].where(stations["structure"].isin(ON_ROOFS))
    return _by_class(sieve, stations, "building_height_m", on_roof)


def _shared_at_location(sieve: Sieve, stations: gpd.GeoDataFrame, column: str) -> gpd.GeoDataFrame:
    shared = stations.groupby("location_id")[column].transform("first")
    return _filled(sieve, stations, column, shared, same_location())


def _by_class(sieve: Sieve, stations: gpd.GeoDataFrame, column: str, classes: pd.Series) -> gpd.GeoDataFrame:
    for code in sorted(set(classes.dropna())):
        one = assumption("stations", column, code)
        values = _all(stations, one.number).where((classes == code).fillna(value=False))
        stations = _filled(sieve, stations, column, values, one)
    return stations


def _is_unknown(stations: gpd.GeoDataFrame) -> pd.Series:
    unknown: pd.Series = (stations["structure"] == UNKNOWN).fillna(value=False).astype(bool)
    return unknown


def _technologies(sieve: Sieve, stations: gpd.GeoDataFrame, cells: pd.DataFrame | None) -> gpd.GeoDataFrame:
    """Technologies by bands, cells or operator, then bands of technologies whose cells are not known either."""
    known = _of_cells(cells)
    letters = [
        sorted({GENERATIONS[code[0]] for code in split_list(bands)} | set(known.get(str(station), {})))
        for station, bands in zip(stations["station_id"], stations["bands"], strict=True)
    ]
    by_bands = pd.Series([LIST_SEPARATOR.join(names) or pd.NA for names in letters], stations.index, "string")
    stations = _filled(sieve, stations, "technologies", by_bands, assumption("stations", "technologies", "bands"))
    for operator in sorted(set(stations["operator"])):
        one = assumptions().get(("stations", "technologies", operator)) or assumption("stations", "technologies", "VTL")
        values = _all(stations, one.value).where(stations["operator"] == operator)
        stations = _filled(sieve, stations, "technologies", values, one)
    without = stations["bands"].isna()
    if without.any():
        values, used = bands_of(stations[without], cells)
        for one in used:
            stations = _filled(sieve, stations, "bands", values.reindex(stations.index), one)
    return stations


def bands_of(
    stations: gpd.GeoDataFrame, cells: pd.DataFrame | None, end: End = "value"
) -> tuple[pd.Series, list[Assumption]]:
    """Bands of stations that state none: of their cells, and assumed for technologies without; and what was assumed.

    NA where the cells say all. `end`: of the assumptions, the value or an end of its range.
    """
    known = _of_cells(cells)
    used: dict[Assumption, None] = {}
    values: list[Any] = []
    for station, operator, technologies in stations[["station_id", "operator", "technologies"]].itertuples(index=False):
        own = known.get(str(station), {})
        rules = [band_rule(str(operator), one) for one in split_list(technologies) if one not in own]
        there = [rule for rule in rules if rule is not None]
        codes = [code for codes in own.values() for code in codes]
        codes += [code for rule in there for code in split_list(getattr(rule, end) or rule.value)]
        values.append(LIST_SEPARATOR.join(dict.fromkeys(codes)) if there else pd.NA)
        used.update(dict.fromkeys(there))
    return pd.Series(values, stations.index, "string"), list(used)


def _of_cells(cells: pd.DataFrame | None) -> dict[str, dict[str, list[str]]]:
    """By station the technologies and bands of its cells."""
    found: dict[str, dict[str, list[str]]] = {}
    if cells is not None:
        for station, technology, band in cells[["station_id", "technology", "band"]].itertuples(index=False):
            found.setdefault(str(station), {}).setdefault(str(technology), []).append(str(band))
    return found


def heights_at(stations: gpd.GeoDataFrame, column: str, end: End, below_top_m: float) -> gpd.GeoDataFrame:
    """Those stations whose antennas hang elsewhere at an end of an assumption's range, hung there.

    `column` is height_m, building_height_m or antenna_height_m (the distance below the top, here `below_top_m`).
    """
    hung = stations[rows_assumed(stations, "antenna_height_m")]
    if column == "antenna_height_m":
        below_top_m = float(getattr(assumption("stations", column, "below_top"), end))
    else:
        measured = hung[rows_assumed(hung, column)]
        values = pd.Series(np.nan, index=measured.index)
        for (layer, name, of), one in assumptions().items():
            if (layer, name) == ("stations", column):
                of_class = (measured["structure"] == of.partition("/")[0]).fillna(value=False)
                values[of_class & (measured[column] == one.number)] = float(getattr(one, end))
        hung = measured[values.notna()].assign(**{column: values.dropna()})
    return hung.assign(antenna_height_m=antenna_below_top(hung, below_top_m))


def antenna_below_top(stations: gpd.GeoDataFrame, below_top_m: float) -> pd.Series:
    """Antenna height above ground, metres: so far below the top of structure and building."""
    top_m = stations["height_m"] + stations["building_height_m"].fillna(0)
    below: pd.Series = (top_m - below_top_m).clip(lower=1.5)
    return below


def band_rule(operator: str, technology: str) -> Assumption | None:
    """Which bands an operator is assumed to use for a technology; None where nothing is known."""
    found = assumptions().get(("stations", "bands", f"{operator}/{technology}"))
    return found or assumptions().get(("stations", "bands", technology))


@cache
def same_location() -> Assumption:
    """A cell taken from another station on the same structure."""
    why = in_both(lambda: _("of another station at the same location"))
    source = "the study's own stations"
    return Assumption("stations", "location_id", "neighbour", "", "", "", "", why["vi"], why["en"], source, "sourced")


@cache
def from_file() -> Assumption:
    """A cell that the file itself marks."""
    why = in_both(lambda: _("the file marks it as assumed"))
    return Assumption("", "", "", "", "", "", "", why["vi"], why["en"], "the study itself", "sourced")


def _marks_of_the_file(sieve: Sieve, table: pd.DataFrame) -> pd.DataFrame:
    """The table with only such marks as name a column of the layer whose cell has a value."""
    if MARK not in table or table[MARK].isna().all():
        return table
    names = [column.name for column in sieve.layer.columns]
    marks: list[Any] = []
    for index, text in zip(table.index, table[MARK], strict=True):
        kept = [name for name in split_list(text) if name in names and pd.notna(table[name].loc[index])]
        for name in split_list(text):
            if name not in names:
                sieve.note("cell_unknown_code", index, column=MARK, value=name, allowed=", ".join(names), hint="")
        for name in kept:
            sieve.assumed.setdefault(name, {})[from_file()] = None
        marks.append(LIST_SEPARATOR.join(kept) or pd.NA)
    return table.assign(**{MARK: pd.Series(marks, table.index, "string")})


def _made_ids(table: pd.DataFrame, column: str) -> pd.Series:
    """Ids of rows without one, by their place in the file; an operator's objects begin with its code."""
    made = pd.Series(pd.NA, index=table.index, dtype="string")
    taken = set(table[column].dropna())
    whose = table["operator"] if column == "station_id" else pd.Series(pd.NA, index=table.index, dtype="string")
    for index in table.index[table[column].isna()]:
        made[index] = _free(f"{whose.fillna('row')[index]}-{table[ROW][index]}", taken)
        taken.add(str(made[index]))
    return made


def _official_names(sieve: Sieve, communes: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    one = assumption("communes", "boundary_version")
    communes = _filled(sieve, communes, "boundary_version", _all(communes, settings.province.boundaries), one)
    names = pd.Series(pd.NA, index=communes.index, dtype="string")
    for version in communes["boundary_version"].dropna().unique():
        official = {unit["commune_code"]: unit["name"] for unit in official_units(version)}
        rows = communes["boundary_version"] == version
        names[rows] = communes.loc[rows, "commune_code"].map(official)
    return _filled(sieve, communes, "name", names, assumption("communes", "name"))


def _filled(sieve: Sieve, table: Frame, column: str, values: pd.Series, one: Assumption) -> Frame:
    """The table with a column's empty cells taken from `values`, those cells marked; the assumption is remembered."""
    rows = table[column].isna() & values.notna()
    if not rows.any():
        return table
    given = table[column].dtype
    taken = values[rows].astype("float64").round().astype(given) if given.name == "Int64" else values[rows]
    cells = table[column].where(~rows, taken.astype(given).reindex(table.index))
    marks = table[MARK] if MARK in table else pd.Series(pd.NA, index=table.index, dtype="string")
    named = [LIST_SEPARATOR.join([*split_list(mark), column]) for mark in marks.astype("object")]
    marks = marks.where(~rows, pd.Series(named, table.index, dtype=marks.dtype))
    sieve.assumed.setdefault(column, {})[one] = None
    return table.assign(**{column: cells, MARK: marks})


def _tell(sieve: Sieve, table: pd.DataFrame) -> None:
    """One finding for every column with assumed cells: how many, which values, why."""
    for column in sieve.layer.columns:
        reasons = sieve.assumed.get(column.name, {})
        if not reasons or column.name == "centre_lat":
            continue
        rows = rows_assumed(table, column.name)
        if not rows.any():
            continue
        check, named = SPECIAL.get(column.name, ("assumed_value", column.name))
        values = table.loc[rows, column.name]
        sieve.note(
            check,
            column=named,
            count=int(rows.sum()),
            rows=len(table),
            values=in_both(lambda values=values: _values(values)),  # type: ignore[misc]
            reason={one: "; ".join(dict.fromkeys(r.reasons[one] for r in reasons)) for one in ("vi", "en")},
        )


SPECIAL = {
    "centre_lon": ("assumed_centre", "centre_lon, centre_lat"),
    "antenna_height_m": ("assumed_antenna_height", "antenna_height_m"),
}


def _values(values: pd.Series) -> str:
    """The values with their counts, or their range; nothing where each is another."""
    counted = values.value_counts()
    if len(counted) <= SHOWN_VALUES and counted.iloc[0] * 2 > len(counted):
        shown = [
            f"{number(float(str(value)), 1) if values.dtype.kind in 'if' else value} ({number(count)})"
            for value, count in sorted(counted.items(), key=lambda pair: (-pair[1], str(pair[0])))
        ]
        return " " + ", ".join(shown)
    if values.dtype.kind in "if":
        return f" {number(values.min(), 1)}…{number(values.max(), 1)}"
    return ""


def _all(table: pd.DataFrame, value: Any) -> pd.Series:
    return pd.Series(value, index=table.index)


def _placed(table: pd.DataFrame) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(table)
