"""Prioritised replay as in LAP (Fujimoto, Meger & Precup 2020): what surprises is drawn more often.

A transition weighs max(|TD error|, 1)^alpha. With the Huber loss, whose gradient is 1 beyond an error of 1, this is
the expected gradient of a uniformly sampled loss, so no importance weights are needed (`agent.critic_loss: huber`).
A new transition weighs as much as the heaviest so far, so that everything is soon learned from once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from av_td3_system.replay.history import gather, scatter
from av_td3_system.replay.sum_tree import SumTree, find
from av_td3_system.replay.windows import TRANSITION, Slots, window

LEAST = 1.0  # |TD error| below which all weigh the same: where the Huber loss becomes quadratic


@njit(cache=True)
def accept_leaves(
    slots: Slots,
    nodes: np.ndarray,
    points: np.ndarray,
    n_step: int,
    reach: int,
    env: np.ndarray,
    position: np.ndarray,
    found: int,
) -> int:
    """As `windows.accept`, for points, float64 (M,) in [0, sum of the tree); leaf: environment * S + slot."""
    size = slots.flags.shape[1]
    for point in points:
        if found == len(env):
            break
        leaf = find(nodes, point)
        e, slot = leaf // size, leaf % size
        newest = slots.written[e] - 1
        candidate = newest - (newest - slot) % size
        if window(slots, e, candidate, n_step, reach) > 0:
            env[found] = e
            position[found] = candidate
            found += 1
    return found


class Priorities:
    """Weights of all slots of the rings; 0 for what is no transition.

    Args:
        slots: the rings.
        exponent: alpha.
    """

    def __init__(self, slots: Slots, exponent: float) -> None:
        self._slots, self._exponent = slots, exponent
        self._tree = SumTree(slots.flags.size)
        self._greatest = LEAST

    def wrote(self, envs: np.ndarray, slot: np.ndarray) -> None:
        """Weigh what was just written into these slots."""
        transition = (self._slots.flags[envs, slot] & TRANSITION) > 0
        self._tree.put(envs * self._slots.flags.shape[1] + slot, np.where(transition, self._greatest, 0.0))

    def accept(
        self,
        rng: np.random.Generator,
        n_step: int,
        reach: int,
        env: np.ndarray,
        position: np.ndarray,
        found: int,
    ) -> int:
        """Draw as many as lack, keep what may be sampled; how many (env, position) then holds."""
        points = rng.random(len(env) - found) * self._tree.total
        return accept_leaves(self._slots, self._tree.nodes, points, n_step, reach, env, position, found)

    def learned(self, env: np.ndarray, position: np.ndarray, error: np.ndarray) -> None:
        """Weigh transitions by their errors; what has been overwritten since, or is not finite, is passed over."""
        size = self._slots.flags.shape[1]
        kept = (position >= self._slots.written[env] - size) & np.isfinite(error)
        weight = np.maximum(np.abs(error[kept]), LEAST) ** self._exponent
        self._tree.put(env[kept] * size + position[kept] % size, weight)
        self._greatest = max(self._greatest, float(weight.max(initial=0.0)))

    @property
    def weights(self) -> np.ndarray:
        """Float64 (E, S), a view."""
        return self._tree.leaves.reshape(self._slots.flags.shape)

    def books(self, first: np.ndarray, last: np.ndarray) -> dict[str, Any]:
        """The weights of these positions of each world."""
        return {"weights": gather(self.weights, first, last), "greatest": self._greatest}

    def restore(self, books: Mapping[str, Any] | None, first: np.ndarray, last: np.ndarray) -> None:
        """Take up stored weights; where there are none, every stored transition weighs the same."""
        self.weights.fill(0.0)
        stored = (self._slots.flags & TRANSITION) > 0
        if books is None:
            self.weights[stored] = LEAST
            self._greatest = LEAST
        else:
            scatter(self.weights, np.asarray(books["weights"]), first, last)
            self.weights[~stored] = 0.0
            self._greatest = float(books["greatest"])
        self._tree.sum_up()
