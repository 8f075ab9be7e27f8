"""What gradient updates tell, first as tensors where they were computed, then as numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

Told = dict[str, Tensor]  # metrics of shape () by name, where they were computed


class Learned(NamedTuple):
    """What some updates in a row tell.

    Attributes:
        critic: of each update.
        actor: of the last one, empty where the actor was not updated.
        td_error: greatest |target - Q_i| of each sample, (updates x B,).
        policy: what the policy wanted in the last update's observations, (B, A), or (0, A) where it was not updated.
    """

    critic: list[Told]
    actor: Told
    td_error: Tensor
    policy: Tensor

    def metrics(self) -> list[dict[str, float | bool]]:
        """Those of each update up to the first that was refused, all fetched at once."""
        every = [*self.critic, self.actor]
        dtype = self.td_error.dtype
        values = iter(torch.stack([value.to(dtype) for told in every for value in told.values()]).tolist())
        *critic, actor = [{name: next(values) for name in told} for told in every]
        named: list[dict[str, float | bool]] = []
        for one in critic:
            named.append(one | {"finite": bool(one["finite"])})
            if not one["finite"]:
                return named
        if actor:
            named[-1] |= actor | {"finite": bool(actor["finite"])}
        return named
