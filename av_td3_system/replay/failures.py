"""The transitions shortly before an episode ended with its return: few, and what there is to learn of accidents.

They are known when the episode ends and are forgotten as their rings overwrite them. In each world both happen in the
order of positions, so a queue a world holds exactly those that may be sampled.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from av_td3_system.replay.queues import PositionQueues
from av_td3_system.replay.windows import FINAL, RETURN_ENDS, Slots


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
def _rebuild(slots: Slots, queue: np.ndarray, tail: np.ndarray, decisions: int) -> None:
    size = slots.flags.shape[1]
    for env in range(len(tail)):
        for position in range(max(0, slots.written[env] - size), slots.written[env]):
            if slots.flags[env, position % size] & RETURN_ENDS:
                _append(slots, queue, tail, env, position, decisions)


class Failures(PositionQueues):
    """Which transitions lie before a failure.

    Args:
        slots: the rings.
        n_step: longest window.
        reach: decisions from a stack's oldest frame to its newest.
        decisions: how many transitions before the end count, the last included.
    """

    def __init__(self, slots: Slots, n_step: int, reach: int, decisions: int) -> None:
        super().__init__(slots, n_step, reach)
        self._decisions = decisions

    def wrote(self, failed: np.ndarray) -> None:
        """Note what was just written: `failed` are the environments (int64) whose return has ended.

        Their last observation is written already, behind the last transition.
        """
        self.drop_stale()  # makes room in the queues
        for env in failed:
            last = int(self.slots.written[env]) - 2
            _append(self.slots, self.queue, self.tail, int(env), last, self._decisions)
        if len(failed):
            self.drop_stale()

    def rebuild(self) -> None:
        """Find all of them anew, after the rings were loaded."""
        self.head[:] = self.tail[:] = 0
        _rebuild(self.slots, self.queue, self.tail, self._decisions)
        self.drop_stale()
