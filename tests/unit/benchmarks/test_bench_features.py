"""What features tell: a linear map that is found where there is one, and one measurement from end to end."""

from __future__ import annotations

import torch

from av_td3_system.training.learner import Learner
from benchmarks.bench_features import gradients, knowledge, linear
from benchmarks.bench_perception import r2
from tests.unit.training.small import small

FEW = ("network.critic_input=surroundings", "network.shared_encoder=false", "agent.perception_weight=2")


def test_what_is_linear_in_the_features_is_found_and_noise_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    features, others = (torch.randn(500, 6, generator=generator) for _ in range(2))
    weights = torch.randn(6, 3, generator=generator)
    assert r2(linear(features, features @ weights + 2, others), others @ weights + 2) > 0.999
    noise, unseen = (torch.randn(500, 3, generator=generator) for _ in range(2))
    assert abs(r2(linear(features, noise, others), unseen)) < 0.1


def test_a_run_is_judged_by_its_own_answers_and_by_more_and_both_gradients_are_told() -> None:
    config = small(*FEW)
    agent = Learner(config).agent
    told = knowledge(config, agent, frames=64, seed=0)
    assert set(told["own"]) == {"leader", "ahead", "line"}
    assert set(told["linear"]) == {"leader", "ahead", "beside", "ahead, later", "beside, later", "line"}
    once = gradients(config, agent, seed=0)
    louder = config.model_copy(update={"agent": config.agent.model_copy(update={"perception_weight": 20.0})})
    assert gradients(louder, agent, seed=0)["questions"] > 9.9 * once["questions"] > 0
    assert gradients(louder, agent, seed=0)["critic"] == once["critic"] > 0
