"""What people write in the cells of an operator's sheet, as the codes, numbers and dates of a study.

Words are data: resources/words.csv. A reading that needed judgement says so; what cannot be read is None and stays with
its row. Feeds `stations`.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from covplan.intake.letters import plain_key
from covplan.study.columns import FALSE_WORDS, TRUE_WORDS, clean_text, loose_number
from covplan.study.find import plain_letters
from covplan.study.resources import resource_text
from covplan.study.settings import operator_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.intake.sheets import Cell

FIRST_SERIAL, LAST_SERIAL = 32_874, 54_789  # 1990 and 2050 as Excel counts days
EXCEL_ZERO = dt.date(1899, 12, 30)
FIRST_YEAR, LAST_YEAR = 1990, 2050
STOREY_M = 3.5
GENERATION_LETTERS = {"2G": "G", "3G": "U", "4G": "L", "5G": "N"}
NETWORK_BANDS = {"b1": "2100", "b3": "1800", "b8": "900", "b28": "700", "n1": "2100", "n3": "1800", "n8": "900",
                 "n28": "700", "n41": "2600", "n78": "3700", "n77": "3900"}  # fmt: skip
"""3GPP's numbers of bands as Vietnam's operators hold them (TS 36.101 table 5.5-1, TS 38.104 table 5.2-1)."""
KNOWN_BANDS = ("U900", "U2100", "L700", "L900", "L1800", "L2100", "N700", "N2600", "N3700", "N3900", "G900", "G1800")
_FILLERS = frozenset(
    {
        *("mobile", "telecom", "tuyen", "quang", "ha", "giang", "tinh", "dung", "chung", "cung", "cua", "voi", "va"),
        *("tap", "doan", "cong", "ty", "tong", "chi", "nhanh", "vien", "thong", "thue", "so", "huu", "don", "vi"),
        *("nha", "mang", "cp", "tnhh", "net", "media", "the", "and", "with", "khu", "vuc", "trung", "tam"),
    }
)
_QUARTERS = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_NOT_PLANNED = re.compile(r"\b(?:nang cap|thay|bo sung|chuyen|mo rong|thao do|sua)\b")


@dataclass(frozen=True)
class Height:
    """What a cell says of heights, metres; None where it says nothing."""

    mast_m: float | None = None
    building_m: float | None = None
    how: str = ""
    """sum, parts or storeys where it was more than a number."""


def text_of(cell: Cell | None) -> str:
    """A cell as text: whole numbers without a point, dates as ISO 8601, blanks and a leading apostrophe gone.

    >>> text_of(42.0), text_of(105.34808), text_of("'105,3 ")
    ('42', '105.34808', '105,3')
    """
    if cell is None or cell == "":
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return _clean(cell) if isinstance(cell, str) else str(cell)


@lru_cache(maxsize=65536)
def _clean(text: str) -> str:
    return clean_text(text.replace("\u200b", "").replace("\ufeff", "")).lstrip("'\u2019")


@cache
def _words(column: str) -> tuple[tuple[str, str], ...]:
    """Words and codes of a column, longest words first."""
    rows = csv.DictReader(resource_text("words.csv").splitlines())
    found = [(plain_key(row["words"]), row["code"]) for row in rows if row["column"] == column]
    if column == "operator":
        found += [
            (plain_key(alias), row["operator"])
            for row in operator_table()
            for alias in (row["operator"], row["name"], *row["aliases"].split("|"))
            if alias
        ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (-len(one[0]), one)))


def words_in(column: str, text: str) -> list[str]:
    """Codes whose words stand in a text, in the order they stand there; a word within longer ones is not counted.

    >>> words_in("operator", "VNPT-Vinaphone + Viettel Mobile"), words_in("technologies", "GSM, 4G LTE")
    (['VNPT', 'VTL'], ['2G', '4G'])
    """
    return list(_found(column, text)[0])


@lru_cache(maxsize=65536)
def _found(column: str, text: str) -> tuple[tuple[str, ...], str]:
    """Codes in a text, and what is left of it."""
    rest, hits = f" {plain_key(text)} ", []
    for words, code in _words(column):
        at = rest.find(f" {words} ")
        while at >= 0:
            hits.append((at, code))
            rest = rest[: at + 1] + "#" * len(words) + rest[at + 1 + len(words) :]
            at = rest.find(f" {words} ")
    return tuple(dict.fromkeys(code for _at, code in sorted(hits))), " ".join(rest.replace("#", " ").split())


def operators(text: str) -> tuple[list[str], str]:
    """Operators named in a text, and the words that name none.

    >>> operators("VNP+VTL"), operators("dùng chung MBF, FPT")
    ((['VNPT', 'VTL'], ''), (['MBF'], 'fpt'))
    """
    codes, rest = _found("operator", re.sub(r"(?<=[a-z])(?=[A-Z]{2})", " ", text))
    left = [word for word in rest.split() if word not in _FILLERS and not word.isdigit()]
    return list(codes), " ".join(left)


def technologies(text: str) -> list[str]:
    """Technologies named in a text.

    >>> (
    ...     technologies("4G và 5G"),
    ...     technologies("2/3/4G"),
    ...     technologies("234G"),
    ...     technologies("LTE-A"),
    ...     technologies("có"),
    ... )
    (['4G', '5G'], ['2G', '3G', '4G'], ['2G', '3G', '4G'], ['4G'], [])
    """
    key = plain_letters(text)
    found = set(words_in("technologies", re.sub(r"(?<=[2-5]g)(?=[2-5])", " ", key)))
    for digits in re.findall(r"(?<![\d.])([2-5](?:\s*[/,+&.-]?\s*[2-5]){0,3})\s*g\b", key):
        found |= {f"{digit}G" for digit in re.findall(r"[2-5]", digits)}
    return sorted(found)


def bands(text: str, on_air: Sequence[str]) -> tuple[list[str], bool]:
    """Bands named in a text, as codes, and whether a technology had to be guessed for a frequency.

    Parameters
    ----------
    on_air : sequence of str
        The station's technologies.

    >>> bands("L1800; n78", ["4G", "5G"]), bands("900/1800 MHz", ["2G", "4G"]), bands("B3", ["4G"])
    ((['L1800', 'N3700'], False), (['G900', 'L1800'], True), (['L1800'], False))
    """
    found, guessed = [], False
    key = re.sub(r"(?<=\d)[.,](?=\d{3}\b)", "", plain_letters(text))
    names = {"gsm": "G", "dcs": "G", "umts": "U", "wcdma": "U", "lte": "L", "nr": "N", "2g": "G", "3g": "U", "4g": "L",
             "5g": "N", "g": "G", "u": "U", "l": "L", "n": "N"}  # fmt: skip
    letters, mhz_ = "gsm|dcs|umts|wcdma|lte|nr|[2345]g|[guln]", "700|900|1800|2100|2600|3500|3700|3800|3900"
    form = rf"(?:\b({letters})[\s_-]*)?(?<![\d.])({mhz_})\b"
    for letter, mhz in re.findall(form, key):
        mhz = {"3500": "3700", "3800": "3700"}.get(mhz, mhz)
        if letter:
            found.append(names[letter] + mhz)
            continue
        may = [f"{GENERATION_LETTERS[one]}{mhz}" for one in on_air if one in GENERATION_LETTERS]
        may = [code for code in may if code in KNOWN_BANDS]
        guessed |= len(may) != 1 or len(on_air) > 1
        order = {"900": "GUL", "1800": "LG", "2100": "UL", "700": "LN"}.get(mhz, "NL")
        found += sorted(may, key=lambda code: order.find(code[0]) % 9)[:1]
    for name in re.findall(r"\b([bn]\d{1,2})\b", key):
        if name in NETWORK_BANDS:
            letter = "N" if name[0] == "n" else "L"
            found.append(letter + NETWORK_BANDS[name])
    return [code for code in dict.fromkeys(found) if code in KNOWN_BANDS], guessed


def height(text: str, *, on_roof: bool = False) -> Height | None:
    """Heights a cell gives; None when it cannot be read.

    >>> height("45+3"), height("cột 15m/nhà 12m"), height("42,5 m").mast_m, height("15m trên nhà 3 tầng").building_m
    (Height(mast_m=48.0, building_m=None, how='sum'), Height(mast_m=15.0, building_m=12.0, how='parts'), 42.5, 10.5)
    """
    key = re.sub(r"(?<=\d),(?=\d)", ".", plain_letters(clean_text(text)))
    plain = re.fullmatch(r"[~<>=≈ ]*(\d+(?:\.\d+)?)\s*(?:m|met|metres?|m\.)?", key)
    if plain:
        return Height(float(plain.group(1)))
    number = r"(\d+(?:\.\d+)?)"
    house = re.search(rf"(?:nha|toa nha|cong trinh|mai)\W*(?:cao\W*)?{number}\s*m?\b(?!\s*tang)", key)
    storeys = re.search(r"(\d+)\s*tang", key)
    mast = re.search(rf"(?:cot|tru|anten|ang ten)\W*(?:cao\W*)?{number}", key) or re.match(rf"\W*{number}\s*m?\b", key)
    if mast and (house or storeys) and (not storeys or mast.start(1) != storeys.start(1)):
        if house:
            return Height(float(mast.group(1)), float(house.group(1)), "parts")
        return Height(float(mast.group(1)), int(storeys.group(1)) * STOREY_M if storeys else None, "storeys")
    added = re.fullmatch(rf"{number}\s*m?\s*\+\s*{number}\s*m?", key)
    if added:  # on a roof nobody knows which is the house
        return None if on_roof else Height(float(added.group(1)) + float(added.group(2)), None, "sum")
    return None


def number(cell: Cell) -> float | None:
    """A number, with thousands' dots, a decimal comma, a unit.

    >>> number("1.332"), number("42,5 m"), number(7)
    (1332.0, 42.5, 7.0)
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    return loose_number(text_of(cell)) if isinstance(cell, str) else None


def truth(text: str) -> bool | None:
    """Yes or no; a cross is a yes, None when it is neither."""
    word = text.strip().casefold()
    if word in TRUE_WORDS or word in ("✓", "√", "v", "x", "●"):
        return True
    return False if word in FALSE_WORDS or word in ("-", "–", "") else None


def date(cell: Cell, *, month_first: bool = False) -> tuple[dt.date, str] | None:
    """A date and how exact it is (day, month, quarter, year); None when it is none.

    >>> date("Quý IV/2022"), date("05/2021"), date(2023)
    ((datetime.date(2022, 10, 1), 'quarter'), (datetime.date(2021, 5, 1), 'month'), (datetime.date(2023, 1, 1), 'year'))
    >>> date("15/03/2021"), date(44270.0)
    ((datetime.date(2021, 3, 15), 'day'), (datetime.date(2021, 3, 15), 'day'))
    """
    if isinstance(cell, dt.datetime):
        return _held(cell.year, cell.month, cell.day, "day")
    if isinstance(cell, dt.date):
        return _held(cell.year, cell.month, cell.day, "day")
    text = text_of(cell)
    key = plain_key(text)
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        value = float(text)
        if FIRST_YEAR <= value <= LAST_YEAR and value.is_integer():
            return _held(int(value), 1, 1, "year")
        if FIRST_SERIAL <= value <= LAST_SERIAL:
            day = EXCEL_ZERO + dt.timedelta(days=int(value))
            return _held(day.year, day.month, day.day, "day")
        if re.fullmatch(r"(?:19|20)\d{6}", text):
            return _held(int(text[:4]), int(text[4:6]), int(text[6:]), "day")
        if not re.fullmatch(r"\d{1,2}\.\d{4}", text):
            return None
    if found := re.fullmatch(r"(?:quy|q) ?(iv|iii|ii|i|[1-4]) (?:nam )?(\d{4})", key):
        return _held(int(found[2]), 3 * _QUARTERS[found[1]] - 2, 1, "quarter")
    if found := re.fullmatch(r"(\d{4}) (\d{1,2}) (\d{1,2})(?: \d+)*", key):
        return _held(int(found[1]), int(found[2]), int(found[3]), "day")
    if found := re.fullmatch(r"(?:ngay )?(\d{1,2}) (?:thang )?(\d{1,2}) (?:nam )?(\d{4}|\d{2})(?: \d+)*", key):
        first, second, year = int(found[1]), int(found[2]), int(found[3])
        year += 2000 if year < 100 else 0
        day_, month = (second, first) if (month_first and first <= 12) or second > 12 >= first else (first, second)
        return _held(year, month, day_, "day")
    if found := re.fullmatch(r"(?:t|thang ?)?(\d{1,2}) (?:nam )?(\d{4})", key.replace("t ", "t", 1)):
        return _held(int(found[2]), int(found[1]), 1, "month")
    if found := re.fullmatch(r"(\d{4}) (\d{1,2})", key):
        return _held(int(found[1]), int(found[2]), 1, "month")
    if found := re.fullmatch(r"nam (\d{4})", key):
        return _held(int(found[1]), 1, 1, "year")
    return None


def _held(year: int, month: int, day: int, exact: str) -> tuple[dt.date, str] | None:
    try:
        found = dt.date(year, month, day)
    except ValueError:
        return None
    return (found, exact) if FIRST_YEAR <= found.year <= LAST_YEAR else None


def months_first(cells: Sequence[Cell]) -> bool:
    """Whether a column writes the month before the day: some second number is above 12 and no first one."""
    pairs = [re.match(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}", cell) for cell in cells if isinstance(cell, str)]
    firsts = [int(pair[1]) for pair in pairs if pair]
    seconds = [int(pair[2]) for pair in pairs if pair]
    return max(seconds, default=0) > 12 and max(firsts, default=0) <= 12


def status(text: str, note: str) -> tuple[str | None, str]:
    """existing, planned or stopped, and where that stands (status, note); None when the status cannot be read.

    >>> status("Dự kiến", ""), status("", "KH 2025"), status("Đang hoạt động", "dự kiến nâng cấp 5G")
    (('planned', 'status'), ('planned', 'note'), ('existing', 'status'))
    """
    if text:
        key = plain_key(text)
        found = list(_found("status", text)[0])
        if "khong" in key.split() or "chua" in key.split():
            found = [one for one in found if one != "existing"]
        rank = [one for one in ("stopped", "planned", "existing") if one in found]
        return (rank[0], "status") if rank else (None, "status")
    key = plain_key(note)
    if re.search(r"\b(?:da thao do|ngung hoat dong|da thanh ly|ngung phat song|da cat)\b", key):
        return "stopped", "note"
    if re.search(r"\b(?:du kien|dang trien khai|chua phat song|dang xay dung|(?:kh|ke hoach) (?:nam )?20\d\d)\b", key):
        return (None if _NOT_PLANNED.search(key) else "planned"), "note"
    return "existing", ""


def restricted(cell: str, *notes: str) -> bool:
    """Whether a row is not for the public: any doubt closes it.

    >>> (
    ...     restricted("", "Trạm trong doanh trại quân đội"),
    ...     restricted("không"),
    ...     restricted("?"),
    ...     restricted("", "mặt đất"),
    ... )
    (True, False, True, False)
    """
    if cell:
        said = truth(cell)
        key = plain_key(cell)
        return said is not False and key not in ("binh thuong", "khong han che", "cong khai", "khong co", "none")
    return any(words_in("restricted", note) for note in notes if note)
