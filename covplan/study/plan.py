"""A plan: what covplan makes of a study. Results are layers like the inputs; saving writes the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.study.files import written_whole
from covplan.study.folder import write_findings
from covplan.study.layers import input_layers

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from covplan.study.findings import Finding, Language
    from covplan.study.folder import Study

INDICATORS_FILE, FINDINGS_FILE = "indicators.csv", "findings.csv"
TABLES = ("indicators", "parts", "curves", "evidence", "signals", "reliability")
"""Results that are saved as CSV files of their name."""


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
    findings: tuple[Finding, ...] = ()
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
        }
        return {name: table for name, table in (inputs | results).items() if len(table)}

    def save(self, out: Path, language: Language = "vi") -> None:
        """Write the tables of `TABLES`, findings.csv and set_aside/ into a folder, each whole or not at all."""
        for name in TABLES:
            with written_whole(out / f"{name}.csv") as part:
                # utf-8-sig: Excel takes a file without the mark for the system's own encoding.
                getattr(self, name).to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
        write_findings(list(self.findings), self.study.set_aside, out, language)

    def _repr_html_(self) -> str:
        shown = self.indicators[["name_vi", "unit", "value", "baseline", "target_2025", "target_2030", "gap_2025"]]
        table: str = shown.to_html(index=False, escape=True, na_rep="–")
        return table
