"""What the propagation models are worth on drive tests with known transmitters: a study made of them, and its figures.

    python -m benchmarks.measured DRIVE_TESTS STUDY     make the study, print bias, spread and RMSE of every model
    covplan reliability STUDY; covplan calibrate STUDY  the same measurements through the commands

DRIVE_TESTS is a folder of the user's with `sectors.csv` (BTS_ID; height; lat; lon; elev; band; azimuth; eirp; tiltEle;
tiltMec) and `measurements.csv` (lat, lon, elev, PLreal, dist, BTS_ID: transmitted less received power in dB, distance
in km), as published with "A Proposal for Path Loss Prediction in Urban Environments using Support Vector Regression"
(AICT 2014). None of it comes with covplan.

What is done about such data, and said:

- A transmitter whose longitude or latitude lost its decimal point's place (-3.489 for -34.89) is put where the
  distances of its own measurements say it stands; where no place fits them, the tool stops.
- There is no elevation model: the ground is the plane that fits the heights of both ends of all paths best, so every
  path is flat between its ends. Land cover is built-up all over.
- PLreal holds what the antenna loses in each direction, and behind an antenna nobody knows how much that is: only
  measurements within `--lobe-db` of the pattern (15 dB) are taken.
- Everything is moved to the middle of a Vietnamese zone (EPSG:9211), distances and bearings kept.
- RSRP is EIRP per subcarrier of the band less PLreal, so that measured less predicted loss is the negative of what
  `covplan reliability` prints, which is RSRP.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Geod, Transformer
from shapely.geometry import box

from covplan import open_study
from covplan.pipeline import Workspace
from covplan.radio.antenna import named_antenna, pattern_loss
from covplan.radio.calibration import calibrate, error_figures
from covplan.radio.link_budget import Band, band_table
from covplan.radio.model_choice import model_errors
from covplan.study.errors import LayerError, TooLittleData
from covplan.study.folder import write_layer
from covplan.study.grid import Grid
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from covplan.study.models import MODELS, P1812, model_title
from covplan.study.settings import Propagation, Settings
from covplan.study.settings_file import SETTINGS_FILE, settings_toml

if TYPE_CHECKING:
    from covplan.study.folder import Study

EPSG, CENTRE_M = 9211, (500_000.0, 2_433_000.0)  # the middle of TM-3 106-00: true to scale, north is up
BUILT_UP = 50  # of ESA WorldCover
LOBE_DB, ALONE_DB = 15.0, 2.0
NEAREST_M = 250.0  # P.1812 is not meant for less
MISPLACED_SHARE = 0.05  # a transmitter this much off the distances of its measurements is not where it is said to be
LEAST_ALONE = 100
ANTENNA = "sector_65"
SECTOR_COLUMNS = ("BTS_ID", "height", "lat", "lon", "elev", "band", "azimuth", "eirp", "tiltEle", "tiltMec")
POINT_COLUMNS = ("BTS_ID", "lat", "lon", "elev", "PLreal", "dist")
OTHER_BAND_SHARE = 0.03  # a band this far from the frequency named is told
NO_CLUTTER = "P.1812, no clutter"
SHOWN = ("n", "mean_db", "sigma_db", "rmse_db")


@dataclass(frozen=True)
class DriveTests:
    """Sectors and measurements in one table each, in metres from their middle."""

    sectors: pd.DataFrame
    """By BTS_ID: x_m, y_m, elev, height, azimuth, tilt, eirp, band."""
    points: pd.DataFrame
    """BTS_ID, x_m, y_m, elev, loss_db, distance_m, pattern_db, row."""
    said: tuple[str, ...]
    """What was repaired."""


def read_drive_tests(folder: Path, antenna: str = ANTENNA) -> DriveTests:
    """Read a folder of drive tests; transmitters with a slipped decimal point are put right."""
    sectors = _read(folder / "sectors.csv", SECTOR_COLUMNS).set_index("BTS_ID")
    points = _read(folder / "measurements.csv", POINT_COLUMNS)
    unknown = set(points["BTS_ID"]) - set(sectors.index)
    if unknown:
        raise LayerError(f"measurements.csv: sectors {sorted(unknown)} are not in sectors.csv.")
    said = [
        f"{code}: computed as {band.band} at {band.downlink_mhz:g} MHz, {_off_db(code, band):+.1f} dB of free space"
        for code, band in {one: _carrier(one) for one in sectors["band"].astype(str)}.items()
        if abs(_megahertz(code) / band.downlink_mhz - 1) > OTHER_BAND_SHARE
    ]
    for name, own in points.groupby("BTS_ID"):
        place, moved = _placed(sectors.loc[name], own, str(name))
        sectors.loc[name, ["lon", "lat"]] = place
        said += moved
    middle = points["lon"].mean(), points["lat"].mean()
    local = Transformer.from_crs(4326, f"+proj=aeqd +lon_0={middle[0]} +lat_0={middle[1]} +datum=WGS84", always_xy=True)
    sectors["x_m"], sectors["y_m"] = local.transform(sectors["lon"].to_numpy(), sectors["lat"].to_numpy())
    sectors["tilt"] = sectors["tiltEle"] + sectors["tiltMec"]
    x_m, y_m = local.transform(points["lon"].to_numpy(), points["lat"].to_numpy())
    at = sectors.loc[points["BTS_ID"]]
    east, north = x_m - at["x_m"].to_numpy(), y_m - at["y_m"].to_numpy()
    rise_m = points["elev"].to_numpy() + 1.5 - at["elev"].to_numpy() - at["height"].to_numpy()
    distance_m = np.hypot(east, north)
    pattern_db = pattern_loss(
        named_antenna(antenna),
        azimuth_deg=at["azimuth"].to_numpy(float),
        bearing_deg=np.degrees(np.arctan2(east, north)),
        elevation_deg=np.degrees(np.arctan2(rise_m, np.maximum(distance_m, 1.0))),
        electrical_tilt_deg=at["tilt"].to_numpy(float),
    )
    table = points.assign(x_m=x_m, y_m=y_m, distance_m=distance_m, pattern_db=pattern_db, loss_db=points["PLreal"])
    table["row"] = [f"measurements.csv {n}" for n in range(2, len(table) + 2)]
    columns = ["BTS_ID", "x_m", "y_m", "elev", "loss_db", "distance_m", "pattern_db", "row"]
    return DriveTests(sectors, table[columns], tuple(said))


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table, whatever its separator, with the columns that are needed and no gap in them."""
    table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    missing = [name for name in columns if name not in table]
    if missing:
        raise LayerError(f"{path.name}: columns missing: {', '.join(missing)} (found: {', '.join(table)}).")
    empty = [name for name in columns if table[name].isna().any()]
    if empty:
        raise LayerError(f"{path.name}: empty cells in {', '.join(empty)}. Leave such rows out of the file.")
    return table


def _placed(sector: pd.Series, own: pd.DataFrame, name: str) -> tuple[tuple[float, float], list[str]]:
    """Where a transmitter stands by the distances of its measurements: as given, or ten times or a tenth of that."""
    geod = Geod(ellps="WGS84")
    best = (np.inf, (0.0, 0.0))
    for lon in (sector["lon"], sector["lon"] * 10, sector["lon"] / 10):
        for lat in (sector["lat"], sector["lat"] * 10, sector["lat"] / 10):
            if abs(lat) > 90 or abs(lon) > 180:
                continue
            away = geod.inv(np.full(len(own), lon), np.full(len(own), lat), own["lon"], own["lat"])[2]
            off = float(np.median(np.abs(away / 1000.0 - own["dist"]) / np.maximum(own["dist"], 0.05)))
            if off < best[0] - 1e-9:
                best = (off, (float(lon), float(lat)))
    if best[0] > MISPLACED_SHARE:
        raise LayerError(f"sectors.csv {name}: its coordinates do not fit the distances of its measurements.")
    given = (float(sector["lon"]), float(sector["lat"]))
    if best[1] == given:
        return given, []
    old, new = (f"{lon:.6f}, {lat:.6f}" for lon, lat in (given, best[1]))
    return best[1], [f"{name}: lon, lat {old} read as {new}, where its distances put it"]


def write_study(
    tests: DriveTests,
    folder: Path,
    *,
    lobe_db: float = LOBE_DB,
    cell_m: float = 30.0,
    clearing_m: float = Propagation().clearing_m,
) -> Path:
    """A study of the drive tests: plane, built-up, one hamlet, the sectors, and what was measured in the main lobe."""
    taken = _taken(tests, lobe_db)
    reach_km = float(np.ceil(taken["distance_m"].max() / 1000.0 + 0.5))
    ends = pd.concat([taken[["x_m", "y_m", "elev"]], tests.sectors[["x_m", "y_m", "elev"]]])
    x_m, y_m = ends["x_m"] + CENTRE_M[0], ends["y_m"] + CENTRE_M[1]
    bounds = (x_m.min() - 100, y_m.min() - 100, x_m.max() + 100, y_m.max() + 100)
    area = box(*bounds)
    folder.mkdir(parents=True, exist_ok=True)
    operator = "VTL"
    settings = {
        "province": {"name": f"Drive tests of {folder.name}", "crs": f"EPSG:{EPSG}"},
        "grid": {"cell_m": cell_m, "margin_m": 500},
        "propagation": {"radius_km": reach_km, "clearing_m": clearing_m},
    }
    (folder / SETTINGS_FILE).write_text(settings_toml(Settings.model_validate(settings)), encoding="utf-8")
    grid = Grid.from_bounds(area.buffer(1000.0 * reach_km + 1000.0).bounds, cell_m, EPSG)
    rows, columns = np.mgrid[: grid.rows, : grid.columns]
    at = np.column_stack([np.ones(len(ends)), ends["x_m"], ends["y_m"]])
    plane, *_rest = np.linalg.lstsq(at, ends["elev"].to_numpy(float), rcond=None)
    cells_x, cells_y = grid.xy(rows, columns)
    heights = plane[0] + plane[1] * (cells_x - CENTRE_M[0]) + plane[2] * (cells_y - CENTRE_M[1])
    low, high = ends["elev"].min(), ends["elev"].max()  # a plane goes on rising beyond what was seen
    grid.write(folder / "elevation.tif", np.clip(heights, low, high).astype("float32"), nodata=-32768)
    grid.write(folder / "landcover.tif", np.full(grid.shape, BUILT_UP, dtype="uint8"), nodata=0)
    for name, table in _layers(tests, taken, area, operator).items():
        layer = input_layers()[name]
        kept = tuple(column for column in layer.columns if column.name in table)
        write_layer(table, replace(layer, columns=kept), folder / layer.file)
    return folder


def _taken(tests: DriveTests, lobe_db: float) -> pd.DataFrame:
    """Points in the main lobe, and not so near that no model speaks of them."""
    points = tests.points
    return points[(points["pattern_db"] <= lobe_db) & (points["distance_m"] >= NEAREST_M)]


def _layers(tests: DriveTests, taken: pd.DataFrame, area: object, operator: str) -> dict[str, pd.DataFrame]:
    """Tables of the study: its one commune and hamlet, stations, cells and measurements."""
    commune = {"commune_code": ["M-1"], "boundary_version": ["2025-02"], "name": ["Drive tests"]}
    village = {"village_id": ["M-1-1"], "name": ["Drive tests"], "commune_code": ["M-1"], "households": [100]}
    sectors = tests.sectors
    carriers = {name: _carrier(str(code)) for name, code in sectors["band"].items()}
    lon, lat = _lonlat(sectors["x_m"], sectors["y_m"])
    stations = pd.DataFrame(
        {
            "station_id": sectors.index, "operator": operator, "lon": lon, "lat": lat,
            "antenna_height_m": sectors["height"].astype(float), "status": "existing",
            "technologies": [carriers[name].technology for name in sectors.index],
            "bands": [carriers[name].band for name in sectors.index],
        }
    )  # fmt: skip
    cells = pd.DataFrame(
        {
            "cell_id": sectors.index, "station_id": sectors.index,
            "technology": [carriers[name].technology for name in sectors.index],
            "band": [carriers[name].band for name in sectors.index],
            "azimuth_deg": sectors["azimuth"].astype(float), "downtilt_deg": sectors["tilt"].astype(float),
            "eirp_dbm": sectors["eirp"].astype(float), "antenna": ANTENNA,
        }
    )  # fmt: skip
    sent_dbm = {
        name: float(sectors.loc[name, "eirp"]) - 10.0 * np.log10(carriers[name].subcarriers) for name in sectors.index
    }
    lon, lat = _lonlat(taken["x_m"], taken["y_m"])
    measurements = pd.DataFrame(
        {
            "operator": operator, "technology": [carriers[name].technology for name in taken["BTS_ID"]],
            "lon": lon, "lat": lat,
            "rsrp_dbm": taken["BTS_ID"].map(sent_dbm).to_numpy() - taken["loss_db"].to_numpy(),
            "band": [carriers[name].band for name in taken["BTS_ID"]], "cell_id": taken["BTS_ID"].to_numpy(),
            "provenance": taken["row"].to_numpy(),
        }
    )  # fmt: skip
    return {
        "communes": gpd.GeoDataFrame(commune, geometry=[area], crs=EPSG),
        "villages": gpd.GeoDataFrame(village | {"boundary_version": ["2025-02"]}, geometry=[area], crs=EPSG),
        "stations": stations,
        "cells": cells,
        "measurements": measurements,
    }


def _lonlat(x_m: pd.Series, y_m: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    back = Transformer.from_crs(EPSG, 4326, always_xy=True)
    lon, lat = back.transform(x_m.to_numpy() + CENTRE_M[0], y_m.to_numpy() + CENTRE_M[1])
    return np.round(lon, 7), np.round(lat, 7)


def _carrier(name: str) -> Band:
    """The band whose name is nearest to a name's number, of 4G before 5G: GSM1800 is looked at as L1800."""
    return min(band_table().values(), key=lambda one: abs(_megahertz(one.band) - _megahertz(name)))


def _megahertz(name: str) -> float:
    """The number in a band's name."""
    digits = "".join(filter(str.isdigit, name))
    if not digits:
        raise LayerError(f"sectors.csv: band {name!r} names no frequency.")
    return float(digits)


def _off_db(name: str, band: Band) -> float:
    """How much more free space loses at a band than at the frequency a name tells, dB."""
    return float(20 * np.log10(band.downlink_mhz / _megahertz(name)))


def errors_by_model(study_folder: Path) -> pd.DataFrame:
    """Every measurement of the study with each model's error (measured less predicted RSRP, dB), index by its row."""
    study = open_study(study_folder)
    bare = study.settings.propagation.model_copy(update={"clutter_height_m": {BUILT_UP: 0.0}})
    table = _errors(study)
    table.insert(table.columns.get_loc(P1812) + 1, NO_CLUTTER, _errors(_under(study, bare))[P1812])
    table = table.dropna(axis="columns", how="all")
    at = study.measurements[["provenance", "cell_id"]].loc[table.index]
    return table.assign(**at).set_index("provenance")


def _errors(study: Study) -> pd.DataFrame:
    workspace, measured = Workspace(study), study.measurements
    parts = [
        model_errors(
            measured[measured["technology"] == one], workspace.transmitting(one), study.cells, workspace.ground, one,
            study.settings.propagation, antennas=workspace.antennas,
        )
        for one in sorted(measured["technology"].unique())
    ]  # fmt: skip
    return pd.concat(parts)


def _under(study: Study, propagation: Propagation) -> Study:
    return replace(study, settings=study.settings.model_copy(update={"propagation": propagation}))


def summary(tests: DriveTests, table: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread and RMSE of the loss by set and model, and held-out RMSE before and after offsets."""
    pattern_db = tests.points.set_index("row")["pattern_db"].loc[table.index]
    sets = {"main lobe": pd.Series(data=True, index=table.index)}
    for name in sorted(tests.sectors.index):
        alone = (table["cell_id"] == name) & (pattern_db <= ALONE_DB)
        if alone.sum() >= LEAST_ALONE:
            sets[f"{name} alone"] = alone
    models = [name for name in table.columns if name in (*MODELS, NO_CLUTTER)]
    rows = []
    for part, chosen in sets.items():
        both = table[chosen & table[models].notna().all(axis=1)]
        for model in models:
            figures = error_figures(-both[model])
            title = model if model == NO_CLUTTER else model_title(model)
            rows.append({"set": part, "model": title, **{key: figures[key] for key in SHOWN}, **_held_out(both, model)})
    return pd.DataFrame(rows)


def _held_out(table: pd.DataFrame, model: str) -> dict[str, float]:
    """Errors on the held-out squares before and after offsets; nothing where there is too little ground for them."""
    try:
        found = calibrate(table[model], 0.0, *(table[name] for name in ("band", "landcover", "x_m", "y_m")))
    except TooLittleData:
        return {}
    errors = found.errors[found.errors["part"] == "held_out"].set_index("stage")
    after = errors.loc["after"]
    return {
        "square_m": found.square_m,
        "held_out_mean_db": -float(after["mean_db"]),
        "held_out_sigma_db": float(after["sigma_db"]),
        "held_out_rmse_db": float(after["rmse_db"]),
    }


def say(*lines: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Make the study and print the figures; returns them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drive_tests", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--lobe-db", type=float, default=LOBE_DB, help="most pattern loss of a measurement taken")
    parser.add_argument("--cell-m", type=float, default=30.0)
    parser.add_argument("--clearing-m", type=float, default=Propagation().clearing_m, help="0: P.1812 as it stands")
    asked = parser.parse_args(arguments)
    tests = read_drive_tests(asked.drive_tests)
    say(*tests.said)
    write_study(tests, asked.study, lobe_db=asked.lobe_db, cell_m=asked.cell_m, clearing_m=asked.clearing_m)
    taken = _taken(tests, asked.lobe_db)
    say(
        f"{len(taken):,} of {len(tests.points):,} measurements taken: within {asked.lobe_db:g} dB of the pattern, "
        f"from {NEAREST_M:g} m on; bands {', '.join(sorted({_carrier(str(b)).band for b in tests.sectors['band']}))}",
        "loss, measured less predicted (dB); held out: after offsets fitted on other squares",
    )
    with speaking("en"):
        table = summary(tests, errors_by_model(asked.study))
    say(table.to_string(index=False, float_format=lambda value: f"{value:.1f}", na_rep="–"))
    return table


if __name__ == "__main__":
    main()
