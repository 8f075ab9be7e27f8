#!/usr/bin/env python
"""One measurement of a learner in a process of its own: gradient updates a second from camera stacks.

    learner_cases.py '{"learner": "preset", "batch": 256, "threads": 2, "bfloat16": true, "seconds": 8}'

Batches are drawn from a replay of random frames, and that is part of an update. Ours is a run's own `Learner`;
`sb3` is Stable-Baselines3's `TD3("CnnPolicy")` with the same convolutions, features and hidden widths, its two
critics and its actor with an encoder each shared as it does by default (one for the actor, one for both critics).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from av_td3_system.training.learner import Learner

SIDE, STACK, WORLDS = 84, 4, 4  # pixels, frames, parallel worlds
STORED = 4096  # transitions in the replay
PAPER = "td3_paper.yaml"
LEARNERS: dict[str, dict[str, Any]] = {
    "preset": {},
    "separate": {"files": [PAPER]},
    "shared": {"files": [PAPER], "overrides": ["network.shared_encoder=true"]},
}
SETTLE = 10  # updates before the clock starts
BLOCK = 10  # updates between two looks at the clock


def main() -> None:
    """Measure the case that the argument describes; JSON on standard output."""
    case = json.loads(sys.argv[1])
    measured = stable_baselines(case) if case["learner"] == "sb3" else ours(case)
    print(json.dumps(case | measured))


def ours(case: dict[str, Any]) -> dict[str, Any]:
    """Updates a second of a run's learner, its batches drawn in between; and of drawing alone."""
    import numba
    import torch

    from av_td3_system.networks.precision import keep_memory, supports_bfloat16

    torch.set_num_threads(case["threads"])
    numba.set_num_threads(min(case["threads"], numba.config.NUMBA_NUM_THREADS))
    torch.set_float32_matmul_precision("medium")  # as `train` does
    keep_memory()
    learner = filled_learner(case)
    device = learner.agent.device
    together = learner.config.agent.policy_delay
    drawn = 0.0

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def update() -> int:
        nonlocal drawn
        begin = time.perf_counter()
        batch = learner.sample(together)
        drawn += time.perf_counter() - begin
        learner.agent.learn(batch, together)
        begin = time.perf_counter()
        learner.learned()
        drawn += time.perf_counter() - begin
        return together

    rate = updates_a_second(update, case["seconds"], wait)
    drawn, begin = 0.0, time.perf_counter()
    for _ in range(2 * BLOCK):
        update()
    wait()
    share = drawn / (time.perf_counter() - begin)
    fast = learner.config.agent.bfloat16 and supports_bfloat16(device)
    told = {"sampling_share": round(share, 3), "multiplies_bfloat16": fast}
    return {**rate, **told, "gflop_an_update": operations(case)}


def filled_learner(case: dict[str, Any]) -> Learner:
    """A run's learner with `STORED` random transitions in its replay."""
    import numpy as np

    from av_td3_system.config.load import load_config
    from av_td3_system.replay.sight import Sight
    from av_td3_system.training.learner import Learner
    from av_td3_system.training.worlds import shapes_of

    flags = {"agent.batch_size": case["batch"], "agent.bfloat16": case["bfloat16"], "replay.capacity": STORED}
    flags |= {"run.device": case.get("device", "cpu"), "run.num_envs": WORLDS}
    config = load_config(flags=flags, **LEARNERS[case["learner"]])
    learner, shapes = Learner(config), shapes_of(config)
    rng = np.random.default_rng(0)
    none = np.zeros(WORLDS, bool)
    for _ in range(STORED // WORLDS):
        frames = rng.integers(0, 256, (WORLDS, shapes.planes, *shapes.image[1:]), np.uint8)
        numbers = rng.standard_normal((WORLDS, shapes.vector), np.float32)
        known = rng.standard_normal((WORLDS, shapes.surroundings), np.float32)
        actions = rng.uniform(-1, 1, (WORLDS, shapes.action)).astype(np.float32)
        reward = rng.standard_normal(WORLDS, np.float32)
        sight = Sight(frames, numbers, known, actions)
        learner.replay.add(sight, actions, reward, none, none, sight)
    return learner


def operations(case: dict[str, Any]) -> float:
    """10^9 floating point operations of an update, as PyTorch counts its products.

    Counted in float32, since convolutions fused with their rectifiers are not.
    """
    from torch.utils.flop_counter import FlopCounterMode

    learner = filled_learner(case | {"bfloat16": False})
    together = learner.config.agent.policy_delay
    with FlopCounterMode(display=False) as counter:
        learner.agent.learn(learner.sample(together), together)
    return round(counter.get_total_flops() / together / 1e9, 3)


def stable_baselines(case: dict[str, Any]) -> dict[str, Any]:
    """Updates a second of Stable-Baselines3's TD3, with the defaults of its process but the number of threads."""
    import gymnasium
    import numpy as np
    import stable_baselines3
    import torch
    from stable_baselines3 import TD3
    from stable_baselines3.common.logger import Logger

    torch.set_num_threads(case["threads"])

    class Camera(gymnasium.Env[np.ndarray, np.ndarray]):
        """Spaces alone; it is never stepped."""

        observation_space = gymnasium.spaces.Box(0, 255, (STACK, SIDE, SIDE), np.uint8)
        action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    policy = {"features_extractor_kwargs": {"features_dim": 256}, "net_arch": [256, 256]}
    agent = TD3(
        "CnnPolicy",
        Camera(),
        3e-4,
        buffer_size=STORED // 4,
        batch_size=case["batch"],
        policy_kwargs=policy,
        device=case.get("device", "cpu"),
    )
    agent.set_logger(Logger(None, []))
    rng = np.random.default_rng(0)
    for _ in range(STORED // 4):
        first, second = rng.integers(0, 256, (2, 1, STACK, SIDE, SIDE), np.uint8)
        action = rng.uniform(-1, 1, (1, 2)).astype(np.float32)
        agent.replay_buffer.add(first, second, action, rng.standard_normal(1), np.zeros(1), [{}])  # type: ignore[union-attr]

    def update() -> int:
        agent.train(gradient_steps=BLOCK, batch_size=case["batch"])
        return BLOCK

    return updates_a_second(update, case["seconds"], lambda: None) | {"version": stable_baselines3.__version__}


def updates_a_second(update: Callable[[], int], seconds: float, wait: Callable[[], None]) -> dict[str, Any]:
    """Rate over about so many seconds, and the best of its blocks; `wait` returns when the device is done."""
    done = 0
    while done < SETTLE:
        done += update()
    wait()
    rates, begin, total = [], time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        before, done = time.perf_counter(), 0
        while done < BLOCK:
            done += update()
        wait()
        rates.append(done / (time.perf_counter() - before))
        total += done
    return {
        "updates_per_s": round(total / (time.perf_counter() - begin), 2),
        "highest": round(max(rates), 2),
        "updates": total,
    }


if __name__ == "__main__":
    main()
