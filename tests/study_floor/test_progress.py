"""How long work still takes, as it is told while it goes on."""

from __future__ import annotations

import math

import pytest

from covplan.study.language import speaking
from covplan.study.progress import EVERY_S, RECENT, Pace, time_left


class Clock:
    """A clock that goes on when it is told to."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


def at_work(parts, part_s):
    clock = Clock()
    pace = Pace(parts, clock=clock)
    for seconds in part_s:
        clock.now_s += seconds
        pace.step()
        yield pace


def test_before_the_first_part_nothing_is_claimed():
    assert math.isnan(Pace(10).left_s)


def test_like_parts_take_as_long_as_those_before():
    *_rest, last = at_work(100, [0.5] * 40)
    assert last.left_s == pytest.approx(30.0)


def test_what_was_kept_and_only_read_does_not_make_the_rest_look_quick():
    *_rest, last = at_work(1000, [0.01] * 400 + [0.5] * RECENT)
    assert last.left_s == pytest.approx(550 * 0.5)


def test_at_most_one_line_in_so_many_seconds():
    due = [pace.is_due() for pace in at_work(100, [0.1] * 100)]
    assert due[0]
    assert sum(due) == 1 + int(9.9 / EVERY_S)


@speaking("en")
def test_time_left_is_told_in_seconds_and_from_a_hundred_on_in_minutes():
    assert [time_left(s) for s in (0.6, 42.4, 99.0, 200.0)] == [
        "about 1 second left", "about 42 seconds left", "about 99 seconds left", "about 3 minutes left",
    ]  # fmt: skip
