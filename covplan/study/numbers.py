"""Numbers as Vietnamese writes them."""

from __future__ import annotations

_SIGNS = str.maketrans(",.", ".,")


def number_vi(value: float, decimals: int = 0) -> str:
    """A number as Vietnamese writes it, with at most so many decimals.

    >>> number_vi(1733), number_vi(97.8, 2), number_vi(-0.001, 2)
    ('1.733', '97,8', '0')
    """
    text = f"{value:,.{decimals}f}".translate(_SIGNS)
    text = text.rstrip("0").rstrip(",") if decimals else text
    return "0" if text == "-0" else text
