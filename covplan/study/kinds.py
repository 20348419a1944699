"""Kinds of proposals: their codes as tables hold them, and what each is called."""

from __future__ import annotations

from covplan.study.language import N_, _

WHITE_SPOT, PLACE_5G, SHARE, FIBER = "white_spot", "place_5g", "share", "fiber"
PROPOSAL_KINDS = (WHITE_SPOT, PLACE_5G, SHARE, FIBER)
"""What a proposal can be, in the order of the report."""

SUPPLY_CURVE = "supply_curve"
KINDS = (WHITE_SPOT, SUPPLY_CURVE, FIBER, PLACE_5G, SHARE)
"""What `propose` can be asked for, in the order it is done: the curve is a table beside the proposals."""

TRENCH = "trench"
"""Cables of hamlets and of masts in one trench: a comparison of methods, never a proposal's kind."""

IN_ONE_TRENCH = (FIBER, WHITE_SPOT)
"""Kinds that share trenches when they are proposed together."""

OLD_CODES = {"fibre": "fiber"}
"""Spellings of earlier versions: of kinds, and of the command that has the kind's name."""

_TITLES = {
    WHITE_SPOT: N_("White spots"),
    PLACE_5G: N_("5G at places"),
    SHARE: N_("Sharing"),
    FIBER: N_("Fiber"),
    SUPPLY_CURVE: N_("Supply curve"),
    TRENCH: N_("One trench"),
}


def as_written_now(code: str) -> str:
    """A code as this version writes it.

    >>> as_written_now("fibre"), as_written_now("share")
    ('fiber', 'share')
    """
    return OLD_CODES.get(code, code)


def kind_title(kind: str) -> str:
    """What a kind is called in the language spoken now; the code itself where it is none of them.

    >>> from covplan.study.language import speaking
    >>> with speaking("en"):
    ...     kind_title("place_5g")
    '5G at places'
    """
    return _(_TITLES[kind]) if kind in _TITLES else kind
