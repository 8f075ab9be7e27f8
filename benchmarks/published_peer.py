#!/usr/bin/env python
"""One training run of Stable-Baselines3's TD3 or DDPG with given settings; one line of JSON on standard output.

Runs in any interpreter that has stable-baselines3 and the environment; knows nothing of this package.

    python published_peer.py '{"env": "Hopper-v5", ...}'    # published_cases.peer_task
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DDPG, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise


class Evaluations(BaseCallback):
    """Plays the fixed episodes with the deterministic policy every so many timesteps."""

    def __init__(self, task: dict[str, Any]) -> None:
        super().__init__()
        self._task = task
        self._envs = [gymnasium.make(task["env"]) for _ in task["episode_seeds"]]
        self.curve: list[dict[str, Any]] = []
        self.seconds = 0.0

    def _on_step(self) -> bool:
        if self.num_timesteps % self._task["eval_freq"] == 0:
            begun = time.perf_counter()
            self.curve.append({"step": self.num_timesteps, "rewards": self._play()})
            self.seconds += time.perf_counter() - begun
            print(f"{self.num_timesteps} {np.mean(self.curve[-1]['rewards']):.1f}", file=sys.stderr)
        return True

    def _play(self) -> list[float]:
        seeds = self._task["episode_seeds"]
        seen = np.array([env.reset(seed=seed)[0] for env, seed in zip(self._envs, seeds, strict=True)])
        rewards, running = np.zeros(len(seeds)), np.ones(len(seeds), bool)
        while running.any():
            actions, _ = self.model.predict(seen[running], deterministic=True)
            for k, action in zip(np.flatnonzero(running), actions, strict=True):
                seen[k], reward, terminated, truncated, _ = self._envs[k].step(action)
                rewards[k] += float(reward)
                running[k] = not (terminated or truncated)
        return rewards.tolist()


def make_model(task: dict[str, Any]) -> TD3:
    """The other implementation's agent with our settings."""
    env = gymnasium.make(task["env"])
    same = {name: task[name] for name in ("learning_rate", "buffer_size", "learning_starts", "batch_size")}
    same |= {name: task[name] for name in ("tau", "gamma", "gradient_steps", "seed")}
    noise = NormalActionNoise(
        np.zeros(env.action_space.shape), np.full(env.action_space.shape, task["exploration_noise"])
    )
    same |= {"action_noise": noise, "train_freq": (1, "step"), "device": "cpu"}
    same |= {"policy_kwargs": {"net_arch": task["net_arch"]}}
    if task["algo"] == "ddpg":
        return DDPG("MlpPolicy", env, **same)
    smoothing = {"target_policy_noise": task["policy_noise"], "target_noise_clip": task["noise_clip"]}
    return TD3("MlpPolicy", env, policy_delay=task["policy_delay"], **smoothing, **same)


def main() -> None:
    """Train, evaluate and tell."""
    task = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    begun = time.perf_counter()
    model, evaluations = make_model(task), Evaluations(task)
    model.learn(task["steps"], callback=evaluations)
    packages = ("stable-baselines3", "torch", "gymnasium", "numpy", "mujoco")
    result = {
        "curve": evaluations.curve,
        "wall_clock_s": round(time.perf_counter() - begun, 1),
        "evaluation_s": round(evaluations.seconds, 1),
        "versions": {"python": sys.version.split()[0], **{name: _version(name) for name in packages}},
    }
    print(json.dumps(result))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:  # its own PackageNotFoundError is one
        return None


if __name__ == "__main__":
    main()
