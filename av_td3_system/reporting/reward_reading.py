"""What episodes were paid for, and what the plan reads in it.

The share of a term is |sum of the term| over the sum of all terms' absolute sums: how loud each one speaks, reward or
penalty alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from av_td3_system.monitoring.names import REWARD_COMPONENTS

# What is read as what, in shares of the whole; stated beside the reading.
SAFETY_DOMINATES = 0.5
PULL_TOO_WEAK = 0.3  # efficiency and progress together: what pays for moving
COMFORT_TOO_HIGH = 0.2
STANDING_SPEED = 1.0  # m/s, mean over the episodes
THRESHOLDS = {
    "safety_dominates_above": SAFETY_DOMINATES,
    "pull_too_weak_below": PULL_TOO_WEAK,
    "comfort_too_high_above": COMFORT_TOO_HIGH,
    "hardly_moves_below_m_s": STANDING_SPEED,
}
BALANCED = "balanced"


@dataclass(frozen=True)
class RewardReading:
    """Reward terms of some episodes.

    Attributes:
        episodes: how many.
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

    @property
    def signs(self) -> list[str]:
        """The findings in two or three words each."""
        return list(_found(self.terms, self.shares, self.mean_speed))


def read_terms(lines: Sequence[Mapping[str, Any]]) -> RewardReading:
    """The reading of some lines of `episodes.jsonl`, at least one.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: a line is not of an episode.
    """
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
    """The plan's reading of the shares, in sentences; never empty."""
    said = _found(terms, shares, mean_speed)
    return list(said.values())


def thresholds_in_words() -> str:
    """From when on a share is read as what."""
    return (
        f"read as: safety dominates above {SAFETY_DOMINATES:.0%}, pull (efficiency and progress) too weak below "
        f"{PULL_TOO_WEAK:.0%} or not above 0,\ncomfort too high above {COMFORT_TOO_HIGH:.0%}, hardly moves below "
        f"{3.6 * STANDING_SPEED:.1f} km/h"
    )


def _found(terms: Mapping[str, float], shares: Mapping[str, float], mean_speed: float | None) -> dict[str, str]:
    """Sentence by sign."""
    said = {}
    if shares.get("safety", 0.0) > SAFETY_DOMINATES:
        said["safety dominates"] = (
            f"safety penalties dominate ({shares['safety']:.0%}, above {SAFETY_DOMINATES:.0%}): the policy may become "
            "over-cautious; crashes are still frequent, or reward.terminal and reward.safety_weight are too high"
        )
    pull = shares.get("progress", 0.0) + shares.get("efficiency", 0.0)
    earned = terms.get("progress", 0.0) + terms.get("efficiency", 0.0)
    if pull < PULL_TOO_WEAK or earned <= 0:
        said["pull too weak"] = (
            f"efficiency and progress are too weak (together {pull:.0%} and {earned:+.1f} an episode): the agent "
            "is not paid for getting on; look at reward.progress_weight and at how far the car comes"
        )
    if shares.get("comfort", 0.0) > COMFORT_TOO_HIGH:
        said["comfort too high"] = (
            f"comfort penalties are too high ({shares['comfort']:.0%}, above {COMFORT_TOO_HIGH:.0%}): driving slowly "
            "or not at all pays better than driving; lower reward.comfort_weight"
        )
    if mean_speed is not None and mean_speed < STANDING_SPEED:
        said["hardly moves"] = (
            f"the car hardly moves ({3.6 * mean_speed:.1f} km/h): standing costs too little, or it is stuck"
        )
    return said or {BALANCED: "balanced: progress pays, no penalty dominates"}
