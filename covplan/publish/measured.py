"""Calibration and reliability on the screen and as tables: what the model is worth beside its map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from rich.markup import escape
from rich.table import Table

from covplan.publish.words import label, operator_names
from covplan.study.files import written_whole
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from covplan.study.language import Language
    from covplan.study.settings import Propagation

# Of columns and codes in these tables: Vietnamese, English.
WORDS = {
    "band": ("Băng tần", "Band"),
    "landcover": ("Lớp phủ", "Land cover"),
    "fitted": ("Hiệu chỉnh", "Fitted"),
    "n": ("Số mẫu", "Samples"),
    "squares": ("Số ô", "Squares"),
    "offset_db": ("Số hiệu chỉnh (dB)", "Offset (dB)"),
    "sigma_db": ("Độ lệch chuẩn (dB)", "Std deviation (dB)"),
    "part": ("Phần", "Part"),
    "stage": ("Hiệu chỉnh", "Calibration"),
    "mean_db": ("Sai số trung bình (dB)", "Mean error (dB)"),
    "rmse_db": ("RMSE (dB)", "RMSE (dB)"),
    "mae_db": ("MAE (dB)", "MAE (dB)"),
    "training": ("để khớp", "training"),
    "held_out": ("giữ lại", "held out"),
    "before": ("trước", "before"),
    "after": ("sau", "after"),
    "predicted": ("Dự báo", "Predicted"),
    "covered": ("có sóng", "covered"),
    "dark": ("không sóng", "dark"),
    "all": ("tất cả", "all"),
    "technology": ("Công nghệ", "Technology"),
    "operator": ("Nhà mạng", "Operator"),
    "met": ("Đạt", "Met"),
    "share": ("Tỉ lệ đạt (%)", "Success (%)"),
    "low": ("Thấp 95 % (%)", "Low 95 % (%)"),
    "high": ("Cao 95 % (%)", "High 95 % (%)"),
    "by": ("Theo", "By"),
    "group": ("Nhóm", "Group"),
    "bias_db": ("Độ chệch (dB)", "Bias (dB)"),
}
TITLES = {
    "tests": ("Đo kiểm: dự báo (hàng) và đo được (cột)", "Measurements: predicted (rows) and observed (columns)"),
    "hamlets": ("Thôn: dự báo (hàng) và danh sách (cột)", "Hamlets: predicted (rows) and listed (columns)"),
    "success": ("Đo kiểm trong vùng công bố phủ sóng", "Tests within the area declared covered"),
    "errors": ("Đo được trừ dự báo", "Measured less predicted"),
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
    unheard: int,
    propagation: Propagation,
    language: Language = "vi",
) -> None:
    """Print offsets by band and land cover, and the errors before and after on both parts."""
    vi = language == "vi"
    named = groups.assign(
        band=[label("band", code, language=language) for code in groups["band"]],
        fitted=[label("bool", "yes" if one else "no", language=language) for one in groups["fitted"]],
    )
    scheme = propagation.landcover_classes
    _print(console, named, f"Số hiệu chỉnh ({scheme})" if vi else f"Offsets ({scheme})", vi)
    _print(console, errors, "Đo được trừ dự báo" if vi else "Measured less predicted", vi)
    _print_unheard(console, unheard, vi)


def reliability_tables(
    tests: pd.DataFrame, hamlets: pd.DataFrame, success: pd.DataFrame, errors: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables that are published, by name; the empty ones are left out."""
    tables = {}
    for name, counts in (("tests", tests), ("hamlets", hamlets)):
        if int(counts.loc["all", "all"]):
            tables[name] = counts.reset_index()
    if len(success):
        tables |= {"success": success, "errors": errors}
    return tables


def show_reliability(
    console: Console, tables: dict[str, pd.DataFrame], unheard: int, language: Language = "vi"
) -> None:
    """Print the tables; shares in per cent."""
    vi = language == "vi"
    for name, table in tables.items():
        shares = [column for column in SHARES if column in table]
        _print(console, table.assign(**{column: 100 * table[column] for column in shares}), TITLES[name][not vi], vi)
    _print_unheard(console, unheard, vi)


def _print_unheard(console: Console, unheard: int, vi: bool) -> None:
    if unheard:
        said = "điểm đo mà mô hình không thu được sóng" if vi else "measurements where the model receives nothing"
        console.print(f"{unheard} {said}", highlight=False)


def _print(console: Console, rows: pd.DataFrame, title: str, vi: bool) -> None:
    table = Table(title=title)
    for name in rows.columns:
        numeric = pd.api.types.is_numeric_dtype(rows[name])
        table.add_column(_word(str(name), vi), justify="right" if numeric else "left")
    for row in rows.itertuples(index=False):
        table.add_row(*(_cell(value, vi) for value in row))
    console.print(table)


def _cell(value: object, vi: bool) -> str:
    if isinstance(value, str):
        return escape(operator_names().get(value) or _word(value, vi))
    number = float(value)  # type: ignore[arg-type]
    return "–" if number != number else number_vi(number, 2) if vi else f"{number:.2f}".rstrip("0").rstrip(".")


def _word(code: str, vi: bool) -> str:
    return WORDS[code][not vi] if code in WORDS else code
