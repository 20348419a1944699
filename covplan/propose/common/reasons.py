"""Words that reasons of several kinds have in common, in the language spoken now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.study.language import _, number

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_HAND_M = 50.0  # less cable than this would be said as 0.0 km


def describe_backhaul(backhaul: str, length_m: float, hop_to: str, *, by_road: bool) -> str:
    """A connection, with how its cable was measured."""
    if backhaul == "microwave":
        return _("microwave to {location}").format(location=hop_to)
    if length_m < AT_HAND_M:
        return _("less than {metres} m of fiber").format(metres=number(AT_HAND_M))
    text = _("{km} km of fiber (estimated from the straight distance)")
    if by_road:
        text = _("{km} km of fiber (along roads)")
    return text.format(km=number(length_m / 1000, 1))


def listed(names: Sequence[str], most: int = 4) -> str:
    """A few names, and how many more."""
    shown = ", ".join(names[:most])
    return shown + (f" +{len(names) - most}" if len(names) > most else "")
