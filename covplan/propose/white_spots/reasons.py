"""What a proposal for white spots is called and why it is made, in the language spoken now."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
