"""The measures of a set of episodes, computed from their records alone.

One function for trainer, evaluator, gate and tables: a figure of the same name is the same figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from av_td3_system.environments.episode import OUTCOMES, EpisodeRecord
from av_td3_system.evaluation.statistics import rate_per_km, wilson_interval

KMH = 3.6  # km/h in one m/s


def summarise(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Measures over episodes; a crash of the simulator counts as an episode that failed.

    Args:
        records: at least one episode.

    Returns:
        `n_episodes`; `episode_reward` (mean of undiscounted sums) with `_std` (over episodes, n - 1),
        `_min`, `_max`; `success_rate` with `success_rate_interval` (95 % Wilson); `route_completion`
        in [0, 1] with `_std`; `collisions_per_km`, `lane_invasions_per_km`, `off_road_per_km` (pooled;
        None before anything was driven) and `collisions_per_km_upper` (95 % two-sided Poisson);
        `distance_km`; `average_speed` km/h over all distance and time (None without time);
        `completion_time` s over successes (None without one); `lateral_deviation` m, weighted by
        distance (None without distance); `episode_length` decisions; `outcomes` (all seven counts);
        `reward_terms` (mean sum per episode). No NaN: the result is valid JSON.

    Raises:
        ValueError: no record.
    """
    if not records:
        raise ValueError("nothing to summarise: no episode")
    n = len(records)
    rewards = np.array([record.episode_reward for record in records])
    completion = np.array([record.route_completion for record in records])
    metres = sum(record.distance for record in records)
    seconds = sum(record.time for record in records)
    success = wilson_interval(sum(record.success for record in records), n)
    times = [record.time for record in records if record.success]
    outcomes = Counter(record.outcome for record in records)
    return {
        "n_episodes": n,
        "episode_reward": float(rewards.mean()),
        "episode_reward_std": float(rewards.std(ddof=1)) if n > 1 else 0.0,
        "episode_reward_min": float(rewards.min()),
        "episode_reward_max": float(rewards.max()),
        "success_rate": success.value,
        "success_rate_interval": [success.low, success.high],
        "route_completion": float(completion.mean()),
        "route_completion_std": float(completion.std(ddof=1)) if n > 1 else 0.0,
        **_rates(records, metres),
        "distance_km": metres / 1000,
        "average_speed": KMH * metres / seconds if seconds > 0 else None,
        "completion_time": float(np.mean(times)) if times else None,
        "lateral_deviation": _weighted_deviation(records, metres),
        "episode_length": float(np.mean([record.length for record in records])),
        "outcomes": {outcome: outcomes[outcome] for outcome in OUTCOMES},
        "reward_terms": _mean_terms(records),
    }


def in_words(summary: Mapping[str, Any]) -> str:
    """The heart of a summary on one line; what was not measured is left out."""
    words = [f"reward {summary['episode_reward']:.1f}"]
    for name, word in (("success_rate", "success"), ("route_completion", "completion")):
        if summary[name] is not None:
            words.append(f"{word} {summary[name]:.2f}")
    return " ".join([*words, f"n {summary['n_episodes']}"])


def _rates(records: Sequence[EpisodeRecord], metres: float) -> dict[str, float | None]:
    if metres <= 0:
        names = ("collisions_per_km", "collisions_per_km_upper", "lane_invasions_per_km", "off_road_per_km")
        return dict.fromkeys(names)
    collisions = rate_per_km(sum(record.collisions for record in records), metres)
    return {
        "collisions_per_km": collisions.value,
        "collisions_per_km_upper": collisions.high,
        "lane_invasions_per_km": rate_per_km(sum(record.lane_invasions for record in records), metres).value,
        "off_road_per_km": rate_per_km(sum(record.off_road for record in records), metres).value,
    }


def _weighted_deviation(records: Sequence[EpisodeRecord], metres: float) -> float | None:
    if metres <= 0:
        return None
    return sum(record.mean_lateral_deviation * record.distance for record in records) / metres


def _mean_terms(records: Sequence[EpisodeRecord]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record.reward_terms)
    return {name: sum(record.reward_terms.get(name, 0.0) for record in records) / len(records) for name in names}
