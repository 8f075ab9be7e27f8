"""Small predicates that the loop reads as prose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Every:
    """Each multiple of `interval` timesteps that is reached or passed, until it is done.

    Worlds in parallel pass several timesteps at a time, so a multiple is rarely hit exactly. What was due but not done
    when a run was stopped is due when it goes on.
    """

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self.last = 0  # newest multiple that is done

    def due(self, step: int) -> int | None:
        """The newest multiple that `step` has reached or passed and that is not done, or None."""
        reached = step // self._interval * self._interval
        return reached if reached > self.last else None

    def done(self, milestone: int) -> None:
        """Whatever was due at this multiple and before is done."""
        self.last = milestone

    def take(self, step: int) -> bool:
        """Whether something is due; it counts as done from now on."""
        milestone = self.due(step)
        if milestone is not None:
            self.done(milestone)
        return milestone is not None

    def state_dict(self) -> dict[str, int]:
        """Plain state, whatever the interval."""
        return {"last": self.last}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up a stored state."""
        self.last = int(state["last"])


class Schedule(NamedTuple):
    """What falls due in a run."""

    log: Every
    check: Every
    evaluate: Every
    save: Every

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {name: every.state_dict() for name, every in self._asdict().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state."""
        for name, every in self._asdict().items():
            every.load_state_dict(state[name])


class UpdateBudget:
    """How many gradient updates are due: `updates_per_step` for each timestep, fractions carried over.

    Beyond timestep `late_after` it is `late` for each, unless that is None.
    """

    def __init__(self, updates_per_step: float, late: float | None = None, late_after: int = 0) -> None:
        self._rate, self._late, self._late_after = updates_per_step, late, late_after
        self._owed = 0.0

    def due(self, timesteps: int, step: int) -> int:
        """Updates to do after so many more timesteps, the last of them being `step`."""
        rate = self._rate if self._late is None or step <= self._late_after else self._late
        self._owed += rate * timesteps
        updates = int(self._owed + 1e-9)
        self._owed -= updates
        return updates

    def state_dict(self) -> dict[str, float]:
        """Plain state."""
        return {"owed": self._owed}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take up a stored state."""
        self._owed = float(state["owed"])
