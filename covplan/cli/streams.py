"""The program's output: UTF-8 whatever the system says, and on a console as near as it can show.

A department's laptop runs covplan in a console, into a file, as a scheduled task and out of QGIS; in each of these
Python takes an encoding from another place. Work is not lost for a letter: a file or a pipe gets UTF-8; a console of
an older kind, which has letters of its own only, gets the nearest of them (``ế`` as ``ê``, ``→`` as ``->``).
"""

from __future__ import annotations

import codecs
import sys
import unicodedata
from io import TextIOWrapper
from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIKE = str.maketrans(
    {
        "đ": "d", "Đ": "D", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "←": "<-", "↔": "<->", "≥": ">=",
        "≤": "<=", "≠": "!=", "≈": "~", "×": "x", "·": "-", "•": "-", "✓": "v", "✗": "x", "“": '"', "”": '"', "«": '"',
        "»": '"', "‘": "'", "’": "'", "±": "+-", "°": " deg", "²": "2", "³": "3", "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
    }
)  # fmt: skip
"""What stands for a sign where it cannot be shown."""
TONES = "\u0300\u0301\u0303\u0309\u0323"


def open_streams() -> None:
    """Make standard output and errors such that every text can be written to them.

    Streams that are no text files of Python's own (a notebook's, none at all under pythonw.exe) stay as they are.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            encoding = encoding_for(stream.encoding, console=stream.isatty())
            stream.reconfigure(encoding=encoding, errors=errors_nearest(encoding))


def encoding_for(encoding: str, *, console: bool) -> str:
    """UTF-8, but for a console that has an encoding of its own; ASCII says only that nobody told.

    >>> encoding_for("cp1258", console=False), encoding_for("cp1258", console=True), encoding_for("ascii", console=True)
    ('utf-8', 'cp1258', 'utf-8')
    """
    known = codecs.lookup(encoding).name
    return known if console and known != "ascii" else "utf-8"


def errors_nearest(encoding: str) -> str:
    """Name of the error handler that writes the nearest letters of this encoding.

    One for each: CPython's code pages all call themselves "charmap" when they ask.
    """
    name = f"covplan.nearest.{encoding}"

    def replaced(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        return nearest(error.object[error.start : error.end], encoding), error.end

    codecs.register_error(name, replaced)
    return name


def nearest(text: str, encoding: str) -> str:
    """A text in letters that the encoding has: without a mark, or another sign, or a question mark.

    >>> nearest("Thôn Nà Tế → 5G ✓", "cp1252"), nearest("Đồng", "ascii")
    ('Thôn Nà Tê -> 5G v', 'Dong')
    """
    return "".join(_nearest(letter, encoding) for letter in text)


def _nearest(letter: str, encoding: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    base, marks = parts[0], tuple(parts[1:])
    # With all marks, some of them behind the letter: what code page 1258 has for Vietnamese ("ậ" as "â" and a dot).
    # Then with one, the letter's rather than the tone's, then with none.
    ways = [letter]
    ways += [_composed(base, order[:n]) + "".join(order[n:]) for order in permutations(marks) for n in (2, 1, 0)]
    ways += [_composed(base, [mark]) for mark in sorted(marks, key=TONES.__contains__)]
    ways += [base, base.translate(ALIKE)]
    return next((way for way in ways if _has(encoding, way)), "?")


def _composed(base: str, marks: Sequence[str]) -> str:
    return unicodedata.normalize("NFC", base + "".join(marks))


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True
