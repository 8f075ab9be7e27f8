"""Which transitions a batch is made of: uniformly drawn, by priority, a share of them before failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from av_td3_system.replay.failures import Failures
from av_td3_system.replay.priorities import Priorities
from av_td3_system.replay.windows import Slots, accept, count_valid


class Sampling(NamedTuple):
    """How a batch is drawn.

    Attributes:
        priority_exponent: alpha of LAP; None: uniformly.
        failure_share: share of a batch from transitions shortly before a return ended, 0 to 1.
        failure_decisions: how many before the end these are.
    """

    priority_exponent: float | None = None
    failure_share: float = 0.0
    failure_decisions: int = 1


class Choice:
    """Draws transitions whose window is complete; with replacement.

    Args:
        slots: the rings that are drawn from.
        n_step: longest window.
        reach: decisions from a stack's oldest frame to its newest.
        rng: where draws come from; saved and restored by its owner.
        sampling: what is drawn how often.
    """

    def __init__(self, slots: Slots, n_step: int, reach: int, rng: np.random.Generator, sampling: Sampling) -> None:
        self._slots, self._n_step, self._reach, self._rng = slots, n_step, reach, rng
        self._share = sampling.failure_share
        exponent, decisions = sampling.priority_exponent, sampling.failure_decisions
        self.priorities = Priorities(slots, exponent) if exponent is not None else None
        self.failures = Failures(slots, n_step, reach, decisions) if self._share > 0 else None

    def wrote(self, envs: np.ndarray, slot: np.ndarray) -> None:
        """These slots were written."""
        if self.priorities is not None:
            self.priorities.wrote(envs, slot)

    def decided(self, failed: np.ndarray) -> None:
        """One decision of every world is written, last observations included; `failed`: bool (N,), the return ended."""
        if self.failures is not None:
            self.failures.wrote(np.flatnonzero(failed))

    def draw(self, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Environments and positions, each int64 (B,); what lies before failures comes first.

        Raises:
            ValueError: there is no complete transition yet.
        """
        env, position = np.empty((2, batch_size), np.int64)
        found = 0
        if self.failures is not None and len(self.failures) > 0:
            found = round(self._share * batch_size)
            self.failures.draw(self._rng, env[:found], position[:found])
        stored = int(np.minimum(self._slots.written, self._slots.flags.shape[1]).sum())
        while found < batch_size:  # by rejection: exactly in proportion over what may be sampled
            before = found
            if self.priorities is not None:
                found = self.priorities.accept(self._rng, self._n_step, self._reach, env, position, found)
            else:
                draws = self._rng.integers(0, max(stored, 1), size=batch_size - found)
                found = accept(self._slots, draws, self._n_step, self._reach, env, position, found)
            if found == before and count_valid(self._slots, self._n_step, self._reach) == 0:
                raise ValueError("the replay holds no complete transition yet")
        return env, position

    @property
    def bytes_per_slot(self) -> int:
        """Memory that the drawing takes beside the rings, at most."""
        return 16 * (self.priorities is not None) + 8 * (self.failures is not None)

    def books(self, first: np.ndarray, last: np.ndarray) -> dict[str, Any]:
        """What the rows of these positions do not say themselves."""
        return {"priorities": self.priorities.books(first, last)} if self.priorities is not None else {}

    def restore(self, books: Mapping[str, Any], first: np.ndarray, last: np.ndarray) -> None:
        """Take up stored books of these positions, after the rings."""
        if self.priorities is not None:
            self.priorities.restore(books.get("priorities"), first, last)
        if self.failures is not None:
            self.failures.rebuild()
