"""Exposure jitter: the same scene, as a camera with another gain and offset would have taken it.

What the critic learns from a few dozen encounters with other vehicles must hold for the next one.
Their paint and the light differ; with jitter, features that rest on absolute grey levels do not pay.
"""

from __future__ import annotations

import torch
from torch import Tensor

OFFSET = 60.0  # grey levels of 255, at full reach


def draw_exposure(count: int, reach: float, generator: torch.Generator) -> Tensor:
    """How another camera would have taken each of `count` samples, all frames of one alike.

    Args:
        count: samples.
        reach: contrast is multiplied by 1 +- reach, brightness moved by +- `OFFSET` x reach, uniformly.
        generator: on the device of the result.

    Returns:
        float32 (2, count), gain and offset for `layout.to_blocks`.
    """
    drawn = torch.rand((2, count), generator=generator, device=generator.device) * 2 - 1
    return drawn * drawn.new_tensor([[reach], [OFFSET * reach]]) + drawn.new_tensor([[1.0], [0.0]])
