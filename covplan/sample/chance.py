"""Chance that is the same everywhere: one random stream per step and commune, and shares that add up exactly.

Nothing decisive rests on the last bit of a logarithm or a sum: weights are cut to whole millionths and added as
integers, places are compared in whole decimetres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

MILLIONTHS = 1_000_000
ROUNDS = 12  # of dart throwing; then the caller takes a smaller spacing


def stream(seed: int, step: int, key: int = 0) -> np.random.Generator:
    """The random stream of one step of the sample and one key (a commune's code, say)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, step, key])))


def apportioned(weights: ArrayLike, total: int, minimum: int = 0) -> list[int]:
    """Whole parts of `total` in proportion to `weights`, by largest remainder; none below `minimum`.

    Parts that would fall short get the minimum and leave the sharing. Ties go to the earlier one.

    >>> apportioned([1, 1, 2], 10)
    [3, 2, 5]
    >>> apportioned([1, 100], 10, minimum=2)
    [2, 8]
    """
    whole = [max(1, round(float(weight) * MILLIONTHS)) for weight in np.asarray(weights, float)]
    if minimum * len(whole) > total:
        raise ValueError(f"{total} cannot be shared by {len(whole)} with at least {minimum} each.")
    short: set[int] = set()
    while True:
        shared = [i for i in range(len(whole)) if i not in short]
        parts = _largest_remainder([whole[i] for i in shared], total - minimum * len(short))
        found = {i for i, part in zip(shared, parts, strict=True) if part < minimum}
        if not found:
            break
        short |= found
    result = [minimum] * len(whole)
    for i, part in zip(shared, parts, strict=True):
        result[i] = part
    return result


def scattered(
    x_dm: NDArray[np.int64],
    y_dm: NDArray[np.int64],
    weight: NDArray[np.float64],
    count: int,
    spacing_dm: int,
    rng: np.random.Generator,
) -> list[int]:
    """Indices of up to `count` points at least `spacing_dm` apart, likelier where `weight` is high.

    Poisson-disc sampling by dart throwing: every round takes the points in random order and lets each pass with a
    chance proportional to its weight.
    """
    chosen: list[int] = []
    free = weight > 0
    for _ in range(ROUNDS):
        order = rng.permutation(weight.size)
        passing = order[(rng.random(weight.size) * weight.max(initial=0.0) < weight)[order]]
        for i in passing.tolist():
            if len(chosen) == count or not free.any():
                return chosen
            if free[i]:
                chosen.append(i)
                free &= (x_dm - x_dm[i]) ** 2 + (y_dm - y_dm[i]) ** 2 >= spacing_dm**2
    return chosen


def _largest_remainder(weights: Sequence[int], total: int) -> list[int]:
    whole = sum(weights)
    parts = [weight * total // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(weights[i] * total % whole), i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
