"""What an action costs: unit costs of the settings put together, low, base and high carried along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import SettingsError
from covplan.study.language import MILLION, _
from covplan.study.settings import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.study.settings import Cost, Propose

MONTHS = 12
METRES_PER_KM = 1000.0


@dataclass(frozen=True)
class Range:
    """An amount that is not known exactly."""

    low: float
    base: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.base + other.base, self.high + other.high)

    def __mul__(self, factor: float | Range) -> Range:
        by = factor if isinstance(factor, Range) else Range(factor, factor, factor)
        return Range(self.low * by.low, self.base * by.base, self.high * by.high)


NOTHING = Range(0.0, 0.0, 0.0)


def unit_cost(costs: Mapping[str, Cost], item: str) -> Range:
    """Low, base and high of one item of the cost table, in the item's unit."""
    if item not in costs:
        text = _("study.toml [costs] {item}: no such cost.")
        raise SettingsError(text.format(item=item) + did_you_mean(item, costs))
    cost = costs[item]
    return Range(cost.low, cost.base, cost.high)


def present_value(yearly: float, propose: Propose) -> float:
    """Worth today of a yearly cost over the horizon of the settings."""
    years, rate = propose.horizon_years, propose.discount_rate
    factor = float(years) if rate == 0 else (1.0 - (1.0 + rate) ** -years) / rate
    return yearly * factor


def cost_over_horizon(built: Sequence[Range], yearly: Sequence[Range], propose: Propose) -> NDArray[np.float64]:
    """Base cost to build and to run over the horizon, million VND: what the covering programs weigh."""
    return np.array(
        [(b.base + present_value(y.base, propose)) / MILLION for b, y in zip(built, yearly, strict=True)], dtype=float
    )


def structure_cost(
    costs: Mapping[str, Cost], structure: str, height_m: float, road_m: float, propose: Propose
) -> Range:
    """Structure on the ground or on a roof, VND; dearer where no road leads.

    Of ground masts the cheapest item that is high enough: guyed to 42 m, self-supporting to 45 and 50 m, above that in
    proportion to the height.
    """
    if structure == "A1a":
        return unit_cost(costs, "rooftop_small")
    if structure == "A2a":
        return unit_cost(costs, "rooftop_pole")
    if structure == "A1b":
        return unit_cost(costs, "monopole_urban")
    items = {42.0: "mast_guyed_42m", 45.0: "mast_self_supporting_45m", 50.0: "mast_self_supporting_50m"}
    high_enough = [item for most, item in items.items() if height_m <= most]
    built = unit_cost(costs, high_enough[0]) if high_enough else unit_cost(costs, items[50.0]) * (height_m / 50.0)
    return built * unit_cost(costs, "roadless_factor") if road_m > propose.roadless_m else built


def power_cost(costs: Mapping[str, Cost], line_m: float) -> Range:
    """Power at a new site, VND: a line to the grid with rectifier and battery, or solar where that is cheaper."""
    solar = unit_cost(costs, "power_solar_hybrid")
    line = unit_cost(costs, "power_line_lv") * (line_m / METRES_PER_KM) + unit_cost(costs, "power_rectifier_battery")
    return min(line, solar, key=lambda supply: supply.base)


def fiber_cost(costs: Mapping[str, Cost], length_m: float, *, poles: bool) -> Range:
    """Aerial cable, VND: on the poles that stand along a road with power, or on new ones."""
    item = "fiber_aerial_shared_poles" if poles else "fiber_aerial_new_poles"
    return unit_cost(costs, item) * (length_m / METRES_PER_KM)


def lease_per_year(costs: Mapping[str, Cost], *, roof: bool) -> Range:
    """Rent of one tenant, VND/year."""
    return unit_cost(costs, "lease_urban_roof" if roof else "lease_rural_ground") * MONTHS
