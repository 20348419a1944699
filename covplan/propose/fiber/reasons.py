"""Titles and reasons of cable to hamlets and stations, from the figures of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.propose.solve.solver import Status
from covplan.study.language import MILLION, _, columns_in_both, number

if TYPE_CHECKING:
    from covplan.propose.fiber.options import Candidates
    from covplan.propose.fiber.order import Step
    from covplan.propose.fiber.program import Extension
    from covplan.propose.solve.steiner import Tree


def hamlet_titles(name: str) -> dict[str, str]:
    """title_vi and title_en of cable to a hamlet."""
    return columns_in_both(title=lambda: _("Fiber to {hamlet}").format(hamlet=name))


def station_titles(station: str) -> dict[str, str]:
    """title_vi and title_en of cable to a station."""
    return columns_in_both(title=lambda: _("Fiber to station {station}").format(station=station))


def fiber_reasons(extension: Extension, step: Step, length_m: float) -> dict[str, str]:
    """reason_vi and reason_en of a step: what it adds, per household, how sure the plan is, what is without it."""
    found, group = extension.candidates, step.group
    cost_million = step.cost_vnd["base"] / MILLION

    def reason() -> str:
        return _("{cable}, {cost} million VND {purpose}; the plan is {proof}. Without it {otherwise}.").format(
            cable=_new_cable(step, length_m),
            cost=number(cost_million, 1),
            purpose=_purpose(int(found.households[group]), cost_million, is_site=bool(found.is_site[group])),
            proof=_proof(extension.tree),
            otherwise=_otherwise(found, group),
        )

    return columns_in_both(reason=reason)


def _new_cable(step: Step, length_m: float) -> str:
    if not len(step.edges):
        return _("Joined to cable that is there, none laid")
    return _("{km} km of new cable").format(km=number(length_m / 1000, 2))


def _purpose(households: int, cost_million: float, *, is_site: bool) -> str:
    if is_site:
        return _("for a station's backhaul")
    each = number(cost_million / max(households, 1), 2)
    return _("for {households} households ({each} million each)").format(households=number(households), each=each)


def _proof(tree: Tree) -> str:
    if tree.status is Status.OPTIMAL:
        return _("proven to be the best")
    return _("at most {gap} % from the best").format(gap=number(100 * tree.gap, 2))


def _otherwise(found: Candidates, group: int) -> str:
    if not found.is_site[group]:
        return _("the hamlet has no FTTH")
    hop_vnd = float(found.worth_vnd[group])
    if not hop_vnd:
        return _("the station has no backhaul")
    return _("the station takes a microwave hop for {cost} million").format(cost=number(hop_vnd / MILLION))
