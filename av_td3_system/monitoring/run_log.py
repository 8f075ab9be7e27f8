"""The readable log of a run: `train.log` and standard error, in the lines that the action plan greps for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.append import append_whole
from av_td3_system.monitoring.terminal import uses_colour, write_line

EXPLORATION: Final = "EXPLORATION"
LEARNING: Final = "LEARNING"

# The plan's names of the reward terms, in its order.
_COMPONENT_LABELS: Final = {
    "efficiency": "efficiency_reward",
    "lane_keeping": "lane_keeping_reward",
    "comfort": "comfort_penalty",
    "safety": "safety_penalty",
    "progress": "progress_reward",
}
_PREFIX: Final = {logging.CRITICAL: "[ALERT] ", logging.ERROR: "[ERROR] ", logging.WARNING: "[WARNING] "}
_COLOUR: Final = {logging.CRITICAL: "\x1b[1;31m", logging.ERROR: "\x1b[31m", logging.WARNING: "\x1b[33m"}
_PACKAGE: Final = "av_td3_system"


def phase_of(step: int, learning_starts: int) -> str:
    """EXPLORATION for steps 1 to `learning_starts`, LEARNING after."""
    return EXPLORATION if step <= learning_starts else LEARNING


class RunLog:
    """Sends the package's log records to `train.log` and standard error, and words the run's own lines.

    Use as a context manager; leaving it restores the logger.

    Args:
        path: `train.log`, appended to; None for standard error alone. A line that it cannot take raises OSError where
            it was logged: a run that nobody can follow any more is to end, not to go on unseen.
        debug: also show debug records.
    """

    def __init__(self, path: Path | None, *, debug: bool = False) -> None:
        self._logger = logging.getLogger(_PACKAGE)
        self._before = (self._logger.level, self._logger.propagate)
        self._logger.setLevel(logging.DEBUG if debug else logging.INFO)
        self._logger.propagate = False  # a root handler of some library would print each line twice
        self._handlers: list[_StderrHandler | _FileHandler] = [_StderrHandler()]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handlers.append(_FileHandler(path))
        for handler in self._handlers:
            handler.setFormatter(_LineFormatter())
            self._logger.addHandler(handler)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Detach and close the handlers."""
        for handler in self._handlers:
            self._logger.removeHandler(handler)
            handler.close()
        self._handlers.clear()
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)

    def info(self, message: str) -> None:
        """One plain line."""
        self._logger.info("%s", message)

    def warning(self, message: str) -> None:
        """One line marked `[WARNING]`."""
        self._logger.warning("%s", message)

    def error(self, message: str) -> None:
        """One line marked `[ERROR]`."""
        self._logger.error("%s", message)

    def bear_with_the_disk(self) -> None:
        """From now on pass over lines that cannot be written: the run is ending because of its disk."""
        for handler in self._handlers:
            handler.strict = False

    def interval(self, step: int, phase: str, metrics: Mapping[str, float]) -> None:
        """The line of a log interval: step, phase and metrics by their short names."""
        figures = " ".join(f"{tag.split('/', 1)[-1]}={value:.4g}" for tag, value in metrics.items())
        self._logger.info("%s", f"step {step} {phase} {figures}".rstrip())

    def phase(self, step: int, phase: str) -> None:
        """The line that marks the beginning of a phase."""
        self._logger.info("step %d %s phase begins", step, phase)

    def episode(self, number: int, step: int, phase: str, record: Mapping[str, Any]) -> None:
        """Two lines for a finished episode: outcome and reward, then the sums of the reward terms if it has any.

        Args:
            number: of the episode in the run, from 1.
            step: environment step at which it ended.
            phase: EXPLORATION or LEARNING.
            record: fields of an episode record; needs `episode_reward`.
        """
        details = [f"Episode {number} step {step} {phase} reward {record['episode_reward']:.2f}"]
        if "length" in record:
            details.append(f"length {record['length']}")
        if "outcome" in record:
            details.append(f"outcome {record['outcome']}")
        if "route_completion" in record:
            details.append(f"route_completion {record['route_completion']:.2f}")
        if record.get("vehicles") is not None:
            details.append(f"vehicles {record['vehicles']} weather {record['weather']}")
        self._logger.info("%s", " ".join(details))
        terms = record.get("reward_terms")
        if not terms:  # a reward that is given whole
            return
        sums = " ".join(f"{label}={terms[term]:.3f}" for term, label in _COMPONENT_LABELS.items() if term in terms)
        self._logger.info("%s", f"reward_components {sums} episode={number} step={step}")

    def alert(self, alert: Alert) -> None:
        """`[ALERT]` for what halts or is counted, `[WARNING]` for the rest."""
        level = logging.WARNING if alert.severity == "warning" else logging.CRITICAL
        self._logger.log(level, "%s", alert.message)


class _LineFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"{record.asctime} {_PREFIX.get(record.levelno, '')}{record.message}"


class _FileHandler(logging.Handler):
    """Lines appended whole or not at all."""

    strict = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            append_whole(self._file, self.format(record).encode(errors="replace") + b"\n")
        except OSError:
            if self.strict:
                raise

    def close(self) -> None:
        self._file.close()
        super().close()


class _StderrHandler(logging.Handler):
    """Standard error as it is at the time of writing: a live progress display replaces it while it runs."""

    strict = True

    def emit(self, record: logging.LogRecord) -> None:
        stream: TextIO = sys.stderr
        line = self.format(record)
        colour = _COLOUR.get(record.levelno)
        if colour and uses_colour(stream):
            line = f"{colour}{line}\x1b[0m"
        try:
            write_line(stream, line)
        except OSError:  # sent to a file on a full disk
            if self.strict:
                raise
