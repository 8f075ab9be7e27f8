"""Heads evaluated together equal heads evaluated one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.heads import Actor, Critic, EnsembleLinear, EnsembleNorm


@pytest.mark.parametrize("setting", ["head_layer_norm", "critic_layer_norm", None])
def test_each_critic_equals_its_own_perceptron(setting: str | None) -> None:
    layer_norm = setting is not None
    config = NetworkConfig(features=8, hidden=(12, 10), **({setting: True} if setting else {}))
    critic = Critic(config, vector_dim=3, action_dim=2, members=2).double()
    features, vector, action = (torch.randn(5, width, dtype=torch.float64) for width in (8, 3, 2))
    together = critic(features, vector, action)
    assert together.shape == (2, 5)
    for member in range(2):
        x = torch.cat([features, vector, action], 1)
        for layer in critic.head.layers:
            if isinstance(layer, EnsembleLinear):
                x = x @ layer.weight[member] + layer.bias[member, 0]
            elif isinstance(layer, EnsembleNorm):
                assert layer_norm
                x = (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
            else:
                assert isinstance(layer, nn.ReLU)
                x = x.clamp(min=0)
        torch.testing.assert_close(together[member], x[:, 0], rtol=1e-12, atol=1e-12)


def test_the_actor_is_normalised_with_the_critic_or_not() -> None:
    for both, alone in ((True, False), (False, True), (False, False)):
        config = NetworkConfig(features=8, head_layer_norm=both, critic_layer_norm=alone)
        normed = [
            any(isinstance(layer, EnsembleNorm) for layer in head.layers)
            for head in (Actor(config, 3, 2).head, Critic(config, 3, 2, 2).head)
        ]
        assert normed == [both, both or alone]


def test_critics_begin_different_and_actions_are_bounded() -> None:
    config = NetworkConfig(features=8)
    critic, actor = Critic(config, 3, 2, 2), Actor(config, 3, 2)
    inputs = torch.randn(64, 8), torch.randn(64, 3)
    q = critic(*inputs, torch.randn(64, 2))
    assert (q[0] - q[1]).abs().max() > 1e-3
    actions = actor(inputs[0] * 1e3, inputs[1] * 1e3)
    assert actions.abs().max() <= 1
    assert actions.abs().max() > 0.9
