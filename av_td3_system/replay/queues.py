"""Queues of positions that may be sampled, one a world: filled at the back, emptied at the front as the ring turns."""

from __future__ import annotations

import numpy as np
from numba import njit

from av_td3_system.replay.windows import FINAL, Slots, window


@njit(cache=True)
def _drop_stale(slots: Slots, queue: np.ndarray, head: np.ndarray, tail: np.ndarray, n_step: int, reach: int) -> None:
    size = slots.flags.shape[1]
    for env in range(len(head)):
        while head[env] < tail[env] and window(slots, env, queue[env, head[env] % size], n_step, reach) == 0:
            head[env] += 1


@njit(cache=True)
def _pick(
    queue: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    draws: np.ndarray,
    env: np.ndarray,
    position: np.ndarray,
) -> None:
    for sample in range(len(draws)):
        rest = draws[sample]
        e = 0
        while rest >= tail[e] - head[e]:
            rest -= tail[e] - head[e]
            e += 1
        env[sample] = e
        position[sample] = queue[e, (head[e] + rest) % queue.shape[1]]


@njit(cache=True)
def _append_complete(
    slots: Slots,
    queue: np.ndarray,
    tail: np.ndarray,
    following: np.ndarray,
    n_step: int,
    reach: int,
) -> None:
    size = slots.flags.shape[1]
    for env in range(len(tail)):
        following[env] = max(following[env], slots.written[env] - size)
        while following[env] < slots.written[env]:
            position = following[env]
            if window(slots, env, position, n_step, reach) > 0:
                queue[env, tail[env] % size] = position
                tail[env] += 1
            elif not slots.flags[env, position % size] & FINAL and position >= slots.written[env] - n_step:
                break  # its window is not complete yet, nor is any behind it
            following[env] += 1


class PositionQueues:
    """Positions in order; what leaves a world's queue is always at its front.

    Both ends move in the order of positions: later transitions are complete later, and the frames of earlier ones are
    overwritten earlier.

    Args:
        slots: the rings.
        n_step: longest window.
        reach: decisions from a stack's oldest frame to its newest.
    """

    def __init__(self, slots: Slots, n_step: int, reach: int) -> None:
        self.slots, self.window = slots, (n_step, reach)
        self.queue: np.ndarray = np.zeros(
            slots.flags.shape, np.int64
        )  # entry i lies in i % S; memory is taken as it fills
        self.head, self.tail = np.zeros((2, len(slots.written)), np.int64)

    def __len__(self) -> int:
        """How many there are to draw from."""
        return int((self.tail - self.head).sum())

    def drop_stale(self) -> None:
        """Take from the fronts what may not be sampled any more."""
        _drop_stale(self.slots, self.queue, self.head, self.tail, *self.window)

    def draw(self, rng: np.random.Generator, env: np.ndarray, position: np.ndarray) -> None:
        """Fill both arrays uniformly; there must be some."""
        _pick(self.queue, self.head, self.tail, rng.integers(0, len(self), size=len(env)), env, position)


class Sampleable(PositionQueues):
    """All transitions whose window is complete."""

    def __init__(self, slots: Slots, n_step: int, reach: int) -> None:
        super().__init__(slots, n_step, reach)
        self._following = np.zeros(len(slots.written), np.int64)  # first position that is not judged yet

    def wrote(self) -> None:
        """Take up what has become complete."""
        self.drop_stale()  # makes room in the queues
        _append_complete(self.slots, self.queue, self.tail, self._following, *self.window)

    def rebuild(self) -> None:
        """Find all of them anew, after the rings were loaded."""
        self.head[:] = self.tail[:] = self._following[:] = 0
        self.wrote()
