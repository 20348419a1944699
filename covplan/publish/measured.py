"""Calibration and reliability on the screen and as tables: what the model is worth beside its map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
from rich.markup import escape
from rich.table import Table

from covplan.publish.words import label, operator_names
from covplan.study.files import written_whole
from covplan.study.language import N_, _, ngettext, number, speaking
from covplan.study.models import model_title

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from covplan.study.language import Language
    from covplan.study.settings import Propagation

# Of columns and codes in these tables.
WORDS = {
    "band": N_("Band"),
    "landcover": N_("Land cover"),
    "fitted": N_("Fitted"),
    "n": N_("Samples"),
    "squares": N_("Squares"),
    "offset_db": N_("Offset (dB)"),
    "sigma_db": N_("Std deviation (dB)"),
    "part": N_("Part"),
    "stage": N_("Calibration"),
    "mean_db": N_("Mean error (dB)"),
    "rmse_db": N_("RMSE (dB)"),
    "mae_db": N_("MAE (dB)"),
    "training": N_("training"),
    "held_out": N_("held out"),
    "before": N_("before"),
    "after": N_("after"),
    "predicted": N_("Predicted"),
    "covered": N_("covered"),
    "dark": N_("dark"),
    "all": N_("all"),
    "technology": N_("Technology"),
    "operator": N_("Operator"),
    "met": N_("Met"),
    "share": N_("Success (%)"),
    "low": N_("Low 95 % (%)"),
    "high": N_("High 95 % (%)"),
    "by": N_("By"),
    "group": N_("Group"),
    "bias_db": N_("Bias (dB)"),
    "model": N_("Model"),
    "held_out_bias_db": N_("Held-out bias (dB)"),
    "held_out_sigma_db": N_("Held-out std deviation (dB)"),
    "held_out_rmse_db": N_("Held-out RMSE (dB)"),
}
MODEL_FIGURES = (
    "model", "bias_db", "sigma_db", "rmse_db", "held_out_bias_db", "held_out_sigma_db", "held_out_rmse_db",
)  # fmt: skip
TITLES = {
    "tests": N_("Measurements: predicted (rows) and observed (columns)"),
    "hamlets": N_("Hamlets: predicted (rows) and listed (columns)"),
    "success": N_("Tests within the area declared covered"),
    "errors": N_("Measured less predicted"),
}
SHARES = ("share", "low", "high")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV that Excel opens, whole or not at all."""
    with written_whole(path) as part:
        table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n", float_format="%.4f")


def show_calibration(
    console: Console,
    groups: pd.DataFrame,
    errors: pd.DataFrame,
    not_received: int,
    propagation: Propagation,
    language: Language | None = None,
    *,
    square_m: float = math.nan,
) -> None:
    """Print offsets by band and land cover, and the errors before and after on both parts; held out by squares."""
    with speaking(language):
        named = groups.assign(
            band=[label("band", code) for code in groups["band"]],
            fitted=[label("bool", "yes" if one else "no") for one in groups["fitted"]],
        )
        _print(console, named, _("Offsets ({classes})").format(classes=propagation.landcover_classes))
        errors_title = TITLES["errors"]
        squares = _("squares of {side} m").format(side=number(square_m)) if square_m > 0 else ""
        _print(console, errors, f"{_(errors_title)} ({squares})" if squares else _(errors_title))
        _print_not_received(console, not_received)


def show_models(console: Console, table: pd.DataFrame, language: Language | None = None) -> None:
    """Print every path loss model on the measurements, band by band, best first, and what is recommended."""
    with speaking(language):
        if table.empty:
            console.print(_("No band was measured enough to compare path loss models."), highlight=False)
            return
        for code, rows in table.groupby("band", sort=True):
            best_first = rows.sort_values("held_out_rmse_db")
            shown = best_first.assign(model=[model_title(one) for one in best_first["model"]])
            title = _("{band}: path loss models on {count} measurements, measured less predicted").format(
                band=label("band", str(code)), count=number(int(rows["n"].iloc[0]))
            )
            _print(console, shown[list(MODEL_FIGURES)], title)
            console.print(_recommendation(rows), highlight=False)


def _recommendation(rows: pd.DataFrame) -> str:
    """Which model of a band is recommended, and by how much it is better than the one in force."""
    best = rows[rows["recommended"].astype(bool)].iloc[0]
    force = rows[rows["in_force"].astype(bool)]
    figures = {"band": label("band", str(best["band"])), "model": model_title(str(best["model"]))}
    rmse = {"rmse": number(float(best["held_out_rmse_db"]), 1)}
    if bool(best["in_force"]):
        return _("{band}: {model} stays (held-out RMSE {rmse} dB); no other is surely better.").format(
            **figures, **rmse
        )
    if force.empty:
        return _("{band}: {model} is recommended (held-out RMSE {rmse} dB).").format(**figures, **rmse)
    return _(
        "{band}: {model} is recommended (held-out RMSE {rmse} dB); in force is {other} ({other_rmse} dB). "
        "covplan calibrate --model best --write takes it over."
    ).format(
        **figures,
        **rmse,
        other=model_title(str(force.iloc[0]["model"])),
        other_rmse=number(float(force.iloc[0]["held_out_rmse_db"]), 1),
    )


def reliability_tables(
    tests: pd.DataFrame, hamlets: pd.DataFrame, success: pd.DataFrame, errors: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables that are published, by name; the empty ones are left out."""
    tables = {}
    for name, counts in (("tests", tests), ("hamlets", hamlets)):
        if int(counts["all"].loc["all"]):
            tables[name] = counts.reset_index()
    if len(success):
        tables |= {"success": success, "errors": errors}
    return tables


def show_reliability(
    console: Console, tables: dict[str, pd.DataFrame], not_received: int, language: Language | None = None
) -> None:
    """Print the tables; shares in per cent."""
    with speaking(language):
        for name, table in tables.items():
            shares = [column for column in SHARES if column in table]
            _print(console, table.assign(**{column: 100 * table[column] for column in shares}), _(TITLES[name]))
        _print_not_received(console, not_received)


def _print_not_received(console: Console, not_received: int) -> None:
    if not_received:
        said = ngettext(
            "{count} measurement where the model receives nothing",
            "{count} measurements where the model receives nothing",
            not_received,
        )
        console.print(said.format(count=not_received), highlight=False)


def _print(console: Console, rows: pd.DataFrame, title: str) -> None:
    table = Table(title=title)
    for name in rows.columns:
        numeric = pd.api.types.is_numeric_dtype(rows[name])
        table.add_column(_word(str(name)), justify="right" if numeric else "left")
    for row in rows.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return escape(operator_names().get(value) or _word(value))
    figure = float(value)  # type: ignore[arg-type]
    return "–" if math.isnan(figure) else number(figure, 2)


def _word(code: str) -> str:
    return _(WORDS[code]) if code in WORDS else code
