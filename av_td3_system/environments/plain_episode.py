"""The record of one finished episode of an environment of which nothing is known but its rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

UNMEASURED = ("success_rate", "success_rate_interval", "route_completion", "collisions_per_km")
"""What a summary of the town's episodes has and one of these cannot have: None."""


@dataclass(frozen=True, slots=True)
class PlainEpisode:
    """What one episode was.

    Attributes:
        episode_seed: that it was reset with.
        env: name of the environment.
        outcome: terminated (the return ended) or truncated (cut, most often by a time limit).
        episode_reward: undiscounted sum of rewards.
        length: decisions taken.
    """

    episode_seed: int
    env: str
    outcome: Literal["terminated", "truncated"]
    episode_reward: float
    length: int

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, ready for JSON."""
        return asdict(self)


def summarise_plain(records: Sequence[PlainEpisode]) -> dict[str, Any]:
    """Measures over episodes, named as in `evaluation.metrics.summarise`; what is of the town alone is None.

    Raises:
        ValueError: no record.
    """
    if not records:
        raise ValueError("nothing to summarise: no episode")
    rewards = np.array([record.episode_reward for record in records])
    return {
        "n_episodes": len(records),
        "episode_reward": float(rewards.mean()),
        "episode_reward_std": float(rewards.std(ddof=1)) if len(records) > 1 else 0.0,
        "episode_reward_min": float(rewards.min()),
        "episode_reward_max": float(rewards.max()),
        "episode_length": float(np.mean([record.length for record in records])),
        "terminated": sum(record.outcome == "terminated" for record in records),
        **dict.fromkeys(UNMEASURED),
    }
