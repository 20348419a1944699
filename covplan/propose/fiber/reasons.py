"""Titles and reasons of cable to hamlets and stations, from the figures of a step."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Lost:
    """A hamlet that stays without FTTH."""

    cause: str
    """A code of the column `cause` of the layer `not_served`."""
    road_m: float
    """To a road, for the share of households that makes it served; not finite: no road."""
    cable_m: float
    """To a cable with spare cores, by road."""
    off_road_m: float
    """Farther from a road than this a drop is not led."""


def why_without_fiber(lost: Lost) -> tuple[str, str]:
    """Why a hamlet stays without FTTH, and what would help."""
    far = _("{metres} m").format(metres=number(lost.road_m)) if lost.road_m < float("inf") else _("no road at all")
    cable = _("{km} km by road").format(km=number(lost.cable_m / 1000, 1)) if lost.cable_m < float("inf") else _("none")
    nearer = _("a new exchange (OLT) nearer to it, with free ports")
    why, helps = {
        "rejected": (_("Its connection was rejected by a decision."), _("Take the decision back.")),
        "no_dwellings": (
            _("Where its households live is not known: it has no dwelling clusters."),
            _("Clusters of dwellings (villages.gpkg, dwellings), or a raster of the population (population.tif)."),
        ),
        "unknown": (
            _("Whether it has FTTH cannot be told from the free ports and nodes that are known."),
            _("Free ports of the access points near it, and which exchange feeds them (fiber.gpkg, nodes)."),
        ),
        "off_road": (
            _("Too many of its households live away from every road: {far}, {most} m are asked for.").format(
                far=far, most=number(lost.off_road_m)
            ),
            _("The road that leads there (roads.gpkg), a longer way off the road ([fiber] off_road_m), a radio link or "
              "a satellite terminal."),
        ),
        "no_exchange": (
            _("No road leads from it to a cable of an exchange with free ports (nearest cable with spare cores: "
              "{cable}).").format(cable=cable),
            _("The road that is missing (roads.gpkg), or {nearer}.").format(nearer=nearer),
        ),
        "too_far": (
            _("Every way from an exchange with free ports is too long for the light (nearest cable with spare cores: "
              "{cable}).").format(cable=cable),
            _("{nearer}, a stronger optical class or a smaller split ([fiber]).").format(
                nearer=nearer[:1].upper() + nearer[1:]
            ),
        ),
        "no_room": (
            _("The free ports of the exchanges go to other hamlets."),
            _("More ports, or {nearer}.").format(nearer=nearer),
        ),
        "not_asked": (_("The target is reached without it, for less."), _("A higher target of VILLAGE_FTTH_COV.")),
    }[lost.cause]  # fmt: skip
    return why, helps
