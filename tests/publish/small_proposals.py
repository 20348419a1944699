"""A small plan with one proposal of every kind, as `pipeline.propose` would add them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import LineString, Point

from covplan.pipeline import make_plan
from covplan.study.folder import open_study
from covplan.study.plan import result_table
from tests.study import EPSG, SOUTH, WEST, small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

MILLION = 1e6


def small_plan(folder: Path, **changed: Any) -> Plan:
    """The plan of the small study, without proposals."""
    return make_plan(open_study(small_study(folder / "study", **changed)))


def with_proposals(plan: Plan, **every: Any) -> Plan:
    """The plan with proposals; `every` replaces a column of all of them."""
    at = Point(WEST + 1000, SOUTH + 1000)
    common = {"structure": "A2b", "height_m": 42.0, "antenna_height_m": 40.0, "funding": "operator"}
    rows = [
        {"proposal_id": "S-001", "kind": "share", "action": "consolidate", "operator": "VTL", "location_id": "L-1",
         "from_location_id": "L-2", "indicator": "BTS_SHARE_RATIO", "year": 2025, "base": 95, **common},
        {"proposal_id": "S-002", "kind": "share", "action": "consolidate", "operator": "MBF", "location_id": "L-3",
         "from_location_id": "L-5", "indicator": "BTS_SHARE_RATIO", "year": 2026, "base": 100, **common},
        {"proposal_id": "W-001", "kind": "white_spot", "action": "new_mast", "village_id": "T-02203-2",
         "indicator": "VILLAGE_MBB_COV", "year": 2025, "base": 1234.5, "households": 60, "gains": "T-02203-2",
         "gains_count": 1, "bands": "L700;L1800", **common, "funding": "universal_service_fund"},
        {"proposal_id": "P-001", "kind": "place_5g", "action": "upgrade_5g", "operator": "VTL", "location_id": "L-4",
         "indicator": "5G_KEYPLACES", "year": 2027, "base": 650, "gains_count": 2, "bands": "N2600", **common},
        {"proposal_id": "F-001", "kind": "fiber", "action": "connect_hamlet", "operator": "VNPT",
         "village_id": "T-02203-1", "indicator": "VILLAGE_FTTH_COV", "base": 400, "length_m": 5400.0,
         "households": 80, "gains_count": 1},
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    base = table.pop("base")
    reason = [f"Lý do của {one}." for one in table["proposal_id"]]
    table = table.assign(
        title_vi=[f"Đề xuất {one}" for one in table["proposal_id"]], title_en="Proposal", reason_vi=reason,
        reason_en="Reason.", cost_low_vnd=0.5 * base * MILLION, cost_base_vnd=base * MILLION,
        cost_high_vnd=2 * base * MILLION, opex_vnd_per_year=-50 * MILLION, confidence=0.9, gap=0.0,
    )  # fmt: skip
    table = table.assign(**every)
    shapes = [at, at, at, at, LineString([(WEST, SOUTH + 3000), (WEST + 5400, SOUTH + 3000)])]
    curve = pd.DataFrame(
        {"hamlets": [1, 2], "households": [60, 140], "cost_vnd": [4e8, 1.3e9], "next_vnd": [4e8, 9e8],
         "satellite_vnd": 5e8, "last_mile": [False, True], "village_ids": ["a", "a;b"]}
    )  # fmt: skip
    compared = pd.DataFrame(
        {"kind": ["share", "share"], "method": ["program", "nearest first"], "status": ["optimal", None],
         "served": [2, 2], "cost_vnd": [1.95e8, 2.5e8], "gap": [0.0, None], "over_program_pct": [0.0, 28.2]}
    )  # fmt: skip
    return replace(
        plan,
        proposals=gpd.GeoDataFrame(result_table("proposals", table), geometry=shapes, crs=EPSG),
        comparison=result_table("comparison", compared),
        supply_curve=result_table("supply_curve", curve),
    )
