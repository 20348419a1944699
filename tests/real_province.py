"""A study of real data: terrain, communes, roads, population and places of Tuyên Quang, from files beside the project.

The files are read where they lie and never copied into the project. Where nothing is known to the public (the place of
a hamlet within its commune, of a mast, how many households) the row is filled in, marked synthetic, and says so.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio

from covplan.study.folder import write_layer
from covplan.study.layers import input_layers
from covplan.study.settings import Settings
from covplan.study.settings_file import settings_toml

REFERENCE = Path(os.environ.get("COVPLAN_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
PROVINCE = REFERENCE / "province"
EPSG = 9211
HOUSEHOLDS = 60  # of a hamlet about which nothing is published
OPERATORS = {"VNPT": "VNPT", "VinaPhone": "VNPT", "Viettel": "VTL", "MobiFone": "MBF"}
KINDS = {"KCN": "industrial_zone", "CCN": "industrial_cluster", "tourism": "tourist_site"}
MADE_UP = "mô phỏng"


def real_study(folder: Path, basis: str = "declared") -> Path:
    """Write the study of real data into a folder and return it."""
    communes = _communes()
    hamlets = _dark_hamlets(communes)
    layers = {
        "communes": communes,
        "stations": _stations(communes),
        "villages": pd.concat([hamlets, _osm_hamlets(communes)], ignore_index=True),
        "places": _places(),
        "roads": _roads(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in layers.items():
        write_layer(table, input_layers()[name], folder / input_layers()[name].file)
    _raster(PROVINCE / "vvnb_flightgear_srtm_osm2018" / "srtm3_tq_south_filled.tif", folder / "elevation.tif")
    _raster(PROVINCE / "geoglue_worldpop_vnm" / "worldpop2020_1km_tq_clip.tif", folder / "population.tif")
    # A handful of stations is known: what they leave dark says nothing about the province.
    settings = Settings.model_validate(
        {"province": {"name": "Tuyên Quang", "synthetic": True}, "coverage": {"basis": basis}}
    )
    (folder / "study.toml").write_text(settings_toml(settings), encoding="utf-8")
    return folder


def dark_hamlets() -> pd.DataFrame:
    """The ten real hamlets without signal: name, commune, distance to the nearest mast (km), source."""
    table = pd.read_csv(PROVINCE / "facts" / "hamlets_without_signal.csv")
    return table.assign(commune=table["commune_then"].str.partition(" (")[0])


def _communes() -> gpd.GeoDataFrame:
    old = gpd.read_file(PROVINCE / "gadm41_level3" / "tq_communes137_2024.gpkg")
    new = gpd.read_file(PROVINCE / "thanglequoc_wards2025" / "tq_wards_2025_34prov.gpkg")
    old = old.rename(columns={"wardCode": "commune_code", "ward": "name"}).assign(boundary_version="2025-02")
    new = new.rename(columns={"code": "commune_code"}).assign(
        boundary_version="2025-07", district=None, name=new["fullName"]
    )
    columns = ["commune_code", "boundary_version", "name", "district", "geometry"]
    both = pd.concat([old[columns], new[columns]], ignore_index=True).to_crs(EPSG)
    return both.assign(
        commune_code=both["commune_code"].astype(str).str.zfill(5),
        demand_5g=both["name"].str.startswith(("Phường", "Thị trấn")),
        synthetic=False,
        provenance=["GADM 4.1"] * len(old) + ["vietnamese-provinces-database (sapnhap.bando.com.vn)"] * len(new),
    )


def _dark_hamlets(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Real names and distances; each stands its published distance from its commune's assumed mast."""
    facts = dark_hamlets()
    home = [_commune(communes, name) for name in facts["commune"]]
    bearing = np.linspace(0, 2 * np.pi, len(facts), endpoint=False)
    away_m = facts["dist_km"].to_numpy() * 1000
    mast = _masts(communes).set_index("commune_code")
    start = [mast.geometry[unit["commune_code"]] for unit in home]
    x = [point.x + d * np.sin(b) for point, d, b in zip(start, away_m, bearing, strict=True)]
    y = [point.y + d * np.cos(b) for point, d, b in zip(start, away_m, bearing, strict=True)]
    return _hamlets(
        facts["hamlet"].to_list(),
        [unit["commune_code"] for unit in home],
        [unit["district"] for unit in home],
        gpd.GeoSeries.from_xy(x, y, crs=EPSG),
        state="none",
        provenance=[f"tên, tình trạng thật: {url}; vị trí, số hộ {MADE_UP}" for url in facts["source_url"]],
    )


def _osm_hamlets(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    osm = gpd.read_file(PROVINCE / "vvnb_flightgear_srtm_osm2018" / "osm2018_places.gpkg").to_crs(EPSG)
    osm = osm[(osm["fclass"] == "village") & osm["name"].notna()]
    units = communes[communes["boundary_version"] == "2025-02"].rename(columns={"name": "commune"})
    at = gpd.sjoin(osm, units, predicate="within").reset_index(drop=True)
    return _hamlets(
        at["name"].to_list(),
        at["commune_code"].to_list(),
        at["district"].to_list(),
        at.geometry,
        state=None,
        provenance=[f"tên, điểm: © OpenStreetMap contributors, ODbL; số hộ {MADE_UP}"] * len(at),
    )


def _hamlets(
    names: list[str],
    codes: list[str],
    districts: list[str],
    points: gpd.GeoSeries,
    *,
    state: str | None,
    provenance: list[str],
) -> gpd.GeoDataFrame:
    lonlat = points.to_crs(4326)
    return gpd.GeoDataFrame(
        {
            "village_id": [f"T-{code}-{n}" for n, code in enumerate(codes)],
            "name": names,
            "commune_code": codes,
            "boundary_version": "2025-02",
            "district": districts,
            "households": HOUSEHOLDS,
            "population": 4 * HOUSEHOLDS,
            "centre_lon": lonlat.x.round(6),
            "centre_lat": lonlat.y.round(6),
            "declared_mobile": pd.Series([state] * len(names), dtype="object"),
            "synthetic": True,
            "provenance": provenance,
        },
        geometry=points.to_numpy(),
        crs=EPSG,
    ).assign(village_id=lambda table: table["village_id"] + ("-d" if state else "-o"))


def _masts(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One assumed mast per commune of the published distances, at a point inside the commune."""
    units = communes[communes["boundary_version"] == "2025-02"]
    wanted = {_commune(communes, name)["commune_code"] for name in dark_hamlets()["commune"]}
    chosen = units[units["commune_code"].isin(wanted)]
    return chosen.set_geometry(chosen.geometry.representative_point())


def _stations(communes: gpd.GeoDataFrame) -> pd.DataFrame:
    """Operators named in the province's answers, at assumed masts; one place is printed in an answer."""
    facts = pd.read_csv(PROVINCE / "facts" / "bts_from_voter_answers.csv")
    facts = facts[facts["operator"].isin(OPERATORS) & ~facts["status"].str.startswith("planned")]
    masts = _masts(communes).set_index("commune_code").to_crs(4326)
    rows = []
    for fact in facts.itertuples():
        unit = _commune(communes, fact.commune.removeprefix("xa "))
        printed = pd.to_numeric(pd.Series([fact.lon, fact.lat]), errors="coerce")
        known = bool(printed.notna().all())
        if not known and unit["commune_code"] not in masts.index:
            continue
        lon, lat = (
            printed if known else (masts.geometry[unit["commune_code"]].x, masts.geometry[unit["commune_code"]].y)
        )
        rows.append(
            {
                "station_id": f"SYN-{len(rows) + 1}-{OPERATORS[fact.operator]}",
                "operator": OPERATORS[fact.operator],
                "location_id": f"SYN-L-{'printed' if known else unit['commune_code']}",
                "lon": round(lon, 6),
                "lat": round(lat, 6),
                "commune_code": unit["commune_code"],
                "boundary_version": "2025-02",
                "structure": "A2b",
                "height_m": 42.0,
                "technologies": "3G;4G",
                "bands": "U2100;L1800",
                "status": "existing",
                "synthetic": True,
                "provenance": f"nhà mạng, xã: {fact.source}; cột {MADE_UP}" + ("" if known else f", vị trí {MADE_UP}"),
            }
        )
    table = pd.DataFrame(rows).drop_duplicates(["operator", "location_id"])
    return table.assign(commune_code=table["commune_code"].astype(str))


def _places() -> gpd.GeoDataFrame:
    facts = pd.read_csv(PROVINCE / "facts" / "industrial_and_tourism_places.csv")
    precision_m = facts["precision"].str.extract(r"±([\d.]+) km")[0].astype(float) * 1000
    return gpd.GeoDataFrame(
        {
            "place_id": [f"P-{n}" for n in range(len(facts))],
            "kind": facts["kind"].map(KINDS),
            "name": facts["name"],
            "status": np.where(facts["status"].fillna("").str.contains("planned"), "planned", "existing"),
            "precision_m": precision_m,
            "synthetic": False,
            "provenance": facts["fact_source"],
        },
        geometry=gpd.points_from_xy(facts["lon"], facts["lat"], crs=4326),
    ).to_crs(EPSG)


def _roads() -> gpd.GeoDataFrame:
    osm = gpd.read_file(PROVINCE / "vvnb_flightgear_srtm_osm2018" / "osm2018_roads.gpkg").to_crs(EPSG)
    return gpd.GeoDataFrame(
        {
            "road_id": [f"R-{n}" for n in range(len(osm))],
            "class": "unclassified",  # lost on the way to the simulator's scenery the lines were rebuilt from
            "synthetic": False,
            "provenance": "© OpenStreetMap contributors 2018, ODbL",
        },
        geometry=osm.geometry.to_numpy(),
        crs=EPSG,
    )


def _raster(source: Path, target: Path) -> None:
    with rasterio.open(source) as raster:
        values, profile = raster.read(1), raster.profile
    profile |= {"driver": "GTiff", "compress": "deflate"}
    with rasterio.open(target, "w", **profile) as raster:
        raster.write(values, 1)


def _commune(communes: gpd.GeoDataFrame, name: str) -> pd.Series:
    """The commune of 2025-02 of that name, whatever its marks and kind."""
    units = communes[communes["boundary_version"] == "2025-02"]
    plain = units["name"].map(_plain)
    return units[plain.str.endswith(_plain(name))].iloc[0]


def _plain(text: str) -> str:
    marks = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(letter for letter in marks if not unicodedata.combining(letter)).casefold()
