"""Driving pays more than creeping, creeping more than parking, parking more than crashing."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.agents.baselines import ConstantPolicy, Policy, make_policy
from av_td3_system.config.schema import RewardConfig
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.rewards import TERMS
from tests.unit.environments.batches import drive_quota, make_batch, town_config

WORLDS = 6
HORIZON = 890  # decisions: nearly all of a discounted return, and less than `stuck` takes


class Creep:
    """The privileged driver with the pedal taken back at walking pace."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._driver = make_policy("privileged")

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        actions = self._driver(observation, env)
        actions[env.worlds.state["ego_speed"] > self._speed, 1] = -0.1
        return actions


CRASHES = [ConstantPolicy(1.0, 1.0), ConstantPolicy(-1.0, 1.0)]


def start(moving: bool, vehicles: int) -> TownVectorEnv:
    env = make_batch(WORLDS, vehicles=vehicles, seed=3)
    driver = make_policy("privileged")
    for _ in range(40 if moving else 0):
        env.step(driver({}, env))
    return env


def first_returns(state: dict, policy: Policy, gamma: float, vehicles: int) -> np.ndarray:
    """Discounted return of each world from that state to the end of its episode, at most HORIZON decisions."""
    env = make_batch(WORLDS, vehicles=vehicles, seed=3)
    env.load_state_dict(state)
    total, running, discount = np.zeros(WORLDS), np.ones(WORLDS, bool), 1.0
    for _ in range(HORIZON):
        _, reward, terminated, truncated, _ = env.step(policy({}, env))
        total += np.where(running, discount * reward, 0.0)
        running &= ~(terminated | truncated)
        discount *= gamma
        if not running.any():
            break
    return total


@pytest.mark.parametrize("gamma", [0.97, 0.99])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("vehicles", [0, 10])
def test_discounted_order_from_the_same_states(gamma: float, moving: bool, vehicles: int) -> None:
    """Lesson: a reward in which parking was the best policy; waiting for ever was free."""
    state = start(moving, vehicles).state_dict()
    driving = first_returns(state, make_policy("privileged"), gamma, vehicles)
    creeping = first_returns(state, Creep(1.5), gamma, vehicles)
    parked = first_returns(state, make_policy("parked"), gamma, vehicles)
    crashing = np.max([first_returns(state, crash, gamma, vehicles) for crash in CRASHES], axis=0)
    if vehicles == 0:
        assert np.all(driving > creeping)
    assert driving.mean() > 1.3 * creeping.mean()  # whoever waits behind a stopped car gains nothing by speed
    assert np.all(creeping > parked) and np.all(parked > crashing)


def test_episode_order_good_driver_creeping_parked_crashing() -> None:
    rewards = {}
    for name, policy in {
        "good": make_policy("privileged"),
        "creeping": Creep(1.5),
        "parked": make_policy("parked"),
        "crash": ConstantPolicy(1.0, 1.0),
    }.items():
        env = TownVectorEnv(town_config(10), WORLDS, seed=1, split="validation")
        records = drive_quota(env, policy, [[100 + w] for w in range(WORLDS)])
        rewards[name] = np.array([record.episode_reward for record in records])
        if name == "good":
            assert all(record.success for record in records) and np.all((rewards[name] > 480) & (rewards[name] < 760))
    assert rewards["good"].min() > rewards["creeping"].max() > rewards["parked"].max()
    assert rewards["crash"].max() < 0.0


def test_no_term_but_progress_dominates_and_the_others_stay_small() -> None:
    """Lesson: one term made 76-93 % of the total."""
    env = TownVectorEnv(town_config(20), WORLDS, seed=1, split="validation")
    records = drive_quota(env, "privileged", [[200 + w] for w in range(WORLDS)])
    for record in records:
        total = sum(abs(value) for value in record.reward_terms.values())
        for name in TERMS:
            share = abs(record.reward_terms[name]) / total
            assert share > 0.85 if name == "progress" else share < 0.1
        others = record.episode_reward - record.reward_terms["progress"]
        assert -0.1 < others / record.length <= 0.0


def test_one_decision_is_worth_a_few_units_at_most() -> None:
    env = make_batch(4, vehicles=20)
    rng = np.random.default_rng(0)
    config = RewardConfig()
    for _ in range(100):
        _, reward, _, _, infos = env.step(rng.uniform(-1, 1, (4, 2)).astype(np.float32))
        assert np.all(np.abs(reward[~infos["return_ends"]]) < 5.0)
        assert np.all(reward > -config.terminal - 5.0)
