#!/usr/bin/env python
"""Compiles the simulator's and the replay's kernels by using each once; they are cached (kernel_cache.py).

`make setup` runs it, so that the first training run does not spend its time compiling.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from av_td3_system.agents.baselines import NAMES, make_policy
from av_td3_system.config.load import load_config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.replay.frame_replay import FrameReplay

WORLDS, DECISIONS, BATCH = 2, 12, 4


def main() -> None:
    """Drive a few decisions with every scripted driver, store them, sample a batch."""
    config = load_config()
    env = TownVectorEnv(config, WORLDS, seed=0, surroundings=True)
    for name in NAMES:
        _drive(env, make_policy(name))
    camera, agent = config.camera, config.agent
    observation, _ = env.reset(seed=0)
    replay = FrameReplay(
        capacity=1000,
        num_envs=WORLDS,
        image_shape=(camera.height, camera.width),
        stack=camera.stack,
        vector_dim=observation["vector"].shape[1],
        n_step=agent.n_step,
        gamma=agent.gamma,
        rng=np.random.default_rng(0),
    )
    _drive(env, make_policy("straight"), replay)
    replay.sample(BATCH)


def _drive(env: TownVectorEnv, policy: object, replay: FrameReplay | None = None) -> None:
    observation, _ = env.reset(seed=0)
    for _ in range(DECISIONS):
        actions = policy(observation, env)  # type: ignore[operator]
        following, rewards, terminated, truncated, infos = env.step(actions)
        if replay is not None:
            replay.add(
                observation["image"][:, -1],
                observation["vector"],
                actions,
                rewards,
                infos["return_ends"],
                terminated | truncated,
                following["image"][:, -1],
                following["vector"],
            )
        observation = following


if __name__ == "__main__":
    main()
