"""The growing hull against looking at every point of the profile so far."""

from __future__ import annotations

import numpy as np
import pytest

from covplan.radio.hull import highest_above, push, tangent


def profiles():
    chance = np.random.default_rng(3)
    steps = np.arange(1, 200) * 0.03
    yield "hills", steps, 200 + 300 * np.sin(steps) + chance.normal(0, 20, steps.size)
    yield "flat", steps, np.full(steps.size, 12.0)
    yield "bent sea", steps, -0.06 * steps**2
    yield "steps", steps, np.round(chance.normal(0, 2, steps.size))
    yield "one ridge", steps, np.where(np.arange(steps.size) == 50, 900.0, 0.0)


@pytest.mark.parametrize(("x", "y"), [shape for _, *shape in profiles()], ids=[name for name, *_ in profiles()])
def test_the_horizon_and_the_highest_point_are_those_of_the_whole_profile(x, y):
    hull_x, hull_y, place, size = np.empty(x.size), np.empty(x.size), np.empty(x.size, dtype=np.int64), 0
    for i in range(x.size - 1):
        size = push(hull_x, hull_y, place, size, i, x[i], y[i])
        for height in (y[i + 1] - 5, y[i + 1] + 2, y[i + 1] + 500):
            seen = place[tangent(hull_x, hull_y, size, x[i + 1], height)]
            slopes = (y[: i + 1] - height) / (x[i + 1] - x[: i + 1])
            assert slopes[seen] == pytest.approx(slopes.max(), abs=1e-9)
            chord = (height - y[0]) / x[i + 1]
            above = y[: i + 1] - chord * x[: i + 1]
            assert above[place[highest_above(hull_x, hull_y, size, chord)]] == pytest.approx(above.max(), abs=1e-9)
