"""All that is proposed for a plan, put together, given its years, and kept with the study."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from covplan.pipeline.places_5g import confirm_places_5g, propose_places_5g
from covplan.pipeline.sharing import propose_sharing
from covplan.pipeline.trench import propose_fiber
from covplan.pipeline.white_spots import confirm_white_spots, propose_white_spots
from covplan.pipeline.workspace import workspace_of
from covplan.pipeline.years import phase_proposals
from covplan.propose.common.decisions import marked
from covplan.propose.white_spots.program import supply_curve
from covplan.study.columns import split_list
from covplan.study.errors import LayerError, NoSolution
from covplan.study.kinds import FIBER, KINDS, PLACE_5G, SHARE, SUPPLY_CURVE, WHITE_SPOT, kind_title
from covplan.study.language import _, number
from covplan.study.plan import proposed_folder, read_proposed, result_table, save_proposed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from covplan.pipeline.places_5g import PlacesPlan
    from covplan.pipeline.white_spots import WhiteSpotPlan
    from covplan.pipeline.workspace import Workspace
    from covplan.study.plan import Plan

Result = TypeVar("Result")


def propose(
    plan: Plan,
    *,
    kinds: Sequence[str] = KINDS,
    phased: bool = True,
    workspace: Workspace | None = None,
    progress: Callable[[str], None] = lambda _step: None,
) -> tuple[Plan, list[str]]:
    """The plan with its proposals, methods side by side and supply curve; and what there is to say of them.

    A kind that cannot be done, for want of data or because nothing keeps its rules, is said with its reason and leaves
    the others as they are.

    Parameters
    ----------
    kinds : sequence of {"white_spot", "supply_curve", "fiber", "place_5g", "share"}
        With white_spot and fiber the backhaul of new masts and the cable to hamlets share their trenches.
    phased : bool
        Give every proposal its year, under the budgets and yearly targets of the study.
    workspace : Workspace, optional
        That the plan was made in: its terrain, roads and receptions are not made again.
    """
    study, found = plan.study, _Found()
    workspace = workspace or workspace_of(study)
    spots = None
    if {WHITE_SPOT, SUPPLY_CURVE} & set(kinds):
        spots = found.tried(WHITE_SPOT, lambda: propose_white_spots(workspace, progress=progress))
    if spots is not None and SUPPLY_CURVE in kinds:
        progress(kind_title(SUPPLY_CURVE))
        costs, weighing = study.settings.costs, study.settings.propose
        curve = found.tried(SUPPLY_CURVE, lambda: supply_curve(spots.problem, costs, weighing))
        found.curve = None if curve is None else result_table("supply_curve", curve)
    masts = None
    if FIBER in kinds:
        joined = spots if WHITE_SPOT in kinds else None
        cable = found.tried(FIBER, lambda: propose_fiber(workspace, spots=joined, progress=progress))
        if cable is not None:
            masts = cable.masts
            found.add(cable.proposals, cable.said, **cable.compared)
    if spots is not None and WHITE_SPOT in kinds:
        _add_white_spots(found, workspace, spots, spots.proposals if masts is None else masts)
    if PLACE_5G in kinds:
        placed = found.tried(PLACE_5G, lambda: propose_places_5g(workspace, progress=progress))
        if placed is not None:
            _add_places(found, workspace, placed)
    if SHARE in kinds:
        progress(kind_title(SHARE))
        shared = found.tried(SHARE, lambda: propose_sharing(workspace))
        if shared is not None:
            lost = int(shared.coverage["hamlets_lost"].sum())
            said = _("computed again, {hamlets} hamlets lose an operator's signal").format(hamlets=number(lost))
            found.add(shared.proposals, [_said(SHARE, said)], share=_served(shared.comparison, "moves"))
    done = found.decided(found.into(plan), kinds, phased=phased)
    if phased and len(done.proposals):
        progress(_("Years"))
        done = found.phased(done, plan)
    kept = proposed_folder(study.path)
    if kept and set(kinds) == set(KINDS) and phased:
        save_proposed(done, kept)
    return done, found.said


def _add_white_spots(found: _Found, workspace: Workspace, spots: WhiteSpotPlan, proposals: gpd.GeoDataFrame) -> None:
    covered = confirm_white_spots(workspace, spots)["covered"]
    said = _("computed again, {covered} of {all} hamlets are covered")
    said = said.format(covered=number(int(covered.sum())), all=number(len(covered)))
    found.add(proposals, [_said(WHITE_SPOT, said)], white_spot=_served(spots.comparison, "hamlets"))


def _add_places(found: _Found, workspace: Workspace, placed: PlacesPlan) -> None:
    state = confirm_places_5g(workspace, placed)["state_5g"]
    covered = int((state == "covered").sum())
    said = _("computed again, {covered} of {all} places have 5G").format(covered=covered, all=len(state))
    if workspace.settings.places_5g.budget_vnd:
        users = _("; {users} of {all} users within the budget")
        said += users.format(users=number(placed.choice.value), all=number(placed.problem.cover.value.sum()))
    found.add(placed.proposals, [_said(PLACE_5G, said)], place_5g=_served(placed.comparison, "places"))


def _said(kind: str, text: str) -> str:
    return f"{kind_title(kind)}: {text}"


@dataclass
class _Found:
    """What the kinds have brought so far."""

    proposals: list[gpd.GeoDataFrame] = field(default_factory=list)
    compared: list[pd.DataFrame] = field(default_factory=list)
    curve: pd.DataFrame | None = None
    said: list[str] = field(default_factory=list)

    def tried(self, what: str, run: Callable[[], Result]) -> Result | None:
        """What a step finds; None, and the reason is said, when data or a solution is missing."""
        try:
            return run()
        except (LayerError, NoSolution) as error:
            self.said.append(_said(what, str(error)))
            return None

    def add(self, proposals: gpd.GeoDataFrame, said: Sequence[str], **compared: pd.DataFrame) -> None:
        """One kind's rows, what there is to say of it, and its methods by the kind they stand under."""
        self.proposals.append(proposals)
        self.said += said
        self.compared += [result_table("comparison", table.assign(kind=kind)) for kind, table in compared.items()]

    def decided(self, done: Plan, kinds: Sequence[str], *, phased: bool) -> Plan:
        """The plan with what was decided of its proposals; years that phasing gives are open but for those decided."""
        table = done.proposals
        if phased:
            table = table.assign(year=pd.array([pd.NA] * len(table), dtype="Int64"))
        decisions = done.study.decisions
        table, unmet = marked(table, decisions[decisions["kind"].isin(list(kinds))])
        self.said += [_("no candidate left for the decision on {proposal}").format(proposal=one) for one in unmet]
        return replace(done, proposals=table)

    def phased(self, done: Plan, today: Plan) -> Plan:
        """The plan with a year for each proposal; as it is, and why is said, where budgets or rules forbid it."""
        found = self.tried(
            _("Years"),
            lambda: phase_proposals(done.study, done.proposals, today=today, lower_targets=True),
        )
        if found is None:
            return done
        self.said += [_said(_("Years"), text) for text in found[1].short]
        return replace(done, proposals=found[0])

    def into(self, plan: Plan) -> Plan:
        """The plan with all of it; with proposals empty where no kind could be done."""
        found = {"supply_curve": self.curve}
        if self.proposals:
            together = pd.concat([table for table in self.proposals if len(table)] or self.proposals[:1])
            found |= {"proposals": first_things_first(together.reset_index(drop=True))}
            found |= {"comparison": pd.concat(self.compared, ignore_index=True)}
        made = {name: table for name, table in found.items() if table is not None}
        return replace(plan, **made)  # type: ignore[arg-type]  # names of tables only


def with_kept_proposals(plan: Plan) -> Plan | None:
    """The plan with the proposals that `propose` kept for exactly this study; None when it kept none."""
    folder = proposed_folder(plan.study.path)
    tables = read_proposed(folder, plan.study.settings.province.epsg) if folder else None
    return replace(plan, **tables) if tables else None  # type: ignore[arg-type]  # names of tables only


def first_things_first(proposals: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What another proposal depends on is done no later than it: kinds that were planned apart may say otherwise."""
    year = dict(zip(proposals["proposal_id"], proposals["year"], strict=True))
    needs = [
        (later, first)
        for later, text in zip(proposals["proposal_id"], proposals["depends_on"], strict=True)
        for first in split_list(text)
        if first in year
    ]
    moved = True
    while moved:
        moved = False
        for later, first in needs:
            if year[later] < year[first]:
                year[first], moved = year[later], True
    return proposals.assign(year=proposals["proposal_id"].map(year).astype("Int64"))


def _served(comparison: pd.DataFrame, what: str) -> pd.DataFrame:
    return comparison.rename(columns={what: "served"})
