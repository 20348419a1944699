"""What every result of generated data says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.study.language import _

if TYPE_CHECKING:
    from covplan.study.settings import Province


def synthetic_notice(province: Province) -> str:
    """The sentence on generated data, in the language spoken now; empty for a real province."""
    if not province.synthetic:
        return ""
    return _("SIMULATED DATA – the locations of stations, hamlets and cables are NOT real")


def synthetic_mark(province: Province) -> str:
    """The same in two words, for titles."""
    return _("SIMULATED DATA") if province.synthetic else ""
