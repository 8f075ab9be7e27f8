"""The clipped step, with gradients in whatever layout they come."""

from __future__ import annotations

import torch
from torch import nn

from av_td3_system.agents.gradient_step import GradientStep


def test_equals_unfused_adam_on_clipped_gradients_of_any_layout() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 4))
    twin = nn.Parameter(weight.detach().clone())
    step = GradientStep([weight], learning_rate=0.1, clip=0.5)
    adam = torch.optim.Adam([twin], 0.1)
    inputs, toward = torch.randn(9, 6), torch.randn(4, 9)
    for _ in range(3):
        # Through the transposed weight the gradient arrives transposed in memory.
        outcome = step.take(((weight.T @ inputs.T) * toward).sum() ** 2)
        loss = ((twin.T @ inputs.T) * toward).sum() ** 2
        adam.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_([twin], 0.5)
        adam.step()
        assert outcome.taken
        torch.testing.assert_close(outcome.norm, float(norm))
        torch.testing.assert_close(weight, twin, rtol=1e-4, atol=1e-5)


def test_leaves_no_gradient_behind() -> None:
    weight = nn.Parameter(torch.ones(2))
    GradientStep([weight], 0.1, 1.0).take((weight**2).sum())
    assert weight.grad is None
