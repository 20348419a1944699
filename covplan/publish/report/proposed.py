"""Chapters VI to VIII: what is proposed, where, why, at what cost, in which year, and who does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish import figures
from covplan.publish.report.content import (
    NONE,
    Bullets,
    Figure,
    Heading,
    Paragraph,
    Table,
    billions,
    count,
    figure,
    with_total,
)
from covplan.publish.words import label, operator_names
from covplan.study.kinds import PROPOSAL_KINDS, SHARE, kind_title
from covplan.study.language import N_, _, by_language, ngettext

if TYPE_CHECKING:
    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

COSTS = ("cost_low_vnd", "cost_base_vnd", "cost_high_vnd")
COST_HEADS = (N_("Low (VND billion)"), N_("Base (VND billion)"), N_("High (VND billion)"))
LONGEST_LIST = 25  # rows of a list in the text; the annexes hold them all
TOP_OF_A_KIND = 4
NOTHING_PROPOSED = N_(
    "The plan has no proposals yet (`covplan propose` makes them); this chapter and the costs follow once there are "
    "some."
)
NOTHING_TO_DO = N_("There is nothing to propose: the targets are reached, or nothing that can be done serves anybody.")
NOT_ASKED = "not_asked"  # of not_served.cause: no target needs it
MEASURES = (
    N_(
        "Share existing locations before building new masts; a new mast must have room for other enterprises where "
        "feasible."
    ),
    N_(
        "Especially difficult hamlets with grid power: ask the Universal Telecommunications Service Fund for "
        "support; elsewhere the enterprises pay."
    ),
    N_(
        "Inspect a mast again before antennas are added; add up the electromagnetic fields of all who share it (QCVN "
        "8:2022/BTTTT)."
    ),
    N_("Where covering a hamlet costs more than a satellite terminal, consider the satellite in its place."),
)
DUTIES = (
    N_(
        "Department of Science and Technology: leads in publishing and guiding, appraises the yearly plans of "
        "enterprises, keeps the data up to date, reports results."
    ),
    N_(
        "Departments of Construction, of Agriculture and Environment, of Industry and Trade: work together on "
        "permits, land, technical corridors, power."
    ),
    N_("People's Committees of communes: find locations, confirm the state of coverage in their hamlets."),
    N_(
        "Telecom enterprises: build by the schedule, report each year's plan before 20 December, lease out shared "
        "infrastructure."
    ),
)


def proposed(tables: Tables) -> list[Block]:
    """Chapters VI to VIII."""
    proposals = tables.of["proposals"]
    plan = Heading(1, _("VI. PLAN OF DEVELOPMENT BY AREA AND PHASE"))
    money = Heading(1, _("VII. MEASURES, PROJECTS AND COSTS"))
    duties: tuple[Block, ...] = (Heading(1, _("VIII. IMPLEMENTATION")), Bullets(tuple(map(_, DUTIES))))
    if proposals.empty:
        nothing = Paragraph(_(NOTHING_PROPOSED)) if tables.of["comparison"].empty else Paragraph(_(NOTHING_TO_DO))
        left = _not_served(tables, _("What is left out, and why"))
        return [plan, nothing, *left, money, Bullets(tuple(map(_, MEASURES))), *duties]
    return [
        plan, *_overview(tables), *_supply(tables), *_sharing(proposals), *_reasons(proposals), *_methods(tables),
        *_not_served(tables, _("6. What is left out, and why")), money, *_money(proposals), *duties,
    ]  # fmt: skip


def _overview(tables: Tables) -> list[Block]:
    proposals = tables.of["proposals"]
    groups = proposals.groupby(["kind", "action"], sort=False)
    rows = [
        (kind_title(str(kind)), label("action", str(action)), count(len(group)),
         *(billions(group[cost].sum()) for cost in COSTS))
        for (kind, action), group in sorted(groups, key=lambda one: (PROPOSAL_KINDS.index(one[0][0]), one[0][1]))
    ]  # fmt: skip
    total = (_("Total"), "", count(len(proposals)), *(billions(proposals[cost].sum()) for cost in COSTS))
    by_area = [
        (str(area), *(count((group["kind"] == kind).sum()) for kind in PROPOSAL_KINDS), count(len(group)),
         billions(group["cost_base_vnd"].sum()))
        for area, group in proposals.groupby("area")
    ]  # fmt: skip
    kinds = [(proposals["kind"] == kind).sum() for kind in PROPOSAL_KINDS]
    area_total = (_("Total"), *map(count, kinds), count(len(proposals)), billions(proposals["cost_base_vnd"].sum()))
    low, base, high = (billions(proposals[cost].sum()) for cost in COSTS)
    text = _(
        "Proposals in the plan: {proposals}, with investments of VND {base} billion in all (from {low} to {high} "
        "billion at low and high unit costs). The full lists, the coordinates and the reason of every proposal are "
        "in the annexes."
    ).format(proposals=count(len(proposals)), base=base, low=low, high=high)
    heads = (_("Group"), _("Action"), _("Number of proposals"), *_cost_heads())
    area_heads = (tables.area_title, *map(kind_title, PROPOSAL_KINDS), _("In all"), _(COST_HEADS[1]))
    missing = [one for one in PROPOSAL_KINDS if one not in set(tables.of["comparison"]["kind"])]
    not_yet = _("Not proposed yet: {kinds}.").format(kinds=", ".join(map(kind_title, missing)))
    return [
        Heading(2, _("1. Summary")),
        Paragraph(text),
        *([Paragraph(not_yet)] if missing else []),
        Table(_("Proposals by group and action"), heads, with_total(rows, total), figures_from=2, total=True),
        Table(_("Proposals by area"), area_heads, with_total(by_area, area_total), total=True),
    ]


def _supply(tables: Tables) -> list[Block]:
    curve = tables.of["supply_curve"].sort_values("hamlets")
    if curve.empty:
        return []
    last = curve.iloc[-1]
    dearer = int(curve["last_mile"].astype("boolean").fillna(value=False).sum())
    satellite = curve["satellite_vnd"].dropna()
    text = (
        _(
            "Hamlets covered: {hamlets} ({households} households), for VND {cost} billion, building and running over "
            "the horizon of the study."
        ).format(hamlets=count(last["hamlets"]), households=count(last["households"]), cost=billions(last["cost_vnd"]))
        + " "
    )
    if len(satellite):
        text += _(
            "A shared satellite terminal at one place costs VND {cost} billion over the same time; at "
            "{dearer}/{steps} steps the next hamlet costs more than that. A satellite terminal serves one place "
            "alone and does not replace the coverage of a station."
        ).format(cost=billions(satellite.iloc[0]), dearer=count(dearer), steps=count(len(curve)))
    drawn = figures.png(figures.supply_curve(curve))
    return [
        Heading(2, _("2. White spots: what the next hamlet costs")),
        Paragraph(text),
        Figure(
            _("Cost over the number of hamlets covered"),
            drawn,
            _("Curves of the total cost and of the cost of the next hamlet"),
        ),
    ]


def _sharing(proposals: pd.DataFrame) -> list[Block]:
    moves = proposals[proposals["kind"] == SHARE].sort_values(["year", "proposal_id"])
    if moves.empty:
        return []
    rows = tuple(
        (row["proposal_id"], _operator(row["operator"]), _said(row["from_location_id"]), _said(row["location_id"]),
         _said(row["commune"]), _year(row["year"]), figure(row["cost_base_vnd"] / 1e6, 1),
         figure(row["opex_vnd_per_year"] / 1e6, 1))
        for row in moves.head(LONGEST_LIST).to_dict("records")
    )  # fmt: skip
    heads = (
        _("Id"),
        _("Operator"),
        _("From location"),
        _("To location"),
        _("In commune"),
        _("Year"),
        _("Cost (VND million)"),
        _("Every year (VND million)"),
    )
    text = _(
        "Proposals to share locations: {moves}, for VND {cost} billion; yearly costs change by VND {yearly} million "
        "(a negative figure is a saving)."
    ).format(
        moves=count(len(moves)),
        cost=billions(moves["cost_base_vnd"].sum()),
        yearly=figure(moves["opex_vnd_per_year"].sum() / 1e6, 1),
    )
    widths = (0.09, 0.155, 0.145, 0.145, 0.155, 0.08, 0.115, 0.115)
    caption = _("Locations that come to be shared")
    return [
        Heading(2, _("3. Sharing of locations")),
        Paragraph(text),
        Table(caption, heads, rows, figures_from=5, note=_more(moves), widths=widths),
    ]


def _reasons(proposals: pd.DataFrame) -> list[Block]:
    """The proposals of every kind that gain most for their money, with what was said for them."""
    gain = proposals[["gains_count", "households"]].astype("Float64").fillna(0)
    ranked = proposals.assign(gain=gain["gains_count"], homes=gain["households"])
    ranked = ranked.sort_values(["gain", "homes", "cost_base_vnd", "proposal_id"], ascending=[False, False, True, True])
    top = pd.concat([ranked[ranked["kind"] == kind].head(TOP_OF_A_KIND) for kind in PROPOSAL_KINDS])
    title, reason = by_language("title_vi", "title_en"), by_language("reason_vi", "reason_en")
    rows = tuple(
        (row["proposal_id"], row[title], _year(row["year"]), billions(row["cost_base_vnd"]), row[reason])
        for row in top.to_dict("records")
    )
    note = _(
        "At most {most} proposals of a group, those that benefit most objects first; the reasons of all proposals: "
        "annexes."
    ).format(most=TOP_OF_A_KIND)
    heads = (_("Id"), _("Proposal"), _("Year"), _("VND billion"), _("Reason"))
    widths = (0.1, 0.2, 0.1, 0.09, 0.51)
    return [
        Heading(2, _("4. Leading proposals and their reasons")),
        Table(_("Leading proposals"), heads, rows, figures_from=5, widths=widths, note=note),
    ]


def _methods(tables: Tables) -> list[Block]:
    compared = tables.of["comparison"]
    if compared.empty:
        return []
    rows = tuple(
        (kind_title(row["kind"]), label("method", row["method"]), _year(row["year"], NONE),
         count(row["served"]), billions(row["cost_vnd"]), figure(row["over_program_pct"], 1),
         NONE if pd.isna(row["gap"]) else f"{figure(100 * row['gap'], 2)} %")
        for row in compared.to_dict("records")
    )  # fmt: skip
    heads = (
        _("Group"),
        _("Method"),
        _("Year"),
        _("Served"),
        _("Cost (VND billion)"),
        _("Over the chosen plan (%)"),
        _("Gap to the optimum"),
    )
    note = _(
        "Costs of building and running over the horizon; the gap to the optimum is the proven distance to the "
        "cheapest plan, at most."
    )
    caption, widths = _("The chosen plan and other methods"), (0.16, 0.28, 0.09, 0.1, 0.13, 0.13, 0.11)
    return [
        Heading(2, _("5. Compared with planning by habit")),
        Table(caption, heads, rows, figures_from=2, widths=widths, note=note),
    ]


def _not_served(tables: Tables, heading: str) -> list[Block]:
    """What no proposal serves: first what cannot be, then what no target asks for."""
    left = tables.of["not_served"]
    if left.empty:
        return []
    order = [PROPOSAL_KINDS.index(kind) for kind in left["kind"]]
    ranked = left.assign(last=left["cause"] == NOT_ASKED, order=order).sort_values(["last", "order"], kind="stable")
    reason, helps = by_language("reason_vi", "reason_en"), by_language("helps_vi", "helps_en")
    rows = tuple(
        (kind_title(row["kind"]), _said(row["name"] if pd.notna(row["name"]) else row["object_id"]),
         _said(row[reason]), _said(row[helps]))
        for row in ranked.head(LONGEST_LIST).to_dict("records")
    )  # fmt: skip
    counts = left.groupby("kind", sort=False).size()
    text = _("What the proposals do not serve: {counts}.").format(
        counts="; ".join(f"{kind_title(str(kind))} {count(many)}" for kind, many in counts.items())
    )
    heads = (_("Group"), _("Object"), _("Reason"), _("What would help"))
    note = ""
    if len(left) > LONGEST_LIST:
        note = _("{count} more in the layer “What the plan does not serve” of the GeoPackage.").format(
            count=count(len(left) - LONGEST_LIST)
        )
    return [
        Heading(2, heading),
        Paragraph(text),
        Table(_("Left out"), heads, rows, figures_from=4, widths=(0.12, 0.18, 0.36, 0.34), note=note),
    ]


def _money(proposals: pd.DataFrame) -> list[Block]:
    base = _base_by_year(proposals)
    yearly = figure(proposals["opex_vnd_per_year"].sum() / 1e6, 1)
    text = _(
        "Running costs grow by VND {yearly} million a year (a negative figure is a saving). The funding is proposed "
        "by the rules of the study and must be confirmed by the funding bodies."
    )
    return [
        Heading(2, _("1. Measures")),
        Bullets(tuple(map(_, MEASURES))),
        Heading(2, _("2. Costs by year and funding")),
        Paragraph(text.format(yearly=yearly)),
        _costs_by_year(proposals, base),
        Figure(
            _("Base costs by year and group"), figures.png(figures.yearly_costs(base)), _("Stacked bars: costs by year")
        ),
        _costs_by_funding(proposals),
    ]


def _base_by_year(proposals: pd.DataFrame) -> pd.DataFrame:
    """Base costs, VND: a row per year in words, a column per kind that occurs."""
    said = proposals.assign(when=proposals["year"].map(_year))
    base = said.pivot_table(index="when", columns="kind", values="cost_base_vnd", aggfunc="sum", fill_value=0.0)
    return base.reindex(columns=[kind for kind in PROPOSAL_KINDS if kind in base])


def _costs_by_year(proposals: pd.DataFrame, base: pd.DataFrame) -> Table:
    bounds = proposals.groupby(proposals["year"].map(_year))[list(COSTS)].sum().reindex(base.index)
    rows = [
        (str(when), *(billions(value) for value in base.loc[when]), *(billions(value) for value in bounds.loc[when]))
        for when in base.index
    ]
    total = (_("Total"), *map(billions, base.sum()), *map(billions, bounds.sum()))
    heads = (_("Year"), *map(kind_title, base.columns), *_cost_heads())
    note = _("The columns of groups are base costs, VND billion.")
    return Table(_("Costs by year and group"), heads, with_total(rows, total), total=True, note=note)


def _costs_by_funding(proposals: pd.DataFrame) -> Table:
    rows = [
        (label("funding", fund) if fund else _("Not decided"), count(len(group)),
         *(billions(group[cost].sum()) for cost in COSTS))
        for fund, group in proposals.groupby(proposals["funding"].fillna(""))
    ]  # fmt: skip
    total = (_("Total"), count(len(proposals)), *(billions(proposals[cost].sum()) for cost in COSTS))
    heads = (_("Funding"), _("Number of proposals"), *_cost_heads())
    return Table(_("Costs by funding"), heads, with_total(rows, total), total=True)


def _cost_heads() -> tuple[str, ...]:
    return tuple(map(_, COST_HEADS))


def _year(year: str | float | None, otherwise: str = "") -> str:
    return (otherwise or _(figures.NOT_PHASED)) if pd.isna(year) else str(int(float(str(year))))


def _operator(code: str | float | None) -> str:
    return NONE if pd.isna(code) else operator_names().get(str(code), str(code))


def _said(value: str | float | None) -> str:
    return NONE if pd.isna(value) else str(value)


def _more(table: pd.DataFrame) -> str:
    left = len(table) - LONGEST_LIST
    if left <= 0:
        return ""
    said = ngettext(
        "{count} more proposal: annex “Sharing of locations”.",
        "{count} more proposals: annex “Sharing of locations”.",
        left,
    )
    return said.format(count=count(left))
