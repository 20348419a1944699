"""An explained radio link as plain data: what `radio` computes and `publish` draws.

Heights are metres above sea level, distances metres from the mast along the straight line to the receiver. The earth is
drawn flat: the terrain is lifted by the bulge of the effective earth, so that the ray is a straight line.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import pandas as pd

from covplan.study.language import Language, _, by_language, current_language
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from covplan.study.models import ModelName

    Floats = NDArray[np.float64]

ObstacleKind = Literal["ridge", "rise", "earth", "clutter", "fresnel"]


@dataclass(frozen=True)
class BudgetLine:
    """One line of a budget; titles and meaning of the items are in resources/link_budget.csv."""

    item: str
    value: float
    unit: str


@dataclass(frozen=True)
class Obstacle:
    """What hinders a link most: the sample of its profile with the greatest diffraction parameter ν."""

    kind: ObstacleKind
    """ridge, rise (a low one): terrain above the ray; earth: above it only because the earth is round; clutter: trees
    or buildings above it; fresnel: below the ray, but within its first Fresnel zone."""
    distance_m: float
    x_m: float
    y_m: float
    height_m: float
    """Terrain above sea level, without the bulge of the earth."""
    clutter_m: float
    """Trees or buildings on it."""
    over_ray_m: float
    """Above the straight ray, bulge included; negative below. With clutter for the kind clutter and fresnel."""
    fresnel_m: float
    """Radius of the first Fresnel zone there."""
    nu: float


@dataclass(frozen=True, eq=False)
class ExplainedLink:
    """One cell's signal at one receiver, and why it is what it is. Arrays have one value per sample of the profile."""

    operator: str
    technology: str
    model: ModelName
    """That the path loss is of."""
    station_id: str
    cell_id: str
    band: str
    frequency_mhz: float
    rank: int
    """Among the operator's stations, by RSRP: 1 is the best server."""
    nearest: bool
    """Whether no station of the operator is nearer."""
    mast_xy_m: tuple[float, float]
    receiver_xy_m: tuple[float, float]
    antenna_height_m: float
    receiver_height_m: float
    length_m: float
    bearing_deg: float
    """From the mast, clockwise from grid north."""
    azimuth_deg: float
    """Of the antenna; NaN: all round."""
    budget: tuple[BudgetLine, ...]
    """Of the downlink: from EIRP to the margin over the threshold."""
    uplink: tuple[BudgetLine, ...]
    """From the terminal's power to the margin over the station's sensitivity; empty: no uplink throughput is asked, or
    the band cannot carry it."""
    limited_by: Literal["downlink", "uplink"]
    """The direction with the smaller margin."""
    loss: tuple[BudgetLine, ...]
    """Parts of the path loss; the last one is their sum."""
    distance_m: Floats
    ground_m: Floats
    clutter_m: Floats
    """Trees and buildings above the ground; none at the two ends."""
    bulge_m: Floats
    """What the effective earth lifts the ground by."""
    ray_m: Floats
    fresnel_m: Floats
    """Radius of the first Fresnel zone."""
    edge_m: float
    """Where the Bullington edge stands; NaN on a link too short to have one."""
    edge_height_m: float
    """Its top, bulge included."""
    obstacle: Obstacle | None
    map_rsrp_dbm: float
    """The same cell's RSRP on the coverage raster, in the grid cell that holds the receiver; NaN where it has none."""
    map_away_m: float
    """From the receiver to the point at which the raster took the path loss."""
    verdict_vi: str
    verdict_en: str

    @property
    def verdict(self) -> str:
        """What became of the link, in the language spoken now."""
        return str(by_language(self.verdict_vi, self.verdict_en))

    @property
    def rsrp_dbm(self) -> float:
        """RSRP at the receiver, outdoors."""
        return next(line.value for line in self.budget if line.item == "rsrp")

    @property
    def margin_db(self) -> float:
        """Of the weaker direction, prediction error taken off; −∞ when the band cannot carry the uplink asked."""
        lines = self.uplink if self.limited_by == "uplink" else self.budget
        return next((line.value for line in lines if line.item == "margin"), -math.inf)

    @property
    def loss_db(self) -> float:
        """Path loss by the link's model."""
        return self.loss[-1].value


@dataclass(frozen=True)
class MissingLink:
    """An operator without any link to the receiver, and why."""

    operator: str
    technology: str
    station_id: str
    """The nearest station; empty when the operator has none."""
    length_m: float
    """Distance to it; NaN without."""
    verdict_vi: str
    verdict_en: str

    @property
    def verdict(self) -> str:
        """Why there is none, in the language spoken now."""
        return str(by_language(self.verdict_vi, self.verdict_en))


@dataclass(frozen=True)
class Explanation:
    """All that reaches one place, operator by operator, the best server of each first."""

    place: str
    """What the place is called; empty for bare coordinates."""
    place_id: str
    technology: str
    receiver_xy_m: tuple[float, float]
    epsg: int
    links: tuple[ExplainedLink, ...]
    missing: tuple[MissingLink, ...]

    @property
    def best(self) -> tuple[ExplainedLink, ...]:
        """The best server of each operator that has one."""
        return tuple(one for one in self.links if one.rank == 1)

    def _repr_html_(self) -> str:
        operator, cell, verdict = _("Operator"), _("Cell"), _("Verdict")
        rows = [
            {
                operator: one.operator,
                cell: one.cell_id,
                "km": round(one.length_m / 1000.0, 2),
                "RSRP (dBm)": round(one.rsrp_dbm, 1),
                verdict: one.verdict,
            }
            for one in self.links
        ]
        rows += [{operator: one.operator, cell: one.station_id, verdict: one.verdict} for one in self.missing]
        return str(pd.DataFrame(rows).to_html(index=False, escape=True, na_rep="–"))


@cache
def budget_titles() -> dict[str, dict[str, str]]:
    """Titles of the budget items, by item: unit, title_vi, title_en."""
    return {row["item"]: row for row in csv.DictReader(resource_text("link_budget.csv").splitlines())}


def verdict_texts(language: Language | None = None) -> dict[str, str]:
    """Sentences of a verdict by code, with places for figures; resources/verdicts.csv."""
    return _verdict_texts(language or current_language())


@cache
def _verdict_texts(language: Language) -> dict[str, str]:
    return {row["code"]: row[f"text_{language}"] for row in csv.DictReader(resource_text("verdicts.csv").splitlines())}
