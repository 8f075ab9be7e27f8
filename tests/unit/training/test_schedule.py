"""What falls due, falls due once, however many timesteps pass at a time."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.training.schedule import Every, UpdateBudget

JUMPS = st.lists(st.integers(1, 60), min_size=1, max_size=60)


@given(interval=st.integers(1, 100), jumps=JUMPS)
def test_every_decision_that_passes_a_multiple_says_so_until_it_is_done(interval: int, jumps: list[int]) -> None:
    every, step = Every(interval), 0
    for jump in jumps:
        before, step = step, step + jump
        passed = [multiple for multiple in range(before + 1, step + 1) if multiple % interval == 0]
        for _ in range(2):
            assert every.due(step) == (passed[-1] if passed else None)
        if passed:
            every.done(passed[-1])
        assert every.due(step) is None and every.last == step // interval * interval


@given(worlds=st.integers(1, 30), factor=st.integers(0, 5), more=st.integers(0, 29), decisions=st.integers(1, 100))
def test_each_multiple_comes_exactly_once(worlds: int, factor: int, more: int, decisions: int) -> None:
    interval = worlds * (factor + 1) + more % worlds  # at least one decision of all worlds, divisible by them or not
    every = Every(interval)
    taken = sum(every.take(decision * worlds) for decision in range(1, decisions + 1))
    assert taken == decisions * worlds // interval


def test_nothing_is_due_at_the_beginning() -> None:
    every = Every(10)
    assert [every.take(step) for step in (0, 3, 9, 12, 18, 21)] == [False, False, False, True, False, True]


def test_a_restored_schedule_does_not_repeat_itself() -> None:
    every, restored, other = Every(10), Every(10), Every(7)
    every.take(25)
    restored.load_state_dict(every.state_dict())
    other.load_state_dict(every.state_dict())
    assert (restored.due(29), restored.due(31)) == (None, 30)
    assert (other.due(20), other.due(21)) == (None, 21), "of another interval"


@given(numerator=st.integers(1, 40), denominator=st.integers(1, 40), worlds=st.integers(1, 16))
def test_updates_are_neither_lost_nor_added(numerator: int, denominator: int, worlds: int) -> None:
    rate = Fraction(numerator, denominator)
    budget, total = UpdateBudget(float(rate)), 0
    for decision in range(1, 3 * denominator + 1):
        total += budget.due(worlds, decision * worlds)
        assert total == rate * worlds * decision // 1


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 40_000), (0.3, 120_000), (1.0, 400_000), (2.5, 1_000_000)])
def test_a_long_run_does_not_drift(rate: float, expected: int) -> None:
    budget = UpdateBudget(rate)
    assert sum(budget.due(4, 4 * (i + 1)) for i in range(100_000)) == expected


def test_a_restored_budget_owes_the_same() -> None:
    budget, restored = UpdateBudget(0.25), UpdateBudget(0.25)
    assert budget.due(3, 3) == 0
    restored.load_state_dict(budget.state_dict())
    assert restored.due(1, 4) == 1


def test_beyond_a_timestep_another_rate_holds_and_nothing_is_lost_there() -> None:
    budget = UpdateBudget(1.0, late=0.5, late_after=6)
    assert [budget.due(3, step) for step in (3, 6, 9, 12)] == [3, 3, 1, 2]
    resumed = UpdateBudget(1.0, late=0.25, late_after=6)
    resumed.load_state_dict(budget.state_dict())
    assert [resumed.due(4, step) for step in (16, 20)] == [1, 1]
