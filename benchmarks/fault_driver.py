#!/usr/bin/env python
"""Run `av-td3` with one fault in it; `fault_cases.py` lists what is injected, `faults.py` runs it.

    python benchmarks/fault_driver.py FAULT[=ARGUMENT] train --log-dir DIR ...
    python benchmarks/fault_driver.py resume          # run directories on standard input, one JSON line for each

A fault replaces exactly one function of the program, or asks the operating system for less (`largest-file`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.agents.td3 import TD3
from av_td3_system.cli import main
from av_td3_system.environments import earning
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.training.learner import Learner
from benchmarks.kill_sweep import killed_everywhere

BALLAST = "ballast"  # the file that fills a disk
PUNISHMENT = 200.0  # of each decision, where the reward collapses


def at_decision(number: int, happens: Callable[[Any], Any]) -> None:
    """What the training worlds give at that decision is changed by `happens`."""
    step, count = TownVectorEnv.step, [0]

    def patched(self: TownVectorEnv, actions: np.ndarray) -> Any:
        told = step(self, actions)
        count[0] += self.split == "train"
        return happens(told) if self.split == "train" and count[0] == number else told

    TownVectorEnv.step = patched  # type: ignore[method-assign]


def observation_is(value: float) -> Callable[[str], None]:
    """One number of one world's vector."""

    def change(told: Any) -> Any:
        told[0]["vector"][1, 0] = value
        return told

    return lambda argument: at_decision(int(argument), change)


def reward_is(value: float) -> Callable[[str], None]:
    """One world's reward."""

    def change(told: Any) -> Any:
        rewards = told[1].copy()
        rewards[1] = value
        return (told[0], rewards, *told[2:])

    return lambda argument: at_decision(int(argument), change)


def raises(argument: str) -> None:
    """The simulator, at that decision."""

    def fail(told: Any) -> Any:
        raise ValueError("a wheel came off")

    at_decision(int(argument), fail)


def hangs(argument: str) -> None:
    """The simulator, at that decision, in a call that no signal interrupts."""

    def hang(told: Any) -> Any:
        mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
        libc.pthread_mutex_lock(mutex)
        print("hangs now", file=sys.stderr, flush=True)
        libc.pthread_mutex_lock(mutex)

    at_decision(int(argument), hang)


class NoGradient(torch.autograd.Function):
    """The identity, with a gradient that is no number."""

    @staticmethod
    def forward(_: Any, value: torch.Tensor) -> torch.Tensor:
        """The value."""
        return value.clone()

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """NaN."""
        return gradient * math.nan


def at_update(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[str], None]:
    """The loss of that update is changed."""

    def install(argument: str) -> None:
        take, count = GradientStep.take, [0]

        def patched(self: GradientStep, loss: torch.Tensor, allowed: torch.Tensor) -> Any:
            count[0] += 1
            return take(self, change(loss) if count[0] == int(argument) else loss, allowed)

        GradientStep.take = patched  # type: ignore[method-assign]

    return install


def targets_run_away(argument: str) -> None:
    """Targets lie above what the critics believe, at every update."""
    target = TD3._target

    def patched(self: TD3, batch: Any) -> torch.Tensor:
        return target(self, batch) * float(argument) + float(argument)

    TD3._target = patched  # type: ignore[method-assign]


def reward_collapses(_: str) -> None:
    """Every decision is punished."""
    compute = earning.compute_reward

    def patched(*given: Any) -> Any:
        reward, terms = compute(*given)
        terms[:, 0] -= PUNISHMENT
        return reward - PUNISHMENT, terms

    earning.compute_reward = patched


def never_moves(_: str) -> None:
    """Full brake, whatever is wanted."""
    act = Learner.act

    def patched(self: Learner, observation: Any, exploring: bool) -> np.ndarray:
        return np.zeros_like(act(self, observation, exploring)) + np.array([0.0, -1.0], np.float32)

    Learner.act = patched  # type: ignore[method-assign]


def largest_file(argument: str) -> None:
    """No file may grow beyond so many bytes, from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(argument), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def fill(argument: str) -> None:
    """At that decision the run's file system is filled but for so many bytes (`decision:bytes`)."""
    decision, leave = map(int, argument.split(":"))

    def filled(told: Any) -> Any:
        place = Path(sys.argv[sys.argv.index("--log-dir") + 1]).parent
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        with open(place / BALLAST, "wb") as ballast, contextlib.suppress(OSError):
            for _ in range(max(0, free - leave) // 4096):
                ballast.write(bytes(4096))
                ballast.flush()
        return told

    at_decision(decision, filled)


def read_only(argument: str) -> None:
    """At that decision the folder of checkpoints cannot be written to any more."""

    def mount(told: Any) -> Any:
        folder = str(Path(sys.argv[sys.argv.index("--log-dir") + 1]) / "checkpoints")
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        return told

    at_decision(int(argument), mount)


FAULTS: dict[str, Callable[[str], None]] = {
    "none": lambda _: None,
    "nan-observation": observation_is(math.nan),
    "inf-observation": observation_is(math.inf),
    "nan-reward": reward_is(math.nan),
    "inf-reward": reward_is(-math.inf),
    "nan-loss": at_update(lambda loss: loss * math.nan),
    "nan-gradient": at_update(NoGradient.apply),
    "targets-run-away": targets_run_away,
    "reward-collapses": reward_collapses,
    "never-moves": never_moves,
    "raises": raises,
    "hangs": hangs,
    "largest-file": largest_file,
    "fill": fill,
    "read-only": read_only,
    "killed-everywhere": killed_everywhere,
}


def resume_all() -> None:
    """Go on with each run that is named on standard input, in this one process; say how on standard output."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the verbs print is for people
    for line in sys.stdin:
        code = main(["train", "--resume", *json.loads(line)])
        print(json.dumps({"exit_code": code}), file=out, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "resume":
        resume_all()
        sys.exit(0)
    name, _, argument = sys.argv[1].partition("=")
    FAULTS[name](argument)
    sys.exit(main(sys.argv[2:]))
