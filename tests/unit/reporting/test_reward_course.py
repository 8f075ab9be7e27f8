"""Windows and outcomes of a run: nothing lost, nothing counted twice, shares of pooled sums."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.environments.episode import OUTCOMES
from av_td3_system.monitoring.names import REWARD_COMPONENTS
from av_td3_system.reporting.reward_course import by_outcome, over_time, render_course
from av_td3_system.reporting.reward_reading import RewardReading, read_terms
from tests.records import make_episode

amounts = st.floats(-600, 600, allow_nan=False).filter(lambda value: abs(value) > 1e-6)
paid = st.fixed_dictionaries(dict.fromkeys(REWARD_COMPONENTS, amounts))


@st.composite
def runs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Lines of `episodes.jsonl`, steps rising."""
    steps = sorted(draw(st.lists(st.integers(1, 3000), min_size=1, max_size=25)))
    return [
        {
            "step": step,
            "outcome": draw(st.sampled_from(OUTCOMES)),
            "reward_terms": terms,
            "episode_reward": sum(terms.values()),
        }
        for step, terms in ((step, draw(paid)) for step in steps)
    ]


@given(runs(), st.integers(1, 12))
def test_windows_and_outcomes_add_up_to_the_run(lines: list[dict[str, Any]], count: int) -> None:
    whole, windows = read_terms(lines), over_time(lines, count)
    for parts in ([window.reading for window in windows if window.reading], list(by_outcome(lines).values())):
        assert sum(part.episodes for part in parts) == whole.episodes
        for name in REWARD_COMPONENTS:
            pooled = sum(part.terms[name] * part.episodes for part in parts)
            assert pooled == pytest.approx(whole.terms[name] * whole.episodes, abs=1e-6)


@given(runs(), st.integers(1, 12))
def test_shares_sum_to_one_everywhere(lines: list[dict[str, Any]], count: int) -> None:
    readings: list[RewardReading | None] = [window.reading for window in over_time(lines, count)]
    for reading in (*readings, *by_outcome(lines).values()):
        if reading is not None and any(abs(value) > 0 for value in reading.terms.values()):
            assert sum(reading.shares.values()) == pytest.approx(1.0)
            assert all(0 <= share <= 1 for share in reading.shares.values())


@given(runs(), st.integers(1, 12))
def test_windows_are_equal_and_hold_what_ended_in_them(lines: list[dict[str, Any]], count: int) -> None:
    windows, last = over_time(lines, count), lines[-1]["step"]
    assert (windows[0].after, windows[-1].until) == (0, last)
    assert all(earlier.until == later.after for earlier, later in itertools.pairwise(windows))
    widths = [window.until - window.after for window in windows]
    assert max(widths) - min(widths) <= 1 and min(widths) >= 1
    for window in windows:
        inside = [line["step"] for line in lines if window.after < line["step"] <= window.until]
        assert (window.reading.episodes if window.reading else 0) == len(inside)


def test_each_window_and_outcome_is_read_by_itself() -> None:
    crash = {"safety": -20.0, "progress": 5.0, "efficiency": -1.0}
    drive = {"safety": 0.0, "progress": 600.0, "efficiency": -1.0}
    lines = [{"step": 10 * (k + 1), **make_episode(reward_terms=crash).to_dict()} for k in range(5)]
    lines += [
        {"step": 50 + 10 * (k + 1), **make_episode(reward_terms=drive, outcome="goal_reached").to_dict()}
        for k in range(5)
    ]
    early, late = over_time(lines, 2)
    assert early.reading is not None and late.reading is not None
    assert "safety dominates" in early.reading.signs
    assert late.reading.signs == ["balanced"]
    outcomes = by_outcome(lines)
    assert {outcome: reading.signs[0] for outcome, reading in outcomes.items()} == {
        "collision": "safety dominates",
        "goal_reached": "balanced",
    }
    table = render_course([early, late], outcomes).splitlines()
    assert table[1].split()[:3] == ["1-50", "5", "200.0"]
    assert table[2].split()[0] == "51-100"
    assert "terminal penalty" in table[-1]


def test_a_window_without_an_end_of_an_episode_is_empty() -> None:
    line = {"step": 1000, **make_episode().to_dict()}
    windows = over_time([line], 4)
    assert [window.reading is None for window in windows] == [True, True, True, False]
    assert render_course(windows, by_outcome([line])).splitlines()[1].split() == ["1-250", "0"]
