"""Shapefile and MapInfo TAB for those who still need them, with a list of what these formats cannot hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import pandas as pd
import pyogrio
from pyproj import CRS
from pyproj.crs import BoundCRS
from pyproj.crs.coordinate_operation import ToWGS84Transformation
from pyproj.transformer import TransformerGroup

from covplan.publish.geopackage.schema import described, unique_titles
from covplan.publish.geopackage.styles import GEOMETRIES, geometries
from covplan.publish.geopackage.tables import exported_layers
from covplan.publish.public import public_tables
from covplan.study.codes import WGS84
from covplan.study.files import fixed_file_date, folder_written_whole
from covplan.study.language import current_language, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.publish.geopackage.tables import Exported
    from covplan.study.language import Language
    from covplan.study.plan import Plan

MARGIN = 1000.0  # metres around the objects of a TAB file
Format = Literal["shp", "tab"]
MOST_BYTES = 254  # of a text, in both formats; a Vietnamese letter takes up to three
NAMES_FILE, CUT_FILE = "ten_truong.csv", "bi_cat.csv"
KIND_SUFFIX = {"Point": "_diem", "Line": "_tuyen", "Polygon": "_vung"}


@dataclass(frozen=True)
class _Rules:
    driver: str
    suffix: str
    name_length: int


RULES: dict[Format, _Rules] = {
    "shp": _Rules("ESRI Shapefile", ".shp", 10),
    "tab": _Rules("MapInfo File", ".tab", 31),
}


def write_legacy(
    plan: Plan,
    folder: Path,
    format_: Format,
    *,
    include_restricted: bool = False,
    language: Language | None = None,
) -> Path:
    """Write every layer as files of one geometry each into a folder, whole or not at all.

    Beside them ten_truong.csv (each short field name with the column it stands for, title and meaning) and bi_cat.csv
    (every text that had to be cut). Texts are UTF-8 (.cpg); true and false are 1 and 0; tables without geometry come as
    CSV with nothing cut.
    """
    with speaking(language, plan.study.settings.province.language):
        _write_layers(plan, folder, format_, include_restricted=include_restricted)
    return folder


def _write_layers(plan: Plan, folder: Path, format_: Format, *, include_restricted: bool) -> None:
    own = plan.study.settings.province.epsg
    package = exported_layers(public_tables(plan, include_restricted=include_restricted), own, own)
    rules = RULES[format_]
    names: list[dict[str, str]] = []
    cut: list[dict[str, object]] = []
    with folder_written_whole(folder) as part, fixed_file_date():
        for one in package.all:
            if not one.layer.geometry:
                _write_csv(one.table, part / f"{one.name}.csv")
                continue
            short = short_names(one.columns, rules.name_length)
            titles = unique_titles(one)
            names += [
                {"layer": one.name, "field": short[name], "column": name,
                 f"title_{current_language()}": titles[name], "meaning": described(one.layer.column(name))}
                for name in one.columns
            ]  # fmt: skip
            table, lost = _fitted(one)
            cut += [{"layer": one.name, **row, "field": short[str(row["column"])]} for row in lost]
            kinds = geometries(one)
            for kind in kinds:
                here = table.geom_type.map(GEOMETRIES.get) == kind
                # A row without a place (`publish.public`) goes with the first of the files.
                mine = table[here | table.geometry.isna() if kind == kinds[0] else here].rename(columns=short)
                stem = one.name + (KIND_SUFFIX[kind] if len(kinds) > 1 else "")
                _write(mine, part / f"{stem}{rules.suffix}", rules.driver, own)
        _write_csv(pd.DataFrame(names), part / NAMES_FILE)
        columns = ["layer", "key", "field", "column", "bytes", "kept"]
        _write_csv(pd.DataFrame(cut, columns=columns), part / CUT_FILE)


def _write(table: gpd.GeoDataFrame, path: Path, driver: str, epsg: int) -> None:
    options = {}
    if driver == "MapInfo File":
        west, south, east, north = table.total_bounds
        # Coordinates are whole parts of the bounds: narrow ones keep them to a millimetre.
        options = {"BOUNDS": f"{west - MARGIN},{south - MARGIN},{east + MARGIN},{north + MARGIN}"}
        table = table.set_crs(with_datum(epsg), allow_override=True)
    pyogrio.write_dataframe(table, path, driver=driver, encoding="UTF-8", layer_options=options)


def with_datum(epsg: int) -> CRS:
    """The system with its shift to WGS 84 in it, as MapInfo needs it: it does not know VN-2000 by name.

    Without, a TAB file says WGS 84, and every object stands 224 m off. The figures are EPSG's, by PROJ.
    """
    system = CRS.from_epsg(epsg)
    shift = next(
        (one for one in TransformerGroup(epsg, WGS84, always_xy=True).transformers[0].operations or ()
         if "otation" in one.method_name or "ranslation" in one.method_name), None,
    )  # fmt: skip
    if shift is None:
        return system
    values = {one.name: float(one.value) for one in shift.params}
    sign = -1.0 if "Coordinate Frame" in shift.method_name else 1.0  # PROJ's words have position vectors
    figures = [values.get(f"{axis}-axis translation", 0.0) for axis in "XYZ"]
    figures += [sign * values.get(f"{axis}-axis rotation", 0.0) for axis in "XYZ"]
    figures.append(values.get("Scale difference", 0.0))
    return BoundCRS(system, WGS84, ToWGS84Transformation(system.geodetic_crs, *figures))


def short_names(columns: list[str], most: int) -> dict[str, str]:
    """Column to a field name of at most so many letters, no two alike.

    >>> short_names(["cost_base_vnd", "cost_base_usd", "name"], 10)
    {'cost_base_vnd': 'cost_base_', 'cost_base_usd': 'cost_base1', 'name': 'name'}
    """
    made: dict[str, str] = {}
    for column in columns:
        short, n = column[:most], 0
        while short.lower() in {one.lower() for one in made.values()}:
            n += 1
            short = f"{column[: most - len(str(n))]}{n}"
        made[column] = short
    return made


def _fitted(one: Exported) -> tuple[gpd.GeoDataFrame, list[dict[str, object]]]:
    """A layer as the formats can hold it, and the texts that lost their end."""
    table, lost = gpd.GeoDataFrame(one.table).copy(), []
    keys = table[list(one.layer.key)].astype(str).agg("/".join, axis=1) if one.layer.key else table.index.astype(str)
    for name in one.columns:
        column = one.layer.column(name)
        if column.type == "bool":
            table[name] = table[name].astype("boolean").astype("Int16")
        elif column.type == "int":
            table[name] = table[name].astype("Int32")  # MapInfo before 2016 knows no longer ones
        elif column.type not in ("int", "float"):
            texts = table[name].astype("object").where(table[name].notna(), None)
            size = texts.map(lambda text: len(str(text).encode()) if text is not None else 0)
            short = texts.map(lambda text: _cut(str(text)) if text is not None else None)
            lost += [
                {"key": keys[index], "column": name, "bytes": int(size[index]), "kept": len(str(short[index]).encode())}
                for index in table.index[size > MOST_BYTES]
            ]
            table[name] = short
    return table, lost


def _cut(text: str) -> str:
    """The longest beginning of a text that fits, with no letter cut in two."""
    return text.encode()[:MOST_BYTES].decode(errors="ignore")


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")
