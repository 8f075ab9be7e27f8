"""A pool whose collectors live in this process, answer when they are asked for, and die on command."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from av_td3_system.config.schema import Config
from av_td3_system.training.collecting.block import Block
from av_td3_system.training.collecting.collector import Collector, Order, Post
from av_td3_system.training.collecting.pool import Gone


class Here:
    """Collectors in this process.

    Attributes:
        posts, orders: all that were given. dying: numbers of collectors whose next answer does not come.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._collectors: dict[int, Collector] = {}
        self._asked: dict[int, tuple[Any, Order]] = {}
        self.posts: list[Post] = []
        self.orders: list[tuple[int, Order, Any]] = []
        self.dying: list[int] = []
        self.closed = False

    def start(self, post: Post) -> None:
        self.posts.append(post)
        self._collectors[post.index] = Collector(self._config, post)

    def share(self, weights: Mapping[str, Tensor]) -> Any:
        return copy.deepcopy(dict(weights))

    def ask(self, index: int, weights: Any, order: Order) -> None:
        self.orders.append((index, order, weights))
        self._asked[index] = weights, order

    def take(self, index: int) -> Block:
        if index in self.dying:
            self.dying.remove(index)
            raise Gone("it was killed")
        return self._collectors[index].collect(*self._asked.pop(index))

    def close(self) -> None:
        self.closed = True
