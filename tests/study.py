"""The one fixture: a small made-up study, four communes and eight hamlets, in the hills west of Tuyên Quang city.

`small_study(tmp_path)` writes it; every override replaces a layer (a table, or a function of the table as it is) or a
settings section, so that a test says only what is special about it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import LineString, Point, box

from covplan.study.folder import write_layer
from covplan.study.grid import Grid
from covplan.study.layers import input_layers
from covplan.study.settings import Settings
from covplan.study.settings_file import settings_toml

if TYPE_CHECKING:
    from pathlib import Path

EPSG = 9211
WEST, SOUTH, SIDE = 415_000.0, 2_412_000.0, 6_000.0  # lower left corner of the south-western commune; side of a square
NAMES = ["Thôn Nà Tông", "Thôn Đồng Rôm", "Bản Bung", "Thôn Khuổi Phìn", "Tổ dân phố 1"]
NAMES += ["Tổ dân phố 2", "Thôn Cả", "Bản Khẻ"]
COMMUNES = {"02200": "Xã Một", "02203": "Xã Hai", "02206": "Phường Ba", "02209": "Xã Bốn"}


def small_study(folder: Path, settings: dict[str, Any] | None = None, **layers: Any) -> Path:
    """Write the small study into a folder and return it."""
    tables = small_layers()
    for name, change in layers.items():
        tables[name] = change(tables[name].copy()) if callable(change) else change
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if len(table):
            write_layer(table, input_layers()[name], folder / input_layers()[name].file)
    given = {"province": {"name": "Tỉnh thử"}, "grid": {"cell_m": 100, "margin_m": 1000}, **(settings or {})}
    # Most tests are about what is written in the tables; those about radio say basis = computed.
    given["coverage"] = {"basis": "declared", **given.get("coverage", {})}
    (folder / "study.toml").write_text(settings_toml(Settings.model_validate(given)), encoding="utf-8")
    grid = Grid.from_bounds((WEST - 2000, SOUTH - 2000, WEST + 2 * SIDE + 2000, SOUTH + 2 * SIDE + 2000), 90, EPSG)
    rows, columns = np.mgrid[: grid.rows, : grid.columns]
    heights = 120 + 80 * np.sin(rows / 15) * np.cos(columns / 20)
    grid.write(folder / "elevation.tif", heights.round().astype("int16"), nodata=-32768)
    grid.write(folder / "landcover.tif", np.full(grid.shape, 10, dtype="uint8"), nodata=0)
    grid.write(folder / "population.tif", np.full(grid.shape, 0.5, dtype="float32"))
    return folder


def decimal_dots(texts: pd.Series) -> list[str]:
    """Vietnamese texts in which a number has a decimal dot; dots of thousands, of versions and of dates are none."""
    return [text for text in texts.dropna() if re.search(r"(?<![\d.])\d+\.\d{1,2}(?![\d.])", text)]


def small_layers() -> dict[str, pd.DataFrame]:
    """Layers of the small study, as they stand in its files."""
    squares = {
        code: box(
            WEST + SIDE * (i % 2), SOUTH + SIDE * (i // 2), WEST + SIDE * (i % 2 + 1), SOUTH + SIDE * (i // 2 + 1)
        )
        for i, code in enumerate(COMMUNES)
    }
    communes = gpd.GeoDataFrame(
        {
            "commune_code": [*COMMUNES, "02200"],
            "boundary_version": ["2025-02"] * 4 + ["2025-07"],
            "name": [*COMMUNES.values(), "Xã Mới"],
            "district": ["Huyện Đông", "Huyện Đông", "Thành phố Tây", "Huyện Đông", None],
            "demand_5g": [False, False, True, False, True],
        },
        geometry=[*squares.values(), box(WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE)],
        crs=EPSG,
    )
    halves = [
        (code, n, box(*(s.bounds[0] + SIDE / 2 * n, s.bounds[1], s.bounds[0] + SIDE / 2 * (n + 1), s.bounds[3])))
        for code, s in squares.items()
        for n in (0, 1)
    ]
    centre = gpd.GeoSeries([shape.centroid for _, _, shape in halves], crs=EPSG)
    lonlat = centre.to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": [f"T-{code}-{n + 1}" for code, n, _ in halves],
            "name": NAMES,
            "commune_code": [code for code, _, _ in halves],
            "boundary_version": "2025-02",
            "district": ["Huyện Đông"] * 4 + ["Thành phố Tây"] * 2 + ["Huyện Đông"] * 2,
            "households": [100, 120, 80, 60, 300, 280, 90, 70],
            "population": [400, 470, 310, 250, 1100, 1000, 350, 280],
            "centre_lon": lonlat.x.round(6),
            "centre_lat": lonlat.y.round(6),
            "grid_power": [True] * 7 + [False],
            "difficulty": ["none", "none", "special", "difficult", "none", "none", "none", "special"],
            "declared_mobile": ["covered", "covered", "weak", "none", "covered", "covered", "covered", "covered"],
            "declared_5g": [False, False, False, False, True, True, False, False],
            "declared_ftth": [True, True, False, False, True, True, True, True],
            "ftth_households": [40, 50, 0, 0, 250, 240, 40, 20],
        },
        geometry=[shape for _, _, shape in halves],
        crs=EPSG,
    )
    dwellings = gpd.GeoDataFrame(
        {
            "dwelling_id": [f"{v}-{k}" for v in villages["village_id"] for k in (1, 2)],
            "village_id": np.repeat(villages["village_id"].to_numpy(), 2),
            "households": [part for h in villages["households"] for part in (h - h // 3, h // 3)],
        },
        geometry=[Point(p.x + dx, p.y) for p in centre for dx in (0, 700)],
        crs=EPSG,
    )
    roads = gpd.GeoDataFrame(
        {
            "road_id": ["R-1", "R-2"],
            "class": ["primary", "tertiary"],
            "name": ["QL thử", None],
            "power": [True, False],
        },
        geometry=[
            LineString([(WEST, SOUTH + 3000), (WEST + 2 * SIDE, SOUTH + 3000)]),
            LineString([(WEST + 6000, SOUTH + 3000), (WEST + 6000, SOUTH + 12000)]),
        ],
        crs=EPSG,
    )
    routes = gpd.GeoDataFrame(
        {
            "route_id": ["F-1"],
            "operator": ["VNPT"],
            "class": ["backbone"],
            "mounting": ["C2"],
            "cores": [48],
            "spare_cores": [24],
        },
        geometry=[roads.geometry[0]],
        crs=EPSG,
    )
    nodes = gpd.GeoDataFrame(
        {
            "node_id": ["OLT-1", "FAT-1"],
            "operator": ["VNPT", "VNPT"],
            "kind": ["OLT", "FAT"],
            "village_id": ["T-02206-1", "T-02200-1"],
            "ports": [1024, 16],
            "ports_free": [200, 4],
        },
        geometry=[centre[4], centre[0]],
        crs=EPSG,
    )
    places = gpd.GeoDataFrame(
        {
            "place_id": ["P-1", "P-2", "P-3"],
            "kind": ["industrial_zone", "school", "tourist_site"],
            "name": ["Khu công nghiệp Thử", "Trường Tiểu học Thử", "Thác Thử"],
            "status": ["existing", "existing", "planned"],
            "users": [3000, 400, 100],
            "demand_mbps": [600.0, 40.0, 20.0],
            "declared_5g": [True, False, False],
        },
        geometry=[centre[4].buffer(300), centre[0], centre[7]],
        crs=EPSG,
    )
    return {
        "villages": villages,
        "dwellings": dwellings,
        "communes": communes,
        "stations": _stations(centre),
        "cells": pd.DataFrame(
            {
                "cell_id": [f"S-{n}-4-1" for n in range(1, 8)],
                "station_id": [f"S-{n}" for n in range(1, 8)],
                "technology": "4G",
                "band": "L1800",
                "azimuth_deg": 0.0,
                "downtilt_deg": 3.0,
                "eirp_dbm": 61.0,
                "antenna": "omni",
            }
        ),
        "routes": routes,
        "nodes": nodes,
        "service_points": _service_points(centre),
        "places": places,
        "roads": roads,
        "statistics": pd.DataFrame(
            {
                "indicator": ["MBB_SUBS_100", "SPEED_MOBILE"],
                "value": [74.8, 74.86],
                "date": ["2024-12-31", "2024-12-31"],
                "source": ["báo cáo thử", "i-Speed"],
                "boundary_version": "2025-02",
            }
        ),
    }


def _service_points(centre: gpd.GeoSeries) -> pd.DataFrame:
    """A staffed shop with all its measures, and a planned point of which little is known."""
    at = gpd.GeoSeries([centre[4], centre[7]], crs=EPSG).to_crs(4326)
    return pd.DataFrame(
        {
            "point_id": ["D-1", "D-2"],
            "kind": ["Đ1", "Đ2"],
            "name": ["Cửa hàng Thử", "Điểm Wi-Fi Thác Thử"],
            "operator": ["VNPT", None],
            "address": ["Số 1, đường Thử", None],
            "lon": at.x.round(6),
            "lat": at.y.round(6),
            "land_area_m2": [120.0, None],
            "land_use": ["leased", None],
            "building_area_m2": [80.5, None],
            "floor_area_m2": [161.0, None],
            "height_m": [8.5, 4.0],
            "opened_year": [2012, 2027],
            "status": ["existing", "planned"],
        }
    )


def _stations(centre: gpd.GeoSeries) -> pd.DataFrame:
    """Seven stations on six locations: the first location is shared by two operators."""
    at = gpd.GeoSeries([centre[i] for i in (0, 0, 1, 2, 4, 5, 6)], crs=EPSG).to_crs(4326)
    return pd.DataFrame(
        {
            "station_id": [f"S-{n}" for n in range(1, 8)],
            "operator": ["VTL", "VNPT", "VTL", "MBF", "VTL", "VNPT", "VNM"],
            "location_id": ["L-1", "L-1", "L-2", "L-3", "L-4", "L-5", "L-6"],
            "lon": at.x.round(6),
            "lat": at.y.round(6),
            "commune_code": ["02200", "02200", "02200", "02203", "02206", "02206", "02209"],
            "boundary_version": "2025-02",
            "structure": ["A2b", "A2b", "A2b", "A2b", "A2a", "A1b", "A2b"],
            "height_m": [42, 42, 45, 42, 12, 18, 42],
            "building_height_m": [0, 0, 0, 0, 15, 0, 0],
            "antenna_height_m": [40, 35, 43, 40, 26, 17, 40],
            "owner": ["VTL", "VTL", "VTL", "MBF", "VTL", "VNPT", "VNM"],
            "tenants": ["VNPT;VTL", "VNPT;VTL", "VTL", "MBF", "VTL", "VNPT", "VNM"],
            "max_tenants": [3, 3, 2, 2, 2, 2, 2],
            "technologies": ["3G;4G", "4G", "4G", "4G", "4G;5G", "4G", "4G"],
            "bands": ["U900;L1800", "L1800", "L1800", "L1800", "L1800;N2600", "L1800", "L1800"],
            "backhaul": ["fiber", "fiber", "microwave", "fiber", "fiber", "fiber", "fiber"],
            "on_air": [
                "2015-05-01",
                "2024-03-01",
                "2018-06-01",
                "2019-01-15",
                "2016-02-01",
                "2024-07-01",
                "2020-01-01",
            ],
            "status": "existing",
        }
    )
