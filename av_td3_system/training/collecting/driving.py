"""Decisions that collectors make: put side by side, counted once, and learned from as if they were made here."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.replay.sight import Sight
from av_td3_system.training.collecting.block import Block, beside, side_by_side
from av_td3_system.training.collecting.collector import Order, Post
from av_td3_system.training.collecting.pool import Gone, Pool
from av_td3_system.training.explorer import Experience
from av_td3_system.training.failure import SimulatorFailed
from av_td3_system.training.learner import Learner
from av_td3_system.training.stopwatch import Pace, Stopwatch

ATTEMPTS = 4  # to get one block of a collector's worlds, after which the backend is lost


class Collection:
    """The worlds of a run whose collectors drive in them, as far as the run must know of them.

    Args:
        config: of the run. pool: runs the collectors.
    """

    restores_episodes = False
    shares_worlds = False

    def __init__(self, config: Config, pool: Pool) -> None:
        self.config, self.pool = config, pool
        self.num_envs = config.run.num_envs
        self.drawn = np.zeros(self.num_envs, np.int64)  # episodes that each world has begun
        self.seen: Sight | None = None  # what is seen after the last decision that was taken; None: there was none

    def reach(self, timestep: int) -> None:
        """Orders say from which timestep on."""

    def state_dict(self) -> dict[str, Any]:
        """Which episodes have begun and what was seen last; where the open ones are is the collectors' own."""
        return {"drawn": self.drawn.copy(), "seen": None if self.seen is None else self.seen._asdict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the next episodes."""
        self.drawn[...] = state["drawn"]
        self.seen = None if state["seen"] is None else Sight(**state["seen"])

    def close(self) -> None:
        """End the collectors."""
        self.pool.close()


class CollectedDriving:
    """Takes decisions of all collectors in order, block by block, while they make the next ones.

    A block is made with the weights of when it was asked for, which is when the one before begins to be learned from:
    a decision's policy is one to two blocks old, always the same, so equal runs are equal. Nobody makes more than the
    block that is waited for next, however slow learning is.

    Args:
        collection: the worlds. learner: remembers and learns. watch: times the waiting.
        changed: told the positions of the replay from which on rows have changed.

    Attributes:
        pace: of the waiting. before: always empty: a block that came to nothing has changed nothing.
        interrupted: the open episodes are over, and those to come are not begun.
        replaced: how many collectors were.
    """

    def __init__(
        self, collection: Collection, learner: Learner, watch: Stopwatch, changed: Callable[[np.ndarray], None]
    ) -> None:
        self._collection, self._learner, self._watch, self._changed = collection, learner, watch, changed
        config = collection.config
        self._count, self._length = config.collectors.count, config.collectors.block
        self._worlds = collection.num_envs // self._count  # of each
        self._came: deque[Experience] = deque()
        self._last: list[Sight] = []  # what each saw last, in the block that is in use
        self._weights: Any = None  # of the order at hand
        self.begun = self.interrupted = False
        self.pace = Pace(watch, "simulator")
        self.before: dict[str, Any] = {}
        self.replaced = 0

    def begin(self, step: int) -> None:
        """Start collectors, and have them begin."""
        for index in range(self._count):
            self._start(index, step)
        self._ask(step)
        self.begun = True

    def take_up(self) -> None:
        """Collectors have no state to go on from: the episodes that were open are over."""
        self.interrupted = True

    def cut(self) -> None:
        """End the open episodes, which are lost, where they were seen last; `begin` begins new ones."""
        self.interrupted = False
        self._cut(np.ones(self._collection.num_envs, bool))

    def decide(self, step: int) -> Experience:
        """The next decision of every world, remembered.

        Raises:
            NotFinite: something in a block was no number; nothing of the block is remembered.
            SimulatorFailed: no block comes.
        """
        if not self._came:
            with self._watch.section("simulator"):
                self._fetch(step)
        self.pace.count()
        came = self._came.popleft()
        self._collection.seen = self._came[0].seen if self._came else beside(self._last)
        with self._watch.section("replay"):
            self._learner.store(came)
        return came

    def _fetch(self, step: int) -> None:
        faults: list[str] = []
        blocks = [self._take(index, step, faults) for index in range(self._count)]
        self._last = [block.last.each()[0] for block in blocks]
        self._collection.drawn[...] = np.concatenate([block.drawn for block in blocks])
        self._came.extend(side_by_side(parts) for parts in zip(*(block.each() for block in blocks), strict=True))
        if faults:
            self._came[0].infos.setdefault("faults", []).extend(faults)  # type: ignore[attr-defined]
        self._ask(step + self._length * self._collection.num_envs)

    def _ask(self, step: int) -> None:
        pool = self._collection.pool
        self._weights = pool.share(self._learner.agent.networks.policy().stored())
        for index in range(self._count):
            pool.ask(index, self._weights, self._order(step))

    def _order(self, step: int) -> Order:
        return Order(step, self._length, self._learner.guided)

    def _start(self, index: int, step: int) -> None:
        rows = slice(index * self._worlds, (index + 1) * self._worlds)
        drawn = self._collection.drawn[rows].copy()
        self._collection.pool.start(Post(index, self._worlds, self._collection.num_envs, step, drawn))

    def _take(self, index: int, step: int, faults: list[str]) -> Block:
        """A collector's block; one that is gone is replaced, its open episodes end where they were seen last."""
        pool = self._collection.pool
        for _ in range(ATTEMPTS):
            try:
                return pool.take(index)
            except Gone as gone:
                self.replaced += 1
                faults.append(f"collector {index}: {gone.reason}")
                print(f"warning: collector {index} is replaced: {gone.reason}", file=sys.stderr)
                lost = np.zeros(self._collection.num_envs, bool)
                lost[index * self._worlds : (index + 1) * self._worlds] = True
                self._cut(lost)
                self._start(index, step)
                pool.ask(index, self._weights, self._order(step))
        raise SimulatorFailed from RuntimeError(f"collector {index} came to nothing {ATTEMPTS} times: {faults[-1]}")

    def _cut(self, lost: np.ndarray) -> None:
        if self._collection.seen is not None:
            self._changed(self._learner.replay.cut(self._collection.seen, lost))
