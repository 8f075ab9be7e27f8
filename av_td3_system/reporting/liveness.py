"""Does a process still write into a run directory, and is it silent for longer than it should be?"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.run_files import RunFiles, number

LEAST = 120.0  # s of silence that say nothing yet
MEDIANS, LONGEST = 10, 3  # times the usual and the longest distance between lines so far: far longer than usual
AT_THE_ENDS = 900.0  # s: before the first line kernels are compiled, after the last a film is made


@dataclass(frozen=True)
class Liveness:
    """A run's process and its last sign of life.

    Attributes:
        alive: a process holds the run's lock; None where the file system has no locks.
        pid: of that process, None where the system does not say.
        paused: it is stopped (Ctrl+Z, SIGSTOP).
        silent: seconds since the newest line of `metrics.jsonl`, or since the run began or went on after it.
        usual: seconds from one line of means to the next, the median; None without two.
        evaluating: a held-out evaluation is due that has not been recorded.
        patience: seconds of silence that are no matter for concern.
    """

    alive: bool | None
    pid: int | None
    paused: bool
    silent: float
    usual: float | None
    evaluating: bool
    patience: float

    @property
    def overdue(self) -> bool:
        """Whether the silence is far longer than usual."""
        return self.silent > self.patience


def read_liveness(run: RunFiles, now: float | None = None) -> Liveness:
    """Ask for the lock and compare the silence with the distances between lines so far.

    Args:
        run: its files.
        now: seconds since the epoch, the clock's if None.
    """
    alive = is_locked(run.directory)
    pid = lock_holder(run.directory) if alive else None
    try:
        written = run.directory.metrics.stat().st_mtime
    except FileNotFoundError:
        written = 0.0
    distances = [seconds for _, seconds in run.durations()]
    silent = (time.time() if now is None else now) - max(written, run.begun)
    return Liveness(
        alive=alive,
        pid=pid,
        paused=pid is not None and _is_paused(pid),
        silent=max(0.0, silent),
        usual=statistics.median(distances) if distances else None,
        evaluating=_is_evaluating(run),
        patience=_patience(run, distances, written <= run.begun),
    )


def _patience(run: RunFiles, distances: list[float], just_begun: bool) -> float:
    patience = max(LEAST, *(MEDIANS * statistics.median(distances), LONGEST * max(distances)) if distances else (0.0,))
    if just_begun or not distances or run.step >= run.config.run.max_timesteps:
        patience = max(patience, AT_THE_ENDS)
    if distances and _is_evaluating(run):
        # Perhaps for the first time. Its episodes one after the other at the rate of training, which learns beside,
        # take longer than any evaluation does.
        rate = sum(steps for steps, _ in run.durations()) / sum(distances)
        longest = max((number(line, "length") or 0.0 for line in run.episodes), default=0.0)
        patience += run.config.evaluation.episodes * longest / rate
    return patience


def _is_evaluating(run: RunFiles) -> bool:
    due = run.step // run.config.run.eval_freq * run.config.run.eval_freq
    return due > max((int(line["step"]) for line in run.validations), default=0)


def is_locked(directory: RunDirectory) -> bool | None:
    """Whether a process holds the lock of a run; nothing is created or changed by asking.

    Returns:
        None where the file system has no locks.
    """
    import fcntl

    try:
        with open(directory.path / ".lock", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def lock_holder(directory: RunDirectory) -> int | None:
    """Process that holds the lock of a run, where the system (Linux) lists it."""
    try:
        found = os.stat(directory.path / ".lock")
        listed = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in listed:  # 1: FLOCK ADVISORY WRITE 2265 fe:00:1507338 0 EOF
        fields = line.split()
        if "FLOCK" in fields and place in fields:
            pid = int(fields[fields.index(place) - 1])
            return pid if pid > 0 else None
    return None


def _is_paused(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
