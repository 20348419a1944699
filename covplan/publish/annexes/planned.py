"""Annexes of what is proposed: shared locations, new locations, 5G, signal for dark hamlets, fiber, phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import addresses
from covplan.publish.annexes.annex import COORDINATES, COST, PLACE, Annex, Field
from covplan.publish.annexes.existing import DUTY
from covplan.publish.figures import NOT_PHASED
from covplan.publish.words import label, operator_names
from covplan.study.columns import split_list
from covplan.study.kinds import FIBER, PLACE_5G, SHARE, WHITE_SPOT
from covplan.study.language import N_, _, current_language

if TYPE_CHECKING:
    from covplan.study.folder import Study

NEW_STRUCTURES = ("new_mast", "new_structure_5g")
MONEY = N_(
    "Low, base and high costs are one-off investments at the study's unit costs; a negative one is a saving. A "
    "proposal may stand in two annexes: do not add costs across annexes."
)
NOTHING_PROPOSED = N_("The plan has no proposals yet: run `covplan propose` before making the annexes.")
AREAS = {"urban": N_("urban"), "rural": N_("rural")}
ID, OPERATOR = Field("proposal_id", N_("Proposal id"), width=8), Field("who", N_("Enterprise"), width=13)
MAST = (
    Field("structure", N_("Class of structure"), width=6), Field("height_m", N_("Greatest height (m)"), "tenths", 7),
    Field("antenna_height_m", N_("Antenna height (m)"), "tenths", 7),
)  # fmt: skip
PHASE = (Field("phase", N_("Phase, year"), width=7), *COST, Field("money", N_("Funding"), width=12))
RUNNING = Field("opex_vnd_per_year", N_("Cost a year (VND million)"), "million", 11, summed=True)
DUTY_FIELD = Field("duty", N_("Duty to share"), width=9)
ACTION = Field("said_action", N_("Action"), width=14)
LOCATION = Field("location_id", N_("Location id"), width=13)
BANDS = Field("said_bands", N_("Band"), width=10)
GAINS = Field("gains_count", N_("Objects that benefit"), "count", 7)
HOMES = Field("households", N_("Households that benefit"), "count", 7, summed=True)
WHERE = (Field("hamlet", N_("Place (hamlet)"), width=14), *PLACE, *COORDINATES)


def planned(proposals: pd.DataFrame, study: Study) -> tuple[Annex, ...]:
    """The annexes of the proposals, each with its rows or none."""
    rows = _shown(proposals, study)
    notes = (_(MONEY),) if len(proposals) else (_(NOTHING_PROPOSED),)
    return (
        _sharing(rows, notes),
        _new_locations(rows, notes, study),
        _places_5g(rows, notes),
        _white_spots(rows, notes),
        _cables(rows, notes),
        _reasons(rows, notes),
    )


def _sharing(rows: pd.DataFrame, notes: tuple[str, ...]) -> Annex:
    fields = (
        ID,
        OPERATOR,
        Field("from_location_id", N_("Location left"), width=13),
        Field("location_id", N_("Shared location"), width=13),
        *WHERE,
        *MAST,
        DUTY_FIELD,
        *PHASE,
        RUNNING,
    )
    chosen = rows[rows["kind"] == SHARE]
    return Annex(_("Sharing of locations"), _("Locations to be shared"), chosen, fields, (*notes, _(DUTY)))


def _new_locations(rows: pd.DataFrame, notes: tuple[str, ...], study: Study) -> Annex:
    elsewhere = rows["location_id"].isna() & ~rows["geometry"].isna() & ~rows["kind"].isin([FIBER, SHARE])
    built = rows["action"].isin(NEW_STRUCTURES) | elsewhere
    works = Field("said_action", N_("Works"), width=14)
    fields = (ID, works, OPERATOR, *WHERE, *MAST, DUTY_FIELD, GAINS, HOMES, *PHASE)
    limits = _("Height limits by the rules of the study: {ceilings}.").format(ceilings=_ceilings(study))
    title = _("Locations to be built")
    return Annex(_("New locations"), title, rows[built], fields, (*notes, _(DUTY), limits))


def _places_5g(rows: pd.DataFrame, notes: tuple[str, ...]) -> Annex:
    fields = (ID, ACTION, OPERATOR, LOCATION, *WHERE, *MAST, BANDS, GAINS, *PHASE)
    return Annex("5G", _("Locations that get 5G"), rows[rows["kind"] == PLACE_5G], fields, notes)


def _white_spots(rows: pd.DataFrame, notes: tuple[str, ...]) -> Annex:
    fields = (ID, ACTION, OPERATOR, LOCATION, *WHERE, *MAST, BANDS, GAINS, HOMES, *PHASE)
    title = _("Works for hamlets without signal or with a weak one")
    return Annex(_("White-spot areas"), title, rows[rows["kind"] == WHITE_SPOT], fields, notes)


def _cables(rows: pd.DataFrame, notes: tuple[str, ...]) -> Annex:
    length = Field("length_km", N_("Length (km)"), "number", 10, summed=True)
    fields = (ID, ACTION, OPERATOR, *WHERE, length, GAINS, HOMES, *PHASE)
    return Annex(_("Proposed cables"), _("Proposed fiber cable routes"), rows[rows["kind"] == FIBER], fields, notes)


def _reasons(rows: pd.DataFrame, notes: tuple[str, ...]) -> Annex:
    language = current_language()
    fields = (
        ID,
        Field(f"title_{language}", N_("Proposal"), width=40),
        *PHASE[:-1],
        Field(f"reason_{language}", N_("Reason"), width=80),
        Field("certain_pct", N_("Certainty (%)"), "tenths", 8),
        Field("gap_pct", N_("Gap to the optimum (%)"), "number", 8),
    )
    note = _(
        "Certainty: share of cost scenarios in which the proposal is still chosen. Gap to the optimum: proven distance "
        "to the cheapest plan, at most; 0 is optimal."
    )
    return Annex(_("Reason"), _("The reason of every proposal"), rows, fields, (*notes, note))


def _shown(proposals: pd.DataFrame, study: Study) -> pd.DataFrame:
    rows = proposals.sort_values(["year", "proposal_id"])
    return rows.drop(columns=["lon", "lat"]).assign(
        **addresses(rows.geometry, study),
        who=rows["operator"].map(lambda code: operator_names().get(str(code), str(code)), na_action="ignore"),
        said_action=rows["action"].map(lambda code: label("action", code)),
        said_bands=rows["bands"].map(lambda codes: ", ".join(label("bands", code) for code in split_list(codes))),
        money=rows["funding"].map(lambda code: label("funding", code), na_action="ignore"),
        phase=rows["year"].map(lambda year: _(NOT_PHASED) if pd.isna(year) else str(int(year))),
        length_km=rows["length_m"] / 1000.0,
        certain_pct=100.0 * rows["confidence"],
        gap_pct=100.0 * rows["gap"],
        duty=_("Yes, where feasible"),
    )


def _ceilings(study: Study) -> str:
    rules = [rule for rule in study.settings.rules if rule.rule == "max_height"]
    said = [f"{_(AREAS.get(rule.area, rule.area))} {rule.value:g} m ({rule.source})" for rule in rules]
    return "; ".join(said) or _("none")
