"""White spots of a study: hamlets in need, the cheapest actions, the supply curve, the confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.demand import centres
from covplan.pipeline.backhaul import backbone
from covplan.pipeline.reception import receive_demand
from covplan.pipeline.workspace import workspace_of
from covplan.propose.common.accepted import broken_decisions, requirements
from covplan.propose.common.candidates import locations_with_room
from covplan.propose.common.case import Assumptions, Network
from covplan.propose.common.decisions import decided_options
from covplan.propose.common.new_ground import Territory, new_ground
from covplan.propose.common.not_served import not_served_table
from covplan.propose.common.planned_network import planned_network
from covplan.propose.common.reach import RadioModel
from covplan.propose.common.zones import headquarters
from covplan.propose.solve.cover import unreachable
from covplan.propose.white_spots import program
from covplan.propose.white_spots.options import Case, Need, hamlets_missing, missing_points, options_for
from covplan.propose.white_spots.program import choose_by_year, hamlets_wanted, white_spot_problem
from covplan.propose.white_spots.rows import compared_methods, not_served_rows, plan_rows
from covplan.study.codes import ANY
from covplan.study.errors import LayerError, NoSolution
from covplan.study.kinds import WHITE_SPOT
from covplan.study.language import _, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.pipeline.workspace import Workspace
    from covplan.propose.solve.cover import Choice
    from covplan.propose.white_spots.options import WhiteSpotOptions
    from covplan.propose.white_spots.program import WhiteSpotProblem, YearlyChoices
    from covplan.study.folder import Study


@dataclass(frozen=True)
class WhiteSpotPlan:
    """What is proposed, and how good it is."""

    proposals: gpd.GeoDataFrame
    comparison: pd.DataFrame
    """The program beside what a planner would do by habit."""
    choice: Choice
    problem: WhiteSpotProblem
    options: WhiteSpotOptions
    pays_for: NDArray[np.int64]
    """Of each row of `proposals`: the new site whose cost is in it; −1 for none."""
    not_served: pd.DataFrame
    """Hamlets that stay without a signal, and why (resources/layers/not_served.csv)."""
    short: list[str]
    """What there is to say of targets that cannot be reached."""


def propose_white_spots(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> WhiteSpotPlan:
    """Cheapest actions that bring hamlets without a signal to the targets of VILLAGE_MBB_COV, each with its reason.

    Hamlets that no option reaches are taken out first and listed; the target is what the others allow.
    """
    workspace = workspace_of(study)
    study, settings = workspace.study, workspace.settings
    case = white_spot_case(workspace, progress=progress)
    every = options_for(case)
    options, decided = decided_options(study.decisions, WHITE_SPOT, every)
    asked = white_spot_problem(case, options)
    targets_pct = _targets_pct(workspace)
    wanted = hamlets_wanted(asked, targets_pct)
    if progress:
        text = _("{hamlets} hamlets, {options} options")
        progress(text.format(hamlets=number(max(wanted.values())), options=number(len(options.actions))))
    causes = _out_of_reach(case, asked, every if len(every.actions) > len(options.actions) else None)
    free = asked.without(np.flatnonzero(causes != ""))
    accepted, broken = requirements(free.cover, decided)
    problem = free.requiring(accepted)
    choices = choose_by_year(problem, wanted, settings.propose)
    proposals, pays_for = plan_rows(problem, options, choices, study.communes, settings.province.boundaries)
    left = [*not_served_rows(asked, problem, choices, causes, case, every), *broken_decisions(WHITE_SPOT, broken)]
    return WhiteSpotPlan(
        proposals, compared_methods(free, options, choices), choices.final, problem, options, pays_for,
        not_served_table(left), _short_of(choices, targets_pct),
    )  # fmt: skip


def _out_of_reach(case: Case, asked: WhiteSpotProblem, every: WhiteSpotOptions | None) -> NDArray[np.object_]:
    """Of each hamlet in need why no option serves it, as a code of `not_served.cause`; empty for those that one does.

    Parameters
    ----------
    every : WhiteSpotOptions, optional
        With what a planner rejected, where something was.
    """
    causes = np.full(asked.hamlet_of.size, "", dtype=object)
    out = unreachable(asked.cover)
    level = asked.best_dbm[out]
    enough = level >= asked.required_dbm
    causes[out] = np.where(enough, "no_operator", np.where(np.isfinite(level), "too_weak", "no_option"))
    if out.size and every is not None:
        lost = np.setdiff1d(out, unreachable(white_spot_problem(case, every).cover))
        causes[lost] = "rejected"
    return causes


def _short_of(choices: YearlyChoices, targets_pct: Mapping[int, float]) -> list[str]:
    """What there is to say of targets that cannot be reached."""
    text = _("{wanted} hamlets are to be covered for the {pct} % of {year}, {able} can be")
    return [
        text.format(wanted=number(count), pct=number(targets_pct[year], 2), year=year, able=number(able))
        for (year, count), able in zip(choices.asked.items(), choices.wanted.values(), strict=True)
        if able < count
    ]


def white_spot_case(workspace: Workspace, *, progress: Callable[[str], None] | None = None) -> Case:
    """What the white spots of a study are planned from."""
    study, settings, version = workspace.study, workspace.settings, workspace.settings.province.boundaries
    need = hamlets_in_need(workspace, progress=progress)
    locations = locations_with_room(workspace.standing, min(settings.phases.years), settings.propose)
    territory = Territory(
        workspace.ground.within(study.province_grid), study.roads, study.communes, version,
        headquarters(study.places, study.communes, version),
        np.column_stack([locations.geometry.x, locations.geometry.y]),
    )  # fmt: skip
    points, keep = missing_points(need, settings.white_spots)
    found = new_ground(
        points, territory, settings.rules, settings.propose, reach_m=settings.white_spots.reach_m,
        antenna_m=max(settings.propose.mast_heights_m), keep=keep,
    )  # fmt: skip
    return Case(
        need=need,
        network=Network(locations, workspace.on_air[workspace.on_terrain], study.cells),
        new_ground=found,
        backbone=backbone(workspace, locations),
        model=RadioModel(workspace.radio("4G"), settings.propagation, workspace.ground, workspace.loss_cache),
        settings=settings.white_spots,
        assumptions=Assumptions(settings.costs, settings.rules, settings.propose),
    )


def supply_curve(
    study: Study | Workspace, *, nested: bool = False, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """What 1, 2, 3 … hamlets cost at least, the next one, and where a satellite costs less."""
    workspace = workspace_of(study)
    plan, settings = propose_white_spots(workspace, progress=progress), workspace.settings
    return program.supply_curve(plan.problem, settings.costs, settings.propose, nested=nested)


def confirm_white_spots(study: Study | Workspace, plan: WhiteSpotPlan) -> pd.DataFrame:
    """Hamlets the plan says it serves, and whether the coverage engine, run on the planned network, agrees.

    Columns: village_id, covered (all the points that count, of any operator or of each that must), rsrp_dbm (the best
    at the centre).
    """
    workspace = workspace_of(study)
    stations, cells = planned_network(workspace.on_air, workspace.study.cells, plan.options, plan.choice.actions, "4G")
    need = hamlets_in_need(workspace.changed(stations=stations, cells=cells))
    missing = hamlets_missing(need, workspace.settings.white_spots)
    claimed = plan.problem.hamlets.iloc[plan.problem.hamlet_of[plan.choice.served]]
    dbm = pd.Series(need.best_dbm).groupby(need.hamlet).first()
    return pd.DataFrame(
        {
            "village_id": claimed["village_id"].to_numpy(),
            "covered": ~np.isin(claimed.index, missing),
            "rsrp_dbm": dbm.reindex(claimed.index).round(1).to_numpy(),
        }
    )


def hamlets_in_need(study: Study | Workspace, *, progress: Callable[[str], None] | None = None) -> Need:
    """Points of the hamlets that count (centres, and clusters where the settings say so), and who covers them today."""
    workspace = workspace_of(study)
    villages, demand = workspace.study.villages.reset_index(drop=True), workspace.land.demand
    signals = {one.operator: one for one in receive_demand(workspace, demand, technologies=("4G",), progress=progress)}
    if ANY not in signals:
        raise LayerError(
            _("white spots: no signal is computed. Needed: terrain, 4G stations on air, [coverage] basis = 'computed'.")
        )
    counts = demand.centre if not workspace.settings.white_spots.clusters else np.ones(demand.centre.size, dtype=bool)
    known = ~np.isnan(signals[ANY].probability)
    known_centre = np.zeros(len(villages), dtype=bool)
    known_centre[demand.village[demand.centre & known]] = True
    centre = centres(villages)
    hamlets = villages[["village_id", "name", "households", "grid_power", "difficulty", "synthetic"]].assign(
        x_m=centre.x, y_m=centre.y, known=known_centre
    )
    at = np.flatnonzero(counts & known)
    operators = tuple(sorted(set(signals) - {ANY}))
    covered = np.array([signals[one].covered[at] for one in operators], dtype=bool)
    return Need(
        hamlets, demand.village[at], demand.x_m[at], demand.y_m[at], operators, covered, signals[ANY].covered[at],
        signals[ANY].rsrp_dbm[at],
    )  # fmt: skip


def _targets_pct(workspace: Workspace) -> dict[int, float]:
    """Share of the hamlets of known state that must have a signal, by year."""
    goal = workspace.settings.targets["VILLAGE_MBB_COV"]
    by_year = {2025: goal.target_2025, 2030: goal.target_2030}
    wanted = {year: pct for year, pct in by_year.items() if pct is not None}
    if not wanted:
        raise NoSolution(_("[targets.VILLAGE_MBB_COV] has neither target_2025 nor target_2030: nothing is asked for."))
    return wanted
