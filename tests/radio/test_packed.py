"""Losses kept in few bytes are the same losses."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covplan.radio.kernels import HOPELESS, NOT_COMPUTED
from covplan.radio.packed import squeezed, unsqueezed

STEPS = st.one_of(st.integers(0, 20_000), st.sampled_from([HOPELESS, NOT_COMPUTED]))


@given(arrays(np.uint16, st.integers(0, 70), elements=STEPS))
def test_steps_come_back_as_they_were(steps: np.ndarray) -> None:
    back = unsqueezed(squeezed(steps), steps.size)
    assert back is not None
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, steps)


def test_content_of_another_size_is_none() -> None:
    content = squeezed(np.arange(100, dtype=np.uint16))
    assert unsqueezed(content, 101) is None
    assert unsqueezed(content, 900) is None
    assert unsqueezed(content, 9) is None


@pytest.mark.parametrize("noise", [0, 1])
def test_neighbours_alike_take_less_than_half_of_plain_steps(noise: int) -> None:
    rows, columns = np.mgrid[:300, :300]
    away = np.hypot(rows - 150, columns - 150)
    rough = np.random.default_rng(1).integers(-noise, noise + 1, away.shape)
    steps = np.where(away > 150, NOT_COMPUTED, 800 + 4 * away + 30 * np.sin(rows / 9) + rough).astype(np.uint16)
    plain = zlib.compress(steps.astype("<u2").tobytes(), 1)
    assert len(squeezed(steps.reshape(-1))) < 0.5 * len(plain)
