"""Many training runs, some at a time, each a process of its own: made once, gone on with where they were stopped."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.manifest import read_manifest
from av_td3_system.checkpointing.preemption import StopSignals, exit_code
from av_td3_system.experiments.run_process import FoundProcess, OwnProcess, RunProcess, found_at_work
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.run_files import FINAL_ENDS, how_it_ended

POLL = 0.5  # s between two looks at the processes
LOOK = 5.0  # s between two looks at how far they are


@dataclass(frozen=True)
class GoBack:
    """What a run shall go back to before it goes on.

    Attributes:
        checkpoint: of the run; what came after it is no longer gone on from.
        settings: `section.setting=value`, from there on.
        time: 1 for the first time that this run goes back, 2 for the second ...
    """

    checkpoint: Path
    settings: tuple[str, ...]
    time: int = 1


@dataclass(frozen=True)
class Wanted:
    """A run that shall be there.

    Attributes:
        directory: where.
        arguments: of `av-td3 train`, without its directory and schedule.
        timesteps: how long it is. One that was completed with fewer is gone on with.
        schedule: flags that say the same to `av-td3 train`, and what falls due when; given again when it goes on.
        back: where it goes on from, None for where it stands.
    """

    directory: Path
    arguments: tuple[str, ...]
    timesteps: int
    schedule: tuple[str, ...] = ()
    back: GoBack | None = None


class Interrupted(BaseException):
    """A signal came; every process has saved and ended. Carries the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def make_runs(
    wanted: Sequence[Wanted], jobs: int, note: str = "", watch: Callable[[], object] = lambda: None
) -> list[Path]:
    """Train what has not ended yet; what a run prints goes into a file beside its directory.

    A stop signal is handed on: the runs save, and this ends when they have. The next call goes on with them. A run
    that a process of an earlier, killed call still trains is waited for.

    Args:
        wanted: all of them; those that have ended are left as they are.
        jobs: processes at a time. With several each has one thread.
        note: a few words for the progress.
        watch: called every few seconds, and when all have ended.

    Returns:
        Those that could not be brought to an end, in order.

    Raises:
        Interrupted: a signal asked to stop.
    """
    total = sum(one.timesteps for one in wanted)
    waiting = deque(one for one in wanted if not has_ended(one))
    going: dict[Wanted, RunProcess] = {}
    failed: list[Path] = []
    looked = -LOOK
    with StopSignals() as signals, Progress(total, _done(wanted), interval=60.0) as progress:
        while waiting or going:
            while waiting and len(going) < jobs and signals.requested is None:
                one = waiting.popleft()
                going[one] = found_at_work(one.directory) or _start(one, one_thread=jobs > 1)
            if signals.requested is not None:
                _stop(going)
                raise Interrupted(exit_code(signals.requested))
            time.sleep(POLL)
            for one, process in [(one, process) for one, process in going.items() if process.is_over()]:
                del going[one]
                if has_ended(one):
                    continue
                if isinstance(process, FoundProcess):
                    waiting.appendleft(one)  # how far it was to go, and why it ended, nobody here knows
                else:
                    failed.append(one.directory)
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                watch()
                told = f"{len(going)} running, {len(waiting)} waiting"
                progress.update(_done(wanted), f"{note}, {told}" if note else told)
        watch()
        if signals.requested is not None:  # since the last look, when nothing ran any more
            raise Interrupted(exit_code(signals.requested))
    return [one.directory for one in wanted if one.directory in failed]


def has_ended(one: Wanted) -> bool:
    """Whether nothing is left to do: it has all its timesteps, or it came to another end that is one for good.

    A run that was halted since the disk took no more is not at an end: it goes on once there is room.
    """
    if _is_to_go_back(one):
        return False
    how = how_it_ended(one.directory)
    if how == "completed":
        reached = results_of(one.directory).get("env_steps")
        return isinstance(reached, int) and reached >= one.timesteps
    return how in FINAL_ENDS and not halted_by_the_disk(one.directory)


def _is_to_go_back(one: Wanted) -> bool:
    """Whether it has not done so yet: its manifest tells of fewer times that it went on from a checkpoint by name.

    The settings say nothing of it, since a remedy of the run may change the same ones.
    """
    if one.back is None:
        return False
    resumes = read_manifest(RunDirectory(one.directory).manifest).get("resumes") or []
    done = sum(any(str(part).endswith(".pt") for part in resume.get("command", ())) for resume in resumes)
    return done < one.back.time


def halted_by_the_disk(run: Path) -> bool:
    """Whether a run was halted since the disk took no more."""
    return how_it_ended(run) == "halted" and "reason" in results_of(run)


def results_of(run: Path) -> dict[str, Any]:
    """`results.json` of a run's newest end, empty where it has none."""
    try:
        found = json.loads(RunDirectory(run).results_json.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def log_of(run: Path) -> Path:
    """Where what a run prints is kept."""
    return run.with_name(f"{run.name}.log")


def _start(one: Wanted, *, one_thread: bool) -> RunProcess:
    place = str(one.directory)
    begun = RunDirectory(one.directory).config.is_file()
    if one.back is not None and _is_to_go_back(one):
        arguments = ("--resume", str(one.back.checkpoint), "--set", *one.back.settings)
    else:
        arguments = ("--resume", place) if begun else (*one.arguments, "--log-dir", place)
    return OwnProcess([*arguments, *one.schedule], log_of(one.directory), one_thread=one_thread)


def _stop(going: Mapping[Wanted, RunProcess]) -> None:
    print(f"stopping {len(going)} runs after a checkpoint each", file=sys.stderr)
    for process in going.values():
        process.stop()
    for process in going.values():
        process.wait()


def _done(wanted: Sequence[Wanted]) -> int:
    """Timesteps of all of them so far."""
    done = 0
    for one in wanted:
        if has_ended(one):
            done += one.timesteps
            continue
        lines = read_json_lines(RunDirectory(one.directory).metrics)
        steps = [line["step"] for line in lines[-1:] if isinstance(line.get("step"), int)]
        done += min(steps[0], one.timesteps) if steps else 0
    return done
