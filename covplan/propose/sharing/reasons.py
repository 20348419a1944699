"""Titles and reasons of sharing proposals, from the figures of the move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.propose.common.costs import Range
from covplan.study.language import MILLION, _, columns_in_both, ngettext, number
from covplan.study.layers import LIST_SEPARATOR

if TYPE_CHECKING:
    from covplan.propose.sharing.program import Goal

SAME_VND = 0.5 * MILLION  # a difference that is no reason


def titles(move: pd.Series) -> dict[str, str]:
    """title_vi and title_en: who moves where."""
    return columns_in_both(title=lambda: _title(move))


def reasons(move: pd.Series, outlay: Range, running: Range, spacing_m: float, goal: Goal) -> dict[str, str]:
    """reason_vi and reason_en: what it gains and costs, what the next best would cost, what happens without it."""

    def reason() -> str:
        what = _new_tenant(move) if move["action"] == "add_tenant" else _consolidation(move, spacing_m)
        return " ".join([what, _money(move, outlay, running), _otherwise(move["next_best_vnd"], goal)])

    return columns_in_both(reason=reason)


def _title(move: pd.Series) -> str:
    if move["action"] == "add_tenant":
        text = _("{operator} comes new to {location} of {owner}")
        if pd.isna(move["owner"]):
            text = _("{operator} comes new to {location}")
        return text.format(operator=move["operator"], location=move["location_id"], owner=move["owner"])
    text = _("{operator} leaves {origin} and shares {location}")
    return text.format(operator=move["operator"], origin=move["from_location_id"], location=move["location_id"])


def _won(move: pd.Series) -> int:
    return len(move["gains"].split(LIST_SEPARATOR)) if move["gains"] else 0


def _new_tenant(move: pd.Series) -> str:
    """The room on the structure, and whom it lets the operator reach."""
    room = _("The structure has room at {height} m; operators {before} → {after}.").format(
        height=number(move["antenna_height_m"], 1), before=move["tenants_before"], after=move["tenants_after"]
    )
    won = _won(move)
    if not won:
        counts = _("It counts for the ratio; hamlets it may reach are not counted.")
        return f"{room} {counts}"
    reached = ngettext(
        "{operator} reaches {hamlets} hamlet it does not cover today.",
        "{operator} reaches {hamlets} hamlets it does not cover today.",
        won,
    ).format(operator=move["operator"], hamlets=number(won))
    return f"{room} {reached}"


def _consolidation(move: pd.Series, spacing_m: float) -> str:
    """How near the structures stand, what the station keeps from the other one, what its operator loses."""
    return " ".join([_apart(move, spacing_m), _kept(move), _lost(move)])


def _apart(move: pd.Series, spacing_m: float) -> str:
    near, leaving, joined = move["distance_m"] < spacing_m, move["from_owner"], move["owner"]
    text = _("The structures of {leaving} and {joined} stand {distance} m apart.")
    if near:
        text = _(
            "The structures of {leaving} and {joined} stand {distance} m apart "
            "(nearer than the local spacing of {spacing} m)."
        )
    if pd.isna(leaving) or pd.isna(joined):  # the owners are not known: the structures by their ids
        leaving, joined = move["from_location_id"], move["location_id"]
        text = _("Structures {leaving} and {joined} stand {distance} m apart.")
        if near:
            text = _(
                "Structures {leaving} and {joined} stand {distance} m apart "
                "(nearer than the local spacing of {spacing} m)."
            )
    return text.format(leaving=leaving, joined=joined, distance=number(move["distance_m"]), spacing=number(spacing_m))


def _kept(move: pd.Series) -> str:
    before = move["households_before"]
    text = _("From {height} m it covers no household today; operators on the structure {before} → {after}.")
    if before > 0:
        text = _("From {height} m it keeps {share} % of its households; operators on the structure {before} → {after}.")
    return text.format(
        height=number(move["antenna_height_m"], 1),
        share=number(100 * move["households_kept"] / before) if before > 0 else "",
        before=move["tenants_before"],
        after=move["tenants_after"],
    )


def _lost(move: pd.Series) -> str:
    lost, won = int(move["operator_hamlets_lost"]), _won(move)
    if won:
        text = ngettext(
            "With the whole plan {operator} loses {lost} hamlet; this station wins {won}.",
            "With the whole plan {operator} loses {lost} hamlets; this station wins {won}.",
            lost,
        )
    else:
        text = ngettext(
            "With the whole plan {operator} loses {lost} hamlet.",
            "With the whole plan {operator} loses {lost} hamlets.",
            lost,
        )
    return text.format(operator=move["operator"], lost=number(lost), won=number(won))


def _money(move: pd.Series, outlay: Range, running: Range) -> str:
    text = _("Outlay {outlay} million VND; running cost {running} million VND a year.")
    if move["survey"]:
        text = _(
            "Outlay {outlay} million VND (with a survey: {certificate}); running cost {running} million VND a year."
        )
    costs = text.format(
        outlay=_millions(outlay), running=_signed_millions(running.base), certificate=_certificate(move)
    )
    rent = Range(*(float(move[name]) for name in ("rent_low_vnd", "rent_vnd", "rent_high_vnd")))
    text = _("Rent by the model: {rent} million VND a month (between firms, not counted as cost).")
    return f"{costs} {text.format(rent=_millions(rent, 1))}"


def _otherwise(more_vnd: float | None, goal: Goal) -> str:
    """The honest counterfactual: the best plan without this move, and what stays as it is."""
    if pd.isna(more_vnd):
        return _("Without it no other plan meets the demands.")
    aim = _("outlay") if goal == "target" else _("present cost")
    if more_vnd < SAME_VND:
        return _("Another plan without it has the same {aim}: it can be replaced.").format(aim=aim)
    return _("Without it the best other plan costs {more} million VND more ({aim}).").format(
        more=number(more_vnd / MILLION), aim=aim
    )


def _certificate(move: pd.Series) -> str:
    year = move["certificate_year"]
    return _("no certificate") if pd.isna(year) else _("last certificate of {year}").format(year=int(year))


def _millions(cost: Range, decimals: int = 0) -> str:
    base, low, high = (number(vnd / MILLION, decimals) for vnd in (cost.base, cost.low, cost.high))
    return f"{base} ({low}–{high})"


def _signed_millions(amount_vnd: float) -> str:
    return ("−" if amount_vnd < 0 else "+") + number(abs(amount_vnd) / MILLION)
