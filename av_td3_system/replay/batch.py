"""What the replay hands out and the agent learns from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """B transitions; n steps count as one.

    Attributes:
        image: uint8 (B, C, H, W), frames of the observation acted on, oldest first.
        vector: float32 (B, D).
        action: float32 (B, A), in [-1, 1].
        reward: float32 (B,), discounted sum over the steps up to `next_*`.
        discount: float32 (B,), gamma^k after k steps; 0 where the return ended.
        next_image: uint8 (B, C, H, W), k steps later.
        next_vector: float32 (B, D).
        surroundings: float32 (B, S), of the observation acted on; S is 0 where nothing reads them.
        next_surroundings: float32 (B, S).
    """

    image: Tensor
    vector: Tensor
    action: Tensor
    reward: Tensor
    discount: Tensor
    next_image: Tensor
    next_vector: Tensor
    surroundings: Tensor
    next_surroundings: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(tensor.to(device) for tensor in self))
