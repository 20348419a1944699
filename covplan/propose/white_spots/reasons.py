"""What a proposal for white spots is called and why it is made, in the language spoken now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from covplan.propose.common.reasons import describe_backhaul, listed
from covplan.study.language import _, money, ngettext, number

if TYPE_CHECKING:
    import pandas as pd


def title(action: pd.Series, hamlets: pd.DataFrame) -> str:
    """Who does what where, or for which hamlet."""
    text = {
        "add_tenant": _("{operator} joins the structure {location}"),
        "add_band": _("{operator} adds {bands} at {location}"),
        "raise_antenna": _("{operator} raises its antennas at {location}"),
        "small_cell": _("Small cell near {hamlet}"),
        "new_mast": _("New mast of {height} m for {hamlet}"),
    }[str(action["action"])]
    return text.format(
        operator=action["operator"],
        location=action["location_id"],
        bands=action["bands"],
        height=number(action["height_m"]),
        hamlet=hamlets["name"].iloc[0] if len(hamlets) else "",
    )


def reason(
    action: pd.Series,
    site: pd.Series | None,
    hamlets: pd.DataFrame,
    lost: pd.DataFrame,
    *,
    cost_vnd: float,
    next_vnd: float | None,
) -> str:
    """What it gains, what it costs over the horizon, what the next best costs, what happens without it.

    Parameters
    ----------
    hamlets, lost : DataFrame
        Those it covers, and those of them that nothing else in the plan covers.
    next_vnd : float or None
        What the cheapest other way to cover the lost ones costs; None where there is none.
    """
    sentences = [_gain(hamlets, cost_vnd)]
    if site is not None:
        by_road = bool(site["by_road"])
        backhaul = describe_backhaul(site["backhaul"], site["length_m"], site["hop_to"], by_road=by_road)
        sentences.append(_("Backhaul: {backhaul}.").format(backhaul=backhaul))
    if action["survey"]:
        sentences.append(_("The structure is to be surveyed first."))
    if len(lost):
        sentences.append(_without(lost, next_vnd))
    return " ".join(sentences)


def _gain(hamlets: pd.DataFrame, cost_vnd: float) -> str:
    text = ngettext(
        "Covers {count} hamlet ({names}), {households} households; to build and run {cost}.",
        "Covers {count} hamlets ({names}), {households} households; to build and run {cost}.",
        len(hamlets),
    )
    return text.format(
        count=len(hamlets),
        names=listed(list(hamlets["name"])),
        households=int(hamlets["households"].sum()),
        cost=money(cost_vnd),
    )


def _without(lost: pd.DataFrame, next_vnd: float | None) -> str:
    count, names = len(lost), listed(list(lost["name"]))
    if next_vnd is None:
        text = ngettext(
            "Without it {count} hamlet stays dark ({names}); there is no other way.",
            "Without it {count} hamlets stay dark ({names}); there is no other way.",
            count,
        )
        return text.format(count=count, names=names)
    text = ngettext(
        "Without it {count} hamlet stays dark ({names}); the next best way costs {cost}.",
        "Without it {count} hamlets stay dark ({names}); the next best way costs {cost}.",
        count,
    )
    return text.format(count=count, names=names, cost=money(next_vnd))


@dataclass(frozen=True)
class Dark:
    """A hamlet that stays without a signal."""

    cause: str
    """A code of the column `cause` of the layer `not_served`."""
    best_dbm: float
    """The weakest of its points under the best option; −∞: no option is received."""
    required_dbm: float
    reach_km: float
    """How far from a hamlet sites are looked at."""
    satellite_vnd: float | None
    """A terminal over the horizon; None: not known."""
    new_sites: Literal["looked at", "no ground", "no network"] = "looked at"
    """Whether there was ground for new masts, and a network to connect them to."""


def why_dark(dark: Dark) -> tuple[str, str]:
    """Why a hamlet stays without a signal, and what would help."""
    missing_db = number(dark.required_dbm - dark.best_dbm, 1) if np.isfinite(dark.best_dbm) else ""
    why = {
        "rejected": _("Every option that would cover it was rejected by a decision."),
        "too_weak": _(
            "No option within the rules covers it: the best reaches {level} dBm at its weakest point, {required} dBm "
            "are needed."
        ),
        "no_option": _(
            "No structure that is open and no ground where a mast may stand within {km} km is received there."
        ),
        "no_operator": _("Not every operator that must cover it has an option that reaches it."),
        "no_room": _("Options reach it, but the room on structures and the spacing of masts go to other hamlets."),
        "not_asked": _("The target is reached without it, for less."),
        "unknown": _("What is received there is not known: its centre lies outside the terrain, or it has none."),
    }
    farther = _(
        "Taller masts ([propose] mast_heights_m), ground farther from a road or steeper (road_m, slope_deg), sites "
        "farther away ([white_spots] reach_m)"
    )
    helps = {
        "rejected": _("Take one of the decisions back."),
        "too_weak": _("{missing} dB more: {farther}.").format(missing=missing_db, farther=farther),
        "no_option": f"{farther}.",
        "no_operator": _("Fewer operators that must cover it ([white_spots] every_operators), or {farther}.").format(
            farther=farther[:1].lower() + farther[1:]
        ),
        "no_room": _(
            "More tenants on the structures near it (max_tenants), a smaller spacing ([[rules]] min_spacing)."
        ),
        "not_asked": _("A higher target; supply_curve.csv says what the next hamlet costs."),
        "unknown": _("Terrain that reaches there (elevation.tif), or a centre inside the province."),
    }[dark.cause]
    if dark.cause in ("not_asked", "unknown", "rejected"):
        dark = replace(dark, new_sites="looked at")
    if dark.satellite_vnd is not None and dark.cause not in ("not_asked", "unknown"):
        helps += " " + _("Or a satellite terminal at one point: about {cost} over the horizon.").format(
            cost=money(dark.satellite_vnd)
        )
    if dark.new_sites == "no ground":
        text = _(
            "No ground for new masts: too steep, too far from a road, or beside masts that stand (slope_deg, road_m)."
        )
        helps = f"{text} {helps}"
    elif dark.new_sites == "no network":
        text = _(
            "New sites have nothing to be connected to: structures on fiber (bts_sites.csv, backhaul) or the cable "
            "(fiber.gpkg)."
        )
        helps = f"{text} {helps}"
    level = number(dark.best_dbm) if np.isfinite(dark.best_dbm) else ""
    text = why[dark.cause].format(level=level, required=number(dark.required_dbm), km=number(dark.reach_km, 1))
    return text, helps
