"""Extensions as tables: proposals with their reasons, order of joining, materials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.fiber.odn import odn_values
from covplan.propose.fiber.reasons import fiber_reasons, hamlet_titles, station_titles
from covplan.study.codes import WGS84
from covplan.study.kinds import FIBER
from covplan.study.language import _
from covplan.study.plan import result_table
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.order import Step
    from covplan.propose.fiber.program import Extension
    from covplan.study.settings import Cost

    Ints = NDArray[np.int64]

CABLE_CORES = (12, 24, 48, 96, 144)
SITE_CORES = 4  # of a mast: a pair and a spare pair
INDICATOR = "VILLAGE_FTTH_COV"


def order_table(extension: Extension, reach: gpd.GeoDataFrame, network: Network) -> pd.DataFrame:
    """The marginal cost curve: hamlets in the order they are joined, each with what it adds."""
    found, graph = extension.candidates, network.graph
    names = dict(zip(reach["village_id"], reach["name"], strict=True))
    rows = []
    for step in extension.steps:
        group = step.group
        rows.append(
            {
                "id": found.id[group],
                "name": names.get(found.id[group], ""),
                "households": int(found.households[group]),
                "length_m": round(float(graph.length_m[step.edges].sum()), 1),
                "cost_vnd": round(step.cost_vnd["base"]),
            }
        )
    table = pd.DataFrame(rows, columns=["id", "name", "households", "length_m", "cost_vnd"])
    table["vnd_per_household"] = (table["cost_vnd"] / table["households"].where(table["households"] > 0)).round(0)
    return table


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


def fiber_proposals(
    extension: Extension,
    years: Sequence[int],
    reach: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    network: Network,
) -> gpd.GeoDataFrame:
    """One row per step: columns of resources/layers/proposals.csv; the line is the new cable, or a point when none is.

    Parameters
    ----------
    years : sequence of int
        Of each step (`by_years`).
    """
    found, graph = extension.candidates, network.graph
    hamlets = _hamlets_with_commune(reach, communes)
    known = max(int(reach["ftth"].notna().sum()), 1)
    rows, shapes = [], []
    for number, (step, year) in enumerate(zip(extension.steps, years, strict=True), found.steps_before):
        node_m = graph.node_m[found.problem.terminal[found.problem.group == step.group][0]]
        lines = graph.line[step.edges]
        shapes.append(shapely.line_merge(shapely.multilinestrings(lines)) if len(lines) else shapely.Point(node_m))
        length_m = float(graph.length_m[step.edges].sum())
        row = {
            "proposal_id": _proposal_id(number),
            "kind": FIBER,
            "operator": found.source_operator[step.source] if step.source >= 0 else None,
            "x_m": round(float(node_m[0]), 1),
            "y_m": round(float(node_m[1]), 1),
            "length_m": round(length_m, 1),
            "indicator": INDICATOR,
            "year": int(year),
            "depends_on": ";".join(map(_proposal_id, step.needs)) or None,
            "gap": float(extension.tree.gap),
            "households": int(found.households[step.group]),
            **{f"cost_{level}_vnd": float(round(step.cost_vnd[level])) for level in LEVELS},
        }
        rows.append(row | _joined(extension, step, length_m, hamlets, known))
    table = result_table("proposals", pd.DataFrame(rows))
    lonlat = gpd.GeoSeries.from_xy(table["x_m"], table["y_m"], crs=graph.epsg).to_crs(WGS84)
    table["lon"], table["lat"] = lonlat.x.round(6), lonlat.y.round(6)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=graph.epsg))


def _hamlets_with_commune(reach: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> pd.DataFrame:
    """Hamlets by id, with the name of their commune."""
    unit = ["commune_code", "boundary_version"]
    names = communes.drop_duplicates(unit).set_index(unit)["name"]
    units = zip(reach["commune_code"], reach["boundary_version"], strict=True)
    return reach.set_index("village_id").assign(commune=[names.get(one) for one in units])


def _joined(extension: Extension, step: Step, length_m: float, hamlets: pd.DataFrame, known: int) -> dict[str, Any]:
    """What a step joins: a station, or a hamlet and its part of the indicator."""
    found, group = extension.candidates, step.group
    reasons = fiber_reasons(extension, step, length_m)
    if found.is_site[group]:
        return {
            "action": "backhaul",
            "location_id": found.id[group],
            "indicator_change": 0.0,
            "gains": None,
            "gains_count": 0,
            **station_titles(found.id[group]),
            **reasons,
        }
    hamlet = hamlets.loc[found.id[group]]
    return {
        "action": "connect_hamlet",
        "village_id": found.id[group],
        **{
            name: hamlet.get(name)
            for name in ("commune_code", "boundary_version", "commune", "synthetic", "provenance")
        },
        "indicator_change": round(100 / known, 4),
        "gains": found.id[group],
        "gains_count": 1,
        **hamlet_titles(hamlet["name"]),
        **reasons,
    }


def _proposal_id(step: int) -> str:
    return f"F-{step + 1:04d}"


def _line(item: str, detail: str, unit: str, quantity: float, money: list[float]) -> dict[str, Any]:
    return {
        "item": item,
        "detail": detail,
        "unit": unit,
        "quantity": round(float(quantity), 3),
        **{f"cost_{level}_vnd": float(round(one)) for level, one in zip(LEVELS, money, strict=True)},
    }
