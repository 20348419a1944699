"""The merged province of 124 communes as a newcomer has it: names, points and a table of stations, and little else.

    python -m benchmarks.merged_province FOLDER                          write the study
    python -m benchmarks.merged_province FOLDER --outlines wards.gpkg    with the true outlines, from a file of yours
    python -m benchmarks.merged_province FOLDER --least                  names and points, no roads, exchanges, offices
    python -m benchmarks.merged_province FOLDER --run OUT                then every command on it: seconds, peak memory

SYNTHETIC: real are the names and codes of the communes, the outlines and inhabitants of files that are given, and
coarse heights of the south (cells of 9 km). Hamlets, stations, roads, nodes and offices are drawn at random, as each
row says; where no outlines are given, so are the communes north of old Tuyên Quang. Same seed, same study. The figures
show whether covplan carries a province of this size on the least data, in what time and memory; nothing else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.features import geometry_window
from rasterio.windows import transform as window_transform
from scipy.spatial import Delaunay
from shapely.geometry import LineString, Polygon

from covplan.sample.noise import spline_noise
from covplan.sample.relief import OCTAVES, coarse_heights
from covplan.study.boundaries import heirs, official_units
from covplan.study.folder import open_study, write_layer
from covplan.study.grid import Grid
from covplan.study.kinds import KINDS
from covplan.study.layers import input_layers
from covplan.study.settings import Settings
from covplan.study.settings_file import settings_toml
from covplan.study.synthetic import synthetic_notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EPSG, OLD, NEW = 9211, "2025-02", "2025-07"
SAMPLE = Path(__file__).parents[1] / "data"
MADE_UP = "mô phỏng (benchmarks/merged_province.py)"
HAMLETS, STATIONS = 3802, 2500  # of the merged province, and about as many stations as its operators declare
OPERATORS = {"VTL": 0.40, "VNPT": 0.34, "MBF": 0.20, "VNM": 0.06}
SHARED = 0.14  # of the locations: two operators
LEAST = {
    "villages": ("name", "synthetic", "provenance", "geometry"),
    "stations": ("station_id", "operator", "lon", "lat", "synthetic", "provenance"),
}
TERRAIN_M, MARGIN_M = 90.0, 6_000.0
# A rough frame of former Hà Giang by eye, degrees: only where no outlines are given.
NORTH = [(104.35, 22.95), (104.55, 22.45), (104.85, 22.15), (105.05, 22.4), (105.6, 22.6), (105.55, 23.15),
         (105.3, 23.38), (104.85, 23.2)]  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What is built."""

    outlines: Path | None = None
    """Polygons of the communes of 2025-07 with their codes (column `commune_code` or `code`)."""
    population: Path | None = None
    """A raster of inhabitants per cell."""
    hamlets: int = HAMLETS
    stations: int = STATIONS
    least: bool = False
    cell_m: float = 30.0
    seed: int = 2025


def build(folder: Path, spec: Spec) -> dict[str, int]:
    """Write the study into a folder; returns how many rows each layer got."""
    rng = np.random.default_rng(spec.seed)
    folder.mkdir(parents=True, exist_ok=True)
    units = _communes(spec, rng)
    grid = Grid.from_bounds(units.buffer(MARGIN_M).total_bounds, TERRAIN_M, EPSG)
    heights_m = _heights(grid, spec.seed)
    grid.write(folder / "elevation.tif", heights_m, nodata=-32768)
    people = _people(spec.population, units, folder) if spec.population else None
    homes = _hamlets(units, grid, heights_m, people, spec, rng)
    layers: dict[str, pd.DataFrame] = {"communes": units, "villages": homes}
    layers["stations"] = _stations(homes, grid, heights_m, spec, rng)
    if spec.least:
        layers |= {name: layers[name][list(columns)] for name, columns in LEAST.items()}
    else:
        layers["roads"], layers["nodes"], layers["places"] = _roads(homes), *_seats(units, homes)
    for file in {input_layers()[name].file for name in ("villages", "stations", "roads", "nodes", "places")}:
        (folder / file).unlink(missing_ok=True)
    for name, table in layers.items():
        write_layer(table, input_layers()[name], folder / input_layers()[name].file)
    given = {
        "province": {"name": "Tuyên Quang (124 xã)", "boundaries": NEW, "synthetic": True},
        "grid": {"cell_m": spec.cell_m},
        "propose": {"time_limit_s": 60},
    }
    (folder / "study.toml").write_text(settings_toml(Settings.model_validate(given)), encoding="utf-8")
    return {name: len(table) for name, table in layers.items()}


def _communes(spec: Spec, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """The 124 communes of the official list with outlines: those given, else the sample's and cells drawn at random."""
    units = pd.DataFrame(official_units(NEW))
    shapes, source = _given_outlines(spec.outlines) if spec.outlines else _drawn_outlines(units, rng)
    lacking = sorted(set(units["commune_code"]) - set(shapes.index))
    if lacking:
        raise SystemExit(f"{spec.outlines}: no outline of {', '.join(lacking)}")
    return gpd.GeoDataFrame(
        {
            "commune_code": units["commune_code"],
            "boundary_version": NEW,
            "name": units["name"],
            "demand_5g": units["kind"] == "Phường",
            "synthetic": spec.outlines is None,
            "provenance": source,
        },
        geometry=shapes.reindex(units["commune_code"]).to_numpy(),
        crs=EPSG,
    )


def _given_outlines(path: Path) -> tuple[gpd.GeoSeries, str]:
    table = gpd.read_file(path).to_crs(EPSG)
    column = next(name for name in ("commune_code", "code") if name in table)
    return table.set_index(
        table[column].astype(str).str.zfill(5)
    ).geometry, f"tên, mã: danh mục; ranh giới: {path.name}"


def _drawn_outlines(units: pd.DataFrame, rng: np.random.Generator) -> tuple[gpd.GeoSeries, str]:
    """The sample's 51 communes, and 73 Voronoi cells in a rough frame of former Hà Giang: no legal borders."""
    sample = gpd.read_file(SAMPLE / "villages.gpkg", layer="communes").to_crs(EPSG)
    sample = sample[sample["boundary_version"] == NEW].set_index("commune_code")
    frame = gpd.GeoSeries([Polygon(NORTH)], crs=4326).to_crs(EPSG)[0].difference(sample.geometry.union_all().buffer(1))
    frame = max(shapely.get_parts(frame), key=lambda part: part.area)
    codes = units.loc[~units["commune_code"].isin(sample.index), "commune_code"].to_list()
    at = gpd.GeoSeries([frame], crs=EPSG).sample_points(20 * len(codes), rng=rng).explode(ignore_index=True)
    points = shapely.MultiPoint(_far_apart(shapely.get_coordinates(at.to_numpy()), len(codes)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    cells = sorted((cell.intersection(frame) for cell in cells), key=lambda cell: -cell.centroid.y)
    drawn = gpd.GeoSeries(cells, index=codes, crs=EPSG)
    return pd.concat([sample.geometry, drawn]), f"tên, mã: danh mục; ranh giới {MADE_UP}"


def _far_apart(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Points of a crowd, each the one farthest from those taken before."""
    taken = [0]
    away = np.hypot(*(points - points[0]).T)
    for _n in range(count - 1):
        taken.append(int(away.argmax()))
        away = np.minimum(away, np.hypot(*(points - points[taken[-1]]).T))
    return points[taken]


def _heights(grid: Grid, seed: int) -> NDArray[np.int16]:
    """Coarse real heights where there are (their rim goes on), with invented hills of the sample's variogram."""
    x, y = grid.xy(np.zeros(grid.columns), np.arange(grid.columns))[0], grid.xy(np.arange(grid.rows), 0)[1]
    heights_m = coarse_heights(x, y)
    rough = np.clip(heights_m / 600, 0.35, 1.1)
    for octave, (spacing_m, height_m, _ridged) in enumerate(OCTAVES):
        heights_m += rough * height_m * spline_noise(x, y, spacing_m, seed * 100 + octave)
    return np.maximum(heights_m, 15).round().astype(np.int16)


def _people(path: Path, units: gpd.GeoDataFrame, folder: Path) -> gpd.GeoDataFrame:
    """Inhabited cells of a raster as points with people and commune; its part over the province goes into the study."""
    with rasterio.open(path) as raster:
        around = gpd.GeoSeries([units.union_all().envelope.buffer(MARGIN_M)], crs=EPSG).to_crs(raster.crs)
        window = geometry_window(raster, around)
        values, profile = raster.read(1, window=window), raster.profile
        profile |= {"driver": "GTiff", "compress": "deflate", "transform": window_transform(window, raster.transform)}
        for key in ("blockxsize", "blockysize", "tiled"):
            profile.pop(key, None)
        profile |= {"width": values.shape[1], "height": values.shape[0]}
    with rasterio.open(folder / "population.tif", "w", **profile) as raster:
        raster.write(values, 1)
    rows, columns = np.nonzero(values > 0)
    lon, lat = rasterio.transform.xy(profile["transform"], rows, columns)
    cells = gpd.GeoDataFrame(
        {"people": values[rows, columns]}, geometry=gpd.points_from_xy(lon, lat, crs=profile["crs"])
    )
    return gpd.sjoin(cells.to_crs(EPSG), units[["commune_code", "geometry"]], predicate="within")


def _hamlets(
    units: gpd.GeoDataFrame,
    grid: Grid,
    heights_m: NDArray[np.int16],
    people: gpd.GeoDataFrame | None,
    spec: Spec,
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    """Points with a name and a commune, drawn where people live, else where the ground is low."""
    weight = units.area.pow(0.5).to_numpy()
    if people is not None:
        by_unit = people.groupby("commune_code")["people"].sum()
        weight = units["commune_code"].map(by_unit).fillna(0).pow(0.85).to_numpy()
    exact = np.maximum(spec.hamlets * weight / weight.sum(), min(4, spec.hamlets / len(units)))
    counts = np.floor(exact * spec.hamlets / exact.sum()).astype(int)
    counts[np.argsort(-(exact - counts), kind="stable")[: spec.hamlets - counts.sum()]] += 1
    tables = []
    for unit, count in zip(units.itertuples(), counts, strict=True):
        at = _places(unit, int(count), people, rng)
        low = grid.rowcol(at[:, 0], at[:, 1])
        keep = np.sort(np.argsort(heights_m[low] + rng.normal(0, 40, len(at)), kind="stable")[: int(count)])
        tables.append(
            pd.DataFrame(
                {
                    "village_id": [f"SYN-{unit.commune_code}-{n + 1:02d}" for n in range(len(keep))],
                    "name": [f"Thôn {n + 1}" for n in range(len(keep))],
                    "commune_code": unit.commune_code,
                    "x": at[keep, 0],
                    "y": at[keep, 1],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    table["households"] = np.clip(rng.lognormal(np.log(110), 0.45, len(table)).round(), 10, 900).astype(int)
    table = table.assign(boundary_version=NEW, synthetic=True, provenance=MADE_UP)
    return gpd.GeoDataFrame(
        table.drop(columns=["x", "y"]), geometry=gpd.points_from_xy(table["x"], table["y"], crs=EPSG)
    )


def _places(unit: object, count: int, people: gpd.GeoDataFrame | None, rng: np.random.Generator) -> NDArray[np.float64]:
    """Three times as many points of a commune as are wanted, most where most people are."""
    here = people[people["commune_code"] == unit.commune_code] if people is not None else ()  # type: ignore[attr-defined]
    if not len(here):
        points = gpd.GeoSeries([unit.geometry], crs=EPSG).sample_points(3 * count, rng=rng)  # type: ignore[attr-defined]
        return shapely.get_coordinates(points.explode().to_numpy())
    share = (here["people"] / here["people"].sum()).to_numpy()
    chosen = rng.choice(len(here), size=6 * count, p=share)
    at = shapely.get_coordinates(here.geometry.to_numpy())[chosen] + rng.uniform(-450, 450, (6 * count, 2))
    inside = shapely.contains_xy(unit.geometry, at[:, 0], at[:, 1])  # type: ignore[attr-defined]
    return at[inside][: 3 * count] if inside.sum() >= count else at[: 3 * count]


def _stations(
    homes: gpd.GeoDataFrame, grid: Grid, heights_m: NDArray[np.int16], spec: Spec, rng: np.random.Generator
) -> pd.DataFrame:
    """A table as operators hand it in: id, operator, place; on old ground with the commune code before the merger."""
    locations = round(spec.stations / (1 + SHARED))
    beside = rng.choice(len(homes), size=locations, replace=locations > len(homes), p=_share(homes["households"]))
    at = shapely.get_coordinates(homes.geometry.to_numpy())[beside]
    around = at[:, None, :] + rng.normal(0, 350, (locations, 12, 2))  # the highest of twelve points around the hamlet
    row, column = grid.rowcol(around[..., 0], around[..., 1])
    top = heights_m[np.clip(row, 0, grid.rows - 1), np.clip(column, 0, grid.columns - 1)].argmax(axis=1)
    at = around[np.arange(locations), top]
    names, shares = list(OPERATORS), list(OPERATORS.values())
    first = rng.choice(names, size=locations, p=shares)
    second = [next(other for other in names if other != one) for one in first]
    shared = np.sort(rng.choice(locations, size=spec.stations - locations, replace=False))
    rows = np.concatenate([np.arange(locations), shared])
    lonlat = gpd.GeoSeries.from_xy(at[rows, 0], at[rows, 1], crs=EPSG).to_crs(4326)
    code = homes["commune_code"].to_numpy()[beside][rows]
    old = [heirs(one, NEW, OLD) for one in code]
    return pd.DataFrame(
        {
            "station_id": [f"SYN-{n + 1:04d}" for n in range(len(rows))],
            "operator": np.concatenate([first, np.array(second)[shared]]),
            "lon": lonlat.x.round(6),
            "lat": lonlat.y.round(6),
            "commune_code": [str(rng.choice(one)) if one else new for one, new in zip(old, code, strict=True)],
            "boundary_version": [OLD if one else NEW for one in old],
            "synthetic": True,
            "provenance": MADE_UP,
        }
    )


def _share(values: pd.Series) -> NDArray[np.float64]:
    return (values / values.sum()).to_numpy(dtype=float)


def _roads(homes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A net that joins the hamlets: of their Delaunay edges the shortest tree and the short rest, bent a little."""
    at = shapely.get_coordinates(homes.geometry.to_numpy())
    triangles = Delaunay(at).simplices
    edges = np.unique(np.sort(np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [0, 2])])), axis=0)
    length_m = np.hypot(*(at[edges[:, 0]] - at[edges[:, 1]]).T)
    order = np.argsort(length_m, kind="stable")
    tree = _shortest_tree(edges[order], len(at))
    keep = np.sort(np.concatenate([order[tree], order[~tree & (length_m[order] < np.median(length_m) * 0.8)]]))
    side = np.where(np.arange(len(edges)) % 2, 0.08, -0.08)
    lines = []
    for edge in keep:
        a, b = at[edges[edge, 0]], at[edges[edge, 1]]
        bend = (a + b) / 2 + side[edge] * (b - a)[::-1] * [1, -1]
        lines.append(LineString([a, bend, b]))
    return gpd.GeoDataFrame(
        {
            "road_id": [f"SYN-R-{n + 1}" for n in range(len(lines))],
            "class": "unclassified",
            "synthetic": True,
            "provenance": MADE_UP,
        },
        geometry=lines,
        crs=EPSG,
    )


def _shortest_tree(edges: NDArray[np.int64], points: int) -> NDArray[np.bool_]:
    """Kruskal: of edges by length, those that join two parts."""
    part = np.arange(points)

    def root(one: int) -> int:
        while part[one] != one:
            part[one] = part[part[one]]
            one = int(part[one])
        return one

    chosen = np.zeros(len(edges), dtype=bool)
    for n, (a, b) in enumerate(edges):
        one, other = root(int(a)), root(int(b))
        if one != other:
            part[one], chosen[n] = other, True
    return chosen


def _seats(units: gpd.GeoDataFrame, homes: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """In the largest hamlet of each commune an exchange, and the commune's office."""
    seats = homes.sort_values("households", ascending=False).drop_duplicates("commune_code")
    seats = seats.set_index("commune_code").reindex(units["commune_code"]).dropna(subset="village_id")
    names = units.set_index("commune_code")["name"].reindex(seats.index)
    nodes = pd.DataFrame(
        {
            "node_id": [f"SYN-OLT-{code}" for code in seats.index],
            "operator": np.where(np.arange(len(seats)) % 2, "VNPT", "VTL"),
            "kind": "OLT",
            "village_id": seats["village_id"].to_list(),
            "ports": 2048,
            "ports_free": 1024,
        }
    )
    offices = pd.DataFrame(
        {
            "place_id": [f"SYN-P-{code}" for code in seats.index],
            "kind": "office",
            "name": [f"UBND {name}" for name in names],
            "status": "existing",
        }
    )
    drawn = [table.assign(synthetic=True, provenance=MADE_UP) for table in (nodes, offices)]
    at = seats.geometry.to_numpy()
    return gpd.GeoDataFrame(drawn[0], geometry=at, crs=EPSG), gpd.GeoDataFrame(drawn[1], geometry=at, crs=EPSG)


def commands(study: Path, out: Path, hamlet: str) -> dict[str, list[str]]:
    """Every command of the newcomer's path, by the name it has in the table."""
    propose = {f"propose -k {kind}": ["propose", str(study), "-k", kind] for kind in KINDS}
    asked = {
        "check": ["check", str(study)],
        "plan": ["plan", str(study)],
        "map": ["map", str(study)],
        "export": ["export", str(study)],
        "documents": ["documents", str(study)],
        "fiber": ["fiber", str(study), "--time-limit", "60"],
        **propose,
        "map, with proposals": ["map", str(study)],
        "documents, with proposals": ["documents", str(study)],
        "sheet": ["sheet", str(study), hamlet],
    }
    return {
        name: [*words, "-o", str(out / name.replace(" -k ", "_").replace(", ", "_").replace(" ", "_"))]
        for name, words in asked.items()
    }


def run(words: Sequence[str], log: Path) -> tuple[int, float, float, float]:
    """One command in its own process, what it says in a file: exit code, seconds, CPU seconds, peak memory in GB."""
    began = time.perf_counter()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as told:
        asked = [sys.executable, "-m", "covplan", *words]
        child = subprocess.Popen(asked, stdout=told, stderr=subprocess.STDOUT)  # noqa: S603  # words of `commands`
        _pid, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def say(line: str) -> None:
    """One line to the screen at once: a command may take minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> dict[str, int]:
    """Do what the command line asks for; returns the rows of each layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--outlines", type=Path, default=Spec.outlines)
    parser.add_argument("--population", type=Path, default=Spec.population)
    parser.add_argument("--hamlets", type=int, default=Spec.hamlets)
    parser.add_argument("--stations", type=int, default=Spec.stations)
    parser.add_argument("--least", action="store_true")
    parser.add_argument("--cell-m", type=float, default=Spec.cell_m)
    parser.add_argument("--run", type=Path, metavar="OUT")
    asked = vars(parser.parse_args(arguments))
    folder, out = asked.pop("folder"), asked.pop("run")
    rows = build(folder, Spec(**asked))
    say(f"{folder}: {synthetic_notice()}")
    say(", ".join(f"{name} {count:,}" for name, count in rows.items()))
    if out:
        hamlet = str(open_study(folder).villages["village_id"].iloc[0])
        say(f"{'command':<28}{'exit':>5}{'seconds':>10}{'CPU s':>9}{'peak GB':>9}")
        for name, words in commands(folder, out, hamlet).items():
            code, seconds, cpu_s, peak_gb = run(words, Path(f"{words[-1]}.txt"))
            say(f"{name:<28}{code:>5}{seconds:>10.1f}{cpu_s:>9.1f}{peak_gb:>9.2f}")
    return rows


if __name__ == "__main__":
    main()
