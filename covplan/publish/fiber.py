"""The fiber plan as files: tables for a spreadsheet, lines and hamlets for a GIS. Each file whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.study.files import fixed_file_date, written_whole
from covplan.study.layers import layers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd

PACKAGE = "fiber.gpkg"


def write_fiber(
    out: Path, reach: gpd.GeoDataFrame, proposals: gpd.GeoDataFrame, tables: Mapping[str, pd.DataFrame]
) -> list[Path]:
    """Write fiber_reach.csv, one CSV per table and fiber.gpkg (hamlets by reach, proposals) into a folder.

    Parameters
    ----------
    tables : mapping
        By name: `order` becomes fiber_order.csv.
    """
    written = []
    for name, table in {"reach": pd.DataFrame(reach.drop(columns="geometry")), **tables}.items():
        path = out / f"fiber_{name}.csv"
        with written_whole(path) as part:
            # utf-8-sig: Excel takes a file without the mark for the system's own encoding.
            table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
        written.append(path)
    shown = {"reach": reach, "proposals": proposals}
    with fixed_file_date(), written_whole(out / PACKAGE) as part:
        for name, frame in shown.items():
            if len(frame):
                frame.to_file(part, layer=layers()[name].export_name, driver="GPKG", engine="pyogrio")
    return [*written, out / PACKAGE]
