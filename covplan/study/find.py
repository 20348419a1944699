"""A hamlet by what people call it: its id, its name with or without accents, with or without "Thôn" before it."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

from pyproj import Transformer

from covplan.study.boundaries import name_of
from covplan.study.codes import WGS84
from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.settings import suggestion

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

KINDS = ("tổ dân phố", "tdp", "thôn", "bản", "xóm", "khu", "tổ", "làng", "buôn", "ấp")
SHOWN = 12  # candidates spelled out


def find_village(villages: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, text: str) -> pd.Series:
    """The one hamlet meant by an id or a name; case does not count.

    A name as written goes before one without accents: "Tân Thành" is not "Tân Thanh".

    Raises
    ------
    LayerError
        None is called so (the nearest names are told), or several are (each is told with its commune).
    """
    asked = _same_case(text)
    names = villages["name"].map(_same_case)
    short = names.map(_without_kind)
    plain, plain_short = names.map(plain_letters), short.map(plain_letters)
    tries = (
        villages["village_id"].map(_same_case) == asked,
        names == asked,
        short == asked,
        plain == plain_letters(asked),
        plain_short == plain_letters(asked),
    )
    for hits in tries:
        if hits.sum() == 1:
            row: pd.Series = villages[hits].iloc[0]
            return row
        if hits.any():
            raise LayerError(_several(text, villages[hits], communes))
    near = difflib.get_close_matches(
        plain_letters(_without_kind(asked)), plain_short.unique().tolist(), n=3, cutoff=0.6
    )
    meant = villages.loc[plain_short.isin(near), "name"].unique().tolist()[:SHOWN]
    hint = suggestion(", ".join(meant))
    raise LayerError(_("villages: no hamlet {text!r}, neither as id nor as name.{hint}").format(text=text, hint=hint))


def centre_of(village: pd.Series, epsg: int) -> tuple[float, float]:
    """A hamlet's centre (culture house; without one, a point within its area) in the study's CRS, metres."""
    lon, lat = village["centre_lon"], village["centre_lat"]
    if lon == lon and lat == lat:  # not NaN
        x_m, y_m = Transformer.from_crs(WGS84, epsg, always_xy=True).transform(float(lon), float(lat))
        return float(x_m), float(y_m)
    point = village["geometry"].representative_point()
    return float(point.x), float(point.y)


def plain_letters(text: str) -> str:
    """Small letters without accents.

    >>> plain_letters("Thôn Đồng Rôm")
    'thon dong rom'
    """
    small = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in small if not unicodedata.combining(letter))


def _same_case(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", str(text)).casefold().split())


def _without_kind(name: str) -> str:
    for kind in KINDS:
        if name.startswith(f"{kind} "):
            return name.removeprefix(f"{kind} ")
    return name


def _several(text: str, found: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> str:
    commune = name_of(found["commune_code"], found["boundary_version"], communes)
    parts = zip(found["village_id"], found["name"], commune.fillna(""), strict=True)
    lines = [f"  {village}  {', '.join(part for part in (name, where) if part)}" for village, name, where in parts]
    head = _("villages: {count} hamlets are called {text!r}; ask by id:").format(count=len(lines), text=text)
    shown = [head, *lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append("  " + _("… and {count} more").format(count=len(lines) - SHOWN))
    return "\n".join(shown)
