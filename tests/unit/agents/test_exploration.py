"""Warm-up noise moves the car and favours no side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from av_td3_system.agents.exploration import WIDEST, GaussianExploration, MotionExploration, WarmupExploration
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import ExplorationConfig

WIDE = ExplorationConfig(correlation_time=1.0, steer_std=0.2, throttle_mean=0.3, throttle_std=0.2)
STEER_STD = 0.2 * WIDEST / math.sqrt(3)  # over episodes whose amplitudes are uniform in [0, WIDEST]
SPREAD = 0.2 * math.sqrt(WIDEST**2 / 3)  # of steering over all worlds: amplitudes are uniform in [0, WIDEST]


def warmup(
    envs: int = 400, decision_s: float = 0.1, seed: int = 0, config: ExplorationConfig = WIDE
) -> WarmupExploration:
    return WarmupExploration(envs, config, decision_s, np.random.default_rng(seed))


def rollout(exploration: WarmupExploration, steps: int) -> np.ndarray:
    return np.stack([exploration.act() for _ in range(steps)])


def test_moves_forward_and_steers_to_both_sides_alike() -> None:
    actions = rollout(warmup(), 200)
    assert actions.dtype == np.float32
    assert actions.shape == (200, 400, 2)
    # 200 decisions of 0.1 s at a correlation time of 1 s are about 10 independent draws a world.
    assert abs(actions[..., 0].mean()) < 4 * SPREAD / math.sqrt(400 * 10)
    assert actions[..., 0].std() == pytest.approx(SPREAD, rel=0.07)
    assert actions[..., 1].mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("decision_s", [0.05, 0.1, 0.5])
def test_correlation_is_in_seconds_from_the_first_action_on(decision_s: float) -> None:
    actions = rollout(warmup(4000, decision_s), 6)[..., 0]
    for start in (0, 4):
        correlation = np.corrcoef(actions[start], actions[start + 1])[0, 1]
        assert correlation == pytest.approx(math.exp(-decision_s), abs=0.05)
        assert actions[start].std() == pytest.approx(SPREAD, rel=0.06)


def test_actions_stay_in_range() -> None:
    actions = rollout(warmup(config=ExplorationConfig(steer_std=3, throttle_std=3)), 50)
    assert np.abs(actions).max() == 1


def test_each_episode_has_a_steering_amplitude_of_its_own() -> None:
    spreads = rollout(warmup(300), 300)[..., 0].std(axis=0)
    assert np.quantile(spreads, 0.1) < 0.2 * WIDEST * 0.2
    assert np.quantile(spreads, 0.9) > 0.2 * WIDEST * 0.7


def test_reset_touches_only_its_worlds() -> None:
    exploration = warmup(3)
    before = exploration.state_dict()
    exploration.reset(np.array([True, False, True]))
    after = exploration.state_dict()
    for part in ("noise", "amplitude"):
        assert (after[part][1] == before[part][1]).all()
        assert (after[part][[0, 2]] != before[part][[0, 2]]).all()


def test_state_continues_the_process() -> None:
    rng = np.random.default_rng(4)
    exploration = WarmupExploration(3, WIDE, 0.1, rng)
    rollout(exploration, 10)
    state, random_state = exploration.state_dict(), rng.bit_generator.state
    expected = rollout(exploration, 10)
    other = np.random.default_rng(5)
    twin = WarmupExploration(3, WIDE, 0.1, other)
    twin.load_state_dict(state)
    other.bit_generator.state = random_state
    np.testing.assert_array_equal(rollout(twin, 10), expected)
    with pytest.raises(UserError, match="3 worlds"):
        warmup(4).load_state_dict(state)


def test_gaussian_noise_is_centred_and_clipped() -> None:
    exploration = GaussianExploration(0.1, np.random.default_rng(0))
    noisy = exploration.perturb(np.full((20_000, 2), 0.2, np.float32))
    assert noisy.mean() == pytest.approx(0.2, abs=0.005)
    assert noisy.std() == pytest.approx(0.1, rel=0.03)
    edge = exploration.perturb(np.ones((1000, 2), np.float32))
    assert edge.max() == 1
    assert edge.dtype == np.float32


def test_each_episode_has_an_amplitude_of_its_own() -> None:
    spreads = rollout(warmup(200), 400)[..., 0].std(axis=0)
    assert spreads.min() < 0.25 * spreads.max()


def test_motion_takes_the_pedal_and_leaves_the_steering() -> None:
    motion = MotionExploration(3, 1.0, 1000.0, np.random.default_rng(0))
    policy, moving = np.full((3, 2), -0.5, np.float32), np.full((3, 2), 0.9, np.float32)
    np.testing.assert_array_equal(motion.mix(policy, moving), np.array([[-0.5, 0.9]] * 3, np.float32))
    motion.reset(np.array([False, True, False]), learned_for=10**9)
    np.testing.assert_array_equal(motion.mix(policy, moving)[:, 1], np.array([0.9, -0.5, 0.9], np.float32))


def test_motion_share_halves_with_learning_alone() -> None:
    motion = MotionExploration(4000, 0.8, 1000.0, np.random.default_rng(0))
    for learned_for, share in ((0, 0.8), (1000, 0.4), (3000, 0.1)):
        motion.reset(np.ones(4000, bool), learned_for)
        assert motion.state_dict()["moving"].mean() == pytest.approx(share, abs=0.03)
