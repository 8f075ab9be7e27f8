"""Exposure jitter changes gain and offset of whole samples, nothing else."""

from __future__ import annotations

import pytest
import torch

from av_td3_system.networks.augmentation import OFFSET, jitter_exposure


def scenes(count: int) -> torch.Tensor:
    return torch.rand(count, 16, 3, 3, generator=torch.Generator().manual_seed(0)) * 255


def test_each_sample_keeps_its_scene_under_a_gain_and_an_offset_of_its_own() -> None:
    before = scenes(200)
    after = jitter_exposure(before.clone(), 0.4, torch.Generator().manual_seed(1))
    x, y = before.flatten(1).double(), after.flatten(1).double()
    gain = ((x - x.mean(1, keepdim=True)) * y).sum(1) / ((x - x.mean(1, keepdim=True)) ** 2).sum(1)
    offset = y.mean(1) - gain * x.mean(1)
    torch.testing.assert_close(gain[:, None] * x + offset[:, None], y, rtol=0, atol=1e-3)
    assert gain.min() >= 0.6 - 1e-5 and gain.max() <= 1.4 + 1e-5 and gain.std() > 0.2
    assert offset.abs().max() <= 0.4 * OFFSET + 1e-3 and offset.std() > 0.2 * OFFSET
    assert abs(float(torch.corrcoef(torch.stack([gain, offset]))[0, 1])) < 0.25, "drawn apart"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_generator_decides(dtype: torch.dtype) -> None:
    one, other, third = (
        jitter_exposure(scenes(4).to(dtype), 0.3, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert one.dtype == dtype and torch.equal(one, other) and not torch.equal(one, third)
    assert torch.equal(jitter_exposure(scenes(4), 0.0, torch.Generator()), scenes(4))
