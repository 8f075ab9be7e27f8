"""How weights begin."""

from __future__ import annotations

import math

from torch import nn

from av_td3_system.networks.heads import Actor, EnsembleLinear


def initialize_orthogonal(networks: nn.Module) -> None:
    """Orthogonal weights and zero biases (Saxe et al. 2014), drawn from torch's current generator.

    The gain is sqrt(2) for convolutions, whose rectifiers halve the variance, and 1 for linear
    layers; the actor's last layer gets 0.01, so that the first actions are near zero.
    """
    for module in networks.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.orthogonal_(module.weight, math.sqrt(2))
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        elif isinstance(module, nn.Linear):
            nn.init.orthogonal_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, EnsembleLinear):
            for weight in module.weight.data:
                nn.init.orthogonal_(weight)
            nn.init.zeros_(module.bias)
    for module in networks.modules():
        if isinstance(module, Actor):
            last = module.head.layers[-1]
            assert isinstance(last, EnsembleLinear)
            last.weight.data.mul_(0.01)
