"""All that is proposed for a plan, put together, given its years, and kept with the study, kind by kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from covplan.pipeline.kept import decided_in, kept_folder, kinds_of, rows_of, said_damaged, said_of, together
from covplan.pipeline.places_5g import confirm_places_5g, propose_places_5g
from covplan.pipeline.sharing import propose_sharing
from covplan.pipeline.trench import propose_fiber
from covplan.pipeline.white_spots import confirm_white_spots, propose_white_spots
from covplan.pipeline.workspace import workspace_of
from covplan.pipeline.years import phase_proposals
from covplan.propose.common.reasons import listed
from covplan.propose.white_spots.program import supply_curve
from covplan.study.errors import LayerError, NoSolution
from covplan.study.files import code_digest
from covplan.study.kinds import (
    FIBER,
    IN_ONE_TRENCH,
    KINDS,
    PLACE_5G,
    SHARE,
    SUPPLY_CURVE,
    TRENCH,
    WHITE_SPOT,
    kind_title,
)
from covplan.study.language import _, current_language, number
from covplan.study.plan import (
    YEARS_FILE,
    Run,
    drop_kept,
    keep_part,
    keep_run,
    keep_years,
    no_proposals,
    read_kept,
    read_run,
    result_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from covplan.pipeline.places_5g import PlacesPlan
    from covplan.pipeline.sharing import SharingPlan
    from covplan.pipeline.trench import FiberProposed
    from covplan.pipeline.white_spots import WhiteSpotPlan
    from covplan.pipeline.workspace import Workspace
    from covplan.study.folder import Study
    from covplan.study.plan import Plan

    Tables = dict[str, pd.DataFrame]

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

    A kind that cannot be done for want of data is said with its reason and leaves the others as they are. What is done
    is kept with the study at once, and so what was kept of other kinds is in the plan too; the years are given over
    all of it.

    Parameters
    ----------
    kinds : sequence of {"white_spot", "supply_curve", "fiber", "place_5g", "share"}
        With white_spot and fiber the backhaul of new masts and the cable to hamlets share their trenches.
    phased : bool
        Give every proposal its year, under the budgets and yearly targets of the study.
    workspace : Workspace, optional
        That the plan was made in: its terrain, roads and receptions are not made again.
    """
    study = plan.study
    found = _Found.of(study, kinds, phased=phased)
    workspace = workspace or workspace_of(study)
    if found.run.done:
        titles = ", ".join(kind_title(kind) for kind in kinds if kind in found.run.done)
        progress(_("goes on where the last run was stopped; done already: {kinds}").format(kinds=titles))

    @cache
    def spots() -> WhiteSpotPlan | None:
        said = list(found.said)
        made = found.tried(WHITE_SPOT, lambda: propose_white_spots(workspace, progress=progress))
        if {WHITE_SPOT, SUPPLY_CURVE} & set(found.run.done):  # what there is to say was said then
            found.said = said
        return made

    def fiber() -> None:
        joined = spots() if WHITE_SPOT in kinds else None
        cable = found.tried(FIBER, lambda: propose_fiber(workspace, spots=joined, progress=progress))
        if cable is not None:
            _add_fiber(found, cable, joined)

    steps: dict[str, Callable[[], None]] = {
        WHITE_SPOT: lambda: _add_white_spots(found, workspace, spots()),
        SUPPLY_CURVE: lambda: _add_supply_curve(found, study, spots(), progress),
        FIBER: fiber,
        PLACE_5G: lambda: _add_places(found, workspace, progress),
        SHARE: lambda: _add_sharing(found, workspace, progress),
    }
    for kind, step in steps.items():
        if kind in kinds:
            found.step(kind, step)
    done = found.decided(together(plan, found.parts), found.made, phased=phased)
    if phased and len(done.proposals):
        progress(_("Years"))
        done = found.phased(done, plan)
    elif found.folder:
        drop_kept(found.folder, YEARS_FILE)
    found.finish()
    of_run = [kind for part in found.made for kind in kinds_of(part)]
    return done, [*found.said, *_said_left_out(done.not_served[done.not_served["kind"].isin(of_run)])]


def _add_white_spots(found: _Found, workspace: Workspace, spots: WhiteSpotPlan | None) -> None:
    if spots is None:
        return
    covered = confirm_white_spots(workspace, spots)["covered"]
    said = _("computed again, {covered} of {all} hamlets are covered")
    said = said.format(covered=number(int(covered.sum())), all=number(len(covered)))
    short = list(spots.short)
    if workspace.study.roads.empty:
        short.append(
            _("roads are not known (roads.gpkg): new masts may stand anywhere and are costed as without a road")
        )
    found.said += [said_of(WHITE_SPOT, text) for text in (*short, said)]
    found.apart(WHITE_SPOT)
    found.add(
        WHITE_SPOT,
        proposals=spots.proposals,
        comparison=_compared(white_spot=_served(spots.comparison, "hamlets")),
        not_served=spots.not_served,
    )


def _add_supply_curve(
    found: _Found, study: Study, spots: WhiteSpotPlan | None, progress: Callable[[str], None]
) -> None:
    if spots is None:
        return
    progress(kind_title(SUPPLY_CURVE))
    costs, weighing = study.settings.costs, study.settings.propose
    curve = found.tried(SUPPLY_CURVE, lambda: supply_curve(spots.problem, costs, weighing))
    if curve is not None:
        found.add(SUPPLY_CURVE, supply_curve=result_table("supply_curve", curve))


def _add_fiber(found: _Found, cable: FiberProposed, spots: WhiteSpotPlan | None) -> None:
    """Cable by itself; and where new masts share its trenches, both as they are then."""
    found.said += cable.said
    found.apart(FIBER)
    alone = {name: table for name, table in cable.compared.items() if name == FIBER}
    found.add(FIBER, proposals=cable.alone, comparison=_compared(**alone), not_served=cable.not_served)
    if cable.masts is None or spots is None:
        return
    found.add(
        TRENCH,
        proposals=rows_of([cable.proposals, cable.masts]),
        comparison=_compared(**cable.compared, white_spot=_served(spots.comparison, "hamlets")),
        not_served=pd.concat([cable.not_served, spots.not_served], ignore_index=True),
    )


def _add_places(found: _Found, workspace: Workspace, progress: Callable[[str], None]) -> None:
    placed: PlacesPlan | None = found.tried(PLACE_5G, lambda: propose_places_5g(workspace, progress=progress))
    if placed is None:
        return
    state = confirm_places_5g(workspace, placed)["state_5g"]
    covered = int((state == "covered").sum())
    said = _("computed again, {covered} of {all} places have 5G").format(covered=covered, all=len(state))
    if workspace.settings.places_5g.budget_vnd:
        users = _("; {users} of {all} users within the budget")
        said += users.format(users=number(placed.choice.value), all=number(placed.problem.cover.value.sum()))
    found.said.append(said_of(PLACE_5G, said))
    found.add(
        PLACE_5G,
        proposals=placed.proposals,
        comparison=_compared(place_5g=_served(placed.comparison, "places")),
        not_served=placed.not_served,
    )


def _add_sharing(found: _Found, workspace: Workspace, progress: Callable[[str], None]) -> None:
    progress(kind_title(SHARE))
    shared: SharingPlan | None = found.tried(SHARE, lambda: propose_sharing(workspace))
    if shared is None:
        return
    lost = int(shared.coverage["hamlets_lost"].sum())
    said = _("computed again, {hamlets} hamlets lose an operator's signal").format(hamlets=number(lost))
    found.said += [said_of(SHARE, text) for text in (*shared.short, said)]
    found.add(
        SHARE,
        proposals=shared.proposals,
        comparison=_compared(share=_served(shared.comparison, "moves")),
        not_served=shared.not_served,
    )


@dataclass
class _Found:
    """What the kinds have brought so far, with what was kept of others; each is kept as soon as it is there."""

    epsg: int
    folder: Path | None
    parts: dict[str, Tables]
    run: Run
    made: list[str] = field(default_factory=list)
    """Parts of this run."""
    said: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, study: Study, kinds: Sequence[str], *, phased: bool) -> _Found:
        """With the parts kept for the study; and with what a run that was asked the same, and stopped, has done."""
        folder, epsg = kept_folder(study), study.settings.province.epsg
        kept = read_kept(folder, epsg)
        run = Run(tuple(kinds), phased, f"{code_digest()} {current_language()}")
        former = read_run(folder)
        if former is not None and not former.finished and replace(former, done={}) == run:
            run = former
        return cls(epsg, folder, dict(kept.parts), run, said=said_damaged(kept))

    def step(self, kind: str, make: Callable[[], None]) -> None:
        """Do a kind, unless it is done; note it."""
        parts, said = len(self.made), len(self.said)
        if kind in self.run.done:
            self.made += self.run.done[kind][0]
            self.said += self.run.done[kind][1]
            return
        self._note(self.run)
        make()
        done = {kind: (tuple(self.made[parts:]), tuple(self.said[said:]))}
        self._note(replace(self.run, done=self.run.done | done))

    def finish(self) -> None:
        """The run has come to its end."""
        self._note(replace(self.run, finished=True))

    def _note(self, run: Run) -> None:
        self.run = run
        if self.folder:
            keep_run(self.folder, run)

    def tried(self, what: str, run: Callable[[], Result]) -> Result | None:
        """What a step finds; None, and the reason is said, when data or a solution is missing."""
        try:
            return run()
        except (LayerError, NoSolution) as error:
            self.said.append(said_of(what, str(error)))
            return None

    def add(self, part: str, **tables: pd.DataFrame) -> None:
        """The tables of one part; kept at once."""
        self.parts[part] = keep_part(self.folder, part, no_proposals(self.epsg) | tables, self.epsg)
        self.made.append(part)

    def apart(self, kind: str) -> None:
        """A kind is proposed by itself: it no longer stands in one trench with the other, which stays by itself too."""
        if self.parts.pop(TRENCH, None) is None:
            return
        if self.folder:
            drop_kept(self.folder, TRENCH)
        text = _("proposed by itself; both together, {kinds}, would share trenches again")
        both = ", ".join(f"-k {one}" for one in IN_ONE_TRENCH)
        self.said.append(said_of(kind, text.format(kinds=both)))

    def decided(self, done: Plan, made: Sequence[str], *, phased: bool) -> Plan:
        """The plan with what was decided of its proposals; years that phasing gives are open but for those decided."""
        of_run = {kind for part in made for kind in kinds_of(part)}
        done, unmet = decided_in(done, years_open=phased)
        decisions = done.study.decisions.set_index("decision_id")["kind"]
        text = _("no candidate left for the decision on {proposal}")
        self.said += [text.format(proposal=one) for one in unmet if decisions[one] in of_run]
        return done

    def phased(self, done: Plan, today: Plan) -> Plan:
        """The plan with a year for each proposal; as it is, and why is said, where budgets or rules forbid it."""
        found = self.tried(
            _("Years"),
            lambda: phase_proposals(done.study, done.proposals, today=today, lower_targets=True),
        )
        if found is None:
            return done
        self.said += [said_of(_("Years"), text) for text in found[1].short]
        if self.folder:
            keep_years(self.folder, found[0])
        return replace(done, proposals=found[0])


def _said_left_out(not_served: pd.DataFrame) -> list[str]:
    """A line for each kind: how many objects it leaves out, and some of their names."""
    said = []
    for kind, rows in not_served.groupby("kind", sort=False):
        names = listed([str(one) for one in rows["name"].fillna(rows["object_id"])])
        text = _("{count} are left out, each with its reason in not_served.csv: {names}")
        said.append(said_of(str(kind), text.format(count=number(len(rows)), names=names)))
    return said


def _compared(**tables: pd.DataFrame) -> pd.DataFrame:
    """Methods side by side, by the kind they stand under."""
    return rows_of([result_table("comparison", table.assign(kind=kind)) for kind, table in tables.items()])


def _served(comparison: pd.DataFrame, what: str) -> pd.DataFrame:
    return comparison.rename(columns={what: "served"})
