"""Hand-made episode records for tests, with figures that are easy to compute by head."""

from __future__ import annotations

from typing import Any

from av_td3_system.environments.episode import EpisodeRecord


def make_episode(**changes: Any) -> EpisodeRecord:
    """A 500 m route of which 250 m were driven in 50 s, ended by a collision, unless changed."""
    values: dict[str, Any] = {
        "episode_seed": 10_000,
        "scenario": 0,
        "town": "TownA",
        "weather": "ClearNoon",
        "route_length": 500.0,
        "outcome": "collision",
        "success": False,
        "route_completion": 0.5,
        "episode_reward": 200.0,
        "length": 500,
        "distance": 250.0,
        "time": 50.0,
        "collisions": 0,
        "lane_invasions": 0,
        "off_road": 0,
        "mean_speed": 5.0,
        "mean_lateral_deviation": 0.2,
        "reward_terms": {
            "efficiency": -5.0,
            "lane_keeping": -2.0,
            "comfort": -3.0,
            "safety": -20.0,
            "progress": 230.0,
        },
    }
    values.update(changes)
    return EpisodeRecord(**values)


def success(**changes: Any) -> EpisodeRecord:
    """A whole 500 m route driven in 100 s."""
    return make_episode(
        **{
            "outcome": "goal_reached",
            "success": True,
            "route_completion": 1.0,
            "episode_reward": 600.0,
            "distance": 500.0,
            "time": 100.0,
            "length": 1000,
            **changes,
        }
    )


def evaluation_set(reward: float, completion: float, n: int = 50, spread: float = 10.0) -> list[EpisodeRecord]:
    """`n` episodes of the fixed seeds 10 000, 10 001, ... whose mean reward is exactly `reward`."""
    return [
        make_episode(
            episode_seed=10_000 + index,
            episode_reward=reward + spread * (index - (n - 1) / 2) / n,
            route_completion=completion,
        )
        for index in range(n)
    ]
