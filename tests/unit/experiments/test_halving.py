"""Arithmetic of successive halving."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.experiments.halving import entering, kept, survivors, timesteps

VALUES = st.dictionaries(
    st.integers(0, 100), st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf]), max_size=40
)
REDUCTIONS = st.integers(2, 5)


def test_the_plan_grid_on_the_ladder() -> None:
    assert entering(27, 3, 3) == [27, 9, 3]
    assert timesteps([27, 9, 3], [2500, 5000, 10_000]) == 27 * 2500 + 9 * 2500 + 3 * 5000


def test_of_equal_ones_the_first_goes_on() -> None:
    assert survivors({3: 1.0, 1: 1.0, 2: 0.0}, 3) == [1]


@given(VALUES, REDUCTIONS)
def test_as_many_as_may_and_none_that_failed(values: dict[int, float | None], reduction: int) -> None:
    going = survivors(values, reduction)
    sound = {number for number, value in values.items() if value is not None and math.isfinite(value)}
    assert set(going) <= sound and len(set(going)) == len(going)
    assert len(going) == min(len(sound), kept(len(values), reduction))


@given(VALUES, REDUCTIONS)
def test_nobody_left_behind_is_better_than_one_who_goes_on(values: dict[int, float | None], reduction: int) -> None:
    going = survivors(values, reduction)
    left = [v for n, v in values.items() if n not in going and v is not None and math.isfinite(v)]
    assert not going or not left or min(values[n] for n in going) >= max(left)  # type: ignore[type-var]


@given(VALUES, REDUCTIONS, st.randoms(use_true_random=False))
def test_who_arrived_first_does_not_matter(
    values: dict[int, float | None], reduction: int, luck: random.Random
) -> None:
    arrived = list(values.items())
    luck.shuffle(arrived)
    assert survivors(dict(arrived), reduction) == survivors(values, reduction)


@given(st.integers(1, 200), st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True), REDUCTIONS)
def test_timesteps_add_up_trial_by_trial(trials: int, rungs: list[int], reduction: int) -> None:
    rungs.sort()
    counts = entering(trials, len(rungs), reduction)
    assert counts[0] == trials and counts == sorted(counts, reverse=True) and counts[-1] >= 1
    ends = [sum(count > trial for count in counts) for trial in range(trials)]  # rungs that each comes to
    assert timesteps(counts, rungs) == sum(rungs[end - 1] for end in ends)
