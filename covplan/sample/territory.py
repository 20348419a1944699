"""The commune layer in both boundary versions, and the published statistics: names and figures real, outlines not."""

from __future__ import annotations

import datetime

import geopandas as gpd
import pandas as pd
import shapely

from covplan.sample.published import admin, facts, old_communes

URBAN_KINDS = ("Phường", "Thị trấn")
OLD_PROVENANCE = (
    "tên, mã thật ({source}); ranh giới gần đúng (theo sống núi, suối của địa hình mô phỏng), "
    "không phải địa giới pháp lý"
)
NEW_PROVENANCE = (
    "tên, mã thật ({source}); ranh giới là hợp các xã 2025-02 theo bảng chuyển đổi, xã chia tách "
    "(Kim Phú, Thái Bình) tính trọn vào đơn vị nhận phần chính; không phải địa giới pháp lý"
)
BASELINE_DATE = datetime.date(2024, 12, 31)
BASELINE_NOTE = "; kế hoạch không ghi ngày số liệu, giả định 31/12/2024"


def communes_both_versions(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The communes layer: the 137 cells of 2025-02 and the 51 units of 2025-07 on the same territory.

    5G demand areas are the wards and towns of 2025-02 and the wards of 2025-07: where the plan's "areas with demand"
    are likeliest, as it does not list them.
    """
    old = cells.sort_values("commune_code", ignore_index=True)
    rows = [old_communes()[code] for code in old["commune_code"]]
    before = gpd.GeoDataFrame(
        {
            "commune_code": old["commune_code"],
            "boundary_version": "2025-02",
            "name": [row["name"] for row in rows],
            "district": [row["district"] for row in rows],
            "demand_5g": [row["kind"] in URBAN_KINDS for row in rows],
            "synthetic": True,
            "provenance": [OLD_PROVENANCE.format(source=row["source"]) for row in rows],
        },
        geometry=old.geometry.to_numpy(),
        crs=cells.crs,
    )
    polygons = dict(zip(before["commune_code"], before.geometry, strict=True))
    taken = {row["old_code"]: row["new_code"] for row in admin("2025-02_to_2025-07") if row["main"] == "yes"}
    units = [row for row in admin("2025-07") if row["on_old_territory"] == "yes"]
    unions = [
        shapely.normalize(
            shapely.union_all(
                [polygons[old] for old, new in taken.items() if new == unit["commune_code"]], grid_size=0.1
            )
        )
        for unit in units
    ]
    after = gpd.GeoDataFrame(
        {
            "commune_code": [unit["commune_code"] for unit in units],
            "boundary_version": "2025-07",
            "name": [unit["name"] for unit in units],
            "district": pd.Series([None] * len(units), dtype=object),
            "demand_5g": [unit["kind"] in URBAN_KINDS for unit in units],
            "synthetic": True,
            "provenance": [NEW_PROVENANCE.format(source=unit["source"]) for unit in units],
        },
        geometry=unions,
        crs=cells.crs,
    )
    return gpd.GeoDataFrame(pd.concat([before, after], ignore_index=True), crs=cells.crs)


def statistics() -> pd.DataFrame:
    """The statistics layer: the plan's published figures of the province before July 2025."""
    rows = [row for row in facts("published") if row["item"].isupper()]
    return pd.DataFrame(
        {
            "indicator": [row["item"] for row in rows],
            "value": [float(row["value"]) for row in rows],
            "date": BASELINE_DATE,
            "source": [row["source"] + BASELINE_NOTE for row in rows],
            "boundary_version": "2025-02",
        }
    )
