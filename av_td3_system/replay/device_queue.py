"""A device's copy of queues of positions, from which it draws without asking the processor."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from av_td3_system.replay.queues import PositionQueues


class DeviceQueue:
    """Follows the queues of a processor; all tensors keep their place.

    Args:
        queues: what to follow.
        device: where to.

    Attributes:
        ends: int64 (E,), entries of all queues up to and with each.
    """

    def __init__(self, queues: PositionQueues, device: torch.device) -> None:
        self._queues, self._device = queues, device
        self._size = queues.queue.shape[1]
        self._entries = torch.zeros(queues.queue.size, dtype=torch.int64, device=device)
        self._head = torch.zeros(len(queues.head), dtype=torch.int64, device=device)
        self.ends = torch.zeros_like(self._head)
        self._sent = queues.tail.copy()

    def follow(self) -> None:
        """Take over what is new since the last call."""
        queues = self._queues
        new = queues.tail - self._sent
        if new.any():
            env = np.repeat(np.arange(len(new)), new)
            entry = np.concatenate([np.arange(a, b) for a, b in zip(self._sent, queues.tail, strict=True)])
            place = env * self._size + entry % self._size
            values = torch.from_numpy(queues.queue.reshape(-1)[place]).to(self._device)
            self._entries.index_copy_(0, torch.from_numpy(place).to(self._device), values)
            self._sent[:] = queues.tail
        self._head.copy_(torch.from_numpy(queues.head))
        self.ends.copy_(torch.from_numpy(np.cumsum(queues.tail - queues.head)))

    def renew(self) -> None:
        """Take over everything, after the queues were rebuilt."""
        self._sent[:] = self._queues.head
        self.follow()

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Environments and positions, each int64 (count,), uniformly; whatever lies there where all queues are empty.

        A number in [0, 1) has 53 bits: its product with the count of entries favours none of them noticeably.
        """
        total = self.ends[-1]
        point = torch.rand(count, dtype=torch.float64, generator=generator, device=self._device)
        rank = torch.minimum((point * total).long(), (total - 1).clamp_min(0))
        env = torch.searchsorted(self.ends, rank, right=True).clamp_max(len(self.ends) - 1)
        before = torch.where(env > 0, self.ends[(env - 1).clamp_min(0)], 0)
        entry = self._head[env] + rank - before
        return env, self._entries[env * self._size + entry % self._size]
