"""Plans of the small study with proposals of every kind, made by hand: what is exported, without what computes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry import LineString

from covplan.pipeline import make_plan
from covplan.study.exported import wkb_of
from covplan.study.folder import open_study
from covplan.study.plan import result_table
from tests.study import EPSG, small_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from covplan.study.plan import Plan


@contextmanager
def edited(package: Path) -> Iterator[sqlite3.Connection]:
    """A GeoPackage open for SQL, with the functions its spatial index asks of every program that edits it."""
    with closing(sqlite3.connect(package)) as base, base:
        base.create_function("ST_IsEmpty", 1, lambda blob: blob is None)
        for n, name in enumerate(("MinX", "MinY", "MaxX", "MaxY")):
            base.create_function(f"ST_{name}", 1, lambda blob, n=n: shapely.from_wkb(wkb_of(blob)).bounds[n])
        yield base


def plan_of(folder: Path, **changed: Any) -> Plan:
    return make_plan(open_study(small_study(folder / "study", **changed)))


def proposed_plan(folder: Path, **changed: Any) -> Plan:
    """A plan with one proposal of each way to do something."""
    plan = plan_of(folder, **changed)
    return replace(plan, proposals=by_hand(plan))


def by_hand(plan: Plan) -> gpd.GeoDataFrame:
    at = plan.hamlets.geometry.centroid
    place = {row.location_id: row.geometry for row in plan.locations.itertuples()}
    rows = [
        {"proposal_id": "W-001", "kind": "white_spot", "action": "new_mast", "village_id": "T-02203-2",
         "structure": "A2b", "height_m": 42.0, "year": 2026, "geometry": at[3]},
        {"proposal_id": "W-002", "kind": "white_spot", "action": "add_band", "location_id": "L-6", "operator": "VNM",
         "bands": "L900", "year": 2026, "geometry": place["L-6"]},
        {"proposal_id": "P-001", "kind": "place_5g", "action": "upgrade_5g", "location_id": "L-1", "operator": "VTL",
         "place_id": "P-2", "bands": "N2600", "year": 2028, "geometry": place["L-1"]},
        {"proposal_id": "S-001", "kind": "share", "action": "consolidate", "location_id": "L-1",
         "from_location_id": "L-3", "operator": "MBF", "geometry": place["L-1"]},
        {"proposal_id": "F-001", "kind": "fiber", "action": "connect_hamlet", "village_id": "T-02203-1",
         "length_m": 3000.0, "depends_on": "S-001", "geometry": LineString([at[0], at[2]])},
    ]  # fmt: skip
    for row in rows:
        row |= {
            "title_vi": f"Đề xuất {row['proposal_id']} tại {row.get('location_id', 'đất mới')}", "title_en": "proposal",
            "indicator": "VILLAGE_MBB_COV", "cost_low_vnd": 1e9, "cost_base_vnd": 2e9, "cost_high_vnd": 3e9,
            "reason_vi": "vì thôn chưa có sóng", "reason_en": "because the hamlet is dark", "synthetic": True,
        }  # fmt: skip
    shapes = gpd.GeoSeries([row.pop("geometry") for row in rows], crs=EPSG)
    lonlat = shapes.centroid.to_crs(4326)
    table = pd.DataFrame(rows).assign(lon=lonlat.x.round(6), lat=lonlat.y.round(6))
    return gpd.GeoDataFrame(result_table("proposals", table), geometry=shapes, crs=EPSG)
