"""Vietnamese text out of the encodings it comes in: TCVN3 and VNI fonts, mojibake, combining marks, old code pages.

What a text was meant to be is decided by what Vietnamese syllables can look like, never by the file's name. Feeds
`sheets`.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise

from covplan.study.columns import clean_text
from covplan.study.find import plain_letters
from covplan.study.resources import resource_text

_TONES = "\u0300\u0301\u0309\u0303\u0323"
_SYLLABLE = re.compile(  # letters apart from their marks, without tones; dz stands for the d with a stroke
    r"(?:ngh|ng|nh|gh|gi|kh|ph|qu|th|tr|ch|dz|[bcdghklmnpqrstvx])?"
    r"(?!.*a[\u0302\u0306]$)(?:a[\u0302\u0306]?|e\u0302?|o[\u0302\u031b]?|u\u031b?|i|y){1,3}"
    r"(?:ch|ng|nh|[cmnpt])?"
)
_WORD = re.compile(r"[^\W\d_]+")
_LEADS = frozenset(map(chr, (0xC2, 0xC3, 0xC4, 0xC6, 0xE1, 0xEF)))
"""First bytes of Vietnamese letters in UTF-8, as Latin-1 shows them."""
_OF_FONTS = re.compile(r"[\u00a1-\u00ff]")
_LEGACY = ("cp1258", "cp1252")
_UNICODE_ONLY = re.compile(r"[\u0102\u0103\u0110\u0111\u0128\u0129\u0168\u0169\u01a0\u01a1\u01af\u01b0\u1ea0-\u1ef9]")


def decoded_best(content: bytes) -> tuple[str, str]:
    """The text of a file and the name of the encoding it turned out to be in.

    >>> decoded_best("Hàm Yên".encode("utf-16"))
    ('Hàm Yên', 'utf-16')
    """
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding
    head = content[:4096]
    nulls = head[::2].count(0), head[1::2].count(0)
    if max(nulls) > len(head) // 8:
        encoding = "utf-16-be" if nulls[0] > nulls[1] else "utf-16-le"
        return content.decode(encoding, errors="replace"), encoding
    text = content.decode(errors="replace")
    broken = text.count("\ufffd")
    if not broken or sum(letter > "\x7f" for letter in text) > 2 * broken:
        return text, "utf-8"
    tries = [(mended(_lenient(content, encoding))[0], encoding) for encoding in _LEGACY]
    best, encoding = max(tries, key=lambda one: plausible(one[0][:50_000]))
    return best, encoding


def _lenient(content: bytes, encoding: str) -> str:
    """Bytes in a code page; those it leaves open as Latin-1 has them."""
    return codecs.charmap_decode(content, "strict", _table(encoding))[0]


@cache
def _table(encoding: str) -> str:
    letters = []
    for byte in range(256):
        try:
            letters.append(bytes([byte]).decode(encoding))
        except UnicodeDecodeError:
            letters.append(chr(byte))
    return "".join(letters)


def plausible(text: str) -> float:
    """How much a text looks like Vietnamese: share of its words with letters beyond ASCII that can be syllables.

    >>> plausible("Tuyên Quang"), plausible("Tuyªn Quang")
    (1.0, 0.0)
    """
    words = [word for word in _WORD.findall(unicodedata.normalize("NFC", text)) if not word.isascii()]
    odd = len(re.findall(r"[\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u2122]", text)) - text.count("\u00a0")
    if not words:
        return 0.0 if odd > 0 else 1.0
    good = sum(_is_syllable(word) for word in words)
    return good / (len(words) + max(odd, 0))


@cache
def _is_syllable(word: str) -> bool:
    apart = unicodedata.normalize("NFD", word.casefold().replace("đ", "dz"))
    if sum(mark in _TONES for mark in apart) > 1:
        return False
    toneless = "".join(letter for letter in apart if letter not in _TONES)
    return _SYLLABLE.fullmatch(toneless) is not None


def mended(text: str) -> tuple[str, str]:
    """A text as it was meant, and what it was in (empty: nothing to mend).

    >>> mended("Tuyªn Quang"), mended("TuyeÃ¢n Quang")[0], mended("HuyeÄn Sôn Döông")[1]
    (('Tuyên Quang', 'TCVN3'), 'Tuyeân Quang', 'VNI')
    """
    if text.isascii():
        return text, ""
    now = unicodedata.normalize("NFC", text)
    if not _LEADS.isdisjoint(now):
        back = _from_mojibake(now)
        if back is not None and plausible(back) >= plausible(now):
            return unicodedata.normalize("NFC", back), "mojibake"
    tries = [(now, "")]
    if _OF_FONTS.search(now) and not _UNICODE_ONLY.search(now):
        tries += [(_from_tcvn3(now), "TCVN3"), (_from_vni(now), "VNI")]
    best, kind = max(tries, key=lambda one: plausible(one[0]))
    return (best, kind) if kind and plausible(best) > plausible(now) else (now, "")


def mended_together(texts: list[str]) -> tuple[str, dict[str, str]]:
    """The legacy font that most texts of a column or sheet are in (empty: none), and each text it changes.

    Short words can be read in several ways ("Hµ", "Ba"); what the texts are in is decided for all of them.
    """
    legacy = [text for text in dict.fromkeys(texts) if _OF_FONTS.search(text) and not _UNICODE_ONLY.search(text)]
    joined = unicodedata.normalize("NFC", "\n".join(legacy[:2000]))
    if not joined:
        return "", {}
    tries = {"": joined, "TCVN3": _from_tcvn3(joined), "VNI": _from_vni(joined)}
    kind = max(tries, key=lambda one: plausible(tries[one]))
    turn = {"TCVN3": _from_tcvn3, "VNI": _from_vni}.get(kind)
    if turn is None or plausible(tries[kind]) - plausible(joined) < 0.2:
        return "", {}
    return kind, {text: turn(text) for text in legacy if plausible(turn(text)) >= plausible(text)}


def _from_mojibake(text: str) -> str | None:
    """UTF-8 that was read as cp1252 or Latin-1, once or twice."""
    table = {letter: byte for byte, letter in enumerate(_table("cp1252"))}
    for _time in range(2):
        try:
            content = bytes(table[letter] if letter in table else _byte(letter) for letter in text)
            text = content.decode()
        except (UnicodeDecodeError, ValueError):
            return None
        if _LEADS.isdisjoint(text):
            return text
    return text


def _byte(letter: str) -> int:
    if ord(letter) > 255:
        raise ValueError(letter)
    return ord(letter)


def _from_tcvn3(text: str) -> str:
    table = _font("tcvn3")
    return "".join(table.get(letter, letter) for letter in text)


def _from_vni(text: str) -> str:
    table, out, skip = _font("vni"), [], False
    for letter, following in pairwise([*text, ""]):
        if skip:
            skip = False
            continue
        both = table.get((letter + following).casefold()) if following else None
        skip = both is not None
        found = both or table.get(letter.casefold(), letter)
        out.append(found.upper() if letter.isupper() else found)
    return "".join(out)


@cache
def _font(name: str) -> dict[str, str]:
    """Letters of a font of old by what stands in the text (TCVN 5712:1993, table 3; VNI)."""
    rows = csv.DictReader(resource_text("letters.csv").splitlines())
    return {row["written"]: row["meant"] for row in rows if row["font"] == name}


def name_key(text: str) -> str:
    """A name for comparing: tone marks kept but not where they stand, i and y alike, no case, no signs.

    >>> name_key("Chiêm Hoá") == name_key("CHIÊM HÓA"), name_key("Tân Thành") == name_key("Tân Thanh")
    (True, False)
    """
    words = []
    for word in _WORD.findall(clean_text(text).casefold()):
        apart = unicodedata.normalize("NFD", word)
        tone = "".join(mark for mark in apart if mark in _TONES)
        toneless = unicodedata.normalize("NFC", "".join(letter for letter in apart if letter not in _TONES))
        words.append(re.sub(r"(?<=[qhklmst])y\b|(?<=qu)y\b", "i", toneless) + tone)
    return " ".join(words) + "".join(re.findall(r"\d+", text))


@lru_cache(maxsize=65536)
def plain_key(text: str) -> str:
    """A text for comparing without accents, case and signs.

    >>> plain_key("Kinh độ (Long.)")
    'kinh do long'
    """
    return " ".join(re.findall(r"[a-z]+|\d+", plain_letters(clean_text(text))))
