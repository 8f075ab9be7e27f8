"""One training run as a process: started here, or found at work since whoever started it was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.liveness import is_locked, lock_holder

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
LOOK = 0.5  # s between two looks at a process that is not a child of this one


class RunProcess(Protocol):
    """A process that trains."""

    def is_over(self) -> bool:
        """Whether it has ended."""
        ...

    def stop(self) -> None:
        """Ask it to save and end."""
        ...

    def wait(self) -> None:
        """Come back when it has ended."""
        ...


class OwnProcess:
    """A child of this process.

    Args:
        arguments: of `av-td3 train`.
        log: file that what it prints is added to.
        one_thread: it is one of several that share the cores.
    """

    def __init__(self, arguments: Sequence[str], log: Path, *, one_thread: bool) -> None:
        environment: Mapping[str, str] = {**os.environ, **(ONE_THREAD if one_thread else {})}
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("ab")
        # A session of its own: a terminal's Ctrl-C reaches a run once, from here.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "av_td3_system", "train", *arguments],
            stdout=self._log,
            stderr=self._log,
            env=environment,
            start_new_session=True,
        )

    def is_over(self) -> bool:
        """Whether it has ended."""
        if self._process.poll() is None:
            return False
        self._log.close()
        return True

    def stop(self) -> None:
        """Ask it to save and end."""
        self._process.terminate()

    def wait(self) -> None:
        """Come back when it has ended."""
        self._process.wait()
        self._log.close()


class FoundProcess:
    """Whoever holds the lock of a run: what a killed command had started trains on, and is not disturbed.

    Args:
        run: directory of the run.
    """

    def __init__(self, run: Path) -> None:
        self._run = RunDirectory(run)

    def is_over(self) -> bool:
        """Whether nobody holds the lock any more."""
        return not is_locked(self._run)

    def stop(self) -> None:
        """Ask it to save and end, where the system says who it is."""
        holder = lock_holder(self._run)
        if holder is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(holder, signal.SIGTERM)

    def wait(self) -> None:
        """Come back when the lock is free, at once where nobody can be asked to let go of it."""
        while lock_holder(self._run) is not None and not self.is_over():
            time.sleep(LOOK)


def found_at_work(run: Path) -> FoundProcess | None:
    """The process that trains in a directory, if there is one."""
    return FoundProcess(run) if is_locked(RunDirectory(run)) else None
