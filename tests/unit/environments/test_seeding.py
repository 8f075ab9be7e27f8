"""Episode seeds: fixed for evaluation, apart from those of training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.environments.seeding import episode_of, episode_seed, fixed_seeds, spelled_out


def test_no_training_seed_is_an_evaluation_seed() -> None:
    training = {
        episode_seed(seed, split, w, k) for seed in (0, 42) for split in (0, 1) for w in range(8) for k in range(50)
    }
    assert len(training) == 2 * 2 * 8 * 50  # all different
    assert min(training) >= 2**32 and max(training) < 2**63
    assert not training & set(fixed_seeds(10_000, 5_000))
    assert max(fixed_seeds(2**31 - 1, 1000)) < 2**32


def test_fixed_seeds_are_consecutive() -> None:
    assert fixed_seeds(7, 3) == [7, 8, 9]


@given(st.integers(0, 2**28 - 1), st.integers(0, 2**28 - 1), st.integers(0, 63))
def test_an_episode_that_is_spelled_out_is_read_back(route: int, traffic: int, weather: int) -> None:
    seed = spelled_out(route, traffic, weather)
    assert -(2**63) <= seed < 0
    assert episode_of(seed) == (route, route << 28 | traffic, weather)


def test_a_seed_at_or_above_0_is_the_seed_of_everything() -> None:
    for seed in (0, 10_000, 2**62 + 5):
        assert episode_of(seed) == (seed, seed, None)


@pytest.mark.parametrize("parts", [(-1, 0, 0), (2**28, 0, 0), (0, -1, 0), (0, 2**28, 0), (0, 0, 64), (0, 0, -1)])
def test_what_a_seed_has_no_room_for_is_refused(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no seed has room"):
        spelled_out(*parts)
