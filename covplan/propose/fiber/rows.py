"""Extensions as tables: proposals with their reasons, order, materials, and the layers the study would hold then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.fiber.odn import odn_values
from covplan.fiber.routes import LEVELS
from covplan.propose.solve.solver import Status
from covplan.study.numbers import number_vi
from covplan.study.plan import result_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.options import Extension, Step
    from covplan.study.settings import Cost, Fiber

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
    rows.append(_line("new_poles", "in the cost of cable C1", "piece", poles, [0.0] * 3))
    chosen = [(one.candidates, step) for one in extensions for step in one.steps]
    parts = [found.parts[step.group] for found, step in chosen]
    lines = sum(int(found.lines[step.group]) for found, step in chosen)
    spurs = [
        sum(found.own_vnd[level][step.group] for found, step in chosen if found.is_site[step.group]) for level in LEVELS
    ]
    if any(spurs):
        sites = sum(bool(found.is_site[step.group]) for found, step in chosen)
        rows.append(_line("site_spur", "from the road to the station", "piece", sites, spurs))
    quantities = {
        "fdt_box": sum(one.fdts for one in parts),
        "fat_box": sum(one.fats for one in parts),
        "splitter": sum(one.splitters for one in parts),
        "fiber_closure": sum(step.entries for _, step in chosen),
        "olt_port_share": lines,
        "drop_and_ont": lines,
    }
    details = {"olt_port_share": f"{sum(one.pon_ports for one in parts)} PON ports", "drop_and_ont": "planned take-up"}
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


def as_layers(
    extensions: Sequence[Extension], network: Network, fiber: Fiber
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The new network as rows of the layers `routes` and `nodes`: what the study would hold once it is built."""
    graph, routes, nodes = network.graph, [], []
    for made in extensions:
        found, cores, number = made.candidates, cable_cores(made), 0
        for step in made.steps:
            group, operator = step.group, found.source_operator[step.source]
            for edge, size in zip(step.edges, cores[number : number + step.edges.size], strict=True):
                mounted = found.kind[edge].removesuffix("U")
                routes.append((f"F-{edge}", operator, "access", mounted, int(size), 2, graph.line[edge]))
            number += step.edges.size
            if found.is_site[group]:
                continue
            hamlet, part = found.id[group], found.parts[group]
            spots = graph.node_m[np.unique(found.problem.terminal[found.problem.group == group])]
            outputs = part.pon_ports * max(int(np.prod(fiber.split[:-1])), 1)
            nodes.append((f"F-FDT-{hamlet}", operator, "FDT", hamlet, outputs, outputs - part.fats, *spots[0]))
            each = -(-part.fats // len(spots)) * fiber.split[-1]
            nodes += [(f"F-FAT-{hamlet}-{k}", operator, "FAT", hamlet, each, each, *at) for k, at in enumerate(spots)]
    columns = ["route_id", "operator", "class", "mounting", "cores", "spare_cores", "geometry"]
    lines = gpd.GeoDataFrame(pd.DataFrame(routes, columns=columns), crs=graph.epsg)
    table = pd.DataFrame(nodes, columns=["node_id", "operator", "kind", "village_id", "ports", "ports_free", "x", "y"])
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"), crs=graph.epsg)
    return lines, gpd.GeoDataFrame(table, geometry=points)


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
    hamlets = reach.set_index("village_id")
    named = communes.drop_duplicates(["commune_code", "boundary_version"]).set_index(
        ["commune_code", "boundary_version"]
    )["name"]
    known = max(int(reach["ftth"].notna().sum()), 1)
    before = found.steps_before
    rows, shapes = [], []
    for number, (step, year) in enumerate(zip(extension.steps, years, strict=True)):
        group = step.group
        site = bool(found.is_site[group])
        place = graph.node_m[found.problem.terminal[found.problem.group == group][0]]
        lines = graph.line[step.edges]
        shape = shapely.Point(place) if not len(lines) else shapely.line_merge(shapely.multilinestrings(lines))
        length_m = float(graph.length_m[step.edges].sum())
        row: dict[str, Any] = {
            "proposal_id": _proposal_id(before + number),
            "kind": "fiber",
            "action": "backhaul" if site else "connect_hamlet",
            "operator": found.source_operator[step.source] if step.source >= 0 else None,
            "x_m": round(float(place[0]), 1),
            "y_m": round(float(place[1]), 1),
            "length_m": round(length_m, 1),
            "indicator": INDICATOR,
            "indicator_change": 0.0 if site else round(100 / known, 4),
            "year": int(year),
            "depends_on": ";".join(map(_proposal_id, step.needs)) or None,
            "gap": float(extension.tree.gap),
            "households": int(found.households[group]),
            "gains": None if site else found.id[group],
            "gains_count": 0 if site else 1,
            **{f"cost_{level}_vnd": float(round(step.cost_vnd[level])) for level in LEVELS},
        }
        if site:
            row |= {"location_id": found.id[group]}
            row |= _titles(f"Kéo cáp quang đến trạm {found.id[group]}", f"Fiber to station {found.id[group]}")
        else:
            hamlet = hamlets.loc[found.id[group]]
            commune = named.get((hamlet["commune_code"], hamlet["boundary_version"]))
            row |= {
                "village_id": found.id[group],
                "commune_code": hamlet["commune_code"],
                "boundary_version": hamlet["boundary_version"],
                "commune": commune,
                "synthetic": hamlet.get("synthetic"),
                "provenance": hamlet.get("provenance"),
            }
            row |= _titles(f"Kéo cáp quang đến {hamlet['name']}", f"Fiber to {hamlet['name']}")
        row |= _reason(extension, step, length_m)
        rows.append(row)
        shapes.append(shape)
    table = result_table("proposals", pd.DataFrame(rows))
    lonlat = gpd.GeoSeries.from_xy(table["x_m"], table["y_m"], crs=graph.epsg).to_crs(4326)
    table["lon"], table["lat"] = lonlat.x.round(6), lonlat.y.round(6)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=graph.epsg))


def _proposal_id(step: int) -> str:
    return f"F-{step + 1:04d}"


def _titles(vi: str, en: str) -> dict[str, str]:
    return {"title_vi": vi, "title_en": en}


def _reason(extension: Extension, step: Step, length_m: float) -> dict[str, str]:
    """Why this one: what it adds, per household, and how sure the whole choice is."""
    found, tree = extension.candidates, extension.tree
    km, million, homes = length_m / 1000, step.cost_vnd["base"] / 1e6, int(found.households[step.group])
    cable_vi = f"{number_vi(km, 2)} km cáp mới" if len(step.edges) else "Nối vào cáp đã có, không kéo thêm"
    cable_en = f"{km:.2f} km of new cable" if len(step.edges) else "Joined to cable that is there, none laid"
    new_vi = f"{cable_vi}, {number_vi(million, 1)} triệu đồng"
    new_en = f"{cable_en}, {million:.1f} million VND"
    if tree.status is Status.OPTIMAL:
        sure_vi, sure_en = "đã chứng minh là rẻ nhất", "proven to be the best"
    else:
        sure_vi = f"đắt hơn phương án tốt nhất không quá {number_vi(100 * tree.gap, 2)} %"
        sure_en = f"at most {100 * tree.gap:.2f} % from the best"
    if not found.is_site[step.group]:
        each = million / max(homes, 1)
        what_vi = f"cho {number_vi(homes)} hộ ({number_vi(each, 2)} triệu/hộ)"
        what_en = f"for {homes} households ({each:.2f} million each)"
        else_vi, else_en = "thôn chưa có FTTH", "the hamlet has no FTTH"
    else:
        what_vi, what_en = "cho truyền dẫn của trạm", "for a station's backhaul"
        else_vi, else_en = "trạm không có truyền dẫn", "the station has no backhaul"
        worth = found.worth_vnd[step.group] / 1e6
        if worth:
            else_vi = f"trạm dùng viba, {number_vi(worth)} triệu đồng"
            else_en = f"the station takes a microwave hop for {worth:.0f} million"
    return {
        "reason_vi": f"{new_vi} {what_vi}; cả phương án {sure_vi}. Nếu không làm: {else_vi}.",
        "reason_en": f"{new_en} {what_en}; the plan is {sure_en}. Without it {else_en}.",
    }


def _line(item: str, detail: str, unit: str, quantity: float, money: list[float]) -> dict[str, Any]:
    return {
        "item": item,
        "detail": detail,
        "unit": unit,
        "quantity": round(float(quantity), 3),
        **{f"cost_{level}_vnd": float(round(one)) for level, one in zip(LEVELS, money, strict=True)},
    }
