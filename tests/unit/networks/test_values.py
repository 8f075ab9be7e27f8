"""What a critic's outputs mean."""

from __future__ import annotations

import pytest
import torch

from av_td3_system.networks.values import HistogramValues, ScalarValues, SymlogValues

TARGETS = torch.tensor([-40.0, -3.2, 0.0, 0.4, 17.0, 95.0])
KINDS = [ScalarValues(), SymlogValues(), HistogramValues(-60.0, 120.0, 91)]


@pytest.mark.parametrize("values", KINDS, ids=lambda kind: type(kind).__name__)
def test_learning_a_target_makes_it_the_value(values: ScalarValues | HistogramValues) -> None:
    raw = torch.zeros(2, len(TARGETS), values.outputs, requires_grad=True)
    adam = torch.optim.Adam([raw], 0.3)
    for _ in range(1500):
        adam.zero_grad()
        values.losses(raw, TARGETS, robust=False).sum().backward()
        adam.step()
    torch.testing.assert_close(values(raw), TARGETS.expand(2, -1), rtol=0.01, atol=0.15)


def test_a_histogram_holds_what_lies_beyond_its_ends_at_them() -> None:
    values = HistogramValues(-2.0, 2.0, 8)
    raw = torch.randn(1, 2, 8)
    beyond, end = (values.losses(raw, torch.tensor([-x, x]), robust=False) for x in (50.0, 2.0))
    torch.testing.assert_close(beyond, end)


def test_a_robust_loss_grows_linearly() -> None:
    raw = torch.zeros(1, 1, 1)
    far, farther = (float(ScalarValues().losses(raw, torch.tensor([x]), robust=True)) for x in (10.0, 20.0))
    assert farther - far == pytest.approx(10.0)


def test_symlog_values_are_odd_and_grow() -> None:
    raw = torch.linspace(-5, 5, 41)[None, :, None]
    value = SymlogValues()(raw)
    assert (value.diff() > 0).all()
    torch.testing.assert_close(value, -value.flip(1))
