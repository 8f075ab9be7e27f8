"""The weighted sum."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import RewardConfig
from av_td3_system.rewards import TERMS, DrivingState, compute_reward

ZERO = np.zeros(2)
GOOD = DrivingState(
    best_before=np.array([10.0, 10.0]),
    best_now=np.array([10.8, 10.8]),
    speed=np.array([8.0, 8.0]),
    lateral=ZERO,
    heading_error=ZERO,
    jerk=ZERO,
    steer_rate=ZERO,
    lead_gap=np.full(2, np.inf),
    lead_speed=ZERO,
    ended_badly=np.array([False, True]),
)


def test_reward_is_the_sum_of_its_weighted_terms_and_progress_is_paid_by_the_metre() -> None:
    config = RewardConfig()
    reward, weighted = compute_reward(GOOD, config, 8.33, 1.75)
    assert weighted.shape == (2, len(TERMS)) and np.array_equal(reward, weighted.sum(axis=1))
    assert np.isclose(reward[0], 0.8 * config.progress_weight)
    assert np.isclose(reward[1], 0.8 * config.progress_weight - config.terminal)


def test_it_is_pure() -> None:
    copies = [np.copy(field) for field in GOOD]
    first = compute_reward(GOOD, RewardConfig(), 8.33, 1.75)
    second = compute_reward(GOOD, RewardConfig(), 8.33, 1.75)
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert all(np.array_equal(a, b) for a, b in zip(copies, GOOD, strict=True))


def test_every_weight_scales_its_own_term() -> None:
    state = GOOD._replace(speed=np.array([0.0, 9.0]), lateral=np.ones(2), jerk=np.full(2, 20.0), lead_gap=np.ones(2))
    base = compute_reward(state, RewardConfig(), 8.33, 1.75)[1]
    for i, name in enumerate(TERMS):
        config = RewardConfig.model_validate({f"{name}_weight": 2.0 * getattr(RewardConfig(), f"{name}_weight")})
        scaled = compute_reward(state, config, 8.33, 1.75)[1]
        assert np.allclose(scaled[:, i], 2.0 * base[:, i]) and not np.allclose(base[:, i], 0.0)
        assert np.allclose(np.delete(scaled, i, 1), np.delete(base, i, 1))
