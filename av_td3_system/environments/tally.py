"""Running sums of each world's episode, and the record they end in."""

from __future__ import annotations

import numpy as np

from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.rewards import TERMS


class EpisodeTally:
    """Sums over the open episode of each of N worlds."""

    def __init__(self, num_envs: int) -> None:
        self.reward = np.zeros(num_envs)
        self.length = np.zeros(num_envs, np.int64)
        self.terms = np.zeros((num_envs, len(TERMS)))
        self.invasions = np.zeros(num_envs, np.int64)
        self.deviation = np.zeros(num_envs)  # sum of |lateral|, m

    def clear(self, world: int) -> None:
        """Begin a new episode in one world."""
        for array in self.arrays().values():
            array[world] = 0

    def add(
        self, active: np.ndarray, reward: np.ndarray, terms: np.ndarray, invasions: np.ndarray, lateral: np.ndarray
    ) -> None:
        """Count one decision of the active worlds."""
        self.reward += np.where(active, reward, 0.0)
        self.length += active
        self.terms += np.where(active[:, None], terms, 0.0)
        self.invasions += np.where(active, invasions, 0)
        self.deviation += np.where(active, np.abs(lateral), 0.0)

    def record(
        self,
        world: int,
        *,
        outcome: str,
        episode_seed: int,
        scenario: int,
        town: str,
        weather: str,
        route_length: float,
        route_best: float,
        distance: float,
        time: float,
        vehicles: int,
    ) -> EpisodeRecord:
        """The finished episode of one world."""
        length = int(self.length[world])
        return EpisodeRecord(
            episode_seed=episode_seed,
            scenario=scenario,
            town=town,
            weather=weather,
            route_length=route_length,
            outcome=outcome,
            success=outcome == "goal_reached",
            route_completion=1.0 if outcome == "goal_reached" else min(max(route_best / route_length, 0.0), 1.0),
            episode_reward=float(self.reward[world]),
            length=length,
            distance=distance,
            time=time,
            collisions=int(outcome == "collision"),
            lane_invasions=int(self.invasions[world]),
            off_road=int(outcome == "off_road"),
            mean_speed=distance / max(time, 1e-9),
            mean_lateral_deviation=float(self.deviation[world]) / max(length, 1),
            reward_terms={name: float(total) for name, total in zip(TERMS, self.terms[world], strict=True)},
            vehicles=vehicles,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The sums by name; what must survive a restart."""
        return {
            "reward": self.reward,
            "length": self.length,
            "terms": self.terms,
            "invasions": self.invasions,
            "deviation": self.deviation,
        }
