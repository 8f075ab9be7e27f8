"""Two runs at the same timestep, such as TD3 beside its DDPG baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names
from av_td3_system.reporting.run_files import Line, RunFiles, mean_of, number

COMPARED_EPISODES = 100
_LINES = 10  # of means, whose spread of Q is averaged


@dataclass(frozen=True)
class Comparison:
    """Figures of both runs at one timestep: name -> (this run's, the other's), None where not measured."""

    other: Path
    name: str
    step: int
    figures: Mapping[str, tuple[float | None, float | None]]


def what_runs(run: RunFiles) -> str:
    """Algorithm, environment or scenario, seed."""
    settings = run.config.run
    return f"{settings.algo}, {settings.env or f'scenario {settings.scenario}'}, seed {settings.seed}"


def compare(run: RunFiles, other: RunFiles) -> Comparison:
    """Both runs at the newest timestep that both have reached.

    Raises:
        UserError: they are of different environments.
    """
    first, second = run.config.run, other.config.run
    if first.env != second.env:
        raise UserError(
            f"{other.path} is of {second.env or 'the town'}, not of {first.env or 'the town'}",
            "compare with a run of the same environment",
        )
    step = min(run.step, other.step)
    # Evaluations of a pair stand at the same step where both runs have one there.
    shared = {line["step"] for line in run.validations} & {line["step"] for line in other.validations}
    until = max((at for at in shared if at <= step), default=step)
    one, two = _at(run, step, until), _at(other, step, until)
    return Comparison(other.path, what_runs(other), step, {name: (one[name], two[name]) for name in one})


def _at(run: RunFiles, step: int, evaluated: int) -> dict[str, float | None]:
    """Figures of a run at a timestep, its evaluation at the latest at another."""
    done = [line for line in run.validations if line["step"] <= evaluated]
    summary: Line = done[-1]["summary"] if done else {}
    rewards = [reward for _, reward in run.rewards(until=step)][-COMPARED_EPISODES:]
    spread = [value for _, value in run.series(names.Q_VALUE_STD, until=step)][-_LINES:]
    return {
        "evaluation reward": number(summary, "episode_reward"),
        "success": number(summary, "success_rate"),
        "route completion": number(summary, "route_completion"),
        "training reward": mean_of(rewards),
        "Q std": mean_of(spread),
    }
