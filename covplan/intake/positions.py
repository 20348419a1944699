"""Coordinates as people write them, as all the readings they allow; which one is meant is decided in `placing`.

Decimal degrees with dot or comma, swapped, in one cell, degrees with minutes and seconds in every disguise, digits
whose point was lost, metres of an unknown zone. A reading carries its precision and what was done to get it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from covplan.intake.meanings import text_of
from covplan.study.columns import LATITUDE_DEG, LONGITUDE_DEG
from covplan.study.find import plain_letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from covplan.intake.sheets import Cell

DEGREE_M = 111_000.0
EASTING_M = (100_000.0, 900_000.0)
NORTHING_M = (900_000.0, 2_700_000.0)
ZONE_PREFIXES = ("18", "19", "48", "49")
Axis = Literal["", "lon", "lat"]
_SIGNS = str.maketrans({
    "º": "°", "˚": "°", "∘": "°", "′": "'", "ʹ": "'", "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "″": '"',
    "“": '"', "”": '"', "ʺ": '"', "–": "-", "—": "-", "−": "-", "\u00a0": " ", "：": ":", "，": ",", "；": ";",
})  # fmt: skip
_LAT_WORDS = re.compile(r"(?<![a-z])(?:vi do bac|vi do|bac|latitude|lat|vi|vd|n|b)(?![a-z])")
_LON_WORDS = re.compile(r"(?<![a-z])(?:kinh do dong|kinh do|dong|longitude|long|lng|lon|kinh|kd|e|d)(?![a-z])")
_NUMBER = r"\d+(?:[.,]\d+)?"
_DMS = re.compile(r"(\d{1,3})\s*[°\-: ]\s*(\d{1,2})\s*['\-: ]\s*(\d{1,2}(?:[.,]\d+)?)\s*(?:\"|''|')?")
_DM = re.compile(r"(\d{1,3})\s*[°: -]\s*(\d{1,2}(?:[.,]\d+)?)\s*'?")


@dataclass(frozen=True)
class Value:
    """One number a coordinate cell can mean: degrees, or metres of a plane."""

    number: float
    axis: Axis
    precision: float
    """Half of the last digit's step would be below it: degrees or metres."""
    how: str
    """What was done to read it: empty for plain decimal degrees."""
    metric: bool = False


@dataclass(frozen=True)
class Reading:
    """What a row's coordinates can mean."""

    x: float
    """Longitude, or the first of two plane coordinates, easting if their sizes tell."""
    y: float
    metric: bool
    precision_m: float
    """Of the coarser of the two: the last digit's step."""
    finer_m: float
    """Of the finer of the two: a zero at the end may have been lost, two seldom."""
    how: tuple[str, ...]
    """Repairs, in the words of checks: swapped, packed, dms, decimal_comma, one_cell, thousand_dots, zone_prefix."""


def looks_like(what: Literal["lon", "lat", "position"], cell: Cell) -> bool:
    """Whether a cell holds a longitude, a latitude, or both."""
    text = text_of(cell)
    if not re.search(r"\d", text) or len(text) > 60 or re.search(r"[^\W\d_]{7}", text):
        return False
    if what == "position":
        return bool(_pair(text))
    wanted = LONGITUDE_DEG if what == "lon" else LATITUDE_DEG
    return any(
        not one.metric and wanted[0] <= one.number <= wanted[1] and (one.how != "" or one.precision < 0.2)
        and one.how not in ("packed", "packed_dms")
        for one in values(text)
    )  # fmt: skip


def readings(lon: Cell, lat: Cell, position: Cell = "") -> list[Reading]:
    """Everything the cells of a row can mean; degrees of Vietnam and plane metres only, an empty list for neither.

    >>> readings("105,34808/22,62924", "")
    [Reading(x=105.34808, y=22.62924, metric=False, precision_m=1.11, finer_m=1.11, how=('one_cell', 'decimal_comma'))]
    >>> readings("22.62924", "105.34808")[0].how, readings("", "", "22°37'45.3''B 105°20'53.1''Đ")[0].how
    (('swapped',), ('one_cell', 'dms'))
    """
    texts = [text_of(cell).translate(_SIGNS) for cell in (lon, lat, position)]
    found = _of_two(texts[0], texts[1]) if texts[0] and texts[1] else []
    if not found:
        for text in (texts[2], texts[0], texts[1]):
            found = _pair(text) if text else []
            if found:
                break
    unique: dict[tuple[float, float, bool], Reading] = {}
    for one in found:
        unique.setdefault((round(one.x, 7), round(one.y, 7), one.metric), one)
    return list(unique.values())


def _of_two(first: str, second: str, *, ordered: bool = True) -> list[Reading]:
    """Readings of two cells, longitude meant to be the first."""
    found = []
    for one in values(first):
        for other in values(second):
            if one.metric != other.metric:
                continue
            joined = _joined(one, other, ordered=ordered)
            if joined is not None:
                found.append(joined)
    plain = [one for one in found if set(one.how) <= {"swapped", "decimal_comma"} and not one.metric]
    if plain:
        return plain[:1]  # plain degrees of Vietnam can be nothing else
    alike = [one for one in found if len(set(one.how) & {"packed", "packed_dms", "dms", "thousand_dots"}) < 2]
    return alike or found  # both cells are written in one way where they can be


def _joined(one: Value, other: Value, *, ordered: bool) -> Reading | None:
    how = tuple(dict.fromkeys(name for name in (one.how, other.how) if name))
    if one.metric:
        steps = max(one.precision, other.precision), min(one.precision, other.precision)
        if _within(one.number, EASTING_M) and _within(other.number, NORTHING_M):
            return Reading(one.number, other.number, True, *steps, how)
        if _within(one.number, NORTHING_M) and _within(other.number, EASTING_M):
            return Reading(other.number, one.number, True, *steps, how)
        return None
    steps = max(one.precision, other.precision) * DEGREE_M, min(one.precision, other.precision) * DEGREE_M
    if _within(one.number, LONGITUDE_DEG) and _within(other.number, LATITUDE_DEG) and _axes(one, other, "lon", "lat"):
        return Reading(one.number, other.number, False, *steps, how)
    if _within(one.number, LATITUDE_DEG) and _within(other.number, LONGITUDE_DEG) and _axes(one, other, "lat", "lon"):
        return Reading(other.number, one.number, False, *steps, (*(("swapped",) if ordered else ()), *how))
    return None


def _axes(one: Value, other: Value, first: Axis, second: Axis) -> bool:
    return one.axis in ("", first) and other.axis in ("", second)


def _within(number: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= number <= limits[1]


@lru_cache(maxsize=4096)
def _pair(text: str) -> list[Reading]:
    """Readings of a text that holds both coordinates."""
    text = text.translate(_SIGNS).strip(" ()[]{}")
    for first, second in _splits(text):
        found = _of_two(first.strip(" ()[];,"), second.strip(" ()[];,"), ordered=False)
        if found:
            return [replace(one, how=("one_cell", *one.how)) for one in found]
    return []


def _splits(text: str) -> Iterator[tuple[str, str]]:
    for sign in ("/", ";", "|", "\n", "_", " - ", ", ", " ,"):
        parts = [part for part in text.split(sign) if part.strip()]
        if len(parts) == 2:
            yield parts[0], parts[1]
    # After the letter or the last sign of seconds of the first, before the letter of the second.
    for form in (r"(?<=[NBEDnbed\u0110\u0111\"'])[\s,]*(?=[A-Z\u0110]?\s*\d)", r"[\s,]+(?=[A-Za-z\u0110\u0111])"):
        for cut in re.finditer(form, text):
            yield text[: cut.start()], text[cut.end() :]
    linked = re.search(r"(?<![\d.])(\d{1,3}\.\d{3,})\s*,\s*(\d{1,3}\.\d{3,})(?![\d.])", text)
    if linked:  # an address of a map
        yield linked[1], linked[2]
    if text.count(",") == 1:
        first, _comma, second = text.partition(",")
        yield first, second
    if text.count(",") == 3:
        parts = text.split(",")
        yield ",".join(parts[:2]), ",".join(parts[2:])
    words = re.split(r"[\s,]+", text) if "," in text and "." in text else text.split()
    if len(words) > 1 and len(words) % 2 == 0:
        middle = len(words) // 2
        yield " ".join(words[:middle]), " ".join(words[middle:])


@lru_cache(maxsize=65536)
def values(text: str) -> tuple[Value, ...]:
    """Everything one coordinate cell can mean."""
    text, axis = _bare(text.translate(_SIGNS))
    if not text or not re.search(r"\d", text) or text.startswith("-"):
        return ()
    return tuple(_values(text, axis))


def _bare(text: str) -> tuple[str, Axis]:
    """A coordinate without its letters and words; which axis these name."""
    plain = plain_letters(text).replace('"', "'' ").strip()
    plain = re.sub(r"^\s*[xy]\s*[:=]\s*", "", plain)
    plain = re.sub(r"(?<=\d)\s*(?:do|deg)\s*$", "", plain)
    plain = re.sub(r"(?<=\d)\s*(?:do|deg|d|o|\*)\s*(?=\d)", "°", plain)
    plain = re.sub(r"(?<=\d)\s*(?:phut|ph|p|min|m)\s*(?=\d)", "'", plain)
    plain = re.sub(r"(?<=\d)\s*(?:giay|sec|s|g)(?![a-z])", "''", plain)
    axis: Axis = ""
    if _LAT_WORDS.search(plain):
        axis, plain = "lat", _LAT_WORDS.sub(" ", plain)
    elif _LON_WORDS.search(plain):
        axis, plain = "lon", _LON_WORDS.sub(" ", plain)
    plain = re.sub(r"(?<=\d)\s*m$", "", plain.strip())
    plain = " ".join(plain.replace(":", " : ").split()).strip(" :=;,")
    plain = re.sub(r"\s*:\s*", ":", plain)
    if re.search(r"[a-z]", plain):
        return "", ""
    return plain, axis


def _values(text: str, axis: Axis) -> Iterator[Value]:
    if re.fullmatch(rf"{_NUMBER}\s*°?", text):
        digits = text.rstrip("° ")
        yield from _of_number(digits, axis, "decimal_comma" if "," in digits else "")
        return
    text = re.sub(r"\s+", " ", text.replace("''", '"'))
    text = re.sub(r"\s*([°'\"])\s*", r"\1", text)
    spaced = re.fullmatch(r"(\d{1,3}(?: \d{3})+)(?:[.,](\d+))?", text)
    if spaced:
        yield from _metres(spaced[1].replace(" ", ""), spaced[2] or "", "thousand_dots")
        return
    full = _DMS.fullmatch(text)
    if full:
        yield from _sexagesimal(full[1], full[2], full[3], axis)
        return
    minutes = _DM.fullmatch(text)
    if minutes and ("°" in text or "'" in text or ":" in text or "-" in text or " " in text):
        yield from _sexagesimal(minutes[1], minutes[2], "", axis)
        return
    mixed = re.fullmatch(r"(\d{1,3}(?:,\d{3})+)\.(\d+)|(\d{1,3}(?:\.\d{3})+),(\d+)", text)
    if mixed:
        whole = re.sub(r"[.,]", "", mixed[1] or mixed[3])
        decimals = mixed[2] or mixed[4]
        yield from _metres(whole, decimals, "thousand_dots")
        yield from _packed(whole + decimals, axis, "thousand_dots")
        return
    groups = re.fullmatch(r"(\d{1,3})[.,](\d{1,3})[.,](\d{1,3})(?:[.,](\d+))?", text)
    if groups:
        second, third = groups[2], groups[3]
        if len(second) <= 2 and len(third) <= 2:
            yield from _sexagesimal(groups[1], second, third + (f".{groups[4]}" if groups[4] else ""), axis)
        if groups[4] is None or len(second) == 3:
            yield from _packed(groups[1] + second + third + (groups[4] or ""), axis, "thousand_dots")
        if len(second) == 3 and len(third) == 3:
            yield from _metres(groups[1] + second + third, groups[4] or "", "thousand_dots")
        return


def _of_number(digits: str, axis: Axis, how: str) -> Iterator[Value]:
    whole, _point, decimals = digits.replace(",", ".").partition(".")
    number = float(f"{whole}.{decimals}" if decimals else whole)
    here = _within(number, LONGITUDE_DEG) or _within(number, LATITUDE_DEG)
    if here and decimals:
        yield Value(number, axis, 10.0 ** -len(decimals), how)
    if here or number < 1000:  # whole degrees are no place
        return
    yield from _metres(whole, decimals, how)
    yield from _packed(whole + decimals, axis, "packed")
    if len(whole) in (6, 7):
        degrees, rest = whole[:-4], whole[-4:]
        yield from _sexagesimal(degrees, rest[:2], rest[2:] + (f".{decimals}" if decimals else ""), axis, "packed_dms")


def _metres(whole: str, decimals: str, how: str) -> Iterator[Value]:
    number = float(f"{whole}.{decimals}" if decimals else whole)
    precision = 10.0 ** -len(decimals)
    if _within(number, EASTING_M) or _within(number, NORTHING_M):
        yield Value(number, "", precision, how, metric=True)
    if len(whole) == 8 and whole[:2] in ZONE_PREFIXES:
        bare = number - int(whole[:2]) * 1_000_000
        if _within(bare, EASTING_M):
            yield Value(bare, "", precision, "zone_prefix", metric=True)


def _packed(digits: str, axis: Axis, how: str) -> Iterator[Value]:
    """Degrees whose point was lost: it can only stand where Vietnam is."""
    for places in (3, 2):
        if len(digits) > places + 1:
            number = float(f"{digits[:places]}.{digits[places:]}")
            limits = LONGITUDE_DEG if places == 3 else LATITUDE_DEG
            if _within(number, limits):
                yield Value(number, axis, 10.0 ** -(len(digits) - places), how)


def _sexagesimal(degrees: str, minutes: str, seconds: str, axis: Axis, how: str = "dms") -> Iterator[Value]:
    m, s = float(minutes.replace(",", ".")), float((seconds or "0").replace(",", "."))
    if m >= 60 or s >= 60:
        return
    number = int(degrees) + m / 60 + s / 3600
    if not (_within(number, LONGITUDE_DEG) or _within(number, LATITUDE_DEG)):
        return
    last = seconds or minutes
    decimals = len(re.split(r"[.,]", last)[1]) if re.search(r"[.,]", last) else 0
    yield Value(number, axis, 10.0**-decimals / (3600 if seconds else 60), how)
