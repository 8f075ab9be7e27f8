"""Signals: stop after saving, save without stopping, and leave at once when asked twice."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final

logger = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
SAVE_SIGNAL: Final = signal.SIGUSR2
GRACE: Final = 2.0  # s after the second stop signal in which the main thread may leave by itself


def exit_code(signum: int) -> int:
    """Exit code of a run that a signal stopped after saving: 130 for SIGINT, 129 for SIGHUP, else 143.

    SIGUSR1, a cluster's warning of the end of an allotment, counts as a termination.
    """
    return {signal.SIGINT: 130, signal.SIGHUP: 129}.get(signal.Signals(signum), 143)


class Stopped(BaseException):
    """A signal asked to stop where nothing had been computed yet that a checkpoint does not hold.

    No `Exception`, as KeyboardInterrupt is none: what handles errors on the way must let it pass.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class StopSignals:
    """While entered, turns signals into requests that the loop looks at whenever it can act on them.

    Enter it before the first slow thing (warm-up, evaluation, loading) so that no signal finds the run deaf. A second
    stop signal ends the process at once; checkpoints are safe then too, as they are put in place whole. A hang-up that
    is ignored from the start (`nohup`) stays ignored. Outside of the main thread, where Python delivers no signals, it
    never requests anything.

    Python runs a handler when the main thread is back from what it called. Where that never comes back (a simulator's
    server that no longer answers), a thread of its own sees the second signal and ends the process; only a call that
    also holds Python's lock is beyond it, and left to SIGKILL.
    """

    def __init__(self) -> None:
        self._stop: int | None = None
        self._save = False
        self._idle = False
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup = -1

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            logger.warning("signals are not watched: this is not the main thread")
            return self
        for signum in STOP_SIGNALS:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, self._request_stop)
        self._before[SAVE_SIGNAL] = signal.signal(SAVE_SIGNAL, self._request_save)
        self._pipe = heard, told = os.pipe()
        os.set_blocking(told, False)
        self._wakeup = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        threading.Thread(target=_leave_when_asked_twice, args=(heard,), name="signals", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()
        if self._pipe is not None:
            signal.set_wakeup_fd(self._wakeup)
            os.close(self._pipe[1])  # the thread reads the end of it, and ends
            self._pipe = None

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


def _leave_when_asked_twice(heard: int) -> None:
    """End the process if a second stop signal has not ended it within `GRACE`; one byte a signal is read."""
    stops = 0
    with open(heard, "rb", buffering=0) as numbers:
        while signum := numbers.read(1):
            stops += signum[0] in STOP_SIGNALS
            if stops >= 2:
                time.sleep(GRACE)
                _say("what is running does not come back: leaving without it\n")
                os._exit(exit_code(signum[0]))


def _say(text: str) -> None:
    """Write past the buffers: a handler may run while one of them is being written to."""
    with contextlib.suppress(OSError):  # nobody reads any more
        os.write(2, text.encode())
