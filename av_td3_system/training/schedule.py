"""Small predicates that the loop reads as prose."""

from __future__ import annotations


class Every:
    """True once for each multiple of `interval` timesteps that is reached or passed.

    Worlds in parallel pass several timesteps at a time, so a multiple is rarely hit exactly.
    """

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._last = 0

    def milestone(self, step: int) -> int | None:
        """The multiple that `step` has newly reached or passed, or None."""
        reached = step // self._interval
        if reached == self._last:
            return None
        self._last = reached
        return reached * self._interval

    def __call__(self, step: int) -> bool:
        """Whether a multiple has newly been reached or passed."""
        return self.milestone(step) is not None

    def state_dict(self) -> dict[str, int]:
        """Plain state."""
        return {"last": self._last}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up a stored state."""
        self._last = int(state["last"])


class UpdateBudget:
    """How many gradient updates are due: `updates_per_step` for each timestep, fractions carried over."""

    def __init__(self, updates_per_step: float) -> None:
        self._rate = updates_per_step
        self._owed = 0.0

    def due(self, timesteps: int) -> int:
        """Updates to do after so many more timesteps."""
        self._owed += self._rate * timesteps
        updates = int(self._owed + 1e-9)
        self._owed -= updates
        return updates

    def state_dict(self) -> dict[str, float]:
        """Plain state."""
        return {"owed": self._owed}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take up a stored state."""
        self._owed = float(state["owed"])
