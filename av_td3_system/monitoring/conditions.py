"""The small machines that guards are made of: raise once, look back over a window, compare with a median."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any


class Latch:
    """Turns a condition into edges.

    Rises after `persistence` true checks in a row, then stays silent until the condition was false
    for as many: a lasting or flickering state is one alert, not one every check.
    """

    def __init__(self, persistence: int = 1) -> None:
        self._persistence = persistence
        self._streak = 0  # checks in a row that disagree with `raised`
        self.raised = False

    def update(self, holds: bool) -> bool:
        """Take one check; whether it is the rising edge."""
        if holds == self.raised:
            self._streak = 0
            return False
        self._streak += 1
        if self._streak < self._persistence:
            return False
        self._streak = 0
        self.raised = holds
        return holds

    def rearm(self) -> None:
        """Forget everything: the condition has to persist anew."""
        self._streak, self.raised = 0, False

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {"streak": self._streak, "raised": self.raised}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._streak, self.raised = int(state["streak"]), bool(state["raised"])


class CountWindow:
    """Mean of the last `size` values; no mean before they are there."""

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> None:
        """Take the newest value."""
        self._values.append(value)

    @property
    def mean(self) -> float | None:
        """Mean of a full window, else None."""
        if len(self._values) < (self._values.maxlen or 0):
            return None
        return sum(self._values) / len(self._values)

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {"values": list(self._values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._values.clear()
        self._values.extend(state["values"])


class StepWindow:
    """Mean of the values seen in the last `span` timesteps; no mean before so many have passed."""

    def __init__(self, span: int) -> None:
        self._span = span
        self._values: deque[tuple[int, float]] = deque()
        self._start: int | None = None

    def add(self, step: int, value: float) -> None:
        """Take the value of a step."""
        if self._start is None:
            self._start = step
        self._values.append((step, value))
        while self._values[0][0] <= step - self._span:
            self._values.popleft()

    @property
    def mean(self) -> float | None:
        """Mean over the span, or None while the window is not covered yet."""
        if self._start is None or self._values[-1][0] - self._start < self._span:
            return None
        return sum(value for _, value in self._values) / len(self._values)

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {"values": [list(pair) for pair in self._values], "start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._values = deque((int(step), float(value)) for step, value in state["values"])
        self._start = state["start"]


class RunningMedian:
    """Median of the last `size` values, from a fifth of them on."""

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._needed = max(1, size // 5)

    def of_earlier(self, value: float) -> float | None:
        """The median of the values before this one, which is then taken in; None while those are few, or it is 0."""
        median = statistics.median(self._values) if len(self._values) >= self._needed else None
        self._values.append(value)
        return median or None

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {"values": list(self._values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._values.clear()
        self._values.extend(state["values"])
