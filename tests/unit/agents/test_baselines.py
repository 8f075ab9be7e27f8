"""Scripted drivers: what each can and cannot do, on few fixed episodes."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.agents.baselines import NAMES, make_policy
from av_td3_system.config.errors import UserError
from av_td3_system.environments.vector_env import TownVectorEnv
from tests.unit.environments.batches import drive, drive_quota, make_batch, town_config

SHORT = {"route_length": (150.0, 200.0)}


def success(policy: str, vehicles: int, episodes: int, **settings: object) -> float:
    env = TownVectorEnv(town_config(vehicles, **settings), 8, seed=1, split="validation")  # type: ignore[arg-type]
    seeds = [list(range(300 + w, 300 + episodes, 8)) for w in range(8)]
    return float(np.mean([record.success for record in drive_quota(env, policy, seeds)]))


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_gives_actions_in_range(name: str) -> None:
    env = make_batch(3)
    policy = make_policy(name, seed=1)
    for _ in range(20):
        actions = policy({}, env)
        assert actions.shape == (3, 2) and actions.dtype == np.float32 and np.abs(actions).max() <= 1.0
        env.step(actions)


@pytest.mark.parametrize("vehicles", [0, 20])
def test_the_privileged_driver_arrives(vehicles: int) -> None:
    assert success("privileged", vehicles, 16, environment=SHORT) == 1.0


def test_the_rule_driver_arrives_in_light_traffic() -> None:
    assert success("idm-mobil", 20, 24, environment=SHORT) >= 0.95


def test_a_driver_blind_to_traffic_does_not_get_through() -> None:
    assert success("pid-pursuit", 20, 32) <= 0.5
    assert success("pid-pursuit", 0, 8, environment=SHORT) == 1.0  # it is the traffic that stops it


@pytest.mark.parametrize("name", ["parked", "straight", "random"])
def test_trivial_policies_never_arrive(name: str) -> None:
    assert success(name, 20, 8, environment={"stuck_time": 10.0}) == 0.0


def test_scripted_drivers_keep_their_lane() -> None:
    env = make_batch(4, vehicles=0)
    lateral = []
    for _ in range(200):
        drive(env, "privileged", 1)
        lateral.append(np.abs(env.worlds.state["lateral"]))
    assert np.mean(lateral) < 0.25 and np.max(lateral) < 0.8


def test_random_actions_come_from_the_seed() -> None:
    env = make_batch(2)
    first, second, other = (make_policy("random", seed=s)({}, env) for s in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="psychic") as refusal:
        make_policy("psychic")
    assert "privileged" in str(refusal.value.hint)
