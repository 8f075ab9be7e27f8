"""Live progress of a long run on standard error: a bar on a terminal, a plain line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from av_td3_system.monitoring.terminal import is_interactive, write_line

_RATE_SPAN = 60.0  # s over which the rate is measured: a slow start is forgotten ...
_RATE_SHARE = 0.02  # ... and at least this share of the run, so that an evaluation does not pass for a standstill


class Progress:
    """Step, rate and time left; the clock decides what is shown and when, nothing else.

    Args:
        total: timesteps at which the run ends, or how many there are of another `unit`.
        start: how many are done already (a resumed run).
        unit: what is counted.
        interval: seconds between lines when piped.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        total: int,
        start: int = 0,
        *,
        unit: str = "steps",
        interval: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._unit = total, unit
        self._interval = interval
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque([(clock(), start)])
        self._last_line = clock()
        self._bar = _Bar(total, start) if is_interactive(sys.stderr) else None

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def restart(self, step: int) -> None:
        """Measure the rate anew from here on: what comes takes another time than what was."""
        self._samples = deque([(self._clock(), step)])

    def update(self, step: int, note: str = "") -> None:
        """Show that `step` timesteps are done.

        Args:
            step: timesteps done.
            note: a few words beside the figures, such as the phase.
        """
        now = self._clock()
        if now - self._samples[-1][0] >= 0.5:
            self._samples.append((now, step))
            while len(self._samples) > 2 and self._spans_enough(now, step):
                self._samples.popleft()
        if self._bar:
            self._bar.update(step, f"{self._figures(now, step)} {note}".rstrip())
        elif now - self._last_line >= self._interval:
            self._last_line = now
            share = 100 * step / self._total if self._total else 100.0
            counted = "step" if self._unit == "steps" else self._unit
            line = f"progress {counted} {step}/{self._total} {share:.1f}% {self._figures(now, step)} {note}"
            write_line(sys.stderr, line.rstrip())

    def _spans_enough(self, now: float, step: int) -> bool:
        """Whether the rate can be measured without the oldest sample."""
        then, done = self._samples[1]
        return now - then >= _RATE_SPAN and step - done >= _RATE_SHARE * self._total

    def _figures(self, now: float, step: int) -> str:
        then, done = self._samples[0]
        if now <= then or step <= done:
            return "rate - left -"
        rate = (step - done) / (now - then)
        digits = 0 if self._unit == "steps" else 1
        left = format_duration((self._total - step) / rate)
        return f"rate {rate:.{digits}f} {self._unit}/s left {left}"


def format_duration(seconds: float) -> str:
    """Hours, minutes, seconds: `1:02:03`, or `2:03` below an hour."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Bar:
    """The bar of a terminal; rich keeps log lines above it and honours NO_COLOR."""

    def __init__(self, total: int, start: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("", total=total, completed=start)

    def start(self) -> None:
        self._progress.start()

    def update(self, step: int, description: str) -> None:
        self._progress.update(self._task, completed=step, description=description)

    def stop(self) -> None:
        self._progress.stop()
