"""The multi-period program: equal to trying every year for every proposal, and short budgets are named."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covplan.propose.programme.effects import Today, yearly_targets
from covplan.propose.programme.program import NEVER, Indicator, Projects, least_spending
from covplan.propose.programme.program import phase as phased
from covplan.propose.programme.spread import spread
from covplan.propose.programme.years import in_years
from covplan.propose.solve.solver import Status
from covplan.study.errors import NoSolution
from covplan.study.language import speaking
from covplan.study.settings import Phases, Target

YEARS = (2025, 2026, 2027)


def phase(cost, value, needs, indicators, phases, *, fixed=None, **limits):
    projects = Projects(np.asarray(cost, float), np.asarray(value, float), needs, fixed or {})
    return phased(projects, indicators, phases, **limits)


@st.composite
def small_programmes(draw):
    """Up to five proposals, three years, two indicators."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, objects = chance.integers(1, 6), chance.integers(1, 5)
    indicators = [
        Indicator(
            name,
            float(chance.integers(4, 9)),
            12.0,
            chance.random((count, objects)) < 0.4,
            chance.choice([0.0, 0.0, 1.0, -1.0], count),
            chance.choice([0.0, 0.0, 1.0], count),
            {year: float(chance.choice([0, 50, 60, 75])) for year in YEARS if chance.random() < 0.6},
        )
        for name in ("ONE", "TWO")
    ]
    needs = [(int(a), int(b)) for a, b in chance.integers(0, count, (2, 2)) if a != b and chance.random() < 0.6]
    fixed = {0: int(chance.choice(YEARS))} if chance.random() < 0.3 else {}
    phases = Phases(
        years=YEARS,
        budget_vnd=tuple(float(b) for b in chance.integers(0, 25, 3)) if chance.random() < 0.8 else (),
        keep_unspent=bool(chance.random() < 0.5),
    )
    cost = chance.integers(-3, 15, count).astype(float)
    return cost, chance.integers(0, 9, count).astype(float), needs, indicators, phases, fixed


def every_timetable(cost, value, needs, indicators, phases, fixed):
    """Value of every timetable that keeps budgets, order and targets."""
    for when in timetables(cost, value, needs, indicators, phases, fixed):
        yield float((value * (len(YEARS) - np.array(when))).sum())


def timetables(cost, _value, needs, indicators, phases, fixed):
    """Every timetable that keeps budgets, order and targets: of each proposal the place of its year."""
    late = len(YEARS)
    for when in product(range(late + 1), repeat=cost.size):
        start = np.array(when)
        if any(start[later] < start[first] for later, first in needs):
            continue
        if any(start[p] != YEARS.index(year) for p, year in fixed.items()):
            continue
        spent = np.array([cost[start == t].sum() for t in range(late)])
        if phases.budget_vnd:
            left = np.array(phases.budget_vnd) - spent
            if ((left.cumsum() if phases.keep_unspent else left) < -1e-9).any():
                continue
        kept = True
        for one, (t, year) in product(indicators, enumerate(YEARS)):
            done = start <= t
            above = one.numerator + one.adds[done].sum() + one.serves[done].any(axis=0).sum()
            below = one.denominator - one.removes[done].sum()
            kept &= above >= one.targets_pct.get(year, 0.0) / 100 * below - 1e-6 or year not in one.targets_pct
        if kept:
            yield when


@settings(max_examples=250)
@given(small_programmes())
def test_the_program_equals_trying_every_timetable(programme):
    cost, value, needs, indicators, phases, fixed = programme
    values = list(every_timetable(*programme))
    if not values:
        with pytest.raises(NoSolution):
            phase(cost, value, needs, indicators, phases, fixed=fixed, gap=0)
        return
    found = phase(cost, value, needs, indicators, phases, fixed=fixed, gap=0)
    assert -found.solution.objective == pytest.approx(max(values))
    assert found.solution.status is Status.OPTIMAL
    assert found.spent_vnd.sum() == pytest.approx(cost[found.year != NEVER].sum())


def hamlets(count, targets_pct):
    """`count` proposals, each for one hamlet of ten, of which five are covered today."""
    nothing = np.zeros(count)
    return Indicator("VILLAGE_MBB_COV", 5.0, 10.0, np.eye(count, dtype=bool), nothing, nothing, targets_pct)


def test_backhaul_comes_before_the_mast_and_no_earlier_than_it_is_needed():
    phases = Phases(years=YEARS, budget_vnd=(10, 10, 10))
    nothing = np.zeros(2)
    mast = Indicator("VILLAGE_MBB_COV", 5.0, 10.0, np.array([[False], [True]]), nothing, nothing, {2027: 60.0})
    found = phase([10.0, 10.0], [-1e-6, 1.0], [(1, 0)], [mast], phases)
    assert found.year.tolist() == [2025, 2026]
    assert phase([10.0, 10.0], [-1e-6, 0.0], [(1, 0)], [], phases).year[0] == NEVER


def test_a_budget_that_cannot_hold_says_how_much_is_missing_and_when():
    phases = Phases(years=YEARS, budget_vnd=(1e9, 1e9, 1e9))
    with pytest.raises(NoSolution, match=r"còn thiếu ít nhất \(tỷ đồng\): 2025: 3"):
        phase([2e9, 2e9], [1, 1], [], [hamlets(2, {2025: 70.0})], phases)


def test_a_target_beyond_all_proposals_is_named_with_what_they_reach():
    with pytest.raises(NoSolution, match=r"VILLAGE_MBB_COV: cần đạt 80 % vào cuối năm 2026; .* đạt 70 % \(7/"):
        phase([1.0, 1.0], [1, 1], [], [hamlets(2, {2026: 80.0})], Phases(years=YEARS))


def test_a_target_beyond_all_proposals_can_be_lowered_to_what_they_reach_and_is_said():
    reach = Indicator("REACH", 5.0, 10.0, np.eye(2, dtype=bool), np.zeros(2), np.zeros(2), {2026: 60.0, 2027: 90.0})
    phases = Phases(years=YEARS, budget_vnd=(0.0, 1.0, 1.0))
    with pytest.raises(NoSolution, match="mọi đề xuất cộng lại chỉ đạt 70"):
        phase([1.0, 1.0], [1.0, 1.0], [], [reach], phases)
    found = phase([1.0, 1.0], [1.0, 1.0], [], [reach], phases, lower_targets=True)
    assert found.year.tolist() in ([2026, 2027], [2027, 2026])
    assert len(found.short) == 1
    assert found.short[0].startswith("REACH: cần đạt 90 % vào cuối năm 2027; mọi đề xuất cộng lại chỉ đạt 70 %")
    easy = Indicator("ONE", 9.0, 10.0, np.ones((1, 1), bool), np.zeros(1), np.zeros(1), {2027: 100.0})
    assert phase([1.0], [1.0], [], [easy], Phases(years=YEARS), lower_targets=True).short == ()


def test_without_budgets_a_target_is_met_when_it_is_asked_and_the_rest_shares_the_money_evenly():
    years = tuple(range(2025, 2031))
    four = hamlets(4, {**dict.fromkeys(range(2025, 2030), 60.0), 2030: 90.0})
    projects = Projects(np.full(4, 10e9), np.ones(4), ())
    found = spread(projects, [four], Phases(years=years))
    assert sorted(found.year.tolist()) == [
        2025,
        2027,
        2029,
        2030,
    ]  # 10, then 16, 22, 28, 34, 40
    late = spread(projects, [four], Phases(years=(2030, 2032)))
    assert late.year.tolist() == [2030] * 4
    asked = hamlets(4, {2026: 90.0})
    assert max(spread(projects, [asked], Phases(years=years)).year) == 2026
    ordered = Projects(np.full(4, 10e9), np.array([-1e-6, 1.0, 1.0, 1.0]), [(1, 0), (2, 1), (3, 2)])
    assert (
        spread(ordered, [], Phases(years=years)).year.tolist() == [2027, 2028, 2029, 2030]
        or (np.diff(spread(ordered, [], Phases(years=years)).year) >= 0).all()
    )


@settings(max_examples=100)
@given(small_programmes())
def test_the_least_spending_is_that_of_some_timetable_and_of_none_less(programme):
    cost, value, needs, indicators, _phases, fixed = programme
    free = Phases(years=YEARS)
    spent = [
        sum(float(cost[np.array(when) <= t].sum()) for t in range(len(YEARS)))
        for when in timetables(cost, value, needs, indicators, free, fixed)
    ]
    projects = Projects(cost, value, needs, fixed)
    if not spent:
        with pytest.raises(NoSolution):
            least_spending(projects, indicators, free, gap=0.0)
        return
    assert least_spending(projects, indicators, free, gap=0.0).sum() == pytest.approx(min(spent), abs=1e-6)


def test_budgets_that_miss_a_target_go_as_far_as_they_can_and_say_how_far():
    reach = hamlets(4, {2025: 70.0, 2027: 90.0})
    phases = Phases(years=YEARS, budget_vnd=(10e9, 10e9, 0.0), keep_unspent=True)
    with speaking("en"):
        found = phase(np.full(4, 10e9), np.ones(4), [], [reach], phases, lower_targets=True)
    assert sorted(found.year.tolist()) == [NEVER, NEVER, 2025, 2026]
    first, last, money = found.short[1], found.short[2], found.short[0]
    assert first == "VILLAGE_MBB_COV: 70 % is wanted by the end of 2025; the budgets allow 60 %."
    assert last == "VILLAGE_MBB_COV: 90 % is wanted by the end of 2027; the budgets allow 70 %."
    assert money == "To meet the targets the budgets lack at least, in billion VND: 2025: 20."


def test_what_was_decided_is_done_in_its_year_though_the_budget_is_too_small():
    phases = Phases(years=YEARS, budget_vnd=(1e9, 10e9, 10e9))
    asked = hamlets(2, {2027: 70.0})
    found = phase([10e9, 10e9], [1.0, 1.0], [], [asked], phases, fixed={0: 2025}, lower_targets=True)
    assert found.year.tolist() == [2025, 2026]


def test_targets_between_the_years_of_the_plan():
    target, years = Target(target_2025=98, target_2030=100), (2024, 2025, 2028, 2030)
    assert yearly_targets(target, Phases(years=years)) == {2025: 98, 2028: 98, 2030: 100}
    assert yearly_targets(target, Phases(years=years, rising="line")) == {
        2025: 98,
        2028: pytest.approx(99.2),
        2030: 100,
    }
    assert yearly_targets(Target(target_2030=60), Phases(years=years)) == {2030: 60}


def test_a_table_of_all_kinds_gets_its_years():
    proposals = pd.DataFrame(
        {
            "proposal_id": ["S-1", "W-1", "W-2", "W-3"],
            "indicator": ["BTS_SHARE_RATIO", "VILLAGE_MBB_COV", "VILLAGE_MBB_COV", "VILLAGE_MBB_COV"],
            "indicator_change": [20.0, 10.0, 10.0, None],
            "gains": [None, "T-1", "T-2", None],
            "location_id": ["L-1", "L-9", "L-8", None],
            "from_location_id": ["L-2", None, None, None],
            "cost_base_vnd": [10.0, 10.0, 10.0, 5.0],
            "year": [None, None, 2027, None],
            "depends_on": [None, "W-3", None, None],
        },
        index=[7, 8, 9, 10],
    )
    today = pd.DataFrame(
        {"indicator": ["BTS_SHARE_RATIO", "VILLAGE_MBB_COV"], "numerator": [1.0, 8.0], "denominator": [5.0, 10.0]}
    )
    locations = pd.DataFrame(
        {"location_id": ["L-1", "L-2", "L-3"], "shared": [False, False, True], "operators": ["VTL", "MBF", "VTL;MBF"]}
    )
    targets = {"BTS_SHARE_RATIO": Target(target_2025=50.0), "VILLAGE_MBB_COV": Target(target_2025=80, target_2030=100)}
    phases = Phases(years=(2025, 2026, 2027), budget_vnd=(10, 15, 10))
    table, figures = in_years(proposals, Today(today, locations), phases, targets)
    assert table.index.tolist() == [7, 8, 9, 10]
    assert table["year"].tolist() == [2025, 2026, 2027, 2026], "50 % shared in 2025: 2 of the 4 locations left"
    assert figures.spent_vnd.tolist() == [10, 15, 10]
    known = pd.DataFrame(
        {
            "indicator": "VILLAGE_MBB_COV",
            "object_id": ["T-1", "T-2"],
            "known": True,
            "numerator": [1, 0],
            "denominator": 1,
        }
    )
    with pytest.raises(NoSolution, match=r"VILLAGE_MBB_COV: cần đạt 100 % vào cuối năm 2030; .* 90 %"):
        in_years(
            proposals, Today(today, locations, known), Phases(years=(2027, 2030)), targets
        )  # T-1 is covered today: it does not count a second time
    planned = pd.DataFrame(
        {
            "station_id": ["X-1", "X-2", "X-3"],
            "operator": ["MBF", "VTL", "VNPT"],
            "location_id": ["L-3", "L-7", "L-3"],
            "on_air": pd.to_datetime(["2025-05-01", "2024-03-01", None]),
        }
    )
    with pytest.raises(NoSolution, match=r"BTS_SHARE_RATIO: cần đạt 50 % vào cuối năm 2025; .* 40 %"):
        in_years(proposals, Today(today, locations, planned=planned), phases, targets)  # a new location alone: 2 of 5
    with pytest.raises(NoSolution, match="BTS_SHARE_RATIO: cần đạt 60 % vào cuối năm 2025"):
        in_years(proposals, Today(today, locations), phases, targets | {"BTS_SHARE_RATIO": Target(target_2025=60.0)})


def test_what_moves_no_indicator_is_done_when_there_is_room_unless_another_needs_it_first():
    proposals = pd.DataFrame(
        {
            "proposal_id": ["P-1", "P-2", "P-3", "P-4"],
            "indicator": "5G_KEYPLACES",
            "indicator_change": [50.0, 0.0, 0.0, 0.0],
            "gains": ["X-1", None, None, None],
            "location_id": None,
            "from_location_id": None,
            "cost_base_vnd": [10.0, 5.0, 5.0, 50.0],
            "year": None,
            "depends_on": ["P-2", None, None, None],
        }
    )
    today = pd.DataFrame({"indicator": ["5G_KEYPLACES"], "numerator": [1.0], "denominator": [2.0]})
    phases = Phases(years=(2025, 2026, 2027), budget_vnd=(12, 15, 10))
    table, _ = in_years(proposals, Today(today, pd.DataFrame()), phases, {"5G_KEYPLACES": Target()})
    assert table["year"].tolist()[:2] == [2026, 2026]  # the place needs both, and 2025 has no room for them
    assert table["year"].tolist()[2] == 2025
    assert table["year"].isna().tolist()[3]  # dearer than any year


def test_budgets_are_one_per_year():
    with pytest.raises(ValueError, match="2 ngân sách cho 3 năm"):
        Phases(years=YEARS, budget_vnd=(1, 2))
    with pytest.raises(ValueError, match="các năm phải tăng dần"):
        Phases(years=(2026, 2025))
