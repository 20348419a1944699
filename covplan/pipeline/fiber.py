"""Who has FTTH, and the cheapest way to reach who has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from covplan.fiber.routes import mounting, route_cost_vnd, single_routes
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common.not_served import not_served_table
from covplan.propose.fiber.materials import bill_of_quantities
from covplan.propose.fiber.options import Case
from covplan.propose.fiber.program import extend_in_phases
from covplan.propose.fiber.rows import (
    fiber_proposals,
    hamlets_out_of_reach,
    not_served_rows,
    order_table,
    phases_table,
)
from covplan.study.boundaries import name_of
from covplan.study.codes import WGS84
from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.osm import download_osm, read_osm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import geopandas as gpd

    from covplan.fiber.reach import Network
    from covplan.fiber.routes import Single
    from covplan.pipeline.workspace import Workspace
    from covplan.propose.fiber.program import Extension
    from covplan.study.findings import Finding
    from covplan.study.folder import Study


@dataclass(frozen=True)
class FiberPlan:
    """Phases of the extension and everything counted from them."""

    phases: tuple[Extension, ...]
    proposals: gpd.GeoDataFrame
    """Columns of resources/layers/proposals.csv."""
    order: pd.DataFrame
    """The marginal cost curve."""
    bill: pd.DataFrame
    summary: pd.DataFrame
    """Per phase: last year, hamlets and how many short of the target, km, cost, bound, gap, status, seconds."""
    findings: tuple[Finding, ...]
    """Hamlets no route can reach."""
    not_served: pd.DataFrame
    """Hamlets that stay without FTTH, and why (resources/layers/not_served.csv)."""


def fiber_reach(
    study: Study | Workspace, *, network: Network | None = None, roads: gpd.GeoDataFrame | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """FTTH state of every hamlet (columns of resources/layers/reach.csv), and what kept hamlets from being judged.

    Parameters
    ----------
    network : Network, optional
        That of `fiber_network`, when it is needed elsewhere too.
    roads : GeoDataFrame, optional
        Instead of the study's roads layer.
    """
    workspace = workspace_of(study)
    if network is None and roads is None:
        return workspace.land.reach
    return workspace.land.reach_in(network or fiber_network(workspace, roads=roads))


def extend_fiber(
    study: Study | Workspace,
    *,
    network: Network | None = None,
    reached: gpd.GeoDataFrame | None = None,
    targets: Sequence[tuple[int, float]] | None = None,
    budget_vnd: float | None = None,
    sites: gpd.GeoDataFrame | None = None,
    gap: float = 0.0,
    time_limit_s: float = 300.0,
) -> FiberPlan:
    """Hamlets to connect next, in order, with routes, materials and cost.

    Parameters
    ----------
    network, reached : optional
        Of `fiber_network` (with slopes, and with the same sites) and `fiber_reach`, when they are there already.
    targets : sequence of (year, per cent), optional
        The study's targets of VILLAGE_FTTH_COV by default.
    budget_vnd : float, optional
        Most households for this money, instead of targets.
    sites : GeoDataFrame, optional
        Stations that want fiber in the same trench: `site_id`, `must`, and what it costs to leave one out, `worth_vnd`.
    """
    workspace = workspace_of(study)
    network = network or fiber_network(workspace, sites=sites, slopes=True)
    reached = fiber_reach(workspace, network=network)[0] if reached is None else reached
    study = workspace.study
    settings, plan = study.settings, study.settings.targets["VILLAGE_FTTH_COV"]
    if study.nodes.empty:
        raise LayerError(
            _("fiber.gpkg: no fiber nodes; cable starts at an exchange (OLT) with free ports. Add the layer 'nodes'.")
        )
    stated = [(year, pct) for year, pct in ((2025, plan.target_2025), (2030, plan.target_2030)) if pct is not None]
    case = Case(
        reached,
        workspace.land.homes,
        study.nodes,
        network,
        settings.fiber,
        settings.costs,
        towns=study.towns,
        sites=sites,
        rejected=_decided(study, "rejected"),
        accepted=_decided(study, "accepted"),
    )
    return plan_fiber(
        case,
        study.communes,
        stated if targets is None else targets,
        settings.phases.years,
        budget_vnd=budget_vnd,
        gap=gap,
        time_limit_s=time_limit_s,
    )


def plan_fiber(
    case: Case,
    communes: gpd.GeoDataFrame,
    targets: Sequence[tuple[int, float]],
    years: Sequence[int],
    *,
    budget_vnd: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = 300.0,
) -> FiberPlan:
    """The phases of `propose.fiber.program.extend_in_phases` as proposals, order, materials and findings."""
    phases = extend_in_phases(case, targets, years, budget_vnd=budget_vnd, gap=gap, time_limit_s=time_limit_s)
    extensions = tuple(phase.extension for phase in phases)
    tables = [fiber_proposals(one.extension, one.years, case.reach, communes, case.network) for one in phases]
    proposals = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    return FiberPlan(
        extensions,
        proposals,
        order_table(extensions, proposals, case.reach, case.network),
        bill_of_quantities(extensions, case.network, case.costs),
        phases_table(phases, case.network),
        tuple(hamlets_out_of_reach(extensions[0].candidates, case.reach)),
        not_served_table(not_served_rows(case, phases)),
    )


def _decided(study: Study, decision: str) -> set[str]:
    """Hamlets whose connection a planner decided on so."""
    decisions = study.decisions
    about = (decisions["action"] == "connect_hamlet") & (decisions["decision"] == decision)
    return {str(one) for one in decisions.loc[about, "village_id"].dropna()}


def fiber_single_routes(study: Study, network: Network) -> tuple[list[Single], pd.DataFrame]:
    """Stretches of cable whose break cuts hamlets off, each with the cheapest ring; and the hamlets exposed."""
    kind = mounting(network.graph, buried=study.settings.fiber.buried)
    cost_vnd = route_cost_vnd(network.graph, kind, study.settings.costs, study.settings.fiber)
    return single_routes(study.nodes, network, cost_vnd)


@dataclass(frozen=True)
class FiberResult:
    """Everything `covplan fiber` writes."""

    reach: gpd.GeoDataFrame
    plan: FiberPlan
    single_routes: pd.DataFrame
    """Stretches without a way around, worst first, with the cheapest ring."""
    findings: list[Finding]


def fiber_plan(
    study: Study | Workspace,
    *,
    osm: Path | None = None,
    download: bool = False,
    targets: Sequence[tuple[int, float]] | None = None,
    budget_vnd: float | None = None,
    time_limit_s: float = 300.0,
    progress: Callable[[str], None] = lambda _step: None,
) -> FiberResult:
    """Reach, extension and redundancy of the study's fiber.

    Parameters
    ----------
    osm : Path, optional
        File of OpenStreetMap whose roads are taken instead of the study's.
    download : bool
        Get them from the internet.
    targets, budget_vnd, time_limit_s
        As in `extend_fiber`.
    """
    progress(_("roads, cables"))
    workspace = workspace_of(study)
    study, bounds = workspace.study, workspace.study.grid.bounds
    roads = None if osm is None else read_osm(osm, study.settings.province.epsg, bounds)
    if download:
        roads = download_osm(study.communes.to_crs(WGS84).total_bounds, study.settings.province.epsg)
    network = fiber_network(workspace, roads=roads, slopes=True)
    progress(_("FTTH reach of each hamlet"))
    reached, found = fiber_reach(workspace, network=network)
    progress(_("extension of the cable"))
    plan = extend_fiber(
        workspace, network=network, reached=reached, targets=targets, budget_vnd=budget_vnd, time_limit_s=time_limit_s
    )
    progress(_("single routes"))
    singles = fiber_single_routes(study, network)[0]
    return FiberResult(reached, plan, _single_table(singles, study), [*found, *plan.findings])


def _single_table(singles: list[Single], study: Study) -> pd.DataFrame:
    """Hamlets on a single route, with their districts, or communes where there are no districts."""
    villages = study.villages
    communes = name_of(villages["commune_code"], villages["boundary_version"], study.communes)
    by_id = villages.assign(area=villages["district"].fillna(communes)).set_index("village_id")
    rows = [
        {
            "operator": one.operator,
            "hamlets": len(one.hamlets),
            "households": int(by_id["households"].reindex(one.hamlets).sum()),
            "districts": "; ".join(sorted(by_id["area"].reindex(one.hamlets).dropna().unique())),
            "ring_km": round(one.ring_m / 1000, 2),
            "ring_vnd": one.ring_vnd,
            "ids": ";".join(one.hamlets),
        }
        for one in singles
    ]
    columns = ["operator", "hamlets", "households", "districts", "ring_km", "ring_vnd", "ids"]
    return pd.DataFrame(rows, columns=columns)


def fiber_network(
    study: Study | Workspace,
    *,
    roads: gpd.GeoDataFrame | None = None,
    sites: gpd.GeoDataFrame | None = None,
    slopes: bool = False,
) -> Network:
    """Roads, cables, fiber nodes, homes and sites of the study as one graph; with slopes of its terrain where asked."""
    land = workspace_of(study).land
    if roads is None and sites is None:
        return land.network(slopes=slopes)
    graph = land.road_graph if roads is None else land.graph_of(roads)
    return land.joined(land.sloped(graph) if slopes else graph, sites)
