#!/usr/bin/env python
"""What the encoder can read off the camera, learned from labels alone: R2 on routes that it has not seen; JSON.

Frames of the privileged driver in training worlds, the preset's encoder, a linear answer, the loss of
`networks.perception`, for the cells of `--grid`. No reinforcement learning: what is not learned here is not in the
picture, or not in reach of this encoder in so many updates, and no agent can be expected to know it. Groups of answers:
the leader's closeness, cells on the road ahead, cells beside it, both of them `--foresight` seconds later, and a
junction's line.
`r2_of_learned` is on frames that it was taught, `standing` what those reach who know the present and take it for the
future.

    python benchmarks/bench_perception.py --case preset --case fov_120 camera.fov=120 > perception.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.layout import LINE_NUMBERS
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.networks.augmentation import draw_exposure
from av_td3_system.networks.encoder import Encoder
from av_td3_system.networks.grids import GRIDS
from av_td3_system.networks.initialization import initialize_orthogonal
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.perception import LEADER, Perception
from av_td3_system.training.worlds import for_training

WORLDS, APART = 16, 4  # parallel worlds; decisions between two frames that are kept, which are otherwise alike
BATCH, RATE = 64, 1e-3


class Frames(NamedTuple):
    """Stacks and what is true of them."""

    image: Tensor
    surroundings: Tensor


def main() -> None:
    """Every case with every seed, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", action="append", metavar="NAME a.b=c", help="settings over the preset's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--frames", type=int, default=12_000, help="to learn from; a quarter as many to test")
    parser.add_argument("--updates", type=int, default=3_000)
    parser.add_argument("--grid", choices=("wide", "polar"), default="wide")
    parser.add_argument("--foresight", type=float, default=1.0, help="s")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("medium")
    asked = {
        "network.perception_grid": arguments.grid,
        "network.foresight": arguments.foresight,
    }
    results = []
    for name, *settings in arguments.case or [["preset"]]:
        config = load_config(overrides=settings, flags=asked)
        for seed in arguments.seeds:
            begin = time.monotonic()
            result = measure(config, seed, arguments.frames, arguments.updates)
            results.append({"case": name, "settings": settings, "seed": seed, **result})
            print(f"{name}, seed {seed}: {result['r2']}, {time.monotonic() - begin:.0f} s", file=sys.stderr)
    report = {
        "benchmark": "perception",
        "frames": arguments.frames,
        "updates": arguments.updates,
        "grid": arguments.grid,
    }
    print(json.dumps({**report, "foresight": arguments.foresight, "cases": results}, indent=1))


def measure(config: Config, seed: int, frames: int, updates: int) -> dict[str, Any]:
    """R2 of each group of answers."""
    learn = collect(config, "train", seed, frames)
    test = collect(config, "validation", seed, frames // 4)
    torch.manual_seed(seed)
    encoder = Encoder(config.network, (learn.image.shape[1], *learn.image.shape[2:]))
    perception = Perception(config.network)
    if config.network.initialization == "orthogonal":
        initialize_orthogonal(encoder)
        initialize_orthogonal(perception)
    optimizer = torch.optim.Adam([*encoder.parameters(), *perception.parameters()], lr=RATE, fused=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(updates):
        chosen = torch.randint(len(learn.image), (BATCH,), generator=generator)
        exposure = draw_exposure(BATCH, config.network.exposure_jitter, generator)
        features = encoder(to_blocks(learn.image[chosen], torch.float32, encoder.view, exposure=exposure))
        error = perception(features) - perception.asked(learn.surroundings[chosen])
        optimizer.zero_grad()
        error.square().sum(dim=1).mean().backward()
        optimizer.step()
    known = Frames(learn.image[:: APART // 2], learn.surroundings[:: APART // 2])
    with torch.no_grad():
        told = {}
        for name, some in {"r2": test, "r2_of_learned": known}.items():
            answers = torch.cat(
                [perception(encoder(to_blocks(part, torch.float32, encoder.view))) for part in some.image.split(256)]
            )
            told[name] = judge(config, answers, perception.asked(some.surroundings))
        truth = perception.asked(test.surroundings)
        end = truth.shape[1] - _lines(config)
        present = truth[:, LEADER:end].chunk(2, dim=1)[0]
        stays = torch.cat([truth[:, :LEADER], present, present, truth[:, end:]], dim=1)
        told["standing"] = judge(config, stays, truth)
    return told


def collect(config: Config, split: str, seed: int, frames: int) -> Frames:
    """Frames of worlds as training has them; a tenth of the decisions is random, so that gaps differ."""
    env = TownVectorEnv(for_training(config), WORLDS, seed=seed + 1000, split=split, surroundings=True)
    driver, rng = make_policy("privileged"), np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed + 1000)
    images, known = [], []
    while len(images) * WORLDS < frames:
        for _ in range(APART):
            actions = driver(observation, env)
            rash = rng.random(WORLDS) < 0.1
            actions[rash, 1] = rng.uniform(-1, 1, int(rash.sum()))
            observation, *_ = env.step(actions)
        images.append(observation["image"])
        known.append(observation["surroundings"])
    return Frames(torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(known)))


def judge(config: Config, answers: Tensor, truth: Tensor) -> dict[str, float]:
    """R2 by group."""
    beside = torch.tensor(GRIDS[config.network.perception_grid].beside)
    told = {"leader": r2(answers[:, :LEADER], truth[:, :LEADER])}
    times = ("", ", later") if config.network.foresight > 0 else ("",)
    end = truth.shape[1] - _lines(config)
    said, true = (one[:, LEADER:end].chunk(len(times), dim=1) for one in (answers, truth))
    for when, some, right in zip(times, said, true, strict=True):
        told["ahead" + when] = r2(some[:, ~beside], right[:, ~beside])
        if beside.any():
            told["beside" + when] = r2(some[:, beside], right[:, beside])
    if _lines(config):
        told["line"] = r2(answers[:, end:], truth[:, end:])
    return told


def _lines(config: Config) -> int:
    """How many answers are of a junction's line; they come last."""
    return LINE_NUMBERS if config.network.critic_way else 0


def r2(answers: Tensor, truth: Tensor) -> float:
    """One less the squared error over the variance around each column's mean."""
    return round(float(1 - (answers - truth).square().sum() / (truth - truth.mean(dim=0)).square().sum()), 3)


if __name__ == "__main__":
    main()
