"""An explained place on the screen and as files: budgets (CSV), links (GeoJSON), one profile (PNG) per best link."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
from rich.markup import escape
from rich.table import Table

from covplan.publish.profiles import link_layers, verdict, write_profile
from covplan.publish.words import operator_names
from covplan.study.filenames import file_name
from covplan.study.files import written_whole
from covplan.study.language import _, by_language, number, speaking
from covplan.study.links import budget_titles
from covplan.study.models import model_title
from covplan.study.synthetic import synthetic_mark

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from covplan.study.language import Language
    from covplan.study.links import BudgetLine, ExplainedLink, Explanation

DECIMALS = 6  # of a degree


def show_explanation(
    console: Console, explained: Explanation, language: Language | None = None, *, synthetic: bool = False
) -> None:
    """Print the links with their verdicts, and the budget of each operator's best one, line by line."""
    with speaking(language):
        console.print(_links_table(explained, synthetic=synthetic))
        if explained.best:
            console.print(_budgets_table(explained))


def _links_table(explained: Explanation, *, synthetic: bool) -> Table:
    title = f"{explained.place} · {explained.technology}" + (f" · {synthetic_mark()}" if synthetic else "")
    table = Table(_("Operator"), "Cell", title=escape(title))
    for head in ("km", "RSRP", _("On the map")):
        table.add_column(head, justify="right")
    table.add_column(_("Verdict"), ratio=1)
    nearest = " " + _("(nearest)")
    for link in explained.links:
        cell = escape(link.cell_id) + (nearest if link.nearest else "")
        figures = [number(link.length_m / 1000.0, 2), *(_dbm(value) for value in (link.rsrp_dbm, link.map_rsrp_dbm))]
        name = escape(operator_names().get(link.operator, link.operator)) if link.rank == 1 else ""
        table.add_row(name, cell, *figures, escape(verdict(link)))
    for none in explained.missing:
        length = "" if math.isnan(none.length_m) else number(none.length_m / 1000.0, 2)
        name = operator_names().get(none.operator, none.operator)
        table.add_row(name, escape(none.station_id), length, "", "", escape(verdict(none)))
    return table


def _budgets_table(explained: Explanation) -> Table:
    """The budgets of the best links, line by line beside each other."""
    budgets = Table(_("Link budget"), title=_("Downlink, then uplink: the weaker one decides"))
    for link in explained.best:
        budgets.add_column(escape(link.cell_id), justify="right")
    budgets.add_row(_("Model"), *(escape(model_title(link.model)) for link in explained.best))
    parts = {line.item for link in explained.best for line in link.loss[:-1]}
    budgets.add_row(f"[bold]{_('Downlink')}[/]")
    _add_lines(budgets, [_lines(link) for link in explained.best], parts)
    if any(link.uplink for link in explained.best):
        budgets.add_section()
        budgets.add_row(f"[bold]{_('Uplink')}[/]")
        _add_lines(budgets, [list(link.uplink) for link in explained.best], parts)
    budgets.add_section()
    directions = {"downlink": _("Downlink"), "uplink": _("Uplink")}
    budgets.add_row(_("Limited by"), *(directions[link.limited_by] for link in explained.best))
    return budgets


def _add_lines(budgets: Table, of_links: list[list[BudgetLine]], parts: set[str]) -> None:
    lines = [{line.item: line for line in one} for one in of_links]
    for item in _in_order([list(one) for one in lines]):
        titles = budget_titles()[item]
        title = by_language(titles["title_vi"], titles["title_en"])
        unit = next(one[item].unit for one in lines if item in one)
        inset = "  " if item in parts else ""
        shown = "" if unit == "share" else f" ({unit})"
        budgets.add_row(f"{inset}{title}{shown}", *(_figure(one[item]) if item in one else "–" for one in lines))


def _in_order(budgets: list[list[str]]) -> list[str]:
    """Items of budgets by different models as one list, each behind what it stands behind in its own."""
    order: list[str] = []
    for items in budgets:
        at = 0
        for item in items:
            if item not in order:
                order.insert(at, item)
            at = order.index(item) + 1
    return order


def write_explanation(
    explained: Explanation, folder: Path, *, synthetic: bool = False, language: Language | None = None
) -> list[Path]:
    """Write an explained place into a folder; returns the files, each whole."""
    stem = f"{file_name(explained.place_id or explained.place)}_{explained.technology}"
    budget_path, map_path = folder / f"{stem}_budget.csv", folder / f"{stem}_links.geojson"
    with written_whole(budget_path) as part:
        budget_table(explained).to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
    lines, points = link_layers(explained)
    both = pd.concat([one.to_crs(4326) for one in (lines, points) if len(one)]) if len(lines) else lines.to_crs(4326)
    with written_whole(map_path) as part:
        text = both.set_geometry(both.geometry.set_precision(10**-DECIMALS)).to_json(drop_id=True) if len(both) else (
            '{"type": "FeatureCollection", "features": []}')  # fmt: skip
        part.write_text(text + "\n", encoding="utf-8", newline="\n")
    written = [budget_path, map_path]
    for link in explained.best:
        path = folder / f"{stem}_{file_name(link.operator)}.png"
        written.append(write_profile(link, path, place=explained.place, synthetic=synthetic, language=language))
    return written


def budget_table(explained: Explanation) -> pd.DataFrame:
    """Every line of every link's budget, with its verdict; one row for an operator without a link."""
    rows = [
        {
            "operator": link.operator,
            "station_id": link.station_id,
            "cell_id": link.cell_id,
            "rank": link.rank,
            "model": link.model,
            "length_m": round(link.length_m, 1),
            "direction": direction,
            "item": line.item,
            "title_vi": budget_titles()[line.item]["title_vi"],
            "title_en": budget_titles()[line.item]["title_en"],
            "value": round(line.value, 3) + 0.0,
            "unit": line.unit,
            "limited_by": link.limited_by,
            "verdict_vi": link.verdict_vi,
            "verdict_en": link.verdict_en,
        }
        for link in explained.links
        for direction, lines in (("downlink", _lines(link)), ("uplink", list(link.uplink)))
        for line in lines
    ]
    rows += [
        {
            "operator": none.operator,
            "station_id": none.station_id,
            "length_m": none.length_m,
            "verdict_vi": none.verdict_vi,
            "verdict_en": none.verdict_en,
        }
        for none in explained.missing
    ]
    return pd.DataFrame(rows).astype({"rank": "Int64"} if explained.links else {})


def _lines(link: ExplainedLink) -> list[BudgetLine]:
    """The budget with the parts of the path loss before it; the parts are positive, the budget's loss negative."""
    lines: list[BudgetLine] = []
    for line in link.budget:
        lines += link.loss[:-1] if line.item == "path_loss" else ()
        lines.append(line)
    return lines


def _figure(line: BudgetLine) -> str:
    return number(100 * line.value, 1) + " %" if line.unit == "share" else number(line.value, 1)


def _dbm(value: float) -> str:
    return "–" if math.isnan(value) else number(value, 1)
