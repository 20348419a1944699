"""Which language a text is in: words with letters that Vietnamese alone has, and words that English alone has."""

from __future__ import annotations

import re
import unicodedata

TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
LETTERS = {unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in TONES} | {"đ"}
VIETNAMESE_LETTERS = frozenset({one for one in LETTERS if not one.isascii()})
ENGLISH_WORDS = frozenset(
    re.findall(
        r"\w+",
        """the of and is are was were with without from for which that this has have not cannot instead missing hamlet
        hamlets station stations proposal proposals commune operators study computed declared counted error
        nothing already needs give where when than every each""",
    )
)
_CODE = re.compile(r"`[^`]*`|--[a-z-]+|'[^'\s]*'|\S*[/\\_.=\[\]]\w\S*")  # names of files, columns, settings, commands


def vietnamese_words(text: str) -> set[str]:
    """The words of a text that hold a letter with a Vietnamese sign; a word without one may be either language's.

    >>> sorted(vietnamese_words("Thôn Nà Tông: 97,8 % covered")), vietnamese_words("RSRP −105 dBm")
    (['Nà', 'Thôn', 'Tông'], set())
    """
    words = re.findall(r"\w+", unicodedata.normalize("NFC", text))
    return {word for word in words if VIETNAMESE_LETTERS & set(word.lower())}


def english_words(text: str) -> set[str]:
    """The words of a text that no Vietnamese sentence has; names of files, columns and commands do not count.

    >>> sorted(english_words("thay vì (instead of) --operator")), english_words("đọc bts_sites.csv")
    (['instead', 'of'], set())
    """
    words = re.findall(r"\b[A-Za-z][a-z]*\b", _CODE.sub(" ", text))  # words in capitals are names of arguments
    return {word.lower() for word in words} & ENGLISH_WORDS
