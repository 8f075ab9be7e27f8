"""Heads over features and vehicle state: the actor, and one or two critics evaluated together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.values import make_values


class EnsembleLinear(nn.Module):
    """`members` linear layers side by side: (members, B, inputs) to (members, B, outputs).

    Initialised as `nn.Linear`. Member i computes x @ weight[i] + bias[i]: the weight is (inputs,
    outputs), so that its gradient comes out of the matrix product in the layout it is stored in.
    """

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """(members, B, inputs) to (members, B, outputs)."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class EnsembleNorm(nn.Module):
    """LayerNorm with a scale and an offset of its own for each member: (members, B, width)."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, 1, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """(members, B, width) to the same."""
        return functional.layer_norm(inputs, inputs.shape[-1:]) * self.weight + self.bias


class EnsembleMLP(nn.Module):
    """Equal multilayer perceptrons with weights of their own, applied to one input.

    Args:
        members: how many.
        inputs: width of the input.
        outputs: width of the output, which stays linear.
        hidden: widths between.
        layer_norm: whether it stands before each rectifier.
    """

    def __init__(self, members: int, inputs: int, outputs: int, hidden: Sequence[int], layer_norm: bool) -> None:
        super().__init__()
        self.members = members
        widths = (inputs, *hidden)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers.append(EnsembleLinear(members, before, after))
            if layer_norm:
                layers.append(EnsembleNorm(members, after))
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, EnsembleLinear(members, widths[-1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, inputs) to (members, B, outputs)."""
        return self.layers(inputs.expand(self.members, *inputs.shape))


class Actor(nn.Module):
    """Deterministic policy head: actions in [-1, 1] from features and vehicle state."""

    def __init__(self, config: NetworkConfig, vector_dim: int, action_dim: int) -> None:
        super().__init__()
        inputs = config.features + vector_dim
        self.head = EnsembleMLP(1, inputs, action_dim, config.hidden, config.head_layer_norm)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """Actions (B, A) from features (B, F) and vector (B, D)."""
        return torch.tanh(self.before_tanh(features, vector))

    def before_tanh(self, features: Tensor, vector: Tensor) -> Tensor:
        """What the actions are the hyperbolic tangent of, (B, A)."""
        return self.head(torch.cat([features, vector], dim=1))[0]


class Critic(nn.Module):
    """Action-value heads Q1..Qn over the same features, vehicle state and action."""

    def __init__(self, config: NetworkConfig, vector_dim: int, action_dim: int, members: int) -> None:
        super().__init__()
        self.values = make_values(config)
        inputs, normed = config.features + vector_dim + action_dim, config.head_layer_norm or config.critic_layer_norm
        self.head = EnsembleMLP(members, inputs, self.values.outputs, config.hidden, normed)

    def forward(self, features: Tensor, vector: Tensor, action: Tensor) -> Tensor:
        """Values (members, B) in units of the reward, from features (B, F), vector (B, D) and action (B, A)."""
        return self.values(self.outputs(features, vector, action))

    def outputs(self, features: Tensor, vector: Tensor, action: Tensor) -> Tensor:
        """What `values` reads, (members, B, outputs)."""
        return self.head(torch.cat([features, vector, action], dim=1))
