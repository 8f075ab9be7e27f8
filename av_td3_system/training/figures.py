"""What a run records of its decisions and episodes beyond actions and rewards: the town's figures, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.monitoring import names

YAW_RATE_COLUMN = 1  # of the vector observation


class Figures(Protocol):
    """Figures of one kind of worlds."""

    def decision(self, vector: np.ndarray, infos: Mapping[str, Any]) -> dict[str, float]:
        """What guards get to see of one decision of all worlds."""

    def interval(self) -> dict[str, float]:
        """Figures of a metric line, over the decisions since the last."""

    def episode(self, record: Any) -> dict[str, float]:
        """Figures of a finished episode beyond its reward and length."""

    def note(self, records: Sequence[Any]) -> list[str]:
        """Words for the progress line about the last episodes (at least one)."""

    def state_dict(self) -> dict[str, Any]:
        """What has been summed since the last line."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state."""


class TownFigures:
    """What the car does and what it is paid for."""

    def __init__(self, config: Config) -> None:
        self._yaw_rate_scale = config.environment.yaw_rate_scale
        self._terms = np.zeros(len(names.REWARD_COMPONENTS))  # sum of |term| since the last line

    def decision(self, vector: np.ndarray, infos: Mapping[str, Any]) -> dict[str, float]:
        """Mean speed (m/s) and absolute yaw rate (rad/s)."""
        self._terms += np.abs(infos["reward_terms"]).sum(axis=0)
        return {
            names.SPEED: float(infos["speed"].mean()),
            names.YAW_RATE: float(np.abs(vector[:, YAW_RATE_COLUMN]).mean()) * self._yaw_rate_scale,
        }

    def interval(self) -> dict[str, float]:
        """Each reward term's share."""
        total, terms = self._terms.sum(), self._terms.copy()
        self._terms[:] = 0.0
        if not total > 0:
            return {}
        shares = terms / total
        return {names.REWARD_SHARES[t]: float(s) for t, s in zip(names.REWARD_COMPONENTS, shares, strict=True)}

    def episode(self, record: Any) -> dict[str, float]:
        """Success, contacts, and the sum of each reward term."""
        values = {
            names.SUCCESS: float(record.success),
            names.COLLISIONS_PER_EPISODE: float(record.collisions),
            names.LANE_INVASIONS_PER_EPISODE: float(record.lane_invasions),
        }
        return values | {names.REWARDS[term]: total for term, total in record.reward_terms.items()}

    def note(self, records: Sequence[Any]) -> list[str]:
        """Route completion."""
        return [f"completion {np.mean([record.route_completion for record in records]):.2f}"]

    def state_dict(self) -> dict[str, Any]:
        """Sums of the reward terms since the last line."""
        return {"terms": self._terms.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state."""
        self._terms[:] = np.asarray(state["terms"])


class NoFigures:
    """Of an environment that is known by its rewards alone."""

    def decision(self, vector: np.ndarray, infos: Mapping[str, Any]) -> dict[str, float]:
        """Nothing."""
        return {}

    def interval(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def episode(self, record: Any) -> dict[str, float]:
        """Nothing."""
        return {}

    def note(self, records: Sequence[Any]) -> list[str]:
        """Nothing."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


def figures_of(config: Config) -> Figures:
    """Those of the worlds that a run learns in."""
    return TownFigures(config) if config.run.env is None else NoFigures()
