"""What the replay hands out and the agent learns from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """B transitions; n steps count as one.

    Attributes:
        image: uint8 (I, C, H, W), frames of the observation acted on, oldest first, of the last I <= B transitions:
            those that are looked at.
        vector: float32 (B, D).
        action: float32 (B, A), in [-1, 1].
        reward: float32 (B,), discounted sum over the steps up to `next_*`.
        discount: float32 (B,), gamma^k after k steps; 0 where the return ended.
        next_image: uint8 (B, C, H, W), k steps later; of none where `next_policy` stands for it.
        next_vector: float32 (B, D).
        surroundings: float32 (B, S), of the observation acted on; S is 0 where nothing reads them.
        next_surroundings: float32 (B, S).
        next_policy: float32 (B, A), what the policy last wanted on the next observation; (B, 0) where that is not kept.
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
    next_policy: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Batch:
        """The same batch on a device, its numbers in a precision; images stay uint8."""
        return Batch(
            *(tensor.to(device) if tensor.dtype == torch.uint8 else tensor.to(device, dtype) for tensor in self)
        )

    def split(self, parts: int) -> list[Batch]:
        """Equal shares in their order, as views; the last ones have the images that there are.

        Raises:
            ValueError: the transitions cannot be shared equally.
        """
        size, rest = divmod(len(self.reward), parts)
        if rest:
            raise ValueError(f"{len(self.reward)} transitions are not {parts} equal shares")
        absent = len(self.reward) - len(self.image)
        shares = []
        for begin in range(0, parts * size, size):
            image = self.image[max(begin - absent, 0) : max(begin + size - absent, 0)]
            shares.append(Batch(image, *(tensor[begin : begin + size] for tensor in self[1:])))
        return shares
