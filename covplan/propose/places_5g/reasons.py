"""What a placement of 5G is called and why it is made, in the language spoken now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.propose.common.reasons import describe_backhaul, listed
from covplan.study.codes import ANY
from covplan.study.language import _, money, ngettext, number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Purpose:
    """What a placement is for, and what it costs."""

    served: pd.DataFrame
    """Places that get their 5G from it."""
    helped: pd.DataFrame
    """Places of other placements that have too little without it."""
    wanted_mbps: float
    """Traffic of the places served."""
    cost_vnd: float
    """To build and to run over the horizon."""
    instead_vnd: float | None
    """The cheapest other placement that would serve the same places; None where there is none."""


@dataclass(frozen=True)
class Without:
    """A place that gets no 5G."""

    cause: str
    """A code of the column `cause` of the layer `not_served`."""
    wanted_mbps: float
    quota_pct: float
    """Of the new stations, that must stand on existing structures."""
    look_km: float
    """Farther from a place a structure is not looked at."""


def why_without_5g(place: Without) -> tuple[str, str]:
    """Why a place gets no 5G, and what would help."""
    why, helps = {
        "no_option": (
            _(
                "No placement within the rules covers enough of it: no band and radio on an open structure within {km} "
                "km, nor on a new one at the place."
            ).format(km=number(place.look_km, 1)),
            _("A smaller share of its area ([places] least_share), or other operators ([places_5g] operators)."),
        ),
        "rejected": (
            _("Every placement that would cover it was rejected by a decision."),
            _("Take one of the decisions back."),
        ),
        "quota": (
            _(
                "Served only if fewer than {quota} % of the new stations stood on existing structures, as the target "
                "asks."
            ).format(quota=number(place.quota_pct, 2)),
            _("A lower [targets.BTS_NEW_SHARE_RATIO] target_2030, or more structures that take another operator."),
        ),
        "no_room": (
            _(
                "Its traffic of {wanted} Mbit/s is beyond the capacity and the free tenants of all placements that "
                "cover it, beside what other places need."
            ).format(wanted=number(place.wanted_mbps)),
            _("Less traffic of the place (demand_mbps), more spectrum or operators ([places_5g] operators, policy)."),
        ),
        "over_budget": (
            _("The budget goes to places with more users."),
            _("A larger [places_5g] budget_vnd."),
        ),
    }[place.cause]
    return why, helps


def title(action: pd.Series, purpose: Purpose) -> str:
    """Who does what where, and for which place where it is new."""
    text = {
        "upgrade_5g": _("{operator} adds 5G {bands} {configuration} at {location}"),
        "add_tenant": _("{operator} joins {location} with 5G {bands} {configuration}"),
        "new_structure_5g": _("New {structure} with 5G {bands} {configuration}: {purpose}"),
    }[str(action["action"])]
    return text.format(
        operator=_("Shared radio") if action["operator"] == ANY else action["operator"],
        location=action["location_id"],
        bands=action["bands"],
        configuration=action["configuration"],
        structure=action["structure"],
        purpose=purpose.served["name"].iloc[0] if len(purpose.served) else _("more capacity"),
    )


def reason(action: pd.Series, purpose: Purpose) -> str:
    """What it serves, its capacity, and the cheapest single other placement that would serve the same places."""
    if len(purpose.served):
        return _serves(action, purpose)
    if len(purpose.helped):
        return _helps(action, purpose)
    return _(
        "Serves no place: only the ratio of new stations on existing structures asks for it; to build and run {cost}. "
        "The ratio is worth a second look."
    ).format(cost=money(purpose.cost_vnd))


def _serves(action: pd.Series, purpose: Purpose) -> str:
    gain = ngettext(
        "5G for {count} place ({names}), {wanted} Mbit/s wanted, {capacity} Mbit/s of capacity; to build and run "
        "{cost}.",
        "5G for {count} places ({names}), {wanted} Mbit/s wanted, {capacity} Mbit/s of capacity; to build and run "
        "{cost}.",
        len(purpose.served),
    ).format(
        count=len(purpose.served),
        names=_names(purpose.served),
        wanted=number(purpose.wanted_mbps),
        capacity=number(action["capacity_mbps"]),
        cost=money(purpose.cost_vnd),
    )
    sentences = [gain]
    if action["new"]:
        by_road = bool(action["by_road"])
        backhaul = describe_backhaul(action["backhaul"], action["length_m"], action["hop_to"], by_road=by_road)
        sentences.append(_("Backhaul: {backhaul}.").format(backhaul=backhaul))
    if purpose.instead_vnd is None:
        text = _("No other single placement serves them all; without it these places stay without 5G.")
        return " ".join([*sentences, text])
    text = _("Without it these places stay without 5G; the cheapest single placement instead costs {cost}.")
    return " ".join([*sentences, text.format(cost=money(purpose.instead_vnd))])


def _helps(action: pd.Series, purpose: Purpose) -> str:
    return _(
        "Serves with another placement: {names}: coverage or capacity ({capacity} Mbit/s) that the other lacks; to "
        "build and run {cost}. Without it these places have too little 5G."
    ).format(names=_names(purpose.helped), capacity=number(action["capacity_mbps"]), cost=money(purpose.cost_vnd))


def _names(places: pd.DataFrame) -> str:
    return listed([str(name) for name in places["name"]])
