"""The optical budget by hand, and what a hamlet needs."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covplan.fiber.odn import equipment, optical_budget, pon_classes
from covplan.study.errors import SettingsError
from covplan.study.language import speaking
from covplan.study.settings import Fiber


def test_class_b_plus_with_32_homes_reaches_14_5_km():
    budget = optical_budget(Fiber(pon_class="GPON_B+", split=(4, 8), margin_db=3))
    assert budget.left_db == pytest.approx(28 - 7.2 - 10.8 - 4 * 0.3 - 3)
    assert budget.longest_m == pytest.approx(1000 * 5.8 / (0.35 + 0.1 / 2))
    assert budget.loss_db(10_000) == pytest.approx(18 + 1.2 + 4)


def test_class_c_plus_is_held_back_by_its_reach_and_64_homes_on_b_plus_by_light():
    assert optical_budget(Fiber(pon_class="GPON_C+", split=(4, 8))).longest_m == 20_000
    assert optical_budget(Fiber(pon_class="GPON_B+", split=(8, 8))).longest_m == pytest.approx(5500)
    assert optical_budget(Fiber(pon_class="GPON_B+", split=(64, 8))).longest_m == 0


def test_every_class_the_settings_allow_has_its_budget():
    assert set(get_args(Fiber.model_fields["pon_class"].annotation)) == set(pon_classes())


@speaking("en")
def test_a_splitter_nobody_sells_is_named():
    with pytest.raises(SettingsError, match="no splitter 1:5"):
        optical_budget(Fiber(split=(5, 8)))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=9), st.sampled_from([(4, 8), (8, 8), (32,)]))
def test_there_is_a_port_for_every_planned_line(households, split):
    fiber = Fiber(split=split, take_up=0.6)
    needed = equipment(households, fiber)
    assert needed.fats * split[-1] >= 0.6 * sum(households) - 1e-6
    outputs = needed.pon_ports * (split[0] if len(split) > 1 else 1)
    assert needed.fats <= outputs < needed.fats + (split[0] if len(split) > 1 else 1)
    assert needed.splitters == needed.fats + (needed.pon_ports if len(split) > 1 else 0)
