"""What may leave the house: the plan's tables without restricted stations and without what gives their places away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from covplan.study.columns import FALSE_WORDS, split_list
from covplan.study.findings import findings_table
from covplan.study.layers import LIST_SEPARATOR, layers

if TYPE_CHECKING:
    from covplan.study.folder import Study
    from covplan.study.plan import Plan

HIDDEN = "…"  # stands where a text named a restricted object


def public_tables(plan: Plan, *, include_restricted: bool = False) -> dict[str, pd.DataFrame]:
    """Every layer of the plan that has rows, by its name in resources/layers.csv, and the findings.

    Stations marked restricted, the locations they stand on and proposals about them are in it only on request.
    """
    tables = plan.layers() | {"findings": findings_table(plan.findings)}
    hidden = set() if include_restricted else restricted_locations(plan.study.stations)
    secret = set() if include_restricted else secret_ids(plan.study)
    shown = {name: _public(name, table, hidden, secret) for name, table in tables.items()}
    return {name: table for name, table in shown.items() if len(table) or name in plan.layers()}


def restricted_locations(stations: pd.DataFrame) -> set[str]:
    """Ids of the locations that hold a restricted station."""
    return set(stations.loc[stations["restricted"].fillna(value=False).astype(bool), "location_id"])


def secret_ids(study: Study) -> set[str]:
    """Ids that would give a restricted location away: its own, its stations', also of a row that was set aside."""
    stations = study.stations
    rows = [stations[stations["location_id"].isin(restricted_locations(stations))]]
    aside = study.set_aside.get("stations")
    if aside is not None and "restricted" in aside:
        # As written: whatever is not plainly a no counts as restricted.
        said = aside["restricted"].fillna("").astype(str).str.strip().str.casefold()
        rows.append(aside[~said.isin({"", *FALSE_WORDS})])
    ids = {str(one) for table in rows for name in ("station_id", "location_id") for one in table[name].dropna()}
    return ids | set(study.cells.loc[study.cells["station_id"].isin(ids), "cell_id"])


def _public(name: str, table: pd.DataFrame, hidden: set[str], secret: set[str]) -> pd.DataFrame:
    """One table without restricted stations and without what would give their places away."""
    if not secret:
        return table
    # Ids stand inside texts too: in a finding's value, in the reason of a proposal, in the name of a template cell.
    named = re.compile(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(secret, key=lambda one: (-len(one), one))))})(?!\w)"
    )
    match name:
        case "stations" | "locations":
            shown = table[~table["location_id"].isin(hidden)]
        case "cells":
            shown = table[~table["station_id"].isin(secret)]
        case "findings":
            words = table[["id", "value", "problem", "done", "advice"]]
            shown = table[~words.apply(lambda column: column.str.contains(named)).any(axis=1)]
        case "evidence":
            shown = table[~table["object_id"].isin(hidden | secret)]
        case "proposals" | "decisions":
            shown = _proposals(table, secret)
        case "hamlets":
            near = table["nearest_location_id"].isin(hidden)
            columns = ["nearest_location_id", "nearest_location_m"]
            shown = table.assign(**{column: table[column].mask(near) for column in columns})
        case _:
            shown = table
    return _unnamed(shown, named, set(layers()[name].key))


def _proposals(table: pd.DataFrame, secret: set[str]) -> pd.DataFrame:
    """Proposals that neither use nor leave a restricted location; what depended on one of these stands alone."""
    left_out = table["location_id"].isin(secret) | table["from_location_id"].isin(secret)
    shown = table[~left_out]
    if "depends_on" not in table or not left_out.any():
        return shown
    gone = set(table.loc[left_out, "proposal_id"])
    kept = [LIST_SEPARATOR.join(one for one in split_list(text) if one not in gone) for text in shown["depends_on"]]
    return shown.assign(depends_on=[text or None for text in kept])


def _unnamed(table: pd.DataFrame, named: re.Pattern[str], keys: set[str]) -> pd.DataFrame:
    """A table in which no text names a restricted object: an id alone becomes empty, inside a text it becomes dots."""
    changed = {}
    for name in table.columns:
        if (
            name == "geometry"
            or name in keys
            or pd.api.types.is_numeric_dtype(table[name])
            or table[name].dtype.kind in "bM"
        ):
            continue
        told = table[name].map(lambda cell: isinstance(cell, str) and named.search(cell) is not None).astype(bool)
        if told.any():
            quiet = table.loc[told, name].map(lambda cell: named.sub(HIDDEN, cell))
            quiet = quiet.where(~quiet.str.split("/").str[0].eq(HIDDEN), None)
            changed[name] = table[name].astype("object").where(~told, quiet.reindex(table.index))
    return table.assign(**changed) if changed else table
