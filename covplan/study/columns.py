"""From cells as people wrote them to typed columns that keep a layer's definition.

Numbers, dates, codes and texts are parsed here (a decimal comma, a unit, a lost zero are repaired and logged), then the
layer's definition is checked as a pandera schema. A fault in a required column sets the row aside, one in an optional
column empties the cell; either way the value as written stands in the finding.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from covplan.study.find import plain_letters
from covplan.study.findings import Finding, finding, spared
from covplan.study.kinds import as_written_now
from covplan.study.language import Language, in_both
from covplan.study.layers import LIST_SEPARATOR, OPERATORS_DOMAIN, Column, Layer
from covplan.study.lookalike import same_column
from covplan.study.resources import resource_text
from covplan.study.settings import did_you_mean, operator_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from covplan.study.assumptions import Assumption

ROW = "_row"  # the line of a CSV file or the fid of a feature, carried beside the data until the layer is accepted
REASONS = "reasons"  # of rows set aside: the checks they failed
LONGITUDE_DEG, LATITUDE_DEG = (102.0, 110.0), (8.0, 24.0)  # window of Vietnam on land; the two do not overlap
COMMUNE_CODE_DIGITS = 5
TRUE_WORDS = frozenset({"true", "1", "1.0", "yes", "y", "có", "co", "x", "đúng"})
FALSE_WORDS = frozenset({"false", "0", "0.0", "no", "n", "không", "khong", "chưa", "sai"})
PUBLIC_WORDS = frozenset({"false", "0", "0.0", "no", "n", "không", "khong", "k", "sai", "công khai", "cong khai"})
"""What is plainly a no in a column that protects its row; whatever else stands there is a yes."""
BAND_COLUMNS = ("band", "bands")
GENERATION_WORDS = {
    "G": ("gsm", "2g", "g", "dcs"), "U": ("umts", "wcdma", "3g", "u"), "L": ("lte", "4g", "l"), "N": ("nr", "5g", "n"),
}  # fmt: skip
_BAND_SIGNS = re.compile(r"[\s_-]|mhz")
MOST_WHOLE = 2.0**53
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LOOSE_NUMBER = re.compile(r"\s*([+-]?\d[\d., ]*?)\s*(?:m|km|dbm|db|°|độ|deg|hộ|người|mbps|%)?\s*", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_MOJIBAKE = re.compile("\ufffd|Ã[\u0080-\u00bf]|á[º»][\u0080-\u00bf]|Æ°|Ä[\u0090\u0091]|ï¿½")
_FORMULA_START = ("=", "+", "-", "@")


class Sieve:
    """Collects, for one layer, what was found and which rows are set aside; the tables stay plain DataFrames."""

    def __init__(self, layer: Layer, raw: pd.DataFrame) -> None:
        self.layer = layer
        self.raw = raw  # as read, before any repair; what is set aside is cut from here
        self.findings: list[Finding] = []
        self.reasons: dict[Any, list[str]] = {}
        self.assumed: dict[str, dict[Assumption, None]] = {}  # by column, each assumption that filled a cell

    def note(self, check: str, index: Any = None, *, column: str = "", value: object = "", **details: Any) -> None:
        """Log a finding; `index` is the row's label, None for the layer as a whole."""
        place = {} if index is None else {"row": self.raw.at[index, ROW], "id": self.key_of(index)}
        one = finding(check, self.layer.file, layer=self.layer.name, column=column, value=value, **place, **details)
        self.findings.append(one)
        if one.severity == "set_aside":
            self.reasons.setdefault(index, []).append(check)

    def key_of(self, index: Any) -> str:
        """The row's key as written, for the reader of a finding."""
        parts: list[object] = [self.raw.at[index, name] for name in self.layer.key if name in self.raw]
        return "/".join("" if part is None or part is pd.NA or part != part else str(part) for part in parts)

    def spare_the_run(self) -> None:
        """Where something fatal was found in an optional layer: set all its rows aside instead."""
        if self.layer.required or not any(one.severity == "fatal" for one in self.findings):
            return
        self.findings = spared(self.findings)
        for index in self.raw.index:
            self.reasons.setdefault(index, []).append("layer_set_aside")

    def kept(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table without the rows set aside."""
        return table.loc[~table.index.isin(list(self.reasons))] if self.reasons else table

    def set_aside(self) -> pd.DataFrame:
        """The rows set aside, as they were read, with their place and the names of the checks."""
        rows = self.raw.loc[list(self.reasons)].rename(columns={ROW: "row"})
        reasons = [LIST_SEPARATOR.join(dict.fromkeys(names)) for names in self.reasons.values()]
        rows.insert(0, REASONS, reasons)
        return rows


def typed(sieve: Sieve, operators: tuple[str, ...]) -> pd.DataFrame:
    """The sieve's raw table with every defined column parsed and checked, and undefined ones kept at the end."""
    layer, raw = sieve.layer, sieve.raw
    table = pd.DataFrame({ROW: raw[ROW]}, index=raw.index)
    for column in layer.columns:
        cells = raw[column.name] if column.name in raw else pd.Series(pd.NA, index=raw.index, dtype="object")
        values = _guarding(sieve, column) if column.protects else _parsed(sieve, column, cells, operators)
        table[column.name] = values.astype("string") if values.dtype.kind == "O" else values
    if layer.is_table and "Point" in layer.geometry:
        _unswap(sieve, table)
    _check_schema(sieve, table, operators)
    for name in raw.columns:
        if name not in table and name != "geometry":
            table[name] = raw[name]
    return table


def missing_columns(sieve: Sieve) -> None:
    """Log required columns that the file lacks and columns that the definition lacks."""
    known, found = [c.name for c in sieve.layer.columns], [c for c in sieve.raw.columns if c not in (ROW, "geometry")]
    for column in sieve.layer.columns:
        if column.required and column.name not in found:
            hint = _meant(column.name, [name for name in found if name not in known])
            sieve.note("missing_column", column=column.name, found=", ".join(found), hint=hint)
    guards = {name: column.name for column in sieve.layer.columns for name in written_as(column, found)}
    for name in found:
        if name in guards and name not in known:
            sieve.note("protecting_column", column=name, read=guards[name])
        elif name not in known:
            sieve.note("unknown_column", column=name, hint=_meant(name, known))


def written_as(column: Column, names: Iterable[str]) -> list[str]:
    """The headers that mean a column that protects, however they are spelt; of any other column only its name."""
    return [name for name in names if name == column.name or (column.protects and same_column(name, column))]


def protected(cell: object) -> bool:
    """Whether a cell, as written, of a column that protects keeps its row in the house: all but nothing and a no.

    >>> [protected(cell) for cell in ("mật", " ", "?", "1", "", None, "Không", 0.0, False)]
    [True, True, True, True, False, False, False, False, False]
    """
    return not _is_empty(cell) and clean_text(str(cell)).casefold() not in PUBLIC_WORDS


def protected_rows(layer: Layer, raw: pd.DataFrame) -> pd.Series:
    """Rows of a layer as read that stay in the house by what they say, or by not being readable at all."""
    told = pd.Series(data=False, index=raw.index)
    for column in layer.columns:
        for name in written_as(column, raw.columns) if column.protects else ():
            told |= raw[name].map(protected).astype(bool)
            if "reasons" in raw:  # set aside: nobody knows which cell of a broken line was the one that protects
                told |= raw["reasons"].str.split(LIST_SEPARATOR).map(lambda names: "broken_row" in names).astype(bool)
    return told


def clean_text(text: str) -> str:
    r"""NFC, no-break and doubled blanks to single ones, the eth Ð to the Vietnamese Đ, no surrounding blanks.

    >>> clean_text("  Nà\u00a0 Tông ")
    'Nà Tông'
    """
    text = unicodedata.normalize("NFC", text).replace("\u00d0", "Đ").replace("\u00f0", "đ")
    return " ".join(text.split())


def split_list(text: object) -> list[str]:
    """The codes in a list cell; an empty cell has none."""
    return str(text).split(LIST_SEPARATOR) if isinstance(text, str) and text else []


def loose_number(text: str) -> float | None:
    """A number as people write it: decimal comma, thousands dot, a unit behind; None when it is none.

    >>> loose_number("105,34808"), loose_number("1.332"), loose_number("42m"), loose_number("mười")
    (105.34808, 1332.0, 42.0, None)
    """
    match = _LOOSE_NUMBER.fullmatch(text)
    if not match:
        return None
    digits = match.group(1).replace(" ", "")
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(".", "")
    elif "," in digits:
        digits = digits.replace(".", "").replace(",", ".") if digits.count(",") == 1 else digits.replace(",", "")
    with suppress(ValueError):
        return float(digits)
    return None


def _parsed(sieve: Sieve, column: Column, cells: pd.Series, operators: tuple[str, ...]) -> pd.Series:
    if column.type in ("int", "float") and cells.dtype.kind in "iuf" and not np.isinf(cells.to_numpy()).any():
        numbers = cells.astype("float64")
        return _whole(sieve, column, numbers) if column.type == "int" else numbers
    if column.type == "bool" and cells.dtype.kind == "b":
        return cells.astype("boolean")
    texts = _texts(sieve, column, cells)
    if column.type in ("int", "float"):
        return _numbers(sieve, column, texts)
    if column.type == "bool":
        return _mapped(sieve, column, texts, _bool, "boolean")
    if column.type == "date":
        return _mapped(sieve, column, texts, _date, "datetime64[s]")
    if column.allowed or column.type == "list":
        return _codes(sieve, column, texts, operators)
    if column.name == "commune_code":
        return _padded(sieve, column, texts)
    return texts


def _texts(sieve: Sieve, column: Column, cells: pd.Series) -> pd.Series:
    """Cells as clean text, NA where empty; repairs of free text are logged once per column."""
    if cells.dtype.kind in "iufb" or cells.dtype.kind == "M":
        return cells.map(_plain, na_action="ignore").astype("object").where(cells.notna(), pd.NA)
    plain = [pd.NA if _is_empty(cell) else _plain(cell) for cell in cells.to_numpy(object)]
    written = pd.Series(plain, index=cells.index, dtype="object")
    clean = _each(written, lambda cell: clean_text(cell) or pd.NA)
    if column.type != "string":
        return clean
    changed = written.notna() & (clean.fillna("") != written.fillna(""))
    if changed.any():
        first = changed.index[changed][0]
        sieve.note("text_normalised", first, column=column.name, value=written[first], count=int(changed.sum()))
    odd = _each(clean, lambda text: bool(_MOJIBAKE.search(text)) or text.startswith(_FORMULA_START)) == True  # noqa: E712
    repaired = {(one.row, one.column) for one in sieve.findings if one.check == "broken_bytes"}
    for index, text in clean[odd].items():
        if (str(sieve.raw.at[index, ROW]), column.name) in repaired:
            continue
        if _MOJIBAKE.search(text):
            sieve.note("broken_text", index, column=column.name, value=text)
        if text.startswith(_FORMULA_START) and len(text) > 1:
            sieve.note("formula_text", index, column=column.name, value=text)
    return clean


def _each(texts: pd.Series, read: Callable[[str], Any]) -> pd.Series:
    """What is read of each text, once for all cells that hold the same; NA stays."""
    values = texts.to_numpy(object)
    known = {text: read(text) for text in dict.fromkeys(values) if not _is_empty(text)}
    return pd.Series([known.get(text, pd.NA) for text in values], index=texts.index, dtype="object")


def _is_empty(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)) or cell == ""


def _plain(cell: object) -> str:
    """A cell as text; whole floats lose the .0 that a numeric column gives them."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, pd.Timestamp):
        return str(cell.date())
    return str(cell)


def _numbers(sieve: Sieve, column: Column, texts: pd.Series) -> pd.Series:
    values = pd.Series(np.nan, index=texts.index, dtype="float64")
    plain = _each(texts, lambda text: _PLAIN_NUMBER.fullmatch(text) is not None) == True  # noqa: E712
    if column.type == "int":  # "1.332" in a column of whole numbers has a thousands dot
        plain &= ~(_each(texts, lambda text: _THOUSANDS.fullmatch(text) is not None) == True)  # noqa: E712
    values[plain] = texts[plain].astype("float64")
    values = values.where(np.isfinite(values))  # more than any number holds is none
    odd = texts[texts.notna() & values.isna()]
    for index, text in zip(odd.index, odd, strict=True):
        read = loose_number(text)
        if read is None or not np.isfinite(read):
            sieve.note(
                "not_a_number" if column.required else "cell_not_a_number", index, column=column.name, value=text
            )
        else:
            values[index] = read
            sieve.note("decimal_comma", index, column=column.name, value=text, read=f"{read:g}")
    return _whole(sieve, column, values) if column.type == "int" else values


def _whole(sieve: Sieve, column: Column, numbers: pd.Series) -> pd.Series:
    """Whole numbers; one beyond those a float tells apart is out of any range."""
    beyond = numbers.abs() > MOST_WHOLE
    low = -MOST_WHOLE if column.min is None else column.min
    high = MOST_WHOLE if column.max is None else column.max
    for index in numbers.index[beyond]:
        name = "out_of_range" if column.required else "cell_out_of_range"
        value = _plain(sieve.raw.at[index, column.name])
        sieve.note(name, index, column=column.name, value=value, low=_shown(low), high=_shown(high), unit=column.unit)
    return numbers.mask(beyond).round().astype("Int64")


def _mapped(
    sieve: Sieve,
    column: Column,
    texts: pd.Series,
    read: Callable[[str], Any],
    dtype: Literal["boolean", "datetime64[s]"],
) -> pd.Series:
    known = {text: read(text) for text in texts.dropna().unique()}
    for index, text in texts.dropna().items():
        if known[text] is not None:
            continue
        if column.type == "date":
            sieve.note("bad_date", index, column=column.name, value=text)
        else:
            sieve.note("cell_unknown_code", index, column=column.name, value=text, allowed="true, false", hint="")
    values = [None if pd.isna(text) else known[text] for text in texts]
    return pd.Series(values, index=texts.index, dtype="object").astype(dtype)


def _guarding(sieve: Sieve, column: Column) -> pd.Series:
    """A column that protects its row, under whatever headers it stands: true by one of them unless plainly no."""
    values = pd.Series(pd.NA, index=sieve.raw.index, dtype="boolean")
    for name in written_as(column, sieve.raw.columns):
        cells = sieve.raw[name]
        said = cells.map(protected).astype("boolean").mask(cells.map(_is_empty).astype(bool))
        values = (values.fillna(value=False) | said.fillna(value=False)).mask(values.isna() & said.isna())
        for index, cell in cells[said.fillna(value=False).astype(bool)].items():
            if clean_text(str(cell)).casefold() not in TRUE_WORDS:
                sieve.note("taken_as_restricted", index, column=name, value=cell)
    return values


def _bool(text: str) -> bool | None:
    word = text.casefold()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None


def _date(text: str) -> pd.Timestamp | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%m/%Y", "%Y"):
        value = pd.to_datetime(text[:10] if form == "%Y-%m-%d" else text, format=form, errors="coerce")
        if not pd.isna(value):
            return value
    return None


def _codes(sieve: Sieve, column: Column, texts: pd.Series, operators: tuple[str, ...]) -> pd.Series:
    """Codes, alone or in a list; in another case, without accents, as of old, or as another name of an operator."""
    alias = _operator_aliases() if column.allowed == (OPERATORS_DOMAIN,) else {}
    alias |= {plain_letters(code): code for code in column.allowed_codes(operators)}
    if column.name in BAND_COLUMNS:
        alias |= _band_aliases(column.allowed)

    def known(part: str) -> str:
        plain = plain_letters(part.strip("'\" "))
        if column.name in BAND_COLUMNS:
            plain = _BAND_SIGNS.sub("", plain)
        return alias.get(plain, as_written_now(part.strip("'\" ")))

    def read(text: str) -> str:
        parts = re.split(r"\s*[;,|+/]\s*", text.strip("[]")) if column.type == "list" else [text]
        codes = [known(part) for part in parts if part.strip("'\" ")]
        return LIST_SEPARATOR.join(dict.fromkeys(codes))

    values = _each(texts, read)
    for index in values.index[values.notna() & (values != texts)]:
        sieve.note("code_normalised", index, column=column.name, value=texts[index], read=values[index])
    return values.where(values != "", pd.NA)


def _operator_aliases() -> dict[str, str]:
    return {
        plain_letters(alias): row["operator"]
        for row in operator_table()
        for alias in (row["operator"], row["name"], *row["aliases"].split("|"))
    }


def _band_aliases(codes: Sequence[str]) -> dict[str, str]:
    """Other spellings of bands: LTE1800, 4G 1800, B3, n78; one that could be two bands (B1, 1800 MHz) is none."""
    spelt: dict[str, set[str]] = {}
    for code in codes:
        generation, mhz = code[0], code[1:]
        for word in (*GENERATION_WORDS[generation], ""):
            spelt.setdefault(f"{word}{mhz}", set()).add(code)
    for row in csv.DictReader(resource_text("bands.csv").splitlines()):
        number, code = row["standard_band"], row["band"]
        twins = {one for one in codes if one[1:] == code[1:] and one[0] in "LU"}  # B8 is said of 3G as of 4G
        names = [number] if number.startswith("n") else [f"{word}{number}" for word in ("b", "band")]
        for name in names:
            spelt.setdefault(name, set()).update({code} if number.startswith("n") else twins)
        if not number.startswith("n"):
            spelt |= {f"{word}b{number}": {code} for word in ("lte", "4g")}
    return {name: next(iter(bands)) for name, bands in spelt.items() if len(bands) == 1}


def _padded(sieve: Sieve, column: Column, texts: pd.Series) -> pd.Series:
    short = texts.map(lambda text: text.isdigit() and len(text) < COMMUNE_CODE_DIGITS, na_action="ignore") == True  # noqa: E712
    values = texts.where(~short, texts.map(lambda text: text.zfill(COMMUNE_CODE_DIGITS), na_action="ignore"))
    for index in texts.index[short]:
        sieve.note("lost_leading_zero", index, column=column.name, value=texts[index], read=values[index])
    return values


def _unswap(sieve: Sieve, table: pd.DataFrame) -> None:
    """Longitude and latitude that stand in each other's column: in Vietnam the two ranges do not overlap."""
    swapped = table["lon"].between(*LATITUDE_DEG) & table["lat"].between(*LONGITUDE_DEG)
    for index in table.index[swapped]:
        lon, lat = table["lat"].loc[index], table["lon"].loc[index]
        sieve.note("swapped_coordinates", index, column="lon, lat", value=f"{lat:.10g}, {lon:.10g}")
        table.at[index, "lon"], table.at[index, "lat"] = lon, lat


def _check_schema(sieve: Sieve, table: pd.DataFrame, operators: tuple[str, ...]) -> None:
    if table.empty:
        return
    import pandera.pandas as pa  # 0.7 s; only a study that is opened pays it

    # A value the parser gave up on is already reported: it must not be reported again as empty.
    given_up = ("not_a_number", "out_of_range")
    reported = {(one.row, one.column) for one in sieve.findings if one.check.endswith(given_up)}
    schema = pa.DataFrameSchema({c.name: _pandera_column(pa, c, operators) for c in sieve.layer.columns})
    try:
        schema.validate(table.drop(columns=ROW), lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return
    for name, check, value, index in zip(
        cases["column"], cases["check"], cases["failure_case"], cases["index"], strict=True
    ):
        column = sieve.layer.column(name)
        if (str(sieve.raw.at[index, ROW]), name) not in reported:
            _note_case(sieve, table, column, check, value, index, operators)


def _pandera_column(pa: Any, column: Column, operators: tuple[str, ...]) -> Any:
    tests = []
    if column.min is not None:
        tests.append(pa.Check.ge(column.min, error="range"))
    if column.max is not None:
        tests.append(pa.Check.le(column.max, error="range"))
    allowed = set(column.allowed_codes(operators))
    if allowed:
        tests.append(
            pa.Check(lambda cell: set(str(cell).split(LIST_SEPARATOR)) <= allowed, element_wise=True, error="code")
        )
    return pa.Column(None, tests, nullable=not column.required, unique=column.unique, report_duplicates="exclude_first")


def _note_case(
    sieve: Sieve, table: pd.DataFrame, column: Column, check: str, value: object, index: Any, operators: Sequence[str]
) -> None:
    if check == "not_nullable":
        sieve.note("empty_value", index, column=column.name)
    elif check == "field_uniqueness":
        if value is None or value is pd.NA or value != value:  # several rows without an id: they get one each
            return
        sieve.note("duplicate_id", index, column=column.name, value=value)
    elif check == "range":
        low, high = (_shown(column.min), _shown(column.max))
        name = "out_of_range" if column.required else "cell_out_of_range"
        value = _plain(sieve.raw.at[index, column.name])  # as it stands in the file
        sieve.note(name, index, column=column.name, value=value, low=low, high=high, unit=column.unit)
    else:
        allowed = column.allowed_codes(tuple(operators))
        hint = _meant(str(value), allowed)
        name = "unknown_code" if column.required else "cell_unknown_code"
        sieve.note(name, index, column=column.name, value=value, allowed=", ".join(allowed), hint=hint)
    if not column.required and not column.unique:
        table.loc[index, column.name] = None


def _meant(word: str, known: Sequence[str]) -> dict[Language, str]:
    """A hint with the nearest known word, or nothing."""
    return in_both(lambda: did_you_mean(word, known))


def _shown(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"
