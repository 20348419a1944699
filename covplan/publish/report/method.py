"""Chapters IX and X: how it was computed, how far to trust it, where the data come from, what is wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from covplan.publish.addresses import system_of
from covplan.publish.report.content import NONE, Bullets, Heading, Paragraph, Table, count, figure
from covplan.publish.words import label, operator_names, program, said_weights
from covplan.study.language import N_, _, by_language, ngettext, number
from covplan.study.layers import input_layers, layers
from covplan.study.models import models_said
from covplan.study.settings import radio_under
from covplan.study.settings_file import settings_digest
from covplan.study.synthetic import origin_notice

if TYPE_CHECKING:
    from collections.abc import Hashable

    from covplan.publish.report.areas import Tables
    from covplan.publish.report.content import Block

LIMITS = (
    N_(
        "Coverage is a prediction by a model, over the terrain and land cover of the study; it does not replace "
        "measurements on the spot."
    ),
    N_(
        "Indicators depend on the definition of “has signal”, on the threshold and on the probability above; another "
        "definition gives other figures."
    ),
    N_(
        "Unit costs are ranges, low – base – high, by the sources named in the cost file of the study; local unit "
        "costs must take their place before approval."
    ),
    N_(
        "Local rules on spacing, height and areas for non-bulky masts alone are parameters; their defaults are "
        "another province's, or assumed."
    ),
    N_("Land areas of antenna masts and forecasts of subscriptions are not in the data."),
)
SHOWN_SOURCES, SHOWN_LENGTH = 2, 160


def method(tables: Tables) -> list[Block]:
    """Chapters IX and X."""
    return [*_computed(tables), *_reliability(tables), *_sources(tables), *_findings(tables), *_assumed(tables)]


def _computed(tables: Tables) -> list[Block]:
    settings = tables.study.settings
    definition = settings.definition
    radio = settings.radio[definition.technology]
    threshold = definition.rsrp_threshold_dbm or radio.rsrp_threshold_dbm
    confidence = definition.confidence or radio.confidence
    text = _(
        "State of a hamlet: {definition}. Technology {technology}, RSRP threshold {threshold} dBm met with a "
        "probability of {probability} %. Path loss by {model} on a grid of {cell} m, within {radius} km "
        "of a station. Coordinate system {system}; distances and lengths on the ellipsoid. Proposals are chosen "
        "by integer programs: the least cost that meets the targets, with the proven gap to the optimum."
    ).format(
        definition=by_language(definition.title_vi, definition.title_en),
        technology=definition.technology,
        threshold=number(threshold, 1),
        probability=number(100 * confidence),
        model=models_said(settings.propagation.model, settings.propagation.band_models),
        cell=number(settings.grid.cell_m, 1),
        radius=number(settings.propagation.radius_km, 1),
        system=system_of(tables.study),
    )
    signal = radio_under(definition, radio)
    either = {
        "any": _("A hamlet has signal where at least one of several masts is received well enough"),
        "strongest": _("A hamlet has signal where the mast received best is received well enough"),
    }
    asked = _(
        "{either}, with a standard deviation of the model's prediction error of {sigma} dB and a correlation of "
        "{correlation} between masts; a terminal must reach {uplink} Mbit/s in the uplink (0: not asked)."
    ).format(
        either=either[signal.server],
        sigma=number(settings.propagation.location_sigma_db, 1),
        correlation=number(settings.propagation.site_correlation, 2),
        uplink=number(signal.uplink_mbps, 2),
    )
    digest = settings_digest(settings)[:16]
    made = _(
        "Made by {program}; settings {digest} (SHA-256, its first 16 characters). The same data and "
        "settings give the same report."
    )
    return [
        Heading(1, _("IX. METHOD, RELIABILITY AND LIMITS")),
        Heading(2, _("1. Method")),
        Paragraph(text),
        Paragraph(asked),
        Paragraph(made.format(program=program(), digest=digest)),
    ]


def _reliability(tables: Tables) -> list[Block]:
    rows = tuple(
        (label("against", row["against"]), _who(row), count(row["n"]), count(row["met"]), _share(row["share"]),
         f"{_share(row['low'])}–{_share(row['high'])}")
        for row in tables.of["reliability"].to_dict("records")
    )  # fmt: skip
    heads = (
        _("Compared with"),
        _("Operator, technology"),
        _("Number of objects"),
        _("Number correct"),
        _("Share (%)"),
        _("Wilson interval 95 % (%)"),
    )
    compared: Block = Paragraph(_("The study has neither lists nor measurements to compare the map with."))
    if rows:
        compared = Table(_("The coverage map compared with lists and measurements"), heads, rows, figures_from=2)
    interval = _(
        "The confidence interval of a coverage indicator is that of the share of hamlets that really have signal, as "
        "the model's prediction error varies from place to place; the figure of today counts hamlets that meet the "
        "threshold with a high probability, and may lie below this interval."
    )
    return [
        Heading(2, _("2. Reliability")),
        compared,
        Paragraph(interval),
        Heading(2, _("3. Limits")),
        Bullets(tuple(map(_, LIMITS))),
    ]


def _sources(tables: Tables) -> list[Block]:
    rows = []
    for name, layer in input_layers().items():
        table = tables.of[name]
        if table.empty:
            continue
        column = table["provenance"] if "provenance" in table else table.get("source", pd.Series(dtype="object"))
        told = column.dropna().astype(str).value_counts(sort=True)
        said = "; ".join(_short(text) for text in sorted(told.index, key=lambda one: (-told[one], one))[:SHOWN_SOURCES])
        title = by_language(layer.title_vi, layer.title_en)
        rows.append((title, count(len(table)), said + _more(len(told) - SHOWN_SOURCES) or _("no source given")))
    heads = (_("Layer"), _("Rows"), _("Origin"))
    caption = _("Input layers and where they come from")
    return [
        Heading(1, _("X. SOURCES OF THE DATA AND FINDINGS")),
        Heading(2, _("1. Sources of the data")),
        Table(caption, heads, tuple(rows), figures_from=3, widths=(0.26, 0.12, 0.62)),
    ]


def _assumed(tables: Tables) -> list[Block]:
    """What the study does not say and was assumed: each column with how many of how many rows, value and reason."""
    found = tables.of["findings"]
    found = found[found["severity"] == "assumed"]
    rows = tuple(
        (layers()[row["layer"]].title if row["layer"] in layers() else str(row["file"]), row["problem"], row["done"])
        for row in found.to_dict("records")
    )
    heading = Heading(2, _("3. What was assumed"))
    notice = origin_notice(tables.study)
    told: list[Block] = [Paragraph(notice + ".")] if notice else []
    if not rows:
        return [heading, *told, Paragraph(_("Nothing was assumed: the study gives every value."))]
    heads = (_("Layer"), _("What is missing"), _("What was taken, and why"))
    caption = _("Values that were assumed where the study gives none")
    weights = tables.of["assumption_weights"]
    weighed: list[Block] = [
        Paragraph(_("How much they weigh, one at a time, at either end of what is plausible:")),
        Bullets(tuple(said_weights(weights))),
    ]
    return [
        heading,
        *told,
        Table(caption, heads, rows, figures_from=4, widths=(0.22, 0.34, 0.44)),
        *(weighed if len(weights) else []),
    ]


def _findings(tables: Tables) -> list[Block]:
    found = tables.of["findings"]
    rows = tuple(
        (
            label("severity", str(severity)),
            count(len(group)),
            str(group["problem"].iloc[0]),
            str(group["advice"].iloc[0]),
        )
        for (severity, _check), group in found.groupby(["severity", "check"], sort=False)
    )
    heading = Heading(2, _("2. Findings in the data"))
    if not rows:
        return [heading, Paragraph(_("Nothing wrong was found in the input data."))]
    heads = (_("Severity"), _("How many"), _("Example"), _("What to do"))
    caption = _("Findings of the checks of the data")
    note = _("All of them: findings.csv, and the layer ks_loi_du_lieu of the GeoPackage.")
    return [
        heading,
        Table(caption, heads, rows, figures_from=4, widths=(0.13, 0.11, 0.4, 0.36), note=note),
    ]


def _more(others: int) -> str:
    """How many sources are not named."""
    if others <= 0:
        return ""
    return ngettext("; and {count} other source", "; and {count} other sources", others).format(count=count(others))


def _who(row: dict[Hashable, Any]) -> str:
    parts = [operator_names().get(str(row["operator"]), str(row["operator"])) if pd.notna(row["operator"]) else ""]
    parts.append(str(row["technology"]) if pd.notna(row["technology"]) else "")
    return " ".join(part for part in parts if part) or NONE


def _share(share: float) -> str:
    return figure(100.0 * share, 1)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
