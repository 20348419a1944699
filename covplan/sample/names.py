"""Names of hamlets: real ones where the commune's are known, others put together from the province's usual stems."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from covplan.sample.published import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

# Of a district's made-up names, how many have Tày and Nùng stems (assumption); the others have Kinh ones.
UPLAND_SHARE = {"070": 0.0, "071": 1.0, "072": 1.0, "073": 0.75, "074": 0.3, "075": 0.25, "076": 0.05}
NUMBERED_SHARE = 0.12  # of lowland names come in two: "An Thịnh 1", "An Thịnh 2"
STREET_GROUPS = ("Phường", "Thị trấn")  # their hamlets are tổ dân phố with numbers


def hamlet_names(
    kind: str, district_code: str, count: int, known: Sequence[str], rng: np.random.Generator
) -> list[tuple[str, bool]]:
    """Names with their kind, unique within the commune, and whether each is a real name of that commune.

    Parameters
    ----------
    kind : str
        Kind of the commune: Xã, Phường, Thị trấn.
    known : sequence of str
        The commune's real hamlet names, without their kind; they go to hamlets drawn at random.
    """
    if kind in STREET_GROUPS:
        return [(f"Tổ dân phố {number}", False) for number in range(1, count + 1)]
    real = [(f"Thôn {name}", True) for name in known[:count]]
    made = [(with_kind(name), False) for name in _made_up(district_code, count - len(real), set(known), rng)]
    names = real + made
    return [names[i] for i in rng.permutation(count).tolist()]


def with_kind(name: str) -> str:
    """The name with "Thôn" before it, unless it says bản itself."""
    return name if name.startswith("Bản ") else f"Thôn {name}"


def _made_up(district_code: str, count: int, taken: set[str], rng: np.random.Generator) -> list[str]:
    upland, lowland = (iter(rng.permutation(_combinations(region)).tolist()) for region in ("upland", "lowland"))
    names: list[str] = []
    while len(names) < count:
        is_upland = rng.random() < UPLAND_SHARE[district_code]
        name = next(upland if is_upland else lowland)
        numbered = not is_upland and rng.random() < NUMBERED_SHARE
        if name not in taken:
            names += [f"{name} 1", f"{name} 2"] if numbered else [name]
    return names[:count]


@cache
def _combinations(region: str) -> tuple[str, ...]:
    """Every stem with every ending of sample/facts/name_parts.csv."""
    return tuple(
        f"{stem} {ending}"
        for row in facts("name_parts")
        if row["region"] == region
        for stem, ending in product(row["stems"].split(), row["endings"].split())
    )
