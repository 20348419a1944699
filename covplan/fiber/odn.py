"""The optical network between exchange and home: what a way of glass loses, how long it may be, what a hamlet needs.

Classes and losses are data with their sources: `resources/pon_classes.csv`, `resources/odn.csv`.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import SettingsError
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from covplan.study.settings import Fiber


@dataclass(frozen=True)
class OpticalBudget:
    """Loss a class allows between exchange and home, and what is spent before the first metre of cable; dB."""

    allowed_db: float
    split_db: float
    connectors_db: float
    margin_db: float
    per_km_db: float
    """Fiber and the splices of its drums."""
    class_reach_m: float
    """Longest way of the class, whatever the loss."""

    @property
    def left_db(self) -> float:
        """For the cable."""
        return self.allowed_db - self.split_db - self.connectors_db - self.margin_db

    @property
    def longest_m(self) -> float:
        """Longest cable from exchange to home; 0 when splitters alone lose too much."""
        return max(0.0, min(self.left_db / self.per_km_db * 1000.0, self.class_reach_m))

    def loss_db(self, cable_m: ArrayLike) -> NDArray[np.float64]:
        """Loss of a whole way, without the margin; same shape as `cable_m`."""
        return self.split_db + self.connectors_db + self.per_km_db * np.asarray(cable_m, np.float64) / 1000.0


@dataclass(frozen=True)
class Equipment:
    """What a hamlet's homes need beside cable."""

    fats: int
    """Boxes with one splitter of the last stage each."""
    fdts: int
    splitters: int
    pon_ports: int


def optical_budget(fiber: Fiber) -> OpticalBudget:
    """The budget of the study's PON class and splitters."""
    pon, odn = pon_classes()[fiber.pon_class], odn_values()
    return OpticalBudget(
        allowed_db=float(pon["max_loss_db"]),
        split_db=sum(_split_db(ratio) for ratio in fiber.split),
        connectors_db=odn["connectors"] * odn["connector_db"],
        margin_db=fiber.margin_db,
        per_km_db=odn["fiber_db_per_km"] + odn["splice_db"] / odn["drum_km"],
        class_reach_m=1000.0 * float(pon["reach_km"]),
    )


def equipment(cluster_households: ArrayLike, fiber: Fiber) -> Equipment:
    """FATs, FDT, splitters and PON ports for the clusters of one hamlet.

    One FDT; in each cluster as many FATs, each with a splitter of the last stage, as the planned take-up needs; one
    splitter of the first stage, and one PON port, per so many FATs as it has outputs.

    >>> from covplan.study.settings import Fiber
    >>> equipment([60, 15], Fiber(split=(4, 8), take_up=0.6))
    Equipment(fats=7, fdts=1, splitters=9, pon_ports=2)
    """
    households = np.asarray(cluster_households, np.float64)
    last, before = fiber.split[-1], math.prod(fiber.split[:-1])
    fats = int(np.ceil(np.round(households * fiber.take_up, 6) / last).clip(1).sum())
    ports = math.ceil(fats / before)
    return Equipment(fats, 1, fats + (ports if before > 1 else 0), ports)


@cache
def pon_classes() -> dict[str, dict[str, str]]:
    """Rows of resources/pon_classes.csv by class."""
    return {row["class"]: row for row in csv.DictReader(resource_text("pon_classes.csv").splitlines())}


@cache
def odn_values() -> dict[str, float]:
    """Values of resources/odn.csv by item."""
    return {row["item"]: float(row["value"]) for row in csv.DictReader(resource_text("odn.csv").splitlines())}


def _split_db(ratio: int) -> float:
    if f"split_{ratio}_db" not in odn_values():
        known = [name.split("_")[1] for name in odn_values() if name.startswith("split_")]
        raise SettingsError(
            _("study.toml [fiber] split: no splitter 1:{ratio}; known: 1:{known}.").format(
                ratio=ratio, known=", 1:".join(known)
            )
        )
    return odn_values()[f"split_{ratio}_db"]
