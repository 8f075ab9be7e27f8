"""The protocol drives exactly the episodes it is given, whatever the number of worlds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.load import load_config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.protocol import deal, evaluate_policy

SEEDS = [10_000, 10_003, 10_001, 10_007, 10_002]


def _env(num_envs: int, *overrides: str) -> TownVectorEnv:
    small = ["camera.width=16", "camera.height=16", *overrides]
    return TownVectorEnv(load_config(overrides=small), num_envs, seed=0, split="validation")


def test_seeds_are_dealt_before_anything_is_driven() -> None:
    assert deal([1, 2, 3, 4, 5], 2) == [[1, 3, 5], [2, 4]]
    assert deal([1], 3) == [[1], [], []]


def test_each_episode_is_driven_once_and_returned_in_order() -> None:
    records = evaluate_policy(make_policy("straight"), _env(2), SEEDS)
    assert [record.episode_seed for record in records] == SEEDS
    assert len({record.route_length for record in records}) == len(SEEDS), "different episodes are different routes"


def test_the_number_of_worlds_changes_no_figure() -> None:
    one = evaluate_policy(make_policy("pid-pursuit"), _env(1), SEEDS[:3])
    many = evaluate_policy(make_policy("pid-pursuit"), _env(7), SEEDS[:3])
    assert one == many


def test_an_environment_can_be_used_again() -> None:
    env = _env(2)
    first = evaluate_policy(make_policy("straight"), env, SEEDS)
    assert evaluate_policy(make_policy("straight"), env, SEEDS) == first


def test_short_episodes_are_not_favoured() -> None:
    """A quota per world: the first five to finish of many would be the five shortest."""
    env = _env(5)
    records = evaluate_policy(make_policy("straight"), env, SEEDS)
    assert {record.episode_seed for record in records} == set(SEEDS)
    assert not env.active.any()


def test_the_same_episode_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="repeat"):
        evaluate_policy(make_policy("straight"), _env(1), [1, 1])


def test_no_episode_is_no_drive() -> None:
    assert evaluate_policy(make_policy("straight"), _env(1), []) == []


class _Watching:
    """Drives straight and remembers what it is told."""

    def __init__(self) -> None:
        self.begun: list[np.ndarray] = []

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        return np.tile(np.array([0.0, 0.5], np.float32), (env.num_envs, 1))

    def reset(self, mask: np.ndarray) -> None:
        self.begun.append(mask.copy())


def test_policies_with_state_are_told_when_an_episode_begins() -> None:
    policy = _Watching()
    evaluate_policy(policy, _env(2), SEEDS[:3])
    assert policy.begun[0].tolist() == [True, True]
    assert sum(int(mask.sum()) for mask in policy.begun[1:]) == 3, "once for every episode that ended"


def test_progress_and_observer_see_everything() -> None:
    told: list[tuple[int, int]] = []
    decisions: list[int] = []
    rewards = np.zeros(2)

    def observer(
        observation: dict[str, np.ndarray],
        actions: np.ndarray,
        reward: np.ndarray,
        active: np.ndarray,
        over: np.ndarray,
        infos: dict[str, Any],
    ) -> None:
        decisions.append(int(active.sum()))
        rewards[:] += reward
        assert not (over & ~active).any()

    records = evaluate_policy(
        make_policy("straight"),
        _env(2),
        SEEDS,
        progress=lambda done, total: told.append((done, total)),
        observer=observer,
    )
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert sum(decisions) == sum(record.length for record in records)
    assert rewards.sum() == pytest.approx(sum(record.episode_reward for record in records))
