"""The transitions shortly before an episode ended with its return: few, and what there is to learn of accidents.

They are known when the episode ends and are forgotten as their rings overwrite them. In each world both happen in the
order of positions, so a queue a world holds exactly those that may be sampled.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from av_td3_system.replay.windows import FINAL, RETURN_ENDS, Slots, window


@njit(cache=True)
def _append(slots: Slots, queue: np.ndarray, tail: np.ndarray, env: int, last: int, decisions: int) -> None:
    """Queue the last transitions of the episode whose last transition has position `last`."""
    size = slots.flags.shape[1]
    oldest = max(0, slots.written[env] - size)
    first = last
    while first > oldest and last - first + 1 < decisions and not slots.flags[env, (first - 1) % size] & FINAL:
        first -= 1
    for position in range(first, last + 1):
        queue[env, tail[env] % size] = position
        tail[env] += 1


@njit(cache=True)
def _drop_stale(slots: Slots, queue: np.ndarray, head: np.ndarray, tail: np.ndarray, n_step: int, reach: int) -> None:
    """Take from each queue's front what may not be sampled any more."""
    size = slots.flags.shape[1]
    for env in range(len(head)):
        while head[env] < tail[env] and window(slots, env, queue[env, head[env] % size], n_step, reach) == 0:
            head[env] += 1


@njit(cache=True)
def _rebuild(slots: Slots, queue: np.ndarray, tail: np.ndarray, decisions: int) -> None:
    size = slots.flags.shape[1]
    for env in range(len(tail)):
        for position in range(max(0, slots.written[env] - size), slots.written[env]):
            if slots.flags[env, position % size] & RETURN_ENDS:
                _append(slots, queue, tail, env, position, decisions)


@njit(cache=True)
def _pick(
    queue: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    draws: np.ndarray,
    env: np.ndarray,
    position: np.ndarray,
) -> None:
    """Env and position of draws, which count through the queues one after the other."""
    for sample in range(len(draws)):
        rest = draws[sample]
        e = 0
        while rest >= tail[e] - head[e]:
            rest -= tail[e] - head[e]
            e += 1
        env[sample] = e
        position[sample] = queue[e, (head[e] + rest) % queue.shape[1]]


class Failures:
    """Which transitions lie before a failure.

    Args:
        slots: the rings.
        n_step: longest window.
        reach: decisions from a stack's oldest frame to its newest.
        decisions: how many transitions before the end count, the last included.
    """

    def __init__(self, slots: Slots, n_step: int, reach: int, decisions: int) -> None:
        self._slots, self._window, self._decisions = slots, (n_step, reach), decisions
        self._queue = np.zeros(slots.flags.shape, np.int64)  # memory is taken as failures come
        self._head, self._tail = np.zeros((2, len(slots.written)), np.int64)

    def wrote(self, failed: np.ndarray) -> None:
        """Note what was just written: `failed` are the environments (int64) whose return has ended.

        Their last observation is written already, behind the last transition.
        """
        _drop_stale(self._slots, self._queue, self._head, self._tail, *self._window)  # makes room in the queues
        for env in failed:
            last = int(self._slots.written[env]) - 2
            _append(self._slots, self._queue, self._tail, int(env), last, self._decisions)
        if len(failed):
            _drop_stale(self._slots, self._queue, self._head, self._tail, *self._window)

    def __len__(self) -> int:
        """Transitions before a failure that may be sampled now."""
        return int((self._tail - self._head).sum())

    def draw(self, rng: np.random.Generator, env: np.ndarray, position: np.ndarray) -> None:
        """Fill both arrays uniformly; there must be some."""
        _pick(self._queue, self._head, self._tail, rng.integers(0, len(self), size=len(env)), env, position)

    def rebuild(self) -> None:
        """Find all of them anew, after the rings were loaded."""
        self._head[:] = self._tail[:] = 0
        _rebuild(self._slots, self._queue, self._tail, self._decisions)
        _drop_stale(self._slots, self._queue, self._head, self._tail, *self._window)
