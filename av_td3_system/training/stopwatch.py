"""Where a run's time goes. Measures only: nothing that a run does depends on it."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any


class Stopwatch:
    """Wall-clock seconds spent in named sections, which do not nest."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._before = 0.0  # s of the run before it was resumed
        self._sections: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Charge what happens inside to `name`."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._sections[name] += time.monotonic() - begun

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken, those before it was resumed included."""
        return self._before + time.monotonic() - self._begun

    def seconds(self, name: str) -> float:
        """Seconds charged to a section so far."""
        return self._sections[name]

    def state_dict(self) -> dict[str, Any]:
        """Seconds so far."""
        return {"elapsed": self.elapsed, "sections": dict(self._sections)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Count on from a stored state."""
        self._before += float(state["elapsed"])
        for name, seconds in state["sections"].items():
            self._sections[name] += float(seconds)

    def split(self) -> dict[str, float]:
        """Seconds of each section, and of everything else as `other`; they add up to `total`."""
        elapsed = self.elapsed
        sections = {name: round(seconds, 2) for name, seconds in self._sections.items()}
        return {**sections, "other": round(elapsed - sum(self._sections.values()), 2), "total": round(elapsed, 2)}


class Pace:
    """Milliseconds that one round of a section takes.

    Args:
        watch: that times the section.
        section: its name.
    """

    def __init__(self, watch: Stopwatch, section: str) -> None:
        self._watch, self._section = watch, section
        self._rounds, self._then = 0, watch.seconds(section)

    def count(self) -> None:
        """A round is over."""
        self._rounds += 1

    def lap(self) -> float | None:
        """Mean of the rounds since the last lap, None without one."""
        now = self._watch.seconds(self._section)
        mean = 1000.0 * (now - self._then) / self._rounds if self._rounds else None
        self._rounds, self._then = 0, now
        return mean
