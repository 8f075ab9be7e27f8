"""Edges, windows, medians."""

from __future__ import annotations

import pytest

from av_td3_system.monitoring.conditions import CountWindow, Latch, RunningMedian, StepWindow


def _edges(latch: Latch, checks: str) -> list[int]:
    return [index for index, letter in enumerate(checks) if latch.update(letter == "x")]


@pytest.mark.parametrize(
    ("persistence", "checks", "edges"),
    [
        (1, "..xxxx..xx", [2, 8]),
        (3, "xx.xx.xxxxxx", [8]),
        (3, "xxx..xxxx", [2]),  # too short a break to arm it again
        (3, "xxx...xxx", [2, 8]),
        (2, "xx.x.x.x..xx", [1, 11]),
        (2, "x.x.x.x.x.", []),
    ],
)
def test_latch(persistence: int, checks: str, edges: list[int]) -> None:
    assert _edges(Latch(persistence), checks) == edges


@pytest.mark.parametrize("cut", range(1, 12))
def test_latch_survives_a_restart_at_any_check(cut: int) -> None:
    checks = "xxx..xx...xxxx"
    first, second = Latch(3), Latch(3)
    edges = _edges(first, checks[:cut])
    second.load_state_dict(first.state_dict())
    edges += [cut + index for index in _edges(second, checks[cut:])]
    assert edges == _edges(Latch(3), checks)


def test_count_window_waits_until_it_is_full() -> None:
    window = CountWindow(3)
    means = []
    for value in (1.0, 2.0, 6.0, 7.0):
        window.add(value)
        means.append(window.mean)
    assert means == [None, None, 3.0, 5.0]


def test_step_window_looks_back_in_steps() -> None:
    window = StepWindow(100)
    means = []
    for step, value in ((0, 0.0), (50, 2.0), (100, 4.0), (300, 9.0)):
        window.add(step, value)
        means.append(window.mean)
    assert means == [None, None, 3.0, 9.0]  # at 100: what was seen after step 0


def test_running_median_compares_with_what_came_before() -> None:
    median = RunningMedian(10)
    assert [median.of_earlier(value) for value in (1.0, 3.0, 20.0, 4.0)] == [None, None, 2.0, 3.0]
    zeros = RunningMedian(10)
    assert [zeros.of_earlier(0.0) for _ in range(5)] == [None] * 5
