"""The record of one finished episode: the unit that every measure is computed from.

`summarise` (evaluation), the gate (ladder), the reward reading (reporting) and the log all read
these records and nothing else, so a figure means the same thing wherever it is printed. Terms are
defined in the project's measures; the success predicate lives in one place, the environment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

OUTCOMES = (
    "goal_reached",
    "collision",
    "off_road",
    "wrong_way",
    "stuck",
    "time_limit",
    "simulator_failure",
)
"""How an episode can end. A crash of the simulator is an outcome, counted and never dropped."""


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """What one episode was and how it went.

    Attributes:
        episode_seed: fixes route, traffic, weather and start; the pairing key of comparisons. Of an episode drawn by a
            curriculum the stage does so, too.
        scenario: 0, 1 or 2 (20, 50 or 100 other vehicles).
        town: name of the map.
        weather: name of the weather preset.
        route_length: m along the route, above 0.
        outcome: one of `OUTCOMES`.
        success: the success predicate (goal reached in time, no collision, no departure).
        route_completion: greatest arc length reached / route length, in [0, 1].
        episode_reward: undiscounted sum of rewards.
        length: decisions taken, at least 1 unless the simulator failed.
        distance: m driven.
        time: simulated seconds.
        collisions: first contacts (edges).
        lane_invasions: marking crossings (edges).
        off_road: departures from the drivable road (edges).
        mean_speed: m/s.
        mean_lateral_deviation: mean absolute distance to the route's curve, m.
        reward_terms: weighted sum of each reward term over the episode.
        vehicles: other vehicles that drove, parked ones not counted; None in records of before this was noted.
    """

    episode_seed: int
    scenario: int
    town: str
    weather: str
    route_length: float
    outcome: str
    success: bool
    route_completion: float
    episode_reward: float
    length: int
    distance: float
    time: float
    collisions: int
    lane_invasions: int
    off_road: int
    mean_speed: float
    mean_lateral_deviation: float
    reward_terms: dict[str, float]
    vehicles: int | None = None

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome {self.outcome!r} is not one of {', '.join(OUTCOMES)}")
        if self.success and self.outcome != "goal_reached":
            raise ValueError(f"an episode that ended in {self.outcome} is no success")
        if not (math.isfinite(self.route_completion) and 0.0 <= self.route_completion <= 1.0):
            raise ValueError(f"route_completion {self.route_completion} is outside [0, 1]")

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpisodeRecord:
        """Read a record back; keys that are no field (such as the `step` of a log line) are ignored.

        Raises:
            ValueError: a field is missing or impossible.
        """
        missing = [field.name for field in fields(cls) if field.name not in values and field.default is MISSING]
        if missing:
            raise ValueError(f"episode record lacks {', '.join(missing)}")
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        for name in ("episode_reward", "distance", "mean_speed", "mean_lateral_deviation", "route_completion"):
            if known.get(name, 0.0) is None:  # JSON's word for what was not finite
                known[name] = math.nan
        known["reward_terms"] = {str(name): float(total) for name, total in dict(known["reward_terms"]).items()}
        return cls(**known)
