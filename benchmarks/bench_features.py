#!/usr/bin/env python
"""What a run's policy sees: how much its image features tell of the other vehicles; JSON.

`own` is R2 of the answers that the run's own `perception` gives, `linear` of the best linear map of the features, which
is fitted to frames of training worlds and asked for more than most runs ask (the groups of `bench_perception`); both
on routes that training does not use. `gradient` is the mean norm, over batches, of what reaches the weights of the
encoder from the critic and from the questions as they are weighted: who speaks louder teaches it.

    python benchmarks/bench_features.py ~/screening/standardized-50k-seed60 --checkpoint td3_50k.pt > features.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents.td3 import TD3
from av_td3_system.config.schema import Config
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.perception import Perception
from av_td3_system.replay.batch import Batch
from av_td3_system.training.worlds import batch_for_training
from benchmarks.bench_perception import collect, judge
from benchmarks.stored_agent import stored_agent

ASKED = {"perception_grid": "wide", "foresight": 1.0}
WORLDS, APART, SETTLE = 32, 8, 40  # of the frames whose gradients are looked at; decisions
BATCH, BATCHES = 64, 20
RIDGE = 1.0


def main() -> None:
    """One run's features, JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="directory of a run in the town whose critic reads the surroundings")
    parser.add_argument("--checkpoint", default="final.pt", help="in its folder of checkpoints")
    parser.add_argument("--frames", type=int, default=8000, help="to fit the linear map to; half as many to test")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config, agent = stored_agent(arguments.run, arguments.checkpoint)
    known = knowledge(config, agent, arguments.frames, arguments.seed)
    report = {"benchmark": "features", "run": arguments.run.name, "updates": agent.updates, "frames": arguments.frames}
    print(json.dumps({**report, **known, "gradient": gradients(config, agent, arguments.seed)}, indent=1))


@torch.no_grad()
def knowledge(config: Config, agent: TD3, frames: int, seed: int) -> dict[str, Any]:
    """R2 by group of the run's own answers and of the best linear ones."""
    learn, test = collect(config, "train", seed, frames), collect(config, "validation", seed, frames // 2)
    encoder, own = agent.networks.actor_encoder, agent.networks.perception
    if encoder is None or own is None:
        sys.exit("the run's critic reads the image: its features are asked nothing")

    def features(image: Tensor) -> Tensor:
        return torch.cat([encoder(to_blocks(part, torch.float32, encoder.view)) for part in image.split(256)])

    wide = config.model_copy(update={"network": config.network.model_copy(update=ASKED)})
    questions = Perception(wide.network)
    seen, unseen = features(learn.image), features(test.image)
    answers = linear(seen, questions.asked(learn.surroundings), unseen)
    return {
        "own": judge(config, own(unseen), own.asked(test.surroundings)),
        "linear": judge(wide, answers, questions.asked(test.surroundings)),
    }


def linear(features: Tensor, truth: Tensor, others: Tensor) -> Tensor:
    """Answers (M, A) from features `others` (M, F) by the ridge regression of truth (N, A) on features (N, F)."""
    known, asked = (torch.cat([one, torch.ones(len(one), 1)], dim=1).double() for one in (features, others))
    weights = torch.linalg.solve(known.T @ known + RIDGE * torch.eye(known.shape[1]).double(), known.T @ truth.double())
    return (asked @ weights).float()


def gradients(config: Config, agent: TD3, seed: int) -> dict[str, float]:
    """Mean norm of the encoder's gradient, of Q alone and of the questions alone, on the policy's own driving."""
    env = batch_for_training(config, WORLDS, seed)
    rng = np.random.default_rng(seed)
    observation, _ = env.reset()
    kept: dict[str, list[Tensor]] = {"image": [], "vector": [], "surroundings": []}
    for decision in range(SETTLE + APART * BATCH):
        noise = rng.normal(0, config.agent.exploration_noise, (WORLDS, 2))
        actions = np.clip(agent.act(observation) + noise, -1, 1).astype(np.float32)
        if decision >= SETTLE and decision % APART == 0:
            for name, some in kept.items():
                some.append(torch.from_numpy(observation[name].copy()))
        observation, *_ = env.step(actions)
    image, vector, surroundings = (torch.cat(some) for some in kept.values())
    networks, generator = agent.networks, torch.Generator().manual_seed(seed)
    assert networks.actor_encoder is not None and networks.perception is not None
    weights = list(networks.actor_encoder.parameters())
    norms: dict[str, list[float]] = {"critic": [], "questions": []}
    none = torch.zeros(BATCH)
    agent.generator.manual_seed(seed)  # exposures are drawn from it
    for _ in range(BATCHES):
        some = torch.randint(len(image), (BATCH,), generator=generator)
        numbers = (vector[some], torch.zeros(BATCH, 2), none, none)
        beside = (surroundings[some], surroundings[some], torch.zeros(BATCH, 0))
        batch = Batch(image[some], *numbers, image[:0], vector[some], *beside)
        q, _, features = agent._q1_of_policy(agent._blocks(batch.image), batch)
        error = networks.perception(features) - networks.perception.asked(batch.surroundings)
        asked = config.agent.perception_weight * error.square().sum(dim=1).mean()
        for name, loss in (("critic", -q.mean()), ("questions", asked)):
            found = torch.autograd.grad(loss, weights, retain_graph=True)
            norms[name].append(float(torch.cat([one.flatten() for one in found]).norm()))
    return {name: round(float(np.mean(some)), 4) for name, some in norms.items()}


if __name__ == "__main__":
    main()
