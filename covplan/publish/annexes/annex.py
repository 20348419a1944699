"""One annex: a table, the columns that are shown of it, and what is said above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from covplan.study.language import N_

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "count", "year", "tenths", "number", "metres", "degrees", "million"]


@dataclass(frozen=True)
class Field:
    """One column of an annex: where it comes from, what it is called, how wide it is, whether it is summed."""

    name: str
    title: str
    """In English; the sheet shows it in its own language."""
    kind: Kind = "text"
    width: float = 12.0
    summed: bool = False


@dataclass(frozen=True)
class Annex:
    """One sheet of the workbook."""

    tab: str
    """At most 31 characters; what Excel shows on the tab."""
    title: str
    table: pd.DataFrame
    fields: tuple[Field, ...]
    notes: tuple[str, ...] = ()


PLACE = (
    Field("commune_old", N_("Commune (before 7/2025)"), width=17),
    Field("district_old", N_("District (before 7/2025)"), width=17),
    Field("commune_new", N_("Commune (after 7/2025)"), width=17),
)
COORDINATES = (
    Field("north_m", N_("X (north), VN-2000 (m)"), "metres", 11),
    Field("east_m", N_("Y (east), VN-2000 (m)"), "metres", 11),
    Field("lon", N_("Longitude WGS 84 (°)"), "degrees", 11.5),
    Field("lat", N_("Latitude WGS 84 (°)"), "degrees", 10.5),
)
COST = (
    Field("cost_low_vnd", N_("Cost, low (VND million)"), "million", 11, summed=True),
    Field("cost_base_vnd", N_("Cost, base (VND million)"), "million", 11, summed=True),
    Field("cost_high_vnd", N_("Cost, high (VND million)"), "million", 11, summed=True),
)
