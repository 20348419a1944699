"""Chapters I to V: why, where, what stands today, what is wanted, against which indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from covplan.publish import figures
from covplan.publish.addresses import NEW, OLD
from covplan.publish.report.areas import indicator
from covplan.publish.report.content import (
    NONE,
    Bullets,
    Figure,
    Heading,
    Paragraph,
    Table,
    count,
    crossed,
    figure,
    per_cent,
    with_total,
)
from covplan.publish.words import class_of_structure, label, operator_names
from covplan.study.boundaries import across_boundaries, boundaries_note
from covplan.study.columns import split_list
from covplan.study.language import N_, _, by_language, ngettext
from covplan.study.layers import layers

if TYPE_CHECKING:
    from collections.abc import Hashable

    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

CLASSES = ("A1a", "A1b", "A2a", "A2b", "A2c", "unknown")
STATES = ("covered", "weak", "none", "unknown")
PERCENT_UNITS = ("%", "% of population", "count and %")
LEGAL = (
    N_("Telecommunications Law No. 24/2023/QH15;"),
    N_("Decree No. 163/2024/ND-CP of 24 December 2024, which details articles of the Telecommunications Law;"),
    N_(
        "Circular No. 14/2013/TT-BTTTT on local plans of passive telecom infrastructure (check whether it is still "
        "in force);"
    ),
    N_(
        "Decision No. 36/QD-TTg of 11 January 2024, which approves the information and communications infrastructure "
        "plan;"
    ),
    N_("Decision No. 1132/QD-TTg of 9 October 2024, which approves the digital infrastructure strategy;"),
    N_("Directive No. 52/CT-BTTTT of 11 November 2019 on sharing passive telecom infrastructure;"),
    N_("The province's plan of digital infrastructure for 2025, with an outlook to 2030."),
)


def today(tables: Tables) -> list[Block]:
    """Chapters I to V."""
    return [
        *_why(tables), *_land(tables), Heading(1, _("III. TELECOM INFRASTRUCTURE TODAY")), *_masts(tables),
        *_mobile(tables), *_fiber(tables), *_places(tables), *_service_points(tables), *_forecast(tables),
        *_indicators(tables),
    ]  # fmt: skip


def _why(tables: Tables) -> list[Block]:
    hamlets, indicators = tables.of["hamlets"], tables.of["indicators"]
    sharing, fiber = (indicator(indicators, name) for name in ("BTS_SHARE_RATIO", "VILLAGE_FTTH_COV"))
    said = [
        _states_of(hamlets["mobile_state"].value_counts(), len(hamlets)),
        _(
            "The share of hamlets with fiber (FTTH) is {fiber} (target 2025: {fiber_target}); the share of BTS "
            "locations that are shared is {sharing} (target 2025: {sharing_target})."
        ).format(
            fiber=_share(fiber["value"]),
            fiber_target=_share(fiber["target_2025"]),
            sharing=_share(sharing["value"]),
            sharing_target=_share(sharing["target_2025"]),
        ),
        _(
            "The plan sets locations, kinds of works, duties to share, schedule and funds that reach the targets at "
            "the least cost."
        ),
    ]
    text = " ".join(said)
    text = f"{text} {boundaries_note(indicators)}".strip()
    return [
        Heading(1, _("I. NEED AND LEGAL BASIS")),
        Heading(2, _("1. Need")),
        Paragraph(text),
        Heading(2, _("2. Legal basis")),
        Bullets(tuple(map(_, LEGAL))),
        Paragraph(
            _(
                "The list comes with the program; numbers, dates and validity of the texts must be checked before "
                "submitting."
            )
        ),
    ]


def _states_of(states: pd.Series, hamlets: int) -> str:
    """How many hamlets are dark, weak, and of unknown state: none is dark because nobody knows."""
    unknown = int(states.get("unknown", 0))
    if unknown == hamlets:
        return _("Hamlets of the province: {hamlets}; their mobile broadband signal is not known.").format(
            hamlets=count(hamlets)
        )
    text = _("Hamlets of the province: {hamlets}; without mobile broadband signal: {dark}; with a weak one: {weak}.")
    text = text.format(hamlets=count(hamlets), dark=count(states.get("none", 0)), weak=count(states.get("weak", 0)))
    of_unknown = _("Of unknown state: {unknown}.").format(unknown=count(unknown))
    return f"{text} {of_unknown}" if unknown else text


def _share(value: float) -> str:
    return _("not known") if pd.isna(value) else f"{figure(value)} %"


def _land(tables: Tables) -> list[Block]:
    hamlets, communes = tables.of["hamlets"], tables.study.communes
    versions = communes["boundary_version"].value_counts()
    listed = "; ".join(
        said.format(units=count(versions.get(version, 0)), version=version)
        for version, said in (
            (OLD, _("{units} before the merger (version {version})")),
            (NEW, _("{units} after the merger (version {version})")),
        )
    )
    counted = hamlets.assign(
        one=1,
        special=hamlets["difficulty"].astype("string").eq("special").astype("Int64"),
        dark=hamlets["grid_power"].astype("boolean").eq(other=False).astype("Int64"),
    )[["area", "one", "households", "population", "special", "dark"]]
    groups = counted.groupby("area").sum(min_count=1)  # of what nobody has said there is no sum
    sums = counted.drop(columns="area").sum(min_count=1)
    text = _(
        "Communes in the data: {units}. Population: {population}; households: {households}; hamlets: {hamlets}; "
        "especially difficult hamlets: {special}; hamlets without grid power: {dark}."
    ).format(
        units=listed,
        population=count(sums["population"]),
        households=count(sums["households"]),
        hamlets=count(len(hamlets)),
        special=count(sums["special"]),
        dark=count(sums["dark"]),
    )
    unsaid = int(counted["population"].isna().sum())
    note = ngettext(
        "{count} hamlet without a figure of population is not in the sums.",
        "{count} hamlets without a figure of population are not in the sums.",
        unsaid,
    ).format(count=count(unsaid))
    rows = [
        (str(area), *(count(value) for value in row)) for area, row in zip(groups.index, groups.to_numpy(), strict=True)
    ]
    total = (_("Total"), *(count(value) for value in sums))
    heads = (
        tables.area_title,
        _("Number of hamlets"),
        _("Households"),
        _("Population"),
        _("Especially difficult hamlets"),
        _("Hamlets without grid power"),
    )
    return [
        Heading(1, _("II. NATURAL AND SOCIO-ECONOMIC CONDITIONS")),
        Paragraph(text),
        Table(
            _("Hamlets, households and population by area"),
            heads,
            with_total(rows, total),
            total=True,
            note=note if unsaid else "",
        ),
    ]


def _masts(tables: Tables) -> list[Block]:
    locations, stations = tables.of["locations"], tables.of["stations"]
    classed = [code for code in CLASSES if code != "unknown" or (locations["structure"] == code).any()]
    counts = crossed(locations, "area", "structure", classed)
    rows = [
        (str(area), *map(count, row), count(sum(row)))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = (_("Total"), *map(count, counts.sum()), count(len(locations)))
    named = {code: class_of_structure(code) for code in classed}
    shares = "; ".join(f"{named[code]} {per_cent(counts[code].sum(), len(locations))} %" for code in classed)
    sharing = indicator(tables.of["indicators"], "BTS_SHARE_RATIO")
    new = tables.of["proposals"][tables.of["proposals"]["action"].isin(["new_mast", "new_structure_5g"])]
    text = _(
        "Locations of antenna masts: {locations}, with {stations} BTS stations. The share of locations that are "
        "shared is {sharing} % ({shared}/{counted} locations with two operators or more). The public copy leaves "
        "restricted works out of tables, maps and annexes; the indicators still count all locations."
    ).format(
        locations=count(len(locations)),
        stations=count(len(stations)),
        sharing=figure(sharing["value"]),
        shared=count(sharing["numerator"]),
        counted=count(sharing["denominator"]),
    )
    classes = "; ".join(label("structure", code) for code in classed)
    note = _("Shares: {shares}. {classes}.").format(shares=shares, classes=classes)
    heads = (tables.area_title, *named.values(), _("In all"))
    caption = _("Locations of antenna masts by area and class of structure")
    drawn = figures.png(figures.mast_map(locations, new, tables.communes))
    return [
        Heading(2, _("1. Antenna masts and their sharing")),
        Paragraph(text),
        Table(caption, heads, with_total(rows, total), total=True, note=note),
        _by_operator(locations, stations),
        Figure(
            _("Locations of antenna masts by class of structure"),
            drawn,
            _("Map of the locations of antenna masts over the communes"),
        ),
    ]


def _by_operator(locations: pd.DataFrame, stations: pd.DataFrame) -> Table:
    present = locations["operators"].map(split_list)
    several = present.map(len) > 1
    rows = []
    for code in sorted(set(stations["operator"].dropna())):
        here = present.map(lambda codes, code=code: code in codes)
        own = stations[stations["operator"] == code]
        rows.append((
            operator_names().get(code, code), count(len(own)), count(here.sum()), count((here & several).sum()),
            per_cent((here & several).sum(), here.sum()),
            count(own["technologies"].map(lambda codes: "5G" in split_list(codes)).sum()),
        ))  # fmt: skip
    heads = (
        _("Operator"),
        _("Number of stations"),
        _("Number of locations"),
        _("Shared location"),
        _("Share that is shared (%)"),
        _("Stations with 5G"),
    )
    note = _("A shared location counts for each of its operators.")
    return Table(_("Stations and locations by operator"), heads, tuple(rows), note=note)


def _mobile(tables: Tables) -> list[Block]:
    hamlets = tables.of["hamlets"]
    counts = crossed(hamlets, "area", "mobile_state", STATES)
    rows = [
        (str(area), *map(count, row), count(sum(row)), per_cent(row[0] + row[1], sum(row[:3])))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    sums = counts.sum().to_numpy()
    total = (_("Total"), *map(count, sums), count(len(hamlets)), per_cent(sums[0] + sums[1], sum(sums[:3])))
    value = indicator(tables.of["indicators"], "VILLAGE_MBB_COV")
    heads = (
        tables.area_title,
        *(label("mobile_state", state) for state in STATES),
        _("In all"),
        _("With some signal (%)"),
    )
    text = _("Share of hamlets with mobile broadband coverage: {value} %{interval} ({basis}). {how}.").format(
        value=figure(value["value"]),
        interval=_interval(value),
        basis=label("basis", value["basis"]),
        how=by_language(value["how_vi"], value["how_en"]),
    )
    drawn = figures.png(figures.hamlet_map(hamlets, tables.communes))
    return [
        Heading(2, _("2. Mobile coverage")),
        Paragraph(text),
        Table(_("Hamlets by state of coverage and area"), heads, with_total(rows, total), total=True),
        Figure(
            _("State of mobile broadband coverage of the hamlets"),
            drawn,
            _("Map of the hamlets: covered, weak signal, no signal, unknown"),
        ),
    ]


def _fiber(tables: Tables) -> list[Block]:
    hamlets, routes = tables.of["hamlets"], tables.of["routes"]
    has = hamlets["ftth"].astype("boolean")
    groups = hamlets.assign(
        one=1, known=has.notna().astype(int), has=has.fillna(value=False).astype(int)
    ).groupby("area")[["one", "known", "has"]].sum()  # fmt: skip
    rows = [
        (str(area), count(one), count(served), count(one - known), per_cent(served, known))
        for area, one, known, served in groups.itertuples(name=None)
    ]
    sums = groups.sum()
    total = (_("Total"), count(sums["one"]), count(sums["has"]), count(sums["one"] - sums["known"]),
             per_cent(sums["has"], sums["known"]))  # fmt: skip
    lengths = routes.groupby("operator")["length_m"].agg(["size", "sum"])
    by_owner = [
        (operator_names().get(str(owner), str(owner)), count(number), figure(length / 1000.0, 1))
        for owner, number, length in lengths.itertuples(name=None)
    ]
    all_of_it = (_("Total"), count(len(routes)), figure(routes["length_m"].sum() / 1000.0, 1))
    owner_heads = (_("Enterprise"), _("Number of routes"), _("Length (km)"))
    heads = (tables.area_title, _("Number of hamlets"), _("Hamlets with FTTH"), label("mobile_state", "unknown"),
             _("Share (%)"))  # fmt: skip
    value = indicator(tables.of["indicators"], "VILLAGE_FTTH_COV")
    text = _("Share of hamlets with fiber (FTTH): {value} % ({basis}). {how}.").format(
        value=figure(value["value"]),
        basis=label("basis", value["basis"]),
        how=by_language(value["how_vi"], value["how_en"]),
    )
    return [
        Heading(2, _("3. Fiber network")),
        Paragraph(text),
        Table(_("Fiber cable routes by enterprise"), owner_heads, with_total(by_owner, all_of_it), total=True),
        Table(_("Hamlets with FTTH by area"), heads, with_total(rows, total), total=True),
    ]


def _places(tables: Tables) -> list[Block]:
    places = tables.of["place_states"]
    counts = crossed(places, "kind", "state_5g", STATES)
    rows = [
        (label("kind", str(kind), "place_states"), *map(count, row), count(sum(row)))
        for kind, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = (_("Total"), *map(count, counts.sum()), count(len(places)))
    heads = (_("Kind of place"), *(label("state_5g", state) for state in STATES), _("In all"))
    return [
        Heading(2, _("4. 5G at key places")),
        Table(_("Places by kind and state of 5G"), heads, with_total(rows, total), total=True),
    ]


def _service_points(tables: Tables) -> list[Block]:
    kinds = layers()["service_points"].column("kind").allowed
    points = tables.of["service_points"]
    stand = points[points["status"] == "existing"]
    counts = crossed(stand, "area", "kind", kinds)
    rows = [
        (str(area), *map(count, row), count(sum(row)))
        for area, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    total = (_("Total"), *map(count, counts.sum()), count(len(stand)))
    operators = stand["operator"].map(operator_names(), na_action="ignore").value_counts().sort_index()
    by_operator = "; ".join(f"{name} {count(number)}" for name, number in operators.items())
    text = _("The study has no data on public telecom service points.")
    if len(points):
        text = _(
            "Public telecom service points: {open} are open{operators} and {planned} are planned; they are listed in "
            "Form 2 of the annexes."
        ).format(
            open=count(len(stand)),
            operators=f" ({by_operator})" if by_operator else "",
            planned=count(len(points) - len(stand)),
        )
    heads = (tables.area_title, *(label("kind", kind, "service_points") for kind in kinds), _("In all"))
    caption = _("Public telecom service points by area and type")
    shown = Table(caption, heads, with_total(rows, total), total=True)
    heading = Heading(2, _("5. Public telecom service points"))
    return [heading, Paragraph(text), *([shown] if rows else [])]


def _forecast(tables: Tables) -> list[Block]:
    places = tables.of["place_states"]
    groups = places.groupby("kind")[["users", "demand_mbps"]].sum()
    rows = [
        (label("kind", str(kind), "place_states"), count(users), count(demand))
        for kind, users, demand in groups.itertuples(name=None)
    ]
    total = (_("Total"), count(groups["users"].sum()), count(groups["demand_mbps"].sum()))
    fixed, mobile = (indicator(tables.of["indicators"], name) for name in ("FBB_SUBS_100", "MBB_SUBS_100"))
    text = _(
        "The plan's targets for 2030 are {mobile_target} mobile broadband subscriptions per 100 inhabitants (today "
        "{mobile}) and {fixed_target} fixed ones (today {fixed}). The demand for 5G at places in the busy hour is an "
        "input of the study; the report itself forecasts no subscriptions."
    ).format(
        mobile_target=figure(mobile["target_2030"]),
        mobile=figure(mobile["value"]),
        fixed_target=figure(fixed["target_2030"]),
        fixed=figure(fixed["value"]),
    )
    text = f"{text} {boundaries_note(tables.of['indicators'])}".strip()
    heads = (_("Kind of place"), _("Users in the busy hour"), _("Demand (Mbit/s)"))
    return [
        Heading(1, _("IV. DEMAND FORECAST")),
        Paragraph(text),
        Table(_("Demand of places in the busy hour"), heads, with_total(rows, total), total=True),
    ]


def _indicators(tables: Tables) -> list[Block]:
    table = tables.of["indicators"]
    name, warnings = by_language("name_vi", "name_en"), by_language("warnings_vi", "warnings_en")
    rows = tuple(
        (f"{row[name]} ({label('indicator_unit', row['unit'])})", figure(row["value"]),
         *(_of_province(row[goal], other=other) for goal in ("baseline", "target_2025", "target_2030")),
         figure(row["gap_2025"]), figure(row["gap_2030"]), _bounds(row), label("basis", row["basis"]))
        for row, other in zip(table.to_dict("records"), across_boundaries(table), strict=True)
    )  # fmt: skip
    heads = (
        _("Indicator"),
        _("Today"),
        _("Baseline"),
        "2025",
        "2030",
        _("Gap 2025"),
        _("Gap 2030"),
        _("Confidence interval"),
        _("Basis"),
    )
    drawn = table[table["unit"].isin(PERCENT_UNITS) & table["value"].notna()]
    warned = table[table[warnings].fillna("") != ""]
    said = tuple(f"{row[name]}: {row[warnings]}" for row in warned.to_dict("records"))
    caption = _("Indicators: today, targets and gaps")
    widths = (0.27, 0.085, 0.075, 0.075, 0.075, 0.09, 0.09, 0.11, 0.13)
    note, other_province = _("Gap = target minus today; negative: target exceeded."), boundaries_note(table)
    note = f"{note} * {other_province}" if other_province else note
    blocks: list[Block] = [
        Heading(1, _("V. TARGETS AND INDICATORS")),
        Table(caption, heads, rows, widths=widths, note=note),
    ]
    if len(drawn):
        bars = figures.png(figures.indicator_bars(drawn))
        alt = _("Bars: today, baseline of the plan, targets 2025 and 2030")
        blocks.append(Figure(_("Indicators in per cent beside their targets"), bars, alt))
    if said:
        blocks += [Heading(2, _("Notes on the indicators")), Bullets(said)]
    return blocks


def _of_province(value: float, *, other: bool) -> str:
    """A baseline or target; with a star where it is that of another province than the value beside it."""
    return f"{figure(value)}*" if other and not pd.isna(value) else figure(value)


def _interval(row: pd.Series) -> str:
    if pd.isna(row["interval_low"]):
        return ""
    return _(", confidence interval {bounds} %").format(bounds=_bounds(row))


def _bounds(row: pd.Series | dict[Hashable, Any]) -> str:
    if pd.isna(row["interval_low"]):
        return NONE
    return f"{figure(row['interval_low'])}–{figure(row['interval_high'])}"
