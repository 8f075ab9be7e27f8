"""The weighted sum."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import RewardConfig
from av_td3_system.rewards import TERMS, DrivingState, compute_reward, terms

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
    crossing_time=np.full(2, np.inf),
    line_gap=np.full(2, np.inf),
    took_way=np.zeros(2, np.bool_),
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


def test_the_kernel_computes_the_terms_to_the_bit() -> None:
    """Signed, huge, infinite and zero values, in the strided columns that the worlds' state gives."""
    rng = np.random.default_rng(0)
    table = np.zeros(4000, [(name, float) for name in DrivingState._fields])
    for name in DrivingState._fields:
        scale = rng.choice([0.0, 0.3, 3.0, 30.0, 3000.0], len(table))
        table[name] = scale * rng.standard_normal(len(table))
    table["lead_gap"][rng.random(len(table)) < 0.3] = np.inf
    table["lead_speed"][rng.random(len(table)) < 0.1] = table["speed"][0]
    state = DrivingState(**{name: table[name] for name in DrivingState._fields})
    state = state._replace(took_way=rng.random(len(table)) < 0.2)
    state = state._replace(ended_badly=rng.random(len(table)) < 0.1, best_now=np.ascontiguousarray(state.best_now))
    config = RewardConfig(crossing=0.7, right_of_way=3.0, approach=0.8, approach_speed=9.0, standstill_gap=1.2)
    reward, weighted = compute_reward(state, config, 8.33, 1.75)
    expected = [
        config.efficiency_weight
        * terms.efficiency(state.speed, 8.33, config.idle_speed, config.overspeed_slope, config.overspeed_limit),
        config.lane_keeping_weight * terms.lane_keeping(state.lateral, state.heading_error, 1.75),
        config.comfort_weight * terms.comfort(state.jerk, state.steer_rate, config.jerk_scale, config.steer_rate_scale),
        config.safety_weight
        * terms.safety(
            state.lead_gap,
            state.lead_speed,
            state.speed,
            state.crossing_time,
            state.took_way,
            state.ended_badly,
            config.time_to_collision,
            config.headway,
            config.standstill_gap,
            config.near_collision,
            config.crossing,
            config.crossing_horizon,
            config.right_of_way,
            config.terminal,
        )
        + config.safety_weight
        * terms.approach(state.line_gap, state.speed, config.approach, config.approach_speed / 3.6),
        config.progress_weight * terms.progress(state.best_before, state.best_now),
    ]
    assert np.array_equal(weighted, np.stack(expected, axis=1))
    assert np.array_equal(reward, weighted.sum(axis=1))
    assert all(len(np.unique(weighted[:, i])) > 100 for i in range(len(TERMS)))
