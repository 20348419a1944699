"""A study as it was opened and checked, kept with its folder: the next command on the same files starts from there.

Kept are the tables, the findings and the rows set aside, under the key of every file of the folder, of the program and
of the day (some checks ask what is still to come). Whatever could not be given back exactly as it was is not kept.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import rasterio
import shapely
from pyproj import CRS

from covplan.study.cache import may_keep, read_arrays, write_arrays
from covplan.study.files import code_digest
from covplan.study.findings import Finding, Findings
from covplan.study.folder import Study, open_study, study_key, tell_left_out
from covplan.study.language import _
from covplan.study.layers import input_layers
from covplan.study.rasters import RASTER_FILES
from covplan.study.settings_file import SETTINGS_FILE, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

FORMAT = "study 2"
"""Raise the number when the way it is kept changes."""
HEAD = "head"
LIBRARIES = (np, pd, gpd, shapely, pyproj)
"""Another version of them may read or repair the same file in another way."""


class NotExactError(Exception):
    """Something in a study that could not be given back as it is."""


def open_kept(path: str | Path, *, progress: Callable[[str], None] | None = None) -> Study:
    """`covplan.study.folder.open_study`, from what an earlier run kept of the same files, program and day.

    Where nothing is kept yet the study is opened and kept; where the folder may only be read, just opened. Arguments,
    warnings and errors are those of `open_study`.
    """
    folder = Path(path)
    if not (folder / SETTINGS_FILE).is_file() or not may_keep(folder):
        return open_study(folder, progress=progress)
    key, file = _key(folder), kept_study_file(folder)
    study = _read(file, folder, key)
    if study is not None:
        if progress:
            progress(_("study as checked before"))
        tell_left_out(study.findings)
        return study
    study = open_study(folder, progress=progress)
    if _key(folder) == key:  # else a file was changed while it was read
        try:
            arrays = _arrays(study, key)
        except NotExactError:
            return study
        write_arrays(file, arrays, compressed=False)
    return study


def kept_study_file(folder: Path) -> Path:
    """Where a study is kept as it was opened last."""
    return folder / ".cache" / "study" / "checked.npz"


def _key(folder: Path) -> str:
    versions = [f"{one.__name__} {one.__version__}" for one in LIBRARIES]
    versions += [rasterio.__gdal_version__, pyproj.proj_version_str]
    return study_key(folder, FORMAT, date.today().isoformat(), code_digest(), *versions)


def _arrays(study: Study, key: str) -> Arrays:
    """A study as plain arrays, without a Python object in them; NotExactError where that would lose something."""
    arrays: Arrays = {}
    head = {
        "key": key,
        "landcover_classes": study.settings.propagation.landcover_classes,
        "rasters": sorted(name for name, file in study.rasters.items() if file),
        "findings": [_exact(asdict(one)) for one in study.findings],
        "of_layers": {name: _packed(study.table(name), f"t{n}", arrays) for n, name in enumerate(input_layers())},
        "rejected": {name: _packed(table, f"s{n}", arrays) for n, (name, table) in enumerate(study.set_aside.items())},
    }
    return {HEAD: _bytes(json.dumps(head)), **arrays}


def _read(file: Path, folder: Path, key: str) -> Study | None:
    if not file.is_file():
        return None
    arrays = read_arrays(file)
    if arrays is None:
        return None
    head = json.loads(arrays[HEAD].tobytes())
    if head["key"] != key:
        return None
    settings = load_settings(folder / SETTINGS_FILE)
    propagation = settings.propagation
    if propagation.landcover_classes != head["landcover_classes"]:  # found out when the raster was checked
        propagation = propagation.model_copy(update={"landcover_classes": head["landcover_classes"]})
        settings = settings.model_copy(update={"propagation": propagation})
    study = Study(
        folder,
        settings,
        rasters={name: folder / file if name in head["rasters"] else None for name, file in RASTER_FILES.items()},
        findings=Findings(Finding(**one) for one in head["findings"]),
        set_aside={name: _table(packed, arrays) for name, packed in head["rejected"].items()},
        **{name: _table(packed, arrays) for name, packed in head["of_layers"].items()},
    )
    object.__setattr__(study, "as_read", True)
    return study


def _packed(table: pd.DataFrame, name: str, arrays: Arrays) -> dict[str, Any]:
    """What a table is like; its values go into the arrays, under names that begin with its own."""
    if table.attrs or not table.columns.is_unique or not all(isinstance(one, str) for one in table.columns):
        raise NotExactError(name)
    index = table.index
    if not isinstance(index, pd.RangeIndex):
        if index.dtype.kind != "i":
            raise NotExactError(name)
        arrays[f"{name}.index"] = index.to_numpy()
    columns = []
    for number, column in enumerate(table.columns):
        place = f"{name}.{number}"
        columns.append({"name": column, "array": place, **_packed_column(table[column], place, arrays)})
    is_geo = isinstance(table, gpd.GeoDataFrame)
    return {
        "columns": columns,
        "rows": len(table),
        "labels": [index.start, index.stop, index.step] if isinstance(index, pd.RangeIndex) else f"{name}.index",
        "labels_name": _exact(index.name),
        "geometry": table.geometry.name if is_geo else None,
    }


def _packed_column(values: pd.Series, place: str, arrays: Arrays) -> dict[str, Any]:
    dtype = values.dtype
    if isinstance(values, gpd.GeoSeries):
        arrays[place], arrays[f"{place}.ends"] = _joined_wkb(values.to_numpy())
        return {"kind": "geometry", "system": None if values.crs is None else values.crs.to_json()}
    if isinstance(dtype, (pd.Int64Dtype, pd.BooleanDtype)):
        plain = bool if isinstance(dtype, pd.BooleanDtype) else np.int64
        arrays[place], arrays[f"{place}.none"] = values.fillna(plain(0)).to_numpy(plain), values.isna().to_numpy()
        return {"kind": "masked", "dtype": dtype.name}
    if isinstance(dtype, np.dtype) and dtype.kind in "ifbM":
        arrays[place] = values.to_numpy()
        return {"kind": "plain"}
    if isinstance(dtype, pd.StringDtype):
        missing = values.isna()
        texts = [None if none else text for text, none in zip(values.to_numpy(object), missing, strict=True)]
        arrays[place] = _bytes(json.dumps(texts))
        return {"kind": "text", "storage": dtype.storage, "nullable": dtype.na_value is pd.NA}
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        cells = [_exact(_tagged(one)) for one in values.to_numpy(object)]
        arrays[place] = _bytes(json.dumps(cells))
        return {"kind": "objects"}
    raise NotExactError(place)


def _table(packed: dict[str, Any], arrays: Arrays) -> pd.DataFrame:
    index: pd.Index = pd.RangeIndex(*packed["labels"]) if isinstance(packed["labels"], list) else pd.Index(
        arrays[packed["labels"]]
    )  # fmt: skip
    index.name = packed["labels_name"]
    values = {one["name"]: _column(one, arrays, index) for one in packed["columns"]}
    table = pd.DataFrame(values, index=index)
    return gpd.GeoDataFrame(table, geometry=packed["geometry"]) if packed["geometry"] else table


def _column(packed: dict[str, Any], arrays: Arrays, index: pd.Index) -> Any:
    place, kind = packed["array"], packed["kind"]
    if kind == "geometry":
        crs = None if packed["system"] is None else CRS.from_json(packed["system"])
        return gpd.array.from_shapely(_split_wkb(arrays[place], arrays[f"{place}.ends"]), crs=crs)
    if kind == "masked":
        masked = pd.arrays.BooleanArray if packed["dtype"] == "boolean" else pd.arrays.IntegerArray
        return masked(arrays[place], arrays[f"{place}.none"])
    if kind == "text":
        storage = packed["storage"]
        dtype = pd.StringDtype(storage) if packed["nullable"] else pd.StringDtype(storage, na_value=np.nan)
        return pd.array([dtype.na_value if one is None else one for one in _said(arrays[place])], dtype=dtype)
    if kind == "objects":
        return pd.Series([_untagged(one) for one in _said(arrays[place])], index=index, dtype="object")
    return arrays[place]


def _joined_wkb(shapes: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Shapes as well-known binary, one after the other, and where each ends; nothing for one that is missing."""
    parts = [b"" if one is None else one for one in shapely.to_wkb(shapes)]
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([len(one) for one in parts], dtype=np.int64)


def _split_wkb(joined: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[Any]:
    content, starts = joined.tobytes(), [0, *ends.tolist()]
    parts = [content[start:end] or None for start, end in zip(starts, ends.tolist(), strict=False)]
    shapes: NDArray[Any] = shapely.from_wkb(np.array([*parts, None], dtype=object)[:-1])
    return shapes


def _tagged(cell: Any) -> Any:
    if cell is pd.NA:
        return {"missing": "NA"}
    return {"missing": "nan"} if isinstance(cell, float) and cell != cell else cell


def _untagged(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    return pd.NA if cell["missing"] == "NA" else float("nan")


def _exact(value: Any) -> Any:
    """A value that JSON gives back as it is: texts, numbers, lists and dicts of them."""
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        same = json.loads(json.dumps(plain, allow_nan=False)) == plain
    except (TypeError, ValueError) as error:
        raise NotExactError(value) from error
    if not same:
        raise NotExactError(value)
    return plain


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _said(content: NDArray[np.uint8]) -> Any:
    return json.loads(content.tobytes())
