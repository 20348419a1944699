"""Extensions as tables: proposals with their reasons, order of joining, phases; and who is out of reach."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.propose.common.not_served import left_out
from covplan.propose.fiber.reasons import Lost, fiber_reasons, hamlet_titles, station_titles, why_without_fiber
from covplan.propose.solve.steiner import joinable_groups
from covplan.study.codes import WGS84
from covplan.study.findings import finding
from covplan.study.kinds import FIBER
from covplan.study.plan import result_table
from covplan.study.settings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.options import Candidates, Case
    from covplan.propose.fiber.order import Step
    from covplan.propose.fiber.program import Extension, Phase
    from covplan.study.findings import Finding

    Ints = NDArray[np.int64]

INDICATOR = "VILLAGE_FTTH_COV"


def order_table(
    extensions: Sequence[Extension], proposals: pd.DataFrame, reach: gpd.GeoDataFrame, network: Network
) -> pd.DataFrame:
    """The marginal cost curve: hamlets in the order they are joined, each with what it adds, its proposal and year."""
    order = pd.concat([_steps_table(one, reach, network) for one in extensions], ignore_index=True)
    order.insert(0, "proposal_id", proposals["proposal_id"].to_numpy() if len(proposals) else [])
    order.insert(1, "year", proposals["year"].to_numpy() if len(proposals) else [])
    for column in ("households", "length_m", "cost_vnd"):
        order[f"{column}_so_far"] = order[column].cumsum()
    return order


def _steps_table(extension: Extension, reach: gpd.GeoDataFrame, network: Network) -> pd.DataFrame:
    """Hamlets and sites in the order they are joined, each with what it adds."""
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


def phases_table(phases: Sequence[Phase], network: Network) -> pd.DataFrame:
    """What each phase joins, costs and how sure it is (resources/layers/fiber_phases.csv)."""
    return pd.DataFrame([_phase_row(one, network) for one in phases])


def _phase_row(phase: Phase, network: Network) -> dict[str, Any]:
    extension = phase.extension
    found, tree = extension.candidates, extension.tree
    groups = np.array([step.group for step in extension.steps], np.int64)
    homes = int(found.households[groups].sum())
    scale = 1.0 if phase.target_pct is None else 1e-6
    return {
        "year": phase.year,
        "target_pct": phase.target_pct,
        "hamlets": extension.hamlets,
        "short": phase.short,
        "sites": int(found.is_site[groups].sum()),
        "households": homes,
        "km": round(float(network.graph.length_m[extension.edges].sum()) / 1000, 2),
        **{f"cost_{level}_vnd": round(extension.cost_vnd(level)) for level in LEVELS},
        "vnd_per_home_passed": round(extension.cost_vnd() / homes) if homes else None,
        "objective": round(tree.objective * scale, 3),
        "bound": round(tree.bound * scale, 3),
        "gap": tree.gap,
        "status": str(tree.status),
        "seconds": round(tree.seconds, 1),
    }


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
    hamlets: pd.DataFrame = reach.set_index("village_id").assign(commune=[names.get(one) for one in units])
    return hamlets


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


def hamlets_out_of_reach(found: Candidates, reach: gpd.GeoDataFrame) -> list[Finding]:
    """Hamlets on a road to which no way from an exchange with free ports keeps the optical budget."""
    named = dict(zip(reach["village_id"], reach["name"], strict=True))
    lost = found.id[~joinable_groups(found.problem) & ~found.is_site]
    place = {"layer": "villages"}
    return [
        finding("hamlet_out_of_reach", "villages.gpkg", id=one, value=named[one], name=named[one], **place)
        for one in lost.tolist()
    ]


def not_served_rows(case: Case, phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Hamlets without FTTH that no phase joins, each with its reason: rows of `common.not_served`."""
    reach, found = case.reach, phases[0].extension.candidates
    joined = {one.extension.candidates.id[step.group] for one in phases for step in one.extension.steps}
    cause = _causes(case, found, enough=not phases[-1].short)
    rows = []
    for row in reach[~reach["ftth"].fillna(value=False).astype(bool)].to_dict("records"):
        hamlet = str(row["village_id"])
        if hamlet in joined:
            continue
        lost = Lost(cause(row), row["road_m"], row["cable_m"], case.fiber.off_road_m)
        rows.append(
            left_out(
                FIBER, "hamlet", hamlet, lost.cause, words=partial(why_without_fiber, lost),
                name=row["name"], households=row["households"],
            )
        )  # fmt: skip
    return rows


def _causes(case: Case, found: Candidates, *, enough: bool) -> Callable[[dict[str, Any]], str]:
    """Why a hamlet that stays without FTTH does, by its row of the reach."""
    problem = found.problem
    any_way = joinable_groups(replace(problem, longest=None))
    way = joinable_groups(problem)
    group = {str(one): number for number, one in enumerate(found.id)}
    with_homes = set(case.dwellings["village_id"])
    rejected = {str(one) for one in case.rejected}

    def cause(row: dict[str, Any]) -> str:
        hamlet = str(row["village_id"])
        if hamlet in rejected:
            return "rejected"
        if hamlet not in with_homes:
            return "no_dwellings"
        if pd.isna(row["ftth"]):
            return "unknown"
        number = group.get(hamlet)
        if number is None:
            return "off_road"
        if way[number]:
            return "not_asked" if enough else "no_room"
        return "too_far" if any_way[number] else "no_exchange"

    return cause
