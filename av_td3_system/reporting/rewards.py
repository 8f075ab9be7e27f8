"""`av-td3 rewards`: what the agent is paid for, and what that makes it do.

Reads `episodes.jsonl` of a run directory and nothing else. The share of a term is |sum of the term|
over the sum of all terms' absolute sums: how loud each one speaks, reward or penalty alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.names import REWARD_COMPONENTS

LAST_EPISODES = 50
# What is read as what, in shares of the whole; stated beside the reading.
SAFETY_DOMINATES = 0.5
PULL_TOO_WEAK = 0.3  # efficiency and progress together: what pays for moving
COMFORT_TOO_HIGH = 0.2
STANDING_SPEED = 1.0  # m/s, mean over the episodes


@dataclass(frozen=True)
class RewardReading:
    """Reward terms of a run.

    Attributes:
        episodes: how many were read.
        first_step: timestep at which the first of them ended.
        last_step: and the last.
        episode_reward: mean.
        mean_speed: m/s, mean over episodes weighted by time, None where not recorded.
        terms: mean sum per episode.
        shares: in [0, 1], summing to 1 (all 0 where nothing was paid).
        findings: what the shares mean, one sentence each.
    """

    episodes: int
    first_step: int
    last_step: int
    episode_reward: float
    mean_speed: float | None
    terms: Mapping[str, float]
    shares: Mapping[str, float]
    findings: Sequence[str]


def read_rewards(run: Path, last: int = LAST_EPISODES) -> RewardReading:
    """Terms over the last episodes of a run.

    Args:
        run: run directory.
        last: episodes, at least 1.

    Raises:
        UserError: no run, or no finished episode in it.
    """
    if not run.is_dir():
        raise UserError(f"{run} is not a run directory", "give the --log-dir of a run")
    if last < 1:
        raise UserError(f"--last is {last}, but must be at least 1")
    episodes = read_json_lines(run / "episodes.jsonl")
    lines = [line for line in episodes if isinstance(line.get("reward_terms"), dict)]
    if not lines and any("env" in line for line in episodes):
        raise UserError(f"{run} is of {episodes[-1].get('env')}, whose reward has no terms", "av-td3 track shows it")
    if not lines:
        raise UserError(f"{run} holds no finished episode", "wait for the first, or look into train.log")
    try:
        return _reading(lines[-last:])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{run / 'episodes.jsonl'} holds a line that is not an episode ({error})",
            "was the file edited, or written by another version?",
        ) from error


def _reading(lines: Sequence[Mapping[str, Any]]) -> RewardReading:
    names = [name for name in REWARD_COMPONENTS if any(name in line["reward_terms"] for line in lines)]
    terms = {name: sum(line["reward_terms"].get(name) or 0.0 for line in lines) / len(lines) for name in names}
    total = sum(abs(value) for value in terms.values())
    shares = {name: abs(value) / total if total > 0 else 0.0 for name, value in terms.items()}
    seconds = sum(line.get("time") or 0.0 for line in lines)
    speed = sum(line.get("distance") or 0.0 for line in lines) / seconds if seconds > 0 else None
    return RewardReading(
        episodes=len(lines),
        first_step=int(lines[0].get("step", 0)),
        last_step=int(lines[-1].get("step", 0)),
        episode_reward=sum(line["episode_reward"] or 0.0 for line in lines) / len(lines),
        mean_speed=speed,
        terms=terms,
        shares=shares,
        findings=findings(terms, shares, speed),
    )


def findings(terms: Mapping[str, float], shares: Mapping[str, float], mean_speed: float | None) -> list[str]:
    """The plan's reading of the shares, in words; never empty."""
    said = []
    if shares.get("safety", 0.0) > SAFETY_DOMINATES:
        said.append(
            f"safety penalties dominate ({shares['safety']:.0%}, above {SAFETY_DOMINATES:.0%}): the policy may become "
            "over-cautious; crashes are still frequent, or reward.terminal and reward.safety_weight are too high"
        )
    pull = shares.get("progress", 0.0) + shares.get("efficiency", 0.0)
    earned = terms.get("progress", 0.0) + terms.get("efficiency", 0.0)
    if pull < PULL_TOO_WEAK or earned <= 0:
        said.append(
            f"efficiency and progress are too weak (together {pull:.0%} and {earned:+.1f} an episode): the agent "
            "is not paid for getting on; look at reward.progress_weight and at how far the car comes"
        )
    if shares.get("comfort", 0.0) > COMFORT_TOO_HIGH:
        said.append(
            f"comfort penalties are too high ({shares['comfort']:.0%}, above {COMFORT_TOO_HIGH:.0%}): driving slowly "
            "or not at all pays better than driving; lower reward.comfort_weight"
        )
    if mean_speed is not None and mean_speed < STANDING_SPEED:
        said.append(f"the car hardly moves ({3.6 * mean_speed:.1f} km/h): standing costs too little, or it is stuck")
    return said or ["balanced: progress pays, no penalty dominates"]


def render(reading: RewardReading) -> str:
    """The reading as a table and sentences."""
    lines = [
        f"{reading.episodes} episodes that ended at steps {reading.first_step} to {reading.last_step}, "
        f"mean episode reward {reading.episode_reward:.2f}",
        f"{'term':<14}{'per episode':>12}{'share':>8}",
    ]
    lines += [f"{name:<14}{value:>12.2f}{reading.shares[name]:>8.1%}" for name, value in reading.terms.items()]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in reading.findings)])


def run_rewards(run: Path, last: int = LAST_EPISODES, as_json: bool = False) -> int:
    """Print the reading of a run to standard output; returns the exit code 0.

    Raises:
        UserError: see `read_rewards`.
    """
    reading = read_rewards(run, last)
    print(json.dumps(asdict(reading), indent=2) if as_json else render(reading))
    return 0
