"""A plan: what covplan makes of a study. Results are layers like the inputs; saving writes the tables."""

from __future__ import annotations

import html
import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio

from covplan.study.boundaries import boundaries_note
from covplan.study.cache import is_kept, keep, kept, may_keep
from covplan.study.files import content_digest, file_digest, fixed_file_date, telling, written_whole
from covplan.study.findings import NO_FINDINGS
from covplan.study.folder import study_key, write_findings
from covplan.study.kinds import IN_ONE_TRENCH, TRENCH, as_written_now
from covplan.study.language import _, by_language, number
from covplan.study.layers import input_layers, layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from covplan.study.findings import Findings
    from covplan.study.folder import Study
    from covplan.study.language import Language

DTYPES = {"string": "object", "list": "object", "int": "Int64", "float": "float64", "bool": "boolean"}
PROPOSALS_VERSION = "6"  # a new one makes what older programs kept unread
WEIGHTS_VERSION = "2"
INDICATORS_FILE, FINDINGS_FILE = "indicators.csv", "findings.csv"
TABLES = ("indicators", "parts", "curves", "evidence", "signals", "reliability")
"""Results that are saved as CSV files of their name."""
PROPOSED = ("proposals", "comparison", "supply_curve", "not_served")
"""Results that are there once something was proposed; `no_proposals` makes them empty."""

OF_HAMLETS = ("VILLAGE_MBB_COV", "VILLAGE_FTTH_COV")
"""Indicators of which every hamlet is covered, not covered or unknown."""
ON_REQUEST = (*PROPOSED, "assumption_weights")
"""Results that are saved where there are any."""


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
    """Empty until `pipeline.propose` was run on the plan; so are the three that follow."""
    comparison: pd.DataFrame
    supply_curve: pd.DataFrame
    not_served: pd.DataFrame
    """What no proposal serves, each with its reason."""
    findings: Findings = NO_FINDINGS
    """Those of the study, and what came up while planning."""
    proposed_kinds: tuple[str, ...] = ()
    """Kinds (`study.kinds.KINDS`) that were proposed."""
    assumption_weights: pd.DataFrame = field(default_factory=lambda: result_table("assumption_weights", pd.DataFrame()))
    """How much the headline moves at the ends of assumptions; empty until `pipeline.assumption_weights` was asked."""

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
            "assumption_weights": self.assumption_weights,
        } | {name: getattr(self, name) for name in PROPOSED}
        return {name: table for name, table in (inputs | results).items() if len(table)}

    def save(self, out: Path, language: Language | None = None) -> list[Path]:
        """Write the tables of `TABLES`, findings.csv and set_aside/ into a folder, each whole or not at all.

        Returns
        -------
        list of Path
            What it wrote.
        """
        written = []
        for name in (*TABLES, *(name for name in ON_REQUEST if len(getattr(self, name)))):
            table = getattr(self, name).drop(columns="geometry", errors="ignore")
            with written_whole(out / f"{name}.csv") as part:
                # utf-8-sig: Excel takes a file without the mark for the system's own encoding.
                table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
            written.append(out / f"{name}.csv")
        return [*written, *write_findings(list(self.findings), self.study.set_aside, out, language)]

    def _repr_html_(self) -> str:
        name = by_language("name_vi", "name_en")
        shown = self.indicators[[name, "unit", "value", "baseline", "target_2025", "target_2030", "gap_2025"]]
        table: str = shown.to_html(index=False, escape=True, na_rep="–")
        note = boundaries_note(self.indicators)
        return f"{table}<p>{html.escape(note)}</p>" if note else table


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


@dataclass(frozen=True)
class Kept:
    """What a folder keeps of proposals: a GeoPackage for each part (a kind, or kinds planned together), and the years.

    Every file is written whole and carries its checksum, so what was done before a run was stopped is there.
    """

    parts: dict[str, dict[str, pd.DataFrame]]
    """By part the tables of `PROPOSED`."""
    damaged: tuple[str, ...] = ()
    """Parts whose file cannot be read."""
    years: dict[str, int | None] | None = None
    """By proposal, given over exactly these parts; None: not given yet."""


NOTHING_KEPT = Kept({})
PART_SUFFIX = ".gpkg.kept"
YEARS_FILE, RUN_FILE = "years.kept", "run.kept"


def keep_part(folder: Path | None, part: str, tables: Mapping[str, pd.DataFrame], epsg: int) -> dict[str, pd.DataFrame]:
    """Keep the tables of `PROPOSED` of one part, for `read_kept`; returns them as they will be read then."""
    with TemporaryDirectory() as beside, telling(file := Path(beside) / f"{part}.gpkg"), fixed_file_date():
        for name in PROPOSED:
            table = tables[name]
            texts = [str(column) for column in table if table[column].dtype == object]
            # GDAL takes a pandas.NA among texts for a word of its own.
            empty = {column: table[column].where(table[column].notna(), None) for column in texts}
            pyogrio.write_dataframe(table.assign(**empty), file, layer=name)
        content = file.read_bytes()
    if folder is not None:
        keep(folder / f"{part}{PART_SUFFIX}", content)
    return _read_part(content, epsg)


def keep_years(folder: Path, proposals: pd.DataFrame) -> None:
    """Keep the year of every proposal, given over the parts that are kept now."""
    years = {
        str(one): None if pd.isna(year) else int(year)
        for one, year in zip(proposals["proposal_id"], proposals["year"], strict=True)
    }
    keep(folder / YEARS_FILE, json.dumps({"parts": _digests(folder), "years": years}, indent=1).encode())


@dataclass(frozen=True)
class Run:
    """How far a run of `propose` has come: what it was asked for, and what is done of it."""

    kinds: tuple[str, ...]
    phased: bool
    written_by: str
    """Program and language: another one starts anew."""
    done: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """By kind the parts that it made, and what there was to say."""
    finished: bool = False

    @property
    def open_kinds(self) -> tuple[str, ...]:
        """Kinds that are not done."""
        return tuple(kind for kind in self.kinds if kind not in self.done)


def keep_run(folder: Path, run: Run) -> None:
    """Note how far a run is."""
    keep(folder / RUN_FILE, json.dumps(asdict(run), ensure_ascii=False).encode())


def read_run(folder: Path | None) -> Run | None:
    """The latest run of `propose`; of kinds that it calls done, but of which a part is lost, nothing is done."""
    content = kept(folder / RUN_FILE) if folder is not None else None
    if folder is None or content is None:
        return None
    noted, whole = json.loads(content), {part for part, file in part_files(folder).items() if is_kept(file)}
    done = {kind: (tuple(made), tuple(said)) for kind, (made, said) in noted["done"].items() if whole >= set(made)}
    return Run(tuple(noted["kinds"]), noted["phased"], noted["written_by"], done, finished=noted["finished"])


def drop_kept(folder: Path, name: str) -> None:
    """A part (or `YEARS_FILE`) that no longer holds."""
    (folder / (name if name in (YEARS_FILE, RUN_FILE) else f"{name}{PART_SUFFIX}")).unlink(missing_ok=True)


def read_kept(folder: Path | None, epsg: int) -> Kept:
    """What was kept in a folder."""
    if folder is None or not folder.is_dir():
        return NOTHING_KEPT
    parts, damaged = {}, []
    for part, file in part_files(folder).items():
        content = kept(file)
        if content is None:
            damaged.append(part)
        else:
            parts[part] = _read_part(content, epsg)
    return Kept(parts, tuple(damaged), _years(folder))


def part_files(folder: Path | None) -> dict[str, Path]:
    """Files of the parts that are kept in a folder, whole or damaged, by part."""
    if folder is None or not folder.is_dir():
        return {}
    return {file.name.removesuffix(PART_SUFFIX): file for file in sorted(folder.glob(f"[!.]*{PART_SUFFIX}"))}


def kept_kinds(folder: Path | None) -> set[str]:
    """Kinds of which proposals are kept in a folder, whole."""
    parts = {part for part, file in part_files(folder).items() if is_kept(file)}
    return parts - {TRENCH} | (set(IN_ONE_TRENCH) if TRENCH in parts else set())


def kept_state(folder: Path | None) -> str:
    """A word that changes with whatever is kept in a folder; empty where there is nothing."""
    if folder is None or not folder.is_dir():
        return ""
    years = folder / YEARS_FILE
    return content_digest(_digests(folder), file_digest(years) if years.is_file() else "")


def _read_part(content: bytes, epsg: int) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in PROPOSED:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "File .* has GPKG application_id", RuntimeWarning)  # bytes have no name
            rows = pyogrio.read_dataframe(content, layer=name)
        table = result_table(name, rows)
        if "kind" in table:
            table["kind"] = table["kind"].map(as_written_now, na_action="ignore").astype(table["kind"].dtype)
        if name == "proposals":
            table = gpd.GeoDataFrame(table, geometry=rows.geometry.array, crs=epsg)
        tables[name] = table
    return tables


def _digests(folder: Path) -> dict[str, str]:
    return {part: file_digest(file) if file.is_file() else "" for part, file in part_files(folder).items()}


def _years(folder: Path) -> dict[str, int | None] | None:
    """The years kept; None where there are none, or they were given over other parts."""
    content = kept(folder / YEARS_FILE)
    given = json.loads(content) if content else {}
    return dict(given["years"]) if given and given["parts"] == _digests(folder) else None


def proposed_folder(study: Path) -> Path | None:
    """Where the proposals of a study folder, as it stands now, are kept; None where nothing can be."""
    if not may_keep(study):
        return None
    return study / ".cache" / "proposals" / study_key(study, PROPOSALS_VERSION)[:32]


def hamlets_told(indicator: str, numerator: float, denominator: float, unknown: float) -> str:
    """How many hamlets are covered, not covered and unknown, behind an indicator of hamlets; empty for any other."""
    if indicator not in OF_HAMLETS:
        return ""
    return _("covered {covered}, not covered {bare}, unknown {unknown}").format(
        covered=number(numerator), bare=number(denominator - numerator), unknown=number(unknown)
    )


def weights_file(study: Path) -> Path | None:
    """Where the weights of a study folder's assumptions, as it stands now, are kept; None where nothing can be."""
    if not may_keep(study):
        return None
    return study / ".cache" / "assumptions" / f"{study_key(study, WEIGHTS_VERSION)[:32]}.kept"


def has_weights(study: Path) -> bool:
    """Whether the weights of a study folder's assumptions, as it stands now, are kept."""
    path = weights_file(study)
    return path is not None and is_kept(path)
