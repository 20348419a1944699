"""Which operator may use which band (resources/spectrum.csv)."""

from __future__ import annotations

import csv
from functools import cache

from covplan.radio.link_budget import band
from covplan.study.resources import resource_text


@cache
def bands_of(operator: str, technology: str = "4G") -> tuple[str, ...]:
    """Bands an operator may use for a technology, lowest frequency first."""
    own = [code for holder, code in _licences() if holder == operator]
    return tuple(sorted((b for b in own if band(b).technology == technology), key=lambda b: band(b).downlink_mhz))


@cache
def holder_of(code: str) -> str:
    """The first operator that may use a band."""
    return next(holder for holder, licensed in _licences() if licensed == code)


@cache
def _licences() -> tuple[tuple[str, str], ...]:
    """Operator and band of every row."""
    rows = csv.DictReader(resource_text("spectrum.csv").splitlines())
    return tuple((row["operator"], row["band"]) for row in rows)
