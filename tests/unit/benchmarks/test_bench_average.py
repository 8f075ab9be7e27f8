"""Both policies of an agent are driven, each as itself."""

from __future__ import annotations

from argparse import Namespace

import torch

from av_td3_system.training.learner import Learner
from benchmarks.bench_average import compare
from tests.unit.training.small import small


def test_the_average_and_the_learned_policy_are_told_apart() -> None:
    config = small("agent.policy_average=0.01")
    agent = Learner(config).agent
    of = Namespace(episodes=2, split="validation")
    at_first = compare(config, agent, of)
    assert at_first["average"] == at_first["learned"], "an average begins as what it is the average of"
    with torch.no_grad():
        for parameter in agent.networks.policy().parameters():
            parameter.mul_(-1.0)
    later = compare(config, agent, of)
    assert later["average"] == at_first["average"]
    assert later["learned"] != at_first["learned"]
