"""What a critic's outputs mean: the value itself, its symlog, or a histogram of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from av_td3_system.config.schema import NetworkConfig

SMOOTHING = 0.75  # standard deviation of a histogram's target, bins (Farebrother et al. 2024)


class ScalarValues(nn.Module):
    """One output, the value itself."""

    outputs = 1

    def forward(self, raw: Tensor) -> Tensor:
        """Values (M, B) from outputs (M, B, outputs), in units of the reward."""
        return raw.squeeze(-1)

    def losses(self, raw: Tensor, target: Tensor, robust: bool) -> Tensor:
        """Loss of each sample, (M, B), for targets (B,) in units of the reward; robust is Huber's with delta 1."""
        return _regression(raw.squeeze(-1), target, robust)


class SymlogValues(ScalarValues):
    """One output, sign(Q) ln(1 + |Q|), in which it is learned (Hafner et al. 2023, DreamerV3)."""

    def forward(self, raw: Tensor) -> Tensor:
        """Values (M, B) from outputs (M, B, 1)."""
        output = raw.squeeze(-1)
        return output.sign() * torch.expm1(output.abs())

    def losses(self, raw: Tensor, target: Tensor, robust: bool) -> Tensor:
        """Loss of each sample, (M, B), between outputs and the targets' symlog."""
        return _regression(raw.squeeze(-1), target.sign() * torch.log1p(target.abs()), robust)


class HistogramValues(nn.Module):
    """Logits over bins of equal width, learned by cross-entropy (HL-Gauss: Farebrother et al. 2024, "Stop Regressing").

    The target is a normal distribution around the value, `SMOOTHING` bins wide, cut at the ends; the value is the
    histogram's mean.

    Args:
        low: value at the lower edge of the first bin.
        high: value at the upper edge of the last.
        bins: how many.
    """

    edges: Tensor

    def __init__(self, low: float, high: float, bins: int) -> None:
        super().__init__()
        self.outputs = bins
        self.register_buffer("edges", torch.linspace(low, high, bins + 1), persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        """Values (M, B) from logits (M, B, bins)."""
        return raw.softmax(dim=-1) @ ((self.edges[:-1] + self.edges[1:]) / 2)

    def losses(self, raw: Tensor, target: Tensor, robust: bool) -> Tensor:
        """Cross-entropy of each sample, (M, B); `robust` says nothing here, its gradient is bounded anyway."""
        edges = self.edges
        middle = torch.maximum(torch.minimum(target, edges[-1]), edges[0])
        spread = SMOOTHING * (edges[1] - edges[0]) * math.sqrt(2)
        reached = torch.erf((edges - middle[:, None]) / spread)
        share = (reached[:, 1:] - reached[:, :-1]) / (reached[:, -1:] - reached[:, :1])
        return -(share * functional.log_softmax(raw, dim=-1)).sum(dim=-1)


def _regression(output: Tensor, target: Tensor, robust: bool) -> Tensor:
    target = target.expand_as(output)
    return functional.huber_loss(output, target, reduction="none") if robust else (output - target).square()


def make_values(config: NetworkConfig) -> ScalarValues | HistogramValues:
    """What the settings' critic says."""
    if config.critic_values == "histogram":
        return HistogramValues(*config.value_range, config.value_bins)
    return SymlogValues() if config.critic_values == "symlog" else ScalarValues()
