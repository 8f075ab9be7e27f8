"""Episode seeds: fixed for evaluation, apart from those of training."""

from __future__ import annotations

from av_td3_system.environments.seeding import episode_seed, fixed_seeds


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
