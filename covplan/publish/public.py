"""What may leave the house: the one rule of confidentiality, for every file that is handed on.

Restricted are the stations marked so, the locations they stand on with everything else there, and their cells. Of these
nothing leaves: no row, no id inside another row's text, no distance to them, no finding about them.

A proposal or a decision that uses, leaves, leads to or names a restricted location keeps its row, so that counts and
costs are the same in every file: kind, action, year, money, how many it serves. Its place, whom it serves, whose it is,
what is built there and its words do not leave. A hamlet served by nothing else is therefore not shown as served by a
proposal; it is counted in the totals.

The state of a hamlet today leaves as it is, whoever serves it: a signal reaches everybody. The cell that serves it
and the distance to its mast do not.

Writers take `public_plan` or `public_tables`; only with `include_restricted` everything is in them, for a file that
stays in the house. Pictures of coverage are strongest where masts stand: `unpublished_cells` is what they leave out.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import pandas as pd

from covplan.publish.words import label
from covplan.study.assumptions import assumption
from covplan.study.columns import REASONS, clean_text, protected_rows, split_list
from covplan.study.findings import Findings, findings_table
from covplan.study.language import LANGUAGES, _, speaking
from covplan.study.layers import input_layers, layers

if TYPE_CHECKING:
    from covplan.study.findings import Finding
    from covplan.study.folder import Study
    from covplan.study.links import Explanation
    from covplan.study.plan import Plan

HIDDEN = "…"  # stands where a text named a restricted object
TEMPLATE_SECTORS = len(split_list(assumption("cells", "azimuth_deg", "template").value))
"""Of a band of a station without cells of its own; they are called station/band/number."""
NOT_TOLD = (
    "operator", "location_id", "from_location_id", "village_id", "place_id", "commune_code", "boundary_version",
    "commune", "x_m", "y_m", "lon", "lat", "structure", "height_m", "antenna_height_m", "bands", "gains", "note",
)  # fmt: skip
"""Columns of a proposal or decision that say where it is, whom it serves, whose it is and what is there."""
TOLD: tuple[Literal["problem", "done", "advice"], ...] = ("problem", "done", "advice")
PLACED_BY = ("station_id", "location_id")
WORDS = ("title_vi", "title_en", "reason_vi", "reason_en", "note")


def public_plan(plan: Plan, *, include_restricted: bool = False) -> Plan:
    """The plan, its study and its proposals as they may leave; the plan itself where nothing is restricted."""
    secret = set() if include_restricted else secret_ids(plan.study)
    if include_restricted or not (secret or _secret_rows(plan.study)):
        return plan
    results = {one.name: getattr(plan, one.name) for one in fields(plan)}
    layer_of = {name: "place_states" if name == "places" else name for name in results}
    tables = {name: table for name, table in results.items() if isinstance(table, pd.DataFrame)}
    return replace(
        plan,
        study=public_study(plan.study),
        findings=_without_findings(plan.findings, secret, _secret_rows(plan.study)),
        **{name: _public(layer_of[name], table, secret) for name, table in tables.items()},  # type: ignore[arg-type]
    )


def public_study(study: Study) -> Study:
    """The study without its restricted stations, and without what would give their places away."""
    secret, rows = secret_ids(study), _secret_rows(study)
    if not (secret or rows):
        return study
    tables = {name: _public(name, study.table(name), secret) for name in input_layers()}
    aside = {
        name: table[~protected_rows(layers()[name], table) & ~_naming(table, secret)]
        for name, table in study.set_aside.items()
    }
    return replace(
        study,
        findings=_without_findings(study.findings, secret, rows),
        set_aside={name: table for name, table in aside.items() if len(table)},
        **tables,  # type: ignore[arg-type]  # names of tables only
    )


def public_tables(plan: Plan, *, include_restricted: bool = False) -> dict[str, pd.DataFrame]:
    """Every layer of the public plan that has rows, by its name in resources/layers.csv, and the findings."""
    shown = public_plan(plan, include_restricted=include_restricted)
    tables = shown.layers() | {"findings": findings_table(shown.findings)}
    return {name: table for name, table in tables.items() if len(table)}


def public_explanation(explained: Explanation, study: Study) -> Explanation:
    """A place and its links, without those of restricted stations."""
    secret = secret_ids(study)
    return replace(
        explained,
        links=tuple(one for one in explained.links if one.station_id not in secret),
        missing=tuple(one for one in explained.missing if one.station_id not in secret),
    )


def restricted_stations(stations: pd.DataFrame) -> pd.DataFrame:
    """The stations marked so in the table of stations."""
    return stations[stations["restricted"].fillna(value=False).astype(bool)]


def secret_ids(study: Study) -> set[str]:
    """Ids that would give a restricted location away: its own, its stations' and their cells'.

    A restricted row that was set aside counts too, and one so broken that nobody can tell.
    """
    stations, aside = study.stations, _secret_aside(study)
    marked = restricted_stations(stations)
    told = {name: {*_ids(marked, name), *_ids(aside, name), *_ids_in_broken(aside, name)} for name in PLACED_BY}
    there = stations[stations["location_id"].isin(told["location_id"])]
    ids = {one for name in PLACED_BY for one in (*told[name], *_ids(there, name))}
    lost = study.set_aside.get("cells", study.cells.iloc[:0])  # cells set aside are named in findings
    cells = [table[table["station_id"].isin(ids)] for table in (study.cells, lost) if "station_id" in table]
    return ids | {one for table in cells for one in _ids(table, "cell_id")}


def _secret_aside(study: Study) -> pd.DataFrame:
    """Rows of stations set aside, as read, that are restricted or may be."""
    aside: pd.DataFrame = study.set_aside.get("stations", study.stations.iloc[:0])
    return aside.loc[protected_rows(layers()["stations"], aside)]


def _secret_rows(study: Study) -> set[str]:
    """The lines of the file of stations that are restricted and set aside: no finding about them leaves."""
    aside = _secret_aside(study)
    return set(aside["row"].astype(str)) if "row" in aside else set()


def _ids(table: pd.DataFrame, name: str) -> set[str]:
    """Ids in a column, if it is there, as written and in clean letters."""
    written = {str(one) for one in table.get(name, pd.Series(dtype="object")).dropna()}
    return {one for text in written for one in (text.strip(), clean_text(text)) if one}


def _ids_in_broken(aside: pd.DataFrame, name: str) -> set[str]:
    """Ids at a column's place in lines that are no rows, which stand in the first cell as a whole."""
    columns = [column for column in aside.columns if column not in (REASONS, "row")]
    if name not in columns or REASONS not in aside:
        return set()
    cells = aside.loc[aside[REASONS].str.contains("broken_row"), columns[0]].astype(str).str.split(r"[,;]")
    found = {line[columns.index(name)].strip("\"' ") for line in cells if len(line) > columns.index(name)}
    return found - {""}


def unpublished_cells(study: Study) -> frozenset[str]:
    """Ids of the cells of restricted locations, template sectors too."""
    secret = secret_ids(study)
    assumed = [
        f"{row.station_id}/{band}/{number}"
        for row in study.stations[study.stations["station_id"].isin(secret)].itertuples()
        for band in split_list(row.bands)
        for number in range(1, TEMPLATE_SECTORS + 1)
    ]
    own = study.cells.loc[study.cells["station_id"].isin(secret), "cell_id"].astype(str)
    return frozenset([*own, *assumed])


def _public(layer: str, table: pd.DataFrame, secret: set[str]) -> pd.DataFrame:
    """One table without restricted stations and without what would give their places away."""
    match layer:
        case "stations" | "locations":
            shown = table[~table["location_id"].isin(secret)]
        case "cells":
            shown = table[~table["station_id"].isin(secret)]
        case "evidence":
            shown = table[~table["object_id"].isin(secret)]
        case "proposals" | "decisions":
            shown = _without_place(gpd.GeoDataFrame(table), secret)
        case "hamlets":
            near = table["nearest_location_id"].isin(secret)
            columns = ["nearest_location_id", "nearest_location_m"]
            shown = table.assign(**{column: table[column].mask(near) for column in columns})
        case _:
            shown = table
    return _unnamed(shown, secret, set(layers()[layer].key))


def _without_place(table: gpd.GeoDataFrame, secret: set[str]) -> gpd.GeoDataFrame:
    """Proposals or decisions, of which those about a restricted location say no more than how much and when."""
    hidden = table["location_id"].isin(secret) | table["from_location_id"].isin(secret)
    hidden |= _naming(table[[name for name in WORDS if name in table]], secret)
    if "proposal_id" in table:  # a cable may lead to what is only proposed
        hidden |= table["location_id"].isin(set(table.loc[hidden, "proposal_id"].dropna()))
    if "decision_id" in table:
        hidden |= _naming(table[["decision_id"]], secret)
    if not hidden.any():
        return table
    shown = table.assign(
        **{name: table[name].mask(hidden, None) for name in NOT_TOLD if name in table},
        geometry=gpd.GeoSeries(table.geometry.where(~hidden, None), crs=table.crs),
    )
    if "title_vi" not in table:  # a decision's id is its writer's own word, and may hold the name of the place
        told = shown["decision_id"].map(lambda one: _pattern(secret).sub(HIDDEN, one))
        again = told.groupby(told).cumcount()
        return shown.assign(decision_id=told.where(again == 0, told + "/" + (again + 1).astype(str)))
    for language in LANGUAGES:
        with speaking(language):
            titles = [_title(action) for action in table.loc[hidden, "action"].astype(str)]
            reason = _("Concerns a place that is not published: only counts and costs are told.")
        shown.loc[hidden, f"title_{language}"] = titles
        shown.loc[hidden, f"reason_{language}"] = reason
    return shown


def _title(action: str) -> str:
    return _("{action} (place not published)").format(action=label("action", action))


def _without_findings(findings: Findings, secret: set[str], rows: set[str]) -> Findings:
    """Findings that neither name a restricted object nor are about one of these lines of the file of stations."""
    named = _pattern(secret)

    def leaves(one: Finding) -> bool:
        texts = (one.id, one.value, *(one.text(part, spoken) for part in TOLD for spoken in LANGUAGES))
        of_secret_row = one.layer == "stations" and one.row in rows
        return not of_secret_row and not any(named.search(clean_text(text)) for text in texts)

    return Findings(one for one in findings if leaves(one))


def _naming(table: pd.DataFrame, secret: set[str]) -> pd.Series:
    """Rows in one of whose texts a restricted object is named."""
    named = _pattern(secret)
    rows = pd.DataFrame(table.drop(columns="geometry", errors="ignore")).fillna("").astype(str)
    found = [rows[column].map(clean_text).str.contains(named) for column in rows]
    return pd.concat(found, axis=1).any(axis=1) if found else pd.Series(data=False, index=table.index)


def _pattern(secret: set[str]) -> re.Pattern[str]:
    """Any of the ids as a word; ids stand inside texts too: in a finding's value, in the name of a template cell."""
    longest_first = sorted(secret, key=lambda one: (-len(one), one))
    ids = "|".join(map(re.escape, longest_first)) or r"(?!)"
    return re.compile(rf"(?<!\w)(?:{ids})(?!\w)", re.IGNORECASE)


def _unnamed(table: pd.DataFrame, secret: set[str], keys: set[str]) -> pd.DataFrame:
    """A table in which no text names a restricted object: an id alone becomes empty, inside a text it becomes dots."""
    named, changed = _pattern(secret), {}
    for name in table.columns:
        if (
            name == "geometry"
            or name in keys
            or pd.api.types.is_numeric_dtype(table[name])
            or table[name].dtype.kind in "bM"
        ):
            continue
        cells = table[name].to_numpy(object)
        naming = {text for text in {cell for cell in cells if isinstance(cell, str)} if named.search(text)}
        if naming:
            told = pd.Series([isinstance(cell, str) and cell in naming for cell in cells], index=table.index)
            quiet = table.loc[told, name].map(lambda cell: named.sub(HIDDEN, cell))
            quiet = quiet.where(~quiet.str.split("/").str[0].eq(HIDDEN), None)
            changed[name] = table[name].astype("object").where(~told, quiet.reindex(table.index))
    return table.assign(**changed) if changed else table
