"""Exposure is drawn for each sample apart, within its reach, by the generator alone."""

from __future__ import annotations

import torch

from av_td3_system.networks.augmentation import OFFSET, draw_exposure


def test_gain_and_offset_fill_their_reach_and_are_drawn_apart() -> None:
    gain, offset = draw_exposure(4000, 0.4, torch.Generator().manual_seed(1))
    assert 0.6 <= gain.min() < 0.61 and 1.39 < gain.max() <= 1.4
    assert abs(gain.mean() - 1) < 0.02 and abs(offset.mean()) < 0.02 * OFFSET
    assert 0.39 * OFFSET < offset.abs().max() <= 0.4 * OFFSET
    assert abs(float(torch.corrcoef(torch.stack([gain, offset]))[0, 1])) < 0.06


def test_the_generator_decides() -> None:
    one, other, third = (draw_exposure(4, 0.3, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert one.dtype == torch.float32 and one.shape == (2, 4)
    assert torch.equal(one, other) and not torch.equal(one, third)
    gain, offset = draw_exposure(4, 0.0, torch.Generator())
    assert torch.equal(gain, torch.ones(4)) and torch.equal(offset, torch.zeros(4)), "no reach, no change"
