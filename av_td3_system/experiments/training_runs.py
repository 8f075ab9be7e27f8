"""Many training runs, some at a time, each a process of its own: made once, gone on with where they were stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from av_td3_system.checkpointing.preemption import StopSignals, exit_code
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.run_files import FINAL_ENDS, how_it_ended

POLL = 0.5  # s between two looks at the processes
LOOK = 5.0  # s between two looks at how far they are
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Wanted:
    """A run that shall be there.

    Attributes:
        directory: where.
        arguments: of `av-td3 train`, without its directory.
        timesteps: how long it is, for the progress.
    """

    directory: Path
    arguments: tuple[str, ...]
    timesteps: int


class Interrupted(BaseException):
    """A signal came; every process has saved and ended. Carries the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def make_runs(wanted: Sequence[Wanted], jobs: int) -> list[Path]:
    """Train what has not ended yet; what a run prints goes into a file beside its directory.

    A stop signal is handed on: the runs save, and this ends when they have. The next call goes on with them.

    Args:
        wanted: all of them; those that have ended are left as they are.
        jobs: processes at a time. With several each has one thread.

    Returns:
        Those that could not be brought to an end, in order.

    Raises:
        Interrupted: a signal asked to stop.
    """
    total = sum(one.timesteps for one in wanted)
    waiting = deque(one for one in wanted if how_it_ended(one.directory) not in FINAL_ENDS)
    going: dict[Wanted, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
    failed: list[Path] = []
    looked = -LOOK
    with StopSignals() as signals, Progress(total, _done(wanted), interval=60.0) as progress:
        while waiting or going:
            while waiting and len(going) < jobs and signals.requested is None:
                one = waiting.popleft()
                going[one] = _start(one, one_thread=jobs > 1)
            if signals.requested is not None:
                _stop(going)
                raise Interrupted(exit_code(signals.requested))
            time.sleep(POLL)
            for one, (process, log) in list(going.items()):
                if process.poll() is not None:
                    log.close()
                    del going[one]
                    if how_it_ended(one.directory) not in FINAL_ENDS:
                        failed.append(one.directory)
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                progress.update(_done(wanted), f"{len(going)} running, {len(waiting)} waiting")
    return [one.directory for one in wanted if one.directory in failed]


def log_of(run: Path) -> Path:
    """Where what a run prints is kept."""
    return run.with_name(f"{run.name}.log")


def _start(one: Wanted, *, one_thread: bool) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    command = [sys.executable, "-m", "av_td3_system", "train"]
    if RunDirectory(one.directory).config.is_file():
        command += ["--resume", str(one.directory)]
    else:
        command += [*one.arguments, "--log-dir", str(one.directory)]
    environment: Mapping[str, str] = {**os.environ, **(ONE_THREAD if one_thread else {})}
    path = log_of(one.directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.open("ab")
    # A session of its own: a terminal's Ctrl-C reaches a run once, from here.
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    return process, log


def _stop(going: Mapping[Wanted, tuple[subprocess.Popen[bytes], IO[bytes]]]) -> None:
    print(f"stopping {len(going)} runs after a checkpoint each", file=sys.stderr)
    for process, _ in going.values():
        process.terminate()
    for process, log in going.values():
        process.wait()
        log.close()


def _done(wanted: Sequence[Wanted]) -> int:
    """Timesteps of all of them so far."""
    done = 0
    for one in wanted:
        if how_it_ended(one.directory) in FINAL_ENDS:
            done += one.timesteps
            continue
        lines = read_json_lines(RunDirectory(one.directory).metrics)
        steps = [line["step"] for line in lines[-1:] if isinstance(line.get("step"), int)]
        done += min(steps[0], one.timesteps) if steps else 0
    return done
