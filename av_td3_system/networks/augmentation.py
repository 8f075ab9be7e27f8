"""Exposure jitter: the same scene, as a camera with another gain and offset would have taken it.

What the critic learns from a few dozen encounters with other vehicles must hold for the next one.
Their paint and the light differ; with jitter, features that rest on absolute grey levels do not pay.
"""

from __future__ import annotations

import torch
from torch import Tensor

OFFSET = 60.0  # grey levels of 255, at full reach


def jitter_exposure(blocks: Tensor, reach: float, generator: torch.Generator) -> Tensor:
    """Change contrast and brightness of each sample, all its frames alike (in place).

    Args:
        blocks: (B, ...), grey levels 0..255; values beyond that range are not clipped.
        reach: contrast is multiplied by 1 +- reach, brightness moved by +- `OFFSET` x reach, uniformly.
        generator: on the device of `blocks`.

    Returns:
        `blocks`.
    """
    shape = (2, len(blocks), *(1,) * (blocks.ndim - 1))
    gain, offset = torch.rand(shape, generator=generator, device=blocks.device) * 2 - 1
    return blocks.mul_((1 + reach * gain).to(blocks)).add_((OFFSET * reach * offset).to(blocks))
