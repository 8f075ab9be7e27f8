"""Signals: stop after saving, save without stopping, and leave at once when asked twice."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final

logger = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
SAVE_SIGNAL: Final = signal.SIGUSR2


def exit_code(signum: int) -> int:
    """Exit code of a run that a signal stopped after saving: 130 for SIGINT, else 143.

    SIGUSR1, a cluster's warning of the end of an allotment, counts as a termination.
    """
    return 130 if signum == signal.SIGINT else 143


class Stopped(BaseException):
    """A signal asked to stop where nothing had been computed yet that a checkpoint does not hold.

    No `Exception`, as KeyboardInterrupt is none: what handles errors on the way must let it pass.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class StopSignals:
    """While entered, turns signals into requests that the loop looks at whenever it can act on them.

    Enter it before the first slow thing (warm-up, evaluation, loading) so that no signal finds the
    run deaf. A second stop signal ends the process at once; checkpoints are safe then too, as they
    are put in place whole. Outside of the main thread, where Python delivers no signals, it never
    requests anything.
    """

    def __init__(self) -> None:
        self._stop: int | None = None
        self._save = False
        self._idle = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            logger.warning("signals are not watched: this is not the main thread")
            return self
        for signum in STOP_SIGNALS:
            self._before[signum] = signal.signal(signum, self._request_stop)
        self._before[SAVE_SIGNAL] = signal.signal(SAVE_SIGNAL, self._request_save)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

    @property
    def requested(self) -> int | None:
        """Number of the first signal that asked to stop, or None."""
        return self._stop

    @property
    def save_requested(self) -> bool:
        """Whether a save was asked for since `save_done`."""
        return self._save

    @contextlib.contextmanager
    def nothing_to_lose(self) -> Iterator[None]:
        """While inside, the first stop signal raises `Stopped` at once: set-up and the like need not be saved."""
        self._idle = True
        try:
            if self._stop is not None:
                raise Stopped(self._stop)
            yield
        finally:
            self._idle = False

    def save_done(self) -> None:
        """The checkpoint asked for is there."""
        self._save = False

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        if self._stop is None and self._idle:
            self._stop = signum
            raise Stopped(signum)
        if self._stop is None:
            self._stop = signum
            _say(f"{signal.Signals(signum).name}: stopping after a checkpoint; once more to leave at once\n")
        else:
            _say("leaving at once\n")
            os._exit(exit_code(signum))

    def _request_save(self, signum: int, frame: FrameType | None) -> None:
        self._save = True


def _say(text: str) -> None:
    """Write past the buffers: a handler may run while one of them is being written to."""
    with contextlib.suppress(OSError):  # nobody reads any more
        os.write(2, text.encode())
