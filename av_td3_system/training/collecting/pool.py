"""What is asked of whoever runs collectors, and what they may answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from av_td3_system.training.collecting.block import Block
from av_td3_system.training.collecting.collector import Order, Post


class Gone(Exception):
    """A collector has died, or is of no more use: its open episodes are lost.

    Args:
        reason: one sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pool(Protocol):
    """Collectors by their number."""

    def start(self, post: Post) -> None:
        """Begin a collector at its post, in the place of one that was there before."""

    def share(self, weights: Mapping[str, Tensor]) -> Any:
        """Have weights at hand wherever collectors are; what `ask` takes."""

    def ask(self, index: int, weights: Any, order: Order) -> None:
        """Have a collector begin with an order."""

    def take(self, index: int) -> Block:
        """What came of the order at hand.

        Raises:
            Gone: nothing did.
            NotFinite: something in it was no number.
        """

    def close(self) -> None:
        """End all collectors."""
