#!/usr/bin/env python
"""Compiles the simulator's and the replay's kernels by using each once; they are cached (kernel_cache.py).

`make setup` runs it, so that the first training run does not spend its time compiling. What draws and what drives is
compiled by a process each, at the same time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from av_td3_system.agents.baselines import NAMES, make_policy
from av_td3_system.config.load import load_config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight
from av_td3_system.town.fleet import BODY, CONTACT, drive_fleet

WORLDS, DECISIONS, BATCH = 2, 12, 4


PARTS = {"drawing": False, "driving": True}  # is the camera blank


def main() -> None:
    """Both parts beside each other, then whatever neither has compiled."""
    if len(sys.argv) > 1:
        compile_part(sys.argv[1])
        return
    parts = [subprocess.Popen([sys.executable, __file__, name]) for name in PARTS]
    codes = [part.wait() for part in parts]
    if any(codes):
        sys.exit("error: the kernels could not be compiled; see above")
    drive()


def compile_part(name: str) -> None:
    """Draw one picture of worlds that have not begun, or drive without drawing."""
    if PARTS[name]:
        drive("environment.blank_image=true", "reward.crossing=0.5", "reward.approach=0.5")
        return
    env = TownVectorEnv(load_config(overrides=["environment.erase_leader=true"]), WORLDS, seed=0)
    env.view.fill(env.worlds, np.ones(WORLDS, np.bool_))


def drive(*settings: str) -> None:
    """Drive a few decisions with every scripted driver, store them, sample batches."""
    config = load_config(overrides=settings)
    drive_fleet(np.zeros(1, BODY), np.zeros((0, 5)), np.zeros(1, CONTACT), 0.05)
    env = TownVectorEnv(config, WORLDS, seed=0, surroundings=True)
    for name in NAMES:
        _drive(env, make_policy(name))
    _remember(env, Sampling())
    _remember(env, Sampling(priority_exponent=0.4, failure_share=0.5, failure_decisions=2))


def _remember(env: TownVectorEnv, sampling: Sampling) -> None:
    """Store decisions as a run does, one of them the last of its episode, and draw from them."""
    camera, agent = env.config.camera, env.config.agent
    observation, _ = env.reset(seed=0)
    shape = ReplayShape(
        capacity=1000,
        num_envs=WORLDS,
        image_shape=(camera.height, camera.width),
        stack=camera.stack,
        vector_dim=observation["vector"].shape[1],
        n_step=agent.n_step,
        gamma=agent.gamma,
        frame_interval=camera.frame_interval,
        sampling=sampling,
    )
    replay = FrameReplay(shape, np.random.default_rng(0))
    _drive(env, make_policy("straight"), replay)
    replay.sample(BATCH)
    if sampling.priority_exponent is not None:
        replay.prioritize(replay.drawn, np.ones(BATCH, np.float32))


def _drive(env: TownVectorEnv, policy: object, replay: FrameReplay | None = None) -> None:
    observation, _ = env.reset(seed=0)
    for decision in range(DECISIONS):
        failed = np.full(WORLDS, decision == DECISIONS // 2)  # a failure is needed for what favours failures
        actions = policy(observation, env)  # type: ignore[operator]
        following, rewards, terminated, truncated, infos = env.step(actions)
        if replay is not None:
            seen, last = (Sight(one["image"][:, -1], one["vector"]) for one in (observation, following))
            ends, over = infos["return_ends"] | failed, terminated | truncated | failed
            replay.add(seen, actions, rewards, ends, over, last)
        observation = following


if __name__ == "__main__":
    main()
