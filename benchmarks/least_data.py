"""How far the least data lead astray: a study cut down to what the README calls enough, its figures beside the whole.

    python -m benchmarks.least_data FOLDER                 cut the sample down into FOLDER, indicators side by side
    python -m benchmarks.least_data FOLDER --run OUT       then every command on each part: exit, seconds, peak memory

Cut down are villages.gpkg to the communes and hamlets as points with their names, bts_sites.csv to id, operator,
longitude and latitude, and all else is left away: once with the terrain and land cover that anybody can fetch
(`with terrain`), once without (`alone`). What covplan assumes instead is in each part's findings.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from benchmarks.merged_province import SAMPLE, commands, run, say
from covplan import make_plan, open_study
from covplan.study.folder import write_layer
from covplan.study.layers import input_layers
from covplan.study.settings_file import SETTINGS_FILE

if TYPE_CHECKING:
    from covplan.study.folder import Study
    from covplan.study.plan import Plan

STATIONS = ["station_id", "operator", "lon", "lat", "synthetic", "provenance"]
VILLAGES = ["name", "synthetic", "provenance", "geometry"]
RASTERS = ("elevation.tif", "landcover.tif")
PARTS = {"with terrain": RASTERS, "alone": ()}
FIGURES = ("VILLAGE_MBB_COV", "VILLAGE_FTTH_COV", "BTS_SHARE_RATIO", "5G_KEYPLACES", "5G_POP")


def cut_down(study: Study, folder: Path, rasters: tuple[str, ...]) -> Path:
    """Write the least of a study: communes, hamlets as points, stations with where and whose they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("villages.gpkg", "bts_sites.csv"):
        (folder / file).unlink(missing_ok=True)
    centres = gpd.GeoSeries.from_xy(study.villages["centre_lon"], study.villages["centre_lat"], crs=4326)
    villages = study.villages.set_geometry(centres.to_crs(study.villages.crs))[VILLAGES]
    stations = study.stations[study.stations["status"] == "existing"][[*STATIONS, "geometry"]]
    for name, table in {"villages": villages, "communes": study.communes, "stations": stations}.items():
        layer = input_layers()[name]
        kept = tuple(column for column in layer.columns if column.name in table)
        write_layer(table, replace(layer, columns=kept), folder / layer.file)
    for file in rasters:
        shutil.copyfile(study.path / file, folder / file)
    text = (study.path / SETTINGS_FILE).read_text(encoding="utf-8")
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


def figures(plan: Plan) -> dict[str, str]:
    """The chosen indicators as shown: value, and of how many objects it is known."""
    rows = plan.indicators.set_index("indicator")
    told = {}
    for name in FIGURES:
        value, numerator, denominator = (rows.at[name, column] for column in ("value", "numerator", "denominator"))
        told[name] = "–" if pd.isna(value) else f"{value:.2f} % ({numerator:,.0f}/{denominator:,.0f})"
    states = plan.hamlets["mobile_state"].value_counts()
    told["hamlets"] = ", ".join(f"{name} {count:,}" for name, count in states.items())
    return told


def agreement(whole: Plan, least: Plan) -> str:
    """Of the hamlets that both know, how many have the same state (signal or none)."""
    both = pd.DataFrame({
        "whole": whole.hamlets["mobile_state"].to_numpy(object),
        "least": least.hamlets["mobile_state"].to_numpy(object),
    })  # fmt: skip
    known = both[(both["whole"] != "unknown") & (both["least"] != "unknown")]
    lit = known.isin(["covered", "weak"])
    dark = known["whole"] == "none"
    return (
        f"{(lit['whole'] == lit['least']).sum():,} of {len(known):,} hamlets have signal or none in both; "
        f"of {dark.sum():,} white spots {(dark & (known['least'] == 'none')).sum():,} are found"
    )


def main(arguments: list[str] | None = None) -> dict[str, dict[str, str]]:
    """Do what the command line asks for; returns the figures it prints, by part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", type=Path, default=SAMPLE)
    parser.add_argument("--run", type=Path, metavar="OUT")
    asked = parser.parse_args(arguments)
    study = open_study(asked.study)
    whole = make_plan(study)
    table = {"whole": figures(whole)}
    for part, rasters in PARTS.items():
        folder = cut_down(study, asked.folder / part.replace(" ", "_"), rasters)
        plan = make_plan(open_study(folder))
        table[part] = figures(plan)
        say(f"{part}: {agreement(whole, plan)}")
        for one in plan.findings:
            if one.severity == "assumed":
                say(f"  {one.layer} {one.column}: {one.text('problem')} {one.text('done')}")
        if asked.run:
            hamlet = str(plan.hamlets["village_id"].iloc[0])
            for name, words in commands(folder, asked.run / part.replace(" ", "_"), hamlet).items():
                code, seconds, cpu_s, peak_gb = run(words, asked.run / f"{part}-{name}.txt".replace(" ", "_"))
                say(f"  {name:<28}{code:>5}{seconds:>10.1f} s{cpu_s:>9.1f} s{peak_gb:>7.2f} GB")
    say(pd.DataFrame(table).to_string())
    return table


if __name__ == "__main__":
    sys.exit(not main())
