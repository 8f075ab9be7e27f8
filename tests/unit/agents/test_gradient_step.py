"""The clipped step, with gradients in whatever layout they come."""

from __future__ import annotations

import torch
from torch import nn

from av_td3_system.agents.gradient_step import CLEARED_EVERY, GradientStep


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


def test_moments_of_an_idle_weight_vanish_before_they_become_denormal() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 1.0]))
    step = GradientStep([weight], 1e-3, 1.0)
    least = torch.finfo(torch.float32).tiny
    step.take((weight * 1.0).square().sum())
    for _ in range(12 * CLEARED_EVERY):
        step.take(weight[0].square())
        moments = step.optimizer.state[weight]
        for name in ("exp_avg", "exp_avg_sq"):
            moment = moments[name]
            assert ((moment == 0) | (moment.abs() >= least)).all(), name
    assert float(moments["exp_avg"][1]) == 0 and float(moments["exp_avg"][0]) != 0


def test_clearing_traces_moves_no_weight_otherwise_than_adam() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8))
    twin = nn.Parameter(weight.detach().clone())
    step, adam = GradientStep([weight], 1e-3, 1e9), torch.optim.Adam([twin], 1e-3, fused=True)
    for number in range(9 * CLEARED_EVERY):
        part = slice(0, 4) if number < 50 else slice(4, 8)  # the first half falls idle
        step.take((weight[part] ** 2).sum())
        adam.zero_grad()
        (twin[part] ** 2).sum().backward()
        adam.step()
    assert torch.equal(weight, twin)


def test_a_loss_that_is_not_finite_is_not_followed_even_where_its_gradient_is() -> None:
    weight = nn.Parameter(torch.ones(2))
    outcome = GradientStep([weight], 0.1, 1.0).take((weight**2).sum() + torch.inf)
    assert not outcome.taken and torch.equal(weight, torch.ones(2))
