"""What language a text is in: words with Vietnamese letters, and English words that no Vietnamese text has."""

from __future__ import annotations

import re
import unicodedata

ENGLISH = frozenset(
    re.findall(
        r"\w+",
        """the of and is are was were with from for which that this has have not cannot instead missing hamlet hamlets
        station stations proposal proposals commune operator operators study computed declared counted error default
        nothing already needs give where when than every each""",
    )
)
_CODE = re.compile(r"`[^`]*`|--[a-z-]+|'[^'\s]*'|\S*[/\\_.=\[\]]\S*")  # names of files, columns, settings and commands


def vietnamese_words(text: str) -> set[str]:
    """The words of a text that are written with Vietnamese letters (đ, ơ, ư and letters with marks)."""
    words = re.findall(r"[^\W\d_]+", text)
    return {word for word in words if any(_vietnamese(letter) for letter in word.lower())}


def english_words(text: str) -> set[str]:
    """The words of a text that only English has; names of files, columns, settings and commands do not count."""
    return {word for word in re.findall(r"[a-z]+", _CODE.sub(" ", text)) if word in ENGLISH}


def _vietnamese(letter: str) -> bool:
    return letter in "đơư" or any(unicodedata.combining(mark) for mark in unicodedata.normalize("NFD", letter))
