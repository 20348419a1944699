"""What every result of generated data says of itself, in the language spoken now."""

from __future__ import annotations

from covplan.study.language import _


def synthetic_notice() -> str:
    """The sentence above tables, documents and maps."""
    return _("SIMULATED DATA – the locations of stations, hamlets and cables are NOT real")


def synthetic_mark() -> str:
    """The same in two words, for titles."""
    return _("SIMULATED DATA")
