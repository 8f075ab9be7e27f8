"""Batches of town worlds for tests: without rendering unless asked for, in any traffic."""

from __future__ import annotations

from typing import Any

import numpy as np

from av_td3_system.agents.baselines import Policy, make_policy
from av_td3_system.config.schema import Config
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.environments.vector_env import TownVectorEnv


def town_config(
    vehicles: int = 20, *, camera: bool = False, environment: dict[str, Any] | None = None, **traffic: Any
) -> Config:
    """Settings with that many other vehicles; small frames, black unless `camera`."""
    return Config.model_validate(
        {
            "environment": {"blank_image": not camera, **(environment or {})},
            "camera": {"width": 32, "height": 32},
            "traffic": {"vehicles": (vehicles, vehicles, vehicles), **traffic},
        }
    )


def make_batch(num_envs: int = 4, *, seed: int = 5, split: str = "train", **settings: Any) -> TownVectorEnv:
    """A reset batch of worlds under `town_config(**settings)`."""
    env = TownVectorEnv(town_config(**settings), num_envs, seed=seed, split=split)
    env.reset()
    return env


def drive(env: TownVectorEnv, policy: str | Policy, decisions: int) -> tuple[np.ndarray, list[EpisodeRecord]]:
    """Rewards (decisions, N) and the records of the episodes that ended."""
    driver = make_policy(policy) if isinstance(policy, str) else policy
    observation = {"image": env.view.frames, "vector": env._vector}
    rewards, records = [], []
    for _ in range(decisions):
        observation, reward, _, _, infos = env.step(driver(observation, env))
        rewards.append(reward)
        records += [record for record in infos["episodes"] if record is not None]
    return np.array(rewards), records


def drive_quota(env: TownVectorEnv, policy: str | Policy, seeds: list[list[int]]) -> list[EpisodeRecord]:
    """The records of an assigned quota of episodes, driven to its end."""
    env.assign_episodes(seeds)
    observation, _ = env.reset()
    driver = make_policy(policy) if isinstance(policy, str) else policy
    records = []
    while env.active.any():
        observation, _, _, _, infos = env.step(driver(observation, env))
        records += [record for record in infos["episodes"] if record is not None]
    return records


def same_worlds(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays (or two records) of worlds are equal to the bit in every column."""
    return all(np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes() for name in a.dtype.names or ())
