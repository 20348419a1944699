"""A plan: what covplan makes of a study. Results are layers like the inputs; saving writes the tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from covplan.study.files import written_whole
from covplan.study.findings import NO_FINDINGS
from covplan.study.folder import study_key, write_findings
from covplan.study.kinds import as_written_now
from covplan.study.language import by_language
from covplan.study.layers import input_layers, layers

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.findings import Findings
    from covplan.study.folder import Study
    from covplan.study.language import Language

DTYPES = {"string": "object", "list": "object", "int": "Int64", "float": "float64", "bool": "boolean"}
PROPOSALS_VERSION = "4"  # a new one makes what older programs kept unread
INDICATORS_FILE, FINDINGS_FILE = "indicators.csv", "findings.csv"
TABLES = ("indicators", "parts", "curves", "evidence", "signals", "reliability")
"""Results that are saved as CSV files of their name."""
PROPOSED = ("proposals", "comparison", "supply_curve")
"""Results that are there once something was proposed; `no_proposals` makes them empty."""


@dataclass(frozen=True)
class Plan:
    """The study and its results; columns of each result are in resources/layers."""

    study: Study
    hamlets: gpd.GeoDataFrame
    locations: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    signals: pd.DataFrame
    indicators: pd.DataFrame
    parts: pd.DataFrame
    curves: pd.DataFrame
    evidence: pd.DataFrame
    reliability: pd.DataFrame
    proposals: gpd.GeoDataFrame
    """Empty until `pipeline.propose` was run on the plan; so are the two that follow."""
    comparison: pd.DataFrame
    supply_curve: pd.DataFrame
    findings: Findings = NO_FINDINGS
    """Those of the study, and what came up while planning."""

    def layers(self) -> dict[str, pd.DataFrame]:
        """Input and result layers by their name in resources/layers.csv, without those the study lacks."""
        inputs = {name: self.study.table(name) for name in input_layers()}
        results = {
            "hamlets": self.hamlets,
            "signals": self.signals,
            "locations": self.locations,
            "place_states": self.places,
            "indicators": self.indicators,
            "parts": self.parts,
            "curves": self.curves,
            "evidence": self.evidence,
            "reliability": self.reliability,
        } | {name: getattr(self, name) for name in PROPOSED}
        return {name: table for name, table in (inputs | results).items() if len(table)}

    def save(self, out: Path, language: Language | None = None) -> None:
        """Write the tables of `TABLES`, findings.csv and set_aside/ into a folder, each whole or not at all."""
        for name in (*TABLES, *(name for name in PROPOSED if len(getattr(self, name)))):
            table = getattr(self, name).drop(columns="geometry", errors="ignore")
            with written_whole(out / f"{name}.csv") as part:
                # utf-8-sig: Excel takes a file without the mark for the system's own encoding.
                table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
        write_findings(list(self.findings), self.study.set_aside, out, language)

    def _repr_html_(self) -> str:
        name = by_language("name_vi", "name_en")
        shown = self.indicators[[name, "unit", "value", "baseline", "target_2025", "target_2030", "gap_2025"]]
        table: str = shown.to_html(index=False, escape=True, na_rep="–")
        return table


def no_proposals(epsg: int) -> dict[str, pd.DataFrame]:
    """The tables of `PROPOSED` with all their columns and no row."""
    tables = {name: result_table(name, pd.DataFrame()) for name in PROPOSED}
    places = gpd.GeoSeries([], crs=epsg)
    return tables | {"proposals": gpd.GeoDataFrame(tables["proposals"], geometry=places, crs=epsg)}


def result_table(layer: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with exactly the columns a result layer defines, typed; a column the rows lack is empty."""
    columns = layers()[layer].columns
    table = rows.reindex(columns=[column.name for column in columns])
    for column in columns:
        if column.type == "bool":  # a column of True and nothing else than that is kept as words
            table[column.name] = table[column.name].map({True: True, False: False, "True": True, "False": False})
    return table.astype({column.name: DTYPES[column.type] for column in columns})


def save_proposed(plan: Plan, folder: Path) -> None:
    """Keep what was proposed, for `read_proposed`."""
    for name in PROPOSED:
        table = getattr(plan, name)
        with written_whole(folder / f"{name}.gpkg") as part:
            pyogrio.write_dataframe(table, part, layer=name)


def read_proposed(folder: Path, epsg: int) -> dict[str, pd.DataFrame] | None:
    """The tables of `PROPOSED` that were kept in a folder; None when they are not all there, whole."""
    tables = {}
    for name in PROPOSED:
        try:
            kept = pyogrio.read_dataframe(folder / f"{name}.gpkg", layer=name)
        except (DataLayerError, DataSourceError):
            return None
        table = result_table(name, kept)
        if "kind" in table:
            table["kind"] = table["kind"].map(as_written_now, na_action="ignore").astype(table["kind"].dtype)
        if name == "proposals":
            table = gpd.GeoDataFrame(table, geometry=kept.geometry.array, crs=epsg)
        tables[name] = table
    return tables


def proposed_folder(study: Path) -> Path | None:
    """Where the proposals of a study folder, as it stands now, are kept; None where nothing can be."""
    if not os.access(study, os.W_OK):
        return None
    return study / ".cache" / "proposals" / study_key(study, PROPOSALS_VERSION)[:32]
