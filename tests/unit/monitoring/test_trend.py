"""Falling rewards halt, noise does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.guards import Guards
from av_td3_system.monitoring.trend import RewardTrend, kendall_tau

CONFIG = GuardConfig()


def _run(mean_at: np.ndarray, *, noise: float, seed: int, every: int = 500) -> list[Alert]:
    """Episodes every 500 timesteps, of the given mean reward a check, with noise."""
    rng = np.random.default_rng(seed)
    trend = RewardTrend(CONFIG)
    alerts = []
    for index, mean in enumerate(mean_at, start=1):
        step = 100 * index
        rewards = [float(mean + rng.normal(0, noise))] if step % every == 0 else []
        alerts += trend.update(step, rewards)
    return alerts


def _halts(alerts: list[Alert]) -> list[int]:
    return [alert.step for alert in alerts if alert.severity == "halt"]


def test_kendall_tau_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.normal(size=10).tolist()
        assert kendall_tau(values) == pytest.approx(stats.kendalltau(range(10), values).statistic)


def test_a_steady_fall_over_100k_halts_once() -> None:
    alerts = _run(np.linspace(500, 100, 1500), noise=60, seed=1)
    assert len(_halts(alerts)) == 1
    assert 100_000 <= _halts(alerts)[0] <= 130_000


def test_one_drop_is_not_a_lasting_fall() -> None:
    means = np.concatenate([np.full(1200, 500.0), np.full(1800, 300.0)])
    assert _halts(_run(means, noise=0, seed=1)) == []


def test_a_small_steady_decline_of_a_good_policy_does_not_halt() -> None:
    assert _halts(_run(np.linspace(600, 575, 2000), noise=1, seed=1)) == []


def test_a_million_noisy_steps_without_a_trend_rarely_halt() -> None:
    """Of 40 healthy 1M runs (spread of an episode's reward 250), at most two are halted by chance."""
    halted = sum(bool(_halts(_run(np.full(10_000, 500.0), noise=250, seed=seed))) for seed in range(40))
    assert halted <= 2


def test_no_improvement_is_judged_every_100k_with_a_margin_of_10() -> None:
    means = np.concatenate([np.full(1000, 100.0), np.full(1000, 95.0), np.full(1000, 85.0), np.full(1000, 200.0)])
    warnings = [alert for alert in _run(means, noise=0, seed=0) if alert.name == "no_improvement"]
    assert [(alert.step, alert.value, alert.threshold) for alert in warnings] == [(300_000, 85.0, 90.0)]
    assert warnings[0].message.startswith("No improvement in last 100K steps")


def test_blocks_without_an_episode_give_no_trend() -> None:
    assert _halts(_run(np.linspace(500, 100, 3000), noise=0, seed=0, every=25_000)) == []


def test_a_restart_changes_nothing() -> None:
    means = np.linspace(500, 100, 1500)
    whole, before, after = RewardTrend(CONFIG), RewardTrend(CONFIG), RewardTrend(CONFIG)
    expected, seen = [], []
    for index, mean in enumerate(means, start=1):
        rewards = [float(mean)] if index % 7 == 0 else []
        expected += whole.update(100 * index, rewards)
        if index == 777:
            after.load_state_dict(before.state_dict())
        seen += (before if index < 777 else after).update(100 * index, rewards)
    assert seen == expected
    assert _halts(seen)


def test_a_fall_that_goes_on_after_a_resume_halts_again() -> None:
    guards = Guards(CONFIG)
    halts: list[int] = []
    for step in range(500, 160_001, 500):
        guards.observe(names.EPISODE_REWARD, 600.0 - step / 400.0)
        halts += _halts(guards.check(step, {}))
    assert len(halts) == 1
    resumed = Guards(CONFIG)
    resumed.load_state_dict(guards.state_dict())
    again: list[int] = []
    for step in range(160_500, 200_001, 500):
        resumed.observe(names.EPISODE_REWARD, 600.0 - step / 400.0)
        again += _halts(resumed.check(step, {}))
    assert len(again) == 1
