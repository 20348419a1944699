"""One language at a time: the words covplan speaks, Vietnamese or English, and numbers as that language writes them.

The English text stands in the code, marked with `_`; its Vietnamese stands in the gettext catalogue
`resources/locale/vi/LC_MESSAGES/covplan.po` (`make locale` extracts and compiles). Which language is spoken is the
caller's to say: `with speaking("en"): …`; every public function that makes text takes `language`, and passes it on so.

Text of a placeholder goes through `format`, so that both languages may order it as they like::

    _("{hamlets} hamlets for {cost}").format(hamlets=number(3), cost=money(1.2e9))
"""

from __future__ import annotations

import gettext
import locale
import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")
DOMAIN = "covplan"
MILLION, BILLION = 1e6, 1e9
_VIETNAMESE_SIGNS = str.maketrans(",.", ".,")
_spoken: ContextVar[Language | None] = ContextVar("spoken", default=None)


@contextmanager
def speaking(language: Language | None, otherwise: Language | Literal[""] = "") -> Iterator[None]:
    """Everything said within the block is said in this language; None: in the one spoken already.

    Parameters
    ----------
    otherwise : optional
        What is spoken where nothing was chosen yet: the language that a study names; empty: the system's.

    >>> with speaking("en"):
    ...     number(1733.5, 1)
    '1,733.5'
    """
    token = _spoken.set(language or _spoken.get() or otherwise or None)
    try:
        yield
    finally:
        _spoken.reset(token)


def current_language() -> Language:
    """The language spoken now: that of the nearest `speaking`, else the system's, else Vietnamese."""
    return _spoken.get() or system_language()


def system_language() -> Language:
    """English where the system is set to it, Vietnamese everywhere else."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return "en" if os.environ[name].lower().startswith("en") else "vi"
    return "en" if (locale.getlocale()[0] or "").lower().startswith("en") else "vi"


def _(message: str) -> str:
    """The text in the language spoken now."""
    return _catalogue(current_language()).gettext(message) if message else ""


def ngettext(one: str, many: str, count: float) -> str:
    """The text for a count in the language spoken now; Vietnamese has one form for both."""
    return _catalogue(current_language()).ngettext(one, many, 1 if count == 1 else 2)


def N_(message: str) -> str:  # noqa: N802 (gettext's name for it)
    """Mark a text that is translated later, where it is shown: `_(text)`."""
    return message


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 (as N_)
    """Mark a text with a form for one and a form for many."""
    return one, many


def in_both(words: Callable[[], str]) -> dict[Language, str]:
    """What a function says in each language, for records that carry both.

    >>> in_both(lambda: number(0.5, 1))
    {'vi': '0,5', 'en': '0.5'}
    """
    said: dict[Language, str] = {}
    for one in LANGUAGES:
        with speaking(one):
            said[one] = words()
    return said


def columns_in_both(**words: Callable[[], str]) -> dict[str, str]:
    """The same for several columns of one record.

    >>> columns_in_both(title=lambda: "LTE")
    {'title_vi': 'LTE', 'title_en': 'LTE'}
    """
    return {f"{name}_{one}": text for name, say in words.items() for one, text in in_both(say).items()}


def number(value: float, decimals: int = 0) -> str:
    """A number as the language spoken now writes it, with at most so many decimals.

    >>> with speaking("vi"):
    ...     number(1733), number(97.8, 2), number(-0.001, 2)
    ('1.733', '97,8', '0')
    """
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    text = "0" if text == "-0" else text
    return text.translate(_VIETNAMESE_SIGNS) if current_language() == "vi" else text


def money(amount_vnd: float) -> str:
    """An amount in words: million or billion VND.

    >>> in_both(lambda: money(1.864e9))
    {'vi': '1,86 tỷ đồng', 'en': 'VND 1.86 billion'}
    """
    if abs(amount_vnd) >= BILLION:
        return _("VND {amount} billion").format(amount=number(amount_vnd / BILLION, 2))
    return _("VND {amount} million").format(amount=number(amount_vnd / MILLION))


def day(when: date) -> str:
    """A date as the language spoken now writes it."""
    return f"{when:%d/%m/%Y}" if current_language() == "vi" else f"{when:%Y-%m-%d}"


def by_language(vi: Any, en: Any) -> Any:
    """Of two texts of a resource (`title_vi`, `title_en`) the one in the language spoken now."""
    return vi if current_language() == "vi" else en


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    """The words of a language; English is what stands in the code."""
    if language == "en":
        return gettext.NullTranslations()
    path = files("covplan").joinpath("resources", "locale", language, "LC_MESSAGES", f"{DOMAIN}.mo")
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)
