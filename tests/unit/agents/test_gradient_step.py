"""The clipped step, with gradients in whatever layout they come."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.networks.flat_parameters import FlatParameters

ALLOWED = torch.tensor(True)
CLEARED_EVERY = 100  # steps, as the agent does it


def step_over(*parameters: nn.Parameter, learning_rate: float = 0.1, clip: float = 1.0) -> GradientStep:
    return GradientStep(parameters, FlatParameters(parameters).values, learning_rate, clip)


def test_equals_unfused_adam_on_clipped_gradients_of_any_layout() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 4))
    twin = nn.Parameter(weight.detach().clone())
    step = step_over(weight, clip=0.5)
    adam = torch.optim.Adam([twin], 0.1)
    inputs, toward = torch.randn(9, 6), torch.randn(4, 9)
    for _ in range(3):
        # Through the transposed weight the gradient arrives transposed in memory.
        outcome = step.take(((weight.T @ inputs.T) * toward).sum() ** 2, ALLOWED)
        loss = ((twin.T @ inputs.T) * toward).sum() ** 2
        adam.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_([twin], 0.5)
        adam.step()
        assert outcome.taken
        torch.testing.assert_close(outcome.norm, norm)
        torch.testing.assert_close(weight, twin, rtol=1e-4, atol=1e-5)


def test_leaves_no_gradient_behind() -> None:
    weight = nn.Parameter(torch.ones(2))
    step = step_over(weight)
    step.take((weight**2).sum(), ALLOWED)
    assert weight.grad is None and step.optimizer.param_groups[0]["params"][0].grad is None


def test_follows_every_parameter_and_tells_the_norm_of_those_watched() -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(5))]
    twins = [nn.Parameter(weight.detach().clone()) for weight in weights]
    flat = FlatParameters(weights)
    step = GradientStep(weights, flat.values, 0.1, 1e9, watched=flat.span(weights[1:]))
    adam = torch.optim.Adam(twins, 0.1)
    for _ in range(3):
        loss = sum(((index + 1) * weight.square()).sum() for index, weight in enumerate(weights))
        outcome = step.take(loss, ALLOWED)
        adam.zero_grad()
        sum(((index + 1) * twin.square()).sum() for index, twin in enumerate(twins)).backward()
        expected = [float(torch.cat([twin.grad.flatten() for twin in part]).norm()) for part in (twins, twins[1:])]
        assert [float(outcome.norm), float(outcome.watched)] == pytest.approx(expected, rel=1e-5)
        assert float(outcome.loss) == pytest.approx(float(loss.detach()))
        adam.step()
        for weight, twin in zip(weights, twins, strict=True):
            torch.testing.assert_close(weight, twin, rtol=1e-4, atol=1e-6)


def test_moments_of_an_idle_weight_vanish_before_they_become_denormal() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 1.0]))
    step = step_over(weight, learning_rate=1e-3)
    least = torch.finfo(torch.float32).tiny
    step.take((weight * 1.0).square().sum(), ALLOWED)
    for number in range(12 * CLEARED_EVERY):
        step.take(weight[0].square(), ALLOWED)
        if number % CLEARED_EVERY == 0:
            step.clear_traces()
        (moments,) = step.optimizer.state.values()
        for name in ("exp_avg", "exp_avg_sq"):
            moment = moments[name]
            assert ((moment == 0) | (moment.abs() >= least)).all(), name
    assert float(moments["exp_avg"][1]) == 0 and float(moments["exp_avg"][0]) != 0


def test_clearing_traces_moves_no_weight_otherwise_than_adam() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8))
    twin = nn.Parameter(weight.detach().clone())
    step, adam = step_over(weight, learning_rate=1e-3, clip=1e9), torch.optim.Adam([twin], 1e-3, fused=True)
    for number in range(9 * CLEARED_EVERY):
        part = slice(0, 4) if number < 50 else slice(4, 8)  # the first half falls idle
        step.take((weight[part] ** 2).sum(), ALLOWED)
        if number % CLEARED_EVERY == 0:
            step.clear_traces()
        adam.zero_grad()
        (twin[part] ** 2).sum().backward()
        adam.step()
    assert torch.equal(weight, twin)


def test_a_loss_that_is_not_finite_is_not_followed_even_where_its_gradient_is() -> None:
    weight = nn.Parameter(torch.ones(2))
    outcome = step_over(weight).take((weight**2).sum() + torch.inf, ALLOWED)
    assert not outcome.taken and torch.equal(weight, torch.ones(2))


@pytest.mark.parametrize("broken", [False, True])
def test_a_step_that_is_refused_leaves_weights_moments_and_count(broken: bool) -> None:
    weight = nn.Parameter(torch.ones(3))
    step = step_over(weight)
    step.take((weight**2).sum(), ALLOWED)
    (moments,) = step.optimizer.state.values()
    before = [weight.detach().clone(), *(moments[name].clone() for name in ("exp_avg", "exp_avg_sq", "step"))]
    loss = (weight**2).sum() * (torch.nan if broken else 1.0)
    assert not step.take(loss, torch.tensor(broken)).taken
    after = [weight.detach(), *(moments[name] for name in ("exp_avg", "exp_avg_sq", "step"))]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
