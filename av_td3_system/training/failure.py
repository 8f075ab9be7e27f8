"""What ends a run that went well: numbers that are none, a simulator that raises, a disk that takes no more."""

from __future__ import annotations

import contextlib
import math
import shlex
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.checkpointing.disk_space import is_of_the_disk, wants_room
from av_td3_system.checkpointing.preemption import Stopped
from av_td3_system.config.errors import UserError
from av_td3_system.config.exit_codes import HALTED
from av_td3_system.environments.worlds import Observation, Worlds
from av_td3_system.evaluation.protocol import GivenUp
from av_td3_system.monitoring.alerts import Alert, make_alert


@dataclass(frozen=True)
class Failure:
    """Why a run ends before its time.

    Attributes:
        message: one sentence, what happened and when.
        exit_code: 3 halted, 4 the backend was lost.
    """

    message: str
    exit_code: int = HALTED


class NotFinite(Exception):
    """A number that is none, found before anything took it up.

    Args:
        subject: what it was found in: observation, reward, action, evaluation.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject

    def alert(self, step: int) -> Alert:
        """As the guards word it."""
        return make_alert("non_finite", "halt", step, math.nan, 0.0, subject=self.subject)


class SimulatorFailed(Exception):
    """An environment raised; its error is the cause."""

    def alert(self, step: int) -> Alert:
        """With the error and the place that it comes from."""
        cause = self.__cause__
        assert cause is not None
        frames = traceback.extract_tb(cause.__traceback__)
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        said = " ".join(str(cause).split())
        message = f"The simulator failed at step {step}: {type(cause).__name__}{': ' + said if said else ''}{place}"
        return Alert("simulator_failed", "halt", step, math.nan, 0.0, message)


def refuse_non_finite(**numbers: Any) -> None:
    """Look at numbers by the name of what they are; None is passed over.

    Raises:
        NotFinite: some are NaN or infinite.
    """
    for subject, values in numbers.items():
        if values is not None and not np.isfinite(values).all():
            raise NotFinite(subject)


def reset_finite(env: Worlds) -> Observation:
    """The first observation of new episodes in all worlds.

    Raises:
        SimulatorFailed: it raised.
        NotFinite: there is a number in it that is none.
    """
    try:
        observation, _ = env.reset()
    except Exception as error:
        raise SimulatorFailed from error
    refuse_non_finite(observation=observation["vector"])
    return observation


def step_finite(env: Worlds, actions: np.ndarray) -> tuple[Observation, np.ndarray, dict[str, Any]]:
    """What the worlds give for these actions: the next observation, rewards, infos.

    Raises:
        SimulatorFailed: one raised.
        NotFinite: there is a number in an observation, the rewards or their terms that is none.
    """
    try:
        following, rewards, _, _, infos = env.step(actions)
    except Exception as error:
        raise SimulatorFailed from error
    over = infos["_final_obs"]
    for seen, rows in ((following, slice(None)), (infos.get("final_obs", {}), over)):  # undefined beyond these rows
        for name in ("vector", "surroundings"):
            if seen.get(name) is not None:
                refuse_non_finite(observation=seen[name][rows])
    refuse_non_finite(reward=rewards)
    refuse_non_finite(reward=infos["reward_terms"])
    return following, rewards, infos


@contextlib.contextmanager
def simulator_may_fail() -> Iterator[None]:
    """While worlds are driven to be judged: what they raise, not what the disk, a signal or a setting does.

    Raises:
        SimulatorFailed: they did.
    """
    try:
        yield
    except (GivenUp, Stopped, UserError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_of_the_disk(error):
            raise
        raise SimulatorFailed from error


def disk_failure(error: OSError, step: int | None) -> Failure:
    """What the operating system refused while the run was going, at a step or (None) between two."""
    where = f": {error.filename}" if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    when = "in the middle of a remedy" if step is None else f"at step {step}"
    return Failure(f"the disk took no more {when}, so the run is halted ({reason}{where})")


def way_on(directory: Path, newest: tuple[str, int | None] | None, error: OSError | None = None) -> str:
    """What to do next: the command, and the checkpoint (name and, where known, step) that the run goes on from."""
    first = ""
    if error is not None:
        first = "free some space, then " if wants_room(error) else "mend the disk or its permissions, then "
    if newest is None:
        return f"{first}begin anew with another --log-dir: there is no checkpoint yet"
    at = "" if newest[1] is None else f" (step {newest[1]})"
    return f"{first}av-td3 train --resume {shlex.quote(str(directory))} goes on from {newest[0]}{at}"
