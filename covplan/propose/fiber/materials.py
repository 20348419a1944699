"""Materials of an extension: cable by cores and mounting, poles, boxes, ports, with what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from covplan.fiber.odn import odn_values
from covplan.study.language import _
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.program import Extension
    from covplan.study.settings import Cost

    Ints = NDArray[np.int64]

CABLE_CORES = (12, 24, 48, 96, 144)
SITE_CORES = 4  # of a mast: a pair and a spare pair


def bill_of_quantities(extensions: Sequence[Extension], network: Network, costs: Mapping[str, Cost]) -> pd.DataFrame:
    """Materials with their costs: columns item, detail, unit, quantity, cost_low_vnd, cost_base_vnd, cost_high_vnd.

    Cable is listed by cores and mounting; poles, closures in existing cable, boxes, splitters and PON ports follow from
    the tree; drops and home equipment (ONT) are for the planned take-up, beside the cost of passing.
    """
    rows: list[dict[str, Any]] = []
    graph, kind = network.graph, extensions[0].candidates.kind
    edges = np.concatenate([one.edges for one in extensions])
    cores = np.concatenate([cable_cores(one) for one in extensions])
    vnd = {
        level: np.concatenate([one.candidates.route_vnd[level][one.edges] for one in extensions]) for level in LEVELS
    }
    length_km = graph.length_m[edges] / 1000
    for number, mounted in sorted(set(zip(cores.tolist(), kind[edges].tolist(), strict=True))):
        these = (cores == number) & (kind[edges] == mounted)
        money = [float(vnd[level][these].sum()) for level in LEVELS]
        rows.append(_line("cable", f"{number} FO {mounted}", "km", length_km[these].sum(), money))
    poles = np.ceil(1000 * length_km[kind[edges] == "C1"].sum() / odn_values()["pole_spacing_m"])
    rows.append(_line("new_poles", _("in the cost of cable C1"), "piece", poles, [0.0] * 3))
    chosen = [(one.candidates, step) for one in extensions for step in one.steps]
    parts = [found.parts[step.group] for found, step in chosen]
    lines = sum(int(found.lines[step.group]) for found, step in chosen)
    spurs = [
        sum(found.own_vnd[level][step.group] for found, step in chosen if found.is_site[step.group]) for level in LEVELS
    ]
    if any(spurs):
        sites = sum(bool(found.is_site[step.group]) for found, step in chosen)
        rows.append(_line("site_spur", _("from the road to the station"), "piece", sites, spurs))
    quantities = {
        "fdt_box": sum(one.fdts for one in parts),
        "fat_box": sum(one.fats for one in parts),
        "splitter": sum(one.splitters for one in parts),
        "fiber_closure": sum(step.entries for _, step in chosen),
        "olt_port_share": lines,
        "drop_and_ont": lines,
    }
    details = {
        "olt_port_share": _("{ports} PON ports").format(ports=sum(one.pon_ports for one in parts)),
        "drop_and_ont": _("planned take-up"),
    }
    for item, quantity in quantities.items():
        unit = costs[item].unit.removeprefix("VND/")
        money = [quantity * float(getattr(costs[item], level)) for level in LEVELS]
        rows.append(_line(item, details.get(item, ""), unit, quantity, money))
    return pd.DataFrame(rows)


def cable_cores(extension: Extension) -> Ints:
    """Cores of the cable on each of `extension.edges`: two per PON port behind it, four per site, two in reserve."""
    found, before = extension.candidates, extension.candidates.steps_before
    behind = [
        2 * found.parts[step.group].pon_ports + SITE_CORES * int(found.is_site[step.group]) for step in extension.steps
    ]
    for number, step in reversed(list(enumerate(extension.steps))):
        if step.after >= before:  # cable of an earlier phase is what it is
            behind[step.after - before] += behind[number]
    sizes: list[int] = []
    for wanted, step in zip(behind, extension.steps, strict=True):
        size = next((size for size in CABLE_CORES if size >= wanted + 2), CABLE_CORES[-1])
        sizes += [size] * len(step.edges)
    return np.array(sizes, np.int64)


def _line(item: str, detail: str, unit: str, quantity: float, money: list[float]) -> dict[str, Any]:
    return {
        "item": item,
        "detail": detail,
        "unit": unit,
        "quantity": round(float(quantity), 3),
        **{f"cost_{level}_vnd": float(round(one)) for level, one in zip(LEVELS, money, strict=True)},
    }
